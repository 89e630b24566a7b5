//! SQLite: rows of runs in `STATE/kobe.db`.
//!
//! Rule: one instance a directory, one thread that writes, everything of one turn in one durable transaction. Readers use connections of their own and are never waited for.
//! Start at [`SqliteStore::open`].

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::{Batch, Store, StoreError};
use kobe_plan::scheduler::{Recovered, RecoveredCursor};
use kobe_plan::{Change, Desk, Held, Hold, Slot, Wish};
use rusqlite::Connection;

use crate::alerts::{Bell, SqliteOutbox};
use crate::books::SqliteBooks;
use crate::fault::{Refusal, damaged, database_path, store_error};
use crate::journal::JournalWrite;
use crate::lock::{Holder, InstanceLock, LockError};
use crate::mark::Mark;
use crate::operator::OperatorEntry;
use crate::packed::Packed;
use crate::place::{self, Place};
use crate::prune::Pruner;
use crate::rows::{RUN_COLUMNS, RunWrite, day_before, instant, maybe_instant, run_row, unsigned, word};
use crate::work::{Memory, OpenedWrite, TurnWrite, Work, Write};
use crate::writer::Writer;
use crate::{backup, books, desk_files, open, reserve, ulid};

/// A slot is due no later than this after its date: a distance from the close, or a holiday season that moved it to the next session.
const SLOT_TO_DUE: SignedDuration = SignedDuration::from_hours(24 * 15);

/// Runs that are over and come back at a start, at most: the newest.
pub(crate) const ENDED_MOST: usize = 200_000;

/// What an instance says of itself when it opens a database; it goes with every configuration that rows are written under.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// Which build writes.
    pub build: &'a str,
    /// Version of the market calendar.
    pub calendar: &'a str,
    /// Version of the time zone data.
    pub tzdb: &'a str,
}

/// Why a state directory cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another instance has it.
    #[error("{} is held by {}", state.display(), holder.as_ref().map_or_else(|| String::from("another instance"), ToString::to_string))]
    Held {
        /// The directory.
        state: PathBuf,
        /// Who holds it; unknown for the instant in which it is being taken.
        holder: Option<Holder>,
    },
    /// It cannot be read or written, or what is there is damaged or too new.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What everything that writes shares.
#[derive(Debug)]
pub(crate) struct Core {
    // Fields are dropped in this order: the database is closed before the lock falls.
    pub writer: Writer,
    pub state: PathBuf,
    /// The books, while a handle of them is there.
    pub books: Mutex<Weak<books::Inner>>,
    /// Rung after a commit that stored alerts.
    pub bell: Bell,
    _lock: InstanceLock,
}

impl Core {
    pub(crate) fn path(&self) -> PathBuf {
        database_path(&self.state)
    }

    /// Opens a connection that only reads.
    pub(crate) fn reader(&self) -> Result<Connection, StoreError> {
        let (conn, _) = open::read_only(&self.state)?.ok_or_else(|| damaged(&self.path(), "it is gone"))?;
        Ok(conn)
    }

    /// Reads, unless a fault has ended everything; a fault met here ends everything.
    pub(crate) fn read<T>(&self, ask: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.writer.whole()?;
        ask().map_err(|e| self.writer.met(store_error(&self.path(), &e)))
    }
}

/// Rows of runs in SQLite. The database is closed and the lock falls when this and every [`SqliteBooks`] of it are gone.
#[derive(Debug)]
pub struct SqliteStore {
    // Closed before the writer: the last connection to go folds the log in, and a reader could not.
    reader: Connection,
    core: Arc<Core>,
    desk: Known,
    /// `data_version` at which there was no open wish.
    no_wish_at: Option<i64>,
    /// The log as it stood at that look.
    log_at: Option<LogLook>,
    /// How the state differs from the one that was settled, as this opening or an earlier one has noticed it.
    moved: Option<String>,
}

