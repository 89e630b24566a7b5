//! One gate at a time, and the permit.

use super::*;

use crate::book::Book;
use crate::fact::{Fact, What};
use crate::id::{PacketId, PositionId};
use crate::kill::{KillRecord, KillState, Trigger};
use crate::order::{ExitReason, Fill, OrderEvent};

#[test]
fn the_good_case_is_admitted() {
    let judgement = judge_entry(&good());
    assert_eq!(judgement.refusal, None);
    let sizing = judgement.sizing.unwrap();
    assert_eq!((sizing.qty, sizing.binding.name()), (99, "size"));
}

/// The refusals of replay, in the order that binds.
#[test]
fn the_table_keeps_the_order_of_the_rules() {
    let rules: Vec<u32> = entry_gates().iter().map(|gate| gate.rule[1..].parse().unwrap()).collect();
    assert!(rules.is_sorted(), "D1 to D15 in order");
    assert_eq!(rules.iter().collect::<std::collections::BTreeSet<_>>().len(), 15, "every rule has a gate");
    let order = [
        "killed",
        "price_out_of_bounds",
        "adv_below_5m",
        "vix_above_25",
        "index_below_sma200",
        "index_vol20",
        "fomc_day",
        "score",
        "confidence",
        "rr",
        "no_shares",
        "already_have_position",
        "max_positions",
        "max_new_per_day",
        "max_new_per_week",
    ];
    let at = |refusal: &str| entry_gates().iter().position(|gate| gate.refusal == refusal).unwrap();
    assert!(order.map(at).is_sorted());
    let mut names: Vec<&str> = entry_gates().iter().map(|gate| gate.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), entry_gates().len(), "names are unique");
}

#[test]
fn each_harm_is_refused_by_its_own_name_and_repaired_by_its_own_repair() {
    for harm in HARMS {
        let mut case = good();
        (harm.break_it)(&mut case);
        let judgement = judge_entry(&case);
        assert_eq!(judgement.refusal.as_deref(), Some(harm.refusal), "{}", harm.gate);
        let check = judgement.checks.iter().find(|check| !check.holds()).unwrap();
        assert_eq!(check.name, harm.gate, "{}", harm.refusal);
        assert!(
            judgement.entry_ticket(&case, PacketId::stored("PKT_1"), Vec::new()).is_none(),
            "no ticket comes of it"
        );
    }
}

/// Gates that the caps of sizing (and an earlier gate) hold by construction, so that no single harm reaches them first.
#[test]
fn every_gate_has_a_harm_or_holds_by_construction() {
    let by_construction = [
        "risk",
        "sizer_cap",
        "position_cap",
        "order_budget",
        "day_budget",
        "day_exposure",
        "open_exposure",
        "gross",
        "net",
        "sector_of_equity",
        "names",
        "notional",
        "participation",
    ];
    for gate in entry_gates() {
        let harmed = HARMS.iter().any(|harm| harm.gate == gate.name);
        assert_ne!(harmed, by_construction.contains(&gate.name), "{}", gate.name);
    }
}

#[test]
fn equality_passes_at_every_limit() {
    type Change = fn(&mut EntryCase);
    let rows: [(&str, Change); 17] = [
        ("skew of 2 s", |c| c.clock.skew_ms = Ask::Known(2_000)),
        ("a quote 5 s old", |c| quoted(c).at = now() - jiff::SignedDuration::from_secs(5)),
        ("a spread of half a percent", |c| (quoted(c).bid, quoted(c).ask) = (d("99.7500"), d("100.2500"))),
        ("a price of 3", |c| c.name.price = Ask::Known(d("3"))),
        ("a price of 1000", |c| c.name.price = Ask::Known(d("1000.0000"))),
        ("a close of 15", |c| c.name.close = d("15")),
        ("5 million dollars a day", |c| c.name.adv60 = Ask::Known(Figure(5e6))),
        ("a VIX of 25", |c| c.regime.vix = Ask::Known(Figure(25.0))),
        ("a score of 70", |c| c.quality.score = Figure(70.0)),
        ("a confidence of 0.60", |c| c.quality.conviction = 60),
        ("a reward of 1.5", |c| c.quality.reward_over_risk = Figure(1.5)),
        ("a fifth position", |c| held(c).open = 4),
        ("a second entry today", |c| held(c).new_today = 1),
        ("a tenth entry in the week", |c| held(c).new_week = 9),
        ("5 % at risk", |c| c.portfolio.value_at_risk = Ask::Known(Figure(0.05))),
        ("a heat of 80", |c| c.portfolio.heat = Ask::Known(Figure(80.0))),
        ("an unknown FOMC day in replay", |c| (c.regime.fomc, c.replay) = (Fomc::Unknown, true)),
    ];
    for (what, change) in rows {
        let mut case = good();
        change(&mut case);
        assert_eq!(judge_entry(&case).refusal, None, "{what}");
    }
}

