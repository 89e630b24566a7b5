//! Figures: how good the run was, beside the index and beside doing nothing.
//!
//! Every ratio is computed from daily closes or closed trades by [`kobe_quant::stats`]; what too few values cannot tell is `None`. Start at [`figures`].

use jiff::civil::Date;
use kobe_quant::stats;
use kobe_trade::money::Decimal;
use serde::Serialize;

use super::story::{Point, Story, TradeRow, float};
use super::{Lived, json};

/// Fewer closed trades than this say nothing firm.
pub(super) const ENOUGH_TRADES: usize = 30;
/// Below this many days a yearly rate is arithmetic and not a measurement.
const YEAR_DAYS: i32 = 360;
const DAYS_OF_YEAR: f64 = 365.25;
/// Fewer daily returns than this have no volatility worth a figure.
const ENOUGH_RETURNS: usize = 30;
/// The two-sided 95 % quantile of the normal distribution.
const Z95: f64 = 1.96;
/// A yield this many days old still counts.
const YIELD_DAYS: i32 = 10;

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Sessions that were closed.
    pub sessions: usize,
    /// Calendar days from the first to the last.
    pub calendar_days: i32,
    /// Equity at the start.
    #[serde(serialize_with = "json::decimal")]
    pub equity_start: Decimal,
    /// Equity at the last close.
    #[serde(serialize_with = "json::decimal")]
    pub equity_end: Decimal,
    /// What was won or lost.
    #[serde(serialize_with = "json::decimal")]
    pub gain: Decimal,
    /// The same as a share.
    pub total_return: Option<f64>,
    /// Yearly rate; none under a year.
    pub cagr: Option<f64>,
    /// Largest fall from a peak, as a share of it.
    pub max_drawdown: f64,
    /// Day of that peak, and of the lowest point after it.
    pub max_drawdown_days: Option<(Date, Date)>,
    /// Yearly volatility of daily returns.
    pub volatility: Option<f64>,
    /// Sharpe ratio of daily returns, no riskless rate taken off.
    pub sharpe: Option<f64>,
    /// The same with the yield of Treasury bills taken off each day.
    pub sharpe_over_bills: Option<f64>,
    /// Whether there are trades enough for either to mean something.
    pub enough_trades: bool,
    /// Worst day and what it lost.
    #[serde(serialize_with = "json::dated")]
    pub worst_day: Option<(Date, Decimal)>,
    /// Closed trades.
    pub trades: usize,
    /// Those that won.
    pub winners: usize,
    /// Those that lost.
    pub losers: usize,
    /// Share of winners.
    pub win_rate: Option<f64>,
    /// Its 95 % interval (Wilson).
    pub win_rate_95: Option<(f64, f64)>,
    /// Dollars won over dollars lost.
    pub profit_factor: Option<f64>,
    /// Mean dollars of a winner.
    pub average_win: Option<f64>,
    /// Mean dollars of a loser.
    pub average_loss: Option<f64>,
    /// Mean dollars of a trade.
    pub average_trade: Option<f64>,
    /// Its 95 % interval (normal approximation).
    pub average_trade_95: Option<(f64, f64)>,
    /// Mean result in multiples of the planned risk.
    pub average_r: Option<f64>,
    /// Mean sessions held.
    pub average_held: Option<f64>,
    /// Mean share of equity in positions at the close.
    pub exposure: Option<f64>,
    /// Share of closes with a position.
    pub days_exposed: Option<f64>,
    /// Mean share of equity in cash at the close.
    pub idle: Option<f64>,
    /// Fees of all sales.
    #[serde(serialize_with = "json::decimal")]
    pub fees: Decimal,
    /// Dividends of closed trades.
    #[serde(serialize_with = "json::decimal")]
    pub dividends: Decimal,
    /// Dollars bought, closed trades.
    #[serde(serialize_with = "json::decimal")]
    pub bought: Decimal,
    /// The index over the same time.
    pub index: Option<Benchmark>,
    /// Treasury bills over the same time.
    pub bills: Option<Bills>,
}

