//! The desk's market day by day: phases, modes, tags and the context, on days that a trader would ask about.

mod common;

use common::{at, day};
use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{
    CalendarError, DayKind, Events, Exchange, FomcDay, Market, MarketDay, ModeTable, Phase, Tag, WorkMode,
};

fn market() -> Market {
    Market::bundled().unwrap()
}

fn local(market: &Market, date: Date, minute: i64) -> Timestamp {
    market.instant(date.at(0, 0, 0, 0) + jiff::SignedDuration::from_mins(minute)).at
}

/// Writes a day as its segments on the wall clock: `00:00 night optimization AFTER_HOURS`.
fn told(market: &Market, day: &MarketDay) -> Vec<String> {
    let clock = |at| market.local(at).strftime("%H:%M").to_string();
    day.segments.iter().map(|s| format!("{} {} {} {}", clock(s.from), s.phase, s.mode, s.coarse)).collect()
}

/// A second reading of the table of modes, written apart from the first: minutes of one row on a day that closes at
/// `close`.
fn minutes(from: &str, to: &str, close: i64) -> Vec<i64> {
    let edge = |text: &str| match text.strip_prefix("close") {
        None => {
            let (hours, minutes) = text.split_once(':').unwrap();
            hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
        }
        Some("") => close,
        Some("-30m") => close - 30,
        Some("+4h") => close + 240,
        Some(other) => panic!("{other}"),
    };
    let (from, to) = (edge(from), edge(to));
    if from <= to { (from..to).collect() } else { (from..1440).chain(0..to).collect() }
}

#[test]
fn every_row_of_the_table_of_modes_holds_in_each_of_its_minutes() {
    let days = [
        ("weekday", "2026-07-02", 16 * 60),
        ("weekday", "2002-09-11", 16 * 60),
        ("half_day", "2026-11-27", 13 * 60),
        ("half_day", "1992-11-27", 14 * 60),
        ("half_day", "1996-01-08", 14 * 60),
        ("holiday", "2026-07-03", 0),
        ("saturday", "2026-07-04", 0),
        ("sunday", "2026-07-05", 0),
    ];
    let market = market();
    let mut rows_seen = 0;
    for (kind, date, close) in days {
        let date = day(date);
        let mut seen = 0;
        for row in common::golden("modes.csv").iter().filter(|row| row[1] == kind) {
            let minutes = minutes(&row[2], &row[3], close);
            assert!(!minutes.is_empty(), "{row:?} holds at no minute of {date}");
            for minute in &minutes {
                let segment = market.segment_at(local(&market, date, *minute)).unwrap();
                let ours = [segment.phase.as_str(), segment.mode.as_str(), segment.coarse.as_str()];
                assert_eq!(ours, [row[0].as_str(), &row[4], &row[5]], "{date} {:02}:{:02}", minute / 60, minute % 60);
            }
            seen += minutes.len();
            rows_seen += 1;
        }
        assert_eq!(seen, 1440, "{date}: each minute belongs to one row");
    }
    assert_eq!(rows_seen, 2 * 10 + 3 * 9 + 1 + 1 + 2);
}

#[test]
fn a_full_day_has_eleven_parts() {
    let market = market();
    let day = market.day(day("2026-07-02")).unwrap();
    assert_eq!(day.kind(), DayKind::FullSession);
    assert_eq!(
        told(&market, &day),
        [
            "00:00 night optimization AFTER_HOURS",
            "03:00 night maintenance AFTER_HOURS",
            "04:00 pre_market_early research PRE_MARKET",
            "07:00 pre_market_active monitoring PRE_MARKET",
            "09:30 market_opening monitoring MARKET_OPEN",
            "10:00 market_morning active_trading MARKET_OPEN",
            "11:30 market_lunch research MARKET_OPEN",
            "14:00 market_afternoon active_trading MARKET_OPEN",
            "15:30 market_close monitoring MARKET_CLOSE",
            "16:00 after_hours learning AFTER_HOURS",
            "20:00 night optimization AFTER_HOURS",
        ]
    );
}

