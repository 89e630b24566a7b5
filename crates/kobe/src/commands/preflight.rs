//! `kobe preflight`: may the desk trade today?

use std::fmt::Write as _;
use std::sync::Arc;

use kobe_desk::preflight::{Class, Report, Status};
use kobe_store::{Reader, SqliteStore, holder};
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::settings::Shell;
use crate::{when, wiring};

/// Arguments of `kobe preflight`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every check is named, with what was seen and what to do about it. A blocking check that does not hold, or \
that nobody can answer, blocks entries; a warning never does. Where no desk runs, the checks are asked now. \
A running desk asks them itself, at 09:00 and at every start on a session day, and its last report is \
shown; `kobe task run final_preflight_check` has it ask again.

Examples:
  kobe preflight
  kobe preflight --json | jq '.checks[] | select(.ok | not)'

Exit code 0 when the desk may trade, 1 when it is blocked.")]
pub struct Args {}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let state = &shell.settings.state;
    let report = match holder(state)? {
        Some(_) => asked_by_the_desk(shell)?,
        None => serde_json::to_value(ask(shell)?).map_err(|e| Failure::Broke { what: e.to_string() })?,
    };
    let passes = report["verdict"] == "PASS";
    if shell.out.is_json() {
        shell.out.object(&report)?;
    } else {
        shell.out.text(&page(&report, shell.out.paint()))?;
    }
    Ok(if passes { Exit::Fine } else { Exit::No })
}

/// Returns the last report of the running desk; one of another day or configuration is none.
fn asked_by_the_desk(shell: &Shell) -> Result<Value, Failure> {
    let (market, now) = (shell.market()?, shell.clock.now());
    let hint = "`kobe task run final_preflight_check` has the running desk ask now";
    let reader = Reader::open(&shell.settings.state)?;
    let found = reader.and_then(|r| r.artifact(kobe_desk::preflight::NAME).transpose()).transpose()?;
    let found = found.ok_or_else(|| Failure::no("the running desk has not asked yet", hint))?;
    if found.date != market.date_of(now) {
        let at = when::day_and_clock(found.at, &market);
        return Err(Failure::no(format!("the last preflight is of {at}, and none is of today"), hint));
    }
    Ok(found.body)
}

/// Asks now, for a desk that does not run; nothing is stored.
fn ask(shell: &Shell) -> Result<Report, Failure> {
    let (market, loaded, now) = (shell.market()?, shell.desk()?, shell.clock.now());
    let store = SqliteStore::open(&shell.settings.state, &wiring::opening(&market, now))?;
    let books = Arc::new(store.books()?);
    let services = wiring::services(shell, &loaded, &market, &books)?;
    Ok(kobe_desk::preflight::run(&services, now, &loaded.desk.hash))
}

fn page(report: &Value, paint: Paint) -> String {
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
    let painted = if verdict == "PASS" { paint.green(&verdict) } else { paint.red(&verdict) };
    let _ = writeln!(text, "{painted} for {} under config {:.8}", word(&report["date"]), word(&report["config"]));
    text
}
