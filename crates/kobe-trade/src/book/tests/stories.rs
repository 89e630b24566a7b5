//! What happens to a book, told one story at a time.

use super::*;

#[test]
fn nothing_happens_before_the_account_opens() {
    let mut book = Book::new();
    assert_eq!(book.refuses(DAY, What::WeekClosed), BookError::NotOpen);
    assert_eq!(book.refuses(DAY, What::Opened { cash: d("-1") }), BookError::Overdrawn(d("-1")));
    let mut book = opened();
    assert_eq!(book.refuses(DAY, What::Opened { cash: d("1") }), BookError::AlreadyOpen);
}

#[test]
fn a_trade_from_intent_to_result() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100.0000");
    assert_eq!((held.entry, held.stop, held.qty), (d("100.0000"), d("95.00"), 10));
    assert_eq!(book.cash(), d("99000"));
    let budget = book.budget_on(DAY);
    assert_eq!((budget.committed, budget.reserved, budget.entries), (d("1000"), d("0"), 1));

    let next = date(2026, 11, 24);
    let ticket = exit(next, &held, 10);
    book.all(next, vec![What::ExitQueued { position: held.id.clone(), reason: ExitReason::Indicator }]);
    assert_eq!(book.position(&held.symbol).unwrap().queued.unwrap().reason, ExitReason::Indicator);
    let id = ticket.decision.clone();
    book.all(next, vec![intended(&ticket)]);
    assert_eq!(book.free_shares(&held), 0, "an exit on its way has the shares");
    book.all(next, vec![change(&id, OrderEvent::Sent { broker: None }), filled(&id, 10, "103.5", "0.02")]);
    let trade = &book.trades()[0];
    assert_eq!((trade.qty, trade.exit, trade.fees, trade.pnl), (10, d("103.5000"), d("0.02"), d("34.98")));
    assert_eq!(trade.reason, ExitReason::Indicator);
    assert_eq!((book.cash(), book.positions().len()), (d("100034.98"), 0));
    assert_eq!(book.budget_on(next).entries, 0, "an exit uses no budget");
}

/// Regression for the budget that was charged when checked: refused, cancelled and expired orders give back what they reserved.
#[test]
fn a_reservation_is_committed_or_released() {
    for (what, end, late) in [
        ("cancelled", OrderEvent::Cancelled { reason: "no permit".into() }, false),
        ("rejected", OrderEvent::Rejected { reason: "halted".into() }, false),
        ("cancelled after half", OrderEvent::Cancelled { reason: "good for now only".into() }, true),
    ] {
        let mut book = opened();
        let ticket = entry(DAY, "IBM", 100, "100");
        let id = ticket.decision.clone();
        book.all(DAY, vec![intended(&ticket)]);
        assert_eq!((book.budget_on(DAY).reserved, book.budget_on(DAY).entries), (d("10000"), 1), "{what}");
        assert_eq!(book.free_cash(), d("90000"), "{what}");
        let mut committed = d("0");
        if late {
            book.all(DAY, vec![change(&id, OrderEvent::Sent { broker: None }), filled(&id, 40, "99", "0")]);
            committed = d("3960");
            assert_eq!(book.budget_on(DAY).reserved, d("6000"), "{what}: the rest is still reserved");
        }
        book.all(DAY, vec![change(&id, end)]);
        let budget = book.budget_on(DAY);
        assert_eq!((budget.committed, budget.reserved), (committed, d("0")), "{what}");
        assert_eq!(budget.entries, u32::from(late), "{what}: what never filled is no entry");
    }
}

/// Regression for the budget that never bound, because it began anew with every order.
#[test]
fn the_day_has_one_budget_for_all_its_orders() {
    let mut book = opened();
    for name in ["A", "B", "C"] {
        book.bought(DAY, name, 150, "100");
    }
    assert_eq!(book.budget_on(DAY).used(), d("45000"), "equality passes");
    let over = entry(DAY, "D", 1, "100");
    let refused = book.refuses(DAY, intended(&over));
    assert!(matches!(refused, BookError::Budget { refusal, .. } if refusal == "exceeds_daily_budget"));
    let large = entry(DAY, "E", 151, "100");
    let refused = book.refuses(DAY, intended(&large));
    assert!(matches!(refused, BookError::Budget { refusal, .. } if refusal == "exceeds_per_order_budget"));
}

