//! A central service with an enrolled lane, in a temporary folder, over real TLS on loopback.

use egate::central::enrol;
use egate::central::store::PostgresSettings;
use egate::central::{
    CaseLimits, Central, CentralSettings, ConsoleSettings, LanesSettings, RetentionSettings, RunningCentral,
};
use egate::check::{Check, CheckId, Reason};
use egate::outbox::LaneKit;
use egate::outbox::{CentralClient, CentralClientSettings};
use egate::passage::{Ending, Step, StepTime};
use egate::record::wire::RecordBatch;
use egate::record::{DocumentRecord, PassageRecord, PictureLabel, PictureRef, Position, SignedRecord};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub const EPOCH: &str = "00112233445566778899aabbccddeeff";

pub struct World {
    pub folder: TempDir,
    pub settings: CentralSettings,
    pub central: RunningCentral,
}

impl World {
    /// Central with the lanes `lane-1` and `lane-2`.
    pub async fn start() -> World {
        World::start_on(None).await
    }

    /// The same on a PostgreSQL database.
    pub async fn start_on(database: Option<PostgresSettings>) -> World {
        World::start_with(|settings| settings.database = database).await
    }

    /// The same with other settings.
    pub async fn start_with(change: impl FnOnce(&mut CentralSettings)) -> World {
        let folder = tempfile::tempdir().unwrap();
        let identity = folder.path().join("identity");
        enrol::init(&identity, &["localhost", "127.0.0.1"]).unwrap();
        enrol::enrol_lane(&identity, "lane-1").unwrap();
        enrol::enrol_lane(&identity, "lane-2").unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        let mut settings = CentralSettings {
            data: folder.path().join("data"),
            identity,
            database: None,
            monitoring: Some(free),
            logging: egate::central::LoggingProfile::default(),
            pictures: egate::central::PicturesSettings::default(),
            retention: RetentionSettings::default(),
            lanes: LanesSettings { listen: free },
            console: ConsoleSettings {
                listen: free,
                certificate: None,
                key: None,
                cases: CaseLimits::default(),
            },
        };
        change(&mut settings);
        let central = Central::start(settings.clone()).await.unwrap();
        settings.lanes.listen = central.lanes_address();
        settings.console.listen = central.console_address();
        World { folder, settings, central }
    }

    /// Stops central and starts it on the same folder and ports.
    pub async fn restart(self) -> World {
        let World { folder, settings, central } = self;
        central.stop().await.unwrap();
        let central = Central::start(settings.clone()).await.unwrap();
        World { folder, settings, central }
    }

    pub fn kit(&self, lane: &str) -> LaneKit {
        LaneKit::read(&self.settings.identity.join("lanes").join(lane)).unwrap()
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.settings.lanes.listen.port())
    }

    pub fn client(&self, lane: &str) -> CentralClient {
        let kit = self.kit(lane);
        CentralClient::new(&CentralClientSettings {
            url: self.url(),
            authority_pem: kit.authority_pem,
            certificate_pem: kit.certificate_pem,
            key_pem: kit.key_pem,
            answers: kit.answers,
        })
        .unwrap()
    }
}

/// Makes a lane's records in chain order.
pub struct Chain {
    pub lane: String,
    pub kit: LaneKit,
    pub sequence: u64,
    pub previous: String,
}

impl Chain {
    pub fn new(world: &World, lane: &str) -> Chain {
        Chain { lane: lane.to_owned(), kit: world.kit(lane), sequence: 0, previous: "0".repeat(64) }
    }

    /// The next record, admitted, without pictures; `change` makes of it what the test needs.
    pub fn next(&mut self, change: impl FnOnce(&mut PassageRecord)) -> SignedRecord {
        self.sequence += 1;
        let mut record = admitted(&self.lane, self.sequence, &self.previous);
        change(&mut record);
        let signed = SignedRecord::sign(&record, &self.kit.record_key).unwrap();
        self.previous = signed.sha256.clone();
        signed
    }
}

