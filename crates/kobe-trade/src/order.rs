//! Orders: the life of one decision at the broker.
//!
//! An order is born pending (its intent is stored), is submitted, and ends filled, cancelled, rejected or expired, then closed. All moves stand in one
//! table, [`next`]; any other move is an error that changes nothing. Fills are cumulative, never exceed the quantity, and a fill that comes after the end
//! is still booked, as an incident. Sends nothing, reads no clock. Start at [`next`].

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::id::{ClientId, DecisionId, PacketId, PositionId, Side, Symbol};
use crate::money::{self, Decimal};
use crate::policy::PolicyMode;
use kobe_quant::Strategy;

/// What an order does to the exposure. Every layer is told, since an exit may pass where an entry may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Opens or adds exposure.
    Entry,
    /// Only reduces exposure.
    Exit,
}

/// Why a position is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The protective stop at the broker.
    Stop,
    /// The exit level of the strategy's indicators.
    Indicator,
    /// The strategy's limit of sessions.
    Time,
    /// An operator's wish.
    Operator,
}

impl ExitReason {
    /// Returns the word of the trade log.
    pub fn name(self) -> &'static str {
        match self {
            ExitReason::Stop => "stop",
            ExitReason::Indicator => "indicator",
            ExitReason::Time => "time",
            ExitReason::Operator => "operator",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExitReason {
    type Err = String;
    fn from_str(text: &str) -> Result<ExitReason, String> {
        [ExitReason::Stop, ExitReason::Indicator, ExitReason::Time, ExitReason::Operator]
            .into_iter()
            .find(|reason| reason.name() == text)
            .ok_or_else(|| format!("`{text}` is no exit reason: stop, indicator, time or operator"))
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// The intent is stored, nothing was sent.
    Pending,
    /// The broker has it.
    Submitted,
    /// Some shares are filled.
    PartiallyFilled,
    /// All shares are filled.
    Filled,
    /// Withdrawn, by us or by the broker.
    Cancelled,
    /// Refused by the broker.
    Rejected,
    /// Ended by its time in force.
    Expired,
    /// Withdrawn in favour of an order for the rest.
    Replaced,
    /// Done and booked.
    Closed,
}

impl OrderState {
    /// All states, in the order of an order's life.
    pub const ALL: [OrderState; 9] = [
        OrderState::Pending,
        OrderState::Submitted,
        OrderState::PartiallyFilled,
        OrderState::Filled,
        OrderState::Cancelled,
        OrderState::Rejected,
        OrderState::Expired,
        OrderState::Replaced,
        OrderState::Closed,
    ];

    /// Returns whether the broker may still fill the order in the ordinary way.
    pub fn is_open(self) -> bool {
        matches!(self, OrderState::Pending | OrderState::Submitted | OrderState::PartiallyFilled | OrderState::Replaced)
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            OrderState::Pending => "PENDING",
            OrderState::Submitted => "SUBMITTED",
            OrderState::PartiallyFilled => "PARTIALLY_FILLED",
            OrderState::Filled => "FILLED",
            OrderState::Cancelled => "CANCELLED",
            OrderState::Rejected => "REJECTED",
            OrderState::Expired => "EXPIRED",
            OrderState::Replaced => "REPLACED",
            OrderState::Closed => "CLOSED",
        })
    }
}

/// What may happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// It is sent.
    Submit,
    /// More shares fill, some remain.
    PartFill,
    /// The last shares fill.
    Fill,
    /// It is withdrawn.
    Cancel,
    /// The broker refuses it.
    Reject,
    /// Its time in force is over.
    Expire,
    /// It is withdrawn in favour of an order for the rest.
    Replace,
    /// It is booked and done.
    Close,
}

impl Move {
    /// All moves.
    pub const ALL: [Move; 8] = [
        Move::Submit,
        Move::PartFill,
        Move::Fill,
        Move::Cancel,
        Move::Reject,
        Move::Expire,
        Move::Replace,
        Move::Close,
    ];
}

/// Returns the state after a move, or `None` where the move is illegal. This match is the whole life of an order.
///
/// ```
/// use kobe_trade::order::{Move, OrderState::*, next};
/// assert_eq!(next(Pending, Move::Submit), Some(Submitted));
/// assert_eq!(next(PartiallyFilled, Move::PartFill), Some(PartiallyFilled), "a later partial adds to the total");
/// assert_eq!(next(Filled, Move::Cancel), None, "what is filled is filled");
/// ```
pub fn next(state: OrderState, step: Move) -> Option<OrderState> {
    use OrderState::{Cancelled, Closed, Expired, Filled, PartiallyFilled, Pending, Rejected, Replaced, Submitted};
    match (state, step) {
        (Pending, Move::Submit) => Some(Submitted),
        (Pending, Move::Cancel) => Some(Cancelled),
        (Pending, Move::Reject) => Some(Rejected),

        (Submitted, Move::PartFill) => Some(PartiallyFilled),
        (Submitted, Move::Fill) => Some(Filled),
        (Submitted, Move::Cancel) => Some(Cancelled),
        (Submitted, Move::Reject) => Some(Rejected),
        (Submitted, Move::Expire) => Some(Expired),

        (PartiallyFilled, Move::PartFill) => Some(PartiallyFilled),
        (PartiallyFilled, Move::Fill) => Some(Filled),
        (PartiallyFilled, Move::Cancel) => Some(Cancelled),
        (PartiallyFilled, Move::Replace) => Some(Replaced),
        (PartiallyFilled, Move::Expire) => Some(Expired),

        (Replaced, Move::Submit) => Some(Submitted),

        (Filled | Cancelled | Rejected | Expired, Move::Close) => Some(Closed),
        _ => None,
    }
}

