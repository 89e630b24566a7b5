//! The story: the facts folded once more, and what the pages need to know of each.
//!
//! The books are the only fold there is; here they are folded from the beginning and looked at after each close. Start at [`tell`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_quant::Strategy;
use kobe_trade::book::{Book, Position, Trade};
use kobe_trade::case::EntryCase;
use kobe_trade::check::Figure;
use kobe_trade::fact::{Fact, What};
use kobe_trade::id::{DecisionId, PacketId, Symbol};
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::{ExitReason, Intent, OrderEvent};
use kobe_trade::packet::{Inputs, Packet};
use kobe_trade::size::Cap;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::{Lived, json, text};

/// More are not listed one by one.
const DEFECTS_LISTED: usize = 20;
/// A close of the index this many days before the run still is where the index began.
const INDEX_START_DAYS: i32 = 10;

/// One close.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The session.
    pub date: Date,
    /// Cash.
    #[serde(serialize_with = "json::decimal")]
    pub cash: Decimal,
    /// Positions held over the close.
    pub positions: u32,
    /// Cash and positions.
    #[serde(serialize_with = "json::decimal")]
    pub equity: Decimal,
    /// Close of the index.
    pub index: Option<f64>,
    /// Fall from the highest equity so far, as a share of it.
    #[serde(serialize_with = "json::share")]
    pub drawdown: f64,
}

/// One setup of a first window, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalRow {
    /// Date of the bar it was found on.
    pub bar: Date,
    /// The day of the decision.
    pub day: Date,
    /// The symbol.
    pub symbol: String,
    /// The rule.
    pub strategy: Strategy,
    /// Internal bar strength.
    pub ibs: Option<f64>,
    /// RSI of two differences.
    pub rsi2: Option<f64>,
    /// Mean close of 200 bars.
    pub sma200: Option<f64>,
    /// Average true range.
    pub atr14: Option<f64>,
    /// Close as traded.
    #[serde(serialize_with = "json::decimal")]
    pub close: Decimal,
    /// How strongly the rule speaks.
    pub setup_score: Option<f64>,
    /// Points of conviction, 0 to 100.
    pub conviction: u32,
    /// Quality score, 0 to 100.
    pub score: f64,
    /// The first refusal; none for what was admitted.
    pub refusal: Option<String>,
    /// Shares of what was admitted.
    pub qty: u64,
    /// The cap that decided how many.
    pub binding: Option<Cap>,
}

/// One closed trade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TradeRow {
    /// The symbol.
    pub symbol: String,
    /// The rule.
    pub strategy: Strategy,
    /// Shares.
    pub qty: u64,
    /// Day of the entry.
    pub entered: Date,
    /// Entry price.
    #[serde(serialize_with = "json::decimal")]
    pub entry: Decimal,
    /// Stop price.
    #[serde(serialize_with = "json::decimal")]
    pub stop: Decimal,
    /// Day of the last sale.
    pub exited: Date,
    /// Sale price.
    #[serde(serialize_with = "json::decimal")]
    pub exit: Decimal,
    /// Why it was closed.
    pub reason: ExitReason,
    /// Sessions held.
    pub held: u32,
    /// Fees.
    #[serde(serialize_with = "json::decimal")]
    pub fees: Decimal,
    /// Dividends.
    #[serde(serialize_with = "json::decimal")]
    pub dividends: Decimal,
    /// Result.
    #[serde(serialize_with = "json::decimal")]
    pub pnl: Decimal,
    /// Result in multiples of the planned risk.
    pub r: Option<f64>,
    /// Quality score of the decision, if its packet is at hand.
    pub score: Option<f64>,
    /// Points of conviction of the decision.
    pub conviction: Option<u32>,
    /// Internal bar strength that it was decided on.
    pub ibs: Option<f64>,
    /// RSI of two differences that it was decided on.
    pub rsi2: Option<f64>,
}

