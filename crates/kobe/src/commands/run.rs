//! `kobe run`: the desk, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_desk::Services;
use kobe_engine::{EngineError, EngineHandle, Stopped, Watchdog};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use kobe_web::{Deck, Door, Web};
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::channels;
use crate::dead_man::DeadMan;
use crate::desk_files::Loaded;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lookout;
use crate::output::count;
use crate::pruning::Pruning;
use crate::readying::{self, Ready};
use crate::reload::{Parts, Reading, ReadingBell, Reloader};
use crate::sd::Manager;
use crate::settings::Shell;
use crate::signs;
use crate::starting::Starting;
use crate::voice::Voice;
use crate::wiring::{self, Live, VERSION};

/// How long the last alerts may take to get out.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Arguments of `kobe run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What was stored is recovered first, then every slot is started at its instant. Health and metrics are \
served on --listen. SIGHUP, or a change of the files under --config, reads the desk anew. The first SIGTERM or SIGINT lets what runs end (30 s), a second one stops at once. \
With --json every event is one line on stdout.

Examples:
  kobe run
  kobe run --once
  kobe run --listen 127.0.0.1:9000 --json
  curl -s localhost:8081/health | jq")]
pub struct Args {
    /// Do all that is due and eligible now, then end
    #[arg(long)]
    once: bool,
    /// Where health and metrics are served
    #[arg(long, value_name = "ADDRESS", env = "KOBE_LISTEN", default_value = "127.0.0.1:8081", hide_env_values = true)]
    listen: SocketAddr,
    /// Serve no metrics
    #[arg(long)]
    no_metrics: bool,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let (market, loaded) = (shell.market()?, shell.desk()?);
    if args.once {
        return once(shell, &loaded, &market);
    }
    let settings = channels::settings(shell)?;
    // Before anything starts: a port that is taken must not cost a start of the desk.
    let web = Web::open(Door::take(args.listen)?)?;
    let voice = Voice::new(shell.out, Arc::clone(&market))?;
    warn(&settings, &voice);
    let manager = Arc::new(Manager::of_environment());
    let mut live = Starting::new(web.porter(), &manager).live(shell, &loaded, &market, &settings, &voice)?;
    let guard = Guard::start(&live, shell, &market, &manager, &voice)?;
    let reading = reading(&live, shell, &loaded, &market, &voice)?;
    look_out(&mut live, shell);
    let deck = Deck {
        board: live.engine.board(),
        signs: live.signs,
        clock: Arc::clone(&shell.clock),
        version: VERSION.into(),
        metrics: !args.no_metrics,
    };
    web.show(deck);
    let ears = Ears::open(live.engine.handle(), Some(reading.bell()), voice.clone(), shell)?;
    hello(shell, &loaded, &voice, web.address());
    make_ready(&live.ready, &live.services, &loaded, shell, &voice)?;
    manager.say("READY=1");
    let ended = live.engine.run();
    manager.say("STOPPING=1");
    ears.close();
    reading.close();
    guard.close();
    web.stop();
    let now = shell.clock.now();
    if let Err(error) = &ended {
        // The rows may be out of reach: the last word goes straight to the channels.
        live.outbox.tell_now(last_word(error, now), LAST_WORD);
        voice.finish();
    }
    live.outbox.close(LAST_WORD);
    let stopped = ended?;
    let words = match stopped {
        Stopped::Clean => "stopped; everything came to its end",
        Stopped::Interrupted => "stopped; some runs had to be interrupted",
        Stopped::AtOnce => "stopped at once",
    };
    let vitals = live.engine.board().read();
    let fields = json!({ "how": format!("{stopped:?}"), "cycles": vitals.cycles });
    voice.tell(now, "INFO", "stopped", fields, Some(words));
    voice.finish();
    Ok(match stopped {
        Stopped::Clean | Stopped::Interrupted => Exit::Fine,
        Stopped::AtOnce => Exit::ToldTwice,
    })
}

fn warn(settings: &channels::Settings, voice: &Voice) {
    for warning in &settings.warnings {
        voice.talk(warning.to_string());
    }
}

/// Lets the engine be told when there is something to look at: a wish, the kill switch, a clock that was set.
fn look_out(live: &mut Live, shell: &Shell) {
    let (state, engine, waker) = (shell.settings.state.clone(), live.engine.handle(), live.engine.handle());
    let told = lookout::of_directories("state-news", move || vec![state.clone()], move || engine.look())
        .and_then(|()| lookout::of_clock(move || waker.look()));
    // Without both it goes on looking every second.
    if told.is_ok() {
        live.engine.is_told_to_look();
    }
}

