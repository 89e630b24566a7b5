//! Restore: a state directory out of a backup, put in place in one move, and frozen.
//!
//! Rule: nothing is touched before every byte of the backup is proved; the new directory is complete, flushed and holds the kill switch before it gets the name; the old one
//! is kept. Old and new change places in one call of the system, so no moment has neither. Start at [`restore`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use kobe_engine::StoreError;
use kobe_trade::kill::{KillRecord, Trigger};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::Progress;
use super::files::{self, MARKER, Workplace, parent};
use super::manifest::{Manifest, verify_backup};
use crate::fault::io_error;
use crate::lock::{Holder, InstanceLock, LockError};
use crate::operator::OperatorEntry;
use crate::sqlite::{OpenError, Opening, SqliteStore};
use crate::steps::step;

/// The switch, as the desk knows it.
const KILL_SWITCH: &str = "KILL_SWITCH";

/// How long ago a restored switch was pulled: no grace is left for exits, also when the clock is set back a little.
const AGO: SignedDuration = SignedDuration::from_hours(1);

/// How a restore is made.
#[derive(Debug, Clone, Copy)]
pub struct Restoring<'a> {
    /// What goes with the opening of the restored database.
    pub opening: Opening<'a>,
    /// Who restores.
    pub operator: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The state directory.
    pub state: PathBuf,
    /// Where the state that was there before is kept.
    pub before: Option<PathBuf>,
    /// States that earlier restores left aside when they were interrupted, under their new names.
    pub kept: Vec<PathBuf>,
    /// What was restored.
    pub manifest: Manifest,
    /// Why nothing may trade: what the kill switch says.
    pub frozen: String,
}

/// Why a backup was not restored. The state is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no manifest.
    #[error("{} is no backup: it has no manifest.json", .0.display())]
    NotABackup(PathBuf),
    /// It is not as it was written.
    #[error("{}: {what}; the backup is damaged, take another", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A newer Kobe wrote it.
    #[error("the backup has version {found}, this build knows {known}; restore it with the build that made it")]
    Newer {
        /// Its version.
        found: i64,
        /// What this build knows.
        known: i64,
    },
    /// A desk has the state.
    #[error("{} is held by {}; stop it first", state.display(), holder.as_ref().map_or_else(|| String::from("another instance"), ToString::to_string))]
    Held {
        /// The state directory.
        state: PathBuf,
        /// Who holds it.
        holder: Option<Holder>,
    },
    /// Another process is restoring there.
    #[error("another process is restoring {}", .0.display())]
    Underway(PathBuf),
    /// The name of the state directory cannot be given to another.
    #[error("{}: {why}; name a directory that can be replaced", state.display())]
    CannotReplace {
        /// The state directory.
        state: PathBuf,
        /// Why not.
        why: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> RestoreError {
        match error {
            OpenError::Held { state, holder } => RestoreError::Held { state, holder },
            OpenError::Store(error) => RestoreError::Store(error),
        }
    }
}

/// Restores a backup as a state directory.
///
/// What may trade is frozen there: its kill switch is pulled, with no grace left, until an operator has reconciled and says `kobe resume`. The state that was there is kept
/// beside it. A process that is killed at any moment leaves the old state or the new one under the name.
///
/// # Errors
/// [`RestoreError`]; the state directory is as it was.
pub fn restore(
    dir: &Path,
    state: &Path,
    options: &Restoring<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Restored, RestoreError> {
    let now = options.opening.now;
    progress(Progress::Part("proof"));
    let manifest = verify_backup(dir)?;
    let state = real(state)?;
    let lock = match fs::symlink_metadata(&state) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error(&state, &error).into()),
        Ok(meta) if !meta.is_dir() => {
            return Err(RestoreError::CannotReplace { state, why: "it is no directory".into() });
        }
        Ok(_) if !is_a_state(&state)? => {
            return Err(RestoreError::CannotReplace { state, why: "it holds other things than a state".into() });
        }
        Ok(_) => Some(InstanceLock::take(&state, now).map_err(|e| match e {
            LockError::Held(holder) => RestoreError::Held { state: state.clone(), holder },
            LockError::Store(error) => RestoreError::Store(error),
        })?),
    };
    let kept = tidy(&state)?;
    step("proved");

    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let place =
        Workplace::take(&named(&state, ".restoring-", &stamp))?.ok_or_else(|| RestoreError::Underway(state.clone()))?;
    let frozen = match fill(dir, &place.path, &manifest, options, progress) {
        Ok(frozen) => frozen,
        Err(error) => {
            place.abandon();
            return Err(error);
        }
    };
    step("complete");

    progress(Progress::Part("place"));
    let before = put_in_place(&place.path, &state, &stamp)?;
    step("set aside");
    drop(lock);
    Ok(Restored { state, before, kept, manifest, frozen })
}

