//! The way to central: a durable queue and its upload.
//!
//! [`Outbox`] takes outcomes with their sealed pictures, gives each its place in the lane's chain, and
//! keeps them until central has them; a passage's exit opens only when its outcome is in here.
//! [`Uploader`] sends what is in the queue, pictures before the record that names them, at least once,
//! under keys that make a repetition harmless. What can never happen: an outcome is lost, or dropped for
//! want of room or of a connection.
mod examine;
mod kit;
mod link;
mod queue;
mod tables;
mod upload;

pub use kit::*;
pub use queue::*;
pub use upload::*;
