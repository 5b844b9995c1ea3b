-- Who has a case in hand, since when, whether it waited too long, why it was decided so, and the checks that an
-- admission went against.
ALTER TABLE cases ADD COLUMN taken_by TEXT;
ALTER TABLE cases ADD COLUMN taken_at BIGINT;
ALTER TABLE cases ADD COLUMN escalated BIGINT;
ALTER TABLE cases ADD COLUMN reason TEXT;
ALTER TABLE cases ADD COLUMN overridden TEXT;
CREATE INDEX cases_decided ON cases (decided_at) WHERE decision IS NOT NULL;

-- An alarm stands until a person has seen to it.
ALTER TABLE alarms ADD COLUMN seen_by TEXT;
ALTER TABLE alarms ADD COLUMN seen_at BIGINT;

-- The browser in which a session began: a cookie that turns up elsewhere ends it.
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';

-- A generation that a second person did not want.
ALTER TABLE list_generations ADD COLUMN rejected_by TEXT;
ALTER TABLE list_generations ADD COLUMN rejected_at BIGINT;

-- By entry, and so by generation, too.
CREATE INDEX list_keys_of_entry ON list_keys (list, generation, reference);
DROP INDEX list_keys_of_generation;

-- Where a document was seen: issuing state and number as in the zone, with a blank between.
CREATE TABLE seen_documents (
    document    TEXT NOT NULL,
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    BIGINT NOT NULL,
    started     BIGINT NOT NULL,
    PRIMARY KEY (document, lane, epoch, sequence)
);
INSERT INTO seen_documents (document, lane, epoch, sequence, started)
    SELECT (canonical::jsonb #>> '{document,issuing_state}') || ' '
            || (canonical::jsonb #>> '{document,document_number}'), lane, epoch, sequence, started
    FROM records WHERE (canonical::jsonb #>> '{document,document_number}') IS NOT NULL;

CREATE INDEX records_of_lane ON records (lane, started DESC);
