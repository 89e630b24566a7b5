//! Fear: the VIX, published or estimated, what it means as a sentiment, and the yields beside it.

use kobe_plan::Outcome;
use kobe_quant::IndexFeatures;
use serde_json::{Value, json};

use crate::call::Call;
use crate::early::Work;
use crate::marks::no_calendar;
use crate::trading::candidate::index_on;

/// Trading days of the percentile.
const YEAR: usize = 252;

/// Returns the index on the last completed session.
///
/// # Errors
/// Unavailable, with the place where the data ends.
pub(super) fn index(call: &Call<'_>) -> Result<IndexFeatures, Outcome> {
    let (data, completed) = (call.data_set()?, call.completed()?);
    index_on(data, completed, call.desk.is_replay()).ok_or_else(|| {
        let last = data.index.index_until(completed).and_then(|i| data.index.dates().get(i));
        let ends = last.map_or_else(|| "begins later".to_owned(), |date| format!("ends on {date}"));
        Outcome::Unavailable(
            format!("a close of the index of {completed}: {} {ends}, and no provider is configured", data.index.name())
                .into(),
        )
    })
}

/// Reads the VIX of the last completed session with its percentile over a year.
pub(super) fn fetch_vix(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let published = data.vix_until(completed);
    let market = match index(call) {
        Ok(market) => market,
        Err(early) => {
            call.put("macro_vix", json!({ "date": completed, "vix": null, "last_published": published }))?;
            return Err(early);
        }
    };
    let Some(vix) = market.vix else {
        return Err(Outcome::NoData(
            format!("no VIX of {completed}: the estimate needs 22 closes of the index").into(),
        ));
    };
    // A percentile compares like with like: published values with published ones, estimates with estimates.
    let window = call.args().get("window_days").and_then(Value::as_u64).map_or(1, |n| n.clamp(1, YEAR as u64) as usize);
    let history: Vec<f64> = if market.vix_estimated {
        let end = data.index.index_of(completed).map_or(0, |i| i + 1);
        (end.saturating_sub(YEAR)..end).filter_map(|i| data.index.at(i)?.vix).collect()
    } else {
        let end = data.vix.partition_point(|row| row.date <= completed);
        data.vix[end.saturating_sub(YEAR)..end].iter().map(|row| row.close).collect()
    };
    let not_above = history.iter().filter(|x| **x <= vix).count();
    let percentile = not_above as f64 / history.len().max(1) as f64 * 100.0;
    let recent = &history[history.len().saturating_sub(window)..];
    let change = recent.first().map(|first| vix - first);
    let source = if market.vix_estimated { "estimated: 0.9 x RV21 + 2, within 10 and 80" } else { "published" };
    let body = json!({
        "date": market.date, "vix": vix, "estimated": market.vix_estimated, "source": source, "age_sessions": 0, "rv21": market.rv21, "percentile": percentile,
        "percentile_days": history.len(), "window_days": recent.len(), "window": recent, "change": change, "last_published": published,
    });
    let mark = if market.vix_estimated { " (estimated)" } else { "" };
    Ok(call.leave(
        "macro_vix",
        body,
        format!("VIX {vix:.2}{mark} on {}, percentile {percentile:.0} of {} days", market.date, history.len()),
    ))
}

/// Reads the VIX while the market is open: there is no such thing in a replay, and no feed here.
pub(super) fn check_vix(call: &Call<'_>) -> Work {
    let last = call.desk.latest("macro_vix").map_err(|e| Outcome::Error(e.to_string().into()))?;
    let body = json!({ "intraday": null, "last": last.map(|a| a.body["vix"].clone()), "crossings": [] });
    call.put("vix_events", body)?;
    Err(if call.desk.is_replay() {
        Outcome::NoData("a replay has no VIX within the day".into())
    } else {
        Outcome::Unavailable("a feed of the VIX within the day".into())
    })
}

/// Reads three yields, the slope between two of them and whether the curve is inverted.
pub(super) fn fetch_treasury(call: &Call<'_>) -> Work {
    let (data, completed) = (call.data_set()?, call.completed()?);
    let Some(row) = data.treasury_until(completed) else {
        return Err(Outcome::Unavailable("Treasury yields: the data has none up to this date".into()));
    };
    let age = call.desk.market().exchange().sessions_between(row.date, completed).map_err(no_calendar)?;
    // Yields are published in hundredths; the difference of two carries no more.
    let slope = row.slope_pct().map(|x| (x * 100.0).round() / 100.0);
    let body = json!({
        "date": row.date, "m3_pct": row.m3_pct, "y2_pct": row.y2_pct, "y10_pct": row.y10_pct, "slope_pct": slope, "inverted": slope.map(|x| x < 0.0), "age_sessions": age,
    });
    call.put("macro_treasury", body)?;
    if age > 5 {
        return Err(Outcome::Unavailable(
            format!("Treasury yields: the data ends on {}, {age} sessions ago", row.date).into(),
        ));
    }
    let told = slope.map_or_else(
        || "no slope".to_owned(),
        |x| format!("10Y-2Y {x:+.2}{}", if x < 0.0 { ", inverted" } else { "" }),
    );
    Ok(Outcome::Ok(format!("{}: {told}", row.date).into()))
}

/// Maps the VIX to a score of fear (0) and greed (100); no outside score is read, and the record says so.
pub(super) fn fetch_fear_greed(call: &Call<'_>) -> Work {
    let market = index(call)?;
    let Some(vix) = market.vix else {
        return Err(Outcome::NoData("no VIX to map".into()));
    };
    let score = match vix {
        x if x < 12.0 => 85,
        x if x < 17.0 => 70,
        x if x < 25.0 => 50,
        x if x < 35.0 => 30,
        _ => 15,
    };
    let body = json!({ "date": market.date, "score": score, "method": "mapped_from_vix", "vix": vix, "vix_estimated": market.vix_estimated, "external": null });
    Ok(call.leave("sentiment", body, format!("{score}, mapped from VIX {vix:.2}")))
}
