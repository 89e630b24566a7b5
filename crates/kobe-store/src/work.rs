//! Work: what the writer does inside a transaction.
//!
//! Rule: every statement here compares before it sets. A run that is over never changes, a slot has one number for ever, a decision is intended once, the books move from the
//! version that was decided upon. Knows nothing of threads and commits. Start at [`Work::perform`].

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_plan::run::Note;
use kobe_plan::{Alert, Hold};
use kobe_trade::ports::Artifact;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::fault::{Refusal, store_error};
use crate::journal::{self, JournalWrite};
use crate::operator::OperatorEntry;
use crate::packed::Packed;
use crate::place::{self, Place};
use crate::prune::Bite;
use crate::rows::RunWrite;
use crate::{alerts, ulid};

/// One piece of work, stored whole or not at all.
#[derive(Debug)]
pub(crate) enum Work {
    /// The changes of one turn of the engine.
    Turn(TurnWrite),
    /// Facts for the books.
    Facts(Box<FactsWrite>),
    /// What a function left.
    Artifact(Box<Artifact>),
    /// What a person must be told.
    Alerts(Vec<Alert>),
    /// What a person was told.
    Told { ids: Vec<u64>, channel: String, at_us: i64 },
    /// What came of a wish that is no business of the machine.
    Answer { id: u128, note: Note, at_us: i64 },
    /// The files of a desk that comes into force.
    Desk { hash: String, files: Packed, at_us: i64 },
    /// What an operator did outside the machine.
    Operator(OperatorEntry),
    /// The database is settled where it lies.
    Settle(Place),
    /// Something old goes.
    Prune(Bite),
    /// An instance has opened the database.
    Opened(OpenedWrite),
    /// Anything a test wants done to the connection.
    #[cfg(test)]
    Probe(fn(&Connection) -> rusqlite::Result<()>),
}

#[derive(Debug)]
pub(crate) struct TurnWrite {
    /// Identity of the desk files.
    pub config: Arc<str>,
    pub at_us: i64,
    pub writes: Vec<Write>,
    pub journal: Vec<JournalWrite>,
}

#[derive(Debug)]
pub(crate) enum Write {
    Run(RunWrite),
    Cursor { task: Arc<str>, planned_to_us: i64, turns: u64, last_turn_us: Option<i64> },
    WishDone { id: u128, note: Note },
    Orphan { id: u64, at_us: i64 },
    Alert(Alert),
    Hold(Hold),
}

#[derive(Debug)]
pub(crate) struct FactsWrite {
    /// The version of the books that these facts follow; also the number of the first of them.
    pub expected: u64,
    pub facts: Vec<FactWrite>,
    /// Hash of the last block.
    pub head: Option<String>,
    pub intents: Vec<IntentWrite>,
    pub orders: Vec<OrderWrite>,
    pub packets: Vec<PacketWrite>,
    pub budget: Option<BudgetWrite>,
}

#[derive(Debug)]
pub(crate) struct FactWrite {
    pub at_us: i64,
    pub day: String,
    pub event: &'static str,
    pub decision: Option<String>,
    pub prev_hash: Option<String>,
    pub payload: String,
    pub this_hash: String,
}

#[derive(Debug)]
pub(crate) struct IntentWrite {
    pub decision: String,
    pub key: String,
    pub created_us: i64,
    pub payload_hash: String,
}

#[derive(Debug)]
pub(crate) struct OrderWrite {
    pub decision: String,
    pub state: String,
    pub broker: Option<String>,
}

#[derive(Debug)]
pub(crate) struct PacketWrite {
    pub packet: String,
    pub decision_id: String,
    /// Place of its fact among the new ones.
    pub place: u64,
    pub created_us: i64,
    pub day: String,
    pub decision: String,
    pub reason: String,
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetWrite {
    pub date: String,
    pub mode: &'static str,
    pub committed: String,
    pub reserved: String,
    pub entries: u32,
    pub per_day: String,
    pub per_order: String,
}

#[derive(Debug, Clone)]
pub(crate) struct OpenedWrite {
    pub at_us: i64,
    pub build: String,
    /// Where it lies, if it was never settled.
    pub place: Option<Place>,
    /// Why it is not settled, if that was noticed.
    pub unsettled: Option<String>,
}

/// What the writer remembers between transactions, so that it need not ask.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Who writes: these go with each configuration.
    pub build: String,
    pub calendar: String,
    pub tzdb: String,
    config: Option<(Arc<str>, i64)>,
    newest_run: Option<u64>,
}

