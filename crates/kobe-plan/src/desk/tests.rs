//! Bad files: place, cause and hint of every mistake.

use jiff::SignedDuration;

use super::*;
use crate::task::{HalfDay, TradeRight, Work};

fn catalog() -> Catalog {
    let spec = |lane, right| FunctionSpec {
        lane,
        right,
        session_bound: true,
        heavy: false,
        timeout: SignedDuration::from_secs(30),
        stage: Some(2),
        after: vec![],
    };
    [
        ("scan_universe", spec(Lane::Trading, TradeRight::None)),
        ("execute_trades", spec(Lane::Trading, TradeRight::Open)),
    ]
    .into_iter()
    .map(|(n, s)| (n.to_owned(), s))
    .collect()
}

fn parse(text: &str) -> Result<Desk, Vec<Problem>> {
    Desk::parse(&[SourceFile { name: "desk.toml".into(), text: text.into() }], &catalog())
}

fn task(lines: &str) -> String {
    format!("[[group]]\nname = \"g\"\n\n[[group.task]]\nname = \"scan\"\n{lines}\n")
}

#[test]
fn every_mistake_is_told_with_place_cause_and_hint() {
    let rows: &[(&str, String, &str)] = &[
        (
            "an unknown key",
            task("call = \"scan_universe\"\nat = \"10:00\"\nprioritty = \"high\""),
            "desk.toml:8:1 | unknown key `prioritty` in a task | did you mean `priority`?",
        ),
        (
            "a time that does not exist",
            task("call = \"scan_universe\"\nat = \"25:61\""),
            "desk.toml:7:6 | `25:61` is no time of day | hours run from 00 to 23, minutes from 00 to 59",
        ),
        (
            "an unknown function",
            task("call = \"scan_univers\"\nat = \"10:00\""),
            "desk.toml:6:8 | unknown function `scan_univers` | did you mean `scan_universe`?",
        ),
        (
            "an unknown phase",
            task("call = \"scan_universe\"\nat = \"10:00\"\nphases = [\"market_lunsh\"]"),
            "desk.toml:8:11 | unknown phase `market_lunsh` | did you mean `market_lunch`?",
        ),
        (
            "no trigger",
            task("call = \"scan_universe\""),
            "desk.toml:5:8 | the task never fires: it has no trigger | add one of `at`, `every`, `cron`, `cooldown`, `once`",
        ),
        (
            "no day at all",
            task("call = \"scan_universe\"\nat = \"10:00\"\ndays = []"),
            "desk.toml:8:8 | `days` names no day: the task would never fire",
        ),
        (
            "an empty list of times",
            task("call = \"scan_universe\"\nat = []"),
            "desk.toml:7:6 | the task never fires: `at` is empty | name at least one time",
        ),
        (
            "two triggers",
            task("call = \"scan_universe\"\nat = \"10:00\"\nevery = \"5m\""),
            "desk.toml:8:9 | a task has one kind of trigger, this one has at and every | keep one, or make two tasks of it",
        ),
        (
            "nothing to do",
            task("at = \"10:00\""),
            "desk.toml:5:8 | task `scan` does nothing | add `call = \"FUNCTION\"`",
        ),
        (
            "a shell line instead of words",
            task("command = \"rm -rf /\"\nat = \"10:00\""),
            "desk.toml:6:11 | `command` is a list of words | write `command = [\"program\", \"argument\"]`; no shell stands between",
        ),
        (
            "a timeout too long for its lane",
            task("call = \"scan_universe\"\nat = \"10:00\"\ntimeout = \"1h\""),
            "desk.toml:8:11 | a task of the trading lane may take at most 300 s | shorten the timeout",
        ),
        (
            "a NUL byte",
            "[[group]]\nname = \"g\0\"".into(),
            "desk.toml:2:10 | the file holds a NUL byte | this is not a text file, or it was damaged",
        ),
        (
            "no TOML at all",
            "[[group\nname = ".into(),
            "desk.toml:1:8 | unclosed array table, expected `]]` | this is not valid TOML",
        ),
        (
            "an unknown window",
            task("call = \"scan_universe\"\nevery = \"5m\"\nwithin = \"primry\""),
            "desk.toml:8:10 | unknown window `primry` | no window is declared",
        ),
        (
            "a bad cron expression",
            task("call = \"scan_universe\"\ncron = \"61 * * * *\""),
            "desk.toml:7:8 | `61 * * * *` is no cron expression",
        ),
        (
            "a moving interval",
            task("call = \"scan_universe\"\nevery = \"5m\"\non_half_day = \"move\""),
            "desk.toml:7:9 | `on_half_day = \"move\"` has no meaning for `every`",
        ),
        (
            "a newer format",
            "schema = 2".into(),
            "desk.toml:1:10 | this desk is written in schema 2, this build reads schema 1 | use a newer Kobe",
        ),
        ("an empty desk", "schema = 1".into(), "desk.toml:1:1 | the desk has no task"),
        (
            "the same time twice",
            task("call = \"scan_universe\"\nat = [\"10:00\", \"10:00\"]"),
            "desk.toml:7:16 | at 10:00 stands twice in `at` | remove one of them",
        ),
        (
            "a bare time",
            task("call = \"scan_universe\"\nat = 10:00:00"),
            "desk.toml:7:6 | `at` is the bare time 10:00:00, expected a text | write `at = \"10:00:00\"` with quotes",
        ),
        (
            "a wrong kind of value",
            task("call = \"scan_universe\"\nat = \"10:00\"\nenabled = \"yes\""),
            "desk.toml:8:11 | `enabled` is a text, expected true or false",
        ),
    ];
    for (name, text, expected) in rows {
        let problems = parse(text).expect_err(name);
        let told: Vec<String> = problems
            .iter()
            .map(|p| format!("{} | {} | {}", p.place, p.message, p.hint.as_deref().unwrap_or_default()))
            .collect();
        assert!(told.iter().any(|t| t.starts_with(expected)), "{name}:\n wanted {expected}\n found  {told:#?}");
    }
}

