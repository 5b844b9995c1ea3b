//! Everything that the demonstration needs, brought up: a test country, central, a lane on simulated
//! devices, and the pictures of the people who come.

use super::people::People;
use super::scenarios::{CentralIs, Scenario};
use super::traveller::{Luggage, Surroundings};
use super::watch::{Passed, Watch};
use crate::central::store::Role;
use crate::central::{
    Central, CentralSettings, ConsoleSettings, LanesSettings, RetentionSettings, RunningCentral, enrol,
};
use crate::devices::InProcessReader;
use crate::devices::camera::StageCamera;
use crate::devices::card::{Behaviour, BitRate, Timing};
use crate::devices::gate::{FloorSettings, GateSettings, GateSimulator, ModbusGate};
use crate::devices::mrz_reader::{FramingProfile, MrzReaderSettings, MrzSender, SerialMrzReader};
use crate::devices::screen::ScreenServer;
use crate::document::Mrz;
use crate::face::InferenceSettings;
use crate::lane::{Conditions, Connection, Equipment, Faculties, Lane, run};
use crate::outbox::{BackOff, LaneKit, Outbox, RunningUploader};
use crate::policy::Profile;
use crate::workbench::issue::{ChipPlan, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use anyhow::{Context, bail};
use jiff::Timestamp;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The demonstration's only lane.
const LANE: &str = "lane-1";
/// Any free port of this machine alone.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The simulated camera's rate.
const FRAMES_PER_SECOND: f64 = 15.0;
/// A chip at 424 kbit/s: time for each exchange and each byte.
const CHIP_PACE: Timing = Timing { per_command_us: 8_000, kbit_per_s: BitRate::Kbit424 };
/// How long a passage may take from the traveller's exit to its recorded end.
const END_PATIENCE: Duration = Duration::from_secs(60);
/// How long the outbox may take to empty itself once central is back.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(60);
/// Waits of the upload while central is away: short, so that its return is seen.
const BACK_OFF: BackOff = BackOff { first: Duration::from_millis(200), longest: Duration::from_secs(2) };
/// How long a referred traveller is made to wait, milliseconds at speed 1.
const REFERRAL_MS: u64 = 6_000;

/// Where and how fast.
#[derive(Debug, Clone)]
pub struct StageSettings {
    /// Databases, keys, documents.
    pub folder: PathBuf,
    /// Runtime, models, pictures.
    pub var: PathBuf,
    /// How much quicker than life.
    pub speed: f32,
}

/// The demonstration's world, up and running.
pub struct Stage {
    runtime: Runtime,
    central: Option<RunningCentral>,
    central_settings: CentralSettings,
    sign_in: String,
    screen_address: String,
    outbox: Arc<Mutex<Outbox>>,
    faculties: Arc<Faculties>,
    surroundings: Surroundings,
    /// Dropping it pulls the plug of the gate.
    _gate: GateSimulator,
    country: TestCountry,
    people: People,
    passages: Receiver<Passed>,
    documents: u32,
    conditions: Conditions,
    chip_pace: Timing,
    stop: watch::Sender<bool>,
    lane: JoinHandle<anyhow::Result<()>>,
    uploader: RunningUploader,
}

impl Stage {
    /// Brings everything up.
    ///
    /// # Errors
    /// When something that set-up provides is missing, or a part does not start.
    pub fn build(settings: &StageSettings) -> anyhow::Result<Stage> {
        let runtime = Runtime::new()?;
        let now = Timestamp::now();
        let country = TestCountry::new("UTO", "UT", now)?;
        let trust = country.trust_bundle()?;
        let faculties = Faculties::load(&settings.var, &InferenceSettings::default(), &trust, now)?;
        let people = People::load(&settings.var, &faculties)?;

        let identity = settings.folder.join("identity");
        let kit = identity.join("lanes").join(LANE);
        if !kit.exists() {
            enrol::init(&identity, &["localhost", "127.0.0.1"])?;
            enrol::enrol_lane(&identity, LANE)?;
        }
        let mut central_settings = CentralSettings {
            data: settings.folder.join("central"),
            identity,
            database: None,
            monitoring: None,
            retention: RetentionSettings::default(),
            lanes: LanesSettings { listen: LOOPBACK },
            console: ConsoleSettings { listen: LOOPBACK, certificate: None, key: None },
        };
        let central = runtime.block_on(Central::start(central_settings.clone()))?;
        // When it comes back it must be found where it was.
        central_settings.lanes.listen = central.lanes_address();
        central_settings.console.listen = central.console_address();
        let sign_in = runtime.block_on(central.office.create_user("officer", Role::Officer))?;

        let gate = GateSimulator::start(FloorSettings {
            speed: f64::from(settings.speed),
            ..FloorSettings::default()
        })?;
        let lines = MrzSender::start(FramingProfile::default())?;
        let (chip_reader, slot) = InProcessReader::new();
        let (camera, before_camera) = StageCamera::new(FRAMES_PER_SECOND);
        let (screen, screen_address) = runtime.block_on(ScreenServer::start(LOOPBACK))?;
        let equipment = Equipment {
            chip_reader: Box::new(chip_reader),
            mrz_reader: Box::new(SerialMrzReader::open(MrzReaderSettings::new(lines.port_name()))?),
            camera: Box::new(camera),
            gate: Box::new(ModbusGate::open(GateSettings::new(gate.port_name()))?),
            officer_calls: screen.officer_calls(),
            screen: Arc::new(screen),
        };

        let url = format!("https://localhost:{}", central_settings.lanes.listen.port());
        let connection = Connection { url: &url, kit: LaneKit::read(&kit)?, back_off: BACK_OFF };
        let (lane, uploader) = runtime.block_on(async {
            let outbox = settings.folder.join("outbox.db");
            Lane::connect(LANE, profile_at_speed(settings.speed), faculties, &outbox, connection)
        })?;
        let (outbox, faculties) = (lane.outbox.clone(), lane.faculties.clone());
        let conditions = lane.conditions.clone();
        let (observer, passages) = Watch::new(lane.profile.clone(), trust);
        let (stop, stopped) = watch::channel(false);
        let lane = runtime.spawn(run(lane, equipment, Box::new(observer), stopped));
        let surroundings = Surroundings { slot, lines, floor: gate.floor(), stage: before_camera };
        Ok(Stage {
            runtime,
            central: Some(central),
            central_settings,
            sign_in,
            screen_address: format!("http://{screen_address}/"),
            outbox,
            faculties,
            surroundings,
            _gate: gate,
            country,
            people,
            passages,
            documents: 0,
            conditions,
            chip_pace: Timing {
                per_command_us: (CHIP_PACE.per_command_us as f32 / settings.speed) as u32,
                ..CHIP_PACE
            },
            stop,
            lane,
            uploader,
        })
    }

    /// Models and trust of the lane.
    pub fn faculties(&self) -> Arc<Faculties> {
        self.faculties.clone()
    }

    /// Where officers work.
    pub fn console_address(&self) -> String {
        format!("http://{}/", self.central_settings.console.listen)
    }

    /// The one-time link by which the demonstration's officer sets a password.
    pub fn sign_in(&self) -> &str {
        &self.sign_in
    }

    /// What the traveller sees.
    pub fn screen_address(&self) -> &str {
        &self.screen_address
    }

    /// Plays one passage and gives what the lane made of it.
    ///
    /// # Errors
    /// When the passage gets stuck, or its record does not arrive at central.
    pub fn play(&mut self, scenario: &Scenario) -> anyhow::Result<Passed> {
        let document = self.issue(scenario)?;
        self.set_central(scenario, &document)?;
        let behaviour = Behaviour {
            seed: u64::from(self.documents),
            attacks: scenario.chip.to_vec(),
            timing: Some(self.chip_pace),
            ..Behaviour::default()
        };
        let passport = document.passport(behaviour.seed)?.behaving(behaviour);
        let luggage =
            Luggage { printed: document.printed, passport, looks: self.people.frames(scenario.presented)? };
        self.surroundings.travel(scenario, luggage).with_context(|| scenario.title)?;
        let passed = self
            .passages
            .recv_timeout(END_PATIENCE)
            .with_context(|| format!("{}: the passage did not end", scenario.title))?;
        self.bring_central_back()?;
        self.await_delivery().with_context(|| scenario.title)?;
        Ok(passed)
    }

    /// A document of its own for each passage, so that one that is reported is no other's.
    fn issue(&mut self, scenario: &Scenario) -> anyhow::Result<IssuedDocument> {
        self.documents += 1;
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let kind = DocumentKind { chip: ChipPlan::modern(), ..DocumentKind::default() };
        let order = DocumentOrder {
            surname: "ERIKSSON".to_owned(),
            given_names: "ANNA MARIA".to_owned(),
            number: format!("L{:08}", self.documents),
            nationality: "UTO".to_owned(),
            date_of_birth: jiff::civil::date(1974, 8, 12),
            date_of_expiry: today.saturating_add(jiff::Span::new().years(5)),
            sex: '<',
            portrait: self.people.portrait.clone(),
            defect: scenario.defect,
        };
        self.country.issue_as(&kind, &order)
    }

    fn set_central(&mut self, scenario: &Scenario, document: &IssuedDocument) -> anyhow::Result<()> {
        let Some(central) = &self.central else { bail!("central is away before the passage") };
        match scenario.central {
            CentralIs::There => {}
            CentralIs::Warned => {
                let printed = Mrz::parse(&document.printed)?;
                let report = central.office.report_document(
                    &printed.issuing_state,
                    &printed.document_number,
                    "stolen",
                );
                self.runtime.block_on(report)?;
            }
            CentralIs::Away => {
                if let Some(central) = self.central.take() {
                    self.runtime.block_on(central.stop())?;
                }
            }
        }
        Ok(())
    }

    fn bring_central_back(&mut self) -> anyhow::Result<()> {
        if self.central.is_none() {
            let again = Central::start(self.central_settings.clone());
            self.central = Some(self.runtime.block_on(again)?);
        }
        Ok(())
    }

    /// Waits until central has acknowledged every record, and the lane has seen that it is there.
    fn await_delivery(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + DELIVERY_PATIENCE;
        loop {
            let left = self.outbox.lock().unwrap_or_else(PoisonError::into_inner).len()?;
            let amiss = self.conditions.watch().borrow().conditions();
            let amiss = amiss.context("the lane has not looked at itself")?;
            if left == 0 && amiss.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{left} record(s) did not arrive at central within {DELIVERY_PATIENCE:?}; amiss: {amiss:?}"
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends lane and central in order.
    ///
    /// # Errors
    /// When one of them ended badly.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.runtime.block_on(async {
            self.lane.await??;
            self.uploader.stop().await;
            match self.central {
                Some(central) => central.stop().await,
                None => Ok(()),
            }
        })
    }
}

/// The profile that ships, with the waits that only a person makes long shortened to the speed.
fn profile_at_speed(speed: f32) -> Profile {
    let mut profile = Profile::default();
    let at_speed = |ms: u64| Duration::from_millis(ms).div_f32(speed).as_millis().try_into().unwrap_or(ms);
    profile.limits.referral_ms = at_speed(REFERRAL_MS);
    profile.limits.several_persons_ms = at_speed(profile.limits.several_persons_ms);
    profile
}
