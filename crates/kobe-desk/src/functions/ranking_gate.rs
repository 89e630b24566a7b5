//! Ranking, evidence and the quality gate: from signals to intents.

use super::{E, Function, Group::RankingGate, N, f};
use kobe_plan::task::Lane::{Monitoring, Research, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("scan_news", RankingGate, Monitoring, N, 60, "news, s5").stage(3)
        .does("Collects headlines on the names it is given and scores tone, source and age."),
    f("rank_signals", RankingGate, Trading, N, 30, "ranked").session_bound().stage(2).after(&["scan_universe"])
        .does("Orders signals by score, spread over strategies and sectors; ranks strategies and discoveries too."),
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
        .does("Scores signals part by part behind the hard gates and stores every verdict with its reasons."),
    f("calc_rr", RankingGate, Trading, N, 30, "rr rows").session_bound().stage(4).after(&["quality_gate"])
        .does("Computes reward per risk at three targets and drops what pays too little."),
    f("fallback_gate", RankingGate, Trading, E, 60, "intents").session_bound().stage(4).after(&["fallback_scan"])
        .does("Judges a fallback signal at the stricter floors, then sizes and sends at most one order."),
    f("analyze_historical", RankingGate, Research, N, 1800, "blueprint s2").heavy().stage(7)
        .does("Lists every earlier streak of a watchlist name with dates, rate, interval and p-value."),
    f("check_volume", RankingGate, Monitoring, N, 30, "volume_profile").stage(2)
        .does("Profiles a symbol's volume: averages, trend, buying pressure, share of heavy days."),
];
