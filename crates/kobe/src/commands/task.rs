//! `kobe task`: what is declared, and running it now.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Subcommand;
use jiff::Timestamp;
use kobe_engine::{Batch, Engine, Ports, Store, StoreError, VirtualClock};
use kobe_plan::judge::Standing;
use kobe_plan::scheduler::{Recovered, RecoveredCursor, Settings};
use kobe_plan::task::{Overlap, Work, priority_word};
use kobe_plan::{Desk, Occurrence, Slot, State, Task, TaskIx, Verb, Wish, view};
use kobe_store::{NewWish, Reader, RunRow, SqliteStore, WishError, add_wish, holder, wish_text};
use serde_json::{Value, json};

use crate::desk_files::Loaded;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Side, count, table};
use crate::settings::Shell;
use crate::skips::{self, Skips};
use crate::standing::{Standings, standing};
use crate::wishing::{self, LOOK_EVERY, Why, wait_for_wish};
use crate::{in_force, kill, lookup, when, wiring};

/// Arguments of `kobe task`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe task list --lane trading
  kobe task show full_universe_scan
  kobe task run fear_greed_fetch --reason \"the source is back\"
  kobe task pause news_scan_watchlist --reason \"the feed sends doubles\"
  kobe task skip daily_report_gen --reason \"sent by hand today\"")]
