//! Commands: a program in any language, started without a shell.
//!
//! A program gets its words as declared, an environment of its own (a few plain variables, what the attempt is, and nothing else of Kobe's), no input, and a process group.
//! It ends when its first process ends; whatever is left of its group then is killed. Exit code 0 is ok, any other an error with the last lines of stderr. A program that has
//! more to say prints, as its last line, `{"outcome": "ok|no_data|unavailable|error", "note": "..."}`; that line wins over the exit code.
//!
//! Told to stop, or past the task's time, the group gets TERM, after a grace KILL, and the attempt is over only when no process of the group is left. A process that
//! leaves the group (`setsid`) is not followed. Linux only: it needs pidfds and the parent's death signal. Start at [`CommandHandler`].

mod bound;
mod group;
mod output;
mod said;

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kobe_engine::{Attempt, Handler, Stop, StopCause};
use kobe_plan::Outcome;
use kobe_plan::task::Work;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open};

use group::Group;
use output::{Logs, Output, Tail};

/// Variables of Kobe's own environment that programs may see. Anything else could be a secret.
const PASSED_ON: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// How often a program that is silent is looked at, in case it is to stop. Its end and its output are seen at once.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a program gets for what it should do at once, and how much it may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Between TERM and KILL.
    pub grace: Duration,
    /// For output that is still open when the program has ended.
    pub drain: Duration,
    /// For the group to be gone after KILL.
    pub proof: Duration,
    /// Bytes of output that are kept of one attempt; what is in the middle of a longer one is counted and dropped.
    pub output_bytes: usize,
}

impl Limits {
    /// 5 s between TERM and KILL, 1 MiB of output.
    pub const STANDARD: Limits = Limits {
        grace: Duration::from_secs(5),
        drain: Duration::from_secs(1),
        proof: Duration::from_secs(5),
        output_bytes: 1 << 20,
    };
}

/// Starts programs.
#[derive(Debug)]
pub struct CommandHandler {
    limits: Limits,
    environment: Vec<(OsString, OsString)>,
    logs: Option<Logs>,
}

impl CommandHandler {
    /// Begins with the plain variables of this process and no place for output.
    pub fn new(limits: Limits) -> CommandHandler {
        let environment = std::env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|p| name == p)).collect();
        CommandHandler { limits, environment, logs: None }
    }

    /// Keeps what programs print in a directory, one file for each attempt; the files of the latest attempts stay.
    #[must_use]
    pub fn keeping_output_in(mut self, directory: &Path) -> CommandHandler {
        self.logs = Some(Logs::new(directory));
        self
    }

    /// Returns the file that holds what an attempt printed; it exists if the attempt printed anything.
    pub fn output_file(directory: &Path, run: kobe_plan::RunId, attempt: u32) -> PathBuf {
        Logs::file(directory, run, attempt)
    }

    fn command(&self, argv: &[String], attempt: &Attempt) -> Command {
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.env("KOBE_TASK", &attempt.task().name);
        command.env("KOBE_SLOT", attempt.slot.to_string());
        command.env("KOBE_RUN", attempt.run.to_string());
        command.env("KOBE_ATTEMPT", attempt.attempt.to_string());
        command.env("KOBE_DUE", attempt.due.to_string());
        command.env("KOBE_ARGS", attempt.task().args.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        bound::lead_a_group_that_dies_with_this_thread(&mut command);
        command
    }

    fn perform(&self, argv: &[String], attempt: &Attempt, stop: &Stop) -> Outcome {
        let started = Instant::now();
        let mut child = match self.command(argv, attempt).spawn() {
            Ok(child) => child,
            Err(e) => return Outcome::Error(cannot_start(&argv[0], &e).into()),
        };
        let group = Group::led_by(&child);
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        let time = Duration::try_from(attempt.task().timeout).unwrap_or(Duration::ZERO);
        let mut life = Life {
            limits: self.limits,
            group: &group,
            stop,
            deadline: started.checked_add(time),
            told: None,
            killed: false,
            ended: None,
        };
        let mut output = Output::new(self.limits.output_bytes);
        let watched = life.watch(stdout, stderr, &mut output);
        // The first process is dead or about to be, and not yet reaped: until then nobody else can have the number of its group.
        group.signal(Signal::KILL);
        let status = match child.wait() {
            Ok(status) => status,
            Err(_) => return Outcome::Lost,
        };
        let gone = group.is_gone_within(self.limits.proof);
        let unsaved = self.logs.as_ref().and_then(|logs| logs.keep(attempt, &output).err());
        match (watched, gone, life.told) {
            (_, false, _) => Outcome::Lost,
            (Err(e), _, _) => Outcome::Error(format!("the program could not be watched and was stopped: {e}").into()),
            (Ok(()), true, Some(StopCause::Timeout)) => Outcome::TimedOut,
            (Ok(()), true, Some(StopCause::Shutdown)) => Outcome::Interrupted,
            (Ok(()), true, None) => with_hint(of_its_end(status, &output), unsaved),
        }
    }
}

