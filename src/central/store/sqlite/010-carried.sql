-- Records that a renewed queue carried over: where each was first, and where it is now. So no outcome counts twice,
-- whichever of its keys comes first.
CREATE TABLE carried (
    lane         TEXT NOT NULL,
    epoch        TEXT NOT NULL,
    sequence     INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    now_epoch    TEXT NOT NULL,
    now_sequence INTEGER NOT NULL,
    PRIMARY KEY (lane, epoch, sequence, sha256)
) STRICT, WITHOUT ROWID;
