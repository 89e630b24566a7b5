use super::*;
use crate::policy::PolicyMode;
use OrderState::{Cancelled, Closed, Expired, Filled, PartiallyFilled, Pending, Rejected, Replaced, Submitted};

/// Every state and every move: what stands in the table is legal, all else is an error that changes nothing.
#[test]
fn the_table_of_moves_is_complete() {
    let legal = [
        (Pending, Move::Submit, Submitted),
        (Pending, Move::Cancel, Cancelled),
        (Pending, Move::Reject, Rejected),
        (Submitted, Move::PartFill, PartiallyFilled),
        (Submitted, Move::Fill, Filled),
        (Submitted, Move::Cancel, Cancelled),
        (Submitted, Move::Reject, Rejected),
        (Submitted, Move::Expire, Expired),
        (PartiallyFilled, Move::PartFill, PartiallyFilled),
        (PartiallyFilled, Move::Fill, Filled),
        (PartiallyFilled, Move::Cancel, Cancelled),
        (PartiallyFilled, Move::Replace, Replaced),
        (PartiallyFilled, Move::Expire, Expired),
        (Replaced, Move::Submit, Submitted),
        (Filled, Move::Close, Closed),
        (Cancelled, Move::Close, Closed),
        (Rejected, Move::Close, Closed),
        (Expired, Move::Close, Closed),
    ];
    for state in OrderState::ALL {
        for step in Move::ALL {
            let want = legal.iter().find(|(from, by, _)| (*from, *by) == (state, step)).map(|(.., to)| *to);
            assert_eq!(next(state, step), want, "{state} {step:?}");
        }
    }
}

fn ticket(qty: u64) -> Ticket {
    let (day, symbol) = (jiff::civil::date(2026, 11, 23), Symbol::new("IBM").unwrap());
    Ticket {
        decision: DecisionId::entry(day, &symbol, Side::Buy),
        packet: PacketId::stored("PKT_1"),
        intent: Intent::Entry,
        day,
        created: "2026-11-23T15:15:00Z".parse().unwrap(),
        symbol,
        side: Side::Buy,
        qty,
        limit: Some(Decimal::from(100)),
        strategy: Strategy::IbsRsi,
        distance: Some(Decimal::from(3)),
        position: None,
        reason: None,
        mode: PolicyMode::Paper,
        gates: Vec::new(),
    }
}

fn sent(qty: u64) -> Order {
    let mut order = Order::pending(ticket(qty));
    order.take(&OrderEvent::Sent { broker: None }).unwrap();
    order
}

fn fill(order: &Order, attempt: usize, total: u64, price: i64) -> OrderEvent {
    let client = ClientId::of(&order.ticket.decision, attempt as u32);
    OrderEvent::Filled { client, fill: Fill::at(total, Decimal::from(price), Decimal::ZERO) }
}

#[test]
fn fills_are_cumulative_and_never_exceed_the_order() {
    let mut order = sent(10);
    for (what, total, delta, state) in [
        ("the first partial", 4, 4, PartiallyFilled),
        ("the same report again", 4, 0, PartiallyFilled),
        ("an older report", 3, 0, PartiallyFilled),
        ("a later partial adds to the total", 7, 3, PartiallyFilled),
        ("the rest", 10, 3, Filled),
        ("a report after the end that adds nothing", 10, 0, Filled),
    ] {
        let event = fill(&order, 0, total, 100);
        let progress = order.take(&event).unwrap();
        assert_eq!((progress.delta.total, progress.late, order.state), (delta, false, state), "{what}");
    }
    let before = order.clone();
    let error = order.take(&fill(&before, 0, 11, 100)).unwrap_err();
    assert!(matches!(error, OrderError::Overfilled { total: 11, qty: 10, .. }));
    assert_eq!(order, before, "nothing changed");
}

#[test]
fn reports_that_contradict_each_other_are_refused() {
    let fill = |total, notional: i64, fees: i64| Fill { total, notional: notional.into(), fees: fees.into() };
    for (what, report) in [
        ("more shares for fewer dollars", fill(5, 399, 1)),
        ("more shares for the same dollars", fill(5, 400, 1)),
        ("fees that fell", fill(5, 500, 0)),
    ] {
        let mut order = sent(10);
        let client = order.client();
        order.take(&OrderEvent::Filled { client: client.clone(), fill: fill(4, 400, 1) }).unwrap();
        let before = order.clone();
        let error = order.take(&OrderEvent::Filled { client, fill: report }).unwrap_err();
        assert!(matches!(error, OrderError::Contradiction { total: 5, .. }), "{what}");
        assert_eq!(order, before, "{what}");
    }
}

#[test]
fn the_average_is_weighted_by_shares() {
    let mut fill = Fill::at(1, Decimal::from(100), Decimal::ZERO);
    fill = fill.plus(&Fill::at(2, Decimal::from(103), Decimal::ZERO));
    assert_eq!(fill.average().unwrap().to_string(), "102.0000");
    assert_eq!(Fill::default().average(), None);
}

#[test]
fn a_fill_after_the_end_is_booked_and_named_late() {
    for end in [OrderEvent::Cancelled { reason: "day over".into() }, OrderEvent::Expired] {
        let mut order = sent(10);
        order.take(&fill(&order.clone(), 0, 4, 100)).unwrap();
        order.take(&end).unwrap();
        let state = order.state;
        let late = order.take(&fill(&order.clone(), 0, 6, 100)).unwrap();
        assert_eq!((late.delta.total, late.late, order.state), (2, true, state), "{end:?}");
        order.take(&OrderEvent::Closed).unwrap();
        let later = order.take(&fill(&order.clone(), 0, 10, 100)).unwrap();
        assert_eq!((later.delta.total, later.late, order.state), (4, true, Closed), "{end:?}");
    }
}

#[test]
fn a_replacement_is_for_the_rest_and_has_its_own_name() {
    let mut order = sent(10);
    assert_eq!(order.client().as_str(), "DEC_2026-11-23_IBM_BUY");
    order.take(&fill(&order.clone(), 0, 3, 100)).unwrap();
    order.take(&OrderEvent::Replaced).unwrap();
    assert_eq!(order.client().as_str(), "DEC_2026-11-23_IBM_BUY_R1");
    assert_eq!(order.reserved(), Decimal::from(700), "the rest is still reserved");
    order.take(&OrderEvent::Sent { broker: Some("b2".into()) }).unwrap();
    assert_eq!(order.attempts[1].qty, 7);
    order.take(&fill(&order.clone(), 1, 7, 101)).unwrap();
    assert_eq!((order.state, order.filled().total, order.reserved()), (Filled, 10, Decimal::ZERO));

    let before = order.clone();
    let stranger = OrderEvent::Filled { client: ClientId::stored("X"), fill: Fill::default() };
    assert!(matches!(order.take(&stranger), Err(OrderError::UnknownAttempt { .. })));
    assert_eq!(order, before);
}

#[test]
fn an_ended_order_says_why() {
    let mut order = sent(10);
    order.take(&OrderEvent::Rejected { reason: "halted".into() }).unwrap();
    assert_eq!((order.state, order.ended.as_deref()), (Rejected, Some("halted")));
    assert!(matches!(
        order.take(&OrderEvent::Sent { broker: None }),
        Err(OrderError::Illegal { state: Rejected, step: Move::Submit, .. })
    ));
}
