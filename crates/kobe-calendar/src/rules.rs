//! Rules: a venue's file, read strictly.
//!
//! The file says in data what a trading calendar says in prose: the week, the hours and since when, holidays as one
//! rule a line, closures and changed hours as dates. Unknown keys are errors; every error carries line and column. A
//! rule never looks at another rule, so that the order of lines does not matter, with two exceptions that laws have:
//! a holiday that is made up for on the next free day, and a day between two holidays. The first holiday on a date gives
//! it its name.
//!
//! This file turns text into [`Rules`]; `expand.rs` turns rules into days. Start at [`Rules::parse`].

mod almanac;
mod day;
mod expand;

use std::{ops::Range, sync::Arc};

use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::exchange::fingerprint;
use crate::{RuleError, RuleProblem, Span};
pub(crate) use day::{DayRule, Occasion, Weekdays, Years};
pub(crate) use expand::{Calendar, Kind, Plan, ordinary};

/// Minutes from the local midnight at the start of a session's date: below 0 on the day before, at most 1440.
pub(crate) type Minute = i16;

/// Minutes of a day.
pub(crate) const DAY: Minute = 24 * 60;

/// Finds the text of another venue by its identifier.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// A venue's file, checked.
#[derive(Clone)]
pub(crate) struct Rules {
    pub id: String,
    pub title: String,
    pub version: String,
    /// Changes when the text of the file changes, or of one that it extends.
    pub fingerprint: u32,
    pub aliases: Vec<String>,
    pub zone_name: String,
    pub zone: TimeZone,
    pub weeks: Vec<(Date, Weekdays)>,
    pub span: Span,
    pub hours: Vec<Hours>,
    pub holidays: Vec<Row<Holiday>>,
    /// Years in which a day between two holidays is one itself.
    pub sandwich: Years,
    pub changes: Vec<Row<ChangeRule>>,
    pub closures: Vec<Row<Closure>>,
    pub special_hours: Vec<Row<SpecialHours>>,
    pub extra_sessions: Vec<Row<SpecialHours>>,
}

/// A row and where it stands in the file; a row of the venue that this one extends has no place in it.
#[derive(Clone)]
pub(crate) struct Row<T> {
    pub value: T,
    pub place: Option<(usize, usize)>,
}

/// When a bell rings: on the venue's own clock, or on another one.
#[derive(Clone)]
pub(crate) struct Bell {
    pub minute: Minute,
    pub clock: Option<TimeZone>,
}

/// The ordinary hours from a date on, on some weekdays.
#[derive(Clone)]
pub(crate) struct Hours {
    pub from: Date,
    pub days: Weekdays,
    pub open: Bell,
    pub close: Bell,
    /// On the clock of the opening.
    pub pauses: Vec<(Minute, Minute)>,
    /// Minutes of trading after the close.
    pub post: Minute,
}

/// One day a year, in some years, if it falls on some weekdays, moved from others.
#[derive(Clone)]
pub(crate) struct YearlyRule {
    pub name: Arc<str>,
    pub on: Occasion,
    pub years: Years,
    pub days: Weekdays,
    /// Days to move by, Monday first.
    pub moved: [i8; 7],
}

/// A holiday by rule.
#[derive(Clone)]
pub(crate) struct Holiday {
    pub rule: YearlyRule,
    /// Weekdays on which it is made up for on the next free day.
    pub substitute: Weekdays,
    /// It is made up for when it falls on another holiday.
    pub overlap: bool,
    /// Known to the laws of substitutes and of days between.
    pub civil: bool,
    /// Days before and after it that are unknown beyond what is confirmed.
    pub doubt: i8,
}

/// Changed hours by rule.
#[derive(Clone)]
pub(crate) struct ChangeRule {
    pub rule: YearlyRule,
    pub open: Option<Minute>,
    pub close: Option<Minute>,
}

#[derive(Clone)]
pub(crate) struct Closure {
    pub name: Arc<str>,
    pub date: Date,
}

#[derive(Clone)]
pub(crate) struct SpecialHours {
    pub name: Arc<str>,
    pub date: Date,
    pub open: Option<Minute>,
    pub close: Option<Minute>,
    /// Nothing: the ordinary ones, as far as the hours reach them.
    pub pauses: Option<Vec<(Minute, Minute)>>,
}

impl<T> Row<T> {
    pub(crate) fn error(&self, problem: RuleProblem) -> RuleError {
        let (line, column) = self.place.unwrap_or((1, 1));
        RuleError { line, column, problem }
    }

