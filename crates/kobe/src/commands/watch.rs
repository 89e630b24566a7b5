//! `kobe watch`: the dead-man outside: is the desk well, as seen by another process or another host?
//!
//! Rule: it shares nothing with the desk that it looks at but the files and the address; a desk that was stopped with SIGSTOP, that hangs, or that is gone is told all the
//! same. What was told is kept in a small file, so that a look a minute from cron is one message and not sixty.

use std::collections::BTreeSet;
use std::fs;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kobe_engine::watch::is_stale;
use kobe_plan::alert::Severity;
use kobe_plan::trigger::parse_duration;
use kobe_plan::{Alert, AlertKind};
use kobe_store::holder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::outside::Outside;
use crate::settings::Shell;
use crate::{channels, signs};

/// What is still wrong is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// The check that asks the address.
const HEALTH: &str = "health";

/// What was told, in the state directory.
const MEMORY: &str = "watch.json";

/// Arguments of `kobe watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run it from cron, or on a second host, or beside the desk with --every. It asks whether a process holds \
the state, how old the heartbeat is, and what /health says; a desk that does not answer within 5 s is \
silent. What it finds goes out through the channels of --channels at once, and again after an hour; that it \
is over is told too.

Examples:
  * * * * *  kobe watch --state /var/lib/kobe           a line for crontab
  kobe watch --every 10s                                until it is told to stop
  kobe watch --url http://10.0.0.7:8081 --remote        from another host, without its files

Exit code 0 when the desk is well, 1 when it is not, 2 when --url is no address, or has a name that \
cannot be found and never answered.")]
pub struct Args {
    /// Where the desk serves /health
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    url: String,
    /// Look again and again, so far apart
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// The state lies on another host: ask the address only
    #[arg(long)]
    remote: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// What was told and is not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    #[serde(default)]
    told_at: Option<Timestamp>,
    /// The checks that were told.
    #[serde(default)]
    told: BTreeSet<String>,
    /// The address that has answered before: that its name cannot be found is no slip of the pen.
    #[serde(default)]
    answered: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let every = args.every.as_deref().map(pause).transpose()?;
    can_be_asked(&args.url, &shell.settings.state.join(MEMORY))?;
    let outside = Outside::open(shell)?;
    let Some(every) = every else {
        let checks = look(args, shell);
        tell(&checks, args, shell, &outside);
        show(&checks, shell)?;
        return Ok(if checks.iter().all(|c| c.ok) { Exit::Fine } else { Exit::No });
    };
    let broke = |e: std::io::Error| Failure::Broke { what: format!("signals cannot be heard: {e}") };
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(broke)?;
    let (stop, told) = channel();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().next().map(|_| stop.send(())))
        .map_err(broke)?;
    loop {
        let checks = look(args, shell);
        tell(&checks, args, shell, &outside);
        if shell.out.is_json() || shell.out.is_verbose() || checks.iter().any(|c| !c.ok) {
            show(&checks, shell)?;
        }
        if told.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
            return Ok(if checks.iter().all(|c| c.ok) { Exit::Fine } else { Exit::No });
        }
    }
}

fn pause(text: &str) -> Result<Duration, Failure> {
    parse_duration(text).and_then(|d| Duration::try_from(d).ok()).filter(|d| *d >= Duration::from_secs(1)).ok_or_else(
        || Failure::usage(format!("`{text}` is no pause"), "write a length of one second or more, like `10s` or `1m`"),
    )
}

/// Refuses an address that cannot be one: whoever typed it is told, and not a person whom the desk would need.
fn can_be_asked(url: &str, memory: &Path) -> Result<(), Failure> {
    let host = channels::host_of(url)
        .map_err(|why| Failure::usage(format!("--url `{url}`: {why}"), "write it like http://127.0.0.1:8081"))?;
    if remembered(memory).answered.as_deref() == Some(url) {
        return Ok(());
    }
    // Any port: only the name is asked about.
    match (host.as_str(), 0).to_socket_addrs() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage(
            format!("--url `{url}`: the name {host} cannot be found: {error}"),
            "mend the name, or write the number of the machine; once it has answered, this is told as an alert",
        )),
    }
}

fn look(args: &Args, shell: &Shell) -> Vec<Check> {
    let (state, now) = (&shell.settings.state, shell.clock.now());
    let mut checks = Vec::new();
    if !args.remote {
        checks.push(process(state));
        checks.push(heartbeat(state, now));
    }
    checks.push(answer(&args.url));
    checks
}