/// Regression for the budget that followed the host's date: the day of a fact is New York's, and 00:00 there begins the next.
#[test]
fn the_budget_returns_at_midnight_new_york() {
    let market = kobe_calendar::Market::bundled().unwrap();
    let mut book = opened();
    book.bought(DAY, "IBM", 100, "100");
    for (instant, used) in [
        ("2026-11-24T00:00:00Z", "10000"),
        ("2026-11-24T04:59:59.999Z", "10000"),
        ("2026-11-24T05:00:00Z", "0"),
        ("2026-11-24T14:00:00Z", "0"),
    ] {
        let day = market.date_of(instant.parse().unwrap());
        assert_eq!(book.budget_on(day).used(), d(used), "{instant}");
    }
    // A new day's first fact may be an order: it is measured against the new day.
    let next = date(2026, 11, 24);
    for name in ["A", "B", "C"] {
        book.bought(next, name, 150, "100");
    }
    assert_eq!(book.budget_on(next).used(), d("45000"));
    assert_eq!(book.budget_on(next).entries, 3);
    // A clock that falls back over midnight brings no budget back.
    assert_eq!(book.budget_on(DAY).used(), d("45000"));
    assert!(matches!(book.refuses(DAY, intended(&entry(DAY, "E", 1, "1"))), BookError::Budget { .. }));
}

#[test]
fn an_open_order_keeps_its_reservation_over_midnight() {
    let mut book = opened();
    let ticket = entry(DAY, "IBM", 100, "100");
    let id = ticket.decision.clone();
    book.all(DAY, vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None })]);
    let next = date(2026, 11, 24);
    assert_eq!(book.budget_on(next).used(), d("10000"));
    book.all(next, vec![filled(&id, 100, "100", "0")]);
    assert_eq!(book.budget_on(next).committed, d("10000"), "and commits on the day it fills");
}

#[test]
fn a_decision_is_carried_out_once() {
    let mut book = opened();
    let ticket = entry(DAY, "IBM", 10, "100");
    let id = ticket.decision.clone();
    book.all(DAY, vec![intended(&ticket)]);
    assert_eq!(book.refuses(DAY, intended(&ticket)), BookError::DuplicateDecision(id.clone()));
    book.all(DAY, vec![change(&id, OrderEvent::Cancelled { reason: "x".into() })]);
    assert_eq!(book.refuses(DAY, intended(&ticket)), BookError::DuplicateDecision(id), "nor after it was cancelled");
}

#[test]
fn orders_on_their_way_count_as_done() {
    let mut book = opened();
    let first = entry(DAY, "IBM", 10, "100");
    book.all(DAY, vec![intended(&first)]);
    assert_eq!((book.open_count(), book.week().entries, book.budget_on(DAY).entries), (1, 1, 1));
    assert!(book.holds(&symbol("IBM")));
    let again = Ticket { decision: DecisionId::stored("DEC_X"), ..first };
    let error = book.refuses(DAY, intended(&again));
    assert!(matches!(&error, BookError::BadTicket { why, .. } if why == "already_have_position"), "{error}");

    let held = book.bought(DAY, "MSFT", 10, "100");
    let leaving = exit(DAY, &held, 6);
    book.all(DAY, vec![intended(&leaving)]);
    assert_eq!(book.free_shares(&held), 4);
    let second = Ticket { decision: DecisionId::stored("DEC_Y"), qty: 5, ..leaving.clone() };
    let error = book.refuses(DAY, intended(&second));
    assert!(matches!(&error, BookError::BadTicket { why, .. } if why == "exceeds_position"), "{error}");
    book.all(DAY, vec![intended(&Ticket { decision: DecisionId::stored("DEC_Y"), qty: 4, ..leaving })]);
    assert_eq!(book.free_shares(&held), 0);
}

