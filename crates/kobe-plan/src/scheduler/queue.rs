//! Lanes: what waits, what is on its way, and what goes next.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::due::ON_TIME;
use super::{Live, Scheduler, Start, Timer};
use crate::desk::Desk;
use crate::judge::Verdict;
use crate::run::{Reason, RunId, State};
use crate::task::{Lane, TaskIx};

/// The order in which waiting runs go: priority, due time, then the one whose last start lies furthest back, then the order of the files.
pub(super) type Key = (u8, Timestamp, Option<Timestamp>, TaskIx, RunId);

#[derive(Debug, Default)]
struct LaneQueue {
    waiting: BTreeSet<Key>,
    running: usize,
    workers: usize,
    limit: usize,
}

/// The queues of all lanes.
#[derive(Debug)]
pub(super) struct Queues {
    lanes: [LaneQueue; 5],
    running: usize,
    heavy_running: usize,
    total: usize,
}

impl Queues {
    pub(super) fn new(desk: &Desk, total: usize) -> Queues {
        let lanes = std::array::from_fn(|i| {
            let spec = desk.lanes[i];
            LaneQueue { workers: spec.workers, limit: spec.queue, ..LaneQueue::default() }
        });
        Queues { lanes, running: 0, heavy_running: 0, total }
    }

    pub(super) fn load(&self, lane: Lane) -> (usize, usize) {
        let queue = &self.lanes[lane as usize];
        (queue.waiting.len(), queue.running)
    }

    /// Returns what waits, lane by lane, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Lane, Key)> + '_ {
        Lane::ALL.iter().flat_map(|lane| self.lanes[*lane as usize].waiting.iter().map(|key| (*lane, *key)))
    }

    /// Lets a run wait at a place that is known.
    pub(super) fn wait(&mut self, lane: Lane, key: Key) {
        self.lanes[lane as usize].waiting.insert(key);
    }

    pub(super) fn has_room(&self, lane: Lane, heavy: bool) -> bool {
        let queue = &self.lanes[lane as usize];
        self.running < self.total && queue.running < queue.workers && !(heavy && self.heavy_running > 0)
    }

    pub(super) fn begin(&mut self, lane: Lane, heavy: bool) {
        self.running += 1;
        self.lanes[lane as usize].running += 1;
        self.heavy_running += usize::from(heavy);
    }

    pub(super) fn end(&mut self, lane: Lane, heavy: bool) {
        self.running -= 1;
        self.lanes[lane as usize].running -= 1;
        self.heavy_running -= usize::from(heavy);
    }
}

impl Scheduler {
    pub(super) fn key(&self, live: &Live) -> Key {
        let state = &self.tasks[live.run.task.at()];
        (live.run.priority, live.run.due, state.last_turn, live.run.task, live.run.id)
    }

    /// Puts a pending run into its lane. A full lane sheds its least urgent run, or refuses this one; what may trade is never shed.
    pub(super) fn enqueue(&mut self, id: RunId) {
        let live = &self.live[&id];
        let task = self.desk.task(live.run.task);
        let (lane, trades) = (task.lane, task.right.trades());
        let key = self.key(live);
        let queue = &self.queues.lanes[lane as usize];
        if queue.waiting.len() >= queue.limit && !trades {
            let last = queue.waiting.iter().rev().find(|k| !self.desk.task(k.3).right.trades()).copied();
            match last.filter(|l| l.0 > key.0) {
                None => {
                    self.shed(lane);
                    return self.finish_skipped(id, Reason::QueueFull);
                }
                Some(last) => {
                    self.shed(lane);
                    self.queues.lanes[lane as usize].waiting.remove(&last);
                    self.finish_skipped(last.4, Reason::QueueFull);
                }
            }
        }
        self.queues.lanes[lane as usize].waiting.insert(key);
    }

