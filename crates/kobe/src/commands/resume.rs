//! `kobe resume`: take the kill switch back.

use std::time::Duration;

use jiff::Timestamp;
use kobe_desk::kill::KillFile;
use kobe_store::{Reader, SqliteStore, add_wish, holder};

use super::halt::{refuse_lane, said, show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::{RESUME, Rearm, rearm};
use crate::settings::Shell;
use crate::{kill, wiring};

/// How long a running desk may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Arguments of `kobe resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing automatic ever does: it needs a person, the cause, what was done about it, and why now. All four \
are kept in the audit and in the books. For one hour afterwards only exits pass.

Example:
  kobe resume --cause \"broker replayed fills\" --fix \"reconciled by hand, 0 mismatches\" \\
              --reason \"books tie again\" --operator anna")]
pub struct Args {
    /// Resume one lane only (not built yet)
    #[arg(value_name = "LANE")]
    lane: Option<String>,
    /// What had happened
    #[arg(long, value_name = "C")]
    cause: String,
    /// What was done about it
    #[arg(long, value_name = "F")]
    fix: String,
    /// Why now
    #[arg(long, value_name = "R")]
    reason: String,
    /// Who; the user at the keyboard by default
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    refuse_lane(args.lane.as_deref())?;
    for (flag, text) in [("--cause", &args.cause), ("--fix", &args.fix), ("--reason", &args.reason)] {
        said(flag, text)?;
    }
    let (state, now) = (&shell.settings.state, shell.now());
    if !kill::standing(state, Reader::open(state)?.as_ref(), now)?.is_pulled() {
        shell.out.talk("the kill switch is not pulled: nothing to take back");
        return show(shell, now);
    }
    let word = Rearm {
        cause: args.cause.clone(),
        fix: args.fix.clone(),
        operator: kill::operator(args.operator.as_deref()),
        reason: args.reason.clone(),
        said_at: now,
    };
    match holder(state)? {
        Some(_) => ask(shell, &word, now)?,
        None => {
            let (market, loaded) = (shell.market()?, shell.desk()?);
            let store = SqliteStore::open(state, &wiring::opening(&market, now))?;
            // The hour after a re-arm is remembered in the books; making ready opens them if nobody ever did.
            drop(wiring::handler(shell, &loaded, &market, &store)?);
            let books = store.books()?;
            act(rearm(&books, &KillFile::in_state(state), now, market.date_of(now), &word))?;
        }
    }
    show(shell, shell.now())
}

fn act(done: Result<(), String>) -> Result<(), Failure> {
    done.map_err(|why| Failure::no(format!("the kill switch stays pulled: {why}"), "mend that, then try again"))
}

/// Asks the running desk: only it may write its books.
fn ask(shell: &Shell, word: &Rearm, now: Timestamp) -> Result<(), Failure> {
    let state = &shell.settings.state;
    let text = serde_json::to_string(word).expect("four texts are JSON");
    let id = add_wish(state, RESUME, &text, now)?;
    match super::task::wait_for_wish(state, id, PATIENCE)? {
        Some(note) if note == "done" => Ok(()),
        Some(note) => act(Err(note)),
        None => Err(Failure::no(
            "the running desk did not answer within 15 s",
            "the word is void by now; `kobe status` shows whether the desk lives, then say it again",
        )),
    }
}
