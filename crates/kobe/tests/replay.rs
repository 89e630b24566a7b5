//! A recorded day is lived again to the same hash: from the rows, from a file that was handed over, and from one that an older build recorded. What was changed in it is found.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::{Place, golden};
use jiff::Timestamp;
use kobe_calendar::Market;
use serde_json::{Value, json};

const DESK: &str = r#"
name = "synthetic"

[[group]]
name = "g"

[[group.task]]
name = "tick"
does = "Says that it was there."
command = ["true"]
every = "1s"

[[group.task]]
name = "flaky"
does = "Fails, and is tried again at once."
command = ["sh", "-c", "test $KOBE_ATTEMPT = 2"]
every = "2s"
backoff = "1s"
retries = 2
overlap = "queue(3)"
lane = "research"

[[group.task]]
name = "broken"
does = "Fails for good."
command = ["false"]
every = "3s"
retries = 0
lane = "learning"

[[group.task]]
name = "patient"
does = "Waits until it is told to stop."
command = ["sleep", "600"]
cron = "0 0 1 1 *"
timeout = "4h"
lane = "research"
"#;

/// A task whose function may be built one day: not in what a later build must live again.
const UNBUILT: &str = r#"
[[group.task]]
name = "unbuilt"
does = "Calls a function that is not built."
call = "always_scrape_reddit"
every = "2s"
"#;

/// The day on the desk's clock.
fn today() -> String {
    Market::bundled().expect("its tables are sound").date_of(Timestamp::now()).to_string()
}

fn does(place: &Place, words: &[&str]) {
    let answer = place.kobe(&[words, &["--reason", "a test", "--operator", "anna"]].concat());
    assert_eq!(answer.code, Some(0), "{words:?}: {}", answer.stderr);
}

/// Lives some seconds of everything: programs, failures, holds, a run by hand, one that is cancelled, another desk, a kill and a second life.
fn live_a_day(desk: &str) -> (Place, String) {
    let place = Place::new();
    place.write("desk/desk.toml", desk);
    let day = today();
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "flaky" && e["state"] == "completed");
    running.wait("run_ended", |e| e["task"] == "broken" && e["state"] == "failed");
    does(&place, &["task", "pause", "tick"]);
    does(&place, &["halt", "learning"]);
    // A word is obeyed at once: what it keeps from running comes with the next slots.
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    running.wait("run_skipped", |e| e["task"] == "broken" && e["reason"] == "halted");
    assert_eq!(place.kobe(&["task", "run", "patient", "--wait", "0"]).code, Some(0));
    let run = running.wait("run_started", |e| e["task"] == "patient")["run"].to_string();
    does(&place, &["task", "skip", "flaky"]);
    does(&place, &["runs", "cancel", &run]);
    does(&place, &["task", "resume", "tick"]);
    does(&place, &["resume", "learning"]);
    let other = desk.replace("every = \"2s\"\nbackoff", "every = \"3s\"\nbackoff");
    assert_ne!(other, desk);
    place.write("desk/desk.toml", other);
    running.tell("-HUP");
    running.wait("reloaded", |_| true);
    running.wait("run_ended", |e| e["task"] == "tick");
    running.kill();
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "flaky");
    running.stop();
    (place, day)
}

/// Lives a day again that must come out the same; returns what is told of it.
fn same(place: &Place, args: &[&str]) -> Value {
    let lived = place.kobe(&[&["replay-day"], args, &["--json"]].concat());
    assert_eq!(lived.code, Some(0), "{args:?}: {}{}", lived.stdout, lived.stderr);
    let lived = lived.json();
    assert_eq!((&lived["same"], &lived["differs"]), (&json!(true), &Value::Null), "{args:?}: {lived}");
    assert_eq!(lived["trace_hash"], lived["recorded_hash"], "{args:?}");
    lived
}

#[test]
fn a_day_of_everything_lives_again_from_rows_and_from_a_file() {
    let (place, day) = live_a_day(&format!("{DESK}{UNBUILT}"));
    let lived = same(&place, &[&day]);
    assert_eq!(lived["segments"], 3, "a start, a reload, a start: {lived}");
    for end in ["completed", "failed", "paused", "halted", "operator", "not_built"] {
        assert!(lived["ends"][end].as_u64() > Some(0), "nothing ended {end}: {lived}");
    }
    assert_eq!(lived["as_written"], true);
    let exported = same(&place, &[&day, "--export", "day.jsonl"]);
    // Elsewhere, with no state and another desk: the file holds all that it takes.
    let elsewhere = Place::new();
    fs::copy(place.path("day.jsonl"), elsewhere.path("day.jsonl")).expect("a copy");
    let again = same(&elsewhere, &[&day, "--journal", "day.jsonl"]);
    assert_eq!((&exported, &again), (&lived, &lived), "the same, whatever it is read from");

    changes_are_found(&elsewhere, &day, &lived);
    let other_day = place.kobe(&["replay-day", "2020-01-02"]);
    assert_eq!(other_day.code, Some(1), "{}", other_day.stdout);
    assert!(other_day.stderr.contains("nothing was recorded on 2020-01-02"), "{}", other_day.stderr);
}

