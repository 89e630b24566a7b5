//! The funnel on the page: four numbers, the fall from gate to gate, symbols, exits, and every gate in its order.

use std::fmt::Write as _;

use kobe_trade::money::Decimal;

use super::super::text::{count, html, many, signed};
use super::super::{Report, words};
use super::tables::{bar, heads, table, tone};

/// From symbols to fills.
pub(super) fn section(report: &Report) -> String {
    let f = &report.funnel;
    if f.symbol_days == 0 && f.setups == 0 {
        return "<p class=\"none\">No symbol counted on any session: there was nothing to scan.</p>\n".to_owned();
    }
    let rate = if f.setups == 0 {
        "none".to_owned()
    } else {
        format!("one in {}", count((f.symbol_days as f64 / f.setups as f64).round() as u64))
    };
    let mut steps = String::new();
    let parts = [
        (f.symbol_days, format!("symbol-days scanned<br>{}", many(f.sessions, "session", "sessions"))),
        (f.setups, format!("setups found<br>{rate}")),
        (f.admitted, "passed every gate".to_owned()),
        (f.entries_filled, format!("bought<br>{} sent", count(f.entries_sent))),
    ];
    for (i, (n, what)) in parts.iter().enumerate() {
        let arrow = if i > 0 { "<i aria-hidden=\"true\">&rarr;</i>" } else { "" };
        let _ = write!(steps, "{arrow}<div><b>{}</b><span>{what}</span></div>", count(*n));
    }
    let mut out = format!("<div class=\"panel\"><div class=\"steps\">{steps}</div>{}</div>\n", waterfall(report));
    out += &format!(
        "<div class=\"split\"><div class=\"panel\"><h3>By symbol</h3>{}</div><div class=\"panel\"><h3>How positions ended</h3>{}</div></div>\n",
        symbols(report),
        exits(report)
    );
    out += &gates(report);
    out
}

/// Setups at the top, then what each gate took, down to what was bought.
fn waterfall(report: &Report) -> String {
    let f = &report.funnel;
    if f.setups == 0 {
        return "<p class=\"none\">No setup was found, so no gate was asked.</p>".to_owned();
    }
    let share = |n: u64| n as f64 / f.setups as f64;
    let kinds: Vec<String> = f.by_strategy.iter().map(|(name, n)| format!("{} {}", count(*n), html(name))).collect();
    let mut rows = format!(
        "<tr><td class=\"word\">setups</td><td class=\"soft\">{}</td>{}<td class=\"n\">{}</td></tr>\n",
        kinds.join(", "),
        bar(0.0, 1.0, "i-all"),
        count(f.setups)
    );
    let mut left = f.setups;
    for gate in &f.gates {
        for (name, n) in &gate.refused {
            let after = left.saturating_sub(*n);
            let _ = writeln!(
                rows,
                "<tr><td class=\"word mono\">{}</td><td class=\"soft\">{}</td>{}<td class=\"n\">\u{2212}{}</td></tr>",
                html(name),
                words::refusal(name),
                bar(share(after), share(left), "i-out"),
                count(*n)
            );
            left = after;
        }
    }
    let _ = writeln!(
        rows,
        "<tr><td class=\"word\">passed</td><td class=\"soft\">{}</td>{}<td class=\"n\">{}</td></tr>",
        bound(report),
        bar(0.0, share(f.admitted), "i-in"),
        count(f.admitted)
    );
    let fate = match f.entries_withdrawn {
        0 if f.entries_filled == 0 => "no order was sent".to_owned(),
        0 => "every order filled whole: an assumption of the replay".to_owned(),
        n => format!("{} withdrawn", many(n, "order was", "orders were")),
    };
    let _ = writeln!(
        rows,
        "<tr><td class=\"word\">bought</td><td class=\"soft\">{fate}</td>{}<td class=\"n\">{}</td></tr>",
        bar(0.0, share(f.entries_filled), "i-in"),
        count(f.entries_filled)
    );
    let mut out = table("fall-table", &heads(&[("", false), ("", false), ("", false), ("setups", true)]), &rows);
    if !f.later_windows.is_empty() {
        let list: Vec<String> =
            f.later_windows.iter().map(|(name, n)| format!("{} {}", count(*n), html(name))).collect();
        let _ = write!(
            out,
            "<p class=\"soft small\">Asked again in later windows of the same day: {}.</p>",
            list.join(", ")
        );
    }
    out
}

