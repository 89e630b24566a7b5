//! The live engine: nothing acts before its change is stored, and whatever a handler does, its end is told.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::{
    Attempt, Batch, Clock, Engine, EngineError, Handler, Ports, Stop, StopCause, Stopped, Store, StoreError,
    SystemClock, VirtualClock, Wish,
};
use kobe_plan::scheduler::{Recovered, Settings};
use kobe_plan::{Catalog, Change, Desk, Outcome, Run, SourceFile, State};

type Log = Arc<Mutex<Vec<String>>>;

struct Rows {
    log: Log,
    wishes: Vec<Wish>,
    full_after: usize,
    last: Arc<Mutex<Vec<Run>>>,
}

impl Store for Rows {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn slots_after(&mut self, _: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        if self.full_after == 0 {
            return Err(StoreError::Full("no space left on device".into()));
        }
        self.full_after -= 1;
        for change in batch.changes {
            if let Change::Run(run) = change {
                self.log.lock().unwrap().push(format!("stored {}", run.state));
                self.last.lock().unwrap().push(run.clone());
            }
        }
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        Ok(std::mem::take(&mut self.wishes))
    }
}

struct Does<F: Fn(&Attempt, &Stop) -> Outcome + Send + Sync>(F);

impl<F: Fn(&Attempt, &Stop) -> Outcome + Send + Sync> Handler for Does<F> {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        (self.0)(attempt, stop)
    }
}

fn desk() -> Arc<Desk> {
    let text = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"work\"\ncommand = [\"work\"]\nonce = \"2049-12-01T10:00\"\nretries = 0\n";
    let files = [SourceFile { name: "t.toml".into(), text: text.into() }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

struct Fixture {
    log: Log,
    runs: Arc<Mutex<Vec<Run>>>,
}

fn engine(
    handler: impl Fn(&Attempt, &Stop) -> Outcome + Send + Sync + 'static,
    full_after: usize,
    clock: Arc<dyn Clock>,
) -> (Engine, Fixture) {
    let (log, runs): (Log, _) = (Arc::default(), Arc::default());
    let wishes = vec![Wish { id: 7, task: "work".into(), reason: "a test".into() }];
    let store = Rows { log: Arc::clone(&log), wishes, full_after, last: Arc::clone(&runs) };
    let ports = Ports { store: Box::new(store), handler: Arc::new(Does(handler)), clock, pulse: Box::new(()) };
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let engine = Engine::new(desk(), market, Settings::LIVE, &mut |_| None, ports).expect("it recovers");
    (engine, Fixture { log, runs })
}

fn virtual_clock() -> Arc<dyn Clock> {
    Arc::new(VirtualClock::new("2026-11-23T15:00:00Z".parse::<Timestamp>().expect("an instant")))
}

#[test]
fn nothing_acts_before_its_change_is_stored() {
    let seen: Log = Arc::default();
    let inner = Arc::clone(&seen);
    let (mut engine, fixture) = {
        let log: Arc<Mutex<Option<Log>>> = Arc::default();
        let hook = Arc::clone(&log);
        let (engine, fixture) = engine(
            move |_, _| {
                let stored = hook.lock().unwrap().as_ref().expect("set before the run").lock().unwrap().clone();
                inner.lock().unwrap().extend(stored);
                Outcome::Ok("done".into())
            },
            usize::MAX,
            virtual_clock(),
        );
        *log.lock().unwrap() = Some(Arc::clone(&fixture.log));
        (engine, fixture)
    };
    engine.run_once().expect("one cycle");
    assert_eq!(
        *seen.lock().unwrap(),
        ["stored pending", "stored running"],
        "what the handler found stored when it began"
    );
    assert_eq!(*fixture.log.lock().unwrap(), ["stored pending", "stored running", "stored completed"]);
}

#[test]
fn a_store_that_fails_stops_the_engine_before_anything_acts() {
    let ran: Arc<Mutex<u32>> = Arc::default();
    let count = Arc::clone(&ran);
    let work = move |_: &Attempt, _: &Stop| {
        *count.lock().unwrap() += 1;
        Outcome::Ok("".into())
    };
    let (mut engine, _) = engine(work, 0, virtual_clock());
    assert!(matches!(engine.run_once(), Err(EngineError::Store(StoreError::Full(_)))));
    assert_eq!(*ran.lock().unwrap(), 0);
}

#[test]
fn a_handler_that_panics_has_failed_and_the_engine_goes_on() {
    let (mut engine, fixture) = engine(|_, _| panic!("a fault"), usize::MAX, virtual_clock());
    engine.run_once().expect("one cycle");
    let vitals = engine.board().read();
    let last = fixture.runs.lock().unwrap().last().expect("a row").clone();
    assert_eq!(last.state, State::Failed);
    assert!(matches!(last.outcome, Some(Outcome::Error(ref note)) if note.contains("panicked")));
    assert_eq!(vitals.last_errors.back().map(|e| e.task.as_str()), Some("work"));
}

#[test]
fn told_to_stop_at_once_it_tells_what_runs_and_leaves_nothing_running() {
    let (began, has_begun) = channel();
    let began: Mutex<Sender<()>> = Mutex::new(began);
    let (mut engine, fixture) = engine(
        move |_, stop| {
            began.lock().unwrap().send(()).expect("the test waits");
            loop {
                match stop.wait(std::time::Duration::from_secs(60)) {
                    Some(StopCause::Shutdown) => return Outcome::Interrupted,
                    Some(StopCause::Timeout) => return Outcome::TimedOut,
                    None => {}
                }
            }
        },
        usize::MAX,
        Arc::new(SystemClock),
    );
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    has_begun.recv().expect("the wish starts the run");
    handle.shutdown(true);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::AtOnce);
    let last = fixture.runs.lock().unwrap().last().expect("a row").clone();
    assert_eq!((last.state, last.outcome), (State::Failed, Some(Outcome::Interrupted)));
}

#[test]
fn told_to_stop_when_idle_it_stops_clean() {
    let (mut engine, _) = engine(|_, _| Outcome::Ok("".into()), usize::MAX, Arc::new(SystemClock));
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
}
