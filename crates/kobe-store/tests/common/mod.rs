//! What the tests of all stores share: a small desk, rows and facts to write, and the keepers that are compared.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use kobe_engine::{Batch, JournalRow, Outbox, Store, StoreError};
use kobe_plan::run::CursorRow;
use kobe_plan::{Catalog, Change, Desk, Outcome, Reason, Run, RunId, SourceFile, State, TaskIx, Verb};
use kobe_store::{
    AlertRow, MemoryBooks, MemoryStore, NewWish, Opening, OperatorRow, Reader, RunRow, SqliteBooks, SqliteStore,
    WishRow,
};
use kobe_trade::Strategy;
use kobe_trade::case::ExitCase;
use kobe_trade::check::Ask;
use kobe_trade::fact::{Fact, What};
use kobe_trade::gate::judge_exit;
use kobe_trade::id::{ClientId, DecisionId, PacketId, PositionId, Side, Symbol};
use kobe_trade::kill::KillAnswer;
use kobe_trade::money::Decimal;
use kobe_trade::order::{ExitReason, Fill, Intent, OrderEvent, Ticket};
use kobe_trade::packet::{Evidence, Inputs, Packet};
use kobe_trade::policy::{Endpoint, PolicyMode};
use kobe_trade::ports::Books;

pub const NOW: &str = "2026-11-23T15:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn opening() -> Opening<'static> {
    Opening { now: at(NOW), build: "kobe 0.1.0 (test)", calendar: "XNYS test", tzdb: "2026a" }
}

