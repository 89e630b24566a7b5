//! The outbox: the threads that tell alerts.
//!
//! One thread owns the [`Postman`], who decides what is told when. Each channel has a thread of its own, so that one that hangs holds up nobody; so have the rows, so that
//! a disk that hangs does not either: what the store does not take within two seconds is kept in memory and told all the same. Every alert is written to the log at once,
//! whatever becomes of it. When there is nothing to do, no thread wakes.
//!
//! What was told is noted only after a channel has it. If the note is lost, it is told again after the next start: at least once, never less. Start at [`OutboxThread::start`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kobe_plan::Alert;
use kobe_plan::alert::Severity;
use kobe_plan::alert::postman::{self, Answer, Input, Message, Postman, Told, WayStanding};
use kobe_plan::alert::redact::Redactor;

use crate::clock::Clock;
use crate::engine::Alarm;
use crate::ports::{Channel, Delivery, Outbox, StoreError, Unsent};

/// What the store does not take within this time is told from memory.
const STORED_WITHIN: Duration = Duration::from_secs(2);
/// How long rows are left alone after they could not be read or written.
const ROWS_AGAIN: Duration = Duration::from_secs(60);
/// So many rows are read at once.
const READ: usize = 1000;
/// So many alerts are held at most; the rest waits in its rows.
const HELD: usize = 10_000;
/// Numbers from here on are those of alerts that have no row that is known.
const MEMORY: u64 = 1 << 63;
/// The number of a message that the postman knows nothing of.
const LAST_WORD: u64 = 0;

/// Writes a line of the log.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What an outbox is put together from.
pub struct Parts {
    /// Where alerts are kept until they are told.
    pub outbox: Box<dyn Outbox>,
    /// Ways to a person, in the order of use; the log is none of them.
    pub channels: Vec<Box<dyn Channel>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The zone in which times are told.
    pub zone: TimeZone,
    /// What nobody may see.
    pub redactor: Redactor,
    /// The log: gets every alert at once, and what becomes of channels.
    pub log: Log,
}

/// How it stands with the telling of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Each channel, in the order of use; none means that alerts go to the log only.
    pub ways: Vec<WayStanding>,
    /// Alerts that no channel has yet, as far as they are known here.
    pub unsent: usize,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Why rows could not be read or written the last time, if so.
    pub rows_fail: Option<String>,
    /// The thread that tells alerts is there.
    pub alive: bool,
}

impl Standing {
    /// Tells whether there is a way to a person besides the log.
    pub fn has_channel(&self) -> bool {
        !self.ways.is_empty()
    }

    /// Returns for how long the oldest alert has been waiting.
    pub fn oldest_age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.oldest.map(|since| now.duration_since(since).max(SignedDuration::ZERO))
    }
}

/// What comes to the thread that owns the postman.
enum Note {
    Wake,
    Tell(Alert),
    Answered { way: usize, parcel: u64, answer: Answer },
    Raised { memory: u64, result: Result<(), StoreError> },
    Loaded(Result<Vec<Unsent>, StoreError>),
    Noted { told: Told, at: Timestamp, result: Result<(), StoreError> },
    Close { deadline: Instant, done: Sender<()> },
    Abandoned,
}

/// What the thread of the rows is to do.
enum RowJob {
    Raise { memory: u64, alert: Alert },
    Load { after: u64, limit: usize },
    Note { told: Told, at: Timestamp },
}

/// What a channel's thread is to send.
struct Letter {
    parcel: u64,
    text: String,
    severity: Severity,
    reply: Option<Sender<(usize, Delivery)>>,
}

/// Starts an outbox.
pub struct OutboxThread;

