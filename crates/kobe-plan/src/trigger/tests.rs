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

/// The slots of a task with their instants in UTC: venues have clocks of their own.
fn instants(task: &str, after: &str, count: usize) -> Vec<String> {
    let desk = desk(task);
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let after: Timestamp = after.parse().expect("the row's instant");
    let found = crate::view::next(&desk, &market, TaskIx(0), after, count);
    assert!(
        found.is_sorted_by(|a, b| after < a.due && a.due <= b.due),
        "{task}: an answer is not after what came before"
    );
    found.iter().map(|o| format!("{} {}", o.slot, o.due)).collect()
}

#[test]
fn sessions_of_any_venue_name_slots() {
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (
            "five minutes after Tokyo's open; its Monday is a holiday",
            "on = \"XTKS open+5m\"",
            "2026-11-20T12:00:00Z",
            &["XTKS:2026-11-24/open+5m 2026-11-24T00:05:00Z", "XTKS:2026-11-25/open+5m 2026-11-25T00:05:00Z"],
        ),
        (
            "both ends of Tokyo's lunch break",
            "on = [\"XTKS break_start\", \"XTKS break_end\"]",
            "2026-11-23T23:00:00Z",
            &[
                "XTKS:2026-11-24/break_start 2026-11-24T02:30:00Z",
                "XTKS:2026-11-24/break_end 2026-11-24T03:30:00Z",
                "XTKS:2026-11-25/break_start 2026-11-25T02:30:00Z",
            ],
        ),
        (
            "days are those of the venue's date: Tokyo's Monday begins on New York's Sunday",
            "on = \"XTKS open\"\ndays = [\"mon\"]",
            "2026-11-24T00:00:00Z",
            &["XTKS:2026-11-30/open 2026-11-30T00:00:00Z", "XTKS:2026-12-07/open 2026-12-07T00:00:00Z"],
        ),
        (
            "a session that opens on the evening before its date",
            "on = \"CME_Equity open\"",
            "2026-11-23T20:00:00Z",
            &["CME_Equity:2026-11-24/open 2026-11-23T23:00:00Z"],
        ),
        (
            "an early close in New York moves the instant, not the name",
            "on = \"XNYS close-15m\"",
            "2026-11-25T12:00:00Z",
            &["XNYS:2026-11-25/close-15m 2026-11-25T20:45:00Z", "XNYS:2026-11-27/close-15m 2026-11-27T17:45:00Z"],
        ),
        (
            "and in Hong Kong on the eve of the lunar year",
            "on = \"XHKG close-15m\"",
            "2027-02-04T00:00:00Z",
            &["XHKG:2027-02-04/close-15m 2027-02-04T07:45:00Z", "XHKG:2027-02-05/close-15m 2027-02-05T03:45:00Z"],
        ),
        (
            "a half day without an afternoon has no break that could end",
            "on = \"XHKG break_end\"",
            "2027-02-04T00:00:00Z",
            &["XHKG:2027-02-04/break_end 2027-02-04T05:00:00Z", "XHKG:2027-02-10/break_end 2027-02-10T05:00:00Z"],
        ),
        (
            "London leaves summer time a week before New York",
            "on = [\"XNYS open\", \"XLON close-30m\"]",
            "2026-10-23T00:00:00Z",
            &[
                "XNYS:2026-10-23/open 2026-10-23T13:30:00Z",
                "XLON:2026-10-23/close-30m 2026-10-23T15:00:00Z",
                "XNYS:2026-10-26/open 2026-10-26T13:30:00Z",
                "XLON:2026-10-26/close-30m 2026-10-26T16:00:00Z",
            ],
        ),
        (
            "and New York follows",
            "on = [\"XNYS open\", \"XLON close-30m\"]",
            "2026-10-30T00:00:00Z",
            &[
                "XNYS:2026-10-30/open 2026-10-30T13:30:00Z",
                "XLON:2026-10-30/close-30m 2026-10-30T16:00:00Z",
                "XNYS:2026-11-02/open 2026-11-02T14:30:00Z",
                "XLON:2026-11-02/close-30m 2026-11-02T16:00:00Z",
            ],
        ),
        (
            "the first session of a year",
            "on = \"XNYS open first session of year\"",
            "2026-11-24T00:00:00Z",
            &["XNYS:2027-01-04/open 2027-01-04T14:30:00Z", "XNYS:2028-01-03/open 2028-01-03T14:30:00Z"],
        ),
        (
            "asked at that instant, it is the next year's",
            "on = \"XTKS open first session of year\"",
            "2027-01-04T00:00:00Z",
            &["XTKS:2028-01-04/open 2028-01-04T00:00:00Z"],
        ),
        (
            "the third last session of a quarter, over the end of the year",
            "on = \"XLON close-30m 3rd last session of quarter\"",
            "2026-11-24T00:00:00Z",
            &[
                "XLON:2026-12-29/close-30m 2026-12-29T16:00:00Z",
                "XLON:2027-03-25/close-30m 2027-03-25T16:00:00Z",
                "XLON:2027-06-28/close-30m 2027-06-28T15:00:00Z",
            ],
        ),
        (
            "the last session of a quarter that closes early",
            "on = \"XLON close-30m last session of quarter\"",
            "2026-11-24T00:00:00Z",
            &["XLON:2026-12-31/close-30m 2026-12-31T12:00:00Z"],
        ),
        (
            "the fifth session of a week comes only in whole weeks",
            "on = \"XNYS open 5th session of week\"",
            "2026-11-21T00:00:00Z",
            &["XNYS:2026-12-04/open 2026-12-04T14:30:00Z"],
        ),
        (
            "options expire a day early where the third Friday is Good Friday",
            "on = \"XNYS open expiry\"",
            "2014-04-01T00:00:00Z",
            &["XNYS:2014-04-17/open 2014-04-17T13:30:00Z", "XNYS:2014-05-16/open 2014-05-16T13:30:00Z"],
        ),
        (
            "the session before that expiry",
            "on = \"XNYS open expiry-1\"",
            "2014-04-01T00:00:00Z",
            &["XNYS:2014-04-16/open 2014-04-16T13:30:00Z", "XNYS:2014-05-15/open 2014-05-15T13:30:00Z"],
        ),
        (
            "the session after it",
            "on = \"XNYS open expiry+1\"",
            "2014-04-01T00:00:00Z",
            &["XNYS:2014-04-21/open 2014-04-21T13:30:00Z"],
        ),
        (
            "ten sessions after an expiry lie in the next month",
            "on = \"XNYS open expiry+10\"",
            "2014-04-25T00:00:00Z",
            &["XNYS:2014-05-02/open 2014-05-02T13:30:00Z", "XNYS:2014-06-02/open 2014-06-02T13:30:00Z"],
        ),
        (
            "a phase begins after a holiday",
            "on = \"XNYS enter market_opening\"",
            "2026-11-25T20:00:00Z",
            &["XNYS:2026-11-27/enter:market_opening 2026-11-27T14:30:00Z"],
        ),
        (
            "the night begins twice on a Monday, at its first instant and at its end, and not at midnight after it",
            "on = \"XNYS enter night\"",
            "2026-11-22T12:00:00Z",
            &[
                "XNYS:2026-11-23/enter:night 2026-11-23T05:00:00Z",
                "XNYS:2026-11-23/enter:night+2nd 2026-11-24T01:00:00Z",
                "XNYS:2026-11-24/enter:night 2026-11-25T01:00:00Z",
            ],
        ),
        (
            "steps from the open leave out the break",
            "every = \"1h\"\nwithin = \"XTKS session\"",
            "2026-11-24T00:00:00Z",
            &[
                "XTKS:2026-11-24/open+1h 2026-11-24T01:00:00Z",
                "XTKS:2026-11-24/open+2h 2026-11-24T02:00:00Z",
                "XTKS:2026-11-24/open+4h 2026-11-24T04:00:00Z",
                "XTKS:2026-11-24/open+5h 2026-11-24T05:00:00Z",
                "XTKS:2026-11-24/open+6h 2026-11-24T06:00:00Z",
                "XTKS:2026-11-25/open 2026-11-25T00:00:00Z",
            ],
        ),
        (
            "the instant at which a break ends is a step, that at which it begins is none",
            "every = \"30m\"\nwithin = \"XTKS session\"",
            "2026-11-24T01:30:00Z",
            &["XTKS:2026-11-24/open+2h 2026-11-24T02:00:00Z", "XTKS:2026-11-24/open+3h30m 2026-11-24T03:30:00Z"],
        ),
        (
            "unless they run through it",
            "every = \"30m\"\nwithin = \"XTKS session\"\nbreaks = \"run\"",
            "2026-11-24T02:00:00Z",
            &["XTKS:2026-11-24/open+150m 2026-11-24T02:30:00Z", "XTKS:2026-11-24/open+3h 2026-11-24T03:00:00Z"],
        ),
        (
            "steps back from the close begin where a whole number of them is left",
            "every = \"2h\"\nwithin = \"XNYS session\"\nalign = \"close\"",
            "2026-11-25T12:00:00Z",
            &[
                "XNYS:2026-11-25/close-6h 2026-11-25T15:00:00Z",
                "XNYS:2026-11-25/close-4h 2026-11-25T17:00:00Z",
                "XNYS:2026-11-25/close-2h 2026-11-25T19:00:00Z",
                "XNYS:2026-11-27/close-2h 2026-11-27T16:00:00Z",
            ],
        ),
        (
            "steps back from the close leave out the break too",
            "every = \"1h\"\nwithin = \"XTKS session\"\nalign = \"close\"",
            "2026-11-24T01:00:00Z",
            &["XTKS:2026-11-24/close-5h 2026-11-24T01:30:00Z", "XTKS:2026-11-24/close-3h 2026-11-24T03:30:00Z"],
        ),
        ("past the years of a calendar there is no slot", "on = \"XTKS open\"", "2150-01-01T00:00:00Z", &[]),
        ("nor steps", "every = \"15m\"\nwithin = \"XTKS session\"", "2150-01-01T00:00:00Z", &[]),
    ];
    for (name, task, after, expected) in rows {
        assert_eq!(instants(task, after, expected.len().max(1)), *expected, "{name}");
    }
}

