//! `egate inspect …`: one thing at a time, and everything that the gate finds in it.
pub mod chip;
pub mod masterlist;
pub mod mrz;
mod paint;
pub mod portrait;
pub mod sod;
mod trusted;
