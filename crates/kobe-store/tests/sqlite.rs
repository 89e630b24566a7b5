//! What only a database on a disk has to keep: one instance, rights, durability through kills, answers to readers.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use common::*;
use kobe_engine::{Store as _, StoreError};
use kobe_plan::{Change, Outcome, Reason, State, Verb};
use kobe_store::{NewWish, OpenError, Reader, RunFilter, SqliteStore, WishError, add_wish, holder};
use kobe_trade::fact::What;
use kobe_trade::order::OrderEvent;
use kobe_trade::ports::{Books as _, BooksError};

fn store(state: &Path) -> SqliteStore {
    SqliteStore::open(state, &opening()).unwrap_or_else(|e| panic!("{e}"))
}

fn reader(state: &Path) -> Reader {
    Reader::open(state).unwrap_or_else(|e| panic!("{e}")).expect("there is a database")
}

fn wish() -> NewWish<'static> {
    NewWish { verb: Verb::Run, name: "alpha", reason: "a test", operator: "ann" }
}

#[test]
fn a_second_instance_is_refused_and_told_who_holds_the_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    assert_eq!(holder(&state).expect("it can be asked"), None, "nobody, before there is anything");
    let first = store(&state);
    let books = first.books().unwrap_or_else(|e| panic!("{e}"));
    let held = holder(&state).expect("it can be asked").expect("somebody holds it");
    assert_eq!((held.pid, held.started_at), (std::process::id(), at(NOW)));
    for _ in 0..2 {
        let Err(OpenError::Held { holder: Some(told), .. }) = SqliteStore::open(&state, &opening()) else {
            panic!("two instances have one state");
        };
        assert_eq!(told, held, "asking does not make the lock fall");
    }
    let error = SqliteStore::open(&state, &opening()).expect_err("it is held").to_string();
    let want =
        format!("{} is held by process {} on {}, since 2026-11-23T15:00:00Z", state.display(), held.pid, held.host);
    assert_eq!(error, want);
    drop(first);
    assert!(matches!(SqliteStore::open(&state, &opening()), Err(OpenError::Held { .. })), "its books still hold it");
    drop(books);
    assert_eq!(holder(&state).expect("it can be asked"), None);
    drop(store(&state));
}

#[test]
fn the_state_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("a/state");
    let store = store(&state);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700, "the directory");
    for file in ["kobe.db", "kobe.db-wal", "kobe.db-shm", "kobe.lock", "kobe.reserve", "kobe.mark"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
    drop(store);
    let left: Vec<_> = fs::read_dir(&state).expect("a directory").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 4, "closing leaves the database, the lock, the reserve and the mark: {left:?}");
}

#[test]
fn a_directory_that_cannot_be_written_is_told_with_its_path() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).expect("it is ours");
    let probe = dir.path().join("probe");
    if fs::write(&probe, "").is_ok() {
        // The superuser writes wherever it likes: the rights of a directory mean nothing here.
        return;
    }
    let error = SqliteStore::open(&dir.path().join("state"), &opening()).expect_err("nothing can be made there");
    assert!(matches!(&error, OpenError::Store(StoreError::Io(text)) if text.contains("state")), "{error}");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
}

#[test]
fn a_database_in_a_place_that_cannot_be_is_told_with_its_path() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("a file");
    let error = SqliteStore::open(&file.join("state"), &opening()).expect_err("a file is no directory");
    assert!(matches!(&error, OpenError::Store(StoreError::Io(text)) if text.contains("file/state")), "{error}");
}