impl OutboxThread {
    /// Starts the threads; what was not told before the last stop is told now.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub fn start(parts: Parts) -> std::io::Result<OutboxHandle> {
        let Parts { outbox, channels, clock, zone, redactor, log } = parts;
        let names: Vec<String> = channels.iter().map(|c| c.name().to_owned()).collect();
        let (notes, inbox) = channel();
        let mut letters = Vec::new();
        for (way, channel) in channels.into_iter().enumerate() {
            letters.push(post_thread(way, channel, notes.clone())?);
        }
        let (rows, rows_gone) = rows_thread(outbox, notes.clone())?;
        let standing = Arc::new(Mutex::new(Standing { alive: true, ..Standing::default() }));
        let woken = Arc::new(AtomicBool::new(false));
        let postman = Postman::new(names.clone(), zone.clone(), redactor.clone(), clock.now());
        let office = Office {
            postman,
            inbox,
            letters: letters.clone(),
            rows,
            clock,
            redactor: redactor.clone(),
            log: Arc::clone(&log),
            shown: Arc::clone(&standing),
            woken: Arc::clone(&woken),
            last: 0,
            loading: false,
            load_again: false,
            next_memory: MEMORY,
            raising: BTreeMap::new(),
            unnoted: Vec::new(),
            noting: 0,
            under_way: 0,
            rows_again: None,
            rows_fail: None,
            closing: None,
        };
        let alive = Alive(Arc::clone(&standing));
        thread::Builder::new().name("alerts".into()).spawn(move || {
            let _alive = alive;
            office.work();
        })?;
        let counter = Counter { notes, letters, names, zone, redactor, log, standing, woken, rows_gone };
        Ok(OutboxHandle(Arc::new(counter)))
    }
}

/// Shows that the thread of the alerts is gone, however it went.
struct Alive(Arc<Mutex<Standing>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).alive = false;
    }
}

/// A hold on an outbox; clones hold the same.
#[derive(Clone)]
pub struct OutboxHandle(Arc<Counter>);

struct Counter {
    notes: Sender<Note>,
    letters: Vec<Sender<Letter>>,
    names: Vec<String>,
    zone: TimeZone,
    redactor: Redactor,
    log: Log,
    standing: Arc<Mutex<Standing>>,
    woken: Arc<AtomicBool>,
    /// Hears when the rows were let go.
    rows_gone: Mutex<Receiver<()>>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.notes.send(Note::Abandoned);
    }
}

impl OutboxHandle {
    /// Says that there may be new rows. Never waits.
    pub fn wake(&self) {
        if !self.0.woken.swap(true, Ordering::AcqRel) {
            let _ = self.0.notes.send(Note::Wake);
        }
    }

    /// Returns what the store rings after a commit with alerts. It does not keep the outbox alive.
    pub fn bell(&self) -> Arc<dyn Fn() + Send + Sync> {
        let counter = Arc::downgrade(&self.0);
        Arc::new(move || {
            if let Some(counter) = counter.upgrade() {
                OutboxHandle(counter).wake();
            }
        })
    }

    /// Returns the way by which the engine and its watchdog tell what comes of no turn.
    pub fn alarm(&self) -> Alarm {
        let handle = self.clone();
        Arc::new(move |alert| handle.tell(alert))
    }

    /// Tells an alert that comes of no turn: it is stored first; if the store does not take it, it is told from memory. Never waits, neither for the store nor for a channel.
    pub fn tell(&self, alert: Alert) {
        if let Err(refused) = self.0.notes.send(Note::Tell(alert)) {
            // The thread is gone; the log is left.
            if let Note::Tell(alert) = refused.0 {
                self.log(&alert);
            }
        }
    }

    /// Tells an alert straight through every channel, past rows, rates and whatever waits: the last word of a process that is about to end. Returns what each channel made of
    /// it, and nothing for one that did not answer within the limit.
    pub fn tell_now(&self, alert: Alert, limit: Duration) -> Vec<(String, Option<Delivery>)> {
        self.log(&alert);
        let deadline = Instant::now() + limit;
        let severity = alert.severity;
        let text = postman::lone(alert, &self.0.redactor, &self.0.zone);
        let (reply, replies) = channel();
        for letters in &self.0.letters {
            let letter = Letter { parcel: LAST_WORD, text: text.clone(), severity, reply: Some(reply.clone()) };
            let _ = letters.send(letter);
        }
        drop(reply);
        let mut answers: Vec<_> = self.0.names.iter().map(|name| (name.clone(), None)).collect();
        while let Ok((way, delivery)) = replies.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            answers[way].1 = Some(delivery);
        }
        answers
    }

    /// Returns how it stands.
    pub fn standing(&self) -> Standing {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what is still to be told, gathers no more, notes it, lets the rows go, and waits for all that, but not longer than the limit. Returns how many alerts no channel has;
    /// those that have a row are told after the next start.
    pub fn close(&self, limit: Duration) -> usize {
        let deadline = Instant::now() + limit;
        let (done, finished) = channel();
        if self.0.notes.send(Note::Close { deadline, done }).is_ok() {
            // Either the thread answers, or it is gone already, or it hangs.
            let _ = finished.recv_timeout(limit + Duration::from_millis(100));
        }
        let gone = self.0.rows_gone.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        let _ = gone.recv_timeout(left);
        self.standing().unsent
    }

    fn log(&self, alert: &Alert) {
        (self.0.log)(&postman::line(alert, &self.0.redactor));
    }
}

