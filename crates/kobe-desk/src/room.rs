//! Room: how much may still be entered, by the limits that the gates apply.
//!
//! Only shows; what is refused is refused at the gates ([`kobe_trade::gate`]). Start at [`room`].

use jiff::civil::Date;
use kobe_trade::book::Book;
use kobe_trade::money::Decimal;
use kobe_trade::policy::PolicyMode;
use serde_json::{Value, json};

/// New entries a day, by gate `max_new_per_day`.
pub(crate) const NEW_PER_DAY: u32 = 2;
/// New entries a week, by gate `max_new_per_week`.
pub(crate) const NEW_PER_WEEK: u32 = 10;
/// Positions at once in any mode, by gate `max_positions`.
const POSITIONS: u32 = 5;

/// What is used and what is left of a day's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    mode: PolicyMode,
    committed: Decimal,
    reserved: Decimal,
    today: u32,
    week: u32,
    open: u32,
}

/// Returns the room on a date.
pub(crate) fn room(book: &Book, mode: PolicyMode, date: Date) -> Room {
    let budget = book.budget_on(date);
    Room {
        mode,
        committed: budget.committed,
        reserved: budget.reserved,
        today: budget.entries,
        week: book.week().entries,
        open: book.open_count(),
    }
}

impl Room {
    /// Returns how many entries the counts still allow: the smallest of day, week and positions.
    pub(crate) fn entries_left(&self) -> u32 {
        let positions = self.mode.limits().positions.min(POSITIONS);
        let left = |limit: u32, used: u32| limit.saturating_sub(used);
        left(NEW_PER_DAY, self.today).min(left(NEW_PER_WEEK, self.week)).min(left(positions, self.open))
    }

    /// Returns the entries of the day, those on their way included.
    pub(crate) fn entries_today(&self) -> u32 {
        self.today
    }

    /// Returns the dollars of the day's budget that are left.
    pub(crate) fn budget_left(&self) -> Decimal {
        (self.mode.limits().per_day - self.committed - self.reserved).max(Decimal::ZERO)
    }

    /// Returns what a reader of artifacts sees.
    pub(crate) fn json(&self) -> Value {
        let limits = self.mode.limits();
        json!({
            "policy_mode": self.mode, "per_order": limits.per_order, "day_budget": limits.per_day, "committed": self.committed, "reserved": self.reserved,
            "budget_left": self.budget_left(), "entries_today": self.today, "max_entries_today": NEW_PER_DAY, "entries_this_week": self.week,
            "max_entries_this_week": NEW_PER_WEEK, "positions": self.open, "max_positions": limits.positions.min(POSITIONS), "entries_left": self.entries_left(),
        })
    }
}
