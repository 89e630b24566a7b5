//! Intervals: a fixed distance apart, in elapsed time.
//!
//! Without a window the steps are counted from the beginning of 1970 in UTC, so a restart or a clock change moves none of them. Within a window they are counted from
//! the window's beginning, anew each day; the window is half-open.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::moment::duration_text;
use super::{LOOK_AHEAD_DAYS, Moment, Named};
use crate::days::Days;
use crate::slot::Slot;
use crate::task::{Task, Weekdays};

/// A named part of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub from: Moment,
    /// When it is over; earlier on the clock than `from` means the next day.
    pub to: Moment,
    /// On which days it begins.
    pub days: Weekdays,
    /// Positions may be opened in it.
    pub entries: bool,
    /// Its rule, in a sentence.
    pub rule: String,
}

impl Window {
    /// Returns the instants between which the window lies that begins on a date; nothing if it does not begin there, is empty there, or the date is not covered.
    pub fn on(
        &self,
        date: Date,
        task_clock: crate::task::TaskClock,
        days: &mut Days,
    ) -> Option<(Timestamp, Timestamp)> {
        if !self.days.has(date.weekday()) {
            return None;
        }
        let day = days.on(date).ok()?;
        let (from, _) = self.from.on(&day, days.market(), task_clock);
        let (mut to, _) = self.to.on(&day, days.market(), task_clock);
        if self.wraps() {
            let next = days.on(date.tomorrow().ok()?).ok()?;
            to = self.to.on(&next, days.market(), task_clock).0;
        }
        (from < to).then_some((from, to))
    }

    /// Tells whether the window ends on the day after it began.
    pub fn wraps(&self) -> bool {
        self.from.anchor == super::Anchor::Midnight
            && self.to.anchor == super::Anchor::Midnight
            && self.to.offset_s <= self.from.offset_s
    }
}

/// A fixed distance apart, all day or within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Every {
    /// The distance.
    pub period: SignedDuration,
    /// The part of the day, if not all of it.
    pub within: Option<Arc<Window>>,
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", duration_text(self.period))?;
        match &self.within {
            Some(window) => write!(f, " within {}", window.name),
            None => Ok(()),
        }
    }
}

impl Every {
    pub(super) fn next_after(&self, task: &Task, after: Timestamp, days: &mut Days) -> Vec<Named> {
        let due = match &self.within {
            None => self.all_day(task, after, days),
            Some(window) => self.inside(window, task, after, days),
        };
        due.map(|at| Named { slot: Slot::Interval { at }, due: at, shifted: false }).into_iter().collect()
    }

    fn all_day(&self, task: &Task, after: Timestamp, days: &mut Days) -> Option<Timestamp> {
        let period = self.period.as_secs();
        let mut next = step_after(after, 0, period)?;
        for _ in 0..LOOK_AHEAD_DAYS {
            let date = days.market().date_of(next);
            if task.days.has(date.weekday()) {
                return Some(next);
            }
            let tomorrow = days.on(date).ok()?.to;
            next = if step_after(tomorrow - SignedDuration::from_nanos(1), 0, period)? > next {
                step_after(tomorrow - SignedDuration::from_nanos(1), 0, period)?
            } else {
                step_after(next, 0, period)?
            };
        }
        None
    }

    fn inside(&self, window: &Window, task: &Task, after: Timestamp, days: &mut Days) -> Option<Timestamp> {
        let mut date = days.market().date_of(after).checked_sub(1.day()).ok()?;
        for _ in 0..LOOK_AHEAD_DAYS {
            if task.days.has(date.weekday())
                && let Some((from, to)) = window.on(date, task.clock, days)
                && to > after
            {
                let next =
                    if from > after { from } else { step_after(after, from.as_second(), self.period.as_secs())? };
                if next < to {
                    return Some(next);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// Returns the first step of `period` seconds, counted from `anchor`, that lies strictly after an instant.
fn step_after(after: Timestamp, anchor: i64, period: i64) -> Option<Timestamp> {
    let since = after.as_second() - anchor;
    // A negative fraction of a second cannot make a step early: as_second rounds towards zero, the epoch itself is the only edge and lies before every covered date.
    Timestamp::from_second(anchor + (since.div_euclid(period) + 1) * period).ok()
}
