//! The command line of Kobe: it reads arguments and settings, puts the crates together, and writes answers.
//!
//! Nothing about markets, tasks or orders is decided here. [`wiring`] puts a live desk together; each verb has a file in [`commands`]; every exit code stands in [`exit`].
#![deny(unsafe_code)]

mod channels;
mod cli;
mod commands;
mod dead_man;
mod desk_files;
mod exit;
mod failure;
mod hands;
mod import;
mod in_force;
mod kill;
mod looking;
mod lookout;
mod lookup;
mod narrator;
mod operator;
mod output;
mod outside;
mod owner;
mod picture;
mod pruning;
mod pulse;
mod readying;
mod reload;
mod scratch;
mod sd;
mod settings;
mod signs;
mod simulation;
mod skips;
mod standing;
mod starting;
mod voice;
mod when;
mod wiring;
mod wishing;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Cli { command, global } = cli::Cli::parse();
    let shell = settings::Shell::new(global);
    let begun = shell.now();
    let done = commands::perform(command, &shell);
    owner::give_back(&shell.settings.state, begun);
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            shell.out.insist(&failure.tell(shell.out.paint_talk()));
            failure.exit().into()
        }
    }
}
