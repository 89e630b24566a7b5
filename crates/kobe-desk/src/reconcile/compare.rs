//! The comparison: two stories of one account, and every place where they differ.
//!
//! Pure: the book and what the broker told go in, mismatches come out. Each is looked for both ways, since what only one side knows is the dangerous kind. Start at [`compare`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kobe_trade::book::{Book, Trade};
use kobe_trade::id::{ClientId, Side, Symbol};
use kobe_trade::money::{self, Decimal};
use kobe_trade::order::{ExitReason, Fill, Order, OrderState};
use kobe_trade::ports::{Execution, Held, OpenOrder};
use serde::Serialize;

/// Prices of one position may differ by rounding: a cent a share.
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// Cash may differ by a dollar.
const DOLLAR: Decimal = Decimal::ONE;

/// What the broker told of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What is held.
    pub held: Vec<Held>,
    /// What works.
    pub open: Vec<OpenOrder>,
    /// What was filled lately.
    pub executions: Vec<Execution>,
    /// The cash.
    pub cash: Decimal,
}

/// Which of the three reconciliations a mismatch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Orders and fills.
    Orders,
    /// Shares and their average price.
    Positions,
    /// Cash.
    Cash,
}

/// How two stories differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The books hold it, the broker does not.
    MissingPosition,
    /// The broker holds it, the books do not.
    UnknownPosition,
    /// The broker is short of it.
    ShortPosition,
    /// Other shares.
    Quantity,
    /// Another average price.
    AveragePrice,
    /// An intent that was neither sent nor withdrawn.
    UnsentIntent,
    /// An order works that the books do not know.
    UnknownOrder,
    /// The books have an open order that does not work.
    MissingOrder,
    /// The protective stop of a position does not work.
    MissingStop,
    /// An order works for other shares, on the other side, or at another stop.
    OrderDiffers,
    /// A fill, or a part of one, that the books do not have.
    UnknownFill,
    /// A fill, or a part of one, that the broker does not report.
    MissingFill,
    /// Other cash.
    Cash,
    /// The cash of the books is not what their own facts add up to.
    CashUnproved,
}

impl Kind {
    /// Returns the reconciliation that it belongs to.
    pub fn part(self) -> Part {
        match self {
            Kind::MissingPosition
            | Kind::UnknownPosition
            | Kind::ShortPosition
            | Kind::Quantity
            | Kind::AveragePrice => Part::Positions,
            Kind::UnsentIntent
            | Kind::UnknownOrder
            | Kind::MissingOrder
            | Kind::MissingStop
            | Kind::OrderDiffers
            | Kind::UnknownFill
            | Kind::MissingFill => Part::Orders,
            Kind::Cash | Kind::CashUnproved => Part::Cash,
        }
    }

    /// Says what a person does about it.
    fn action(self) -> &'static str {
        match self {
            Kind::MissingPosition => {
                "look at the broker's activity for a sale or transfer; book it from its evidence, or halt"
            }
            Kind::UnknownPosition => {
                "find out who bought; close it at the broker by hand or move it out of this account"
            }
            Kind::ShortPosition => "buy it back at the broker by hand at once; the desk never sells short",
            Kind::Quantity | Kind::AveragePrice => {
                "compare the fills of the symbol, and look for a split that one side has booked"
            }
            Kind::UnsentIntent => "wait for the next reconciliation, which looks it up; it is never sent again",
            Kind::UnknownOrder => "cancel it at the broker by hand unless you placed it; then reconcile again",
            Kind::MissingOrder => "look it up in the broker's history by its id",
            Kind::MissingStop => "place the stop at the broker by hand, or sell the position",
            Kind::OrderDiffers => "compare the order at the broker with the packet of its decision",
            Kind::UnknownFill => "look up the order at the broker; a fill of an order of ours is booked by itself",
            Kind::MissingFill => "ask the broker whether it cancelled or corrected the trade",
            Kind::Cash => "look for a transfer, a fee, interest or a dividend that one side has not booked",
            Kind::CashUnproved => "run the verification of the audit chain; restore a backup if it fails",
        }
    }
}

