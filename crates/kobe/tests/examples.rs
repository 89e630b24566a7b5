//! The examples and the blocks of `docs/reference/desk-files.md` are read, and do what their sentences say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_plan::view::{Selection, plan};
use kobe_plan::{Desk, SourceFile, Verdict};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Reads files as one desk and holds them to be free of errors and warnings.
fn desk(files: &[SourceFile], market: &Arc<Market>) -> Desk {
    let told = |problems: Vec<kobe_plan::Problem>| problems.iter().map(|p| format!("{p}\n\n")).collect::<String>();
    let desk = Desk::parse(files, &kobe_desk::functions::catalog()).unwrap_or_else(|p| panic!("\n{}", told(p)));
    let from: Timestamp = "2026-03-01T05:00:00Z".parse().expect("an instant");
    let warnings = desk.lint(files, market, from);
    assert!(warnings.is_empty(), "\n{}", told(warnings));
    desk
}

fn market() -> Arc<Market> {
    Arc::new(Market::bundled().expect("the bundled market is sound"))
}

/// Says what a task does on a date, as `HH:MM` in New York, with the reason where it is skipped.
fn day(desk: &Desk, market: &Arc<Market>, task: &str, date: &str) -> String {
    let date: Date = date.parse().expect("a date");
    let ix = desk.find(task).unwrap_or_else(|| panic!("no task {task}"));
    let selection = Selection { task: Some(ix), lane: None };
    let rows = plan(desk, market, date, date, &selection, &|_| None).expect("a covered date");
    let mut words = Vec::new();
    for row in rows {
        match (row.occurrence, row.verdict) {
            (Some(o), verdict) => {
                let at = market.local(o.due).strftime("%H:%M").to_string();
                words.push(match verdict {
                    Some(Verdict::Skip(reason)) => format!("{at} {reason}"),
                    _ => at,
                });
            }
            (None, _) => words.push(match row.earliest {
                Some(at) => format!("about {}", market.local(at).strftime("%H:%M")),
                None => "never".to_owned(),
            }),
        }
    }
    words.join(", ")
}