fn make_ready(
    ready: &Ready,
    services: &Arc<Services>,
    loaded: &Loaded,
    shell: &Shell,
    voice: &Voice,
) -> Result<(), Failure> {
    // A desk that only keeps the time has nothing to compare, and needs no data for it.
    if !loaded.desk.tasks.iter().any(|task| task.right.trades()) {
        ready.tell();
        return Ok(());
    }
    readying::start(ready, services, Arc::clone(&shell.clock), voice.clone())
        .map_err(|e| Failure::Broke { what: format!("no thread to make ready: {e}") })
}

/// Returns what a person must be told when the engine cannot go on.
fn last_word(error: &EngineError, now: Timestamp) -> Alert {
    let title = match error {
        EngineError::Store(_) => "the desk stops: rows can no longer be written",
        EngineError::Thread(_) => "the desk stops: the system gives no more threads",
    };
    let alert = Alert::new(AlertKind::StorageFailed, Severity::Critical, "storage", now, title);
    Alert { runbook: format!("docs/operate/alerts.md#{}", AlertKind::StorageFailed), ..alert }.with_detail(format!(
        "{error}\nnothing was sent or started after the fault; what was acknowledged is on the disk"
    ))
}

/// Those who work beside the loop: the watchdog, whoever is told by it that the loop lives, and who removes what is old.
struct Guard {
    watchdog: Watchdog,
    dead_man: Option<DeadMan>,
    pruning: Pruning,
}

impl Guard {
    fn start(
        live: &Live,
        shell: &Shell,
        market: &Arc<Market>,
        manager: &Arc<Manager>,
        voice: &Voice,
    ) -> Result<Guard, Failure> {
        let broke = |e: std::io::Error| Failure::Broke { what: format!("no thread for the watchdog: {e}") };
        let dead_man = live.ping.clone().map(DeadMan::start).transpose().map_err(broke)?;
        let (bell, manager) = (dead_man.as_ref().map(DeadMan::bell), Arc::clone(manager));
        let alive = move || {
            manager.say("WATCHDOG=1");
            if let Some(bell) = &bell {
                bell();
            }
        };
        let eyes = signs::eyes(live, shell, market, Box::new(alive));
        let watchdog = Watchdog::start(live.engine.handle(), Arc::clone(&shell.clock), live.outbox.alarm(), eyes)
            .map_err(broke)?;
        // Set once, here.
        let _ = live.watched.set(watchdog.standing());
        let pruning = Pruning::start(live.pruner.clone(), Arc::clone(&shell.clock), voice.clone()).map_err(broke)?;
        Ok(Guard { watchdog, dead_man, pruning })
    }

    fn close(self) {
        self.watchdog.close();
        self.pruning.close();
        if let Some(dead_man) = self.dead_man {
            dead_man.close();
        }
    }
}

fn reading(
    live: &Live,
    shell: &Shell,
    loaded: &Loaded,
    market: &Arc<Market>,
    voice: &Voice,
) -> Result<Reading, Failure> {
    let (services, clock, said) = (Arc::clone(&live.services), Arc::clone(&shell.clock), voice.clone());
    let reloader = Reloader::new(Parts {
        root: loaded.root.clone(),
        desk: Arc::clone(&loaded.desk),
        engine: live.engine.handle(),
        market: Arc::clone(market),
        clock: Arc::clone(&shell.clock),
        voice: voice.clone(),
        alarm: live.outbox.alarm(),
        // A PASS under the desk before counts no more.
        in_force: Box::new(move || readying::now(&services, &*clock, &said)),
    });
    Reading::start(reloader).map_err(|e| Failure::Broke { what: format!("no thread for the desk files: {e}") })
}

fn hello(shell: &Shell, loaded: &Loaded, voice: &Voice, address: SocketAddr) {
    let desk = &loaded.desk;
    let state = shell.settings.state.display().to_string();
    let fields = json!({
        "version": VERSION,
        "pid": std::process::id(),
        "desk": desk.name,
        "config": desk.hash,
        "tasks": desk.tasks.len(),
        "state": state,
        "listen": address.to_string(),
    });
    let words = format!(
        "kobe {VERSION} · desk {} ({}, config {}) · state {state} · http://{address}/health · process {}",
        desk.name,
        count(desk.tasks.len(), "task"),
        wiring::short_hash(desk),
        std::process::id(),
    );
    voice.tell(shell.clock.now(), "INFO", "started", fields, Some(&words));
}

