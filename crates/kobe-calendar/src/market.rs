//! The market: an exchange with the desk's clock on it.
//!
//! [`Market`] joins a venue's sessions with the table of phases and modes and the days with a name. Its answers are
//! values; it holds no cache and no lock, so that one `Arc<Market>` serves every thread. A day is cut into segments
//! that cover it from midnight to midnight without gap. Start at [`Market::bundled`] and [`Market::day`].

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use serde::Serialize;

use crate::exchange::fingerprint;
use crate::modes::{Layout, RowKind};
use crate::names::named;
use crate::rules::{Kind, Minute};
use crate::{
    CalendarError, CoarsePhase, Coverage, Events, Exchange, FomcDay, ModeTable, Phase, Session, Tags, WorkMode, tags,
};

pub(crate) const MODES: &str = include_str!("../data/modes.csv");
pub(crate) const EVENTS: &str = include_str!("../data/events.csv");

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The instant of a wall-clock time, and what the change of clocks did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The instant.
    pub at: Timestamp,
    /// The clocks skipped this time: `at` is the first valid instant after the gap.
    pub shifted: bool,
    /// The clocks showed this time twice: `at` is the first.
    pub ambiguous: bool,
}

/// A stretch of a day within one phase and mode, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// The phase of the market.
    pub phase: Phase,
    /// The same, in the five words of the state files.
    pub coarse: CoarsePhase,
    /// What the desk is for.
    pub mode: WorkMode,
}

named! {
    /// What kind of day it is for a trader.
    DayKind, "kind of day", {
        /// A session with the ordinary hours.
        FullSession = "full_session",
        /// A session with an early close (and perhaps a late open too).
        HalfDay = "half_day",
        /// A session that opens late and closes at the ordinary hour.
        LateOpen = "late_open",
        /// A day of the venue's week without a session.
        Holiday = "holiday",
        /// A day outside the venue's week.
        Weekend = "weekend",
    }
}

/// One local day of the market, midnight to midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarketDay {
    /// The venue's date.
    pub date: Date,
    /// Local midnight at its start.
    pub from: Timestamp,
    /// The next local midnight; 23 or 25 hours later where clocks change.
    pub to: Timestamp,
    /// The session, if there is one.
    pub session: Option<Session>,
    /// Why there is none on a day of the venue's week.
    pub holiday: Option<Arc<str>>,
    /// True outside the venue's week.
    pub weekend: bool,
    /// The opening of an ordinary day of that year, on this date.
    pub regular_open: Timestamp,
    /// The close of an ordinary day of that year, on this date.
    pub regular_close: Timestamp,
    /// Its names and seasons.
    pub tags: Tags,
    /// Its parts, in order, covering `[from, to)` without gap.
    pub segments: Vec<Segment>,
}

impl MarketDay {
    /// Returns what kind of day it is.
    pub fn kind(&self) -> DayKind {
        match &self.session {
            Some(session) if session.early_close => DayKind::HalfDay,
            Some(session) if session.late_open => DayKind::LateOpen,
            Some(_) => DayKind::FullSession,
            None if self.weekend => DayKind::Weekend,
            None => DayKind::Holiday,
        }
    }

    /// Returns the segment that `instant` lies in; outside the day, the nearest one.
    pub fn at(&self, instant: Timestamp) -> &Segment {
        let at = self.segments.partition_point(|segment| segment.to <= instant);
        &self.segments[at.min(self.segments.len() - 1)]
    }

    /// Returns whether the market is open at `instant`.
    pub fn is_open(&self, instant: Timestamp) -> bool {
        self.session.as_ref().is_some_and(|session| session.contains(instant))
    }

    /// Returns true if there is a session.
    pub fn is_trading_day(&self) -> bool {
        self.session.is_some()
    }

    /// Returns true if the session closes before the ordinary hour.
    pub fn is_half_day(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.early_close)
    }

    /// Returns true if the session opens after the ordinary hour.
    pub fn is_late_open(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.late_open)
    }

    /// Returns true on a day of the venue's week without a session.
    pub fn is_holiday(&self) -> bool {
        self.kind() == DayKind::Holiday
    }

    /// Returns the day's own name: of the holiday, or of the reason for changed hours.
    pub fn name(&self) -> Option<&str> {
        self.holiday.as_deref().or_else(|| self.session.as_ref()?.note.as_deref())
    }
}

/// An exchange with the desk's clock on it.
#[derive(Debug)]
pub struct Market {
    exchange: Exchange,
    events: Events,
    /// The day cut into slots, for each kind of day and each close that the venue has.
    layouts: Vec<((RowKind, Minute), Layout)>,
    modes: ModeTable,
    version: String,
}

impl Market {
    /// Builds the desk's market from what comes with the program: XNYS, its table of modes and the FOMC days.
    ///
    /// # Errors
    /// [`CalendarError::Table`] if a bundled table does not read; a test sees that it does.
    pub fn bundled() -> Result<Market, CalendarError> {
        let exchange = Exchange::bundled("XNYS").expect("XNYS stands in the table of venues");
        Market::new(exchange, ModeTable::bundled()?, Events::bundled()?)
    }

