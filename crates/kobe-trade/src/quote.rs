//! Quotes: what could be bought and sold at an instant, and who says so.
//!
//! A replayed quote names its source and is refused outside replay; nothing here invents a price. Start at [`Quote`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::{self, Decimal};

/// Source of quotes that are made from the open of a historical bar.
pub const REPLAY_SOURCE: &str = "replay:open";

/// Best bid and ask at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Best price to sell at.
    pub bid: Decimal,
    /// Best price to buy at.
    pub ask: Decimal,
    /// When it stood.
    pub at: Timestamp,
    /// Who says so.
    pub source: String,
}

impl Quote {
    /// Returns the labelled quote of replay: 2.5 basis points to each side of the session's open.
    pub fn replay(open: Decimal, at: Timestamp) -> Quote {
        Quote {
            bid: money::price(open * Decimal::new(99_975, 5)),
            ask: money::price(open * Decimal::new(100_025, 5)),
            at,
            source: REPLAY_SOURCE.to_owned(),
        }
    }

    /// Returns whether the quote is of replay.
    pub fn is_replay(&self) -> bool {
        self.source == REPLAY_SOURCE
    }

    /// Returns whether both prices are positive and not locked or crossed.
    pub fn is_sane(&self) -> bool {
        Decimal::ZERO < self.bid && self.bid < self.ask
    }

    /// Returns the limit of an entry at this quote: the ask and a tenth of a percent, to four places.
    pub fn entry_limit(&self) -> Decimal {
        money::price(self.ask * Decimal::new(1_001, 3))
    }

    /// Returns the price in the middle.
    pub fn mid(&self) -> Decimal {
        (self.bid + self.ask) / Decimal::TWO
    }

    /// Returns the spread as a share of the middle; `None` without a positive middle.
    pub fn spread(&self) -> Option<Decimal> {
        let mid = self.mid();
        if mid > Decimal::ZERO { money::ratio(self.ask - self.bid, mid) } else { None }
    }
}
