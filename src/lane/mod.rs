//! The running gate.
//!
//! Threads own the devices and turn what they give into [`Input`]s; [`understand`] turns an input into
//! the passage's event, by the real rooms, the same way at the gate and on the engineer's desk. One task
//! owns the passage: it tells it each event with its moment, and carries out what it wishes. Channels
//! are bounded. Nothing here decides; nothing here can open the exit without policy's token.
//!
//! ```text
//! chip reader ─┐                                   ┌─► gate (doors, lamps)
//! MRZ reader  ─┤                                   ├─► traveller's screen
//! camera      ─┼─► Input ─► understand ─► Passage ─┼─► chip reader, camera
//! gate        ─┤                                   ├─► central (look-up)
//! central     ─┘                                   └─► outbox (outcome)
//! ```
mod conditions;
mod conduct;
mod durable;
mod follow_releases;
mod health;
mod inputs;
mod kept_frames;
mod laid_over;
mod link;
mod log;
mod monitor;
mod observer;
mod orders;
mod releases;
mod service;
mod settings;
mod snapshot;
mod telling;
mod threads;
mod trust_store;

pub use conditions::*;
pub use conduct::*;
pub use follow_releases::{Basis, Following};
pub use health::*;
pub use inputs::*;
pub use link::Link;
pub use log::PassageLog;
pub use monitor::{DISK_LEAST, Monitor, certificate_lasts, free_bytes, plausible, trust_age};
pub use observer::*;
pub use orders::CommandBook;
pub use releases::{Release, ReleaseFault, ReleaseKeeper};
pub use settings::*;
pub use snapshot::{Lists, ListsError};
pub use trust_store::*;
