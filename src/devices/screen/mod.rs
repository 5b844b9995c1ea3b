//! The traveller's screen: a page for the gate's display, served on loopback.
//!
//! In go [`Prompt`](crate::passage::Prompt)s and the live view's pictures, out come instructions that need no explanation and
//! the touch on "call an officer". The page shows one instruction at a time: a pictogram that moves as the
//! traveller should, and few words in the traveller's language. It hears the lane by server-sent events with
//! a steady beat; when the beat stops it says by itself to wait for an officer.
//!
//! What can never be on it: a result, a score, a reason, a name, anything from another host. Every referral
//! looks the same. Clauses: TR-03121-3.1 FM UI-FI-BSJ for what the traveller sees; WCAG 2.2 AA.
mod server;
mod texts;

pub use server::{ScreenServer, ScreenSettings};
pub use texts::{LOST, Language, PROMPTS, TextError, Words, first_guess, key, languages};
