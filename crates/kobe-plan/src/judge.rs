//! Verdicts: may this occurrence run?
//!
//! One list of predicates, in order, serves the machine (the first refusal decides) and the operator (`kobe why` shows every answer). Calendar reasons come before
//! reasons of the installation, because they are what a trader would say.

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{MarketDay, Session};

use crate::run::{Note, Reason};
use crate::slot::{Occurrence, Slot};
use crate::task::{Gap, HalfDay, OnHoliday, Overlap, Task, TaskClock, UselessAfter};
use crate::trigger::{Trigger, Venue, VenueMoment};

/// May it run?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It becomes a run.
    Admit,
    /// It does not run, and this is why.
    Skip(Reason),
}

/// Why a task as a whole does not run here: not built, not part of this profile, paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The reason.
    pub reason: Reason,
    /// What a person should know about it.
    pub note: Note,
}

/// All that a verdict depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The market's day on which the slot is due.
    pub day: &'a MarketDay,
    /// The instant judged: the due instant, or now for a slot that is made good later.
    pub at: Timestamp,
    /// The market's day of that instant.
    pub day_at: &'a MarketDay,
    /// Why the task as a whole does not run.
    pub standing: Option<&'a Standing>,
    /// Runs of this task that are not over.
    pub live: usize,
}

/// One predicate and its answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What was asked.
    pub name: &'static str,
    /// Whether it lets the occurrence run.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

