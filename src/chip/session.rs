//! One session with a chip, from select to the last file.

use super::apdu::Status;
use super::bac;
use super::link::Link;
use super::mailbox::Mailbox;
use super::proof::Proofs;
use super::reading::{read_file, select_application};
use crate::check::Reason;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use super::reading::MAX_FILE;

/// Most exchanges of one session. A portrait of the largest size in the smallest pieces takes 4,096.
pub const MAX_EXCHANGES: u32 = 6_000;

/// Random bytes that our side of the protocols uses, drawn by the caller: `RND.IFD` and `K.IFD` of
/// BAC (Doc 9303-11 §4.3.4.2), later ephemeral keys.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChipRandom(pub Vec<u8>);

impl ChipRandom {
    /// Bytes that one session may need at most.
    pub const LENGTH: usize = 256;
}

/// What opens the chip.
#[derive(Clone, PartialEq, Eq)]
pub enum AccessKey {
    /// Document number, birth, expiry with check digits, from [`crate::document::Mrz::key_information`].
    Mrz(String),
}

impl fmt::Debug for AccessKey {
    /// Without the key, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessKey::Mrz(_) => f.write_str("Mrz(..)"),
        }
    }
}

/// A file of the chip: those of the eMRTD application, and those of the master file beside it
/// (Doc 9303-10 §3.11 and §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum FileId {
    /// EF.COM, 1E.
    Com,
    /// EF.SOD, 1D.
    Sod,
    /// EF.DG1 to EF.DG16.
    Dg(u8),
    /// EF.CardAccess of the master file, 1C: what PACE the chip offers.
    CardAccess,
    /// EF.CardSecurity of the master file, 1D: the signed keys of PACE with chip authentication mapping.
    CardSecurity,
    /// EF.ATR/INFO of the master file: what lengths the chip takes and gives.
    AtrInfo,
    /// EF.DIR of the master file: which applications there are.
    Dir,
}

impl FileId {
    /// Tags of data groups 1 to 16, Doc 9303-10 §4.6.
    const DATA_GROUP_TAGS: [u8; 16] =
        [0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70];

    /// File identifier for SELECT, Doc 9303-10 §4.
    pub fn identifier(self) -> u16 {
        match self {
            FileId::Com => 0x011E,
            FileId::Sod => 0x011D,
            FileId::Dg(number) => 0x0100 | u16::from(number),
            FileId::CardAccess => 0x011C,
            FileId::CardSecurity => 0x011D,
            FileId::AtrInfo => 0x2F01,
            FileId::Dir => 0x2F00,
        }
    }

    /// Whether the file lies in the master file and not in the eMRTD application.
    pub fn in_master_file(self) -> bool {
        matches!(self, FileId::CardAccess | FileId::CardSecurity | FileId::AtrInfo | FileId::Dir)
    }

    /// Tag with which the file's content begins; 0 for a data group that does not exist and for files that
    /// are a row of data objects.
    pub fn tag(self) -> u32 {
        match self {
            FileId::Com => 0x60,
            FileId::Sod => 0x77,
            FileId::Dg(number) => {
                let place = usize::from(number).wrapping_sub(1);
                Self::DATA_GROUP_TAGS.get(place).copied().map_or(0, u32::from)
            }
            FileId::CardAccess => 0x31,
            FileId::CardSecurity => 0x30,
            FileId::AtrInfo | FileId::Dir => 0,
        }
    }

    /// The file whose content begins with this tag.
    pub fn of_tag(tag: u32) -> Option<FileId> {
        let data_groups = (1..=16).map(FileId::Dg);
        [FileId::Com, FileId::Sod].into_iter().chain(data_groups).find(|file| file.tag() == tag)
    }

    /// The file of the eMRTD application with this identifier.
    pub fn of_identifier(identifier: u16) -> Option<FileId> {
        let data_groups = (1..=16).map(FileId::Dg);
        let mut all = [FileId::Com, FileId::Sod].into_iter().chain(data_groups);
        all.find(|file| file.identifier() == identifier)
    }
}

