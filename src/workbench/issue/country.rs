//! A test country that issues documents, good ones and ones with a defect.

use super::algorithm::{KeyKind, SignatureAlgorithm, SignatureKey};
use super::certificate::{Purpose, in_days};
use super::chip::ChipPlan;
use super::cms::flawed_signed_data;
use super::content::{data_groups, portrait, wrong_check_digit};
use super::defect::Defect;
use super::document::{DocumentKind, DocumentOrder, IssuedDocument};
use super::lists::{defect_list, deviation_list, master_list};
use super::pki::{Authority, Days, Signer, State};
use super::security_object::security_object;
use super::seed::Seed;
use crate::chip::FileId;
use crate::chip::files::{
    Application, AtrInfo, encode_atr_info, encode_com_of, encode_dg2_as, encode_dg13, encode_dir,
};
use crate::devices::card::Digest;
use crate::document::{MrzDate, MrzFields};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Serial numbers of the signers.
const SIGNER: u32 = 2;
const REVOKED_SIGNER: u32 = 3;
const OLD_SIGNER: u32 = 4;
const FUTURE_SIGNER: u32 = 5;
const WEAK_SIGNER: u32 = 6;
const LIST_SIGNER: u32 = 7;
const DEVIATION_SIGNER: u32 = 8;
const LINK: u32 = 9;

/// How long ago an expired document expired, days.
const EXPIRED_DAYS: i64 = 30;
/// When what has expired did so, and when it began.
const LONG_AGO: Days = [-16 * 365, -365];
const IN_FUTURE: Days = [30, 365 * 10];

/// Content type of EF.CardSecurity (TR-03110-3 §A.1.2.5).
const SECURITY_INFOS: &str = "0.4.0.127.0.7.3.2.1";
/// Largest command and answer that EF.ATR/INFO announces, bytes.
const LENGTHS: (u32, u32) = (0x1_0000, 0x1_0000);

/// What country it is to be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountryPlan {
    /// Three letters as in the machine readable zone.
    pub alpha3: String,
    /// Two letters as in certificates.
    pub alpha2: String,
    /// How the country signs certificates.
    pub authority: SignatureAlgorithm,
    /// How the country signs documents.
    pub signer: SignatureAlgorithm,
    /// Whether the country has changed its key: the trust bundle then holds the certificate of the old key
    /// and the link to the new, with which everything is signed.
    pub renewed: bool,
}

impl Default for CountryPlan {
    fn default() -> CountryPlan {
        CountryPlan {
            alpha3: "UTO".to_owned(),
            alpha2: "UT".to_owned(),
            authority: SignatureAlgorithm::default(),
            signer: SignatureAlgorithm::default(),
            renewed: false,
        }
    }
}

/// A country with its PKI. Everything follows from plan, time and seed.
pub struct TestCountry {
    plan: CountryPlan,
    state: State,
    authority: Authority,
    /// The authority before it, with the link certificate.
    predecessor: Option<(Authority, Vec<u8>)>,
    signer: Signer,
}

