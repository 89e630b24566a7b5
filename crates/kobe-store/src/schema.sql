-- Kobe's database, schema 1. An instant is an INTEGER of microseconds since 1970 UTC (`_us`), a date and a zone are TEXT, a decimal is TEXT.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    key        TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was in force when a row was written: desk files, build, calendar, time zone data.
CREATE TABLE configs (
    id       INTEGER PRIMARY KEY,
    hash     TEXT NOT NULL,
    build    TEXT NOT NULL,
    calendar TEXT NOT NULL,
    tzdb     TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    UNIQUE (hash, build, calendar, tzdb)
) STRICT;

-- One row for each slot of each task. The slot stands first in the unique index: what is due together is written together.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    task        TEXT NOT NULL,
    slot        TEXT NOT NULL,
    slot_date   TEXT NOT NULL,
    due_us      INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'skipped')),
    reason      TEXT,
    outcome     TEXT,
    note        TEXT,
    attempt     INTEGER NOT NULL,
    planned_us  INTEGER NOT NULL,
    started_us  INTEGER,
    ended_us    INTEGER,
    retry_us    INTEGER,
    catchup     INTEGER NOT NULL,
    dst_shifted INTEGER NOT NULL,
    covers      INTEGER NOT NULL,
    since_slot  TEXT,
    config      INTEGER NOT NULL REFERENCES configs (id),
    UNIQUE (slot, task)
) STRICT;
CREATE INDEX runs_by_date ON runs (slot_date);
CREATE INDEX runs_live ON runs (id) WHERE state IN ('pending', 'running');
CREATE INDEX runs_in_error ON runs (id) WHERE outcome IN ('error', 'timed_out', 'lost');

CREATE TABLE cursors (
    task          TEXT PRIMARY KEY,
    planned_to_us INTEGER NOT NULL,
    turns         INTEGER NOT NULL,
    last_turn_us  INTEGER,
    last_run      INTEGER -- its newest run
) STRICT, WITHOUT ROWID;

CREATE TABLE wishes (
    id       TEXT PRIMARY KEY,
    task     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    asked_us INTEGER NOT NULL,
    done_us  INTEGER,
    note     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX wishes_open ON wishes (id) WHERE done_us IS NULL;

-- The facts of the books, each as one block; `payload` is the fact as canonical JSON.
CREATE TABLE audit_chain (
    seq       INTEGER PRIMARY KEY,
    prev_hash TEXT,
    payload   TEXT NOT NULL,
    this_hash TEXT NOT NULL
) STRICT;
CREATE TABLE chain_head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    hash  TEXT
) STRICT;
INSERT INTO chain_head (one, count, hash) VALUES (1, 0, NULL);

-- How facts are found; their content is the block of the same number.
CREATE TABLE facts (
    seq         INTEGER PRIMARY KEY REFERENCES audit_chain (seq),
    at_us       INTEGER NOT NULL,
    day         TEXT NOT NULL,
    event       TEXT NOT NULL,
    decision_id TEXT
) STRICT;
CREATE INDEX facts_by_day ON facts (day);
CREATE INDEX facts_by_decision ON facts (decision_id) WHERE decision_id IS NOT NULL;

-- One row for each intent, for ever: a decision is carried out once.
CREATE TABLE idempotency (
    decision_id     TEXT PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL,
    state           TEXT NOT NULL,
    broker_order_id TEXT,
    payload_hash    TEXT NOT NULL,
    seq             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How packets are found; their content is the block `seq`.
CREATE TABLE packets (
    packet_id   TEXT PRIMARY KEY,
    decision_id TEXT NOT NULL,
    seq         INTEGER NOT NULL REFERENCES audit_chain (seq),
    created_us  INTEGER NOT NULL,
    day         TEXT NOT NULL,
    decision    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    packet_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX packets_by_day ON packets (day);

CREATE TABLE budget (
    date      TEXT PRIMARY KEY,
    mode      TEXT NOT NULL,
    committed TEXT NOT NULL,
    reserved  TEXT NOT NULL,
    entries   INTEGER NOT NULL,
    per_day   TEXT NOT NULL,
    per_order TEXT NOT NULL,
    seq       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest of each name.
CREATE TABLE artifacts (
    name     TEXT PRIMARY KEY,
    function TEXT NOT NULL,
    task     TEXT NOT NULL,
    date     TEXT NOT NULL,
    at_us    INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
