//! The live engine: nothing acts before its change is stored, and whatever a handler does, its end is told.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_engine::journal::replay;
use kobe_engine::{
    Attempt, Batch, Clock, Engine, EngineError, EngineHandle, Handler, JournalRow, NewDesk, Ports, Pulse, Reloaded,
    Stop, StopCause, Stopped, Store, StoreError, SystemClock, VirtualClock, Vitals,
};
use kobe_plan::scheduler::{Recovered, Settings};
use kobe_plan::{Alert, AlertKind, Catalog, Change, Desk, Outcome, Reason, Run, SourceFile, State, Verb, Wish};

type Log = Arc<Mutex<Vec<String>>>;

/// What the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Disk {
    #[default]
    Sound,
    Full,
    Broken,
}

#[derive(Clone, Default)]
struct Rows {
    log: Log,
    wishes: Arc<Mutex<Vec<Wish>>>,
    disk: Arc<Mutex<Disk>>,
    last: Arc<Mutex<Vec<Run>>>,
    journal: Arc<Mutex<Vec<JournalRow>>>,
}

impl Store for Rows {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn slots_after(&mut self, _: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        match *self.disk.lock().unwrap() {
            Disk::Sound => {}
            Disk::Full => return Err(StoreError::Full("no space left on device".into())),
            Disk::Broken => return Err(StoreError::Io("the device failed".into())),
        }
        self.journal.lock().unwrap().extend_from_slice(batch.journal);
        for change in batch.changes {
            if let Change::WishDone { id, .. } = change {
                self.wishes.lock().unwrap().retain(|wish| wish.id != *id);
            }
            if let Change::Run(run) = change {
                self.log.lock().unwrap().push(format!("stored {}", run.state));
                self.last.lock().unwrap().push(run.clone());
            }
        }
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        Ok(self.wishes.lock().unwrap().clone())
    }
}

struct Does<F: Fn(&Attempt, &Stop) -> Outcome + Send + Sync>(F);

impl<F: Fn(&Attempt, &Stop) -> Outcome + Send + Sync> Handler for Does<F> {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        (self.0)(attempt, stop)
    }
}

fn parse(text: &str) -> Arc<Desk> {
    let files = [SourceFile { name: "t.toml".into(), text: format!("[[group]]\nname = \"g\"\n{text}") }];
    Arc::new(Desk::parse(&files, &Catalog::new()).unwrap_or_else(|p| panic!("{}", p[0])))
}

const WORK: &str = "[[group.task]]\nname = \"work\"\ncommand = [\"work\"]\nonce = \"2049-12-01T10:00\"\nretries = 0\n";

struct Fixture {
    rows: Rows,
    alarms: Receiver<Alert>,
}

fn engine(
    handler: impl Fn(&Attempt, &Stop) -> Outcome + Send + Sync + 'static,
    clock: Arc<dyn Clock>,
) -> (Engine, Fixture) {
    engine_of(WORK, handler, clock, Box::new(()))
}

fn engine_of(
    desk: &str,
    handler: impl Fn(&Attempt, &Stop) -> Outcome + Send + Sync + 'static,
    clock: Arc<dyn Clock>,
    pulse: Box<dyn Pulse>,
) -> (Engine, Fixture) {
    let rows = Rows::default();
    rows.wishes.lock().unwrap().push(wish("work"));
    let (alarm, alarms) = channel();
    let alarm: Mutex<Sender<Alert>> = Mutex::new(alarm);
    let ports = Ports {
        store: Box::new(rows.clone()),
        handler: Arc::new(Does(handler)),
        clock,
        pulse,
        alarm: Arc::new(move |alert| alarm.lock().unwrap().send(alert).expect("the test hears")),
        build: "a test".into(),
    };
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let engine = Engine::new(parse(desk), market, Settings::LIVE, &mut |_| None, ports).expect("it recovers");
    (engine, Fixture { rows, alarms })
}

fn wish(task: &str) -> Wish {
    asked(7, Verb::Run, task)
}

