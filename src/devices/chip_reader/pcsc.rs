//! Readers behind PC/SC (pcscd): waits by `SCardGetStatusChange`, follows readers that are plugged in and
//! out, and finds the service again after its restart.
//!
//! The service has no time-out of its own for a card that stays silent. So each card lives on a thread
//! of its own: what does not answer in [`ANSWER_LIMIT`] is a fault, and while too many such threads hang
//! in the driver no further card is opened.

use crate::devices::{Card, CardFault, ChipReader};
use pcsc::{Context, Disposition, Error, PNP_NOTIFICATION, Protocols, ReaderState, Scope, ShareMode, State};
use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time for one answer. The slowest honest step, a chip's key agreement, takes below 3 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest time for a card to be powered and connected.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longest time for a card to be let go.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);
/// How long a card that has left the field is waited for.
const RETURN_PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts to find service or reader.
const RETRY: Duration = Duration::from_millis(500);
/// Most references to the count of threads: the reader's, and two for each of four cards.
const MAX_THREADS: usize = 9;

/// A PC/SC reader.
pub struct PcscReader {
    name: Option<String>,
    context: Option<Context>,
    /// One clone for each card, and one for its thread.
    threads: Arc<()>,
}

/// Whether the field is filled, as far as the reader says.
enum Field {
    Filled,
    Empty,
    /// Neither: a card that does not answer to being powered.
    Unclear,
}

impl PcscReader {
    /// The reader whose name contains `name`, or the first there is. Service and reader are looked for
    /// when they are needed, so that either may come and go.
    pub fn open(name: Option<&str>) -> PcscReader {
        PcscReader { name: name.map(str::to_owned), context: None, threads: Arc::new(()) }
    }

    /// Names of the readers that are there now.
    ///
    /// # Errors
    /// When the service does not run.
    pub fn names() -> Result<Vec<String>, CardFault> {
        let context = Context::establish(Scope::User).map_err(fault)?;
        Ok(readers(&context)?.iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    /// Waits until the field is filled or empty as wished and gives the reader's name, or `None` when
    /// patience ended. A missing service or reader is looked for until then.
    fn wait(&mut self, filled: bool, deadline: Instant) -> Result<Option<CString>, CardFault> {
        loop {
            match self.watch(filled, deadline) {
                Ok(found) => return Ok(found),
                Err(fault) => {
                    // Whatever went wrong: begin again with a new context.
                    self.context = None;
                    thread::sleep(RETRY.min(left(deadline)));
                    if left(deadline).is_zero() {
                        return Err(fault);
                    }
                }
            }
        }
    }

    fn watch(&mut self, filled: bool, deadline: Instant) -> Result<Option<CString>, CardFault> {
        let context = match &self.context {
            Some(context) => context.clone(),
            None => self.context.insert(Context::establish(Scope::User).map_err(fault)?).clone(),
        };
        let Some(reader) = self.pick(readers(&context)?) else {
            let mut plugged = [ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
            let _ = context.get_status_change(left(deadline), &mut plugged);
            return Err(CardFault::Reader("no chip reader is connected".to_owned()));
        };
        Ok(await_field(&context, &reader, filled, deadline)?.then_some(reader))
    }

    fn pick(&self, readers: Vec<CString>) -> Option<CString> {
        let wanted = |reader: &CString| {
            self.name.as_ref().is_none_or(|name| reader.to_string_lossy().contains(name.as_str()))
        };
        readers.into_iter().find(wanted)
    }
}

impl ChipReader for PcscReader {
    fn wait_for_card(&mut self, patience: Duration) -> Result<Option<Box<dyn Card>>, CardFault> {
        let deadline = Instant::now() + patience;
        loop {
            let Some(reader) = self.wait(true, deadline)? else { return Ok(None) };
            let Some(context) = self.context.clone() else { return Ok(None) };
            if Arc::strong_count(&self.threads) > MAX_THREADS {
                thread::sleep(RETRY.min(left(deadline)));
                return Err(CardFault::Reader("the driver does not answer".to_owned()));
            }
            match PcscCard::connect(context, reader, self.threads.clone()) {
                Ok(card) => return Ok(Some(Box::new(card))),
                // Taken away again, or not a card that can be powered.
                Err(CardFault::Removed) if !left(deadline).is_zero() => {
                    thread::sleep(RETRY.min(left(deadline)));
                }
                Err(CardFault::Removed) => return Ok(None),
                Err(other) => {
                    self.context = None;
                    return Err(other);
                }
            }
        }
    }

    fn wait_for_removal(&mut self, patience: Duration) -> Result<bool, CardFault> {
        Ok(self.wait(false, Instant::now() + patience)?.is_some())
    }
}

/// Waits until this reader's field is filled or empty as wished; `false` when the deadline came first.
fn await_field(context: &Context, reader: &CStr, filled: bool, deadline: Instant) -> Result<bool, CardFault> {
    let mut state = [ReaderState::new(reader, State::UNAWARE)];
    // Ends: each turn waits for a change, at most until the deadline.
    loop {
        match context.get_status_change(left(deadline), &mut state) {
            Ok(()) => {}
            Err(Error::Timeout) => return Ok(false),
            Err(error) => return Err(fault(error)),
        }
        let [now] = &mut state;
        match (field(now.event_state())?, filled) {
            (Field::Filled, true) | (Field::Empty, false) => return Ok(true),
            _ => now.sync_current_state(),
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn readers(context: &Context) -> Result<Vec<CString>, CardFault> {
    match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        other => other.map_err(fault),
    }
}

fn field(state: State) -> Result<Field, CardFault> {
    if state.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
        return Err(CardFault::Reader("the chip reader was disconnected".to_owned()));
    }
    Ok(match state {
        s if s.contains(State::PRESENT) && !s.contains(State::MUTE) => Field::Filled,
        s if s.contains(State::EMPTY) => Field::Empty,
        _ => Field::Unclear,
    })
}

/// A card that lies on the reader, by way of its thread.
struct PcscCard {
    /// `None` once the card is lost: a late answer must never be taken for the next command's.
    commands: Option<SyncSender<Vec<u8>>>,
    answers: Receiver<Result<Vec<u8>, CardFault>>,
    /// What it takes to connect again.
    context: Context,
    reader: CString,
    threads: Arc<()>,
}

impl PcscCard {
    fn connect(context: Context, reader: CString, threads: Arc<()>) -> Result<PcscCard, CardFault> {
        let (commands, to_send) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let card = PcscCard {
            commands: Some(commands),
            answers,
            context: context.clone(),
            reader: reader.clone(),
            threads: threads.clone(),
        };
        thread::Builder::new()
            .name("chip".to_owned())
            .spawn(move || {
                serve(&context, &reader, &to_send, &answer);
                drop(threads);
            })
            .map_err(|error| CardFault::Reader(error.to_string()))?;
        card.receive(CONNECT_LIMIT).map(|_| card)
    }

    fn receive(&self, limit: Duration) -> Result<Vec<u8>, CardFault> {
        self.answers.recv_timeout(limit).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => CardFault::Reader(format!("no answer within {limit:?}")),
                RecvTimeoutError::Disconnected => CardFault::Removed,
            })
        })
    }
}

