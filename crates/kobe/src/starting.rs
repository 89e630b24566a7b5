//! Starting: what is said while there is no loop yet that could say it.
//!
//! Rule: a full disk is waited out, also before the first turn: the page says so (503), the log and the channels hear it once, the service manager hears that the start goes on, and
//! with room the start goes on by itself. Any other fault of the storage ends the start, and is told through the channels once for each cause and hour, however often
//! somebody starts the desk again. Never opens anything itself: that is [`wiring`]'s. Start at [`Starting::live`].

use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_engine::{Alarm, StoreError};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use kobe_web::Porter;
use serde::{Deserialize, Serialize};

use crate::channels;
use crate::desk_files::Loaded;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::outside::Outside;
use crate::sd::Manager;
use crate::settings::Shell;
use crate::voice::Voice;
use crate::wiring::{self, Live};

/// How often a disk that was too full to be opened on is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How often the service manager hears that the start goes on, and for how long that holds.
const PATIENT_EVERY: Duration = Duration::from_secs(20);
const PATIENT: &str = "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=disk full, waiting for room";

/// A start that fails for the same cause is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// What was told of starts that failed, in the state directory.
const MEMORY: &str = "start_told.json";

/// A desk that starts, and who hears of it.
#[derive(Clone)]
pub struct Starting {
    porter: Porter,
    manager: Arc<Manager>,
    /// Asks the manager for patience as long as it is there.
    patience: Arc<Mutex<Option<Sender<()>>>>,
}

impl Starting {
    /// Begins to start.
    pub fn new(porter: Porter, manager: &Arc<Manager>) -> Starting {
        Starting { porter, manager: Arc::clone(manager), patience: Arc::default() }
    }

    /// Puts a live desk together, as soon as the disk has room for it.
    ///
    /// # Errors
    /// As [`wiring::live`], but for a full disk; a fault of the storage has been told through the channels.
    pub fn live(
        &self,
        shell: &Shell,
        loaded: &Loaded,
        market: &Arc<Market>,
        settings: &channels::Settings,
        voice: &Voice,
    ) -> Result<Live, Failure> {
        let mut full_since: Option<Timestamp> = None;
        loop {
            match wiring::live(shell, loaded, market, settings, voice.clone(), self.hears()) {
                Ok(live) => {
                    if let Some(since) = full_since {
                        self.goes_on();
                        live.outbox.tell(room_again(since, shell.clock.now()));
                    }
                    over(shell, &live.outbox.alarm());
                    return Ok(live);
                }
                Err(Failure::Store(StoreError::Full(what))) => {
                    if full_since.is_none() {
                        let now = shell.clock.now();
                        full_since = Some(now);
                        self.waits(now);
                        tell_full(shell, voice, now, &what);
                    }
                    thread::sleep(TRY_AGAIN);
                }
                Err(failure) => {
                    failed(shell, &failure);
                    return Err(failure);
                }
            }
        }
    }

    /// Returns what the engine's own word of a full disk is shown by while its loop does not turn.
    fn hears(&self) -> Alarm {
        let starting = self.clone();
        Arc::new(move |alert: Alert| match (alert.kind, alert.recovery) {
            (AlertKind::DiskFull, false) => starting.waits(alert.at),
            (AlertKind::DiskFull, true) => starting.goes_on(),
            _ => {}
        })
    }

    fn waits(&self, since: Timestamp) {
        self.porter.waits("disk", format!("disk full, waiting for room since {since:.0}: nothing starts before"));
        let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        if patience.is_none() {
            let (stop, told) = channel::<()>();
            let manager = Arc::clone(&self.manager);
            let ask = move || {
                manager.say(PATIENT);
                while told.recv_timeout(PATIENT_EVERY) == Err(RecvTimeoutError::Timeout) {
                    manager.say(PATIENT);
                }
            };
            // Without a thread the manager may start it anew, which is no worse than before.
            *patience = thread::Builder::new().name("patience".into()).spawn(ask).is_ok().then_some(stop);
        }
    }

    fn goes_on(&self) {
        self.porter.goes_on();
        let was = self.patience.lock().unwrap_or_else(PoisonError::into_inner).take();
        if was.is_some() {
            self.manager.say("STATUS=the disk has room again");
        }
    }
}

fn alert(kind: AlertKind, severity: Severity, cause: &str, at: Timestamp, title: impl Into<String>) -> Alert {
    let alert = Alert::new(kind, severity, cause, at, title);
    Alert { runbook: format!("docs/operate/alerts.md#{kind}"), ..alert }
}

