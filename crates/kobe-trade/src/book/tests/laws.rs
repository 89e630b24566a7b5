//! What holds under any sequence of facts, possible or not.

use std::collections::BTreeMap;

use proptest::prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use super::*;

const NAMES: [&str; 3] = ["A", "B", "C"];

/// One try to happen; most of them cannot, and must then change nothing.
#[derive(Clone, Debug)]
enum Try {
    Enter { name: usize, qty: u64, limit: i64 },
    Exit { name: usize, qty: u64, reason: bool },
    Send { order: usize },
    Fill { order: usize, attempt: usize, total: u64, price: i64, fees: i64 },
    End { order: usize, how: u8 },
    PlaceStop { name: usize, qty: u64, stop: i64 },
    StopFills { name: usize, total: u64, price: i64, fees: i64 },
    Queue { name: usize },
    Split { name: usize, ratio: i64 },
    Dividend { name: usize, cents: i64 },
    Close { price: i64 },
    Week,
    Kill,
    Rearm,
    NextDay,
}

fn tries() -> impl proptest::strategy::Strategy<Value = Try> {
    let name = 0..NAMES.len();
    let price = 1_i64..20_000;
    prop_oneof![
        6 => (name.clone(), 0_u64..60, price.clone()).prop_map(|(name, qty, limit)| Try::Enter { name, qty, limit }),
        5 => (name.clone(), 0_u64..60, any::<bool>()).prop_map(|(name, qty, reason)| Try::Exit { name, qty, reason }),
        8 => (0_usize..8).prop_map(|order| Try::Send { order }),
        12 => (0_usize..8, 0_usize..3, 0_u64..60, price.clone(), 0_i64..300)
            .prop_map(|(order, attempt, total, price, fees)| Try::Fill { order, attempt, total, price, fees }),
        4 => (0_usize..8, 0_u8..5).prop_map(|(order, how)| Try::End { order, how }),
        3 => (name.clone(), 0_u64..60, price.clone()).prop_map(|(name, qty, stop)| Try::PlaceStop { name, qty, stop }),
        4 => (name.clone(), 0_u64..60, price.clone(), 0_i64..300)
            .prop_map(|(name, total, price, fees)| Try::StopFills { name, total, price, fees }),
        1 => name.clone().prop_map(|name| Try::Queue { name }),
        2 => (name.clone(), 1_i64..40).prop_map(|(name, ratio)| Try::Split { name, ratio }),
        2 => (name, 0_i64..500).prop_map(|(name, cents)| Try::Dividend { name, cents }),
        2 => price.prop_map(|price| Try::Close { price }),
        1 => Just(Try::Week),
        1 => Just(Try::Kill),
        1 => Just(Try::Rearm),
        3 => Just(Try::NextDay),
    ]
}