pub struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// List tasks
    List {
        /// Only this lane
        #[arg(long, value_name = "L")]
        lane: Option<String>,
        /// Only this group
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
    },
    /// Show all of one task
    Show {
        /// Its name
        name: String,
        /// Count its next slots from this moment on; now if nothing is said
        #[arg(long, value_name = "T")]
        at: Option<String>,
    },
    /// Run a task now: by the running desk, or by this command if none runs
    Run {
        /// Its name
        name: String,
        /// Why
        #[arg(long, value_name = "R", default_value = "by hand")]
        reason: String,
        /// Wait at most so many seconds for its end; 0 does not wait
        #[arg(long, value_name = "S", default_value_t = 600)]
        wait: u64,
    },
    /// Keep a task from running until it is resumed
    Pause {
        /// Its name
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Let a paused task run again; nothing is made good
    Resume {
        /// Its name
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Leave out the next slot of a task; asked twice it leaves out one
    Skip {
        /// Its name
        name: String,
        /// Leave out one more, although the next slot is left out already
        #[arg(long)]
        another: bool,
        /// Take back a word that no desk has obeyed yet
        #[arg(long, conflicts_with = "another")]
        undo: bool,
        #[command(flatten)]
        why: Why,
    },
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    match &args.question {
        Question::List { lane, group } => list(shell, lane.as_deref(), group.as_deref()),
        Question::Show { name, at } => show(shell, name, at.as_deref()),
        Question::Run { name, reason, wait } => run_now(shell, name, reason, Duration::from_secs(*wait)),
        Question::Pause { name, why } => ask(shell, Verb::Pause, name, why),
        Question::Resume { name, why } => ask(shell, Verb::Resume, name, why),
        Question::Skip { name, undo: true, why, .. } => take_back(shell, name, why),
        Question::Skip { name, another, why, .. } => skip(shell, name, *another, why),
    }
}

fn triggers(task: &Task) -> String {
    task.firings.iter().map(|f| f.trigger.to_string()).collect::<Vec<_>>().join(", ")
}

fn brief(task: &Task, desk: &Desk, ix: TaskIx) -> Value {
    json!({
        "name": task.name,
        "does": task.does,
        "group": task.group,
        "function": task.function(),
        "lane": task.lane,
        "priority": task.priority(),
        "triggers": task.firings.iter().map(|f| f.trigger.to_string()).collect::<Vec<_>>(),
        "days": task.days.to_string(),
        "enabled": task.enabled,
        "standing": standing(desk, ix).map(|s| s.reason),
    })
}

fn list(shell: &Shell, lane: Option<&str>, group: Option<&str>) -> Result<Exit, Failure> {
    let loaded = shell.desk()?;
    let desk = &loaded.desk;
    let lane = lane.map(lookup::lane).transpose()?;
    if let Some(group) = group
        && !desk.groups.iter().any(|g| g.name == group)
    {
        let known: Vec<&str> = desk.groups.iter().map(|g| g.name.as_str()).collect();
        return Err(Failure::usage(
            format!("the desk has no group `{group}`"),
            format!("groups: {}", known.join(", ")),
        ));
    }
    let chosen: Vec<(TaskIx, &Task)> =
        desk.iter().filter(|(_, t)| lane.is_none_or(|l| l == t.lane) && group.is_none_or(|g| g == t.group)).collect();
    if shell.out.is_json() {
        let rows: Vec<Value> = chosen.iter().map(|(ix, t)| brief(t, desk, *ix)).collect();
        shell.out.array(&rows)?;
        return Ok(Exit::Fine);
    }
    let header = ["TASK", "LANE", "PRIORITY", "DAYS", "TRIGGER", "FUNCTION", ""].map(|name| (name, Side::Left));
    let cells = |(ix, t): &(TaskIx, &Task)| {
        let state = match (t.enabled, standing(desk, *ix)) {
            (false, _) => "disabled".to_owned(),
            (true, Some(standing)) => standing.reason.to_string(),
            (true, None) => String::new(),
        };
        let words = [t.lane.to_string(), priority_word(t.priority()), t.days.to_string(), triggers(t)];
        [vec![t.name.clone()], words.to_vec(), vec![t.function().to_owned(), state]].concat()
    };
    let mut text = table(&header, chosen.iter().map(cells).collect());
    let _ = writeln!(text, "\n{}", count(chosen.len(), "task"));
    shell.out.text(&text)?;
    Ok(Exit::Fine)
}

fn show(shell: &Shell, name: &str, at: Option<&str>) -> Result<Exit, Failure> {
    let (market, loaded) = (shell.market()?, shell.desk()?);
    let ix = lookup::task(&loaded.desk, name)?;
    let task = loaded.desk.task(ix);
    let at = match at {
        Some(text) => when::instant(text, &market)?,
        None => shell.now(),
    };
    let next = view::next(&loaded.desk, &market, ix, at, 5);
    let reader = Reader::open(&shell.settings.state)?;
    let runs = match &reader {
        Some(reader) => reader.runs(&kobe_store::RunFilter { task: Some(name), ..kobe_store::RunFilter::newest(5) })?,
        None => Vec::new(),
    };
    let stands = Standings::of(reader.as_ref())?.of_task(&loaded.desk, ix);
    let skips = Skips::of(reader.as_ref())?;
    let left_out = |o: &Occurrence| skips.of_slot(name, o.slot);
    if shell.out.is_json() {
        let mut told = brief(task, &loaded.desk, ix);
        let fields = json!({
            "place": task.place.to_string(),
            "command": match &task.work { Work::Command(argv) => Some(argv), Work::Call(_) => None },
            "args": task.args,
            "right": task.right.word(),
            "stage": task.stage,
            "on_holiday": task.on_holiday.word(),
            "on_half_day": task.firings.iter().map(|f| f.on_half_day.word()).collect::<Vec<_>>(),
            "session_bound": task.session_bound,
            "heavy": task.heavy,
            "timeout_s": task.timeout.as_secs(),
            "retries": task.retry.limit,
            "backoff_s": task.retry.backoff.as_secs(),
            "catch_up": task.catch_up.to_string(),
            "grace_s": task.grace.as_secs(),
            "overlap": task.overlap.to_string(),
            "idempotent": task.idempotent,
            "after": task.after,
            "owner": task.owner,
            "severity": task.severity,
            "runbook": task.runbook,
            "next": next.iter().map(|o| json!({
                "slot": o.slot.to_string(), "at_utc": o.due.to_string(), "at_local": when::local(o.due, &market),
                "left_out": left_out(o),
                "at_venue": when::at_venue(o.due, &task.firings[o.firing as usize].trigger, &market),
            })).collect::<Vec<_>>(),
            "runs": runs,
        });
        if let (Some(told), Value::Object(fields)) = (told.as_object_mut(), fields) {
            told.extend(fields);
        }
        shell.out.object(&told)?;
        return Ok(Exit::Fine);
    }
    let said = |o: &Occurrence| {
        let there = when::venue_clock(o.due, &task.firings[o.firing as usize].trigger, &market);
        let there = there.map_or(String::new(), |there| format!(" ({there})"));
        let left_out = left_out(o).map_or(String::new(), |by| format!(" (left out {by})"));
        format!("{}{there}{left_out}", when::day_and_clock(o.due, &market))
    };
    let next: Vec<String> = next.iter().map(said).collect();
    shell.out.text(&card(task, &loaded, stands.as_ref(), &next, &runs, shell.out.paint()))?;
    Ok(Exit::Fine)
}

fn card(
    task: &Task,
    loaded: &Loaded,
    stands: Option<&Standing>,
    next: &[String],
    runs: &[RunRow],
    paint: Paint,
) -> String {
    let mut text = format!("{} · {}\n", paint.bold(&task.name), task.does);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", paint.dim(format!("{name:<10}")));
    };
    match &task.work {
        Work::Call(function) => line("calls", function.clone()),
        Work::Command(argv) => line("starts", argv.join(" ")),
    }
    if let Some(standing) = stands {
        line("standing", paint.yellow(format!("{}: {}", standing.reason, standing.note)));
    }
    if !task.enabled {
        line("standing", paint.yellow("switched off in the desk file"));
    }
    line("fires", format!("{} ({})", triggers(task), task.days));
    if task.is_cooldown() {
        let words = |all: Vec<String>| if all.is_empty() { "any".to_owned() } else { all.join(", ") };
        line("phases", words(task.filter.phases.iter().map(ToString::to_string).collect()));
        line("modes", words(task.filter.modes.iter().map(ToString::to_string).collect()));
    }
    if task.args.as_object().is_some_and(|args| !args.is_empty()) {
        line("args", task.args.to_string());
    }
    let stage = task.stage.map_or(String::new(), |s| format!(", stage {s}"));
    line("lane", format!("{}, priority {}{stage}", task.lane, priority_word(task.priority())));
    line("right", format!("{} ({})", task.right, task.right.letter()));
    let half: Vec<&str> = task.firings.iter().map(|f| f.on_half_day.word()).collect();
    line("days off", format!("on a holiday {}, on a half day {}", task.on_holiday, half.join(", ")));
    line("timeout", when::roughly(task.timeout.as_secs()));
    line(
        "retries",
        match task.retry.limit {
            0 => "none".to_owned(),
            n => format!("{n}, first after {}", when::roughly(task.retry.backoff.as_secs())),
        },
    );
    line("missed", format!("{}, up to {} late", task.catch_up, when::roughly(task.grace.as_secs())));
    line("overlap", task.overlap.to_string());
    if !task.after.is_empty() {
        line("after", task.after.join(", "));
    }
    line(
        "declared",
        loaded
            .root
            .as_ref()
            .map_or(format!("built in, {}", task.place), |root| format!("{}/{}", root.display(), task.place)),
    );
    if !next.is_empty() {
        line("next", next.join(" · "));
    }
    for run in runs {
        let reason = run.reason.map_or(String::new(), |r| format!(" ({r})"));
        line("ran", format!("run {}, slot {}: {}{reason} {}", run.id, run.slot, run.state, run.note));
    }
    text
}

