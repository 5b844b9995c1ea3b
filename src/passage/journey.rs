//! What all states of a passage share: who it is, what was found so far, and what is wished.

use super::aftermath::Aftermath;
use super::lookup::Lookup;
use super::{
    Effect, Ending, Event, GateCommand, GateState, Moment, Outcome, Picture, Prompt, State, Step, StepTime,
};
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::document::Mrz;
use crate::face::{FrameFindings, Fusion};
use crate::policy::{self, ExitToken, PassageId, Profile, Standing, Topology};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Frames that are kept beside the best one when liveness raised the alarm.
const ALARM_FRAMES: usize = 3;

#[derive(Debug)]
pub(super) struct Journey {
    id: PassageId,
    pub(super) profile: Arc<Profile>,
    /// Wall clock and monotonic clock at one and the same time.
    origin: (Timestamp, Moment),
    /// When the traveller began; `None` while the gate is idle.
    began: Option<Moment>,
    /// What the gate said last; `None` while it does not answer.
    pub(super) gate: Option<GateState>,
    /// How the lane stands; `None` until it has looked.
    standing: Option<Standing>,
    /// Whether the last command to the entrance was to open.
    pub(super) entry_told_open: bool,
    /// Outcomes handed out whose storage is not answered yet.
    pub(super) stores_pending: u8,
    pub(super) lookup: Lookup,
    /// The document that central was asked about.
    pub(super) asked: Option<Mrz>,
    /// Whether a document lies on the reader, as far as the reader says.
    pub(super) document_on_reader: Option<bool>,
    pub(super) printed: Option<Mrz>,
    chip_mrz: Option<Mrz>,
    portrait: bool,
    checks: Vec<Check>,
    pub(super) fusion: Fusion,
    filming: bool,
    /// Whether the document was examined; frames that were taken over before that.
    examined: bool,
    frames_before: usize,
    /// Whether the last frame showed more than one face.
    several_faces: bool,
    /// Whether the face's checks of `fusion` are still to be added to `checks`.
    face_open: bool,
    last_frame: Option<u64>,
    /// Attack score and frame, the highest first.
    alarm_frames: Vec<(f32, u64)>,
    steps: Vec<StepTime>,
    effects: VecDeque<Effect>,
}

impl Journey {
    pub(super) fn new(id: PassageId, profile: Arc<Profile>, started: Timestamp, now: Moment) -> Journey {
        let fusion = Fusion::new(profile.face.clone());
        Journey {
            id,
            profile,
            origin: (started, now),
            began: None,
            gate: None,
            standing: None,
            entry_told_open: false,
            stores_pending: 0,
            lookup: Lookup::NotAsked,
            asked: None,
            document_on_reader: None,
            printed: None,
            chip_mrz: None,
            portrait: false,
            checks: Vec::new(),
            fusion,
            filming: false,
            examined: false,
            frames_before: 0,
            several_faces: false,
            face_open: false,
            last_frame: None,
            alarm_frames: Vec::new(),
            steps: Vec::new(),
            effects: VecDeque::new(),
        }
    }

    pub(super) fn id(&self) -> &PassageId {
        &self.id
    }

