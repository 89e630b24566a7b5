//! The writer: one thread that owns the writing connection.
//!
//! Rule: what waits at the same time is one transaction, and each caller has its own answer after the commit; a piece of work that is refused takes no other with it. The
//! first fault of disk or file ends all writing: every later call answers with it, and nothing touches the file again. A disk without room is no such fault: what was asked is
//! undone and told as full, and may be asked again. Never checkpoints while somebody waits, if it can be helped. Start at [`Writer::call`].

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kobe_engine::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::fault::{Fault, Refusal, store_error};
use crate::mark::Mark;
use crate::reserve;
use crate::work::{Memory, Work};

/// How long a caller waits for its answer. Longer than the wait for another process, so that busy is told as busy.
const DEADLINE: Duration = Duration::from_secs(10);

/// Pieces of work in one transaction, at most.
const GROUP_MOST: usize = 256;

/// Silence after which the log is folded into the database.
const QUIET: Duration = Duration::from_millis(250);

/// How often the mark is raised while the desk runs, at most.
const MARKED_EVERY: Duration = Duration::from_secs(60);

/// How long a log that could not be folded in for want of room is left alone.
const NO_ROOM: Duration = Duration::from_secs(5);

/// Pages in the log from which it is folded in when it is quiet, and from which it is folded in at once.
const LOG_PAGES: [i64; 2] = [256, 4_000];

struct Job {
    work: Work,
    until: Instant,
    answer: SyncSender<Result<(), Refusal>>,
}

/// A handle of the writing thread; the last one to go closes the database.
#[derive(Debug)]
pub(crate) struct Writer {
    inbox: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<OnceLock<Fault>>,
    path: PathBuf,
    deadline: Duration,
}

impl Writer {
    /// Starts the thread on a connection.
    pub(crate) fn start(conn: Connection, path: &Path, memory: Memory) -> Result<Writer, StoreError> {
        let (sender, inbox) = channel();
        let fault = Arc::new(OnceLock::new());
        let desk = Desk {
            conn: Some(conn),
            path: path.to_owned(),
            fault: Arc::clone(&fault),
            memory,
            full: None,
            marked: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("kobe-writer".into())
            .spawn(move || desk.serve(&inbox))
            .map_err(|e| StoreError::Io(format!("the writing thread cannot be started: {e}")))?;
        Ok(Writer { inbox: Some(sender), thread: Some(thread), fault, path: path.to_owned(), deadline: DEADLINE })
    }

    /// Has a piece of work stored. When it returns `Ok`, the work is durable.
    pub(crate) fn call(&self, work: Work) -> Result<(), Refusal> {
        self.whole().map_err(Refusal::Store)?;
        let (answer, answered) = sync_channel(1);
        let job = Job { work, until: Instant::now() + self.deadline, answer };
        let gone = || Refusal::Store(StoreError::Io(format!("{}: the writing thread is gone", self.path.display())));
        self.inbox.as_ref().and_then(|inbox| inbox.send(job).ok()).ok_or_else(gone)?;
        match answered.recv_timeout(self.deadline) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => {
                self.whole().map_err(Refusal::Store)?;
                Err(gone())
            }
            Err(RecvTimeoutError::Timeout) => {
                let text = format!(
                    "{}: no answer within {:?}; what was being written may be stored or not",
                    self.path.display(),
                    self.deadline
                );
                Err(Refusal::Store(self.fault.get_or_init(|| Fault::io(text)).error()))
            }
        }
    }

