//! Several venues at once: when are all of them open, when is any?
//!
//! Answers are lists of half-open stretches `[from, to)` in order, or of dates. Midday breaks are not open.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::{CalendarError, Exchange};

/// A stretch of time, `[from, to)`.
type Stretch = (Timestamp, Timestamp);

/// Lists when all of the venues are open at once in `[from, to)`. No venue at all is never open.
///
/// ```
/// use kobe_calendar::{Exchange, open_together};
///
/// let (new_york, london) = (Exchange::bundled("XNYS").unwrap(), Exchange::bundled("XLON").unwrap());
/// let (from, to) = ("2026-11-23T00:00:00Z".parse()?, "2026-11-24T00:00:00Z".parse()?);
/// let both = open_together(&[&new_york, &london], from, to)?;
/// assert_eq!(both, [("2026-11-23T14:30:00Z".parse()?, "2026-11-23T16:30:00Z".parse()?)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`CalendarError`] of the first venue that does not know an instant of the range.
pub fn open_together(venues: &[&Exchange], from: Timestamp, to: Timestamp) -> Result<Vec<Stretch>, CalendarError> {
    let Some((first, rest)) = venues.split_first() else { return Ok(Vec::new()) };
    let mut common = first.stretches(from, to)?;
    for venue in rest {
        common = both(&common, &venue.stretches(from, to)?);
    }
    Ok(common)
}

/// Lists when at least one of the venues is open in `[from, to)`; stretches that touch become one.
///
/// # Errors
/// [`CalendarError`] of the first venue that does not know an instant of the range.
pub fn open_anywhere(venues: &[&Exchange], from: Timestamp, to: Timestamp) -> Result<Vec<Stretch>, CalendarError> {
    let mut all = Vec::new();
    for venue in venues {
        all.extend(venue.stretches(from, to)?);
    }
    all.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::new();
    for (begin, end) in all {
        match joined.last_mut() {
            Some((_, last)) if begin <= *last => *last = end.max(*last),
            _ => joined.push((begin, end)),
        }
    }
    Ok(joined)
}

/// Lists the dates from `from` to `to`, both included, that are sessions at all of the venues.
///
/// # Errors
/// [`CalendarError::OutOfCoverage`].
pub fn sessions_of_all(venues: &[&Exchange], from: Date, to: Date) -> Result<Vec<Date>, CalendarError> {
    let Some((first, rest)) = venues.split_first() else { return Ok(Vec::new()) };
    let mut dates = Vec::new();
    for date in first.session_dates(from, to)? {
        let mut all = true;
        for venue in rest {
            all &= venue.is_session_date(date)?;
        }
        dates.extend(all.then_some(date));
    }
    Ok(dates)
}

/// Lists the dates from `from` to `to`, both included, that are sessions at one of the venues at least.
///
/// # Errors
/// [`CalendarError::OutOfCoverage`].
pub fn sessions_of_any(venues: &[&Exchange], from: Date, to: Date) -> Result<Vec<Date>, CalendarError> {
    let mut dates = Vec::new();
    for venue in venues {
        dates.extend(venue.session_dates(from, to)?);
    }
    dates.sort_unstable();
    dates.dedup();
    Ok(dates)
}

/// Returns what two ordered lists of stretches have in common.
fn both(a: &[Stretch], b: &[Stretch]) -> Vec<Stretch> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut common = Vec::new();
    while let (Some((a_from, a_to)), Some((b_from, b_to))) = (a.peek(), b.peek()) {
        let (from, to) = (*a_from.max(b_from), *a_to.min(b_to));
        if from < to {
            common.push((from, to));
        }
        if a_to < b_to {
            a.next()
        } else {
            b.next()
        };
    }
    common
}
