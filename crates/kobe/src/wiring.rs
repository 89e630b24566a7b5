//! Wiring: one live desk, put together from the crates.
//!
//! The one place that knows every port's implementation. Nothing is decided here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_desk::kill::KillFile;
use kobe_desk::{DeskHandler, Era, PaperBroker, Services, Setup, Source, SystemHost};
use kobe_engine::outbox::{self, OutboxHandle, OutboxThread};
use kobe_engine::watch::Unchecked;
use kobe_engine::{Alarm, Attempt, Engine, Eyes, Handler, Ports, Pulse, Stop, StoreError, Watched};
use kobe_handlers::{CommandHandler, Limits};
use kobe_plan::alert::Severity;
use kobe_plan::alert::postman::WayState;
use kobe_plan::scheduler::Settings;
use kobe_plan::task::Work;
use kobe_plan::{Alert, AlertKind, Desk, Outcome, TradeRight};
use kobe_store::{Opening, Pruner, Reader, Shown, SqliteBooks, SqliteStore, StateFiles, TroublesBoard};
use kobe_trade::kill::{KillRecord, KillState};
use kobe_trade::order::Intent;
use kobe_trade::ports::{Books, Host as _, KillSwitch as _};
use kobe_trade::zone::{self, ZoneRules};
use kobe_web::{AlertSign, MarketSign, Signs};
use serde_json::json;

use crate::channels;
use crate::desk_files::Loaded;
use crate::failure::Failure;
use crate::kill;
use crate::narrator::Narrator;
use crate::operator::Attended;
use crate::readying::{self, Ready};
use crate::settings::Shell;
use crate::standing::standing;
use crate::voice::Voice;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name and version of this build, as rows and packets have it.
pub const BUILD: &str = concat!("kobe ", env!("CARGO_PKG_VERSION"));

/// Cash of the paper account at its opening, dollars.
const PAPER_CASH: i64 = 100_000;

/// A desk that is ready to run.
pub struct Live {
    /// The engine; it holds the lock of the state.
    pub engine: Engine,
    /// What the web shows beside the engine's vitals.
    pub signs: Signs,
    /// Tells alerts.
    pub outbox: OutboxHandle,
    /// The desk behind its functions.
    pub services: Arc<Services>,
    /// What may trade waits for this; [`readying::start`] begins.
    pub ready: Ready,
    /// Removes what is old.
    pub pruner: Pruner,
    /// What the watchdog finds, once there is one.
    pub watched: Arc<OnceLock<Watched>>,
    /// The address that is pinged as long as the loop lives, for a dead-man elsewhere.
    pub ping: Option<String>,
}

/// Says what an instance says of itself when it opens the database.
pub fn opening(market: &Market, now: Timestamp) -> Opening<'_> {
    Opening { now, build: BUILD, calendar: market.version(), tzdb: market.tzdb_version() }
}

/// Returns where the output of programs is kept.
pub fn output_directory(state: &Path) -> PathBuf {
    state.join("output")
}

/// Puts a live desk together: recovers, and starts nothing yet.
///
/// # Errors
/// [`Failure::Held`] when another instance has the state, [`Failure::Store`] when rows cannot be read.
pub fn live(shell: &Shell, loaded: &Loaded, market: &Arc<Market>, voice: Voice) -> Result<Live, Failure> {
    let state = &shell.settings.state;
    let settings = channels::settings(shell)?;
    for warning in &settings.warnings {
        voice.talk(warning.to_string());
    }
    let store = SqliteStore::open(state, &opening(market, shell.clock.now()))?;
    let outbox = outbox(shell, market, &store, &settings, &voice)?;
    store.on_alert(outbox.bell());
    let alarm = outbox.alarm();
    // One fold of the facts for all who write them.
    let books = Arc::new(store.books()?);
    freeze_if_moved(&store, shell, &alarm)?;
    let services = services(shell, loaded, market, &books)?;
    readying::tell_blocks(&services, Arc::clone(&shell.clock), Arc::clone(&alarm));
    let ready = Ready::default();
    let commands = CommandHandler::new(Limits::STANDARD).keeping_output_in(&output_directory(state));
    let handler = Arc::new(Hands {
        commands,
        functions: DeskHandler::new(Arc::clone(&services)),
        ready: ready.clone(),
        services: Arc::clone(&services),
    });
    let pruner = store.pruner();
    let (pulse, troubles) = pulse(shell, loaded, market)?;
    let day = Arc::clone(market);
    let attended = Attended {
        inner: store,
        books,
        switch: KillFile::in_state(state),
        clock: Arc::clone(&shell.clock),
        voice: voice.clone(),
        alarm: Arc::clone(&alarm),
        day: Box::new(move |at| day.date_of(at)),
    };
    let ports = Ports {
        store: Box::new(Narrator::new(attended, voice)),
        handler,
        clock: Arc::clone(&shell.clock),
        pulse,
        alarm,
        build: BUILD.to_owned(),
    };
    let desk = Arc::clone(&loaded.desk);
    let engine =
        Engine::new(Arc::clone(&desk), Arc::clone(market), Settings::LIVE, &mut |ix| standing(&desk, ix), ports)?;
    let watched = Arc::default();
    let signs = signs(state.clone(), Arc::clone(market), &outbox, &watched, troubles);
    Ok(Live { engine, signs, outbox, services, ready, pruner, watched, ping: settings.ping })
}

