//! The report over runs of every kind: none, short, halted, and a year beside the golden tables.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::civil::date;
use kobe_calendar::Market;
use kobe_trade::fact::What;
use kobe_trade::ports::Books;
use serde_json::Value;

use super::*;
use crate::data::DataSet;
use crate::kill::ReplayKill;
use crate::services::Era;
use crate::testing::{Fixture, Options, decimal, instant};

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/", $name))
    };
}

static MARKET: LazyLock<Market> = LazyLock::new(|| Market::bundled().expect("the bundled market reads"));
static DATA: LazyLock<DataSet> = LazyLock::new(|| DataSet::embedded().expect("the bundled data reads"));

/// The rows of a session from which orders come, in the order of the day.
const ROWS: [(&str, &str); 9] = [
    ("09:00", "final_preflight_check"),
    ("10:00", "full_universe_scan"),
    ("10:01", "signal_ranking"),
    ("10:10", "signal_quality_gate"),
    ("10:12", "position_size_calc"),
    ("10:15", "trade_execution_check"),
    ("10:20", "position_monitor_quick"),
    ("10:30", "fallback_scan"),
    ("10:31", "fallback_quality_gate"),
];

/// Spring of 2012: six closed trades, and one that a later day closes.
static SPRING: LazyLock<Vec<Fact>> = LazyLock::new(|| trade(date(2012, 1, 3), date(2012, 5, 21), None));
/// The same, with the switch pulled while two positions are held.
static HALTED: LazyLock<Vec<Fact>> =
    LazyLock::new(|| trade(date(2012, 1, 3), date(2012, 1, 31), Some(instant("2012-01-11T10:20:30"))));

/// Lives through the trading rows of some sessions and returns what was booked.
fn trade(from: Date, to: Date, halt: Option<Timestamp>) -> Vec<Fact> {
    let options = Options { kill: Arc::new(ReplayKill::at(halt)), ..Options::of(Era::Replay) };
    let desk = Fixture::with(options, &format!("{from}T00:00"));
    for session in MARKET.exchange().sessions(from, to).expect("known sessions") {
        for (time, task) in ROWS {
            desk.at(&format!("{}T{time}", session.date)).run(task);
        }
        desk.services.settle_until(session.close).expect("the session settles");
    }
    let blocks = desk.books.blocks(0, usize::MAX).expect("books in memory");
    blocks.iter().map(|block| block.fact().expect("a block is a fact")).collect()
}

fn lived(from: Date, to: Date, facts: &[Fact]) -> Lived<'_> {
    Lived {
        title: format!("{from} to {to}"),
        from,
        to,
        counts: Counts::default(),
        facts,
        data: &DATA,
        market: &MARKET,
        trace_hash: "0123456789abcdef".repeat(4),
        config: "a configuration".to_owned(),
        build: "kobe of a test".to_owned(),
        halted_at: None,
        wall_seconds: None,
    }
}

/// Sees that no page shows a figure that does not exist.
fn assert_sound(report: &Report, what: &str) {
    let (html, markdown, json) = (report.html(), report.markdown(), report.json());
    for (page, text) in [("html", &html), ("markdown", &markdown), ("json", &json)] {
        for bad in ["NaN", "inf ", "inf%", "-inf", "undefined"] {
            assert!(!text.contains(bad), "{what}: {page} shows {bad}");
        }
    }
    assert!(!html.contains("d=\"\""), "{what}: an empty path is drawn");
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link"] {
        assert!(!html.contains(outside), "{what}: the page refers to something outside: {outside}");
    }
    serde_json::from_str::<serde_json::Value>(&json).unwrap_or_else(|e| panic!("{what}: {e}"));
}

#[test]
fn a_run_without_a_fact_is_told_without_a_figure() {
    let report = build(&lived(date(2012, 6, 9), date(2012, 6, 10), &[]));
    assert_sound(&report, "no fact");
    assert!(report.markdown().contains("No session was closed"));
    assert_eq!(report.figures.total_return, None);
    assert_eq!(report.trades_csv().lines().count(), 1, "only the head");
    assert_eq!(report.equity_csv(), "date,cash,open_positions,equity\n");
    assert!(report.signals_csv().starts_with("date,symbol,strategy,ibs,rsi2,"));
}

#[test]
fn foreign_words_stay_words() {
    let evil = "<script>alert('x')</script>\n# \"&|`";
    let mut lived = lived(date(2012, 6, 9), date(2012, 6, 10), &[]);
    lived.title = evil.to_owned();
    lived.build = evil.to_owned();
    lived.config = evil.to_owned();
    lived.trace_hash = evil.to_owned();
    lived.counts.skipped = BTreeMap::from([(evil.to_owned(), 1)]);
    lived.counts.by_function = BTreeMap::from([(evil.to_owned(), BTreeMap::from([(evil.to_owned(), 1)]))]);
    lived.counts.slots = 1;
    let report = build(&lived);
    assert_sound(&report, "foreign words");
    assert!(!report.html().contains("<script>alert"), "no element of theirs");
    assert!(!report.html().contains("\"&|"), "no quote of theirs ends an attribute");
    let markdown = report.markdown();
    assert!(!markdown.contains("<script>"));
    assert!(markdown.lines().all(|line| !line.starts_with("# \"")), "no line of theirs is a heading");
}

