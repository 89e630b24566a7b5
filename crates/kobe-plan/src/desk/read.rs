//! From files to a desk.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, SHARED, days, priority};
use super::problem::{Problem, Severity, closest};
use super::reader::{Reader, Value, json, kind};
use super::venues::{self, Venues};
use super::{Catalog, Desk, Group, LaneSpec, SCHEMA, SourceFile};
use crate::task::{
    CatchUp, Filter, Fold, Gap, HalfDay, Lane, OnHoliday, Overlap, Place, Retry, Task, TaskClock, TaskIx, TradeRight,
    Weekdays, Work,
};
use crate::trigger::{Anchor, Every, Firing, Moment, MomentError, Trigger, Window};

pub(super) const TASK_KEYS: &[&str] = &[
    "name", "does", "call", "command", "at", "on", "every", "within", "align", "breaks", "cron", "cooldown", "once",
    "args",
];
/// The keys of which a task has exactly one.
pub(super) const TRIGGER_KEYS: &[&str] = &["at", "on", "every", "cron", "cooldown", "once"];
pub(super) const GROUP_KEYS: &[&str] = &["name", "title", "window", "task"];
pub(super) const FILE_KEYS: &[&str] = &["schema", "name", "zone", "exchange", "lanes", "windows", "group"];
pub(super) const LANE_KEYS: &[&str] = &["workers", "queue"];
pub(super) const WINDOW_KEYS: &[&str] = &["from", "to", "days", "entries", "rule"];
pub(super) const AT_KEYS: &[&str] = &["at", "priority", "on_half_day"];

/// Trading and monitoring must answer quickly; research may take half a night.
const TIMEOUT_MOST: [i64; 5] = [300, 300, 14_400, 14_400, 14_400];

#[derive(Default)]
struct Draft {
    name: Option<String>,
    zone: Option<String>,
    exchange: Option<String>,
    lanes: BTreeMap<Lane, LaneSpec>,
    windows: BTreeMap<String, (Arc<Window>, Place)>,
    groups: Vec<Group>,
    group_places: BTreeMap<String, Place>,
    tasks: Vec<Task>,
    names: BTreeMap<String, TaskIx>,
    venues: Venues,
    problems: Vec<Problem>,
}

pub(super) fn desk(files: &[SourceFile], catalog: &Catalog) -> Result<Desk, Vec<Problem>> {
    let mut draft = Draft::default();
    let mut hash = Sha256::new();
    // Windows may be used before the file that names them: read them all first.
    let mut parsed = Vec::new();
    for file in files {
        for part in [file.name.as_bytes(), file.text.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut r = Reader::new(&file.name, &file.text);
        if let Some(byte) = file.text.find('\0') {
            r.error(
                byte..byte + 1,
                "the file holds a NUL byte",
                "this is not a text file, or it was damaged; restore it from a copy",
            );
            draft.problems.append(&mut r.problems);
            continue;
        }
        let (table, errors) = DeTable::parse_recoverable(&file.text);
        if !errors.is_empty() {
            for e in errors.iter().take(20) {
                let span = e.span().unwrap_or(0..0);
                r.error(
                    span,
                    e.message().replace('\n', ", "),
                    "this is not valid TOML; see https://toml.io for the syntax",
                );
            }
            draft.problems.append(&mut r.problems);
            continue;
        }
        let table = table.into_inner();
        head(&mut r, &table, &mut draft);
        draft.problems.append(&mut r.problems);
        parsed.push((file, table));
    }
    for (file, table) in &parsed {
        let mut r = Reader::new(&file.name, &file.text);
        groups(&mut r, table, &mut draft, catalog);
        draft.problems.append(&mut r.problems);
    }
    if draft.tasks.is_empty() && draft.problems.is_empty() {
        let name = files.first().map_or("desk.toml", |f| f.name.as_str());
        let mut r = Reader::new(name, "");
        r.error(
            0..0,
            "the desk has no task",
            "add a [[group]] with a [[group.task]], or run `kobe init DIR` for a whole desk to start from",
        );
        draft.problems.append(&mut r.problems);
    }
    if draft.problems.iter().any(|p| p.severity == Severity::Error) {
        draft.problems.sort_by(|a, b| {
            (&a.place.file, a.place.line, a.place.column).cmp(&(&b.place.file, b.place.line, b.place.column))
        });
        return Err(draft.problems);
    }
    let default = LaneSpec { workers: 2, queue: 256 };
    Ok(Desk {
        name: draft.name.unwrap_or_else(|| "desk".into()),
        zone: draft.zone.unwrap_or_else(|| "America/New_York".into()),
        exchange: draft.exchange.unwrap_or_else(|| "XNYS".into()),
        lanes: std::array::from_fn(|i| draft.lanes.get(&Lane::ALL[i]).copied().unwrap_or(default)),
        windows: draft.windows.into_values().map(|(w, _)| w).collect(),
        groups: draft.groups,
        tasks: draft.tasks,
        hash: hash.finalize().iter().map(|b| format!("{b:02x}")).collect(),
        files: files.to_vec().into(),
        by_name: draft.names,
    })
}

/// Reads all of a file but its groups.
fn head(r: &mut Reader<'_>, table: &DeTable<'_>, draft: &mut Draft) {
    r.only_known(table, "a desk file", FILE_KEYS);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "schema" => {
                if let Some(n) = r.number("schema", value, 1..=i64::MAX)
                    && n != SCHEMA
                {
                    r.error(
                        value.span(),
                        format!("this desk is written in schema {n}, this build reads schema {SCHEMA}"),
                        "use a newer Kobe",
                    );
                }
            }
            "name" => draft.name = r.text("name", value).map(str::to_owned),
            "zone" => {
                if let Some(zone) = r.text("zone", value) {
                    // Phases, modes and kill zones are New York's; another zone joins with its exchange.
                    if zone != "America/New_York" {
                        r.error(
                            value.span(),
                            format!("the desk's zone `{zone}` is not that of its exchange"),
                            "write `zone = \"America/New_York\"`",
                        );
                    }
                    draft.zone = Some(zone.to_owned());
                }
            }
            "exchange" => {
                if let Some(id) = r.text("exchange", value) {
                    if id != "XNYS" && id != "XNAS" {
                        r.error(value.span(), format!("unknown exchange `{id}`"), "known for a desk: XNYS, XNAS");
                    }
                    draft.exchange = Some(id.to_owned());
                }
            }
            "lanes" => lanes(r, value, draft),
            "windows" => windows(r, value, draft),
            _ => {}
        }
    }
}

