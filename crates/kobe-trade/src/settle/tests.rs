use super::*;

use crate::id::{ClientId, DecisionId, PacketId, Side};
use crate::kill::Trigger;
use crate::order::{ExitReason, Fill, Intent, OrderEvent, Ticket};
use crate::policy::PolicyMode;
use jiff::civil::date;
use kobe_quant::Strategy;

const DAY: Date = date(2012, 1, 9);

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at() -> Timestamp {
    "2012-01-09T21:00:00Z".parse().unwrap()
}

fn fees() -> FeeTable {
    FeeTable::parse("fee,effective,rate,cap,source\nSEC31,2011-01-21,0.0000192,,x\nTAF,2011-07-01,0.00009,4.50,x\n")
        .unwrap()
}

/// A book that bought 12 at 100 with its stop at 95.
fn book(strategy: Strategy, protected: bool) -> Book {
    let symbol = Symbol::new("GOOG").unwrap();
    let decision = DecisionId::entry(DAY, &symbol, Side::Buy);
    let ticket = Ticket {
        decision: decision.clone(),
        packet: PacketId::stored("PKT_1"),
        intent: Intent::Entry,
        day: DAY,
        created: at(),
        symbol,
        side: Side::Buy,
        qty: 12,
        limit: Some(d("101")),
        strategy,
        distance: Some(d("5")),
        position: None,
        reason: None,
        mode: PolicyMode::Paper,
        gates: Vec::new(),
    };
    let mut book = Book::new();
    let change = |change| What::Ordered { decision: decision.clone(), change };
    let fill = Fill::at(12, d("100"), d("0"));
    for what in [
        What::Opened { cash: d("100000") },
        What::Intended { ticket: Box::new(ticket) },
        change(OrderEvent::Sent { broker: None }),
        change(OrderEvent::Filled { client: ClientId::of(&decision, 0), fill }),
    ] {
        book.apply(&Fact::new(at(), DAY, what)).unwrap();
    }
    let held = book.positions().next().unwrap().clone();
    if protected {
        let client = ClientId::stop(&held.id);
        let placed = What::StopPlaced { position: held.id, client, qty: 12, stop: d("95.00") };
        book.apply(&Fact::new(at(), DAY, placed)).unwrap();
    }
    book
}

fn bar(open: &str, low: &str, close: &str, by_indicator: bool) -> BTreeMap<Symbol, ClosedBar> {
    let bar = ClosedBar { open: d(open), low: d(low), close: d(close), by_indicator };
    BTreeMap::from([(Symbol::new("GOOG").unwrap(), bar)])
}

/// Settles and books it; returns what happened in words.
fn settled(book: &mut Book, day: Date, bars: &BTreeMap<Symbol, ClosedBar>) -> String {
    let settled = close(book, day, at(), bars, &fees()).unwrap();
    for fact in &settled.facts {
        book.apply(fact).unwrap();
    }
    assert_eq!(book.last_equity(), settled.equity);
    match settled.facts.first().map(|fact| &fact.what) {
        Some(What::StopFilled { fill, .. }) => format!("stop at {}", fill.average().unwrap()),
        Some(What::ExitQueued { reason, .. }) => format!("queued {reason}"),
        _ => "kept".to_owned(),
    }
}

#[test]
fn the_bar_of_the_day_decides_by_the_table() {
    for (what, protected, bars, want) in [
        ("nothing", true, bar("100", "96", "99", false), "kept"),
        ("a low a tick above the stop", true, bar("100", "95.0001", "99", false), "kept"),
        ("a low at the stop, on the entry day", true, bar("100", "95", "99", false), "stop at 94.9287"),
        ("a gap through the stop fills at the open", true, bar("90", "89", "91", false), "stop at 89.9325"),
        ("the stop goes before the indicator", true, bar("100", "94", "101", true), "stop at 94.9287"),
        ("the indicator", true, bar("100", "96", "101", true), "queued indicator"),
        ("no stop at the broker sells nothing", false, bar("100", "90", "99", false), "kept"),
    ] {
        let mut book = book(Strategy::IbsRsi, protected);
        assert_eq!(settled(&mut book, DAY, &bars), want, "{what}");
    }
}

#[test]
fn time_is_up_after_the_strategys_sessions() {
    for (strategy, sessions) in [(Strategy::IbsRsi, 7), (Strategy::TurtleSoup, 3)] {
        let mut book = book(strategy, true);
        for session in 1..=sessions {
            let day = DAY.saturating_add(jiff::Span::new().days(session - 1));
            let want = if session == sessions { "queued time" } else { "kept" };
            assert_eq!(settled(&mut book, day, &bar("100", "96", "99", false)), want, "{strategy}, session {session}");
        }
        assert_eq!(book.positions().next().unwrap().queued.unwrap().reason, ExitReason::Time);
    }
}

#[test]
fn a_stop_fills_while_the_switch_is_pulled() {
    let mut book = book(Strategy::IbsRsi, true);
    let record = crate::kill::KillRecord::new("drill", Trigger::Manual, at(), "test");
    book.apply(&Fact::new(at(), DAY, What::KillTripped { record })).unwrap();
    assert_eq!(settled(&mut book, DAY, &bar("100", "94", "96", false)), "stop at 94.9287");
    assert_eq!(book.trades()[0].reason, ExitReason::Stop);
    assert_eq!(book.trades()[0].fees, d("0.04"), "0.03 on the dollars, 0.01 on the shares");
}

#[test]
fn a_loss_over_the_limit_is_a_breach() {
    let book = book(Strategy::IbsRsi, false);
    let breach = |close_at: &str| close(&book, DAY, at(), &bar("100", "99", close_at, false), &fees()).unwrap().breach;
    assert_eq!(breach("16.67"), None);
    assert_eq!(breach("16.66").unwrap().trigger, Trigger::MaxDailyLoss);
}

#[test]
fn a_position_without_a_bar_stops_the_settlement() {
    let book = book(Strategy::IbsRsi, true);
    let missing = close(&book, DAY, at(), &BTreeMap::new(), &fees());
    assert_eq!(missing, Err(SettleError::NoBar(Symbol::new("GOOG").unwrap())));
}
