//! Readying: books and broker are compared while the desk starts, and nothing that may trade begins before.
//!
//! The comparison reads data and verifies chains, which takes a second; everything that only looks starts meanwhile. What it finds is said and told.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kobe_desk::Services;
use kobe_desk::ready::Readiness;
use kobe_engine::{Alarm, Clock, Stop};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use serde_json::json;

use crate::voice::Voice;

/// What closes entries until the comparison is over.
const CAUSE: &str = "start-up";

/// How often whoever waits looks whether it was told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether the desk is ready.
#[derive(Clone, Default)]
pub struct Ready(Arc<(Mutex<bool>, Condvar)>);

impl Ready {
    /// Waits until the desk is ready; false when it was told to stop before.
    pub fn wait(&self, stop: &Stop) -> bool {
        let (ready, told) = &*self.0;
        let mut is_ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_ready {
            if stop.told().is_some() {
                return false;
            }
            is_ready = told.wait_timeout(is_ready, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Returns a desk that is ready already.
    pub fn at_once() -> Ready {
        let ready = Ready::default();
        ready.tell();
        ready
    }

    fn tell(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

/// Makes the desk ready on a thread of its own; entries are closed until then.
///
/// # Errors
/// What the system says when it gives no thread.
pub fn start(services: &Arc<Services>, clock: Arc<dyn Clock>, voice: Voice, alarm: Alarm) -> std::io::Result<Ready> {
    services.block(CAUSE, "books and broker are not compared yet".into());
    let (ready, services) = (Ready::default(), Arc::clone(services));
    let done = ready.clone();
    thread::Builder::new().name("readying".into()).spawn(move || {
        let found = services.make_ready(clock.now());
        services.unblock(CAUSE);
        tell(&found, &voice, &alarm);
        done.tell();
    })?;
    Ok(ready)
}

fn tell(found: &Readiness, voice: &Voice, alarm: &Alarm) {
    let findings = found.findings();
    let fields = json!({ "ready": found.is_ready(), "findings": findings, "closed_by": found.closed_by });
    let preflight = found.preflight.as_ref().map_or(String::new(), |p| format!("; preflight {}", p.words()));
    let words = match findings.is_empty() {
        true => format!("books and broker tie{preflight}"),
        false => findings.join("; "),
    };
    voice.tell(found.at, if found.is_ready() { "INFO" } else { "WARN" }, "readiness", fields, Some(&words));
    if !found.mismatches.is_empty() || !found.errors.is_empty() || found.tripped.is_some() {
        raise(
            alarm,
            found,
            AlertKind::NotReconciled,
            Severity::Critical,
            "books and broker do not tie at the start",
            &findings,
        );
    }
    if let Some(report) = found.preflight.as_ref().filter(|p| !p.passes()) {
        let why = [report.words()];
        raise(alarm, found, AlertKind::PreflightBlocked, Severity::Error, "the preflight blocks entries", &why);
    }
}

fn raise(alarm: &Alarm, found: &Readiness, kind: AlertKind, severity: Severity, title: &str, why: &[String]) {
    let alert = Alert::new(kind, severity, kind.word(), found.at, title).with_detail(why.join("\n"));
    alarm(Alert { runbook: format!("docs/operate/alerts.md#{kind}"), ..alert });
}
