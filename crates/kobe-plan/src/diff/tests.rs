//! What changes between two desks, told in short words.

use super::*;
use crate::desk::{Catalog, SourceFile};
use crate::run::{Note, Reason};

const HEAD: &str = "[windows.noon]\nfrom = \"12:00\"\nto = \"13:00\"\n[[group]]\nname = \"g\"\ndays = \"weekdays\"\n";

fn desk(text: &str) -> Desk {
    let files = [SourceFile { name: "t.toml".into(), text: text.into() }];
    Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}\n{text}", p[0]))
}

fn task(name: &str, lines: &str) -> String {
    format!("[[group.task]]\nname = \"{name}\"\ncommand = [\"x\"]\n{lines}\n")
}

fn compare(before: &Desk, after: &Desk, from: &str, to: &str) -> Diff {
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let free = |_| None;
    let side = |desk| Side { desk, standing: &free };
    diff(side(before), side(after), &market, from.parse().expect("a date"), to.parse().expect("a date"))
        .expect("covered days")
}

/// Says a difference in short words: times of day are New York's on Monday 2026-11-23 (UTC-5), earlier or later days have their date.
fn told(diff: &Diff) -> String {
    let at = |f: &Firing| {
        let local = (f.due - jiff::SignedDuration::from_hours(5)).to_string();
        let (date, time) = local.split_once('T').expect("an instant");
        let skip = match f.verdict {
            Verdict::Admit => String::new(),
            Verdict::Skip(reason) => format!(" {reason}"),
        };
        format!("{}{}{skip}", if date == "2026-11-23" { "" } else { &date[8..] }, &time[..5])
    };
    let mut words: Vec<String> = Vec::new();
    for (sign, list) in [("+", &diff.added), ("-", &diff.removed)] {
        words.extend(list.iter().map(|s| format!("{sign}{} {}", s.task, s.firing.as_ref().map_or("about".into(), at))));
    }
    for (sign, list) in [(">", &diff.moved), ("!", &diff.verdicts)] {
        words.extend(list.iter().map(|p| format!("{sign}{} {} to {}", p.task, at(&p.before), at(&p.after))));
    }
    let setting = |s: &Setting| {
        let value = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".into());
        format!("{} {} to {}", s.field, value(&s.before), value(&s.after))
    };
    for changed in &diff.changed {
        words.extend(changed.settings.iter().map(|s| format!("={} {}", changed.task, setting(s))));
    }
    words.extend(diff.desk.iter().map(|s| format!("=desk {}", setting(s))));
    words.join("; ")
}

