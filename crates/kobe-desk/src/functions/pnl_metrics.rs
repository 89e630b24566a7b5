//! P&L and metrics: what it is worth, and how good that is.

mod compare;
mod counts;
mod figures;
mod metrics;
pub(super) mod period;
#[cfg(test)]
mod tests;
pub(super) mod ticks;

use super::{Function, Group::PnlMetrics, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::{Learning, Monitoring};

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("update_pnl", PnlMetrics, Monitoring, N, 30, "pnl_ticks").session_bound().stage(5)
        .does("Recomputes realised, open and day P&L and trips the kill switch when a loss limit is broken.")
        .built(|call| answer(ticks::update_pnl(call))),
    f("log_unrealized", PnlMetrics, Monitoring, N, 30, "pnl rows").session_bound().stage(6)
        .does("Records the open P&L of each position in dollars, per cent and R.")
        .built(|call| answer(ticks::log_unrealized(call))),
    f("log_pnl", PnlMetrics, Monitoring, N, 30, "equity_curve").session_bound().stage(5)
        .does("Adds a point to the day's equity curve.")
        .built(|call| answer(ticks::log_pnl(call))),
    f("morning_summary", PnlMetrics, Monitoring, N, 30, "summary.md").session_bound().stage(5)
        .does("Sums up the first window: signals, gate rates, fills, P&L.")
        .built(|call| answer(counts::morning_summary(call))),
    f("count_trades", PnlMetrics, Monitoring, N, 30, "counts").session_bound().stage(5)
        .does("Counts entries, exits and rejects since the open.")
        .built(|call| answer(counts::count_trades(call))),
    f("pnl_snapshot", PnlMetrics, Monitoring, N, 30, "snapshot").session_bound().stage(5)
        .does("Freezes P&L as it stands when the first window ends.")
        .built(|call| answer(ticks::pnl_snapshot(call))),
    f("power_summary", PnlMetrics, Monitoring, N, 30, "summary.md").session_bound().stage(5)
        .does("Sums up the second window: signals, gate rates, fills, P&L.")
        .built(|call| answer(counts::power_summary(call))),
    f("calc_daily_pnl", PnlMetrics, Monitoring, N, 30, "daily_pnl").session_bound().stage(6)
        .after(&["log_market_close"])
        .does("Computes P&L and its attribution over the period and ties them to the change in equity.")
        .built(|call| answer(period::calc_daily_pnl(call))),
    f("log_realized", PnlMetrics, Monitoring, N, 30, "pnl rows").session_bound().stage(6).after(&["calc_daily_pnl"])
        .does("Records the trades closed in the period with their fees.")
        .built(|call| answer(period::log_realized(call))),
    f("calc_win_loss", PnlMetrics, Monitoring, N, 30, "metrics").session_bound().stage(6).after(&["log_realized"])
        .does("Counts wins, losses and scratches, with the Wilson interval of the rate.")
        .built(|call| answer(metrics::calc_win_loss(call))),
    f("update_trade_log", PnlMetrics, Monitoring, N, 15, "trades.jsonl").session_bound().stage(6)
        .after(&["log_realized"])
        .does("Appends closed trades to trades.jsonl by decision id, each once.")
        .built(|call| answer(period::update_trade_log(call))),
    f("log_trade_count", PnlMetrics, Monitoring, N, 30, "counts").session_bound().stage(6).after(&["update_trade_log"])
        .does("Sets the day's totals against their limits.")
        .built(|call| answer(counts::log_trade_count(call))),
    f("calc_avg", PnlMetrics, Monitoring, N, 30, "metrics").session_bound().stage(6).after(&["calc_win_loss"])
        .does("Computes mean and median win and loss, payoff, R and holding time.")
        .built(|call| answer(metrics::calc_avg(call))),
    f("calc_metrics", PnlMetrics, Monitoring, N, 30, "metrics").stage(6)
        .does("Computes the full set of trade metrics with seeded bootstrap intervals.")
        .built(|call| answer(metrics::calc_metrics(call))),
    f("update_sharpe", PnlMetrics, Monitoring, N, 30, "metrics").stage(6)
        .does("Updates the Sharpe or Sortino ratio from daily equity.")
        .built(|call| answer(metrics::update_sharpe(call))),
    f("update_pf", PnlMetrics, Monitoring, N, 30, "metrics").stage(6)
        .does("Updates the profit factor over 20, 50 and all trades; null where nothing was lost.")
        .built(|call| answer(metrics::update_pf(call))),
    f("update_wr", PnlMetrics, Monitoring, N, 30, "metrics").stage(6)
        .does("Updates the win rate, rolling and by strategy and regime.")
        .built(|call| answer(metrics::update_wr(call))),
    f("update_dd", PnlMetrics, Monitoring, N, 30, "metrics").stage(6)
        .does("Updates drawdown and time under water; more than 10 % in a week trips the kill switch.")
        .built(|call| answer(metrics::update_dd(call))),
    f("calc_weekly_perf", PnlMetrics, Learning, N, 300, "weekly row").stage(7)
        .does("Computes the week's return, best and worst day, and the index beside it.")
        .built(|call| answer(period::calc_weekly_perf(call))),
    f("compare_strategies", PnlMetrics, Learning, N, 300, "comparison").stage(7)
        .does("Compares strategies by count, win rate, profit factor and expectancy, and tests whether they differ.")
        .built(|call| answer(compare::compare_strategies(call))),
];