    /// Answers with the fault that ended all writing, if there was one.
    pub(crate) fn whole(&self) -> Result<(), StoreError> {
        self.fault.get().map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Takes an error that a reader met: if it is final, nothing is written from now on.
    pub(crate) fn met(&self, error: StoreError) -> StoreError {
        if let Some(fault) = Fault::of(&error) {
            let _ = self.fault.set(fault);
        }
        error
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.inbox.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already failed every call.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Desk {
    conn: Option<Connection>,
    path: PathBuf,
    fault: Arc<OnceLock<Fault>>,
    memory: Memory,
    /// When there was last no room, until there is again.
    full: Option<Instant>,
    /// When the mark was last raised.
    marked: Instant,
}

impl Desk {
    fn serve(mut self, inbox: &Receiver<Job>) {
        self.reserve();
        let mut folded = true;
        loop {
            let first = if folded {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(QUIET)
            };
            match first {
                Ok(job) => {
                    let mut jobs = vec![job];
                    while jobs.len() < GROUP_MOST
                        && let Ok(job) = inbox.try_recv()
                    {
                        jobs.push(job);
                    }
                    self.store(jobs);
                    folded = false;
                    self.fold_log(LOG_PAGES[1]);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.fold_log(LOG_PAGES[0]);
                    folded = true;
                    if self.marked.elapsed() >= MARKED_EVERY {
                        self.mark();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.fault.get().is_some() {
            self.give_up();
        }
        self.mark();
    }

    /// Raises the mark to what is stored.
    fn mark(&mut self) {
        self.marked = Instant::now();
        if let (Some(conn), Some(state)) = (&self.conn, self.path.parent())
            && let Ok(mark) = Mark::of(conn)
        {
            mark.raise(state);
        }
    }

    /// Stores a group in one transaction and answers each of its callers.
    fn store(&mut self, mut jobs: Vec<Job>) {
        // Whoever has stopped waiting must not find its work done later.
        let now = Instant::now();
        jobs.retain(|job| job.until > now);
        let answers = match (&self.conn, self.fault.get()) {
            (Some(conn), None) => {
                let mut answers = group(conn, &jobs, &mut self.memory, &self.path);
                if is_full(&answers) {
                    // A log that is folded in begins anew in the room it has.
                    let folded = fold(conn);
                    if folded.is_ok() && unfolded(conn).is_ok_and(|pages| pages == 0) {
                        answers = group(conn, &jobs, &mut self.memory, &self.path);
                    } else if let Err(error) = folded
                        && Fault::of(&store_error(&self.path, &error)).is_some()
                    {
                        answers = all(&jobs, &store_error(&self.path, &error));
                    }
                }
                let full = is_full(&answers);
                if !full && self.full.take().is_some() {
                    self.reserve();
                } else if full {
                    self.full = Some(Instant::now());
                }
                let fault = answers.iter().find_map(|a| match a {
                    Err(Refusal::Store(error)) => Fault::of(error),
                    _ => None,
                });
                match fault {
                    None => answers,
                    Some(fault) => {
                        let fault = self.fault.get_or_init(|| fault).clone();
                        self.give_up();
                        jobs.iter().map(|_| Err(Refusal::Store(fault.error()))).collect()
                    }
                }
            }
            _ => {
                let gone = || StoreError::Io(format!("{}: the database is closed", self.path.display()));
                let error = || self.fault.get().map_or_else(gone, Fault::error);
                let answers = jobs.iter().map(|_| Err(Refusal::Store(error()))).collect();
                self.give_up();
                answers
            }
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            // A caller that is gone has its answer in the fault.
            let _ = job.answer.send(answer);
        }
    }

    /// Lets the database go without another word to the disk.
    fn give_up(&mut self) {
        if let Some(conn) = self.conn.take() {
            // Without this, closing would fold the log in: the very write and fsync that must not be repeated.
            if conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_err() {
                std::mem::forget(conn);
            }
        }
    }

    /// Folds the log into the database if it has so many pages. Where there is no room for that, the log keeps them for now.
    fn fold_log(&mut self, pages: i64) {
        let Some(conn) = &self.conn else { return };
        if self.full.is_some_and(|at| at.elapsed() < NO_ROOM) {
            return;
        }
        let result = unfolded(conn).and_then(|waiting| if waiting >= pages { fold(conn) } else { Ok(()) });
        let Err(error) = result else { return };
        let error = store_error(&self.path, &error);
        if matches!(error, StoreError::Full(_)) {
            self.full = Some(Instant::now());
        } else if let Some(fault) = Fault::of(&error) {
            let _ = self.fault.set(fault);
            self.give_up();
        }
    }

    fn reserve(&self) {
        if let Some(state) = self.path.parent() {
            reserve::take(state);
        }
    }
}

/// Returns the pages in the log that are not in the database yet; asks, and changes nothing.
fn unfolded(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
        .query_row([], |r| Ok((r.get::<_, i64>(1)? - r.get::<_, i64>(2)?).max(0)))
}

fn fold(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}

/// Performs a group in one transaction; a piece that is refused is undone alone. A fault of disk or file is everybody's answer, and leaves the transaction as it lies.
fn group(conn: &Connection, jobs: &[Job], memory: &mut Memory, path: &Path) -> Vec<Result<(), Refusal>> {
    let mut answers = Vec::with_capacity(jobs.len());
    let ended = perform_all(conn, jobs, memory, path, &mut answers);
    let Err(error) = ended else { return answers };
    memory.forget();
    if Fault::of(&error).is_none() && !conn.is_autocommit() {
        let _ = word(conn, "ROLLBACK");
    }
    all(jobs, &error)
}

/// Gives every job of a group the same answer.
fn all(jobs: &[Job], error: &StoreError) -> Vec<Result<(), Refusal>> {
    let again = || match error {
        StoreError::Full(text) => StoreError::Full(text.clone()),
        StoreError::Busy(text) => StoreError::Busy(text.clone()),
        other => Fault::of(other).map_or_else(|| StoreError::Busy(other.to_string()), |fault| fault.error()),
    };
    jobs.iter().map(|_| Err(Refusal::Store(again()))).collect()
}

/// Tells whether a group was not stored for want of room.
fn is_full(answers: &[Result<(), Refusal>]) -> bool {
    answers.iter().any(|answer| matches!(answer, Err(Refusal::Store(StoreError::Full(_)))))
}

fn perform_all(
    conn: &Connection,
    jobs: &[Job],
    memory: &mut Memory,
    path: &Path,
    answers: &mut Vec<Result<(), Refusal>>,
) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let on = |e: rusqlite::Error| store_error(path, &e);
    let shared = jobs.len() > 1;
    word(conn, "BEGIN IMMEDIATE").map_err(on)?;
    for job in jobs {
        if shared {
            word(conn, "SAVEPOINT piece").map_err(on)?;
        }
        let answer = job.work.perform(conn, memory, path);
        if let Err(refusal) = &answer {
            memory.forget();
            if let Refusal::Store(error) = refusal {
                if let Some(fault) = Fault::of(error) {
                    return Err(fault.error());
                }
                // The transaction may be undone already, with all that the others had written.
                if let StoreError::Full(text) = error {
                    return Err(StoreError::Full(text.clone()));
                }
            }
            if shared {
                word(conn, "ROLLBACK TO piece").map_err(on)?;
            }
        }
        if shared {
            word(conn, "RELEASE piece").map_err(on)?;
        }
        answers.push(answer);
    }
    let end = if answers.iter().any(Result::is_ok) { "COMMIT" } else { "ROLLBACK" };
    word(conn, end).map_err(on)
}

fn word(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests;
