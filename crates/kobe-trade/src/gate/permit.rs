//! Permits: the token without which a broker takes no order.

use jiff::Timestamp;

use super::{Ruling, SevenCase, kill_ruling, policy_verdict, seven_gates};
use crate::book::Book;
use crate::check::{Ask, Check};
use crate::id::{ClientId, DecisionId, Side, Symbol};
use crate::kill::{self, KillState};
use crate::money::{self, Decimal};
use crate::order::{Intent, Order, OrderState};
use crate::policy::Endpoint;
use crate::zone::ZoneAnswer;

/// Leave to send one order once: made by [`permit`] and by nothing else, used up by the broker.
///
/// It has no public constructor, is not `Clone` and cannot be read from a file:
///
/// ```compile_fail
/// use kobe_trade::gate::Permit;
/// let forged = Permit { qty: 100 };
/// ```
/// ```compile_fail
/// fn twice(permit: kobe_trade::gate::Permit) -> [kobe_trade::gate::Permit; 2] { [permit.clone(), permit] }
/// ```
/// ```compile_fail
/// let read: kobe_trade::gate::Permit = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not used up sends nothing"]
pub struct Permit {
    decision: DecisionId,
    client: ClientId,
    intent: Intent,
    symbol: Symbol,
    side: Side,
    qty: u64,
    limit: Option<Decimal>,
    issued_at: Timestamp,
    gates: Vec<Check>,
}

impl Permit {
    /// Returns the decision that may be carried out.
    pub fn decision(&self) -> &DecisionId {
        &self.decision
    }

    /// Returns the id under which the broker must know the order.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns whether it opens or reduces exposure.
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// Returns the symbol that may be traded.
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// Returns the side that may be traded.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Returns the most shares that may be traded.
    pub fn qty(&self) -> u64 {
        self.qty
    }

    /// Returns the limit price of an entry.
    pub fn limit(&self) -> Option<Decimal> {
        self.limit
    }

    /// Returns when the permit was made.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Returns the answers of the seven documented gates at that moment.
    pub fn gates(&self) -> &[Check] {
        &self.gates
    }

    /// Returns whether the permit is for this very order as it stands; a broker refuses every other one.
    pub fn covers(&self, order: &Order) -> bool {
        let ticket = &order.ticket;
        self.decision == ticket.decision
            && self.client == order.client()
            && self.intent == ticket.intent
            && self.symbol == ticket.symbol
            && self.side == ticket.side
            && self.qty == order.rest()
            && self.limit == ticket.limit
    }
}

/// What is read immediately before the send, never earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendCase {
    /// Now.
    pub at: Timestamp,
    /// The kill switch, read for this order.
    pub switch: KillState,
    /// When it was read; older than a second refuses.
    pub read_at: Timestamp,
    /// The zone at `at`.
    pub zone: Ask<ZoneAnswer>,
    /// Where the order goes.
    pub endpoint: Endpoint,
}

/// Why no permit was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no permit for {decision}: {reason}")]
pub struct Refused {
    /// The decision that stays unsent.
    pub decision: DecisionId,
    /// The first refusal.
    pub reason: String,
    /// Every check that was made.
    pub checks: Vec<Check>,
}

/// Gives leave to send a stored intent, from what is read immediately before the send.
///
/// The intent must stand in the books as pending (or as replaced, for the rest of an entry): an order that is not stored cannot leave.
///
/// # Errors
/// [`Refused`] with every check. The caller books the order as cancelled, which releases its budget.
pub fn permit(book: &Book, decision: &DecisionId, send: &SendCase) -> Result<Permit, Refused> {
    let refused = |reason: String, checks: Vec<Check>| Err(Refused { decision: decision.clone(), reason, checks });
    let Some(order) = book.order(decision) else {
        return refused("intent_not_stored".to_owned(), Vec::new());
    };
    let ticket = &order.ticket;
    let intent = ticket.intent;
    let kill = kill::judge(&send.switch, book.kill(), send.at, intent);
    let rest = order.rest();
    let notional = ticket.limit.map(|limit| money::count(rest) * limit);
    let policy = match (intent, notional) {
        (Intent::Exit, _) => Ok("an exit uses no budget".to_owned()),
        (Intent::Entry, None) => Err("invalid_price_or_qty".to_owned()),
        (Intent::Entry, Some(notional)) => {
            // The order's own reservation is part of what the day has used.
            let others = book.budget_on(ticket.day).used() - order.reserved();
            policy_verdict(ticket.mode, notional, others)
        }
    };
    let mut checks = seven_gates(&SevenCase {
        at: send.at,
        intent,
        switch: &send.switch,
        read_at: send.read_at,
        kill: &kill,
        endpoint: &send.endpoint,
        policy,
    });
    checks.push(kill_ruling(&kill).write("D1", "kill", "killed"));
    let mode = Ruling::holds(send.endpoint.mode() == ticket.mode, ticket.mode.to_string());
    checks.push(mode.write("D1", "policy_mode", "policy_mode"));
    let zone = Ruling::must(&send.zone, |zone| {
        let open = match intent {
            Intent::Entry => zone.entries,
            Intent::Exit => zone.exits,
        };
        if zone.at == send.at {
            Ruling::holds(open, format!("{}: {}", zone.zone, zone.reason))
        } else {
            Ruling::Unknown(format!("asked at {}, sent at {}", zone.at, send.at))
        }
    });
    checks.push(zone.write("D2", "zone", "kill_zone"));
    let valid = rest >= 1 && ticket.limit.is_none_or(|limit| limit > Decimal::ZERO);
    checks.push(Ruling::holds(valid, format!("{rest} shares")).write("D10", "price_and_qty", "invalid_price_or_qty"));
    let sendable = matches!((order.state, intent), (OrderState::Pending, _) | (OrderState::Replaced, Intent::Entry));
    checks.push(Ruling::holds(sendable, order.state.to_string()).write("F1", "order_state", "already_sent"));
    let shares = match (intent, ticket.side) {
        (Intent::Entry, Side::Buy) => {
            let own = book.position(&ticket.symbol).is_none_or(|held| held.decision == ticket.decision);
            Ruling::holds(own, "one position a symbol".to_owned())
        }
        (Intent::Exit, Side::Sell) => {
            let held = ticket.position.as_ref().and_then(|id| book.position_by_id(id)).map_or(0, |p| p.qty);
            Ruling::holds(rest <= held, format!("{rest} of {held} held"))
        }
        (Intent::Entry, Side::Sell) | (Intent::Exit, Side::Buy) => {
            Ruling::RefuseAs("shorts_disabled".to_owned(), ticket.side.to_string())
        }
    };
    checks.push(shares.write("F9", "shares", "exceeds_position"));
    match checks.iter().find(|check| !check.holds()) {
        Some(bad) => refused(bad.reason.clone().unwrap_or_else(|| bad.name.clone()), checks),
        None => Ok(Permit {
            decision: decision.clone(),
            client: order.client(),
            intent,
            symbol: ticket.symbol.clone(),
            side: ticket.side,
            qty: rest,
            limit: ticket.limit,
            issued_at: send.at,
            gates: checks.into_iter().filter(|check| check.rule.starts_with('G')).collect(),
        }),
    }
}
