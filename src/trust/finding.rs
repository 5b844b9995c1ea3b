//! What is odd about a document's signatures and certificates without making them wrong.
//!
//! Real documents break the profiles of Doc 9303-10 and -12 in many small ways, use algorithms that have
//! grown weak, or belong to a series whose defects are known. Each of these is a [`Finding`] with a number
//! of its own, from the range of [`crate::check::Reason`] but never one of its numbers. A finding by itself
//! fails no check; [`super::TrustRules`] may say that some of them do.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Declares every finding once: variant, stable number, clause, sentence.
macro_rules! findings {
    ($( $name:ident = $code:literal, $clause:literal, $text:literal; )*) => {
        /// One kind of oddity. Numbers never change meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Finding { $( #[doc = $text] $name = $code, )* }

        impl Finding {
            /// Every finding, in order of number.
            pub const ALL: &'static [Finding] = &[ $( Finding::$name, )* ];

            /// The sentence for officers and engineers.
            pub fn text(self) -> &'static str {
                match self { $( Finding::$name => $text, )* }
            }

            /// The clause that is not kept, or that tells of it.
            pub fn clause(self) -> &'static str {
                match self { $( Finding::$name => $clause, )* }
            }
        }
    };
}

findings! {
    // 60xx: envelope of the security object
    EnvelopeVersion = 6001, "Doc 9303-10 §4.6.2.2", "The version of the signed envelope is not 3.";
    SeveralSigners = 6002, "Doc 9303-10 §4.6.2.2", "More than one signer has signed.";
    SignerVersion = 6003, "RFC 5652 §5.3", "The signer's version does not fit how the signer is named.";
    NotDistinguished = 6004, "Doc 9303-10 §4.6.2.2", "The envelope is encoded in BER where DER is wanted.";
    ContentTypeOther = 6005, "Doc 9303-10 §4.6.2.3", "The content's type has the number of an early edition.";
    SignerNotEnclosed = 6006, "Doc 9303-10 §4.6.2.2", "The signer's certificate is not in the envelope.";
    SignerNameSpelling = 6007, "RFC 5652 §5.3", "The signer's name is written otherwise than in the certificate.";
    SignerMisnamed = 6008, "RFC 5652 §5.3", "The signer is named as somebody else; the key is right.";
    AttributesUnsorted = 6009, "RFC 5652 §5.4", "The signature is over attributes that are not in the order of DER.";
    AlgorithmMisnamed = 6010, "RFC 5652 §5.3", "The signature is of another algorithm than the one that is named.";
    DigestNotAnnounced = 6011, "RFC 5652 §5.1", "The signer's digest is not among the ones announced.";
    RevocationsEnclosed = 6012, "Doc 9303-10 §4.6.2.2", "Revocation lists are in the envelope, where none may be.";
    VersionInfo = 6013, "Doc 9303-10 §4.6.2.3", "LDS version information is there in version 0, or missing in version 1.";
    CertificateUnreadable = 6014, "Doc 9303-10 §4.6.2.2", "A certificate in the envelope cannot be read.";
    // 61xx: profiles of certificates
    CertificateVersion = 6101, "Doc 9303-12 table 5", "The certificate's version is not 3.";
    SerialNumber = 6102, "Doc 9303-12 table 5", "The serial number is negative, or longer than 20 bytes.";
    CountryMissing = 6103, "Doc 9303-12 §7.1.1", "A name in the certificate has no country.";
    CountryCase = 6104, "Doc 9303-12 §7.1.1", "The country in the certificate is not written in capital letters.";
    CountriesDiffer = 6105, "Doc 9303-12 §7.1.1", "Subject and issuer of the certificate are of different countries.";
    AuthorityKeyIdMissing = 6106, "Doc 9303-12 table 6", "The certificate does not name its issuer's key.";
    SubjectKeyIdMissing = 6107, "Doc 9303-12 table 6", "The country certificate does not name its own key.";
    KeyUsageMissing = 6108, "Doc 9303-12 table 6", "The certificate does not say what its key is for.";
    KeyUsageOther = 6109, "Doc 9303-12 table 6", "The certificate's key is for other uses than the profile's.";
    NotCritical = 6110, "Doc 9303-12 table 6", "An extension that must be critical is not.";
    BasicConstraints = 6111, "Doc 9303-12 table 6", "Basic constraints are not those of the profile.";
    UsagePeriodMissing = 6112, "Doc 9303-12 table 6", "The certificate does not say how long its key signs.";
    DocumentTypesMissing = 6113, "Doc 9303-12 table 6", "The signer's certificate does not list the kinds of document it signs.";
    DocumentTypeOther = 6114, "Doc 9303-12 §7.1.1.6", "The document is of a kind that its signer does not list.";
    AlternativeNameMissing = 6115, "Doc 9303-12 table 6", "An alternative name is missing in the certificate.";
    RevocationPlaceMissing = 6116, "Doc 9303-12 table 6", "The certificate does not say where its revocation list is.";
    PurposeInSigner = 6117, "Doc 9303-12 table 6", "The signer's certificate lists further purposes.";
    UnknownCritical = 6118, "RFC 5280 §4.2", "A critical extension of the certificate is not known.";
    ValidityEncoding = 6119, "RFC 5280 §4.1.2.5", "The dates in the certificate are not encoded as they must be.";
    ExtensionMalformed = 6120, "RFC 5280 §4.2", "An extension of the certificate cannot be read.";
    SignedOutsideUsage = 6121, "Doc 9303-12 §7.1.1.5", "The signer's key was used outside its usage period.";
    NamedCurve = 6122, "Doc 9303-12 §4.1.6.3", "The curve of a key is named where its parameters must be given.";
    // 62xx: strength
    WeakDigest = 6201, "Doc 9303-12 §4.1.6", "A signature or hash uses SHA-1.";
    WeakRsa = 6202, "Doc 9303-12 §4.1.6.1", "A key for RSA or DSA has fewer than 2,048 bits.";
    WeakCurve = 6203, "Doc 9303-12 §4.1.6.3", "A key's curve has fewer than 224 bits.";
    // 63xx: known defects, by a defect list of BSI TR-03129-2
    SignerWithdrawn = 6301, "TR-03135-1 §5.8.2.1.1", "A defect list withdraws the signer's certificate.";
    SignerReplaced = 6302, "TR-03135-1 §5.8.2.1.2", "A defect list replaces the signer's malformed certificate.";
    ChipAuthenticationKeys = 6303, "TR-03135-1 §5.8.2.1.3", "The keys of chip authentication are known to be compromised.";
    ActiveAuthenticationKeys = 6304, "TR-03135-1 §5.8.2.1.4", "The keys of active authentication are known to be compromised.";
    DataGroupMalformed = 6305, "TR-03135-1 §5.8.2.2.1", "A data group is known to be malformed.";
    SecurityObjectInvalid = 6306, "TR-03135-1 §5.8.2.2.2", "The security object is known to be malformed.";
    CardSecurityInvalid = 6307, "TR-03135-1 §5.8.2.3.1", "EF.CardSecurity is known to be malformed.";
    PowerDownNeeded = 6308, "TR-03135-1 §5.8.2.3.3", "The chip is known to need a power-down between two steps.";
    DefectOther = 6309, "TR-03135-1 §5.8.2", "A defect is known of a kind that is not known here.";
    // 632x: known deviations, by a deviation list of the issuing state
    DeviationSignerSignature = 6321, "Doc 9303-12 §10", "The signature on the signer's certificate is known to be wrong.";
    DeviationSignerEncoding = 6322, "Doc 9303-12 §10", "The signer's certificate is known to be encoded wrongly.";
    DeviationCountryEncoding = 6323, "Doc 9303-12 §10", "The country certificate is known to be encoded wrongly.";
    DeviationDataGroupHash = 6324, "Doc 9303-12 §10", "The hash of a data group is known to be wrong.";
    DeviationComList = 6325, "Doc 9303-12 §10", "EF.COM is known to disagree with the security object.";
    DeviationMrzData = 6326, "Doc 9303-12 §10", "The printed lines are known to hold wrong data.";
    DeviationMrzCheckDigit = 6327, "Doc 9303-12 §10", "The printed lines are known to have wrong check digits.";
    DeviationChip = 6328, "Doc 9303-12 §10", "The chip is known to deviate.";
    DeviationOther = 6329, "Doc 9303-12 §10", "A deviation is known of a kind that is not known here.";
}

