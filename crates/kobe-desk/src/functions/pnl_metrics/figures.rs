//! Figures of trades: counts, averages, factors, and how sure one can be of them.
//!
//! Money stays decimal; what is divided or drawn from a distribution is a float. A figure that does not exist is null, never zero: no profit factor without a loss, no rate of
//! nothing. Knows no desk and no clock. Start at [`Tally`].

use kobe_quant::stats;
use kobe_trade::book::Trade;
use kobe_trade::money::{self, Decimal};
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

/// With fewer trades a figure is shown with the word `insufficient`.
pub(crate) const SUFFICIENT: usize = 30;
/// Resamples of a bootstrap.
pub(super) const RESAMPLES: usize = 1_000;
/// The seed of every bootstrap: the same trades give the same interval.
pub(super) const SEED: u64 = 42;

/// Trades counted and summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Trades.
    pub trades: u64,
    /// Those with a result above zero.
    pub wins: u64,
    /// Those with a result below zero.
    pub losses: u64,
    /// Dollars won by the wins.
    pub won: Decimal,
    /// Dollars lost by the losses, above zero.
    pub lost: Decimal,
}

impl Tally {
    /// Counts trades.
    pub fn of<'t>(trades: impl IntoIterator<Item = &'t Trade>) -> Tally {
        trades.into_iter().fold(Tally::default(), |mut sum, trade| {
            sum.trades += 1;
            if trade.pnl > Decimal::ZERO {
                (sum.wins, sum.won) = (sum.wins + 1, sum.won + trade.pnl);
            } else if trade.pnl < Decimal::ZERO {
                (sum.losses, sum.lost) = (sum.losses + 1, sum.lost - trade.pnl);
            }
            sum
        })
    }

    /// Returns the dollars of all trades.
    pub fn net(&self) -> Decimal {
        self.won - self.lost
    }

    /// Returns the share of trades that won.
    pub fn win_rate(&self) -> Option<f64> {
        (self.trades > 0).then(|| self.wins as f64 / self.trades as f64)
    }

    /// Returns gross win over gross loss, four places; `None` when nothing was lost.
    pub fn profit_factor(&self) -> Option<Decimal> {
        money::ratio(self.won, self.lost).map(|x| money::round(x, 4))
    }

    /// Returns the mean result of a trade, to the cent.
    pub fn expectancy(&self) -> Option<Decimal> {
        money::ratio(self.net(), money::count(self.trades)).map(money::cents)
    }

    /// Returns counts and rates as artifacts show them.
    pub fn json(&self) -> Value {
        json!({
            "trades": self.trades, "wins": self.wins, "losses": self.losses, "scratches": self.trades - self.wins - self.losses, "win_rate": self.win_rate(),
            "win_rate_wilson_95": stats::wilson95(self.wins, self.trades), "profit_factor": self.profit_factor(), "gross_win": self.won, "gross_loss": self.lost,
            "net": self.net(), "expectancy": self.expectancy(), "insufficient": self.trades < SUFFICIENT as u64,
        })
    }
}

/// Returns a decimal as the nearest float.
pub(super) fn float(x: Decimal) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

/// Returns the results of trades as floats.
pub(super) fn results<'t>(trades: impl IntoIterator<Item = &'t Trade>) -> Vec<f64> {
    trades.into_iter().map(|trade| float(trade.pnl)).collect()
}

/// Returns the result of a trade in multiples of the risk that was planned.
pub(crate) fn r_multiple(trade: &Trade) -> Option<Decimal> {
    money::ratio(trade.pnl, money::count(trade.qty) * trade.distance)
}

/// Returns the middle value, the mean of two where there is no middle one.
pub(super) fn median(mut values: Vec<Decimal>) -> Option<Decimal> {
    values.sort_unstable();
    let (n, half) = (values.len(), values.len() / 2);
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(values[half]),
        _ => money::ratio(values[half - 1] + values[half], Decimal::TWO),
    }
}

/// Returns the mean; `None` of nothing.
pub(super) fn mean(values: &[Decimal]) -> Option<Decimal> {
    money::ratio(values.iter().sum(), money::count(values.len() as u64))
}

/// Percentile intervals at 95 % of what the trades might have come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Intervals {
    /// Mean dollars of a trade.
    pub expectancy: (f64, f64),
    /// Share of wins.
    pub win_rate: (f64, f64),
    /// Gross win over gross loss; an end is `None` where resamples without a loss reach it.
    pub profit_factor: (Option<f64>, Option<f64>),
}

impl Intervals {
    /// Returns the intervals as artifacts show them.
    pub fn json(&self) -> Value {
        json!({ "expectancy": self.expectancy, "win_rate": self.win_rate, "profit_factor": self.profit_factor, "resamples": RESAMPLES, "seed": SEED, "level": 0.95 })
    }
}

/// Draws trades with replacement and returns percentile intervals (B. Efron, 1979); `None` for fewer than [`SUFFICIENT`] trades.
pub(super) fn bootstrap(pnl: &[f64]) -> Option<Intervals> {
    if pnl.len() < SUFFICIENT {
        return None;
    }
    let (n, mut state) = (pnl.len(), SEED);
    let (mut means, mut rates, mut factors) =
        (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let (mut won, mut lost, mut wins) = (0.0, 0.0, 0u32);
        for _ in 0..n {
            let x = pnl[((u128::from(next(&mut state)) * n as u128) >> 64) as usize];
            won += x.max(0.0);
            lost -= x.min(0.0);
            wins += u32::from(x > 0.0);
        }
        means.push((won - lost) / n as f64);
        rates.push(f64::from(wins) / n as f64);
        factors.push(if lost > 0.0 { won / lost } else { f64::INFINITY });
    }
    let factor = ends(factors);
    let finite = |x: f64| x.is_finite().then_some(x);
    Some(Intervals {
        expectancy: ends(means),
        win_rate: ends(rates),
        profit_factor: (finite(factor.0), finite(factor.1)),
    })
}

