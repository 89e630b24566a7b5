//! `kobe diff`, as an operator sees it.

mod common;

use common::Place;
use serde_json::Value;

const SMALL: &str = include_str!("desks/small/desk.toml");

/// The small desk in `desk`, and another in `next` with some lines replaced.
fn place(changes: &[(&str, &str)]) -> Place {
    let place = Place::with_desk(SMALL);
    let mut text = SMALL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    place.write("next/desk.toml", text);
    place
}

fn a_week(place: &Place, args: &[&str]) -> common::Answer {
    place.kobe(&[&["diff", "desk", "next", "--from", "2026-11-23", "--to", "2026-11-29"], args].concat())
}

fn busy() -> Place {
    place(&[
        ("at = \"14:45\"", "at = \"14:40\""),
        ("every = \"30m\"", "every = \"5m\""),
        ("lane = \"monitoring\"", "lane = \"research\"\nphases = [\"night\"]"),
        ("name = \"monthly\"", "name = \"first_of_month\""),
        ("cooldown = \"1h\"", "cooldown = \"2h\""),
        ("on_holiday = \"skip\"", "on_holiday = \"run\""),
        ("enabled = false", ""),
        ("to = \"11:30\"", "to = \"11:40\""),
        ("at = \"02:30\"", "at = \"03:30\""),
    ])
}

#[test]
fn an_operator_sees_what_changes() {
    let place = busy();
    insta::assert_snapshot!("week", a_week(&place, &[]).seen(&place));
    insta::assert_snapshot!("help", place.kobe(&["diff", "--help"]).seen(&place));
    let same = self::place(&[]);
    insta::assert_snapshot!("same", a_week(&same, &[]).seen(&same));
}

#[test]
fn scripts_see_every_slot() {
    let place = place(&[("at = \"14:45\"", "at = \"14:40\""), ("priority = 7", "priority = 8")]);
    let answer = place.kobe(&["diff", "desk", "next", "--from", "2026-11-27", "--to", "2026-11-27", "--json"]);
    let text = answer.seen(&place);
    // The hashes say only that the desks differ.
    let hash = |side: &str| answer.json()[side]["hash"].as_str().expect("a hash").to_owned();
    assert_ne!(hash("a"), hash("b"));
    insta::assert_snapshot!("json", text.replace(&hash("a"), "[a]").replace(&hash("b"), "[b]"));
    let dense = busy();
    let answer = a_week(&dense, &["--json"]).json();
    let count = |key: &str| answer[key].as_array().map_or(0, Vec::len);
    let summary = answer["summary"].as_str().expect("a summary");
    assert!(summary.starts_with(&format!("{} added, {} moved", count("added"), count("moved"))), "{summary}");
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    assert!(rows("added").iter().all(|row| row["task"].is_string() && row["at_utc"].is_string()));
    assert!(rows("moved").iter().all(|row| row["before"]["at_utc"] != row["after"]["at_utc"]));
    assert!(rows("verdicts").iter().all(|row| row["before"]["at_utc"] == row["after"]["at_utc"]));
    assert_eq!(answer["same"], Value::Bool(false));
}

#[test]
fn long_lists_are_cut_with_a_count() {
    let many: String = (0..30)
        .map(|i| format!("\n[[group.task]]\nname = \"more_{i:02}\"\ncommand = [\"true\"]\nat = \"09:{i:02}\"\n"))
        .collect();
    let place = place(&[("[[group.task]]\nname = \"off\"", &format!("{many}\n[[group.task]]\nname = \"off\""))]);
    let short = a_week(&place, &[]).stdout;
    assert!(short.contains("... 10 more lines (-v shows all)") && !short.contains("more_20"), "{short}");
    let long = a_week(&place, &["-v"]).stdout;
    assert!(long.contains("more_29") && !long.contains("more lines"), "{long}");
}

#[test]
fn the_exit_code_says_so_only_if_asked() {
    let (same, other) = (place(&[]), busy());
    let codes = |args: &[&str]| [a_week(&same, args).code, a_week(&other, args).code];
    assert_eq!(codes(&[]), [Some(0), Some(0)]);
    assert_eq!(codes(&["--exit-code"]), [Some(0), Some(1)]);
}

#[test]
fn desks_are_directories_files_or_the_one_built_in() {
    let place = place(&[]);
    let code = |a: &str, b: &str| place.kobe(&["diff", a, b, "--from", "2026-11-23", "--exit-code"]).code;
    assert_eq!(code("desk", "desk/desk.toml"), Some(0));
    assert_eq!(code("built-in", "built-in"), Some(0));
    assert_eq!(code("built-in", "desk"), Some(1));
    assert_eq!(code("desk", "nowhere"), Some(2));
    let answer = place.kobe(&["diff", "desk", "next", "--from", "2026-11-27", "--to", "2026-11-23"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    place.write("next/desk.toml", SMALL.replace("at = \"02:30\"", "at = \"25:30\""));
    let answer = a_week(&place, &[]);
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""));
    assert!(answer.stderr.contains("next/desk.toml:"), "{}", answer.stderr);
}
