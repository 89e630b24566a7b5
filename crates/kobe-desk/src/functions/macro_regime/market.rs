//! The market: its regime, its breadth, and how symbols move with the index.

use kobe_plan::Outcome;
use kobe_quant::{IndexSeries, Series, regime, stats};
use serde_json::json;

use super::fear::index;
use crate::call::Call;
use crate::early::Work;
use crate::trading::universe::valid;

/// Returns of a correlation.
const RETURNS: usize = 60;

/// Calls the market by what index, averages, volatility and VIX say, with each reason.
pub(super) fn detect_regime(call: &Call<'_>) -> Work {
    let market = index(call)?;
    let Some(report) = regime::detect_regime(&market) else {
        return Err(Outcome::NoData(
            format!("no verdict on {}: SMA200 needs 200 closes of the index", market.date).into(),
        ));
    };
    let body = json!({
        "date": market.date, "regime": report.regime, "balance": report.balance, "filter_open": report.filter_open, "reasons": report.reasons,
        "index_close": market.close, "sma50": market.sma50, "sma200": market.sma200, "vol20": market.vol20, "vix": market.vix, "vix_estimated": market.vix_estimated,
    });
    Ok(call.leave("regime", body, format!("{} on {}, balance {:+}", report.regime, market.date, report.balance)))
}

/// Counts the valid symbols above their averages, up and down on the day, and at the edge of their last 20 bars.
pub(super) fn check_breadth(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let mut counts = [0u32; 7];
    for series in valid(data, completed) {
        let Some((i, bar)) = series.index_of(completed).and_then(|i| series.bar(i).map(|bar| (i, bar))) else {
            continue;
        };
        let above = |mean: Option<f64>| mean.is_some_and(|mean| bar.close.f64() > mean);
        let moved = series.logret(i).unwrap_or(0.0);
        // The highest high comes back from comparable units and may miss the price by its last bit.
        let at = |price: f64, edge: Option<f64>| edge.is_some_and(|edge| (price / edge - 1.0).abs() < 1e-9);
        let holds = [
            true,
            above(series.sma50(i)),
            above(series.sma200(i)),
            moved > 0.0,
            moved < 0.0,
            at(bar.high.f64(), series.high20(i)),
            at(bar.low.f64(), series.low20(i)),
        ];
        counts.iter_mut().zip(holds).for_each(|(count, yes)| *count += u32::from(yes));
    }
    let [symbols, above50, above200, advancers, decliners, highs, lows] = counts;
    if symbols == 0 {
        return Err(if data.as_of < completed {
            Outcome::Unavailable(format!("bars of {completed}: the data ends on {}", data.as_of).into())
        } else {
            Outcome::NoData("no symbol has bars enough".into())
        });
    }
    let share = |n: u32| f64::from(n) / f64::from(symbols) * 100.0;
    let body = json!({
        "date": completed, "symbols": symbols, "above_sma50_pct": share(above50), "above_sma200_pct": share(above200), "advancers": advancers, "decliners": decliners,
        "new_highs_20d": highs, "new_lows_20d": lows, "net_new_highs": i64::from(highs) - i64::from(lows),
    });
    Ok(call.leave("breadth", body, format!("{above200} of {symbols} above SMA200, {advancers} up, {decliners} down")))
}

/// Measures how the valid symbols move with the index, over the returns of 60 days. Its return since the open needs a quote of the index, which nobody gives.
pub(super) fn check_spy(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let mut rows = Vec::new();
    for series in valid(data, completed) {
        let together = series
            .index_of(completed)
            .and_then(|i| Some((series.logrets(i, RETURNS)?, index_returns(&data.index, series, i)?)));
        let (rho, beta) = match &together {
            Some((own, of_index)) => (
                stats::corr(own, of_index),
                stats::cov(own, of_index).zip(stats::variance(of_index)).map(|(cov, var)| cov / var),
            ),
            None => (None, None),
        };
        rows.push(json!({ "symbol": series.symbol(), "correlation": rho, "beta": beta }));
    }
    let symbols = rows.len();
    let body = json!({
        "date": completed, "index": data.index.name(), "proxy": data.index.is_proxy(), "returns": RETURNS, "return_since_open": null,
        "return_since_open_missing": "intraday", "symbols": rows,
    });
    call.put("index_correlation", body)?;
    match symbols {
        0 if data.as_of < completed => {
            Err(Outcome::Unavailable(format!("bars of {completed}: the data ends on {}", data.as_of).into()))
        }
        0 => Err(Outcome::NoData("no symbol has bars enough".into())),
        _ => Ok(Outcome::Ok(
            format!("{symbols} symbols against {} over {RETURNS} days up to {completed}", data.index.name()).into(),
        )),
    }
}

/// Returns the log returns of the index between the same dates as the last returns of the symbol up to bar `i`; `None` where the index lacks one of them.
fn index_returns(index: &IndexSeries, series: &Series, i: usize) -> Option<Vec<f64>> {
    let bars = series.bars().get((i + 1).checked_sub(RETURNS + 1)?..=i)?;
    let (dates, closes) = (index.dates(), index.closes());
    let mut place = index.index_of(bars.first()?.date)?;
    let mut last = closes[place];
    let mut returns = Vec::with_capacity(RETURNS);
    for bar in &bars[1..] {
        while dates.get(place)? < &bar.date {
            place += 1;
        }
        if dates[place] != bar.date {
            return None;
        }
        returns.push((closes[place] / last).ln());
        last = closes[place];
    }
    Some(returns)
}
