//! What reaches the lane from outside, and what the rooms make of it.
//!
//! [`Input`] is raw: bytes of the chip, pictures, lines, contacts, central's words. [`understand`] is
//! the only way from an input to the passage's event. A recorded passage is a list of inputs with their
//! moments; played again, it goes through this very function.

use super::trust_store::TrustInUse;
use crate::check::{Check, CheckId, Reason};
use crate::chip::{
    AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, FileError, FileId, Media, Next, ReadingPlan,
};
use crate::devices::RecordedCard;
use crate::document::Mrz;
use crate::face::{FaceEngine, Reference};
use crate::passage::{DocumentFindings, Event, GateState, LaneCommand, LookupFindings};
use crate::policy::Condition;
use crate::record::SnapshotAnswer;
use crate::record::wire::{ArrivalStatus, DocumentStatus, LookupAnswer, PermissionStatus, PersonStatus};
use crate::trust::{self, Evidence};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use crate::devices::Exchange;

/// A whole conversation with a chip, and what it needs to be held again bit for bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChipTrace {
    /// The printed lines that opened the chip.
    pub lines: Vec<String>,
    /// Our side's random bytes, hexadecimal.
    pub random: String,
    /// The lane's wall clock at the examination.
    pub now: Timestamp,
    /// Every exchange in order; empty when no chip came.
    pub exchanges: Vec<Exchange>,
}

/// Why central's word is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupFailure {
    /// No connection.
    Unavailable,
    /// An answer that may not be believed.
    Invalid,
    /// No answer in time.
    Late,
}

/// A camera frame as it is analysed and kept: the picture is what the JPEG decodes to.
#[derive(Debug, Clone)]
pub struct Film {
    /// Rising.
    pub sequence: u64,
    /// As kept.
    pub jpeg: Vec<u8>,
    /// As analysed.
    pub picture: RgbImage,
}

impl Film {
    /// Quality of frames that the lane compresses itself.
    const QUALITY: u8 = 95;

    /// A frame from its kept form.
    ///
    /// # Errors
    /// When the bytes are no JPEG.
    pub fn from_jpeg(sequence: u64, jpeg: Vec<u8>) -> image::ImageResult<Film> {
        let picture = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg)?.into_rgb8();
        Ok(Film { sequence, jpeg, picture })
    }

    /// A picture in the form in which it is kept.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn compress(picture: &RgbImage) -> image::ImageResult<Vec<u8>> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, Self::QUALITY).encode_image(picture)?;
        Ok(jpeg)
    }
}

/// What reached the lane.
#[derive(Debug, Clone)]
pub enum Input {
    /// Printed lines.
    Lines(Vec<String>),
    /// Whether a document lies on the chip reader.
    OnReader(bool),
    /// DG1's lines, while the rest of the chip is still read.
    Named(Vec<String>),
    /// A chip's conversation, ended.
    Chip(ChipTrace),
    /// A camera frame.
    Frame(Arc<Film>),
    /// The camera or the face engine failed.
    CaptureFailed(Reason),
    /// The gate's contacts.
    Gate(GateState),
    /// The gate is silent.
    GateLost,
    /// Central's word on the document.
    Central(Result<LookupAnswer, LookupFailure>),
    /// What the lane's own snapshot of the lists says in place of central.
    Snapshot(SnapshotAnswer),
    /// Whether the outcome is durable.
    Stored(bool),
    /// What of the lane is amiss.
    Conditions(BTreeSet<Condition>),
    /// The traveller asked for an officer.
    OfficerWanted,
    /// The lane shall stop.
    Stop,
    /// An officer's order, verified, and the passage obeys it.
    Command(LaneCommand),
}

/// What the rooms need beside the input itself.
pub struct Faculties {
    /// The inference sessions, one set for the life of the lane.
    pub engine: Mutex<FaceEngine>,
    /// Whom the lane trusts.
    pub trust: TrustInUse,
}

/// The event that an input means, and the chip's portrait when the input brought one.
pub fn understand(input: &Input, faculties: &Faculties) -> (Event, Option<PortraitPicture>) {
    let event = match input {
        Input::Lines(lines) => Event::LinesRead(lines.clone()),
        Input::OnReader(there) => Event::DocumentOnReader(*there),
        Input::Named(lines) => Event::DocumentNamed(lines.clone()),
        Input::Chip(trace) => {
            let (findings, portrait) = hear_again(trace, faculties);
            return (Event::DocumentExamined(Box::new(findings)), portrait);
        }
        Input::Frame(film) => {
            let mut engine = faculties.engine.lock().unwrap_or_else(PoisonError::into_inner);
            match engine.analyse(film.sequence, &film.picture) {
                Ok(findings) => Event::Frame(Box::new(findings)),
                Err(error) => {
                    tracing::error!(%error, "a frame could not be analysed");
                    Event::CaptureFailed(Reason::FaceEngineFailed)
                }
            }
        }
        Input::CaptureFailed(reason) => Event::CaptureFailed(*reason),
        Input::Gate(state) => Event::Gate(*state),
        Input::GateLost => Event::GateLost,
        Input::Central(answer) => Event::LookedUp(looked_up(answer)),
        Input::Snapshot(answer) => Event::LookedUp(looked_up_in_snapshot(answer)),
        Input::Stored(true) => Event::OutcomeStored,
        Input::Stored(false) => Event::OutcomeNotStored,
        Input::Conditions(conditions) => Event::Conditions(conditions.clone()),
        Input::OfficerWanted => Event::OfficerWanted,
        Input::Stop => Event::Stop,
        Input::Command(command) => Event::Command(*command),
    };
    (event, None)
}

