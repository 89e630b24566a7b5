//! The kill switch as it stands outside: a file, or an instant of a replay.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_trade::book::Book;
use kobe_trade::fact::{Fact, What};
use kobe_trade::kill::{KillRecord, KillState, Trigger};
use kobe_trade::ports::{Books, BooksError, KillSwitch};

/// Name of the file in the state directory. Anything of this name, readable or not, is a trip.
pub const FILE_NAME: &str = "KILL_SWITCH";

/// Bytes that a record has at most.
const RECORD_MOST: u64 = 64 * 1024;

/// The switch as a file.
#[derive(Debug, Clone)]
pub struct KillFile {
    path: PathBuf,
}

impl KillFile {
    /// Looks for the file in a state directory.
    pub fn in_state(dir: &Path) -> KillFile {
        KillFile { path: dir.join(FILE_NAME) }
    }

    /// Returns where the file stands.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl KillSwitch for KillFile {
    fn read(&self, _: Timestamp) -> KillState {
        // A pipe would never answer, a device never end: only a plain file is read, and only so much of it as a record can be. Whatever else has the name is a trip.
        match fs::symlink_metadata(&self.path) {
            Ok(found) if !found.is_file() => return KillState::Unreadable("it is no plain file".into()),
            Ok(found) if found.len() > RECORD_MOST => {
                return KillState::Unreadable("it is too large for a record".into());
            }
            _ => {}
        }
        match fs::read(&self.path) {
            Ok(bytes) => KillState::Present(KillRecord::read(&bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => match self.path.parent().map(Path::try_exists) {
                // A state directory that is gone, or may not be looked into, says nothing about the file.
                Some(Ok(true)) => KillState::Clear,
                _ => KillState::Unreadable("the state directory cannot be read".into()),
            },
            Err(e) => KillState::Unreadable(e.to_string()),
        }
    }

    fn trip(&self, record: &KillRecord) -> Result<(), String> {
        if fs::symlink_metadata(&self.path).is_ok() {
            return Ok(());
        }
        let text = serde_json::to_string(record).map_err(|e| e.to_string())?;
        let tmp = self.path.with_extension("tmp");
        let written = (|| {
            let mut file = fs::File::create(&tmp)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&tmp, &self.path)?;
            let dir = self
                .path
                .parent()
                .map_or(Path::new("."), |p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
            fs::File::open(dir)?.sync_all()
        })();
        // A full disk has room for a name: an empty file of it is a trip as well.
        written
            .or_else(|e: std::io::Error| {
                let _ = fs::remove_file(&tmp);
                fs::OpenOptions::new().write(true).create_new(true).open(&self.path).map(drop).map_err(|_| e)
            })
            .map_err(|e| format!("{} could not be written: {e}", self.path.display()))
    }

    fn clear(&self) -> Result<(), String> {
        let gone = match fs::symlink_metadata(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Ok(found) if found.is_dir() => fs::remove_dir(&self.path),
            _ => fs::remove_file(&self.path),
        };
        gone.map_err(|e| format!("{} could not be removed: {e}", self.path.display()))
    }
}

/// Books a switch that is found pulled and that the books do not know yet: from then on it holds although its file may vanish. Returns the books as they are then, and the
/// record if it was new.
///
/// # Errors
/// [`BooksError`] when the books do not take it.
pub fn note(
    books: &dyn Books,
    found: &KillState,
    at: Timestamp,
    day: Date,
) -> Result<(Arc<Book>, Option<KillRecord>), BooksError> {
    loop {
        let book = books.book();
        let record = match found {
            KillState::Clear => return Ok((book, None)),
            _ if book.kill().active.is_some() || !book.is_open() => return Ok((book, None)),
            KillState::Present(record) => record.clone(),
            KillState::Unreadable(why) => {
                let mut record =
                    KillRecord::new(&format!("the kill switch cannot be read: {why}"), Trigger::Manual, at, "desk");
                record.activated_at = None;
                record
            }
        };
        match books.append(book.version(), vec![Fact::new(at, day, What::KillTripped { record: record.clone() })]) {
            Ok(book) => return Ok((book, Some(record))),
            // Someone else booked something meanwhile: look again.
            Err(BooksError::Conflict { .. }) => {}
            Err(e) => return Err(e),
        }
    }
}

/// The switch of a replay: pulled at an instant, or by the desk itself; nobody is there to take it back.
#[derive(Debug, Default)]
pub struct ReplayKill {
    at: Option<Timestamp>,
    pulled: Mutex<Option<KillRecord>>,
}

impl ReplayKill {
    /// Will be pulled at an instant, if one is given.
    pub fn at(at: Option<Timestamp>) -> ReplayKill {
        ReplayKill { at, pulled: Mutex::default() }
    }

    /// Returns the record of the first trip that has happened by `now`.
    pub fn record(&self, now: Timestamp) -> Option<KillRecord> {
        let own = self.pulled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let halt = self
            .at
            .filter(|at| *at <= now)
            .map(|at| KillRecord::new("halted by --halt-at", Trigger::Manual, at, "operator"));
        match (own, halt) {
            (Some(own), Some(halt)) if halt.activated_at < own.activated_at => Some(halt),
            (Some(own), _) => Some(own),
            (None, halt) => halt,
        }
    }
}

impl KillSwitch for ReplayKill {
    fn read(&self, now: Timestamp) -> KillState {
        self.record(now).map_or(KillState::Clear, KillState::Present)
    }

    fn trip(&self, record: &KillRecord) -> Result<(), String> {
        self.pulled.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| record.clone());
        Ok(())
    }

    fn clear(&self) -> Result<(), String> {
        Err("a replay has no operator: a switch that is pulled stays pulled".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().expect("an instant")
    }

    #[test]
    fn whatever_has_the_name_is_a_trip() {
        for (what, make) in [
            ("an empty file", (|p: &Path| fs::write(p, "").unwrap()) as fn(&Path)),
            ("plain text", |p| fs::write(p, "stop").unwrap()),
            ("no text", |p| fs::write(p, [0, 255, 1]).unwrap()),
            ("a directory", |p| fs::create_dir(p).unwrap()),
            ("a link that leads nowhere", |p| std::os::unix::fs::symlink("/nonexistent/x", p).unwrap()),
            ("a link to a device", |p| std::os::unix::fs::symlink("/dev/zero", p).unwrap()),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let kill = KillFile::in_state(dir.path());
            assert_eq!(kill.read(now()), KillState::Clear, "{what}");
            make(kill.path());
            assert_ne!(kill.read(now()), KillState::Clear, "{what}");
            kill.clear().unwrap();
            assert_eq!(kill.read(now()), KillState::Clear, "{what}");
        }
    }

    #[test]
    fn a_missing_state_directory_is_no_all_clear() {
        let dir = tempfile::tempdir().unwrap();
        let kill = KillFile::in_state(&dir.path().join("gone"));
        assert!(matches!(kill.read(now()), KillState::Unreadable(_)));
    }

    #[test]
    fn the_first_trip_keeps_its_record() {
        let dir = tempfile::tempdir().unwrap();
        let kill = KillFile::in_state(dir.path());
        let record = |reason| KillRecord::new(reason, Trigger::Manual, now(), "operator");
        kill.trip(&record("first")).unwrap();
        kill.trip(&record("second")).unwrap();
        let KillState::Present(found) = kill.read(now()) else { panic!("it was pulled") };
        assert_eq!((found.reason.as_str(), found.activated_at), ("first", Some(now())));
    }

    #[test]
    fn a_replay_is_halted_from_its_instant_on() {
        let kill = ReplayKill::at(Some(now()));
        assert_eq!(kill.read(now() - jiff::SignedDuration::from_secs(1)), KillState::Clear);
        assert!(matches!(kill.read(now()), KillState::Present(_)));
    }
}
