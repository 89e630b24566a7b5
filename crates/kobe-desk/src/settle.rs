//! Settlement: what the market did to the books until now.
//!
//! Before a session's open, splits and dividends of its date; at its close, stops, queued exits and the day's equity; after the last session of an ISO week, its end. Each
//! becomes facts once, in order, before any function of a later instant sees the books.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_quant::setups::exit_by_indicator;
use kobe_trade::book::Book;
use kobe_trade::fact::What;
use kobe_trade::id::Symbol;
use kobe_trade::kill::KillRecord;
use kobe_trade::money;
use kobe_trade::settle::{self, ClosedBar};

use crate::services::Services;

/// How many blocks back a restart looks for splits and dividends of the day that are booked already.
const LOOK_BACK: u64 = 1000;

/// What has to be settled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    day: Date,
    close: bool,
}

impl Services {
    /// Brings the books to an instant.
    ///
    /// # Errors
    /// A sentence, when a session cannot be settled; what was settled before it stays so.
    pub fn settle_until(&self, now: Timestamp) -> Result<(), String> {
        let mut next = self.next_settlement();
        if next.is_some_and(|step| now < step.at) {
            return Ok(());
        }
        // Nothing is judged while the books are being settled.
        let _choke = self.hold_choke();
        let book = self.book();
        if !book.is_open() {
            return Ok(());
        }
        let mut step = match *next {
            Some(step) => step,
            None => self.first_step(&book, now)?,
        };
        while step.at <= now {
            step = if step.close { self.close(step)? } else { self.open(step)? };
        }
        *next = Some(step);
        Ok(())
    }

    fn first_step(&self, book: &Book, now: Timestamp) -> Result<Step, String> {
        let say = |e: kobe_calendar::CalendarError| e.to_string();
        let session = match book.curve().last() {
            Some(row) => self.market().next_session(row.date).map_err(say)?,
            None => {
                // No day was closed yet: begin with the day of the oldest position, or with the session that is not over.
                let entered = book.positions().map(|p| p.entered).min();
                let from = self.market().day(entered.unwrap_or(self.market().date_of(now))).map_err(say)?;
                match from.session {
                    Some(session) if entered.is_some() || now < session.close => session,
                    _ => self.market().next_session(from.date).map_err(say)?,
                }
            }
        };
        let close = Step { at: session.close, day: session.date, close: true };
        if self.actions_are_booked(session.date)? {
            return Ok(close);
        }
        let from = self.market().day(session.date).map_err(say)?.from;
        Ok(Step { at: from, day: session.date, close: false })
    }

    /// Tells whether splits and dividends of a day are facts already: a restart must not book them twice.
    fn actions_are_booked(&self, day: Date) -> Result<bool, String> {
        let head = self.books().head().map_err(|e| e.to_string())?;
        let from = head.count.saturating_sub(LOOK_BACK);
        let blocks = self.books().blocks(from, LOOK_BACK as usize).map_err(|e| e.to_string())?;
        Ok(blocks
            .iter()
            .rev()
            .filter_map(|b| b.fact().ok())
            .any(|f| f.day == day && matches!(f.what, What::Split { .. } | What::Dividend { .. })))
    }

    fn open(&self, step: Step) -> Result<Step, String> {
        let session = self
            .market()
            .day(step.day)
            .map_err(|e| e.to_string())?
            .session
            .ok_or("a day without session was to be settled")?;
        let book = self.book();
        if book.positions().len() > 0 {
            let data = self.data().map_err(|e| e.to_string())?;
            let mut facts = Vec::new();
            for position in book.positions() {
                for row in
                    data.actions.iter().filter(|r| r.symbol == position.symbol.as_str() && r.action.ex_date == step.day)
                {
                    if row.action.split_ratio != 1.0 {
                        let ratio = money::from_f64(row.action.split_ratio).ok_or("a split ratio is no number")?;
                        facts.push(self.fact(step.at, What::Split { symbol: position.symbol.clone(), ratio }));
                    }
                    let cash = money::px(row.action.cash);
                    if !cash.is_zero() {
                        facts.push(self.fact(step.at, What::Dividend { symbol: position.symbol.clone(), cash }));
                    }
                }
            }
            if !facts.is_empty() {
                self.append(&book, facts).map_err(|e| e.to_string())?;
            }
        }
        Ok(Step { at: session.close, day: step.day, close: true })
    }

    fn close(&self, step: Step) -> Result<Step, String> {
        let book = self.book();
        let bars = self.closed_bars(&book, step.day)?;
        let fees = self.fees()?;
        let settled = settle::close(&book, step.day, step.at, &bars, fees).map_err(|e| format!("{}: {e}", step.day))?;
        let mut facts = settled.facts;
        let next = self.market().next_session(step.day).map_err(|e| e.to_string())?;
        if let Some(breach) = settled.breach
            && book.kill().active.is_none()
        {
            let record = KillRecord::new(&breach.reason, breach.trigger, step.at, "auto_trigger");
            self.kill().trip(&record)?;
            facts.push(self.fact(step.at, What::KillTripped { record }));
        }
        if week(next.date) != week(step.day) {
            facts.push(self.fact(step.at, What::WeekClosed));
        }
        self.append(&book, facts).map_err(|e| e.to_string())?;
        let from = self.market().day(next.date).map_err(|e| e.to_string())?.from;
        Ok(Step { at: from, day: next.date, close: false })
    }

    fn closed_bars(&self, book: &Book, day: Date) -> Result<BTreeMap<Symbol, ClosedBar>, String> {
        let mut bars = BTreeMap::new();
        if book.positions().len() == 0 {
            return Ok(bars);
        }
        let data = self.data().map_err(|e| e.to_string())?;
        for position in book.positions() {
            let Some(series) = data.symbol(position.symbol.as_str()) else { continue };
            let Some((i, bar)) = series.index_of(day).and_then(|i| series.bar(i).map(|bar| (i, bar))) else { continue };
            let closed = ClosedBar {
                open: money::px(bar.open),
                low: money::px(bar.low),
                close: money::px(bar.close),
                by_indicator: exit_by_indicator(series, i),
            };
            bars.insert(position.symbol.clone(), closed);
        }
        Ok(bars)
    }
}

fn week(date: Date) -> (i16, i8) {
    let week = date.iso_week_date();
    (week.year(), week.week())
}
