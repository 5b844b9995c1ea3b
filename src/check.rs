//! What one check found, in the words that all rooms share.
//!
//! A check ends with exactly one of the five results of BSI TR-03135-1 §3.5.2. What went wrong is said
//! by numbered [`Reason`]s; the numbers are stable for ever (TR-03135-1 §5.3 gives vendors the range
//! 1,000–999,999). Nothing here decides anything: only [`crate::policy`] turns checks into a verdict.

use serde::{Deserialize, Serialize};

/// Result of one check, BSI TR-03135-1 §3.5.2. Anything but `Successful` is no evidence of good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The check ran to its end and the feature passed it.
    Successful,
    /// The check ran to its end and the feature did not pass it.
    Failed,
    /// The check ran to its end and nothing can be said.
    Undetermined,
    /// The document or the lane does not support the feature.
    NotSupported,
    /// The check ended before its end, or never began.
    Aborted,
}

/// Which check; the order is the order in which officers read them (TR-03135-1 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckId {
    /// Check digits and structure of the printed lines, TR-03135-1 §5.5.4.1.1.
    MrzConsistency,
    /// Chip found and opened by BAC or PACE, TR-03135-1 §5.6.3.1.
    ChipAccess,
    /// The key of the chip is genuine (AA, CA, PACE-CAM), TR-03135-1 §5.6.4.1.
    ChipAuthenticity,
    /// Signature over the security object, TR-03135-1 §5.6.4.2.2.
    SecurityObjectSignature,
    /// Signer's certificate signed by a trusted country signing CA, TR-03135-1 §5.6.4.3.3 and .6.
    SignerChain,
    /// Validity of signer and CA at the time of checking, TR-03135-1 §5.6.4.3.4.
    SignerValidity,
    /// Revocation state of the signer, TR-03135-1 §5.6.4.3.5.
    SignerRevocation,
    /// Hash of each data group read against the security object, TR-03135-1 §5.6.4.4.2.
    DataGroupIntegrity,
    /// EF.COM's list against the security object's, TR-03135-1 §5.6.4.4.1.
    ComAgainstSecurityObject,
    /// Issuing state of DG1 against signer's country, TR-03135-1 §5.6.4.5.
    IssuingState,
    /// Document not expired, TR-03135-1 §5.7.1.
    DocumentExpiry,
    /// Printed lines against DG1, TR-03135-1 §5.7.2.
    MrzAgainstChip,
    /// A portrait that can serve as reference was found in DG2.
    Portrait,
    /// Exactly one person in the cabin, by gate sensors and camera.
    SinglePerson,
    /// No presentation attack, TR-03121-3.1 FM PAD-FI-APP.
    Liveness,
    /// The person before the camera is the one of the portrait, TR-03121-3.1 FM CMP-FI-VER.
    FaceMatch,
    /// The portrait shows one person and no morph of two, ISO/IEC 20059.
    Morph,
    /// Nothing is known against the document at central.
    DocumentLookup,
    /// Nothing is known against the person at central.
    PersonLookup,
    /// The person needs no permission to travel, or has it.
    TravelPermission,
}

impl CheckId {
    /// All checks in officers' order.
    pub const ALL: [CheckId; 20] = [
        CheckId::MrzConsistency,
        CheckId::ChipAccess,
        CheckId::ChipAuthenticity,
        CheckId::SecurityObjectSignature,
        CheckId::SignerChain,
        CheckId::SignerValidity,
        CheckId::SignerRevocation,
        CheckId::DataGroupIntegrity,
        CheckId::ComAgainstSecurityObject,
        CheckId::IssuingState,
        CheckId::DocumentExpiry,
        CheckId::MrzAgainstChip,
        CheckId::Portrait,
        CheckId::SinglePerson,
        CheckId::Liveness,
        CheckId::FaceMatch,
        CheckId::Morph,
        CheckId::DocumentLookup,
        CheckId::PersonLookup,
        CheckId::TravelPermission,
    ];