#[test]
fn what_a_task_says_of_venues_is_written_the_way_it_is_read() {
    let rows = [
        "on = \"XTKS open+5m\"",
        "on = \"XHKG break_end-90m\"",
        "on = \"XNYS close-15m first session of month\"",
        "on = \"XLON close-30m 3rd last session of quarter\"",
        "on = \"XLON close-30m last session of year\"",
        "on = \"XNYS open 22nd session of quarter\"",
        "on = \"XNYS open 11th session of month\"",
        "on = \"XNYS open expiry\"",
        "on = \"XNYS open expiry-1\"",
        "on = \"XNYS open expiry+10\"",
        "on = \"XNYS enter market_opening\"",
        "on = \"XNYS enter night last session of week\"",
    ];
    for row in rows {
        let shown = desk(row).tasks[0].firings[0].trigger.to_string();
        assert_eq!(shown.replacen("on ", "on = \"", 1) + "\"", row);
        assert_eq!(desk(row).tasks[0].firings, desk(row).tasks[0].firings, "{row}");
    }
    let steps = "every = \"15m\"\nwithin = \"XTKS session\"\nalign = \"close\"\nbreaks = \"run\"";
    assert_eq!(
        desk(steps).tasks[0].firings[0].trigger.to_string(),
        "every 15m within XTKS session align close breaks run"
    );
    assert_ne!(desk("on = \"XTKS open\"").tasks[0].firings, desk("on = \"XHKG open\"").tasks[0].firings);
    assert_eq!(
        desk("on = \"tse open 1st last session of week\"").tasks[0].firings[0].trigger.to_string(),
        "on XTKS open last session of week"
    );
}