impl Chain {
    /// Sends a record that is referred, with two faces.
    pub async fn send_case(
        &mut self,
        world: &World,
        change: impl FnOnce(&mut PassageRecord),
    ) -> SignedRecord {
        self.sequence += 1;
        let mut record = admitted(&self.lane, self.sequence, &self.previous);
        refer(&mut record, CheckId::FaceMatch, Reason::FaceMismatch);
        record.similarity_ppm = Some(83_411);
        let client = world.client(&self.lane);
        let shown = [
            ("portrait", "obama.jpg"),
            ("frame", "biden.jpg"),
            ("frame", "biden.jpg"),
            ("frame", "biden.jpg"),
        ];
        for (number, (role, file)) in shown.into_iter().enumerate() {
            let label = PictureLabel { passage: &record.passage, role };
            let random = [u8::try_from(number).unwrap(); 32];
            let sealed = self.kit.pictures.seal(label, &face(file), random).unwrap();
            client.put_picture(&sha256(&sealed), sealed.clone()).await.unwrap();
            record.pictures.push(picture_ref(role, &sealed));
        }
        change(&mut record);
        let signed = SignedRecord::sign(&record, &self.kit.record_key).unwrap();
        self.previous = signed.sha256.clone();
        client.post_records(&batch(&[&signed])).await.unwrap();
        signed
    }
}

/// A demonstration picture where they were fetched, else a drawn one.
pub fn face(file: &str) -> Vec<u8> {
    let path = std::path::Path::new("var/pictures").join(file);
    let picture = match image::open(path) {
        Ok(picture) => {
            // Head and shoulders, as a chip or a gate's camera would have them.
            let side = picture.width() / 2;
            let head = picture.crop_imm(picture.width() / 4, picture.height() / 50, side, side * 5 / 4);
            head.resize(480, 600, image::imageops::FilterType::Triangle)
        }
        Err(_) => image::DynamicImage::ImageRgb8(image::RgbImage::from_fn(480, 600, |x, y| {
            let (dx, dy) = (x.abs_diff(240) as f32 / 150.0, y.abs_diff(280) as f32 / 200.0);
            let inside = dx * dx + dy * dy < 1.0;
            image::Rgb(if inside { [224, 190, 165] } else { [120, 140, 165] })
        })),
    };
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture.into_rgb8().write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    jpeg.into_inner()
}

pub fn batch(records: &[&SignedRecord]) -> RecordBatch {
    RecordBatch { records: records.iter().map(|r| (*r).clone()).collect(), held_from: None }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn admitted(lane: &str, sequence: u64, previous: &str) -> PassageRecord {
    PassageRecord {
        version: 1,
        position: Position {
            lane: lane.to_owned(),
            epoch: EPOCH.to_owned(),
            sequence,
            previous: previous.to_owned(),
        },
        passage: format!("{lane}/{EPOCH}/{sequence}"),
        started: jiff::Timestamp::from_millisecond(
            jiff::Timestamp::now().as_millisecond() - 40_000 + 100 * i64::try_from(sequence).unwrap(),
        )
        .unwrap()
        .to_string(),
        lasted_ms: 7_400,
        ending: Ending::Admitted,
        reasons: Vec::new(),
        checks: CheckId::ALL.into_iter().map(Check::successful).collect(),
        document: Some(specimen()),
        steps: vec![
            StepTime { step: Step::Document, ms: 3_100 },
            StepTime { step: Step::Enter, ms: 2_200 },
            StepTime { step: Step::Capture, ms: 1_900 },
            StepTime { step: Step::Store, ms: 12 },
        ],
        pictures: Vec::new(),
        similarity_ppm: Some(712_345),
        attack_ppm: Some(31_000),
        profile: "standard".to_owned(),
        software: "egate 0.1.0".to_owned(),
        commands: Vec::new(),
        carried_from: None,
    }
}

/// Makes a record referred for one failed check.
pub fn refer(record: &mut PassageRecord, check: CheckId, reason: Reason) {
    record.ending = Ending::Referred;
    record.reasons = vec![reason];
    for made in record.checks.iter_mut().filter(|made| made.id == check) {
        *made = Check::failed(check, reason);
    }
}

/// The specimen of Doc 9303.
pub fn specimen() -> DocumentRecord {
    DocumentRecord {
        document_code: "P<".to_owned(),
        issuing_state: "UTO".to_owned(),
        document_number: "L898902C3".to_owned(),
        nationality: "UTO".to_owned(),
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        date_of_birth: "740812".to_owned(),
        date_of_expiry: "120415".to_owned(),
        sex: "F".to_owned(),
    }
}

pub fn picture_ref(role: &str, sealed: &[u8]) -> PictureRef {
    PictureRef { role: role.to_owned(), sealed_sha256: sha256(sealed), media: "image/jpeg".to_owned() }
}
