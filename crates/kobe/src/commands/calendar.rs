//! `kobe calendar`: market time, venue by venue.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal};

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use kobe_calendar::{CalendarError, Exchange, Market, Phase, Session};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Side, table};
use crate::settings::Shell;
use crate::when;

/// Arguments of `kobe calendar`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe calendar list
  kobe calendar sessions XNYS --from 2026-11-23 --to 2026-11-30
  kobe calendar at XNYS 2026-11-27T12:59 2026-11-27T13:00
  kobe calendar holidays XNYS 2026
  kobe calendar next XNYS --count 3")]
pub struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// List the venues and how far they are known
    List,
    /// List sessions
    Sessions {
        /// The venue, by MIC or alias
        mic: String,
        /// The first date
        #[arg(long, value_name = "D")]
        from: String,
        /// The last date
        #[arg(long, value_name = "D")]
        to: String,
        /// How to write the answer
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// Tell of instants whether the market is open, and which bells are near
    At {
        /// The venue, by MIC or alias
        mic: String,
        /// The instants; one a line on stdin if none is given
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
}

/// How an answer is written, other than for people: CSV is in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    match &args.question {
        Question::List => list(shell)?,
        Question::Sessions { mic, from, to, format } => {
            let venue = venue(mic)?;
            let (from, to) = (when::date(from, &market)?, when::date(to, &market)?);
            if from > to {
                return Err(Failure::usage(format!("{from} is after {to}"), "`--from` names the first date"));
            }
            sessions(shell, &venue, rows(&venue, from, to)?, *format)?;
        }
        Question::At { mic, instants, format } => at(shell, &market, &venue(mic)?, instants, *format)?,
        Question::Holidays { mic, year } => holidays(shell, &venue(mic)?, *year)?,
        Question::Next { mic, after, count } => {
            let venue = venue(mic)?;
            let after = match after {
                Some(text) => when::instant(text, &market)?,
                None => shell.now(),
            };
            let mut found = Vec::new();
            let mut session = venue.session_after(after)?;
            for _ in 0..*count {
                let next = venue.session_after(session.close);
                found.push(Row::timed(&session));
                match next {
                    Ok(next) => session = next,
                    Err(CalendarError::OutOfCoverage { .. }) => break,
                    Err(other) => return Err(other.into()),
                }
            }
            sessions(shell, &venue, found, None)?;
        }
    }
    Ok(Exit::Fine)
}