fn lanes(r: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = r.table("lanes", value) else { return };
    for (key, value) in table {
        let Some(lane) = r.parse_word::<Lane>("lane", key.get_ref(), key.span()) else { continue };
        let Some(spec) = r.table(key.get_ref(), value) else { continue };
        r.only_known(spec, "a lane", LANE_KEYS);
        let mut read = |name: &str, most: i64, default: usize| {
            spec.get(name).and_then(|v| r.number(name, v, 1..=most)).map_or(default, |n| n as usize)
        };
        let spec = LaneSpec { workers: read("workers", 64, 2), queue: read("queue", 1_000_000, 256) };
        draft.lanes.insert(lane, spec);
    }
}

fn windows(r: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = r.table("windows", value) else { return };
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let Some(spec) = r.table(&name, value) else { continue };
        r.only_known(spec, "a window", WINDOW_KEYS);
        let mut moment = |what: &str| -> Option<Moment> {
            let Some(value) = spec.get(what) else {
                r.error(
                    key.span(),
                    format!("window `{name}` has no `{what}`"),
                    format!("add `{what} = \"10:00\"` or `{what} = \"close-30m\"`"),
                );
                return None;
            };
            let text = r.text(what, value)?;
            read_moment(r, text, value.span())
        };
        let (from, to) = (moment("from"), moment("to"));
        let days = spec.get("days").map_or(Some(Weekdays::DAILY), |v| days(r, v));
        let entries = spec.get("entries").and_then(|v| r.flag("entries", v)).unwrap_or(false);
        let rule = spec.get("rule").and_then(|v| r.text("rule", v)).unwrap_or_default().to_owned();
        let place = r.place(key.span().start);
        if let Some((_, first)) = draft.windows.get(&name) {
            r.error(
                key.span(),
                format!("window `{name}` is named twice, first at {first}"),
                "give each window its own name",
            );
            continue;
        }
        if let (Some(from), Some(to), Some(days)) = (from, to, days) {
            draft.windows.insert(name.clone(), (Arc::new(Window { name, from, to, days, entries, rule }), place));
        }
    }
}