/// An alert that the store was given and that has not come back as a row.
struct Raising {
    alert: Alert,
    since: Instant,
    /// The postman has it under its number of memory.
    adopted: bool,
    /// The channel that has it, if one does.
    told: Option<String>,
    /// The row, once it is known.
    row: Option<u64>,
}

/// The thread that owns the postman.
struct Office {
    postman: Postman,
    inbox: Receiver<Note>,
    letters: Vec<Sender<Letter>>,
    rows: Sender<RowJob>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    log: Log,
    shown: Arc<Mutex<Standing>>,
    woken: Arc<AtomicBool>,
    /// The highest number of a row that was read.
    last: u64,
    loading: bool,
    load_again: bool,
    next_memory: u64,
    raising: BTreeMap<u64, Raising>,
    /// What was told and could not be noted.
    unnoted: Vec<(Told, Timestamp)>,
    noting: usize,
    under_way: usize,
    rows_again: Option<Instant>,
    rows_fail: Option<String>,
    closing: Option<(Instant, Sender<()>)>,
}

impl Office {
    fn work(mut self) {
        self.load();
        let mut notes: Vec<Note> = Vec::new();
        loop {
            let mut inputs = Vec::new();
            for note in notes.drain(..) {
                if matches!(note, Note::Abandoned) {
                    return self.leave();
                }
                self.read(note, &mut inputs);
            }
            self.adopt_late(&mut inputs);
            self.try_rows_again();
            let now = self.clock.now();
            let round = self.postman.step(now, inputs);
            // Before anything is heard of it: whoever hears looks here.
            self.show();
            for line in &round.notes {
                (self.log)(&self.redactor.clean(line));
            }
            for told in round.told {
                self.note(told, now);
            }
            for message in round.messages {
                self.send(message);
            }
            if self.load_again && !self.loading {
                self.load();
            }
            let post = self.post_waits(round.look_at);
            if self.is_done(post) {
                return self.leave();
            }
            let first = match self.wait(post) {
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => self.inbox.recv_timeout(wait),
            };
            match first {
                Ok(note) => notes.extend(std::iter::once(note).chain(self.inbox.try_iter())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.leave(),
            }
        }
    }

    fn read(&mut self, note: Note, inputs: &mut Vec<Input>) {
        match note {
            Note::Wake => {
                // Lowered before the rows are read: whoever commits later rings again.
                self.woken.store(false, Ordering::Release);
                self.load_again = true;
            }
            Note::Tell(alert) => {
                (self.log)(&postman::line(&alert, &self.redactor));
                let alert = self.redactor.clean_alert(alert);
                let memory = self.next_memory;
                self.next_memory += 1;
                let raised =
                    Raising { alert: alert.clone(), since: Instant::now(), adopted: false, told: None, row: None };
                self.raising.insert(memory, raised);
                if self.rows.send(RowJob::Raise { memory, alert }).is_err() {
                    self.adopt(memory, inputs);
                }
            }
            Note::Answered { way, parcel, answer } => {
                if parcel != LAST_WORD {
                    self.under_way -= 1;
                }
                inputs.push(Input::Answer { way, parcel, answer });
            }
            Note::Raised { result: Ok(()), .. } => self.load_again = true,
            Note::Raised { memory, result: Err(e) } => {
                self.rows_failed(&e);
                self.adopt(memory, inputs);
                // It never becomes a row.
                self.raising.remove(&memory);
            }
            Note::Loaded(Ok(rows)) => {
                self.loading = false;
                if self.unnoted.is_empty() {
                    self.rows_fail = None;
                }
                self.load_again |= rows.len() == READ;
                for Unsent { id, alert } in rows {
                    self.last = self.last.max(id);
                    self.meet(id, alert, inputs);
                }
            }
            Note::Loaded(Err(e)) => {
                self.loading = false;
                self.rows_failed(&e);
            }
            Note::Noted { told, at, result } => {
                self.noting -= 1;
                if let Err(e) = result {
                    self.rows_failed(&e);
                    self.unnoted.push((told, at));
                }
            }
            Note::Close { deadline, done } => {
                self.closing = Some((deadline, done));
                self.load_again = true;
                // What could not be noted has one more chance.
                self.rows_again = Some(Instant::now());
                inputs.push(Input::Hurry);
            }
            Note::Abandoned => {}
        }
    }

    /// Meets a row: a new one, or one that was raised here and may be with the postman already.
    fn meet(&mut self, id: u64, alert: Alert, inputs: &mut Vec<Input>) {
        let is_it = |raised: &Raising| raised.row.is_none() && same(&raised.alert, &alert);
        let Some(memory) = self.raising.iter().find(|(_, raised)| is_it(raised)).map(|(memory, _)| *memory) else {
            (self.log)(&postman::line(&alert, &self.redactor));
            inputs.push(Input::Alert { id, alert });
            return;
        };
        let raised = self.raising.get_mut(&memory).expect("it was just found");
        match (raised.adopted, raised.told.take()) {
            (false, _) => {
                self.raising.remove(&memory);
                inputs.push(Input::Alert { id, alert });
            }
            (true, None) => raised.row = Some(id),
            (true, Some(channel)) => {
                self.raising.remove(&memory);
                let now = self.clock.now();
                self.note(Told { channel, ids: vec![id] }, now);
            }
        }
    }

    /// Gives an alert to the postman although it has no row.
    fn adopt(&mut self, memory: u64, inputs: &mut Vec<Input>) {
        if let Some(raised) = self.raising.get_mut(&memory).filter(|raised| !raised.adopted) {
            raised.adopted = true;
            inputs.push(Input::Alert { id: memory, alert: raised.alert.clone() });
        }
    }

    fn adopt_late(&mut self, inputs: &mut Vec<Input>) {
        let late: Vec<u64> = self.late().filter(|(_, at)| *at <= Instant::now()).map(|(memory, _)| memory).collect();
        for memory in late {
            self.adopt(memory, inputs);
        }
    }

    /// Returns what waits for the store, and until when.
    fn late(&self) -> impl Iterator<Item = (u64, Instant)> + '_ {
        self.raising.iter().filter(|(_, r)| !r.adopted).map(|(memory, r)| (*memory, r.since + STORED_WITHIN))
    }

