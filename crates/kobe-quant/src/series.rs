//! One symbol: its bars, its splits and dividends, and every indicator as a column.
//!
//! Adjustment looks back only. The scale of a bar is the product of 1 / price factor of the actions whose ex-date is not after it; price x scale is
//! comparable over time, and divided by the scale of bar `i` it is in dollars of bar `i`. An action of tomorrow changes no scale of today, so no future can
//! move a past value, not even in its last bit. (Vendors scale the past down at each action instead; the ratio of two prices is the same.)
//!
//! A [`Series`] is built once and never changes. It does not know the exchange calendar: whether sessions are missing is the caller's question. Accessors
//! return `None` before an indicator has enough bars and past the end. Start at [`Series::build`]; [`Series::features`] gives all of it for one bar.

use jiff::civil::Date;
use thiserror::Error;

use crate::bar::{Action, Bar, BarFault};
use crate::indicators as ind;
use crate::px::Px;

/// Why bars and actions do not make a series.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SeriesError {
    /// No bar at all.
    #[error("{symbol}: no bars")]
    Empty {
        /// The symbol.
        symbol: String,
    },
    /// A single bar contradicts itself.
    #[error("{symbol} {date}: {fault}")]
    Bar {
        /// The symbol.
        symbol: String,
        /// The bar's date.
        date: Date,
        /// Its place among the bars, from 0.
        index: usize,
        /// What is wrong.
        fault: BarFault,
    },
    /// A bar has the date of the bar before it.
    #[error("{symbol} {date}: two bars of one date")]
    Duplicate {
        /// The symbol.
        symbol: String,
        /// The date.
        date: Date,
        /// The place of the second one, from 0.
        index: usize,
    },
    /// A bar is older than the bar before it.
    #[error("{symbol} {date}: older than the bar before it")]
    Unsorted {
        /// The symbol.
        symbol: String,
        /// The bar's date.
        date: Date,
        /// Its place, from 0.
        index: usize,
    },
    /// A split or dividend whose factors no real one can have.
    #[error(
        "{symbol} {ex_date}: split ratio and price factor must lie between 0.0001 and 10,000, alone and multiplied up"
    )]
    Action {
        /// The symbol.
        symbol: String,
        /// The action's ex-date.
        ex_date: Date,
    },
}

/// One symbol: bars, actions and indicators. See the module page for the rule of adjustment.
#[derive(Clone, Debug)]
pub struct Series {
    symbol: String,
    bars: Vec<Bar>,
    actions: Vec<Action>,
    /// Price x scale is comparable; 1 before the first action.
    scale: Vec<f64>,
    /// Shares of the first bar in one share of bar i, i.e. the product of split ratios up to i.
    split: Vec<f64>,
    close: Vec<f64>,
    low: Vec<f64>,
    ibs: Vec<f64>,
    logret: Vec<f64>,
    rsi2: Vec<f64>,
    rsi14: Vec<f64>,
    sma10: Vec<f64>,
    sma20: Vec<f64>,
    sma50: Vec<f64>,
    sma200: Vec<f64>,
    atr14: Vec<f64>,
    high15: Vec<f64>,
    low15: Vec<f64>,
    high20: Vec<f64>,
    low20: Vec<f64>,
    vol20: Vec<f64>,
    /// Volume in shares of the first bar.
    volume: Vec<f64>,
    v5: Vec<f64>,
    v20: Vec<f64>,
    v60: Vec<f64>,
    adv60: Vec<f64>,
    down: Vec<u32>,
}

