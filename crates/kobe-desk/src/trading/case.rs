//! Cases: the answers to everything that the gates ask about one candidate or one exit.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::FomcDay;
use kobe_quant::{Series, stats};
use kobe_trade::book::{Book, Position};
use kobe_trade::case::{
    ClockCase, DataCase, Earnings, EntryCase, ExitCase, Floors, Fomc, GuardCase, Holdings, NameCase, PortfolioCase,
    QualityCase, ReadyCase, RegimeCase,
};
use kobe_trade::check::{Ask, Figure};
use kobe_trade::id::{DecisionId, Side, Symbol};
use kobe_trade::kill::{self, KillState};
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::{ExitReason, Intent};
use kobe_trade::packet::{Evidence, MarketSeen};
use kobe_trade::policy::PolicyMode;
use kobe_trade::quote::Quote;
use kobe_trade::size::{SizeCase, planned_distance, size};
use kobe_trade::zone::{self, ZoneRules};

use super::candidate::Candidate;
use super::choke::Window;
use super::universe;
use crate::call::Call;
use crate::data::DataSet;
use crate::services::Services;

/// Days of correlation in the basket rule, and of returns in the value at risk.
const BASKET_DAYS: usize = 20;
const RISK_DAYS: usize = 60;
/// From here two names move together.
const BASKET_RHO: f64 = 0.70;
const NOT_BUILT: &str = "not_built";

fn half() -> Decimal {
    Decimal::new(5, 1)
}

/// Gathers the case of an entry.
pub(super) fn entry(
    call: &Call<'_>,
    data: &DataSet,
    c: &Candidate<'_>,
    book: &Book,
    switch: &KillState,
    window: Window,
    at: Timestamp,
) -> Result<EntryCase, String> {
    let desk = call.desk;
    let day = desk.market().date_of(at);
    let symbol = Symbol::new(c.symbol()).map_err(|e| e.to_string())?;
    let endpoint = desk.broker().endpoint();
    let mode = endpoint.mode();
    let quote = Ask::of(desk.broker().quote(&symbol, at));
    let fomc = fomc_of(desk, day);
    let size = size_case(desk, c, book, &quote, mode, fomc, day);
    let portfolio = portfolio(desk, data, c, book, &size, at);
    let price = match (&quote, desk.is_replay(), c.series.bar_on(day)) {
        (Ask::Known(_), true, Some(bar)) => Ask::Known(money::px(bar.open)),
        (Ask::Known(quote), _, _) => Ask::Known(quote.mid()),
        (Ask::Unknown(why) | Ask::NotApplicable(why), _, _) => Ask::Unknown(why.clone()),
    };
    let close = c.series.bar(c.at).map_or(Decimal::ZERO, |bar| money::px(bar.close));
    let figure =
        |x: Option<f64>, what: &str| x.map(Figure).map_or_else(|| Ask::Unknown(format!("no {what}")), Ask::Known);
    let last_session = desk.session_before(day);
    let age = last_session.map(|_| desk.market().exchange().sessions_between(c.bar, day).unwrap_or(usize::MAX));
    let budget = book.budget_on(day);
    let minute_ago = at - SignedDuration::from_mins(1);
    Ok(EntryCase {
        at,
        day,
        symbol: symbol.clone(),
        side: Side::Buy,
        strategy: c.strategy(),
        replay: desk.is_replay(),
        kill: kill::judge(switch, book.kill(), at, Intent::Entry),
        endpoint: Ask::Known(endpoint),
        mode,
        clock: ClockCase {
            zone: Ask::of(zone::at(desk.market(), at, ZoneRules::STANDARD)),
            skew_ms: Ask::of(desk.host().clock_skew_ms()),
            slot_ran: false,
            new_information: window == Window::Primary || !desk.is_replay(),
        },
        ready: ReadyCase {
            preflight: desk.preflight_stands(at, &call.attempt.desk.hash),
            reconciled: match desk.agrees(book, at) {
                Ask::Known(mismatches) => Ask::Known(mismatches.is_empty()),
                Ask::Unknown(why) | Ask::NotApplicable(why) => Ask::Unknown(why),
            },
            chain_whole: Ask::Known(desk.verify_chain(false).is_ok()),
            blocks: desk.blocks(),
        },
        data: DataCase {
            bar: c.bar,
            last_session: last_session
                .map_or_else(|| Ask::Unknown("the calendar does not know the session before".into()), Ask::Known),
            signal_age: age
                .and_then(|n| u32::try_from(n).ok())
                .map_or_else(|| Ask::Unknown("no session before".into()), Ask::Known),
            quote: quote.clone(),
        },
        name: NameCase {
            in_universe: Ask::Known(universe::standing(c.series, c.bar) == universe::Standing::Valid),
            // The embedded broker trades every symbol that it has a quote for.
            tradable: Ask::Known(true),
            prohibited: false,
            price,
            close,
            adv60: figure(c.series.adv60(c.at), "60-day volume"),
            earnings: Earnings::Unknown,
        },
        regime: RegimeCase {
            vix: figure(c.index.vix, "VIX, published or estimated"),
            vix_estimated: c.index.vix_estimated,
            index_close: Ask::Known(Figure(c.index.close)),
            index_sma200: figure(c.index.sma200, "SMA200 of the index"),
            index_vol20: figure(c.index.vol20, "20-day volatility of the index"),
            fomc,
            cognitive_ok: Ask::NotApplicable(NOT_BUILT.into()),
            drift_scale: Ask::NotApplicable(NOT_BUILT.into()),
        },
        quality: QualityCase {
            score: Figure(c.quality.score),
            conviction: c.conviction.total,
            reward_over_risk: Figure(c.setup.rr),
            floors: match window {
                Window::Primary => Floors::FROZEN,
                Window::Fallback => Floors::FALLBACK,
                Window::PowerHour => Floors::POWER_HOUR,
            },
        },
        size,
        holdings: Ask::Known(Holdings {
            holds_symbol: book.holds(&symbol),
            open: book.open_count(),
            new_today: budget.entries,
            new_week: book.week().entries,
        }),
        portfolio,
        guard: GuardCase {
            reference: match &quote {
                Ask::Known(quote) => Ask::Known(quote.mid()),
                Ask::Unknown(why) | Ask::NotApplicable(why) => Ask::Unknown(why.clone()),
            },
            wide_band: false,
            orders_last_minute: book.orders().filter(|o| o.ticket.created > minute_ago).count() as u32,
            rejects_in_a_row: book.rejects_in_a_row(),
        },
    })
}

