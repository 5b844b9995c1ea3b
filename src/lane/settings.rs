//! A lane's settings, in TOML (`config/lane.toml` is a commented example), and what they bring up.

use super::link::{Link, LinkParts};
use super::monitor::{self, Surveyed, note_upload};
use super::orders::CommandBook;
use super::snapshot::Lists;
use super::telling::tell_changes;
use super::trust_store::source_files;
use super::{
    Basis, Conditions, Equipment, Faculties, Following, Health, HealthSettings, Lane, Observer, PassageLog,
    ReleaseKeeper, Tally, TrustFiles, TrustInUse, TrustKeeper, follow_trust, run, trust_store,
};
use crate::devices::camera::CameraSettings;
use crate::devices::chip_reader::PcscReader;
use crate::devices::gate::GateSettings;
use crate::devices::mrz_reader::{MrzReaderSettings, SerialMrzReader};
use crate::devices::screen::{ScreenServer, ScreenSettings};
use crate::face::{InferenceSettings, ModelSet};
use crate::outbox::{BackOff, CentralClient, ClientError, LaneKit, Outbox, RunningUploader, Uploader};
use crate::policy::config::read_toml;
use crate::policy::{Profile, Topology};
use crate::trust::TrustStore;
use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Room for what waits for central: at 600 kB a referred passage, weeks without a connection.
pub const OUTBOX_BYTES_MOST: u64 = 4 << 30;

/// `egate lane`.
#[derive(Debug, clap::Args)]
pub struct LaneArgs {
    /// The lane's settings
    #[arg(long, default_value = "/etc/egate/lane.toml")]
    config: PathBuf,
}

/// Which chip reader the lane uses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipReaderSettings {
    /// Part of the reader's name as PC/SC gives it, for readers with several antennas or lanes with several
    /// readers; any reader when absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// Recording of passages as fixtures, for engineers who look for a fault at a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSettings {
    /// Folder in which each passage gets a folder of its own.
    pub folder: PathBuf,
    /// Must be true: a recording holds chip, printed lines and faces, unsealed, for as long as nobody deletes it.
    pub keeps_personal_data: bool,
}

/// Who watches a lane that shall record, by its settings, its profile and its trust.
pub type MakeRecorder = fn(&RecordSettings, Arc<Profile>, TrustFiles) -> anyhow::Result<Box<dyn Observer>>;

/// Settings of a lane. Unknown keys are refused; paths are relative to the file's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneSettings {
    /// Name, as in the kit's certificate.
    pub name: String,
    /// Folder of the lane's kit, as `egate central enrol` made it.
    pub kit: PathBuf,
    /// Central's address for lanes.
    pub central: String,
    /// Bytes a second that the upload of records takes at most, on average; what the line gives when absent.
    #[serde(default)]
    pub upload_bytes_per_second: Option<NonZeroU64>,
    /// File of the durable queue; made when absent.
    pub outbox: PathBuf,
    /// Folder of country certificates, master lists, revocation lists, lists of defects and `rules.toml`.
    /// Its last good contents are kept in `trust` beside the outbox.
    pub trust: PathBuf,
    /// Folder of runtime and models, as set-up made it.
    pub var: PathBuf,
    /// Profile; the one that ships when absent.
    #[serde(default)]
    pub profile: Option<PathBuf>,
    /// Where reader, display and camera stand; as the profile says when absent.
    #[serde(default)]
    pub topology: Option<Topology>,
    /// Chip reader.
    #[serde(default)]
    pub chip_reader: ChipReaderSettings,
    /// Reader of printed lines.
    pub mrz_reader: MrzReaderSettings,
    /// How inferences are run.
    #[serde(default)]
    pub inference: InferenceSettings,
    /// Camera.
    pub camera: CameraSettings,
    /// Gate controller.
    pub gate: GateSettings,
    /// Traveller's screen.
    #[serde(default)]
    pub screen: ScreenSettings,
    /// Health and metrics.
    #[serde(default)]
    pub health: HealthSettings,
    /// Recording of passages; none when absent.
    #[serde(default)]
    pub record: Option<RecordSettings>,
}

