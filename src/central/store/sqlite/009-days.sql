-- The records themselves are kept by their arrival, apart from their keys, which hold over all days.
CREATE TABLE bodies (
    received    INTEGER NOT NULL,
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    canonical   TEXT NOT NULL,
    PRIMARY KEY (received, lane, epoch, sequence)
) STRICT;
INSERT INTO bodies (received, lane, epoch, sequence, canonical)
    SELECT received, lane, epoch, sequence, canonical FROM records;
-- What the record names as the one before it: the chain is followed without the records.
ALTER TABLE records ADD COLUMN previous TEXT NOT NULL DEFAULT '';
UPDATE records SET previous = coalesce(json_extract(canonical, '$.position.previous'), '');
ALTER TABLE records DROP COLUMN canonical;
DROP INDEX records_by_time;
DROP INDEX records_of_lane;
DROP INDEX records_by_arrival;

-- How far each queue of a lane was stored: its last record, how many, when.
ALTER TABLE lane_epochs ADD COLUMN head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane_epochs ADD COLUMN head_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE lane_epochs ADD COLUMN records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane_epochs ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
UPDATE lane_epochs SET
    head = coalesce((SELECT max(sequence) FROM records r
        WHERE r.lane = lane_epochs.lane AND r.epoch = lane_epochs.epoch), 0),
    records = (SELECT count(*) FROM records r WHERE r.lane = lane_epochs.lane AND r.epoch = lane_epochs.epoch),
    last = coalesce((SELECT max(received) FROM records r
        WHERE r.lane = lane_epochs.lane AND r.epoch = lane_epochs.epoch), begun);
UPDATE lane_epochs SET head_sha256 = coalesce((SELECT sha256 FROM records r WHERE r.lane = lane_epochs.lane
    AND r.epoch = lane_epochs.epoch AND r.sequence = lane_epochs.head), '');

-- Records, and decisions on their cases, of which history, retention and statistics have not heard yet, in the
-- order of their arrival: a row goes when they have.
CREATE TABLE unsettled (
    at          INTEGER NOT NULL,
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    what        TEXT NOT NULL,
    PRIMARY KEY (at, lane, epoch, sequence, what)
) STRICT, WITHOUT ROWID;
INSERT INTO unsettled (at, lane, epoch, sequence, what)
    SELECT r.received, u.lane, u.epoch, u.sequence, u.what
    FROM uncounted u JOIN records r ON r.lane = u.lane AND r.epoch = u.epoch AND r.sequence = u.sequence;
DROP TABLE uncounted;

-- Days (since 1970 UTC) whose records are erased: how many, and the SHA-256 of their hashes in the order of their keys.
CREATE TABLE erased_days (
    day         INTEGER PRIMARY KEY,
    records     INTEGER NOT NULL,
    names       TEXT NOT NULL,
    erased      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
