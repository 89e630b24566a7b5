//! A position through a dividend and a split, a week, thirty trades, a loss that trips.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_plan::Outcome;
use kobe_trade::gate::Permit;
use kobe_trade::id::{ClientId, Symbol};
use kobe_trade::order::Order;
use kobe_trade::policy::Endpoint;
use kobe_trade::ports::{Account, Ack, Broker, BrokerError, Execution, Held, OpenOrder};
use kobe_trade::quote::Quote;
use serde_json::{Value, json};

use crate::services::Era;
use crate::testing::{Fixture, Options, decimal};

/// Books an entry of 20 IBM on 2012-05-03, far above its stop.
fn holding() -> Fixture {
    let desk = Fixture::replay("2012-05-03T10:15");
    desk.buy("IBM", 20, "208.3700", "15.00");
    desk
}

fn dec(value: &Value) -> kobe_trade::money::Decimal {
    decimal(value.as_str().unwrap_or_else(|| panic!("{value} is no decimal text")))
}

#[test]
fn within_the_session_a_position_is_worth_the_middle_of_the_quote() {
    let desk = holding();
    let note = desk.at("2012-05-03T10:20").ok("pnl_update_1");
    // The open was 208.27; cash is 100,000 - 4,167.40.
    assert_eq!(note, "equity 99998.00, day -2.00, week -2.00");
    let tick = desk.left("pnl_tick");
    assert_eq!(
        (&tick["cash"], &tick["day_loss_limit"], &tick["day_loss_left"]),
        (&"95832.6000".into(), &"1000.00".into(), &"998.00".into())
    );
    assert_eq!((&tick["stale_marks"], &tick["breach"], &tick["final"]), (&false.into(), &Value::Null, &false.into()));
    desk.at("2012-05-03T15:44").ok("final_pnl_update");
    assert_eq!(desk.left("pnl_tick")["final"], true);
    desk.ok("hourly_pnl_log");
    assert_eq!(desk.left("equity_point")["equity"], "99998.00");
    desk.at("2012-05-03T11:28").ok("morning_pnl_snapshot");
    assert_eq!(desk.left("pnl_snapshot")["held"][0]["mark_source"], "quote");
}

#[test]
fn before_the_open_the_last_close_counts_with_dividends_taken_out() {
    let desk = holding();
    desk.at("2012-05-07T16:02").ok("daily_pnl_calc");
    let evening = desk.left("daily_pnl");
    assert_eq!((&evening["end_equity"], &evening["pnl"]), (&"99907.60".into(), &"-24.80".into()));
    // The dividend of 0.86 is booked at midnight of its ex-date; nobody has become richer.
    let note = desk.at("2012-05-08T08:00").ok("pnl_update_1");
    assert_eq!(note, "equity 99907.60, day +0.00, week -24.80");
    desk.at("2012-05-08T16:02").ok("daily_pnl_calc");
    let day = desk.left("daily_pnl");
    // 20 x (201.48 - 203.75) + 17.20
    assert_eq!(
        (&day["pnl"], &day["by_symbol"]["IBM"], &day["by_strategy"]["IBS_RSI"]),
        (&"-28.20".into(), &"-28.20".into(), &"-28.20".into())
    );
    assert_eq!((&day["tied"], &day["unattributed"], &day["realised"]), (&true.into(), &"0.00".into(), &"0".into()));
}

#[test]
fn before_the_open_the_last_close_counts_with_splits_taken_out() {
    let desk = Fixture::replay("2005-02-25T10:15");
    desk.buy("AAPL", 10, "88.0000", "20.00");
    desk.at("2005-02-25T16:02").ok("daily_pnl_calc");
    let before = desk.left("daily_pnl")["end_equity"].clone();
    desk.at("2005-02-28T08:00").ok("pnl_update_1");
    assert_eq!(desk.left("pnl_tick")["equity"], before);
    desk.at("2005-02-28T16:02").ok("daily_pnl_calc");
    // 20 x (44.86 - 44.495)
    assert_eq!(desk.left("daily_pnl")["pnl"], "7.30");
    assert_eq!(desk.left("daily_pnl")["tied"], true);
}

