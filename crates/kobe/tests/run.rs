//! A desk that runs: events, signals, wishes, the lock and the kill switch, with the real binary.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Ended, Place, Running};
use serde_json::{Value, json};

const DESK: &str = r#"
[[group]]
name = "g"

[[group.task]]
name = "tick"
does = "Says that it was there."
command = ["sh", "-c", "echo $KOBE_TASK $KOBE_ATTEMPT; echo '{\"outcome\":\"ok\",\"note\":\"ticked\"}'"]
every = "1s"

[[group.task]]
name = "by_hand"
does = "Runs only when asked for."
command = ["sh", "-c", "echo it was asked for; exit 0"]
cron = "0 0 1 1 *"

[[group.task]]
name = "broken"
does = "Fails when asked for."
command = ["sh", "-c", "echo no such thing >&2; exit 3"]
cron = "0 0 1 1 *"
retries = 0

[[group.task]]
name = "patient"
does = "Waits until it is told to stop."
command = ["sh", "-c", "trap 'exit 0' TERM; while :; do read x < never || read x; done"]
cron = "0 0 1 1 *"
timeout = "4h"
lane = "research"

[[group.task]]
name = "unbuilt"
does = "Calls a function that is not built."
call = "always_scrape_reddit"
every = "1s"
"#;

fn place() -> Place {
    let place = Place::with_desk(DESK);
    let made = std::process::Command::new("mkfifo").arg(place.path("never")).status().expect("mkfifo is there");
    assert!(made.success());
    place
}

fn get(running: &Running, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(running.address()).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn it_runs_what_is_due_tells_it_and_stops_when_told() {
    let place = place();
    let mut running = place.run(&[]);
    for key in ["version", "pid", "desk", "config", "tasks", "state", "listen"] {
        assert!(!running.started[key].is_null(), "{key} is missing in {}", running.started);
    }
    let done = running.wait("run_ended", |e| e["task"] == "tick");
    assert_eq!(
        (done["state"].as_str(), done["outcome"].as_str(), done["note"].as_str()),
        (Some("completed"), Some("ok"), Some("ticked"))
    );
    let skipped = running.wait("run_skipped", |e| e["task"] == "unbuilt");
    assert_eq!(skipped["reason"], "not_built");
    assert_eq!(get(&running, "/liveness"), (200, json!({ "alive": true })));
    assert_eq!(get(&running, "/readiness"), (200, json!({ "ready": true })));
    let (status, health) = get(&running, "/health");
    assert_eq!((status, health["status"].as_str()), (200, Some("healthy")), "{health}");
    assert!(health["heartbeat"]["cycles"].as_u64() > Some(0));
    running.tell("-TERM");
    running.wait("stopping", |e| e["at_once"] == false);
    running.wait("stopped", |e| e["how"] == "Clean");
    let end = running.end();
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "events are data, and nothing else is said");
    let status = place.kobe(&["status", "--json"]).json();
    assert_eq!((&status["running"], &status["pid"]), (&json!(false), &Value::Null));
    let runs = place.kobe(&["runs", "list", "--task", "tick", "--json", "--limit", "1"]).json();
    assert_eq!(runs[0]["state"], "completed");
    let id = runs[0]["id"].to_string();
    assert_eq!(place.kobe(&["runs", "logs", &id]).stdout.lines().next(), Some("tick 1"));
    assert!(place.kobe(&["runs", "show", &id]).stdout.contains("ok: ticked"));
}

#[test]
fn for_people_the_log_is_calm_and_stdout_is_free() {
    let place = place();
    let mut command = place.command(&["run", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let child = Ended::new(child);
    let mut log = String::new();
    let mut buffer = [0; 4096];
    while !log.contains("done    tick") {
        let n = stderr.read(&mut buffer).unwrap();
        assert!(n > 0, "it ended early: {log}");
        log.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    assert!(log.lines().next().is_some_and(|l| l.contains("kobe ") && l.contains("/health")), "{log}");
    assert!(!log.contains("unbuilt"), "what does not run is told only on request: {log}");
    child.tell("-INT");
    stderr.read_to_string(&mut log).unwrap();
    assert!(log.contains("told to stop") && log.trim_end().ends_with("everything came to its end"), "{log}");
    let end = child.wait();
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_stops_reading_holds_nothing_up() {
    let place = Place::new();
    let task = |i| format!("\n[[group.task]]\nname = \"t{i}\"\ncall = \"always_scrape_reddit\"\nevery = \"1s\"\n");
    let tasks: String = (0..400).map(task).collect();
    place.write("desk/desk.toml", format!("[[group]]\nname = \"g\"\n{tasks}"));
    let mut command = place.command(&["run", "--json", "--listen", "127.0.0.1:0"]);
    // Its stdout is a pipe that nobody reads: 64 KiB, which are some 200 events.
    let child = Ended::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let begun = Instant::now();
    loop {
        let runs = place.kobe(&["runs", "list", "--json", "--limit", "1"]).json();
        if runs[0]["id"].as_u64() > Some(1200) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "the desk stands still: {runs}");
    }
    child.tell("-TERM");
    assert_eq!(child.wait().code, Some(0));
}

#[test]
fn a_second_instance_names_the_first() {
    let place = place();
    let running = place.run(&[]);
    let second = place.kobe(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(75), ""));
    let pid = format!("process {}", running.child.id());
    assert!(second.stderr.starts_with("error: ") && second.stderr.contains(&pid), "{}", second.stderr);
    assert!(second.stderr.contains("\n\nhint: "));
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(75));
    let status = place.kobe(&["status", "--json"]);
    assert_eq!(status.json()["pid"], running.child.id());
    running.tell("-KILL");
    running.end();
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0), "the lock falls with its holder");
}