fn groups(r: &mut Reader<'_>, table: &DeTable<'_>, draft: &mut Draft, catalog: &Catalog) {
    let Some(value) = table.get("group") else { return };
    let Some(list) = value.get_ref().as_array() else {
        r.error(
            value.span(),
            format!("`group` is {}, expected [[group]]", kind(value)),
            "write [[group]] with double brackets",
        );
        return;
    };
    let known: Vec<&str> = GROUP_KEYS.iter().chain(SHARED).copied().collect();
    for item in list.iter() {
        let Some(table) = r.table("group", item) else { continue };
        r.only_known(table, "a group", &known);
        let Some(name) = table.get("name").and_then(|v| r.text("name", v)).map(str::to_owned) else {
            if !table.contains_key("name") {
                r.error(item.span(), "a group has no name", "add `name = \"...\"` below [[group]]");
            }
            continue;
        };
        let place = r.place(item.span().start);
        if let Some(first) = draft.group_places.get(&name) {
            r.error(
                table["name"].span(),
                format!("group `{name}` is named twice, first at {first}"),
                "give each group its own name",
            );
        }
        draft.group_places.insert(name.clone(), place);
        let window = table.get("window").and_then(|v| r.text("window", v).map(|t| (t.to_owned(), v.span())));
        if let Some((window, span)) = &window
            && !draft.windows.contains_key(window)
        {
            unknown_window(r, window, span.clone(), draft);
        }
        let title = table.get("title").and_then(|v| r.text("title", v)).unwrap_or(&name).to_owned();
        let defaults = Fields::read(r, table);
        draft.groups.push(Group { name: name.clone(), title, window: window.map(|(w, _)| w) });
        let Some(tasks) = table.get("task") else { continue };
        let Some(tasks) = tasks.get_ref().as_array() else {
            r.error(
                tasks.span(),
                format!("`task` is {}, expected [[group.task]]", kind(tasks)),
                "write [[group.task]] with double brackets",
            );
            continue;
        };
        for item in tasks.iter() {
            if let Some(table) = r.table("task", item) {
                task(r, table, item.span(), &name, &defaults, draft, catalog);
            }
        }
    }
}

fn unknown_window(r: &mut Reader<'_>, name: &str, span: Range<usize>, draft: &Draft) {
    let known: Vec<&str> = draft.windows.keys().map(String::as_str).collect();
    let hint = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "no window is declared: add [windows.NAME] with `from` and `to`".into(),
        None => format!("known: {}", known.join(", ")),
    };
    r.error(span, format!("unknown window `{name}`"), hint);
}

fn read_moment(r: &mut Reader<'_>, text: &str, span: Range<usize>) -> Option<Moment> {
    match text.parse() {
        Ok(moment) => Some(moment),
        Err(e) => {
            let hint = match &e {
                MomentError::NoSuchTime(_) => "hours run from 00 to 23, minutes from 00 to 59",
                MomentError::TooFar(_) => "stay within 24 hours of the open or the close",
                MomentError::Unreadable(_) => "write a time like `10:46`, or `open`, `open+30m`, `close-15m`",
            };
            r.error(span, e.to_string(), hint);
            None
        }
    }
}

