//! The postman: which alerts go out together, when, and through which channel.
//!
//! A pure machine: alerts and the answers of channels go in, messages and the numbers of what was told come out, with the instant at which to ask again. Its rules:
//!
//! - An alert is told when a channel has it; until then it is kept. Nothing is ever dropped. Without any channel the log is all there is, and what is there is told.
//! - Critical alerts go first, and at once if their kind was not told lately. Others wait two seconds for company. The more was told lately, the longer a message
//!   gathers, up to half a minute: a burst becomes a few messages whose counts are exact.
//! - Alerts of one cause go together. A recovery that comes before its alert was told becomes one line with it.
//! - A channel gets one message at a time, at most one a second and twenty a minute, none before the wait that it asked for is over.
//! - A channel that fails is tried again after 1, 2, 4 .. 60 seconds. One that refuses is broken: it holds nothing up any more, and is tried again after five minutes.
//! - What nobody has after its time (a minute for errors, ten for the rest) goes to the next channel as well.
//!
//! It keeps its own count of time, which stands still when the clock is set back. It knows neither what a channel is nor where alerts are stored. Start at
//! [`Postman::step`].

mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::redact::Redactor;
use super::{Alert, AlertKind, Severity};

pub use words::{LONGEST, line, lone};

/// The name under which alerts are told when there is no channel.
pub const LOG: &str = "log";

/// Between the answer to a message and the next message of a channel.
const GAP: SignedDuration = SignedDuration::from_secs(1);
/// So many messages of a channel in [`MINUTE`].
const PER_MINUTE: usize = 20;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// What was told within this time makes the next message gather for longer.
const LATELY: SignedDuration = SignedDuration::from_mins(10);
/// The longest wait between attempts of a channel that fails.
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_secs(60);
/// A wait that a channel asks for is believed up to this length.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);
/// Between attempts of a channel that refuses.
const WHILE_BROKEN: SignedDuration = SignedDuration::from_mins(5);
/// A channel that has not answered for this long hangs.
const HANGS_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// How long a message gathers, in seconds, by how many were told lately; the last one holds for all that follow.
const GATHER_CRITICAL: &[i64] = &[0, 1, 2, 4, 8, 15, 15, 15, 15, 15, 30];
const GATHER: &[i64] = &[2, 2, 2, 4, 8, 15, 15, 15, 15, 15, 30];

/// Returns for how long an alert may stay with the channels that have it before the next one gets it as well.
fn patience(severity: Severity) -> SignedDuration {
    match severity {
        Severity::Critical | Severity::Error => SignedDuration::from_secs(60),
        Severity::Warning | Severity::Info => SignedDuration::from_mins(10),
    }
}

/// Time since the postman began; it never goes back.
type Moment = SignedDuration;

/// What comes to the postman.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An alert that was not told yet; a number that is already known is not taken again.
    Alert {
        /// Its number.
        id: u64,
        /// What it says.
        alert: Alert,
    },
    /// What a channel made of a message.
    Answer {
        /// The place of the channel.
        way: usize,
        /// The number of the message; of one that the postman did not give out, only the time counts.
        parcel: u64,
        /// What it made of it.
        answer: Answer,
    },
    /// Nothing gathers any more: the desk is closing.
    Hurry,
}

/// What a channel made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The other side has it.
    Sent,
    /// Not now; the other side may have named a wait.
    Later {
        /// The wait, if one was named.
        after: Option<SignedDuration>,
        /// What happened.
        why: String,
    },
    /// Not before a person has mended the settings.
    Refused {
        /// What was said.
        why: String,
    },
}

/// A message that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The place of the channel.
    pub way: usize,
    /// Its number, to be named in the answer.
    pub parcel: u64,
    /// The loudest of what it tells.
    pub severity: Severity,
    /// Plain text, at most [`LONGEST`] UTF-16 units.
    pub text: String,
    /// The alerts that it tells of.
    pub ids: Vec<u64>,
}

/// Alerts that a channel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which channel.
    pub channel: String,
    /// Their numbers; each comes once.
    pub ids: Vec<u64>,
}

