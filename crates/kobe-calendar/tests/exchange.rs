//! What an exchange says about single days, at the edges of what it knows, and about a bad rule file.

mod common;

use common::{at, day};
use jiff::civil::time;
use kobe_calendar::{CalendarError, Coverage, DayKind, Events, Exchange, Market, ModeTable, Phase};

fn xnys() -> Exchange {
    Exchange::bundled("XNYS").unwrap()
}

#[test]
fn a_day_without_a_session_says_why() {
    let rows = [
        ("Independence Day on a Saturday is kept on Friday", "2026-07-03", Some("Independence Day")),
        ("Thanksgiving", "2026-11-26", Some("Thanksgiving Day")),
        ("New Year's Day on a Saturday is not made up for", "2021-12-31", None),
        ("New Year's Day on a Sunday is kept on Monday", "2023-01-02", Some("New Year's Day")),
        ("Juneteenth before the exchange kept it", "2021-06-18", None),
        ("Juneteenth", "2026-06-19", Some("Juneteenth")),
        ("a day of mourning", "2025-01-09", Some("Mourning for President Carter")),
        ("September 2001", "2001-09-13", Some("Attacks of September 11")),
        ("a hurricane", "2012-10-30", Some("Hurricane Sandy")),
        ("a Wednesday of the paperwork crisis", "1968-06-12", Some("Paperwork crisis")),
        ("the last Election Day", "1980-11-04", Some("Election Day")),
        ("the first Election Day with trading", "1984-11-06", None),
        ("an ordinary Saturday", "2026-07-04", None),
        ("an ordinary session", "2026-07-02", None),
    ];
    let exchange = xnys();
    for (name, date, expected) in rows {
        assert_eq!(exchange.holiday_on(day(date)).unwrap(), expected, "{name}");
        if expected.is_some() {
            assert!(!exchange.is_session_date(day(date)).unwrap(), "{name}");
        }
    }
}

#[test]
fn changed_hours_carry_a_name() {
    let rows = [
        ("2026-11-27", "14:30", "18:00", true, false, Some("Day after Thanksgiving")),
        ("2026-12-24", "14:30", "18:00", true, false, Some("Christmas Eve")),
        ("1992-11-27", "14:30", "19:00", true, false, Some("Day after Thanksgiving")),
        ("2013-07-03", "13:30", "17:00", true, false, Some("Independence Day Eve")),
        ("2002-07-05", "13:30", "17:00", true, false, Some("Day after Independence Day")),
        ("2002-09-11", "16:00", "20:00", false, true, Some("First anniversary of September 11")),
        ("2001-09-17", "13:33", "20:00", false, true, Some("Reopening with two minutes of silence")),
        ("1996-01-08", "16:00", "19:00", true, true, Some("Blizzard")),
        ("1999-12-31", "14:30", "18:00", true, false, Some("Eve of the year 2000")),
        ("2026-07-02", "13:30", "20:00", false, false, None),
    ];
    let exchange = xnys();
    for (date, open, close, early, late, note) in rows {
        let session = exchange.session_on(day(date)).unwrap().expect(date);
        assert_eq!(session.open, at(&format!("{date}T{open}:00Z")), "{date}");
        assert_eq!(session.close, at(&format!("{date}T{close}:00Z")), "{date}");
        assert_eq!((session.early_close, session.late_open, session.note.as_deref()), (early, late, note), "{date}");
    }
}

#[test]
fn clocks_change_under_the_sessions() {
    let rows = [
        ("Friday before summer time", "2026-03-06", "14:30"),
        ("Monday after it began", "2026-03-09", "13:30"),
        ("Friday before it ends", "2026-10-30", "13:30"),
        ("Monday after it ended", "2026-11-02", "14:30"),
        ("April rule of 2006", "2006-04-03", "13:30"),
        ("projected by the rule of 2007", "2050-03-14", "13:30"),
    ];
    for (name, date, open) in rows {
        let session = xnys().session_on(day(date)).unwrap().expect(name);
        assert_eq!(session.open, at(&format!("{date}T{open}:00Z")), "{name}");
    }
}

