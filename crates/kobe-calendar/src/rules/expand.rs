//! Expansion: rules become one small code per day.
//!
//! A hundred years are 36,000 days; what can be said of a day takes few forms (closed and why, the ordinary hours, a
//! named early close), so each day holds the number of its form: 72 kB for a venue, built once, shared without locks.
//!
//! The order is that of the law: week and hours, holidays, days between two holidays, days that make up for one, ad hoc
//! closures, extra sessions, changed hours by rule, changed hours by date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::{Bell, DAY, Hours, Minute, Occasion, Row, Rules, SpecialHours, YearlyRule, day, rising};
use crate::exchange::resolve;
use crate::{RuleError, RuleProblem};

/// What a day is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Not a day of the venue's week.
    Idle,
    /// A day of its week without a session, and why.
    Closed(Arc<str>),
    /// A session before the first date with known hours.
    Untimed,
    /// A session.
    Session(Plan),
}

/// The hours of a session, in minutes from the local midnight of its date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plan {
    pub open: Minute,
    pub close: Minute,
    pub pauses: Vec<(Minute, Minute)>,
    /// The ordinary hours on that date.
    pub regular: (Minute, Minute),
    /// Minutes of trading after the close.
    pub post: Minute,
    pub note: Option<Arc<str>>,
}

impl Plan {
    pub(crate) fn early_close(&self) -> bool {
        self.close < self.regular.1
    }

    pub(crate) fn late_open(&self) -> bool {
        self.open > self.regular.0
    }
}

/// Days of which it is not known yet whether they are sessions, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub from: Date,
    pub to: Date,
    /// The day that the rule projects.
    pub projected: Date,
    pub name: Arc<str>,
}

/// Every day of a span.
#[derive(Clone)]
pub(crate) struct Calendar {
    first: Date,
    codes: Vec<u16>,
    kinds: Vec<Kind>,
    known: BTreeMap<Kind, u16>,
    doubts: Vec<Doubt>,
}

/// What a day between two holidays is called.
const BETWEEN: &str = "Citizens' Holiday";

/// Days after a holiday that are looked at for a free one.
const LOOKED_AT: i8 = 14;

impl Calendar {
    /// Expands the rules over their span.
    ///
    /// # Errors
    /// [`RuleError`] where a closure or changed hours stand on a day without a session, or twice, or upside down, and where
    /// a rule does nothing in the whole span.
    pub(crate) fn expand(rules: &Rules) -> Result<Calendar, RuleError> {
        let mut calendar = Calendar::week(rules)?;
        calendar.holidays(rules)?;
        for row in &rules.closures {
            if let Some(at) = calendar.session_index(row, row.value.date)? {
                calendar.set(at, Kind::Closed(Arc::clone(&row.value.name)));
            }
        }
        calendar.extra_sessions(rules)?;
        let changed = calendar.special_dates(rules)?;
        calendar.changes(rules, &changed)?;
        for row in &rules.special_hours {
            if let Some(at) = calendar.session_index(row, row.value.date)? {
                // Before the first known hours a change of hours says nothing.
                let Kind::Session(plan) = calendar.at(at).clone() else { continue };
                let plan = special(row, plan)?;
                calendar.set(at, Kind::Session(plan));
            }
        }
        Ok(calendar)
    }

    /// Returns what `date` is; `None` outside the span.
    pub(crate) fn kind(&self, date: Date) -> Option<&Kind> {
        Some(self.at(self.index(date)?))
    }

    /// Returns every form a day can take.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Returns what each day is, from the first on.
    pub(crate) fn days(&self) -> impl Iterator<Item = (Date, &Kind)> {
        self.codes.iter().scan(self.first, |date, code| {
            let today = *date;
            *date = date.tomorrow().unwrap_or(Date::MAX);
            Some((today, &self.kinds[usize::from(*code)]))
        })
    }

    /// Returns the doubt that lies on `date`, if there is one.
    pub(crate) fn doubt(&self, date: Date) -> Option<&Doubt> {
        self.doubts.iter().find(|doubt| doubt.from <= date && date <= doubt.to)
    }

