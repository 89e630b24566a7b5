//! Instants: is the market open, and which bells are near? A million of them are answered as they are read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Coverage, Exchange, Market, MarketDay, Phase};
use serde::Serialize;

use super::Format;
use crate::failure::Failure;
use crate::output::{Side, table};
use crate::settings::Shell;
use crate::when;

/// Bytes of output that are gathered before they are written.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, Serialize)]
struct Moment {
    instant_utc: Timestamp,
    is_open: bool,
    next_open: Option<Timestamp>,
    next_close: Option<Timestamp>,
    previous_close: Option<Timestamp>,
    phase: Option<Phase>,
    coverage: Coverage,
    /// Why it is not certain: a day that a sighting or a decree will place somewhere near.
    near: Option<String>,
}

/// Answers about instants of one venue.
struct Teller<'a> {
    market: &'a Market,
    venue: &'a Exchange,
    /// The venue is the desk's: phases are known.
    own: bool,
    days: BTreeMap<Date, MarketDay>,
}

impl Teller<'_> {
    fn read(&self, text: &str) -> Result<Timestamp, Failure> {
        when::instant(text, self.market)
    }

    fn tell(&mut self, instant: Timestamp) -> Result<Moment, CalendarError> {
        Ok(Moment {
            instant_utc: instant,
            is_open: self.venue.is_open(instant)?,
            // Near the ends of what is known the neighbours are not.
            next_open: self.venue.next_open(instant).ok(),
            next_close: self.venue.next_close(instant).ok(),
            previous_close: self.venue.previous_close(instant).ok(),
            phase: if self.own { Some(self.phase(instant)?) } else { None },
            coverage: self.venue.coverage(self.venue.date_of(instant)),
            near: self.venue.doubt_on(self.venue.date_of(instant)).map(|(name, _)| name.to_owned()),
        })
    }

    fn phase(&mut self, instant: Timestamp) -> Result<Phase, CalendarError> {
        let date = self.market.date_of(instant);
        if !self.days.contains_key(&date) {
            self.days.insert(date, self.market.day(date)?);
        }
        Ok(self.days[&date].at(instant).phase)
    }
}

/// Answers about the instants given, or about those on stdin, one a line.
///
/// # Errors
/// [`Failure::Usage`] for what is no time, with the line where it stood; outside the years that the venue knows.
pub fn answer(
    shell: &Shell,
    market: &Market,
    venue: &Exchange,
    texts: &[String],
    format: Option<Format>,
) -> Result<(), Failure> {
    let own = venue.id() == market.exchange().id();
    let mut teller = Teller { market, venue, own, days: BTreeMap::new() };
    let piped = texts == ["-"] || texts.is_empty() && !io::stdin().is_terminal();
    if piped && format == Some(Format::Csv) && !shell.out.is_json() {
        return stream(shell, &mut teller);
    }
    let mut moments = Vec::new();
    if piped {
        lines(|text| {
            let instant = teller.read(text)?;
            moments.push(teller.tell(instant)?);
            Ok(())
        })?;
    } else if texts.is_empty() {
        moments.push(teller.tell(shell.now())?);
    }
    for text in texts.iter().filter(|_| !piped) {
        let instant = teller.read(text)?;
        moments.push(teller.tell(instant)?);
    }
    if shell.out.is_json() {
        return shell.out.array(&moments);
    }
    if format == Some(Format::Csv) {
        let mut text = HEADER.to_owned();
        moments.iter().for_each(|moment| line_of(&mut text, moment));
        return shell.out.text(&text);
    }
    people(shell, venue, &moments)
}

const HEADER: &str = "instant_utc,is_open,next_open,next_close,previous_close,phase\n";

/// Hands each line of stdin that is not empty to `each`; an error says which line it was.
fn lines(mut each: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = stdin.read_line(&mut line).map_err(|source| Failure::Read { path: "stdin".into(), source })?;
        if read == 0 {
            break;
        }
        if !line.trim().is_empty() {
            each(line.trim()).map_err(|failure| match failure {
                Failure::Usage { what, hint } => {
                    Failure::Usage { what: format!("line {number} of stdin: {what}"), hint }
                }
                Failure::Calendar(error) => Failure::usage(format!("line {number} of stdin: {error}"), error.hint()),
                other => other,
            })?;
        }
    }
    Ok(())
}

fn stream(shell: &Shell, teller: &mut Teller<'_>) -> Result<(), Failure> {
    let mut text = HEADER.to_owned();
    let told = lines(|line| {
        let instant = teller.read(line)?;
        line_of(&mut text, &teller.tell(instant)?);
        if text.len() > CHUNK {
            shell.out.text(&text)?;
            text.clear();
        }
        Ok(())
    });
    // What was answered before a bad line is an answer.
    shell.out.text(&text)?;
    told
}

fn line_of(text: &mut String, m: &Moment) {
    let phase = m.phase.map_or("", Phase::as_str);
    let _ = write!(text, "{},{}", m.instant_utc, u8::from(m.is_open));
    for bell in [m.next_open, m.next_close, m.previous_close] {
        let _ = match bell {
            Some(at) => write!(text, ",{at}"),
            None => text.write_char(','),
        };
    }
    let _ = writeln!(text, ",{phase}");
}

fn people(shell: &Shell, venue: &Exchange, moments: &[Moment]) -> Result<(), Failure> {
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
            match (&m.near, m.is_open) {
                (Some(near), is_open) => {
                    format!("not certain, near {near}: {}", if is_open { "open" } else { "closed" })
                }
                (None, true) => "open".to_owned(),
                (None, false) => "closed".to_owned(),
            },
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
