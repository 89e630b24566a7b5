//! Scanning: from bars to signals.

use super::{Function, Group::Scanning, N, f};
use kobe_plan::task::Lane::{Research, Trading};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("scan_universe", Scanning, Trading, N, 120, "signals").session_bound().stage(2)
        .after(&["precalc_indicators", "preflight"])
        .does("Runs the strategies over every valid symbol on the last completed bar and records signals and skips."),
    f("check_watchlist_signals", Scanning, Trading, N, 30, "triggers").session_bound().stage(2)
        .after(&["validate_watchlist"])
        .does("Finds watchlist names that still trigger: near their plan, worth their risk, with volume."),
    f("fallback_scan", Scanning, Trading, N, 60, "fallback_signals").session_bound().stage(2).after(&["execute_trades"])
        .does("Scans the universe when the watchlist led to no trade and keeps one strong opener."),
    f("discover_ict", Scanning, Research, N, 1800, "pattern_stats, discoveries").heavy().stage(7)
        .does("Counts confirmed order blocks, gaps, sweeps and turns, and tests the returns that followed."),
];
