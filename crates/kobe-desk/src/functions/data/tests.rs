//! Every day of the years that are replayed, and a desk of today with old bars.

use kobe_plan::Outcome;

use crate::testing::Fixture;

/// The dates of all sessions of a replay.
fn sessions(desk: &Fixture, from: &str, to: &str) -> Vec<jiff::civil::Date> {
    desk.services.market().exchange().session_dates(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

/// Nothing in these functions may close entries while the bars are sound: a single block would change what is traded.
#[test]
fn no_day_of_the_long_run_is_blocked() {
    let desk = Fixture::replay("2004-01-02T05:00");
    for date in sessions(&desk, "2004-01-02", "2012-12-31") {
        desk.at(&format!("{date}T05:30"));
        for task in ["polygon_data_refresh", "universe_validation", "indicator_precalc"] {
            let outcome = desk.run(task);
            assert!(matches!(outcome, Outcome::Ok(_)), "{date} {task}: {outcome:?}");
        }
        let status = desk.left("universe_status");
        assert_eq!((&status["valid_share"], &status["invalid"]), (&1.0.into(), &0.into()), "{date}: {status}");
        assert!(desk.services.blocks().is_empty(), "{date}: {:?}", desk.services.blocks());
    }
}

#[test]
fn the_bar_of_today_is_known_from_the_closing_instant_on() {
    let desk = Fixture::replay("2012-05-01T15:59");
    for (time, known) in [("15:59", "2012-04-30"), ("16:00", "2012-05-01")] {
        desk.at(&format!("2012-05-01T{time}"));
        assert_eq!(desk.ok("polygon_data_refresh"), format!("bundled set: 4 of 4 symbols have {known}"));
        desk.ok("indicator_precalc");
        assert_eq!(desk.left("indicators")["date"], known);
    }
    let log = desk.left("fetch_log");
    assert_eq!(
        (&log["as_of"], &log["sessions_behind"], &log["not_listed_yet"]),
        (&"2012-05-01".into(), &0.into(), &1.into())
    );
    assert!(log["provider"].is_null());
}

#[test]
fn a_young_symbol_is_warming_and_not_counted() {
    let desk = Fixture::replay("2012-05-21T05:30");
    assert_eq!(desk.ok("universe_validation"), "4 of 4 valid, 1 warming");
    let facebook = &desk.left("universe_status")["symbols"][1];
    assert_eq!((&facebook["symbol"], &facebook["status"]), (&"FB".into(), &"warming".into()));
    assert_eq!(desk.ok("indicator_precalc"), "4 symbols on 2012-05-18, 1 warming");
    let hash = desk.left("indicators")["hash"].clone();
    desk.at("2012-05-21T06:00").ok("indicator_precalc");
    assert_eq!(desk.left("indicators")["hash"], hash, "the same bars, the same indicators");
    desk.at("2012-05-22T05:30").ok("indicator_precalc");
    assert_ne!(desk.left("indicators")["hash"], hash);
    assert_eq!(desk.run("sun_ml_features"), Outcome::NotBuilt);
}

#[test]
fn the_desk_of_today_says_how_old_its_bars_are_and_enters_nothing() {
    let desk = Fixture::live("2026-11-23T05:30");
    let Outcome::Unavailable(why) = desk.run("polygon_data_refresh") else { panic!("there are no bars of 2026") };
    assert!(why.contains("no provider key") && why.contains("2013-03-01") && why.contains("sessions behind"), "{why}");
    let behind = desk.left("fetch_log")["sessions_behind"].as_u64().unwrap();
    assert!(behind > 3_000, "{behind}");
    assert!(matches!(desk.run("universe_validation"), Outcome::Unavailable(_)));
    assert!(matches!(desk.run("indicator_precalc"), Outcome::Unavailable(_)));
    assert!(matches!(desk.run("polygon_data_check"), Outcome::Unavailable(_)));
    let causes: Vec<String> = desk.services.blocks().iter().map(|b| b.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(causes, ["data_age", "indicators", "universe"]);
}

#[test]
fn the_bars_of_the_evening_are_complete() {
    let desk = Fixture::replay("2012-05-21T16:12");
    assert_eq!(desk.ok("data_validation_eod"), "5 bars of 2012-05-21, 0 issues");
    assert_eq!(desk.ok("polygon_data_check"), "5 of 5 bars from 2012-05-21 to 2012-05-21");
    desk.at("2012-05-26T08:00");
    let note = desk.ok("sat_cache_check");
    assert!(note.starts_with("262 of 262 bars from 2012-02-25 to 2012-05-25"), "{note}");
    let facebook = &desk.left("coverage")["symbols"][1];
    assert_eq!(
        (&facebook["symbol"], &facebook["expected"], &facebook["present"]),
        (&"FB".into(), &6.into(), &6.into())
    );
    assert!(
        desk.at("2012-05-21T15:00").run("data_validation_eod")
            == Outcome::NoData("no session of this date is over".into())
    );
}

#[test]
fn a_fall_that_nobody_can_explain_is_an_issue() {
    let desk = Fixture::replay("2000-09-29T16:12");
    assert_eq!(desk.ok("data_validation_eod"), "3 bars of 2000-09-29, 1 issues");
    let issue = &desk.left("bar_issues")["issues"][0];
    assert_eq!((&issue["symbol"], &issue["issue"]), (&"AAPL".into(), &"spike".into()));
}
