//! Backup: a state directory as it stood at one instant, proved before it has its name.
//!
//! Rule: the database is copied through SQLite while a desk may be writing it, one snapshot with its log folded in; then the copy is opened, read from end to end and counted,
//! as a restore would; only then the directory gets its name. A backup that is there is whole, and is never written again. Start at [`backup`] and [`restore`].

pub(crate) mod files;
mod manifest;
mod restore;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kobe_engine::StoreError;

pub use manifest::{FileEntry, Manifest, Source, read_manifest, verify_backup};
pub(crate) use restore::interrupted;
pub use restore::{RestoreError, Restored, Restoring, restore};

use crate::check::{check_database, count_rows};
use crate::fault::{io_error, store_error};
use crate::reader::Reader;
use crate::steps::step;
use crate::{ledger, lock, open, operator, place, schema};
use files::{MARKER, Workplace, beside, parent};

/// Stands behind the name of a backup that is being made.
const PARTIAL: &str = ".partial";

/// What a backup or a restore is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It has come to a part of its work.
    Part(&'a str),
    /// The database is being copied.
    Pages {
        /// Pages that are copied.
        done: u64,
        /// All pages.
        all: u64,
    },
    /// A file was copied.
    File {
        /// Its path below the state directory.
        path: &'a str,
        /// Its size.
        bytes: u64,
    },
}

/// How a backup is made.
#[derive(Debug, Clone, Copy)]
pub struct BackingUp<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// Which build makes it.
    pub build: &'a str,
    /// Take what programs printed as well.
    pub output: bool,
}

/// Why a backup was not made. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing was ever started there.
    #[error("{} holds no database", .0.display())]
    NoDatabase(PathBuf),
    /// Something has the name already.
    #[error("{} is there already; a backup is never written over", .0.display())]
    Exists(PathBuf),
    /// It would lie in what it is a copy of.
    #[error("{} lies inside the state {}; a backup there is lost with it", dir.display(), state.display())]
    Inside {
        /// The directory asked for.
        dir: PathBuf,
        /// The state.
        state: PathBuf,
    },
    /// Another process is making it.
    #[error("another process is making {}", .0.display())]
    Underway(PathBuf),
    /// The copy was made and is not what was copied.
    #[error("the copy is not what was copied: {0}; look at the disk that it was written to")]
    NotProved(String),
    /// The state cannot be read, or the copy cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Of the files at the top of a state directory, those that are no part of a backup: the database is copied through SQLite, the others belong to a process or are backups themselves.
fn is_left_out(name: &str, options: &BackingUp<'_>) -> bool {
    matches!(name, "kobe.lock" | "kobe.reserve" | "kobe.mark" | "backups")
        || name.starts_with("kobe.db")
        || (name == "output" && !options.output)
}

