use super::*;

use crate::case::{
    ClockCase, DataCase, Earnings, Floors, Fomc, GuardCase, Holdings, NameCase, PortfolioCase, QualityCase, ReadyCase,
    RegimeCase,
};
use crate::check::Ask;
use crate::id::{PositionId, Symbol};
use crate::kill::KillAnswer;
use crate::order::ExitReason;
use crate::policy::{Endpoint, PolicyMode};
use crate::quote::Quote;
use crate::size::SizeCase;
use crate::zone::{Zone, ZoneAnswer};
use kobe_quant::Strategy;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2012-01-09T15:15:00Z".parse().unwrap()
}

fn zone() -> Ask<ZoneAnswer> {
    Ask::Known(ZoneAnswer {
        at: now(),
        zone: Zone::Primary,
        entries: true,
        exits: true,
        reason: "the primary window for entries".to_owned(),
        minutes_left: 75,
        next_window: None,
    })
}

/// GOOG on 2012-01-09, as replay saw it.
fn goog() -> EntryCase {
    let quote = Quote::replay(d("646.50"), now());
    EntryCase {
        at: now(),
        day: Date::constant(2012, 1, 9),
        symbol: Symbol::new("GOOG").unwrap(),
        side: Side::Buy,
        strategy: Strategy::IbsRsi,
        replay: true,
        kill: KillAnswer::Clear,
        endpoint: Ask::Known(Endpoint::Embedded),
        mode: PolicyMode::Paper,
        clock: ClockCase { zone: zone(), skew_ms: Ask::Known(0), slot_ran: false, new_information: true },
        ready: ReadyCase {
            preflight: Ask::NotApplicable("not_built".to_owned()),
            reconciled: Ask::Known(true),
            chain_whole: Ask::Known(true),
            blocks: Vec::new(),
        },
        data: DataCase {
            bar: Date::constant(2012, 1, 6),
            last_session: Ask::Known(Date::constant(2012, 1, 6)),
            signal_age: Ask::Known(1),
            quote: Ask::Known(quote.clone()),
        },
        name: NameCase {
            in_universe: Ask::Known(true),
            tradable: Ask::Known(true),
            prohibited: false,
            price: Ask::Known(d("646.5000")),
            close: d("650.0200"),
            adv60: Ask::Known(Figure(1.6e9 + 0.1)),
            earnings: Earnings::Unknown,
        },
        regime: RegimeCase {
            vix: Ask::Known(Figure(21.3)),
            vix_estimated: true,
            index_close: Ask::Known(Figure(1_277.81)),
            index_sma200: Ask::Known(Figure(1_258.5)),
            index_vol20: Ask::Known(Figure(19.9)),
            fomc: Fomc::Clear,
            cognitive_ok: Ask::NotApplicable("not_built".to_owned()),
            drift_scale: Ask::NotApplicable("not_built".to_owned()),
        },
        quality: QualityCase {
            score: Figure(73.997845),
            conviction: 66,
            reward_over_risk: Figure(2.0),
            floors: Floors::FROZEN,
        },
        size: Ask::Known(SizeCase {
            equity: d("100000.00"),
            cash: d("100000"),
            limit: quote.entry_limit(),
            distance: d("21.69"),
            score: Figure(73.997845),
            factors: vec![("earnings_unknown".to_owned(), d("0.5"))],
            mode: PolicyMode::Paper,
            used_today: d("0"),
            open: d("0"),
            adv_shares: Figure(2.5e6),
            split: d("1"),
        }),
        holdings: Ask::Known(Holdings { holds_symbol: false, open: 0, new_today: 0, new_week: 0 }),
        portfolio: PortfolioCase {
            sector_open: Ask::NotApplicable("one_sector".to_owned()),
            basket_open: Ask::Known(d("0")),
            value_at_risk: Ask::Known(Figure(0.0)),
            heat: Ask::NotApplicable("one_sector".to_owned()),
        },
        guard: GuardCase {
            reference: Ask::Known(d("646.50")),
            wide_band: false,
            orders_last_minute: 0,
            rejects_in_a_row: 0,
        },
    }
}

fn evidence() -> Evidence {
    let mut evidence = Evidence::none();
    evidence.indicators.insert("ibs".to_owned(), Figure(0.022526934));
    evidence.signal.insert("setup_score".to_owned(), Figure(15.747307));
    evidence.data_hashes.insert("equities_daily.csv.gz".to_owned(), "ab".to_owned());
    evidence.strategy_params.insert("ibs_entry".to_owned(), "0.08".to_owned());
    evidence.context.insert("task".to_owned(), "execute_trades".to_owned());
    evidence.market = Some(MarketSeen {
        bar: Date::constant(2012, 1, 6),
        open: d("659.15"),
        high: d("660"),
        low: d("649.79"),
        close: d("650.02"),
        volume: "2692900".to_owned(),
        prior_close: Some(d("659.01")),
        bid: None,
        ask: None,
    });
    evidence
}

