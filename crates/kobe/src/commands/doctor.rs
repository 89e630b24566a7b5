//! `kobe doctor`: is this installation sound?
//!
//! It looks at what a desk stands on and changes nothing; it works beside a running desk, and where none ever ran.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use kobe_calendar::Market;
use kobe_engine::watch::is_stale;
use kobe_store::{Reader, check_database, holder};
use serde_json::{Value, json};

use super::verify::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{bytes, count};
use crate::settings::Shell;
use crate::signs;
use crate::{channels, wiring};

/// Below this much free disk a person should know.
const DISK: u64 = 5 << 30;
/// Fewer open files than this are too few for a desk with programs.
const FILES: u64 = 256;
/// The calendar must reach so far.
const AHEAD_DAYS: i64 = 30;

/// Arguments of `kobe doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
State directory, database, hash chains, lock, heartbeat, disk, limits, clock, calendar, desk files, \
channels for alerts: each is looked at and named, with what to do about it. Nothing is changed. A warning \
does not make the answer a no.

Examples:
  kobe doctor
  kobe doctor --json | jq '.checks[] | select(.ok | not)'

Exit code 0 when nothing is wrong, 1 when something is.")]
pub struct Args {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Well,
    Warning,
    Wrong,
}

struct Check {
    name: &'static str,
    grade: Grade,
    detail: String,
    /// What to do about it.
    hint: &'static str,
}

pub(super) fn perform(_: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let checks = look(shell, &market);
    let wrong = checks.iter().any(|c| c.grade == Grade::Wrong);
    if shell.out.is_json() {
        let rows: Vec<Value> = checks
            .iter()
            .map(|c| {
                let grade = match c.grade {
                    Grade::Well => "ok",
                    Grade::Warning => "warning",
                    Grade::Wrong => "wrong",
                };
                let hint = (c.grade != Grade::Well).then_some(c.hint);
                json!({ "name": c.name, "ok": c.grade == Grade::Well, "grade": grade, "detail": c.detail, "hint": hint })
            })
            .collect();
        shell.out.object(&json!({ "verdict": if wrong { "wrong" } else { "sound" }, "checks": rows }))?;
    } else {
        let paint = shell.out.paint();
        let mut text = String::new();
        for c in &checks {
            let word = match c.grade {
                Grade::Well => paint.green("ok     "),
                Grade::Warning => paint.yellow("warning"),
                Grade::Wrong => paint.red("WRONG  "),
            };
            text.push_str(&format!("{word}  {:<12} {}\n", c.name, c.detail));
            if c.grade != Grade::Well {
                text.push_str(&format!("{:24}{} {}\n", "", paint.cyan("hint:"), c.hint));
            }
        }
        shell.out.text(&text)?;
    }
    Ok(if wrong { Exit::No } else { Exit::Fine })
}

fn look(shell: &Shell, market: &Market) -> Vec<Check> {
    let state = &shell.settings.state;
    let mut checks = vec![directory(state), database(state), lock(state), heartbeat(shell), disk(state)];
    checks.extend([limits(), clock(), calendar(shell, market), desk(shell), alerts(shell)]);
    checks
}

fn check(name: &'static str, found: Result<String, (Grade, String)>, hint: &'static str) -> Check {
    match found {
        Ok(detail) => Check { name, grade: Grade::Well, detail, hint },
        Err((grade, detail)) => Check { name, grade, detail, hint },
    }
}

fn directory(state: &Path) -> Check {
    let found = match fs::metadata(state) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err((Grade::Warning, format!("{} is not there yet", state.display())))
        }
        Err(e) => Err((Grade::Wrong, format!("{}: {e}", state.display()))),
        Ok(meta) if !meta.is_dir() => Err((Grade::Wrong, format!("{} is no directory", state.display()))),
        Ok(meta) if meta.mode() & 0o077 != 0 => {
            let mode = meta.mode() & 0o777;
            Err((Grade::Warning, format!("{} can be read by others (mode {mode:o})", state.display())))
        }
        Ok(_) => writable(state),
    };
    check(
        "state",
        found,
        "`kobe run` makes it; `chmod 700` keeps it private; it must be writable by whoever runs the desk",
    )
}

fn writable(state: &Path) -> Result<String, (Grade, String)> {
    match rustix::fs::access(state, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Ok(state.display().to_string()),
        Err(e) => Err((Grade::Wrong, format!("{} cannot be written: {e}", state.display()))),
    }
}