    /// Returns the bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() * size_of::<u16>() + self.kinds.capacity() * size_of::<Kind>()
    }

    /// Puts something else in the place of a day; false outside the span.
    pub(crate) fn put(&mut self, date: Date, kind: Kind) -> bool {
        let at = self.index(date);
        if let Some(at) = at {
            self.set(at, kind);
        }
        at.is_some()
    }

    /// Fills the span with the week and the ordinary hours.
    fn week(rules: &Rules) -> Result<Calendar, RuleError> {
        let days = days_between(rules.span.from, rules.span.projected_to) + 1;
        let mut calendar = Calendar {
            first: rules.span.from,
            codes: Vec::with_capacity(usize::try_from(days).unwrap_or(0)),
            kinds: Vec::new(),
            known: BTreeMap::new(),
            doubts: Vec::new(),
        };
        let idle = calendar.code(Kind::Idle);
        let untimed = calendar.code(Kind::Untimed);
        let mut weeks = rules.weeks.iter().peekable();
        let mut week = rules.weeks[0].1;
        let mut regime = 0..0;
        // The codes of a row on one clock are the same every day.
        let mut fixed: BTreeMap<usize, u16> = BTreeMap::new();
        let mut date = rules.span.from;
        for _ in 0..days {
            while let Some((_, days)) = weeks.next_if(|(from, _)| *from <= date) {
                week = *days;
            }
            while rules.hours.get(regime.end).is_some_and(|row| row.from <= date) {
                let from = rules.hours[regime.end].from;
                let end = rules.hours[regime.end..].iter().take_while(|row| row.from == from).count();
                regime = regime.end..regime.end + end;
            }
            let code = if !week.contains(date.weekday()) {
                idle
            } else if regime.is_empty() {
                untimed
            } else {
                let on_day = |at: &usize| rules.hours[*at].days.contains(date.weekday());
                let row = regime.clone().find(on_day).unwrap_or(regime.start);
                match fixed.get(&row) {
                    Some(code) => *code,
                    None => {
                        let hours = &rules.hours[row];
                        let code = calendar.code(Kind::Session(ordinary(hours, rules, date)?));
                        if hours.open.clock.is_none() && hours.close.clock.is_none() {
                            fixed.insert(row, code);
                        }
                        code
                    }
                }
            };
            calendar.codes.push(code);
            date = date.tomorrow().unwrap_or(Date::MAX);
        }
        Ok(calendar)
    }

    /// Closes holidays, the days between two of them, and the days that make up for one.
    fn holidays(&mut self, rules: &Rules) -> Result<(), RuleError> {
        let by_rule: Vec<Vec<Date>> = rules.holidays.iter().map(|row| dates(&row.value.rule, rules)).collect();
        let civil = rules.holidays.iter().zip(&by_rule).filter(|(row, _)| row.value.civil);
        let mut falls: BTreeMap<Date, usize> = BTreeMap::new();
        for date in civil.flat_map(|(_, dates)| dates) {
            *falls.entry(*date).or_default() += 1;
        }
        let mut acts = vec![false; rules.holidays.len()];
        for (n, (row, dates)) in rules.holidays.iter().zip(&by_rule).enumerate() {
            for date in dates {
                acts[n] |= self.close(*date, &row.value.rule.name);
                self.doubt_around(rules, *date, row.value.doubt, &row.value.rule.name);
            }
        }
        let mut holidays: BTreeSet<Date> = falls.keys().copied().collect();
        let between: Arc<str> = BETWEEN.into();
        for date in falls.keys().filter_map(|date| day::shift(*date, 1)) {
            let follows = day::shift(date, 1).is_some_and(|next| falls.contains_key(&next));
            let is_free = !falls.contains_key(&date) && date.weekday() != jiff::civil::Weekday::Sunday;
            if follows && is_free && rules.sandwich.contains(date.year()) {
                self.close(date, &between);
                holidays.insert(date);
            }
        }
        self.substitutes(rules, &by_rule, &falls, &mut holidays, &mut acts);
        match rules.holidays.iter().zip(acts).find(|(row, acts)| row.is_own() && !acts) {
            Some((row, _)) => Err(row.error(RuleProblem::NeverActs(row.value.rule.name.to_string()))),
            None => Ok(()),
        }
    }

    /// Makes up for holidays that fell on a day off or on another holiday, in order of date.
    fn substitutes(
        &mut self,
        rules: &Rules,
        by_rule: &[Vec<Date>],
        falls: &BTreeMap<Date, usize>,
        holidays: &mut BTreeSet<Date>,
        acts: &mut [bool],
    ) {
        let mut owed: Vec<(Date, usize)> = Vec::new();
        let mut doubled: BTreeSet<Date> = BTreeSet::new();
        for (n, (row, dates)) in rules.holidays.iter().zip(by_rule).enumerate() {
            for date in dates {
                let meets = row.value.overlap && falls.get(date).is_some_and(|count| *count > 1);
                // Two holidays on one day are one day lost, whichever of them the law makes up for.
                if row.value.substitute.contains(date.weekday()) || meets && doubled.insert(*date) {
                    owed.push((*date, n));
                }
            }
        }
        owed.sort_unstable();
        for (date, n) in owed {
            let free = (1..=LOOKED_AT).filter_map(|days| day::shift(date, days)).find(|day| {
                let in_week = self.index(*day).is_some_and(|at| !matches!(self.at(at), Kind::Idle));
                in_week && !holidays.contains(day)
            });
            if let Some(day) = free {
                holidays.insert(day);
                let row = &rules.holidays[n].value;
                let name: Arc<str> = format!("{} (substitute)", row.rule.name).into();
                acts[n] |= self.close(day, &name);
                self.doubt_around(rules, day, row.doubt, &name);
            }
        }
    }

    fn doubt_around(&mut self, rules: &Rules, date: Date, days: i8, name: &Arc<str>) {
        if days == 0 || date <= rules.span.confirmed_to || date > rules.span.projected_to {
            return;
        }
        if let (Some(from), Some(to)) = (day::shift(date, -days), day::shift(date, days)) {
            let from = from.max(rules.span.confirmed_to.tomorrow().unwrap_or(from));
            let at = self.doubts.partition_point(|doubt| doubt.from <= from);
            self.doubts.insert(at, Doubt { from, to, projected: date, name: Arc::clone(name) });
        }
    }

    fn extra_sessions(&mut self, rules: &Rules) -> Result<(), RuleError> {
        for row in &rules.extra_sessions {
            let extra = &row.value;
            let at = self.index(extra.date).filter(|at| !self.is_session(*at));
            let Some(at) = at else {
                match row.is_own() {
                    true => return Err(row.error(RuleProblem::AlreadyASession(extra.date))),
                    false => continue,
                }
            };
            let kind = match rules.hours_on(extra.date) {
                None => Kind::Untimed,
                Some(hours) => Kind::Session(special(row, ordinary(hours, rules, extra.date)?)?),
            };
            self.set(at, kind);
        }
        Ok(())
    }

    /// Returns the dates whose hours are stated one by one.
    fn special_dates(&self, rules: &Rules) -> Result<BTreeSet<Date>, RuleError> {
        let mut changed = BTreeSet::new();
        for row in &rules.special_hours {
            if !changed.insert(row.value.date) && row.is_own() {
                return Err(row.error(RuleProblem::Twice(row.value.date)));
            }
        }
        Ok(changed)
    }

    /// Changes hours by rule; what is stated for a single date wins.
    fn changes(&mut self, rules: &Rules, stated: &BTreeSet<Date>) -> Result<(), RuleError> {
        for row in &rules.changes {
            let change = &row.value;
            let mut acts = false;
            for date in self.occasions(&change.rule, rules) {
                let Some(at) = self.index(date) else { continue };
                let Kind::Session(plan) = self.at(at).clone() else { continue };
                let later = change.open.filter(|open| *open > plan.open && *open < plan.close);
                let earlier = change.close.filter(|close| *close < plan.close && *close > plan.open);
                if later.is_none() && earlier.is_none() {
                    continue;
                }
                acts = true;
                if stated.contains(&date) {
                    continue;
                }
                let (open, close) = (later.unwrap_or(plan.open), earlier.unwrap_or(plan.close));
                let note = Some(Arc::clone(&change.rule.name));
                self.set(at, Kind::Session(cut(Plan { open, close, note, ..plan })));
            }
            if !acts && row.is_own() {
                return Err(row.error(RuleProblem::NeverActs(change.rule.name.to_string())));
            }
        }
        Ok(())
    }

    /// Lists the dates that a rule for changed hours names.
    fn occasions(&self, rule: &YearlyRule, rules: &Rules) -> Vec<Date> {
        let Occasion::Session(session, offset) = rule.on else { return dates(rule, rules) };
        let is_session = |date| self.index(date).is_some_and(|at| self.is_session(at));
        years(rules)
            .filter(|year| rule.years.contains(*year))
            .filter_map(|year| session.in_year(year, is_session))
            .filter_map(|date| day::shift(date, offset))
            .filter_map(|date| moved(rule, date))
            .collect()
    }

    /// Closes a session; false if there is none on that date.
    fn close(&mut self, date: Date, name: &Arc<str>) -> bool {
        let at = self.index(date).filter(|at| self.is_session(*at));
        if let Some(at) = at {
            self.set(at, Kind::Closed(Arc::clone(name)));
        }
        at.is_some()
    }

    fn code(&mut self, kind: Kind) -> u16 {
        if let Some(code) = self.known.get(&kind) {
            return *code;
        }
        let code = self.kinds.len() as u16;
        self.kinds.push(kind.clone());
        self.known.insert(kind, code);
        code
    }

    fn index(&self, date: Date) -> Option<usize> {
        usize::try_from(days_between(self.first, date)).ok().filter(|at| *at < self.codes.len())
    }

    fn at(&self, at: usize) -> &Kind {
        &self.kinds[usize::from(self.codes[at])]
    }

    fn is_session(&self, at: usize) -> bool {
        matches!(self.at(at), Kind::Session(_) | Kind::Untimed)
    }

    /// Returns where a session is that a row names; nothing for an inherited row whose day is none here.
    fn session_index<T>(&self, row: &Row<T>, date: Date) -> Result<Option<usize>, RuleError> {
        let found = self.index(date).filter(|at| self.is_session(*at));
        if found.is_none() && row.is_own() {
            return Err(row.error(RuleProblem::NotASession(date)));
        }
        Ok(found)
    }

    fn set(&mut self, at: usize, kind: Kind) {
        self.codes[at] = self.code(kind);
    }
}