/// The portrait as it lay in the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortraitPicture {
    /// `image/jpeg` or `image/jp2`.
    pub media: String,
    /// Encoded bytes.
    pub bytes: Vec<u8>,
}

/// A chip's conversation and what the rooms make of it.
pub struct ChipHeard {
    /// Every exchange, with what is needed to hold it again.
    pub trace: ChipTrace,
    /// For the passage.
    pub findings: DocumentFindings,
    /// For the officer.
    pub portrait: Option<PortraitPicture>,
}

/// What answers a command: the device at the gate, the recording on the desk. Also says how long it took.
/// An empty command asks for the chip's reset.
pub type Transmit<'a> = &'a mut dyn FnMut(&[u8]) -> (Result<Vec<u8>, String>, Duration);

/// Who is told DG1's lines as soon as they are read, once.
pub type Named<'a> = &'a mut dyn FnMut(Vec<String>);

/// Talks to the chip over `transmit`, keeps every exchange, says on the way what document it is, examines what was
/// read.
pub fn hear_chip(
    printed: &Mrz,
    random: ChipRandom,
    now: Timestamp,
    transmit: Transmit<'_>,
    named: Named<'_>,
    faculties: &Faculties,
) -> ChipHeard {
    let mut trace = ChipTrace {
        lines: printed.lines.clone(),
        random: hex::encode(&random.0),
        now,
        exchanges: Vec::new(),
    };
    let mut session =
        ChipSession::new(AccessKey::Mrz(printed.key_information()), ReadingPlan::default(), random);
    let mut named = Some(named);
    let chip = loop {
        let command = match session.next() {
            Next::Transmit(command) => command,
            Next::Reconnect => Vec::new(),
            Next::Done(result) => break result,
        };
        let (answer, took) = transmit(&command);
        session.answer(answer.as_deref().map_err(Clone::clone), took);
        trace.exchanges.push(Exchange::new(&command, &answer, took));
        if let Some(tell) = named.take_if(|_| session.has_read(FileId::Dg(1)))
            && let Ok(mrz) = session.so_far().mrz()
        {
            tell(mrz.lines);
        }
    };
    let (findings, portrait) = examine(printed, chip.as_ref(), now, faculties);
    ChipHeard { trace, findings, portrait }
}

/// Holds a recorded conversation again. A command that is not the recorded one ends it as a lost chip:
/// a recording that does not fit the code must never look like a good document.
fn hear_again(trace: &ChipTrace, faculties: &Faculties) -> (DocumentFindings, Option<PortraitPicture>) {
    let Ok(printed) = Mrz::parse(&trace.lines) else {
        return (unreadable_lines(), None);
    };
    let mut card = RecordedCard::new(trace.exchanges.clone());
    let mut transmit = |command: &[u8]| card.answer(command);
    let random = ChipRandom(hex::decode(&trace.random).unwrap_or_default());
    // What was told on the way is in the recording by itself.
    let heard = hear_chip(&printed, random, trace.now, &mut transmit, &mut drop, faculties);
    (heard.findings, heard.portrait)
}

fn examine(
    printed: &Mrz,
    chip: Result<&ChipReading, &ChipError>,
    now: Timestamp,
    faculties: &Faculties,
) -> (DocumentFindings, Option<PortraitPicture>) {
    let store = faculties.trust.current();
    let evidence = Evidence { printed, chip, store: &store, now };
    let examination = trust::examine(&evidence);
    let mut checks = examination.checks;
    let (reference, kept) = match chip {
        Ok(reading) => reference(reading, faculties),
        Err(_) => (Err(Reason::PortraitMissing), None),
    };
    checks.push(match &reference {
        Ok(_) => Check::successful(CheckId::Portrait),
        Err(reason) => Check::failed(CheckId::Portrait, *reason),
    });
    let findings =
        DocumentFindings { checks, chip_mrz: examination.chip_mrz, portrait: kept.is_some(), reference };
    (findings, kept)
}