/// A desk of many plain tasks and a few of other kinds.
pub fn desk_of(tasks: usize) -> Arc<Desk> {
    let mut text = String::from(
        r#"
[[group]]
name = "g"
[[group.task]]
name = "alpha"
does = "Runs at the open."
command = ["x"]
at = "open"
[[group.task]]
name = "beta"
does = "Runs every seven minutes."
command = ["x"]
every = "7m"
[[group.task]]
name = "gamma"
does = "Runs when it is quiet."
command = ["x"]
cooldown = "50m"
modes = ["research", "learning"]
[[group.task]]
name = "delta"
does = "Fails at first."
command = ["x"]
at = "01:30"
retries = 2
"#,
    );
    for i in 0..tasks {
        text.push_str(&format!("[[group.task]]\nname = \"task_{i}\"\ncommand = [\"x\"]\nat = \"10:00\"\n"));
    }
    let files = [SourceFile { name: "t.toml".into(), text }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

pub fn desk() -> Arc<Desk> {
    desk_of(0)
}

/// A pending run.
pub fn run(id: u64, task: u32, slot: &str) -> Run {
    Run {
        id: RunId(id),
        task: TaskIx(task),
        slot: slot.parse().unwrap_or_else(|e| panic!("{e}")),
        due: at(NOW),
        priority: 3,
        state: State::Pending,
        reason: None,
        outcome: None,
        attempt: 0,
        planned_at: at(NOW),
        started_at: None,
        ended_at: None,
        retry_at: None,
        catchup: false,
        dst_shifted: false,
        covers: 1,
        since: None,
    }
}

pub fn running(mut run: Run, attempt: u32) -> Run {
    run.state = State::Running;
    run.attempt = attempt;
    run.started_at = Some(run.due);
    run
}

pub fn completed(run: Run) -> Run {
    let attempt = run.attempt.max(1);
    let mut run = running(run, attempt);
    run.state = State::Completed;
    run.outcome = Some(Outcome::Ok("done".into()));
    run.ended_at = Some(at(NOW));
    run
}

pub fn skipped(mut run: Run, reason: Reason) -> Run {
    run.state = State::Skipped;
    run.reason = Some(reason);
    run.ended_at = Some(at(NOW));
    run
}

pub fn cursor(task: u32, planned_to: &str, turns: u64) -> Change {
    Change::Cursor(CursorRow { task: TaskIx(task), planned_to: at(planned_to), turns, last_turn: None })
}

pub fn commit(store: &mut dyn Store, changes: &[Change]) -> Result<(), StoreError> {
    commit_on(&desk(), store, changes)
}

pub fn commit_on(desk: &Desk, store: &mut dyn Store, changes: &[Change]) -> Result<(), StoreError> {
    store.commit(&Batch { desk, at: at(NOW), changes, journal: &[] })
}

/// Says a conflict, and fails for anything else.
pub fn conflict(result: Result<(), StoreError>, name: &str) -> String {
    match result {
        Err(StoreError::Conflict(why)) => why,
        other => panic!("{name}: {other:?} is no conflict"),
    }
}

/// A store and books that can be closed and opened again.
pub trait Keeper {
    fn name(&self) -> &'static str;
    fn store(&mut self) -> &mut dyn Store;
    fn books(&self) -> &dyn Books;
    /// Closes everything and opens it again; in memory nothing happens.
    fn reopen(&mut self);
    fn run(&self, id: u64) -> Option<RunRow>;
    fn runs(&self) -> Vec<RunRow>;
    fn add_wish(&mut self, task: &str) -> u128 {
        self.add(&NewWish { verb: Verb::Run, name: task, reason: "a test", operator: "ann" })
    }
    fn add(&mut self, wish: &NewWish<'_>) -> u128;
    fn wish(&self, id: u128) -> Option<WishRow>;
    fn outbox(&self) -> Box<dyn Outbox>;
    fn on_alert(&self, ring: Arc<dyn Fn() + Send + Sync>);
    fn alerts(&self) -> Vec<AlertRow>;
    fn holds(&self) -> Vec<(String, String, String)>;
    fn operator_log(&self) -> Vec<OperatorRow>;
    fn journal(&self) -> Vec<JournalRow>;
}

#[derive(Default)]
pub struct InMemory {
    store: MemoryStore,
    books: MemoryBooks,
    wishes: u128,
}

impl Keeper for InMemory {
    fn name(&self) -> &'static str {
        "memory"
    }
    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
    fn books(&self) -> &dyn Books {
        &self.books
    }
    fn reopen(&mut self) {}
    fn run(&self, id: u64) -> Option<RunRow> {
        self.store.run(id)
    }
    fn runs(&self) -> Vec<RunRow> {
        self.store.runs().collect()
    }
    fn add(&mut self, wish: &NewWish<'_>) -> u128 {
        self.wishes += 1;
        self.store.add_wish(self.wishes, wish, at(NOW));
        self.wishes
    }
    fn wish(&self, id: u128) -> Option<WishRow> {
        self.store.wish(id).cloned()
    }
    fn outbox(&self) -> Box<dyn Outbox> {
        Box::new(self.store.outbox())
    }
    fn on_alert(&self, ring: Arc<dyn Fn() + Send + Sync>) {
        self.store.outbox().on_alert(ring);
    }
    fn alerts(&self) -> Vec<AlertRow> {
        self.store.outbox().alerts()
    }
    fn holds(&self) -> Vec<(String, String, String)> {
        self.store.holds().map(|h| (h.held.to_string(), h.reason.clone(), h.operator.clone())).collect()
    }
    fn operator_log(&self) -> Vec<OperatorRow> {
        self.store.operator_log().to_vec()
    }
    fn journal(&self) -> Vec<JournalRow> {
        self.store.journal().to_vec()
    }
}

pub struct InSqlite {
    dir: tempfile::TempDir,
    open: Option<(SqliteStore, SqliteBooks)>,
}

impl InSqlite {
    pub fn new() -> InSqlite {
        let dir = tempfile::tempdir().expect("a directory");
        let mut keeper = InSqlite { dir, open: None };
        keeper.reopen();
        keeper
    }

    pub fn state(&self) -> &Path {
        self.dir.path()
    }

    pub fn reader(&self) -> Reader {
        Reader::open(self.state()).unwrap_or_else(|e| panic!("{e}")).expect("there is a database")
    }
}

impl Keeper for InSqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }
    fn store(&mut self) -> &mut dyn Store {
        &mut self.open.as_mut().expect("it is open").0
    }
    fn books(&self) -> &dyn Books {
        &self.open.as_ref().expect("it is open").1
    }
    fn reopen(&mut self) {
        self.open = None;
        let store = SqliteStore::open(self.dir.path(), &opening()).unwrap_or_else(|e| panic!("{e}"));
        let books = store.books().unwrap_or_else(|e| panic!("{e}"));
        self.open = Some((store, books));
    }
    fn run(&self, id: u64) -> Option<RunRow> {
        self.reader().run(id).unwrap_or_else(|e| panic!("{e}"))
    }
    fn runs(&self) -> Vec<RunRow> {
        self.reader().runs_from(0, usize::MAX).unwrap_or_else(|e| panic!("{e}"))
    }
    fn add(&mut self, wish: &NewWish<'_>) -> u128 {
        kobe_store::add_wish(self.dir.path(), wish, at(NOW)).unwrap_or_else(|e| panic!("{e}"))
    }
    fn wish(&self, id: u128) -> Option<WishRow> {
        self.reader().wish(id).unwrap_or_else(|e| panic!("{e}"))
    }
    fn outbox(&self) -> Box<dyn Outbox> {
        Box::new(self.open.as_ref().expect("it is open").0.outbox().unwrap_or_else(|e| panic!("{e}")))
    }
    fn on_alert(&self, ring: Arc<dyn Fn() + Send + Sync>) {
        self.open.as_ref().expect("it is open").0.on_alert(ring);
    }
    fn alerts(&self) -> Vec<AlertRow> {
        let mut alerts = self.reader().alerts(usize::MAX, false).unwrap_or_else(|e| panic!("{e}"));
        alerts.reverse();
        alerts
    }
    fn holds(&self) -> Vec<(String, String, String)> {
        let holds = self.reader().holds().unwrap_or_else(|e| panic!("{e}"));
        holds.into_iter().map(|h| (format!("{} {}", h.kind, h.name), h.reason, h.operator)).collect()
    }
    fn operator_log(&self) -> Vec<OperatorRow> {
        assert!(self.reader().verify_operator_log().unwrap_or_else(|e| panic!("{e}")).is_ok(), "the log is whole");
        self.reader().operator_log(0, usize::MAX).unwrap_or_else(|e| panic!("{e}"))
    }
    fn journal(&self) -> Vec<JournalRow> {
        let (from, to) = (jiff::Timestamp::UNIX_EPOCH, at("2100-01-01T00:00:00Z"));
        self.reader().journal(from, to).unwrap_or_else(|e| panic!("{e}"))
    }
}

