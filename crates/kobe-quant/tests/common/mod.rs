//! What the tests read: the bundled bars and the golden tables of the clone.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use jiff::civil::Date;
use kobe_quant::{Action, Bar, IndexSeries, Px, Series};

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Reads a file of the clone, unpacked.
#[allow(clippy::disallowed_methods, reason = "a test may read; the crate itself may not")]
pub fn text(path: &str) -> String {
    let bytes = std::fs::read(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut text = String::new();
    if path.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

/// Reads the rows of a file without its header, cut at commas.
pub fn rows(path: &str) -> Vec<Vec<String>> {
    text(path).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn px(text: &str) -> Px {
    Px::parse(text).unwrap()
}

/// The bundled bars, by symbol.
pub fn bars() -> BTreeMap<String, Vec<Bar>> {
    let mut all: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
    for r in rows("data/equities_daily.csv.gz") {
        let volume = r[7].parse().unwrap();
        let bar = Bar { date: day(&r[1]), open: px(&r[2]), high: px(&r[3]), low: px(&r[4]), close: px(&r[5]), volume };
        all.entry(r[0].clone()).or_default().push(bar);
    }
    all
}

/// The bundled splits and dividends of one symbol.
pub fn actions(symbol: &str) -> Vec<Action> {
    let own = rows("data/corporate_actions.csv").into_iter().filter(|r| r[0] == symbol);
    own.map(|r| Action {
        ex_date: day(&r[1]),
        split_ratio: r[3].parse().unwrap(),
        cash: px(&r[4]),
        price_factor: r[5].parse().unwrap(),
    })
    .collect()
}

/// The bundled series, by symbol.
pub fn series() -> BTreeMap<String, Series> {
    let build = |(symbol, bars): (String, Vec<Bar>)| {
        let series = Series::build(symbol.clone(), bars, actions(&symbol)).unwrap();
        (symbol, series)
    };
    bars().into_iter().map(build).collect()
}

/// The bundled index closes.
pub fn spx_closes() -> Vec<(Date, f64)> {
    rows("data/spx_closes.csv.gz").into_iter().map(|r| (day(&r[0]), r[1].parse().unwrap())).collect()
}

/// The bundled index.
pub fn spx() -> IndexSeries {
    IndexSeries::build("SPX", spx_closes()).unwrap()
}
