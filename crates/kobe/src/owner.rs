//! Owner: what root writes into a state belongs to the state's owner afterwards.
//!
//! Rule: a command that root typed must leave nothing behind that the desk's own user cannot take back, a pulled kill switch above all. Given away is only what this command
//! wrote, plain files and directories: no link is followed, nothing with a second name is touched, and what root owned before stays root's. Start at [`give_back`], after a restore
//! at [`give_like`].

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchown, fstat, open, openat};

/// Directories of a state lie no deeper than this.
const DEEPEST: usize = 8;

/// Who gets what, and since when it must have been written.
struct Gift {
    uid: Uid,
    gid: Gid,
    since_s: i64,
}

impl Gift {
    /// Builds one to an owner, of what was written since an instant; to root nothing need be given.
    fn to(owner: &Stat, since: Timestamp) -> Option<Gift> {
        // A file system counts time in steps: a file may seem a little older than the command that wrote it.
        let since_s = since.as_second() - 1;
        let (uid, gid) = (owner.st_uid, owner.st_gid);
        (uid != 0).then(|| Gift { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), since_s })
    }
}

/// Gives what was written into a state since an instant to the owner of the state, where root has written it. What cannot be given stays as it is.
pub fn give_back(state: &Path, since: Timestamp) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let Some(top) = directory(state) else { return };
    let Some(gift) = fstat(&top).ok().and_then(|owner| Gift::to(&owner, since)) else { return };
    give(&top, &gift, DEEPEST);
}

/// Gives a state that root has written whole since an instant to the owner of another directory: of the state that was there before, or of what the state lies in.
pub fn give_like(state: &Path, like: &Path, since: Timestamp) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (Some(top), Some(model)) = (directory(state), directory(like)) else { return };
    let Some(gift) = fstat(&model).ok().and_then(|owner| Gift::to(&owner, since)) else { return };
    if fstat(&top).is_ok_and(|found| is_ours_to_give(&found, &gift)) {
        // As below: a file system without owners has none to give to.
        let _ = fchown(&top, Some(gift.uid), Some(gift.gid));
        give(&top, &gift, DEEPEST);
    }
}

fn directory(path: &Path) -> Option<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Gives what lies in a directory.
fn give(directory: &OwnedFd, gift: &Gift, deeper: usize) {
    let Ok(listed) = Dir::read_from(directory) else { return };
    for entry in listed.filter_map(Result::ok) {
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        // Held while it is looked at and given: whoever may write here could change names meanwhile. Such a hold is no opening, so a pipe does not block and no lock falls with it.
        let Ok(held) = openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        let Ok(found) = fstat(&held) else { continue };
        let is_directory = FileType::from_raw_mode(found.st_mode).is_dir();
        if is_ours_to_give(&found, gift) {
            // Tried once; a file system without owners has none to give to.
            let _ = chownat(&held, c"", Some(gift.uid), Some(gift.gid), AtFlags::EMPTY_PATH);
        }
        if is_directory && deeper > 0 {
            let inside = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if let Ok(below) = open_here(&held, inside) {
                give(&below, gift, deeper - 1);
            }
        }
    }
}

fn open_here(held: impl AsFd, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    const HERE: &CStr = c".";
    openat(held, HERE, flags, Mode::empty())
}

fn is_ours_to_give(found: &Stat, gift: &Gift) -> bool {
    let kind = FileType::from_raw_mode(found.st_mode);
    let plain = (kind.is_file() && found.st_nlink == 1) || kind.is_dir();
    plain && found.st_uid == 0 && found.st_ctime >= gift.since_s
}