impl Handler for CommandHandler {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        match &attempt.task().work {
            Work::Command(argv) if !argv.is_empty() => self.perform(argv, attempt, stop),
            _ => Outcome::Error("this task names no program; it should not have come here".into()),
        }
    }
}

/// A program between its start and its end.
struct Life<'a> {
    limits: Limits,
    group: &'a Group,
    stop: &'a Stop,
    /// When its time is over.
    deadline: Option<Instant>,
    /// Why it was told to stop.
    told: Option<StopCause>,
    killed: bool,
    /// When its first process ended.
    ended: Option<Instant>,
}

impl Life<'_> {
    /// Reads output and looks at the clock until the first process has ended and its output with it.
    fn watch(&mut self, stdout: impl Read + AsFd, stderr: impl Read + AsFd, output: &mut Output) -> io::Result<()> {
        let process = pidfd_open(self.group.leader(), PidfdFlags::empty())?;
        let (mut stdout, mut stderr) = (Some(stdout), Some(stderr));
        let mut kill_at = None;
        loop {
            if let Some(ended) = self.ended {
                let closed = stdout.is_none() && stderr.is_none();
                // Someone else may hold the output open for ever.
                if closed || ended.elapsed() >= self.limits.drain {
                    return Ok(());
                }
            } else {
                self.tell_if_due(&mut kill_at);
            }
            let (from_out, from_err, over) = {
                let mut fds = vec![PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
                let out = stdout.as_ref().map(|s| also(&mut fds, s.as_fd()));
                let err = stderr.as_ref().map(|s| also(&mut fds, s.as_fd()));
                if self.ended.is_some() {
                    // It stays readable from now on and would wake us for nothing.
                    fds[0] = PollFd::from_borrowed_fd(process.as_fd(), PollFlags::empty());
                }
                match poll(&mut fds, Some(&Timespec::try_from(LOOK_EVERY).expect("it is short"))) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                let ready = |i: Option<usize>| i.is_some_and(|i| !fds[i].revents().is_empty());
                (ready(out), ready(err), fds[0].revents().contains(PollFlags::IN))
            };
            if from_out && !take(&mut stdout, |bytes| output.out(bytes))? {
                stdout = None;
            }
            if from_err && !take(&mut stderr, |bytes| output.err(bytes))? {
                stderr = None;
            }
            if over && self.ended.is_none() {
                self.ended = Some(Instant::now());
            }
        }
    }

    fn tell_if_due(&mut self, kill_at: &mut Option<Instant>) {
        let now = Instant::now();
        if self.told.is_none() {
            let late = self.deadline.is_some_and(|d| now >= d).then_some(StopCause::Timeout);
            self.told = self.stop.told().or(late);
            if self.told.is_some() {
                self.group.signal(Signal::TERM);
                *kill_at = Some(now + self.limits.grace);
            }
        } else if !self.killed && kill_at.is_some_and(|at| now >= at) {
            self.group.signal(Signal::KILL);
            self.killed = true;
        }
    }
}

fn also<'f>(fds: &mut Vec<PollFd<'f>>, fd: BorrowedFd<'f>) -> usize {
    fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
    fds.len() - 1
}

/// Takes what is there; tells whether more may come.
fn take(source: &mut Option<impl Read>, mut keep: impl FnMut(&[u8])) -> io::Result<bool> {
    let Some(stream) = source else { return Ok(false) };
    let mut buffer = [0; 16 * 1024];
    match stream.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(n) => {
            keep(&buffer[..n]);
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(e) => Err(e),
    }
}

fn of_its_end(status: ExitStatus, output: &Output) -> Outcome {
    if let Some(code) = status.code() {
        // What a crashed program printed before is no answer; only one that ended by itself is believed.
        if let Some(outcome) = said::outcome(&output.last_line()) {
            return outcome;
        }
        return match code {
            0 => Outcome::Ok("".into()),
            code => Outcome::Error(with_stderr(format!("exit code {code}"), output.err_tail()).into()),
        };
    }
    let signal = status.signal().unwrap_or(0);
    Outcome::Error(with_stderr(format!("killed by signal {signal}"), output.err_tail()).into())
}

fn with_stderr(what: String, stderr: &Tail) -> String {
    match stderr.last_lines(5) {
        lines if lines.is_empty() => what,
        lines => format!("{what}: {lines}"),
    }
}

fn with_hint(outcome: Outcome, unsaved: Option<io::Error>) -> Outcome {
    match (outcome, unsaved) {
        (Outcome::Ok(note), Some(e)) if note.is_empty() => {
            Outcome::Ok(format!("its output could not be kept: {e}").into())
        }
        (outcome, _) => outcome,
    }
}

fn cannot_start(program: &str, e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => format!("program `{program}` was not found in PATH"),
        io::ErrorKind::NotFound if Path::new(program).exists() => {
            format!("program `{program}` cannot start: the interpreter named in its first line was not found")
        }
        io::ErrorKind::NotFound => format!("program `{program}` does not exist"),
        io::ErrorKind::PermissionDenied => format!("program `{program}` is not executable"),
        _ => format!("program `{program}` could not be started: {e}"),
    }
}
