//! What can be wrong with a document, by name.

/// What is wrong with a document, and nothing else is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A good document
    #[default]
    None,
    // The page, TR-03135-1 §5.5 and §5.7.
    /// Expired, whatever date was ordered
    Expired,
    /// Other given names are printed than are in the chip; they do not enter the keys that open it
    PrintedLinesDiffer,
    /// Only the optional data differ between page and chip
    OptionalDataDiffer,
    /// A check digit is wrong, on the page and in the chip alike
    CheckDigitWrong,
    // The security object, TR-03135-1 §5.6.4.2 and §5.8.2.2.
    /// The signature over the security object is wrong
    SignatureWrong,
    /// The signed digest is not that of the security object's content
    ContentDigestWrong,
    /// The security object is signed, and its content is not what it must be
    SecurityObjectMalformed,
    /// The security object is hashed and signed with RSA of 1,024 bits and SHA-1
    WeakAlgorithm,
    /// The security object names its signer by another issuer's name
    SignerNamedWrongly,
    /// The security object does not hold its signer's certificate
    SignerCertificateMissing,
    // The signer, TR-03135-1 §5.6.4.3 and §5.8.2.1.
    /// The signer's certificate cannot be read
    SignerCertificateMalformed,
    /// The signature on the signer's certificate is wrong
    SignerCertificateForged,
    /// The document signer is on the country's revocation list
    SignerRevoked,
    /// The document signer's certificate was no longer valid at signing
    SignerExpired,
    /// The document signer's certificate was not yet valid at signing
    SignerNotYetValid,
    /// The country certificate was no longer valid at signing
    AuthorityExpired,
    /// Signed under a country certificate that is in no trust bundle
    UnknownCountry,
    /// Signed under the trusted certificate of another country than DG1 names
    OtherCountry,
    // The data groups, TR-03135-1 §5.6.4.4 and §5.8.2.2.
    /// The portrait was replaced after signing: DG2 is not the one of the security object
    PortraitReplaced,
    /// The security object has another hash of DG1
    HashWrong,
    /// The security object lists DG2, and the chip does not have it
    DataGroupMissing,
    /// DG2 is signed as it is, and is no portrait
    DataGroupMalformed,
    /// The chip has a DG13 that the security object does not list
    DataGroupUnsigned,
    /// EF.COM lists a data group that neither chip nor security object have
    ComDisagrees,
    // The chip, TR-03135-1 §5.6.4.1. These need a chip that can prove itself.
    /// A copy: all files are genuine, and the private keys are not
    ChipCloned,
    /// DG14 was replaced after signing, with keys that the chip has
    ChipKeysReplaced,
    /// DG14 was taken out of chip and EF.COM, and the security object still lists it
    #[value(name = "dg14-stripped")]
    #[serde(rename = "dg14-stripped")]
    Dg14Stripped,
    /// DG15 was taken out of chip and EF.COM, and the security object still lists it
    #[value(name = "dg15-stripped")]
    #[serde(rename = "dg15-stripped")]
    Dg15Stripped,
    /// The signature over EF.CardSecurity is wrong
    CardSecuritySignatureWrong,
}
