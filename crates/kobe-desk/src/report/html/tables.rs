//! The tables of the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kobe_trade::money::Decimal;

use super::super::text::{NONE, change, count, dollars, html, number, or_none, percent, percent_to, signed};
use super::super::{FunctionRow, Report, words};
use super::{cell, maybe, minus, years as picture};

/// Outcomes in the order in which they are read; others follow by name.
const OUTCOMES: [&str; 5] = ["ok", "no_data", "gated", "unavailable", "failed"];

pub(super) fn heads(names: &[(&str, bool)]) -> String {
    names.iter().fold(String::new(), |mut out, (name, right)| {
        let _ = write!(out, "<th{} scope=\"col\">{name}</th>", if *right { " class=\"n\"" } else { "" });
        out
    })
}

pub(super) fn table(class: &str, heads: &str, rows: &str) -> String {
    format!(
        "<div class=\"scroll\"><table class=\"{class}\"><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// Colours a change by its sign.
pub(super) fn tone(shown: &str) -> String {
    let class = match shown.as_bytes().first() {
        Some(b'+') => "n gain",
        Some(b'-') => "n fall",
        _ => "n",
    };
    format!("<td class=\"{class}\">{}</td>", minus(shown))
}

/// Draws a stretch of a row from one share of it to another.
pub(super) fn bar(from: f64, to: f64, class: &str) -> String {
    let (left, width) = (from * 100.0, (to - from) * 100.0);
    let filled = if width > 0.0 {
        format!("<i class=\"{class}\" style=\"left:{left:.2}%;width:{width:.2}%\"></i>")
    } else {
        String::new()
    };
    format!("<td class=\"meter\"><div>{filled}</div></td>")
}

/// The desk beside the index and beside Treasury bills.
pub(super) fn beside(report: &Report) -> String {
    let f = &report.figures;
    let (index, bills) = (f.index.as_ref(), f.bills.as_ref());
    let plain = |shown: Option<String>| format!("<td class=\"n\">{}</td>", maybe(shown));
    let row = |name: &str, own: String, index: Option<String>, bills: Option<String>| {
        format!("<tr><td>{name}</td>{own}{}{}</tr>\n", plain(index), plain(bills))
    };
    let own = |shown: Option<String>| plain(shown);
    let mut rows = row(
        "Change over the run",
        own(f.total_return.map(change)),
        index.map(|x| change(x.total_return)),
        bills.map(|x| change(x.total_return)),
    );
    rows += &row(
        "A year",
        own(f.cagr.map(change)),
        index.and_then(|x| x.cagr).map(change),
        bills.and_then(|x| x.cagr).map(change),
    );
    rows += &row("Largest drawdown", own(Some(percent(f.max_drawdown))), index.map(|x| percent(x.max_drawdown)), None);
    rows +=
        &row("Volatility a year", own(f.volatility.map(percent)), index.and_then(|x| x.volatility).map(percent), None);
    rows += &row(
        "Sharpe, no riskless rate taken off",
        own(Some(number(f.sharpe, 2))),
        index.map(|x| number(x.sharpe, 2)),
        None,
    );
    if bills.is_some() {
        rows += &row("Sharpe over Treasury bills", own(Some(number(f.sharpe_over_bills, 2))), None, None);
    }
    let name = index.map_or_else(|| "Index".to_owned(), |x| html(&x.name));
    let compared = table("", &heads(&[("", false), ("Desk", true), (&name, true), ("3-month bills", true)]), &rows);

    let fact = |name: &str, shown: String| format!("<tr><td>{name}</td><td class=\"n\">{}</td></tr>\n", minus(&shown));
    let mut more = fact("Average result of a trade", or_none(f.average_trade, |x| format!("{x:.2}")));
    more += &fact(
        "its 95 % interval",
        f.average_trade_95.map_or_else(|| NONE.to_owned(), |(low, high)| format!("{low:.2} to {high:.2}")),
    );
    more += &fact("in multiples of the planned risk", or_none(f.average_r, |x| format!("{x:.2} R")));
    more += &format!(
        "<tr><td>Worst day</td><td class=\"n\">{}</td></tr>\n",
        or_none(f.worst_day, |(date, change)| format!("{} <span class=\"soft\">{date}</span>", minus(&signed(change))))
    );
    more += &fact("Bought in all, dollars", dollars(f.bought));
    more += &fact("Fees in all, dollars", dollars(f.fees));
    let dollars_each = table("", &heads(&[("", false), ("Desk", true)]), &more);
    format!(
        "<div class=\"split\"><div class=\"panel\">{compared}</div><div class=\"panel\">{dollars_each}</div></div>\n"
    )
}

/// Year by year: the bars, then the table.
pub(super) fn years(report: &Report) -> String {
    if report.years.is_empty() {
        return "<p class=\"none\">No session was closed: there is no year to show.</p>\n".to_owned();
    }
    let mut rows = String::new();
    let number_of = |n: usize| format!("<td class=\"n\">{}</td>", count(n as u64));
    let share = |won: usize, of: usize| if of == 0 { NONE.to_owned() } else { percent_to(won as f64 / of as f64, 0) };
    for year in &report.years {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td>{}{}{}{}<td class=\"n\">{}</td>{}{}<td class=\"n\">{}</td>{}</tr>",
            year.year,
            number_of(year.sessions),
            number_of(year.entries),
            number_of(year.closed),
            number_of(year.wins),
            minus(&share(year.wins, year.closed)),
            tone(&signed(year.pnl)),
            tone(&change(year.total_return)),
            minus(&percent(year.max_drawdown)),
            year.index.map_or_else(|| format!("<td class=\"n\">{NONE}</td>"), |x| tone(&change(x)))
        );
    }
    let f = &report.figures;
    let sum = |of: fn(&super::super::Year) -> usize| report.years.iter().map(of).sum::<usize>();
    let pnl: Decimal = report.years.iter().map(|year| year.pnl).sum();
    let _ = writeln!(
        rows,
        "<tr class=\"sum\"><td>All</td>{}{}{}{}<td class=\"n\">{}</td>{}{}<td class=\"n\">{}</td>{}</tr>",
        number_of(sum(|y| y.sessions)),
        number_of(sum(|y| y.entries)),
        number_of(sum(|y| y.closed)),
        number_of(sum(|y| y.wins)),
        minus(&share(f.winners, f.trades)),
        tone(&signed(pnl)),
        tone(&or_none(f.total_return, change)),
        minus(&percent(f.max_drawdown)),
        tone(&f.index.as_ref().map_or_else(|| NONE.to_owned(), |index| change(index.total_return)))
    );
    let name = f.index.as_ref().map_or_else(|| "Index".to_owned(), |index| html(&index.name));
    let names = [
        ("Year", false),
        ("Sessions", true),
        ("Entries", true),
        ("Closed", true),
        ("Won", true),
        ("Share won", true),
        ("Realised, $", true),
        ("Return", true),
        ("Drawdown", true),
        (&name, true),
    ];
    let bars = picture::bars(report);
    let bars =
        if bars.is_empty() { bars } else { format!("<div class=\"panel\"><div class=\"wide\">{bars}</div></div>\n") };
    format!("{bars}<div class=\"panel\">{}</div>\n", table("", &heads(&names), &rows))
}

/// What became of every slot, and of every function.
pub(super) fn work(report: &Report) -> String {
    let c = &report.counts;
    let share = |n: u64| if c.slots == 0 { 0.0 } else { n as f64 / c.slots as f64 };
    let line = |name: &str, means: &str, n: u64, class: &str| {
        format!(
            "<tr><td class=\"word\">{}</td><td class=\"soft\">{}</td>{}<td class=\"n\">{}</td><td class=\"n soft\">{}</td></tr>\n",
            html(name),
            html(means),
            bar(0.0, share(n), class),
            count(n),
            minus(&percent_to(share(n), 1))
        )
    };
    let mut rows = line("completed", "It did its work.", c.completed, "i-in");
    rows += &line(
        "\u{2003}no_data",
        "Of these: it found nothing to work on, mostly because nothing was held or found.",
        c.no_data,
        "i-part",
    );
    for skip in &report.skips {
        rows += &line(&skip.reason, &skip.means, skip.slots, "i-all");
    }
    if report.unavailable() == 0 {
        rows += &line("unavailable", words::skip("unavailable"), 0, "i-all");
    }
    rows += &line("failed", "It ended in an error.", c.failed, "i-out");
    let _ = writeln!(
        rows,
        "<tr class=\"sum\"><td>all</td><td></td><td></td><td class=\"n\">{}</td><td></td></tr>",
        count(c.slots)
    );
    let all = table(
        "fall-table work",
        &heads(&[("How slots ended", false), ("", false), ("", false), ("Slots", true), ("Share", true)]),
        &rows,
    );
    let (built, absent): (Vec<&FunctionRow>, Vec<&FunctionRow>) = report.functions.iter().partition(|row| row.built);
    let mut out = format!("<div class=\"panel\">{all}</div>\n");
    for (rows, what) in [
        (built, "functions that are built, wholly or for some of their rows"),
        (absent, "functions that are registered and not built yet"),
    ] {
        if !rows.is_empty() {
            let _ = writeln!(out, "<details><summary>{} {what}</summary>{}</details>", rows.len(), functions(&rows));
        }
    }
    out
}

fn functions(rows: &[&FunctionRow]) -> String {
    let found: BTreeSet<&str> = rows.iter().flat_map(|row| row.outcomes.keys().map(String::as_str)).collect();
    let first = OUTCOMES.iter().copied().filter(|word| found.contains(word));
    let words: Vec<&str> = first.chain(found.iter().copied().filter(|word| !OUTCOMES.contains(word))).collect();
    let mut names = vec![("Function".to_owned(), false), ("Group".to_owned(), false), ("Slots".to_owned(), true)];
    names.extend(words.iter().map(|word| (html(word), true)));
    let names: Vec<(&str, bool)> = names.iter().map(|(name, right)| (name.as_str(), *right)).collect();
    let mut text = String::new();
    for row in rows {
        let _ = write!(
            text,
            "<tr><td class=\"word mono\">{}</td><td class=\"soft\">{}</td>{}",
            html(&row.function),
            html(row.group.as_deref().unwrap_or("unknown to this build")),
            cell(&count(row.slots), &row.slots.to_string())
        );
        for word in &words {
            let n = row.outcomes.get(*word).copied().unwrap_or(0);
            text += &if n == 0 { cell("", "0") } else { cell(&count(n), &n.to_string()) };
        }
        text += "</tr>\n";
    }
    table("sorts", &heads(&names), &text)
}

/// What a reader must know.
pub(super) fn assumptions(report: &Report) -> String {
    let rows = report.assumptions.iter().fold(String::new(), |mut out, row| {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", html(&row.topic), super::minus_words(&html(&row.says)));
        out
    });
    format!("<dl class=\"plain\">\n{rows}</dl>\n")
}

/// Files, hashes, versions.
pub(super) fn provenance(report: &Report) -> String {
    let p = &report.provenance;
    let facts = [
        ("Trace", &p.trace_hash, true),
        ("Configuration", &p.config, true),
        ("Data", &p.data_hash, true),
        ("Build", &p.build, false),
        ("Calendar", &p.calendar, false),
        ("Time zones", &p.tzdata, false),
    ];
    let list = facts.iter().fold(String::new(), |mut out, (name, value, hash)| {
        let _ = writeln!(out, "<dt>{name}</dt><dd{}>{}</dd>", if *hash { " class=\"hash\"" } else { "" }, html(value));
        out
    });
    let mut rows = String::new();
    for file in &p.files {
        let short: String = file.sha256.chars().take(16).collect();
        let _ = writeln!(
            rows,
            "<tr><td class=\"mono word\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"mono\" title=\"{}\">{}&hellip;</td></tr>",
            html(&file.file),
            html(&file.holds),
            count(file.rows),
            html(&file.sha256),
            html(&short)
        );
    }
    let symbols: Vec<String> =
        p.symbols.iter().map(|(symbol, first, last)| format!("{} {first} to {last}", html(symbol))).collect();
    format!(
        "<dl class=\"plain\">\n{list}<dt>Bars</dt><dd>{}</dd></dl>\n<h3>Files</h3>\n<div class=\"panel\">{}</div>\n",
        symbols.join("; "),
        table("", &heads(&[("File", false), ("What it holds", false), ("Rows", true), ("SHA-256", false)]), &rows)
    )
}
