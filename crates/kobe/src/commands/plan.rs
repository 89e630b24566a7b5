//! `kobe plan`: every slot of a day, with its verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use kobe_calendar::{Market, MarketDay};
use kobe_plan::task::priority_word;
use kobe_plan::trigger::Firing;
use kobe_plan::view::{self, Planned, Selection};
use kobe_plan::{Desk, Reason, Verdict};
use kobe_store::Reader;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, count};
use crate::picture::{self, Density};
use crate::settings::Shell;
use crate::skips::Skips;
use crate::standing::Standings;
use crate::{lookup, when};

/// Days that one answer may hold: ten years of a desk would be millions of lines.
const MOST_DAYS: i32 = 400;

/// Arguments of `kobe plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe plan                                        today
  kobe plan --on 2026-11-27                        an early close
  kobe plan --from 2026-11-23 --to 2026-11-29      a week
  kobe plan --on 2026-11-27 --lane trading --json  for scripts")]
pub struct Args {
    /// The day; today if nothing is said
    #[arg(long, value_name = "D", conflicts_with_all = ["from", "to"])]
    on: Option<String>,
    /// The first day
    #[arg(long, value_name = "D", requires = "to")]
    from: Option<String>,
    /// The last day
    #[arg(long, value_name = "D", requires = "from")]
    to: Option<String>,
    /// Only this task
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Only this lane
    #[arg(long, value_name = "L")]
    lane: Option<String>,
}

/// One slot, as scripts see it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    task: &'a str,
    function: &'a str,
    lane: &'static str,
    priority: u8,
    slot: Option<String>,
    at_utc: Option<String>,
    at_local: Option<String>,
    trigger: String,
    verdict: &'static str,
    reason: Option<Reason>,
    /// Who left it out and why, if an operator did.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let (market, loaded) = (shell.market()?, shell.desk()?);
    let desk = &loaded.desk;
    let (from, to) = dates(args, shell, &market)?;
    let selection = Selection {
        task: args.task.as_deref().map(|name| lookup::task(desk, name)).transpose()?,
        lane: args.lane.as_deref().map(lookup::lane).transpose()?,
    };
    // What is held now says nothing of days that are over.
    let is_over = to < market.date_of(shell.now());
    let reader = if is_over { None } else { Reader::open(&shell.settings.state)? };
    let stands = Standings::of(reader.as_ref())?;
    let skips = Skips::of(reader.as_ref())?;
    let mut rows = view::plan(desk, &market, from, to, &selection, &|ix| stands.of_task(desk, ix))?;
    skips.apply(&mut rows, desk);
    if shell.out.is_json() {
        let rows: Vec<Row<'_>> = rows.iter().map(|p| row(p, desk, &skips, &market)).collect();
        shell.out.array(&rows)?;
    } else {
        let shown = Shown { desk, skips: &skips, market: &market, paint: shell.out.paint() };
        shell.out.text(&page(&rows, &shown, from, to)?)?;
    }
    Ok(Exit::Fine)
}

fn dates(args: &Args, shell: &Shell, market: &Market) -> Result<(Date, Date), Failure> {
    let (from, to) = match (&args.on, &args.from, &args.to) {
        (Some(on), _, _) => {
            let on = when::date(on, market)?;
            (on, on)
        }
        (None, Some(from), Some(to)) => (when::date(from, market)?, when::date(to, market)?),
        (None, _, _) => {
            let today = market.date_of(shell.now());
            (today, today)
        }
    };
    if from > to {
        return Err(Failure::usage(format!("{from} is after {to}"), "`--from` names the first day, `--to` the last"));
    }
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days());
    if days >= MOST_DAYS {
        return Err(Failure::usage(
            format!("{} days are too many for one answer", days.saturating_add(1)),
            format!("ask for at most {MOST_DAYS} days at a time"),
        ));
    }
    Ok((from, to))
}

/// What a page is written with.
struct Shown<'a> {
    desk: &'a Desk,
    skips: &'a Skips,
    market: &'a Arc<Market>,
    paint: Paint,
}

fn left_out(planned: &Planned, desk: &Desk, skips: &Skips) -> Option<String> {
    match planned.verdict {
        Some(Verdict::Skip(Reason::Operator)) => skips.of_slot(&desk.task(planned.task).name, planned.occurrence?.slot),
        _ => None,
    }
}

/// How wide the columns are that hold names and triggers.
#[derive(Debug, Clone, Copy)]
struct Columns {
    task: usize,
    trigger: usize,
}

fn firing<'a>(planned: &Planned, desk: &'a Desk) -> &'a Firing {
    &desk.task(planned.task).firings[planned.occurrence.map_or(0, |o| o.firing as usize)]
}

fn row<'a>(planned: &Planned, desk: &'a Desk, skips: &Skips, market: &Market) -> Row<'a> {
    let task = desk.task(planned.task);
    let firing = firing(planned, desk);
    let at = planned.occurrence.map(|o| o.due).or(planned.earliest);
    let (verdict, reason) = match planned.verdict {
        Some(Verdict::Admit) => ("admit", None),
        Some(Verdict::Skip(reason)) => ("skip", Some(reason)),
        None => ("about", None),
    };
    Row {
        task: &task.name,
        function: task.function(),
        lane: task.lane.word(),
        priority: firing.priority,
        slot: planned.occurrence.map(|o| o.slot.to_string()),
        at_utc: at.map(|t| t.to_string()),
        at_local: at.map(|t| when::local(t, market)),
        trigger: firing.trigger.to_string(),
        verdict,
        reason,
        left_out: left_out(planned, desk, skips),
    }
}