/// Where a day stands to the decisions of the Federal Reserve, by the table of scheduled days.
pub fn fomc_of(desk: &Services, day: jiff::civil::Date) -> Fomc {
    let market = desk.market();
    match market.fomc(day) {
        FomcDay::Unknown => Fomc::Unknown,
        found if found.gates() => Fomc::Today,
        _ => match market.next_session(day) {
            Ok(next) if market.fomc(next.date).gates() => Fomc::Eve,
            Ok(_) => Fomc::Clear,
            Err(_) => Fomc::Unknown,
        },
    }
}

fn mark(data: &DataSet, desk: &Services, symbol: &Symbol, at: Timestamp) -> Option<Decimal> {
    let day = desk.market().date_of(at);
    if desk.is_replay() {
        return data.symbol(symbol.as_str())?.bar_on(day).map(|bar| money::px(bar.open));
    }
    desk.broker().quote(symbol, at).ok().map(|quote| quote.mid())
}

fn size_case(
    desk: &Services,
    c: &Candidate<'_>,
    book: &Book,
    quote: &Ask<Quote>,
    mode: PolicyMode,
    fomc: Fomc,
    day: jiff::civil::Date,
) -> Ask<SizeCase> {
    let quote = match quote {
        Ask::Known(quote) => quote,
        Ask::Unknown(why) | Ask::NotApplicable(why) => return Ask::Unknown(why.clone()),
    };
    let gathered = (|| -> Result<SizeCase, String> {
        let data = desk.data().map_err(|e| e.to_string())?;
        let price = |symbol: &Symbol| mark(data, desk, symbol, quote.at);
        let split = c.series.actions_on(day).iter().map(|a| a.split_ratio).find(|r| *r != 1.0).unwrap_or(1.0);
        let split = money::from_f64(split).ok_or("a split ratio is no number")?;
        let mut factors = vec![("earnings_date_unknown".to_owned(), half())];
        if fomc == Fomc::Eve {
            factors.push(("fomc_eve".to_owned(), half()));
        }
        let mut open = book.open_value(price).map_err(|e| e.to_string())?;
        open += book.open_orders().map(|o| o.reserved()).sum::<Decimal>();
        if !desk.is_replay() {
            // What was sold since the last scan still counts: a freed budget is not spent again at once.
            open += book.freed_since(last_scan(desk, quote.at));
        }
        Ok(SizeCase {
            equity: book.equity(price).map_err(|e| e.to_string())?,
            cash: book.free_cash(),
            limit: quote.entry_limit(),
            distance: planned_distance(c.setup.risk_dollars, split).ok_or("the risk is no number")?,
            score: Figure(c.quality.score),
            factors,
            mode,
            used_today: book.budget_on(day).used(),
            open,
            adv_shares: Figure(c.series.shares60(c.at).ok_or("no 60-day volume")?),
            split,
        })
    })();
    Ask::of(gathered)
}

