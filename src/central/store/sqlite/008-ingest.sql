-- Queues of each lane, in the order in which their first record came: a lane has one queue at a time.
CREATE TABLE lane_epochs (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    begun       INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO lane_epochs (lane, epoch, begun)
    SELECT lane, epoch, min(received) FROM records GROUP BY lane, epoch;

-- What lanes tell of themselves. Bounded for each lane: the oldest go.
CREATE TABLE telemetry (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    received    INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX telemetry_by_arrival ON telemetry (lane, received);

-- How far each lane's clock is ahead of central's, milliseconds.
CREATE TABLE lane_clocks (
    lane        TEXT PRIMARY KEY,
    ahead       INTEGER NOT NULL,
    measured    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
