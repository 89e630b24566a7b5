//! Several venues side by side: when all are open, and on which dates they differ.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Exchange, Market, open_together};
use serde::Serialize;

use super::Format;
use crate::failure::Failure;
use crate::output::{Side, count, table};
use crate::settings::Shell;
use crate::when;

#[derive(Debug, Serialize)]
struct Stretch {
    from_utc: Timestamp,
    to_utc: Timestamp,
    minutes: i64,
}

/// Lists when all venues are open, from the first instant of one date to the last of another on the desk's clock.
///
/// # Errors
/// [`Failure`] outside the years that a venue knows.
pub fn overlap(
    shell: &Shell,
    market: &Market,
    venues: &[Exchange],
    (from, to): (Date, Date),
    format: Option<Format>,
) -> Result<(), Failure> {
    let midnight = |date: Date| market.instant(date.at(0, 0, 0, 0)).at;
    let end = to.tomorrow().map_err(|e| Failure::Broke { what: e.to_string() })?;
    let all: Vec<&Exchange> = venues.iter().collect();
    let rows: Vec<Stretch> = open_together(&all, midnight(from), midnight(end))?
        .into_iter()
        .map(|(from, to)| Stretch { from_utc: from, to_utc: to, minutes: from.duration_until(to).as_mins() })
        .collect();
    if shell.out.is_json() {
        return shell.out.array(&rows);
    }
    if format == Some(Format::Csv) {
        let mut text = "from_utc,to_utc,minutes\n".to_owned();
        for row in &rows {
            let _ = writeln!(text, "{},{},{}", row.from_utc, row.to_utc, row.minutes);
        }
        return shell.out.text(&text);
    }
    let header = ["DAY", "FROM", "TO", "OPEN TOGETHER"].map(|name| (name, Side::Left));
    let cells = |row: &Stretch| {
        vec![
            market.local(row.from_utc).strftime("%a %Y-%m-%d").to_string(),
            when::clock(row.from_utc, market),
            when::clock(row.to_utc, market),
            when::roughly(row.minutes * 60),
        ]
    };
    let mut text = table(&header, rows.iter().map(cells).collect());
    let total: SignedDuration = rows.iter().map(|row| row.from_utc.duration_until(row.to_utc)).sum();
    let names: Vec<&str> = venues.iter().map(Exchange::id).collect();
    let _ = writeln!(
        text,
        "\n{}: {} in {}, times in {}",
        names.join(" and "),
        when::roughly(total.as_secs()),
        if rows.len() == 1 { "1 stretch".to_owned() } else { format!("{} stretches", rows.len()) },
        market.zone_name()
    );
    shell.out.text(&text)
}

#[derive(Debug, Serialize)]
struct Difference {
    date: Date,
    trades: String,
    rests: String,
    why: String,
}

/// Lists the dates on which one of two venues trades and the other does not.
///
/// # Errors
/// [`Failure`] outside the years that a venue knows.
pub fn diff(
    shell: &Shell,
    a: &Exchange,
    b: &Exchange,
    (from, to): (Date, Date),
    format: Option<Format>,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut day = from;
    while day <= to {
        let (in_a, in_b) = (a.is_session_date(day)?, b.is_session_date(day)?);
        if in_a != in_b {
            let (trades, rests) = if in_a { (a, b) } else { (b, a) };
            let why = rests.holiday_on(day)?.unwrap_or("not a day of its week").to_owned();
            rows.push(Difference { date: day, trades: trades.id().into(), rests: rests.id().into(), why });
        }
        day = day.tomorrow().map_err(|e| Failure::Broke { what: e.to_string() })?;
    }
    if shell.out.is_json() {
        return shell.out.array(&rows);
    }
    if format == Some(Format::Csv) {
        let mut text = "date,trades,rests,why\n".to_owned();
        for row in &rows {
            let _ = writeln!(text, "{},{},{},\"{}\"", row.date, row.trades, row.rests, row.why.replace('"', "\"\""));
        }
        return shell.out.text(&text);
    }
    let header = ["DATE", "", "TRADES", "RESTS", "WHY"].map(|name| (name, Side::Left));
    let cells = |row: &Difference| {
        let weekday = row.date.strftime("%a").to_string();
        vec![row.date.to_string(), weekday, row.trades.clone(), row.rests.clone(), row.why.clone()]
    };
    let mut text = table(&header, rows.iter().map(cells).collect());
    let _ = writeln!(text, "\n{} on which {} and {} differ", count(rows.len(), "date"), a.id(), b.id());
    shell.out.text(&text)
}