/// What is to be done after a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    /// What may be noted as told.
    pub told: Vec<Told>,
    /// What is to be sent.
    pub messages: Vec<Message>,
    /// What the log should know of the channels.
    pub notes: Vec<String>,
    /// When there is something to do without further input; always after this step.
    pub look_at: Option<Timestamp>,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Each channel, in the order of use; none means that alerts go to the log only.
    pub ways: Vec<WayStanding>,
    /// Alerts that no channel has yet.
    pub unsent: usize,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

impl Standing {
    /// Returns for how long the oldest alert has been waiting.
    pub fn oldest_age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.oldest.map(|since| now.duration_since(since).max(SignedDuration::ZERO))
    }
}

/// How a channel stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayStanding {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub state: WayState,
    /// When it last had a message.
    pub last_sent: Option<Timestamp>,
}

/// What is known of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayState {
    /// Nothing is wrong with it, as far as is known.
    Ok,
    /// It failed, or asked for a wait.
    Waiting {
        /// Nothing is sent before this instant.
        until: Timestamp,
        /// What happened.
        why: String,
    },
    /// It refuses: its settings need a person.
    Broken {
        /// It is not tried before this instant.
        until: Timestamp,
        /// What was said.
        why: String,
    },
    /// It has not answered yet.
    Hanging {
        /// When it got the message.
        since: Timestamp,
    },
}

/// An alert that no channel has yet.
#[derive(Debug)]
struct Item {
    alert: Alert,
    /// Characters that were cut off its detail.
    cut: usize,
    arrived: Moment,
    /// When it became true, but never later than it came.
    since: Moment,
}

#[derive(Debug)]
enum Trouble {
    Failing(String),
    Broken(String),
}

#[derive(Debug)]
struct Parcel {
    number: u64,
    ids: Vec<u64>,
    since: Moment,
}

/// A channel, as the postman sees it.
#[derive(Debug)]
struct Way {
    name: String,
    parcel: Option<Parcel>,
    /// When the last messages were answered, however; at most [`PER_MINUTE`].
    answered: VecDeque<Moment>,
    /// When messages were told lately.
    told: VecDeque<Moment>,
    /// When a critical alert of a kind was last told.
    kinds: BTreeMap<AlertKind, Moment>,
    failures: u32,
    not_before: Moment,
    trouble: Option<Trouble>,
}

impl Way {
    fn new(name: String) -> Way {
        Way {
            name,
            parcel: None,
            answered: VecDeque::new(),
            told: VecDeque::new(),
            kinds: BTreeMap::new(),
            failures: 0,
            not_before: Moment::ZERO,
            trouble: None,
        }
    }

    fn is_broken(&self) -> bool {
        matches!(self.trouble, Some(Trouble::Broken(_)))
    }

    /// Returns from when on it may get a message.
    fn free_from(&self) -> Moment {
        let gap = self.answered.back().map_or(Moment::ZERO, |last| *last + GAP);
        let minute = match self.answered.len() {
            PER_MINUTE => self.answered[0] + MINUTE,
            _ => Moment::ZERO,
        };
        self.not_before.max(gap).max(minute)
    }

    /// Returns for how long a message about an alert gathers.
    fn gathers(&self, alert: &Alert, now: Moment) -> SignedDuration {
        let lately = |at: &Moment| now - *at < LATELY;
        let steps = if alert.severity == Severity::Critical {
            // What was not told lately may be a new misfortune in the middle of another.
            if !self.kinds.get(&alert.kind).is_some_and(lately) {
                return SignedDuration::ZERO;
            }
            GATHER_CRITICAL
        } else {
            GATHER
        };
        let told = self.told.iter().filter(|at| lately(at)).count();
        SignedDuration::from_secs(steps[told.min(steps.len() - 1)])
    }
}

/// Decides what is told when.
#[derive(Debug)]
pub struct Postman {
    ways: Vec<Way>,
    zone: TimeZone,
    redactor: Redactor,
    items: BTreeMap<u64, Item>,
    parcels: u64,
    hurry: bool,
    /// The clock as it was last seen, and the own count of time at it.
    seen: Timestamp,
    now: Moment,
}

