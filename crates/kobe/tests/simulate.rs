//! The simulated desk against the reference: signals, trades and equity to the letter, whatever day it is today.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn simulate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kobe"))
        .arg("simulate")
        .args(args)
        .env_remove("KOBE_CONFIG")
        .output()
        .expect("the binary starts")
}

fn answer(args: &[&str]) -> Value {
    let output = simulate(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// Compares whole files; the first line that differs is the message.
fn same(what: &str, found: &str, wanted: &str) {
    for (i, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(found, wanted, "{what}, line {}", i + 1);
    }
    assert_eq!(found.lines().count(), wanted.lines().count(), "{what}: number of lines");
    assert_eq!(found, wanted, "{what}");
}

fn reported(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_long_run_equals_the_reference() {
    let dir = tempfile::tempdir().expect("a directory");
    let report: PathBuf = dir.path().join("report");
    let said = answer(&["--json", "--report", report.to_str().expect("text")]);
    same("trades", &reported(&report, "trades.csv"), &golden("golden_trades.csv"));
    same("equity", &reported(&report, "equity.csv"), &golden("golden_equity.csv"));
    same("signals", &reported(&report, "signals.csv"), &golden("golden_signals.csv"));
    assert_eq!(said["trades"], 48);
    assert_eq!(said["equity_end"], 101_554.85);
    assert_eq!(said["failed"], 0);
    let sum: u64 = said["skipped"].as_object().expect("an object").values().filter_map(Value::as_u64).sum();
    let number = |key: &str| said[key].as_u64().expect("a number");
    assert_eq!(number("slots"), number("completed") + sum + number("failed"));
    for file in ["report.html", "report.md", "report.json"] {
        assert!(reported(&report, file).len() > 1000, "{file} says something");
    }
}

#[test]
fn the_quick_year_equals_the_reference_and_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |name: &str| {
        let report = dir.path().join(name);
        (
            answer(&[
                "--from",
                "2012-01-01",
                "--to",
                "2012-12-31",
                "--json",
                "--report",
                report.to_str().expect("text"),
            ]),
            report,
        )
    };
    let (first, report) = run("first");
    same("trades", &reported(&report, "trades.csv"), &golden("golden_2012_trades.csv"));
    same("equity", &reported(&report, "equity.csv"), &golden("golden_2012_equity.csv"));
    same("signals", &reported(&report, "signals.csv"), &golden("golden_2012_signals.csv"));
    let (mut second, _) = run("second");
    second["wall_seconds"] = first["wall_seconds"].clone();
    assert_eq!(first, second, "twice the same run");
}

#[test]
fn a_desk_written_out_lives_the_same_year() {
    let dir = tempfile::tempdir().expect("a directory");
    let desk = dir.path().join("desk");
    let init = Command::new(env!("CARGO_BIN_EXE_kobe")).arg("init").arg(&desk).output().expect("the binary starts");
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let days = ["--from", "2012-01-03", "--to", "2012-02-29", "--json"];
    let inside = answer(&days);
    let outside = answer(&[&days[..], &["--config", desk.to_str().expect("text")]].concat());
    assert_eq!(inside["trace_hash"], outside["trace_hash"]);
}

#[test]
fn a_kill_switch_ends_entries_at_once_and_exits_after_a_minute_but_stops_still_fill() {
    let dir = tempfile::tempdir().expect("a directory");
    let halted = |name: &str, at: &str| {
        let report = dir.path().join(name);
        let said = answer(&[
            "--from",
            "2012-01-01",
            "--to",
            "2012-12-31",
            "--halt-at",
            at,
            "--json",
            "--report",
            report.to_str().expect("text"),
        ]);
        (said, report)
    };
    // Before the morning's entries of a day on which the reference buys.
    let (said, report) = halted("entry", "2012-09-24T10:05");
    let wanted: Vec<String> = golden("golden_2012_trades.csv")
        .lines()
        .skip(1)
        .filter(|l| l[..10] < *"2012-09-24")
        .map(str::to_owned)
        .collect();
    let found: Vec<String> = reported(&report, "trades.csv").lines().skip(1).map(str::to_owned).collect();
    assert_eq!(found, wanted, "no entry after the trip, all before it untouched");
    assert_eq!(said["trades"], wanted.len());
    // Between an entry and its exit: the exit that the reference sends at 10:20 comes more than a minute after the trip and is not sent; the stop stays.
    let (_, report) = halted("exit", "2012-01-12T10:05");
    let found = reported(&report, "trades.csv");
    assert!(!found.contains("2012-01-12,1"), "no exit later than a minute after the trip:\n{found}");
    let html = reported(&report, "report.md");
    assert!(
        html.lines().take(3).any(|l| l.to_lowercase().contains("kill switch")),
        "the report says so at its head:\n{}",
        html.lines().next().unwrap_or_default()
    );
    // Within the minute the exit still leaves.
    let (_, report) = halted("grace", "2012-01-12T10:19:30");
    assert!(reported(&report, "trades.csv").contains(",2012-01-12,"), "an exit within the minute is sent");
}

#[test]
fn questions_that_make_no_sense_are_told_so() {
    let rows: &[(&[&str], i32, &str)] = &[
        (&["--from", "2012-12-31", "--to", "2012-01-01"], 2, "lies before"),
        (&["--from", "2012-13-01"], 2, "2012-13-01"),
        (&["--from", "2060-01-01", "--to", "2060-02-01"], 2, "2050"),
        (&["--work", "nothing"], 2, "trading"),
        (&["--data", "/nonexistent/bars"], 1, "/nonexistent/bars"),
    ];
    for (args, code, says) in rows {
        let output = simulate(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn a_damaged_bar_file_is_told_with_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let actions =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/corporate_actions.csv")).expect("bundled");
    std::fs::write(dir.path().join("corporate_actions.csv"), actions).expect("writable");
    let bars = "symbol,date,open,high,low,close,volume\nAAPL,2012-01-03,58.49,58.93,58.43,58.75,75555200\nAAPL,2012-01-04,58.57,57.00,58.47,59.06,65005500\n";
    std::fs::write(dir.path().join("equities_daily.csv"), bars).expect("writable");
    let output =
        simulate(&["--from", "2012-01-03", "--to", "2012-01-10", "--data", dir.path().to_str().expect("text")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("equities_daily.csv:3"), "{said}");
    assert!(said.contains("hint:"), "{said}");
}
