use super::*;

mod laws;
mod stories;

use crate::case::{
    ClockCase, DataCase, Earnings, EntryCase, Floors, Fomc, GuardCase, Holdings, NameCase, PortfolioCase, QualityCase,
    ReadyCase, RegimeCase,
};
use crate::check::Figure;
use crate::id::Symbol;
use crate::policy::PolicyMode;
use crate::quote::Quote;
use crate::size::SizeCase;
use crate::zone::{Zone, ZoneAnswer};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use kobe_quant::Strategy;

pub(super) fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// 10:15 in New York on a Monday.
pub(super) fn now() -> Timestamp {
    "2026-11-23T15:15:00Z".parse().unwrap()
}

pub(super) const DAY: Date = date(2026, 11, 23);

pub(super) fn zone(zone: Zone, at: Timestamp) -> ZoneAnswer {
    ZoneAnswer {
        at,
        zone,
        entries: zone.allows_entries(crate::zone::ZoneRules::STANDARD),
        exits: zone.allows_exits(),
        reason: "by the table".to_owned(),
        minutes_left: 75,
        next_window: None,
    }
}

/// An entry to which every gate says yes: 99 shares at 100.1251, bound by `size`.
pub(super) fn good() -> EntryCase {
    let quote = Quote { source: "feed".to_owned(), ..Quote::replay(d("100"), now()) };
    EntryCase {
        at: now(),
        day: DAY,
        symbol: Symbol::new("IBM").unwrap(),
        side: Side::Buy,
        strategy: Strategy::IbsRsi,
        replay: false,
        kill: KillAnswer::Clear,
        endpoint: Ask::Known(Endpoint::Embedded),
        mode: PolicyMode::Paper,
        clock: ClockCase {
            zone: Ask::Known(zone(Zone::Primary, now())),
            skew_ms: Ask::Known(3),
            slot_ran: false,
            new_information: true,
        },
        ready: ReadyCase {
            preflight: Ask::Known(true),
            reconciled: Ask::Known(true),
            chain_whole: Ask::Known(true),
            blocks: Vec::new(),
        },
        data: DataCase {
            bar: date(2026, 11, 20),
            last_session: Ask::Known(date(2026, 11, 20)),
            signal_age: Ask::Known(1),
            quote: Ask::Known(quote.clone()),
        },
        name: NameCase {
            in_universe: Ask::Known(true),
            tradable: Ask::Known(true),
            prohibited: false,
            price: Ask::Known(d("100")),
            close: d("99.5"),
            adv60: Ask::Known(Figure(2e8)),
            earnings: Earnings::Clear,
        },
        regime: RegimeCase {
            vix: Ask::Known(Figure(17.0)),
            vix_estimated: false,
            index_close: Ask::Known(Figure(5_000.0)),
            index_sma200: Ask::Known(Figure(4_800.0)),
            index_vol20: Ask::Known(Figure(12.0)),
            fomc: Fomc::Clear,
            cognitive_ok: Ask::Known(true),
            drift_scale: Ask::Known(Figure(1.0)),
        },
        quality: QualityCase {
            score: Figure(85.0),
            conviction: 72,
            reward_over_risk: Figure(2.0),
            floors: Floors::FROZEN,
        },
        size: Ask::Known(SizeCase {
            equity: d("100000.00"),
            cash: d("100000"),
            limit: quote.entry_limit(),
            distance: d("2.50"),
            score: Figure(85.0),
            factors: vec![("earnings_unknown".to_owned(), d("0.5"))],
            mode: PolicyMode::Paper,
            used_today: d("0"),
            open: d("0"),
            adv_shares: Figure(2e6),
            split: d("1"),
        }),
        holdings: Ask::Known(Holdings { holds_symbol: false, open: 0, new_today: 0, new_week: 0 }),
        portfolio: PortfolioCase {
            sector_open: Ask::NotApplicable("one_sector".to_owned()),
            basket_open: Ask::Known(d("0")),
            value_at_risk: Ask::Known(Figure(0.008)),
            heat: Ask::Known(Figure(20.0)),
        },
        guard: GuardCase {
            reference: Ask::Known(d("100")),
            wide_band: false,
            orders_last_minute: 0,
            rejects_in_a_row: 0,
        },
    }
}

pub(super) fn unknown<T>() -> Ask<T> {
    Ask::Unknown("nobody answers".to_owned())
}

pub(super) fn sized(case: &mut EntryCase) -> &mut SizeCase {
    match &mut case.size {
        Ask::Known(size) => size,
        _ => panic!("the good case is sized"),
    }
}

pub(super) fn held(case: &mut EntryCase) -> &mut Holdings {
    match &mut case.holdings {
        Ask::Known(held) => held,
        _ => panic!("the good case knows what is held"),
    }
}

