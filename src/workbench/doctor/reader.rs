//! Whether the chip reader works: service, reader, and what lies on it.

use crate::devices::{CardFault, ChipReader, PcscReader};
use std::time::Duration;

/// SELECT of the eMRTD application, Doc 9303-10 §3.
const SELECT_APPLICATION: [u8; 12] = [0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];
/// Statuses of a chip that has the application: selected, or selected only once the chip is opened.
const HAS_APPLICATION: [[u8; 2]; 2] = [[0x90, 0x00], [0x69, 0x82]];

/// What hinders the reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the PC/SC service does not answer ({0})")]
    Service(String),
    #[error("no reader is plugged in")]
    NoReader,
    #[error("no reader is called {wanted:?}; there is: {there}")]
    OtherReaders { wanted: String, there: String },
    #[error("{0}")]
    Reader(String),
    #[error("{reader}: the card on it is no travel document (status {status})")]
    OtherCard { reader: String, status: String },
}

impl Trouble {
    pub(super) fn mend(&self) -> &'static str {
        match self {
            Trouble::Service(_) => "install and start pcscd: `systemctl enable --now pcscd.socket`",
            Trouble::NoReader => "plug the reader in; if it is, install its driver (Debian: libccid)",
            Trouble::OtherReaders { .. } => "mend `name` of the chip reader in the lane's settings",
            Trouble::Reader(_) => "unplug the reader and plug it in again, then check its cable and driver",
            Trouble::OtherCard { .. } => "take the card away, or lay a travel document there",
        }
    }
}

/// Looks at the reader whose name contains `wanted`, or the first there is; says in words what is there.
/// An empty field is no trouble.
pub(super) fn look(wanted: Option<&str>, patience: Duration) -> Result<String, Trouble> {
    let names = PcscReader::names().map_err(|fault| Trouble::Service(fault.to_string()))?;
    let Some(wanted) = wanted.or_else(|| names.first().map(String::as_str)) else {
        return Err(Trouble::NoReader);
    };
    let Some(reader) = names.iter().find(|name| name.contains(wanted)) else {
        return match names.is_empty() {
            true => Err(Trouble::NoReader),
            false => Err(Trouble::OtherReaders { wanted: wanted.to_owned(), there: names.join(", ") }),
        };
    };
    let broken = |fault: CardFault| Trouble::Reader(format!("{reader}: {fault}"));
    let Some(mut card) = PcscReader::open(Some(reader)).wait_for_card(patience).map_err(broken)? else {
        return Ok(format!("{reader}, no document on it"));
    };
    let answer = card.transmit(&SELECT_APPLICATION).map_err(broken)?;
    match answer.last_chunk() {
        Some(status) if HAS_APPLICATION.contains(status) => Ok(format!("{reader}, a travel document on it")),
        _ => Err(Trouble::OtherCard { reader: reader.clone(), status: hex::encode_upper(answer) }),
    }
}
