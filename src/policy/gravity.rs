//! How grave a reason is, so that the officer reads the gravest first.

use crate::check::Reason;

/// Gravity of a reason, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Somebody may be in danger or the border crossed: act now.
    Danger,
    /// Evidence against document or person.
    Evidence,
    /// The document or the presentation does not meet the rules; most often innocent.
    Irregular,
    /// Nothing could be said.
    Unknown,
    /// The passage took another course.
    Course,
    /// The lane itself.
    Lane,
}

/// Puts reasons in the officer's order, gravest first, then by number, and drops repetitions.
pub(crate) fn gravest_first(reasons: &mut Vec<Reason>) {
    reasons.sort_by_key(|&reason| (gravity(reason), reason.code()));
    reasons.dedup();
}

/// How grave a reason is.
pub fn gravity(reason: Reason) -> Gravity {
    use Reason::*;
    match reason {
        EmergencyStop | WrongWay => Gravity::Danger,

        ChipAuthenticationFailed
        | ChipKeyNotSigned
        | ChipKeyCompromised
        | SecurityObjectSignatureWrong
        | SecurityObjectDigestWrong
        | SignerUntrusted
        | SignerSignatureWrong
        | SignerRevoked
        | DataGroupHashWrong
        | DataGroupNotSigned
        | IssuingStateDisagrees
        | MrzDisagreesWithChip
        | FaceMismatch
        | PresentationAttack
        | PersonChanged
        | DocumentReported
        | DocumentSwapped
        | PersonListed => Gravity::Evidence,

        MrzCheckDigit
        | MrzFormat
        | ChipAccessDenied
        | SecurityObjectMalformed
        | SecurityObjectAlgorithm
        | KnownDefect
        | AlgorithmWeak
        | SignerCertificateMissing
        | SignerNotYetValid
        | SignerExpired
        | CountryCertificateExpired
        | ComDisagrees
        | OptionalDataDisagrees
        | DocumentExpired
        | SeveralFaces
        | SeveralPersons
        | PermissionMissing
        | ObjectLeft
        | MorphSuspected => Gravity::Irregular,

        MrzUnreadable
        | ChipMissing
        | ChipLost
        | ChipProtocol
        | ChipFileMissing
        | ChipFileMalformed
        | ChipTimeout
        | ChipAuthenticationNotOffered
        | ChipAuthenticationNotChecked
        | ChipAuthenticationImpossible
        | RevocationUnknown
        | TrustStoreOld
        | PortraitMissing
        | PortraitUndecodable
        | PortraitFaceMissing
        | ExpiryUnreadable
        | FaceNotFound
        | FaceUndecided
        | LivenessUndecided
        | MorphUndecided
        | CabinUnobserved
        | LookupUnavailable
        | LookupLate
        | LookupAnswerInvalid
        | NoListInForce
        | PersonUndecided => Gravity::Unknown,

        TravellerLeft | TravellerTimeout | DocumentRemoved | DocumentLeft | OfficerCalled
        | ReleasedToOfficer => Gravity::Course,

        GateLost | GateFault | CameraLost | ReaderLost | OutcomeNotDurable | FaceEngineFailed
        | LaneStopping | CheckMissing | LivenessModelMissing | DiskNearlyFull | ClockWrong
        | CertificateExpiring | QueueStuck => Gravity::Lane,
    }
}