    fn send(&mut self, message: Message) {
        let Message { way, parcel, severity, text, .. } = message;
        self.under_way += 1;
        // The thread of a channel outlives this one; it catches what its channel throws.
        let _ = self.letters[way].send(Letter { parcel, text, severity, reply: None });
    }

    /// Notes in the rows what a channel has.
    fn note(&mut self, told: Told, at: Timestamp) {
        let mut ids = Vec::new();
        for id in told.ids {
            if id < MEMORY {
                ids.push(id);
            } else if let Some(raised) = self.raising.get_mut(&id) {
                match raised.row {
                    Some(row) => {
                        ids.push(row);
                        self.raising.remove(&id);
                    }
                    None => raised.told = Some(told.channel.clone()),
                }
            }
        }
        if !ids.is_empty() {
            self.put_down(Told { channel: told.channel, ids }, at);
        }
    }

    fn put_down(&mut self, told: Told, at: Timestamp) {
        self.noting += 1;
        if self.rows.send(RowJob::Note { told, at }).is_err() {
            // Nobody is left to note it: it is told again after the next start.
            self.noting -= 1;
        }
    }

    fn load(&mut self) {
        if self.postman.standing().unsent >= HELD {
            return;
        }
        self.load_again = false;
        self.loading = self.rows.send(RowJob::Load { after: self.last, limit: READ }).is_ok();
    }

    fn rows_failed(&mut self, error: &StoreError) {
        let said = self.redactor.clean(&error.to_string());
        if self.rows_fail.as_ref() != Some(&said) {
            (self.log)(&format!("alerts: their rows cannot be read or written: {said}"));
        }
        self.rows_fail = Some(said);
        self.rows_again = Some(Instant::now() + ROWS_AGAIN);
    }

    fn try_rows_again(&mut self) {
        if self.rows_again.is_some_and(|at| at <= Instant::now()) {
            self.rows_again = None;
            self.load_again = true;
            for (told, at) in std::mem::take(&mut self.unnoted) {
                self.put_down(told, at);
            }
        }
    }