/// Every store there is; a new one is added here.
pub fn keepers() -> Vec<Box<dyn Keeper>> {
    vec![Box::new(InMemory::default()), Box::new(InSqlite::new())]
}

pub fn d(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// A Monday.
pub const DAY: Date = date(2026, 11, 23);

pub fn fact(day: Date, what: What) -> Fact {
    Fact::new(at(&format!("{day}T15:15:00Z")), day, what)
}

pub fn opened(cash: &str) -> Fact {
    fact(DAY, What::Opened { cash: d(cash) })
}

pub fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap_or_else(|e| panic!("{e}"))
}

pub fn decision(day: Date, name: &str) -> DecisionId {
    DecisionId::entry(day, &symbol(name), Side::Buy)
}

pub fn intended(day: Date, of: Date, name: &str, qty: u64, limit: &str) -> Fact {
    let ticket = Ticket {
        decision: decision(of, name),
        packet: PacketId::stored("PKT_1"),
        intent: Intent::Entry,
        day,
        created: at(&format!("{day}T15:15:00Z")),
        symbol: symbol(name),
        side: Side::Buy,
        qty,
        limit: Some(d(limit)),
        strategy: Strategy::IbsRsi,
        distance: Some(d("5.00")),
        position: None,
        reason: None,
        mode: PolicyMode::Paper,
        gates: Vec::new(),
    };
    fact(day, What::Intended { ticket: Box::new(ticket) })
}

pub fn ordered(day: Date, of: Date, name: &str, event: OrderEvent) -> Fact {
    fact(day, What::Ordered { decision: decision(of, name), change: event })
}

pub fn sent() -> OrderEvent {
    OrderEvent::Sent { broker: Some("B-17".into()) }
}

pub fn filled(of: Date, name: &str, shares: u64, price: &str) -> OrderEvent {
    let client = ClientId::of(&decision(of, name), 0);
    OrderEvent::Filled { client, fill: Fill::at(shares, d(price), d("0.01")) }
}

/// A packet about an exit that nobody could judge.
pub fn packet(name: &str) -> Packet {
    let position = PositionId::of(DAY, &symbol(name));
    let case = ExitCase {
        at: at("2026-11-23T15:15:00Z"),
        day: DAY,
        decision: DecisionId::exit(DAY, &symbol(name), &position, ExitReason::Time),
        symbol: symbol(name),
        position,
        reason: ExitReason::Time,
        strategy: Strategy::IbsRsi,
        replay: false,
        kill: KillAnswer::Clear,
        endpoint: Ask::Known(Endpoint::Embedded),
        mode: PolicyMode::Paper,
        zone: Ask::Unknown("nobody asked".into()),
        quote: Ask::Unknown("nobody asked".into()),
        free: Ask::Known(10),
        qty: 10,
    };
    let judgement = judge_exit(&case);
    Packet::seal("kobe 0.1.0 (test)", Inputs::Exit(Box::new(case)), judgement, Vec::new(), Evidence::none())
        .unwrap_or_else(|e| panic!("{e}"))
}