fn database(state: &Path) -> Check {
    let look = || -> Result<Result<String, (Grade, String)>, Failure> {
        let Some(reader) = Reader::open(state)? else {
            return Ok(Err((Grade::Warning, "there is none yet".into())));
        };
        let checked = check_database(&reader)?;
        let verified = verify(&reader)?;
        if let Some((place, what)) = verified.findings.first() {
            return Ok(Err((Grade::Wrong, format!("{place}: {what}"))));
        }
        let rows: u64 = checked.rows.values().sum();
        let size = fs::metadata(state.join("kobe.db")).map_or(0, |m| m.len());
        let facts = count(verified.facts as usize, "fact");
        Ok(Ok(format!(
            "schema {}, {}, {}, {facts}; whole, chains hold",
            checked.schema,
            count(rows as usize, "row"),
            bytes(size)
        )))
    };
    let found = look().unwrap_or_else(|e| Err((Grade::Wrong, e.to_string())));
    check(
        "database",
        found,
        "nothing was changed; `kobe restore` brings a backup back, `kobe run` begins one where there is none",
    )
}

fn lock(state: &Path) -> Check {
    let found = match holder(state) {
        Ok(Some(holder)) => Ok(format!("held by {holder}")),
        Ok(None) => Ok("free: no desk runs".into()),
        Err(e) => Err((Grade::Wrong, format!("{e}: whether a desk runs cannot be told"))),
    };
    check("lock", found, "look at owner and rights of the state and of kobe.lock in it; run it as the user of the desk")
}

fn heartbeat(shell: &Shell) -> Check {
    let state = &shell.settings.state;
    let runs = match holder(state) {
        Ok(holder) => holder.is_some(),
        // Who may not look must not be told that there is nothing.
        Err(_) => {
            return check("heartbeat", unseen(state), "run it as the user of the desk: `sudo -u kobe kobe doctor`");
        }
    };
    let found = match (runs, signs::heartbeat(state)) {
        (false, _) => Ok("no desk runs".into()),
        (true, None) => Err((Grade::Warning, "there is none that can be read".into())),
        (true, Some(at)) => {
            let now = shell.clock.now();
            let words = format!("{} s old", now.duration_since(at).as_secs());
            if is_stale(at, now) { Err((Grade::Wrong, words)) } else { Ok(words) }
        }
    };
    check("heartbeat", found, "the desk stands still: look at its log, restart it; what was acknowledged is not lost")
}

fn unseen(state: &Path) -> Result<String, (Grade, String)> {
    Err((Grade::Wrong, format!("{} may not be read by this user: whether a desk runs cannot be told", state.display())))
}

fn disk(state: &Path) -> Check {
    let there = state.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let found = match rustix::fs::statvfs(there) {
        Ok(found) => {
            let free = found.f_bavail * found.f_frsize;
            if free < DISK {
                Err((Grade::Warning, format!("{} free", bytes(free))))
            } else {
                Ok(format!("{} free", bytes(free)))
            }
        }
        Err(e) => Err((Grade::Warning, format!("{}: {e}", there.display()))),
    };
    check("disk", found, "make room, or put the state on a larger disk; below 5 GiB the preflight blocks entries")
}

fn limits() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let found = match limit.current {
        Some(n) if n < FILES => Err((Grade::Warning, format!("{n} open files"))),
        Some(n) => Ok(format!("{n} open files")),
        None => Ok("no limit on open files".into()),
    };
    check("limits", found, "`ulimit -n 1024`, or LimitNOFILE= in the service: each running program takes a few")
}

fn clock() -> Check {
    check("clock", Ok(wiring::clock_reference()), "run chrony or systemd-timesyncd: slots follow this machine's clock")
}

fn calendar(shell: &Shell, market: &Market) -> Check {
    let now = shell.clock.now();
    let ahead = now + jiff::SignedDuration::from_hours(24 * AHEAD_DAYS);
    let found = match market.segment_at(ahead) {
        Ok(_) => {
            Ok(format!("{}, time zones {}, covers the next {AHEAD_DAYS} days", market.version(), market.tzdb_version()))
        }
        Err(e) => Err((Grade::Wrong, e.to_string())),
    };
    check("calendar", found, "install a newer Kobe: past its calendar nothing that may trade starts")
}

fn desk(shell: &Shell) -> Check {
    let found = match shell.desk() {
        Ok(loaded) => {
            let place = loaded.root.as_ref().map_or("built in".into(), |root| root.display().to_string());
            Ok(format!(
                "{place}, {}, config {}",
                count(loaded.desk.tasks.len(), "task"),
                wiring::short_hash(&loaded.desk)
            ))
        }
        Err(Failure::Desk(problems)) => Err((Grade::Wrong, count(problems.len(), "mistake"))),
        Err(e) => Err((Grade::Wrong, e.to_string())),
    };
    check("desk", found, "`kobe check` shows every mistake with its line")
}

fn alerts(shell: &Shell) -> Check {
    let found = match channels::settings(shell) {
        Ok(settings) if settings.names().is_empty() => {
            Err((Grade::Warning, "to the log only: no channel is set".into()))
        }
        Ok(settings) => Ok(format!("through {}", settings.names().join(", "))),
        Err(e) => Err((Grade::Wrong, e.to_string())),
    };
    check("alerts", found, "docs/operate/alerts.md shows how a channel is set; `kobe alert test` tries them")
}
