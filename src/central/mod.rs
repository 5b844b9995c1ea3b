//! The central service: what many lanes report to, and the officers' console.
//!
//! [`Central::start`] opens its listeners and gives a [`RunningCentral`]:
//!
//! * **lanes** ([`crate::record::wire`]): HTTPS with a client certificate of the lanes' own authority.
//!   Who speaks is said by the certificate alone; a batch that names another lane is refused.
//! * **monitoring**, when the settings name it: health and metrics in plain HTTP, without personal data;
//! * **console**: the officers' pages, over HTTPS, or over plain HTTP on a loopback address only.
//!
//! What can never happen:
//!
//! * a record is acknowledged before it is committed, or stored twice, or replaced by another;
//! * a record is stored that names a picture which central does not have;
//! * one lane's calls keep central from the others';
//! * a case is decided by two officers, or without the officer's own judgement before the scores, or
//!   without a line in the audit trail;
//! * a text that came from a chip is run by an officer's browser, or bytes of a chip reach it: pictures
//!   are decoded here and encoded anew.
//!
//! Everything is stored by [`store::Store`], in an embedded database or in PostgreSQL. [`enrol`] makes the
//! identities of central and lanes.

mod backup;
mod command;
mod commands;
mod console;
mod distribution;
pub mod enrol;
mod import_records;
mod ingest;
mod lane_lookups;
mod lane_watch;
mod lanes_api;
mod list_command;
mod list_keeping;
mod logging;
pub mod lookup;
mod loose_pictures;
mod monitoring;
mod openapi;
mod order_command;
mod pictures;
mod receipt;
mod release_command;
mod retention;
mod serve;
mod settings;
mod snapshot;
mod statistics;
mod statistics_command;
pub mod store;
mod text;
mod tls;

pub use backup::{backup, restore};
pub use command::{CentralArgs, serve};
pub use commands::{NewCommand, may_command};
pub use console::CaseLimits;
pub use distribution::NewRelease;
pub use import_records::ImportedRecords;
pub use list_keeping::{Keeper, Proposal};
pub use logging::{Extended, LoggingProfile};
pub use pictures::{PicturesSettings, S3Settings};
pub use receipt::WrittenReceipts;
pub use retention::{KindDays, RetentionSettings, UNNAMED_LEAST};
pub use serve::{Central, Office, RunningCentral};
pub use settings::{CentralSettings, ConsoleSettings, LanesSettings};
pub use statistics::to_csv;
