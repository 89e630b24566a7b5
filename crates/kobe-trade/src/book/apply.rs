//! The fold: one function a fact. Each looks first and writes last, so that a refused fact changes nothing.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{
    Book, BookError, CURVE_TAIL, DayRow, Freed, Incident, ORDER_MEMORY_DAYS, Position, Protective, Queued, Trade, Week,
};
use crate::fact::{Fact, What};
use crate::gate::policy_verdict;
use crate::id::{ClientId, DecisionId, PositionId, Side, Symbol};
use crate::money::{self, Decimal};
use crate::order::{ExitReason, Fill, Intent, Order, OrderEvent, OrderState, Ticket};

/// Incidents that a book keeps at hand; the store keeps the facts behind them all.
const INCIDENTS_KEPT: usize = 200;
/// How long freed notional can matter at most.
const FREED_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Book {
    /// Takes one fact.
    ///
    /// # Errors
    /// [`BookError`] when the fact cannot be: the book is then exactly as before.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), BookError> {
        if self.opening.is_none() && !matches!(fact.what, What::Opened { .. }) {
            return Err(BookError::NotOpen);
        }
        // A day that runs backwards (a clock set back over midnight) belongs to the newest day known: no budget comes back.
        let day = self.today.map_or(fact.day, |today| today.max(fact.day));
        let used = (self.committed, self.entered_today);
        if self.today.is_some_and(|today| today < day) {
            (self.committed, self.entered_today) = (Decimal::ZERO, 0);
        }
        if let Err(error) = self.take(&fact.what, day, fact.at) {
            (self.committed, self.entered_today) = used;
            return Err(error);
        }
        self.today = Some(day);
        self.version += 1;
        Ok(())
    }

    fn take(&mut self, what: &What, day: Date, at: Timestamp) -> Result<(), BookError> {
        match what {
            What::Opened { cash } => self.open(*cash),
            What::Decided { .. } | What::Noted { .. } => Ok(()),
            What::Intended { ticket } => self.intend(ticket),
            What::Ordered { decision, change } => self.ordered(decision, change, day, at),
            What::StopPlaced { position, client, qty, stop } => self.place_stop(position, client, *qty, *stop, at),
            What::StopFilled { position, fill } => self.stop_filled(position, fill, day, at),
            What::ExitQueued { position, reason } => self.queue_exit(position, *reason, day),
            What::Split { symbol, ratio } => self.split(symbol, *ratio),
            What::Dividend { symbol, cash } => self.dividend(symbol, *cash),
            What::DayClosed { marks, equity } => self.close_day(marks, *equity, day, at),
            What::WeekClosed => {
                self.close_week();
                Ok(())
            }
            What::KillTripped { record } => {
                self.kill.trip(record, at);
                Ok(())
            }
            What::KillCleared { .. } => {
                self.kill.rearm(at);
                Ok(())
            }
        }
    }

    fn open(&mut self, cash: Decimal) -> Result<(), BookError> {
        if self.opening.is_some() {
            return Err(BookError::AlreadyOpen);
        }
        if cash < Decimal::ZERO {
            return Err(BookError::Overdrawn(cash));
        }
        (self.opening, self.cash, self.peak) = (Some(cash), cash, cash);
        self.week = Some(Week { start_equity: cash, entries: 0, kept_by: Vec::new() });
        Ok(())
    }

    fn intend(&mut self, ticket: &Ticket) -> Result<(), BookError> {
        let decision = &ticket.decision;
        let bad = |why: &str| Err(BookError::BadTicket { decision: decision.clone(), why: why.to_owned() });
        if self.orders.contains_key(decision) {
            return Err(BookError::DuplicateDecision(decision.clone()));
        }
        if ticket.qty == 0 || ticket.limit.is_some_and(|limit| limit <= Decimal::ZERO) {
            return bad("invalid_price_or_qty");
        }
        match (ticket.intent, ticket.side) {
            (Intent::Entry, Side::Sell) | (Intent::Exit, Side::Buy) => return bad("shorts_disabled"),
            (Intent::Entry, Side::Buy) => {
                let (Some(limit), Some(distance)) = (ticket.limit, ticket.distance) else {
                    return bad("an entry has a limit and a distance to its stop");
                };
                if distance <= Decimal::ZERO || ticket.position.is_some() || ticket.reason.is_some() {
                    return bad("an entry has a stop below it and reduces no position");
                }
                if self.kill.active.is_some() {
                    return Err(BookError::Killed(decision.clone()));
                }
                if self.holds(&ticket.symbol) {
                    return bad("already_have_position");
                }
                let notional = money::count(ticket.qty).checked_mul(limit).ok_or(BookError::Range)?;
                // `apply` has begun the new day already where this fact is its first one.
                if let Err(refusal) = policy_verdict(ticket.mode, notional, self.committed + self.reserved()) {
                    return Err(BookError::Budget { decision: decision.clone(), refusal });
                }
                if notional > self.free_cash() {
                    return Err(BookError::Overdrawn(self.free_cash() - notional));
                }
            }
            (Intent::Exit, Side::Sell) => {
                let (Some(id), Some(_)) = (&ticket.position, ticket.reason) else {
                    return bad("an exit names its position and its reason");
                };
                let held = self.position_by_id(id).ok_or_else(|| BookError::UnknownPosition(id.clone()))?;
                if held.symbol != ticket.symbol {
                    return bad("the position is in another symbol");
                }
                if ticket.qty > self.free_shares(held) {
                    return bad("exceeds_position");
                }
            }
        }
        self.orders.insert(decision.clone(), Order::pending(ticket.clone()));
        Ok(())
    }

    fn ordered(
        &mut self,
        decision: &DecisionId,
        event: &OrderEvent,
        day: Date,
        at: Timestamp,
    ) -> Result<(), BookError> {
        let mut order = self.orders.get(decision).cloned().ok_or_else(|| BookError::UnknownOrder(decision.clone()))?;
        let first = order.filled().total == 0;
        let progress = order.take(event)?;
        if progress.delta.total > 0 {
            match order.ticket.intent {
                Intent::Entry => self.buy(&order.ticket, &progress.delta, first, day, at)?,
                Intent::Exit => {
                    let id = order.ticket.position.clone();
                    let id = id.ok_or_else(|| BookError::UnknownOrder(decision.clone()))?;
                    let reason = order.ticket.reason.unwrap_or(ExitReason::Operator);
                    self.sell(&id, &progress.delta, reason, day, at)?;
                }
            }
        }
        if progress.late {
            self.incident(at, format!("{decision}: {} shares filled after the order had ended", progress.delta.total));
        }
        match event {
            OrderEvent::Rejected { .. } => self.rejects_in_a_row += 1,
            OrderEvent::Filled { .. } | OrderEvent::Expired => self.rejects_in_a_row = 0,
            _ => {}
        }
        self.orders.insert(decision.clone(), order);
        Ok(())
    }

    fn buy(&mut self, ticket: &Ticket, delta: &Fill, first: bool, day: Date, at: Timestamp) -> Result<(), BookError> {
        let cash = self.cash - delta.notional - delta.fees;
        if cash < Decimal::ZERO {
            return Err(BookError::Overdrawn(cash));
        }
        let average =
            |cost: Decimal, qty: u64| money::ratio(cost, money::count(qty)).map(money::price).ok_or(BookError::Range);
        let distance = ticket.distance.unwrap_or_default();
        match self.positions.get_mut(&ticket.symbol) {
            Some(held) if held.decision != ticket.decision => {
                let why = "a fill for a symbol that another decision holds".to_owned();
                return Err(BookError::BadTicket { decision: ticket.decision.clone(), why });
            }
            Some(held) => {
                let (qty, cost) = (held.qty + delta.total, held.cost + delta.notional);
                let entry = average(cost, qty + held.sold.total)?;
                (held.qty, held.cost, held.entry) = (qty, cost, entry);
                held.entry_fees += delta.fees;
                if held.protective.is_none() {
                    held.stop = money::cents(entry - distance);
                    held.initial_stop = held.stop;
                }
            }
            None => {
                let entry = average(delta.notional, delta.total)?;
                let stop = money::cents(entry - distance);
                let position = Position {
                    id: PositionId::of(ticket.day, &ticket.symbol),
                    symbol: ticket.symbol.clone(),
                    strategy: ticket.strategy,
                    decision: ticket.decision.clone(),
                    packet: ticket.packet.clone(),
                    qty: delta.total,
                    entry,
                    cost: delta.notional,
                    entered: day,
                    entered_at: at,
                    stop,
                    initial_stop: stop,
                    distance,
                    protective: None,
                    held: 0,
                    queued: None,
                    sold: Fill::default(),
                    entry_fees: delta.fees,
                    dividends: Decimal::ZERO,
                };
                self.positions.insert(ticket.symbol.clone(), position);
            }
        }
        self.cash = cash;
        self.committed += delta.notional;
        if first {
            self.entered_today += 1;
            if let Some(week) = &mut self.week {
                week.entries += 1;
            }
        }
        Ok(())
    }

    fn sell(
        &mut self,
        id: &PositionId,
        delta: &Fill,
        reason: ExitReason,
        day: Date,
        at: Timestamp,
    ) -> Result<(), BookError> {
        let unknown = || BookError::UnknownPosition(id.clone());
        let held = self.position_by_id(id).ok_or_else(unknown)?;
        if delta.total > held.qty {
            return Err(BookError::Short { position: id.clone(), held: held.qty, sold: delta.total });
        }
        let cash = self.cash + delta.notional - delta.fees;
        if cash < Decimal::ZERO {
            return Err(BookError::Overdrawn(cash));
        }
        let mut held = held.clone();
        held.qty -= delta.total;
        held.sold = Fill {
            total: held.sold.total + delta.total,
            notional: held.sold.notional + delta.notional,
            fees: held.sold.fees + delta.fees,
        };
        if let Some(protective) = &mut held.protective {
            // Linked: what one exit sold, the other can no longer sell.
            protective.qty = protective.fill.total + held.qty.min(protective.qty - protective.fill.total);
        }
        self.cash = cash;
        if held.qty > 0 {
            self.positions.insert(held.symbol.clone(), held);
            return Ok(());
        }
        let exit = held.sold.average().ok_or(BookError::Range)?;
        self.positions.remove(&held.symbol);
        self.cancel_exits_of(id);
        self.freed.push(Freed { at, notional: held.sold.notional });
        let net = held.result(Decimal::ZERO);
        self.realised += net;
        self.trades.push(Trade {
            position: held.id,
            symbol: held.symbol,
            strategy: held.strategy,
            decision: held.decision,
            packet: held.packet,
            qty: held.sold.total,
            entered: held.entered,
            entered_at: held.entered_at,
            entry: held.entry,
            stop: held.stop,
            distance: held.distance,
            exited: day,
            exited_at: at,
            exit,
            reason,
            held: held.held,
            fees: held.sold.fees + held.entry_fees,
            dividends: held.dividends,
            pnl: money::cents(net),
            net,
        });
        Ok(())
    }

    /// Withdraws the exits of a position that is gone; the order that sold it has been taken already and is written after this.
    fn cancel_exits_of(&mut self, id: &PositionId) {
        let gone = OrderEvent::Cancelled { reason: "the position is closed".to_owned() };
        for order in self.orders.values_mut() {
            if order.ticket.position.as_ref() == Some(id) && order.state.is_open() {
                // A replaced exit has no way to be cancelled; it is never sent, since its position is gone.
                let _ = order.take(&gone);
            }
        }
    }

    fn place_stop(
        &mut self,
        id: &PositionId,
        client: &ClientId,
        qty: u64,
        stop: Decimal,
        at: Timestamp,
    ) -> Result<(), BookError> {
        let held = self.position_mut(id)?;
        let bad = |why: &str| BookError::BadTicket { decision: held.decision.clone(), why: why.to_owned() };
        if qty == 0 || qty > held.qty {
            return Err(bad("the stop is for other shares than are held"));
        }
        if stop <= Decimal::ZERO || stop < held.stop {
            return Err(bad("a stop never loosens"));
        }
        held.stop = stop;
        held.protective = Some(Protective { client: client.clone(), qty, stop, placed_at: at, fill: Fill::default() });
        Ok(())
    }

    fn stop_filled(&mut self, id: &PositionId, fill: &Fill, day: Date, at: Timestamp) -> Result<(), BookError> {
        let held = self.position_mut(id)?;
        let Some(protective) = held.protective.clone() else {
            return Err(BookError::UnknownPosition(id.clone()));
        };
        if fill.total <= protective.fill.total {
            return Ok(());
        }
        if fill.total > protective.qty {
            return Err(BookError::Short { position: id.clone(), held: protective.qty, sold: fill.total });
        }
        let delta = fill.since(&protective.fill).ok_or_else(|| BookError::Contradiction(id.clone()))?;
        self.sell(id, &delta, ExitReason::Stop, day, at)?;
        if let Ok(held) = self.position_mut(id)
            && let Some(protective) = &mut held.protective
        {
            protective.fill = *fill;
            protective.qty = fill.total + held.qty;
        }
        Ok(())
    }

    fn queue_exit(&mut self, id: &PositionId, reason: ExitReason, day: Date) -> Result<(), BookError> {
        self.position_mut(id)?.queued = Some(Queued { reason, decided: day });
        Ok(())
    }

    fn split(&mut self, symbol: &Symbol, ratio: Decimal) -> Result<(), BookError> {
        let bad = |why: &str| BookError::BadAction { symbol: symbol.clone(), why: why.to_owned() };
        if ratio <= Decimal::ZERO {
            return Err(bad("a split has a positive ratio"));
        }
        let Some(held) = self.positions.get_mut(symbol) else { return Ok(()) };
        let shares = |qty: u64| -> Result<u64, BookError> {
            let whole = money::count(qty).checked_mul(ratio).map(money::floor).ok_or(BookError::Range)?;
            u64::try_from(whole).ok().filter(|qty| *qty > 0).ok_or_else(|| bad("the split leaves no whole share"))
        };
        let divided = |x: Decimal| money::ratio(x, ratio).ok_or(BookError::Range);
        let (qty, entry) = (shares(held.qty)?, money::price(divided(held.entry)?));
        let (stop, initial_stop) = (money::cents(divided(held.stop)?), money::cents(divided(held.initial_stop)?));
        let distance = money::price(divided(held.distance)?);
        let protective = match &held.protective {
            None => None,
            Some(old) => {
                Some(Protective { qty, stop: money::cents(divided(old.stop)?), fill: Fill::default(), ..old.clone() })
            }
        };
        // What the dropped fraction and the rounding of the price took from the cost: a loss of the ledger, not of the trade.
        let lost = money::count(qty) * entry - money::count(held.qty) * held.entry;
        (held.qty, held.entry, held.stop) = (qty, entry, stop);
        (held.initial_stop, held.distance, held.protective) = (initial_stop, distance, protective);
        held.cost += lost;
        self.split_loss += lost;
        Ok(())
    }

    fn dividend(&mut self, symbol: &Symbol, cash: Decimal) -> Result<(), BookError> {
        if cash < Decimal::ZERO {
            return Err(BookError::BadAction { symbol: symbol.clone(), why: "a dividend is not negative".to_owned() });
        }
        let Some(held) = self.positions.get_mut(symbol) else { return Ok(()) };
        let amount = money::count(held.qty).checked_mul(cash).ok_or(BookError::Range)?;
        held.dividends += amount;
        self.cash += amount;
        Ok(())
    }

    fn close_day(
        &mut self,
        marks: &BTreeMap<Symbol, Decimal>,
        stated: Decimal,
        day: Date,
        at: Timestamp,
    ) -> Result<(), BookError> {
        if self.curve.last().is_some_and(|row| row.date >= day) {
            return Err(BookError::DayClosedAlready(day));
        }
        let price = |symbol: &Symbol| marks.get(symbol).copied();
        let equity = self.equity(price)?;
        let cent = Decimal::new(1, 2);
        for computed in [equity, self.ledger_equity(price)?] {
            if (computed - stated).abs() > cent {
                return Err(BookError::NotTied { stated, computed });
            }
        }
        for position in self.positions.values_mut() {
            position.held += 1;
        }
        self.curve.push(DayRow { date: day, cash: self.cash, positions: self.positions.len() as u32, equity });
        if self.curve.len() > CURVE_TAIL {
            self.curve.remove(0);
        }
        self.peak = self.peak.max(equity);
        if let Some(fall) = money::ratio(self.peak - equity, self.peak) {
            self.drawdown = self.drawdown.max(fall);
        }
        self.freed.retain(|freed| freed.at > at - FREED_KEPT);
        self.tidy_orders(day);
        Ok(())
    }

    /// Closes orders that have ended and forgets those that ended long ago, but for the entries of open positions.
    fn tidy_orders(&mut self, day: Date) {
        for order in self.orders.values_mut() {
            if !order.state.is_open() && order.state != OrderState::Closed {
                // Every ended state can be closed; see the table of moves.
                let _ = order.take(&OrderEvent::Closed);
            }
        }
        let oldest = day.saturating_sub(ORDER_MEMORY_DAYS.days());
        let positions = &self.positions;
        self.orders.retain(|decision, order| {
            order.state != OrderState::Closed
                || order.ticket.day >= oldest
                || positions.values().any(|position| &position.decision == decision)
        });
    }

    fn close_week(&mut self) {
        let start_equity = self.last_equity();
        let kept_by: Vec<Symbol> = self.positions.keys().cloned().collect();
        let entries = if kept_by.is_empty() { 0 } else { self.week.as_ref().map_or(0, |week| week.entries) };
        self.week = Some(Week { start_equity, entries, kept_by });
    }

    fn incident(&mut self, at: Timestamp, what: String) {
        self.incidents.push(Incident { at, what });
        if self.incidents.len() > INCIDENTS_KEPT {
            self.incidents.remove(0);
        }
    }

    fn position_mut(&mut self, id: &PositionId) -> Result<&mut Position, BookError> {
        self.positions
            .values_mut()
            .find(|position| &position.id == id)
            .ok_or_else(|| BookError::UnknownPosition(id.clone()))
    }
}
