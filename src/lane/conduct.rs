//! The task that owns the passage: tells it what happened, carries out what it wishes.

mod asking;
mod storing;

use super::conditions::{Board, Conditions};
use super::health::Tally;
use super::inputs::{Faculties, Input, PortraitPicture};
use super::kept_frames::KeptFrames;
use super::link::{Link, Whereabouts};
use super::monitor::Monitor;
use super::observer::{Deed, Observer};
use super::orders::{CommandBook, Errand};
use super::service::Service;
use super::snapshot::Lists;
use super::threads::{
    self, CameraOrder, ChipOrder, GateOrder, INPUTS_WAITING, Message, Orders, Surroundings,
};
use crate::devices::{Camera, ChipReader, Gate, MrzReader, Screen};
use crate::outbox::{CentralClient, Outbox, UploadRate};
use crate::passage::{Effect, GateState, Moment, Passage};
use crate::policy::{Limits, PassageId, Profile};
use crate::record::{CommandError, SealingPublicKey};
use anyhow::Context;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};

/// How long the gate may take for its last orders when the lane stops.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(3);

/// The devices of one lane.
pub struct Equipment {
    /// Chip reader.
    pub chip_reader: Box<dyn ChipReader>,
    /// Reader of printed lines.
    pub mrz_reader: Box<dyn MrzReader>,
    /// Camera in the cabin.
    pub camera: Box<dyn Camera>,
    /// Gate controller.
    pub gate: Box<dyn Gate>,
    /// Traveller's screen.
    pub screen: Arc<dyn Screen>,
    /// Changes whenever the traveller asks for an officer.
    pub officer_calls: watch::Receiver<u64>,
}

/// What a lane is beside its devices.
pub struct Lane {
    /// Name, as in its client certificate.
    pub name: String,
    /// What is asked for, in the passage under way.
    pub profile: Arc<Profile>,
    /// What is asked for from the next passage on.
    pub profiles: watch::Sender<Arc<Profile>>,
    /// Models and trust.
    pub faculties: Arc<Faculties>,
    /// Durable queue.
    pub outbox: Arc<Mutex<Outbox>>,
    /// Rings when something was put into the outbox.
    pub appended: Arc<Notify>,
    /// The share of the line that the upload takes.
    pub upload_rate: UploadRate,
    /// Becomes true when the lane shall end as soon as nobody is under way, to be started again.
    pub restart: watch::Sender<bool>,
    /// Connection to central.
    pub central: CentralClient,
    /// Pictures are sealed to this key of central's.
    pub sealing: SealingPublicKey,
    /// What of the lane is amiss.
    pub conditions: Conditions,
    /// Passages since the start.
    pub tally: Tally,
    /// Looks at the lane's surroundings.
    pub monitor: Monitor,
    /// Officers' commands.
    pub orders: CommandBook,
    /// What central's lists held when it was last reached.
    pub lists: Lists,
    /// Commands for the passage under way.
    pub(super) errands: mpsc::Receiver<Errand>,
    /// The line to central beside records and look-ups.
    pub link: Link,
}

/// One traveller's way, with what the officer may want to see of it.
struct Current {
    number: u64,
    id: PassageId,
    passage: Passage,
    portrait: Option<PortraitPicture>,
    frames: KeptFrames,
}

/// The devices' threads.
struct Hands {
    gate: Orders<GateOrder>,
    chip_reader: Orders<ChipOrder>,
    camera: Orders<CameraOrder>,
    screen: Arc<dyn Screen>,
}

/// What may change beside the devices' inputs.
struct Changes {
    officer_calls: watch::Receiver<u64>,
    conditions: watch::Receiver<Board>,
    stop: watch::Receiver<bool>,
    restart: watch::Receiver<bool>,
    /// What is asked for from the next passage on.
    profiles: watch::Receiver<Arc<Profile>>,
    service: Service,
}

struct Conduct {
    lane: Lane,
    hands: Hands,
    observer: Box<dyn Observer>,
    inputs: mpsc::Sender<Message>,
    clock: Instant,
    /// Moment of the last event.
    at: Moment,
    gate: Option<GateState>,
    /// Whether a document lies on the reader, as far as it told.
    on_reader: bool,
}

