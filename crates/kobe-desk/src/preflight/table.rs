//! The table of checks: one row a question.
//!
//! Pure: each row judges [`Evidence`] and says what it saw. To add a check, add a row here, its line to `docs/operate/preflight.md`, and a way for it to fail to the tests.

use std::ops::RangeInclusive;

use jiff::ToSpan;
use kobe_calendar::Coverage;
use kobe_engine::watch::{HEARTBEAT, is_stale};
use kobe_trade::check::Ask;
use kobe_trade::money::Decimal;
use kobe_trade::policy::Endpoint;
use serde_json::Value;

use super::evidence::{AHEAD_DAYS, Evidence, LEAST_TRADES};
use super::{Check, Class, Status};
use crate::trading::universe::LEAST_VALID;

/// The parameters of the strategies as they were approved (frozen rules v2.6); see [`kobe_quant::setups::PARAMETERS`].
pub(super) const FROZEN: &str = "efd2606fe5a231057ecae8dd32f62ef5553c861ea01908ff5d35993a14a4b67d";
/// Free disk that entries need.
const LEAST_DISK: u64 = 5 << 30;
/// Free memory below which a person is told.
const LEAST_MEMORY: u64 = 256 << 20;
/// The clocks may differ by this much.
const MOST_SKEW_MS: u64 = 2_000;
/// What others read may be this old.
const OLDEST_DAYS: i64 = 30;
/// Calibration of the desk's own confidence outside of this is a fault of its judgement.
const CALIBRATION: RangeInclusive<f64> = 0.05..=0.95;
/// Predictions that hardly differ say nothing.
const LEAST_VARIANCE: f64 = 0.01;
/// From this share of losing trades on something is wrong.
const MOST_LOST: f64 = 0.80;

/// What a row says.
pub(super) enum Answer {
    /// It holds.
    Holds(String),
    /// It does not.
    Fails(String),
    /// Nobody can tell.
    Unavailable(String),
}

use Answer::{Fails, Holds, Unavailable};

impl Answer {
    fn when(holds: bool, detail: String) -> Answer {
        if holds { Holds(detail) } else { Fails(detail) }
    }

    fn on<T>(ask: &Ask<T>, judge: impl FnOnce(&T) -> Answer) -> Answer {
        match ask {
            Ask::Known(answer) => judge(answer),
            Ask::Unknown(why) | Ask::NotApplicable(why) => Unavailable(why.clone()),
        }
    }
}

/// One check: its name, what it may do, how it is judged, and what to do where it does not hold.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it may do.
    pub class: Class,
    ask: fn(&Evidence) -> Answer,
    /// What to do.
    pub remedy: &'static str,
}

impl Row {
    pub(super) fn judge(&self, evidence: &Evidence) -> Check {
        let (status, detail) = match (self.ask)(evidence) {
            Holds(detail) => (Status::Ok, detail),
            Fails(detail) => (Status::Failed, detail),
            Unavailable(detail) => (Status::Unavailable, detail),
        };
        let (name, class, remedy) = (self.name, self.class, self.remedy);
        Check { name, class, ok: status == Status::Ok, status, detail, remedy }
    }
}

const fn blocking(name: &'static str, ask: fn(&Evidence) -> Answer, remedy: &'static str) -> Row {
    Row { name, class: Class::Blocking, ask, remedy }
}

const fn warning(name: &'static str, ask: fn(&Evidence) -> Answer, remedy: &'static str) -> Row {
    Row { name, class: Class::Warning, ask, remedy }
}

const fn learning(name: &'static str, ask: fn(&Evidence) -> Answer, remedy: &'static str) -> Row {
    Row { name, class: Class::Learning, ask, remedy }
}