fn bound(report: &Report) -> String {
    let list: Vec<String> =
        report.funnel.binding.iter().map(|(cap, n)| format!("<code>{}</code> {}", html(cap), count(*n))).collect();
    if list.is_empty() { String::new() } else { format!("shares decided by {}", list.join(", ")) }
}

fn symbols(report: &Report) -> String {
    let mut rows = String::new();
    for row in &report.funnel.symbols {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}</tr>",
            html(&row.symbol),
            count(row.scanned),
            count(row.warming),
            count(row.setups),
            count(row.trades),
            tone(&signed(row.pnl))
        );
    }
    let f = &report.funnel;
    let mut out = table(
        "",
        &heads(&[
            ("Symbol", false),
            ("Scanned", true),
            ("Warming", true),
            ("Setups", true),
            ("Trades", true),
            ("Result, $", true),
        ]),
        &rows,
    );
    let besides = [(f.not_listed, "before a symbol's first bar"), (f.no_bar, "without a bar")];
    let besides: Vec<String> = besides
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", many(*n, "symbol-day", "symbol-days")))
        .collect();
    if !besides.is_empty() {
        let _ = write!(out, "<p class=\"soft small\">Besides: {}.</p>", besides.join(", "));
    }
    out
}

fn exits(report: &Report) -> String {
    let total = report.trades.len() as f64;
    let mut rows = String::new();
    for (reason, n) in &report.funnel.exits {
        let of: Vec<_> = report.trades.iter().filter(|trade| trade.reason.name() == reason).collect();
        let sum: Decimal = of.iter().map(|trade| trade.pnl).sum();
        let means = of.first().map_or("", |trade| words::exit(trade.reason));
        let _ = writeln!(
            rows,
            "<tr><td class=\"word\">{}</td><td class=\"soft\">{means}</td>{}<td class=\"n\">{}</td>{}</tr>",
            html(reason),
            bar(0.0, *n as f64 / total, "i-all"),
            count(*n),
            tone(&signed(sum))
        );
    }
    if rows.is_empty() && report.funnel.still_open == 0 {
        return "<p class=\"none\">No position was ever open.</p>".to_owned();
    }
    if report.funnel.still_open > 0 {
        let _ = writeln!(
            rows,
            "<tr><td class=\"word\">still open</td><td></td><td></td><td class=\"n\">{}</td><td></td></tr>",
            count(report.funnel.still_open)
        );
    }
    table(
        "fall-table exits",
        &heads(&[("Reason", false), ("", false), ("", false), ("Trades", true), ("Result, $", true)]),
        &rows,
    )
}

fn gates(report: &Report) -> String {
    if report.funnel.setups == 0 {
        return String::new();
    }
    let mut rows = String::new();
    for gate in &report.funnel.gates {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td class=\"mono\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"soft\">{}</td></tr>",
            html(&gate.rule),
            html(&gate.gate),
            count(gate.passed),
            count(gate.first()),
            count(gate.refused_at_all),
            count(gate.not_applicable),
            if gate.not_applicable > 0 { html(&words::not_applicable(gate)) } else { String::new() }
        );
    }
    let quiet = report.funnel.gates.iter().filter(|gate| gate.refused_at_all == 0).count();
    let names = [
        ("Rule", false),
        ("Gate", false),
        ("Passed", true),
        ("Refused first", true),
        ("Refused at all", true),
        ("Not applicable", true),
        ("Why", false),
    ];
    format!(
        "<details><summary>All {} gates in their order; {quiet} of them never refused anything</summary>{}</details>\n",
        report.funnel.gates.len(),
        table("", &heads(&names), &rows)
    )
}
