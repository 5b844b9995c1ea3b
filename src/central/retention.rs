//! The job that deletes pictures when their time is over, by the passage's ending.
//!
//! First the files go, then the proof is written: after a crash between the two the next run does it
//! again. Several processes may run the job at once; each deletion is noted by one of them.

use super::serve::{Office, Shared};
use super::store::Millis;
use crate::passage::Ending;
use serde::{Deserialize, Serialize};

/// Passages that are worked on at once.
const AT_ONCE: usize = 100;
/// A day.
const DAY: Millis = 24 * 60 * 60 * 1000;

/// For how many days pictures are kept, by the passage's ending. A referred case that nobody decided keeps
/// its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Of admitted travellers.
    pub admitted_days: u16,
    /// Of referred travellers.
    pub referred_days: u16,
    /// Of those who withdrew.
    pub withdrawn_days: u16,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        RetentionSettings { admitted_days: 2, referred_days: 30, withdrawn_days: 2 }
    }
}

/// Deletes what is due; gives of how many passages.
pub(super) fn delete_due(shared: &Shared) -> anyhow::Result<usize> {
    let RetentionSettings { admitted_days, referred_days, withdrawn_days } = shared.retention;
    let mut deleted = 0;
    for (ending, days) in [
        (Ending::Admitted, admitted_days),
        (Ending::Referred, referred_days),
        (Ending::Withdrawn, withdrawn_days),
    ] {
        let before = shared.now().saturating_sub(DAY.saturating_mul(days.into()));
        loop {
            let due = shared.store.due_pictures(ending, before, AT_ONCE)?;
            let found = due.len();
            for passage in due {
                let names: Vec<String> =
                    passage.record.pictures.into_iter().map(|picture| picture.sealed_sha256).collect();
                for name in &names {
                    shared.pictures.delete(name)?;
                }
                let noted = shared.store.note_deletion(&passage.key, &names, shared.now())?;
                deleted += usize::from(noted && !names.is_empty());
            }
            // Every passage that was found is noted now, by this process or another.
            if found < AT_ONCE {
                break;
            }
        }
    }
    Ok(deleted)
}

impl Office {
    /// Deletes pictures whose time is over, as the running service does every hour; gives of how many
    /// passages.
    ///
    /// # Errors
    /// When files or store cannot be written; what was deleted until then is noted.
    pub async fn delete_due_pictures(&self) -> anyhow::Result<usize> {
        self.shared().blocking(delete_due).await
    }
}
