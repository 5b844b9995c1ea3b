-- Passages of which pictures are still here: a row goes when its pictures are deleted.
CREATE TABLE kept_pictures (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    ending      TEXT NOT NULL,
    received    INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_pictures_by_age ON kept_pictures (ending, received);
INSERT INTO kept_pictures (lane, epoch, sequence, ending, received)
    SELECT lane, epoch, sequence, ending, received FROM records;

-- What was deleted, when: how many pictures, and the SHA-256 of their names in the record's order.
CREATE TABLE deletions (
    lane        TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    pictures    INTEGER NOT NULL,
    names       TEXT NOT NULL,
    deleted     INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