    /// Takes over what counts in every state.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Gate(state) => self.gate = Some(*state),
            Event::GateLost => self.gate = None,
            Event::Conditions(conditions) => {
                self.standing = Some(policy::standing(&self.profile, conditions));
            }
            Event::OutcomeStored | Event::OutcomeNotStored => {
                self.stores_pending = self.stores_pending.saturating_sub(1);
            }
            Event::LookedUp(findings) => self.looked_up(findings),
            Event::DocumentOnReader(there) => self.document_on_reader = Some(*there),
            _ => {}
        }
    }

    /// What ends every passage that is not yet admitted, in whatever state it is.
    pub(super) fn interruption(event: &Event) -> Option<Reason> {
        match event {
            Event::Gate(state) => state.hazard(),
            Event::GateLost => Some(Reason::GateLost),
            Event::OfficerWanted => Some(Reason::OfficerCalled),
            Event::Stop => Some(Reason::LaneStopping),
            _ => None,
        }
    }

    /// Why the exit cannot be opened now; `None` when it can.
    pub(super) fn against_leaving(&self) -> Option<Reason> {
        self.gate.map_or(Some(Reason::GateLost), |gate| gate.against_leaving())
    }

    pub(super) fn begin(&mut self, now: Moment) {
        self.began.get_or_insert(now);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    pub(super) fn began(&self) -> Moment {
        self.began.unwrap_or(self.origin.1)
    }

    pub(super) fn began_at(&self) -> Option<Timestamp> {
        self.began.map(|began| self.wall_clock(began))
    }

    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(super) fn wish(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(super) fn show(&mut self, prompt: Prompt) {
        self.wish(Effect::Show(prompt));
    }

    pub(super) fn gate(&mut self, command: GateCommand) {
        match command {
            GateCommand::OpenEntry => self.entry_told_open = true,
            GateCommand::CloseEntry => self.entry_told_open = false,
            _ => {}
        }
        self.wish(Effect::Gate(command));
    }

    pub(super) fn step(&mut self, step: Step, since: Moment, now: Moment) {
        self.steps.push(StepTime { step, ms: now.since(since) });
    }

    // What was found.

    pub(super) fn add_check(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Takes what chip and comparison gave.
    pub(super) fn examined(&mut self, findings: super::DocumentFindings) {
        self.examined = true;
        self.checks.extend(findings.checks);
        self.chip_mrz = findings.chip_mrz;
        self.portrait = findings.portrait;
        match findings.reference {
            Ok(reference) => self.fusion.set_reference(reference),
            // Whatever the checks say: without a reference there is no portrait to compare with.
            Err(reason) => {
                if !self.checks.iter().any(|c| c.id == CheckId::Portrait && c.reasons.contains(&reason)) {
                    self.add_check(Check::undetermined(CheckId::Portrait, reason));
                }
            }
        }
    }

    /// Why the traveller may not come in; empty when the entrance may open.
    pub(super) fn entrance(&self) -> Vec<Reason> {
        let mut reasons = policy::entrance(&self.profile, &self.checks);
        reasons.extend(self.against_admission());
        policy::in_order(reasons)
    }

    /// Whether nobody may begin because of the lane itself.
    pub(super) fn lane_closed(&self) -> bool {
        self.standing.as_ref().is_none_or(|standing| !standing.closed.is_empty())
    }

    /// Why the lane itself lets nobody through.
    fn against_admission(&self) -> Vec<Reason> {
        // Nobody begins before the lane has looked; were it so, nobody would be let through.
        let unknown = || vec![Reason::CheckMissing];
        self.standing.as_ref().map_or_else(unknown, |standing| standing.against_admission.clone())
    }

    pub(super) fn start_filming(&mut self) {
        self.filming = true;
        self.face_open = true;
        self.wish(Effect::StartCapture);
    }

    pub(super) fn stop_filming(&mut self) {
        if self.filming {
            self.filming = false;
            self.wish(Effect::StopCapture);
        }
    }

    /// Takes what a frame showed. One with more than one face says nothing of the traveller: as if nobody were
    /// seen. Those before the portrait is known are compared when it is; only frames that serve are taken
    /// then, and no more than half, so that the traveller has the others.
    pub(super) fn add_frame(&mut self, mut findings: FrameFindings) {
        self.last_frame = Some(findings.sequence);
        let several = findings.faces > 1;
        if std::mem::replace(&mut self.several_faces, several) && several {
            // Those after the first would only use up the traveller's frames.
            return;
        }
        if several {
            (findings.faces, findings.traveller) = (0, None);
        }
        if !self.examined {
            let serves = findings.traveller.as_ref().is_some_and(|face| face.quality.is_empty());
            if !serves || self.frames_before >= self.profile.face.frames_most / 2 {
                return;
            }
            self.frames_before += 1;
        }
        if let Some(attack) = findings.traveller.as_ref().and_then(|face| face.attack) {
            self.alarm_frames.push((attack, findings.sequence));
            self.alarm_frames.sort_by(|a, b| b.0.total_cmp(&a.0));
            self.alarm_frames.truncate(ALARM_FRAMES);
        }
        self.fusion.add(findings);
    }

    // How it ends.

    /// The verdict over everything found; `Err` with the reasons of a referral.
    pub(super) fn decide(&mut self) -> Result<ExitToken, Vec<Reason>> {
        self.close_face(true);
        let amiss = self.against_admission();
        match policy::decide(&self.profile, &self.id, &self.checks) {
            policy::Verdict::Admit(token) if amiss.is_empty() => Ok(token),
            policy::Verdict::Admit(_) => Err(amiss),
            policy::Verdict::Refer(reasons) => Err(policy::in_order([reasons, amiss].concat())),
        }
    }

    /// Hands the outcome out to be stored.
    pub(super) fn store(&mut self, ending: Ending, reasons: Vec<Reason>, now: Moment) {
        let outcome = self.outcome(ending, reasons, now);
        self.stores_pending = self.stores_pending.saturating_add(1);
        self.wish(Effect::Store(Box::new(outcome)));
    }

    /// The traveller goes to an officer, by the course of the passage: to the reason come those of the
    /// checks that failed so far.
    pub(super) fn refer(&mut self, reason: Reason, now: Moment) -> State {
        self.close_face(false);
        let mut reasons = policy::objections(&self.profile, &self.checks);
        reasons.push(reason);
        self.refer_for(policy::in_order(reasons), now)
    }

    /// The traveller goes to an officer because of the document; what else failed so far is said, too.
    pub(super) fn refuse(&mut self, objections: Vec<Reason>, now: Moment) -> State {
        self.close_face(false);
        let failed = policy::objections(&self.profile, &self.checks);
        self.refer_for(policy::in_order([objections, failed].concat()), now)
    }

    /// The traveller goes to an officer for exactly these reasons.
    pub(super) fn refer_for(&mut self, reasons: Vec<Reason>, now: Moment) -> State {
        self.begin(now);
        self.stop_filming();
        self.store(Ending::Referred, reasons, now);
        State::Aftermath(Aftermath::referred(now, self))
    }

    /// The traveller went away.
    pub(super) fn withdraw(&mut self, reason: Reason, now: Moment) -> State {
        self.stop_filming();
        self.store(Ending::Withdrawn, vec![reason], now);
        Aftermath::withdrawn(now, self)
    }

    /// Nobody came, after all, and nothing was read: nothing is remembered.
    pub(super) fn forget(&mut self, now: Moment) -> State {
        Aftermath::withdrawn(now, self)
    }

    /// What is known when the chip's findings never came.
    pub(super) fn chip_broke_off(&mut self, reason: Reason) {
        if let Some(printed) = &self.printed {
            self.checks.push(printed.consistency.clone());
        }
        self.add_check(Check::aborted(CheckId::ChipAccess, reason));
    }

    /// Whether the document and the face are both read in the cabin.
    pub(super) fn one_step(&self) -> bool {
        self.profile.topology == Topology::OneStep
    }

    /// Adds the checks of face and persons, once. Where the passage broke off, what could not be said
    /// yet is *aborted*, not *undetermined*.
    fn close_face(&mut self, to_its_end: bool) {
        if !std::mem::take(&mut self.face_open) {
            return;
        }
        for mut check in self.fusion.checks().into_iter().chain([self.fusion.morph()]) {
            if !to_its_end && check.result == CheckResult::Undetermined {
                check.result = CheckResult::Aborted;
            }
            self.checks.push(check);
        }
    }

    pub(super) fn document(&self) -> Option<&Mrz> {
        self.chip_mrz.as_ref().or(self.printed.as_ref())
    }

    fn outcome(&self, ending: Ending, reasons: Vec<Reason>, now: Moment) -> Outcome {
        Outcome {
            passage: self.id.clone(),
            started: self.wall_clock(self.began()),
            lasted_ms: now.since(self.began()),
            ending,
            reasons,
            checks: self.checks.clone(),
            document: self.document().cloned(),
            steps: self.steps.clone(),
            pictures: self.pictures(),
            similarity: self.fusion.similarity(),
            attack: self.fusion.attack(),
            commands: Vec::new(),
        }
    }

    fn wall_clock(&self, moment: Moment) -> Timestamp {
        let (started, at) = self.origin;
        let later = SignedDuration::from_millis(i64::try_from(moment.since(at)).unwrap_or(i64::MAX));
        started.checked_add(later).unwrap_or(Timestamp::MAX)
    }

    /// The portrait, the best frame, and when liveness raised the alarm those that raised it most.
    pub(super) fn pictures(&self) -> Vec<Picture> {
        let mut pictures = Vec::new();
        if self.portrait {
            pictures.push(Picture::Portrait);
        }
        pictures.extend(self.fusion.best_frame().or(self.last_frame).map(Picture::Frame));
        let alarm = |c: &Check| c.id == CheckId::Liveness && c.result == CheckResult::Failed;
        if self.checks.iter().any(alarm) {
            for frame in self.alarm_frames.iter().map(|&(_, sequence)| Picture::Frame(sequence)) {
                if !pictures.contains(&frame) {
                    pictures.push(frame);
                }
            }
        }
        pictures
    }
}
