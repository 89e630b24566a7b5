//! Monitoring and exits: watch what is held, and sell what has to go.

use kobe_plan::Outcome;
use kobe_trade::book::Position;
use kobe_trade::chain::sha256;
use kobe_trade::kill::KillState;
use kobe_trade::money;
use kobe_trade::order::ExitReason;
use serde_json::{Value, json};

use crate::call::Call;
use crate::trading::Verdict;

use super::{Function, Group::MonitoringExits, N, X, f};
use kobe_plan::task::Lane::{Monitoring, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("update_watchlist_prices", MonitoringExits, Monitoring, N, 30, "watchlist").session_bound()
        .does("Updates price, change and distance to entry of the watchlist."),
    f("monitor_positions", MonitoringExits, Trading, X, 30, "position_marks").session_bound().stage(5)
        .does("Marks every position: R multiple, room to stop and target, age, and its stop at the broker.").built(monitor_positions),
    f("check_stop_distance", MonitoringExits, Monitoring, N, 30, "alerts").session_bound().stage(5)
        .does("Measures the room to each stop and flags those too near or wider than planned.").built(check_stop_distance),
    f("position_check", MonitoringExits, Monitoring, N, 30, "position_report").session_bound().stage(5)
        .does("Checks quantities against the ledger and the book's sectors, correlation and heat."),
    f("check_stops", MonitoringExits, Trading, X, 15, "exits").session_bound().stage(5)
        .does("Exits at once whatever trades at or below its stop, and verifies the fill.").built(check_stops),
    f("check_targets", MonitoringExits, Trading, X, 15, "exits").session_bound().stage(5)
        .does("Exits whatever has reached its target.").built(check_targets),
    f("check_time_stops", MonitoringExits, Monitoring, N, 30, "exit_queue").session_bound().stage(5)
        .after(&["monitor_positions"])
        .does("Queues positions that have been held for as many sessions as their strategy allows.").built(check_time_stops),
    f("pre_power", MonitoringExits, Monitoring, N, 30, "prep").session_bound().stage(4)
        .does("Refreshes data, regime and limits for the second entry window."),
    f("adjust_positions", MonitoringExits, Trading, X, 30, "orders").session_bound().stage(5)
        .after(&["check_stop_distance"])
        .does("Applies approved stop raises and trims; never adds."),
    f("check_tighten", MonitoringExits, Monitoring, N, 30, "stop_updates").session_bound().stage(5)
        .does("Computes ratcheted stops and lists those that would rise."),
    f("evaluate_exits", MonitoringExits, Monitoring, N, 30, "exit_plan").session_bound().stage(5)
        .does("Weighs all exit rules on the nearly complete bar and recommends one act per position."),
    f("check_partial", MonitoringExits, Trading, X, 30, "exit_plan").session_bound().stage(5)
        .does("Takes half of a position off at three ATRs of profit, once per trade."),
    f("eod_prep", MonitoringExits, Monitoring, N, 30, "eod_plan").session_bound().stage(5)
        .does("Lists exits due, budgets and unresolved alerts before the close."),
    f("final_position_check", MonitoringExits, Monitoring, N, 30, "check rows").session_bound().stage(5)
        .does("Demands a plan, a stop and a reason to hold of every position.").built(final_position_check),
    f("check_moc", MonitoringExits, Monitoring, N, 30, "moc").session_bound().stage(5)
        .does("Reads the closing imbalance, or shows usual closing volume where no feed exists."),
    f("check_eod_exits", MonitoringExits, Monitoring, N, 30, "exit_queue").session_bound().stage(5)
        .after(&["evaluate_exits"])
        .does("Queues what must leave today by indicator, time, earnings or kill state.").built(check_eod_exits),
    f("execute_eod_exits", MonitoringExits, Trading, X, 120, "orders").session_bound().stage(5)
        .after(&["check_eod_exits"])
        .does("Sends the queued exits, confirms them and escalates what is left.").built(execute_eod_exits),
    f("check_overnight_risk", MonitoringExits, Monitoring, N, 30, "overnight_risk").session_bound().stage(5)
        .does("Estimates the overnight gap loss of the book and lists what to trim above 2 % of equity."),
    f("snapshot_positions", MonitoringExits, Monitoring, N, 30, "snapshots").session_bound().stage(5)
        .does("Stores an immutable picture of the positions with its hash.").built(snapshot_positions),
    f("last_check", MonitoringExits, Trading, X, 60, "last_check").session_bound().stage(5)
        .after(&["execute_eod_exits"])
        .does("Looks a last time before the bell: orders still open, exits that are left, and the kill switch.").built(last_check),
];

