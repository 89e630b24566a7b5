//! Readiness: what a desk makes sure of when it starts, before anything that may trade.
//!
//! Three steps, each of which leaves entries closed where it does not succeed: intents of the last run are looked up, books and broker are compared both ways, and on a session
//! day from 09:00 on the preflight runs at once, since a PASS of an earlier process counts no more. Nothing here ends the process: everything but entries goes on. Start at
//! [`Services::make_ready`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Time, time};
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
        self.note(ready.at, NAME, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kobe_plan::Outcome;
    use kobe_trade::check::Ask;
    use kobe_trade::id::{ClientId, Symbol};
    use kobe_trade::order::{Fill, OrderState};
    use kobe_trade::ports::{Ack, AckStatus, Books, Broker, Held};

    use super::*;
    use crate::reconcile::tests::desk_beside;
    use crate::services::Era;
    use crate::testing::{Fixture, Options, decimal};

    #[test]
    fn a_start_runs_the_preflight_on_session_days_from_nine_on() {
        for (what, at, runs) in [
            ("a minute before nine", "2012-05-03T08:59", false),
            ("at nine", "2012-05-03T09:00", true),
            ("in the evening", "2012-05-03T20:00", true),
            ("on a Saturday", "2012-05-05T10:00", false),
            ("on a holiday", "2012-05-28T10:00", false),
            ("on a half day", "2012-11-23T10:00", true),
        ] {
            let first = Fixture::live(at);
            let desk = first.restart(Options::of(Era::Live), at);
            let closed = desk.services.blocks();
            assert_eq!(closed, ["reconciliation: books and broker were not compared since the start"], "{what}");
            let ready = desk.services.make_ready(desk.now());
            assert!(ready.is_ready() && ready.findings().is_empty(), "{what}: {:?}", ready.findings());
            assert_eq!(ready.preflight.as_ref().map(Report::passes), runs.then_some(true), "{what}");
            assert!(desk.services.blocks().is_empty() && ready.closed_by.is_empty(), "{what}");
            let stands = desk.services.preflight_stands(desk.now(), desk.config());
            assert_eq!(stands == Ask::Known(true), runs, "{what}: {stands:?}");
            assert_eq!(desk.left(NAME)["errors"], json!([]), "{what}");
        }
    }

    #[test]
    fn what_does_not_tie_at_the_start_closes_entries_and_is_told() {
        let (first, broker) = desk_beside("2012-05-03T09:30");
        let options = || Options { broker: Some(Arc::clone(&broker) as Arc<dyn Broker>), ..Options::of(Era::Live) };
        let desk = first.restart(options(), "2012-05-03T09:40");
        broker.tell(&desk, |told| told.held[0].qty = 19);
        let ready = desk.services.make_ready(desk.now());
        assert!(!ready.is_ready() && ready.tripped.is_none(), "{ready:?}");
        assert!(ready.findings()[0].starts_with("IBM: the broker has 19 shares at 207.50"), "{:?}", ready.findings());
        assert!(ready.preflight.as_ref().is_some_and(|r| !r.passes()), "{ready:?}");
        let causes: Vec<&str> = ready.closed_by.iter().filter_map(|b| b.split(':').next()).collect();
        assert_eq!(causes, ["preflight", "reconciliation"]);
        let newest = desk.books.blocks(0, usize::MAX).unwrap().pop().expect("a block").fact().expect("a fact");
        assert!(
            matches!(newest.what, kobe_trade::fact::What::Noted { about, .. } if about == NAME),
            "what was found is audited"
        );

        let desk = first.restart(options(), "2012-05-03T09:50");
        broker.tell(&desk, |told| told.held.clear());
        let ready = desk.services.make_ready(desk.now());
        let record = ready.tripped.as_ref().expect("4,150 dollars are missing");
        assert_eq!(record.context["usd"], "4150.00", "{record:?}");
        assert!(desk.is_killed() && desk.book().kill().active.is_some());
        assert!(ready.findings()[0].starts_with("the kill switch was pulled: K8: "), "{:?}", ready.findings());
    }

    #[test]
    fn a_silent_broker_at_the_start_closes_entries_trips_nothing_and_ends_nothing() {
        let (first, broker) = desk_beside("2012-05-03T09:30");
        first.intend("AAPL", 3, "500", "10");
        broker.fall_silent();
        let options = Options { broker: Some(Arc::clone(&broker) as Arc<dyn Broker>), ..Options::of(Era::Live) };
        let desk = first.restart(options, "2012-05-03T09:40");
        let ready = desk.services.make_ready(desk.now());
        assert_eq!(ready.errors.len(), 2, "intents and the comparison: {:?}", ready.errors);
        assert!(!ready.is_ready() && ready.tripped.is_none() && !desk.is_killed());
        let causes: Vec<&str> = ready.closed_by.iter().filter_map(|b| b.split(':').next()).collect();
        assert_eq!(causes, ["preflight", "reconciliation", "unknown_order"]);
        // It answers again: the task that runs around the clock opens what it has closed, and the preflight opens the rest.
        broker.tell(&desk, |_| {});
        desk.at("2012-05-03T09:45").ok("always_reconcile_broker");
        desk.ok("final_preflight_check");
        assert!(desk.services.blocks().is_empty(), "{:?}", desk.services.blocks());
    }

    #[test]
    fn an_intent_of_the_last_run_is_withdrawn_or_booked_as_the_broker_knows_it() {
        for (what, known, state, held) in
            [("never seen", false, OrderState::Cancelled, 1), ("filled before the crash", true, OrderState::Closed, 2)]
        {
            let (first, broker) = desk_beside("2012-05-03T09:30");
            let decision = first.intend("AAPL", 3, "500", "10");
            let client = ClientId::of(&decision, 0);
            let fill = Fill::at(3, decimal("500"), decimal("0"));
            if known {
                let (status, stop, broker_id) = (AckStatus::Filled, None, "outside-9".to_owned());
                broker.knows(Ack { client: client.clone(), broker: broker_id, status, fill, stop });
            }
            broker.tell(&first, |told| {
                if known {
                    let at = first.now();
                    let (symbol, side) = (Symbol::new("AAPL").unwrap(), kobe_trade::id::Side::Buy);
                    told.held.push(Held { symbol: symbol.clone(), qty: 3, entry: decimal("500") });
                    told.executions.push(kobe_trade::ports::Execution { client, symbol, side, fill, at });
                    told.cash -= decimal("1500");
                }
            });
            let options = Options { broker: Some(Arc::clone(&broker) as Arc<dyn Broker>), ..Options::of(Era::Live) };
            let desk = first.restart(options, "2012-05-03T08:40");
            let ready = desk.services.make_ready(desk.now());
            assert_eq!(ready.intents_settled, 1, "{what}");
            assert!(ready.is_ready(), "{what}: {:?}", ready.findings());
            assert_eq!(ready.findings(), ["1 intents of the last run were settled"], "{what}");
            let book = desk.book();
            assert_eq!(book.order(&decision).map(|o| o.state), Some(state), "{what}");
            assert_eq!(book.positions().len(), held, "{what}");
        }
    }

    #[test]
    fn the_desk_knows_when_stops_were_last_evaluated() {
        let desk = Fixture::live("2012-05-03T10:15");
        assert_eq!((desk.services.last_stop_check(), desk.services.open_positions()), (None, 0));
        desk.buy("IBM", 20, "207.50", "5.00");
        assert_eq!((desk.services.last_stop_check(), desk.services.open_positions()), (None, 1));
        for (what, task, at) in [
            ("the check of stops", "stop_loss_check", "2012-05-03T10:40"),
            ("the marks around the clock", "always_check_positions", "2012-05-03T10:45"),
        ] {
            desk.at(at).run(task);
            assert_eq!(desk.services.last_stop_check(), Some(desk.now()), "{what}");
        }
        let (bare, _) = desk_beside("2012-05-03T10:15");
        bare.buy_bare("AAPL", 3, "500", "10");
        for task in ["stop_loss_check", "always_check_positions"] {
            let outcome = bare.run(task);
            assert_eq!(bare.services.last_stop_check(), None, "{task}: no stop, no price: nothing was evaluated");
            assert!(task != "stop_loss_check" || matches!(outcome, Outcome::Error(_)), "{outcome:?}");
        }
    }
}