#[test]
fn exceptions_are_noted_on_the_decision() {
    let mut case = good();
    (case.name.earnings, case.regime.fomc, case.regime.vix_estimated) = (Earnings::Unknown, Fomc::Eve, true);
    held(&mut case).new_week = 8;
    let judgement = judge_entry(&case);
    assert!(judgement.admits());
    let notes: Vec<&str> = judgement.checks.iter().filter_map(|check| check.reason.as_deref()).collect();
    for note in ["date_unknown", "fomc_eve", "estimated", "near_week_limit", "one_sector"] {
        assert!(notes.contains(&note), "{note} in {notes:?}");
    }
}

/// Regression for the value-at-risk gate that passed on any error, and for position limits that took an error for an empty book.
#[test]
fn an_error_fails_closed() {
    let broken: Result<Figure, &str> = Err("covariance is singular");
    let mut case = good();
    case.portfolio.value_at_risk = Ask::of(broken);
    assert_eq!(judge_entry(&case).refusal.as_deref(), Some("value_at_risk_unknown"));
    let broken: Result<Holdings, &str> = Err("timeout");
    let mut case = good();
    case.holdings = Ask::of(broken);
    assert_eq!(judge_entry(&case).refusal.as_deref(), Some("one_per_symbol_unknown"));
}

/// A question that always has a meaning cannot be waved away as not applicable.
#[test]
fn not_applicable_is_no_answer_where_the_question_stands() {
    let mut case = good();
    case.data.quote = Ask::NotApplicable("no feed".to_owned());
    assert_eq!(judge_entry(&case).refusal.as_deref(), Some("quote_source_unknown"));
    let mut case = good();
    case.regime.vix = Ask::NotApplicable("no source".to_owned());
    assert_eq!(judge_entry(&case).refusal.as_deref(), Some("vix_unknown"));
    let mut case = good();
    case.ready.preflight = Ask::NotApplicable("not_built".to_owned());
    assert!(judge_entry(&case).admits(), "preflight may not be built yet");
}

fn fact(what: What) -> Fact {
    Fact::new(now(), DAY, what)
}

/// A book with an intent for the good case.
fn intended() -> (Book, DecisionId) {
    let mut book = Book::new();
    let (case, judgement) = (good(), judge_entry(&good()));
    let ticket = judgement.entry_ticket(&case, PacketId::stored("PKT_1"), Vec::new()).unwrap();
    let decision = ticket.decision.clone();
    book.apply(&fact(What::Opened { cash: d("100000") })).unwrap();
    book.apply(&fact(What::Intended { ticket: Box::new(ticket) })).unwrap();
    (book, decision)
}

fn send(at: Timestamp) -> SendCase {
    SendCase {
        at,
        switch: KillState::Clear,
        read_at: at,
        zone: Ask::Known(zone(Zone::Primary, at)),
        endpoint: Endpoint::Embedded,
    }
}

fn killed_at(at: Timestamp) -> KillState {
    KillState::Present(KillRecord::new("drill", Trigger::Manual, at, "test"))
}

#[test]
fn a_stored_intent_gets_a_permit_that_covers_it_and_nothing_else() {
    let (book, decision) = intended();
    let permit = permit(&book, &decision, &send(now())).unwrap();
    let order = book.order(&decision).unwrap();
    assert!(permit.covers(order));
    assert_eq!((permit.qty(), permit.intent(), permit.gates().len()), (99, Intent::Entry, 7));
    let mut other = order.clone();
    other.ticket.qty = 100;
    assert!(!permit.covers(&other), "another size");
    let mut other = order.clone();
    other.ticket.limit = Some(d("200"));
    assert!(!permit.covers(&other), "another price");
    let mut other = order.clone();
    other.ticket.symbol = Symbol::new("MSFT").unwrap();
    assert!(!permit.covers(&other), "another symbol");
}

