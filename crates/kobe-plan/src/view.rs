//! Views: the questions an operator asks of a desk and its clock.
//!
//! They use the same triggers and the same verdicts as the machine, so what a view says is what the machine does. Start at [`plan`] and [`why`].

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{CalendarError, Market};

use crate::days::Days;
use crate::desk::Desk;
use crate::judge::{Check, Facts, Standing, Verdict, explain, judge};
use crate::run::Reason;
use crate::scheduler::next_occurrences;
use crate::slot::Occurrence;
use crate::task::{Lane, Task, TaskIx};

/// What is expected of one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Whose slot.
    pub task: TaskIx,
    /// The slot and its instant; nothing for a task that is driven by context.
    pub occurrence: Option<Occurrence>,
    /// For a task driven by context: the earliest instant at which it may have a turn, if the day has one.
    pub earliest: Option<Timestamp>,
    /// The verdict on the facts that are known ahead; nothing for a task that is driven by context (it runs about every so often).
    pub verdict: Option<Verdict>,
}

/// What a plan is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this task.
    pub task: Option<TaskIx>,
    /// Only this lane.
    pub lane: Option<Lane>,
}

impl Selection {
    fn takes(&self, ix: TaskIx, task: &Task) -> bool {
        self.task.is_none_or(|t| t == ix) && self.lane.is_none_or(|l| l == task.lane)
    }
}

/// Returns every slot from the beginning of one date to the end of another, in order: by instant, then priority, then the order of the files. Tasks driven by context stand
/// at the end, once each.
///
/// # Errors
/// [`CalendarError`] when a date lies outside the calendar.
pub fn plan(
    desk: &Desk,
    market: &Arc<Market>,
    from: Date,
    to: Date,
    selection: &Selection,
    standing: &dyn Fn(TaskIx) -> Option<Standing>,
) -> Result<Vec<Planned>, CalendarError> {
    let mut days = Days::new(Arc::clone(market));
    let (begin, end) = (days.on(from)?.from, days.on(to)?.to);
    let mut rows = Vec::new();
    let mut about = Vec::new();
    for (ix, task) in desk.iter().filter(|(ix, task)| selection.takes(*ix, task)) {
        if task.is_cooldown() {
            about.push(Planned {
                task: ix,
                occurrence: None,
                earliest: first_context(task, begin, end, &mut days)?,
                verdict: None,
            });
            continue;
        }
        let stands = standing(ix);
        let mut after = begin - SignedDuration::from_nanos(1);
        loop {
            let next = next_occurrences(task, ix, after, &mut days);
            let Some(due) = next.first().map(|o| o.due).filter(|due| *due < end) else { break };
            for occurrence in next {
                let verdict = verdict_of(task, &occurrence, stands.as_ref(), &mut days)?;
                rows.push(Planned { task: ix, occurrence: Some(occurrence), earliest: None, verdict: Some(verdict) });
            }
            after = due;
        }
    }
    let priority = |p: &Planned| p.occurrence.map_or(0, |o| desk.task(p.task).firings[o.firing as usize].priority);
    rows.sort_by_key(|p| (p.occurrence.map(|o| o.due), priority(p), p.task));
    rows.extend(about);
    Ok(rows)
}

fn verdict_of(
    task: &Task,
    occurrence: &Occurrence,
    standing: Option<&Standing>,
    days: &mut Days,
) -> Result<Verdict, CalendarError> {
    let day = days.at(occurrence.due)?;
    Ok(judge(task, occurrence, &Facts { day: &day, at: occurrence.due, day_at: &day, standing, live: 0 }))
}

fn first_context(
    task: &Task,
    begin: Timestamp,
    end: Timestamp,
    days: &mut Days,
) -> Result<Option<Timestamp>, CalendarError> {
    let mut at = begin;
    while at < end {
        let day = days.at(at)?;
        for segment in &day.segments {
            let fits = crate::judge::phase_matches(task, segment.phase)
                && (task.filter.modes.is_empty() || task.filter.modes.contains(&segment.mode));
            if fits && segment.from >= begin && segment.from < end {
                return Ok(Some(segment.from));
            }
        }
        at = day.to;
    }
    Ok(None)
}

