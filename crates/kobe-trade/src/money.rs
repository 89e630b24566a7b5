//! Money: decimals rounded the one way that the whole desk rounds.
//!
//! Prices carry four places, cash amounts two; every rounding is half to even, quotients keep 28 significant digits, fees go up to the cent and shares
//! go down to whole ones. Never an `f64` in a ledger: [`from_f64`] is the one door, for indicator values that become money. Start at [`price`].

use kobe_quant::Px;
use rust_decimal::RoundingStrategy::{MidpointNearestEven, ToNegativeInfinity, ToPositiveInfinity};
use rust_decimal::prelude::ToPrimitive;

pub use rust_decimal::Decimal;

/// Significant digits that a quotient or product keeps (the decimal context of the reference).
const DIGITS: u32 = 28;

/// Rounds to `places`, half to even, and writes exactly that many places.
///
/// ```
/// use kobe_trade::money::{Decimal, round};
/// let text = |x: &str, places| round(x.parse::<Decimal>().unwrap(), places).to_string();
/// assert_eq!(text("2.125", 2), "2.12", "a tie goes to the even digit");
/// assert_eq!(text("26.1", 4), "26.1000", "and short values are padded");
/// ```
pub fn round(x: Decimal, places: u32) -> Decimal {
    let mut out = x.round_dp_with_strategy(places, MidpointNearestEven);
    out.rescale(places);
    out
}

/// Rounds a price: four places, half to even.
pub fn price(x: Decimal) -> Decimal {
    round(x, 4)
}

/// Rounds an amount of cash: two places, half to even.
pub fn cents(x: Decimal) -> Decimal {
    round(x, 2)
}

/// Rounds a fee up to the next cent.
pub fn cents_up(x: Decimal) -> Decimal {
    let mut out = x.round_dp_with_strategy(2, ToPositiveInfinity);
    out.rescale(2);
    out
}

/// Returns the whole shares in `x`, rounded down; saturates at the bounds of `i64`.
pub fn floor(x: Decimal) -> i64 {
    let whole = x.round_dp_with_strategy(0, ToNegativeInfinity);
    whole.to_i64().unwrap_or(if whole.is_sign_negative() { i64::MIN } else { i64::MAX })
}

/// Decimal places of a dividend that a quotient can depend on.
const DIVIDEND_PLACES: u32 = 20;

/// Divides, keeping 28 significant digits; `None` when `b` is zero or the quotient overflows.
pub fn ratio(a: Decimal, b: Decimal) -> Option<Decimal> {
    // rust_decimal 1.43 panics where a dividend of 28 places leaves a remainder; nothing here means anything past the 20th.
    let a = if a.scale() > DIVIDEND_PLACES { round(a, DIVIDEND_PLACES) } else { a };
    a.checked_div(b)?.round_sf_with_strategy(DIGITS, MidpointNearestEven)
}

/// Multiplies, keeping 28 significant digits; `None` on overflow.
pub fn product(a: Decimal, b: Decimal) -> Option<Decimal> {
    a.checked_mul(b)?.round_sf_with_strategy(DIGITS, MidpointNearestEven)
}

/// Converts an indicator value, digit for digit up to 28; `None` for infinities, NaN and what no decimal can hold.
pub fn from_f64(x: f64) -> Option<Decimal> {
    if x.is_finite() { Decimal::from_f64_retain(x) } else { None }
}

/// Converts a price of the bars, exactly.
pub fn px(x: Px) -> Decimal {
    Decimal::new(x.ticks(), 4)
}

/// Returns `n` shares (or any count) as a decimal.
pub fn count(n: u64) -> Decimal {
    Decimal::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dividend_of_many_places_divides() {
        let third = ratio(Decimal::ONE, Decimal::from(3)).expect("a quotient");
        for n in 1..200_u64 {
            let mut sum = third;
            for divisor in [n, 7 * n, 1_000_003 * n] {
                sum = ratio(sum, count(divisor)).expect("a quotient");
            }
            assert!(sum > Decimal::ZERO || n > 100, "{n}");
        }
    }

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn rounding_follows_the_table() {
        for (what, got, want) in [
            ("a price tie goes to the even digit", price(d("1.00005")), "1.0000"),
            ("the next tie goes up to the even digit", price(d("1.00015")), "1.0002"),
            ("cash tie below", cents(d("0.125")), "0.12"),
            ("cash tie above", cents(d("0.135")), "0.14"),
            ("a negative tie goes to the even digit too", cents(d("-0.125")), "-0.12"),
            ("a fee of a thousandth is a cent", cents_up(d("0.001")), "0.01"),
            ("a whole cent stays", cents_up(d("0.01")), "0.01"),
            ("zero stays zero", cents_up(d("0")), "0.00"),
        ] {
            assert_eq!(got.to_string(), want, "{what}");
        }
    }

    #[test]
    fn shares_go_down_also_below_zero() {
        for (x, want) in [("2.999", 2), ("2", 2), ("0.5", 0), ("-0.5", -1), ("99999999999999999999", i64::MAX)] {
            assert_eq!(floor(d(x)), want, "{x}");
        }
    }

    #[test]
    fn quotients_keep_28_digits() {
        assert_eq!(ratio(d("1000"), d("3")).unwrap().to_string(), "333.3333333333333333333333333");
        assert_eq!(ratio(d("1"), d("0")), None);
        let third = ratio(d("1000"), d("3")).unwrap();
        assert_eq!(floor(product(third, d("0.6")).unwrap()), 200, "as the reference rounds 199.99...98");
    }

    #[test]
    fn floats_enter_exactly_or_not_at_all() {
        assert_eq!(from_f64(2.125), Some(d("2.125")));
        assert_eq!(cents(from_f64(0.1).unwrap()), d("0.10"));
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(from_f64(x), None, "{x}");
        }
    }
}
