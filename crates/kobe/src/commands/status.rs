//! `kobe status`: the running state, or the last one.
//!
//! It reads what a running desk leaves: the lock, the heartbeat and the rows. It asks no process for anything, so it works when none runs and when one hangs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_engine::watch;
use kobe_plan::view::{self, Selection};
use kobe_plan::{Desk, Lane, State, Verb, Verdict};
use kobe_store::{HoldRow, Holder, Reader, RunRow, Waiting, WishRow, holder};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, count};
use crate::settings::Shell;
use crate::standing::Standings;
use crate::wiring::VERSION;
use crate::{channels, in_force, kill, when};

/// How many of the next tasks are shown.
const NEXT: usize = 5;

/// The newest wishes that are looked at for open ones.
const WISHES: usize = 1000;

/// Arguments of `kobe status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe status
  kobe status --json | jq .heartbeat_age_s

Exit code 0, also when nothing runs; 1 when a desk runs whose heartbeat is older than 5 minutes.")]
pub struct Args {}

/// What was found.
struct Found {
    holder: Option<Holder>,
    heartbeat: Option<Heartbeat>,
    live: Vec<RunRow>,
    errors: Vec<RunRow>,
    holds: Vec<HoldRow>,
    wishes: Vec<WishRow>,
    alerts: Waiting,
    channels: Result<Vec<String>, String>,
    today: BTreeMap<String, u64>,
    next: Vec<(Timestamp, String)>,
}

/// The last sign of life, as far as its file can be read.
struct Heartbeat {
    at: Timestamp,
    cycles: u64,
    last_task: String,
    mode: String,
    started_at: Option<Timestamp>,
}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let (market, now) = (shell.market()?, shell.now());
    let state = &shell.settings.state;
    let reader = Reader::open(state)?;
    let desk = in_force::or_files(shell)?;
    let found = Found {
        holder: holder(state)?,
        heartbeat: heartbeat(state),
        live: reader.as_ref().map_or(Ok(Vec::new()), Reader::live_runs)?,
        errors: reader.as_ref().map_or(Ok(Vec::new()), |r| r.last_errors(10))?,
        holds: reader.as_ref().map_or(Ok(Vec::new()), Reader::holds)?,
        wishes: open_wishes(reader.as_ref())?,
        alerts: reader.as_ref().map_or(Ok(Waiting { count: 0, oldest: None }), Reader::alerts_waiting)?,
        // Settings that cannot be read are shown, and are no reason to show nothing else.
        channels: channels::settings(shell).map(|s| s.names()).map_err(|e| e.to_string()),
        today: match &reader {
            Some(reader) => today(reader, &market, now)?,
            None => BTreeMap::new(),
        },
        next: next(&desk, &market, &Standings::of(reader.as_ref())?, reader.as_ref(), now)?,
    };
    // To the very instant: a minute of grace that is over in this second is over.
    let switch = kill::standing(state, reader.as_ref(), shell.clock.now())?;
    let segment = market.segment_at(now)?;
    if shell.out.is_json() {
        let mut told = found.json(&desk, &market, now);
        let more = json!({
            "state_dir": state,
            "phase": segment.phase,
            "mode": segment.mode,
            "kill_switch": switch.json(),
            "desk": { "name": desk.name, "tasks": desk.tasks.len(), "config": desk.hash },
        });
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.extend(more);
        }
        shell.out.object(&told)?;
    } else {
        let paint = shell.out.paint();
        let mut text = found.head(paint, now);
        let _ = writeln!(text, "  {}  {}, {}", paint.dim(format!("{:<11}", "market")), segment.phase, segment.mode);
        let words = switch.words(&market, paint);
        let _ = writeln!(text, "  {}  {words}", paint.dim(format!("{:<11}", "kill switch")));
        text.push_str(&found.body(&desk, &market, paint, now));
        shell.out.text(&text)?;
    }
    Ok(if found.is_stale(now) { Exit::No } else { Exit::Fine })
}

fn heartbeat(state: &Path) -> Option<Heartbeat> {
    // A file that is missing or damaged is no sign of life, and no reason to fail.
    let text = fs::read_to_string(state.join("autonomous/heartbeat.json")).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let instant = |key: &str| value.get(key).and_then(Value::as_str).and_then(|t| t.parse().ok());
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Heartbeat {
        at: instant("timestamp")?,
        cycles: value.get("cycles").and_then(Value::as_u64).unwrap_or(0),
        last_task: word("last_task"),
        mode: word("mode"),
        started_at: instant("started_at"),
    })
}

