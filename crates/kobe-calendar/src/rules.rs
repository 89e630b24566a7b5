//! Rules: a venue's file, read strictly.
//!
//! The file says in data what a trading calendar says in prose: the week, the hours and since when, holidays as one
//! rule a line, closures and changed hours as dates. Unknown keys are errors; every error carries line and column. A
//! rule never looks at another rule, so that the order of lines does not matter, except that the first holiday on a date
//! gives it its name.
//!
//! This file turns text into [`Rules`]; `expand.rs` turns rules into days. Start at [`Rules::parse`].

mod day;
mod expand;

use std::{ops::Range, sync::Arc};

use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::{RuleError, RuleProblem, Span};
pub(crate) use day::{DayRule, Weekdays, Years};
pub(crate) use expand::{Calendar, Kind, Plan};

/// Minutes after local midnight, 0 to 1440.
pub(crate) type Minute = u16;

/// A venue's file, checked.
pub(crate) struct Rules {
    pub id: String,
    pub title: String,
    pub version: String,
    pub aliases: Vec<String>,
    pub zone_name: String,
    pub zone: TimeZone,
    pub week: Weekdays,
    pub span: Span,
    pub hours: Vec<Hours>,
    pub holidays: Vec<YearlyRule>,
    pub early_closes: Vec<EarlyClose>,
    pub closures: Vec<(Arc<str>, Placed<Date>)>,
    pub special_hours: Vec<SpecialHours>,
}

/// The ordinary hours from a date on.
pub(crate) struct Hours {
    pub from: Date,
    pub open: Minute,
    pub close: Minute,
    pub pause: Option<(Minute, Minute)>,
}

/// One day a year, in some years, if it falls on some weekdays, moved from others.
pub(crate) struct YearlyRule {
    pub name: Arc<str>,
    pub day: DayRule,
    pub years: Years,
    pub days: Weekdays,
    /// Days to move by, Monday first.
    pub moved: [i8; 7],
}

pub(crate) struct EarlyClose {
    pub rule: YearlyRule,
    pub close: Minute,
}

pub(crate) struct SpecialHours {
    pub name: Arc<str>,
    pub date: Placed<Date>,
    pub open: Option<Minute>,
    pub close: Option<Minute>,
}

/// A value and where it stands in the file.
#[derive(Clone)]
pub(crate) struct Placed<T> {
    pub value: T,
    pub place: (usize, usize),
}

