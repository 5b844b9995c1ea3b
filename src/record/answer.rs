//! Central's signature over an answer: it is for one lane, one passage, one question, and a short time.
//!
//! Signed is the answer's canonical form (RFC 8785) behind `CONTEXT`, so that no other text that
//! central signs can ever pass for an answer. The lane knows central's public key from its kit.

use super::wire::{LookupAnswer, LookupQuestion};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// What stands before every signed answer.
const CONTEXT: &[u8] = b"egate look-up answer 1\0";
/// How far the clocks of lane and central may lie apart, milliseconds.
pub const CLOCKS_APART_MOST: i64 = 60_000;

/// An answer as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedAnswer {
    /// RFC 8785 JSON of a [`LookupAnswer`], as text.
    pub canonical: String,
    /// Ed25519 over the context `egate look-up answer 1` and `canonical`, hexadecimal.
    pub signature: String,
}

/// Why an answer is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The signature is not central's over this text.
    #[error("the answer's signature is not central's")]
    Signature,
    /// Signed, and yet no answer.
    #[error("not an answer in canonical form: {0}")]
    Form(String),
    /// Given to another lane.
    #[error("the answer is for lane {0:?}")]
    OtherLane(String),
    /// Given to another question: a replay.
    #[error("the answer is to another question")]
    OtherQuestion,
    /// Its time is over, or has not come: a replay, or a clock that is wrong.
    #[error("the answer's time is not now: lane's and central's clocks may differ by a minute at most")]
    Expired,
}

impl SignedAnswer {
    /// Brings an answer into canonical form and signs it.
    ///
    /// # Errors
    /// When a time in it is beyond what JSON readers hold exactly.
    pub fn sign(answer: &LookupAnswer, key: &SigningKey) -> Result<SignedAnswer, AnswerError> {
        let canonical = canonical(answer)?;
        let signature = hex::encode(key.sign(&signed_bytes(&canonical)).to_bytes());
        Ok(SignedAnswer { canonical, signature })
    }

    /// The answer, when central signed it for this lane and question and its time is not over; `now` in
    /// milliseconds since 1970 UTC by the lane's clock.
    ///
    /// # Errors
    /// With the first of these that does not hold.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        lane: &str,
        question: &LookupQuestion,
        now: i64,
    ) -> Result<LookupAnswer, AnswerError> {
        let signature = hex::decode(&self.signature).map_err(|_| AnswerError::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| AnswerError::Signature)?;
        let signed = signed_bytes(&self.canonical);
        key.verify_strict(&signed, &signature).map_err(|_| AnswerError::Signature)?;
        let answer: LookupAnswer =
            serde_json::from_str(&self.canonical).map_err(|error| AnswerError::Form(error.to_string()))?;
        if answer.lane != lane {
            return Err(AnswerError::OtherLane(answer.lane));
        }
        if answer.passage != question.passage || answer.nonce != question.nonce {
            return Err(AnswerError::OtherQuestion);
        }
        let begins = answer.issued.saturating_sub(CLOCKS_APART_MOST);
        let ends = answer.expires.saturating_add(CLOCKS_APART_MOST);
        if !(begins..ends).contains(&now) {
            return Err(AnswerError::Expired);
        }
        Ok(answer)
    }
}

fn canonical(answer: &LookupAnswer) -> Result<String, AnswerError> {
    serde_json_canonicalizer::to_string(answer).map_err(|error| AnswerError::Form(error.to_string()))
}

fn signed_bytes(canonical: &str) -> Vec<u8> {
    [CONTEXT, canonical.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::wire::{ArrivalStatus, DocumentStatus, PermissionStatus, PersonStatus};

    const NOW: i64 = 1_800_000_000_000;

    fn question() -> LookupQuestion {
        LookupQuestion {
            passage: "lane-1/a/1".into(),
            nonce: "0f".repeat(16),
            patience_ms: 3000,
            document_code: "P".into(),
            issuing_state: "UTO".into(),
            document_number: "L898902C3".into(),
            nationality: "UTO".into(),
            surname: "ERIKSSON".into(),
            given_names: "ANNA MARIA".into(),
            date_of_birth: "740812".into(),
            sex: "F".into(),
        }
    }

    fn answer() -> LookupAnswer {
        LookupAnswer {
            lane: "lane-1".into(),
            passage: question().passage,
            nonce: question().nonce,
            issued: NOW,
            expires: NOW + 30_000,
            document: DocumentStatus::Clear,
            person: PersonStatus::Clear,
            permission: PermissionStatus::NotChecked,
            arrival: ArrivalStatus::NotChecked,
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn verify(answer: &LookupAnswer, lane: &str, now: i64) -> Result<LookupAnswer, AnswerError> {
        SignedAnswer::sign(answer, &key()).unwrap().verify(&key().verifying_key(), lane, &question(), now)
    }

    #[test]
    fn an_answer_is_believed_by_its_lane_for_its_question_in_its_time() {
        assert_eq!(verify(&answer(), "lane-1", NOW), Ok(answer()));
        assert_eq!(verify(&answer(), "lane-1", NOW + 30_000), Ok(answer()), "clocks differ a little");
    }

    #[test]
    fn a_replayed_or_foreign_answer_is_not_believed() {
        assert_eq!(verify(&answer(), "lane-2", NOW), Err(AnswerError::OtherLane("lane-1".into())));
        for replayed in [
            LookupAnswer { nonce: "00".repeat(16), ..answer() },
            LookupAnswer { passage: "lane-1/a/2".into(), ..answer() },
        ] {
            assert_eq!(verify(&replayed, "lane-1", NOW), Err(AnswerError::OtherQuestion));
        }
        for now in [NOW + 90_000, NOW - 60_001, i64::MAX, i64::MIN] {
            assert_eq!(verify(&answer(), "lane-1", now), Err(AnswerError::Expired), "{now}");
        }
    }

    #[test]
    fn an_altered_answer_or_one_of_another_key_is_not_believed() {
        let listed = LookupAnswer { document: DocumentStatus::Reported("stolen".into()), ..answer() };
        let signed = SignedAnswer::sign(&listed, &key()).unwrap();
        let mut altered = SignedAnswer::sign(&answer(), &key()).unwrap();
        altered.signature = signed.signature.clone();
        let check = |signed: &SignedAnswer, key: &SigningKey| {
            signed.verify(&key.verifying_key(), "lane-1", &question(), NOW)
        };
        assert_eq!(check(&altered, &key()), Err(AnswerError::Signature));
        assert_eq!(check(&signed, &SigningKey::from_bytes(&[6; 32])), Err(AnswerError::Signature));
        for signature in ["", "zz", "00"] {
            let signature = signature.to_owned();
            assert_eq!(
                check(&SignedAnswer { signature, ..signed.clone() }, &key()),
                Err(AnswerError::Signature)
            );
        }
        assert_eq!(check(&signed, &key()), Ok(listed));
    }

    #[test]
    fn what_central_signs_for_another_purpose_is_no_answer() {
        let canonical = canonical(&answer()).unwrap();
        let signature = hex::encode(key().sign(canonical.as_bytes()).to_bytes());
        let signed = SignedAnswer { canonical, signature };
        let believed = signed.verify(&key().verifying_key(), "lane-1", &question(), NOW);
        assert_eq!(believed, Err(AnswerError::Signature));
    }
}
