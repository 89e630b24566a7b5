//! Wiring: one live desk, put together from the crates.
//!
//! The one place that knows every port's implementation. Nothing is decided here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_desk::kill::KillFile;
use kobe_desk::{DeskHandler, Era, PaperBroker, Services, Setup, Source, SystemHost};
use kobe_engine::{Alarm, Attempt, Engine, Handler, Ports, Pulse, Stop};
use kobe_handlers::{CommandHandler, Limits};
use kobe_plan::scheduler::Settings;
use kobe_plan::task::Work;
use kobe_plan::{Desk, Outcome};
use kobe_store::{Opening, Reader, Shown, SqliteBooks, SqliteStore, StateFiles};
use kobe_trade::ports::Books;
use kobe_trade::zone::{self, ZoneRules};
use kobe_web::{MarketSign, Signs};

use crate::desk_files::Loaded;
use crate::failure::Failure;
use crate::kill;
use crate::narrator::Narrator;
use crate::operator::Attended;
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
    let store = SqliteStore::open(state, &opening(market, shell.clock.now()))?;
    // One fold of the facts for all who write them.
    let books = Arc::new(store.books()?);
    let handler = hands(shell, loaded, market, &books)?;
    let day = Arc::clone(market);
    let said = voice.clone();
    let alarm: Alarm = Arc::new(move |alert: kobe_plan::Alert| said.talk(alert.title));
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
        pulse: pulse(shell, loaded, market)?,
        alarm,
        build: BUILD.to_owned(),
    };
    let desk = Arc::clone(&loaded.desk);
    let engine =
        Engine::new(Arc::clone(&desk), Arc::clone(market), Settings::LIVE, &mut |ix| standing(&desk, ix), ports)?;
    Ok(Live { engine, signs: signs(state.clone(), Arc::clone(market)) })
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
    hands(shell, loaded, market, &Arc::new(store.books()?))
}

fn hands(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    books: &Arc<SqliteBooks>,
) -> Result<Arc<dyn Handler>, Failure> {
    let state = &shell.settings.state;
    let commands = CommandHandler::new(Limits::STANDARD).keeping_output_in(&output_directory(state));
    let services = services(shell, loaded, market, books)?;
    Ok(Arc::new(Hands { commands, functions: DeskHandler::new(services) }))
}

/// Puts the desk behind its functions together: books, paper broker, kill switch and this machine.
fn services(
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    books: &Arc<SqliteBooks>,
) -> Result<Arc<Services>, Failure> {
    let state = shell.settings.state.clone();
    let source = Arc::new(Source::new(None));
    let books: Arc<dyn Books> = Arc::clone(books) as _;
    let broker = PaperBroker::new(Arc::clone(market), Arc::clone(&source), Arc::clone(&books), Era::Live);
    let (beats, rows) = (state.clone(), state.clone());
    let host = SystemHost::new(
        state.clone(),
        move || heartbeat(&beats),
        move || {
            Reader::open(&rows)
                .and_then(|r| r.map_or(Ok(()), |r| r.quick_check()))
                .map(|()| true)
                .map_err(|e| e.to_string())
        },
    );
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
    let broke = |what: String| Failure::Broke { what };
    services
        .open_account(PAPER_CASH.into(), shell.clock.now())
        .map_err(|e| broke(format!("the account cannot be opened: {e}")))?;
    // Nothing that may trade starts before what a crash left behind is known.
    services.reconcile_intents().map_err(|e| broke(format!("orders of the last run are not clear: {e}")))?;
    Ok(Arc::new(services))
}

/// Returns when the heart last beat, from the file that shows it.
fn heartbeat(state: &Path) -> Option<Timestamp> {
    let text = std::fs::read(state.join("autonomous/heartbeat.json")).ok()?;
    let beat: serde_json::Value = serde_json::from_slice(&text).ok()?;
    beat.get("timestamp")?.as_str()?.parse().ok()
}

/// Gives each kind of work to its handler.
struct Hands<F> {
    commands: CommandHandler,
    functions: F,
}

impl<F: Handler> Handler for Hands<F> {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        match attempt.task().work {
            Work::Command(_) => self.commands.run(attempt, stop),
            Work::Call(_) => self.functions.run(attempt, stop),
        }
    }
}

fn pulse(shell: &Shell, loaded: &Loaded, market: &Arc<Market>) -> Result<Box<dyn Pulse>, Failure> {
    let shown = Shown {
        state: shell.settings.state.clone(),
        market: Arc::clone(market),
        desk: Arc::clone(&loaded.desk),
        build: BUILD.to_owned(),
    };
    Ok(Box::new(StateFiles::start(shown)?))
}

fn signs(state: PathBuf, market: Arc<Market>) -> Signs {
    Signs {
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

/// Names a configuration in a few characters.
pub fn short_hash(desk: &Desk) -> &str {
    desk.hash.get(..8).unwrap_or(&desk.hash)
}