/// What was wished and nobody has answered, the oldest first.
fn open_wishes(reader: Option<&Reader>) -> Result<Vec<WishRow>, Failure> {
    let mut open = reader.map_or(Ok(Vec::new()), |reader| reader.wishes(WISHES))?;
    open.retain(|wish| wish.done_at.is_none());
    open.reverse();
    Ok(open)
}

fn today(reader: &Reader, market: &Market, now: Timestamp) -> Result<BTreeMap<String, u64>, Failure> {
    let mut ends = BTreeMap::new();
    for row in reader.counts(market.date_of(now))? {
        let word = match (row.state, row.reason) {
            (State::Skipped, Some(reason)) => reason.word(),
            (state, _) => state.word(),
        };
        *ends.entry(word.to_owned()).or_default() += row.slots;
    }
    Ok(ends)
}

/// The next slots that nothing is known to keep from running.
fn next(
    desk: &Desk,
    market: &Arc<Market>,
    stands: &Standings,
    reader: Option<&Reader>,
    now: Timestamp,
) -> Result<Vec<(Timestamp, String)>, Failure> {
    let today = market.date_of(now);
    let to = today.saturating_add(SignedDuration::from_hours(24 * 3));
    let rows = view::plan(desk, market, today, to, &Selection::default(), &|ix| stands.of_task(desk, ix))?;
    let due = rows.into_iter().filter(|p| p.verdict == Some(Verdict::Admit)).filter_map(|p| p.occurrence);
    let mut next = Vec::new();
    for o in due.filter(|o| o.due > now) {
        let task = &desk.task(o.task).name;
        // A slot that has its row already was left out, or is on its way.
        let has_row = match reader {
            Some(reader) => reader.run_of_slot(task, &o.slot.to_string())?.is_some_and(|run| run.state.is_terminal()),
            None => false,
        };
        if !has_row {
            next.push((o.due, task.clone()));
        }
        if next.len() == NEXT {
            break;
        }
    }
    Ok(next)
}

impl Found {
    fn is_running(&self) -> bool {
        self.holder.is_some()
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        let Some(holder) = &self.holder else { return false };
        let last = self.heartbeat.as_ref().map_or(holder.started_at, |h| h.at.max(holder.started_at));
        watch::is_stale(last, now)
    }

    fn lanes(&self, desk: &Desk) -> Vec<(Lane, usize, usize)> {
        let lane_of = |run: &RunRow| desk.find(&run.task).map(|ix| desk.task(ix).lane);
        let of = |lane: Lane, state: State| {
            self.live.iter().filter(|r| r.state == state && lane_of(r) == Some(lane)).count()
        };
        Lane::ALL.iter().map(|l| (*l, of(*l, State::Pending), of(*l, State::Running))).collect()
    }

    fn json(&self, desk: &Desk, market: &Market, now: Timestamp) -> Value {
        let lanes = self.lanes(desk);
        let age = |at: Timestamp| now.duration_since(at).as_secs();
        json!({
            "version": VERSION,
            "running": self.is_running(),
            "pid": self.holder.as_ref().map(|h| h.pid),
            "holder": self.holder,
            "uptime_s": self.holder.as_ref().map(|h| age(h.started_at)),
            "cycles": self.heartbeat.as_ref().map(|h| h.cycles),
            "heartbeat": self.heartbeat.as_ref().map(|h| json!({
                "timestamp": h.at.to_string(), "cycles": h.cycles, "last_task": h.last_task, "mode": h.mode,
                "started_at": h.started_at.map(|t| t.to_string()),
            })),
            "heartbeat_age_s": self.heartbeat.as_ref().map(|h| age(h.at)),
            "lanes": lanes.iter().map(|(lane, waiting, running)| json!({
                "lane": lane, "waiting": waiting, "running": running,
                "workers": desk.lane(*lane).workers, "limit": desk.lane(*lane).queue,
            })).collect::<Vec<_>>(),
            "queue": {
                "depth": lanes.iter().map(|l| l.1).sum::<usize>(),
                "running": lanes.iter().map(|l| l.2).sum::<usize>(),
            },
            "holds": self.holds,
            "wishes": self.wishes.iter().map(|w| json!({
                "id": w.id, "verb": w.verb.word(), "name": w.name, "operator": w.operator, "reason": reason_of(w),
                "asked_at": w.asked_at.to_string(),
            })).collect::<Vec<_>>(),
            "alerts": {
                "channels": self.channels.as_ref().ok(),
                "channels_error": self.channels.as_ref().err(),
                "unsent": self.alerts.count,
                "oldest_unsent": self.alerts.oldest.map(|t| t.to_string()),
            },
            "today": self.today,
            "last_errors": self.errors,
            "next_tasks": self.next.iter().map(|(at, task)| json!({
                "task": task, "at_utc": at.to_string(), "at_local": when::local(*at, market),
            })).collect::<Vec<_>>(),
        })
    }

