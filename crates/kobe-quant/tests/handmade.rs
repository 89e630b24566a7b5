//! Hand-made bars: what real ones show too seldom or never. None of these prices was ever traded.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use kobe_quant::setups::{exit_by_indicator, setups};
use kobe_quant::{Action, Bar, BarFault, MIN_BARS, Px, Series, SeriesError, Strategy};

const FIRST: Date = date(2001, 1, 1);

fn px(dollars: f64) -> Px {
    Px::from_ticks((dollars * 10_000.0).round() as i64).unwrap()
}

/// Day `i` of a calendar without weekends off.
fn on(i: usize) -> Date {
    FIRST.checked_add((i as i64).days()).unwrap()
}

fn bar(i: usize, open: f64, high: f64, low: f64, close: f64) -> Bar {
    Bar { date: on(i), open: px(open), high: px(high), low: px(low), close: px(close), volume: 1_000_000.0 }
}

/// A dollar of range around `close`.
fn quiet(i: usize, close: f64) -> Bar {
    bar(i, close, close + 0.5, close - 0.5, close)
}

fn split(i: usize, ratio: f64) -> Action {
    Action { ex_date: on(i), split_ratio: ratio, cash: Px::ZERO, price_factor: 1.0 / ratio }
}

fn dividend(i: usize, cash: f64, before: f64) -> Action {
    Action { ex_date: on(i), split_ratio: 1.0, cash: px(cash), price_factor: 1.0 - cash / before }
}

fn series(bars: Vec<Bar>, actions: Vec<Action>) -> Series {
    Series::build("MADE", bars, actions).unwrap()
}

#[test]
fn a_bar_without_range_has_the_middle_strength() {
    for (name, bar, ibs) in [
        ("no range", bar(0, 20.0, 20.0, 20.0, 20.0), 0.5),
        ("close at the low", bar(0, 20.0, 21.0, 20.0, 20.0), 0.0),
        ("close at the high", bar(0, 20.0, 21.0, 20.0, 21.0), 1.0),
        ("exactly 0.08, a tie that f64 prices would miss", bar(0, 31.5, 31.51, 31.01, 31.05), 0.08),
        ("one tick below it", bar(0, 31.5, 31.51, 31.01, 31.0499), 0.0798),
    ] {
        assert_eq!(series(vec![bar], vec![]).ibs(0), Some(ibs), "{name}");
    }
}

#[test]
fn indicators_wait_for_their_bars() {
    let s = series((0..MIN_BARS).map(|i| quiet(i, 20.0)).collect(), vec![]);
    let first = |f: &dyn Fn(usize) -> bool| (0..s.len()).find(|i| f(*i));
    for (name, found, expect) in [
        ("rsi2 after two differences", first(&|i| s.rsi2(i).is_some()), 2),
        ("rsi14", first(&|i| s.rsi14(i).is_some()), 14),
        ("atr14 on the 14th bar", first(&|i| s.atr14(i).is_some()), 13),
        ("sma10", first(&|i| s.sma10(i).is_some()), 9),
        ("sma200", first(&|i| s.sma200(i).is_some()), 199),
        ("vol20 after twenty returns", first(&|i| s.vol20(i).is_some()), 20),
        ("adv60", first(&|i| s.adv60(i).is_some()), 59),
        ("shares60", first(&|i| s.shares60(i).is_some()), 59),
        ("60 returns", first(&|i| s.logrets(i, 60).is_some()), 60),
        ("two means of five", first(&|i| s.volume_trend(i).is_some()), 9),
        ("no longer warming", first(&|i| !s.is_warming(i)), 209),
    ] {
        assert_eq!(found, Some(expect), "{name}");
    }
    let end = s.len();
    assert_eq!((s.ibs(end), s.rsi2(end), s.sma10(end), s.scale(end)), (None, None, None, None), "past the end");
    assert_eq!((s.logrets(end, 60), s.logrets(usize::MAX, 60), s.down_streak(end)), (None, None, 0));
    assert_eq!((s.features(end), setups(&s, end).len(), exit_by_indicator(&s, end)), (None, 0, false));
}