/// Makes a backup of a state directory, which may be in use.
///
/// The directory is made under another name (`DIR.partial`), proved and flushed; then it gets its name. A process that is killed at any moment leaves no `dir`, or a whole one;
/// what it leaves beside it goes with the next backup into the same directory, whatever the name of that one.
///
/// # Errors
/// [`BackupError`]; there is no `dir` then, or the one that was there.
pub fn backup(
    state: &Path,
    dir: &Path,
    options: &BackingUp<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Manifest, BackupError> {
    let Some((conn, path)) = open::read_only(state)? else { return Err(BackupError::NoDatabase(state.to_owned())) };
    if fs::symlink_metadata(dir).is_ok() {
        return Err(BackupError::Exists(dir.to_owned()));
    }
    if lies_inside(dir, state) {
        return Err(BackupError::Inside { dir: dir.to_owned(), state: state.to_owned() });
    }
    files::make_dir(parent(dir))?;
    let place = Workplace::take(&beside(dir, PARTIAL))?.ok_or_else(|| BackupError::Underway(dir.to_owned()))?;
    if let Err(error) = files::write(&place.path.join(MARKER), "not complete\n") {
        place.abandon();
        return Err(error.into());
    }
    tidy(parent(dir), &place.path);
    step("begun");
    let manifest = match fill(state, conn, &path, &place.path, options, progress) {
        Ok(manifest) => manifest,
        Err(error) => {
            place.abandon();
            return Err(error);
        }
    };
    if let Err(error) = files::rename_new(&place.path, dir) {
        if fs::symlink_metadata(dir).is_ok() && place.path.exists() {
            place.abandon();
            return Err(BackupError::Exists(dir.to_owned()));
        }
        return Err(error.into());
    }
    step("named");
    Ok(manifest)
}

/// Tells whether a path that need not be there would lie in a directory that is.
fn lies_inside(path: &Path, directory: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(directory) else { return false };
    // Links on the way count as where they lead; what is not there yet is no link.
    let mut above = Some(path);
    while let Some(there) = above {
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        if let Ok(real) = fs::canonicalize(there) {
            return real.starts_with(&directory);
        }
        above = there.parent();
    }
    false
}

/// Removes what backups that were killed have left in a directory; what a living process is making is locked and stays. Nothing here keeps a backup from being made.
fn tidy(directory: &Path, ours: &Path) {
    let Ok(listed) = fs::read_dir(directory) else { return };
    for path in listed.filter_map(Result::ok).map(|entry| entry.path()) {
        let is_partial = path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(PARTIAL.as_bytes()));
        // By its marker, or complete but for its name: no other directory is ours to remove.
        let is_backup = || {
            path.join(MARKER).is_file() || (path.join(manifest::SUMS).is_file() && path.join(manifest::NAME).is_file())
        };
        let is_dir = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        if is_partial
            && is_dir
            && path.file_name() != ours.file_name()
            && is_backup()
            && let Ok(Some(left)) = Workplace::seize(&path)
        {
            left.abandon();
        }
    }
}

