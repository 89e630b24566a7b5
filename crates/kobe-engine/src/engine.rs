//! The engine: one thread that owns the truth.
//!
//! One turn: wait for a message or the next instant; step the machine; store its changes; perform its effects; show the state. On any storage error the engine stops
//! without another word to the disk: what was stored is true, and start-up is recovery.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_plan::judge::Standing;
use kobe_plan::scheduler::Settings;
use kobe_plan::{Change, Desk, Input, Lane, Outcome, Run, RunId, Scheduler, Start, State, TaskIx, Turn};

use crate::clock::Clock;
use crate::handler::{Attempt, Handler, Stop, StopCause};
use crate::pool::Pool;
use crate::ports::{Batch, Pulse, Store, StoreError};
use crate::vitals::{LaneLoad, LastError, Upcoming, Vitals, VitalsBoard};

/// The loop turns at least this often, so that its pulse tells that it lives.
const TURN_AT_LEAST: Duration = Duration::from_secs(60);

/// How often the table of wishes is looked at.
const WISHES_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// How long runs may go on after a stop was asked for.
const DRAIN: SignedDuration = SignedDuration::from_secs(30);

/// How long they may take to end after they were told.
const AFTER_TOLD: SignedDuration = SignedDuration::from_secs(10);

/// What comes to the loop from other threads.
enum Message {
    Ended { run: RunId, attempt: u32, outcome: Outcome },
    Shutdown { at_once: bool },
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
}

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
    running: BTreeMap<RunId, Stop>,
    vitals: Vitals,
    board: VitalsBoard,
    wishes_at: Timestamp,
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
        let scheduler = Scheduler::recover(Arc::clone(&desk), market, settings, standing, recovered, now);
        let workers = desk.lanes.iter().map(|l| l.workers).sum::<usize>().min(8);
        let pool = Pool::warm(workers).map_err(EngineError::Thread)?;
        let (outbox, inbox) = channel();
        let vitals = Vitals::new(now, &desk.hash);
        let board = VitalsBoard::new(vitals.clone());
        Ok(Engine {
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
        })
    }

    /// Returns a handle for other threads.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle(self.outbox.clone())
    }

    /// Returns where the vitals can be read.
    pub fn board(&self) -> VitalsBoard {
        self.board.clone()
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
            match self.inbox.recv().expect("the engine holds a sender itself") {
                Message::Shutdown { at_once } => return self.drain(at_once),
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
        let mut wake = self.turn(self.ports.clock.now(), Vec::new())?;
        let at_once = loop {
            let (inputs, shutdown) = self.wait(wake)?;
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
        self.wishes_at = self.wishes_at.min(now + WISHES_EVERY);
        let next = wake.map_or(self.wishes_at, |w| w.min(self.wishes_at));
        let at_most = Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO).min(TURN_AT_LEAST);
        let mut inputs = Vec::new();
        let mut shutdown = None;
        // Without a message in time there is none: the engine holds a sender itself, so the inbox never closes.
        let mut first = self.inbox.recv_timeout(at_most).ok();
        while let Some(message) = first.take().or_else(|| self.inbox.try_recv().ok()) {
            if let Message::Shutdown { at_once } = message {
                shutdown = Some(shutdown.unwrap_or(false) | at_once);
            } else {
                inputs.extend(self.receive(message));
            }
        }
        let now = self.ports.clock.now();
        if now >= self.wishes_at {
            inputs.extend(self.take_wishes(now)?);
        }
        Ok((inputs, shutdown))
    }

    fn take_wishes(&mut self, now: Timestamp) -> Result<Vec<Input>, EngineError> {
        self.wishes_at = now + WISHES_EVERY;
        let wishes = self.ports.store.wishes()?;
        let mut inputs = Vec::new();
        let mut refused = Vec::new();
        for wish in wishes {
            match self.desk.find(&wish.task) {
                Some(task) => inputs.push(Input::RunNow { id: wish.id, task }),
                None => refused.push(Change::WishDone { id: wish.id, note: "the desk has no such task".into() }),
            }
        }
        if !refused.is_empty() {
            self.ports.store.commit(&Batch { desk: &self.desk, at: now, changes: &refused })?;
        }
        Ok(inputs)
    }

    fn receive(&mut self, message: Message) -> Option<Input> {
        match message {
            Message::Ended { run, attempt, outcome } => {
                self.running.remove(&run);
                Some(Input::Ended { run, attempt, outcome })
            }
            Message::Shutdown { .. } => None,
        }
    }

    /// One turn: step, store, perform, show.
    fn turn(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Option<Timestamp>, EngineError> {
        let Turn { changes, starts, stops, wake, stale } = self.scheduler.step(now, inputs);
        if !changes.is_empty() {
            self.ports.store.commit(&Batch { desk: &self.desk, at: now, changes: &changes })?;
        }
        for start in &starts {
            self.begin(start)?;
        }
        for run in stops {
            if let Some(stop) = self.running.get(&run) {
                stop.tell(StopCause::Timeout);
            }
        }
        self.vitals.stale_results += u64::from(stale);
        self.show(&changes, starts.last());
        Ok(wake)
    }

    fn begin(&mut self, start: &Start) -> Result<(), EngineError> {
        let stop = Stop::default();
        self.running.insert(start.run, stop.clone());
        let now = self.ports.clock.now();
        if !start.catchup && start.attempt == 1 {
            let late = now.duration_since(start.due).as_micros().clamp(0, i128::from(u32::MAX)) as u64;
            self.vitals.starts += 1;
            self.vitals.lateness_sum_us += late;
            self.vitals.lateness_max_us = self.vitals.lateness_max_us.max(late);
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
        let job = Box::new(move || {
            let mut end = EndMessage { outbox, run: attempt.run, attempt: attempt.attempt, outcome: None };
            end.outcome = Some(handler.run(&attempt, &stop));
        });
        self.pool.perform(job).map_err(EngineError::Thread)
    }

    /// Starts nothing more, lets what runs end, then tells it to stop. Told again, it does not wait.
    fn drain(&mut self, at_once: bool) -> Result<Stopped, EngineError> {
        self.vitals.ready = false;
        self.turn(self.ports.clock.now(), vec![Input::Drain])?;
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
    fn runs_end_within(&mut self, grace: SignedDuration) -> Result<bool, EngineError> {
        let until = self.ports.clock.now() + grace;
        while !self.running.is_empty() {
            let left = Duration::try_from(until.duration_since(self.ports.clock.now())).unwrap_or(Duration::ZERO);
            match self.inbox.recv_timeout(left) {
                Ok(Message::Shutdown { at_once: true }) => return Ok(true),
                Ok(message) => {
                    let inputs = self.receive(message).into_iter().collect();
                    self.turn(self.ports.clock.now(), inputs)?;
                }
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    fn tell_all(&self, cause: StopCause) {
        self.running.values().for_each(|stop| stop.tell(cause));
    }

    fn show(&mut self, changes: &[Change], last: Option<&Start>) {
        let now = self.ports.clock.now();
        let vitals = &mut self.vitals;
        vitals.cycles += 1;
        vitals.beat_at = now;
        if let Some(start) = last {
            vitals.last_task.clone_from(&self.desk.task(start.task).name);
        }
        for change in changes {
            let Change::Run(run) = change else { continue };
            note_end(vitals, &self.desk, run, now);
        }
        vitals.lanes.clear();
        for lane in Lane::ALL {
            let ((waiting, running), spec) = (self.scheduler.load(*lane), self.desk.lane(*lane));
            vitals.lanes.push(LaneLoad { lane: *lane, waiting, running, workers: spec.workers, limit: spec.queue });
        }
        let hour = now + SignedDuration::from_hours(1);
        vitals.upcoming.clear();
        vitals.upcoming.extend(
            self.scheduler.upcoming().take(5).map(|(at, ix)| Upcoming { at, task: self.desk.task(ix).name.clone() }),
        );
        vitals.due_next_hour = self.scheduler.upcoming().take_while(|(at, _)| *at <= hour).take(10_000).count();
        self.board.write(vitals);
        self.ports.pulse.beat(vitals);
    }
}

/// Sends the end of an attempt even if its handler panicked.
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

fn note_end(vitals: &mut Vitals, desk: &Desk, run: &Run, now: Timestamp) {
    let failed_attempt = matches!(run.outcome, Some(Outcome::Error(_) | Outcome::TimedOut | Outcome::Lost))
        && run.state != State::Running;
    if failed_attempt {
        let outcome = run.outcome.as_ref().expect("matched above");
        let said = if outcome.note().is_empty() { outcome.word() } else { outcome.note() };
        let error = LastError {
            at: now,
            task: desk.task(run.task).name.clone(),
            slot: run.slot.to_string(),
            attempt: run.attempt,
            error: said.to_owned(),
        };
        vitals.remember(error);
    }
    if run.state.is_terminal() {
        let end = match run.state {
            State::Skipped => run.reason.map_or("skipped", |r| r.word()),
            state => state.word(),
        };
        *vitals.ends.entry(end.to_owned()).or_default() += run.covers;
    }
}
