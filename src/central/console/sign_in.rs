//! Signing in and out, and the one-time link by which a user sets the password.
//!
//! A wrong name and a wrong password look the same and take the same time. After some wrong passwords
//! the account takes none for a while, longer each time; the right password is refused then too.

use super::error::{Page, PageError, page as show};
use super::session::{LASTS, Signed, agent, cookie, cookie_name, new_token, token_hash};
use crate::central::serve::Shared;
use crate::central::store::{Millis, Role, Session, User};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// How long a one-time link is good.
const INVITE_LASTS: Millis = 24 * 60 * 60 * 1000;
/// Wrong passwords before the account is locked.
const FAILURES_FREE: u32 = 5;
/// The first lock; each further wrong password doubles it.
const LOCK_FIRST: Millis = 30 * 1000;
/// The longest lock, so that nobody can lock an officer out for a shift.
const LOCK_MOST: Millis = 15 * 60 * 1000;
/// Shortest password, characters.
const PASSWORD_LEAST: usize = 12;
/// Longest password, bytes.
const PASSWORD_MOST: usize = 256;
/// Longest user name, bytes.
const NAME_MOST: usize = 64;
/// Argon2id of a password that nobody has: checked where there is no user, so that it takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXRoaW5nc2FsdHk$\
                      2nPDZ6vJ2sbn3V8uY6KpYb1d0k3p4pQXb0y2m0kq1tA";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    error: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage {
    user: String,
    least: usize,
    error: Option<&'static str>,
}

/// Makes a user, or renews one, and gives the one-time token.
pub(in crate::central) async fn invite(
    shared: &Arc<Shared>,
    name: &str,
    role: Role,
) -> anyhow::Result<String> {
    anyhow::ensure!(
        is_name(name),
        "{name:?} is no user name: 1 to {NAME_MOST} letters, digits, hyphen, dot, underscore"
    );
    let (token, name) = (new_token()?, name.to_owned());
    let hash = token_hash(&token);
    let make = move |shared: &Shared| {
        let now = shared.now();
        Ok(shared.store.invite(&name, role, &hash, now.saturating_add(INVITE_LASTS), now)?)
    };
    shared.blocking(make).await?;
    Ok(token)
}

/// Whether this can be a user's name.
pub(super) fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=NAME_MOST).contains(&name.len()) && name.chars().all(fine)
}

pub(super) async fn page() -> Page {
    show(&SignInPage { error: None })
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    name: String,
    password: String,
}

pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Page {
    let agent = agent(&headers);
    let _room = shared.hashing.acquire().await.map_err(anyhow::Error::from)?;
    let signed = shared.blocking(move |shared| check_password(shared, &form, &agent)).await?;
    match signed {
        Some(token) => Ok(begin(&token, shared.console_secure)),
        None => {
            let error =
                "Name or password is wrong, or there were too many attempts. Wait a moment and try again.";
            let page = show(&SignInPage { error: Some(error) })?;
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
    }
}

/// A new session's token when the password is right and the account not locked.
fn check_password(shared: &Shared, form: &SignInForm, agent: &str) -> anyhow::Result<Option<String>> {
    let user = user_by_password(shared, &form.name, &form.password)?;
    user.map(|user| new_session(shared, &user, agent)).transpose()
}

/// The user, when the password is right and the account not locked. Wrong passwords are counted.
pub(in crate::central) fn user_by_password(
    shared: &Shared,
    name: &str,
    password: &str,
) -> anyhow::Result<Option<User>> {
    if password.len() > PASSWORD_MOST || name.len() > NAME_MOST {
        return Ok(None);
    }
    let now = shared.now();
    let user = shared.store.user(name.trim())?;
    let kept = user.as_ref().and_then(|user| user.password.as_deref());
    let right = matches(password, kept.unwrap_or(NOBODY)) && kept.is_some();
    let Some(user) = user else { return Ok(None) };
    if user.locked_until > now {
        return Ok(None);
    }
    if !right {
        let failures = user.failures.saturating_add(1);
        let until = now.saturating_add(lock(failures));
        shared.store.count_sign_in(&user.name, failures, until, now)?;
        return Ok(None);
    }
    shared.store.count_sign_in(&user.name, 0, 0, now)?;
    Ok(Some(user))
}

fn matches(password: &str, kept: &str) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &kept).is_ok()
}