#[test]
fn a_closed_database_can_be_read_where_nothing_can_be_written() {
    let dir = tempfile::tempdir().expect("a directory");
    commit(&mut store(dir.path()), &[Change::Run(run(1, 0, "2026-11-23/open"))]).unwrap_or_else(|e| panic!("{e}"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).expect("it is ours");
    let read = reader(dir.path()).run(1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read.map(|r| r.task), Some("alpha".into()));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
}

/// Commits while images of the disk are taken.
const COMMITS: u64 = 300;

#[test]
fn every_acknowledged_commit_is_in_every_image_of_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path());
    let (acknowledged, over) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(2)));
    let (seen, go, state) = (Arc::clone(&acknowledged), Arc::clone(&over), dir.path().to_owned());
    // A reader that stays in the past keeps the log from beginning anew: it only grows. So a copy of the database and then of the log is what a power cut would have left.
    let past = rusqlite::Connection::open(dir.path().join("kobe.db")).expect("a database");
    past.execute_batch("BEGIN; SELECT count(*) FROM runs").expect("a snapshot");
    let writer = std::thread::spawn(move || {
        let desk = desk();
        for id in 1..=COMMITS {
            let changes = [Change::Run(run(id, 2, &format!("#{id}"))), cursor(2, NOW, id)];
            commit_on(&desk, &mut store, &changes).unwrap_or_else(|e| panic!("{e}"));
            seen.store(id, Ordering::SeqCst);
            if id == 1 {
                go.wait();
            }
        }
        store
    });
    over.wait();
    let mut images: Vec<(u64, tempfile::TempDir)> = Vec::new();
    while !writer.is_finished() {
        let before = acknowledged.load(Ordering::SeqCst);
        if images.last().is_some_and(|(last, _)| before < last + COMMITS / 25) {
            std::thread::yield_now();
            continue;
        }
        let image = tempfile::tempdir().expect("a directory");
        for name in ["kobe.db", "kobe.db-wal"] {
            fs::copy(state.join(name), image.path().join(name)).expect("a copy");
        }
        images.push((before, image));
    }
    let store = writer.join().expect("it wrote to the end");
    for (acknowledged, image) in &images {
        let mut copy =
            SqliteStore::open(image.path(), &opening()).unwrap_or_else(|e| panic!("after {acknowledged}: {e}"));
        let found = copy.recover().unwrap_or_else(|e| panic!("after {acknowledged}: {e}"));
        let runs = found.live.len() as u64;
        assert!(runs >= *acknowledged, "{acknowledged} commits were acknowledged, {runs} are there");
        let numbers: Vec<u64> = found.live.iter().map(|r| r.run.id.0).collect();
        assert!(numbers.iter().copied().eq(1..=runs), "the rows are the first {runs}, without a gap");
        assert_eq!(found.cursors.first().map_or(0, |c| c.turns), runs, "run and cursor are one transaction");
    }
    assert!(images.len() > 5, "only {} images", images.len());
    drop(store);
}

/// Not a test of its own: what the killed process of the next test does.
#[test]
#[ignore = "started by a_killed_process_loses_nothing_it_was_told_is_stored"]
fn writes_until_it_is_killed() {
    let Ok(state) = std::env::var("KOBE_STORE_TEST_STATE") else { return };
    let mut store = store(Path::new(&state));
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    let desk = desk();
    let first = store.recover().unwrap_or_else(|e| panic!("{e}")).next_run;
    if books.book().version() == 0 {
        books.append(0, vec![opened("100000.00")]).unwrap_or_else(|e| panic!("{e}"));
    }
    for id in first.. {
        let new = run(id, 2, &format!("#{id}"));
        commit_on(&desk, &mut store, &[Change::Run(new.clone())]).unwrap_or_else(|e| panic!("{e}"));
        println!("born {id}");
        commit_on(&desk, &mut store, &[Change::Run(completed(new)), cursor(2, NOW, id)])
            .unwrap_or_else(|e| panic!("{e}"));
        println!("over {id}");
        let version = books.book().version();
        books.append(version, vec![fact(DAY, What::WeekClosed)]).unwrap_or_else(|e| panic!("{e}"));
        println!("fact {version}");
    }
}

#[test]
fn a_killed_process_loses_nothing_it_was_told_is_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let me = std::env::current_exe().expect("a program");
    // What each life was told: the newest run that was over, and the newest fact.
    let (mut over, mut fact) = (0, 0);
    // Killed early and late, in the opening and between any two steps of a commit.
    for lines in [0, 1, 2, 3, 7, 20, 50, 111, 200, 301] {
        let mut child = Command::new(&me)
            .args(["--exact", "writes_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env("KOBE_STORE_TEST_STATE", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let told = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let words =
            told.map_while(Result::ok).filter(|line| ["born", "over", "fact"].iter().any(|w| line.starts_with(w)));
        for line in words.take(lines) {
            let (what, number) = line.split_once(' ').expect("a word and a number");
            let number: u64 = number.parse().expect("a number");
            match what {
                "over" => over = number,
                "fact" => fact = number,
                _ => {}
            }
        }
        child.kill().expect("it was alive");
        child.wait().expect("it is dead");

        let mut store = store(dir.path());
        let found = store.recover().unwrap_or_else(|e| panic!("killed after {lines} lines: {e}"));
        let rows = reader(dir.path()).runs_from(0, usize::MAX).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            rows.iter().map(|r| r.id).eq(1..found.next_run),
            "killed after {lines} lines: no number is missing or double"
        );
        let done = rows.iter().filter(|r| r.state == State::Completed).count() as u64;
        assert!(done >= over, "killed after {lines} lines: {over} runs were over, {done} are");
        assert!(
            found.live.len() <= 1,
            "killed after {lines} lines: {} runs are neither over nor new",
            found.live.len()
        );
        assert_eq!(
            found.cursors.first().map_or(0, |c| c.turns),
            done,
            "killed after {lines} lines: run and cursor are one transaction"
        );
        let facts = store.books().unwrap_or_else(|e| panic!("killed after {lines} lines: {e}")).book().version();
        assert!(
            facts == 0 && fact == 0 || facts > fact,
            "killed after {lines} lines: fact {fact} was told, {facts} are there"
        );
        // What a life left half done is closed, as the engine does it.
        let left: Vec<Change> = found
            .live
            .into_iter()
            .map(|mut r| {
                r.run.task = kobe_plan::TaskIx(2);
                Change::Run(completed(r.run))
            })
            .collect();
        let turns = found.next_run - 1;
        commit(&mut store, &left).unwrap_or_else(|e| panic!("{e}"));
        commit(&mut store, &[cursor(2, NOW, turns)]).unwrap_or_else(|e| panic!("{e}"));
        over = turns;
    }
    assert!(over > 100, "only {over} runs in ten lives");
}