/// Makes the new directory, up to the removal of its marker; returns what its kill switch says.
fn fill(
    dir: &Path,
    place: &Path,
    manifest: &Manifest,
    options: &Restoring<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<String, RestoreError> {
    files::write(&place.join(MARKER), "not complete\n")?;
    files::sync_dir(place)?;
    step("begun");
    progress(Progress::Part("files"));
    assemble(dir, place, manifest, progress)?;
    step("copied");
    progress(Progress::Part("check"));
    let damaged = |what: String| RestoreError::Damaged { path: dir.join("kobe.db"), what };
    manifest.hold_against(place).map_err(damaged)?;
    let frozen = freeze(place, manifest, options.opening.now)?;
    step("frozen");
    settle(place, dir, manifest, options)?;
    step("settled");
    for left in ["kobe.db-wal", "kobe.db-shm", MARKER] {
        let left = place.join(left);
        match fs::remove_file(&left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(&left, &error).into()),
            _ => {}
        }
    }
    files::sync_dir(place)?;
    Ok(frozen)
}

/// Follows the links of a state directory, which need not be there: what stands beside it must stand beside the directory itself.
fn real(state: &Path) -> Result<PathBuf, RestoreError> {
    if let Ok(real) = fs::canonicalize(state) {
        return Ok(real);
    }
    let name = state.file_name().map(OsString::from);
    let above = parent(state);
    files::make_dir(above)?;
    let above = fs::canonicalize(above).map_err(|e| io_error(above, &e))?;
    match name {
        Some(name) => Ok(above.join(name)),
        None => Err(RestoreError::CannotReplace { state: state.to_owned(), why: "it has no name".into() }),
    }
}

/// Tells whether a directory is a state, or was one, or is empty: anything else is not ours to move.
fn is_a_state(dir: &Path) -> Result<bool, RestoreError> {
    let ours = ["kobe.db", "kobe.db-wal", "kobe.lock", "kobe.reserve", KILL_SWITCH];
    if ours.iter().any(|name| fs::symlink_metadata(dir.join(name)).is_ok()) {
        return Ok(true);
    }
    let mut listed = fs::read_dir(dir).map_err(|e| io_error(dir, &e))?;
    Ok(listed.next().is_none())
}

fn named(state: &Path, what: &str, stamp: &str) -> PathBuf {
    files::beside(state, &format!("{what}{stamp}"))
}

/// Returns what restores have left beside a state directory: complete directories, and those that are not.
fn leftovers(state: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let Some(name) = state.file_name() else { return Default::default() };
    let mut prefix = name.to_os_string();
    prefix.push(".restoring-");
    let Ok(listed) = fs::read_dir(parent(state)) else { return Default::default() };
    let paths = listed.filter_map(Result::ok).map(|entry| entry.path());
    let ours = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.starts_with(prefix.as_encoded_bytes()) && path.is_dir()
    });
    // A directory that is empty was never begun.
    let empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut all| all.next().is_none());
    ours.partition(|path| !path.join(MARKER).exists() && !empty(path))
}

/// Says what an interrupted restore has left, if the state itself is missing.
pub(crate) fn interrupted(state: &Path) -> Option<StoreError> {
    let state = real(state).ok()?;
    let (complete, _) = leftovers(&state);
    let left = complete.first()?;
    Some(StoreError::Io(format!(
        "{} holds no database, and {} is a whole one that a restore was about to put there when it was killed; restore again, or rename it by hand",
        state.display(),
        left.display()
    )))
}

/// Removes what interrupted restores had not completed, and keeps what they had under a name that says so.
fn tidy(state: &Path) -> Result<Vec<PathBuf>, RestoreError> {
    let (complete, begun) = leftovers(state);
    for path in begun {
        // Another process may be at it.
        if Workplace::take(&path)?.is_none() {
            return Err(RestoreError::Underway(state.to_owned()));
        }
        fs::remove_dir(&path).map_err(|e| io_error(&path, &e))?;
    }
    let mut kept = Vec::new();
    for path in complete {
        let name = path.file_name().unwrap_or_default().to_string_lossy().replace(".restoring-", ".before-restore-");
        let mut to = path.with_file_name(&name);
        let mut n = 1;
        while fs::symlink_metadata(&to).is_ok() {
            n += 1;
            to = path.with_file_name(format!("{name}-{n}"));
        }
        files::rename_new(&path, &to)?;
        kept.push(to);
    }
    Ok(kept)
}

