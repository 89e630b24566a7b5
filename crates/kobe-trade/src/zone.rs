//! Kill zones: when positions may be opened at all, New York time.
//!
//! Half-open stretches cover every day from midnight to midnight. Entries pass only in `primary` and `power_hour`; exits pass from the open to the close.
//! The zones have other edges than the phases of the market: the zone decides, and no phase allows what it forbids. On an early close the last half hour
//! before the close is the close zone and the power hour falls away; after a late open the first half hour is the opening range. Start at [`at`].

use std::fmt;

use jiff::civil::{Time, time};
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{CalendarError, Market, MarketDay};
use serde::{Deserialize, Serialize};

/// A stretch of the trading day, as far as entries are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// A day without a session.
    NoSession,
    /// Before the open.
    PreMarket,
    /// The first half hour: prices settle. Never switched off.
    OpeningRange,
    /// The first window for entries.
    Primary,
    /// Midday: the only zone with a switch, blocked by default.
    LunchChop,
    /// The second window for entries.
    PowerHour,
    /// The last half hour: manage only.
    Close,
    /// From the close on.
    AfterHours,
}

impl Zone {
    /// Returns the word of tables and answers.
    pub fn name(self) -> &'static str {
        match self {
            Zone::NoSession => "no_session",
            Zone::PreMarket => "pre_market",
            Zone::OpeningRange => "opening_range",
            Zone::Primary => "primary",
            Zone::LunchChop => "lunch_chop",
            Zone::PowerHour => "power_hour",
            Zone::Close => "close",
            Zone::AfterHours => "after_hours",
        }
    }

    /// Returns whether positions may be opened in the zone.
    pub fn allows_entries(self, rules: ZoneRules) -> bool {
        match self {
            Zone::Primary | Zone::PowerHour => true,
            Zone::LunchChop => rules.lunch_entries,
            Zone::NoSession | Zone::PreMarket | Zone::OpeningRange | Zone::Close | Zone::AfterHours => false,
        }
    }

    /// Returns whether positions may be reduced in the zone: whenever the market is open.
    pub fn allows_exits(self) -> bool {
        matches!(self, Zone::OpeningRange | Zone::Primary | Zone::LunchChop | Zone::PowerHour | Zone::Close)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The one switch that the zones have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneRules {
    /// Whether entries pass at lunch; false unless an operator says otherwise.
    pub lunch_entries: bool,
}

impl ZoneRules {
    /// The rules that hold unless an operator says otherwise: lunch is blocked.
    pub const STANDARD: ZoneRules = ZoneRules { lunch_entries: false };
}

/// One zone of one day, `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Which zone.
    pub zone: Zone,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Whether positions may be opened in it.
    pub entries: bool,
    /// Whether positions may be reduced in it.
    pub exits: bool,
}

/// A window in which entries pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The zone that opens it.
    pub zone: Zone,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Minutes until it opens, rounded up.
    pub minutes: i64,
}

/// What the zones say at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneAnswer {
    /// The instant asked about.
    pub at: Timestamp,
    /// The zone it lies in.
    pub zone: Zone,
    /// Whether positions may be opened now.
    pub entries: bool,
    /// Whether positions may be reduced now.
    pub exits: bool,
    /// Why, in words.
    pub reason: String,
    /// Minutes until this zone ends, rounded up.
    pub minutes_left: i64,
    /// The next window for entries that opens after now; `None` past the calendar's horizon.
    pub next_window: Option<Window>,
}

/// Half an hour: the opening range and the close zone.
const HALF_HOUR: SignedDuration = SignedDuration::from_mins(30);
const LUNCH_FROM: Time = time(11, 30, 0, 0);
const LUNCH_TO: Time = time(14, 30, 0, 0);

