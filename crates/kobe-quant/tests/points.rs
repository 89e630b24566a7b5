//! Conviction, quality, regime and statistics at their edges, with hand-made figures.

use jiff::civil::{Weekday, date};
use kobe_quant::conviction::conviction;
use kobe_quant::index::vix_estimate;
use kobe_quant::quality::quality;
use kobe_quant::regime::detect_regime;
use kobe_quant::{
    Bar, Conviction, Evidence, Holding, IndexError, IndexFeatures, IndexSeries, Px, Regime, Series, Setup, Strategy,
    stats,
};

/// Evidence that earns the least everywhere.
const WORST: Evidence = Evidence {
    rsi2: 50.0,
    above_sma200_pct: -1.0,
    below_sma20_atr: 0.0,
    volume_ratio: Some(0.5),
    volume_trend: Some(0.5),
    index_above_sma50_pct: Some(-1.0),
    vix: Some(40.0),
    ibs: 0.9,
    down_streak: 0,
    rr: 0.5,
    stop_pct: 9.0,
    below_high20_pct: 0.0,
    above_low20_pct: 50.0,
};

#[test]
fn each_table_of_conviction_has_these_edges() {
    let points = |change: &dyn Fn(&mut Evidence)| {
        let mut e = WORST;
        change(&mut e);
        conviction(&e)
    };
    let least = conviction(&WORST);
    assert_eq!((least.technical, least.volume, least.market), (0, 1, 4));
    assert_eq!((least.reversion, least.reward, least.timing, least.total), (0, 1, 3, 9));

    type Change = fn(&mut Evidence, f64);
    type Part = fn(&Conviction) -> u32;
    let check = |name: &str, change: Change, part: Part, rows: &[(f64, u32)]| {
        for (x, expect) in rows {
            let found = part(&points(&|e| change(e, *x)));
            assert_eq!(found, *expect, "{name} {x}");
        }
    };
    let technical: Part = |c| c.technical;
    check(
        "rsi2",
        |e, x| e.rsi2 = x,
        technical,
        &[(2.0, 10), (2.1, 8), (5.0, 8), (10.0, 6), (15.0, 4), (20.0, 2), (20.1, 0)],
    );
    check(
        "above sma200",
        |e, x| e.above_sma200_pct = x,
        technical,
        &[(10.1, 8), (10.0, 6), (5.0, 4), (2.0, 2), (0.1, 2), (0.0, 0)],
    );
    check(
        "below sma20",
        |e, x| e.below_sma20_atr = x,
        technical,
        &[(2.1, 7), (2.0, 5), (1.5, 3), (1.0, 1), (0.6, 1), (0.5, 0)],
    );
    let volume: Part = |c| c.volume;
    check("volume", |e, x| e.volume_ratio = Some(x), volume, &[(3.1, 10), (3.0, 8), (2.0, 5), (1.5, 3), (1.0, 1)]);
    check("trend", |e, x| e.volume_trend = Some(x), volume, &[(1.21, 6), (1.2, 4), (1.01, 4), (1.0, 1)]);
    let market: Part = |c| c.market;
    check(
        "index",
        |e, x| e.index_above_sma50_pct = Some(x),
        market,
        &[(5.1, 10), (5.0, 8), (2.0, 6), (0.1, 6), (0.0, 4)],
    );
    check(
        "vix",
        |e, x| e.vix = Some(x),
        market,
        &[(11.9, 5), (12.0, 7), (14.9, 7), (15.0, 9), (25.0, 9), (25.1, 6), (35.0, 6), (35.1, 4)],
    );
    let reversion: Part = |c| c.reversion;
    check("ibs", |e, x| e.ibs = x, reversion, &[(0.1, 8), (0.11, 6), (0.2, 6), (0.3, 4), (0.4, 2), (0.41, 0)]);
    check(
        "down days",
        |e, x| e.down_streak = x as u32,
        reversion,
        &[(0.0, 0), (1.0, 1), (2.0, 3), (3.0, 5), (4.0, 7), (9.0, 7)],
    );
    let reward: Part = |c| c.reward;
    check("rr", |e, x| e.rr = x, reward, &[(3.0, 11), (2.9, 9), (2.5, 9), (2.0, 7), (1.5, 5), (1.0, 3), (0.99, 1)]);
    check(
        "stop",
        |e, x| e.stop_pct = x,
        reward,
        &[(0.49, 1), (0.5, 3), (0.99, 3), (1.0, 5), (3.0, 5), (3.1, 3), (5.0, 3), (5.1, 1)],
    );
    let timing: Part = |c| c.timing;
    check("from high", |e, x| e.below_high20_pct = x, timing, &[(10.1, 9), (10.0, 7), (5.0, 5), (2.1, 5), (2.0, 3)]);
    check(
        "from low",
        |e, x| e.above_low20_pct = x,
        timing,
        &[(1.9, 9), (2.0, 7), (4.9, 7), (5.0, 5), (9.9, 5), (10.0, 3)],
    );

    let unknown = points(&|e| {
        (e.volume_ratio, e.volume_trend, e.index_above_sma50_pct, e.vix) = (None, None, None, None);
    });
    assert_eq!(
        (unknown.volume, unknown.market),
        (1, 5),
        "what is unknown earns the least, an unknown VIX what a low one earns"
    );
}

