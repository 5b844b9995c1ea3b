//! Asks central about document and person beside the passage; the lists that the lane keeps answer when central does
//! not, where the profile lets them.

use super::{Conduct, Current};
use crate::document::Mrz;
use crate::lane::inputs::{Input, LookupFailure};
use crate::lane::snapshot::Lists;
use crate::lane::threads::Message;
use crate::outbox::LookupError;
use crate::policy::{Condition, Response};
use crate::record::wire::LookupQuestion;
use jiff::Timestamp;
use std::time::Duration;

impl Conduct {
    /// Asks central beside the passage; the answer comes back as an input, whatever it is.
    pub(super) fn look_up(&self, current: &Current, document: &Mrz) {
        let mut nonce = [0; 16];
        let answerable = getrandom::fill(&mut nonce).is_ok();
        let patience_ms = self.lane.profile.limits.lookup_ms;
        let fallback = self.fallback();
        // The snapshot's answer must come before the passage gives up waiting.
        let share = if fallback.is_some() { 3 } else { 4 };
        let patience = Duration::from_millis(patience_ms / 4 * share);
        let question = LookupQuestion {
            passage: current.id.0.clone(),
            nonce: hex::encode(nonce),
            patience_ms,
            document_code: document.document_code.clone(),
            issuing_state: document.issuing_state.clone(),
            document_number: document.document_number.clone(),
            nationality: document.nationality.clone(),
            surname: document.surname.clone(),
            given_names: document.given_names.clone(),
            date_of_birth: document.date_of_birth.to_string(),
            sex: document.sex.to_string(),
        };
        let (central, inputs) = (self.lane.central.clone(), self.inputs.clone());
        let (faculties, number) = (self.lane.faculties.clone(), current.number);
        tokio::spawn(async move {
            let answer = if answerable {
                central.look_up(&question, patience).await.map_err(|error| {
                    tracing::warn!(%error, "look-up");
                    match error {
                        LookupError::Late => LookupFailure::Late,
                        LookupError::Invalid(_) => LookupFailure::Invalid,
                        LookupError::Unavailable(_) => LookupFailure::Unavailable,
                    }
                })
            } else {
                Err(LookupFailure::Unavailable)
            };
            let input = match (answer, fallback) {
                (Err(failure @ (LookupFailure::Unavailable | LookupFailure::Late)), Some(fallback)) => {
                    fallback.answer(&question, failure)
                }
                (answer, _) => Input::Central(answer),
            };
            let message = Message::new(Some(number), input, &faculties);
            // A lane that is gone needs no answer.
            let _ = inputs.send(message).await;
        });
    }

    /// What answers when central does not, where the profile lets it.
    fn fallback(&self) -> Option<Fallback> {
        let profile = &self.lane.profile;
        let allowed = profile.response(Condition::CentralUnreachable) <= Response::Snapshot;
        allowed.then(|| Fallback { lists: self.lane.lists.clone(), hours_most: profile.snapshot.hours_most })
    }
}

/// The lists that the lane keeps, and how old they may be.
struct Fallback {
    lists: Lists,
    hours_most: u32,
}

impl Fallback {
    fn answer(&self, question: &LookupQuestion, failure: LookupFailure) -> Input {
        match self.lists.answer(question, Timestamp::now().as_millisecond(), self.hours_most) {
            Ok(answer) => Input::Snapshot(answer),
            Err(error) => {
                tracing::warn!(%error, "no answer without central");
                Input::Central(Err(failure))
            }
        }
    }
}
