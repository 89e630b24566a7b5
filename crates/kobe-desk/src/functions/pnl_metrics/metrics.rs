//! Metrics: how good the trades and the equity curve are, and how little a few of them prove.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kobe_plan::Outcome;
use kobe_quant::{regime, stats};
use kobe_trade::book::{Book, CURVE_TAIL, Trade};
use kobe_trade::money::{self, Decimal};
use serde_json::{Value, json};

use super::figures::{SUFFICIENT, Tally, bootstrap, float, mean, median, r_multiple, results};
use crate::call::Call;
use crate::data::DataSet;
use crate::early::Work;
use crate::marks::{Period, closed_since, percent};
use crate::trading::candidate::index_on;

/// Trades of the rolling figures, beside all of them.
const ROLLING: [usize; 2] = [20, 50];

/// Returns what an earlier run left under a name if the same trades stood behind it and the same build made it.
fn unchanged(call: &Call<'_>, name: &str, trades: usize) -> Result<Option<Value>, Outcome> {
    let found = call.desk.latest(name).map_err(|e| Outcome::Error(e.to_string().into()))?;
    Ok(found.map(|a| a.body).filter(|body| body["trades"] == trades && body["build"] == call.desk.build()))
}

fn no_trades(trades: &[Trade]) -> Result<(), Outcome> {
    if trades.is_empty() { Err(Outcome::NoData("no trade has closed yet".into())) } else { Ok(()) }
}

fn scarce(trades: usize) -> &'static str {
    if trades < SUFFICIENT { ", insufficient" } else { "" }
}

/// Counts wins, losses and scratches of the period and of all trades, with the Wilson interval of the rate.
pub(super) fn calc_win_loss(call: &Call<'_>) -> Work {
    let period = call.period()?;
    let book = call.desk.book();
    let (of_period, all) = (Tally::of(closed_since(book.trades(), period.first(call.date))), Tally::of(book.trades()));
    call.put("metrics_win_loss", json!({ "period": period.word(), "of_period": of_period.json(), "all": all.json() }))?;
    no_trades(book.trades())?;
    let (wins, losses) = (of_period.wins, of_period.losses);
    Ok(Outcome::Ok(
        format!(
            "{}: {wins} won, {losses} lost; all: {} of {} won{}",
            period.word(),
            all.wins,
            all.trades,
            scarce(book.trades().len())
        )
        .into(),
    ))
}

/// Computes mean and median win and loss, payoff, R and sessions held.
pub(super) fn calc_avg(call: &Call<'_>) -> Work {
    const NAME: &str = "metrics_average";
    let book = call.desk.book();
    let trades = book.trades();
    no_trades(trades)?;
    let body = match unchanged(call, NAME, trades.len())? {
        Some(body) => body,
        None => averages(trades, call.desk.build()),
    };
    let note =
        format!("mean win {}, mean loss {}{}", text(&body["mean_win"]), text(&body["mean_loss"]), scarce(trades.len()));
    Ok(call.leave(NAME, body, note))
}