    /// Joins a venue, a table of modes and a table of events.
    ///
    /// # Errors
    /// [`CalendarError::Table`] if the modes leave a minute of one of the venue's days without a row.
    pub fn new(exchange: Exchange, modes: ModeTable, events: Events) -> Result<Market, CalendarError> {
        let mut layouts: Vec<((RowKind, Minute), Layout)> = Vec::new();
        let fixed = [RowKind::Holiday, RowKind::Saturday, RowKind::Sunday].map(|kind| (kind, 0));
        let sessions = exchange.calendar().kinds().iter().filter_map(|kind| match kind {
            Kind::Session(plan) => Some((modes.kind_of(plan), plan.close)),
            _ => None,
        });
        for key in fixed.into_iter().chain(sessions) {
            if !layouts.iter().any(|(known, _)| *known == key) {
                layouts.push((key, modes.layout(key.0, key.1)?));
            }
        }
        let told = [format!("{modes:?}"), format!("{events:?}")];
        let version = format!("{}.{:08x}", exchange.version(), fingerprint(&[&told[0], &told[1]]));
        Ok(Market { exchange, events, layouts, modes, version })
    }

    /// Returns the venue.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns the table of FOMC days.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Returns the venue's time zone.
    pub fn zone(&self) -> &TimeZone {
        self.exchange.zone()
    }

    /// Returns the name of the venue's time zone.
    pub fn zone_name(&self) -> &str {
        self.exchange.zone_name()
    }

    /// Returns the version of rules and tables with a fingerprint of their content.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the version of the time zone database inside the program.
    pub fn tzdb_version(&self) -> &'static str {
        crate::tzdb_version()
    }

    /// Returns the venue's date at `instant`.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        self.exchange.date_of(instant)
    }

    /// Returns `instant` on the venue's wall clock.
    pub fn local(&self, instant: Timestamp) -> ZonedDateTime {
        instant.to_zoned_datetime(self.zone().clone())
    }

    /// Returns the instant of a wall-clock time of the venue, and whether clocks changed there.
    ///
    /// ```
    /// use jiff::civil::date;
    /// use kobe_calendar::Market;
    ///
    /// let market = Market::bundled()?;
    /// let skipped = market.instant(date(2026, 3, 8).at(2, 30, 0, 0));
    /// assert_eq!(skipped.at.to_string(), "2026-03-08T07:00:00Z"); // 03:00 EDT, the first instant after the gap
    /// assert!(skipped.shifted);
    /// # Ok::<(), kobe_calendar::CalendarError>(())
    /// ```
    pub fn instant(&self, local: DateTime) -> Resolved {
        self.exchange.instant(local)
    }

    /// Returns everything about one local day: session, name, tags and the segments that cover it.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`] before the first known hours.
    pub fn day(&self, date: Date) -> Result<MarketDay, CalendarError> {
        let (open, close) = self.exchange.regular_minutes(date)?;
        let from = self.exchange.at(date, 0);
        let to = self.exchange.at(date, 24 * 60);
        // On the two days a year when clocks change each edge is looked up; on all others minutes are just added.
        let plain = from.duration_until(to) == DAY;
        let at = |minute: Minute| {
            if plain { from + SignedDuration::from_mins(i64::from(minute)) } else { self.exchange.at(date, minute) }
        };
        let kind = self.exchange.kind(date)?;
        let (key, session, holiday) = match kind {
            Kind::Session(plan) => {
                let session = if plain {
                    let close = at(plan.close);
                    Session {
                        date,
                        open: at(plan.open),
                        close,
                        pauses: plan.pauses.iter().map(|(a, b)| (at(*a), at(*b))).collect(),
                        post_close: close + SignedDuration::from_mins(i64::from(plan.post)),
                        early_close: plan.early_close(),
                        late_open: plan.late_open(),
                        note: plan.note.clone(),
                    }
                } else {
                    self.exchange.session(date, plan)
                };
                ((self.modes.kind_of(plan), plan.close), Some(session), None)
            }
            Kind::Closed(name) => ((RowKind::Holiday, 0), None, Some(Arc::clone(name))),
            Kind::Idle | Kind::Untimed => ((RowKind::of_weekend(date.weekday()), 0), None, None),
        };
        let layout = self.layouts.iter().find(|(known, _)| *known == key).map(|(_, layout)| layout);
        let segments = layout
            .expect("`new` cuts every kind of day of the venue")
            .iter()
            .map(|(first, end, slot)| Segment {
                from: at(*first),
                to: at(*end),
                phase: slot.phase,
                coarse: slot.coarse,
                mode: slot.mode,
            })
            .collect();
        Ok(MarketDay {
            date,
            from,
            to,
            session,
            holiday,
            weekend: matches!(kind, Kind::Idle),
            regular_open: at(open),
            regular_close: at(close),
            tags: tags::of_day(&self.exchange, &self.events, date),
            segments,
        })
    }

    /// Returns the segment that `instant` lies in.
    ///
    /// # Errors
    /// As [`Market::day`].
    pub fn segment_at(&self, instant: Timestamp) -> Result<Segment, CalendarError> {
        Ok(*self.day(self.date_of(instant))?.at(instant))
    }

    /// Returns how far an answer about `date` can be trusted.
    pub fn coverage(&self, date: Date) -> Coverage {
        self.exchange.coverage(date)
    }

    /// Returns what the table of events says about `date`.
    pub fn fomc(&self, date: Date) -> FomcDay {
        self.events.fomc(date)
    }

    /// Returns the first session after the date `after`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn next_session(&self, after: Date) -> Result<Session, CalendarError> {
        let date = self.exchange.next_session_date(after)?;
        self.session_of(date)
    }

    /// Returns the last session before the date `before`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn previous_session(&self, before: Date) -> Result<Session, CalendarError> {
        let date = self.exchange.previous_session_date(before)?;
        self.session_of(date)
    }

    fn session_of(&self, date: Date) -> Result<Session, CalendarError> {
        let session = self.exchange.session_on(date)?;
        session.ok_or_else(|| self.exchange.times_unknown(date))
    }
}
