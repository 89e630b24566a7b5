//! `kobe functions`: every function of the desk.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kobe_desk::functions::{self, Function};
use kobe_plan::task::Work;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Side, count, table};
use crate::settings::Shell;
use crate::when;

/// Arguments of `kobe functions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe functions                  all of them, by group
  kobe functions scan_universe    one of them
  kobe functions --json | jq '[.[] | select(.state == \"real\")] | length'")]
pub struct Args {
    /// Only this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'static str,
    group: &'static str,
    lane: &'static str,
    trade: char,
    state: &'static str,
    reason: Option<String>,
    tasks: &'a [String],
    does: &'static str,
    right: &'static str,
    timeout_s: u32,
    stage: Option<u8>,
    after: &'static [&'static str],
    leaves: &'static str,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let loaded = shell.desk()?;
    let mut callers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for task in &loaded.desk.tasks {
        if let Work::Call(function) = &task.work {
            callers.entry(function).or_default().push(task.name.clone());
        }
    }
    let chosen: Vec<&'static Function> = match &args.name {
        None => functions::all().collect(),
        Some(name) => vec![functions::find(name).ok_or_else(|| unknown(name))?],
    };
    let none = Vec::new();
    let rows: Vec<Row<'_>> = chosen.iter().map(|f| row(f, callers.get(f.name).unwrap_or(&none))).collect();
    if shell.out.is_json() {
        shell.out.array(&rows)?;
    } else if args.name.is_some() {
        shell.out.text(&card(&rows[0], shell.out.paint()))?;
    } else {
        shell.out.text(&list(&rows, shell.out.paint()))?;
    }
    Ok(Exit::Fine)
}

fn unknown(name: &str) -> Failure {
    let near = functions::all()
        .map(|f| (strsim::damerau_levenshtein(name, f.name), f.name))
        .filter(|(d, _)| *d <= (name.len() / 3).max(1))
        .min();
    let hint = match near {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => "`kobe functions` lists them all".to_owned(),
    };
    Failure::usage(format!("the desk has no function `{name}`"), hint)
}

fn row<'a>(f: &'static Function, tasks: &'a [String]) -> Row<'a> {
    let (state, reason) = match f.is_built() {
        true => ("real", None),
        false => ("not_built", Some("registered and not built yet: its tasks are skipped(not_built)".to_owned())),
    };
    Row {
        name: f.name,
        group: f.group.word(),
        lane: f.lane.word(),
        trade: f.right.letter(),
        state,
        reason,
        tasks,
        does: f.does,
        right: f.right.word(),
        timeout_s: f.timeout_s,
        stage: f.stage,
        after: f.after,
        leaves: f.leaves,
    }
}

fn list(rows: &[Row<'_>], paint: Paint) -> String {
    let header = [
        ("FUNCTION", Side::Left),
        ("LANE", Side::Left),
        ("RIGHT", Side::Left),
        ("STATE", Side::Left),
        ("TASKS", Side::Right),
    ];
    let cells = |r: &Row<'_>| {
        vec![r.name.to_owned(), r.lane.to_owned(), r.right.to_owned(), r.state.to_owned(), r.tasks.len().to_string()]
    };
    // One table for all groups keeps the columns in line; the groups are put between its lines.
    let all = table(&header, rows.iter().map(cells).collect());
    let mut lines = all.lines();
    let mut text = format!("{}\n", paint.dim(lines.next().unwrap_or_default()));
    let mut group = "";
    for (row, line) in rows.iter().zip(lines) {
        if row.group != group {
            group = row.group;
            let _ = writeln!(text, "\n{}", paint.bold(group));
        }
        let line = if row.state == "real" { paint.green(line) } else { line.to_owned() };
        let _ = writeln!(text, "{line}");
    }
    let real = rows.iter().filter(|r| r.state == "real").count();
    let _ = writeln!(text, "\n{}: {real} real, {} not built", count(rows.len(), "function"), rows.len() - real);
    text
}

fn card(row: &Row<'_>, paint: Paint) -> String {
    let mut text = format!("{} · {}\n", paint.bold(row.name), row.does);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", paint.dim(format!("{name:<8}")));
    };
    line("group", row.group.into());
    line("lane", row.lane.into());
    line(
        "right",
        match row.right {
            "open" => "open: it may open positions".into(),
            "reduce" => "reduce: it may close or reduce positions".into(),
            _ => "none: it never sends an order".into(),
        },
    );
    line("state", row.reason.clone().map_or(row.state.into(), |reason| format!("{}: {reason}", row.state)));
    line("timeout", when::roughly(i64::from(row.timeout_s)));
    if let Some(stage) = row.stage {
        line("stage", stage.to_string());
    }
    if !row.after.is_empty() {
        line("after", row.after.join(", "));
    }
    line("leaves", row.leaves.into());
    line("tasks", if row.tasks.is_empty() { "none calls it".into() } else { row.tasks.join(", ") });
    text
}
