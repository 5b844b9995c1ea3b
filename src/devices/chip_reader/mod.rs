//! Chip readers: PC/SC for real ones, one in process for software passports, and recordings.
mod in_process;
mod pcsc;
mod recorded;

pub use in_process::{CardSlot, InProcessReader};
pub use pcsc::PcscReader;
pub use recorded::{Exchange, RecordedCard};

use super::{Card, CardFault};
use crate::chip::{ChipError, ChipReading, ChipSession, Next};
use std::time::Instant;

/// Carries a session out on a card, to its end.
///
/// # Errors
/// The session's; a card that is gone is [`ChipError::Lost`].
pub fn read_chip(card: &mut dyn Card, session: &mut ChipSession) -> Result<ChipReading, ChipError> {
    // Ends: the session bounds its exchanges.
    loop {
        match session.next() {
            Next::Done(result) => return result,
            Next::Transmit(command) => {
                let sent = Instant::now();
                let answer = card.transmit(&command);
                let answer = answer.as_deref().map_err(CardFault::to_string);
                session.answer(answer, sent.elapsed());
            }
            Next::Reconnect => {
                let asked = Instant::now();
                let answer = card.reset().map_err(|fault| fault.to_string());
                session.answer(answer.map(|()| &[][..]), asked.elapsed());
            }
        }
    }
}
