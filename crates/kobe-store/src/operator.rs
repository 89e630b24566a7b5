//! The operator log: who asked for what, why, and what came of it, as a hash chain.
//!
//! Rule: an entry is written in the transaction of what it tells of, and never changes or goes. Each names the hash of the one before; count and last hash stand beside the
//! chain, so that a cut tail is found. Start at [`OperatorEntry`].

use std::path::Path;

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_plan::Hold;
use kobe_trade::chain::{Block, Fault as Break, Head};
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde_json::json;

use crate::fault::store_error;
use crate::ledger;
use crate::rows::{instant, unsigned};

/// Where the log stands in a database.
const HEAD: &str = "SELECT count, hash FROM operator_head WHERE one = 1";
const ROWS: &str = "SELECT seq, at_us, operator, action, target, reason, result, prev_hash, this_hash FROM operator_log WHERE seq >= ?1 ORDER BY seq LIMIT ?2";

/// One thing an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorRow {
    /// Its number, from 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub operator: String,
    /// What: the verb of a wish, `held` or `released`.
    pub action: String,
    /// Of what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub result: String,
    /// Hash of the entry before; `None` on the first.
    pub prev_hash: Option<String>,
    /// Hash of this entry.
    pub this_hash: String,
}

impl OperatorRow {
    /// Returns the entry as a block of a chain.
    fn block(&self) -> Block {
        let payload = payload(self.at, [&self.operator, &self.action, &self.target, &self.reason, &self.result]);
        Block { prev_hash: self.prev_hash.clone(), payload, this_hash: self.this_hash.clone() }
    }
}

fn payload(at: Timestamp, [operator, action, target, reason, result]: [&str; 5]) -> serde_json::Value {
    json!({
        "at_us": at.as_microsecond(), "operator": operator, "action": action, "target": target, "reason": reason, "result": result,
    })
}

/// An entry that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub operator: String,
    /// What.
    pub action: String,
    /// Of what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub result: String,
}

impl OperatorEntry {
    /// Tells of a hold that was set or let go.
    pub(crate) fn of_hold(hold: &Hold) -> OperatorEntry {
        OperatorEntry {
            at: hold.at,
            operator: hold.operator.clone(),
            action: if hold.on { "held".into() } else { "released".into() },
            target: hold.held.to_string(),
            reason: hold.reason.clone(),
            result: String::new(),
        }
    }

    /// Gives it its place behind a head.
    pub(crate) fn follow(self, head: &Head) -> (OperatorRow, Head) {
        let OperatorEntry { at, operator, action, target, reason, result } = self;
        let payload = payload(at, [&operator, &action, &target, &reason, &result]);
        let block = Block::new(head.hash.as_deref(), payload).expect("whole numbers and texts");
        let next = Head { count: head.count + 1, hash: Some(block.this_hash.clone()) };
        let (prev_hash, this_hash) = (block.prev_hash, block.this_hash);
        (OperatorRow { seq: head.count, at, operator, action, target, reason, result, prev_hash, this_hash }, next)
    }

    /// Writes it at the end of the log, inside the transaction that the caller has begun.
    pub(crate) fn append(&self, conn: &Connection) -> rusqlite::Result<()> {
        let (row, head) = self.clone().follow(&head(conn)?);
        conn.prepare_cached(
            "INSERT INTO operator_log (seq, at_us, operator, action, target, reason, result, prev_hash, this_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            row.seq as i64,
            row.at.as_microsecond(),
            row.operator,
            row.action,
            row.target,
            row.reason,
            row.result,
            row.prev_hash,
            row.this_hash
        ])?;
        conn.prepare_cached("UPDATE operator_head SET count = ?1, hash = ?2 WHERE one = 1")?
            .execute(params![head.count as i64, head.hash])
            .map(|_| ())
    }
}

/// Returns the stored head of the log.
pub(crate) fn head(conn: &Connection) -> rusqlite::Result<Head> {
    conn.prepare_cached(HEAD)?.query_row([], |r| Ok(Head { count: unsigned(r, 0)?, hash: r.get(1)? }))
}

/// Returns entries from a number upwards.
pub(crate) fn rows(conn: &Connection, from: u64, limit: usize) -> rusqlite::Result<Vec<OperatorRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare_cached(ROWS)?.query_map(params![from as i64, limit], row)?.collect()
}

/// Verifies the whole log against its stored head.
pub(crate) fn verify(conn: &Connection, path: &Path) -> Result<Result<Head, Break>, StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    // One snapshot for head and entries, whoever writes meanwhile.
    let tx = conn.unchecked_transaction().map_err(on)?;
    let stored = head(&tx).map_err(on)?;
    ledger::verify_pages(&stored, |from, limit| {
        rows(&tx, from, limit).map(|rows| rows.iter().map(OperatorRow::block).collect()).map_err(on)
    })
}

fn row(r: &Row<'_>) -> rusqlite::Result<OperatorRow> {
    Ok(OperatorRow {
        seq: unsigned(r, 0)?,
        at: instant(r, 1)?,
        operator: r.get(2)?,
        action: r.get(3)?,
        target: r.get(4)?,
        reason: r.get(5)?,
        result: r.get(6)?,
        prev_hash: r.get(7)?,
        this_hash: r.get(8)?,
    })
}
