//! Wishing: how a command asks something of the desk, running or not.
//!
//! Every wish is a row with who and why; the engine obeys within a second and answers in the row. Without a running desk the row waits, and is obeyed before anything starts.

use std::path::Path;
use std::time::{Duration, Instant};

use kobe_plan::Verb;
use kobe_store::{NewWish, Reader, WishError, add_wish, holder, wish_text};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kill;
use crate::settings::Shell;

/// How long a running desk may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often the database is asked for news; only when it changed it is read.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who wishes something, and why.
#[derive(Debug, clap::Args)]
pub struct Why {
    /// Why
    #[arg(long, value_name = "R")]
    pub reason: String,
    /// Who; the user at the keyboard by default
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
}

impl Why {
    /// Refuses a reason that says nothing.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn said(&self) -> Result<(), Failure> {
        said("--reason", &self.reason)
    }
}

/// Refuses a text that says nothing.
///
/// # Errors
/// [`Failure::Usage`] naming the flag.
pub fn said(flag: &str, text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{flag} says nothing"), "write it for whoever reads the audit later"));
    }
    Ok(())
}

/// Asks the desk for something, waits for the answer of a running one, and tells it.
///
/// # Errors
/// [`Failure::No`] when it was refused or nobody answered, [`Failure::Store`] when the row cannot be written.
pub fn ask(shell: &Shell, verb: Verb, name: &str, why: &Why) -> Result<Exit, Failure> {
    why.said()?;
    let (state, now) = (&shell.settings.state, shell.clock.now());
    let operator = kill::operator(why.operator.as_deref());
    let running = holder(state)?;
    let id = add_wish(state, &NewWish { verb, name, reason: &why.reason, operator: &operator }, now)?;
    let answer = match running {
        None => None,
        Some(_) => Some(wait_for_wish(state, id, PATIENCE)?.ok_or_else(|| {
            Failure::no(
                format!("the running desk did not answer within {} s", PATIENCE.as_secs()),
                "the wish stands and is obeyed as soon as the desk turns; `kobe status` shows whether it lives",
            )
        })?),
    };
    if let Some(refused) = answer.as_deref().and_then(|a| a.strip_prefix("refused: ")) {
        return Err(Failure::no(
            format!("the desk refused: {refused}"),
            "`kobe task show NAME` and `kobe status` show how it stands",
        ));
    }
    if shell.out.is_json() {
        shell.out.object(&json!({
            "wish": wish_text(id), "verb": verb, "name": name, "reason": why.reason, "operator": operator, "answer": answer,
        }))?;
    } else {
        let said = answer.unwrap_or_else(|| "written down: no desk runs; it is obeyed before anything starts".into());
        let of = if name.is_empty() { String::new() } else { format!(" {name}") };
        shell.out.text(&format!("{}{of}: {said}\n", verb.word().replace('_', " ")))?;
    }
    Ok(Exit::Fine)
}

/// Waits until a wish was answered, at most so long.
///
/// # Errors
/// [`Failure::Store`] when the rows cannot be read.
pub fn wait_for_wish(state: &Path, id: u128, at_most: Duration) -> Result<Option<String>, Failure> {
    let reader = Reader::open(state)?.ok_or_else(|| WishError::NoDatabase(state.to_owned()))?;
    let begun = Instant::now();
    loop {
        if let Some(note) = reader.wish(id)?.filter(|w| w.done_at.is_some()).and_then(|w| w.note) {
            return Ok(Some(note));
        }
        if begun.elapsed() >= at_most {
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
