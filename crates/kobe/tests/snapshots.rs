//! What an operator sees, whole: stdout, stderr and exit code. Deterministic by `--at` and `--on`, on a small desk of its own.

mod common;

use common::Place;

fn small() -> Place {
    Place::with_desk(include_str!("desks/small/desk.toml"))
}

/// Takes a picture of what a command says.
macro_rules! sees {
    ($($name:ident: $args:expr;)+) => { $(
        #[test]
        fn $name() {
            let place = small();
            insta::assert_snapshot!(place.kobe(&$args).seen(&place));
        }
    )+ };
}

sees! {
    help: ["--help"];
    no_verb: [];
    unknown_verb: ["plann"];
    plan_help: ["plan", "--help"];
    halt_help: ["halt", "--help"];
    why_two_slots: ["why", "reckon", "--on", "2026-11-27"];
    run_help: ["run", "--help"];
    awareness_primary: ["awareness", "--at", "2026-11-23T10:15"];
    awareness_half_day: ["awareness", "--at", "2026-11-27T12:45"];
    awareness_holiday: ["awareness", "--at", "2026-11-26"];
    awareness_decision_day: ["awareness", "--at", "2026-10-28T14:05"];
    awareness_weekend_json: ["awareness", "--at", "2026-11-28T12:00:00Z", "--json"];
    awareness_beyond: ["awareness", "--at", "2051-01-03"];
    awareness_no_time: ["awareness", "--at", "noon"];
    plan_full_day: ["plan", "--on", "2026-11-23"];
    plan_half_day: ["plan", "--on", "2026-11-27"];
    plan_holiday: ["plan", "--on", "2026-11-26"];
    plan_clocks_forward: ["plan", "--on", "2026-03-08"];
    plan_two_days: ["plan", "--from", "2026-11-26", "--to", "2026-11-27", "--lane", "monitoring"];
    plan_json: ["plan", "--on", "2026-11-27", "--json"];
    plan_backwards: ["plan", "--from", "2026-11-27", "--to", "2026-11-26"];
    plan_too_long: ["plan", "--from", "2004-01-01", "--to", "2012-12-31"];
    plan_before_hours_are_known: ["plan", "--on", "1985-09-26"];
    plan_unknown_task: ["plan", "--on", "2026-11-27", "--task", "reckn"];
    plan_unknown_lane: ["plan", "--on", "2026-11-27", "--lane", "night"];
    why_admit: ["why", "reckon", "--on", "2026-11-23"];
    why_moved: ["why", "reckon", "--at", "2026-11-27T12:00"];
    why_holiday: ["why", "bell", "--on", "2026-11-26"];
    why_holiday_json: ["why", "bell", "--on", "2026-11-26", "--json"];
    why_cooldown: ["why", "idle", "--at", "2026-11-23T12:00"];
    why_disabled: ["why", "off", "--on", "2026-11-23"];
    why_no_slot: ["why", "bell", "--on", "2026-11-28"];
    why_unknown: ["why", "bel"];
    task_list: ["task", "list"];
    task_list_of_a_lane: ["task", "list", "--lane", "monitoring"];
    task_show: ["task", "show", "reckon", "--at", "2026-11-25T12:00"];
    task_show_json: ["task", "show", "idle", "--at", "2026-11-25T12:00", "--json"];
    runs_none: ["runs"];
    runs_no_such: ["runs", "show", "17"];
    functions_one: ["functions", "scan_universe"];
    functions_unknown: ["functions", "scan_univers"];
    check_small: ["check", "--at", "2026-11-23"];
    halt_without_a_reason: ["halt"];
    halt_one_lane: ["halt", "trading", "--reason", "x"];
    resume_needs_all: ["resume", "--reason", "x"];
    resume_nothing_pulled: ["resume", "--cause", "c", "--fix", "f", "--reason", "r"];
    calendar_list: ["calendar", "list"];
    calendar_sessions: ["calendar", "sessions", "XNYS", "--from", "2026-11-23", "--to", "2026-11-30"];
    calendar_sessions_csv: ["calendar", "sessions", "nasdaq", "--from", "2026-11-25", "--to", "2026-11-28", "--format", "csv"];
    calendar_sessions_untimed: ["calendar", "sessions", "XNYS", "--from", "1985-09-25", "--to", "1985-10-01", "--format", "csv"];
    calendar_at: ["calendar", "at", "XNYS", "2026-11-27T12:59:59", "2026-11-27T13:00"];
    calendar_at_csv: ["calendar", "at", "XNYS", "2026-11-27T17:59:59Z", "2026-11-27T18:00:00Z", "--format", "csv"];
    calendar_at_always: ["calendar", "at", "24x7", "2026-11-26T12:00:00Z", "--json"];
    calendar_holidays: ["calendar", "holidays", "XNYS", "2026"];
    calendar_next: ["calendar", "next", "XNYS", "--after", "2026-12-24T19:00:00Z", "--count", "3"];
    calendar_unknown: ["calendar", "sessions", "XMOON", "--from", "2026-01-01", "--to", "2026-01-02"];
    calendar_refused: ["calendar", "sessions", "XNYS", "--from", "2050-12-30", "--to", "2051-01-05"];
    completions_unknown: ["completions", "tcsh"];
}

