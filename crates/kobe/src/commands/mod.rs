//! Commands: one file each.
//!
//! A command reads its arguments, asks the crates below and writes one answer; it decides nothing about the desk. To add one: write its file, a line here, and a line in
//! [`Command`].

pub mod alert;
pub mod awareness;
pub mod backup;
pub mod calendar;
pub mod check;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod drill;
pub mod functions;
pub mod halt;
pub mod import;
pub mod init;
pub mod plan;
pub mod preflight;
pub mod replay_day;
pub mod restore;
pub mod resume;
pub mod run;
pub mod runs;
pub mod schema;
pub mod simulate;
pub mod status;
pub mod task;
pub mod verify;
pub mod watch;
pub mod why;

use crate::cli::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;

/// Does what was asked.
///
/// # Errors
/// [`Failure`], which carries the exit code.
pub fn perform(command: Command, shell: &Shell) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::perform(&args, shell),
        Command::Status(args) => status::perform(&args, shell),
        Command::Awareness(args) => awareness::perform(&args, shell),
        Command::Plan(args) => plan::perform(&args, shell),
        Command::Why(args) => why::perform(&args, shell),
        Command::Simulate(args) => simulate::perform(&args, shell),
        Command::Runs(args) => runs::perform(&args, shell),
        Command::Task(args) => task::perform(&args, shell),
        Command::Functions(args) => functions::perform(&args, shell),
        Command::Halt(args) => halt::perform(&args, shell),
        Command::Resume(args) => resume::perform(&args, shell),
        Command::Check(args) => check::perform(&args, shell),
        Command::Diff(args) => diff::perform(&args, shell),
        Command::Init(args) => init::perform(&args, shell),
        Command::Import(args) => import::perform(&args, shell),
        Command::Schema(args) => schema::perform(&args, shell),
        Command::ReplayDay(args) => replay_day::perform(&args, shell),
        Command::Verify(args) => verify::perform(&args, shell),
        Command::Watch(args) => watch::perform(&args, shell),
        Command::Backup(args) => backup::perform(&args, shell),
        Command::Restore(args) => restore::perform(&args, shell),
        Command::Drill(args) => drill::perform(&args, shell),
        Command::Preflight(args) => preflight::perform(&args, shell),
        Command::Doctor(args) => doctor::perform(&args, shell),
        Command::Alert(args) => alert::perform(&args, shell),
        Command::Calendar(args) => calendar::perform(&args, shell),
        Command::Completions(args) => completions::perform(&args, shell),
    }
}
