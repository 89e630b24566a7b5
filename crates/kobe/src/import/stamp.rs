//! Stamps: times as a predecessor wrote them, with an offset or in New York's time without one.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Context, kind, short};

/// Two clocks may differ by so much.
const SLOP: SignedDuration = SignedDuration::from_secs(5);

/// Before this year a stamp stands for "never".
const FIRST_YEAR: i16 = 2000;

/// A time that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When.
    pub at: Timestamp,
    /// What had to be supposed.
    pub note: Option<String>,
}

/// Reads a stamp; says why it is none, and what can be done.
pub(super) fn read(value: &Value, context: &Context<'_>) -> Result<Stamp, (String, &'static str)> {
    const FORM: &str = "times are written like 2026-11-23T10:00:05-05:00";
    let Some(text) = value.as_str().map(str::trim) else {
        return Err((format!("it is {}, expected a time", kind(value)), FORM));
    };
    let stamp = match (text.parse::<Timestamp>(), text.parse::<DateTime>()) {
        (Ok(at), _) => Stamp { at, note: None },
        _ if text.parse::<Date>().is_ok() && !text.contains(':') => {
            return Err((format!("`{}` is a date without a time", short(text)), FORM));
        }
        (_, Ok(local)) if !text.contains('[') => {
            let resolved = context.market.instant(local);
            // The hour that exists twice: the other reading is an hour later.
            let again = context.market.local(resolved.at + SignedDuration::from_hours(1)).datetime() == local;
            let how = match (resolved.shifted, again) {
                (true, _) => ", where that time does not exist: the first after it",
                (false, true) => ", where that time exists twice: the first of the two",
                (false, false) => "",
            };
            Stamp { at: resolved.at, note: Some(format!("`{text}` has no offset: read as New York's time{how}")) }
        }
        _ => return Err((format!("`{}` is no time", short(text)), FORM)),
    };
    if context.market.date_of(stamp.at).year() < FIRST_YEAR {
        return Err((format!("`{text}` lies before {FIRST_YEAR}: it stands for never"), "nothing is lost"));
    }
    if stamp.at > context.now + SLOP {
        return Err((
            format!("`{text}` lies after now ({})", context.now),
            "the clock that wrote it was ahead, or this one is behind: set the clocks, then import again",
        ));
    }
    Ok(stamp)
}
