//! What the words of a venue's file do, each on a small venue made up for it.

mod common;

use common::{at, day};
use jiff::civil::Date;
use kobe_calendar::{
    Coverage, Exchange, Overlay, Period, Roll, open_anywhere, open_together, sessions_of_all, sessions_of_any,
};

/// Builds a venue of the given lines, Monday to Friday in UTC from 09:00 to 17:00 unless they say otherwise.
fn venue(lines: &str) -> Exchange {
    let or = |key: &str, line: &str| {
        if lines.lines().any(|l| l.trim_start().starts_with(&format!("{key} ="))) {
            String::new()
        } else {
            line.to_owned()
        }
    };
    let text = format!(
        "schema = 1\nid = \"TEST\"\ntitle = \"Test\"\nversion = \"1\"\n{}{}{}{}{lines}",
        or("zone", "zone = \"UTC\"\n"),
        or("week", "week = \"mon-fri\"\n"),
        or("covers", "covers = { from = 2020-01-01, confirmed_to = 2026-12-31, to = 2030-12-31 }\n"),
        or("hours", "hours = [{ from = 2020-01-01, open = \"09:00\", close = \"17:00\" }]\n"),
    );
    Exchange::parse(&text).unwrap_or_else(|e| panic!("{e}: {}\n{text}", e.hint()))
}

fn closed(venue: &Exchange, from: &str, to: &str) -> Vec<String> {
    let (mut at, to) = (day(from), day(to));
    let mut found = Vec::new();
    while at <= to {
        if let Some(name) = venue.holiday_on(at).unwrap() {
            found.push(format!("{at} {name}"));
        }
        at = at.tomorrow().unwrap();
    }
    found
}

fn hours(venue: &Exchange, date: &str) -> String {
    let session = venue.session_on(day(date)).unwrap().unwrap_or_else(|| panic!("{date} is a session"));
    let pauses: Vec<String> = session.pauses.iter().map(|(a, b)| format!(" {a}-{b}")).collect();
    format!("{}-{}{}", session.open, session.close, pauses.concat())
        .replace(&format!("{date}T"), "")
        .replace(":00Z", "")
}

#[test]
fn a_holiday_on_a_sunday_is_made_up_for_on_the_next_free_day() {
    let venue = venue(
        r#"holidays = [
            { name = "First", on = "may 3", substitute = "sun" },
            { name = "Second", on = "may 4" },
            { name = "Third", on = "may 5", substitute = "sat sun" },
        ]"#,
    );
    // 2026-05-03 is a Sunday: Monday and Tuesday are holidays themselves. 2024-05-05 is a Sunday.
    assert_eq!(
        closed(&venue, "2026-05-01", "2026-05-10"),
        ["2026-05-04 Second", "2026-05-05 Third", "2026-05-06 First (substitute)"]
    );
    assert_eq!(closed(&venue, "2024-05-01", "2024-05-10"), ["2024-05-03 First", "2024-05-06 Third (substitute)"]);
}

#[test]
fn two_holidays_on_one_day_are_made_up_for_once() {
    let venue = venue(
        r#"holidays = [
            { name = "Children", on = "may 5", overlap = true },
            { name = "Birthday", on = "korean 4 8", overlap = true },
        ]"#,
    );
    assert_eq!(closed(&venue, "2025-05-01", "2025-05-10"), ["2025-05-05 Children", "2025-05-06 Children (substitute)"]);
    assert_eq!(closed(&venue, "2026-05-01", "2026-05-31"), ["2026-05-05 Children"], "the birthday falls on a Sunday");
}

#[test]
fn a_day_between_two_holidays_is_one_and_an_exchange_closure_counts_for_nothing_there() {
    let rules = |civil: &str| {
        format!(
            r#"sandwich = "2021.."
            holidays = [{{ name = "A", on = "sep 21" }}, {{ name = "B", on = "sep 23", civil = {civil} }}]"#
        )
    };
    // 2026-09-21 is a Monday.
    assert_eq!(closed(&venue(&rules("true")), "2026-09-20", "2026-09-26").len(), 3);
    assert_eq!(closed(&venue(&rules("false")), "2026-09-20", "2026-09-26"), ["2026-09-21 A", "2026-09-23 B"]);
    assert_eq!(closed(&venue(&rules("true")), "2020-09-20", "2020-09-26").len(), 2, "before the law");
}