impl Memory {
    pub(crate) fn new(build: &str, calendar: &str, tzdb: &str) -> Memory {
        Memory { build: build.into(), calendar: calendar.into(), tzdb: tzdb.into(), config: None, newest_run: None }
    }

    /// Drops everything that was learned: what it was learned from may have been undone.
    pub(crate) fn forget(&mut self) {
        self.config = None;
        self.newest_run = None;
    }

    fn config(&mut self, conn: &Connection, hash: &Arc<str>, at_us: i64) -> rusqlite::Result<i64> {
        if let Some((known, id)) = &self.config
            && known == hash
        {
            return Ok(*id);
        }
        conn.prepare_cached(
            "INSERT INTO configs (hash, build, calendar, tzdb, since_us) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![hash, self.build, self.calendar, self.tzdb, at_us])?;
        let id = conn
            .prepare_cached("SELECT id FROM configs WHERE hash = ?1 AND build = ?2 AND calendar = ?3 AND tzdb = ?4")?
            .query_row(params![hash, self.build, self.calendar, self.tzdb], |r| r.get(0))?;
        conn.prepare_cached("INSERT INTO meta (key, value) VALUES ('config', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value")?
            .execute([hash])?;
        self.config = Some((Arc::clone(hash), id));
        Ok(id)
    }

    fn newest_run(&mut self, conn: &Connection) -> rusqlite::Result<u64> {
        if let Some(newest) = self.newest_run {
            return Ok(newest);
        }
        let newest: Option<i64> = conn.prepare_cached("SELECT max(id) FROM runs")?.query_row([], |r| r.get(0))?;
        Ok(*self.newest_run.insert(newest.unwrap_or(0) as u64))
    }
}

impl Work {
    /// Performs the work inside the transaction that the caller has begun.
    pub(crate) fn perform(&self, conn: &Connection, memory: &mut Memory, path: &Path) -> Result<(), Refusal> {
        let on = |e: rusqlite::Error| Refusal::Store(store_error(path, &e));
        match self {
            Work::Turn(turn) => turn.perform(conn, memory, path),
            Work::Facts(facts) => facts.perform(conn, path),
            Work::Artifact(artifact) => put(conn, artifact).map_err(on),
            Work::Alerts(alerts) => alerts.iter().try_for_each(|alert| alerts::put(conn, alert)).map_err(on),
            Work::Told { ids, channel, at_us } => alerts::told(conn, ids, channel, *at_us).map_err(on),
            Work::Answer { id, note, at_us } => answer(conn, *id, note, *at_us, path),
            Work::Desk { hash, files, at_us } => conn
                .prepare_cached(
                    "INSERT INTO desks (hash, files, since_us) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING",
                )
                .and_then(|mut s| s.execute(params![hash, files, at_us]))
                .map(|_| ())
                .map_err(on),
            Work::Operator(entry) => entry.append(conn).map_err(on),
            Work::Settle(place) => place.settle(conn).map_err(on),
            Work::Prune(bite) => bite.perform(conn).map_err(on),
            Work::Opened(opened) => opened.perform(conn).map_err(on),
            #[cfg(test)]
            Work::Probe(probe) => probe(conn).map_err(on),
        }
    }
}

const PUT_RUN: &str = "INSERT INTO runs (id, task, slot, slot_date, due_us, priority, state, reason, outcome, note, attempt, planned_us, started_us, ended_us, retry_us, \
     catchup, dst_shifted, covers, since_slot, config) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason, outcome = excluded.outcome, note = excluded.note, attempt = excluded.attempt, \
     started_us = excluded.started_us, ended_us = excluded.ended_us, retry_us = excluded.retry_us, covers = excluded.covers, since_slot = excluded.since_slot, \
     config = excluded.config \
     WHERE runs.state IN ('pending', 'running') AND runs.slot = excluded.slot AND runs.task = excluded.task AND runs.attempt <= excluded.attempt + 1";

const PUT_CURSOR: &str = "INSERT INTO cursors (task, planned_to_us, turns, last_turn_us, last_run) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (task) DO UPDATE SET planned_to_us = excluded.planned_to_us, turns = excluded.turns, last_turn_us = excluded.last_turn_us, \
     last_run = coalesce(excluded.last_run, last_run)";

impl TurnWrite {
    fn perform(&self, conn: &Connection, memory: &mut Memory, path: &Path) -> Result<(), Refusal> {
        let on = |e: rusqlite::Error| Refusal::Store(store_error(path, &e));
        let config = memory.config(conn, &self.config, self.at_us).map_err(on)?;
        let newest = memory.newest_run(conn).map_err(on)?;
        let mut begun: Vec<(&Arc<str>, u64)> = Vec::new();
        let mut put_run = conn.prepare_cached(PUT_RUN).map_err(on)?;
        for write in &self.writes {
            let Write::Run(run) = write else { continue };
            let stored = put_run.execute(params![
                run.id as i64,
                run.task,
                run.slot,
                run.slot_date,
                run.due_us,
                run.priority,
                run.state.word(),
                run.reason.map(|r| r.word()),
                run.outcome,
                run.note.as_deref(),
                run.attempt,
                run.planned_us,
                run.started_us,
                run.ended_us,
                run.retry_us,
                run.catchup,
                run.dst_shifted,
                run.covers as i64,
                run.since_slot,
                config,
            ]);
            match stored {
                Ok(1) => {}
                Ok(_) => return Err(refused(conn, run, path)),
                Err(error)
                    if error
                        .sqlite_error()
                        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE) =>
                {
                    return Err(conflict(slot_taken(&run.task, &run.slot, run.id)));
                }
                Err(error) => return Err(on(error)),
            }
            if run.id > newest {
                memory.newest_run = memory.newest_run.max(Some(run.id));
                match begun.iter_mut().find(|(task, _)| **task == run.task) {
                    Some((_, id)) => *id = run.id.max(*id),
                    None => begun.push((&run.task, run.id)),
                }
            }
        }
        drop(put_run);
        for write in &self.writes {
            match write {
                Write::Run(_) => {}
                Write::Cursor { task, planned_to_us, turns, last_turn_us } => {
                    let last = begun.iter().position(|(t, _)| *t == task).map(|i| begun.swap_remove(i).1 as i64);
                    conn.prepare_cached(PUT_CURSOR)
                        .and_then(|mut s| s.execute(params![task, planned_to_us, *turns as i64, last_turn_us, last]))
                        .map_err(on)?;
                }
                Write::WishDone { id, note } => {
                    answer(conn, *id, note, self.at_us, path)?;
                }
                Write::Alert(alert) => alerts::put(conn, alert).map_err(on)?,
                Write::Hold(hold) => {
                    put_hold(conn, hold).and_then(|()| OperatorEntry::of_hold(hold).append(conn)).map_err(on)?;
                }
                Write::Orphan { id, at_us } => {
                    let closed = conn
                        .prepare_cached(
                            "UPDATE runs SET state = CASE state WHEN 'running' THEN 'failed' ELSE 'skipped' END, \
                             reason = CASE state WHEN 'running' THEN 'lost' ELSE 'disabled' END, \
                             note = ?3, ended_us = ?2, retry_us = NULL WHERE id = ?1 AND state IN ('pending', 'running')",
                        )
                        .and_then(|mut s| s.execute(params![*id as i64, at_us, ORPHANED]))
                        .map_err(on)?;
                    if closed == 0 {
                        return Err(conflict(not_live(*id)));
                    }
                }
            }
        }
        for (task, id) in begun {
            conn.prepare_cached("UPDATE cursors SET last_run = ?2 WHERE task = ?1")
                .and_then(|mut s| s.execute(params![task, id as i64]))
                .map_err(on)?;
        }
        journal::append(conn, &self.journal).map_err(on)
    }
}