    /// Name in the officer's list.
    pub fn title(self) -> &'static str {
        match self {
            CheckId::MrzConsistency => "Printed lines consistent",
            CheckId::ChipAccess => "Chip access",
            CheckId::ChipAuthenticity => "Chip authenticity",
            CheckId::SecurityObjectSignature => "Security object's signature",
            CheckId::SignerChain => "Signer's chain of trust",
            CheckId::SignerValidity => "Signer's validity",
            CheckId::SignerRevocation => "Signer's revocation state",
            CheckId::DataGroupIntegrity => "Integrity of data groups",
            CheckId::ComAgainstSecurityObject => "EF.COM against security object",
            CheckId::IssuingState => "Issuing state against signer",
            CheckId::DocumentExpiry => "Document's expiry",
            CheckId::MrzAgainstChip => "Printed lines against chip",
            CheckId::Portrait => "Portrait in the chip",
            CheckId::SinglePerson => "One person in the cabin",
            CheckId::Liveness => "Living person",
            CheckId::FaceMatch => "Face against portrait",
            CheckId::Morph => "Portrait of one person",
            CheckId::DocumentLookup => "Document look-up",
            CheckId::PersonLookup => "Person look-up",
            CheckId::TravelPermission => "Permission to travel",
        }
    }
}

