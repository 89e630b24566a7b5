//! What a data set says about one day of one symbol: the bar, and the split or dividend that falls on it.
//!
//! Both are as published: prices as traded, volume in shares of that day. [`Bar::fault`] is the only judge of a single bar; it never repairs one.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::px::Px;

/// More shares than any symbol has; keeps every sum of dollars finite.
const MAX_VOLUME: f64 = 1e15;

/// One completed session of one symbol, prices as traded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The session's date in the venue's zone.
    pub date: Date,
    /// First trade.
    pub open: Px,
    /// Highest trade.
    pub high: Px,
    /// Lowest trade.
    pub low: Px,
    /// Last trade.
    pub close: Px,
    /// Shares traded, in shares of that day.
    pub volume: f64,
}

/// What is wrong with a single bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BarFault {
    /// A price of zero.
    #[error("a price is zero")]
    ZeroPrice,
    /// The low lies above the open, the close or the high.
    #[error("the low is above another price")]
    LowAbove,
    /// The high lies below the open or the close.
    #[error("the high is below another price")]
    HighBelow,
    /// The volume is negative, not a number, or more than 10^15 shares.
    #[error("the volume is no count of shares, 0 to 10^15")]
    Volume,
}

impl Bar {
    /// Returns what is wrong with the bar, or `None`: every price above zero, low <= open, close <= high, volume 0 to 10^15.
    pub fn fault(&self) -> Option<BarFault> {
        if [self.open, self.high, self.low, self.close].contains(&Px::ZERO) {
            Some(BarFault::ZeroPrice)
        } else if self.low > self.open.min(self.close).min(self.high) {
            Some(BarFault::LowAbove)
        } else if self.high < self.open.max(self.close) {
            Some(BarFault::HighBelow)
        } else if !(0.0..=MAX_VOLUME).contains(&self.volume) {
            Some(BarFault::Volume)
        } else {
            None
        }
    }
}

/// A split or a dividend of one symbol, in force from the open of `ex_date`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// First day without the right: bars before it are the ones to adjust.
    pub ex_date: Date,
    /// New shares for one old share, 1 where nothing is split.
    pub split_ratio: f64,
    /// Cash for each share held over the previous close, zero where none is paid.
    pub cash: Px,
    /// What every price before `ex_date` is multiplied by, as the vendor adjusts.
    pub price_factor: f64,
}

impl Action {
    /// Tells whether both factors are finite and lie in a range that a real split or dividend can have (0.0001 to 10,000).
    pub fn is_sane(&self) -> bool {
        let sane = |x: f64| (1e-4..=1e4).contains(&x);
        sane(self.split_ratio) && sane(self.price_factor)
    }
}
