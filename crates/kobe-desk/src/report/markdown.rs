//! The report in short, as Markdown: what a person reads in a terminal or a review.
//!
//! It says the same as the page, with a small chart in text. Foreign words go through [`text::markdown`].

use std::fmt::Write as _;

use kobe_trade::money::Decimal;

use super::story::float;
use super::text::{
    self, NONE, change, count, dollars, many, markdown as md, number, or_none, percent, percent_to, signed,
};
use super::{Report, words};

/// Characters across the chart, and lines down.
const CHART: (usize, usize) = (72, 11);
/// More trades than this stand in the CSV only.
const TRADES_SHOWN: usize = 60;

pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    // What must be known first stands on the first line, before any heading.
    if let Some(halt) = &report.halt {
        let _ = writeln!(out, "**{}** {}\n", md(&words::halt(halt)), md(&words::after_halt(halt)));
    }
    if !report.defects.is_empty() {
        let list: Vec<String> = report.defects.iter().map(|defect| md(defect)).collect();
        let _ = writeln!(
            out,
            "**The books refuse facts of this run, so no figure below can be trusted:** {}\n",
            list.join("; ")
        );
    }
    let _ = writeln!(
        out,
        "# Kobe: {}\n\n{}\n\n{}\n",
        md(&report.title),
        md(&words::summary(report)),
        md(&words::caution(report))
    );
    for part in [figures, chart, years, funnel, trades, work, assumptions, provenance] {
        out += &part(report);
    }
    out
}

/// Writes a table; the first column stands left, the others right.
fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!(
        "| {} |\n|{}\n",
        heads.join(" | "),
        heads.iter().enumerate().map(|(i, _)| if i == 0 { "---|" } else { "---:|" }).collect::<String>()
    );
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out.push('\n');
    out
}

fn figures(report: &Report) -> String {
    let f = &report.figures;
    let (index, bills) = (f.index.as_ref(), f.bills.as_ref());
    let row = |name: &str, own: String, index: Option<String>, bills: Option<String>| {
        let none = || NONE.to_owned();
        vec![name.to_owned(), own, index.unwrap_or_else(none), bills.unwrap_or_else(none)]
    };
    let interval = |pair: Option<(f64, f64)>, write: fn(f64) -> String| {
        pair.map_or_else(String::new, |(low, high)| format!(" (95 %: {} to {})", write(low), write(high)))
    };
    let flag = if f.enough_trades { "" } else { " (insufficient: under 30 trades)" };
    let rows = [
        row(
            "Start, end",
            format!("{} to {}", dollars(f.equity_start), dollars(f.equity_end)),
            index.map(|x| format!("{:.2} to {:.2}", x.start, x.end)),
            None,
        ),
        row(
            "Change",
            or_none(f.total_return, change),
            index.map(|x| change(x.total_return)),
            bills.map(|x| change(x.total_return)),
        ),
        row(
            "A year",
            or_none(f.cagr, change),
            index.and_then(|x| x.cagr).map(change),
            bills.and_then(|x| x.cagr).map(change),
        ),
        row("Largest drawdown", percent(f.max_drawdown), index.map(|x| percent(x.max_drawdown)), None),
        row("Sharpe", format!("{}{flag}", number(f.sharpe, 2)), index.map(|x| number(x.sharpe, 2)), None),
        row("Closed trades", format!("{} ({} won)", f.trades, f.winners), None, None),
        row(
            "Win rate",
            format!("{}{}", or_none(f.win_rate, |x| percent_to(x, 1)), interval(f.win_rate_95, |x| percent_to(x, 1))),
            None,
            None,
        ),
        row("Profit factor", number(f.profit_factor, 2), None, None),
        row(
            "Average trade, dollars",
            format!("{}{}", number(f.average_trade, 2), interval(f.average_trade_95, |x| format!("{x:.2}"))),
            None,
            None,
        ),
        row("Money at work, mean", or_none(f.exposure, percent), None, None),
        row("Fees, dollars", dollars(f.fees), None, None),
    ];
    let name = index.map_or_else(|| "Index".to_owned(), |x| md(&x.name));
    format!("## Key figures\n\n{}", table(&["", "Desk", &name, "3-month bills"], rows.into_iter()))
}

/// Draws the equity curve in text; columns are stretches of sessions and show their last close.
fn chart(report: &Report) -> String {
    let values: Vec<f64> = report.curve.iter().map(|point| float(point.equity)).collect();
    let (Some(first), Some(last)) = (report.curve.first(), report.curve.last()) else { return String::new() };
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() < 2 || high - low < 0.01 {
        return format!("## Equity\n\nEquity stood at {} throughout.\n\n", dollars(last.equity));
    }
    let (width, height) = (CHART.0.min(values.len()), CHART.1);
    let line_of = |value: f64| ((high - value) / (high - low) * (height - 1) as f64).round() as usize;
    let columns: Vec<usize> = (0..width).map(|i| line_of(values[(i + 1) * values.len() / width - 1])).collect();
    let mut out = String::from("## Equity\n\n```text\n");
    for line in 0..height {
        let cells: String = columns.iter().map(|at| if *at == line { '•' } else { ' ' }).collect();
        let value = high - (high - low) * line as f64 / (height - 1) as f64;
        let label = if line % 5 == 0 { text::about(value) } else { String::new() };
        let _ = writeln!(out, "{label:>9} |{}", cells.trim_end());
    }
    let (from, to) = (first.date.to_string(), last.date.to_string());
    let gap = width.saturating_sub(from.len() + to.len()).max(1);
    let _ = writeln!(out, "{:>9} +{}\n{:>11}{from}{}{to}\n```\n", "", "-".repeat(width), "", " ".repeat(gap));
    out
}

