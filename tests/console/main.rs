//! The officers' console: a shift in a real browser, every page in light and dark, many lanes and cases at once,
//! and what must not work. Screenshots are kept in `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod kit;
mod live;
mod load;
mod pages;
mod releases;
mod security;
mod shift;
mod signing_in;
mod texts;
