//! `kobe calendar`: market time, venue by venue.

mod at;
mod sessions;
mod together;
mod year;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Exchange, Market, Overlay};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Side, table};
use crate::settings::Shell;
use crate::when;
use sessions::Row;

/// Arguments of `kobe calendar`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Answers come from rules, never from a list of dates that ends: `list` shows how far each venue is confirmed, and how far \
only projected. With --overlay, what operators declared counts too, as known at --known-at.

Examples:
  kobe calendar list
  kobe calendar sessions XTKS --from 2026-12-28 --to 2027-01-08
  kobe calendar month XHKG 2027-02
  kobe calendar at XNYS 2026-11-27T12:59 2026-11-27T13:00
  kobe calendar at XNYS - --format csv < instants.txt
  kobe calendar holidays XLON 2027
  kobe calendar overlap XNYS XLON --from 2026-11-23 --to 2026-11-27
  kobe calendar diff XNYS XTSE --from 2026-01-01 --to 2026-12-31
  kobe calendar next XNYS --count 3")]
pub struct Args {
    /// A file of declared closures, early closes and halts
    #[arg(long, value_name = "FILE", global = true)]
    overlay: Option<PathBuf>,
    /// Leave out what was declared after this moment; now if nothing is said
    #[arg(long, value_name = "T", global = true, requires = "overlay")]
    known_at: Option<String>,
    #[command(subcommand)]
    question: Question,
}

/// A range of dates, both included.
#[derive(Debug, clap::Args)]
struct Range {
    /// The first date
    #[arg(long, value_name = "D")]
    from: String,
    /// The last date
    #[arg(long, value_name = "D")]
    to: String,
}

impl Range {
    fn dates(&self, market: &Market) -> Result<(Date, Date), Failure> {
        let (from, to) = (when::date(&self.from, market)?, when::date(&self.to, market)?);
        if from > to {
            return Err(Failure::usage(format!("{from} is after {to}"), "`--from` names the first date"));
        }
        Ok((from, to))
    }
}