impl Finding {
    /// Stable number, 6,001–6,999.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// Whether it tells of a key or digest that has grown weak.
    pub fn is_weakness(self) -> bool {
        (6200..6300).contains(&self.code())
    }

    /// Whether it tells of a defect or deviation that a signed list knows of.
    pub fn is_known_defect(self) -> bool {
        (6300..6400).contains(&self.code())
    }
}

/// A finding with what it was found at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What is odd.
    pub finding: Finding,
    /// Where: a certificate's subject, a data group, an extension. May quote outside data.
    pub about: String,
}

impl Note {
    /// A finding at this place.
    pub fn new(finding: Finding, about: impl Into<String>) -> Note {
        Note { finding, about: about.into() }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut note = serializer.serialize_struct("Note", 4)?;
        note.serialize_field("code", &self.finding.code())?;
        note.serialize_field("text", self.finding.text())?;
        note.serialize_field("clause", self.finding.clause())?;
        note.serialize_field("about", &self.about)?;
        note.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reason;

    #[test]
    fn every_number_is_its_own_and_no_reason_has_it() {
        for pair in Finding::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code(), "{:?}", pair[1]);
        }
        for finding in Finding::ALL {
            assert!((6_001..7_000).contains(&finding.code()));
            assert!(Reason::try_from(finding.code()).is_err());
        }
    }
}
