//! The narrator: tells what was stored, and only that.
//!
//! It stands in front of the store and sees every change after it is durable: one JSON event a line, or a calm log for people. Slots that did not run are told to people
//! only on request, as most of a day are such.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kobe_engine::{Batch, Store, StoreError};
use kobe_plan::scheduler::Recovered;
use kobe_plan::{Change, Desk, Outcome, Run, State, Wish};
use serde_json::json;

use crate::voice::Voice;
use crate::when;

/// Tells of one run as it stands now.
fn tell_run(voice: &Voice, at: Timestamp, desk: &Desk, run: &Run) {
    let task = desk.task(run.task);
    let fields = json!({
        "run": run.id.0,
        "task": task.name,
        "function": task.function(),
        "slot": run.slot.to_string(),
        "due": run.due.to_string(),
        "attempt": run.attempt,
        "state": run.state,
        "reason": run.reason,
        "outcome": run.outcome.as_ref().map(Outcome::word),
        "note": run.outcome.as_ref().map(Outcome::note),
        "covers": run.covers,
    });
    match run.state {
        State::Running => voice.tell(at, "INFO", "run_started", fields, None),
        State::Pending if run.attempt == 0 => {}
        State::Pending => {
            let words = format!(
                "{} {:<36} attempt {} ended {}, again at {}{}",
                voice.paint().yellow("again  "),
                task.name,
                run.attempt,
                run.outcome.as_ref().map_or("", Outcome::word),
                run.retry_at.map_or_else(String::new, |t| when::clock(t, voice.market())),
                noted(run),
            );
            voice.tell(at, "WARN", "run_again", fields, Some(&words));
        }
        State::Completed => {
            let words = format!("{} {:<36}{}", voice.paint().green("done   "), task.name, noted(run));
            voice.tell(at, "INFO", "run_ended", fields, Some(&words));
        }
        State::Failed => {
            let reason = run.reason.map_or(String::new(), |r| format!(" ({r})"));
            let words = format!("{} {:<36}{reason}{}", voice.paint().red("FAILED "), task.name, noted(run));
            voice.tell(at, "ERROR", "run_ended", fields, Some(&words));
        }
        State::Skipped => {
            let reason = run.reason.map_or("", |r| r.word());
            let many = if run.covers > 1 { format!(", {} slots", run.covers) } else { String::new() };
            let words = format!("{} {:<36} {reason}{many}", voice.paint().dim("skipped"), task.name);
            voice.tell(at, "INFO", "run_skipped", fields, voice.is_verbose().then_some(&*words));
        }
    }
}

fn noted(run: &Run) -> String {
    match run.outcome.as_ref() {
        Some(outcome) if !outcome.note().is_empty() => format!(" {}", outcome.note()),
        Some(outcome @ (Outcome::Ok(_) | Outcome::Error(_))) if outcome.note().is_empty() => String::new(),
        Some(outcome) => format!(" {}", outcome.word().replace('_', " ")),
        None => String::new(),
    }
}

/// A store that tells what it has stored.
pub struct Narrator<S> {
    inner: S,
    voice: Voice,
}

impl<S> Narrator<S> {
    /// Stands in front of a store.
    pub fn new(inner: S, voice: Voice) -> Narrator<S> {
        Narrator { inner, voice }
    }
}

impl<S: Store> Store for Narrator<S> {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let recovered = self.inner.recover()?;
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &recovered.live {
            *states.entry(row.run.state.word()).or_default() += 1;
        }
        if !states.is_empty() {
            let said: Vec<String> = states.iter().map(|(state, n)| format!("{n} {state}")).collect();
            self.voice.talk(format!("found runs that were not over: {}", said.join(", ")));
        }
        Ok(recovered)
    }

    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        self.inner.slots_after(now)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.inner.commit(batch)?;
        for change in batch.changes {
            if let Change::Run(run) = change {
                tell_run(&self.voice, batch.at, batch.desk, run);
            }
        }
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        self.inner.wishes()
    }
}
