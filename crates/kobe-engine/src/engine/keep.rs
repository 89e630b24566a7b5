//! Keeping: every turn and what led to it, in one transaction.
//!
//! Rule: a full disk is waited out: the turn is stored when there is room again, nothing is performed before, and what came meanwhile is kept in memory. Only the word to stop
//! needs no row: what has used its time, or is cancelled, hears it meanwhile. Every other fault ends the engine, and so does a full disk once it was told to stop. Turns that
//! changed nothing are noted and stored with the next that does.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind, Change, RunId, Start, Verb};

use super::{AFTER_TOLD, Engine, EngineError, Message};
use crate::handler::StopCause;
use crate::journal::{Begin, Why};
use crate::ports::{Batch, JournalRow, StoreError};

/// How often a full disk is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// So many turns that changed nothing are kept before they are stored by themselves.
const UNSTORED_MOST: usize = 2048;

/// A start that comes later than this because the disk was full is not performed: its moment may have passed.
const TOO_LATE: SignedDuration = SignedDuration::from_secs(2);

/// The journal as far as it is not stored.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    rows: Vec<JournalRow>,
    day: Option<Date>,
}

impl Keeper {
    pub(super) fn new() -> Keeper {
        Keeper::default()
    }

    /// Returns the desk's day whose segment is being written.
    pub(super) fn day(&self) -> Option<Date> {
        self.day
    }

    pub(super) fn note(&mut self, at: Timestamp, body: String, digest: String) {
        self.rows.push(JournalRow { at, begins: false, body, digest });
    }
}

impl Engine {
    /// Begins a segment of the journal with the machine as it stands.
    pub(super) fn begin_segment(&mut self, at: Timestamp, why: Why) {
        self.keeper.day = Some(self.scheduler.market().date_of(at));
        let begin = Begin::new(why, &self.ports.build, &self.scheduler);
        self.keeper.rows.push(begin.row(at));
    }

    /// Stores changes with the journal up to here, and returns how long that had to wait for room on the disk.
    pub(super) fn commit(&mut self, at: Timestamp, changes: &[Change]) -> Result<SignedDuration, EngineError> {
        if changes.is_empty() && self.keeper.rows.len() < UNSTORED_MOST {
            return Ok(SignedDuration::ZERO);
        }
        self.commit_all(at, changes)
    }

    /// As [`Engine::commit`], also where nothing changed.
    pub(super) fn commit_all(&mut self, at: Timestamp, changes: &[Change]) -> Result<SignedDuration, EngineError> {
        let mut full_since: Option<Timestamp> = None;
        loop {
            let batch = Batch { desk: &self.desk, at, changes, journal: &self.keeper.rows };
            match self.ports.store.commit(&batch) {
                Ok(()) => {
                    self.keeper.rows.clear();
                    return Ok(full_since.map_or(SignedDuration::ZERO, |since| self.has_room_again(since)));
                }
                Err(StoreError::Full(what)) => {
                    let since = *full_since.get_or_insert_with(|| self.ports.clock.now());
                    self.wait_for_room(since, &what)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits a moment for room. Messages are kept, pings are answered; who tells it to stop ends it, since nothing can be stored.
    fn wait_for_room(&mut self, since: Timestamp, what: &str) -> Result<(), EngineError> {
        if self.stop_by.is_some_and(|by| Instant::now() >= by) {
            return Err(StoreError::Full(what.to_owned()).into());
        }
        if self.vitals.disk_full.is_none() {
            let title = "the disk is full: nothing starts until there is room";
            let detail = format!("{what}\nresults are kept in memory; make room, a restart is not needed");
            (self.ports.alarm)(disk_alert(since, Severity::Critical, title).with_detail(detail));
            self.vitals.disk_full = Some(since);
        }
        self.vitals.beat_at = self.ports.clock.now();
        self.board.write(&self.vitals);
        match self.inbox.recv_timeout(TRY_AGAIN) {
            Ok(Message::Ping(answer)) => self.answer_ping(&answer),
            Ok(Message::Shutdown { .. }) => {
                self.will_stop(true);
                return Err(StoreError::Full(what.to_owned()).into());
            }
            Ok(message) => self.kept_back.push_back(message),
            Err(_) => {}
        }
        self.stop_without_a_row()
    }

    /// Tells what has used its time, and what an operator has cancelled, to stop. What becomes of it is stored when there is room.
    fn stop_without_a_row(&mut self) -> Result<(), EngineError> {
        if self.running.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        for running in self.running.values().filter(|running| running.until.is_some_and(|until| until <= now)) {
            running.stop.tell(StopCause::Timeout);
        }
        if self.stop_by.is_some_and(|by| now + AFTER_TOLD >= by) {
            // It is about to give up: what runs gets its time to end before.
            self.tell_all(StopCause::Shutdown);
        }
        // They stay open, and are answered by the machine.
        for wish in self.ports.store.wishes()?.iter().filter(|wish| wish.verb == Verb::Cancel) {
            if let Some(running) = wish.name.parse::<RunId>().ok().and_then(|run| self.running.get(&run)) {
                running.stop.tell(StopCause::Timeout);
            }
        }
        Ok(())
    }

    fn has_room_again(&mut self, since: Timestamp) -> SignedDuration {
        let now = self.ports.clock.now();
        let waited = now.duration_since(since).max(SignedDuration::from_nanos(1));
        self.vitals.disk_full = None;
        self.wishes_first = true;
        let title = format!("the disk has room again after {} s; the desk goes on", waited.as_secs());
        (self.ports.alarm)(disk_alert(now, Severity::Info, &title).recovered());
        waited
    }

    /// Tells whether the moment of a start has passed while the disk was full.
    pub(super) fn is_too_late(&self, start: &Start) -> bool {
        self.ports.clock.now().duration_since(start.due) > TOO_LATE
    }

    /// Gives a start back that was stored and must not be performed any more: it never began, and is judged again where it may be repeated.
    pub(super) fn give_back(&mut self, start: &Start) {
        self.kept_back.push_back(Message::GivenBack { run: start.run, attempt: start.attempt });
    }
}

fn disk_alert(at: Timestamp, severity: Severity, title: &str) -> Alert {
    let alert = Alert::new(AlertKind::DiskFull, severity, "disk", at, title);
    Alert { runbook: format!("docs/operate/alerts.md#{}", AlertKind::DiskFull), ..alert }
}
