//! What the passage hears and what it wishes.

use super::{GateCommand, GateState, LaneCommand, ObeyedCommand};
use crate::check::{Check, CheckId, Reason};
use crate::document::Mrz;
use crate::face::{FrameFindings, QualityFlaw, Reference};
use crate::policy::{Condition, ExitToken, PassageId};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Milliseconds on the lane's monotonic clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// So many milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add(ms))
    }

    /// Milliseconds since an earlier moment, 0 when it is not earlier.
    pub fn since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What the chip and the comparison with the printed lines gave.
#[derive(Debug, Clone)]
pub struct DocumentFindings {
    /// All checks of the document side, each once.
    pub checks: Vec<Check>,
    /// DG1, where it could be read.
    pub chip_mrz: Option<Mrz>,
    /// Whether a portrait image is at hand as [`Picture::Portrait`].
    pub portrait: bool,
    /// The portrait ready for comparison, or why there is none.
    pub reference: Result<Reference, Reason>,
}

/// Central's answer about document and person.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupFindings {
    /// Those of [`LookupFindings::CHECKS`].
    pub checks: Vec<Check>,
}

impl LookupFindings {
    /// The checks that central answers.
    pub const CHECKS: [CheckId; 3] =
        [CheckId::DocumentLookup, CheckId::PersonLookup, CheckId::TravelPermission];
}

/// What the lane tells the passage.
#[derive(Debug)]
pub enum Event {
    /// An optical reader gave lines (not yet parsed).
    LinesRead(Vec<String>),
    /// DG1's lines (not yet parsed, nothing of them verified yet), while the rest of the chip is still read.
    DocumentNamed(Vec<String>),
    /// Whether a document lies on the reader: said when one comes or is taken away, and at the passage's start when
    /// one lies there.
    DocumentOnReader(bool),
    /// Chip reading and document checks ended, well or not.
    DocumentExamined(Box<DocumentFindings>),
    /// The gate's inputs; sent at every change and at the passage's start.
    Gate(GateState),
    /// The gate does not answer any more.
    GateLost,
    /// A camera frame was analysed.
    Frame(Box<FrameFindings>),
    /// The camera gives nothing, or the face engine failed: [`Reason::CameraLost`], [`Reason::FaceEngineFailed`].
    CaptureFailed(Reason),
    /// Central answered, or could not be asked (checks then undetermined).
    LookedUp(LookupFindings),
    /// The outcome is durable.
    OutcomeStored,
    /// The outcome could not be made durable.
    OutcomeNotStored,
    /// What of the lane is amiss; said at the passage's start and at every change.
    Conditions(BTreeSet<Condition>),
    /// The traveller touched "call an officer".
    OfficerWanted,
    /// The lane is to stop in order: out of service.
    Stop,
    /// An officer's order about this passage, verified, and [`super::Passage::obeys`] it.
    Command(LaneCommand),
}

/// What the traveller is shown: one instruction at a time, never a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Lane closed.
    Closed,
    /// Place the passport on the reader.
    PlaceDocument,
    /// Keep it there.
    ReadingDocument,
    /// Lines could not be read: place it again.
    PlaceDocumentAgain,
    /// Walk in.
    WalkIn,
    /// One person only.
    OnePersonOnly,
    /// Stand on the mark, look at the camera.
    LookAtCamera,
    /// Leave the document where it is and look at the camera.
    LookWhileReading,
    /// Mend what keeps the picture from serving.
    Adjust(QualityFlaw),
    /// Wait a moment.
    Wait,
    /// Go on through the exit.
    GoThrough,
    /// Take your passport.
    TakeDocument,
    /// Fetch what was left in the cabin.
    TakeBelongings,
    /// An officer will help; said the same way for every reason.
    SeeOfficer,
}

/// Which picture is kept with the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// The chip's portrait.
    Portrait,
    /// A camera frame by its sequence.
    Frame(u64),
}

impl Picture {
    /// The role of this picture in records and in the label it is sealed under.
    pub fn role(self) -> &'static str {
        match self {
            Picture::Portrait => "portrait",
            Picture::Frame(_) => "frame",
        }
    }
}

/// How the passage ended for the traveller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Let through.
    Admitted,
    /// An officer decides.
    Referred,
    /// The traveller went away.
    Withdrawn,
}

/// How long one step took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepTime {
    /// Which.
    pub step: Step,
    /// Milliseconds.
    pub ms: u64,
}

/// The steps whose times are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// From the printed lines to the checked document.
    Document,
    /// From the open entrance to the shut cabin.
    Enter,
    /// From the shut cabin to enough frames.
    Capture,
    /// Waiting for central after everything else was there.
    Lookup,
    /// From the verdict to its durable storage.
    Store,
}

/// Everything that is remembered of a passage; complete when it is handed out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which passage.
    pub passage: PassageId,
    /// Wall clock at its first event.
    pub started: Timestamp,
    /// Milliseconds from there to the verdict.
    pub lasted_ms: u64,
    /// How it ended.
    pub ending: Ending,
    /// Why, gravest first; empty when admitted.
    pub reasons: Vec<Reason>,
    /// Every check made.
    pub checks: Vec<Check>,
    /// The document as read: DG1 where there is one, else the printed lines.
    pub document: Option<Mrz>,
    /// Times of the steps that were reached.
    pub steps: Vec<StepTime>,
    /// Pictures to keep, the first two for the officer's side-by-side.
    pub pictures: Vec<Picture>,
    /// Best similarity of comparison and mean attack score, for the record only.
    pub similarity: Option<f32>,
    /// See `similarity`.
    pub attack: Option<f32>,
    /// Officers' commands that the lane obeyed since the outcome before; put in by the lane.
    pub commands: Vec<ObeyedCommand>,
}

/// What the passage wishes; taken by the lane until there is no more.
#[derive(Debug)]
pub enum Effect {
    /// Show this to the traveller.
    Show(Prompt),
    /// Read the chip opened by these lines, then examine; answer with [`Event::DocumentExamined`].
    ReadChip(Box<Mrz>),
    /// Ask central about the document; answer with [`Event::LookedUp`].
    LookUp(Box<Mrz>),
    /// Begin to film and analyse; answer with [`Event::Frame`] for each frame.
    StartCapture,
    /// Film no more.
    StopCapture,
    /// Tell the gate.
    Gate(GateCommand),
    /// Make the outcome durable; answer with [`Event::OutcomeStored`] or [`Event::OutcomeNotStored`]. When
    /// an admitted traveller does not get through after all (the storage failed or was late, the cabin
    /// changed, they stayed inside), a second outcome of the same passage follows, referred.
    Store(Box<Outcome>),
    /// Open the exit. The only way to do so.
    OpenExit(ExitToken),
    /// The passage is over and the gate is shut and empty, or handed to an officer.
    Ended,
}