impl SqliteStore {
    /// Opens the database of a state directory, making both where they are not there.
    ///
    /// # Errors
    /// [`OpenError::Held`] when another instance has the directory; [`StoreError::Corrupt`] and [`StoreError::Newer`] when what is there is damaged or was written by a
    /// newer Kobe, and it is left as it is; [`StoreError::Io`], [`StoreError::Full`] and [`StoreError::Busy`] as they say.
    pub fn open(state: &Path, opening: &Opening<'_>) -> Result<SqliteStore, OpenError> {
        if fs::symlink_metadata(database_path(state)).is_err()
            && let Some(left) = backup::interrupted(state)
        {
            return Err(left.into());
        }
        open::state_directory(state)?;
        let lock = InstanceLock::take(state, opening.now).map_err(|e| match e {
            LockError::Held(holder) => OpenError::Held { state: state.to_owned(), holder },
            LockError::Store(error) => OpenError::Store(error),
        })?;
        let conn = open::prepare(state, opening.build, opening.now)?;
        let here = Place::here(state)?;
        let on = |e: rusqlite::Error| store_error(&database_path(state), &e);
        let stored = Place::stored(&conn).map_err(on)?;
        let came = Mark::of(&conn).map_err(on)?;
        let moved = (place::unsettled(&conn).map_err(on)?)
            .or_else(|| stored.as_ref().and_then(|stored| here.moved_from(stored)))
            .or_else(|| Mark::read(state).and_then(|mark| came.behind(mark)));
        let memory = Memory::new(opening.build, opening.calendar, opening.tzdb);
        let writer = Writer::start(conn, &database_path(state), memory)?;
        let core = Arc::new(Core {
            writer,
            state: state.to_owned(),
            books: Mutex::default(),
            bell: Bell::default(),
            _lock: lock,
        });
        let place = stored.is_none().then_some(here);
        let opened = OpenedWrite {
            at_us: opening.now.as_microsecond(),
            build: opening.build.to_owned(),
            place,
            unsettled: moved.clone(),
        };
        reserve::with(state, reserve::is_full, || {
            core.writer.call(Work::Opened(opened.clone())).map_err(Refusal::into_store)
        })?;
        let reader = core.reader().map_err(|e| core.writer.met(e))?;
        core.read(|| Mark::of(&reader))?.raise(state);
        Ok(SqliteStore { reader, core, desk: Known::default(), no_wish_at: None, log_at: None, moved })
    }

    /// Opens the books in the same database: reads all facts, verifies their chain, and folds them. Later calls return the same books.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the chain is broken or a fact cannot be.
    pub fn books(&self) -> Result<SqliteBooks, StoreError> {
        SqliteBooks::open(&self.core)
    }

