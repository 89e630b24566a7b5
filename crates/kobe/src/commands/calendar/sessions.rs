//! Sessions as rows: for people with the desk's clock beside the venue's, as CSV and JSON in UTC.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Coverage, Exchange, Market, Session};
use serde::Serialize;

use super::Format;
use crate::failure::Failure;
use crate::output::{Side, table};
use crate::settings::Shell;

/// One session; without instants where only its date is known.
#[derive(Debug, Serialize)]
pub struct Row {
    date: Date,
    open_utc: Option<Timestamp>,
    break_start_utc: Option<Timestamp>,
    break_end_utc: Option<Timestamp>,
    close_utc: Option<Timestamp>,
    post_close_utc: Option<Timestamp>,
    breaks_utc: Vec<(Timestamp, Timestamp)>,
    early_close: bool,
    late_open: bool,
    note: Option<String>,
    coverage: Coverage,
}

impl Row {
    /// Returns the row of a session whose hours are known.
    pub fn timed(s: &Session, venue: &Exchange) -> Row {
        Row {
            date: s.date,
            open_utc: Some(s.open),
            break_start_utc: s.pauses.first().map(|(from, _)| *from),
            break_end_utc: s.pauses.first().map(|(_, to)| *to),
            close_utc: Some(s.close),
            post_close_utc: Some(s.post_close).filter(|post| *post > s.close),
            breaks_utc: s.pauses.clone(),
            early_close: s.early_close,
            late_open: s.late_open,
            note: s.note.as_deref().map(str::to_owned),
            coverage: venue.coverage(s.date),
        }
    }

    fn untimed(date: Date, venue: &Exchange) -> Row {
        Row {
            date,
            open_utc: None,
            break_start_utc: None,
            break_end_utc: None,
            close_utc: None,
            post_close_utc: None,
            breaks_utc: Vec::new(),
            early_close: false,
            late_open: false,
            note: None,
            coverage: venue.coverage(date),
        }
    }
}

/// Returns the rows of a range of dates, both included.
///
/// # Errors
/// [`Failure`] outside the years that the venue knows.
pub fn rows(venue: &Exchange, from: Date, to: Date) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for date in venue.session_dates(from, to)? {
        match venue.session_on(date) {
            Ok(session) => rows.extend(session.iter().map(|s| Row::timed(s, venue))),
            Err(CalendarError::TimesUnknown { .. }) => rows.push(Row::untimed(date, venue)),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(rows)
}

/// Writes rows.
///
/// # Errors
/// [`Failure`] when stdout is closed.
pub fn show(
    shell: &Shell,
    market: &Market,
    venue: &Exchange,
    rows: &[Row],
    format: Option<Format>,
) -> Result<(), Failure> {
    if shell.out.is_json() {
        return shell.out.array(rows);
    }
    if format == Some(Format::Csv) {
        let mut text = "date,open_utc,break_start_utc,break_end_utc,close_utc\n".to_owned();
        for row in rows {
            let times = [row.open_utc, row.break_start_utc, row.break_end_utc, row.close_utc].map(super::utc);
            let _ = writeln!(text, "{},{}", row.date, times.join(","));
        }
        return shell.out.text(&text);
    }
    let abroad = venue.zone_name() != market.zone_name();
    let clock = |at: Option<Timestamp>, zone: &jiff::tz::TimeZone, date: Date| match at {
        None => "unknown".to_owned(),
        Some(at) => {
            let local = at.to_zoned_datetime(zone.clone());
            // A session may open on the day before, and another clock may show another day.
            let form = if local.date() == date { "%H:%M" } else { "%a %H:%M" };
            local.strftime(form).to_string()
        }
    };
    let mut header = vec![
        ("DATE", Side::Left),
        ("", Side::Left),
        ("OPEN", Side::Left),
        ("BREAK", Side::Left),
        ("CLOSE", Side::Left),
    ];
    let breaks = rows.iter().any(|row| !row.breaks_utc.is_empty());
    if !breaks {
        header.remove(3);
    }
    if abroad {
        header.extend([("DESK OPEN", Side::Left), ("DESK CLOSE", Side::Left)]);
    }
    header.push(("", Side::Left));
    let cells = |row: &Row| {
        let mut words: Vec<String> = Vec::new();
        if row.early_close {
            words.push("early close".into());
        }
        if row.late_open {
            words.push("late open".into());
        }
        words.extend(row.note.clone());
        if let Some((name, _)) = venue.doubt_on(row.date) {
            words.push(format!("not certain: near {name}"));
        }
        let own = |at| clock(at, venue.zone(), row.date);
        let mut cells = vec![row.date.to_string(), row.date.strftime("%a").to_string(), own(row.open_utc)];
        if breaks {
            let told = row.breaks_utc.iter().map(|(from, to)| format!("{}-{}", own(Some(*from)), own(Some(*to))));
            cells.push(told.collect::<Vec<_>>().join(" "));
        }
        cells.push(own(row.close_utc));
        if abroad {
            cells.extend([row.open_utc, row.close_utc].map(|at| clock(at, market.zone(), row.date)));
        }
        cells.push(words.join(": "));
        cells
    };
    let mut text = table(&header, rows.iter().map(cells).collect());
    let desk = if abroad { format!(", the desk's in {}", market.zone_name()) } else { String::new() };
    let n = crate::output::count(rows.len(), "session");
    let _ = writeln!(text, "\n{n}, times in {}{desk}", venue.zone_name());
    shell.out.text(&text)
}
