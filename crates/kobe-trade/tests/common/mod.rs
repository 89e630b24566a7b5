//! What the tests read: the bundled bars and the golden tables of the clone.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use jiff::civil::Date;
use kobe_quant::{Action, Bar, IndexSeries, Px, Series};
use kobe_trade::id::Symbol;

/// Reads a file of the clone, unpacked.
#[allow(clippy::disallowed_methods, reason = "a test may read; the crate itself may not")]
pub fn text(path: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_none_or(|ending| ending != "gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

/// Reads the rows of a file without its header, cut at commas.
pub fn rows(path: &str) -> Vec<Vec<String>> {
    text(path).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// The bundled series, by symbol.
pub fn series() -> BTreeMap<Symbol, Series> {
    let px = |text: &str| Px::parse(text).unwrap();
    let mut bars: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
    for r in rows("data/equities_daily.csv.gz") {
        let (open, high, low, close) = (px(&r[2]), px(&r[3]), px(&r[4]), px(&r[5]));
        let bar = Bar { date: date(&r[1]), open, high, low, close, volume: r[7].parse().unwrap() };
        bars.entry(r[0].clone()).or_default().push(bar);
    }
    let mut actions: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for r in rows("data/corporate_actions.csv") {
        actions.entry(r[0].clone()).or_default().push(Action {
            ex_date: date(&r[1]),
            split_ratio: r[3].parse().unwrap(),
            cash: px(&r[4]),
            price_factor: r[5].parse().unwrap(),
        });
    }
    bars.into_iter()
        .map(|(name, bars)| {
            let actions = actions.remove(&name).unwrap_or_default();
            (Symbol::new(&name).unwrap(), Series::build(name, bars, actions).unwrap())
        })
        .collect()
}

/// The bundled index.
pub fn index() -> IndexSeries {
    let closes = rows("data/spx_closes.csv.gz").into_iter().map(|r| (date(&r[0]), r[1].parse().unwrap()));
    IndexSeries::build("SPX", closes.collect()).unwrap()
}