/// What was filled so far: cumulative, as brokers report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Shares filled in all.
    pub total: u64,
    /// Dollars for them, without fees: the sum of shares times price.
    pub notional: Decimal,
    /// Fees charged in all.
    pub fees: Decimal,
}

impl Fill {
    /// Returns a fill of `shares` at one price.
    pub fn at(shares: u64, price: Decimal, fees: Decimal) -> Fill {
        Fill { total: shares, notional: money::count(shares) * price, fees }
    }

    /// Returns the quantity-weighted average price, to four places; `None` before the first share.
    pub fn average(&self) -> Option<Decimal> {
        if self.total == 0 { None } else { money::ratio(self.notional, money::count(self.total)).map(money::price) }
    }

    /// Returns what this report adds to an earlier one; `None` where the two contradict each other: fewer shares, more shares for no more dollars, or
    /// fees that fell.
    pub fn since(&self, before: &Fill) -> Option<Fill> {
        let total = self.total.checked_sub(before.total)?;
        let (notional, fees) = (self.notional - before.notional, self.fees - before.fees);
        let sound = fees >= Decimal::ZERO && (notional > Decimal::ZERO || (total == 0 && notional == Decimal::ZERO));
        sound.then_some(Fill { total, notional, fees })
    }

    /// Returns both together.
    pub fn plus(&self, other: &Fill) -> Fill {
        Fill { total: self.total + other.total, notional: self.notional + other.notional, fees: self.fees + other.fees }
    }
}

/// What is intended: the part of an order that never changes. It is stored before anything is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// The decision that this order carries out; unique for ever.
    pub decision: DecisionId,
    /// The packet of the decision.
    pub packet: PacketId,
    /// Entry or exit.
    pub intent: Intent,
    /// The day of the decision, New York.
    pub day: Date,
    /// When the intent was made.
    pub created: Timestamp,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Shares.
    pub qty: u64,
    /// Limit price of an entry; an exit at the market has none.
    pub limit: Option<Decimal>,
    /// The strategy that asked for it.
    pub strategy: Strategy,
    /// Dollars from the fill down to the protective stop; entries only.
    pub distance: Option<Decimal>,
    /// The position that an exit reduces.
    pub position: Option<PositionId>,
    /// Why an exit is sent.
    pub reason: Option<ExitReason>,
    /// The policy in force.
    pub mode: PolicyMode,
    /// The seven documented gates, as they answered.
    pub gates: Vec<Check>,
}

/// One order as the broker knows it: the first one, or a replacement for the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id at the broker's side of the wire.
    pub client: ClientId,
    /// The broker's own id.
    pub broker: Option<String>,
    /// Shares asked for.
    pub qty: u64,
    /// What was filled of them.
    pub fill: Fill,
}

/// What happens to an order, as a stored fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub enum OrderEvent {
    /// The broker took the order (or its replacement for the rest).
    Sent {
        /// The broker's own id.
        broker: Option<String>,
    },
    /// The broker reports what it filled of one attempt so far.
    Filled {
        /// The attempt that the report names.
        client: ClientId,
        /// Cumulative shares, dollars and fees of that attempt.
        fill: Fill,
    },
    /// Withdrawn.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Refused by the broker.
    Rejected {
        /// The broker's words.
        reason: String,
    },
    /// Ended by its time in force.
    Expired,
    /// Withdrawn in favour of an order for the rest.
    Replaced,
    /// Booked and done.
    Closed,
}

/// A move that an order refuses; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The state does not allow the move.
    #[error("{decision}: an order that is {state} cannot take the move {step:?}")]
    Illegal {
        /// The order.
        decision: DecisionId,
        /// Where it stands.
        state: OrderState,
        /// What was asked.
        step: Move,
    },
    /// More shares than were asked for.
    #[error("{decision}: {total} shares filled of {qty}")]
    Overfilled {
        /// The order.
        decision: DecisionId,
        /// Shares after this fill.
        total: u64,
        /// Shares asked for.
        qty: u64,
    },
    /// A report of more shares for no more dollars, or of fees that fell.
    #[error("{decision}: a report of {total} shares contradicts the one before")]
    Contradiction {
        /// The order.
        decision: DecisionId,
        /// Shares of the attempt after this fill.
        total: u64,
    },
    /// A report about an attempt that was never made.
    #[error("{decision}: no attempt is named {client}")]
    UnknownAttempt {
        /// The order.
        decision: DecisionId,
        /// The unknown name.
        client: ClientId,
    },
}