/// Declares every reason once: variant, stable number, the officer's sentence.
macro_rules! reasons {
    ($( $(#[$m:meta])* $name:ident = $code:literal, $text:literal; )*) => {
        /// Why a check is not successful, or why a passage ended as it did. Numbers never change meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "u32", try_from = "u32")]
        #[repr(u32)]
        pub enum Reason { $( #[doc = $text] $(#[$m])* $name = $code, )* }

        impl Reason {
            /// Every reason, in order of number.
            pub const ALL: &'static [Reason] = &[ $( Reason::$name, )* ];

            /// The exact sentence for the officer. Never shown to a traveller.
            pub fn officer(self) -> &'static str {
                match self { $( Reason::$name => $text, )* }
            }
        }

        impl TryFrom<u32> for Reason {
            type Error = UnknownReason;
            fn try_from(code: u32) -> Result<Self, UnknownReason> {
                match code { $( $code => Ok(Reason::$name), )* other => Err(UnknownReason(other)) }
            }
        }
    };
}

reasons! {
    // 10xx: printed lines
    MrzUnreadable = 1001, "The printed lines could not be read.";
    MrzCheckDigit = 1002, "A check digit of the printed lines is wrong.";
    MrzFormat = 1003, "The printed lines do not have the form of a travel document.";
    // 11xx: chip access
    ChipMissing = 1101, "No chip answered.";
    ChipAccessDenied = 1102, "The chip refused access with the printed lines.";
    ChipLost = 1103, "The connection to the chip was lost while reading.";
    ChipProtocol = 1104, "The chip answered against the protocol.";
    ChipFileMissing = 1105, "A file that must be in the chip could not be read.";
    ChipFileMalformed = 1106, "A file of the chip is malformed.";
    ChipTimeout = 1107, "Reading the chip took too long.";
    // 12xx: chip authenticity
    ChipAuthenticationNotOffered = 1201, "The chip offers no proof that it is not a copy.";
    ChipAuthenticationFailed = 1202, "The chip could not prove that it is not a copy.";
    ChipAuthenticationNotChecked = 1203, "The chip's proof that it is not a copy was not asked for.";
    ChipKeyNotSigned = 1204, "The key with which the chip proved itself is none that the issuing state has signed.";
    ChipAuthenticationImpossible = 1205, "The chip announces a proof that it is not a copy which nobody can ask for.";
    ChipKeyCompromised = 1206, "The chip's key is of a series that is known to be compromised.";
    // 13xx: security object and certificates
    SecurityObjectMalformed = 1301, "The security object is malformed.";
    SecurityObjectSignatureWrong = 1302, "The signature over the security object is wrong.";
    SecurityObjectDigestWrong = 1303, "The signed digest is not that of the security object's content.";
    SecurityObjectAlgorithm = 1304, "The security object uses an algorithm that is not accepted.";
    SignerCertificateMissing = 1305, "The security object names a signer whose certificate is not there.";
    SignerUntrusted = 1311, "No trusted country certificate has signed the document signer's.";
    SignerSignatureWrong = 1312, "The signature on the document signer's certificate is wrong.";
    SignerNotYetValid = 1313, "The signer's certificate was not yet valid at signing.";
    SignerExpired = 1314, "The signer's certificate was no longer valid.";
    CountryCertificateExpired = 1315, "The country signing certificate was no longer valid.";
    SignerRevoked = 1316, "The document signer's certificate is revoked.";
    RevocationUnknown = 1317, "No current revocation list of the issuing country is at hand.";
    TrustStoreOld = 1318, "The trust store is older than the profile allows.";
    KnownDefect = 1319, "A defect is known of the documents of this signer.";
    AlgorithmWeak = 1320, "A key or algorithm is weaker than this gate accepts.";
    // 14xx: content of the chip
    DataGroupHashWrong = 1401, "A data group is not the one that was signed.";
    DataGroupNotSigned = 1402, "A data group that was read is not listed in the security object.";
    ComDisagrees = 1403, "EF.COM and the security object list different data groups.";
    IssuingStateDisagrees = 1404, "The issuing state is not the signer's country.";
    PortraitMissing = 1411, "No portrait was found in the chip.";
    PortraitUndecodable = 1412, "The portrait in the chip cannot be decoded.";
    PortraitFaceMissing = 1413, "No single usable face was found in the chip's portrait.";
    // 15xx: combined checks
    DocumentExpired = 1501, "The document has expired.";
    ExpiryUnreadable = 1502, "The document's date of expiry cannot be read.";
    MrzDisagreesWithChip = 1503, "The printed lines and the chip disagree.";
    OptionalDataDisagrees = 1504, "Only the optional data of printed lines and chip disagree.";
    // 20xx: person
    FaceNotFound = 2001, "No face was found in the pictures taken.";
    FaceMismatch = 2002, "The face does not match the portrait.";
    FaceUndecided = 2003, "The pictures taken do not suffice to compare the face.";
    PresentationAttack = 2011, "The pictures taken look like a photograph, a screen or a mask.";
    LivenessUndecided = 2012, "The pictures taken do not suffice to tell a living person.";
    SeveralFaces = 2021, "More than one face was in view.";
    SeveralPersons = 2022, "More than one person was in the cabin.";
    PersonChanged = 2023, "The person before the camera changed.";
    CabinUnobserved = 2024, "The cabin's sensors did not tell how many persons are inside.";
    MorphSuspected = 2031, "The portrait in the chip may be a morph of two people.";
    MorphUndecided = 2032, "The pictures taken do not suffice to look for a morph.";
    // 30xx: central
    DocumentReported = 3001, "The document is reported lost, stolen or revoked.";
    LookupUnavailable = 3002, "Central could not be asked.";
    LookupLate = 3003, "Central did not answer in time.";
    LookupAnswerInvalid = 3004, "Central's answer was not acceptable.";
    NoListInForce = 3005, "Central has no list in force against which this could be checked.";
    PersonListed = 3011, "The person may be on a watch list.";
    PersonUndecided = 3012, "Too many persons on watch lists are alike to compare them all.";
    PermissionMissing = 3021, "No permission to travel is known for the person.";
    // 40xx: course of the passage
    TravellerLeft = 4001, "The traveller left before the end.";
    TravellerTimeout = 4002, "The traveller did not go on in time.";
    DocumentRemoved = 4003, "The document was taken away while it was read.";
    WrongWay = 4004, "Somebody entered by the exit.";
    OfficerCalled = 4005, "The traveller asked for an officer.";
    ReleasedToOfficer = 4006, "An officer took the traveller over.";
    DocumentLeft = 4011, "The traveller left the document on the reader.";
    DocumentSwapped = 4012, "Another document was laid on the reader in the middle of the passage.";
    ObjectLeft = 4013, "Something was left in the cabin.";
    // 50xx: the lane itself
    GateLost = 5001, "The connection to the gate was lost.";
    GateFault = 5002, "The gate reports a fault.";
    EmergencyStop = 5003, "The emergency stop or the fire release is active.";
    CameraLost = 5004, "The camera gives no pictures.";
    ReaderLost = 5005, "The document reader does not answer.";
    OutcomeNotDurable = 5006, "The outcome could not be stored.";
    FaceEngineFailed = 5007, "The face engine failed.";
    LaneStopping = 5008, "The lane was taken out of service.";
    CheckMissing = 5009, "A check that the profile asks for was not made.";
    LivenessModelMissing = 5010, "No network that tells living persons from attacks is at hand.";
    DiskNearlyFull = 5011, "The lane's disk or queue has little room left, or takes no writing.";
    ClockWrong = 5012, "The lane's clock jumped or is wrong.";
    CertificateExpiring = 5013, "The lane's certificate ends soon.";
    QueueStuck = 5014, "Central does not take what the lane's queue holds.";
}

/// A number that no [`Reason`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no reason has the number {0}")]
pub struct UnknownReason(pub u32);

impl From<Reason> for u32 {
    fn from(reason: Reason) -> u32 {
        reason as u32
    }
}

impl Reason {
    /// Stable number, 1,000–999,999 (TR-03135-1 §5.3).
    pub fn code(self) -> u32 {
        self as u32
    }
}

/// One check with what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub id: CheckId,
    /// Its result.
    pub result: CheckResult,
    /// Why it is not successful; empty when it is.
    pub reasons: Vec<Reason>,
    /// What an officer or engineer may want to know beside the reasons ("DG2", a subject name); never
    /// needed to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Check {
    /// A check that was passed.
    pub fn successful(id: CheckId) -> Self {
        Check { id, result: CheckResult::Successful, reasons: Vec::new(), detail: None }
    }

    /// A check that was not passed, with its reason.
    pub fn failed(id: CheckId, reason: Reason) -> Self {
        Check { id, result: CheckResult::Failed, reasons: vec![reason], detail: None }
    }

    /// A check that could not be decided, with its reason.
    pub fn undetermined(id: CheckId, reason: Reason) -> Self {
        Check { id, result: CheckResult::Undetermined, reasons: vec![reason], detail: None }
    }

    /// A feature that this document or lane lacks, with its reason.
    pub fn not_supported(id: CheckId, reason: Reason) -> Self {
        Check { id, result: CheckResult::NotSupported, reasons: vec![reason], detail: None }
    }

    /// A check that broke off, with its reason.
    pub fn aborted(id: CheckId, reason: Reason) -> Self {
        Check { id, result: CheckResult::Aborted, reasons: vec![reason], detail: None }
    }

    /// Longest detail, bytes: details quote outside data, and a record must always have room for them.
    pub const DETAIL_BYTES_MOST: usize = 512;

    /// The same check with a word for officers and engineers, cut to [`Check::DETAIL_BYTES_MOST`].
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(Self::DETAIL_BYTES_MOST));
        self.detail = Some(detail);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_vendors_range_and_leads_back_to_its_reason() {
        for reason in Reason::ALL {
            assert!((1_000..=999_999).contains(&reason.code()));
            assert_eq!(Reason::try_from(reason.code()), Ok(*reason));
        }
        assert!(Reason::try_from(1).is_err());
    }

    #[test]
    fn a_detail_is_cut_between_two_characters() {
        let check = Check::successful(CheckId::Portrait).with_detail("é".repeat(4_000));
        assert!(check.detail.is_some_and(|detail| detail.len() <= Check::DETAIL_BYTES_MOST));
    }
}
