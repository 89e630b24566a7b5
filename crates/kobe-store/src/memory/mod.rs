//! Memory: the same promises without a disk, for a desk that lives in virtual time.
//!
//! Rule: what SQLite refuses is refused here, for the same reason and in the same words; a batch is taken whole or not at all. Nothing is ever dropped: a row takes 64 bytes.
//! Start at [`MemoryStore`] and [`MemoryBooks`].

mod books;
mod outbox;
mod row;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kobe_engine::{Batch, JournalRow, Store, StoreError};
use kobe_plan::run::{CursorRow, Note};
use kobe_plan::scheduler::{Recovered, RecoveredCursor, RecoveredRun};
use kobe_plan::{Change, Desk, Held, Hold, Outcome, Reason, Run, RunId, Slot, State, TaskIx, Wish};
use kobe_trade::chain::Head;

pub use books::{FactHook, MemoryBooks};
pub use outbox::MemoryOutbox;

use crate::operator::{OperatorEntry, OperatorRow};
use crate::rows::{RunRow, WishRow, day_before};
use crate::sqlite::ENDED_MOST;
use crate::ulid;
use crate::wish::NewWish;
use crate::work::{ORPHANED, contradiction, not_live, slot_taken, wish_not_open};
use row::{Beside, NONE, Row, Side};

/// Ids this far ahead of the newest run still lie in the table; others lie beside it.
const GAP_MOST: u64 = 1_024;

/// Rows of runs in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// Number of the first run in `rows`.
    base: u64,
    rows: Vec<Row>,
    /// Runs whose numbers lie outside the table.
    strays: BTreeMap<u64, Row>,
    side: Side,
    tasks: Vec<TaskRow>,
    by_name: HashMap<Arc<str>, u32>,
    wishes: BTreeMap<u128, WishRow>,
    open_wishes: usize,
    config: String,
    zone: Option<TimeZone>,
    /// Places in `tasks` of the tasks of the latest desk.
    places: Vec<u32>,
    undo: Vec<Undo>,
    count: u64,
    holds: BTreeMap<Held, Hold>,
    operators: Vec<OperatorRow>,
    operator_head: Head,
    journal: Vec<JournalRow>,
    outbox: MemoryOutbox,
}

#[derive(Debug)]
struct TaskRow {
    name: Arc<str>,
    cursor: Option<CursorRow>,
    /// Numbers of its runs, in the order of their slots.
    slots: Vec<u64>,
}

/// How to take back one change.
#[derive(Debug)]
enum Undo {
    Run { id: u64, before: Row, beside: Beside },
    Slot { task: u32, id: u64 },
    Cursor { task: u32, before: Option<CursorRow> },
    Wish { id: u128 },
}

impl MemoryStore {
    /// Begins without rows.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Returns how many runs there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Returns whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns a run by its number.
    pub fn run(&self, id: u64) -> Option<RunRow> {
        self.get(id).map(|row| self.show(id, &row))
    }

