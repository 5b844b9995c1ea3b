//! One command, one answer, protected once there are session keys.

use super::apdu::{Command, Status, split_answer};
use super::mailbox::Mailbox;
use super::secure_messaging::{Answer, SecureMessaging, SecureMessagingError};
use super::session::ChipError;

/// Most bytes in one answer: extended length and status.
const MAX_ANSWER: usize = 65_536 + 2;

/// The way to the chip, with what must be remembered of it for the whole session.
pub(super) struct Link {
    mailbox: Mailbox,
    secure: Option<SecureMessaging>,
    /// Most bytes that the chip gives in one read, as far as is known.
    read_size: usize,
}

impl Link {
    pub(super) fn new(mailbox: Mailbox) -> Link {
        Link { mailbox, secure: None, read_size: 256 }
    }

    /// From here on everything is protected.
    pub(super) fn secure(&mut self, messaging: SecureMessaging) {
        self.read_size = messaging.largest_short_answer();
        self.secure = Some(messaging);
    }

    /// Most bytes to ask for in one read.
    pub(super) fn read_size(&self) -> usize {
        self.read_size
    }

    /// The chip does not give as much as was thought.
    pub(super) fn limit_read_size(&mut self, size: usize) {
        self.read_size = self.read_size.min(size);
    }

    /// Sends a command and waits for what the chip says to it.
    pub(super) async fn transmit(&mut self, command: &Command) -> Result<Answer, ChipError> {
        let encoded = match &mut self.secure {
            Some(secure) => secure.protect(command).map_err(distrust)?.encode(),
            None => command.encode(),
        };
        let answer = self.mailbox.exchange(encoded).await.map_err(ChipError::Lost)?;
        if answer.len() > MAX_ANSWER {
            return Err(ChipError::Bound("65,536 bytes in one answer"));
        }
        let Some(secure) = &mut self.secure else {
            let (data, status) =
                split_answer(&answer).ok_or(ChipError::Protocol("an answer without a status word"))?;
            return Ok(Answer { data: data.to_vec(), status });
        };
        let answer = secure.unprotect(&answer).map_err(distrust)?;
        match answer.status {
            // The chip has dropped the session keys; whatever follows would fail in the same way.
            Status::SECURE_MESSAGING_MISSING | Status::SECURE_MESSAGING_WRONG => {
                Err(ChipError::Protocol("secure messaging refused by the chip"))
            }
            _ => Ok(answer),
        }
    }
}

fn distrust(error: SecureMessagingError) -> ChipError {
    match error {
        SecureMessagingError::Library(_) => ChipError::Protocol("the cryptographic library refused"),
        _ => ChipError::SecureMessaging,
    }
}
