//! The engine: one thread that owns the truth.
//!
//! One turn: wait for a message or the next instant; step the machine; store its changes; perform its effects; show the state. On any storage error the engine stops
//! without another word to the disk: what was stored is true, and start-up is recovery.

mod keep;
mod lateness;
mod reload;
mod show;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_plan::judge::Standing;
use kobe_plan::scheduler::Settings;
use kobe_plan::{Alert, Desk, Input, Outcome, RunId, Scheduler, Start, TaskIx, Turn};

use crate::clock::Clock;
use crate::handler::{Attempt, Handler, Stop, StopCause};
use crate::journal::Why;
use crate::pool::Pool;
use crate::ports::{Pulse, Store, StoreError};
use crate::vitals::{Vitals, VitalsBoard};
use crate::watch::Pong;
use keep::Keeper;
use lateness::Lateness;
pub use reload::{NewDesk, Reloaded};
use wishes::{WISHES_EVERY, WISHES_EVERY_WHEN_TOLD};

/// The loop turns at least this often, so that its pulse tells that it lives.
const TURN_AT_LEAST: Duration = Duration::from_secs(60);

/// How long runs may go on after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(30);

/// How long they may take to end after they were told.
const AFTER_TOLD: Duration = Duration::from_secs(10);

/// How long a full disk is waited for at most by an engine that was told to stop: as long as stopping may take.
const STOP_WITHIN: Duration = DRAIN.saturating_add(AFTER_TOLD);

/// What is said of an attempt for which the system gave no thread.
const NO_THREAD: &str = "the system gives no thread for it; it never began";

/// What comes to the loop from other threads.
enum Message {
    Ended { run: RunId, attempt: u32, outcome: Outcome },
    GivenBack { run: RunId, attempt: u32 },
    Shutdown { at_once: bool },
    Ping(Sender<Pong>),
    Look,
    Reload(Box<reload::Asked>),
}

/// Talks to a running engine from other threads.
#[derive(Clone)]
pub struct EngineHandle(Sender<Message>);

impl EngineHandle {
    /// Asks the engine to stop: nothing starts any more, what runs may end. `at_once` tells what runs to stop now.
    pub fn shutdown(&self, at_once: bool) {
        // An engine that is gone needs no stopping.
        let _ = self.0.send(Message::Shutdown { at_once });
    }

    /// Says that there may be something new to look at: a wish, or the kill switch. Returns false when no engine is there to look.
    pub fn look(&self) -> bool {
        self.0.send(Message::Look).is_ok()
    }

    /// Asks the planning loop for a sign of life, and waits for it at most so long. Nothing, when there is none.
    pub fn ping(&self, at_most: Duration) -> Option<Pong> {
        let (answer, heard) = channel();
        self.0.send(Message::Ping(answer)).ok()?;
        heard.recv_timeout(at_most).ok()
    }
}

/// What the engine works with.
pub struct Ports {
    /// Where rows go.
    pub store: Box<dyn Store>,
    /// What does the work.
    pub handler: Arc<dyn Handler>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where signs of life go.
    pub pulse: Box<dyn Pulse>,
    /// Who is told what does not come of a turn: a full disk, for one, at which nothing can be stored.
    pub alarm: Alarm,
    /// Name and version of this build.
    pub build: String,
}

/// Tells an alert that comes of no turn. Must not wait for the planning loop or the store.
pub type Alarm = Arc<dyn Fn(Alert) + Send + Sync>;

/// How an engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everything came to its end.
    Clean,
    /// Some runs had to be told to stop.
    Interrupted,
    /// It was told twice.
    AtOnce,
}

/// Why an engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Rows could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started.
    #[error("no worker thread could be started: {0}")]
    Thread(std::io::Error),
}

/// A desk under the real clock.
pub struct Engine {
    scheduler: Scheduler,
    desk: Arc<Desk>,
    ports: Ports,
    pool: Pool,
    inbox: Receiver<Message>,
    outbox: Sender<Message>,
    running: BTreeMap<RunId, Running>,
    vitals: Vitals,
    board: VitalsBoard,
    wishes_at: Timestamp,
    wishes_every: SignedDuration,
    keeper: Keeper,
    lateness: Lateness,
    /// A fault that was met where it could not be returned; nothing more is done.
    fault: Option<EngineError>,
    /// Messages that came while the store could not take anything.
    kept_back: std::collections::VecDeque<Message>,
    /// The disk was full: what was cancelled meanwhile is cancelled before the end that this brought about is looked at.
    wishes_first: bool,
    /// Until when a full disk is waited for, once somebody has told it to stop.
    stop_by: Option<Instant>,
}

