//! Indicators: columns over columns, one value for each bar.
//!
//! Every function takes the whole column and returns one of the same length; the value at `i` reads entries up to `i` only. Where there are not enough of
//! them it is NaN; [`crate::Series`] turns that into `None`. Windows are summed afresh for each bar (no running sum), so a value does not depend on how
//! much history lies before its window. Start at [`sma`].

/// Applies `f` to each full window of `n` entries that ends at `i`; NaN before the first full one.
pub fn rolling(column: &[f64], n: usize, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; column.len()];
    if n > 0 {
        for (slot, window) in out.iter_mut().skip(n - 1).zip(column.windows(n)) {
            *slot = f(window);
        }
    }
    out
}

/// Returns the simple moving average of the last `n` entries.
pub fn sma(column: &[f64], n: usize) -> Vec<f64> {
    rolling(column, n, crate::stats::mean)
}

/// Returns the highest of the last `n` entries (the upper Donchian channel, R. Donchian).
pub fn highest(column: &[f64], n: usize) -> Vec<f64> {
    rolling(column, n, |w| w.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// Returns the lowest of the last `n` entries (the lower Donchian channel, R. Donchian).
pub fn lowest(column: &[f64], n: usize) -> Vec<f64> {
    rolling(column, n, |w| w.iter().copied().fold(f64::INFINITY, f64::min))
}

/// Returns ln(c / c of the bar before), NaN at the first bar.
pub fn log_returns(close: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    for i in 1..close.len() {
        out[i] = close[i].ln() - close[i - 1].ln();
    }
    out
}

/// Returns the annualised volatility in percent: sample standard deviation (n - 1) of the last `n` log returns x sqrt(252) x 100.
pub fn volatility(logret: &[f64], n: usize) -> Vec<f64> {
    rolling(logret, n, |w| crate::stats::std(w).unwrap_or(f64::NAN) * crate::DAYS_PER_YEAR.sqrt() * 100.0)
}

/// Returns the simple-mean RSI of `n` differences, 0 to 100; NaN for the first `n` bars.
///
/// 100 - 100 / (1 + mean gain / mean loss). With no loss it is 100, with neither gain nor loss 50. This is Cutler's variant of Wilder's index (J. W. Wilder,
/// New Concepts in Technical Trading Systems, 1978): plain means in place of smoothed ones. The smoothed index is another function with another name; the
/// two are never mixed.
pub fn rsi_simple(close: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    if n == 0 {
        return out;
    }
    for (slot, window) in out.iter_mut().skip(n).zip(close.windows(n + 1)) {
        let (mut gain, mut loss) = (0.0, 0.0);
        for pair in window.windows(2) {
            let step = pair[1] - pair[0];
            if step > 0.0 {
                gain += step;
            } else if step < 0.0 {
                loss -= step;
            }
        }
        let (gain, loss) = (gain / n as f64, loss / n as f64);
        *slot = match (gain > 0.0, loss > 0.0) {
            (_, true) => 100.0 - 100.0 / (1.0 + gain / loss),
            (true, false) => 100.0,
            (false, false) => 50.0,
        };
    }
    out
}

/// Returns the average true range by Wilder's smoothing with weight 1/n; NaN before bar `n - 1`.
///
/// The true range is max(high - low, |high - previous close|, |low - previous close|); of the first bar it is high - low and seeds the average
/// (J. W. Wilder, New Concepts in Technical Trading Systems, 1978).
pub fn atr_wilder(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    let mut atr = f64::NAN;
    for i in 0..close.len() {
        let span = high[i] - low[i];
        if i == 0 {
            atr = span;
        } else {
            let range = span.max((high[i] - close[i - 1]).abs()).max((low[i] - close[i - 1]).abs());
            atr += (range - atr) / n as f64;
        }
        if i + 1 >= n {
            out[i] = atr;
        }
    }
    out
}

/// Returns how many bars in a row, ending at each bar, closed below the bar before them.
pub fn down_streak(close: &[f64]) -> Vec<u32> {
    let mut out = vec![0; close.len()];
    for i in 1..close.len() {
        out[i] = if close[i] < close[i - 1] { out[i - 1] + 1 } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand-made: the cases in which a mean loss or gain vanishes.
    #[test]
    fn rsi_simple_at_its_edges() {
        for (name, close, expect) in [
            ("two rises have no loss", [10.0, 11.0, 12.0], 100.0),
            ("two falls have no gain", [12.0, 11.0, 10.0], 0.0),
            ("no change at all is 50", [10.0, 10.0, 10.0], 50.0),
            ("a rise and a rest have no loss", [10.0, 10.0, 11.0], 100.0),
            ("a fall and a rest have no gain", [11.0, 11.0, 10.0], 0.0),
            ("a rise of 1 and a fall of 1 balance", [10.0, 11.0, 10.0], 50.0),
            ("a rise of 1 and a fall of 3 give a quarter", [10.0, 11.0, 8.0], 25.0),
        ] {
            let rsi = rsi_simple(&close, 2);
            assert!(rsi[0].is_nan() && rsi[1].is_nan(), "{name}");
            assert_eq!(rsi[2], expect, "{name}");
        }
    }

    /// Hand-made: three bars, n = 2; the first true range is high - low, the gap up counts in the second, the gap down in the third.
    #[test]
    fn atr_begins_with_the_first_span() {
        let atr = atr_wilder(&[10.0, 15.0, 9.0], &[8.0, 14.0, 8.0], &[9.0, 14.0, 8.5], 2);
        assert!(atr[0].is_nan(), "one bar is less than n");
        assert_eq!(atr[1], 2.0 + (6.0 - 2.0) / 2.0, "|15 - 9| beats 15 - 14");
        assert_eq!(atr[2], 4.0 + (6.0 - 4.0) / 2.0, "|8 - 14| beats 9 - 8");
        assert_eq!(atr_wilder(&[10.0], &[8.0], &[9.0], 1), [2.0], "with n = 1 the first bar already counts");
    }

    #[test]
    fn windows_wait_until_they_are_full() {
        let x = [3.0, 1.0, 2.0, 5.0];
        let shown = |v: Vec<f64>| format!("{v:?}");
        assert_eq!(shown(sma(&x, 2)), "[NaN, 2.0, 1.5, 3.5]");
        assert_eq!(shown(highest(&x, 3)), "[NaN, NaN, 3.0, 5.0]");
        assert_eq!(shown(lowest(&x, 3)), "[NaN, NaN, 1.0, 1.0]");
        assert_eq!(shown(sma(&x, 5)), "[NaN, NaN, NaN, NaN]");
        assert_eq!(shown(sma(&[], 2)), "[]");
        assert_eq!(shown(sma(&x, 0)), "[NaN, NaN, NaN, NaN]");
        assert_eq!(down_streak(&[5.0, 4.0, 3.0, 3.0, 2.0]), [0, 1, 2, 0, 1]);
    }
}
