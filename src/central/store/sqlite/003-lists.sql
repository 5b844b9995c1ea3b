-- Lists that are imported whole. A generation is proposed by one person and comes into force when another
-- approves it; of a list one generation is in force.
CREATE TABLE lists (
    name        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    active      INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE list_generations (
    list        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    source      TEXT NOT NULL,
    entries     INTEGER,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    approved_by TEXT,
    approved_at INTEGER,
    PRIMARY KEY (list, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE list_entries (
    list        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    reference   TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (list, generation, reference)
) STRICT, WITHOUT ROWID;

-- Under which keys entries are found.
CREATE TABLE list_keys (
    kind        TEXT NOT NULL,
    lookup      TEXT NOT NULL,
    list        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    reference   TEXT NOT NULL,
    PRIMARY KEY (kind, lookup, list, generation, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX list_keys_of_generation ON list_keys (list, generation);