/// An attempt on its way.
struct Running {
    stop: Stop,
    /// When it has used its time. The machine tells it to stop then; where no turn can be stored, this does.
    until: Option<Instant>,
}

impl Engine {
    /// Recovers from the store and makes ready; nothing starts before [`Engine::run`].
    ///
    /// # Errors
    /// [`EngineError`] when the rows cannot be read or threads cannot be started.
    pub fn new(
        desk: Arc<Desk>,
        market: Arc<Market>,
        settings: Settings,
        standing: &mut dyn FnMut(TaskIx) -> Option<Standing>,
        mut ports: Ports,
    ) -> Result<Engine, EngineError> {
        let mut recovered = ports.store.recover()?;
        let now = ports.clock.now();
        recovered.taken = ports.store.slots_after(now)?;
        let mut scheduler = Scheduler::recover(Arc::clone(&desk), market, settings, standing, recovered, now);
        // What recovery settled is stored first; the journal begins with the machine after it.
        let settled = scheduler.take_changes();
        let workers = desk.lanes.iter().map(|l| l.workers).sum::<usize>().min(8);
        let pool = Pool::warm(workers).map_err(EngineError::Thread)?;
        let (outbox, inbox) = channel();
        let vitals = Vitals::new(now, &desk.hash);
        let board = VitalsBoard::new(vitals.clone());
        let mut engine = Engine {
            scheduler,
            desk,
            ports,
            pool,
            inbox,
            outbox,
            running: BTreeMap::new(),
            vitals,
            board,
            wishes_at: now,
            wishes_every: WISHES_EVERY,
            keeper: Keeper::new(),
            lateness: Lateness::new(),
            fault: None,
            kept_back: Default::default(),
            wishes_first: false,
            stop_by: None,
        };
        engine.begin_segment(now, Why::Start);
        engine.commit(now, &settled)?;
        Ok(engine)
    }

