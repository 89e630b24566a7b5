//! The heartbeat and the state of the brain: the vitals of the planning loop as the seed's files.

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::{Market, WorkMode};
use kobe_engine::Vitals;
use serde_json::{Map, Value, json};

use super::Shown;

/// Nothing due for so long is sleep.
const SLEEP_FROM: SignedDuration = SignedDuration::from_mins(15);

/// Writes an instant in the market's time with its offset, whole seconds.
pub(super) fn local(market: &Market, at: Timestamp) -> String {
    market.local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Says where the vitals put the desk: phase, mode by the clock, mode as shown.
fn moment(market: &Market, vitals: &Vitals) -> (String, String, String) {
    let at = vitals.beat_at;
    let Ok(segment) = market.segment_at(at) else {
        // Past the calendar nobody knows.
        return (String::from("unknown"), String::from("unknown"), String::from("UNKNOWN"));
    };
    let soon = vitals.upcoming.first().is_some_and(|next| next.at.duration_since(at) <= SLEEP_FROM);
    let awake = soon || vitals.running() > 0 || vitals.waiting() > 0;
    let shown = if awake { segment.mode } else { WorkMode::Sleep };
    (segment.phase.to_string(), segment.mode.to_string(), shown.seed_name().to_owned())
}

/// Returns the heartbeat.
pub(super) fn heartbeat(shown: &Shown, vitals: &Vitals, alive: bool) -> Map<String, Value> {
    let at = vitals.beat_at;
    let (phase, work_mode, mode) = moment(&shown.market, vitals);
    let ends = |word: &str| vitals.ends.get(word).copied().unwrap_or(0);
    let uptime = at.duration_since(vitals.started_at).as_secs_f64() / 3600.0;
    let status = match (alive, vitals.ready) {
        (false, _) => "stopped",
        (true, true) => "running",
        (true, false) => "stopping",
    };
    let content = json!({
        "timestamp": local(&shown.market, at),
        "alive": alive,
        "cycles": vitals.cycles,
        "last_task": vitals.last_task,
        "mode": mode,
        "phase": phase,
        "work_mode": work_mode,
        "status": status,
        "started_at": local(&shown.market, vitals.started_at),
        "last_beat": local(&shown.market, at),
        "uptime_hours": (uptime * 10_000.0).round() / 10_000.0,
        "tasks_run": ends("completed") + ends("failed"),
        "tasks_success": ends("completed"),
        "tasks_failed": ends("failed"),
        "version": shown.build,
        "config": vitals.config,
        "pid": std::process::id(),
    });
    object(content)
}

/// Returns the state of the brain.
pub(super) fn brain_state(shown: &Shown, vitals: &Vitals, last_started: Option<Timestamp>) -> Map<String, Value> {
    object(json!({
        "version": shown.build,
        "started_at": local(&shown.market, vitals.started_at),
        "cycles_completed": vitals.cycles,
        "last_task_time": last_started.map(|at| local(&shown.market, at)),
        "updated_at": local(&shown.market, vitals.beat_at),
    }))
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