/// Marks every position, sees that its stop stands at the broker, and sends the exits that wait.
fn monitor_positions(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    if book.positions().len() == 0 {
        call.desk.stops_checked(call.now);
        return match call.put("position_marks", json!({ "positions": [] })) {
            Ok(()) => Outcome::NoData("no position".into()),
            Err(outcome) => outcome,
        };
    }
    let mut rows = Vec::new();
    let mut bare = Vec::new();
    for position in book.positions() {
        if position.protective.is_none() {
            bare.push(position.symbol.to_string());
        }
        rows.push(marked(call, position));
    }
    // A stop at the broker is watched there; another one is only where a price is.
    let seen = |p: &Position| p.protective.is_some() || call.desk.broker().quote(&p.symbol, call.now).is_ok();
    if book.positions().all(seen) {
        call.desk.stops_checked(call.now);
    }
    if bare.is_empty() {
        call.desk.unblock("missing_stop");
    } else {
        call.desk.block("missing_stop", format!("no protective stop stands for {}", bare.join(", ")));
    }
    let sent = match send_queued(call) {
        Ok(sent) => sent,
        Err(outcome) => return outcome,
    };
    let note = format!("{} positions, {} exits", rows.len(), sent.len());
    call.leave("position_marks", json!({ "positions": rows, "exits": sent, "without_stop": bare }), note)
}

fn marked(call: &Call<'_>, position: &Position) -> Value {
    let mark = call.desk.broker().quote(&position.symbol, call.now).ok().map(|q| q.mid());
    json!({
        "symbol": position.symbol, "shares": position.qty, "entry": position.entry, "stop": position.stop, "mark": mark,
        "r": mark.and_then(|m| position.r_multiple(m)).map(|r| r.round_dp(4)),
        "to_stop": mark.map(|m| m - position.stop), "held_sessions": position.held,
        "stop_at_broker": position.protective.is_some(), "queued": position.queued.map(|q| q.reason),
    })
}

/// Sends the exits that wait, once a day each: what was refused stays queued for another day.
fn send_queued(call: &Call<'_>) -> Result<Vec<Value>, Outcome> {
    let book = call.desk.book();
    if !call.attempt.task().right.trades() || !book.positions().any(|p| p.queued.is_some_and(|q| q.decided < call.date))
    {
        return Ok(Vec::new());
    }
    let tried: Vec<Value> = call.today("exits")?.and_then(|a| a.body["exits"].as_array().cloned()).unwrap_or_default();
    let mut exits = tried.clone();
    for position in book.positions() {
        let Some(queued) = position.queued.filter(|q| q.decided < call.date) else { continue };
        if tried.iter().any(|row| row["position"] == position.id.as_str()) {
            continue;
        }
        let verdict = match call.desk.leave_position(call, &position.id, queued.reason) {
            Ok(Verdict::Filled(shares)) => format!("filled {shares}"),
            Ok(Verdict::Refused(why)) => why,
            Ok(Verdict::NotFilled(why)) => format!("not filled: {why}"),
            Ok(Verdict::Duplicate) => "duplicate".to_owned(),
            Err(e) => return Err(Outcome::Error(e.to_string().into())),
        };
        exits.push(
            json!({ "position": position.id, "symbol": position.symbol, "reason": queued.reason, "verdict": verdict }),
        );
    }
    let new = exits[tried.len()..].to_vec();
    if !new.is_empty() {
        call.put("exits", json!({ "exits": exits }))?;
    }
    Ok(new)
}

/// Sees that no position trades at or below its stop without being sold.
fn check_stops(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for position in book.positions() {
        let quote = call.desk.broker().quote(&position.symbol, call.now);
        let reached = quote.as_ref().is_ok_and(|q| q.bid <= position.stop);
        // The stop stands at the broker, who fills it; in a replay it is settled at the close of the bar. Where none stands, the desk sells itself.
        let verdict = match (&position.protective, &quote) {
            (Some(_), _) => "stop stands at the broker".to_owned(),
            (None, Err(e)) => {
                call.desk.block("missing_stop", format!("{} has no stop and no quote: {e}", position.symbol));
                let why =
                    format!("{} has no protective stop, and nobody can tell where it trades: {e}", position.symbol);
                wrong.push(why.clone());
                why
            }
            (None, Ok(_)) if reached && !call.desk.is_replay() => {
                match call.desk.leave_position(call, &position.id, ExitReason::Stop) {
                    Ok(Verdict::Filled(shares)) => format!("sold {shares}"),
                    Ok(verdict) => {
                        wrong.push(format!("{} is at its stop and was not sold: {verdict:?}", position.symbol));
                        "not sold".to_owned()
                    }
                    Err(e) => {
                        wrong.push(format!("{} is at its stop and was not sold: {e}", position.symbol));
                        "not sold".to_owned()
                    }
                }
            }
            (None, Ok(_)) => "no stop stands; the desk watches it itself".to_owned(),
        };
        rows.push(json!({ "symbol": position.symbol, "stop": position.stop, "bid": quote.ok().map(|q| q.bid), "reached": reached, "verdict": verdict }));
    }
    // One that cannot be looked at must not hide the others.
    if !wrong.is_empty() {
        return Outcome::Error(wrong.join("; ").into());
    }
    call.desk.stops_checked(call.now);
    rows_or_none(call, "stops", rows, "positions compared with their stops")
}