#[test]
fn every_example_is_a_desk_that_does_what_it_says() {
    // file, task, date, what happens
    let rows = [
        ("first-desk", "hello", "2026-11-23", "09:00"),
        ("first-desk", "hello", "2026-11-22", ""),
        ("market-times", "five_minutes_in", "2026-11-23", "09:35"),
        ("market-times", "five_minutes_in", "2002-09-11", "12:05"),
        ("market-times", "five_minutes_in", "2026-11-26", "09:35 holiday"),
        ("market-times", "before_the_close", "2026-11-23", "15:45"),
        ("market-times", "before_the_close", "2026-11-27", "12:45"),
        ("market-times", "afternoon_note", "2026-11-23", "14:30"),
        ("market-times", "afternoon_note", "2026-11-27", "11:30"),
        ("market-times", "late_lunch", "2026-11-23", "13:30"),
        ("market-times", "late_lunch", "2026-11-27", "13:30 early_close"),
        ("market-times", "books", "2026-11-24", "12:00, 16:10"),
        ("market-times", "books", "2026-11-25", "12:00, 12:00, 16:10, 16:10"),
        ("market-times", "books", "2026-11-26", ""),
        ("market-times", "backup", "2026-11-26", "20:00"),
        ("other-markets", "tokyo_opens", "2026-11-22", ""),
        ("other-markets", "tokyo_opens", "2026-11-23", "19:05"),
        ("other-markets", "tokyo_opens", "2026-07-06", "20:05"),
        ("other-markets", "lunch_is_over", "2026-11-23", "00:00, 22:30"),
        ("other-markets", "lunch_is_over", "2026-11-24", "00:00, 22:30"),
        ("other-markets", "london_fixes", "2026-12-29", "11:00"),
        ("other-markets", "london_fixes", "2026-12-30", ""),
        ("other-markets", "before_expiry", "2026-11-19", "09:30"),
        ("other-markets", "opening_range", "2026-11-26", ""),
        ("other-markets", "opening_range", "2026-11-27", "09:30"),
        ("other-markets", "watch_tokyo", "2026-11-23", "19:30, 20:30, 22:30, 23:30"),
        ("intervals-and-cron", "watch", "2026-11-23", "09:30, 09:45, 10:00, 10:15"),
        ("intervals-and-cron", "watch", "2026-11-26", "09:30 holiday, 09:45 holiday, 10:00 holiday, 10:15 holiday"),
        ("intervals-and-cron", "pulse", "2026-11-23", "01:00, 07:00, 13:00, 19:00"),
        ("intervals-and-cron", "pulse", "2026-07-06", "02:00, 08:00, 14:00, 20:00"),
        ("intervals-and-cron", "month_end", "2026-10-30", "17:00"),
        ("intervals-and-cron", "month_end", "2026-10-31", ""),
        ("intervals-and-cron", "night_shift", "2026-03-08", "03:00"),
        ("intervals-and-cron", "night_skip", "2026-03-08", "03:00 dst_gap"),
        ("intervals-and-cron", "twice_in_autumn", "2026-11-01", "01:30, 01:30"),
        ("intervals-and-cron", "once", "2026-12-01", "09:00"),
        ("intervals-and-cron", "once", "2026-12-02", ""),
        ("by-phase-and-mode", "tidy_at_night", "2026-11-23", "about 00:00"),
        ("by-phase-and-mode", "lunch_research", "2026-11-23", "about 11:30"),
        ("by-phase-and-mode", "lunch_research", "2026-11-22", "never"),
        ("by-phase-and-mode", "before_the_fed", "2026-12-09", "09:00"),
        ("by-phase-and-mode", "before_the_fed", "2026-12-10", "09:00 day"),
        ("by-phase-and-mode", "not_on_expiry", "2026-11-20", "15:00 day"),
        ("by-phase-and-mode", "not_on_expiry", "2026-11-23", "15:00"),
        ("when-things-go-wrong", "fetch", "2026-11-23", "05:00"),
        ("when-things-go-wrong", "worthless_later", "2026-11-23", "10:16"),
        ("desk-functions", "scan", "2026-11-23", "10:00"),
        ("desk-functions", "scan", "2026-11-26", "10:00 holiday"),
        ("desk-functions", "bars", "2026-11-26", "05:00"),
        ("desk-functions", "report", "2026-11-27", "13:30"),
    ];
    let market = market();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root().join("examples")).expect("examples/ is there") {
        let path = entry.expect("a directory can be listed").path();
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let file = SourceFile { name: format!("examples/{name}.toml"), text: read(&format!("examples/{name}.toml")) };
        let desk = desk(&[file], &market);
        assert!(desk.tasks.iter().all(|t| !t.does.is_empty()), "{name}: every task says what it does");
        let own: Vec<_> = rows.iter().filter(|row| row.0 == name).collect();
        assert!(!own.is_empty(), "examples/{name}.toml has no row in this test");
        for (_, task, date, expected) in own {
            let found = day(&desk, &market, task, date);
            if found != *expected {
                wrong.push(format!("{name}, {task} on {date}: expected `{expected}`, found `{found}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_blocks_of_the_reference_are_one_desk() {
    let page = read("docs/reference/desk-files.md");
    let mut files: Vec<SourceFile> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        if line == "```toml" {
            let block: Vec<&str> = lines.by_ref().map(|(_, l)| l).take_while(|l| *l != "```").collect();
            files.push(SourceFile { name: format!("desk-files.md, block at line {}", i + 1), text: block.join("\n") });
        }
    }
    assert!(files.len() >= 3, "only {} blocks were found", files.len());
    let desk = desk(&files, &market());
    assert!(desk.tasks.len() >= 8, "{} tasks", desk.tasks.len());
}

#[test]
fn the_reference_names_every_key() {
    let page = read("docs/reference/desk-files.md");
    let documented = |key: &str| page.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{key}`")));
    // A key that resembles none is answered with all that are known.
    let wrong = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"t\"\nzzzzzzzzzzzzzzzz = 1\n";
    let file = SourceFile { name: "wrong.toml".into(), text: wrong.into() };
    let problems = Desk::parse(&[file], &kobe_desk::functions::catalog()).expect_err("an unknown key");
    let hint = problems.iter().find(|p| p.message.contains("zzzz")).and_then(|p| p.hint.as_deref()).expect("a hint");
    let keys: Vec<&str> = hint.split_once(": ").expect("a list of keys").1.split(", ").collect();
    assert!(keys.len() > 30, "{hint}");
    let missing: Vec<&str> = keys.into_iter().filter(|key| !documented(key)).collect();
    assert!(missing.is_empty(), "docs/reference/desk-files.md has no row for {missing:?}");
}
