//! Sessions: one trading day of a venue, as instants.
//!
//! Half-open, `[open, close)`: at the opening bell the market is open, at the closing bell it is not. What stands here is
//! what was planned before the opening of that day; a halt or a storm in the middle of it is not in the calendar.

use std::sync::Arc;

use jiff::{Timestamp, civil::Date};
use serde::Serialize;

/// One trading day of one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The venue's own date of the session.
    pub date: Date,
    /// The first instant at which trading is open.
    pub open: Timestamp,
    /// The first instant at which it is over.
    pub close: Timestamp,
    /// The breaks within it, `[from, to)`, in order; none at most venues.
    pub pauses: Vec<(Timestamp, Timestamp)>,
    /// When trading after the close is over; the close itself where the venue has none.
    pub post_close: Timestamp,
    /// True if it closes before the ordinary hour of that year.
    pub early_close: bool,
    /// True if it opens after the ordinary hour of that year.
    pub late_open: bool,
    /// Why its hours are not the ordinary ones: `Day after Thanksgiving`. `None` on an ordinary day.
    pub note: Option<Arc<str>>,
}

impl Session {
    /// Returns true from the opening to just before the close, breaks excepted.
    pub fn contains(&self, instant: Timestamp) -> bool {
        let paused = self.pauses.iter().any(|(from, to)| *from <= instant && instant < *to);
        self.open <= instant && instant < self.close && !paused
    }
}

/// How far an answer about a date can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// It happened, or the venue has published it.
    Confirmed,
    /// It follows from the standing rules; a new holiday or closure would change it.
    Projected,
    /// A sighting of the moon or a decree will say whether it is a session: the rules project a holiday near it.
    Unknown,
    /// Outside the years that the rules cover: there is no answer.
    Refused,
}

/// The dates for which a venue's rules speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First date known to be a session or not.
    pub from: Date,
    /// First date whose hours are known; before it only dates are answered.
    pub times_from: Date,
    /// Last date that happened or that the venue has published.
    pub confirmed_to: Date,
    /// Last date that the rules project.
    pub projected_to: Date,
}

impl Span {
    /// Returns how far an answer about `date` can be trusted.
    pub fn coverage(&self, date: Date) -> Coverage {
        if date < self.from || date > self.projected_to {
            Coverage::Refused
        } else if date <= self.confirmed_to {
            Coverage::Confirmed
        } else {
            Coverage::Projected
        }
    }
}
