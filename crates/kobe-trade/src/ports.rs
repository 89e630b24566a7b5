//! Ports: what the trading core asks of the world outside. Shells implement them; nothing here does.
//!
//! Start at [`Books`]: everything that may be remembered about money goes through it, in one transaction a turn.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::book::{Book, BookError};
use crate::chain::{Block, ChainError, Head};
use crate::fact::Fact;
use crate::gate::Permit;
use crate::id::{ClientId, DecisionId, Side, Symbol};
use crate::kill::{KillRecord, KillState};
use crate::money::Decimal;
use crate::order::{Fill, Order};
use crate::policy::Endpoint;
use crate::quote::Quote;

/// What a desk function leaves behind for others to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// Name of the artifact, by which the latest one is found.
    pub name: String,
    /// The function that made it.
    pub function: String,
    /// The task that called the function.
    pub task: String,
    /// The desk's date.
    pub date: Date,
    /// When.
    pub at: Timestamp,
    /// What.
    pub body: Value,
}

/// Why the books did not take something. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BooksError {
    /// Somebody else wrote meanwhile; read the book again and decide again.
    #[error("the book moved from version {expected} to {actual} meanwhile")]
    Conflict {
        /// The version that was decided upon.
        expected: u64,
        /// The version now.
        actual: u64,
    },
    /// The decision was intended before, maybe long ago; the first result stands.
    #[error("{0} was intended already")]
    DuplicateDecision(DecisionId),
    /// A fact that cannot be.
    #[error(transparent)]
    Book(BookError),
    /// A fact that cannot be recorded in the audit chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// No space is left; the same can be tried again once there is.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The disk, the database, a damaged row.
    #[error("the books cannot be read or written: {0}")]
    Storage(String),
}

impl From<BookError> for BooksError {
    fn from(error: BookError) -> BooksError {
        match error {
            BookError::DuplicateDecision(decision) => BooksError::DuplicateDecision(decision),
            error => BooksError::Book(error),
        }
    }
}

/// The durable books: facts, audit chain, packets and artifacts of the desk, in the database of the runs.
pub trait Books: Send + Sync {
    /// Returns the fold of all facts so far.
    fn book(&self) -> Arc<Book>;

    /// Stores facts, their blocks and what follows from them in one transaction, all or none, and returns the new book.
    ///
    /// # Errors
    /// [`BooksError::Conflict`] when the book is not at version `expected`; [`BooksError::DuplicateDecision`] when the id of an intent was ever taken;
    /// [`BooksError::Book`] when a fact cannot be.
    fn append(&self, expected: u64, facts: Vec<Fact>) -> Result<Arc<Book>, BooksError>;

    /// Returns at most `limit` blocks of the audit chain, from the one numbered `from` (the first is 0): the facts, in order.
    ///
    /// # Errors
    /// [`BooksError::Storage`].
    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, BooksError>;

    /// Returns the stored head of the audit chain, against which the blocks are verified.
    ///
    /// # Errors
    /// [`BooksError::Storage`].
    fn head(&self) -> Result<Head, BooksError>;

    /// Stores what a function leaves.
    ///
    /// # Errors
    /// [`BooksError::Storage`].
    fn put(&self, artifact: Artifact) -> Result<(), BooksError>;

    /// Returns the newest artifact of a name.
    ///
    /// # Errors
    /// [`BooksError::Storage`].
    fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError>;
}

/// What the broker says of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The id under which it was sent.
    pub client: ClientId,
    /// The broker's own id.
    pub broker: String,
    /// Where it stands.
    pub status: AckStatus,
    /// What was filled so far.
    pub fill: Fill,
    /// The protective stop that the broker placed with the entry.
    pub stop: Option<StopAck>,
}

/// Where an order stands at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum AckStatus {
    /// It works.
    Working,
    /// All of it is filled.
    Filled,
    /// Its rest was withdrawn, by us or because it was good for this instant only.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// It was refused.
    Rejected {
        /// The broker's words.
        reason: String,
    },
    /// Its time in force is over.
    Expired,
}

/// A protective stop at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopAck {
    /// Its id.
    pub client: ClientId,
    /// Shares.
    pub qty: u64,
    /// Price.
    pub stop: Decimal,
}

/// Why the broker did not answer as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The permit is for another order: nothing was sent.
    #[error("the permit does not cover {0}")]
    NotCovered(DecisionId),
    /// Nothing was sent, for certain.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Nobody knows whether it was sent: never send again, look it up.
    #[error("unknown whether it was sent: {0}")]
    Unknown(String),
    /// No quote.
    #[error("no quote for {symbol}: {why}")]
    NoQuote {
        /// The symbol.
        symbol: Symbol,
        /// Why.
        why: String,
    },
    /// The protective orders of a position are never withdrawn by this call.
    #[error("{0} is no entry; only the rest of an entry is withdrawn")]
    NotAnEntry(ClientId),
}