#[test]
fn every_day_of_a_trade_ties_and_the_days_add_up_to_the_trade() {
    let desk = holding();
    let mut sum = decimal("0");
    for day in ["03", "04", "07", "08", "09", "10"] {
        desk.at(&format!("2012-05-{day}T16:02")).ok("daily_pnl_calc");
        let left = desk.left("daily_pnl");
        assert_eq!((&left["tied"], &left["unattributed"]), (&true.into(), &"0.00".into()), "{left}");
        sum += dec(&left["pnl"]);
    }
    desk.at("2012-05-11T10:20").sell("IBM", "199.9000", "0.10");
    desk.at("2012-05-11T16:02").ok("daily_pnl_calc");
    let last = desk.left("daily_pnl");
    assert_eq!((&last["trades_closed"], &last["fees"]), (&1.into(), &"0.10".into()));
    sum += dec(&last["pnl"]);
    assert_eq!(sum, desk.book().trades()[0].pnl, "{last}");
    assert_eq!(desk.book().trades()[0].pnl, decimal("-152.30"), "20 x (199.90 - 208.37) - 0.10 + 17.20");

    assert_eq!(desk.ok("realized_pnl_log"), "1 trades, -152.30 after fees of 0.10");
    assert!(matches!(desk.run("unrealized_pnl_log"), Outcome::NoData(_)), "nothing is held any more");
    desk.at("2012-05-12T09:00").ok("sat_total_pnl");
    let week = desk.left("weekly_pnl");
    let friday_before = decimal("99932.40");
    assert_eq!((dec(&week["start_equity"]), dec(&week["pnl"])), (friday_before, decimal("99847.70") - friday_before));
    assert_eq!((&week["by_symbol"]["IBM"], &week["unattributed"]), (&"-84.70".into(), &"0.00".into()));
    desk.ok("sat_realized_pnl");
    assert_eq!(desk.left("pnl_realised")["period"], "week");
}

#[test]
fn a_week_stands_beside_the_index() {
    let desk = holding();
    desk.at("2012-05-04T16:02").ok("daily_pnl_calc");
    let note = desk.at("2012-05-05T08:01").ok("sat_weekly_pnl");
    let week = desk.left("weekly_performance");
    assert_eq!(
        (&week["pnl"], &week["sessions"], &week["best_day"]["date"]),
        (&"-67.60".into(), &2.into(), &"2012-05-03".into()),
        "{note}"
    );
    assert_eq!(week["worst_day"]["pnl"], "-45.00");
    let index = week["index_return_pct"].as_f64().unwrap();
    assert!(
        (index - (1369.099976 / 1403.359985 - 1.0) * 100.0).abs() < 1e-9,
        "from the close before the week: {index}"
    );
    assert!(
        matches!(Fixture::replay("2012-05-05T08:01").run("sat_weekly_pnl"), Outcome::NoData(_)),
        "an account of today"
    );
}

/// Opens and closes one trade a session: two wins of 30 and 10, then a loss of 20, and so on.
fn traded(sessions: usize) -> Fixture {
    let desk = Fixture::replay("2012-01-03T05:00");
    let exchange = desk.services.market().exchange();
    let dates = exchange.session_dates("2012-01-03".parse().unwrap(), "2012-12-31".parse().unwrap()).unwrap();
    for (i, date) in dates.iter().take(sessions).enumerate() {
        desk.at(&format!("{date}T10:15")).buy("MSFT", 10, "30.0000", "1.00");
        let price = ["33.0000", "31.0000", "28.0000"][i % 3];
        desk.at(&format!("{date}T10:20")).sell("MSFT", price, "0");
        desk.at(&format!("{date}T18:00"));
        desk.services.settle_until(desk.services.clock().now()).unwrap();
    }
    desk
}

#[test]
fn few_trades_are_shown_and_called_insufficient() {
    let desk = Fixture::replay("2012-01-03T18:00");
    for task in [
        "win_loss_calc",
        "avg_win_loss_calc",
        "performance_metrics",
        "profit_factor_update",
        "win_rate_update",
        "sat_pnl_by_strategy",
    ] {
        assert!(matches!(desk.run(task), Outcome::NoData(_)), "{task}");
    }
    let desk = traded(3);
    assert_eq!(desk.ok("win_loss_calc"), "day: 0 won, 1 lost; all: 2 of 3 won, insufficient");
    assert_eq!(desk.ok("avg_win_loss_calc"), "mean win 20.00, mean loss -20.00, insufficient");
    assert_eq!(desk.ok("performance_metrics"), "3 trades, +20.00, expectancy 6.67, insufficient");
    let metrics = desk.left("metrics");
    assert_eq!(
        (&metrics["insufficient"], &metrics["bootstrap_95"], &metrics["profit_factor"]),
        (&true.into(), &Value::Null, &"2.0000".into())
    );
    assert_eq!(desk.ok("profit_factor_update"), "profit factor 2.0000 over 3 trades, insufficient");
    let desk = traded(2);
    desk.ok("profit_factor_update");
    assert_eq!(desk.left("metrics_profit_factor")["all"], Value::Null, "nothing was lost yet");
}

