//! `kobe halt`: pull the kill switch.

use kobe_desk::kill::KillFile;
use kobe_engine::StoreError;
use kobe_plan::Verb;
use kobe_store::Reader;
use kobe_trade::kill::{KillRecord, KillState};
use kobe_trade::ports::KillSwitch;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;
use crate::wishing::{self, Why};
use crate::{kill, lookup};

/// Arguments of `kobe halt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No entry leaves any more, at once; exits pass for one more minute, counted from the first activation, \
then nothing does. Protective stops that stand at the broker stay. Scheduler, data, research and reports \
go on. The switch survives a restart; only `kobe resume` takes it back.

Examples:
  kobe halt --reason \"fills look strange\"
  kobe halt research --reason \"the machine is busy\"
  kobe status --json | jq .kill_switch")]
pub struct Args {
    /// Halt one lane only: its slots are skipped, also those that wait; what runs goes on
    #[arg(value_name = "LANE")]
    lane: Option<String>,
    #[command(flatten)]
    why: Why,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    if let Some(lane) = args.lane.as_deref() {
        return wishing::ask(shell, Verb::HaltLane, lookup::lane(lane)?.word(), &args.why);
    }
    args.why.said()?;
    let (state, now) = (&shell.settings.state, shell.now());
    let operator = kill::operator(args.why.operator.as_deref());
    // A switch in a directory that no desk reads stops nothing, and must not look as if it did.
    if !state.is_dir() {
        return Err(Failure::no(
            format!("the kill switch is NOT pulled: there is no state {}", state.display()),
            "name the state of the desk with `--state DIR` or KOBE_STATE",
        ));
    }
    let switch = KillFile::in_state(state);
    let before = switch.read(now);
    if !matches!(before, KillState::Present(_)) {
        // Said by a person: such a record has no trigger.
        let record = KillRecord {
            reason: args.why.reason.clone(),
            trigger: None,
            activated_at: Some(now),
            activated_by: operator.clone(),
            context: Default::default(),
        };
        // Whatever has its name is a trip for the desk, also what cannot be read; what is not there is none.
        if let Err(what) = switch.trip(&record)
            && std::fs::symlink_metadata(switch.path()).is_err()
        {
            let what = format!("the kill switch is NOT pulled: {what}");
            return Err(Failure::Store(StoreError::Io(what)));
        }
    }
    // The audit comes second: an order must not wait for it.
    if let Err(failure) = kill::audit(state, now, "activate", &args.why.reason, &operator, &[]) {
        shell.out.talk("the kill switch IS pulled, no entry leaves any more; only its line in the audit is missing");
        return Err(failure);
    }
    if before != KillState::Clear {
        shell.out.talk("the switch was pulled already; the first activation counts, this one is in the audit");
    }
    show(shell, now)
}

pub(super) fn show(shell: &Shell, now: jiff::Timestamp) -> Result<Exit, Failure> {
    let reader = Reader::open(&shell.settings.state)?;
    // To the very instant: a minute of grace that is over in this second is over.
    let now = shell.clock.now().max(now);
    let standing = kill::standing(&shell.settings.state, reader.as_ref(), now)?;
    if shell.out.is_json() {
        shell.out.object(&standing.json())?;
        return Ok(Exit::Fine);
    }
    let words = standing.words(&*shell.market()?, shell.out.paint());
    shell.out.text(&format!("kill switch {words}\n"))?;
    Ok(Exit::Fine)
}