#[test]
fn every_session_of_a_venue_is_named_once() {
    for venue in ["XTKS", "XHKG", "XLON", "CME_Equity", "XTAE", "XSAU", "24x7"] {
        let exchange = kobe_calendar::Exchange::bundled(venue).expect("a venue of the table");
        let (from, to) = (jiff::civil::date(2025, 1, 1), jiff::civil::date(2025, 12, 31));
        let sessions = exchange.sessions(from, to).expect("covered");
        let after = sessions[0].open - jiff::SignedDuration::from_nanos(1);
        let wanted: Vec<String> = sessions.iter().map(|s| format!("{venue}:{}/open {}", s.date, s.open)).collect();
        assert_eq!(instants(&format!("on = \"{venue} open\""), &after.to_string(), wanted.len()), wanted, "{venue}");
    }
}

#[test]
fn steps_that_always_fall_into_the_break_are_told() {
    let desk = desk("every = \"196m\"\nwithin = \"XTKS session\"\nalign = \"close\"");
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let told = desk.lint(&desk.files, &market, "2026-11-24T00:00:00Z".parse().expect("an instant"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].message, "task `t` never fires: it names no instant after 2026-11-24T00:00:00Z");
    assert!(told[0].hint.as_ref().is_some_and(|hint| hint.starts_with("its venue has no such session")), "{told:?}");
}

