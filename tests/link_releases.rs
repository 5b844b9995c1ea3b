//! Releases from central to lanes, over real TLS: a good one, bad ones, tampered ones, a lane that is killed amid.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::World;
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::{PostgresSettings, Release, ReleaseState, Role};
use egate::central::{Keeper, NewRelease};
use egate::lane::{ReleaseFault, ReleaseKeeper};
use egate::outbox::CentralClient;
use egate::policy::{Condition, Profile};
use egate::record::{ReleaseFile, ReleaseManifest, ReleaseStage, Signed, content_hash};
use egate::workbench::issue::TestCountry;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PASSWORD: &str = "correct-horse-battery";
const PROFILE: &str = include_str!("../config/profile.toml");

async fn user(world: &World, name: &str, role: Role) -> Keeper {
    let link = world.central.office.create_user(name, role).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let form = format!("password={PASSWORD}&again={PASSWORD}");
    let set = http.build().unwrap().post(link).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(set.body(form).send().await.unwrap().status(), 303);
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

/// Nothing is amiss.
fn fit() -> BTreeSet<Condition> {
    BTreeSet::new()
}

fn profile(name: &str) -> (String, Vec<u8>) {
    ("profile.toml".to_owned(), PROFILE.replace("self-service", name).into_bytes())
}

fn release(files: Vec<(String, Vec<u8>)>) -> NewRelease {
    NewRelease { note: "test".to_owned(), files, models: None }
}

fn only(lane: &str) -> ReleaseStage {
    ReleaseStage { lanes: vec![lane.to_owned()], ..ReleaseStage::default() }
}

/// A lane as far as releases go.
struct Lane {
    keeper: ReleaseKeeper,
    client: CentralClient,
    folder: PathBuf,
}

impl Lane {
    fn start(world: &World, name: &str) -> Lane {
        let folder = world.folder.path().join(format!("releases-{name}"));
        let keeper = ReleaseKeeper::start(&folder, world.kit(name).answers).unwrap();
        Lane { keeper, client: world.client(name), folder }
    }

    /// Asks once, and says what runs.
    async fn ask(&mut self) -> Result<Option<egate::lane::Release>, ReleaseFault> {
        let asked = self.keeper.refresh(&self.client, fit()).await;
        self.client.put_running(&self.keeper.report()).await.unwrap();
        asked
    }

    fn runs(&self) -> (u64, Option<String>) {
        let release = self.keeper.running();
        (
            release.map_or(0, |release| release.generation),
            release.and_then(|release| Some(release.profile.as_ref()?.name.clone())),
        )
    }
}

/// Puts a release into central's store as a central of another version, or a careless one, might have made it.
async fn forge(world: &World, files: &[(&str, &[u8])], change: impl FnOnce(&mut ReleaseManifest)) -> u64 {
    let key = std::fs::read_to_string(world.settings.identity.join("answers.key")).unwrap();
    let key = SigningKey::from_bytes(&hex::decode(key.trim()).unwrap().try_into().unwrap());
    let store = world.central.store();
    let generation = tokio::task::block_in_place(|| store.next_release().unwrap());
    let file = |(name, bytes): &(&str, &[u8])| {
        ((*name).to_owned(), ReleaseFile { sha256: content_hash(bytes), size: bytes.len() as u64 })
    };
    let mut manifest = ReleaseManifest {
        generation,
        issued: 1,
        note: String::new(),
        files: files.iter().map(file).collect(),
        models: None,
    };
    change(&mut manifest);
    let signed = Signed::sign(&manifest, &key).unwrap();
    let new = Release {
        generation: manifest.generation,
        sha256: content_hash(signed.canonical.as_bytes()),
        signed,
        proposed: ("anna".to_owned(), 1),
        approved: None,
        state: ReleaseState::Rolling,
        stage: ReleaseStage::all(),
        why: None,
    };
    tokio::task::block_in_place(|| {
        for (_, bytes) in files {
            store.put_content(bytes).unwrap();
        }
        assert!(store.propose_release(&new).unwrap());
    });
    manifest.generation
}

fn state_of(world: &World, generation: u64) -> (ReleaseState, Option<String>) {
    let releases = tokio::task::block_in_place(|| world.central.store().releases().unwrap());
    let release = releases.into_iter().find(|release| release.generation == generation).unwrap();
    (release.state, release.why)
}

async fn good_and_bad_releases(database: Option<PostgresSettings>) {
    let world = World::start_on(database).await;
    let (anna, ben) =
        (user(&world, "anna", Role::Engineer).await, user(&world, "ben", Role::Supervisor).await);
    let office = &world.central.office;
    let (mut one, mut two) = (Lane::start(&world, "lane-1"), Lane::start(&world, "lane-2"));
    assert!(one.ask().await.unwrap().is_none());

    // A good one, with profile and trust; staged: one lane first.
    let country = TestCountry::new("UTO", "UT", Timestamp::now()).unwrap();
    let trust = country.trust_bundle().unwrap();
    let mut files: Vec<_> =
        trust.iter().map(|(name, bytes)| (format!("trust/{name}"), bytes.clone())).collect();
    // More than one piece on its way.
    let mut long = profile("first");
    long.1.extend(format!("#{}\n", "x".repeat(500_000)).into_bytes());
    files.push(long);
    let first = office.propose_release(anna.clone(), release(files)).await.unwrap();
    assert!(one.ask().await.unwrap().is_none(), "proposed by one person alone");
    assert!(office.roll_release(anna.clone(), first, only("lane-1")).await.is_err(), "by the same person");
    office.roll_release(ben.clone(), first, only("lane-1")).await.unwrap();
    let taken = one.ask().await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(taken.trust.unwrap()).unwrap().count(), trust.len());
    assert_eq!(one.runs(), (first, Some("first".to_owned())));
    assert!(two.ask().await.unwrap().is_none());
    office.roll_release(anna.clone(), first, ReleaseStage::all()).await.unwrap();
    two.ask().await.unwrap().unwrap();
    assert!(two.ask().await.unwrap().is_none(), "once");
    let aims = || tokio::task::block_in_place(|| world.central.store().lane_aims().unwrap());
    let before = aims();
    assert!(before.iter().all(|aim| aim.should == first && aim.amiss().is_none()), "{before:?}");
    two.ask().await.unwrap();
    assert_eq!(aims(), before, "since when it runs does not change by saying so again");

    // A profile that asks for less than a gate must: the lane stays with the first, and nobody else gets it.
    let careless = PROFILE.replace("liveness = \"mandatory\" ", "liveness = \"evaluatory\" ");
    assert_ne!(careless, PROFILE);
    let bad = vec![("profile.toml".to_owned(), careless.clone().into_bytes())];
    assert!(office.propose_release(anna.clone(), release(bad)).await.is_err(), "central reads it, too");
    let bad = forge(&world, &[("profile.toml", careless.as_bytes())], |_| {}).await;
    let fault = one.ask().await.unwrap_err();
    assert!(matches!(&fault, ReleaseFault::Test(why) if why.contains("liveness")), "{fault}");
    assert_eq!(one.runs(), (first, Some("first".to_owned())));
    let (state, why) = state_of(&world, bad);
    assert_eq!(state, ReleaseState::Halted);
    assert!(why.unwrap().starts_with("lane-1: "));
    assert!(two.ask().await.unwrap().is_none(), "halted");
    assert!(one.ask().await.unwrap().is_none(), "never tried again");
    let said = tokio::task::block_in_place(|| world.central.store().lane_releases().unwrap());
    assert_eq!(said.iter().map(|lane| lane.running.generation).collect::<Vec<_>>(), [first, first]);
    assert!(said[0].running.tried.as_ref().unwrap().failure.is_some());
    assert!(office.roll_release(ben.clone(), bad, ReleaseStage::all()).await.is_err(), "halted is halted");

    // After it is mended it goes on, with a greater generation.
    let second = office.propose_release(anna, release(vec![profile("second")])).await.unwrap();
    office.roll_release(ben, second, ReleaseStage::all()).await.unwrap();
    one.ask().await.unwrap().unwrap();
    assert_eq!(one.runs(), (second, Some("second".to_owned())));
    let store = world.central.store();
    let whole =
        tokio::task::block_in_place(|| (store.audit_break().unwrap(), store.alarms(9).unwrap().len()));
    assert_eq!(whole, (None, 1));
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_release_runs_and_a_bad_one_is_left_and_halted() {
    good_and_bad_releases(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    let Some(mut cluster) = tokio::task::spawn_blocking(Cluster::start).await.unwrap() else { return };
    good_and_bad_releases(Some(cluster.database())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_central_did_not_sign_or_is_not_what_it_signed_is_refused() {
    let world = World::start().await;
    let mut lane = Lane::start(&world, "lane-1");
    let text = Profile::default();
    let bytes = PROFILE.as_bytes();
    // Settings that no release may bring: at the lane again, whatever central let through.
    forge(&world, &[("settings.toml", b"central = \"https://elsewhere:1\"\n")], |_| {}).await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Test(why)) if why.contains("not known here")));
    forge(&world, &[("settings.toml", b"screen.language = \"qq\"\n")], |_| {}).await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Test(why)) if why.contains("no language")));
    // The manifest names other bytes than central gives under that name.
    let other = content_hash(b"another file");
    forge(&world, &[("profile.toml", bytes)], |manifest| {
        manifest.files.get_mut("profile.toml").unwrap().sha256 = other;
    })
    .await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Call(_))), "central has no such content");
    // A way out of the folder.
    forge(&world, &[("profile.toml", bytes)], |manifest| {
        let file = manifest.files.remove("profile.toml").unwrap();
        manifest.files.insert("trust/../../x".to_owned(), file);
    })
    .await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Manifest(_))));
    forge(&world, &[("profile.toml", bytes)], |manifest| manifest.models = Some("00".repeat(32))).await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Test(why)) if why.contains("models")));
    forge(&world, &[("trust/rules.toml", b"")], |_| {}).await;
    assert!(matches!(lane.ask().await, Err(ReleaseFault::Test(why)) if why.contains("country")));
    assert_eq!(lane.runs(), (0, None));

    // A lane that trusts another central.
    let good = forge(&world, &[("profile.toml", bytes)], |_| {}).await;
    let stranger = SigningKey::from_bytes(&[9; 32]).verifying_key();
    let mut deceived = ReleaseKeeper::start(world.folder.path().join("other"), stranger).unwrap();
    let refused = deceived.refresh(&world.client("lane-1"), fit()).await;
    assert!(matches!(refused, Err(ReleaseFault::Signature(_))));
    lane.ask().await.unwrap().unwrap();
    assert_eq!(lane.runs(), (good, Some(text.name)));
    world.central.stop().await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name))
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_killed_amid_or_does_not_stay_up_runs_a_whole_release() {
    let world = World::start().await;
    let key = world.kit("lane-1").answers;
    let mut lane = Lane::start(&world, "lane-1");
    let first = forge(&world, &[(&profile("first").0, &profile("first").1)], |_| {}).await;
    lane.ask().await.unwrap().unwrap();
    lane.keeper.confirm().unwrap();
    let before = world.folder.path().join("before");
    copy(&lane.folder, &before);
    let second = forge(&world, &[(&profile("second").0, &profile("second").1)], |_| {}).await;
    lane.ask().await.unwrap().unwrap();

    // Killed while it was laid aside, and after the rename but before the switch.
    let half = world.folder.path().join("half");
    copy(&before, &half);
    std::fs::create_dir_all(half.join(".incoming/trust")).unwrap();
    std::fs::write(half.join(".incoming/profile.toml"), b"name = ").unwrap();
    copy(&lane.folder.join(format!("generation-{second:06}")), &half.join(format!("generation-{second:06}")));
    let mut restarted = ReleaseKeeper::start(&half, key).unwrap();
    assert_eq!(restarted.running().unwrap().generation, first);
    restarted.refresh(&lane.client, fit()).await.unwrap().unwrap();
    assert_eq!(ReleaseKeeper::start(&half, key).unwrap().running().unwrap().generation, second);

    // It does not stay up: after some starts the one before it runs, and it is not taken again.
    for _ in 0..3 {
        assert_eq!(ReleaseKeeper::start(&lane.folder, key).unwrap().running().unwrap().generation, second);
    }
    let mut back = ReleaseKeeper::start(&lane.folder, key).unwrap();
    assert_eq!(back.running().unwrap().generation, first);
    assert!(back.report().tried.unwrap().failure.unwrap().contains("stay up"));
    assert!(back.refresh(&lane.client, fit()).await.unwrap().is_none());
    lane.client.put_running(&back.report()).await.unwrap();
    assert_eq!(state_of(&world, second).0, ReleaseState::Halted);

    // A file that was changed on the lane's disk: the one before runs, here none.
    std::fs::write(lane.folder.join(format!("generation-{first:06}/profile.toml")), b"changed").unwrap();
    let none = ReleaseKeeper::start(&lane.folder, key).unwrap();
    assert!(none.running().is_none() && none.report().generation == 0);
    // A state that does not read: the lane's own settings.
    std::fs::write(half.join("state.json"), b"{").unwrap();
    assert!(ReleaseKeeper::start(&half, key).unwrap().running().is_none());
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_proposed_with_the_few_keys_that_a_release_may_set_and_no_other() {
    let world = World::start().await;
    let anna = user(&world, "anna", Role::Engineer).await;
    let ben = user(&world, "ben", Role::Supervisor).await;
    let office = &world.central.office;
    let settings = |text: &str| release(vec![("settings.toml".to_owned(), text.as_bytes().to_vec())]);
    for text in [
        "kit = \"/tmp\"",
        "gate.line.port = \"/dev/ttyS0\"",
        "record.keeps_personal_data = true",
        "gate.buzzer_ms = 60000",
        "gate = 7",
        "\u{1}",
    ] {
        let refused = office.propose_release(anna.clone(), settings(text)).await.unwrap_err();
        assert!(refused.to_string().contains("settings.toml"), "{text}: {refused}");
    }
    let mut no_text = settings("");
    no_text.files[0].1 = vec![0xFF];
    assert!(office.propose_release(anna.clone(), no_text).await.is_err());

    let mut lane = Lane::start(&world, "lane-1");
    let text = "upload_bytes_per_second = 500_000\nscreen.language = \"de\"\n";
    let generation = office.propose_release(anna, settings(text)).await.unwrap();
    office.roll_release(ben, generation, only("lane-1")).await.unwrap();
    let taken = lane.ask().await.unwrap().unwrap();
    assert_eq!(taken.settings.screen.language.as_deref(), Some("de"));
    assert!(taken.profile.is_none() && taken.trust.is_none(), "the rest stays the lane's own");
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_not_fit_after_the_switch_goes_back_over_a_restart_too() {
    let world = World::start().await;
    let key = world.kit("lane-1").answers;
    let mut lane = Lane::start(&world, "lane-1");
    let first = forge(&world, &[(&profile("first").0, &profile("first").1)], |_| {}).await;
    lane.ask().await.unwrap().unwrap();
    assert!(!lane.keeper.judge(Some(&fit())).unwrap() && lane.keeper.on_trial());
    lane.keeper.confirm().unwrap();
    // The camera was dark before the switch; the reader is silent since.
    let dark = BTreeSet::from([Condition::CameraLost]);
    let second = forge(&world, &[("settings.toml", b"mrz_reader.repeat_ms = 9\n")], |_| {}).await;
    lane.keeper.refresh(&lane.client, dark.clone()).await.unwrap().unwrap();
    let mut restarted = ReleaseKeeper::start(&lane.folder, key).unwrap();
    assert_eq!(restarted.running().unwrap().generation, second);
    let outside = [Condition::CentralUnreachable, Condition::ClockWrong, Condition::DiskNearlyFull];
    let now: BTreeSet<Condition> = dark.iter().copied().chain(outside).collect();
    assert!(!restarted.judge(Some(&now)).unwrap(), "nothing of it can come of the release");
    let silent = BTreeSet::from([Condition::CameraLost, Condition::ReaderLost]);
    assert!(restarted.judge(Some(&silent)).unwrap());
    assert_eq!(restarted.running().unwrap().generation, first);
    let failure = restarted.report().tried.unwrap().failure.unwrap();
    assert!(failure.contains("reader does not answer") && !failure.contains("camera"), "{failure}");
    assert!(!restarted.judge(None).unwrap(), "the one before is not on trial");
    lane.client.put_running(&restarted.report()).await.unwrap();
    assert_eq!(state_of(&world, second).0, ReleaseState::Halted);
    assert!(restarted.refresh(&lane.client, fit()).await.unwrap().is_none(), "never again");

    // A lane that does not even know how it is.
    forge(&world, &[(&profile("third").0, &profile("third").1)], |_| {}).await;
    restarted.refresh(&lane.client, fit()).await.unwrap().unwrap();
    assert!(restarted.judge(None).unwrap());
    assert_eq!(restarted.running().unwrap().generation, first);
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_reaches_the_lanes_that_stand_at_its_ports() {
    let world = World::start().await;
    let (anna, ben) =
        (user(&world, "anna", Role::Engineer).await, user(&world, "ben", Role::Supervisor).await);
    let office = &world.central.office;
    let (mut one, mut two) = (Lane::start(&world, "lane-1"), Lane::start(&world, "lane-2"));
    let at = |port: &str| ReleaseStage { ports: vec![port.to_owned()], ..ReleaseStage::default() };
    let generation = office.propose_release(anna, release(vec![profile("first")])).await.unwrap();
    let nowhere = office.roll_release(ben.clone(), generation, at("harbour")).await.unwrap_err();
    assert!(nowhere.to_string().contains("harbour"), "{nowhere}");
    let nobody = office.roll_release(ben.clone(), generation, only("lane-9")).await.unwrap_err();
    assert!(nobody.to_string().contains("lane-9"), "{nobody}");
    assert!(office.roll_release(ben.clone(), generation, ReleaseStage::default()).await.is_err());
    assert_eq!(state_of(&world, generation).0, ReleaseState::Proposed);

    office.set_port("lane-2", "harbour").await.unwrap();
    office.roll_release(ben.clone(), generation, at("harbour")).await.unwrap();
    assert!(one.ask().await.unwrap().is_none(), "stands at no port");
    two.ask().await.unwrap().unwrap();
    // A lane that moves there takes what runs there.
    office.set_port("lane-1", "harbour").await.unwrap();
    one.ask().await.unwrap().unwrap();
    assert_eq!(one.runs(), two.runs());
    world.central.stop().await.unwrap();
}