fn venue(mic: &str) -> Result<Exchange, Failure> {
    Exchange::bundled(mic).ok_or_else(|| {
        let known: Vec<&str> = Exchange::bundled_ids().collect();
        Failure::usage(
            format!("no venue is called `{mic}`"),
            format!("known: {}; `kobe calendar list`", known.join(", ")),
        )
    })
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

/// One session; without instants where only its date is known.
#[derive(Debug, Serialize)]
struct Row {
    date: Date,
    open_utc: Option<Timestamp>,
    break_start_utc: Option<Timestamp>,
    break_end_utc: Option<Timestamp>,
    close_utc: Option<Timestamp>,
    early_close: bool,
    late_open: bool,
    note: Option<String>,
}

impl Row {
    fn timed(s: &Session) -> Row {
        Row {
            date: s.date,
            open_utc: Some(s.open),
            break_start_utc: s.pause.map(|(from, _)| from),
            break_end_utc: s.pause.map(|(_, to)| to),
            close_utc: Some(s.close),
            early_close: s.early_close,
            late_open: s.late_open,
            note: s.note.as_deref().map(str::to_owned),
        }
    }

    fn untimed(date: Date) -> Row {
        Row {
            date,
            open_utc: None,
            break_start_utc: None,
            break_end_utc: None,
            close_utc: None,
            early_close: false,
            late_open: false,
            note: None,
        }
    }
}

fn rows(venue: &Exchange, from: Date, to: Date) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for date in venue.session_dates(from, to)? {
        match venue.session_on(date) {
            Ok(session) => rows.extend(session.iter().map(Row::timed)),
            Err(CalendarError::TimesUnknown { .. }) => rows.push(Row::untimed(date)),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(rows)
}

fn utc(at: Option<Timestamp>) -> String {
    at.map_or(String::new(), |t| t.to_string())
}

fn sessions(shell: &Shell, venue: &Exchange, rows: Vec<Row>, format: Option<Format>) -> Result<(), Failure> {
    if shell.out.is_json() {
        return shell.out.array(&rows);
    }
    if format == Some(Format::Csv) {
        let mut text = "date,open_utc,break_start_utc,break_end_utc,close_utc\n".to_owned();
        for row in &rows {
            let times = [row.open_utc, row.break_start_utc, row.break_end_utc, row.close_utc].map(utc);
            let _ = writeln!(text, "{},{}", row.date, times.join(","));
        }
        return shell.out.text(&text);
    }
    let clock = |at: Option<Timestamp>| {
        at.map_or("unknown".to_owned(), |t| t.to_zoned_datetime(venue.zone().clone()).strftime("%H:%M").to_string())
    };
    let header =
        [("DATE", Side::Left), ("", Side::Left), ("OPEN", Side::Left), ("CLOSE", Side::Left), ("", Side::Left)];
    let cells = |row: &Row| {
        let mut words: Vec<&str> = Vec::new();
        if row.early_close {
            words.push("early close");
        }
        if row.late_open {
            words.push("late open");
        }
        words.extend(row.note.as_deref());
        vec![
            row.date.to_string(),
            row.date.strftime("%a").to_string(),
            clock(row.open_utc),
            clock(row.close_utc),
            words.join(": "),
        ]
    };
    let n = rows.len();
    let mut text = table(&header, rows.iter().map(cells).collect());
    let _ = writeln!(text, "\n{}, times in {}", crate::output::count(n, "session"), venue.zone_name());
    shell.out.text(&text)
}

#[derive(Debug, Serialize)]
struct Moment {
    instant_utc: Timestamp,
    is_open: bool,
    next_open: Option<Timestamp>,
    next_close: Option<Timestamp>,
    previous_close: Option<Timestamp>,
    phase: Option<Phase>,
}

fn at(
    shell: &Shell,
    market: &Market,
    venue: &Exchange,
    texts: &[String],
    format: Option<Format>,
) -> Result<(), Failure> {
    let mut instants = texts.iter().map(|t| when::instant(t, market)).collect::<Result<Vec<_>, _>>()?;
    if instants.is_empty() && io::stdin().is_terminal() {
        instants.push(shell.now());
    } else if instants.is_empty() {
        for line in io::stdin().lock().lines() {
            let line = line.map_err(|source| Failure::Read { path: "stdin".into(), source })?;
            if !line.trim().is_empty() {
                instants.push(when::instant(&line, market)?);
            }
        }
    }
    let own = venue.id() == market.exchange().id();
    let moments = instants
        .into_iter()
        .map(|instant| {
            Ok(Moment {
                instant_utc: instant,
                is_open: venue.is_open(instant)?,
                // Near the ends of what is known the neighbours are not.
                next_open: venue.next_open(instant).ok(),
                next_close: venue.next_close(instant).ok(),
                previous_close: venue.previous_close(instant).ok(),
                phase: if own { Some(market.segment_at(instant)?.phase) } else { None },
            })
        })
        .collect::<Result<Vec<Moment>, CalendarError>>()?;
    if shell.out.is_json() {
        return shell.out.array(&moments);
    }
    if format == Some(Format::Csv) {
        let mut text = "instant_utc,is_open,next_open,next_close,previous_close,phase\n".to_owned();
        for m in &moments {
            let bells = [m.next_open, m.next_close, m.previous_close].map(utc).join(",");
            let phase = m.phase.map_or("", Phase::as_str);
            let _ = writeln!(text, "{},{},{bells},{phase}", m.instant_utc, u8::from(m.is_open));
        }
        return shell.out.text(&text);
    }
    let local = |t: Option<Timestamp>| {
        let local = t.map(|t| t.to_zoned_datetime(venue.zone().clone()));
        let form = |second| if second == 0 { "%a %Y-%m-%d %H:%M" } else { "%a %Y-%m-%d %H:%M:%S" };
        local.map_or("unknown".into(), |l| l.strftime(form(l.second())).to_string())
    };
    let header =
        ["INSTANT", "MARKET", "PHASE", "NEXT OPEN", "NEXT CLOSE", "PREVIOUS CLOSE"].map(|name| (name, Side::Left));
    let cells = |m: &Moment| {
        vec![
            local(Some(m.instant_utc)),
            if m.is_open { "open" } else { "closed" }.to_owned(),
            m.phase.map_or("", Phase::as_str).to_owned(),
            local(m.next_open),
            local(m.next_close),
            local(m.previous_close),
        ]
    };
    let mut text = table(&header, moments.iter().map(cells).collect());
    let _ = writeln!(text, "\ntimes in {}", venue.zone_name());
    shell.out.text(&text)
}

#[derive(Debug, Serialize)]
struct Special {
    date: Date,
    kind: &'static str,
    name: String,
    open_utc: Option<Timestamp>,
    close_utc: Option<Timestamp>,
}

fn holidays(shell: &Shell, venue: &Exchange, year: i16) -> Result<(), Failure> {
    let span = venue.span();
    if year < span.from.year() || year > span.projected_to.year() {
        let what = format!("{} is known from {} to {}", venue.id(), span.from, span.projected_to);
        return Err(Failure::usage(what, "ask for a year in that time"));
    }
    let mut specials = Vec::new();
    let mut day = date(year, 1, 1).max(span.from);
    let end = date(year, 12, 31).min(span.projected_to);
    while day <= end {
        if let Some(name) = venue.holiday_on(day)? {
            specials.push(Special {
                date: day,
                kind: "holiday",
                name: name.to_owned(),
                open_utc: None,
                close_utc: None,
            });
        } else if let Ok(Some(s)) = venue.session_on(day) {
            let kinds = [("early_close", s.early_close), ("late_open", s.late_open)];
            if let Some((kind, _)) = kinds.into_iter().find(|(_, is)| *is) {
                let name = s.note.as_deref().unwrap_or_default().to_owned();
                specials.push(Special { date: day, kind, name, open_utc: Some(s.open), close_utc: Some(s.close) });
            }
        }
        day = day.tomorrow().map_err(|e| Failure::Broke { what: e.to_string() })?;
    }
    if shell.out.is_json() {
        return shell.out.array(&specials);
    }
    let header = ["DATE", "", "", "NAME"].map(|name| (name, Side::Left));
    let cells = |s: &Special| {
        let clock = |t: Option<Timestamp>| {
            t.map_or(String::new(), |t| t.to_zoned_datetime(venue.zone().clone()).strftime("%H:%M").to_string())
        };
        let kind = match s.kind {
            "holiday" => "closed".to_owned(),
            "early_close" => format!("closes {}", clock(s.close_utc)),
            _ => format!("opens {}", clock(s.open_utc)),
        };
        vec![s.date.to_string(), s.date.strftime("%a").to_string(), kind, s.name.clone()]
    };
    let mut text = table(&header, specials.iter().map(cells).collect());
    let coverage = format!("{:?}", venue.coverage(end)).to_lowercase();
    let _ = writeln!(text, "\n{} {year}: {coverage}", venue.id());
    shell.out.text(&text)
}
