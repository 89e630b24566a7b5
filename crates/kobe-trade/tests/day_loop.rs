//! The desk's years, lived by this crate alone: case, gates, size, packet, intent, permit, paper fill, stop, exits, close. Trades, equity and every verdict
//! equal the golden files exactly.

mod common;

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, date, time};
use jiff::{Timestamp, ToSpan};
use kobe_calendar::Market;
use kobe_quant::conviction::conviction;
use kobe_quant::quality::quality;
use kobe_quant::setups::{exit_by_indicator, setups};
use kobe_quant::stats::value_at_risk_5d;
use kobe_quant::{Evidence as Bars, Holding, IndexFeatures, IndexSeries, Series, Setup};
use kobe_trade::book::{Book, DayRow};
use kobe_trade::case::{
    ClockCase, DataCase, Earnings, EntryCase, ExitCase, Floors, Fomc, GuardCase, Holdings, NameCase, PortfolioCase,
    QualityCase, ReadyCase, RegimeCase,
};
use kobe_trade::chain::{self, Block, Head};
use kobe_trade::check::{Ask, Figure};
use kobe_trade::fact::{Fact, What};
use kobe_trade::fees::FeeTable;
use kobe_trade::gate::{self, SendCase, SevenCase};
use kobe_trade::id::{ClientId, DecisionId, Side, Symbol};
use kobe_trade::kill::{self, KillRecord, KillState};
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::{Intent, OrderEvent, Ticket};
use kobe_trade::packet::{Evidence, Inputs, Packet};
use kobe_trade::paper::{self, Purse};
use kobe_trade::policy::{Endpoint, PolicyMode};
use kobe_trade::quote::Quote;
use kobe_trade::settle::{self, ClosedBar};
use kobe_trade::size::{self, SizeCase};
use kobe_trade::zone::{self, ZoneRules};

struct Desk {
    market: Market,
    series: BTreeMap<Symbol, Series>,
    index: IndexSeries,
    fees: FeeTable,
    book: Book,
    head: Head,
    blocks: Vec<Block>,
    curve: Vec<DayRow>,
    signals: Vec<Vec<String>>,
    breaches: u32,
    peak_var: f64,
}

