//! The records that a book is made of.

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_quant::Strategy;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DecisionId, PacketId, PositionId, Symbol};
use crate::money::Decimal;
use crate::order::{ExitReason, Fill, OrderError};

/// Shares that are held, and how they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its name.
    pub id: PositionId,
    /// What is held.
    pub symbol: Symbol,
    /// The rule that opened it.
    pub strategy: Strategy,
    /// The decision that opened it.
    pub decision: DecisionId,
    /// The packet of that decision.
    pub packet: PacketId,
    /// Shares held now.
    pub qty: u64,
    /// Quantity-weighted entry price, four places, in the shares of now.
    pub entry: Decimal,
    /// Dollars paid, adjusted where a split dropped a fraction.
    pub cost: Decimal,
    /// Day of the first fill.
    pub entered: Date,
    /// Instant of the first fill.
    pub entered_at: Timestamp,
    /// Stop price now.
    pub stop: Decimal,
    /// Stop price at the start, in the shares of now.
    pub initial_stop: Decimal,
    /// Dollars from entry to stop that were planned, in the shares of now.
    pub distance: Decimal,
    /// What the broker holds against a fall.
    pub protective: Option<Protective>,
    /// Sessions held; the entry day counts once it has closed.
    pub held: u32,
    /// An exit that waits to be sent.
    pub queued: Option<Queued>,
    /// Shares, dollars and fees of sales so far.
    pub sold: Fill,
    /// Fees of the purchase.
    pub entry_fees: Decimal,
    /// Dividends received.
    pub dividends: Decimal,
}

impl Position {
    /// Returns what the position has earned so far if its shares are worth `mark` each, exactly.
    pub fn result(&self, mark: Decimal) -> Decimal {
        Decimal::from(self.qty) * mark + self.sold.notional - self.sold.fees - self.entry_fees + self.dividends
            - self.cost
    }

    /// Returns the result in multiples of the risk that was planned; `None` without a distance.
    pub fn r_multiple(&self, mark: Decimal) -> Option<Decimal> {
        crate::money::ratio(mark - self.entry, self.distance)
    }
}

/// A stop at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protective {
    /// Its id at the broker.
    pub client: ClientId,
    /// Shares.
    pub qty: u64,
    /// Price.
    pub stop: Decimal,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// What was filled of it.
    pub fill: Fill,
}

/// An exit that waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Why.
    pub reason: ExitReason,
    /// The day that decided it.
    pub decided: Date,
}

/// A position that is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The position.
    pub position: PositionId,
    /// What was traded.
    pub symbol: Symbol,
    /// The rule that opened it.
    pub strategy: Strategy,
    /// The decision that opened it.
    pub decision: DecisionId,
    /// The packet of that decision.
    pub packet: PacketId,
    /// Shares sold.
    pub qty: u64,
    /// Day of the entry.
    pub entered: Date,
    /// Instant of the entry.
    pub entered_at: Timestamp,
    /// Entry price, in the shares of the exit.
    pub entry: Decimal,
    /// Last stop price.
    pub stop: Decimal,
    /// Planned distance to the stop.
    pub distance: Decimal,
    /// Day of the last sale.
    pub exited: Date,
    /// Instant of the last sale.
    pub exited_at: Timestamp,
    /// Quantity-weighted sale price, four places.
    pub exit: Decimal,
    /// Why it was closed.
    pub reason: ExitReason,
    /// Sessions held.
    pub held: u32,
    /// Fees of purchase and sale.
    pub fees: Decimal,
    /// Dividends received.
    pub dividends: Decimal,
    /// Result to the cent.
    pub pnl: Decimal,
    /// Result exactly; the ledger adds these.
    pub net: Decimal,
}

/// What entries have used of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBudget {
    /// The New York date.
    pub date: Date,
    /// Dollars of entries filled on that day.
    pub committed: Decimal,
    /// Dollars that open entries may still use, at their limits.
    pub reserved: Decimal,
    /// Entries that filled on that day, or may still.
    pub entries: u32,
}

impl DayBudget {
    /// Returns what is used: committed and reserved.
    pub fn used(&self) -> Decimal {
        self.committed + self.reserved
    }
}

/// The week's count of entries and its equity at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// Equity at the last close of the week before, or the opening cash.
    pub start_equity: Decimal,
    /// Entries since the count was last at 0.
    pub entries: u32,
    /// Names whose positions kept the count from returning to 0 at the last week's end.
    pub kept_by: Vec<Symbol>,
}

/// One close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRow {
    /// The session.
    pub date: Date,
    /// Cash.
    pub cash: Decimal,
    /// Positions open.
    pub positions: u32,
    /// Cash and positions, to the cent.
    pub equity: Decimal,
}

/// Notional of a position that was closed; exposure rules still count it until the next scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freed {
    /// When it was closed.
    pub at: Timestamp,
    /// Dollars it was sold for.
    pub notional: Decimal,
}

/// Something that nobody expected, for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// A fact that the books refuse; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Nothing can happen before the account opens.
    #[error("the account is not open yet")]
    NotOpen,
    /// The account opens once.
    #[error("the account is open already")]
    AlreadyOpen,
    /// The decision was carried out already: the first result stands.
    #[error("{0} was intended already")]
    DuplicateDecision(DecisionId),
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(DecisionId),
    /// No such position.
    #[error("there is no position {0}")]
    UnknownPosition(PositionId),
    /// The order refuses the move.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The ticket contradicts itself or the books.
    #[error("{decision}: {why}")]
    BadTicket {
        /// The order.
        decision: DecisionId,
        /// What is wrong.
        why: String,
    },
    /// An entry while the kill switch is pulled.
    #[error("{0}: no entry is intended while the kill switch is pulled")]
    Killed(DecisionId),
    /// The day's budget or the order's.
    #[error("{decision}: {refusal}")]
    Budget {
        /// The order.
        decision: DecisionId,
        /// `exceeds_per_order_budget` or `exceeds_daily_budget`.
        refusal: String,
    },
    /// More would be sold than is held.
    #[error("{position}: {sold} shares sold of {held} held; a short position is no fact of these books")]
    Short {
        /// The position.
        position: PositionId,
        /// Shares held.
        held: u64,
        /// Shares sold.
        sold: u64,
    },
    /// A report of a stop that contradicts the one before.
    #[error("{0}: what is reported of its stop contradicts the report before")]
    Contradiction(PositionId),
    /// Cash would be negative.
    #[error("cash would be {0}")]
    Overdrawn(Decimal),
    /// A split or dividend that cannot be.
    #[error("{symbol}: {why}")]
    BadAction {
        /// The symbol.
        symbol: Symbol,
        /// What is wrong.
        why: String,
    },
    /// A position has no price.
    #[error("{0} has no price at the close")]
    NoMark(Symbol),
    /// The session was closed already.
    #[error("the session of {0} is closed already")]
    DayClosedAlready(Date),
    /// The figures of the close do not tie.
    #[error("equity {stated} is stated, the books have {computed}")]
    NotTied {
        /// What the fact says.
        stated: Decimal,
        /// What the books say.
        computed: Decimal,
    },
    /// A figure out of range.
    #[error("a figure is out of range")]
    Range,
}