#[test]
fn fire_times_first_then_settings() {
    let at = |time: &str| task("a", &format!("at = \"{time}\""));
    let rows: &[(&str, String, String, &str)] = &[
        ("the same desk", at("10:00"), at("10:00"), ""),
        ("another time on a day with as many", at("10:00"), at("10:15"), ">a 10:00 to 10:15"),
        (
            "two of three times, paired in order",
            task("a", "at = [\"10:00\", \"11:00\", \"12:00\"]"),
            task("a", "at = [\"10:05\", \"11:00\", \"12:05\"]"),
            ">a 10:00 to 10:05; >a 12:00 to 12:05",
        ),
        ("one time more", at("10:00"), task("a", "at = [\"10:00\", \"11:00\"]"), "+a 11:00"),
        (
            "another number of times is no move",
            at("10:00"),
            task("a", "at = [\"10:30\", \"11:00\"]"),
            "+a 10:30; +a 11:00; -a 10:00",
        ),
        ("another name is another task", at("10:00"), task("b", "at = \"10:00\""), "+b 10:00; -a 10:00"),
        (
            "the same instant by another trigger is a setting",
            at("10:00"),
            at("open+30m"),
            "=a trigger at 10:00 to at open+30m",
        ),
        (
            "a step is denser",
            task("a", "every = \"30m\"\nwithin = \"noon\""),
            task("a", "every = \"20m\"\nwithin = \"noon\""),
            "+a 12:20; +a 12:40; -a 12:30",
        ),
        (
            "a phase that does not fit makes another verdict",
            at("10:00"),
            task("a", "at = \"10:00\"\nphases = [\"night\"]"),
            "!a 10:00 to 10:00 phase; =a phases any to night",
        ),
        (
            "a time that moves out of its phase tells both",
            task("a", "at = \"10:00\"\nphases = [\"market_morning\"]"),
            task("a", "at = \"20:00\"\nphases = [\"market_morning\"]"),
            ">a 10:00 to 20:00 phase",
        ),
        (
            "what is switched off keeps its slots",
            at("10:00"),
            task("a", "at = \"10:00\"\nenabled = false"),
            "!a 10:00 to 10:00 disabled; =a enabled true to false",
        ),
        (
            "settings by their names",
            at("10:00"),
            task("a", "at = \"10:00\"\nlane = \"trading\"\ntimeout = \"45s\"\nright = \"reduce\""),
            "=a lane maintenance to trading; =a right none to reduce; =a timeout 30s to 45s; =a grace 15m to 1m; =a severity warning to critical",
        ),
        (
            "a move and a setting: the trigger is not told twice",
            at("10:00"),
            task("a", "at = \"10:15\"\npriority = \"high\""),
            ">a 10:00 to 10:15; =a priority normal to high",
        ),
        (
            "a program instead of another",
            at("10:00"),
            "[[group.task]]\nname = \"a\"\ncommand = [\"y\", \"1\"]\nat = \"10:00\"\n".into(),
            "=a command x to y 1",
        ),
        ("a task without a clock comes", at("10:00"), at("10:00") + &task("idle", "cooldown = \"1h\""), "+idle about"),
        (
            "a task without a clock has another distance",
            task("idle", "cooldown = \"1h\""),
            task("idle", "cooldown = \"2h\""),
            "=idle trigger cooldown 1h to cooldown 2h",
        ),
        ("a task loses its clock", task("a", "at = \"10:00\""), task("a", "cooldown = \"1h\""), "+a about; -a 10:00"),
    ];
    let mut wrong = Vec::new();
    for (name, before, after, expected) in rows {
        let (before, after) = (desk(&format!("{HEAD}{before}")), desk(&format!("{HEAD}{after}")));
        let found = compare(&before, &after, "2026-11-23", "2026-11-23");
        if told(&found) != *expected {
            wrong.push(format!("{name}:\n  expected {expected}\n  found    {}", told(&found)));
        }
        assert_eq!(found.is_empty(), expected.is_empty(), "{name}");
        let back = compare(&after, &before, "2026-11-23", "2026-11-23");
        assert_eq!(
            (back.added.len(), back.moved.len(), back.changed.len()),
            (found.removed.len(), found.moved.len(), found.changed.len()),
            "{name}, the other way round"
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn days_are_compared_one_by_one() {
    // Thanksgiving lies in the middle, and the day after closes early.
    let before = desk(&format!("{HEAD}{}", task("a", "at = \"close-15m\"")));
    let after = desk(&format!("{HEAD}{}", task("a", "at = \"15:45\"\non_holiday = \"skip\"")));
    let found = compare(&before, &after, "2026-11-25", "2026-11-29");
    let expected = ">a 2712:45 to 2715:45; !a 2615:45 to 2615:45 holiday; =a on_holiday run to skip";
    assert_eq!(told(&found), expected);
    let nothing = compare(&before, &after, "2026-11-28", "2026-11-29");
    assert_eq!(
        told(&nothing),
        "=a trigger at close-15m to at 15:45; =a on_holiday run to skip",
        "a weekend has no slot"
    );
}

#[test]
fn lanes_and_windows_are_settings_of_the_desk() {
    let text = format!("{HEAD}{}", task("a", "at = \"10:00\""));
    let wider = text.replace("to = \"13:00\"", "to = \"13:30\"") + "[lanes.trading]\nworkers = 3\n";
    let told = told(&compare(&desk(&text), &desk(&wider), "2026-11-23", "2026-11-23"));
    assert_eq!(told, "=desk lanes.trading.workers 2 to 3; =desk windows.noon 12:00 to 13:00 to 12:00 to 13:30");
    let without = text.replace("[windows.noon]\nfrom = \"12:00\"\nto = \"13:00\"\n", "");
    let gone = compare(&desk(&text), &desk(&without), "2026-11-23", "2026-11-23");
    assert!(gone.desk.iter().all(|s| s.field.starts_with("windows.noon") && s.after.is_none()), "{:?}", gone.desk);
    assert_eq!(gone.desk.len(), 4);
}

#[test]
fn what_keeps_a_task_from_running_is_part_of_its_verdict() {
    let one = desk(&format!("{HEAD}{}", task("a", "at = \"10:00\"")));
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let not_built = |_| Some(Standing { reason: Reason::NotBuilt, note: Note::from("not built") });
    let free = |_| None;
    let day: Date = "2026-11-23".parse().expect("a date");
    let (old, new) = (Side { desk: &one, standing: &not_built }, Side { desk: &one, standing: &free });
    let found = diff(old, new, &market, day, day).expect("a covered day");
    assert_eq!(told(&found), "!a 10:00 not_built to 10:00");
}

#[test]
fn one_line_says_it_all() {
    let lines = |list: &[&str]| desk(&format!("{HEAD}{}", list.concat()));
    let (a, b, c) = (task("a", "at = \"10:00\""), task("b", "at = \"11:00\""), task("c", "cooldown = \"1h\""));
    let moved = task("a", "at = \"10:15\"\nlane = \"research\"");
    let rows = [
        (lines(&[&a]), lines(&[&a]), "no fire time changes until 2026-11-24"),
        (lines(&[&a]), lines(&[&moved]), "2 moved until 2026-11-24; settings of 1 task"),
        (lines(&[&a]), lines(&[&a, &b]), "2 added until 2026-11-24; 1 task new"),
        (
            lines(&[&a, &b, &c]),
            lines(&[&moved]),
            "3 removed, 2 moved until 2026-11-24; 2 tasks gone; settings of 1 task",
        ),
        (
            lines(&[&a]),
            lines(&[&a, "on_holiday = \"skip\"\n[lanes.trading]\nqueue = 9\n"]),
            "no fire time changes until 2026-11-24; settings of 1 task; 1 setting of the desk",
        ),
    ];
    for (before, after, expected) in rows {
        assert_eq!(compare(&before, &after, "2026-11-23", "2026-11-24").summary(), expected);
    }
}