/// A candidate of a day.
struct Candidate {
    symbol: Symbol,
    at: usize,
    setup: Setup,
    conviction: u32,
    score: f64,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            market: Market::bundled().unwrap(),
            series: common::series(),
            index: common::index(),
            fees: FeeTable::parse(&common::text("data/fees.csv")).unwrap(),
            book: Book::new(),
            head: Head::default(),
            blocks: Vec::new(),
            curve: Vec::new(),
            signals: Vec::new(),
            breaches: 0,
            peak_var: 0.0,
        }
    }

    /// What a store does: all facts or none, and their blocks.
    fn append(&mut self, facts: Vec<Fact>) {
        let mut book = self.book.clone();
        for fact in &facts {
            book.apply(fact).unwrap_or_else(|error| panic!("{error}: {fact:?}"));
        }
        let (blocks, head) = chain::seal(&self.head, &facts).unwrap();
        self.blocks.extend(blocks);
        (self.book, self.head) = (book, head);
    }

    fn instant(&self, day: Date, at: Time) -> Timestamp {
        self.market.instant(day.to_datetime(at)).at
    }

    fn open(&self, symbol: &Symbol, day: Date) -> Option<Decimal> {
        self.series[symbol].bar_on(day).map(|bar| money::px(bar.open))
    }

    fn run(&mut self, from: Date, to: Date, halt_at: Option<Timestamp>) {
        let dates = self.index.dates().to_vec();
        let last = self.series.values().map(Series::last_date).max().unwrap();
        let start = self.instant(from, time(0, 0, 0, 0));
        self.append(vec![Fact::new(start, from, What::Opened { cash: Decimal::from(100_000) })]);
        for window in dates.windows(3) {
            let (before, day, after) = (window[0], window[1], window[2]);
            if day < from || day > to.min(last) {
                continue;
            }
            self.corporate_actions(day);
            self.halt(halt_at, day, time(10, 15, 0, 0));
            self.enter(before, day, after);
            self.halt(halt_at, day, time(10, 20, 0, 0));
            self.exit(day);
            self.halt(halt_at, day, time(16, 0, 0, 0));
            self.close(day);
            if day.iso_week_date().year() != after.iso_week_date().year()
                || day.iso_week_date().week() != after.iso_week_date().week()
            {
                let at = self.instant(day, time(16, 30, 0, 0));
                self.append(vec![Fact::new(at, day, What::WeekClosed)]);
            }
        }
    }

    /// Pulls the switch at the first moment of the loop that is not before `halt_at`.
    fn halt(&mut self, halt_at: Option<Timestamp>, day: Date, until: Time) {
        let Some(at) = halt_at.filter(|at| *at <= self.instant(day, until) && self.book.kill().active.is_none()) else {
            return;
        };
        let record = KillRecord::new("drill", kill::Trigger::Manual, at, "test");
        self.append(vec![Fact::new(at, day, What::KillTripped { record })]);
    }

    fn corporate_actions(&mut self, day: Date) {
        let at = self.instant(day, time(9, 0, 0, 0));
        let mut facts = Vec::new();
        for position in self.book.positions() {
            for action in self.series[&position.symbol].actions_on(day) {
                let symbol = position.symbol.clone();
                let ratio = money::from_f64(action.split_ratio).unwrap();
                facts.push(Fact::new(at, day, What::Split { symbol: symbol.clone(), ratio }));
                facts.push(Fact::new(at, day, What::Dividend { symbol, cash: money::px(action.cash) }));
            }
        }
        self.append(facts);
    }

    fn candidates(&self, t: Date, day: Date, market: &IndexFeatures) -> Vec<Candidate> {
        let held: Vec<Holding<'_>> = self
            .book
            .positions()
            .map(|p| (&self.series[&p.symbol], t))
            .map(|(series, t)| Holding { series, at: series.index_of(t).unwrap() })
            .collect();
        let mut found = Vec::new();
        for (symbol, series) in &self.series {
            let Some(at) = series.index_of(t).filter(|_| series.bar_on(day).is_some()) else { continue };
            for setup in setups(series, at) {
                let points = conviction(&Bars::gather(series, at, &setup, market).unwrap());
                let quality = quality(series, at, &setup, &points, market, &held, day.weekday()).unwrap();
                let (symbol, conviction, score) = (symbol.clone(), points.total, quality.score);
                found.push(Candidate { symbol, at, setup, conviction, score });
            }
        }
        found.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then(a.symbol.cmp(&b.symbol)).then(a.setup.strategy.cmp(&b.setup.strategy))
        });
        found
    }

    fn enter(&mut self, t: Date, day: Date, after: Date) {
        let market = self.index.on(t).unwrap();
        let at = self.instant(day, time(10, 15, 0, 0));
        for candidate in self.candidates(t, day, &market) {
            let case = self.case(&candidate, &market, t, day, after, at);
            let (quote, size) = (case.data.quote.known().unwrap().clone(), case.size.known().unwrap().clone());
            let judgement = gate::judge_entry(&case);
            assert_eq!(judgement.checks.len(), gate::entry_gates().len(), "every gate answers");
            self.signals.push(self.signal_row(&candidate, t, &judgement));
            let packet = self.decide(Inputs::Entry(Box::new(case.clone())), judgement.clone(), at);
            let Some(ticket) = judgement.entry_ticket(&case, packet.packet_id.clone(), packet.gates.clone()) else {
                self.append(vec![Fact::new(at, day, What::Decided { packet: Box::new(packet) })]);
                continue;
            };
            assert_eq!(ticket.distance, Some(size.distance), "the plan's distance goes with the order");
            self.carry_out(packet, ticket, &quote, at, day).expect("what replay admits, it may send");
        }
        self.value_at_risk(t, day);
    }

    fn case(
        &self,
        candidate: &Candidate,
        market: &IndexFeatures,
        t: Date,
        day: Date,
        after: Date,
        at: Timestamp,
    ) -> EntryCase {
        let series = &self.series[&candidate.symbol];
        let open = self.open(&candidate.symbol, day).unwrap();
        let split = series.actions_on(day).last().map_or(1.0, |action| action.split_ratio);
        let split = money::from_f64(split).unwrap();
        let quote = Quote::replay(open, at);
        let budget = self.book.budget_on(day);
        let eve = self.market.fomc(after).gates();
        let mut factors = vec![("earnings_unknown".to_owned(), Decimal::new(5, 1))];
        if eve {
            factors.push(("fomc_eve".to_owned(), Decimal::new(5, 1)));
        }
        let marks = |symbol: &Symbol| self.open(symbol, day);
        let known = |x: Option<f64>| match x {
            Some(x) => Ask::Known(Figure(x)),
            None => Ask::Unknown("warming".to_owned()),
        };
        let size = SizeCase {
            equity: self.book.equity(marks).unwrap(),
            cash: self.book.free_cash(),
            limit: quote.entry_limit(),
            distance: size::planned_distance(candidate.setup.risk_dollars, split).unwrap(),
            score: Figure(candidate.score),
            factors,
            mode: PolicyMode::Paper,
            used_today: budget.used(),
            open: self.book.open_value(marks).unwrap(),
            adv_shares: Figure(series.shares60(candidate.at).unwrap()),
            split,
        };
        EntryCase {
            at,
            day,
            symbol: candidate.symbol.clone(),
            side: Side::Buy,
            strategy: candidate.setup.strategy,
            replay: true,
            kill: kill::judge(&KillState::Clear, self.book.kill(), at, Intent::Entry),
            endpoint: Ask::Known(Endpoint::Embedded),
            mode: PolicyMode::Paper,
            clock: ClockCase {
                zone: Ask::of(zone::at(&self.market, at, ZoneRules::STANDARD)),
                skew_ms: Ask::Known(0),
                slot_ran: false,
                new_information: true,
            },
            ready: ReadyCase {
                preflight: Ask::NotApplicable("not_built".to_owned()),
                reconciled: Ask::Known(true),
                chain_whole: Ask::Known(true),
                blocks: Vec::new(),
            },
            data: DataCase { bar: t, last_session: Ask::Known(t), signal_age: Ask::Known(1), quote: Ask::Known(quote) },
            name: NameCase {
                in_universe: Ask::Known(true),
                tradable: Ask::Known(true),
                prohibited: false,
                price: Ask::Known(open),
                close: money::px(series.bar(candidate.at).unwrap().close),
                adv60: known(series.adv60(candidate.at)),
                earnings: Earnings::Unknown,
            },
            regime: RegimeCase {
                vix: known(market.vix),
                vix_estimated: market.vix_estimated,
                index_close: known(Some(market.close)),
                index_sma200: known(market.sma200),
                index_vol20: known(market.vol20),
                fomc: match (self.market.fomc(day).gates(), eve) {
                    (true, _) => Fomc::Today,
                    (false, true) => Fomc::Eve,
                    (false, false) => Fomc::Clear,
                },
                cognitive_ok: Ask::NotApplicable("not_built".to_owned()),
                drift_scale: Ask::NotApplicable("not_built".to_owned()),
            },
            quality: QualityCase {
                score: Figure(candidate.score),
                conviction: candidate.conviction,
                reward_over_risk: Figure(candidate.setup.rr),
                floors: Floors::FROZEN,
            },
            holdings: Ask::Known(Holdings {
                holds_symbol: self.book.holds(&candidate.symbol),
                open: self.book.open_count(),
                new_today: budget.entries,
                new_week: self.book.week().entries,
            }),
            portfolio: PortfolioCase {
                sector_open: Ask::NotApplicable("one_sector".to_owned()),
                basket_open: Ask::Known(size.open),
                value_at_risk: Ask::Known(Figure(self.peak_var)),
                heat: Ask::NotApplicable("one_sector".to_owned()),
            },
            guard: GuardCase {
                reference: Ask::Known(open),
                wide_band: false,
                orders_last_minute: 0,
                rejects_in_a_row: self.book.rejects_in_a_row(),
            },
            size: Ask::Known(size),
        }
    }

    /// Seals a packet with the seven gates, and proves that it replays.
    fn decide(&self, inputs: Inputs, judgement: gate::Judgement, at: Timestamp) -> Packet {
        let (intent, policy) = match &inputs {
            Inputs::Entry(case) => (
                Intent::Entry,
                gate::policy_verdict(
                    case.mode,
                    judgement.sizing.as_ref().map_or(Decimal::ZERO, |sizing| sizing.notional),
                    self.book.budget_on(case.day).used(),
                ),
            ),
            Inputs::Exit(_) => (Intent::Exit, Ok(String::new())),
        };
        let gates = gate::seven_gates(&SevenCase {
            at,
            intent,
            switch: &KillState::Clear,
            read_at: at,
            kill: &kill::judge(&KillState::Clear, self.book.kill(), at, intent),
            endpoint: &Endpoint::Embedded,
            policy,
        });
        let packet = Packet::seal("test", inputs, judgement, gates, Evidence::none()).unwrap();
        let stored = serde_json::to_string(&packet).unwrap();
        let read: Packet = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, packet, "a packet survives its JSON");
        read.verify().unwrap();
        packet
    }

    /// The choke: intent stored first, then the permit, then the fill.
    fn carry_out(
        &mut self,
        packet: Packet,
        ticket: Ticket,
        quote: &Quote,
        at: Timestamp,
        day: Date,
    ) -> Result<(), gate::Refused> {
        let decision = ticket.decision.clone();
        self.append(vec![
            Fact::new(at, day, What::Decided { packet: Box::new(packet) }),
            Fact::new(at, day, What::Intended { ticket: Box::new(ticket) }),
        ]);
        let send = SendCase {
            at,
            switch: KillState::Clear,
            read_at: at,
            zone: Ask::of(zone::at(&self.market, at, ZoneRules::STANDARD)),
            endpoint: Endpoint::Embedded,
        };
        let permit = gate::permit(&self.book, &decision, &send)?;
        let order = self.book.order(&decision).unwrap();
        let held = self.book.position(&order.ticket.symbol);
        let purse = Purse { cash: self.book.cash(), shares: held.map_or(0, |held| held.qty) };
        let fill = paper::fill(&permit, order, quote, purse, &self.fees, day).unwrap();
        let client = permit.client().clone();
        let fact = |what| Fact::new(at, day, what);
        let change = |change| What::Ordered { decision: decision.clone(), change };
        self.append(vec![
            fact(change(OrderEvent::Sent { broker: Some(format!("B-{client}")) })),
            fact(change(OrderEvent::Filled { client, fill })),
        ]);
        let opened = self.book.positions().find(|held| held.decision == decision).cloned();
        if let Some(held) = opened {
            let placed = What::StopPlaced {
                position: held.id.clone(),
                client: ClientId::stop(&held.id),
                qty: held.qty,
                stop: held.stop,
            };
            self.append(vec![fact(placed)]);
        }
        Ok(())
    }

    fn exit(&mut self, day: Date) {
        let at = self.instant(day, time(10, 20, 0, 0));
        let queued: Vec<_> =
            self.book.positions().filter_map(|held| held.queued.map(|queued| (held.clone(), queued))).collect();
        for (held, queued) in queued {
            let quote = Quote::replay(self.open(&held.symbol, day).unwrap(), at);
            let case = ExitCase {
                at,
                day,
                decision: DecisionId::exit(day, &held.symbol, &held.id, queued.reason),
                symbol: held.symbol.clone(),
                position: held.id.clone(),
                reason: queued.reason,
                strategy: held.strategy,
                replay: true,
                kill: kill::judge(&KillState::Clear, self.book.kill(), at, Intent::Exit),
                endpoint: Ask::Known(Endpoint::Embedded),
                mode: PolicyMode::Paper,
                zone: Ask::of(zone::at(&self.market, at, ZoneRules::STANDARD)),
                quote: Ask::Known(quote.clone()),
                free: Ask::Known(self.book.free_shares(&held)),
                qty: held.qty,
            };
            let judgement = gate::judge_exit(&case);
            let packet = self.decide(Inputs::Exit(Box::new(case.clone())), judgement.clone(), at);
            match judgement.exit_ticket(&case, packet.packet_id.clone(), packet.gates.clone()) {
                Some(ticket) => self.carry_out(packet, ticket, &quote, at, day).unwrap(),
                None => self.append(vec![Fact::new(at, day, What::Decided { packet: Box::new(packet) })]),
            }
        }
    }

    fn close(&mut self, day: Date) {
        let at = self.market.day(day).unwrap().session.unwrap().close;
        let bars = self
            .book
            .positions()
            .map(|held| {
                let series = &self.series[&held.symbol];
                let i = series.index_of(day).unwrap();
                let bar = series.bar(i).unwrap();
                let by_indicator = exit_by_indicator(series, i);
                let (open, low, close) = (money::px(bar.open), money::px(bar.low), money::px(bar.close));
                (held.symbol.clone(), ClosedBar { open, low, close, by_indicator })
            })
            .collect();
        let settled = settle::close(&self.book, day, at, &bars, &self.fees).unwrap();
        self.append(settled.facts);
        self.curve.push(*self.book.curve().last().unwrap());
        if let Some(breach) = settled.breach {
            self.breaches += 1;
            let record = KillRecord::new(&breach.reason, breach.trigger, at, "auto_trigger");
            self.append(vec![Fact::new(at, day, What::KillTripped { record })]);
        }
    }

    fn value_at_risk(&mut self, t: Date, day: Date) {
        let rows: Vec<(f64, &[f64])> = self
            .book
            .positions()
            .map(|held| {
                let series = &self.series[&held.symbol];
                let value = held.qty as f64 * series.bar_on(day).unwrap().open.f64();
                (value, series.logrets(series.index_of(t).unwrap(), 60).unwrap())
            })
            .collect();
        let equity: f64 = self.book.equity(|s| self.open(s, day)).unwrap().to_string().parse().unwrap();
        self.peak_var = self.peak_var.max(value_at_risk_5d(&rows).unwrap() / equity);
    }

    fn signal_row(&self, candidate: &Candidate, t: Date, judgement: &gate::Judgement) -> Vec<String> {
        let sizing = judgement.sizing.as_ref().unwrap();
        let (verdict, qty, cap) = match &judgement.refusal {
            Some(refusal) => (refusal.clone(), 0, String::new()),
            None => ("pass".to_owned(), sizing.qty, sizing.binding.to_string()),
        };
        vec![
            t.to_string(),
            candidate.symbol.to_string(),
            candidate.setup.strategy.to_string(),
            format!("{:.6}", candidate.setup.setup_score),
            candidate.conviction.to_string(),
            format!("{:.6}", candidate.score),
            verdict,
            qty.to_string(),
            cap,
        ]
    }

    fn trade_rows(&self) -> Vec<Vec<String>> {
        let row = |t: &kobe_trade::book::Trade| {
            vec![
                t.entered.to_string(),
                t.symbol.to_string(),
                t.strategy.to_string(),
                t.qty.to_string(),
                t.entry.to_string(),
                t.stop.to_string(),
                t.exited.to_string(),
                t.exit.to_string(),
                t.reason.to_string(),
                t.fees.to_string(),
                t.dividends.normalize().to_string(),
                t.pnl.to_string(),
            ]
        };
        self.book.trades().iter().map(row).collect()
    }

    fn curve_rows(&self) -> Vec<Vec<String>> {
        let row = |r: &DayRow| {
            let cash = money::price(r.cash).to_string();
            vec![r.date.to_string(), cash, r.positions.to_string(), r.equity.to_string()]
        };
        self.curve.iter().map(row).collect()
    }
}

