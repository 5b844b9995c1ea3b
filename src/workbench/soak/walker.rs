//! One lane of a soak run, and the travellers who come to it one after another.

use super::Act;
use super::report::{SoakReport, name};
use crate::central::store::PassageFilter;
use crate::devices::card::SoftwarePassport;
use crate::devices::gate::{DoorName, FloorSnapshot, GateFloor};
use crate::lane::{Deed, Faculties};
use crate::passage::{Door, Ending};
use crate::policy::Profile;
use crate::workbench::issue::{Defect, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use crate::workbench::rig::{Cast, DeskCentral, DeskLane, Diary, Entry, LanePlan, Pages, Simulators};
use anyhow::Context;
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How much quicker than life people and doors are.
const SPEED: f32 = 10.0;
/// A passage, or a lamp, for which one waits longer is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(90);
/// How often a traveller looks at the gate.
const LOOK: Duration = Duration::from_millis(10);
/// How long what breaks stays broken: longer than the lane takes to notice.
const BROKEN: Duration = Duration::from_millis(2_500);
/// Defects of documents, one after another.
const DEFECTS: [Defect; 5] = [
    Defect::Expired,
    Defect::PortraitReplaced,
    Defect::UnknownCountry,
    Defect::SignerRevoked,
    Defect::PrintedLinesDiffer,
];

/// The profile that ships, with fewer frames, and the waits that only a person makes long shortened.
fn profile() -> Profile {
    let mut profile = Profile::default();
    profile.face.frames_needed = 2;
    let limits = &mut profile.limits;
    limits.referral_ms = 300;
    limits.enter_ms = 2_500;
    limits.capture_ms = 6_000;
    limits.leave_ms = 2_500;
    limits.door_ms = 2_000;
    limits.several_persons_ms = 400;
    profile
}

/// What was seen of one passage.
struct Seen {
    number: u32,
    act: Act,
    ending: Option<Ending>,
}

/// A lane with its travellers.
pub(super) struct Walker {
    name: String,
    lane: DeskLane,
    pages: Pages,
    simulators: Simulators,
    cast: Cast,
    country: Arc<TestCountry>,
    seen: Vec<Seen>,
    stored: u64,
    wrong: Vec<String>,
}

/// How far a traveller is.
#[derive(Default)]
struct Trip {
    /// Everything that the lane did since the passage began.
    told: Vec<Entry>,
    went_in: bool,
    turned: bool,
    broke: Option<Instant>,
    mended: bool,
}

impl Trip {
    fn did(&self, wanted: &Deed) -> bool {
        self.told.iter().any(|entry| matches!(entry, Entry::Did(deed) if deed == wanted))
    }

    fn over(&self) -> bool {
        self.told.iter().any(|entry| matches!(entry, Entry::Ended))
    }

    fn ending(&self) -> Option<Ending> {
        self.told.iter().rev().find_map(|entry| match entry {
            Entry::Came(outcome) => Some(outcome.ending),
            _ => None,
        })
    }

    fn admitted(&self) -> bool {
        self.told.iter().any(|entry| matches!(entry, Entry::Came(it) if it.ending == Ending::Admitted))
    }

    fn durable(&self) -> u64 {
        self.told.iter().filter(|entry| matches!(entry, Entry::Stored(true))).count() as u64
    }
}

impl Walker {
    pub(super) fn start(
        runtime: &Runtime,
        folder: &Path,
        name: &str,
        central: &DeskCentral,
        faculties: Faculties,
        cast: Cast,
        country: Arc<TestCountry>,
    ) -> anyhow::Result<Walker> {
        let simulators = Simulators::start(SPEED)?;
        simulators.stage.show(cast.nobody.clone());
        let plan = LanePlan {
            name: name.to_owned(),
            kit: central.kit(name),
            central: central.url(),
            outbox: folder.join(format!("{name}.db")),
            profile: profile(),
            releases: None,
        };
        let (diary, pages) = Diary::new();
        let equip = |screen| simulators.equipment(screen);
        let lane = DeskLane::start(runtime.handle().clone(), plan, equip, faculties, Box::new(diary))?;
        let name = name.to_owned();
        Ok(Walker {
            name,
            lane,
            pages,
            simulators,
            cast,
            country,
            seen: Vec::new(),
            stored: 0,
            wrong: Vec::new(),
        })
    }

    fn floor(&self) -> GateFloor {
        self.simulators.floor()
    }

    /// Plays one passage to its end, and has the gate cleared.
    pub(super) fn play(&mut self, number: u32, act: Act) {
        let floor = self.floor();
        if !floor.wait_until(|gate| gate.green, STUCK_AFTER) {
            let amiss = self.lane.amiss();
            self.wrong.push(format!(
                "{number} {act:?}: the lamp stays red, amiss {amiss:?}, {:?}",
                floor.snapshot()
            ));
            return;
        }
        let openings = floor.snapshot().exit_openings;
        let trip = match self.arrive(number, act) {
            Ok(()) => self.travel(act),
            Err(error) => {
                self.wrong.push(format!("{number} {act:?}: {error:#}"));
                return;
            }
        };
        self.mend(act);
        let opened = floor.snapshot().exit_openings - openings;
        self.stored += trip.durable();
        let mut wrong = |what: &str| self.wrong.push(format!("{number} {act:?}: {what}"));
        if !trip.over() {
            wrong("the passage is stuck");
        }
        if opened > u32::from(trip.admitted() && trip.durable() > 0) {
            wrong("the exit opened without a durable admission");
        }
        if trip.admitted() && !act.may_be_admitted() {
            wrong("admitted who may not be");
        }
        if trip.over() && trip.ending().is_none() {
            wrong("the passage ended without an outcome");
        }
        self.seen.push(Seen { number, act, ending: trip.ending() });
        self.clear();
    }

    fn arrive(&self, number: u32, act: Act) -> anyhow::Result<()> {
        let defect = match act {
            Act::BadDocument => *DEFECTS.get(number as usize / 2 % DEFECTS.len()).unwrap_or(&Defect::Expired),
            _ => Defect::None,
        };
        let document = self.issue(number, defect)?;
        let passport: SoftwarePassport = document.passport(u64::from(number))?;
        let film = if act == Act::Stranger { &self.cast.stranger } else { &self.cast.holder };
        self.simulators.stage.show(film.clone());
        self.pages.take();
        self.floor().approach();
        self.simulators.slot.insert(passport);
        let lines: Vec<&str> = document.printed.iter().map(String::as_str).collect();
        self.simulators.lines.send(&lines).context("the reader's line")
    }

    fn issue(&self, number: u32, defect: Defect) -> anyhow::Result<IssuedDocument> {
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let order = DocumentOrder {
            surname: "ERIKSSON".to_owned(),
            given_names: "ANNA MARIA".to_owned(),
            number: format!("S{number:08}"),
            nationality: "UTO".to_owned(),
            date_of_birth: jiff::civil::date(1974, 8, 12),
            date_of_expiry: today.saturating_add(jiff::Span::new().years(5)),
            sex: '<',
            portrait: self.cast.portrait.clone(),
            defect,
        };
        self.country.issue_as(&DocumentKind::modern(), &order)
    }

    /// Looks at doors and lamps, and does what a person would, until the passage is over.
    fn travel(&mut self, act: Act) -> Trip {
        let deadline = Instant::now() + STUCK_AFTER;
        let mut trip = Trip::default();
        while !trip.over() && Instant::now() < deadline {
            trip.told.extend(self.pages.take());
            let gate = self.floor().snapshot();
            self.trouble(act, &gate, &mut trip);
            self.step(act, &gate, &mut trip);
            thread::sleep(LOOK);
        }
        trip
    }

    /// The next step of somebody who obeys, as far as the act lets them.
    fn step(&self, act: Act, gate: &FloorSnapshot, trip: &mut Trip) {
        let floor = self.floor();
        let inside = gate.cabin > 0;
        if gate.entry == Door::Open && !trip.went_in && act != Act::StandsStill {
            trip.went_in = true;
            self.simulators.slot.remove();
            if act == Act::Tailgating { floor.two_walk_in() } else { floor.walk_in() }
        } else if gate.exit == Door::Open && inside && act != Act::StaysInside {
            floor.leave_by_exit();
        } else if gate.entry == Door::Open && inside && gate.beacon {
            floor.leave_by_entry();
        }
    }

    /// What the act does that nobody should, or breaks; and its mending after a while.
    fn trouble(&self, act: Act, gate: &FloorSnapshot, trip: &mut Trip) {
        if trip.broke.is_some_and(|broke| broke.elapsed() > BROKEN) && !trip.mended {
            trip.mended = true;
            self.mend(act);
        }
        let due = match act {
            Act::ChipPulled | Act::ReaderPulled | Act::BusCutOutside | Act::WalksAway => {
                trip.did(&Deed::ReadChip)
            }
            Act::TurnsBack | Act::EmergencyStop | Act::ObjectLeft => gate.cabin > 0,
            Act::CameraFrozen | Act::CameraDark | Act::BusCutInside => trip.did(&Deed::BeganFilming),
            Act::DoorStuck => gate.in_doorway,
            _ => false,
        };
        if !due || trip.turned {
            return;
        }
        trip.turned = true;
        trip.broke = Some(Instant::now());
        let (floor, simulators) = (self.floor(), &self.simulators);
        match act {
            Act::ChipPulled => drop(simulators.slot.remove()),
            Act::WalksAway => {
                trip.went_in = true;
                simulators.slot.remove();
                floor.leave_by_entry();
            }
            Act::ReaderPulled => simulators.slot.unplug(true),
            Act::BusCutOutside | Act::BusCutInside => floor.cut_bus(true),
            Act::TurnsBack => floor.step_back(),
            Act::EmergencyStop => floor.press_emergency_stop(true),
            Act::ObjectLeft => floor.leave_object(true),
            Act::CameraFrozen => simulators.stage.frozen(),
            Act::CameraDark => simulators.stage.dark(),
            Act::DoorStuck => floor.stick_door(DoorName::Entry, true),
            _ => {}
        }
    }

    /// Everything that the act broke works again.
    fn mend(&self, act: Act) {
        let floor = self.floor();
        match act {
            Act::ReaderPulled => self.simulators.slot.unplug(false),
            Act::BusCutOutside | Act::BusCutInside => floor.cut_bus(false),
            Act::EmergencyStop => floor.press_emergency_stop(false),
            Act::ObjectLeft => floor.leave_object(false),
            Act::CameraFrozen | Act::CameraDark => self.simulators.stage.show(self.cast.holder.clone()),
            Act::DoorStuck => floor.stick_door(DoorName::Entry, false),
            _ => {}
        }
    }

    /// The traveller is gone with the document; whoever is still inside is let out by the officer, by the release.
    fn clear(&self) {
        let floor = self.floor();
        self.simulators.slot.remove();
        self.simulators.stage.show(self.cast.nobody.clone());
        floor.leave_by_entry();
        if floor.snapshot().exit == Door::Open {
            floor.leave_by_exit();
        }
        let empty = |gate: &FloorSnapshot| gate.cabin == 0 && gate.entrance == 0 && !gate.in_doorway;
        if !floor.wait_until(empty, Duration::from_secs(1)) {
            floor.fire(true);
            floor.leave_by_entry();
            floor.wait_until(empty, STUCK_AFTER);
            floor.fire(false);
        }
    }

    /// Waits until everything arrived, and tells what was seen.
    pub(super) fn hand_over(
        self,
        central: &DeskCentral,
        patience: Duration,
        report: &mut SoakReport,
    ) -> anyhow::Result<()> {
        if let Err(error) = self.lane.wait_delivered(patience) {
            report.amiss([format!("{}: {error:#}", self.name)]);
        }
        let filter = PassageFilter { ending: None, most: usize::MAX >> 1 };
        let passages = central.running()?.store().passages(&filter)?;
        let mut sequences: Vec<u64> = passages
            .iter()
            .filter(|passage| passage.key.lane == self.name)
            .map(|passage| passage.key.sequence)
            .collect();
        sequences.sort_unstable();
        if !sequences.iter().copied().eq(1..=self.stored) {
            let many = sequences.len();
            report.amiss([format!(
                "{}: {} outcomes were stored, {many} records are at central",
                self.name, self.stored
            )]);
        }
        report.stored += self.stored;
        report.arrived += sequences.len() as u64;
        report.exit_openings += u64::from(self.floor().snapshot().exit_openings);
        for seen in &self.seen {
            report.count(seen.act, name(seen.ending));
            if seen.ending.is_none() {
                tracing::warn!(seen.number, "no outcome");
            }
        }
        report.amiss(self.wrong);
        self.lane.stop()
    }
}
