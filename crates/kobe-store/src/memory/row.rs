//! A run in 56 bytes, and what does not fit beside it.
//!
//! A slot is packed into its kind and one number, in the order of its instants; rare things (retries, ranges, the ULIDs of wishes) lie in maps.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use kobe_calendar::Exchange;
use kobe_plan::run::Note;
use kobe_plan::trigger::{Anchor, Moment, VenueMoment};
use kobe_plan::{Outcome, Reason, Run, Slot};

use crate::rows::note_of;

/// No instant.
pub(super) const NONE: i64 = i64::MIN;

const ABSENT: u8 = 0xff;
const WALL: u8 = 0;
const WALL_SECOND: u8 = 1;
const OPEN: u8 = 2;
const CLOSE: u8 = 3;
const INTERVAL: u8 = 4;
const COOLDOWN: u8 = 5;
/// Anything that has no packed form, by its place in [`Side::slots`].
const OTHER: u8 = 6;

const CATCHUP: u8 = 1;
const SHIFTED: u8 = 2;

const OUTCOMES: [&str; 9] =
    ["ok", "no_data", "unavailable", "gated", "not_built", "timed_out", "error", "interrupted", "lost"];

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    slot: i64,
    pub due_us: i64,
    pub planned_us: i64,
    pub started_us: i64,
    pub ended_us: i64,
    pub task: u32,
    /// Place of its note, from 1.
    pub note: u32,
    pub attempt: u16,
    kind: u8,
    pub priority: u8,
    pub state: u8,
    reason: u8,
    outcome: u8,
    flags: u8,
}

/// What lies beside one row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside {
    retry: Option<i64>,
    range: Option<(u64, Option<Slot>)>,
}

impl Beside {
    pub(super) fn without_retry(self) -> Beside {
        Beside { retry: None, ..self }
    }
}

/// What the rows leave out.
#[derive(Debug, Default)]
pub(super) struct Side {
    slots: Vec<Slot>,
    notes: Vec<Note>,
    /// Fixed words by their address.
    fixed: HashMap<(usize, usize), u32>,
    retries: HashMap<u64, i64>,
    ranges: HashMap<u64, (u64, Option<Slot>)>,
}

impl Side {
    pub(super) fn keep_note(&mut self, note: &Note) -> u32 {
        let next = self.notes.len() as u32 + 1;
        if let Note::Borrowed(fixed) = note {
            let place = *self.fixed.entry((fixed.as_ptr() as usize, fixed.len())).or_insert(next);
            if place != next {
                return place;
            }
        }
        self.notes.push(note.clone());
        next
    }

    pub(super) fn note(&self, place: u32) -> &str {
        if place == 0 { "" } else { &self.notes[place as usize - 1] }
    }

    pub(super) fn retry(&self, id: u64) -> Option<i64> {
        self.retries.get(&id).copied()
    }

    /// Returns what lies beside a row, so that it can be put back.
    pub(super) fn beside(&self, id: u64) -> Beside {
        Beside { retry: self.retry(id), range: self.ranges.get(&id).copied() }
    }

    pub(super) fn put_back(&mut self, id: u64, beside: Beside) {
        match beside.retry {
            Some(at) => self.retries.insert(id, at),
            None => self.retries.remove(&id),
        };
        match beside.range {
            Some(range) => self.ranges.insert(id, range),
            None => self.ranges.remove(&id),
        };
    }

    pub(super) fn range(&self, id: u64) -> (u64, Option<Slot>) {
        self.ranges.get(&id).copied().unwrap_or((1, None))
    }
}

impl Row {
    pub(super) const ABSENT: Row = Row {
        slot: 0,
        due_us: 0,
        planned_us: 0,
        started_us: NONE,
        ended_us: NONE,
        task: 0,
        note: 0,
        attempt: 0,
        kind: ABSENT,
        priority: 0,
        state: 0,
        reason: ABSENT,
        outcome: ABSENT,
        flags: 0,
    };