/// One place where the stories differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// How.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `critical` where shares or orders are at stake that nobody here accounts for, else `warning`. Both close entries.
    pub severity: &'static str,
    /// In what.
    pub symbol: Option<Symbol>,
    /// The order, where it is about one.
    pub client: Option<ClientId>,
    /// What the broker says.
    pub broker_value: String,
    /// What the books say.
    pub oms_value: String,
    /// Dollars that are at stake.
    pub usd: Decimal,
    /// The whole in one sentence.
    pub description: String,
    /// What a person does about it.
    pub suggested_action: &'static str,
}

impl Mismatch {
    fn new(kind: Kind, what: impl Into<String>, broker: String, books: String, usd: Decimal) -> Mismatch {
        let severity = match kind {
            Kind::AveragePrice | Kind::Cash | Kind::OrderDiffers => "warning",
            _ => "critical",
        };
        let description = format!("{}: the broker has {broker}, the books have {books}", what.into());
        Mismatch {
            kind,
            severity,
            symbol: None,
            client: None,
            broker_value: broker,
            oms_value: books,
            usd: money::cents(usd.abs()),
            description,
            suggested_action: kind.action(),
        }
    }

    fn of(self, symbol: &Symbol) -> Mismatch {
        Mismatch { symbol: Some(symbol.clone()), ..self }
    }

    fn by(self, client: &ClientId) -> Mismatch {
        Mismatch { client: Some(client.clone()), ..self }
    }
}

/// Compares the books with what the broker told; `since` is from when on the books expect their fills in its list. Nothing found means that both tell the same story.
pub fn compare(book: &Book, told: &Told, since: Timestamp) -> Vec<Mismatch> {
    let mut found = Vec::new();
    positions(book, told, &mut found);
    orders(book, told, &mut found);
    fills(book, told, since, &mut found);
    cash(book, told, &mut found);
    found
}

fn positions(book: &Book, told: &Told, found: &mut Vec<Mismatch>) {
    let mut at_broker: BTreeMap<&Symbol, (i64, Decimal)> = BTreeMap::new();
    for held in told.held.iter().filter(|h| h.qty != 0) {
        let row = at_broker.entry(&held.symbol).or_insert((0, held.entry));
        row.0 += held.qty;
    }
    let symbols: BTreeSet<&Symbol> = at_broker.keys().copied().chain(book.positions().map(|p| &p.symbol)).collect();
    for symbol in symbols {
        let shares = |qty: i64, entry: Decimal| format!("{qty} shares at {entry}");
        let none = || "none".to_owned();
        let mismatch = match (at_broker.get(symbol), book.position(symbol)) {
            (Some((qty, entry)), None) => {
                let kind = if *qty < 0 { Kind::ShortPosition } else { Kind::UnknownPosition };
                Mismatch::new(kind, symbol.as_str(), shares(*qty, *entry), none(), Decimal::from(*qty) * *entry)
            }
            (None, Some(own)) => Mismatch::new(
                Kind::MissingPosition,
                symbol.as_str(),
                none(),
                shares(signed(own.qty), own.entry),
                money::count(own.qty) * own.entry,
            ),
            (Some((qty, entry)), Some(own)) => {
                let (apart, prices) = (qty - signed(own.qty), *entry - own.entry);
                let (kind, usd) = match () {
                    () if *qty < 0 => (Kind::ShortPosition, Decimal::from(apart) * own.entry),
                    () if apart != 0 => (Kind::Quantity, Decimal::from(apart) * own.entry.max(*entry)),
                    () if prices.abs() > CENT => (Kind::AveragePrice, money::count(own.qty) * prices),
                    () => continue,
                };
                Mismatch::new(kind, symbol.as_str(), shares(*qty, *entry), shares(signed(own.qty), own.entry), usd)
            }
            (None, None) => continue,
        };
        found.push(mismatch.of(symbol));
    }
}

fn signed(qty: u64) -> i64 {
    i64::try_from(qty).unwrap_or(i64::MAX)
}

