//! One session with a chip, from the first command to the last file.

use super::error::ChipError;
use super::mailbox::{Mailbox, Wish};
use super::plan::{AccessKey, ChipReading, FileId, ReadingPlan};
use super::random::{ChipRandom, RandomBytes};
use super::visit::{Progress, run};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Most exchanges of one session. A portrait of the largest size in the smallest pieces takes 4,096.
pub const MAX_EXCHANGES: u32 = 6_000;

/// What the caller does next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Send this command APDU, then call [`ChipSession::answer`].
    Transmit(Vec<u8>),
    /// Reset the chip, or wait a moment for it when it has left the field, so that it begins anew; then call
    /// [`ChipSession::answer`] with nothing, or with why there is no chip any more.
    Reconnect,
    /// The session is over.
    Done(Result<ChipReading, ChipError>),
}

type Protocol = Pin<Box<dyn Future<Output = Result<ChipReading, ChipError>> + Send>>;

/// Where the session stands.
enum State {
    /// The protocol waits for what comes of this wish.
    Waiting(Protocol, Wish),
    Done(Result<ChipReading, ChipError>),
}

/// A session. Call [`next`](Self::next), carry it out, call [`answer`](Self::answer), and so on until it
/// is done. Dropping it at any time is allowed.
pub struct ChipSession {
    state: State,
    mailbox: Mailbox,
    progress: Progress,
    time_limit: Duration,
    elapsed: Duration,
    exchanges: u32,
    password_attempts: u32,
}

impl ChipSession {
    /// A session that opens the chip with `access` and reads as planned. `random` must be fresh, at
    /// least [`ChipRandom::LENGTH`] bytes long, and never used in another session.
    pub fn new(access: AccessKey, plan: ReadingPlan, random: ChipRandom) -> ChipSession {
        let (mailbox, progress) = (Mailbox::default(), Progress::default());
        let time_limit = plan.time_limit;
        let random = RandomBytes::new(random);
        let protocol: Protocol = Box::pin(run(mailbox.clone(), progress.clone(), access, plan, random));
        let mut session = ChipSession {
            state: State::Waiting(protocol, Wish::Reconnect),
            mailbox,
            progress,
            time_limit,
            elapsed: Duration::ZERO,
            exchanges: 0,
            password_attempts: 0,
        };
        session.go_on();
        session
    }

    /// What to do now; the same until [`answer`](Self::answer) is called.
    #[expect(clippy::should_implement_trait, reason = "it asks, it does not advance")]
    pub fn next(&mut self) -> Next {
        match &self.state {
            State::Waiting(_, Wish::Transmit(command)) => Next::Transmit(command.clone()),
            State::Waiting(_, Wish::Reconnect) => Next::Reconnect,
            State::Done(result) => Next::Done(result.clone()),
        }
    }

    /// What the chip said to the last command, or in words why it said nothing, and how long that took.
    /// Ignored when the session is over.
    pub fn answer(&mut self, answer: Result<&[u8], String>, took: Duration) {
        let State::Waiting(_, wish) = &self.state else { return };
        if let Wish::Transmit(command) = wish {
            self.exchanges += 1;
            if judges_password(command) && answer.is_ok() {
                self.password_attempts += 1;
            }
        }
        self.elapsed = self.elapsed.saturating_add(took);
        if self.elapsed > self.time_limit {
            self.state = State::Done(Err(ChipError::Timeout(self.time_limit)));
        } else if self.exchanges >= MAX_EXCHANGES {
            self.state = State::Done(Err(ChipError::Bound("6,000 exchanges")));
        } else {
            self.mailbox.put_answer(answer.map(<[u8]>::to_vec));
            self.go_on();
        }
    }

    /// What has been read so far: whole files while others still come. As little verified as everything
    /// that a session reads.
    pub fn so_far(&self) -> ChipReading {
        self.progress.reading().clone()
    }

    /// Whether this file is among what was read so far.
    pub fn has_read(&self, file: FileId) -> bool {
        self.progress.reading().files.contains_key(&file)
    }

    /// Exchanges so far.
    pub fn exchanges(&self) -> u32 {
        self.exchanges
    }

    /// Time that the exchanges took so far.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How often the chip was asked to judge the password: once for each time that the chip came into the
    /// field, and never again after it was refused. Whoever starts a further session for the same
    /// document adds them up.
    pub fn password_attempts(&self) -> u32 {
        self.password_attempts
    }

    /// Lets the protocol run up to its next wish or its end.
    fn go_on(&mut self) {
        let State::Waiting(protocol, wish) = &mut self.state else { return };
        match protocol.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => self.state = State::Done(result),
            Poll::Pending => match self.mailbox.take_wish() {
                Some(next) => *wish = next,
                // Protocols wait for nothing but answers.
                None => self.state = State::Done(Err(ChipError::Protocol("nothing to send"))),
            },
        }
    }
}

/// EXTERNAL AUTHENTICATE of BAC, or the last GENERAL AUTHENTICATE of PACE, which alone is neither chained nor
/// protected: the commands at which a chip counts attempts.
fn judges_password(command: &[u8]) -> bool {
    matches!(command, [_, 0x82, ..] | [0x00, 0x86, ..])
}
