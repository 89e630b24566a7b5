//! The embedded paper broker.
//!
//! It fills at once and in full against the quote of the session (in a replay: the session's open, labelled so), by the rules of [`kobe_trade::paper`], and holds a stop for
//! every entry. Its account is the books themselves: what is not booked never happened here. It invents no price: without a quote there is no fill.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_trade::book::Book;
use kobe_trade::gate::Permit;
use kobe_trade::id::{ClientId, PositionId, Symbol};
use kobe_trade::money;
use kobe_trade::order::{Intent, Order};
use kobe_trade::paper::{self, PaperRefusal, Purse};
use kobe_trade::policy::Endpoint;
use kobe_trade::ports::{Account, Ack, AckStatus, Books, Broker, BrokerError, Execution, Held, OpenOrder, StopAck};
use kobe_trade::quote::Quote;

use crate::reconcile::{executions_of, open_orders_of};
use crate::services::{Era, Source};

/// The embedded paper broker.
pub struct PaperBroker {
    market: Arc<Market>,
    source: Arc<Source>,
    books: Arc<dyn Books>,
    era: Era,
}

impl PaperBroker {
    /// Opens a broker over data and books.
    pub fn new(market: Arc<Market>, source: Arc<Source>, books: Arc<dyn Books>, era: Era) -> PaperBroker {
        PaperBroker { market, source, books, era }
    }

    fn ack_of(book: &Book, order: &Order) -> Option<Ack> {
        let sent = order.attempts.last()?;
        let status = match (&order.ended, order.rest()) {
            (_, 0) => AckStatus::Filled,
            (Some(reason), _) => AckStatus::Cancelled { reason: reason.clone() },
            (None, _) => AckStatus::Working,
        };
        let stop = book.position(&order.ticket.symbol).and_then(|p| p.protective.as_ref()).map(|p| StopAck {
            client: p.client.clone(),
            qty: p.qty,
            stop: p.stop,
        });
        Some(Ack {
            client: sent.client.clone(),
            broker: format!("paper-{}", sent.client),
            status,
            fill: sent.fill,
            stop,
        })
    }
}

impl Broker for PaperBroker {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Embedded
    }

    fn quote(&self, symbol: &Symbol, now: Timestamp) -> Result<Quote, BrokerError> {
        let none = |why: String| BrokerError::NoQuote { symbol: symbol.clone(), why };
        let day = self.market.day(self.market.date_of(now)).map_err(|e| none(e.to_string()))?;
        if !day.is_open(now) {
            return Err(none("the market is closed".into()));
        }
        if self.era == Era::Live {
            return Err(none("no feed of quotes is connected".into()));
        }
        let data = self.source.data().map_err(|e| none(e.to_string()))?;
        let bar = data
            .symbol(symbol.as_str())
            .and_then(|s| s.bar_on(day.date))
            .ok_or_else(|| none(format!("no bar of {}", day.date)))?;
        Ok(Quote::replay(money::px(bar.open), now))
    }

    fn submit(&self, permit: Permit, order: &Order, quote: &Quote, now: Timestamp) -> Result<Ack, BrokerError> {
        let decision = order.ticket.decision.clone();
        if !permit.covers(order) {
            return Err(BrokerError::NotCovered(decision));
        }
        let book = self.books.book();
        let fees = self.source.fees().map_err(BrokerError::NotSent)?;
        let shares = book.position(&order.ticket.symbol).map_or(0, |p| p.qty);
        let purse = Purse { cash: book.cash(), shares };
        let client = permit.client().clone();
        let broker = format!("paper-{client}");
        match paper::fill(&permit, order, quote, purse, fees, self.market.date_of(now)) {
            Ok(fill) => {
                let stop = match (order.ticket.intent, order.ticket.distance, fill.average()) {
                    (Intent::Entry, Some(distance), Some(price)) => {
                        let position = PositionId::of(order.ticket.day, &order.ticket.symbol);
                        Some(StopAck {
                            client: ClientId::stop(&position),
                            qty: fill.total,
                            stop: money::cents(price - distance),
                        })
                    }
                    _ => None,
                };
                Ok(Ack { client, broker, status: AckStatus::Filled, fill, stop })
            }
            Err(e @ (PaperRefusal::PastLimit { .. } | PaperRefusal::BadQuote { .. })) => Ok(Ack {
                client,
                broker,
                status: AckStatus::Cancelled { reason: e.to_string() },
                fill: Default::default(),
                stop: None,
            }),
            Err(PaperRefusal::NotCovered) => Err(BrokerError::NotCovered(decision)),
            Err(e @ (PaperRefusal::NoCash { .. } | PaperRefusal::NoShares { .. })) => Ok(Ack {
                client,
                broker,
                status: AckStatus::Rejected { reason: e.to_string() },
                fill: Default::default(),
                stop: None,
            }),
            Err(e) => Err(BrokerError::NotSent(e.to_string())),
        }
    }

    fn find(&self, client: &ClientId, _: Timestamp) -> Result<Option<Ack>, BrokerError> {
        let book = self.books.book();
        Ok(book
            .orders()
            .find(|o| o.attempts.iter().any(|a| &a.client == client))
            .and_then(|o| PaperBroker::ack_of(&book, o)))
    }

    fn cancel(&self, order: &Order, _: Timestamp) -> Result<Ack, BrokerError> {
        let book = self.books.book();
        if order.ticket.intent != Intent::Entry {
            return Err(BrokerError::NotAnEntry(order.client()));
        }
        let mut ack =
            PaperBroker::ack_of(&book, order).ok_or_else(|| BrokerError::NotSent("the order was never sent".into()))?;
        if ack.status == AckStatus::Working {
            ack.status = AckStatus::Cancelled { reason: "withdrawn".into() };
        }
        Ok(ack)
    }

    fn positions(&self, _: Timestamp) -> Result<Vec<Held>, BrokerError> {
        let book = self.books.book();
        Ok(book
            .positions()
            .map(|p| Held { symbol: p.symbol.clone(), qty: i64::try_from(p.qty).unwrap_or(i64::MAX), entry: p.entry })
            .collect())
    }

    fn open_orders(&self, _: Timestamp) -> Result<Vec<OpenOrder>, BrokerError> {
        Ok(open_orders_of(&self.books.book()))
    }

    fn executions(&self, since: Timestamp, _: Timestamp) -> Result<Vec<Execution>, BrokerError> {
        Ok(executions_of(&self.books.book(), since))
    }

    fn account(&self, now: Timestamp) -> Result<Account, BrokerError> {
        let book = self.books.book();
        let mark = |symbol: &Symbol| match self.quote(symbol, now) {
            Ok(quote) => Some(quote.mid()),
            Err(_) => self.last_close(symbol, now),
        };
        let equity = book.equity(mark).map_err(|e| BrokerError::Unknown(e.to_string()))?;
        Ok(Account { cash: book.cash(), equity })
    }
}

impl PaperBroker {
    fn last_close(&self, symbol: &Symbol, now: Timestamp) -> Option<money::Decimal> {
        let series = self.source.data().ok()?.symbol(symbol.as_str())?;
        let today = self.market.day(self.market.date_of(now)).ok()?;
        let completed = match &today.session {
            Some(session) if session.close <= now => session.date,
            _ => self.market.previous_session(today.date).ok()?.date,
        };
        series.index_until(completed).and_then(|i| series.bar(i)).map(|bar| money::px(bar.close))
    }
}