/// Changes one line of a file at a time; each change is found where it is.
fn changes_are_found(place: &Place, day: &str, lived: &Value) {
    let text = place.read("day.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    let row = |line: &str| -> Value { serde_json::from_str(line).expect("a row") };
    let rows_only = &lines[1..lines.len() - 1];
    let with = |words: &str| {
        let found = rows_only
            .iter()
            .position(|line| row(line)[1] == false && row(line)[2].as_str().is_some_and(|b| b.contains(words)));
        1 + found.unwrap_or_else(|| panic!("no turn with {words}"))
    };
    // Turns are counted without the rows at which a machine begins.
    let turn_of = |at: usize| lines[1..=at].iter().filter(|line| row(line)[1] == false).count();
    let changed = |at: usize, change: &dyn Fn(&mut Value)| {
        let mut bad = row(lines[at]);
        change(&mut bad);
        let bad = bad.to_string();
        lines
            .iter()
            .enumerate()
            .map(|(i, line)| format!("{}\n", if i == at { bad.as_str() } else { line }))
            .collect::<String>()
    };
    let body = |from: &'static str, to: &'static str| {
        move |row: &mut Value| {
            let text = row[2].as_str().expect("a body");
            assert!(text.contains(from), "{text}");
            row[2] = Value::from(text.replacen(from, to, 1));
        }
    };
    let (failed, asked, ended) = (with("\"error\""), with("\"pause\""), with("[\"end\""));
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let rows: [(&str, usize, Change<'_>); 5] = [
        ("a failure that is told as fine", failed, Box::new(body("\"error\"", "\"ok\""))),
        ("another task that is paused", asked, Box::new(body("\"tick\"", "\"flaky\""))),
        ("an end that is left out", ended, Box::new(|row| row[2] = "[]".into())),
        ("a digest of something else", ended, Box::new(|row| row[3] = "0123456789abcdef".into())),
        (
            "another instant",
            ended,
            Box::new(|row| {
                let at: Timestamp = row[0].as_str().and_then(|t| t.parse().ok()).expect("an instant");
                row[0] = (at - jiff::SignedDuration::from_micros(1)).to_string().into();
            }),
        ),
    ];
    for (name, at, change) in rows {
        place.write("bad.jsonl", changed(at, &*change));
        let found = place.kobe(&["replay-day", day, "--journal", "bad.jsonl", "--json"]);
        assert_eq!(found.code, Some(1), "{name}: {}{}", found.stdout, found.stderr);
        let found = found.json();
        assert_eq!(found["same"], false, "{name}");
        // The hash of the last line goes over instants and digests; inputs are found by living them.
        let as_written = !["a digest of something else", "another instant"].contains(&name);
        assert_eq!(found["as_written"], as_written, "{name}");
        assert_eq!(found["differs"]["turn"], turn_of(at), "{name}: {}", found["differs"]);
        assert!(
            found["trace_hash"] != lived["trace_hash"] || found["recorded_hash"] != lived["recorded_hash"],
            "{name}"
        );
        let told = place.kobe(&["replay-day", day, "--journal", "bad.jsonl"]).stdout;
        assert!(told.contains(&format!("turn {} at ", turn_of(at))), "{name}: {told}");
    }
    // What cannot be read at all is told with its line.
    let (rows, last) = (rows_only.len(), lines.len() - 1);
    let whole = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let one = r#"{"rows":1,"recorded":""}"#;
    for (name, text, said) in [
        ("a line that is cut", text.replace(lines[ended], &lines[ended][..20]), format!("bad.jsonl:{}: ", ended + 1)),
        ("no beginning", whole(&[lines[0], lines[ended], one]), "the journal has no beginning".to_owned()),
        ("no last line", whole(&lines[..last]), "the file was cut".to_owned()),
        ("cut at its end", whole(&lines[..last - 3]), "the file was cut".to_owned()),
        (
            "rows that are gone before the last line",
            whole(&[&lines[..last - 2], &lines[last..]].concat()),
            format!("the file has {} rows, and was written with {rows}", rows - 2),
        ),
        ("more after the last line", whole(&[&lines[..], &lines[last - 1..last]].concat()), "goes on after".to_owned()),
        ("another format", text.replacen("\"kobe_journal\":2", "\"kobe_journal\":1", 1), "has format 1".to_owned()),
        ("an empty file", String::new(), "bad.jsonl:1: the file is empty".to_owned()),
        ("no journal", "{}\n".to_owned(), "bad.jsonl:1: this is no head".to_owned()),
    ] {
        place.write("bad.jsonl", text);
        let found = place.kobe(&["replay-day", day, "--journal", "bad.jsonl"]);
        assert_eq!((found.code, found.stdout.as_str()), (Some(1), ""), "{name}: {}", found.stderr);
        assert!(found.stderr.contains(&said), "{name}: {}", found.stderr);
    }
}

/// The journal in `tests/golden` and what came of it when it was recorded.
const RECORDED: &str = "journal_synthetic.jsonl";

fn recorded() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(RECORDED)
}

/// A journal that an older build recorded comes out the same in this one: whatever changed in the machine since, a recorded day means what it meant.
///
/// If this fails after a change that is meant to change what comes of the same inputs, say so in the change and record anew:
/// `cargo test -p kobe --test replay -- --ignored record_the_synthetic_day`. A newer calendar or newer time zone data is no reason: the day has nothing that hangs on them, so
/// their versions are put into the copy that is lived.
#[test]
fn a_journal_of_an_older_build_comes_out_the_same() {
    let text = golden(RECORDED);
    let head: Value = serde_json::from_str(text.lines().next().expect("a head")).expect("a head");
    let day = head["date"].as_str().expect("a date").to_owned();
    let market = Market::bundled().expect("its tables are sound");
    let (mut versions, mut copy) = (Vec::new(), String::new());
    for line in text.lines() {
        let mut row: Value = serde_json::from_str(line).expect("JSON");
        if row[1] == true {
            let mut begin: Value = serde_json::from_str(row[2].as_str().expect("a body")).expect("a machine");
            versions.push(format!("{} and {}", begin["calendar"], begin["tzdb"]));
            begin["calendar"] = market.version().into();
            begin["tzdb"] = market.tzdb_version().into();
            row[2] = begin.to_string().into();
        }
        copy.push_str(&format!("{row}\n"));
    }
    versions.dedup();
    let now = format!("{:?} and {:?}", market.version(), market.tzdb_version());
    if versions != [now.as_str()] {
        println!("recorded with calendar and time zones {versions:?}, lived again with {now}");
    }
    let place = Place::new();
    place.write("day.jsonl", copy);
    let lived = place.kobe(&["replay-day", &day, "--journal", "day.jsonl", "--json"]);
    let how = "if that is meant: cargo test -p kobe --test replay -- --ignored record_the_synthetic_day";
    assert_eq!(
        lived.code,
        Some(0),
        "a recorded day comes out otherwise in this build; {how}\n{}{}",
        lived.stdout,
        lived.stderr
    );
    let lived = lived.json();
    assert_eq!((&lived["same"], &lived["segments"]), (&json!(true), &json!(3)), "{lived}");
    assert!(lived["turns"].as_u64() > Some(20) && lived["ends"]["paused"].as_u64() > Some(0), "{lived}");

    // As it stands, the file is lived only by a build with its calendar, and any other says so.
    let plain = recorded().display().to_string();
    let plain = place.kobe(&["replay-day", &day, "--journal", &plain]);
    match versions == [now.as_str()] {
        true => assert_eq!(plain.code, Some(0), "{}", plain.stderr),
        false => assert!(plain.code == Some(1) && plain.stderr.contains("was lived with calendar"), "{}", plain.stderr),
    }
}

#[test]
#[ignore = "records tests/golden/journal_synthetic.jsonl anew, after a change that is meant to change what comes of the same inputs"]
fn record_the_synthetic_day() {
    let (place, day) = live_a_day(DESK);
    same(&place, &[&day, "--export", "day.jsonl"]);
    fs::copy(place.path("day.jsonl"), recorded()).expect("writable");
    let sum = Command::new("sha256sum").arg(recorded()).output().expect("sha256sum is there");
    println!(
        "{} lines; put the hash into tests/golden/SOURCES.md: {}",
        place.read("day.jsonl").lines().count(),
        String::from_utf8_lossy(&sum.stdout)
    );
}
