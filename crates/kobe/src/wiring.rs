//! Wiring: one live desk, put together from the crates.
//!
//! The one place that knows every port's implementation. Nothing is decided here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_desk::kill::{KillFile, ReplayKill};
use kobe_desk::{DeskHandler, Era, PaperBroker, Services, Setup, Source, SystemHost};
use kobe_engine::outbox::{self, OutboxHandle, OutboxThread};
use kobe_engine::{Alarm, Engine, Handler, Ports, Pulse, StoreError, Watched};
use kobe_handlers::{CommandHandler, Limits};
use kobe_plan::scheduler::Settings;
use kobe_plan::{Alert, Desk};
use kobe_store::{Opening, Pruner, Reader, Shown, SqliteBooks, SqliteStore, StateFiles, TroublesBoard};
use kobe_trade::ports::{Books, BooksError, Host as _, KillSwitch};
use kobe_web::Signs;
use serde_json::json;

use crate::channels;
use crate::desk_files::Loaded;
use crate::failure::Failure;
use crate::hands::Hands;
use crate::kill;
use crate::looking;
use crate::narrator::Narrator;
use crate::operator::Attended;
use crate::pulse::InForce;
use crate::readying::{self, Ready};
use crate::settings::Shell;
use crate::signs;
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

/// Puts a live desk together: recovers, and starts nothing yet. What the engine tells by itself `hears` gets as well, also while the engine is being put together.
///
/// # Errors
/// [`Failure::Held`] when another instance has the state, [`Failure::Store`] when rows cannot be read.
pub fn live(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    settings: &channels::Settings,
    voice: Voice,
    hears: Alarm,
) -> Result<Live, Failure> {
    let state = &shell.settings.state;
    let store = SqliteStore::open(state, &opening(market, shell.clock.now()))?;
    let outbox = outbox(shell, market, &store, settings, &voice)?;
    store.on_alert(outbox.bell());
    let alarm = outbox.alarm();
    // One fold of the facts for all who write them.
    let books = Arc::new(store.books()?);
    kill::freeze_if_moved(&store, shell, &alarm)?;
    let services = services(shell, loaded, market, Arc::clone(&books) as _, Lock::Ours)?;
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
    let (pulse, troubles) = pulse(shell, loaded, market, &services)?;
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
    let heard: Alarm = Arc::new(move |alert: Alert| {
        hears(alert.clone());
        alarm(alert);
    });
    let ports = Ports {
        store: Box::new(Narrator::new(attended, voice)),
        handler,
        clock: Arc::clone(&shell.clock),
        pulse,
        alarm: heard,
        build: BUILD.to_owned(),
    };
    let desk = Arc::clone(&loaded.desk);
    let engine =
        Engine::new(Arc::clone(&desk), Arc::clone(market), Settings::LIVE, &mut |ix| standing(&desk, ix), ports)?;
    let watched = Arc::default();
    let signs = signs::signs(state.clone(), Arc::clone(market), &outbox, &watched, troubles);
    Ok(Live { engine, signs, outbox, services, ready, pruner, watched, ping: settings.ping.clone() })
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
    kill::freeze_if_moved(store, shell, &alarm)?;
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
    let services = services(shell, loaded, market, Arc::clone(books) as _, Lock::Ours)?;
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

/// What the lock of the state must be for a desk that may trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// Held by this process, which runs the desk.
    Ours,
    /// Free: nobody runs it, and this process only looks.
    Free,
}

/// Returns what the preflight of a desk that does not run looks at: everything as a start would find it, and nothing is written.
///
/// # Errors
/// [`Failure::Store`] when the books cannot be read.
pub fn looked_at(shell: &Shell, loaded: &Loaded, market: &Arc<Market>) -> Result<Arc<Services>, Failure> {
    services(shell, loaded, market, looking::books(&shell.settings.state)?, Lock::Free)
}

/// Puts the desk behind its functions together: books, paper broker, kill switch and this machine.
///
/// # Errors
/// [`Failure::Broke`] when the account cannot be opened.
fn services(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    books: Arc<dyn Books>,
    lock: Lock,
) -> Result<Arc<Services>, Failure> {
    let state = shell.settings.state.clone();
    let source = Arc::new(Source::new(None));
    let broker = PaperBroker::new(Arc::clone(market), Arc::clone(&source), Arc::clone(&books), Era::Live);
    let (locked, beats, rows) = (state.clone(), state.clone(), state.clone());
    // A state that is not there yet will lie on the disk of what is there.
    let disk = state.ancestors().find(|above| above.exists()).unwrap_or(&state).to_owned();
    let host = SystemHost::new(
        disk,
        move || signs::heartbeat(&beats),
        move || {
            Reader::open(&rows)
                .and_then(|r| r.map_or(Ok(()), |r| r.quick_check()))
                .map(|()| true)
                .map_err(|e| e.to_string())
        },
    )
    .with_lock(move || {
        let holder = kobe_store::holder(&locked).map_err(|e| e.to_string())?;
        Ok(match lock {
            Lock::Ours => holder.is_some_and(|holder| holder.pid == std::process::id()),
            Lock::Free => holder.is_none(),
        })
    });
    // Where there is no state there is no file in it, and a start would find none.
    let kill: Arc<dyn KillSwitch> = match lock == Lock::Free && !state.exists() {
        true => Arc::new(ReplayKill::at(None)),
        false => Arc::new(KillFile::in_state(&state)),
    };
    let services = Services::new(Setup {
        market: Arc::clone(market),
        clock: Arc::clone(&shell.clock),
        source,
        books,
        broker: Arc::new(broker),
        kill,
        host: Arc::new(host),
        era: Era::Live,
        build: BUILD.to_owned(),
        config: loaded.desk.hash.clone(),
        reports: Some(state.join("reports")),
    });
    // Whatever keeps the account from being opened keeps every fact from being booked.
    services.open_account(PAPER_CASH.into(), shell.clock.now()).map_err(|e| match e {
        BooksError::Full(what) => Failure::Store(StoreError::Full(what)),
        e => Failure::Store(StoreError::Io(format!("the account cannot be opened: {e}"))),
    })?;
    Ok(Arc::new(services))
}

/// Returns where signs of life go, and where it can be read what went wrong with their files.
fn pulse(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    services: &Arc<Services>,
) -> Result<(Box<dyn Pulse>, TroublesBoard), Failure> {
    let shown = Shown {
        state: shell.settings.state.clone(),
        market: Arc::clone(market),
        desk: Arc::clone(&loaded.desk),
        build: BUILD.to_owned(),
    };
    let files = StateFiles::start(shown)?;
    let (troubles, services) = (files.troubles(), Arc::clone(services));
    let files = InForce { inner: files, say: Box::new(move |desk| services.set_config(&desk.hash)) };
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

/// Names a configuration in a few characters.
pub fn short_hash(desk: &Desk) -> &str {
    desk.hash.get(..8).unwrap_or(&desk.hash)
}
