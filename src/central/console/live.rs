//! Server-sent events: whenever something changed, the queue at a glance; pages then fetch anew what they show. So
//! a page that lost the connection has missed nothing once it is back, and events need no numbers.

use super::session::{Signed, open_session};
use crate::central::serve::Shared;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// So often at most a page is told: the first change at once, those that follow together.
const TELL_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut stopping = shared.stopping.subscribe();
    let stop = async move { drop(stopping.wait_for(|stop| *stop).await) };
    let mut changes = shared.changes.subscribe();
    // The first event comes at once: after each (re)connection the page is brought up to date.
    changes.mark_changed();
    let token = signed.session.token_sha256;
    let beginning = (shared, changes, token, Instant::now());
    let events = stream::unfold(beginning, |(shared, mut changes, token, not_before)| async move {
        tokio::time::sleep_until(not_before).await;
        changes.changed().await.ok()?;
        let asked = token.clone();
        let told = shared.blocking(move |shared| glance(shared, &asked)).await;
        let data = match told {
            Ok(Some(data)) => data,
            // The session was revoked or is over: the page finds out when it connects again.
            Ok(None) => return None,
            Err(_) => String::new(),
        };
        Some((Ok(Event::default().data(data)), (shared, changes, token, Instant::now() + TELL_EVERY)))
    });
    Sse::new(events.take_until(Box::pin(stop))).keep_alive(KeepAlive::default())
}

/// The queue in numbers, as JSON; nothing of any traveller, since engineers hear it, too.
fn glance(shared: &Shared, token: &str) -> anyhow::Result<Option<String>> {
    if open_session(shared, token)?.is_none() {
        return Ok(None);
    }
    let queue = shared.store.queue()?;
    let glance = serde_json::json!({
        "open": queue.open, "escalated": queue.escalated, "newest": queue.newest, "alarms": queue.alarms,
    });
    Ok(Some(glance.to_string()))
}
