//! A broker that lies in every way there is, one that proves what the books have missed, and one that does not answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kobe_plan::Outcome;
use kobe_trade::fact::What;
use kobe_trade::gate::Permit;
use kobe_trade::id::{ClientId, PositionId, Side, Symbol};
use kobe_trade::kill::Trigger;
use kobe_trade::order::{ExitReason, Fill, Order, OrderState};
use kobe_trade::policy::Endpoint;
use kobe_trade::ports::{Account, Ack, AckStatus, Books, Broker, BrokerError, Execution, Held, OpenOrder, StopAck};
use kobe_trade::quote::Quote;

use super::*;
use crate::services::Era;
use crate::testing::{Fixture, Options, decimal};

/// A broker that tells the story it is given; without one it does not answer.
#[derive(Default)]
pub(crate) struct Telling {
    story: Mutex<Option<Told>>,
    orders: Mutex<BTreeMap<ClientId, Ack>>,
}

impl Telling {
    /// Tells exactly what the books of a desk say, but for what `edit` changes of it.
    pub(crate) fn tell(&self, desk: &Fixture, edit: impl FnOnce(&mut Told)) {
        let book = desk.book();
        let held = |p: &kobe_trade::book::Position| Held {
            symbol: p.symbol.clone(),
            qty: i64::try_from(p.qty).expect("few shares"),
            entry: p.entry,
        };
        let mut told = Told {
            held: book.positions().map(held).collect(),
            open: open_orders_of(&book),
            executions: executions_of(&book, Timestamp::MIN),
            cash: book.cash(),
        };
        edit(&mut told);
        *self.story() = Some(told);
    }

    /// Does not answer any more.
    pub(crate) fn fall_silent(&self) {
        *self.story() = None;
    }

    /// Knows an order when it is asked for it.
    pub(crate) fn knows(&self, ack: Ack) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).insert(ack.client.clone(), ack);
    }

    fn story(&self) -> MutexGuard<'_, Option<Told>> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, look: impl FnOnce(&Told) -> T) -> Result<T, BrokerError> {
        self.story().as_ref().map(look).ok_or_else(|| BrokerError::Unknown("no route to host".into()))
    }
}

impl Broker for Telling {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Embedded
    }

    fn quote(&self, symbol: &Symbol, _: Timestamp) -> Result<Quote, BrokerError> {
        Err(BrokerError::NoQuote { symbol: symbol.clone(), why: "it does not quote".into() })
    }

    fn submit(&self, _: Permit, _: &Order, _: &Quote, _: Timestamp) -> Result<Ack, BrokerError> {
        Err(BrokerError::NotSent("it takes no orders".into()))
    }

    fn find(&self, client: &ClientId, _: Timestamp) -> Result<Option<Ack>, BrokerError> {
        self.ask(|_| ())?;
        Ok(self.orders.lock().unwrap_or_else(PoisonError::into_inner).get(client).cloned())
    }

    fn cancel(&self, order: &Order, _: Timestamp) -> Result<Ack, BrokerError> {
        Err(BrokerError::NotAnEntry(order.client()))
    }

    fn positions(&self, _: Timestamp) -> Result<Vec<Held>, BrokerError> {
        self.ask(|told| told.held.clone())
    }

    fn open_orders(&self, _: Timestamp) -> Result<Vec<OpenOrder>, BrokerError> {
        self.ask(|told| told.open.clone())
    }

    fn executions(&self, since: Timestamp, _: Timestamp) -> Result<Vec<Execution>, BrokerError> {
        self.ask(|told| told.executions.iter().filter(|e| e.at >= since).cloned().collect())
    }

    fn account(&self, _: Timestamp) -> Result<Account, BrokerError> {
        self.ask(|told| Account { cash: told.cash, equity: told.cash })
    }
}

