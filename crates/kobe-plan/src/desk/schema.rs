//! The JSON Schema of desk files, for editors.
//!
//! Rule: it is built from the lists of keys and words that the reader has, so an editor offers what the reader takes. What the schema refuses the reader refuses as well;
//! the reader knows more (names that exist, times that meet) and has the last word: `kobe check`. Only parts of JSON Schema that older editors know are used. Start at
//! [`schema`].

use kobe_calendar::{Phase, Tag, WorkMode};
use serde_json::{Map, Value, json};

use super::fields::SHARED;
use super::read::{AT_KEYS, FILE_KEYS, GROUP_KEYS, LANE_KEYS, TASK_KEYS, TRIGGER_KEYS, WINDOW_KEYS};
use super::{Catalog, SCHEMA};
use crate::alert::Severity;
use crate::task::{Fold, Gap, HalfDay, Lane, OnHoliday, TradeRight};

/// A length of time: larger units first, each once.
const DURATION: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";

/// A time of day, or a moment of the session.
const MOMENT: &str =
    "^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|(open|close)([+-]([0-9]+h)?([0-9]+m)?([0-9]+s)?)?)$";

/// A moment of the sessions of a venue: the venue, a bell with its distance or a phase that begins, and which sessions.
fn venue_moment() -> String {
    let phases = each(Phase::ALL, Phase::as_str).join("|");
    let bell = "(open|close|break_start|break_end)([+-]([0-9]+h)?([0-9]+m)?([0-9]+s)?)?";
    let number = "(first|second|third|[0-9]+(st|nd|rd|th))";
    let which = format!("(({number}|last|{number} last) session of (week|month|quarter|year)|expiry([+-][0-9]+)?)");
    format!("^ *[A-Za-z0-9_]+ +({bell}|enter +({phases}))( +{which})? *$")
}

