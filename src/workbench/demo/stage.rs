//! Everything that the demonstration needs, brought up: a test country, central, a lane on simulated
//! devices, and the pictures of the people who come.

use super::people::People;
use super::scenarios::{CentralIs, Scenario};
use super::traveller::{Luggage, Surroundings};
use super::watch::{Passed, Watch};
use crate::central::store::Role;
use crate::devices::card::{Behaviour, BitRate, Timing};
use crate::document::Mrz;
use crate::face::InferenceSettings;
use crate::lane::Faculties;
use crate::policy::{Profile, Topology};
use crate::workbench::issue::{ChipPlan, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use crate::workbench::rig::{DeskCentral, DeskLane, LanePlan, Simulators, empty_cabin};
use anyhow::Context;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The demonstration's only lane.
const LANE: &str = "lane-1";
/// A chip at 424 kbit/s: time for each exchange and each byte.
const CHIP_PACE: Timing = Timing { per_command_us: 8_000, kbit_per_s: BitRate::Kbit424 };
/// How long a passage may take from the traveller's exit to its recorded end.
const END_PATIENCE: Duration = Duration::from_secs(60);
/// How long the outbox may take to empty itself once central is back.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(60);
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
    /// How the gate is built.
    pub topology: Topology,
}

/// The demonstration's world, up and running.
pub struct Stage {
    central: DeskCentral,
    sign_in: String,
    lane: DeskLane,
    surroundings: Surroundings,
    /// Dropping it pulls every plug.
    _simulators: Simulators,
    country: TestCountry,
    people: People,
    passages: Receiver<Passed>,
    documents: u32,
    chip_pace: Timing,
    /// Everything above runs on it.
    runtime: Runtime,
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

        let central = DeskCentral::start(runtime.handle().clone(), &settings.folder, &[LANE])?;
        let office = &central.running()?.office;
        let sign_in = runtime.block_on(office.create_user("officer", Role::Officer))?;

        let simulators = Simulators::start(settings.speed)?;
        let nobody = empty_cabin()?;
        simulators.stage.show(nobody.clone());
        let plan = LanePlan {
            name: LANE.to_owned(),
            kit: central.kit(LANE),
            central: central.url(),
            outbox: settings.folder.join("outbox.db"),
            profile: Profile { topology: settings.topology, ..profile_at_speed(settings.speed) },
            releases: None,
        };
        let (observer, passages, prompts) = Watch::new(Arc::new(plan.profile.clone()), trust);
        let handle = runtime.handle().clone();
        let equip = |screen| simulators.equipment(screen);
        let lane = DeskLane::start(handle, plan, equip, faculties, Box::new(observer))?;
        let surroundings = Surroundings {
            slot: simulators.slot.clone(),
            lines: simulators.lines.clone(),
            floor: simulators.floor(),
            stage: simulators.stage.clone(),
            nobody,
            prompts,
            topology: settings.topology,
        };
        Ok(Stage {
            central,
            sign_in,
            lane,
            surroundings,
            _simulators: simulators,
            country,
            people,
            passages,
            documents: 0,
            chip_pace: Timing {
                per_command_us: (CHIP_PACE.per_command_us as f32 / settings.speed) as u32,
                ..CHIP_PACE
            },
            runtime,
        })
    }

    /// Models and trust of the lane.
    pub fn faculties(&self) -> Arc<Faculties> {
        self.lane.faculties.clone()
    }

    /// Where officers work.
    pub fn console_address(&self) -> String {
        self.central.console_address()
    }

    /// The one-time link by which the demonstration's officer sets a password.
    pub fn sign_in(&self) -> &str {
        &self.sign_in
    }

    /// What the traveller sees.
    pub fn screen_address(&self) -> String {
        format!("http://{}/", self.lane.screen)
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
        self.central.come_back()?;
        self.lane.wait_delivered(DELIVERY_PATIENCE).with_context(|| scenario.title)?;
        self.lane.wait_amiss(&[], DELIVERY_PATIENCE).with_context(|| scenario.title)?;
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
        match scenario.central {
            CentralIs::There => {}
            CentralIs::Warned => {
                let printed = Mrz::parse(&document.printed)?;
                let office = &self.central.running()?.office;
                let report =
                    office.report_document(&printed.issuing_state, &printed.document_number, "stolen");
                self.runtime.block_on(report)?;
            }
            CentralIs::Away => self.central.go_away()?,
        }
        Ok(())
    }

    /// Ends lane and central in order.
    ///
    /// # Errors
    /// When one of them ended badly.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.lane.stop()?;
        self.central.go_away()
    }
}

/// The profile that ships, with the waits that only a person makes long shortened to the speed.
fn profile_at_speed(speed: f32) -> Profile {
    let mut profile = Profile::default();
    let at_speed = |ms: u64| Duration::from_millis(ms).div_f32(speed).as_millis().try_into().unwrap_or(ms);
    profile.limits.referral_ms = at_speed(REFERRAL_MS);
    profile.limits.several_persons_ms = at_speed(profile.limits.several_persons_ms);
    profile.limits.take_document_ms = at_speed(profile.limits.take_document_ms);
    profile.limits.object_ms = at_speed(profile.limits.object_ms);
    profile
}
