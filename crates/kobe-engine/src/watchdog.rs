//! The watchdog: a thread that is not the loop, and looks at it.
//!
//! Every five seconds it pings the loop, gathers the other signs and tells what [`Watch`] finds. Only when the loop has answered does it say `alive`, which is what a service
//! manager and a dead-man on another machine hear. It counts time on the monotonic clock. It writes nothing itself.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kobe_plan::AlertKind;

use crate::clock::Clock;
use crate::engine::{Alarm, EngineHandle};
use crate::watch::{Signs, Unchecked, Watch};

/// How often it looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long the loop may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Where signs come from that the loop does not give.
pub struct Eyes {
    /// Returns when the oldest alert that is not out was raised.
    pub oldest_unsent: Box<dyn Fn() -> Option<Timestamp> + Send>,
    /// Returns the heartbeat as it stands in its file.
    pub heartbeat: Box<dyn Fn() -> Option<Timestamp> + Send>,
    /// Returns open positions and when their stops were looked at last by this process, while their market is open.
    pub unchecked: Box<dyn Fn(Timestamp) -> Option<Unchecked> + Send>,
    /// Hears that the loop lives; called after each answer.
    pub alive: Box<dyn Fn() + Send>,
}

/// A watch that looks by itself.
pub struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    standing: Watched,
}

/// What the watchdog has told and is not over.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Mutex<Vec<AlertKind>>>);

impl Watched {
    /// Returns what is wrong now.
    pub fn read(&self) -> Vec<AlertKind> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watchdog {
    /// Begins to watch.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub fn start(engine: EngineHandle, clock: Arc<dyn Clock>, alarm: Alarm, eyes: Eyes) -> std::io::Result<Watchdog> {
        let (stop, told) = channel::<()>();
        let standing = Watched::default();
        let shown = standing.clone();
        let look = move || {
            let (mut watch, begun) = (Watch::new(), Instant::now());
            while told.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let pong = engine.ping(ANSWER_WITHIN);
                let now = clock.now();
                let signs = Signs {
                    now,
                    up: SignedDuration::try_from(begun.elapsed()).unwrap_or(SignedDuration::MAX),
                    pong,
                    oldest_unsent: (eyes.oldest_unsent)(),
                    heartbeat: (eyes.heartbeat)(),
                    unchecked: (eyes.unchecked)(now),
                };
                for alert in watch.look(&signs) {
                    alarm(alert);
                }
                *shown.0.lock().unwrap_or_else(PoisonError::into_inner) = watch.standing().collect();
                if pong.is_some() {
                    (eyes.alive)();
                }
            }
        };
        let thread = thread::Builder::new().name("watchdog".into()).spawn(look)?;
        Ok(Watchdog { stop, thread, standing })
    }

    /// Returns where it can be read what is wrong.
    pub fn standing(&self) -> Watched {
        self.standing.clone()
    }

    /// Stops watching.
    pub fn close(self) {
        drop(self.stop);
        // It has nothing left to say.
        let _ = self.thread.join();
    }
}