    /// Returns a handle for other threads.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle(self.outbox.clone())
    }

    /// Returns where the vitals can be read.
    pub fn board(&self) -> VitalsBoard {
        self.board.clone()
    }

    /// Says that somebody tells this engine when there is something to look at ([`EngineHandle::look`]): by itself it looks only every quarter of a minute then.
    pub fn is_told_to_look(&mut self) {
        self.wishes_every = WISHES_EVERY_WHEN_TOLD;
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// [`EngineError`]; what was stored stays true, and what ran is told to stop.
    pub fn run(&mut self) -> Result<Stopped, EngineError> {
        self.vitals.ready = true;
        let ended = self.turn_until_told();
        if ended.is_err() {
            self.tell_all(StopCause::Shutdown);
        }
        self.hang_up();
        ended
    }

    /// Runs one cycle: all that is due and eligible now, to its end.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_once(&mut self) -> Result<Stopped, EngineError> {
        let now = self.ports.clock.now();
        let inputs = self.take_wishes(now)?;
        self.turn(now, inputs)?;
        while !self.running.is_empty() {
            match self.next_message() {
                Message::Shutdown { at_once } => {
                    self.will_stop(at_once);
                    return self.drain(at_once);
                }
                message => {
                    let inputs = self.receive(message).into_iter().collect();
                    // The clock stands still for what is due: a cycle ends.
                    self.turn(now, inputs)?;
                }
            }
        }
        // What was stored ahead of its instant is not this cycle's: it waits for the next.
        self.drain(false)
    }

    fn turn_until_told(&mut self) -> Result<Stopped, EngineError> {
        // What was wished while nobody was there is obeyed before anything starts.
        let now = self.ports.clock.now();
        let inputs = self.take_wishes(now)?;
        let mut wake = self.turn(now, inputs)?;
        let at_once = loop {
            let (inputs, shutdown) = self.wait(wake)?;
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            let now = self.ports.clock.now();
            if let Some(at_once) = shutdown {
                self.turn(now, inputs)?;
                break at_once;
            }
            // Looking at the wishes is no turn: an idle desk shows its pulse once a minute and otherwise rests.
            let set_back = now < self.vitals.beat_at;
            let due = set_back
                || wake.is_some_and(|w| w <= now)
                || now.duration_since(self.vitals.beat_at)
                    >= SignedDuration::try_from(TURN_AT_LEAST).expect("a minute");
            if due || !inputs.is_empty() {
                wake = self.turn(now, inputs)?;
            }
        };
        self.drain(at_once)
    }

    /// Waits for the next instant or a message, and takes every message that is there.
    fn wait(&mut self, wake: Option<Timestamp>) -> Result<(Vec<Input>, Option<bool>), EngineError> {
        let now = self.ports.clock.now();
        // A clock that was set back must not keep the loop from looking around.
        self.wishes_at = self.wishes_at.min(now + self.wishes_every);
        let next = wake.map_or(self.wishes_at, |w| w.min(self.wishes_at));
        let at_most = Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO).min(TURN_AT_LEAST);
        let mut inputs = Vec::new();
        let mut shutdown = None;
        if std::mem::take(&mut self.wishes_first) {
            inputs = self.take_wishes(now)?;
        }
        // Without a message in time there is none: the engine holds a sender itself, so the inbox never closes.
        let mut first = self.kept_back.pop_front().or_else(|| self.inbox.recv_timeout(at_most).ok());
        while let Some(message) =
            first.take().or_else(|| self.kept_back.pop_front()).or_else(|| self.inbox.try_recv().ok())
        {
            if let Message::Shutdown { at_once } = message {
                self.will_stop(at_once);
                shutdown = Some(shutdown.unwrap_or(false) | at_once);
            } else {
                inputs.extend(self.receive(message));
            }
        }
        let now = self.ports.clock.now();
        if now >= self.wishes_at && self.fault.is_none() {
            inputs.extend(self.take_wishes(now)?);
        }
        Ok((inputs, shutdown))
    }

    fn receive(&mut self, message: Message) -> Option<Input> {
        match message {
            Message::Ended { run, attempt, outcome } => {
                self.running.remove(&run);
                Some(Input::Ended { run, attempt, outcome })
            }
            Message::GivenBack { run, attempt } => Some(Input::GivenBack { run, attempt }),
            Message::Ping(answer) => {
                self.answer_ping(&answer);
                None
            }
            Message::Look => {
                self.wishes_at = Timestamp::MIN;
                None
            }
            Message::Reload(asked) => {
                self.reload(*asked);
                None
            }
            Message::Shutdown { .. } => None,
        }
    }

    fn next_message(&mut self) -> Message {
        self.kept_back.pop_front().unwrap_or_else(|| self.inbox.recv().expect("the engine holds a sender itself"))
    }

    /// Notes that it was told to stop: a disk that is full now, or will be, is waited for no longer than stopping may take.
    fn will_stop(&mut self, at_once: bool) {
        let by = Instant::now() + if at_once { Duration::ZERO } else { STOP_WITHIN };
        self.stop_by = Some(self.stop_by.map_or(by, |before| before.min(by)));
    }

    /// Hears nothing more: whoever waits for an answer, or asks from now on, learns at once that there is nobody.
    fn hang_up(&mut self) {
        self.kept_back.clear();
        self.inbox = channel().1;
    }

    fn answer_ping(&self, answer: &Sender<Pong>) {
        let pong = Pong {
            at: self.ports.clock.now(),
            startable: self.scheduler.startable(),
            last_start: self.lateness.last_start(),
            start_lag_p99: self.lateness.p99(Instant::now()),
            fired_twice: self.lateness.fired_twice(),
            disk_full: self.vitals.disk_full.is_some(),
        };
        // Whoever asked may have stopped waiting.
        let _ = answer.send(pong);
    }

    /// One turn: step, store, perform, show.
    fn turn(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Option<Timestamp>, EngineError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let day = self.scheduler.market().date_of(now);
        if self.keeper.day() != Some(day) {
            self.begin_segment(now, Why::Day);
        }
        let body = crate::journal::write_inputs(&self.desk, &inputs);
        let turn = self.scheduler.step(now, inputs);
        self.keeper.note(now, body, crate::journal::digest(&self.desk, &turn));
        let Turn { changes, starts, stops, mut wake, stale } = turn;
        // What was stored as started ahead of its instant waits for no disk now.
        for start in starts.iter().filter(|start| start.stored) {
            self.begin(start);
        }
        let waited = !self.commit(now, &changes)?.is_zero();
        for start in starts.iter().filter(|start| !start.stored) {
            if waited && self.is_too_late(start) {
                self.give_back(start);
                wake = Some(now);
            } else {
                self.begin(start);
            }
        }
        for run in stops {
            if let Some(running) = self.running.get(&run) {
                running.stop.tell(StopCause::Timeout);
            }
        }
        self.vitals.stale_results += u64::from(stale);
        self.show(&changes, starts.last());
        Ok(wake)
    }

    fn begin(&mut self, start: &Start) {
        let stop = Stop::default();
        let time = Duration::try_from(self.desk.task(start.task).timeout).ok();
        let until = time.and_then(|time| Instant::now().checked_add(time));
        self.running.insert(start.run, Running { stop: stop.clone(), until });
        let now = self.ports.clock.now();
        self.lateness.started(start, now);
        if !start.catchup && start.attempt == 1 {
            let late = now.duration_since(start.due).as_micros().clamp(0, i128::from(u32::MAX)) as u64;
            self.vitals.starts += 1;
            self.vitals.lateness_sum_us += late;
            self.vitals.lateness_max_us = self.vitals.lateness_max_us.max(late);
            self.lateness.note(Instant::now(), late);
        }
        let attempt = Attempt {
            run: start.run,
            desk: Arc::clone(&self.desk),
            task: start.task,
            slot: start.slot,
            due: start.due,
            attempt: start.attempt,
            catchup: start.catchup,
            now,
        };
        let (handler, outbox) = (Arc::clone(&self.ports.handler), self.outbox.clone());
        // Told also if the job goes unperformed: then it has no thread.
        let outcome = Some(Outcome::Error(NO_THREAD.into()));
        let end = EndMessage { outbox, run: attempt.run, attempt: attempt.attempt, outcome };
        self.pool.perform(Box::new(move || {
            let mut end = end;
            end.outcome = None;
            end.outcome = Some(handler.run(&attempt, &stop));
        }));
    }

    /// Starts nothing more, lets what runs end, then tells it to stop. Told again, it does not wait.
    fn drain(&mut self, at_once: bool) -> Result<Stopped, EngineError> {
        let stopped = self.drain_runs(at_once)?;
        // The last turns changed nothing; the journal of the day ends with them all the same.
        self.commit_all(self.ports.clock.now(), &[])?;
        Ok(stopped)
    }

    fn drain_runs(&mut self, at_once: bool) -> Result<Stopped, EngineError> {
        self.vitals.ready = false;
        // What came while the disk was full has ended or never begun; its rows must not say otherwise.
        let kept = std::mem::take(&mut self.kept_back);
        let mut inputs: Vec<Input> = kept.into_iter().filter_map(|message| self.receive(message)).collect();
        inputs.push(Input::Drain);
        self.turn(self.ports.clock.now(), inputs)?;
        let at_once = at_once || self.runs_end_within(DRAIN)?;
        let words = |clean| if at_once { Stopped::AtOnce } else { clean };
        if self.running.is_empty() {
            return Ok(words(Stopped::Clean));
        }
        self.tell_all(StopCause::Shutdown);
        let again = self.runs_end_within(AFTER_TOLD)?;
        Ok(if again { Stopped::AtOnce } else { words(Stopped::Interrupted) })
    }

    /// Waits until nothing runs, at most so long; returns at once, with true, if told to stop at once.
    fn runs_end_within(&mut self, grace: Duration) -> Result<bool, EngineError> {
        let until = Instant::now() + grace;
        while !self.running.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            match self.kept_back.pop_front().or_else(|| self.inbox.recv_timeout(left).ok()) {
                Some(Message::Shutdown { at_once: true }) => {
                    self.will_stop(true);
                    return Ok(true);
                }
                Some(message) => {
                    let inputs: Vec<Input> = self.receive(message).into_iter().collect();
                    if !inputs.is_empty() {
                        self.turn(self.ports.clock.now(), inputs)?;
                    }
                }
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    fn tell_all(&self, cause: StopCause) {
        self.running.values().for_each(|running| running.stop.tell(cause));
    }
}

/// Sends the end of an attempt even if its handler panicked, or was never called.
struct EndMessage {
    outbox: Sender<Message>,
    run: RunId,
    attempt: u32,
    outcome: Option<Outcome>,
}

impl Drop for EndMessage {
    fn drop(&mut self) {
        let outcome = self
            .outcome
            .take()
            .unwrap_or_else(|| Outcome::Error("the function panicked; this is a fault of Kobe".into()));
        // Without an engine there is nobody left to tell.
        let _ = self.outbox.send(Message::Ended { run: self.run, attempt: self.attempt, outcome });
    }
}
