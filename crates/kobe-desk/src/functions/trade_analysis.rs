//! Trade analysis: how good the trades were, and why.

use super::{Function, Group::TradeAnalysis, N, f};
use kobe_plan::task::Lane::Learning;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("analyze_trades", TradeAnalysis, Learning, N, 300, "trade_analysis").stage(6).after(&["update_trade_log"])
        .does("Takes trades apart by excursion in R, efficiency and plan, in the view its row asks for."),
    f("analyze_entries", TradeAnalysis, Learning, N, 300, "entry_quality").stage(6).after(&["analyze_trades"])
        .does("Compares entries with VWAP and the best price, and gate scores with results."),
    f("analyze_exits", TradeAnalysis, Learning, N, 300, "exit_quality").stage(6).after(&["analyze_trades"])
        .does("Compares exits with the best excursion and with the five days after."),
    f("analyze_slippage", TradeAnalysis, Learning, N, 300, "slippage").stage(6).after(&["log_fills"])
        .does("Explains slippage by symbol, hour, VIX, spread and size."),
    f("check_execution", TradeAnalysis, Learning, N, 300, "exec_quality").stage(6)
        .does("Reports fill rate, reject reasons, latency and use of the price clamp."),
    f("extract_lessons", TradeAnalysis, Learning, N, 300, "lessons").stage(6).after(&["analyze_trades"])
        .does("Draws rule-based lessons, each with the trades that support it."),
    f("detect_mistakes", TradeAnalysis, Learning, N, 300, "mistakes").stage(6).after(&["analyze_trades"])
        .does("Finds rule breaks and bad habits: chasing, lowered stops, oversize, re-entry after a stop."),
    f("gen_improvements", TradeAnalysis, Learning, N, 300, "ideas").stage(6).after(&["detect_mistakes"])
        .does("Ranks improvements, each linked to evidence and an experiment."),
    f("check_rules", TradeAnalysis, Learning, N, 300, "rule_audit").stage(6)
        .does("Replays every gate from the packets and compares with the decision that was made."),
    f("self_assess", TradeAnalysis, Learning, N, 300, "self_model").stage(6)
        .does("Measures calibration of confidence and capability by strategy and regime."),
];