impl TestCountry {
    /// A country of these letters (`UTO`, `UT`) with fresh keys on P-256, all valid around `now`.
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
        let plan = CountryPlan {
            alpha3: alpha3.to_owned(),
            alpha2: alpha2.to_owned(),
            authority: kind.into(),
            signer: kind.into(),
            renewed: false,
        };
        let mut seed = [0; 32];
        openssl::rand::rand_bytes(&mut seed)?;
        Self::planned(&plan, now, &seed)
    }

    /// A country after a plan. The same plan, time and seed give the same keys and the same documents,
    /// bit for bit.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn planned(plan: &CountryPlan, now: Timestamp, seed: &[u8]) -> Result<TestCountry> {
        let state =
            State { alpha3: plan.alpha3.clone(), alpha2: plan.alpha2.clone(), now, seed: Seed::new(seed) };
        let authority = Authority::new(&state, plan.authority, "authority", Authority::VALID)?;
        let predecessor = match plan.renewed {
            true => {
                let old = Authority::new(&state, plan.authority, "predecessor", Authority::VALID)?;
                let link = old.link_to(&authority, LINK)?;
                Some((old, link))
            }
            false => None,
        };
        let signer = authority.signer(plan.signer, Purpose::Documents, SIGNER, Signer::VALID)?;
        Ok(TestCountry { plan: plan.clone(), state, authority, predecessor, signer })
    }

    fn file(&self, end: &str) -> String {
        format!("{}{end}", self.state.alpha3.to_lowercase())
    }

    /// What a lane must trust to read this country's documents: file names and contents, the country's
    /// certificate, its revocation list, which counts for [`super::REVOCATION_LIST_DAYS`] days, and the link
    /// certificate if there is one.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn trust_bundle(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let list = self.authority.revocation_list(&[REVOKED_SIGNER])?;
        let (root, link) = match &self.predecessor {
            Some((old, link)) => (old, Some(link)),
            None => (&self.authority, None),
        };
        let mut bundle = vec![(self.file(".cer"), root.certificate.clone()), (self.file(".crl"), list)];
        bundle.extend(link.map(|link| (self.file("-link.cer"), link.clone())));
        Ok(bundle)
    }

    /// The lists that the country publishes: master list of its certificates, deviation list about its
    /// signer, defect list about its revoked signer.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn lists(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let (now, own) = (self.state.now, &self.authority.certificate);
        let mut certificates = vec![own.clone()];
        if let Some((old, link)) = &self.predecessor {
            certificates.extend([old.certificate.clone(), link.clone()]);
        }
        let signer =
            |purpose, serial| self.authority.signer(self.plan.signer, purpose, serial, Signer::VALID);
        let of_masters = signer(Purpose::MasterLists, LIST_SIGNER)?;
        let of_deviations = signer(Purpose::DeviationLists, DEVIATION_SIGNER)?;
        let revoked = self.signer(REVOKED_SIGNER, self.plan.signer, Signer::VALID)?;
        Ok(vec![
            (self.file(".ml"), master_list(&certificates, &of_masters, own, now)?),
            (self.file(".dvl"), deviation_list(&self.signer, &of_deviations, own, now)?),
            (self.file(".defects"), defect_list(&revoked, &of_deviations, own, now)?),
        ])
    }

    /// Issues a passport whose chip is opened by BAC and proves nothing.
    ///
    /// # Errors
    /// When a field does not fit its place, the portrait is of no known kind, or the crypto library fails.
    pub fn issue(&self, order: &DocumentOrder) -> Result<IssuedDocument> {
        self.issue_as(&DocumentKind::default(), order)
    }

    /// Issues a document of any kind.
    ///
    /// # Errors
    /// As [`Self::issue`], and when the defect is one that such a document cannot have.
    pub fn issue_as(&self, kind: &DocumentKind, order: &DocumentOrder) -> Result<IssuedDocument> {
        let (lines, printed) = self.lines(kind, order)?;
        let mut document = IssuedDocument {
            printed,
            files: BTreeMap::new(),
            trust: Vec::new(),
            bac: kind.chip.bac,
            can: kind.chip.can.clone(),
            keys: Default::default(),
        };
        if !kind.format.has_chip() {
            return Ok(document);
        }
        kind.chip.check(order.defect)?;
        let label = format!("document {}", order.number);
        document.keys = kind.chip.keys(&self.state.seed, &label)?;
        let signer = self.signer_for(order.defect, &mut document.trust)?;
        let groups = data_groups(&kind.chip, order, &lines, &document)?;
        let version = kind.chip.lds.digits();
        let sod = security_object(&groups, &signer, version, self.state.now, order.defect)?;
        let numbers: Vec<u8> = groups.keys().copied().collect();
        document.files.extend(groups.into_iter().map(|(number, content)| (FileId::Dg(number), content)));
        document.files.insert(FileId::Sod, sod);
        document.files.insert(FileId::Com, encode_com_of(version, &numbers));
        self.master_file(&kind.chip, &signer, order.defect, &mut document)?;
        self.spoil(kind, order, &label, &mut document)?;
        Ok(document)
    }

    /// The lines in the chip and those on the page.
    fn lines(&self, kind: &DocumentKind, order: &DocumentOrder) -> Result<(Vec<String>, Vec<String>)> {
        let (format, code) = kind.format.zone();
        let expiry = match order.defect {
            Defect::Expired => in_days(self.state.now, -EXPIRED_DAYS)?.to_zoned(TimeZone::UTC).date(),
            _ => order.date_of_expiry,
        };
        let zone = MrzFields {
            document_code: code.to_owned(),
            issuing_state: self.state.alpha3.clone(),
            surname: order.surname.clone(),
            given_names: order.given_names.clone(),
            document_number: order.number.clone(),
            nationality: order.nationality.clone(),
            date_of_birth: MrzDate::of(order.date_of_birth),
            sex: order.sex,
            date_of_expiry: MrzDate::of(expiry),
            optional_data: kind.optional_data.clone(),
        };
        let mut lines = zone.lines(format)?;
        let mut printed = lines.clone();
        match order.defect {
            Defect::PrintedLinesDiffer => {
                let given_names = if zone.given_names == "ANNE" { "ANNA" } else { "ANNE" }.to_owned();
                printed = MrzFields { given_names, ..zone }.lines(format)?;
            }
            Defect::OptionalDataDiffer => {
                let optional_data = if zone.optional_data == "X" { "Y" } else { "X" }.to_owned();
                printed = MrzFields { optional_data, ..zone }.lines(format)?;
            }
            Defect::CheckDigitWrong => {
                let wrong = wrong_check_digit(&zone.lines(format)?);
                (lines, printed) = (wrong.clone(), wrong);
            }
            _ => {}
        }
        Ok((lines, printed))
    }

    fn signer(&self, serial: u32, algorithm: SignatureAlgorithm, days: Days) -> Result<Signer> {
        self.authority.signer(algorithm, Purpose::Documents, serial, days)
    }

    /// Who signs, and what must be trusted beside the country's bundle.
    fn signer_for(&self, defect: Defect, trust: &mut Vec<(String, Vec<u8>)>) -> Result<Signer> {
        let own = self.plan.signer;
        let weak =
            SignatureAlgorithm { key: SignatureKey::Rsa { bits: 1024, pss: false }, digest: Digest::Sha1 };
        let other =
            |state: &State, label: &str, days| Authority::new(state, self.plan.authority, label, days);
        match defect {
            Defect::SignerRevoked => self.signer(REVOKED_SIGNER, own, Signer::VALID),
            Defect::SignerExpired => self.signer(OLD_SIGNER, own, LONG_AGO),
            Defect::SignerNotYetValid => self.signer(FUTURE_SIGNER, own, IN_FUTURE),
            Defect::WeakAlgorithm => self.signer(WEAK_SIGNER, weak, Signer::VALID),
            Defect::UnknownCountry => {
                let unknown = other(&self.state, "unknown authority", Authority::VALID)?;
                unknown.signer(own, Purpose::Documents, SIGNER, Signer::VALID)
            }
            Defect::AuthorityExpired => {
                let expired = other(&self.state, "expired authority", LONG_AGO)?;
                trust.push((self.file("-expired.cer"), expired.certificate.clone()));
                trust.push((self.file("-expired.crl"), expired.revocation_list(&[])?));
                expired.signer(own, Purpose::Documents, SIGNER, Signer::VALID)
            }
            Defect::OtherCountry => {
                let (alpha3, alpha2) = if self.plan.alpha2 == "NL" { ("SWE", "SE") } else { ("NLD", "NL") };
                let state = State { alpha3: alpha3.into(), alpha2: alpha2.into(), ..self.state.clone() };
                let foreign = other(&state, "other country", Authority::VALID)?;
                trust.push((format!("{}.cer", alpha3.to_lowercase()), foreign.certificate.clone()));
                trust.push((format!("{}.crl", alpha3.to_lowercase()), foreign.revocation_list(&[])?));
                foreign.signer(own, Purpose::Documents, SIGNER, Signer::VALID)
            }
            _ => Ok(self.signer.clone()),
        }
    }

    /// Files of the master file, Doc 9303-10 §3.11.
    fn master_file(
        &self,
        plan: &ChipPlan,
        signer: &Signer,
        defect: Defect,
        document: &mut IssuedDocument,
    ) -> Result<()> {
        if let Some(content) = plan.card_access()? {
            document.files.insert(FileId::CardAccess, content);
            let application =
                Application { name: vec![0xA0, 0, 0, 2, 0x47, 0x10, 1], label: Some("eMRTD".to_owned()) };
            document.files.insert(FileId::Dir, encode_dir(&[application]));
        }
        if let Some(content) = plan.card_security(&document.keys)? {
            let defect = match defect {
                Defect::CardSecuritySignatureWrong => Defect::SignatureWrong,
                _ => Defect::None,
            };
            let signed = flawed_signed_data(SECURITY_INFOS, &content, signer, &[], self.state.now, defect)?;
            document.files.insert(FileId::CardSecurity, signed);
        }
        if plan.extended_length {
            let info = AtrInfo {
                extended_length: true,
                command_chaining: true,
                command_bytes_most: Some(LENGTHS.0),
                answer_bytes_most: Some(LENGTHS.1),
            };
            document.files.insert(FileId::AtrInfo, encode_atr_info(&info));
        }
        Ok(())
    }

    /// What happens to a chip after it was signed.
    fn spoil(
        &self,
        kind: &DocumentKind,
        order: &DocumentOrder,
        label: &str,
        document: &mut IssuedDocument,
    ) -> Result<()> {
        let numbers: Vec<u8> = document
            .files
            .keys()
            .filter_map(|file| if let FileId::Dg(number) = file { Some(*number) } else { None })
            .collect();
        let com_without = |left_out: u8| -> Vec<u8> {
            let left: Vec<u8> = numbers.iter().copied().filter(|number| *number != left_out).collect();
            encode_com_of(kind.chip.lds.digits(), &left)
        };
        let com_with = |more: u8| {
            let all: Vec<u8> = numbers.iter().copied().chain([more]).collect();
            encode_com_of(kind.chip.lds.digits(), &all)
        };
        match order.defect {
            Defect::PortraitReplaced => {
                let portrait = portrait(&order.portrait)?;
                let files = encode_dg2_as(kind.chip.face_record, &[portrait]);
                document.files.insert(FileId::Dg(2), files);
            }
            Defect::DataGroupMissing => {
                document.files.remove(&FileId::Dg(2));
            }
            Defect::DataGroupUnsigned => {
                ensure!(kind.chip.national.is_none(), "the unsigned group is DG13, which is signed here");
                document.files.insert(FileId::Dg(13), encode_dg13(b"not signed"));
                document.files.insert(FileId::Com, com_with(13));
            }
            Defect::ComDisagrees => {
                document.files.insert(FileId::Com, com_with(5));
            }
            Defect::ChipCloned => {
                document.keys = kind.chip.keys(&self.state.seed, &format!("{label}, cloned"))?;
            }
            Defect::ChipKeysReplaced => {
                document.keys = kind.chip.keys(&self.state.seed, &format!("{label}, replaced"))?;
                let replaced = kind.chip.dg14(&document.keys)?.context("a chip without DG14")?;
                document.files.insert(FileId::Dg(14), replaced);
            }
            Defect::Dg14Stripped => {
                document.files.remove(&FileId::Dg(14));
                document.files.insert(FileId::Com, com_without(14));
                document.keys.chip_authentication.clear();
            }
            Defect::Dg15Stripped => {
                document.files.remove(&FileId::Dg(15));
                document.files.insert(FileId::Com, com_without(15));
                document.keys.active_authentication = None;
            }
            _ => {}
        }
        Ok(())
    }
}
