//! What a commit costs: batches of 1, 24 and 1,000 runs with their cursors, in SQLite (durable, with its fsync) and in memory.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use kobe_engine::{Batch, Store};
use kobe_plan::run::CursorRow;
use kobe_plan::{Catalog, Change, Desk, Outcome, Run, RunId, Slot, SourceFile, State, TaskIx};
use kobe_store::{MemoryStore, Opening, SqliteStore};

fn desk(tasks: usize) -> Arc<Desk> {
    let mut text = String::from("[[group]]\nname = \"g\"\n");
    for i in 0..tasks {
        text.push_str(&format!(
            "[[group.task]]\nname = \"a_task_with_a_name_{i}\"\ncommand = [\"x\"]\nevery = \"1m\"\n"
        ));
    }
    let files = [SourceFile { name: "t.toml".into(), text }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

/// Names batches without end: each task in turn, each slot new.
struct Batches {
    now: Timestamp,
    next: u64,
    tasks: u64,
}

impl Batches {
    fn new(tasks: usize) -> Batches {
        Batches { now: Timestamp::from_second(1_795_000_000).expect("an instant"), next: 1, tasks: tasks as u64 }
    }

    fn take(&mut self, size: usize) -> Vec<Change> {
        let mut changes = Vec::with_capacity(2 * size);
        for _ in 0..size {
            let (id, task) = (self.next, TaskIx((self.next % self.tasks) as u32));
            self.next += 1;
            if id.is_multiple_of(24) {
                self.now += jiff::SignedDuration::from_secs(60);
            }
            changes.push(Change::Run(Run {
                id: RunId(id),
                task,
                slot: Slot::Interval { at: self.now },
                due: self.now,
                priority: 3,
                state: State::Completed,
                reason: None,
                outcome: Some(Outcome::Ok("".into())),
                attempt: 1,
                planned_at: self.now,
                started_at: Some(self.now),
                ended_at: Some(self.now),
                retry_at: None,
                catchup: false,
                dst_shifted: false,
                covers: 1,
                since: None,
            }));
            changes.push(Change::Cursor(CursorRow { task, planned_to: self.now, turns: 0, last_turn: None }));
        }
        changes
    }
}

fn stores(c: &mut Criterion) {
    // Twice the size of a batch at least, so that no task has two slots at one instant.
    let desk = desk(2_000);
    for durable in [true, false] {
        let mut group = c.benchmark_group(if durable { "commit/sqlite" } else { "commit/memory" });
        if durable {
            group.sample_size(20);
        }
        for size in [1_usize, 24, 1_000] {
            group.throughput(Throughput::Elements(size as u64));
            group.bench_with_input(BenchmarkId::from_parameter(size), &size, |b, size| {
                let dir = tempfile::tempdir().expect("a directory");
                let mut batches = Batches::new(desk.tasks.len());
                let opening = Opening { now: batches.now, build: "bench", calendar: "none", tzdb: "none" };
                let mut store: Box<dyn Store> = if durable {
                    Box::new(SqliteStore::open(dir.path(), &opening).unwrap_or_else(|e| panic!("{e}")))
                } else {
                    Box::new(MemoryStore::new())
                };
                b.iter_batched(
                    || batches.take(*size),
                    |changes| {
                        let batch = Batch { desk: &desk, at: opening.now, changes: &changes, journal: &[] };
                        store.commit(black_box(&batch)).unwrap_or_else(|e| panic!("{e}"));
                    },
                    criterion::BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, stores);
criterion_main!(benches);
