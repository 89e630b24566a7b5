//! The reserve: a little space that is kept free by being taken, for the day on which the disk is full.
//!
//! Rule: it is given up only so that a full disk can still be opened and read; work never gets it. It comes back by itself once there is room. Start at [`with`].

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use kobe_engine::StoreError;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

const NAME: &str = "kobe.reserve";

/// Enough for the index of a log, the mark of an opening and the lock's text, many times over.
const BYTES: u64 = 256 << 10;

/// Takes the reserve, if it is not there and there is room for it and as much again. Whatever speaks against it, nothing fails: it is only a reserve.
pub(crate) fn take(state: &Path) {
    let path = state.join(NAME);
    if fs::metadata(&path).is_ok_and(|meta| meta.len() >= BYTES) || free(state).is_none_or(|free| free < 2 * BYTES) {
        return;
    }
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let taken = made.is_ok_and(|file| fallocate(&file, FallocateFlags::empty(), 0, BYTES).is_ok());
    if !taken {
        let _ = fs::remove_file(&path);
    }
}

/// Gives the reserve up; tells whether there was one.
pub(crate) fn give_up(state: &Path) -> bool {
    fs::remove_file(state.join(NAME)).is_ok()
}

/// Does something, and once more with the reserve given up if the disk is too full for it.
pub(crate) fn with<T, E>(
    state: &Path,
    is_full: impl Fn(&E) -> bool,
    mut act: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    match act() {
        Err(error) if is_full(&error) && give_up(state) => act(),
        other => other,
    }
}

/// Tells whether an error says that there is no room.
pub(crate) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Full(_))
}

/// Returns the bytes that are free where a path lies, if that can be asked.
pub(crate) fn free(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|there| there.f_bavail.saturating_mul(there.f_frsize))
}
