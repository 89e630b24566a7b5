//! Starts the real binary in a directory of its own, without the environment of whoever runs the test.
#![allow(dead_code, reason = "each test binary uses a part of this")]

pub mod disk;
pub mod hook;
pub mod slots;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// An event may take so long on a machine that is busy; then something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is asked again that tells nobody when it changes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Asks again and again until there is an answer; fails when there is none in time. For what sends no event: a file, a page, a process.
pub fn eventually<T>(what: &str, at_most: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < at_most, "not within {} s: {what}", at_most.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How many rounds a test of chance takes: as said by `KOBE_ROUNDS`, or a few.
pub fn rounds(few: u64) -> u64 {
    std::env::var("KOBE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
}

/// Numbers that look like chance and are the same in every run; real time makes the moments within them differ.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// Returns a number below another.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }
}

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
        self.run_as(|all| {
            let mut command = self.command(all);
            command.args(args);
            command
        })
    }

    /// A desk that runs under a command of the test's own making, which is given the arguments of Kobe.
    pub fn run_as(&self, make: impl FnOnce(&[&str]) -> Command) -> Running {
        let mut running = self.start_as(make);
        running.has_started();
        running
    }

    /// The same, without waiting until it runs.
    pub fn start_as(&self, make: impl FnOnce(&[&str]) -> Command) -> Running {
        let mut command = make(&["run", "--json", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child: Ended::new(child), lines, heard: Vec::new(), started: Value::Null }
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
    /// Every event so far, in order.
    pub heard: Vec<Value>,
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
    /// Waits until it has said that it runs, and where.
    pub fn has_started(&mut self) {
        self.started = self.wait("started", |_| true);
    }

    /// Waits for an event of a kind that fits.
    pub fn wait(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let (from, until) = (self.heard.len(), Instant::now() + PATIENCE);
        loop {
            // A desk that goes on saying other things must not keep its test for ever.
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let seen: Vec<String> = self.heard[from..].iter().map(Value::to_string).collect();
                let said = if seen.is_empty() { self.last_words() } else { String::new() };
                panic!("no event {event} that fits; seen:\n{}{said}", seen.join("\n"));
            };
            self.hear(&line);
            let value = self.heard.last().expect("it was heard");
            if value["event"] == event && fits(value) {
                return value.clone();
            }
        }
    }

    fn hear(&mut self, line: &str) {
        self.heard.push(serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    }

    /// What a process that is gone said on stderr.
    fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(child) = self.child.0.as_mut()
            && child.try_wait().is_ok_and(|ended| ended.is_some())
            && let Some(stderr) = child.stderr.as_mut()
        {
            let _ = stderr.read_to_string(&mut said);
        }
        said
    }

    /// Hears what was said up to now, without waiting for more.
    pub fn catch_up(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.hear(&line);
        }
    }

    /// Hears it to its end, whatever ends it.
    pub fn hear_out(mut self) -> (Vec<Value>, Answer) {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.hear(&line);
        }
        assert!(Instant::now() < until, "it does not end");
        (self.heard, self.child.wait())
    }

    /// Kills it as the system would: no word to anybody.
    pub fn kill(self) -> Vec<Value> {
        self.tell("-KILL");
        self.hear_out().0
    }

    /// Tells it to stop, and waits until it has done so in good order.
    pub fn stop(self) -> Vec<Value> {
        self.tell("-TERM");
        let (heard, end) = self.hear_out();
        assert_eq!(end.code, Some(0), "{}", end.stderr);
        heard
    }

    /// Asks for a page; nothing, where nobody answers within a few seconds.
    pub fn page(&self, path: &str) -> Option<(u16, Value)> {
        page(&self.address(), path)
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

/// Asks an address for a page; nothing, where nobody answers within a few seconds.
pub fn page(address: &str, path: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Returns where a program lies that a test cannot do without; it is installed if that is possible, and else the test says how.
pub fn needs(program: &str, package: &str) -> PathBuf {
    let find = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
    };
    find().unwrap_or_else(|| {
        let quietly = |args: &[&str]| Command::new("apt-get").args(args).stdout(Stdio::null()).status();
        let _ = quietly(&["update", "-q"]).and_then(|_| quietly(&["install", "-q", "-y", package]));
        find().unwrap_or_else(|| panic!("this test needs {program}: `apt-get install -y {package}`, then try again"))
    })
}

/// Where golden files lie.
pub fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