/// Every check, in the order in which a reader sees it.
#[rustfmt::skip]
pub const CHECKS: &[Row] = &[
    blocking("config", config, "run `kobe check`, reload the desk, and run the preflight again"),
    blocking("frozen_parameters", frozen, "build from the approved sources; a change of a parameter needs a new approval and a new pin"),
    blocking("environment", environment, "choose the embedded broker: no other provider is built in"),
    blocking("paper", paper, "start the default build with a paper endpoint"),
    blocking("kill_switch", kill_switch, "find out why it was pulled, then `kobe resume` with cause, fix and reason"),
    blocking("broker_account", |e| Answer::on(&e.account, |a| Holds(format!("cash {}, equity {}", a.cash, a.equity))),
        "see whether the broker answers, and whether the data has a price for every position"),
    blocking("broker_positions", |e| Answer::on(&e.held, |n| Holds(format!("{n} positions"))), "see whether the broker answers"),
    blocking("equity", |e| Answer::on(&e.account, |a| Answer::when(a.equity > Decimal::ZERO, a.equity.to_string())),
        "look at the account at the broker"),
    blocking("calendar", calendar, "install a build with newer calendar rules"),
    blocking("universe", |e| Answer::on(&e.universe, |t| Answer::when(t.counted > 0 && share(t.valid, t.counted) >= LEAST_VALID,
        format!("{} of {} symbols valid, at least {:.0} %", t.valid, t.counted, LEAST_VALID * 100.0))),
        "bring the data up to date; look into `universe_status` for the reason of each symbol"),
    blocking("bars", |e| Answer::on(&e.bars, |b| Answer::when(b.behind == 0,
        format!("the newest bar is of {}, the last session was {}, {} behind", b.newest, b.last_session, b.behind))),
        "bring the data up to date"),
    blocking("vix", |e| Answer::on(&e.vix, |v| Answer::when(v.value > 0.0, format!("{:.2}{}", v.value, if v.estimated { ", estimated" } else { "" }))),
        "bring the index and the VIX up to date"),
    blocking("reconciliation", |e| Answer::on(&e.mismatches, |m| Answer::when(m.is_empty(),
        if m.is_empty() { "books and broker agree".to_owned() } else { m.join("; ") })),
        "read `last_reconcile`, clear each mismatch at the broker or in the books, and reconcile again"),
    blocking("audit_chain", |e| Answer::on(&e.chain, |n| Holds(format!("{n} blocks"))), "run `kobe verify`; restore a backup if a block was changed"),
    blocking("database", |e| Answer::on(&e.database, |whole| Answer::when(*whole, if *whole { "whole" } else { "damaged" }.to_owned())),
        "stop the desk and restore the newest backup"),
    blocking("disk", |e| Answer::on(&e.disk, |free| Answer::when(*free > LEAST_DISK, format!("{} MiB free, more than {}", free >> 20, LEAST_DISK >> 20))),
        "make room on the disk of the state"),
    blocking("heartbeat", heartbeat, "see what holds the loop up with `kobe status`; restart it if it hangs"),
    blocking("clock_skew", |e| Answer::on(&e.skew, |ms| Answer::when(ms.unsigned_abs() <= MOST_SKEW_MS, format!("{ms} ms, at most {MOST_SKEW_MS}: {}", e.clock))),
        "set the clock, and let a time service keep it"),
    blocking("events", events, "install a build with a newer table of events"),
    blocking("instance_lock", |e| Answer::on(&e.lock, |held| Answer::when(*held, if *held { "no other instance has the state" } else { "another instance has the state" }.to_owned())),
        "stop the other instance, or run this on its own state"),
    blocking("budget", budget, "look at the entries of today with `kobe runs`; the budget returns at midnight New York"),
    blocking("stops", stops, "place the missing stop at the broker by hand, or sell the position"),

    warning("entries_closed", |e| Answer::when(e.blocks.is_empty(), if e.blocks.is_empty() { "by nothing".to_owned() } else { e.blocks.join("; ") }),
        "the function before the colon opens them when it succeeds"),
    warning("events_ending", events_ending, "install a build with a newer table of events before the day named"),
    warning("memory", |e| Answer::on(&e.memory, |free| Answer::when(*free >= LEAST_MEMORY, format!("{} MiB free, at least {}", free >> 20, LEAST_MEMORY >> 20))),
        "see what else uses the memory of this machine"),
    warning("earnings_source", |e| recent(e, "earnings_source"), "without it every entry is made at half size"),
    warning("news_source", |e| recent(e, "news_source"), "without it no headline stops an entry"),
    warning("models", |e| recent(e, "models"), "without models the score goes without its model part"),
    warning("llm_budget", |e| recent(e, "llm_budget"), "nothing uses a language model"),
    warning("metrics", |e| recent(e, "metrics"), "the metrics follow the first closed trades"),

    learning("episodes_readable", |e| recent(e, "episodes_readable"), "nothing is learned from decisions"),
    learning("calibration", |e| number(e, "calibration", "calibration", |x| CALIBRATION.contains(&x), "0.05 to 0.95"),
        "compare what was expected of trades with what came"),
    learning("losses", losses, "look at the losing trades before the next entry"),
    learning("losing_streak", |e| Answer::when(e.losses.in_a_row < LEAST_TRADES, format!("{} in a row, fewer than {LEAST_TRADES}", e.losses.in_a_row)),
        "look at the losing trades before the next entry"),
    learning("prediction_variance", |e| number(e, "prediction_variance", "variance", |x| x > LEAST_VARIANCE, "more than 0.01"),
        "a model that answers the same for everything is of no use: train it anew"),
    learning("models_load", |e| recent(e, "models_load"), "no model is asked"),
    learning("rules_readable", |e| recent(e, "rules_readable"), "no learned rule is applied"),
    learning("drift", |e| number(e, "drift", "position_scale", |x| x > 0.0, "more than 0"), "compare recent trades with the baseline"),
];

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

fn config(e: &Evidence) -> Answer {
    let short = |hash: &str| hash.get(..8).unwrap_or(hash).to_owned();
    let sound = e.config.len() == 64 && e.config.bytes().all(|b| b.is_ascii_hexdigit());
    match () {
        () if !sound => Fails(format!("`{}` is no hash of a desk that was read", e.config)),
        () if e.config != e.in_force => {
            Fails(format!("asked about {}, in force is {}", short(&e.config), short(&e.in_force)))
        }
        () => Holds(format!("{} is in force", short(&e.config))),
    }
}

