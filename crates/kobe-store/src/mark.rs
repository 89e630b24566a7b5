//! The mark: how far a state directory had come, written beside its database, so that an older database that is put in its place is found.
//!
//! Rule: a mark only rises, until somebody settles the state with the database that is there. It is a help and no master: one that is missing or cannot be read says nothing,
//! and what cannot be written is written the next time. Start at [`Mark::behind`].

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::rows::unsigned;

const NAME: &str = "kobe.mark";

/// The key in `meta` under which openings are counted.
pub(crate) const OPENINGS: &str = "openings";

/// How far a database has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// How often it was opened to write.
    openings: u64,
    /// Facts in its books.
    facts: u64,
    /// The number of its newest run.
    newest_run: u64,
}

impl Mark {
    /// Reads how far a database has come.
    pub(crate) fn of(conn: &Connection) -> rusqlite::Result<Mark> {
        let openings: Option<String> =
            conn.query_row("SELECT value FROM meta WHERE key = ?1", [OPENINGS], |r| r.get(0)).optional()?;
        Ok(Mark {
            openings: openings.and_then(|text| text.parse().ok()).unwrap_or(0),
            facts: conn.query_row("SELECT count FROM chain_head", [], |r| unsigned(r, 0))?,
            newest_run: conn.query_row("SELECT coalesce(max(id), 0) FROM runs", [], |r| unsigned(r, 0))?,
        })
    }

    /// Reads how far a state directory had come.
    pub(crate) fn read(state: &Path) -> Option<Mark> {
        serde_json::from_slice(&fs::read(path(state)).ok()?).ok()
    }

    /// Says that a database lies behind a mark, if it does.
    pub(crate) fn behind(self, mark: Mark) -> Option<String> {
        let older = self.openings < mark.openings || self.facts < mark.facts || self.newest_run < mark.newest_run;
        older.then(|| {
            format!(
                "kobe.db is older than the state directory it lies in: it has {} openings, {} facts and run {}, the directory had {}, {} and {}",
                self.openings, self.facts, self.newest_run, mark.openings, mark.facts, mark.newest_run
            )
        })
    }

    /// Writes a mark; the one that is there is never lowered.
    pub(crate) fn raise(self, state: &Path) {
        let there = Mark::read(state).unwrap_or_default();
        let higher = Mark {
            openings: self.openings.max(there.openings),
            facts: self.facts.max(there.facts),
            newest_run: self.newest_run.max(there.newest_run),
        };
        if higher != there {
            higher.set(state);
        }
    }

    /// Writes a mark, lower or not.
    pub(crate) fn set(self, state: &Path) {
        let text = serde_json::to_string(&self).expect("numbers");
        let fresh = state.join("kobe.mark.tmp");
        let _ = write(&fresh, &text).and_then(|()| fs::rename(&fresh, path(state)));
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn path(state: &Path) -> PathBuf {
    state.join(NAME)
}