#[test]
fn the_best_evidence_earns_a_hundred() {
    let best = conviction(&Evidence {
        rsi2: 0.0,
        above_sma200_pct: 11.0,
        below_sma20_atr: 2.5,
        volume_ratio: Some(4.0),
        volume_trend: Some(2.0),
        index_above_sma50_pct: Some(6.0),
        vix: Some(20.0),
        ibs: 0.0,
        down_streak: 5,
        rr: 3.0,
        stop_pct: 2.0,
        below_high20_pct: 11.0,
        above_low20_pct: 1.0,
    });
    assert_eq!((best.technical, best.total, best.confidence()), (25, 100, 1.0));
}

/// 100 bars that go up and down by one in a pattern of `period` days, with `dollars` traded a day.
fn wave(symbol: &str, period: i64, dollars: f64) -> Series {
    let bars = (0..100i64).map(|i| {
        let level = Px::from_ticks(500_000 + 10_000 * ((i * i / period) % 3 - 1)).unwrap();
        let date = date(2001, 1, 1).checked_add(jiff::ToSpan::days(i)).unwrap();
        Bar { date, open: level, high: level, low: level, close: level, volume: dollars / level.f64() }
    });
    Series::build(symbol, bars.collect(), vec![]).unwrap()
}

fn market(close: f64, vix: f64) -> IndexFeatures {
    IndexFeatures {
        date: date(2001, 4, 10),
        close,
        sma50: Some(100.0),
        sma50_slope_pct: Some(1.0),
        sma200: Some(100.0),
        vol20: Some(15.0),
        rv21: Some(15.0),
        vix: Some(vix),
        vix_estimated: true,
    }
}

