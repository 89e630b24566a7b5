//! The reader: what commands, exports and the web ask of a database while another process may be writing it.
//!
//! Rule: it holds no lock, never writes, and never makes the writer wait; each answer is one snapshot. Start at [`Reader::open`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_engine::{JournalRow, StoreError};
use kobe_plan::{Reason, State};
use kobe_trade::book::Book;
use kobe_trade::chain::{Block, Fault as Break, Head};
use kobe_trade::fact::{Fact, What};
use kobe_trade::money::Decimal;
use kobe_trade::packet::Packet;
use kobe_trade::ports::Artifact;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use crate::alerts::{AlertRow, Waiting};
use crate::fault::{damaged, store_error};
use crate::operator::OperatorRow;
use crate::packed::unpacked;
use crate::rows::{
    About, ArtifactRow, CountRow, CursorRow, HoldRow, OrderRow, PacketRow, RUN_COLUMNS, RunRow, WishRow, instant,
    maybe_instant, maybe_word, run_row, unsigned, word,
};
use crate::state_files::number;
use crate::{alerts, desk_files, journal, ledger, open, operator, ulid};

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    path: PathBuf,
    schema: i64,
}

/// Which runs are asked for; a field that is `None` asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFilter<'a> {
    /// Of this task.
    pub task: Option<&'a str>,
    /// In this state.
    pub state: Option<State>,
    /// With this reason.
    pub reason: Option<Reason>,
    /// With a slot of this date.
    pub date: Option<Date>,
    /// At most so many.
    pub limit: usize,
}

impl RunFilter<'_> {
    /// Asks for the newest runs of all kinds.
    pub const fn newest(limit: usize) -> RunFilter<'static> {
        RunFilter { task: None, state: None, reason: None, date: None, limit }
    }
}

impl Reader {
    /// Opens the database of a state directory, or returns nothing when there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Newer`] or [`StoreError::Io`] when what is there cannot be read.
    pub fn open(state: &Path) -> Result<Option<Reader>, StoreError> {
        let Some((conn, path)) = open::read_only(state)? else { return Ok(None) };
        let schema = crate::schema::check(&conn, &path)?;
        Ok(Some(Reader { conn, path, schema }))
    }

    /// Returns the schema of the database. One that no instance of this build has opened yet is older: what came later is empty there.
    pub fn schema(&self) -> i64 {
        self.schema
    }

    pub(crate) fn parts(&self) -> (&Connection, &Path) {
        (&self.conn, &self.path)
    }

