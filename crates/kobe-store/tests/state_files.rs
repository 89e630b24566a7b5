//! The seed's state files: exactly its keys, whole at every moment, and other people's keys left alone.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::*;
use kobe_calendar::Market;
use kobe_engine::{Pulse as _, Upcoming, Vitals};
use kobe_plan::{Change, Outcome, Reason, State};
use kobe_store::{Shown, StateFiles, Troubles};
use kobe_trade::chain;
use kobe_trade::fact::What;
use kobe_trade::ports::Artifact;
use serde_json::{Value, json};

fn shown(state: &Path) -> Shown {
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    Shown { state: state.to_owned(), desk: desk(), market, build: "0.1.0".into() }
}

fn vitals() -> Vitals {
    let mut vitals = Vitals::new(at("2026-11-23T14:00:00Z"), "hash");
    vitals.beat_at = at("2026-11-23T15:00:05.987Z");
    (vitals.cycles, vitals.ready) = (1842, true);
    vitals.last_task = "full_universe_scan".into();
    vitals.upcoming = vec![Upcoming { at: at("2026-11-23T15:01:00Z"), task: "alpha".into() }];
    vitals.ends = [("completed".into(), 9), ("failed".into(), 1), ("holiday".into(), 5)].into();
    vitals
}

/// Shows one beat and lets everything be written.
fn show(state: &Path, vitals: &Vitals) -> Troubles {
    let mut files = StateFiles::start(shown(state)).unwrap_or_else(|e| panic!("{e}"));
    let troubles = files.troubles();
    files.beat(vitals);
    drop(files);
    troubles.read()
}

