//! The overlay: what became known after the rules were written. A sudden closure, an early close, a halt.
//!
//! A dated file of the operator (`overlay.toml`): every entry says which venue, which date, what changes, and when it was
//! declared. An entry holds from its declaration on, and the later one wins, so that the calendar can also be asked as it
//! was known at an instant of the past ([`Exchange::with_overlay`]). The rules of a venue are never changed by it.
//!
//! ```toml
//! schema = 1
//! [[entry]]
//! exchange = "XNYS"
//! date = 2026-12-07
//! close = "12:00"                       # or closed = true, open = "10:30", halt = ["13:00", "14:10"], as_planned = true
//! declared_at = 2026-12-07T16:10:00Z
//! reason = "Snow"
//! source = "exchange notice"            # optional
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::rules::{Kind, Minute, Plan, minute, rising, whole_date};
use crate::{Exchange, RuleError, RuleProblem};

/// Changes that operators declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    /// In order of declaration.
    entries: Vec<Entry>,
}

/// One declared change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Identifier of the venue.
    pub exchange: String,
    /// The venue's date.
    pub date: Date,
    /// When it was declared: before, the calendar does not know of it.
    pub declared_at: Timestamp,
    /// Why.
    pub reason: Arc<str>,
    change: Change,
    place: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Closed,
    AsPlanned,
    Hours { open: Option<Minute>, close: Option<Minute>, halt: Option<(Minute, Minute)> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<i64>,
    #[serde(default)]
    entry: Vec<Spanned<Line>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    exchange: Spanned<String>,
    date: Spanned<Datetime>,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    as_planned: bool,
    #[serde(default)]
    open: Option<Spanned<String>>,
    #[serde(default)]
    close: Option<Spanned<String>>,
    #[serde(default)]
    halt: Option<[Spanned<String>; 2]>,
    declared_at: Spanned<Datetime>,
    reason: String,
    #[serde(default)]
    #[allow(dead_code, reason = "evidence for the reader of the file")]
    source: Option<String>,
}

impl Overlay {
    /// Reads an overlay file.
    ///
    /// # Errors
    /// [`RuleError`] with line, column and a hint.
    pub fn parse(text: &str) -> Result<Overlay, RuleError> {
        let place = |at: usize| {
            let before = &text[..text.floor_char_boundary(at)];
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        };
        let error = |at: usize, problem| {
            let (line, column) = place(at);
            RuleError { line, column, problem }
        };
        let file: File = toml::from_str(text)
            .map_err(|e| error(e.span().map_or(0, |span| span.start), RuleProblem::Overlay(e.message().to_owned())))?;
        if *file.schema.get_ref() != 1 {
            return Err(error(file.schema.span().start, RuleProblem::Schema(*file.schema.get_ref())));
        }
        let mut entries = Vec::new();
        for at in &file.entry {
            let (begin, line) = (at.span().start, at.get_ref());
            let time = |at: &Spanned<String>| {
                let found = minute(at.get_ref());
                found.ok_or_else(|| error(at.span().start, RuleProblem::Time(at.get_ref().clone())))
            };
            let id = line.exchange.get_ref();
            let known = Exchange::bundled_ids().find(|known| known.eq_ignore_ascii_case(id));
            let exchange = known.ok_or_else(|| error(line.exchange.span().start, RuleProblem::Extends(id.clone())))?;
            let date = whole_date(line.date.get_ref());
            let date =
                date.ok_or_else(|| error(line.date.span().start, RuleProblem::Date(line.date.get_ref().to_string())))?;
            let declared = line.declared_at.get_ref().to_string();
            let declared_at = declared.parse::<Timestamp>();
            let declared_at =
                declared_at.map_err(|_| error(line.declared_at.span().start, RuleProblem::Instant(declared)))?;
            let halt = match &line.halt {
                None => None,
                Some([from, to]) => Some((time(from)?, time(to)?)),
            };
            let (open, close) = (line.open.as_ref().map(time).transpose()?, line.close.as_ref().map(time).transpose()?);
            let hours = open.is_some() || close.is_some() || halt.is_some();
            let change = match (line.closed, line.as_planned, hours) {
                (true, false, false) => Change::Closed,
                (false, true, false) => Change::AsPlanned,
                (false, false, true) => Change::Hours { open, close, halt },
                _ => return Err(error(begin, RuleProblem::OneChange)),
            };
            let reason = line.reason.as_str().into();
            entries.push(Entry {
                exchange: exchange.to_owned(),
                date,
                declared_at,
                reason,
                change,
                place: place(begin),
            });
        }
        entries.sort_by_key(|entry| entry.declared_at);
        Ok(Overlay { entries })
    }

    /// Lists what was declared, in order of declaration.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Exchange {
    /// Returns the venue as it was known at an instant: its rules, and what of the overlay was declared by then.
    ///
    /// # Errors
    /// [`RuleError`] with the place of an entry that cannot be: hours on a date without a session or out of order, a date
    /// outside the span.
    pub fn with_overlay(&self, overlay: &Overlay, known_at: Timestamp) -> Result<Exchange, RuleError> {
        let mut calendar = self.calendar().clone();
        let entries =
            overlay.entries.iter().filter(|entry| entry.exchange == self.id() && entry.declared_at <= known_at);
        for entry in entries {
            let fault = |problem| RuleError { line: entry.place.0, column: entry.place.1, problem };
            let planned =
                self.calendar().kind(entry.date).ok_or_else(|| fault(RuleProblem::NotASession(entry.date)))?;
            let kind = match (entry.change, planned) {
                (Change::AsPlanned, planned) => planned.clone(),
                (Change::Closed, Kind::Session(_) | Kind::Untimed) => Kind::Closed(Arc::clone(&entry.reason)),
                (Change::Hours { open, close, halt }, Kind::Session(plan)) => {
                    let plan = changed(plan, open, close, halt, &entry.reason);
                    Kind::Session(plan.ok_or_else(|| fault(RuleProblem::Hours(format!("of {}", entry.date))))?)
                }
                _ => return Err(fault(RuleProblem::NotASession(entry.date))),
            };
            calendar.put(entry.date, kind);
        }
        Ok(self.with_calendar(calendar))
    }
}

/// Puts declared hours into the planned ones; nothing if they are out of order.
fn changed(
    plan: &Plan,
    open: Option<Minute>,
    close: Option<Minute>,
    halt: Option<(Minute, Minute)>,
    reason: &Arc<str>,
) -> Option<Plan> {
    let (open, close) = (open.unwrap_or(plan.open), close.unwrap_or(plan.close));
    let mut pauses: Vec<_> = plan.pauses.iter().copied().filter(|(from, to)| open < *from && *to < close).collect();
    if let Some(halt) = halt {
        pauses.push(halt);
        pauses.sort_unstable();
    }
    let fits = rising(open, &pauses, close);
    fits.then(|| Plan { open, close, pauses, note: Some(Arc::clone(reason)), ..plan.clone() })
}