    /// Opens the outbox in the same database: alerts of turns and all others.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    pub fn outbox(&self) -> Result<SqliteOutbox, StoreError> {
        SqliteOutbox::open(&self.core)
    }

    /// Has `ring` called after every commit that stored alerts, on the thread that committed; a later call takes its place. It must not wait for anything.
    pub fn on_alert(&self, ring: Arc<dyn Fn() + Send + Sync>) {
        self.core.bell.set(ring);
    }

    /// Keeps the text of the desk files of a configuration, so that its journal can be replayed. One that is kept already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    fn keep_desk(&self, hash: &str, files_json: &str, now: Timestamp) -> Result<(), StoreError> {
        let desk = Work::Desk { hash: hash.to_owned(), files: Packed::new(files_json), at_us: now.as_microsecond() };
        self.core.writer.call(desk).map_err(Refusal::into_store)
    }

    /// Answers a wish that is no business of the machine, with its row in the operator log.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not open; nothing was stored.
    pub fn answer(&self, id: u128, note: String, now: Timestamp) -> Result<(), StoreError> {
        let answer = Work::Answer { id, note: note.into(), at_us: now.as_microsecond() };
        self.core.writer.call(answer).map_err(Refusal::into_store)
    }

    /// Says how this state directory differs from the one that was last settled: it was copied, moved, or its database was put back by hand. Every opening says so, whoever opens
    /// it and however often, until it is settled. What may trade must be frozen first, then [`SqliteStore::settle`] makes this its place.
    pub fn moved(&self) -> Option<&str> {
        self.moved.as_deref()
    }

    /// Settles the database where it lies: from the next opening on it has not moved.
    ///
    /// # Errors
    /// [`StoreError`]; it is as moved as before.
    pub fn settle(&self) -> Result<(), StoreError> {
        let here = Place::here(&self.core.state)?;
        self.core.writer.call(Work::Settle(here)).map_err(Refusal::into_store)?;
        let came = self.core.read(|| Mark::of(&self.reader))?;
        came.set(&self.core.state);
        Ok(())
    }

    /// Writes what an operator did outside the machine into the operator log.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    pub fn log_operator(&self, entry: OperatorEntry) -> Result<(), StoreError> {
        self.core.writer.call(Work::Operator(entry)).map_err(Refusal::into_store)
    }

    /// Returns what removes old rows and files while the desk runs. It holds the state like the store it came from.
    pub fn pruner(&self) -> Pruner {
        Pruner::new(&self.core)
    }

    /// Returns the state directory.
    pub fn state(&self) -> &Path {
        &self.core.state
    }

    fn ask_recovered(&self) -> rusqlite::Result<(Vec<RecoveredCursor>, Vec<crate::rows::RunRow>, u64)> {
        let cursors = self
            .reader
            .prepare_cached("SELECT task, planned_to_us, turns, last_turn_us FROM cursors")?
            .query_map([], |r| {
                Ok(RecoveredCursor {
                    task: r.get(0)?,
                    planned_to: instant(r, 1)?,
                    turns: unsigned(r, 2)?,
                    last_turn: maybe_instant(r, 3)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs r JOIN configs c ON c.id = r.config WHERE r.state IN ('pending', 'running') ORDER BY r.id"
        );
        let live = self.reader.prepare(&sql)?.query_map([], run_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
        let newest: Option<i64> = self.reader.query_row("SELECT max(id) FROM runs", [], |r| r.get(0))?;
        Ok((cursors, live, newest.unwrap_or(0) as u64 + 1))
    }

    fn ask_holds(&self) -> rusqlite::Result<Vec<Hold>> {
        self.reader
            .prepare_cached("SELECT kind, name, reason, operator, since_us FROM holds ORDER BY kind, name")?
            .query_map([], |r| {
                let bad = |e: kobe_plan::task::UnknownWord| {
                    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e))
                };
                let held = Held::from_words(r.get_ref(0)?.as_str()?, r.get_ref(1)?.as_str()?).map_err(bad)?;
                Ok(Hold { held, on: true, reason: r.get(2)?, operator: r.get(3)?, at: instant(r, 4)? })
            })?
            .collect()
    }

    /// Returns the runs of the two newest dates that are over, if one of them failed: what waits for a task that failed must not start because of a restart.
    fn ask_ended(&self) -> rusqlite::Result<Vec<crate::rows::RunRow>> {
        let newest: Option<String> = self.reader.query_row("SELECT max(slot_date) FROM runs", [], |r| r.get(0))?;
        let Some(from) = newest.and_then(|text| text.parse().ok()).and_then(day_before) else { return Ok(Vec::new()) };
        let from = from.to_string();
        let failed = self
            .reader
            .prepare("SELECT 1 FROM runs WHERE state = 'failed' AND slot_date >= ?1 LIMIT 1")?
            .exists([&from])?;
        if !failed {
            return Ok(Vec::new());
        }
        // Turns of context-driven tasks (`#17`) belong to no date that others wait for.
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs r JOIN configs c ON c.id = r.config WHERE r.slot_date >= ?1 AND r.state IN ('completed', 'failed', 'skipped') \
             AND substr(r.slot, 1, 1) <> '#' ORDER BY r.id DESC LIMIT {ENDED_MOST}"
        );
        let mut ended: Vec<_> =
            self.reader.prepare(&sql)?.query_map([from], run_row)?.collect::<rusqlite::Result<_>>()?;
        ended.reverse();
        Ok(ended)
    }

    fn ask_wishes(reader: &Connection) -> rusqlite::Result<Vec<Wish>> {
        reader
            .prepare_cached(
                "SELECT id, verb, name, reason, operator, asked_us FROM wishes WHERE done_us IS NULL ORDER BY id",
            )?
            .query_map([], |r| {
                let id: String = r.get(0)?;
                let id = ulid::parse(&id).ok_or_else(|| {
                    let why = format!("`{id}` is no ULID");
                    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why.into())
                })?;
                Ok(Wish {
                    id,
                    verb: word(r, 1)?,
                    name: r.get(2)?,
                    reason: r.get(3)?,
                    operator: r.get(4)?,
                    asked_at: instant(r, 5)?,
                })
            })?
            .collect()
    }
}

