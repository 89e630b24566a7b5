//! Faults: what SQLite and the disk say, as something the caller can act on.
//!
//! Rule: whatever says that the device failed or that the file is damaged is final. A store that has met such a fault answers every later call with it and touches the file
//! no more: an fsync that failed once may "succeed" the next time without having written anything. A write for which there was no room is not: it was undone, and the same work
//! may be brought again. So is being held up by somebody else, and so are rows that contradict a change. Start at [`store_error`].

use std::path::{Path, PathBuf};

use kobe_engine::StoreError;
use kobe_trade::ports::BooksError;
use rusqlite::ffi;

/// How long a writer waits for the lock of another process, in milliseconds.
pub(crate) const BUSY_MS: u64 = 5_000;

/// Why a piece of work was not stored.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// SQLite, the disk, or rows that contradict.
    Store(StoreError),
    /// The books are at another version.
    Version {
        /// The version there.
        actual: u64,
    },
    /// The decision was intended before.
    Duplicate(String),
}

impl Refusal {
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Refusal::Store(error) => error,
            Refusal::Version { actual } => StoreError::Conflict(format!("the books are at version {actual}")),
            Refusal::Duplicate(decision) => StoreError::Conflict(format!("{decision} was intended already")),
        }
    }

    pub(crate) fn into_books(self, expected: u64) -> BooksError {
        match self {
            Refusal::Store(StoreError::Full(what)) => BooksError::Full(what),
            Refusal::Store(error) => BooksError::Storage(error.to_string()),
            Refusal::Version { actual } => BooksError::Conflict { expected, actual },
            Refusal::Duplicate(decision) => BooksError::DuplicateDecision(kobe_trade::id::DecisionId::stored(decision)),
        }
    }
}

/// A fault after which nothing is written any more. Unlike [`StoreError`] it can be told again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Io,
    Corrupt,
}

impl Fault {
    /// Returns the fault in an error, if it is final.
    pub(crate) fn of(error: &StoreError) -> Option<Fault> {
        let (kind, text) = match error {
            StoreError::Io(text) => (Kind::Io, text),
            StoreError::Corrupt(text) => (Kind::Corrupt, text),
            StoreError::Full(_) | StoreError::Busy(_) | StoreError::Newer { .. } | StoreError::Conflict(_) => {
                return None;
            }
        };
        Some(Fault { kind, text: text.clone() })
    }

    pub(crate) fn io(text: String) -> Fault {
        Fault { kind: Kind::Io, text }
    }

    /// Returns the fault as the error it came from.
    pub(crate) fn error(&self) -> StoreError {
        let text = self.text.clone();
        match self.kind {
            Kind::Io => StoreError::Io(text),
            Kind::Corrupt => StoreError::Corrupt(text),
        }
    }
}

/// Says what an error of SQLite means for the database at `path`, and what to do about it.
pub(crate) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let place = path.display();
    let (code, text) = match error {
        rusqlite::Error::SqliteFailure(failure, text) => {
            (failure.extended_code, text.clone().unwrap_or_else(|| failure.to_string()))
        }
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.extended_code, msg.clone()),
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => return damaged(path, &format!("a row cannot be read: {error}")),
        other => return StoreError::Io(format!("{place}: {other}")),
    };
    let what = format!("{text} ({})", code_name(code));
    match code & 0xff {
        ffi::SQLITE_FULL => StoreError::Full(format!("{place}: {what}; nothing of it was stored; make room")),
        // The index of the log (-shm) holds nothing that is not in the log; when it cannot grow, nothing was written yet.
        _ if code == ffi::SQLITE_IOERR_SHMSIZE && no_room(path) => {
            StoreError::Full(format!("{place}: {what}; nothing of it was stored; make room"))
        }
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy(format!(
            "{place}: another process has held its write lock for {} s; close the shell or the copy that holds it",
            BUSY_MS / 1000
        )),
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => damaged(path, &what),
        ffi::SQLITE_CONSTRAINT => StoreError::Conflict(what),
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH | ffi::SQLITE_CANTOPEN => {
            StoreError::Io(format!("{place}: {what}; check owner and rights of the file and its directory"))
        }
        ffi::SQLITE_ERROR | ffi::SQLITE_SCHEMA => damaged(path, &what),
        _ => StoreError::Io(format!("{place}: {what}")),
    }
}

/// Tells whether the disk has no room for a piece of the log's index.
fn no_room(path: &Path) -> bool {
    path.parent().and_then(crate::reserve::free).is_some_and(|free| free < 64 << 10)
}