#[test]
fn the_week_has_a_history() {
    let venue = venue(
        r#"week = [{ from = 2020-01-01, days = "sun-thu" }, { from = 2026-01-05, days = "mon-fri" }]"#
            .replace("sun-thu", "sun mon-thu")
            .as_str(),
    );
    let trades = |date: &str| venue.is_session_date(day(date)).unwrap();
    assert!(trades("2026-01-04") && !trades("2026-01-02"), "Sunday, not Friday, before");
    assert!(trades("2026-01-09") && !trades("2026-01-11"), "Friday, not Sunday, after");
}

#[test]
fn hours_differ_by_weekday_and_have_several_breaks() {
    let venue = venue(
        r#"hours = [
            { from = 2020-01-01, days = "mon-thu", open = "09:00", close = "17:00", pauses = [["10:30", "10:45"], ["12:00", "13:00"]] },
            { from = 2020-01-01, days = "fri", open = "09:00", close = "14:00", post = "30m" },
        ]"#,
    );
    assert_eq!(hours(&venue, "2026-11-26"), "09:00-17:00 10:30-10:45 12:00-13:00");
    assert_eq!(hours(&venue, "2026-11-27"), "09:00-14:00");
    let friday = venue.session_on(day("2026-11-27")).unwrap().unwrap();
    assert_eq!(friday.post_close, at("2026-11-27T14:30:00Z"));
    assert!(!friday.early_close, "an ordinary Friday");
    let open = |t: &str| venue.is_open(at(&format!("2026-11-26T{t}Z"))).unwrap();
    assert!(open("10:29:59.999999999") && !open("10:30:00") && !open("12:59:59") && open("13:00:00"));
    assert_eq!(
        venue.trading_time(at("2026-11-26T00:00:00Z"), at("2026-11-28T00:00:00Z")).unwrap().as_mins(),
        405 + 300
    );
}

#[test]
fn a_session_may_open_on_the_day_before() {
    let venue = venue(
        r#"zone = "America/Chicago"
        hours = [{ from = 2020-01-01, open = "17:00", open_day = -1, close = "16:00" }]"#,
    );
    let monday = venue.session_on(day("2026-03-09")).unwrap().unwrap();
    // The clocks of Chicago changed on that Sunday.
    assert_eq!((monday.open, monday.close), (at("2026-03-08T22:00:00Z"), at("2026-03-09T21:00:00Z")));
    let sunday_evening = at("2026-03-08T23:00:00Z");
    assert!(venue.is_open(sunday_evening).unwrap());
    assert_eq!(venue.session_at(sunday_evening).unwrap().unwrap().date, day("2026-03-09"));
    assert_eq!(venue.next_open(sunday_evening).unwrap(), at("2026-03-09T22:00:00Z"));
    assert_eq!(venue.session_before(sunday_evening).unwrap().date, day("2026-03-06"));
}

#[test]
fn hours_may_follow_the_clock_of_another_zone() {
    let all = venue(
        r#"zone = "America/Mexico_City"
        hours = [{ from = 2020-01-01, open = "09:30", close = "16:00", zone = "America/New_York" }]"#,
    );
    // Mexico keeps no summer time: the bell rings an hour earlier there while New York does.
    assert_eq!(hours(&all, "2026-01-15"), "14:30-21:00");
    assert_eq!(hours(&all, "2026-07-15"), "13:30-20:00");
    let close = venue(
        r#"zone = "America/Sao_Paulo"
        hours = [{ from = 2020-01-01, open = "10:00", close = "16:00", close_zone = "America/New_York" }]"#,
    );
    assert_eq!(hours(&close, "2026-01-15"), "13:00-21:00");
    assert_eq!(hours(&close, "2026-07-15"), "13:00-20:00");
}

#[test]
fn hours_change_by_rule_and_by_date() {
    let venue = venue(
        r#"holidays = [{ name = "New Year", on = "jan 1" }]
        late_opens = [{ name = "First", on = "first session of jan", open = "10:00" }]
        early_closes = [
            { name = "Last", on = "last session of dec", close = "12:00" },
            { name = "Eve", on = "dec 24", move = { sat = -1, sun = -2 }, close = "13:00" },
        ]
        special_hours = [{ name = "Storm", dates = [2025-12-31], open = "11:00", pause = ["12:00", "12:30"] }]
        sessions = [{ name = "Festival", dates = [2026-11-08], open = "18:00", close = "19:00" }]"#,
    );
    let rows = [
        ("the first session after a holiday", "2026-01-02", "10:00-17:00"),
        ("the last session", "2026-12-31", "09:00-12:00"),
        ("an eve on a Thursday", "2026-12-24", "09:00-13:00"),
        ("an eve on a Sunday is the Friday before", "2023-12-22", "09:00-13:00"),
        ("what is stated for a date wins over a rule", "2025-12-31", "11:00-17:00 12:00-12:30"),
        ("an extra session on a Sunday", "2026-11-08", "18:00-19:00"),
    ];
    for (name, date, expected) in rows {
        assert_eq!(hours(&venue, date), expected, "{name}");
    }
}

