//! The dead man elsewhere: a service on another machine that hears from a desk that lives, and tells a person when it no longer does.
//!
//! The watchdog rings after each answer of the loop; at most every 30 s a thread of its own sends one GET, so a service that hangs holds up nobody.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::channels;

/// Pings are at least so far apart.
const APART: Duration = Duration::from_secs(30);

/// A thread that pings.
pub struct DeadMan {
    ring: SyncSender<bool>,
    thread: JoinHandle<()>,
}

impl DeadMan {
    /// Begins to ping an address whenever the bell rings.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub fn start(url: String) -> std::io::Result<DeadMan> {
        let (ring, rung) = sync_channel::<bool>(1);
        let pings = move || {
            while rung.recv() == Ok(true) {
                // A service that does not answer tells its own person.
                let _ = channels::ping(&url);
                // What rings in between is the same ring.
                let until = Instant::now() + APART;
                loop {
                    match rung.recv_timeout(until.saturating_duration_since(Instant::now())) {
                        Ok(true) => {}
                        Ok(false) | Err(RecvTimeoutError::Disconnected) => return,
                        Err(RecvTimeoutError::Timeout) => break,
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("dead-man".into()).spawn(pings)?;
        Ok(DeadMan { ring, thread })
    }

    /// Returns what rings; it never waits.
    pub fn bell(&self) -> impl Fn() + Send + use<> {
        let ring = self.ring.clone();
        move || {
            // A ring that finds another waiting is the same ring.
            let _ = ring.try_send(true);
        }
    }

    /// Stops pinging.
    pub fn close(self) {
        let _ = self.ring.send(false);
        let _ = self.thread.join();
    }
}
