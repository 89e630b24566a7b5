//! A day's markers, an early close, a pulled switch.

use std::sync::Arc;

use kobe_plan::Outcome;

use crate::kill::ReplayKill;
use crate::services::Era;
use crate::testing::{Fixture, Options, instant};

#[test]
fn every_marker_of_a_day_notes_where_it_stands() {
    let desk = Fixture::replay("2012-05-01T09:00");
    let rows = [
        ("kill_zone_status", "09:00", "pre_market", "2 windows for entries"),
        ("market_open_log", "09:30", "opening_range", "closes 16:00"),
        ("final_observe_log", "09:58", "opening_range", "observe_ok: no_intraday"),
        ("morning_scan_start", "10:00", "primary", "room for 2 entries, 45000 left of the day's budget"),
        ("morning_window_close", "11:25", "primary", "room for 2 more entries, 0 intents not executed"),
        ("lunch_session_start", "11:30", "lunch_chop", "0 held"),
        ("power_hour_prep", "14:00", "lunch_chop", "entries shut"),
        ("power_hour_countdown", "14:28", "lunch_chop", "120 s to 14:30"),
        ("power_hour_start", "14:30", "power_hour", "entries open"),
        ("power_hour_close", "15:25", "power_hour", "room for 2 entries"),
        ("close_prep", "15:30", "close", "manage only"),
        ("pre_close_log", "15:55", "close", "0 orders unfilled, 0 exits planned"),
        ("market_close_countdown", "15:58", "close", "120 s to close"),
        ("market_close_log", "16:00", "after_hours", "equity 100000.00, 0 orders to be gone"),
        ("overnight_start", "20:00", "after_hours", "tasks of the night"),
    ];
    for (task, time, zone, said) in rows {
        let note = desk.at(&format!("2012-05-01T{time}")).ok(task);
        assert!(note.contains(zone) && note.contains(said), "{task}: {note}");
        let log = desk.left("session_log");
        assert_eq!(log["zone"]["zone"], zone, "{task}");
        assert_eq!(log["kill"]["pulled"], false, "{task}");
        assert!(
            log["phase"].is_string() && log["coarse_phase"].is_string() && log["work_mode"].is_string(),
            "{task}: {log}"
        );
        assert_eq!((&log["open_orders"], &log["positions"]), (&0.into(), &0.into()), "{task}");
    }
    let afternoon = desk.at("2012-05-01T14:00").ok("power_hour_prep");
    assert!(desk.left("session_log")["why"].as_str().unwrap().contains("market_afternoon"), "{afternoon}");
    assert_eq!(desk.left("session_log")["zone"]["next_window"]["zone"], "power_hour");
}

#[test]
fn an_early_close_has_no_second_window() {
    let desk = Fixture::replay("2012-11-23T09:00");
    let note = desk.ok("kill_zone_status");
    assert!(note.contains("1 windows for entries, no power hour"), "{note}");
    let log = desk.left("session_log");
    let zones: Vec<&str> = log["table"].as_array().unwrap().iter().map(|row| row["zone"].as_str().unwrap()).collect();
    assert_eq!(zones, ["pre_market", "opening_range", "primary", "lunch_chop", "close", "after_hours"]);
    assert_eq!(log["shifted"], true);
    assert!(desk.at("2012-11-23T12:58").ok("market_close_countdown").contains("120 s to close"));
    assert!(desk.at("2012-11-23T09:30").ok("market_open_log").contains("closes 13:00"));
}

#[test]
fn what_is_held_is_listed_with_its_stop() {
    let desk = Fixture::replay("2012-05-01T10:15");
    desk.buy("IBM", 20, "207.50", "5.00");
    desk.at("2012-05-01T11:30").ok("lunch_session_start");
    let log = desk.left("session_log");
    assert_eq!(log["positions"], 1);
    assert_eq!(log["held"][0]["symbol"], "IBM");
    assert_eq!((&log["held"][0]["stop"], &log["held"][0]["stop_at_broker"]), (&"202.50".into(), &"202.50".into()));
    assert_eq!(log["without_stop"], 0);
    desk.at("2012-05-01T14:30").ok("power_hour_start");
    let room = &desk.left("session_log")["room"];
    assert_eq!((&room["entries_left"], &room["budget_left"]), (&1.into(), &"40850.00".into()));
    desk.at("2012-05-01T16:00").ok("market_close_log");
    let mark = &desk.left("session_log")["closing_marks"][0];
    assert_eq!((&mark["mark"], &mark["mark_source"]), (&"208.0000".into(), &"close of 2012-05-01".into()));
}

#[test]
fn a_pulled_switch_stands_in_every_record() {
    let kill = Arc::new(ReplayKill::at(Some(instant("2012-05-01T10:05"))));
    let desk = Fixture::with(Options { kill, ..Options::of(Era::Replay) }, "2012-05-01T10:00");
    desk.ok("morning_scan_start");
    assert_eq!(desk.left("session_log")["kill"]["pulled"], false);
    desk.at("2012-05-01T11:25").ok("morning_window_close");
    let log = desk.left("session_log");
    assert_eq!(log["kill"]["pulled"], true);
    assert!(log["kill"]["state"].as_str().unwrap().contains("halted by --halt-at"), "{log}");
}

#[test]
fn the_desk_of_today_says_that_nobody_watched_the_opening() {
    let desk = Fixture::live("2026-11-23T09:58");
    assert_eq!(desk.run("final_observe_log"), Outcome::Unavailable("intraday: no feed shows the opening range".into()));
    let log = desk.left("session_log");
    assert_eq!((&log["observe_ok"], &log["observe_reason"]), (&false.into(), &"no_intraday".into()));
}

#[test]
fn a_weekend_block_says_how_fresh_its_inputs_are() {
    let desk = Fixture::replay("2012-05-04T16:02");
    desk.ok("daily_pnl_calc");
    let note = desk.at("2012-05-05T08:00").ok("sat_pnl_start");
    assert!(note.ends_with("block pnl"), "{note}");
    let log = desk.left("session_log");
    assert_eq!((&log["bars"]["as_of"], &log["bars"]["sessions_behind"]), (&"2012-05-04".into(), &0.into()));
    assert_eq!(log["inputs"]["daily_pnl"]["date"], "2012-05-04");
    assert!(log["inputs"]["regime"].is_null(), "nobody called the regime");
    desk.at("2012-05-06T08:00").ok("sun_backtest_start");
    assert_eq!(desk.left("session_log")["block"], "backtest");
    let Outcome::Unavailable(why) = desk.at("2012-05-05T23:00").run("sat_end") else {
        panic!("runs cannot be counted")
    };
    assert!(why.contains("table of runs"), "{why}");
}
