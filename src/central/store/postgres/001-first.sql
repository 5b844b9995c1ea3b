-- Times are milliseconds since 1970 UTC. Hashes and keys are lower-case hexadecimal.

CREATE TABLE lanes (
    name        TEXT PRIMARY KEY,
    record_key  TEXT NOT NULL,
    enrolled    BIGINT NOT NULL,
    revoked     BIGINT
);

-- What lanes sent, never changed. The columns behind `canonical` only serve to find and sort.
CREATE TABLE records (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    signature   TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    ending      TEXT NOT NULL,
    started     BIGINT NOT NULL,
    received    BIGINT NOT NULL,
    PRIMARY KEY (lane, epoch, sequence)
);
CREATE INDEX records_by_time ON records (started DESC);
CREATE INDEX records_by_ending ON records (ending, started DESC);

-- Records that came under a key that was taken. Kept as evidence, counted nowhere.
CREATE TABLE quarantine (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    signature   TEXT NOT NULL,
    canonical   TEXT NOT NULL,
    received    BIGINT NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, sha256)
);

CREATE TABLE alarms (
    lane        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    text        TEXT NOT NULL,
    first       BIGINT NOT NULL,
    last        BIGINT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (lane, kind, subject)
);

CREATE TABLE cases (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    opened      BIGINT NOT NULL,
    judgement   TEXT,
    judged_by   TEXT,
    judged_at   BIGINT,
    decision    TEXT,
    decided_by  TEXT,
    decided_at  BIGINT,
    note        TEXT,
    PRIMARY KEY (lane, epoch, sequence)
);
CREATE INDEX cases_open ON cases (opened) WHERE decision IS NULL;

CREATE TABLE reported_documents (
    issuing_state TEXT NOT NULL,
    number        TEXT NOT NULL,
    kind          TEXT NOT NULL,
    reported      BIGINT NOT NULL,
    PRIMARY KEY (issuing_state, number)
);

CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password      TEXT,
    invite_sha256 TEXT UNIQUE,
    invite_until  BIGINT,
    failures      BIGINT NOT NULL,
    locked_until  BIGINT NOT NULL,
    created       BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_sha256  TEXT PRIMARY KEY,
    "user"          TEXT NOT NULL REFERENCES users (name),
    csrf          TEXT NOT NULL,
    created       BIGINT NOT NULL,
    seen          BIGINT NOT NULL,
    revoked       BIGINT
);
CREATE INDEX sessions_of_user ON sessions ("user");

CREATE TABLE audit (
    number      BIGINT PRIMARY KEY,
    at          BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    act         TEXT NOT NULL,
    subject     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    previous    TEXT NOT NULL,
    sha256      TEXT NOT NULL
);