fn asked(id: u128, verb: Verb, of: &str) -> Wish {
    Wish {
        id,
        verb,
        name: of.into(),
        reason: "a test".into(),
        operator: "anna".into(),
        asked_at: Timestamp::UNIX_EPOCH,
    }
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
            virtual_clock(),
        );
        *log.lock().unwrap() = Some(Arc::clone(&fixture.rows.log));
        (engine, fixture)
    };
    engine.run_once().expect("one cycle");
    assert_eq!(
        *seen.lock().unwrap(),
        ["stored pending", "stored running"],
        "what the handler found stored when it began"
    );
    assert_eq!(*fixture.rows.log.lock().unwrap(), ["stored pending", "stored running", "stored completed"]);
}

#[test]
fn a_store_that_fails_stops_the_engine_before_anything_acts() {
    let ran: Arc<Mutex<u32>> = Arc::default();
    let count = Arc::clone(&ran);
    let work = move |_: &Attempt, _: &Stop| {
        *count.lock().unwrap() += 1;
        Outcome::Ok("".into())
    };
    let (mut engine, fixture) = engine(work, virtual_clock());
    *fixture.rows.disk.lock().unwrap() = Disk::Broken;
    assert!(matches!(engine.run_once(), Err(EngineError::Store(StoreError::Io(_)))));
    assert_eq!(*ran.lock().unwrap(), 0);
}

#[test]
fn a_handler_that_panics_has_failed_and_the_engine_goes_on() {
    let (mut engine, fixture) = engine(|_, _| panic!("a fault"), virtual_clock());
    engine.run_once().expect("one cycle");
    let vitals = engine.board().read();
    let last = fixture.rows.last.lock().unwrap().last().expect("a row").clone();
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
        Arc::new(SystemClock),
    );
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    has_begun.recv().expect("the wish starts the run");
    handle.shutdown(true);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::AtOnce);
    let last = fixture.rows.last.lock().unwrap().last().expect("a row").clone();
    assert_eq!((last.state, last.outcome), (State::Failed, Some(Outcome::Interrupted)));
}

#[test]
fn told_to_stop_when_idle_it_stops_clean() {
    let (mut engine, _) = engine(|_, _| Outcome::Ok("".into()), Arc::new(SystemClock));
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
}

#[test]
fn a_full_disk_is_waited_out_and_nothing_acts_before_there_is_room() {
    let (began, has_begun) = channel();
    let began: Mutex<Sender<()>> = Mutex::new(began);
    let work = move |_: &Attempt, _: &Stop| {
        began.lock().unwrap().send(()).expect("the test waits");
        Outcome::Ok("".into())
    };
    let (mut engine, fixture) = engine(work, Arc::new(SystemClock));
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    let (handle, board) = (engine.handle(), engine.board());
    let running = std::thread::spawn(move || engine.run());
    let told = fixture.alarms.recv().expect("the full disk is told");
    assert_eq!((told.kind, told.recovery), (AlertKind::DiskFull, false));
    let pong = handle.ping(Duration::from_secs(60)).expect("the loop answers while it waits");
    assert!(pong.disk_full && has_begun.try_recv().is_err(), "nothing has acted");
    assert!(board.read().disk_full.is_some(), "and everybody can see why");
    *fixture.rows.disk.lock().unwrap() = Disk::Sound;
    has_begun.recv().expect("with room it goes on, without a restart");
    let told = fixture.alarms.recv().expect("that is told too");
    assert_eq!((told.kind, told.recovery), (AlertKind::DiskFull, true));
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
    assert_eq!(fixture.rows.last.lock().unwrap().last().map(|r| r.state), Some(State::Completed), "nothing was lost");
}

#[test]
fn an_engine_that_is_told_to_stop_on_a_full_disk_says_so() {
    let (mut engine, fixture) = engine(|_, _| Outcome::Ok("".into()), Arc::new(SystemClock));
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    fixture.alarms.recv().expect("the full disk is told");
    handle.shutdown(false);
    let ended = running.join().expect("no panic");
    assert!(matches!(ended, Err(EngineError::Store(StoreError::Full(_)))), "{ended:?}");
}

