//! The calendar against the golden tables: every row, every column, no difference.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{at, day, golden, none};
use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{Exchange, Market};
use sha2::{Digest, Sha256};

fn shown(instant: Option<Timestamp>) -> String {
    instant.map(|instant| instant.to_string()).unwrap_or_default()
}

/// A golden table of sessions and what is known about it.
struct Table {
    id: &'static str,
    rows: usize,
    /// From here on the table has the hours that were in force; before, only its dates are compared.
    hours_from: &'static str,
    /// Dates on which the table is wrong, each with its evidence in docs/reference/calendars/<id>.md.
    differences: &'static [&'static str],
}

const fn table(id: &'static str, rows: usize, hours_from: &'static str) -> Table {
    Table { id, rows, hours_from, differences: &[] }
}

const TABLES: &[Table] = &[
    table("XNYS", 10_322, "1990-01-01"),
    table("24x7", 14_975, "1990-01-01"),
    table("XLON", 10_362, "1999-09-20"),
    table("XPAR", 10_467, "2000-04-03"),
    table("XETR", 10_422, "2003-11-03"),
    table("XSWX", 10_297, "2001-06-25"),
    table("XTKS", 8_329, "1997-01-01"),
    Table { differences: &["2029-09-24"], ..table("XHKG", 10_122, "1990-01-01") },
    table("XSHG", 8_809, "1990-12-03"),
    Table {
        differences: &[
            "2026-06-03",
            "2026-07-17",
            "2027-05-03",
            "2027-07-19",
            "2028-04-12",
            "2028-07-17",
            "2029-07-17",
            "2030-03-27",
            "2030-06-12",
            "2030-07-17",
        ],
        ..table("XKRX", 10_527, "1990-01-01")
    },
    table("XASX", 10_378, "1990-01-01"),
    table("XTSE", 10_303, "1990-01-01"),
    table("CME_Equity", 10_584, "2021-07-01"),
    table("FX24x5", 10_697, "1990-01-01"),
];

/// Returns all sessions between the first and the last row of a table in its five columns.
fn ours(exchange: &Exchange, first: Date, last: Date) -> BTreeMap<String, [String; 5]> {
    let row = |date: Date| {
        // Hours that are not known leave their columns empty.
        let session = exchange.session_on(date).ok().flatten();
        let of = |at: Option<Timestamp>| shown(at);
        let pause = session.as_ref().and_then(|s| s.pauses.first().copied());
        let (open, close) = (session.as_ref().map(|s| s.open), session.as_ref().map(|s| s.close));
        let cells = [of(open), of(pause.map(|(from, _)| from)), of(pause.map(|(_, to)| to)), of(close)];
        let [open, from, to, close] = cells;
        (date.to_string(), [date.to_string(), open, from, to, close])
    };
    exchange.session_dates(first, last).unwrap().into_iter().map(row).collect()
}

#[test]
fn every_golden_session_is_ours_and_every_session_is_golden() {
    for table in TABLES {
        let exchange = Exchange::bundled(table.id).unwrap();
        let golden = golden(&format!("{}_sessions.csv.gz", table.id));
        assert_eq!(golden.len(), table.rows, "rows of {}", table.id);
        let (first, last) = (day(&golden[0][0]), day(&golden[table.rows - 1][0]));
        // The table ends with a year; so does the question. It may begin within one.
        let span = exchange.span();
        let from = if first.month() == 1 { first.first_of_year() } else { first };
        let ours = ours(&exchange, from.max(span.from), last.last_of_year().min(span.projected_to));
        let theirs: BTreeMap<&str, &[String]> = golden.iter().map(|row| (row[0].as_str(), &row[..])).collect();
        let mut differences = Vec::new();
        for (date, row) in &theirs {
            match ours.get(*date) {
                None => differences.push((*date, format!("{date}: a session in the table, none here"))),
                Some(ours) if *date >= table.hours_from && row[..] != ours[..] => {
                    differences.push((*date, format!("{row:?} in the table, {ours:?} here")));
                }
                Some(_) => {}
            }
        }
        for date in ours.keys().filter(|date| !theirs.contains_key(date.as_str())) {
            differences.push((date, format!("{date}: a session here, none in the table")));
        }
        // A difference that is told must be there, or its evidence is idle.
        for date in table.differences {
            assert!(differences.iter().any(|(at, _)| at == date), "{}: {date} is no difference", table.id);
        }
        differences.retain(|(date, _)| !table.differences.contains(date));
        let told: Vec<String> = differences.into_iter().map(|(_, told)| format!("{} {told}", table.id)).collect();
        none(&told, table.rows);
        assert!(table.differences.len() * 1000 <= table.rows * 3, "{}: more than 0.3 %", table.id);
    }
}

/// Every venue, every year from 1990 to 2050: how many sessions, and a fingerprint of their instants. A change of a rule, of the
/// program or of the time zones shows here as a change of a line, to be looked at and written anew with KOBE_WRITE_TABLES=1.
#[test]
fn no_session_of_any_venue_changes_unnoticed() {
    let mut text = "venue,year,sessions,fingerprint\n".to_owned();
    for id in Exchange::bundled_ids() {
        let exchange = Exchange::bundled(id).unwrap();
        let span = exchange.span();
        for year in span.from.year().max(1990)..=span.projected_to.year() {
            let (from, to) = (jiff::civil::date(year, 1, 1), jiff::civil::date(year, 12, 31));
            let rows = ours(&exchange, from.max(span.from), to.min(span.projected_to));
            let mut hash = Sha256::new();
            rows.values().for_each(|row| hash.update(row.join(",")));
            let fingerprint: String = hash.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect();
            text.push_str(&format!("{id},{year},{},{fingerprint}\n", rows.len()));
        }
    }
    let path = format!("{}/tests/venues.csv", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("KOBE_WRITE_TABLES").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let kept: BTreeSet<&str> = kept.lines().collect();
    let changed: Vec<String> = text.lines().filter(|line| !kept.contains(line)).map(str::to_owned).collect();
    none(&changed, text.lines().count());
    assert_eq!(kept.len(), text.lines().count(), "lines of years that are no more");
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
