//! `kobe why`: every predicate of one slot with its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use kobe_plan::judge::Check;
use kobe_plan::view::{self, Why};
use kobe_plan::{Desk, Occurrence, Reason, Slot, Task, TaskIx, Verdict};
use kobe_store::{Reader, RunRow};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::settings::Shell;
use crate::skips::Skips;
use crate::standing::Standings;
use crate::{lookup, when};

/// Arguments of `kobe why`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe why full_universe_scan                       its next slot
  kobe why full_universe_scan --on 2026-11-26       on a holiday
  kobe why unrealized_pnl_log --at 2026-11-27T16:00 the slot at or after a moment")]
pub struct Args {
    /// The task
    #[arg(value_name = "TASK")]
    task: String,
    /// Its slot on this day
    #[arg(long, value_name = "D", conflicts_with = "at")]
    on: Option<String>,
    /// Its slot at or after this moment
    #[arg(long, value_name = "T")]
    at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    task: &'a str,
    slot: Option<String>,
    at_utc: Option<String>,
    at_local: Option<String>,
    verdict: &'static str,
    reason: Option<Reason>,
    reason_text: Option<&'static str>,
    checks: &'a [Check],
    run: Option<RunRow>,
    also: Vec<String>,
    next: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let (market, loaded) = (shell.market()?, shell.desk()?);
    let ix = lookup::task(&loaded.desk, &args.task)?;
    let task = loaded.desk.task(ix);
    let (at, until) = match (&args.on, &args.at) {
        (Some(on), _) => {
            let day = market.day(when::date(on, &market)?)?;
            (day.from, Some(day.to))
        }
        (None, Some(at)) => (when::instant(at, &market)?, None),
        (None, None) => (shell.now(), None),
    };
    let reader = Reader::open(&shell.settings.state)?;
    let stands = Standings::of(reader.as_ref())?.of_task(&loaded.desk, ix);
    let found = view::why(&loaded.desk, &market, ix, at, stands.as_ref())?;
    let (inside, later) = match (found, until) {
        (Some(why), Some(until)) if why.occurrence.due >= until => (None, Some(why.occurrence.due)),
        (found, _) => (found, None),
    };
    let Some(mut why) = inside else { return none(shell, task, &market, at, later) };
    if let Some(by) = Skips::of(reader.as_ref())?.of_slot(&task.name, why.occurrence.slot) {
        why.verdict = Verdict::Skip(Reason::Operator);
        why.checks.push(Check { name: "operator", ok: false, detail: format!("left out {by}") });
    }
    let slot = why.occurrence.slot;
    let also = match until {
        Some(until) => others(&loaded.desk, &market, ix, why.occurrence.due, until),
        None => Vec::new(),
    };
    // What is driven by context has no slot before its turn; its number here is only a place.
    let named = !matches!(slot, Slot::Cooldown { .. });
    let run = match &reader {
        Some(reader) if named => reader.run_of_slot(&task.name, &slot.to_string())?,
        _ => None,
    };
    let (verdict, reason) = words(why.verdict, named);
    if shell.out.is_json() {
        shell.out.object(&Answer {
            task: &task.name,
            slot: named.then(|| slot.to_string()),
            at_utc: Some(why.occurrence.due.to_string()),
            at_local: Some(when::local(why.occurrence.due, &market)),
            verdict,
            reason,
            reason_text: reason.map(view::reason_text),
            checks: &why.checks,
            run,
            also: also.iter().map(|o| o.slot.to_string()).collect(),
            next: None,
        })?;
    } else {
        let mut text = page(&why, task, &market, run.as_ref(), named, shell.out.paint());
        if !also.is_empty() {
            let clocks: Vec<String> = also.iter().map(|o| when::clock(o.due, &market)).collect();
            let _ = writeln!(text, "\nits other slots of the day: {} (ask with --at)", clocks.join(", "));
        }
        shell.out.text(&text)?;
    }
    Ok(Exit::Fine)
}