/// Regression for the intent that was written after the send: what the books do not hold cannot leave, and what left cannot leave again.
#[test]
fn nothing_leaves_that_is_not_stored_and_nothing_leaves_twice() {
    let (mut book, decision) = intended();
    let stranger = DecisionId::stored("DEC_2026-11-23_MSFT_BUY");
    assert_eq!(permit(&book, &stranger, &send(now())).unwrap_err().reason, "intent_not_stored");
    let sent = What::Ordered { decision: decision.clone(), change: OrderEvent::Sent { broker: None } };
    book.apply(&fact(sent)).unwrap();
    assert_eq!(permit(&book, &decision, &send(now())).unwrap_err().reason, "already_sent");
}

/// Between sizing and send the world may change; each row is a change, and the refusal it leads to.
#[test]
fn the_world_is_asked_again_immediately_before_the_send() {
    let later = |seconds| now() + jiff::SignedDuration::from_secs(seconds);
    type Change = fn(&mut SendCase);
    let rows: [(&str, Change, &str); 9] = [
        ("a kill file appears", |s| s.switch = killed_at(s.at), "killed"),
        ("the switch cannot be read", |s| s.switch = KillState::Unreadable("i/o".into()), "killed"),
        ("an empty kill file", |s| s.switch = KillState::Present(KillRecord::read(b"")), "killed"),
        ("the reading is old", |s| s.read_at -= jiff::SignedDuration::from_millis(1_001), "kill_reading_stale"),
        ("the reading is of the future", |s| s.read_at += jiff::SignedDuration::from_millis(1), "kill_reading_stale"),
        ("lunch begins", |s| s.zone = Ask::Known(zone(Zone::LunchChop, s.at)), "kill_zone"),
        ("the zone is not known", |s| s.zone = Ask::Unknown("no calendar".into()), "zone_unknown"),
        ("the zone was asked earlier", |s| s.zone = Ask::Known(zone(Zone::Primary, now())), "zone_unknown"),
        ("another endpoint", |s| s.endpoint = Endpoint::Paper("api.alpaca.markets".into()), "not_paper"),
    ];
    for (what, change, reason) in rows {
        let (book, decision) = intended();
        let mut send = send(later(30));
        change(&mut send);
        let refused = permit(&book, &decision, &send).unwrap_err();
        assert_eq!(refused.reason, reason, "{what}");
        assert!(
            refused
                .checks
                .iter()
                .take(7)
                .map(|check| check.rule.as_str())
                .eq(["G1", "G2", "G3", "G4", "G5", "G6", "G7"])
        );
    }
    let (mut book, decision) = intended();
    let record = KillRecord::new("drill", Trigger::Manual, now(), "test");
    book.apply(&fact(What::KillTripped { record })).unwrap();
    assert_eq!(permit(&book, &decision, &send(now())).unwrap_err().reason, "killed", "the ledger knows of a trip");
}

/// Regression for layers that had no notion of an exit: the minute of grace reaches through judge, permit and books.
#[test]
fn an_exit_passes_every_layer_within_the_grace_and_none_after_it() {
    let (mut book, entry) = intended();
    let change = |decision: &DecisionId, change| What::Ordered { decision: decision.clone(), change };
    let client = book.order(&entry).unwrap().client();
    let fill = Fill::at(99, d("100"), d("0"));
    book.apply(&fact(change(&entry, OrderEvent::Sent { broker: None }))).unwrap();
    book.apply(&fact(change(&entry, OrderEvent::Filled { client, fill }))).unwrap();
    let record = KillRecord::new("drill", Trigger::Manual, now(), "test");
    book.apply(&fact(What::KillTripped { record: record.clone() })).unwrap();
    let position = book.positions().next().unwrap().clone();
    for (seconds, passes) in [(0, true), (59, true), (60, false), (3_600, false)] {
        let at = now() + jiff::SignedDuration::from_secs(seconds);
        let case = ExitCase {
            at,
            day: DAY,
            decision: DecisionId::exit(DAY, &position.symbol, &position.id, ExitReason::Time),
            symbol: position.symbol.clone(),
            position: position.id.clone(),
            reason: ExitReason::Time,
            strategy: position.strategy,
            replay: false,
            kill: crate::kill::judge(&KillState::Present(record.clone()), book.kill(), at, Intent::Exit),
            endpoint: Ask::Known(Endpoint::Embedded),
            mode: PolicyMode::Paper,
            zone: Ask::Known(zone(Zone::LunchChop, at)),
            quote: unknown(),
            free: Ask::Known(book.free_shares(&position)),
            qty: 99,
        };
        let judgement = judge_exit(&case);
        assert_eq!(judgement.admits(), passes, "judge, {seconds} s: {:?}", judgement.refusal);

        // A ticket from within the grace must not pass after it.
        let within = ExitCase { kill: KillAnswer::Clear, ..case };
        let ticket = judge_exit(&within).exit_ticket(&within, PacketId::stored("PKT_2"), Vec::new()).unwrap();
        let (mut book, id) = (book.clone(), ticket.decision.clone());
        book.apply(&fact(What::Intended { ticket: Box::new(ticket) })).unwrap();
        let switch = KillState::Present(record.clone());
        let send = SendCase { switch, zone: Ask::Known(zone(Zone::LunchChop, at)), ..send(at) };
        let permit = permit(&book, &id, &send);
        assert_eq!(permit.is_ok(), passes, "permit, {seconds} s");
        if let Ok(permit) = permit {
            let grace = permit.gates().iter().find(|check| check.rule == "G5").unwrap();
            assert_eq!((permit.intent(), grace.reason.as_deref()), (Intent::Exit, Some("exit_grace")));
        }
    }
}

