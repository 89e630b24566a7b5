//! The kill switch: what a record says, and whether an order may still pass.
//!
//! A file of that name is a trip, whatever it holds: JSON, a sentence, nothing, garbage. Entries are refused at once; exits pass until the first
//! activation + 60 s, then nothing does. The first activation that the ledger keeps counts, so rewriting the file extends nothing; a time that cannot be
//! read or lies in the future gives no grace. After an operator's re-arm only exits pass for an hour. Reads no file and no clock. Start at [`judge`].

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::order::Intent;

/// How long exits pass after the first activation.
pub const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// How long only exits pass after a re-arm.
pub const COOLDOWN: SignedDuration = SignedDuration::from_hours(1);

/// What pulled the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A person.
    Manual,
    /// A week's loss over 10 %.
    MaxDrawdown,
    /// A day's loss over 1,000.00.
    MaxDailyLoss,
    /// Books and broker disagree.
    ReconciliationFailure,
    /// No data for too long.
    DataFeedFailure,
    /// No broker for too long.
    BrokerDisconnect,
    /// The account's equity could not be read.
    EquityFetchFailure,
    /// Orders behave in a way that nothing here explains.
    ExecutionAnomaly,
    /// A limit on positions is broken.
    PositionLimitBreach,
}

/// What a kill file says, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillRecord {
    /// Why, in words.
    pub reason: String,
    /// What pulled it; a manual record has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// When, if that could be read.
    pub activated_at: Option<Timestamp>,
    /// Who.
    pub activated_by: String,
    /// Further facts, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

impl KillRecord {
    /// Returns a new record of an activation at `at`.
    pub fn new(reason: &str, trigger: Trigger, at: Timestamp, by: &str) -> KillRecord {
        KillRecord {
            reason: reason.to_owned(),
            trigger: Some(trigger),
            activated_at: Some(at),
            activated_by: by.to_owned(),
            context: BTreeMap::new(),
        }
    }

    /// Reads what a kill file holds. It never fails: any content is a trip, and what cannot be read is missing from the record.
    ///
    /// The time is `activated_at` or `timestamp` and must carry its offset; without one it is no instant and gives no grace.
    ///
    /// ```
    /// use kobe_trade::kill::KillRecord;
    /// let record = KillRecord::read(b"stop it, strange fills");
    /// assert_eq!((record.reason.as_str(), record.activated_at), ("stop it, strange fills", None));
    /// ```
    pub fn read(bytes: &[u8]) -> KillRecord {
        let text = String::from_utf8_lossy(bytes);
        let Ok(Value::Object(map)) = serde_json::from_str::<Value>(&text) else {
            let words: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
            return KillRecord {
                reason: if words.is_empty() { "no reason given".to_owned() } else { words },
                trigger: None,
                activated_at: None,
                activated_by: "unknown".to_owned(),
                context: BTreeMap::new(),
            };
        };
        let word = |key: &str| map.get(key).map(plain);
        let instant = |key: &str| map.get(key).and_then(Value::as_str).and_then(|text| text.parse().ok());
        let times: Vec<Option<Timestamp>> =
            ["activated_at", "timestamp"].into_iter().filter(|key| map.contains_key(*key)).map(instant).collect();
        // Two keys that disagree: the earlier one counts; one that cannot be read spoils both.
        let activated_at = if times.contains(&None) { None } else { times.into_iter().flatten().min() };
        KillRecord {
            reason: word("reason").unwrap_or_else(|| "no reason given".to_owned()),
            trigger: map.get("trigger").and_then(|v| Trigger::deserialize(v).ok()),
            activated_at,
            activated_by: word("activated_by").unwrap_or_else(|| "unknown".to_owned()),
            context: match map.get("context") {
                Some(Value::Object(facts)) => facts.iter().map(|(k, v)| (k.clone(), plain(v))).collect(),
                _ => BTreeMap::new(),
            },
        }
    }
}

/// Text of a JSON value, without the quotes of a string.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the switch itself says now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillState {
    /// There is no file.
    Clear,
    /// There is one.
    Present(KillRecord),
    /// Nobody can tell (a directory of that name, an error, no clock): tripped, without grace.
    Unreadable(String),
}

/// What the ledger remembers of the switch: it survives a lost or rewritten file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillLedger {
    /// The trip in force.
    pub active: Option<Trip>,
    /// When an operator last re-armed.
    pub rearmed_at: Option<Timestamp>,
}

