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
mod lookout;
mod lookup;
mod narrator;
mod operator;
mod output;
mod outside;
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
mod standing;
mod voice;
mod when;
mod wiring;
mod wishing;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Cli { command, global } = cli::Cli::parse();
    let shell = settings::Shell::new(global);
    match commands::perform(command, &shell) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            shell.out.insist(&failure.tell(shell.out.paint_talk()));
            failure.exit().into()
        }
    }
}
