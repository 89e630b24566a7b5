//! Rows: a trigger, a question, the slots it answers with.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_calendar::Market;

use super::*;
use crate::desk::{Catalog, Desk, SourceFile};

fn desk(task: &str) -> Desk {
    let text = format!(
        "[windows.primary]\nfrom = \"10:00\"\nto = \"11:30\"\ndays = \"weekdays\"\n[windows.last_hour]\nfrom = \"close-1h\"\nto = \"close\"\n[windows.overnight]\nfrom = \"20:00\"\nto = \"06:00\"\n[[group]]\nname = \"g\"\n[[group.task]]\nname = \"t\"\ncommand = [\"true\"]\n{task}\n"
    );
    Desk::parse(&[SourceFile { name: "t.toml".into(), text }], &Catalog::new()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn answers(task: &str, after: &str, count: usize) -> Vec<String> {
    let desk = desk(task);
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let after: Timestamp = after.parse().expect("the row's instant");
    let found = crate::view::next(&desk, &market, TaskIx(0), after, count);
    let mut last = after;
    for o in &found {
        assert!(o.due > after && o.due >= last, "{task}: {} is not after what came before", o.slot);
        last = o.due;
    }
    found
        .iter()
        .map(|o| {
            format!(
                "{} {}{}",
                o.slot,
                market.local(o.due).strftime("%m-%d %H:%M %Z"),
                if o.dst_shifted { " shifted" } else { "" }
            )
        })
        .collect()
}

#[test]
fn triggers_name_their_slots() {
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (
            "a time of day",
            "at = \"10:46\"\ndays = \"weekdays\"",
            "2026-11-20T15:46:00Z",
            &["2026-11-23T10:46 11-23 10:46 EST", "2026-11-24T10:46 11-24 10:46 EST"],
        ),
        (
            "two times of one day",
            "at = [\"10:46\", \"16:02\"]",
            "2026-11-23T12:00:00Z",
            &["2026-11-23T10:46 11-23 10:46 EST", "2026-11-23T16:02 11-23 16:02 EST"],
        ),
        (
            "half an hour after the open",
            "at = \"open+30m\"\ndays = \"weekdays\"",
            "2026-11-20T20:00:00Z",
            &["2026-11-23/open+30m 11-23 10:00 EST"],
        ),
        (
            "on a holiday the slot stands where the open would be",
            "at = \"open\"\ndays = \"weekdays\"",
            "2026-11-26T00:00:00Z",
            &["2026-11-26/open 11-26 09:30 EST"],
        ),
        (
            "a late open moves what is counted from it",
            "at = \"open+30m\"",
            "2002-09-11T04:00:00Z",
            &["2002-09-11/open+30m 09-11 12:30 EDT"],
        ),
        (
            "an early close moves what is counted from it",
            "at = \"close-15m\"",
            "2026-11-27T12:00:00Z",
            &["2026-11-27/close-15m 11-27 12:45 EST"],
        ),
        (
            "a wall time that moves keeps its distance to the close",
            "at = \"15:45\"\non_half_day = \"move\"",
            "2026-11-27T12:00:00Z",
            &["2026-11-27T15:45 11-27 12:45 EST"],
        ),
        (
            "a time in the spring gap fires once, after it",
            "at = \"02:30\"",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T02:30 03-08 03:00 EDT shifted", "2026-03-09T02:30 03-09 02:30 EDT"],
        ),
        (
            "two times in the gap fall on one instant, and both stand",
            "at = [\"02:15\", \"02:45\"]",
            "2026-03-08T05:00:00Z",
            &[
                "2026-03-08T02:15 03-08 03:00 EDT shifted",
                "2026-03-08T02:45 03-08 03:00 EDT shifted",
                "2026-03-09T02:15 03-09 02:15 EDT",
            ],
        ),
        (
            "a time that exists twice fires the first time",
            "at = \"01:30\"",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T01:30 11-01 01:30 EDT", "2026-11-02T01:30 11-02 01:30 EST"],
        ),
        (
            "or the second",
            "at = \"01:30\"\nfold = \"second\"",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T01:30+2nd 11-01 01:30 EST", "2026-11-02T01:30 11-02 01:30 EST"],
        ),
        (
            "or both",
            "at = \"01:30\"\nfold = \"both\"",
            "2026-10-31T12:00:00Z",
            &[
                "2026-11-01T01:30 11-01 01:30 EDT",
                "2026-11-01T01:30+2nd 11-01 01:30 EST",
                "2026-11-02T01:30 11-02 01:30 EST",
            ],
        ),
        (
            "a holiday's slot moves to the session before",
            "at = \"10:00\"\ndays = [\"thu\"]\non_holiday = \"prev_session\"",
            "2026-11-24T12:00:00Z",
            &["2026-11-26T10:00 11-25 10:00 EST", "2026-12-03T10:00 12-03 10:00 EST"],
        ),
        (
            "or to the session after",
            "at = \"10:00\"\ndays = [\"thu\"]\non_holiday = \"next_session\"",
            "2026-11-24T12:00:00Z",
            &["2026-11-26T10:00 11-27 10:00 EST", "2026-12-03T10:00 12-03 10:00 EST"],
        ),
        (
            "an interval keeps elapsed time when clocks fall back",
            "every = \"1h\"",
            "2026-11-01T04:30:00Z",
            &[
                "2026-11-01T05:00:00Z 11-01 01:00 EDT",
                "2026-11-01T06:00:00Z 11-01 01:00 EST",
                "2026-11-01T07:00:00Z 11-01 02:00 EST",
            ],
        ),
        (
            "an interval within a window begins with it",
            "every = \"40m\"\nwithin = \"primary\"",
            "2026-11-23T12:00:00Z",
            &[
                "2026-11-23T15:00:00Z 11-23 10:00 EST",
                "2026-11-23T15:40:00Z 11-23 10:40 EST",
                "2026-11-23T16:20:00Z 11-23 11:20 EST",
                "2026-11-24T15:00:00Z 11-24 10:00 EST",
            ],
        ),
        (
            "a window at the close follows an early close",
            "every = \"30m\"\nwithin = \"last_hour\"",
            "2026-11-27T12:00:00Z",
            &[
                "2026-11-27T17:00:00Z 11-27 12:00 EST",
                "2026-11-27T17:30:00Z 11-27 12:30 EST",
                "2026-11-28T20:00:00Z 11-28 15:00 EST",
            ],
        ),
        (
            "a window may cross midnight",
            "every = \"4h\"\nwithin = \"overnight\"",
            "2026-11-24T02:00:00Z",
            &[
                "2026-11-24T05:00:00Z 11-24 00:00 EST",
                "2026-11-24T09:00:00Z 11-24 04:00 EST",
                "2026-11-25T01:00:00Z 11-24 20:00 EST",
            ],
        ),
        (
            "cron",
            "cron = \"0 9 * * MON-FRI\"",
            "2026-11-20T15:00:00Z",
            &["2026-11-23T09:00 11-23 09:00 EST", "2026-11-24T09:00 11-24 09:00 EST"],
        ),
        (
            "cron, last day of the month",
            "cron = \"30 16 L * *\"",
            "2026-02-01T15:00:00Z",
            &["2026-02-28T16:30 02-28 16:30 EST", "2026-03-31T16:30 03-31 16:30 EDT"],
        ),
        (
            "cron in the spring gap fires once, after it",
            "cron = \"30 2 * * *\"",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T02:30 03-08 03:00 EDT shifted", "2026-03-09T02:30 03-09 02:30 EDT"],
        ),
        (
            "cron every half hour does not repeat the hour that exists twice",
            "cron = \"*/30 * * * *\"",
            "2026-11-01T05:15:00Z",
            &["2026-11-01T01:30 11-01 01:30 EDT", "2026-11-01T02:00 11-01 02:00 EST"],
        ),
        (
            "unless it is told to",
            "cron = \"*/30 * * * *\"\nfold = \"both\"",
            "2026-11-01T05:15:00Z",
            &[
                "2026-11-01T01:30 11-01 01:30 EDT",
                "2026-11-01T01:00+2nd 11-01 01:00 EST",
                "2026-11-01T01:30+2nd 11-01 01:30 EST",
                "2026-11-01T02:00 11-01 02:00 EST",
            ],
        ),
        ("once", "once = \"2026-12-01T09:00\"", "2026-11-20T15:00:00Z", &["2026-12-01T09:00 12-01 09:00 EST"]),
        ("once, in the past", "once = \"2026-01-01T09:00\"", "2026-11-20T15:00:00Z", &[]),
        ("a cron date that never comes", "cron = \"0 0 30 2 *\"", "2026-11-20T15:00:00Z", &[]),
    ];
    for (name, task, after, expected) in rows {
        assert_eq!(answers(task, after, expected.len().max(1)), *expected, "{name}");
    }
}

#[test]
fn moments_and_lengths_read_back_as_themselves() {
    for text in [
        "00:00",
        "09:30",
        "23:59:59",
        "open",
        "close",
        "open+30m",
        "close-15m",
        "open+90m",
        "close+4h",
        "open+5s",
        "close-2h",
    ] {
        assert_eq!(text.parse::<Moment>().unwrap_or_else(|e| panic!("{e}")).to_string(), text);
    }
    for text in
        ["25:61", "9:30", "24:00", "10:60", "open+", "open30m", "close-25h", "noon", "", "10:00:00:00", "opening"]
    {
        assert!(text.parse::<Moment>().is_err(), "{text} was taken for a moment");
    }
    for (text, seconds) in [("30s", 30), ("15m", 900), ("1h30m", 5400), ("2d", 172_800)] {
        assert_eq!(parse_duration(text).map(|d| d.as_secs()), Some(seconds), "{text}");
    }
    for text in ["", "5", "0s", "1x", "m", "1m1h", "99999999999999999999s"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

mod laws {
    use super::*;
    use crate::days::Days;
    use proptest::prelude::*;

    fn trigger_text() -> impl Strategy<Value = String> {
        prop_oneof![
            (0..24, 0..60).prop_map(|(h, m)| format!("at = \"{h:02}:{m:02}\"")),
            (0..240).prop_map(|m| format!("at = \"open+{}m\"", m + 1)),
            (0..240).prop_map(|m| format!("at = \"close-{}m\"", m + 1)),
            (1..200).prop_map(|m| format!("every = \"{m}m\"")),
            (1..90).prop_map(|m| format!("every = \"{m}m\"\nwithin = \"primary\"")),
            (0..60, 0..24).prop_map(|(m, h)| format!("cron = \"{m} {h} * * *\"")),
            (1..30).prop_map(|m| format!("cron = \"*/{m} 1-3 * * *\"")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// A chain of next instants rises strictly, and no slot is named twice; also over both changes of clocks, whatever is done with times that exist twice.
        #[test]
        fn chains_rise_and_never_repeat(trigger in trigger_text(), fold in prop_oneof!["first", "second", "both"], day in 0_i64..700, minute in 0_i64..1440) {
            let desk = desk(&format!("{trigger}\nfold = \"{fold}\""));
            let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
            let mut days = Days::new(market);
            let mut after: Timestamp = "2025-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(day * 1440 + minute);
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..40 {
                let next = crate::scheduler::next_occurrences(desk.task(TaskIx(0)), TaskIx(0), after, &mut days);
                prop_assert!(!next.is_empty());
                for o in &next {
                    prop_assert!(o.due > after);
                    prop_assert!(seen.insert(o.slot.to_string()), "{} was named twice", o.slot);
                }
                // Asking from just before the answer gives the answer again: nothing lies between.
                let again = crate::scheduler::next_occurrences(desk.task(TaskIx(0)), TaskIx(0), next[0].due - jiff::SignedDuration::from_nanos(1), &mut days);
                prop_assert_eq!(&again, &next);
                after = next[0].due;
            }
        }
    }
}