#[test]
fn quality_adds_its_parts_and_takes_off_its_costs() {
    let setup = |strategy, setup_score| Setup { strategy, setup_score, rr: 2.0, risk_dollars: 1.0 };
    let (ibs, soup) = (setup(Strategy::IbsRsi, 12.5), setup(Strategy::TurtleSoup, 900.0));
    let points = Conviction { total: 60, ..conviction(&WORST) };
    let score = |series: &Series, setup: &Setup, market: &IndexFeatures, held: &[&Series], weekday| {
        let held: Vec<Holding<'_>> = held.iter().map(|series| Holding { series, at: 99 }).collect();
        quality(series, 99, setup, &points, market, &held, weekday).unwrap()
    };
    let (own, same, twin) = (wave("OWN", 1, 30e6), wave("OWN", 1, 30e6), wave("TWIN", 1, 30e6));
    let (up, down) = (market(101.0, 20.0), market(99.0, 20.0));
    let unknown = IndexFeatures { sma50: None, ..up };
    let tuesday = Weekday::Tuesday;

    let plain = score(&own, &ibs, &up, &[], tuesday);
    assert_eq!(
        (plain.conviction_part, plain.strategy_part, plain.regime_part, plain.liquidity_part),
        (18.0, 7.5, 12.0, 15.0)
    );
    assert_eq!((plain.score, plain.missing.as_slice()), (70.0, ["ml".to_owned()].as_slice()), "52.5 of 75");
    assert_eq!((plain.correlation, plain.weekday, plain.volatility, plain.closest), (0.0, 0.0, 0.0, None));

    let costs = |q: kobe_quant::Quality| (q.correlation, q.weekday, q.volatility);
    for (name, found, expect) in [
        ("Monday", score(&own, &ibs, &up, &[], Weekday::Monday), (0.0, 1.0, 0.0)),
        ("Friday", score(&own, &ibs, &up, &[], Weekday::Friday), (0.0, 1.5, 0.0)),
        ("VIX of 25 costs nothing", score(&own, &ibs, &market(101.0, 25.0), &[], tuesday), (0.0, 0.0, 0.0)),
        ("VIX above 25", score(&own, &ibs, &market(101.0, 25.1), &[], tuesday), (0.0, 0.0, 2.5)),
        ("VIX above 35", score(&own, &ibs, &market(101.0, 35.1), &[], tuesday), (0.0, 0.0, 5.0)),
        ("the same moves", score(&own, &ibs, &up, &[&twin], tuesday), (10.0, 0.0, 0.0)),
        ("its own symbol is not counted", score(&own, &ibs, &up, &[&same], tuesday), (0.0, 0.0, 0.0)),
    ] {
        let parts = (found.conviction_part + found.strategy_part + found.regime_part + found.liquidity_part) / 0.75;
        assert!(
            (found.score - (parts - found.correlation - found.weekday - found.volatility)).abs() < 1e-6,
            "{name}: the sum"
        );
        assert_eq!(costs(found), expect, "{name}");
    }
    let both = score(&own, &ibs, &up, &[&wave("OTHER", 7, 1e6), &twin], tuesday);
    let (symbol, rho) = both.closest.unwrap();
    assert!(symbol == "TWIN" && (rho - 1.0).abs() < 1e-12, "the closest holding is named: {symbol} {rho}");

    for (name, found, expect) in [
        ("ibs in an up-trend", score(&own, &ibs, &up, &[], tuesday).regime_part, 12.0),
        ("ibs in a down-trend", score(&own, &ibs, &down, &[], tuesday).regime_part, 6.0),
        ("soup in an up-trend", score(&own, &soup, &up, &[], tuesday).regime_part, 7.5),
        ("soup in a down-trend", score(&own, &soup, &down, &[], tuesday).regime_part, 10.5),
        ("trend unknown", score(&own, &ibs, &unknown, &[], tuesday).regime_part, 7.5),
        ("a score above full counts as full", score(&own, &soup, &up, &[], tuesday).strategy_part, 15.0),
        ("20 million a day", score(&wave("W", 1, 20e6), &ibs, &up, &[], tuesday).liquidity_part, 15.0),
        ("12.5 million a day", score(&wave("W", 1, 12.5e6), &ibs, &up, &[], tuesday).liquidity_part, 11.25),
        ("5 million a day", score(&wave("W", 1, 5e6), &ibs, &up, &[], tuesday).liquidity_part, 7.5),
    ] {
        assert!((found - expect).abs() < 1e-6, "{name}: {found}");
    }
    assert!(quality(&own, 30, &ibs, &points, &up, &[], tuesday).is_none(), "fewer than 60 days of volume");
    let all = Conviction { total: 100, ..points };
    let full = quality(&own, 99, &setup(Strategy::IbsRsi, 99.0), &all, &up, &[], tuesday).unwrap();
    assert_eq!(full.score, 96.0, "the regime part never reaches 15, so nothing reaches 100");
}

#[test]
fn the_regime_follows_from_what_is_seen() {
    let base = market(105.0, 15.0);
    for (name, market, expect) in [
        ("above both means, calm", base, Some(Regime::Bullish)),
        ("above both, but volatile", IndexFeatures { vol20: Some(25.0), ..base }, Some(Regime::Neutral)),
        (
            "above SMA200 only, falling",
            IndexFeatures { sma50: Some(110.0), sma50_slope_pct: Some(-1.0), ..base },
            Some(Regime::Neutral),
        ),
        ("under both, calm and rising", IndexFeatures { close: 95.0, ..base }, Some(Regime::Neutral)),
        (
            "under both, falling, fear",
            IndexFeatures { close: 95.0, sma50_slope_pct: Some(-3.0), vol20: Some(30.0), vix: Some(29.0), ..base },
            Some(Regime::Bearish),
        ),
        ("at SMA200 is not above it", IndexFeatures { close: 100.0, ..base }, Some(Regime::Neutral)),
        ("VIX unknown", IndexFeatures { vix: None, ..base }, Some(Regime::Bullish)),
        ("SMA200 unknown", IndexFeatures { sma200: None, ..base }, None),
        ("volatility unknown", IndexFeatures { vol20: None, ..base }, None),
    ] {
        assert_eq!(detect_regime(&market).map(|r| r.regime), expect, "{name}");
    }
    let report = detect_regime(&base).unwrap();
    assert_eq!((report.balance, report.filter_open, report.reasons.len()), (5, true, 5));
    assert_eq!(report.reasons[0].because, "close 105.00 is above SMA200 100.00 (+5.0 %)");
    assert_eq!(report.reasons[4].because, "VIX 15.0 (estimated): calm, up to 20");
    let real = detect_regime(&base.with_vix(22.0)).unwrap();
    assert_eq!((real.reasons[4].speaks, real.reasons[4].because.as_str()), (0, "VIX 22.0: raised, 20 to 25"));
}

