//! Moments and steps of the sessions of any exchange: `XTKS open+5m`, `XNYS close-15m first session of month`, every quarter of an hour within a session.
//!
//! A slot names the venue, the date of its session there, and the moment: `XTKS:2026-11-24/open+5m`. The name stays when a half day, a late open or a change of clocks moves
//! the instant. Only sessions are named: on a day on which the venue is closed there is no slot, and past the years that its calendar covers there is none either. Nothing here
//! guesses hours. Start at [`OnSession`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kobe_calendar::{CalendarError, Coverage, Exchange, Period, Phase, Session};

use super::moment::{duration_text, read_offset, write_offset};
use super::{LOOK_AHEAD_DAYS, MomentError, Named};
use crate::days::Days;
use crate::slot::Slot;
use crate::task::Task;

/// A session may begin on the day before its date and end on the day after it, and an offset is shorter than a day.
const REACH_DAYS: i64 = 3;

/// The most sessions that may be counted from an expiry; so many never leave the months next to it.
pub const EXPIRY_REACH: i32 = 10;

/// A bell of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bell {
    /// The opening.
    Open,
    /// The close.
    Close,
    /// The beginning of its first break.
    BreakStart,
    /// The end of its first break.
    BreakEnd,
}

impl Bell {
    /// Lists every bell.
    pub const ALL: [Bell; 4] = [Bell::Open, Bell::Close, Bell::BreakStart, Bell::BreakEnd];

    /// Returns its word, as desk files have it.
    pub const fn word(self) -> &'static str {
        match self {
            Bell::Open => "open",
            Bell::Close => "close",
            Bell::BreakStart => "break_start",
            Bell::BreakEnd => "break_end",
        }
    }

    /// Returns its instant in a session; nothing if the session has no break.
    pub fn of(self, session: &Session) -> Option<Timestamp> {
        match self {
            Bell::Open => Some(session.open),
            Bell::Close => Some(session.close),
            Bell::BreakStart => session.pauses.first().map(|(from, _)| *from),
            Bell::BreakEnd => session.pauses.first().map(|(_, to)| *to),
        }
    }
}

/// A moment of a venue's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VenueMoment {
    /// So many seconds from a bell.
    Bell {
        /// Which.
        bell: Bell,
        /// Seconds from it, less than a day.
        offset_s: i32,
    },
    /// The instant at which a phase begins.
    Enter {
        /// Which.
        phase: Phase,
        /// The later of two such instants of one day: a Monday begins in the night, and ends in it.
        second: bool,
    },
}

impl VenueMoment {
    /// Returns its instant in a session; nothing for a phase, and for a break that the session does not have.
    pub fn of(self, session: &Session) -> Option<Timestamp> {
        match self {
            VenueMoment::Bell { bell, offset_s } => {
                bell.of(session)?.checked_add(SignedDuration::from_secs(i64::from(offset_s))).ok()
            }
            VenueMoment::Enter { .. } => None,
        }
    }
}

impl fmt::Display for VenueMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VenueMoment::Bell { bell, offset_s } => {
                f.write_str(bell.word())?;
                write_offset(f, *offset_s)
            }
            VenueMoment::Enter { phase, second } => write!(f, "enter:{phase}{}", if *second { "+2nd" } else { "" }),
        }
    }
}

impl FromStr for VenueMoment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<VenueMoment, MomentError> {
        let unreadable = || MomentError::Unreadable(text.to_owned());
        if let Some(phase) = text.strip_prefix("enter:") {
            let (phase, second) = phase.strip_suffix("+2nd").map_or((phase, false), |phase| (phase, true));
            return phase.parse().map(|phase| VenueMoment::Enter { phase, second }).map_err(|_| unreadable());
        }
        let bell = Bell::ALL.into_iter().find(|bell| text.starts_with(bell.word())).ok_or_else(unreadable)?;
        Ok(VenueMoment::Bell { bell, offset_s: read_offset(&text[bell.word().len()..], text)? })
    }
}

/// A venue whose sessions a trigger follows.
#[derive(Debug, Clone)]
pub struct Venue {
    exchange: Arc<Exchange>,
    id: &'static str,
    own: bool,
}

impl PartialEq for Venue {
    fn eq(&self, other: &Venue) -> bool {
        self.id == other.id
    }
}

impl Venue {
    /// Takes a venue that comes with the program; nothing if its identifier is none of theirs. `own` says that the desk's market is at this venue.
    pub fn new(exchange: Arc<Exchange>, own: bool) -> Option<Venue> {
        let id = venue_id(exchange.id())?;
        Some(Venue { exchange, id, own })
    }