impl LaneSettings {
    /// Reads the file; paths in it come out absolute or relative to where the command runs.
    ///
    /// # Errors
    /// With file, line, key and the nearest valid key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let mut settings: LaneSettings = read_toml(&text, &path.display().to_string())?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for place in [&mut settings.kit, &mut settings.outbox, &mut settings.trust, &mut settings.var] {
            *place = folder.join(&*place);
        }
        settings.profile = settings.profile.map(|profile| folder.join(profile));
        settings.camera.relative_to(folder);
        if let Some(record) = &mut settings.record {
            ensure!(
                record.keeps_personal_data,
                "{}: [record] keeps faces and chips unsealed; say keeps_personal_data = true, or take it out",
                path.display()
            );
            record.folder = folder.join(&record.folder);
        }
        Ok(settings)
    }

    /// The profile that the settings name, or the one that ships, for this lane's topology.
    ///
    /// # Errors
    /// With file, line, key and the nearest valid key.
    pub fn read_profile(&self) -> anyhow::Result<Profile> {
        let profile = match &self.profile {
            None => Profile::default(),
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
                Profile::parse(&text, &path.display().to_string())?
            }
        };
        Ok(profile.built(self.topology))
    }

    /// The lane's keys and certificates.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub fn read_kit(&self) -> anyhow::Result<LaneKit> {
        LaneKit::read(&self.kit)
    }
}

impl Faculties {
    /// Loads the models under `var` and builds the trust store from files by name and content.
    ///
    /// # Errors
    /// When a model is missing or not the one of the manifest, or a file of trust is none.
    pub fn load(
        var: &Path,
        inference: &InferenceSettings,
        trust: &[(String, Vec<u8>)],
        as_of: Timestamp,
    ) -> anyhow::Result<Self> {
        Self::with_trust(var, inference, Arc::new(trust_store(trust, as_of)?))
    }

    /// Loads the models under `var` and takes a trust store that is there.
    ///
    /// # Errors
    /// When a model is missing or not the one of the manifest.
    pub fn with_trust(
        var: &Path,
        inference: &InferenceSettings,
        trust: Arc<TrustStore>,
    ) -> anyhow::Result<Self> {
        let engine = ModelSet::set_up(var, inference)?;
        Ok(Faculties { engine: Mutex::new(engine), trust: TrustInUse::new(trust) })
    }
}

/// Names and bytes of the files of a folder, in order of name.
///
/// # Errors
/// Names the file that cannot be read or is too large.
pub fn folder_files(folder: &Path) -> anyhow::Result<TrustFiles> {
    Ok(source_files(folder)?)
}

/// Runs a lane on its real devices until it is told to stop, or a release's settings want a restart: whoever keeps it
/// running (`Restart=always` of its service) starts it again, and it begins by the release. `recorder` is asked for only where the settings say so.
///
/// # Errors
/// When the settings are wrong or a part that must be there is not.
pub fn serve(args: &LaneArgs, recorder: MakeRecorder) -> anyhow::Result<bool> {
    let own = LaneSettings::read(&args.config)?;
    let kit = own.read_kit()?;
    let releases = ReleaseKeeper::start(own.outbox.with_file_name("releases"), kit.answers)?;
    let release = releases.running();
    let basis = Basis {
        profile: own.read_profile()?,
        topology: own.topology,
        trust: own.trust.clone(),
        upload: own.upload_bytes_per_second,
    };
    let settings = release.map_or_else(|| own.clone(), |release| own.under(&release.settings));
    let (profile, source) = (basis.profile(release), basis.trust(release));
    let mut keeper = TrustKeeper::new(&source, settings.outbox.with_file_name("trust"));
    let trust = keeper.start(Timestamp::now())?;
    let faculties = Faculties::with_trust(&settings.var, &settings.inference, trust)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (screen, address) = ScreenServer::open(settings.screen.clone()).await?;
        eprintln!("traveller's screen: http://{address}/");
        let equipment = Equipment {
            chip_reader: Box::new(PcscReader::open(settings.chip_reader.name.as_deref())),
            mrz_reader: Box::new(SerialMrzReader::open(settings.mrz_reader.clone())?),
            camera: settings.camera.open()?,
            gate: settings.gate.open()?,
            officer_calls: screen.officer_calls(),
            screen: Arc::new(screen),
        };
        let central = Connection {
            url: &settings.central,
            kit,
            back_off: BackOff::default(),
            bytes_per_second: settings.upload_bytes_per_second,
        };
        let (mut lane, uploader) =
            Lane::connect(&settings.name, profile, faculties, &settings.outbox, central)?;
        let health = Health {
            conditions: lane.conditions.clone(),
            profile: lane.profiles.subscribe(),
            outbox: lane.outbox.clone(),
            tally: lane.tally.clone(),
        };
        eprintln!("health: http://{}/healthz", health.serve(&settings.health).await?);
        let (sources, moved) = watch::channel(source.clone());
        lane.follow_releases(releases, basis, sources, Following::default());
        tokio::spawn(follow_trust(keeper, moved, lane.faculties.clone()));
        let (stop, stopped) = watch::channel(false);
        let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(PassageLog::new(&settings.name))];
        if let Some(record) = &settings.record {
            eprintln!("passages are recorded with all personal data: {}", record.folder.display());
            observers.push(recorder(record, lane.profile.clone(), folder_files(&source)?)?);
        }
        let restart = lane.restart.subscribe();
        let mut lane = tokio::spawn(run(lane, equipment, Box::new(observers), stopped));
        tokio::select! {
            ended = &mut lane => {
                ended??;
                ensure!(*restart.borrow(), "the lane ended by itself");
                eprintln!("the lane ends to be started again by a release's settings");
            }
            asked = stop_signal() => {
                asked?;
                stop.send_replace(true);
                lane.await??;
            }
        }
        uploader.stop().await;
        Ok(true)
    })
}