#[test]
fn an_exit_needs_an_open_market_and_free_shares_but_no_quote() {
    let position = PositionId::stored("POS_2026-11-20_IBM");
    let symbol = Symbol::new("IBM").unwrap();
    let case = ExitCase {
        at: now(),
        day: DAY,
        decision: DecisionId::exit(DAY, &symbol, &position, ExitReason::Time),
        symbol,
        position,
        reason: ExitReason::Time,
        strategy: Strategy::IbsRsi,
        replay: false,
        kill: KillAnswer::Clear,
        endpoint: Ask::Known(Endpoint::Embedded),
        mode: PolicyMode::Paper,
        zone: Ask::Known(zone(Zone::OpeningRange, now())),
        quote: unknown(),
        free: Ask::Known(10),
        qty: 10,
    };
    type Change = fn(&mut ExitCase);
    let rows: [(&str, Change, Option<&str>); 10] = [
        ("in the opening range, without a quote", |_| (), None),
        ("in the close zone", |c| c.zone = Ask::Known(zone(Zone::Close, now())), None),
        ("after the close", |c| c.zone = Ask::Known(zone(Zone::AfterHours, now())), Some("market_closed")),
        ("on a holiday", |c| c.zone = Ask::Known(zone(Zone::NoSession, now())), Some("market_closed")),
        ("past the calendar", |c| c.zone = unknown(), Some("zone_unknown")),
        ("more than is free", |c| c.qty = 11, Some("exceeds_position")),
        ("nothing", |c| c.qty = 0, Some("exceeds_position")),
        ("of an unknown position", |c| c.free = unknown(), Some("shares_unknown")),
        (
            "at a replayed quote outside replay",
            |c| c.quote = Ask::Known(Quote::replay(d("1"), now())),
            Some("replay_quote"),
        ),
        ("after a re-arm", |c| c.kill = KillAnswer::Grace { until: now() }, None),
    ];
    for (what, change, refusal) in rows {
        let mut case = case.clone();
        change(&mut case);
        assert_eq!(judge_exit(&case).refusal.as_deref(), refusal, "{what}");
    }
}

#[test]
fn the_policy_compares_the_day_and_the_order() {
    for (what, mode, order, used, want) in [
        ("equality an order", PolicyMode::Paper, "15000", "0", None),
        ("a cent more", PolicyMode::Paper, "15000.01", "0", Some("exceeds_per_order_budget")),
        ("equality a day", PolicyMode::Paper, "15000", "30000", None),
        ("a cent more a day", PolicyMode::Paper, "15000", "30000.01", Some("exceeds_daily_budget")),
        ("canary", PolicyMode::Canary, "75.01", "0", Some("exceeds_per_order_budget")),
        ("canary a day", PolicyMode::Canary, "75", "925.01", Some("exceeds_daily_budget")),
    ] {
        assert_eq!(policy_verdict(mode, d(order), d(used)).err().as_deref(), want, "{what}");
    }
}
