//! Preflight: may the desk trade today?
//!
//! Evidence is gathered once ([`Evidence::gather`]), a table of checks judges it ([`judge`]), and the verdict is PASS only when every blocking check holds. What nobody can tell
//! blocks; a warning never does; nothing passes by age. Entries ask for a PASS of today, under the configuration in force, by this very process (gate D3). [`run`] changes
//! nothing; [`Services::preflight`] also stores the report and books it in the audit chain. Start at [`run`].

mod evidence;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_trade::check::Ask;
use kobe_trade::ports::{Artifact, BooksError};
use serde::Serialize;
use serde_json::json;

pub use evidence::Evidence;
pub use table::CHECKS;

use crate::reconcile::Asker;
use crate::services::Services;

/// Name of the artifact, of the fact in the audit chain, and of what a BLOCK closes entries by.
pub const NAME: &str = "preflight";

/// What a check may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Where it does not hold, nothing is opened today.
    Blocking,
    /// It is told and stops nothing.
    Warning,
    /// A warning about what the desk has learned.
    Learning,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Ok,
    /// It does not hold.
    Failed,
    /// Nobody can tell, and the detail names what is missing.
    Unavailable,
}

/// One named check with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What it may do.
    pub class: Class,
    /// Whether it holds.
    pub ok: bool,
    /// How it came out.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do where it does not hold.
    pub remedy: &'static str,
}

/// Whether the day may trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every blocking check holds.
    Pass,
    /// One does not.
    Block,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "PASS",
            Verdict::Block => "BLOCK",
        })
    }
}

/// One preflight: every check and the verdict over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The day that it is about.
    pub date: Date,
    /// The configuration that it is about.
    pub config: String,
    /// The build that judged.
    pub build: String,
    /// PASS or BLOCK.
    pub verdict: Verdict,
    /// Every check, in the order of the table.
    pub checks: Vec<Check>,
}

impl Report {
    /// Tells whether the day may trade.
    pub fn passes(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// Returns the blocking checks that do not hold.
    pub fn blockers(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| c.class == Class::Blocking && !c.ok)
    }

    /// Returns the other checks that do not hold.
    pub fn warnings(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| c.class != Class::Blocking && !c.ok)
    }

    /// Says it in one line.
    pub fn words(&self) -> String {
        let held = self.checks.iter().filter(|c| c.ok).count();
        let told = self.warnings().count();
        match self.verdict {
            Verdict::Pass => format!("PASS: {held} of {} checks hold, {told} warnings", self.checks.len()),
            Verdict::Block => {
                let why: Vec<String> = self.blockers().map(|c| format!("{} ({})", c.name, c.detail)).collect();
                format!("BLOCK: {}", why.join("; "))
            }
        }
    }
}

/// Gathers the evidence and judges it; changes nothing.
pub fn run(desk: &Services, now: Timestamp, config: &str) -> Report {
    judge(&Evidence::gather(desk, now, config))
}

/// Judges evidence by the table of checks.
pub fn judge(evidence: &Evidence) -> Report {
    let checks: Vec<Check> = CHECKS.iter().map(|row| row.judge(evidence)).collect();
    let blocked = checks.iter().any(|c| c.class == Class::Blocking && !c.ok);
    Report {
        at: evidence.at,
        date: evidence.date,
        config: evidence.config.clone(),
        build: evidence.build.clone(),
        verdict: if blocked { Verdict::Block } else { Verdict::Pass },
        checks,
    }
}

impl Services {
    /// Runs the preflight, stores the report and books its verdict in the audit chain. A BLOCK closes entries until a later preflight passes.
    ///
    /// # Errors
    /// [`BooksError`] when report or fact cannot be stored: entries stay closed then, since no PASS of today is found.
    pub fn preflight(&self, now: Timestamp, config: &str, asker: Asker<'_>) -> Result<Report, BooksError> {
        let report = run(self, now, config);
        if report.passes() {
            self.unblock(NAME);
        } else {
            self.block(NAME, report.words());
        }
        self.note_preflight(&report)?;
        let mut body = json!(report);
        body["words"] = json!(report.words());
        self.books().put(Artifact {
            name: NAME.to_owned(),
            function: asker.function.to_owned(),
            task: asker.task.to_owned(),
            date: report.date,
            at: now,
            body,
        })?;
        Ok(report)
    }

    /// Books the verdict; the build stands in the report only, since two builds that decide alike leave the same facts.
    fn note_preflight(&self, report: &Report) -> Result<(), BooksError> {
        let names = |checks: Vec<&Check>| checks.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
        let detail = BTreeMap::from([
            ("verdict".to_owned(), report.verdict.to_string()),
            ("config".to_owned(), report.config.clone()),
            ("blocked_by".to_owned(), names(report.blockers().collect())),
            ("warnings".to_owned(), names(report.warnings().collect())),
        ]);
        self.note(report.at, NAME, detail)
    }

    /// Answers gate D3: has a preflight of today passed, under the configuration in force, since this desk was put together?
    pub(crate) fn preflight_stands(&self, now: Timestamp, config: &str) -> Ask<bool> {
        let unknown = |why: String| Ask::Unknown(why);
        let found = match self.latest(NAME) {
            Ok(Some(found)) => found,
            Ok(None) => return unknown("no preflight was ever run".into()),
            Err(e) => return unknown(e.to_string()),
        };
        let today = self.market().date_of(now);
        if found.date != today || found.at > now {
            return unknown(format!("the newest preflight is of {}, not of today", found.at));
        }
        if found.at < self.started() {
            return unknown(format!("the preflight of {} was made before the restart", found.at));
        }
        let under = found.body["config"].as_str().unwrap_or_default();
        if under != config || config != self.config() {
            return unknown("the newest preflight was made under another configuration than is in force".into());
        }
        Ask::Known(found.body["verdict"] == "PASS")
    }
}
