//! Opening: from a directory to a connection, without harming what is there.
//!
//! Rule: a database appears under its name only when it is complete, so an empty or headless `kobe.db` is always damage and never a beginning. What is damaged is left as it
//! is: not repaired, not checkpointed, not removed. While a process has a connection, nothing else in it opens `kobe.db`. Start at [`prepare`], for readers at [`read_only`].

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kobe_engine::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::backup::files;
use crate::fault::{BUSY_MS, damaged, database_path, io_error, store_error};
use crate::steps::step;
use crate::{check, ledger, log, reserve, schema};

/// A database no larger than this is read through at every start; of a larger one only what recovery needs. `Reader::quick_check` reads all of it.
const CHECKED_AT_START: u64 = 8 << 20;

/// No database is smaller than one page of the smallest size.
const SMALLEST_PAGE: u64 = 512;

/// Makes the state directory, if it is not there, for its owner alone.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::Full`].
pub fn state_directory(state: &Path) -> Result<(), StoreError> {
    if state.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(|e| io_error(state, &e))
}

/// Returns the connection of the writer: the database is there, whole as far as can be told quickly, and has the schema of this build.
pub(crate) fn prepare(state: &Path, build: &str, now: Timestamp) -> Result<Connection, StoreError> {
    let path = database_path(state);
    if !is_there(&path)? {
        create(state, &path, build, now)?;
    }
    log::check(&path, &beside(&path, "-wal"))?;
    let mut conn = reserve::with(state, reserve::is_full, || read_write(&path))?;
    let found = schema::check(&conn, &path)?;
    if found < schema::KNOWN {
        keep_before(state, &conn, &path, now)?;
        step("copied before the migration");
    }
    schema::migrate(&mut conn, &path, build, now)?;
    step("migrated");
    let size = fs::metadata(&path).map_err(|e| io_error(&path, &e))?.len();
    if size <= CHECKED_AT_START {
        quick_check(&conn, &path)?;
    }
    trust(&conn, &path)?;
    Ok(conn)
}

/// Keeps a proved copy of a database that is about to be brought to another schema: the way back.
fn keep_before(state: &Path, conn: &Connection, path: &Path, now: Timestamp) -> Result<(), StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    let dir = state.join("backups");
    state_directory(&dir)?;
    let name = format!("before-schema-{}-{}.db", schema::KNOWN, now.strftime("%Y%m%dT%H%M%SZ"));
    let (copy, partial) = (dir.join(&name), dir.join(format!("{name}.partial")));
    for left in fs::read_dir(&dir).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|e| io_error(&dir, &e))? {
        // The lock of the directory is ours: whoever was at it is dead.
        if left.file_name().to_string_lossy().ends_with(".db.partial") {
            fs::remove_file(left.path()).map_err(|e| io_error(&left.path(), &e))?;
        }
    }
    if fs::symlink_metadata(&copy).is_ok() {
        // Made at this very instant by a process that died before it migrated.
        return Ok(());
    }
    let snapshot = conn.unchecked_transaction().map_err(on)?;
    let rows = check::count_rows(&snapshot).map_err(on)?;
    files::copy_database(&snapshot, path, &partial, &mut |_, _| {})?;
    drop(snapshot);
    step("copy made");
    let proof = immutable(&partial)?;
    let found: String =
        proof.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)).map_err(|e| store_error(&partial, &e))?;
    let counted = check::count_rows(&proof).map_err(|e| store_error(&partial, &e))?;
    let whole = found == "ok" && counted == rows && ledger::verify(&proof, &partial)?.is_ok();
    drop(proof);
    if !whole {
        return Err(damaged(path, "a copy of it, made before its schema is changed, is not whole"));
    }
    fs::rename(&partial, &copy).map_err(|e| io_error(&copy, &e))?;
    File::open(&dir).and_then(|d| d.sync_all()).map_err(|e| io_error(&dir, &e))
}

/// Opens a database that nobody writes, without a log beside it.
fn immutable(path: &Path) -> Result<Connection, StoreError> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = PathBuf::from(format!("file:{escaped}?immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).map_err(|e| store_error(path, &e))
}

/// Lets a connection fold the log in when it is the last one to close: the database has proved sound.
pub(crate) fn trust(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(|_| ()).map_err(|e| store_error(path, &e))
}

/// Reads every page of a database and tells what is wrong with the first bad one.
pub(crate) fn quick_check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(|e| store_error(path, &e))?;
    if found == "ok" { Ok(()) } else { Err(damaged(path, found.trim())) }
}