#[test]
fn bells_are_strict_and_sessions_half_open() {
    let exchange = xnys();
    let (open, close) = (at("2026-11-27T14:30:00Z"), at("2026-11-27T18:00:00Z"));
    let (before, after) = (at("2026-11-25T21:00:00Z"), at("2026-11-30T14:30:00Z"));
    assert!(exchange.is_open(open).unwrap(), "at the opening bell it is open");
    assert!(!exchange.is_open(close).unwrap(), "at the closing bell it is not");
    assert_eq!(exchange.next_open(open).unwrap(), after, "the bell that rings now is not the next one");
    assert_eq!(exchange.next_close(close).unwrap(), at("2026-11-30T21:00:00Z"));
    assert_eq!(exchange.previous_close(close).unwrap(), before, "the close that rings now is not the previous one");
    assert_eq!(exchange.session_after(open).unwrap().close, close, "the current session closes next");
    assert_eq!(exchange.session_after(close).unwrap().open, after);
    assert_eq!(exchange.session_before(close).unwrap().date, day("2026-11-25"));
    assert_eq!(exchange.session_before(after).unwrap().date, day("2026-11-27"));
    assert_eq!(exchange.session_at(open).unwrap().map(|session| session.date), Some(day("2026-11-27")));
    assert_eq!(exchange.session_at(close).unwrap(), None);
}

#[test]
fn the_crypto_clock_never_closes() {
    let clock = Exchange::bundled("24X7").unwrap();
    let midnight = at("2026-07-04T00:00:00Z");
    assert!(clock.is_open(midnight).unwrap());
    assert_eq!(clock.next_open(midnight).unwrap(), at("2026-07-05T00:00:00Z"));
    assert_eq!(clock.next_close(midnight).unwrap(), at("2026-07-05T00:00:00Z"));
    assert_eq!(clock.previous_close(midnight).unwrap(), at("2026-07-03T00:00:00Z"));
    assert_eq!(clock.regular_hours(day("2026-07-04")).unwrap(), (time(0, 0, 0, 0), time(0, 0, 0, 0)));
    let session = clock.session_on(day("2026-07-04")).unwrap().unwrap();
    assert!(!session.early_close && !session.late_open);
    // The desk's clock can stand on it too: every day is a weekday that closes at midnight.
    let (modes, events) = (ModeTable::bundled().unwrap(), Events::bundled().unwrap());
    let market = Market::new(clock, modes, events).unwrap();
    let saturday = market.day(day("2026-07-04")).unwrap();
    assert_eq!((saturday.kind(), saturday.weekend), (DayKind::FullSession, false));
    assert_eq!(saturday.at(at("2026-07-04T23:30:00Z")).phase, Phase::MarketClose);
}

#[test]
fn outside_what_it_knows_it_refuses_with_the_span() {
    let exchange = xnys();
    let coverage = [
        ("1952-12-31", Coverage::Refused),
        ("1953-01-01", Coverage::Confirmed),
        ("2028-12-31", Coverage::Confirmed),
        ("2029-01-01", Coverage::Projected),
        ("2050-12-31", Coverage::Projected),
        ("2051-01-01", Coverage::Refused),
    ];
    for (date, expected) in coverage {
        assert_eq!(exchange.coverage(day(date)), expected, "{date}");
    }
    let error = exchange.session_on(day("2051-01-03")).unwrap_err();
    assert_eq!(error.to_string(), "XNYS is known from 1953-01-01 to 2050-12-31, and 2051-01-03 lies outside");
    assert_eq!(error.hint(), "ask for a date from 1953-01-01 to 2050-12-31");
    assert!(exchange.is_session_date(day("1952-12-31")).is_err());
    assert!(exchange.sessions(day("2050-12-01"), day("2051-01-01")).is_err());
    assert!(exchange.next_open(at("2050-12-30T21:00:00Z")).is_err(), "the next opening lies past the end");
    assert!(exchange.next_session_date(day("2050-12-30")).is_err());
    assert!(exchange.previous_session_date(day("1953-01-02")).is_err());
    assert_eq!(exchange.previous_close(at("2050-12-31T00:00:00Z")).unwrap(), at("2050-12-30T21:00:00Z"));
}

#[test]
fn before_the_known_hours_it_knows_dates_only() {
    let exchange = xnys();
    assert!(exchange.is_session_date(day("1985-09-26")).unwrap());
    let error = exchange.session_on(day("1985-09-26")).unwrap_err();
    assert!(matches!(error, CalendarError::TimesUnknown { .. }));
    assert_eq!(
        error.to_string(),
        "XNYS has known hours from 1985-09-30 on, and 1985-09-26 lies before: only session dates are known there"
    );
    assert_eq!(exchange.session_on(day("1985-09-27")), Ok(None), "closed days need no hours");
    assert!(exchange.regular_hours(day("1985-09-29")).is_err());
    assert_eq!(exchange.regular_hours(day("1985-09-30")).unwrap(), (time(9, 30, 0, 0), time(16, 0, 0, 0)));
    // The hurricane of Friday and the weekend stand between: the next opening is known, the previous close is not.
    let sunday = at("1985-09-29T12:00:00Z");
    assert_eq!(exchange.next_open(sunday).unwrap(), at("1985-09-30T13:30:00Z"));
    assert!(matches!(exchange.previous_close(sunday), Err(CalendarError::TimesUnknown { .. })));
    assert!(matches!(exchange.is_open(at("1980-06-02T15:00:00Z")), Err(CalendarError::TimesUnknown { .. })));
}