/// Freezes what may trade when the state was copied, moved or put back by hand: it may be older than what the broker has seen.
fn freeze_if_moved(store: &SqliteStore, shell: &Shell, alarm: &Alarm) -> Result<(), Failure> {
    let Some(why) = store.moved() else { return Ok(()) };
    let now = shell.clock.now();
    let reason = format!("{why}; reconcile with the broker, then `kobe resume`");
    let switch = KillFile::in_state(&shell.settings.state);
    if switch.read(now) == KillState::Clear {
        let record = KillRecord {
            reason: reason.clone(),
            trigger: None,
            // No grace for exits: whether there is anything to exit from is not known.
            activated_at: Some(now - SignedDuration::from_hours(1)),
            activated_by: "kobe".into(),
            context: Default::default(),
        };
        switch.trip(&record).map_err(|what| Failure::Store(StoreError::Io(what)))?;
    }
    let title = "the state was copied or moved: what may trade is frozen";
    let alert = Alert::new(AlertKind::Restored, Severity::Critical, "restored", now, title).with_detail(&reason);
    alarm(Alert { runbook: format!("docs/operate/alerts.md#{}", AlertKind::Restored), ..alert });
    shell.out.talk(&format!("{title}: {reason}"));
    // Only once the switch is pulled does the state belong here.
    Ok(store.settle()?)
}

/// Says what keeps this machine's clock.
pub fn clock_reference() -> String {
    SystemHost::new(PathBuf::from("/"), || None, || Ok(true)).clock_reference()
}

/// Starts the threads that tell alerts; what was not told before the last stop is told now.
fn outbox(
    shell: &Shell,
    market: &Market,
    store: &SqliteStore,
    settings: &channels::Settings,
    voice: &Voice,
) -> Result<OutboxHandle, Failure> {
    let (voice, clock) = (voice.clone(), Arc::clone(&shell.clock));
    let parts = outbox::Parts {
        outbox: Box::new(store.outbox()?),
        channels: settings.open(),
        clock: Arc::clone(&shell.clock),
        zone: market.zone().clone(),
        redactor: settings.redactor(),
        log: Arc::new(move |line| voice.tell(clock.now(), "WARN", "alert", json!({ "text": line }), Some(line))),
    };
    OutboxThread::start(parts).map_err(|e| Failure::Broke { what: format!("no thread for alerts: {e}") })
}

/// Returns what does the work of a single task, outside a running desk.
///
/// # Errors
/// [`Failure::Store`] when the books cannot be read.
pub fn handler(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    store: &SqliteStore,
) -> Result<Arc<dyn Handler>, Failure> {
    let out = shell.out;
    let alarm: Alarm = Arc::new(move |alert: Alert| out.talk(&alert.title));
    freeze_if_moved(store, shell, &alarm)?;
    hands(shell, loaded, market, &Arc::new(store.books()?))
}

fn hands(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    books: &Arc<SqliteBooks>,
) -> Result<Arc<dyn Handler>, Failure> {
    let output = output_directory(&shell.settings.state);
    let commands = CommandHandler::new(Limits::STANDARD).keeping_output_in(&output);
    let services = services(shell, loaded, market, books)?;
    // A single task waits for nobody: what it may trade on is compared first.
    let found = services.make_ready(shell.clock.now());
    for finding in found.findings() {
        shell.out.talk(&finding);
    }
    Ok(Arc::new(Hands {
        commands,
        functions: DeskHandler::new(Arc::clone(&services)),
        ready: Ready::at_once(),
        services,
    }))
}

