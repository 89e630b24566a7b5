//! The three tables, in the format of the golden files: the same columns, places and line ends.

use std::fmt::Write as _;

use kobe_trade::money::{self, Decimal};

use super::Report;

const SIGNALS: &str =
    "date,symbol,strategy,ibs,rsi2,sma200,atr14,close,setup_score,conviction,score,first_refusing_gate,qty,binding_cap";
const TRADES: &str = "entry_date,symbol,strategy,qty,entry_price,stop,exit_date,exit_price,reason,fees,dividends,pnl";
const EQUITY: &str = "date,cash,open_positions,equity";

pub(super) fn signals(report: &Report) -> String {
    let figure = |value: Option<f64>, places: usize| value.map_or_else(String::new, |x| format!("{x:.places$}"));
    table(
        SIGNALS,
        report.signals.iter().map(|row| {
            vec![
                row.bar.to_string(),
                cell(&row.symbol),
                row.strategy.to_string(),
                figure(row.ibs, 9),
                figure(row.rsi2, 9),
                figure(row.sma200, 9),
                figure(row.atr14, 9),
                row.close.normalize().to_string(),
                figure(row.setup_score, 6),
                row.conviction.to_string(),
                figure(Some(row.score), 6),
                cell(row.refusal.as_deref().unwrap_or("pass")),
                row.qty.to_string(),
                row.binding.map_or_else(String::new, |cap| cap.to_string()),
            ]
        }),
    )
}

pub(super) fn trades(report: &Report) -> String {
    table(
        TRADES,
        report.trades.iter().map(|trade| {
            vec![
                trade.entered.to_string(),
                cell(&trade.symbol),
                trade.strategy.to_string(),
                trade.qty.to_string(),
                money::price(trade.entry).to_string(),
                money::cents(trade.stop).to_string(),
                trade.exited.to_string(),
                money::price(trade.exit).to_string(),
                trade.reason.to_string(),
                money::cents(trade.fees).to_string(),
                plain(trade.dividends),
                money::cents(trade.pnl).to_string(),
            ]
        }),
    )
}

pub(super) fn equity(report: &Report) -> String {
    table(
        EQUITY,
        report.curve.iter().map(|point| {
            vec![
                point.date.to_string(),
                money::price(point.cash).to_string(),
                point.positions.to_string(),
                money::cents(point.equity).to_string(),
            ]
        }),
    )
}

/// Nothing is `0`; an amount has at least its cents.
fn plain(amount: Decimal) -> String {
    if amount.is_zero() {
        return "0".to_owned();
    }
    let short = amount.normalize();
    if short.scale() < 2 { money::cents(short).to_string() } else { short.to_string() }
}

fn table(head: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    rows.fold(format!("{head}\n"), |mut text, row| {
        let _ = writeln!(text, "{}", row.join(","));
        text
    })
}

/// Quotes a cell that would break its row.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
