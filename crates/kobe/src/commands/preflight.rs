//! `kobe preflight`: may the desk trade today?

use std::fmt::Write as _;

use kobe_desk::preflight::{Class, Report, Status};
use kobe_store::{Reader, holder};
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::settings::Shell;
use crate::{in_force, when, wiring};

/// Arguments of `kobe preflight`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every check is named, with what was seen and what to do about it. A blocking check that does not hold, or \
that nobody can answer, blocks entries; a warning never does. Where no desk runs, the checks are asked now. \
Nothing is written then. A running desk asks them itself, at 09:00 and at every start on a session day; \
its last report is shown with its age, and one that is not of today, or of another configuration than runs, \
is no answer. `kobe task run final_preflight_check` has it ask again.

Examples:
  kobe preflight
  kobe preflight --json | jq '.checks[] | select(.ok | not)'

Exit code 0 when the desk may trade, 1 when it is blocked.")]
pub struct Args {}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let state = &shell.settings.state;
    let answer = match holder(state)? {
        Some(_) => asked_by_the_desk(shell)?,
        None => {
            let report = serde_json::to_value(ask(shell)?).map_err(|e| Failure::Broke { what: e.to_string() })?;
            Answer { report, asked: "asked now; nothing is stored".into(), age_s: 0, counts: true }
        }
    };
    let passes = answer.counts && answer.report["verdict"] == "PASS";
    if shell.out.is_json() {
        let mut told = answer.report;
        told["age_s"] = answer.age_s.into();
        told["counts"] = answer.counts.into();
        shell.out.object(&told)?;
    } else {
        shell.out.text(&page(&answer, shell.out.paint()))?;
    }
    Ok(if passes { Exit::Fine } else { Exit::No })
}

/// A report, and what it is worth.
struct Answer {
    report: Value,
    /// When it was asked, and by whom.
    asked: String,
    age_s: i64,
    /// It is of today, and of the configuration that runs.
    counts: bool,
}

/// Returns the last report of the running desk.
fn asked_by_the_desk(shell: &Shell) -> Result<Answer, Failure> {
    let (market, now) = (shell.market()?, shell.clock.now());
    let hint = "`kobe task run final_preflight_check` has the running desk ask now";
    let reader = Reader::open(&shell.settings.state)?;
    let found = reader.and_then(|r| r.artifact(kobe_desk::preflight::NAME).transpose()).transpose()?;
    let found = found.ok_or_else(|| Failure::no("the running desk has not asked yet", hint))?;
    let age_s = now.duration_since(found.at).as_secs().max(0);
    let asked = format!("asked by the desk {}, {} ago", when::day_and_clock(found.at, &market), when::roughly(age_s));
    let of_today = found.date == market.date_of(now);
    // Where it is not known what runs, the report says itself what it is of.
    let of_another = in_force::running(shell)?.is_some_and(|desk| found.body["config"] != *desk.hash);
    let asked = match (of_today, of_another) {
        (true, false) => asked,
        (false, _) => format!("{asked}: NOT OF TODAY, so it counts no more; {hint}"),
        (true, true) => format!("{asked}: under another configuration than runs, so it counts no more; {hint}"),
    };
    Ok(Answer { report: found.body, asked, age_s, counts: of_today && !of_another })
}

/// Asks now, for a desk that does not run; nothing is stored.
fn ask(shell: &Shell) -> Result<Report, Failure> {
    let (market, loaded, now) = (shell.market()?, shell.desk()?, shell.clock.now());
    let services = wiring::looked_at(shell, &loaded, &market)?;
    Ok(kobe_desk::preflight::run(&services, now, &loaded.desk.hash))
}

fn page(answer: &Answer, paint: Paint) -> String {
    let report = &answer.report;
    let mut text = String::new();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is = |value: &Value, other: Value| *value == other;
    for check in report["checks"].as_array().into_iter().flatten() {
        let ok = check["ok"] == true;
        let blocking = is(&check["class"], serde_json::json!(Class::Blocking));
        let unavailable = is(&check["status"], serde_json::json!(Status::Unavailable));
        let verdict = match (ok, blocking, unavailable) {
            (true, ..) => paint.green("ok      "),
            (false, true, _) => paint.red("BLOCKS  "),
            (false, false, true) => paint.dim("unknown "),
            (false, false, false) => paint.yellow("warning "),
        };
        let _ = writeln!(text, "{verdict}  {:<24} {}", word(&check["name"]), word(&check["detail"]));
        if !ok && blocking {
            let _ = writeln!(text, "{:36}{} {}", "", paint.cyan("hint:"), word(&check["remedy"]));
        }
    }
    let verdict = word(&report["verdict"]);
    let painted = if verdict == "PASS" && answer.counts { paint.green(&verdict) } else { paint.red(&verdict) };
    let _ = writeln!(text, "{painted} for {} under config {:.8}", word(&report["date"]), word(&report["config"]));
    let asked = if answer.counts { paint.dim(&answer.asked) } else { paint.yellow(&answer.asked) };
    let _ = writeln!(text, "{asked}");
    text
}
