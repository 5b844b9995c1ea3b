//! The chip reader without hardware keeps the contract that `tests/pcsc.rs` holds the one behind PC/SC to.

#[path = "../common/chip_reader.rs"]
mod contract;

use egate::devices::InProcessReader;
use egate::devices::card::SoftwarePassport;
use std::collections::BTreeMap;

#[test]
fn in_process_keeps_the_contract() {
    let (mut reader, slot) = InProcessReader::new();
    let passport = || SoftwarePassport::new(BTreeMap::new(), "L898902C<369080619406236", 1);
    contract::keeps_the_contract(&mut reader, &mut || slot.insert(passport()), &mut || {
        slot.remove();
    });
}
