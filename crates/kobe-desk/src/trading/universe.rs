//! The universe: which symbols count on a date.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kobe_quant::{MIN_BARS, Series};

use crate::data::DataSet;

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
