//! Every session of every venue, one after another: the two ways in which a venue answers (by the date, by the instant) say the same at every edge.

mod common;

use common::at;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Exchange, Session};

const NS: SignedDuration = SignedDuration::from_nanos(1);

/// Lists the sessions with known hours, built from their dates.
fn sessions(exchange: &Exchange) -> Vec<Session> {
    let span = exchange.span();
    let dates = exchange.session_dates(span.times_from, span.projected_to).unwrap();
    dates.into_iter().map(|date| exchange.session_on(date).unwrap().expect("it is a session")).collect()
}

/// Asserts that trading is on at an instant, or is not, by both ways.
fn open(exchange: &Exchange, session: &Session, instant: Timestamp, expected: bool) {
    assert_eq!(session.contains(instant), expected, "{} {instant} by the session", exchange.id());
    assert_eq!(exchange.is_open(instant).unwrap(), expected, "{} {instant} by the instant", exchange.id());
}

#[test]
fn every_edge_of_every_session_is_where_both_ways_say() {
    for id in Exchange::bundled_ids() {
        let exchange = Exchange::bundled(id).unwrap();
        let all = sessions(&exchange);
        assert!(all.len() > 1_000, "{id}");
        // The first may open on the evening before the first date, the last close at the end of the last.
        for (n, session) in all.iter().enumerate().take(all.len() - 1).skip(2) {
            let before = &all[n - 1];
            assert!(before.close <= session.open, "{id}: {} and {} overlap", before.date, session.date);
            assert!(session.open < session.close && session.close <= session.post_close, "{id} {}", session.date);
            // A session that follows at once leaves no closed instant between.
            let touches = before.close == session.open;
            assert_eq!(exchange.is_open(session.open - NS).unwrap(), touches, "{id} {}", session.date);
            open(&exchange, session, session.open, true);
            open(&exchange, session, session.close - NS, true);
            for (from, to) in &session.pauses {
                for (instant, expected) in [(*from - NS, true), (*from, false), (*to - NS, false), (*to, true)] {
                    open(&exchange, session, instant, expected);
                }
            }
            assert_eq!(exchange.next_open(session.open - NS).unwrap(), session.open, "{id} {}", session.date);
            assert_eq!(exchange.next_open(before.open).unwrap(), session.open, "{id} {}", session.date);
            assert_eq!(exchange.next_close(before.close).unwrap(), session.close, "{id} {}", session.date);
            assert_eq!(exchange.previous_close(session.close).unwrap(), before.close, "{id} {}", session.date);
            assert_eq!(exchange.previous_close(before.close + NS).unwrap(), before.close, "{id} {}", session.date);
            assert_eq!(exchange.session_at(session.open).unwrap().as_ref(), Some(session), "{id} {}", session.date);
            assert_eq!(exchange.session_after(before.close).unwrap().date, session.date, "{id}");
            assert_eq!(exchange.session_before(session.close).unwrap().date, before.date, "{id}");
        }
    }
}

#[test]
fn the_days_on_which_clocks_change_are_like_any_other() {
    let (from, to) = (at("1990-01-01T00:00:00Z"), at("2050-12-01T00:00:00Z"));
    let mut seen = 0;
    for id in Exchange::bundled_ids() {
        let exchange = Exchange::bundled(id).unwrap();
        let zone = exchange.zone().clone();
        for change in zone.following(from).take_while(|change| change.timestamp() < to) {
            let day = exchange.date_of(change.timestamp());
            // The bells of the days around it ring at the same time of day as a week before and after, unless the hours themselves change.
            for date in [day.yesterday(), Ok(day), day.tomorrow()].map(Result::unwrap) {
                let Ok(Some(session)) = exchange.session_on(date) else { continue };
                assert!(session.open < session.close, "{id} {date}");
                let local = |t: Timestamp| zone.to_datetime(t);
                assert!(local(session.close).date() >= date || local(session.close).time().hour() == 0, "{id} {date}");
                assert_eq!(exchange.session_at(session.open).unwrap().map(|s| s.date), Some(date), "{id}");
                seen += 1;
            }
            let length = |date: Date| {
                let midnight = |date: Date| exchange.instant(date.at(0, 0, 0, 0)).at;
                midnight(date).duration_until(midnight(date.tomorrow().unwrap())).as_mins()
            };
            assert!((23 * 60..=25 * 60).contains(&length(day)), "{id} {day}");
        }
    }
    assert!(seen > 2_000, "{seen} sessions");
}
