//! The devices of a lane: for each kind a contract, its drivers, and a simulator that is a driver like
//! the others and speaks the real protocol on the same bytes.
//!
//! | kind | contract | drivers | simulator |
//! |---|---|---|---|
//! | chip reader | [`ChipReader`], [`Card`] | PC/SC | software passport, in process and behind vpcd |
//! | MRZ reader | [`MrzReader`] | [`mrz_reader::SerialMrzReader`] | [`mrz_reader::MrzSender`] on a pty |
//! | camera | [`Camera`] | [`camera::LiveCamera`] on V4L2 or HTTP, [`camera::RecordedCamera`] | [`camera::MjpegServer`], [`camera::StageCamera`] |
//! | gate | [`Gate`] | [`gate::ModbusGate`] on a serial line | [`gate::GateSimulator`] on a pty |
//! | traveller's screen | [`Screen`] | [`screen::ScreenServer`], a page over HTTP | the same page |
//!
//! Every call has a bound in time; every fault is typed. A device that is silent is a fault, never "all well".
pub mod camera;
pub mod card;
pub mod chip_reader;
mod contract;
pub mod gate;
pub mod modbus;
pub mod mrz_reader;
pub mod screen;
pub mod serial;

pub use chip_reader::{CardSlot, Exchange, InProcessReader, PcscReader, RecordedCard, read_chip};
pub use contract::*;
