//! Research: experiments, backtests, walk-forward, parameters.

use super::{Function, Group::BacktestResearch, N, f};
use kobe_plan::task::Lane::Research;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("deep_backtest", BacktestResearch, Research, N, 14400, "backtests").heavy().stage(7)
        .does("Backtests strategies over all history with bootstrap and cost stress."),
    f("optimize_params", BacktestResearch, Research, N, 14400, "proposals").heavy().stage(7)
        .does("Searches parameters on training data, or steps around them, and files a proposal."),
    f("run_experiment", BacktestResearch, Research, N, 3600, "experiments").heavy().stage(7)
        .does("Tries one to three changed parameters against the baseline on identical data."),
    f("mini_wf", BacktestResearch, Research, N, 3600, "wf_runs").heavy().stage(7)
        .does("Walks the last two splits forward on twenty symbols."),
    f("full_wf", BacktestResearch, Research, N, 14400, "wf_runs").heavy().stage(7)
        .does("Walks all splits forward for both strategies, with a stability table and deflated Sharpe."),
    f("review_params", BacktestResearch, Research, N, 300, "param_review").stage(7)
        .does("Judges stability and robustness of parameters and compares the frozen hash with the running one."),
];
