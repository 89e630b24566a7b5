//! The gates: may this order be sent?
//!
//! Three questions, in this order. [`judge_entry`] and [`judge_exit`] answer a case with every check they made; the first refusal is the reason. What is
//! admitted becomes a [`Ticket`], which the books store as an intent. Then, immediately before the send, [`permit`] asks again what may have changed
//! meanwhile (kill switch, zone, limits) about an intent that is stored, and only it can make a [`Permit`]; the broker takes nothing else. The list of the
//! entry gates is the table of `gate/table.rs`. Reads no clock and no file: the caller brings the readings. Start at [`judge_entry`].

mod entry;
mod permit;
mod table;

pub use entry::{EntryGate, entry_gates, judge_entry};
pub use permit::{Permit, Refused, SendCase, permit};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::{EntryCase, ExitCase};
use crate::check::{Ask, Check, Outcome};
use crate::id::{DecisionId, PacketId, Side};
use crate::kill::{KillAnswer, KillState};
use crate::money::Decimal;
use crate::order::{Intent, Ticket};
use crate::policy::{APPROVE_LIVE_ACTION, Endpoint, LIVE_TRADING_ENABLED, PAPER_ONLY};
use crate::size::Sizing;

/// What the gates answered about one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Every check, in order, also those after the first refusal.
    pub checks: Vec<Check>,
    /// The name of the first refusal; `None` admits.
    pub refusal: Option<String>,
    /// How many shares, and why; `None` where nothing could be sized.
    pub sizing: Option<Sizing>,
}

impl Judgement {
    fn of(checks: Vec<Check>, sizing: Option<Sizing>) -> Judgement {
        let refusal = checks.iter().find(|check| !check.holds()).map(|check| {
            // A refusal always carries its name; the check's own name stands in should one ever not.
            check.reason.clone().unwrap_or_else(|| check.name.clone())
        });
        Judgement { checks, refusal, sizing }
    }

    /// Returns whether the case is admitted.
    pub fn admits(&self) -> bool {
        self.refusal.is_none()
    }

    /// Returns the ticket of an admitted entry: the intent to store. `None` where the gates refused.
    pub fn entry_ticket(&self, case: &EntryCase, packet: PacketId, gates: Vec<Check>) -> Option<Ticket> {
        let (Some(sizing), Ask::Known(size), true) = (&self.sizing, &case.size, self.admits()) else { return None };
        Some(Ticket {
            decision: DecisionId::entry(case.day, &case.symbol, case.side),
            packet,
            intent: Intent::Entry,
            day: case.day,
            created: case.at,
            symbol: case.symbol.clone(),
            side: case.side,
            qty: sizing.qty,
            limit: Some(size.limit),
            strategy: case.strategy,
            distance: Some(crate::size::stop_distance(size.distance, size.limit)),
            position: None,
            reason: None,
            mode: case.mode,
            gates,
        })
    }

    /// Returns the ticket of an admitted exit. `None` where the gates refused.
    pub fn exit_ticket(&self, case: &ExitCase, packet: PacketId, gates: Vec<Check>) -> Option<Ticket> {
        self.admits().then(|| Ticket {
            decision: case.decision.clone(),
            packet,
            intent: Intent::Exit,
            day: case.day,
            created: case.at,
            symbol: case.symbol.clone(),
            side: Side::Sell,
            qty: case.qty,
            limit: None,
            strategy: case.strategy,
            distance: None,
            position: Some(case.position.clone()),
            reason: Some(case.reason),
            mode: case.mode,
            gates,
        })
    }
}

/// How one question came out, before it is written down.
enum Ruling {
    Pass(String),
    Note(String, String),
    Refuse(String),
    RefuseAs(String, String),
    Unknown(String),
    NotApplicable(String),
}

impl Ruling {
    fn holds(ok: bool, numbers: String) -> Ruling {
        if ok { Ruling::Pass(numbers) } else { Ruling::Refuse(numbers) }
    }

    /// Rules on what is known; unknown and not applicable pass through.
    fn on<T>(ask: &Ask<T>, rule: impl FnOnce(&T) -> Ruling) -> Ruling {
        match ask {
            Ask::Known(answer) => rule(answer),
            Ask::Unknown(why) => Ruling::Unknown(why.clone()),
            Ask::NotApplicable(why) => Ruling::NotApplicable(why.clone()),
        }
    }

    /// A question that always has a meaning: "not applicable" is no answer to it.
    fn must<T>(ask: &Ask<T>, rule: impl FnOnce(&T) -> Ruling) -> Ruling {
        match Ruling::on(ask, rule) {
            Ruling::NotApplicable(why) => Ruling::Unknown(why),
            ruling => ruling,
        }
    }

    fn write(self, rule: &str, name: &str, refusal: &str) -> Check {
        let (outcome, reason, numbers) = match self {
            Ruling::Pass(numbers) => (Outcome::Pass, None, numbers),
            Ruling::Note(note, numbers) => (Outcome::Pass, Some(note), numbers),
            Ruling::Refuse(numbers) => (Outcome::Refuse, Some(refusal.to_owned()), numbers),
            Ruling::RefuseAs(refusal, numbers) => (Outcome::Refuse, Some(refusal), numbers),
            Ruling::Unknown(why) => (Outcome::Refuse, Some(format!("{name}_unknown")), why),
            Ruling::NotApplicable(why) => (Outcome::NotApplicable, Some(why), String::new()),
        };
        Check { rule: rule.to_owned(), name: name.to_owned(), outcome, reason, numbers }
    }
}

