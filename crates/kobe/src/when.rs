//! When: times and dates as people write them, and as Kobe writes them back.
//!
//! Accepted everywhere: RFC 3339 (`2026-11-27T15:00:00Z`), a date (`2026-11-27`), a date and time on the desk's clock (`2026-11-27T10:00`).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use kobe_calendar::Market;
use kobe_plan::Trigger;

use crate::failure::Failure;

const HINT: &str = "write a date like 2026-11-27, a time on the desk's clock like 2026-11-27T10:30, or RFC 3339 like 2026-11-27T15:30:00Z";

/// Reads an instant; a date means its first instant.
///
/// # Errors
/// [`Failure::Usage`] when it is none.
pub fn instant(text: &str, market: &Market) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    // `parse` takes times like 10:30:00.5 and dates with a zone in brackets; those are either meant or refused above.
    match text.parse::<DateTime>() {
        Ok(local) if text.len() >= 10 && !text.contains('[') => Ok(market.instant(local).at),
        _ => Err(Failure::usage(format!("`{text}` is no time"), HINT)),
    }
}

/// Reads a date; of an instant, its date on the desk's clock.
///
/// # Errors
/// [`Failure::Usage`] when it is none.
pub fn date(text: &str, market: &Market) -> Result<Date, Failure> {
    Ok(market.date_of(instant(text, market)?))
}

/// Writes an instant in RFC 3339 with the desk's offset.
pub fn local(at: Timestamp, market: &Market) -> String {
    at.display_with_offset(market.local(at).offset()).to_string()
}

/// Writes the time of day on the desk's clock: `10:46`, with seconds only where there are any.
pub fn clock(at: Timestamp, market: &Market) -> String {
    let local = market.local(at);
    local.strftime(if local.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

/// Writes date and time on the desk's clock: `Mon 2026-11-23 10:46`.
pub fn day_and_clock(at: Timestamp, market: &Market) -> String {
    format!("{} {}", market.local(at).strftime("%a %Y-%m-%d"), clock(at, market))
}

/// Writes an instant in RFC 3339 with the offset of the venue that names it; nothing where the desk's clock is the same.
pub fn at_venue(at: Timestamp, trigger: &Trigger, market: &Market) -> Option<String> {
    let venue = trigger.venue().filter(|venue| venue.exchange().zone_name() != market.zone_name())?;
    Some(at.display_with_offset(venue.exchange().zone().to_offset(at)).to_string())
}

/// Writes an instant on the clock of the venue that names it: `XTKS Tue 09:05`; nothing where the desk's clock is the same.
pub fn venue_clock(at: Timestamp, trigger: &Trigger, market: &Market) -> Option<String> {
    let venue = trigger.venue().filter(|venue| venue.exchange().zone_name() != market.zone_name())?;
    let local = at.to_zoned_datetime(venue.exchange().zone().clone());
    let clock = local.strftime(if local.second() == 0 { "%a %H:%M" } else { "%a %H:%M:%S" });
    Some(format!("{} {clock}", venue.id()))
}

/// Writes a date for people: `Friday 27 November 2026`.
pub fn long_date(date: Date) -> String {
    date.strftime("%A %-d %B %Y").to_string()
}

/// Writes how long something is, roughly: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub fn roughly(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_time_is_read() {
        let market = Market::bundled().unwrap();
        let rows = [
            ("2026-11-27T15:30:00Z", "2026-11-27T15:30:00Z"),
            ("2026-11-27T10:30:00-05:00", "2026-11-27T15:30:00Z"),
            ("2026-11-27", "2026-11-27T05:00:00Z"),
            ("2026-11-27T10:30", "2026-11-27T15:30:00Z"),
            ("2026-11-27T10:30:15", "2026-11-27T15:30:15Z"),
            ("2026-11-27 10:30", "2026-11-27T15:30:00Z"),
            (" 2026-07-01T10:30 ", "2026-07-01T14:30:00Z"),
            // 02:30 does not exist on this day: the first instant after the gap.
            ("2026-03-08T02:30", "2026-03-08T07:00:00Z"),
            // 01:30 exists twice: the first.
            ("2026-11-01T01:30", "2026-11-01T05:30:00Z"),
        ];
        for (text, expected) in rows {
            assert_eq!(instant(text, &market).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(date("2026-11-28T02:00:00Z", &market).unwrap().to_string(), "2026-11-27", "the desk's date");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let market = Market::bundled().unwrap();
        for text in ["", "today", "10:30", "2026-11", "2026-13-01", "2026-11-27T25:00", "27.11.2026", "1700000000"] {
            assert!(matches!(instant(text, &market), Err(Failure::Usage { .. })), "{text} was taken for a time");
        }
    }

    #[test]
    fn lengths_are_said_roughly() {
        let rows = [
            (-5, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (12_000, "3 h 20 min"),
            (187_200, "2 d 4 h"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(roughly(seconds), expected);
        }
    }
}
