//! Skips: slots that an operator has left out, by whom and why.
//!
//! Rule: a slot that is left out has its row at once, also one that is still to come, and no row that is over changes; so rows say what is left out, and nothing takes it back
//! but running the task by hand. A wish that nobody has obeyed yet has no row, and can be taken back. Start at [`Skips::of`].

use jiff::Timestamp;
use kobe_plan::view::Planned;
use kobe_plan::{Desk, Reason, Slot, State, Verb, Verdict};
use kobe_store::{Reader, RunFilter, RunRow, WishRow};

use crate::failure::Failure;

/// The newest of them that are looked at.
const MOST: usize = 1000;

/// What operators have left out, and what they wished and is still open.
#[derive(Default)]
pub struct Skips {
    rows: Vec<RunRow>,
    wishes: Vec<WishRow>,
}

impl Skips {
    /// Reads what was left out in a state; nothing where none ever ran.
    ///
    /// # Errors
    /// [`Failure::Store`] when the rows cannot be read.
    pub fn of(reader: Option<&Reader>) -> Result<Skips, Failure> {
        let Some(reader) = reader else { return Ok(Skips::default()) };
        let left_out =
            RunFilter { state: Some(State::Skipped), reason: Some(Reason::Operator), ..RunFilter::newest(MOST) };
        Ok(Skips { rows: reader.runs(&left_out)?, wishes: reader.wishes(MOST)? })
    }

    /// Says by whom a slot was left out and why; nothing when it was not.
    pub fn of_slot(&self, task: &str, slot: Slot) -> Option<String> {
        let slot = slot.to_string();
        let row = self.rows.iter().find(|row| row.task == task && row.slot == slot)?;
        Some(self.words(row))
    }

    /// Returns the slots of a task that are left out and still to come, the next first, with who and why.
    pub fn ahead(&self, task: &str, now: Timestamp) -> Vec<(Timestamp, String)> {
        let rows = self.rows.iter().filter(|row| row.task == task && row.due > now);
        let mut found: Vec<(Timestamp, String)> = rows.map(|row| (row.due, self.words(row))).collect();
        found.sort();
        found
    }

    /// Returns wishes to leave out a slot of a task that nobody has obeyed yet, the newest first.
    pub fn open(&self, task: &str) -> impl Iterator<Item = &WishRow> {
        self.wishes.iter().filter(move |wish| wish.verb == Verb::Skip && wish.done_at.is_none() && wish.name == task)
    }

    /// Puts what was left out into a plan.
    pub fn apply(&self, plan: &mut [Planned], desk: &Desk) {
        if self.rows.is_empty() {
            return;
        }
        for planned in plan {
            let slot = planned.occurrence.map(|o| o.slot);
            if slot.is_some_and(|slot| self.of_slot(&desk.task(planned.task).name, slot).is_some()) {
                planned.verdict = Some(Verdict::Skip(Reason::Operator));
            }
        }
    }

    fn words(&self, row: &RunRow) -> String {
        let (id, done) = (row.id.to_string(), format!("done: {}", row.slot));
        let is_of = |wish: &&WishRow| match wish.verb {
            Verb::Skip => wish.name == row.task && wish.note.as_deref() == Some(done.as_str()),
            Verb::Cancel => wish.name == id,
            _ => false,
        };
        // Wishes are kept for a while, rows for longer.
        self.wishes.iter().find(is_of).map_or_else(|| "by an operator".to_owned(), by)
    }
}

/// Says who wished something, and why.
pub fn by(wish: &WishRow) -> String {
    format!("by {}: {}", wish.operator, wish.reason)
}