fn dollars(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

/// A cumulative report of `total` shares; the fees fall now and then, which contradicts the report before.
fn report(known: Option<Fill>, total: u64, price: i64, fees: i64) -> Fill {
    match known {
        Some(known) if total > known.total => {
            let more = Fill::at(total - known.total, dollars(price), dollars(fees - 5));
            known.plus(&more)
        }
        _ => Fill::at(total, dollars(price), dollars(fees)),
    }
}

/// Turns a try into a fact about the book as it stands.
fn wish(book: &Book, day: Date, at: &Try) -> Option<What> {
    let held = |name: usize| book.position(&symbol(NAMES[name])).cloned();
    let order = |at: usize| book.orders().nth(at).map(|order| order.ticket.decision.clone());
    Some(match at {
        Try::Enter { name, qty, limit } => intended(&entry(day, NAMES[*name], *qty, &dollars(*limit).to_string())),
        Try::Exit { name, qty, reason } => {
            let held = held(*name)?;
            let mut ticket = exit(day, &held, *qty);
            if *reason {
                ticket.reason = Some(ExitReason::Time);
                ticket.decision = DecisionId::exit(day, &held.symbol, &held.id, ExitReason::Time);
            }
            intended(&ticket)
        }
        Try::Send { order: at } => change(&order(*at)?, OrderEvent::Sent { broker: None }),
        Try::Fill { order: at, attempt, total, price, fees } => {
            let decision = order(*at)?;
            let client = ClientId::of(&decision, *attempt as u32);
            let known = book.order(&decision)?.attempts.get(*attempt).map(|attempt| attempt.fill);
            change(&decision, OrderEvent::Filled { client, fill: report(known, *total, *price, *fees) })
        }
        Try::End { order: at, how } => {
            let reason = "x".to_owned();
            let event = match how {
                0 => OrderEvent::Cancelled { reason },
                1 => OrderEvent::Rejected { reason },
                2 => OrderEvent::Expired,
                3 => OrderEvent::Replaced,
                _ => OrderEvent::Closed,
            };
            change(&order(*at)?, event)
        }
        Try::PlaceStop { name, qty, stop: price } => stop(&held(*name)?, *qty, dollars(*price)),
        Try::StopFills { name, total, price, fees } => {
            let held = held(*name)?;
            let known = held.protective.map(|stop| stop.fill);
            What::StopFilled { position: held.id, fill: report(known, *total, *price, *fees) }
        }
        Try::Queue { name } => What::ExitQueued { position: held(*name)?.id, reason: ExitReason::Time },
        Try::Split { name, ratio } => What::Split { symbol: symbol(NAMES[*name]), ratio: Decimal::new(*ratio, 1) },
        Try::Dividend { name, cents } => What::Dividend { symbol: symbol(NAMES[*name]), cash: dollars(*cents) },
        Try::Close { price } => {
            let marks: BTreeMap<Symbol, Decimal> =
                book.positions().map(|held| (held.symbol.clone(), dollars(*price))).collect();
            let equity = book.equity(|symbol| marks.get(symbol).copied()).unwrap();
            What::DayClosed { marks, equity }
        }
        Try::Week => What::WeekClosed,
        Try::Kill => {
            let record = KillRecord::new("x", Trigger::Manual, fact(day, What::WeekClosed).at, "x");
            What::KillTripped { record }
        }
        Try::Rearm => {
            What::KillCleared { cause: "c".into(), fix: "f".into(), operator: "o".into(), reason: "r".into() }
        }
        Try::NextDay => return None,
    })
}

/// Shares by symbol, kept by hand from the accepted facts alone: what a broker that trusts us would hold.
#[derive(Clone, Debug, Default)]
struct Broker {
    shares: BTreeMap<Symbol, i64>,
    orders: BTreeMap<DecisionId, u64>,
}

impl Broker {
    fn take(&mut self, after: &Book) {
        for order in after.orders() {
            let filled = order.filled().total;
            let known = self.orders.insert(order.ticket.decision.clone(), filled).unwrap_or(0);
            let delta = (filled - known) as i64;
            *self.shares.entry(order.ticket.symbol.clone()).or_default() +=
                if order.ticket.side == Side::Buy { delta } else { -delta };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A sale, a fill that is too late, a split in between: whatever the order, no share is sold that is not held, and the ledger ties.
    #[test]
    fn no_sequence_of_facts_breaks_the_book(tries in prop::collection::vec(tries(), 1..120)) {
        let mut book = opened();
        let mut day = DAY;
        let mut broker = Broker::default();
        for at in &tries {
            if matches!(at, Try::NextDay) {
                day = day.tomorrow().unwrap();
                continue;
            }
            let Some(what) = wish(&book, day, at) else { continue };
            let before = book.clone();
            let sold_by_stop = match &what {
                What::StopFilled { position, fill } => before
                    .position_by_id(position)
                    .and_then(|held| held.protective.as_ref().map(|stop| (held.symbol.clone(), stop.fill.total)))
                    .map(|(symbol, known)| (symbol, fill.total.saturating_sub(known))),
                _ => None,
            };
            let split = match &what {
                What::Split { symbol, ratio } => Some((symbol.clone(), *ratio)),
                _ => None,
            };
            let result = book.apply(&fact(day, what));
            if result.is_err() {
                prop_assert_eq!(&book, &before, "a refused fact changes nothing");
                continue;
            }
            prop_assert_eq!(book.version(), before.version() + 1);

            // The shares that a broker would count are the shares of the book, and never less than none.
            broker.take(&book);
            if let Some((symbol, sold)) = sold_by_stop {
                *broker.shares.entry(symbol).or_default() -= sold as i64;
            }
            if let Some((symbol, ratio)) = split {
                let shares = broker.shares.entry(symbol).or_default();
                *shares = money::floor(Decimal::from(*shares) * ratio);
            }
            for (symbol, shares) in &broker.shares {
                let held = book.position(symbol).map_or(0, |held| held.qty as i64);
                prop_assert!(*shares >= 0, "{} is short", symbol);
                prop_assert_eq!(*shares, held, "{}", symbol);
            }

            // Money.
            prop_assert!(book.cash() >= Decimal::ZERO);
            let budget = book.budget_on(day);
            prop_assert!(budget.reserved >= Decimal::ZERO && budget.committed >= Decimal::ZERO);
            for mark in [dollars(1), dollars(9_999), dollars(123_456)] {
                let (equity, ledger) =
                    (book.equity(|_| Some(mark)).unwrap(), book.ledger_equity(|_| Some(mark)).unwrap());
                prop_assert!((equity - ledger).abs() <= dollars(1), "{} and {}", equity, ledger);
            }

            // Positions, stops and orders.
            for held in book.positions() {
                prop_assert!(held.qty > 0);
                if let Some(stop) = &held.protective {
                    prop_assert!(stop.qty - stop.fill.total <= held.qty, "the stop sells no more than is held");
                }
            }
            for order in book.orders() {
                prop_assert!(order.filled().total <= order.ticket.qty);
            }
        }
    }
}