/// Not a test of its own: another process that asks, wishes and goes.
#[test]
#[ignore = "started by whoever_comes_and_goes_leaves_the_log_alone"]
fn wishes_and_goes() {
    let Ok(state) = std::env::var("KOBE_STORE_TEST_STATE") else { return };
    let state = Path::new(&state);
    assert!(holder(state).expect("it can be asked").is_some());
    add_wish(state, &wish(), at(NOW)).unwrap_or_else(|e| panic!("{e}"));
    reader(state).runs(&RunFilter::newest(1)).unwrap_or_else(|e| panic!("{e}"));
}

/// Closing a file by hand drops every lock that the process has on it. Then an older `sqlite3` that comes and goes takes itself for the last one, and removes the log under our feet.
#[test]
fn whoever_comes_and_goes_leaves_the_log_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path());
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    books.append(0, vec![opened("100.00")]).unwrap_or_else(|e| panic!("{e}"));
    let inode = |name: &str| fs::metadata(dir.path().join(name)).map(|meta| meta.ino()).ok();
    let log = inode("kobe.db-wal");
    assert!(log.is_some());
    for id in 1..=3 {
        // Readers of our own come and go as well.
        drop(reader(dir.path()).run(1).unwrap_or_else(|e| panic!("{e}")));
        assert!(matches!(SqliteStore::open(dir.path(), &opening()), Err(OpenError::Held { .. })));
        if let Ok(locks) = fs::read_to_string("/proc/locks") {
            let ours = format!(" {} ", std::process::id());
            let database = format!(":{} ", inode("kobe.db").expect("it is there"));
            let held =
                locks.lines().any(|lock| lock.contains("READ") && lock.contains(&ours) && lock.contains(&database));
            assert!(held, "our lock on the database is gone:\n{locks}");
        }
        let done = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "wishes_and_goes", "--ignored", "--test-threads=1"])
            .env("KOBE_STORE_TEST_STATE", dir.path())
            .stdout(Stdio::null())
            .status()
            .expect("a process");
        assert!(done.success());
        assert_eq!(inode("kobe.db-wal"), log, "the log is the one we write to");
        commit(&mut store, &[Change::Run(run(id, 2, &format!("#{id}")))]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(store.wishes().unwrap_or_else(|e| panic!("{e}")).len() as u64, id);
    }
    assert_eq!(reader(dir.path()).live_runs().unwrap_or_else(|e| panic!("{e}")).len(), 3);
}

#[test]
fn callers_from_many_threads_each_have_their_own_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path());
    let books = Arc::new(store.books().unwrap_or_else(|e| panic!("{e}")));
    books.append(0, vec![opened("100000.00")]).unwrap_or_else(|e| panic!("{e}"));
    let start = Arc::new(Barrier::new(5));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (books, start) = (Arc::clone(&books), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let mut conflicts = 0;
                for i in 0..25 {
                    let name = format!("{}{i}", ["A", "B", "C", "D"][thread]);
                    loop {
                        let version = books.book().version();
                        match books.append(version, vec![intended(DAY, DAY, &name, 1, "1.00")]) {
                            Ok(book) => break assert!(book.version() > version),
                            Err(BooksError::Conflict { .. }) => conflicts += 1,
                            Err(other) => panic!("{name}: {other}"),
                        }
                    }
                }
                conflicts
            })
        })
        .collect();
    start.wait();
    for id in 1..=50 {
        commit(&mut store, &[Change::Run(run(id, 2, &format!("#{id}")))]).unwrap_or_else(|e| panic!("{e}"));
    }
    let _conflicts: u32 = threads.into_iter().map(|t| t.join().expect("no thread fails")).sum();
    assert_eq!(books.book().version(), 101);
    let reader = reader(dir.path());
    assert_eq!(reader.verify_chain().unwrap_or_else(|e| panic!("{e}")).map(|head| head.count), Ok(101));
    assert_eq!(reader.live_runs().unwrap_or_else(|e| panic!("{e}")).len(), 50);
    assert_eq!(reader.book().unwrap_or_else(|e| panic!("{e}")), *books.book(), "a reader folds the same book");
}

