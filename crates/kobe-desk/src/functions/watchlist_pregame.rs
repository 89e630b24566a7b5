//! Watchlist and blueprint: which names, on what plan.

use super::{Function, Group::WatchlistPregame, N, f};
use kobe_plan::task::Lane::{Monitoring, Research};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("validate_watchlist", WatchlistPregame, Monitoring, N, 30, "validated").session_bound().stage(4)
        .does("Re-tests each name for gap, news, earnings, setup and stop; an error removes it."),
    f("generate_pregame", WatchlistPregame, Research, N, 300, "blueprint_DATE").stage(4).after(&["validate_watchlist"])
        .does("Writes the blueprint of each name in fifteen sections, as JSON and Markdown."),
    f("analyze_flow", WatchlistPregame, Research, N, 300, "flow_study").session_bound().stage(3)
        .does("Studies the morning's order flow and unusual options activity where feeds exist."),
    f("build_watchlist", WatchlistPregame, Monitoring, N, 60, "next_day.json").session_bound().stage(4)
        .does("Scores signals worth at least 1.5 times their risk and writes a preliminary list."),
    f("select_top5", WatchlistPregame, Monitoring, N, 30, "top").session_bound().stage(4).after(&["build_watchlist"])
        .does("Keeps the best few candidates within the limits of diversity."),
    f("select_totd", WatchlistPregame, Monitoring, N, 30, "totd").session_bound().stage(4).after(&["select_top5"])
        .does("Names the best of the five as trade of the day if both gates pass, else none."),
    f("save_watchlist", WatchlistPregame, Monitoring, N, 30, "next_day.json").session_bound().stage(4)
        .after(&["select_totd"])
        .does("Writes the list atomically with its hash and keeps the one before."),
    f("finalize_watchlist", WatchlistPregame, Monitoring, N, 60, "next_day.json").session_bound().stage(4)
        .after(&["validate_eod"])
        .does("Recomputes the list on final bars, drops what no longer holds and freezes it."),
    f("start_pregame", WatchlistPregame, Research, N, 300, "pregame_inputs").session_bound().stage(4)
        .after(&["finalize_watchlist"])
        .does("Gathers the inputs of the blueprints and lists those that are missing."),
    f("check_political", WatchlistPregame, Research, N, 30, "s6A").stage(3)
        .does("Sums up 90 days of politicians' disclosed trades in a name, and how late they were reported."),
    f("check_insider", WatchlistPregame, Research, N, 300, "s6B").stage(3)
        .does("Sums up 30 days of insider filings on a name and finds buyers in a cluster."),
    f("calc_entry", WatchlistPregame, Research, N, 300, "s9").stage(4)
        .does("Sets the entry of a name, its limit band and the reason."),
    f("calc_stop", WatchlistPregame, Research, N, 300, "s9").stage(4)
        .does("Sets the stop of a name by its strategy, with the structural alternative beside it."),
    f("calc_target", WatchlistPregame, Research, N, 300, "s9").stage(4)
        .does("Sets the target of a name within expected move and past bounces."),
    f("gen_bull_case", WatchlistPregame, Research, N, 300, "s11").stage(4)
        .does("States up to five facts that speak for a name, each with value and threshold."),
    f("gen_bear_case", WatchlistPregame, Research, N, 300, "s12").stage(4)
        .does("States up to five facts that speak against a name; there must be some."),
    f("gen_risks", WatchlistPregame, Research, N, 300, "s13").stage(4)
        .does("States what could go wrong: macro dates, gap loss in dollars, earnings, correlation, failure rate."),
    f("next_week_prep", WatchlistPregame, Monitoring, N, 30, "week_plan")
        .does("Draws up Monday: calendar, fresh budgets, watchlist and checks due."),
];
