//! Metrics in Prometheus' text format 0.0.4.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use kobe_engine::Vitals;

use crate::signs::Deck;

/// Families of samples, written one after the other.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, kind: &str, name: &str, help: &str, samples: &[(&[(&str, &str)], f64)]) {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(self.0, "# HELP kobe_{name} {help}\n# TYPE kobe_{name} {kind}");
        for (labels, value) in samples {
            let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escaped(v))).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "kobe_{name}{braces} {value}");
        }
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: f64) {
        self.family(kind, name, help, &[(&[], value)]);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Seconds with their fraction; an instant in the future is 0 s ago.
pub(crate) fn seconds_since(at: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(at).max(SignedDuration::ZERO).as_secs_f64()
}

/// How many runs came to an end, in four words.
pub(crate) fn ends(vitals: &Vitals) -> [(&'static str, u64); 4] {
    let of = |word: &str| vitals.ends.get(word).copied().unwrap_or(0);
    let (completed, failed, unavailable) = (of("completed"), of("failed"), of("unavailable"));
    let all: u64 = vitals.ends.values().sum();
    [
        ("ok", completed),
        ("failed", failed),
        ("skipped", all - completed - failed - unavailable),
        ("unavailable", unavailable),
    ]
}

/// Writes the page.
pub(crate) fn page(deck: &Deck, now: Timestamp) -> String {
    let vitals = deck.board.read();
    let mut page = Page::default();
    page.family("gauge", "build_info", "The version of this build.", &[(&[("version", deck.version.as_str())], 1.0)]);
    page.one("gauge", "uptime_seconds", "Time since the process began.", seconds_since(vitals.started_at, now));
    page.one("counter", "cycles_total", "Turns of the planning loop.", vitals.cycles as f64);
    page.one(
        "gauge",
        "heartbeat_age_seconds",
        "Time since the planning loop last completed a turn.",
        seconds_since(vitals.beat_at, now),
    );
    page.one("gauge", "ready", "1 while starts are being accepted.", f64::from(u8::from(vitals.ready)));
    let ends = ends(&vitals);
    let tasks: Vec<_> = ends.iter().map(|(status, n)| ([("status", *status)], *n as f64)).collect();
    page.family("counter", "tasks_total", "Runs that came to their end since the process began.", &borrowed(&tasks));
    let skips: Vec<_> = vitals
        .ends
        .iter()
        .filter(|(word, _)| !matches!(word.as_str(), "completed" | "failed"))
        .map(|(reason, n)| ([("reason", reason.as_str())], *n as f64))
        .collect();
    page.family("counter", "skipped_total", "Slots that did not run, by reason.", &borrowed(&skips));
    let lanes = |value: fn(&kobe_engine::LaneLoad) -> usize| -> Vec<_> {
        vitals.lanes.iter().map(|l| ([("lane", l.lane.word())], value(l) as f64)).collect()
    };
    for (name, help, samples) in [
        ("queue_depth", "Runs that wait in a lane.", lanes(|l| l.waiting)),
        ("queue_limit", "Runs that may wait in a lane.", lanes(|l| l.limit)),
        ("running", "Runs on their way in a lane.", lanes(|l| l.running)),
        ("workers", "Runs that may be on their way in a lane.", lanes(|l| l.workers)),
    ] {
        page.family("gauge", name, help, &borrowed(&samples));
    }
    page.one("gauge", "due_next_hour", "Tasks due within the hour.", vitals.due_next_hour as f64);
    page.one("counter", "starts_total", "First attempts that were not catching up.", vitals.starts as f64);
    let lateness = "Lateness of those starts against their slots";
    page.one(
        "counter",
        "start_lateness_seconds_sum",
        &format!("{lateness}, summed."),
        vitals.lateness_sum_us as f64 / 1e6,
    );
    page.one(
        "gauge",
        "start_lateness_seconds_max",
        &format!("{lateness}, the greatest."),
        vitals.lateness_max_us as f64 / 1e6,
    );
    page.one("counter", "stale_results_total", "Results that came too late to count.", vitals.stale_results as f64);
    page.one(
        "gauge",
        "kill_switch_active",
        "1 while the kill switch keeps orders from leaving.",
        f64::from(u8::from((deck.signs.kill)(now).is_some())),
    );
    if let Some(market) = (deck.signs.market)(now) {
        let labels = [("phase", market.phase.as_str()), ("mode", market.mode.as_str()), ("zone", market.zone.as_str())];
        page.family("gauge", "market_info", "Where the market stands.", &[(&labels, 1.0)]);
    }
    if let Some(orders) = (deck.signs.orders)() {
        let samples = [("submitted", orders.submitted), ("rejected", orders.rejected), ("filled", orders.filled)]
            .map(|(end, n)| ([("end", end)], n as f64));
        page.family("counter", "orders_total", "What became of orders.", &borrowed(&samples));
    }
    page.0
}

fn borrowed<'a>(samples: &'a [([(&'a str, &'a str); 1], f64)]) -> Vec<(&'a [(&'a str, &'a str)], f64)> {
    samples.iter().map(|(labels, value)| (&labels[..], *value)).collect()
}
