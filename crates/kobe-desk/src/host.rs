//! The machine that the desk runs on: the real one, and the one that answers in a replay.

use std::path::PathBuf;

use jiff::Timestamp;
use kobe_trade::ports::Host;

const GIB: u64 = 1 << 30;

/// The machine of a replay: 100 GiB free, no skew, no latency, the lock held, a heart that beats.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayHost;

impl Host for ReplayHost {
    fn disk_free_bytes(&self) -> Result<u64, String> {
        Ok(100 * GIB)
    }

    fn memory_free_bytes(&self) -> Result<u64, String> {
        Ok(8 * GIB)
    }

    fn clock_skew_ms(&self) -> Result<i64, String> {
        Ok(0)
    }

    fn broker_latency_ms(&self) -> Result<u64, String> {
        Ok(0)
    }

    fn lock_held(&self) -> Result<bool, String> {
        Ok(true)
    }

    fn last_heartbeat(&self) -> Result<Option<Timestamp>, String> {
        Ok(None)
    }

    fn database_whole(&self) -> Result<bool, String> {
        Ok(true)
    }
}

/// This machine.
pub struct SystemHost {
    state: PathBuf,
    heartbeat: Box<dyn Fn() -> Option<Timestamp> + Send + Sync>,
    database: Box<dyn Fn() -> Result<bool, String> + Send + Sync>,
}

impl SystemHost {
    /// Looks at the state directory; heartbeat and database are asked of those who know.
    pub fn new(
        state: PathBuf,
        heartbeat: impl Fn() -> Option<Timestamp> + Send + Sync + 'static,
        database: impl Fn() -> Result<bool, String> + Send + Sync + 'static,
    ) -> SystemHost {
        SystemHost { state, heartbeat: Box::new(heartbeat), database: Box::new(database) }
    }
}

impl Host for SystemHost {
    fn disk_free_bytes(&self) -> Result<u64, String> {
        let found = rustix::fs::statvfs(&self.state).map_err(|e| format!("{}: {e}", self.state.display()))?;
        Ok(found.f_bavail * found.f_frsize)
    }

    fn memory_free_bytes(&self) -> Result<u64, String> {
        let text = std::fs::read_to_string("/proc/meminfo").map_err(|e| format!("/proc/meminfo: {e}"))?;
        let line =
            text.lines().find(|l| l.starts_with("MemAvailable:")).ok_or("/proc/meminfo has no line MemAvailable")?;
        let kib: u64 =
            line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).ok_or("the line MemAvailable does not read")?;
        Ok(kib * 1024)
    }

    fn clock_skew_ms(&self) -> Result<i64, String> {
        // The embedded broker uses this machine's clock, so there is nothing to differ from.
        Ok(0)
    }

    fn broker_latency_ms(&self) -> Result<u64, String> {
        Ok(0)
    }

    fn lock_held(&self) -> Result<bool, String> {
        // Without the lock this process would have ended before it had a desk.
        Ok(true)
    }

    fn last_heartbeat(&self) -> Result<Option<Timestamp>, String> {
        Ok((self.heartbeat)())
    }

    fn database_whole(&self) -> Result<bool, String> {
        (self.database)()
    }
}
