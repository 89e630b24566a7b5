//! Reconciliation: books and broker tell the same story, or entries are closed.
//!
//! One comparison for everybody who asks ([`compare`]): the three functions after the close and around the clock, the start of a desk, the preflight, and each entry. Only
//! evidence of the broker mends the books, and only by adding facts; nothing is deleted, and what it cannot explain stays a mismatch. A broker that does not answer proves
//! nothing: entries are closed, and nothing is tripped. Start at [`Services::reconcile`].

mod compare;
mod repair;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kobe_trade::book::Book;
use kobe_trade::check::Ask;
use kobe_trade::kill::{KillRecord, Trigger};
use kobe_trade::money::Decimal;
use kobe_trade::ports::{Artifact, BrokerError};
use serde_json::{Value, json};

pub use compare::{Kind, Mismatch, Part, Told, compare};
pub(crate) use compare::{executions_of, open_orders_of};

use crate::services::{RECONCILIATION, Services};

/// Name of the artifact.
pub const NAME: &str = "last_reconcile";
/// A mismatch of positions over so many dollars trips the kill switch (K8).
const MOST_DOLLARS: Decimal = Decimal::ONE_THOUSAND;
/// How far back the books expect each of their fills in the broker's list.
const FILLS_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How much further back the broker is asked, since its clock has its own idea of when a fill was.
const FILLS_MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// What one reconciliation has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// When.
    pub at: Timestamp,
    /// Where the stories still differ.
    pub mismatches: Vec<Mismatch>,
    /// What was booked from the broker's evidence.
    pub repaired: Vec<String>,
    /// The kill switch, if this pulled it.
    pub tripped: Option<KillRecord>,
    /// What was compared.
    compared: Value,
}

impl Reconciliation {
    /// Tells whether both sides tell the same story.
    pub fn is_clean(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// Returns the mismatches of one of the three reconciliations.
    pub fn of(&self, part: Part) -> impl Iterator<Item = &Mismatch> {
        self.mismatches.iter().filter(move |m| m.kind.part() == part)
    }

    /// Returns the dollars of all mismatches of positions.
    pub fn position_dollars(&self) -> Decimal {
        position_dollars(&self.mismatches)
    }

    /// Says it in one line.
    pub fn words(&self) -> String {
        match self.mismatches.as_slice() {
            [] => format!("books and broker agree, {} repaired", self.repaired.len()),
            [one] => one.description.clone(),
            [first, rest @ ..] => format!("{}; and {} more", first.description, rest.len()),
        }
    }

    fn json(&self) -> Value {
        let count = |part| self.of(part).count();
        json!({
            "timestamp": self.at, "positions_matched": count(Part::Positions) == 0, "mismatches": self.mismatches, "is_clean": self.is_clean(),
            "repaired": self.repaired, "kill_switch_pulled": self.tripped.is_some(),
            "summary": {
                "orders": count(Part::Orders), "positions": count(Part::Positions), "cash": count(Part::Cash),
                "position_dollars": self.position_dollars(), "compared": self.compared,
            },
        })
    }
}

fn position_dollars(mismatches: &[Mismatch]) -> Decimal {
    mismatches.iter().filter(|m| m.kind.part() == Part::Positions).map(|m| m.usd).sum()
}

/// Who asks for a reconciliation, as its artifact names it.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The function.
    pub function: &'a str,
    /// The task.
    pub task: &'a str,
}

impl Services {
    /// Compares books and broker, mends the books from the broker's evidence, and stores what is left.
    ///
    /// Whatever differs closes entries until a later reconciliation is clean; positions that differ by more than $1,000 pull the kill switch as well.
    ///
    /// # Errors
    /// A sentence, when the broker does not answer (entries are closed, nothing is tripped) or the books cannot be written.
    pub fn reconcile(&self, now: Timestamp, asker: Asker<'_>) -> Result<Reconciliation, String> {
        // No order is on its way while the two are compared.
        let choke = self.hold_choke();
        let found = self.compare_and_repair(now);
        drop(choke);
        let mut found = match found {
            Ok(found) => found,
            Err(why) => {
                self.block(RECONCILIATION, why.clone());
                return Err(why);
            }
        };
        if found.is_clean() {
            self.unblock(RECONCILIATION);
            self.unblock("unknown_order");
        } else {
            self.block(RECONCILIATION, found.words());
        }
        let dollars = found.position_dollars();
        let pulled = if dollars > MOST_DOLLARS { self.trip_for(&found, dollars) } else { Ok(None) };
        if let Ok(record) = &pulled {
            found.tripped.clone_from(record);
        }
        self.books()
            .put(Artifact {
                name: NAME.to_owned(),
                function: asker.function.to_owned(),
                task: asker.task.to_owned(),
                date: self.market().date_of(now),
                at: now,
                body: found.json(),
            })
            .map_err(|e| e.to_string())?;
        pulled.map(|_| found)
    }

    fn trip_for(&self, found: &Reconciliation, dollars: Decimal) -> Result<Option<KillRecord>, String> {
        let mut context = BTreeMap::from([("usd".to_owned(), dollars.to_string())]);
        let worst = found.of(Part::Positions).max_by_key(|m| m.usd);
        if let Some(symbol) = worst.and_then(|m| m.symbol.as_ref()) {
            context.insert("symbol".to_owned(), symbol.to_string());
        }
        let reason = format!("K8: positions differ by {dollars} dollars; {}", found.words());
        self.trip(&reason, Trigger::ReconciliationFailure, context, found.at)
    }

    fn compare_and_repair(&self, now: Timestamp) -> Result<Reconciliation, String> {
        let mut told = self.ask_broker(now)?;
        let mut book = self.book();
        let mut mismatches = compare(&book, &told, now - FILLS_BACK);
        let repaired = self.repair(&book, &told, &mismatches, now)?;
        if !repaired.is_empty() {
            told = self.ask_broker(now)?;
            book = self.book();
            mismatches = compare(&book, &told, now - FILLS_BACK);
        }
        let compared = json!({
            "positions": [told.held.len(), book.positions().len()], "open_orders": [told.open.len(), open_orders_of(&book).len()],
            "fills": [told.executions.len(), executions_of(&book, now - FILLS_BACK - FILLS_MARGIN).len()], "cash": [told.cash, book.cash()],
        });
        Ok(Reconciliation { at: now, mismatches, repaired, tripped: None, compared })
    }

    /// Compares books and broker at this instant, and changes nothing: what gate D3 and the preflight ask.
    pub(crate) fn agrees(&self, book: &Book, now: Timestamp) -> Ask<Vec<Mismatch>> {
        Ask::of(self.ask_broker(now).map(|told| compare(book, &told, now - FILLS_BACK)))
    }

    fn ask_broker(&self, now: Timestamp) -> Result<Told, String> {
        let silent = |what: &str, e: BrokerError| format!("the broker does not tell its {what}: {e}");
        let broker = self.broker();
        Ok(Told {
            held: broker.positions(now).map_err(|e| silent("positions", e))?,
            open: broker.open_orders(now).map_err(|e| silent("open orders", e))?,
            executions: broker.executions(now - FILLS_BACK - FILLS_MARGIN, now).map_err(|e| silent("fills", e))?,
            cash: broker.account(now).map_err(|e| silent("account", e))?.cash,
        })
    }
}
