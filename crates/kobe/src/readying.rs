//! Readying: books and broker are compared while the desk starts, and nothing that may trade begins before.
//!
//! The comparison reads data and verifies chains, which takes a second; everything that only looks starts meanwhile. What it finds is said and told.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kobe_desk::ready::Readiness;
use kobe_desk::{Services, preflight};
use kobe_engine::{Alarm, Clock, Stop};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use serde_json::json;

use crate::voice::Voice;

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

    /// Says that it is ready.
    pub fn tell(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

/// Says that the desk is ready when it goes.
struct ToldAtTheEnd(Ready);

impl Drop for ToldAtTheEnd {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// Makes the desk ready on a thread of its own; entries are closed until then.
///
/// # Errors
/// What the system says when it gives no thread.
pub fn start(ready: &Ready, services: &Arc<Services>, clock: Arc<dyn Clock>, voice: Voice) -> std::io::Result<()> {
    let (done, services) = (ready.clone(), Arc::clone(services));
    let work = move || {
        // Told also if it panics: what was not compared keeps entries closed, and exits must not wait for ever.
        let _told = ToldAtTheEnd(done);
        now(&services, &*clock, &voice);
    };
    thread::Builder::new().name("readying".into()).spawn(work).map(|_| ())
}

/// Compares books and broker and, where one is due, runs the preflight; says what was found. What closes entries is told by itself.
pub fn now(services: &Services, clock: &dyn Clock, voice: &Voice) {
    let found = services.make_ready(clock.now());
    say(&found, voice);
}

/// Has a person told of whatever closes entries, and that it is over.
pub fn tell_blocks(services: &Services, clock: Arc<dyn Clock>, alarm: Alarm) {
    // What was closed from the start and is opened by the first comparison was never told.
    let told = Mutex::new(BTreeSet::new());
    services.on_block(Box::new(move |cause, why| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = if why.is_some() { told.insert(cause.to_owned()) } else { told.remove(cause) };
        if !is_news {
            return;
        }
        let (kind, severity) = match cause {
            preflight::NAME => (AlertKind::PreflightBlocked, Severity::Error),
            "reconciliation" | "unknown_order" => (AlertKind::NotReconciled, Severity::Critical),
            "missing_stop" => (AlertKind::EntriesClosed, Severity::Critical),
            _ => (AlertKind::EntriesClosed, Severity::Warning),
        };
        let named = format!("entries:{cause}");
        let alert = match why {
            Some(why) => {
                Alert::new(kind, severity, named, clock.now(), format!("entries are closed: {cause}")).with_detail(why)
            }
            None => {
                let title = format!("entries are no longer closed by {cause}");
                Alert::new(kind, Severity::Info, named, clock.now(), title).recovered()
            }
        };
        alarm(Alert { runbook: format!("docs/operate/alerts.md#{kind}"), ..alert });
    }));
}

fn say(found: &Readiness, voice: &Voice) {
    let findings = found.findings();
    let fields = json!({ "ready": found.is_ready(), "findings": findings, "closed_by": found.closed_by });
    let preflight = found.preflight.as_ref().map_or(String::new(), |p| format!("; preflight {}", p.words()));
    let words = match findings.is_empty() {
        true => format!("books and broker agree{preflight}"),
        false => findings.join("; "),
    };
    voice.tell(found.at, if found.is_ready() { "INFO" } else { "WARN" }, "readiness", fields, Some(&words));
}
