//! Data: bars, universe and indicators, and whether they can be trusted.

mod bars;
#[cfg(test)]
mod tests;
mod universe;

use super::{Function, Group::Data, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::{Maintenance, Monitoring, Research};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("refresh_polygon", Data, Maintenance, N, 3600, "bars, fetch_log").heavy().stage(1)
        .does("Fetches the sessions each symbol lacks, raw and adjusted; reads the bundle where no key is set.")
        .built(|call| answer(bars::refresh_polygon(call))),
    f("validate_universe", Data, Maintenance, N, 60, "universe_status").stage(1).after(&["refresh_polygon"])
        .does("Tests each symbol for price, turnover, history and listing, and counts young ones as warming.")
        .built(|call| answer(universe::validate_universe(call))),
    f("precalc_indicators", Data, Maintenance, N, 1800, "indicators table").heavy().stage(1)
        .after(&["refresh_polygon", "validate_universe"])
        .does("Computes every indicator of every symbol from completed bars, or the feature matrix for the models.")
        .built(|call| answer(universe::precalc_indicators(call))),
    f("check_drift", Data, Monitoring, N, 30, "drift rows").session_bound().stage(2)
        .does("Measures how far prices have gone from plan, or live results and parameters from the frozen ones."),
    f("cross_validate", Data, Maintenance, N, 300, "discrepancies").session_bound().stage(1)
        .does("Compares prices of several sources with their mean; a lone source is unverified."),
    f("validate_eod", Data, Maintenance, N, 300, "issues").session_bound().stage(1)
        .does("Holds today's bars against the price rules and flags spikes and empty volume.")
        .built(|call| answer(bars::validate_eod(call))),
    f("check_polygon", Data, Maintenance, N, 300, "coverage table").session_bound().stage(1).after(&["validate_eod"])
        .does("Counts which symbols have the bar they should have and how often the provider answered.")
        .built(|call| answer(bars::check_polygon(call))),
    f("full_validation", Data, Maintenance, N, 1800, "validation_YYYYMMDD.json").heavy().stage(1)
        .does("Runs all checks of data, account, positions, macro series and backtests and files the results."),
    f("review_universe", Data, Research, N, 300, "proposal.json").stage(7)
        .does("Proposes symbols to add and drop, by liquidity and sector, for a person to approve."),
];
