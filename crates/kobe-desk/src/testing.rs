//! A desk for tests: books in memory, the bundled bars, a clock that stands where it is put, and the tasks of the repository.
//!
//! A test calls a task by its name, so that it proves the row of the desk files together with the function. Start at [`Fixture::replay`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::DateTime;
use kobe_calendar::Market;
use kobe_engine::{Attempt, Clock, Handler, Stop, VirtualClock};
use kobe_plan::{Desk, Outcome, RunId, Slot, SourceFile};
use kobe_quant::Strategy;
use kobe_trade::book::Book;
use kobe_trade::chain::{self, Block, Head};
use kobe_trade::fact::{Fact, What};
use kobe_trade::id::{ClientId, DecisionId, PacketId, PositionId, Side, Symbol};
use kobe_trade::kill::KillState;
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::{ExitReason, Fill, Intent, OrderEvent, Ticket};
use kobe_trade::policy::PolicyMode;
use kobe_trade::ports::{Artifact, Books, BooksError, Broker, Host, KillSwitch};
use serde_json::Value;

use crate::broker::PaperBroker;
use crate::functions;
use crate::handler::DeskHandler;
use crate::host::ReplayHost;
use crate::kill::ReplayKill;
use crate::reconcile::Asker;
use crate::services::{Era, Services, Setup, Source};

static MARKET: LazyLock<Arc<Market>> = LazyLock::new(|| Arc::new(Market::bundled().expect("the bundled market reads")));
static SOURCE: LazyLock<Arc<Source>> = LazyLock::new(|| Arc::new(Source::new(None)));
static DESK: LazyLock<Arc<Desk>> = LazyLock::new(|| {
    let mut files = Vec::new();
    read(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../desk")), &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Arc::new(Desk::parse(&files, &functions::catalog()).unwrap_or_else(|problems| panic!("{problems:?}")))
});

fn read(dir: &Path, files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(dir).expect("the desk's folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, files);
        } else if path.extension().is_some_and(|end| end == "toml") {
            files.push(SourceFile {
                name: path.display().to_string(),
                text: std::fs::read_to_string(&path).expect("a desk file"),
            });
        }
    }
}

/// Books that end with the process.
#[derive(Default)]
pub(crate) struct MemoryBooks(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    book: Arc<Book>,
    blocks: Vec<Block>,
    head: Head,
    artifacts: BTreeMap<String, Artifact>,
}

impl MemoryBooks {
    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MemoryBooks {
    /// Changes what a line of the audit chain records, counted from 1.
    pub(crate) fn spoil(&self, line: usize) {
        self.kept(|kept| kept.blocks[line - 1].payload["at"] = "1999-01-01T00:00:00Z".into());
    }
}

impl Books for MemoryBooks {
    fn book(&self) -> Arc<Book> {
        self.kept(|kept| Arc::clone(&kept.book))
    }

    fn append(&self, expected: u64, facts: Vec<Fact>) -> Result<Arc<Book>, BooksError> {
        self.kept(|kept| {
            let actual = kept.book.version();
            if actual != expected {
                return Err(BooksError::Conflict { expected, actual });
            }
            let mut book = Book::clone(&kept.book);
            facts.iter().try_for_each(|fact| book.apply(fact))?;
            let (blocks, head) = chain::seal(&kept.head, &facts)?;
            kept.blocks.extend(blocks);
            (kept.book, kept.head) = (Arc::new(book), head);
            Ok(Arc::clone(&kept.book))
        })
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<Block>, BooksError> {
        Ok(self.kept(|kept| kept.blocks.iter().skip(from as usize).take(limit).cloned().collect()))
    }

    fn head(&self) -> Result<Head, BooksError> {
        Ok(self.kept(|kept| kept.head.clone()))
    }

    fn put(&self, artifact: Artifact) -> Result<(), BooksError> {
        self.kept(|kept| kept.artifacts.insert(artifact.name.clone(), artifact));
        Ok(())
    }

    fn latest(&self, name: &str) -> Result<Option<Artifact>, BooksError> {
        Ok(self.kept(|kept| kept.artifacts.get(name).cloned()))
    }
}

/// What a desk of a test may differ in.
pub(crate) struct Options {
    /// Today or the past.
    pub era: Era,
    /// The machine.
    pub host: Arc<dyn Host>,
    /// The switch.
    pub kill: Arc<dyn KillSwitch>,
    /// Who stands in for the embedded broker.
    pub broker: Option<Arc<dyn Broker>>,
    /// The data.
    pub source: Arc<Source>,
    /// Where reports go.
    pub reports: Option<PathBuf>,
}

impl Options {
    /// A sound desk.
    pub(crate) fn of(era: Era) -> Options {
        Options {
            era,
            host: Arc::new(ReplayHost),
            kill: Arc::new(ReplayKill::at(None)),
            broker: None,
            source: Arc::clone(&SOURCE),
            reports: None,
        }
    }
}

/// A desk with 100,000.00 in cash.
pub(crate) struct Fixture {
    /// Its services.
    pub services: Arc<Services>,
    /// Its books.
    pub books: Arc<MemoryBooks>,
    clock: Arc<VirtualClock>,
    handler: DeskHandler,
    /// Its broker is not the embedded one, so nobody knows yet what it holds.
    brings_broker: bool,
}

impl Fixture {
    /// Opens a desk that lives through the past, at a New York time.
    pub(crate) fn replay(at: &str) -> Fixture {
        Fixture::with(Options::of(Era::Replay), at)
    }

