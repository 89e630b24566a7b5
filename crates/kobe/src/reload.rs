//! Reload: a changed desk under a running one.
//!
//! Rule: all or nothing. SIGHUP, or desk files that have changed and then stood still for a moment, are read and checked whole; what changes is told; the engine takes the new
//! desk between two turns, or the old one goes on and a person is told why. Never half a desk, and never a slot of the past. Start at [`Reloader::read_anew`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_engine::{Alarm, Clock, EngineHandle, NewDesk, Reloaded};
use kobe_plan::alert::Severity;
use kobe_plan::diff::{Side, diff};
use kobe_plan::{Alert, AlertKind, Desk, TaskIx, view};
use serde_json::json;

use crate::desk_files;
use crate::failure::{Failure, problems_text};
use crate::lookout;
use crate::output::Paint;
use crate::standing::standing;
use crate::voice::Voice;
use crate::wiring::short_hash;

/// How often the files are looked at while they change. A change is read when two looks in a row have seen the same.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often they are looked at while they rest and the system tells of changes: it does not tell of files that only a link leads to.
const LOOK_RARELY: Duration = Duration::from_secs(30);

/// How long the engine may take to put a desk in force.
const PATIENCE: Duration = Duration::from_secs(30);

/// Days of fire times that are compared.
const DAYS: i64 = 7;

/// Fire times that are compared at most; each takes some 300 bytes while it is.
const FIRINGS_MOST: f64 = 40_000.0;

/// Slots of a task from which its pace is estimated.
const SAMPLE: usize = 20;

/// What a reload needs.
pub struct Parts {
    /// Where the desk files lie; nothing for the desk built in.
    pub root: Option<PathBuf>,
    /// The desk in force.
    pub desk: Arc<Desk>,
    /// The engine.
    pub engine: EngineHandle,
    /// The market.
    pub market: Arc<Market>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Says what happened.
    pub voice: Voice,
    /// Tells a person.
    pub alarm: Alarm,
    /// Hears that another desk is in force.
    pub in_force: Box<dyn Fn() + Send + Sync>,
}

/// Reads the desk anew when it is told to.
pub struct Reloader {
    parts: Parts,
    desk: Mutex<Arc<Desk>>,
    /// Files were refused, and none was read well since.
    refused: AtomicBool,
}

impl Reloader {
    /// Begins with the desk in force.
    pub fn new(parts: Parts) -> Reloader {
        Reloader { desk: Mutex::new(Arc::clone(&parts.desk)), parts, refused: AtomicBool::new(false) }
    }

    /// Reads the desk files and puts them in force, or says why not. One at a time.
    pub fn read_anew(&self, occasion: &str) {
        let mut current = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(root) = &self.parts.root else {
            let words = format!("{occasion}: the desk built in has no files to read anew; start with --config DIR");
            self.say("WARN", "reload_refused", json!({ "occasion": occasion, "why": "built in" }), &words);
            return;
        };
        let new = match desk_files::load(Some(root)) {
            Ok(loaded) => loaded.desk,
            Err(failure) => return self.refused(occasion, &told(&failure)),
        };
        if new.hash == current.hash {
            self.refused_no_longer("the desk files are as they were");
            let words = format!("{occasion}: the desk files are as they were");
            return self.say("INFO", "reload_unchanged", json!({ "occasion": occasion, "config": new.hash }), &words);
        }
        let changes = self.changes(&current, &new);
        let standings = (0..new.tasks.len()).map(|i| standing(&new, TaskIx(i as u32))).collect();
        match self.parts.engine.reload(NewDesk { desk: Arc::clone(&new), standing: standings }, PATIENCE) {
            Reloaded::InForce => {
                (self.parts.in_force)();
                self.refused_no_longer("a changed desk is in force");
                let words = format!(
                    "{occasion}: desk {} is in force (config {} → {}): {changes}",
                    new.name,
                    short_hash(&current),
                    short_hash(&new)
                );
                let fields = json!({ "occasion": occasion, "from": current.hash, "to": new.hash, "changes": changes });
                self.say("INFO", "reloaded", fields, &words);
                self.tell(AlertKind::Reloaded, Severity::Info, "a changed desk is in force", &changes, false);
                *current = new;
            }
            Reloaded::Refused(why) => self.refused(occasion, &why),
            Reloaded::Silent => self.refused(occasion, "the planning loop did not answer"),
        }
    }