/// Everything that decides about one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The slot.
    pub occurrence: Occurrence,
    /// What follows.
    pub verdict: Verdict,
    /// Every predicate with its answer.
    pub checks: Vec<Check>,
}

/// Explains the slot of a task that is due at or after an instant (the next one, if none is due exactly then).
///
/// Returns nothing when the task has no such slot, or is driven by context and never fits.
///
/// # Errors
/// [`CalendarError`] when the instant lies outside the calendar.
pub fn why(
    desk: &Desk,
    market: &Arc<Market>,
    ix: TaskIx,
    at: Timestamp,
    standing: Option<&Standing>,
) -> Result<Option<Why>, CalendarError> {
    let mut days = Days::new(Arc::clone(market));
    let task = desk.task(ix);
    let occurrence = if task.is_cooldown() {
        let end = days.at(at)?.to + SignedDuration::from_hours(24 * 10);
        let inside = {
            let day = days.at(at)?;
            let segment = day.at(at);
            crate::judge::phase_matches(task, segment.phase)
                && (task.filter.modes.is_empty() || task.filter.modes.contains(&segment.mode))
        };
        let due = if inside { Some(at) } else { first_context(task, at, end, &mut days)? };
        due.map(|due| Occurrence {
            task: ix,
            firing: 0,
            slot: crate::slot::Slot::Cooldown { n: 0 },
            due,
            dst_shifted: false,
        })
    } else {
        next_occurrences(task, ix, at - SignedDuration::from_nanos(1), &mut days).first().copied()
    };
    let Some(occurrence) = occurrence else { return Ok(None) };
    let day = days.at(occurrence.due)?;
    let facts = Facts { day: &day, at: occurrence.due, day_at: &day, standing, live: 0 };
    Ok(Some(Why { occurrence, verdict: judge(task, &occurrence, &facts), checks: explain(task, &occurrence, &facts) }))
}

/// Returns the next occurrences of a task after an instant, at most `count`.
pub fn next(desk: &Desk, market: &Arc<Market>, ix: TaskIx, after: Timestamp, count: usize) -> Vec<Occurrence> {
    let mut days = Days::new(Arc::clone(market));
    let mut found: Vec<Occurrence> = Vec::new();
    let mut after = after;
    while found.len() < count {
        let next = next_occurrences(desk.task(ix), ix, after, &mut days);
        let Some(due) = next.first().map(|o| o.due) else { break };
        found.extend(next);
        after = due;
    }
    found.truncate(count);
    found
}

/// Says a reason as a sentence for people.
pub fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Holiday => "the exchange is closed that day",
        Reason::EarlyClose => "the session has already closed (early close)",
        Reason::LateOpen => "the session has not opened yet (late open)",
        Reason::Phase => "the phase of the market does not fit",
        Reason::Mode => "the work mode does not fit",
        Reason::Day => "the kind of day does not fit",
        Reason::Overlap => "an earlier run of the task is not over",
        Reason::Paused => "an operator paused it",
        Reason::Disabled => "it is switched off in the desk file",
        Reason::GraceExpired => "nobody was there in time: missed",
        Reason::UselessAfter => "by now it would be worth nothing",
        Reason::QueueFull => "its lane was full",
        Reason::UpstreamFailed => "something it needs failed",
        Reason::Gate => "a rule of the desk kept it from acting",
        Reason::GateTimeout => "it waited too long for what must end first",
        Reason::Halted => "the kill switch is active",
        Reason::DstGap => "its time does not exist on this day",
        Reason::Cooldown => "it ran a short while ago",
        Reason::Horizon => "the calendar does not reach that far",
        Reason::Operator => "an operator skipped it",
        Reason::Interrupted => "it was told to stop",
        Reason::Lost => "its process was lost and its end is not known",
        Reason::Held => "it may have sent an order and its end is not known: a person must look",
        Reason::Unavailable => "something it needs does not exist here",
        Reason::Profile => "this profile leaves it out",
        Reason::NotBuilt => "the function is registered and not built yet",
    }
}