/// What the broker holds for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What.
    pub symbol: Symbol,
    /// Shares; negative would be short.
    pub qty: i64,
    /// Average price paid.
    pub entry: Decimal,
}

/// An order that works at the broker and may still fill: one of ours, a protective stop, or one that nobody here sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The id under which it was sent; an order that was placed by hand has one too, made by the broker.
    pub client: ClientId,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Shares that are not filled yet.
    pub rest: u64,
    /// The price that sets it off, where it is a stop.
    pub stop: Option<Decimal>,
}

/// What the broker has filled of one order, or of one protective stop, so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// The id under which it was sent.
    pub client: ClientId,
    /// What.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Cumulative shares, dollars and fees.
    pub fill: Fill,
    /// When the broker filled last.
    pub at: Timestamp,
}

/// The account at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Cash.
    pub cash: Decimal,
    /// Cash and positions.
    pub equity: Decimal,
}

/// A broker. Only a permit opens it.
pub trait Broker: Send + Sync {
    /// Returns where orders go.
    fn endpoint(&self) -> Endpoint;

    /// Returns what a symbol can be bought and sold at now; never an invented price.
    ///
    /// # Errors
    /// [`BrokerError::NoQuote`].
    fn quote(&self, symbol: &Symbol, now: Timestamp) -> Result<Quote, BrokerError>;

    /// Sends one order, once. An entry takes its protective stop with it; an exit takes the place of the stop.
    ///
    /// Sending the same client id again returns what became of the first.
    ///
    /// # Errors
    /// [`BrokerError::NotCovered`] and [`BrokerError::NotSent`] when nothing left; [`BrokerError::Unknown`] when nobody can tell.
    fn submit(&self, permit: Permit, order: &Order, quote: &Quote, now: Timestamp) -> Result<Ack, BrokerError>;

    /// Returns what became of an order, `None` when the broker has never seen it.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`] when the broker does not answer: that is not "never seen".
    fn find(&self, client: &ClientId, now: Timestamp) -> Result<Option<Ack>, BrokerError>;

    /// Withdraws the rest of an entry.
    ///
    /// # Errors
    /// [`BrokerError::NotAnEntry`] for everything else.
    fn cancel(&self, order: &Order, now: Timestamp) -> Result<Ack, BrokerError>;

    /// Returns what is held, which is never empty for want of an answer.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`].
    fn positions(&self, now: Timestamp) -> Result<Vec<Held>, BrokerError>;

    /// Returns every order that works, protective stops included, which is never empty for want of an answer.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`].
    fn open_orders(&self, now: Timestamp) -> Result<Vec<OpenOrder>, BrokerError>;

    /// Returns every order that was filled in whole or in part since an instant, protective stops included.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`].
    fn executions(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Execution>, BrokerError>;

    /// Returns the account.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`].
    fn account(&self, now: Timestamp) -> Result<Account, BrokerError>;
}

/// The kill switch as it stands outside.
pub trait KillSwitch: Send + Sync {
    /// Reads the switch, now and not from memory. What cannot be read is [`KillState::Unreadable`].
    fn read(&self, now: Timestamp) -> KillState;

    /// Pulls the switch. One that is pulled already keeps its first record.
    ///
    /// # Errors
    /// A sentence, when the switch could not be pulled.
    fn trip(&self, record: &KillRecord) -> Result<(), String>;

    /// Takes the switch back, for an operator only; the books must hold the re-arm before.
    ///
    /// # Errors
    /// A sentence, when it could not be taken back.
    fn clear(&self) -> Result<(), String>;
}

/// The machine that the desk runs on; replay answers in its stead.
pub trait Host: Send + Sync {
    /// Returns the free bytes where the state lies.
    ///
    /// # Errors
    /// A sentence.
    fn disk_free_bytes(&self) -> Result<u64, String>;

    /// Returns the free bytes of memory.
    ///
    /// # Errors
    /// A sentence.
    fn memory_free_bytes(&self) -> Result<u64, String>;

    /// Returns the milliseconds between this clock and the time source.
    ///
    /// # Errors
    /// A sentence.
    fn clock_skew_ms(&self) -> Result<i64, String>;

    /// Says what the skew is measured against. Where there is nothing, the skew is 0 and this says so.
    fn clock_reference(&self) -> String;

    /// Returns the milliseconds that the broker takes to answer.
    ///
    /// # Errors
    /// A sentence.
    fn broker_latency_ms(&self) -> Result<u64, String>;

    /// Returns whether this instance holds the lock of the state.
    ///
    /// # Errors
    /// A sentence.
    fn lock_held(&self) -> Result<bool, String>;

    /// Returns when the desk's heart last beat.
    ///
    /// # Errors
    /// A sentence.
    fn last_heartbeat(&self) -> Result<Option<Timestamp>, String>;

    /// Returns whether the database is whole.
    ///
    /// # Errors
    /// A sentence.
    fn database_whole(&self) -> Result<bool, String>;
}