/// A desk that holds 20 IBM at 207.50 with a stop at 202.50, beside a broker that tells whatever it is told to.
pub(crate) fn desk_beside(at: &str) -> (Fixture, Arc<Telling>) {
    let broker = Arc::new(Telling::default());
    let options = Options { broker: Some(Arc::clone(&broker) as Arc<dyn Broker>), ..Options::of(Era::Live) };
    let desk = Fixture::with(options, at);
    desk.buy("IBM", 20, "207.50", "5.00");
    broker.tell(&desk, |_| {});
    (desk, broker)
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("a symbol")
}

fn held(name: &str, qty: i64, entry: &str) -> Held {
    Held { symbol: symbol(name), qty, entry: decimal(entry) }
}

fn fill_of(client: &str, name: &str, total: u64, at: &str) -> Execution {
    let fill = Fill::at(total, decimal("10"), Decimal::ZERO);
    Execution { client: ClientId::stored(client), symbol: symbol(name), side: Side::Buy, fill, at: at.parse().unwrap() }
}

fn works(client: &str, name: &str, rest: u64) -> OpenOrder {
    OpenOrder { client: ClientId::stored(client), symbol: symbol(name), side: Side::Buy, rest, stop: None }
}

const NOW: &str = "2012-05-03T16:10";
const FILLED_AT: &str = "2012-05-03T15:00:00Z";

