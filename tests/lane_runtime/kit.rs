//! A whole lane in this process on real parts: gate, reader of printed lines and camera on ptys and HTTP, a software
//! passport, a durable queue, central over TLS by way of a cable that can be pulled.

use crate::cable::Cable;
use egate::check::{CheckId, CheckResult};
use egate::devices::camera::StageFrame;
use egate::devices::gate::{FloorSnapshot, GateFloor};
use egate::face::InferenceSettings;
use egate::lane::{Deed, Faculties, Following, Observer, PassageLog};
use egate::passage::{Door, Outcome, Prompt};
use egate::policy::Profile;
use egate::workbench::issue::{ChipPlan, Defect, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use egate::workbench::rig::{
    Cast, DeskCentral, DeskLane, DeskReleases, Diary, Entry, LanePlan, Pages, Simulators,
};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const LANE: &str = "lane-1";
/// Long for any machine; nothing here waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How much quicker than life people and doors are.
pub(crate) const SPEED: f32 = 10.0;
/// Frames of a film; the camera shows them over and over.
const FRAMES: usize = 4;

/// What a test wants to be otherwise.
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    /// How old the country's certificates and revocation lists are.
    pub(crate) trust_days: i64,
    /// Where the durable queue is; in the kit's folder when `None`.
    pub(crate) outbox: Option<PathBuf>,
    /// Where runtime and models are; where set-up put them when `None`.
    pub(crate) var: Option<PathBuf>,
    /// Does something to the lane's kit of keys before it starts.
    pub(crate) change_keys: fn(&Path),
    /// Breaks something before the lane starts.
    pub(crate) prepare: fn(&Simulators),
    /// Writes each passage into the log, as a lane at a gate does.
    pub(crate) logged: bool,
    /// Does something at central before the lane starts.
    pub(crate) at_central: fn(&DeskCentral, &Runtime),
    /// Takes releases in this rhythm.
    pub(crate) following: Option<Following>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            profile: quick_profile(),
            trust_days: 0,
            outbox: None,
            var: None,
            change_keys: |_| {},
            prepare: |_| {},
            logged: false,
            at_central: |_, _| {},
            following: None,
        }
    }
}

/// The profile that ships, with two frames for a verdict, and the waits that only a person makes long shortened.
pub(crate) fn quick_profile() -> Profile {
    let mut profile = Profile::default();
    profile.face.frames_needed = 2;
    profile.limits.referral_ms = 800;
    profile
}

pub(crate) struct Kit {
    pub(crate) central: DeskCentral,
    pub(crate) cable: Cable,
    pub(crate) simulators: Simulators,
    pub(crate) lane: DeskLane,
    pub(crate) pages: Pages,
    pub(crate) country: TestCountry,
    pub(crate) people: Cast,
    pub(crate) plan: LanePlan,
    documents: u32,
    _folder: TempDir,
    pub(crate) runtime: Runtime,
}

pub(crate) fn var() -> PathBuf {
    let named = std::env::var_os("EGATE_VAR");
    named.map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/var").into(), PathBuf::from)
}

/// Models where set-up put them, and this trust.
pub(crate) fn faculties(trust: &[(String, Vec<u8>)]) -> Faculties {
    faculties_under(&var(), trust).unwrap()
}

pub(crate) fn faculties_under(var: &Path, trust: &[(String, Vec<u8>)]) -> anyhow::Result<Faculties> {
    Faculties::load(var, &InferenceSettings::default(), trust, Timestamp::now())
}

