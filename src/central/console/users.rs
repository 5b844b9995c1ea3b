//! Users, kept by supervisors, and sessions: everybody sees and ends their own, supervisors all.

use super::error::{Page, PageError, page as show};
use super::session::{IDLE, LASTS, Signed};
use super::sign_in;
use super::view::Frame;
use super::words::When;
use crate::central::serve::Shared;
use crate::central::store::{AuditEntry, Role, Session, UserOverview};
use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Sessions on one page.
const SESSIONS_MOST: usize = 200;

/// A session, as shown. Its number is the hash of the cookie, which opens nothing.
struct SessionRow {
    id: String,
    user: String,
    begun: When,
    seen: When,
    browser: String,
    this: bool,
}

impl SessionRow {
    fn new(session: Session, this: &str) -> SessionRow {
        SessionRow {
            this: session.token_sha256 == this,
            id: session.token_sha256,
            user: session.user,
            begun: When::at(session.created),
            seen: When::at(session.seen),
            browser: if session.agent.is_empty() { "unnamed".to_owned() } else { session.agent },
        }
    }
}

fn sessions(shared: &Shared, user: Option<&str>, this: &str) -> anyhow::Result<Vec<SessionRow>> {
    let now = shared.now();
    let found = shared.store.sessions(user, now - LASTS, now - IDLE, SESSIONS_MOST)?;
    Ok(found.into_iter().map(|session| SessionRow::new(session, this)).collect())
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    sessions: Vec<SessionRow>,
}

/// One's own sessions.
pub(super) async fn own(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    let page = shared
        .blocking(move |shared| {
            let sessions = sessions(shared, Some(signed.user()), &signed.session.token_sha256)?;
            Ok(SessionsPage { frame: Frame::load(shared, signed, "sessions")?, sessions })
        })
        .await?;
    show(&page)
}

/// A user, as shown.
struct UserRow {
    name: String,
    role: &'static str,
    state: &'static str,
    light: &'static str,
    sessions: u64,
    seen: Option<When>,
    this: bool,
}

impl UserRow {
    fn new(user: UserOverview, this: &str, now: i64) -> UserRow {
        let (state, light) = match (user.has_password, user.locked_until > now) {
            (false, _) => ("cannot sign in", "grey"),
            (true, true) => ("locked for a while", "yellow"),
            (true, false) => ("can sign in", "green"),
        };
        UserRow {
            this: user.name == this,
            role: user.role.title(),
            state,
            light,
            sessions: user.sessions,
            seen: user.seen.map(When::at),
            name: user.name,
        }
    }
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    users: Vec<UserRow>,
    sessions: Vec<SessionRow>,
    /// The one-time link that was made: for whom, and its path.
    invited: Option<(String, String)>,
    problem: Option<&'static str>,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.keeps_users())?;
    users_page(&shared, signed, None, None).await
}

async fn users_page(
    shared: &Arc<Shared>,
    signed: Signed,
    invited: Option<(String, String)>,
    problem: Option<&'static str>,
) -> Page {
    let page = shared
        .blocking(move |shared| {
            signed.looks(shared, "users", "")?;
            let now = shared.now();
            let users = shared.store.users(now - LASTS, now - IDLE)?;
            let users = users.into_iter().map(|user| UserRow::new(user, signed.user(), now)).collect();
            let sessions = sessions(shared, None, &signed.session.token_sha256)?;
            Ok(UsersPage { frame: Frame::load(shared, signed, "users")?, users, sessions, invited, problem })
        })
        .await?;
    show(&page)
}

#[derive(Deserialize)]
pub(super) struct InviteForm {
    csrf: String,
    name: String,
    role: Role,
}

/// Makes a user, or renews one, and shows the one-time link.
pub(super) async fn invite(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Form(form): Form<InviteForm>,
) -> Page {
    signed.may(|role| role.keeps_users())?;
    signed.csrf(&form.csrf)?;
    let name = form.name.trim().to_owned();
    if name == signed.user() || !sign_in::is_name(&name) {
        let problem =
            "A name has 1 to 64 letters, digits, hyphens, dots or underscores, and is not your own.";
        let page = users_page(&shared, signed, None, Some(problem)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let (by, of, role) = (signed.user().to_owned(), name.clone(), form.role);
    shared
        .blocking(move |shared| {
            let entry = AuditEntry { actor: &by, act: "user.link", subject: &of, detail: role.title() };
            Ok(shared.store.audit(entry, shared.now())?)
        })
        .await?;
    let token = sign_in::invite(&shared, &name, form.role).await?;
    shared.tell_consoles();
    users_page(&shared, signed, Some((name, format!("/set-up/{token}"))), None).await
}

#[derive(Deserialize)]
pub(super) struct BarForm {
    csrf: String,
    name: String,
}

/// Somebody may not sign in any more.
pub(super) async fn bar(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Form(form): Form<BarForm>,
) -> Page {
    signed.may(|role| role.keeps_users())?;
    signed.csrf(&form.csrf)?;
    if form.name == signed.user() {
        let problem = "You cannot bar yourself: ask another supervisor.";
        let page = users_page(&shared, signed, None, Some(problem)).await?;
        return Ok((StatusCode::CONFLICT, page).into_response());
    }
    let by = signed.user().to_owned();
    let barred =
        shared.blocking(move |shared| Ok(shared.store.bar_user(&form.name, &by, shared.now())?)).await?;
    if !barred {
        return Err(PageError::NotFound);
    }
    shared.tell_consoles();
    Ok(Redirect::to("/users").into_response())
}

#[derive(Deserialize)]
pub(super) struct RevokeForm {
    csrf: String,
    id: String,
}

/// Ends a session: one's own, or any by who keeps users.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Form(form): Form<RevokeForm>,
) -> Page {
    signed.csrf(&form.csrf)?;
    let (by, keeps_users) = (signed.user().to_owned(), signed.role().keeps_users());
    let back = if keeps_users { "/users" } else { "/sessions" };
    let revoked = shared
        .blocking(move |shared| {
            let now = shared.now();
            let own = shared.store.sessions(Some(&by), now - LASTS, now - IDLE, SESSIONS_MOST)?;
            if !keeps_users && !own.iter().any(|session| session.token_sha256 == form.id) {
                return Ok(None);
            }
            Ok(Some(shared.store.revoke_session(&form.id, &by, "", now)?))
        })
        .await?;
    if revoked.is_none() {
        return Err(PageError::Forbidden);
    }
    shared.tell_consoles();
    Ok(Redirect::to(back).into_response())
}