    /// Returns whether it stands in the venue's own file.
    pub(crate) fn is_own(&self) -> bool {
        self.place.is_some()
    }

    fn inherited(self) -> Row<T> {
        Row { place: None, ..self }
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
    #[serde(default)]
    extends: Option<Spanned<String>>,
    #[serde(default)]
    without: Vec<Spanned<String>>,
    #[serde(default)]
    zone: Option<Spanned<String>>,
    #[serde(default)]
    week: Option<Spanned<toml::Value>>,
    #[serde(default)]
    covers: Option<Spanned<Covers>>,
    #[serde(default)]
    sandwich: Option<Spanned<String>>,
    #[serde(default)]
    hours: Option<Spanned<Vec<Spanned<HoursLine>>>>,
    #[serde(default)]
    holidays: Vec<HolidayLine>,
    #[serde(default)]
    early_closes: Vec<ChangeLine>,
    #[serde(default)]
    late_opens: Vec<ChangeLine>,
    #[serde(default)]
    closures: Vec<ClosureLine>,
    #[serde(default)]
    special_hours: Vec<SpecialLine>,
    #[serde(default)]
    sessions: Vec<SpecialLine>,
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
    days: Option<Spanned<String>>,
    #[serde(default)]
    open_day: Option<Spanned<i16>>,
    #[serde(default)]
    zone: Option<Spanned<String>>,
    #[serde(default)]
    close_zone: Option<Spanned<String>>,
    #[serde(default)]
    pause: Option<[Spanned<String>; 2]>,
    #[serde(default)]
    pauses: Vec<[Spanned<String>; 2]>,
    #[serde(default)]
    post: Option<Spanned<String>>,
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
    substitute: Option<Spanned<String>>,
    #[serde(default)]
    overlap: bool,
    #[serde(default = "yes")]
    civil: bool,
    #[serde(default)]
    doubt: i8,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

fn yes() -> bool {
    true
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

impl Moves {
    fn days(&self) -> [i8; 7] {
        [self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeLine {
    name: String,
    on: Spanned<String>,
    #[serde(default)]
    open: Option<Spanned<String>>,
    #[serde(default)]
    close: Option<Spanned<String>>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosureLine {
    name: String,
    dates: Vec<Spanned<Datetime>>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    planned: Option<bool>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    announced: Option<Datetime>,
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
    pause: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    planned: Option<bool>,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    announced: Option<Datetime>,
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

    fn row<T, U>(&self, at: &Spanned<U>, value: T) -> Row<T> {
        Row { value, place: Some(self.place(at.span())) }
    }

    fn date(&self, at: &Spanned<Datetime>) -> Result<Date, RuleError> {
        whole_date(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Date(at.get_ref().to_string())))
    }

    fn minute(&self, at: &Spanned<String>) -> Result<Minute, RuleError> {
        minute(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Time(at.get_ref().clone())))
    }

    fn pause(&self, [from, to]: &[Spanned<String>; 2]) -> Result<(Minute, Minute), RuleError> {
        Ok((self.minute(from)?, self.minute(to)?))
    }

    fn weekdays(&self, at: &Spanned<String>) -> Result<Weekdays, RuleError> {
        Weekdays::parse(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Weekdays(at.get_ref().clone())))
    }

    fn years(&self, at: &Spanned<String>) -> Result<Years, RuleError> {
        Years::parse(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::Years(at.get_ref().clone())))
    }

    fn zone(&self, at: &Spanned<String>) -> Result<TimeZone, RuleError> {
        let name = at.get_ref();
        TimeZoneDatabase::bundled().get(name).map_err(|_| self.error(at, RuleProblem::Zone(name.clone())))
    }

    fn yearly(
        &self,
        name: String,
        on: (&Spanned<String>, Occasion),
        years: Option<&Spanned<String>>,
        days: Option<&Spanned<String>>,
        moved: [i8; 7],
    ) -> Result<YearlyRule, RuleError> {
        let years = years.map_or_else(|| Ok(Years::always()), |at| self.years(at))?;
        let days = days.map_or(Ok(Weekdays::all()), |at| self.weekdays(at))?;
        Ok(YearlyRule { name: name.into(), on: on.1, years, days, moved })
    }

    /// Reads a holiday's rule: a day of the year, since sessions are not known before holidays are.
    fn day_rule(&self, at: &Spanned<String>) -> Result<Occasion, RuleError> {
        let rule = DayRule::parse(at.get_ref()).map(Occasion::Day);
        rule.ok_or_else(|| self.error(at, RuleProblem::DayRule(at.get_ref().clone())))
    }

    fn occasion(&self, at: &Spanned<String>) -> Result<Occasion, RuleError> {
        Occasion::parse(at.get_ref()).ok_or_else(|| self.error(at, RuleProblem::DayRule(at.get_ref().clone())))
    }

    fn holiday(&self, line: HolidayLine) -> Result<Row<Holiday>, RuleError> {
        let on = self.day_rule(&line.on)?;
        let moved = line.moved.days();
        let substitute = line.substitute.as_ref().map_or(Ok(Weekdays::none()), |at| self.weekdays(at))?;
        let rule = self.yearly(line.name, (&line.on, on), line.years.as_ref(), line.days.as_ref(), moved)?;
        let holiday = Holiday { rule, substitute, overlap: line.overlap, civil: line.civil, doubt: line.doubt };
        Ok(self.row(&line.on, holiday))
    }

    fn change(&self, line: ChangeLine) -> Result<Row<ChangeRule>, RuleError> {
        let on = self.occasion(&line.on)?;
        let open = line.open.as_ref().map(|at| self.minute(at)).transpose()?;
        let close = line.close.as_ref().map(|at| self.minute(at)).transpose()?;
        if open.is_none() && close.is_none() {
            return Err(self.error(&line.on, RuleProblem::NoChange));
        }
        let moved = line.moved.days();
        let rule = self.yearly(line.name, (&line.on, on), line.years.as_ref(), line.days.as_ref(), moved)?;
        Ok(self.row(&line.on, ChangeRule { rule, open, close }))
    }

    fn special(&self, line: SpecialLine) -> Result<Vec<Row<SpecialHours>>, RuleError> {
        let name: Arc<str> = line.name.into();
        let open = line.open.as_ref().map(|at| self.minute(at)).transpose()?;
        let close = line.close.as_ref().map(|at| self.minute(at)).transpose()?;
        let pauses = match line.pause.as_deref() {
            None => None,
            Some([]) => Some(Vec::new()),
            Some([from, to]) => Some(vec![(self.minute(from)?, self.minute(to)?)]),
            Some([first, ..]) => return Err(self.error(first, RuleProblem::Hours("of the pause".to_owned()))),
        };
        let row = |at| {
            let value =
                SpecialHours { name: Arc::clone(&name), date: self.date(at)?, open, close, pauses: pauses.clone() };
            Ok(self.row(at, value))
        };
        line.dates.iter().map(row).collect()
    }
}

pub(crate) fn whole_date(stated: &Datetime) -> Option<Date> {
    match (stated.date, stated.time, stated.offset) {
        (Some(day), None, None) => {
            // toml keeps 0-9999, a civil date wants 1-9999 with a real day; toml has checked the day.
            i16::try_from(day.year).ok().and_then(|year| Date::new(year, day.month as i8, day.day as i8).ok())
        }
        _ => None,
    }
}

/// Reads `09:30` as minutes after midnight; `24:00` is the end of the day.
pub(crate) fn minute(text: &str) -> Option<Minute> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<Minute>().ok())?
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}

impl Rules {
    /// Reads a venue's file; `other` finds the text of the venue that it extends.
    ///
    /// # Errors
    /// [`RuleError`] with the place of the first mistake.
    pub(crate) fn parse(text: &str, other: Lookup<'_>) -> Result<Rules, RuleError> {
        let reader = Reader { text };
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = reader.place(error.span().unwrap_or(0..0));
            RuleError { line, column, problem: RuleProblem::Toml(error.message().to_owned()) }
        })?;
        if *file.schema.get_ref() != 1 {
            return Err(reader.error(&file.schema, RuleProblem::Schema(*file.schema.get_ref())));
        }
        let base = base(&reader, &file, other)?;
        let extended = base.as_ref().map_or(String::new(), |base| base.fingerprint.to_string());
        let start = RuleError { line: 1, column: 1, problem: RuleProblem::Missing("") };
        let missing = |key| RuleError { problem: RuleProblem::Missing(key), ..start.clone() };
        let (zone_name, zone) = match (&file.zone, &base) {
            (Some(at), _) => (at.get_ref().clone(), reader.zone(at)?),
            (None, Some(base)) => (base.zone_name.clone(), base.zone.clone()),
            (None, None) => return Err(missing("zone")),
        };
        let hours = match (&file.hours, &base) {
            (Some(at), _) => hours(&reader, at)?,
            (None, Some(base)) => base.hours.clone(),
            (None, None) => return Err(missing("hours")),
        };
        let span = match (&file.covers, &base) {
            (Some(at), _) => span(&reader, at, file.hours.as_ref(), &hours)?,
            (None, Some(base)) => base.span,
            (None, None) => return Err(missing("covers")),
        };
        let weeks = match (&file.week, &base) {
            (Some(at), _) => weeks(&reader, at, span.from)?,
            (None, Some(base)) => base.weeks.clone(),
            (None, None) => return Err(missing("week")),
        };
        let sandwich = match (&file.sandwich, &base) {
            (Some(at), _) => reader.years(at)?,
            (None, Some(base)) => base.sandwich.clone(),
            (None, None) => Years::never(),
        };
        let mut rules = Rules {
            id: file.id,
            title: file.title,
            version: file.version,
            fingerprint: fingerprint(&[text, &extended]),
            aliases: file.aliases,
            zone_name,
            zone,
            weeks,
            span,
            hours,
            sandwich,
            holidays: file.holidays.into_iter().map(|line| reader.holiday(line)).collect::<Result<_, _>>()?,
            changes: file
                .early_closes
                .into_iter()
                .chain(file.late_opens)
                .map(|line| reader.change(line))
                .collect::<Result<_, _>>()?,
            closures: Vec::new(),
            special_hours: Vec::new(),
            extra_sessions: Vec::new(),
        };
        for line in file.closures {
            let name: Arc<str> = line.name.into();
            for at in &line.dates {
                let closure = Closure { name: Arc::clone(&name), date: reader.date(at)? };
                rules.closures.push(reader.row(at, closure));
            }
        }
        for line in file.special_hours {
            rules.special_hours.extend(reader.special(line)?);
        }
        for line in file.sessions {
            rules.extra_sessions.extend(reader.special(line)?);
        }
        if let Some(base) = base {
            rules.extend(base);
        }
        Ok(rules)
    }

    /// Adds the rows of the venue that this one extends.
    fn extend(&mut self, base: Rules) {
        fn add<T>(own: &mut Vec<Row<T>>, base: Vec<Row<T>>) {
            own.extend(base.into_iter().map(Row::inherited));
        }
        add(&mut self.holidays, base.holidays);
        add(&mut self.changes, base.changes);
        add(&mut self.closures, base.closures);
        add(&mut self.special_hours, base.special_hours);
        add(&mut self.extra_sessions, base.extra_sessions);
    }
}