#[test]
fn a_half_day_ends_at_its_own_close() {
    let market = market();
    let day = market.day(day("2026-11-27")).unwrap();
    assert_eq!((day.kind(), day.name(), day.is_half_day()), (DayKind::HalfDay, Some("Day after Thanksgiving"), true));
    assert_eq!(
        told(&market, &day)[4..],
        [
            "09:30 market_opening monitoring MARKET_OPEN",
            "10:00 market_morning active_trading MARKET_OPEN",
            "11:30 market_lunch research MARKET_OPEN",
            "12:30 market_close monitoring MARKET_CLOSE",
            "13:00 after_hours learning AFTER_HOURS",
            "17:00 night optimization AFTER_HOURS",
        ]
    );
    assert_eq!(day.regular_close, at("2026-11-27T21:00:00Z"), "the ordinary bell would have rung at four");
}

#[test]
fn a_late_open_does_not_move_the_phases() {
    let market = market();
    let day = market.day(day("2002-09-11")).unwrap();
    assert_eq!((day.kind(), day.is_late_open(), day.is_half_day()), (DayKind::LateOpen, true, false));
    let half_past_ten = at("2002-09-11T14:30:00Z");
    assert_eq!(day.at(half_past_ten).phase, Phase::MarketMorning);
    assert!(!day.is_open(half_past_ten) && day.is_open(at("2002-09-11T16:00:00Z")));
    assert_eq!(day.regular_open, at("2002-09-11T13:30:00Z"));
    let both = market.day(common::day("1996-01-08")).unwrap();
    assert_eq!((both.kind(), both.is_late_open()), (DayKind::HalfDay, true), "late and early: it counts as a half day");
}

#[test]
fn days_without_a_session_have_one_or_two_parts() {
    let market = market();
    let rows: [(&str, DayKind, &[&str]); 3] = [
        ("2026-07-03", DayKind::Holiday, &["00:00 holiday deep_research WEEKEND"]),
        ("2026-07-04", DayKind::Weekend, &["00:00 weekend deep_research WEEKEND"]),
        ("2026-07-05", DayKind::Weekend, &["00:00 weekend deep_research WEEKEND", "18:00 weekend maintenance WEEKEND"]),
    ];
    for (date, kind, parts) in rows {
        let day = market.day(day(date)).unwrap();
        assert_eq!((day.kind(), day.session.clone()), (kind, None), "{date}");
        assert_eq!(told(&market, &day), parts, "{date}");
    }
    assert_eq!(market.day(day("2026-07-03")).unwrap().name(), Some("Independence Day"));
}

#[test]
fn a_day_is_as_long_as_its_clocks_make_it() {
    let market = market();
    let rows = [
        ("clocks go forward", "2026-03-08", 23, "2026-03-08T22:00:00Z"),
        ("clocks go back", "2026-11-01", 25, "2026-11-01T23:00:00Z"),
        ("an ordinary Sunday", "2026-07-05", 24, "2026-07-05T22:00:00Z"),
    ];
    for (name, date, hours, maintenance) in rows {
        let day = market.day(day(date)).unwrap();
        assert_eq!(day.from.duration_until(day.to).as_hours(), hours, "{name}");
        assert_eq!(day.segments[1].from, at(maintenance), "{name}: maintenance from 18:00 on the wall clock");
        assert_eq!(day.segments.len(), 2, "{name}");
    }
}

