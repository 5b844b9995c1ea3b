//! Server-sent events: whenever something changed, the count of open cases; lists then fetch anew what
//! they show. So a page that lost the connection has missed nothing once it is back.

use super::session::Signed;
use crate::central::serve::Shared;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    _signed: Signed,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut stopping = shared.stopping.subscribe();
    let stop = async move { drop(stopping.wait_for(|stop| *stop).await) };
    let mut changes = shared.changes.subscribe();
    // The first event comes at once: after each (re)connection the page is brought up to date.
    changes.mark_changed();
    let events = stream::unfold((shared, changes), |(shared, mut changes)| async move {
        changes.changed().await.ok()?;
        let count = shared.blocking(|shared| Ok(shared.store.open_cases(0)?.1)).await;
        let data = count.map_or_else(|_| String::new(), |count| count.to_string());
        Some((Ok(Event::default().data(data)), (shared, changes)))
    });
    Sse::new(events.take_until(Box::pin(stop))).keep_alive(KeepAlive::default())
}
