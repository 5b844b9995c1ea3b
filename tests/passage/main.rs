//! Passages in virtual time: the honest way, every way it can break off, and arbitrary ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arbitrary;
mod commands;
mod degraded;
mod desk;
mod honest;
mod interrupted;
mod misbehaviour;
mod one_step;
mod referred;
mod snapshot;
