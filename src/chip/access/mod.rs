//! Opening the chip, Doc 9303-11 §4.1: PACE where the chip offers it, else BAC, else nothing to open.
//!
//! A password that the chip refused is not sent again by any way. When PACE breaks off for another reason
//! before the chip has judged the password, BAC is tried once.
mod bac;
mod mapping;
mod offer;
mod pace;
#[cfg(test)]
mod worked_examples;

pub(super) use offer::Offer;
pub(super) use pace::MappingData;

use super::apdu::Status;
use super::error::ChipError;
use super::link::Link;
use super::plan::AccessKey;
use super::random::RandomBytes;
use super::reading::select_application;
use super::security_infos::SecurityInfos;

/// How the chip was opened.
pub(super) struct Opened {
    /// In words, for [`super::ChipReading::access`].
    pub name: String,
    /// What the chip gave to prove itself by the mapping of PACE.
    pub mapping: Option<MappingData>,
    /// Whether the travel document application is selected.
    pub application: bool,
}

/// Opens the chip with what EF.CardAccess offers; the master file is selected.
pub(super) async fn open(
    link: &mut Link,
    key: &AccessKey,
    offered: Option<&SecurityInfos>,
    random: &mut RandomBytes,
) -> Result<Opened, ChipError> {
    if let Some(offer) = offered.and_then(Offer::best) {
        match pace::establish(link, &offer, key, random).await? {
            Ok(mapping) => {
                let password = match key {
                    AccessKey::Mrz(_) => "MRZ",
                    AccessKey::Can(_) => "CAN",
                };
                return Ok(Opened { name: format!("PACE {offer} {password}"), mapping, application: false });
            }
            Err(status) if matches!(key, AccessKey::Can(_)) => return Err(ChipError::AccessDenied(status.0)),
            Err(_) => {}
        }
    }
    let AccessKey::Mrz(key_information) = key else {
        return Err(ChipError::Protocol("no PACE that a card access number could open"));
    };
    select_application(link).await?;
    let name = match bac::challenge(link).await? {
        Ok(nonce) => {
            bac::authenticate(link, key_information, nonce, random).await?;
            "BAC"
        }
        // A chip without access control does not know the command. One that has another kind will
        // refuse the files, which are then missing: nothing is taken for granted.
        Err(Status::NO_INSTRUCTION | Status(0x6A88)) => "none",
        Err(other) => return Err(ChipError::AccessDenied(other.0)),
    };
    Ok(Opened { name: name.to_owned(), mapping: None, application: true })
}