#[test]
fn every_lie_is_found_closes_entries_and_trips_over_a_thousand_dollars_only() {
    use Kind::{
        AveragePrice, Cash, MissingFill, MissingPosition, MissingStop, OrderDiffers, Quantity, ShortPosition,
        UnknownFill, UnknownOrder, UnknownPosition,
    };
    type Lie = fn(&mut Told);
    let rows: &[(&str, Lie, &[Kind], bool)] = &[
        ("the same story", |_| {}, &[], false),
        ("a position is not there", |t| t.held.clear(), &[MissingPosition], true),
        ("a small position that nobody bought", |t| t.held.push(held("AAPL", 1, "500")), &[UnknownPosition], false),
        ("one of exactly 1,000 dollars", |t| t.held.push(held("AAPL", 2, "500")), &[UnknownPosition], false),
        ("one of a cent more", |t| t.held.push(held("AAPL", 1, "1000.01")), &[UnknownPosition], true),
        (
            "two small ones that are too much together",
            |t| {
                t.held.push(held("AAPL", 1, "600"));
                t.held.push(held("MSFT", 20, "30"));
            },
            &[UnknownPosition, UnknownPosition],
            true,
        ),
        ("four shares fewer", |t| t.held[0].qty = 16, &[Quantity], false),
        ("five shares fewer", |t| t.held[0].qty = 15, &[Quantity], true),
        ("five shares more", |t| t.held[0].qty = 25, &[Quantity], true),
        (
            "one position in two lots",
            |t| {
                t.held[0].qty = 12;
                t.held.push(held("IBM", 8, "207.50"));
            },
            &[],
            false,
        ),
        ("short", |t| t.held[0].qty = -1, &[ShortPosition], true),
        ("short of something else", |t| t.held.push(held("AAPL", -1, "500")), &[ShortPosition], false),
        ("a row of nothing", |t| t.held.push(held("AAPL", 0, "500")), &[], false),
        ("an average price a cent apart", |t| t.held[0].entry = decimal("207.51"), &[], false),
        ("an average price two cents apart", |t| t.held[0].entry = decimal("207.52"), &[AveragePrice], false),
        ("an order that nobody sent", |t| t.open.push(works("manual-1", "IBM", 5)), &[UnknownOrder], false),
        ("the stop does not work", |t| t.open.clear(), &[MissingStop], false),
        ("the stop is for fewer shares", |t| t.open[0].rest = 19, &[OrderDiffers], false),
        ("the stop is at another price", |t| t.open[0].stop = Some(decimal("150")), &[OrderDiffers], false),
        (
            "a fill that nobody ordered",
            |t| t.executions.push(fill_of("manual-1", "AAPL", 1, FILLED_AT)),
            &[UnknownFill],
            false,
        ),
        ("a fill that the broker does not report", |t| t.executions.clear(), &[MissingFill], false),
        ("fewer shares filled", |t| t.executions[0].fill.total = 19, &[MissingFill], false),
        ("a dollar more cash", |t| t.cash += Decimal::ONE, &[], false),
        ("a dollar and a cent less cash", |t| t.cash -= decimal("1.01"), &[Cash], false),
    ];
    for (what, lie, kinds, trips) in rows {
        let (desk, broker) = desk_beside("2012-05-03T10:15");
        desk.at(NOW);
        broker.tell(&desk, lie);
        let outcome = |task: &str| desk.run(task);
        let answers = [
            ("broker_reconcile", Part::Orders),
            ("position_reconcile", Part::Positions),
            ("cash_reconcile", Part::Cash),
        ];
        for (task, part) in answers {
            let wrong = kinds.iter().any(|kind| kind.part() == part);
            match outcome(task) {
                Outcome::Error(why) => assert!(wrong, "{what}: {task}: {why}"),
                other => assert!(!wrong && matches!(other, Outcome::Ok(_)), "{what}: {task}: {other:?}"),
            }
        }
        let around_the_clock = outcome("always_reconcile_broker");
        assert_eq!(matches!(around_the_clock, Outcome::Error(_)), !kinds.is_empty(), "{what}: {around_the_clock:?}");
        let left = desk.left(NAME);
        let found: Vec<&str> =
            left["mismatches"].as_array().unwrap().iter().map(|m| m["type"].as_str().unwrap()).collect();
        let wanted: Vec<String> = kinds.iter().map(|k| json!(k).as_str().expect("a word").to_owned()).collect();
        assert_eq!(found, wanted, "{what}: {left}");
        assert_eq!(left["is_clean"], kinds.is_empty(), "{what}");
        let positions = kinds.iter().any(|k| k.part() == Part::Positions);
        assert_eq!(left["positions_matched"], !positions, "{what}");
        let closed = desk.services.blocks().iter().any(|b| b.starts_with("reconciliation: "));
        assert_eq!(closed, !kinds.is_empty(), "{what}: {:?}", desk.services.blocks());
        assert_eq!(desk.is_killed(), *trips, "{what}");
        let booked = desk.book().kill().active.clone();
        assert_eq!(booked.as_ref().map(|trip| trip.again), trips.then_some(0), "{what}: it trips once");
        if let Some(trip) = booked {
            assert_eq!(trip.record.trigger, Some(Trigger::ReconciliationFailure), "{what}");
            assert!(trip.record.reason.starts_with("K8: "), "{what}: {}", trip.record.reason);
            assert!(trip.record.context.contains_key("usd") && trip.record.context.contains_key("symbol"), "{what}");
        }
        // What ties again opens entries; a switch that was pulled stays pulled.
        broker.tell(&desk, |_| {});
        desk.ok("always_reconcile_broker");
        assert!(desk.services.blocks().is_empty(), "{what}: {:?}", desk.services.blocks());
        assert_eq!(desk.is_killed(), *trips, "{what}");
    }
}

#[test]
fn a_broker_that_does_not_answer_closes_entries_and_trips_nothing() {
    let (desk, broker) = desk_beside("2012-05-03T10:15");
    desk.ok("always_reconcile_broker");
    broker.fall_silent();
    for task in ["broker_reconcile", "position_reconcile", "cash_reconcile", "always_reconcile_broker"] {
        let Outcome::Error(why) = desk.run(task) else { panic!("{task}: nobody answered") };
        assert!(why.contains("no route to host"), "{task}: {why}");
    }
    assert!(desk.services.blocks()[0].starts_with("reconciliation: the broker does not tell its positions"));
    assert!(!desk.is_killed(), "no answer is no mismatch");
    assert!(matches!(desk.services.agrees(&desk.book(), desk.now()), Ask::Unknown(_)), "an entry is not judged on it");
    broker.tell(&desk, |_| {});
    desk.ok("always_reconcile_broker");
    assert!(desk.services.blocks().is_empty());
}