    /// Asks for something that came with schema 2.
    fn ask2<T: Default>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        if self.schema < 2 { Ok(T::default()) } else { self.ask(ask) }
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        ask(&self.conn).map_err(|e| store_error(&self.path, &e))
    }

    fn list<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.ask(|conn| conn.prepare_cached(sql)?.query_map(params, read)?.collect())
    }

    fn list_runs(&self, tail: &str, params: impl rusqlite::Params) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM runs r JOIN configs c ON c.id = r.config {tail}");
        self.list(&sql, params, run_row)
    }

    /// Returns runs, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read; so for every question of a reader.
    pub fn runs(&self, filter: &RunFilter<'_>) -> Result<Vec<RunRow>, StoreError> {
        let mut values: Vec<Value> = Vec::new();
        let mut conditions: Vec<String> = Vec::new();
        let mut ask = |column: &str, value: Option<String>| {
            if let Some(value) = value {
                values.push(Value::Text(value));
                conditions.push(format!("r.{column} = ?{}", values.len()));
            }
        };
        ask("task", filter.task.map(str::to_owned));
        ask("state", filter.state.map(|s| s.word().to_owned()));
        ask("reason", filter.reason.map(|r| r.word().to_owned()));
        ask("slot_date", filter.date.map(|d| d.to_string()));
        let conditions =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        values.push(Value::Integer(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
        let tail = format!("{conditions} ORDER BY r.id DESC LIMIT ?{}", values.len());
        self.list_runs(&tail, params_from_iter(values))
    }

    /// Returns a run by its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn run(&self, id: u64) -> Result<Option<RunRow>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        Ok(self.list_runs("WHERE r.id = ?1", [id])?.pop())
    }

    /// Returns the run of a slot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn run_of_slot(&self, task: &str, slot: &str) -> Result<Option<RunRow>, StoreError> {
        Ok(self.list_runs("WHERE r.slot = ?1 AND r.task = ?2", [slot, task])?.pop())
    }

    /// Returns the newest run of every task that has one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn latest_runs(&self) -> Result<BTreeMap<String, RunRow>, StoreError> {
        let rows = self.list_runs("JOIN cursors k ON k.last_run = r.id", [])?;
        Ok(rows.into_iter().map(|row| (row.task.clone(), row)).collect())
    }

    /// Returns runs from a number upwards, oldest first: what an export that has seen everything below still has to see.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn runs_from(&self, id: u64, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let (id, limit) = (i64::try_from(id).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
        self.list_runs("WHERE r.id >= ?1 ORDER BY r.id LIMIT ?2", [id, limit])
    }

    /// Returns the number from which all runs that are not over lie, and all runs of the `dates` newest dates.
    pub(crate) fn recent_from(&self, dates: usize) -> Result<u64, StoreError> {
        let sql = "SELECT min(coalesce((SELECT min(id) FROM runs WHERE slot_date IN (SELECT DISTINCT slot_date FROM runs ORDER BY slot_date DESC LIMIT ?1)), 1), \
                   coalesce((SELECT min(id) FROM runs WHERE state IN ('pending', 'running')), 9223372036854775807))";
        let dates = i64::try_from(dates).unwrap_or(i64::MAX);
        self.ask(|conn| conn.query_row(sql, [dates], |r| unsigned(r, 0)))
    }

    /// Returns of each task how many of its runs below a number were executed, and when the last of them began.
    pub(crate) fn executed_below(&self, id: u64) -> Result<Vec<(String, u64, Option<Timestamp>)>, StoreError> {
        let sql = "SELECT task, count(*), max(started_us) FROM runs WHERE id < ?1 AND attempt > 0 GROUP BY task";
        self.list(sql, [i64::try_from(id).unwrap_or(i64::MAX)], |r| {
            Ok((r.get(0)?, unsigned(r, 1)?, maybe_instant(r, 2)?))
        })
    }

    /// Returns the newest run of each task, below a number, whose last attempt failed.
    pub(crate) fn errors_below(&self, id: u64) -> Result<Vec<RunRow>, StoreError> {
        self.list_runs(
            "WHERE r.id IN (SELECT max(id) FROM runs WHERE outcome IN ('error', 'timed_out', 'lost') AND id < ?1 GROUP BY task)",
            [i64::try_from(id).unwrap_or(i64::MAX)],
        )
    }

    /// Returns how many runs of a date came to which end, in order of state and reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn counts(&self, date: Date) -> Result<Vec<CountRow>, StoreError> {
        let sql = "SELECT state, reason, count(*), sum(covers) FROM runs WHERE slot_date = ?1 GROUP BY state, reason ORDER BY state, reason";
        self.list(sql, [date.to_string()], |r| {
            Ok(CountRow {
                state: word(r, 0)?,
                reason: maybe_word(r, 1)?,
                runs: unsigned(r, 2)?,
                slots: unsigned(r, 3)?,
            })
        })
    }

    /// Returns the runs that are not over, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn live_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        self.list_runs("WHERE r.state IN ('pending', 'running') ORDER BY r.id", [])
    }

    /// Returns runs whose last attempt failed, newest first, whether they will be tried again or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_errors(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        self.list_runs(
            "WHERE r.outcome IN ('error', 'timed_out', 'lost') ORDER BY r.id DESC LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
        )
    }

    /// Returns how far tasks have been planned, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursors(&self) -> Result<Vec<CursorRow>, StoreError> {
        self.list("SELECT task, planned_to_us, turns, last_turn_us FROM cursors ORDER BY task", [], |r| {
            Ok(CursorRow {
                task: r.get(0)?,
                planned_to: instant(r, 1)?,
                turns: unsigned(r, 2)?,
                last_turn: maybe_instant(r, 3)?,
            })
        })
    }

    /// Returns wishes, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn wishes(&self, limit: usize) -> Result<Vec<WishRow>, StoreError> {
        let sql = format!("{} ORDER BY id DESC LIMIT ?1", self.wish_columns());
        self.list(&sql, [i64::try_from(limit).unwrap_or(i64::MAX)], wish_row)
    }

    fn wish_columns(&self) -> &'static str {
        match self.schema {
            1 => "SELECT id, 'run', task, reason, '', asked_us, done_us, note FROM wishes",
            _ => "SELECT id, verb, name, reason, operator, asked_us, done_us, note FROM wishes",
        }
    }

    /// Returns a wish and what came of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn wish(&self, id: u128) -> Result<Option<WishRow>, StoreError> {
        let sql = format!("{} WHERE id = ?1", self.wish_columns());
        Ok(self.list(&sql, [ulid::text(id)], wish_row)?.pop())
    }

    /// Returns alerts, newest first; only those that were not told, if that is asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, limit: usize, unsent: bool) -> Result<Vec<AlertRow>, StoreError> {
        self.ask2(|conn| alerts::newest(conn, limit, unsent))
    }

    /// Returns how many alerts were not told yet, and how old the oldest of them is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts_waiting(&self) -> Result<Waiting, StoreError> {
        self.ask2(alerts::waiting)
    }

    /// Returns what operators hold now, lanes before tasks, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn holds(&self) -> Result<Vec<HoldRow>, StoreError> {
        if self.schema < 2 {
            return Ok(Vec::new());
        }
        self.list("SELECT kind, name, reason, operator, since_us FROM holds ORDER BY kind, name", [], |r| {
            Ok(HoldRow {
                kind: r.get(0)?,
                name: r.get(1)?,
                reason: r.get(2)?,
                operator: r.get(3)?,
                since: instant(r, 4)?,
            })
        })
    }

    /// Returns what operators did, from one number (the first is 0) upwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn operator_log(&self, from: u64, limit: usize) -> Result<Vec<OperatorRow>, StoreError> {
        self.ask2(|conn| operator::rows(conn, from, limit))
    }

    /// Returns the stored end of the operator log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn operator_head(&self) -> Result<Head, StoreError> {
        self.ask2(operator::head)
    }

    /// Verifies the operator log: its end, or the first place where it is broken.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read at all.
    pub fn verify_operator_log(&self) -> Result<Result<Head, Break>, StoreError> {
        if self.schema < 2 { Ok(Ok(Head::default())) } else { operator::verify(&self.conn, &self.path) }
    }

    /// Returns the journal of a range of time, both ends included, from the last row before it at which a machine begins; if there is none, from the first such row inside.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn journal(&self, from: Timestamp, to: Timestamp) -> Result<Vec<JournalRow>, StoreError> {
        let mut rows = Vec::new();
        self.journal_each(from, to, |row| rows.push(row))?;
        Ok(rows)
    }

    /// Gives the journal of a range of time to `each`, row by row: what [`Reader::journal`] returns, without keeping it.
    ///
    /// # Errors
    /// [`StoreError`]; rows before the one that cannot be read have been given.
    pub fn journal_each(
        &self,
        from: Timestamp,
        to: Timestamp,
        mut each: impl FnMut(JournalRow),
    ) -> Result<(), StoreError> {
        self.ask2(|conn| journal::read(conn, from, to, &mut each))
    }

    /// Returns the desk files of a configuration as they were kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn desk(&self, hash: &str) -> Result<Option<Vec<kobe_plan::SourceFile>>, StoreError> {
        let text = self.ask2(|conn| {
            conn.prepare_cached("SELECT files FROM desks WHERE hash = ?1")?
                .query_row([hash], |r| unpacked(r, 0))
                .optional()
        })?;
        let read = |text: String| {
            desk_files::read(&text).map_err(|why| damaged(&self.path, &format!("the desk files of {hash}: {why}")))
        };
        text.map(read).transpose()
    }

    /// Returns facts with their numbers, from one number upwards.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a fact cannot be read.
    pub fn facts(&self, from: u64, limit: usize) -> Result<Vec<(u64, Fact)>, StoreError> {
        ledger::facts(&self.conn, &self.path, from, limit)
    }

    /// Returns the book that all facts make: positions, trades, orders, budget, curve. The chain is verified on the way.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the chain is broken or a fact cannot be.
    pub fn book(&self) -> Result<Book, StoreError> {
        ledger::fold(&self.conn, &self.path).map(|(book, _)| book)
    }

    /// Returns blocks of the audit chain, from one number (the first is 0) upwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, StoreError> {
        self.ask(|conn| ledger::blocks(conn, from, limit))
    }

    /// Returns the stored end of the audit chain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn head(&self) -> Result<Head, StoreError> {
        self.ask(ledger::head)
    }

    /// Verifies the audit chain: its end, or the first place where it is broken.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read at all.
    pub fn verify_chain(&self) -> Result<Result<Head, Break>, StoreError> {
        ledger::verify(&self.conn, &self.path)
    }

    /// Returns intents and where they stand, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn orders(&self, limit: usize) -> Result<Vec<OrderRow>, StoreError> {
        self.list_orders("DESC", limit)
    }

    pub(crate) fn orders_oldest_first(&self) -> Result<Vec<OrderRow>, StoreError> {
        self.list_orders("ASC", usize::MAX)
    }

    fn list_orders(&self, direction: &str, limit: usize) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT decision_id, idempotency_key, created_at, state, broker_order_id, payload_hash FROM idempotency \
             ORDER BY created_at {direction}, decision_id LIMIT ?1"
        );
        self.list(&sql, [i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
            Ok(OrderRow {
                decision_id: r.get(0)?,
                idempotency_key: r.get(1)?,
                created_at: instant(r, 2)?,
                state: r.get(3)?,
                broker_order_id: r.get(4)?,
                payload_hash: r.get(5)?,
            })
        })
    }

    /// Returns the newest day's budget as its export shows it, if there was one.
    pub(crate) fn budget(&self) -> Result<Option<serde_json::Value>, StoreError> {
        let sql = "SELECT date, mode, committed, reserved, entries, per_day, per_order FROM budget ORDER BY date DESC LIMIT 1";
        let rows = self.list(sql, [], |r| {
            let dollars = |column: usize| word::<Decimal>(r, column).map(number);
            Ok(serde_json::json!({
                "date": r.get::<_, String>(0)?,
                "mode": r.get::<_, String>(1)?,
                "committed": dollars(2)?,
                "reserved": dollars(3)?,
                "entries": r.get::<_, i64>(4)?,
                "limit": dollars(5)?,
                "per_order": dollars(6)?,
            }))
        })?;
        Ok(rows.into_iter().next())
    }

    /// Returns decision packets without their content, newest first; of one date, if one is given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn packets(&self, date: Option<Date>, limit: usize) -> Result<Vec<PacketRow>, StoreError> {
        let sql = "SELECT packet_id, decision_id, seq, created_us, day, decision, reason, packet_hash FROM packets \
                   WHERE ?1 IS NULL OR day = ?1 ORDER BY seq DESC LIMIT ?2";
        let date = date.map(|d| d.to_string());
        self.list(sql, params![date, i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
            Ok(PacketRow {
                packet_id: r.get(0)?,
                decision_id: r.get(1)?,
                seq: unsigned(r, 2)?,
                created_at: instant(r, 3)?,
                day: word(r, 4)?,
                decision: r.get(5)?,
                reason: r.get(6)?,
                packet_hash: r.get(7)?,
            })
        })
    }

    /// Returns a decision packet whole, by its name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when its fact is no packet.
    pub fn packet(&self, packet_id: &str) -> Result<Option<Packet>, StoreError> {
        let seq = self.ask(|conn| {
            conn.query_row("SELECT seq FROM packets WHERE packet_id = ?1", [packet_id], |r| unsigned(r, 0)).optional()
        })?;
        let Some(seq) = seq else { return Ok(None) };
        match self.facts(seq, 1)?.pop() {
            Some((_, Fact { what: What::Decided { packet }, .. })) => Ok(Some(*packet)),
            _ => Err(damaged(&self.path, &format!("fact {seq} is not the packet {packet_id}"))),
        }
    }

    /// Returns what functions left, without content, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn artifacts(&self) -> Result<Vec<ArtifactRow>, StoreError> {
        let sql = "SELECT name, function, task, date, at_us, length(CAST(body AS BLOB)) FROM artifacts ORDER BY name";
        self.list(sql, [], |r| {
            Ok(ArtifactRow {
                name: r.get(0)?,
                function: r.get(1)?,
                task: r.get(2)?,
                date: word(r, 3)?,
                at: instant(r, 4)?,
                size: unsigned(r, 5)?,
            })
        })
    }

    /// Returns the newest artifact of a name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn artifact(&self, name: &str) -> Result<Option<Artifact>, StoreError> {
        self.ask(|conn| ledger::artifact(conn, name))
    }

    /// Returns what the database says of itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn about(&self) -> Result<About, StoreError> {
        let meta: BTreeMap<String, String> =
            self.list("SELECT key, value FROM meta", [], |r| Ok((r.get(0)?, r.get(1)?)))?.into_iter().collect();
        let instant = |key: &str| {
            meta.get(key).and_then(|us| us.parse().ok()).and_then(|us| Timestamp::from_microsecond(us).ok())
        };
        let text = |key: &str| meta.get(key).cloned().unwrap_or_default();
        let runs = self.ask(|conn| conn.query_row("SELECT count(*) FROM runs", [], |r| unsigned(r, 0)))?;
        Ok(About {
            schema: crate::schema::check(&self.conn, &self.path)?,
            created_at: instant("created_us"),
            opened_at: instant("opened_us"),
            build: text("build"),
            config: text("config"),
            runs,
            facts: self.head()?.count,
        })
    }

    /// Reads every page of the database.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the first damage.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        open::quick_check(&self.conn, &self.path)
    }

    /// Returns a number that changes whenever anybody writes; cheap to ask.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.ask(|conn| conn.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0)))
    }
}

fn wish_row(r: &Row<'_>) -> rusqlite::Result<WishRow> {
    Ok(WishRow {
        id: r.get(0)?,
        verb: word(r, 1)?,
        name: r.get(2)?,
        reason: r.get(3)?,
        operator: r.get(4)?,
        asked_at: instant(r, 5)?,
        done_at: maybe_instant(r, 6)?,
        note: r.get(7)?,
    })
}
