//! The table of the entry gates: one row a question.

use super::entry::EntryGate;
use super::{Ruling, kill_ruling, paper_ruling};
use crate::case::{Earnings, Fomc};
use crate::check::{Ask, Figure};
use crate::id::Side;
use crate::money::{self, Decimal};

/// Share of equity, in hundredths.
fn percent(n: i64) -> Decimal {
    Decimal::new(n, 2)
}

fn yes(ask: &Ask<bool>) -> Ruling {
    Ruling::on(ask, |ok| Ruling::holds(*ok, String::new()))
}

/// Compares an indicator with a limit; what is no number never passes.
fn figure(ask: &Ask<Figure>, limit: &str, ok: impl FnOnce(f64) -> bool) -> Ruling {
    Ruling::must(ask, |x| Ruling::holds(!x.0.is_nan() && ok(x.0), format!("{x}, {limit}")))
}

/// The entry gates, in the order in which the first refusal is named.
pub(super) const GATES: &[EntryGate] = &[
    EntryGate { rule: "D1", name: "kill", refusal: "killed", ask: |v| kill_ruling(&v.case.kill) },
    EntryGate { rule: "D1", name: "endpoint", refusal: "endpoint_not_paper", ask: |v| paper_ruling(&v.case.endpoint) },
    EntryGate {
        rule: "D1",
        name: "policy_mode",
        refusal: "policy_mode",
        ask: |v| {
            Ruling::must(&v.case.endpoint, |endpoint| {
                let sized_by = v.case.size.known().map(|size| size.mode);
                let ok = endpoint.mode() == v.case.mode && sized_by.is_none_or(|mode| mode == v.case.mode);
                Ruling::holds(ok, format!("{}", v.case.mode))
            })
        },
    },
    EntryGate {
        rule: "D2",
        name: "zone",
        refusal: "kill_zone",
        ask: |v| {
            Ruling::must(&v.case.clock.zone, |zone| {
                if zone.at != v.case.at {
                    return Ruling::Unknown(format!("asked at {}, judged at {}", zone.at, v.case.at));
                }
                let numbers = format!("{}: {}", zone.zone, zone.reason);
                if zone.entries {
                    Ruling::Pass(numbers)
                } else {
                    Ruling::RefuseAs(format!("kill_zone:{}", zone.zone), numbers)
                }
            })
        },
    },
    EntryGate {
        rule: "D2",
        name: "clock_skew",
        refusal: "clock_skew",
        ask: |v| {
            Ruling::must(&v.case.clock.skew_ms, |ms| {
                Ruling::holds(ms.unsigned_abs() <= 2_000, format!("{ms} ms, at most 2000"))
            })
        },
    },
    EntryGate {
        rule: "D2",
        name: "slot",
        refusal: "slot_already_ran",
        ask: |v| Ruling::holds(!v.case.clock.slot_ran, String::new()),
    },
    EntryGate {
        rule: "D2",
        name: "information",
        refusal: "no_new_information",
        ask: |v| Ruling::holds(v.case.clock.new_information, String::new()),
    },
    EntryGate { rule: "D3", name: "preflight", refusal: "preflight", ask: |v| yes(&v.case.ready.preflight) },
    EntryGate {
        rule: "D3",
        name: "reconciliation",
        refusal: "reconciliation_dirty",
        ask: |v| yes(&v.case.ready.reconciled),
    },
    EntryGate { rule: "D3", name: "audit_chain", refusal: "chain_broken", ask: |v| yes(&v.case.ready.chain_whole) },
    EntryGate {
        rule: "D3",
        name: "blocks",
        refusal: "blocked",
        ask: |v| Ruling::holds(v.case.ready.blocks.is_empty(), v.case.ready.blocks.join(", ")),
    },
    EntryGate {
        rule: "D4",
        name: "bar_date",
        refusal: "bar_stale",
        ask: |v| {
            Ruling::must(&v.case.data.last_session, |last| {
                Ruling::holds(v.case.data.bar == *last, format!("bar of {}, last session {last}", v.case.data.bar))
            })
        },
    },
    EntryGate {
        rule: "D4",
        name: "signal_age",
        refusal: "signal_stale",
        ask: |v| {
            Ruling::must(&v.case.data.signal_age, |age| Ruling::holds(*age <= 1, format!("{age} sessions, at most 1")))
        },
    },
    EntryGate {
        rule: "D4",
        name: "quote_source",
        refusal: "replay_quote",
        ask: |v| v.quote(|quote| Ruling::holds(v.case.replay || !quote.is_replay(), quote.source.clone())),
    },
    EntryGate {
        rule: "D4",
        name: "quote_age",
        refusal: "quote_stale",
        ask: |v| {
            v.quote(|quote| {
                let age = v.case.at.duration_since(quote.at).as_millis();
                Ruling::holds((0..=5_000).contains(&age), format!("{age} ms, at most 5000"))
            })
        },
    },
    EntryGate {
        rule: "D4",
        name: "quote_sane",
        refusal: "quote_crossed",
        ask: |v| v.quote(|quote| Ruling::holds(quote.is_sane(), format!("{} bid, {} ask", quote.bid, quote.ask))),
    },
    EntryGate {
        rule: "D4",
        name: "spread",
        refusal: "spread_too_wide",
        ask: |v| {
            v.quote(|quote| match quote.spread() {
                Some(spread) => {
                    Ruling::holds(spread <= Decimal::new(5, 3), format!("{}, at most 0.005", spread.round_dp(6)))
                }
                None => Ruling::Unknown("the quote has no middle".to_owned()),
            })
        },
    },
    EntryGate { rule: "D5", name: "universe", refusal: "not_in_universe", ask: |v| yes(&v.case.name.in_universe) },
    EntryGate { rule: "D5", name: "tradable", refusal: "not_tradable", ask: |v| yes(&v.case.name.tradable) },
    EntryGate {
        rule: "D5",
        name: "price",
        refusal: "price_out_of_bounds",
        ask: |v| {
            Ruling::must(&v.case.name.price, |price| {
                let ok = (Decimal::from(3)..=Decimal::from(1_000)).contains(price);
                Ruling::holds(ok, format!("{price}, 3 to 1000"))
            })
        },
    },
    EntryGate {
        rule: "D5",
        name: "strategy_price",
        refusal: "price_below_15",
        ask: |v| Ruling::holds(v.case.name.close >= Decimal::from(15), format!("{}, at least 15", v.case.name.close)),
    },
    EntryGate {
        rule: "D5",
        name: "prohibited",
        refusal: "prohibited",
        ask: |v| Ruling::holds(!v.case.name.prohibited, String::new()),
    },
    EntryGate {
        rule: "D5",
        name: "earnings",
        refusal: "earnings_blackout",
        ask: |v| match v.case.name.earnings {
            Earnings::Clear => Ruling::Pass(String::new()),
            Earnings::Blackout => Ruling::Refuse(String::new()),
            Earnings::Unknown => Ruling::Note("date_unknown".to_owned(), "half size".to_owned()),
        },
    },
    EntryGate {
        rule: "D5",
        name: "adv60",
        refusal: "adv_below_5m",
        ask: |v| figure(&v.case.name.adv60, "at least 5000000", |adv| adv >= 5e6),
    },
    EntryGate {
        rule: "D6",
        name: "side",
        refusal: "shorts_disabled",
        ask: |v| Ruling::holds(v.case.side == Side::Buy, v.case.side.to_string()),
    },
    EntryGate {
        rule: "D7",
        name: "vix",
        refusal: "vix_above_25",
        ask: |v| match figure(&v.case.regime.vix, "at most 25", |vix| vix <= 25.0) {
            Ruling::Pass(numbers) if v.case.regime.vix_estimated => Ruling::Note("estimated".to_owned(), numbers),
            ruling => ruling,
        },
    },
    EntryGate {
        rule: "D7",
        name: "index_trend",
        refusal: "index_below_sma200",
        ask: |v| {
            Ruling::must(&v.case.regime.index_sma200, |sma| {
                figure(&v.case.regime.index_close, &format!("above {sma}"), |close| close > sma.0)
            })
        },
    },
    EntryGate {
        rule: "D7",
        name: "index_vol20",
        refusal: "index_vol20",
        ask: |v| figure(&v.case.regime.index_vol20, "below 25", |vol| vol < 25.0),
    },
    EntryGate {
        rule: "D7",
        name: "fomc",
        refusal: "fomc_day",
        ask: |v| match v.case.regime.fomc {
            Fomc::Clear => Ruling::Pass(String::new()),
            Fomc::Eve => Ruling::Note("fomc_eve".to_owned(), "half size".to_owned()),
            Fomc::Today => Ruling::Refuse(String::new()),
            Fomc::Unknown if v.case.replay => Ruling::Note("date_unknown".to_owned(), "replay".to_owned()),
            Fomc::Unknown => Ruling::Unknown("the day lies outside the table of decisions".to_owned()),
        },
    },
    EntryGate {
        rule: "D7",
        name: "cognitive",
        refusal: "cognitive_breaker",
        ask: |v| yes(&v.case.regime.cognitive_ok),
    },
    EntryGate {
        rule: "D7",
        name: "drift",
        refusal: "drift_critical",
        ask: |v| match &v.case.regime.drift_scale {
            Ask::NotApplicable(why) => Ruling::NotApplicable(why.clone()),
            scale => figure(scale, "above 0", |scale| scale > 0.0),
        },
    },
    EntryGate {
        rule: "D8",
        name: "score",
        refusal: "score",
        ask: |v| {
            let q = &v.case.quality;
            Ruling::holds(q.score >= q.floors.score, format!("{}, at least {}", q.score, q.floors.score))
        },
    },
    EntryGate {
        rule: "D8",
        name: "confidence",
        refusal: "confidence",
        ask: |v| {
            let q = &v.case.quality;
            let ok = q.conviction >= q.floors.conviction;
            Ruling::holds(ok, format!("0.{:02}, at least 0.{:02}", q.conviction, q.floors.conviction))
        },
    },
    EntryGate {
        rule: "D8",
        name: "reward_over_risk",
        refusal: "rr",
        ask: |v| {
            let (rr, floor) = (v.case.quality.reward_over_risk, v.case.quality.floors.reward_over_risk);
            Ruling::holds(rr >= floor, format!("{rr}, at least {floor}"))
        },
    },
    EntryGate {
        rule: "D9",
        name: "size",
        refusal: "no_shares",
        ask: |v| {
            v.order(|_, sizing| {
                let numbers = format!("{} shares by {}", sizing.qty, sizing.binding);
                if sizing.qty >= 1 {
                    Ruling::Pass(numbers)
                } else {
                    Ruling::RefuseAs(format!("no_shares:{}", sizing.binding), numbers)
                }
            })
        },
    },
    EntryGate {
        rule: "D9",
        name: "risk",
        refusal: "risk_above_mode",
        ask: |v| {
            v.order(|case, sizing| {
                let most = case.equity * case.mode.limits().risk;
                Ruling::holds(sizing.risk <= most, format!("{}, at most {most}", sizing.risk))
            })
        },
    },
    EntryGate {
        rule: "D9",
        name: "sizer_cap",
        refusal: "notional_above_20pct",
        ask: |v| v.share(Decimal::ZERO, percent(20)),
    },
    EntryGate {
        rule: "D9",
        name: "position_cap",
        refusal: "position_above_10pct",
        ask: |v| v.share(Decimal::ZERO, percent(10)),
    },
    EntryGate {
        rule: "D10",
        name: "order_budget",
        refusal: "exceeds_per_order_budget",
        ask: |v| {
            v.order(|case, sizing| {
                let most = case.mode.limits().per_order;
                Ruling::holds(sizing.notional <= most, format!("{}, at most {most}", sizing.notional))
            })
        },
    },
    EntryGate {
        rule: "D10",
        name: "day_budget",
        refusal: "exceeds_daily_budget",
        ask: |v| {
            v.order(|case, sizing| {
                let (after, most) = (case.used_today + sizing.notional, case.mode.limits().per_day);
                Ruling::holds(after <= most, format!("{after}, at most {most}"))
            })
        },
    },
    EntryGate {
        rule: "D11",
        name: "one_per_symbol",
        refusal: "already_have_position",
        ask: |v| v.holdings(|held| Ruling::holds(!held.holds_symbol, String::new())),
    },
    EntryGate {
        rule: "D11",
        name: "positions",
        refusal: "max_positions",
        ask: |v| {
            let most = v.case.mode.limits().positions.min(5);
            v.holdings(|held| Ruling::holds(held.open < most, format!("{} open, below {most}", held.open)))
        },
    },
    EntryGate {
        rule: "D11",
        name: "new_today",
        refusal: "max_new_per_day",
        ask: |v| v.holdings(|held| Ruling::holds(held.new_today < 2, format!("{} today, below 2", held.new_today))),
    },
    EntryGate {
        rule: "D11",
        name: "new_this_week",
        refusal: "max_new_per_week",
        ask: |v| {
            v.holdings(|held| {
                let numbers = format!("{} this week, below 10", held.new_week);
                match held.new_week {
                    0..8 => Ruling::Pass(numbers),
                    8..10 => Ruling::Note("near_week_limit".to_owned(), numbers),
                    _ => Ruling::Refuse(numbers),
                }
            })
        },
    },
    EntryGate {
        rule: "D11",
        name: "sector_of_book",
        refusal: "sector_above_40pct",
        ask: |v| {
            Ruling::on(&v.case.portfolio.sector_open, |sector| {
                v.order(|case, sizing| {
                    let (sector, book) = (sector + sizing.notional, case.open + sizing.notional);
                    Ruling::holds(sector <= book * percent(40), format!("{sector} of {book} x 0.40"))
                })
            })
        },
    },
    EntryGate {
        rule: "D12",
        name: "day_exposure",
        refusal: "day_above_20pct",
        ask: |v| v.order(|case, _| v.share(case.used_today, percent(20))),
    },
    EntryGate {
        rule: "D12",
        name: "open_exposure",
        refusal: "open_above_40pct",
        ask: |v| v.order(|case, _| v.share(case.open, percent(40))),
    },
    EntryGate {
        rule: "D13",
        name: "gross",
        refusal: "gross_above_100pct",
        ask: |v| v.order(|case, _| v.share(case.open, percent(100))),
    },
    EntryGate {
        rule: "D13",
        name: "net",
        refusal: "net_above_80pct",
        ask: |v| v.order(|case, _| v.share(case.open, percent(80))),
    },
    EntryGate {
        rule: "D13",
        name: "sector_of_equity",
        refusal: "sector_above_30pct",
        ask: |v| Ruling::on(&v.case.portfolio.sector_open, |sector| v.share(*sector, percent(30))),
    },
    EntryGate {
        rule: "D13",
        name: "basket",
        refusal: "basket_above_40pct",
        ask: |v| Ruling::on(&v.case.portfolio.basket_open, |basket| v.share(*basket, percent(40))),
    },
    EntryGate {
        rule: "D13",
        name: "names",
        refusal: "names_above_20",
        ask: |v| v.holdings(|held| Ruling::holds(held.open < 20, format!("{} open, below 20", held.open))),
    },
    EntryGate {
        rule: "D13",
        name: "value_at_risk",
        refusal: "var_above_5pct",
        ask: |v| figure(&v.case.portfolio.value_at_risk, "at most 0.05", |share| share <= 0.05),
    },
    EntryGate {
        rule: "D13",
        name: "heat",
        refusal: "heat_above_80",
        ask: |v| match &v.case.portfolio.heat {
            Ask::NotApplicable(why) => Ruling::NotApplicable(why.clone()),
            heat => figure(heat, "at most 80", |heat| heat <= 80.0),
        },
    },
    EntryGate {
        rule: "D14",
        name: "price_band",
        refusal: "outside_luld",
        ask: |v| {
            Ruling::must(&v.case.guard.reference, |reference| {
                v.order(|case, _| {
                    let band = percent(if v.case.guard.wide_band { 10 } else { 5 });
                    let off = (case.limit - reference).abs();
                    let ok = *reference > Decimal::ZERO && off <= reference * band;
                    Ruling::holds(ok, format!("{} against {reference}, at most {band} off", case.limit))
                })
            })
        },
    },
    EntryGate {
        rule: "D14",
        name: "notional",
        refusal: "notional_out_of_bounds",
        ask: |v| {
            v.order(|_, sizing| {
                let ok = (Decimal::ONE..=Decimal::from(100_000)).contains(&sizing.notional);
                Ruling::holds(ok, format!("{}, 1 to 100000", sizing.notional))
            })
        },
    },
    EntryGate {
        rule: "D14",
        name: "participation",
        refusal: "above_1pct_adv",
        ask: |v| {
            v.order(|case, sizing| match money::from_f64(case.adv_shares.0) {
                Some(adv) => {
                    let most = adv * percent(1) * case.split;
                    let numbers = format!("{} shares, at most {}", sizing.qty, money::cents(most));
                    Ruling::holds(money::count(sizing.qty) <= most, numbers)
                }
                None => Ruling::Unknown("no average volume".to_owned()),
            })
        },
    },
    EntryGate {
        rule: "D14",
        name: "limit_band",
        refusal: "limit_off_quote",
        ask: |v| {
            v.quote(|quote| {
                v.order(|case, _| {
                    let off = (case.limit - quote.ask).abs();
                    let numbers = format!("{} against {}, at most 0.02 off", case.limit, quote.ask);
                    Ruling::holds(off <= quote.ask * percent(2), numbers)
                })
            })
        },
    },
    EntryGate {
        rule: "D15",
        name: "order_rate",
        refusal: "order_rate",
        ask: |v| {
            let sent = v.case.guard.orders_last_minute;
            Ruling::holds(sent < 120, format!("{sent} in the last minute, below 120"))
        },
    },
    EntryGate {
        rule: "D15",
        name: "broker_rejects",
        refusal: "broker_rejects",
        ask: |v| {
            let rejects = v.case.guard.rejects_in_a_row;
            Ruling::holds(rejects < 3, format!("{rejects} in a row, below 3"))
        },
    },
];