/// The columns of a golden signal that this crate decides: date, symbol, strategy, setup score, conviction, score, verdict, shares, cap.
fn golden_signals(file: &str) -> Vec<Vec<String>> {
    let pick = |r: Vec<String>| [0, 1, 2, 8, 9, 10, 11, 12, 13].map(|i: usize| r[i].clone()).to_vec();
    common::rows(file).into_iter().map(pick).collect()
}

fn assert_rows(what: &str, found: &[Vec<String>], golden: &[Vec<String>]) {
    for (i, (found, golden)) in found.iter().zip(golden).enumerate() {
        assert_eq!(found, golden, "{what}, row {}", i + 1);
    }
    assert_eq!(found.len(), golden.len(), "{what}: number of rows");
}

fn assert_golden(desk: &Desk, prefix: &str) {
    let file = |name: &str| format!("tests/golden/{prefix}{name}.csv");
    assert_rows("signals", &desk.signals, &golden_signals(&file("signals")));
    assert_rows("trades", &desk.trade_rows(), &common::rows(&file("trades")));
    assert_rows("equity", &desk.curve_rows(), &common::rows(&file("equity")));
}

#[test]
fn the_long_run_equals_the_reference() {
    let mut desk = Desk::new();
    desk.run(date(2004, 1, 2), date(2012, 12, 31), None);
    assert_golden(&desk, "golden_");

    assert_eq!((desk.book.trades().len(), desk.breaches), (48, 0));
    assert_eq!(money::round(desk.book.max_drawdown(), 4).to_string(), "0.0143");
    assert_eq!(format!("{:.4}", desk.peak_var), "0.0083", "the value at risk never came near its limit");
    assert!(desk.book.incidents().is_empty());
    let ledger = desk.book.ledger_equity(|_| None).unwrap();
    assert_eq!(ledger, desk.book.cash(), "flat at the end: opening and results are the cash, exactly");

    // The audit chain of the nine years is whole, and the book is its fold.
    assert_eq!(chain::verify(&desk.blocks, Some(&desk.head)), Ok(desk.head.clone()));
    let mut again = Book::new();
    for block in &desk.blocks {
        again.apply(&block.fact().unwrap()).unwrap();
    }
    assert_eq!(again, desk.book);
}

