//! The days of a year that are not ordinary, and a month as a picture.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use kobe_calendar::{Coverage, Exchange};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Side, table};
use crate::settings::Shell;

/// A day that is not ordinary.
#[derive(Debug, Serialize)]
struct Special {
    date: Date,
    kind: &'static str,
    name: String,
    open_utc: Option<Timestamp>,
    close_utc: Option<Timestamp>,
}

/// Lists holidays, early closes, late opens and days in doubt of a year.
///
/// # Errors
/// [`Failure::Usage`] for a year that the venue does not know.
pub fn holidays(shell: &Shell, venue: &Exchange, year: i16) -> Result<(), Failure> {
    let span = venue.span();
    if year < span.from.year() || year > span.projected_to.year() {
        let what = format!("{} is known from {} to {}", venue.id(), span.from, span.projected_to);
        return Err(Failure::usage(what, "ask for a year in that time"));
    }
    let (from, to) = (date(year, 1, 1).max(span.from), date(year, 12, 31).min(span.projected_to));
    let specials = specials(venue, from, to)?;
    if shell.out.is_json() {
        return shell.out.array(&specials);
    }
    let header = ["DATE", "", "", "NAME"].map(|name| (name, Side::Left));
    let cells =
        |s: &Special| vec![s.date.to_string(), s.date.strftime("%a").to_string(), s.words(venue), s.name.clone()];
    let mut text = table(&header, specials.iter().map(cells).collect());
    let words = match (venue.coverage(from), venue.coverage(to)) {
        (Coverage::Confirmed, Coverage::Confirmed) => "confirmed".to_owned(),
        (Coverage::Confirmed, _) => format!("confirmed to {}, then projected from the rules", span.confirmed_to),
        _ => "projected from the rules".to_owned(),
    };
    let _ = writeln!(text, "\n{} {year}: {words}", venue.id());
    shell.out.text(&text)
}

impl Special {
    fn words(&self, venue: &Exchange) -> String {
        let clock = |t: Option<Timestamp>| {
            t.map_or(String::new(), |t| t.to_zoned_datetime(venue.zone().clone()).strftime("%H:%M").to_string())
        };
        match self.kind {
            "holiday" => "closed".to_owned(),
            "early_close" => format!("closes {}", clock(self.close_utc)),
            "late_open" => format!("opens {}", clock(self.open_utc)),
            "extra_session" => format!("{}-{}", clock(self.open_utc), clock(self.close_utc)),
            _ => "not certain".to_owned(),
        }
    }
}

/// Lists what is not ordinary from one date to another, both included.
fn specials(venue: &Exchange, from: Date, to: Date) -> Result<Vec<Special>, Failure> {
    let mut specials = Vec::new();
    let mut day = from;
    while day <= to {
        let (mut kind, mut name, mut bells) = ("", String::new(), (None, None));
        if let Some(holiday) = venue.holiday_on(day)? {
            (kind, name) = ("holiday", holiday.to_owned());
        } else if let Ok(Some(s)) = venue.session_on(day) {
            kind = match (s.early_close, s.late_open, &s.note) {
                (true, ..) => "early_close",
                (_, true, _) => "late_open",
                (.., Some(_)) => "extra_session",
                _ => "",
            };
            name = s.note.as_deref().unwrap_or_default().to_owned();
            bells = (Some(s.open), Some(s.close));
        }
        if kind.is_empty()
            && let Some((near, projected)) = venue.doubt_on(day)
        {
            (kind, name) = ("unknown", format!("near {near}, projected for {projected}"));
        }
        if !kind.is_empty() {
            specials.push(Special { date: day, kind, name, open_utc: bells.0, close_utc: bells.1 });
        }
        day = day.tomorrow().map_err(|e| Failure::Broke { what: e.to_string() })?;
    }
    Ok(specials)
}

/// Draws a month: one mark a day, and below it what is not ordinary.
///
/// # Errors
/// [`Failure::Usage`] for a month that the venue does not know.
pub fn month(shell: &Shell, venue: &Exchange, within: Date) -> Result<(), Failure> {
    let (first, last) = (within.first_of_month(), within.last_of_month());
    venue.session_dates(first, last)?;
    let specials = specials(venue, first, last)?;
    if shell.out.is_json() {
        return shell.out.array(&specials);
    }
    let paint = shell.out.paint();
    let mut text = format!("{}, {}\n{}\n\n", venue.id(), venue.title(), first.strftime("%B %Y"));
    text.push_str("  Mon  Tue  Wed  Thu  Fri  Sat  Sun\n");
    text.push_str(&"     ".repeat(first.weekday().to_monday_zero_offset() as usize));
    let mut day = first;
    while day <= last {
        let mark = match specials.iter().find(|s| s.date == day).map(|s| s.kind) {
            Some("holiday") => paint.red(format!("{:>4}x", day.day())),
            Some("unknown") => paint.yellow(format!("{:>4}?", day.day())),
            Some("extra_session") => paint.green(format!("{:>4}+", day.day())),
            Some(_) => paint.yellow(format!("{:>4}~", day.day())),
            None if venue.is_session_date(day)? => format!("{:>4} ", day.day()),
            None => paint.dim(format!("{:>4}.", day.day())),
        };
        text.push_str(&mark);
        if day.weekday() == jiff::civil::Weekday::Sunday && day < last {
            text.push('\n');
        }
        day = day.tomorrow().map_err(|e| Failure::Broke { what: e.to_string() })?;
    }
    text.push('\n');
    if !specials.is_empty() {
        text.push('\n');
    }
    for s in &specials {
        let _ = writeln!(text, "  {} {}  {:<13} {}", s.date.strftime("%a"), s.date, s.words(venue), s.name);
    }
    let sessions = venue.session_dates(first, last)?.len();
    let _ = writeln!(
        text,
        "\n{}; x closed, ~ other hours, + extra session, ? not certain, . not a day of its week",
        crate::output::count(sessions, "session")
    );
    shell.out.text(&text)
}