/// Returns a connection that writes, to a database that is there and ours. Closing it leaves the files as they are, until they are trusted.
pub(crate) fn read_write(path: &Path) -> Result<Connection, StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(on)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(on)?;
    common(&conn).map_err(on)?;
    if conn.is_readonly(rusqlite::MAIN_DB).map_err(on)? {
        return Err(StoreError::Io(format!(
            "{}: it cannot be written; check owner and rights of the file; if they are right, its header is damaged",
            path.display()
        )));
    }
    check_end(&conn, path)?;
    schema::check(&conn, path)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0)).map_err(on)?;
    if mode != "wal" {
        return Err(StoreError::Io(format!(
            "{}: this file system gives no shared memory for a write-ahead log; put the state on a local disk",
            path.display()
        )));
    }
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON")
        .map_err(on)?;
    Ok(conn)
}

/// Returns a connection that only reads, or nothing when there is no database yet.
pub(crate) fn read_only(state: &Path) -> Result<Option<(Connection, PathBuf)>, StoreError> {
    let path = database_path(state);
    if !is_there(&path)? {
        return Ok(None);
    }
    let on = |e: rusqlite::Error| store_error(&path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let try_open = |path: &Path, flags: OpenFlags| -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        common(&conn)?;
        conn.execute_batch(READER_CACHE)?;
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0))?;
        Ok(conn)
    };
    let full = |e: &rusqlite::Error| reserve::is_full(&store_error(&path, e));
    let conn = match reserve::with(state, full, || try_open(&path, flags)) {
        Ok(conn) => conn,
        Err(error) => {
            // In a directory without the right to write, a log that is not there cannot be made. A database without a log can be read as it is.
            let cannot = matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
            );
            if !cannot || log_size(&path)? > 0 {
                return Err(on(error));
            }
            let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let uri = PathBuf::from(format!("file:{escaped}?immutable=1"));
            try_open(&uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(on)?
        }
    };
    check_end(&conn, &path)?;
    schema::check(&conn, &path)?;
    Ok(Some((conn, path)))
}

/// A reader that lives as long as the desk asks the same few pages again and again; what it keeps of a day must not grow with the day.
const READER_CACHE: &str = "PRAGMA cache_size = -512";

fn common(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4000")
}

/// Tells whether a database is there; something that is there and cannot be one is damage.
fn is_there(path: &Path) -> Result<bool, StoreError> {
    // Only asked about, never opened: closing a file drops every lock that this process has on it, also those of other connections.
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return if log_size(path)? > 0 {
                Err(damaged(path, "it is gone, but its log (-wal) is there"))
            } else {
                Ok(false)
            };
        }
        Err(error) => return Err(io_error(path, &error)),
    };
    if !meta.is_file() {
        return Err(damaged(path, "it is no file"));
    }
    if meta.len() < SMALLEST_PAGE {
        return Err(damaged(path, &format!("it is cut to {} bytes", meta.len())));
    }
    Ok(true)
}

/// Verifies that a database ends with a page. With a log beside it, it may end anywhere: the log holds what is missing.
fn check_end(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let page = conn.query_row("PRAGMA page_size", [], |r| r.get::<_, i64>(0)).map_err(|e| store_error(path, &e))?;
    let size = fs::metadata(path).map_err(|e| io_error(path, &e))?.len();
    if log_size(path)? == 0 && !size.is_multiple_of(page.max(1) as u64) {
        return Err(damaged(path, &format!("it is cut to {size} bytes")));
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn log_size(path: &Path) -> Result<u64, StoreError> {
    let log = beside(path, "-wal");
    match fs::metadata(&log) {
        Ok(meta) => Ok(meta.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(io_error(&log, &error)),
    }
}

/// Makes a database under another name and gives it its own when it is complete. The caller holds the lock of the directory.
fn create(state: &Path, path: &Path, build: &str, now: Timestamp) -> Result<(), StoreError> {
    let fresh = beside(path, ".new");
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let left = beside(&fresh, suffix);
        match fs::remove_file(&left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(&left, &error)),
            _ => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(|e| io_error(&fresh, &e))?;
    let on = |e: rusqlite::Error| store_error(&fresh, &e);
    let mut conn =
        Connection::open_with_flags(&fresh, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(on)?;
    // Nobody knows this file yet: it is flushed once, before it has its name.
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY").map_err(on)?;
    schema::migrate(&mut conn, &fresh, build, now)?;
    conn.execute("INSERT INTO meta (key, value) VALUES ('created_us', ?1)", [now.as_microsecond().to_string()])
        .map_err(on)?;
    let _mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0)).map_err(on)?;
    conn.close().map_err(|(_, e)| on(e))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).map_err(|e| io_error(&fresh, &e))?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(|e| io_error(&fresh, &e))?;
    fs::rename(&fresh, path).map_err(|e| io_error(path, &e))?;
    File::open(state).and_then(|d| d.sync_all()).map_err(|e| io_error(state, &e))
}

#[cfg(test)]
mod tests;
