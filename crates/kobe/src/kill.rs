//! The kill switch, as commands see it: the file, what the books remember, the audit line, and what pulls it when a state was moved.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_desk::kill::KillFile;
use kobe_engine::{Alarm, StoreError};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use kobe_store::{Reader, SqliteStore};
use kobe_trade::kill::{KillAnswer, KillLedger, KillRecord, KillState, judge};
use kobe_trade::order::Intent;
use kobe_trade::ports::KillSwitch;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::output::Paint;
use crate::settings::Shell;
use crate::when;

/// Name of the file that keeps every move of the switch.
const AUDIT: &str = "kill_switch_audit.jsonl";

/// It names people and their reasons: only its owner reads it.
const AUDIT_MODE: u32 = 0o600;

/// What the switch and the books say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What the file says.
    pub file: KillState,
    /// What the books remember.
    pub ledger: KillLedger,
    /// What follows for an entry.
    pub entry: KillAnswer,
    /// What follows for an exit.
    pub exit: KillAnswer,
}

/// Returns the switch of a state directory. A directory that does not exist yet has no switch.
pub fn file(state: &Path, now: Timestamp) -> KillState {
    if !state.exists() {
        return KillState::Clear;
    }
    KillFile::in_state(state).read(now)
}

/// Returns why no entry passes because of the file, if that is so. It reads the file only.
pub fn pulled(state: &Path, now: Timestamp) -> Option<String> {
    match file(state, now) {
        KillState::Clear => None,
        KillState::Present(record) => Some(record.reason),
        KillState::Unreadable(why) => Some(format!("it cannot be read: {why}")),
    }
}

/// Returns what the switch and the books say together.
///
/// # Errors
/// [`Failure::Store`] when the books cannot be read.
pub fn standing(state: &Path, reader: Option<&Reader>, now: Timestamp) -> Result<Standing, Failure> {
    let file = file(state, now);
    let ledger = match reader {
        Some(reader) => reader.book()?.kill().clone(),
        None => KillLedger::default(),
    };
    let answer = |intent| judge(&file, &ledger, now, intent);
    Ok(Standing { entry: answer(Intent::Entry), exit: answer(Intent::Exit), file, ledger })
}

impl Standing {
    /// Tells whether the switch is pulled.
    pub fn is_pulled(&self) -> bool {
        self.file != KillState::Clear || self.ledger.active.is_some()
    }

    /// Says it in a few words, with times on the desk's clock.
    pub fn words(&self, market: &Market, paint: Paint) -> String {
        if !self.is_pulled() {
            return match self.entry {
                KillAnswer::Cooldown { until } => paint.yellow(format!(
                    "taken back; exits pass now, entries from {} on",
                    when::day_and_clock(until, market)
                )),
                _ => "not pulled".to_owned(),
            };
        }
        let told = self.json();
        let word = |key: &str| told[key].as_str().unwrap_or("unknown").to_owned();
        let exits = match self.exit {
            KillAnswer::Grace { until } => format!("exits pass until {}", when::day_and_clock(until, market)),
            _ => "no exit passes".to_owned(),
        };
        let since = told["activated_at"].as_str().and_then(|t| t.parse().ok());
        let since = since.map_or("an unknown time".to_owned(), |t| when::day_and_clock(t, market));
        let who = paint.red(format!("pulled by {} since {since}", word("activated_by")));
        format!("{who}: {}; no entry passes, {exits}", word("reason"))
    }

    /// Says it as JSON.
    pub fn json(&self) -> Value {
        let record = match (&self.ledger.active, &self.file) {
            (Some(trip), _) => Some(&trip.record),
            (None, KillState::Present(record)) => Some(record),
            (None, KillState::Clear | KillState::Unreadable(_)) => None,
        };
        let reason = match (record, &self.file) {
            (Some(record), _) => Some(record.reason.clone()),
            (None, KillState::Unreadable(why)) => Some(format!("it cannot be read: {why}")),
            (None, _) => None,
        };
        let until = |answer: &KillAnswer| match answer {
            KillAnswer::Grace { until } | KillAnswer::Cooldown { until } => Some(until.to_string()),
            KillAnswer::Clear | KillAnswer::Killed { .. } => None,
        };
        json!({
            "active": self.is_pulled(),
            "reason": reason,
            "trigger": record.and_then(|r| r.trigger),
            "activated_at": record.and_then(|r| r.activated_at).map(|t| t.to_string()),
            "activated_by": record.map(|r| r.activated_by.clone()),
            "entries_allowed": self.entry.passes(),
            "exits_allowed": self.exit.passes(),
            "exits_until": if self.is_pulled() { until(&self.exit) } else { None },
            "entries_from": if self.is_pulled() { None } else { until(&self.entry) },
        })
    }
}

/// Freezes what may trade when the state was copied, moved or put back by hand: it may be older than what the broker has seen.
///
/// # Errors
/// [`Failure::Store`] when the switch cannot be pulled or the rows cannot be written.
pub fn freeze_if_moved(store: &SqliteStore, shell: &Shell, alarm: &Alarm) -> Result<(), Failure> {
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

/// Adds a line to the audit of the switch.
///
/// # Errors
/// [`Failure::File`] when it cannot be kept.
pub fn audit(
    state: &Path,
    at: Timestamp,
    action: &str,
    reason: &str,
    operator: &str,
    more: &[(&str, &str)],
) -> Result<(), Failure> {
    let path = state.join(AUDIT);
    let mut line = Map::new();
    for (key, value) in
        [("timestamp", at.to_string().as_str()), ("action", action), ("reason", reason), ("operator", operator)]
            .into_iter()
            .chain(more.iter().copied())
    {
        line.insert(key.to_owned(), Value::from(value));
    }
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).mode(AUDIT_MODE).open(&path)?;
        if file.metadata()?.permissions().mode() & 0o777 != AUDIT_MODE {
            // Who may write to it and is not its owner cannot change that; the line counts more.
            let _ = file.set_permissions(Permissions::from_mode(AUDIT_MODE));
        }
        // One write a line: lines of two processes never mix.
        file.write_all(format!("{}\n", Value::Object(line)).as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| Failure::File { what: "write", path: path.clone(), source })
}

/// Returns who is asked for by the flag, or who is at the keyboard.
pub fn operator(flag: Option<&str>) -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    flag.map(str::to_owned).or_else(|| named("USER")).or_else(|| named("LOGNAME")).unwrap_or_else(|| "operator".into())
}
