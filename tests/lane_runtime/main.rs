//! A whole lane on real parts, with everything that can go wrong.
#![cfg(all(feature = "issuer", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cable;
mod degraded;
mod disk;
mod killed;
mod kit;
mod linked;
mod logs;
#[path = "../common/pcscd.rs"]
mod pcscd;
mod restarted;
mod self_test;
mod soaked;
mod whole;
