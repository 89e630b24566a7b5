//! Prices as traded: exact, in ticks of a hundredth of a cent.
//!
//! A [`Px`] is what stood on the tape, never an adjusted price. It is an integer, so equality is equality: a close that sits at exactly 8 % of its range
//! is not below 8 %. It never rounds: text with more than four decimals is refused, because such a price was computed, not traded. Start at
//! [`Px::parse`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Ticks in one dollar.
const TICKS: i64 = 10_000;
/// The largest price, 100 million dollars: every product the crate forms stays exact in an `f64` or an `i64`.
const MAX_TICKS: i64 = 100_000_000 * TICKS;

/// A price or an amount per share in US dollars, as traded, in ticks of 0.0001.
///
/// ```
/// use kobe_quant::Px;
/// let close = Px::parse("14.2675").unwrap();
/// assert_eq!(close.ticks(), 142_675);
/// assert_eq!(close.f64(), 14.2675); // the nearest f64, as if the text had been parsed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Px(i64);

/// Why a text is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PxError {
    /// Nothing stands there.
    #[error("the price is empty")]
    Empty,
    /// Something else than digits and one point.
    #[error("not a price: only digits and one point may stand here")]
    NotANumber,
    /// More than four decimals.
    #[error("more than 4 decimals: an adjusted price, not one as traded")]
    TooManyDecimals,
    /// Above 100,000,000 dollars.
    #[error("above 100,000,000 dollars")]
    TooLarge,
}

impl Px {
    /// No dollars at all.
    pub const ZERO: Px = Px(0);

    /// Takes a count of ticks (0.0001 dollars each); `None` when negative or above 100,000,000 dollars.
    pub const fn from_ticks(ticks: i64) -> Option<Px> {
        if ticks < 0 || ticks > MAX_TICKS { None } else { Some(Px(ticks)) }
    }

    /// Reads `digits[.digits]`: no sign, no exponent, no spaces, at most four decimals beside trailing zeros.
    ///
    /// # Errors
    /// [`PxError`] names what is wrong; any bytes may be given.
    pub fn parse(text: &str) -> Result<Px, PxError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && part.is_empty() {
            return Err(if text.is_empty() { PxError::Empty } else { PxError::NotANumber });
        }
        let part = part.trim_end_matches('0');
        let mut ticks = 0i64;
        for byte in whole.bytes().chain(part.bytes()) {
            if !byte.is_ascii_digit() {
                return Err(PxError::NotANumber);
            }
        }
        if part.len() > 4 {
            return Err(PxError::TooManyDecimals);
        }
        for byte in whole.bytes().chain(part.bytes()).chain(std::iter::repeat_n(b'0', 4 - part.len())) {
            ticks = ticks * 10 + i64::from(byte - b'0');
            if ticks > MAX_TICKS {
                return Err(PxError::TooLarge);
            }
        }
        Ok(Px(ticks))
    }

    /// Returns the price in ticks of 0.0001 dollars; with four decimal places this is the exact decimal.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Returns the price in dollars as the nearest `f64`.
    pub fn f64(self) -> f64 {
        // Both operands are exact integers, so the quotient is the correctly rounded decimal.
        self.0 as f64 / TICKS as f64
    }
}

impl fmt::Display for Px {
    /// Writes two to four decimals: `127.00`, `14.2675`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, part) = (self.0 / TICKS, self.0 % TICKS);
        let text = match part {
            p if p % 100 == 0 => format!("{dollars}.{:02}", p / 100),
            p if p % 10 == 0 => format!("{dollars}.{:03}", p / 10),
            p => format!("{dollars}.{p:04}"),
        };
        f.pad(&text)
    }
}

impl FromStr for Px {
    type Err = PxError;

    fn from_str(text: &str) -> Result<Px, PxError> {
        Px::parse(text)
    }
}

impl TryFrom<String> for Px {
    type Error = PxError;

    fn try_from(text: String) -> Result<Px, PxError> {
        Px::parse(&text)
    }
}

impl From<Px> for String {
    fn from(px: Px) -> String {
        px.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_prices() {
        for (text, ticks, shown) in [
            ("127", 1_270_000, "127.00"),
            ("130.31", 1_303_100, "130.31"),
            ("14.2675", 142_675, "14.2675"),
            ("14.267500", 142_675, "14.2675"),
            ("0.125", 1_250, "0.125"),
            (".5", 5_000, "0.50"),
            ("5.", 50_000, "5.00"),
            ("0", 0, "0.00"),
            ("100000000", MAX_TICKS, "100000000.00"),
        ] {
            let px = Px::parse(text).unwrap();
            assert_eq!(px.ticks(), ticks, "{text}");
            assert_eq!(px.to_string(), shown, "{text}");
            assert_eq!(px.f64(), text.trim_end_matches('.').parse::<f64>().unwrap(), "{text}");
            assert_eq!(Px::parse(shown), Ok(px), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_price() {
        for (text, why) in [
            ("", PxError::Empty),
            (".", PxError::NotANumber),
            ("-1", PxError::NotANumber),
            ("1e3", PxError::NotANumber),
            (" 1", PxError::NotANumber),
            ("1.2.3", PxError::NotANumber),
            ("1,5", PxError::NotANumber),
            ("NaN", PxError::NotANumber),
            ("\u{0}1", PxError::NotANumber),
            ("٣", PxError::NotANumber),
            ("64.501427", PxError::TooManyDecimals),
            ("100000000.0001", PxError::TooLarge),
            ("99999999999999999999999", PxError::TooLarge),
        ] {
            assert_eq!(Px::parse(text), Err(why), "{text:?}");
        }
    }
}