fn packet(case: EntryCase) -> Packet {
    let inputs = Inputs::Entry(Box::new(case));
    let judgement = inputs.judge();
    Packet::seal("build-1", inputs, judgement, Vec::new(), evidence()).unwrap()
}

#[test]
fn a_packet_names_the_decision_and_its_reason() {
    let bought = packet(goog());
    assert_eq!((bought.decision, bought.decision_reason.as_str()), (Decision::Buy, "size"));
    assert_eq!(bought.decision_id.as_str(), "DEC_2012-01-09_GOOG_BUY");
    assert_eq!(bought.packet_hash.len(), 64);
    let mut late = goog();
    late.kill = KillAnswer::Killed { reason: "drill".to_owned() };
    let skipped = packet(late);
    assert_eq!((skipped.decision, skipped.decision_reason.as_str()), (Decision::Skip, "killed"));
    assert_ne!(skipped.packet_id, bought.packet_id, "other inputs, another packet");
    assert_eq!(packet(goog()), bought, "the same inputs, the same packet");
}

#[test]
fn exits_are_sold_or_held() {
    let (day, symbol) = (Date::constant(2012, 1, 12), Symbol::new("GOOG").unwrap());
    let position = PositionId::of(Date::constant(2012, 1, 9), &symbol);
    let case = ExitCase {
        at: now(),
        day,
        decision: DecisionId::exit(day, &symbol, &position, ExitReason::Indicator),
        symbol,
        position,
        reason: ExitReason::Indicator,
        strategy: Strategy::IbsRsi,
        replay: true,
        kill: KillAnswer::Clear,
        endpoint: Ask::Known(Endpoint::Embedded),
        mode: PolicyMode::Paper,
        zone: zone(),
        quote: Ask::Known(Quote::replay(d("631"), now())),
        free: Ask::Known(12),
        qty: 12,
    };
    for (free, decision, reason) in [(12, Decision::Sell, "indicator"), (11, Decision::Hold, "exceeds_position")] {
        let inputs = Inputs::Exit(Box::new(ExitCase { free: Ask::Known(free), ..case.clone() }));
        let judgement = inputs.judge();
        let packet = Packet::seal("b", inputs, judgement, Vec::new(), Evidence::none()).unwrap();
        assert_eq!((packet.decision, packet.decision_reason.as_str()), (decision, reason));
        packet.verify().unwrap();
    }
}

/// Changes every leaf of the packet's JSON, one at a time: each change is seen.
#[test]
fn the_hash_covers_every_field() {
    let packet = packet(goog());
    packet.verify().unwrap();
    let json = serde_json::to_value(&packet).unwrap();
    let mut leaves = Vec::new();
    collect(&json, String::new(), &mut leaves);
    assert!(leaves.len() > 150, "{} leaves", leaves.len());
    for path in leaves {
        let mut changed = json.clone();
        let leaf = changed.pointer_mut(&path).unwrap();
        *leaf = match leaf.clone() {
            serde_json::Value::String(text) if text.parse::<f64>().is_ok() => format!("{text}1").into(),
            serde_json::Value::String(text) => format!("{text}x").into(),
            serde_json::Value::Bool(yes) => (!yes).into(),
            serde_json::Value::Number(n) => (n.as_i64().unwrap() + 1).into(),
            serde_json::Value::Null => "1".into(),
            other => panic!("{path}: {other} is no leaf"),
        };
        // What no longer reads as a packet is seen too; what reads must not verify.
        if let Ok(changed) = serde_json::from_value::<Packet>(changed) {
            assert!(matches!(changed.verify(), Err(PacketFault::Changed { .. })), "{path}");
        }
    }
}

fn collect(value: &serde_json::Value, path: String, leaves: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, format!("{path}/{key}"), leaves));
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| collect(value, format!("{path}/{i}"), leaves));
        }
        _ => leaves.push(path),
    }
}

#[test]
fn a_build_that_decides_otherwise_says_so() {
    let inputs = Inputs::Entry(Box::new(goog()));
    let mut judgement = inputs.judge();
    judgement.refusal = Some("vix_above_25".to_owned());
    let packet = Packet::seal("build-0", inputs, judgement, Vec::new(), Evidence::none()).unwrap();
    let fault = packet.verify().unwrap_err();
    assert!(
        matches!(
            &fault,
            PacketFault::Otherwise { build, stored: Decision::Skip, now: Decision::Buy, .. } if build == "build-0"
        ),
        "{fault}"
    );
}

#[test]
fn a_packet_survives_its_json_and_holds_no_float() {
    let packet = packet(goog());
    let json = serde_json::to_value(&packet).unwrap();
    canonical_json(&json).unwrap();
    assert_eq!(serde_json::from_value::<Packet>(json).unwrap(), packet);
}