#[test]
fn the_embedded_broker_tells_the_story_of_the_books() {
    let desk = Fixture::replay("2012-05-01T10:15");
    desk.buy("IBM", 20, "207.50", "5.00");
    desk.at("2012-05-01T16:10").ok("broker_reconcile");
    let compared = desk.left(NAME)["summary"]["compared"].clone();
    assert_eq!(compared["positions"], json!([1, 1]), "{compared}");
    assert_eq!((&compared["open_orders"], &compared["fills"]), (&json!([1, 1]), &json!([1, 1])), "{compared}");
    assert_eq!(compared["cash"], json!(["95850.00", "95850.00"]), "{compared}");
    desk.at("2012-05-02T10:20").sell("IBM", "208.00", "0.10");
    desk.at("2012-05-02T16:10").ok("position_reconcile");
    let compared = desk.left(NAME)["summary"]["compared"].clone();
    assert_eq!((&compared["positions"], &compared["fills"]), (&json!([0, 0]), &json!([2, 2])), "{compared}");
}

/// What the broker knows of an order in a test of repairs.
fn ack(client: &ClientId, status: AckStatus, fill: Fill, stop: Option<StopAck>) -> Ack {
    Ack { client: client.clone(), broker: "outside-7".into(), status, fill, stop }
}

#[test]
fn what_the_broker_proves_is_booked_with_a_note() {
    let (desk, broker) = desk_beside("2012-05-03T10:15");
    let decision = desk.intend("AAPL", 3, "500", "10");
    let client = ClientId::of(&decision, 0);
    let position = PositionId::of(desk.services.market().date_of(desk.now()), &symbol("AAPL"));
    // The process died after the broker had filled the order and before that was booked.
    let stop = StopAck { client: ClientId::stop(&position), qty: 3, stop: decimal("490") };
    broker.knows(ack(&client, AckStatus::Filled, Fill::at(3, decimal("500"), Decimal::ZERO), Some(stop)));
    broker.tell(&desk, |told| {
        let fill = Fill::at(3, decimal("500"), Decimal::ZERO);
        told.held.push(held("AAPL", 3, "500"));
        told.cash -= decimal("1500");
        told.executions.push(Execution { fill, ..fill_of(client.as_str(), "AAPL", 3, FILLED_AT) });
        told.open.push(OpenOrder {
            side: Side::Sell,
            stop: Some(decimal("490")),
            ..works(ClientId::stop(&position).as_str(), "AAPL", 3)
        });
    });
    assert!(desk.ok("always_reconcile_broker").ends_with("1 repaired"));
    assert_eq!(desk.left(NAME)["repaired"], json!([format!("{client}: is filled, 3 shares")]));
    let book = desk.book();
    let bought = book.position(&symbol("AAPL")).expect("it is held now");
    assert_eq!((bought.qty, bought.protective.as_ref().map(|s| s.stop)), (3, Some(decimal("490"))));
    assert_eq!(book.order(&decision).map(|o| o.state), Some(OrderState::Closed));
    let blocks = desk.books.blocks(0, usize::MAX).expect("books in memory");
    let noted = blocks.iter().filter_map(|b| b.fact().ok()).find_map(|f| match f.what {
        What::Noted { about, detail } if about == "repair" => Some(detail),
        _ => None,
    });
    assert_eq!(noted.expect("a repair is noted")["evidence"], "the broker says: is filled, 3 shares");
    assert!(!desk.is_killed(), "what was mended is no mismatch");
}

