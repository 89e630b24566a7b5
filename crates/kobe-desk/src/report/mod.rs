//! The report of a stretch of desk life: equity beside the index, trades, the funnel, the counts, and what was not simulated.
//!
//! [`build`] is pure: it folds the facts of a run anew and answers with values; the same run gives the same bytes. The pages of a [`Report`] (HTML, Markdown, JSON, three
//! tables) only print those values. Nothing here decides, prices or repairs anything: what the books refuse is named as a defect, and a figure that does not exist is a dash,
//! never a zero. Start at [`build`].

mod csv;
mod figures;
mod funnel;
mod html;
mod json;
mod markdown;
mod run;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod words;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_trade::fact::Fact;

pub use figures::{Benchmark, Bills, Figures, Year};
pub use funnel::{Funnel, GateRow, SymbolRow};
pub use run::{Assumption, FileRow, FunctionRow, Provenance, SkipRow};
pub use story::{Halt, OpenRow, Point, SignalRow, TradeRow};

use crate::data::DataSet;

/// What the engine counted: `slots` = `completed` + all of `skipped` + `failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Slots of all tasks.
    pub slots: u64,
    /// Slots whose function did its work.
    pub completed: u64,
    /// Those of `completed` that had nothing to work on.
    pub no_data: u64,
    /// Slots that did not run, by the word of the reason.
    pub skipped: BTreeMap<String, u64>,
    /// Slots that ended in an error.
    pub failed: u64,
    /// The same, by function and by the word of its outcome.
    pub by_function: BTreeMap<String, BTreeMap<String, u64>>,
}

/// A run that is over, as the one who drove it hands it in.
#[derive(Debug, Clone)]
pub struct Lived<'a> {
    /// What the report is called.
    pub title: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// What the engine counted.
    pub counts: Counts,
    /// Every fact of the books, oldest first.
    pub facts: &'a [Fact],
    /// The data it was lived on.
    pub data: &'a DataSet,
    /// The market it was lived in.
    pub market: &'a Market,
    /// One hash over everything that happened.
    pub trace_hash: String,
    /// Identity of the configuration.
    pub config: String,
    /// Name and version of the build.
    pub build: String,
    /// When the kill switch was to be pulled from outside, if at all.
    pub halted_at: Option<Timestamp>,
    /// How long it took; enters no table.
    pub wall_seconds: Option<f64>,
}

/// Everything that the pages print.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the report is called.
    pub title: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The kill switch, if it was pulled.
    pub halt: Option<Halt>,
    /// What the books refused: nothing in a sound run.
    pub defects: Vec<String>,
    /// One row for each close.
    pub curve: Vec<Point>,
    /// The figures of the whole run.
    pub figures: Figures,
    /// The same, year by year.
    pub years: Vec<Year>,
    /// From symbols to fills.
    pub funnel: Funnel,
    /// Every setup of the first window, with its verdict.
    pub signals: Vec<SignalRow>,
    /// Closed trades, in the order in which they closed.
    pub trades: Vec<TradeRow>,
    /// What is still held.
    pub open: Vec<OpenRow>,
    /// Days of the run on which the Federal Reserve decided and the desk knew it would.
    pub fomc: Vec<Date>,
    /// What the engine counted.
    pub counts: Counts,
    /// Why slots did not run, most frequent first.
    pub skips: Vec<SkipRow>,
    /// What the functions did.
    pub functions: Vec<FunctionRow>,
    /// What was not simulated, or taken for granted.
    pub assumptions: Vec<Assumption>,
    /// Where everything comes from.
    pub provenance: Provenance,
}

/// Builds the report of a run.
///
/// Facts that the books refuse are left out and named in [`Report::defects`].
pub fn build(lived: &Lived<'_>) -> Report {
    let story = story::tell(lived);
    let funnel = funnel::funnel(lived, &story);
    let figures = figures::figures(lived, &story);
    let years = figures::years(&figures, &story);
    let assumptions = words::assumptions(lived, &story, &figures);
    let fomc = story.curve.iter().map(|point| point.date).filter(|date| lived.market.fomc(*date).gates()).collect();
    Report {
        title: lived.title.clone(),
        from: lived.from,
        to: lived.to,
        halt: story.halt,
        defects: story.defects,
        curve: story.curve,
        figures,
        years,
        funnel,
        signals: story.signals,
        trades: story.trades,
        open: story.open,
        fomc,
        counts: lived.counts.clone(),
        skips: run::skips(&lived.counts),
        functions: run::functions(&lived.counts),
        assumptions,
        provenance: run::provenance(lived),
    }
}

impl Report {
    /// Returns the report as one HTML page that needs nothing beside itself.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Returns the report in short, as Markdown.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// Returns every figure as JSON, with the keys of `kobe simulate --json` first.
    pub fn json(&self) -> String {
        json::page(self)
    }

    /// Returns the closed trades as CSV, in the order in which they closed.
    pub fn trades_csv(&self) -> String {
        csv::trades(self)
    }

    /// Returns cash, positions and equity of every close as CSV.
    pub fn equity_csv(&self) -> String {
        csv::equity(self)
    }

    /// Returns every setup with its scores and verdict as CSV.
    pub fn signals_csv(&self) -> String {
        csv::signals(self)
    }

    /// Writes all pages and tables into a directory, which is made if need be; each file appears whole or not at all.
    ///
    /// # Errors
    /// [`io::Error`] of the first file that cannot be written; those before it are there.
    pub fn write(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        type Page = fn(&Report) -> String;
        let pages: [(&str, Page); 6] = [
            ("report.html", Report::html),
            ("report.md", Report::markdown),
            ("report.json", Report::json),
            ("trades.csv", Report::trades_csv),
            ("equity.csv", Report::equity_csv),
            ("signals.csv", Report::signals_csv),
        ];
        write::all(dir, pages.into_iter().map(|(name, page)| (name, page(self))))
    }
}

impl Report {
    fn unavailable(&self) -> u64 {
        self.counts.skipped.get("unavailable").copied().unwrap_or(0)
    }
}
