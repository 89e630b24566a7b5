//! Groups, faults and deadlines, met on purpose.

use jiff::Timestamp;
use jiff::civil::date;
use kobe_trade::ports::Artifact;
use rusqlite::ffi;

use super::*;
use crate::rows::RunWrite;
use crate::work::{FactsWrite, TurnWrite, Write};
use crate::{fault, open};

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().expect("an instant")
}

fn prepared(state: &Path) -> Connection {
    open::prepare(state, "test", now()).unwrap_or_else(|e| panic!("{e}"))
}

fn memory() -> Memory {
    Memory::new("test", "calendar", "tzdb")
}

fn put(name: &str) -> Work {
    let body = serde_json::Value::String("x".repeat(10_000));
    let (function, task) = (String::from("f"), String::from("t"));
    Work::Artifact(Box::new(Artifact { name: name.into(), function, task, date: date(2026, 11, 23), at: now(), body }))
}

fn turn(write: Write) -> Work {
    Work::Turn(TurnWrite { config: "c".into(), at_us: 0, writes: vec![write], journal: Vec::new() })
}

/// A turn that answers a wish nobody had.
fn refused() -> Work {
    turn(Write::WishDone { id: 1, note: "x".into() })
}

fn plain_run() -> Work {
    let slot = "2026-11-23/open".parse().expect("a slot");
    let run = kobe_plan::Run {
        id: kobe_plan::RunId(1),
        task: kobe_plan::TaskIx(0),
        slot,
        due: now(),
        priority: 3,
        state: kobe_plan::State::Pending,
        reason: None,
        outcome: None,
        attempt: 0,
        planned_at: now(),
        started_at: None,
        ended_at: None,
        retry_at: None,
        catchup: false,
        dst_shifted: false,
        covers: 1,
        since: None,
    };
    turn(Write::Run(RunWrite::new(&run, "alpha".into(), "2026-11-23".into())))
}

fn names(conn: &Connection) -> Vec<String> {
    let mut all = conn.prepare("SELECT name FROM artifacts ORDER BY name").expect("a table");
    let rows = all.query_map([], |r| r.get(0)).and_then(Iterator::collect);
    rows.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_commit_is_flushed_before_it_is_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let conn = prepared(dir.path());
    let ask = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, rusqlite::types::Value>(0));
    let rows = [
        ("journal_mode", rusqlite::types::Value::Text("wal".into())),
        ("synchronous", rusqlite::types::Value::Integer(2)),
        ("wal_autocheckpoint", rusqlite::types::Value::Integer(0)),
        ("foreign_keys", rusqlite::types::Value::Integer(1)),
    ];
    for (name, want) in rows {
        assert_eq!(ask(name).expect("a pragma"), want, "{name}");
    }
}

#[test]
fn a_refused_piece_takes_no_other_of_its_group_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let conn = prepared(dir.path());
    let (answer, _answered) = sync_channel(8);
    let job = |work| Job { work, until: Instant::now() + DEADLINE, answer: answer.clone() };
    let jobs = [job(put("a")), job(refused()), job(put("b")), job(refused())];
    let mut memory = memory();
    let mut told = |jobs: &[Job]| -> Vec<bool> {
        group(&conn, jobs, &mut memory, Path::new("kobe.db")).iter().map(Result::is_ok).collect()
    };
    assert_eq!(told(&jobs), [true, false, true, false]);
    assert_eq!(names(&conn), ["a", "b"]);
    assert!(conn.is_autocommit(), "the transaction is over");
    let count = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i64>(0)).expect("a table");
    assert_eq!(count("SELECT count(*) FROM configs"), 0, "what a refused piece had written is gone");
    // What was learned from it is forgotten: the next piece finds its own configuration.
    assert_eq!(told(&[job(refused()), job(plain_run()), job(refused())]), [false, true, false]);
    assert_eq!(count("SELECT count(*) FROM runs r JOIN configs c ON c.id = r.config WHERE c.hash = 'c'"), 1);
    let answers = group(&conn, &jobs[1..2], &mut memory, Path::new("kobe.db"));
    assert!(matches!(&answers[..], [Err(Refusal::Store(StoreError::Conflict(_)))]), "alone it is refused as well");
    assert!(conn.is_autocommit());
}

#[test]
fn facts_follow_the_version_that_is_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let writer = Writer::start(prepared(dir.path()), &dir.path().join("kobe.db"), memory()).expect("a thread");
    let facts = |expected| {
        let (facts, intents, orders, packets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let head = Some(String::from("x"));
        Work::Facts(Box::new(FactsWrite { expected, facts, head, intents, orders, packets, budget: None }))
    };
    for stale in [1, 7] {
        let refusal = writer.call(facts(stale)).expect_err("nothing is stored yet");
        assert!(matches!(refusal, Refusal::Version { actual: 0 }), "{refusal:?}");
    }
    writer.call(facts(0)).unwrap_or_else(|e| panic!("{e:?}"));
}