#[test]
fn tickets_that_cannot_be_are_refused() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let next = date(2026, 11, 24);
    type Harm = fn(&mut Ticket);
    let good: fn(Date, &str, u64, &str) -> Ticket = entry;
    let rows: [(&str, Harm); 9] = [
        ("no shares", |t| t.qty = 0),
        ("a price of zero", |t| t.limit = Some(Decimal::ZERO)),
        ("no price", |t| t.limit = None),
        ("no stop", |t| t.distance = None),
        ("a stop above the price", |t| t.distance = Some(-Decimal::ONE)),
        ("a short", |t| t.side = Side::Sell),
        ("an entry that reduces", |t| t.position = Some(PositionId::stored("POS"))),
        ("a symbol that is held", |t| t.symbol = Symbol::new("IBM").unwrap()),
        ("an exit that buys", |t| t.intent = Intent::Exit),
    ];
    for (what, harm) in rows {
        let mut ticket = good(next, "MSFT", 10, "100");
        harm(&mut ticket);
        let error = book.refuses(next, intended(&ticket));
        assert!(matches!(error, BookError::BadTicket { .. }), "{what}: {error}");
    }
    let rows: [(&str, Harm); 4] = [
        ("more than is held", |t| t.qty = 11),
        ("no position", |t| t.position = None),
        ("no reason", |t| t.reason = None),
        ("another symbol", |t| t.symbol = Symbol::new("MSFT").unwrap()),
    ];
    for (what, harm) in rows {
        let mut ticket = exit(next, &held, 10);
        harm(&mut ticket);
        let error = book.refuses(next, intended(&ticket));
        assert!(matches!(error, BookError::BadTicket { .. }), "{what}: {error}");
    }
    let mut stranger = exit(next, &held, 10);
    stranger.position = Some(PositionId::stored("POS_X"));
    assert!(matches!(book.refuses(next, intended(&stranger)), BookError::UnknownPosition(_)));
    let unknown = DecisionId::stored("DEC_X");
    assert_eq!(book.refuses(next, change(&unknown, OrderEvent::Expired)), BookError::UnknownOrder(unknown));
}

#[test]
fn no_entry_is_intended_while_the_switch_is_pulled_and_exits_still_are() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let record = KillRecord::new("drill", Trigger::Manual, fact(DAY, What::WeekClosed).at, "test");
    book.all(DAY, vec![What::KillTripped { record }]);
    assert!(matches!(book.refuses(DAY, intended(&entry(DAY, "MSFT", 1, "10"))), BookError::Killed(_)));
    book.all(DAY, vec![intended(&exit(DAY, &held, 10))]);
    let cleared =
        What::KillCleared { cause: "drill".into(), fix: "none".into(), operator: "me".into(), reason: "over".into() };
    book.all(DAY, vec![cleared, intended(&entry(DAY, "MSFT", 1, "10"))]);
}

/// Linked exits: what the stop sold, the exit can no longer sell, in either order.
#[test]
fn stop_and_exit_together_never_sell_more_than_is_held() {
    let next = date(2026, 11, 24);
    let stop_fill = |held: &Position, total: u64| What::StopFilled {
        position: held.id.clone(),
        fill: Fill::at(total, d("95"), d("0")),
    };
    let both = || {
        let mut book = opened();
        let held = book.bought(DAY, "IBM", 10, "100");
        let ticket = exit(next, &held, 10);
        let id = ticket.decision.clone();
        book.all(next, vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None })]);
        (book, held, id)
    };

    let (mut book, held, id) = both();
    book.all(next, vec![stop_fill(&held, 10)]);
    assert_eq!(book.order(&id).unwrap().state, OrderState::Cancelled, "the stop filled: the exit is withdrawn");
    assert!(matches!(book.refuses(next, filled(&id, 10, "99", "0")), BookError::UnknownPosition(_)));

    let (mut book, held, id) = both();
    book.all(next, vec![filled(&id, 10, "99", "0")]);
    assert!(matches!(book.refuses(next, stop_fill(&held, 10)), BookError::UnknownPosition(_)), "the exit filled first");

    let (mut book, held, id) = both();
    book.all(next, vec![filled(&id, 4, "99", "0")]);
    assert_eq!(book.position(&held.symbol).unwrap().protective.as_ref().unwrap().qty, 6, "the stop shrinks with it");
    assert!(matches!(book.refuses(next, stop_fill(&held, 7)), BookError::Short { held: 6, sold: 7, .. }));
    book.all(next, vec![stop_fill(&held, 6)]);
    assert_eq!((book.positions().len(), book.trades()[0].qty), (0, 10));
    assert_eq!(book.trades()[0].exit, d("96.6000"), "four at 99 and six at 95");

    let (mut book, held, id) = both();
    book.all(next, vec![stop_fill(&held, 3), stop_fill(&held, 3)]);
    assert!(matches!(book.refuses(next, filled(&id, 8, "99", "0")), BookError::Short { held: 7, sold: 8, .. }));
    let second = exit(next, &held, 1);
    assert_eq!(book.refuses(next, intended(&second)), BookError::DuplicateDecision(id));
}