/// Work that says when it begins and which word to stop it hears, and ends when it has heard one.
fn until_told() -> (impl Fn(&Attempt, &Stop) -> Outcome + Send + Sync, Receiver<()>, Receiver<StopCause>) {
    let ((began, has_begun), (told, heard)) = (channel(), channel());
    let (began, told) = (Mutex::new(began), Mutex::new(told));
    let work = move |_: &Attempt, stop: &Stop| {
        began.lock().unwrap().send(()).expect("the test waits");
        let cause = loop {
            if let Some(cause) = stop.wait(Duration::from_secs(60)) {
                break cause;
            }
        };
        told.lock().unwrap().send(cause).expect("the test waits");
        if cause == StopCause::Timeout { Outcome::TimedOut } else { Outcome::Interrupted }
    };
    (work, has_begun, heard)
}

/// Has the engine come upon a full disk: it refuses a wish, and cannot store that.
fn fill_the_disk(fixture: &Fixture, handle: &EngineHandle) {
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    fixture.rows.wishes.lock().unwrap().push(asked(8, Verb::Run, "nobody"));
    handle.look();
    let told = fixture.alarms.recv().expect("the full disk is told");
    assert_eq!((told.kind, told.recovery), (AlertKind::DiskFull, false));
}

#[test]
fn what_runs_past_its_time_is_told_to_stop_also_while_nothing_can_be_stored() {
    let (work, has_begun, heard) = until_told();
    let desk = format!("{WORK}timeout = \"3s\"\n");
    let (mut engine, fixture) = engine_of(&desk, work, Arc::new(SystemClock), Box::new(()));
    let (handle, board) = (engine.handle(), engine.board());
    let running = std::thread::spawn(move || engine.run());
    has_begun.recv().expect("the wish starts the run");
    fill_the_disk(&fixture, &handle);
    assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok(StopCause::Timeout));
    assert!(board.read().disk_full.is_some(), "the disk is as full as before");
    *fixture.rows.disk.lock().unwrap() = Disk::Sound;
    assert!(fixture.alarms.recv().expect("that is told").recovery);
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
    let last = fixture.rows.last.lock().unwrap().last().expect("a row").clone();
    assert_eq!((last.state, last.outcome), (State::Failed, Some(Outcome::TimedOut)), "the row follows");
}

#[test]
fn what_is_cancelled_is_told_to_stop_also_while_nothing_can_be_stored() {
    let (work, has_begun, heard) = until_told();
    let (mut engine, fixture) = engine(work, Arc::new(SystemClock));
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    has_begun.recv().expect("the wish starts the run");
    fill_the_disk(&fixture, &handle);
    fixture.rows.wishes.lock().unwrap().push(asked(9, Verb::Cancel, "1"));
    assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok(StopCause::Timeout));
    *fixture.rows.disk.lock().unwrap() = Disk::Sound;
    assert!(fixture.alarms.recv().expect("that is told").recovery);
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
    let last = fixture.rows.last.lock().unwrap().last().expect("a row").clone();
    assert_eq!((last.state, last.reason), (State::Failed, Some(Reason::Operator)), "the row follows, and says who");
    assert!(fixture.rows.wishes.lock().unwrap().is_empty(), "the word is answered");
}

#[test]
fn a_start_that_a_full_disk_has_made_too_late_is_judged_again_and_uses_no_attempt() {
    let (began, has_begun) = channel();
    let began: Mutex<Sender<u32>> = Mutex::new(began);
    let clock = Arc::new(VirtualClock::new("2026-11-23T15:00:00Z".parse::<Timestamp>().expect("an instant")));
    let desk = format!("{WORK}idempotent = true\n");
    let work = move |attempt: &Attempt, _: &Stop| {
        began.lock().unwrap().send(attempt.attempt).expect("the test waits");
        Outcome::Ok("".into())
    };
    let (mut engine, fixture) = engine_of(&desk, work, Arc::clone(&clock) as Arc<dyn Clock>, Box::new(()));
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    fixture.alarms.recv().expect("the full disk is told");
    clock.set("2026-11-23T15:00:10Z".parse::<Timestamp>().expect("an instant"));
    *fixture.rows.disk.lock().unwrap() = Disk::Sound;
    assert_eq!(has_begun.recv_timeout(Duration::from_secs(60)), Ok(1), "it begins once, and for the first time");
    handle.shutdown(false);
    assert_eq!(running.join().expect("no panic").expect("no storage error"), Stopped::Clean);
    let last = fixture.rows.last.lock().unwrap().last().expect("a row").clone();
    assert_eq!((last.state, last.attempt), (State::Completed, 1));
    let rows = fixture.rows.journal.lock().unwrap();
    assert!(rows.iter().any(|row| row.body.contains("\"back\"")), "it is in the journal");
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let lived = replay(&rows, &|_| Some(parse(&desk)), &market, &mut |_, _, _| {}).expect("it can be lived again");
    assert_eq!(lived.differs, None);
}