/// Puts the desk behind its functions together: books, paper broker, kill switch and this machine.
///
/// # Errors
/// [`Failure::Broke`] when the account cannot be opened.
pub fn services(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    books: &Arc<SqliteBooks>,
) -> Result<Arc<Services>, Failure> {
    let state = shell.settings.state.clone();
    let source = Arc::new(Source::new(None));
    let books: Arc<dyn Books> = Arc::clone(books) as _;
    let broker = PaperBroker::new(Arc::clone(market), Arc::clone(&source), Arc::clone(&books), Era::Live);
    let (locked, beats, rows) = (state.clone(), state.clone(), state.clone());
    let host = SystemHost::new(
        state.clone(),
        move || heartbeat(&beats),
        move || {
            Reader::open(&rows)
                .and_then(|r| r.map_or(Ok(()), |r| r.quick_check()))
                .map(|()| true)
                .map_err(|e| e.to_string())
        },
    )
    .with_lock(move || {
        let holder = kobe_store::holder(&locked).map_err(|e| e.to_string())?;
        Ok(holder.is_some_and(|holder| holder.pid == std::process::id()))
    });
    let services = Services::new(Setup {
        market: Arc::clone(market),
        clock: Arc::clone(&shell.clock),
        source,
        books,
        broker: Arc::new(broker),
        kill: Arc::new(KillFile::in_state(&state)),
        host: Arc::new(host),
        era: Era::Live,
        build: BUILD.to_owned(),
        config: loaded.desk.hash.clone(),
        reports: Some(state.join("reports")),
    });
    // Whatever keeps the account from being opened keeps every fact from being booked.
    services
        .open_account(PAPER_CASH.into(), shell.clock.now())
        .map_err(|e| Failure::Store(StoreError::Io(format!("the account cannot be opened: {e}"))))?;
    Ok(Arc::new(services))
}

/// Returns when the heart last beat, from the file that shows it.
pub fn heartbeat(state: &Path) -> Option<Timestamp> {
    let text = std::fs::read(state.join("autonomous/heartbeat.json")).ok()?;
    let beat: serde_json::Value = serde_json::from_slice(&text).ok()?;
    beat.get("timestamp")?.as_str()?.parse().ok()
}

/// Gives each kind of work to its handler.
struct Hands<F> {
    commands: CommandHandler,
    functions: F,
    ready: Ready,
    services: Arc<Services>,
}

impl<F> Hands<F> {
    /// Returns why a program that may trade is not started now. Functions of the desk send no order past the gate; a program has only this.
    fn keeps_from_trading(&self, attempt: &Attempt) -> Option<String> {
        let intent = match attempt.task().right {
            TradeRight::None => return None,
            TradeRight::Reduce => Intent::Exit,
            TradeRight::Open => Intent::Entry,
        };
        let switch = self.services.kill().read(attempt.now);
        let answer = kobe_trade::kill::judge(&switch, self.services.book().kill(), attempt.now, intent);
        if !answer.passes() {
            return Some(format!("kill switch: {answer}"));
        }
        let blocks = self.services.blocks();
        (intent == Intent::Entry && !blocks.is_empty()).then(|| blocks.join("; "))
    }
}

impl<F: Handler> Handler for Hands<F> {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        if attempt.task().right.trades() && !self.ready.wait(stop) {
            return Outcome::Interrupted;
        }
        match attempt.task().work {
            Work::Command(_) => match self.keeps_from_trading(attempt) {
                Some(why) => Outcome::Gated(why.into()),
                None => self.commands.run(attempt, stop),
            },
            Work::Call(_) => self.functions.run(attempt, stop),
        }
    }
}

/// Returns where signs of life go, and where it can be read what went wrong with their files.
fn pulse(shell: &Shell, loaded: &Loaded, market: &Arc<Market>) -> Result<(Box<dyn Pulse>, TroublesBoard), Failure> {
    let shown = Shown {
        state: shell.settings.state.clone(),
        market: Arc::clone(market),
        desk: Arc::clone(&loaded.desk),
        build: BUILD.to_owned(),
    };
    let files = StateFiles::start(shown)?;
    let troubles = files.troubles();
    #[cfg(debug_assertions)]
    if let Some(place) = std::env::var_os("KOBE_TEST_PARK_PLANNER") {
        return Ok((Box::new(Parked { inner: files, place: place.into() }), troubles));
    }
    Ok((Box::new(files), troubles))
}