fn ask(shell: &Shell, verb: Verb, name: &str, why: &Why) -> Result<Exit, Failure> {
    // A name that nobody knows is told at once, with the nearest one.
    lookup::task(&*in_force::or_files(shell)?, name)?;
    wishing::ask(shell, verb, name, why)
}

/// Leaves out the next slot; one that is left out already, only if one more is meant.
fn skip(shell: &Shell, name: &str, another: bool, why: &Why) -> Result<Exit, Failure> {
    lookup::task(&*in_force::or_files(shell)?, name)?;
    if !another {
        let (market, skips) = (shell.market()?, Skips::of(Reader::open(&shell.settings.state)?.as_ref())?);
        let ahead = skips.ahead(name, shell.clock.now());
        let found = match (ahead.first(), skips.open(name).next()) {
            (Some((at, by)), _) => Some(format!("{}, {by}", when::day_and_clock(*at, &market))),
            (None, Some(wish)) => Some(format!("as soon as a desk runs, {}", skips::by(wish))),
            (None, None) => None,
        };
        if let Some(found) = found {
            return Err(Failure::no(
                format!("the next slot of {name} is left out already: {found}"),
                "`--another` leaves out the one after it as well",
            ));
        }
    }
    wishing::ask(shell, Verb::Skip, name, why)
}

