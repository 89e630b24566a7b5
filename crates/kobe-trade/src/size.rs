//! Size: how many shares of an admitted entry, and which cap decided.
//!
//! The wish is the smaller of what the risk to the stop and a fifth of the account allow, times every factor; then the caps clip it, in their order, and
//! the first smallest one is named. Zero is a valid answer. Every product and quotient is a decimal. Start at [`size`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::check::Figure;
use crate::money::{self, Decimal};
use crate::policy::PolicyMode;

/// The caps, in the order in which a tie is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// The wish itself: risk to the stop, a fifth of the account, and the factors.
    Size,
    /// Dollars an order.
    OrderCap,
    /// Dollars of new entries left today.
    DayBudget,
    /// A tenth of the account in one position.
    #[serde(rename = "position_10pct")]
    Position10pct,
    /// A fifth of the account in new positions a day.
    #[serde(rename = "day_20pct")]
    Day20pct,
    /// Two fifths of the account in all positions.
    #[serde(rename = "open_40pct")]
    Open40pct,
    /// A hundredth of the shares that trade on an average day.
    #[serde(rename = "adv_1pct")]
    Adv1pct,
    /// Cash that is not spoken for.
    Cash,
}

impl Cap {
    /// Returns the word of the signal table.
    pub fn name(self) -> &'static str {
        match self {
            Cap::Size => "size",
            Cap::OrderCap => "order_cap",
            Cap::DayBudget => "day_budget",
            Cap::Position10pct => "position_10pct",
            Cap::Day20pct => "day_20pct",
            Cap::Open40pct => "open_40pct",
            Cap::Adv1pct => "adv_1pct",
            Cap::Cash => "cash",
        }
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Everything that sizing looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeCase {
    /// Cash and positions at the prices of the entry, to the cent.
    pub equity: Decimal,
    /// Cash, without what open entries reserve.
    pub cash: Decimal,
    /// Limit price of the order.
    pub limit: Decimal,
    /// Dollars from entry to stop, to the cent, in the shares of today.
    pub distance: Decimal,
    /// The quality score; under 80 the size is four fifths.
    pub score: Figure,
    /// Further factors by name: 0.5 for an unknown earnings date, 0.5 before an FOMC day, drift, regime and so on.
    pub factors: Vec<(String, Decimal)>,
    /// The policy in force.
    pub mode: PolicyMode,
    /// Dollars of entries filled or reserved today.
    pub used_today: Decimal,
    /// Dollars in all positions at the prices of the entry, open entries and what still counts of freed ones included.
    pub open: Decimal,
    /// Average shares traded a day over 60 days, in the shares of the signal's bar.
    pub adv_shares: Figure,
    /// Split ratio where today is an ex-date, else 1.
    pub split: Decimal,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizing {
    /// Shares to buy; 0 where the binding cap leaves none.
    pub qty: u64,
    /// The cap that decided.
    pub binding: Cap,
    /// Every cap in shares, in order; negative where it is already exceeded.
    pub caps: Vec<(Cap, i64)>,
    /// Dollars of the order at its limit.
    pub notional: Decimal,
    /// Dollars lost if the stop fills at its price.
    pub risk: Decimal,
}

/// What cannot be sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No account to size on.
    #[error("equity is not positive")]
    Equity,
    /// No price.
    #[error("the limit price is not positive")]
    Limit,
    /// A figure that no decimal can hold, or an overflow.
    #[error("a figure is out of range")]
    Range,
}

/// Returns the tier of a score: full size from 80, four fifths below.
pub fn tier(score: f64) -> Decimal {
    if score >= 80.0 { Decimal::ONE } else { Decimal::new(8, 1) }
}

/// Returns the distance to the stop in cents, from the strategy's risk in dollars of the signal's bar; `split` is the ratio of a split since, or 1.
/// `None` where the risk is no number.
pub fn planned_distance(risk_dollars: f64, split: Decimal) -> Option<Decimal> {
    money::ratio(money::from_f64(risk_dollars)?, split).map(money::cents)
}

/// Returns the distance to the stop that sizing uses: the strategy's own, or 5 % of the price where that is under a cent.
pub fn stop_distance(risk: Decimal, price: Decimal) -> Decimal {
    let own = money::cents(risk);
    if own < Decimal::new(1, 2) { money::cents(price * Decimal::new(5, 2)) } else { own }
}

/// Sizes one entry.
///
/// # Errors
/// [`SizeError`] where equity or the limit is not positive, or a figure overflows: there is no order then.
pub fn size(case: &SizeCase) -> Result<Sizing, SizeError> {
    if case.equity <= Decimal::ZERO {
        return Err(SizeError::Equity);
    }
    if case.limit <= Decimal::ZERO {
        return Err(SizeError::Limit);
    }
    let percent = |n: i64| Decimal::new(n, 2);
    let limits = case.mode.limits();
    let distance = stop_distance(case.distance, case.limit);
    let per_share = |amount: Decimal, each: Decimal| money::ratio(amount, each).ok_or(SizeError::Range);
    let at_limit = |amount: Decimal| per_share(amount, case.limit).map(money::floor);
    let factor = case
        .factors
        .iter()
        .try_fold(tier(case.score.0), |sum, (_, factor)| money::product(sum, *factor))
        .ok_or(SizeError::Range)?;
    let wish = per_share(case.equity * limits.risk, distance)?.min(per_share(case.equity * percent(20), case.limit)?);
    let wish = money::product(wish, factor).map(money::floor).ok_or(SizeError::Range)?;
    let adv = money::from_f64(case.adv_shares.0)
        .and_then(|shares| money::product(shares, percent(1)))
        .and_then(|shares| money::product(shares, case.split))
        .map(money::floor)
        .ok_or(SizeError::Range)?;
    let caps = vec![
        (Cap::Size, wish),
        (Cap::OrderCap, at_limit(limits.per_order)?),
        (Cap::DayBudget, at_limit(limits.per_day - case.used_today)?),
        (Cap::Position10pct, at_limit(case.equity * percent(10))?),
        (Cap::Day20pct, at_limit(case.equity * percent(20) - case.used_today)?),
        (Cap::Open40pct, at_limit(case.equity * percent(40) - case.open)?),
        (Cap::Adv1pct, adv),
        (Cap::Cash, at_limit(case.cash)?),
    ];
    // The first of the smallest: `min_by_key` keeps the first of equals.
    let (binding, shares) = caps.iter().copied().min_by_key(|(_, shares)| *shares).ok_or(SizeError::Range)?;
    let qty = u64::try_from(shares).unwrap_or(0);
    let notional = money::count(qty).checked_mul(case.limit).ok_or(SizeError::Range)?;
    let risk = money::count(qty).checked_mul(distance).ok_or(SizeError::Range)?;
    Ok(Sizing { qty, binding, caps, notional, risk })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    /// GOOG on 2012-01-09, from golden_2012_signals.csv: 12 shares, bound by `size`.
    fn case() -> SizeCase {
        SizeCase {
            equity: d("100000.00"),
            cash: d("100000"),
            limit: d("647.3072"),
            distance: d("21.69"),
            score: Figure(73.997845),
            factors: vec![("earnings_unknown".into(), d("0.5"))],
            mode: PolicyMode::Paper,
            used_today: d("0"),
            open: d("0"),
            adv_shares: Figure(2_500_000.5),
            split: d("1"),
        }
    }

    #[test]
    fn caps_bind_by_the_table() {
        type Change = fn(&mut SizeCase);
        let rows: [(&str, Change, Cap, u64); 14] = [
            ("1 % risk x four fifths x half", |_| (), Cap::Size, 12),
            (
                "a score of 80 is full size: 23 by risk, 15 by the account, half",
                |c| c.score = Figure(80.0),
                Cap::Size,
                15,
            ),
            ("half again before an FOMC day", |c| c.factors.push(("fomc_eve".into(), d("0.5"))), Cap::Size, 6),
            ("the day's budget", |c| c.used_today = d("40000"), Cap::Day20pct, 0),
            (
                "the day's budget on a large account",
                |c| (c.used_today, c.equity) = (d("41000"), d("300000")),
                Cap::DayBudget,
                6,
            ),
            ("the order cap on a large account", |c| c.equity = d("1000000"), Cap::OrderCap, 23),
            ("a fifth of the account a day", |c| c.used_today = d("15000"), Cap::Day20pct, 7),
            ("two fifths of the account open", |c| c.open = d("38000"), Cap::Open40pct, 3),
            ("over two fifths is negative and buys nothing", |c| c.open = d("45000"), Cap::Open40pct, 0),
            ("a hundredth of thin trading", |c| c.adv_shares = Figure(1000.0), Cap::Adv1pct, 10),
            (
                "thin trading counts in today's shares",
                |c| (c.adv_shares, c.split) = (Figure(500.0), d("2")),
                Cap::Adv1pct,
                10,
            ),
            ("cash", |c| c.cash = d("1300"), Cap::Cash, 2),
            (
                "a tenth of the account where the stop is close",
                |c| (c.distance, c.score, c.factors) = (d("1.00"), Figure(90.0), vec![]),
                Cap::Position10pct,
                15,
            ),
            ("canary buys none of it", |c| c.mode = PolicyMode::Canary, Cap::OrderCap, 0),
        ];
        for (what, change, binding, qty) in rows {
            let mut case = case();
            change(&mut case);
            let sizing = size(&case).unwrap();
            assert_eq!((sizing.binding, sizing.qty), (binding, qty), "{what}: {:?}", sizing.caps);
        }
    }

    #[test]
    fn the_first_cap_named_wins_a_tie() {
        let mut case = case();
        case.cash = d("7767.6864");
        let sizing = size(&case).unwrap();
        assert_eq!(sizing.caps.last(), Some(&(Cap::Cash, 12)));
        assert_eq!(sizing.binding, Cap::Size);
    }

    #[test]
    fn a_stop_without_distance_is_five_percent() {
        assert_eq!(stop_distance(d("0.004"), d("100")), d("5.00"));
        assert_eq!(stop_distance(d("0.01"), d("100")), d("0.01"));
        assert_eq!(stop_distance(d("-3"), d("100")), d("5.00"));
    }

    #[test]
    fn what_cannot_be_sized_is_an_error() {
        type Change = fn(&mut SizeCase);
        let rows: [(&str, Change, SizeError); 4] = [
            ("no equity", |c| c.equity = d("0"), SizeError::Equity),
            ("debt", |c| c.equity = d("-5"), SizeError::Equity),
            ("no price", |c| c.limit = d("0"), SizeError::Limit),
            ("volume that is no number", |c| c.adv_shares = Figure(f64::NAN), SizeError::Range),
        ];
        for (what, change, want) in rows {
            let mut case = case();
            change(&mut case);
            assert_eq!(size(&case), Err(want), "{what}");
        }
    }
}
