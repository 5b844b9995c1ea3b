//! Talking to the chip.
//!
//! [`ChipSession`] is sans-IO: [`ChipSession::next`] says which command to send or how it ended,
//! [`ChipSession::answer`] takes what the chip said. Protocols inside are straight-line `async`
//! functions over a mailbox, polled by the session itself with no executor, no clock and no randomness:
//! random bytes come in by [`ChipRandom`], so a recorded session replays bit for bit. Whatever the chip
//! answers, the session ends: every length, every count of exchanges and every retry is bounded.
//!
//! ```text
//! session ─ wishes out, answers in
//!    │ mailbox: one wish, one answer
//! visit ─ what is done in order, and again when the chip was lost
//!    ├─ access        EF.CardAccess ─► PACE, else BAC
//!    ├─ reading       whole files, by short identifier, as much at once as the chip gives
//!    └─ authenticity  mapping of PACE, chip authentication, active authentication ─► proofs
//!          │
//!        link ─ secure messaging once there are keys; extended length, chains, what the chip refuses
//! ```
//!
//! What the files say is read in [`files`] and [`SecurityInfos`]; [`Portrait::decode`] gives the picture of DG2.
//! Nothing here is verified against a signature: [`ChipReading`] is what a chip says, [`Proofs`] is which private
//! keys it has, and [`crate::trust`] says whether either is this document's.
//!
//! Clauses: ICAO Doc 9303-10 (files), -11 (access, authentication, secure messaging), ISO/IEC 7816-4 (APDUs).
mod access;
mod apdu;
mod authenticity;
mod crypto;
mod error;
pub mod files;
mod link;
mod listed_groups;
mod mailbox;
mod plan;
mod portrait;
mod proof;
mod random;
mod reading;
mod secure_messaging;
mod security_infos;
mod session;
pub mod tlv;
mod visit;

pub use apdu::{Command, Status};
pub use crypto::{Aes, CipherSuite, SessionCipher, TripleDes};
pub use error::ChipError;
pub use files::{ComFile, FileError};
pub use plan::{AccessKey, ChipReading, FileId, ReadingPlan};
pub use portrait::{MAX_PIXELS, MAX_SIDE, Media, Portrait, PortraitError};
pub use proof::{Proof, Proofs};
pub use random::ChipRandom;
pub use reading::MAX_FILE;
pub use secure_messaging::{Answer, SecureMessaging, SecureMessagingError};
pub use security_infos::{
    ActiveAuthenticationInfo, ChipAuthenticationInfo, ChipAuthenticationPublicKeyInfo, KeyAgreement,
    MAX_SECURITY_INFOS, Mapping, OtherInfo, PaceDomainParameterInfo, PaceInfo, SecurityInfos,
    SecurityInfosError,
};
pub use session::{ChipSession, MAX_EXCHANGES, Next};