/// Answers a wish that is open, with its row in the operator log.
fn answer(conn: &Connection, id: u128, note: &Note, at_us: i64, path: &Path) -> Result<(), Refusal> {
    let at = Timestamp::from_microsecond(at_us).expect("it was an instant");
    let entry = conn
        .prepare_cached(
            "UPDATE wishes SET done_us = ?2, note = ?3 WHERE id = ?1 AND done_us IS NULL RETURNING operator, verb, name, reason",
        )
        .and_then(|mut ask| {
            ask.query_row(params![ulid::text(id), at_us, note], |r| {
                Ok(OperatorEntry {
                    at,
                    operator: r.get(0)?,
                    action: r.get(1)?,
                    target: r.get(2)?,
                    reason: r.get(3)?,
                    result: note.to_string(),
                })
            })
            .optional()
        })
        .and_then(|entry| entry.map(|entry| entry.append(conn)).transpose());
    match entry {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(conflict(wish_not_open(id))),
        Err(error) => Err(Refusal::Store(store_error(path, &error))),
    }
}

fn put_hold(conn: &Connection, hold: &Hold) -> rusqlite::Result<()> {
    let (kind, name) = hold.held.words();
    let done = if hold.on {
        conn.prepare_cached(
            "INSERT INTO holds (kind, name, reason, operator, since_us) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason, operator = excluded.operator, since_us = excluded.since_us",
        )?
        .execute(params![kind, name, hold.reason, hold.operator, hold.at.as_microsecond()])
    } else {
        conn.prepare_cached("DELETE FROM holds WHERE kind = ?1 AND name = ?2")?.execute([kind, name])
    };
    done.map(|_| ())
}

