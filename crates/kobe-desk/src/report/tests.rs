//! The report over runs of every kind: none, short, halted, and a year beside the golden tables.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::date;
use kobe_calendar::Market;

use super::*;
use crate::data::DataSet;

static MARKET: LazyLock<Market> = LazyLock::new(|| Market::bundled().expect("the bundled market reads"));
static DATA: LazyLock<DataSet> = LazyLock::new(|| DataSet::embedded().expect("the bundled data reads"));

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
