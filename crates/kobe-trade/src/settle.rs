//! The settlement of a session: stops first, then the exits that the bar decides, then the close of the books.
//!
//! Everything a daily bar decides is decided here, at the close and from the completed bar, in symbol order. The facts come back to the caller, which
//! stores them; nothing is sent. Start at [`close`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::book::{Book, BookError};
use crate::exits;
use crate::fact::{Fact, What};
use crate::fees::FeeTable;
use crate::id::Symbol;
use crate::money::Decimal;
use crate::paper::{self, PaperRefusal};
use crate::risk::{self, Breach};

/// The completed bar of a symbol that is held, as traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedBar {
    /// First price.
    pub open: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Whether the strategies' exit level is reached on it.
    pub by_indicator: bool,
}

/// What a session's close came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The facts, in order; the last is the close of the day.
    pub facts: Vec<Fact>,
    /// Equity at the close.
    pub equity: Decimal,
    /// A loss that pulls the kill switch.
    pub breach: Option<Breach>,
}

/// Why a session cannot be settled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// A position has no bar.
    #[error("{0} is held and has no bar of the session")]
    NoBar(Symbol),
    /// The sale of a stop cannot be priced.
    #[error(transparent)]
    Paper(#[from] PaperRefusal),
    /// A fact that the book refuses.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// Settles the session of `day`, which closed at `at`, by the rules of replay: protective stops fill at the worse of open and stop, also while the kill
/// switch is pulled; else an exit may be queued.
///
/// # Errors
/// [`SettleError`]; then nothing is settled.
pub fn close(
    book: &Book,
    day: Date,
    at: Timestamp,
    bars: &BTreeMap<Symbol, ClosedBar>,
    fees: &FeeTable,
) -> Result<Settled, SettleError> {
    let mut after = book.clone();
    let mut facts = Vec::new();
    for position in book.positions() {
        let bar = bars.get(&position.symbol).ok_or_else(|| SettleError::NoBar(position.symbol.clone()))?;
        let at_stop = position.protective.as_ref().filter(|_| exits::stopped(position, bar.low));
        let what = if let Some(stop) = at_stop {
            let price = paper::stop_price(bar.open, position.stop);
            let sale = paper::sale(stop.qty - stop.fill.total, price, fees, day)?;
            What::StopFilled { position: position.id.clone(), fill: stop.fill.plus(&sale) }
        } else {
            match exits::decide(position.strategy, position.held + 1, bar.by_indicator) {
                Some(reason) => What::ExitQueued { position: position.id.clone(), reason },
                None => continue,
            }
        };
        let fact = Fact::new(at, day, what);
        after.apply(&fact)?;
        facts.push(fact);
    }
    let marks: BTreeMap<Symbol, Decimal> = after
        .positions()
        .filter_map(|position| bars.get(&position.symbol).map(|bar| (position.symbol.clone(), bar.close)))
        .collect();
    let equity = after.equity(|symbol| marks.get(symbol).copied())?;
    let breach = risk::trips(equity, book.last_equity(), book.week().start_equity);
    facts.push(Fact::new(at, day, What::DayClosed { marks, equity }));
    Ok(Settled { facts, equity, breach })
}

#[cfg(test)]
mod tests;
