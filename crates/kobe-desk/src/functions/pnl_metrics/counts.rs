//! Counts: how many entries, exits and refusals there were, and what a window came to.

use kobe_plan::Outcome;
use kobe_trade::order::{Intent, Order};
use kobe_trade::zone::{self, Stretch, Zone, ZoneRules};
use serde_json::{Value, json};

use super::ticks::standing;
use crate::call::Call;
use crate::early::Work;
use crate::funnel;
use crate::marks::closed_since;
use crate::room::room;

/// What became of the day's orders.
struct Counts {
    entries: usize,
    exits: usize,
    not_filled: usize,
}

/// Counts positions opened, positions closed and orders without a fill; protective stops at the broker close positions without an order.
fn count(call: &Call<'_>) -> Counts {
    let book = call.desk.book();
    let of_today = |order: &&Order| order.ticket.day == call.date;
    let filled = |order: &Order| order.filled().total > 0;
    Counts {
        entries: book.orders().filter(of_today).filter(|o| o.ticket.intent == Intent::Entry && filled(o)).count(),
        exits: closed_since(book.trades(), call.date).len(),
        not_filled: book.orders().filter(of_today).filter(|o| o.ended.is_some() && !filled(o)).count(),
    }
}

/// Counts entries, exits, refusals and orders without a fill since the open.
pub(super) fn count_trades(call: &Call<'_>) -> Work {
    let day = call.market_day()?;
    let from = day.session.as_ref().map_or(day.from, |session| session.open);
    let decided = call.decided_since(from)?;
    let counts = count(call);
    let refused = decided.iter().filter(|d| d.is_entry() && !d.is_admitted()).count();
    let body = json!({
        "since": from, "entries": counts.entries, "exits": counts.exits, "refused": refused, "not_filled": counts.not_filled, "decisions": funnel::counts(&decided),
    });
    Ok(call.leave(
        "trade_counts",
        body,
        format!("{} entries, {} exits, {refused} refused", counts.entries, counts.exits),
    ))
}

/// Sets the day's totals against their limits.
pub(super) fn log_trade_count(call: &Call<'_>) -> Work {
    let counts = count(call);
    let room = room(&call.desk.book(), call.desk.broker().endpoint().mode(), call.date);
    let body = json!({ "entries": counts.entries, "exits": counts.exits, "not_filled": counts.not_filled, "limits": room.json() });
    let note = format!("{} entries, {} exits, room for {} more", counts.entries, counts.exits, room.entries_left());
    Ok(call.leave("trade_limits", body, note))
}

/// Sums up the first window.
pub(super) fn morning_summary(call: &Call<'_>) -> Work {
    window_summary(call, Zone::Primary, "morning_summary", "First window")
}

/// Sums up the second window.
pub(super) fn power_summary(call: &Call<'_>) -> Work {
    window_summary(call, Zone::PowerHour, "power_summary", "Second window")
}

fn window_summary(call: &Call<'_>, zone: Zone, name: &str, title: &str) -> Work {
    let day = call.market_day()?;
    let table = zone::table(call.desk.market(), &day, ZoneRules::STANDARD);
    let Some(window) = table.iter().find(|stretch| stretch.zone == zone) else {
        return Err(Outcome::NoData(format!("this day has no {zone}").into()));
    };
    let within = |at: jiff::Timestamp| window.from <= at && at < window.to;
    let mut decided = call.decided_since(window.from)?;
    decided.retain(|d| within(d.at));
    let standing = standing(call)?;
    let book = &standing.worth.book;
    let fills: Vec<Value> =
        book.orders().filter(|o| within(o.ticket.created) && o.filled().total > 0).map(fill_row).collect();
    let funnel = funnel::counts(&decided);
    let markdown = markdown(title, window, &funnel, &fills, &standing);
    let note = format!(
        "{} judged, {} admitted, {} fills, day {:+}",
        funnel["judged"],
        funnel["admitted"],
        fills.len(),
        standing.day_pnl()
    );
    let body = json!({ "zone": zone, "from": window.from, "to": window.to, "funnel": funnel, "fills": fills, "pnl": standing.json(), "markdown": markdown });
    Ok(call.leave(name, body, note))
}

fn fill_row(order: &Order) -> Value {
    let fill = order.filled();
    json!({ "symbol": order.ticket.symbol, "side": order.ticket.side, "qty": fill.total, "price": fill.average(), "decision_id": order.ticket.decision })
}

fn markdown(
    title: &str,
    window: &Stretch,
    funnel: &Value,
    fills: &[Value],
    standing: &super::ticks::Standing,
) -> String {
    let mut text = format!(
        "# {title}\n\n{} to {}\n\n- setups judged: {}, admitted: {}\n- fills: {}\n- day: {:+}, equity {}\n",
        window.from,
        window.to,
        funnel["judged"],
        funnel["admitted"],
        fills.len(),
        standing.day_pnl(),
        standing.worth.equity
    );
    for (gate, n) in funnel["refused_by"].as_object().into_iter().flatten() {
        text.push_str(&format!("- refused by {gate}: {n}\n"));
    }
    for fill in fills {
        text.push_str(&format!(
            "- {} {} {} at {}\n",
            word(&fill["side"]),
            fill["qty"],
            word(&fill["symbol"]),
            word(&fill["price"])
        ));
    }
    text
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
