use super::*;

mod laws;
mod stories;

use jiff::civil::date;

use crate::fact::{Fact, What};
use crate::id::{ClientId, PacketId, Side};
use crate::kill::{KillRecord, Trigger};
use crate::order::{ExitReason, Fill, OrderEvent, Ticket};
use crate::policy::PolicyMode;
use kobe_quant::Strategy;

pub(super) fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(super) fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A Monday.
pub(super) const DAY: Date = date(2026, 11, 23);

pub(super) fn fact(day: Date, what: What) -> Fact {
    let at = format!("{day}T15:15:00Z").parse().unwrap();
    Fact::new(at, day, what)
}

pub(super) fn entry(day: Date, name: &str, qty: u64, limit: &str) -> Ticket {
    let symbol = symbol(name);
    Ticket {
        decision: DecisionId::entry(day, &symbol, Side::Buy),
        packet: PacketId::stored("PKT_1"),
        intent: Intent::Entry,
        day,
        created: fact(day, What::WeekClosed).at,
        symbol,
        side: Side::Buy,
        qty,
        limit: Some(d(limit)),
        strategy: Strategy::IbsRsi,
        distance: Some(d("5.00")),
        position: None,
        reason: None,
        mode: PolicyMode::Paper,
        gates: Vec::new(),
    }
}

pub(super) fn exit(day: Date, held: &Position, qty: u64) -> Ticket {
    Ticket {
        decision: DecisionId::exit(day, &held.symbol, &held.id, ExitReason::Indicator),
        intent: Intent::Exit,
        side: Side::Sell,
        qty,
        limit: None,
        distance: None,
        position: Some(held.id.clone()),
        reason: Some(ExitReason::Indicator),
        ..entry(day, held.symbol.as_str(), qty, "1")
    }
}

pub(super) fn intended(ticket: &Ticket) -> What {
    What::Intended { ticket: Box::new(ticket.clone()) }
}

pub(super) fn change(decision: &DecisionId, change: OrderEvent) -> What {
    What::Ordered { decision: decision.clone(), change }
}

pub(super) fn filled(decision: &DecisionId, total: u64, price: &str, fees: &str) -> What {
    let fill = Fill::at(total, d(price), d(fees));
    change(decision, OrderEvent::Filled { client: ClientId::of(decision, 0), fill })
}

/// A book with 100,000.00.
pub(super) fn opened() -> Book {
    let mut book = Book::new();
    book.apply(&fact(DAY, What::Opened { cash: d("100000") })).unwrap();
    book
}

impl Book {
    pub(super) fn all(&mut self, day: Date, facts: Vec<What>) {
        for what in facts {
            let fact = fact(day, what);
            self.apply(&fact).unwrap_or_else(|error| panic!("{error}: {fact:?}"));
        }
    }

    /// Applies a fact that must be refused, and proves that it changed nothing.
    pub(super) fn refuses(&mut self, day: Date, what: What) -> BookError {
        let before = self.clone();
        let error = self.apply(&fact(day, what)).unwrap_err();
        assert_eq!(*self, before, "a refused fact changes nothing");
        error
    }

    /// Buys at one price, with the protective stop.
    pub(super) fn bought(&mut self, day: Date, name: &str, qty: u64, price: &str) -> Position {
        let ticket = entry(day, name, qty, price);
        let id = ticket.decision.clone();
        self.all(
            day,
            vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None }), filled(&id, qty, price, "0")],
        );
        let held = self.position(&symbol(name)).unwrap().clone();
        self.all(day, vec![stop(&held, held.qty, held.stop)]);
        self.position(&symbol(name)).unwrap().clone()
    }
}

pub(super) fn stop(held: &Position, qty: u64, stop: Decimal) -> What {
    What::StopPlaced { position: held.id.clone(), client: ClientId::stop(&held.id), qty, stop }
}
