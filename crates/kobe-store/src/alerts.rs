//! Alerts: rows of what a person must be told, until it was told.
//!
//! Rule: an alert of a turn is stored with its turn, any other in a transaction of its own; it is unsent until a channel has taken it. Whoever sends them is woken after the
//! commit, never before. Start at [`SqliteOutbox`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kobe_engine::{Outbox, StoreError, Unsent};
use kobe_plan::Alert;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use crate::fault::Refusal;
use crate::rows::{instant, maybe_instant, unsigned, word};
use crate::sqlite::Core;
use crate::work::Work;

/// Columns of an alert, in the order that [`alert_row`] reads.
const COLUMNS: &str =
    "id, at_us, kind, severity, cause, title, detail, task, owner, runbook, recovery, told_us, channel";

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertRow {
    /// Its number; rises.
    pub id: u64,
    /// When it became true.
    pub at: Timestamp,
    /// What kind of thing happened.
    pub kind: kobe_plan::AlertKind,
    /// How loud it is.
    pub severity: kobe_plan::alert::Severity,
    /// What it is about, at its root.
    pub cause: String,
    /// One line.
    pub title: String,
    /// More.
    pub detail: String,
    /// The task, if it is about one.
    pub task: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Where a person finds what to do.
    pub runbook: String,
    /// The cause is over.
    pub recovery: bool,
    /// When it was told.
    pub told_at: Option<Timestamp>,
    /// The channel that took it.
    pub channel: Option<String>,
}

impl AlertRow {
    pub(crate) fn new(id: u64, alert: &Alert) -> AlertRow {
        let alert = alert.clone();
        AlertRow {
            id,
            at: alert.at,
            kind: alert.kind,
            severity: alert.severity,
            cause: alert.cause,
            title: alert.title,
            detail: alert.detail,
            task: alert.task,
            owner: alert.owner,
            runbook: alert.runbook,
            recovery: alert.recovery,
            told_at: None,
            channel: None,
        }
    }

    pub(crate) fn unsent(self) -> Unsent {
        let alert = Alert {
            kind: self.kind,
            severity: self.severity,
            cause: self.cause,
            at: self.at,
            title: self.title,
            detail: self.detail,
            task: self.task,
            owner: self.owner,
            runbook: self.runbook,
            recovery: self.recovery,
        };
        Unsent { id: self.id, alert }
    }
}

/// What stands in the outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Alerts that were not told yet.
    pub count: u64,
    /// When the oldest of them became true.
    pub oldest: Option<Timestamp>,
}

/// Is told after a commit that stored alerts.
#[derive(Default)]
pub(crate) struct Bell(Mutex<Option<Arc<dyn Fn() + Send + Sync>>>);

impl Bell {
    pub(crate) fn set(&self, ring: Arc<dyn Fn() + Send + Sync>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ring);
    }

    pub(crate) fn ring(&self) {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(ring) = ring {
            ring();
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
    }
}

/// The outbox in SQLite, in the database of the runs. It holds the state like the store it came from: drop it before the directory is given up.
#[derive(Debug)]
pub struct SqliteOutbox {
    // Closed before the writer: the last connection to go folds the log in, and a reader could not.
    reader: Connection,
    core: Arc<Core>,
}

impl SqliteOutbox {
    pub(crate) fn open(core: &Arc<Core>) -> Result<SqliteOutbox, StoreError> {
        core.writer.whole()?;
        let reader = core.reader().map_err(|e| core.writer.met(e))?;
        Ok(SqliteOutbox { reader, core: Arc::clone(core) })
    }
}

impl Outbox for SqliteOutbox {
    fn raise(&mut self, alerts: &[Alert]) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.core.writer.call(Work::Alerts(alerts.to_vec())).map_err(Refusal::into_store)?;
        self.core.bell.ring();
        Ok(())
    }

    fn unsent(&mut self, after: u64, limit: usize) -> Result<Vec<Unsent>, StoreError> {
        let reader = &self.reader;
        self.core.read(|| {
            let sql = format!("SELECT {COLUMNS} FROM alerts WHERE told_us IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
            let (after, limit) = (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
            let mut ask = reader.prepare_cached(&sql)?;
            ask.query_map([after, limit], |r| alert_row(r).map(AlertRow::unsent))?.collect()
        })
    }

    fn told(&mut self, ids: &[u64], channel: &str, at: Timestamp) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let told = Work::Told { ids: ids.to_vec(), channel: channel.to_owned(), at_us: at.as_microsecond() };
        self.core.writer.call(told).map_err(Refusal::into_store)
    }
}

/// Writes an alert, inside the transaction that the caller has begun.
pub(crate) fn put(conn: &Connection, alert: &Alert) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO alerts (at_us, kind, severity, cause, title, detail, task, owner, runbook, recovery) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        alert.at.as_microsecond(),
        alert.kind.word(),
        alert.severity.word(),
        alert.cause,
        alert.title,
        alert.detail,
        alert.task,
        alert.owner,
        alert.runbook,
        alert.recovery
    ])
    .map(|_| ())
}

/// Notes that alerts were told; one that was told before keeps its first note.
pub(crate) fn told(conn: &Connection, ids: &[u64], channel: &str, at_us: i64) -> rusqlite::Result<()> {
    let mut set =
        conn.prepare_cached("UPDATE alerts SET told_us = ?2, channel = ?3 WHERE id = ?1 AND told_us IS NULL")?;
    for id in ids {
        set.execute(params![i64::try_from(*id).unwrap_or(i64::MAX), at_us, channel])?;
    }
    Ok(())
}

/// Returns the newest alerts, newest first; only those that were not told, if that is asked.
pub(crate) fn newest(conn: &Connection, limit: usize, unsent: bool) -> rusqlite::Result<Vec<AlertRow>> {
    let only = if unsent { "WHERE told_us IS NULL" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM alerts {only} ORDER BY id DESC LIMIT ?1");
    let mut ask = conn.prepare_cached(&sql)?;
    ask.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], alert_row)?.collect()
}

/// Returns how many alerts wait, and since when.
pub(crate) fn waiting(conn: &Connection) -> rusqlite::Result<Waiting> {
    conn.prepare_cached("SELECT count(*), min(at_us) FROM alerts WHERE told_us IS NULL")?
        .query_row([], |r| Ok(Waiting { count: unsigned(r, 0)?, oldest: maybe_instant(r, 1)? }))
}

fn alert_row(r: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: unsigned(r, 0)?,
        at: instant(r, 1)?,
        kind: word(r, 2)?,
        severity: word(r, 3)?,
        cause: r.get(4)?,
        title: r.get(5)?,
        detail: r.get(6)?,
        task: r.get(7)?,
        owner: r.get(8)?,
        runbook: r.get(9)?,
        recovery: r.get(10)?,
        told_at: maybe_instant(r, 11)?,
        channel: r.get(12)?,
    })
}