/// Reads the venue that a file extends, without the rules that do not hold here.
fn base(reader: &Reader<'_>, file: &File, other: Lookup<'_>) -> Result<Option<Rules>, RuleError> {
    let Some(at) = &file.extends else {
        return match file.without.first() {
            Some(at) => Err(reader.error(at, RuleProblem::Without(at.get_ref().clone()))),
            None => Ok(None),
        };
    };
    let unknown = || reader.error(at, RuleProblem::Extends(at.get_ref().clone()));
    if *at.get_ref() == file.id {
        return Err(unknown());
    }
    let mut base = Rules::parse(other(at.get_ref()).ok_or_else(unknown)?, other)?;
    for at in &file.without {
        let name = at.get_ref().as_str();
        let before = base.holidays.len() + base.changes.len();
        base.holidays.retain(|row| &*row.value.rule.name != name);
        base.changes.retain(|row| &*row.value.rule.name != name);
        if base.holidays.len() + base.changes.len() == before {
            return Err(reader.error(at, RuleProblem::Without(name.to_owned())));
        }
    }
    Ok(Some(base))
}

/// Reads `week`: one set of weekdays, or a history of them.
fn weeks(reader: &Reader<'_>, at: &Spanned<toml::Value>, from: Date) -> Result<Vec<(Date, Weekdays)>, RuleError> {
    let wrong = |told: &str| reader.error(at, RuleProblem::Weekdays(told.to_owned()));
    let days = |value: Option<&toml::Value>| {
        let text = value.and_then(toml::Value::as_str).ok_or_else(|| wrong("(none)"))?;
        Weekdays::parse(text).ok_or_else(|| wrong(text))
    };
    match at.get_ref() {
        toml::Value::Array(rows) => {
            let mut weeks: Vec<(Date, Weekdays)> = Vec::new();
            for row in rows {
                let table = row.as_table().filter(|table| table.len() == 2);
                let table = table.ok_or_else(|| wrong(&row.to_string()))?;
                let since = table.get("from").and_then(toml::Value::as_datetime).and_then(whole_date);
                let since = since.ok_or_else(|| wrong(&row.to_string()))?;
                if weeks.last().is_some_and(|(last, _)| *last >= since) {
                    return Err(wrong(&row.to_string()));
                }
                weeks.push((since, days(table.get("days"))?));
            }
            match weeks.first() {
                Some((first, _)) if *first <= from => Ok(weeks),
                _ => Err(wrong("a history that begins too late")),
            }
        }
        value => Ok(vec![(from, days(Some(value))?)]),
    }
}

