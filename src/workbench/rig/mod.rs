//! A lane on a desk: the drivers of a real lane, with a simulator at the other end of each line, and a central of its
//! own over TLS. The demonstration, the soak run and the lane's tests stand on it.
//!
//! ```text
//! Simulators ── ptys, HTTP ──► DeskLane (crate::lane::run) ── TLS ──► DeskCentral
//!     ▲                            │
//!     └── whoever plays traveller  └── Diary: what the lane did, and what came out
//! ```
//!
//! [`Simulators`] outlive the lane that drives them, as a gate outlives its computer: a lane can be stopped, killed and
//! started again on the same lines.
mod cast;
mod central;
mod diary;
mod lane;
mod person;
mod simulators;

pub use cast::Cast;
pub use central::DeskCentral;
pub use diary::{Diary, Entry, Pages};
pub use lane::{DeskLane, DeskReleases, LanePlan};
pub use person::{Person, empty_cabin};
pub use simulators::Simulators;
