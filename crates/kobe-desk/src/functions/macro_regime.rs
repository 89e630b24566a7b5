//! Macro and regime: fear, rates, sectors, events, and what kind of market it is.

mod catalysts;
mod fear;
mod market;
#[cfg(test)]
mod tests;

use super::{Function, Group::MacroRegime, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::{Maintenance, Monitoring, Research};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("fetch_vix", MacroRegime, Maintenance, N, 30, "macro_series").stage(1)
        .does("Reads the latest VIX close with its date, its age and its percentile over 252 days.")
        .built(|call| answer(fear::fetch_vix(call))),
    f("fetch_treasury", MacroRegime, Maintenance, N, 30, "macro_series").stage(1)
        .does("Reads three Treasury yields, the slope of the curve and whether it is inverted.")
        .built(|call| answer(fear::fetch_treasury(call))),
    f("fetch_fear_greed", MacroRegime, Maintenance, N, 30, "sentiment row").stage(1)
        .does("Reads the fear-and-greed score or maps the VIX to one, and records which it was.")
        .built(|call| answer(fear::fetch_fear_greed(call))),
    f("detect_regime", MacroRegime, Monitoring, N, 30, "regime row").stage(2)
        .after(&["fetch_vix", "precalc_indicators"])
        .does("Calls the market bullish, neutral or bearish from index, averages, volatility and VIX, with reasons.")
        .built(|call| answer(market::detect_regime(call))),
    f("update_hmm", MacroRegime, Research, N, 600, "hmm_model, hmm_state").heavy().stage(2)
        .after(&["precalc_indicators"])
        .does("Fits a three-state Gaussian hidden-Markov model when due and filters the whole history through it."),
    f("check_sectors", MacroRegime, Monitoring, N, 30, "sector_strength").session_bound().stage(2)
        .does("Ranks sectors by their returns over 1, 5 and 20 days."),
    f("check_spy", MacroRegime, Monitoring, N, 30, "correlation rows").session_bound().stage(2)
        .does("Measures return since the open, 60-day correlation and beta of symbols against the index.")
        .built(|call| answer(market::check_spy(call))),
    f("check_vix", MacroRegime, Monitoring, N, 30, "vix_events").session_bound().stage(1)
        .does("Reads the VIX during the day; crossing 25, 30 or 40 is an event that re-sizes waiting intents.")
        .built(|call| answer(fear::check_vix(call))),
    f("check_rotation", MacroRegime, Monitoring, N, 30, "rotation").stage(2)
        .does("Compares sector ranks with those of 5 and 20 days ago and with last week's order."),
    f("check_hmm", MacroRegime, Research, N, 300, "regime_forecast").stage(2)
        .does("Turns the model's posterior into expected duration, a five-day forecast and a size multiplier."),
    f("check_earnings", MacroRegime, Monitoring, N, 15, "blackout").stage(3)
        .does("Blacks out the days around each symbol's earnings; an unknown date halves the size."),
    f("check_catalysts", MacroRegime, Monitoring, N, 30, "catalysts").stage(3)
        .does("Lists the events of the next ten sessions; a Fed decision blocks its day and halves the eve.")
        .built(|call| answer(catalysts::check_catalysts(call))),
    f("analyze_sectors", MacroRegime, Research, N, 300, "sector_context").stage(2)
        .does("Sets symbols beside their sector: 20-day relative strength and beta."),
    f("check_breadth", MacroRegime, Monitoring, N, 30, "breadth").stage(2)
        .does("Counts symbols above their averages, advancing and declining, at new highs and lows.")
        .built(|call| answer(market::check_breadth(call))),
];