impl Series {
    /// Builds the series of `symbol` with all its columns; `actions` may come in any order and may lie outside the bars.
    ///
    /// An action whose ex-date has no bar takes effect on the first bar after it.
    ///
    /// ```
    /// use jiff::civil::date;
    /// use kobe_quant::{Action, Bar, Px, Series};
    /// let px = |text| Px::parse(text).unwrap();
    /// let bar = |day, close| Bar { date: date(2005, 2, day), open: close, high: close, low: close, close, volume: 1e6 };
    /// let split = Action { ex_date: date(2005, 2, 28), split_ratio: 2.0, cash: Px::ZERO, price_factor: 0.5 };
    /// let series = Series::build("AAPL", vec![bar(25, px("88.99")), bar(28, px("44.495"))], vec![split]).unwrap();
    /// assert_eq!(series.logret(1), Some(0.0)); // half the price, twice the shares: nothing was lost
    /// assert_eq!(series.bar(1).unwrap().close, px("44.495")); // and what was traded stays what was traded
    /// ```
    ///
    /// # Errors
    /// [`SeriesError`] with the first bar that is wrong by itself, repeated or out of order, or an action with an impossible factor.
    pub fn build(symbol: impl Into<String>, bars: Vec<Bar>, mut actions: Vec<Action>) -> Result<Series, SeriesError> {
        let symbol = symbol.into();
        check(&symbol, &bars)?;
        actions.sort_by_key(|a| a.ex_date);
        let (scale, split) = scales(&symbol, &bars, &actions)?;

        let adjusted = |price: fn(&Bar) -> Px| -> Vec<f64> {
            bars.iter().zip(&scale).map(|(bar, scale)| price(bar).f64() * scale).collect()
        };
        let (high, low, close) = (adjusted(|b| b.high), adjusted(|b| b.low), adjusted(|b| b.close));
        let volume: Vec<f64> = bars.iter().zip(&split).map(|(bar, split)| bar.volume / split).collect();
        let traded: Vec<f64> = bars.iter().map(|bar| bar.close.f64() * bar.volume).collect();
        let logret = ind::log_returns(&close);

        Ok(Series {
            ibs: bars.iter().map(ibs).collect(),
            rsi2: ind::rsi_simple(&close, 2),
            rsi14: ind::rsi_simple(&close, 14),
            sma10: ind::sma(&close, 10),
            sma20: ind::sma(&close, 20),
            sma50: ind::sma(&close, 50),
            sma200: ind::sma(&close, 200),
            atr14: ind::atr_wilder(&high, &low, &close, 14),
            high15: ind::highest(&high, 15),
            low15: ind::lowest(&low, 15),
            high20: ind::highest(&high, 20),
            low20: ind::lowest(&low, 20),
            vol20: ind::volatility(&logret, 20),
            v5: ind::sma(&volume, 5),
            v20: ind::sma(&volume, 20),
            v60: ind::sma(&volume, 60),
            adv60: ind::sma(&traded, 60),
            down: ind::down_streak(&close),
            symbol,
            bars,
            actions,
            scale,
            split,
            close,
            low,
            logret,
            volume,
        })
    }

    /// Returns the symbol.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Returns the number of bars, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a series is never empty")]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// Returns all bars, oldest first, as traded.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// Returns bar `i` as traded.
    pub fn bar(&self, i: usize) -> Option<&Bar> {
        self.bars.get(i)
    }

    /// Returns the bar of `date` as traded.
    pub fn bar_on(&self, date: Date) -> Option<&Bar> {
        self.index_of(date).map(|i| &self.bars[i])
    }

    /// Returns the place of the bar of exactly `date`.
    pub fn index_of(&self, date: Date) -> Option<usize> {
        self.bars.binary_search_by_key(&date, |bar| bar.date).ok()
    }

    /// Returns the place of the last bar on or before `date`.
    pub fn index_until(&self, date: Date) -> Option<usize> {
        self.bars.partition_point(|bar| bar.date <= date).checked_sub(1)
    }

    /// Returns the date of the first bar.
    pub fn first_date(&self) -> Date {
        self.bars[0].date
    }

    /// Returns the date of the last bar.
    pub fn last_date(&self) -> Date {
        self.bars[self.bars.len() - 1].date
    }

    /// Tells whether bar `i` is too early to signal: fewer than [`crate::MIN_BARS`] bars stand up to it.
    pub fn is_warming(&self, i: usize) -> bool {
        i < crate::MIN_BARS - 1
    }

    /// Returns all actions, oldest first.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Returns the actions whose ex-date is `date`, in the order given.
    pub fn actions_on(&self, date: Date) -> &[Action] {
        let from = self.actions.partition_point(|a| a.ex_date < date);
        let to = self.actions.partition_point(|a| a.ex_date <= date);
        &self.actions[from..to]
    }