fn task(
    r: &mut Reader<'_>,
    table: &DeTable<'_>,
    span: Range<usize>,
    group: &str,
    defaults: &Fields,
    draft: &mut Draft,
    catalog: &Catalog,
) {
    let before = r.problems.len();
    let known: Vec<&str> = TASK_KEYS.iter().chain(SHARED).copied().collect();
    r.only_known(table, "a task", &known);
    let Some(name_value) = table.get("name") else {
        r.error(span, "a task has no name", "add `name = \"...\"`; it is the task's identity in rows and commands");
        return;
    };
    let Some(name) = r.text("name", name_value).map(str::to_owned) else { return };
    if name.is_empty() || name.len() > 100 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
        r.error(
            name_value.span(),
            format!("`{}` is no task name", name.escape_debug()),
            "use letters, digits, `_`, `-` and `.`, at most 100 of them",
        );
        return;
    }
    let place = r.place(name_value.span().start);
    if let Some(first) = draft.names.get(&name) {
        let first = draft.tasks[first.at()].place.clone();
        r.error(name_value.span(), format!("task `{name}` is named twice, first at {first}"), "names are unique over all files; rename one of them, or list both times in one task: at = [\"10:46\", \"16:02\"]");
        return;
    }
    let own = Fields::read(r, table);
    let said = own.or(defaults);
    let Some(work) = work(r, table, name_value.span(), &name, catalog) else { return };
    let spec = match &work {
        Work::Call(function) => catalog.get(function),
        Work::Command(_) => None,
    };
    let lane = said.lane.or(spec.map(|s| s.lane)).unwrap_or(Lane::Maintenance);
    let right = said.right.or(spec.map(|s| s.right)).unwrap_or(TradeRight::None);
    let most = SignedDuration::from_secs(TIMEOUT_MOST[lane as usize]);
    let timeout = match &said.timeout {
        Some((length, span)) if *length > most => {
            let most = most.as_secs();
            r.error(
                span.clone(),
                format!("a task of the {lane} lane may take at most {most} s"),
                "shorten the timeout, or move the task to another lane",
            );
            most_of(lane)
        }
        Some((length, _)) => *length,
        None => spec.map_or(SignedDuration::from_secs(30), |s| s.timeout),
    };
    let after = match &said.after {
        Some(list) => {
            for (function, span) in list {
                if !catalog.contains_key(function) {
                    unknown_function(r, function, span.clone(), catalog);
                }
            }
            list.iter().map(|(f, _)| f.clone()).collect()
        }
        None => spec.map(|s| s.after.clone()).unwrap_or_default(),
    };
    let args = match table.get("args") {
        None => serde_json::json!({}),
        Some(value) => match r.table("args", value) {
            Some(_) => json(value.get_ref()),
            None => return,
        },
    };
    let Some(firings) = firings(r, table, name_value.span(), &said, draft) else { return };
    let does = table.get("does").and_then(|v| r.text("does", v)).unwrap_or_default().to_owned();
    if r.problems[before..].iter().any(|p| p.severity == Severity::Error) {
        return;
    }
    let (tags, without_tags) = said.tags.clone().unwrap_or_default();
    let task = Task {
        name: name.clone(),
        does,
        group: group.to_owned(),
        work,
        firings,
        days: said.days.unwrap_or(Weekdays::DAILY),
        clock: said.clock.unwrap_or(TaskClock::Market),
        filter: Filter {
            phases: said.phases.clone().unwrap_or_default(),
            modes: said.modes.clone().unwrap_or_default(),
            tags,
            without_tags,
        },
        on_holiday: said.on_holiday.unwrap_or(OnHoliday::Run),
        lane,
        stage: said.stage.unwrap_or(spec.and_then(|s| s.stage)),
        right,
        session_bound: said.session_bound.unwrap_or(spec.is_some_and(|s| s.session_bound)),
        heavy: said.heavy.unwrap_or(spec.is_some_and(|s| s.heavy)),
        timeout,
        // What may open a position is never repeated by itself.
        retry: Retry {
            limit: said.retries.unwrap_or(if right == TradeRight::Open { 0 } else { 3 }),
            backoff: said.backoff.unwrap_or(SignedDuration::from_secs(60)),
        },
        catch_up: said.catch_up.unwrap_or(CatchUp::Latest),
        grace: said.grace.unwrap_or(SignedDuration::from_secs(if right.trades() { 60 } else { 900 })),
        overlap: said.overlap.unwrap_or(Overlap::Skip),
        useless_after: said.useless_after,
        gap: said.gap.unwrap_or(Gap::Shift),
        fold: said.fold.unwrap_or(Fold::First),
        // A function that only looks and writes artifacts may be repeated; a program of unknown effect, or anything that trades, may not unless it says so.
        idempotent: said.idempotent.unwrap_or(!right.trades() && spec.is_some()),
        after,
        args,
        enabled: said.enabled.unwrap_or(true),
        owner: said.owner.clone().unwrap_or_else(|| "desk".into()),
        severity: said.severity.unwrap_or(if right.trades() {
            crate::alert::Severity::Critical
        } else {
            crate::alert::Severity::Warning
        }),
        start_by: said.start_by,
        finish_by: said.finish_by,
        runbook: said.runbook.clone().unwrap_or_default(),
        place,
    };
    draft.names.insert(name, TaskIx(draft.tasks.len() as u32));
    draft.tasks.push(task);
}

fn most_of(lane: Lane) -> SignedDuration {
    SignedDuration::from_secs(TIMEOUT_MOST[lane as usize])
}

fn unknown_function(r: &mut Reader<'_>, name: &str, span: Range<usize>, catalog: &Catalog) {
    let hint = match closest(name, catalog.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`kobe functions` lists them all".into(),
    };
    r.error(span, format!("unknown function `{name}`"), hint);
}