#[derive(Debug, Subcommand)]
enum Question {
    /// List the venues and how far they are known
    List,
    /// List sessions
    Sessions {
        /// The venue, by MIC or alias
        mic: String,
        #[command(flatten)]
        range: Range,
        /// How to write the answer
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// Tell of instants whether the market is open, and which bells are near
    At {
        /// The venue, by MIC or alias
        mic: String,
        /// The instants; `-`, or none, reads them from stdin, one a line
        #[arg(value_name = "T")]
        instants: Vec<String>,
        /// How to write the answer
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// List holidays, early closes and late opens of a year
    Holidays {
        /// The venue, by MIC or alias
        mic: String,
        /// The year
        year: i16,
    },
    /// Draw a month
    Month {
        /// The venue, by MIC or alias
        mic: String,
        /// The month, such as 2026-12; this one if nothing is said
        #[arg(value_name = "YYYY-MM")]
        month: Option<String>,
    },
    /// Show the next sessions
    Next {
        /// The venue, by MIC or alias
        mic: String,
        /// Sessions that close after this moment; now if nothing is said
        #[arg(long, value_name = "T")]
        after: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// List when several venues are open at once
    Overlap {
        /// The venues, by MIC or alias
        #[arg(required = true, num_args = 2.., value_name = "MIC")]
        mics: Vec<String>,
        #[command(flatten)]
        range: Range,
        /// How to write the answer
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// List the dates on which only one of two venues trades
    Diff {
        /// One venue, by MIC or alias
        mic: String,
        /// The other
        other: String,
        #[command(flatten)]
        range: Range,
        /// How to write the answer
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
}

/// How an answer is written, other than for people: CSV is in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let venues = Venues::of(args, shell, &market)?;
    match &args.question {
        Question::List => list(shell)?,
        Question::Sessions { mic, range, format } => {
            let venue = venues.find(mic)?;
            let (from, to) = range.dates(&market)?;
            sessions::show(shell, &market, &venue, &sessions::rows(&venue, from, to)?, *format)?;
        }
        Question::At { mic, instants, format } => at::answer(shell, &market, &venues.find(mic)?, instants, *format)?,
        Question::Holidays { mic, year } => year::holidays(shell, &venues.find(mic)?, *year)?,
        Question::Month { mic, month } => year::month(shell, &venues.find(mic)?, month_of(month, shell, &market)?)?,
        Question::Next { mic, after, count } => {
            let venue = venues.find(mic)?;
            let after = match after {
                Some(text) => when::instant(text, &market)?,
                None => shell.now(),
            };
            sessions::show(shell, &market, &venue, &next(&venue, after, *count)?, None)?;
        }
        Question::Overlap { mics, range, format } => {
            let all = mics.iter().map(|mic| venues.find(mic)).collect::<Result<Vec<_>, _>>()?;
            together::overlap(shell, &market, &all, range.dates(&market)?, *format)?;
        }
        Question::Diff { mic, other, range, format } => {
            let (a, b) = (venues.find(mic)?, venues.find(other)?);
            together::diff(shell, &a, &b, range.dates(&market)?, *format)?;
        }
    }
    Ok(Exit::Fine)
}

fn next(venue: &Exchange, after: Timestamp, count: u16) -> Result<Vec<Row>, Failure> {
    let mut found = Vec::new();
    let mut session = venue.session_after(after)?;
    for _ in 0..count {
        let next = venue.session_after(session.close);
        found.push(Row::timed(&session, venue));
        match next {
            Ok(next) => session = next,
            Err(CalendarError::OutOfCoverage { .. }) => break,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(found)
}

fn month_of(text: &Option<String>, shell: &Shell, market: &Market) -> Result<Date, Failure> {
    let Some(text) = text else { return Ok(market.date_of(shell.now())) };
    format!("{}-01", text.trim())
        .parse::<Date>()
        .or_else(|_| text.trim().parse::<Date>())
        .map_err(|_| Failure::usage(format!("`{text}` is no month"), "write a month like 2026-12"))
}

/// The venues of the program, with what was declared about them.
struct Venues {
    overlay: Option<(Overlay, Timestamp, PathBuf)>,
}

impl Venues {
    fn of(args: &Args, shell: &Shell, market: &Market) -> Result<Venues, Failure> {
        let Some(path) = &args.overlay else { return Ok(Venues { overlay: None }) };
        let text = std::fs::read_to_string(path).map_err(|source| Failure::Read { path: path.clone(), source })?;
        let overlay = Overlay::parse(&text).map_err(|error| in_file(path, &error))?;
        let known_at = match &args.known_at {
            Some(text) => when::instant(text, market)?,
            None => shell.now(),
        };
        Ok(Venues { overlay: Some((overlay, known_at, path.clone())) })
    }

    fn find(&self, mic: &str) -> Result<Exchange, Failure> {
        let venue = Exchange::bundled(mic).ok_or_else(|| {
            let known: Vec<&str> = Exchange::bundled_ids().collect();
            Failure::usage(
                format!("no venue is called `{mic}`"),
                format!("known: {}; `kobe calendar list`", known.join(", ")),
            )
        })?;
        match &self.overlay {
            None => Ok(venue),
            Some((overlay, at, path)) => venue.with_overlay(overlay, *at).map_err(|error| in_file(path, &error)),
        }
    }
}

fn in_file(path: &std::path::Path, error: &kobe_calendar::RuleError) -> Failure {
    Failure::usage(format!("{}, {error}", path.display()), error.hint())
}

fn utc(at: Option<Timestamp>) -> String {
    at.map_or(String::new(), |t| t.to_string())
}

#[derive(Debug, Serialize)]
struct Venue {
    mic: String,
    zone: String,
    from: Date,
    confirmed_to: Date,
    projected_to: Date,
    times_from: Date,
    title: String,
    aliases: Vec<String>,
    version: String,
    tzdb: &'static str,
}

fn list(shell: &Shell) -> Result<(), Failure> {
    let venues: Vec<Venue> = Exchange::bundled_ids()
        .filter_map(Exchange::bundled)
        .map(|e| Venue {
            mic: e.id().to_owned(),
            zone: e.zone_name().to_owned(),
            from: e.span().from,
            confirmed_to: e.span().confirmed_to,
            projected_to: e.span().projected_to,
            times_from: e.span().times_from,
            title: e.title().to_owned(),
            aliases: e.aliases().to_vec(),
            version: e.version().to_owned(),
            tzdb: kobe_calendar::tzdb_version(),
        })
        .collect();
    if shell.out.is_json() {
        return shell.out.array(&venues);
    }
    let header = ["MIC", "ZONE", "DATES FROM", "HOURS FROM", "CONFIRMED TO", "PROJECTED TO", "NAME"]
        .map(|name| (name, Side::Left));
    let cells = |v: &Venue| {
        let dates = [v.from, v.times_from, v.confirmed_to, v.projected_to].map(|d| d.to_string());
        let mut cells = vec![v.mic.clone(), v.zone.clone()];
        cells.extend(dates);
        cells.push(if v.aliases.is_empty() {
            v.title.clone()
        } else {
            format!("{} ({})", v.title, v.aliases.join(", "))
        });
        cells
    };
    let mut text = table(&header, venues.iter().map(cells).collect());
    let _ = writeln!(text, "\ntime zones: {}", kobe_calendar::tzdb_version());
    shell.out.text(&text)
}
