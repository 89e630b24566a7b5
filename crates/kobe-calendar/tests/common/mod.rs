//! What the tests share: the golden tables, and short ways to write dates and instants.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::Read;

use jiff::{Timestamp, civil::Date};

/// Reads a golden table as rows of cells, without its header; quoted cells do not occur in the tables read here.
pub fn golden(name: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../../tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("a whole gzip file of text");
    } else {
        text = String::from_utf8(packed).expect("text");
    }
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Fails with the first differences and their number.
#[track_caller]
pub fn none(differences: &[String], of: usize) {
    let shown = &differences[..differences.len().min(20)];
    assert!(differences.is_empty(), "{} of {of} differ:\n{}", differences.len(), shown.join("\n"));
}
