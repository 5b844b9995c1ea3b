-- What central sends to lanes, and what they say about it.

-- Officers' commands. `state` is given, obeyed, refused or expired.
CREATE TABLE commands (
    id          TEXT PRIMARY KEY,
    lane        TEXT NOT NULL,
    passage     TEXT,
    command     TEXT NOT NULL,
    given_by    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    issued      INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    canonical   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    state       TEXT NOT NULL,
    detail      TEXT,
    ended       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_given ON commands (issued) WHERE state = 'given';
CREATE INDEX commands_by_time ON commands (issued DESC);

-- How each lane said last that it is.
CREATE TABLE lane_states (
    lane        TEXT PRIMARY KEY,
    body        TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Bytes under their SHA-256, in pieces of base64.
CREATE TABLE contents (
    sha256      TEXT NOT NULL,
    piece       INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (sha256, piece)
) STRICT, WITHOUT ROWID;

-- The lists for lanes without a connection, as they stood.
CREATE TABLE snapshots (
    generation  INTEGER PRIMARY KEY,
    issued      INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    basis       TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    signature   TEXT NOT NULL
) STRICT;

-- Releases to lanes. `state` is proposed, rolling or halted; `stage` says which lanes it is for, as JSON.
CREATE TABLE releases (
    generation  INTEGER PRIMARY KEY,
    canonical   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    approved_by TEXT,
    approved_at INTEGER,
    state       TEXT NOT NULL,
    stage       TEXT NOT NULL,
    why         TEXT
) STRICT;

-- What each lane runs, and what became of the last release that it tried.
CREATE TABLE lane_releases (
    lane        TEXT PRIMARY KEY,
    generation  INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    tried       INTEGER,
    failure     TEXT,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
