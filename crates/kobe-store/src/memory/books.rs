//! Books in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kobe_trade::book::Book;
use kobe_trade::chain::{Block, Head, canonical_json, seal};
use kobe_trade::fact::{Fact, What};
use kobe_trade::id::DecisionId;
use kobe_trade::ports::{Artifact, Books, BooksError};

/// Sees every fact once it is part of the book, in order.
pub type FactHook = Box<dyn Fn(&Fact) + Send + Sync>;

/// The books of a desk, in memory.
#[derive(Default)]
pub struct MemoryBooks {
    inner: Mutex<Inner>,
    on_fact: Option<FactHook>,
}

#[derive(Default)]
struct Inner {
    book: Arc<Book>,
    /// Payload and hash of each block; a parsed payload would take many times the room.
    blocks: Vec<(String, String)>,
    head: Head,
    intended: BTreeSet<DecisionId>,
    artifacts: BTreeMap<String, Artifact>,
    /// How many artifacts each function has left.
    left: BTreeMap<String, u64>,
}

impl std::fmt::Debug for MemoryBooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.lock();
        f.debug_struct("MemoryBooks")
            .field("version", &inner.book.version())
            .field("artifacts", &inner.artifacts.len())
            .finish_non_exhaustive()
    }
}

impl MemoryBooks {
    /// Begins with an empty book.
    pub fn new() -> MemoryBooks {
        MemoryBooks::default()
    }

    /// Begins with an empty book and shows every fact to `on_fact` once it is part of it.
    pub fn watched(on_fact: FactHook) -> MemoryBooks {
        MemoryBooks { inner: Mutex::default(), on_fact: Some(on_fact) }
    }

    /// Returns how many artifacts each function has left, by name.
    pub fn artifacts_by_function(&self) -> BTreeMap<String, u64> {
        self.lock().left.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books for MemoryBooks {
    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.lock().book)
    }

    fn append(&self, expected: u64, facts: Vec<Fact>) -> Result<Arc<Book>, BooksError> {
        let mut inner = self.lock();
        let actual = inner.book.version();
        if actual != expected {
            return Err(BooksError::Conflict { expected, actual });
        }
        let mut book = (*inner.book).clone();
        for fact in &facts {
            book.apply(fact)?;
        }
        let mut intended = Vec::new();
        for fact in &facts {
            if let What::Intended { ticket } = &fact.what {
                if inner.intended.contains(&ticket.decision) {
                    return Err(BooksError::DuplicateDecision(ticket.decision.clone()));
                }
                intended.push(ticket.decision.clone());
            }
        }
        let (blocks, head) = seal(&inner.head, &facts)?;
        for block in blocks {
            inner.blocks.push((canonical_json(&block.payload)?, block.this_hash));
        }
        inner.head = head;
        inner.intended.extend(intended);
        inner.book = Arc::new(book);
        let book = Arc::clone(&inner.book);
        if let Some(on_fact) = &self.on_fact {
            // Under the lock: the order in which facts are shown is the order of the book.
            facts.iter().for_each(on_fact);
        }
        Ok(book)
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, BooksError> {
        let inner = self.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(inner.blocks.len());
        let mut prev_hash = from.checked_sub(1).map(|before| inner.blocks[before].1.clone());
        let mut blocks = Vec::new();
        for (payload, this_hash) in inner.blocks.iter().skip(from).take(limit) {
            let payload = serde_json::from_str(payload).map_err(|e| BooksError::Storage(e.to_string()))?;
            blocks.push(Block { prev_hash, payload, this_hash: this_hash.clone() });
            prev_hash = Some(this_hash.clone());
        }
        Ok(blocks)
    }

    fn head(&self) -> Result<Head, BooksError> {
        Ok(self.lock().head.clone())
    }

    fn put(&self, artifact: Artifact) -> Result<(), BooksError> {
        let mut inner = self.lock();
        *inner.left.entry(artifact.function.clone()).or_default() += 1;
        inner.artifacts.insert(artifact.name.clone(), artifact);
        Ok(())
    }

    fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError> {
        Ok(self.lock().artifacts.get(name).cloned())
    }
}