#[test]
fn a_late_fill_is_booked_with_an_incident() {
    let mut book = opened();
    let ticket = entry(DAY, "IBM", 10, "100");
    let id = ticket.decision.clone();
    let cancelled = OrderEvent::Cancelled { reason: "timeout".into() };
    book.all(DAY, vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None }), change(&id, cancelled)]);
    assert_eq!(book.budget_on(DAY).used(), d("0"));
    book.all(DAY, vec![filled(&id, 6, "100", "0")]);
    assert_eq!((book.position(&symbol("IBM")).unwrap().qty, book.cash()), (6, d("99400")));
    assert_eq!(book.incidents().len(), 1);
    assert_eq!(book.budget_on(DAY).committed, d("600"));
}

#[test]
fn a_second_partial_fill_adds_to_the_position() {
    let mut book = opened();
    let ticket = entry(DAY, "IBM", 3, "104");
    let id = ticket.decision.clone();
    let partial = |total: u64, notional: &str| {
        let fill = Fill { total, notional: d(notional), fees: d("0") };
        change(&id, OrderEvent::Filled { client: ClientId::of(&id, 0), fill })
    };
    book.all(
        DAY,
        vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None }), partial(1, "100"), partial(3, "306")],
    );
    let held = book.position(&symbol("IBM")).unwrap();
    assert_eq!((held.qty, held.entry, held.cost, held.stop), (3, d("102.0000"), d("306"), d("97.00")));
    assert_eq!((book.budget_on(DAY).entries, book.week().entries), (1, 1), "one entry, however it fills");
}

/// No golden trade crosses an ex-date, so these are hand-made: 2 for 1, 3 for 2 with a fraction, 1 for 10.
#[test]
fn splits_change_shares_prices_and_stop_and_the_ledger_still_ties() {
    for (what, qty, ratio, want_qty, entry_price, stop_price) in [
        ("two for one", 75, "2", 150, "50.0617", "47.56"),
        ("three for two drops half a share", 75, "1.5", 112, "66.7489", "63.41"),
        ("one for ten drops five", 75, "0.1", 7, "1001.2340", "951.20"),
        ("no split", 75, "1", 75, "100.1234", "95.12"),
    ] {
        let mut book = opened();
        let held = book.bought(DAY, "IBM", qty, "100.1234");
        let next = date(2026, 11, 24);
        book.all(next, vec![What::Split { symbol: held.symbol.clone(), ratio: d(ratio) }]);
        let after = book.position(&held.symbol).unwrap().clone();
        assert_eq!((after.qty, after.entry, after.stop), (want_qty, d(entry_price), d(stop_price)), "{what}");
        assert_eq!(after.protective.as_ref().unwrap().qty, want_qty, "{what}: the stop follows");
        assert_eq!(after.protective.as_ref().unwrap().stop, d(stop_price), "{what}");
        let mark = d("100") / d(ratio);
        let (equity, ledger) = (book.equity(|_| Some(mark)).unwrap(), book.ledger_equity(|_| Some(mark)).unwrap());
        assert!((equity - ledger).abs() <= d("0.01"), "{what}: {equity} and {ledger}");
        book.all(
            next,
            vec![What::StopFilled { position: held.id.clone(), fill: Fill::at(want_qty, after.stop, d("0.01")) }],
        );
        let trade = &book.trades()[0];
        let by_hand = Decimal::from(want_qty) * (after.stop - after.entry) - d("0.01");
        assert_eq!(trade.net, by_hand, "{what}: the result is in the shares of the exit");
        let ledger = book.ledger_equity(|_| None).unwrap();
        assert_eq!(ledger, book.cash(), "{what}: what the split dropped is in the ledger, not in the trade");
    }
}

