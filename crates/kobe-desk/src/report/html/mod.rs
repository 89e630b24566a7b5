//! The report as one HTML page: no network, no font, no picture from elsewhere; light or dark as the reader's screen is, and fit for paper.
//!
//! The page is whole without its script, which only sorts tables and reads values off the curve. Everything that is not a number of ours goes through
//! [`text::html`](super::text::html). Start at [`page`].

mod equity;
mod funnel;
mod svg;
mod tables;
mod trades;
mod years;

use std::fmt::Write as _;

use super::figures::ENOUGH_TRADES;
use super::text::{self, NONE, change, dollars, html, many, number, or_none, percent, percent_to, signed};
use super::{Report, words};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Writes the page.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::with_capacity(400_000);
    out += "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    let _ = writeln!(
        out,
        "<title>{}Kobe: {}</title>",
        if report.halt.is_some() { "HALTED: " } else { "" },
        html(&report.title)
    );
    let _ = writeln!(out, "<style>\n{STYLE}</style>\n</head>\n<body>");
    out += &alarms(report);
    out += &head(report);
    let sections = [
        ("figures", "Key figures", "Where it ended, beside the index and beside doing nothing.".to_owned(), figures(report)),
        ("curve-of-equity", "Equity", under_equity(report), curve(report)),
        ("fall", "Drawdown", under_drawdown(report), or_words(equity::drawdown(report), "Equity never fell below where it had been: there is nothing to draw.")),
        ("by-year", "Year by year", "Entries and results by the year in which they happened; a trade may begin in one year and end in the next.".to_owned(), tables::years(report)),
        ("funnel", "From symbols to fills", "Every symbol on every session, what was found there, and the first gate that refused it.".to_owned(), funnel::section(report)),
        ("trades", "Trades", under_trades(report), trades::section(report)),
        ("work", "What the desk did", under_work(report), tables::work(report)),
        ("not-simulated", "What was not simulated", "Read this before believing a figure.".to_owned(), tables::assumptions(report)),
        ("provenance", "Where it comes from", "The same build, configuration and data give the same trace, bit for bit.".to_owned(), tables::provenance(report)),
    ];
    out += "<nav aria-label=\"Sections\">";
    for (id, title, ..) in &sections {
        let _ = write!(out, "<a href=\"#{id}\">{title}</a>");
    }
    out += "</nav>\n";
    for (id, title, under, body) in &sections {
        let _ = writeln!(
            out,
            "<section id=\"{id}\">\n<h2>{title}</h2>\n<p class=\"under-title\">{}</p>\n{body}</section>",
            html(under)
        );
    }
    out += &foot(report);
    out += &data(report);
    let _ = write!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

/// Writes numbers as print has them: a real minus, and a space that does not break before the per cent sign.
fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}").replace(" %", "\u{202f}%")
}

fn or_words(picture: String, none: &str) -> String {
    if picture.is_empty() {
        format!("<p class=\"none\">{}</p>\n", html(none))
    } else {
        format!("<div class=\"panel\"><div class=\"wide\">{picture}</div></div>\n")
    }
}

/// What must be read before anything else.
fn alarms(report: &Report) -> String {
    let mut out = String::new();
    if let Some(halt) = &report.halt {
        let _ = writeln!(
            out,
            "<div class=\"alarm\" role=\"alert\"><p><strong>{}</strong></p><p>{}</p></div>",
            html(&words::halt(halt)),
            html(&words::after_halt(halt))
        );
    }
    if !report.defects.is_empty() {
        let list: Vec<String> = report.defects.iter().map(|defect| html(defect)).collect();
        let _ = writeln!(
            out,
            "<div class=\"alarm\" role=\"alert\"><p><strong>The books refuse facts of this run, so no figure below can be trusted.</strong></p><p>{}</p></div>",
            list.join("<br>")
        );
    }
    out
}

