//! The reader of printed lines on a serial line.
//!
//! In come bytes with noise, in pieces, repeated; out come whole frames of lines, unparsed. How a reader
//! frames its lines is a [`FramingProfile`] in the lane's settings; [`Deframer`] is that profile at work,
//! pure and bounded. [`SerialMrzReader`] is the driver, [`MrzSender`] a reader to be driven, on a
//! pseudo-terminal, speaking by the same profile.
//!
//! What cannot happen: a damaged frame handed on as if it were whole; a buffer that grows with the noise.
mod deframer;
mod profile;
mod sender;
mod serial_reader;

pub use deframer::Deframer;
pub use profile::{FrameCheck, FramingProfile, HeaderByte, ProfileFault, Varying};
pub use sender::MrzSender;
pub use serial_reader::{LineHeard, MrzReaderSettings, SerialMrzReader};