    /// Says in one line which fire times and settings change.
    fn changes(&self, old: &Desk, new: &Desk) -> String {
        let now = self.parts.clock.now();
        let today = self.parts.market.date_of(now);
        // A dense desk has millions of fire times in a week, and the process that compares them is the one that trades.
        let a_day = self.firings_a_day(old, now) + self.firings_a_day(new, now);
        let days = DAYS.min((FIRINGS_MOST / a_day.max(1.0)) as i64);
        let to = today.saturating_add(SignedDuration::from_hours(24 * (days - 1)));
        let (was, is) = (|ix| standing(old, ix), |ix| standing(new, ix));
        let (before, after) = (Side { desk: old, standing: &was }, Side { desk: new, standing: &is });
        match diff(before, after, &self.parts.market, today, to) {
            Ok(diff) if days > 0 => diff.summary(),
            // No day was compared: what the summary begins with says nothing.
            Ok(diff) => format!(
                "too many fire times to compare here, `kobe diff` has them; {}",
                diff.summary().split_once("; ").map_or("no setting differs", |(_, settings)| settings)
            ),
            Err(why) => format!("what changes is not known: {why}"),
        }
    }

    /// Estimates how often the tasks of a desk fire in a day, from their next few slots.
    fn firings_a_day(&self, desk: &Desk, now: Timestamp) -> f64 {
        let of_task = |(ix, _)| {
            let next = view::next(desk, &self.parts.market, ix, now, SAMPLE);
            match (next.first(), next.last()) {
                (Some(first), Some(last)) if next.len() == SAMPLE => {
                    let seconds = last.due.duration_since(first.due).as_secs_f64().max(1.0);
                    (SAMPLE - 1) as f64 * 86_400.0 / seconds
                }
                _ => next.len() as f64,
            }
        };
        desk.iter().map(of_task).sum()
    }

    fn refused(&self, occasion: &str, why: &str) {
        let words = format!("{occasion}: the changed desk is refused, the old one goes on: {why}");
        self.say("ERROR", "reload_refused", json!({ "occasion": occasion, "why": why }), &words);
        self.refused.store(true, Ordering::Relaxed);
        self.tell(
            AlertKind::ReloadRefused,
            Severity::Error,
            "a changed desk was refused; the old one goes on",
            why,
            false,
        );
    }

    /// Has a person told that what was refused is mended, if anything was.
    fn refused_no_longer(&self, how: &str) {
        if self.refused.swap(false, Ordering::Relaxed) {
            self.tell(AlertKind::ReloadRefused, Severity::Info, "the desk files can be read again", how, true);
        }
    }

    fn say(&self, level: &str, event: &str, fields: serde_json::Value, words: &str) {
        self.parts.voice.tell(self.now(), level, event, fields, Some(words));
    }

    fn tell(&self, kind: AlertKind, severity: Severity, title: &str, detail: &str, recovery: bool) {
        // Files that are refused are a cause of their own: that it is over must not be lost beside what came into force.
        let cause = if kind == AlertKind::ReloadRefused { "desk_files" } else { "reload" };
        let alert = Alert::new(kind, severity, cause, self.now(), title).with_detail(detail);
        (self.parts.alarm)(Alert { runbook: format!("docs/operate/alerts.md#{kind}"), recovery, ..alert });
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Desk(problems) => problems_text(problems, Paint::NONE),
        other => other.tell(Paint::NONE),
    }
    .trim()
    .to_owned()
}

/// What the thread is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Read the files now, on this occasion.
    Read(&'static str),
    /// Something may have changed.
    Look,
    /// There will be nothing more to read.
    End,
}

/// Asks for a reading, from any thread.
#[derive(Debug, Clone)]
pub struct ReadingBell(Sender<Word>);

impl ReadingBell {
    /// Asks for a reading now, on an occasion.
    pub fn read(&self, occasion: &'static str) {
        // Who reads no more needs no telling.
        let _ = self.0.send(Word::Read(occasion));
    }
}

