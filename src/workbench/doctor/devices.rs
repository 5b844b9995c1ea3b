//! Gate, reader of printed lines and camera, each fault with its mend.

use super::{DEVICE_PATIENCE, Doctor};
use crate::devices::camera::CameraSettings;
use crate::devices::gate::registers::{Block, ControllerFault, Input, PERSONS_UNKNOWN};
use crate::devices::gate::{GateSettings, ModbusGate};
use crate::devices::mrz_reader::{MrzReaderSettings, SerialMrzReader};
use crate::devices::{Camera, CameraFault, GateFault, MrzFault, MrzReader};
use anyhow::bail;
use std::time::{Duration, Instant};

/// How long the line of the MRZ reader is listened to.
const LISTEN: Duration = Duration::from_secs(1);
/// How long the camera is watched: longer than a frozen picture takes to be noticed.
const WATCH: Duration = Duration::from_millis(1_500);
/// Frames a second under which faces are lost between two pictures.
const RATE_LEAST: f64 = 10.0;
/// Pixels of the shorter side under which a face at arm's length has too few (TR-03121-3 asks for 90 between the eyes).
const SIDE_LEAST: u32 = 480;
/// Mean brightness under which a picture is dark.
const DARK: u64 = 8;

/// The mend of a device's own fault, which knows it better than who called the device.
pub(super) fn mend_of(error: &anyhow::Error) -> Option<&'static str> {
    let gate = || error.downcast_ref::<GateFault>().map(GateFault::mend);
    let reader = || error.downcast_ref::<MrzFault>().map(MrzFault::mend);
    let camera = || error.downcast_ref::<CameraFault>().map(CameraFault::mend);
    gate().or_else(reader).or_else(camera)
}

impl Doctor {
    pub(super) fn gate(&mut self, settings: &GateSettings) {
        const MEND: &str = "check port, unit, wiring and supply of the controller";
        if settings.relay_board.is_some() {
            self.look("gate", MEND, || {
                let state = settings.open()?.state()?;
                Ok(format!("a relay board, for benches alone, answers: {state:?}"))
            });
            return;
        }
        let mut troubles = Vec::new();
        self.look("gate", MEND, || {
            let block = ModbusGate::open(settings.clone())?.block()?;
            troubles = gate_troubles(&block);
            Ok(format!(
                "answers; {} and {} openings, {} damaged frames heard, up for {} s",
                block.entry_openings, block.exit_openings, block.line_errors, block.uptime
            ))
        });
        for Trouble { found, mend } in troubles {
            self.look::<&str>("gate", mend, || bail!(found));
        }
    }

    pub(super) fn mrz_reader(&mut self, settings: &MrzReaderSettings) {
        self.look(
            "MRZ reader",
            "check `baud` and [mrz_reader.framing] against what the reader is set to",
            || {
                let mut reader = SerialMrzReader::open(settings.clone())?;
                let read = reader.next_lines(LISTEN)?;
                let heard = reader.heard();
                match read {
                    Some(_) => Ok("line opens, a document was read"),
                    None if heard.damaged > 0 => bail!("{} frames came damaged", heard.damaged),
                    None if heard.bytes > 0 => bail!("{} bytes came that are no frame", heard.bytes),
                    None => Ok("line opens; lay a document on the reader meanwhile to try more"),
                }
            },
        );
    }

    pub(super) fn camera(&mut self, settings: &CameraSettings) {
        self.look("camera", "check the cable and the name of the camera", || {
            let mut camera = settings.open()?;
            let first = camera.next_frame(DEVICE_PATIENCE)?;
            let (width, height) = first.picture.dimensions();
            let rate = watch(camera.as_mut())?;
            let raw = first.picture.as_raw();
            let bright = raw.iter().map(|value| u64::from(*value)).sum::<u64>() / raw.len().max(1) as u64;
            if bright < DARK {
                bail!(CameraFault::Silent(WATCH));
            }
            if width.min(height) < SIDE_LEAST || rate < RATE_LEAST {
                bail!(CameraFault::Settings(format!(
                    "{width}×{height} pixels at {rate:.0} a second; at least {SIDE_LEAST} rows and {RATE_LEAST:.0} a second"
                )));
            }
            let kind = if first.jpeg.is_some() { "motion JPEG" } else { "uncompressed" };
            Ok(format!("{width}×{height} pixels, {rate:.0} a second, {kind}"))
        });
    }
}