/// An index that was only looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// Whether it is the equal-weight stand-in for a published index.
    pub proxy: bool,
    /// Day of its first close, the one before the run where there is one.
    pub since: Date,
    /// Its first close.
    pub start: f64,
    /// Its last close.
    pub end: f64,
    /// Its change, without dividends.
    pub total_return: f64,
    /// Yearly rate; none under a year.
    pub cagr: Option<f64>,
    /// Largest fall from a peak, as a share of it.
    pub max_drawdown: f64,
    /// Yearly volatility of daily returns.
    pub volatility: Option<f64>,
    /// Sharpe ratio of daily returns, no riskless rate taken off.
    pub sharpe: Option<f64>,
}

/// Three-month Treasury bills, rolled daily at their published yield.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bills {
    /// Mean yield.
    pub mean_yield: f64,
    /// What a dollar in them would have earned.
    pub total_return: f64,
    /// Yearly rate; none under a year.
    pub cagr: Option<f64>,
    /// Dollars that the idle cash would have earned in them.
    pub on_idle_cash: f64,
}

/// One calendar year of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Year {
    /// The year.
    pub year: i16,
    /// Sessions of it in the run.
    pub sessions: usize,
    /// Trades that were entered in it, still open ones included.
    pub entries: usize,
    /// Trades that were closed in it.
    pub closed: usize,
    /// Those of `closed` that won.
    pub wins: usize,
    /// Results of `closed`.
    #[serde(serialize_with = "json::decimal")]
    pub pnl: Decimal,
    /// Change of equity, open positions included.
    #[serde(serialize_with = "json::decimal")]
    pub gain: Decimal,
    /// The same as a share of equity at its start.
    #[serde(serialize_with = "json::share")]
    pub total_return: f64,
    /// Largest fall from a peak of the same year.
    #[serde(serialize_with = "json::share")]
    pub max_drawdown: f64,
    /// Change of the index.
    pub index: Option<f64>,
}