fn orders(book: &Book, told: &Told, found: &mut Vec<Mismatch>) {
    let words = |o: &OpenOrder| match o.stop {
        Some(stop) => format!("{:?} {} at stop {stop}", o.side, o.rest),
        None => format!("{:?} {}", o.side, o.rest),
    };
    let price = |symbol: &Symbol, order: &OpenOrder| {
        order.stop.or_else(|| book.position(symbol).map(|p| p.entry)).unwrap_or_default()
    };
    for order in book.unsent() {
        let ticket = &order.ticket;
        let mismatch = Mismatch::new(
            Kind::UnsentIntent,
            ticket.decision.as_str(),
            "not been asked".to_owned(),
            format!("an intent of {} shares that is {}", order.rest(), order.state),
            order.reserved(),
        );
        found.push(mismatch.of(&ticket.symbol).by(&order.client()));
    }
    let expected: BTreeMap<ClientId, OpenOrder> =
        open_orders_of(book).into_iter().map(|o| (o.client.clone(), o)).collect();
    // What an intent may have sent although nobody could tell is asked for by its own mismatch.
    let intended: BTreeSet<ClientId> = book.unsent().map(Order::client).collect();
    for working in &told.open {
        let usd = money::count(working.rest) * price(&working.symbol, working);
        let mismatch = match expected.get(&working.client) {
            None if intended.contains(&working.client) => continue,
            None => {
                Mismatch::new(Kind::UnknownOrder, working.client.as_str(), words(working), "no such order".into(), usd)
            }
            Some(own) if own == working => continue,
            Some(own) => {
                Mismatch::new(Kind::OrderDiffers, working.client.as_str(), words(working), words(own), Decimal::ZERO)
            }
        };
        found.push(mismatch.of(&working.symbol).by(&working.client));
    }
    let works: BTreeSet<&ClientId> = told.open.iter().map(|o| &o.client).collect();
    for own in expected.values().filter(|own| !works.contains(&own.client)) {
        let kind = if own.stop.is_some() { Kind::MissingStop } else { Kind::MissingOrder };
        let usd = money::count(own.rest) * price(&own.symbol, own);
        let mismatch = Mismatch::new(kind, own.client.as_str(), "nothing that works".into(), words(own), usd);
        found.push(mismatch.of(&own.symbol).by(&own.client));
    }
}

fn fills(book: &Book, told: &Told, since: Timestamp, found: &mut Vec<Mismatch>) {
    let booked: BTreeMap<ClientId, Execution> =
        executions_of(book, Timestamp::MIN).into_iter().map(|e| (e.client.clone(), e)).collect();
    let words = |e: &Execution| {
        let average = e.fill.average().map_or_else(|| "no price".to_owned(), |price| price.to_string());
        format!("{:?} {} at {average}", e.side, e.fill.total)
    };
    let none = || "no such fill".to_owned();
    for seen in &told.executions {
        let mismatch = match booked.get(&seen.client) {
            None => Mismatch::new(Kind::UnknownFill, seen.client.as_str(), words(seen), none(), seen.fill.notional),
            Some(own) if own.fill.total == seen.fill.total => continue,
            Some(own) => {
                let kind = if own.fill.total < seen.fill.total { Kind::UnknownFill } else { Kind::MissingFill };
                let usd = seen.fill.notional - own.fill.notional;
                Mismatch::new(kind, seen.client.as_str(), words(seen), words(own), usd)
            }
        };
        found.push(mismatch.of(&seen.symbol).by(&seen.client));
    }
    let reported: BTreeSet<&ClientId> = told.executions.iter().map(|e| &e.client).collect();
    for own in booked.values().filter(|own| own.at >= since && !reported.contains(&own.client)) {
        let mismatch = Mismatch::new(Kind::MissingFill, own.client.as_str(), none(), words(own), own.fill.notional);
        found.push(mismatch.of(&own.symbol).by(&own.client));
    }
}

