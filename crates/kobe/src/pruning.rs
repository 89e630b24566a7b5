//! Pruning: what is old goes, while the desk runs and never on its tick.
//!
//! Rule: small bites with rests between them, through the one writer; a turn of the loop never waits for more than one bite. What goes, and when, is kept in
//! docs/reference/state.md.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kobe_engine::Clock;
use kobe_store::{Pruned, Pruner, Retention};
use serde_json::json;

use crate::voice::Voice;

/// The first time, so long after the start: a desk that starts has other work.
const FIRST: Duration = Duration::from_secs(15 * 60);
/// Then so often.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The rest after each bite.
const REST: Duration = Duration::from_millis(100);

/// A thread that removes what is old.
pub struct Pruning {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Pruning {
    /// Begins.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub fn start(pruner: Pruner, clock: Arc<dyn Clock>, voice: Voice) -> std::io::Result<Pruning> {
        let (stop, told) = channel();
        let work = move || {
            let mut wait = FIRST;
            while told.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                prune(&pruner, &*clock, &voice, &told);
                wait = EVERY;
            }
        };
        let thread = thread::Builder::new().name("pruning".into()).spawn(work)?;
        Ok(Pruning { stop, thread })
    }

    /// Stops, after the bite that is being taken.
    pub fn close(self) {
        drop(self.stop);
        // It has nothing left to remove.
        let _ = self.thread.join();
    }
}

fn prune(pruner: &Pruner, clock: &dyn Clock, voice: &Voice, told: &Receiver<()>) {
    let now = clock.now();
    let mut go_on = |_: &Pruned| told.recv_timeout(REST) == Err(RecvTimeoutError::Timeout);
    match pruner.prune(&Retention::STANDARD, now, &mut go_on) {
        Ok(gone) if gone == Pruned::default() => {}
        Ok(gone) => {
            let words = format!(
                "removed what is old: {} runs, {} rows of the journal, {} alerts, {} wishes, {} files of output",
                gone.runs, gone.journal, gone.alerts, gone.wishes, gone.output_files
            );
            voice.tell(clock.now(), "INFO", "pruned", json!(gone), Some(&words));
        }
        // A fault of the storage is met and told by the loop itself.
        Err(error) => {
            let words = format!("what is old could not be removed: {error}");
            voice.tell(clock.now(), "WARN", "pruning_failed", json!({ "error": error.to_string() }), Some(&words));
        }
    }
}
