//! Facts: what the books store, one row each, in the order in which it happened.
//!
//! A fact is something that is so, never a wish: the [`Book`](crate::book::Book) is the fold of all of them, and each is also a block of the audit chain.
//! Decimals are text, no float stands in a fact. A fact is never changed; what was wrong is repaired by a later one. Start at [`Fact`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DecisionId, PositionId, Symbol};
use crate::kill::KillRecord;
use crate::money::Decimal;
use crate::order::{ExitReason, Fill, OrderEvent, Ticket};
use crate::packet::Packet;

/// One fact, with its place in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened.
    pub at: Timestamp,
    /// The New York date of `at`: the budget's day. It never runs backwards in the books.
    pub day: Date,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

impl Fact {
    /// Returns a fact.
    pub fn new(at: Timestamp, day: Date, what: What) -> Fact {
        Fact { at, day, what }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The account opened: the first fact of every book.
    Opened {
        /// Cash at the start.
        cash: Decimal,
    },
    /// A decision was made, admitted or refused.
    Decided {
        /// The whole of it.
        packet: Box<Packet>,
    },
    /// An order is going to be sent: its budget is reserved and its decision id is taken for ever.
    Intended {
        /// The order.
        ticket: Box<Ticket>,
    },
    /// Something happened to an order.
    Ordered {
        /// The order.
        decision: DecisionId,
        /// What.
        change: OrderEvent,
    },
    /// The broker holds a protective stop for a position (in place of an earlier one).
    StopPlaced {
        /// The position.
        position: PositionId,
        /// Its id at the broker.
        client: ClientId,
        /// Shares.
        qty: u64,
        /// Price at which it sells.
        stop: Decimal,
    },
    /// The protective stop filled. Such a fill is a fact even while the kill switch is pulled.
    StopFilled {
        /// The position.
        position: PositionId,
        /// Cumulative shares, dollars and fees.
        fill: Fill,
    },
    /// An exit was decided and waits to be sent.
    ExitQueued {
        /// The position.
        position: PositionId,
        /// Why.
        reason: ExitReason,
    },
    /// Shares were split before the session.
    Split {
        /// The symbol.
        symbol: Symbol,
        /// New shares for one old share.
        ratio: Decimal,
    },
    /// A dividend was paid on the shares held over the previous close.
    Dividend {
        /// The symbol.
        symbol: Symbol,
        /// Dollars a share.
        cash: Decimal,
    },
    /// A session closed and the books were tied.
    DayClosed {
        /// Closing price of every position.
        marks: BTreeMap<Symbol, Decimal>,
        /// Cash and positions, to the cent.
        equity: Decimal,
    },
    /// The last session of an ISO week is over.
    WeekClosed,
    /// The kill switch was pulled, or found pulled.
    KillTripped {
        /// What its record says.
        record: KillRecord,
    },
    /// An operator re-armed.
    KillCleared {
        /// What had happened.
        cause: String,
        /// What was done about it.
        fix: String,
        /// Who re-arms.
        operator: String,
        /// Why now.
        reason: String,
    },
    /// What else belongs into the audit: preflight, changes of configuration, sign-offs, repairs.
    Noted {
        /// What kind.
        about: String,
        /// The facts, as text.
        detail: BTreeMap<String, String>,
    },
}

impl What {
    /// Returns the word under which the fact is stored.
    pub fn name(&self) -> &'static str {
        match self {
            What::Opened { .. } => "opened",
            What::Decided { .. } => "decided",
            What::Intended { .. } => "intended",
            What::Ordered { .. } => "ordered",
            What::StopPlaced { .. } => "stop_placed",
            What::StopFilled { .. } => "stop_filled",
            What::ExitQueued { .. } => "exit_queued",
            What::Split { .. } => "split",
            What::Dividend { .. } => "dividend",
            What::DayClosed { .. } => "day_closed",
            What::WeekClosed => "week_closed",
            What::KillTripped { .. } => "kill_tripped",
            What::KillCleared { .. } => "kill_cleared",
            What::Noted { .. } => "noted",
        }
    }
}
