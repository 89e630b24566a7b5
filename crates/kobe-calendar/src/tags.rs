//! Tags: days and seasons with a name, as a set.
//!
//! Seasons overlap (mid July is summer, earnings season and "sell in May" at once), so a day carries a set and nobody has
//! to decide which of them wins. What each means stands at [`Tag`]; [`of_day`] finds them.

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday};

use crate::names::named;
use crate::{Events, Exchange, FomcDay};

named! {
    /// One name that a day can carry.
    Tag, "tag", {
        /// A scheduled or tentative decision day of the Federal Open Market Committee.
        FomcDay = "fomc_day",
        /// The last session before a scheduled or tentative decision day.
        FomcEve = "fomc_eve",
        /// Monday to Friday of a week with a scheduled or tentative decision day.
        FomcWeek = "fomc_week",
        /// An unscheduled decision or call. Nobody knew it on the day before: it never gates anything.
        FomcUnscheduled = "fomc_unscheduled",
        /// Outside the span of the table of decision days: nobody here knows.
        FomcUnknown = "fomc_unknown",
        /// Monthly option expiry: the third Friday, or the session before it if that is closed.
        Opex = "opex",
        /// The option expiry of March, June, September and December.
        TripleWitching = "triple_witching",
        /// Days 1-21 of January, April, July and October.
        EarningsSeason = "earnings_season",
        /// November 15 to December 31.
        TaxLoss = "tax_loss",
        /// December 24 to 31.
        Santa = "santa",
        /// All of January.
        January = "january",
        /// July and August.
        Summer = "summer",
        /// May to October.
        SellInMay = "sell_in_may",
        /// First session of its week (Monday to Sunday).
        WeekStart = "week_start",
        /// Last session of its week.
        WeekEnd = "week_end",
        /// First session of its month.
        MonthStart = "month_start",
        /// Last session of its month.
        MonthEnd = "month_end",
        /// First session of its quarter.
        QuarterStart = "quarter_start",
        /// Last session of its quarter.
        QuarterEnd = "quarter_end",
        /// First session of its year.
        YearStart = "year_start",
        /// Last session of its year.
        YearEnd = "year_end",
    }
}

/// A set of [`Tag`]s.
///
/// ```
/// use kobe_calendar::{Tag, Tags};
///
/// let tags: Tags = [Tag::Summer, Tag::EarningsSeason].into_iter().collect();
/// assert!(tags.contains(Tag::Summer) && !tags.contains(Tag::Santa));
/// assert_eq!(tags.to_string(), "earnings_season, summer");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tags(u32);

impl Tags {
    /// Returns the set without a tag.
    pub const fn none() -> Tags {
        Tags(0)
    }

    /// Returns true if `tag` is in the set.
    pub const fn contains(self, tag: Tag) -> bool {
        self.0 & (1 << tag as u32) != 0
    }

    /// Adds `tag`.
    pub const fn insert(&mut self, tag: Tag) {
        self.0 |= 1 << tag as u32;
    }

    /// Returns the set with `tag` added where `yes`.
    #[must_use]
    pub const fn with(mut self, tag: Tag, yes: bool) -> Tags {
        if yes {
            self.insert(tag);
        }
        self
    }

    /// Returns true if no tag is in the set: an ordinary day.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns how many tags are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns true if both sets share a tag.
    pub const fn intersects(self, other: Tags) -> bool {
        self.0 & other.0 != 0
    }

    /// Iterates over the tags in the order of [`Tag`].
    pub fn iter(self) -> TagsIter {
        TagsIter { tags: self, next: 0 }
    }

    /// Returns the names, in the order of [`Tag`].
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Tag::as_str).collect()
    }
}

/// Iterator over the tags of a set, in the order of [`Tag`].
#[derive(Debug, Clone)]
pub struct TagsIter {
    tags: Tags,
    next: usize,
}

impl Iterator for TagsIter {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        while let Some(&tag) = Tag::ALL.get(self.next) {
            self.next += 1;
            if self.tags.contains(tag) {
                return Some(tag);
            }
        }
        None
    }
}

impl IntoIterator for Tags {
    type Item = Tag;
    type IntoIter = TagsIter;

    fn into_iter(self) -> TagsIter {
        self.iter()
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Tags {
        tags.into_iter().fold(Tags::none(), |set, tag| set.with(tag, true))
    }
}

impl std::fmt::Display for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.names().join(", "))
    }
}

