//! Readiness: what a desk makes sure of when it starts, before anything that may trade.
//!
//! Three steps, each of which leaves entries closed where it does not succeed: intents of the last run are looked up, books and broker are compared both ways, and on a session
//! day from 09:00 on the preflight runs at once, since a PASS of an earlier process counts no more. Nothing here ends the process: everything but entries goes on. Start at
//! [`Services::make_ready`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Time, time};
use kobe_trade::fact::What;
use kobe_trade::kill::KillRecord;
use kobe_trade::ports::{Artifact, BooksError};
use serde::Serialize;
use serde_json::json;

use crate::preflight::Report;
use crate::reconcile::{Asker, Mismatch};
use crate::services::Services;

/// Name of the artifact and of the fact in the audit chain.
const NAME: &str = "readiness";
/// The desk's time from which a preflight is due on a session day.
const PREFLIGHT_FROM: Time = time(9, 0, 0, 0);
const START: Asker<'static> = Asker { function: "start", task: "start" };

/// What a start has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// When.
    pub at: Timestamp,
    /// Intents of the last run that were settled: withdrawn, or booked as the broker knows them.
    pub intents_settled: usize,
    /// Where books and broker differ.
    pub mismatches: Vec<Mismatch>,
    /// What was booked from the broker's evidence.
    pub repaired: Vec<String>,
    /// What could not be asked or stored.
    pub errors: Vec<String>,
    /// The preflight, where one was due.
    pub preflight: Option<Report>,
    /// The kill switch, if this pulled it.
    pub tripped: Option<KillRecord>,
    /// What closes entries now; empty does not mean that it is time for one.
    pub closed_by: Vec<String>,
}

impl Readiness {
    /// Tells whether nothing was found that a person has to look at.
    pub fn is_ready(&self) -> bool {
        self.mismatches.is_empty()
            && self.errors.is_empty()
            && self.tripped.is_none()
            && self.preflight.as_ref().is_none_or(Report::passes)
    }

    /// Says what was found, one sentence each; nothing where all is well.
    pub fn findings(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(record) = &self.tripped {
            said.push(format!("the kill switch was pulled: {}", record.reason));
        }
        said.extend(self.errors.iter().cloned());
        said.extend(self.mismatches.iter().map(|m| format!("{}; {}", m.description, m.suggested_action)));
        said.extend(self.repaired.iter().map(|r| format!("booked from the broker's evidence: {r}")));
        if self.intents_settled > 0 {
            said.push(format!("{} intents of the last run were settled", self.intents_settled));
        }
        if let Some(report) = self.preflight.as_ref().filter(|r| !r.passes()) {
            said.push(format!("preflight {}", report.words()));
        }
        said
    }
}

impl Services {
    /// Makes a desk ready that has just been put together, and says what was found. Until it has passed, entries are closed.
    ///
    /// Never fails: what does not answer, does not tie or cannot be stored closes entries and stands in the answer.
    pub fn make_ready(&self, now: Timestamp) -> Readiness {
        let mut ready = Readiness {
            at: now,
            intents_settled: 0,
            mismatches: Vec::new(),
            repaired: Vec::new(),
            errors: Vec::new(),
            preflight: None,
            tripped: None,
            closed_by: Vec::new(),
        };
        match self.reconcile_intents() {
            Ok(settled) => ready.intents_settled = settled,
            Err(e) => {
                self.block("unknown_order", e.to_string());
                ready.errors.push(format!("intents of the last run: {e}"));
            }
        }
        match self.reconcile(now, START) {
            Ok(found) => {
                (ready.mismatches, ready.repaired, ready.tripped) = (found.mismatches, found.repaired, found.tripped);
            }
            Err(e) => ready.errors.push(e),
        }
        match self.preflight_is_due(now) {
            Ok(false) => {}
            Ok(true) => match self.preflight(now, &self.config(), START) {
                Ok(report) => ready.preflight = Some(report),
                Err(e) => ready.errors.push(format!("the preflight could not be stored: {e}")),
            },
            Err(e) => ready.errors.push(e),
        }
        ready.closed_by = self.blocks();
        if let Err(e) = self.keep(&ready) {
            ready.errors.push(format!("the readiness could not be stored: {e}"));
        }
        ready
    }

    fn preflight_is_due(&self, now: Timestamp) -> Result<bool, String> {
        let local = self.market().local(now);
        let session = self.market().exchange().is_session_date(local.date()).map_err(|e| e.to_string())?;
        Ok(session && local.time() >= PREFLIGHT_FROM)
    }

    fn keep(&self, ready: &Readiness) -> Result<(), BooksError> {
        let date = self.market().date_of(ready.at);
        let (name, function, task) = (NAME.to_owned(), START.function.to_owned(), START.task.to_owned());
        self.books().put(Artifact { name, function, task, date, at: ready.at, body: json!(ready) })?;
        // A start that finds nothing leaves no fact: a desk that is restarted often has no longer chain for it.
        if ready.is_ready() && ready.repaired.is_empty() && ready.intents_settled == 0 {
            return Ok(());
        }
        let detail = BTreeMap::from([("findings".to_owned(), ready.findings().join("; "))]);
        let fact = self.fact(ready.at, What::Noted { about: NAME.into(), detail });
        loop {
            let book = self.book();
            if !book.is_open() {
                return Ok(());
            }
            match self.append(&book, vec![fact.clone()]) {
                Ok(_) => return Ok(()),
                Err(BooksError::Conflict { .. }) => {}
                Err(e) => return Err(e),
            }
        }
    }
}
