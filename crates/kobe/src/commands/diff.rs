//! `kobe diff`: what changes when one desk takes the place of another.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::ToSpan;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_plan::diff::{self, Diff, Firing, Pair, Setting, Side, Single};
use kobe_plan::{Desk, Reason, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, count};
use crate::settings::Shell;
use crate::standing::standing;
use crate::{desk_files, when};

/// Days that one answer may compare.
const MOST_DAYS: i32 = 400;

/// Lines of one kind that are shown unless more is asked for.
const SHOWN: usize = 20;

/// Slots, or tasks, of one line.
const NAMES_SHOWN: usize = 4;

/// Characters of a value.
const VALUE_SHOWN: usize = 60;

/// Arguments of `kobe diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are directories of desk files, single files, or the word built-in. Fire times are compared day by \
day: what is due at the same instant is the same slot; a task with as many slots on a day as before has moved \
them; everything else is added or removed. A task is known by its name.

The answer is exit 0 whether the desks differ or not; with --exit-code it is 1 if they differ. Mistakes in \
the files are 1 in any case.

Examples:
  kobe diff built-in mine                                        this week
  kobe diff desk desk.new --from 2026-11-23 --to 2026-11-29      a week with a holiday in it
  kobe diff desk desk.new --exit-code -q && echo the same        for scripts
  kobe diff desk desk.new --json | jq '.moved[].task'")]
pub struct Args {
    /// The desk as it is
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The desk as it would be
    #[arg(value_name = "B")]
    after: PathBuf,
    /// The first day; today if nothing is said
    #[arg(long, value_name = "D")]
    from: Option<String>,
    /// The last day; six days after the first if nothing is said
    #[arg(long, value_name = "D")]
    to: Option<String>,
    /// End with 1 if the desks differ
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let (from, to) = dates(args, shell, &market)?;
    let (before, after) = (desk_files::at(&args.before)?.desk, desk_files::at(&args.after)?.desk);
    let (stands_before, stands_after) = (|ix| standing(&before, ix), |ix| standing(&after, ix));
    let found = diff::diff(
        Side { desk: &before, standing: &stands_before },
        Side { desk: &after, standing: &stands_after },
        &market,
        from,
        to,
    )?;
    if shell.out.is_json() {
        shell.out.object(&answer(&found, args, &before, &after, &market))?;
    } else {
        let page = Page { market: &market, paint: shell.out.paint(), all: shell.out.is_verbose() };
        shell.out.text(&page.write(&found, args, &before, &after))?;
    }
    Ok(if args.exit_code && !found.is_empty() { Exit::No } else { Exit::Fine })
}

fn dates(args: &Args, shell: &Shell, market: &Market) -> Result<(Date, Date), Failure> {
    let from = match &args.from {
        Some(from) => when::date(from, market)?,
        None => market.date_of(shell.now()),
    };
    let to = match &args.to {
        Some(to) => when::date(to, market)?,
        None => from.checked_add(6.days()).map_err(|e| Failure::Broke { what: e.to_string() })?,
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

/// A slot, as scripts see it.
#[derive(Debug, Serialize)]
struct Row {
    slot: String,
    at_utc: String,
    at_local: String,
    trigger: String,
    verdict: &'static str,
    reason: Option<Reason>,
}

fn row(firing: &Firing, market: &Market) -> Row {
    let (verdict, reason) = match firing.verdict {
        Verdict::Admit => ("admit", None),
        Verdict::Skip(reason) => ("skip", Some(reason)),
    };
    Row {
        slot: firing.slot.to_string(),
        at_utc: firing.due.to_string(),
        at_local: when::local(firing.due, market),
        trigger: firing.trigger.clone(),
        verdict,
        reason,
    }
}

/// Returns the trigger of a task without a clock.
fn clockless(desk: &Desk, task: &str) -> String {
    desk.find(task).map_or_else(String::new, |ix| desk.task(ix).firings[0].trigger.to_string())
}

fn answer(found: &Diff, args: &Args, before: &Desk, after: &Desk, market: &Market) -> serde_json::Value {
    let single = |single: &Single, desk: &Desk| {
        let mut value = json!(single.firing.as_ref().map(|firing| row(firing, market)));
        if single.firing.is_none() {
            let trigger = clockless(desk, &single.task);
            value = json!({
                "slot": null, "at_utc": null, "at_local": null, "trigger": trigger, "verdict": "about", "reason": null,
            });
        }
        value["task"] = json!(single.task);
        value
    };
    let pair = |pair: &Pair| {
        let (before, after) = (row(&pair.before, market), row(&pair.after, market));
        json!({ "task": pair.task, "before": before, "after": after })
    };
    let side = |place: &Path, desk: &Desk| json!({ "desk": place, "hash": desk.hash, "tasks": desk.tasks.len() });
    json!({
        "a": side(&args.before, before),
        "b": side(&args.after, after),
        "from": found.from,
        "to": found.to,
        "same": found.is_empty(),
        "summary": found.summary(),
        "tasks_added": found.new_tasks,
        "tasks_removed": found.gone_tasks,
        "added": found.added.iter().map(|one| single(one, after)).collect::<Vec<_>>(),
        "removed": found.removed.iter().map(|one| single(one, before)).collect::<Vec<_>>(),
        "moved": found.moved.iter().map(pair).collect::<Vec<_>>(),
        "verdicts": found.verdicts.iter().map(pair).collect::<Vec<_>>(),
        "changed": found.changed,
        "desk": found.desk,
    })
}

/// Days on which something happens; nothing stands for no time of the clock.
type Days = BTreeSet<Option<Date>>;

/// One thing that happens to a task on one day; without a day, at no time of the clock.
struct Event<'a> {
    task: &'a str,
    what: String,
    day: Option<Date>,
}

/// An answer for people.
struct Page<'a> {
    market: &'a Market,
    paint: Paint,
    all: bool,
}