#[test]
fn a_venue_takes_from_another_what_it_does_not_state() {
    let venue = venue(
        r#"extends = "XPAR"
        without = ["Good Friday"]
        zone = "Europe/Lisbon"
        week = "mon-fri"
        covers = { from = 2020-01-01, confirmed_to = 2026-12-31, to = 2030-12-31 }
        hours = [{ from = 2020-01-01, open = "08:00", close = "16:30" }]
        holidays = [{ name = "Republic", on = "oct 5" }]"#,
    );
    let names: Vec<String> =
        closed(&venue, "2026-01-01", "2026-12-31").iter().map(|row| row[11..].to_owned()).collect();
    assert!(names.contains(&"Republic".to_owned()) && names.iter().any(|n| n.contains("Christmas")), "{names:?}");
    assert!(!names.contains(&"Good Friday".to_owned()), "{names:?}");
}

#[test]
fn what_a_sighting_will_decide_is_unknown_and_never_guessed() {
    let venue = venue(
        r#"covers = { from = 2020-01-01, confirmed_to = 2026-12-31, to = 2030-12-31 }
        holidays = [{ name = "Eid", on = "hijri 10 1", doubt = 1 }]"#,
    );
    // By Umm al-Qura 2027-03-09 is the first of Shawwal, a Tuesday.
    let rows = [
        ("2026-03-19", Coverage::Confirmed),
        ("2027-03-08", Coverage::Unknown),
        ("2027-03-09", Coverage::Projected),
        ("2027-03-10", Coverage::Unknown),
        ("2027-03-11", Coverage::Projected),
        ("2031-01-01", Coverage::Refused),
    ];
    for (date, expected) in rows {
        assert_eq!(venue.coverage(day(date)), expected, "{date}");
    }
    assert_eq!(venue.doubt_on(day("2027-03-08")), Some(("Eid", day("2027-03-09"))));
}

#[test]
fn sessions_are_counted_from_either_end() {
    let xnys = Exchange::bundled("XNYS").unwrap();
    let nth = |period, date: &str, n| xnys.nth_session_of(period, day(date), n).unwrap().map(|d: Date| d.to_string());
    let rows = [
        ("the first session of July", Period::Month, "2026-07-15", 1, Some("2026-07-01")),
        ("the third of July", Period::Month, "2026-07-15", 3, Some("2026-07-06")),
        ("the last of November", Period::Month, "2026-11-01", -1, Some("2026-11-30")),
        ("the last of the week of Thanksgiving", Period::Week, "2026-11-23", -1, Some("2026-11-27")),
        ("the fifth of that week", Period::Week, "2026-11-23", 5, None),
        ("the third last of the quarter", Period::Quarter, "2026-11-23", -3, Some("2026-12-29")),
        ("the first of the year", Period::Year, "2026-06-01", 1, Some("2026-01-02")),
        ("none is the noughth", Period::Year, "2026-06-01", 0, None),
    ];
    for (name, period, date, n, expected) in rows {
        assert_eq!(nth(period, date, n).as_deref(), expected, "{name}");
    }
    assert_eq!(xnys.session_number(Period::Week, day("2026-11-25")).unwrap(), Some((3, 2)));
    assert_eq!(xnys.session_number(Period::Week, day("2026-11-26")).unwrap(), None);
    assert_eq!(xnys.session_offset(day("2026-11-25"), 2).unwrap(), day("2026-11-30"));
    assert_eq!(xnys.session_offset(day("2026-11-26"), -1).unwrap(), day("2026-11-25"));
}

#[test]
fn a_day_without_session_rolls_by_rule() {
    let xnys = Exchange::bundled("XNYS").unwrap();
    let rows = [
        ("2026-11-26", Roll::Next, "2026-11-27"),
        ("2026-11-26", Roll::Previous, "2026-11-25"),
        ("2026-05-31", Roll::Next, "2026-06-01"),
        ("2026-05-31", Roll::ModifiedNext, "2026-05-29"),
        ("2026-11-01", Roll::ModifiedPrevious, "2026-11-02"),
        ("2026-11-25", Roll::Next, "2026-11-25"),
    ];
    for (date, roll, expected) in rows {
        assert_eq!(xnys.roll(day(date), roll).unwrap(), day(expected), "{date} {roll}");
    }
    // The third Friday of April 2014 was Good Friday.
    assert_eq!(xnys.expiry(day("2014-04-01")).unwrap(), day("2014-04-17"));
    assert_eq!(xnys.expiry(day("2026-12-31")).unwrap(), day("2026-12-18"));
}

