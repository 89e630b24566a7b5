//! How long the questions take. Prints nanoseconds for one call each: `cargo bench -p kobe-calendar`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the crate does not")]

use std::hint::black_box;
use std::time::Instant;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Exchange, Market};

/// Runs `work` `times` times and prints the best of five averages.
fn measure(name: &str, times: u32, mut work: impl FnMut(u32)) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        (0..times).for_each(&mut work);
        best = best.min(start.elapsed().as_secs_f64() / f64::from(times));
    }
    println!("{name:<28} {:>12.0} ns", best * 1e9);
}

fn main() {
    measure("Exchange::bundled(XNYS)", 20, |_| drop(black_box(Exchange::bundled("XNYS"))));
    // Days and instants of every venue over all its years, most of them 1990 to 2050.
    measure("all venues, expanded", 1, |_| {
        black_box(
            Exchange::bundled_ids().filter_map(Exchange::bundled).map(|venue| venue.expanded_bytes()).sum::<usize>(),
        );
    });
    let bytes: usize = Exchange::bundled_ids().filter_map(Exchange::bundled).map(|venue| venue.expanded_bytes()).sum();
    println!(
        "{:<28} {:>12.1} MiB in {} venues",
        "all venues, memory",
        bytes as f64 / f64::from(1 << 20),
        Exchange::bundled_ids().count()
    );
    let xnys_1990 = Exchange::bundled_rules("XNYS").expect("it is bundled").replace(
        "from = 1953-01-01, confirmed_to = 2028-12-31, to = 2050-12-31",
        "from = 1953-01-01, confirmed_to = 2028-12-31, to = 2030-12-31",
    );
    measure("XNYS 1953-2030, expanded", 20, |_| {
        black_box(Exchange::parse(&xnys_1990).map(|venue| venue.expanded_bytes())).expect("it reads");
    });
    measure("Market::bundled", 20, |_| drop(black_box(Market::bundled())));
    let market = Market::bundled().expect("the bundled tables read");
    let exchange = market.exchange();
    let first = date(2004, 1, 1);
    let day = |n: u32| first + SignedDuration::from_hours(24 * i64::from(n % 9_000));
    // 7,919 minutes: spread over the days and their hours, from 2004 to 2028.
    let start = Timestamp::constant(1_072_915_200, 0);
    let at = |n: u32| start + SignedDuration::from_mins(i64::from(n % 1_600) * 7_919);
    // The yardstick: a bare binary search in the closes of as many sessions.
    let closes: Vec<i64> = exchange
        .sessions(date(1990, 1, 1), date(2030, 12, 31))
        .expect("they are known")
        .iter()
        .map(|session| session.close.as_second())
        .collect();
    measure("binary search, bare", 9_000, |n| {
        let second = at(n).as_second();
        black_box(closes.partition_point(|close| *close <= second));
    });
    measure("Market::day", 9_000, |n| drop(black_box(market.day(day(n)))));
    measure("Market::segment_at", 9_000, |n| drop(black_box(market.segment_at(at(n)))));
    measure("Market::context_at", 9_000, |n| drop(black_box(market.context_at(at(n)))));
    measure("Exchange::session_on", 9_000, |n| drop(black_box(exchange.session_on(day(n)))));
    measure("Exchange::is_session_date", 9_000, |n| drop(black_box(exchange.is_session_date(day(n)))));
    measure("Exchange::is_open", 9_000, |n| drop(black_box(exchange.is_open(at(n)))));
    measure("Exchange::next_open", 9_000, |n| drop(black_box(exchange.next_open(at(n)))));
    measure("Exchange::next_close", 9_000, |n| drop(black_box(exchange.next_close(at(n)))));
    measure("Exchange::previous_close", 9_000, |n| drop(black_box(exchange.previous_close(at(n)))));
    measure("Exchange::session_after", 9_000, |n| drop(black_box(exchange.session_after(at(n)))));
}