#[test]
fn the_first_fault_ends_all_writing_and_leaves_the_files_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let writer = Writer::start(prepared(dir.path()), &dir.path().join("kobe.db"), memory()).expect("a thread");
    writer.call(put("a")).unwrap_or_else(|e| panic!("{e:?}"));
    let files = || ["kobe.db", "kobe.db-wal"].map(|name| std::fs::read(dir.path().join(name)).expect("a file"));
    let before = files();
    let fsync = Work::Probe(|_| Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None)));
    let first = writer.call(fsync).expect_err("the device failed").into_store();
    assert!(matches!(&first, StoreError::Io(text) if text.contains("IOERR_FSYNC")), "{first}");
    for _ in 0..3 {
        let again = writer.call(put("b")).expect_err("nothing is written any more").into_store();
        assert_eq!(again.to_string(), first.to_string(), "every later call answers as the first");
    }
    assert!(writer.whole().is_err());
    drop(writer);
    assert_eq!(files(), before, "not even closing has touched a file");
    let conn = prepared(dir.path());
    assert_eq!(names(&conn), ["a"], "what was acknowledged before is there");
}

#[test]
fn a_full_disk_is_told_as_full_and_stores_nothing_of_the_group() {
    let dir = tempfile::tempdir().expect("a directory");
    let conn = prepared(dir.path());
    let pages: i64 = conn.query_row("PRAGMA page_count", [], |r| r.get(0)).expect("a number");
    conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |_| Ok(())).expect("a limit");
    let writer = Writer::start(conn, &dir.path().join("kobe.db"), memory()).expect("a thread");
    writer.call(put("a")).unwrap_or_else(|e| panic!("there is room for one: {e:?}"));
    let full = writer.call(put("b")).expect_err("there is none for two").into_store();
    assert!(matches!(&full, StoreError::Full(text) if text.contains("make room")), "{full}");
    assert!(matches!(writer.call(put("c")).map_err(Refusal::into_store), Err(StoreError::Full(_))));
    assert!(writer.whole().is_ok(), "it is no fault of the device");
    let room = |conn: &Connection| conn.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()));
    writer.call(Work::Probe(room)).unwrap_or_else(|e| panic!("{e:?}"));
    writer.call(put("b")).unwrap_or_else(|e| panic!("there is room again: {e:?}"));
    drop(writer);
    assert_eq!(names(&prepared(dir.path())), ["a", "b"]);
}

#[test]
fn a_group_for_which_there_is_no_room_is_told_so_to_each_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let conn = prepared(dir.path());
    let pages: i64 = conn.query_row("PRAGMA page_count", [], |r| r.get(0)).expect("a number");
    conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |_| Ok(())).expect("a limit");
    let (answer, _answered) = sync_channel(8);
    let jobs: Vec<Job> = [put("a"), refused(), put("b"), plain_run()]
        .map(|work| Job { work, until: Instant::now() + DEADLINE, answer: answer.clone() })
        .into();
    let answers = group(&conn, &jobs, &mut memory(), Path::new("kobe.db"));
    assert_eq!(answers.len(), 4);
    for answer in answers {
        assert!(matches!(answer, Err(Refusal::Store(StoreError::Full(_)))), "{answer:?}");
    }
    assert!(conn.is_autocommit(), "the transaction is over");
    assert_eq!(names(&conn), [] as [String; 0], "also what there was room for");
}

#[test]
fn being_held_up_by_somebody_else_passes() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kobe.db");
    let writer = Writer::start(prepared(dir.path()), &path, memory()).expect("a thread");
    writer.call(Work::Probe(|conn| conn.busy_timeout(Duration::ZERO))).unwrap_or_else(|e| panic!("{e:?}"));
    let other = open::read_write(&path).unwrap_or_else(|e| panic!("{e}"));
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let busy = writer.call(put("a")).expect_err("the other writes").into_store();
    assert!(matches!(busy, StoreError::Busy(_)), "{busy}");
    other.execute_batch("ROLLBACK").expect("it was begun");
    writer.call(put("a")).unwrap_or_else(|e| panic!("the other is gone: {e:?}"));
    assert_eq!(names(&other), ["a"]);
}

static GATE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_call_has_a_deadline_and_what_missed_it_ends_all_writing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut writer = Writer::start(prepared(dir.path()), &dir.path().join("kobe.db"), memory()).expect("a thread");
    writer.deadline = Duration::from_millis(20);
    let closed = GATE.lock().expect("nobody panics");
    let slow = Work::Probe(|_| {
        let _open = GATE.lock();
        Ok(())
    });
    let late = writer.call(slow).expect_err("the gate is closed").into_store();
    assert!(matches!(&late, StoreError::Io(text) if text.contains("no answer within 20ms")), "{late}");
    let next = writer.call(put("a")).expect_err("nobody knows what is stored").into_store();
    assert_eq!(next.to_string(), late.to_string());
    drop(closed);
    drop(writer);
    assert_eq!(names(&prepared(dir.path())), [] as [String; 0]);
}

#[test]
fn a_long_log_is_folded_in_and_a_short_one_waits() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = fault::database_path(dir.path());
    let conn = prepared(dir.path());
    let fault = Arc::new(OnceLock::new());
    let mut desk = Desk { conn: Some(conn), path, fault, memory: memory(), full: None, marked: Instant::now() };
    let (answer, _answered) = sync_channel(256);
    for i in 0..100 {
        let job = Job { work: put(&format!("{i}")), until: Instant::now() + DEADLINE, answer: answer.clone() };
        desk.store(vec![job]);
    }
    let waiting = |desk: &Desk| unfolded(desk.conn.as_ref().expect("it is open")).expect("a number");
    let before = waiting(&desk);
    assert!(before > 256, "{before} pages are in the log");
    desk.fold_log(before + 1);
    assert_eq!(waiting(&desk), before, "short enough");
    desk.fold_log(256);
    assert_eq!(waiting(&desk), 0, "folded in");
}
