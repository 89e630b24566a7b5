//! Scanning: from bars to signals.

use jiff::civil::Date;
use kobe_plan::Outcome;
use kobe_quant::Strategy;
use serde_json::{Value, json};

use crate::call::{Call, no_data_set};
use crate::trading::universe::{self, Standing};
use crate::trading::{Candidate, candidates};

use super::{Function, Group::Scanning, N, f};
use kobe_plan::task::Lane::{Research, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("scan_universe", Scanning, Trading, N, 120, "signals").session_bound().stage(2)
        .after(&["precalc_indicators", "preflight"])
        .does("Runs the strategies over every valid symbol on the last completed bar and records signals and skips.").built(scan_universe),
    f("check_watchlist_signals", Scanning, Trading, N, 30, "triggers").session_bound().stage(2)
        .after(&["validate_watchlist"])
        .does("Finds watchlist names that still trigger: near their plan, worth their risk, with volume."),
    f("fallback_scan", Scanning, Trading, N, 60, "fallback_signals").session_bound().stage(2).after(&["execute_trades"])
        .does("Scans the universe when the watchlist led to no trade and keeps one strong opener.").built(fallback_scan),
    f("discover_ict", Scanning, Research, N, 1800, "pattern_stats, discoveries").heavy().stage(7)
        .does("Counts confirmed order blocks, gaps, sweeps and turns, and tests the returns that followed."),
];

/// Runs both strategies on every valid symbol of the last completed bar, and records what was found and what was passed over.
fn scan_universe(call: &Call<'_>) -> Outcome {
    let found = match scan(call) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let name = match call.text_arg("window") {
        Some(window) => format!("signals:{window}"),
        None => format!("signals:{}", call.task()),
    };
    let (count, note) = (
        found.signals.len(),
        format!("{} signals from {} symbols on the bar of {}", found.signals.len(), found.scanned, found.bar),
    );
    let body = json!({ "bar": found.bar, "scanned": found.scanned, "passed_over": found.passed_over, "signals": found.signals });
    match call.put(&name, body) {
        Err(outcome) => outcome,
        Ok(()) if count == 0 => Outcome::NoData(note.into()),
        Ok(()) => Outcome::Ok(note.into()),
    }
}

/// Looks at the whole universe again where the morning brought no entry.
fn fallback_scan(call: &Call<'_>) -> Outcome {
    if call.desk.book().budget_on(call.date).entries > 0 {
        return match call.put("fallback_signals", json!({ "signals": [], "because": "the morning has traded" })) {
            Ok(()) => Outcome::NoData("the morning has traded".into()),
            Err(outcome) => outcome,
        };
    }
    let found = match scan(call) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let count = found.signals.len();
    // Strength in the opening range needs intraday bars, and none are connected: no name counts as strong, the gate that follows records what it refuses.
    let body = json!({ "bar": found.bar, "scanned": found.scanned, "signals": found.signals, "opening_range": "unknown: no intraday bars" });
    match call.put("fallback_signals", body) {
        Err(outcome) => outcome,
        Ok(()) if count == 0 => Outcome::NoData("no signal to fall back on".into()),
        Ok(()) => Outcome::Ok(format!("{count} signals, none known to be strong in the opening range").into()),
    }
}

struct Found {
    bar: Date,
    scanned: usize,
    passed_over: Vec<Value>,
    signals: Vec<Value>,
}

fn scan(call: &Call<'_>) -> Result<Found, Outcome> {
    let data = call.desk.data().map_err(|e| no_data_set(&e))?;
    let Some(bar) = call.desk.session_before(call.date) else {
        return Err(Outcome::Error("the calendar does not know the session before".into()));
    };
    let mut passed_over = Vec::new();
    let (mut scanned, mut behind) = (0, 0);
    for series in data.series.values() {
        let why = match universe::standing(series, bar) {
            Standing::Valid => {
                scanned += 1;
                continue;
            }
            Standing::NotListed => continue,
            Standing::Warming => "warming",
            Standing::Behind => {
                behind += 1;
                "behind"
            }
        };
        passed_over.push(json!({ "symbol": series.symbol(), "because": why }));
    }
    if scanned == 0 && behind > 0 {
        return Err(Outcome::Unavailable(format!("bars of {bar}: the data ends on {}", data.as_of).into()));
    }
    let wanted = strategies(call)?;
    let found = candidates(data, bar, call.date, &call.desk.book(), call.desk.is_replay());
    let signals = found.iter().filter(|c| wanted.contains(&c.strategy())).map(Candidate::json).collect();
    Ok(Found { bar, scanned, passed_over, signals })
}

fn strategies(call: &Call<'_>) -> Result<Vec<Strategy>, Outcome> {
    let Some(list) = call.args().get("strategies").and_then(Value::as_array) else { return Ok(Strategy::ALL.to_vec()) };
    let mut wanted = Vec::new();
    for word in list.iter().filter_map(Value::as_str) {
        match word {
            "ibs_rsi" => wanted.push(Strategy::IbsRsi),
            "turtle_soup" => wanted.push(Strategy::TurtleSoup),
            "dual" => wanted.extend(Strategy::ALL),
            other => {
                return Err(Outcome::Error(
                    format!("unknown strategy `{other}` in args; known: ibs_rsi, turtle_soup, dual").into(),
                ));
            }
        }
    }
    Ok(wanted)
}