/// What an event added to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Shares, dollars and fees that are new; zero when the report was old.
    pub delta: Fill,
    /// The fill came after the order had ended: book it and raise an incident.
    pub late: bool,
}

/// An intent and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What was intended.
    pub ticket: Ticket,
    /// Where it stands.
    pub state: OrderState,
    /// The orders at the broker that carried it; the last one is current.
    pub attempts: Vec<Attempt>,
    /// Why it ended, if it ended otherwise than by filling.
    pub ended: Option<String>,
}

impl Order {
    /// Returns a pending order that nobody has sent.
    pub fn pending(ticket: Ticket) -> Order {
        Order { ticket, state: OrderState::Pending, attempts: Vec::new(), ended: None }
    }

    /// Returns what was filled over all attempts.
    pub fn filled(&self) -> Fill {
        self.attempts.iter().fold(Fill::default(), |sum, attempt| sum.plus(&attempt.fill))
    }

    /// Returns the shares not yet filled.
    pub fn rest(&self) -> u64 {
        self.ticket.qty - self.filled().total
    }

    /// Returns the dollars that the unfilled part still reserves of the day's budget: entries that are open, at their limit.
    pub fn reserved(&self) -> Decimal {
        match (self.ticket.intent, self.ticket.limit) {
            (Intent::Entry, Some(limit)) if self.state.is_open() => money::count(self.rest()) * limit,
            _ => Decimal::ZERO,
        }
    }

    /// Returns the name under which the next (or current) attempt goes to the broker.
    pub fn client(&self) -> ClientId {
        let attempt = match self.state {
            OrderState::Pending | OrderState::Replaced => self.attempts.len(),
            _ => self.attempts.len().saturating_sub(1),
        };
        ClientId::of(&self.ticket.decision, attempt as u32)
    }

    /// Takes one event.
    ///
    /// # Errors
    /// [`OrderError`] when the move is illegal in this state, names an unknown attempt or fills more than was asked; the order is then unchanged.
    pub fn take(&mut self, event: &OrderEvent) -> Result<Progress, OrderError> {
        let still = Progress { delta: Fill::default(), late: false };
        match event {
            OrderEvent::Sent { broker } => {
                let (client, qty) = (self.client(), self.rest());
                self.go(Move::Submit)?;
                self.attempts.push(Attempt { client, broker: broker.clone(), qty, fill: Fill::default() });
                Ok(still)
            }
            OrderEvent::Filled { client, fill } => self.fill(client, fill),
            OrderEvent::Cancelled { reason } => self.end(Move::Cancel, reason).map(|()| still),
            OrderEvent::Rejected { reason } => self.end(Move::Reject, reason).map(|()| still),
            OrderEvent::Expired => self.end(Move::Expire, "expired").map(|()| still),
            OrderEvent::Replaced => self.go(Move::Replace).map(|()| still),
            OrderEvent::Closed => self.go(Move::Close).map(|()| still),
        }
    }

    fn go(&mut self, step: Move) -> Result<(), OrderError> {
        let illegal = || OrderError::Illegal { decision: self.ticket.decision.clone(), state: self.state, step };
        self.state = next(self.state, step).ok_or_else(illegal)?;
        Ok(())
    }

    fn end(&mut self, step: Move, reason: &str) -> Result<(), OrderError> {
        self.go(step)?;
        self.ended = Some(reason.to_owned());
        Ok(())
    }

    fn fill(&mut self, client: &ClientId, report: &Fill) -> Result<Progress, OrderError> {
        let decision = self.ticket.decision.clone();
        let Some(at) = self.attempts.iter().position(|attempt| &attempt.client == client) else {
            return Err(OrderError::UnknownAttempt { decision, client: client.clone() });
        };
        let before = self.attempts[at].fill;
        if report.total <= before.total {
            return Ok(Progress { delta: Fill::default(), late: false });
        }
        let Some(delta) = report.since(&before) else {
            return Err(OrderError::Contradiction { decision, total: report.total });
        };
        let (total, qty) = (self.filled().total + delta.total, self.ticket.qty);
        if total > qty {
            return Err(OrderError::Overfilled { decision, total, qty });
        }
        let late = match self.state {
            OrderState::Submitted | OrderState::PartiallyFilled => {
                self.go(if total == qty { Move::Fill } else { Move::PartFill })?;
                false
            }
            _ => true,
        };
        self.attempts[at].fill = *report;
        Ok(Progress { delta, late })
    }
}

#[cfg(test)]
mod tests;
