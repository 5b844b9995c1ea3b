//! What one passage of a soak run is: who comes, what is done, what breaks.

use serde::Serialize;

/// One passage's misbehaviour or fault. All that breaks is mended when the passage is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The holder goes straight through.
    Straight,
    /// Somebody else comes with the holder's document.
    Stranger,
    /// The document is not good.
    BadDocument,
    /// Goes away before the entrance opens.
    WalksAway,
    /// Takes the document away while it is read.
    ChipPulled,
    /// Turns back in the cabin.
    TurnsBack,
    /// Two walk in close together.
    Tailgating,
    /// Somebody leaves a bag.
    ObjectLeft,
    /// Does not walk in.
    StandsStill,
    /// Does not leave by the open exit.
    StaysInside,
    /// Asks for an officer, by the emergency stop, in the cabin.
    EmergencyStop,
    /// The camera gives the same picture again and again.
    CameraFrozen,
    /// The camera gives nothing.
    CameraDark,
    /// The chip reader is unplugged while it reads.
    ReaderPulled,
    /// The gate's bus is cut while the traveller is inside.
    BusCutInside,
    /// The gate's bus is cut while the document is read.
    BusCutOutside,
    /// A door does not move.
    DoorStuck,
}

impl Act {
    /// All but the straight one.
    const FAULTS: [Act; 16] = [
        Act::Stranger,
        Act::BadDocument,
        Act::WalksAway,
        Act::ChipPulled,
        Act::TurnsBack,
        Act::Tailgating,
        Act::ObjectLeft,
        Act::StandsStill,
        Act::StaysInside,
        Act::EmergencyStop,
        Act::CameraFrozen,
        Act::CameraDark,
        Act::ReaderPulled,
        Act::BusCutInside,
        Act::BusCutOutside,
        Act::DoorStuck,
    ];

    /// The act of one passage: every other one is straight, the others are drawn evenly.
    pub fn of(seed: u64, number: u32, faults: bool) -> Act {
        if !faults || number.is_multiple_of(2) {
            return Act::Straight;
        }
        let drawn = scattered(seed.wrapping_add(u64::from(number))) % Act::FAULTS.len() as u64;
        usize::try_from(drawn).ok().and_then(|place| Act::FAULTS.get(place)).copied().unwrap_or(Act::Straight)
    }

    /// Whether an admission of this act would be wrong, however it comes about.
    pub fn may_be_admitted(self) -> bool {
        !matches!(
            self,
            Act::Stranger | Act::BadDocument | Act::WalksAway | Act::StandsStill | Act::Tailgating
        )
    }
}

/// SplitMix64's output function: neighbours have nothing in common.
fn scattered(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_draws_every_fault_and_the_same_ones_again() {
        let drawn = |seed| (0..400).map(|number| Act::of(seed, number, true)).collect::<Vec<_>>();
        assert_eq!(drawn(1).iter().copied().collect::<BTreeSet<_>>().len(), Act::FAULTS.len() + 1);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert!((0..10).all(|number| Act::of(1, number, false) == Act::Straight));
    }
}
