//! Repairs: what the broker proves of an order of ours becomes a fact.
//!
//! Three things can be mended: a fill of an order or stop that the books know, the end of an order that works no more, and an intent of which the broker has never heard.
//! Each repair is one append of the missing facts and a note that says on what evidence. Nothing is ever sent here, and no position appears that no order of ours explains.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kobe_trade::book::Book;
use kobe_trade::fact::{Fact, What};
use kobe_trade::id::{ClientId, PositionId};
use kobe_trade::order::{Intent, Order, OrderEvent, OrderState};
use kobe_trade::ports::{Ack, AckStatus, BooksError};

use super::{Kind, Mismatch, Told};
use crate::services::Services;

/// An intent that was sent a moment ago may still arrive: so long it is not called unsent.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);

impl Services {
    /// Books what the broker can prove about the mismatches, and says what was booked. The caller holds the choke.
    ///
    /// # Errors
    /// A sentence, when the broker does not answer or the books cannot be written. A fact that the books refuse is no error: its mismatch stays.
    pub(super) fn repair(
        &self,
        book: &Book,
        told: &Told,
        mismatches: &[Mismatch],
        now: Timestamp,
    ) -> Result<Vec<String>, String> {
        let mut done = Vec::new();
        let mut seen: BTreeSet<&ClientId> = BTreeSet::new();
        for mismatch in mismatches {
            let mends = matches!(mismatch.kind, Kind::UnsentIntent | Kind::MissingOrder | Kind::UnknownFill);
            let Some(client) = mismatch.client.as_ref().filter(|client| mends && seen.insert(client)) else { continue };
            let order = book.orders().find(|o| o.client() == *client || o.attempts.iter().any(|a| a.client == *client));
            let (what, facts) = match order {
                Some(order) => self.evidence_of(order, client, now)?,
                None => self.stop_of(book, told, client, now),
            };
            if facts.is_empty() {
                continue;
            }
            if self.book_repair(client, &what, facts, now)? {
                done.push(format!("{client}: {what}"));
            }
        }
        Ok(done)
    }

    /// Asks the broker about one order.
    fn evidence_of(&self, order: &Order, client: &ClientId, now: Timestamp) -> Result<(String, Vec<Fact>), String> {
        let unsent = matches!(order.state, OrderState::Pending | OrderState::Replaced);
        let found = self.broker().find(client, now).map_err(|e| format!("{client} cannot be looked up: {e}"))?;
        Ok(match found {
            Some(ack) => {
                let word = match &ack.status {
                    AckStatus::Working => "works",
                    AckStatus::Filled => "is filled",
                    AckStatus::Cancelled { .. } => "is cancelled",
                    AckStatus::Rejected { .. } => "was rejected",
                    AckStatus::Expired => "is expired",
                };
                (format!("{word}, {} shares", ack.fill.total), self.facts_of(order, &ack, now))
            }
            // The table of moves has no way from replaced to cancelled: such an order waits for a person.
            None if order.state == OrderState::Pending && now.duration_since(order.ticket.created) > ON_ITS_WAY => {
                let change = OrderEvent::Cancelled { reason: "the broker has never seen it".into() };
                let decision = order.ticket.decision.clone();
                ("the broker has never seen it".into(), vec![self.fact(now, What::Ordered { decision, change })])
            }
            None if unsent => ("may be on its way".into(), Vec::new()),
            None => ("the broker has never seen it, and the books say it was sent".into(), Vec::new()),
        })
    }

    /// Returns the facts that bring an order to where the broker says it stands.
    pub(crate) fn facts_of(&self, order: &Order, ack: &Ack, now: Timestamp) -> Vec<Fact> {
        let decision = &order.ticket.decision;
        let ordered = |change: OrderEvent| self.fact(now, What::Ordered { decision: decision.clone(), change });
        let mut facts = Vec::new();
        let unsent = matches!(order.state, OrderState::Pending | OrderState::Replaced);
        if unsent {
            facts.push(ordered(OrderEvent::Sent { broker: Some(ack.broker.clone()) }));
        }
        let booked = order.attempts.iter().find(|a| a.client == ack.client).map_or(0, |a| a.fill.total);
        if ack.fill.total > booked {
            facts.push(ordered(OrderEvent::Filled { client: ack.client.clone(), fill: ack.fill }));
        }
        // An order that is over already takes a late fill and no other move.
        let open = order.state.is_open();
        match &ack.status {
            _ if !open => {}
            AckStatus::Filled | AckStatus::Working => {}
            AckStatus::Cancelled { reason } => facts.push(ordered(OrderEvent::Cancelled { reason: reason.clone() })),
            AckStatus::Rejected { reason } => facts.push(ordered(OrderEvent::Rejected { reason: reason.clone() })),
            AckStatus::Expired => facts.push(ordered(OrderEvent::Expired)),
        }
        let bought = order.ticket.intent == Intent::Entry && ack.fill.total > booked;
        if let Some(stop) = ack.stop.as_ref().filter(|_| bought) {
            let position = PositionId::of(order.ticket.day, &order.ticket.symbol);
            let (client, qty, stop) = (stop.client.clone(), stop.qty, stop.stop);
            facts.push(self.fact(now, What::StopPlaced { position, client, qty, stop }));
        }
        if open && !matches!(ack.status, AckStatus::Working) {
            facts.push(ordered(OrderEvent::Closed));
        }
        facts
    }

    /// Returns the fill of a position's stop that the broker reports.
    fn stop_of(&self, book: &Book, told: &Told, client: &ClientId, now: Timestamp) -> (String, Vec<Fact>) {
        let position = book.positions().find(|p| p.protective.as_ref().is_some_and(|s| &s.client == client));
        let seen = told.executions.iter().find(|e| &e.client == client);
        match (position, seen) {
            (Some(position), Some(seen)) => {
                let fact = What::StopFilled { position: position.id.clone(), fill: seen.fill };
                (format!("the stop has sold {} shares", seen.fill.total), vec![self.fact(now, fact)])
            }
            _ => (String::new(), Vec::new()),
        }
    }

    /// Books the facts of one repair with its note, together or not at all; tells whether the books took them.
    fn book_repair(&self, client: &ClientId, what: &str, facts: Vec<Fact>, now: Timestamp) -> Result<bool, String> {
        let detail = BTreeMap::from([
            ("client".to_owned(), client.to_string()),
            ("evidence".to_owned(), format!("the broker says: {what}")),
            ("facts".to_owned(), facts.iter().map(|f| f.what.name()).collect::<Vec<_>>().join(", ")),
        ]);
        let note = self.fact(now, What::Noted { about: "repair".into(), detail });
        let facts: Vec<Fact> = std::iter::once(note).chain(facts).collect();
        loop {
            match self.append(&self.book(), facts.clone()) {
                Ok(_) => return Ok(true),
                Err(BooksError::Conflict { .. }) => {}
                Err(BooksError::Book(_)) => return Ok(false),
                Err(e) => return Err(format!("a repair could not be booked: {e}")),
            }
        }
    }
}
