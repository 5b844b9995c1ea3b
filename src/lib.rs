//! # egate — an automated border gate, told as the traveller's journey
//!
//! A traveller puts a passport on the reader. The gate reads the printed lines ([`document`]) and the
//! chip ([`chip`]), proves that the chip's content is genuine ([`trust`]), lets the traveller into the
//! cabin, films the face and asks whether it is alive and the holder's ([`face`]). A profile turns all
//! that was found into a verdict ([`policy`]). One state machine owns this way through the gate
//! ([`passage`]). What happened is remembered, chained and signed ([`record`]), and only when that is
//! durable ([`outbox`]) does the exit open. Devices ([`devices`]) are driven by the running gate
//! ([`lane`]); many lanes report to one central service with the officers' console ([`central`]).
//! Engineers play, record, replay and issue with the [`workbench`].
//!
//! Arrows point one way, down this list:
//!
//! | room | what lives there | IO |
//! |---|---|---|
//! | [`check`] | the words that all rooms share: check, its five results, numbered reasons | none |
//! | [`document`] | machine readable zone, check digits, repair, dates | none |
//! | [`chip`] | APDUs, access control, secure messaging, files and data groups | none |
//! | [`trust`] | security object, certificates, revocation, comparisons: is the chip to be believed | none |
//! | [`face`] | detect, align, quality, liveness, embed, compare, fuse over frames | the inference session |
//! | [`policy`] | from checks to a verdict by a profile; the exit token | none |
//! | [`passage`] | one traveller's way, as a state machine with time as an input | none |
//! | [`record`] | what is remembered: canonical form, hash chain, signature, sealed images, wire types | none |
//! | [`outbox`] | durable queue towards central, and its upload | disk, network |
//! | [`devices`] | contract, driver and simulator of each device | devices |
//! | [`lane`] | the running gate: owns clock, threads and channels | all |
//! | [`central`] | ingest, look-ups, storage, console | disk, network |
//! | [`workbench`] | demonstration, record, replay, test passports | all |
//!
//! The rooms marked "none" are sans-IO: time, random bytes and answers from outside enter as inputs,
//! wishes leave as outputs. `tests/house.rs` walks the sources and fails when one of them imports what
//! it may not.

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
pub mod workbench;
