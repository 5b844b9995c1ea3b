//! How long a chip takes.

use std::time::Duration;

/// Bits that a byte takes on the air: ISO/IEC 14443-3 type A adds a parity bit.
const BITS_PER_BYTE: u32 = 9;

/// Bit rate of the contactless interface, ISO/IEC 14443-2 §8.1: the carrier of 13.56 MHz by 128, 64, 32, 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub enum BitRate {
    /// 106 kbit/s.
    Kbit106,
    /// 212 kbit/s.
    Kbit212,
    /// 424 kbit/s.
    Kbit424,
    /// 848 kbit/s.
    Kbit848,
}

impl BitRate {
    /// All of them.
    pub const ALL: [BitRate; 4] = [BitRate::Kbit106, BitRate::Kbit212, BitRate::Kbit424, BitRate::Kbit848];

    /// The carrier's cycles for a bit.
    fn cycles(self) -> u32 {
        match self {
            BitRate::Kbit106 => 128,
            BitRate::Kbit212 => 64,
            BitRate::Kbit424 => 32,
            BitRate::Kbit848 => 16,
        }
    }
}

impl From<BitRate> for u32 {
    /// In kbit/s, as the standard rounds it.
    fn from(rate: BitRate) -> u32 {
        106 * 128 / rate.cycles()
    }
}

impl TryFrom<u32> for BitRate {
    type Error = UnknownBitRate;

    fn try_from(kbit: u32) -> Result<BitRate, UnknownBitRate> {
        match kbit {
            106 => Ok(BitRate::Kbit106),
            212 => Ok(BitRate::Kbit212),
            424 => Ok(BitRate::Kbit424),
            848 => Ok(BitRate::Kbit848),
            other => Err(UnknownBitRate(other)),
        }
    }
}

/// A bit rate that no chip has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} kbit/s is no bit rate of contactless chips: give 106, 212, 424 or 848")]
pub struct UnknownBitRate(u32);

/// What an exchange takes: a constant time for the chip's own work, and the time on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Microseconds for each command, whatever it is.
    pub per_command_us: u32,
    /// Bit rate, both ways, in kbit/s.
    pub kbit_per_s: BitRate,
}

impl Timing {
    /// How long an exchange of so many bytes, command and answer together, takes.
    pub fn of_exchange(self, bytes: usize) -> Duration {
        let cycles = u64::from(self.kbit_per_s.cycles() * BITS_PER_BYTE) * bytes as u64;
        // Nanoseconds of a cycle of 13.56 MHz: 1000 / 13.56 = 25,000 / 339.
        Duration::from_micros(u64::from(self.per_command_us)) + Duration::from_nanos(cycles * 25_000 / 339)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_takes_85_microseconds_at_the_lowest_rate_and_an_eighth_at_the_highest() {
        let of =
            |kbit_per_s, bytes| Timing { per_command_us: 100, kbit_per_s }.of_exchange(bytes).as_micros();
        assert_eq!(BitRate::ALL.map(|rate| of(rate, 1_000)), [85_055, 42_577, 21_338, 10_719]);
        assert_eq!(of(BitRate::Kbit848, 0), 100);
    }

    #[test]
    fn rates_are_known_by_their_kbits() {
        for rate in BitRate::ALL {
            assert_eq!(BitRate::try_from(u32::from(rate)), Ok(rate));
        }
        assert!(BitRate::try_from(107).is_err());
    }
}
