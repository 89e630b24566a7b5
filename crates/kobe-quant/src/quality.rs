//! Quality: the score from 0 to 100 that the gate compares with 70, its parts kept for the report.
//!
//! Four parts of five are there (the models' 25 points are absent until models exist, so the sum of 75 is scaled up to 100), less what correlation,
//! weekday and volatility cost. Start at [`quality`].

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use crate::conviction::Conviction;
use crate::index::IndexFeatures;
use crate::series::Series;
use crate::setups::{Setup, Strategy};
use crate::stats;

/// Returns that the correlation is taken over.
const CORRELATION_DAYS: usize = 60;
/// 60-day dollar volume that earns all liquidity points...
const FULL_ADV: f64 = 20e6;
/// ... and the one that earns half of them.
const HALF_ADV: f64 = 5e6;

/// A symbol held before the scan, at its bar of the same date as the candidate's.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// The symbol's series.
    pub series: &'a Series,
    /// The bar's place in it.
    pub at: usize,
}

/// The quality score and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// 0.30 x conviction, at most 30.
    pub conviction_part: f64,
    /// 15 x min(setup score / full score, 1).
    pub strategy_part: f64,
    /// 15 x how well the strategy suits the regime, .4 to .8; .5 while it is unknown.
    pub regime_part: f64,
    /// 15 from 20 million dollars a day, half of it at 5 million, linear between.
    pub liquidity_part: f64,
    /// The parts that are absent and were scaled away.
    pub missing: Vec<String>,
    /// Points off for correlation with a holding: 0, 2, 5 or 10.
    pub correlation: f64,
    /// The largest |rho| behind it and whose; `None` when nothing else is held.
    pub closest: Option<(String, f64)>,
    /// Points off for the weekday of entry: Monday 1, Friday 1.5.
    pub weekday: f64,
    /// Points off for the VIX: above 25 2.5, above 35 5.
    pub volatility: f64,
    /// The score, 0 to 100, rounded to 6 places.
    pub score: f64,
}

/// Scores `setup` of bar `i` for an entry on a day that is `weekday`.
///
/// `market` is the index on the date of bar `i`. `held` are the positions before the scan; the candidate's own symbol among them is not counted.
/// `None` while the 60-day dollar volume is unknown.
pub fn quality(
    series: &Series,
    i: usize,
    setup: &Setup,
    conviction: &Conviction,
    market: &IndexFeatures,
    held: &[Holding<'_>],
    weekday: Weekday,
) -> Option<Quality> {
    let conviction_part = 0.30 * f64::from(conviction.total);
    let strategy_part = 15.0 * (setup.setup_score / setup.strategy.full_score()).min(1.0);
    let regime_part = 15.0 * suits(setup.strategy, market);
    let liquidity_part = liquidity(series.adv60(i)?);
    let closest = closest(series, i, held);
    let correlation = match closest.as_ref().map_or(0.0, |(_, rho)| *rho) {
        rho if rho >= 0.8 => 10.0,
        rho if rho >= 0.6 => 5.0,
        rho if rho >= 0.4 => 2.0,
        _ => 0.0,
    };
    let weekday = match weekday {
        Weekday::Monday => 1.0,
        Weekday::Friday => 1.5,
        _ => 0.0,
    };
    let volatility = match market.vix {
        Some(vix) if vix > 35.0 => 5.0,
        Some(vix) if vix > 25.0 => 2.5,
        _ => 0.0,
    };
    let parts = conviction_part + strategy_part + regime_part + liquidity_part;
    let score = parts * 100.0 / 75.0 - correlation - weekday - volatility;
    Some(Quality {
        conviction_part,
        strategy_part,
        regime_part,
        liquidity_part,
        missing: vec!["ml".to_owned()],
        correlation,
        closest,
        weekday,
        volatility,
        score: six_places(score.clamp(0.0, 100.0)),
    })
}

fn suits(strategy: Strategy, market: &IndexFeatures) -> f64 {
    match (strategy, market.sma50.map(|sma50| market.close > sma50)) {
        (_, None) => 0.5,
        (Strategy::IbsRsi, Some(true)) => 0.8,
        (Strategy::TurtleSoup, Some(true)) => 0.5,
        (Strategy::IbsRsi, Some(false)) => 0.4,
        (Strategy::TurtleSoup, Some(false)) => 0.7,
    }
}

fn liquidity(adv: f64) -> f64 {
    if adv >= FULL_ADV { 15.0 } else { 15.0 * (0.5 + 0.5 * (adv - HALF_ADV) / (FULL_ADV - HALF_ADV)) }
}

/// Returns the holding whose 60 daily log returns move most with the candidate's, and the |rho|; the first one on a tie.
fn closest(series: &Series, i: usize, held: &[Holding<'_>]) -> Option<(String, f64)> {
    let own = series.logrets(i, CORRELATION_DAYS)?;
    let mut best: Option<(String, f64)> = None;
    for other in held.iter().filter(|h| h.series.symbol() != series.symbol()) {
        let rho = other.series.logrets(other.at, CORRELATION_DAYS).and_then(|r| stats::corr(own, r)).map(f64::abs);
        if let Some(rho) = rho.filter(|rho| best.as_ref().is_none_or(|(_, so_far)| rho > so_far)) {
            best = Some((other.series.symbol().to_owned(), rho));
        }
    }
    best
}

/// Rounds half to even on the exact decimal value, as printing does.
fn six_places(x: f64) -> f64 {
    format!("{x:.6}").parse().expect("a printed f64 is an f64")
}