fn work(r: &mut Reader<'_>, table: &DeTable<'_>, name: Range<usize>, task: &str, catalog: &Catalog) -> Option<Work> {
    match (table.get("call"), table.get("command")) {
        (Some(value), None) => {
            let function = r.text("call", value)?;
            if !catalog.contains_key(function) {
                unknown_function(r, function, value.span(), catalog);
                return None;
            }
            Some(Work::Call(function.to_owned()))
        }
        (None, Some(value)) => {
            let argv: Vec<String> = match value.get_ref() {
                DeValue::Array(_) => r.texts("command", value).into_iter().map(|(t, _)| t.to_owned()).collect(),
                _ => {
                    r.error(
                        value.span(),
                        "`command` is a list of words",
                        "write `command = [\"program\", \"argument\"]`; no shell stands between",
                    );
                    return None;
                }
            };
            if argv.first().is_none_or(String::is_empty) {
                r.error(value.span(), "`command` names no program", "write `command = [\"program\", \"argument\"]`");
                return None;
            }
            Some(Work::Command(argv))
        }
        (Some(_), Some(value)) => {
            r.error(value.span(), format!("task `{task}` has both `call` and `command`"), "keep one of them");
            None
        }
        (None, None) => {
            r.error(
                name,
                format!("task `{task}` does nothing"),
                "add `call = \"FUNCTION\"` (`kobe functions` lists them) or `command = [\"program\"]`",
            );
            None
        }
    }
}

fn firings(
    r: &mut Reader<'_>,
    table: &DeTable<'_>,
    name: Range<usize>,
    said: &Fields,
    draft: &mut Draft,
) -> Option<Vec<Firing>> {
    let kinds: Vec<&str> = TRIGGER_KEYS.iter().copied().filter(|k| table.contains_key(*k)).collect();
    let (priority, half) = (said.priority.unwrap_or(3), said.on_half_day.unwrap_or(HalfDay::Run));
    if let Some(value) = table.get("within")
        && !table.contains_key("every")
    {
        r.error(value.span(), "`within` belongs to `every`", "add `every = \"15m\"`, or remove `within`");
    }
    let in_session = table
        .get("within")
        .and_then(|v| v.get_ref().as_str())
        .is_some_and(|w| w.ends_with(" session") && !draft.windows.contains_key(w));
    for key in ["align", "breaks"] {
        if let Some(value) = table.get(key).filter(|_| !in_session) {
            r.error(
                value.span(),
                format!("`{key}` belongs to steps within the sessions of a venue"),
                format!("add `within = \"XTKS session\"`, or remove `{key}`"),
            );
        }
    }
    let kind = match kinds.as_slice() {
        [kind] => *kind,
        [] => {
            r.error(
                name,
                "the task never fires: it has no trigger",
                format!("add one of `{}`", TRIGGER_KEYS.join("`, `")),
            );
            return None;
        }
        [_, second, ..] => {
            r.error(
                table[*second].span(),
                format!("a task has one kind of trigger, this one has {}", kinds.join(" and ")),
                "keep one, or make two tasks of it",
            );
            return None;
        }
    };
    let value = &table[kind];
    let single = |trigger: Trigger| vec![Firing { trigger, priority, on_half_day: half }];
    let still = |r: &mut Reader<'_>, what: &str| {
        if matches!(said.on_holiday, Some(OnHoliday::PrevSession | OnHoliday::NextSession)) {
            r.error(value.span(), format!("`on_holiday` can move only `at`, not `{what}`"), "use `run` or `skip`");
        }
    };
    let movable = |r: &mut Reader<'_>, what: &str| {
        if half == HalfDay::Move {
            r.error(
                value.span(),
                format!("`on_half_day = \"move\"` has no meaning for `{what}`"),
                "use a close-anchored `at = \"close-15m\"`, or `run` or `skip`",
            );
        }
        still(r, what);
    };
    match kind {
        "at" => at(r, value, priority, half),
        "on" => {
            still(r, "on");
            let own = draft.exchange.clone().unwrap_or_else(|| "XNYS".into());
            venues::on(r, value, (priority, half), &own, &mut draft.venues)
        }
        "every" => {
            movable(r, "every");
            let period = r.duration("every", value)?;
            let within = match table.get("within") {
                None => None,
                Some(v) => {
                    let window = r.text("within", v)?;
                    if let Some(venue) = window.strip_suffix(" session").filter(|_| !draft.windows.contains_key(window))
                    {
                        let own = draft.exchange.clone().unwrap_or_else(|| "XNYS".into());
                        let (align, breaks) = (table.get("align"), table.get("breaks"));
                        let (every, within) = ((period, value.span()), (venue.trim(), v.span()));
                        return venues::steps(r, every, within, align, breaks, &own, &mut draft.venues).map(single);
                    }
                    let Some((window, _)) = draft.windows.get(window) else {
                        unknown_window(r, window, v.span(), draft);
                        return None;
                    };
                    Some(Arc::clone(window))
                }
            };
            Some(single(Trigger::Every(Every { period, within })))
        }
        "cron" => {
            movable(r, "cron");
            let text = r.text("cron", value)?;
            match text.parse() {
                Ok(rule) => Some(single(Trigger::Cron(rule))),
                Err(e) => {
                    r.error(
                        value.span(),
                        format!("`{text}` is no cron expression: {e}"),
                        "five fields: minute hour day-of-month month day-of-week, like `0 9 * * MON-FRI`",
                    );
                    None
                }
            }
        }
        "cooldown" => Some(single(Trigger::Cooldown(r.duration("cooldown", value)?))),
        _ => {
            let text = match value.get_ref() {
                DeValue::Datetime(d) => d.to_string(),
                _ => r.text("once", value)?.to_owned(),
            };
            match text.parse::<DateTime>() {
                Ok(at) if text.contains(':') => Some(single(Trigger::Once(at))),
                _ => {
                    r.error(
                        value.span(),
                        format!("`{text}` is no date and time"),
                        "write it like `2026-12-01T09:00`, on the clock of the desk's zone",
                    );
                    None
                }
            }
        }
    }
}