    /// Returns what a price as traded on bar `i` is multiplied by to be comparable: the product of 1 / price factor up to `i`.
    pub fn scale(&self, i: usize) -> Option<f64> {
        self.scale.get(i).copied()
    }

    /// Returns the product of the split ratios up to bar `i`: shares of bar `i` for one share of the first bar.
    pub fn split_scale(&self, i: usize) -> Option<f64> {
        self.split.get(i).copied()
    }

    /// Returns the internal bar strength (close - low) / (high - low) of the prices as traded; 0.5 for a bar without range.
    ///
    /// Both differences are exact integers, so a bar at exactly 0.08 gives the `f64` 0.08 and is not below it.
    pub fn ibs(&self, i: usize) -> Option<f64> {
        self.ibs.get(i).copied()
    }

    /// Returns the simple-mean RSI of the last 2 differences, 0 to 100; from the third bar.
    pub fn rsi2(&self, i: usize) -> Option<f64> {
        known(&self.rsi2, i)
    }

    /// Returns the simple-mean RSI of the last 14 differences, 0 to 100.
    pub fn rsi14(&self, i: usize) -> Option<f64> {
        known(&self.rsi14, i)
    }

    /// Returns the mean close of 10 bars in dollars of bar `i`.
    pub fn sma10(&self, i: usize) -> Option<f64> {
        self.dollars(&self.sma10, i)
    }

    /// Returns the mean close of 20 bars in dollars of bar `i`.
    pub fn sma20(&self, i: usize) -> Option<f64> {
        self.dollars(&self.sma20, i)
    }

    /// Returns the mean close of 50 bars in dollars of bar `i`.
    pub fn sma50(&self, i: usize) -> Option<f64> {
        self.dollars(&self.sma50, i)
    }

    /// Returns the mean close of 200 bars in dollars of bar `i`.
    pub fn sma200(&self, i: usize) -> Option<f64> {
        self.dollars(&self.sma200, i)
    }

    /// Returns the average true range (Wilder, 14) in dollars of bar `i`; from the 14th bar.
    pub fn atr14(&self, i: usize) -> Option<f64> {
        self.dollars(&self.atr14, i)
    }

    /// Returns the highest high of the last 15 bars, bar `i` included, in dollars of bar `i`.
    pub fn high15(&self, i: usize) -> Option<f64> {
        self.dollars(&self.high15, i)
    }

    /// Returns the lowest low of the last 15 bars, bar `i` included, in dollars of bar `i`.
    pub fn low15(&self, i: usize) -> Option<f64> {
        self.dollars(&self.low15, i)
    }

    /// Returns the highest high of the last 20 bars, bar `i` included, in dollars of bar `i`.
    pub fn high20(&self, i: usize) -> Option<f64> {
        self.dollars(&self.high20, i)
    }

    /// Returns the lowest low of the last 20 bars, bar `i` included, in dollars of bar `i`.
    pub fn low20(&self, i: usize) -> Option<f64> {
        self.dollars(&self.low20, i)
    }

    /// Returns the annualised volatility of the last 20 log returns in percent.
    pub fn vol20(&self, i: usize) -> Option<f64> {
        known(&self.vol20, i)
    }

    /// Returns the volume of bar `i` over the mean of the last 20 bars, bar `i` included; `None` when nothing was traded.
    pub fn volume_ratio(&self, i: usize) -> Option<f64> {
        quotient(known(&self.volume, i)?, known(&self.v20, i)?)
    }

    /// Returns the mean volume of the last 5 bars over that of the 5 bars before; `None` when nothing was traded in those.
    pub fn volume_trend(&self, i: usize) -> Option<f64> {
        quotient(known(&self.v5, i)?, known(&self.v5, i.checked_sub(5)?)?)
    }

    /// Returns the mean dollars traded a day over 60 bars: close as traded x volume as traded.
    pub fn adv60(&self, i: usize) -> Option<f64> {
        known(&self.adv60, i)
    }

    /// Returns the mean shares traded a day over 60 bars, in shares of bar `i`.
    pub fn shares60(&self, i: usize) -> Option<f64> {
        Some(known(&self.v60, i)? * self.split[i])
    }