/// What the row of a run says whose task is gone.
pub(crate) const ORPHANED: &str = "the desk no longer has this task";

/// Says why a row was not taken: it stands over a row that is over, that belongs to another slot, or that has gone further.
fn refused(conn: &Connection, run: &RunWrite, path: &Path) -> Refusal {
    let there = conn
        .query_row("SELECT task, slot, state, attempt FROM runs WHERE id = ?1", [run.id as i64], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?, r.get::<_, u32>(3)?))
        })
        .optional();
    match there {
        Err(error) => Refusal::Store(store_error(path, &error)),
        Ok(None) => conflict(format!("run {} was not stored", run.id)),
        Ok(Some((task, slot, state, attempt))) => conflict(contradiction(
            run.id,
            [&task, &slot, &state],
            attempt,
            [&run.task, &run.slot, run.state.word()],
            run.attempt,
        )),
    }
}

/// Says in one sentence what a stored run and a new row of the same number have against each other.
pub(crate) fn contradiction(
    id: u64,
    [task, slot, state]: [&str; 3],
    attempt: u32,
    [new_task, new_slot, new_state]: [&str; 3],
    new_attempt: u32,
) -> String {
    if task != new_task || slot != new_slot {
        format!("run {id} is slot {slot} of {task}, not slot {new_slot} of {new_task}")
    } else if state != "pending" && state != "running" {
        format!("run {id} of {task} is {state} and cannot become {new_state}")
    } else {
        format!("run {id} of {task} has come to attempt {attempt}, the change is about attempt {new_attempt}")
    }
}

/// Says that a slot has a run already.
pub(crate) fn slot_taken(task: &str, slot: &str, id: u64) -> String {
    format!("slot {slot} of {task} has a run already, it cannot be run {id}")
}

/// Says that a wish is unknown or done.
pub(crate) fn wish_not_open(id: u128) -> String {
    format!("wish {} is unknown or was answered before", ulid::text(id))
}

/// Says that a run is unknown or over.
pub(crate) fn not_live(id: u64) -> String {
    format!("run {id} is unknown or over")
}

fn conflict(text: String) -> Refusal {
    Refusal::Store(StoreError::Conflict(text))
}

