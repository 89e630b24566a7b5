-- Kobe's database, schema 2: what a person asks and is told, and what went into the machine.

-- A wish is more than "run this task": what is asked, of what, and by whom.
ALTER TABLE wishes RENAME COLUMN task TO name;
ALTER TABLE wishes ADD COLUMN verb TEXT NOT NULL DEFAULT 'run';
ALTER TABLE wishes ADD COLUMN operator TEXT NOT NULL DEFAULT '';
CREATE INDEX wishes_done ON wishes (done_us) WHERE done_us IS NOT NULL;

-- What a person must be told. A number is never used again, also when the row is gone: a postman goes by it.
CREATE TABLE alerts (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    severity TEXT NOT NULL,
    cause    TEXT NOT NULL,
    title    TEXT NOT NULL,
    detail   TEXT NOT NULL,
    task     TEXT,
    owner    TEXT NOT NULL,
    runbook  TEXT NOT NULL,
    recovery INTEGER NOT NULL,
    told_us  INTEGER,
    channel  TEXT
) STRICT;
CREATE INDEX alerts_unsent ON alerts (id) WHERE told_us IS NULL;
CREATE INDEX alerts_told ON alerts (told_us) WHERE told_us IS NOT NULL;

-- Tasks and lanes that an operator holds; one that was let go has no row.
CREATE TABLE holds (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    operator TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- What operators did: a hash chain like that of the books. `this_hash` is over the other columns.
CREATE TABLE operator_log (
    seq       INTEGER PRIMARY KEY,
    at_us     INTEGER NOT NULL,
    operator  TEXT NOT NULL,
    action    TEXT NOT NULL,
    target    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    result    TEXT NOT NULL,
    prev_hash TEXT,
    this_hash TEXT NOT NULL
) STRICT;
CREATE TABLE operator_head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    hash  TEXT
) STRICT;
INSERT INTO operator_head (one, count, hash) VALUES (1, 0, NULL);

-- Every input of the machine. `begins` is the machine as it stood; what follows is one turn a row. A long body is deflated, and then it is a BLOB.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    at_us  INTEGER NOT NULL,
    at_ns  INTEGER NOT NULL, -- nanoseconds beyond the microsecond: a turn is replayed at its very instant
    begins INTEGER NOT NULL,
    body   ANY NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE INDEX journal_by_time ON journal (at_us);
CREATE INDEX journal_begins ON journal (seq) WHERE begins = 1;

-- The desk files of every configuration that was in force, so that a journal can be replayed. A BLOB is deflated.
CREATE TABLE desks (
    hash     TEXT PRIMARY KEY,
    files    ANY NOT NULL,
    since_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_failed ON runs (slot_date) WHERE state = 'failed';