    /// Returns how many closes in a row, ending at bar `i`, were below the one before; 0 past the end.
    pub fn down_streak(&self, i: usize) -> u32 {
        self.down.get(i).copied().unwrap_or(0)
    }

    /// Returns the log return of bar `i`, dividends and splits taken out.
    pub fn logret(&self, i: usize) -> Option<f64> {
        known(&self.logret, i)
    }

    /// Returns the last `n` log returns, that of bar `i` last; `None` when there are not `n` of them.
    pub fn logrets(&self, i: usize, n: usize) -> Option<&[f64]> {
        // The first bar has no return, so the window may not begin before bar 1.
        let from = i.checked_add(1)?.checked_sub(n).filter(|&from| from >= 1)?;
        self.logret.get(from..=i)
    }

    /// The comparable close, low, SMA200 and ATR columns, for rules that compare values of several bars.
    pub(crate) fn comparable(&self) -> Comparable<'_> {
        Comparable {
            close: &self.close,
            low: &self.low,
            sma20: &self.sma20,
            sma200: &self.sma200,
            atr14: &self.atr14,
            high20: &self.high20,
            low20: &self.low20,
        }
    }

    /// Brings a comparable amount into dollars of bar `i`.
    pub(crate) fn in_dollars(&self, value: f64, i: usize) -> f64 {
        value / self.scale[i]
    }

    fn dollars(&self, column: &[f64], i: usize) -> Option<f64> {
        Some(known(column, i)? / self.scale[i])
    }
}

/// Columns in comparable units (price x scale); NaN while warming up.
pub(crate) struct Comparable<'a> {
    pub close: &'a [f64],
    pub low: &'a [f64],
    pub sma20: &'a [f64],
    pub sma200: &'a [f64],
    pub atr14: &'a [f64],
    pub high20: &'a [f64],
    pub low20: &'a [f64],
}

fn check(symbol: &str, bars: &[Bar]) -> Result<(), SeriesError> {
    let symbol = || symbol.to_owned();
    if bars.is_empty() {
        return Err(SeriesError::Empty { symbol: symbol() });
    }
    for (index, bar) in bars.iter().enumerate() {
        let date = bar.date;
        if let Some(fault) = bar.fault() {
            return Err(SeriesError::Bar { symbol: symbol(), date, index, fault });
        }
        match index.checked_sub(1).map(|before| bars[before].date) {
            Some(before) if before == date => return Err(SeriesError::Duplicate { symbol: symbol(), date, index }),
            Some(before) if before > date => return Err(SeriesError::Unsorted { symbol: symbol(), date, index }),
            _ => {}
        }
    }
    Ok(())
}

fn scales(symbol: &str, bars: &[Bar], actions: &[Action]) -> Result<(Vec<f64>, Vec<f64>), SeriesError> {
    let mut waiting = actions.iter().peekable();
    let (mut price, mut split) = (1.0f64, 1.0f64);
    let (mut scale, mut splits) = (Vec::with_capacity(bars.len()), Vec::with_capacity(bars.len()));
    for (i, bar) in bars.iter().enumerate() {
        while let Some(action) = waiting.next_if(|a| a.ex_date <= bar.date) {
            // Before the first bar there is nothing to adjust.
            if i > 0 {
                price /= action.price_factor;
                split *= action.split_ratio;
            }
            let sane = |x: f64| (1e-9..=1e9).contains(&x);
            if !(action.is_sane() && sane(price) && sane(split)) {
                return Err(SeriesError::Action { symbol: symbol.to_owned(), ex_date: action.ex_date });
            }
        }
        scale.push(price);
        splits.push(split);
    }
    match waiting.find(|a| !a.is_sane()) {
        Some(action) => Err(SeriesError::Action { symbol: symbol.to_owned(), ex_date: action.ex_date }),
        None => Ok((scale, splits)),
    }
}

fn ibs(bar: &Bar) -> f64 {
    let range = bar.high.ticks() - bar.low.ticks();
    if range > 0 { (bar.close.ticks() - bar.low.ticks()) as f64 / range as f64 } else { 0.5 }
}

fn known(column: &[f64], i: usize) -> Option<f64> {
    column.get(i).copied().filter(|x| !x.is_nan())
}

fn quotient(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}
