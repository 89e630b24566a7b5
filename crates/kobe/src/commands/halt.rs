//! `kobe halt`: pull the kill switch.

use kobe_desk::kill::KillFile;
use kobe_store::Reader;
use kobe_trade::kill::{KillRecord, KillState};
use kobe_trade::ports::KillSwitch;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;
use crate::{kill, lookup};

/// Arguments of `kobe halt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No entry leaves any more, at once; exits pass for one more minute, counted from the first activation, \
then nothing does. Protective stops that stand at the broker stay. Scheduler, data, research and reports \
go on. The switch survives a restart; only `kobe resume` takes it back.

Examples:
  kobe halt --reason \"fills look strange\"
  kobe status --json | jq .kill_switch")]
pub struct Args {
    /// Halt one lane only (not built yet)
    #[arg(value_name = "LANE")]
    lane: Option<String>,
    /// Why
    #[arg(long, value_name = "R")]
    reason: String,
    /// Who; the user at the keyboard by default
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    refuse_lane(args.lane.as_deref())?;
    said("--reason", &args.reason)?;
    let (state, now) = (&shell.settings.state, shell.now());
    let operator = kill::operator(args.operator.as_deref());
    kobe_store::state_directory(state)?;
    let switch = KillFile::in_state(state);
    let before = switch.read(now);
    if before == KillState::Clear {
        // Said by a person: such a record has no trigger.
        let record = KillRecord {
            reason: args.reason.clone(),
            trigger: None,
            activated_at: Some(now),
            activated_by: operator.clone(),
            context: Default::default(),
        };
        switch.trip(&record).map_err(|what| Failure::Broke { what })?;
    }
    // The audit comes second: an order must not wait for it.
    kill::audit(state, now, "activate", &args.reason, &operator, &[])?;
    if before != KillState::Clear {
        shell.out.talk("the switch was pulled already; the first activation counts, this one is in the audit");
    }
    show(shell, now)
}

pub(super) fn show(shell: &Shell, now: jiff::Timestamp) -> Result<Exit, Failure> {
    let reader = Reader::open(&shell.settings.state)?;
    let standing = kill::standing(&shell.settings.state, reader.as_ref(), now)?;
    if shell.out.is_json() {
        shell.out.object(&standing.json())?;
        return Ok(Exit::Fine);
    }
    let words = standing.words(&*shell.market()?, shell.out.paint());
    shell.out.text(&format!("kill switch {words}\n"))?;
    Ok(Exit::Fine)
}

pub(super) fn refuse_lane(lane: Option<&str>) -> Result<(), Failure> {
    let Some(lane) = lane else { return Ok(()) };
    let lane = lookup::lane(lane)?;
    Err(Failure::usage(
        format!("halting the {lane} lane alone is not built yet"),
        "without a lane the kill switch stops every order of every lane",
    ))
}

pub(super) fn said(flag: &str, text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{flag} says nothing"), "write it for whoever reads the audit later"));
    }
    Ok(())
}