/// Runs the lane until `stop` becomes true; the passage under way is ended in order first. Or until it shall
/// [restart](Lane::restart), once nobody is under way.
///
/// # Errors
/// When a device's thread cannot be started.
pub async fn run(
    lane: Lane,
    equipment: Equipment,
    observer: Box<dyn Observer>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let (give, mut take) = mpsc::channel(INPUTS_WAITING);
    let around = Surroundings {
        inputs: give.clone(),
        faculties: lane.faculties.clone(),
        conditions: lane.conditions.clone(),
    };
    let screen = equipment.screen;
    let hands = Hands {
        gate: threads::gate(equipment.gate, around.clone()).context("gate's thread")?,
        chip_reader: threads::chip_reader(equipment.chip_reader, around.clone())
            .context("chip reader's thread")?,
        camera: threads::camera(equipment.camera, screen.clone(), around.clone())
            .context("camera's thread")?,
        screen,
    };
    threads::mrz_reader(equipment.mrz_reader, around).context("MRZ reader's thread")?;

    let mut conduct = Conduct {
        lane,
        hands,
        observer,
        inputs: give,
        clock: Instant::now(),
        at: Moment(0),
        gate: None,
        on_reader: false,
    };
    let mut changes = Changes {
        officer_calls: equipment.officer_calls,
        conditions: conduct.lane.conditions.watch(),
        stop: stop.clone(),
        restart: conduct.lane.restart.subscribe(),
        profiles: conduct.lane.profiles.subscribe(),
        service: Service::new(),
    };
    let mut number = 0;
    while !*stop.borrow() && !*changes.restart.borrow() {
        number += 1;
        let mut current = conduct.begin(number, &mut changes);
        conduct.accompany(&mut current, &mut take, &mut changes).await;
    }
    // The gate's thread carries out what it was told last (the red lamp) before it says farewell.
    drop(conduct);
    let farewell = async {
        while let Some(message) = take.recv().await {
            if matches!(message.input, Input::GateLost) {
                break;
            }
        }
    };
    if tokio::time::timeout(FAREWELL_PATIENCE, farewell).await.is_err() {
        tracing::warn!("the gate did not take its last orders");
    }
    Ok(())
}

impl Conduct {
    fn now(&self) -> Moment {
        Moment(self.clock.elapsed().as_millis().try_into().unwrap_or(u64::MAX))
    }

    fn begin(&mut self, number: u64, changes: &mut Changes) -> Current {
        self.lane.profile = changes.profiles.borrow_and_update().clone();
        let started = Timestamp::now();
        let id = PassageId(format!("{}-{}-{number}", self.lane.name, started.as_millisecond()));
        let now = self.now();
        let passage = Passage::new(id.clone(), self.lane.profile.clone(), started, now);
        self.observer.begun(&id, started, now);
        Current { number, id, passage, portrait: None, frames: KeptFrames::default() }
    }

    /// From the waiting gate to the passage's end.
    async fn accompany(
        &mut self,
        current: &mut Current,
        inputs: &mut mpsc::Receiver<Message>,
        changes: &mut Changes,
    ) {
        let state = match self.gate {
            Some(state) => Input::Gate(state),
            None => Input::GateLost,
        };
        self.tell_of_lane(current, changes);
        if self.on_reader {
            self.tell(current, Message::new(None, Input::OnReader(true), &self.lane.faculties));
        }
        self.tell(current, Message::new(None, state, &self.lane.faculties));
        let patience = stop_patience(&self.lane.profile.limits);
        let mut stopping: Option<Instant> = None;
        while !self.carry_out(current) {
            self.tell_whereabouts(current);
            let due = current.passage.deadline();
            tokio::select! {
                message = inputs.recv() => match message {
                    Some(message) => self.tell(current, message),
                    None => return,
                },
                () = wait_until(self.clock, due) => {
                    self.at = self.now();
                    self.observer.time(self.at);
                    current.passage.on_time(self.at);
                }
                Ok(()) = changes.officer_calls.changed() => {
                    self.tell(current, Message::new(None, Input::OfficerWanted, &self.lane.faculties));
                }
                Ok(()) = changes.conditions.changed() => {
                    self.tell_of_lane(current, changes);
                }
                Some(errand) = self.lane.errands.recv() => self.run_errand(current, errand),
                () = changes.service.beat() => changes.service.alive(),
                // Nobody has begun: the next who comes begins by what counts now.
                Ok(()) = changes.profiles.changed(), if current.passage.began().is_none() => self.end_idle(current),
                Ok(()) = changes.restart.changed(), if current.passage.began().is_none() => {
                    changes.service.stopping();
                    self.end_idle(current);
                }
                changed = changes.stop.changed(), if stopping.is_none() => {
                    if changed.is_err() {
                        return;
                    }
                    stopping = Some(Instant::now());
                    changes.service.stopping();
                    self.tell(current, Message::new(None, Input::Stop, &self.lane.faculties));
                }
            }
            if stopping.is_some_and(|since| since.elapsed() > patience) {
                tracing::error!("the passage under way did not end in time; the lane stops without it");
                return;
            }
        }
        let now = self.now();
        self.observer.ended(now);
    }