fn once(shell: &Shell, loaded: &Loaded, market: &Arc<Market>) -> Result<Exit, Failure> {
    // The events of one cycle would stand between a script and its summary.
    let out = if shell.out.is_json() { shell.out.silent() } else { shell.out };
    let voice = Voice::new(out, Arc::clone(market))?;
    let settings = channels::settings(shell)?;
    warn(&settings, &voice);
    // One cycle has no page on which its engine could be heard.
    let live = wiring::live(shell, loaded, market, &settings, voice.clone(), Arc::new(|_| {}))?;
    let Live { mut engine, outbox, services, ready, .. } = live;
    make_ready(&ready, &services, loaded, shell, &voice)?;
    let ears = Ears::open(engine.handle(), None, voice.clone(), shell)?;
    let ended = engine.run_once();
    ears.close();
    if let Err(error) = &ended {
        outbox.tell_now(last_word(error, shell.clock.now()), LAST_WORD);
    }
    outbox.close(LAST_WORD);
    voice.finish();
    let stopped = ended?;
    let vitals = engine.board().read();
    let of = |word: &str| vitals.ends.get(word).copied().unwrap_or(0);
    let (completed, failed) = (of("completed"), of("failed"));
    let skipped: Vec<(&String, &u64)> =
        vitals.ends.iter().filter(|(word, _)| !matches!(word.as_str(), "completed" | "failed")).collect();
    if shell.out.is_json() {
        let reasons: serde_json::Map<String, Value> =
            skipped.iter().map(|(word, n)| ((*word).clone(), Value::from(**n))).collect();
        shell.out.object(&json!({
            "cycles": vitals.cycles,
            "started": vitals.starts,
            "completed": completed,
            "failed": failed,
            "skipped": reasons,
            "unavailable": of("unavailable"),
            "waiting": vitals.waiting(),
            "due_next_hour": vitals.due_next_hour,
            "next": vitals.upcoming.first().map(|u| json!({ "task": u.task, "at_utc": u.at.to_string() })),
        }))?;
    } else {
        let total: u64 = skipped.iter().map(|(_, n)| **n).sum();
        let words: Vec<String> = skipped.iter().map(|(word, n)| format!("{n} {word}")).collect();
        let reasons = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        shell.out.text(&format!("one cycle: {completed} completed, {failed} failed, {total} skipped{reasons}\n"))?;
    }
    Ok(match stopped {
        Stopped::AtOnce => Exit::ToldTwice,
        Stopped::Interrupted => Exit::No,
        Stopped::Clean if failed > 0 => Exit::No,
        Stopped::Clean => Exit::Fine,
    })
}

/// Hears signals, on a thread of its own.
struct Ears {
    handle: Handle,
    thread: thread::JoinHandle<()>,
}

impl Ears {
    fn open(engine: EngineHandle, reading: Option<ReadingBell>, voice: Voice, shell: &Shell) -> Result<Ears, Failure> {
        let broke = |e: std::io::Error| Failure::Broke { what: format!("signals cannot be heard: {e}") };
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(broke)?;
        let handle = signals.handle();
        let clock = Arc::clone(&shell.clock);
        let listen = move || {
            let mut told = 0;
            for signal in signals.forever() {
                let now = clock.now();
                if signal == SIGHUP {
                    // A cycle that ends by itself reads nothing anew.
                    if let Some(reading) = &reading {
                        reading.read("SIGHUP");
                    }
                    continue;
                }
                told += 1;
                let words = match told {
                    1 => "told to stop: nothing starts any more, what runs may end (again to stop at once)",
                    _ => "told again: stopping at once",
                };
                voice.tell(now, "INFO", "stopping", json!({ "at_once": told > 1 }), Some(words));
                engine.shutdown(told > 1);
            }
        };
        let thread = thread::Builder::new().name("signals".into()).spawn(listen).map_err(broke)?;
        Ok(Ears { handle, thread })
    }

    fn close(self) {
        self.handle.close();
        // It has nothing left to hear.
        let _ = self.thread.join();
    }
}
