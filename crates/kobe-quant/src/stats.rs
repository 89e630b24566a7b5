//! Statistics of returns and trades: the textbook formulas, each with its divisor named.
//!
//! Where a figure does not exist (too few values, no spread, no loss) the answer is `None`, never a zero or an infinity. Start at [`sharpe`] or [`wilson95`].

use serde::{Deserialize, Serialize};

use crate::DAYS_PER_YEAR;

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
const Z95_TWO_SIDED: f64 = 1.959_963_984_540_054;
/// The 95 % quantile as the desk's rule writes it.
const Z95_ONE_SIDED: f64 = 1.645;

/// Returns the arithmetic mean; NaN of nothing.
pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// Returns the sample covariance, divisor n - 1; `None` for unequal lengths or fewer than two pairs.
pub fn cov(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    let (mx, my) = (mean(x), mean(y));
    Some(x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum::<f64>() / (x.len() - 1) as f64)
}

/// Returns the sample variance, divisor n - 1; `None` for fewer than two values.
pub fn variance(x: &[f64]) -> Option<f64> {
    cov(x, x)
}

/// Returns the sample standard deviation, divisor n - 1; `None` for fewer than two values.
pub fn std(x: &[f64]) -> Option<f64> {
    variance(x).map(f64::sqrt)
}

/// Returns Pearson's correlation, -1 to 1; `None` for unequal lengths, fewer than two pairs or a constant side.
pub fn corr(x: &[f64], y: &[f64]) -> Option<f64> {
    let spread = (variance(x)? * variance(y)?).sqrt();
    let rho = cov(x, y)? / spread;
    (spread > 0.0 && rho.is_finite()).then(|| rho.clamp(-1.0, 1.0))
}

/// Returns the Wilson score interval of a share at 95 % (E. B. Wilson, 1927); `None` when nothing was counted or more hits than trials.
///
/// ```
/// let (low, high) = kobe_quant::stats::wilson95(34, 48).unwrap();
/// assert!((low - 0.568).abs() < 1e-3 && (high - 0.818).abs() < 1e-3);
/// ```
pub fn wilson95(hits: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 || hits > trials {
        return None;
    }
    let (n, z) = (trials as f64, Z95_TWO_SIDED);
    let p = hits as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    // At the ends the bounds are 0 and 1 exactly; the formula misses them by an ulp.
    let low = if hits == 0 { 0.0 } else { (middle - half) / whole };
    let high = if hits == trials { 1.0 } else { (middle + half) / whole };
    Some((low, high))
}

/// Returns the annualised Sharpe ratio of daily returns, no riskless rate taken off: mean / std (n - 1) x sqrt(252) (W. F. Sharpe, 1966).
///
/// `None` for fewer than two returns or returns without spread.
pub fn sharpe(returns: &[f64]) -> Option<f64> {
    let std = std(returns)?;
    (std > 0.0).then(|| mean(returns) / std * DAYS_PER_YEAR.sqrt())
}

/// Returns the annualised Sortino ratio of daily returns with target 0: mean / sqrt(mean of min(r, 0)^2) x sqrt(252) (F. A. Sortino, 1991).
///
/// The downside is averaged over all returns, not only the losing ones. `None` for no returns or no loss.
pub fn sortino(returns: &[f64]) -> Option<f64> {
    let downside = (returns.iter().map(|r| r.min(0.0).powi(2)).sum::<f64>() / returns.len() as f64).sqrt();
    (downside > 0.0).then(|| mean(returns) / downside * DAYS_PER_YEAR.sqrt())
}

/// Returns the profit factor, gross win / |gross loss|; `None` when nothing was lost.
pub fn profit_factor(pnl: &[f64]) -> Option<f64> {
    let won: f64 = pnl.iter().filter(|x| **x > 0.0).sum();
    let lost: f64 = -pnl.iter().filter(|x| **x < 0.0).sum::<f64>();
    (lost > 0.0).then(|| won / lost)
}

/// A fall of an equity curve from a peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// The fall as a share of the peak, 0 to 1.
    pub depth: f64,
    /// The place of the peak.
    pub peak: usize,
    /// The place of the lowest point after it.
    pub trough: usize,
}

/// Returns the deepest fall from an earlier peak, the first one on a tie; `None` of an empty curve or one that is not above zero throughout.
///
/// A curve that never falls has depth 0 at its first point.
pub fn max_drawdown(equity: &[f64]) -> Option<Drawdown> {
    if equity.is_empty() || !equity.iter().all(|x| *x > 0.0) {
        return None;
    }
    let (mut peak, mut worst) = (0, Drawdown { depth: 0.0, peak: 0, trough: 0 });
    for (i, value) in equity.iter().enumerate() {
        if *value > equity[peak] {
            peak = i;
        }
        let depth = 1.0 - value / equity[peak];
        if depth > worst.depth {
            worst = Drawdown { depth, peak, trough: i };
        }
    }
    Some(worst)
}

/// Returns the depth below the highest point so far, for each point of the curve: 0 at a peak, 0.1 after a fall by a tenth.
pub fn drawdowns(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    let under = |value: &f64| {
        peak = peak.max(*value);
        1.0 - value / peak
    };
    equity.iter().map(under).collect()
}

/// Returns the simple returns between the points of a curve, one fewer than there are points.
pub fn returns(curve: &[f64]) -> Vec<f64> {
    curve.windows(2).map(|w| w[1] / w[0] - 1.0).collect()
}

/// Returns the parametric value at risk of a portfolio in dollars: 5 days, 95 %, 1.645 x sqrt(5 x w'Sw).
///
/// Each position is its value in dollars and its daily log returns, all of one length; S is their sample covariance (n - 1). No drift is assumed
/// (variance-covariance method, J. P. Morgan, RiskMetrics, 1996). Nothing held is no risk. `None` for unequal lengths or fewer than two returns.
pub fn value_at_risk_5d(positions: &[(f64, &[f64])]) -> Option<f64> {
    let mut variance = 0.0;
    for (value, own) in positions {
        for (other_value, other) in positions {
            variance += value * other_value * cov(own, other)?;
        }
    }
    Some(Z95_ONE_SIDED * (5.0 * variance.max(0.0)).sqrt())
}
