//! Candidates: every setup of a completed bar, scored, in the order in which they go through the gates.

use std::cmp::Ordering;

use jiff::civil::Date;
use kobe_quant::conviction::conviction;
use kobe_quant::quality::{Holding, Quality, quality};
use kobe_quant::{Conviction, Evidence, IndexFeatures, Series, Setup, Strategy, setups};
use kobe_trade::book::Book;

use crate::data::DataSet;

use super::universe;

/// A setup with its score.
#[derive(Debug, Clone)]
pub struct Candidate<'d> {
    /// The symbol's series.
    pub series: &'d Series,
    /// Place of the bar that was decided upon.
    pub at: usize,
    /// Date of that bar.
    pub bar: Date,
    /// The setup.
    pub setup: Setup,
    /// How convincing it is, in six parts.
    pub conviction: Conviction,
    /// How good it is as a trade, with what it is made of.
    pub quality: Quality,
    /// The index on the date of the bar.
    pub index: IndexFeatures,
}

impl Candidate<'_> {
    /// Returns the symbol.
    pub fn symbol(&self) -> &str {
        self.series.symbol()
    }

    /// Returns the strategy that found it.
    pub fn strategy(&self) -> Strategy {
        self.setup.strategy
    }

    /// Returns what it looks like to a reader of artifacts.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "symbol": self.symbol(), "strategy": self.strategy(), "bar": self.bar, "setup_score": self.setup.setup_score, "conviction": self.conviction.total,
            "score": self.quality.score, "reward_over_risk": self.setup.rr,
        })
    }
}

/// Returns the index on a bar's date: with the published VIX where there is one of that day, else with the labelled estimate.
pub fn index_on(data: &DataSet, bar: Date, replay: bool) -> Option<IndexFeatures> {
    let features = data.index.on(bar)?;
    match data.vix_until(bar).filter(|row| row.date == bar && !replay) {
        Some(row) => Some(features.with_vix(row.close)),
        None => Some(features),
    }
}

/// Returns the candidates of the bar of `bar` for an entry on `day`: score descending, then symbol, then strategy. `book` holds the positions before the scan.
///
/// In a replay a symbol without a bar on `day` cannot trade and is no candidate.
pub fn candidates<'d>(data: &'d DataSet, bar: Date, day: Date, book: &Book, replay: bool) -> Vec<Candidate<'d>> {
    let Some(index) = index_on(data, bar, replay) else { return Vec::new() };
    let held: Vec<Holding<'d>> = book
        .positions()
        .filter_map(|p| data.symbol(p.symbol.as_str()))
        .filter_map(|series| series.index_of(bar).map(|at| Holding { series, at }))
        .collect();
    let mut found = Vec::new();
    for series in universe::valid(data, bar) {
        let Some(at) = series.index_of(bar) else { continue };
        if replay && series.index_of(day).is_none() {
            continue;
        }
        for setup in setups::setups(series, at) {
            let Some(evidence) = Evidence::gather(series, at, &setup, &index) else { continue };
            let conviction = conviction(&evidence);
            let Some(quality) = quality(series, at, &setup, &conviction, &index, &held, day.weekday()) else {
                continue;
            };
            found.push(Candidate { series, at, bar, setup, conviction, quality, index });
        }
    }
    found.sort_by(|a, b| {
        b.quality
            .score
            .partial_cmp(&a.quality.score)
            .unwrap_or(Ordering::Equal)
            .then_with(|| a.symbol().cmp(b.symbol()))
            .then_with(|| a.strategy().cmp(&b.strategy()))
    });
    found
}