/// Takes back a wish to leave out a slot that no desk has obeyed. What is left out has its row, and that stays.
fn take_back(shell: &Shell, name: &str, why: &Why) -> Result<Exit, Failure> {
    why.said()?;
    lookup::task(&*in_force::or_files(shell)?, name)?;
    let (market, state, now) = (shell.market()?, &shell.settings.state, shell.clock.now());
    let skips = Skips::of(Reader::open(state)?.as_ref())?;
    let open = skips.open(name).next();
    let (Some(wish), None) = (open, holder(state)?) else {
        let hint = "`kobe task run NAME` runs it by hand; `kobe task show NAME` shows what is left out";
        return Err(match skips.ahead(name, now).first() {
            Some((at, by)) => Failure::no(
                format!(
                    "the slot of {name} at {} is left out ({by}), and that stands in its row, which never changes",
                    when::day_and_clock(*at, &market)
                ),
                hint,
            ),
            None => Failure::no(format!("no slot of {name} is to be left out"), hint),
        });
    };
    let Ok(Slot::Manual { id }) = format!("manual:{}", wish.id).parse::<Slot>() else {
        return Err(Failure::Broke { what: format!("the wish {} has no number", wish.id) });
    };
    let operator = kill::operator(why.operator.as_deref());
    let note = format!("refused: taken back by {operator}: {}", why.reason);
    // Under the lock of the state: a desk that starts now obeys it before, or never.
    SqliteStore::open(state, &wiring::opening(&market, now))?.answer(id, note, now)?;
    if shell.out.is_json() {
        shell
            .out
            .object(&json!({ "wish": wish.id, "verb": wish.verb.word(), "name": name, "answer": "taken back" }))?;
    } else {
        shell.out.text(&format!("skip {name}: taken back; its next slot runs\n"))?;
    }
    Ok(Exit::Fine)
}

/// Runs a task now, by the running desk or here.
pub(super) fn run_now(shell: &Shell, name: &str, reason: &str, wait: Duration) -> Result<Exit, Failure> {
    let (state, now) = (&shell.settings.state, shell.clock.now());
    match holder(state)? {
        Some(holder) => {
            lookup::task(&*in_force::or_files(shell)?, name)?;
            let operator = kill::operator(None);
            let wish = NewWish { verb: Verb::Run, name, reason, operator: &operator };
            let id = add_wish(state, &wish, now)?;
            shell.out.talk(&format!("asked the running desk ({holder})"));
            if wait.is_zero() {
                return told_wish(shell, id);
            }
            wait_for_end(shell, name, id, wait)
        }
        None => {
            let loaded = shell.desk()?;
            let ix = lookup::task(&loaded.desk, name)?;
            run_here(shell, &loaded, ix, reason)
        }
    }
}

fn told_wish(shell: &Shell, id: u128) -> Result<Exit, Failure> {
    let wish = wish_text(id);
    if shell.out.is_json() {
        shell.out.object(&json!({ "wish": wish, "run": null }))?;
    } else {
        shell.out.text(&format!("wish {wish} is written; `kobe runs` shows what comes of it\n"))?;
    }
    Ok(Exit::Fine)
}

fn wait_for_end(shell: &Shell, task: &str, id: u128, at_most: Duration) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let state = &shell.settings.state;
    let late = || {
        Failure::no(
            format!("{task} has not come to its end within {} s", at_most.as_secs()),
            "it goes on; `kobe runs` shows what comes of it",
        )
    };
    let note = wait_for_wish(state, id, at_most)?.ok_or_else(late)?;
    let reader = Reader::open(state)?.ok_or_else(|| WishError::NoDatabase(state.to_owned()))?;
    let slot = format!("manual:{}", wish_text(id));
    loop {
        match reader.run_of_slot(task, &slot)? {
            Some(run) if run.state.is_terminal() => return told_run(shell, &run),
            Some(_) if begun.elapsed() < at_most => std::thread::sleep(LOOK_EVERY),
            Some(_) => return Err(late()),
            None => {
                return Err(Failure::no(format!("the running desk did not take it: {note}"), "`kobe why` tells more"));
            }
        }
    }
}

