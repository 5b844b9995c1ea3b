//! What an operator lays into a trust folder, known by its content rather than by its file name.

use super::certificate::Certificate;
use super::known_defects::{DefectList, DefectListError};
use super::ldif::{self, LdifError};
use super::master_list::{MasterList, MasterListError};
use super::revocation::RevocationList;
use openssl::x509::{X509, X509Crl};

/// How far into a file the first PEM block may begin, bytes; some tools write words before it.
const PEM_PREAMBLE: usize = 4096;

/// One file for a [`super::TrustStore`].
#[derive(Debug, Clone)]
pub enum TrustMaterial {
    /// One certificate in DER, or several in PEM.
    Certificates(Vec<Certificate>),
    /// A revocation list in DER or PEM.
    RevocationList(Box<RevocationList>),
    /// A master list.
    MasterList(Box<MasterList>),
    /// A defect list of BSI TR-03129-2, or a deviation list of Doc 9303-12 §10.
    DefectList(Box<DefectList>),
    /// LDIF of the ICAO PKD: what in it can be read, and how much cannot.
    Collection {
        /// Certificates, revocation lists and master lists, in the order of the file.
        materials: Vec<TrustMaterial>,
        /// Values that are none of these.
        unreadable: usize,
    },
}

/// Bytes that are none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustMaterialError {
    /// PEM that cannot be decoded, or holds something that cannot be read.
    #[error("a PEM block in it cannot be read: {0}")]
    Pem(String),
    /// Neither PEM nor anything known in DER.
    #[error("neither a certificate nor a revocation list nor a list of defects, and {0}")]
    Unknown(MasterListError),
    /// LDIF that cannot be read.
    #[error(transparent)]
    Ldif(#[from] LdifError),
}

impl TrustMaterial {
    /// Finds out what these bytes are.
    ///
    /// # Errors
    /// When they are none of it.
    pub fn parse(bytes: &[u8]) -> Result<TrustMaterial, TrustMaterialError> {
        let pem = |e: &dyn std::fmt::Display| TrustMaterialError::Pem(e.to_string());
        let begins = |mark: &[u8]| bytes.windows(mark.len()).take(PEM_PREAMBLE).any(|found| found == mark);
        if begins(b"-----BEGIN X509 CRL-----") {
            let der = X509Crl::from_pem(bytes).and_then(|list| list.to_der()).map_err(|e| pem(&e))?;
            let list = RevocationList::parse(&der).map_err(|e| pem(&e))?;
            return Ok(TrustMaterial::RevocationList(Box::new(list)));
        }
        if begins(b"-----BEGIN ") {
            let all = X509::stack_from_pem(bytes).map_err(|e| pem(&e))?;
            let ders: Vec<Vec<u8>> =
                all.iter().map(|c| c.to_der()).collect::<Result<_, _>>().map_err(|e| pem(&e))?;
            let parsed: Result<Vec<_>, _> = ders.iter().map(|der| Certificate::parse(der)).collect();
            return parsed.map(TrustMaterial::Certificates).map_err(|e| pem(&e));
        }
        if ldif::begins_as_ldif(bytes) {
            return TrustMaterial::from_ldif(bytes);
        }
        TrustMaterial::from_der(bytes)
    }

    fn from_der(bytes: &[u8]) -> Result<TrustMaterial, TrustMaterialError> {
        if let Ok(certificate) = Certificate::parse(bytes) {
            return Ok(TrustMaterial::Certificates(vec![certificate]));
        }
        if let Ok(list) = RevocationList::parse(bytes) {
            return Ok(TrustMaterial::RevocationList(Box::new(list)));
        }
        match DefectList::parse(bytes) {
            Ok(list) => Ok(TrustMaterial::DefectList(Box::new(list))),
            Err(DefectListError::ContentType(_)) => {
                let list = MasterList::parse(bytes).map_err(TrustMaterialError::Unknown)?;
                Ok(TrustMaterial::MasterList(Box::new(list)))
            }
            Err(error) => Err(TrustMaterialError::Unknown(MasterListError::ContentType(error.to_string()))),
        }
    }

    fn from_ldif(bytes: &[u8]) -> Result<TrustMaterial, TrustMaterialError> {
        let (mut materials, mut unreadable) = (Vec::new(), 0);
        for value in ldif::values(bytes)? {
            match TrustMaterial::from_der(&value) {
                Ok(material) => materials.push(material),
                Err(_) => unreadable += 1,
            }
        }
        Ok(TrustMaterial::Collection { materials, unreadable })
    }
}
