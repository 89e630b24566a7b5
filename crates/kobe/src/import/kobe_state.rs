//! The state directory of the predecessor: which files there are, what each says, and what of it means something here.
//!
//! Last runs and counts are kept to be looked at: they move no cursor, for a task that never ran here begins now. Positions are kept to be looked at too: books take a position
//! only from the fills that made it. Start at [`KNOWN`].

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use kobe_plan::State;
use kobe_trade::id::Symbol;
use serde_json::{Map, Value, json};

use super::{Context, Findings, Reading, kind, object, short, stamp_into};
use crate::output::count;

/// One file of the predecessor.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Where it lies below the state directory.
    pub path: &'static str,
    /// The name under which what it says is kept.
    pub artifact: &'static str,
    /// How it is read.
    pub reading: Reading,
}

const fn known(path: &'static str, artifact: &'static str, reading: Reading) -> Known {
    Known { path, artifact, reading }
}

/// Every file that is read, in the order in which it is told.
#[rustfmt::skip]
pub const KNOWN: &[Known] = &[
    known("autonomous/scheduler/scheduler_state.json", "import/scheduler_state", Reading::Json(scheduler_state)),
    known("autonomous/task_queue.json", "import/task_queue", Reading::Json(task_queue)),
    known("autonomous/brain_state.json", "import/brain_state", Reading::Json(brain_state)),
    known("autonomous/heartbeat.json", "import/heartbeat", Reading::Json(heartbeat)),
    known("autonomous/discoveries.json", "import/discoveries", Reading::Json(discoveries)),
    known("autonomous/discoveries.log", "import/discoveries_log", Reading::Text(discoveries_log)),
    known("watchlist/next_day.json", "import/watchlist/next_day", Reading::Json(watchlist)),
    known("watchlist/today_validated.json", "import/watchlist/today_validated", Reading::Json(watchlist)),
    known("watchlist/opening_range.json", "import/watchlist/opening_range", Reading::Json(whole_object)),
    known("watchlist/execution_log.json", "import/watchlist/execution_log", Reading::Json(whole_list)),
    known("watchlist/top2_analysis.json", "import/watchlist/top2_analysis", Reading::Json(whole_object)),
    known("positions.json", "import/positions", Reading::Json(positions)),
    known("KILL_SWITCH", "import/kill_switch", Reading::Text(kill_switch)),
];

/// The artifact from which this desk shows what research found.
pub const DISCOVERIES: &str = "discoveries";

/// A heart that beat so recently may still beat.
const ALIVE: SignedDuration = SignedDuration::from_mins(5);

const BY_HAND: &str = "see docs/operate/import.md: close it there, or watch it by hand until it is closed";

/// Says which task of this desk a name means; tells if there is none.
fn task_known(name: &str, place: &str, found: &mut Findings, context: &Context<'_>) -> bool {
    if context.desk.find(name).is_some() {
        return true;
    }
    let hint = context.desk.closest(name).map(|near| format!("the nearest name is `{near}`"));
    found.leave(place, "this desk has no such task", hint.as_deref());
    false
}

fn scheduler_state(value: &Value, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let mut runs = Map::new();
    match map.get("last_execution") {
        None | Some(Value::Null) => found.leave("last_execution", "the key is missing", Some("nothing ever ran there")),
        Some(Value::Object(last)) => {
            for (name, stamp) in last {
                let place = format!("last_execution.{}", short(name));
                if !task_known(name, &place, &mut found, context) {
                    continue;
                }
                if let Some(at) = stamp_into(&mut runs, &mut found, &place, name, Some(stamp), context) {
                    found.take(place, format!("last ran {at}"));
                }
            }
        }
        Some(other) => found.leave("last_execution", format!("it is {}, expected an object", kind(other)), None),
    }
    let slots = map.get("runs").and_then(Value::as_object).map_or(0, Map::len);
    if slots > 0 {
        found.leave(
            "runs",
            format!(
                "{} of the predecessor: rows of runs are only written by the machine that ran them",
                count(slots, "slot")
            ),
            Some("they stay readable in the file"),
        );
    }
    let mut body = Map::new();
    stamp_into(&mut body, &mut found, "updated_at", "updated_at", map.get("updated_at"), context);
    for key in ["total_tasks", "recurring_tasks"] {
        count_into(&mut body, &mut found, key, key, map.get(key));
    }
    strangers(map, &["last_execution", "runs", "total_tasks", "recurring_tasks", "updated_at"], &mut found);
    if !runs.is_empty() {
        body.insert("last_run".into(), Value::Object(runs));
        found.body = Some(Value::Object(body));
    }
    found
}