/// Reads `at`: a moment, or a list of moments and tables.
fn at(r: &mut Reader<'_>, value: &Value<'_>, priority_default: u8, half_default: HalfDay) -> Option<Vec<Firing>> {
    let one = |r: &mut Reader<'_>, text: &str, span: Range<usize>, priority: u8, half: HalfDay| -> Option<Firing> {
        let moment = read_moment(r, text, span.clone())?;
        if moment.anchor == Anchor::Open && half == HalfDay::Move {
            r.error(
                span,
                "`on_half_day = \"move\"` has no meaning for a time counted from the open",
                "an early close moves the close; use `run` or `skip`",
            );
            return None;
        }
        Some(Firing { trigger: Trigger::At(moment), priority, on_half_day: half })
    };
    let list = match value.get_ref() {
        DeValue::Array(list) => list,
        DeValue::Datetime(d) => {
            r.error(
                value.span(),
                format!("`at` is the bare time {d}, expected a text"),
                format!("write `at = \"{d}\"` with quotes"),
            );
            return None;
        }
        _ => {
            let text = r.text("at", value)?;
            return one(r, text, value.span(), priority_default, half_default).map(|f| vec![f]);
        }
    };
    let mut firings: Vec<Firing> = Vec::new();
    let mut sound = true;
    for item in list.iter() {
        let firing = match item.get_ref() {
            DeValue::Table(table) => {
                r.only_known(table, "an entry of `at`", AT_KEYS);
                let own_priority = table.get("priority").and_then(|v| priority(r, v)).unwrap_or(priority_default);
                let half = table.get("on_half_day").and_then(|v| r.word("on_half_day", v)).unwrap_or(half_default);
                match table.get("at") {
                    None => {
                        r.error(
                            item.span(),
                            "an entry of `at` has no time",
                            "write `{ at = \"16:02\", priority = \"high\" }`",
                        );
                        None
                    }
                    Some(v) => r.text("at", v).and_then(|text| one(r, text, v.span(), own_priority, half)),
                }
            }
            _ => r.text("at", item).and_then(|text| one(r, text, item.span(), priority_default, half_default)),
        };
        match firing {
            None => sound = false,
            Some(firing) if firings.iter().any(|f| f.trigger == firing.trigger) => {
                r.error(
                    item.span(),
                    format!("{} stands twice in `at`", firing.trigger),
                    "remove one of them: a task fires once for each slot",
                );
                sound = false;
            }
            Some(firing) => firings.push(firing),
        }
    }
    if list.is_empty() {
        r.error(value.span(), "the task never fires: `at` is empty", "name at least one time");
        return None;
    }
    sound.then_some(firings)
}
