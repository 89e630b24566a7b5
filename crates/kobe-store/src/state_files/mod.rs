//! State files: the state as JSON, for people and for tools that read files.
//!
//! Rule: a file shows rows that are committed; it is written whole (temporary file, fsync, rename), never read back, and a file that is missing or bad is replaced, the bad one
//! kept beside it. The planning loop only hands its vitals over; a thread writes what was handed over and nothing else, so a heart that stops beating is seen, and a slow disk
//! never holds up the loop. What cannot be written is counted and told, and stops nothing. Start at [`StateFiles::start`].

mod books;
mod discoveries;
mod file;
mod heartbeat;
mod runs;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kobe_calendar::Market;
use kobe_engine::{Pulse, StoreError, Vitals};
use kobe_plan::Desk;

use crate::open::state_directory;
pub(crate) use books::number;
use file::Files;

/// The heartbeat is written at most this often.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// Everything else is written at most this often.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// What the state files show.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The state directory.
    pub state: PathBuf,
    /// The desk, for what was declared.
    pub desk: Arc<Desk>,
    /// The market, for phase, mode and New York time.
    pub market: Arc<Market>,
    /// Which build runs.
    pub build: String,
}

/// What went wrong with the files so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Writes that failed, and files that were bad.
    pub count: u64,
    /// The latest of them, in words.
    pub last: Option<String>,
}

/// Tells what went wrong with the files, from any thread.
#[derive(Debug, Clone)]
pub struct TroublesBoard(Arc<Shared>);

impl TroublesBoard {
    /// Returns what went wrong so far.
    pub fn read(&self) -> Troubles {
        self.0.lock().troubles.clone()
    }
}

/// Writes the state files. When it is dropped, everything is written a last time, and the heartbeat says that the heart stands still.
#[derive(Debug)]
pub struct StateFiles {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Slot {
    /// The latest beat that was not written yet.
    beat: Option<Vitals>,
    /// Another desk is in force.
    desk: Option<Arc<Desk>>,
    stop: bool,
    troubles: Troubles,
}

impl StateFiles {
    /// Makes the directories and starts the thread that writes.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Full`] when the directories cannot be made or the thread cannot be started.
    pub fn start(shown: Shown) -> Result<StateFiles, StoreError> {
        state_directory(&shown.state.join("autonomous").join("scheduler"))?;
        let shared = Arc::new(Shared::default());
        let writer = Writer { shared: Arc::clone(&shared), shows: Shows::new(shown) };
        let thread = std::thread::Builder::new()
            .name("kobe-files".into())
            .spawn(move || writer.serve())
            .map_err(|e| StoreError::Io(format!("the thread of the state files cannot be started: {e}")))?;
        Ok(StateFiles { shared, thread: Some(thread) })
    }

    /// Returns where troubles can be read.
    pub fn troubles(&self) -> TroublesBoard {
        TroublesBoard(Arc::clone(&self.shared))
    }
}

impl Pulse for StateFiles {
    fn beat(&mut self, vitals: &Vitals) {
        self.shared.lock().beat = Some(vitals.clone());
        self.shared.changed.notify_one();
    }

    fn reloaded(&mut self, desk: &Arc<Desk>) {
        self.shared.lock().desk = Some(Arc::clone(desk));
    }
}

impl Drop for StateFiles {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // What a thread that panicked did not write is written by the next instance.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Writer {
    shared: Arc<Shared>,
    shows: Shows,
}

impl Writer {
    fn serve(mut self) {
        let (mut beat_after, mut show_after) = (Instant::now(), Instant::now());
        let mut latest: Option<Vitals> = None;
        // What was handed over and is not in the heartbeat yet, or not in the other files.
        let (mut beat_due, mut show_due) = (false, false);
        loop {
            let (stop, desk) = {
                let mut slot = self.shared.lock();
                loop {
                    if let Some(vitals) = slot.beat.take() {
                        latest = Some(vitals);
                        (beat_due, show_due) = (true, true);
                    }
                    let due = [(beat_due, beat_after), (show_due, show_after)];
                    let next = due.into_iter().filter_map(|(due, at)| due.then_some(at)).min();
                    let now = Instant::now();
                    if slot.stop || next.is_some_and(|at| at <= now) {
                        break;
                    }
                    slot = match next {
                        None => self.shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner),
                        Some(at) => {
                            let wait = self.shared.changed.wait_timeout(slot, at - now);
                            wait.unwrap_or_else(PoisonError::into_inner).0
                        }
                    };
                }
                (slot.stop, slot.desk.take())
            };
            if let Some(desk) = desk {
                self.shows.shown.desk = desk;
            }
            if let Some(vitals) = &latest {
                let now = Instant::now();
                if beat_due && now >= beat_after || stop {
                    self.shows.beat(vitals, !stop);
                    (beat_due, beat_after) = (false, now + BEAT_EVERY);
                }
                if show_due && now >= show_after || stop {
                    self.shows.show(vitals);
                    (show_due, show_after) = (false, now + SHOW_EVERY);
                }
            }
            self.tell();
            if stop {
                return;
            }
        }
    }

    fn tell(&mut self) {
        let met = self.shows.files.take_troubles();
        if !met.is_empty() {
            let mut slot = self.shared.lock();
            slot.troubles.count += met.len() as u64;
            slot.troubles.last = met.into_iter().next_back();
        }
    }
}

/// All files and what they need.
struct Shows {
    shown: Shown,
    files: Files,
    reader: Option<crate::Reader>,
    /// `data_version` that the files show.
    seen: Option<i64>,
    runs: runs::Runs,
    books: books::BookFiles,
    discoveries: discoveries::Discoveries,
}

impl Shows {
    fn new(shown: Shown) -> Shows {
        Shows {
            files: Files::new(&shown.state),
            shown,
            reader: None,
            seen: None,
            runs: runs::Runs::default(),
            books: books::BookFiles::default(),
            discoveries: discoveries::Discoveries::default(),
        }
    }

    fn beat(&mut self, vitals: &Vitals, alive: bool) {
        let content = heartbeat::heartbeat(&self.shown, vitals, alive);
        self.files.write_object("autonomous/heartbeat.json", content, vitals.beat_at);
    }

    fn show(&mut self, vitals: &Vitals) {
        if let Err(error) = self.show_rows(vitals) {
            self.files.trouble(error.to_string());
            // A fresh connection next time; what is wrong with the database is the engine's to say.
            (self.reader, self.seen) = (None, None);
        }
    }

    fn show_rows(&mut self, vitals: &Vitals) -> Result<(), StoreError> {
        if self.reader.is_none() {
            self.reader = crate::Reader::open(&self.shown.state)?;
        }
        let at = vitals.beat_at;
        if let Some(reader) = &self.reader {
            let version = reader.data_version()?;
            if self.seen != Some(version) {
                self.runs.read(reader, &self.shown.market)?;
                self.books.write(reader, &mut self.files, at)?;
                self.discoveries.write(reader, &mut self.files, at)?;
                self.seen = Some(version);
            }
        }
        let Shown { desk, market, .. } = &self.shown;
        let local = |at| heartbeat::local(market, at);
        self.files.write_object(
            "autonomous/scheduler/scheduler_state.json",
            self.runs.scheduler_state(desk, &local, at),
            at,
        );
        self.files.write_queue("autonomous/task_queue.json", self.runs.task_queue(desk, &local, at), at);
        let brain = heartbeat::brain_state(&self.shown, vitals, self.runs.last_started());
        self.files.write_object("autonomous/brain_state.json", brain, at);
        Ok(())
    }
}
