//! W1, the peers' workload: 462 tasks, task i due at instant i % 20, instants one second apart, a handler that does nothing, every change of state durable in SQLite. The lane has
//! a worker for each of the 23 or 24 tasks of an instant, so that what is measured is the start and not the queue.
//!
//! Prints JSON lines with the peers' metric names: lateness of the starts (`late_p50`, `late_p99`, `late_max`, ms), then what 462 daily tasks cost while none is due
//! (`idle_cpu_30s` s, `rss_462` MiB), and beside them the machine's own timer in the same run (`timer_p50`, `timer_p99`, ms).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_engine::{Attempt, Engine, Handler, Ports, Stop, SystemClock};
use kobe_plan::scheduler::Settings;
use kobe_plan::{Catalog, Desk, Outcome, SourceFile};
use kobe_store::{Opening, SqliteStore};

const TASKS: usize = 462;
const INSTANTS: usize = 20;

#[derive(Default)]
struct Lateness(Mutex<Vec<f64>>);

impl Handler for Lateness {
    fn run(&self, attempt: &Attempt, _: &Stop) -> Outcome {
        let late = Timestamp::now().duration_since(attempt.due).as_secs_f64() * 1e3;
        self.0.lock().expect("no panic while it is held").push(late);
        Outcome::Ok("".into())
    }
}

fn desk(trigger: impl Fn(usize) -> String) -> Arc<Desk> {
    let mut text = String::from(
        "[lanes.monitoring]\nworkers = 32\nqueue = 1000\n[[group]]\nname = \"g\"\nlane = \"monitoring\"\n",
    );
    for i in 0..TASKS {
        text.push_str(&format!("[[group.task]]\nname = \"t{i}\"\ncommand = [\"x\"]\n{}\n", trigger(i)));
    }
    let files = [SourceFile { name: "w1.toml".into(), text }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

fn engine(desk: Arc<Desk>, dir: &std::path::Path, handler: Arc<dyn Handler>) -> Engine {
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let opening =
        Opening { now: Timestamp::now(), build: "bench", calendar: market.version(), tzdb: market.tzdb_version() };
    let store = SqliteStore::open(dir, &opening).expect("a fresh state");
    let ports = Ports {
        store: Box::new(store),
        handler,
        clock: Arc::new(SystemClock),
        pulse: Box::new(()),
        alarm: Arc::new(|alert| eprintln!("{}", alert.title)),
        build: "bench".into(),
    };
    Engine::new(desk, market, Settings::LIVE, &mut |_| None, ports).expect("it recovers")
}

fn report(metric: &str, value: f64, unit: &str, n: usize) {
    println!(
        "{{\"peer\":\"kobe-sqlite\",\"workload\":\"W1\",\"metric\":\"{metric}\",\"value\":{value:.4},\"unit\":\"{unit}\",\"n\":{n}}}"
    );
}

fn percentile(sorted: &[f64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

fn latency() {
    let market = Market::bundled().expect("bundled rules are sound");
    let first = Timestamp::from_second(Timestamp::now().as_second() + 4).expect("in range");
    let desk = desk(|i| {
        let at = first + SignedDuration::from_secs((i % INSTANTS) as i64);
        format!("once = \"{}\"", market.local(at).datetime())
    });
    let dir = tempfile::tempdir().expect("a directory");
    let handler = Arc::new(Lateness::default());
    let mut engine = engine(desk, dir.path(), handler.clone());
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    std::thread::sleep(Duration::from_secs(4 + INSTANTS as u64 + 2));
    handle.shutdown(false);
    running.join().expect("no panic").expect("no storage error");
    let mut late = std::mem::take(&mut *handler.0.lock().expect("no panic while it is held"));
    late.sort_by(f64::total_cmp);
    assert_eq!(late.len(), TASKS, "every task fires once");
    for (metric, p) in [("late_p50", 0.5), ("late_p99", 0.99), ("late_max", 1.0)] {
        report(metric, percentile(&late, p), "ms", late.len());
    }
}

/// The machine's own lateness: a sleep of a millisecond, as the kernel gives it.
fn timer() {
    let mut late: Vec<f64> = (0..1000)
        .map(|_| {
            let begun = Instant::now();
            std::thread::sleep(Duration::from_millis(1));
            (begun.elapsed().as_secs_f64() - 0.001) * 1e3
        })
        .collect();
    late.sort_by(f64::total_cmp);
    report("timer_p50", percentile(&late, 0.5), "ms", late.len());
    report("timer_p99", percentile(&late, 0.99), "ms", late.len());
}

/// CPU seconds of this process, user and system, and its resident memory in MiB.
fn usage() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("a process has fields").split(' ').collect();
    let ticks: f64 = [fields[11], fields[12]].iter().map(|f| f.parse::<f64>().expect("a number")).sum();
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a line");
    (ticks / 100.0, rss.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0)
}

fn idle() {
    let hour = (Timestamp::now().as_second() / 3600 + 6) % 24;
    let desk = desk(|i| format!("at = \"{hour:02}:{:02}\"", i % 60));
    let dir = tempfile::tempdir().expect("a directory");
    let mut engine = engine(desk, dir.path(), Arc::new(Lateness::default()));
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    std::thread::sleep(Duration::from_secs(2));
    let before = usage();
    std::thread::sleep(Duration::from_secs(30));
    let after = usage();
    handle.shutdown(false);
    running.join().expect("no panic").expect("no storage error");
    report("idle_cpu_30s", after.0 - before.0, "s", 1);
    report("rss_462", after.1, "MiB", 1);
}

fn main() {
    // Idle first: the memory of the other part would count.
    if std::env::var_os("KOBE_BENCH_SKIP_IDLE").is_none() {
        idle();
    }
    timer();
    latency();
    timer();
}