#[test]
fn all_handles_of_the_books_are_the_same_books() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = store(dir.path());
    let (first, second) =
        (store.books().unwrap_or_else(|e| panic!("{e}")), store.books().unwrap_or_else(|e| panic!("{e}")));
    first.append(0, vec![opened("100.00")]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(second.book().version(), 1);
    second.append(1, vec![fact(DAY, What::WeekClosed)]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(first.book(), second.book());
    drop((first, second));
    assert_eq!(store.books().unwrap_or_else(|e| panic!("{e}")).book().version(), 2, "and after all of them have gone");
}

#[test]
fn a_reader_answers_while_another_process_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(Reader::open(dir.path()).expect("it can be asked").is_none(), "no database is no error");
    let mut store = store(dir.path());
    let reader = reader(dir.path());
    let mut failed = completed(run(2, 1, "2026-11-23T15:15:00Z"));
    failed.state = State::Failed;
    failed.outcome = Some(Outcome::Error("the feed is silent".into()));
    let mut missed = skipped(run(5, 2, "#9"), Reason::GraceExpired);
    missed.covers = 4;
    let changes = [
        Change::Run(completed(run(1, 0, "2026-11-23/open"))),
        Change::Run(failed),
        Change::Run(skipped(run(3, 0, "2026-11-26/open"), Reason::Holiday)),
        Change::Run(running(run(4, 3, "2026-11-23T01:30"), 1)),
        Change::Run(missed),
        Change::Run(skipped(run(6, 1, "2026-11-23T15:30:00Z"), Reason::GraceExpired)),
        cursor(0, "2026-11-26T14:30:00Z", 0),
        cursor(1, "2026-11-23T15:30:00Z", 0),
    ];
    commit(&mut store, &changes).unwrap_or_else(|e| panic!("{e}"));
    let ids = |filter: &RunFilter<'_>| -> Vec<u64> {
        reader.runs(filter).unwrap_or_else(|e| panic!("{e}")).iter().map(|r| r.id).collect()
    };
    let all = RunFilter::newest(10);
    let rows: [(&str, RunFilter<'_>, &[u64]); 8] = [
        ("newest first", all, &[6, 5, 4, 3, 2, 1]),
        ("at most two", RunFilter { limit: 2, ..all }, &[6, 5]),
        ("of a task", RunFilter { task: Some("alpha"), ..all }, &[3, 1]),
        ("in a state", RunFilter { state: Some(State::Skipped), ..all }, &[6, 5, 3]),
        ("with a reason", RunFilter { reason: Some(Reason::Holiday), ..all }, &[3]),
        ("of a date", RunFilter { date: Some(DAY), ..all }, &[6, 5, 4, 2, 1]),
        ("all of it", RunFilter { task: Some("beta"), state: Some(State::Failed), date: Some(DAY), ..all }, &[2]),
        ("of nobody", RunFilter { task: Some("nobody"), ..all }, &[]),
    ];
    for (name, filter, want) in rows {
        assert_eq!(ids(&filter), want, "{name}");
    }
    let latest = || -> BTreeMap<String, u64> {
        let rows = reader.latest_runs().unwrap_or_else(|e| panic!("{e}"));
        rows.into_iter().map(|(task, run)| (task, run.id)).collect()
    };
    let newest = |rows: [(&str, u64); 2]| rows.map(|(task, id)| (task.to_owned(), id)).into();
    assert_eq!(latest(), newest([("alpha", 3), ("beta", 6)]), "of the tasks that are planned");
    let counts = reader.counts(DAY).unwrap_or_else(|e| panic!("{e}"));
    let counts: Vec<_> = counts.iter().map(|c| (c.state, c.reason, c.runs, c.slots)).collect();
    let want = [
        (State::Completed, None, 1, 1),
        (State::Failed, None, 1, 1),
        (State::Running, None, 1, 1),
        (State::Skipped, Some(Reason::GraceExpired), 2, 5),
    ];
    assert_eq!(counts, want);
    assert_eq!(reader.last_errors(5).unwrap_or_else(|e| panic!("{e}")).iter().map(|r| r.id).collect::<Vec<_>>(), [2]);
    let found = reader.run_of_slot("delta", "2026-11-23T01:30").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.map(|r| r.id), Some(4));
    assert_eq!(reader.run_of_slot("delta", "2026-11-24T01:30").unwrap_or_else(|e| panic!("{e}")), None);
    let cursors = reader.cursors().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(cursors.iter().map(|c| c.task.as_str()).collect::<Vec<_>>(), ["alpha", "beta"]);
    let about = reader.about().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((about.schema, about.runs, about.facts), (2, 6, 0));
    assert_eq!(
        (about.build.as_str(), about.config, about.opened_at),
        ("kobe 0.1.0 (test)", desk().hash.clone(), Some(at(NOW)))
    );

    // A reader in the middle of an answer does not hold up the writer, and keeps its snapshot.
    let version = reader.data_version().unwrap_or_else(|e| panic!("{e}"));
    commit(&mut store, &[Change::Run(completed(run(4, 3, "2026-11-23T01:30")))]).unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(reader.data_version().unwrap_or_else(|e| panic!("{e}")), version, "that somebody wrote is seen");
    assert!(reader.live_runs().unwrap_or_else(|e| panic!("{e}")).is_empty());
    let planned = [Change::Run(run(7, 0, "2026-11-27/open")), cursor(0, "2026-11-27T14:30:00Z", 0)];
    commit(&mut store, &planned).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(latest(), newest([("alpha", 7), ("beta", 6)]), "a planned run");
    let wished = Change::Run(run(8, 1, "manual:01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    commit(&mut store, &[wished, Change::Run(completed(run(7, 0, "2026-11-27/open")))])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(latest(), newest([("alpha", 7), ("beta", 8)]), "a wished run, which moves no cursor");
    let json = serde_json::to_value(reader.run(2).unwrap_or_else(|e| panic!("{e}"))).expect("it is plain");
    assert_eq!(
        (json["state"].as_str(), json["due"].as_str()),
        (Some("failed"), Some("2026-11-23T15:00:00Z")),
        "{json}"
    );
}

#[test]
fn orders_packets_and_artifacts_are_found() {
    let mut keeper = InSqlite::new();
    let books = keeper.books();
    let packet = packet("IBM");
    let facts = vec![
        opened("100000.00"),
        fact(DAY, What::Decided { packet: Box::new(packet.clone()) }),
        intended(DAY, DAY, "IBM", 10, "100.00"),
        intended(DAY, DAY, "GOOG", 1, "600.00"),
        ordered(DAY, DAY, "IBM", sent()),
    ];
    books.append(0, facts).unwrap_or_else(|e| panic!("{e}"));
    let cancel = ordered(DAY, DAY, "GOOG", OrderEvent::Cancelled { reason: "gate".into() });
    books
        .append(5, vec![cancel, fact(DAY, What::Decided { packet: Box::new(packet.clone()) })])
        .unwrap_or_else(|e| panic!("{e}"));
    let reader = keeper.reader();
    let mut orders = reader.orders(10).unwrap_or_else(|e| panic!("{e}"));
    orders.sort_by(|a, b| a.decision_id.cmp(&b.decision_id));
    let found: Vec<_> =
        orders.iter().map(|o| (o.decision_id.as_str(), o.state.as_str(), o.broker_order_id.as_deref())).collect();
    assert_eq!(
        found,
        [("DEC_2026-11-23_GOOG_BUY", "CANCELLED", None), ("DEC_2026-11-23_IBM_BUY", "SUBMITTED", Some("B-17"))]
    );
    assert!(orders.iter().all(|o| o.payload_hash.len() == 64 && o.idempotency_key == o.decision_id));
    let packets = reader.packets(Some(DAY), 10).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(packets.len(), 1, "the same case judged twice is one packet");
    assert_eq!((packets[0].seq, packets[0].decision.as_str()), (1, "HOLD"));
    assert_eq!(reader.packets(Some(DAY.tomorrow().expect("a date")), 10).unwrap_or_else(|e| panic!("{e}")), []);
    assert_eq!(reader.packet(packet.packet_id.as_str()).unwrap_or_else(|e| panic!("{e}")), Some(packet));
    assert_eq!(reader.packet("PKT_none").unwrap_or_else(|e| panic!("{e}")), None);
    let events: Vec<_> =
        reader.facts(2, 2).unwrap_or_else(|e| panic!("{e}")).into_iter().map(|(seq, f)| (seq, f.what.name())).collect();
    assert_eq!(events, [(2, "intended"), (3, "intended")]);
    keeper.reopen();
    assert_eq!(keeper.books().book().version(), 7);
}

#[test]
fn a_changed_byte_in_the_books_is_found_and_no_book_is_made_of_it() {
    let spoil = [
        ("a payload", "UPDATE audit_chain SET payload = replace(payload, '100000.00', '900000.00') WHERE seq = 0"),
        ("a hash", "UPDATE audit_chain SET this_hash = substr(this_hash, 1, 63) || 'x' WHERE seq = 1"),
        ("a deleted block", "DELETE FROM facts WHERE seq = 1; DELETE FROM audit_chain WHERE seq = 1"),
        ("a cut tail", "DELETE FROM facts WHERE seq = 2; DELETE FROM audit_chain WHERE seq = 2"),
        (
            "a tail that nobody wrote",
            "INSERT INTO audit_chain SELECT 3, prev_hash, payload, this_hash FROM audit_chain WHERE seq = 2",
        ),
        ("a moved head", "UPDATE chain_head SET count = 2"),
    ];
    for (name, sql) in spoil {
        let dir = tempfile::tempdir().expect("a directory");
        let books = store(dir.path()).books().unwrap_or_else(|e| panic!("{e}"));
        let closed = || fact(DAY, What::WeekClosed);
        books.append(0, vec![opened("100000.00"), closed(), closed()]).unwrap_or_else(|e| panic!("{e}"));
        drop(books);
        let sound = reader(dir.path()).verify_chain().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(sound.map(|head| head.count), Ok(3), "{name}: before");
        rusqlite::Connection::open(dir.path().join("kobe.db"))
            .and_then(|c| c.execute_batch(sql))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = reader(dir.path()).verify_chain().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(found.is_err(), "{name} is not found");
        let error = reader(dir.path()).book().expect_err(name);
        assert!(matches!(error, StoreError::Corrupt(_)), "{name}: {error}");
        let error = store(dir.path()).books().expect_err(name);
        assert!(error.to_string().contains("audit chain"), "{name}: {error}");
    }
}

#[test]
fn a_wish_needs_a_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = add_wish(dir.path(), &wish(), at(NOW)).expect_err("nothing was ever started there");
    assert!(matches!(error, WishError::NoDatabase(_)), "{error}");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0, "and none is made");
}

