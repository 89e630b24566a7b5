//! Moments as triggers: one slot a day, on the wall clock or from the session; and the single date and time.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan};

use super::{Anchor, LOOK_AHEAD_DAYS, Moment, Named, earliest};
use crate::days::Days;
use crate::slot::Slot;
use crate::task::{Fold, HalfDay, OnHoliday, Task, TaskClock};

/// A holiday and the session next to it lie at most so many days apart.
const HOLIDAY_REACH: i64 = 8;

pub(super) fn moment_after(
    moment: Moment,
    half: HalfDay,
    task: &Task,
    after: Timestamp,
    days: &mut Days,
) -> Vec<Named> {
    let moved = matches!(task.on_holiday, OnHoliday::PrevSession | OnHoliday::NextSession);
    // The instants of a moment rise with its date, unless holidays move it to another session.
    let reach = if moved { HOLIDAY_REACH } else { 1 };
    let Ok(mut date) = days.market().date_of(after).checked_sub(reach.days()) else { return Vec::new() };
    let mut found: Vec<Named> = Vec::new();
    let mut beyond = 0;
    for _ in 0..LOOK_AHEAD_DAYS {
        if task.days.has(date.weekday()) {
            match on_date(moment, half, task, date, days) {
                None => break,
                Some(named) => found.extend(named.into_iter().flatten().filter(|n| n.due > after)),
            }
        }
        if !found.is_empty() {
            beyond += 1;
            if !moved || beyond > 2 * HOLIDAY_REACH {
                break;
            }
        }
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    earliest(found)
}

/// The slots of a moment that belong to a date; nothing past the calendar.
fn on_date(moment: Moment, half: HalfDay, task: &Task, date: Date, days: &mut Days) -> Option<[Option<Named>; 2]> {
    let own = days.on(date).ok()?;
    let holiday = task.clock == TaskClock::Market && own.session.is_none() && !own.weekend;
    let day = match task.on_holiday {
        OnHoliday::PrevSession if holiday => neighbour(date, -1, days)?,
        OnHoliday::NextSession if holiday => neighbour(date, 1, days)?,
        _ => own,
    };
    let (mut due, shifted) = moment.on(&day, days.market(), task.clock);
    if moment.anchor != Anchor::Midnight {
        return Some([Some(Named { slot: Slot::Session { date, moment }, due, shifted }), None]);
    }
    let at =
        date.at((moment.offset_s / 3600) as i8, (moment.offset_s / 60 % 60) as i8, (moment.offset_s % 60) as i8, 0);
    if half == HalfDay::Move
        && let Some(session) = day.session.as_ref().filter(|s| s.early_close)
        && due >= day.regular_open
    {
        due -= day.regular_close.duration_since(session.close);
    }
    let first = Named { slot: Slot::Wall { at, second: false }, due, shifted };
    if task.fold == Fold::First || task.clock == TaskClock::Always {
        return Some([Some(first), None]);
    }
    let Some(later) = second_time(at, due, days) else { return Some([Some(first), None]) };
    let second = Named { slot: Slot::Wall { at, second: true }, due: later, shifted: false };
    Some(match task.fold {
        Fold::First => [Some(first), None],
        Fold::Second => [Some(second), None],
        Fold::Both => [Some(first), Some(second)],
    })
}

/// Returns the later instant of a civil time that exists twice.
pub(super) fn second_time(at: DateTime, first: Timestamp, days: &Days) -> Option<Timestamp> {
    if !days.market().instant(at).ambiguous {
        return None;
    }
    // Zones fall back by half an hour or an hour; the second time shows the same clock again.
    [30, 60, 120]
        .into_iter()
        .map(|m| first + SignedDuration::from_mins(m))
        .find(|later| days.market().local(*later).datetime() == at)
}

fn neighbour(date: Date, step: i32, days: &mut Days) -> Option<std::sync::Arc<kobe_calendar::MarketDay>> {
    let mut date = date;
    for _ in 0..HOLIDAY_REACH + 6 {
        date = date.checked_add(step.days()).ok()?;
        let day = days.on(date).ok()?;
        if day.session.is_some() {
            return Some(day);
        }
    }
    None
}

pub(super) fn once_after(at: DateTime, after: Timestamp, days: &Days) -> Vec<Named> {
    let resolved = days.market().instant(at);
    if resolved.at <= after {
        return Vec::new();
    }
    vec![Named { slot: Slot::Wall { at, second: false }, due: resolved.at, shifted: resolved.shifted }]
}
