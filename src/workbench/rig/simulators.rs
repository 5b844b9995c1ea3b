//! The other ends of a lane's lines, and what a traveller can touch there.

use super::central::LOOPBACK;
use crate::devices::CardSlot;
use crate::devices::camera::{HttpCameraSettings, MjpegServer, Stage};
use crate::devices::gate::{FloorSettings, GateFloor, GateSettings, GateSimulator, ModbusGate};
use crate::devices::mrz_reader::{FramingProfile, MrzReaderSettings, MrzSender, SerialMrzReader};
use crate::devices::screen::ScreenServer;
use crate::lane::Equipment;
use std::sync::Arc;

/// Frames per second of the simulated camera.
const FRAMES_PER_SECOND: f64 = 15.0;

/// One gate with everything on it. Dropping it pulls every plug.
pub struct Simulators {
    /// Where the document is laid.
    pub slot: CardSlot,
    /// The optical part of the reader.
    pub lines: MrzSender,
    /// What the camera sees.
    pub stage: Stage,
    /// The camera, on the network.
    pub camera: MjpegServer,
    gate: GateSimulator,
}

impl Simulators {
    /// Doors locked, nobody there, the camera dark. Doors and people move `speed` times quicker than in life.
    ///
    /// # Errors
    /// When the system has no pseudo-terminal, port or thread left.
    pub fn start(speed: f32) -> anyhow::Result<Simulators> {
        let floor = FloorSettings { speed: f64::from(speed), ..FloorSettings::default() };
        let (camera, stage) = MjpegServer::start(LOOPBACK, FRAMES_PER_SECOND)?;
        Ok(Simulators {
            slot: CardSlot::default(),
            lines: MrzSender::start(FramingProfile::default())?,
            stage,
            camera,
            gate: GateSimulator::start(floor)?,
        })
    }

    /// What moves on the floor.
    pub fn floor(&self) -> GateFloor {
        self.gate.floor()
    }

    /// Settings of the gate's driver.
    pub fn gate_settings(&self) -> GateSettings {
        GateSettings::new(self.gate.port_name())
    }

    /// Settings of the driver of the reader of printed lines.
    pub fn mrz_settings(&self) -> MrzReaderSettings {
        MrzReaderSettings::new(self.lines.port_name())
    }

    /// Settings of the camera's driver.
    pub fn camera_settings(&self) -> HttpCameraSettings {
        HttpCameraSettings { url: self.camera.url() }
    }

    /// The drivers, and the page that the traveller sees.
    ///
    /// # Errors
    /// When a line does not open.
    pub fn equipment(&self, screen: ScreenServer) -> anyhow::Result<Equipment> {
        Ok(Equipment {
            chip_reader: Box::new(self.slot.reader()),
            mrz_reader: Box::new(SerialMrzReader::open(self.mrz_settings())?),
            camera: Box::new(self.camera_settings().open()?),
            gate: Box::new(ModbusGate::open(self.gate_settings())?),
            officer_calls: screen.officer_calls(),
            screen: Arc::new(screen),
        })
    }
}
