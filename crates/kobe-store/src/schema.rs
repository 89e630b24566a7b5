//! Schema: what the tables are, and how an older database becomes a newer one.
//!
//! Rule: all migrations of one opening are one transaction, each recorded with the checksum of its text; a database that a newer Kobe wrote is refused, and so is one whose
//! recorded migrations are not ours. Never writes to a database that is not Kobe's. Start at [`migrate`].

use std::path::Path;

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_trade::chain::sha256;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::fault::{damaged, store_error};
use crate::steps::step;

/// "KOBE": stands in the header of the file, so that `file` and we know whose it is.
pub(crate) const APPLICATION_ID: i32 = 0x4B4F_4245;

/// One step from a schema to the next.
struct Migration {
    version: i64,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("schema.sql") },
    Migration { version: 2, sql: include_str!("schema_2.sql") },
];

/// The schema this build writes.
pub(crate) const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Brings a database to the schema of this build: one that was checked, or one that was just made.
///
/// # Errors
/// [`StoreError`] when it cannot be written; it is then as before.
pub(crate) fn migrate(conn: &mut Connection, path: &Path, build: &str, now: Timestamp) -> Result<(), StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    if version(conn).map_err(on)? == KNOWN {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(on)?;
    // Looked at again under the lock: another process may have been faster.
    let found = version(&tx).map_err(on)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL, build TEXT NOT NULL) STRICT",
    )
    .map_err(on)?;
    for one in MIGRATIONS.iter().filter(|m| m.version > found) {
        tx.execute_batch(one.sql).map_err(on)?;
        tx.execute(
            "INSERT INTO migrations (version, checksum, applied_us, build) VALUES (?1, ?2, ?3, ?4)",
            params![one.version, sha256(one.sql.as_bytes()), now.as_microsecond(), build],
        )
        .map_err(on)?;
        step("applied");
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(on)?;
    tx.pragma_update(None, "user_version", KNOWN).map_err(on)?;
    tx.commit().map_err(on)
}

/// Verifies that a database is Kobe's and not newer than this build, and returns its schema.
///
/// # Errors
/// [`StoreError::Newer`] when a newer Kobe wrote it; [`StoreError::Corrupt`] when it is another program's, or its recorded migrations are not those of this build.
pub(crate) fn check(conn: &Connection, path: &Path) -> Result<i64, StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    let application: i32 = conn.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(on)?;
    if application != APPLICATION_ID {
        return Err(damaged(path, &format!("it is the database of another program (application id {application:#x})")));
    }
    let found = version(conn).map_err(on)?;
    if found < 1 {
        return Err(damaged(path, "it has no schema"));
    }
    if found > KNOWN {
        return Err(StoreError::Newer { found, known: KNOWN });
    }
    let mut recorded = conn.prepare("SELECT version, checksum FROM migrations ORDER BY version").map_err(on)?;
    let recorded = recorded
        .query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(on)?;
    let ours = MIGRATIONS.iter().filter(|m| m.version <= found).map(|m| (m.version, sha256(m.sql.as_bytes())));
    if !ours.eq(recorded) {
        return Err(damaged(path, &format!("its schema {found} was not made by the migrations of this build")));
    }
    Ok(found)
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |r| r.get(0))
}
