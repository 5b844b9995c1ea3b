//! Tells central of each change of what is amiss with the lane, as telemetry: it may be lost, outcomes never are.

use super::{Board, Notes};
use crate::outbox::Outbox;
use crate::policy::Condition;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Puts every change into the queue's telemetry, until the lane is gone.
pub(super) async fn tell_changes(
    mut board: watch::Receiver<Board>,
    outbox: Arc<Mutex<Outbox>>,
    wake: Arc<Notify>,
) {
    let mut told = Notes::new();
    while board.changed().await.is_ok() {
        let notes = board.borrow_and_update().notes().clone();
        let changes = changes(&told, &notes);
        told = notes;
        let outbox = Arc::clone(&outbox);
        let written = tokio::task::spawn_blocking(move || {
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            changes.into_iter().try_for_each(|(kind, text)| outbox.tell(Timestamp::now(), kind, &text))
        });
        match written.await {
            Ok(Ok(())) => wake.notify_one(),
            Ok(Err(error)) => tracing::warn!(%error, "telemetry is lost"),
            Err(error) => tracing::warn!(%error, "telemetry is lost"),
        }
    }
}

/// What began and what ended between two looks, in words.
fn changes(before: &Notes, now: &Notes) -> Vec<(&'static str, String)> {
    let words = |(condition, source): &(Condition, &'static str), more: &str| {
        let name = serde_json::to_value(condition).unwrap_or_default();
        format!("{} by {source}{more}", name.as_str().unwrap_or_default())
    };
    let begun = now.iter().filter(|(place, _)| !before.contains_key(*place));
    let ended = before.keys().filter(|place| !now.contains_key(*place));
    begun
        .map(|(place, found)| ("amiss", words(place, &format!(": {found}"))))
        .chain(ended.map(|place| ("mended", words(place, ""))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_and_what_ended_is_told_once() {
        let camera = (Condition::CameraLost, "camera");
        let some =
            Notes::from([(camera, "no frame".to_owned()), ((Condition::ClockWrong, "clock"), "1970".into())]);
        let other = Notes::from([(camera, "still no frame".to_owned())]);
        assert_eq!(
            changes(&Notes::new(), &other),
            [("amiss", "camera_lost by camera: still no frame".to_owned())]
        );
        assert_eq!(changes(&some, &other), [("mended", "clock_wrong by clock".to_owned())]);
        assert_eq!(changes(&other, &other), []);
    }
}
