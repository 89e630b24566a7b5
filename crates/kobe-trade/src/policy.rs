//! Policy: how much may be at risk, by mode; and the three constants that keep this build on paper.
//!
//! The mode follows from where orders go: `paper` with the embedded broker and in replay, `canary` with any outside broker. It stands on every order.
//! No file, variable or call changes a constant here. Start at [`PolicyMode::limits`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Decimal;

/// G1: this build trades on paper only. A constant of the compiled program; nothing reads it from outside.
pub const PAPER_ONLY: bool = true;
/// G2: no live path is compiled into this build.
pub const LIVE_TRADING_ENABLED: bool = false;
/// G4: research may propose parameters, never apply them.
pub const APPROVE_LIVE_ACTION: bool = false;

/// Hosts of outside brokers that are known to trade on paper.
const PAPER_HOSTS: [&str; 1] = ["paper-api.alpaca.markets"];

/// Which limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// The embedded broker and replay.
    Paper,
    /// Any outside broker: sums that one can lose to a defect.
    Canary,
}

/// The figures of one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Dollars an order; equality passes.
    pub per_order: Decimal,
    /// Dollars of new entries a day; equality passes.
    pub per_day: Decimal,
    /// Positions open at once.
    pub positions: u32,
    /// Share of equity that one entry may risk down to its stop.
    pub risk: Decimal,
}

impl PolicyMode {
    /// Returns the limits of the mode.
    ///
    /// ```
    /// use kobe_trade::policy::PolicyMode;
    /// assert_eq!(PolicyMode::Paper.limits().per_order.to_string(), "15000");
    /// ```
    pub fn limits(self) -> Limits {
        let cents_of_a_percent = |n| Decimal::new(n, 4);
        match self {
            PolicyMode::Paper => Limits {
                per_order: Decimal::from(15_000),
                per_day: Decimal::from(45_000),
                positions: 5,
                risk: cents_of_a_percent(100),
            },
            PolicyMode::Canary => Limits {
                per_order: Decimal::from(75),
                per_day: Decimal::from(1_000),
                positions: 3,
                risk: cents_of_a_percent(50),
            },
        }
    }

    /// Returns the word of orders and files.
    pub fn name(self) -> &'static str {
        match self {
            PolicyMode::Paper => "paper",
            PolicyMode::Canary => "canary",
        }
    }
}

impl fmt::Display for PolicyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where orders go. A live endpoint has no value of this type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The broker inside this program.
    Embedded,
    /// An outside broker's paper endpoint, by host.
    Paper(String),
}

/// An endpoint that is not known to be paper; the desk does not start with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a paper endpoint, and this build trades on paper only")]
pub struct NotPaper(pub String);

impl Endpoint {
    /// Reads a broker's address: `embedded`, or an `https` URL whose host is a known paper host.
    ///
    /// # Errors
    /// [`NotPaper`] for everything else, live endpoints above all.
    pub fn parse(text: &str) -> Result<Endpoint, NotPaper> {
        if text == "embedded" {
            return Ok(Endpoint::Embedded);
        }
        let host = text.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        match host {
            Some(host) if PAPER_HOSTS.contains(&host) => Ok(Endpoint::Paper(host.to_owned())),
            _ => Err(NotPaper(text.to_owned())),
        }
    }

    /// Returns the policy that this endpoint implies.
    pub fn mode(&self) -> PolicyMode {
        match self {
            Endpoint::Embedded => PolicyMode::Paper,
            Endpoint::Paper(_) => PolicyMode::Canary,
        }
    }

    /// Returns whether the endpoint is still one that is known to be paper; a stored or foreign value is not trusted.
    pub fn is_paper(&self) -> bool {
        match self {
            Endpoint::Embedded => true,
            Endpoint::Paper(host) => PAPER_HOSTS.contains(&host.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paper_endpoints_are_read() {
        for (text, want) in [
            ("embedded", Ok(PolicyMode::Paper)),
            ("https://paper-api.alpaca.markets/v2", Ok(PolicyMode::Canary)),
            ("https://api.alpaca.markets", Err(())),
            ("http://paper-api.alpaca.markets", Err(())),
            ("https://paper-api.alpaca.markets.evil.example", Err(())),
            ("https://paper-api.alpaca.markets@api.alpaca.markets/", Err(())),
            ("https://user@paper-api.alpaca.markets/", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(Endpoint::parse(text).map(|e| e.mode()).map_err(|_| ()), want, "{text}");
        }
        assert!(!Endpoint::Paper("api.alpaca.markets".into()).is_paper(), "a stored value is checked again");
    }

    #[test]
    fn this_build_is_paper() {
        const { assert!(PAPER_ONLY && !LIVE_TRADING_ENABLED && !APPROVE_LIVE_ACTION) };
    }
}
