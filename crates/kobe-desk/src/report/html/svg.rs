//! Pictures: scales, ticks and paths, written as SVG text by hand.
//!
//! Coordinates have one decimal and are never NaN, so the same values give the same bytes. Colours are classes of the page's style sheet. Start at [`Scale`].

use std::fmt::Write as _;

use jiff::civil::Date;

/// A straight map from values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Maps `low..high` to `from..to`; a range of nothing is put in the middle.
    pub fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Scale {
        Scale { low, high, from, to }
    }

    /// Returns the place of a value in pixels.
    pub fn at(&self, value: f64) -> f64 {
        let range = self.high - self.low;
        let share = if range.abs() > f64::EPSILON { (value - self.low) / range } else { 0.5 };
        self.from + share * (self.to - self.from)
    }
}

/// Returns the range of some values with a little room at both ends; a flat line gets room in proportion to its height.
pub(super) fn range(values: impl Iterator<Item = f64>, room: f64) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|x| x.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return None;
    }
    let flat = (low.abs().max(high.abs()) * 0.005).max(1e-6);
    let pad = if high - low > flat * 1e-3 { (high - low) * room } else { flat };
    Some((low - pad, high + pad))
}

/// Returns round values within a range, about `count` of them.
pub(super) fn ticks((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let raw = (high - low) / count.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return Vec::new();
    }
    let base = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * base)
        .into_iter()
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(base * 10.0);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Returns as many decimal places as the difference of two neighbours needs.
pub(super) fn places(ticks: &[f64]) -> usize {
    let step = ticks.windows(2).map(|w| w[1] - w[0]).next().unwrap_or(1.0);
    (0..6).find(|p| (step * 10_f64.powi(*p) - (step * 10_f64.powi(*p)).round()).abs() < 1e-6).unwrap_or(6) as usize
}

/// Writes a coordinate: one decimal, no `.0`, no minus before nothing.
pub(super) fn px(x: f64) -> String {
    let text = format!("{:.1}", if x.is_finite() { x } else { 0.0 });
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Draws a line through points; `None` lifts the pen.
pub(super) fn line(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut down = false;
    for point in points {
        if let Some((x, y)) = point {
            let _ = write!(path, "{}{} {}", if down { 'L' } else { 'M' }, px(x), px(y));
        }
        down = point.is_some();
    }
    path
}

/// One label on the axis of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayTick {
    /// Place among the sessions.
    pub at: usize,
    /// What it says.
    pub label: String,
}

/// Chooses years, quarters, months, weeks or days as labels for sorted sessions, at most a dozen or so.
pub(super) fn day_ticks(dates: &[Date]) -> Vec<DayTick> {
    type Key = fn(Date) -> (i16, i16);
    let forms: [(Key, &str, &str); 5] = [
        (|d| (d.year(), 0), "%Y", "%Y"),
        (|d| (d.year(), i16::from((d.month() - 1) / 3)), "%b", "%b %Y"),
        (|d| (d.year(), i16::from(d.month())), "%b", "%b %Y"),
        (|d| (d.iso_week_date().year(), i16::from(d.iso_week_date().week())), "%-d %b", "%-d %b %Y"),
        (|d| (d.year(), d.day_of_year()), "%-d %b", "%-d %b %Y"),
    ];
    let (key, short, long) = match dates.len() {
        800.. => forms[0],
        300.. => forms[1],
        60.. => forms[2],
        13.. => forms[3],
        _ => forms[4],
    };
    let mut found: Vec<DayTick> = Vec::new();
    let mut year = None;
    for (at, date) in dates.iter().enumerate() {
        // A stretch that begins in the middle of a year has its label where the next one begins, unless there is no other.
        let turns = at.checked_sub(1).is_none_or(|before| key(dates[before]) != key(*date));
        if turns {
            let form = if year == Some(date.year()) { short } else { long };
            year = Some(date.year());
            found.push(DayTick { at, label: date.strftime(form).to_string() });
        }
    }
    if let [first, second, ..] = found.as_slice()
        && (second.at - first.at) * 16 < dates.len()
    {
        found.remove(0);
    }
    let every = found.len().div_ceil(14).max(1);
    found.into_iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;

    #[test]
    fn ticks_are_round() {
        for (what, range, want) in [
            ("thousands", (99_500.0, 101_800.0), vec![99_500.0, 100_000.0, 100_500.0, 101_000.0, 101_500.0]),
            ("below zero", (-1.5, 0.0), vec![-1.5, -1.0, -0.5, 0.0]),
            ("nothing", (5.0, 5.0), vec![]),
            ("no number", (f64::NAN, 5.0), vec![]),
        ] {
            assert_eq!(ticks(range, if want.len() == 4 { 3 } else { 5 }), want, "{what}");
        }
        assert_eq!((places(&[0.0, 0.25]), places(&[0.0, 500.0]), places(&[])), (2, 0, 0));
    }

    #[test]
    fn a_flat_line_stands_in_the_middle() {
        let range = range([100.0, 100.0].into_iter(), 0.1).unwrap();
        assert_eq!(px(Scale::new(range, (0.0, 50.0)).at(100.0)), "25");
        assert_eq!(Scale::new((1.0, 1.0), (0.0, 50.0)).at(1.0), 25.0);
        assert_eq!(super::range(std::iter::empty(), 0.1), None);
    }

    #[test]
    fn a_pen_is_lifted_over_a_gap() {
        let points = [Some((0.0, 1.0)), Some((1.0, f64::NAN)), None, Some((2.05, 3.0))];
        assert_eq!(line(points.into_iter()), "M0 1L1 0M2 3");
    }

    #[test]
    fn days_are_labelled_by_what_fits() {
        let days = |from: Date, n: usize| -> Vec<Date> { (0..n as i64).map(|i| from + i.days()).collect() };
        let labels = |dates: &[Date]| day_ticks(dates).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(&days(date(2004, 1, 2), 1000)), ["2004", "2005", "2006"]);
        assert_eq!(labels(&days(date(2012, 1, 3), 4)), ["3 Jan 2012", "4 Jan", "5 Jan", "6 Jan"]);
        assert_eq!(labels(&days(date(2011, 12, 30), 90)), ["Jan 2012", "Feb", "Mar"]);
        assert_eq!(labels(&[]), Vec::<String>::new());
    }
}