impl Store for SqliteStore {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let (cursors, live, next_run) = self.core.read(|| self.ask_recovered())?;
        let holds = self.core.read(|| self.ask_holds())?;
        let ended = self.core.read(|| self.ask_ended())?;
        let recovered = |rows: Vec<crate::rows::RunRow>| {
            let rows = rows.into_iter().map(crate::rows::RunRow::recovered).collect::<Result<Vec<_>, _>>();
            rows.map_err(|why| self.core.writer.met(damaged(&self.core.path(), &why)))
        };
        let (live, ended) = (recovered(live)?, recovered(ended)?);
        Ok(Recovered { cursors, live, next_run, taken: Vec::new(), holds, ended })
    }

    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, Slot)>, StoreError> {
        let reader = &self.reader;
        // A slot lies near its date, whatever moves it; so the index of dates is enough.
        let from = (now - SLOT_TO_DUE).to_zoned_datetime(TimeZone::UTC).date().to_string();
        let rows: Vec<(String, String)> = self.core.read(|| {
            let mut ask = reader.prepare("SELECT task, slot FROM runs WHERE slot_date >= ?1 AND due_us > ?2")?;
            ask.query_map((from, now.as_microsecond()), |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
        })?;
        let slot = |(task, text): (String, String)| match text.parse::<Slot>() {
            Ok(slot) => Ok((task, slot)),
            Err(why) => Err(self.core.writer.met(damaged(&self.core.path(), &why.to_string()))),
        };
        rows.into_iter().map(slot).collect()
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.core.writer.whole()?;
        if self.desk.config.as_deref() != Some(batch.desk.hash.as_str()) {
            // Before the first row under it: what is journaled can be lived again, whatever happens to the files.
            self.keep_desk(&batch.desk.hash, &desk_files::write(&batch.desk.files), batch.at)?;
        }
        let turn = self.desk.turn(batch)?;
        let alerts = batch.changes.iter().any(|change| matches!(change, Change::Alert(_)));
        self.core.writer.call(Work::Turn(turn)).map_err(Refusal::into_store)?;
        if alerts {
            self.core.bell.ring();
        }
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        // Nobody writes without writing the log: as long as that stands still, the database need not be asked.
        self.core.writer.whole()?;
        let look = LogLook::take(&self.core.path());
        if look.is_some() && self.log_at == look && self.no_wish_at.is_some() {
            return Ok(Vec::new());
        }
        let reader = &self.reader;
        let seen =
            self.core.read(|| reader.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get::<_, i64>(0)))?;
        self.log_at = look;
        if self.no_wish_at == Some(seen) {
            return Ok(Vec::new());
        }
        let wishes = self.core.read(|| SqliteStore::ask_wishes(reader))?;
        self.no_wish_at = wishes.is_empty().then_some(seen);
        Ok(wishes)
    }
}

/// Size and time of the log of the database; only one that has stood still for a while tells anything, since a file system counts time in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogLook {
    bytes: u64,
    changed: std::time::SystemTime,
}

/// No file system that a database lies on counts time in longer steps.
const STEPS: std::time::Duration = std::time::Duration::from_millis(100);

impl LogLook {
    fn take(database: &Path) -> Option<LogLook> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let meta = std::fs::metadata(log).ok()?;
        let changed = meta.modified().ok()?;
        let stood_still = changed.elapsed().is_ok_and(|for_so_long| for_so_long > STEPS);
        stood_still.then_some(LogLook { bytes: meta.len(), changed })
    }
}

/// What is known of the desk of the latest batch: shared names, its zone, the day last looked at.
#[derive(Debug, Default)]
struct Known {
    config: Option<Arc<str>>,
    names: Vec<Arc<str>>,
    zone: Option<TimeZone>,
    /// A date, its text, and the instants between which it is that date.
    day: Option<(Timestamp, Timestamp, String)>,
}

