//! The command line: verbs and flags.

use clap::{Parser, Subcommand};

use crate::commands::{
    alert, awareness, backup, calendar, check, completions, diff, doctor, drill, functions, halt, import, init, plan,
    preflight, replay_day, restore, resume, run, runs, schema, simulate, status, task, verify, watch, why,
};
use crate::settings::Global;

/// A market-aware task scheduler, and the trading desk that it runs
#[derive(Debug, Parser)]
#[command(name = "kobe", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Flags that every command takes
    #[command(flatten)]
    pub global: Global,
}

const EXAMPLES: &str = "\
Examples:
  kobe awareness                 what time it is for the market
  kobe plan --on 2026-11-27      every slot of a day, with its verdict
  kobe why full_universe_scan    every condition of its next slot
  kobe simulate --report out     nine years of the past in seconds, with a report
  kobe run                       the desk, until it is told to stop

Times are RFC 3339, a date, or a date and time on the desk's clock (New York).
Exit codes: 0 fine, 1 the desk says no, 2 usage, 3 Kobe broke, 74 storage failed,
75 the state or the port is taken, for now, 143 told to stop twice.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the desk until told to stop
    Run(run::Args),
    /// Show the running state, or the last one
    Status(status::Args),
    /// Tell what time it is for the market, and what that means
    Awareness(awareness::Args),
    /// List every slot of a day, with its verdict
    Plan(plan::Args),
    /// Explain why a slot runs, or does not
    Why(why::Args),
    /// Live through days of the past on a virtual clock
    Simulate(simulate::Args),
    /// Look at runs
    Runs(runs::Args),
    /// Look at tasks, and run one now
    Task(task::Args),
    /// List the functions of the desk
    Functions(functions::Args),
    /// Pull the kill switch: no order leaves any more
    Halt(halt::Args),
    /// Take the kill switch back
    Resume(resume::Args),
    /// Check desk files
    Check(check::Args),
    /// Show which fire times and settings change between two desks
    Diff(diff::Args),
    /// Write the desk built in to a directory, to edit it
    Init(init::Args),
    /// Print the JSON Schema of desk files, for editors
    Schema(schema::Args),
    /// Take over what a predecessor left, and say what not
    Import(import::Args),
    /// May the desk trade today?
    Preflight(preflight::Args),
    /// Is this installation sound?
    Doctor(doctor::Args),
    /// Make a consistent, proved copy of the state
    Backup(backup::Args),
    /// Put a backup in the place of the state, with trading frozen
    Restore(restore::Args),
    /// Practise a restore in a scratch directory
    Drill(drill::Args),
    /// Live a recorded day again
    ReplayDay(replay_day::Args),
    /// Verify the hash chains and every decision packet
    Verify(verify::Args),
    /// Look at a desk from outside, and tell a person when it is not well
    Watch(watch::Args),
    /// Try whether a person is told, and list what was told
    Alert(alert::Args),
    /// Ask the market calendar
    Calendar(calendar::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
}
