//! Laws that hold for every instant and every day.

mod common;

use std::sync::LazyLock;

use common::day;
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{CalendarError, Exchange, Market};
use proptest::prelude::*;

static MARKET: LazyLock<Market> = LazyLock::new(|| Market::bundled().unwrap());
static CRYPTO: LazyLock<Exchange> = LazyLock::new(|| Exchange::bundled("24x7").unwrap());

/// Any instant of the years with known hours, a week away from the edges; half of them within a second of a bell.
fn instants() -> impl Strategy<Value = Timestamp> {
    let seconds = 497_664_000..2_555_625_600_i64; // 1985-10-09 .. 2050-12-26
    (seconds, any::<u8>()).prop_map(|(second, choice)| {
        let instant = Timestamp::from_second(second).unwrap();
        let exchange = MARKET.exchange();
        let near = |bell: Timestamp| bell + SignedDuration::from_millis(i64::from(choice % 5) * 500 - 1000);
        match choice % 4 {
            0 => near(exchange.next_open(instant).unwrap()),
            1 => near(exchange.next_close(instant).unwrap()),
            _ => instant,
        }
    })
}

/// Any date with known hours; a third of them days on which New York's clocks change (by the rules since 2007).
fn dates() -> impl Strategy<Value = Date> {
    let ordinary = (0..23_830_i64).prop_map(|days| day("1985-09-30") + SignedDuration::from_hours(24 * days)); // .. 2050-12-29
    let clocks_change = (2007..=2050_i16, any::<bool>()).prop_map(|(year, spring)| {
        let (month, nth) = if spring { (3, 2) } else { (11, 1) };
        jiff::civil::date(year, month, 1).nth_weekday_of_month(nth, Weekday::Sunday).unwrap()
    });
    prop_oneof![2 => ordinary, 1 => clocks_change]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bells_are_strict_and_belong_to_sessions(instant in instants()) {
        for exchange in [MARKET.exchange(), &*CRYPTO] {
            let next_open = exchange.next_open(instant).unwrap();
            let next_close = exchange.next_close(instant).unwrap();
            let previous_close = exchange.previous_close(instant).unwrap();
            prop_assert!(next_open > instant && next_close > instant && previous_close < instant);
            prop_assert_eq!(exchange.session_on(exchange.date_of(next_open)).unwrap().unwrap().open, next_open);
            let after = exchange.session_after(instant).unwrap();
            prop_assert_eq!(after.close, next_close);
            prop_assert_eq!(exchange.session_before(instant).unwrap().close, previous_close);
            // Open is exactly: the session that closes next has begun.
            prop_assert_eq!(exchange.is_open(instant).unwrap(), after.open <= instant);
            // And no bell lies between: asked just before its answer, it gives the same answer.
            let just = SignedDuration::from_nanos(1);
            prop_assert_eq!(exchange.next_open(next_open - just).unwrap(), next_open);
            prop_assert_eq!(exchange.next_close(next_close - just).unwrap(), next_close);
            prop_assert_eq!(exchange.previous_close(previous_close + just).unwrap(), previous_close);
        }
    }

    #[test]
    fn segments_cover_the_day_without_gap(date in dates()) {
        let day = MARKET.day(date).unwrap();
        prop_assert_eq!(day.segments.first().unwrap().from, day.from);
        prop_assert_eq!(day.segments.last().unwrap().to, day.to);
        for pair in day.segments.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
        }
        for segment in &day.segments {
            prop_assert!(segment.from < segment.to);
            prop_assert_eq!(day.at(segment.from), segment);
            prop_assert_eq!(day.at(segment.to - SignedDuration::from_nanos(1)), segment);
        }
        let tomorrow = MARKET.day(date.tomorrow().unwrap()).unwrap();
        prop_assert_eq!(tomorrow.from, day.to, "no instant between two days");
        prop_assert_eq!(day.session.is_some(), !day.weekend && day.holiday.is_none());
        prop_assert_eq!(day.session, MARKET.exchange().session_on(date).unwrap());
    }

    #[test]
    fn the_wall_clock_goes_there_and_back(date in dates(), minute in 0..1440_i64) {
        let local = date.at(0, 0, 0, 0) + SignedDuration::from_mins(minute);
        let resolved = MARKET.instant(local);
        let back = MARKET.local(resolved.at).datetime();
        prop_assert!(!(resolved.shifted && resolved.ambiguous));
        if resolved.shifted {
            prop_assert!(back > local, "{} -> {}", local, back);
            let before = MARKET.local(resolved.at - SignedDuration::from_nanos(1)).datetime();
            prop_assert!(before < local, "it is the first instant after the gap");
        } else {
            prop_assert_eq!(back, local);
        }
        prop_assert_eq!(MARKET.date_of(resolved.at), date);
    }

    #[test]
    fn outside_the_span_nothing_is_guessed(days in 0..40_000_i64, before in any::<bool>()) {
        let away = SignedDuration::from_hours(24 * days);
        let date = if before { day("1952-12-31") - away } else { day("2051-01-01") + away };
        let noon = MARKET.instant(date.at(12, 0, 0, 0)).at;
        for error in [
            MARKET.day(date).map(drop),
            MARKET.context_at(noon).map(drop),
            MARKET.exchange().session_on(date).map(drop),
            MARKET.exchange().holiday_on(date).map(drop),
            MARKET.exchange().is_session_date(date).map(drop),
            MARKET.exchange().is_open(noon).map(drop),
            MARKET.exchange().regular_hours(date).map(drop),
        ] {
            let refused = matches!(error, Err(CalendarError::OutOfCoverage { .. }));
            prop_assert!(refused, "{}: {:?}", date, error);
        }
    }
}