fn averages(trades: &[Trade], build: &str) -> Value {
    let side = |keep: fn(&Decimal) -> bool| trades.iter().map(|t| t.pnl).filter(keep).collect::<Vec<_>>();
    let (wins, losses) = (side(|x| *x > Decimal::ZERO), side(|x| *x < Decimal::ZERO));
    let (win, loss) = (mean(&wins), mean(&losses));
    let rs: Vec<Decimal> = trades.iter().filter_map(r_multiple).collect();
    let held: Vec<Decimal> = trades.iter().map(|t| Decimal::from(t.held)).collect();
    let round = |x: Option<Decimal>, places| x.map(|x| money::round(x, places));
    json!({
        "trades": trades.len(), "build": build, "mean_win": round(win, 2), "median_win": round(median(wins), 2), "mean_loss": round(loss, 2),
        "median_loss": round(median(losses), 2), "payoff": win.zip(loss).and_then(|(w, l)| money::ratio(w, -l)).map(|x| money::round(x, 4)),
        "mean_r": round(mean(&rs), 4), "median_r": round(median(rs), 4), "mean_sessions_held": round(mean(&held), 2), "median_sessions_held": round(median(held), 1),
        "insufficient": trades.len() < SUFFICIENT,
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}

/// Computes the full set: rates, expectancy, exposure, turnover, and seeded bootstrap intervals where there are trades enough.
pub(super) fn calc_metrics(call: &Call<'_>) -> Work {
    const NAME: &str = "metrics";
    let book = call.desk.book();
    let trades = book.trades();
    no_trades(trades)?;
    let all = Tally::of(trades);
    // The resamples are the dear part, and change with the trades only.
    let intervals = match unchanged(call, NAME, trades.len())? {
        Some(body) => body["bootstrap_95"].clone(),
        None => bootstrap(&results(trades)).map_or(Value::Null, |found| found.json()),
    };
    let rs: Vec<Decimal> = trades.iter().filter_map(r_multiple).collect();
    let mut body = all.json();
    body["build"] = json!(call.desk.build());
    body["expectancy_r"] = json!(mean(&rs).map(|r| money::round(r, 4)));
    body["bootstrap_95"] = intervals;
    body["exposure"] = exposure(&book);
    body["max_drawdown_pct"] = json!(money::round(book.max_drawdown() * Decimal::ONE_HUNDRED, 4));
    let net = all.net();
    Ok(call.leave(
        NAME,
        body,
        format!(
            "{} trades, {net:+}, expectancy {}{}",
            all.trades,
            text(&json!(all.expectancy())),
            scarce(trades.len())
        ),
    ))
}

/// How much of the account was at work, over the closes at hand.
fn exposure(book: &Book) -> Value {
    let curve = book.curve();
    let (Some(first), days) = (curve.first(), curve.len()) else { return Value::Null };
    let invested = curve.iter().filter(|row| row.positions > 0).count();
    let equity = mean(&curve.iter().map(|row| row.equity).collect::<Vec<_>>()).unwrap_or_default();
    let open = mean(&curve.iter().map(|row| row.equity - row.cash).collect::<Vec<_>>()).unwrap_or_default();
    let bought: Decimal = closed_since(book.trades(), first.date)
        .iter()
        .filter(|t| t.entered >= first.date)
        .map(|t| money::count(t.qty) * t.entry)
        .chain(book.positions().filter(|p| p.entered >= first.date).map(|p| p.cost))
        .sum();
    let a_year = money::ratio(bought * Decimal::from(252), Decimal::from(days as u64)).unwrap_or_default();
    json!({
        "from": first.date, "sessions": days, "sessions_with_positions_pct": percent(Decimal::from(invested as u64), Decimal::from(days as u64)),
        "mean_invested_pct": percent(open, equity), "turnover_a_year": money::ratio(a_year, equity).map(|x| money::round(x, 4)),
    })
}

/// Daily returns of the closes at hand, with the dates between which they lie.
fn daily_returns(book: &Book) -> Option<(Vec<f64>, Date, Date)> {
    let curve = book.curve();
    let (first, last) = (curve.first()?, curve.last()?);
    // While no close was dropped yet, the first return counts from the opening cash.
    let opening = (curve.len() < CURVE_TAIL).then(|| book.opening());
    let equity: Vec<f64> = opening.into_iter().chain(curve.iter().map(|row| row.equity)).map(float).collect();
    Some((stats::returns(&equity), first.date, last.date))
}

/// Updates the Sharpe ratio, or the Sortino ratio where the row asks for it, from the daily equity of the last year.
pub(super) fn update_sharpe(call: &Call<'_>) -> Work {
    let name = call.text_arg("ratio").unwrap_or("sharpe");
    let ratio = match name {
        "sharpe" => stats::sharpe,
        "sortino" => stats::sortino,
        _ => return Err(Outcome::NotBuilt),
    };
    let book = call.desk.book();
    let Some((returns, from, to)) = daily_returns(&book) else {
        return Err(Outcome::NoData("no session is closed yet".into()));
    };
    let (value, trades) = (ratio(&returns), book.trades().len());
    let body = json!({
        "ratio": name, "value": value, "returns": returns.len(), "from": from, "to": to, "annualised_by": 252, "trades": trades,
        "insufficient": trades < SUFFICIENT || returns.len() < SUFFICIENT,
    });
    call.put(&format!("metrics_{name}"), body)?;
    match value {
        Some(value) => Ok(Outcome::Ok(
            format!("{name} {value:.2} over {} days{}", returns.len(), scarce(trades.min(returns.len()))).into(),
        )),
        None => Err(Outcome::NoData(format!("{} returns without spread have no {name} ratio", returns.len()).into())),
    }
}

/// The last `n` trades, or all.
fn last(trades: &[Trade], n: usize) -> &[Trade] {
    &trades[trades.len().saturating_sub(n)..]
}

/// Updates the profit factor, rolling and over all trades; null where nothing was lost.
pub(super) fn update_pf(call: &Call<'_>) -> Work {
    const NAME: &str = "metrics_profit_factor";
    let book = call.desk.book();
    let trades = book.trades();
    no_trades(trades)?;
    let body = match unchanged(call, NAME, trades.len())? {
        Some(body) => body,
        None => {
            let pf = |n| json!(Tally::of(last(trades, n)).profit_factor());
            json!({
                "trades": trades.len(), "build": call.desk.build(), "last_20": pf(ROLLING[0]), "last_50": pf(ROLLING[1]), "all": pf(trades.len()),
                "insufficient": trades.len() < SUFFICIENT,
            })
        }
    };
    let note = format!("profit factor {} over {} trades{}", text(&body["all"]), trades.len(), scarce(trades.len()));
    Ok(call.leave(NAME, body, note))
}

/// Updates the win rate, rolling and by strategy and by the regime on the bar of the entry.
pub(super) fn update_wr(call: &Call<'_>) -> Work {
    const NAME: &str = "metrics_win_rate";
    let book = call.desk.book();
    let trades = book.trades();
    no_trades(trades)?;
    let all = Tally::of(trades);
    let body = match unchanged(call, NAME, trades.len())? {
        Some(body) => body,
        None => {
            let data = call.data_set()?;
            let rate = |n| {
                let tally = Tally::of(last(trades, n));
                json!({ "trades": tally.trades, "win_rate": tally.win_rate(), "wilson_95": stats::wilson95(tally.wins, tally.trades) })
            };
            json!({
                "trades": trades.len(), "build": call.desk.build(), "last_20": rate(ROLLING[0]), "last_50": rate(ROLLING[1]), "all": rate(trades.len()),
                "by_strategy": grouped(trades, |t| t.strategy.name().to_owned()), "by_regime": grouped(trades, |t| regime_at(call, data, t)),
                "insufficient": trades.len() < SUFFICIENT,
            })
        }
    };
    Ok(call.leave(NAME, body, format!("{} of {} trades won{}", all.wins, all.trades, scarce(trades.len()))))
}

/// The regime on the last completed bar before the entry.
fn regime_at(call: &Call<'_>, data: &DataSet, trade: &Trade) -> String {
    let bar = call.desk.market().exchange().previous_session_date(trade.entered).ok();
    let market = bar.and_then(|bar| index_on(data, bar, call.desk.is_replay()));
    market
        .and_then(|m| regime::detect_regime(&m))
        .map_or_else(|| "unknown".to_owned(), |report| report.regime.to_string())
}

fn grouped(trades: &[Trade], key: impl Fn(&Trade) -> String) -> Value {
    let mut groups: BTreeMap<String, Vec<&Trade>> = BTreeMap::new();
    for trade in trades {
        groups.entry(key(trade)).or_default().push(trade);
    }
    let row = |members: Vec<&Trade>| {
        let tally = Tally::of(members);
        json!({ "trades": tally.trades, "win_rate": tally.win_rate(), "wilson_95": stats::wilson95(tally.wins, tally.trades) })
    };
    groups.into_iter().map(|(name, members)| (name, row(members))).collect::<serde_json::Map<_, _>>().into()
}

/// Updates the fall from the highest close, now and at its worst, and the time under water. The week's limit is kept by the settlement of each close, which trips.
pub(super) fn update_dd(call: &Call<'_>) -> Work {
    const NAME: &str = "metrics_drawdown";
    let book = call.desk.book();
    let Some(close) = book.curve().last() else {
        return Err(Outcome::NoData("no session is closed yet".into()));
    };
    // The books keep a year of closes; the highest one may be older, so it is carried from run to run.
    let before = call.desk.latest(NAME).map_err(|e| Outcome::Error(e.to_string().into()))?;
    let carried = before.as_ref().and_then(|a| {
        let decimal = |v: &Value| v.as_str()?.parse::<Decimal>().ok();
        let date = |v: &Value| v.as_str()?.parse::<Date>().ok();
        Some((decimal(&a.body["peak"])?, date(&a.body["peak_date"]), date(&a.body["date"])?))
    });
    let (mut peak, mut peak_date, seen) = carried.unwrap_or((book.opening(), None, Date::MIN));
    for row in &book.curve()[book.curve().partition_point(|row| row.date <= seen)..] {
        if row.equity > peak {
            (peak, peak_date) = (row.equity, Some(row.date));
        }
    }
    let under_water = match peak_date {
        _ if close.equity >= peak => 0,
        Some(date) => call.desk.market().exchange().sessions_between(date, close.date).unwrap_or(0),
        None => book.curve().len(),
    };
    let fall = percent(peak - close.equity, peak);
    let week = call.since(&book, Period::Week).equity;
    let worst = money::round(book.max_drawdown() * Decimal::ONE_HUNDRED, 4);
    let body = json!({
        "date": close.date, "equity": close.equity, "peak": peak, "peak_date": peak_date, "drawdown_pct": fall, "max_drawdown_pct": worst,
        "sessions_under_water": under_water, "week_change_pct": percent(close.equity - week, week), "week_limit_pct": "-10",
    });
    let now = fall.map_or_else(|| "no fall".to_owned(), |fall| format!("{fall} % below the peak"));
    Ok(call.leave(NAME, body, format!("{now}, at worst {worst} %")))
}
