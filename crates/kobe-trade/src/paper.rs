//! Paper: at which price, and whether, the embedded broker fills.
//!
//! Buys fill at the ask and 5 basis points, sales at the bid less 5, never worse than the limit; the whole order or none of it, against a quote that
//! somebody really gave, and never into negative cash. Holds no account: the caller brings the cash. Start at [`fill`].

use jiff::civil::Date;

use crate::fees::{FeeError, FeeTable};
use crate::gate::Permit;
use crate::id::Side;
use crate::money::{self, Decimal};
use crate::order::{Fill, Order};
use crate::quote::Quote;

/// Why the embedded broker does not fill an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperRefusal {
    /// The permit is for another order.
    #[error("the permit does not cover the order")]
    NotCovered,
    /// The quote is crossed, locked or not positive.
    #[error("no fill against {bid} bid, {ask} ask")]
    BadQuote {
        /// Best price to sell at.
        bid: Decimal,
        /// Best price to buy at.
        ask: Decimal,
    },
    /// The market is past the limit: the order is cancelled at once.
    #[error("the market is at {market}, past the limit {limit}")]
    PastLimit {
        /// Where the market is.
        market: Decimal,
        /// The limit.
        limit: Decimal,
    },
    /// The account cannot pay.
    #[error("{needed} needed, {cash} in cash")]
    NoCash {
        /// Dollars of the fill.
        needed: Decimal,
        /// Cash.
        cash: Decimal,
    },
    /// More shares than the account holds.
    #[error("{asked} shares to sell, {held} held")]
    NoShares {
        /// Shares to sell.
        asked: u64,
        /// Shares held.
        held: u64,
    },
    /// The fees of the sale are not known.
    #[error(transparent)]
    Fees(#[from] FeeError),
    /// An overflow.
    #[error("a figure is out of range")]
    Range,
}

/// Returns the price of a purchase at the ask and 5 basis points, or at the limit where that is lower; `None` where the ask is past the limit.
pub fn buy_price(ask: Decimal, limit: Option<Decimal>) -> Option<Decimal> {
    let slipped = money::price(ask * Decimal::new(10_005, 4));
    match limit {
        Some(limit) if ask > limit => None,
        Some(limit) => Some(slipped.min(limit)),
        None => Some(slipped),
    }
}

/// Returns the price of a sale at the bid less 5 basis points, or at the limit where that is higher; `None` where the bid is past the limit.
pub fn sell_price(bid: Decimal, limit: Option<Decimal>) -> Option<Decimal> {
    let slipped = money::price(bid * Decimal::new(9_995, 4));
    match limit {
        Some(limit) if bid < limit => None,
        Some(limit) => Some(slipped.max(limit)),
        None => Some(slipped),
    }
}

/// Returns the price at which a stop sells that was reached within a session: the lower of its open and the stop, less half the spread and the slip.
pub fn stop_price(open: Decimal, stop: Decimal) -> Decimal {
    let bid = money::price(open.min(stop) * Decimal::new(99_975, 5));
    money::price(bid * Decimal::new(9_995, 4))
}

/// What the embedded account holds when an order arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purse {
    /// Cash.
    pub cash: Decimal,
    /// Shares of the symbol.
    pub shares: u64,
}

/// Fills an order whole, or says why not. The permit is only looked at here; the broker that calls has used it up.
///
/// # Errors
/// [`PaperRefusal`].
pub fn fill(
    permit: &Permit,
    order: &Order,
    quote: &Quote,
    purse: Purse,
    fees: &FeeTable,
    day: Date,
) -> Result<Fill, PaperRefusal> {
    if !permit.covers(order) {
        return Err(PaperRefusal::NotCovered);
    }
    if !quote.is_sane() {
        return Err(PaperRefusal::BadQuote { bid: quote.bid, ask: quote.ask });
    }
    let (qty, limit) = (order.rest(), order.ticket.limit);
    let past = |market: Decimal| PaperRefusal::PastLimit { market, limit: limit.unwrap_or_default() };
    let notional = |price: Decimal| money::count(qty).checked_mul(price).ok_or(PaperRefusal::Range);
    match order.ticket.side {
        Side::Buy => {
            let price = buy_price(quote.ask, limit).ok_or_else(|| past(quote.ask))?;
            let needed = notional(price)?;
            if needed > purse.cash {
                return Err(PaperRefusal::NoCash { needed, cash: purse.cash });
            }
            Ok(Fill { total: qty, notional: needed, fees: Decimal::ZERO })
        }
        Side::Sell => {
            if qty > purse.shares {
                return Err(PaperRefusal::NoShares { asked: qty, held: purse.shares });
            }
            let price = sell_price(quote.bid, limit).ok_or_else(|| past(quote.bid))?;
            sale(qty, price, fees, day)
        }
    }
}

/// Returns the fill of a sale at a price, with its fees.
///
/// # Errors
/// [`PaperRefusal::Fees`] where the table does not cover the day.
pub fn sale(qty: u64, price: Decimal, fees: &FeeTable, day: Date) -> Result<Fill, PaperRefusal> {
    let notional = money::count(qty).checked_mul(price).ok_or(PaperRefusal::Range)?;
    Ok(Fill { total: qty, notional, fees: fees.sale(day, qty, notional)?.total() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    /// GOOG 2012-01-09 opened at 646.50: figures of golden_2012_trades.csv.
    #[test]
    fn prices_are_those_of_the_reference() {
        let quote = Quote::replay(d("646.50"), "2012-01-09T15:15:00Z".parse().unwrap());
        assert_eq!((quote.bid, quote.ask), (d("646.3384"), d("646.6616")));
        assert_eq!(quote.entry_limit(), d("647.3083"));
        assert_eq!(buy_price(quote.ask, Some(quote.entry_limit())), Some(d("646.9849")));
        assert_eq!(stop_price(d("646.50"), d("625.29")), d("624.8211"), "the stop");
        assert_eq!(stop_price(d("620.00"), d("625.29")), d("619.5351"), "a gap through the stop fills at the open");
    }

    #[test]
    fn a_fill_is_never_worse_than_the_limit() {
        for (what, got, want) in [
            (
                "bought at the limit where the slip would pass it",
                buy_price(d("100"), Some(d("100.02"))),
                Some("100.02"),
            ),
            ("bought at the ask where that is the limit", buy_price(d("100"), Some(d("100"))), Some("100")),
            ("not bought past the limit", buy_price(d("100.01"), Some(d("100"))), None),
            ("bought without a limit", buy_price(d("100"), None), Some("100.05")),
            ("sold at the limit where the slip would pass it", sell_price(d("100"), Some(d("99.98"))), Some("99.98")),
            ("not sold past the limit", sell_price(d("99.97"), Some(d("99.98"))), None),
            ("sold without a limit", sell_price(d("100"), None), Some("99.95")),
        ] {
            assert_eq!(got, want.map(d), "{what}");
        }
    }
}