    /// Returns its identifier.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Returns its calendar.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Tells whether the desk's market is at this venue.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Says why what may trade is not started on a date: it is not known whether the venue has a session then. Nothing if it is.
    pub fn doubt(&self, date: Date) -> Option<String> {
        let id = self.id;
        match self.exchange.coverage(date) {
            Coverage::Confirmed | Coverage::Projected => None,
            Coverage::Refused => Some(format!("the calendar of {id} does not reach {date}")),
            Coverage::Unknown => Some(match self.exchange.doubt_on(date) {
                Some((name, projected)) => {
                    format!(
                        "it is not known yet whether {id} has a session on {date}: {name} is projected for {projected}"
                    )
                }
                None => format!("it is not known yet whether {id} has a session on {date}"),
            }),
        }
    }

    /// Returns the venue's sessions of its last known month, as samples of an ordinary day; none if its hours are not known.
    fn samples(&self) -> impl Iterator<Item = Session> {
        let to = self.exchange.span().confirmed_to;
        (0..30).filter_map(move |n: i64| self.exchange.session_on(to.checked_sub(n.days()).ok()?).ok().flatten())
    }

    /// Tells whether its ordinary sessions have such a bell.
    pub fn has(&self, bell: Bell) -> bool {
        self.samples().any(|session| bell.of(&session).is_some())
    }

    /// Returns the length of its longest ordinary session.
    pub fn longest(&self) -> SignedDuration {
        self.samples().map(|s| s.close.duration_since(s.open)).max().unwrap_or_default()
    }

    /// Tells whether a moment runs from its bell through the session and out of it at the other end, on every ordinary day. What lies before the opening or after the close
    /// and is counted from there is meant so.
    pub fn leaves(&self, moment: VenueMoment) -> bool {
        let VenueMoment::Bell { bell, offset_s } = moment else { return false };
        let (before, after) = (bell != Bell::Open, bell != Bell::Close);
        let mut some = false;
        for session in self.samples() {
            let Some(at) = moment.of(&session) else { continue };
            some = true;
            let gone = (after && offset_s > 0 && at >= session.close) || (before && offset_s < 0 && at < session.open);
            if !gone {
                return false;
            }
        }
        some
    }
}

/// Returns the identifier of a bundled venue as it stands in the program; nothing for any other text.
pub(crate) fn venue_id(text: &str) -> Option<&'static str> {
    Exchange::bundled_ids().find(|id| *id == text)
}

/// Which sessions of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    Every,
    /// The n-th of each week, month, quarter or year; counted from the end if negative.
    Nth {
        /// From 1, or from -1.
        n: i32,
        /// Of what.
        of: Period,
    },
    /// So many sessions after the monthly expiry of options, or before it.
    Expiry {
        /// Sessions from it, at most [`EXPIRY_REACH`].
        n: i32,
    },
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nth = |n: i32| match (n % 100, n % 10) {
            (11..=13, _) => format!("{n}th"),
            (_, 1) => format!("{n}st"),
            (_, 2) => format!("{n}nd"),
            (_, 3) => format!("{n}rd"),
            _ => format!("{n}th"),
        };
        match *self {
            Which::Every => Ok(()),
            Which::Nth { n: 1, of } => write!(f, " first session of {of}"),
            Which::Nth { n: -1, of } => write!(f, " last session of {of}"),
            Which::Nth { n, of } if n < 0 => write!(f, " {} last session of {of}", nth(-n)),
            Which::Nth { n, of } => write!(f, " {} session of {of}", nth(n)),
            Which::Expiry { n: 0 } => f.write_str(" expiry"),
            Which::Expiry { n } => write!(f, " expiry{n:+}"),
        }
    }
}

