//! Regime: what kind of market it is, with the reasons in words and numbers.
//!
//! Five observations are made, each of which speaks for, against or for nothing; the verdict follows from them and from the filter of the desk (index
//! above SMA200 and 20-day volatility under 25 %). It informs the report and, through the index figures, the quality score; the gates look at the figures
//! themselves. Start at [`detect_regime`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::index::IndexFeatures;

/// Volatility from which the desk's filter closes, percent a year.
const FILTER_VOL20: f64 = 25.0;

/// The kind of market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Regime {
    /// The filter is open and more speaks for rising prices than against.
    Bullish,
    /// Neither.
    Neutral,
    /// The index is not above SMA200 and more speaks against rising prices than for.
    Bearish,
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Regime::Bullish => "BULLISH",
            Regime::Neutral => "NEUTRAL",
            Regime::Bearish => "BEARISH",
        })
    }
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What was looked at: `sma200`, `sma50`, `slope`, `vol20`, `vix`.
    pub what: String,
    /// +1 for rising prices, -1 against, 0 for nothing.
    pub speaks: i8,
    /// The figures, in words.
    pub because: String,
}

/// The regime of one date and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeReport {
    /// The verdict.
    pub regime: Regime,
    /// The sum of what the reasons say.
    pub balance: i8,
    /// Whether the index is above SMA200 with volatility under 25 %.
    pub filter_open: bool,
    /// The observations.
    pub reasons: Vec<Reason>,
}

/// Classifies the market on one date; `None` while SMA200 or the volatility is unknown (no verdict is better than a constant one).
///
/// Observations: close against SMA200 and against SMA50, SMA50 against itself 20 days ago, 20-day volatility (under 25 % for, else against), VIX band (up
/// to 20 for, above 25 against, between them nothing; an unknown VIX says nothing). BULLISH: filter open and balance at least 2. BEARISH: close not above
/// SMA200 and balance at most -2. Else NEUTRAL.
pub fn detect_regime(market: &IndexFeatures) -> Option<RegimeReport> {
    let (close, sma200, vol20) = (market.close, market.sma200?, market.vol20?);
    let sign = |up: bool| if up { 1 } else { -1 };
    let mut reasons = Vec::new();
    let mut say =
        |what: &str, speaks: i8, because: String| reasons.push(Reason { what: what.to_owned(), speaks, because });

    let against = |name: &str, mean: f64| {
        let side = if close > mean { "above" } else { "not above" };
        format!("close {close:.2} is {side} {name} {mean:.2} ({:+.1} %)", (close / mean - 1.0) * 100.0)
    };
    say("sma200", sign(close > sma200), against("SMA200", sma200));
    if let Some(sma50) = market.sma50 {
        say("sma50", sign(close > sma50), against("SMA50", sma50));
    }
    if let Some(slope) = market.sma50_slope_pct {
        say("slope", sign(slope > 0.0), format!("SMA50 moved {slope:+.1} % in 20 days"));
    }
    let calm = vol20 < FILTER_VOL20;
    let side = if calm { "under" } else { "not under" };
    say("vol20", sign(calm), format!("20-day volatility {vol20:.1} % is {side} {FILTER_VOL20} %"));
    if let Some(vix) = market.vix {
        let (speaks, band) = match vix {
            x if x <= 20.0 => (1, "calm, up to 20"),
            x if x <= 25.0 => (0, "raised, 20 to 25"),
            _ => (-1, "fear, above 25"),
        };
        let mark = if market.vix_estimated { " (estimated)" } else { "" };
        say("vix", speaks, format!("VIX {vix:.1}{mark}: {band}"));
    }

    let balance = reasons.iter().map(|r| r.speaks).sum();
    let filter_open = close > sma200 && calm;
    let regime = match balance {
        b if b >= 2 && filter_open => Regime::Bullish,
        b if b <= -2 && close <= sma200 => Regime::Bearish,
        _ => Regime::Neutral,
    };
    Some(RegimeReport { regime, balance, filter_open, reasons })
}
