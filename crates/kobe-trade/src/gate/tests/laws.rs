//! Random cases: what is admitted holds under every predicate, stated here a second time and by other words.

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::size::size;

/// Every predicate of the written rules, as one sentence each, without the gates' code.
fn all_hold(case: &EntryCase) -> bool {
    let known = |x: &Ask<Figure>| x.known().map(|x| x.0);
    let yes_or_na = |x: &Ask<bool>| matches!(x, Ask::Known(true) | Ask::NotApplicable(_));
    let figure_or_na = |x: &Ask<Figure>, ok: fn(f64) -> bool| match x {
        Ask::Known(x) => ok(x.0),
        Ask::Unknown(_) => false,
        Ask::NotApplicable(_) => true,
    };
    let (Some(quote), Some(sizing_case), Some(holdings), Some(zone)) =
        (case.data.quote.known(), case.size.known(), case.holdings.known(), case.clock.zone.known())
    else {
        return false;
    };
    let Ok(sizing) = size(sizing_case) else { return false };
    let (equity, notional, open) = (sizing_case.equity, sizing.notional, sizing_case.open);
    let limits = case.mode.limits();
    let dollars_or_na = |x: &Ask<Decimal>, ok: &dyn Fn(Decimal) -> bool| match x {
        Ask::Known(x) => ok(*x),
        Ask::Unknown(_) => false,
        Ask::NotApplicable(_) => true,
    };
    let age = case.at.as_nanosecond() - quote.at.as_nanosecond();
    let mid = (quote.bid + quote.ask) / d("2");
    let band = if case.guard.wide_band { d("0.10") } else { d("0.05") };
    let fomc = match case.regime.fomc {
        Fomc::Clear | Fomc::Eve => true,
        Fomc::Today => false,
        Fomc::Unknown => case.replay,
    };
    let first = case.kill == KillAnswer::Clear
        && case.endpoint == Ask::Known(Endpoint::Embedded)
        && case.mode == PolicyMode::Paper
        && sizing_case.mode == PolicyMode::Paper
        && zone.at == case.at
        && zone.entries
        && matches!(case.clock.skew_ms, Ask::Known(-2_000..=2_000))
        && !case.clock.slot_ran
        && case.clock.new_information
        && yes_or_na(&case.ready.preflight)
        && yes_or_na(&case.ready.reconciled)
        && yes_or_na(&case.ready.chain_whole)
        && case.ready.blocks.is_empty()
        && case.data.last_session.known() == Some(&case.data.bar)
        && matches!(case.data.signal_age, Ask::Known(0 | 1))
        && (case.replay || quote.source != "replay:open")
        && (0..=5_000_000_000).contains(&age)
        && quote.bid > d("0")
        && quote.ask > quote.bid
        && quote.ask - quote.bid <= mid * d("0.005");
    let name = yes_or_na(&case.name.in_universe)
        && yes_or_na(&case.name.tradable)
        && case.name.price.known().is_some_and(|price| *price >= d("3") && *price <= d("1000"))
        && case.name.close >= d("15")
        && !case.name.prohibited
        && case.name.earnings != Earnings::Blackout
        && known(&case.name.adv60).is_some_and(|adv| adv >= 5_000_000.0)
        && case.side == Side::Buy;
    let regime = known(&case.regime.vix).is_some_and(|vix| vix <= 25.0)
        && known(&case.regime.index_close)
            .zip(known(&case.regime.index_sma200))
            .is_some_and(|(close, sma)| close > sma)
        && known(&case.regime.index_vol20).is_some_and(|vol| vol < 25.0)
        && fomc
        && yes_or_na(&case.regime.cognitive_ok)
        && figure_or_na(&case.regime.drift_scale, |scale| scale > 0.0)
        && case.quality.score.0 >= case.quality.floors.score.0
        && case.quality.conviction >= case.quality.floors.conviction
        && case.quality.reward_over_risk.0 >= case.quality.floors.reward_over_risk.0;
    let size = sizing.qty >= 1
        && sizing.risk <= equity * limits.risk
        && notional <= equity * d("0.20")
        && notional <= equity * d("0.10")
        && notional <= limits.per_order
        && sizing_case.used_today + notional <= limits.per_day
        && !holdings.holds_symbol
        && holdings.open < 5
        && holdings.new_today < 2
        && holdings.new_week < 10
        && dollars_or_na(&case.portfolio.sector_open, &|sector| {
            sector + notional <= (open + notional) * d("0.40") && sector + notional <= equity * d("0.30")
        })
        && sizing_case.used_today + notional <= equity * d("0.20")
        && open + notional <= equity * d("0.40")
        && dollars_or_na(&case.portfolio.basket_open, &|basket| basket + notional <= equity * d("0.40"))
        && known(&case.portfolio.value_at_risk).is_some_and(|share| share <= 0.05)
        && figure_or_na(&case.portfolio.heat, |heat| heat <= 80.0);
    let guard = case
        .guard
        .reference
        .known()
        .is_some_and(|reference| *reference > d("0") && (sizing_case.limit - reference).abs() <= reference * band)
        && notional >= d("1")
        && notional <= d("100000")
        && Decimal::from(sizing.qty) * d("100")
            <= Decimal::from(sizing_case.adv_shares.0 as u64 + 1) * sizing_case.split
        && (sizing_case.limit - quote.ask).abs() <= quote.ask * d("0.02")
        && case.guard.orders_last_minute < 120
        && case.guard.rejects_in_a_row < 3;
    first && name && regime && size && guard
}

