//! Users and sessions of the console.

use super::sql::{Row, Sql, storable, values, word};
use super::{AuditEntry, Millis, Store, StoreError, audit};
use serde::{Deserialize, Serialize};

/// What a user of the console may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides cases.
    Officer,
    /// Decides cases, reads the audit trail, keeps users and lists.
    Supervisor,
    /// Sees lanes and alarms, no traveller.
    Engineer,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    /// Name as shown.
    pub fn title(self) -> &'static str {
        match self {
            Role::Officer => "Officer",
            Role::Supervisor => "Supervisor",
            Role::Engineer => "Engineer",
            Role::Auditor => "Auditor",
        }
    }

    /// May see passages and travellers.
    pub fn sees_travellers(self) -> bool {
        !matches!(self, Role::Engineer)
    }

    /// May judge and decide cases.
    pub fn decides(self) -> bool {
        matches!(self, Role::Officer | Role::Supervisor)
    }

    /// May propose lists for look-ups, and approve those that another proposed.
    pub fn keeps_lists(self) -> bool {
        matches!(self, Role::Supervisor)
    }

    /// May propose releases to lanes, halt them, and roll out those that another proposed.
    pub fn makes_releases(self) -> bool {
        matches!(self, Role::Supervisor | Role::Engineer)
    }

    /// May see releases and what each lane runs.
    pub fn sees_releases(self) -> bool {
        self.makes_releases() || self.audits()
    }

    /// May invite and bar users, end their sessions, see officers' workload.
    pub fn keeps_users(self) -> bool {
        matches!(self, Role::Supervisor)
    }

    /// May see statistics, workload and overrides.
    pub fn sees_work(self) -> bool {
        matches!(self, Role::Supervisor | Role::Auditor)
    }

    /// May read the audit trail.
    pub fn audits(self) -> bool {
        matches!(self, Role::Supervisor | Role::Auditor)
    }
}

/// A user of the console.
#[derive(Debug, Clone)]
pub struct User {
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id in PHC form; none until the one-time link was used.
    pub password: Option<String>,
    /// Wrong passwords since the last right one.
    pub failures: u32,
    /// No sign-in before.
    pub locked_until: Millis,
}

/// A session of the console, a row that can be revoked.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie, hexadecimal; the cookie itself is nowhere kept.
    pub token_sha256: String,
    /// Whose.
    pub user: String,
    /// Their role as it is now.
    pub role: Role,
    /// Comes back with every form.
    pub csrf: String,
    /// When it began.
    pub created: Millis,
    /// When it was last used by a person.
    pub seen: Millis,
    /// The browser in which it began, as it calls itself.
    pub agent: String,
}

/// A user, for those who keep users.
#[derive(Debug, Clone)]
pub struct UserOverview {
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they have set a password.
    pub has_password: bool,
    /// No sign-in before.
    pub locked_until: Millis,
    /// Sessions that are open.
    pub sessions: u64,
    /// When a session was last used.
    pub seen: Option<Millis>,
}