/// Copies a closed state directory as `cp -r` does.
fn clone_of(state: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    for entry in fs::read_dir(state).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
        }
    }
    copy
}

#[test]
fn a_state_that_was_copied_says_so_until_it_is_settled() {
    let place = tempfile::tempdir().expect("a directory");
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    assert_eq!(store(&first).moved(), None, "a new one has not moved");
    assert_eq!(store(&first).moved(), None, "nor when it is opened again");
    fs::rename(&first, &second).expect("a new name");
    assert_eq!(store(&second).moved(), None, "another name on the same disk is the same place");
    let copy = clone_of(&second);
    for opening in ["first", "second, after a crash before anything was done about it"] {
        let store = store(copy.path());
        let told = store.moved().unwrap_or_else(|| panic!("the {opening} time: it is a copy"));
        assert!(told.contains("the state directory is a copy"), "{told}");
    }
    store(copy.path()).settle().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(store(copy.path()).moved(), None, "settled");
    assert_eq!(store(&second).moved(), None, "the original stays what it is");
}

#[test]
fn an_older_database_put_into_the_place_of_a_newer_one_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kobe.db");
    commit(&mut store(dir.path()), &[Change::Run(run(1, 2, "#1"))]).unwrap_or_else(|e| panic!("{e}"));
    let yesterday = fs::read(&path).expect("a database");
    commit(&mut store(dir.path()), &[Change::Run(run(2, 2, "#2"))]).unwrap_or_else(|e| panic!("{e}"));
    // Written over, so that it is the same file on the same machine.
    fs::write(&path, &yesterday).expect("a database");
    for _ in 0..2 {
        let store = store(dir.path());
        let told = store.moved().expect("it is older");
        assert!(told.contains("kobe.db is older than the state directory it lies in"), "{told}");
        assert!(told.contains("run 1, the directory had 2, 0 and 2"), "{told}");
    }
    store(dir.path()).settle().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(store(dir.path()).moved(), None, "settled");
    for harm in ["", "{", "{\"openings\": -1}"] {
        fs::write(dir.path().join("kobe.mark"), harm).expect("a file");
        assert_eq!(store(dir.path()).moved(), None, "a mark that is {harm:?} says nothing");
    }
}

