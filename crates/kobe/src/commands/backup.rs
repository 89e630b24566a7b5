//! `kobe backup`: a consistent, proved copy of the state.

use std::path::{Path, PathBuf};

use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};
use kobe_store::{BackingUp, BackupError, Manifest, Progress, backup};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{bytes, count};
use crate::outside::Outside;
use crate::settings::Shell;
use crate::wiring::BUILD;

/// Arguments of `kobe backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The desk may run meanwhile: the database is copied as it stood at one instant. The copy is made under \
another name (DIR.partial), opened, read from end to end and counted, its hash chains are verified; only \
then it becomes DIR, with a manifest that holds the size and SHA-256 of every file. What programs printed \
is left out unless --output is said. A backup that cannot be made is told through the channels as well.

Examples:
  kobe backup /backup/kobe-$(date +%F)
  kobe backup /backup/kobe-$(date +%F) --json | jq .chain.count
  (cd /backup/kobe-2026-11-23 && sha256sum -c SHA256SUMS)")]
pub struct Args {
    /// The directory to make; one that is there is never written over
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Take what programs printed as well
    #[arg(long)]
    output: bool,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let options = BackingUp { now: shell.clock.now(), build: BUILD, output: args.output };
    let made = backup(&shell.settings.state, &args.dir, &options, &mut |step| say(shell, step));
    let manifest = made.inspect_err(|why| tell(shell, &args.dir, why))?;
    if shell.out.is_json() {
        shell.out.object(&manifest)?;
    } else {
        shell.out.text(&format!("{} holds {}\n", args.dir.display(), contents(&manifest)))?;
    }
    Ok(Exit::Fine)
}

/// Tells a person that a backup was not made: it runs at night, and nobody reads its exit code. A name that is taken is a mistake of whoever typed it.
fn tell(shell: &Shell, dir: &Path, why: &BackupError) {
    if matches!(why, BackupError::Exists(_) | BackupError::Inside { .. } | BackupError::NoDatabase(_)) {
        return;
    }
    let title = format!("the backup {} was not made", dir.display());
    let alert = Alert::new(AlertKind::BackupFailed, Severity::Error, "backup", shell.clock.now(), title);
    match Outside::open(shell) {
        Ok(outside) => drop(outside.tell(alert.with_detail(why.to_string()))),
        Err(failure) => shell.out.talk(&format!("nobody could be told: {failure}")),
    }
}

/// Says what a backup holds, in one line.
pub(super) fn contents(manifest: &Manifest) -> String {
    let runs = manifest.rows.get("runs").copied().unwrap_or(0);
    format!(
        "{} ({}): {}, {}; proved by opening it",
        count(manifest.files.len(), "file"),
        bytes(manifest.bytes()),
        count(runs as usize, "run"),
        count(manifest.chain.count as usize, "fact"),
    )
}

/// Says what a part of the work is; the store names it by what it works on.
fn words(part: &str) -> &str {
    match part {
        "database" => "copying runs and books",
        "files" => "copying the other files",
        "proof" => "reading it all, to see that it is whole",
        "check" => "looking whether it is what was saved",
        "place" => "putting it in its place",
        other => other,
    }
}

/// Says what is being done; parts always, pages and files only to those who want more.
pub(super) fn say(shell: &Shell, step: Progress<'_>) {
    match step {
        Progress::Part(part) => shell.out.talk(words(part)),
        Progress::Pages { done, all } if shell.out.is_verbose() => shell.out.talk(&format!("  {done} of {all} pages")),
        Progress::File { path, bytes: size } if shell.out.is_verbose() => {
            shell.out.talk(&format!("  {path} ({})", bytes(size)));
        }
        Progress::Pages { .. } | Progress::File { .. } => {}
    }
}