#[test]
fn thirty_trades_have_every_metric() {
    let desk = traded(60);
    assert_eq!(desk.ok("performance_metrics"), "60 trades, +400.00, expectancy 6.67");
    let first = desk.left("metrics");
    assert_eq!((&first["wins"], &first["losses"], &first["expectancy_r"]), (&40.into(), &20.into(), &"0.6667".into()));
    let (low, high) = (
        first["bootstrap_95"]["expectancy"][0].as_f64().unwrap(),
        first["bootstrap_95"]["expectancy"][1].as_f64().unwrap(),
    );
    assert!(low < 6.67 && 6.67 < high && high - low < 15.0, "{low} {high}");
    desk.ok("performance_metrics");
    assert_eq!(desk.left("metrics"), first, "the same trades, the same figures");
    assert_eq!(
        (&first["exposure"]["sessions_with_positions_pct"], &first["exposure"]["sessions"]),
        (&"0.0000".into(), &60.into())
    );

    desk.ok("avg_win_loss_calc");
    let average = desk.left("metrics_average");
    assert_eq!(
        (&average["median_win"], &average["payoff"], &average["mean_sessions_held"]),
        (&"20.00".into(), &"1.0000".into(), &"0.00".into())
    );
    desk.ok("profit_factor_update");
    let pf = desk.left("metrics_profit_factor");
    // The last 50 begin in the middle of a round: (10 + 16 x 40) / (20 + 16 x 20).
    assert_eq!((&pf["all"], &pf["last_50"], &pf["last_20"]), (&"2.0000".into(), &"1.9118".into(), &"1.7857".into()));
    desk.ok("win_rate_update");
    let wr = desk.left("metrics_win_rate");
    assert_eq!(
        (&wr["by_strategy"]["IBS_RSI"]["trades"], &wr["all"]["trades"], &wr["last_20"]["trades"]),
        (&60.into(), &60.into(), &20.into())
    );
    let by_regime: u64 = wr["by_regime"].as_object().unwrap().values().map(|row| row["trades"].as_u64().unwrap()).sum();
    assert_eq!((by_regime, wr["by_regime"].get("unknown")), (60, None), "{wr}");
    assert!(desk.ok("sharpe_update").starts_with("sharpe "));
    assert_eq!(desk.left("metrics_sharpe")["returns"], 60);
    desk.ok("sat_sortino_ratio");
    assert_eq!(desk.left("metrics_sortino")["ratio"], "sortino");
}

#[test]
fn the_fall_is_counted_from_the_highest_close() {
    let desk = traded(6);
    assert_eq!(desk.ok("drawdown_update"), "0.0200 % below the peak, at worst 0.0200 %");
    let fall = desk.left("metrics_drawdown");
    assert_eq!(
        (&fall["peak"], &fall["peak_date"], &fall["sessions_under_water"]),
        (&"100060.00".into(), &"2012-01-09".into(), &1.into())
    );
    assert!(!desk.is_killed());
}

#[test]
fn the_trade_log_takes_each_trade_once() {
    let desk = traded(2);
    assert_eq!(desk.ok("trade_log_update"), "2 trades appended, 2 in all");
    let log = desk.left("trade_log");
    assert_eq!(
        (&log["appended"][1]["decision_id"], &log["appended"][1]["pnl"]),
        (&"DEC_2012-01-04_MSFT_BUY".into(), &"10.00".into())
    );
    assert!(matches!(desk.run("trade_log_update"), Outcome::NoData(_)));
    assert_eq!(desk.left("trade_log")["logged"], 2);
}

#[test]
fn entries_exits_and_refusals_are_counted() {
    let desk = holding();
    assert_eq!(desk.at("2012-05-03T11:27").ok("trades_executed_count"), "1 entries, 0 exits, 0 refused");
    assert_eq!(desk.ok("trade_count_log"), "1 entries, 0 exits, room for 1 more");
    let limits = &desk.left("trade_limits")["limits"];
    assert_eq!(
        (&limits["committed"], &limits["max_entries_today"], &limits["policy_mode"]),
        (&"4167.4000".into(), &2.into(), &"paper".into())
    );
    let note = desk.at("2012-05-03T11:26").ok("morning_summary");
    assert_eq!(note, "0 judged, 0 admitted, 1 fills, day -2.00");
    let summary = desk.left("morning_summary");
    assert_eq!(
        summary["fills"],
        json!([{ "symbol": "IBM", "side": "BUY", "qty": 20, "price": "208.3700", "decision_id": "DEC_2012-05-03_IBM_BUY" }])
    );
    assert!(summary["markdown"].as_str().unwrap().contains("- BUY 20 IBM at 208.3700"), "{summary}");
    let half_day = Fixture::replay("2012-11-23T12:26");
    assert_eq!(half_day.run("power_hour_summary"), Outcome::NoData("this day has no power_hour".into()));
}

