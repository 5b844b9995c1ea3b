-- Times are milliseconds since 1970 UTC. Hashes and keys are lower-case hexadecimal.

CREATE TABLE lanes (
    name        TEXT PRIMARY KEY,
    record_key  TEXT NOT NULL,
    enrolled    INTEGER NOT NULL,
    revoked     INTEGER
) STRICT, WITHOUT ROWID;

-- What lanes sent, never changed. The columns behind `canonical` only serve to find and sort.
CREATE TABLE records (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    signature   TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    ending      TEXT NOT NULL,
    started     INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_time ON records (started DESC);
CREATE INDEX records_by_ending ON records (ending, started DESC);

-- Records that came under a key that was taken. Kept as evidence, counted nowhere.
CREATE TABLE quarantine (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    signature   TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    received    INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarms (
    lane        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    text        TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (lane, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE cases (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    opened      INTEGER NOT NULL,
    judgement   TEXT,
    judged_by   TEXT,
    judged_at   INTEGER,
    decision    TEXT,
    decided_by  TEXT,
    decided_at  INTEGER,
    note        TEXT,
    PRIMARY KEY (lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX cases_open ON cases (opened) WHERE decision IS NULL;

CREATE TABLE reported_documents (
    issuing_state TEXT NOT NULL,
    number        TEXT NOT NULL,
    kind          TEXT NOT NULL,
    reported      INTEGER NOT NULL,
    PRIMARY KEY (issuing_state, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password      TEXT,
    invite_sha256 TEXT UNIQUE,
    invite_until  INTEGER,
    failures      INTEGER NOT NULL,
    locked_until  INTEGER NOT NULL,
    created       INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_sha256  TEXT PRIMARY KEY,
    user          TEXT NOT NULL REFERENCES users (name),
    csrf          TEXT NOT NULL,
    created       INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    revoked       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);

CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    act         TEXT NOT NULL,
    subject     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    previous    TEXT NOT NULL,
    sha256      TEXT NOT NULL
) STRICT;
