//! Pages: what each path answers.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::Vitals;
use kobe_engine::watch::is_stale;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::metrics;
use crate::signs::Deck;

/// A page.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) answer: fn(&Deck, Timestamp) -> Answer,
    /// It counts towards the limit of requests on metrics, and is gone where metrics are switched off.
    pub(crate) metrics: bool,
}

/// Every page.
pub(crate) const PAGES: &[Page] = &[
    Page { path: "/health", answer: health, metrics: false },
    Page { path: "/liveness", answer: liveness, metrics: false },
    Page { path: "/readiness", answer: readiness, metrics: false },
    Page { path: "/ready", answer: readiness, metrics: false },
    Page { path: "/metrics", answer: |deck, now| Answer::prometheus(metrics::page(deck, now)), metrics: true },
    Page { path: "/metrics.json", answer: metrics_json, metrics: true },
];

/// What the start of a desk waits for.
#[derive(Debug)]
pub(crate) struct Waits {
    /// The check that says so, as `/health` names it.
    pub(crate) check: &'static str,
    /// In words.
    pub(crate) detail: String,
}

/// Answers a page before there is a desk. The process is alive, and waits or works: nobody should start it anew for that.
pub(crate) fn starting(page: &Page, waits: Option<&Waits>) -> Answer {
    match page.path {
        "/liveness" => Answer::json(StatusCode::OK, &json!({ "alive": true })),
        "/health" => {
            let check = |w: &Waits| (w.check.to_owned(), json!({ "ok": false, "detail": w.detail, "age_s": null }));
            let checks: Map<String, Value> = waits.into_iter().map(check).collect();
            let status = if waits.is_some() { "unhealthy" } else { "starting" };
            let body = json!({ "status": status, "ready": false, "alive": true, "checks": checks });
            Answer::json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
        "/readiness" | "/ready" => {
            Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "ready": false, "reasons": ["starting"] }))
        }
        _ => Answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "the desk starts; there is nothing to count yet"),
    }
}

/// How bad a check is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Green,
    Amber,
    Red,
}

struct Check {
    name: &'static str,
    grade: Grade,
    detail: String,
    age_s: Option<f64>,
}

fn is_alive(vitals: &Vitals, now: Timestamp) -> bool {
    !is_stale(vitals.beat_at, now)
}

fn checks(deck: &Deck, vitals: &Vitals, now: Timestamp) -> Vec<Check> {
    let age = metrics::seconds_since(vitals.beat_at, now);
    let alive = is_alive(vitals, now);
    let heartbeat = Check {
        name: "heartbeat",
        grade: if alive { Grade::Green } else { Grade::Red },
        detail: if alive {
            "the planning loop turns".into()
        } else if vitals.beat_at > now {
            "the planning loop has not turned since the clock was set back".into()
        } else {
            "the planning loop has not turned for over 5 minutes".into()
        },
        age_s: Some(age),
    };
    let accepting = Check {
        name: "accepting",
        grade: if vitals.ready { Grade::Green } else { Grade::Amber },
        detail: if vitals.ready { "starts are accepted".into() } else { unready(vitals).replace('_', " ") },
        age_s: Some(age),
    };
    let fullest = vitals.lanes.iter().max_by_key(|l| l.waiting * 1000 / l.limit.max(1));
    let queues = match fullest {
        Some(l) => Check {
            name: "queues",
            grade: match l.waiting * 100 / l.limit.max(1) {
                0..80 => Grade::Green,
                80..100 => Grade::Amber,
                _ => Grade::Red,
            },
            detail: format!("fullest lane: {} with {} of {} places taken", l.lane, l.waiting, l.limit),
            age_s: Some(age),
        },
        None => Check { name: "queues", grade: Grade::Green, detail: "no lane yet".into(), age_s: Some(age) },
    };
    let kill = match (deck.signs.kill)(now) {
        None => Check { name: "kill_switch", grade: Grade::Green, detail: "not pulled".into(), age_s: Some(0.0) },
        Some(reason) => {
            Check { name: "kill_switch", grade: Grade::Amber, detail: format!("pulled: {reason}"), age_s: Some(0.0) }
        }
    };
    let calendar = match (deck.signs.market)(now) {
        Some(market) => Check {
            name: "calendar",
            grade: Grade::Green,
            detail: format!("{}, {}", market.phase, market.mode),
            age_s: Some(0.0),
        },
        None => Check {
            name: "calendar",
            grade: Grade::Red,
            detail: "the calendar does not reach this day".into(),
            age_s: Some(0.0),
        },
    };
    let beside = [watched(deck), alerts(deck), files(deck), disk(deck, vitals)];
    [heartbeat, accepting, queues, kill, calendar].into_iter().chain(beside).chain(clock(vitals, now)).collect()
}