#[test]
fn strategies_are_compared_by_their_trades() {
    let desk = traded(30);
    desk.ok("sat_pnl_by_strategy");
    let left = desk.left("strategy_comparison");
    assert_eq!(
        (&left["strategies"]["ibs_rsi"]["trades"], &left["strategies"]["dual"]["trades"]),
        (&30.into(), &30.into())
    );
    let none = &left["strategies"]["turtle_soup"];
    assert_eq!((&none["trades"], &none["win_rate"], &none["insufficient"]), (&0.into(), &Value::Null, &true.into()));
    assert_eq!((&left["welch"]["insufficient"], &left["backtests"]), (&true.into(), &"not_built".into()));
    desk.ok("sat_dual_strategy_perf");
    assert_eq!(desk.left("strategy_comparison")["strategies"].as_object().unwrap().len(), 1);
}

/// A broker that only quotes.
struct Quoting(&'static str);

impl Broker for Quoting {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Embedded
    }

    fn quote(&self, _: &Symbol, now: Timestamp) -> Result<Quote, BrokerError> {
        Ok(Quote { bid: decimal(self.0), ask: decimal(self.0), at: now, source: "test".into() })
    }

    fn submit(&self, _: Permit, _: &Order, _: &Quote, _: Timestamp) -> Result<Ack, BrokerError> {
        Err(BrokerError::NotSent("it only quotes".into()))
    }

    fn find(&self, _: &ClientId, _: Timestamp) -> Result<Option<Ack>, BrokerError> {
        Ok(None)
    }

    fn cancel(&self, order: &Order, _: Timestamp) -> Result<Ack, BrokerError> {
        Err(BrokerError::NotAnEntry(order.client()))
    }

    fn positions(&self, _: Timestamp) -> Result<Vec<Held>, BrokerError> {
        Err(BrokerError::Unknown("it only quotes".into()))
    }

    fn open_orders(&self, _: Timestamp) -> Result<Vec<OpenOrder>, BrokerError> {
        Err(BrokerError::Unknown("it only quotes".into()))
    }

    fn executions(&self, _: Timestamp, _: Timestamp) -> Result<Vec<Execution>, BrokerError> {
        Err(BrokerError::Unknown("it only quotes".into()))
    }

    fn account(&self, _: Timestamp) -> Result<Account, BrokerError> {
        Err(BrokerError::Unknown("it only quotes".into()))
    }
}

#[test]
fn the_desk_of_today_trips_at_a_loss_that_the_quotes_show() {
    // 60 shares bought at 208: a loss of 1,000.00 at 191.3334, one cent of a share below it more.
    for (era, quote, killed) in
        [(Era::Live, "191.34", false), (Era::Live, "191.33", true), (Era::Replay, "191.33", false)]
    {
        let desk =
            Fixture::with(Options { broker: Some(Arc::new(Quoting(quote))), ..Options::of(era) }, "2012-05-03T10:15");
        desk.buy("IBM", 60, "208.00", "50.00");
        let outcome = desk.at("2012-05-03T10:20").run("pnl_update_1");
        assert_eq!(desk.is_killed(), killed, "{era:?} {quote}: {outcome:?}");
        assert_eq!(desk.book().kill().active.is_some(), killed, "{era:?} {quote}");
        assert_eq!(
            desk.left("pnl_tick")["breach"].is_string(),
            quote == "191.33",
            "a replay shows it and trips at the close"
        );
        if killed {
            assert!(matches!(outcome, Outcome::Error(_)));
            assert!(matches!(desk.run("pnl_update_2"), Outcome::Ok(_)), "it trips once");
            assert_eq!(desk.book().kill().active.as_ref().unwrap().again, 0);
        }
    }
}

#[test]
fn without_quotes_the_last_close_stands_in_and_is_called_stale() {
    let desk = Fixture::live("2012-05-03T10:15");
    desk.buy("IBM", 20, "208.3700", "15.00");
    let Outcome::Unavailable(why) = desk.run("pnl_update_1") else { panic!("nobody quotes") };
    assert!(why.starts_with("quotes: equity 99993.80") && why.ends_with("valued at the last close"), "{why}");
    assert_eq!(desk.left("pnl_tick")["stale_marks"], true);
}
