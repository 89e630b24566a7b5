//! The calendar against the golden tables: every row, every column, no difference.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{at, day, golden, none};
use jiff::Timestamp;
use kobe_calendar::{Exchange, Market};
use sha2::{Digest, Sha256};

fn shown(instant: Option<Timestamp>) -> String {
    instant.map(|instant| instant.to_string()).unwrap_or_default()
}

/// Compares all sessions between the first and the last row of a table in all five columns, in both directions.
fn sessions(id: &str, table: &str, rows: usize) {
    let exchange = Exchange::bundled(id).unwrap();
    let golden = golden(table);
    assert_eq!(golden.len(), rows, "rows of {table}");
    let (first, last) = (day(&golden[0][0]), day(&golden[rows - 1][0]));
    // The table ends with a year; so does the question.
    let sessions = exchange.sessions(first.first_of_year(), last.last_of_year()).unwrap();
    let ours: BTreeMap<String, [String; 5]> = sessions
        .iter()
        .map(|session| {
            let (date, pause) = (session.date.to_string(), session.pause);
            let pause_from = shown(pause.map(|(from, _)| from));
            let pause_to = shown(pause.map(|(_, to)| to));
            (date.clone(), [date, session.open.to_string(), pause_from, pause_to, session.close.to_string()])
        })
        .collect();
    let theirs: BTreeMap<&str, &[String]> = golden.iter().map(|row| (row[0].as_str(), &row[..])).collect();
    let mut differences = Vec::new();
    for (date, row) in &theirs {
        match ours.get(*date) {
            None => differences.push(format!("{date}: a session in the table, none here")),
            Some(ours) if row[..] != ours[..] => differences.push(format!("{row:?} in the table, {ours:?} here")),
            Some(_) => {}
        }
    }
    for date in ours.keys().filter(|date| !theirs.contains_key(date.as_str())) {
        differences.push(format!("{date}: a session here, none in the table"));
    }
    none(&differences, rows);
    assert_eq!(ours.len(), rows);
}

#[test]
fn xnys_has_the_10322_sessions_from_1990_to_2030_in_all_columns() {
    sessions("XNYS", "XNYS_sessions.csv.gz", 10_322);
}

#[test]
fn the_crypto_clock_has_a_session_on_each_of_14975_days() {
    sessions("24x7", "24x7_sessions.csv.gz", 14_975);
}

#[test]
fn xnys_has_the_9306_session_dates_before_1990_and_their_times_where_both_are_known() {
    let exchange = Exchange::bundled("XNYS").unwrap();
    let golden = golden("XNYS_1953_1989.csv.gz");
    assert_eq!(golden.len(), 9_306);
    let ours = exchange.session_dates(day("1953-01-01"), day("1989-12-31")).unwrap();
    let ours: BTreeSet<_> = ours.into_iter().collect();
    let theirs: BTreeSet<_> = golden.iter().map(|row| day(&row[0])).collect();
    let missing = theirs.difference(&ours).map(|date| format!("{date} is missing here"));
    let differences: Vec<String> =
        missing.chain(ours.difference(&theirs).map(|date| format!("{date} is too many here"))).collect();
    none(&differences, golden.len());

    let mut timed = 0;
    let mut differences = Vec::new();
    for row in &golden {
        let date = day(&row[0]);
        if date < exchange.span().times_from {
            assert!(exchange.session_on(date).is_err(), "{date}: hours before the first known ones are refused");
        } else if !row[1].is_empty() {
            let session = exchange.session_on(date).unwrap().expect("dates agree");
            timed += 1;
            if [session.open.to_string(), session.close.to_string()] != row[1..] {
                differences.push(format!("{row:?} in the table, {} - {} here", session.open, session.close));
            }
        }
    }
    none(&differences, timed);
    assert_eq!(timed, 1_061, "rows of the table with times from 1985-09-30 on");
}

#[test]
fn xnys_answers_1000_instants_as_the_table_does() {
    let exchange = Exchange::bundled("XNYS").unwrap();
    let golden = golden("XNYS_instants.csv.gz");
    assert_eq!(golden.len(), 1_000);
    let differences: Vec<String> = golden
        .iter()
        .filter_map(|row| {
            let instant = at(&row[0]);
            let ours = [
                u8::from(exchange.is_open(instant).unwrap()).to_string(),
                exchange.next_open(instant).unwrap().to_string(),
                exchange.next_close(instant).unwrap().to_string(),
                exchange.previous_close(instant).unwrap().to_string(),
            ];
            (row[2..] != ours).then(|| format!("{row:?} in the table, {ours:?} here"))
        })
        .collect();
    none(&differences, golden.len());
}

#[test]
fn the_market_is_in_the_phase_of_each_of_2000_instants() {
    let market = Market::bundled().unwrap();
    let golden = golden("XNYS_phases.csv.gz");
    assert_eq!(golden.len(), 2_000);
    let differences: Vec<String> = golden
        .iter()
        .filter_map(|row| {
            let phase = market.segment_at(at(&row[0])).unwrap().phase;
            (phase.as_str() != row[2]).then(|| format!("{row:?} in the table, {phase} here"))
        })
        .collect();
    none(&differences, golden.len());
}

#[test]
fn the_tables_in_the_program_are_the_golden_and_the_bundled_ones() {
    let modes = include_str!("../data/modes.csv");
    assert_eq!(modes, include_str!("../../../tests/golden/modes.csv"));
    assert_eq!(modes, include_str!("../../../data/modes.csv"));
    assert_eq!(include_str!("../data/events.csv"), include_str!("../../../data/events.csv"));
}

#[test]
fn each_golden_file_is_the_one_of_its_sources_page() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    let page = std::fs::read_to_string(format!("{folder}/SOURCES.md")).unwrap();
    // Rows of the table: | `file` | ... | `sha256` |
    let stated: BTreeMap<&str, &str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut code = line.split('`').skip(1).step_by(2);
            (code.next().unwrap(), code.last().unwrap())
        })
        .collect();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "SOURCES.md" {
            let hash = Sha256::digest(std::fs::read(entry.path()).unwrap());
            found.insert(name, hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
    }
    let found: BTreeMap<&str, &str> = found.iter().map(|(name, hash)| (&**name, &**hash)).collect();
    assert_eq!(found, stated);
}
