//! The timeline: every session of a venue as instants, found by the day in one step.
//!
//! Expanded once, when the venue is read. A session takes 16 bytes and a day 4: 61 years of a
//! venue are a third of a megabyte. Seconds are enough: no bell rings between two of them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::exchange::at_minute;
use crate::rules::{Calendar, Kind, Minute};

const DAY_S: i64 = 24 * 60 * 60;

/// Sessions in order of time.
#[derive(Clone)]
pub(crate) struct Timeline {
    bouts: Vec<Bout>,
    /// The UTC day of the first entry of `by_day`, counted from 1970-01-01.
    first_day: i64,
    /// For each UTC day the first session that closes after its beginning.
    by_day: Vec<u32>,
    /// All pauses in order, and for each session the first of its own; both empty for a venue without pauses.
    pauses: Vec<(i64, i64)>,
    first_pause: Vec<u32>,
}

/// One session.
#[derive(Clone, Copy)]
struct Bout {
    open: i64,
    /// Seconds from open to close.
    length: u32,
    /// Days from the first date of the calendar.
    day: u32,
}

impl Bout {
    fn close(&self) -> i64 {
        self.open + i64::from(self.length)
    }
}

/// An instant as whole seconds and whether there is a rest.
#[derive(Clone, Copy)]
struct Moment {
    second: i64,
    rest: bool,
}

impl Moment {
    fn of(instant: Timestamp) -> Moment {
        let (second, rest) = (instant.as_second(), instant.subsec_nanosecond());
        // Before 1970 the rest is negative.
        Moment { second: second - i64::from(rest < 0), rest: rest != 0 }
    }
}

impl Timeline {
    /// Expands a calendar on its zone's clock.
    pub(crate) fn expand(calendar: &Calendar, zone: &TimeZone) -> Timeline {
        let mut bouts = Vec::new();
        let (mut pauses, mut first_pause) = (Vec::new(), Vec::new());
        let mut clock = Clock::new(zone, calendar.days().next().map_or(Date::MIN, |(date, _)| date));
        for (day, (date, kind)) in calendar.days().enumerate() {
            let Kind::Session(plan) = kind else { continue };
            clock.go_to(date);
            let (open, close) = (clock.second(plan.open), clock.second(plan.close));
            first_pause.push(pauses.len() as u32);
            pauses.extend(plan.pauses.iter().map(|(from, to)| (clock.second(*from), clock.second(*to))));
            bouts.push(Bout { open, length: (close - open) as u32, day: day as u32 });
        }
        if pauses.is_empty() {
            first_pause = Vec::new();
        }
        let first_day = bouts.first().map_or(0, |bout| bout.open.div_euclid(DAY_S));
        let last_day = bouts.last().map_or(-1, |bout| bout.close().div_euclid(DAY_S));
        let mut by_day = Vec::with_capacity(usize::try_from(last_day - first_day + 1).unwrap_or(0));
        let mut next = 0;
        for day in first_day..=last_day {
            while bouts.get(next).is_some_and(|bout: &Bout| bout.close() <= day * DAY_S) {
                next += 1;
            }
            by_day.push(next as u32);
        }
        bouts.shrink_to_fit();
        Timeline { bouts, first_day, by_day, pauses, first_pause }
    }

    /// Returns the number of the first session that closes after an instant; one more than the last if none does.
    fn closing_after(&self, moment: Moment) -> usize {
        let day = moment.second.div_euclid(DAY_S) - self.first_day;
        let Ok(day) = usize::try_from(day) else { return 0 };
        let Some(from) = self.by_day.get(day) else { return self.bouts.len() };
        let mut at = *from as usize;
        while self.bouts.get(at).is_some_and(|bout| bout.close() <= moment.second) {
            at += 1;
        }
        at
    }

    /// Returns whether trading is on: in a session and in none of its pauses.
    pub(crate) fn is_open(&self, instant: Timestamp) -> bool {
        let moment = Moment::of(instant);
        let at = self.closing_after(moment);
        self.bouts.get(at).is_some_and(|bout| bout.open <= moment.second)
            && !self.pauses(at).iter().any(|(from, to)| *from <= moment.second && moment.second < *to)
    }

    fn pauses(&self, at: usize) -> &[(i64, i64)] {
        let Some(from) = self.first_pause.get(at) else { return &[] };
        let to = self.first_pause.get(at + 1).map_or(self.pauses.len(), |to| *to as usize);
        &self.pauses[*from as usize..to]
    }