/// Reads a count under a key; what is none is told.
fn count_into(body: &mut Map<String, Value>, found: &mut Findings, place: &str, key: &str, value: Option<&Value>) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    match value.as_u64() {
        Some(n) => {
            body.insert(key.to_owned(), json!(n));
        }
        None => found.leave(place, format!("it is {}, expected a count", kind(value)), None),
    }
}

/// Tells of keys that nobody here knows.
fn strangers(map: &Map<String, Value>, known: &[&str], found: &mut Findings) {
    for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
        found.leave(short(key), "this import does not know the key", None);
    }
}

fn task_queue(value: &Value, context: &Context<'_>) -> Findings {
    /// What the predecessor declared; here the desk files do.
    const DECLARED: &[&str] = &[
        "name",
        "category",
        "priority",
        "description",
        "handler",
        "params",
        "scheduled_time",
        "valid_phases",
        "valid_modes",
        "cooldown_minutes",
        "recurring",
        "last_result",
    ];
    const TAKEN: &[&str] = &["id", "last_run", "run_count", "status", "retry_count", "last_error"];
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let mut tasks = Map::new();
    let list = match map.get("tasks") {
        Some(Value::Array(list)) => list.as_slice(),
        other => {
            let is = other.map_or("missing", kind);
            found.leave("tasks", format!("it is {is}, expected a list"), None);
            &[]
        }
    };
    for (i, task) in list.iter().enumerate() {
        let Some(task) = task.as_object() else {
            found.leave(format!("tasks[{i}]"), format!("it is {}, expected an object", kind(task)), None);
            continue;
        };
        let Some(id) = task.get("id").and_then(Value::as_str) else {
            found.leave(format!("tasks[{i}]"), "it has no id, so nobody knows which task it is", None);
            continue;
        };
        let place = format!("tasks[{i}] {}", short(id));
        if !task_known(id, &place, &mut found, context) {
            continue;
        }
        if tasks.contains_key(id) {
            found.leave(place, "the id stands there twice: the first is taken", None);
            continue;
        }
        let mut kept = Map::new();
        let at = |key: &str| format!("{place}.{key}");
        let ran = stamp_into(&mut kept, &mut found, &at("last_run"), "last_run", task.get("last_run"), context);
        for key in ["run_count", "retry_count"] {
            count_into(&mut kept, &mut found, &at(key), key, task.get(key));
        }
        match task.get("status").map(|status| status.as_str().and_then(|s| s.to_lowercase().parse::<State>().ok())) {
            None => {}
            Some(Some(state)) => {
                if state == State::Running {
                    found.note(at("status"), "it was running when the file was written; nothing goes on from there");
                }
                kept.insert("status".into(), json!(state));
            }
            Some(None) => found.leave(at("status"), "it is no state of a task", None),
        }
        if let Some(error) = task.get("last_error").and_then(Value::as_str) {
            kept.insert("last_error".into(), json!(error));
        }
        for key in task.keys().filter(|key| !DECLARED.contains(&key.as_str()) && !TAKEN.contains(&key.as_str())) {
            found.leave(at(&short(key)), "this import does not know the key", None);
        }
        let times = kept.get("run_count").and_then(Value::as_u64).map_or(String::new(), |n| format!(", {n} runs"));
        let last = ran.map_or("never ran".to_owned(), |at| format!("last ran {at}"));
        found.take(place, format!("{last}{times}"));
        tasks.insert(id.to_owned(), Value::Object(kept));
    }
    let mut body = Map::new();
    stamp_into(&mut body, &mut found, "updated_at", "updated_at", map.get("updated_at"), context);
    strangers(map, &["tasks", "updated_at"], &mut found);
    if !tasks.is_empty() {
        body.insert("tasks".into(), Value::Object(tasks));
        found.body = Some(Value::Object(body));
    }
    found
}

