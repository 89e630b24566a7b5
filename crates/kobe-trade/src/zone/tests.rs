use super::*;
use jiff::civil::{Date, DateTime};

fn ask(market: &Market, local: &str) -> ZoneAnswer {
    let local: DateTime = local.parse().unwrap();
    at(market, market.instant(local).at, ZoneRules::STANDARD).unwrap()
}

/// Rows: local instant, zone, entries, exits.
fn check(rows: &[(&str, Zone, bool, bool)]) {
    let market = Market::bundled().unwrap();
    for (local, zone, entries, exits) in rows {
        let answer = ask(&market, local);
        assert_eq!((answer.zone, answer.entries, answer.exits), (*zone, *entries, *exits), "{local}");
        assert!(!answer.reason.is_empty(), "{local}: a reason is given");
    }
}

#[test]
fn c1_edges_of_a_full_day_are_half_open() {
    use Zone::{AfterHours, Close, LunchChop, OpeningRange, PowerHour, PreMarket, Primary};
    check(&[
        ("2026-11-23T00:00:00", PreMarket, false, false),
        ("2026-11-23T09:29:59.999", PreMarket, false, false),
        ("2026-11-23T09:30:00", OpeningRange, false, true),
        ("2026-11-23T09:59:59.999", OpeningRange, false, true),
        ("2026-11-23T10:00:00.000", Primary, true, true),
        ("2026-11-23T11:29:59.999", Primary, true, true),
        ("2026-11-23T11:30:00", LunchChop, false, true),
        ("2026-11-23T14:00:00", LunchChop, false, true),
        ("2026-11-23T14:29:59", LunchChop, false, true),
        ("2026-11-23T14:30:00", PowerHour, true, true),
        ("2026-11-23T15:29:59.999999999", PowerHour, true, true),
        ("2026-11-23T15:30:00", Close, false, true),
        ("2026-11-23T15:59:59.999", Close, false, true),
        ("2026-11-23T16:00:00", AfterHours, false, false),
        ("2026-11-23T23:59:59", AfterHours, false, false),
    ]);
}

/// Regression for kill zones that knew neither weekends nor holidays nor early closes.
#[test]
fn c2_weekends_holidays_early_closes_and_late_opens() {
    use Zone::{AfterHours, Close, LunchChop, NoSession, OpeningRange, PowerHour, PreMarket, Primary};
    check(&[
        ("2026-11-21T10:30:00", NoSession, false, false),
        ("2026-11-26T10:30:00", NoSession, false, false),
        // The day after Thanksgiving closes at 13:00.
        ("2026-11-27T10:00:00", Primary, true, true),
        ("2026-11-27T11:29:59", Primary, true, true),
        ("2026-11-27T11:30:00", LunchChop, false, true),
        ("2026-11-27T12:29:59", LunchChop, false, true),
        ("2026-11-27T12:30:00", Close, false, true),
        ("2026-11-27T13:00:00", AfterHours, false, false),
        ("2026-11-27T14:30:00", AfterHours, false, false),
        // The first anniversary of the attacks opened at noon.
        ("2002-09-11T10:30:00", PreMarket, false, false),
        ("2002-09-11T12:00:00", OpeningRange, false, true),
        ("2002-09-11T12:29:59", OpeningRange, false, true),
        ("2002-09-11T12:30:00", LunchChop, false, true),
        ("2002-09-11T14:30:00", PowerHour, true, true),
        // A day of mourning: no session, and no weekend or ordinary holiday either.
        ("2004-06-11T10:30:00", NoSession, false, false),
    ]);
    let market = Market::bundled().unwrap();
    assert_eq!(ask(&market, "2026-11-21T10:30:00").reason, "weekend, the market is closed");
    assert!(ask(&market, "2026-11-26T10:30:00").reason.contains("Thanksgiving"));
}

/// The phase says that trading begins again at 14:00; the zone says 14:30 and decides.
#[test]
fn c3_a_phase_never_allows_what_the_zone_forbids() {
    let market = Market::bundled().unwrap();
    let instant = market.instant("2026-11-23T14:10:00".parse().unwrap()).at;
    let phase = market.segment_at(instant).unwrap().phase;
    assert_eq!(phase.to_string(), "market_afternoon");
    assert!(!at(&market, instant, ZoneRules::STANDARD).unwrap().entries);
}

