//! Triggers: rules that name instants.
//!
//! A [`Trigger`] answers one question: which occurrences come next after an instant? Answers are strictly later than the question, so no clock change can make a slot
//! fire twice or for ever. Each kind stands in its own file; to add one, write its file and a line in the [`Trigger`] enum.

mod clock;
mod cron;
mod every;
mod moment;
mod venue;

pub use cron::CronRule;
pub use every::{Every, Window};
pub use moment::{Anchor, Moment, MomentError, duration_text, parse_duration};
pub(crate) use venue::venue_id;
pub use venue::{Align, Bell, EXPIRY_REACH, OnSession, Steps, Venue, VenueMoment, Which};

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use crate::days::Days;
use crate::slot::{Occurrence, Slot};
use crate::task::{HalfDay, Task, TaskIx};

/// A rule that names instants.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A time of day, or a time relative to the session.
    At(Moment),
    /// A moment of the sessions of any venue.
    On(OnSession),
    /// A fixed distance apart, all day or within a window.
    Every(Every),
    /// A fixed distance apart, within the sessions of any venue.
    Steps(Steps),
    /// A cron expression on the clock of the desk's zone.
    Cron(CronRule),
    /// Driven by phase and mode: again so long after the last start, as soon as the moment fits.
    Cooldown(SignedDuration),
    /// A single civil date and time.
    Once(DateTime),
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trigger::At(moment) => write!(f, "at {moment}"),
            Trigger::On(on) => write!(f, "{on}"),
            Trigger::Every(every) => write!(f, "{every}"),
            Trigger::Steps(steps) => write!(f, "{steps}"),
            Trigger::Cron(rule) => write!(f, "cron {rule}"),
            Trigger::Cooldown(period) => write!(f, "cooldown {}", moment::duration_text(*period)),
            Trigger::Once(at) => write!(f, "once {at}"),
        }
    }
}

impl Trigger {
    /// Returns the venue whose sessions it follows; nothing where it follows the desk's clock alone.
    pub fn venue(&self) -> Option<&Venue> {
        match self {
            Trigger::On(on) => Some(&on.venue),
            Trigger::Steps(steps) => Some(&steps.venue),
            Trigger::At(_) | Trigger::Every(_) | Trigger::Cron(_) | Trigger::Cooldown(_) | Trigger::Once(_) => None,
        }
    }
}

/// A trigger with what it says for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// When.
    pub trigger: Trigger,
    /// How urgent, 1 (critical) to 10.
    pub priority: u8,
    /// What its slots do on a day with an early close.
    pub on_half_day: HalfDay,
}

/// How many days ahead a next slot is looked for; a task that has none in this time is said never to fire.
pub const LOOK_AHEAD_DAYS: i32 = 1500;

impl Firing {
    /// Returns the occurrences at the earliest instant after `after`: usually one, more where clock changes or moved holidays put several slots on one instant, none
    /// when the trigger is exhausted, lies past the calendar's coverage, or is driven by context.
    pub fn next_after(
        &self,
        ix: TaskIx,
        firing: u16,
        task: &Task,
        after: Timestamp,
        days: &mut Days,
    ) -> Vec<Occurrence> {
        let found = match &self.trigger {
            Trigger::At(moment) => clock::moment_after(*moment, self.on_half_day, task, after, days),
            Trigger::On(on) => on.next_after(task, after, days).into_iter().collect(),
            Trigger::Every(every) => every.next_after(task, after, days),
            Trigger::Steps(steps) => steps.next_after(task, after, days).into_iter().collect(),
            Trigger::Cron(rule) => rule.next_after(task, after, days),
            Trigger::Once(at) => clock::once_after(*at, after, days),
            Trigger::Cooldown(_) => Vec::new(),
        };
        found
            .into_iter()
            .map(|n| Occurrence { task: ix, firing, slot: n.slot, due: n.due, dst_shifted: n.shifted })
            .collect()
    }
}

/// A slot and its instant, before it is known whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    slot: Slot,
    due: Timestamp,
    shifted: bool,
}

/// Keeps those at the earliest instant.
fn earliest(mut all: Vec<Named>) -> Vec<Named> {
    if let Some(first) = all.iter().map(|n| n.due).min() {
        all.retain(|n| n.due == first);
    }
    all
}

#[cfg(test)]
mod tests;
