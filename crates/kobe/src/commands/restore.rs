//! `kobe restore`: a backup becomes the state, with trading frozen.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kobe_calendar::Market;
use kobe_store::{Progress, Restored, Restoring, restore};
use serde_json::json;

use super::backup::{contents, say};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;
use crate::wishing::Why;
use crate::{kill, owner, wiring};

/// Arguments of `kobe restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every byte of the backup is verified first. The state that is there is kept beside it \
(STATE.before-restore-...), and the new one takes its name in one step: whatever happens, either the old or \
the new state is there. The kill switch of the restored state is pulled with no grace left: it may be older \
than what the broker has seen. Reconcile, then `kobe resume`. Restored by root, it belongs to whoever owned the \
state before, or owns the directory that it lies in.

Example:
  kobe restore /backup/kobe-2026-11-23 --reason \"disk replaced\"
  kobe run &
  kobe preflight
  kobe resume --cause \"disk died\" --fix \"restored, 0 mismatches\" --reason \"books tie\"")]
pub struct Args {
    /// The backup
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    why: Why,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    args.why.said()?;
    let (market, now) = (shell.market()?, shell.clock.now());
    let operator = kill::operator(args.why.operator.as_deref());
    let restored =
        put_back(&args.dir, &shell.settings.state, &market, now, (&operator, &args.why.reason), &mut |step| {
            say(shell, step);
        })?;
    // A state that root brought back must be one that the desk's own user can run.
    if let Some(like) = restored.before.as_deref().or(restored.state.parent()) {
        owner::give_like(&restored.state, like, now);
    }
    if shell.out.is_json() {
        shell.out.object(&json!({
            "state": restored.state,
            "before": restored.before,
            "kept": restored.kept,
            "frozen": restored.frozen,
            "manifest": restored.manifest,
        }))?;
        return Ok(Exit::Fine);
    }
    let paint = shell.out.paint();
    let mut text = format!("{} holds {}\n", restored.state.display(), contents(&restored.manifest));
    if let Some(before) = &restored.before {
        text.push_str(&format!("what was there is kept in {}\n", before.display()));
    }
    text.push_str(&format!("{}: {}\n", paint.red("nothing trades"), restored.frozen));
    shell.out.text(&text)?;
    Ok(Exit::Fine)
}

/// Restores a backup as a state; `said` is who does it and why.
///
/// # Errors
/// As [`restore`]; the state is as it was.
pub(super) fn put_back(
    dir: &Path,
    state: &Path,
    market: &Market,
    now: Timestamp,
    said: (&str, &str),
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Restored, Failure> {
    let (operator, reason) = said;
    let options = Restoring { opening: wiring::opening(market, now), operator, reason };
    Ok(restore(dir, state, &options, progress)?)
}
