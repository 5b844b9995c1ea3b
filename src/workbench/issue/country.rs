//! A test country that issues passports, good ones and ones with a defect.

use super::pki::{Authority, DocumentSigner, KeyKind};
use super::security_object::security_object;
use crate::chip::files::{encode_com, encode_dg1, encode_dg2};
use crate::chip::{FileId, Media};
use crate::document::{MrzDate, MrzFields};
use anyhow::{Context, Result};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Serial numbers of the two document signers.
const SIGNER: u32 = 2;
const REVOKED_SIGNER: u32 = 3;

/// How long ago an expired document expired, days.
const EXPIRED_DAYS: i64 = 30;

/// What is wrong with a document, and nothing else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Defect {
    /// A good document.
    None,
    /// The portrait was replaced after signing: DG2 is not the one of the security object.
    PortraitReplaced,
    /// Signed under a country certificate that is in no trust bundle.
    UnknownCountry,
    /// The document signer is on the country's revocation list.
    SignerRevoked,
    /// Expired, whatever date was ordered.
    Expired,
    /// Other given names are printed than are in the chip. They do not enter the keys that open the chip.
    PrintedLinesDiffer,
}

/// What a document is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentOrder {
    /// Surname, capital letters.
    pub surname: String,
    /// Given names, capital letters.
    pub given_names: String,
    /// Document number, up to nine letters and digits.
    pub number: String,
    /// Nationality, three letters.
    pub nationality: String,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Date of expiry.
    pub date_of_expiry: Date,
    /// `M`, `F` or `<`.
    pub sex: char,
    /// The portrait in the chip: a whole JPEG or JPEG 2000 file.
    pub portrait: Vec<u8>,
    /// What is to be wrong with it.
    pub defect: Defect,
}

/// A passport: what is printed and what is in its chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedDocument {
    /// The two printed lines, Doc 9303-4.
    pub printed: [String; 2],
    /// EF.COM, EF.SOD, DG1, DG2.
    pub files: BTreeMap<FileId, Vec<u8>>,
}

/// A country with its PKI. Keys are random; everything else follows from the arguments.
pub struct TestCountry {
    alpha3: String,
    now: Timestamp,
    authority: Authority,
    signer: DocumentSigner,
    revoked: DocumentSigner,
    /// Another authority of the same name, which is not in the bundle, and its signer.
    unknown: (Authority, DocumentSigner),
}

impl TestCountry {
    /// A country of these letters (`UTO`, `UT`) with keys on P-256, all valid around `now`.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn new(alpha3: &str, alpha2: &str, now: Timestamp) -> Result<TestCountry> {
        Self::with_keys(alpha3, alpha2, now, KeyKind::EcdsaP256)
    }

    /// The same with keys of another kind.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn with_keys(alpha3: &str, alpha2: &str, now: Timestamp, kind: KeyKind) -> Result<TestCountry> {
        let authority = Authority::new(alpha2, kind, now)?;
        let unknown = Authority::new(alpha2, kind, now)?;
        let unknown_signer = unknown.signer(alpha2, SIGNER, now)?;
        Ok(TestCountry {
            alpha3: alpha3.to_owned(),
            now,
            signer: authority.signer(alpha2, SIGNER, now)?,
            revoked: authority.signer(alpha2, REVOKED_SIGNER, now)?,
            authority,
            unknown: (unknown, unknown_signer),
        })
    }

    /// What a lane must trust to read this country's documents: file names and contents, the country's
    /// certificate and its revocation list, which counts for [`super::REVOCATION_LIST_DAYS`] days.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn trust_bundle(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let list = self.authority.revocation_list(&[self.revoked.serial], self.now)?;
        let name = |end: &str| format!("{}.{end}", self.alpha3.to_lowercase());
        Ok(vec![(name("cer"), self.authority.certificate.clone()), (name("crl"), list)])
    }

    /// Issues a document.
    ///
    /// # Errors
    /// When a field does not fit its place, the portrait is of no known kind, or the crypto library fails.
    pub fn issue(&self, order: &DocumentOrder) -> Result<IssuedDocument> {
        let zone = self.zone(order)?;
        let lines = zone.td3_lines()?;
        let printed = match order.defect {
            Defect::PrintedLinesDiffer => other_names(&zone).td3_lines()?,
            _ => lines.clone(),
        };
        let media = Media::of(&order.portrait).context("the portrait is neither JPEG nor JPEG 2000")?;
        let dg1 = encode_dg1(&lines);
        let dg2 = encode_dg2(&order.portrait, media);
        let signed_dg2 = match order.defect {
            Defect::PortraitReplaced => {
                encode_dg2(&[&order.portrait[..], b"another portrait"].concat(), media)
            }
            _ => dg2.clone(),
        };
        let (authority, signer) = match order.defect {
            Defect::UnknownCountry => (&self.unknown.0, &self.unknown.1),
            Defect::SignerRevoked => (&self.authority, &self.revoked),
            _ => (&self.authority, &self.signer),
        };
        let groups = BTreeMap::from([(1, dg1.as_slice()), (2, signed_dg2.as_slice())]);
        let sod = security_object(&groups, signer, &authority.name, self.now)?;
        let files = BTreeMap::from([
            (FileId::Com, encode_com(&[1, 2])),
            (FileId::Sod, sod),
            (FileId::Dg(1), dg1),
            (FileId::Dg(2), dg2),
        ]);
        Ok(IssuedDocument { printed, files })
    }

    fn zone(&self, order: &DocumentOrder) -> Result<MrzFields> {
        let expired = self.now.checked_sub(SignedDuration::from_hours(24 * EXPIRED_DAYS))?;
        let expiry = match order.defect {
            Defect::Expired => expired.to_zoned(TimeZone::UTC).date(),
            _ => order.date_of_expiry,
        };
        Ok(MrzFields {
            document_code: "P".to_owned(),
            issuing_state: self.alpha3.clone(),
            surname: order.surname.clone(),
            given_names: order.given_names.clone(),
            document_number: order.number.clone(),
            nationality: order.nationality.clone(),
            date_of_birth: MrzDate::of(order.date_of_birth),
            sex: order.sex,
            date_of_expiry: MrzDate::of(expiry),
            optional_data: String::new(),
        })
    }
}

/// The same holder by other given names.
fn other_names(zone: &MrzFields) -> MrzFields {
    let given_names = if zone.given_names == "ANNE" { "ANNA" } else { "ANNE" };
    MrzFields { given_names: given_names.to_owned(), ..zone.clone() }
}