impl Store {
    /// A user by name.
    pub fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let text = "SELECT name, role, password, failures, locked_until FROM users WHERE name = $1";
        self.read(|sql| {
            let Some(mut row) = sql.first(text, values![name])? else { return Ok(None) };
            Ok(Some(User {
                name: row.text()?,
                role: row.word()?,
                password: row.optional_text()?,
                failures: u32::try_from(row.count()?).unwrap_or(u32::MAX),
                locked_until: row.number()?,
            }))
        })
    }

    /// Whether any user has a password.
    pub fn has_users(&self) -> Result<bool, StoreError> {
        let text = "SELECT count(*) FROM users WHERE password IS NOT NULL";
        self.read(|sql| Ok(sql.counted(text, values![])? > 0))
    }

    /// Makes or renews a user without password, who sets one with this one-time token before the given
    /// time. Open sessions of the user end.
    pub fn invite(
        &self,
        name: &str,
        role: Role,
        token_sha256: &str,
        until: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        let role = word(&role)?;
        self.write(|sql| {
            sql.execute(
                "INSERT INTO users (name, role, invite_sha256, invite_until, failures, locked_until, created)
                 VALUES ($1, $2, $3, $4, 0, 0, $5)
                 ON CONFLICT (name) DO UPDATE SET role = $2, password = NULL, invite_sha256 = $3,
                    invite_until = $4, failures = 0, locked_until = 0",
                values![name, &role, token_sha256, until, now],
            )?;
            let text = "UPDATE sessions SET revoked = $2 WHERE \"user\" = $1 AND revoked IS NULL";
            sql.execute(text, values![name, now])?;
            let act = AuditEntry { actor: "central", act: "user.invite", subject: name, detail: &role };
            audit::append(sql, act, now)
        })
    }

    /// Whose one-time token this is, while it is good.
    pub fn invited(&self, token_sha256: &str, now: Millis) -> Result<Option<String>, StoreError> {
        self.read(|sql| invited(sql, token_sha256, now))
    }

    /// Sets the password by the one-time token, which is used up. Gives the user's name.
    pub fn set_password(
        &self,
        token_sha256: &str,
        password: &str,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        self.write(|sql| {
            let Some(name) = invited(sql, token_sha256, now)? else { return Ok(None) };
            let used = sql.execute(
                "UPDATE users SET password = $3, invite_sha256 = NULL, invite_until = NULL
                 WHERE name = $1 AND invite_sha256 = $2",
                values![&name, token_sha256, password],
            )?;
            if used == 0 {
                return Ok(None);
            }
            let act = AuditEntry { actor: &name, act: "user.set_password", subject: &name, detail: "" };
            audit::append(sql, act, now)?;
            Ok(Some(name))
        })
    }

    /// Counts a wrong password and sets the time of no sign-in, or resets both after a right one.
    pub fn count_sign_in(
        &self,
        name: &str,
        failures: u32,
        locked_until: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|sql| {
            let text = "UPDATE users SET failures = $2, locked_until = $3 WHERE name = $1";
            sql.execute(text, values![name, u64::from(failures), locked_until])?;
            if failures == 0 {
                return Ok(());
            }
            let detail = format!("{failures} in a row");
            let act =
                AuditEntry { actor: name, act: "session.wrong_password", subject: name, detail: &detail };
            audit::append(sql, act, now)
        })
    }

    /// Begins a session.
    pub fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO sessions (token_sha256, \"user\", csrf, created, seen, agent)
                 VALUES ($1, $2, $3, $4, $4, $5)",
                values![
                    &session.token_sha256,
                    &session.user,
                    &session.csrf,
                    session.created,
                    &storable(&session.agent)
                ],
            )?;
            let user = session.user.as_str();
            let act = AuditEntry { actor: user, act: "session.begin", subject: user, detail: "" };
            audit::append(sql, act, session.created)
        })
    }

    /// A session that is neither revoked nor older than the two limits.
    pub fn session(
        &self,
        token_sha256: &str,
        begun_after: Millis,
        seen_after: Millis,
    ) -> Result<Option<Session>, StoreError> {
        let text = format!(
            "{SESSIONS} WHERE s.token_sha256 = $1 AND s.revoked IS NULL AND s.created > $2 AND s.seen > $3"
        );
        self.read(|sql| {
            let row = sql.first(&text, values![token_sha256, begun_after, seen_after])?;
            row.map(|mut row| session(&mut row)).transpose()
        })
    }

    /// Open sessions, of one user or of all, the one used last first; at most so many.
    pub fn sessions(
        &self,
        user: Option<&str>,
        begun_after: Millis,
        seen_after: Millis,
        most: usize,
    ) -> Result<Vec<Session>, StoreError> {
        let text = format!(
            "{SESSIONS} WHERE ($1 = '' OR s.\"user\" = $1) AND s.revoked IS NULL AND s.created > $2 AND s.seen > $3
             ORDER BY s.seen DESC, s.token_sha256 LIMIT $4"
        );
        let values = values![user.unwrap_or_default(), begun_after, seen_after, most];
        self.read(|sql| sql.query(&text, values)?.iter_mut().map(session).collect())
    }

    /// All users, by name.
    pub fn users(&self, begun_after: Millis, seen_after: Millis) -> Result<Vec<UserOverview>, StoreError> {
        let text = "SELECT u.name, u.role, u.password, u.locked_until,
                (SELECT count(*) FROM sessions s WHERE s.\"user\" = u.name AND s.revoked IS NULL
                    AND s.created > $1 AND s.seen > $2),
                (SELECT max(seen) FROM sessions s WHERE s.\"user\" = u.name)
             FROM users u ORDER BY u.name";
        self.read(|sql| {
            let rows = sql.query(text, values![begun_after, seen_after])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(UserOverview {
                        name: row.text()?,
                        role: row.word()?,
                        has_password: row.optional_text()?.is_some(),
                        locked_until: row.number()?,
                        sessions: row.count()?,
                        seen: row.optional_number()?,
                    })
                })
                .collect()
        })
    }

    /// A user may not sign in any more until invited anew: sessions end, password and link are gone. Gives
    /// whether there is such a user.
    pub fn bar_user(&self, name: &str, by: &str, now: Millis) -> Result<bool, StoreError> {
        self.write(|sql| {
            let text = "UPDATE users SET password = NULL, invite_sha256 = NULL, invite_until = NULL
                 WHERE name = $1";
            if sql.execute(text, values![name])? == 0 {
                return Ok(false);
            }
            let text = "UPDATE sessions SET revoked = $2 WHERE \"user\" = $1 AND revoked IS NULL";
            sql.execute(text, values![name, now])?;
            let act = AuditEntry { actor: by, act: "user.bar", subject: name, detail: "" };
            audit::append(sql, act, now)?;
            Ok(true)
        })
    }

    /// Revokes a session, one's own or by a supervisor another's; `why` is for the audit trail. Gives whose it
    /// was, when it was open.
    pub fn revoke_session(
        &self,
        token_sha256: &str,
        by: &str,
        why: &str,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        self.write(|sql| {
            let text = "UPDATE sessions SET revoked = $2 WHERE token_sha256 = $1 AND revoked IS NULL
                 RETURNING \"user\"";
            let Some(mut ended) = sql.first(text, values![token_sha256, now])? else { return Ok(None) };
            let user = ended.text()?;
            let act = AuditEntry { actor: by, act: "session.revoke", subject: &user, detail: why };
            audit::append(sql, act, now)?;
            Ok(Some(user))
        })
    }

    /// A person used the session.
    pub fn see_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|sql| {
            let text = "UPDATE sessions SET seen = $2 WHERE token_sha256 = $1";
            sql.execute(text, values![token_sha256, now])?;
            Ok(())
        })
    }

    /// Ends a session.
    pub fn end_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|sql| {
            let text = "UPDATE sessions SET revoked = $2 WHERE token_sha256 = $1 AND revoked IS NULL
                 RETURNING \"user\"";
            let Some(mut ended) = sql.first(text, values![token_sha256, now])? else { return Ok(()) };
            let user = ended.text()?;
            let act = AuditEntry { actor: &user, act: "session.end", subject: &user, detail: "" };
            audit::append(sql, act, now)
        })
    }
}

/// Columns in the order of [`session`].
const SESSIONS: &str = "SELECT s.token_sha256, s.\"user\", u.role, s.csrf, s.created, s.seen, s.agent
    FROM sessions s JOIN users u ON u.name = s.\"user\"";

fn session(row: &mut Row) -> Result<Session, StoreError> {
    Ok(Session {
        token_sha256: row.text()?,
        user: row.text()?,
        role: row.word()?,
        csrf: row.text()?,
        created: row.number()?,
        seen: row.number()?,
        agent: row.text()?,
    })
}

fn invited(sql: &mut dyn Sql, token_sha256: &str, now: Millis) -> Result<Option<String>, StoreError> {
    let text = "SELECT name FROM users WHERE invite_sha256 = $1 AND invite_until > $2";
    sql.first(text, values![token_sha256, now])?.map(|mut row| row.text()).transpose()
}
