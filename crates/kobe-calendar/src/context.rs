//! Market context: what time it is for the market, in one value.
//!
//! What `kobe awareness` prints about the market, and what a task's filters are judged against. What the desk may do
//! with it (kill zones, entries, actions) is decided elsewhere.

use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ZonedDateTime};

use crate::{
    CalendarError, CoarsePhase, Coverage, DayKind, FomcDay, Market, MarketDay, Phase, Segment, Session, Tag, Tags,
    WorkMode,
};

/// What time it is for the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketContext {
    /// The instant asked about.
    pub at: Timestamp,
    /// The same on the venue's wall clock.
    pub local: ZonedDateTime,
    /// The venue's date.
    pub date: Date,
    /// The name of the venue's time zone.
    pub timezone: String,
    /// What kind of day it is.
    pub day_kind: DayKind,
    /// The part of the day, with its edges.
    pub segment: Segment,
    /// The phase of the market.
    pub phase: Phase,
    /// The same in the five words of the state files.
    pub coarse: CoarsePhase,
    /// What the desk's clock says the desk is for. Whether it sleeps instead is the engine's to say.
    pub mode: WorkMode,
    /// Names and seasons of the day.
    pub tags: Tags,
    /// What the table of decision days says about it.
    pub fomc: FomcDay,
    /// The session of the day.
    pub session: Option<Session>,
    /// Why there is none on a weekday.
    pub holiday: Option<Arc<str>>,
    /// The first opening after the instant; `None` past the end of the calendar.
    pub next_open: Option<Timestamp>,
    /// The first close after the instant; `None` past the end of the calendar.
    pub next_close: Option<Timestamp>,
    /// True from the opening to just before the close.
    pub is_market_open: bool,
    /// How far the answers about this date can be trusted.
    pub coverage: Coverage,
}

impl MarketContext {
    /// Returns the day of the week.
    pub fn day_of_week(&self) -> &'static str {
        match self.date.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }

    /// Returns true if the day has a session.
    pub fn is_trading_day(&self) -> bool {
        self.session.is_some()
    }

    /// Returns true outside the venue's week.
    pub fn is_weekend(&self) -> bool {
        self.day_kind == DayKind::Weekend
    }

    /// Returns true on a weekday without a session.
    pub fn is_holiday(&self) -> bool {
        self.day_kind == DayKind::Holiday
    }

    /// Returns the name of the holiday.
    pub fn holiday_name(&self) -> Option<&str> {
        self.holiday.as_deref()
    }

    /// Returns true if the session closes before the ordinary hour.
    pub fn is_early_close(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.early_close)
    }

    /// Returns true if the session opens after the ordinary hour.
    pub fn is_late_open(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.late_open)
    }

    /// Returns true on a scheduled or tentative FOMC decision day.
    pub fn is_fomc_day(&self) -> bool {
        self.fomc.gates()
    }

    /// Returns true on the day of the monthly option expiry.
    pub fn is_opex_day(&self) -> bool {
        self.tags.contains(Tag::Opex)
    }

    /// Returns the whole minutes to the next opening, rounded up; `None` while the market is open.
    pub fn minutes_to_open(&self) -> Option<i64> {
        if self.is_market_open { None } else { self.next_open.map(|open| minutes_up(self.at, open)) }
    }

    /// Returns the whole minutes to the close, rounded up; `None` while the market is closed.
    pub fn minutes_to_close(&self) -> Option<i64> {
        if self.is_market_open { self.next_close.map(|close| minutes_up(self.at, close)) } else { None }
    }
}

/// Rounds up, so that 0 is never shown before the bell has rung.
fn minutes_up(from: Timestamp, to: Timestamp) -> i64 {
    let wait = from.duration_until(to);
    wait.as_mins() + i64::from(wait.as_secs() % 60 > 0 || wait.subsec_nanos() > 0)
}

impl Market {
    /// Returns what time it is for the market at `instant`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`] before the first known hours.
    pub fn context_at(&self, instant: Timestamp) -> Result<MarketContext, CalendarError> {
        let day = self.day(self.date_of(instant))?;
        Ok(self.context_on(&day, instant))
    }

    /// Returns what time it is at `instant` within a day that the caller already has.
    pub fn context_on(&self, day: &MarketDay, instant: Timestamp) -> MarketContext {
        let segment = *day.at(instant);
        MarketContext {
            at: instant,
            local: self.local(instant),
            date: day.date,
            timezone: self.zone_name().to_owned(),
            day_kind: day.kind(),
            segment,
            phase: segment.phase,
            coarse: segment.coarse,
            mode: segment.mode,
            tags: day.tags,
            fomc: self.fomc(day.date),
            session: day.session.clone(),
            holiday: day.holiday.clone(),
            next_open: self.exchange().next_open(instant).ok(),
            next_close: self.exchange().next_close(instant).ok(),
            is_market_open: day.is_open(instant),
            coverage: self.coverage(day.date),
        }
    }
}
