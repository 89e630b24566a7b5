//! `kobe runs`: what ran, what did not, and what it said.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use clap::Subcommand;
use kobe_calendar::Market;
use kobe_handlers::CommandHandler;
use kobe_plan::{Reason, RunId, State, Verb, view};
use kobe_store::{Reader, RunFilter, RunRow};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Side, count, table};
use crate::settings::Shell;
use crate::wishing::{self, Why};
use crate::{in_force, lookup, when, wiring};

/// Arguments of `kobe runs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe runs                                  the newest runs
  kobe runs list --only failed
  kobe runs list --on 2026-11-27 --task full_universe_scan
  kobe runs show 17
  kobe runs logs 17                          what its program printed
  kobe runs cancel 17 --reason \"started by mistake\"")]
pub struct Args {
    #[command(subcommand)]
    question: Option<Question>,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// List runs, newest first
    List(List),
    /// Show all of one run
    Show {
        /// Its number
        id: u64,
    },
    /// Show what the program of a run printed
    Logs {
        /// Its number
        id: u64,
        /// Of this attempt; the last one if nothing is said
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
    },
    /// Run the task of a run again now, as a run of its own
    Retry {
        /// Its number
        id: u64,
        #[command(flatten)]
        why: Why,
        /// Wait at most so many seconds for its end; 0 does not wait
        #[arg(long, value_name = "S", default_value_t = 600)]
        wait: u64,
    },
    /// Take a waiting run out, or tell a running one to stop
    Cancel {
        /// Its number
        id: u64,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only this task
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Only in this state: pending, running, completed, failed, skipped
    #[arg(long, value_name = "STATE")]
    only: Option<String>,
    /// Only for this reason: holiday, not_built, ...
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only slots of this day
    #[arg(long, value_name = "D")]
    on: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 40)]
    limit: usize,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let newest = List { task: None, only: None, reason: None, on: None, limit: 40 };
    match args.question.as_ref() {
        None => list(&newest, shell),
        Some(Question::List(wanted)) => list(wanted, shell),
        Some(Question::Show { id }) => show(*id, shell),
        Some(Question::Logs { id, attempt }) => logs(*id, *attempt, shell),
        Some(Question::Retry { id, why, wait }) => {
            why.said()?;
            let run = find(*id, shell)?;
            let reason = format!("again for run {id}: {}", why.reason);
            super::task::run_now(shell, &run.task, &reason, Duration::from_secs(*wait))
        }
        Some(Question::Cancel { id, why }) => {
            let run = find(*id, shell)?;
            if run.state.is_terminal() {
                return Err(Failure::no(
                    format!("run {id} of {} is over: it {}", run.task, run.state),
                    "`kobe runs list --only running` shows what is on its way",
                ));
            }
            wishing::ask(shell, Verb::Cancel, &id.to_string(), why)
        }
    }
}

fn word<T: std::str::FromStr>(flag: &str, text: Option<&str>) -> Result<Option<T>, Failure>
where
    T::Err: std::fmt::Display,
{
    text.map(|t| {
        t.parse().map_err(|e| Failure::usage(format!("{flag}: {e}"), "`kobe runs list --help` shows examples"))
    })
    .transpose()
}

fn list(wanted: &List, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let filter = RunFilter {
        task: wanted.task.as_deref(),
        state: word::<State>("--only", wanted.only.as_deref())?,
        reason: word::<Reason>("--reason", wanted.reason.as_deref())?,
        date: wanted.on.as_deref().map(|d| when::date(d, &market)).transpose()?,
        limit: wanted.limit,
    };
    let reader = Reader::open(&shell.settings.state)?;
    if let Some(task) = filter.task {
        is_known(task, reader.as_ref(), shell)?;
    }
    let rows = match &reader {
        Some(reader) => reader.runs(&filter)?,
        None => Vec::new(),
    };
    if shell.out.is_json() {
        shell.out.array(&rows)?;
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        let asked = wanted.task.is_some() || wanted.only.is_some() || wanted.reason.is_some() || wanted.on.is_some();
        shell.out.text(match asked {
            true => "no run fits\n",
            false => "no runs yet: `kobe plan` shows what is due, `kobe run` lets it happen\n",
        })?;
        return Ok(Exit::Fine);
    }
    let header = [
        ("RUN", Side::Right),
        ("TASK", Side::Left),
        ("SLOT", Side::Left),
        ("STATE", Side::Left),
        ("STARTED", Side::Left),
        ("TOOK", Side::Right),
        ("NOTE", Side::Left),
    ];
    let mut text = table(&header, rows.iter().map(|r| cells(r, &market)).collect());
    if rows.len() == wanted.limit {
        let _ = writeln!(text, "\nthe newest {}; `--limit N` shows more", count(rows.len(), "run"));
    }
    shell.out.text(&text)?;
    Ok(Exit::Fine)
}