/// Computes the figures of a run.
pub(super) fn figures(lived: &Lived<'_>, story: &Story<'_>) -> Figures {
    let curve = &story.curve;
    let equity_end = curve.last().map_or(story.start, |point| point.equity);
    let calendar_days = (lived.to - lived.from).get_days() + 1;
    let years = (calendar_days >= YEAR_DAYS).then(|| f64::from(calendar_days) / DAYS_OF_YEAR);
    let start = float(story.start);
    let equity: Vec<f64> = std::iter::once(start).chain(curve.iter().map(|point| float(point.equity))).collect();
    let total_return = (start > 0.0).then(|| float(equity_end) / start - 1.0);
    let fall = stats::max_drawdown(&equity).filter(|fall| fall.depth > 0.0);
    let day_of = |at: usize| curve.get(at.saturating_sub(1)).map(|point| point.date);
    let returns = if start > 0.0 { stats::returns(&equity) } else { Vec::new() };
    let yields = yields(lived, curve);
    let over_bills = yields.as_ref().map(|daily| returns.iter().zip(daily).map(|(r, y)| r - y).collect::<Vec<f64>>());
    let moves = std::iter::once(story.start).chain(curve.iter().map(|point| point.equity)).zip(curve);
    let pnl: Vec<f64> = story.trades.iter().map(|trade| float(trade.pnl)).collect();
    let (won, lost): (Vec<f64>, Vec<f64>) =
        (pnl.iter().copied().filter(|x| *x > 0.0).collect(), pnl.iter().copied().filter(|x| *x < 0.0).collect());
    let mean = |x: &[f64]| (!x.is_empty()).then(|| stats::mean(x));
    let spread = stats::std(&pnl).map(|std| Z95 * std / (pnl.len() as f64).sqrt());
    let r: Vec<f64> = story.trades.iter().filter_map(|trade| trade.r).collect();
    let held: Vec<f64> = story.trades.iter().map(|trade| f64::from(trade.held)).collect();
    let idle: Vec<f64> =
        curve.iter().filter(|p| !p.equity.is_zero()).map(|p| float(p.cash) / float(p.equity)).collect();
    let tidy = |x: Option<f64>| x.map(json::tidy);
    let pair = |x: Option<(f64, f64)>| x.map(|(low, high)| (json::tidy(low), json::tidy(high)));
    Figures {
        sessions: curve.len(),
        calendar_days,
        equity_start: story.start,
        equity_end,
        gain: equity_end - story.start,
        total_return: tidy(total_return),
        cagr: tidy(total_return.and_then(|total| yearly(total, years))),
        max_drawdown: json::tidy(fall.map_or(0.0, |fall| fall.depth)),
        max_drawdown_days: fall.and_then(|fall| Some((day_of(fall.peak)?, day_of(fall.trough)?))),
        volatility: tidy(volatility(&returns)),
        sharpe: tidy(sharpe(&returns)),
        sharpe_over_bills: tidy(over_bills.filter(|_| !pnl.is_empty()).and_then(|returns| sharpe(&returns))),
        enough_trades: pnl.len() >= ENOUGH_TRADES,
        worst_day: moves
            .map(|(before, point)| (point.date, point.equity - before))
            .filter(|(_, change)| change.is_sign_negative() && !change.is_zero())
            .min_by_key(|(_, change)| *change),
        trades: pnl.len(),
        winners: won.len(),
        losers: lost.len(),
        win_rate: tidy((!pnl.is_empty()).then(|| won.len() as f64 / pnl.len() as f64)),
        win_rate_95: pair(stats::wilson95(won.len() as u64, pnl.len() as u64)),
        profit_factor: tidy(stats::profit_factor(&pnl)),
        average_win: tidy(mean(&won)),
        average_loss: tidy(mean(&lost)),
        average_trade: tidy(mean(&pnl)),
        average_trade_95: pair(mean(&pnl).zip(spread).map(|(mean, spread)| (mean - spread, mean + spread))),
        average_r: tidy(mean(&r)),
        average_held: tidy(mean(&held)),
        exposure: tidy(mean(&idle).map(|idle| 1.0 - idle)),
        days_exposed: tidy(
            (!curve.is_empty()).then(|| curve.iter().filter(|p| p.positions > 0).count() as f64 / curve.len() as f64),
        ),
        idle: tidy(mean(&idle)),
        fees: story.fees,
        dividends: story.trades.iter().map(|trade| trade.dividends).sum(),
        bought: story.trades.iter().map(|trade| trade.entry * Decimal::from(trade.qty)).sum(),
        index: benchmark(lived, story, years),
        bills: bills(yields.as_deref(), story, years),
    }
}

/// Cuts the run into calendar years.
pub(super) fn years(figures: &Figures, story: &Story<'_>) -> Vec<Year> {
    let mut rows: Vec<Year> = Vec::new();
    let (mut before, mut index_before) = (figures.equity_start, story.index_start.map(|(_, close)| close));
    for points in story.curve.chunk_by(|a, b| a.date.year() == b.date.year()) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        let year = first.date.year();
        let closed: Vec<&TradeRow> = story.trades.iter().filter(|trade| trade.exited.year() == year).collect();
        let entered = |dates: &mut dyn Iterator<Item = Date>| dates.filter(|date| date.year() == year).count();
        let equity: Vec<f64> = std::iter::once(before).chain(points.iter().map(|p| p.equity)).map(float).collect();
        let index_last = points.iter().rev().find_map(|point| point.index);
        rows.push(Year {
            year,
            sessions: points.len(),
            entries: entered(&mut story.trades.iter().map(|t| t.entered))
                + entered(&mut story.open.iter().map(|o| o.entered)),
            closed: closed.len(),
            wins: closed.iter().filter(|trade| trade.pnl > Decimal::ZERO).count(),
            pnl: closed.iter().map(|trade| trade.pnl).sum(),
            gain: last.equity - before,
            total_return: if before.is_zero() { 0.0 } else { json::tidy(float(last.equity) / float(before) - 1.0) },
            max_drawdown: json::tidy(stats::max_drawdown(&equity).map_or(0.0, |fall| fall.depth)),
            index: index_before.zip(index_last).map(|(before, last)| json::tidy(last / before - 1.0)),
        });
        before = last.equity;
        index_before = index_last.or(index_before);
    }
    rows
}