/// Reads stamps, counts and texts of an object; everything else is told as unknown.
fn plain(
    map: &Map<String, Value>,
    stamps: &[&str],
    counts: &[&str],
    texts: &[&str],
    context: &Context<'_>,
    found: &mut Findings,
) -> Map<String, Value> {
    let mut body = Map::new();
    for key in stamps {
        stamp_into(&mut body, found, key, key, map.get(*key), context);
    }
    for key in counts {
        count_into(&mut body, found, key, key, map.get(*key));
    }
    for key in texts {
        match map.get(*key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                body.insert((*key).to_owned(), json!(text));
            }
            Some(other) => found.leave(*key, format!("it is {}, expected a text", kind(other)), None),
        }
    }
    for (key, value) in &body {
        found.take(key.clone(), value.as_str().map_or_else(|| value.to_string(), short));
    }
    body
}

fn brain_state(value: &Value, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let (stamps, counts, texts) = (["started_at", "last_task_time", "updated_at"], ["cycles_completed"], ["version"]);
    let body = plain(map, &stamps, &counts, &texts, context, &mut found);
    strangers(map, &[&stamps[..], &counts, &texts].concat(), &mut found);
    found.body = (!body.is_empty()).then_some(Value::Object(body));
    found
}

fn heartbeat(value: &Value, context: &Context<'_>) -> Findings {
    /// What other versions of the predecessor add.
    const ADDED: &[&str] = &["phase", "work_mode", "uptime_hours", "status", "pid", "last_action", "version"];
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let stamps = ["timestamp", "last_beat", "started_at"];
    let counts = ["cycles", "tasks_run", "tasks_success", "tasks_failed"];
    let texts = ["last_task", "mode"];
    let body = plain(map, &stamps, &counts, &texts, context, &mut found);
    strangers(map, &[&stamps[..], &counts, &texts, &["alive"], ADDED].concat(), &mut found);
    let beat = body.get("timestamp").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let age = beat.map(|at: jiff::Timestamp| context.now.duration_since(at));
    let alive = map.get("alive") == Some(&Value::Bool(true));
    if alive && age.is_none() {
        found.attention.push(
            "the predecessor says that it is alive, at a time that cannot be judged: make sure that it is stopped"
                .into(),
        );
    }
    if alive && age.is_some_and(|age| age < ALIVE) {
        found.attention.push(format!(
            "the predecessor seems to be alive: its heart beat {} s ago; stop it before this desk runs, or both will act",
            age.unwrap_or_default().as_secs().max(0)
        ));
    }
    found.body = (!body.is_empty()).then_some(Value::Object(body));
    found
}

fn discoveries(value: &Value, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(list) = value.as_array() else {
        found.damaged = true;
        found.leave("line 1", format!("it is {}, expected a list", kind(value)), Some("this is another file"));
        return found;
    };
    let mut kept = Vec::new();
    for (i, entry) in list.iter().enumerate() {
        let place = format!("[{i}]");
        let Some(entry) = entry.as_object() else {
            found.leave(place, format!("it is {}, expected an object", kind(entry)), None);
            continue;
        };
        let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let (Some(what), Some(says)) = (text("type"), text("description")) else {
            found.leave(place, "it has no type or no description", None);
            continue;
        };
        let mut one = entry.clone();
        let before = found.left.len();
        let stamp = entry.get("timestamp");
        let read = stamp_into(&mut Map::new(), &mut found, &format!("{place}.timestamp"), "", stamp, context);
        match read {
            Some(at) => one["timestamp"] = json!(crate::when::local(at, context.market)),
            None => {
                // A discovery without its time is still one; a time that cannot be is not kept.
                if found.left.len() == before {
                    found.note(place.clone(), "it has no time");
                }
                one.remove("timestamp");
            }
        }
        found.take(place, short(&format!("{what}: {says}")));
        kept.push(Value::Object(one));
    }
    found.body = (!kept.is_empty()).then(|| json!({ "discoveries": kept }));
    found
}

