//! Books in SQLite: facts, audit chain, orders, packets and budget, one transaction.
//!
//! Rule: the book in memory is the fold of what is stored, never ahead of it. One append at a time; what a reader sees was durable before. Start at [`SqliteBooks::open`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kobe_engine::StoreError;
use kobe_trade::book::Book;
use kobe_trade::chain::{Block, ChainError, Head, canonical_json, seal, sha256};
use kobe_trade::fact::{Fact, What};
use kobe_trade::id::{ClientId, DecisionId};
use kobe_trade::policy::PolicyMode;
use kobe_trade::ports::{Artifact, Books, BooksError};
use rusqlite::{Connection, OptionalExtension as _};

use crate::ledger;
use crate::sqlite::Core;
use crate::work::{BudgetWrite, FactWrite, FactsWrite, IntentWrite, OrderWrite, PacketWrite, Work};

/// The books of a desk, in the database of its runs. A handle: all handles of one store are the same books.
#[derive(Debug, Clone)]
pub struct SqliteBooks {
    inner: Arc<Inner>,
}

/// What all handles share.
#[derive(Debug)]
pub(crate) struct Inner {
    // Closed before the writer: the last connection to go folds the log in, and a reader could not.
    reader: Mutex<Connection>,
    core: Arc<Core>,
    book: RwLock<Arc<Book>>,
    /// Held while facts are written.
    end: Mutex<End>,
}

/// Where the books end.
#[derive(Debug)]
struct End {
    head: Head,
    mode: PolicyMode,
    budget: Option<BudgetWrite>,
}

impl SqliteBooks {
    /// Opens the books of a store, or joins those that are open.
    pub(crate) fn open(core: &Arc<Core>) -> Result<SqliteBooks, StoreError> {
        let mut known = core.books.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inner) = known.upgrade() {
            return Ok(SqliteBooks { inner });
        }
        core.writer.whole()?;
        let reader = core.reader().map_err(|e| core.writer.met(e))?;
        let (book, head) = ledger::fold(&reader, &core.path()).map_err(|e| core.writer.met(e))?;
        let mode: Option<String> = core.read(|| {
            reader.query_row("SELECT mode FROM budget ORDER BY date DESC LIMIT 1", [], |r| r.get(0)).optional()
        })?;
        let canary = mode.as_deref() == Some(PolicyMode::Canary.name());
        let mode = if canary { PolicyMode::Canary } else { PolicyMode::Paper };
        let inner = Arc::new(Inner {
            reader: Mutex::new(reader),
            core: Arc::clone(core),
            book: RwLock::new(Arc::new(book)),
            end: Mutex::new(End { head, mode, budget: None }),
        });
        *known = Arc::downgrade(&inner);
        Ok(SqliteBooks { inner })
    }

    /// Returns whether a decision was ever intended, also when the book has forgotten the order since.
    ///
    /// # Errors
    /// [`StoreError`] when the rows cannot be read.
    pub fn was_intended(&self, decision: &DecisionId) -> Result<bool, StoreError> {
        self.inner.read(|conn| {
            conn.prepare_cached("SELECT 1 FROM idempotency WHERE decision_id = ?1")?.exists([decision.as_str()])
        })
    }
}

impl Inner {
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        self.core.read(|| ask(&reader))
    }
}

fn storage(error: StoreError) -> BooksError {
    BooksError::Storage(error.to_string())
}

impl Books for SqliteBooks {
    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.inner.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn append(&self, expected: u64, facts: Vec<Fact>) -> Result<Arc<Book>, BooksError> {
        let mut end = self.inner.end.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.book();
        if before.version() != expected {
            return Err(BooksError::Conflict { expected, actual: before.version() });
        }
        if facts.is_empty() {
            return Ok(before);
        }
        let mut book = (*before).clone();
        for fact in &facts {
            book.apply(fact)?;
        }
        let (blocks, head) = seal(&end.head, &facts)?;
        let mode = facts.iter().rev().find_map(mode_of).unwrap_or(end.mode);
        let mut write = rows(expected, &facts, &blocks, &head, &book)?;
        let budget = budget(&book, &facts, mode);
        let changed = end.budget.as_ref() != Some(&budget);
        write.budget = changed.then(|| budget.clone());
        self.inner.core.writer.call(Work::Facts(Box::new(write))).map_err(|refusal| refusal.into_books(expected))?;
        *end = End { head, mode, budget: Some(budget) };
        let book = Arc::new(book);
        *self.inner.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&book);
        Ok(book)
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, BooksError> {
        self.inner.read(|conn| ledger::blocks(conn, from, limit)).map_err(storage)
    }