/// The portrait made ready for comparison, and its bytes for the officer, who sees also what no model can use.
fn reference(
    reading: &ChipReading,
    faculties: &Faculties,
) -> (Result<Reference, Reason>, Option<PortraitPicture>) {
    let portrait = match reading.portrait() {
        Ok(portrait) => portrait,
        Err(FileError::Missing { .. }) => return (Err(Reason::PortraitMissing), None),
        Err(_) => return (Err(Reason::PortraitUndecodable), None),
    };
    let media = match portrait.media {
        Media::Jpeg => "image/jpeg",
        Media::Jpeg2000 => "image/jp2",
    };
    let picture = portrait.decode();
    let kept = PortraitPicture { media: media.to_owned(), bytes: portrait.bytes };
    let Ok(picture) = picture else {
        return (Err(Reason::PortraitUndecodable), Some(kept));
    };
    let mut engine = faculties.engine.lock().unwrap_or_else(PoisonError::into_inner);
    (engine.reference(&picture).map_err(|error| error.portrait_reason()), Some(kept))
}

fn unreadable_lines() -> DocumentFindings {
    DocumentFindings {
        checks: vec![Check::aborted(CheckId::ChipAccess, Reason::MrzUnreadable)],
        chip_mrz: None,
        portrait: false,
        reference: Err(Reason::PortraitMissing),
    }
}

/// Document, person and permission from central's word. That the answer is central's and to this
/// question was verified where it came in.
fn looked_up(answer: &Result<LookupAnswer, LookupFailure>) -> LookupFindings {
    let checks = match answer {
        Ok(answer) => {
            vec![document_check(&answer.document), person_check(&answer.person), permission_check(answer)]
        }
        Err(failure) => {
            let reason = match failure {
                LookupFailure::Unavailable => Reason::LookupUnavailable,
                LookupFailure::Invalid => Reason::LookupAnswerInvalid,
                LookupFailure::Late => Reason::LookupLate,
            };
            LookupFindings::CHECKS.into_iter().map(|id| Check::undetermined(id, reason)).collect()
        }
    };
    LookupFindings { checks }
}

/// The same from the lane's snapshot, each check with the date of the lists. Permissions to travel are not in it: where
/// central asks for one, nothing can be said.
fn looked_up_in_snapshot(answer: &SnapshotAnswer) -> LookupFindings {
    let dated = Timestamp::from_millisecond(answer.issued).unwrap_or_default();
    let permission = if answer.rules {
        Check::undetermined(CheckId::TravelPermission, Reason::LookupUnavailable)
    } else {
        Check::not_supported(CheckId::TravelPermission, Reason::NoListInForce)
    };
    let checks = [document_check(&answer.document), person_check(&answer.person), permission];
    let told = |check: Check| {
        let said = check.detail.clone().map(|said| format!("; {said}")).unwrap_or_default();
        check.with_detail(format!("by the lane's snapshot of {dated}{said}"))
    };
    LookupFindings { checks: checks.into_iter().map(told).collect() }
}

fn document_check(status: &DocumentStatus) -> Check {
    match status {
        DocumentStatus::Clear => Check::successful(CheckId::DocumentLookup),
        DocumentStatus::Reported(kind) => {
            Check::failed(CheckId::DocumentLookup, Reason::DocumentReported).with_detail(kind.as_str())
        }
    }
}

/// A candidate is no proof, and yet the check that nothing is known against the person has failed.
fn person_check(status: &PersonStatus) -> Check {
    const ID: CheckId = CheckId::PersonLookup;
    match status {
        PersonStatus::Clear => Check::successful(ID),
        PersonStatus::Candidates(found) => {
            let told = found.iter().map(|c| {
                format!("{}/{}: likeness {}.{} %, {}", c.list, c.entry, c.score / 10, c.score % 10, c.why)
            });
            Check::failed(ID, Reason::PersonListed).with_detail(told.collect::<Vec<_>>().join(" | "))
        }
        PersonStatus::Undetermined => Check::undetermined(ID, Reason::PersonUndecided),
        PersonStatus::NotChecked => Check::not_supported(ID, Reason::NoListInForce),
    }
}

fn permission_check(answer: &LookupAnswer) -> Check {
    const ID: CheckId = CheckId::TravelPermission;
    let (check, told) = match &answer.permission {
        PermissionStatus::NotRequired(why) => (Check::successful(ID), format!("none needed, {why}")),
        PermissionStatus::Granted(what) => (Check::successful(ID), what.clone()),
        PermissionStatus::Missing(what) => (Check::failed(ID, Reason::PermissionMissing), what.clone()),
        PermissionStatus::NotChecked => (Check::not_supported(ID, Reason::NoListInForce), String::new()),
    };
    let arrival = match &answer.arrival {
        ArrivalStatus::Expected(by) => format!("announced by {by}"),
        ArrivalStatus::NotExpected => "not announced by a carrier".to_owned(),
        ArrivalStatus::NotChecked => String::new(),
    };
    let told: Vec<String> = [told, arrival].into_iter().filter(|words| !words.is_empty()).collect();
    if told.is_empty() { check } else { check.with_detail(told.join("; ")) }
}
