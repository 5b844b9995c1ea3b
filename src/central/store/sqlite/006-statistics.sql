-- Where a lane stands; statistics are given by port.
ALTER TABLE lanes ADD COLUMN port TEXT;

-- Records, and decisions on their cases, that statistics have not counted yet: a row goes when it is counted.
CREATE TABLE uncounted (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    what        TEXT NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, what)
) STRICT, WITHOUT ROWID;
INSERT INTO uncounted (lane, epoch, sequence, what) SELECT lane, epoch, sequence, 'record' FROM records;
INSERT INTO uncounted (lane, epoch, sequence, what)
    SELECT lane, epoch, sequence, 'decision' FROM cases WHERE decision IS NOT NULL;

-- What was counted, one row for each measure of a cell. They stay when records' pictures go.
CREATE TABLE statistics (
    hour        INTEGER NOT NULL,
    lane        TEXT NOT NULL,
    port        TEXT NOT NULL,
    document    TEXT NOT NULL,
    state       TEXT NOT NULL,
    measure     TEXT NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (hour, lane, port, document, state, measure)
) STRICT, WITHOUT ROWID;

-- The same over all time, for the metrics.
CREATE TABLE lane_totals (
    lane        TEXT NOT NULL,
    measure     TEXT NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (lane, measure)
) STRICT, WITHOUT ROWID;

-- Pictures that are still here, by passage and kind: a row goes when they are deleted. `logged` says whether
-- the logging profile keeps them, once that was looked at.
CREATE TABLE kept_kinds (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    ending      TEXT NOT NULL,
    received    INTEGER NOT NULL,
    logged      INTEGER,
    PRIMARY KEY (lane, epoch, sequence, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_kinds_by_age ON kept_kinds (ending, kind, received);
CREATE INDEX kept_kinds_by_log ON kept_kinds (logged, kind, received);
INSERT INTO kept_kinds (lane, epoch, sequence, kind, ending, received)
    SELECT lane, epoch, sequence, 'portrait', ending, received FROM kept_pictures;
INSERT INTO kept_kinds (lane, epoch, sequence, kind, ending, received)
    SELECT lane, epoch, sequence, 'frame', ending, received FROM kept_pictures;
DROP TABLE kept_pictures;

-- What was deleted, when, by which rule: how many pictures, and the SHA-256 of their names in the record's
-- order. Deletions before there were kinds are of all pictures of a passage.
CREATE TABLE deleted_kinds (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    pictures    INTEGER NOT NULL,
    names       TEXT NOT NULL,
    rule        TEXT NOT NULL,
    deleted     INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO deleted_kinds (lane, epoch, sequence, kind, pictures, names, rule, deleted)
    SELECT lane, epoch, sequence, 'all', pictures, names, 'retention', deleted FROM deletions;
DROP TABLE deletions;