#[test]
fn sessions_are_counted_between_dates() {
    let exchange = xnys();
    let rows = [
        ("the same day", "2026-11-25", "2026-11-25", 0),
        ("over Thanksgiving", "2026-11-25", "2026-11-27", 1),
        ("over the weekend too", "2026-11-25", "2026-11-30", 2),
        ("backwards", "2026-11-30", "2026-11-25", 0),
    ];
    for (name, from, to, expected) in rows {
        assert_eq!(exchange.sessions_between(day(from), day(to)).unwrap(), expected, "{name}");
    }
    assert_eq!(exchange.session_dates(day("2012-01-01"), day("2012-12-31")).unwrap().len(), 250);
}

#[test]
fn every_venue_answers_to_its_names() {
    for id in Exchange::bundled_ids() {
        let venue = Exchange::bundled(id).unwrap();
        assert_eq!(venue.id(), id);
        assert!(!venue.title().is_empty() && venue.version().contains('+'));
        for alias in venue.aliases() {
            assert_eq!(Exchange::bundled(alias).unwrap().id(), id, "{alias}");
        }
        assert_eq!(venue.zone().iana_name(), Some(venue.zone_name()));
    }
    assert_eq!(Exchange::bundled("XNAS").unwrap().id(), "XNYS");
    assert!(Exchange::bundled("").is_none());
    assert!(kobe_calendar::tzdb_version().starts_with("20"));
}

const VENUE: &str = r#"schema = 1
id = "XMOO"
title = "Moon"
version = "1"
zone = "UTC"
week = "mon-fri"
covers = { from = 2020-01-01, confirmed_to = 2025-12-31, to = 2030-12-31 }
hours = [{ from = 2020-01-01, open = "09:00", close = "17:00", pause = ["12:00", "13:00"] }]
holidays = [{ name = "New Year", on = "jan 1" }]
early_closes = [{ name = "Summer Eve", on = "jun 30", close = "12:30" }]
closures = [{ name = "Dust", dates = [2024-05-06] }]
special_hours = [{ name = "Late", dates = [2024-05-07], open = "10:00" }]
"#;

#[test]
fn a_new_venue_is_one_file() {
    let venue = Exchange::parse(VENUE).unwrap();
    let session = venue.session_on(day("2024-05-08")).unwrap().unwrap();
    assert_eq!(session.pauses, [(at("2024-05-08T12:00:00Z"), at("2024-05-08T13:00:00Z"))]);
    assert!(!venue.is_open(at("2024-05-08T12:30:00Z")).unwrap(), "the midday break is closed");
    assert!(venue.is_open(at("2024-05-08T13:00:00Z")).unwrap());
    let eve = venue.session_on(day("2025-06-30")).unwrap().unwrap();
    assert_eq!((eve.pauses.len(), eve.early_close), (0, true), "an early close takes the break with it");
    assert_eq!(venue.holiday_on(day("2024-05-06")).unwrap(), Some("Dust"));
    assert!(venue.session_on(day("2024-05-07")).unwrap().unwrap().late_open);
}

