//! Why a session ended early.

use crate::check::Reason;
use openssl::error::ErrorStack;
use std::time::Duration;

/// Why a session ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChipError {
    /// The application is not on the chip.
    #[error("no travel document application on the chip (status {0:04X})")]
    NoApplication(u16),
    /// Access refused: most often the printed lines are not this chip's.
    #[error("the chip refused access (status {0:04X})")]
    AccessDenied(u16),
    /// Answer that breaks the protocol, with what was wrong.
    #[error("protocol broken by the chip: {0}")]
    Protocol(&'static str),
    /// Secure messaging check failed.
    #[error("a protected answer of the chip does not verify")]
    SecureMessaging,
    /// The transport broke.
    #[error("connection to the chip lost: {0}")]
    Lost(String),
    /// More exchanges or bytes than any honest chip needs.
    #[error("the chip exceeds the bound of {0}")]
    Bound(&'static str),
    /// The exchanges took longer than the plan allows.
    #[error("reading took longer than {0:?}")]
    Timeout(Duration),
}

impl ChipError {
    /// The numbered reason for the check of chip access.
    pub fn reason(&self) -> Reason {
        match self {
            ChipError::NoApplication(_) => Reason::ChipFileMissing,
            ChipError::AccessDenied(_) => Reason::ChipAccessDenied,
            ChipError::Protocol(_) | ChipError::SecureMessaging | ChipError::Bound(_) => Reason::ChipProtocol,
            ChipError::Lost(_) => Reason::ChipLost,
            ChipError::Timeout(_) => Reason::ChipTimeout,
        }
    }
}

impl From<ErrorStack> for ChipError {
    /// What the chip gave is nothing that the library can compute with.
    fn from(_: ErrorStack) -> ChipError {
        ChipError::Protocol("the cryptographic library refused")
    }
}