#[test]
fn told_twice_it_stops_at_once() {
    let place = place();
    let mut running = place.run(&[]);
    let asked = place.kobe(&["task", "run", "patient", "--wait", "0"]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    running.wait("run_started", |e| e["task"] == "patient");
    running.tell("-TERM");
    running.wait("stopping", |e| e["at_once"] == false);
    running.tell("-TERM");
    running.wait("stopping", |e| e["at_once"] == true);
    running.wait("stopped", |e| e["how"] == "AtOnce");
    assert_eq!(running.end().code, Some(143));
    let runs = place.kobe(&["runs", "list", "--task", "patient", "--json"]).json();
    assert_eq!(runs[0]["reason"], "interrupted", "{runs}");
}

#[test]
fn a_hang_up_is_no_end() {
    let place = place();
    let mut running = place.run(&[]);
    running.tell("-HUP");
    running.wait("reload_unchanged", |_| true);
    running.wait("run_ended", |e| e["task"] == "tick");
    running.tell("-TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = place.kobe(&["run", "--listen", &address]);
    assert_eq!(answer.code, Some(75), "like a state that is held: whoever has it may be gone at the next try");
    let expected = format!(
        "error: {address} is in use by another program\n\nhint: is another Kobe running? choose another port with `--listen 127.0.0.1:PORT`\n"
    );
    assert_eq!(answer.stderr, expected);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0), "nothing was left running");
}

