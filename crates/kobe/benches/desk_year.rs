//! A year of the desk, no-op: what the machine itself costs.
//!
//! 462 tasks (about 73,000 firings) and 42 context-driven ones (about 122,000 turns) live through 2026 on a virtual clock with a handler that does nothing; once with rows in
//! memory, once with every turn committed to SQLite (synchronous=FULL). Prints one JSON line for each. `KOBE_BENCH_ROUNDS` sets how often (default 3).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kobe_calendar::Market;
use kobe_engine::simulate::{Simulation, fresh};
use kobe_engine::{Attempt, Handler, Stop, Store, VirtualClock};
use kobe_plan::{Desk, Outcome, SourceFile};
use kobe_store::{MemoryStore, Opening, SqliteStore};

struct Noop;

impl Handler for Noop {
    fn run(&self, _: &Attempt, _: &Stop) -> Outcome {
        Outcome::Ok("".into())
    }
}

fn desk() -> Arc<Desk> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../desk");
    let mut paths: Vec<PathBuf> = [root.clone(), root.join("weekday")]
        .iter()
        .flat_map(|dir| std::fs::read_dir(dir).expect("the desk is there"))
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let files: Vec<SourceFile> = paths
        .iter()
        .map(|path| SourceFile {
            name: path.display().to_string(),
            text: std::fs::read_to_string(path).expect("readable"),
        })
        .collect();
    Arc::new(Desk::parse(&files, &kobe_desk::functions::catalog()).expect("the desk is sound"))
}

fn year(desk: &Arc<Desk>, market: &Arc<Market>, store: &mut dyn Store) -> f64 {
    let (begin, end) =
        ("2026-01-01T05:00:00Z".parse().expect("an instant"), "2027-01-01T05:00:00Z".parse().expect("an instant"));
    let begun = Instant::now();
    let scheduler = fresh(Arc::clone(desk), Arc::clone(market), begin, &mut |_| None);
    Simulation { scheduler, clock: Arc::new(VirtualClock::new(begin)), handler: &Noop, store }
        .live_until(end, &mut ())
        .expect("rows are taken");
    begun.elapsed().as_secs_f64()
}

fn main() {
    let rounds = std::env::var("KOBE_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let (desk, market) = (desk(), Arc::new(Market::bundled().expect("bundled rules are sound")));
    for _ in 0..rounds {
        let mut memory = MemoryStore::new();
        let seconds = year(&desk, &market, &mut memory);
        println!(
            "{{\"workload\":\"desk_year\",\"store\":\"memory\",\"slots\":{},\"seconds\":{seconds:.3}}}",
            memory.len()
        );
        let dir = tempfile::tempdir().expect("a directory");
        let opening = Opening {
            now: jiff::Timestamp::now(),
            build: "bench",
            calendar: market.version(),
            tzdb: market.tzdb_version(),
        };
        let mut sqlite = SqliteStore::open(dir.path(), &opening).expect("a fresh state");
        let seconds = year(&desk, &market, &mut sqlite);
        println!(
            "{{\"workload\":\"desk_year\",\"store\":\"sqlite_full\",\"slots\":{},\"seconds\":{seconds:.3}}}",
            memory.len()
        );
    }
}
