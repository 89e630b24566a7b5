//! Starts the real binary in a directory of its own, without the environment of whoever runs the test.
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// An event may take so long on a machine that is busy; then something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for one test: its own working directory, state and desk.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { dir: tempfile::tempdir().expect("a directory") }
    }

    /// With the small desk of the tests at `desk`.
    pub fn with_desk(text: &str) -> Place {
        let place = Place::new();
        place.write("desk/desk.toml", text);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// A command of Kobe, its state in `state`; its desk in `desk` if there is one.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kobe"));
        command.args(args).current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("USER", "tester");
        if self.path("desk").exists() {
            command.env("KOBE_CONFIG", "desk");
        }
        command
    }

    pub fn kobe(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args).output().expect("the binary starts"))
    }

    /// A desk that runs, once it has said so.
    pub fn run(&self, args: &[&str]) -> Running {
        let all = [&["run", "--json", "--listen", "127.0.0.1:0"], args].concat();
        let mut child =
            self.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut running = Running { child: Ended::new(child), lines, started: Value::Null };
        running.started = running.wait("started", |_| true);
        running
    }
}

/// What a command said and how it ended.
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Answer {
    pub fn of(output: Output) -> Answer {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("Kobe writes UTF-8");
        Answer { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.stdout, self.stderr))
    }

    /// All that an operator sees, with the name of a temporary directory left out.
    pub fn seen(&self, place: &Place) -> String {
        let code = self.code.map_or("killed".to_owned(), |code| code.to_string());
        let mut text = format!("exit {code}\n");
        for (name, content) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !content.is_empty() {
                text.push_str(&format!("--- {name} ---\n{content}"));
            }
        }
        let text = text.replace(&place.dir.path().display().to_string(), "[place]");
        // The rules of the calendar grow; their version is no matter of these tests.
        match text.split_once("\"calendar_version\": \"") {
            Some((before, rest)) => {
                format!("{before}\"calendar_version\": \"[version]{}", &rest[rest.find('"').unwrap_or(0)..])
            }
            None => text,
        }
    }
}

/// A desk that runs under a test, and is gone when the test is.
pub struct Running {
    pub child: Ended,
    lines: Receiver<String>,
    pub started: Value,
}

/// A process that does not outlive its test, also not one that fails.
pub struct Ended(Option<Child>);

impl Ended {
    pub fn new(child: Child) -> Ended {
        Ended(Some(child))
    }

    pub fn id(&self) -> u32 {
        self.0.as_ref().expect("it has not ended").id()
    }

    /// Waits for its end, and for all that it still says.
    pub fn wait(mut self) -> Answer {
        Answer::of(self.0.take().expect("it has not ended").wait_with_output().expect("it ends"))
    }

    pub fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.id().to_string()]).status();
        assert!(told.expect("kill is there").success());
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Running {
    /// Waits for an event of a kind that fits.
    pub fn wait(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no event {event} that fits; seen:\n{}", seen.join("\n"));
            };
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if value["event"] == event && fits(&value) {
                return value;
            }
            seen.push(line);
        }
    }

    pub fn tell(&self, signal: &str) {
        self.child.tell(signal);
    }

    pub fn address(&self) -> String {
        self.started["listen"].as_str().expect("an address").to_owned()
    }

    /// Waits for its end; returns the exit code and what it said on stderr.
    pub fn end(self) -> Answer {
        // Whoever still writes must not be held up by a full pipe.
        drop(self.lines);
        self.child.wait()
    }
}

/// Where golden files lie.
pub fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
