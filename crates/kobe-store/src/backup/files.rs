//! Files of a backup: copied whole, known by their hash, flushed before they count.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use kobe_engine::StoreError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use crate::fault::{io_error, store_error};

/// Stands in a directory that is not complete yet.
pub(super) const MARKER: &str = ".assembling";

/// Pages of a database copied at a time.
const PAGES: i32 = 512;

/// What a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

/// Copies a file into a new one, flushes it and returns what was written. Of a file that grows meanwhile, what was there is copied.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Sum, StoreError> {
    let source = open_plain(from)?;
    let length = source.metadata().map_err(|e| io_error(from, &e))?.len();
    let mut target =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| io_error(to, &e))?;
    let sum = pump(source.take(length), from, |bytes| target.write_all(bytes).map_err(|e| io_error(to, &e)))?;
    target.sync_all().map_err(|e| io_error(to, &e))?;
    Ok(sum)
}

/// Reads a file to its end.
pub(super) fn sum(path: &Path) -> Result<Sum, StoreError> {
    pump(open_plain(path)?, path, |_| Ok(()))
}

fn pump(
    mut source: impl std::io::Read,
    from: &Path,
    mut put: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<Sum, StoreError> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_error(from, &error)),
        };
        hash.update(&buffer[..read]);
        bytes += read as u64;
        put(&buffer[..read])?;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sum { bytes, sha256 })
}

/// Opens a plain file to read; anything else of that name would block or never end.
fn open_plain(path: &Path) -> Result<File, StoreError> {
    let no_follow = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(no_follow).open(path).map_err(|e| io_error(path, &e))?;
    if !file.metadata().map_err(|e| io_error(path, &e))?.is_file() {
        return Err(StoreError::Io(format!("{}: it is no plain file", path.display())));
    }
    Ok(file)
}

/// Writes a small file whole, and flushes it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|e| io_error(path, &e))
}

/// Flushes the names in a directory.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| io_error(path, &e))
}

/// Makes a directory for its owner alone, and those above it that are missing.
pub(super) fn make_dir(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| io_error(path, &e))
}

/// Returns the directory that a path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns a path with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the name of a file in a manifest for a path below a directory; nothing else is one.
pub(super) fn below(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty() && !name.contains('\\') && !name.contains('\0')).then_some(path)
}

/// Copies a database, as the transaction of `from` sees it, into a new file, and flushes it. `told` hears pages done and all pages.
pub(crate) fn copy_database(
    from: &Connection,
    from_path: &Path,
    to: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| io_error(to, &e))?;
    let on = |e: rusqlite::Error| store_error(to, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags).map_err(on)?;
    // Nobody knows this file yet: it is flushed once, at its end.
    copy.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").map_err(on)?;
    let backup = Backup::new(from, &mut copy).map_err(on)?;
    loop {
        match backup.step(PAGES).map_err(on)? {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => {
                return Err(StoreError::Busy(format!("{}: it is being written by a shell", from_path.display())));
            }
            _ => {
                let at = backup.progress();
                told(at.pagecount.saturating_sub(at.remaining).max(0) as u64, at.pagecount.max(0) as u64);
            }
        }
    }
    drop(backup);
    copy.close().map_err(|(_, e)| on(e))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|e| io_error(to, &e))
}

/// A directory that is being made by one process: it is ours while its lock is held, and a dead process holds none.
#[derive(Debug)]
pub(super) struct Workplace {
    _lock: File,
    pub path: PathBuf,
}

impl Workplace {
    /// Takes a directory for ourselves: a new one, or one that a dead process has left, emptied, its marker last. Nothing when a living process has it.
    pub(super) fn take(path: &Path) -> Result<Option<Workplace>, StoreError> {
        let on = |e: std::io::Error| io_error(path, &e);
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(on(error)),
            _ => {}
        }
        let lock = File::open(path).map_err(on)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(on(error)),
        }
        // Whoever had it may have given it its name while we were asking.
        use std::os::unix::fs::MetadataExt as _;
        let same = fs::metadata(path).is_ok_and(|there| lock.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
        if !same {
            return Ok(None);
        }
        let place = Workplace { _lock: lock, path: path.to_owned() };
        place.clear()?;
        Ok(Some(place))
    }

    /// Takes what a dead process has left, as it is; nothing when a living one has it.
    pub(super) fn seize(path: &Path) -> Result<Option<Workplace>, StoreError> {
        let lock = File::open(path).map_err(|e| io_error(path, &e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Workplace { _lock: lock, path: path.to_owned() })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(io_error(path, &error)),
        }
    }

    /// Removes what is in it, the marker last.
    fn clear(&self) -> Result<(), StoreError> {
        let on = |e: std::io::Error| io_error(&self.path, &e);
        let left = fs::read_dir(&self.path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(on)?;
        let mut left: Vec<PathBuf> = left.into_iter().map(|entry| entry.path()).collect();
        left.sort_by_key(|path| path.file_name().is_some_and(|name| name == MARKER));
        for left in left {
            let is_dir = fs::symlink_metadata(&left).is_ok_and(|meta| meta.is_dir());
            let gone = if is_dir { fs::remove_dir_all(&left) } else { fs::remove_file(&left) };
            gone.map_err(|e| io_error(&left, &e))?;
        }
        Ok(())
    }

    /// Removes it with all that is in it; what cannot be removed goes with the next try.
    pub(super) fn abandon(self) {
        if self.clear().is_ok() {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Gives a directory its name, unless something has it.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<(), StoreError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let renamed = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to)
        }
        other => other.map_err(Into::into),
    };
    renamed.map_err(|e| io_error(to, &e))?;
    sync_dir(parent(to))
}

/// How long another process may have the write lock of a copy that nobody else knows.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
