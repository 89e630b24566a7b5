//! Pruning: rows and files that are old enough go, a few at a time.
//!
//! Rule: what is live, what was not told, the newest run of every task, every fact, every block of a chain and every intent stay for ever; a slot whose row goes lies behind its
//! task's cursor, so it never fires again; the journal goes by whole lives of a machine. Each bite is a short transaction of the writer, so that no turn waits long. The file
//! does not shrink: its free pages are used again. Start at [`Pruner::prune`].

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::StoreError;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use crate::fault::{Refusal, io_error};
use crate::sqlite::Core;
use crate::work::Work;

/// Rows that go in one transaction, at most.
const BITE: u64 = 500;

/// How long things are kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Runs that are over, from the date of their slot.
    pub runs_days: u32,
    /// The journal.
    pub journal_days: u32,
    /// Alerts, from when they were told.
    pub alerts_days: u32,
    /// Wishes, from when they were answered.
    pub wishes_days: u32,
    /// Files of what programs printed.
    pub output_days: u32,
}

impl Retention {
    /// What a desk keeps unless it says otherwise.
    pub const STANDARD: Retention =
        Retention { runs_days: 400, journal_days: 35, alerts_days: 90, wishes_days: 90, output_days: 30 };
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Rows of runs.
    pub runs: u64,
    /// Rows of the journal.
    pub journal: u64,
    /// Alerts.
    pub alerts: u64,
    /// Wishes.
    pub wishes: u64,
    /// Files of output.
    pub output_files: u64,
    /// Their size.
    pub output_bytes: u64,
    /// It was stopped before its end: the rest goes the next time.
    pub stopped: bool,
}

/// One kind of rows that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    Runs,
    Journal,
    Alerts,
    Wishes,
}

/// A bite on its way to the writer.
#[derive(Debug)]
pub(crate) struct Bite {
    old: Old,
    /// What is older goes.
    before_us: i64,
    gone: Arc<AtomicU64>,
}

impl Bite {
    /// Deletes what is old, inside the transaction that the caller has begun.
    pub(crate) fn perform(&self, conn: &Connection) -> rusqlite::Result<()> {
        let bite = BITE as i64;
        let gone = match self.old {
            Old::Runs => {
                // A date lies within a day of its instants, in every zone.
                let date = instant(self.before_us).to_zoned_datetime(TimeZone::UTC).date().to_string();
                conn.prepare_cached(
                    "DELETE FROM runs WHERE id IN (SELECT r.id FROM runs r JOIN cursors k ON k.task = r.task WHERE r.slot_date < ?1 AND r.due_us < ?2 \
                     AND r.state IN ('completed', 'failed', 'skipped') AND r.due_us <= k.planned_to_us AND r.id IS NOT k.last_run LIMIT ?3)",
                )?
                .execute(params![date, self.before_us, bite])?
            }
            Old::Journal => {
                let first: Option<i64> = conn
                    .prepare_cached(
                        "SELECT seq FROM journal WHERE begins = 1 AND at_us <= ?1 ORDER BY seq DESC LIMIT 1",
                    )?
                    .query_row([self.before_us], |r| r.get(0))
                    .optional()?;
                match first {
                    None => 0,
                    Some(first) => conn
                        .prepare_cached(
                            "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq < ?1 ORDER BY seq LIMIT ?2)",
                        )?
                        .execute([first, bite])?,
                }
            }
            Old::Alerts => conn
                .prepare_cached("DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE told_us < ?1 LIMIT ?2)")?
                .execute([self.before_us, bite])?,
            Old::Wishes => conn
                .prepare_cached("DELETE FROM wishes WHERE id IN (SELECT id FROM wishes WHERE done_us < ?1 LIMIT ?2)")?
                .execute([self.before_us, bite])?,
        };
        // Set, not added: a piece of work may be performed a second time.
        self.gone.store(gone as u64, Ordering::SeqCst);
        Ok(())
    }
}

/// Removes what is old, from a thread of its own, while the desk runs.
#[derive(Debug, Clone)]
pub struct Pruner {
    core: Arc<Core>,
}

impl Pruner {
    pub(crate) fn new(core: &Arc<Core>) -> Pruner {
        Pruner { core: Arc::clone(core) }
    }

    /// Removes what is older than it is kept, bite by bite. After each bite `go_on` hears what went so far, may wait, and says whether to go on.
    ///
    /// # Errors
    /// [`StoreError`]; what went before is gone, nothing else.
    pub fn prune(
        &self,
        keep: &Retention,
        now: Timestamp,
        go_on: &mut dyn FnMut(&Pruned) -> bool,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let kinds = [
            (Old::Runs, keep.runs_days),
            (Old::Journal, keep.journal_days),
            (Old::Alerts, keep.alerts_days),
            (Old::Wishes, keep.wishes_days),
        ];
        for (old, days) in kinds {
            loop {
                let gone = self.bite(old, before(now, days))?;
                match old {
                    Old::Runs => pruned.runs += gone,
                    Old::Journal => pruned.journal += gone,
                    Old::Alerts => pruned.alerts += gone,
                    Old::Wishes => pruned.wishes += gone,
                }
                if gone > 0 && !go_on(&pruned) {
                    return Ok(Pruned { stopped: true, ..pruned });
                }
                if gone < BITE {
                    break;
                }
            }
        }
        let output = self.core.state.join("output");
        prune_files(&output, before(now, keep.output_days), &mut pruned)?;
        Ok(pruned)
    }

    fn bite(&self, old: Old, before: Timestamp) -> Result<u64, StoreError> {
        let gone = Arc::new(AtomicU64::new(0));
        let bite = Bite { old, before_us: before.as_microsecond(), gone: Arc::clone(&gone) };
        self.core.writer.call(Work::Prune(bite)).map_err(Refusal::into_store)?;
        Ok(gone.load(Ordering::SeqCst))
    }
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
}

fn instant(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).expect("it was an instant")
}

/// Removes plain files that were last written before an instant, also from directories below; follows no link.
fn prune_files(dir: &Path, before: Timestamp, pruned: &mut Pruned) -> Result<(), StoreError> {
    let listed = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| io_error(dir, &e))?,
    };
    for entry in listed {
        let path = entry.map_err(|e| io_error(dir, &e))?.path();
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            prune_files(&path, before, pruned)?;
        } else if meta.is_file() {
            let written = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let limit = Duration::from_micros(before.as_microsecond().max(0).unsigned_abs());
            if written.is_some_and(|at| at < limit) && fs::remove_file(&path).is_ok() {
                pruned.output_files += 1;
                pruned.output_bytes += meta.len();
            }
        }
    }
    Ok(())
}