/// The verdict on the first slot after an instant, as the planner gives it.
fn verdict(task: &str, after: &str) -> (String, Option<crate::Reason>) {
    let desk = desk(task);
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let after: Timestamp = after.parse().expect("the row's instant");
    let why = crate::view::why(&desk, &market, TaskIx(0), after, None).expect("covered").expect("a slot");
    let reason = match why.verdict {
        crate::Verdict::Admit => None,
        crate::Verdict::Skip(reason) => Some(reason),
    };
    (why.occurrence.slot.to_string(), reason)
}

#[test]
fn half_days_and_holidays_of_a_venue_are_its_own() {
    use crate::Reason;
    let rows: &[(&str, &str, &str, &str, Option<Reason>)] = &[
        (
            "Hong Kong's half day is left out",
            "on = \"XHKG open\"\non_half_day = \"skip\"",
            "2027-02-05T00:00:00Z",
            "XHKG:2027-02-05/open",
            Some(Reason::EarlyClose),
        ),
        (
            "its whole days are not",
            "on = \"XHKG open\"\non_half_day = \"skip\"",
            "2027-02-04T00:00:00Z",
            "XHKG:2027-02-04/open",
            None,
        ),
        (
            "the desk's half day is none of London's",
            "on = \"XLON close-5m\"\non_half_day = \"skip\"",
            "2026-11-27T12:00:00Z",
            "XLON:2026-11-27/close-5m",
            None,
        ),
        (
            "a step of a half day is left out as well",
            "every = \"1h\"\nwithin = \"XNYS session\"\non_half_day = \"skip\"",
            "2026-11-27T12:00:00Z",
            "XNYS:2026-11-27/open",
            Some(Reason::EarlyClose),
        ),
        (
            "what keeps its distance to the close has it anyway",
            "on = \"XNYS close-15m\"\non_half_day = \"move\"",
            "2026-11-27T12:00:00Z",
            "XNYS:2026-11-27/close-15m",
            None,
        ),
        (
            "a holiday of the desk is none of Tokyo's",
            "on = \"XTKS close\"\non_holiday = \"skip\"",
            "2026-11-26T05:00:00Z",
            "XTKS:2026-11-26/close",
            None,
        ),
        (
            "a phase of a holiday is",
            "on = \"XNYS enter holiday\"\non_holiday = \"skip\"",
            "2026-11-25T12:00:00Z",
            "XNYS:2026-11-26/enter:holiday",
            Some(Reason::Holiday),
        ),
        (
            "what may trade waits for the desk's own market, whatever venue names its slots",
            "on = \"XTKS open\"\nright = \"reduce\"",
            "2026-11-24T12:00:00Z",
            "XTKS:2026-11-25/open",
            Some(Reason::Phase),
        ),
        (
            "London's afternoon lies in it",
            "on = \"XLON close-30m\"\nright = \"reduce\"",
            "2026-11-24T12:00:00Z",
            "XLON:2026-11-24/close-30m",
            None,
        ),
    ];
    for (name, task, after, slot, reason) in rows {
        assert_eq!(verdict(task, after), ((*slot).to_owned(), *reason), "{name}");
    }
}