/// One position that is still held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenRow {
    /// The symbol.
    pub symbol: String,
    /// The rule.
    pub strategy: Strategy,
    /// Shares.
    pub qty: u64,
    /// Day of the entry.
    pub entered: Date,
    /// Entry price.
    #[serde(serialize_with = "json::decimal")]
    pub entry: Decimal,
    /// Stop price.
    #[serde(serialize_with = "json::decimal")]
    pub stop: Decimal,
    /// Sessions held.
    pub held: u32,
    /// The exit that waits, if one does.
    pub queued: Option<ExitReason>,
    /// Price at the last close.
    #[serde(serialize_with = "json::maybe_decimal")]
    pub mark: Option<Decimal>,
    /// Result at that price.
    #[serde(serialize_with = "json::maybe_decimal")]
    pub result: Option<Decimal>,
}

/// The kill switch, once it was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// When it was pulled.
    pub at: Timestamp,
    /// The same on the market's clock.
    pub local: String,
    /// Its day.
    pub day: Date,
    /// Why.
    pub reason: String,
    /// Who pulled it.
    pub by: String,
    /// When an operator re-armed, on the market's clock; a simulation has none.
    pub rearmed: Option<String>,
    /// Entries that filled while it was pulled; zero in a sound run.
    pub entries_after: u64,
    /// Exits that were sold while it was pulled.
    pub exits_after: u64,
    /// The longest of them came so many seconds after the pull.
    pub last_exit_after_s: Option<i64>,
    /// Protective stops at the broker that filled while it was pulled.
    pub stops_after: u64,
    /// Symbols still held at the end.
    pub left: Vec<String>,
}

/// What is known after the fold.
pub(super) struct Story<'a> {
    /// Cash at the beginning.
    pub start: Decimal,
    /// Close of the index before the first session, with its date.
    pub index_start: Option<(Date, f64)>,
    pub curve: Vec<Point>,
    pub signals: Vec<SignalRow>,
    pub trades: Vec<TradeRow>,
    pub open: Vec<OpenRow>,
    pub halt: Option<Halt>,
    pub defects: Vec<String>,
    /// First decisions of the first window, with their case.
    pub first: Vec<(&'a Packet, &'a EntryCase)>,
    /// Refusals of later windows, by name.
    pub later: BTreeMap<String, u64>,
    pub entries: Orders,
    pub exits: Orders,
    /// Fees of all sales, of open positions too.
    pub fees: Decimal,
}

/// What became of orders of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Orders {
    pub intended: u64,
    pub sent: u64,
    pub filled: u64,
    pub withdrawn: u64,
}

