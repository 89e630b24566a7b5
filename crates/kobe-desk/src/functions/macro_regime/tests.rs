//! Known days of the market, and what nobody knows.

use kobe_plan::Outcome;

use crate::testing::Fixture;

#[test]
fn the_vix_of_a_replay_is_the_labelled_estimate() {
    let desk = Fixture::replay("2008-10-13T05:30");
    let note = desk.ok("fred_vix_fetch");
    assert!(note.contains("(estimated) on 2008-10-10, percentile 100 of 252 days"), "{note}");
    let vix = desk.left("macro_vix");
    let (rv21, value) = (vix["rv21"].as_f64().unwrap(), vix["vix"].as_f64().unwrap());
    assert_eq!(value, (0.9 * rv21 + 2.0).clamp(10.0, 80.0));
    assert_eq!((&vix["estimated"], &vix["last_published"]), (&true.into(), &serde_json::Value::Null));
    assert!(desk.ok("fear_greed_fetch").starts_with("15, mapped from VIX"), "the week of October 2008");
    assert_eq!(desk.left("sentiment")["method"], "mapped_from_vix");
    desk.at("2008-10-11T10:00").ok("sat_vix_analysis");
    let vix = desk.left("macro_vix");
    assert_eq!((vix["window"].as_array().unwrap().len(), &vix["window_days"]), (5, &5.into()));
    assert!(vix["change"].as_f64().unwrap() > 4.0, "{vix}");
    assert_eq!(
        desk.at("2008-10-13T12:00").run("vix_intraday_check"),
        Outcome::NoData("a replay has no VIX within the day".into())
    );
}

#[test]
fn yields_are_those_of_the_last_day_that_has_them() {
    let desk = Fixture::replay("2012-01-03T05:30");
    assert_eq!(desk.ok("fred_treasury_fetch"), "2011-12-30: 10Y-2Y +1.64");
    let row = desk.left("macro_treasury");
    assert_eq!((&row["m3_pct"], &row["y10_pct"], &row["inverted"]), (&0.02.into(), &1.89.into(), &false.into()));
    desk.at("2006-12-01T05:30").ok("fred_treasury_fetch");
    assert_eq!(desk.left("macro_treasury")["inverted"], true, "the curve of 2006");
    assert!(matches!(Fixture::live("2026-11-23T05:30").run("fred_treasury_fetch"), Outcome::Unavailable(_)));
}

#[test]
fn the_regime_comes_with_its_reasons() {
    for (date, regime) in [("2008-10-13", "BEARISH"), ("2006-11-06", "BULLISH"), ("2012-08-13", "BULLISH")] {
        let desk = Fixture::replay(&format!("{date}T05:30"));
        let note = desk.ok("market_regime_detect");
        let left = desk.left("regime");
        assert_eq!(left["regime"], regime, "{date}: {note}");
        assert_eq!(left["reasons"].as_array().unwrap().len(), 5, "{date}");
    }
    let Outcome::Unavailable(why) = Fixture::live("2026-11-23T05:30").run("market_regime_detect") else {
        panic!("no index of 2026")
    };
    assert!(why.contains("SPX ends on 2013-12-31"), "{why}");
    assert!(
        matches!(Fixture::replay("1999-03-01T05:30").run("market_regime_detect"), Outcome::NoData(_)),
        "fewer than 200 closes"
    );
}

#[test]
fn events_ahead_are_named_and_unknown_ones_stay_unknown() {
    // Date, FOMC, expiry, triple witching: `-` is not within ten sessions, `?` is not known.
    let rows = [
        ("2012-06-08T06:00", "2012-06-20", "2012-06-15", "2012-06-15"),
        ("2012-06-20T06:00", "2012-06-20", "-", "-"),
        ("2012-07-02T06:00", "-", "-", "-"),
        ("2008-03-10T06:00", "2008-03-18", "2008-03-20", "2008-03-20"),
        ("2012-01-10T06:00", "2012-01-25", "2012-01-20", "-"),
        ("2003-12-10T06:00", "?", "2003-12-19", "2003-12-19"),
    ];
    for (at, fomc, opex, witching) in rows {
        let desk = Fixture::replay(at);
        let outcome = desk.run("catalyst_check");
        assert!(matches!(outcome, Outcome::Ok(_)), "{at}: {outcome:?}");
        let events = desk.left("catalysts")["events"].clone();
        for (event, want) in [("fomc", fomc), ("opex", opex), ("triple_witching", witching)] {
            let found = match &events[event] {
                serde_json::Value::Null => "-",
                serde_json::Value::String(_) => "?",
                known => known["date"].as_str().unwrap(),
            };
            assert_eq!(found, want, "{at}: {event}");
        }
        assert_eq!(
            (&events["cpi"], &events["nfp"], &events["earnings"]),
            (&"unknown".into(), &"unknown".into(), &"unknown".into())
        );
    }
    let desk = Fixture::replay("2012-06-09T10:00");
    assert!(desk.ok("sat_fomc_check").contains("fomc 2012-06-20 (in 8)"));
    assert_eq!(desk.left("catalysts")["events"].as_object().unwrap().len(), 1, "a row gets what it asks for");
    assert!(matches!(desk.run("sat_economic_data"), Outcome::Unavailable(why) if why.contains("cpi, nfp")));
    desk.ok("sat_options_expiry");
}

#[test]
fn breadth_counts_the_valid_symbols() {
    let desk = Fixture::replay("2012-08-20T18:40");
    let note = desk.ok("market_breadth");
    let breadth = desk.left("breadth");
    assert_eq!((&breadth["symbols"], &breadth["date"]), (&4.into(), &"2012-08-20".into()), "{note}");
    assert_eq!(breadth["above_sma200_pct"], 100.0, "{breadth}");
    assert!(breadth["new_highs_20d"].as_u64().unwrap() >= 1, "Apple made a new high on that day: {breadth}");
    let moved = breadth["advancers"].as_u64().unwrap() + breadth["decliners"].as_u64().unwrap();
    assert_eq!(moved, 4, "{breadth}");
}

#[test]
fn symbols_move_with_the_index() {
    let desk = Fixture::replay("2012-05-01T09:50");
    assert_eq!(desk.ok("spy_correlation"), "4 symbols against SPX over 60 days up to 2012-04-30");
    let left = desk.left("index_correlation");
    for row in left["symbols"].as_array().unwrap() {
        let (rho, beta) = (row["correlation"].as_f64().unwrap(), row["beta"].as_f64().unwrap());
        assert!((0.2..1.0).contains(&rho) && (0.2..2.5).contains(&beta), "{row}");
    }
    assert_eq!(
        (&left["return_since_open"], &left["return_since_open_missing"]),
        (&serde_json::Value::Null, &"intraday".into())
    );
}