    /// Returns all runs, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = RunRow> + '_ {
        self.all().map(|(id, row)| self.show(id, &row))
    }

    /// Adds a wish under a number.
    pub fn add_wish(&mut self, id: u128, wish: &NewWish<'_>, now: Timestamp) {
        let wish = WishRow {
            id: ulid::text(id),
            verb: wish.verb,
            name: wish.name.to_owned(),
            reason: wish.reason.to_owned(),
            operator: wish.operator.to_owned(),
            asked_at: micro(now),
            done_at: None,
            note: None,
        };
        if self.wishes.insert(id, wish).is_none_or(|old| old.done_at.is_some()) {
            self.open_wishes += 1;
        }
    }

    /// Returns a wish and what came of it.
    pub fn wish(&self, id: u128) -> Option<&WishRow> {
        self.wishes.get(&id)
    }

    /// Returns the outbox: alerts of turns and all others. All outboxes of one store are the same.
    pub fn outbox(&self) -> MemoryOutbox {
        self.outbox.clone()
    }

    /// Returns what operators hold now.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.holds.values()
    }

    /// Returns what operators did, oldest first.
    pub fn operator_log(&self) -> &[OperatorRow] {
        &self.operators
    }

    /// Returns the journal, oldest first.
    pub fn journal(&self) -> &[JournalRow] {
        &self.journal
    }

    fn log(&mut self, entry: OperatorEntry) {
        let (row, head) = entry.follow(&self.operator_head);
        self.operators.push(row);
        self.operator_head = head;
    }

    /// Takes what can never be refused, once all else was taken.
    fn take_rest(&mut self, batch: &Batch<'_>) {
        let mut raised = Vec::new();
        for change in batch.changes {
            match change {
                Change::Alert(alert) => raised.push(alert.clone()),
                Change::Hold(hold) => {
                    let hold = Hold { at: micro(hold.at), ..hold.clone() };
                    self.log(OperatorEntry::of_hold(&hold));
                    if hold.on {
                        self.holds.insert(hold.held.clone(), hold);
                    } else {
                        self.holds.remove(&hold.held);
                    }
                }
                Change::WishDone { id, note } => {
                    let wish = &self.wishes[id];
                    let entry = OperatorEntry {
                        at: micro(batch.at),
                        operator: wish.operator.clone(),
                        action: wish.verb.to_string(),
                        target: wish.name.clone(),
                        reason: wish.reason.clone(),
                        result: note.to_string(),
                    };
                    self.log(entry);
                }
                Change::Run(_) | Change::Cursor(_) | Change::Orphan { .. } => {}
            }
        }
        self.journal.extend_from_slice(batch.journal);
        self.outbox.put(&raised);
    }

    fn all(&self) -> impl Iterator<Item = (u64, Row)> + '_ {
        let table = self.rows.iter().enumerate().filter(|(_, row)| row.is_there());
        let below = self.strays.range(..self.base).map(|(id, row)| (*id, *row));
        let above = self.strays.range(self.base..).map(|(id, row)| (*id, *row));
        below.chain(table.map(|(i, row)| (self.base + i as u64, *row))).chain(above)
    }

    fn get(&self, id: u64) -> Option<Row> {
        let inside = id.checked_sub(self.base).and_then(|i| self.rows.get(usize::try_from(i).ok()?));
        match inside {
            Some(row) if row.is_there() => Some(*row),
            _ if self.strays.is_empty() => None,
            _ => self.strays.get(&id).copied(),
        }
    }

    /// Writes a row, or takes it away with one that is not there.
    fn set(&mut self, id: u64, row: Row) {
        if self.rows.is_empty() {
            self.base = id;
        }
        let next = self.base + self.rows.len() as u64;
        if id == next && !self.strays.contains_key(&id) {
            self.rows.push(row);
        } else if id >= self.base && id < next + GAP_MOST && !self.strays.contains_key(&id) {
            let at = (id - self.base) as usize;
            if at >= self.rows.len() {
                self.rows.resize(at + 1, Row::ABSENT);
            }
            self.rows[at] = row;
        } else if row.is_there() {
            self.strays.insert(id, row);
        } else {
            self.strays.remove(&id);
        }
    }

    fn show(&self, id: u64, row: &Row) -> RunRow {
        let slot = row.slot(&self.side);
        let (covers, since) = self.side.range(id);
        RunRow {
            id,
            task: self.tasks[row.task as usize].name.to_string(),
            slot: slot.to_string(),
            slot_date: self.slot_date(row, slot),
            due: instant(row.due_us),
            priority: row.priority,
            state: State::ALL[row.state as usize],
            reason: row.reason(),
            outcome: row.outcome().map(str::to_owned),
            note: self.side.note(row.note).to_owned(),
            attempt: u32::from(row.attempt),
            planned_at: instant(row.planned_us),
            started_at: maybe(row.started_us),
            ended_at: maybe(row.ended_us),
            retry_at: self.side.retry(id).map(instant),
            catchup: row.catchup(),
            dst_shifted: row.dst_shifted(),
            covers,
            since_slot: since.map(|s| s.to_string()),
            config: self.config.clone(),
        }
    }

    fn recovered(&self, id: u64, row: &Row) -> RecoveredRun {
        let (covers, since) = self.side.range(id);
        let outcome = row.outcome().map(|word| {
            Outcome::from_word(word, self.side.note(row.note).to_owned()).expect("it was written as an outcome")
        });
        let run = Run {
            id: RunId(id),
            task: TaskIx(u32::MAX),
            slot: row.slot(&self.side),
            due: instant(row.due_us),
            priority: row.priority,
            state: State::ALL[row.state as usize],
            reason: row.reason(),
            outcome,
            attempt: u32::from(row.attempt),
            planned_at: instant(row.planned_us),
            started_at: maybe(row.started_us),
            ended_at: maybe(row.ended_us),
            retry_at: self.side.retry(id).map(instant),
            catchup: row.catchup(),
            dst_shifted: row.dst_shifted(),
            covers,
            since,
        };
        RecoveredRun { task: self.tasks[row.task as usize].name.to_string(), run }
    }

    /// Returns the runs of the two newest dates that are over, if one of them failed.
    fn ended(&self) -> Vec<RecoveredRun> {
        let dated: Vec<(Date, u64, Row)> =
            self.all().map(|(id, row)| (self.slot_date(&row, row.slot(&self.side)), id, row)).collect();
        let Some(from) = dated.iter().map(|(date, ..)| *date).max().and_then(day_before) else { return Vec::new() };
        let state = |row: &Row| State::ALL[row.state as usize];
        if !dated.iter().any(|(date, _, row)| *date >= from && state(row) == State::Failed) {
            return Vec::new();
        }
        let over = dated.into_iter().filter(|(date, _, row)| *date >= from && state(row).is_terminal());
        let over = over.filter(|(_, _, row)| !matches!(row.slot(&self.side), Slot::Cooldown { .. }));
        let mut over: Vec<_> = over.map(|(_, id, row)| self.recovered(id, &row)).collect();
        over.drain(..over.len().saturating_sub(ENDED_MOST));
        over
    }

    fn slot_date(&self, row: &Row, slot: Slot) -> Date {
        match slot {
            Slot::Wall { at, .. } => at.date(),
            Slot::Session { date, .. } => date,
            _ => instant(row.due_us).to_zoned_datetime(self.zone.clone().unwrap_or(TimeZone::UTC)).date(),
        }
    }

    fn learn(&mut self, desk: &Desk) -> Result<(), StoreError> {
        if self.places.len() == desk.tasks.len() && self.config == desk.hash {
            return Ok(());
        }
        let zone = TimeZone::get(&desk.zone)
            .map_err(|e| StoreError::Conflict(format!("the desk's zone {} is unknown: {e}", desk.zone)))?;
        self.zone = Some(zone);
        self.config.clone_from(&desk.hash);
        self.places.clear();
        for task in &desk.tasks {
            let place = match self.by_name.get(task.name.as_str()) {
                Some(place) => *place,
                None => {
                    let (name, place) = (Arc::<str>::from(task.name.as_str()), self.tasks.len() as u32);
                    self.by_name.insert(Arc::clone(&name), place);
                    self.tasks.push(TaskRow { name, cursor: None, slots: Vec::new() });
                    place
                }
            };
            self.places.push(place);
        }
        Ok(())
    }

    fn take(&mut self, change: &Change, at: Timestamp) -> Result<(), String> {
        match change {
            Change::Run(run) => self.take_run(run),
            Change::Cursor(cursor) => {
                let task = self.places[cursor.task.at()];
                let before = self.tasks[task as usize].cursor.replace(*cursor);
                self.undo.push(Undo::Cursor { task, before });
                Ok(())
            }
            Change::WishDone { id, note } => match self.wishes.get_mut(id) {
                Some(wish) if wish.done_at.is_none() => {
                    wish.done_at = Some(micro(at));
                    wish.note = Some(note.to_string());
                    self.open_wishes -= 1;
                    self.undo.push(Undo::Wish { id: *id });
                    Ok(())
                }
                _ => Err(wish_not_open(*id)),
            },
            // Taken at the end: they can never be refused.
            Change::Alert(_) | Change::Hold(_) => Ok(()),
            Change::Orphan { id, at } => {
                let before = self.get(id.0).filter(|row| !State::ALL[row.state as usize].is_terminal());
                let before = before.ok_or_else(|| not_live(id.0))?;
                let running = State::ALL[before.state as usize] == State::Running;
                let (state, reason) =
                    if running { (State::Failed, Reason::Lost) } else { (State::Skipped, Reason::Disabled) };
                let mut row = before;
                row.state = state as u8;
                row.set_reason(Some(reason));
                row.ended_us = at.as_microsecond();
                row.note = self.side.keep_note(&Note::Borrowed(ORPHANED));
                let beside = self.side.beside(id.0);
                self.side.put_back(id.0, beside.without_retry());
                self.set(id.0, row);
                self.undo.push(Undo::Run { id: id.0, before, beside });
                Ok(())
            }
        }
    }

    fn take_run(&mut self, run: &Run) -> Result<(), String> {
        let (id, task) = (run.id.0, self.places[run.task.at()]);
        let before = self.get(id);
        match before {
            Some(old) => {
                let same = old.task == task && old.slot(&self.side) == run.slot;
                let state = State::ALL[old.state as usize];
                if !same || state.is_terminal() || u32::from(old.attempt) > run.attempt + 1 {
                    let name = |task: u32| &*self.tasks[task as usize].name;
                    return Err(contradiction(
                        id,
                        [name(old.task), &old.slot(&self.side).to_string(), state.word()],
                        u32::from(old.attempt),
                        [name(task), &run.slot.to_string(), run.state.word()],
                        run.attempt,
                    ));
                }
                let beside = self.side.beside(id);
                let row = Row::of(run, task, Some(&old), &mut self.side);
                self.set(id, row);
                self.undo.push(Undo::Run { id, before: old, beside });
            }
            None => {
                let row = Row::of(run, task, None, &mut self.side);
                let place = match self.place_of(task, &row) {
                    Err(place) => place,
                    Ok(_) => {
                        self.side.put_back(id, Beside::default());
                        return Err(slot_taken(&self.tasks[task as usize].name, &run.slot.to_string(), id));
                    }
                };
                self.tasks[task as usize].slots.insert(place, id);
                self.set(id, row);
                self.count += 1;
                self.undo.push(Undo::Slot { task, id });
            }
        }
        Ok(())
    }

    /// Finds the place of a slot among those of its task: taken, or free.
    fn place_of(&self, task: u32, row: &Row) -> Result<usize, usize> {
        let slots = &self.tasks[task as usize].slots;
        let order = |id: &u64| self.get(*id).expect("a slot has its run").key(&self.side).cmp(&row.key(&self.side));
        // Slots come in order, but for a few.
        match slots.last().map(order) {
            None | Some(std::cmp::Ordering::Less) => Err(slots.len()),
            _ => slots.binary_search_by(order),
        }
    }

    fn take_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Run { id, before, beside } => {
                    self.set(id, before);
                    self.side.put_back(id, beside);
                }
                Undo::Slot { task, id } => {
                    self.tasks[task as usize].slots.retain(|other| *other != id);
                    self.set(id, Row::ABSENT);
                    self.side.put_back(id, Beside::default());
                    self.count -= 1;
                }
                Undo::Cursor { task, before } => self.tasks[task as usize].cursor = before,
                Undo::Wish { id } => {
                    let wish = self.wishes.get_mut(&id).expect("it was just answered");
                    (wish.done_at, wish.note) = (None, None);
                    self.open_wishes += 1;
                }
            }
        }
    }
}