/// A loop that stands still as long as a file is there, so that a test can see that this is noticed. Not in optimised builds.
#[cfg(debug_assertions)]
struct Parked<P> {
    inner: P,
    place: PathBuf,
}

#[cfg(debug_assertions)]
impl<P: Pulse> Pulse for Parked<P> {
    fn beat(&mut self, vitals: &kobe_engine::Vitals) {
        while self.place.exists() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.inner.beat(vitals);
    }

    fn reloaded(&mut self, desk: &Arc<Desk>) {
        self.inner.reloaded(desk);
    }
}

fn signs(
    state: PathBuf,
    market: Arc<Market>,
    outbox: &OutboxHandle,
    watched: &Arc<OnceLock<Watched>>,
    troubles: TroublesBoard,
) -> Signs {
    let (outbox, watched, disk) = (outbox.clone(), Arc::clone(watched), state.clone());
    Signs {
        watch: Box::new(move || {
            watched.get().map_or_else(Vec::new, |w| w.read().into_iter().map(|kind| kind.to_string()).collect())
        }),
        alerts: Box::new(move || alert_sign(&outbox.standing())),
        files: Box::new(move || {
            let troubles = troubles.read();
            troubles.last.map(|last| format!("{} so far, the latest: {last}", troubles.count))
        }),
        disk: Box::new(move || {
            let found = rustix::fs::statvfs(&disk).ok()?;
            Some(found.f_bavail * found.f_frsize)
        }),
        kill: Box::new(move |now| kill::pulled(&state, now)),
        market: Box::new(move |now| {
            let segment = market.segment_at(now).ok()?;
            let zone = zone::at(&market, now, ZoneRules::STANDARD).ok()?.zone;
            Some(MarketSign {
                phase: segment.phase.to_string(),
                mode: segment.mode.seed_name().to_owned(),
                zone: zone.to_string(),
            })
        }),
        orders: Box::new(|| None),
        performance: Box::new(|| None),
    }
}

fn alert_sign(standing: &outbox::Standing) -> AlertSign {
    let names: Vec<&str> = standing.ways.iter().map(|way| way.name.as_str()).collect();
    let channels = match names.is_empty() {
        true => "to the log only: no channel is set".to_owned(),
        false => format!("through {}", names.join(", ")),
    };
    let mut wrong: Vec<String> = standing.rows_fail.iter().map(|why| format!("rows: {why}")).collect();
    for way in &standing.ways {
        match &way.state {
            WayState::Ok => {}
            WayState::Waiting { why, .. } => wrong.push(format!("{} waits: {why}", way.name)),
            WayState::Broken { why, .. } => wrong.push(format!("{} refuses: {why}", way.name)),
            WayState::Hanging { since } => wrong.push(format!("{} has not answered since {since}", way.name)),
        }
    }
    if !standing.alive {
        wrong.push("the thread that tells alerts is gone".into());
    }
    AlertSign { wrong: (!wrong.is_empty()).then(|| wrong.join("; ")), channels, unsent: standing.unsent }
}

/// Returns where the watchdog looks beside the loop.
pub fn eyes(live: &Live, shell: &Shell, market: &Arc<Market>, alive: Box<dyn Fn() + Send>) -> Eyes {
    let (outbox, state) = (live.outbox.clone(), shell.settings.state.clone());
    let (services, market) = (Arc::clone(&live.services), Arc::clone(market));
    Eyes {
        // Without a channel the log has everything at once.
        oldest_unsent: Box::new(move || {
            let standing = outbox.standing();
            standing.oldest.filter(|_| standing.has_channel())
        }),
        heartbeat: Box::new(move || heartbeat(&state)),
        unchecked: Box::new(move |now| {
            let session = market.exchange().session_at(now).ok()??;
            let positions = services.open_positions();
            let begun = services.started().max(session.open);
            let since = services.last_stop_check().map_or(begun, |last| last.max(begun));
            (positions > 0).then_some(Unchecked { positions, since })
        }),
        alive,
    }
}

/// Names a configuration in a few characters.
pub fn short_hash(desk: &Desk) -> &str {
    desk.hash.get(..8).unwrap_or(&desk.hash)
}
