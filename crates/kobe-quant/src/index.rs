//! The market index: trend, volatility and an estimate of the VIX from closes alone.
//!
//! Works on published closes (S&P 500 in the bundled data) or, where there is none, on the equal-weight index of the symbols, which is marked a proxy.
//! The value at `i` reads closes up to `i`. Start at [`IndexSeries::build`].

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::indicators as ind;
use crate::series::Series;

/// Why closes do not make an index.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IndexError {
    /// No close at all.
    #[error("{name}: no closes")]
    Empty {
        /// The index.
        name: String,
    },
    /// A close that is not a finite number above zero.
    #[error("{name} {date}: the close is not a number above zero")]
    Close {
        /// The index.
        name: String,
        /// The date.
        date: Date,
        /// Its place, from 0.
        index: usize,
    },
    /// A date that is not after the one before it.
    #[error("{name} {date}: not after the date before it")]
    Order {
        /// The index.
        name: String,
        /// The date.
        date: Date,
        /// Its place, from 0.
        index: usize,
    },
}

/// What the index says on one date; `None` where there are not yet enough closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexFeatures {
    /// The date.
    pub date: Date,
    /// The close.
    pub close: f64,
    /// Mean close of 50 days.
    pub sma50: Option<f64>,
    /// SMA50 against itself 20 days ago, percent.
    pub sma50_slope_pct: Option<f64>,
    /// Mean close of 200 days.
    pub sma200: Option<f64>,
    /// Annualised volatility of 20 log returns, percent.
    pub vol20: Option<f64>,
    /// Annualised volatility of 21 log returns, percent: what the estimate is made of.
    pub rv21: Option<f64>,
    /// The VIX: the estimate, or a published value put here by [`IndexFeatures::with_vix`].
    pub vix: Option<f64>,
    /// Whether `vix` is the estimate.
    pub vix_estimated: bool,
}

impl IndexFeatures {
    /// Puts a published VIX in the place of the estimate.
    pub fn with_vix(self, vix: f64) -> IndexFeatures {
        IndexFeatures { vix: Some(vix), vix_estimated: false, ..self }
    }
}

/// Estimates the VIX from the realised volatility of 21 days (percent): 0.9 x RV21 + 2, held within 10 and 80.
///
/// The desk's own rule for days without a published VIX (it is conservative about its own precision: every use is marked estimated).
pub fn vix_estimate(rv21: f64) -> f64 {
    (0.9 * rv21 + 2.0).clamp(10.0, 80.0)
}

/// Closes of one index and everything computed from them.
#[derive(Clone, Debug)]
pub struct IndexSeries {
    name: String,
    proxy: bool,
    dates: Vec<Date>,
    close: Vec<f64>,
    sma50: Vec<f64>,
    sma200: Vec<f64>,
    vol20: Vec<f64>,
    rv21: Vec<f64>,
}

impl IndexSeries {
    /// Builds the index from its closes, oldest first.
    ///
    /// # Errors
    /// [`IndexError`] with the first close that is not a number above zero or not after the one before.
    pub fn build(name: impl Into<String>, closes: Vec<(Date, f64)>) -> Result<IndexSeries, IndexError> {
        IndexSeries::with_label(name.into(), closes, false)
    }

    /// Builds the equal-weight proxy of `symbols`: each day the mean return of those with at least [`crate::MIN_BARS`] bars up to the day before.
    ///
    /// It begins at 100 on the first day on which one symbol has that many bars. A symbol without a bar on a day is left out of that day's mean; its
    /// next return spans the gap. Splits and dividends are taken out.
    ///
    /// # Errors
    /// [`IndexError::Empty`] when no symbol ever has enough bars.
    pub fn equal_weight<'a>(symbols: impl IntoIterator<Item = &'a Series>) -> Result<IndexSeries, IndexError> {
        let mut days: std::collections::BTreeMap<Date, (f64, u32)> = std::collections::BTreeMap::new();
        for series in symbols {
            let close = series.comparable().close;
            for i in crate::MIN_BARS - 1..series.len() {
                let day = days.entry(series.bars()[i].date).or_default();
                if i >= crate::MIN_BARS {
                    day.0 += close[i] / close[i - 1] - 1.0;
                    day.1 += 1;
                }
            }
        }
        let mut level = 100.0;
        let closes = days.into_iter().map(|(date, (sum, n))| {
            level *= 1.0 + if n > 0 { sum / f64::from(n) } else { 0.0 };
            (date, level)
        });
        IndexSeries::with_label("equal weight".to_owned(), closes.collect(), true)
    }

    fn with_label(name: String, closes: Vec<(Date, f64)>, proxy: bool) -> Result<IndexSeries, IndexError> {
        if closes.is_empty() {
            return Err(IndexError::Empty { name });
        }
        for (index, &(date, close)) in closes.iter().enumerate() {
            if !(close.is_finite() && close > 0.0) {
                return Err(IndexError::Close { name, date, index });
            }
            if index > 0 && closes[index - 1].0 >= date {
                return Err(IndexError::Order { name, date, index });
            }
        }
        let (dates, close): (Vec<Date>, Vec<f64>) = closes.into_iter().unzip();
        let logret = ind::log_returns(&close);
        Ok(IndexSeries {
            sma50: ind::sma(&close, 50),
            sma200: ind::sma(&close, 200),
            vol20: ind::volatility(&logret, 20),
            rv21: ind::volatility(&logret, 21),
            name,
            proxy,
            dates,
            close,
        })
    }

    /// Returns the name, `SPX` for the bundled one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether this is the equal-weight stand-in for a published index.
    pub fn is_proxy(&self) -> bool {
        self.proxy
    }

    /// Returns the number of closes, at least one.
    #[allow(clippy::len_without_is_empty, reason = "an index is never empty")]
    pub fn len(&self) -> usize {
        self.dates.len()
    }

    /// Returns the dates, oldest first.
    pub fn dates(&self) -> &[Date] {
        &self.dates
    }

    /// Returns the closes, oldest first.
    pub fn closes(&self) -> &[f64] {
        &self.close
    }

    /// Returns the place of exactly `date`.
    pub fn index_of(&self, date: Date) -> Option<usize> {
        self.dates.binary_search(&date).ok()
    }

    /// Returns the place of the last close on or before `date`.
    pub fn index_until(&self, date: Date) -> Option<usize> {
        self.dates.partition_point(|d| *d <= date).checked_sub(1)
    }

    /// Returns what the index says at place `i`.
    pub fn at(&self, i: usize) -> Option<IndexFeatures> {
        let known = |column: &[f64], i: usize| column.get(i).copied().filter(|x| !x.is_nan());
        let rv21 = known(&self.rv21, i);
        let before = i.checked_sub(20).and_then(|i| known(&self.sma50, i));
        Some(IndexFeatures {
            date: *self.dates.get(i)?,
            close: self.close[i],
            sma50: known(&self.sma50, i),
            sma50_slope_pct: before.and_then(|before| Some((known(&self.sma50, i)? / before - 1.0) * 100.0)),
            sma200: known(&self.sma200, i),
            vol20: known(&self.vol20, i),
            rv21,
            vix: rv21.map(vix_estimate),
            vix_estimated: true,
        })
    }

    /// Returns what the index says on exactly `date`.
    pub fn on(&self, date: Date) -> Option<IndexFeatures> {
        self.at(self.index_of(date)?)
    }
}
