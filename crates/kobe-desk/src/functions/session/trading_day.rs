//! Markers of a trading day, from the bell to the bell.

use jiff::SignedDuration;
use jiff::civil::Time;
use kobe_plan::Outcome;
use kobe_trade::order::Intent;
use kobe_trade::zone::{self, Zone, ZoneRules};
use serde_json::{Value, json};

use super::record::{look, order_row, position_row};
use crate::call::Call;
use crate::early::Work;
use crate::funnel;
use crate::room::room;

/// Notes the opening bell. Entries that are open at it would be a fault of the zones.
pub(super) fn log_market_open(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    moment.note("session", json!(moment.day.session));
    moment.note("early_close", json!(moment.day.is_half_day()));
    // The list of the day is the work of functions that are not built; none is invented here.
    moment.note("watchlist", watchlist(call));
    if moment.zone.entries {
        return Err(Outcome::Error("the zones allow entries at the opening bell".into()));
    }
    let close = moment.day.session.as_ref().map(|s| call.desk.market().local(s.close).time());
    moment.leave(call, &close.map_or_else(String::new, |at| format!("closes {:02}:{:02}", at.hour(), at.minute())))
}

fn watchlist(call: &Call<'_>) -> Value {
    match call.today("today_validated") {
        Ok(Some(list)) => list.body["watchlist"].clone(),
        _ => Value::Null,
    }
}

/// Notes that the first window opens, with what may still be entered.
pub(super) fn log_primary_open(call: &Call<'_>) -> Work {
    with_room(call)
}

/// Notes that the second window opens, with what may still be entered.
pub(super) fn log_power_start(call: &Call<'_>) -> Work {
    with_room(call)
}

/// Notes that the second window is about to end.
pub(super) fn log_power_close(call: &Call<'_>) -> Work {
    with_room(call)
}

fn with_room(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let room = room(&moment.book, call.desk.broker().endpoint().mode(), call.date);
    moment.note("room", room.json());
    moment.note("minutes_left", json!(moment.zone.minutes_left));
    moment.leave(
        call,
        &format!("room for {} entries, {} left of the day's budget", room.entries_left(), room.budget_left()),
    )
}

/// Notes that the first window ends, and why what was intended in it did not happen.
pub(super) fn log_primary_close(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let room = room(&moment.book, call.desk.broker().endpoint().mode(), call.date);
    let decided = call.decided_since(moment.day.from)?;
    let unfilled: Vec<Value> = moment
        .book
        .orders()
        .filter(|order| order.ticket.day == call.date && order.ticket.intent == Intent::Entry && order.rest() > 0)
        .map(order_row)
        .collect();
    let not_executed = unfilled.len();
    moment.note("room", room.json());
    moment.note("not_executed", Value::Array(unfilled));
    moment.note("decisions", funnel::counts(&decided));
    moment.leave(call, &format!("room for {} more entries, {not_executed} intents not executed", room.entries_left()))
}

/// Notes that entries are shut until the second window, and what is held with which stop.
pub(super) fn log_lunch_start(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    note_positions(&mut moment);
    let unprotected = moment.book.positions().filter(|p| p.protective.is_none()).count();
    moment.note("without_stop", json!(unprotected));
    moment.leave(
        call,
        &if unprotected == 0 { String::new() } else { format!("{unprotected} without a stop at the broker") },
    )
}

/// Notes that the phase is active again while the zone still forbids entries.
pub(super) fn log_power_prep(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let phase = moment.day.at(call.now).phase;
    moment.note("why", json!(format!("the phase is {phase}, and the kill zone decides: {}", moment.zone.reason)));
    moment.leave(call, "")
}

/// Notes that positions are only managed from here to the bell.
pub(super) fn log_close_prep(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    note_positions(&mut moment);
    moment.leave(call, "manage only")
}

/// Lists unfilled orders and planned exits shortly before the bell.
pub(super) fn log_pre_close(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let unfilled: Vec<Value> = moment.book.open_orders().map(order_row).collect();
    let planned = moment.book.positions().filter(|p| p.queued.is_some()).count();
    let more = format!("{} orders unfilled, {planned} exits planned", unfilled.len());
    moment.note("unfilled", Value::Array(unfilled));
    note_positions(&mut moment);
    moment.leave(call, &more)
}

fn note_positions(moment: &mut super::record::Moment) {
    let rows: Vec<Value> = moment.book.positions().map(position_row).collect();
    moment.note("held", Value::Array(rows));
}

/// Notes the closing bell with the marks of what is held, and the day orders that have to be gone with it.
pub(super) fn log_market_close(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let worth = call.worth()?;
    let rows: Vec<Value> = worth.book.positions().map(|p| worth.row(p)).collect();
    let leftover: Vec<Value> = moment.book.open_orders().map(order_row).collect();
    let more = format!("equity {}, {} orders to be gone", worth.equity, leftover.len());
    moment.note("equity", json!(worth.equity));
    moment.note("closing_marks", Value::Array(rows));
    moment.note("cancels_expected", Value::Array(leftover));
    moment.leave(call, &more)
}

/// Writes the zones of the day, as its open and close make them.
pub(super) fn log_kill_zone(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let table = zone::table(call.desk.market(), &moment.day, ZoneRules::STANDARD);
    let windows = table.iter().filter(|stretch| stretch.entries).count();
    let power_hour = table.iter().any(|stretch| stretch.zone == Zone::PowerHour);
    moment.note("table", json!(table));
    moment.note("shifted", json!(moment.day.is_half_day() || moment.day.is_late_open()));
    let less = if moment.day.is_trading_day() && !power_hour { ", no power hour" } else { "" };
    moment.leave(call, &format!("{windows} windows for entries{less}"))
}

/// Counts the seconds to the instant that the row names.
pub(super) fn log_countdown(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let to = call.text_arg("to").unwrap_or("close");
    let target = match (to, &moment.day.session) {
        ("close", Some(session)) => session.close,
        ("open", Some(session)) => session.open,
        (_, None) => return Err(Outcome::NoData("no session today".into())),
        (clock, _) => match clock.parse::<Time>() {
            Ok(time) => call.desk.market().instant(call.date.to_datetime(time)).at,
            Err(_) => return Err(Outcome::NotBuilt),
        },
    };
    let left: SignedDuration = target.duration_since(call.now);
    moment.note("to", json!(to));
    moment.note("target", json!(target));
    moment.note("seconds", json!(left.as_secs()));
    moment.leave(call, &format!("{} s to {to}", left.as_secs()))
}

/// Rolls up what the first half hour showed, and decides whether the scan may rely on it.
///
/// Daily bars show nothing of it. A replay goes on without, by its rule; the desk of today says that it has not looked.
pub(super) fn final_observe(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    for name in ["opening_range", "morning_bias", "gaps"] {
        let seen = call.today(name)?;
        moment.note(name, seen.map_or(Value::Null, |artifact| artifact.body));
    }
    let replay = call.desk.is_replay();
    moment.note("observe_ok", json!(replay));
    moment.note("observe_reason", json!("no_intraday"));
    let done = moment.leave(call, "observe_ok: no_intraday")?;
    if replay { Ok(done) } else { Err(Outcome::Unavailable("intraday: no feed shows the opening range".into())) }
}
