//! Looking: the books of a state as they stand, for a command that asks and writes nothing.
//!
//! Rule: it takes no lock and opens the database only to read; what somebody would book through it is refused. Start at [`books`].

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kobe_engine::StoreError;
use kobe_store::{MemoryBooks, Reader};
use kobe_trade::book::Book;
use kobe_trade::chain::{Block, Head};
use kobe_trade::fact::Fact;
use kobe_trade::ports::{Artifact, Books, BooksError};

use crate::failure::Failure;

/// Returns the books of a state to look at; empty ones in memory where nothing was ever booked.
///
/// # Errors
/// [`Failure::Store`] when the rows cannot be read, or their chain does not hold.
pub fn books(state: &Path) -> Result<Arc<dyn Books>, Failure> {
    let Some(reader) = Reader::open(state)? else { return Ok(Arc::new(MemoryBooks::new())) };
    let book = Arc::new(reader.book()?);
    // An account that is not open yet is opened in memory, as a start would open it.
    if !book.is_open() {
        return Ok(Arc::new(MemoryBooks::new()));
    }
    Ok(Arc::new(Looked { reader: Mutex::new(reader), book }))
}

/// Books that are only looked at.
struct Looked {
    reader: Mutex<Reader>,
    book: Arc<Book>,
}

impl Looked {
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unread(error: StoreError) -> BooksError {
    BooksError::Storage(error.to_string())
}

fn refused<T>() -> Result<T, BooksError> {
    Err(BooksError::Storage("they are only looked at, and nothing is written".into()))
}

impl Books for Looked {
    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    fn append(&self, _: u64, _: Vec<Fact>) -> Result<Arc<Book>, BooksError> {
        refused()
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, BooksError> {
        self.reader().blocks(from, limit).map_err(unread)
    }

    fn head(&self) -> Result<Head, BooksError> {
        self.reader().head().map_err(unread)
    }

    fn put(&self, _: Artifact) -> Result<(), BooksError> {
        refused()
    }

    fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError> {
        self.reader().artifact(name).map_err(unread)
    }
}
