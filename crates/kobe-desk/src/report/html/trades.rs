//! The trades on the page: every closed one, and what is still held.

use std::fmt::Write as _;

use super::super::text::{NONE, count, html, or_none, signed};
use super::super::{Report, words};
use super::cell;
use super::tables::{heads, table, tone};

/// Every closed trade, and what is still held.
pub(super) fn section(report: &Report) -> String {
    let mut out = String::new();
    if report.trades.is_empty() && report.open.is_empty() {
        return "<p class=\"none\">No order passed the gates in this stretch of time.</p>\n".to_owned();
    }
    if !report.trades.is_empty() {
        let mut rows = String::new();
        for trade in &report.trades {
            let figure = |x: Option<f64>, places: usize| {
                x.map_or_else(|| cell(NONE, ""), |x| cell(&format!("{x:.places$}"), &format!("{x:.6}")))
            };
            let _ = writeln!(
                rows,
                "<tr><td class=\"word\">{}</td><td>{}</td><td class=\"word mono\">{}</td>{}{}{}{}{}{}<td class=\"word\">{}</td>{}<td title=\"{}\">{}</td>{}{}{}</tr>",
                trade.entered,
                html(&trade.symbol),
                trade.strategy,
                figure(trade.ibs, 3),
                figure(trade.rsi2, 1),
                figure(trade.score, 1),
                cell(&count(trade.qty), &trade.qty.to_string()),
                cell(&trade.entry.to_string(), &trade.entry.to_string()),
                cell(&trade.stop.to_string(), &trade.stop.to_string()),
                trade.exited,
                cell(&trade.exit.to_string(), &trade.exit.to_string()),
                words::exit(trade.reason),
                trade.reason,
                cell(&trade.held.to_string(), &trade.held.to_string()),
                tone(&signed(trade.pnl)).replacen("<td", &format!("<td data-v=\"{}\"", trade.pnl), 1),
                trade.r.map_or_else(|| cell(NONE, ""), |x| cell(&format!("{x:+.2}"), &format!("{x}")))
            );
        }
        let names = [
            ("Bought", false),
            ("Symbol", false),
            ("Rule", false),
            ("IBS", true),
            ("RSI2", true),
            ("Score", true),
            ("Shares", true),
            ("Entry", true),
            ("Stop", true),
            ("Sold", false),
            ("Exit", true),
            ("Because", false),
            ("Held", true),
            ("Result, $", true),
            ("R", true),
        ];
        out += &format!("<div class=\"panel\">{}</div>\n", table("sorts", &heads(&names), &rows));
        out += "<p class=\"soft small\">Prices as traded, results after fees. IBS, RSI2 and score: what the entry was decided on. Held: closes from the entry on; a position stopped on its first day has none. R: result in multiples of the risk planned from entry to stop.</p>\n";
    }
    if !report.open.is_empty() {
        let mut rows = String::new();
        for open in &report.open {
            let _ = writeln!(
                rows,
                "<tr><td>{}</td><td>{}</td><td class=\"mono\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td>{}</tr>",
                open.entered,
                html(&open.symbol),
                open.strategy,
                count(open.qty),
                open.entry,
                open.stop,
                open.held,
                open.queued.map_or("none".to_owned(), |reason| format!("{reason}, waits")),
                or_none(open.mark, |mark| mark.normalize().to_string()),
                open.result.map_or_else(|| format!("<td class=\"n\">{NONE}</td>"), |result| tone(&signed(result)))
            );
        }
        let names = [
            ("Bought", false),
            ("Symbol", false),
            ("Rule", false),
            ("Shares", true),
            ("Entry", true),
            ("Stop", true),
            ("Held", true),
            ("Exit", false),
            ("Last close", true),
            ("Result so far, $", true),
        ];
        out += &format!("<div class=\"panel\"><h3>Still held</h3>{}</div>\n", table("", &heads(&names), &rows));
    }
    out
}
