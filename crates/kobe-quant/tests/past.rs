//! The past does not know the future: whatever comes after a bar, every value up to it stays the same to the last bit.

mod common;

use common::{actions, bars, day, spx_closes};
use jiff::civil::Weekday;
use kobe_quant::conviction::conviction;
use kobe_quant::quality::quality;
use kobe_quant::setups::{exit_by_indicator, setups};
use kobe_quant::{Action, Bar, Evidence, Holding, IndexSeries, Px, Series};

/// Everything that can be asked about bar `i`, as bits.
fn answers(series: &Series, index: &IndexSeries, other: &Series, i: usize) -> Vec<Option<u64>> {
    let bits = |x: Option<f64>| x.map(f64::to_bits);
    let s = series;
    let mut all: Vec<Option<u64>> = [
        s.scale(i),
        s.split_scale(i),
        s.ibs(i),
        s.rsi2(i),
        s.rsi14(i),
        s.sma10(i),
        s.sma20(i),
        s.sma50(i),
        s.sma200(i),
        s.atr14(i),
        s.high15(i),
        s.low15(i),
        s.high20(i),
        s.low20(i),
        s.vol20(i),
        s.volume_ratio(i),
        s.volume_trend(i),
        s.adv60(i),
        s.shares60(i),
        s.logret(i),
        s.logrets(i, 60).map(kobe_quant::stats::mean),
    ]
    .map(bits)
    .to_vec();
    all.push(Some(u64::from(s.down_streak(i))));
    all.push(Some(u64::from(exit_by_indicator(s, i))));
    let Some(market) = index.on(s.bars()[i].date) else { return all };
    let held: Vec<Holding<'_>> =
        other.index_of(s.bars()[i].date).map(|at| Holding { series: other, at }).into_iter().collect();
    for setup in setups(s, i) {
        let points = conviction(&Evidence::gather(s, i, &setup, &market).unwrap());
        let score = quality(s, i, &setup, &points, &market, &held, Weekday::Friday).unwrap().score;
        all.extend([setup.setup_score, setup.risk_dollars, f64::from(points.total), score].map(|x| Some(x.to_bits())));
    }
    all
}

/// Bars after `t` become another world: three times the price, upside down in time, with a seventh of the volume.
fn another_future(bars: &[Bar], t: usize) -> Vec<Bar> {
    let triple = |px: Px| Px::from_ticks(px.ticks() * 3).unwrap();
    let dates = bars[t + 1..].iter().map(|bar| bar.date);
    let values = bars[t + 1..].iter().rev();
    let changed = values.zip(dates).map(|(bar, date)| Bar {
        date,
        open: triple(bar.open),
        high: triple(bar.high),
        low: triple(bar.low),
        close: triple(bar.close),
        volume: (bar.volume / 7.0).floor(),
    });
    bars[..=t].iter().copied().chain(changed).collect()
}

#[test]
fn no_future_bar_or_action_changes_a_past_value() {
    let index = IndexSeries::build("SPX", spx_closes()).unwrap();
    let mut setups_seen = 0;
    for (symbol, bars) in bars() {
        let actions = actions(&symbol);
        let whole = Series::build(symbol.as_str(), bars.clone(), actions.clone()).unwrap();
        // Another symbol to correlate with: the same bars under another name, cut at the same place.
        let named = |bars: Vec<Bar>, actions: Vec<Action>| Series::build("OTHER", bars, actions).unwrap();
        // The day before, of and after each split, two ordinary days, and the first and last possible cut.
        let splits = actions.iter().filter(|a| a.split_ratio != 1.0).map(|a| whole.index_of(a.ex_date).unwrap());
        let mut cuts: Vec<usize> = splits.flat_map(|i| [i - 1, i, i + 1]).collect();
        cuts.extend([0, bars.len() / 3, bars.len() / 2, bars.len() - 2]);
        for t in cuts {
            let date = bars[t].date;
            let past: Vec<Action> = actions.iter().copied().filter(|a| a.ex_date <= date).collect();
            let mut strange = past.clone();
            for (days, split_ratio) in [(1, 7.0), (3, 0.125), (9, 3.0)] {
                let ex_date = date.checked_add(jiff::ToSpan::days(days)).unwrap();
                strange.push(Action { ex_date, split_ratio, cash: Px::ZERO, price_factor: 0.9 / split_ratio });
            }
            let worlds = [
                ("nothing follows", bars[..=t].to_vec(), past.clone()),
                ("known actions but no bars follow", bars[..=t].to_vec(), actions.clone()),
                ("other bars follow", another_future(&bars, t), actions.clone()),
                ("other bars and other splits follow", another_future(&bars, t), strange),
            ];
            for (name, bars, actions) in worlds {
                let changed = Series::build(symbol.as_str(), bars.clone(), actions.clone()).unwrap();
                let (other, other_changed) =
                    (named(whole.bars().to_vec(), whole.actions().to_vec()), named(bars, actions));
                for i in t.saturating_sub(700)..=t {
                    let expect = answers(&whole, &index, &other, i);
                    setups_seen += usize::from(expect.len() > 23);
                    assert_eq!(answers(&changed, &index, &other_changed, i), expect, "{symbol} {i} cut at {t}: {name}");
                }
            }
        }
    }
    assert!(setups_seen > 100, "the comparison saw setups and scores: {setups_seen}");
}

#[test]
fn no_future_close_changes_a_past_value_of_the_index() {
    let closes = spx_closes();
    let whole = IndexSeries::build("SPX", closes.clone()).unwrap();
    for t in [0, 49, 220, 1000, closes.len() - 2] {
        let cut = IndexSeries::build("SPX", closes[..=t].to_vec()).unwrap();
        let changed = closes.iter().enumerate().map(|(i, (date, c))| (*date, if i > t { 5.0 * c } else { *c }));
        let changed = IndexSeries::build("SPX", changed.collect()).unwrap();
        for i in 0..=t {
            // Debug writes the shortest text that gives the same bits.
            assert_eq!(format!("{:?}", cut.at(i)), format!("{:?}", whole.at(i)), "{i} cut at {t}");
            assert_eq!(format!("{:?}", changed.at(i)), format!("{:?}", whole.at(i)), "{i} changed after {t}");
        }
    }
}

#[test]
fn no_future_bar_changes_a_past_level_of_the_proxy() {
    let cut_at = day("2009-06-30");
    let build = |until: Option<jiff::civil::Date>| {
        let all: Vec<Series> = bars()
            .into_iter()
            .filter_map(|(symbol, bars)| {
                let bars: Vec<Bar> = bars.into_iter().filter(|b| until.is_none_or(|d| b.date <= d)).collect();
                (!bars.is_empty()).then(|| Series::build(symbol.as_str(), bars, actions(&symbol)).unwrap())
            })
            .collect();
        IndexSeries::equal_weight(&all).unwrap()
    };
    let (whole, cut) = (build(None), build(Some(cut_at)));
    assert!(whole.is_proxy() && cut.dates().last() == Some(&cut_at));
    for i in 0..cut.len() {
        assert_eq!(cut.closes()[i].to_bits(), whole.closes()[i].to_bits(), "{}", cut.dates()[i]);
    }
}