#[test]
fn what_was_noticed_once_is_not_worn_away_by_opening_it_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kobe.db");
    drop(store(dir.path()));
    let yesterday = fs::read(&path).expect("a database");
    commit(&mut store(dir.path()), &[Change::Run(run(1, 2, "#1"))]).unwrap_or_else(|e| panic!("{e}"));
    fs::write(&path, &yesterday).expect("a database");
    let first = store(dir.path()).moved().expect("it is older").to_owned();
    assert!(first.contains("it has 1 openings, 0 facts and run 0, the directory had 2, 0 and 1"), "{first}");
    // Openings that settle nothing, and a run by hand: the database has come further than its mark was.
    for id in 1..=3 {
        let mut opened = store(dir.path());
        assert_eq!(opened.moved(), Some(first.as_str()), "opening {id} says it in the same words");
        commit(&mut opened, &[Change::Run(run(id, 2, &format!("#{}", 10 + id)))]).unwrap_or_else(|e| panic!("{e}"));
    }
    // Also where the mark is gone altogether.
    fs::remove_file(dir.path().join("kobe.mark")).expect("a file");
    assert_eq!(store(dir.path()).moved(), Some(first.as_str()), "without a mark");
    let settled = store(dir.path());
    settled.settle().unwrap_or_else(|e| panic!("{e}"));
    drop(settled);
    assert_eq!(store(dir.path()).moved(), None, "settled");
}

/// Rows of one task with a due instant so many days before [`NOW`].
fn aged(id: u64, task: u32, days: i64, end: impl Fn(kobe_plan::Run) -> kobe_plan::Run) -> Change {
    let due = at(NOW) - jiff::SignedDuration::from_hours(24 * days);
    let mut new = run(id, task, &due.to_string());
    new.due = due;
    Change::Run(end(new))
}