impl Store for MemoryStore {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let cursors = self.tasks.iter().filter_map(|task| {
            let cursor = task.cursor?;
            Some(RecoveredCursor {
                task: task.name.to_string(),
                planned_to: micro(cursor.planned_to),
                turns: cursor.turns,
                last_turn: cursor.last_turn.map(micro),
            })
        });
        let live = self.all().filter(|(_, row)| !State::ALL[row.state as usize].is_terminal());
        let live = live.map(|(id, row)| self.recovered(id, &row)).collect();
        let newest = self.all().last().map_or(0, |(id, _)| id);
        Ok(Recovered {
            cursors: cursors.collect(),
            live,
            next_run: newest + 1,
            taken: Vec::new(),
            holds: self.holds.values().cloned().collect(),
            ended: self.ended(),
        })
    }

    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        let later = self.all().filter(|(_, row)| row.due_us > now.as_microsecond());
        Ok(later.map(|(_, row)| (self.tasks[row.task as usize].name.to_string(), row.slot(&self.side))).collect())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.learn(batch.desk)?;
        for change in batch.changes {
            if let Err(why) = self.take(change, batch.at) {
                self.take_back();
                return Err(StoreError::Conflict(why));
            }
        }
        self.undo.clear();
        self.take_rest(batch);
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        if self.open_wishes == 0 {
            return Ok(Vec::new());
        }
        let open = self.wishes.iter().filter(|(_, wish)| wish.done_at.is_none());
        let wish = |(id, row): (&u128, &WishRow)| Wish {
            id: *id,
            verb: row.verb,
            name: row.name.clone(),
            reason: row.reason.clone(),
            operator: row.operator.clone(),
            asked_at: row.asked_at,
        };
        Ok(open.map(wish).collect())
    }
}

fn instant(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).expect("it was an instant when it was written")
}

fn maybe(us: i64) -> Option<Timestamp> {
    (us != NONE).then(|| instant(us))
}

/// Returns an instant as rows keep it.
fn micro(at: Timestamp) -> Timestamp {
    instant(at.as_microsecond())
}
