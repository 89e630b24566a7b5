//! Setups: the two frozen strategies of the desk (v2.6), long only, on one completed daily bar.
//!
//! A setup is an observation, not an order: whether it may be traded is asked of the gates later. Both rules read bar `i` and bars before it; the entry is
//! thought of at the next open. The VIX clause of the written rules is a gate of its own and is not looked at here. Start at [`setups`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::series::Series;

/// Lowest close as traded that either rule looks at: 15 dollars.
const MIN_CLOSE_TICKS: i64 = 150_000;
/// IBS_RSI enters below this internal bar strength.
const ENTRY_IBS: f64 = 0.08;
/// IBS_RSI enters below this RSI(2).
const ENTRY_RSI2: f64 = 10.0;
/// A position leaves above this internal bar strength...
const EXIT_IBS: f64 = 0.80;
/// ... or above this RSI(2).
const EXIT_RSI2: f64 = 70.0;
/// TURTLE_SOUP looks for the lowest low of so many bars before.
const SWEEP_BARS: usize = 15;
/// That low must be so many bars old.
const SWEEP_AGE: usize = 3;
/// The sweep below it must be this deep, in ATR.
const SWEEP_ATR: f64 = 0.3;

/// The frozen parameters of both strategies by name: whoever approved them pins a hash over this list, and a change of any of them shows.
pub const PARAMETERS: &[(&str, f64)] = &[
    ("min_bars", crate::MIN_BARS as f64),
    ("min_close_ticks", MIN_CLOSE_TICKS as f64),
    ("entry_ibs", ENTRY_IBS),
    ("entry_rsi2", ENTRY_RSI2),
    ("exit_ibs", EXIT_IBS),
    ("exit_rsi2", EXIT_RSI2),
    ("sweep_bars", SWEEP_BARS as f64),
    ("sweep_age", SWEEP_AGE as f64),
    ("sweep_atr", SWEEP_ATR),
    ("ibs_rsi_time_stop", Strategy::IbsRsi.time_stop() as f64),
    ("ibs_rsi_reward_over_risk", Strategy::IbsRsi.reward_over_risk()),
    ("ibs_rsi_full_score", Strategy::IbsRsi.full_score()),
    ("turtle_soup_time_stop", Strategy::TurtleSoup.time_stop() as f64),
    ("turtle_soup_reward_over_risk", Strategy::TurtleSoup.reward_over_risk()),
    ("turtle_soup_full_score", Strategy::TurtleSoup.full_score()),
];

/// The strategies of the desk; ordered by name, as ties between candidates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// Buys a close at the bottom of its range after two weak days, in an up-trend.
    #[serde(rename = "IBS_RSI")]
    IbsRsi,
    /// Buys a failed break below the lowest low of 15 bars, in an up-trend (after L. Raschke and L. Connors, Street Smarts, 1995).
    #[serde(rename = "TURTLE_SOUP")]
    TurtleSoup,
}

/// A name that is no strategy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no strategy is called {0:?}; there are IBS_RSI and TURTLE_SOUP")]
pub struct UnknownStrategy(
    /// The name given.
    pub String,
);

impl Strategy {
    /// Both strategies, in order.
    pub const ALL: [Strategy; 2] = [Strategy::IbsRsi, Strategy::TurtleSoup];

    /// Returns the name that documents, columns and keys use.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::IbsRsi => "IBS_RSI",
            Strategy::TurtleSoup => "TURTLE_SOUP",
        }
    }

    /// Returns after how many sessions a position is closed for time, the entry day counted as one.
    pub const fn time_stop(self) -> u32 {
        match self {
            Strategy::IbsRsi => 7,
            Strategy::TurtleSoup => 3,
        }
    }

    /// Returns the nominal reward over risk that the reward gate compares: 2 R without a target for IBS_RSI, the target of TURTLE_SOUP for itself.
    pub const fn reward_over_risk(self) -> f64 {
        match self {
            Strategy::IbsRsi => 2.0,
            Strategy::TurtleSoup => 0.75,
        }
    }

    /// Returns the setup score that earns all 15 strategy points of the quality score.
    pub const fn full_score(self) -> f64 {
        match self {
            Strategy::IbsRsi => 25.0,
            Strategy::TurtleSoup => 300.0,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Strategy, UnknownStrategy> {
        Strategy::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownStrategy(name.to_owned()))
    }
}

/// One strategy's entry condition met on one bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Whose condition.
    pub strategy: Strategy,
    /// How strongly: IBS_RSI (0.08 - IBS) x 100 + (10 - RSI2), TURTLE_SOUP 100 x sweep in ATR.
    pub setup_score: f64,
    /// Nominal reward over risk, see [`Strategy::reward_over_risk`].
    pub rr: f64,
    /// From the entry down to the stop, dollars a share of the bar: 2 x ATR, or close - (low - 0.2 x ATR).
    pub risk_dollars: f64,
}

/// Lists the setups of bar `i`, in the order of [`Strategy`]; none while the symbol is warming up or closes below 15 dollars as traded.
pub fn setups(series: &Series, i: usize) -> Vec<Setup> {
    if series.is_warming(i) || series.bar(i).is_none_or(|bar| bar.close.ticks() < MIN_CLOSE_TICKS) {
        return Vec::new();
    }
    [ibs_rsi(series, i), turtle_soup(series, i)].into_iter().flatten().collect()
}

fn ibs_rsi(series: &Series, i: usize) -> Option<Setup> {
    let (ibs, rsi2, own) = (series.ibs(i)?, series.rsi2(i)?, series.comparable());
    (ibs < ENTRY_IBS && rsi2 < ENTRY_RSI2 && own.close[i] > own.sma200[i]).then(|| Setup {
        strategy: Strategy::IbsRsi,
        setup_score: (ENTRY_IBS - ibs) * 100.0 + (ENTRY_RSI2 - rsi2),
        rr: Strategy::IbsRsi.reward_over_risk(),
        risk_dollars: series.in_dollars(2.0 * own.atr14[i], i),
    })
}

fn turtle_soup(series: &Series, i: usize) -> Option<Setup> {
    let own = series.comparable();
    let (low, close) = (own.low[i], own.close[i]);
    let window = &own.low[i.checked_sub(SWEEP_BARS)?..i];
    let prior = window.iter().copied().fold(f64::INFINITY, f64::min);
    // The most recent of equal lows counts: a low that was tested yesterday is not old.
    let age = 1 + window.iter().rev().position(|&l| l == prior)?;
    let sweep = (prior - low) / own.atr14[i - 1];
    (low < prior && prior < close && age >= SWEEP_AGE && close > own.sma200[i - 1] && sweep >= SWEEP_ATR).then(|| {
        Setup {
            strategy: Strategy::TurtleSoup,
            setup_score: 100.0 * sweep,
            rr: Strategy::TurtleSoup.reward_over_risk(),
            risk_dollars: series.in_dollars(close - (low - 0.2 * own.atr14[i]), i),
        }
    })
}

/// Tells whether bar `i` ends a position by its indicators: IBS above 0.80 or RSI(2) above 70. The same for both strategies.
pub fn exit_by_indicator(series: &Series, i: usize) -> bool {
    series.ibs(i).is_some_and(|x| x > EXIT_IBS) || series.rsi2(i).is_some_and(|x| x > EXIT_RSI2)
}