#[test]
fn dividends_are_cash_and_part_of_the_result() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let next = date(2026, 11, 24);
    book.all(next, vec![What::Dividend { symbol: held.symbol.clone(), cash: d("2.64") }]);
    assert_eq!((book.cash(), book.position(&held.symbol).unwrap().dividends), (d("99026.40"), d("26.40")));
    let ticket = exit(next, &held, 10);
    let id = ticket.decision.clone();
    book.all(
        next,
        vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None }), filled(&id, 10, "99", "0.02")],
    );
    assert_eq!((book.trades()[0].pnl, book.trades()[0].dividends), (d("16.38"), d("26.40")));
    book.all(
        next,
        vec![
            What::Dividend { symbol: symbol("MSFT"), cash: d("1") },
            What::Split { symbol: symbol("MSFT"), ratio: d("2") },
        ],
    );
    assert_eq!(book.cash(), d("100016.38"), "what is not held pays nothing");
    let bad = What::Split { symbol: symbol("IBM"), ratio: d("0") };
    assert!(matches!(book.refuses(next, bad), BookError::BadAction { .. }));
    let bad = What::Dividend { symbol: symbol("IBM"), cash: d("-1") };
    assert!(matches!(book.refuses(next, bad), BookError::BadAction { .. }));
}

#[test]
fn the_close_is_tied_or_refused() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let marks = |price: &str| BTreeMap::from([(held.symbol.clone(), d(price))]);
    let close = |marks, equity: &str| What::DayClosed { marks, equity: d(equity) };
    assert_eq!(book.refuses(DAY, close(BTreeMap::new(), "100000")), BookError::NoMark(held.symbol.clone()));
    assert!(matches!(book.refuses(DAY, close(marks("101"), "100000")), BookError::NotTied { .. }));
    assert!(matches!(book.refuses(DAY, close(marks("101"), "100010.02")), BookError::NotTied { .. }));
    book.all(DAY, vec![close(marks("101"), "100010.00")]);
    assert_eq!((book.last_equity(), book.position(&held.symbol).unwrap().held), (d("100010.00"), 1));
    assert_eq!(book.refuses(DAY, close(marks("101"), "100010.00")), BookError::DayClosedAlready(DAY));
    let next = date(2026, 11, 24);
    book.all(next, vec![close(marks("91"), "99910.00")]);
    assert_eq!(book.position(&held.symbol).unwrap().held, 2);
    assert_eq!(money::round(book.max_drawdown(), 6), d("0.001000"));
}

#[test]
fn the_week_returns_to_zero_only_when_flat() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let friday = date(2026, 11, 27);
    let mark = BTreeMap::from([(held.symbol.clone(), d("110"))]);
    book.all(friday, vec![What::DayClosed { marks: mark, equity: d("100100.00") }, What::WeekClosed]);
    let week = book.week();
    assert_eq!((week.entries, week.kept_by, week.start_equity), (1, vec![held.symbol.clone()], d("100100.00")));
    let monday = date(2026, 11, 30);
    book.all(monday, vec![What::StopFilled { position: held.id.clone(), fill: Fill::at(10, d("110"), d("0")) }]);
    assert_eq!(book.week().entries, 1, "being flat later does not reset it");
    book.all(monday, vec![What::WeekClosed]);
    assert_eq!((book.week().entries, book.week().kept_by), (0, vec![]));
}

#[test]
fn freed_exposure_counts_until_the_next_scan() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let sold = What::StopFilled { position: held.id.clone(), fill: Fill::at(10, d("95"), d("0")) };
    let at = fact(DAY, sold.clone()).at;
    book.all(DAY, vec![sold]);
    let minute = jiff::SignedDuration::from_mins(1);
    assert_eq!(book.freed_since(at - minute), d("950"), "no scan since");
    assert_eq!(book.freed_since(at + minute), d("0"), "a scan came");
}