/// Folds the facts of a run.
pub(super) fn tell<'a>(lived: &Lived<'a>) -> Story<'a> {
    let mut story = Story {
        start: Decimal::ZERO,
        index_start: None,
        curve: Vec::new(),
        signals: Vec::new(),
        trades: Vec::new(),
        open: Vec::new(),
        halt: None,
        defects: Vec::new(),
        first: Vec::new(),
        later: BTreeMap::new(),
        entries: Orders::default(),
        exits: Orders::default(),
        fees: Decimal::ZERO,
    };
    let mut book = Book::new();
    let mut refused = 0_usize;
    let mut packets: BTreeMap<&PacketId, &'a Packet> = BTreeMap::new();
    let mut intents: BTreeMap<&DecisionId, Intent> = BTreeMap::new();
    let mut filled: BTreeMap<&DecisionId, bool> = BTreeMap::new();
    let mut marks: &BTreeMap<Symbol, Decimal> = &BTreeMap::new();
    let mut peak = Decimal::ZERO;
    for (i, fact) in lived.facts.iter().enumerate() {
        if let Err(error) = book.apply(fact) {
            refused += 1;
            if refused <= DEFECTS_LISTED {
                story.defects.push(format!("fact {} of {} ({}): {error}", i + 1, fact.day, fact.what.name()));
            }
            continue;
        }
        match &fact.what {
            What::Opened { cash } => (story.start, peak) = (*cash, *cash),
            What::Decided { packet } => {
                packets.insert(&packet.packet_id, packet);
                story.decided(packet);
            }
            What::Intended { ticket } => {
                intents.insert(&ticket.decision, ticket.intent);
                story.orders(ticket.intent).intended += 1;
            }
            What::Ordered { decision, change } => {
                let Some(intent) = intents.get(decision) else { continue };
                let orders = story.orders(*intent);
                match change {
                    OrderEvent::Sent { .. } => orders.sent += 1,
                    OrderEvent::Filled { .. } if filled.insert(decision, true).is_none() => orders.filled += 1,
                    OrderEvent::Cancelled { .. } | OrderEvent::Rejected { .. } | OrderEvent::Expired
                        if !filled.contains_key(decision) =>
                    {
                        orders.withdrawn += 1;
                    }
                    _ => {}
                }
            }
            What::DayClosed { marks: closing, .. } => {
                marks = closing;
                let Some(row) = book.curve().last() else { continue };
                peak = peak.max(row.equity);
                story.curve.push(Point {
                    date: row.date,
                    cash: row.cash,
                    positions: row.positions,
                    equity: row.equity,
                    index: lived.data.index.on(row.date).map(|index| index.close),
                    drawdown: money::ratio(peak - row.equity, peak).map_or(0.0, float),
                });
            }
            _ => {}
        }
    }
    if refused > DEFECTS_LISTED {
        story.defects.push(format!("and {} more", refused - DEFECTS_LISTED));
    }
    story.index_start = index_start(lived, &story);
    story.trades = book.trades().iter().map(|trade| trade_row(trade, packets.get(&trade.packet).copied())).collect();
    story.open = book.positions().map(|position| open_row(position, marks.get(&position.symbol).copied())).collect();
    let fees_of = |p: &Position| p.sold.fees + p.entry_fees;
    story.fees = book.trades().iter().map(|t| t.fees).chain(book.positions().map(fees_of)).sum();
    story.halt = halt(lived, &intents, &story.open);
    story
}

impl<'a> Story<'a> {
    fn orders(&mut self, intent: Intent) -> &mut Orders {
        match intent {
            Intent::Entry => &mut self.entries,
            Intent::Exit => &mut self.exits,
        }
    }

    fn decided(&mut self, packet: &'a Packet) {
        let Inputs::Entry(case) = &packet.inputs else { return };
        if !case.clock.new_information {
            let name = refusal(packet).unwrap_or_else(|| "pass".to_owned());
            *self.later.entry(name).or_default() += 1;
            return;
        }
        self.first.push((packet, case));
        let refusal = refusal(packet);
        let sizing = packet.risk.sizing.as_ref().filter(|_| refusal.is_none());
        let indicator = |name: &str| value(&packet.evidence.indicators, name);
        self.signals.push(SignalRow {
            bar: case.data.bar,
            day: case.day,
            symbol: case.symbol.to_string(),
            strategy: case.strategy,
            ibs: indicator("ibs"),
            rsi2: indicator("rsi2"),
            sma200: indicator("sma200"),
            atr14: indicator("atr14"),
            close: case.name.close,
            setup_score: value(&packet.evidence.signal, "setup_score"),
            conviction: case.quality.conviction,
            score: case.quality.score.0,
            refusal,
            qty: sizing.map_or(0, |sizing| sizing.qty),
            binding: sizing.map(|sizing| sizing.binding),
        });
    }
}

/// Returns the name of the first refusal of a packet: of the case, or of the seven gates after it.
pub(super) fn refusal(packet: &Packet) -> Option<String> {
    let later = || packet.gates.iter().find(|gate| !gate.holds());
    let of_gate = || later().map(|gate| gate.reason.clone().unwrap_or_else(|| gate.name.clone()));
    packet.risk.refusal.clone().or_else(of_gate)
}

/// Converts an amount for a picture or a ratio; no booked figure is made from it.
pub(super) fn float(x: Decimal) -> f64 {
    x.to_f64().unwrap_or(0.0)
}

fn value(of: &BTreeMap<String, Figure>, name: &str) -> Option<f64> {
    of.get(name).map(|figure| figure.0).filter(|x| x.is_finite())
}

