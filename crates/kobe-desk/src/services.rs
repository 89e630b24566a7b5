//! Services: what the functions of the desk share.
//!
//! One value for the whole desk: data, books, broker, kill switch, host and clock behind their ports, and the few things that are remembered between calls (what closes
//! entries, how far the books are settled). Functions get it with every call; nothing here knows a function by name. Start at [`Services::new`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Market};
use kobe_engine::Clock;
use kobe_trade::book::Book;
use kobe_trade::chain::{self, Head};
use kobe_trade::fact::{Fact, What};
use kobe_trade::fees::{FeeError, FeeTable};
use kobe_trade::kill::{KillRecord, Trigger};
use kobe_trade::money::Decimal;
use kobe_trade::ports::{Artifact, Books, BooksError, Broker, Host, KillSwitch};

use crate::data::{DataError, DataSet};
use crate::settle::Step;

/// Blocks of the audit chain that are read at once.
const CHAIN_CHUNK: u64 = 1000;
/// What closes entries from the start of a desk of today until books and broker were compared.
pub(crate) const RECONCILIATION: &str = "reconciliation";

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
    /// Identity of the configuration at the start; a reload puts another in its place with [`Services::set_config`].
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
    /// The configuration in force.
    config: RwLock<String>,
    /// When this desk was put together: what an earlier process found fit is no proof for this one.
    started: Timestamp,
    /// How far the audit chain was verified by this process.
    verified: Mutex<Head>,
    /// When the stops of the open positions were last evaluated.
    stop_check: Mutex<Option<Timestamp>>,
    /// Hears when a cause closes entries, and when it no longer does.
    on_block: OnceLock<OnBlock>,
}

/// Hears of a cause that closes entries, with why, or that it no longer does. Must not wait for anything.
pub type OnBlock = Box<dyn Fn(&str, Option<&str>) + Send + Sync>;

impl Services {
    /// Puts a desk together. A desk of today opens nothing before [`Services::make_ready`] or a reconciliation has found books and broker alike; the account of a
    /// replay begins empty and is known from its first fact.
    pub fn new(setup: Setup) -> Services {
        let mut blocks = BTreeMap::new();
        if setup.era == Era::Live {
            blocks.insert(RECONCILIATION.to_owned(), "books and broker were not compared since the start".to_owned());
        }
        Services {
            choke: Mutex::new(()),
            next_settlement: Mutex::new(None),
            blocks: Mutex::new(blocks),
            config: RwLock::new(setup.config.clone()),
            started: setup.clock.now(),
            verified: Mutex::new(Head::default()),
            stop_check: Mutex::new(None),
            on_block: OnceLock::new(),
            setup,
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

    /// Returns the identity of the configuration in force.
    pub fn config(&self) -> String {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another configuration in force: a preflight that passed under the one before counts no more.
    pub fn set_config(&self, hash: &str) {
        hash.clone_into(&mut self.config.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns when this desk was put together.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Returns when the stops of the open positions were last evaluated by this process.
    pub fn last_stop_check(&self) -> Option<Timestamp> {
        *self.stop_check.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that every open position was held against its stop.
    pub(crate) fn stops_checked(&self, at: Timestamp) {
        *self.stop_check.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Returns how many positions are open.
    pub fn open_positions(&self) -> usize {
        self.book().positions().len()
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

    /// Notes in the audit chain what is about no order; before the account opens there is nothing to note it in.
    ///
    /// # Errors
    /// [`BooksError`] when the books cannot be written.
    pub(crate) fn note(&self, at: Timestamp, about: &str, detail: BTreeMap<String, String>) -> Result<(), BooksError> {
        let fact = self.fact(at, What::Noted { about: about.to_owned(), detail });
        loop {
            let book = self.book();
            if !book.is_open() {
                return Ok(());
            }
            match self.append(&book, vec![fact.clone()]) {
                Ok(_) => return Ok(()),
                // Somebody else booked something meanwhile: look again.
                Err(BooksError::Conflict { .. }) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Returns the session of a date, and the last completed session before it.
    pub fn session_before(&self, date: Date) -> Option<Date> {
        self.market().previous_session(date).ok().map(|s| s.date)
    }

    /// Returns the last session that is over at an instant: its bar is the newest that may be known.
    ///
    /// # Errors
    /// [`CalendarError`] where the calendar does not know it.
    pub(crate) fn completed(&self, now: Timestamp) -> Result<Date, CalendarError> {
        let (exchange, date) = (self.market().exchange(), self.market().date_of(now));
        match exchange.session_on(date)? {
            Some(session) if session.close <= now => Ok(date),
            _ => exchange.previous_session_date(date),
        }
    }

    /// Verifies the audit chain up to its stored head, and returns that head.
    ///
    /// What this process has verified before is not read again unless the `whole` chain is asked for.
    ///
    /// # Errors
    /// A sentence that names the first bad line, or why the books cannot be read.
    pub fn verify_chain(&self, whole: bool) -> Result<Head, String> {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let mut head = if whole { Head::default() } else { verified.clone() };
        // The head is read first: what is booked meanwhile lies behind it and is left for the next time.
        let stored = self.books().head().map_err(|e| e.to_string())?;
        while head.count < stored.count {
            let most = CHAIN_CHUNK.min(stored.count - head.count);
            let blocks = self.books().blocks(head.count, most as usize).map_err(|e| e.to_string())?;
            if blocks.is_empty() {
                break;
            }
            head = chain::verify_after(&head, &blocks, None).map_err(|e| e.to_string())?;
        }
        head = chain::verify_after(&head, &[], Some(&stored)).map_err(|e| e.to_string())?;
        verified.clone_from(&head);
        Ok(head)
    }

    /// Pulls the kill switch and books it; one that is pulled already keeps its first record, and `None` says that nothing was done.
    ///
    /// # Errors
    /// A sentence, when the switch could not be pulled or the trip not be booked.
    pub(crate) fn trip(
        &self,
        reason: &str,
        trigger: Trigger,
        context: BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Option<KillRecord>, String> {
        if self.book().kill().active.is_some() {
            return Ok(None);
        }
        let record = KillRecord { context, ..KillRecord::new(reason, trigger, at, "auto_trigger") };
        self.kill().trip(&record)?;
        // Whoever pulled first is what the switch says now.
        let found = self.kill().read(at);
        let (_, booked) =
            crate::kill::note(self.books(), &found, at, self.market().date_of(at)).map_err(|e| e.to_string())?;
        Ok(booked)
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

    /// Has `hear` called whenever a cause closes entries that did not before, and when it no longer does. Set once; a later call changes nothing.
    pub fn on_block(&self, hear: OnBlock) {
        let _ = self.on_block.set(hear);
    }

    /// Closes entries until the same cause is cleared.
    pub fn block(&self, cause: &str, why: String) {
        let before = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).insert(cause.to_owned(), why.clone());
        if let (None, Some(hear)) = (before, self.on_block.get()) {
            hear(cause, Some(&why));
        }
    }

    /// Clears a cause that closed entries.
    pub fn unblock(&self, cause: &str) {
        let before = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).remove(cause);
        if let (Some(_), Some(hear)) = (before, self.on_block.get()) {
            hear(cause, None);
        }
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