impl fmt::Display for FileId {
    /// `EF.COM`, `EF.SOD`, `DG2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileId::Com => f.write_str("EF.COM"),
            FileId::Sod => f.write_str("EF.SOD"),
            FileId::Dg(number) => write!(f, "DG{number}"),
            FileId::CardAccess => f.write_str("EF.CardAccess"),
            FileId::CardSecurity => f.write_str("EF.CardSecurity"),
            FileId::AtrInfo => f.write_str("EF.ATR/INFO"),
            FileId::Dir => f.write_str("EF.DIR"),
        }
    }
}

/// What to read, in which order, within which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingPlan {
    /// Files in the order of reading. DG3 and DG4 are never asked for, whatever stands here: a gate has
    /// no right to them.
    pub files: Vec<FileId>,
    /// Most time that all exchanges together may take.
    pub time_limit: Duration,
}

impl Default for ReadingPlan {
    /// What a gate needs: EF.COM, EF.SOD, DG1, DG2, within twenty seconds.
    fn default() -> Self {
        ReadingPlan {
            files: vec![FileId::Com, FileId::Sod, FileId::Dg(1), FileId::Dg(2)],
            time_limit: Duration::from_secs(20),
        }
    }
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChipReading {
    /// Whole files, as read.
    pub files: BTreeMap<FileId, Vec<u8>>,
    /// How the chip was opened ("BAC"; "none" for a chip that is open to everybody).
    pub access: String,
    /// Files that were wanted and are not there or not readable, with the status word or error text.
    pub missing: BTreeMap<FileId, String>,
    /// How the chip proved that it is no copy, as far as it was asked.
    pub proofs: Proofs,
}

/// Why a session ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChipError {
    /// The application is not on the chip.
    #[error("no travel document application on the chip (status {0:04X})")]
    NoApplication(u16),
    /// Access refused: most often the printed lines are not this chip's.
    #[error("the chip refused access (status {0:04X})")]
    AccessDenied(u16),
    /// Answer that breaks the protocol, with what was wrong.
    #[error("protocol broken by the chip: {0}")]
    Protocol(&'static str),
    /// Secure messaging check failed.
    #[error("a protected answer of the chip does not verify")]
    SecureMessaging,
    /// The transport broke.
    #[error("connection to the chip lost: {0}")]
    Lost(String),
    /// More exchanges or bytes than any honest chip needs.
    #[error("the chip exceeds the bound of {0}")]
    Bound(&'static str),
    /// The exchanges took longer than the plan allows.
    #[error("reading took longer than {0:?}")]
    Timeout(Duration),
}

impl ChipError {
    /// The numbered reason for the check of chip access.
    pub fn reason(&self) -> Reason {
        match self {
            ChipError::NoApplication(_) => Reason::ChipFileMissing,
            ChipError::AccessDenied(_) => Reason::ChipAccessDenied,
            ChipError::Protocol(_) | ChipError::SecureMessaging | ChipError::Bound(_) => Reason::ChipProtocol,
            ChipError::Lost(_) => Reason::ChipLost,
            ChipError::Timeout(_) => Reason::ChipTimeout,
        }
    }
}

/// What the caller does next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Send this command APDU, then call [`ChipSession::answer`].
    Transmit(Vec<u8>),
    /// The session is over.
    Done(Result<ChipReading, ChipError>),
}

type Protocol = Pin<Box<dyn Future<Output = Result<ChipReading, ChipError>> + Send>>;

/// Where the session stands.
enum State {
    /// The protocol waits for the answer to this command.
    Waiting(Protocol, Vec<u8>),
    Done(Result<ChipReading, ChipError>),
}

/// A session. Call [`next`](Self::next), carry it out, call [`answer`](Self::answer), and so on until it
/// is done. Dropping it at any time is allowed.
pub struct ChipSession {
    state: State,
    mailbox: Mailbox,
    time_limit: Duration,
    elapsed: Duration,
    exchanges: u32,
    password_attempts: u32,
}

/// EXTERNAL AUTHENTICATE: the command with which a chip counts attempts at its password.
const PASSWORD_INSTRUCTION: u8 = 0x82;

impl ChipSession {
    /// A session that opens the chip with `access` and reads as planned. `random` must be fresh, at
    /// least [`ChipRandom::LENGTH`] bytes long, and never used in another session.
    pub fn new(access: AccessKey, plan: ReadingPlan, random: ChipRandom) -> ChipSession {
        let mailbox = Mailbox::default();
        let time_limit = plan.time_limit;
        let protocol: Protocol = Box::pin(run(mailbox.clone(), access, plan, RandomBytes(random.0)));
        let mut session = ChipSession {
            state: State::Waiting(protocol, Vec::new()),
            mailbox,
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
            State::Waiting(_, command) => Next::Transmit(command.clone()),
            State::Done(result) => Next::Done(result.clone()),
        }
    }

