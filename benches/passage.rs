//! What the lane itself adds to a passage: the time from the printed lines to the opened exit against the longest chain
//! of its raw parts, in the same run, turn by turn.
//!
//! Raw parts: the conversation with the chip and its examination (a software passport at 848 kbit/s), the analysis of as
//! many frames as the passage took, sealing and durable storage. Two steps: one after the other. One step: frames are
//! analysed while the chip is read, so that the longer of the two counts. The look-up goes to a real central over TLS
//! and is asked while the chip is read: it is in no chain. Gate, camera, reader and screen are in this process and
//! instant, and so is the traveller: what is left over is the lane's own. Run with
//! `cargo bench --all-features --bench passage`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use egate::chip::ChipRandom;
use egate::devices::card::{Behaviour, BitRate, Timing};
use egate::devices::{
    Camera, CameraFault, CardSlot, ChipReader, Frame, Gate, GateFault, MrzFault, MrzReader, Screen,
};
use egate::document::Mrz;
use egate::face::InferenceSettings;
use egate::lane::{
    Connection, Deed, Equipment, Faculties, Film, Input, Lane, Observer, PortraitPicture, hear_chip, run,
    understand,
};
use egate::outbox::{BackOff, LaneKit, Outbox};
use egate::passage::{Door, Ending, GateCommand, GateState, Moment, Outcome, Picture, Prompt};
use egate::policy::{ExitToken, Profile, Topology};
use egate::record::{PictureLabel, SealedPicture, SealingPublicKey};
use egate::workbench::issue::{ChipPlan, Defect, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use egate::workbench::rig::{DeskCentral, Person};
use egate::workbench::scenes::Scene;
use image::RgbImage;
use jiff::Timestamp;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const LANE: &str = "lane-1";
const TURNS: usize = 9;
const WARM_UP: usize = 1;
/// What a lane may add.
const OVERHEAD_MOST_MS: f64 = 100.0;
/// What an up-to-date chip and reader need.
const CHIP_PACE: Timing = Timing { per_command_us: 1_500, kbit_per_s: BitRate::Kbit848 };
/// Pictures that the camera shows over and over.
const FRAMES: usize = 8;
/// Long for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What stands around the lane, seen by traveller and gate at once.
#[derive(Clone)]
struct World {
    inside: Arc<Mutex<Inside>>,
    lines: Sender<Vec<String>>,
    slot: CardSlot,
    opened: Sender<Instant>,
}

struct Inside {
    gate: GateState,
    topology: Topology,
    document: IssuedDocument,
    /// Whether the traveller may come.
    called: bool,
    laid: Option<Instant>,
}

const IDLE: GateState = GateState {
    entry: Door::Locked,
    exit: Door::Locked,
    entry_zone: Some(0),
    cabin: Some(0),
    exit_zone: Some(0),
    emergency_stop: false,
    fire: false,
    wrong_way: false,
    fault: false,
    object_left: false,
};

impl World {
    /// The traveller comes, as soon as the lane is open.
    fn call(&self) {
        let mut inside = self.inside.lock().unwrap();
        inside.called = true;
        if inside.topology == Topology::OneStep {
            inside.gate.entry_zone = Some(1);
        } else {
            self.lay(&mut inside);
        }
    }

    fn lay(&self, inside: &mut Inside) {
        let behaviour = Behaviour { seed: 7, timing: Some(CHIP_PACE), ..Behaviour::default() };
        self.slot.insert(inside.document.passport(7).unwrap().behaving(behaviour));
        inside.laid = Some(Instant::now());
        self.lines.send(inside.document.printed.clone()).unwrap();
    }
}

impl Gate for World {
    fn state(&mut self) -> Result<GateState, GateFault> {
        Ok(self.inside.lock().unwrap().gate)
    }

    /// Doors and traveller take no time.
    fn command(&mut self, command: GateCommand) -> Result<(), GateFault> {
        let mut inside = self.inside.lock().unwrap();
        match command {
            GateCommand::OpenEntry => {
                self.slot_of_two_steps(&inside);
                (inside.gate.entry, inside.gate.entry_zone, inside.gate.cabin) =
                    (Door::Open, Some(0), Some(1));
            }
            GateCommand::CloseEntry => inside.gate.entry = Door::Locked,
            GateCommand::CloseExit => inside.gate = IDLE,
            _ => {}
        }
        Ok(())
    }

    fn open_exit(&mut self, _token: ExitToken) -> Result<(), GateFault> {
        let mut inside = self.inside.lock().unwrap();
        self.opened.send(Instant::now()).unwrap();
        (inside.gate.exit, inside.gate.cabin) = (Door::Open, Some(0));
        Ok(())
    }
}

impl World {
    /// Who walks in has taken the document from the reader outside.
    fn slot_of_two_steps(&self, inside: &Inside) {
        if inside.topology == Topology::TwoStep {
            self.slot.remove();
        }
    }
}

impl Screen for World {
    fn show(&self, prompt: Prompt) {
        let mut inside = self.inside.lock().unwrap();
        match (prompt, inside.topology) {
            (Prompt::PlaceDocument, Topology::OneStep) if inside.called => self.lay(&mut inside),
            (Prompt::TakeDocument, _) => drop(self.slot.remove()),
            _ => {}
        }
    }

    fn meet(&self, _issuing_state: &str) {}

    fn live_view(&self, _jpeg: Option<Vec<u8>>) {}
}

struct Lines(Receiver<Vec<String>>);

impl MrzReader for Lines {
    fn next_lines(&mut self, patience: Duration) -> Result<Option<Vec<String>>, MrzFault> {
        Ok(self.0.recv_timeout(patience).ok())
    }
}

/// Always has a newer picture.
struct Frames {
    pictures: Arc<Vec<(Vec<u8>, RgbImage)>>,
    sequence: u64,
}

impl Camera for Frames {
    fn next_frame(&mut self, _patience: Duration) -> Result<Frame, CameraFault> {
        self.sequence += 1;
        let (jpeg, picture) = self.pictures[self.sequence as usize % self.pictures.len()].clone();
        Ok(Frame { sequence: self.sequence, captured: Instant::now(), picture, jpeg: Some(jpeg) })
    }
}

/// What the lane heard and did.
struct Notes {
    frames: usize,
    outcome: Option<Outcome>,
    open: bool,
    invited: Sender<()>,
    over: Sender<(usize, Outcome)>,
}

impl Observer for Notes {
    fn heard(&mut self, _at: Moment, input: &Input) {
        self.frames += usize::from(matches!(input, Input::Frame(_)) && self.outcome.is_none());
    }

    fn did(&mut self, _at: Moment, deed: &Deed) {
        if *deed == Deed::Told(GateCommand::LampGreen) && !std::mem::replace(&mut self.open, true) {
            self.invited.send(()).unwrap();
        }
    }

    fn outcome(&mut self, _at: Moment, outcome: &Outcome) {
        self.outcome = Some(outcome.clone());
    }

    fn ended(&mut self, _at: Moment) {
        self.open = false;
        if let Some(outcome) = self.outcome.take() {
            self.over.send((std::mem::take(&mut self.frames), outcome)).unwrap();
        }
    }
}

/// The raw parts, done by hand.
struct Parts {
    faculties: Arc<Faculties>,
    document: IssuedDocument,
    pictures: Arc<Vec<(Vec<u8>, RgbImage)>>,
    outbox: Outbox,
    sealing: SealingPublicKey,
}

impl Parts {
    fn chip(&self) -> (Duration, PortraitPicture) {
        let slot = CardSlot::default();
        let behaviour = Behaviour { seed: 7, timing: Some(CHIP_PACE), ..Behaviour::default() };
        slot.insert(self.document.passport(7).unwrap().behaving(behaviour));
        let printed = Mrz::parse(&self.document.printed).unwrap();
        let start = Instant::now();
        let mut card = slot.reader().wait_for_card(PATIENCE).unwrap().unwrap();
        let mut random = vec![0; ChipRandom::LENGTH];
        getrandom::fill(&mut random).unwrap();
        let mut transmit = |command: &[u8]| {
            let asked = Instant::now();
            (card.transmit(command).map_err(|fault| fault.to_string()), asked.elapsed())
        };
        let now = Timestamp::now();
        let heard = hear_chip(&printed, ChipRandom(random), now, &mut transmit, &mut drop, &self.faculties);
        (start.elapsed(), heard.portrait.unwrap())
    }

    fn frames(&self, count: usize) -> Duration {
        let films: Vec<Input> = (0..count)
            .map(|n| {
                let (jpeg, picture) = self.pictures[n % self.pictures.len()].clone();
                Input::Frame(Arc::new(Film { sequence: n as u64, jpeg, picture }))
            })
            .collect();
        let start = Instant::now();
        for film in &films {
            understand(film, &self.faculties);
        }
        start.elapsed()
    }

    fn store(&mut self, outcome: &Outcome, portrait: PortraitPicture) -> Duration {
        let start = Instant::now();
        let sealed: Vec<SealedPicture> = outcome
            .pictures
            .iter()
            .map(|picture| {
                let (media, bytes) = match picture {
                    Picture::Portrait => (portrait.media.clone(), &portrait.bytes),
                    Picture::Frame(_) => ("image/jpeg".to_owned(), &self.pictures[0].0),
                };
                let label = PictureLabel { passage: &outcome.passage.0, role: picture.role() };
                SealedPicture::new(*picture, media, self.sealing.seal(label, bytes, [7; 32]).unwrap())
            })
            .collect();
        self.outbox.append(outcome, &sealed, "bench").unwrap();
        start.elapsed()
    }
}

fn main() {
    let var = Path::new("var");
    if !var.join("runtime/libonnxruntime.so").exists() {
        println!("SKIPPED: var/ is not filled, run python3 setup/fetch.py");
        return;
    }
    println!(
        "{:>9} {:>7} {:>8} {:>9} {:>9} {:>8} {:>9} {:>11} {:>6}",
        "topology",
        "frames",
        "chip ms",
        "frames ms",
        "store ms",
        "chain ms",
        "passage ms",
        "overhead ms",
        "ratio"
    );
    for topology in [Topology::TwoStep, Topology::OneStep] {
        measure(var, topology);
    }
}

fn measure(var: &Path, topology: Topology) {
    // On the disk of the working folder: a temporary folder may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let now = Timestamp::now();
    let mut country = TestCountry::new("UTO", "UT", now).unwrap();
    let trust = country.trust_bundle().unwrap();
    let load = || Faculties::load(var, &InferenceSettings::default(), &trust, now).unwrap();
    let faculties = load();
    let portrait = Person::load(var, "obama.jpg", &faculties).unwrap().portrait();
    let holder = Person::load(var, "obama3.jpg", &faculties).unwrap();
    let film = holder.film(Scene::Living, None, FRAMES, 1).unwrap();
    let pictures: Arc<Vec<_>> =
        Arc::new(film.iter().map(|frame| (frame.jpeg.clone(), frame.picture.clone())).collect());
    let document = issue(&mut country, portrait);

    let mut central = DeskCentral::start(runtime.handle().clone(), folder.path(), &[LANE]).unwrap();
    let kit = || LaneKit::read(&central.kit(LANE)).unwrap();
    let (lines, from_reader) = channel();
    let (opened, exits) = channel();
    let slot = CardSlot::default();
    let inside = Inside { gate: IDLE, topology, document: document.clone(), called: false, laid: None };
    let world = World { inside: Arc::new(Mutex::new(inside)), lines, slot: slot.clone(), opened };
    let (_calls, officer_calls) = watch::channel(0);
    let equipment = Equipment {
        chip_reader: Box::new(slot.reader()),
        mrz_reader: Box::new(Lines(from_reader)),
        camera: Box::new(Frames { pictures: pictures.clone(), sequence: 0 }),
        gate: Box::new(world.clone()),
        screen: Arc::new(world.clone()),
        officer_calls,
    };
    let profile = Profile { topology, ..Profile::default() };
    let (invited, invitations) = channel();
    let (over, passages) = channel();
    let notes = Notes { frames: 0, outcome: None, open: false, invited, over };
    let (stop, stopped) = watch::channel(false);
    let url = central.url();
    let (lane, uploader) = runtime.block_on(async {
        let way = Connection { url: &url, kit: kit(), back_off: BackOff::default(), bytes_per_second: None };
        Lane::connect(LANE, profile, faculties, &folder.path().join("outbox.db"), way).unwrap()
    });
    let faculties = lane.faculties.clone();
    let lane = runtime.spawn(run(lane, equipment, Box::new(notes), stopped));
    let own = kit();
    let outbox = Outbox::open(&folder.path().join("raw.db"), LANE, own.record_key, 4 << 30).unwrap();
    let mut parts = Parts { faculties, document, pictures, outbox, sealing: own.pictures };

    let mut rows = Vec::new();
    for turn in 0..WARM_UP + TURNS {
        invitations.recv_timeout(PATIENCE).expect("an open lane");
        // The raw parts while the lane is idle, then the lane alone.
        let (chip, portrait) = parts.chip();
        world.call();
        let exit = exits.recv_timeout(PATIENCE).expect("an open exit");
        let (frames, outcome) = passages.recv_timeout(PATIENCE).expect("the passage's end");
        assert_eq!(outcome.ending, Ending::Admitted, "{:?}", outcome.reasons);
        let mut inside = world.inside.lock().unwrap();
        let passage = exit - inside.laid.take().unwrap();
        inside.called = false;
        drop(inside);
        let (analysed, stored) = (parts.frames(frames), parts.store(&outcome, portrait));
        let chain = stored + if topology == Topology::OneStep { chip.max(analysed) } else { chip + analysed };
        if turn >= WARM_UP {
            rows.push([chip, analysed, stored, chain, passage].map(|part| part.as_secs_f64() * 1e3));
        }
        if turn + 1 == WARM_UP + TURNS {
            print(topology, frames, &rows);
        }
    }
    stop.send_replace(true);
    runtime.block_on(async {
        lane.await.unwrap().unwrap();
        uploader.stop().await;
    });
    central.go_away().unwrap();
}

/// Medians over the turns; the overhead is that of each turn.
fn print(topology: Topology, frames: usize, rows: &[[f64; 5]]) {
    let median = |value: &dyn Fn(&[f64; 5]) -> f64| {
        let mut values: Vec<f64> = rows.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [chip, analysed, stored, chain, passage] = [0, 1, 2, 3, 4].map(|part| median(&|row| row[part]));
    let overhead = median(&|row| row[4] - row[3]);
    let name = if topology == Topology::OneStep { "one step" } else { "two steps" };
    println!(
        "{name:>9} {frames:>7} {chip:>8.1} {analysed:>9.1} {stored:>9.1} {chain:>8.1} {passage:>10.1} {overhead:>11.1} {:>6.3}{}",
        passage / chain,
        if overhead > OVERHEAD_MOST_MS { "  more than 100 ms" } else { "" },
    );
}

fn issue(country: &mut TestCountry, portrait: Vec<u8>) -> IssuedDocument {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let kind = DocumentKind { chip: ChipPlan::modern(), ..DocumentKind::default() };
    let order = DocumentOrder {
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        number: "L00000001".to_owned(),
        nationality: "UTO".to_owned(),
        date_of_birth: jiff::civil::date(1974, 8, 12),
        date_of_expiry: today.saturating_add(jiff::Span::new().years(5)),
        sex: '<',
        portrait,
        defect: Defect::None,
    };
    country.issue_as(&kind, &order).unwrap()
}
