//! Marks: what positions are worth at an instant, and since when gains are counted.
//!
//! While the market is open a position is marked with the middle of the broker's quote; at other times, and where no quote is to be had, with the newest close that is known
//! at that instant, brought over splits and dividends since. Books nothing and trips nothing. Start at [`Call::worth`].

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, MarketDay};
use kobe_plan::Outcome;
use kobe_quant::{Series, Strategy};
use kobe_trade::book::{Book, DayRow, Position, Trade};
use kobe_trade::id::Symbol;
use kobe_trade::money::{self, Decimal};
use serde_json::{Value, json};

use crate::call::{Call, no_data_set};
use crate::data::DataSet;

/// The price that a position is valued at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Dollars a share, in the shares of now.
    pub price: Decimal,
    /// The session whose close it is; `None` for the middle of a quote.
    pub close_of: Option<Date>,
}

/// What the account is worth at an instant.
#[derive(Debug, Clone)]
pub(crate) struct Worth {
    /// The books that were valued.
    pub book: Arc<Book>,
    /// The mark of every position.
    pub marks: BTreeMap<Symbol, Mark>,
    /// Dollars in positions.
    pub open_value: Decimal,
    /// Cash and positions, to the cent.
    pub equity: Decimal,
    /// What the open positions have earned so far, exactly.
    pub unrealised: Decimal,
    /// Some price of an open market is missing, and a close stands in for it.
    pub stale: bool,
}

impl Worth {
    /// Returns the mark of a symbol.
    pub fn price(&self, symbol: &Symbol) -> Option<Decimal> {
        self.marks.get(symbol).map(|mark| mark.price)
    }

    /// Returns what a position shows to a reader of artifacts.
    pub fn row(&self, position: &Position) -> Value {
        let mark = self.marks.get(&position.symbol);
        let price = mark.map(|m| m.price);
        let result = price.map(|price| position.result(price));
        json!({
            "symbol": position.symbol, "strategy": position.strategy, "qty": position.qty, "entry": position.entry, "entered": position.entered,
            "sessions_held": position.held, "stop": position.stop, "mark": price, "mark_source": mark.map(source),
            "unrealised": result.map(money::cents), "unrealised_pct": result.and_then(|r| percent(r, position.cost)),
            "r_multiple": price.and_then(|p| position.r_multiple(p)).map(|r| money::round(r, 2)),
        })
    }
}

fn source(mark: &Mark) -> String {
    mark.close_of.map_or_else(|| "quote".to_owned(), |date| format!("close of {date}"))
}

/// Returns `part` as hundredths of `whole`, to four places; `None` of nothing.
pub(crate) fn percent(part: Decimal, whole: Decimal) -> Option<Decimal> {
    money::ratio(part * Decimal::ONE_HUNDRED, whole).map(|x| money::round(x, 4))
}

/// A stretch of days up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// The date of the call.
    Day,
    /// Its ISO week, from Monday.
    Week,
}

impl Period {
    /// Returns the word that arguments and artifacts have.
    pub fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
        }
    }

    /// Returns its first day.
    pub fn first(self, date: Date) -> Date {
        match self {
            Period::Day => date,
            Period::Week => date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days()),
        }
    }
}

/// Where the count of a period begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since {
    /// First day of the period.
    pub first: Date,
    /// The last close before it; `None` where the account has none.
    pub base: Option<Date>,
    /// Equity at that close, or the opening cash.
    pub equity: Decimal,
}

/// A part of the gain of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gain {
    /// In what.
    pub symbol: Symbol,
    /// By which rule.
    pub strategy: Strategy,
    /// Dollars, exactly.
    pub dollars: Decimal,
    /// The position was closed in the period.
    pub closed: bool,
}

/// Returns the outcome of a question that the calendar cannot answer.
pub(crate) fn no_calendar(e: CalendarError) -> Outcome {
    Outcome::Error(e.to_string().into())
}