/// How long the account is locked after so many wrong passwords in a row.
fn lock(failures: u32) -> Millis {
    match failures.checked_sub(FAILURES_FREE) {
        None => 0,
        Some(more) => LOCK_FIRST.checked_shl(more.min(16)).unwrap_or(LOCK_MOST).min(LOCK_MOST),
    }
}

fn new_session(shared: &Shared, user: &User, agent: &str) -> anyhow::Result<String> {
    let token = new_token()?;
    let now = shared.now();
    shared.store.begin_session(&Session {
        token_sha256: token_hash(&token),
        user: user.name.clone(),
        role: user.role,
        csrf: new_token()?,
        created: now,
        seen: now,
        agent: agent.to_owned(),
    })?;
    Ok(token)
}

fn begin(token: &str, secure: bool) -> Response {
    let attributes = if secure { "; Secure" } else { "" };
    let name = cookie_name(secure);
    let most = LASTS / 1000;
    let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={most}{attributes}");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

#[derive(Deserialize)]
pub(super) struct SignOutForm {
    csrf: String,
}

pub(super) async fn sign_out(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    headers: HeaderMap,
    Form(form): Form<SignOutForm>,
) -> Page {
    signed.csrf(&form.csrf)?;
    if let Some(token) = cookie(&headers, shared.console_secure) {
        let end = move |shared: &Shared| Ok(shared.store.end_session(&token_hash(&token), shared.now())?);
        shared.blocking(end).await?;
    }
    let attributes = if shared.console_secure { "; Secure" } else { "" };
    let name = cookie_name(shared.console_secure);
    let cookie = format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{attributes}");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

pub(super) async fn set_up_page(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Page {
    let user = invited(&shared, &token).await?;
    show(&SetUpPage { user, least: PASSWORD_LEAST, error: None })
}

#[derive(Deserialize)]
pub(super) struct SetUpForm {
    password: String,
    again: String,
}

pub(super) async fn set_up(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<SetUpForm>,
) -> Page {
    let agent = agent(&headers);
    let user = invited(&shared, &token).await?;
    let error = if form.password.chars().count() < PASSWORD_LEAST {
        Some("The password is too short.")
    } else if form.password.len() > PASSWORD_MOST {
        Some("The password is too long.")
    } else if form.password != form.again {
        Some("The two passwords differ.")
    } else {
        None
    };
    if error.is_some() {
        let page = show(&SetUpPage { user, least: PASSWORD_LEAST, error })?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let _room = shared.hashing.acquire().await.map_err(anyhow::Error::from)?;
    let session = shared
        .blocking(move |shared| {
            let hash = Argon2::default().hash_password(form.password.as_bytes());
            let hash = hash.map_err(|e| anyhow::anyhow!("hashing a password: {e}"))?.to_string();
            let name = shared.store.set_password(&token_hash(&token), &hash, shared.now())?;
            let user = match name {
                Some(name) => shared.store.user(&name)?,
                None => None,
            };
            user.map(|user| new_session(shared, &user, &agent)).transpose()
        })
        .await?;
    session.map(|token| begin(&token, shared.console_secure)).ok_or(PageError::NotFound)
}

/// Whose one-time token this is.
async fn invited(shared: &Arc<Shared>, token: &str) -> Result<String, PageError> {
    let hash = token_hash(token);
    let user = shared.blocking(move |shared| Ok(shared.store.invited(&hash, shared.now())?)).await?;
    user.ok_or(PageError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_begin_after_five_and_grow_to_a_bound() {
        assert_eq!([1, 4, 5, 6, 7].map(lock), [0, 0, 30_000, 60_000, 120_000]);
        assert_eq!([10, 100, u32::MAX].map(lock), [LOCK_MOST; 3]);
    }

    #[test]
    fn the_hash_of_nobody_is_worked_on_like_any_other() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = Argon2::default().hash_password(b"correct horse").unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert!(nobody.hash.is_some() && !matches("", NOBODY));
    }
}