pub(super) fn quoted(case: &mut EntryCase) -> &mut Quote {
    match &mut case.data.quote {
        Ask::Known(quote) => quote,
        _ => panic!("the good case is quoted"),
    }
}

/// A way to break one predicate, the refusal that must follow, and where the predicate stands in the table.
pub(super) struct Harm {
    pub(super) gate: &'static str,
    pub(super) refusal: &'static str,
    pub(super) break_it: fn(&mut EntryCase),
}

macro_rules! harms {
    ($($gate:literal, $refusal:literal, $break_it:expr;)*) => {
        &[$(Harm { gate: $gate, refusal: $refusal, break_it: $break_it }),*]
    };
}

/// At least one way to break each gate, just past its limit, and one to make it unknown where that can be.
pub(super) const HARMS: &[Harm] = harms![
    "kill", "killed", |c| c.kill = KillAnswer::Killed { reason: "drill".into() };
    "kill", "rearm_cooldown", |c| c.kill = KillAnswer::Cooldown { until: now() };
    "endpoint", "endpoint_unknown", |c| c.endpoint = unknown();
    "endpoint", "endpoint_not_paper", |c| c.endpoint = Ask::Known(Endpoint::Paper("api.alpaca.markets".into()));
    "policy_mode", "policy_mode", |c| c.mode = PolicyMode::Canary;
    "policy_mode", "policy_mode", |c| c.endpoint = Ask::Known(Endpoint::Paper("paper-api.alpaca.markets".into()));
    "zone", "zone_unknown", |c| c.clock.zone = unknown();
    "zone", "zone_unknown", |c| c.clock.zone = Ask::Known(zone(Zone::Primary, now() - jiff::SignedDuration::from_secs(1)));
    "zone", "kill_zone:opening_range", |c| c.clock.zone = Ask::Known(zone(Zone::OpeningRange, now()));
    "zone", "kill_zone:lunch_chop", |c| c.clock.zone = Ask::Known(zone(Zone::LunchChop, now()));
    "zone", "kill_zone:no_session", |c| c.clock.zone = Ask::Known(zone(Zone::NoSession, now()));
    "clock_skew", "clock_skew", |c| c.clock.skew_ms = Ask::Known(-2_001);
    "clock_skew", "clock_skew_unknown", |c| c.clock.skew_ms = unknown();
    "slot", "slot_already_ran", |c| c.clock.slot_ran = true;
    "information", "no_new_information", |c| c.clock.new_information = false;
    "preflight", "preflight", |c| c.ready.preflight = Ask::Known(false);
    "preflight", "preflight_unknown", |c| c.ready.preflight = unknown();
    "reconciliation", "reconciliation_dirty", |c| c.ready.reconciled = Ask::Known(false);
    "reconciliation", "reconciliation_unknown", |c| c.ready.reconciled = unknown();
    "audit_chain", "chain_broken", |c| c.ready.chain_whole = Ask::Known(false);
    "audit_chain", "audit_chain_unknown", |c| c.ready.chain_whole = unknown();
    "blocks", "blocked", |c| c.ready.blocks = vec!["reconcile_cash".into()];
    "bar_date", "bar_stale", |c| c.data.bar = date(2026, 11, 19);
    "bar_date", "bar_stale", |c| c.data.bar = date(2026, 11, 23);
    "bar_date", "bar_date_unknown", |c| c.data.last_session = unknown();
    "signal_age", "signal_stale", |c| c.data.signal_age = Ask::Known(2);
    "signal_age", "signal_age_unknown", |c| c.data.signal_age = unknown();
    "quote_source", "quote_source_unknown", |c| c.data.quote = unknown();
    "quote_source", "replay_quote", |c| quoted(c).source = crate::quote::REPLAY_SOURCE.into();
    "quote_age", "quote_stale", |c| quoted(c).at = now() - jiff::SignedDuration::from_millis(5_001);
    "quote_age", "quote_stale", |c| quoted(c).at = now() + jiff::SignedDuration::from_millis(1);
    "quote_sane", "quote_crossed", |c| quoted(c).bid = d("100.0250");
    "quote_sane", "quote_crossed", |c| quoted(c).bid = d("100.03");
    "quote_sane", "quote_crossed", |c| quoted(c).bid = d("-1");
    "spread", "spread_too_wide", |c| quoted(c).bid = d("99.5");
    "universe", "not_in_universe", |c| c.name.in_universe = Ask::Known(false);
    "universe", "universe_unknown", |c| c.name.in_universe = unknown();
    "tradable", "not_tradable", |c| c.name.tradable = Ask::Known(false);
    "tradable", "tradable_unknown", |c| c.name.tradable = unknown();
    "price", "price_out_of_bounds", |c| c.name.price = Ask::Known(d("2.9999"));
    "price", "price_out_of_bounds", |c| c.name.price = Ask::Known(d("1000.01"));
    "price", "price_unknown", |c| c.name.price = unknown();
    "strategy_price", "price_below_15", |c| c.name.close = d("14.99");
    "prohibited", "prohibited", |c| c.name.prohibited = true;
    "earnings", "earnings_blackout", |c| c.name.earnings = Earnings::Blackout;
    "adv60", "adv_below_5m", |c| c.name.adv60 = Ask::Known(Figure(4_999_999.99));
    "adv60", "adv_below_5m", |c| c.name.adv60 = Ask::Known(Figure(f64::NAN));
    "adv60", "adv60_unknown", |c| c.name.adv60 = unknown();
    "side", "shorts_disabled", |c| c.side = Side::Sell;
    "vix", "vix_above_25", |c| c.regime.vix = Ask::Known(Figure(25.000001));
    "vix", "vix_above_25", |c| c.regime.vix = Ask::Known(Figure(31.0));
    "vix", "vix_above_25", |c| c.regime.vix = Ask::Known(Figure(f64::NAN));
    "vix", "vix_unknown", |c| c.regime.vix = unknown();
    "index_trend", "index_below_sma200", |c| c.regime.index_close = Ask::Known(Figure(4_800.0));
    "index_trend", "index_trend_unknown", |c| c.regime.index_sma200 = unknown();
    "index_trend", "index_trend_unknown", |c| c.regime.index_close = unknown();
    "index_vol20", "index_vol20", |c| c.regime.index_vol20 = Ask::Known(Figure(25.0));
    "index_vol20", "index_vol20_unknown", |c| c.regime.index_vol20 = unknown();
    "fomc", "fomc_day", |c| c.regime.fomc = Fomc::Today;
    "fomc", "fomc_unknown", |c| c.regime.fomc = Fomc::Unknown;
    "cognitive", "cognitive_breaker", |c| c.regime.cognitive_ok = Ask::Known(false);
    "cognitive", "cognitive_unknown", |c| c.regime.cognitive_ok = unknown();
    "drift", "drift_critical", |c| c.regime.drift_scale = Ask::Known(Figure(0.0));
    "drift", "drift_unknown", |c| c.regime.drift_scale = unknown();
    "score", "score", |c| c.quality.score = Figure(69.999999);
    "score", "score", |c| c.quality.score = Figure(f64::NAN);
    "confidence", "confidence", |c| c.quality.conviction = 59;
    "confidence", "confidence", |c| c.quality.floors = Floors { score: Figure(70.0), conviction: 73, ..Floors::FROZEN };
    "reward_over_risk", "rr", |c| c.quality.reward_over_risk = Figure(1.49);
    "size", "size_unknown", |c| c.size = unknown();
    "size", "size_unknown", |c| sized(c).equity = d("0");
    "size", "no_shares:size", |c| sized(c).factors = vec![("drift".into(), d("0"))];
    "size", "no_shares:day_20pct", |c| sized(c).used_today = d("19950");
    "size", "no_shares:open_40pct", |c| sized(c).open = d("39950");
    "size", "no_shares:adv_1pct", |c| sized(c).adv_shares = Figure(99.0);
    "size", "no_shares:cash", |c| sized(c).cash = d("100.12");
    "one_per_symbol", "already_have_position", |c| held(c).holds_symbol = true;
    "one_per_symbol", "one_per_symbol_unknown", |c| c.holdings = unknown();
    "positions", "max_positions", |c| held(c).open = 5;
    "new_today", "max_new_per_day", |c| held(c).new_today = 2;
    "new_this_week", "max_new_per_week", |c| held(c).new_week = 10;
    "sector_of_book", "sector_above_40pct", |c| (c.portfolio.sector_open, sized(c).open) = (Ask::Known(d("1000")), d("15000"));
    "sector_of_book", "sector_of_book_unknown", |c| c.portfolio.sector_open = unknown();
    "basket", "basket_above_40pct", |c| c.portfolio.basket_open = Ask::Known(d("30100"));
    "basket", "basket_unknown", |c| c.portfolio.basket_open = unknown();
    "value_at_risk", "var_above_5pct", |c| c.portfolio.value_at_risk = Ask::Known(Figure(0.0501));
    "value_at_risk", "value_at_risk_unknown", |c| c.portfolio.value_at_risk = unknown();
    "heat", "heat_above_80", |c| c.portfolio.heat = Ask::Known(Figure(80.1));
    "heat", "heat_unknown", |c| c.portfolio.heat = unknown();
    "price_band", "outside_luld", |c| c.guard.reference = Ask::Known(d("95.35"));
    "price_band", "price_band_unknown", |c| c.guard.reference = unknown();
    "limit_band", "limit_off_quote", |c| (sized(c).limit, c.guard.wide_band) = (d("102.03"), true);
    "order_rate", "order_rate", |c| c.guard.orders_last_minute = 120;
    "broker_rejects", "broker_rejects", |c| c.guard.rejects_in_a_row = 3;
];