/// Frames a second, over a while that shows also whether the camera is frozen.
fn watch(camera: &mut dyn Camera) -> Result<f64, CameraFault> {
    let begun = Instant::now();
    let (mut first, mut last) = (None, None);
    while begun.elapsed() < WATCH {
        let frame = camera.next_frame(DEVICE_PATIENCE)?;
        let now = (frame.sequence, frame.captured);
        first = first.or(Some(now));
        last = Some(now);
    }
    let (Some((from, since)), Some((to, until))) = (first, last) else { return Ok(0.0) };
    let seconds = until.saturating_duration_since(since).as_secs_f64();
    Ok(if seconds > 0.0 { (to.saturating_sub(from)) as f64 / seconds } else { 0.0 })
}

/// One thing amiss at the gate.
#[derive(Debug, PartialEq, Eq)]
struct Trouble {
    found: &'static str,
    mend: &'static str,
}

/// Everything that the controller says is amiss. A broken wire reads as the worst, so each mend names it, too.
fn gate_troubles(block: &Block) -> Vec<Trouble> {
    let inputs = INPUTS_WELL.iter().filter(|(input, ..)| !block.inputs.has(*input));
    let mut troubles: Vec<Trouble> = inputs.map(|&(_, found, mend)| Trouble { found, mend }).collect();
    let faults = FAULTS.iter().filter(|(fault, ..)| block.faults & *fault as u16 != 0);
    troubles.extend(faults.map(|&(_, found, mend)| Trouble { found, mend }));
    if block.persons.contains(&PERSONS_UNKNOWN) {
        let (found, mend) =
            ("the sensors do not count persons", "check supply and alignment of the zone sensors");
        troubles.push(Trouble { found, mend });
    }
    troubles
}

/// What an idle gate's inputs must say, what it means when they do not, and the mend.
const INPUTS_WELL: [(Input, &str, &str); 18] = [
    (Input::EntryShut, "the entrance is not shut", "shut it; else its contact or wire is broken"),
    (Input::EntryLocked, "the entrance is not locked", "shut it; else its bolt, contact or wire is broken"),
    (Input::ExitShut, "the exit is not shut", "shut it; else its contact or wire is broken"),
    (Input::ExitLocked, "the exit is not locked", "shut it; else its bolt, contact or wire is broken"),
    (
        Input::EntranceClear,
        "somebody is at the entrance",
        "step away; else the zone's sensor or wire is broken",
    ),
    (Input::CabinClear, "somebody is in the cabin", "step out; else the zone's sensor or wire is broken"),
    (Input::ExitClear, "somebody is at the exit", "step away; else the zone's sensor or wire is broken"),
    (
        Input::EntryCurtainClear,
        "the entrance's light curtain is broken",
        "clear and clean it; check its wire",
    ),
    (Input::ExitCurtainClear, "the exit's light curtain is broken", "clear and clean it; check its wire"),
    (Input::EmergencyStopClosed, "the emergency stop is pressed", "free it; else its circuit is broken"),
    (Input::FireClosed, "the fire release is active", "end it at the fire panel; else its circuit is broken"),
    (
        Input::HousingShut,
        "the housing is open",
        "look for tampering, then shut it; else its contact is broken",
    ),
    (Input::MainsPresent, "the mains are gone", "check fuse and supply before the battery is empty"),
    (Input::DrivesReady, "the drives are not ready", "read the drives' own fault; check their enable wire"),
    (Input::NoObjectLeft, "an object is left in the cabin", "take it out as the site's rules say"),
    (Input::KeyAutomatic, "the manual key is turned", "turn it to automatic; else its wire is broken"),
    (Input::NoTailgating, "somebody followed another", "see who is in the cabin; it clears when empty"),
    (
        Input::NoWrongWay,
        "somebody came by the exit",
        "see who is in the cabin; it clears when empty and shut",
    ),
];