    /// Packs a run; the slot of a row that is there already is not packed again.
    pub(super) fn of(run: &Run, task: u32, before: Option<&Row>, side: &mut Side) -> Row {
        let (kind, slot) = match before {
            Some(row) => (row.kind, row.slot),
            None => pack(run.slot, side),
        };
        let us = |at: Option<Timestamp>| at.map_or(NONE, Timestamp::as_microsecond);
        let id = run.id.0;
        match run.retry_at {
            Some(at) => {
                side.retries.insert(id, at.as_microsecond());
            }
            None if side.retries.is_empty() => {}
            None => {
                side.retries.remove(&id);
            }
        }
        if run.covers != 1 || run.since.is_some() {
            side.ranges.insert(id, (run.covers, run.since));
        }
        let note = run.outcome.as_ref().and_then(note_of).map_or(0, |note| side.keep_note(&note));
        Row {
            slot,
            due_us: run.due.as_microsecond(),
            planned_us: run.planned_at.as_microsecond(),
            started_us: us(run.started_at),
            ended_us: us(run.ended_at),
            task,
            note,
            attempt: u16::try_from(run.attempt).unwrap_or(u16::MAX),
            kind,
            priority: run.priority,
            state: run.state as u8,
            reason: run.reason.map_or(ABSENT, |r| r as u8),
            outcome: run.outcome.as_ref().map_or(ABSENT, place_of_outcome),
            flags: if run.catchup { CATCHUP } else { 0 } | if run.dst_shifted { SHIFTED } else { 0 },
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.kind != ABSENT
    }

    pub(super) fn slot(&self, side: &Side) -> Slot {
        unpack(self.kind, self.slot, side)
    }

    /// Returns what orders the slots of one task; equal only for equal slots.
    pub(super) fn key(&self, side: &Side) -> (u8, i64, u128) {
        match self.kind {
            OTHER => match side.slots[self.slot as usize] {
                Slot::Manual { id } => (OTHER, 0, id),
                Slot::Interval { at } => (OTHER, 1, at.as_nanosecond() as u128),
                Slot::Venue { venue, date, moment } => (OTHER, 3, venue_key(venue, date, moment)),
                _ => (OTHER, 2, self.slot as u128),
            },
            kind => (kind, self.slot, 0),
        }
    }

    pub(super) fn reason(&self) -> Option<Reason> {
        Reason::ALL.get(self.reason as usize).copied()
    }

    pub(super) fn set_reason(&mut self, reason: Option<Reason>) {
        self.reason = reason.map_or(ABSENT, |r| r as u8);
    }

    pub(super) fn outcome(&self) -> Option<&'static str> {
        OUTCOMES.get(self.outcome as usize).copied()
    }

    pub(super) fn catchup(&self) -> bool {
        self.flags & CATCHUP != 0
    }

    pub(super) fn dst_shifted(&self) -> bool {
        self.flags & SHIFTED != 0
    }
}

fn place_of_outcome(outcome: &Outcome) -> u8 {
    let place = match outcome {
        Outcome::Ok(_) => 0,
        Outcome::NoData(_) => 1,
        Outcome::Unavailable(_) => 2,
        Outcome::Gated(_) => 3,
        Outcome::NotBuilt => 4,
        Outcome::TimedOut => 5,
        Outcome::Error(_) => 6,
        Outcome::Interrupted => 7,
        Outcome::Lost => 8,
    };
    debug_assert_eq!(OUTCOMES[place as usize], outcome.word());
    place
}

/// Returns a number that is the same only for the same moment of the same session; with its bell and its venue fixed, later sessions have greater ones.
fn venue_key(venue: &str, date: Date, moment: VenueMoment) -> u128 {
    let place = Exchange::bundled_ids().position(|id| id == venue).unwrap_or(usize::MAX >> 32) as u128;
    let (kind, offset) = match moment {
        VenueMoment::Bell { bell, offset_s } => (bell as u128, (i64::from(offset_s) + (1 << 31)) as u128),
        VenueMoment::Enter { phase, second } => (8 + u128::from(second), phase as u128),
    };
    place << 96 | kind << 88 | (pack_date(date) as u128 & 0xffff_ffff) << 40 | offset
}

fn pack_date(date: Date) -> i64 {
    i64::from(date.year()) << 9 | i64::from(date.month()) << 5 | i64::from(date.day())
}

fn unpack_date(packed: i64) -> Date {
    let (month, day) = ((packed >> 5 & 15) as i8, (packed & 31) as i8);
    jiff::civil::date((packed >> 9) as i16, month, day)
}

fn pack(slot: Slot, side: &mut Side) -> (u8, i64) {
    match slot {
        Slot::Wall { at, second } if at.subsec_nanosecond() == 0 => {
            let seconds = (i64::from(at.hour()) * 60 + i64::from(at.minute())) * 60 + i64::from(at.second());
            (if second { WALL_SECOND } else { WALL }, pack_date(at.date()) << 17 | seconds)
        }
        Slot::Session { date, moment } if moment.anchor != Anchor::Midnight => {
            // Moved up, so that earlier moments have smaller numbers.
            let offset = i64::from(moment.offset_s) + (1 << 31);
            (if moment.anchor == Anchor::Open { OPEN } else { CLOSE }, pack_date(date) << 32 | offset)
        }
        Slot::Interval { at } if i64::try_from(at.as_nanosecond()).is_ok() => (INTERVAL, at.as_nanosecond() as i64),
        Slot::Cooldown { n } if i64::try_from(n).is_ok() => (COOLDOWN, n as i64),
        other => {
            side.slots.push(other);
            (OTHER, side.slots.len() as i64 - 1)
        }
    }
}