fn yearly(total: f64, years: Option<f64>) -> Option<f64> {
    years.filter(|_| total > -1.0).map(|years| (1.0 + total).powf(1.0 / years) - 1.0)
}

fn volatility(returns: &[f64]) -> Option<f64> {
    let enough = returns.len() >= ENOUGH_RETURNS;
    stats::std(returns).filter(|_| enough).map(|std| std * kobe_quant::DAYS_PER_YEAR.sqrt())
}

fn sharpe(returns: &[f64]) -> Option<f64> {
    let enough = returns.len() >= ENOUGH_RETURNS;
    stats::sharpe(returns).filter(|_| enough)
}

fn benchmark(lived: &Lived<'_>, story: &Story<'_>, years: Option<f64>) -> Option<Benchmark> {
    let (since, start) = story.index_start?;
    let closes: Vec<f64> = std::iter::once(start).chain(story.curve.iter().filter_map(|point| point.index)).collect();
    let end = *closes.last()?;
    let returns = stats::returns(&closes);
    let total_return = end / start - 1.0;
    Some(Benchmark {
        name: lived.data.index.name().to_owned(),
        proxy: lived.data.index.is_proxy(),
        since,
        start,
        end,
        total_return: json::tidy(total_return),
        cagr: yearly(total_return, years).map(json::tidy),
        max_drawdown: json::tidy(stats::max_drawdown(&closes).map_or(0.0, |fall| fall.depth)),
        volatility: volatility(&returns).map(json::tidy),
        sharpe: sharpe(&returns).map(json::tidy),
    })
}

/// Returns what a bill earned from the close before to each close, as a share; `None` where a yield is missing.
fn yields(lived: &Lived<'_>, curve: &[Point]) -> Option<Vec<f64>> {
    let mut before = curve.first()?.date.yesterday().ok()?;
    curve
        .iter()
        .map(|point| {
            let rows = &lived.data.treasury[..lived.data.treasury.partition_point(|row| row.date <= before)];
            let near = rows.iter().rev().take_while(|row| (before - row.date).get_days() <= YIELD_DAYS);
            let percent = near.filter_map(|row| row.m3_pct).next()?;
            let days = (point.date - before).get_days();
            before = point.date;
            Some(percent / 100.0 * f64::from(days) / 365.0)
        })
        .collect()
}

fn bills(yields: Option<&[f64]>, story: &Story<'_>, years: Option<f64>) -> Option<Bills> {
    let yields = yields.filter(|yields| !yields.is_empty())?;
    let total_return = yields.iter().fold(1.0, |sum, y| sum * (1.0 + y)) - 1.0;
    let first = story.curve.first()?.date;
    let days = (story.curve.last()?.date - first).get_days() + 1;
    let cash = std::iter::once(story.start).chain(story.curve.iter().map(|point| point.cash));
    Some(Bills {
        mean_yield: json::tidy(yields.iter().sum::<f64>() / f64::from(days) * 365.0),
        total_return: json::tidy(total_return),
        cagr: yearly(total_return, years).map(json::tidy),
        on_idle_cash: json::tidy(cash.zip(yields).map(|(cash, y)| float(cash) * y).sum()),
    })
}