fn discoveries_log(text: &str, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let mut kept = Vec::new();
    let cut = !text.is_empty() && !text.ends_with('\n');
    let last = text.lines().count();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("line {}", i + 1);
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [at, what, says @ .., source, improvement, confidence] = fields.as_slice() else {
            let why = if cut && i + 1 == last { "the line was cut" } else { "it is no line of this log" };
            found.leave(
                place,
                why,
                Some("a line is: time | type | description | source=x | improvement=x% | confidence=x%"),
            );
            continue;
        };
        let named = |field: &str, key: &str| field.strip_prefix(key).map(str::to_owned);
        let share = |field: &str, key: &str| -> Result<Value, ()> {
            match named(field, key).ok_or(())?.as_str() {
                "-" | "None" => Ok(Value::Null),
                text => {
                    let number = text.strip_suffix('%').and_then(|n| n.parse::<f64>().ok()).ok_or(())?;
                    // Percent in the file, a share everywhere else; six digits are more than the file has.
                    Ok(json!((number * 10_000.0).round() / 1_000_000.0))
                }
            }
        };
        let parts = (named(source, "source="), share(improvement, "improvement="), share(confidence, "confidence="));
        let (Some(source), Ok(improvement), Ok(confidence)) = parts else {
            let why = if cut && i + 1 == last { "the line was cut" } else { "it is no line of this log" };
            found.leave(
                place,
                why,
                Some("a line is: time | type | description | source=x | improvement=x% | confidence=x%"),
            );
            continue;
        };
        let mut one = Map::new();
        let stamp = json!(at);
        stamp_into(&mut one, &mut found, &place, "timestamp", Some(&stamp), context);
        let says = says.join(" | ");
        found.take(place, short(&format!("{what}: {says}")));
        one.extend([
            ("type".to_owned(), json!(what)),
            ("description".to_owned(), json!(says)),
            ("source".to_owned(), json!(source)),
            ("improvement".to_owned(), improvement),
            ("confidence".to_owned(), confidence),
        ]);
        kept.push(Value::Object(one));
    }
    found.body = (!kept.is_empty()).then(|| json!({ "discoveries": kept }));
    found
}

/// Returns the price under a key, if it is one.
fn price(entry: &Map<String, Value>, key: &str) -> Option<f64> {
    entry.get(key).and_then(Value::as_f64).filter(|price| *price > 0.0 && price.is_finite())
}

fn watchlist(value: &Value, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let mut body = map.clone();
    for key in ["generated_at", "validated_at"] {
        if let Some(stamp) = map.get(key) {
            body.remove(key);
            stamp_into(&mut body, &mut found, key, key, Some(stamp), context);
        }
    }
    match map.get("for_date").map(|date| date.as_str().and_then(|date| date.parse::<Date>().ok())) {
        Some(Some(date)) if date < context.market.date_of(context.now) => {
            found.note("for_date", format!("{date} is over: the list is kept to be looked at"));
        }
        Some(Some(_)) => {}
        _ => {
            body.remove("for_date");
            found.leave("for_date", "it is no date", Some("dates are written like 2026-11-23"));
        }
    }
    let mut names = BTreeSet::new();
    let mut kept = Vec::new();
    let list = match map.get("watchlist") {
        Some(Value::Array(list)) => list.as_slice(),
        other => {
            found.leave("watchlist", format!("it is {}, expected a list", other.map_or("missing", kind)), None);
            &[]
        }
    };
    for (i, entry) in list.iter().enumerate() {
        let symbol = entry.get("symbol").and_then(Value::as_str).unwrap_or_default();
        let place = format!("watchlist[{i}] {}", short(symbol));
        let why = match entry.as_object() {
            None => Some("it is no object".to_owned()),
            Some(_) if Symbol::new(symbol).is_err() => Some(format!("`{}` is no symbol", short(symbol))),
            Some(_) if !names.insert(symbol) => Some("the symbol stands there twice: the first is taken".to_owned()),
            Some(entry) => match (price(entry, "entry_price"), price(entry, "stop_loss")) {
                (None, _) => Some("its entry_price is no price".to_owned()),
                (_, None) => Some("its stop_loss is no price".to_owned()),
                (Some(buy), Some(stop)) if stop >= buy => Some(format!("its stop {stop} is not below its entry {buy}")),
                _ => None,
            },
        };
        match why {
            Some(why) => found.leave(place, why, None),
            None => {
                found.take(place, format!("entry {}, stop {}", entry["entry_price"], entry["stop_loss"]));
                kept.push(entry.clone());
            }
        }
    }
    let any = !kept.is_empty();
    body.insert("watchlist".into(), Value::Array(kept));
    found.body = any.then_some(Value::Object(body));
    found
}