/// The controller's own faults and their mends.
const FAULTS: [(ControllerFault, &str, &str); 8] = [
    (
        ControllerFault::EntryStuck,
        "the entrance does not move as told",
        "look for what blocks it; then its drive",
    ),
    (ControllerFault::ExitStuck, "the exit does not move as told", "look for what blocks it; then its drive"),
    (
        ControllerFault::EntryContacts,
        "the entrance's contacts contradict each other",
        "adjust or replace them",
    ),
    (ControllerFault::ExitContacts, "the exit's contacts contradict each other", "adjust or replace them"),
    (ControllerFault::Sensors, "a zone sensor failed", "check its supply; replace it"),
    (ControllerFault::Drive, "a drive failed", "read the drive's own fault"),
    (ControllerFault::Interlock, "both doors are unlocked", "shut one by hand; take the gate out of service"),
    (ControllerFault::Internal, "the controller's memory, clock or program failed", "replace the controller"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::camera::{HttpCameraSettings, MjpegServer, StageFrame};
    use crate::devices::gate::{FloorSettings, GateSimulator};
    use crate::devices::mrz_reader::{FramingProfile, MrzSender};

    fn doctor() -> Doctor {
        Doctor { findings: Vec::new(), json: true }
    }

    #[test]
    fn a_gate_that_is_well_is_one_good_line_and_each_fault_one_more_with_its_mend() {
        let simulator = GateSimulator::start(FloorSettings::default()).unwrap();
        let settings = GateSettings::new(simulator.port_name());
        let mut well = doctor();
        well.gate(&settings);
        assert_eq!(well.findings.len(), 1);
        assert!(well.findings[0].good, "{}", well.findings[0].found);
        for (input, found, mend) in INPUTS_WELL {
            simulator.floor().break_wire(input, true);
            let mut amiss = doctor();
            amiss.gate(&settings);
            let named = amiss.findings.iter().any(|finding| !finding.good && finding.found == found);
            assert!(named, "{input:?} is not named");
            assert!(amiss.findings.iter().any(|finding| finding.mend == Some(mend)), "{input:?}");
            simulator.floor().break_wire(input, false);
        }
    }

    #[test]
    fn every_fault_of_a_controller_is_named() {
        for (fault, found, _) in FAULTS {
            let inputs = crate::devices::gate::registers::Inputs(u32::MAX);
            let block = Block { faults: fault as u16, inputs, ..Block::default() };
            assert_eq!(
                gate_troubles(&block).iter().map(|trouble| trouble.found).collect::<Vec<_>>(),
                [found]
            );
        }
    }

    #[test]
    fn a_port_that_is_missing_is_told_from_a_silent_controller() {
        let mut missing = doctor();
        missing.gate(&GateSettings::new("/dev/no-such-port"));
        assert!(missing.findings[0].mend.unwrap().contains("udev"), "{:?}", missing.findings[0].mend);
        let simulator = GateSimulator::start(FloorSettings::default()).unwrap();
        simulator.floor().cut_bus(true);
        let mut silent = doctor();
        silent.gate(&GateSettings { answer_ms: 30, ..GateSettings::new(simulator.port_name()) });
        assert!(silent.findings[0].mend.unwrap().contains("termination"), "{:?}", silent.findings[0].mend);
    }

    #[test]
    fn a_camera_is_measured_and_each_fault_has_its_mend() {
        let (server, stage) = MjpegServer::start(([127, 0, 0, 1], 0).into(), 30.0).unwrap();
        let settings = CameraSettings::Http(HttpCameraSettings { url: server.url() });
        let examine = || {
            let mut doctor = doctor();
            doctor.camera(&settings);
            doctor.findings.remove(0)
        };
        stage.show(film(640, 480));
        let good = examine();
        assert!(good.good && good.found.contains("640×480"), "{}", good.found);
        stage.show(film(64, 48));
        let small = examine();
        assert!(!small.good && small.found.contains("64×48") && small.mend.unwrap().contains("[camera]"));
        stage.dark();
        assert!(examine().mend.unwrap().contains("lens cap"));
        drop(server);
        assert!(examine().mend.unwrap().contains("network"));
    }

    /// Two frames that differ.
    fn film(width: u32, height: u32) -> std::sync::Arc<Vec<StageFrame>> {
        let frame = |shade: u8| {
            let picture = image::RgbImage::from_pixel(width, height, image::Rgb([shade; 3]));
            let mut jpeg = Vec::new();
            image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&picture).unwrap();
            StageFrame { jpeg, picture }
        };
        std::sync::Arc::new(vec![frame(90), frame(160)])
    }

    #[test]
    fn bytes_that_are_no_frame_point_to_framing_and_rate() {
        let sender = MrzSender::start(FramingProfile::rte()).unwrap();
        let framing = FramingProfile::desko(0x1C, 0x1D);
        let settings = MrzReaderSettings { framing, ..MrzReaderSettings::new(sender.port_name()) };
        let sending = std::thread::spawn(move || {
            for _ in 0..40 {
                sender.send(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"]).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut doctor = doctor();
        doctor.mrz_reader(&settings);
        sending.join().unwrap();
        let finding = &doctor.findings[0];
        assert!(!finding.good && finding.found.contains("no frame"), "{}", finding.found);
        assert!(finding.mend.unwrap().contains("framing"));
    }
}