impl Known {
    /// Turns a batch into rows. Of several rows of one run the last stands for all.
    fn turn(&mut self, batch: &Batch<'_>) -> Result<TurnWrite, StoreError> {
        self.learn(batch.desk)?;
        let config = self.config.clone().expect("learned above");
        let mut writes: Vec<Write> = Vec::with_capacity(batch.changes.len());
        let mut places: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
        for change in batch.changes {
            let write = match change {
                Change::Run(run) => {
                    let task = Arc::clone(&self.names[run.task.at()]);
                    let date = self.date(run.slot, run.due);
                    let new = RunWrite::new(run, task, date);
                    if let Some(place) = places.get(&new.id) {
                        let Write::Run(old) = &mut writes[*place] else { unreachable!("places are of runs") };
                        if old.state.is_terminal()
                            || old.task != new.task
                            || old.slot != new.slot
                            || old.attempt > new.attempt + 1
                        {
                            return Err(StoreError::Conflict(crate::work::contradiction(
                                old.id,
                                [&old.task, &old.slot, old.state.word()],
                                old.attempt,
                                [&new.task, &new.slot, new.state.word()],
                                new.attempt,
                            )));
                        }
                        *old = new;
                        continue;
                    }
                    places.insert(new.id, writes.len());
                    Write::Run(new)
                }
                Change::Cursor(cursor) => {
                    let new = Write::Cursor {
                        task: Arc::clone(&self.names[cursor.task.at()]),
                        planned_to_us: cursor.planned_to.as_microsecond(),
                        turns: cursor.turns,
                        last_turn_us: cursor.last_turn.map(Timestamp::as_microsecond),
                    };
                    let Write::Cursor { task, .. } = &new else { unreachable!("made above") };
                    let same = |w: &&mut Write| matches!(w, Write::Cursor { task: t, .. } if Arc::ptr_eq(t, task));
                    if batch.changes.len() <= 64
                        && let Some(old) = writes.iter_mut().find(same)
                    {
                        *old = new;
                        continue;
                    }
                    new
                }
                Change::WishDone { id, note } => Write::WishDone { id: *id, note: note.clone() },
                Change::Orphan { id, at } => Write::Orphan { id: id.0, at_us: at.as_microsecond() },
                Change::Alert(alert) => Write::Alert(alert.clone()),
                Change::Hold(hold) => Write::Hold(hold.clone()),
            };
            writes.push(write);
        }
        let journal = batch.journal.iter().map(JournalWrite::new).collect();
        Ok(TurnWrite { config, at_us: batch.at.as_microsecond(), writes, journal })
    }

    fn learn(&mut self, desk: &Desk) -> Result<(), StoreError> {
        if self.config.as_deref() == Some(desk.hash.as_str()) && self.names.len() == desk.tasks.len() {
            return Ok(());
        }
        let zone = TimeZone::get(&desk.zone)
            .map_err(|e| StoreError::Conflict(format!("the desk's zone {} is unknown: {e}", desk.zone)))?;
        self.config = Some(Arc::from(desk.hash.as_str()));
        self.names = desk.tasks.iter().map(|t| Arc::from(t.name.as_str())).collect();
        self.zone = Some(zone);
        self.day = None;
        Ok(())
    }

    /// Returns the date a slot belongs to, as text.
    fn date(&mut self, slot: Slot, due: Timestamp) -> String {
        match slot {
            Slot::Wall { at, .. } => at.date().to_string(),
            Slot::Session { date, .. } => date.to_string(),
            // A session of another venue may have another date there.
            Slot::Venue { .. } | Slot::Interval { .. } | Slot::Cooldown { .. } | Slot::Manual { .. } => {
                if let Some((from, to, text)) = &self.day
                    && *from <= due
                    && due < *to
                {
                    return text.clone();
                }
                let zone = self.zone.clone().expect("learned before");
                let local = due.to_zoned_datetime(zone.clone());
                let text = local.date().to_string();
                let midnight = |date: Date| date.to_zoned_datetime(zone.clone()).map(|z| z.timestamp());
                if let (Ok(from), Ok(Ok(to))) = (midnight(local.date()), local.date().tomorrow().map(midnight)) {
                    self.day = Some((from, to, text.clone()));
                }
                text
            }
        }
    }
}