/// Refuses a name that neither the rows nor the desk know.
fn is_known(task: &str, reader: Option<&Reader>, shell: &Shell) -> Result<(), Failure> {
    let of_task = RunFilter { task: Some(task), ..RunFilter::newest(1) };
    let has_row = reader.map_or(Ok(false), |reader| reader.runs(&of_task).map(|rows| !rows.is_empty()))?;
    if has_row { Ok(()) } else { lookup::task(&*in_force::or_files(shell)?, task).map(drop) }
}

fn state_words(row: &RunRow) -> String {
    match row.reason {
        Some(reason) => format!("{} ({reason})", row.state),
        None => row.state.to_string(),
    }
}

fn took(row: &RunRow) -> String {
    row.took().map_or(String::new(), |t| match t.as_secs() {
        0..10 => format!("{:.2} s", t.as_secs_f64()),
        seconds => when::roughly(seconds),
    })
}

fn cells(row: &RunRow, market: &Market) -> Vec<String> {
    let mut note: String = row.note.chars().take(60).collect();
    if note.len() < row.note.len() {
        note.push('…');
    }
    let slot = if row.covers > 1 { format!("{} ({} slots)", row.slot, row.covers) } else { row.slot.clone() };
    vec![
        row.id.to_string(),
        row.task.clone(),
        slot,
        state_words(row),
        row.started_at.map_or(String::new(), |t| when::day_and_clock(t, market)),
        took(row),
        note,
    ]
}

fn find(id: u64, shell: &Shell) -> Result<RunRow, Failure> {
    let found = match Reader::open(&shell.settings.state)? {
        Some(reader) => reader.run(id)?,
        None => None,
    };
    found.ok_or_else(|| Failure::usage(format!("there is no run {id}"), "`kobe runs` lists the newest"))
}

fn show(id: u64, shell: &Shell) -> Result<Exit, Failure> {
    let row = find(id, shell)?;
    if shell.out.is_json() {
        shell.out.object(&row)?;
    } else {
        shell.out.text(&card(&row, &*shell.market()?, shell.out.paint()))?;
    }
    Ok(Exit::Fine)
}

fn card(row: &RunRow, market: &Market, paint: Paint) -> String {
    let mut text = format!("{} of {}\n", paint.bold(format!("run {}", row.id)), paint.bold(&row.task));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", paint.dim(format!("{name:<8}")));
    };
    line("slot", row.slot.clone());
    if let Some(since) = &row.since_slot {
        line("covers", format!("{} since {since}", count(row.covers as usize, "slot")));
    }
    line("due", when::day_and_clock(row.due, market));
    line(
        "state",
        match row.reason {
            Some(reason) => format!("{} ({reason}): {}", row.state, view::reason_text(reason)),
            None => row.state.to_string(),
        },
    );
    if let Some(outcome) = &row.outcome {
        line("outcome", if row.note.is_empty() { outcome.clone() } else { format!("{outcome}: {}", row.note) });
    }
    if row.attempt > 0 {
        line("attempts", row.attempt.to_string());
    }
    line("planned", when::day_and_clock(row.planned_at, market));
    for (name, at) in [("started", row.started_at), ("ended", row.ended_at), ("again at", row.retry_at)] {
        if let Some(at) = at {
            line(name, when::day_and_clock(at, market));
        }
    }
    if row.took().is_some() {
        line("took", took(row));
    }
    if row.catchup {
        line("catch-up", "it made good for time in which nobody was there".into());
    }
    if row.dst_shifted {
        line("clock", "its declared time did not exist that day".into());
    }
    line("config", row.config.chars().take(12).collect());
    text
}

fn logs(id: u64, attempt: Option<u32>, shell: &Shell) -> Result<Exit, Failure> {
    let row = find(id, shell)?;
    let attempt = attempt.unwrap_or(row.attempt.max(1));
    let path = CommandHandler::output_file(&wiring::output_directory(&shell.settings.state), RunId(id), attempt);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(Failure::Read { path, source }),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if shell.out.is_json() {
        let size = bytes.len();
        shell.out.object(&json!({ "run": id, "task": row.task, "attempt": attempt, "bytes": size, "output": text, "note": row.note }))?;
    } else if text.is_empty() {
        let said = if row.note.is_empty() { String::new() } else { format!("; its note: {}", row.note) };
        shell.out.talk(&format!("attempt {attempt} of run {id} left no output{said}"));
    } else {
        shell.out.text(&text)?;
    }
    Ok(Exit::Fine)
}