const DAYS: &[&str] = &[
    "weekdays",
    "daily",
    "weekend",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Returns the JSON Schema (draft 2020-12) of one desk file, for a build that has these functions.
pub fn schema(catalog: &Catalog) -> Value {
    let functions: Vec<&str> = catalog.keys().map(String::as_str).collect();
    let mut parts = Map::new();
    for key in SHARED {
        parts.insert((*key).to_owned(), shared(key).unwrap_or(Value::Bool(true)));
    }
    let more = [
        ("function", json!({ "type": "string", "enum": functions })),
        ("duration", json!({ "type": "string", "pattern": DURATION, "minLength": 2 })),
        ("moment", json!({ "type": "string", "pattern": MOMENT })),
        ("venue_moment", json!({ "type": "string", "pattern": venue_moment() })),
        ("firing", object(AT_KEYS, &["at"], firing, "One moment, with what it says for itself.")),
        ("lane_size", object(LANE_KEYS, &[], lane, "The size of a lane.")),
        (
            "window",
            object(
                WINDOW_KEYS,
                &["from", "to"],
                window,
                "A part of the day, from its first instant up to but not including its last.",
            ),
        ),
        ("task", task_object()),
        (
            "group_table",
            object(
                GROUP_KEYS,
                &["name"],
                group,
                "A group of tasks. What it says of a task's settings is their default.",
            ),
        ),
    ];
    for (name, part) in more {
        parts.insert(name.to_owned(), part);
    }
    let mut whole = object(
        FILE_KEYS,
        &[],
        file,
        "A file of a desk. `desk.toml` says what the desk is; every file may hold groups of tasks.",
    );
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["title"] = json!("Kobe desk file");
    whole["$defs"] = Value::Object(parts);
    whole
}

/// Returns an object of these keys and no others. Keys that may stand in a group and in a task are described once.
fn object(keys: &[&str], required: &[&str], of: fn(&str) -> Option<Value>, says: &str) -> Value {
    let mut properties = Map::new();
    for key in keys {
        properties.insert((*key).to_owned(), of(key).unwrap_or(Value::Bool(true)));
    }
    if keys == TASK_KEYS || keys == GROUP_KEYS {
        properties.extend(SHARED.iter().map(|key| ((*key).to_owned(), part(key))));
    }
    let mut all =
        json!({ "type": "object", "description": says, "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        all["required"] = json!(required);
    }
    all
}

fn task_object() -> Value {
    let mut all =
        object(TASK_KEYS, &["name"], task, "A task: exactly one of `call` and `command`, and exactly one trigger.");
    let one_of = |keys: &[&str]| -> Vec<Value> { keys.iter().map(|key| json!({ "required": [key] })).collect() };
    all["allOf"] = json!([
        { "oneOf": one_of(&["call", "command"]) },
        { "oneOf": one_of(TRIGGER_KEYS) },
        { "anyOf": [{ "not": { "required": ["within"] } }, { "required": ["every"] }] },
        { "anyOf": [{ "not": { "required": ["align"] } }, { "required": ["within"] }] },
        { "anyOf": [{ "not": { "required": ["breaks"] } }, { "required": ["within"] }] },
    ]);
    all
}

/// Refers to a part by its name.
fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Refers to a part and says what it is for. In old drafts nothing may stand beside a reference.
fn said(name: &str, says: &str) -> Value {
    json!({ "description": says, "allOf": [part(name)] })
}

fn text(says: &str) -> Value {
    json!({ "type": "string", "description": says })
}

fn flag(says: &str) -> Value {
    json!({ "type": "boolean", "description": says })
}

fn number(low: i64, high: i64, says: &str) -> Value {
    json!({ "type": "integer", "minimum": low, "maximum": high, "description": says })
}

fn word(words: &[&str], says: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": says })
}

fn shape(pattern: &str, says: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": says })
}

/// One, or a list of them.
fn list(of: Value, says: &str) -> Value {
    json!({ "description": says, "anyOf": [of, { "type": "array", "items": of }] })
}

fn words(words: &[&str], says: &str) -> Value {
    list(json!({ "type": "string", "enum": words }), says)
}

fn file(key: &str) -> Option<Value> {
    Some(match key {
        "schema" => json!({ "const": SCHEMA, "description": "Version of the format." }),
        "name" => text("Name of the desk."),
        "zone" => word(&["America/New_York"], "The clock of every time in these files."),
        "exchange" => word(&["XNYS", "XNAS"], "Whose sessions `open` and `close` mean."),
        "lanes" => {
            let lanes: Map<String, Value> =
                Lane::ALL.iter().map(|lane| (lane.word().to_owned(), part("lane_size"))).collect();
            json!({
                "type": "object", "properties": lanes, "additionalProperties": false,
                "description": "Lanes: five kinds of work, each with its own workers and its own bounded queue.",
            })
        }
        "windows" => json!({
            "type": "object", "additionalProperties": part("window"),
            "description": "Named parts of the day: a task may run `every = \"15m\"` within one of them.",
        }),
        "group" => {
            json!({ "type": "array", "items": part("group_table"), "description": "Groups of tasks, as [[group]]." })
        }
        _ => return None,
    })
}

fn lane(key: &str) -> Option<Value> {
    Some(match key {
        "workers" => number(1, 64, "Runs at the same time; 2 if not said."),
        "queue" => number(1, 1_000_000, "Runs that may wait; 256 if not said."),
        _ => return None,
    })
}

fn window(key: &str) -> Option<Value> {
    Some(match key {
        "from" => said("moment", "Its first instant: `10:00`, `open`, `close-30m`."),
        "to" => said(
            "moment",
            "The instant at which it is over. Not later than `from` on the clock: it ends on the next day.",
        ),
        "days" => said("days", "The days on which it begins; daily if not said."),
        "entries" => flag("Positions may be opened in it: the plan, not the guard. False if not said."),
        "rule" => text("What this part of the day is for, in a sentence."),
        _ => return None,
    })
}

fn group(key: &str) -> Option<Value> {
    Some(match key {
        "name" => text("Unique over all files."),
        "title" => text("For people."),
        "window" => text("The part of the day it belongs to, for people; no condition."),
        "task" => json!({ "type": "array", "items": part("task"), "description": "Its tasks, as [[group.task]]." }),
        _ => return None,
    })
}

fn firing(key: &str) -> Option<Value> {
    Some(match key {
        "at" => said("moment", "When: `10:46`, `open+30m`, `close-15m`."),
        "priority" => said("priority", "How urgent this one is."),
        "on_half_day" => said("on_half_day", "What this one does on a day with an early close."),
        _ => return None,
    })
}

fn task(key: &str) -> Option<Value> {
    Some(match key {
        "name" => shape(
            "^[A-Za-z0-9_.-]{1,100}$",
            "Its identity in rows and commands, unique over all files: letters, digits, `_`, `-`, `.`, at most 100.",
        ),
        "does" => text("One line for people."),
        "call" => said("function", "The desk function it calls; `kobe functions` says what each does."),
        "command" => json!({
            "type": "array", "items": { "type": "string" }, "minItems": 1,
            "description": "The program it starts, as a list of words; no shell stands between.",
        }),
        "args" => json!({
            "type": "object",
            "description": "What the function is given, or the program as JSON in KOBE_ARGS.",
        }),
        "at" => {
            let one = json!({ "anyOf": [part("moment"), part("firing")] });
            json!({
                "anyOf": [part("moment"), { "type": "array", "items": one, "minItems": 1 }],
                "description": "A time of day or a moment of the session: `10:46`, `open`, `open+30m`, `close-15m`; or a list of them.",
            })
        }
        "every" => said(
            "duration",
            "Steps of this length, counted in UTC from 1970, or from the beginning of the window `within`.",
        ),
        "on" => list(
            part("venue_moment"),
            "A moment of the sessions of any venue, or a list of them: `XTKS open+5m`, `XHKG break_end`, `XNYS close-15m`, `XNYS enter market_opening`. After it, which sessions: `first session of month`, `3rd last session of quarter`, `expiry-1`.",
        ),
        "within" => text("The named window in which `every` steps, or the sessions of a venue: `XTKS session`."),
        "align" => word(
            &["open", "close"],
            "Within the sessions of a venue: steps counted from the open, or back from the close. Open if not said.",
        ),
        "breaks" => word(
            &["skip", "run"],
            "Within the sessions of a venue: steps that fall into a break are left out, or named. Skip if not said.",
        ),
        "cron" => text("Five fields: minute, hour, day of month, month, day of week, like `0 9 * * MON-FRI`."),
        "cooldown" => {
            said("duration", "Nothing on the clock: again so long after the last start, whenever phase and mode fit.")
        }
        "once" => shape(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}",
            "One date and time on the clock of the desk's zone, like `2026-12-01T09:00`.",
        ),
        _ => return None,
    })
}

/// The keys that may stand in a task and in its group.
fn shared(key: &str) -> Option<Value> {
    Some(match key {
        "days" => words(DAYS, "Days of the week on which it names slots; daily if not said."),
        "on_half_day" => word(
            &each(HalfDay::ALL, HalfDay::word),
            "On a day with an early close: `run` keeps its time, `move` its distance to the close. Run if not said.",
        ),
        "on_holiday" => word(
            &each(OnHoliday::ALL, OnHoliday::word),
            "On a weekday without a session; only `at` can be moved. Run if not said.",
        ),
        "phases" => {
            words(&each(Phase::ALL, Phase::as_str), "Market phases; the moment must lie in one. Any if not said.")
        }
        "modes" => {
            words(&each(WorkMode::ALL, WorkMode::as_str), "Work modes; the desk must be in one. Any if not said.")
        }
        "tags" => {
            let with = each(Tag::ALL, Tag::as_str);
            let without: Vec<String> = with.iter().map(|tag| format!("!{tag}")).collect();
            let both: Vec<&str> = with.into_iter().chain(without.iter().map(String::as_str)).collect();
            words(&both, "Kinds of day: the day must carry one of them, and none of those with `!`. Any if not said.")
        }
        "priority" => json!({
            "anyOf": [
                { "type": "string", "enum": ["critical", "high", "normal", "low", "background"] },
                { "type": "integer", "minimum": 1, "maximum": 10 },
            ],
            "description": "How urgent: a word, or 1 (most) to 10. Normal (3) if not said.",
        }),
        "lane" => word(
            &each(Lane::ALL, Lane::word),
            "The kind of work; the function's if not said, maintenance for a command.",
        ),
        "stage" => json!({
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 7 }, { "const": "none" }],
            "description": "Place in the flow of the trading day; the function's if not said.",
        }),
        "right" => word(
            &each(TradeRight::ALL, TradeRight::word),
            "What it may do to positions; the function's if not said, none for a command.",
        ),
        "timeout" => {
            said("duration", "The time one attempt may take: at most 300 s in trading and monitoring, 4 h elsewhere.")
        }
        "retries" => number(0, 10, "Attempts after the first; 3 if not said, 0 where it may open a position."),
        "backoff" => said(
            "duration",
            "The first wait before a retry; each further one is twice as long, at most one hour. 60s if not said.",
        ),
        "catch_up" => shape(
            r"^(skip|latest|all\([0-9]+\))$",
            "What of the slots that passed while nobody was there: `skip`, `latest`, `all(n)` with n up to 50. Latest if not said.",
        ),
        "grace" => {
            said("duration", "How late the latest missed slot may still run; 15m if not said, 60s where it may trade.")
        }
        "overlap" => shape(
            r"^(skip|queue_one|queue\([0-9]+\)|replace|allow\([0-9]+\))$",
            "While an older run of it is not over: `skip`, `queue_one`, `queue(n)`, `replace`, `allow(n)`. Skip if not said.",
        ),
        "useless_after" => json!({
            "anyOf": [part("moment"), { "type": "string", "pattern": format!("^\\+{}", &DURATION[1..]) }],
            "description": "From when it is worth nothing: a moment like `11:30` or `close-30m`, or a time after the slot like `+10m`. Never if not said.",
        }),
        "start_by" => said("duration", "Tell a person when a run has not begun so long after its slot."),
        "finish_by" => said("duration", "Tell a person when a run is not over so long after its slot."),
        "gap" => {
            word(&each(Gap::ALL, Gap::word), "A time on the clock that does not exist that day; shift if not said.")
        }
        "fold" => word(&each(Fold::ALL, Fold::word), "A time on the clock that exists twice; first if not said."),
        "idempotent" => flag(
            "May be repeated after an attempt whose end is not known; yes if not said for a function without a trade right, else no.",
        ),
        "heavy" => flag("At most one heavy run at a time."),
        "session_bound" => flag("Means something only on a session day."),
        "after" => list(part("function"), "Functions that must have ended for the same date first."),
        "exchange" => word(
            &["XNYS", "XNAS", "24x7"],
            "The calendar of its policies and of its `open` and `close`; the desk's if not said.",
        ),
        "enabled" => flag("False keeps the declaration and skips every slot. True if not said."),
        "owner" => text("Who answers for it; desk if not said."),
        "severity" => word(
            &each(Severity::ALL, Severity::word),
            "How loud a failure is; critical if not said where it may trade, else warning.",
        ),
        "runbook" => text("Where a person finds what to do."),
        _ => return None,
    })
}

fn each<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| word(*one)).collect()
}

#[cfg(test)]
mod tests;