/// Returns the zones of a day, in order, from midnight to midnight; stretches that the day does not have are left out.
pub fn table(market: &Market, day: &MarketDay, rules: ZoneRules) -> Vec<Stretch> {
    let Some(session) = &day.session else {
        return vec![Stretch { zone: Zone::NoSession, from: day.from, to: day.to, entries: false, exits: false }];
    };
    let wall = |t: Time| market.instant(day.date.to_datetime(t)).at;
    let manage = (session.close - HALF_HOUR).max(session.open);
    let opened = (session.open + HALF_HOUR).min(manage);
    let ends = [
        (Zone::PreMarket, session.open),
        (Zone::OpeningRange, opened),
        (Zone::Primary, wall(LUNCH_FROM).min(manage)),
        (Zone::LunchChop, wall(LUNCH_TO).min(manage)),
        (Zone::PowerHour, manage),
        (Zone::Close, session.close),
        (Zone::AfterHours, day.to),
    ];
    let mut stretches = Vec::with_capacity(ends.len());
    let mut from = day.from;
    for (zone, to) in ends {
        if to > from {
            stretches.push(Stretch { zone, from, to, entries: zone.allows_entries(rules), exits: zone.allows_exits() });
            from = to;
        }
    }
    stretches
}

/// Answers whether positions may be opened or reduced at `instant`, why, and when the next window opens.
///
/// # Errors
/// [`CalendarError`] where the calendar does not know the day: nothing is allowed then.
pub fn at(market: &Market, instant: Timestamp, rules: ZoneRules) -> Result<ZoneAnswer, CalendarError> {
    let day = market.day(market.date_of(instant))?;
    let stretches = table(market, &day, rules);
    let here = stretches.partition_point(|stretch| stretch.to <= instant);
    let stretch = stretches[here.min(stretches.len() - 1)];
    let next_window = match window_after(&stretches, instant) {
        Some(window) => Some(window),
        None => later_window(market, &day, instant, rules),
    };
    Ok(ZoneAnswer {
        at: instant,
        zone: stretch.zone,
        entries: stretch.entries,
        exits: stretch.exits,
        reason: reason(stretch.zone, &day, rules),
        minutes_left: minutes(stretch.to.duration_since(instant)),
        next_window,
    })
}

fn window_after(stretches: &[Stretch], instant: Timestamp) -> Option<Window> {
    stretches.iter().find(|stretch| stretch.entries && stretch.from > instant).map(|stretch| Window {
        zone: stretch.zone,
        from: stretch.from,
        to: stretch.to,
        minutes: minutes(stretch.from.duration_since(instant)),
    })
}

/// The first window of a later session. A session may have none (a late open with an early close), so a few are tried.
fn later_window(market: &Market, day: &MarketDay, instant: Timestamp, rules: ZoneRules) -> Option<Window> {
    let mut date = day.date;
    for _ in 0..5 {
        date = market.next_session(date).ok()?.date;
        let day = market.day(date).ok()?;
        if let Some(window) = window_after(&table(market, &day, rules), instant) {
            return Some(window);
        }
    }
    None
}

fn reason(zone: Zone, day: &MarketDay, rules: ZoneRules) -> String {
    let words = match zone {
        Zone::NoSession if day.weekend => "weekend, the market is closed",
        Zone::NoSession => return format!("closed: {}", day.name().unwrap_or("holiday")),
        Zone::PreMarket => "before the open",
        Zone::OpeningRange => "the opening range is only watched",
        Zone::Primary => "the primary window for entries",
        Zone::LunchChop if rules.lunch_entries => "lunch, opened for entries by the operator",
        Zone::LunchChop => "lunch, blocked for entries",
        Zone::PowerHour => "the second window for entries",
        Zone::Close => "the last half hour is for managing only",
        Zone::AfterHours => "after the close",
    };
    words.to_owned()
}

fn minutes(span: SignedDuration) -> i64 {
    let seconds = span.as_secs() + i64::from(span.subsec_nanos() > 0);
    seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0)
}

#[cfg(test)]
mod tests;