/// The thread that reads the desk anew: told by a signal, or by files that have changed.
pub struct Reading {
    ask: Sender<Word>,
    thread: JoinHandle<()>,
}

/// What a look sees of each file.
type Look = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Reading {
    /// Begins to look at the files; for the desk built in it only listens.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub fn start(reloader: Reloader) -> std::io::Result<Reading> {
        let (ask, asked) = channel();
        let files = reloader.parts.root.clone().map(|root| Files::begin(root, &ask));
        let thread =
            thread::Builder::new().name("desk-files".into()).spawn(move || read_on(&reloader, files, &asked))?;
        Ok(Reading { ask, thread })
    }

    /// Returns what asks for a reading, from any thread.
    pub fn bell(&self) -> ReadingBell {
        ReadingBell(self.ask.clone())
    }

    /// Stops, after what is being read.
    pub fn close(self) {
        // It has nothing left to read.
        let _ = self.ask.send(Word::End);
        let _ = self.thread.join();
    }
}

/// The desk files as they were seen.
struct Files {
    root: PathBuf,
    in_force: Look,
    before: Look,
    /// How long they rest between two looks.
    rest: Duration,
}

impl Files {
    fn begin(root: PathBuf, ask: &Sender<Word>) -> Files {
        let (below, tell) = (root.clone(), ask.clone());
        let told =
            lookout::of_directories("desk-news", move || directories(&below), move || tell.send(Word::Look).is_ok());
        let in_force = look(&root);
        let rest = if told.is_ok() { LOOK_RARELY } else { LOOK_EVERY };
        Files { before: in_force.clone(), in_force, root, rest }
    }

    /// Takes the files as they are now for those in force.
    fn settle(&mut self) {
        self.in_force = look(&self.root);
        self.before.clone_from(&self.in_force);
    }

    /// Looks, and returns whether a change has come to rest, and after what time to look again.
    fn look(&mut self) -> (bool, Duration) {
        let seen = look(&self.root);
        // An editor writes in several steps, `git checkout` file by file: what still moves is not read.
        let rests = seen == self.before;
        let changed = rests && seen != self.in_force;
        if changed {
            self.in_force.clone_from(&seen);
        }
        self.before = seen;
        (changed, if rests { self.rest } else { LOOK_EVERY })
    }
}

fn read_on(reloader: &Reloader, mut files: Option<Files>, asked: &Receiver<Word>) {
    let mut next = files.as_ref().map(|files| Instant::now() + files.rest);
    loop {
        let word = match next {
            Some(next) => asked.recv_timeout(next.saturating_duration_since(Instant::now())),
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match (word, &mut files) {
            (Ok(Word::End) | Err(RecvTimeoutError::Disconnected), _) => return,
            (Ok(Word::Read(occasion)), files) => {
                if let Some(files) = files {
                    files.settle();
                }
                reloader.read_anew(occasion);
            }
            (Ok(Word::Look), _) => next = next.map(|next| next.min(Instant::now() + LOOK_EVERY)),
            (Err(RecvTimeoutError::Timeout), Some(files)) => {
                let (changed, pause) = files.look();
                if changed {
                    reloader.read_anew("the desk files have changed");
                }
                next = Some(Instant::now() + pause);
            }
            (Err(RecvTimeoutError::Timeout), None) => {}
        }
    }
}

/// Returns the directory of the desk files and all below it that are read.
fn directories(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![(root.to_owned(), 0)];
    let mut next = 0;
    while let Some((directory, depth)) = found.get(next).cloned() {
        next += 1;
        let below = entries(&directory).filter(|path| depth < desk_files::DEEPEST && path.is_dir());
        found.extend(below.map(|path| (path, depth + 1)));
    }
    found.into_iter().map(|(directory, _)| directory).collect()
}

/// Returns what lies in a directory and is not hidden.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    all.filter(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")))
}

/// Sees what can be seen; what cannot be read will be told when it is read.
fn look(root: &Path) -> Look {
    let files = directories(root).into_iter().flat_map(|directory| entries(&directory).collect::<Vec<_>>());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .filter_map(|path| {
            let meta = fs::metadata(&path).ok().filter(|meta| !meta.is_dir())?;
            Some((path, (meta.modified().ok(), meta.len())))
        })
        .collect()
}