#[test]
fn the_index_refuses_what_is_no_curve() {
    let d = |n| date(2001, 1, n);
    let name = || "X".to_owned();
    for (closes, expect) in [
        (vec![], IndexError::Empty { name: name() }),
        (vec![(d(1), 1.0), (d(2), 0.0)], IndexError::Close { name: name(), date: d(2), index: 1 }),
        (vec![(d(1), f64::NAN)], IndexError::Close { name: name(), date: d(1), index: 0 }),
        (vec![(d(1), 1.0), (d(1), 2.0)], IndexError::Order { name: name(), date: d(1), index: 1 }),
        (vec![(d(2), 1.0), (d(1), 2.0)], IndexError::Order { name: name(), date: d(1), index: 1 }),
    ] {
        assert_eq!(IndexSeries::build("X", closes).unwrap_err(), expect);
    }
    for (rv21, vix) in [(0.0, 10.0), (10.0, 11.0), (20.0, 20.0), (90.0, 80.0)] {
        assert_eq!(vix_estimate(rv21), vix, "RV21 {rv21}");
    }
}

#[test]
fn statistics_at_their_edges() {
    let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-12;
    assert!(near(stats::std(&[1.0, 2.0, 3.0, 4.0]), (5.0f64 / 3.0).sqrt()), "divisor n - 1");
    assert!(near(stats::corr(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), 1.0));
    assert!(near(stats::corr(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0));
    assert!(near(stats::cov(&[1.0, 2.0], &[1.0, 3.0]), 1.0));
    assert!(near(stats::profit_factor(&[3.0, -1.0, 0.0, -1.0]), 1.5));
    assert!(near(stats::sharpe(&[0.01, 0.03]), 0.02 / 0.0002f64.sqrt() * 252f64.sqrt()));
    assert!(
        near(stats::sortino(&[0.03, -0.01]), 0.01 / 0.00005f64.sqrt() * 252f64.sqrt()),
        "all returns in the divisor"
    );
    // One position of 1,000 dollars with a daily spread of 1 %: 1.645 x sqrt(5) x 10 dollars.
    let returns = [0.01 / 2f64.sqrt(), -0.01 / 2f64.sqrt()];
    assert!(near(stats::value_at_risk_5d(&[(1000.0, &returns)]), 1.645 * 5f64.sqrt() * 10.0));
    assert!(
        near(stats::value_at_risk_5d(&[(500.0, &returns), (500.0, &returns)]), 1.645 * 5f64.sqrt() * 10.0),
        "no comfort in twins"
    );
    assert!(near(stats::value_at_risk_5d(&[]), 0.0), "nothing held");
    let hedge = [returns[1], returns[0]];
    assert!(near(stats::value_at_risk_5d(&[(500.0, &returns), (500.0, &hedge)]), 0.0), "opposites cancel");

    for (name, found) in [
        ("one value has no spread", stats::std(&[1.0])),
        ("nothing has none", stats::variance(&[])),
        ("unequal lengths", stats::cov(&[1.0, 2.0], &[1.0])),
        ("a constant has no correlation", stats::corr(&[1.0, 1.0], &[1.0, 2.0])),
        ("no spread, no Sharpe", stats::sharpe(&[0.01, 0.01])),
        ("no loss, no Sortino", stats::sortino(&[0.01, 0.02])),
        ("no returns, no Sortino", stats::sortino(&[])),
        ("no loss, no profit factor", stats::profit_factor(&[1.0, 0.0])),
        ("unequal histories", stats::value_at_risk_5d(&[(1.0, &returns), (1.0, &[0.0])])),
    ] {
        assert_eq!(found, None, "{name}");
    }
    assert_eq!((stats::wilson95(0, 0), stats::wilson95(2, 1)), (None, None));
    let (low, high) = stats::wilson95(0, 10).unwrap();
    assert!(low == 0.0 && (high - 0.277_532_8).abs() < 1e-6, "none of ten: {high}");
    let (low, high) = stats::wilson95(10, 10).unwrap();
    assert!(high == 1.0 && (low - 0.722_467_2).abs() < 1e-6, "ten of ten: {low}");

    let fall = stats::max_drawdown(&[100.0, 120.0, 90.0, 130.0, 110.0]).unwrap();
    assert_eq!((fall.depth, fall.peak, fall.trough), (0.25, 1, 2));
    assert_eq!(stats::max_drawdown(&[1.0, 2.0, 3.0]).unwrap().depth, 0.0);
    assert_eq!((stats::max_drawdown(&[]), stats::max_drawdown(&[1.0, 0.0])), (None, None));
    assert_eq!(stats::drawdowns(&[100.0, 120.0, 90.0, 120.0]), [0.0, 0.0, 0.25, 0.0]);
    assert_eq!(stats::returns(&[100.0, 110.0, 99.0]).len(), 2);
}