/// Sees that `part` is how `whole` begins, line by line.
fn assert_begins(whole: &str, part: &str, what: &str) {
    assert!(part.lines().count() > 4, "{what}: too little to compare: {part}");
    for (i, (want, found)) in whole.lines().zip(part.lines()).enumerate() {
        assert_eq!(found, want, "{what}, line {}", i + 1);
    }
    assert!(whole.starts_with(part), "{what}: the bytes differ where the lines do not");
}

#[test]
fn the_tables_are_the_golden_ones() {
    let report = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING));
    assert_eq!(report.defects, Vec::<String>::new());
    assert_begins(golden!("golden_2012_trades.csv"), &report.trades_csv(), "trades");
    assert_begins(golden!("golden_2012_equity.csv"), &report.equity_csv(), "equity");
    assert_begins(golden!("golden_2012_signals.csv"), &report.signals_csv(), "signals");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let pages = |wall_seconds| {
        let report = build(&Lived { wall_seconds, ..lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING) });
        [
            report.trades_csv(),
            report.equity_csv(),
            report.signals_csv(),
            report.html(),
            report.markdown(),
            report.json(),
        ]
    };
    assert_eq!(pages(None), pages(None));
    let (slow, fast) = (pages(Some(9.0)), pages(Some(1.0)));
    assert_eq!(slow[..3], fast[..3], "how long it took enters no table");
    assert_ne!(slow[3], fast[3], "and stands on the page");
}

#[test]
fn the_funnel_adds_up() {
    let report = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING));
    let f = &report.funnel;
    let refused: u64 = f.gates.iter().map(GateRow::first).sum();
    assert!(refused > 0 && f.admitted > 0, "both happen in these weeks");
    assert_eq!(f.setups, refused + f.admitted);
    assert_eq!(f.setups, f.by_strategy.values().sum::<u64>());
    assert_eq!((f.admitted, f.entry_orders, f.entries_sent), (f.entries_filled, f.entries_filled, f.entries_filled));
    assert_eq!(f.entries_filled, f.exits.values().sum::<u64>() + f.still_open);
    // Four symbols count on each of 97 sessions; the fifth has its first bar on May 18, which is looked at on May 21.
    assert_eq!((f.sessions, f.symbol_days, f.not_listed, f.warming, f.no_bar), (97, 4 * 97, 96, 1, 0));
    assert_eq!((report.trades.len(), report.open.len()), (6, 1));
    assert_eq!(report.open[0].symbol, "AAPL");
    assert!(f.later_windows.keys().all(|refusal| refusal == "no_new_information"), "{:?}", f.later_windows);
}

#[test]
fn figures_follow_from_the_curve_and_the_trades() {
    let report = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING));
    assert_sound(&report, "spring");
    let f = &report.figures;
    assert_eq!(f.gain, f.equity_end - decimal("100000"));
    assert_eq!(f.trades, report.trades.len());
    assert_eq!(f.winners + f.losers, f.trades);
    assert_eq!(f.cagr, None, "five months have no yearly rate");
    assert!(!f.enough_trades, "six trades are not enough");
    assert!(f.sharpe.is_some_and(f64::is_finite), "so it is shown with a flag");
    assert_eq!(report.years.len(), 1);
    assert_eq!(report.years[0].gain, f.gain);
    let index = f.index.as_ref().expect("the bundled index");
    assert_eq!((index.since, index.name.as_str()), (date(2011, 12, 30), "SPX"), "it starts at the close before");
    let deepest = report.curve.iter().map(|point| point.drawdown).fold(0.0, f64::max);
    assert!((deepest - f.max_drawdown).abs() < 1e-6, "{deepest} and {}", f.max_drawdown);
    assert!(report.html().contains("insufficient"));
    assert_eq!(report.fomc, [date(2012, 1, 25), date(2012, 3, 13), date(2012, 4, 25)]);
}

#[test]
fn a_pulled_switch_stands_on_the_first_line() {
    let at = instant("2012-01-11T10:20:30");
    let report = build(&Lived { halted_at: Some(at), ..lived(date(2012, 1, 1), date(2012, 1, 31), &HALTED) });
    assert_sound(&report, "halted");
    let halt = report.halt.as_ref().expect("it was pulled");
    assert_eq!((halt.at, halt.entries_after, halt.exits_after), (at, 0, 0));
    let first = report.markdown().lines().next().unwrap_or_default().to_owned();
    for word in ["KILL SWITCH PULLED at 2012-01-11 10:20:30 New York", "It stayed pulled to the end of the run."] {
        assert!(first.contains(word), "{first}");
    }
    let html = report.html();
    let body = html.split_once("<body>").map_or("", |(_, body)| body.trim_start());
    assert!(body.starts_with("<div class=\"alarm\""), "nothing stands before it");
    assert!(html.contains("class=\"halted\""), "and the curve shows it");
    assert!(report.trades.iter().all(|trade| trade.entered <= date(2012, 1, 11)), "no entry came after it");
    let json: Value = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!(json["kill_switch"]["entries_after"], 0);
}

