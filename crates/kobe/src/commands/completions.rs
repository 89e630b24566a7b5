//! `kobe completions`: a completion script for a shell.

use clap::CommandFactory;
use clap_complete::{Shell as Kind, generate};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Shell;

/// Arguments of `kobe completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe completions bash > ~/.local/share/bash-completion/completions/kobe
  kobe completions fish > ~/.config/fish/completions/kobe.fish")]
pub struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Kind,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "kobe", &mut script);
    shell.out.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