fn process(state: &Path) -> Check {
    let (ok, detail) = match holder(state) {
        Ok(Some(holder)) => (true, holder.to_string()),
        Ok(None) => (false, format!("no desk runs on {}", state.display())),
        Err(error) => (false, error.to_string()),
    };
    Check { name: "process", ok, detail }
}

fn heartbeat(state: &Path, now: Timestamp) -> Check {
    let (ok, detail) = match signs::heartbeat(state) {
        Some(at) => {
            let age = now.duration_since(at).as_secs();
            let words = match (is_stale(at, now), age < 0) {
                (true, true) => {
                    format!("{} s ahead of the clock here, which was set back: how old it is cannot be told", -age)
                }
                _ => format!("{age} s old"),
            };
            (!is_stale(at, now), words)
        }
        None => (false, "there is none that can be read".into()),
    };
    Check { name: "heartbeat", ok, detail }
}

fn answer(url: &str) -> Check {
    let (ok, detail) = match channels::get(&format!("{}/health", url.trim_end_matches('/'))) {
        Ok((status, body)) => {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let word = body["status"].as_str().unwrap_or("unreadable").to_owned();
            let wrong: Vec<String> = body["checks"]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, check)| check["ok"] == false)
                .map(|(name, check)| format!("{name}: {}", check["detail"].as_str().unwrap_or_default()))
                .collect();
            let more = if wrong.is_empty() { String::new() } else { format!(" ({})", wrong.join("; ")) };
            // Degraded is a state that somebody may want: a pulled switch, a desk that drains.
            (status == 200 && word != "unreadable", format!("{word}{more}"))
        }
        Err(why) => (false, format!("{url} does not answer: {why}")),
    };
    Check { name: HEALTH, ok, detail }
}

/// Tells what is wrong once, again after an hour, and that it is over.
fn tell(checks: &[Check], args: &Args, shell: &Shell, outside: &Outside) {
    let (path, now) = (shell.settings.state.join(MEMORY), shell.clock.now());
    let before = remembered(&path);
    let answers = checks.iter().any(|c| c.name == HEALTH && c.ok);
    let answered = if answers { Some(args.url.clone()) } else { before.answered.clone() };
    let wrong: Vec<String> = checks.iter().filter(|c| !c.ok).map(|c| format!("{}: {}", c.name, c.detail)).collect();
    let alert = |severity, title: &str| {
        Alert::new(AlertKind::DeskSilent, severity, "desk", now, title).with_detail(wrong.join("\n"))
    };
    let failed: BTreeSet<String> = checks.iter().filter(|c| !c.ok).map(|c| c.name.to_owned()).collect();
    let is_news = !failed.is_subset(&before.told);
    // A stamp from the future is of a clock that was wrong: it must not keep this one silent.
    let told_at = before.told_at.map(|at| at.min(now));
    let after = match (wrong.is_empty(), told_at) {
        (true, None) if before.answered == answered => return,
        (true, None) => Memory { answered, ..before },
        (true, Some(_)) => {
            let well = alert(Severity::Info, "the desk is well again, as seen from outside").recovered();
            if !outside.tell(well) {
                return;
            }
            Memory { answered, ..Memory::default() }
        }
        (false, Some(told)) if !is_news && now.duration_since(told) < AGAIN => return,
        (false, _) => {
            let wrong = alert(Severity::Critical, "the desk is not well, as seen from outside");
            // What no channel has is told again with the next look.
            if !outside.tell(wrong) {
                return;
            }
            Memory { told_at: Some(now), told: failed, answered }
        }
    };
    if let Err(error) = remember(&path, &after) {
        shell.out.talk(&format!("what was told cannot be kept in {}: {error}; it may be told again", path.display()));
    }
}

fn remembered(path: &Path) -> Memory {
    // A file that cannot be read is no reason to be silent.
    fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn remember(path: &PathBuf, memory: &Memory) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, serde_json::to_vec(memory)?)
}

fn show(checks: &[Check], shell: &Shell) -> Result<(), Failure> {
    if shell.out.is_json() {
        let rows: Vec<Value> =
            checks.iter().map(|c| json!({ "name": c.name, "ok": c.ok, "detail": c.detail })).collect();
        return shell
            .out
            .event(&json!({ "at": shell.now().to_string(), "ok": checks.iter().all(|c| c.ok), "checks": rows }));
    }
    let paint = shell.out.paint();
    let mut text = String::new();
    for check in checks {
        let word = if check.ok { paint.green("ok   ") } else { paint.red("WRONG") };
        text.push_str(&format!("{word}  {:<10} {}\n", check.name, check.detail));
    }
    shell.out.text(&text)
}
