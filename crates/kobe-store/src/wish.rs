//! Wishes: how a person asks a running desk for something.
//!
//! Rule: a wish is a row, written by a process of its own in one short transaction; the engine finds it within a second and answers in the transaction of what came of it.
//! Start at [`add_wish`].

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kobe_engine::StoreError;
use rusqlite::params;

use crate::fault::{database_path, io_error, store_error};
use crate::{open, ulid};

/// Why a wish could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// Nothing was ever started there.
    #[error("{} holds no database", .0.display())]
    NoDatabase(PathBuf),
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the wish that a task run now, and returns its number. Whether the desk knows the task is the engine's answer.
///
/// # Errors
/// [`WishError`]; nothing was written.
pub fn add_wish(state: &Path, task: &str, reason: &str, now: Timestamp) -> Result<u128, WishError> {
    let path = database_path(state);
    if open::read_only(state)?.is_none() {
        return Err(WishError::NoDatabase(state.to_owned()));
    }
    let conn = open::read_write(&path)?;
    open::trust(&conn, &path)?;
    let urandom = Path::new("/dev/urandom");
    let id = ulid::make(now).map_err(|e| io_error(urandom, &e))?;
    conn.execute(
        "INSERT INTO wishes (id, task, reason, asked_us) VALUES (?1, ?2, ?3, ?4)",
        params![ulid::text(id), task, reason, now.as_microsecond()],
    )
    .map_err(|e| store_error(&path, &e))?;
    Ok(id)
}

/// Writes the number of a wish as people see it, a ULID.
pub fn wish_text(id: u128) -> String {
    ulid::text(id)
}