#[test]
fn whoever_waits_for_a_reload_learns_at_once_that_the_engine_has_ended() {
    let (mut engine, fixture) = engine(|_, _| Outcome::Ok("".into()), Arc::new(SystemClock));
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    let handle = engine.handle();
    let running = std::thread::spawn(move || {
        let ended = engine.run();
        // Whoever has run it still holds it.
        (engine, ended)
    });
    fixture.alarms.recv().expect("the full disk is told");
    let (asker, desk) = (handle.clone(), parse(WORK));
    let new = NewDesk { standing: vec![None; desk.tasks.len()], desk };
    let asking = std::thread::spawn(move || asker.reload(new, Duration::from_secs(24 * 3600)));
    handle.shutdown(false);
    let (engine, ended) = running.join().expect("no panic");
    assert!(matches!(ended, Err(EngineError::Store(StoreError::Full(_)))), "{ended:?}");
    assert_eq!(asking.join().expect("no panic"), Reloaded::Silent);
    assert!(handle.ping(Duration::from_secs(24 * 3600)).is_none(), "nor does anybody else wait");
    drop(engine);
}

#[test]
fn an_engine_that_is_being_stopped_takes_no_other_desk_and_waits_for_no_disk() {
    let (told, heard) = channel();
    let told: Mutex<Sender<()>> = Mutex::new(told);
    let (go, gone) = channel::<()>();
    let gone: Mutex<Receiver<()>> = Mutex::new(gone);
    let work = move |_: &Attempt, stop: &Stop| {
        while stop.wait(Duration::from_secs(60)).is_none() {}
        told.lock().unwrap().send(()).expect("the test waits");
        gone.lock().unwrap().recv().expect("the test says so");
        Outcome::Interrupted
    };
    let (mut engine, fixture) = engine(work, Arc::new(SystemClock));
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    handle.shutdown(false);
    let desk = parse(&format!("{WORK}{}", WORK.replace("\"work\"", "\"other\"")));
    let new = NewDesk { standing: vec![None; desk.tasks.len()], desk };
    assert_eq!(handle.reload(new, Duration::from_secs(60)), Reloaded::Refused("the desk is being stopped".into()));
    handle.shutdown(true);
    heard.recv().expect("told twice, it tells what runs");
    *fixture.rows.disk.lock().unwrap() = Disk::Full;
    go.send(()).expect("the work waits");
    let ended = running.join().expect("no panic");
    assert!(matches!(ended, Err(EngineError::Store(StoreError::Full(_)))), "{ended:?}");
}

/// Says what it hears of the loop, with the desk.
struct Hears(Log);

impl Pulse for Hears {
    fn beat(&mut self, vitals: &Vitals) {
        self.0.lock().unwrap().push(format!("turn {}", vitals.config));
    }

    fn reloaded(&mut self, desk: &Arc<Desk>) {
        self.0.lock().unwrap().push(format!("in force {}", desk.hash));
    }
}

#[test]
fn that_another_desk_is_in_force_is_told_before_its_first_turn() {
    let log = Log::default();
    let pulse = Box::new(Hears(Arc::clone(&log)));
    let (mut engine, _fixture) = engine_of(WORK, |_, _| Outcome::Ok("".into()), Arc::new(SystemClock), pulse);
    let handle = engine.handle();
    let running = std::thread::spawn(move || engine.run());
    let desk = parse(&format!("{WORK}{}", WORK.replace("\"work\"", "\"other\"")));
    let (hash, new) = (desk.hash.clone(), NewDesk { standing: vec![None; desk.tasks.len()], desk });
    assert_eq!(handle.reload(new, Duration::from_secs(60)), Reloaded::InForce);
    handle.shutdown(false);
    running.join().expect("no panic").expect("no storage error");
    let heard = log.lock().unwrap();
    let first = heard.iter().find(|line| line.contains(&hash));
    assert_eq!(first, Some(&format!("in force {hash}")), "{heard:?}");
}