    fn head(&self) -> Result<Head, BooksError> {
        self.inner.read(ledger::head).map_err(storage)
    }

    fn put(&self, artifact: Artifact) -> Result<(), BooksError> {
        self.inner.core.writer.call(Work::Artifact(Box::new(artifact))).map_err(|refusal| refusal.into_books(0))
    }

    fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError> {
        self.inner.read(|conn| ledger::artifact(conn, name)).map_err(storage)
    }
}

fn mode_of(fact: &Fact) -> Option<PolicyMode> {
    match &fact.what {
        What::Intended { ticket } => Some(ticket.mode),
        _ => None,
    }
}

/// Returns the budget of the newest day of the book, as its row.
fn budget(book: &Book, facts: &[Fact], mode: PolicyMode) -> BudgetWrite {
    let day = facts.iter().map(|f| f.day).max().expect("there is a fact");
    let (used, limits) = (book.budget_on(day), mode.limits());
    BudgetWrite {
        date: day.to_string(),
        mode: mode.name(),
        committed: used.committed.to_string(),
        reserved: used.reserved.to_string(),
        entries: used.entries,
        per_day: limits.per_day.to_string(),
        per_order: limits.per_order.to_string(),
    }
}

fn rows(expected: u64, facts: &[Fact], blocks: &[Block], head: &Head, book: &Book) -> Result<FactsWrite, BooksError> {
    let mut write = FactsWrite {
        expected,
        facts: Vec::with_capacity(facts.len()),
        head: head.hash.clone(),
        intents: Vec::new(),
        orders: Vec::new(),
        packets: Vec::new(),
        budget: None,
    };
    let mut touched: BTreeSet<&DecisionId> = BTreeSet::new();
    for (place, (fact, block)) in facts.iter().zip(blocks).enumerate() {
        let decision = decision_of(&fact.what);
        match &fact.what {
            What::Intended { ticket } => {
                touched.insert(&ticket.decision);
                let value = serde_json::to_value(ticket).map_err(|e| ChainError::Json(e.to_string()))?;
                write.intents.push(IntentWrite {
                    decision: ticket.decision.to_string(),
                    key: ClientId::of(&ticket.decision, 0).to_string(),
                    created_us: ticket.created.as_microsecond(),
                    payload_hash: sha256(canonical_json(&value)?.as_bytes()),
                });
            }
            What::Ordered { decision, .. } => {
                touched.insert(decision);
            }
            What::Decided { packet } => write.packets.push(PacketWrite {
                packet: packet.packet_id.to_string(),
                decision_id: packet.decision_id.to_string(),
                place: place as u64,
                created_us: packet.created_at.as_microsecond(),
                day: packet.inputs.day().to_string(),
                decision: decision_word(packet.decision),
                reason: packet.decision_reason.clone(),
                hash: packet.packet_hash.clone(),
            }),
            _ => {}
        }
        write.facts.push(FactWrite {
            at_us: fact.at.as_microsecond(),
            day: fact.day.to_string(),
            event: fact.what.name(),
            decision,
            prev_hash: block.prev_hash.clone(),
            payload: canonical_json(&block.payload)?,
            this_hash: block.this_hash.clone(),
        });
    }
    for decision in touched {
        let Some(order) = book.order(decision) else { continue };
        write.orders.push(OrderWrite {
            decision: decision.to_string(),
            state: order.state.to_string(),
            broker: order.attempts.last().and_then(|attempt| attempt.broker.clone()),
        });
    }
    Ok(write)
}

fn decision_word(decision: kobe_trade::packet::Decision) -> String {
    match serde_json::to_value(decision) {
        Ok(serde_json::Value::String(word)) => word,
        _ => format!("{decision:?}").to_uppercase(),
    }
}

/// Returns the decision that a fact is about.
fn decision_of(what: &What) -> Option<String> {
    match what {
        What::Decided { packet } => Some(packet.decision_id.to_string()),
        What::Intended { ticket } => Some(ticket.decision.to_string()),
        What::Ordered { decision, .. } => Some(decision.to_string()),
        _ => None,
    }
}