/// A client of central at `url` with the kit's certificate.
///
/// # Errors
/// When the address is none or the kit's certificates do not read.
pub fn client(url: &str, kit: &LaneKit) -> Result<CentralClient, ClientError> {
    CentralClient::of(url, kit)
}

/// The way to central.
pub struct Connection<'a> {
    /// Central's address for lanes.
    pub url: &'a str,
    /// The lane's keys and certificates.
    pub kit: LaneKit,
    /// Waits between failed calls.
    pub back_off: BackOff,
    /// Bytes a second that the upload takes at most, on average.
    pub bytes_per_second: Option<NonZeroU64>,
}

impl Lane {
    /// Opens the durable queue at `outbox` and starts its upload. Must be called inside the runtime.
    ///
    /// # Errors
    /// When the queue does not open or the kit is not one.
    pub fn connect(
        name: &str,
        profile: Profile,
        faculties: Faculties,
        outbox: &Path,
        connection: Connection<'_>,
    ) -> anyhow::Result<(Lane, RunningUploader)> {
        let Connection { url, kit, back_off, bytes_per_second } = connection;
        let central = client(url, &kit)?;
        let path = outbox.to_owned();
        let outbox = Arc::new(Mutex::new(Outbox::open(outbox, name, kit.record_key, OUTBOX_BYTES_MOST)?));
        let (faculties, profile) = (Arc::new(faculties), Arc::new(profile));
        let conditions = Conditions::default();
        let surveyed = Surveyed {
            outbox_path: path.clone(),
            outbox: outbox.clone(),
            central: central.clone(),
            certificate: kit.certificate_pem.clone(),
            faculties: faculties.clone(),
        };
        let monitor = monitor::start(surveyed, conditions.clone());
        let book = path.with_file_name("orders.json");
        let (orders, errands) = CommandBook::open(&book, name, kit.answers, conditions.clone())
            .with_context(|| format!("{}", book.display()))?;
        let lists = Lists::open(path.with_file_name("lists"), kit.answers);
        let link = Link::start(LinkParts {
            lists: lists.clone(),
            central: central.clone(),
            orders: orders.clone(),
            conditions: conditions.clone(),
            outbox: outbox.clone(),
        });
        let uploader = Uploader::start_paced(central.clone(), outbox.clone(), back_off, bytes_per_second);
        tokio::spawn(note_upload(uploader.state(), conditions.clone()));
        tokio::spawn(tell_changes(conditions.watch(), outbox.clone(), uploader.wake()));
        let lane = Lane {
            name: name.to_owned(),
            profile: profile.clone(),
            profiles: watch::Sender::new(profile),
            faculties,
            outbox,
            appended: uploader.wake(),
            upload_rate: uploader.rate(),
            restart: watch::Sender::new(false),
            central,
            sealing: kit.pictures,
            conditions,
            tally: Tally::default(),
            monitor,
            orders,
            lists,
            errands,
            link,
        };
        Ok((lane, uploader))
    }
}

/// Waits until the process is asked to stop.
///
/// # Errors
/// When the system gives no signals.
pub async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = terminate.recv() => Ok(()),
    }
}
