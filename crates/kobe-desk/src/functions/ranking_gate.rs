//! Ranking, evidence and the quality gate: from signals to intents.

use kobe_plan::Outcome;
use kobe_trade::case::Floors;
use serde_json::{Value, json};

use super::execution;
use crate::call::Call;
use crate::trading::Window;

use super::{E, Function, Group::RankingGate, N, f};
use kobe_plan::task::Lane::{Monitoring, Research, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("scan_news", RankingGate, Monitoring, N, 60, "news, s5").stage(3)
        .does("Collects headlines on the names it is given and scores tone, source and age."),
    f("rank_signals", RankingGate, Trading, N, 30, "ranked").session_bound().stage(2).after(&["scan_universe"])
        .does("Orders signals by score, spread over strategies and sectors; ranks strategies and discoveries too.").built(rank_signals),
    f("check_patterns", RankingGate, Trading, N, 30, "pattern_evidence").session_bound().stage(2)
        .after(&["rank_signals"])
        .does("Adds to each signal how its symbol did after streaks of the same length."),
    f("analyze_consecutive", RankingGate, Trading, N, 30, "streak_table").session_bound().stage(2)
        .after(&["rank_signals"])
        .does("Tells how long a symbol has fallen and whether that is too early, almost ready or the time."),
    f("check_sr", RankingGate, Trading, N, 30, "sr_levels, s4").session_bound().stage(4).after(&["rank_signals"])
        .does("Finds support, resistance, pivots and round numbers near the price."),
    f("calc_expected_move", RankingGate, Trading, N, 30, "expected_move, s3").session_bound().stage(4)
        .after(&["rank_signals"])
        .does("Estimates how far a symbol moves in a week and how much room is left either way."),
    f("check_news", RankingGate, Monitoring, N, 30, "flags").session_bound().stage(3).after(&["rank_signals"])
        .does("Looks for dangerous words in twelve hours of headlines and marks intents they concern."),
    f("quality_gate", RankingGate, Trading, E, 60, "gated, intents").session_bound().stage(4).after(&["rank_signals"])
        .does("Scores signals part by part behind the hard gates and stores every verdict with its reasons.").built(quality_gate),
    f("calc_rr", RankingGate, Trading, N, 30, "rr rows").session_bound().stage(4).after(&["quality_gate"])
        .does("Computes reward per risk at three targets and drops what pays too little.").built(calc_rr),
    f("fallback_gate", RankingGate, Trading, E, 60, "intents").session_bound().stage(4).after(&["fallback_scan"])
        .does("Judges a fallback signal at the stricter floors, then sizes and sends at most one order.").built(fallback_gate),
    f("analyze_historical", RankingGate, Research, N, 1800, "blueprint s2").heavy().stage(7)
        .does("Lists every earlier streak of a watchlist name with dates, rate, interval and p-value."),
    f("check_volume", RankingGate, Monitoring, N, 30, "volume_profile").stage(2)
        .does("Profiles a symbol's volume: averages, trend, buying pressure, share of heavy days."),
];

/// Orders the signals of a window; the two highest of different strategies and sectors lead the watchlist.
fn rank_signals(call: &Call<'_>) -> Outcome {
    if call.text_arg("what") != Some("signals") {
        return Outcome::NotBuilt;
    }
    let Some(window) = call.text_arg("window") else { return Outcome::NotBuilt };
    let signals = match signals_of(call, &format!("signals:{window}")) {
        Ok(Some(signals)) => signals,
        Ok(None) => return Outcome::NoData("no scan of today".into()),
        Err(outcome) => return outcome,
    };
    // The scan has them by score, symbol and strategy already; the order is kept stable and numbered.
    let ranked: Vec<Value> = signals
        .into_iter()
        .enumerate()
        .map(|(i, mut signal)| {
            if let Some(row) = signal.as_object_mut() {
                row.insert("rank".into(), json!(i + 1));
            }
            signal
        })
        .collect();
    let count = ranked.len();
    match call.put(&format!("ranked:{window}"), json!({ "ranked": ranked })) {
        Err(outcome) => outcome,
        Ok(()) if count == 0 => Outcome::NoData("nothing to rank".into()),
        Ok(()) => Outcome::Ok(format!("{count} ranked").into()),
    }
}

