//! Users and sessions of the console.

use super::*;

pub(super) fn user(connection: &Connection, name: &str) -> Result<Option<User>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT name, role, password, failures, locked_until FROM users WHERE name = ?1")?;
    let mut rows = query.query([name])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(User {
        name: row.get(0)?,
        role: unword(&row.get::<_, String>(1)?)?,
        password: row.get(2)?,
        failures: row.get(3)?,
        locked_until: row.get(4)?,
    }))
}

pub(super) fn invite(
    tx: &Transaction<'_>,
    name: &str,
    role: Role,
    token_sha256: &str,
    until: Millis,
    now: Millis,
) -> Result<(), StoreError> {
    let role = word(&role)?;
    tx.execute(
        "INSERT INTO users (name, role, invite_sha256, invite_until, failures, locked_until, created)
         VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)
         ON CONFLICT (name) DO UPDATE SET role = ?2, password = NULL, invite_sha256 = ?3, invite_until = ?4,
            failures = 0, locked_until = 0",
        params![name, role, token_sha256, until, now],
    )?;
    tx.execute("UPDATE sessions SET revoked = ?2 WHERE user = ?1 AND revoked IS NULL", params![name, now])?;
    audit::append(tx, AuditEntry { actor: "central", act: "user.invite", subject: name, detail: &role }, now)
}

pub(super) fn invited(
    connection: &Connection,
    token_sha256: &str,
    now: Millis,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM users WHERE invite_sha256 = ?1 AND invite_until > ?2";
    Ok(connection.query_row(sql, params![token_sha256, now], |row| row.get(0)).optional()?)
}

pub(super) fn set_password(
    tx: &Transaction<'_>,
    token_sha256: &str,
    password: &str,
    now: Millis,
) -> Result<Option<String>, StoreError> {
    let Some(name) = invited(tx, token_sha256, now)? else { return Ok(None) };
    tx.execute(
        "UPDATE users SET password = ?2, invite_sha256 = NULL, invite_until = NULL WHERE name = ?1",
        params![name, password],
    )?;
    let act = AuditEntry { actor: &name, act: "user.set_password", subject: &name, detail: "" };
    audit::append(tx, act, now)?;
    Ok(Some(name))
}

pub(super) fn count_sign_in(
    tx: &Transaction<'_>,
    name: &str,
    failures: u32,
    locked_until: Millis,
    now: Millis,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE users SET failures = ?2, locked_until = ?3 WHERE name = ?1",
        params![name, failures, locked_until],
    )?;
    if failures == 0 {
        return Ok(());
    }
    let detail = format!("{failures} in a row");
    let act = AuditEntry { actor: name, act: "session.wrong_password", subject: name, detail: &detail };
    audit::append(tx, act, now)
}

pub(super) fn begin_session(tx: &Transaction<'_>, session: &Session) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sessions (token_sha256, user, csrf, created, seen) VALUES (?1, ?2, ?3, ?4, ?4)",
        params![session.token_sha256, session.user, session.csrf, session.created],
    )?;
    let user = session.user.as_str();
    let act = AuditEntry { actor: user, act: "session.begin", subject: user, detail: "" };
    audit::append(tx, act, session.created)
}

pub(super) fn session(
    connection: &Connection,
    token_sha256: &str,
    begun_after: Millis,
    seen_after: Millis,
) -> Result<Option<Session>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT s.user, u.role, s.csrf, s.created, s.seen FROM sessions s JOIN users u ON u.name = s.user
         WHERE s.token_sha256 = ?1 AND s.revoked IS NULL AND s.created > ?2 AND s.seen > ?3",
    )?;
    let mut rows = query.query(params![token_sha256, begun_after, seen_after])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Session {
        token_sha256: token_sha256.to_owned(),
        user: row.get(0)?,
        role: unword(&row.get::<_, String>(1)?)?,
        csrf: row.get(2)?,
        created: row.get(3)?,
        seen: row.get(4)?,
    }))
}

pub(super) fn end_session(tx: &Transaction<'_>, token_sha256: &str, now: Millis) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET revoked = ?2 WHERE token_sha256 = ?1 AND revoked IS NULL RETURNING user";
    let ended: Option<String> = tx.query_row(sql, params![token_sha256, now], |row| row.get(0)).optional()?;
    let Some(user) = ended else { return Ok(()) };
    audit::append(tx, AuditEntry { actor: &user, act: "session.end", subject: &user, detail: "" }, now)
}
