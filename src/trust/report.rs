//! The tree of TR-03135-1 §5.2 from what was found.

use super::authenticity::Authenticity;
use super::card_security::CardSecurity;
use super::certificate::Certificate;
use super::judgement::{Judgement, resting_on};
use super::passive::{GroupState, PassiveAuthentication};
use super::tree::Node;
use crate::check::{Check, CheckId, CheckResult, Reason};

/// What the electronic part of the tree is made of.
pub(super) struct Electronic<'a> {
    pub(super) access: &'a Check,
    /// How the chip was opened.
    pub(super) protocol: &'a str,
    pub(super) authenticity: &'a Authenticity,
    pub(super) passive: &'a PassiveAuthentication,
    pub(super) card_security: Option<&'a CardSecurity>,
    pub(super) com: &'a Check,
    pub(super) issuing_state: &'a Check,
}

/// What the combined part of the tree is made of.
pub(super) struct Combined<'a> {
    pub(super) expiry: &'a Check,
    pub(super) against_chip: &'a Check,
    /// Each element of the zone.
    pub(super) elements: &'a [(&'static str, Check)],
}

/// The whole tree of a document. Without a chip, `electronic` is the check that ended it.
pub(super) fn document(
    consistency: &Check,
    electronic: Result<Electronic<'_>, &Check>,
    combined: &Combined<'_>,
) -> Node {
    let electronic = match electronic {
        Ok(parts) => parts.tree(),
        Err(access) => {
            let access = vec![Node::of("chip access by BAC or PACE", "§5.6.3.1", access)];
            Node::group("electronic checks", "§5.6", access)
        }
    };
    Node::group("document", "§5.2", vec![optical(consistency), electronic, combined.tree(), digital_seal()])
}

fn optical(consistency: &Check) -> Node {
    let no_page = "the reader takes the printed lines, not the page";
    let children = vec![
        Node::of("printed lines consistent", "§5.5.4.1.1", consistency),
        Node::not_supported("document detection and capturing", "§5.5.2", no_page),
        Node::not_supported("spectrally selective verification", "§5.5.4.2", no_page),
    ];
    Node::group("optical checks", "§5.5", children)
}

fn digital_seal() -> Node {
    Node::not_supported("digital seal checks", "§5.9", "travel documents with a chip are not read for seals")
}

impl Combined<'_> {
    fn tree(&self) -> Node {
        let elements = self.elements.iter().map(|(name, check)| Node::of(*name, "§5.7.2", check)).collect();
        let children = vec![
            Node::of("document not expired", "§5.7.1", self.expiry),
            Node::of("printed lines against DG1", "§5.7.2", self.against_chip).with_children(elements),
        ];
        Node::group("combined checks", "§5.7", children)
    }
}

impl Electronic<'_> {
    fn tree(&self) -> Node {
        let terminal = "fingerprints are not asked for";
        let access = vec![
            Node::of("chip access by BAC or PACE", "§5.6.3.1", self.access).with_detail(self.protocol),
            Node::not_supported("terminal authentication", "§5.6.3.2", terminal),
        ];
        let authenticity = vec![
            Node::of("active authentication", "§5.6.4.1.1", &self.authenticity.active_authentication),
            Node::of("chip authentication", "§5.6.4.1.2", &self.authenticity.chip_authentication),
            Node::of("chip authentication mapping", "§5.6.4.1.3", &self.authenticity.mapping),
        ];
        let content = vec![
            Node::of("chip authenticity", "§5.6.4.1", &self.authenticity.check).with_children(authenticity),
            security_objects(self.passive, self.card_security),
            issuer_certificates(self.passive, self.card_security),
            integrity(self.passive, Some(self.com)),
            Node::of("issuing state against signer", "§5.6.4.5", self.issuing_state),
        ];
        let children = vec![
            Node::group("chip access protocols", "§5.6.3", access),
            Node::all("chip content", "§5.6.4", content),
        ];
        Node::group("electronic checks", "§5.6", children)
    }
}

impl PassiveAuthentication {
    /// The part of the tree that passive authentication is: §5.6.4.2 to §5.6.4.4.2.
    pub fn tree(&self) -> Node {
        let children =
            vec![security_objects(self, None), issuer_certificates(self, None), integrity(self, None)];
        Node::all("passive authentication", "§5.6.4.2", children)
    }
}

fn security_objects(passive: &PassiveAuthentication, card_security: Option<&CardSecurity>) -> Node {
    let mut object = security_object("EF.SOD", &passive.signature, &passive.judgement);
    if let Some(parsed) = &passive.security_object {
        let digest = parsed.digest().map_or_else(|error| error.to_string(), |digest| digest.to_string());
        object = object.with_detail(format!("LDS version {}, hashes by {digest}", parsed.version()));
    }
    let own = passive.findings.iter().filter(|note| !is_of_certificate(note.about.as_str(), passive));
    let mut children = vec![object.with_findings(own.cloned())];
    if let Some(card) = card_security {
        let node = security_object("EF.CardSecurity", &card.judgement.signature, &card.judgement);
        children.push(node.with_findings(card.judgement.findings.clone()));
    }
    Node::all("verification of the security objects", "§5.6.4.2.1", children)
}

