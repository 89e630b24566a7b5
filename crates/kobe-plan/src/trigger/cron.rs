//! Cron expressions on the clock of the desk's zone.
//!
//! The expression is matched against civil time, without any zone; Kobe's own rules then say what happens to a time that does not exist or exists twice.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::errors::CronError;
use croner::time::{CivilDateTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::clock::second_time;
use super::{Named, earliest};
use crate::days::Days;
use crate::slot::Slot;
use crate::task::{Fold, Task};

/// How many civil times are tried around a change of clocks before giving up; six hours of every second.
const TRIES: usize = 21_600;

/// A parsed cron expression that remembers its text.
#[derive(Debug, Clone)]
pub struct CronRule {
    text: String,
    cron: Box<Cron>,
}

impl PartialEq for CronRule {
    fn eq(&self, other: &CronRule) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for CronRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for CronRule {
    type Err = CronError;

    fn from_str(text: &str) -> Result<CronRule, CronError> {
        Ok(CronRule { text: text.to_owned(), cron: Box::new(Cron::from_str(text)?) })
    }
}

/// A civil date and time without a zone: every time exists once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil(DateTime);

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0;
        CivilDateTime::from_ymd_hms_opt(
            i32::from(at.year()),
            at.month() as u32,
            at.day() as u32,
            at.hour() as u32,
            at.minute() as u32,
            at.second() as u32,
        )
        .expect("a civil time is valid in both libraries")
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset() as u32)
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Civil>, CronError> {
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        DateTime::new(
            year,
            civil.month() as i8,
            civil.day() as i8,
            civil.hour() as i8,
            civil.minute() as i8,
            civil.second() as i8,
            0,
        )
        .map(|at| Resolution::Single(Civil(at)))
        .map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Civil> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Civil)
    }

    fn cmp_instant(&self, other: &Civil) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl CronRule {
    /// Says in English when the expression fires.
    pub fn describe(&self) -> String {
        self.cron.describe()
    }

    pub(super) fn next_after(&self, task: &Task, after: Timestamp, days: &mut Days) -> Vec<Named> {
        let hours = SignedDuration::from_hours(3);
        let (before, later) = (days.market().local(after - hours), days.market().local(after + hours));
        let calm = before.offset() == later.offset();
        // Far from a change of clocks the civil clock runs with the instants. Near one, begin before it and look past it, since order on the clock is not order in time.
        let mut civil = if calm { days.market().local(after).datetime() } else { before.datetime() };
        let end = later.datetime() + hours;
        let mut found = Vec::new();
        for _ in 0..TRIES {
            let mut next = match self.cron.find_next_occurrence(&Civil(civil), false) {
                Ok(next) => next.0,
                Err(_) => break,
            };
            if !task.days.has(next.weekday()) {
                // Not a day of this task: go on from its last second.
                next = next.date().at(23, 59, 59, 0);
                civil = next;
                continue;
            }
            civil = next;
            let resolved = days.market().instant(next);
            if days.on(next.date()).is_err() {
                break; // past the calendar
            }
            let first =
                Named { slot: Slot::Wall { at: next, second: false }, due: resolved.at, shifted: resolved.shifted };
            let second = second_time(next, resolved.at, days).map(|due| Named {
                slot: Slot::Wall { at: next, second: true },
                due,
                shifted: false,
            });
            match (task.fold, second) {
                (Fold::First, _) | (_, None) => found.push(first),
                (Fold::Second, Some(second)) => found.push(second),
                (Fold::Both, Some(second)) => found.extend([first, second]),
            }
            found.retain(|n| n.due > after);
            if !found.is_empty() && (calm_at(&found, days) || next > end) {
                break;
            }
        }
        earliest(found)
    }
}

/// Tells whether no change of clocks lies near what was found.
fn calm_at(found: &[Named], days: &Days) -> bool {
    let hours = SignedDuration::from_hours(3);
    found.iter().all(|n| days.market().local(n.due - hours).offset() == days.market().local(n.due + hours).offset())
}
