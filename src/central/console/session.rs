//! Who is at the browser: the session behind the cookie.
//!
//! A session belongs to the browser that it was given to. A cookie that comes from one that calls itself otherwise
//! was stolen: the session ends, and supervisors are alarmed.

use super::error::PageError;
use crate::central::serve::Shared;
use crate::central::store::{AlarmKind, AuditEntry, Millis, Role, Session};
use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, HeaderMap, USER_AGENT};
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A session ends so long after it began.
pub(super) const LASTS: Millis = 12 * 60 * 60 * 1000;
/// A session ends so long after a person last used it.
pub(super) const IDLE: Millis = 60 * 60 * 1000;
/// Use is written down at most this often.
const SEEN_STEP: Millis = 60 * 1000;
/// Pages that refresh by themselves send this header: no person used the session.
const BY_ITSELF: &str = "x-egate-live";

/// Longest name of a browser that is kept, bytes.
const AGENT_MOST: usize = 256;
/// Where alarms stand that are of no lane.
const CENTRAL: &str = "central";

/// The session of a request; handlers that take it are closed to others.
pub(super) struct Signed {
    pub(super) session: Session,
    /// Whether a person asked, and not a page that keeps itself up to date.
    by_person: bool,
}

impl Signed {
    pub(super) fn user(&self) -> &str {
        &self.session.user
    }

    pub(super) fn role(&self) -> Role {
        self.session.role
    }

    /// Writes into the audit trail that this person looks at a page.
    pub(super) fn looks(&self, shared: &Shared, page: &str, detail: &str) -> anyhow::Result<()> {
        if self.by_person {
            let entry = AuditEntry { actor: self.user(), act: "page.view", subject: page, detail };
            shared.store.audit(entry, shared.now())?;
        }
        Ok(())
    }

    /// Goes on only for a role that may.
    pub(super) fn may(&self, may: impl FnOnce(Role) -> bool) -> Result<(), PageError> {
        if may(self.role()) { Ok(()) } else { Err(PageError::Forbidden) }
    }

    /// Goes on only with the token that our own forms carry.
    pub(super) fn csrf(&self, sent: &str) -> Result<(), PageError> {
        let (kept, sent) = (self.session.csrf.as_bytes(), sent.as_bytes());
        let same = kept.len() == sent.len() && openssl::memcmp::eq(kept, sent);
        if same { Ok(()) } else { Err(PageError::BadForm) }
    }
}

impl FromRequestParts<Arc<Shared>> for Signed {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, PageError> {
        let token = cookie(&parts.headers, shared.console_secure).ok_or(PageError::NoSession)?;
        let by_person = !parts.headers.contains_key(BY_ITSELF);
        let agent = agent(&parts.headers);
        let session = shared
            .blocking(move |shared| {
                let (hash, now) = (token_hash(&token), shared.now());
                let Some(session) = open_session(shared, &hash)? else { return Ok(None) };
                if session.agent != agent {
                    end_stolen(shared, &session, &agent)?;
                    return Ok(None);
                }
                if by_person && session.seen < now - SEEN_STEP {
                    shared.store.see_session(&hash, now)?;
                }
                Ok(Some(session))
            })
            .await?;
        session.map(|session| Signed { session, by_person }).ok_or(PageError::NoSession)
    }
}

/// The session, while it is open.
pub(super) fn open_session(shared: &Shared, token_sha256: &str) -> anyhow::Result<Option<Session>> {
    let now = shared.now();
    Ok(shared.store.session(token_sha256, now - LASTS, now - IDLE)?)
}

fn end_stolen(shared: &Shared, session: &Session, agent: &str) -> anyhow::Result<()> {
    let (user, now) = (&session.user, shared.now());
    if shared
        .store
        .revoke_session(&session.token_sha256, CENTRAL, "used from another browser", now)?
        .is_some()
    {
        shared.store.alarm(CENTRAL, AlarmKind::SessionTheft, user, agent, now)?;
        shared.tell_consoles();
    }
    Ok(())
}

/// How the browser calls itself.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let mut name = headers.get(USER_AGENT).and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
    name.truncate(name.floor_char_boundary(AGENT_MOST));
    name
}

/// The cookie's name: over HTTPS browsers themselves hold it to this host and to HTTPS.
pub(super) fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-egate" } else { "egate" }
}

/// The session's token in the request's cookies.
pub(super) fn cookie(headers: &HeaderMap, secure: bool) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == cookie_name(secure)).map(|(_, token)| token.to_owned())
}

/// What is kept of a token.
pub(super) fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// A token that nobody guesses: 32 random bytes.
pub(super) fn new_token() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    Ok(hex::encode(bytes))
}