/// Says that a file is damaged, and that it was left as it is.
pub(crate) fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{}: {what}; nothing was changed; bring it back from a backup, or move it away together with its -wal to begin anew",
        path.display()
    ))
}

/// Says that a file could not be read or written.
pub(crate) fn io_error(path: &Path, error: &std::io::Error) -> StoreError {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full(text),
        _ => StoreError::Io(text),
    }
}

fn code_name(code: i32) -> String {
    let name = match code {
        ffi::SQLITE_IOERR_READ => "IOERR_READ",
        ffi::SQLITE_IOERR_SHORT_READ => "IOERR_SHORT_READ",
        ffi::SQLITE_IOERR_WRITE => "IOERR_WRITE",
        ffi::SQLITE_IOERR_FSYNC => "IOERR_FSYNC",
        ffi::SQLITE_IOERR_DIR_FSYNC => "IOERR_DIR_FSYNC",
        ffi::SQLITE_IOERR_TRUNCATE => "IOERR_TRUNCATE",
        ffi::SQLITE_IOERR_FSTAT => "IOERR_FSTAT",
        ffi::SQLITE_IOERR_LOCK => "IOERR_LOCK",
        ffi::SQLITE_IOERR_SHMSIZE => "IOERR_SHMSIZE",
        ffi::SQLITE_IOERR_SHMMAP => "IOERR_SHMMAP",
        _ => match code & 0xff {
            ffi::SQLITE_IOERR => "IOERR",
            ffi::SQLITE_FULL => "FULL",
            ffi::SQLITE_CORRUPT => "CORRUPT",
            ffi::SQLITE_NOTADB => "NOTADB",
            ffi::SQLITE_READONLY => "READONLY",
            ffi::SQLITE_CANTOPEN => "CANTOPEN",
            ffi::SQLITE_CONSTRAINT => "CONSTRAINT",
            _ => return format!("SQLite {code}"),
        },
    };
    format!("SQLite {name}")
}

/// Where the database of a state directory lies.
pub(crate) fn database_path(state: &Path) -> PathBuf {
    state.join("kobe.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("said so".into()))
    }

    #[test]
    fn every_code_becomes_what_the_caller_can_do() {
        type Kind = fn(&StoreError) -> bool;
        let rows: [(i32, Kind, bool, &str); 13] = [
            (ffi::SQLITE_FULL, |e| matches!(e, StoreError::Full(_)), false, "no space passes when there is room"),
            (ffi::SQLITE_IOERR_FSYNC, |e| matches!(e, StoreError::Io(_)), true, "a failed fsync is never repeated"),
            (ffi::SQLITE_IOERR_WRITE, |e| matches!(e, StoreError::Io(_)), true, "a failed write is final"),
            (ffi::SQLITE_IOERR_SHORT_READ, |e| matches!(e, StoreError::Io(_)), true, "a short read is final"),
            (ffi::SQLITE_BUSY, |e| matches!(e, StoreError::Busy(_)), false, "busy passes"),
            (ffi::SQLITE_BUSY_SNAPSHOT, |e| matches!(e, StoreError::Busy(_)), false, "so does an old snapshot"),
            (ffi::SQLITE_LOCKED, |e| matches!(e, StoreError::Busy(_)), false, "so does locked"),
            (ffi::SQLITE_CORRUPT, |e| matches!(e, StoreError::Corrupt(_)), true, "damage is final"),
            (ffi::SQLITE_NOTADB, |e| matches!(e, StoreError::Corrupt(_)), true, "not a database is damage"),
            (ffi::SQLITE_READONLY, |e| matches!(e, StoreError::Io(_)), true, "read-only is a failed device"),
            (ffi::SQLITE_CANTOPEN, |e| matches!(e, StoreError::Io(_)), true, "so is what cannot be opened"),
            (
                ffi::SQLITE_CONSTRAINT_UNIQUE,
                |e| matches!(e, StoreError::Conflict(_)),
                false,
                "a slot twice is a conflict",
            ),
            (ffi::SQLITE_NOMEM, |e| matches!(e, StoreError::Io(_)), true, "anything unknown stops the world"),
        ];
        for (code, fits, is_final, name) in rows {
            let error = store_error(Path::new("state/kobe.db"), &failure(code));
            assert!(fits(&error), "{name}: {error}");
            assert_eq!(Fault::of(&error).is_some(), is_final, "{name}");
            if let Some(fault) = Fault::of(&error) {
                assert_eq!(fault.error().to_string(), error.to_string(), "{name}: a fault is told as it was met");
            }
            if !matches!(error, StoreError::Conflict(_)) {
                assert!(error.to_string().contains("state/kobe.db"), "{name}: the path is named: {error}");
            }
        }
    }
}
