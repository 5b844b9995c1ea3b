//! Where a protocol puts its wish and finds the answer: what makes `async` functions sans-IO.
//!
//! There is one wish at a time. The future that waits here is polled only by the session, after it
//! has put the answer in; no waker is ever needed.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// What came back instead of an answer: the transport's words.
pub(super) type TransportError = String;

/// What a protocol wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Send this command.
    Transmit(Vec<u8>),
    /// Reset the chip, or wait for it to come again.
    Reconnect,
}

#[derive(Default)]
struct Slots {
    wish: Option<Wish>,
    answer: Option<Result<Vec<u8>, TransportError>>,
}

/// The two slots, shared by session and protocol.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Slots>>);

impl Mailbox {
    /// Protocol's side: sends a command and waits.
    pub(super) async fn exchange(&self, command: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.wish(Wish::Transmit(command)).await
    }

    /// Protocol's side: has the chip begin anew.
    pub(super) async fn reconnect(&self) -> Result<(), TransportError> {
        self.wish(Wish::Reconnect).await.map(drop)
    }

    async fn wish(&self, wish: Wish) -> Result<Vec<u8>, TransportError> {
        self.slots().wish = Some(wish);
        poll_fn(|_| match self.slots().answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    /// Session's side: what the protocol wants done.
    pub(super) fn take_wish(&self) -> Option<Wish> {
        self.slots().wish.take()
    }

    /// Session's side: what came of it.
    pub(super) fn put_answer(&self, answer: Result<Vec<u8>, TransportError>) {
        self.slots().answer = Some(answer);
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Two assignments cannot leave the slots half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
