//! Slots: what a trigger names.
//!
//! A slot is, with its task, the idempotency key of a run: at most one row exists for it, whatever crashes. It says which firing is meant, not when it happens: a slot
//! keeps its name when a half day or a clock change moves its instant.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use crate::task::TaskIx;
use crate::trigger::{Anchor, Moment, VenueMoment, venue_id};

/// The name of one firing of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A time on the clock of the desk's zone; `second` marks the later one of a time that exists twice.
    Wall {
        /// Civil date and time, as declared.
        at: DateTime,
        /// The later of two.
        second: bool,
    },
    /// A time relative to the session of a date.
    Session {
        /// The session's date.
        date: Date,
        /// Open or close, with its offset.
        moment: Moment,
    },
    /// A moment of a session of any venue.
    Venue {
        /// The venue, by its identifier.
        venue: &'static str,
        /// The session's date there, which need not be the date of its instant on the desk's clock.
        date: Date,
        /// Which moment of it.
        moment: VenueMoment,
    },
    /// A step of an interval.
    Interval {
        /// Its instant.
        at: Timestamp,
    },
    /// The n-th turn of a context-driven task.
    Cooldown {
        /// Counted in the task's cursor, from 1.
        n: u64,
    },
    /// An operator's wish; the number is a ULID.
    Manual {
        /// The wish.
        id: u128,
    },
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Wall { at, second } => {
                let (d, t) = (at.date(), at.time());
                write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}", d.year(), d.month(), d.day(), t.hour(), t.minute())?;
                if t.second() != 0 {
                    write!(f, ":{:02}", t.second())?;
                }
                if *second { f.write_str("+2nd") } else { Ok(()) }
            }
            Slot::Session { date, moment } => write!(f, "{date}/{moment}"),
            Slot::Venue { venue, date, moment } => write!(f, "{venue}:{date}/{moment}"),
            Slot::Interval { at } => write!(f, "{at}"),
            Slot::Cooldown { n } => write!(f, "#{n}"),
            Slot::Manual { id } => {
                f.write_str("manual:")?;
                for i in (0..26).rev() {
                    f.write_str(
                        std::str::from_utf8(&CROCKFORD[((id >> (5 * i)) & 31) as usize..][..1]).expect("ascii"),
                    )?;
                }
                Ok(())
            }
        }
    }
}

/// A text that is no slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no slot")]
pub struct SlotError(pub String);

impl FromStr for Slot {
    type Err = SlotError;

    fn from_str(s: &str) -> Result<Slot, SlotError> {
        let bad = || SlotError(s.to_owned());
        if let Some(n) = s.strip_prefix('#') {
            return n.parse().map(|n| Slot::Cooldown { n }).map_err(|_| bad());
        }
        if let Some(id) = s.strip_prefix("manual:") {
            if id.len() != 26 {
                return Err(bad());
            }
            let mut value = 0_u128;
            for c in id.bytes() {
                let digit = CROCKFORD.iter().position(|x| *x == c).ok_or_else(bad)?;
                value = value << 5 | digit as u128;
            }
            return Ok(Slot::Manual { id: value });
        }
        if let Some((day, moment)) = s.split_once('/')
            && let Some((venue, date)) = day.split_once(':')
        {
            let (venue, date) = (venue_id(venue).ok_or_else(bad)?, date.parse().map_err(|_| bad())?);
            return moment.parse().map(|moment| Slot::Venue { venue, date, moment }).map_err(|_| bad());
        }
        if let Some((date, moment)) = s.split_once('/') {
            let (date, moment) = (date.parse().map_err(|_| bad())?, moment.parse::<Moment>().map_err(|_| bad())?);
            return match moment.anchor {
                Anchor::Midnight => Err(bad()),
                Anchor::Open | Anchor::Close => Ok(Slot::Session { date, moment }),
            };
        }
        if s.ends_with('Z') {
            return s.parse().map(|at| Slot::Interval { at }).map_err(|_| bad());
        }
        let (text, second) = s.strip_suffix("+2nd").map_or((s, false), |t| (t, true));
        text.parse().map(|at| Slot::Wall { at, second }).map_err(|_| bad())
    }
}

impl Slot {
    /// Returns the date of the desk this slot belongs to: the session's, or the civil date of its instant in the desk's zone. A session of another venue may have another date
    /// there; what ended before it on the desk's day counts.
    pub fn date(&self, due: Timestamp, market: &kobe_calendar::Market) -> Date {
        match self {
            Slot::Wall { at, .. } => at.date(),
            Slot::Session { date, .. } => *date,
            _ => market.date_of(due),
        }
    }
}

/// A task, one of its slots, and the instant at which that slot is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Whose.
    pub task: TaskIx,
    /// Which of the task's firings named it.
    pub firing: u16,
    /// Its name.
    pub slot: Slot,
    /// When it is due.
    pub due: Timestamp,
    /// The declared time does not exist that day; this is the first valid instant after it.
    pub dst_shifted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_slot_reads_back_as_itself() {
        let rows = [
            "2026-11-23T10:46",
            "2026-11-23T10:46:30",
            "2026-11-01T01:30+2nd",
            "2026-11-23/open",
            "2026-11-23/open+30m",
            "2026-11-27/close-34m",
            "XTKS:2026-11-24/open+5m",
            "XHKG:2026-11-24/break_end",
            "XHKG:2026-11-24/break_start-90m",
            "24x7:2026-11-24/close-15m",
            "CME_Equity:2026-11-24/open+2h",
            "XNYS:2026-11-23/enter:market_opening",
            "XNYS:2026-11-23/enter:night+2nd",
            "2026-11-23T15:15:00Z",
            "#17",
            "manual:01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ];
        for row in rows {
            assert_eq!(row.parse::<Slot>().unwrap_or_else(|e| panic!("{e}")).to_string(), row);
        }
    }

    #[test]
    fn what_is_no_slot_is_refused() {
        let rows = [
            "",
            "#",
            "manual:xyz",
            "2026-13-01T10:00",
            "2026-11-23/noon",
            "10:46",
            "XMOON:2026-11-24/open",
            "xtks:2026-11-24/open",
            "XTKS:2026-11-31/open",
            "XTKS:2026-11-24/noon",
            "XTKS:2026-11-24/open+25h",
            "XNYS:2026-11-24/enter:lunch",
        ];
        for row in rows {
            assert!(row.parse::<Slot>().is_err(), "{row} was taken for a slot");
        }
    }
}