type Predicate = fn(&Task, &Occurrence, &Facts<'_>) -> Result<(), Reason>;
type Detail = fn(&Task, &Occurrence, &Facts<'_>) -> String;

const PREDICATES: &[(&str, Predicate, Detail)] = &[
    ("enabled", enabled, |t, _, _| {
        if t.enabled { "the task is switched on".into() } else { "the desk file says enabled = false".into() }
    }),
    ("clock", exists, |t, o, _| {
        if o.dst_shifted {
            format!("the time {} does not exist that day (gap = {})", o.slot, t.gap)
        } else {
            "the time exists that day".into()
        }
    }),
    ("holiday", holiday, |t, _, f| match &f.day.holiday {
        Some(name) => format!("{}: {name} (on_holiday = {})", f.day.date, t.on_holiday),
        None => format!("{} is {}", f.day.date, f.day.kind()),
    }),
    ("late_open", late_open, |t, _, f| match &f.day.session {
        Some(s) if s.late_open => format!(
            "the session opens late, at {}; {}",
            s.open,
            if t.session_bound { "the task needs a session" } else { "the task does not need one" }
        ),
        _ => "the session opens on time".into(),
    }),
    ("early_close", early_close, |t, o, f| match (venue_of(t, o), &f.day.session) {
        (Some((venue, date)), _) => match early_close_at(venue, date, f.day) {
            Some(close) => format!(
                "the session of {} on {date} closes early, at {close} (on_half_day = {})",
                venue.id(),
                t.firings[o.firing as usize].on_half_day
            ),
            None => format!("no early close of {} on {date}", venue.id()),
        },
        (None, Some(s)) if s.early_close => format!(
            "the session closes early, at {} (on_half_day = {})",
            s.close, t.firings[o.firing as usize].on_half_day
        ),
        _ => "no early close".into(),
    }),
    ("session", in_session, |t, o, f| {
        if !t.right.trades() {
            "the task holds no trade right".into()
        } else if let Some(doubt) = doubt(t, o) {
            format!("{doubt} (right = {})", t.right)
        } else if f.day_at.session.as_ref().is_some_and(|s| s.contains(f.at)) {
            format!("the market is open (right = {})", t.right)
        } else {
            format!("the market is closed (right = {})", t.right)
        }
    }),
    ("day", tags, |t, _, f| {
        if t.filter.tags.is_empty() && t.filter.without_tags.is_empty() {
            "no condition on the day".into()
        } else {
            format!("the day carries {}", f.day.tags.names().join(", "))
        }
    }),
    ("phase", phase, |t, _, f| {
        let found = f.day_at.at(f.at).phase;
        if t.filter.phases.is_empty() {
            format!("any phase; it is {found}")
        } else {
            format!("it is {found}; wanted: {}", list(&t.filter.phases))
        }
    }),
    ("mode", mode, |t, _, f| {
        let found = f.day_at.at(f.at).mode;
        if t.filter.modes.is_empty() {
            format!("any mode; it is {found}")
        } else {
            format!("it is {found}; wanted: {}", list(&t.filter.modes))
        }
    }),
    ("useful", useful, |t, o, f| match (t.useless_after, last_useful(t, o, f.day)) {
        (Some(_), Some(limit)) => format!("worth nothing after {limit}"),
        _ => "no limit".into(),
    }),
    ("standing", standing, |_, _, f| {
        f.standing.map_or_else(|| "the function is built and part of this profile".into(), |s| s.note.to_string())
    }),
    ("overlap", overlap, |t, _, f| format!("{} run(s) of it are not over (overlap = {})", f.live, t.overlap)),
];

fn list<T: std::fmt::Display>(words: &[T]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Decides whether an occurrence runs; the first refusal counts.
pub fn judge(task: &Task, occurrence: &Occurrence, facts: &Facts<'_>) -> Verdict {
    for (_, predicate, _) in PREDICATES {
        if let Err(reason) = predicate(task, occurrence, facts) {
            return Verdict::Skip(reason);
        }
    }
    Verdict::Admit
}

/// Answers every predicate, for an operator who asks why.
pub fn explain(task: &Task, occurrence: &Occurrence, facts: &Facts<'_>) -> Vec<Check> {
    PREDICATES
        .iter()
        .map(|(name, predicate, detail)| Check {
            name,
            ok: predicate(task, occurrence, facts).is_ok(),
            detail: detail(task, occurrence, facts),
        })
        .collect()
}

fn refuse_if(refused: bool, reason: Reason) -> Result<(), Reason> {
    if refused { Err(reason) } else { Ok(()) }
}

fn enabled(t: &Task, _: &Occurrence, _: &Facts<'_>) -> Result<(), Reason> {
    refuse_if(!t.enabled, Reason::Disabled)
}

fn exists(t: &Task, o: &Occurrence, _: &Facts<'_>) -> Result<(), Reason> {
    refuse_if(o.dst_shifted && t.gap == Gap::Skip, Reason::DstGap)
}

fn is_manual(o: &Occurrence) -> bool {
    matches!(o.slot, Slot::Manual { .. })
}

/// Returns the venue and the date of the session that an occurrence is counted from; nothing where the desk's day alone decides.
fn venue_of<'t>(t: &'t Task, o: &Occurrence) -> Option<(&'t Venue, Date)> {
    match o.slot {
        Slot::Venue { date, moment: VenueMoment::Bell { .. }, .. } => {
            t.firings.get(o.firing as usize)?.trigger.venue().map(|venue| (venue, date))
        }
        _ => None,
    }
}

/// Returns the close of a venue's session if it is an early one.
fn early_close_at(venue: &Venue, date: Date, day: &MarketDay) -> Option<Timestamp> {
    let close = |s: &Session| s.early_close.then_some(s.close);
    if venue.is_own() && day.date == date {
        return day.session.as_ref().and_then(close);
    }
    venue.exchange().session_on(date).ok().flatten().as_ref().and_then(close)
}

/// Says why it is not known whether the session of an occurrence takes place.
fn doubt(t: &Task, o: &Occurrence) -> Option<String> {
    venue_of(t, o).and_then(|(venue, date)| venue.doubt(date))
}

fn holiday(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    // What is counted from a venue's session has one there, whatever day it is for the desk.
    let closed = t.clock == TaskClock::Market && f.day.session.is_none() && !f.day.weekend && venue_of(t, o).is_none();
    refuse_if(closed && t.on_holiday == OnHoliday::Skip && !is_manual(o), Reason::Holiday)
}

fn late_open(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    let Some(session) = f.day.session.as_ref().filter(|s| s.late_open && t.clock == TaskClock::Market) else {
        return Ok(());
    };
    // Before the ordinary opening the day is as any other: data, preflight and watchlist are prepared. From there to the real opening what needs a session waits in vain.
    let wall = !matches!(o.slot, Slot::Session { .. } | Slot::Cooldown { .. } | Slot::Manual { .. })
        && venue_of(t, o).is_none();
    refuse_if(wall && t.session_bound && o.due >= f.day.regular_open && o.due < session.open, Reason::LateOpen)
}

fn early_close(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    if let Some((venue, date)) = venue_of(t, o) {
        let skips = t.firings[o.firing as usize].on_half_day == HalfDay::Skip;
        return refuse_if(skips && early_close_at(venue, date, f.day).is_some(), Reason::EarlyClose);
    }
    let Some(session) = f.day.session.as_ref().filter(|s| s.early_close && t.clock == TaskClock::Market) else {
        return Ok(());
    };
    let firing = &t.firings[o.firing as usize];
    let touched = !matches!(firing.trigger, Trigger::Every(_) | Trigger::Cooldown(_)) || o.due >= session.close;
    refuse_if(firing.on_half_day == HalfDay::Skip && touched && !is_manual(o), Reason::EarlyClose)
}

/// No slot that may send an order starts outside a session, whatever else its row says.
fn in_session(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    if !t.right.trades() {
        return Ok(());
    }
    // A session that may not take place is as one past the calendar.
    if doubt(t, o).is_some() {
        return Err(Reason::Horizon);
    }
    match &f.day_at.session {
        Some(s) if s.contains(f.at) => Ok(()),
        Some(s) if s.early_close && f.at >= s.close => Err(Reason::EarlyClose),
        Some(s) if s.late_open && f.at < s.open => Err(Reason::LateOpen),
        Some(_) => Err(Reason::Phase),
        None if f.day_at.weekend => Err(Reason::Day),
        None => Err(Reason::Holiday),
    }
}

fn tags(t: &Task, _: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    let with = t.filter.tags.is_empty() || t.filter.tags.iter().any(|tag| f.day.tags.contains(*tag));
    let without = !t.filter.without_tags.iter().any(|tag| f.day.tags.contains(*tag));
    refuse_if(!with || !without, Reason::Day)
}

fn phase(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    refuse_if(!t.filter.phases.is_empty() && !is_manual(o) && !phase_matches(t, f.day_at.at(f.at).phase), Reason::Phase)
}

fn mode(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    refuse_if(
        !t.filter.modes.is_empty() && !is_manual(o) && !t.filter.modes.contains(&f.day_at.at(f.at).mode),
        Reason::Mode,
    )
}

/// Tells whether a phase is among those a task asks for. A holiday counts as a weekend.
pub(crate) fn phase_matches(task: &Task, phase: kobe_calendar::Phase) -> bool {
    use kobe_calendar::Phase;
    let phases = &task.filter.phases;
    phases.is_empty() || phases.contains(&phase) || (phase == Phase::Holiday && phases.contains(&Phase::Weekend))
}

fn last_useful(t: &Task, o: &Occurrence, day: &MarketDay) -> Option<Timestamp> {
    match t.useless_after? {
        UselessAfter::Later(length) => o.due.checked_add(length).ok(),
        UselessAfter::Moment(moment) => {
            let base = match moment.anchor {
                // Clocks change in the small hours: later times are counted back from the end of the day.
                crate::trigger::Anchor::Midnight if moment.offset_s >= 4 * 3600 => {
                    day.to - jiff::SignedDuration::from_hours(24)
                }
                crate::trigger::Anchor::Midnight => day.from,
                crate::trigger::Anchor::Open => day.session.as_ref().map_or(day.regular_open, |s| s.open),
                crate::trigger::Anchor::Close => day.session.as_ref().map_or(day.regular_close, |s| s.close),
            };
            base.checked_add(jiff::SignedDuration::from_secs(i64::from(moment.offset_s))).ok()
        }
    }
}

fn useful(t: &Task, o: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    refuse_if(last_useful(t, o, f.day).is_some_and(|limit| f.at > limit), Reason::UselessAfter)
}

fn standing(_: &Task, _: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    f.standing.map_or(Ok(()), |s| Err(s.reason))
}

fn overlap(t: &Task, _: &Occurrence, f: &Facts<'_>) -> Result<(), Reason> {
    let full = match t.overlap {
        Overlap::Skip => f.live > 0,
        Overlap::Queue(n) => f.live > n as usize,
        Overlap::Replace => false,
        Overlap::Allow(n) => f.live >= n as usize,
    };
    refuse_if(full, Reason::Overlap)
}