#[test]
fn venues_are_open_together_and_apart() {
    let (xnys, xlon) = (Exchange::bundled("XNYS").unwrap(), Exchange::bundled("XLON").unwrap());
    let (from, to) = (at("2026-10-26T00:00:00Z"), at("2026-10-27T00:00:00Z"));
    // London's clocks have gone back, New York's have not.
    let both = open_together(&[&xnys, &xlon], from, to).unwrap();
    assert_eq!(both, [(at("2026-10-26T13:30:00Z"), at("2026-10-26T16:30:00Z"))]);
    let any = open_anywhere(&[&xnys, &xlon], from, to).unwrap();
    assert_eq!(any, [(at("2026-10-26T08:00:00Z"), at("2026-10-26T20:00:00Z"))]);
    let (from, to) = (day("2026-11-23"), day("2026-11-29"));
    assert_eq!(sessions_of_all(&[&xnys, &xlon], from, to).unwrap().len(), 4);
    assert_eq!(sessions_of_any(&[&xnys, &xlon], from, to).unwrap().len(), 5);
    assert!(open_together(&[], at("2026-10-26T00:00:00Z"), at("2026-10-27T00:00:00Z")).unwrap().is_empty());
}

const OVERLAY: &str = r#"
schema = 1
[[entry]]
exchange = "XNYS"
date = 2026-12-07
close = "12:00"
declared_at = 2026-12-07T15:00:00Z
reason = "Snow"
[[entry]]
exchange = "XNYS"
date = 2026-12-08
closed = true
declared_at = 2026-12-07T22:00:00Z
reason = "Snow"
[[entry]]
exchange = "XNYS"
date = 2026-12-08
as_planned = true
declared_at = 2026-12-08T11:00:00Z
reason = "the streets are clear"
[[entry]]
exchange = "XNYS"
date = 2026-12-09
halt = ["13:00", "14:10"]
declared_at = 2026-12-09T18:00:00Z
reason = "System trouble"
"#;

#[test]
fn what_was_declared_counts_from_its_declaration_on() {
    let overlay = Overlay::parse(OVERLAY).unwrap();
    let known = |t: &str| Exchange::bundled("XNYS").unwrap().with_overlay(&overlay, at(t)).unwrap();
    let before = known("2026-12-07T14:59:59Z");
    assert_eq!(hours(&before, "2026-12-07"), "14:30-21:00");
    let after = known("2026-12-07T15:00:00Z");
    assert_eq!(hours(&after, "2026-12-07"), "14:30-17:00");
    assert!(after.session_on(day("2026-12-07")).unwrap().unwrap().early_close);
    assert_eq!(known("2026-12-08T00:00:00Z").holiday_on(day("2026-12-08")).unwrap(), Some("Snow"));
    let last = known("2026-12-10T00:00:00Z");
    assert_eq!(hours(&last, "2026-12-08"), "14:30-21:00", "the later word wins");
    assert!(!last.is_open(at("2026-12-09T18:30:00Z")).unwrap() && last.is_open(at("2026-12-09T19:10:00Z")).unwrap());
}

#[test]
fn a_mistake_in_an_overlay_is_named_with_its_place() {
    let rows = [
        ("another schema", "schema = 1", "schema = 3", (2, 10), "schema 3 is not known"),
        ("no such venue", "\"XNYS\"", "\"XMOON\"", (4, 12), "no other venue is called `XMOON`"),
        ("a declaration without its zone", "15:00:00Z", "15:00:00", (7, 15), "`2026-12-07T15:00:00` is not an instant"),
        (
            "two changes at once",
            "close = \"12:00\"",
            "close = \"12:00\"\nclosed = true",
            (3, 1),
            "an entry changes one thing",
        ),
        ("no time of day", "\"12:00\"", "\"noon\"", (6, 9), "`noon` is not a time of day"),
    ];
    for (name, old, new, place, expected) in rows {
        let error = Overlay::parse(&OVERLAY.replacen(old, new, 1)).expect_err(name);
        assert_eq!(((error.line, error.column), error.problem.to_string().as_str()), (place, expected), "{name}");
        assert!(!error.hint().is_empty());
    }
    let sunday = Overlay::parse(&OVERLAY.replacen("2026-12-07", "2026-12-06", 1)).unwrap();
    let error = Exchange::bundled("XNYS").unwrap().with_overlay(&sunday, at("2026-12-31T00:00:00Z")).unwrap_err();
    assert_eq!(
        (error.line, error.problem.to_string().as_str()),
        (3, "2026-12-06 is no session even without this line")
    );
}
