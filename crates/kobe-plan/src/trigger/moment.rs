//! Moments of a day: a time on the clock, or a distance from the open or the close.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Market, MarketDay};

use crate::task::TaskClock;

/// What a moment is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anchor {
    /// The clock: the offset is a time of day.
    Midnight,
    /// The opening of the session.
    Open,
    /// The close of the session.
    Close,
}

/// A moment of a day: `10:46`, `open`, `open+30m`, `close-15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// What it is counted from.
    pub anchor: Anchor,
    /// Seconds from there.
    pub offset_s: i32,
}

/// A text that names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// Looks like a time of day, but there is none such.
    #[error("`{0}` is no time of day")]
    NoSuchTime(String),
    /// An offset of a day or more.
    #[error("`{0}` lies a day or more from its anchor")]
    TooFar(String),
    /// Anything else.
    #[error("`{0}` is neither a time of day nor a time relative to the session")]
    Unreadable(String),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.anchor {
            Anchor::Midnight => {
                let (h, m, s) = (self.offset_s / 3600, self.offset_s / 60 % 60, self.offset_s % 60);
                return if s == 0 { write!(f, "{h:02}:{m:02}") } else { write!(f, "{h:02}:{m:02}:{s:02}") };
            }
            Anchor::Open => "open",
            Anchor::Close => "close",
        };
        f.write_str(name)?;
        write_offset(f, self.offset_s)
    }
}

/// Writes a distance from an anchor the way it is read; nothing for none.
pub(super) fn write_offset(f: &mut fmt::Formatter<'_>, offset_s: i32) -> fmt::Result {
    if offset_s == 0 {
        return Ok(());
    }
    f.write_str(if offset_s < 0 { "-" } else { "+" })?;
    f.write_str(&duration_text(SignedDuration::from_secs(i64::from(offset_s.abs()))))
}

/// Reads what stands after the anchor of `text`, in seconds: nothing, or a sign and a length of less than a day.
pub(super) fn read_offset(rest: &str, text: &str) -> Result<i32, MomentError> {
    let unreadable = || MomentError::Unreadable(text.to_owned());
    let (sign, length) = match rest.as_bytes().first() {
        None => return Ok(0),
        Some(b'+') => (1, &rest[1..]),
        Some(b'-') => (-1, &rest[1..]),
        Some(_) => return Err(unreadable()),
    };
    match parse_duration(length).ok_or_else(unreadable)?.as_secs() {
        86_400.. => Err(MomentError::TooFar(text.to_owned())),
        length => Ok(sign * length as i32),
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Moment, MomentError> {
        for (word, anchor) in [("open", Anchor::Open), ("close", Anchor::Close)] {
            let Some(rest) = text.strip_prefix(word) else { continue };
            return Ok(Moment { anchor, offset_s: read_offset(rest, text)? });
        }
        let mut parts = text.split(':');
        let mut number = |limit: i32| -> Option<Result<i32, MomentError>> {
            let part = parts.next()?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Some(Err(MomentError::Unreadable(text.to_owned())));
            }
            let n: i32 = part.parse().expect("two digits");
            Some(if n < limit { Ok(n) } else { Err(MomentError::NoSuchTime(text.to_owned())) })
        };
        let (Some(h), Some(m)) = (number(24), number(60)) else { return Err(MomentError::Unreadable(text.to_owned())) };
        let s = number(60).unwrap_or(Ok(0));
        let offset_s = h? * 3600 + m? * 60 + s?;
        if parts.next().is_some() {
            return Err(MomentError::Unreadable(text.to_owned()));
        }
        Ok(Moment { anchor: Anchor::Midnight, offset_s })
    }
}

impl Moment {
    /// Returns the instant of this moment on a day, and whether its time had to be shifted because it does not exist. On a day without session, open and close are those
    /// of an ordinary day.
    pub fn on(self, day: &MarketDay, market: &Market, clock: TaskClock) -> (Timestamp, bool) {
        let base = match (self.anchor, clock) {
            (Anchor::Midnight, TaskClock::Market) => return wall(day, market, self.offset_s),
            (Anchor::Midnight, TaskClock::Always) | (Anchor::Open, TaskClock::Always) => utc_midnight(day),
            (Anchor::Close, TaskClock::Always) => utc_midnight(day) + SignedDuration::from_hours(24),
            (Anchor::Open, TaskClock::Market) => day.session.as_ref().map_or(day.regular_open, |s| s.open),
            (Anchor::Close, TaskClock::Market) => day.session.as_ref().map_or(day.regular_close, |s| s.close),
        };
        (base + SignedDuration::from_secs(i64::from(self.offset_s)), false)
    }
}

fn utc_midnight(day: &MarketDay) -> Timestamp {
    jiff::tz::TimeZone::UTC.to_timestamp(day.date.at(0, 0, 0, 0)).expect("a covered date is in range")
}

fn wall(day: &MarketDay, market: &Market, seconds: i32) -> (Timestamp, bool) {
    // On a day of 24 hours the clock is midnight plus the time; only the two days of a clock change need the zone.
    if day.to.duration_since(day.from) == SignedDuration::from_hours(24) {
        return (day.from + SignedDuration::from_secs(i64::from(seconds)), false);
    }
    let at = day.date.at((seconds / 3600) as i8, (seconds / 60 % 60) as i8, (seconds % 60) as i8, 0);
    let resolved = market.instant(at);
    (resolved.at, resolved.shifted)
}

/// Reads a length of time: `90s`, `15m`, `1h30m`, `2d`; days are 24 hours. Nothing for anything else, and for zero.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let mut total: i64 = 0;
    let mut digits: Option<i64> = None;
    let mut last_unit = i64::MAX;
    for c in text.chars() {
        if let Some(d) = c.to_digit(10) {
            digits = Some(digits.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(d))?);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        total = total.checked_add(digits.take()?.checked_mul(unit)?)?;
    }
    if digits.is_some() || total == 0 || total > 3_153_600_000 {
        return None;
    }
    Some(SignedDuration::from_secs(total))
}

/// Writes a length of time the way it is read.
pub fn duration_text(length: SignedDuration) -> String {
    let mut left = length.as_secs().unsigned_abs();
    if left == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, name) in [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')] {
        // A whole number of minutes up to three hours reads better in minutes.
        if unit == 3600 && left < 10_800 && !left.is_multiple_of(3600) && left.is_multiple_of(60) {
            continue;
        }
        if left / unit > 0 {
            text.push_str(&format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    text
}
