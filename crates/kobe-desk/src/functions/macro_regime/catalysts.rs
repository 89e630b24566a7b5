//! Catalysts: what is known to happen within the next ten sessions, and what nobody here knows.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use kobe_calendar::{Exchange, FomcDay};
use kobe_plan::Outcome;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::early::Work;
use crate::marks::no_calendar;

/// Sessions to look ahead.
const AHEAD: usize = 10;
/// Every event that a row can ask for; those of the second list have no source here.
const KNOWN: [&str; 3] = ["fomc", "opex", "triple_witching"];
const UNKNOWN: [&str; 3] = ["cpi", "nfp", "earnings"];

/// Lists the events of the next sessions, today included. A decision of the Federal Reserve blocks entries on its day and halves the size on the session before.
pub(super) fn check_catalysts(call: &Call<'_>) -> Work {
    let wanted = wanted(call)?;
    let exchange = call.desk.market().exchange();
    let last = (0..AHEAD).try_fold(call.date, |date, _| exchange.next_session_date(date)).map_err(no_calendar)?;
    let mut events = Map::new();
    let mut told = Vec::new();
    for &event in &wanted {
        let found = match event {
            "fomc" => fomc(call, last),
            "opex" => expiry(exchange, call.date, last, |_| true)?,
            "triple_witching" => expiry(exchange, call.date, last, |date| date.month() % 3 == 0)?,
            _ => Found::Unknown,
        };
        let sessions = match found {
            Found::On(date) => Some(exchange.sessions_between(call.date, date).map_err(no_calendar)?),
            _ => None,
        };
        if let (Found::On(date), Some(sessions)) = (found, sessions) {
            told.push(format!("{event} {date} (in {sessions})"));
        }
        events.insert(event.to_owned(), found.json(sessions));
    }
    let fomc = crate::trading::case::fomc_of(call.desk, call.date);
    let body = json!({ "from": call.date, "to": last, "sessions_ahead": AHEAD, "events": events, "fomc_today": fomc });
    call.put("catalysts", body)?;
    if wanted.iter().all(|event| UNKNOWN.contains(event)) {
        return Err(Outcome::Unavailable(format!("dates of {}: there is no source", wanted.join(", ")).into()));
    }
    Ok(Outcome::Ok(if told.is_empty() { format!("nothing known up to {last}") } else { told.join(", ") }.into()))
}

/// What is known about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    On(Date),
    NotAhead,
    Unknown,
}

impl Found {
    fn json(self, sessions: Option<usize>) -> Value {
        match self {
            Found::On(date) => json!({ "date": date, "in_sessions": sessions }),
            Found::NotAhead => Value::Null,
            Found::Unknown => json!("unknown"),
        }
    }
}

/// The events that the row asks for: all, or those of a list.
fn wanted(call: &Call<'_>) -> Result<Vec<&'static str>, Outcome> {
    let all = || KNOWN.into_iter().chain(UNKNOWN);
    match call.args().get("events") {
        None => Ok(all().collect()),
        Some(Value::String(word)) if word == "all" => Ok(all().collect()),
        Some(Value::Array(names)) => {
            names.iter().map(|name| all().find(|known| name == known).ok_or(Outcome::NotBuilt)).collect()
        }
        Some(_) => Err(Outcome::NotBuilt),
    }
}

fn fomc(call: &Call<'_>, last: Date) -> Found {
    let market = call.desk.market();
    if market.fomc(call.date) == FomcDay::Unknown {
        return Found::Unknown;
    }
    let yesterday = call.date.saturating_sub(1.days());
    match market.events().next_decision(yesterday) {
        Some(date) if date <= last => Found::On(date),
        // Past its last row the table says nothing about the days that follow.
        None if market.events().span().to < last => Found::Unknown,
        _ => Found::NotAhead,
    }
}

/// The first expiry from `from` to `last` in a month that counts: its third Friday, or the session before where that is closed.
fn expiry(exchange: &Exchange, from: Date, last: Date, counts: fn(Date) -> bool) -> Result<Found, Outcome> {
    let mut month = from.first_of_month();
    while month <= last {
        if counts(month)
            && let Ok(friday) = month.nth_weekday_of_month(3, Weekday::Friday)
        {
            let open = exchange.is_session_date(friday).map_err(no_calendar)?;
            let date = if open { friday } else { exchange.previous_session_date(friday).map_err(no_calendar)? };
            if from <= date && date <= last {
                return Ok(Found::On(date));
            }
        }
        month = month.saturating_add(1.months());
    }
    Ok(Found::NotAhead)
}
