//! Execution: from sized intents to fills, through one choke.

use kobe_plan::Outcome;
use kobe_quant::Strategy;
use kobe_trade::id::Side;
use kobe_trade::money::{self, Decimal};
use serde_json::{Value, json};

use super::ranking_gate::signals_of;
use crate::call::Call;
use crate::trading::{Candidate, Verdict, Window, candidates};

use super::{E, Function, Group::Execution, N, X, f};
use kobe_plan::task::Lane::Trading;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("execute_trades", Execution, Trading, E, 60, "orders, packets, audit").session_bound().stage(5)
        .after(&["calc_size"])
        .does("Takes sized intents through the single choke to the broker and hangs a linked stop on each fill.").built(execute_trades),
    f("confirm_orders", Execution, Trading, X, 120, "order_states, fills").session_bound().stage(5)
        .after(&["execute_trades"])
        .does("Looks up every order of the day that is not at its end, and fails where the broker has never seen one.").built(confirm_orders),
    f("log_fills", Execution, Trading, N, 30, "tca, trades.jsonl").session_bound().stage(5).after(&["confirm_orders"])
        .does("Records each fill beside the price decided on: slippage and captured spread.").built(log_fills),
];

/// Carries the sized intents of the morning through the choke, best first.
fn execute_trades(call: &Call<'_>) -> Outcome {
    let intents = match signals_of(call, "intents:primary") {
        Ok(Some(intents)) if !intents.is_empty() => intents,
        Ok(_) => return Outcome::NoData("no intent".into()),
        Err(outcome) => return outcome,
    };
    match carry_signals(call, &intents, Window::Primary, u64::MAX) {
        Ok(rows) => {
            let filled = rows.iter().filter(|r| r.filled).count();
            let note = format!("{filled} filled, {} refused", rows.len() - filled);
            let body = json!({ "verdicts": rows.iter().map(Row::json).collect::<Vec<_>>(), "unknown_orders": 0 });
            match call.put("orders", body) {
                Err(outcome) => outcome,
                Ok(()) if filled == 0 => Outcome::NoData(note.into()),
                Ok(()) => Outcome::Ok(note.into()),
            }
        }
        Err(e) => Outcome::Error(e.to_string().into()),
    }
}

/// Looks up every order of today that is not at its end.
fn confirm_orders(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    let today: Vec<_> = book.orders().filter(|o| o.ticket.day == call.date).collect();
    let open: Vec<_> = today.iter().filter(|o| o.state.is_open()).collect();
    let mut rows = Vec::new();
    for order in &open {
        match call.desk.broker().find(&order.client(), call.now) {
            Ok(Some(ack)) => rows.push(json!({ "decision": order.ticket.decision, "status": ack.status })),
            Ok(None) => {
                let why = format!("{} stands as sent and the broker has never seen it", order.ticket.decision);
                call.desk.block("unknown_order", why.clone());
                return Outcome::Error(why.into());
            }
            Err(e) => return Outcome::Error(format!("{}: {e}", order.ticket.decision).into()),
        }
    }
    let note = format!("{} orders today, {} open", today.len(), open.len());
    let body = json!({ "orders": today.len(), "open": rows });
    match call.put("order_states", body) {
        Err(outcome) => outcome,
        Ok(()) if today.is_empty() => Outcome::NoData("no order today".into()),
        Ok(()) => Outcome::Ok(note.into()),
    }
}

/// Writes what each fill of today cost against the price it was decided at.
fn log_fills(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    let mut rows = Vec::new();
    for order in book.orders().filter(|o| o.ticket.day == call.date) {
        let Some(price) = order.filled().average() else { continue };
        let decided = match (order.ticket.limit, call.desk.broker().quote(&order.ticket.symbol, call.now)) {
            (_, Ok(quote)) => quote.mid(),
            (Some(limit), Err(_)) => limit,
            (None, Err(_)) => continue,
        };
        let sign = if order.ticket.side == Side::Buy { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let bps = money::ratio((price - decided) * sign, decided).map(|r| (r * Decimal::from(10_000)).round_dp(2));
        rows.push(json!({
            "decision": order.ticket.decision, "symbol": order.ticket.symbol, "side": order.ticket.side, "shares": order.filled().total,
            "fill_price": price, "decision_price": decided, "slippage_bps": bps, "mode": order.ticket.mode,
        }));
    }
    let count = rows.len();
    match call.put("tca", json!({ "fills": rows })) {
        Err(outcome) => outcome,
        Ok(()) if count == 0 => Outcome::NoData("no fill today".into()),
        Ok(()) => Outcome::Ok(format!("{count} fills").into()),
    }
}

/// What became of one signal.
pub(super) struct Row {
    symbol: String,
    strategy: Strategy,
    verdict: String,
    pub(super) filled: bool,
}

impl Row {
    pub(super) fn json(&self) -> Value {
        json!({ "symbol": self.symbol, "strategy": self.strategy, "verdict": self.verdict })
    }
}

/// Carries signals through the choke in their order. They are found again on the same bar, so that no figure passes through text; who is held counts as it was before the
/// first of them.
pub(super) fn carry_signals(call: &Call<'_>, signals: &[Value], window: Window, most: u64) -> Result<Vec<Row>, String> {
    let data = call.desk.data().map_err(|e| e.to_string())?;
    let bar = call.desk.session_before(call.date).ok_or("the calendar does not know the session before")?;
    let found = candidates(data, bar, call.date, &call.desk.book(), call.desk.is_replay());
    let mut rows: Vec<Row> = Vec::new();
    for candidate in found.iter().filter(|c| names(signals, c)) {
        let filled = rows.iter().filter(|r| r.filled).count() as u64;
        if filled >= most {
            break;
        }
        let verdict = call.desk.enter(call, data, candidate, window).map_err(|e| e.to_string())?;
        let (verdict, filled) = match verdict {
            Verdict::Refused(why) => (why, false),
            Verdict::Filled(shares) => (format!("filled {shares}"), true),
            Verdict::NotFilled(why) => (format!("not filled: {why}"), false),
            Verdict::Duplicate => ("duplicate".to_owned(), false),
        };
        rows.push(Row { symbol: candidate.symbol().to_owned(), strategy: candidate.strategy(), verdict, filled });
    }
    Ok(rows)
}

/// Judges signals as the choke would, one after another on the same book, and books nothing.
pub(super) fn size_signals(call: &Call<'_>, signals: &[Value]) -> Result<Vec<Value>, String> {
    let data = call.desk.data().map_err(|e| e.to_string())?;
    let bar = call.desk.session_before(call.date).ok_or("the calendar does not know the session before")?;
    let found = candidates(data, bar, call.date, &call.desk.book(), call.desk.is_replay());
    let mut rows = Vec::new();
    for candidate in found.iter().filter(|c| names(signals, c)) {
        let judgement = call.desk.would_enter(call, data, candidate, Window::Primary)?;
        let (shares, binding, caps) = match &judgement.sizing {
            Some(s) => (s.qty, s.binding.to_string(), json!(s.caps)),
            None => (0, String::new(), Value::Null),
        };
        rows.push(json!({
            "symbol": candidate.symbol(), "strategy": candidate.strategy(), "verdict": judgement.refusal.as_deref().unwrap_or("pass"),
            "shares": shares, "binding_cap": binding, "caps": caps,
        }));
    }
    Ok(rows)
}

fn names(signals: &[Value], c: &Candidate<'_>) -> bool {
    let strategy = c.strategy().to_string();
    signals.iter().any(|s| s["symbol"] == c.symbol() && s["strategy"] == strategy.as_str())
}