impl Page<'_> {
    fn write(&self, found: &Diff, args: &Args, before: &Desk, after: &Desk) -> String {
        let mut text = String::new();
        for (name, place, desk) in [("from", &args.before, before), ("to", &args.after, after)] {
            let _ = writeln!(text, "{name:<5} {}, {}", place.display(), count(desk.tasks.len(), "task"));
        }
        let _ = writeln!(text, "days  {} to {}\n", self.day(found.from), self.day(found.to));
        let paint = self.paint;
        let event = |single: &'_ Single, desk: &Desk| -> (String, Option<Date>) {
            match &single.firing {
                Some(firing) => (
                    format!("{}{}", when::clock(firing.due, self.market), skipped(firing.verdict)),
                    Some(self.market.date_of(firing.due)),
                ),
                None => (format!("{}, without a clock", clockless(desk, &single.task)), None),
            }
        };
        let singles = |list: &'_ [Single], desk: &Desk| -> Vec<(String, String, Option<Date>)> {
            list.iter().map(|one| (one.task.clone(), event(one, desk))).map(|(task, (w, d))| (task, w, d)).collect()
        };
        let pairs = |list: &[Pair], what: &dyn Fn(&Pair) -> String| -> Vec<(String, String, Option<Date>)> {
            list.iter().map(|p| (p.task.clone(), what(p), Some(self.market.date_of(p.after.due)))).collect()
        };
        let sections = [
            (paint.yellow("moved"), pairs(&found.moved, &|p| self.moved(p))),
            (paint.green("added"), singles(&found.added, after)),
            (paint.red("removed"), singles(&found.removed, before)),
            (paint.yellow("another verdict"), pairs(&found.verdicts, &|p| self.turned(p))),
        ];
        for (title, rows) in &sections {
            let events: Vec<Event<'_>> =
                rows.iter().map(|(task, what, day)| Event { task, what: what.clone(), day: *day }).collect();
            self.section(&mut text, title, self.lines(&events));
        }
        for (title, names) in
            [(paint.green("new tasks"), &found.new_tasks), (paint.red("gone tasks"), &found.gone_tasks)]
        {
            let lines = names.iter().map(|name| [name.clone(), String::new(), String::new()]);
            self.section(&mut text, &title, lines.collect());
        }
        self.section(&mut text, &paint.cyan("settings"), self.settings(found));
        let desk = found.desk.iter().map(|setting| [setting.field.clone(), self.change(setting), String::new()]);
        self.section(&mut text, &paint.cyan("the desk itself"), desk.collect());
        if found.is_empty() {
            let _ = writeln!(text, "{}: {}", paint.green("the same"), found.summary());
        } else {
            let _ = writeln!(text, "{}", paint.bold(found.summary()));
        }
        text
    }

    fn day(&self, date: Date) -> String {
        date.strftime("%a %Y-%m-%d").to_string()
    }

    fn moved(&self, pair: &Pair) -> String {
        let (from, to) = (when::clock(pair.before.due, self.market), when::clock(pair.after.due, self.market));
        let verdict = if pair.before.verdict == pair.after.verdict {
            skipped(pair.after.verdict)
        } else {
            format!(", {} → {}", said(pair.before.verdict), said(pair.after.verdict))
        };
        format!("{from} → {to}{verdict}")
    }

    fn turned(&self, pair: &Pair) -> String {
        let at = when::clock(pair.after.due, self.market);
        format!("{at} {} → {}", said(pair.before.verdict), said(pair.after.verdict))
    }

    fn change(&self, setting: &Setting) -> String {
        let value = |value: &Option<String>| match value {
            None => "nothing".to_owned(),
            Some(text) if text.is_empty() => "empty".to_owned(),
            Some(text) if !self.all && text.chars().count() > VALUE_SHOWN => {
                format!("{} ...", text.chars().take(VALUE_SHOWN).collect::<String>())
            }
            Some(text) => text.clone(),
        };
        format!("{} → {}", value(&setting.before), value(&setting.after))
    }

    /// Brings the same change of several tasks into one line.
    fn settings(&self, found: &Diff) -> Vec<[String; 3]> {
        let mut lines: Vec<(&Setting, Vec<&str>)> = Vec::new();
        for changed in &found.changed {
            for setting in &changed.settings {
                match lines.iter_mut().find(|(known, _)| *known == setting) {
                    Some((_, tasks)) => tasks.push(&changed.task),
                    None => lines.push((setting, vec![&changed.task])),
                }
            }
        }
        let told = |(setting, tasks): (&Setting, Vec<&str>)| {
            let tasks = if tasks.len() == 1 {
                tasks[0].to_owned()
            } else {
                format!("{}: {}", count(tasks.len(), "task"), self.list(&tasks))
            };
            [setting.field.clone(), self.change(setting), tasks]
        };
        lines.into_iter().map(told).collect()
    }

    /// Lists the first few of many.
    fn list(&self, words: &[&str]) -> String {
        let shown = if self.all { words.len() } else { words.len().min(NAMES_SHOWN) };
        let mut text = words[..shown].join(", ");
        if shown < words.len() {
            let _ = write!(text, " and {} more", words.len() - shown);
        }
        text
    }

    /// Brings what happens to a task in the same way on several days, and several times on the same days, into one line.
    fn lines(&self, events: &[Event<'_>]) -> Vec<[String; 3]> {
        // Days on which each thing happens to each task, in the order in which they are first met.
        let mut things: Vec<(&str, &str, Days)> = Vec::new();
        let mut lines: Vec<(&str, Vec<&str>, Days)> = Vec::new();
        let mut place = std::collections::BTreeMap::new();
        for event in events {
            let at = *place.entry((event.task, event.what.as_str())).or_insert_with(|| {
                things.push((event.task, &event.what, BTreeSet::new()));
                things.len() - 1
            });
            things[at].2.insert(event.day);
        }
        let mut line_of = std::collections::BTreeMap::new();
        for (task, what, days) in things {
            let at = *line_of.entry((task, days.clone())).or_insert_with(|| {
                lines.push((task, Vec::new(), days));
                lines.len() - 1
            });
            lines[at].1.push(what);
        }
        let told = |(task, whats, days): (&str, Vec<&str>, Days)| {
            let days: Vec<Date> = days.into_iter().flatten().collect();
            let when = match days.as_slice() {
                [] => String::new(),
                [one] => self.day(*one),
                [first, .., last] => format!("{} days, {} to {}", days.len(), self.day(*first), self.day(*last)),
            };
            [task.to_owned(), self.list(&whats), when]
        };
        lines.into_iter().map(told).collect()
    }

    fn section(&self, text: &mut String, title: &str, lines: Vec<[String; 3]>) {
        if lines.is_empty() {
            return;
        }
        let _ = writeln!(text, "{title}");
        let shown = if self.all { lines.len() } else { lines.len().min(SHOWN) };
        let widest = |column: usize| lines[..shown].iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (widest(0), widest(1));
        for [a, b, c] in &lines[..shown] {
            let _ = writeln!(text, "{}", format!("  {a:first$}  {b:second$}  {c}").trim_end());
        }
        if shown < lines.len() {
            let rest = count(lines.len() - shown, "more line");
            let _ = writeln!(text, "  {}", self.paint.dim(format!("... {rest} (-v shows all)")));
        }
        text.push('\n');
    }
}

fn skipped(verdict: Verdict) -> String {
    match verdict {
        Verdict::Admit => String::new(),
        Verdict::Skip(reason) => format!(" (skip: {reason})"),
    }
}

fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::Admit => "run".to_owned(),
        Verdict::Skip(reason) => format!("skip: {reason}"),
    }
}
