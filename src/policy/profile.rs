//! The profile: what is asked for at this gate, in TOML.
//!
//! `config/profile.toml` is the profile of the house and [`Profile::default`]; it is commented for the
//! operator. An operator may ask for more, and for less down to [`FLOOR`], never below.

use super::config::{ConfigError, read_toml};
use super::degraded::{Condition, Response};
use crate::check::CheckId;
use crate::face::FaceRules;
use std::collections::BTreeMap;

/// How much a check counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Only `Successful` admits.
    Mandatory,
    /// `Successful` and `NotSupported` admit.
    IfSupported,
    /// Made and recorded, never decides (*evaluatory*, TR-03135-1 §3.7).
    Evaluatory,
}

/// Where document reader, display and camera stand (TR-03121-3.1 §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// The document is read before the entrance, the face filmed in the cabin.
    #[default]
    TwoStep,
    /// Document and face are both read in the cabin.
    OneStep,
}

/// What this gate asks for. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name, as records carry it.
    pub name: String,
    /// Which way travellers go. A lane's settings can say so in its place: one profile serves many lanes.
    #[serde(default)]
    pub topology: Topology,
    /// Demand for each check. A check without entry is mandatory; read it by [`Profile::demand`].
    #[serde(default)]
    pub checks: BTreeMap<CheckId, Demand>,
    /// Thresholds and counts of the face.
    pub face: FaceRules,
    /// Time limits of the passage, milliseconds.
    pub limits: Limits,
    /// What follows when something of the lane is amiss; read it by [`Profile::response`].
    #[serde(default)]
    pub degraded: BTreeMap<Condition, Response>,
    /// How old the lane's snapshot of central's lists may be.
    #[serde(default)]
    pub snapshot: SnapshotRules,
}

/// The lists for the time without central.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRules {
    /// Greatest age, hours, 1 to [`SNAPSHOT_HOURS_MOST`].
    pub hours_most: u32,
}

impl Default for SnapshotRules {
    fn default() -> Self {
        SnapshotRules { hours_most: 12 }
    }
}

/// No snapshot of lists older than a week decides anything.
pub const SNAPSHOT_HOURS_MOST: u32 = 168;

/// Time limits of a passage, milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// From the printed lines to the end of chip reading; also how long a second try to read the lines
    /// is waited for.
    pub chip_ms: u64,
    /// One step only: from the shut entrance to the first readable lines.
    pub document_ms: u64,
    /// From the open entrance to one person inside; also how long a referred traveller has to step back
    /// out of the cabin.
    pub enter_ms: u64,
    /// From the shut entrance to enough frames.
    pub capture_ms: u64,
    /// From the question to central's answer.
    pub lookup_ms: u64,
    /// How long, added up, more than one person may stay in the cabin, or more than one face in view, before the
    /// passage is referred.
    pub several_persons_ms: u64,
    /// How long a traveller who goes on without the document has to take it from the reader.
    pub take_document_ms: u64,
    /// From the open exit to the empty cabin.
    pub leave_ms: u64,
    /// How long a traveller has to fetch what was left in the cabin.
    pub object_ms: u64,
    /// A door's travel.
    pub door_ms: u64,
    /// From the outcome to its durable storage.
    pub durable_ms: u64,
    /// How long a referred traveller waits before the entrance lets them back.
    pub referral_ms: u64,
}

/// What no profile can make less than mandatory: without any one of these an imposter or a forged
/// document could pass. TR-03135-2 table 4.7 and 4.8 (self service), TR-03121-3.1 §2.5.
pub const FLOOR: [CheckId; 9] = [
    CheckId::ChipAccess,
    CheckId::SecurityObjectSignature,
    CheckId::SignerChain,
    CheckId::DataGroupIntegrity,
    CheckId::DocumentExpiry,
    CheckId::MrzAgainstChip,
    CheckId::SinglePerson,
    CheckId::Liveness,
    CheckId::FaceMatch,
];

/// Longest time limit: no step of a passage takes an hour.
pub const LIMIT_MOST_MS: u64 = 3_600_000;

/// Most frames that one capture may ask for.
pub const FRAMES_MOST: usize = 64;

/// The house's profile, compiled in.
const DEFAULT: &str = include_str!("../../config/profile.toml");

impl Default for Profile {
    /// The profile of `config/profile.toml`.
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "compiled in, and read by a test: no outside data")]
        Profile::parse(DEFAULT, "config/profile.toml").expect("the house's own profile is valid")
    }
}

impl Profile {
    /// Reads a profile; `file_name` is only for the message.
    ///
    /// # Errors
    /// With file, line, key and the nearest valid key; also when a threshold or limit is out of range
    /// or a check of [`FLOOR`] is asked for less than mandatory.
    pub fn parse(toml_text: &str, file_name: &str) -> Result<Profile, ConfigError> {
        let profile: Profile = read_toml(toml_text, file_name)?;
        match profile.fault() {
            Some((key, what)) => Err(ConfigError::at(file_name, toml_text, &key, what)),
            None => Ok(profile),
        }
    }