/// A clock that goes back by less is being trimmed, not set.
const SET_BACK: SignedDuration = SignedDuration::from_secs(1);

/// Says that the clock was set back, until it has caught up: only then it matters.
fn clock(vitals: &Vitals, now: Timestamp) -> Option<Check> {
    let left = vitals.latest.duration_since(now);
    (left > SET_BACK).then(|| Check {
        name: "clock",
        grade: Grade::Amber,
        detail: format!("the clock was set back: nothing new is due for {} s", left.as_secs()),
        age_s: None,
    })
}

/// What the watchdog says, which is not the loop that it watches.
fn watched(deck: &Deck) -> Check {
    let wrong = (deck.signs.watch)();
    // Starts that were late are a warning: the desk works. Whoever asks whether it is alive must not be told that it is not.
    let is_warning = |kind: &String| kind == "start_lag";
    let (grade, detail) = match (wrong.is_empty(), wrong.iter().all(is_warning)) {
        (true, _) => (Grade::Green, "the watchdog finds nothing".to_owned()),
        (false, true) => (Grade::Amber, wrong.join(", ")),
        (false, false) => (Grade::Red, wrong.join(", ")),
    };
    Check { name: "watch", grade, detail, age_s: None }
}

fn alerts(deck: &Deck) -> Check {
    let sign = (deck.signs.alerts)();
    let grade = if sign.wrong.is_some() { Grade::Amber } else { Grade::Green };
    let wrong = sign.wrong.map_or(String::new(), |wrong| format!("; {wrong}"));
    Check {
        name: "alerts",
        grade,
        detail: format!("{}, {} not out yet{wrong}", sign.channels, sign.unsent),
        age_s: None,
    }
}

fn files(deck: &Deck) -> Check {
    let (grade, detail) = match (deck.signs.files)() {
        None => (Grade::Green, "all were written".to_owned()),
        Some(trouble) => (Grade::Amber, trouble),
    };
    Check { name: "state_files", grade, detail, age_s: None }
}

/// Below this much free disk a person is told.
const DISK_WARN_BYTES: u64 = 5 << 30;
/// Below this much nothing can be stored safely any more.
const DISK_LEAST_BYTES: u64 = 256 << 20;

fn disk(deck: &Deck, vitals: &Vitals) -> Check {
    let (grade, detail) = match ((deck.signs.disk)(), vitals.disk_full) {
        (_, Some(since)) => (Grade::Red, format!("full since {since}: nothing starts until there is room")),
        (Some(free), None) => {
            let grade = match free {
                DISK_WARN_BYTES.. => Grade::Green,
                DISK_LEAST_BYTES.. => Grade::Amber,
                _ => Grade::Red,
            };
            (grade, format!("{} MiB free", free >> 20))
        }
        (None, None) => (Grade::Amber, "the system does not say how much is free".to_owned()),
    };
    Check { name: "disk", grade, detail, age_s: None }
}