#[test]
fn a_switch_that_no_order_met_was_pulled_all_the_same() {
    let quiet = trade(date(2012, 6, 4), date(2012, 6, 5), None);
    let asked = |halt: &str| {
        let story = lived(date(2012, 6, 4), date(2012, 6, 5), &quiet);
        build(&Lived { halted_at: Some(instant(halt)), ..story }).halt.map(|halt| halt.local)
    };
    assert_eq!(asked("2012-06-05T18:00"), Some("2012-06-05 18:00 New York".to_owned()));
    assert_eq!(asked("2012-06-06T00:00"), None, "after the last day nothing was pulled");
}

#[test]
fn days_without_a_trade_have_no_empty_picture() {
    let facts = trade(date(2012, 6, 4), date(2012, 6, 8), None);
    let report = build(&lived(date(2012, 6, 4), date(2012, 6, 8), &facts));
    assert_sound(&report, "no trade");
    assert_eq!((report.figures.trades, report.figures.sessions), (0, 5));
    let html = report.html();
    assert!(html.contains("id=\"equity\"") && html.contains("class=\"index line\""), "equity and index are drawn");
    assert!(!html.contains("id=\"drawdown\"") && html.contains("nothing to draw"), "a fall that was none is not");
    assert!(report.markdown().contains("Equity stood at 100,000.00 throughout."));
    // One session is a point, not a line.
    let day = trade(date(2012, 6, 4), date(2012, 6, 4), None);
    let report = build(&lived(date(2012, 6, 4), date(2012, 6, 4), &day));
    assert_sound(&report, "one session");
    assert!(report.html().contains("class=\"own dot\""));
}

#[test]
fn json_has_the_keys_that_scripts_rely_on() {
    let mut story = lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING);
    story.counts = Counts {
        slots: 10,
        completed: 5,
        no_data: 2,
        skipped: BTreeMap::from([("holiday".to_owned(), 1), ("unavailable".to_owned(), 3)]),
        failed: 1,
        by_function: BTreeMap::from([("scan_universe".to_owned(), BTreeMap::from([("ok".to_owned(), 10)]))]),
    };
    let report = build(&story);
    let json: Value = serde_json::from_str(&report.json()).expect("JSON");
    for (key, want) in [
        ("days", 97.into()),
        ("slots", 10.into()),
        ("completed", 5.into()),
        ("no_data", 2.into()),
        ("failed", 1.into()),
        ("unavailable", 3.into()),
        ("trades", report.trades.len().into()),
        ("equity_start", 100_000.0.into()),
        ("wall_seconds", Value::Null),
        ("trace_hash", story.trace_hash.as_str().into()),
    ] {
        assert_eq!(json[key], want, "{key}");
    }
    let skipped: u64 = json["skipped"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    assert_eq!(json["slots"].as_u64(), Some(5 + skipped + 1));
    let last = report.curve.last().expect("a close");
    assert_eq!(json["equity_end"].to_string(), last.equity.normalize().to_string(), "cents survive as they are");
    assert_eq!(json["orders"], report.funnel.entry_orders + report.funnel.exit_orders);
    assert_eq!(report.functions[0].function, "scan_universe");
    assert!(report.functions[0].built);
}

#[test]
fn what_the_books_refuse_is_named_and_left_out() {
    let mut facts = SPRING.clone();
    let again = facts[0].clone();
    assert!(matches!(again.what, What::Opened { .. }));
    facts.insert(1, again);
    let report = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &facts));
    assert_eq!(report.defects.len(), 1, "{:?}", report.defects);
    assert!(report.defects[0].starts_with("fact 2 of 2012-01-03 (opened): "), "{:?}", report.defects);
    assert!(report.markdown().starts_with("**The books refuse facts"));
    assert!(report.html().contains("no figure below can be trusted"));
    let sound = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING));
    assert_eq!(report.trades_csv(), sound.trades_csv(), "the rest is told as before");
}

#[test]
fn files_appear_whole() {
    let report = build(&lived(date(2012, 1, 1), date(2012, 5, 21), &SPRING));
    let dir = tempfile::tempdir().expect("a folder");
    let (new, blocked) = (dir.path().join("a/b"), dir.path().join("file"));
    for _ in 0..2 {
        let written = report.write(&new).expect("a folder that can be made");
        let names: Vec<String> = written
            .iter()
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["report.html", "report.md", "report.json", "trades.csv", "equity.csv", "signals.csv"]);
        assert_eq!(std::fs::read_dir(&new).expect("the folder").count(), 6, "nothing half written stays behind");
    }
    assert_eq!(std::fs::read_to_string(new.join("equity.csv")).expect("a table"), report.equity_csv());
    std::fs::write(&blocked, "in the way").expect("a file");
    assert!(report.write(&blocked).is_err(), "a file is no folder");
}
