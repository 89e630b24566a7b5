//! Telling from outside: alerts of a command that is no running desk.
//!
//! There are no rows to keep them in: what no channel takes is told by the log and by the exit code.

use std::sync::Arc;
use std::time::Duration;

use kobe_engine::Delivery;
use kobe_engine::outbox::{OutboxHandle, OutboxThread, Parts};
use kobe_plan::Alert;
use kobe_store::MemoryOutbox;

use crate::channels;
use crate::failure::Failure;
use crate::settings::Shell;

/// How long a message may take to get out.
const LIMIT: Duration = Duration::from_secs(30);

/// The ways to a person, for one command.
pub struct Outside(OutboxHandle);

impl Outside {
    /// Opens the channels of the settings.
    ///
    /// # Errors
    /// [`Failure::Channels`] when the settings have mistakes, [`Failure::Broke`] when the system gives no thread.
    pub fn open(shell: &Shell) -> Result<Outside, Failure> {
        let settings = channels::settings(shell)?;
        let out = shell.out;
        let parts = Parts {
            outbox: Box::new(MemoryOutbox::new()),
            channels: settings.open(),
            clock: Arc::clone(&shell.clock),
            zone: shell.market()?.zone().clone(),
            redactor: settings.redactor(),
            log: Arc::new(move |line| out.insist(&format!("{line}\n"))),
        };
        let started = OutboxThread::start(parts);
        started.map(Outside).map_err(|e| Failure::Broke { what: format!("no thread for alerts: {e}") })
    }

    /// Tells an alert, and says whether a person can know it: a channel has it, or the log is all there is.
    pub fn tell(&self, alert: Alert) -> bool {
        let alert = Alert { runbook: format!("docs/operate/alerts.md#{}", alert.kind), ..alert };
        let answers = self.0.tell_now(alert, LIMIT);
        answers.is_empty() || answers.iter().any(|(_, delivery)| *delivery == Some(Delivery::Sent))
    }
}