#[test]
fn what_is_old_goes_and_what_is_needed_stays() {
    use kobe_engine::{Batch, JournalRow, Outbox as _};
    use kobe_plan::alert::Severity;
    use kobe_plan::{Alert, AlertKind};
    use kobe_store::Retention;

    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path());
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    books
        .append(0, vec![opened("100000.00"), intended(DAY, DAY, "IBM", 10, "100.00")])
        .unwrap_or_else(|e| panic!("{e}"));
    let day = |days: i64| at(NOW) - jiff::SignedDuration::from_hours(24 * days);
    let mut changes = vec![
        aged(1, 0, 500, completed),
        aged(2, 0, 402, |r| skipped(r, Reason::Overlap)),
        aged(3, 0, 399, completed),
        aged(4, 1, 500, |r| running(r, 1)),
        aged(5, 1, 450, completed),
        aged(6, 2, 900, completed),
        aged(7, 3, 800, completed),
        aged(8, 3, 800 - 1, completed),
        // Its cursor has not come so far: the slot could be named again.
        cursor(0, NOW, 0),
        cursor(1, NOW, 0),
        cursor(2, NOW, 0),
        cursor(3, &day(800).to_string(), 0),
    ];
    for n in 0..1_200 {
        changes.push(aged(100 + n, 1, 1_000 + n as i64, completed));
    }
    changes.push(aged(2_000, 3, 700, completed));
    commit(&mut store, &changes).unwrap_or_else(|e| panic!("{e}"));
    let row = |days: i64, begins| JournalRow { at: day(days), begins, body: "{}".into(), digest: format!("{days}") };
    let journal = [
        row(99, true),
        row(98, false),
        row(50, true),
        row(49, false),
        row(36, false),
        row(34, false),
        row(20, true),
        row(1, false),
    ];
    let desk = desk();
    let batch = Batch { desk: &desk, at: at(NOW), changes: &[], journal: &journal };
    store.commit(&batch).unwrap_or_else(|e| panic!("{e}"));
    let mut outbox = store.outbox().unwrap_or_else(|e| panic!("{e}"));
    let alert = Alert::new(AlertKind::Test, Severity::Info, "test", day(300), "a try");
    outbox.raise(&vec![alert; 4]).unwrap_or_else(|e| panic!("{e}"));
    outbox.told(&[1, 4], "log", day(91)).unwrap_or_else(|e| panic!("{e}"));
    outbox.told(&[2], "log", day(89)).unwrap_or_else(|e| panic!("{e}"));
    let wishes: Vec<u128> =
        (0..3).map(|_| add_wish(dir.path(), &wish(), day(200)).unwrap_or_else(|e| panic!("{e}"))).collect();
    for (wish, days) in [(wishes[0], 91), (wishes[1], 89)] {
        let done = [Change::WishDone { id: wish, note: "done".into() }];
        let batch = Batch { desk: &desk, at: day(days), changes: &done, journal: &[] };
        store.commit(&batch).unwrap_or_else(|e| panic!("{e}"));
    }
    fs::create_dir_all(dir.path().join("output/deep")).expect("a directory");
    for (name, days) in [("old.log", 31), ("deep/old.log", 500), ("new.log", 29)] {
        let path = dir.path().join("output").join(name);
        fs::write(&path, "said").expect("a file");
        let written =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(day(days).as_second().unsigned_abs());
        fs::File::options().write(true).open(&path).and_then(|f| f.set_modified(written)).expect("a time");
    }

    let pruner = store.pruner();
    let keep = Retention::STANDARD;
    let stopped = pruner.prune(&keep, at(NOW), &mut |_| false).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((stopped.runs, stopped.stopped), (500, true), "one bite, then it was told to stop");
    let mut bites = 0;
    let pruned = pruner
        .prune(&keep, at(NOW), &mut |_| {
            bites += 1;
            true
        })
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(bites >= 5, "{bites} bites");
    let gone = (pruned.runs + stopped.runs, pruned.journal, pruned.alerts, pruned.wishes, pruned.stopped);
    // 1 and 2 of alpha, 5 and all but the newest of beta, 7 of delta.
    assert_eq!(gone, (2 + 1 + 1_199 + 1, 2, 2, 1, false));
    assert_eq!((pruned.output_files, pruned.output_bytes), (2, 8));
    assert!(dir.path().join("output/new.log").exists() && !dir.path().join("output/deep/old.log").exists());

    let reader = reader(dir.path());
    let left: Vec<u64> =
        reader.runs_from(0, usize::MAX).unwrap_or_else(|e| panic!("{e}")).iter().map(|r| r.id).collect();
    assert_eq!(left, [3, 4, 6, 8, 1_299, 2_000], "young, live, the newest of its task, ahead of its cursor");
    let rows = reader.journal(jiff::Timestamp::UNIX_EPOCH, at(NOW)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rows, journal[2..], "the life that was lived 35 days ago is whole");
    let alerts = reader.alerts(9, false).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alerts.iter().map(|a| a.id).collect::<Vec<_>>(), [3, 2], "what was not told stays, however old");
    let left: Vec<String> = reader.wishes(9).unwrap_or_else(|e| panic!("{e}")).into_iter().map(|w| w.id).collect();
    assert_eq!(left.len(), 2, "young or open: {left:?}");
    assert!(kobe_store::check_chains(&reader).unwrap_or_else(|e| panic!("{e}")).are_whole());
    assert!(books.was_intended(&decision(DAY, "IBM")).unwrap_or_else(|e| panic!("{e}")));
    assert_eq!(
        reader.operator_log(0, 9).unwrap_or_else(|e| panic!("{e}")).len(),
        2,
        "a wish that went stays in the log"
    );
    outbox
        .raise(&[Alert::new(AlertKind::Test, Severity::Info, "test", at(NOW), "later")])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        outbox.unsent(4, 9).unwrap_or_else(|e| panic!("{e}"))[0].id,
        5,
        "the number of a row that went is not used again"
    );
    let again = pruner.prune(&keep, at(NOW), &mut |_| true).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again, Default::default(), "nothing is left to do");
    drop((reader, outbox, pruner, books));
    let recovered = store.recover().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((recovered.next_run, recovered.live.len()), (2_001, 1), "numbers go on, what is live is live");
}