    fn show(&self) {
        let post = self.postman.standing();
        let waiting = || self.raising.values().filter(|r| !r.adopted);
        let standing = Standing {
            ways: post.ways,
            unsent: post.unsent + waiting().count(),
            oldest: post.oldest.into_iter().chain(waiting().map(|r| r.alert.at)).min(),
            rows_fail: self.rows_fail.clone(),
            alive: true,
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Returns how long the postman has nothing to do; nothing means until a note comes.
    fn post_waits(&self, look_at: Option<Timestamp>) -> Option<Duration> {
        look_at.map(|at| Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO))
    }

    /// Returns how long nobody here has anything to do.
    fn wait(&self, post: Option<Duration>) -> Option<Duration> {
        let now = Instant::now();
        let instants = self.late().map(|(_, at)| at).chain(self.rows_again);
        let others = instants.chain(self.closing.as_ref().map(|(deadline, _)| *deadline));
        others.map(|at| at.saturating_duration_since(now)).chain(post).min()
    }

    /// Tells whether a desk that closes has nothing left that it could still do in its time.
    fn is_done(&self, post: Option<Duration>) -> bool {
        let Some((deadline, _)) = &self.closing else { return false };
        let left = deadline.saturating_duration_since(Instant::now());
        let quiet = self.under_way == 0 && self.noting == 0 && !self.loading && self.late().next().is_none();
        left.is_zero() || (quiet && post.is_none_or(|wait| wait >= left))
    }

    /// Says goodbye; the rows go with it.
    fn leave(self) {
        self.show();
        drop(Alive(Arc::clone(&self.shown)));
        for note in self.inbox.try_iter() {
            // Too late for a channel, not for the log.
            if let Note::Tell(alert) = note {
                (self.log)(&postman::line(&alert, &self.redactor));
            }
        }
        let Office { rows, closing, .. } = self;
        drop(rows);
        if let Some((_, done)) = closing {
            let _ = done.send(());
        }
    }
}

/// Tells whether a row is an alert as it was raised; rows keep microseconds.
fn same(raised: &Alert, row: &Alert) -> bool {
    let at = |alert: &Alert| alert.at.as_microsecond();
    at(raised) == at(row) && *raised == Alert { at: raised.at, ..row.clone() }
}

/// Starts the thread of a channel.
fn post_thread(way: usize, mut channel: Box<dyn Channel>, notes: Sender<Note>) -> std::io::Result<Sender<Letter>> {
    let (letters, inbox) = std::sync::mpsc::channel::<Letter>();
    let name = format!("alert-{}", channel.name());
    let post = move || {
        for Letter { parcel, text, severity, reply } in inbox {
            let sent = catch_unwind(AssertUnwindSafe(|| channel.send(&text, severity)));
            let delivery = sent.unwrap_or_else(|_| Delivery::Later { after: None, why: "the channel broke".into() });
            if let Some(reply) = reply {
                let _ = reply.send((way, delivery.clone()));
            }
            let answer = match delivery {
                Delivery::Sent => Answer::Sent,
                Delivery::Refused { why } => Answer::Refused { why },
                Delivery::Later { after, why } => Answer::Later {
                    after: after.map(|a| SignedDuration::try_from(a).unwrap_or(SignedDuration::MAX)),
                    why,
                },
            };
            // Without the office a last word may still be sent.
            let _ = notes.send(Note::Answered { way, parcel, answer });
        }
    };
    thread::Builder::new().name(name).spawn(post)?;
    Ok(letters)
}

/// Starts the thread of the rows; the receiver hears when they were let go.
fn rows_thread(
    mut outbox: Box<dyn Outbox>,
    notes: Sender<Note>,
) -> std::io::Result<(Sender<RowJob>, Mutex<Receiver<()>>)> {
    let (jobs, inbox) = channel::<RowJob>();
    let (gone, rows_gone) = channel::<()>();
    let keep = move || {
        for job in inbox {
            let note = match job {
                RowJob::Raise { memory, alert } => {
                    Note::Raised { memory, result: outbox.raise(std::slice::from_ref(&alert)) }
                }
                RowJob::Load { after, limit } => Note::Loaded(outbox.unsent(after, limit)),
                RowJob::Note { told, at } => {
                    let result = outbox.told(&told.ids, &told.channel, at);
                    Note::Noted { told, at, result }
                }
            };
            let _ = notes.send(note);
        }
        drop(outbox);
        drop(gone);
    };
    thread::Builder::new().name("alert-rows".into()).spawn(keep)?;
    Ok((jobs, Mutex::new(rows_gone)))
}
