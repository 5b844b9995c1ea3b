//! Where a protocol puts its command and finds the answer: what makes `async` functions sans-IO.
//!
//! There is one command at a time. The future that waits here is polled only by the session, after it
//! has put the answer in; no waker is ever needed.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// What came back instead of an answer: the transport's words.
pub(super) type TransportError = String;

#[derive(Default)]
struct Slots {
    command: Option<Vec<u8>>,
    answer: Option<Result<Vec<u8>, TransportError>>,
}

/// The two slots, shared by session and protocol.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Slots>>);

impl Mailbox {
    /// Protocol's side: sends and waits.
    pub(super) async fn exchange(&self, command: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.slots().command = Some(command);
        poll_fn(|_| match self.slots().answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    /// Session's side: the command that the protocol wants sent.
    pub(super) fn take_command(&self) -> Option<Vec<u8>> {
        self.slots().command.take()
    }

    /// Session's side: what the chip said.
    pub(super) fn put_answer(&self, answer: Result<Vec<u8>, TransportError>) {
        self.slots().answer = Some(answer);
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Two assignments cannot leave the slots half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