impl Rules {
    /// Returns the row of hours in force on a date; nothing before the first.
    pub(crate) fn hours_on(&self, date: Date) -> Option<&Hours> {
        let last = self.hours.iter().rev().find(|row| row.from <= date)?;
        let regime = || self.hours.iter().filter(|row| row.from == last.from);
        regime().find(|row| row.days.contains(date.weekday())).or_else(|| regime().next())
    }
}

/// Returns how many days `to` lies after `from`.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// Returns the years of the span and one around it: a holiday can move over New Year.
fn years(rules: &Rules) -> std::ops::RangeInclusive<i16> {
    rules.span.from.year() - 1..=rules.span.projected_to.year() + 1
}

/// Lists the dates that a rule names in the span and a year around it.
fn dates(rule: &YearlyRule, rules: &Rules) -> Vec<Date> {
    let Occasion::Day(day) = rule.on else { return Vec::new() };
    years(rules)
        .filter(|year| rule.years.contains(*year))
        .flat_map(|year| day.in_year(year))
        .filter_map(|date| moved(rule, date))
        .collect()
}

/// Moves a date that fell on one of a rule's weekdays; nothing for the others.
fn moved(rule: &YearlyRule, date: Date) -> Option<Date> {
    let weekday = date.weekday();
    let days = rule.moved[weekday.to_monday_zero_offset() as usize];
    rule.days.contains(weekday).then(|| day::shift(date, days))?
}