fn health(deck: &Deck, now: Timestamp) -> Answer {
    let vitals = deck.board.read();
    let checks = checks(deck, &vitals, now);
    let (status, word) = match checks.iter().map(|c| c.grade).max() {
        Some(Grade::Red) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        Some(Grade::Amber) => (StatusCode::OK, "degraded"),
        Some(Grade::Green) | None => (StatusCode::OK, "healthy"),
    };
    let alive = is_alive(&vitals, now);
    let lanes: Map<String, Value> = vitals
        .lanes
        .iter()
        .map(|l| (l.lane.to_string(), json!({ "depth": l.waiting, "running": l.running })))
        .collect();
    let errors: Vec<Value> = vitals
        .last_errors
        .iter()
        .map(|e| json!({ "at": e.at.to_string(), "task": e.task, "slot": e.slot, "attempt": e.attempt, "error": e.error }))
        .collect();
    let checks: Map<String, Value> = checks
        .into_iter()
        .map(|c| (c.name.to_owned(), json!({ "ok": c.grade == Grade::Green, "detail": c.detail, "age_s": c.age_s })))
        .collect();
    let body = json!({
        "status": word,
        "ready": vitals.ready && alive,
        "alive": alive,
        "heartbeat": {
            "timestamp": vitals.beat_at.to_string(),
            "alive": alive,
            "cycles": vitals.cycles,
            "last_task": vitals.last_task,
            "mode": (deck.signs.market)(now).map(|m| m.mode),
            "age_s": metrics::seconds_since(vitals.beat_at, now),
        },
        "queue": {
            "depth": vitals.waiting(),
            "running": vitals.running(),
            "due_next_hour": vitals.due_next_hour,
            "by_lane": lanes,
        },
        "last_errors": errors,
        "checks": checks,
    });
    Answer::json(status, &body)
}

fn liveness(deck: &Deck, now: Timestamp) -> Answer {
    match is_alive(&deck.board.read(), now) {
        true => Answer::json(StatusCode::OK, &json!({ "alive": true })),
        false => Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "alive": false })),
    }
}

fn unready(vitals: &Vitals) -> &'static str {
    if vitals.cycles == 0 { "starting" } else { "draining" }
}

fn readiness(deck: &Deck, now: Timestamp) -> Answer {
    let vitals = deck.board.read();
    let mut reasons = Vec::new();
    if !vitals.ready {
        reasons.push(unready(&vitals));
    }
    if !is_alive(&vitals, now) {
        reasons.push("heartbeat_stale");
    }
    match reasons.is_empty() {
        true => Answer::json(StatusCode::OK, &json!({ "ready": true })),
        false => Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "ready": false, "reasons": reasons })),
    }
}

fn metrics_json(deck: &Deck, now: Timestamp) -> Answer {
    let vitals = deck.board.read();
    let market = (deck.signs.market)(now);
    let (orders, trades) = ((deck.signs.orders)(), (deck.signs.performance)().unwrap_or_default());
    let count = |pick: fn(&crate::Orders) -> u64| orders.as_ref().map(pick);
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let last_submit = orders.and_then(|o| o.last_submit);
    let last_fill = orders.and_then(|o| o.last_fill);
    let scheduler: Map<String, Value> =
        metrics::ends(&vitals).into_iter().map(|(word, n)| (word.to_owned(), n.into())).collect();
    let body = json!({
        "timestamp": now.to_string(),
        "system": { "uptime_seconds": metrics::seconds_since(vitals.started_at, now) },
        "requests": {
            "total": count(|o| o.submitted + o.rejected),
            "orders_submitted": count(|o| o.submitted),
            "orders_rejected": count(|o| o.rejected),
            "orders_filled": count(|o| o.filled),
            "ioc_submitted": 0,
            "ioc_filled": 0,
            "ioc_cancelled": 0,
            "liquidity_blocked": 0,
        },
        "performance": {
            "win_rate": trades.win_rate,
            "profit_factor": trades.profit_factor,
            "sharpe": trades.sharpe,
            "last_updated": text(trades.updated),
        },
        "timestamps": {
            "last_submit_ts": text(last_submit),
            "last_fill_ts": text(last_fill),
            "last_trade_event_ts": text(last_submit.max(last_fill)),
        },
        "scheduler": scheduler,
        "safety": {
            "kill": (deck.signs.kill)(now).is_some(),
            "zone": market.as_ref().map(|m| m.zone.clone()),
            "mode": market.map(|m| m.mode),
        },
    });
    Answer::json(StatusCode::OK, &body)
}