/// The last scan that returns a freed budget: 10:30 or 15:55 New York.
fn last_scan(desk: &Services, at: Timestamp) -> Timestamp {
    let market = desk.market();
    let today = market.date_of(at);
    let on = |date: jiff::civil::Date, hour, minute| market.instant(date.at(hour, minute, 0, 0)).at;
    let before = desk.session_before(today).map(|d| on(d, 15, 55));
    [Some(on(today, 15, 55)), Some(on(today, 10, 30)), before]
        .into_iter()
        .flatten()
        .find(|scan| *scan <= at)
        .unwrap_or(Timestamp::MIN)
}

fn portfolio(
    desk: &Services,
    data: &DataSet,
    c: &Candidate<'_>,
    book: &Book,
    sized: &Ask<SizeCase>,
    at: Timestamp,
) -> PortfolioCase {
    let known = match sized {
        Ask::Known(case) => case,
        Ask::Unknown(why) | Ask::NotApplicable(why) => {
            let unknown = || Ask::Unknown(why.clone());
            return PortfolioCase {
                sector_open: unknown(),
                basket_open: unknown(),
                value_at_risk: Ask::Unknown(why.clone()),
                heat: Ask::NotApplicable(NOT_BUILT.into()),
            };
        }
    };
    let mut rows: Vec<(&Series, Decimal)> = Vec::new();
    for position in book.positions() {
        let value = mark(data, desk, &position.symbol, at).map(|price| price * money::count(position.qty));
        if let (Some(series), Some(value)) = (data.symbol(position.symbol.as_str()), value) {
            rows.push((series, value));
        }
    }
    if rows.len() < book.positions().len() {
        let unknown = |what: &str| format!("{what} of a position is not known");
        return PortfolioCase {
            sector_open: Ask::Unknown(unknown("the price")),
            basket_open: Ask::Unknown(unknown("the price")),
            value_at_risk: Ask::Unknown(unknown("the price")),
            heat: Ask::NotApplicable(NOT_BUILT.into()),
        };
    }
    let sector_open = if universe::sectors(data, c.bar) < 2 {
        Ask::NotApplicable("one_sector".into())
    } else {
        let sector = |s: &Series| data.sector_on(s.symbol(), c.bar).map(|row| row.sector.as_str());
        match sector(c.series) {
            None => Ask::Unknown(format!("no sector of {}", c.symbol())),
            own => Ask::Known(rows.iter().filter(|(s, _)| sector(s) == own).map(|(_, value)| *value).sum()),
        }
    };
    let together = |s: &Series| -> bool {
        let (Some(i), Some(own)) = (s.index_of(c.bar), c.series.logrets(c.at, BASKET_DAYS)) else { return true };
        match s.logrets(i, BASKET_DAYS).and_then(|other| stats::corr(own, other)) {
            Some(rho) => rho >= BASKET_RHO,
            // What nobody can tell is counted as moving together.
            None => true,
        }
    };
    let basket_open =
        rows.iter().filter(|(s, _)| s.symbol() != c.symbol() && together(s)).map(|(_, value)| *value).sum();
    PortfolioCase {
        sector_open,
        basket_open: Ask::Known(basket_open),
        value_at_risk: value_at_risk(c, known, &rows),
        heat: Ask::NotApplicable(NOT_BUILT.into()),
    }
}