impl Which {
    /// Tells whether a date is one of these. Every date is one of every session's: whether it is a session is asked elsewhere.
    fn takes(self, exchange: &Exchange, date: Date) -> Result<bool, CalendarError> {
        match self {
            Which::Every => Ok(true),
            Which::Nth { n, of } => Ok(exchange.nth_session_of(of, date, n)? == Some(date)),
            Which::Expiry { n } => {
                // Ten sessions from the third Friday never lead further than into the month next to it.
                let first = date.first_of_month();
                let months = match n {
                    0 => vec![first],
                    1.. => vec![first, first.saturating_sub(1.month())],
                    _ => vec![first, first.saturating_add(1.month())],
                };
                for month in months {
                    if exchange.session_offset(exchange.expiry(month)?, n)? == date {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// A moment of some or all sessions of a venue.
#[derive(Debug, Clone, PartialEq)]
pub struct OnSession {
    /// Whose sessions.
    pub venue: Venue,
    /// Which moment of each.
    pub moment: VenueMoment,
    /// Which of them.
    pub which: Which,
}

impl fmt::Display for OnSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (venue, which) = (self.venue.id, self.which);
        match self.moment {
            VenueMoment::Enter { phase, .. } => write!(f, "on {venue} enter {phase}{which}"),
            moment => write!(f, "on {venue} {moment}{which}"),
        }
    }
}

impl OnSession {
    pub(super) fn next_after(&self, task: &Task, after: Timestamp, days: &mut Days) -> Option<Named> {
        match self.moment {
            VenueMoment::Enter { phase, .. } => self.entry_after(phase, task, after, days),
            moment => first_session(&self.venue, task, after, days, |exchange, date| {
                if !self.which.takes(exchange, date).unwrap_or(false) {
                    return None;
                }
                let due = moment.of(&exchange.session_on(date).ok()??)?;
                (due > after).then_some((moment, due))
            }),
        }
    }

    /// Returns the first beginning of a phase on the desk's clock.
    fn entry_after(&self, phase: Phase, task: &Task, after: Timestamp, days: &mut Days) -> Option<Named> {
        let market = Arc::clone(days.market());
        let mut date = market.date_of(after);
        for _ in 0..LOOK_AHEAD_DAYS {
            // On the first day of the calendar nothing is known of the phase before it: no phase begins with it.
            let before = date.yesterday().ok().and_then(|d| days.on(d).ok());
            let mut phase_before = before.and_then(|day| day.segments.last().map(|s| s.phase));
            let day = days.on(date).ok()?;
            if task.days.has(date.weekday()) && self.which.takes(market.exchange(), date).unwrap_or(false) {
                let mut second = false;
                for segment in &day.segments {
                    let begins = segment.phase == phase && phase_before.is_some_and(|p| p != phase);
                    phase_before = Some(segment.phase);
                    if begins && segment.from > after {
                        let slot =
                            Slot::Venue { venue: self.venue.id, date, moment: VenueMoment::Enter { phase, second } };
                        return Some(Named { slot, due: segment.from, shifted: false });
                    }
                    second |= begins;
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// From which end of a session its steps are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// From the opening, which is the first step.
    Open,
    /// Back from the close, which is none itself.
    Close,
}

/// Steps of a fixed length within each session of a venue.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// The distance, whole seconds, shorter than a session.
    pub period: SignedDuration,
    /// Whose sessions.
    pub venue: Venue,
    /// From where they are counted.
    pub align: Align,
    /// Steps within a break are named too.
    pub in_breaks: bool,
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {} within {} session", duration_text(self.period), self.venue.id)?;
        if self.align == Align::Close {
            f.write_str(" align close")?;
        }
        f.write_str(if self.in_breaks { " breaks run" } else { "" })
    }
}

impl Steps {
    pub(super) fn next_after(&self, task: &Task, after: Timestamp, days: &mut Days) -> Option<Named> {
        first_session(&self.venue, task, after, days, |exchange, date| {
            self.step_after(&exchange.session_on(date).ok()??, after)
        })
    }

    /// Returns the first step of a session that lies strictly after an instant.
    fn step_after(&self, session: &Session, after: Timestamp) -> Option<(VenueMoment, Timestamp)> {
        let (open, close) = (session.open.as_second(), session.close.as_second());
        let period = self.period.as_secs().max(1);
        // The last whole second that is not later than `after`: what is a later second is a later instant.
        let mut past = after.as_nanosecond().div_euclid(1_000_000_000) as i64;
        loop {
            let at = match self.align {
                Align::Open if past < open => open,
                Align::Open => open + ((past - open) / period + 1) * period,
                Align::Close => {
                    let first = close - (close - open) / period * period;
                    if past < first { first } else { close - (close - past - 1).max(0) / period * period }
                }
            };
            if at >= close || at < open {
                return None;
            }
            let due = Timestamp::from_second(at).ok()?;
            match session.pauses.iter().find(|(from, to)| *from <= due && due < *to) {
                // The next step is looked for from the end of the break; at its last instant trading goes on.
                Some((_, to)) if !self.in_breaks => past = to.as_second() - 1,
                _ => {
                    let (bell, from) = match self.align {
                        Align::Open => (Bell::Open, open),
                        Align::Close => (Bell::Close, close),
                    };
                    return Some((VenueMoment::Bell { bell, offset_s: (at - from) as i32 }, due));
                }
            }
        }
    }
}

/// Returns the first answer of a venue's sessions, in order of their dates, from those that may still reach past `after`. Instants rise with dates.
fn first_session(
    venue: &Venue,
    task: &Task,
    after: Timestamp,
    days: &Days,
    answer: impl Fn(&Exchange, Date) -> Option<(VenueMoment, Timestamp)>,
) -> Option<Named> {
    // The desk's own venue is asked as the desk's market has it.
    let exchange = if venue.own { days.market().exchange() } else { venue.exchange() };
    let span = exchange.span();
    let mut date = exchange.date_of(after).checked_sub(REACH_DAYS.days()).ok()?.max(span.from);
    for _ in 0..LOOK_AHEAD_DAYS {
        if date > span.projected_to {
            return None;
        }
        if task.days.has(date.weekday())
            && exchange.is_session_date(date).unwrap_or(false)
            && let Some((moment, due)) = answer(exchange, date)
        {
            return Some(Named { slot: Slot::Venue { venue: venue.id, date, moment }, due, shifted: false });
        }
        date = date.tomorrow().ok()?;
    }
    None
}