#[test]
fn a_stop_never_loosens() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    assert!(matches!(book.refuses(DAY, stop(&held, 10, d("94.99"))), BookError::BadTicket { .. }));
    assert!(matches!(book.refuses(DAY, stop(&held, 11, d("96"))), BookError::BadTicket { .. }));
    assert!(matches!(book.refuses(DAY, stop(&held, 0, d("96"))), BookError::BadTicket { .. }));
    book.all(DAY, vec![stop(&held, 10, d("96"))]);
    assert_eq!(book.position(&held.symbol).unwrap().stop, d("96"));
}

#[test]
fn rejects_are_counted_until_the_broker_fills_again() {
    let mut book = opened();
    for (i, name) in ["A", "B", "C"].into_iter().enumerate() {
        let ticket = entry(DAY, name, 1, "10");
        let id = ticket.decision.clone();
        let reject = OrderEvent::Rejected { reason: "no".into() };
        book.all(DAY, vec![intended(&ticket), change(&id, OrderEvent::Sent { broker: None }), change(&id, reject)]);
        assert_eq!(book.rejects_in_a_row() as usize, i + 1);
    }
    book.bought(DAY, "D", 1, "10");
    assert_eq!(book.rejects_in_a_row(), 0);
}

#[test]
fn old_orders_are_forgotten_but_not_those_of_open_positions() {
    let mut book = opened();
    let held = book.bought(DAY, "IBM", 10, "100");
    let ticket = entry(DAY, "MSFT", 1, "10");
    let id = ticket.decision.clone();
    book.all(DAY, vec![intended(&ticket), change(&id, OrderEvent::Cancelled { reason: "x".into() })]);
    let marks = BTreeMap::from([(held.symbol.clone(), d("100"))]);
    let close = || What::DayClosed { marks: marks.clone(), equity: d("100000.00") };
    book.all(date(2026, 12, 31), vec![close()]);
    assert_eq!(book.order(&id).unwrap().state, OrderState::Closed, "what has ended is closed with the day");
    book.all(date(2027, 1, 4), vec![close()]);
    assert_eq!((book.order(&id).is_some(), book.order(&held.decision).is_some()), (false, true));
}

#[test]
fn every_fact_survives_its_json_without_a_float() {
    let held = opened().bought(DAY, "IBM", 10, "100");
    let ticket = entry(DAY, "IBM", 10, "100.25");
    let id = ticket.decision.clone();
    let record = KillRecord::read(br#"{"reason":"r","activated_at":"2026-11-23T21:12:00Z","context":{"usd":1422.5}}"#);
    let facts = [
        What::Opened { cash: d("100000.00") },
        intended(&ticket),
        change(&id, OrderEvent::Sent { broker: Some("b".into()) }),
        filled(&id, 10, "100.2", "0.01"),
        change(&id, OrderEvent::Cancelled { reason: "é".into() }),
        change(&id, OrderEvent::Replaced),
        stop(&held, 10, d("95.50")),
        What::StopFilled { position: held.id.clone(), fill: Fill::at(3, d("95.5"), d("0.01")) },
        What::ExitQueued { position: held.id.clone(), reason: ExitReason::Time },
        What::Split { symbol: held.symbol.clone(), ratio: d("1.5") },
        What::Dividend { symbol: held.symbol.clone(), cash: d("0.25") },
        What::DayClosed { marks: BTreeMap::from([(held.symbol.clone(), d("1.5"))]), equity: d("3.25") },
        What::WeekClosed,
        What::KillTripped { record },
        What::KillCleared { cause: "c".into(), fix: "f".into(), operator: "o".into(), reason: "r".into() },
        What::Noted { about: "preflight".into(), detail: BTreeMap::from([("verdict".into(), "pass".into())]) },
    ];
    for what in facts {
        let fact = fact(DAY, what);
        let json = serde_json::to_value(&fact).unwrap();
        assert_eq!(json["event"], fact.what.name());
        crate::chain::canonical_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(serde_json::from_value::<Fact>(json).unwrap(), fact);
    }
}

#[test]
fn a_book_survives_its_json() {
    let mut book = opened();
    book.bought(DAY, "IBM", 10, "100");
    let json = serde_json::to_string(&book).unwrap();
    assert_eq!(serde_json::from_str::<Book>(&json).unwrap(), book);
}