/// 2 for 1 on day 30: the price halves, nothing has happened.
#[test]
fn a_split_changes_the_unit_and_nothing_else() {
    let price = |i| if i < 30 { 100.0 } else { 50.0 };
    let bars = (0..100).map(|i| {
        let mut bar = bar(i, price(i), price(i) * 1.01, price(i) * 0.99, price(i));
        bar.volume = if i < 30 { 1e6 } else { 2e6 };
        bar
    });
    let s = series(bars.collect(), vec![split(30, 2.0)]);
    for (name, found, expect) in [
        ("scale on the day before", s.scale(29), 1.0),
        ("scale on the ex-date", s.scale(30), 2.0),
        ("the return of the ex-date", s.logret(30), 0.0),
        ("the mean before, in dollars of then", s.sma20(29), 100.0),
        ("the mean on the day, in new dollars", s.sma20(30), 50.0),
        ("the highest high in new dollars", s.high20(30), 50.5),
        ("the range before", s.atr14(29), 2.0),
        ("the range on the day", s.atr14(30), 1.0),
        ("volume against its mean", s.volume_ratio(30), 1.0),
        ("shares a day, in new shares", s.shares60(60), 2e6),
        ("dollars a day", s.adv60(60), 1e8),
        ("rsi sees no change", s.rsi2(30), 50.0),
    ] {
        let found = found.unwrap();
        assert!((found - expect).abs() <= 1e-12 * expect.abs().max(1.0), "{name}: {found}");
    }
    assert_eq!(s.down_streak(30), 0, "a split is no down day");
    assert!(s.jumps().is_empty(), "and no jump");
    let unsplit = series(s.bars().to_vec(), vec![]);
    assert_eq!(unsplit.jumps().len(), 0, "a fall by exactly half is not more than half");
    assert_eq!(unsplit.down_streak(30), 1, "without its action it is one");
}

#[test]
fn actions_act_from_their_day_on() {
    let bars = || (0..10).filter(|i| *i != 5).map(|i| quiet(i, 20.0)).collect::<Vec<_>>();
    for (name, actions, before, after) in [
        ("nothing", vec![], 1.0, 1.0),
        ("reverse split 1 for 8", vec![split(6, 0.125)], 1.0, 0.125),
        ("no bar on the day: the next one", vec![split(5, 3.0)], 1.0, 3.0),
        ("before the first bar", vec![split(0, 2.0)], 1.0, 1.0),
        ("after the last bar", vec![split(10, 2.0)], 1.0, 1.0),
        ("two on one day", vec![split(6, 2.0), dividend(6, 1.0, 20.0)], 1.0, 2.0 / 0.95),
        ("given out of order", vec![split(9, 2.0), split(2, 2.0)], 2.0, 4.0),
    ] {
        let s = series(bars(), actions);
        // Days 4 and 9 are bars 4 and 8, because day 5 has none.
        assert_eq!((s.scale(4), s.scale(8)), (Some(before), Some(after)), "{name}");
    }
    let s = series(bars(), vec![split(6, 2.0), dividend(6, 1.0, 20.0), split(8, 4.0)]);
    assert_eq!(s.actions_on(on(6)).len(), 2);
    assert_eq!(s.actions_on(on(7)).len(), 0);
}

/// A dividend of 1 at 100 takes 1 off the price: no loss for who holds it.
#[test]
fn a_dividend_is_no_fall() {
    let s = series(vec![quiet(0, 100.0), quiet(1, 99.0)], vec![dividend(1, 1.0, 100.0)]);
    assert!(s.logret(1).unwrap().abs() < 1e-12);
    assert_eq!(s.split_scale(1), Some(1.0), "shares stay as they are");
}

