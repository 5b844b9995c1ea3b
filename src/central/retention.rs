//! The job that deletes pictures when their time is over, by what they show and how the passage ended, and
//! those that the logging profile does not keep; and erases the records of days that are long enough ago.
//!
//! First the pictures go, then the proof is written: after a crash between the two the next run does it
//! again. Several processes may run the job at once; each deletion is noted by one of them.

use super::logging::LoggingProfile;
use super::serve::{Office, Shared};
use super::statistics;
use super::store::{Due, Millis, PictureKind, RecordKey, StoredPassage};
use crate::passage::Ending;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;

/// Passages that are worked on at once.
const AT_ONCE: usize = 100;
/// A day.
const DAY: Millis = 24 * 60 * 60 * 1000;

/// Fewest days for which a picture waits for its record: on all but the last of them a record may still name it.
pub const UNNAMED_LEAST: u16 = 2;

/// For how many days pictures are kept, by the passage's ending, and records. A referred case that nobody decided
/// keeps its pictures and its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Of admitted travellers.
    pub admitted_days: u16,
    /// Of referred travellers.
    pub referred_days: u16,
    /// Of those who withdrew.
    pub withdrawn_days: u16,
    /// A picture that no record has named for so many days is deleted; fewer than [`UNNAMED_LEAST`] count as that.
    pub unnamed_days: u16,
    /// Other days for the portraits out of chips.
    pub portraits: KindDays,
    /// Other days for what the cameras took.
    pub frames: KindDays,
    /// Of all records, by the day of their arrival; for ever when nothing is said. A record with pictures stays as
    /// long as these.
    pub records_days: Option<NonZeroU16>,
}

/// Days for one kind of pictures; what is not said is as for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KindDays {
    /// Of admitted travellers.
    pub admitted_days: Option<u16>,
    /// Of referred travellers.
    pub referred_days: Option<u16>,
    /// Of those who withdrew.
    pub withdrawn_days: Option<u16>,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        let none = KindDays::default();
        RetentionSettings {
            admitted_days: 2,
            referred_days: 30,
            withdrawn_days: 2,
            unnamed_days: 30,
            portraits: none,
            frames: none,
            records_days: None,
        }
    }
}

impl RetentionSettings {
    /// After how many days a picture that no record names is deleted.
    pub fn unnamed(&self) -> u16 {
        self.unnamed_days.max(UNNAMED_LEAST)
    }

    /// For how many days pictures of a kind are kept of passages that ended so.
    pub fn days(&self, kind: PictureKind, ending: Ending) -> u16 {
        let own = match kind {
            PictureKind::Portrait => self.portraits,
            PictureKind::Frame => self.frames,
            PictureKind::All => KindDays::default(),
        };
        match ending {
            Ending::Admitted => own.admitted_days.unwrap_or(self.admitted_days),
            Ending::Referred => own.referred_days.unwrap_or(self.referred_days),
            Ending::Withdrawn => own.withdrawn_days.unwrap_or(self.withdrawn_days),
        }
    }
}

/// Deletes what is due: pictures, and the records of days; gives of how many passages and kinds pictures, and how
/// many days. Makes room for the days to come.
pub(super) fn delete_due(shared: &Shared) -> anyhow::Result<usize> {
    shared.store.lay_days(shared.now());
    // What came just now is to be known as kept.
    statistics::settle_all(shared)?;
    let mut deleted = 0;
    for kind in PictureKind::BOTH {
        for ending in [Ending::Admitted, Ending::Referred, Ending::Withdrawn] {
            let days = shared.retention.days(kind, ending);
            let before = shared.now().saturating_sub(DAY.saturating_mul(days.into()));
            let ended = super::store::storable_word(&ending);
            let rule = format!("retention: {ended} after {days} days");
            deleted += delete_all(shared, kind, Due::Age(ending, before), &rule)?;
        }
        if shared.logging != LoggingProfile::Full {
            examine(shared, kind)?;
            let rule = format!("logging profile {}", super::store::storable_word(&shared.logging));
            deleted += delete_all(shared, kind, Due::NotLogged, &rule)?;
        }
    }
    if let Some(days) = shared.retention.records_days {
        let before = shared.now().saturating_sub(DAY.saturating_mul(days.get().into()));
        while let Some(day) = shared.store.erase_day(before, shared.now())? {
            tracing::info!(day = day.day, records = day.records, "records of a day erased");
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Looks of which new passages the logging profile keeps pictures of a kind.
fn examine(shared: &Shared, kind: PictureKind) -> anyhow::Result<()> {
    loop {
        let passages = shared.store.unexamined_pictures(kind, AT_ONCE)?;
        let found = passages.len();
        let keeps =
            |passage: StoredPassage| (passage.key, shared.logging.extended(&passage.record.checks).images);
        let kept: Vec<(RecordKey, bool)> = passages.into_iter().map(keeps).collect();
        shared.store.note_logged(kind, &kept)?;
        if found < AT_ONCE {
            return Ok(());
        }
    }
}

fn delete_all(shared: &Shared, kind: PictureKind, due: Due, rule: &str) -> anyhow::Result<usize> {
    let mut deleted = 0;
    loop {
        let passages = shared.store.due_pictures(kind, due, AT_ONCE)?;
        let found = passages.len();
        for passage in passages {
            let pictures = passage.record.pictures.into_iter().filter(|picture| kind.holds(picture));
            let names: Vec<String> = pictures.map(|picture| picture.sealed_sha256).collect();
            for name in &names {
                shared.pictures.delete(name)?;
            }
            let noted = shared.store.note_deletion(&passage.key, kind, &names, rule, shared.now())?;
            deleted += usize::from(noted && !names.is_empty());
        }
        // Every passage that was found is noted now, by this process or another.
        if found < AT_ONCE {
            return Ok(deleted);
        }
    }
}

impl Office {
    /// Deletes pictures and records whose time is over, as the running service does every hour; gives of how many
    /// passages and kinds pictures, and how many days.
    ///
    /// # Errors
    /// When pictures or store cannot be written; what was deleted until then is noted.
    pub async fn delete_due_pictures(&self) -> anyhow::Result<usize> {
        self.shared().blocking(delete_due).await
    }
}