/// Says which positions have a target; none of the strategies that trade has one.
fn check_targets(call: &Call<'_>) -> Outcome {
    let rows = call.desk.book().positions().map(|p| json!({ "symbol": p.symbol, "target": Value::Null })).collect();
    rows_or_none(call, "targets", rows, "positions, none with a target")
}

/// Counts the sessions each position is held against its limit.
fn check_time_stops(call: &Call<'_>) -> Outcome {
    let rows = call
        .desk
        .book()
        .positions()
        .map(|p| json!({ "symbol": p.symbol, "held_sessions": p.held + 1, "limit": p.strategy.time_stop(), "due": p.held + 1 >= p.strategy.time_stop() }))
        .collect();
    rows_or_none(call, "time_stops", rows, "positions compared with their time")
}

/// Measures how far each position stands from its stop.
fn check_stop_distance(call: &Call<'_>) -> Outcome {
    let mut rows = Vec::new();
    for position in call.desk.book().positions() {
        let Ok(quote) = call.desk.broker().quote(&position.symbol, call.now) else {
            rows.push(json!({ "symbol": position.symbol, "to_stop": Value::Null, "because": "no quote" }));
            continue;
        };
        let mid = quote.mid();
        let share = money::ratio(mid - position.stop, mid).map(|r| r.round_dp(6));
        let planned = money::ratio(mid - position.stop, position.distance).map(|r| r.round_dp(4));
        rows.push(json!({ "symbol": position.symbol, "to_stop": mid - position.stop, "share": share, "of_planned_distance": planned }));
    }
    rows_or_none(call, "stop_distance", rows, "positions measured")
}

/// Sees that every position has a plan, a stop and a reason to be held; one without a stop closes entries.
fn final_position_check(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    let bare: Vec<String> = book.positions().filter(|p| p.protective.is_none()).map(|p| p.symbol.to_string()).collect();
    let rows = book
        .positions()
        .map(|p| {
            json!({ "symbol": p.symbol, "strategy": p.strategy, "decision": p.decision, "stop": p.stop, "stop_at_broker": p.protective.is_some(),
                "queued": p.queued.map(|q| q.reason), "sound": p.protective.is_some() })
        })
        .collect();
    if bare.is_empty() {
        return rows_or_none(call, "final_position_check", rows, "positions have plan, stop and reason");
    }
    let why = format!("no protective stop stands for {}", bare.join(", "));
    call.desk.block("missing_stop", why.clone());
    match call.put("final_position_check", json!({ "rows": rows })) {
        Ok(()) => Outcome::Error(why.into()),
        Err(outcome) => outcome,
    }
}

/// Lists what the completed bars and the clock say must go.
fn check_eod_exits(call: &Call<'_>) -> Outcome {
    let rows = call
        .desk
        .book()
        .positions()
        .filter_map(|p| p.queued.map(|q| json!({ "symbol": p.symbol, "reason": q.reason, "decided": q.decided })))
        .collect();
    rows_or_none(call, "exit_queue", rows, "exits wait")
}

/// Sends what still waits before the close.
fn execute_eod_exits(call: &Call<'_>) -> Outcome {
    match send_queued(call) {
        Ok(sent) => rows_or_none(call, "eod_exits", sent, "exits sent"),
        Err(outcome) => outcome,
    }
}

/// Freezes the positions before the bell, with a hash over them.
fn snapshot_positions(call: &Call<'_>) -> Outcome {
    let rows: Vec<Value> = call
        .desk
        .book()
        .positions()
        .map(|p| json!({ "symbol": p.symbol, "shares": p.qty, "entry": p.entry, "stop": p.stop }))
        .collect();
    let hash = sha256(json!(rows).to_string().as_bytes());
    let count = rows.len();
    call.leave("snapshot", json!({ "positions": rows, "sha256": hash }), format!("{count} positions"))
}

/// Looks a last time: open orders, exits that failed, the kill switch.
fn last_check(call: &Call<'_>) -> Outcome {
    let book = call.desk.book();
    let open: Vec<Value> =
        book.open_orders().map(|o| json!({ "decision": o.ticket.decision, "state": o.state })).collect();
    let waiting: Vec<Value> =
        book.positions().filter(|p| p.queued.is_some_and(|q| q.decided < call.date)).map(|p| json!(p.symbol)).collect();
    let killed = !matches!(call.desk.kill().read(call.now), KillState::Clear);
    let note = format!("{} orders open, {} exits left", open.len(), waiting.len());
    call.leave("last_check", json!({ "open_orders": open, "exits_left": waiting, "kill_switch": killed }), note)
}

fn rows_or_none(call: &Call<'_>, name: &str, rows: Vec<Value>, what: &str) -> Outcome {
    let count = rows.len();
    match call.put(name, json!({ "rows": rows })) {
        Err(outcome) => outcome,
        Ok(()) if count == 0 => Outcome::NoData("nothing to look at".into()),
        Ok(()) => Outcome::Ok(format!("{count} {what}").into()),
    }
}