/// A rise of ten cents a day, then `last` bars.
fn rising(last: &[(f64, f64, f64, f64)]) -> Series {
    let calm = 230 - last.len();
    let mut bars: Vec<Bar> = (0..calm).map(|i| quiet(i, 40.0 + 0.1 * i as f64)).collect();
    bars.extend(last.iter().enumerate().map(|(k, (o, h, l, c))| bar(calm + k, *o, *h, *l, *c)));
    series(bars, vec![])
}

fn names(s: &Series, i: usize) -> Vec<Strategy> {
    setups(s, i).iter().map(|setup| setup.strategy).collect()
}

#[test]
fn ibs_rsi_needs_a_weak_close_and_two_weak_days() {
    let (weak, mid) = ((62.0, 62.2, 60.0, 60.1), (62.5, 62.6, 61.5, 62.0));
    for (name, s, expect) in [
        ("both", rising(&[mid, weak]), vec![Strategy::IbsRsi]),
        ("close above 8 % of the range", rising(&[mid, (62.0, 62.2, 60.0, 60.2)]), vec![]),
        ("a rise the day before", rising(&[(62.5, 66.5, 62.0, 66.0), (62.0, 65.0, 62.2, 62.3)].map(fix)), vec![]),
    ] {
        assert_eq!(names(&s, 229), expect, "{name}");
    }
    let s = rising(&[mid, weak]);
    let setup = setups(&s, 229)[0];
    let ibs = 0.1 / 2.2;
    assert!((setup.setup_score - ((0.08 - ibs) * 100.0 + 10.0)).abs() < 1e-9, "rsi is 0 after two falls");
    assert!((setup.risk_dollars - 2.0 * s.atr14(229).unwrap()).abs() < 1e-12);
    assert_eq!(setup.rr, 2.0);
}

/// Brings the low under the open and the close.
fn fix((o, h, l, c): (f64, f64, f64, f64)) -> (f64, f64, f64, f64) {
    (o, h, f64::min(l, o.min(c)), c)
}

#[test]
fn cheap_or_young_symbols_have_no_setups() {
    // Weak for two days before a close at the low, after a jump of 70 cents.
    let weak = |price: f64, bars: usize| {
        let mut all: Vec<Bar> = (0..bars - 3).map(|i| quiet(i, price - 0.2)).collect();
        all.push(quiet(bars - 3, price + 0.5));
        all.push(quiet(bars - 2, price + 0.4));
        all.push(bar(bars - 1, price + 0.3, price + 0.3, price, price));
        names(&series(all, vec![]), bars - 1).len()
    };
    assert_eq!(weak(20.0, 210), 1, "210 bars suffice");
    assert_eq!(weak(20.0, 209), 0, "209 do not");
    assert_eq!(weak(15.0, 220), 1, "15.00 suffices");
    assert_eq!(weak(14.99, 220), 0, "14.99 does not");
}

#[test]
fn turtle_soup_needs_an_old_low_swept_deep_and_regained() {
    // Ten calm bars at 60 over a prior low of 58 at its place, then the sweep.
    let scene = |low_age: usize, sweep_to: f64, close: f64, second: Option<usize>| {
        let mut last: Vec<(f64, f64, f64, f64)> = vec![(60.0, 60.5, 59.5, 60.0); 16];
        last[16 - low_age].2 = 58.0;
        if let Some(age) = second {
            last[16 - age].2 = 58.0;
        }
        last.push((60.0, 60.5, sweep_to, close));
        rising(&last)
    };
    for (name, s, expect) in [
        ("a low of five bars ago", scene(5, 57.0, 59.0, None), 1),
        ("three bars are old enough", scene(3, 57.0, 59.0, None), 1),
        ("two are not", scene(2, 57.0, 59.0, None), 0),
        ("the more recent of two equal lows counts", scene(9, 57.0, 59.0, Some(1)), 0),
        ("both of them old", scene(9, 57.0, 59.0, Some(4)), 1),
        ("fifteen bars ago is in the window", scene(15, 57.0, 59.0, None), 1),
        ("the close must regain the low", scene(5, 57.0, 58.0, None), 0),
        ("a shallow sweep", scene(5, 57.9, 59.0, None), 0),
        ("no sweep at all", scene(5, 58.0, 59.0, None), 0),
    ] {
        let found = names(&s, 229).into_iter().filter(|n| *n == Strategy::TurtleSoup).count();
        assert_eq!(found, expect, "{name}");
    }
    let s = scene(5, 57.0, 59.0, None);
    let soup = setups(&s, 229).into_iter().find(|x| x.strategy == Strategy::TurtleSoup).unwrap();
    let (before, today) = (s.atr14(228).unwrap(), s.atr14(229).unwrap());
    assert!((soup.setup_score - 100.0 * (58.0 - 57.0) / before).abs() < 1e-9, "measured in the ATR of the day before");
    assert!((soup.risk_dollars - (59.0 - (57.0 - 0.2 * today))).abs() < 1e-9);
    assert_eq!(soup.rr, 0.75);
}