#[test]
fn c4_exits_pass_from_the_open_to_the_close_of_every_session() {
    let market = Market::bundled().unwrap();
    let mut date: Date = "2025-01-01".parse().unwrap();
    while date.year() == 2025 {
        let day = market.day(date).unwrap();
        for stretch in table(&market, &day, ZoneRules::STANDARD) {
            assert_eq!(stretch.exits, day.is_open(stretch.from), "{date} {}", stretch.zone);
            assert!(!stretch.entries || stretch.exits, "{date} {}: no entry where no exit passes", stretch.zone);
        }
        date = date.tomorrow().unwrap();
    }
}

#[test]
fn c5_the_days_of_clock_changes_give_the_same_local_answers() {
    let market = Market::bundled().unwrap();
    for (sunday, monday) in [("2026-03-08", "2026-03-09"), ("2026-11-01", "2026-11-02")] {
        for hour in 0..24 {
            let closed = ask(&market, &format!("{sunday}T{hour:02}:30:00"));
            assert_eq!(closed.zone, Zone::NoSession, "{sunday} {hour}:30");
            let (changed, plain) = (
                ask(&market, &format!("{monday}T{hour:02}:30:00")),
                ask(&market, &format!("2026-06-01T{hour:02}:30:00")),
            );
            assert_eq!((changed.zone, changed.entries), (plain.zone, plain.entries), "{monday} {hour}:30");
        }
        let day = market.day(sunday.parse().unwrap()).unwrap();
        assert_eq!(ask(&market, &format!("{sunday}T00:00:00")).minutes_left, day.to.duration_since(day.from).as_mins());
    }
}

#[test]
fn c6_each_answer_names_the_next_window_and_the_minutes() {
    let market = Market::bundled().unwrap();
    for (local, left, zone, minutes) in [
        ("2026-11-23T09:59:59.999", 1, Zone::Primary, 1),
        ("2026-11-23T09:30:00", 30, Zone::Primary, 30),
        ("2026-11-23T10:00:00", 90, Zone::PowerHour, 270),
        ("2026-11-23T11:30:00", 180, Zone::PowerHour, 180),
        // From a Monday afternoon to the next morning, over a night.
        ("2026-11-23T14:30:00", 60, Zone::Primary, 19 * 60 + 30),
        // From the early close after Thanksgiving to Monday.
        ("2026-11-27T12:30:00", 30, Zone::Primary, 3 * 24 * 60 - 150),
        ("2026-11-26T10:00:00", 14 * 60, Zone::Primary, 24 * 60),
    ] {
        let answer = ask(&market, local);
        let next = answer.next_window.as_ref().unwrap();
        assert_eq!((answer.minutes_left, next.zone, next.minutes), (left, zone, minutes), "{local}");
    }
}

#[test]
fn lunch_has_a_switch_and_nothing_else_has() {
    let market = Market::bundled().unwrap();
    let day = market.day("2026-11-23".parse().unwrap()).unwrap();
    let standard = table(&market, &day, ZoneRules::STANDARD);
    let open = table(&market, &day, ZoneRules { lunch_entries: true });
    for (standard, open) in standard.iter().zip(&open) {
        assert_eq!(standard.entries != open.entries, standard.zone == Zone::LunchChop, "{}", standard.zone);
    }
}

#[test]
fn the_table_covers_every_day_without_gap() {
    let market = Market::bundled().unwrap();
    let mut date: Date = "1999-12-01".parse().unwrap();
    while date < "2003-02-01".parse().unwrap() {
        let day = market.day(date).unwrap();
        let stretches = table(&market, &day, ZoneRules::STANDARD);
        let mut from = day.from;
        for stretch in &stretches {
            assert!(stretch.from == from && stretch.to > from, "{date} {}", stretch.zone);
            from = stretch.to;
        }
        assert_eq!(from, day.to, "{date}");
        date = date.tomorrow().unwrap();
    }
}

#[test]
fn an_unknown_day_is_an_error_and_allows_nothing() {
    let market = Market::bundled().unwrap();
    assert!(at(&market, "1970-01-05T15:30:00Z".parse().unwrap(), ZoneRules::STANDARD).is_err());
    assert!(at(&market, "2199-01-05T15:30:00Z".parse().unwrap(), ZoneRules::STANDARD).is_err());
}