fn value_at_risk(c: &Candidate<'_>, sized: &SizeCase, rows: &[(&Series, Decimal)]) -> Ask<Figure> {
    let as_f64 = |d: Decimal| d.to_string().parse::<f64>().unwrap_or(f64::NAN);
    let order = size(sized).map_or(Decimal::ZERO, |s| s.notional);
    let mut positions: Vec<(f64, &[f64])> = Vec::new();
    for (series, value) in rows.iter().copied().chain([(c.series, order)]) {
        let Some(returns) = series.index_of(c.bar).and_then(|i| series.logrets(i, RISK_DAYS)) else {
            return Ask::Unknown(format!("{} has not {RISK_DAYS} returns", series.symbol()));
        };
        positions.push((as_f64(value), returns));
    }
    match stats::value_at_risk_5d(&positions) {
        Some(dollars) => Ask::Known(Figure(dollars / as_f64(sized.equity))),
        None => Ask::Unknown("the covariances are not known".into()),
    }
}

/// Gathers the case of an exit of the whole position.
pub(super) fn exit(
    desk: &Services,
    position: &Position,
    reason: ExitReason,
    book: &Book,
    switch: &KillState,
    at: Timestamp,
) -> ExitCase {
    let day = desk.market().date_of(at);
    let endpoint = desk.broker().endpoint();
    let mode = endpoint.mode();
    ExitCase {
        at,
        day,
        decision: DecisionId::exit(day, &position.symbol, &position.id, reason),
        symbol: position.symbol.clone(),
        position: position.id.clone(),
        reason,
        strategy: position.strategy,
        replay: desk.is_replay(),
        kill: kill::judge(switch, book.kill(), at, Intent::Exit),
        endpoint: Ask::Known(endpoint),
        mode,
        zone: Ask::of(zone::at(desk.market(), at, ZoneRules::STANDARD)),
        quote: Ask::of(desk.broker().quote(&position.symbol, at)),
        free: Ask::Known(book.free_shares(position)),
        qty: position.qty,
    }
}

/// Gathers what else a reader of the packet wants to see.
pub(super) fn evidence(call: &Call<'_>, data: &DataSet, c: &Candidate<'_>, quote: Option<&Quote>) -> Evidence {
    let mut evidence = Evidence::none();
    if let Some(bar) = c.series.bar(c.at) {
        evidence.market = Some(MarketSeen {
            bar: c.bar,
            open: money::px(bar.open),
            high: money::px(bar.high),
            low: money::px(bar.low),
            close: money::px(bar.close),
            volume: bar.volume.to_string(),
            prior_close: c.at.checked_sub(1).and_then(|i| c.series.bar(i)).map(|b| money::px(b.close)),
            bid: quote.map(|q| q.bid),
            ask: quote.map(|q| q.ask),
        });
    }
    let mut indicator = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            evidence.indicators.insert(name.to_owned(), Figure(value));
        }
    };
    indicator("ibs", c.series.ibs(c.at));
    indicator("rsi2", c.series.rsi2(c.at));
    indicator("sma200", c.series.sma200(c.at));
    indicator("atr14", c.series.atr14(c.at));
    indicator("adv60", c.series.adv60(c.at));
    let q = &c.quality;
    let parts = [
        ("setup_score", c.setup.setup_score),
        ("risk", c.setup.risk_dollars),
        ("conviction", f64::from(c.conviction.total)),
        ("score", q.score),
        ("conviction_part", q.conviction_part),
        ("strategy_part", q.strategy_part),
        ("regime_part", q.regime_part),
        ("liquidity_part", q.liquidity_part),
        ("correlation", q.correlation),
        ("weekday", q.weekday),
        ("volatility", q.volatility),
    ];
    evidence.signal = parts.into_iter().map(|(name, value)| (name.to_owned(), Figure(value))).collect();
    evidence.data_hashes = BTreeMap::from([("bars".to_owned(), data.hash())]);
    evidence.context = context(call);
    evidence
}

/// Says where a decision came from.
pub(super) fn context(call: &Call<'_>) -> BTreeMap<String, String> {
    let market = call.desk.market();
    [
        ("task", call.task().to_owned()),
        ("slot", call.attempt.slot.to_string()),
        ("config", call.attempt.desk.hash.clone()),
        ("calendar", market.version().to_owned()),
        ("tzdata", market.tzdb_version().to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