fn unpack(kind: u8, slot: i64, side: &Side) -> Slot {
    match kind {
        WALL | WALL_SECOND => {
            let s = slot & 0x1_ffff;
            let date = unpack_date(slot >> 17);
            let time = jiff::civil::time((s / 3600) as i8, (s / 60 % 60) as i8, (s % 60) as i8, 0);
            Slot::Wall { at: DateTime::from_parts(date, time), second: kind == WALL_SECOND }
        }
        OPEN | CLOSE => {
            let anchor = if kind == OPEN { Anchor::Open } else { Anchor::Close };
            let offset_s = ((slot & 0xffff_ffff) - (1 << 31)) as i32;
            Slot::Session { date: unpack_date(slot >> 32), moment: Moment { anchor, offset_s } }
        }
        INTERVAL => {
            Slot::Interval { at: Timestamp::from_nanosecond(i128::from(slot)).expect("packed from an instant") }
        }
        COOLDOWN => Slot::Cooldown { n: slot as u64 },
        _ => side.slots[slot as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kobe_plan::State;

    #[test]
    fn every_slot_unpacks_as_it_was_packed_and_keeps_its_order() {
        let rows = [
            ["1985-09-30T00:00", "2026-11-23T10:46", "2026-11-23T10:46:01", "2026-11-24T00:00", "2050-12-31T23:59:59"],
            [
                "2026-11-01T01:00+2nd",
                "2026-11-01T01:30+2nd",
                "2027-11-07T01:00+2nd",
                "2028-01-01T00:00+2nd",
                "2028-01-02T00:00+2nd",
            ],
            [
                "2026-11-23/open-2h",
                "2026-11-23/open-1m",
                "2026-11-23/open",
                "2026-11-23/open+30m",
                "2026-11-24/open-2h",
            ],
            [
                "2026-11-23/close-15m",
                "2026-11-23/close",
                "2026-11-23/close+4h",
                "2026-11-24/close-15m",
                "2027-01-04/close",
            ],
            [
                "1969-12-31T23:59:59Z",
                "2026-11-23T15:15:00Z",
                "2026-11-23T15:15:00.000000001Z",
                "2026-11-23T15:30:00Z",
                "2200-01-01T00:00:00Z",
            ],
            ["#1", "#2", "#10", "#99999", "#9223372036854775807"],
        ];
        for row in rows {
            let mut side = Side::default();
            let slots = row.map(|text| text.parse::<Slot>().unwrap_or_else(|e| panic!("{e}")));
            let packed = slots.map(|slot| pack(slot, &mut side));
            assert!(packed.is_sorted(), "{row:?}");
            for (slot, (kind, number)) in slots.iter().zip(packed) {
                assert_eq!(unpack(kind, number, &side), *slot, "{row:?}");
            }
        }
    }

    #[test]
    fn what_has_no_packed_form_is_kept_beside() {
        let mut side = Side::default();
        let rows = [
            "manual:01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "#18446744073709551615",
            "2300-01-01T00:00:00Z",
            "XTKS:2026-11-24/open+5m",
        ];
        for text in rows {
            let slot = text.parse::<Slot>().unwrap_or_else(|e| panic!("{e}"));
            let (kind, number) = pack(slot, &mut side);
            assert_eq!((kind, unpack(kind, number, &side)), (OTHER, slot), "{text}");
        }
    }

    #[test]
    fn only_equal_slots_of_a_venue_have_one_key() {
        let rows = [
            "XTKS:2026-11-24/open",
            "XTKS:2026-11-24/open+5m",
            "XTKS:2026-11-24/open-5m",
            "XTKS:2026-11-25/open",
            "XHKG:2026-11-24/open",
            "XTKS:2026-11-24/close",
            "XTKS:2026-11-24/break_end",
            "XNYS:2026-11-24/enter:night",
            "XNYS:2026-11-24/enter:night+2nd",
            "XNYS:2026-11-24/enter:weekend",
        ];
        let key = |text: &str| match text.parse::<Slot>() {
            Ok(Slot::Venue { venue, date, moment }) => venue_key(venue, date, moment),
            other => panic!("{other:?}"),
        };
        for (i, one) in rows.iter().enumerate() {
            for (j, other) in rows.iter().enumerate() {
                assert_eq!(key(one) == key(other), i == j, "{one} and {other}");
            }
        }
        assert!(key("XTKS:2026-11-24/open") < key("XTKS:2026-12-01/open"));
    }

    #[test]
    fn a_row_is_small() {
        assert_eq!(size_of::<Row>(), 56);
        assert!(State::ALL.len() < 250 && Reason::ALL.len() < 250, "a byte holds every word");
    }
}
