-- Where a lane stands; statistics are given by port.
ALTER TABLE lanes ADD COLUMN port TEXT;

-- Records, and decisions on their cases, that statistics have not counted yet: a row goes when it is counted.
CREATE TABLE uncounted (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    what        TEXT NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, what)
);
INSERT INTO uncounted (lane, epoch, sequence, what) SELECT lane, epoch, sequence, 'record' FROM records;
INSERT INTO uncounted (lane, epoch, sequence, what)
    SELECT lane, epoch, sequence, 'decision' FROM cases WHERE decision IS NOT NULL;

-- What was counted, one row for each measure of a cell. They stay when records' pictures go.
CREATE TABLE statistics (
    hour        BIGINT NOT NULL,
    lane        TEXT NOT NULL,
    port        TEXT NOT NULL,
    document    TEXT NOT NULL,
    state       TEXT NOT NULL,
    measure     TEXT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (hour, lane, port, document, state, measure)
);

-- The same over all time, for the metrics.
CREATE TABLE lane_totals (
    lane        TEXT NOT NULL,
    measure     TEXT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (lane, measure)
);

-- Pictures that are still here, by passage and kind: a row goes when they are deleted. `logged` says whether
-- the logging profile keeps them, once that was looked at.
CREATE TABLE kept_kinds (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    ending      TEXT NOT NULL,
    received    BIGINT NOT NULL,
    logged      BIGINT,
    PRIMARY KEY (lane, epoch, sequence, kind)
);
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
    sequence    BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    pictures    BIGINT NOT NULL,
    names       TEXT NOT NULL,
    rule        TEXT NOT NULL,
    deleted     BIGINT NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, kind)
);
INSERT INTO deleted_kinds (lane, epoch, sequence, kind, pictures, names, rule, deleted)
    SELECT lane, epoch, sequence, 'all', pictures, names, 'retention', deleted FROM deletions;
DROP TABLE deletions;