#[test]
fn a_changed_or_cut_operator_log_is_found() {
    let harms = [
        ("a changed reason", "UPDATE operator_log SET reason = 'y' WHERE seq = 1", 2),
        ("another operator", "UPDATE operator_log SET operator = 'bo' WHERE seq = 0", 1),
        ("another instant", "UPDATE operator_log SET at_us = at_us + 1 WHERE seq = 2", 3),
        ("a cut tail", "DELETE FROM operator_log WHERE seq = 2", 3),
        ("a cut tail and a new head", "DELETE FROM operator_log WHERE seq = 2; UPDATE operator_head SET count = 2", 3),
        ("all of it gone", "DELETE FROM operator_log", 1),
        ("one taken out", "DELETE FROM operator_log WHERE seq = 1", 2),
    ];
    for (name, sql, line) in harms {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = store(dir.path());
        for _ in 0..3 {
            let id = add_wish(dir.path(), &wish(), at(NOW)).unwrap_or_else(|e| panic!("{e}"));
            commit(&mut store, &[Change::WishDone { id, note: "x".into() }]).unwrap_or_else(|e| panic!("{e}"));
        }
        drop(store);
        let chains =
            |name: &str| kobe_store::check_chains(&reader(dir.path())).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(chains(name).operators.map(|head| head.count), Ok(3), "{name}: whole before");
        rusqlite::Connection::open(dir.path().join("kobe.db")).and_then(|c| c.execute_batch(sql)).expect("sound SQL");
        let found = chains(name);
        assert!(!found.are_whole() && found.audit.is_ok(), "{name}");
        match found.operators {
            Err(fault) if name != "a cut tail and a new head" => assert!(fault.line() <= line, "{name}: {fault}"),
            Err(_) => {}
            Ok(head) => panic!("{name}: it is taken for whole, {head:?}"),
        }
        let checked = kobe_store::check_database(&reader(dir.path())).expect_err(name);
        assert!(checked.to_string().contains("the operator log is broken"), "{name}: {checked}");
    }
}

#[test]
fn a_database_that_is_pruned_and_filled_again_does_not_grow() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut sizes = Vec::new();
    for round in 0..4_i64 {
        let mut store = store(dir.path());
        let base = at(NOW) + jiff::SignedDuration::from_hours(24 * 500 * round);
        let rows = (0..3_000_u64).map(|n| {
            let id = 1 + 3_000 * round as u64 + n;
            let due = base + jiff::SignedDuration::from_secs(n as i64);
            let mut new = run(id, 1, &due.to_string());
            new.due = due;
            Change::Run(completed(new))
        });
        let mut changes: Vec<Change> = rows.collect();
        changes.push(cursor(1, &(base + jiff::SignedDuration::from_hours(24)).to_string(), 0));
        commit(&mut store, &changes).unwrap_or_else(|e| panic!("{e}"));
        let keep = kobe_store::Retention::STANDARD;
        let gone = store.pruner().prune(&keep, base, &mut |_| true).unwrap_or_else(|e| panic!("{e}")).runs;
        assert_eq!(gone, if round == 0 { 0 } else { 3_000 }, "round {round}");
        drop(store);
        sizes.push(fs::metadata(dir.path().join("kobe.db")).expect("a database").len());
    }
    // The second round lies beside the first one before that goes; from then on all rounds take the same room.
    assert!(sizes[3] <= sizes[1] + sizes[1] / 20, "it grows: {sizes:?}");
}
