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
            "desk.toml:5:8 | the task never fires: it has no trigger | add one of `at`, `on`, `every`, `cron`, `cooldown`, `once`",
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
            "an unknown venue",
            task("call = \"scan_universe\"\non = \"XTSK open+5m\""),
            "desk.toml:7:6 | unknown venue `XTSK` | did you mean `XTKS`? `kobe calendar list` names them all",
        ),
        (
            "a venue that resembles none",
            task("call = \"scan_universe\"\non = \"MOONBASE open\""),
            "desk.toml:7:6 | unknown venue `MOONBASE` | `kobe calendar list` names them all; write a venue and a moment, like `XTKS open+5m`",
        ),
        (
            "a venue alone",
            task("call = \"scan_universe\"\non = \"XTKS\""),
            "desk.toml:7:6 | `XTKS` names no moment of a session of XTKS | write a venue and a moment",
        ),
        (
            "a moment that is none",
            task("call = \"scan_universe\"\non = \"XTKS brake_end\""),
            "desk.toml:7:6 | `brake_end` is no moment of a session | did you mean `break_end`?",
        ),
        (
            "a break where there is none",
            task("call = \"scan_universe\"\non = \"XNYS break_end\""),
            "desk.toml:7:6 | the sessions of XNYS have no break | count from `open` or `close`",
        ),
        (
            "an offset that leaves the session",
            task("call = \"scan_universe\"\non = [\"XTKS open\", \"XNYS open+7h\"]"),
            "desk.toml:7:20 | `open+7h` leaves the session: those of XNYS last 6h30m | come nearer, or count from the other end",
        ),
        (
            "an offset that leaves it backwards",
            task("call = \"scan_universe\"\non = \"XTKS break_start-3h\""),
            "desk.toml:7:6 | `break_start-3h` leaves the session: those of XTKS last 6h30m",
        ),
        (
            "a phase of another venue",
            task("call = \"scan_universe\"\non = \"XLON enter market_opening\""),
            "desk.toml:7:6 | phases are those of the desk's own venue, XLON has none | write `XNYS enter market_opening`",
        ),
        (
            "an unknown phase to enter",
            task("call = \"scan_universe\"\non = \"XNYS enter market_lunsh\""),
            "desk.toml:7:6 | unknown phase `market_lunsh` | did you mean `market_lunch`?",
        ),
        (
            "an unknown part of the year",
            task("call = \"scan_universe\"\non = \"XTKS open first session of mnth\""),
            "desk.toml:7:6 | unknown period `mnth` | did you mean `month`?",
        ),
        (
            "a number that is none",
            task("call = \"scan_universe\"\non = \"XTKS open 0th session of month\""),
            "desk.toml:7:6 | `0th` is no number of a session | write `first session of month`",
        ),
        (
            "more sessions than a week has",
            task("call = \"scan_universe\"\non = \"XTKS open 8th session of week\""),
            "desk.toml:7:6 | no week has 8 sessions | stay within 7",
        ),
        (
            "words that name no session",
            task("call = \"scan_universe\"\non = \"XTKS open every month\""),
            "desk.toml:7:6 | `every month` names no session | write `first session of month`",
        ),
        (
            "too far from an expiry",
            task("call = \"scan_universe\"\non = \"XNYS open expiry-11\""),
            "desk.toml:7:6 | `expiry-11` lies more than 10 sessions from the expiry",
        ),
        (
            "the same slots twice",
            task("call = \"scan_universe\"\non = [\"XNYS open\", \"NYSE open first session of month\"]"),
            "desk.toml:7:20 | `NYSE open first session of month` and `XNYS open` name the same slots",
        ),
        (
            "an open that would move with the close",
            task("call = \"scan_universe\"\non = \"XHKG open\"\non_half_day = \"move\""),
            "desk.toml:7:6 | `on_half_day = \"move\"` has no meaning for a moment that is not counted from the close",
        ),
        (
            "a session that would move to another",
            task("call = \"scan_universe\"\non = \"XHKG open\"\non_holiday = \"next_session\""),
            "desk.toml:7:6 | `on_holiday` can move only `at`, not `on`",
        ),
        (
            "steps within the sessions of an unknown venue",
            task("call = \"scan_universe\"\nevery = \"15m\"\nwithin = \"XTSK session\""),
            "desk.toml:8:10 | unknown venue `XTSK` | did you mean `XTKS`?",
        ),
        (
            "steps longer than a session",
            task("call = \"scan_universe\"\nevery = \"7h\"\nwithin = \"XTKS session\""),
            "desk.toml:7:9 | a session of XTKS lasts 6h30m, no longer than one step | take a shorter step",
        ),
        (
            "an unknown end to count from",
            task("call = \"scan_universe\"\nevery = \"15m\"\nwithin = \"XTKS session\"\nalign = \"noon\""),
            "desk.toml:9:9 | unknown align `noon` | known: open, close",
        ),
        (
            "breaks of no session",
            task("call = \"scan_universe\"\nevery = \"15m\"\nbreaks = \"run\""),
            "desk.toml:8:10 | `breaks` belongs to steps within the sessions of a venue | add `within = \"XTKS session\"`",
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