/// The values that 2.5 % lie below and above.
fn ends(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 40;
    (values[cut], values[values.len() - 1 - cut])
}

/// The next number of xorshift64* (G. Marsaglia, 2003; S. Vigna, 2016). The state is never zero.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// Do two means differ?
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Welch {
    /// The statistic.
    pub t: f64,
    /// Degrees of freedom, by Welch and Satterthwaite.
    pub df: f64,
    /// Chance of a difference at least as large if there is none, two-sided.
    pub p: f64,
}

/// Tests whether two means differ without assuming equal variances (B. L. Welch, 1947); `None` for fewer than two values on a side or no spread at all.
pub(super) fn welch(a: &[f64], b: &[f64]) -> Option<Welch> {
    let (va, vb) = (stats::variance(a)? / a.len() as f64, stats::variance(b)? / b.len() as f64);
    let v = va + vb;
    if v <= 0.0 {
        return None;
    }
    let t = (stats::mean(a) - stats::mean(b)) / v.sqrt();
    let df = v * v / (va * va / (a.len() - 1) as f64 + vb * vb / (b.len() - 1) as f64);
    Some(Welch { t, df, p: beta_share(df / (df + t * t), df / 2.0, 0.5) })
}

/// The regularised incomplete beta function, by its continued fraction (modified Lentz method).
fn beta_share(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast below the mean; above it the mirror image does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_share(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = 1e-300;
    let floor = |v: f64| if v.abs() < tiny { tiny } else { v };
    let (mut c, mut d) = (1.0, 1.0 / floor(1.0 - (a + b) * x / (a + 1.0)));
    let mut sum = d;
    for m in 1..300 {
        let m = f64::from(m);
        for step in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / floor(1.0 + step * d);
            c = floor(1.0 + step / c);
            sum *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front * sum
}

/// The logarithm of the gamma function above zero: shifted up to where Stirling's series is exact to the last digits.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_of_t_has_its_known_values() {
        // Two-sided 5 % points of Student's t, as every table has them.
        for (t, df) in [
            (12.706_204_736, 1.0),
            (2.570_581_836, 5.0),
            (2.228_138_852, 10.0),
            (2.042_272_456, 30.0),
            (1.962_339_081, 1000.0),
        ] {
            let p = beta_share(df / (df + t * t), df / 2.0, 0.5);
            assert!((p - 0.05).abs() < 1e-9, "t {t} with {df} degrees: {p}");
        }
        assert_eq!(beta_share(1.0, 5.0, 0.5), 1.0, "no difference at all");
    }

    #[test]
    fn welch_answers_as_a_worked_example_does() {
        // Computed by hand: means 3 and 6, variances 2.5 and 10 over 5 values each.
        let found = welch(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 4.0, 6.0, 8.0, 10.0]).unwrap();
        assert!((found.t + 3.0 / 2.5f64.sqrt()).abs() < 1e-12 && (found.df - 6.25 / 1.0625).abs() < 1e-12, "{found:?}");
        assert!((0.1..0.12).contains(&found.p), "{found:?}");
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None, "one value has no spread");
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None, "no spread on either side");
    }

    #[test]
    fn a_bootstrap_is_the_same_each_time_and_holds_the_mean() {
        let pnl: Vec<f64> = (0..48).map(|i| if i % 3 == 0 { -40.0 } else { 50.0 + f64::from(i) }).collect();
        let (a, b) = (bootstrap(&pnl).unwrap(), bootstrap(&pnl).unwrap());
        assert_eq!(a, b);
        let mean = stats::mean(&pnl);
        assert!(a.expectancy.0 < mean && mean < a.expectancy.1 && a.expectancy.1 - a.expectancy.0 < 40.0, "{a:?}");
        assert!(a.win_rate.0 < 2.0 / 3.0 && 2.0 / 3.0 < a.win_rate.1, "{a:?}");
        assert_eq!(bootstrap(&pnl[..29]), None, "29 trades are too few");
        let no_loss = bootstrap(&[1.0; 30]).unwrap();
        assert_eq!((no_loss.expectancy, no_loss.profit_factor), ((1.0, 1.0), (None, None)));
    }

    #[test]
    fn the_middle_of_an_even_count_lies_between() {
        let d = |values: &[i64]| values.iter().map(|v| Decimal::from(*v)).collect::<Vec<_>>();
        assert_eq!(median(d(&[])), None);
        assert_eq!(median(d(&[3, 1, 2])), Some(Decimal::from(2)));
        assert_eq!(median(d(&[4, 1, 2, 3])), Some(Decimal::new(25, 1)));
    }

    #[test]
    fn gamma_has_its_known_values() {
        for (x, want) in
            [(1.0, 1.0f64), (2.0, 1.0), (5.0, 24.0), (0.5, std::f64::consts::PI.sqrt()), (11.0, 3_628_800.0)]
        {
            assert!((ln_gamma(x) - want.ln()).abs() < 1e-12, "{x}");
        }
    }
}