impl Call<'_> {
    /// Returns the market's day of the call.
    ///
    /// # Errors
    /// The outcome to return where the calendar does not know it.
    pub(crate) fn market_day(&self) -> Result<MarketDay, Outcome> {
        self.desk.market().day(self.date).map_err(no_calendar)
    }

    /// Returns the last session that is over: its bar is the newest that may be known.
    ///
    /// # Errors
    /// The outcome to return where the calendar does not know it.
    pub(crate) fn completed(&self) -> Result<Date, Outcome> {
        self.desk.completed(self.now).map_err(no_calendar)
    }

    /// Returns the data.
    ///
    /// # Errors
    /// The outcome to return where it cannot be used.
    pub(crate) fn data_set(&self) -> Result<&Arc<DataSet>, Outcome> {
        self.desk.data().map_err(|e| no_data_set(&e))
    }

    /// Returns the period that the arguments name, a day where they name none.
    ///
    /// # Errors
    /// Not built, for a period that nothing here knows.
    pub(crate) fn period(&self) -> Result<Period, Outcome> {
        match self.text_arg("period") {
            None | Some("day") => Ok(Period::Day),
            Some("week") => Ok(Period::Week),
            Some(_) => Err(Outcome::NotBuilt),
        }
    }

    /// Values the account now.
    ///
    /// # Errors
    /// The outcome to return where a position has no price at all.
    pub(crate) fn worth(&self) -> Result<Worth, Outcome> {
        let book = self.desk.book();
        let (mut marks, mut stale) = (BTreeMap::new(), false);
        if book.positions().len() > 0 {
            let open = self.market_day()?.is_open(self.now);
            let (data, completed) = (self.data_set()?, self.completed()?);
            for position in book.positions() {
                let quote = if open { self.desk.broker().quote(&position.symbol, self.now).ok() } else { None };
                let close = || {
                    let series = data.symbol(position.symbol.as_str())?;
                    let (date, price) = close_on(series, completed, self.date)?;
                    Some(Mark { price, close_of: Some(date) })
                };
                let mark = match quote {
                    Some(quote) => Some(Mark { price: quote.mid(), close_of: None }),
                    None => close(),
                };
                let mark =
                    mark.ok_or_else(|| Outcome::Unavailable(format!("a price of {}", position.symbol).into()))?;
                // A close is the right mark of a closed market, and only if it is the last one.
                stale |= mark.close_of.is_some_and(|date| open || date != completed);
                marks.insert(position.symbol.clone(), mark);
            }
        }
        let price = |symbol: &Symbol| marks.get(symbol).map(|mark| mark.price);
        let no_value = |e: kobe_trade::book::BookError| Outcome::Error(e.to_string().into());
        let open_value = book.open_value(price).map_err(no_value)?;
        let equity = book.equity(price).map_err(no_value)?;
        let unrealised = book.positions().filter_map(|p| Some(p.result(price(&p.symbol)?))).sum();
        Ok(Worth { book, marks, open_value, equity, unrealised, stale })
    }

    /// Returns where the count of a period begins.
    pub(crate) fn since(&self, book: &Book, period: Period) -> Since {
        let first = period.first(self.date);
        let row: Option<&DayRow> = book.curve().iter().rev().find(|row| row.date < first);
        Since { first, base: row.map(|r| r.date), equity: row.map_or_else(|| book.opening(), |r| r.equity) }
    }

    /// Returns what each trade and each open position has added since the period began.
    ///
    /// # Errors
    /// The outcome to return where a price at the beginning is missing.
    pub(crate) fn gains(&self, worth: &Worth, since: Since) -> Result<Vec<Gain>, Outcome> {
        let closed = closed_since(worth.book.trades(), since.first);
        if closed.is_empty() && worth.marks.is_empty() {
            return Ok(Vec::new());
        }
        let data = self.data_set()?;
        let at_start = |symbol: &Symbol, until: Date| {
            let found =
                since.base.zip(data.symbol(symbol.as_str())).and_then(|(base, series)| close_on(series, base, until));
            found
                .map(|(_, price)| price)
                .ok_or_else(|| Outcome::Unavailable(format!("the close of {symbol} before {}", since.first).into()))
        };
        let mut gains = Vec::with_capacity(closed.len() + worth.marks.len());
        for trade in closed {
            let before = if trade.entered < since.first {
                money::count(trade.qty) * (at_start(&trade.symbol, trade.exited)? - trade.entry) + trade.dividends
            } else {
                Decimal::ZERO
            };
            gains.push(Gain {
                symbol: trade.symbol.clone(),
                strategy: trade.strategy,
                dollars: trade.net - before,
                closed: true,
            });
        }
        for position in worth.book.positions() {
            let Some(price) = worth.price(&position.symbol) else { continue };
            let before = if position.entered < since.first {
                position.result(at_start(&position.symbol, self.date)?)
            } else {
                Decimal::ZERO
            };
            gains.push(Gain {
                symbol: position.symbol.clone(),
                strategy: position.strategy,
                dollars: position.result(price) - before,
                closed: false,
            });
        }
        Ok(gains)
    }
}

/// Returns the trades that were closed on or after a day; the books keep them in the order of their ends.
pub(crate) fn closed_since(trades: &[Trade], first: Date) -> &[Trade] {
    let newer = trades.iter().rev().take_while(|trade| trade.exited >= first).count();
    &trades[trades.len() - newer..]
}

/// Returns the last close up to `date` with its date, in the shares of `until`: splits and dividends after the bar, up to `until` included, are taken out.
fn close_on(series: &Series, date: Date, until: Date) -> Option<(Date, Decimal)> {
    let bar = series.bar(series.index_until(date)?)?;
    let actions = series.actions();
    let mut price = money::px(bar.close);
    for action in
        actions[actions.partition_point(|a| a.ex_date <= bar.date)..].iter().take_while(|a| a.ex_date <= until)
    {
        if action.split_ratio != 1.0 {
            price = money::ratio(price, money::from_f64(action.split_ratio)?)?;
        }
        price -= money::px(action.cash);
    }
    Some((bar.date, price))
}