fn frozen(e: &Evidence) -> Answer {
    let short = |hash: &str| hash.get(..16).unwrap_or(hash).to_owned();
    let detail = format!("the parameters hash to {}, {} is approved", short(&e.parameters), short(FROZEN));
    Answer::when(e.parameters == FROZEN, detail)
}

fn environment(e: &Evidence) -> Answer {
    match &e.endpoint {
        Endpoint::Embedded => Holds("the embedded broker and data from files ask for no variable".into()),
        Endpoint::Paper(host) => Unavailable(format!("what {host} asks for is not known to this build")),
    }
}

fn paper(e: &Evidence) -> Answer {
    let proved = e.paper_build && e.endpoint.is_paper();
    let place = match &e.endpoint {
        Endpoint::Embedded => "the embedded broker",
        Endpoint::Paper(host) => host,
    };
    let build = if e.paper_build { "this build trades on paper only" } else { "this build could trade live" };
    Answer::when(proved, format!("{build}, orders go to {place}"))
}

fn kill_switch(e: &Evidence) -> Answer {
    Answer::when(e.kill.passes(), e.kill.to_string())
}

fn calendar(e: &Evidence) -> Answer {
    let word = |coverage| match coverage {
        Coverage::Confirmed => "confirmed",
        Coverage::Projected => "projected from the standing rules",
        Coverage::Unknown => "not known before a sighting or a decree",
        Coverage::Refused => "not known",
    };
    let (today, ahead) = e.calendar;
    let known = !matches!(today, Coverage::Refused | Coverage::Unknown) && ahead != Coverage::Refused;
    Answer::when(known, format!("today {}, in {AHEAD_DAYS} days {}", word(today), word(ahead)))
}

fn heartbeat(e: &Evidence) -> Answer {
    Answer::on(&e.heartbeat, |beat| {
        let Some(beat) = beat else {
            // In a replay the turn that asks is the heartbeat; a desk that has just begun has not beaten yet.
            let age = e.at.duration_since(e.started);
            return if e.replay {
                Holds("this turn".into())
            } else {
                Answer::when(age <= HEARTBEAT, format!("none yet, {} s after the start", age.as_secs().max(0)))
            };
        };
        let age = e.at.duration_since(*beat);
        let detail = format!("{} s ago", age.as_secs());
        if *beat < e.started && e.at.duration_since(e.started) <= HEARTBEAT {
            return Holds(format!("{detail}, before this start; the loop has not turned yet"));
        }
        Answer::when(!is_stale(*beat, e.at), detail)
    })
}

fn events(e: &Evidence) -> Answer {
    let (from, to) = e.events;
    let detail = format!("the table speaks about {from} to {to}");
    if e.replay && !(from..=to).contains(&e.date) {
        return Holds(format!("{detail}; a replay passes outside of it"));
    }
    Answer::when((from..=to).contains(&e.date), detail)
}

fn events_ending(e: &Evidence) -> Answer {
    let (_, to) = e.events;
    Answer::when(e.replay || e.date.saturating_add(AHEAD_DAYS.days()) <= to, format!("the last event is of {to}"))
}

fn budget(e: &Evidence) -> Answer {
    Answer::on(&e.budget, |(day, limit)| {
        let detail = format!("{}: {} used of {limit}, {} entries", day.date, day.used(), day.entries);
        Answer::when(day.date == e.date && day.used() <= *limit, detail)
    })
}

fn stops(e: &Evidence) -> Answer {
    match (&e.stops.0, e.stops.1.as_slice()) {
        (n, []) => Holds(format!("{n} positions, each with a stop for all its shares")),
        (_, bare) => Fails(format!("no stop stands for all shares of {}", bare.join(", "))),
    }
}

fn losses(e: &Evidence) -> Answer {
    let (lost, trades) = (e.losses.lost, e.losses.trades);
    if trades < LEAST_TRADES {
        return Unavailable(format!("{trades} closed trades, {LEAST_TRADES} say something"));
    }
    let share = lost as f64 / trades as f64;
    Answer::when(share < MOST_LOST, format!("{lost} of the last {trades} trades lost"))
}

/// Looks whether what a function leaves is there and not too old.
fn recent(e: &Evidence, check: &str) -> Answer {
    read(e, check, |date, _| {
        let oldest = e.date.saturating_sub(OLDEST_DAYS.days());
        Answer::when(date >= oldest, format!("of {date}, at most {OLDEST_DAYS} days old"))
    })
}

/// Compares one number of what a function leaves.
fn number(e: &Evidence, check: &str, key: &str, holds: impl FnOnce(f64) -> bool, limit: &str) -> Answer {
    read(e, check, |date, body| match body[key].as_f64() {
        Some(x) => Answer::when(holds(x), format!("{key} {x} of {date}, {limit}")),
        None => Unavailable(format!("what was left on {date} has no number `{key}`")),
    })
}

fn read(e: &Evidence, check: &str, judge: impl FnOnce(jiff::civil::Date, &Value) -> Answer) -> Answer {
    match e.left.iter().find(|(name, _)| *name == check) {
        Some((_, left)) => Answer::on(&left.last, |(date, body)| judge(*date, body)),
        None => Unavailable("nobody looked".into()),
    }
}
