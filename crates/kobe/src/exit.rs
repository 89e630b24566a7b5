//! How Kobe ends: every exit code, once.

use std::process::ExitCode;

/// The end of a command, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine,
    /// The desk says no: a run failed, a check found errors, the desk is halted.
    No,
    /// The question was not understood, or asks for what this build cannot do.
    Usage,
    /// Kobe broke.
    Broke,
    /// Storage failed.
    Storage,
    /// Somebody else has what it needs, for now: another instance the state, another program the port.
    Held,
    /// Told to stop twice.
    ToldTwice,
}

impl Exit {
    /// Returns the code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Broke => 3,
            Exit::Storage => 74,
            Exit::Held => 75,
            Exit::ToldTwice => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
