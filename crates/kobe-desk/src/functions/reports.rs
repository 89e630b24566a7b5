//! Reports: the day and the week on paper.

mod daily;
#[cfg(test)]
mod tests;

use super::{Function, Group::Reports, N, f};
use crate::early::answer;
use kobe_plan::task::Lane::Monitoring;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("generate_report", Reports, Monitoring, N, 60, "reports/daily_DATE").stage(6)
        .after(&["calc_daily_pnl", "reconcile_cash"])
        .does("Writes the day's report from P&L, trades, funnel, positions, risk, incidents and task counts.")
        .built(|call| answer(daily::generate_report(call))),
    f("gen_weekly_report", Reports, Monitoring, N, 120, "reports/weekly_DATE/*").stage(6)
        .does("Writes the part of the weekly report that its row names."),
];
