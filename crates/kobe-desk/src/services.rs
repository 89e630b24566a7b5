//! Services: what the functions of the desk share.
//!
//! One value for the whole desk: data, books, broker, kill switch, host and clock behind their ports, and the few things that are remembered between calls (what closes
//! entries, how far the books are settled). Functions get it with every call; nothing here knows a function by name. Start at [`Services::new`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_engine::Clock;
use kobe_trade::book::Book;
use kobe_trade::fact::{Fact, What};
use kobe_trade::fees::{FeeError, FeeTable};
use kobe_trade::money::Decimal;
use kobe_trade::ports::{Artifact, Books, BooksError, Broker, Host, KillSwitch};

use crate::data::{DataError, DataSet};
use crate::settle::Step;

/// Whether this is the desk of today or one that lives through the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// The real clock.
    Live,
    /// A virtual clock over historical bars.
    Replay,
}

/// The data, loaded on first use: a desk that only keeps the time needs none.
#[derive(Debug, Default)]
pub struct Source {
    dir: Option<PathBuf>,
    loaded: OnceLock<Result<Arc<Loaded>, Arc<DataError>>>,
}

#[derive(Debug)]
struct Loaded {
    data: Arc<DataSet>,
    fees: Result<FeeTable, FeeError>,
}

impl Source {
    /// Reads from a directory, or the set that is built in.
    pub fn new(dir: Option<PathBuf>) -> Source {
        Source { dir, loaded: OnceLock::new() }
    }

    fn loaded(&self) -> Result<&Arc<Loaded>, Arc<DataError>> {
        let load = || {
            let data = DataSet::load(self.dir.as_deref()).map_err(Arc::new)?;
            let mut csv = String::from("fee,effective,rate,cap,source\n");
            for row in &data.fees {
                let cap = row.cap.map_or(String::new(), |c| c.to_string());
                csv.push_str(&format!("{},{},{},{cap},table\n", row.fee, row.effective, row.rate));
            }
            Ok(Arc::new(Loaded { data: Arc::new(data), fees: FeeTable::parse(&csv) }))
        };
        self.loaded.get_or_init(load).as_ref().map_err(Arc::clone)
    }

    /// Returns the data.
    ///
    /// # Errors
    /// [`DataError`], the same each time, when the data cannot be used.
    pub fn data(&self) -> Result<&Arc<DataSet>, Arc<DataError>> {
        self.loaded().map(|l| &l.data)
    }

    /// Returns the fees of sales.
    ///
    /// # Errors
    /// A sentence, when data or table cannot be used.
    pub fn fees(&self) -> Result<&FeeTable, String> {
        self.loaded().map_err(|e| e.to_string())?.fees.as_ref().map_err(ToString::to_string)
    }
}

/// What a desk works with.
pub struct Setup {
    /// The market.
    pub market: Arc<Market>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The data.
    pub source: Arc<Source>,
    /// The books.
    pub books: Arc<dyn Books>,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// The kill switch.
    pub kill: Arc<dyn KillSwitch>,
    /// The machine.
    pub host: Arc<dyn Host>,
    /// Today or the past.
    pub era: Era,
    /// Name and version of this build.
    pub build: String,
    /// Identity of the configuration.
    pub config: String,
    /// Where reports go; nowhere for a desk that only lives in memory.
    pub reports: Option<PathBuf>,
}

/// Data, books, broker and clock of one desk.
pub struct Services {
    setup: Setup,
    /// Held from judging an order to booking its fill: one order at a time leaves the desk.
    choke: Mutex<()>,
    /// What the books have to settle next.
    next_settlement: Mutex<Option<Step>>,
    blocks: Mutex<BTreeMap<String, String>>,
}

impl Services {
    /// Puts a desk together.
    pub fn new(setup: Setup) -> Services {
        Services {
            setup,
            choke: Mutex::new(()),
            next_settlement: Mutex::new(None),
            blocks: Mutex::new(BTreeMap::new()),
        }
    }

    /// Opens the account if no fact was ever booked.
    ///
    /// # Errors
    /// [`BooksError`] when the books cannot be written.
    pub fn open_account(&self, cash: Decimal, at: Timestamp) -> Result<(), BooksError> {
        let book = self.book();
        if book.is_open() {
            return Ok(());
        }
        self.append(&book, vec![self.fact(at, What::Opened { cash })]).map(|_| ())
    }

    /// Returns the market.
    pub fn market(&self) -> &Arc<Market> {
        &self.setup.market
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.setup.clock
    }

    /// Returns the data.
    ///
    /// # Errors
    /// [`DataError`], the same each time, when the data cannot be used.
    pub fn data(&self) -> Result<&Arc<DataSet>, Arc<DataError>> {
        self.setup.source.data()
    }

    /// Returns the fees of sales.
    ///
    /// # Errors
    /// A sentence, when the table cannot be used.
    pub fn fees(&self) -> Result<&FeeTable, String> {
        self.setup.source.fees()
    }

    /// Returns the broker.
    pub fn broker(&self) -> &dyn Broker {
        &*self.setup.broker
    }

    /// Returns the kill switch.
    pub fn kill(&self) -> &dyn KillSwitch {
        &*self.setup.kill
    }

    /// Returns the machine.
    pub fn host(&self) -> &dyn Host {
        &*self.setup.host
    }

    /// Returns the books.
    pub fn books(&self) -> &dyn Books {
        &*self.setup.books
    }

    /// Returns the fold of all facts so far.
    pub fn book(&self) -> Arc<Book> {
        self.setup.books.book()
    }

    /// Tells whether this desk lives through the past.
    pub fn is_replay(&self) -> bool {
        self.setup.era == Era::Replay
    }

    /// Returns name and version of this build.
    pub fn build(&self) -> &str {
        &self.setup.build
    }

    /// Returns the identity of the configuration.
    pub fn config(&self) -> &str {
        &self.setup.config
    }

    /// Returns where reports go.
    pub fn reports(&self) -> Option<&PathBuf> {
        self.setup.reports.as_ref()
    }

    /// Returns a fact of an instant.
    pub fn fact(&self, at: Timestamp, what: What) -> Fact {
        Fact::new(at, self.market().date_of(at), what)
    }

    /// Stores facts that were decided on a book.
    ///
    /// # Errors
    /// [`BooksError`], and nothing is stored.
    pub fn append(&self, decided_on: &Book, facts: Vec<Fact>) -> Result<Arc<Book>, BooksError> {
        self.setup.books.append(decided_on.version(), facts)
    }

    /// Returns the session of a date, and the last completed session before it.
    pub fn session_before(&self, date: Date) -> Option<Date> {
        self.market().previous_session(date).ok().map(|s| s.date)
    }

    /// Returns the newest artifact of a name.
    ///
    /// # Errors
    /// [`BooksError`] when the books cannot be read.
    pub fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError> {
        self.setup.books.latest(name)
    }

    pub(crate) fn hold_choke(&self) -> MutexGuard<'_, ()> {
        self.choke.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_settlement(&self) -> MutexGuard<'_, Option<Step>> {
        self.next_settlement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes entries until the same cause is cleared.
    pub fn block(&self, cause: &str, why: String) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).insert(cause.to_owned(), why);
    }

    /// Clears a cause that closed entries.
    pub fn unblock(&self, cause: &str) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).remove(cause);
    }

    /// Returns what closes entries now.
    pub fn blocks(&self) -> Vec<String> {
        self.blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(cause, why)| format!("{cause}: {why}"))
            .collect()
    }
}