/// Findings of certificates are told with the certificates.
fn is_of_certificate(about: &str, passive: &PassiveAuthentication) -> bool {
    let judgement = &passive.judgement;
    let certificates = [judgement.signer.as_ref(), judgement.authority.as_ref()];
    certificates.into_iter().flatten().any(|certificate| certificate.subject().to_string() == about)
}

fn security_object(name: &str, whole: &Check, judgement: &Judgement) -> Node {
    let mut node = Node::of(name, "§5.6.4.2.2", whole);
    if !judgement.algorithm.is_empty() {
        node = node.with_detail(judgement.algorithm.clone());
    }
    if let Some(at) = judgement.signing_time {
        node = node.with_detail(format!("signed at {at}"));
    }
    if judgement.signer.is_none() {
        return node;
    }
    let signature = match (judgement.digest.result, whole.result) {
        // The digest alone failed: of the signature nothing else is said.
        (CheckResult::Failed, _) if whole.reasons.len() == 1 => &judgement.digest,
        _ => whole,
    };
    node.with_children(vec![
        Node::of("hash value", "§5.6.4.2.2", &judgement.digest),
        Node::of("signature", "§5.6.4.2.2", signature),
    ])
}

fn issuer_certificates(passive: &PassiveAuthentication, card_security: Option<&CardSecurity>) -> Node {
    let age = passive.store;
    let trust = format!("trust store of {}, {} days old", age.as_of.strftime("%F"), age.days);
    let mut children = vec![issuer("EF.SOD", &passive.judgement, passive)];
    if let Some(card) = card_security {
        children.push(issuer("EF.CardSecurity", &card.judgement, passive));
    }
    Node::all("issuer certificates", "§5.6.4.3", children).with_detail(trust)
}

/// §5.6.4.3.2, one security object's.
fn issuer(name: &str, judgement: &Judgement, passive: &PassiveAuthentication) -> Node {
    let validity = vec![
        certificate("document signer", &judgement.validity_of_signer, judgement.signer.as_ref(), passive),
        certificate("country", &judgement.validity_of_authority, judgement.authority.as_ref(), passive),
    ];
    let trusted = resting_on(Check::successful(CheckId::SignerChain), &judgement.chain);
    let trusted = match judgement.revocation.result {
        CheckResult::Failed => Check::failed(CheckId::SignerChain, Reason::SignerRevoked),
        _ => trusted,
    };
    Node::all(
        format!("signer of {name}"),
        "§5.6.4.3.2",
        vec![
            Node::of("signature of the signer's certificate", "§5.6.4.3.3", &judgement.chain),
            Node::of("validity", "§5.6.4.3.4", &judgement.validity).with_children(validity),
            Node::of("revocation", "§5.6.4.3.5", &judgement.revocation),
            Node::of("trust status", "§5.6.4.3.6", &trusted),
        ],
    )
}

fn certificate(
    name: &str,
    validity: &Check,
    certificate: Option<&Certificate>,
    passive: &PassiveAuthentication,
) -> Node {
    let node = Node::of(name, "§5.6.4.3.4", validity);
    let Some(certificate) = certificate else { return node };
    let subject = certificate.subject().to_string();
    let findings: Vec<_> = passive.findings.iter().filter(|note| note.about == subject).cloned().collect();
    let days = [certificate.not_before(), certificate.not_after()].map(|at| at.strftime("%F").to_string());
    node.with_detail(subject)
        .with_detail(format!("valid {}", days.join(" to ")))
        .with_detail(format!("signed by {}", certificate.algorithm()))
        .with_findings(findings)
}

/// §5.6.4.4: EF.COM where the chip was read, and each data group.
fn integrity(passive: &PassiveAuthentication, com: Option<&Check>) -> Node {
    let groups = passive.groups.iter().map(|(number, state)| {
        let node = Node::of(format!("DG{number}"), "§5.6.4.4.2", &passive.group(*number));
        match state {
            GroupState::Present => Node { reasons: Vec::new(), ..node }.with_detail("listed, not read"),
            _ => node,
        }
    });
    let groups = Node::of("data groups", "§5.6.4.4.2", &passive.integrity).with_children(groups.collect());
    let com = com.map(|com| Node::of("EF.COM against EF.SOD", "§5.6.4.4.1", com));
    Node::all("integrity of chip contents", "§5.6.4.4", com.into_iter().chain([groups]).collect())
}