    fn head(&self, paint: Paint, now: Timestamp) -> String {
        let mut text = String::new();
        let ago = |at: Timestamp| when::roughly(now.duration_since(at).as_secs());
        let _ = match &self.holder {
            Some(h) if self.is_stale(now) => {
                writeln!(text, "kobe {VERSION} {}: {h}", paint.red("runs, and does not turn"))
            }
            Some(h) => writeln!(text, "kobe {VERSION} {} for {}: {h}", paint.green("runs"), ago(h.started_at)),
            None => writeln!(text, "kobe {VERSION} {}", paint.yellow("does not run")),
        };
        let beat = match &self.heartbeat {
            Some(h) => format!("{} ago, cycle {}, last task {}", ago(h.at), h.cycles, or_none(&h.last_task)),
            None => "none yet".to_owned(),
        };
        let _ = writeln!(text, "  {}  {beat}", paint.dim(format!("{:<11}", "heartbeat")));
        text
    }

    fn alert_words(&self, now: Timestamp, paint: Paint) -> String {
        let ways = match &self.channels {
            Ok(names) if names.is_empty() => paint.yellow("to the log only: no channel is set"),
            Ok(names) => format!("through {}", names.join(", ")),
            Err(why) => paint.red(format!("channels cannot be read: {why}")),
        };
        match self.alerts.oldest {
            Some(oldest) => format!(
                "{ways}; {} not out yet, the oldest for {}",
                count(self.alerts.count as usize, "alert"),
                when::roughly(now.duration_since(oldest).as_secs())
            ),
            None => ways,
        }
    }

    fn body(&self, desk: &Desk, market: &Market, paint: Paint, now: Timestamp) -> String {
        let mut text = String::new();
        let lanes: Vec<String> = self
            .lanes(desk)
            .iter()
            .filter(|(_, waiting, running)| waiting + running > 0)
            .map(|(lane, waiting, running)| format!("{lane}: {running} running, {waiting} waiting"))
            .collect();
        let queue = if lanes.is_empty() { "empty".to_owned() } else { lanes.join("; ") };
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {}  {value}", paint.dim(format!("{name:<11}")));
        };
        line("queue", &queue);
        let ends: Vec<String> = self.today.iter().map(|(word, n)| format!("{n} {word}")).collect();
        for hold in &self.holds {
            let what = format!("{} {} since {}", hold.kind, hold.name, when::day_and_clock(hold.since, market));
            line("held", &paint.yellow(format!("{what} by {}: {}", hold.operator, hold.reason)));
        }
        for wish in &self.wishes {
            let of = if wish.name.is_empty() { String::new() } else { format!(" {}", wish.name) };
            let what = format!(
                "{}{of} since {}",
                wish.verb.word().replace('_', " "),
                when::day_and_clock(wish.asked_at, market)
            );
            line("wished", &paint.yellow(format!("{what} by {}: {}", wish.operator, reason_of(wish))));
        }
        line("alerts", &self.alert_words(now, paint));
        line("today", if ends.is_empty() { "no run yet".to_owned() } else { ends.join(", ") }.as_str());
        if !self.next.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bold("Next"));
            for (at, task) in &self.next {
                let _ = writeln!(text, "  {}  {task}", when::day_and_clock(*at, market));
            }
        }
        if !self.errors.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bold("Last errors"));
            for run in &self.errors {
                let at = run.ended_at.or(run.started_at).unwrap_or(run.due);
                let said = if run.note.is_empty() { run.outcome.as_deref().unwrap_or_default() } else { &run.note };
                let _ = writeln!(
                    text,
                    "  {}  run {} {} {}",
                    when::day_and_clock(at, market),
                    run.id,
                    run.task,
                    paint.red(said)
                );
            }
        }
        text
    }
}

/// Returns why something was wished; the word that takes the switch back holds more than that.
fn reason_of(wish: &WishRow) -> String {
    let whole = (wish.verb == Verb::Rearm).then(|| serde_json::from_str::<Value>(&wish.reason).ok()).flatten();
    whole.and_then(|word| word["reason"].as_str().map(str::to_owned)).unwrap_or_else(|| wish.reason.clone())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