    /// Opens a desk of today, which stands at a New York time all the same.
    pub(crate) fn live(at: &str) -> Fixture {
        Fixture::with(Options::of(Era::Live), at)
    }

    /// Opens a desk.
    pub(crate) fn with(options: Options, at: &str) -> Fixture {
        let desk = Fixture::over(Arc::new(MemoryBooks::default()), options, at);
        if !desk.brings_broker {
            let asker = Asker { function: "test", task: "test" };
            desk.services.reconcile(desk.clock.now(), asker).expect("the embedded broker answers");
        }
        desk
    }

    /// Starts a process on the books of an earlier one, as far as a desk is put together: nothing was made ready yet.
    pub(crate) fn restart(&self, options: Options, at: &str) -> Fixture {
        Fixture::over(Arc::clone(&self.books), options, at)
    }

    fn over(books: Arc<MemoryBooks>, options: Options, at: &str) -> Fixture {
        let clock = Arc::new(VirtualClock::new(instant(at)));
        let shared: Arc<dyn Books> = Arc::clone(&books) as Arc<dyn Books>;
        let Options { era, host, kill, broker, source, reports } = options;
        let embedded = || {
            Arc::new(PaperBroker::new(Arc::clone(&MARKET), Arc::clone(&source), Arc::clone(&shared), era))
                as Arc<dyn Broker>
        };
        let (brings_broker, broker) = (broker.is_some(), broker.unwrap_or_else(embedded));
        let services = Arc::new(Services::new(Setup {
            market: Arc::clone(&MARKET),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            source,
            books: shared,
            broker,
            kill,
            host,
            era,
            build: "test".into(),
            config: DESK.hash.clone(),
            reports,
        }));
        services.open_account(Decimal::from(100_000), clock.now()).expect("the account opens");
        services.settle_until(clock.now()).expect("the books settle");
        let handler = DeskHandler::new(Arc::clone(&services));
        Fixture { services, books, clock, handler, brings_broker }
    }

    /// Puts the clock to a New York time.
    pub(crate) fn at(&self, at: &str) -> &Fixture {
        self.clock.set(instant(at));
        self
    }

    /// Runs a task of the repository's desk now.
    pub(crate) fn run(&self, task: &str) -> Outcome {
        let task = DESK.find(task).unwrap_or_else(|| panic!("the desk has no task {task}"));
        let now = self.clock.now();
        let attempt = Attempt {
            run: RunId(1),
            desk: Arc::clone(&DESK),
            task,
            slot: Slot::Manual { id: 1 },
            due: now,
            attempt: 1,
            catchup: false,
            now,
        };
        self.handler.run(&attempt, &Stop::default())
    }

    /// Runs a task that must be ok, and returns what it said.
    pub(crate) fn ok(&self, task: &str) -> String {
        match self.run(task) {
            Outcome::Ok(note) => note.into_owned(),
            other => panic!("{task}: {other:?}"),
        }
    }

    /// Returns the newest artifact of a name.
    pub(crate) fn left(&self, name: &str) -> Value {
        self.books.latest(name).expect("books in memory").unwrap_or_else(|| panic!("nothing left {name}")).body
    }

    /// Returns the books.
    pub(crate) fn book(&self) -> Arc<Book> {
        self.books.book()
    }

    /// Tells whether the switch is pulled.
    pub(crate) fn is_killed(&self) -> bool {
        self.services.kill().read(self.clock.now()) != KillState::Clear
    }