/// Painted once, then kept between tests: painting takes long.
pub(crate) fn cast(faculties: &Faculties) -> Cast {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lane-cast-1");
    // One paints, the others wait.
    let lock = std::fs::File::create(kept.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !kept.exists() {
        let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let cast = Cast::paint(&var(), faculties, FRAMES).unwrap();
        std::fs::write(made.path().join("portrait.jpg"), cast.portrait).unwrap();
        for (name, film) in [("holder", cast.holder), ("stranger", cast.stranger), ("nobody", cast.nobody)] {
            write(made.path(), name, &film);
        }
        std::fs::rename(made.path(), &kept).unwrap();
    }
    Cast {
        portrait: std::fs::read(kept.join("portrait.jpg")).unwrap(),
        holder: read(&kept, "holder"),
        stranger: read(&kept, "stranger"),
        nobody: read(&kept, "nobody"),
    }
}

/// Files of trust as they lie in a lane's folder.
pub(crate) fn write_trust(folder: &Path, trust: &[(String, Vec<u8>)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in trust {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn write(folder: &Path, name: &str, frames: &[StageFrame]) {
    for (number, frame) in frames.iter().enumerate() {
        std::fs::write(folder.join(format!("{name}-{number}.jpg")), &frame.jpeg).unwrap();
    }
}

fn read(folder: &Path, name: &str) -> Arc<Vec<StageFrame>> {
    let files = (0..).map(|number| folder.join(format!("{name}-{number}.jpg")));
    let frames = files
        .map_while(|file| std::fs::read(file).ok())
        .map(|jpeg| StageFrame { picture: image::load_from_memory(&jpeg).unwrap().into_rgb8(), jpeg });
    Arc::new(frames.collect())
}

impl Kit {
    pub(crate) fn start() -> Kit {
        Kit::with(Plan::default())
    }

    pub(crate) fn with(plan: Plan) -> Kit {
        let Plan { profile, trust_days, outbox, var: models, change_keys, prepare, .. } = plan;
        let Plan { logged, at_central, following, .. } = plan;
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let made = Timestamp::now() - SignedDuration::from_hours(24 * trust_days);
        let country = TestCountry::new("UTO", "UT", made).unwrap();
        let trust = country.trust_bundle().unwrap();
        let faculties = faculties_under(&models.unwrap_or_else(var), &trust).unwrap();
        let people = cast(&faculties);
        let central = DeskCentral::start(runtime.handle().clone(), folder.path(), &[LANE]).unwrap();
        at_central(&central, &runtime);
        change_keys(folder.path());
        write_trust(&folder.path().join("trust-own"), &trust);
        let cable = Cable::to(&central.url());
        let simulators = Simulators::start(SPEED).unwrap();
        simulators.stage.show(people.nobody.clone());
        prepare(&simulators);
        let plan = LanePlan {
            name: LANE.to_owned(),
            kit: central.kit(LANE),
            central: cable.url(),
            outbox: outbox.unwrap_or_else(|| folder.path().join("outbox.db")),
            profile,
            releases: following
                .map(|following| DeskReleases { following, trust: folder.path().join("trust-own") }),
        };
        let (diary, pages) = Diary::new();
        let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(diary)];
        if logged {
            observers.push(Box::new(PassageLog::new(LANE)));
        }
        let handle = runtime.handle().clone();
        let lane = DeskLane::start(
            handle,
            plan.clone(),
            |screen| simulators.equipment(screen),
            faculties,
            Box::new(observers),
        )
        .unwrap();
        let documents = 0;
        Kit {
            central,
            cable,
            simulators,
            lane,
            pages,
            country,
            people,
            plan,
            documents,
            _folder: folder,
            runtime,
        }
    }

    pub(crate) fn floor(&self) -> GateFloor {
        self.simulators.floor()
    }

    /// Waits until the lamp is green.
    pub(crate) fn open(&self) {
        self.see("the green lamp", |gate| gate.green);
    }

    /// Waits until the lane tells that it is closed, and nobody may begin.
    pub(crate) fn closed(&self) {
        self.shows(Prompt::Closed);
        self.see("no green lamp", |gate| !gate.green);
    }

    /// Waits until an onlooker sees that.
    pub(crate) fn see(&self, what: &str, seen: impl Fn(&FloorSnapshot) -> bool) {
        let floor = self.floor();
        assert!(
            floor.wait_until(seen, PATIENCE),
            "{what} never came: {:?}; {:?}",
            floor.snapshot(),
            self.lane.amiss()
        );
    }

    /// Waits until the screen shows this.
    pub(crate) fn shows(&self, prompt: Prompt) {
        let last = |entries: &[Entry]| {
            entries.iter().rev().find_map(|entry| match entry {
                Entry::Did(Deed::Showed(prompt)) => Some(*prompt),
                _ => None,
            })
        };
        let shown = self.pages.wait_until(|entries| last(entries) == Some(prompt), PATIENCE);
        assert!(shown, "{prompt:?} was not shown: {:?}", self.lane.amiss());
    }

    /// Waits until the lane did this.
    pub(crate) fn does(&self, deed: &Deed) {
        let did = |entries: &[Entry]| entries.iter().any(|e| matches!(e, Entry::Did(done) if done == deed));
        assert!(self.pages.wait_until(did, PATIENCE), "{deed:?} was not done: {:?}", self.pages.take());
    }

    pub(crate) fn issue(&mut self, defect: Defect) -> IssuedDocument {
        self.documents += 1;
        issue(&self.country, &self.people.portrait, self.documents, defect)
    }

    /// A traveller comes to the green lamp and lays a good document on the reader.
    pub(crate) fn arrive(&mut self) {
        self.open();
        let document = self.issue(Defect::None);
        self.floor().approach();
        self.lay(&document);
    }

    /// Lays a document on the reader.
    pub(crate) fn lay(&self, document: &IssuedDocument) {
        self.simulators.slot.insert(document.passport(7).unwrap());
        self.simulators.stage.show(self.people.holder.clone());
        let lines: Vec<&str> = document.printed.iter().map(String::as_str).collect();
        self.simulators.lines.send(&lines).unwrap();
    }

    /// The traveller takes the document and walks in through the open entrance, until the camera films.
    pub(crate) fn walk_in(&self) {
        self.see("the open entrance", |gate| gate.entry == Door::Open);
        self.simulators.slot.remove();
        self.floor().walk_in();
        self.does(&Deed::BeganFilming);
    }

    /// The outcomes of the passage under way, once it is over: more than one when an admission was taken back.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let ended = |entries: &[Entry]| entries.iter().any(|entry| matches!(entry, Entry::Ended));
        assert!(
            self.pages.wait_until(ended, PATIENCE),
            "the passage does not end: {:?}",
            self.floor().snapshot()
        );
        let entries = self.pages.take_passage();
        entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Came(outcome) => Some(*outcome),
                _ => None,
            })
            .collect()
    }

    /// The only outcome of the passage under way, once it is over.
    pub(crate) fn outcome(&self) -> Outcome {
        let mut outcomes = self.outcomes();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        outcomes.remove(0)
    }

    /// The traveller takes the document and goes away by the way they came.
    pub(crate) fn leave(&self) {
        self.floor().leave_by_entry();
        self.simulators.slot.remove();
        self.simulators.stage.show(self.people.nobody.clone());
    }

    /// The exit was never opened.
    pub(crate) fn exit_stayed_shut(&self) {
        let gate = self.floor().snapshot();
        assert_eq!((gate.exit, gate.exit_openings), (Door::Locked, 0));
    }

    /// Ends lane and central in order.
    pub(crate) fn stop(mut self) {
        self.lane.stop().unwrap();
        self.central.go_away().unwrap();
    }
}

