//! The lookout: hears from the system that something in a directory has changed or that the clock was set, so that an idle desk need not look every second.
//!
//! Hearing only spares looks: what is told here is looked at, and whoever is told looks by itself as well, rarely. A file system that tells nothing (a network, a share) costs
//! time, never a change.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// Bytes of one reading of news.
const NEWS: usize = 4096;

/// What counts as a change of a directory: a name came or went, a file was closed after writing, the directory itself moved.
fn changes() -> WatchFlags {
    WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
}

/// Tells of every change in the directories that `of` names, until `tell` returns false; after each change it asks `of` again. The thread ends with the process.
///
/// # Errors
/// What the system says when it gives no watch for the first directory, or no thread.
pub fn of_directories(
    name: &str,
    of: impl Fn() -> Vec<PathBuf> + Send + 'static,
    tell: impl Fn() -> bool + Send + 'static,
) -> io::Result<()> {
    let ears = inotify::init(CreateFlags::CLOEXEC)?;
    hear(&ears, &of())?;
    let listen = move || {
        let mut room = [MaybeUninit::uninit(); NEWS];
        let mut news = Reader::new(&ears, &mut room);
        loop {
            let heard = news.next().map(drop);
            match heard {
                Err(Errno::INTR) => {}
                // No news can be had any more; what is looked at is looked at rarely then.
                Err(_) => return,
                Ok(()) if !news.is_buffer_empty() => {}
                Ok(()) => {
                    // A directory that is new, or stands in the place of another, is listened to from here on.
                    let _ = hear(&ears, &of());
                    if !tell() {
                        return;
                    }
                }
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(listen).map(drop)
}

/// Tells of every step of the wall clock, a waking from sleep included, until `tell` returns false. The thread ends with the process.
///
/// # Errors
/// What the system says when it gives no timer or no thread.
pub fn of_clock(tell: impl Fn() -> bool + Send + 'static) -> io::Result<()> {
    let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
    // It is never due; what it is for is that the system calls it off when the clock is set (timerfd_create(2)).
    let never = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: i64::from(u32::MAX) * 2, tv_nsec: 0 },
    };
    let wind = move || {
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &never)?;
        rustix::io::read(&timer, &mut [0; 8])
    };
    let listen = move || {
        loop {
            match wind() {
                Err(Errno::INTR) => {}
                Err(Errno::CANCELED) if tell() => {}
                // Nobody listens any more, or nothing can be heard.
                _ => return,
            }
        }
    };
    thread::Builder::new().name("clock-news".into()).spawn(listen).map(drop)
}

/// Listens to directories; to one that is listened to already nothing happens.
fn hear(ears: &OwnedFd, directories: &[PathBuf]) -> io::Result<()> {
    for directory in directories {
        inotify::add_watch(ears, directory, changes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;

    fn listening_to(root: &Path) -> Receiver<()> {
        let (bell, told) = channel();
        let root = root.to_owned();
        let of = move || {
            let below = fs::read_dir(&root).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
            [root.clone()].into_iter().chain(below.filter(|p| p.is_dir())).collect()
        };
        of_directories("test", of, move || bell.send(()).is_ok()).expect("the system tells");
        told
    }

    fn hears(told: &Receiver<()>) -> bool {
        let heard = told.recv_timeout(Duration::from_secs(10)).is_ok();
        // One change may be several pieces of news.
        while told.recv_timeout(Duration::from_millis(100)).is_ok() {}
        heard
    }

    #[test]
    fn a_file_that_comes_changes_and_goes_is_heard_of() {
        let dir = tempfile::tempdir().unwrap();
        let told = listening_to(dir.path());
        let file = dir.path().join("KILL_SWITCH");
        fs::write(&file, "").unwrap();
        assert!(hears(&told), "it came");
        fs::write(&file, "stop").unwrap();
        assert!(hears(&told), "it changed");
        fs::rename(&file, dir.path().join("other")).unwrap();
        assert!(hears(&told), "it was moved");
        fs::remove_file(dir.path().join("other")).unwrap();
        assert!(hears(&told), "it went");
    }

    #[test]
    fn a_directory_that_comes_later_is_listened_to() {
        let dir = tempfile::tempdir().unwrap();
        let told = listening_to(dir.path());
        fs::create_dir(dir.path().join("stocks")).unwrap();
        assert!(hears(&told), "the directory");
        fs::write(dir.path().join("stocks/a.toml"), "x").unwrap();
        assert!(hears(&told), "the file in it");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        assert!(of_directories("test", move || vec![gone.clone()], || true).is_err());
    }
}