fn index_start(lived: &Lived<'_>, story: &Story<'_>) -> Option<(Date, f64)> {
    let index = &lived.data.index;
    let first = story.curve.first()?.date;
    let before = index.index_until(first.yesterday().ok()?).and_then(|i| index.at(i));
    let near = before.filter(|row| (first - row.date).get_days() <= INDEX_START_DAYS);
    near.or_else(|| index.on(first)).map(|row| (row.date, row.close))
}

fn trade_row(trade: &Trade, packet: Option<&Packet>) -> TradeRow {
    let case = packet.and_then(|packet| match &packet.inputs {
        Inputs::Entry(case) => Some(case),
        Inputs::Exit(_) => None,
    });
    let indicator = |name: &str| packet.and_then(|packet| value(&packet.evidence.indicators, name));
    TradeRow {
        symbol: trade.symbol.to_string(),
        strategy: trade.strategy,
        qty: trade.qty,
        entered: trade.entered,
        entry: trade.entry,
        stop: trade.stop,
        exited: trade.exited,
        exit: trade.exit,
        reason: trade.reason,
        held: trade.held,
        fees: trade.fees,
        dividends: trade.dividends,
        pnl: trade.pnl,
        r: money::ratio(trade.net, trade.distance * money::count(trade.qty)).map(|r| json::tidy(float(r))),
        score: case.map(|case| case.quality.score.0),
        conviction: case.map(|case| case.quality.conviction),
        ibs: indicator("ibs"),
        rsi2: indicator("rsi2"),
    }
}

fn open_row(position: &Position, mark: Option<Decimal>) -> OpenRow {
    OpenRow {
        symbol: position.symbol.to_string(),
        strategy: position.strategy,
        qty: position.qty,
        entered: position.entered,
        entry: position.entry,
        stop: position.stop,
        held: position.held,
        queued: position.queued.map(|queued| queued.reason),
        mark,
        result: mark.map(|mark| money::cents(position.result(mark))),
    }
}

/// Finds out whether the switch was pulled, and what moved after it.
fn halt(lived: &Lived<'_>, intents: &BTreeMap<&DecisionId, Intent>, open: &[OpenRow]) -> Option<Halt> {
    let pulled = lived.facts.iter().find_map(|fact| match &fact.what {
        What::KillTripped { record } => {
            Some((record.activated_at.unwrap_or(fact.at), record.reason.clone(), record.activated_by.clone()))
        }
        _ => None,
    });
    // A pull from outside that no order met leaves no fact, but it happened.
    let end = lived.market.day(lived.to).map_or(Timestamp::MAX, |day| day.to);
    let asked =
        lived.halted_at.filter(|at| *at < end).map(|at| (at, "halted by --halt-at".to_owned(), "operator".to_owned()));
    let (at, reason, by) = match (pulled, asked) {
        (Some(pulled), Some(asked)) if asked.0 < pulled.0 => asked,
        (Some(pulled), _) => pulled,
        (None, asked) => asked?,
    };
    let rearmed = lived.facts.iter().find_map(|fact| match &fact.what {
        What::KillCleared { .. } if fact.at >= at => Some(fact.at),
        _ => None,
    });
    let while_pulled = |fact: &&Fact| fact.at > at && rearmed.is_none_or(|until| fact.at < until);
    let (mut entries_after, mut exits_after, mut stops_after, mut last_exit_after_s) = (0, 0, 0, None);
    for fact in lived.facts.iter().filter(while_pulled) {
        match &fact.what {
            What::StopFilled { .. } => stops_after += 1,
            What::Ordered { decision, change: OrderEvent::Filled { .. } } => match intents.get(decision) {
                Some(Intent::Entry) => entries_after += 1,
                Some(Intent::Exit) => {
                    exits_after += 1;
                    last_exit_after_s = Some(fact.at.duration_since(at).as_secs());
                }
                None => {}
            },
            _ => {}
        }
    }
    Some(Halt {
        at,
        local: text::local(lived.market, at),
        day: lived.market.date_of(at),
        reason,
        by,
        rearmed: rearmed.map(|at| text::local(lived.market, at)),
        entries_after,
        exits_after,
        last_exit_after_s,
        stops_after,
        left: open.iter().map(|row| row.symbol.clone()).collect(),
    })
}