/// Returns the ordinary hours of a row on a date, on the venue's own clock.
pub(crate) fn ordinary(hours: &Hours, rules: &Rules, date: Date) -> Result<Plan, RuleError> {
    let minute = |bell: &Bell| own_minute(bell, rules, date);
    let (open, close) = (minute(&hours.open), minute(&hours.close));
    let clock = &hours.open.clock;
    let on_clock = |minute: Minute| own_minute(&Bell { minute, clock: clock.clone() }, rules, date);
    let pauses: Vec<_> = hours.pauses.iter().map(|(from, to)| (on_clock(*from), on_clock(*to))).collect();
    if !rising(open, &pauses, close) {
        let problem = RuleProblem::Hours(format!("from {} on {date}", hours.from));
        return Err(RuleError { line: 1, column: 1, problem });
    }
    Ok(Plan { open, close, pauses, regular: (open, close), post: hours.post, note: None })
}

/// Returns when a bell rings on a date, in minutes of the venue's own clock.
fn own_minute(bell: &Bell, rules: &Rules, date: Date) -> Minute {
    let Some(clock) = &bell.clock else { return bell.minute };
    let days = bell.minute.div_euclid(DAY);
    let (hour, minute) = (bell.minute.rem_euclid(DAY) / 60, bell.minute.rem_euclid(60));
    let there = date.saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
    let rings = resolve(clock, there.at(hour as i8, minute as i8, 0, 0)).at;
    let here = rules.zone.to_datetime(rings);
    let days = days_between(date, here.date()) as Minute;
    days * DAY + Minute::from(here.hour()) * 60 + Minute::from(here.minute())
}

/// Puts the stated hours of a date into the ordinary ones.
fn special(row: &Row<SpecialHours>, plan: Plan) -> Result<Plan, RuleError> {
    let stated = &row.value;
    let (open, close) = (stated.open.unwrap_or(plan.open), stated.close.unwrap_or(plan.close));
    let note = Some(Arc::clone(&stated.name));
    let pauses = stated.pauses.clone().unwrap_or_else(|| plan.pauses.clone());
    let plan = Plan { open, close, note, pauses, ..plan };
    // A pause that is stated must fit; an ordinary one goes when the hours do not reach it.
    let plan = if stated.pauses.is_some() { plan } else { cut(plan) };
    if !rising(open, &plan.pauses, close) {
        return Err(row.error(RuleProblem::Hours(format!("of {}", stated.date))));
    }
    Ok(plan)
}

/// Drops the midday breaks that changed hours do not reach.
fn cut(mut plan: Plan) -> Plan {
    plan.pauses.retain(|(from, to)| plan.open < *from && *to < plan.close);
    plan
}