/// Changes that are not harms: the good case may look like this too, alone or together.
const TURNS: &[fn(&mut EntryCase)] = &[
    |c| c.name.earnings = Earnings::Unknown,
    |c| c.regime.fomc = Fomc::Eve,
    |c| c.regime.vix_estimated = true,
    |c| c.replay = true,
    |c| c.ready.preflight = Ask::NotApplicable("not_built".into()),
    |c| c.regime.cognitive_ok = Ask::NotApplicable("not_built".into()),
    |c| c.regime.drift_scale = Ask::NotApplicable("not_built".into()),
    |c| c.portfolio.heat = Ask::NotApplicable("one_sector".into()),
    |c| c.clock.zone = Ask::Known(zone(Zone::PowerHour, now())),
    |c| {
        if let Ask::Known(size) = &mut c.size {
            size.open = d("20000");
        }
    },
    |c| {
        if let Ask::Known(size) = &mut c.size {
            size.used_today = d("9000");
        }
    },
    |c| {
        if let Ask::Known(size) = &mut c.size {
            size.score = Figure(72.0);
        }
    },
    |c| {
        if let Ask::Known(size) = &mut c.size {
            size.distance = d("25.00");
        }
    },
    |c| {
        if let Ask::Known(held) = &mut c.holdings {
            (held.open, held.new_today, held.new_week) = (4, 1, 9);
        }
    },
    |c| c.portfolio.basket_open = Ask::Known(d("15000")),
    |c| c.guard.wide_band = true,
    |c| c.guard.orders_last_minute = 119,
    |c| c.guard.rejects_in_a_row = 2,
];

/// Applies a harm if the case still has what it breaks.
fn harm(case: &mut EntryCase, at: usize) {
    let whole = case.size.known().is_some() && case.holdings.known().is_some() && case.data.quote.known().is_some();
    if whole {
        (HARMS[at].break_it)(case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn admitted_means_that_every_predicate_holds(
        turns in prop::collection::vec(0..TURNS.len(), 0..5),
        harms in prop::collection::vec(0..HARMS.len(), 0..3),
    ) {
        let mut case = good();
        for at in &turns {
            TURNS[*at](&mut case);
        }
        for at in &harms {
            harm(&mut case, *at);
        }
        let judgement = judge_entry(&case);
        prop_assert_eq!(judgement.admits(), all_hold(&case), "{:?}", judgement.refusal);
        let every = judgement.checks.iter().all(crate::check::Check::holds);
        prop_assert_eq!(judgement.admits(), every, "admitted only if no check refuses");
        prop_assert_eq!(judge_entry(&case), judgement, "the same case, the same answer");
    }

    /// Several predicates broken at once: the earliest in the table is named, and no repair but that of all of them admits.
    #[test]
    fn a_refusal_flips_only_when_its_own_predicate_is_repaired(
        harms in prop::collection::btree_set(0..HARMS.len(), 1..5),
        keep in 0_usize..5,
    ) {
        let broken = |skip: Option<usize>| {
            let mut case = good();
            for at in harms.iter().filter(|at| Some(**at) != skip) {
                harm(&mut case, *at);
            }
            case
        };
        let at = |name: &str| entry_gates().iter().position(|gate| gate.name == name).unwrap();
        let judgement = judge_entry(&broken(None));
        let refusing: Vec<usize> = judgement.checks.iter().filter(|c| !c.holds()).map(|c| at(&c.name)).collect();
        prop_assert!(!refusing.is_empty(), "what is broken is refused");
        let first = &judgement.checks[refusing[0]];
        prop_assert_eq!(&judgement.refusal, &first.reason, "the first refusal is the reason");

        // Repair one of several: the others still refuse.
        let one = *harms.iter().nth(keep % harms.len()).unwrap();
        let repaired = judge_entry(&broken(Some(one)));
        prop_assert_eq!(repaired.admits(), harms.len() == 1, "{} alone was repaired", HARMS[one].refusal);
    }
}