#[test]
fn what_may_trade_is_not_started_on_a_day_that_nobody_knows_yet() {
    let exchange = kobe_calendar::Exchange::bundled("XIST").expect("a venue of the table");
    let mut date = exchange.span().confirmed_to;
    let doubtful = loop {
        date = date.tomorrow().expect("the span ends before the years do");
        let unknown = exchange.coverage(date) == kobe_calendar::Coverage::Unknown;
        if unknown && exchange.is_session_date(date).expect("within the span") {
            break exchange.session_on(date).expect("covered").expect("a session");
        }
    };
    let after = doubtful.open.to_string();
    let slot = format!("XIST:{}/open", doubtful.date);
    assert_eq!(verdict("on = \"XIST open\"\nright = \"reduce\"", &after), (slot.clone(), Some(crate::Reason::Horizon)));
    assert_eq!(verdict("on = \"XIST open\"", &after), (slot, None), "what only looks runs as projected");
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

    fn venue() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("XTKS"), Just("XHKG"), Just("XNYS"), Just("XLON"), Just("CME_Equity"), Just("XASX")]
    }

    fn which() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            Just("first session of week"),
            Just("last session of week"),
            Just("2nd last session of month"),
            Just("expiry"),
            Just("expiry-3"),
        ]
    }

    fn offset(minutes: i32) -> String {
        if minutes == 0 { String::new() } else { format!("{}{}m", if minutes < 0 { "-" } else { "+" }, minutes.abs()) }
    }

    fn trigger_text() -> impl Strategy<Value = String> {
        prop_oneof![
            (0..24, 0..60).prop_map(|(h, m)| format!("at = \"{h:02}:{m:02}\"")),
            (0..240).prop_map(|m| format!("at = \"open+{}m\"", m + 1)),
            (0..240).prop_map(|m| format!("at = \"close-{}m\"", m + 1)),
            (1..200).prop_map(|m| format!("every = \"{m}m\"")),
            (1..90).prop_map(|m| format!("every = \"{m}m\"\nwithin = \"primary\"")),
            (0..60, 0..24).prop_map(|(m, h)| format!("cron = \"{m} {h} * * *\"")),
            (1..30).prop_map(|m| format!("cron = \"*/{m} 1-3 * * *\"")),
            (venue(), -90..300).prop_map(|(v, m)| format!("on = \"{v} open{}\"", offset(m))),
            (venue(), -300..90).prop_map(|(v, m)| format!("on = \"{v} close{}\"", offset(m))),
            (prop_oneof!["XTKS", "XHKG"], prop_oneof!["break_start", "break_end"])
                .prop_map(|(v, b)| format!("on = \"{v} {b}\"")),
            (venue(), which()).prop_map(|(v, w)| format!("on = \"{v} open {w}\"")),
            prop_oneof!["night", "market_opening", "market_lunch", "after_hours"]
                .prop_map(|p| format!("on = \"XNYS enter {p}\"")),
            (venue(), 1..180, prop_oneof!["open", "close"], prop_oneof!["skip", "run"]).prop_map(|(v, m, a, b)| {
                format!("every = \"{m}m\"\nwithin = \"{v} session\"\nalign = \"{a}\"\nbreaks = \"{b}\"")
            }),
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
                    prop_assert_eq!(o.slot.to_string().parse::<crate::Slot>(), Ok(o.slot));
                }
                // Asking from just before the answer gives the answer again: nothing lies between.
                let again = crate::scheduler::next_occurrences(desk.task(TaskIx(0)), TaskIx(0), next[0].due - jiff::SignedDuration::from_nanos(1), &mut days);
                prop_assert_eq!(&again, &next);
                after = next[0].due;
            }
        }
    }
}
