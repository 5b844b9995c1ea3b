//! Status words with which the card answers, ISO/IEC 7816-4 §5.6.

/// Two bytes that end every answer.
pub(super) type Status = u16;

pub(super) const OK: Status = 0x9000;
pub(super) const END_OF_FILE: Status = 0x6282;
pub(super) const NOT_AUTHENTICATED: Status = 0x6300;
pub(super) const WRONG_LENGTH: Status = 0x6700;
pub(super) const ACCESS_DENIED: Status = 0x6982;
pub(super) const CONDITIONS: Status = 0x6985;
pub(super) const NO_CURRENT_FILE: Status = 0x6986;
pub(super) const SECURE_MESSAGING_WRONG: Status = 0x6988;
pub(super) const WRONG_DATA: Status = 0x6A80;
pub(super) const NOT_FOUND: Status = 0x6A82;
pub(super) const WRONG_PARAMETERS: Status = 0x6A86;
pub(super) const NO_REFERENCE: Status = 0x6A88;
pub(super) const WRONG_OFFSET: Status = 0x6B00;
pub(super) const NO_INSTRUCTION: Status = 0x6D00;
pub(super) const FAILED: Status = 0x6F00;
