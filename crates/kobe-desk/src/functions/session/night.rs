//! Markers of nights and weekends: what is about to be done, and how fresh the things are that it reads.

use std::collections::{BTreeMap, BTreeSet};

use kobe_plan::Outcome;
use serde_json::{Value, json};

use super::record::look;
use crate::call::Call;
use crate::early::Work;

/// What the blocks of a weekend read, by the names under which it was left.
const READ: [&str; 4] = ["daily_pnl", "regime", "indicators", "metrics"];

/// Lists the work of the night, and the disk and memory there is for it.
pub(super) fn log_overnight_start(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let (desk, own) = (&call.attempt.desk, &call.attempt.task().group);
    let window = desk.groups.iter().find(|group| group.name == *own).and_then(|group| group.window.as_ref());
    let night: BTreeSet<&str> = desk
        .groups
        .iter()
        .filter(|group| window.is_some() && group.window.as_ref() == window)
        .map(|group| group.name.as_str())
        .collect();
    let mut lanes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut queued = 0u32;
    // The tasks of a group stand together, so a group is looked up once.
    for group in desk.tasks.chunk_by(|a, b| a.group == b.group).filter(|group| night.contains(group[0].group.as_str()))
    {
        for task in group.iter().filter(|task| task.enabled) {
            *lanes.entry(task.lane.word()).or_default() += 1;
            queued += 1;
        }
    }
    let host = call.desk.host();
    let bytes = |answer: Result<u64, String>| answer.map_or_else(|why| json!({ "unknown": why }), |n| json!(n));
    moment.note("queued", json!({ "tasks": queued, "by_lane": lanes }));
    moment.note("disk_free_bytes", bytes(host.disk_free_bytes()));
    moment.note("memory_free_bytes", bytes(host.memory_free_bytes()));
    moment.leave(call, &format!("{queued} tasks of the night"))
}

/// Heads a block: its name, and how fresh the things are that it reads.
pub(super) fn log_weekend_start(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    let block = call.text_arg("block").unwrap_or("start").to_owned();
    let (data, completed) = (call.data_set()?, call.completed()?);
    let behind = match call.desk.market().exchange().sessions_between(data.as_of.min(completed), completed) {
        Ok(sessions) => json!(sessions),
        Err(e) => json!({ "unknown": e.to_string() }),
    };
    moment.note("block", json!(block));
    moment.note(
        "bars",
        json!({ "as_of": data.as_of.min(completed), "last_session": completed, "sessions_behind": behind }),
    );
    let mut inputs = serde_json::Map::new();
    for name in READ {
        let found = call.desk.latest(name).map_err(|e| Outcome::Error(e.to_string().into()))?;
        inputs.insert(name.to_owned(), found.map_or(Value::Null, |a| json!({ "date": a.date, "at": a.at })));
    }
    moment.note("inputs", Value::Object(inputs));
    moment.leave(call, &format!("block {block}"))
}

/// Ends a day of the weekend. How its rows came out stands in the table of runs, which no function of the desk can read.
pub(super) fn log_weekend_end(call: &Call<'_>) -> Work {
    let mut moment = look(call)?;
    moment.note("block", json!(call.text_arg("block")));
    moment.note("runs", Value::Null);
    moment.leave(call, "")?;
    Err(Outcome::Unavailable("the table of runs: rows that were ok, failed and skipped are not counted".into()))
}