#[test]
fn a_mistake_in_a_venue_is_named_with_its_place_and_a_remedy() {
    let rows = [
        (
            "an unknown key",
            "zone = \"UTC\"",
            "zon = \"UTC\"",
            (5, 1),
            "unknown field `zon`, expected one of `schema`, `id`, `title`, `version`, `aliases`, `extends`, `without`, \
             `zone`, `week`, `covers`, `sandwich`, `hours`, `holidays`, `early_closes`, `late_opens`, `closures`, \
             `special_hours`, `sessions`",
        ),
        ("another schema", "schema = 1", "schema = 2", (1, 10), "schema 2 is not known"),
        ("no such zone", "\"UTC\"", "\"Moon/Tycho\"", (5, 8), "no time zone is called `Moon/Tycho`"),
        ("no such weekday", "mon-fri", "mon-fry", (6, 8), "`mon-fry` does not name weekdays"),
        ("no such time", "\"09:00\"", "\"9:00\"", (8, 38), "`9:00` is not a time of day"),
        ("past midnight", "\"17:00\"", "\"25:61\"", (8, 55), "`25:61` is not a time of day"),
        (
            "hours upside down",
            "\"17:00\"",
            "\"08:00\"",
            (8, 10),
            "the hours 09:00-08:00 from 2020-01-01 are in an impossible order",
        ),
        (
            "a break outside the hours",
            "\"13:00\"]",
            "\"18:00\"]",
            (8, 10),
            "the hours 09:00-17:00 from 2020-01-01 are in an impossible order",
        ),
        (
            "coverage upside down",
            "2025-12-31, to",
            "2035-12-31, to",
            (7, 10),
            "the coverage 2020-01-01 .. 2035-12-31 .. 2030-12-31 is in an impossible order",
        ),
        (
            "hours before the coverage",
            "{ from = 2020-01-01, open",
            "{ from = 2019-01-01, open",
            (8, 9),
            "the coverage 2020-01-01 .. 2030-12-31 with hours from 2019-01-01 is in an impossible order",
        ),
        ("no such day", "\"jan 1\"", "\"jan 32\"", (9, 39), "`jan 32` does not name a day of the year"),
        (
            "no such years",
            "on = \"jan 1\"",
            "years = \"2000..1999\", on = \"jan 1\"",
            (9, 42),
            "`2000..1999` is not a range of years",
        ),
        (
            "a date with a time",
            "2024-05-06]",
            "2024-05-06T10:00:00]",
            (11, 39),
            "`2024-05-06T10:00:00` is not a calendar date",
        ),
        (
            "closed on a Sunday",
            "2024-05-06]",
            "2024-05-05]",
            (11, 39),
            "2024-05-05 is no session even without this line",
        ),
        (
            "closed twice",
            "2024-05-06]",
            "2024-05-06, 2024-05-06]",
            (11, 51),
            "2024-05-06 is no session even without this line",
        ),
        (
            "closed outside the coverage",
            "2024-05-06]",
            "2034-05-08]",
            (11, 39),
            "2034-05-08 is no session even without this line",
        ),
        ("no zone at all", "zone = \"UTC\"", "", (1, 1), "`zone` is missing"),
        (
            "a rule that never acts",
            "on = \"jan 1\"",
            "on = \"jan 1\", years = \"1999\"",
            (9, 39),
            "the rule `New Year` never acts in the years that the file covers",
        ),
        (
            "changed hours that never act",
            "on = \"jun 30\"",
            "on = \"jun 30\", years = \"2024\", days = \"sat\"",
            (10, 45),
            "the rule `Summer Eve` never acts in the years that the file covers",
        ),
        ("changed hours without hours", ", close = \"12:30\"", "", (10, 45), "neither `open` nor `close` is changed"),
        (
            "breaks that overlap",
            "pause = [\"12:00\", \"13:00\"]",
            "pauses = [[\"12:00\", \"13:00\"], [\"12:30\", \"14:00\"]]",
            (8, 10),
            "the hours 09:00-17:00 from 2020-01-01 are in an impossible order",
        ),
        (
            "an extra session on a session",
            "special_hours = [",
            "sessions = [{ name = \"More\", dates = [2024-05-08] }]\nspecial_hours = [",
            (12, 39),
            "2024-05-08 is a session even without this line",
        ),
        ("extends nobody", "zone = \"UTC\"", "extends = \"XMOON\"", (5, 11), "no other venue is called `XMOON`"),
        (
            "leaves out what is not there",
            "zone = \"UTC\"",
            "extends = \"XPAR\"\nwithout = [\"Moon Day\"]",
            (6, 12),
            "no rule to leave out is called `Moon Day`",
        ),
        (
            "other hours on a closed day",
            "2024-05-07]",
            "2024-05-06]",
            (12, 44),
            "2024-05-06 is no session even without this line",
        ),
        ("other hours twice", "2024-05-07]", "2024-05-07, 2024-05-07]", (12, 56), "2024-05-07 is stated twice"),
        (
            "other hours upside down",
            "\"10:00\"",
            "\"18:00\"",
            (12, 44),
            "the hours of 2024-05-07 are in an impossible order",
        ),
    ];
    for (name, right, wrong, place, problem) in rows {
        assert!(VENUE.contains(right), "{name}: {right}");
        let error = Exchange::parse(&VENUE.replacen(right, wrong, 1)).expect_err(name);
        assert_eq!(error.problem.to_string(), problem, "{name}");
        assert_eq!((error.line, error.column), place, "{name}: {error}");
        assert!(!error.hint().is_empty(), "{name}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let hostile = ["", "\0\0\0", "schema = 1", "schema = \"1\"", "hours = 3", "é = 1\n\u{1F600} = ", "[[hours]]"];
    for text in hostile {
        let error = Exchange::parse(text).expect_err(text);
        assert!(error.line >= 1 && error.column >= 1 && !error.to_string().is_empty(), "{text}");
    }
    for cut in 0..VENUE.len() {
        // Cut anywhere, it reads or says where it does not.
        if let Err(error) = Exchange::parse(&VENUE[..cut]) {
            assert!(error.line <= 13, "{error}");
        }
    }
}
