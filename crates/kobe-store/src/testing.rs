//! What the tests inside this crate share: a state with some rows, and a process that is killed between two steps.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use kobe_engine::{Batch, JournalRow, Store as _};
use kobe_plan::alert::Severity;
use kobe_plan::run::CursorRow;
use kobe_plan::{Alert, AlertKind, Catalog, Change, Desk, Held, Hold, Outcome, Run, RunId, SourceFile, State, TaskIx};
use kobe_trade::fact::{Fact, What};
use kobe_trade::ports::Books as _;

use crate::{Opening, SqliteStore};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(crate) fn now() -> Timestamp {
    at("2026-11-23T15:00:00Z")
}

pub(crate) fn opening() -> Opening<'static> {
    Opening { now: now(), build: "kobe 0.1.0 (test)", calendar: "XNYS test", tzdb: "2026a" }
}

pub(crate) fn open(state: &Path) -> SqliteStore {
    SqliteStore::open(state, &opening()).unwrap_or_else(|e| panic!("{e}"))
}

fn desk() -> Arc<Desk> {
    let text = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"alpha\"\ncommand = [\"x\"]\nat = \"open\"\n";
    let files = [SourceFile { name: "t.toml".into(), text: text.into() }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

/// Stores the run of a number, with a cursor, an alert, a hold and a journal row, and a fact of the same number.
pub(crate) fn live(store: &mut SqliteStore, id: u64) {
    let slot = format!("#{id}").parse().unwrap_or_else(|e| panic!("{e}"));
    let run = Run {
        id: RunId(id),
        task: TaskIx(0),
        slot,
        due: now(),
        priority: 3,
        state: State::Completed,
        reason: None,
        outcome: Some(Outcome::Ok("done".into())),
        attempt: 1,
        planned_at: now(),
        started_at: Some(now()),
        ended_at: Some(now()),
        retry_at: None,
        catchup: false,
        dst_shifted: false,
        covers: 1,
        since: None,
    };
    let (reason, operator) = (format!("because of {id}"), String::from("ann"));
    let changes = [
        Change::Run(run),
        Change::Cursor(CursorRow { task: TaskIx(0), planned_to: now(), turns: id, last_turn: None }),
        Change::Alert(Alert::new(AlertKind::Test, Severity::Info, format!("test:{id}"), now(), "a try")),
        Change::Hold(Hold { held: Held::Task("alpha".into()), on: id.is_multiple_of(2), reason, operator, at: now() }),
    ];
    let journal = [JournalRow { at: now(), begins: id == 1, body: "x".repeat(3_000), digest: format!("{id}") }];
    let batch = Batch { desk: &desk(), at: now(), changes: &changes, journal: &journal };
    store.commit(&batch).unwrap_or_else(|e| panic!("{e}"));
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    let what = if id == 1 { What::Opened { cash: "100000.00".parse().expect("a number") } } else { What::WeekClosed };
    books.append(id - 1, vec![Fact::new(now(), date(2026, 11, 23), what)]).unwrap_or_else(|e| panic!("{e}"));
}

/// Makes a state directory with so many runs and closes it.
pub(crate) fn lived_in(state: &Path, runs: u64) {
    let mut store = open(state);
    (1..=runs).for_each(|id| live(&mut store, id));
}

/// How many runs a state has; facts, alerts and journal rows must be as many, and everything whole.
pub(crate) fn runs(state: &Path, name: &str) -> u64 {
    let reader = crate::Reader::open(state).unwrap_or_else(|e| panic!("{name}: {e}"));
    let reader = reader.unwrap_or_else(|| panic!("{name}: there is no database"));
    let checked = crate::check_database(&reader).unwrap_or_else(|e| panic!("{name}: {e}"));
    let all = ["runs", "alerts", "journal", "facts"].map(|table| checked.rows[table]);
    assert_eq!(all, [all[0]; 4], "{name}: what belongs together is there together");
    all[0]
}

/// Runs an ignored test of this crate in a process that is killed on reaching a step; tells whether it was killed, or came to its end.
pub(crate) fn killed_at(step: u64, test: &str, env: &[(&str, &Path)]) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("KOBE_STORE_TEST_DIE_AT", step.to_string()).envs(env.iter().copied());
    let done = command.output().expect("a process");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("running 1 test"), "there is no test {test}");
    match (done.status.signal(), done.status.success()) {
        (Some(9), _) => true,
        (_, true) => false,
        _ => panic!("{test}, step {step}:\n{said}"),
    }
}

/// A path that a test gave to the process it started.
pub(crate) fn given(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name).map(Into::into)
}
