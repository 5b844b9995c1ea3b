//! What every chip reader keeps to, whoever lays documents on it: the driver and the simulator alike.
#![allow(unreachable_pub, missing_docs)]

use egate::devices::{CardFault, ChipReader};
use std::time::Duration;

/// Long for any machine; nothing here waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);
/// SELECT of the eMRTD application, Doc 9303-10 §3.
const SELECT: [u8; 12] = [0, 0xA4, 4, 0x0C, 7, 0xA0, 0, 0, 2, 0x47, 0x10, 1];

/// Begins with an empty field and ends with one. `lay` lays a document there, `take` takes it away.
pub fn keeps_the_contract(reader: &mut dyn ChipReader, lay: &mut dyn FnMut(), take: &mut dyn FnMut()) {
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "an empty field");
    assert!(reader.wait_for_card(Duration::from_millis(20)).unwrap().is_none(), "nobody came");

    lay();
    let mut card = reader.wait_for_card(PATIENCE).unwrap().expect("what lies there is found");
    assert!(!reader.wait_for_removal(Duration::ZERO).unwrap(), "the field is filled");
    assert_eq!(card.transmit(&SELECT), Ok(vec![0x90, 0]));
    let refused = card.transmit(&[0, 0xB0, 0, 0, 4]).unwrap();
    assert!(refused.len() == 2 && refused != [0x90, 0], "one answer to each command: {refused:02X?}");

    take();
    assert_eq!(card.transmit(&SELECT), Err(CardFault::Removed));
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "the removal is seen");
    lay();
    assert_eq!(card.transmit(&SELECT), Err(CardFault::Removed), "another card is not the one that went");
    drop(card);

    let mut card = reader.wait_for_card(PATIENCE).unwrap().expect("the next card");
    assert_eq!(card.transmit(&SELECT), Ok(vec![0x90, 0]));
    drop(card);
    take();
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "empty again");
}