    /// Takes a run out of its lane if it waits there.
    pub(super) fn dequeue(&mut self, id: RunId) {
        let live = &self.live[&id];
        let lane = self.desk.task(live.run.task).lane;
        let key = self.key(live);
        if !self.queues.lanes[lane as usize].waiting.remove(&key) {
            // The key holds the task's last start, which another run of the task may have moved.
            self.queues.lanes[lane as usize].waiting.retain(|k| k.4 != id);
        }
    }

    /// Starts what may start: over all lanes the most urgent first.
    pub(super) fn dispatch(&mut self) {
        if self.draining {
            return;
        }
        while let Some(key) = self.pick() {
            let lane = self.desk.task(key.3).lane;
            self.queues.lanes[lane as usize].waiting.remove(&key);
            // Whoever waited long in its lane is judged again: its moment may have passed.
            if self.now.duration_since(key.1) > ON_TIME
                && let Verdict::Skip(reason) = self.judge_again(key.4)
            {
                self.finish_skipped(key.4, reason);
                continue;
            }
            self.begin(key.4);
        }
    }

    fn pick(&self) -> Option<Key> {
        if self.queues.running >= self.queues.total {
            return None;
        }
        let mut best: Option<Key> = None;
        for lane in Lane::ALL {
            let queue = &self.queues.lanes[*lane as usize];
            if queue.running >= queue.workers {
                continue;
            }
            let next = queue.waiting.iter().find(|k| {
                let task = self.desk.task(k.3);
                self.queues.has_room(*lane, task.heavy) && !self.must_wait_for_own(k.3, k.4)
            });
            if let Some(next) = next
                && best.is_none_or(|b| *next < b)
            {
                best = Some(*next);
            }
        }
        best
    }

    /// Tells whether a run waits behind an older run of its own task.
    fn must_wait_for_own(&self, ix: TaskIx, id: RunId) -> bool {
        let allowed = match self.desk.task(ix).overlap {
            crate::task::Overlap::Allow(n) => n as usize,
            _ => 1,
        };
        self.tasks[ix.at()]
            .live
            .iter()
            .filter(|other| **other != id && self.live[other].run.state == State::Running)
            .count()
            >= allowed
    }

    fn begin(&mut self, id: RunId) {
        let now = self.now;
        let live = self.live.get_mut(&id).expect("a waiting run is live");
        live.run.state = State::Running;
        live.run.reason = None;
        live.run.attempt += 1;
        live.run.started_at = Some(now);
        self.store_run(id);
        self.launch(id, false);
    }

    /// Starts a run whose start was stored ahead of its instant; without room it waits like any other.
    pub(super) fn start_armed(&mut self, id: RunId) {
        let ix = self.live[&id].run.task;
        let task = self.desk.task(ix);
        if self.queues.has_room(task.lane, task.heavy) && !self.must_wait_for_own(ix, id) && !self.draining {
            self.launch(id, true);
            return;
        }
        let live = self.live.get_mut(&id).expect("an armed run is live");
        live.run.state = State::Pending;
        live.run.attempt -= 1;
        live.run.started_at = None;
        self.store_run(id);
        self.enqueue(id);
    }

    fn launch(&mut self, id: RunId, stored: bool) {
        let run = &self.live[&id].run;
        let start = Start {
            run: id,
            task: run.task,
            slot: run.slot,
            due: run.due,
            attempt: run.attempt,
            catchup: run.catchup,
            stored,
        };
        let task = self.desk.task(start.task);
        let (lane, heavy, deadline) = (task.lane, task.heavy, self.now + task.timeout);
        if task.is_cooldown() {
            self.tasks[start.task.at()].last_turn = Some(self.now);
            self.store_cursor(start.task);
        }
        self.queues.begin(lane, heavy);
        self.set_timer(deadline, Timer::Deadline, id);
        self.live.get_mut(&id).expect("a run that is launched is live").deadline = Some(deadline);
        self.turn.starts.push(start);
    }
}