#[test]
fn a_task_is_run_by_the_running_desk() {
    let place = place();
    let running = place.run(&[]);
    let good = place.kobe(&["task", "run", "by_hand", "--reason", "a test", "--json"]);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    let run = good.json();
    assert_eq!((run["state"].as_str(), run["task"].as_str()), (Some("completed"), Some("by_hand")));
    assert!(run["slot"].as_str().is_some_and(|s| s.starts_with("manual:")));
    let bad = place.kobe(&["task", "run", "broken"]);
    assert_eq!(bad.code, Some(1));
    assert!(bad.stdout.contains("failed: exit code 3: no such thing"), "{}", bad.stdout);
    let unknown = place.kobe(&["task", "run", "by_hnd"]);
    assert_eq!((unknown.code, unknown.stderr.contains("did you mean `by_hand`?")), (Some(2), true));
    running.tell("-TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn without_a_desk_that_runs_a_task_is_run_here_and_nothing_else() {
    let place = place();
    let answer = place.kobe(&["task", "run", "by_hand", "--json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(answer.json()["state"], "completed");
    let bad = place.kobe(&["task", "run", "broken", "--json"]);
    assert_eq!((bad.code, bad.json()["state"].as_str().map(str::to_owned)), (Some(1), Some("failed".to_owned())));
    let not_built = place.kobe(&["task", "run", "unbuilt", "--json"]);
    assert_eq!(
        (not_built.code, not_built.json()["reason"].as_str().map(str::to_owned)),
        (Some(1), Some("not_built".to_owned()))
    );
    let runs = place.kobe(&["runs", "--json"]).json();
    let tasks: Vec<&str> = runs.as_array().expect("rows").iter().filter_map(|r| r["task"].as_str()).collect();
    assert_eq!(tasks, ["unbuilt", "broken", "by_hand"], "nothing else was started");
}

#[test]
fn one_cycle_sums_itself_up() {
    let place = place();
    let first = place.kobe(&["run", "--once", "--json"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let told = first.json();
    for key in ["cycles", "started", "completed", "failed", "skipped", "unavailable", "next"] {
        assert!(told.get(key).is_some(), "{key} is missing in {told}");
    }
    // The next cycle owes the slots since the first one: a second later there is one.
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    running.tell("-KILL");
    running.end();
    let text = place.kobe(&["run", "--once"]).stdout;
    assert!(text.starts_with("one cycle: "), "{text}");
}

#[test]
fn the_kill_switch_is_pulled_once_and_taken_back_by_a_person() {
    let place = place();
    let nowhere = place.kobe(&["halt", "--reason", "in the wrong directory"]);
    assert_eq!(nowhere.code, Some(1), "where there is no state nothing is halted, and that is said");
    assert!(nowhere.stderr.contains("NOT pulled") && !place.path("state").exists(), "{}", nowhere.stderr);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    let halted = place.kobe(&["halt", "--reason", "fills look strange", "--operator", "anna", "--json"]);
    assert_eq!(halted.code, Some(0), "{}", halted.stderr);
    let told = halted.json();
    assert_eq!(
        (&told["active"], &told["reason"], &told["entries_allowed"]),
        (&json!(true), &json!("fills look strange"), &json!(false))
    );
    let file: Value = serde_json::from_str(&place.read("state/KILL_SWITCH")).unwrap();
    assert_eq!((&file["reason"], &file["activated_by"]), (&json!("fills look strange"), &json!("anna")));
    assert!(file.get("trigger").is_none(), "a person pulled it");
    let again = place.kobe(&["halt", "--reason", "another", "--json"]);
    assert_eq!(again.json()["reason"], "fills look strange", "the first activation counts");
    assert!(again.stderr.contains("pulled already"));

    let mut running = place.run(&[]);
    let (status, health) = get(&running, "/health");
    assert_eq!((status, &health["checks"]["kill_switch"]["ok"]), (200, &json!(false)));
    running.wait("run_ended", |e| e["task"] == "tick");
    let resumed = place.kobe(&[
        "resume",
        "--cause",
        "replayed",
        "--fix",
        "reconciled",
        "--reason",
        "tied",
        "--operator",
        "anna",
        "--json",
    ]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    let told = resumed.json();
    assert_eq!(
        (&told["active"], &told["entries_allowed"], &told["exits_allowed"]),
        (&json!(false), &json!(false), &json!(true))
    );
    assert!(told["entries_from"].is_string(), "only exits pass for an hour: {told}");
    assert!(!place.path("state/KILL_SWITCH").exists());
    running.tell("-TERM");
    assert_eq!(running.end().code, Some(0));

    let audit = place.read("state/kill_switch_audit.jsonl");
    let actions: Vec<String> = audit
        .lines()
        .map(|l| {
            let line: Value = serde_json::from_str(l).unwrap();
            format!("{} by {}", line["action"].as_str().unwrap(), line["operator"].as_str().unwrap())
        })
        .collect();
    assert_eq!(actions, ["activate by anna", "activate by tester", "signoff by anna", "deactivate by anna"]);
    let chain = place.kobe(&["status", "--json"]).json();
    assert_eq!(chain["kill_switch"]["entries_allowed"], false, "the books remember the hour");
}

#[test]
fn whatever_has_its_name_is_a_trip_and_needs_a_person() {
    for make in [
        |p: &Place| p.write("state/KILL_SWITCH", ""),
        |p: &Place| p.write("state/KILL_SWITCH", [0, 255, 7]),
        |p: &Place| std::fs::create_dir_all(p.path("state/KILL_SWITCH")).unwrap(),
    ] {
        let place = place();
        make(&place);
        assert_eq!(place.kobe(&["status", "--json"]).json()["kill_switch"]["active"], true);
        let resumed = place.kobe(&["resume", "--cause", "c", "--fix", "f", "--reason", "r", "--json"]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        assert_eq!(resumed.json()["active"], false);
        assert!(!place.path("state/KILL_SWITCH").exists());
    }
}

#[test]
fn damaged_state_is_told_and_left_alone() {
    let place = place();
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    place.write("state/autonomous/heartbeat.json", "{\"timest");
    let status = place.kobe(&["status", "--json"]);
    assert_eq!(
        (status.code, &status.json()["heartbeat"]),
        (Some(0), &Value::Null),
        "a torn export is no reason to fail"
    );
    place.write("state/kobe.db", "this is no database");
    for file in ["state/kobe.db-wal", "state/kobe.db-shm"] {
        let _ = std::fs::remove_file(place.path(file));
    }
    for args in [&["run", "--once"][..], &["status"], &["runs"]] {
        let answer = place.kobe(args);
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(74), ""), "{args:?}");
        assert!(answer.stderr.starts_with("error: ") && answer.stderr.contains("\n\nhint: "), "{}", answer.stderr);
    }
    assert_eq!(place.read("state/kobe.db"), "this is no database");
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let place = Place::new();
    let mut command = place.command(&["plan", "--from", "2026-01-01", "--to", "2026-03-01"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let child = Ended::new(child);
    let mut first = [0; 16];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let end = child.wait();
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
}