impl FactsWrite {
    fn perform(&self, conn: &Connection, path: &Path) -> Result<(), Refusal> {
        let on = |e: rusqlite::Error| Refusal::Store(store_error(path, &e));
        let count = self.expected + self.facts.len() as u64;
        let moved = conn
            .prepare_cached("UPDATE chain_head SET count = ?2, hash = ?3 WHERE one = 1 AND count = ?1")
            .and_then(|mut s| s.execute(params![self.expected as i64, count as i64, self.head]))
            .map_err(on)?;
        if moved == 0 {
            let actual: i64 =
                conn.query_row("SELECT count FROM chain_head WHERE one = 1", [], |r| r.get(0)).map_err(on)?;
            return Err(Refusal::Version { actual: actual as u64 });
        }
        for intent in &self.intents {
            let taken = conn
                .prepare_cached("SELECT 1 FROM idempotency WHERE decision_id = ?1")
                .and_then(|mut s| s.exists([&intent.decision]))
                .map_err(on)?;
            if taken {
                return Err(Refusal::Duplicate(intent.decision.clone()));
            }
            conn.prepare_cached(
                "INSERT INTO idempotency (decision_id, idempotency_key, created_at, state, payload_hash, seq) VALUES (?1, ?2, ?3, 'PENDING', ?4, ?5)",
            )
            .and_then(|mut s| {
                s.execute(params![intent.decision, intent.key, intent.created_us, intent.payload_hash, count as i64])
            })
            .map_err(on)?;
        }
        self.rows(conn, count as i64).map_err(on)
    }

    fn rows(&self, conn: &Connection, count: i64) -> rusqlite::Result<()> {
        for (seq, fact) in (self.expected as i64..).zip(&self.facts) {
            conn.prepare_cached(
                "INSERT INTO audit_chain (seq, prev_hash, payload, this_hash) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![seq, fact.prev_hash, fact.payload, fact.this_hash])?;
            conn.prepare_cached("INSERT INTO facts (seq, at_us, day, event, decision_id) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![seq, fact.at_us, fact.day, fact.event, fact.decision])?;
        }
        for order in &self.orders {
            conn.prepare_cached(
                "UPDATE idempotency SET state = ?2, broker_order_id = ?3, seq = ?4 WHERE decision_id = ?1",
            )?
            .execute(params![order.decision, order.state, order.broker, count])?;
        }
        for packet in &self.packets {
            // The same case judged twice is the same packet.
            conn.prepare_cached(
                "INSERT INTO packets (packet_id, decision_id, seq, created_us, day, decision, reason, packet_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT (packet_id) DO NOTHING",
            )?
            .execute(params![
                packet.packet,
                packet.decision_id,
                (self.expected + packet.place) as i64,
                packet.created_us,
                packet.day,
                packet.decision,
                packet.reason,
                packet.hash
            ])?;
        }
        if let Some(budget) = &self.budget {
            conn.prepare_cached(
                "INSERT INTO budget (date, mode, committed, reserved, entries, per_day, per_order, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT (date) DO UPDATE SET mode = excluded.mode, committed = excluded.committed, reserved = excluded.reserved, entries = excluded.entries, \
                 per_day = excluded.per_day, per_order = excluded.per_order, seq = excluded.seq",
            )?
            .execute(params![
                budget.date,
                budget.mode,
                budget.committed,
                budget.reserved,
                budget.entries,
                budget.per_day,
                budget.per_order,
                count
            ])?;
        }
        Ok(())
    }
}

fn put(conn: &Connection, artifact: &Artifact) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO artifacts (name, function, task, date, at_us, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (name) DO UPDATE SET function = excluded.function, task = excluded.task, date = excluded.date, at_us = excluded.at_us, body = excluded.body",
    )?
    .execute(params![
        artifact.name,
        artifact.function,
        artifact.task,
        artifact.date.to_string(),
        artifact.at.as_microsecond(),
        artifact.body.to_string()
    ])
    .map(|_| ())
}

impl OpenedWrite {
    fn perform(&self, conn: &Connection) -> rusqlite::Result<()> {
        for (key, value) in [("opened_us", self.at_us.to_string()), ("build", self.build.clone())] {
            conn.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![key, value],
            )?;
        }
        conn.execute(
            "INSERT INTO meta (key, value) VALUES (?1, '1') ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
            [crate::mark::OPENINGS],
        )?;
        if let Some(place) = &self.place {
            place.store(conn)?;
        }
        // With the opening that is counted here: the next one may find no other trace of it.
        if let Some(why) = &self.unsettled {
            place::note_unsettled(conn, why)?;
        }
        Ok(())
    }
}
