//! Counting sessions: the nth of a week, a month, a quarter or a year, from either end; so many sessions on; the nearest
//! one; the day on which options expire.
//!
//! Everything here asks for dates only, so that it answers from the first date of the span, hours known or not.

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday};

use crate::names::named;
use crate::{CalendarError, Exchange};

const DAY: SignedDuration = SignedDuration::from_hours(24);

named! {
    /// A part of the calendar year.
    Period, "period", {
        /// Monday to Sunday.
        Week = "week",
        /// A month.
        Month = "month",
        /// January to March, and so on.
        Quarter = "quarter",
        /// A year.
        Year = "year",
    }
}

impl Period {
    /// Returns its first and last date around `date`, both included.
    pub fn around(self, date: Date) -> (Date, Date) {
        match self {
            Period::Week => {
                let since_monday = i32::from(date.weekday().to_monday_zero_offset());
                let monday = date.saturating_sub(DAY * since_monday);
                (monday, monday.saturating_add(DAY * 6))
            }
            Period::Month => (date.first_of_month(), date.last_of_month()),
            Period::Quarter => {
                let first = (date.month() - 1) / 3 * 3 + 1;
                let of = |month| Date::new(date.year(), month, 1).expect("every year has this month");
                (of(first), of(first + 2).last_of_month())
            }
            Period::Year => (date.first_of_year(), date.last_of_year()),
        }
    }
}

named! {
    /// What becomes of a date that is no session. The modified rules stay within the month (ISDA 2006 Definitions, 4.12).
    Roll, "rule for a day without session", {
        /// The next session.
        Next = "next",
        /// The session before.
        Previous = "previous",
        /// The next session, unless it lies in another month: then the one before.
        ModifiedNext = "modified_next",
        /// The session before, unless it lies in another month: then the next.
        ModifiedPrevious = "modified_previous",
    }
}

impl Exchange {
    /// Returns the `n`th session of the period around `date`: 1 is the first, -1 the last. `None` if it has not so many,
    /// and for 0.
    ///
    /// ```
    /// use jiff::civil::date;
    /// use kobe_calendar::{Exchange, Period};
    ///
    /// let xnys = Exchange::bundled("XNYS").unwrap();
    /// let third_last = xnys.nth_session_of(Period::Quarter, date(2026, 11, 23), -3)?;
    /// assert_eq!(third_last, Some(date(2026, 12, 29)));
    /// # Ok::<(), kobe_calendar::CalendarError>(())
    /// ```
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`] if the count reaches a date outside the span.
    pub fn nth_session_of(&self, period: Period, date: Date, n: i32) -> Result<Option<Date>, CalendarError> {
        let (first, last) = period.around(date);
        let (mut at, step) = if n > 0 { (first, DAY) } else { (last, -DAY) };
        let mut left = n.unsigned_abs();
        while left > 0 && first <= at && at <= last {
            left -= u32::from(self.is_session_date(at)?);
            if left == 0 {
                return Ok(Some(at));
            }
            at = at.saturating_add(step);
        }
        Ok(None)
    }

    /// Returns the number of the session `date` in its period, from the start and from the end, both beginning with 1; `None`
    /// if it is no session.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`] if the period does not lie within the span.
    pub fn session_number(&self, period: Period, date: Date) -> Result<Option<(usize, usize)>, CalendarError> {
        if !self.is_session_date(date)? {
            return Ok(None);
        }
        let (first, last) = period.around(date);
        Ok(Some((self.session_dates(first, date)?.len(), self.session_dates(date, last)?.len())))
    }

    /// Returns the session `n` sessions after `date`, or before it if `n` is negative. 0 is `date` itself, session or not.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn session_offset(&self, date: Date, n: i32) -> Result<Date, CalendarError> {
        let mut at = date;
        for _ in 0..n.unsigned_abs() {
            at = if n > 0 { self.next_session_date(at)? } else { self.previous_session_date(at)? };
        }
        Ok(at)
    }

    /// Returns `date` if it is a session, else the session that `roll` names.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn roll(&self, date: Date, roll: Roll) -> Result<Date, CalendarError> {
        if self.is_session_date(date)? {
            return Ok(date);
        }
        let within = |found: Date| found.first_of_month() == date.first_of_month();
        match roll {
            Roll::Next => self.next_session_date(date),
            Roll::Previous => self.previous_session_date(date),
            Roll::ModifiedNext => match self.next_session_date(date)? {
                found if within(found) => Ok(found),
                _ => self.previous_session_date(date),
            },
            Roll::ModifiedPrevious => match self.previous_session_date(date)? {
                found if within(found) => Ok(found),
                _ => self.next_session_date(date),
            },
        }
    }

    /// Returns the session on which the monthly options of the month around `date` expire: the third Friday, or the session
    /// before it where that is none.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn expiry(&self, date: Date) -> Result<Date, CalendarError> {
        let third = date.nth_weekday_of_month(3, Weekday::Friday).expect("every month has three Fridays");
        self.roll(third, Roll::Previous)
    }
}
