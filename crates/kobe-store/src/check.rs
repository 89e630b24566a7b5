//! Checks: whether a database is whole, down to the last block of its chains.
//!
//! Rule: everything is read, nothing is changed, and what is found is told with its place. Start at [`check_chains`] and [`check_database`].

use std::collections::BTreeMap;

use kobe_engine::StoreError;
use kobe_trade::chain::{Fault as Break, Head};
use rusqlite::Connection;
use serde::Serialize;

use crate::fault::{damaged, store_error};
use crate::reader::Reader;

/// What the hash chains of a database came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chains {
    /// The facts of the books: the end of the chain, or the first place where it is broken.
    pub audit: Result<Head, Break>,
    /// What operators did.
    pub operators: Result<Head, Break>,
}

impl Chains {
    /// Tells whether both are whole.
    pub fn are_whole(&self) -> bool {
        self.audit.is_ok() && self.operators.is_ok()
    }
}

/// Verifies every hash chain of a database.
///
/// # Errors
/// [`StoreError`] when one cannot be read at all.
pub fn check_chains(reader: &Reader) -> Result<Chains, StoreError> {
    Ok(Chains { audit: reader.verify_chain()?, operators: reader.verify_operator_log()? })
}

/// A database that was read from end to end and is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its schema.
    pub schema: i64,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// The end of the audit chain.
    pub chain: Head,
    /// The end of the operator log.
    pub operator_log: Head,
    /// The runs of the newest date, the newest fact: how far it goes.
    pub newest: Option<jiff::Timestamp>,
}

/// Reads a database from end to end: every page and index, both chains, and the fold of all facts.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first damage.
pub fn check_database(reader: &Reader) -> Result<Checked, StoreError> {
    let (conn, path) = reader.parts();
    let on = |e: rusqlite::Error| store_error(path, &e);
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)).map_err(on)?;
    if found != "ok" {
        return Err(damaged(path, found.trim()));
    }
    let broken = |what: &str, fault: Break| damaged(path, &format!("the {what} is broken: {fault}"));
    let chains = check_chains(reader)?;
    let chain = chains.audit.map_err(|fault| broken("audit chain", fault))?;
    let operator_log = chains.operators.map_err(|fault| broken("operator log", fault))?;
    reader.book()?;
    Ok(Checked {
        schema: reader.schema(),
        rows: count_rows(conn).map_err(on)?,
        chain,
        operator_log,
        newest: newest(conn).map_err(on)?,
    })
}

/// Counts the rows of every table.
pub(crate) fn count_rows(conn: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let names: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count = |name: String| {
        let sql = format!("SELECT count(*) FROM \"{name}\"");
        Ok((name, conn.query_row(&sql, [], |r| crate::rows::unsigned(r, 0))?))
    };
    names.into_iter().map(count).collect()
}

/// Returns when something was last written into a row of a run or a fact.
fn newest(conn: &Connection) -> rusqlite::Result<Option<jiff::Timestamp>> {
    let sql = "SELECT max(at) FROM (SELECT (SELECT max(planned_us) FROM (SELECT planned_us FROM runs ORDER BY id DESC LIMIT 1000)) AS at \
               UNION ALL SELECT (SELECT at_us FROM facts ORDER BY seq DESC LIMIT 1))";
    conn.query_row(sql, [], |r| crate::rows::maybe_instant(r, 0))
}
