//! The days the planner looks at, kept near.
//!
//! Building a [`MarketDay`] costs microseconds and the planner asks for the same few days thousands of times, so the last ones stay here. The answers are those of
//! [`Market::day`]; nothing else is remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::{CalendarError, Market, MarketDay};

/// How many days are kept; a week to either side and the horizon of a long gap fit.
const KEPT: usize = 64;

/// Days of one market, kept near.
#[derive(Debug, Clone)]
pub struct Days {
    market: Arc<Market>,
    kept: BTreeMap<Date, Arc<MarketDay>>,
    last: Option<Arc<MarketDay>>,
}

impl Days {
    /// Begins without a day.
    pub fn new(market: Arc<Market>) -> Days {
        Days { market, kept: BTreeMap::new(), last: None }
    }

    /// Returns the market whose days these are.
    pub fn market(&self) -> &Arc<Market> {
        &self.market
    }

    /// Returns the day of a civil date in the market's zone.
    ///
    /// # Errors
    /// What [`Market::day`] says of a date that it does not cover.
    pub fn on(&mut self, date: Date) -> Result<Arc<MarketDay>, CalendarError> {
        if let Some(day) = self.kept.get(&date) {
            return Ok(Arc::clone(day));
        }
        let day = Arc::new(self.market.day(date)?);
        if self.kept.len() >= KEPT {
            // The planner moves forward: the earliest day is the least likely to be asked again.
            self.kept.pop_first();
        }
        self.kept.insert(date, Arc::clone(&day));
        Ok(day)
    }

    /// Returns the day that holds an instant.
    ///
    /// # Errors
    /// What [`Market::day`] says of a date that it does not cover.
    pub fn at(&mut self, instant: Timestamp) -> Result<Arc<MarketDay>, CalendarError> {
        if let Some(day) = self.last.as_ref().filter(|d| d.from <= instant && instant < d.to) {
            return Ok(Arc::clone(day));
        }
        let day = self.on(self.market.date_of(instant))?;
        self.last = Some(Arc::clone(&day));
        Ok(day)
    }
}