impl Card for PcscCard {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardFault> {
        let sent = self.commands.as_ref().is_some_and(|commands| commands.try_send(command.to_vec()).is_ok());
        let answer = if sent { self.receive(ANSWER_LIMIT) } else { Err(CardFault::Removed) };
        if answer.is_err() {
            self.commands = None;
        }
        answer
    }

    fn reset(&mut self) -> Result<(), CardFault> {
        self.release();
        let deadline = Instant::now() + RETURN_PATIENCE;
        if !await_field(&self.context, &self.reader, true, deadline)? {
            return Err(CardFault::Removed);
        }
        if Arc::strong_count(&self.threads) > MAX_THREADS {
            return Err(CardFault::Reader("the driver does not answer".to_owned()));
        }
        *self = PcscCard::connect(self.context.clone(), self.reader.clone(), self.threads.clone())?;
        Ok(())
    }
}

impl PcscCard {
    /// Ends the thread, which resets the card, and waits a moment for it, so that the reader is free.
    fn release(&mut self) {
        self.commands = None;
        while self.answers.recv_timeout(RELEASE_LIMIT).is_ok() {}
    }
}

impl Drop for PcscCard {
    fn drop(&mut self) {
        self.release();
    }
}

/// The thread: connects, says so by an empty answer, then answers commands until either side ends.
fn serve(
    context: &Context,
    reader: &CStr,
    commands: &Receiver<Vec<u8>>,
    answers: &SyncSender<Result<Vec<u8>, CardFault>>,
) {
    let card = match context.connect(reader, ShareMode::Exclusive, Protocols::ANY) {
        Ok(card) => card,
        Err(error) => {
            let _ = answers.send(Err(card_fault(error)));
            return;
        }
    };
    let mut room = vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED];
    if answers.send(Ok(Vec::new())).is_err() {
        return;
    }
    while let Ok(command) = commands.recv() {
        let answer = card.transmit(&command, &mut room).map(<[u8]>::to_vec).map_err(card_fault);
        if answer.is_err() {
            // To reset a card that is gone makes the service believe in an empty field before it has
            // looked, and blind to the card's return.
            let _ = card.disconnect(Disposition::LeaveCard);
            let _ = answers.send(answer);
            return;
        }
        if answers.send(answer).is_err() {
            break;
        }
    }
    // Dropping the card resets it: session keys do not outlive the session.
}

fn card_fault(error: Error) -> CardFault {
    match error {
        Error::RemovedCard
        | Error::ResetCard
        | Error::NoSmartcard
        | Error::UnpoweredCard
        | Error::UnresponsiveCard
        | Error::NotTransacted
        | Error::CommDataLost
        | Error::CommError => CardFault::Removed,
        other => fault(other),
    }
}

fn fault(error: Error) -> CardFault {
    CardFault::Reader(error.to_string())
}
