//! The lock: one instance a state directory.
//!
//! Rule: the operating system holds the lock, not the file's content; it falls with the process, however that ends. The content only says who holds it. Start at
//! [`InstanceLock::take`].

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use kobe_engine::StoreError;
use serde::{Deserialize, Serialize};

use crate::fault::io_error;
use crate::reserve;

const NAME: &str = "kobe.lock";

/// Somebody who only asks who holds the lock holds it for an instant: a starting instance asks again.
const TRIES: u32 = 8;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// Who holds a state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Number of the process.
    pub pid: u32,
    /// Name of its machine.
    pub host: String,
    /// When it took the lock.
    pub started_at: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {:.0}", self.pid, self.host, self.started_at)
    }
}

/// The lock that was not free.
#[derive(Debug)]
pub(crate) enum LockError {
    Held(Option<Holder>),
    Store(StoreError),
}

/// The lock of a state directory, as long as this lives.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    file: File,
}

impl InstanceLock {
    /// Takes the lock and writes who holds it.
    pub(crate) fn take(state: &Path, now: Timestamp) -> Result<InstanceLock, LockError> {
        let path = state.join(NAME);
        let store = |e: std::io::Error| LockError::Store(io_error(&path, &e));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(store)?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(read_holder(&mut file))),
                Err(TryLockError::Error(error)) => return Err(store(error)),
            }
        }
        let me = Holder { pid: std::process::id(), host: host(), started_at: now };
        let text = serde_json::to_string(&me).expect("a holder is plain text and numbers");
        let write = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")
        };
        // A few bytes: on a full disk the reserve is there for them.
        let full = |e: &std::io::Error| e.kind() == std::io::ErrorKind::StorageFull;
        reserve::with(state, full, write).map_err(store)?;
        Ok(InstanceLock { file })
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        // The lock falls with the file in any case; the content says nothing once nobody holds it.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Tells who holds a state directory now, if anybody does.
///
/// A lock that is held by a process which has not written its name yet is told as a holder without a number (0).
///
/// # Errors
/// [`StoreError::Io`] when the lock file is there and cannot be read.
pub fn holder(state: &Path) -> Result<Option<Holder>, StoreError> {
    let path = state.join(NAME);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, &error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let unnamed = Holder { pid: 0, host: String::from("unknown"), started_at: Timestamp::UNIX_EPOCH };
            Ok(Some(read_holder(&mut file).unwrap_or(unnamed)))
        }
        Err(TryLockError::Error(error)) => Err(io_error(&path, &error)),
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

pub(crate) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| String::from("unknown"))
}
