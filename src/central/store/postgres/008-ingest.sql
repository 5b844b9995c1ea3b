-- Queues of each lane, in the order in which their first record came: a lane has one queue at a time.
CREATE TABLE lane_epochs (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    begun       BIGINT NOT NULL,
    PRIMARY KEY (lane, epoch)
);
INSERT INTO lane_epochs (lane, epoch, begun)
    SELECT lane, epoch, min(received) FROM records GROUP BY lane, epoch;

-- What lanes tell of themselves. Bounded for each lane: the oldest go.
CREATE TABLE telemetry (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    received    BIGINT NOT NULL,
    PRIMARY KEY (lane, epoch, number)
);
CREATE INDEX telemetry_by_arrival ON telemetry (lane, received);

-- How far each lane's clock is ahead of central's, milliseconds.
CREATE TABLE lane_clocks (
    lane        TEXT PRIMARY KEY,
    ahead       BIGINT NOT NULL,
    measured    BIGINT NOT NULL
);
