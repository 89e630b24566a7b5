//! The universe: which symbols count on a date.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kobe_quant::{MIN_BARS, Series};

use crate::data::DataSet;

/// Lowest close as traded: 15 dollars.
const LEAST_CLOSE_TICKS: i64 = 150_000;
/// Lowest mean dollars traded a day.
const LEAST_ADV60: f64 = 5_000_000.0;
/// Entries need this share of the listed symbols that are not warming up.
pub const LEAST_VALID: f64 = 0.90;
/// The word of a symbol whose data is behind.
pub const BEHIND: &str = "no_bar_of_last_session";

/// Where a symbol stands on the last completed bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Before its first bar: not part of the universe.
    NotListed,
    /// Listed, with too few bars for signals.
    Warming,
    /// It counts.
    Valid,
    /// It has bars, but not that of the date: its data is behind.
    Behind,
}

/// Returns where a symbol stands with the bar of `bar_date`.
pub fn standing(series: &Series, bar_date: Date) -> Standing {
    if bar_date < series.first_date() {
        return Standing::NotListed;
    }
    match series.index_of(bar_date) {
        None => Standing::Behind,
        Some(i) if i + 1 < MIN_BARS => Standing::Warming,
        Some(_) => Standing::Valid,
    }
}

/// Says why a symbol with bars enough is not traded all the same.
pub fn refusal(series: &Series, i: usize) -> Option<&'static str> {
    if series.bar(i).is_none_or(|bar| bar.close.ticks() < LEAST_CLOSE_TICKS) {
        return Some("price_below_15");
    }
    match series.adv60(i) {
        Some(dollars) if dollars >= LEAST_ADV60 => None,
        Some(_) => Some("adv_below_5m"),
        None => Some("adv_unknown"),
    }
}

/// How many symbols may be traded on a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Symbols that may be traded.
    pub valid: u32,
    /// Listed symbols that are not warming up.
    pub counted: u32,
}

/// Counts the symbols that may be traded with the bar of `bar_date`.
pub fn tally(data: &DataSet, bar_date: Date) -> Tally {
    let mut tally = Tally { valid: 0, counted: 0 };
    for series in data.series.values() {
        let valid = match standing(series, bar_date) {
            Standing::NotListed | Standing::Warming => continue,
            Standing::Behind => false,
            Standing::Valid => series.index_of(bar_date).is_some_and(|i| refusal(series, i).is_none()),
        };
        tally.counted += 1;
        tally.valid += u32::from(valid);
    }
    tally
}

/// Returns the symbols that count, in order.
pub fn valid(data: &DataSet, bar_date: Date) -> impl Iterator<Item = &Series> {
    data.series.values().filter(move |s| standing(s, bar_date) == Standing::Valid)
}

/// Returns how many sectors the valid symbols belong to; rules about sectors mean something from two on.
pub fn sectors(data: &DataSet, bar_date: Date) -> usize {
    valid(data, bar_date)
        .filter_map(|s| data.sector_on(s.symbol(), bar_date))
        .map(|row| row.sector.as_str())
        .collect::<BTreeSet<_>>()
        .len()
}