fn told_run(shell: &Shell, run: &RunRow) -> Result<Exit, Failure> {
    if shell.out.is_json() {
        shell.out.object(run)?;
    } else {
        let paint = shell.out.paint();
        let reason = run.reason.map_or(String::new(), |r| format!(" ({r}: {})", view::reason_text(r)));
        let state = match run.state {
            State::Completed => paint.green(run.state.word()),
            State::Failed => paint.red(run.state.word()),
            _ => paint.yellow(run.state.word()),
        };
        let note = if run.note.is_empty() { String::new() } else { format!(": {}", run.note) };
        let again = run.retry_at.map_or(String::new(), |_| "; it will be tried again when the desk runs".to_owned());
        shell.out.text(&format!("run {} of {} {state}{reason}{note}{again}\n", run.id, run.task))?;
    }
    // Whoever asks for a run and gets none, or one that has to be tried again, got a no.
    Ok(if run.state == State::Completed { Exit::Fine } else { Exit::No })
}

/// Runs one task in an engine of its own, which lives for this one wish.
fn run_here(shell: &Shell, loaded: &Loaded, ix: TaskIx, reason: &str) -> Result<Exit, Failure> {
    let (market, state, now) = (shell.market()?, &shell.settings.state, shell.clock.now());
    let desk = &loaded.desk;
    let task = desk.task(ix).name.clone();
    let mut store = SqliteStore::open(state, &wiring::opening(&market, now))?;
    let overlaps = overlaps(&store.recover()?, desk.task(ix), shell);
    let operator = kill::operator(None);
    let wish = NewWish { verb: Verb::Run, name: &task, reason, operator: &operator };
    let id = add_wish(state, &wish, now)?;
    let hands = wiring::handler(shell, loaded, &market, &store)?;
    let only = Only { inner: store, desk: desk.clone(), now, wish: id };
    // Time stands still and no start is armed ahead: nothing but the wish can become due.
    let clock = Arc::new(VirtualClock::new(now));
    let out = shell.out;
    let ports = Ports {
        store: Box::new(only),
        handler: hands,
        clock,
        pulse: Box::new(()),
        alarm: Arc::new(move |alert| out.talk(&alert.title)),
        build: wiring::BUILD.to_owned(),
    };
    let settings = Settings { arm_ahead: jiff::SignedDuration::ZERO, ..Settings::LIVE };
    let stands = |task| standing(desk, task).or_else(|| overlaps.clone().filter(|_| task == ix));
    Engine::new(desk.clone(), market, settings, &mut |task| stands(task), ports)?.run_once()?;
    let reader = Reader::open(state)?.ok_or_else(|| WishError::NoDatabase(state.to_owned()))?;
    match reader.run_of_slot(&task, &format!("manual:{}", wish_text(id)))? {
        Some(run) => told_run(shell, &run),
        None => Err(Failure::Broke { what: format!("the wish for {task} left no run") }),
    }
}

/// Returns why a task is not run beside runs of it that are not over. They belong to a desk that is not there to end them, so none of them can be waited for.
fn overlaps(recovered: &Recovered, task: &Task, shell: &Shell) -> Option<Standing> {
    let live: Vec<_> = recovered.live.iter().filter(|row| row.task == task.name).collect();
    let beside = match task.overlap {
        Overlap::Allow(n) => n as usize,
        Overlap::Skip | Overlap::Queue(_) | Overlap::Replace => 1,
    };
    let first = live.first().filter(|_| live.len() >= beside)?;
    let note = format!("run {} of {} is {}; the next `kobe run` settles it", first.run.id, task.name, first.run.state);
    shell.out.talk(&note);
    Some(Standing { reason: kobe_plan::Reason::Overlap, note: note.into() })
}

/// A store that knows of one wish only: nothing is owed for the past and nothing is due, so the schedule stays as the next `kobe run` wants to find it.
struct Only {
    inner: SqliteStore,
    desk: Arc<Desk>,
    now: Timestamp,
    wish: u128,
}

impl Store for Only {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let Recovered { next_run, holds, cursors, .. } = self.inner.recover()?;
        let settled = |t: &Task| RecoveredCursor {
            task: t.name.clone(),
            planned_to: self.now,
            // What is counted goes on: a run by hand stores the cursor of a context-driven task, and no turn may come twice.
            turns: cursors.iter().find(|c| c.task == t.name).map_or(0, |c| c.turns),
            last_turn: Some(self.now),
        };
        Ok(Recovered {
            cursors: self.desk.tasks.iter().map(settled).collect(),
            live: Vec::new(),
            next_run,
            holds,
            ..Recovered::default()
        })
    }

    fn slots_after(&mut self, now: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        self.inner.slots_after(now)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        Ok(self.inner.wishes()?.into_iter().filter(|w| w.id == self.wish).collect())
    }
}
