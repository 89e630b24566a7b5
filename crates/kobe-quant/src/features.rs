//! One bar at a glance: every indicator of it as a row, and the moves that somebody should look at.

use jiff::civil::Date;
use serde::Serialize;

use crate::px::Px;
use crate::series::Series;

/// Every indicator of one bar, for a table; money in dollars of the bar, `None` while warming up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Features {
    /// The bar's date.
    pub date: Date,
    /// Close as traded.
    pub close: Px,
    /// Internal bar strength, 0 to 1.
    pub ibs: f64,
    /// Simple-mean RSI of 2 differences.
    pub rsi2: Option<f64>,
    /// Simple-mean RSI of 14 differences.
    pub rsi14: Option<f64>,
    /// Mean close of 10 bars.
    pub sma10: Option<f64>,
    /// Mean close of 20 bars.
    pub sma20: Option<f64>,
    /// Mean close of 50 bars.
    pub sma50: Option<f64>,
    /// Mean close of 200 bars.
    pub sma200: Option<f64>,
    /// Average true range, Wilder, 14 bars.
    pub atr14: Option<f64>,
    /// Mean dollars traded a day, 60 bars.
    pub adv60: Option<f64>,
    /// Mean shares traded a day, 60 bars, in shares of the bar.
    pub shares60: Option<f64>,
    /// Annualised volatility in percent, 20 returns.
    pub vol20: Option<f64>,
    /// Highest high of the last 15 bars, this one included.
    pub donchian15_high: Option<f64>,
    /// Lowest low of the last 15 bars, this one included.
    pub donchian15_low: Option<f64>,
    /// Volume over its mean of 20 bars.
    pub volume_ratio: Option<f64>,
    /// Closes in a row below the one before.
    pub down_streak: u32,
}

/// A close that moved by more than half with no split on that day: suspect, to be looked at, not an error (AAPL fell 52 % on 2000-09-29).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Jump {
    /// The day of the move.
    pub date: Date,
    /// The close as traded on the bar before.
    pub from: Px,
    /// The close as traded.
    pub to: Px,
    /// The adjusted move in percent.
    pub move_pct: f64,
}

impl Series {
    /// Returns every indicator of bar `i` at once.
    pub fn features(&self, i: usize) -> Option<Features> {
        let bar = self.bar(i)?;
        Some(Features {
            date: bar.date,
            close: bar.close,
            ibs: self.ibs(i)?,
            rsi2: self.rsi2(i),
            rsi14: self.rsi14(i),
            sma10: self.sma10(i),
            sma20: self.sma20(i),
            sma50: self.sma50(i),
            sma200: self.sma200(i),
            atr14: self.atr14(i),
            adv60: self.adv60(i),
            shares60: self.shares60(i),
            vol20: self.vol20(i),
            donchian15_high: self.high15(i),
            donchian15_low: self.low15(i),
            volume_ratio: self.volume_ratio(i),
            down_streak: self.down_streak(i),
        })
    }

    /// Lists the closes that moved by more than 50 % against the bar before with no split on that day.
    pub fn jumps(&self) -> Vec<Jump> {
        let (bars, close) = (self.bars(), self.comparable().close);
        let moved = |i: usize| close[i] / close[i - 1] - 1.0;
        let split = |i: usize| self.split_scale(i) != self.split_scale(i - 1);
        (1..self.len())
            .filter(|&i| moved(i).abs() > 0.5 && !split(i))
            .map(|i| Jump {
                date: bars[i].date,
                from: bars[i - 1].close,
                to: bars[i].close,
                move_pct: moved(i) * 100.0,
            })
            .collect()
    }
}