    /// Returns the first opening after an instant, as seconds.
    pub(crate) fn next_open(&self, instant: Timestamp) -> Option<Timestamp> {
        let moment = Moment::of(instant);
        let mut at = self.closing_after(moment);
        while self.bouts.get(at)?.open <= moment.second {
            at += 1;
        }
        Some(second(self.bouts[at].open))
    }

    /// Returns the first close after an instant.
    pub(crate) fn next_close(&self, instant: Timestamp) -> Option<Timestamp> {
        let at = self.closing_after(Moment::of(instant));
        self.bouts.get(at).map(|bout| second(bout.close()))
    }

    /// Returns the number of days, from the first of the calendar, of the session that closes first after an instant.
    pub(crate) fn day_closing_after(&self, instant: Timestamp) -> Option<u32> {
        self.bouts.get(self.closing_after(Moment::of(instant))).map(|bout| bout.day)
    }

    /// Returns the same for the session that an instant lies in, pauses included.
    pub(crate) fn day_at(&self, instant: Timestamp) -> Option<u32> {
        let moment = Moment::of(instant);
        self.bouts.get(self.closing_after(moment)).filter(|bout| bout.open <= moment.second).map(|bout| bout.day)
    }

    /// Returns the last close before an instant, and the day of its session.
    pub(crate) fn close_before(&self, instant: Timestamp) -> Option<(Timestamp, u32)> {
        let moment = Moment::of(instant);
        // The last session that has closed by now; at its very close it has not closed before.
        let mut at = self.closing_after(moment).checked_sub(1)?;
        if self.bouts[at].close() == moment.second && !moment.rest {
            at = at.checked_sub(1)?;
        }
        Some((second(self.bouts[at].close()), self.bouts[at].day))
    }

    /// Calls for each stretch of trading that meets `[from, to)`, cut to it, in order.
    pub(crate) fn stretches(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut found = Vec::new();
        let mut at = self.closing_after(Moment::of(from));
        while let Some(bout) = self.bouts.get(at).filter(|bout| second(bout.open) < to) {
            let mut begin = bout.open;
            for (pause, resume) in self.pauses(at).iter().copied().chain([(bout.close(), bout.close())]) {
                let (start, end) = (second(begin).max(from), second(pause).min(to));
                if start < end {
                    found.push((start, end));
                }
                begin = resume;
            }
            at += 1;
        }
        found
    }

    /// Returns the bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Timeline>()
            + self.bouts.capacity() * size_of::<Bout>()
            + (self.by_day.capacity() + self.first_pause.capacity()) * size_of::<u32>()
            + self.pauses.capacity() * size_of::<(i64, i64)>()
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a bell rings within the years of the calendar")
}

/// Turns minutes of a local day into seconds, from day to day.
///
/// Between two changes of the clock the offset is one number. Near a change each minute is looked up.
struct Clock<'a> {
    zone: &'a TimeZone,
    /// Coming changes: when, and the offset after it, in seconds.
    changes: Vec<(i64, i64)>,
    next: usize,
    offset: i64,
    date: Date,
    /// Midnight of the date, as if the offset were none.
    midnight: i64,
    near_change: bool,
}

impl<'a> Clock<'a> {
    fn new(zone: &'a TimeZone, date: Date) -> Clock<'a> {
        let midnight = naive(date);
        let begin = second(midnight) - SignedDuration::from_hours(72);
        let offset = i64::from(zone.to_offset(begin).seconds());
        // A zone without an end of its rules goes on for ever: 400 years are more than any calendar has.
        let changes = zone
            .following(begin)
            .take_while(|change| change.timestamp().as_second() < midnight + 400 * 366 * DAY_S)
            .map(|change| (change.timestamp().as_second(), i64::from(change.offset().seconds())));
        Clock { zone, changes: changes.collect(), next: 0, offset, date, midnight, near_change: true }
    }

    fn go_to(&mut self, date: Date) {
        (self.date, self.midnight) = (date, naive(date));
        // Two days before: an opening may lie on the day before, and no offset is longer than a day.
        while let Some((at, offset)) = self.changes.get(self.next).filter(|(at, _)| *at < self.midnight - 2 * DAY_S) {
            (self.offset, self.next) = (*offset, self.next + 1);
            debug_assert!(*at < self.midnight);
        }
        self.near_change = self.changes.get(self.next).is_some_and(|(at, _)| *at < self.midnight + 3 * DAY_S);
    }

    fn second(&self, minute: Minute) -> i64 {
        if self.near_change {
            return at_minute(self.zone, self.date, minute).as_second();
        }
        self.midnight + i64::from(minute) * 60 - self.offset
    }
}

/// Returns the midnight of a date in seconds, as if it were UTC.
fn naive(date: Date) -> i64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.duration_until(date).as_secs()
}