/// Reads how long trading goes on after the close: `4h`, `90m`.
fn post(text: &str) -> Option<Minute> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let minutes = number.parse::<Minute>().ok()?.checked_mul(match unit {
        "h" => 60,
        "m" => 1,
        _ => return None,
    })?;
    (0..=DAY).contains(&minutes).then_some(minutes)
}

fn hours(reader: &Reader<'_>, lines: &Spanned<Vec<Spanned<HoursLine>>>) -> Result<Vec<Hours>, RuleError> {
    let mut all: Vec<Hours> = Vec::new();
    for at in lines.get_ref() {
        let line = at.get_ref();
        let told = || format!("{}-{} from {}", line.open.get_ref(), line.close.get_ref(), line.from.get_ref());
        let wrong = || reader.error(at, RuleProblem::Hours(told()));
        let days_before = line.open_day.as_ref().map_or(0, |at| *at.get_ref());
        if !(-1..=0).contains(&days_before) {
            return Err(wrong());
        }
        let clock = line.zone.as_ref().map(|at| reader.zone(at)).transpose()?;
        let close_clock = line.close_zone.as_ref().map(|at| reader.zone(at)).transpose()?;
        let post = match &line.post {
            None => 0,
            Some(at) => post(at.get_ref()).ok_or_else(|| reader.error(at, RuleProblem::Time(at.get_ref().clone())))?,
        };
        let hours = Hours {
            from: reader.date(&line.from)?,
            days: line.days.as_ref().map_or(Ok(Weekdays::all()), |at| reader.weekdays(at))?,
            open: Bell { minute: reader.minute(&line.open)? + days_before * DAY, clock: clock.clone() },
            close: Bell { minute: reader.minute(&line.close)?, clock: close_clock.or(clock) },
            pauses: line.pause.iter().chain(&line.pauses).map(|pause| reader.pause(pause)).collect::<Result<_, _>>()?,
            post,
        };
        // Bells of two clocks are compared where a date is known.
        let one_clock = line.close_zone.is_none();
        if one_clock && !rising(hours.open.minute, &hours.pauses, hours.close.minute) {
            return Err(wrong());
        }
        let fits = all.last().is_none_or(|last| last.from < hours.from)
            || all.iter().all(|row| row.from < hours.from || row.from == hours.from && !row.days.meets(hours.days));
        if !fits {
            return Err(wrong());
        }
        all.push(hours);
    }
    if all.is_empty() {
        return Err(reader.error(lines, RuleProblem::Hours("(none)".to_owned())));
    }
    Ok(all)
}

/// Returns whether opening, pauses and close follow one another.
pub(crate) fn rising(open: Minute, pauses: &[(Minute, Minute)], close: Minute) -> bool {
    let mut at = open;
    for (from, to) in pauses {
        if !(at < *from && from < to) {
            return false;
        }
        at = *to;
    }
    at < close
}

fn span(
    reader: &Reader<'_>,
    covers: &Spanned<Covers>,
    lines: Option<&Spanned<Vec<Spanned<HoursLine>>>>,
    hours: &[Hours],
) -> Result<Span, RuleError> {
    let stated = covers.get_ref();
    let span = Span {
        from: reader.date(&stated.from)?,
        times_from: hours[0].from,
        confirmed_to: reader.date(&stated.confirmed_to)?,
        projected_to: reader.date(&stated.to)?,
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
        return Err(lines.map_or_else(
            || reader.error(covers, RuleProblem::Span(told.clone())),
            |lines| reader.error(lines, RuleProblem::Span(told.clone())),
        ));
    }
    Ok(span)
}

#[cfg(test)]
mod mutants;
