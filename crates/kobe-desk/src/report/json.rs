//! The report as JSON: the keys of `kobe simulate --json` first, then everything else.
//!
//! Keys are snake_case and stay; a figure that does not exist is null. Amounts are numbers with their cents, ratios have eight places.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kobe_trade::money::Decimal;
use serde::{Serialize, Serializer};

use super::story::float;
use super::{
    Assumption, Figures, FunctionRow, Funnel, Halt, OpenRow, Point, Provenance, Report, SignalRow, TradeRow, Year,
};

/// Version of the layout: it rises when a key changes its meaning.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Page<'a> {
    schema: u32,
    title: &'a str,
    from: Date,
    to: Date,
    days: usize,
    slots: u64,
    completed: u64,
    no_data: u64,
    skipped: &'a BTreeMap<String, u64>,
    failed: u64,
    unavailable: u64,
    orders: u64,
    trades: usize,
    equity_start: f64,
    equity_end: f64,
    trace_hash: &'a str,
    wall_seconds: Option<f64>,
    kill_switch: Option<&'a Halt>,
    defects: &'a [String],
    figures: &'a Figures,
    years: &'a [Year],
    funnel: &'a Funnel,
    functions: &'a [FunctionRow],
    fomc_days: &'a [Date],
    assumptions: &'a [Assumption],
    provenance: &'a Provenance,
    trade_rows: &'a [TradeRow],
    open_rows: &'a [OpenRow],
    signal_rows: &'a [SignalRow],
    equity_rows: &'a [Point],
}

pub(super) fn page(report: &Report) -> String {
    let page = Page {
        schema: SCHEMA,
        title: &report.title,
        from: report.from,
        to: report.to,
        days: report.figures.sessions,
        slots: report.counts.slots,
        completed: report.counts.completed,
        no_data: report.counts.no_data,
        skipped: &report.counts.skipped,
        failed: report.counts.failed,
        unavailable: report.unavailable(),
        orders: report.funnel.entry_orders + report.funnel.exit_orders,
        trades: report.figures.trades,
        equity_start: float(report.figures.equity_start),
        equity_end: float(report.figures.equity_end),
        trace_hash: &report.provenance.trace_hash,
        wall_seconds: report.provenance.wall_seconds,
        kill_switch: report.halt.as_ref(),
        defects: &report.defects,
        figures: &report.figures,
        years: &report.years,
        funnel: &report.funnel,
        functions: &report.functions,
        fomc_days: &report.fomc,
        assumptions: &report.assumptions,
        provenance: &report.provenance,
        trade_rows: &report.trades,
        open_rows: &report.open,
        signal_rows: &report.signals,
        equity_rows: &report.curve,
    };
    let mut text = serde_json::to_string_pretty(&page).expect("text keys and finite numbers are plain JSON");
    text.push('\n');
    text
}

/// Rounds a ratio to eight places, so that its last bits do not depend on the machine.
pub(super) fn tidy(x: f64) -> f64 {
    (x * 1e8).round() / 1e8
}

pub(super) fn decimal<S: Serializer>(x: &Decimal, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(float(*x))
}

pub(super) fn maybe_decimal<S: Serializer>(x: &Option<Decimal>, to: S) -> Result<S::Ok, S::Error> {
    x.map(float).serialize(to)
}

pub(super) fn share<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(tidy(*x))
}

pub(super) fn dated<S: Serializer>(x: &Option<(Date, Decimal)>, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Dated {
        date: Date,
        amount: f64,
    }
    x.map(|(date, amount)| Dated { date, amount: float(amount) }).serialize(to)
}
