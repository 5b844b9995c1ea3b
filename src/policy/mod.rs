//! From checks to a verdict.
//!
//! [`decide`] is a total, pure function of a [`Profile`] and the checks made. A check that the profile
//! asks for and that is absent, undetermined, aborted or failed refers the traveller: unknown is never
//! good. Property tests (`tests/policy.rs`) show that making any mandatory check worse never turns a
//! referral into an admission. Only [`decide`] can make an [`ExitToken`]. What the settings files of the
//! house say when they are wrong is in [`config`].
pub mod config;
mod decide;
mod degraded;
mod gravity;
mod profile;

pub use config::ConfigError;
pub use decide::*;
pub use degraded::*;
pub use gravity::{Gravity, gravity};
pub use profile::*;
