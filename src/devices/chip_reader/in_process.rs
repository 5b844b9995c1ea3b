//! A reader without hardware: whoever holds the [`CardSlot`] puts software passports into the field of
//! the [`InProcessReader`] and takes them away, at any moment.

use crate::devices::card::SoftwarePassport;
use crate::devices::{Card, CardFault, ChipReader};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a chip that has left the field is waited for.
const RETURN_PATIENCE: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Field {
    passport: Option<SoftwarePassport>,
    /// Rises with every change, so that a card taken away and put back is another one.
    changes: u64,
    /// The reader itself was unplugged.
    unplugged: bool,
}

#[derive(Default)]
struct Shared {
    field: Mutex<Field>,
    changed: Condvar,
}

impl Shared {
    fn field(&self) -> MutexGuard<'_, Field> {
        self.field.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the field is filled or empty as wished; the field then, or `None` after `patience`.
    fn wait(&self, filled: bool, patience: Duration) -> Result<Option<MutexGuard<'_, Field>>, CardFault> {
        let (field, _) = self
            .changed
            .wait_timeout_while(self.field(), patience, |field| {
                !field.unplugged && field.passport.is_some() != filled
            })
            .unwrap_or_else(PoisonError::into_inner);
        if field.unplugged {
            return Err(CardFault::Reader("unplugged".to_owned()));
        }
        Ok((field.passport.is_some() == filled).then_some(field))
    }
}

/// The other side of the reader: the place where a document lies. The default is an empty one.
#[derive(Clone, Default)]
pub struct CardSlot(Arc<Shared>);

impl CardSlot {
    /// Puts a passport into the field; one that lies there is taken away before.
    pub fn insert(&self, passport: SoftwarePassport) {
        self.change(Some(passport));
    }

    /// Takes the passport away and gives it back, if one lay there. A command under way is answered;
    /// the next is not.
    pub fn remove(&self) -> Option<SoftwarePassport> {
        self.change(None)
    }

    /// Pulls the reader's plug, or puts it in again. What lies on it goes on lying there.
    pub fn unplug(&self, unplugged: bool) {
        let mut field = self.0.field();
        field.changes += 1;
        field.unplugged = unplugged;
        drop(field);
        self.0.changed.notify_all();
    }

    /// A reader of what is laid here.
    pub fn reader(&self) -> InProcessReader {
        InProcessReader(self.0.clone())
    }

    fn change(&self, passport: Option<SoftwarePassport>) -> Option<SoftwarePassport> {
        let mut field = self.0.field();
        field.changes += 1;
        let before = std::mem::replace(&mut field.passport, passport);
        drop(field);
        self.0.changed.notify_all();
        before
    }
}

/// The reader.
pub struct InProcessReader(Arc<Shared>);

impl InProcessReader {
    /// A reader with an empty field, and the place to put documents.
    pub fn new() -> (InProcessReader, CardSlot) {
        let slot = CardSlot::default();
        (slot.reader(), slot)
    }
}

impl ChipReader for InProcessReader {
    fn wait_for_card(&mut self, patience: Duration) -> Result<Option<Box<dyn Card>>, CardFault> {
        let Some(mut field) = self.0.wait(true, patience)? else { return Ok(None) };
        if let Some(passport) = &mut field.passport {
            passport.reset();
        }
        Ok(Some(Box::new(InProcessCard { shared: self.0.clone(), change: field.changes })))
    }

    fn wait_for_removal(&mut self, patience: Duration) -> Result<bool, CardFault> {
        Ok(self.0.wait(false, patience)?.is_some())
    }
}

/// The passport that lay in the field at one moment.
struct InProcessCard {
    shared: Arc<Shared>,
    change: u64,
}

impl Card for InProcessCard {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardFault> {
        let exchange = {
            let mut field = self.shared.field();
            let present = field.changes == self.change && !field.unplugged;
            let passport = field.passport.as_mut().filter(|_| present).ok_or(CardFault::Removed)?;
            passport.exchange(command)
        };
        if !exchange.took.is_zero() {
            thread::sleep(exchange.took);
        }
        exchange.answer.ok_or(CardFault::Removed)
    }

    fn reset(&mut self) -> Result<(), CardFault> {
        let mut field = self.shared.wait(true, RETURN_PATIENCE)?.ok_or(CardFault::Removed)?;
        self.change = field.changes;
        field.passport.as_mut().ok_or(CardFault::Removed)?.reset();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SELECT: [u8; 12] = [0, 0xA4, 4, 0x0C, 7, 0xA0, 0, 0, 2, 0x47, 0x10, 1];

    fn passport() -> SoftwarePassport {
        SoftwarePassport::new(BTreeMap::new(), "L898902C<369080619406236", 1)
    }

    #[test]
    fn a_card_taken_away_is_lost_even_when_another_is_put_in() {
        let (mut reader, slot) = InProcessReader::new();
        assert!(reader.wait_for_card(Duration::ZERO).unwrap().is_none());
        assert!(reader.wait_for_removal(Duration::ZERO).unwrap());
        slot.insert(passport());
        let mut card = reader.wait_for_card(Duration::ZERO).unwrap().unwrap();
        assert_eq!(card.transmit(&SELECT), Ok(vec![0x90, 0]));
        assert!(!reader.wait_for_removal(Duration::ZERO).unwrap());
        assert!(slot.remove().is_some());
        assert_eq!(card.transmit(&SELECT), Err(CardFault::Removed));
        assert_eq!(card.reset(), Err(CardFault::Removed));
        slot.insert(passport());
        assert_eq!(card.transmit(&SELECT), Err(CardFault::Removed));
        assert_eq!(card.reset(), Ok(()));
        assert_eq!(card.transmit(&SELECT), Ok(vec![0x90, 0]));
    }

    #[test]
    fn a_reader_that_was_unplugged_is_a_fault_and_works_again_when_it_is_back() {
        let (mut reader, slot) = InProcessReader::new();
        slot.insert(passport());
        let mut card = reader.wait_for_card(Duration::ZERO).unwrap().unwrap();
        slot.unplug(true);
        assert_eq!(card.transmit(&SELECT), Err(CardFault::Removed));
        assert!(matches!(reader.wait_for_card(Duration::ZERO), Err(CardFault::Reader(_))));
        assert!(matches!(reader.wait_for_removal(Duration::ZERO), Err(CardFault::Reader(_))));
        slot.unplug(false);
        assert!(reader.wait_for_card(Duration::ZERO).unwrap().is_some());
    }

    #[test]
    fn the_reader_wakes_when_a_card_comes() {
        let (mut reader, slot) = InProcessReader::new();
        let waiting = thread::spawn(move || reader.wait_for_card(Duration::from_secs(60)).unwrap().is_some());
        slot.insert(passport());
        assert!(waiting.join().unwrap());
    }
}