fn head(report: &Report) -> String {
    let f = &report.figures;
    let p = &report.provenance;
    let meta = format!(
        "{} to {}, {}. {}, data until {}, trace {}.",
        text::day(report.from),
        text::day(report.to),
        many(f.sessions as u64, "session", "sessions"),
        p.build,
        p.data_as_of,
        p.trace_hash.chars().take(12).collect::<String>()
    );
    format!(
        "<header>\n<p class=\"eyebrow\">Kobe &middot; report of a simulated desk</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p>{}</p>\n<p class=\"soft\">{}</p>\n</header>\n",
        html(&report.title),
        minus_words(&html(&words::summary(report))),
        minus_words(&html(&words::caution(report))),
        html(&meta)
    )
}

/// Puts a real minus before numbers in a sentence and leaves hyphens alone.
fn minus_words(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len());
    let mut chars = sentence.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let negative = c == '-' && before == ' ' && chars.peek().is_some_and(char::is_ascii_digit);
        out.push(if negative { '\u{2212}' } else { c });
        before = c;
    }
    out.replace(" %", "\u{202f}%")
}

fn card(name: &str, figure: &str, beside: &str) -> String {
    format!(
        "<div class=\"card\"><dt>{name}</dt><dd class=\"figure\">{}</dd><dd class=\"beside\">{}</dd></div>",
        minus(figure),
        minus_words(beside)
    )
}

fn figures(report: &Report) -> String {
    let f = &report.figures;
    let trades = f.trades as u64;
    let days = f.max_drawdown_days.map_or_else(
        || "never below an earlier close".to_owned(),
        |(peak, trough)| format!("from {} to {}", text::day(peak), text::day(trough)),
    );
    let sharpe = if f.enough_trades {
        "daily returns, no riskless rate taken off".to_owned()
    } else {
        format!("<span class=\"flag\">insufficient</span> {trades} of {ENOUGH_TRADES} trades")
    };
    let mut out = "<dl class=\"cards\">".to_owned();
    out +=
        &card("Final equity", &dollars(f.equity_end), &format!("{} from {}", signed(f.gain), dollars(f.equity_start)));
    out += &match f.cagr {
        Some(cagr) => {
            card("Return a year", &change(cagr), &or_none(f.total_return, |total| format!("{} in all", change(total))))
        }
        None => card("Return", &or_none(f.total_return, change), "under a year: no yearly rate"),
    };
    out += &card("Largest drawdown", &percent(f.max_drawdown), &days);
    out += &card("Sharpe", &number(f.sharpe, 2), &sharpe);
    out += &card(
        "Closed trades",
        &text::count(trades),
        &f.average_held.map_or_else(
            || "nothing was bought and sold".to_owned(),
            |held| format!("{} won, {} lost; held {held:.1} sessions", f.winners, f.losers),
        ),
    );
    out += &card(
        "Win rate",
        &or_none(f.win_rate, |rate| percent_to(rate, 1)),
        &f.win_rate_95.map_or_else(
            || "no trade to count".to_owned(),
            |(low, high)| format!("95 % interval {:.1} to {:.1} % (Wilson)", low * 100.0, high * 100.0),
        ),
    );
    out += &card(
        "Profit factor",
        &number(f.profit_factor, 2),
        &if f.trades == 0 {
            "no trade to count".to_owned()
        } else {
            format!("average win {}, loss {}", number(f.average_win, 2), number(f.average_loss, 2))
        },
    );
    out += &card(
        "Money at work",
        &or_none(f.exposure, percent),
        &f.days_exposed.map_or_else(
            || "no close to count".to_owned(),
            |x| format!("of equity, on average at the close; a position over {} of closes", percent_to(x, 1)),
        ),
    );
    out += "</dl>\n";
    out += &tables::beside(report);
    out
}

fn under_equity(report: &Report) -> String {
    let own = "The desk has its own axis on the left, scaled to its own small range";
    match &report.figures.index {
        Some(index) => format!(
            "{own}; {} has another on the right. The lines therefore do not compare in height: the strip below shows both on one scale.",
            index.name
        ),
        None => format!("{own}."),
    }
}