    /// The same for a gate that is built so: where the devices stand is not the profile's to say when the lane's settings
    /// do.
    #[must_use]
    pub fn built(self, topology: Option<Topology>) -> Profile {
        Profile { topology: topology.unwrap_or(self.topology), ..self }
    }

    /// How much a check counts here. What is not mentioned, and what is in [`FLOOR`], is mandatory.
    pub fn demand(&self, id: CheckId) -> Demand {
        if FLOOR.contains(&id) {
            return Demand::Mandatory;
        }
        self.checks.get(&id).copied().unwrap_or(Demand::Mandatory)
    }

    /// The first senseless value, by key and fault.
    fn fault(&self) -> Option<(String, String)> {
        if self.name.trim().is_empty() {
            return Some(("name".into(), "must not be empty".into()));
        }
        self.demand_fault()
            .or_else(|| self.degraded_fault())
            .or_else(|| self.face_fault())
            .or_else(|| self.limits.fault())
            .or_else(|| self.snapshot_fault())
    }

    fn demand_fault(&self) -> Option<(String, String)> {
        let (id, _) =
            self.checks.iter().find(|&(id, &demand)| FLOOR.contains(id) && demand != Demand::Mandatory)?;
        let key = serde_json::to_value(id).ok()?.as_str()?.to_owned();
        Some((format!("checks.{key}"), "cannot be less than mandatory at a gate".into()))
    }

    fn snapshot_fault(&self) -> Option<(String, String)> {
        let fine = (1..=SNAPSHOT_HOURS_MOST).contains(&self.snapshot.hours_most);
        let what = || format!("must lie between 1 and {SNAPSHOT_HOURS_MOST} hours");
        (!fine).then(|| ("snapshot.hours_most".into(), what()))
    }

    fn degraded_fault(&self) -> Option<(String, String)> {
        let central = |condition: &Condition| *condition == Condition::CentralUnreachable;
        if let Some((id, _)) = self.degraded.iter().find(|(id, r)| **r == Response::Snapshot && !central(id))
        {
            let key = serde_json::to_value(id).ok()?.as_str()?.to_owned();
            return Some((format!("degraded.{key}"), "only an unreachable central has a snapshot".into()));
        }
        let (id, _) = self.degraded.iter().find(|(condition, response)| **response < condition.mildest())?;
        let named = |value: serde_json::Value| Some(value.as_str()?.to_owned());
        let key = named(serde_json::to_value(id).ok()?)?;
        let mildest = named(serde_json::to_value(id.mildest()).ok()?)?;
        Some((format!("degraded.{key}"), format!("cannot be milder than \"{mildest}\"")))
    }

    fn face_fault(&self) -> Option<(String, String)> {
        let face = &self.face;
        let said = |key: &str, what: String| Some((format!("face.{key}"), what));
        // Written so that a threshold that is not a number is out of range, too.
        if !FaceRules::FALSE_MATCH_RATES.contains(&face.false_match_rate) {
            return said("false_match_rate", "must lie between 0.00001 and 0.001".into());
        }
        if !FaceRules::BONA_FIDE_ERROR_RATES.contains(&face.bona_fide_error_rate) {
            return said("bona_fide_error_rate", "must lie between 0.005 and 0.05".into());
        }
        if !(1..=FRAMES_MOST).contains(&face.frames_needed) {
            return said("frames_needed", format!("must lie between 1 and {FRAMES_MOST}"));
        }
        if !(face.frames_needed..=FRAMES_MOST).contains(&face.frames_most) {
            return said("frames_most", format!("must lie between frames_needed and {FRAMES_MOST}"));
        }
        None
    }
}

impl Limits {
    fn fault(&self) -> Option<(String, String)> {
        let all = [
            ("chip_ms", self.chip_ms),
            ("document_ms", self.document_ms),
            ("enter_ms", self.enter_ms),
            ("capture_ms", self.capture_ms),
            ("lookup_ms", self.lookup_ms),
            ("several_persons_ms", self.several_persons_ms),
            ("take_document_ms", self.take_document_ms),
            ("leave_ms", self.leave_ms),
            ("object_ms", self.object_ms),
            ("door_ms", self.door_ms),
            ("durable_ms", self.durable_ms),
            ("referral_ms", self.referral_ms),
        ];
        let (key, _) = all.into_iter().find(|&(_, ms)| !(1..=LIMIT_MOST_MS).contains(&ms))?;
        Some((format!("limits.{key}"), format!("must lie between 1 and {LIMIT_MOST_MS} milliseconds")))
    }
}