impl std::fmt::Debug for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl serde::Serialize for Tags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Finds the tags of a date.
///
/// Tags that name a session (expiry, first and last of a week or month, the eve of a decision) are set on sessions only.
/// Where the neighbouring session lies outside the calendar, the tags that need it are not set.
pub(crate) fn of_day(exchange: &Exchange, events: &Events, date: Date) -> Tags {
    let (month, day) = (date.month(), date.day());
    let fomc = events.fomc(date);
    let monday = back(date, i64::from(date.weekday().to_monday_zero_offset()));
    let decision = events.next_decision(back(monday, 1));
    let in_week = decision.is_some_and(|decision| decision <= back(monday, -4)) && date <= back(monday, -4);
    let seasons = Tags::none()
        .with(Tag::FomcDay, fomc.gates())
        .with(Tag::FomcWeek, in_week)
        .with(Tag::FomcUnscheduled, fomc == FomcDay::Unscheduled)
        .with(Tag::FomcUnknown, fomc == FomcDay::Unknown)
        .with(Tag::EarningsSeason, month % 3 == 1 && day <= 21)
        .with(Tag::TaxLoss, month == 12 || (month == 11 && day >= 15))
        .with(Tag::Santa, month == 12 && day >= 24)
        .with(Tag::January, month == 1)
        .with(Tag::Summer, month == 7 || month == 8)
        .with(Tag::SellInMay, (5..=10).contains(&month));
    if !exchange.is_session_date(date).unwrap_or(false) {
        return seasons;
    }
    let before = exchange.previous_session_date(date).ok();
    let after = exchange.next_session_date(date).ok();
    let first = |new: fn(Date, Date) -> bool| before.is_some_and(|before| new(before, date));
    let last = |new: fn(Date, Date) -> bool| after.is_some_and(|after| new(date, after));
    let expiry = is_expiry(date, after);
    let decision_next = events.next_decision(date).zip(after).is_some_and(|(decision, after)| decision <= after);
    seasons
        .with(Tag::FomcEve, decision_next)
        .with(Tag::Opex, expiry)
        .with(Tag::TripleWitching, expiry && month % 3 == 0)
        .with(Tag::WeekStart, first(new_week))
        .with(Tag::WeekEnd, last(new_week))
        .with(Tag::MonthStart, first(new_month))
        .with(Tag::MonthEnd, last(new_month))
        .with(Tag::QuarterStart, first(new_quarter))
        .with(Tag::QuarterEnd, last(new_quarter))
        .with(Tag::YearStart, first(new_year))
        .with(Tag::YearEnd, last(new_year))
}

/// Returns true on the third Friday, or on the last session before a third Friday that is closed.
fn is_expiry(session: Date, after: Option<Date>) -> bool {
    let Ok(third) = session.nth_weekday_of_month(3, Weekday::Friday) else { return false };
    session == third || (session < third && after.is_some_and(|after| after > third))
}

fn back(date: Date, days: i64) -> Date {
    date.saturating_sub(SignedDuration::from_hours(24 * days))
}

fn new_week(a: Date, b: Date) -> bool {
    a.iso_week_date().week() != b.iso_week_date().week()
}

fn new_month(a: Date, b: Date) -> bool {
    a.month() != b.month()
}

fn new_quarter(a: Date, b: Date) -> bool {
    (a.month() - 1) / 3 != (b.month() - 1) / 3
}

fn new_year(a: Date, b: Date) -> bool {
    a.year() != b.year()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_every_tag_once_and_lists_them_in_order() {
        let all: Tags = Tag::ALL.iter().rev().copied().chain([Tag::Opex]).collect();
        assert_eq!(all.len(), Tag::ALL.len());
        assert!(Tag::ALL.len() <= 32, "the set is a u32");
        assert_eq!(all.iter().collect::<Vec<_>>(), Tag::ALL);
        for tag in Tag::ALL {
            assert_eq!(tag.to_string().parse::<Tag>(), Ok(*tag));
            let one = Tags::none().with(*tag, true);
            assert_eq!((one.len(), one.names()), (1, vec![tag.as_str()]));
        }
    }

    #[test]
    fn a_set_prints_as_a_list_and_as_json() {
        let tags: Tags = [Tag::Santa, Tag::TaxLoss].into_iter().collect();
        assert_eq!(tags.to_string(), "tax_loss, santa");
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"["tax_loss","santa"]"#);
        assert!(Tags::none().is_empty() && Tags::none().to_string().is_empty());
        assert!(tags.intersects(Tags::none().with(Tag::Santa, true)));
        assert!(!tags.intersects(Tags::none().with(Tag::January, true)));
    }
}