fn json_of(state: &Path, name: &str) -> Value {
    let text = fs::read(state.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_six_files_of_the_seed_are_written_as_the_seed_has_them() {
    let mut keeper = InSqlite::new();
    let mut failed = run(3, 2, "#2");
    failed.attempt = 2;
    failed.started_at = Some(at("2026-11-23T14:59:00Z"));
    failed.outcome = Some(Outcome::Error("the feed is silent".into()));
    failed.retry_at = Some(at("2026-11-23T15:02:00Z"));
    let mut first = completed(run(2, 2, "#1"));
    first.started_at = Some(at("2026-11-23T13:59:00Z"));
    let mut skip = skipped(run(4, 1, "2026-11-23T15:15:00Z"), Reason::Overlap);
    skip.due = at("2026-11-23T15:15:00Z");
    let runs = [completed(run(1, 0, "2026-11-23/open+30m")), first, failed, skip];
    commit(keeper.store(), &runs.map(Change::Run)).unwrap_or_else(|e| panic!("{e}"));
    let found = json!({
        "type": "unique_pattern", "description": "five days down", "source": "patterns", "improvement": 0.061, "confidence": 0.72,
        "data": {"n": 142}, "timestamp": "2026-11-22T20:00:00-05:00",
    });
    let body = json!({ "discoveries": vec![found.clone(); 120] });
    let artifact =
        Artifact { name: "discoveries".into(), function: "f".into(), task: "t".into(), date: DAY, at: at(NOW), body };
    keeper.books().put(artifact).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(show(keeper.state(), &vitals()), Troubles::default());

    let heartbeat = json_of(keeper.state(), "autonomous/heartbeat.json");
    assert_eq!(heartbeat["timestamp"], "2026-11-23T10:00:05-05:00", "New York, with its offset");
    assert_eq!((&heartbeat["cycles"], &heartbeat["last_task"]), (&json!(1842), &json!("full_universe_scan")));
    assert_eq!((&heartbeat["mode"], &heartbeat["phase"]), (&json!("ACTIVE_TRADING"), &json!("market_morning")));
    assert_eq!(
        (&heartbeat["alive"], &heartbeat["status"]),
        (&json!(false), &json!("stopped")),
        "the heart stands still"
    );
    assert_eq!((&heartbeat["tasks_run"], &heartbeat["tasks_failed"]), (&json!(10), &json!(1)));

    let scheduler = json_of(keeper.state(), "autonomous/scheduler/scheduler_state.json");
    let want = json!({
        "last_execution": { "alpha": "2026-11-23T10:00:00-05:00", "gamma": "2026-11-23T09:59:00-05:00" },
        "total_tasks": 3,
        "recurring_tasks": 1,
        "runs": {
            "2026-11-23|10:00|alpha": "ok",
            "2026-11-23|10:00|gamma": "pending",
            "2026-11-23|10:15|beta": "skipped(overlap)",
        },
        "updated_at": "2026-11-23T10:00:05-05:00",
    });
    assert_eq!(scheduler, want);

    let queue = json_of(keeper.state(), "autonomous/task_queue.json");
    let want = json!({
        "updated_at": "2026-11-23T10:00:05-05:00",
        "tasks": [{
            "id": "gamma", "name": "gamma", "category": "maintenance", "priority": 3, "description": "Runs when it is quiet.", "handler": "x",
            "params": {}, "scheduled_time": null, "valid_phases": [], "valid_modes": ["research", "learning"], "cooldown_minutes": 50,
            "status": "pending", "last_run": "2026-11-23T09:59:00-05:00", "run_count": 1, "recurring": true, "retry_count": 1,
            "last_error": "the feed is silent", "last_result": { "outcome": "error", "note": "the feed is silent" },
        }],
    });
    assert_eq!(queue["tasks"][0]["id"], "gamma");
    for (key, value) in want["tasks"][0].as_object().expect("an object") {
        if key != "category" && key != "params" {
            assert_eq!(&queue["tasks"][0][key], value, "{key}");
        }
    }
    assert_eq!(queue["tasks"].as_array().map(Vec::len), Some(1), "only what is driven by phase and mode stands there");

    let brain = json_of(keeper.state(), "autonomous/brain_state.json");
    let want = json!({
        "version": "0.1.0", "started_at": "2026-11-23T09:00:00-05:00", "cycles_completed": 1842,
        "last_task_time": "2026-11-23T10:00:00-05:00", "updated_at": "2026-11-23T10:00:05-05:00",
    });
    assert_eq!(brain, want);

    assert_eq!(
        json_of(keeper.state(), "autonomous/discoveries.json"),
        Value::from(vec![found; 100]),
        "the last hundred"
    );
    let log = fs::read_to_string(keeper.state().join("autonomous/discoveries.log")).expect("a log");
    assert_eq!(log.lines().count(), 120);
    let line = "2026-11-22T20:00:00-05:00 | unique_pattern | five days down | source=patterns | improvement=6.1% | confidence=72.0%";
    assert_eq!(log.lines().next(), Some(line));

    // Another life: what was logged is not logged again, runs that are over are counted once.
    commit(keeper.store(), &[Change::Run(completed(run(5, 2, "#3")))]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(show(keeper.state(), &vitals()), Troubles::default());
    let queue = json_of(keeper.state(), "autonomous/task_queue.json");
    assert_eq!((&queue["tasks"][0]["run_count"], &queue["tasks"][0]["status"]), (&json!(2), &json!("completed")));
    let log = fs::read_to_string(keeper.state().join("autonomous/discoveries.log")).expect("a log");
    assert_eq!(log.lines().count(), 120);
}

#[test]
fn the_long_past_is_told_as_if_it_were_read_row_by_row() {
    let mut keeper = InSqlite::new();
    let mut changes = Vec::new();
    for (id, day) in (1..).zip(["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"]) {
        let mut old = completed(run(id, 2, &format!("#{id}")));
        old.due = at(&format!("{day}T15:00:00Z"));
        old.started_at = Some(old.due);
        if id == 2 {
            old.outcome = Some(Outcome::TimedOut);
            old.state = State::Failed;
        }
        changes.push(Change::Run(old));
    }
    changes.push(cursor(2, NOW, 6));
    commit(keeper.store(), &changes).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(show(keeper.state(), &vitals()), Troubles::default());
    let queue = json_of(keeper.state(), "autonomous/task_queue.json");
    let task = &queue["tasks"][0];
    assert_eq!((&task["run_count"], &task["last_error"]), (&json!(6), &json!("timed_out")));
    assert_eq!(task["last_run"], "2026-11-21T10:00:00-05:00");
    let scheduler = json_of(keeper.state(), "autonomous/scheduler/scheduler_state.json");
    let runs: Vec<&String> = scheduler["runs"].as_object().expect("an object").keys().collect();
    assert_eq!(runs, ["2026-11-20|10:00|gamma", "2026-11-21|10:00|gamma"], "runs of two dates are shown");
}

#[test]
fn keys_that_are_not_ours_stay() {
    let keeper = InSqlite::new();
    let state = keeper.state();
    fs::create_dir_all(state.join("autonomous/scheduler")).expect("a directory");
    let theirs = [
        ("autonomous/heartbeat.json", json!({ "alive": false, "watcher": { "note": 1 } })),
        ("autonomous/scheduler/scheduler_state.json", json!({ "comment": "x", "total_tasks": 1 })),
        ("autonomous/brain_state.json", json!({ "mood": "fine" })),
        (
            "autonomous/task_queue.json",
            json!({ "z": 1, "tasks": [{ "id": "gamma", "color": "red", "run_count": 99 }, { "id": "gone" }] }),
        ),
        ("autonomous/discoveries.json", json!([{ "type": "from a predecessor" }])),
    ];
    for (name, content) in &theirs {
        fs::write(state.join(name), content.to_string()).expect("a file");
    }
    assert_eq!(show(state, &vitals()), Troubles::default());
    assert_eq!(json_of(state, "autonomous/heartbeat.json")["watcher"]["note"], 1);
    let scheduler = json_of(state, "autonomous/scheduler/scheduler_state.json");
    assert_eq!((&scheduler["comment"], &scheduler["total_tasks"]), (&json!("x"), &json!(3)));
    assert_eq!(json_of(state, "autonomous/brain_state.json")["mood"], "fine");
    let queue = json_of(state, "autonomous/task_queue.json");
    assert_eq!(
        (&queue["z"], &queue["tasks"][0]["color"], &queue["tasks"][0]["run_count"]),
        (&json!(1), &json!("red"), &json!(0))
    );
    assert_eq!(queue["tasks"].as_array().map(Vec::len), Some(1), "a task that is gone is gone");
    assert_eq!(json_of(state, "autonomous/discoveries.json"), theirs[4].1, "a predecessor's discoveries stay");
}

#[test]
fn a_bad_file_is_replaced_and_kept_beside() {
    let names = [
        "autonomous/heartbeat.json",
        "autonomous/scheduler/scheduler_state.json",
        "autonomous/task_queue.json",
        "autonomous/brain_state.json",
        "autonomous/discoveries.json",
    ];
    for bad in ["", "{\"alive\": tr", "\0\0\0\0", "42", "{}[]"] {
        let keeper = InSqlite::new();
        let state = keeper.state();
        fs::create_dir_all(state.join("autonomous/scheduler")).expect("a directory");
        for name in names {
            fs::write(state.join(name), bad).expect("a file");
        }
        let troubles = show(state, &vitals());
        assert_eq!(troubles.count, names.len() as u64, "{bad:?}: each is told once: {troubles:?}");
        for name in names {
            let whole = json_of(state, name);
            assert!(whole.is_object() || whole.is_array(), "{name} after {bad:?}");
            let kept = state.join(format!("{name}.bad-20261123T150005Z"));
            assert_eq!(fs::read_to_string(&kept).unwrap_or_else(|e| panic!("{}: {e}", kept.display())), bad);
        }
    }
}

#[test]
fn the_books_are_exported_as_other_tools_read_them() {
    let keeper = InSqlite::new();
    let facts = vec![
        opened("100000.00"),
        fact(DAY, What::Decided { packet: Box::new(packet("IBM")) }),
        intended(DAY, DAY, "IBM", 10, "100.00"),
        ordered(DAY, DAY, "IBM", sent()),
        ordered(DAY, DAY, "IBM", filled(DAY, "IBM", 10, "99.95")),
        intended(DAY, DAY, "GOOG", 1, "600.00"),
    ];
    let book = keeper.books().append(0, facts).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(show(keeper.state(), &vitals()), Troubles::default());
    let positions = json_of(keeper.state(), "positions.json");
    let ibm = &positions["positions"]["IBM"];
    assert_eq!((&ibm["qty"], &ibm["avg_price"], &ibm["side"]), (&json!(10), &json!(99.95), &json!("long")));
    let stop = book.positions().next().expect("a position").stop.to_string();
    assert_eq!(ibm["stop_loss"].as_f64().map(|n| n.to_string()), stop.parse::<f64>().ok().map(|n| n.to_string()));
    assert_eq!(
        (&ibm["strategy"], &ibm["time_stop_bars"], &ibm["partial_taken"]),
        (&json!("IBS_RSI"), &json!(7), &json!(false))
    );
    assert_eq!(positions["updated_at"], "2026-11-23T15:00:05Z");
    let want = json!({
        "date": "2026-11-23", "mode": "paper", "committed": 999.5, "reserved": 600.0, "limit": 45000.0, "per_order": 15000.0, "entries": 2,
    });
    assert_eq!(json_of(keeper.state(), "policy_budget.json"), want);
    let lines = |keeper: &InSqlite, name: &str| -> Vec<String> {
        let text = fs::read_to_string(keeper.state().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        text.lines().map(str::to_owned).collect()
    };
    let orders = lines(&keeper, "idempotency.jsonl");
    assert_eq!(orders.len(), 2);
    let order: Value = serde_json::from_str(&orders[1]).expect("JSON");
    assert_eq!(
        (&order["decision_id"], &order["state"]),
        (&json!("DEC_2026-11-23_IBM_BUY"), &json!("FILLED")),
        "{order}"
    );

    let verified = |keeper: &InSqlite| {
        let head = keeper.books().head().unwrap_or_else(|e| panic!("{e}"));
        let chain = lines(keeper, "hash_chain.jsonl");
        assert_eq!(chain::verify_lines(chain.iter().map(String::as_str), Some(&head)), Ok(head.clone()));
        head.count
    };
    assert_eq!(verified(&keeper), 6);
    keeper.books().append(6, vec![fact(DAY, What::WeekClosed)]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(show(keeper.state(), &vitals()), Troubles::default());
    assert_eq!(verified(&keeper), 7, "another life adds what is new");

    type Spoil = fn(String) -> String;
    let spoils: [(&str, Spoil); 3] = [
        ("cut", |text| text[..text.len() - 20].to_owned()),
        ("another chain", |text| text.replace("IBM", "AAPL").lines().take(3).map(|l| format!("{l}\n")).collect()),
        ("too long", |text| format!("{text}{{}}\n")),
    ];
    for (name, spoil) in spoils {
        let path = keeper.state().join("hash_chain.jsonl");
        let text = fs::read_to_string(&path).expect("the export");
        fs::write(&path, spoil(text)).expect("a file");
        let troubles = show(keeper.state(), &vitals());
        assert_eq!(troubles.count, 1, "{name}: {troubles:?}");
        assert_eq!(verified(&keeper), 7, "{name}: it is written anew");
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_stops_nothing() {
    let keeper = InSqlite::new();
    let state = keeper.state();
    let mut files = StateFiles::start(shown(state)).unwrap_or_else(|e| panic!("{e}"));
    let troubles = files.troubles();
    fs::remove_dir_all(state.join("autonomous")).expect("it was made");
    fs::write(state.join("autonomous"), "in the way").expect("a file");
    files.beat(&vitals());
    drop(files);
    let told = troubles.read();
    assert!(told.count >= 4, "{told:?}");
    assert!(told.last.is_some_and(|last| last.contains("autonomous")));
    assert_eq!(fs::read_to_string(state.join("autonomous")).expect("a file"), "in the way");
}

#[test]
fn a_desk_with_nothing_to_do_sleeps_and_a_living_heart_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut files = StateFiles::start(shown(dir.path())).unwrap_or_else(|e| panic!("{e}"));
    let mut vitals = vitals();
    vitals.upcoming[0].at = at("2026-11-23T15:15:06Z");
    files.beat(&vitals);
    let path = dir.path().join("autonomous/heartbeat.json");
    // The thread writes the first beat as soon as it is handed over.
    let heartbeat = loop {
        match fs::read(&path) {
            Ok(text) => break serde_json::from_slice::<Value>(&text).expect("a file is whole at every moment"),
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!((&heartbeat["mode"], &heartbeat["work_mode"]), (&json!("SLEEP"), &json!("active_trading")));
    assert_eq!((&heartbeat["alive"], &heartbeat["status"]), (&json!(true), &json!("running")));
    let keys = ["timestamp", "alive", "cycles", "last_task", "mode"];
    assert!(keys.iter().all(|key| !heartbeat[key].is_null()), "the seed's five keys are always there: {heartbeat}");
    drop(files);
    assert!(dir.path().join("autonomous/brain_state.json").exists(), "without a database the rest is still told");
}