/// Makes the directory of a backup: copies, proves, and writes down what is in it.
fn fill(
    state: &Path,
    conn: rusqlite::Connection,
    path: &Path,
    place: &Path,
    options: &BackingUp<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Manifest, BackupError> {
    progress(Progress::Part("database"));
    let on = |e: rusqlite::Error| store_error(path, &e);
    let schema = schema::check(&conn, path)?;
    let snapshot = conn.unchecked_transaction().map_err(on)?;
    let chain = ledger::head(&snapshot).map_err(on)?;
    let operator_log = if schema >= 2 { operator::head(&snapshot).map_err(on)? } else { Default::default() };
    let rows = count_rows(&snapshot).map_err(on)?;
    let copy = place.join("kobe.db");
    files::copy_database(&snapshot, path, &copy, &mut |done, all| progress(Progress::Pages { done, all }))?;
    drop(snapshot);
    drop(conn);
    step("database copied");
    let sum = files::sum(&copy)?;
    let mut entries = vec![FileEntry { path: "kobe.db".into(), bytes: sum.bytes, sha256: sum.sha256 }];

    progress(Progress::Part("files"));
    let mut left_out = Vec::new();
    copy_files(state, place, options, &mut entries, &mut left_out, progress)?;
    step("files copied");

    progress(Progress::Part("proof"));
    let manifest = Manifest {
        format: manifest::FORMAT,
        schema,
        build: options.build.to_owned(),
        created_at: options.now,
        source: Source {
            state: fs::canonicalize(state).unwrap_or_else(|_| state.to_owned()).display().to_string(),
            host: lock::host(),
            machine: place::machine(),
        },
        files: entries,
        left_out,
        rows,
        chain,
        operator_log,
    };
    prove(place, &manifest)?;
    step("proved");

    manifest.write(place)?;
    let marker = place.join(MARKER);
    fs::remove_file(&marker).map_err(|e| io_error(&marker, &e))?;
    files::sync_dir(place)?;
    step("flushed");
    Ok(manifest)
}

/// Opens the copied database in a directory of its own and holds it against the manifest.
fn prove(dir: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let scratch = dir.join("proof");
    files::make_dir(&scratch)?;
    let copy = scratch.join("kobe.db");
    let sum = files::copy(&dir.join("kobe.db"), &copy)?;
    let not = |what: &str| Err(BackupError::NotProved(what.to_owned()));
    if sum.sha256 != manifest.files[0].sha256 {
        return not("its bytes change from one reading to the next");
    }
    manifest.hold_against(&scratch).map_err(BackupError::NotProved)?;
    // What can be restored can also be written.
    let conn = open::read_write(&copy)?;
    conn.busy_timeout(files::PATIENCE)
        .and_then(|()| conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK"))
        .map_err(|e| store_error(&copy, &e))?;
    drop(conn);
    fs::remove_dir_all(&scratch).map_err(|e| io_error(&scratch, &e))?;
    Ok(())
}

impl Manifest {
    /// Reads the database of a directory from end to end and compares it with what was written down; says what differs.
    pub(crate) fn hold_against(&self, state: &Path) -> Result<(), String> {
        let reader = match Reader::open(state) {
            Ok(Some(reader)) => reader,
            Ok(None) => return Err("there is no database".into()),
            Err(error) => return Err(error.to_string()),
        };
        let found = check_database(&reader).map_err(|e| e.to_string())?;
        if found.schema != self.schema {
            return Err(format!("its schema is {}, not {}", found.schema, self.schema));
        }
        if (&found.chain, &found.operator_log) != (&self.chain, &self.operator_log) {
            return Err("its chains end elsewhere".into());
        }
        let differs = |(table, rows): (&String, &u64)| (self.rows.get(table) != Some(rows)).then(|| table.clone());
        match found.rows.iter().find_map(differs) {
            Some(table) => Err(format!("table {table} has other rows than were counted")),
            None if found.rows.len() != self.rows.len() => Err("it lacks a table".into()),
            None => Ok(()),
        }
    }
}

/// Copies what lies beside the database.
fn copy_files(
    state: &Path,
    to: &Path,
    options: &BackingUp<'_>,
    entries: &mut Vec<FileEntry>,
    left_out: &mut Vec<String>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), BackupError> {
    let ours = fs::canonicalize(to).map_err(|e| io_error(to, &e))?;
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let from = state.join(&below);
        let listed = fs::read_dir(&from).map_err(|e| io_error(&from, &e))?;
        let mut names = listed
            .map(|entry| entry.map(|e| e.file_name()).map_err(|e| io_error(&from, &e)))
            .collect::<Result<Vec<_>, _>>()?;
        names.sort();
        for name in names {
            let path = below.join(&name);
            let (text, source) = (path.to_string_lossy().into_owned(), state.join(&path));
            let at_top = below.as_os_str().is_empty();
            if (at_top && is_left_out(&text, options)) || text.ends_with(".tmp") {
                continue;
            }
            // A file that goes while we look is one that is being replaced: its new one has the same name or comes with the next backup.
            let Ok(meta) = fs::symlink_metadata(&source) else { continue };
            if meta.is_dir() {
                if fs::canonicalize(&source).is_ok_and(|dir| dir != ours) {
                    files::make_dir(&to.join(&path))?;
                    waiting.push(path);
                }
                continue;
            }
            if !meta.is_file()
                || files::below(&text).as_ref() != Some(&path)
                || text == manifest::NAME
                || text == manifest::SUMS
            {
                left_out.push(text);
                continue;
            }
            let sum = match files::copy(&source, &to.join(&path)) {
                Ok(sum) => sum,
                Err(_) if !source.exists() => continue,
                Err(error) => return Err(error.into()),
            };
            progress(Progress::File { path: &text, bytes: sum.bytes });
            entries.push(FileEntry { path: text, bytes: sum.bytes, sha256: sum.sha256 });
        }
        files::sync_dir(&to.join(&below))?;
    }
    Ok(())
}
