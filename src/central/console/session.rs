//! Who is at the browser: the session behind the cookie.

use super::error::PageError;
use crate::central::serve::Shared;
use crate::central::store::{Millis, Role, Session};
use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, HeaderMap};
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A session ends so long after it began.
pub(super) const LASTS: Millis = 12 * 60 * 60 * 1000;
/// A session ends so long after a person last used it.
const IDLE: Millis = 60 * 60 * 1000;
/// Use is written down at most this often.
const SEEN_STEP: Millis = 60 * 1000;
/// Pages that refresh by themselves send this header: no person used the session.
const BY_ITSELF: &str = "x-egate-live";

/// The session of a request; handlers that take it are closed to others.
pub(super) struct Signed(pub(super) Session);

impl Signed {
    pub(super) fn user(&self) -> &str {
        &self.0.user
    }

    /// Goes on only for a role that may.
    pub(super) fn may(&self, may: impl FnOnce(Role) -> bool) -> Result<(), PageError> {
        if may(self.0.role) { Ok(()) } else { Err(PageError::Forbidden) }
    }

    /// Goes on only with the token that our own forms carry.
    pub(super) fn csrf(&self, sent: &str) -> Result<(), PageError> {
        let (kept, sent) = (self.0.csrf.as_bytes(), sent.as_bytes());
        let same = kept.len() == sent.len() && openssl::memcmp::eq(kept, sent);
        if same { Ok(()) } else { Err(PageError::BadForm) }
    }
}

impl FromRequestParts<Arc<Shared>> for Signed {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, PageError> {
        let token = cookie(&parts.headers, shared.console_secure).ok_or(PageError::NoSession)?;
        let by_person = !parts.headers.contains_key(BY_ITSELF);
        let session = shared
            .blocking(move |shared| {
                let (hash, now) = (token_hash(&token), shared.now());
                let session = shared.store.session(&hash, now - LASTS, now - IDLE)?;
                if let Some(session) = &session
                    && by_person
                    && session.seen < now - SEEN_STEP
                {
                    shared.store.see_session(&hash, now)?;
                }
                Ok(session)
            })
            .await?;
        session.map(Signed).ok_or(PageError::NoSession)
    }
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
