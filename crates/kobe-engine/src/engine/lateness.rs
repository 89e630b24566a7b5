//! Lateness: how late the last starts were, and whether any slot was started twice.
//!
//! Kept by the loop for the watchdog, which asks for it with every ping; a few thousand numbers, never more. How long ago a start was is measured on the monotonic clock.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kobe_plan::{RunId, Slot, Start, TaskIx};

/// So many starts are remembered.
const KEPT: usize = 1024;

/// A start is judged for so long. A count alone would hold one late start against a quiet desk for days.
const JUDGED_FOR: Duration = Duration::from_secs(5 * 60);

/// The last starts.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    late_us: VecDeque<(Instant, u64)>,
    last_start: Option<Timestamp>,
    slots: HashMap<(TaskIx, Slot), (RunId, u32)>,
    order: VecDeque<(TaskIx, Slot)>,
    fired_twice: u64,
}

impl Lateness {
    pub(super) fn new() -> Lateness {
        Lateness::default()
    }

    /// Notes a start: an attempt of a slot begins once.
    pub(super) fn started(&mut self, start: &Start, now: Timestamp) {
        self.last_start = Some(now);
        let key = (start.task, start.slot);
        match self.slots.insert(key, (start.run, start.attempt)) {
            // Another run of the slot, or no newer attempt: the slot has fired twice.
            Some((run, attempt)) if run != start.run || attempt >= start.attempt => self.fired_twice += 1,
            Some(_) => {}
            None => {
                self.order.push_back(key);
                if self.order.len() > KEPT
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.slots.remove(&oldest);
                }
            }
        }
    }

    /// Notes how late a start on time was, microseconds.
    pub(super) fn note(&mut self, now: Instant, late_us: u64) {
        if self.late_us.len() == KEPT {
            self.late_us.pop_front();
        }
        self.late_us.push_back((now, late_us));
    }

    /// Forgets whose slots were started: places change with the desk.
    pub(super) fn forget_slots(&mut self) {
        self.slots.clear();
        self.order.clear();
    }

    pub(super) fn last_start(&self) -> Option<Timestamp> {
        self.last_start
    }

    pub(super) fn fired_twice(&self) -> u64 {
        self.fired_twice
    }

    /// Returns the 99th percentile (nearest rank) of the starts of the last minutes; zero without any.
    pub(super) fn p99(&self, now: Instant) -> SignedDuration {
        let lately = |at: Instant| now.saturating_duration_since(at) <= JUDGED_FOR;
        let mut sorted: Vec<u64> = self.late_us.iter().filter(|(at, _)| lately(*at)).map(|(_, late)| *late).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        let us = rank.checked_sub(1).map_or(0, |i| sorted[i]);
        SignedDuration::from_micros(us as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(run: u64, n: u64, attempt: u32) -> Start {
        Start {
            run: RunId(run),
            task: TaskIx(0),
            slot: Slot::Cooldown { n },
            due: Timestamp::UNIX_EPOCH,
            attempt,
            catchup: false,
            stored: false,
        }
    }

    #[test]
    fn a_slot_fires_twice_when_another_run_or_the_same_attempt_starts() {
        /// Run, number of the slot, attempt.
        type Began = (u64, u64, u32);
        let rows: [(&[Began], u64, &str); 5] = [
            (&[(1, 1, 1), (2, 2, 1)], 0, "two slots"),
            (&[(1, 1, 1), (1, 1, 2)], 0, "a second attempt"),
            (&[(1, 1, 1), (2, 1, 1)], 1, "two runs of one slot"),
            (&[(1, 1, 1), (1, 1, 1)], 1, "one attempt twice"),
            (&[(1, 1, 2), (1, 1, 1)], 1, "an older attempt"),
        ];
        for (starts, twice, name) in rows {
            let mut lateness = Lateness::new();
            for (run, n, attempt) in starts {
                lateness.started(&start(*run, *n, *attempt), Timestamp::UNIX_EPOCH);
            }
            assert_eq!(lateness.fired_twice(), twice, "{name}");
        }
    }

    #[test]
    fn the_99th_percentile_is_a_start_that_was() {
        let (mut lateness, now) = (Lateness::new(), Instant::now());
        assert_eq!(lateness.p99(now), SignedDuration::ZERO);
        (1..=200).for_each(|us| lateness.note(now, us));
        assert_eq!(lateness.p99(now), SignedDuration::from_micros(198));
        (0..2 * KEPT as u64).for_each(|_| lateness.note(now, 5));
        assert_eq!(lateness.p99(now), SignedDuration::from_micros(5), "what lies many starts back is forgotten");
    }

    #[test]
    fn one_late_start_is_not_held_against_a_quiet_desk_for_ever() {
        let (mut lateness, then) = (Lateness::new(), Instant::now());
        lateness.note(then, 3_000_000);
        assert_eq!(lateness.p99(then + JUDGED_FOR), SignedDuration::from_secs(3), "it is told");
        let later = then + JUDGED_FOR + Duration::from_secs(1);
        assert_eq!(lateness.p99(later), SignedDuration::ZERO, "and is over, though nothing has started since");
    }
}
