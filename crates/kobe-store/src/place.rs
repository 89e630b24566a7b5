//! The place of a database: how a state directory that was copied or moved is told from one that stayed.
//!
//! Rule: a database knows the machine and the file it was written as. When it finds itself elsewhere, or behind its mark, that is written into it in the transaction that
//! counts the opening, and every opening says so until somebody has settled it: what was noticed once does not depend on evidence that later openings wear away. It cannot see
//! an image of a whole machine. Start at [`Place::here`].

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use kobe_engine::StoreError;
use kobe_trade::chain::sha256;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::fault::{database_path, io_error};

/// Where the place stands in `meta`.
const KEY: &str = "place";

/// Where `meta` says that a database is not settled, and why.
const UNSETTLED: &str = "unsettled";

/// Where a database lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The machine, hashed; unknown where it has no number. A name is none: in a container it changes with every start.
    machine: Option<String>,
    /// The file.
    inode: u64,
    /// When the file was made, where the file system keeps that: a number may be given again.
    born_us: Option<u64>,
}

impl Place {
    /// Returns the place of the database of a state directory.
    pub(crate) fn here(state: &Path) -> Result<Place, StoreError> {
        let path = database_path(state);
        let meta = fs::metadata(&path).map_err(|e| io_error(&path, &e))?;
        let born = meta.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let born_us = born.and_then(|since| u64::try_from(since.as_micros()).ok());
        Ok(Place { machine: machine(), inode: meta.ino(), born_us })
    }

    /// Returns the place that a database was last settled in.
    pub(crate) fn stored(conn: &Connection) -> rusqlite::Result<Option<Place>> {
        let text: Option<String> =
            conn.query_row("SELECT value FROM meta WHERE key = ?1", [KEY], |r| r.get(0)).optional()?;
        let bad = |e| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e));
        text.map(|text| serde_json::from_str(&text).map_err(bad)).transpose()
    }

    /// Notes where a database lies, inside the transaction that the caller has begun.
    pub(crate) fn store(&self, conn: &Connection) -> rusqlite::Result<()> {
        put(conn, KEY, &serde_json::to_string(self).expect("numbers and texts"))
    }

    /// Settles a database here, inside the transaction that the caller has begun: whatever was noticed before is over.
    pub(crate) fn settle(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute("DELETE FROM meta WHERE key = ?1", [UNSETTLED])?;
        self.store(conn)
    }

    /// Says how this place differs from the one a database was settled in.
    pub(crate) fn moved_from(&self, stored: &Place) -> Option<String> {
        match (&self.machine, &stored.machine) {
            (Some(here), Some(there)) if here != there => {
                return Some("it was written on another machine: the state directory was copied or moved".into());
            }
            _ => {}
        }
        if self.inode != stored.inode {
            return Some("kobe.db is another file than the one that was written: the state directory is a copy".into());
        }
        match (self.born_us, stored.born_us) {
            (Some(here), Some(there)) if here != there => {
                Some("kobe.db was made anew since it was written: the state directory is a copy".into())
            }
            _ => None,
        }
    }
}

/// Returns why a database is not settled, as an earlier opening has noticed it.
pub(crate) fn unsettled(conn: &Connection) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [UNSETTLED], |r| r.get(0)).optional()
}

/// Notes why a database is not settled, inside the transaction that the caller has begun. What was noticed first stays.
pub(crate) fn note_unsettled(conn: &Connection, why: &str) -> rusqlite::Result<()> {
    conn.execute("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING", [UNSETTLED, why])
        .map(|_| ())
}

fn put(conn: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )
    .map(|_| ())
}

/// Returns the number of this machine, hashed: the number itself is nobody else's business.
pub(crate) fn machine() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    // Before its first start a machine has none.
    (id.len() >= 32).then(|| sha256(format!("kobe state {id}").as_bytes())[..32].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_another_when_something_that_is_known_of_both_differs() {
        let here = Place { machine: Some("a".into()), inode: 7, born_us: Some(1) };
        let rows = [
            ("the same", here.clone(), false),
            ("another machine", Place { machine: Some("b".into()), ..here.clone() }, true),
            ("a machine without a number", Place { machine: None, ..here.clone() }, false),
            ("another file", Place { inode: 8, ..here.clone() }, true),
            ("a number that was given again", Place { born_us: Some(2), ..here.clone() }, true),
            ("a file system that does not say", Place { born_us: None, ..here.clone() }, false),
        ];
        for (name, stored, moved) in rows {
            assert_eq!(here.moved_from(&stored).is_some(), moved, "{name}");
            assert_eq!(stored.moved_from(&here).is_some(), moved, "{name}, the other way round");
        }
    }
}
