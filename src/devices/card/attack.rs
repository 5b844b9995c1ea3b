//! How a forged or hostile chip tries to deceive the reader.

use super::objects::object;
use crate::chip::FileId;
use std::collections::BTreeMap;

/// How deep [`Attack::NestedObjects`] goes.
const DEPTH: usize = 5_000;

/// One attack.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// A copy of all files without the private key of active authentication: signs with another.
    CloneWithoutActiveAuthentication,
    /// A copy without the private keys of chip authentication: agrees with others.
    CloneWithoutChipAuthentication,
    /// A copy without the private key of chip authentication mapping.
    CloneWithoutMapping,
    /// Another person's DG2 under the old security object. In a file of settings this is
    /// [`swapped_portrait`](super::Behaviour::swapped_portrait).
    #[serde(skip)]
    SwappedPortrait(Vec<u8>),
    /// From the n-th protected answer on, counted from 1, MACs are wrong.
    WrongMac(u32),
    /// From the n-th protected answer on, the one before is repeated.
    ReplayedAnswer(u32),
    /// From the n-th protected answer on, data come in the clear, with success.
    UnprotectedAnswer(u32),
    /// DG2 states so many bytes, and reads never come to an end.
    EndlessFile(u32),
    /// DG2 holds objects in objects, 5,000 deep.
    NestedObjects,
    /// DG2 holds an object that is longer than what is around it.
    OverlongObject,
    /// The chip leaves the field in place of its n-th answer, counted from 1; put in again, it works.
    TagLost(u32),
    /// Knows no password: its nonce is not what it sent encrypted.
    WrongNonce,
    /// Sends the terminal's own key of PACE's mapping back.
    MirroredMapping,
    /// Sends the terminal's own ephemeral key back, and its token.
    MirroredKey,
    /// Knows the password as far as the last step, and sends a wrong token.
    WrongToken,
    /// Says that the right password is wrong.
    RefusedPassword,
}

impl Attack {
    /// What the attack makes of the chip's files.
    pub(super) fn spoil(&self, files: &mut BTreeMap<FileId, Vec<u8>>) {
        let portrait = match self {
            Attack::SwappedPortrait(other) => other.clone(),
            Attack::EndlessFile(length) => {
                [&[0x75, 0x84], length.to_be_bytes().as_slice(), &[0; 64]].concat()
            }
            Attack::NestedObjects => object(0x75, &nested()),
            Attack::OverlongObject => {
                object(0x75, &[0x7F, 0x61, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0x02, 0x01, 0x01])
            }
            _ => return,
        };
        files.insert(FileId::Dg(2), portrait);
    }
}

/// Biometric templates in each other, as long as two bytes of length can say.
fn nested() -> Vec<u8> {
    // From the innermost to the outermost, written backwards so that each turn appends.
    let mut reversed = vec![0x00, 0x04];
    for _ in 0..DEPTH {
        let length = u16::try_from(reversed.len()).unwrap_or(u16::MAX);
        let [high, low] = length.to_be_bytes();
        reversed.extend([low, high, 0x82, 0x61, 0x7F]);
    }
    reversed.reverse();
    reversed
}