#[test]
fn what_went_in_is_journaled_and_lives_again_the_same() {
    let (mut engine, fixture) = engine(|_, _| Outcome::Error("it broke".into()), virtual_clock());
    engine.run_once().expect("one cycle");
    let rows = fixture.rows.journal.lock().unwrap().clone();
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let desks = |hash: &str| Some(parse(WORK)).filter(|desk| desk.hash == hash);
    let mut ends = Vec::new();
    let mut see = |_: Timestamp, desk: &Desk, turn: &kobe_plan::Turn| {
        for change in &turn.changes {
            if let Change::Run(run) = change
                && run.state.is_terminal()
            {
                ends.push(format!("{} {}", desk.task(run.task).name, run.state));
            }
        }
    };
    let lived = replay(&rows, &desks, &market, &mut see).expect("it can be lived again");
    assert_eq!((lived.differs.clone(), lived.segments, lived.inputs), (None, 1, 3), "{lived:?}");
    assert_eq!(lived.recorded, lived.replayed);
    assert_eq!(ends, ["work failed"]);

    let mut changed = rows.clone();
    let turn = changed.iter_mut().find(|r| r.body.contains("error")).expect("the end of the run");
    turn.body = turn.body.replace("\"error\"", "\"ok\"");
    let lived = replay(&changed, &desks, &market, &mut |_, _, _| {}).expect("it can be lived again");
    let differs = lived.differs.expect("another input gives another day");
    assert!(differs.inputs.contains("it broke"), "the turn is named: {differs:?}");
    assert_ne!(lived.recorded, lived.replayed);

    let no_beginning = replay(&rows[1..], &desks, &market, &mut |_, _, _| {});
    assert!(no_beginning.expect_err("a machine is missing").to_string().contains("no beginning"));
    let no_desk = replay(&rows, &|_| None, &market, &mut |_, _, _| {});
    assert!(no_desk.expect_err("a desk is missing").to_string().contains("is not known"));
}

#[test]
fn another_desk_is_taken_between_two_turns_and_refused_while_it_would_orphan_a_run() {
    let (began, has_begun) = channel();
    let began: Mutex<Sender<()>> = Mutex::new(began);
    let (mut engine, fixture) = engine(
        move |_, stop| {
            began.lock().unwrap().send(()).expect("the test waits");
            stop.wait(Duration::from_secs(60));
            Outcome::Interrupted
        },
        Arc::new(SystemClock),
    );
    let (handle, board) = (engine.handle(), engine.board());
    let running = std::thread::spawn(move || engine.run());
    has_begun.recv().expect("the wish starts the run");
    let other = |text: &str| {
        let desk = parse(text);
        NewDesk { standing: vec![None; desk.tasks.len()], desk }
    };
    let without = other(&WORK.replace("\"work\"", "\"other\""));
    let refused = handle.reload(without.clone(), Duration::from_secs(60));
    assert_eq!(
        refused,
        Reloaded::Refused("work is running and not in the new desk; wait for the end, or cancel it".into())
    );
    assert_ne!(board.read().config, without.desk.hash, "the old desk goes on");
    let with = other(&format!("{WORK}{}", WORK.replace("\"work\"", "\"other\"")));
    assert_eq!(handle.reload(with.clone(), Duration::from_secs(60)), Reloaded::InForce);
    assert_eq!(board.read().config, with.desk.hash);
    handle.shutdown(true);
    running.join().expect("no panic").expect("no storage error");
    let rows = fixture.rows.journal.lock().unwrap();
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let desks = |hash: &str| [parse(WORK), Arc::clone(&with.desk)].into_iter().find(|desk| desk.hash == hash);
    let lived = replay(&rows, &desks, &market, &mut |_, _, _| {}).expect("it can be lived again");
    assert_eq!((lived.segments, lived.differs), (2, None), "a reload is a segment of its own");
    assert_eq!(
        handle.reload(with, Duration::from_secs(60)),
        Reloaded::Silent,
        "an engine that is gone answers nothing"
    );
}
