//! How much memory the process holds as passages go by.

use serde::Serialize;

/// At how many per cent of the passages it is looked at.
const LOOKS: [u32; 5] = [10, 25, 50, 75, 100];
/// Growth from the first look to the last that counts as flat: part of the first, in per cent, and as much as the
/// allocator's pools may take besides.
const GROWTH_MOST_PERCENT: u64 = 10;
const POOLS_MIB: u64 = 24;

/// Resident memory by share of the passages.
#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    #[serde(skip)]
    passages: u32,
    /// Per cent of the passages, and MiB then.
    pub looks: Vec<(u32, u64)>,
}

impl Memory {
    pub(super) fn new(passages: u32) -> Memory {
        Memory { passages, looks: Vec::new() }
    }

    /// So many passages are over.
    pub(super) fn look(&mut self, over: u32) {
        let Some(percent) = LOOKS.get(self.looks.len()).copied() else { return };
        let due = u64::from(over) * 100 >= u64::from(percent) * u64::from(self.passages);
        if let Some(mib) = resident_mib().filter(|_| due) {
            self.looks.push((percent, mib));
        }
    }

    /// Whether it did not grow; true where the system does not tell.
    pub fn flat(&self) -> bool {
        let (Some((_, first)), Some((_, last))) = (self.looks.first(), self.looks.last()) else {
            return true;
        };
        *last <= first + first * GROWTH_MOST_PERCENT / 100 + POOLS_MIB
    }
}

/// MiB that this process holds; `None` where the system does not tell.
fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_not_flat() {
        let memory = |looks: &[(u32, u64)]| Memory { passages: 100, looks: looks.to_vec() };
        assert!(memory(&[(10, 300), (50, 320), (100, 325)]).flat());
        assert!(!memory(&[(10, 300), (50, 400), (100, 500)]).flat());
    }

    #[test]
    fn it_is_looked_at_when_the_share_is_over() {
        let mut memory = Memory::new(20);
        (1..=20).for_each(|over| memory.look(over));
        assert!(memory.looks.iter().map(|(percent, _)| *percent).eq(LOOKS), "{:?}", memory.looks);
    }
}