/// A document of its own for each passage, with names that occur nowhere else.
pub(crate) fn issue(country: &TestCountry, portrait: &[u8], number: u32, defect: Defect) -> IssuedDocument {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let kind = DocumentKind { chip: ChipPlan::modern(), ..DocumentKind::default() };
    let order = DocumentOrder {
        surname: SURNAME.to_owned(),
        given_names: GIVEN_NAMES.to_owned(),
        number: format!("{NUMBER}{number:04}"),
        nationality: "UTO".to_owned(),
        date_of_birth: jiff::civil::date(1974, 8, 12),
        date_of_expiry: today.saturating_add(jiff::Span::new().years(5)),
        sex: '<',
        portrait: portrait.to_vec(),
        defect,
    };
    country.issue_as(&kind, &order).unwrap()
}

pub(crate) const SURNAME: &str = "QUASIMODO";
pub(crate) const GIVEN_NAMES: &str = "ZEBEDAEUS";
/// How every document number begins.
pub(crate) const NUMBER: &str = "XK93";

/// How a check ended.
pub(crate) fn result(outcome: &Outcome, id: CheckId) -> Option<CheckResult> {
    outcome.checks.iter().rev().find(|check| check.id == id).map(|check| check.result)
}

/// That the whole document was read and found good.
pub(crate) fn document_was_checked(outcome: &Outcome) {
    for id in [
        CheckId::MrzConsistency,
        CheckId::ChipAccess,
        CheckId::ChipAuthenticity,
        CheckId::SecurityObjectSignature,
        CheckId::SignerChain,
        CheckId::DataGroupIntegrity,
        CheckId::DocumentExpiry,
        CheckId::MrzAgainstChip,
        CheckId::Portrait,
    ] {
        assert_eq!(result(outcome, id), Some(CheckResult::Successful), "{id:?} of {outcome:?}");
    }
}