impl<T> Placed<T> {
    pub(crate) fn error(&self, problem: RuleProblem) -> RuleError {
        RuleError { line: self.place.0, column: self.place.1, problem }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<i64>,
    id: String,
    title: String,
    version: String,
    #[serde(default)]
    aliases: Vec<String>,
    zone: Spanned<String>,
    week: Spanned<String>,
    covers: Spanned<Covers>,
    hours: Spanned<Vec<Spanned<HoursLine>>>,
    #[serde(default)]
    holidays: Vec<HolidayLine>,
    #[serde(default)]
    early_closes: Vec<EarlyLine>,
    #[serde(default)]
    closures: Vec<ClosureLine>,
    #[serde(default)]
    special_hours: Vec<SpecialLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Covers {
    from: Spanned<Datetime>,
    confirmed_to: Spanned<Datetime>,
    to: Spanned<Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursLine {
    from: Spanned<Datetime>,
    open: Spanned<String>,
    close: Spanned<String>,
    #[serde(default)]
    pause: Option<[Spanned<String>; 2]>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidayLine {
    name: String,
    on: Spanned<String>,
    #[serde(default)]
    years: Option<Spanned<String>>,
    #[serde(default)]
    days: Option<Spanned<String>>,
    #[serde(default, rename = "move")]
    moved: Moves,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Moves {
    mon: i8,
    tue: i8,
    wed: i8,
    thu: i8,
    fri: i8,
    sat: i8,
    sun: i8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EarlyLine {
    name: String,
    on: Spanned<String>,
    close: Spanned<String>,
    #[serde(default)]
    years: Option<Spanned<String>>,
    #[serde(default)]
    days: Option<Spanned<String>>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosureLine {
    name: String,
    dates: Vec<Spanned<Datetime>>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecialLine {
    name: String,
    dates: Vec<Spanned<Datetime>>,
    #[serde(default)]
    open: Option<Spanned<String>>,
    #[serde(default)]
    close: Option<Spanned<String>>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

/// Knows the text, so that a byte offset becomes a line and a column.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn error<T>(&self, at: &Spanned<T>, problem: RuleProblem) -> RuleError {
        let (line, column) = self.place(at.span());
        RuleError { line, column, problem }
    }

    fn date(&self, at: &Spanned<Datetime>) -> Result<Placed<Date>, RuleError> {
        let stated = at.get_ref();
        let whole = match (stated.date, stated.time, stated.offset) {
            (Some(day), None, None) => {
                // toml keeps 0-9999, a civil date wants 1-9999 with a real day; toml has checked the day.
                i16::try_from(day.year).ok().and_then(|year| Date::new(year, day.month as i8, day.day as i8).ok())
            }
            _ => None,
        };
        let value = whole.ok_or_else(|| self.error(at, RuleProblem::Date(stated.to_string())))?;
        Ok(Placed { value, place: self.place(at.span()) })
    }

    fn minute(&self, at: &Spanned<String>) -> Result<Minute, RuleError> {
        minute(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Time(at.get_ref().clone())))
    }

    fn weekdays(&self, at: &Spanned<String>) -> Result<Weekdays, RuleError> {
        Weekdays::parse(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Weekdays(at.get_ref().clone())))
    }

    fn yearly(
        &self,
        name: String,
        on: &Spanned<String>,
        years: Option<&Spanned<String>>,
        days: Option<&Spanned<String>>,
        moved: [i8; 7],
    ) -> Result<YearlyRule, RuleError> {
        let day =
            DayRule::parse(on.get_ref()).ok_or_else(|| self.error(on, RuleProblem::DayRule(on.get_ref().clone())))?;
        let years = match years {
            None => Years::always(),
            Some(at) => {
                Years::parse(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Years(at.get_ref().clone())))?
            }
        };
        let days = days.map_or(Ok(Weekdays::all()), |at| self.weekdays(at))?;
        Ok(YearlyRule { name: name.into(), day, years, days, moved })
    }
}

/// Reads `09:30` as minutes after midnight; `24:00` is the end of the day.
pub(crate) fn minute(text: &str) -> Option<Minute> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 24 * 60).then_some(all)
}

impl Rules {
    /// Reads a venue's file.
    ///
    /// # Errors
    /// [`RuleError`] with the place of the first mistake.
    pub(crate) fn parse(text: &str) -> Result<Rules, RuleError> {
        let reader = Reader { text };
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = reader.place(error.span().unwrap_or(0..0));
            RuleError { line, column, problem: RuleProblem::Toml(error.message().to_owned()) }
        })?;
        if *file.schema.get_ref() != 1 {
            return Err(reader.error(&file.schema, RuleProblem::Schema(*file.schema.get_ref())));
        }
        let zone_name = file.zone.get_ref().clone();
        let zone = TimeZoneDatabase::bundled()
            .get(&zone_name)
            .map_err(|_| reader.error(&file.zone, RuleProblem::Zone(zone_name.clone())))?;
        let hours = hours(&reader, &file.hours)?;
        let span = span(&reader, &file.covers, &file.hours, &hours)?;
        let holidays = file
            .holidays
            .into_iter()
            .map(|line| {
                let moves = line.moved;
                let moved = [moves.mon, moves.tue, moves.wed, moves.thu, moves.fri, moves.sat, moves.sun];
                reader.yearly(line.name, &line.on, line.years.as_ref(), line.days.as_ref(), moved)
            })
            .collect::<Result<_, _>>()?;
        let early_closes = file
            .early_closes
            .into_iter()
            .map(|line| {
                let close = reader.minute(&line.close)?;
                let rule = reader.yearly(line.name, &line.on, line.years.as_ref(), line.days.as_ref(), [0; 7])?;
                Ok(EarlyClose { rule, close })
            })
            .collect::<Result<_, RuleError>>()?;
        let mut closures = Vec::new();
        for line in file.closures {
            let name: Arc<str> = line.name.into();
            for at in &line.dates {
                closures.push((Arc::clone(&name), reader.date(at)?));
            }
        }
        let mut special_hours = Vec::new();
        for line in file.special_hours {
            let name: Arc<str> = line.name.into();
            let open = line.open.as_ref().map(|at| reader.minute(at)).transpose()?;
            let close = line.close.as_ref().map(|at| reader.minute(at)).transpose()?;
            for at in &line.dates {
                special_hours.push(SpecialHours { name: Arc::clone(&name), date: reader.date(at)?, open, close });
            }
        }
        Ok(Rules {
            id: file.id,
            title: file.title,
            version: file.version,
            aliases: file.aliases,
            zone_name,
            zone,
            week: reader.weekdays(&file.week)?,
            span,
            hours,
            holidays,
            early_closes,
            closures,
            special_hours,
        })
    }
}

fn hours(reader: &Reader<'_>, lines: &Spanned<Vec<Spanned<HoursLine>>>) -> Result<Vec<Hours>, RuleError> {
    let mut all: Vec<Hours> = Vec::new();
    for at in lines.get_ref() {
        let line = at.get_ref();
        let (open, close) = (reader.minute(&line.open)?, reader.minute(&line.close)?);
        let pause = match &line.pause {
            None => None,
            Some([from, to]) => Some((reader.minute(from)?, reader.minute(to)?)),
        };
        let from = reader.date(&line.from)?.value;
        let rising = open < close && pause.is_none_or(|(a, b)| open < a && a < b && b < close);
        if !rising || all.last().is_some_and(|last| last.from >= from) {
            let told = format!("{}-{} from {from}", line.open.get_ref(), line.close.get_ref());
            return Err(reader.error(at, RuleProblem::Hours(told)));
        }
        all.push(Hours { from, open, close, pause });
    }
    if all.is_empty() {
        return Err(reader.error(lines, RuleProblem::Hours("(none)".to_owned())));
    }
    Ok(all)
}

fn span(
    reader: &Reader<'_>,
    covers: &Spanned<Covers>,
    lines: &Spanned<Vec<Spanned<HoursLine>>>,
    hours: &[Hours],
) -> Result<Span, RuleError> {
    let stated = covers.get_ref();
    let span = Span {
        from: reader.date(&stated.from)?.value,
        times_from: hours[0].from,
        confirmed_to: reader.date(&stated.confirmed_to)?.value,
        projected_to: reader.date(&stated.to)?.value,
    };
    // The Gregorian rules below hold for every year; the bounds keep a slip of the pen from making a table of 10,000 years.
    let sane = date(1800, 1, 1) <= span.from
        && span.from <= span.confirmed_to
        && span.confirmed_to <= span.projected_to
        && span.projected_to <= date(2200, 12, 31);
    if !sane {
        let told = format!("{} .. {} .. {}", span.from, span.confirmed_to, span.projected_to);
        return Err(reader.error(covers, RuleProblem::Span(told)));
    }
    if span.times_from < span.from || span.times_from > span.projected_to {
        let told = format!("{} .. {} with hours from {}", span.from, span.projected_to, span.times_from);
        return Err(reader.error(lines, RuleProblem::Span(told)));
    }
    Ok(span)
}
