//! `kobe resume`: take the kill switch back.

use jiff::Timestamp;
use kobe_desk::kill::KillFile;
use kobe_plan::Verb;
use kobe_store::{NewWish, Reader, SqliteStore, add_wish, holder};

use super::halt::show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::{Rearm, rearm};
use crate::settings::Shell;
use crate::wishing::{self, PATIENCE, Why, said, wait_for_wish};
use crate::{kill, lookup, wiring};

/// Arguments of `kobe resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing automatic ever does: it needs a person, the cause, what was done about it, and why now. All four \
are kept in the audit and in the books. For one hour afterwards only exits pass.

Example:
  kobe resume --cause \"broker replayed fills\" --fix \"reconciled by hand, 0 mismatches\" \\
              --reason \"books tie again\" --operator anna")]
pub struct Args {
    /// Resume one lane only; it needs no cause and no fix
    #[arg(value_name = "LANE")]
    lane: Option<String>,
    /// What had happened
    #[arg(long, value_name = "C")]
    cause: Option<String>,
    /// What was done about it
    #[arg(long, value_name = "F")]
    fix: Option<String>,
    #[command(flatten)]
    why: Why,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    if let Some(lane) = args.lane.as_deref() {
        return wishing::ask(shell, Verb::ResumeLane, lookup::lane(lane)?.word(), &args.why);
    }
    let (Some(cause), Some(fix)) = (&args.cause, &args.fix) else {
        return Err(Failure::usage(
            "taking the kill switch back needs --cause and --fix",
            "say what had happened and what was done about it; `kobe resume LANE` needs only --reason",
        ));
    };
    for (flag, text) in [("--cause", cause), ("--fix", fix), ("--reason", &args.why.reason)] {
        said(flag, text)?;
    }
    let (state, now) = (&shell.settings.state, shell.now());
    if !kill::standing(state, Reader::open(state)?.as_ref(), now)?.is_pulled() {
        shell.out.talk("the kill switch is not pulled: nothing to take back");
        return show(shell, now);
    }
    let word = Rearm {
        cause: cause.clone(),
        fix: fix.clone(),
        operator: kill::operator(args.why.operator.as_deref()),
        reason: args.why.reason.clone(),
        said_at: now,
    };
    match holder(state)? {
        Some(_) => ask(shell, &word, now)?,
        None => {
            let (market, loaded) = (shell.market()?, shell.desk()?);
            let store = SqliteStore::open(state, &wiring::opening(&market, now))?;
            // The hour after a re-arm is remembered in the books; making ready opens them if nobody ever did.
            drop(wiring::handler(shell, &loaded, &market, &store)?);
            if let Some(why) = store.moved() {
                return Err(Failure::no(
                    format!("the kill switch stays pulled, for a second reason: {why}"),
                    "compare the books with the broker, then say it again",
                ));
            }
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
    let wish = NewWish { verb: Verb::Rearm, name: "", reason: &text, operator: &word.operator };
    let id = add_wish(state, &wish, now)?;
    match wait_for_wish(state, id, PATIENCE)? {
        Some(note) if note == "done" => Ok(()),
        Some(note) => act(Err(note)),
        None => Err(Failure::no(
            "the running desk did not answer within 15 s",
            "the word is void by now; `kobe status` shows whether the desk lives, then say it again",
        )),
    }
}
