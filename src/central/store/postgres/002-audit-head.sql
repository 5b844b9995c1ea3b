-- The audit trail's head: which line is the last, so that lines cut off at the end are missed.
CREATE TABLE audit_head (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    number      BIGINT NOT NULL,
    sha256      TEXT NOT NULL
);
INSERT INTO audit_head (one, number, sha256)
    SELECT 1, coalesce(max(number), 0),
        coalesce((SELECT sha256 FROM audit ORDER BY number DESC LIMIT 1),
            '0000000000000000000000000000000000000000000000000000000000000000')
    FROM audit;

CREATE INDEX records_by_arrival ON records (received);