/// The slots of a task after the one explained, up to the end of its day.
fn others(desk: &Desk, market: &Arc<Market>, ix: TaskIx, after: Timestamp, until: Timestamp) -> Vec<Occurrence> {
    // A task may be due every second; a few lines say enough.
    view::next(desk, market, ix, after, 12).into_iter().filter(|o| o.due < until).collect()
}

fn words(verdict: Verdict, named: bool) -> (&'static str, Option<Reason>) {
    match verdict {
        Verdict::Admit if named => ("admit", None),
        Verdict::Admit => ("about", None),
        Verdict::Skip(reason) => ("skip", Some(reason)),
    }
}

fn none(shell: &Shell, task: &Task, market: &Market, at: Timestamp, later: Option<Timestamp>) -> Result<Exit, Failure> {
    if shell.out.is_json() {
        shell.out.object(&Answer {
            task: &task.name,
            slot: None,
            at_utc: None,
            at_local: None,
            verdict: "none",
            reason: None,
            reason_text: None,
            checks: &[],
            run: None,
            also: Vec::new(),
            next: later.map(|t| when::local(t, market)),
        })?;
        return Ok(Exit::Fine);
    }
    let rule: Vec<String> = task.firings.iter().map(|f| f.trigger.to_string()).collect();
    let next = match later {
        Some(next) => format!("its next one is on {}", when::day_and_clock(next, market)),
        None => "it has none after that".to_owned(),
    };
    let day = market.date_of(at);
    let told = format!("{} has no slot on {day}: it fires {} ({}); {next}\n", task.name, rule.join(", "), task.days);
    shell.out.text(&told)?;
    Ok(Exit::Fine)
}

fn page(why: &Why, task: &Task, market: &Market, run: Option<&RunRow>, named: bool, paint: Paint) -> String {
    let due = why.occurrence.due;
    let mut text = format!("{} · {}\n", paint.bold(&task.name), task.does);
    let trigger = task.firings.get(why.occurrence.firing as usize).map(|firing| &firing.trigger);
    let there = trigger.and_then(|trigger| when::venue_clock(due, trigger, market));
    let slot = if named { format!("slot {}", why.occurrence.slot) } else { "its turn".to_owned() };
    let _ = writeln!(
        text,
        "  {slot}, due {} New York ({}{} UTC)\n",
        when::day_and_clock(due, market),
        there.map_or(String::new(), |there| format!("{there}, ")),
        due.strftime("%H:%M:%S")
    );
    for check in &why.checks {
        let mark = if check.ok { paint.green("✓") } else { paint.red("✗") };
        let _ = writeln!(text, "  {mark} {:<12} {}", check.name, check.detail);
    }
    text.push('\n');
    match why.verdict {
        Verdict::Admit if named => {
            let _ = writeln!(text, "{}: nothing keeps it from running", paint.green("admit"));
        }
        Verdict::Admit => {
            let _ = writeln!(text, "{}: it has its turn when its cooldown has passed", paint.green("about"));
        }
        Verdict::Skip(reason) => {
            let _ = writeln!(text, "{}: {}", paint.yellow(format!("skip ({reason})")), view::reason_text(reason));
        }
    }
    if let Some(run) = run {
        let _ = writeln!(text, "\n{}", what_happened(run, market));
    }
    text
}

fn what_happened(run: &RunRow, market: &Market) -> String {
    let mut text = format!("what happened: run {} is {}", run.id, run.state);
    if let Some(reason) = run.reason {
        let _ = write!(text, " ({reason})");
    }
    if let Some(started) = run.started_at {
        let _ = write!(text, ", started {}", when::day_and_clock(started, market));
        let late = started.duration_since(run.due);
        if late > SignedDuration::from_secs(1) {
            let _ = write!(text, ", {} late", when::roughly(late.as_secs()));
        }
    }
    if !run.note.is_empty() {
        let _ = write!(text, ": {}", run.note);
    }
    text
}