#[test]
fn a_name_may_stand_once_over_all_files() {
    let text = task("call = \"scan_universe\"\nat = \"10:00\"");
    let files = [
        SourceFile { name: "a.toml".into(), text: text.clone() },
        SourceFile { name: "b.toml".into(), text: text.replace("\"g\"", "\"h\"") },
    ];
    let problems = Desk::parse(&files, &catalog()).expect_err("the name stands twice");
    assert_eq!(problems[0].message, "task `scan` is named twice, first at a.toml:5:8");
    assert_eq!(problems[0].place.to_string(), "b.toml:5:8");
}

#[test]
fn all_mistakes_come_at_once() {
    let text = task("call = \"scan_universe\"\nat = \"99:00\"\ntimeout = \"soon\"\nlane = \"fast\"");
    assert_eq!(parse(&text).expect_err("three mistakes").len(), 3);
}

#[test]
fn a_problem_shows_the_line_it_means() {
    let problems = parse(&task("call = \"scan_universe\"\nat = \"25:61\"")).expect_err("a bad time");
    let shown = problems[0].to_string();
    assert_eq!(
        shown,
        "error: `25:61` is no time of day\n --> desk.toml:7:6\n  |\n7 | at = \"25:61\"\n  |      ^^^^^^^\n\nhint: hours run from 00 to 23, minutes from 00 to 59"
    );
}

#[test]
fn defaults_come_from_task_group_function_and_kobe_in_this_order() {
    let text = "[[group]]\nname = \"g\"\npriority = \"high\"\non_half_day = \"skip\"\n[[group.task]]\nname = \"a\"\ncall = \"execute_trades\"\nat = [\"10:15\", { at = \"close-5m\", priority = 1, on_half_day = \"move\" }]\nstage = \"none\"\n[[group.task]]\nname = \"b\"\ncommand = [\"true\"]\nevery = \"5m\"\npriority = 7\nlane = \"research\"\n";
    let desk = parse(text).expect("a sound desk");
    let a = desk.task(desk.find("a").expect("declared"));
    assert_eq!((a.lane, a.right, a.stage, a.session_bound), (Lane::Trading, TradeRight::Open, None, true));
    assert_eq!((a.firings[0].priority, a.firings[0].on_half_day), (2, HalfDay::Skip));
    assert_eq!((a.firings[1].priority, a.firings[1].on_half_day), (1, HalfDay::Move));
    assert_eq!(a.grace, SignedDuration::from_secs(60), "what may trade is missed after a minute");
    assert_eq!(a.retry.limit, 0, "what may open a position is not repeated by itself");
    let b = desk.task(desk.find("b").expect("declared"));
    assert_eq!((b.lane, b.priority(), b.idempotent), (Lane::Research, 7, false));
    assert_eq!(b.work, Work::Command(vec!["true".into()]));
}

#[test]
fn no_bytes_make_the_reader_panic() {
    use proptest::prelude::*;
    let sound = task(
        "call = \"scan_universe\"\nat = [\"10:00\", { at = \"close-5m\" }]\nargs = { a = 1, b = [true] }\ntags = [\"!fomc_day\"]",
    );
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(at in 0..sound.len(), cut in 0..20_usize, new in ".{0,8}")| {
        let mut text = sound.clone();
        let (mut start, mut end) = (at, (at + cut).min(sound.len()));
        while !text.is_char_boundary(start) { start -= 1; }
        while !text.is_char_boundary(end) { end += 1; }
        text.replace_range(start..end, &new);
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            for p in problems { prop_assert!(!p.to_string().is_empty()); }
        }
    });
}