fn years(report: &Report) -> String {
    if report.years.is_empty() {
        return String::new();
    }
    let name = report.figures.index.as_ref().map_or_else(|| "Index".to_owned(), |index| md(&index.name));
    let rows = report.years.iter().map(|year| {
        vec![
            year.year.to_string(),
            year.entries.to_string(),
            year.closed.to_string(),
            year.wins.to_string(),
            signed(year.pnl),
            change(year.total_return),
            or_none(year.index, change),
        ]
    });
    format!("## Year by year\n\n{}", table(&["Year", "Entries", "Closed", "Won", "Realised", "Return", &name], rows))
}

fn funnel(report: &Report) -> String {
    let f = &report.funnel;
    let mut rows = vec![vec!["symbol-days scanned".to_owned(), String::new(), count(f.symbol_days)]];
    let kinds: Vec<String> = f.by_strategy.iter().map(|(name, n)| format!("{} {}", count(*n), md(name))).collect();
    rows.push(vec!["setups".to_owned(), kinds.join(", "), count(f.setups)]);
    for gate in &f.gates {
        for (name, n) in &gate.refused {
            rows.push(vec![
                format!("refused: {}", md(name)),
                words::refusal(name).to_owned(),
                format!("-{}", count(*n)),
            ]);
        }
    }
    rows.push(vec!["passed every gate".to_owned(), String::new(), count(f.admitted)]);
    rows.push(vec!["bought".to_owned(), String::new(), count(f.entries_filled)]);
    for (reason, n) in &f.exits {
        let means = report
            .trades
            .iter()
            .find(|trade| trade.reason.name() == reason)
            .map_or("", |trade| words::exit(trade.reason));
        rows.push(vec![format!("sold: {}", md(reason)), means.to_owned(), count(*n)]);
    }
    if f.still_open > 0 {
        rows.push(vec!["still held".to_owned(), String::new(), count(f.still_open)]);
    }
    let text = table(&["", "", ""], rows.into_iter()).replacen("|---|---:|---:|", "|---|---|---:|", 1);
    format!("## From symbols to fills\n\n{text}")
}

fn trades(report: &Report) -> String {
    if report.trades.is_empty() {
        return "## Trades\n\nNone.\n\n".to_owned();
    }
    let left = report.trades.len().saturating_sub(TRADES_SHOWN);
    let rows = report.trades.iter().take(TRADES_SHOWN).map(|trade| {
        vec![
            trade.entered.to_string(),
            md(&trade.symbol),
            trade.qty.to_string(),
            trade.entry.to_string(),
            trade.exited.to_string(),
            trade.exit.to_string(),
            trade.reason.to_string(),
            signed(trade.pnl),
        ]
    });
    let more = if left > 0 { format!("{} more in trades.csv.\n\n", count(left as u64)) } else { String::new() };
    let total: Decimal = report.trades.iter().map(|trade| trade.pnl).sum();
    format!(
        "## Trades\n\n{}{more}All together: {}.\n\n",
        table(&["Bought", "Symbol", "Shares", "Entry", "Sold", "Exit", "Because", "Result"], rows),
        signed(total)
    )
}

fn work(report: &Report) -> String {
    let c = &report.counts;
    let mut rows = vec![vec!["completed".to_owned(), "It did its work.".to_owned(), count(c.completed)]];
    rows.push(vec!["of these no\\_data".to_owned(), "It found nothing to work on.".to_owned(), count(c.no_data)]);
    for skip in &report.skips {
        rows.push(vec![md(&skip.reason), md(&skip.means), count(skip.slots)]);
    }
    if report.unavailable() == 0 {
        rows.push(vec!["unavailable".to_owned(), words::skip("unavailable").to_owned(), count(0)]);
    }
    rows.push(vec!["failed".to_owned(), "It ended in an error.".to_owned(), count(c.failed)]);
    let text = table(&["Slots", "", ""], rows.into_iter()).replacen("|---|---:|---:|", "|---|---|---:|", 1);
    let built = report.functions.iter().filter(|row| row.built).count();
    format!(
        "## What the desk did\n\n{}: {} of {} had built work.\n\n{text}",
        many(c.slots, "slot", "slots"),
        built,
        many(report.functions.len() as u64, "function", "functions")
    )
}

fn assumptions(report: &Report) -> String {
    let list = report.assumptions.iter().fold(String::new(), |mut out, row| {
        let _ = writeln!(out, "- **{}**: {}", md(&row.topic), md(&row.says));
        out
    });
    format!("## What was not simulated\n\n{list}\n")
}

fn provenance(report: &Report) -> String {
    let p = &report.provenance;
    let mut out = format!(
        "## Where it comes from\n\n- trace {}\n- configuration {}\n- data {}, newest bar {}\n- build {}, calendar {}, time zones {}\n",
        text::code(&p.trace_hash),
        text::code(&p.config),
        text::code(&p.data_hash),
        p.data_as_of,
        md(&p.build),
        md(&p.calendar),
        md(&p.tzdata)
    );
    if let Some(seconds) = p.wall_seconds {
        let _ = writeln!(out, "- the run took {seconds:.1} s");
    }
    out.push('\n');
    let rows = p.files.iter().map(|file| vec![text::code(&file.file), md(&file.holds), count(file.rows)]);
    out += &table(&["File", "What it holds", "Rows"], rows).replacen("|---|---:|---:|", "|---|---|---:|", 1);
    out
}
