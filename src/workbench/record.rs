//! Records passages as fixtures: an observer of the lane that keeps what reached each passage and what the
//! lane did, and hands out a [`Fixture`] when the passage is over.

use super::fixture::{Expected, Fixture, Head, Heard};
use crate::lane::{Deed, Input, Observer, RecordSettings, TrustFiles};
use crate::passage::{Moment, Outcome};
use crate::policy::{PassageId, Profile};
use anyhow::Context;
use jiff::Timestamp;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Inputs and deeds kept of one passage. One that exceeds it (a gate that waited for days) is not recorded
/// at all: half a recording would look like a whole one.
const HEARD_MOST: usize = 20_000;

/// Keeps the passage under way.
pub struct Recorder<F> {
    profile: Arc<Profile>,
    trust: Vec<(String, Vec<u8>)>,
    under_way: Option<Fixture>,
    finished: F,
}

impl<F: FnMut(Fixture) + Send> Recorder<F> {
    /// Hands every passage that had an outcome to `finished`.
    pub fn new(profile: Arc<Profile>, trust: Vec<(String, Vec<u8>)>, finished: F) -> Self {
        Recorder { profile, trust, under_way: None, finished }
    }

    fn keep(&mut self, at: Moment, heard: Heard) {
        if let Some(fixture) = &mut self.under_way {
            fixture.heard.push((at, heard));
        }
        self.bound();
    }

    fn bound(&mut self) {
        if self.under_way.as_ref().is_some_and(|f| f.heard.len().max(f.deeds.len()) > HEARD_MOST) {
            tracing::warn!("this passage is too long to be recorded");
            self.under_way = None;
        }
    }
}

impl<F: FnMut(Fixture) + Send> Observer for Recorder<F> {
    fn begun(&mut self, passage: &PassageId, started: Timestamp, at: Moment) {
        self.under_way = Some(Fixture {
            head: Head {
                format: 1,
                shows: String::new(),
                topology: self.profile.topology,
                passage: passage.0.clone(),
                started,
                began_ms: at.0,
                expected: Expected {
                    ending: crate::passage::Ending::Withdrawn,
                    reasons: Vec::new(),
                    similarity: None,
                    attack: None,
                },
                profile: (*self.profile).clone(),
            },
            heard: Vec::new(),
            deeds: Vec::new(),
            trust: Vec::new(),
        });
    }

    fn heard(&mut self, at: Moment, input: &Input) {
        self.keep(at, Heard::Input(input.clone()));
    }

    fn time(&mut self, at: Moment) {
        self.keep(at, Heard::Time);
    }

    fn did(&mut self, at: Moment, deed: &Deed) {
        if let Some(fixture) = &mut self.under_way {
            fixture.deeds.push((at, deed.clone()));
        }
        self.bound();
    }

    fn outcome(&mut self, _at: Moment, outcome: &Outcome) {
        if let Some(fixture) = &mut self.under_way {
            fixture.trust.clone_from(&self.trust);
            fixture.head.expected = Expected {
                ending: outcome.ending,
                reasons: outcome.reasons.clone(),
                similarity: outcome.similarity,
                attack: outcome.attack,
            };
        }
    }

    fn ended(&mut self, _at: Moment) {
        // A passage without outcome had no traveller.
        if let Some(fixture) = self.under_way.take()
            && !fixture.trust.is_empty()
        {
            (self.finished)(fixture);
        }
    }
}

/// Passages that a lane records at most; an engineer who needs more looks at those first.
const RECORDED_MOST: usize = 500;
/// Passages that may wait for the disk; a passage that finds no room is not recorded.
const WAITING_MOST: usize = 2;

/// Records every passage of a lane into a folder of its own, beside the lane's task.
///
/// # Errors
/// When the folder cannot be made, or the system has no thread left.
pub fn into_folder(
    settings: &RecordSettings,
    profile: Arc<Profile>,
    trust: TrustFiles,
) -> anyhow::Result<Box<dyn Observer>> {
    let folder = settings.folder.clone();
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let (give, take) = sync_channel::<Fixture>(WAITING_MOST);
    thread::Builder::new().name("recorder".to_owned()).spawn(move || {
        for fixture in take.iter().take(RECORDED_MOST) {
            if let Err(error) = fixture.write(&folder.join(&fixture.head.passage)) {
                tracing::warn!(%error, "a passage could not be recorded");
            }
        }
    })?;
    Ok(Box::new(Recorder::new(profile, trust, move |fixture| {
        if give.try_send(fixture).is_err() {
            tracing::warn!("a passage is not recorded");
        }
    })))
}
