//! One command, one answer, protected once there are session keys; and what was learned of the chip's
//! habits on the way.

use super::apdu::{Command, Status, split_answer};
use super::error::ChipError;
use super::files::AtrInfo;
use super::mailbox::Mailbox;
use super::secure_messaging::{Answer, SecureMessaging, SecureMessagingError};

/// Most bytes in one answer: extended length and status.
const MAX_ANSWER: usize = 65_536 + 2;
/// Most answers that one answer is fetched in (`61xx`).
const MAX_PARTS: usize = 260;
/// Bytes that fit a plain short command or answer.
const SHORT: usize = 256;
/// Class bit of a command that others follow, ISO/IEC 7816-4 §5.3.3.
const CHAINED: u8 = 0x10;

/// What is known of how this chip reads, for the rest of the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Files are read by their short identifiers.
    pub short_identifiers: bool,
    /// A read may ask for more than the file has.
    pub past_end: bool,
    /// Most bytes that the chip gives in one read, once it has refused more.
    read_limit: usize,
    limits: AtrInfo,
}

/// The way to the chip.
pub(super) struct Link {
    mailbox: Mailbox,
    secure: Option<SecureMessaging>,
    /// Whether the chip has shown that it has the present session keys.
    confirmed: bool,
    pub(super) habits: Habits,
}

impl Link {
    /// A way in the clear. The cautious way uses nothing that an old chip may not know.
    pub(super) fn new(mailbox: Mailbox, cautious: bool) -> Link {
        let habits = Habits {
            short_identifiers: !cautious,
            past_end: !cautious,
            read_limit: usize::MAX,
            limits: AtrInfo::default(),
        };
        Link { mailbox, secure: None, confirmed: true, habits }
    }

    /// The chip says what it takes and gives.
    pub(super) fn set_limits(&mut self, limits: AtrInfo) {
        self.habits.limits = limits;
    }

    /// From here on everything is protected, with keys that the chip has shown to have.
    pub(super) fn secure(&mut self, messaging: SecureMessaging) {
        self.secure = Some(messaging);
        self.confirmed = true;
    }

    /// From here on everything is protected with keys that only a chip with the right private key has: its first
    /// answer shows whether it does.
    pub(super) fn secure_unconfirmed(&mut self, messaging: SecureMessaging) {
        self.secure = Some(messaging);
        self.confirmed = false;
    }

    /// Whether a protected answer has verified under the present keys.
    pub(super) fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// Most bytes to ask for in one read.
    pub(super) fn read_size(&self) -> usize {
        let largest = match (&self.secure, self.habits.limits.largest_answer()) {
            (Some(secure), Some(answer)) => secure.largest_answer(answer),
            (Some(secure), None) => secure.largest_short(),
            (None, Some(answer)) => answer.saturating_sub(2),
            (None, None) => SHORT,
        };
        largest.min(self.habits.read_limit)
    }

    /// Most bytes to ask for in one read of short length.
    pub(super) fn short_read_size(&self) -> usize {
        self.secure.as_ref().map_or(SHORT, SecureMessaging::largest_short).min(self.habits.read_limit)
    }

    /// The chip does not give as much as was thought.
    pub(super) fn limit_read_size(&mut self, size: usize) {
        self.habits.read_limit = self.habits.read_limit.min(size);
    }

    /// Sends a command and waits for what the chip says to it. One that is too long for short length goes in
    /// extended length, or in a chain where the chip says that it takes only that.
    pub(super) async fn transmit(&mut self, command: &Command) -> Result<Answer, ChipError> {
        let room = self.secure.as_ref().map_or(SHORT - 1, SecureMessaging::largest_short);
        let limits = self.habits.limits;
        if command.data.len() <= room || limits.largest_answer().is_some() || !limits.command_chaining {
            return self.transmit_whole(command).await;
        }
        let mut parts = command.data.chunks(room).peekable();
        // At most 65,535 bytes in pieces of more than 200.
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let piece = Command {
                cla: if last { command.cla } else { command.cla | CHAINED },
                data: part.to_vec(),
                expected: command.expected.filter(|_| last).map(|bytes| bytes.min(SHORT)),
                ..command.clone()
            };
            let answer = self.transmit_whole(&piece).await?;
            if last || answer.status != Status::OK {
                return Ok(answer);
            }
        }
        Err(ChipError::Protocol("nothing to send"))
    }

    async fn transmit_whole(&mut self, command: &Command) -> Result<Answer, ChipError> {
        let encoded = match &mut self.secure {
            Some(secure) => secure.protect(command).map_err(distrust)?.encode(),
            None => command.encode(),
        };
        let answer = self.fetch(encoded).await?;
        let Some(secure) = &mut self.secure else {
            let (data, status) =
                split_answer(&answer).ok_or(ChipError::Protocol("an answer without a status word"))?;
            return Ok(Answer { data: data.to_vec(), status });
        };
        let bare = answer.len() <= 2;
        let answer = secure.unprotect(&answer).map_err(distrust)?;
        match answer.status {
            // The chip has dropped the session keys; whatever follows would fail in the same way.
            Status::SECURE_MESSAGING_MISSING | Status::SECURE_MESSAGING_WRONG => Err(REFUSED),
            _ => {
                self.confirmed |= !bare;
                Ok(answer)
            }
        }
    }

    /// One answer, with what the chip keeps back at first (`61xx`, ISO/IEC 7816-4 §7.6.1).
    async fn fetch(&mut self, command: Vec<u8>) -> Result<Vec<u8>, ChipError> {
        let mut answer = self.mailbox.exchange(command).await.map_err(ChipError::Lost)?;
        for _ in 0..MAX_PARTS {
            if answer.len() > MAX_ANSWER {
                return Err(ChipError::Bound("65,536 bytes in one answer"));
            }
            let waiting = split_answer(&answer).and_then(|(_, status)| status.more_data());
            let Some(waiting) = waiting else { return Ok(answer) };
            let rest = Command::new(0, 0xC0, 0, 0).expecting(waiting).encode();
            let rest = self.mailbox.exchange(rest).await.map_err(ChipError::Lost)?;
            answer.truncate(answer.len().saturating_sub(2));
            answer.extend(rest);
        }
        Err(ChipError::Bound("260 parts of one answer"))
    }
}

/// Secure messaging that the chip itself has ended.
pub(super) const REFUSED: ChipError = ChipError::Protocol("secure messaging refused by the chip");

fn distrust(error: SecureMessagingError) -> ChipError {
    match error {
        SecureMessagingError::Library(_) => ChipError::Protocol("the cryptographic library refused"),
        _ => ChipError::SecureMessaging,
    }
}