    /// Ends the passage that waits for a traveller.
    fn end_idle(&mut self, current: &mut Current) {
        self.tell(current, Message::new(None, Input::Stop, &self.lane.faculties));
    }

    /// Lets central know where the passage is.
    fn tell_whereabouts(&self, current: &Current) {
        self.lane.link.at(Whereabouts {
            state: current.passage.state_name(),
            passage: current.id.0.clone(),
            began: current.passage.began().map(Timestamp::as_millisecond),
        });
    }

    /// An officer's command, if it is about this passage and the passage obeys it where it is.
    fn run_errand(&mut self, current: &mut Current, errand: Errand) {
        let obeyed = if errand.passage == current.id.0 {
            current.passage.obeys(errand.command).map_err(|why| CommandError::NotNow(why.to_owned()))
        } else {
            Err(CommandError::OtherPassage)
        };
        if obeyed.is_ok() {
            self.tell(current, Message::new(None, Input::Command(errand.command), &self.lane.faculties));
        }
        // Who asked may have given up.
        let _ = errand.answer.send(obeyed);
    }

    /// Tells the passage what of the lane is amiss; nothing, as long as nobody knows.
    fn tell_of_lane(&mut self, current: &mut Current, changes: &mut Changes) {
        let known = changes.conditions.borrow_and_update().conditions();
        if let Some(conditions) = known {
            changes.service.ready();
            self.tell(current, Message::new(None, Input::Conditions(conditions), &self.lane.faculties));
        }
    }

    /// Tells the passage what happened, unless it concerns one that is over.
    fn tell(&mut self, current: &mut Current, message: Message) {
        match &message.input {
            Input::Gate(state) => self.gate = Some(*state),
            Input::GateLost => self.gate = None,
            Input::OnReader(there) => self.on_reader = *there,
            _ => {}
        }
        if message.passage.is_some_and(|number| number != current.number) {
            return;
        }
        if message.portrait.is_some() {
            current.portrait = message.portrait;
        }
        self.at = self.now();
        self.observer.heard(self.at, &message.input);
        current.passage.on_event(message.event, self.at);
        if let Input::Frame(film) = &message.input {
            current.frames.keep(film, &current.passage.pictures());
        }
    }

    /// Carries out every wish; `true` when the passage is over.
    fn carry_out(&mut self, current: &mut Current) -> bool {
        let mut over = false;
        while let Some(effect) = current.passage.next_effect() {
            if let Some(deed) = Deed::of(&effect) {
                self.observer.did(self.at, &deed);
            }
            match effect {
                Effect::Show(prompt) => self.hands.screen.show(prompt),
                Effect::Gate(command) => self.hands.gate.give(GateOrder::Command(command)),
                Effect::OpenExit(token) => self.hands.gate.give(GateOrder::OpenExit(token)),
                Effect::ReadChip(printed) => {
                    self.hands.screen.meet(&printed.issuing_state);
                    self.hands.chip_reader.give(ChipOrder { passage: current.number, printed: *printed });
                }
                Effect::LookUp(document) => self.look_up(current, &document),
                Effect::StartCapture => self.hands.camera.give(CameraOrder::Start(current.number)),
                Effect::StopCapture => self.hands.camera.give(CameraOrder::Stop),
                Effect::Store(outcome) => {
                    self.observer.outcome(self.at, &outcome);
                    self.lane.tally.count(&outcome);
                    self.store(current, outcome);
                }
                Effect::Ended => over = true,
            }
        }
        over
    }
}

/// How long a passage may take to end in order when the lane stops: leaving, then the whole aftermath.
fn stop_patience(limits: &Limits) -> Duration {
    let ms = [limits.leave_ms, limits.referral_ms, limits.enter_ms, limits.durable_ms].into_iter();
    Duration::from_millis(ms.fold(limits.door_ms.saturating_mul(3), u64::saturating_add))
}

async fn wait_until(clock: Instant, due: Option<Moment>) {
    match due {
        Some(Moment(ms)) => tokio::time::sleep_until((clock + Duration::from_millis(ms)).into()).await,
        None => std::future::pending().await,
    }
}