#[test]
fn instants_are_read_from_stdin() {
    use std::io::Write;
    use std::process::Stdio;
    let place = small();
    let mut child = place
        .command(&["calendar", "at", "XNYS", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"2026-11-27T17:59:59Z\n\n2026-11-27T13:00\n").unwrap();
    let answer = common::Answer::of(child.wait_with_output().unwrap());
    insta::assert_snapshot!(answer.seen(&place));
}

#[test]
fn colours_are_only_used_where_they_are_wanted() {
    let place = small();
    let plain = place.kobe(&["why", "bell", "--on", "2026-11-26"]).stdout;
    let coloured = place.kobe(&["why", "bell", "--on", "2026-11-26", "--color", "always"]).stdout;
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[31m✗\u{1b}[0m"));
    let json = place.kobe(&["why", "bell", "--on", "2026-11-26", "--color", "always", "--json"]).stdout;
    assert!(!json.contains('\u{1b}'));
}

#[test]
fn completions_are_written_for_every_shell() {
    let place = small();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let answer = place.kobe(&["completions", shell]);
        assert_eq!(answer.code, Some(0), "{shell}");
        assert!(answer.stdout.contains("awareness") && answer.stderr.is_empty(), "{shell}");
    }
}

#[test]
fn every_function_is_listed_with_its_keys() {
    let answer = Place::new().kobe(&["functions", "--json"]);
    let rows = answer.json();
    let rows = rows.as_array().expect("an array");
    assert_eq!(rows.len(), 246);
    for row in rows {
        for key in ["name", "group", "lane", "trade", "state", "reason", "tasks"] {
            assert!(row.get(key).is_some(), "{key} is missing in {row}");
        }
        assert!(["N", "X", "E"].contains(&row["trade"].as_str().expect("a letter")), "{row}");
        assert!(["real", "not_built", "unavailable"].contains(&row["state"].as_str().expect("a word")), "{row}");
        assert_eq!(row["reason"].is_string(), row["state"] != "real", "{row}");
    }
    let text = Place::new().kobe(&["functions"]).stdout;
    assert!(text.contains("246 functions: ") && text.lines().all(|l| l == l.trim_end()));
}

#[test]
fn the_desk_is_written_out_and_is_the_same() {
    let place = Place::new();
    insta::assert_snapshot!("init", place.kobe(&["init", "mine"]).seen(&place));
    insta::assert_snapshot!("init_twice", place.kobe(&["init", "mine"]).seen(&place));
    let plan = |args: &[&str]| place.kobe(&[args, &["plan", "--on", "2026-11-27", "--json"]].concat()).stdout;
    assert_eq!(plan(&[]), plan(&["--config", "mine"]));
    let checked = place.kobe(&["check", "mine", "--at", "2026-11-23", "--json"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    assert_eq!(checked.json()["tasks"], 504);
}