#[test]
fn a_position_leaves_on_strength() {
    for (name, last, expect) in [
        ("close in the upper fifth", (60.0, 61.0, 59.0, 60.7), true),
        ("exactly at 0.80 is not above", (60.0, 61.0, 60.0, 60.8), false),
        ("two rises make rsi 100", (63.5, 65.0, 63.0, 64.0), true),
    ] {
        let s = rising(&[(63.0, 63.2, 62.0, 62.5), last]);
        assert_eq!(exit_by_indicator(&s, 229), expect, "{name}: {:?} {:?}", s.ibs(229), s.rsi2(229));
    }
}

#[test]
fn what_is_no_series_is_refused_with_its_day() {
    let good = || vec![quiet(0, 20.0), quiet(1, 20.0), quiet(2, 20.0)];
    let with = |i: usize, change: &dyn Fn(&mut Bar)| {
        let mut bars = good();
        change(&mut bars[i]);
        Series::build("X", bars, vec![]).unwrap_err()
    };
    let fault = |i: usize, fault| SeriesError::Bar { symbol: "X".into(), date: on(i), index: i, fault };
    for (name, found, expect) in [
        ("no bars", Series::build("X", vec![], vec![]).unwrap_err(), SeriesError::Empty { symbol: "X".into() }),
        ("low above close", with(1, &|b| b.low = px(20.2)), fault(1, BarFault::LowAbove)),
        ("high below open", with(2, &|b| b.open = px(21.0)), fault(2, BarFault::HighBelow)),
        ("low above high", with(2, &|b| b.high = px(19.0)), fault(2, BarFault::LowAbove)),
        ("a zero price", with(0, &|b| b.low = Px::ZERO), fault(0, BarFault::ZeroPrice)),
        ("negative volume", with(0, &|b| b.volume = -1.0), fault(0, BarFault::Volume)),
        ("no volume", with(0, &|b| b.volume = f64::NAN), fault(0, BarFault::Volume)),
        (
            "a day twice",
            with(2, &|b| b.date = on(1)),
            SeriesError::Duplicate { symbol: "X".into(), date: on(1), index: 2 },
        ),
        (
            "back in time",
            with(1, &|b| b.date = on(0).yesterday().unwrap()),
            SeriesError::Unsorted { symbol: "X".into(), date: on(0).yesterday().unwrap(), index: 1 },
        ),
    ] {
        assert_eq!(found, expect, "{name}");
    }
    for (name, action) in [
        ("ratio 0", split(1, 0.0)),
        ("ratio not a number", split(1, f64::NAN)),
        ("ratio beyond reason", split(1, 1e5)),
        ("negative factor", Action { price_factor: -0.5, ..split(1, 2.0) }),
        ("in the future", split(99, 0.0)),
    ] {
        let expect = SeriesError::Action { symbol: "X".into(), ex_date: action.ex_date };
        assert_eq!(Series::build("X", good(), vec![action]).unwrap_err(), expect, "{name}");
    }
    let many = vec![split(1, 1e4), split(1, 1e4), split(2, 1e4)];
    assert!(Series::build("X", good(), many).is_err(), "factors that multiply beyond reason");
}
