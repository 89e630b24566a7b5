//! The machine that the desk runs on: the real one, and the one that answers in a replay.

use std::path::{Path, PathBuf};

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

    fn clock_reference(&self) -> String {
        "the virtual clock is the only one there is".to_owned()
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

/// A service that keeps the clock of this machine, and the file by which it shows that it does.
const TIME_KEEPERS: [(&str, &str); 4] = [
    ("run/systemd/timesync/synchronized", "systemd-timesyncd"),
    ("run/chrony/chronyd.pid", "chronyd"),
    ("run/chronyd.pid", "chronyd"),
    ("run/ntpd.pid", "ntpd"),
];

/// Says what keeps the clock of the machine whose file tree begins at `root`. None of these services shows its offset in a file, so the sentence also says that 0 is no measurement.
fn time_keeper(root: &Path) -> String {
    match TIME_KEEPERS.iter().find(|(file, _)| root.join(file).exists()) {
        Some((_, name)) => format!("{name} keeps this clock and shows no offset, so 0 is taken"),
        None => "there is no reference (no timesyncd, chronyd or ntpd runs, the broker is embedded), so 0 is taken"
            .to_owned(),
    }
}

/// This machine.
pub struct SystemHost {
    state: PathBuf,
    lock: Option<Box<dyn Fn() -> Result<bool, String> + Send + Sync>>,
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
        SystemHost { state, lock: None, heartbeat: Box::new(heartbeat), database: Box::new(database) }
    }

    /// Asks `lock` whether this process holds the lock of the state; without it nobody can tell, and a preflight blocks.
    pub fn with_lock(self, lock: impl Fn() -> Result<bool, String> + Send + Sync + 'static) -> SystemHost {
        SystemHost { lock: Some(Box::new(lock)), ..self }
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
        // The embedded broker uses this machine's clock, so there is nothing to differ from; see `clock_reference`.
        Ok(0)
    }

    fn clock_reference(&self) -> String {
        time_keeper(Path::new("/"))
    }

    fn broker_latency_ms(&self) -> Result<u64, String> {
        Ok(0)
    }

    fn lock_held(&self) -> Result<bool, String> {
        self.lock.as_ref().map_or_else(|| Err("nobody was named who knows about the lock".into()), |lock| lock())
    }

    fn last_heartbeat(&self) -> Result<Option<Timestamp>, String> {
        Ok((self.heartbeat)())
    }

    fn database_whole(&self) -> Result<bool, String> {
        (self.database)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_the_clock_is_told_and_nothing_is_told_too() {
        for (file, says) in [
            ("run/systemd/timesync/synchronized", "systemd-timesyncd keeps this clock"),
            ("run/chrony/chronyd.pid", "chronyd keeps this clock"),
            ("etc/passwd", "there is no reference"),
        ] {
            let root = tempfile::tempdir().expect("a directory");
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("writable");
            std::fs::write(&file, "1").expect("writable");
            let said = time_keeper(root.path());
            assert!(said.starts_with(says) && said.ends_with("so 0 is taken"), "{said}");
        }
    }

    #[test]
    fn this_machine_answers() {
        let dir = tempfile::tempdir().expect("a directory");
        let host = SystemHost::new(dir.path().to_owned(), || None, || Err("closed".into()));
        assert!(host.lock_held().is_err(), "nobody was asked");
        let host = host.with_lock(|| Ok(false));
        assert!(host.disk_free_bytes().expect("a file system") > 0);
        assert!(host.memory_free_bytes().expect("a machine with memory") > 1 << 20);
        assert_eq!((host.lock_held(), host.last_heartbeat()), (Ok(false), Ok(None)));
        assert_eq!(host.database_whole(), Err("closed".into()));
        let gone = SystemHost::new(dir.path().join("gone"), || None, || Ok(true));
        let why = gone.disk_free_bytes().expect_err("no such directory");
        assert!(why.contains("gone"), "the place is named: {why}");
    }
}
