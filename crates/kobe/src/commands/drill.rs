//! `kobe drill`: practise what must work on the day it is needed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Subcommand;
use kobe_store::{BackingUp, Reader, backup, check_database};
use serde_json::{Value, json};

use super::restore::put_back;
use super::verify::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::count;
use crate::settings::Shell;
use crate::wiring::BUILD;
use crate::{kill, scratch};

/// Arguments of `kobe drill`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A restore that was never tried is a hope. The drill makes a backup of the state (or takes --from), restores \
it to a scratch directory, reads the restored database from end to end, verifies its hash chains and every \
decision packet, sees that it cannot trade, and tells how long each step took. The state itself is only \
read; the scratch directory is removed.

Examples:
  kobe drill restore
  kobe drill restore --from /backup/kobe-2026-11-22 --json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Restore a backup to a scratch state, and prove it
    Restore {
        /// An existing backup instead of a new one
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Where the scratch state is made
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
    },
}

/// One step of the drill.
struct Step {
    name: &'static str,
    took: Duration,
    ok: bool,
    detail: String,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let What::Restore { from, scratch } = &args.what;
    let place = scratch::make(scratch.as_deref())?;
    let steps = practise(from.as_deref(), &place, shell);
    let removed = scratch::remove(&place);
    let steps = steps?;
    removed?;
    let well = steps.iter().all(|s| s.ok);
    if shell.out.is_json() {
        let rows: Vec<Value> = steps
            .iter()
            .map(|s| json!({ "name": s.name, "ok": s.ok, "seconds": s.took.as_secs_f64(), "detail": s.detail }))
            .collect();
        let all: f64 = steps.iter().map(|s| s.took.as_secs_f64()).sum();
        shell.out.object(&json!({ "ok": well, "seconds": all, "steps": rows }))?;
    } else {
        let paint = shell.out.paint();
        let mut text = String::new();
        for step in &steps {
            let word = if step.ok { paint.green("ok   ") } else { paint.red("WRONG") };
            text.push_str(&format!("{word}  {:<9} {:>7.2} s  {}\n", step.name, step.took.as_secs_f64(), step.detail));
        }
        let all: f64 = steps.iter().map(|s| s.took.as_secs_f64()).sum();
        text.push_str(&format!("a restore takes {all:.1} s here\n"));
        shell.out.text(&text)?;
    }
    Ok(if well { Exit::Fine } else { Exit::No })
}

fn practise(from: Option<&Path>, place: &Path, shell: &Shell) -> Result<Vec<Step>, Failure> {
    let (market, now, state) = (shell.market()?, shell.clock.now(), place.join("state"));
    let mut steps = Vec::new();
    let copy = match from {
        Some(dir) => dir.to_owned(),
        None => {
            let dir = place.join("backup");
            let options = BackingUp { now, build: BUILD, output: false };
            let begun = Instant::now();
            let manifest = backup(&shell.settings.state, &dir, &options, &mut |_| {})?;
            steps.push(done("backup", begun, super::backup::contents(&manifest)));
            dir
        }
    };
    let begun = Instant::now();
    let restored = put_back(&copy, &state, &market, now, ("drill", "a drill"), &mut |_| {})?;
    steps.push(done("restore", begun, format!("of {}", restored.manifest.created_at)));
    let begun = Instant::now();
    let reader =
        Reader::open(&state)?.ok_or_else(|| Failure::Broke { what: "the restored state holds no database".into() })?;
    let checked = check_database(&reader)?;
    let rows: u64 = checked.rows.values().sum();
    let newest = checked.newest.map_or(String::new(), |at| format!(", up to {at}"));
    steps.push(done("integrity", begun, format!("every page read, {}{newest}", count(rows as usize, "row"))));
    let begun = Instant::now();
    let verified = verify(&reader)?;
    let found: Vec<String> = verified.findings.iter().map(|(place, what)| format!("{place}: {what}")).collect();
    let detail = if found.is_empty() {
        format!("{}, {} verified", count(verified.facts as usize, "fact"), count(verified.packets, "packet"))
    } else {
        found.join("; ")
    };
    steps.push(Step { ok: found.is_empty(), ..done("chains", begun, detail) });
    let begun = Instant::now();
    let switch = kill::standing(&state, Some(&reader), now)?;
    let frozen = !switch.entry.passes() && !switch.exit.passes();
    let detail = if frozen { "no order passes until `kobe resume`" } else { "AN ORDER WOULD PASS" };
    steps.push(Step { ok: frozen, ..done("frozen", begun, detail.into()) });
    Ok(steps)
}

fn done(name: &'static str, begun: Instant, detail: String) -> Step {
    Step { name, took: begun.elapsed(), ok: true, detail }
}
