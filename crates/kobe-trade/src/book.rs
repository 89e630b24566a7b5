//! The book: cash, positions, orders and budget as the fold of all facts.
//!
//! [`Book::apply`] is the only way anything changes, and a fact that it refuses changes nothing. No order of facts makes a short position, overdraws the
//! account or carries out a decision twice; at every close equity ties to the results of all trades. Knows no clock, no calendar and no store: a fact
//! brings its own New York date. Start at [`Book::apply`].

mod apply;
mod types;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use types::{BookError, DayBudget, DayRow, Freed, Incident, Position, Protective, Queued, Trade, Week};

use crate::id::{DecisionId, PositionId, Symbol};
use crate::kill::KillLedger;
use crate::money::{self, Decimal};
use crate::order::{Intent, Order, OrderState};

/// Closes that a book keeps at hand; the store keeps them all.
pub const CURVE_TAIL: usize = 260;
/// Days for which a book remembers orders that are done, at least; the store keeps their ids for ever.
pub const ORDER_MEMORY_DAYS: i32 = 40;

/// Everything that follows from the facts so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    version: u64,
    opening: Option<Decimal>,
    cash: Decimal,
    today: Option<Date>,
    positions: BTreeMap<Symbol, Position>,
    orders: BTreeMap<DecisionId, Order>,
    trades: Vec<Trade>,
    committed: Decimal,
    entered_today: u32,
    week: Option<Week>,
    curve: Vec<DayRow>,
    peak: Decimal,
    drawdown: Decimal,
    realised: Decimal,
    split_loss: Decimal,
    kill: KillLedger,
    freed: Vec<Freed>,
    incidents: Vec<Incident>,
    rejects_in_a_row: u32,
}

impl Book {
    /// Returns a book without facts.
    pub fn new() -> Book {
        Book::default()
    }

    /// Returns the number of facts in the book; the store's guard against writing on an old copy.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns whether the account is open.
    pub fn is_open(&self) -> bool {
        self.opening.is_some()
    }

    /// Returns the cash at the start, zero before the account opens.
    pub fn opening(&self) -> Decimal {
        self.opening.unwrap_or_default()
    }

    /// Returns the cash now.
    pub fn cash(&self) -> Decimal {
        self.cash
    }

    /// Returns the cash that no open entry may still use.
    pub fn free_cash(&self) -> Decimal {
        self.cash - self.reserved()
    }

    /// Returns the positions, in symbol order.
    pub fn positions(&self) -> impl ExactSizeIterator<Item = &Position> {
        self.positions.values()
    }

    /// Returns the position in a symbol.
    pub fn position(&self, symbol: &Symbol) -> Option<&Position> {
        self.positions.get(symbol)
    }

    /// Returns a position by its name.
    pub fn position_by_id(&self, id: &PositionId) -> Option<&Position> {
        self.positions.values().find(|position| &position.id == id)
    }

    /// Returns the shares of a position that no open exit is selling.
    pub fn free_shares(&self, position: &Position) -> u64 {
        let leaving: u64 = self
            .open_orders()
            .filter(|order| order.ticket.position.as_ref() == Some(&position.id))
            .map(Order::rest)
            .sum();
        position.qty.saturating_sub(leaving)
    }