#[test]
fn a_wall_clock_time_that_does_not_exist_moves_to_the_first_that_does() {
    let market = market();
    let rows = [
        ("skipped", "2026-03-08T02:30:00", "2026-03-08T07:00:00Z", true, false),
        ("the first skipped minute", "2026-03-08T02:00:00", "2026-03-08T07:00:00Z", true, false),
        ("the minute after the gap", "2026-03-08T03:00:00", "2026-03-08T07:00:00Z", false, false),
        ("the minute before the gap", "2026-03-08T01:59:00", "2026-03-08T06:59:00Z", false, false),
        ("shown twice", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z", false, true),
        ("after the fold", "2026-11-01T02:00:00", "2026-11-01T07:00:00Z", false, false),
    ];
    for (name, wall, instant, shifted, ambiguous) in rows {
        let resolved = market.instant(wall.parse().unwrap());
        assert_eq!((resolved.at, resolved.shifted, resolved.ambiguous), (at(instant), shifted, ambiguous), "{name}");
    }
}

#[test]
fn a_day_carries_all_its_names_at_once() {
    use Tag::*;
    let rows: [(&str, &str, &[Tag]); 24] = [
        ("a plain Tuesday", "2026-03-10", &[]),
        (
            "the first session of a year",
            "2026-01-02",
            &[EarningsSeason, January, WeekEnd, MonthStart, QuarterStart, YearStart],
        ),
        ("New Year's Day itself is no first session", "2026-01-01", &[EarningsSeason, January]),
        ("expiry in January", "2026-01-16", &[Opex, EarningsSeason, January, WeekEnd]),
        ("mid July: three seasons", "2026-07-15", &[EarningsSeason, Summer, SellInMay]),
        ("the 22nd is no earnings season", "2026-07-22", &[Summer, SellInMay]),
        ("an FOMC day at the end of July", "2026-07-29", &[FomcDay, FomcWeek, Summer, SellInMay]),
        ("its eve", "2026-07-28", &[FomcEve, FomcWeek, Summer, SellInMay]),
        ("the Monday of its week", "2026-07-27", &[FomcWeek, Summer, SellInMay, WeekStart]),
        ("the Friday of its week", "2026-07-31", &[FomcWeek, Summer, SellInMay, WeekEnd, MonthEnd]),
        ("the Saturday after it", "2026-08-01", &[Summer, SellInMay]),
        ("a Tuesday before a decision", "2022-01-25", &[FomcEve, FomcWeek, January]),
        ("triple witching in a week of a decision", "2026-03-20", &[FomcWeek, Opex, TripleWitching, WeekEnd]),
        (
            "expiry on Thursday, because Friday is Juneteenth",
            "2026-06-18",
            &[FomcWeek, Opex, TripleWitching, SellInMay, WeekEnd],
        ),
        ("Juneteenth itself: no expiry on a closed day", "2026-06-19", &[FomcWeek, SellInMay]),
        ("Good Friday was the third Friday", "2019-04-18", &[Opex, EarningsSeason, WeekEnd]),
        ("Good Friday 2008 was a triple witching", "2008-03-20", &[FomcWeek, Opex, TripleWitching, WeekEnd]),
        ("tax loss begins on November 15", "2026-11-15", &[TaxLoss]),
        ("and not the day before", "2026-11-14", &[]),
        ("Christmas Eve", "2026-12-24", &[TaxLoss, Santa, WeekEnd]),
        ("the last session of a year", "2026-12-31", &[TaxLoss, Santa, WeekEnd, MonthEnd, QuarterEnd, YearEnd]),
        ("an emergency cut", "2008-10-08", &[FomcUnscheduled, EarningsSeason, SellInMay]),
        ("a tentative decision gates like a scheduled one", "2027-12-08", &[FomcDay, FomcWeek, TaxLoss]),
        ("after the last row nobody knows", "2027-12-14", &[FomcUnknown, TaxLoss]),
    ];
    let market = market();
    for (name, date, expected) in rows {
        let tags = market.day(day(date)).unwrap().tags;
        assert_eq!(tags.iter().collect::<Vec<_>>(), expected, "{date}: {name}");
    }
}

#[test]
fn each_decision_has_one_eve_and_each_month_one_expiry() {
    let market = market();
    let decisions = market.events().days().iter().filter(|(_, day)| day.gates()).count();
    let (mut days, mut eves, mut expiries, mut witching, mut starts, mut ends) = (0, 0, 0, 0, 0, 0);
    for date in market.exchange().session_dates(day("2004-01-01"), day("2027-12-31")).unwrap() {
        let tags = market.day(date).unwrap().tags;
        let next = market.next_session(date).unwrap().date;
        days += usize::from(tags.contains(Tag::FomcDay));
        eves += usize::from(tags.contains(Tag::FomcEve));
        assert_eq!(tags.contains(Tag::FomcEve), market.fomc(next).gates(), "{date}: its next session is {next}");
        expiries += usize::from(tags.contains(Tag::Opex));
        witching += usize::from(tags.contains(Tag::TripleWitching));
        starts += usize::from(tags.contains(Tag::MonthStart));
        ends += usize::from(tags.contains(Tag::MonthEnd));
    }
    assert_eq!((days, eves), (decisions, decisions));
    assert_eq!((expiries, witching, starts, ends), (24 * 12, 24 * 4, 24 * 12, 24 * 12));
}

#[test]
fn the_span_of_the_events_decides_what_is_unknown() {
    let market = market();
    assert_eq!(market.fomc(day("2003-12-31")), FomcDay::Unknown);
    assert!(market.day(day("2003-12-31")).unwrap().tags.contains(Tag::FomcUnknown));
    assert!(!market.day(day("2004-01-02")).unwrap().tags.contains(Tag::FomcUnknown));
    assert!(market.day(day("2030-06-03")).unwrap().tags.contains(Tag::FomcUnknown));
}

#[test]
fn the_context_says_what_awareness_prints() {
    let market = market();
    let lunch = market.context_at(at("2026-11-27T17:15:30Z")).unwrap();
    assert_eq!(lunch.local.to_string(), "2026-11-27T12:15:30-05:00[America/New_York]");
    assert_eq!((lunch.day_of_week(), lunch.timezone.as_str()), ("Friday", "America/New_York"));
    assert_eq!((lunch.phase, lunch.mode), (Phase::MarketLunch, WorkMode::Research));
    assert_eq!(lunch.coarse.as_str(), "MARKET_OPEN");
    assert!(lunch.is_market_open && lunch.is_trading_day() && lunch.is_early_close() && !lunch.is_late_open());
    assert_eq!((lunch.minutes_to_open(), lunch.minutes_to_close()), (None, Some(45)), "44.5 minutes are 45");
    assert!(!lunch.is_fomc_day() && !lunch.is_opex_day() && !lunch.is_weekend() && !lunch.is_holiday());

    let holiday = market.context_at(at("2026-07-03T16:00:00Z")).unwrap();
    assert!(!holiday.is_market_open && !holiday.is_trading_day() && holiday.is_holiday() && !holiday.is_weekend());
    assert_eq!(holiday.holiday_name(), Some("Independence Day"));
    assert_eq!((holiday.minutes_to_open(), holiday.minutes_to_close()), (Some(69 * 60 + 30), None));

    let bell = market.context_at(at("2026-07-29T13:30:00Z")).unwrap();
    assert!(bell.is_market_open && bell.is_fomc_day());
    assert_eq!(bell.minutes_to_close(), Some(390));
    let before = market.context_at(at("2026-07-29T13:29:59.5Z")).unwrap();
    assert_eq!((before.is_market_open, before.minutes_to_open()), (false, Some(1)), "never 0 before the bell");

    let end = market.context_at(at("2050-12-31T12:00:00Z")).unwrap();
    assert_eq!((end.next_open, end.minutes_to_open()), (None, None), "past the end it does not guess");
}

#[test]
fn neighbouring_sessions_step_over_closed_days() {
    let market = market();
    assert_eq!(market.next_session(day("2026-07-02")).unwrap().date, day("2026-07-06"));
    assert_eq!(market.previous_session(day("2026-07-06")).unwrap().date, day("2026-07-02"));
    assert_eq!(market.next_session(day("2001-09-10")).unwrap().date, day("2001-09-17"));
    assert!(matches!(market.previous_session(day("1985-09-30")), Err(CalendarError::TimesUnknown { .. })));
    assert!(matches!(market.day(day("1985-09-28")), Err(CalendarError::TimesUnknown { .. })));
}

#[test]
fn versions_change_with_the_data() {
    let same = market();
    assert_eq!(same.version(), market().version());
    assert!(same.version().starts_with(same.exchange().version()));
    assert_eq!(same.tzdb_version(), kobe_calendar::tzdb_version());
    let events = Events::parse("date,event,kind,status\n2026-01-28,fomc,decision,scheduled\n").unwrap();
    let other = Market::new(Exchange::bundled("XNYS").unwrap(), ModeTable::bundled().unwrap(), events).unwrap();
    assert_ne!(same.version(), other.version());
    let rules = include_str!("../exchanges/XNYS.toml").replace("to = 2050-12-31", "to = 2049-12-31");
    assert_ne!(Exchange::parse(&rules).unwrap().version(), same.exchange().version());
}

#[test]
fn an_early_close_after_two_leaves_the_clock_before_it_alone() {
    // After the crash of 1987 the exchange closed at 15:00: the afternoon lasts until half an hour before.
    let market = market();
    let day = market.day(day("1987-11-05")).unwrap();
    assert_eq!((day.kind(), day.name()), (DayKind::HalfDay, Some("Backlog after the crash of 1987")));
    assert_eq!(
        told(&market, &day)[6..],
        [
            "11:30 market_lunch research MARKET_OPEN",
            "14:00 market_afternoon active_trading MARKET_OPEN",
            "14:30 market_close monitoring MARKET_CLOSE",
            "15:00 after_hours learning AFTER_HOURS",
            "19:00 night optimization AFTER_HOURS",
        ]
    );
}

#[test]
fn a_bad_table_of_modes_is_named_with_its_line_and_a_remedy() {
    let table = include_str!("../data/modes.csv");
    let rows = [
        (
            "an unknown phase",
            "market_lunch,weekday",
            "market_luncheon,weekday",
            "modes.csv, line 6: unknown phase `market_luncheon`",
        ),
        (
            "an unknown mode",
            "research,PRE_MARKET",
            "reserch,PRE_MARKET",
            "modes.csv, line 2: unknown work mode `reserch`",
        ),
        (
            "an unknown coarse phase",
            "research,PRE_MARKET",
            "research,PREMARKET",
            "modes.csv, line 2: unknown coarse phase `PREMARKET`",
        ),
        ("an unknown kind of day", "holiday,holiday", "holiday,fast", "modes.csv, line 21: unknown kind of day `fast`"),
        ("no such time", "04:00,07:00", "25:61,07:00", "modes.csv, line 2: `25:61` is not a time of the day"),
        (
            "no such distance",
            "close-30m,close",
            "close-30x,close",
            "modes.csv, line 8: `close-30x` is not a time of the day",
        ),
        ("upside down", "09:30,10:00", "10:00,09:30", "modes.csv, line 4: 10:00 does not lie before 09:30"),
        (
            "a cell too few",
            "night,weekday,03:00,04:00,maintenance",
            "night,weekday,03:00,04:00",
            "modes.csv, line 11: 5 cells, not 6",
        ),
        (
            "a gap",
            "market_lunch,weekday,11:30",
            "market_lunch,weekday,11:45",
            "modes.csv, line 1: no row for weekday at 11:30",
        ),
        (
            "an overlap",
            "market_lunch,weekday,11:30",
            "market_lunch,weekday,11:15",
            "modes.csv, line 6: it overlaps line 5",
        ),
    ];
    for (name, right, wrong, expected) in rows {
        assert!(table.contains(right), "{name}");
        let read = ModeTable::parse(&table.replacen(right, wrong, 1)).map_err(CalendarError::from);
        let exchange = Exchange::bundled("XNYS").unwrap();
        let error = read.and_then(|modes| Market::new(exchange, modes, Events::bundled().unwrap())).expect_err(name);
        let CalendarError::Table(error) = error else { panic!("{name}: {error}") };
        assert!(!error.hint.is_empty(), "{name}");
        // Replacements above name the line themselves; the table has its header on line 1.
        assert_eq!(error.to_string(), expected, "{name}");
    }
}
