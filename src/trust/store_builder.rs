//! Filling a [`TrustStore`], in any order; what belongs together is found out at the end.

use super::certificate::Certificate;
use super::der::DerError;
use super::directory::{Directory, Source};
use super::known_defects::{DefectList, DefectListError};
use super::master_list::{MasterList, MasterListError};
use super::material::TrustMaterial;
use super::revocation::RevocationList;
use super::rules::TrustRules;
use super::store::{Refusal, Revocations, TrustStore};
use jiff::Timestamp;
use std::collections::HashSet;

/// Fills a [`TrustStore`].
#[derive(Debug, Default)]
pub struct TrustStoreBuilder {
    certificates: Vec<(Certificate, Source)>,
    seen: HashSet<Vec<u8>>,
    revocations: Vec<RevocationList>,
    defects: Vec<DefectList>,
    rules: TrustRules,
    /// Days of issue of the verified lists.
    issued: Vec<Timestamp>,
    refused: Vec<Refusal>,
}

impl TrustStoreBuilder {
    /// The operator's rules; those of [`TrustRules::default`] without.
    #[must_use]
    pub fn rules(mut self, rules: TrustRules) -> Self {
        self.rules = rules;
        self
    }

    /// Adds a certificate that the operator trusts. A country signing certificate becomes an authority,
    /// a link certificate too if an authority has signed it; any other is kept as a document signer that
    /// must still chain to an authority.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_certificate_der(&mut self, bytes: &[u8]) -> Result<(), DerError> {
        self.add(Certificate::parse(bytes)?, Source::Operator);
        Ok(())
    }

    /// Adds all certificates of a master list that one of `roots` vouches for.
    ///
    /// # Errors
    /// When the list cannot be read or does not verify; then nothing of it is added.
    pub fn add_master_list(&mut self, bytes: &[u8], roots: &[Certificate]) -> Result<(), MasterListError> {
        self.add_list(MasterList::parse(bytes)?, roots)
    }

    /// Adds a revocation list; it counts if an authority of that name has signed it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_crl_der(&mut self, bytes: &[u8]) -> Result<(), DerError> {
        self.revocations.push(RevocationList::parse(bytes)?);
        Ok(())
    }

    /// Adds whatever a file held. Of a collection, master lists that `roots` do not vouch for are refused
    /// and the rest is added.
    ///
    /// # Errors
    /// When it is a master list that does not verify.
    pub fn add_material(
        &mut self,
        material: TrustMaterial,
        roots: &[Certificate],
    ) -> Result<(), MasterListError> {
        match material {
            TrustMaterial::Certificates(all) => {
                all.into_iter().for_each(|certificate| self.add(certificate, Source::Operator));
            }
            TrustMaterial::RevocationList(list) => self.revocations.push(*list),
            TrustMaterial::DefectList(list) => self.defects.push(*list),
            TrustMaterial::MasterList(list) => self.add_list(*list, roots)?,
            TrustMaterial::Collection { materials, unreadable } => {
                if unreadable > 0 {
                    let why = format!("{unreadable} values in it cannot be read");
                    self.refused.push(Refusal { what: "LDIF".into(), why, broken: false });
                }
                self.add_collection(materials, roots);
            }
        }
        Ok(())
    }

    /// Adds all files of an operator by name and content. The single certificates among them, and only
    /// they, may vouch for the lists among them: what a list holds vouches for no other list.
    pub fn add_files(&mut self, files: Vec<(String, TrustMaterial)>) {
        let mut roots = Vec::new();
        for (_, material) in &files {
            if let TrustMaterial::Certificates(all) = material {
                roots.extend(all.iter().filter(|certificate| certificate.is_authority()).cloned());
            }
        }
        for (what, material) in files {
            if let Err(error) = self.add_material(material, &roots) {
                self.refuse(what, &error);
            }
        }
    }

    /// A collection's signers and lists are the PKD's and not the operator's: they must verify.
    fn add_collection(&mut self, materials: Vec<TrustMaterial>, roots: &[Certificate]) {
        for material in materials {
            match material {
                TrustMaterial::Certificates(all) => {
                    let signers = all.into_iter().filter(|certificate| !certificate.is_authority());
                    signers.for_each(|signer| self.add(signer, Source::Operator));
                }
                TrustMaterial::MasterList(list) => {
                    let signer = list.envelope_certificates().first().map(|c| c.issuer().to_string());
                    if let Err(error) = self.add_list(*list, roots) {
                        let signer = signer.unwrap_or_else(|| "nobody named".into());
                        self.refuse(format!("master list of {signer}"), &error);
                    }
                }
                TrustMaterial::RevocationList(list) => self.revocations.push(*list),
                TrustMaterial::DefectList(list) => self.defects.push(*list),
                TrustMaterial::Collection { .. } => {}
            }
        }
    }

    fn refuse(&mut self, what: String, error: &MasterListError) {
        let broken = !error.is_lack_of_trust();
        self.refused.push(Refusal { what, why: error.to_string(), broken });
    }

    fn add_list(&mut self, list: MasterList, roots: &[Certificate]) -> Result<(), MasterListError> {
        list.verify(roots)?;
        self.issued.extend(list.issued());
        list.into_certificates().into_iter().for_each(|certificate| self.add(certificate, Source::List));
        Ok(())
    }

    fn add(&mut self, certificate: Certificate, source: Source) {
        if !self.seen.contains(certificate.der()) {
            self.seen.insert(certificate.der().to_vec());
            self.certificates.push((certificate, source));
        }
    }

    /// Puts everything in its place. `imported` is when the content was brought in: where a verified list
    /// tells its day of issue, that counts in its place.
    pub fn build(self, imported: Timestamp) -> TrustStore {
        let mut store = TrustStore { refused: self.refused, rules: self.rules, ..TrustStore::default() };
        let mut roots = Vec::new();
        for (certificate, source) in self.certificates {
            if !certificate.is_authority() {
                store.signers.insert(certificate);
                continue;
            }
            if source == Source::Operator {
                roots.push(certificate.clone());
            }
            store.authorities.insert(certificate, source);
        }
        for list in self.revocations {
            let issuer = list.issuer().key().to_owned();
            store.revocations.entry(issuer).or_default().push(Revocations::new(list));
        }
        let mut issued = self.issued;
        for list in self.defects {
            issued.extend(insert_defects(&mut store, list, &roots));
        }
        issued.extend(store.youngest_revocations(imported));
        let youngest = issued.into_iter().filter(|issued| *issued <= imported).max();
        store.as_of = youngest.unwrap_or(imported);
        store
    }
}

/// Puts the defects of a list in, or refuses it; gives its day of issue.
fn insert_defects(store: &mut TrustStore, list: DefectList, roots: &[Certificate]) -> Option<Timestamp> {
    let issued = list.issued();
    let what = format!("list of defects of {}", list.country().unwrap_or_else(|| "nobody named".into()));
    match list.verified(roots.iter(), |signer| own_country(&store.authorities, signer)) {
        Ok((country, defects)) => {
            store.defects.entry(country.unwrap_or_default()).or_default().extend(defects);
            issued
        }
        Err(error) => {
            let broken = matches!(error, DefectListError::Envelope(_));
            store.refused.push(Refusal { what, why: error.to_string(), broken });
            None
        }
    }
}

/// Trusted certificates of the signer's issuer that are of its country.
fn own_country<'a>(authorities: &'a Directory, signer: &Certificate) -> Vec<&'a Certificate> {
    let country = signer.issuer().country();
    authorities.issuers(signer).filter(|issuer| issuer.subject().country() == country).collect()
}
