//! egate: an automated border gate, told as the traveller's journey, room by room.

pub mod central;
pub mod check;
pub mod chip;
pub mod devices;
pub mod document;
pub mod face;
pub mod lane;
pub mod outbox;
pub mod passage;
pub mod policy;
pub mod record;
pub mod trust;
