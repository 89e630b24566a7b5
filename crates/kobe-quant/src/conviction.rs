//! Conviction: six parts, 100 points, what the bars say for a setup.
//!
//! [`Evidence`] gathers the figures of the bar, [`conviction`] turns them into points by tables that stand below as written in the desk's rules. Every
//! part is kept, so that a report can show where the points came from. A figure that is not known earns the least that its table gives.

use serde::{Deserialize, Serialize};

use crate::index::IndexFeatures;
use crate::series::Series;
use crate::setups::Setup;

/// The figures that conviction looks at, each as of one completed bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// RSI(2), simple mean.
    pub rsi2: f64,
    /// Close above SMA200, percent.
    pub above_sma200_pct: f64,
    /// Close below SMA20, in ATR.
    pub below_sma20_atr: f64,
    /// Volume over its 20-day mean; `None` when nothing was traded.
    pub volume_ratio: Option<f64>,
    /// Mean volume of five bars over that of the five before; `None` when nothing was traded.
    pub volume_trend: Option<f64>,
    /// Index above its SMA50, percent; `None` while unknown.
    pub index_above_sma50_pct: Option<f64>,
    /// VIX, real or estimated; `None` while unknown.
    pub vix: Option<f64>,
    /// Internal bar strength.
    pub ibs: f64,
    /// Down closes in a row.
    pub down_streak: u32,
    /// Nominal reward over risk.
    pub rr: f64,
    /// Stop distance as a share of the close, percent.
    pub stop_pct: f64,
    /// Close below the highest high of 20 bars, percent of that high.
    pub below_high20_pct: f64,
    /// Close above the lowest low of 20 bars, percent of that low.
    pub above_low20_pct: f64,
}

impl Evidence {
    /// Gathers the evidence for `setup` on bar `i`; `None` while an indicator of the symbol is still warming up.
    pub fn gather(series: &Series, i: usize, setup: &Setup, market: &IndexFeatures) -> Option<Evidence> {
        let (ibs, rsi2) = (series.ibs(i)?, series.rsi2(i)?);
        let scale = series.scale(i)?;
        // All of these are ratios of values of one bar, so comparable units serve as well as dollars.
        let own = series.comparable();
        let (close, sma200, atr) = (own.close[i], own.sma200[i], own.atr14[i]);
        if [sma200, atr, own.sma20[i], own.high20[i], own.low20[i]].iter().any(|x| x.is_nan()) {
            return None;
        }
        Some(Evidence {
            rsi2,
            above_sma200_pct: (close / sma200 - 1.0) * 100.0,
            below_sma20_atr: (own.sma20[i] - close) / atr,
            volume_ratio: series.volume_ratio(i),
            volume_trend: series.volume_trend(i),
            index_above_sma50_pct: market.sma50.map(|sma50| (market.close / sma50 - 1.0) * 100.0),
            vix: market.vix,
            ibs,
            down_streak: series.down_streak(i),
            rr: setup.rr,
            stop_pct: setup.risk_dollars * scale / close * 100.0,
            below_high20_pct: (1.0 - close / own.high20[i]) * 100.0,
            above_low20_pct: (close / own.low20[i] - 1.0) * 100.0,
        })
    }
}

/// Points by part; at most 25, 15, 15, 15, 15 and 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conviction {
    /// RSI(2), distance above SMA200, distance below SMA20.
    pub technical: u32,
    /// Volume against its mean, and its trend.
    pub volume: u32,
    /// The index above SMA50, and the VIX.
    pub market: u32,
    /// Internal bar strength and down days.
    pub reversion: u32,
    /// Reward over risk and the stop's distance.
    pub reward: u32,
    /// Distance from the 20-day high and low.
    pub timing: u32,
    /// The sum, 0 to 100.
    pub total: u32,
}

impl Conviction {
    /// Returns the confidence, 0 to 1: conviction / 100 while no model stands beside it.
    pub fn confidence(&self) -> f64 {
        f64::from(self.total) / 100.0
    }
}

/// Counts the points of `evidence`.
pub fn conviction(evidence: &Evidence) -> Conviction {
    let e = evidence;
    let technical = at_most(e.rsi2, &[(2.0, 10), (5.0, 8), (10.0, 6), (15.0, 4), (20.0, 2)], 0)
        + above(e.above_sma200_pct, &[(10.0, 8), (5.0, 6), (2.0, 4), (0.0, 2)], 0)
        + above(e.below_sma20_atr, &[(2.0, 7), (1.5, 5), (1.0, 3), (0.5, 1)], 0);
    let volume = e.volume_ratio.map_or(1, |x| above(x, &[(3.0, 10), (2.0, 8), (1.5, 5), (1.0, 3)], 1))
        + e.volume_trend.map_or(0, |x| above(x, &[(1.2, 5), (1.0, 3)], 0));
    let market =
        e.index_above_sma50_pct.map_or(1, |x| above(x, &[(5.0, 7), (2.0, 5), (0.0, 3)], 1)) + vix_points(e.vix);
    let reversion = at_most(e.ibs, &[(0.1, 8), (0.2, 6), (0.3, 4), (0.4, 2)], 0)
        + match e.down_streak {
            0 => 0,
            1 => 1,
            2 => 3,
            3 => 5,
            _ => 7,
        };
    let reward = at_least(e.rr, &[(3.0, 10), (2.5, 8), (2.0, 6), (1.5, 4), (1.0, 2)], 0) + stop_points(e.stop_pct);
    let timing = above(e.below_high20_pct, &[(10.0, 8), (5.0, 6), (2.0, 4)], 2)
        + below(e.above_low20_pct, &[(2.0, 7), (5.0, 5), (10.0, 3)], 1);
    let total = technical + volume + market + reversion + reward + timing;
    Conviction { technical, volume, market, reversion, reward, timing, total }
}

/// 15 to 25 is the fear that a bounce likes best.
fn vix_points(vix: Option<f64>) -> u32 {
    match vix {
        Some(x) if (15.0..=25.0).contains(&x) => 8,
        Some(x) if (12.0..15.0).contains(&x) => 6,
        Some(x) if x > 25.0 && x <= 35.0 => 5,
        Some(x) if x > 35.0 => 3,
        _ => 4,
    }
}

fn stop_points(pct: f64) -> u32 {
    match pct {
        x if (1.0..=3.0).contains(&x) => 5,
        x if (0.5..1.0).contains(&x) || (x > 3.0 && x <= 5.0) => 3,
        _ => 1,
    }
}

fn first(table: &[(f64, u32)], otherwise: u32, hit: impl Fn(f64) -> bool) -> u32 {
    table.iter().find(|(limit, _)| hit(*limit)).map_or(otherwise, |(_, points)| *points)
}

fn above(x: f64, table: &[(f64, u32)], otherwise: u32) -> u32 {
    first(table, otherwise, |limit| x > limit)
}

fn at_least(x: f64, table: &[(f64, u32)], otherwise: u32) -> u32 {
    first(table, otherwise, |limit| x >= limit)
}

fn below(x: f64, table: &[(f64, u32)], otherwise: u32) -> u32 {
    first(table, otherwise, |limit| x < limit)
}

fn at_most(x: f64, table: &[(f64, u32)], otherwise: u32) -> u32 {
    first(table, otherwise, |limit| x <= limit)
}