/// A trip in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// The record of the first activation; later ones change nothing but `again`.
    pub record: KillRecord,
    /// The earliest activation known, `None` where the first one gave no usable time.
    pub first: Option<Timestamp>,
    /// When the desk noticed.
    pub seen: Timestamp,
    /// How often it was tripped again while active.
    pub again: u32,
}

impl KillLedger {
    /// Books an activation that the desk notices at `seen`.
    pub fn trip(&mut self, record: &KillRecord, seen: Timestamp) {
        let usable = record.activated_at.filter(|at| *at <= seen);
        match &mut self.active {
            None => self.active = Some(Trip { record: record.clone(), first: usable, seen, again: 0 }),
            Some(trip) => {
                trip.again += 1;
                trip.first = match (trip.first, usable) {
                    (Some(first), Some(second)) => Some(first.min(second)),
                    (first, _) => first,
                };
            }
        }
    }

    /// Books an operator's re-arm.
    pub fn rearm(&mut self, at: Timestamp) {
        self.active = None;
        self.rearmed_at = Some(at);
    }
}

/// Whether an order passes the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kill", rename_all = "snake_case")]
pub enum KillAnswer {
    /// The switch is not pulled.
    Clear,
    /// Pulled, but this exit passes until the instant given.
    Grace {
        /// First activation + 60 s.
        until: Timestamp,
    },
    /// Not pulled any more, but only exits pass until the instant given, and this is an entry.
    Cooldown {
        /// Re-arm + 1 h.
        until: Timestamp,
    },
    /// Pulled: nothing passes.
    Killed {
        /// Why it was pulled.
        reason: String,
    },
}

impl KillAnswer {
    /// Returns whether the order passes.
    pub fn passes(&self) -> bool {
        matches!(self, KillAnswer::Clear | KillAnswer::Grace { .. })
    }

    /// Returns the name of the refusal, if it is one.
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            KillAnswer::Clear | KillAnswer::Grace { .. } => None,
            KillAnswer::Cooldown { .. } => Some("rearm_cooldown"),
            KillAnswer::Killed { .. } => Some("killed"),
        }
    }
}

impl fmt::Display for KillAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KillAnswer::Clear => f.write_str("not pulled"),
            KillAnswer::Grace { until } => write!(f, "pulled, exits pass until {until}"),
            KillAnswer::Cooldown { until } => write!(f, "re-armed, only exits pass until {until}"),
            KillAnswer::Killed { reason } => write!(f, "pulled: {reason}"),
        }
    }
}

/// Judges one order at `now`, from what the switch says and what the ledger remembers.
///
/// A trip that the ledger knows holds although the file is gone: only an operator's re-arm ends it.
pub fn judge(state: &KillState, ledger: &KillLedger, now: Timestamp, intent: Intent) -> KillAnswer {
    let reason = match (state, &ledger.active) {
        (KillState::Clear, None) => return after_rearm(ledger, now, intent),
        (_, Some(trip)) => trip.record.reason.clone(),
        (KillState::Present(record), None) => record.reason.clone(),
        (KillState::Unreadable(why), None) => format!("the kill switch cannot be read: {why}"),
    };
    match (intent, grace_until(state, ledger, now)) {
        (Intent::Exit, Some(until)) if now < until => KillAnswer::Grace { until },
        _ => KillAnswer::Killed { reason },
    }
}

fn after_rearm(ledger: &KillLedger, now: Timestamp, intent: Intent) -> KillAnswer {
    match ledger.rearmed_at {
        // A re-arm in the future is a clock that went back: unsafe, so the hour has not begun to pass.
        Some(at) if intent == Intent::Entry && now < at + COOLDOWN => KillAnswer::Cooldown { until: at + COOLDOWN },
        _ => KillAnswer::Clear,
    }
}

/// The end of the grace: the earliest activation + 60 s, or none where any source of it is unusable.
fn grace_until(state: &KillState, ledger: &KillLedger, now: Timestamp) -> Option<Timestamp> {
    let file = match state {
        KillState::Clear => None,
        KillState::Present(record) => Some(record.activated_at?),
        KillState::Unreadable(_) => return None,
    };
    let booked = match &ledger.active {
        Some(trip) => Some(trip.first?),
        None => None,
    };
    let first = [file, booked].into_iter().flatten().min()?;
    let latest = [file, booked].into_iter().flatten().max()?;
    if latest > now { None } else { Some(first + GRACE) }
}

#[cfg(test)]
mod tests;
