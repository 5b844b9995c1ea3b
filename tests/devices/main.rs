//! Drivers against what they drive, over pseudo-terminals and loopback: the gate's controller, the reader of printed
//! lines, cameras, with every trouble that a line can make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod camera;
mod chip_reader;
mod gate;
mod hardware;
mod modbus;
mod mrz_reader;

use std::time::Duration;

/// For everything that comes soon; generous, because machines are slow.
const PATIENCE: Duration = Duration::from_secs(30);