impl Postman {
    /// Begins with the names of channels in the order of use, the zone in which times are told, and what nobody may see.
    pub fn new(channels: Vec<String>, zone: TimeZone, redactor: Redactor, now: Timestamp) -> Postman {
        Postman {
            ways: channels.into_iter().map(Way::new).collect(),
            zone,
            redactor,
            items: BTreeMap::new(),
            parcels: 0,
            hurry: false,
            seen: now,
            now: Moment::ZERO,
        }
    }

    /// Takes what came, and says what is to be done now.
    pub fn step(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>) -> Round {
        self.now += now.duration_since(self.seen).max(SignedDuration::ZERO);
        self.seen = now;
        let mut round = Round::default();
        for input in inputs {
            match input {
                Input::Alert { id, alert } => self.take(id, alert),
                Input::Answer { way, parcel, answer } => self.hear(way, parcel, answer, &mut round),
                Input::Hurry => self.hurry = true,
            }
        }
        if self.ways.is_empty() && !self.items.is_empty() {
            let ids = std::mem::take(&mut self.items).into_keys().collect();
            round.told.push(Told { channel: LOG.into(), ids });
        }
        round.messages = (0..self.ways.len()).filter_map(|way| self.give(way)).collect();
        round.look_at = self.next_look().map(|at| self.on_the_clock(at));
        round
    }

    /// Tells whether an alert is here and was not told yet.
    pub fn holds(&self, id: u64) -> bool {
        self.items.contains_key(&id)
    }