fn assemble(
    dir: &Path,
    to: &Path,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), RestoreError> {
    let mut dirs = vec![to.to_owned()];
    for file in &manifest.files {
        let (from, target) = (dir.join(&file.path), to.join(&file.path));
        let above = parent(&target).to_owned();
        if !dirs.contains(&above) {
            files::make_dir(&above)?;
            dirs.push(above);
        }
        let sum = files::copy(&from, &target)?;
        if sum.bytes != file.bytes || sum.sha256 != file.sha256 {
            return Err(RestoreError::Damaged {
                path: from,
                what: "its bytes change from one reading to the next".into(),
            });
        }
        progress(Progress::File { path: &file.path, bytes: file.bytes });
    }
    for dir in dirs.iter().rev() {
        files::sync_dir(dir)?;
    }
    Ok(())
}

/// Pulls the kill switch of a directory that is being made. What a switch said that was in the backup goes with it.
fn freeze(place: &Path, manifest: &Manifest, now: Timestamp) -> Result<String, RestoreError> {
    let path = place.join(KILL_SWITCH);
    let reason = format!("restored from a backup of {:.0}: reconcile, then kobe resume", manifest.created_at);
    let mut record = KillRecord::new(&reason, Trigger::Manual, now - AGO, "kobe restore");
    if let Ok(bytes) = fs::read(&path) {
        let was = KillRecord::read(&bytes);
        // The first activation counts.
        record.activated_at = record.activated_at.min(was.activated_at.or(record.activated_at));
        record.context = BTreeMap::from([("it was pulled before".to_owned(), was.reason)]);
        fs::remove_file(&path).map_err(|e| io_error(&path, &e))?;
    }
    let mut text = serde_json::to_string(&record).expect("texts and instants");
    text.push('\n');
    files::write(&path, &text)?;
    Ok(reason)
}

/// Opens the new database once: brings it to the schema of this build, settles it in its new file, and says in its operator log where it comes from.
fn settle(place: &Path, dir: &Path, manifest: &Manifest, options: &Restoring<'_>) -> Result<(), RestoreError> {
    let store = SqliteStore::open(place, &options.opening)?;
    store.settle()?;
    let entry = OperatorEntry {
        at: options.opening.now,
        operator: options.operator.to_owned(),
        action: "restore".to_owned(),
        target: fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string(),
        reason: options.reason.to_owned(),
        result: format!("the state of {}, frozen until kobe resume", manifest.created_at),
    };
    store.log_operator(entry)?;
    drop(store);
    for name in ["kobe.db", "kobe.lock"] {
        let path = place.join(name);
        fs::File::open(&path).and_then(|file| file.sync_all()).map_err(|e| io_error(&path, &e))?;
    }
    Ok(())
}

/// Has two directories change their names in one call.
fn exchange(one: &Path, other: &Path) -> Result<(), rustix::io::Errno> {
    #[cfg(test)]
    if std::env::var_os("KOBE_STORE_TEST_NO_EXCHANGE").is_some() {
        return Err(rustix::io::Errno::INVAL);
    }
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// Gives the new directory the name; returns where the old one is kept.
fn put_in_place(new: &Path, state: &Path, stamp: &str) -> Result<Option<PathBuf>, RestoreError> {
    if fs::symlink_metadata(state).is_err() {
        files::rename_new(new, state)?;
        return Ok(None);
    }
    let mut aside = named(state, ".before-restore-", stamp);
    let mut n = 1;
    while fs::symlink_metadata(&aside).is_ok() {
        n += 1;
        aside = named(state, ".before-restore-", &format!("{stamp}-{n}"));
    }
    match exchange(new, state) {
        Ok(()) => {
            files::sync_dir(parent(state))?;
            step("exchanged");
            // The old state has the name of the new one now.
            files::rename_new(new, &aside)?;
        }
        Err(rustix::io::Errno::BUSY) => {
            return Err(RestoreError::CannotReplace { state: state.to_owned(), why: "it is a mount point".into() });
        }
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            // A file system that cannot exchange. Between the two moves there is no state; opening it says so, and does not begin anew.
            files::rename_new(state, &aside)?;
            step("old moved aside");
            files::rename_new(new, state)?;
        }
        Err(error) => return Err(io_error(state, &error.into()).into()),
    }
    Ok(Some(aside))
}