fn kill_ruling(answer: &KillAnswer) -> Ruling {
    match answer.refusal() {
        Some(refusal) => Ruling::RefuseAs(refusal.to_owned(), answer.to_string()),
        None => Ruling::Pass(answer.to_string()),
    }
}

fn paper_ruling(endpoint: &Ask<Endpoint>) -> Ruling {
    Ruling::must(endpoint, |endpoint| {
        Ruling::holds(PAPER_ONLY && !LIVE_TRADING_ENABLED && endpoint.is_paper(), format!("{endpoint:?}"))
    })
}

/// Judges one exit. Exits pass in every zone of an open market, and for a minute after the kill switch.
pub fn judge_exit(case: &ExitCase) -> Judgement {
    let zone = Ruling::must(&case.zone, |zone| {
        if zone.at != case.at {
            return Ruling::Unknown(format!("the zone was asked at {}, the exit is judged at {}", zone.at, case.at));
        }
        Ruling::holds(zone.exits, format!("{}: {}", zone.zone, zone.reason))
    });
    let quote = match &case.quote {
        Ask::Known(quote) => Ruling::holds(case.replay || !quote.is_replay(), quote.source.clone()),
        // An exit does not wait for a quote: less exposure is safer than none known.
        Ask::Unknown(why) | Ask::NotApplicable(why) => Ruling::Note("no_quote".to_owned(), why.clone()),
    };
    let shares = Ruling::must(&case.free, |free| {
        Ruling::holds((1..=*free).contains(&case.qty), format!("{} of {free} shares that are free", case.qty))
    });
    let checks = vec![
        kill_ruling(&case.kill).write("D1", "kill", "killed"),
        paper_ruling(&case.endpoint).write("D1", "endpoint", "endpoint_not_paper"),
        zone.write("D2", "zone", "market_closed"),
        quote.write("D4", "quote_source", "replay_quote"),
        shares.write("F9", "shares", "exceeds_position"),
    ];
    Judgement::of(checks, None)
}

/// What the seven documented gates look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SevenCase<'a> {
    /// When they are judged.
    pub at: Timestamp,
    /// What the order does.
    pub intent: Intent,
    /// The switch, read for this order.
    pub switch: &'a KillState,
    /// When it was read.
    pub read_at: Timestamp,
    /// The verdict on it, for this intent.
    pub kill: &'a KillAnswer,
    /// Where the order goes.
    pub endpoint: &'a Endpoint,
    /// Dollars of the order against the policy of the mode: `Err` names the refusal.
    pub policy: Result<String, String>,
}

/// Answers the seven documented gates (G1 to G7); they stand on every order record and all must hold.
pub fn seven_gates(case: &SevenCase<'_>) -> Vec<Check> {
    let age = case.at.duration_since(case.read_at).as_millis();
    let word = match case.intent {
        Intent::Entry => "entry",
        Intent::Exit => "exit",
    };
    let file = match (case.switch, case.kill) {
        (KillState::Clear, KillAnswer::Clear) => Ruling::Pass("no kill file".to_owned()),
        (_, KillAnswer::Grace { until }) => {
            Ruling::Note("exit_grace".to_owned(), format!("pulled, exits pass until {until}"))
        }
        (_, answer) => match answer.refusal() {
            Some(refusal) => Ruling::RefuseAs(refusal.to_owned(), answer.to_string()),
            None => Ruling::Refuse("a kill file is present".to_owned()),
        },
    };
    let policy = match &case.policy {
        Ok(numbers) => Ruling::Pass(numbers.clone()),
        Err(refusal) => Ruling::RefuseAs(refusal.clone(), String::new()),
    };
    vec![
        Ruling::holds(PAPER_ONLY && case.endpoint.is_paper(), format!("{:?}", case.endpoint)).write(
            "G1",
            "paper_only",
            "not_paper",
        ),
        Ruling::holds(!LIVE_TRADING_ENABLED, "no live path in this build".to_owned()).write(
            "G2",
            "live_disabled",
            "live_enabled",
        ),
        Ruling::holds((0..=1_000).contains(&age), format!("the switch was read {age} ms before")).write(
            "G3",
            "kill_mechanism",
            "kill_reading_stale",
        ),
        Ruling::holds(!APPROVE_LIVE_ACTION, "research proposes, never applies".to_owned()).write(
            "G4",
            "approve_live_action",
            "live_action_approved",
        ),
        file.write("G5", "kill_file", "killed"),
        policy.write("G6", "policy", "policy"),
        Ruling::Pass(format!("asked for an {word}")).write("G7", "kill_intent", "killed"),
    ]
}

/// Judges the dollars of an entry against its mode. Equality passes.
///
/// # Errors
/// The name of the refusal.
pub fn policy_verdict(mode: crate::policy::PolicyMode, order: Decimal, used: Decimal) -> Result<String, String> {
    let limits = mode.limits();
    if order > limits.per_order {
        return Err("exceeds_per_order_budget".to_owned());
    }
    if used + order > limits.per_day {
        return Err("exceeds_daily_budget".to_owned());
    }
    Ok(format!("{mode}: {order} of {} an order, {} of {} a day", limits.per_order, used + order, limits.per_day))
}

#[cfg(test)]
mod tests;