    /// Returns how it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            ways: self.ways.iter().map(|way| self.standing_of(way)).collect(),
            unsent: self.items.len(),
            oldest: self.items.values().map(|item| item.since).min().map(|at| self.on_the_clock(at)),
        }
    }

    fn standing_of(&self, way: &Way) -> WayStanding {
        let until = self.on_the_clock(way.free_from());
        let hanging = way.parcel.as_ref().filter(|p| self.now - p.since >= HANGS_AFTER);
        let state = match (&way.trouble, hanging) {
            (Some(Trouble::Broken(why)), _) => WayState::Broken { until, why: why.clone() },
            (_, Some(parcel)) => WayState::Hanging { since: self.on_the_clock(parcel.since) },
            (Some(Trouble::Failing(why)), None) => WayState::Waiting { until, why: why.clone() },
            (None, None) => WayState::Ok,
        };
        let last_sent = way.told.back().map(|at| self.on_the_clock(*at));
        WayStanding { name: way.name.clone(), state, last_sent }
    }

    fn on_the_clock(&self, at: Moment) -> Timestamp {
        let ahead = at - self.now;
        self.seen.checked_add(ahead).unwrap_or(if ahead.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
    }

    fn take(&mut self, id: u64, alert: Alert) {
        let age = self.seen.duration_since(alert.at).clamp(SignedDuration::ZERO, LONGEST_WAIT);
        let (alert, cut) = words::prepare(alert, &self.redactor);
        self.items.entry(id).or_insert(Item { alert, cut, arrived: self.now, since: self.now - age });
    }

    fn hear(&mut self, way: usize, parcel: u64, answer: Answer, round: &mut Round) {
        let now = self.now;
        let Some(way) = self.ways.get_mut(way) else { return };
        if way.answered.len() == PER_MINUTE {
            way.answered.pop_front();
        }
        way.answered.push_back(now);
        let Some(parcel) = way.parcel.take_if(|p| p.number == parcel) else { return };
        match answer {
            Answer::Sent => {
                if way.trouble.take().is_some() {
                    round.notes.push(format!("alerts: {} answers again", way.name));
                }
                (way.failures, way.not_before) = (0, Moment::ZERO);
                way.told.retain(|at| now - *at < LATELY);
                way.told.push_back(now);
                let mut ids = Vec::new();
                for id in parcel.ids {
                    // Another channel may have told it in the meantime.
                    let Some(item) = self.items.remove(&id) else { continue };
                    if item.alert.severity == Severity::Critical {
                        way.kinds.insert(item.alert.kind, now);
                    }
                    ids.push(id);
                }
                if !ids.is_empty() {
                    round.told.push(Told { channel: way.name.clone(), ids });
                }
            }
            Answer::Later { after, why } => {
                let backoff = SignedDuration::from_secs(1 << way.failures.min(6)).min(LONGEST_BACKOFF);
                way.failures = way.failures.saturating_add(1);
                way.not_before = now + after.unwrap_or(backoff).clamp(SignedDuration::ZERO, LONGEST_WAIT);
                if way.trouble.is_none() {
                    round.notes.push(format!("alerts: {} does not take them now: {why}", way.name));
                }
                // One that was broken and fails otherwise is not proved to be well.
                way.trouble = Some(match way.trouble {
                    Some(Trouble::Broken(_)) => Trouble::Broken(why),
                    _ => Trouble::Failing(why),
                });
                if way.is_broken() {
                    way.not_before = way.not_before.max(now + WHILE_BROKEN);
                }
            }
            Answer::Refused { why } => {
                way.not_before = now + WHILE_BROKEN;
                if !way.is_broken() {
                    round.notes.push(format!("alerts: {} refuses them: {why}", way.name));
                }
                way.trouble = Some(Trouble::Broken(why));
            }
        }
    }

    /// Returns from when on an alert may go through a channel: at once through the first, later through each further one. A channel that is broken holds nothing up.
    fn due_at(&self, item: &Item, way: usize) -> Moment {
        match self.ways[..way].iter().filter(|w| !w.is_broken()).count() {
            0 => item.arrived,
            rank => item.arrived.max(item.since + patience(item.alert.severity) * rank as i32),
        }
    }

    /// Returns when an alert must go through a channel; until then it gathers.
    fn ripe_at(&self, item: &Item, way: usize) -> Moment {
        let gathers = if self.hurry { SignedDuration::ZERO } else { self.ways[way].gathers(&item.alert, self.now) };
        self.due_at(item, way) + gathers
    }

    /// Makes the next message of a channel, if one may and must go now.
    fn give(&mut self, way: usize) -> Option<Message> {
        if self.ways[way].parcel.is_some() || self.ways[way].free_from() > self.now {
            return None;
        }
        let ripe = |item: &&Item| self.ripe_at(item, way) <= self.now;
        let loudest = self.items.values().filter(ripe).map(|item| item.alert.severity).max()?;
        let critical_only = loudest == Severity::Critical;
        let chosen = self.items.values().filter(|item| {
            self.due_at(item, way) <= self.now && (!critical_only || item.alert.severity == Severity::Critical)
        });
        let causes: BTreeSet<&str> = chosen.map(|item| item.alert.cause.as_str()).collect();
        let along: Vec<(&u64, &Item)> =
            self.items.iter().filter(|(_, item)| causes.contains(item.alert.cause.as_str())).collect();
        let alerts: Vec<words::Shown<'_>> =
            along.iter().map(|(_, item)| words::Shown { alert: &item.alert, cut: item.cut }).collect();
        let text = words::compose(&alerts, &self.zone);
        let severity = alerts.iter().map(|shown| shown.alert.severity).max()?;
        let ids: Vec<u64> = along.iter().map(|(id, _)| **id).collect();
        self.parcels += 1;
        self.ways[way].parcel = Some(Parcel { number: self.parcels, ids: ids.clone(), since: self.now });
        Some(Message { way, parcel: self.parcels, severity, text, ids })
    }

    /// Returns when a channel that has nothing under way will have something to send, or a channel begins to hang.
    fn next_look(&self) -> Option<Moment> {
        let sends = (0..self.ways.len()).filter(|way| self.ways[*way].parcel.is_none()).filter_map(|way| {
            let ripe = self.items.values().map(|item| self.ripe_at(item, way)).min()?;
            Some(ripe.max(self.ways[way].free_from()))
        });
        let hangs = self.ways.iter().filter_map(|way| Some(way.parcel.as_ref()?.since + HANGS_AFTER));
        sends.chain(hangs).filter(|at| *at > self.now).min()
    }
}