fn whole_object(value: &Value, _: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    found.take(
        "the whole file",
        format!("{}, kept as it is: no function of this desk reads it", count(map.len(), "key")),
    );
    found.body = (!map.is_empty()).then(|| value.clone());
    found
}

fn whole_list(value: &Value, _: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    match value.as_array() {
        Some(list) => {
            let says = format!(
                "{}, kept as it is: no function of this desk reads it",
                if list.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", list.len()) }
            );
            found.take("the whole file", says);
            found.body = (!list.is_empty()).then(|| json!({ "entries": list }));
        }
        None => {
            found.damaged = true;
            found.leave("line 1", format!("it is {}, expected a list", kind(value)), Some("this is another file"));
        }
    }
    found
}

fn positions(value: &Value, context: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let Some(map) = object(value, &mut found) else { return found };
    let Some(all) = map.get("positions").and_then(Value::as_object) else {
        let is = map.get("positions").map_or("missing", kind);
        found.damaged = true;
        found.leave("positions", format!("it is {is}, expected an object"), Some(BY_HAND));
        return found;
    };
    let mut body = Map::new();
    stamp_into(&mut body, &mut found, "updated_at", "updated_at", map.get("updated_at"), context);
    let mut listed = Map::new();
    for (symbol, position) in all {
        let place = format!("positions.{}", short(symbol));
        let Some(entry) = position.as_object() else {
            found.leave(place, format!("it is {}, expected an object", kind(position)), Some(BY_HAND));
            found.attention.push(format!("what is held of {} at the predecessor is not known", short(symbol)));
            continue;
        };
        let qty = entry.get("qty").and_then(Value::as_f64).unwrap_or(f64::NAN);
        if qty == 0.0 {
            found.note(place, "no share is held");
            continue;
        }
        let words = |key: &str| price(entry, key).map_or_else(|| "unknown".to_owned(), |price| price.to_string());
        let what = if qty.is_nan() {
            format!("an unknown number of shares of {}", short(symbol))
        } else {
            format!("{qty} shares of {}", short(symbol))
        };
        let kind = match () {
            () if Symbol::new(symbol).is_err() => ", which is no symbol",
            () if qty < 0.0 => ", a short position, which this desk never holds",
            () if qty.is_finite() && qty.fract() != 0.0 => ", which is no whole number",
            () => "",
        };
        found.leave(
            place,
            format!(
                "{what}{kind}, bought at {}, stop {}: books take a position only from the fills that made it; buy and stop must be \
                 confirmed by hand",
                words("avg_price"),
                words("stop_loss")
            ),
            Some(BY_HAND),
        );
        found.attention.push(format!("{what} are open at the predecessor and are not in the books of this desk"));
        listed.insert(symbol.clone(), position.clone());
    }
    if !listed.is_empty() {
        body.insert("positions".into(), Value::Object(listed));
        found.body = Some(Value::Object(body));
    }
    found
}

fn kill_switch(text: &str, _: &Context<'_>) -> Findings {
    let mut found = Findings::default();
    let reason = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| value.get("reason").and_then(Value::as_str).map(short))
        .unwrap_or_else(|| short(text.trim()));
    found.leave(
        "the whole file",
        "a switch is pulled where it is to stop orders",
        Some("`kobe halt --reason R` pulls it here; nothing is pulled by an import"),
    );
    found.attention.push(format!(
        "the kill switch of the predecessor is pulled ({}): find out why before this desk trades",
        if reason.is_empty() { "without a reason" } else { &reason }
    ));
    found
}
