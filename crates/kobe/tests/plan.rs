//! `kobe plan` of the desk built in, on days that a trader would ask about, held against the timetable.

mod common;

use std::collections::BTreeSet;

use common::{Place, golden};
use serde_json::Value;

fn plan(args: &[&str]) -> Vec<Value> {
    let answer = Place::new().kobe(&[&["plan", "--json"], args].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let Value::Array(rows) = answer.json() else { panic!("the plan is an array") };
    rows
}

/// A row of the timetable: time, name, function, priority, days, anchor, half-day and holiday policy.
fn timetable() -> Vec<Vec<String>> {
    // The columns used here stand before the one that may hold quotes and commas.
    golden("master_schedule.csv")
        .lines()
        .skip(1)
        .map(|l| l.splitn(9, ',').take(8).map(str::to_owned).collect())
        .collect()
}

fn slots(rows: &[Value]) -> Vec<&Value> {
    rows.iter().filter(|r| r["verdict"] != "about").collect()
}

fn skipped(rows: &[Value], reason: &str) -> usize {
    rows.iter().filter(|r| r["reason"] == reason).count()
}

/// Returns time of day, verdict and reason of each slot of a task.
fn of_task(rows: &[Value], task: &str) -> String {
    let told = |r: &&Value| {
        let at = r["at_local"].as_str().map_or("--", |t| &t[11..16]);
        // What is not built yet is another matter than what the calendar says.
        let reason = r["reason"].as_str().filter(|reason| *reason != "not_built");
        format!("{at} {}", reason.map_or("run".to_owned(), |r| format!("skip {r}")))
    };
    rows.iter().filter(|r| r["task"] == task).map(|r| told(&r)).collect::<Vec<_>>().join(", ")
}

#[test]
fn rows_have_the_keys_that_scripts_rely_on() {
    let rows = plan(&["--on", "2026-11-23"]);
    let keys = ["task", "function", "lane", "priority", "slot", "at_utc", "at_local", "trigger", "verdict", "reason"];
    for row in &rows {
        let found: BTreeSet<&str> = row.as_object().expect("a row is an object").keys().map(String::as_str).collect();
        assert_eq!(found, keys.iter().copied().collect::<BTreeSet<_>>());
        assert!(["admit", "skip", "about"].contains(&row["verdict"].as_str().expect("a word")), "{row}");
        assert_eq!(row["reason"].is_string(), row["verdict"] == "skip", "{row}");
    }
    let slots = slots(&rows);
    assert!(slots.is_sorted_by_key(|r| r["at_utc"].as_str().expect("a slot has an instant")), "in order");
    assert!(slots.iter().all(|r| r["at_local"].as_str().is_some_and(|t| t.ends_with("-05:00"))));
    let about = &rows[slots.len()..];
    assert_eq!(about.len(), 42, "cooldown tasks stand at the end");
    assert!(about.iter().all(|r| r["verdict"] == "about" && r["slot"].is_null()));
}

#[test]
fn a_week_holds_all_names_and_firings() {
    let rows = plan(&["--from", "2026-11-16", "--to", "2026-11-22"]);
    let slots = slots(&rows);
    let names: BTreeSet<&str> = slots.iter().filter_map(|r| r["task"].as_str()).collect();
    let firings: BTreeSet<(&str, &str)> = slots
        .iter()
        .map(|r| (r["task"].as_str().unwrap_or_default(), r["trigger"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!((names.len(), firings.len()), (462, 463));
    let rows_of = |days: &str| timetable().iter().filter(|r| r[4] == days).count();
    let expected = 5 * rows_of("weekdays") + rows_of("saturday") + rows_of("sunday") + 7 * rows_of("daily");
    assert_eq!(slots.len(), expected, "each row of the timetable on each of its days, once");
    let listed: BTreeSet<String> = timetable().into_iter().map(|r| r[1].clone()).collect();
    assert_eq!(names, listed.iter().map(String::as_str).collect::<BTreeSet<_>>());
}

#[test]
fn an_early_close_moves_the_close_and_takes_the_power_hour() {
    let rows = plan(&["--on", "2026-11-27"]);
    let table = timetable();
    let skips = table.iter().filter(|r| r[4] == "weekdays" && r[6] == "skip").count();
    assert_eq!(skipped(&rows, "early_close"), skips, "every row whose half-day policy is skip, and no other");
    for (task, expected) in [
        ("market_open_log", "09:30 run"),
        ("full_universe_scan", "10:00 run"),
        ("unrealized_pnl_log", "10:46 run, 13:02 run"),
        ("market_close_log", "13:00 run"),
        ("overnight_start", "20:00 run"),
    ] {
        assert_eq!(of_task(&rows, task), expected, "{task}");
    }
    let late: Vec<&str> = slots(&rows)
        .iter()
        .filter(|r| {
            r["lane"] == "trading"
                && r["verdict"] == "admit"
                && r["at_local"].as_str().is_some_and(|t| &t[11..16] >= "13:00")
        })
        .filter_map(|r| r["task"].as_str())
        .collect();
    let orders = plan(&["--on", "2026-11-27", "--lane", "trading"]).len();
    assert!(orders > 0);
    for task in late {
        let row = table.iter().find(|r| r[1] == task).expect("it stands in the timetable");
        assert_ne!(row[6], "skip", "{task} runs after an early close");
    }
}

#[test]
fn a_holiday_keeps_what_runs_on_holidays() {
    let rows = plan(&["--on", "2026-11-26"]);
    let skips = timetable().iter().filter(|r| r[4] == "weekdays" && r[7] == "skip").count();
    assert_eq!(skipped(&rows, "holiday"), skips, "every row whose holiday policy is skip, and no other");
    assert_eq!(of_task(&rows, "full_universe_scan"), "10:00 skip holiday");
    assert_eq!(of_task(&rows, "midnight_health_check"), "00:00 run");
    let traders = slots(&rows).iter().filter(|r| r["verdict"] == "admit" && r["lane"] == "trading").count();
    assert_eq!(traders, 0, "nothing of the trading lane runs while the exchange is closed");
}

#[test]
fn a_late_open_moves_the_open_and_holds_back_what_needs_a_session() {
    // On 2002-09-11 the exchange opened at 12:00 New York in memory of the year before.
    let rows = plan(&["--on", "2002-09-11"]);
    for (task, expected) in [
        ("final_preflight_check", "09:00 run"),
        ("market_open_log", "12:00 run"),
        ("signal_ranking", "10:01 skip late_open"),
        ("market_close_log", "16:00 run"),
    ] {
        assert_eq!(of_task(&rows, task), expected, "{task}");
    }
    assert!(skipped(&rows, "late_open") > 20);
    let between = slots(&rows).into_iter().filter(|r| r["reason"] == "late_open");
    for row in between {
        let at = &row["at_local"].as_str().expect("a slot has an instant")[11..16];
        assert!(("09:30".."12:00").contains(&at), "{row}");
    }
}

#[test]
fn clock_changes_lose_no_slot_and_double_none() {
    let rows_of = |days: &str| timetable().iter().filter(|r| r[4] == days || r[4] == "daily").count();
    for (date, offsets) in [("2026-03-08", ["-05:00", "-04:00"]), ("2026-11-01", ["-04:00", "-05:00"])] {
        let rows = plan(&["--on", date]);
        let slots = slots(&rows);
        assert_eq!(slots.len(), rows_of("sunday"), "{date}: each row of Sunday once");
        for row in &slots {
            let at = row["at_local"].as_str().expect("a slot has an instant");
            let offset = if &at[11..16] < "02:00" { offsets[0] } else { offsets[1] };
            assert_eq!((&at[..10], &at[19..]), (date, offset), "{row}");
        }
        let names: BTreeSet<(&str, &str)> = slots
            .iter()
            .map(|r| (r["task"].as_str().unwrap_or_default(), r["slot"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(names.len(), slots.len(), "{date}: no slot twice");
    }
}

#[test]
fn a_time_that_does_not_exist_is_the_first_one_after() {
    let place = Place::with_desk(include_str!("desks/small/desk.toml"));
    let at = |date: &str| {
        let rows = place.kobe(&["plan", "--json", "--on", date, "--task", "night_watch"]).json();
        let told: Vec<&str> = rows.as_array().expect("rows").iter().filter_map(|r| r["at_local"].as_str()).collect();
        told.join(" ")
    };
    assert_eq!(at("2026-03-08"), "2026-03-08T03:00:00-04:00");
    assert_eq!(at("2026-11-01"), "2026-11-01T02:30:00-05:00");
}

#[test]
fn a_lane_or_a_task_can_be_chosen() {
    let all = plan(&["--on", "2026-11-23"]);
    let trading = plan(&["--on", "2026-11-23", "--lane", "trading"]);
    assert_eq!(trading.len(), all.iter().filter(|r| r["lane"] == "trading").count());
    assert_eq!(plan(&["--on", "2026-11-23", "--task", "unrealized_pnl_log"]).len(), 2);
}

#[test]
fn for_people_the_plan_has_a_summary_that_adds_up() {
    let text = Place::new().kobe(&["plan", "--on", "2026-11-26"]).stdout;
    let summary = text.lines().find(|l| l.contains(" slots: ")).expect("a summary");
    let numbers: Vec<usize> = summary.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let [slots, run, skipped, reasons @ .., about] = numbers.as_slice() else { panic!("{summary}") };
    assert_eq!(*slots, run + skipped, "{summary}");
    assert_eq!(*skipped, reasons.iter().sum::<usize>(), "{summary}");
    assert_eq!(*about, 42, "{summary}");
    assert!(text.contains("closed: Thanksgiving Day"));
}

#[test]
fn a_slot_of_another_venue_is_shown_on_both_clocks() {
    let place = Place::with_desk(
        "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"t\"\ncommand = [\"true\"]\non = [\"XTKS open+5m\", \"XNYS close\"]\n",
    );
    let rows: &[(&[&str], &[&str])] = &[
        (
            &["task", "show", "t", "--at", "2026-11-23T12:00"],
            &["Mon 2026-11-23 16:00 · Mon 2026-11-23 19:05 (XTKS Tue 09:05) · Tue 2026-11-24 16:00"],
        ),
        (&["plan", "--on", "2026-11-23"], &["on XTKS open+5m  (XTKS Tue 09:05)", "on XNYS close\n"]),
        (
            &["why", "t", "--at", "2026-11-23T19:00"],
            &["slot XTKS:2026-11-24/open+5m, due Mon 2026-11-23 19:05 New York (XTKS Tue 09:05, 00:05:00 UTC)"],
        ),
    ];
    for (command, wanted) in rows {
        let answer = place.kobe(command);
        for text in *wanted {
            assert!(answer.stdout.contains(text), "{command:?}: wanted `{text}`\n{}{}", answer.stdout, answer.stderr);
        }
    }
    let next = place.kobe(&["task", "show", "t", "--at", "2026-11-23T12:00", "--json"]).json()["next"].clone();
    assert_eq!(next[0]["at_venue"], Value::Null, "New York is the desk's own clock");
    assert_eq!(next[1]["at_venue"], "2026-11-24T09:05:00+09:00");
}
