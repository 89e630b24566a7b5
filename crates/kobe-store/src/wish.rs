//! Wishes: how a person asks a running desk for something.
//!
//! Rule: a wish is a row, written by a process of its own in one short transaction; the engine finds it within a second and answers in the transaction of what came of it.
//! Start at [`add_wish`].

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_plan::Verb;
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

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewWish<'a> {
    /// What is asked for.
    pub verb: Verb,
    /// Of what: the name of a task or lane, the number of a run; empty for the whole desk.
    pub name: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Who.
    pub operator: &'a str,
}

/// Writes a wish and returns its number. Whether the desk knows what it names is the engine's answer.
///
/// # Errors
/// [`WishError`]; nothing was written.
pub fn add_wish(state: &Path, wish: &NewWish<'_>, now: Timestamp) -> Result<u128, WishError> {
    let path = database_path(state);
    if open::read_only(state)?.is_none() {
        return Err(WishError::NoDatabase(state.to_owned()));
    }
    let conn = open::read_write(&path)?;
    let schema = crate::schema::check(&conn, &path)?;
    if schema < crate::schema::KNOWN {
        let older = format!("{}: it has schema {schema}; start `kobe run` of this build first", path.display());
        return Err(StoreError::Io(older).into());
    }
    open::trust(&conn, &path)?;
    let urandom = Path::new("/dev/urandom");
    let id = ulid::make(now).map_err(|e| io_error(urandom, &e))?;
    conn.execute(
        "INSERT INTO wishes (id, verb, name, reason, operator, asked_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![ulid::text(id), wish.verb.word(), wish.name, wish.reason, wish.operator, now.as_microsecond()],
    )
    .map_err(|e| store_error(&path, &e))?;
    Ok(id)
}

/// Writes the number of a wish as people see it, a ULID.
pub fn wish_text(id: u128) -> String {
    ulid::text(id)
}
