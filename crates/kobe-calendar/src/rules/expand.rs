//! Expansion: rules become one small code per day.
//!
//! A hundred years are 36,000 days; what can be said of a day takes few forms (closed and why, the ordinary hours, a
//! named early close), so each day holds the number of its form: 72 kB for a venue, built once, shared without locks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::{Minute, Placed, Rules, YearlyRule, day};
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

/// The hours of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plan {
    pub open: Minute,
    pub close: Minute,
    pub pause: Option<(Minute, Minute)>,
    /// The ordinary hours on that date.
    pub regular: (Minute, Minute),
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

/// Every day of a span.
pub(crate) struct Calendar {
    first: Date,
    codes: Vec<u16>,
    kinds: Vec<Kind>,
}

impl Calendar {
    /// Expands the rules over their span.
    ///
    /// # Errors
    /// [`RuleError`] where a closure or changed hours stand on a day without a session, or twice, or upside down.
    pub(crate) fn expand(rules: &Rules) -> Result<Calendar, RuleError> {
        let mut making = Making::new(rules);
        for rule in &rules.holidays {
            for date in dates(rule, rules) {
                if let Some(at) = making.index(date)
                    && making.is_session(at)
                {
                    making.set(at, Kind::Closed(Arc::clone(&rule.name)));
                }
            }
        }
        for (name, date) in &rules.closures {
            let at = making.session_index(date)?;
            making.set(at, Kind::Closed(Arc::clone(name)));
        }
        for early in &rules.early_closes {
            for date in dates(&early.rule, rules) {
                if let Some(at) = making.index(date)
                    && let Kind::Session(plan) = making.kind(at).clone()
                    && early.close < plan.close
                {
                    let note = Some(Arc::clone(&early.rule.name));
                    making.set(at, Kind::Session(cut(Plan { close: early.close, note, ..plan })));
                }
            }
        }
        for special in &rules.special_hours {
            let at = making.session_index(&special.date)?;
            // Before the first known hours a change of hours says nothing.
            let Kind::Session(plan) = making.kind(at).clone() else { continue };
            let (open, close) = (special.open.unwrap_or(plan.open), special.close.unwrap_or(plan.close));
            if open >= close {
                return Err(special.date.error(RuleProblem::Hours(format!("of {}", special.date.value))));
            }
            if !making.changed.insert(special.date.value) {
                return Err(special.date.error(RuleProblem::Twice(special.date.value)));
            }
            let note = Some(Arc::clone(&special.name));
            making.set(at, Kind::Session(cut(Plan { open, close, note, ..plan })));
        }
        Ok(Calendar { first: rules.span.from, codes: making.codes, kinds: making.kinds })
    }

    /// Returns what `date` is; `None` outside the span.
    pub(crate) fn kind(&self, date: Date) -> Option<&Kind> {
        let code = *self.codes.get(usize::try_from(days_between(self.first, date)).ok()?)?;
        Some(&self.kinds[usize::from(code)])
    }

    /// Returns every form a day can take.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

/// Returns how many days `to` lies after `from`.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// Lists the dates that a rule names in the span and a year around it (a holiday can move over New Year).
fn dates(rule: &YearlyRule, rules: &Rules) -> Vec<Date> {
    (rules.span.from.year() - 1..=rules.span.projected_to.year() + 1)
        .filter(|year| rule.years.contains(*year))
        .filter_map(|year| rule.day.in_year(year))
        .filter(|date| rule.days.contains(date.weekday()))
        .filter_map(|date| day::shift(date, rule.moved[date.weekday().to_monday_zero_offset() as usize]))
        .collect()
}

/// Drops a midday break that the changed hours do not reach.
fn cut(plan: Plan) -> Plan {
    let pause = plan.pause.filter(|(from, to)| plan.open < *from && *to < plan.close);
    Plan { pause, ..plan }
}

struct Making {
    first: Date,
    codes: Vec<u16>,
    kinds: Vec<Kind>,
    known: BTreeMap<Kind, u16>,
    changed: BTreeSet<Date>,
}

impl Making {
    /// Fills the span with the week and the ordinary hours.
    fn new(rules: &Rules) -> Making {
        let mut making = Making {
            first: rules.span.from,
            codes: Vec::new(),
            kinds: Vec::new(),
            known: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        let idle = making.code(Kind::Idle);
        let mut ordinary = making.code(Kind::Untimed);
        let mut coming = rules.hours.iter().peekable();
        let days = days_between(rules.span.from, rules.span.projected_to);
        let mut date = rules.span.from;
        for _ in 0..=days {
            while let Some(hours) = coming.next_if(|hours| hours.from <= date) {
                let regular = (hours.open, hours.close);
                let plan = Plan { open: hours.open, close: hours.close, pause: hours.pause, regular, note: None };
                ordinary = making.code(Kind::Session(plan));
            }
            making.codes.push(if rules.week.contains(date.weekday()) { ordinary } else { idle });
            date += SignedDuration::from_hours(24);
        }
        making
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

    fn kind(&self, at: usize) -> &Kind {
        &self.kinds[usize::from(self.codes[at])]
    }

    fn is_session(&self, at: usize) -> bool {
        matches!(self.kind(at), Kind::Session(_) | Kind::Untimed)
    }

    fn session_index(&self, date: &Placed<Date>) -> Result<usize, RuleError> {
        self.index(date.value)
            .filter(|at| self.is_session(*at))
            .ok_or_else(|| date.error(RuleProblem::NotASession(date.value)))
    }

    fn set(&mut self, at: usize, kind: Kind) {
        self.codes[at] = self.code(kind);
    }
}
