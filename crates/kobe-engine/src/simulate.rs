//! The virtual clock: a year in seconds.
//!
//! The same machine as in the live engine, one thing after another: the clock jumps from instant to instant, an attempt takes no time. Nothing sleeps and no thread starts,
//! so the same desk over the same days gives the same rows.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_plan::scheduler::{Recovered, Settings};
use kobe_plan::{Input, Scheduler, TaskIx, Turn};

use crate::clock::{Clock, VirtualClock};
use crate::handler::{Attempt, Handler, Stop};
use crate::ports::{Batch, Store, StoreError};

/// Watches a simulation.
pub trait Observer {
    /// Sees every turn that changed something, after its changes were stored.
    fn turn(&mut self, at: Timestamp, turn: &Turn);
}

impl Observer for () {
    fn turn(&mut self, _: Timestamp, _: &Turn) {}
}

/// A desk under a virtual clock.
pub struct Simulation<'a> {
    /// The machine.
    pub scheduler: Scheduler,
    /// The clock that handlers see.
    pub clock: Arc<VirtualClock>,
    /// What does the work.
    pub handler: &'a dyn Handler,
    /// Where rows go.
    pub store: &'a mut dyn Store,
}

impl Simulation<'_> {
    /// Lives until the clock reaches `end`; what is due at `end` itself does not happen.
    ///
    /// # Errors
    /// [`StoreError`] when rows could not be stored.
    pub fn live_until(&mut self, end: Timestamp, observer: &mut dyn Observer) -> Result<(), StoreError> {
        let mut now = self.clock.now();
        let mut inputs: Vec<Input> = Vec::new();
        let desk = Arc::clone(self.scheduler.desk());
        while now < end {
            self.clock.set(now);
            let turn = self.scheduler.step(now, inputs.drain(..));
            if !turn.changes.is_empty() {
                self.store.commit(&Batch { desk: &desk, at: now, changes: &turn.changes, journal: &[] })?;
                observer.turn(now, &turn);
            }
            for start in &turn.starts {
                let attempt = Attempt {
                    run: start.run,
                    desk: Arc::clone(&desk),
                    task: start.task,
                    slot: start.slot,
                    due: start.due,
                    attempt: start.attempt,
                    catchup: start.catchup,
                    now,
                };
                let outcome = self.handler.run(&attempt, &Stop::default());
                inputs.push(Input::Ended { run: start.run, attempt: start.attempt, outcome });
            }
            if inputs.is_empty() {
                // Nothing is left for this instant. Without a next one the desk is silent to the end.
                now = turn.wake.unwrap_or(end).max(now);
            }
        }
        self.clock.set(end);
        Ok(())
    }
}

/// Builds a machine that begins at an instant and knows nothing of a past.
pub fn fresh(
    desk: Arc<kobe_plan::Desk>,
    market: Arc<kobe_calendar::Market>,
    begin: Timestamp,
    standing: &mut dyn FnMut(TaskIx) -> Option<kobe_plan::judge::Standing>,
) -> Scheduler {
    // A slot at the very beginning belongs to the simulation: planning starts just before it.
    let before = begin - jiff::SignedDuration::from_nanos(1);
    Scheduler::recover(desk, market, Settings::SERIAL, standing, Recovered::default(), before)
}