    /// What the chip said to the last command, or in words why it said nothing, and how long that took.
    /// Ignored when the session is over.
    pub fn answer(&mut self, answer: Result<&[u8], String>, took: Duration) {
        let State::Waiting(_, command) = &self.state else { return };
        if command.get(1) == Some(&PASSWORD_INSTRUCTION) && answer.is_ok() {
            self.password_attempts += 1;
        }
        self.exchanges += 1;
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

    /// Exchanges so far.
    pub fn exchanges(&self) -> u32 {
        self.exchanges
    }

    /// Time that the exchanges took so far.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How often the chip was asked to accept the printed lines as its password: at most once in a
    /// session. Whoever starts a further session for the same document adds them up.
    pub fn password_attempts(&self) -> u32 {
        self.password_attempts
    }

    /// Lets the protocol run up to its next command or its end.
    fn go_on(&mut self) {
        let State::Waiting(protocol, command) = &mut self.state else { return };
        match protocol.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => self.state = State::Done(result),
            Poll::Pending => match self.mailbox.take_command() {
                Some(next) => *command = next,
                // Protocols wait for nothing but answers.
                None => self.state = State::Done(Err(ChipError::Protocol("nothing to send"))),
            },
        }
    }
}

/// The whole session as a traveller's chip sees it.
async fn run(
    mailbox: Mailbox,
    access: AccessKey,
    plan: ReadingPlan,
    mut random: RandomBytes,
) -> Result<ChipReading, ChipError> {
    let mut link = Link::new(mailbox);
    select_application(&mut link).await?;
    let mut reading =
        ChipReading { access: open(&mut link, &access, &mut random).await?, ..Default::default() };
    for file in plan.files {
        if matches!(file, FileId::Dg(3 | 4)) {
            continue;
        }
        match read_file(&mut link, file).await? {
            Ok(content) => reading.files.insert(file, content).map(drop),
            Err(why) => reading.missing.insert(file, why).map(drop),
        };
    }
    Ok(reading)
}

/// Opens the chip; gives the name of the way.
async fn open(link: &mut Link, access: &AccessKey, random: &mut RandomBytes) -> Result<String, ChipError> {
    let AccessKey::Mrz(key_information) = access;
    match bac::challenge(link).await? {
        Ok(nonce) => {
            bac::authenticate(link, key_information, nonce, random).await?;
            Ok("BAC".to_owned())
        }
        // A chip without access control does not know the command. One that has another kind will
        // refuse the files, which are then missing: nothing is taken for granted.
        Err(Status::NO_INSTRUCTION | Status(0x6A88)) => Ok("none".to_owned()),
        Err(other) => Err(ChipError::AccessDenied(other.0)),
    }
}

/// The caller's random bytes, each used once.
pub(super) struct RandomBytes(Vec<u8>);

impl RandomBytes {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], ChipError> {
        let taken = self.0.first_chunk().copied().ok_or(ChipError::Bound("random bytes given"))?;
        self.0.drain(..N);
        Ok(taken)
    }
}