fn page(rows: &[Planned], shown: &Shown<'_>, from: Date, to: Date) -> Result<String, Failure> {
    let Shown { desk, market, paint, .. } = *shown;
    let mut text = String::new();
    let widest = |of: &dyn Fn(&Planned) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let columns = Columns {
        task: widest(&|p| desk.task(p.task).name.len()),
        trigger: widest(&|p| firing(p, desk).trigger.to_string().len()),
    };
    let slots: Vec<(Timestamp, &Planned)> = rows.iter().filter_map(|p| p.occurrence.map(|o| (o.due, p))).collect();
    let mut date = from;
    while date <= to {
        let day = market.day(date)?;
        let first = slots.partition_point(|(due, _)| *due < day.from);
        let end = slots.partition_point(|(due, _)| *due < day.to);
        text.push_str(&day_page(&day, &slots[first..end], shown, columns));
        text.push('\n');
        date = date.checked_add(1.day()).map_err(|e| Failure::Broke { what: e.to_string() })?;
    }
    let about: Vec<&Planned> = rows.iter().filter(|p| p.occurrence.is_none()).collect();
    if !about.is_empty() {
        let _ = writeln!(
            text,
            "{}",
            paint.bold("Without a clock: about every so often, while the market is as they want it")
        );
        for planned in &about {
            let task = desk.task(planned.task);
            let when = match planned.earliest {
                Some(at) if from == to => format!("from {}", when::clock(at, market)),
                Some(at) => format!("from {}", when::day_and_clock(at, market)),
                None => "not in this time".to_owned(),
            };
            let (trigger, width) = (&task.firings[0].trigger, columns.task);
            let _ = writeln!(text, "  {} {:width$}  {:<11} {trigger}, {when}", paint.dim("~"), task.name, task.lane);
        }
        text.push('\n');
    }
    text.push_str(&summary(&slots, about.len(), paint));
    Ok(text)
}

fn day_page(day: &MarketDay, slots: &[(Timestamp, &Planned)], shown: &Shown<'_>, columns: Columns) -> String {
    let (market, paint) = (shown.market, shown.paint);
    let due = Density::of(slots.iter().map(|(at, _)| *at), market);
    let runs = Density::of(slots.iter().filter(|(_, p)| p.verdict == Some(Verdict::Admit)).map(|(at, _)| *at), market);
    let mut text = picture::title(day, market, paint);
    text.push('\n');
    text.push_str(&picture::bands(day, market, due, runs, paint));
    text.push_str(&picture::legend(paint));
    for (from, to, phase) in picture::phases(day) {
        let first = slots.partition_point(|(due, _)| *due < from);
        let end = slots.partition_point(|(due, _)| *due < to);
        if first == end {
            continue;
        }
        let hours = format!("{}-{}", when::clock(from, market), picture::end_clock(to, market));
        let _ = writeln!(text, "\n{} {}", paint.bold(phase.as_str()), paint.dim(hours));
        for (at, planned) in &slots[first..end] {
            text.push_str(&line(*at, planned, shown, columns));
        }
    }
    text
}

fn line(at: Timestamp, planned: &Planned, shown: &Shown<'_>, columns: Columns) -> String {
    let Shown { desk, skips, market, paint } = *shown;
    let task = desk.task(planned.task);
    let (firing, Columns { task: width, trigger }) = (firing(planned, desk), columns);
    let (mark, verdict) = match planned.verdict {
        Some(Verdict::Skip(reason)) => {
            let by = left_out(planned, desk, skips).map_or(String::new(), |by| format!(" {by}"));
            (paint.yellow("–"), format!("  {}", paint.yellow(format!("skip: {reason}{by}"))))
        }
        _ => (paint.green("✓"), String::new()),
    };
    let shifted =
        if planned.occurrence.is_some_and(|o| o.dst_shifted) { "  (its time does not exist that day)" } else { "" };
    let there = when::venue_clock(at, &firing.trigger, market).map_or(String::new(), |there| format!("  ({there})"));
    let moment = format!("{:<8}", when::clock(at, market));
    format!(
        "  {moment} {mark} {:width$}  {:<11} {:<10} {:<trigger$}{there}{verdict}{shifted}",
        task.name,
        task.lane.word(),
        priority_word(firing.priority),
        firing.trigger.to_string(),
    )
    .trim_end()
    .to_owned()
        + "\n"
}

fn summary(slots: &[(Timestamp, &Planned)], about: usize, paint: Paint) -> String {
    let mut reasons: BTreeMap<Reason, usize> = BTreeMap::new();
    for (_, planned) in slots {
        if let Some(Verdict::Skip(reason)) = planned.verdict {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let skipped: usize = reasons.values().sum();
    let mut by_count: Vec<(Reason, usize)> = reasons.into_iter().collect();
    by_count.sort_by_key(|(reason, n)| (std::cmp::Reverse(*n), *reason));
    let mut text = format!("{}: {} run", paint.bold(count(slots.len(), "slot")), slots.len() - skipped);
    if skipped > 0 {
        let words: Vec<String> = by_count.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        let _ = write!(text, ", {skipped} skipped ({})", words.join(", "));
    }
    if about > 0 {
        let _ = write!(text, "; {} without a clock", count(about, "task"));
    }
    text.push('\n');
    for (reason, _) in by_count {
        let _ = writeln!(text, "{}", paint.dim(format!("  {reason}: {}", view::reason_text(reason))));
    }
    text
}