fn cash(book: &Book, told: &Told, found: &mut Vec<Mismatch>) {
    // Opening cash, results of trades and what positions have cost and paid: with shares worth nothing, that is the cash.
    match book.ledger_equity(|_| Some(Decimal::ZERO)) {
        Ok(proved) if (proved - book.cash()).abs() > DOLLAR => found.push(Mismatch::new(
            Kind::CashUnproved,
            "cash",
            told.cash.to_string(),
            format!("{}, but their facts add up to {proved}", book.cash()),
            proved - book.cash(),
        )),
        Ok(_) => {}
        Err(e) => found.push(Mismatch::new(
            Kind::CashUnproved,
            "cash",
            told.cash.to_string(),
            format!("{}, which cannot be proved: {e}", book.cash()),
            Decimal::ZERO,
        )),
    }
    let apart = told.cash - book.cash();
    if apart.abs() > DOLLAR {
        found.push(Mismatch::new(Kind::Cash, "cash", told.cash.to_string(), book.cash().to_string(), apart));
    }
}

/// Returns the orders that work by the books: those that were sent and are open, and the stop of every position that no open exit has taken the place of.
pub(crate) fn open_orders_of(book: &Book) -> Vec<OpenOrder> {
    let sent: Vec<&Order> =
        book.orders().filter(|o| matches!(o.state, OrderState::Submitted | OrderState::PartiallyFilled)).collect();
    let mut open: Vec<OpenOrder> = sent
        .iter()
        .map(|o| OpenOrder {
            client: o.client(),
            symbol: o.ticket.symbol.clone(),
            side: o.ticket.side,
            rest: o.rest(),
            stop: None,
        })
        .collect();
    for position in book.positions() {
        let leaves = sent.iter().any(|o| o.ticket.position.as_ref() == Some(&position.id));
        let Some(stop) = position.protective.as_ref().filter(|_| !leaves) else { continue };
        let rest = stop.qty.saturating_sub(stop.fill.total);
        if rest > 0 {
            open.push(OpenOrder {
                client: stop.client.clone(),
                symbol: position.symbol.clone(),
                side: Side::Sell,
                rest,
                stop: Some(stop.stop),
            });
        }
    }
    open
}

/// Returns what was filled by the books since an instant: of orders, by the time of their intent, and of stops, by the time of the sale.
pub(crate) fn executions_of(book: &Book, since: Timestamp) -> Vec<Execution> {
    let mut filled: Vec<Execution> = Vec::new();
    for order in book.orders().filter(|o| o.ticket.created >= since) {
        for attempt in order.attempts.iter().filter(|a| a.fill.total > 0) {
            filled.push(Execution {
                client: attempt.client.clone(),
                symbol: order.ticket.symbol.clone(),
                side: order.ticket.side,
                fill: attempt.fill,
                at: order.ticket.created,
            });
        }
    }
    for position in book.positions() {
        if let Some(stop) = position.protective.as_ref().filter(|s| s.fill.total > 0 && s.placed_at >= since) {
            filled.push(Execution {
                client: stop.client.clone(),
                symbol: position.symbol.clone(),
                side: Side::Sell,
                fill: stop.fill,
                at: stop.placed_at,
            });
        }
    }
    // Trades stand in the order of their ends.
    for trade in book.trades().iter().rev().take_while(|t| t.exited_at >= since) {
        if let Some(fill) = stop_fill(book, trade).filter(|_| trade.reason == ExitReason::Stop) {
            filled.push(Execution {
                client: ClientId::stop(&trade.position),
                symbol: trade.symbol.clone(),
                side: Side::Sell,
                fill,
                at: trade.exited_at,
            });
        }
    }
    filled
}

/// What the stop has sold of a trade that it closed: all that no exit order has.
fn stop_fill(book: &Book, trade: &Trade) -> Option<Fill> {
    let exits = book
        .orders()
        .filter(|o| o.ticket.position.as_ref() == Some(&trade.position))
        .fold(Fill::default(), |sum, order| sum.plus(&order.filled()));
    let total = trade.qty.checked_sub(exits.total).filter(|total| *total > 0)?;
    let notional = money::count(trade.qty) * trade.exit - exits.notional;
    Some(Fill { total, notional, fees: Decimal::ZERO })
}
