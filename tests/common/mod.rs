//! What several integration tests share.
#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod browser;
pub mod central;
pub mod postgres;
pub mod queue;
pub mod s3;
