//! The health check: kill switch, disk, database, heartbeat, data and settings, and one word for all of them.

use kobe_engine::watch::{HEARTBEAT, is_stale};
use kobe_plan::Outcome;
use kobe_trade::kill;
use kobe_trade::order::Intent;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::early::Work;

/// Name of the artifact.
const NAME: &str = "health";
/// Below this much free disk a person is told.
const DISK_WARN_BYTES: u64 = 5 << 30;
/// Below this much nothing can be stored safely any more.
const DISK_LEAST_BYTES: u64 = 256 << 20;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Healthy,
    Degraded,
    Unhealthy,
}

impl Health {
    fn word(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        }
    }
}

/// The checks so far.
struct Checks {
    worst: Health,
    rows: Map<String, Value>,
    wrong: Vec<String>,
}

impl Checks {
    fn add(&mut self, name: &str, health: Health, detail: String) {
        if health != Health::Healthy {
            self.wrong.push(format!("{name}: {detail}"));
        }
        self.worst = self.worst.max(health);
        self.rows.insert(
            name.to_owned(),
            json!({ "ok": health == Health::Healthy, "health": health.word(), "detail": detail }),
        );
    }
}

/// Judges whether the house is in order. Unhealthy closes entries until a later check finds it in order again.
pub(super) fn health_check(call: &Call<'_>) -> Work {
    let mut checks = Checks { worst: Health::Healthy, rows: Map::new(), wrong: Vec::new() };
    switch(call, &mut checks);
    disk(call, &mut checks);
    heartbeat(call, &mut checks);
    let whole_on = database(call, &mut checks)?;
    match call.desk.data() {
        Ok(data) => checks.add("data", Health::Healthy, format!("{} symbols up to {}", data.series.len(), data.as_of)),
        Err(e) => checks.add("data", Health::Unhealthy, e.to_string()),
    }
    folders(call, &mut checks);
    let (build, config) = (call.desk.build(), &call.attempt.desk.hash);
    checks.add("settings", Health::Healthy, format!("{build}, configuration {config}"));
    let Checks { worst, rows, wrong } = checks;
    if worst == Health::Unhealthy {
        call.desk.block("health", wrong.join("; "));
    } else {
        call.desk.unblock("health");
    }
    call.put(
        NAME,
        json!({ "overall": worst.word(), "checks": rows, "wrong": wrong, "database_checked_on": whole_on }),
    )?;
    match worst {
        Health::Healthy => Ok(Outcome::Ok("healthy".into())),
        Health::Degraded => Ok(Outcome::Ok(format!("degraded: {}", wrong.join("; ")).into())),
        Health::Unhealthy => Err(Outcome::Error(format!("unhealthy: {}", wrong.join("; ")).into())),
    }
}

/// A pulled switch is a state of the desk that somebody wanted, not a defect of the house; one that cannot be read is worse.
fn switch(call: &Call<'_>, checks: &mut Checks) {
    let state = call.desk.kill().read(call.now);
    let answer = kill::judge(&state, call.desk.book().kill(), call.now, Intent::Entry);
    let health = match &state {
        kill::KillState::Unreadable(_) => Health::Unhealthy,
        _ if answer.passes() => Health::Healthy,
        _ => Health::Degraded,
    };
    checks.add("kill_switch", health, answer.to_string());
}

fn disk(call: &Call<'_>, checks: &mut Checks) {
    match call.desk.host().disk_free_bytes() {
        Ok(free) => {
            let health = match free {
                DISK_WARN_BYTES.. => Health::Healthy,
                DISK_LEAST_BYTES.. => Health::Degraded,
                _ => Health::Unhealthy,
            };
            checks.add("disk", health, format!("{} MiB free", free >> 20));
        }
        Err(why) => checks.add("disk", Health::Degraded, why),
    }
}

/// The one folder that functions write into; it is made with the first report.
fn folders(call: &Call<'_>, checks: &mut Checks) {
    let (health, detail) = match call.desk.reports() {
        None => (Health::Healthy, "no reports are written".to_owned()),
        Some(dir) if dir.is_dir() || !dir.exists() => (Health::Healthy, dir.display().to_string()),
        Some(dir) => (Health::Degraded, format!("{} is no folder", dir.display())),
    };
    checks.add("folders", health, detail);
}

fn heartbeat(call: &Call<'_>, checks: &mut Checks) {
    let (health, detail) = match call.desk.host().last_heartbeat() {
        // In a replay the turn that makes this call is the heartbeat.
        Ok(None) if call.desk.is_replay() => (Health::Healthy, "this turn".to_owned()),
        // The first beat follows the first turn.
        Ok(None) if call.now.duration_since(call.desk.started()) < HEARTBEAT => {
            (Health::Healthy, "the desk has just started".to_owned())
        }
        Ok(None) => (Health::Degraded, "no heartbeat yet".to_owned()),
        Ok(Some(beat)) => {
            let age = call.now.duration_since(beat);
            let health = if is_stale(beat, call.now) { Health::Unhealthy } else { Health::Healthy };
            let told = match age.as_secs() {
                ahead @ ..0 => format!("{} s ahead: the clock was set back", -ahead),
                ago => format!("{ago} s ago"),
            };
            (health, told)
        }
        Err(why) => (Health::Degraded, why),
    };
    checks.add("heartbeat", health, detail);
}

/// Asks at most once a day whether the database is whole; returns the date of the answer that counts.
fn database(call: &Call<'_>, checks: &mut Checks) -> Result<Value, Outcome> {
    let before = call.today(NAME)?.map(|artifact| artifact.body);
    if let Some(body) = before
        && body["checks"]["database"]["ok"] == true
    {
        checks.add("database", Health::Healthy, "whole, checked earlier today".to_owned());
        return Ok(body["database_checked_on"].clone());
    }
    match call.desk.host().database_whole() {
        Ok(true) => checks.add("database", Health::Healthy, "whole".to_owned()),
        Ok(false) => checks.add("database", Health::Unhealthy, "damaged".to_owned()),
        Err(why) => checks.add("database", Health::Degraded, why),
    }
    Ok(json!(call.date))
}
