//! Identity: the names of symbols, decisions, positions and orders.
//!
//! Every id is a pure function of what it names, never of a clock or a counter: a retry of the same decision is the same order at the broker. Ids are
//! text with `_` between their parts, so a symbol holds none. Start at [`DecisionId::entry`].

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::order::ExitReason;

/// A ticker: 1 to 12 of `A-Z 0-9 . -`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(String);

/// A text that is no ticker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no symbol: 1 to 12 of A-Z, 0-9, `.` and `-`, beginning with a letter or digit")]
pub struct BadSymbol(pub String);

impl Symbol {
    /// Reads a ticker.
    ///
    /// # Errors
    /// [`BadSymbol`] when the text is empty, too long or holds another character (`_` separates the parts of ids).
    pub fn new(text: &str) -> Result<Symbol, BadSymbol> {
        let fits = (1..=12).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.' || c == '-');
        if fits { Ok(Symbol(text.to_owned())) } else { Err(BadSymbol(text.to_owned())) }
    }

    /// Returns the ticker as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Symbol {
    type Error = BadSymbol;
    fn try_from(text: String) -> Result<Symbol, BadSymbol> {
        Symbol::new(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> String {
        symbol.0
    }
}

impl FromStr for Symbol {
    type Err = BadSymbol;
    fn from_str(text: &str) -> Result<Symbol, BadSymbol> {
        Symbol::new(text)
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The direction of an order. The desk is long only: a sale never opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Buys shares.
    Buy,
    /// Sells shares that are held.
    Sell,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes an id that was written earlier, as it stands.
            pub fn stored(text: impl Into<String>) -> $name {
                $name(text.into())
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// One decision to trade: `DEC_date_symbol_side`, for exits with the position and the reason behind it.
    ///
    /// It is the idempotency key: a second intent with the same id never reaches the broker.
    DecisionId
}

text_id! {
    /// One position, from its first fill to its last: `POS_date_symbol`.
    PositionId
}

text_id! {
    /// The id under which the broker knows an order: a pure function of the decision id.
    ClientId
}

text_id! {
    /// One decision packet: `PKT_` and the first 32 hex digits of a hash of what it decides upon.
    PacketId
}

impl DecisionId {
    /// Names the one entry of `symbol` on `day`.
    ///
    /// ```
    /// use kobe_trade::id::{DecisionId, Side, Symbol};
    /// let id = DecisionId::entry(jiff::civil::date(2012, 1, 9), &Symbol::new("GOOG").unwrap(), Side::Buy);
    /// assert_eq!(id.as_str(), "DEC_2012-01-09_GOOG_BUY", "no clock in it: a retry is the same order");
    /// ```
    pub fn entry(day: Date, symbol: &Symbol, side: Side) -> DecisionId {
        DecisionId(format!("DEC_{day}_{symbol}_{side}"))
    }

    /// Names the exit of `position` for `reason`, decided to be sent on `day`.
    pub fn exit(day: Date, symbol: &Symbol, position: &PositionId, reason: ExitReason) -> DecisionId {
        DecisionId(format!("DEC_{day}_{symbol}_SELL_{position}_{reason}"))
    }
}

impl PositionId {
    /// Names the position that the entry of `symbol` on `day` opens.
    pub fn of(day: Date, symbol: &Symbol) -> PositionId {
        PositionId(format!("POS_{day}_{symbol}"))
    }
}

impl ClientId {
    /// Names the order of a decision: attempt 0 is the decision itself, attempt n its n-th replacement (`_Rn`).
    pub fn of(decision: &DecisionId, attempt: u32) -> ClientId {
        if attempt == 0 { ClientId(decision.0.clone()) } else { ClientId(format!("{decision}_R{attempt}")) }
    }

    /// Names the protective stop that the broker holds for a position.
    pub fn stop(position: &PositionId) -> ClientId {
        ClientId(format!("{position}_STOP"))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Buy => "BUY",
            Side::Sell => "SELL",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn symbols_are_read_strictly() {
        for (text, fits) in [
            ("IBM", true),
            ("BRK.B", true),
            ("3M-W", true),
            ("", false),
            ("ibm", false),
            ("A_B", false),
            (".A", false),
            ("A B", false),
            ("ABCDEFGHIJKLM", false),
            ("A\0", false),
        ] {
            assert_eq!(Symbol::new(text).is_ok(), fits, "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Symbol>(&json).is_ok(), fits, "{text:?} as JSON");
        }
    }

    /// Regression for the client order id that held the seconds of the clock.
    #[test]
    fn ids_are_functions_of_what_they_name() {
        let (day, symbol) = (date(2026, 11, 23), Symbol::new("IBM").unwrap());
        let position = PositionId::of(day, &symbol);
        let exit = DecisionId::exit(date(2026, 11, 25), &symbol, &position, ExitReason::Time);
        assert_eq!(exit.as_str(), "DEC_2026-11-25_IBM_SELL_POS_2026-11-23_IBM_time");
        let entry = DecisionId::entry(day, &symbol, Side::Buy);
        assert_eq!(ClientId::of(&entry, 0).as_str(), entry.as_str());
        assert_eq!(ClientId::of(&entry, 2).as_str(), "DEC_2026-11-23_IBM_BUY_R2");
        assert_eq!(ClientId::stop(&position).as_str(), "POS_2026-11-23_IBM_STOP");
    }
}
