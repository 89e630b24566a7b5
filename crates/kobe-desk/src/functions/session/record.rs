//! What every marker notes: where the day stands, whether positions may be opened, what is open.

use std::sync::Arc;

use kobe_calendar::MarketDay;
use kobe_plan::Outcome;
use kobe_trade::book::{Book, Position};
use kobe_trade::kill;
use kobe_trade::order::{Intent, Order};
use kobe_trade::zone::{self, ZoneAnswer, ZoneRules};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::early::Work;
use crate::marks::no_calendar;

/// Name of the artifact that every marker leaves.
pub(super) const NAME: &str = "session_log";

/// The moment that a marker notes.
pub(super) struct Moment {
    /// The market's day.
    pub day: MarketDay,
    /// What the kill zones say.
    pub zone: ZoneAnswer,
    /// The books.
    pub book: Arc<Book>,
    body: Map<String, Value>,
}

/// Looks around.
///
/// # Errors
/// The outcome to return where the calendar does not know the moment.
pub(super) fn look(call: &Call<'_>) -> Result<Moment, Outcome> {
    let day = call.market_day()?;
    let zone = zone::at(call.desk.market(), call.now, ZoneRules::STANDARD).map_err(no_calendar)?;
    let book = call.desk.book();
    let switch = kill::judge(&call.desk.kill().read(call.now), book.kill(), call.now, Intent::Entry);
    let segment = day.at(call.now);
    let body = json!({
        "marker": call.function(), "phase": segment.phase, "coarse_phase": segment.coarse, "work_mode": segment.mode, "day_kind": day.kind(), "day_name": day.name(),
        "market_open": day.is_open(call.now), "tags": day.tags, "zone": zone, "kill": { "pulled": !switch.passes(), "state": switch.to_string() },
        "entries_closed_by": call.desk.blocks(), "open_orders": book.open_orders().count(), "positions": book.positions().len(),
    });
    let Value::Object(body) = body else { return Err(Outcome::Error("a marker is an object".into())) };
    Ok(Moment { day, zone, book, body })
}

impl Moment {
    /// Adds what only this marker notes.
    pub fn note(&mut self, key: &str, value: Value) {
        self.body.insert(key.to_owned(), value);
    }

    /// Leaves the record, and says where the day stands.
    ///
    /// # Errors
    /// The outcome to return where the books do not take it.
    pub fn leave(self, call: &Call<'_>, more: &str) -> Work {
        let entries = if self.zone.entries { "entries open" } else { "entries shut" };
        let comma = if more.is_empty() { "" } else { "; " };
        let note = format!("{}, {entries}, {} held{comma}{more}", self.zone.zone, self.book.positions().len());
        call.put(NAME, Value::Object(self.body))?;
        Ok(Outcome::Ok(note.into()))
    }
}

/// Returns what a marker shows of an order.
pub(super) fn order_row(order: &Order) -> Value {
    let ticket = &order.ticket;
    json!({
        "decision": ticket.decision, "symbol": ticket.symbol, "intent": ticket.intent, "qty": ticket.qty, "filled": order.filled().total, "limit": ticket.limit,
        "state": order.state, "ended": order.ended,
    })
}

/// Returns what a marker shows of a position.
pub(super) fn position_row(position: &Position) -> Value {
    json!({
        "symbol": position.symbol, "strategy": position.strategy, "qty": position.qty, "entry": position.entry, "entered": position.entered, "stop": position.stop,
        "stop_at_broker": position.protective.as_ref().map(|p| p.stop), "planned_exit": position.queued.map(|q| q.reason),
    })
}
