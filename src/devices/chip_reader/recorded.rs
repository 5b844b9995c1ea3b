//! A chip that is a recording: it gives the answers of before to the commands of before, in order.
//!
//! A command that is not the recorded one gets no answer: a recording that does not fit the code must never
//! look like a good document.

use crate::devices::{Card, CardFault};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One command and what came back. An empty command is a reset of the chip, which has an empty answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Command APDU, hexadecimal.
    pub command: String,
    /// Answer APDU, hexadecimal, or the fault in words.
    pub answer: Result<String, String>,
    /// Microseconds from one to the other.
    pub took_us: u64,
}

impl Exchange {
    /// What was sent and what came back.
    pub fn new(command: &[u8], answer: &Result<Vec<u8>, String>, took: Duration) -> Exchange {
        Exchange {
            command: hex::encode(command),
            answer: answer.as_ref().map(hex::encode).map_err(Clone::clone),
            took_us: took.as_micros().try_into().unwrap_or(u64::MAX),
        }
    }
}

/// The chip.
pub struct RecordedCard {
    exchanges: std::vec::IntoIter<Exchange>,
}

impl RecordedCard {
    /// A chip that answers as these exchanges say.
    pub fn new(exchanges: Vec<Exchange>) -> RecordedCard {
        RecordedCard { exchanges: exchanges.into_iter() }
    }

    /// The answer, or the recorded words for there being none, and how long it took then.
    pub fn answer(&mut self, command: &[u8]) -> (Result<Vec<u8>, String>, Duration) {
        let Some(exchange) = self.exchanges.next() else {
            return (Err("no chip answered".to_owned()), Duration::ZERO);
        };
        let answer = if exchange.command == hex::encode(command) {
            exchange.answer.and_then(|answer| hex::decode(answer).map_err(|error| error.to_string()))
        } else {
            Err("the recorded exchange has another command".to_owned())
        };
        (answer, Duration::from_micros(exchange.took_us))
    }
}

impl Card for RecordedCard {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardFault> {
        self.answer(command).0.map_err(CardFault::Reader)
    }

    fn reset(&mut self) -> Result<(), CardFault> {
        self.transmit(&[]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_only_what_was_asked_then_and_in_that_order() {
        let took = Duration::from_millis(3);
        let recording = vec![
            Exchange::new(&[0, 0x84, 0, 0, 8], &Ok(vec![0x90, 0]), took),
            Exchange::new(&[], &Ok(Vec::new()), took),
            Exchange::new(&[1], &Err("gone".to_owned()), took),
            Exchange::new(&[2], &Ok(vec![0x90, 0]), took),
        ];
        let mut card = RecordedCard::new(recording);
        assert_eq!(card.answer(&[0, 0x84, 0, 0, 8]), (Ok(vec![0x90, 0]), took));
        assert_eq!(card.reset(), Ok(()));
        assert_eq!(card.transmit(&[1]), Err(CardFault::Reader("gone".to_owned())));
        assert!(card.transmit(&[3]).is_err(), "another command");
        assert!(card.transmit(&[2]).is_err(), "the recording has ended");
    }
}