#[test]
fn the_quick_year_equals_the_reference() {
    let mut desk = Desk::new();
    desk.run(date(2012, 1, 1), date(2012, 12, 31), None);
    assert_golden(&desk, "golden_2012_");
}

#[test]
fn after_a_halt_nothing_is_sent_and_stops_still_fill() {
    let new_york = |text: &str| text.parse::<Timestamp>().unwrap();
    for (what, halt, entries, last) in [
        ("in the entry window of a day that bought", "2012-05-02T10:05:00-04:00", 5, "2012-04-03 indicator"),
        ("half a minute before the exit row of a position", "2012-05-03T10:19:30-04:00", 6, "2012-05-03 indicator"),
        ("more than a minute before it: the stop sells later", "2012-05-03T10:18:59-04:00", 6, "2012-05-16 stop"),
    ] {
        let mut desk = Desk::new();
        desk.run(date(2012, 1, 1), date(2012, 12, 31), Some(new_york(halt)));
        let halt = new_york(halt);
        let bought = desk.book.trades().iter().map(|t| t.entered_at).chain(desk.book.positions().map(|p| p.entered_at));
        let bought: Vec<Timestamp> = bought.collect();
        assert!(bought.iter().all(|at| *at < halt), "{what}: {bought:?}");
        assert_eq!(bought.len(), entries, "{what}: entries");
        let sent = |t: &&kobe_trade::book::Trade| t.reason != kobe_trade::order::ExitReason::Stop;
        let sent: Vec<Timestamp> = desk.book.trades().iter().filter(sent).map(|t| t.exited_at).collect();
        assert!(sent.iter().all(|at| *at < halt + 60.seconds()), "{what}: {sent:?}");
        let trade = desk.book.trades().last().unwrap();
        assert_eq!(format!("{} {}", trade.exited, trade.reason), last, "{what}: the last trade");
        assert!(desk.signals.iter().any(|row| row[6] == "killed"), "{what}: refused setups are still scored");
    }
}