/// Tells once that the disk is too full to start on: there are no rows yet that could keep it.
fn tell_full(shell: &Shell, voice: &Voice, now: Timestamp, what: &str) {
    let title = "the disk is full: nothing starts until there is room";
    let detail = format!("{what}\nthe desk has not started yet; make room, a restart is not needed");
    let told = alert(AlertKind::DiskFull, Severity::Critical, "disk", now, title).with_detail(detail);
    match Outside::open(shell) {
        Ok(outside) => drop(outside.tell(told)),
        Err(failure) => voice.talk(format!("{title}; nobody could be told: {failure}")),
    }
}

fn room_again(since: Timestamp, now: Timestamp) -> Alert {
    let waited = now.duration_since(since).as_secs();
    let title = format!("the disk has room again after {waited} s; the desk starts");
    alert(AlertKind::DiskFull, Severity::Info, "disk", now, title).recovered()
}

/// What was told of a start that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    cause: String,
    at: Timestamp,
}

/// Tells a person that the storage keeps the desk from starting; not again for the same cause within the hour.
fn failed(shell: &Shell, failure: &Failure) {
    // What ends a start otherwise is a mistake of whoever typed it, who sees it.
    if failure.exit() != Exit::Storage || !channels::settings(shell).is_ok_and(|set| !set.names().is_empty()) {
        return;
    }
    let (cause, now) = (failure.to_string(), shell.clock.now());
    let is_known = |told: &Told| told.cause == cause && now.duration_since(told.at).abs() < AGAIN;
    if places(&shell.settings.state).iter().filter_map(|place| remembered(place)).any(|told| is_known(&told)) {
        return;
    }
    let title = "the desk cannot start: its storage failed";
    let detail = format!("{cause}\nnothing was started or sent; what was acknowledged is on the disk");
    let told = alert(AlertKind::StorageFailed, Severity::Critical, "start", now, title).with_detail(detail);
    // What no channel has is told again by the next start.
    if Outside::open(shell).is_ok_and(|outside| outside.tell(told)) {
        remember(&shell.settings.state, &Told { cause, at: now });
    }
}

/// Tells that a start that had failed has not failed this time.
fn over(shell: &Shell, alarm: &Alarm) {
    let places = places(&shell.settings.state);
    if places.iter().any(|place| remembered(place).is_some()) {
        let title = "the desk has started again";
        alarm(alert(AlertKind::StorageFailed, Severity::Info, "start", shell.clock.now(), title).recovered());
    }
    for place in places {
        // One that stays says no more than that something was told then.
        let _ = fs::remove_file(place);
    }
}

/// Where it is kept what was told: in the state, or, since that may be what fails, beside the other temporary files.
fn places(state: &Path) -> [PathBuf; 2] {
    let mut name = DefaultHasher::new();
    fs::canonicalize(state).unwrap_or_else(|_| state.to_owned()).hash(&mut name);
    [state.join(MEMORY), std::env::temp_dir().join(format!("kobe-{:016x}-{MEMORY}", name.finish()))]
}

fn remembered(place: &Path) -> Option<Told> {
    // A name among temporary files belongs to anybody: only a plain file is read.
    fs::symlink_metadata(place).ok().filter(|meta| meta.is_file())?;
    serde_json::from_slice(&fs::read(place).ok()?).ok()
}

fn remember(state: &Path, told: &Told) {
    let text = serde_json::to_vec(told).expect("a text and an instant");
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let write = |place: &PathBuf| {
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).custom_flags(no_follow).open(place);
        file.and_then(|mut file| file.write_all(&text))
    };
    // Where neither can be written it is told again: better twice than never.
    let _ = places(state).iter().any(|place| write(place).is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn what_was_told_is_remembered_in_the_state_or_else_beside_it() {
        let place = tempfile::tempdir().expect("a directory");
        let told = Told { cause: "the database is damaged".into(), at: at("2026-11-23T15:00:00Z") };
        let state = place.path().join("state");
        fs::create_dir(&state).expect("a directory");
        remember(&state, &told);
        assert_eq!(remembered(&state.join(MEMORY)), Some(told.clone()));
        // A state that is not there cannot keep it.
        let gone = place.path().join("gone");
        let [inside, beside] = places(&gone);
        remember(&gone, &told);
        assert_eq!((remembered(&inside), remembered(&beside)), (None, Some(told.clone())));
        fs::remove_file(&beside).expect("it is there");
        // A link that somebody laid there is neither followed nor read.
        let victim = place.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        std::os::unix::fs::symlink(&victim, &beside).expect("a link");
        remember(&gone, &told);
        assert_eq!((remembered(&beside), fs::read_to_string(&victim).expect("a file").as_str()), (None, "precious"));
        fs::remove_file(&beside).expect("the link");
    }
}
