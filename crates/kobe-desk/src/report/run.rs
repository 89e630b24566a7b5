//! The run itself: what ran, what did not and why, and where everything comes from.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::{Counts, Lived, words};
use crate::data::Origin;
use crate::functions;

/// One reason for which slots did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkipRow {
    /// Its word.
    pub reason: String,
    /// How many slots.
    pub slots: u64,
    /// What it means.
    pub means: String,
}

/// What one function did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionRow {
    /// Its name.
    pub function: String,
    /// Its group; none for a name that the desk does not know.
    pub group: Option<String>,
    /// Whether it does real work in this build.
    pub built: bool,
    /// Its slots.
    pub slots: u64,
    /// The same by the word of the outcome.
    pub outcomes: BTreeMap<String, u64>,
}

/// Something that a reader must know before believing a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What it is about.
    pub topic: String,
    /// What was taken for granted, or left out.
    pub says: String,
}

/// One file of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// Its name.
    pub file: String,
    /// What it holds and who published it, as far as the desk knows.
    pub holds: String,
    /// Rows without the header.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Where it was read.
    pub origin: Origin,
}

/// Where everything comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// One hash over everything that happened.
    pub trace_hash: String,
    /// Identity of the configuration.
    pub config: String,
    /// Name and version of the build.
    pub build: String,
    /// Version of the calendar's rules and tables.
    pub calendar: String,
    /// Version of the time zone database.
    pub tzdata: String,
    /// One hash over all files of the data.
    pub data_hash: String,
    /// Date of the newest bar.
    pub data_as_of: Date,
    /// The files.
    pub files: Vec<FileRow>,
    /// The symbols, each with its first and last bar.
    pub symbols: Vec<(String, Date, Date)>,
    /// How long the run took.
    pub wall_seconds: Option<f64>,
}

pub(super) fn skips(counts: &Counts) -> Vec<SkipRow> {
    let mut rows: Vec<SkipRow> = counts
        .skipped
        .iter()
        .map(|(reason, slots)| SkipRow { reason: reason.clone(), slots: *slots, means: words::skip(reason).to_owned() })
        .collect();
    rows.sort_by(|a, b| b.slots.cmp(&a.slots).then_with(|| a.reason.cmp(&b.reason)));
    rows
}

/// Lists every function that had a slot, in the order of the desk's table; names that it does not know come last.
pub(super) fn functions(counts: &Counts) -> Vec<FunctionRow> {
    let row = |name: &str, outcomes: &BTreeMap<String, u64>| {
        let known = functions::find(name);
        FunctionRow {
            function: name.to_owned(),
            group: known.map(|function| function.group.word().to_owned()),
            built: known.is_some_and(functions::Function::is_built),
            slots: outcomes.values().sum(),
            outcomes: outcomes.clone(),
        }
    };
    let known = functions::all().filter_map(|f| counts.by_function.get(f.name).map(|outcomes| row(f.name, outcomes)));
    let unknown = counts.by_function.iter().filter(|(name, _)| functions::find(name).is_none());
    known.chain(unknown.map(|(name, outcomes)| row(name, outcomes))).collect()
}

pub(super) fn provenance(lived: &Lived<'_>) -> Provenance {
    let data = lived.data;
    Provenance {
        trace_hash: lived.trace_hash.clone(),
        config: lived.config.clone(),
        build: lived.build.clone(),
        calendar: format!("{} {}", lived.market.exchange().id(), lived.market.version()),
        tzdata: lived.market.tzdb_version().to_owned(),
        data_hash: data.hash(),
        data_as_of: data.as_of,
        files: data
            .files
            .iter()
            .map(|info| FileRow {
                file: info.file.clone(),
                holds: words::file(&info.file, info.origin).to_owned(),
                rows: info.rows as u64,
                sha256: info.sha256.clone(),
                origin: info.origin,
            })
            .collect(),
        symbols: data.series.values().map(|s| (s.symbol().to_owned(), s.first_date(), s.last_date())).collect(),
        wall_seconds: lived.wall_seconds,
    }
}