/// Judges every ranked signal; the row of the power hour also carries what passes to the broker.
fn quality_gate(call: &Call<'_>) -> Outcome {
    match (call.text_arg("source"), call.flag_arg("execute")) {
        (Some("primary"), false) => judge_only(call),
        (Some("power_hour"), true) => carry(call, "ranked:power_hour", "gated:power_hour", Window::PowerHour),
        _ => Outcome::NotBuilt,
    }
}

/// Judges what the fallback scan found, and carries at most one to the broker.
fn fallback_gate(call: &Call<'_>) -> Outcome {
    carry(call, "fallback_signals", "gated:fallback", Window::Fallback)
}

/// Stores the quality verdict of every ranked signal, also of those that fail.
fn judge_only(call: &Call<'_>) -> Outcome {
    let ranked = match signals_of(call, "ranked:primary") {
        Ok(Some(ranked)) if !ranked.is_empty() => ranked,
        Ok(_) => return Outcome::NoData("nothing ranked today".into()),
        Err(outcome) => return outcome,
    };
    let floors = Floors::FROZEN;
    let figure = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let mut passed = 0;
    let gated: Vec<Value> = ranked
        .into_iter()
        .map(|mut row| {
            let refusal = if figure(&row, "score") < floors.score.0 {
                Some("score")
            } else if figure(&row, "conviction") < f64::from(floors.conviction) {
                Some("confidence")
            } else {
                None
            };
            passed += usize::from(refusal.is_none());
            if let Some(row) = row.as_object_mut() {
                row.insert("quality".into(), json!(refusal.unwrap_or("pass")));
            }
            row
        })
        .collect();
    let note = format!("{passed} of {} pass the quality floors", gated.len());
    match call.put("gated:primary", json!({ "gated": gated })) {
        Err(outcome) => outcome,
        Ok(()) => Outcome::Ok(note.into()),
    }
}

/// Compares nominal reward over risk with its floor.
fn calc_rr(call: &Call<'_>) -> Outcome {
    if call.args().get("rank").is_some() {
        return Outcome::NotBuilt;
    }
    let gated = match signals_of(call, "gated:primary") {
        Ok(Some(gated)) if !gated.is_empty() => gated,
        Ok(_) => return Outcome::NoData("nothing gated today".into()),
        Err(outcome) => return outcome,
    };
    let rows: Vec<Value> = gated
        .iter()
        .map(|row| {
            let rr = row.get("reward_over_risk").and_then(Value::as_f64).unwrap_or(f64::NAN);
            json!({ "symbol": row["symbol"], "strategy": row["strategy"], "reward_over_risk": rr, "passes": rr >= Floors::FROZEN.reward_over_risk.0 })
        })
        .collect();
    let count = rows.len();
    call.leave("rr", json!({ "rows": rows }), format!("{count} compared with the floor of 1.5"))
}

/// Carries the signals of an artifact of today through the choke, best first, at most `max_new` of them to the broker.
fn carry(call: &Call<'_>, from: &str, to: &str, window: Window) -> Outcome {
    let signals = match signals_of(call, from) {
        Ok(Some(signals)) if !signals.is_empty() => signals,
        Ok(_) => return Outcome::NoData("no signal to judge".into()),
        Err(outcome) => return outcome,
    };
    let most = call.args().get("max_new").and_then(Value::as_u64).unwrap_or(u64::MAX);
    match execution::carry_signals(call, &signals, window, most) {
        Ok(rows) => {
            let filled = rows.iter().filter(|r| r.filled).count();
            let note = format!("{} judged, {filled} filled", rows.len());
            let refused = filled == 0 && !rows.is_empty();
            match call.put(to, json!({ "verdicts": rows.iter().map(execution::Row::json).collect::<Vec<_>>() })) {
                Err(outcome) => outcome,
                Ok(()) if refused => Outcome::Gated(note.into()),
                Ok(()) => Outcome::Ok(note.into()),
            }
        }
        Err(e) => Outcome::Error(e.to_string().into()),
    }
}

/// Returns the signals in an artifact of today, under whichever key its kind keeps them; nothing if there is none of today.
pub(super) fn signals_of(call: &Call<'_>, name: &str) -> Result<Option<Vec<Value>>, Outcome> {
    let found = call.today(name)?;
    Ok(found.map(|a| {
        ["signals", "ranked", "gated", "intents"]
            .iter()
            .find_map(|key| a.body.get(key)?.as_array().cloned())
            .unwrap_or_default()
    }))
}