    /// Returns all orders that the book remembers, by decision.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Returns the orders that may still fill in the ordinary way.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|order| order.state.is_open())
    }

    /// Returns the intents that nobody is known to have sent: after a restart each is looked up at the broker first.
    pub fn unsent(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|order| matches!(order.state, OrderState::Pending | OrderState::Replaced))
    }

    /// Returns the order of a decision.
    pub fn order(&self, decision: &DecisionId) -> Option<&Order> {
        self.orders.get(decision)
    }

    /// Returns the closed trades, oldest first.
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// Returns what entries have used of `day`: the budget returns to 0 at midnight New York, but for entries still open.
    pub fn budget_on(&self, day: Date) -> DayBudget {
        let same_day = self.today.is_some_and(|today| day <= today);
        let (committed, filled) = if same_day { (self.committed, self.entered_today) } else { (Decimal::ZERO, 0) };
        DayBudget { date: day, committed, reserved: self.reserved(), entries: filled + self.entries_on_their_way() }
    }

    /// Returns the week's count of entries, those on their way included, and its equity at the start.
    pub fn week(&self) -> Week {
        let mut week =
            self.week.clone().unwrap_or(Week { start_equity: self.opening(), entries: 0, kept_by: Vec::new() });
        week.entries += self.entries_on_their_way();
        week
    }

    /// Returns how many positions are open, entries on their way included.
    pub fn open_count(&self) -> u32 {
        self.positions.len() as u32 + self.entries_on_their_way()
    }

    /// Returns whether a symbol is held or an entry in it is on its way.
    pub fn holds(&self, symbol: &Symbol) -> bool {
        self.positions.contains_key(symbol) || self.open_entries().any(|order| &order.ticket.symbol == symbol)
    }

    /// Returns the newest closes, oldest first, at most [`CURVE_TAIL`].
    pub fn curve(&self) -> &[DayRow] {
        &self.curve
    }

    /// Returns the equity at the last close, or the opening cash.
    pub fn last_equity(&self) -> Decimal {
        self.curve.last().map_or(self.opening(), |row| row.equity)
    }

    /// Returns the largest fall of equity from its peak over all closes, as a share of the peak.
    pub fn max_drawdown(&self) -> Decimal {
        self.drawdown
    }

    /// Returns what the ledger remembers of the kill switch.
    pub fn kill(&self) -> &KillLedger {
        &self.kill
    }

    /// Returns what nobody expected, oldest first.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Returns the broker's rejects since it last took an order.
    pub fn rejects_in_a_row(&self) -> u32 {
        self.rejects_in_a_row
    }

    /// Returns the dollars of positions closed after `last_scan`, which exposure rules still count.
    pub fn freed_since(&self, last_scan: Timestamp) -> Decimal {
        self.freed.iter().filter(|freed| freed.at > last_scan).map(|freed| freed.notional).sum()
    }

    /// Returns the dollars in all positions at the given prices.
    ///
    /// # Errors
    /// [`BookError::NoMark`] names the position without a price.
    pub fn open_value(&self, price: impl Fn(&Symbol) -> Option<Decimal>) -> Result<Decimal, BookError> {
        self.positions.values().try_fold(Decimal::ZERO, |sum, position| {
            let mark = price(&position.symbol).ok_or_else(|| BookError::NoMark(position.symbol.clone()))?;
            money::count(position.qty)
                .checked_mul(mark)
                .and_then(|value| sum.checked_add(value))
                .ok_or(BookError::Range)
        })
    }

    /// Returns cash and positions at the given prices, to the cent.
    ///
    /// # Errors
    /// [`BookError::NoMark`] names the position without a price.
    pub fn equity(&self, price: impl Fn(&Symbol) -> Option<Decimal>) -> Result<Decimal, BookError> {
        Ok(money::cents(self.cash + self.open_value(price)?))
    }

    /// Returns the results of all trades so far, exactly.
    pub fn realised(&self) -> Decimal {
        self.realised
    }

    /// Returns equity as the ledger has it: opening cash, results of closed and open trades, and what splits dropped. It equals [`Book::equity`] within
    /// a cent, always.
    ///
    /// # Errors
    /// [`BookError::NoMark`] names the position without a price.
    pub fn ledger_equity(&self, price: impl Fn(&Symbol) -> Option<Decimal>) -> Result<Decimal, BookError> {
        self.positions.values().try_fold(self.opening() + self.realised + self.split_loss, |sum, position| {
            let mark = price(&position.symbol).ok_or_else(|| BookError::NoMark(position.symbol.clone()))?;
            Ok(sum + position.result(mark))
        })
    }

    fn reserved(&self) -> Decimal {
        self.orders.values().map(Order::reserved).sum()
    }

    fn open_entries(&self) -> impl Iterator<Item = &Order> {
        self.open_orders().filter(|order| order.ticket.intent == Intent::Entry)
    }

    /// Entries of which nothing has filled yet.
    fn entries_on_their_way(&self) -> u32 {
        self.open_entries().filter(|order| order.filled().total == 0).count() as u32
    }
}

#[cfg(test)]
mod tests;
