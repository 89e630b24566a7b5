//! Failures: what ends a command, its exit code and what a person can do.
//!
//! A command that cannot go on returns a [`Failure`]. It is told on stderr as `error:`, its causes, a blank line and a `hint:`; mistakes in desk files are shown in their
//! files. Start at [`Failure::tell`].

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use kobe_calendar::CalendarError;
use kobe_engine::{EngineError, StoreError};
use kobe_plan::Problem;
use kobe_store::{BackupError, OpenError, RestoreError, WishError};
use kobe_web::WebError;

use crate::exit::Exit;
use crate::output::{Paint, count};

/// Why a command ends without its result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The question was not understood.
    #[error("{what}")]
    Usage {
        /// What was not understood.
        what: String,
        /// What would be.
        hint: String,
    },
    /// The question is understood, and the answer is no.
    #[error("{what}")]
    No {
        /// What is not so.
        what: String,
        /// What can be done.
        hint: Option<String>,
    },
    /// Desk files have mistakes.
    #[error("the desk has mistakes")]
    Desk(Vec<Problem>),
    /// The settings of alert channels have mistakes.
    #[error("{} in the settings of channels: {}", count(.0.len(), "mistake"), first(.0))]
    Channels(Vec<Problem>),
    /// The calendar gives no answer.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Rows cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another instance has the state.
    #[error("{what}")]
    Held {
        /// Who.
        what: String,
    },
    /// No socket.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The engine cannot go on.
    #[error(transparent)]
    Engine(EngineError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried: `write`, `write the report into`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer")]
    Stdout(#[source] io::Error),
    /// A fault of Kobe.
    #[error("{what}")]
    Broke {
        /// What is wrong.
        what: String,
    },
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        match error {
            OpenError::Held { .. } => Failure::Held { what: error.to_string() },
            OpenError::Store(error) => Failure::Store(error),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Failure {
        let what = error.to_string();
        match error {
            BackupError::Store(error) => Failure::Store(error),
            BackupError::NoDatabase(_) => {
                Failure::no(what, "nothing was ever started there; `--state DIR` looks elsewhere")
            }
            BackupError::Exists(_) => Failure::usage(what, "name a directory that is not there yet"),
            BackupError::Inside { .. } => Failure::usage(
                what,
                "name a directory elsewhere, best on another disk: a state that is lost takes it along",
            ),
            BackupError::Underway(_) => Failure::Held { what },
            BackupError::NotProved(_) => Failure::no(what, "no backup was kept; try another disk"),
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Failure {
        let what = error.to_string();
        match error {
            RestoreError::Store(error) => Failure::Store(error),
            RestoreError::Held { .. } | RestoreError::Underway(_) => Failure::Held { what },
            RestoreError::NotABackup(_) | RestoreError::CannotReplace { .. } => {
                Failure::usage(what, "`kobe backup DIR` makes one; `--state DIR` names what is replaced")
            }
            RestoreError::Damaged { .. } | RestoreError::Newer { .. } => {
                Failure::no(what, "the state is as it was; `sha256sum -c SHA256SUMS` in the backup shows every file")
            }
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::Store(error) => Failure::Store(error),
            other @ EngineError::Thread(_) => Failure::Engine(other),
        }
    }
}

impl From<WishError> for Failure {
    fn from(error: WishError) -> Failure {
        match error {
            WishError::Store(error) => Failure::Store(error),
            WishError::NoDatabase(_) => Failure::No {
                what: error.to_string(),
                hint: Some("nothing was ever started there: `kobe run` begins, `--state DIR` looks elsewhere".into()),
            },
        }
    }
}

impl Failure {
    /// Builds a failure of the question.
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Usage { what: what.into(), hint: hint.into() }
    }

    /// Builds a no.
    pub fn no(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::No { what: what.into(), hint: Some(hint.into()) }
    }

    /// Returns how the command ends.
    pub fn exit(&self) -> Exit {
        match self {
            // Whoever has the port may be gone at the next try, like whoever has the lock.
            Failure::Web(WebError::InUse { .. }) => Exit::Held,
            Failure::Usage { .. } | Failure::Calendar(_) | Failure::Web(_) | Failure::Read { .. } => Exit::Usage,
            Failure::No { .. } | Failure::Desk(_) | Failure::Channels(_) => Exit::No,
            Failure::Store(_) | Failure::File { .. } => Exit::Storage,
            Failure::Held { .. } => Exit::Held,
            // Whoever read the answer has had enough of it.
            Failure::Stdout(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            Failure::Stdout(_) => Exit::Storage,
            Failure::Engine(_) | Failure::Broke { .. } => Exit::Broke,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Failure::Usage { hint, .. } => Some(hint.clone()),
            Failure::No { hint, .. } => hint.clone(),
            Failure::Calendar(e) => Some(e.hint()),
            Failure::Web(e) => Some(e.hint().into()),
            Failure::Held { .. } => {
                Some("one instance runs on a state: `kobe status` looks at it, `--state DIR` uses another".into())
            }
            Failure::Store(e) => Some(store_hint(e).into()),
            Failure::Read { .. } | Failure::File { .. } => {
                Some("check that the directory exists, and owner and rights of the file".into())
            }
            Failure::Engine(_) => Some("the system refuses threads; look at its limits (`ulimit -u`)".into()),
            Failure::Broke { .. } => Some("this is a fault of Kobe; please report it with the command you gave".into()),
            Failure::Desk(_) | Failure::Channels(_) | Failure::Stdout(_) => None,
        }
    }

    /// Says it, ready for stderr; empty where nothing is to be said.
    pub fn tell(&self, paint: Paint) -> String {
        match self {
            Failure::Stdout(e) if e.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Failure::Desk(problems) | Failure::Channels(problems) => problems_text(problems, paint),
            _ => {
                let mut text = format!("{} {self}\n", paint.red("error:"));
                let mut cause = self.source();
                while let Some(e) = cause {
                    let _ = writeln!(text, "  cause: {e}");
                    cause = e.source();
                }
                if let Some(hint) = self.hint() {
                    let _ = write!(text, "\n{} {hint}\n", paint.cyan("hint:"));
                }
                text
            }
        }
    }
}

/// Returns what the first of several mistakes is.
fn first(problems: &[Problem]) -> &str {
    problems.first().map_or("", |problem| problem.message.as_str())
}

/// Says problems one below the other, each at its place, and how many there are.
pub fn problems_text(problems: &[Problem], paint: Paint) -> String {
    let mut text = String::new();
    for problem in problems {
        let said = problem.to_string();
        let said = match said.split_once(':') {
            Some(("error", rest)) => format!("{}{rest}", paint.red("error:")),
            Some(("warning", rest)) => format!("{}{rest}", paint.yellow("warning:")),
            _ => said,
        };
        let _ = writeln!(text, "{said}\n");
    }
    text
}

fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full(_) => "make room where the state lies; nothing that was acknowledged is lost",
        StoreError::Io(_) => "check the disk and the rights of the state directory (`--state DIR`)",
        StoreError::Busy(_) => {
            "something else writes the database; look for open shells or copies of it, then try again"
        }
        StoreError::Corrupt(_) => "nothing was changed; restore the state from a copy before anything trades",
        StoreError::Newer { .. } => "use the Kobe that wrote it, or a newer one",
        StoreError::Conflict(_) => "this is a fault of Kobe, or someone else wrote the database; please report it",
    }
}