#[test]
fn each_loose_end_is_tied_as_the_broker_says_or_left_for_a_person() {
    type Scene = fn(&Fixture, &Telling);
    let cancelled = |desk: &Fixture, broker: &Telling| {
        let decision = desk.intend("AAPL", 3, "500", "10");
        desk.sent(&decision);
        let status = AckStatus::Cancelled { reason: "the day is over".into() };
        broker.knows(ack(&ClientId::of(&decision, 0), status, Fill::default(), None));
        broker.tell(desk, |told| told.open.retain(|o| o.stop.is_some()));
    };
    type Row = (&'static str, Scene, i64, Option<Kind>, Option<OrderState>);
    let rows: &[Row] = &[
        (
            "an intent that the broker has never seen is withdrawn",
            |desk, broker| {
                desk.intend("AAPL", 3, "500", "10");
                broker.tell(desk, |_| {});
            },
            61,
            None,
            Some(OrderState::Cancelled),
        ),
        (
            "one of a minute ago may still arrive",
            |desk, broker| {
                desk.intend("AAPL", 3, "500", "10");
                broker.tell(desk, |_| {});
            },
            60,
            Some(Kind::UnsentIntent),
            Some(OrderState::Pending),
        ),
        (
            "one that works at the broker is booked as sent",
            |desk, broker| {
                let client = ClientId::of(&desk.intend("AAPL", 3, "500", "10"), 0);
                broker.knows(ack(&client, AckStatus::Working, Fill::default(), None));
                broker.tell(desk, |told| told.open.push(works(client.as_str(), "AAPL", 3)));
            },
            61,
            None,
            Some(OrderState::Submitted),
        ),
        ("an order that the broker has cancelled is closed", cancelled, 0, None, Some(OrderState::Closed)),
        (
            "an order that was sent and that the broker has never seen stays open",
            |desk, broker| {
                desk.sent(&desk.intend("AAPL", 3, "500", "10"));
                broker.tell(desk, |told| told.open.retain(|o| o.stop.is_some()));
            },
            3600,
            Some(Kind::MissingOrder),
            Some(OrderState::Submitted),
        ),
        (
            "a fill of an order of nobody makes no position",
            |desk, broker| {
                broker.tell(desk, |told| told.executions.push(fill_of("manual-1", "AAPL", 1, FILLED_AT)));
            },
            0,
            Some(Kind::UnknownFill),
            None,
        ),
    ];
    for (what, scene, later, kind, state) in rows {
        let (desk, broker) = desk_beside("2012-05-03T10:15");
        scene(&desk, &broker);
        let now = desk.now() + SignedDuration::from_secs(*later);
        let found = desk.services.reconcile(now, Asker { function: "test", task: "test" }).expect("it answers");
        assert_eq!(found.mismatches.iter().map(|m| m.kind).collect::<Vec<_>>(), Vec::from_iter(*kind), "{what}");
        let order = desk.book().orders().find(|o| o.ticket.symbol == symbol("AAPL")).map(|o| o.state);
        assert_eq!(order, *state, "{what}");
        assert_eq!(found.repaired.is_empty(), kind.is_some(), "{what}: {:?}", found.repaired);
        assert_eq!(desk.book().positions().len(), 1, "{what}: nothing was bought");
    }
}

#[test]
fn a_stop_that_the_broker_has_sold_closes_the_position() {
    let (desk, broker) = desk_beside("2012-05-03T10:15");
    let client = desk.book().positions().next().and_then(|p| p.protective.clone()).expect("a stop").client;
    desk.at("2012-05-03T12:00");
    let now = desk.now();
    broker.tell(&desk, |told| {
        let fill = Fill::at(20, decimal("202.40"), decimal("0.10"));
        told.executions.push(Execution {
            client: client.clone(),
            symbol: symbol("IBM"),
            side: Side::Sell,
            fill,
            at: now,
        });
        told.held.clear();
        told.open.clear();
        told.cash += decimal("4047.90");
    });
    assert_eq!(desk.ok("always_reconcile_broker"), "books and broker agree, 1 repaired");
    let book = desk.book();
    let trade = book.trades().last().expect("a trade");
    assert_eq!((trade.reason, trade.qty, trade.pnl), (ExitReason::Stop, 20, decimal("-102.10")));
    desk.ok("always_reconcile_broker");
}