    fn append(&self, facts: Vec<What>) {
        let now = self.clock.now();
        let facts = facts.into_iter().map(|what| self.services.fact(now, what)).collect();
        self.services.append(&self.book(), facts).expect("facts that can be");
    }

    /// Returns the time of the clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the hash of the configuration that the tasks are run under.
    pub(crate) fn config(&self) -> &'static str {
        &DESK.hash
    }

    /// Books an entry that filled at a price now, with a stop at the broker.
    pub(crate) fn buy(&self, symbol: &str, qty: u64, price: &str, distance: &str) {
        let decision = self.intend(symbol, qty, price, distance);
        let (price, distance) = (decimal(price), decimal(distance));
        let position = PositionId::of(MARKET.date_of(self.clock.now()), &Symbol::new(symbol).expect("a symbol"));
        self.fill(&decision, Fill::at(qty, price, Decimal::ZERO));
        self.append(vec![What::StopPlaced {
            client: ClientId::stop(&position),
            position,
            qty,
            stop: money::cents(price - distance),
        }]);
    }

    /// Books an entry that filled at a price now, of which no stop stands at the broker.
    pub(crate) fn buy_bare(&self, symbol: &str, qty: u64, price: &str, distance: &str) {
        let decision = self.intend(symbol, qty, price, distance);
        self.fill(&decision, Fill::at(qty, decimal(price), Decimal::ZERO));
    }

    /// Books the intent of an entry that nobody has sent yet.
    pub(crate) fn intend(&self, symbol: &str, qty: u64, price: &str, distance: &str) -> DecisionId {
        let (day, symbol) = (MARKET.date_of(self.clock.now()), Symbol::new(symbol).expect("a symbol"));
        let (price, distance) = (decimal(price), decimal(distance));
        let decision = DecisionId::entry(day, &symbol, Side::Buy);
        let ticket = Ticket {
            intent: Intent::Entry,
            side: Side::Buy,
            qty,
            limit: Some(price),
            distance: Some(distance),
            position: None,
            reason: None,
            ..self.ticket(&decision, symbol)
        };
        self.append(vec![What::Intended { ticket: Box::new(ticket) }]);
        decision
    }

    /// Books that the broker has taken an order.
    pub(crate) fn sent(&self, decision: &DecisionId) {
        let change = OrderEvent::Sent { broker: None };
        self.append(vec![What::Ordered { decision: decision.clone(), change }]);
    }

    /// Books the exit of a whole position at a price now.
    pub(crate) fn sell(&self, symbol: &str, price: &str, fees: &str) {
        let now = self.clock.now();
        let symbol = Symbol::new(symbol).expect("a symbol");
        let held = self.book().position(&symbol).expect("a position").clone();
        let decision = DecisionId::exit(MARKET.date_of(now), &symbol, &held.id, ExitReason::Indicator);
        let ticket = Ticket {
            intent: Intent::Exit,
            side: Side::Sell,
            qty: held.qty,
            limit: None,
            distance: None,
            position: Some(held.id),
            reason: Some(ExitReason::Indicator),
            ..self.ticket(&decision, symbol)
        };
        self.append(vec![What::Intended { ticket: Box::new(ticket) }]);
        self.fill(&decision, Fill::at(held.qty, decimal(price), decimal(fees)));
    }

    fn ticket(&self, decision: &DecisionId, symbol: Symbol) -> Ticket {
        let now = self.clock.now();
        Ticket {
            decision: decision.clone(),
            packet: PacketId::stored("PKT_test"),
            intent: Intent::Entry,
            day: MARKET.date_of(now),
            created: now,
            symbol,
            side: Side::Buy,
            qty: 1,
            limit: None,
            strategy: Strategy::IbsRsi,
            distance: None,
            position: None,
            reason: None,
            mode: PolicyMode::Paper,
            gates: Vec::new(),
        }
    }

    fn fill(&self, decision: &DecisionId, fill: Fill) {
        let ordered = |change| What::Ordered { decision: decision.clone(), change };
        let client = ClientId::of(decision, 0);
        self.append(vec![
            ordered(OrderEvent::Sent { broker: None }),
            ordered(OrderEvent::Filled { client, fill }),
            ordered(OrderEvent::Closed),
        ]);
    }
}

/// Returns the instant of a New York time.
pub(crate) fn instant(at: &str) -> Timestamp {
    MARKET.instant(at.parse::<DateTime>().expect("a time like 2012-05-01T10:00")).at
}

/// Reads a decimal.
pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}