fn curve(report: &Report) -> String {
    let picture = equity::equity(report);
    if picture.is_empty() {
        return "<p class=\"none\">No session was closed: there is no curve.</p>\n".to_owned();
    }
    let key = |mark: &str, what: &str| {
        format!("<span><svg viewBox=\"0 0 20 12\" aria-hidden=\"true\">{mark}</svg>{what}</span>")
    };
    let mut legend = key(r#"<path class="own line" d="M0 6H20"/>"#, "<b>Equity</b>, dollars, left");
    if let Some(index) = &report.figures.index {
        legend +=
            &key(r#"<path class="index line" d="M0 6H20"/>"#, &format!("<b>{}</b>, points, right", html(&index.name)));
    }
    if !report.trades.is_empty() || !report.open.is_empty() {
        legend += &key(r#"<circle class="entry" cx="10" cy="6" r="3.4"/>"#, "entry");
    }
    if !report.trades.is_empty() {
        legend += &key(r#"<path class="win mark" d="M10 1L15 10H5Z"/>"#, "exit with a win");
        legend += &key(r#"<path class="loss mark" d="M10 11L15 2H5Z"/>"#, "exit with a loss");
    }
    if !report.fomc.is_empty() {
        legend += &key(r#"<path class="fomc" d="M10 1V11"/>"#, "FOMC decision");
    }
    let mut out = format!(
        "<div class=\"panel\"><div class=\"legend\">{legend}</div><div class=\"tip\" aria-hidden=\"true\"></div><div class=\"wide\">{picture}</div></div>\n"
    );
    let same = equity::same_scale(report);
    if !same.is_empty() {
        let _ = writeln!(
            out,
            "<div class=\"panel\"><div class=\"legend\"><span>The same two lines on one scale, both 100 at the start</span></div><div class=\"wide\">{same}</div></div>"
        );
    }
    out
}

fn under_drawdown(report: &Report) -> String {
    let index = report
        .figures
        .index
        .as_ref()
        .map(|index| format!(" {} fell by up to {} in the same time.", index.name, percent(index.max_drawdown)));
    format!("How far equity stood below its highest close so far.{}", index.unwrap_or_default())
}

fn under_trades(report: &Report) -> String {
    match (report.trades.len(), report.open.len()) {
        (0, 0) => "Nothing was bought.".to_owned(),
        (_, 0) => "In the order in which they were closed. A click on a head sorts.".to_owned(),
        (_, open) => format!(
            "In the order in which they were closed; {} at the end.",
            many(open as u64, "position is still open", "positions are still open")
        ),
    }
}

fn under_work(report: &Report) -> String {
    format!(
        "{} of tasks came up. Each one ended in exactly one of these ways.",
        many(report.counts.slots, "slot", "slots")
    )
}

fn foot(report: &Report) -> String {
    let wall =
        report.provenance.wall_seconds.map_or_else(String::new, |seconds| format!(" The run took {seconds:.1} s."));
    format!(
        "<footer>Written by {} from the stored facts of the run.{wall} Simulated trades only: no order left this machine. No advice.</footer>\n",
        html(&report.provenance.build)
    )
}

/// Values for the script: numbers and dates only.
fn data(report: &Report) -> String {
    let list = |items: Vec<String>| items.join(",");
    let dates = list(report.curve.iter().map(|point| format!("\"{}\"", point.date)).collect());
    let equity = list(report.curve.iter().map(|point| point.equity.to_string()).collect());
    let index = list(
        report.curve.iter().map(|point| point.index.map_or_else(|| "null".to_owned(), |x| format!("{x:.2}"))).collect(),
    );
    let name: String = report
        .figures
        .index
        .iter()
        .flat_map(|index| index.name.chars())
        .filter(|c| c.is_ascii_alphanumeric() || *c == ' ')
        .collect();
    format!(
        "<script type=\"application/json\" id=\"curve\">{{\"name\":\"{name}\",\"dates\":[{dates}],\"equity\":[{equity}],\"index\":[{index}]}}</script>\n"
    )
}

/// Writes a cell with a number; the plain value behind it is what sorting compares.
fn cell(shown: &str, value: &str) -> String {
    format!("<td class=\"n\" data-v=\"{value}\">{}</td>", minus(shown))
}

fn maybe(shown: Option<String>) -> String {
    shown.map_or_else(|| NONE.to_owned(), |text| minus(&text))
}
