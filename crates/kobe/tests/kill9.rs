//! kill -9 at moments nobody chose: no slot twice, none lost, none running for ever.
//!
//! A dense desk of programs runs under the real binary, which is killed again and again and started on the same state. Afterwards the rows must account for every slot between
//! the first and the last, the programs must have been started at most once for each attempt, and nothing may be left on its way. `KOBE_ROUNDS` sets how often (default 20).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use kobe_plan::State;
use kobe_store::{Reader, RunFilter};

const TASKS: usize = 24;

fn rounds() -> u64 {
    std::env::var("KOBE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn write_desk(dir: &Path, log: &Path) {
    fs::create_dir_all(dir).expect("a directory");
    let mut text = String::from(
        "[lanes.monitoring]\nworkers = 8\nqueue = 1000\n\n[[group]]\nname = \"dense\"\nlane = \"monitoring\"\n",
    );
    for i in 0..TASKS {
        // Half of the programs may be repeated after an attempt whose end is not known, half may not.
        let idempotent = i % 2 == 0;
        let script = format!("echo $KOBE_TASK $KOBE_SLOT $KOBE_ATTEMPT >> {}", log.display());
        text.push_str(&format!(
            "\n[[group.task]]\nname = \"t{i}\"\ndoes = \"Notes that it was started.\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\nevery = \"1s\"\nidempotent = {idempotent}\nbackoff = \"1s\"\noverlap = \"allow(4)\"\ncatch_up = \"all(50)\"\n"
        ));
    }
    fs::write(dir.join("dense.toml"), text).expect("writable");
}

/// A running instance, and the lines that it says.
struct Instance {
    child: Child,
    lines: Receiver<String>,
}

fn start(config: &Path, state: &Path) -> Instance {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kobe"))
        .args(["run", "--json", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--state")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("piped");
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Instance { child, lines }
}

#[test]
fn killed_at_any_moment_it_loses_no_slot_and_fires_none_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, state, log) = (dir.path().join("desk"), dir.path().join("state"), dir.path().join("log"));
    write_desk(&config, &log);
    // A small generator with a fixed seed: the number of events after which the process dies. Real time makes the moment within them a matter of chance.
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..rounds() {
        let mut instance = start(&config, &state);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for _ in 0..(seed >> 33) % 60 {
            if instance.lines.recv_timeout(std::time::Duration::from_secs(20)).is_err() {
                let status = instance.child.try_wait().expect("it can be asked");
                panic!("round {round}: nothing was said for 20 s (ended: {status:?})");
            }
        }
        instance.child.kill().expect("SIGKILL");
        instance.child.wait().expect("it is dead");
    }
    // A last time, to its proper end.
    let mut instance = start(&config, &state);
    for _ in 0..3 * TASKS {
        instance.lines.recv_timeout(std::time::Duration::from_secs(20)).expect("it goes on");
    }
    let term = Command::new("kill").args(["-TERM", &instance.child.id().to_string()]).status().expect("kill is there");
    assert!(term.success());
    let ended = instance.child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0), "SIGTERM lets it end well");

    check_rows(&state);
    check_programs(&state, &log);
}

fn check_rows(state: &Path) {
    let reader = Reader::open(state).expect("the database is sound").expect("there is one");
    let runs = reader
        .runs(&RunFilter { task: None, state: None, reason: None, date: None, limit: usize::MAX })
        .expect("readable");
    let mut by_task: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for run in &runs {
        assert_ne!(run.state, State::Running, "{} {} is running for ever", run.task, run.slot);
        by_task.entry(&run.task).or_default().push(run);
    }
    assert_eq!(by_task.len(), TASKS);
    for (task, runs) in by_task {
        let mut slots = BTreeSet::new();
        let mut covered = 0;
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for run in &runs {
            assert!(slots.insert(run.slot.clone()), "{task} has two rows for {}", run.slot);
            covered += run.covers as i64;
            let since =
                run.since_slot.as_ref().map_or(run.due, |s| s.parse().expect("an interval's slot is its instant"));
            first = first.min(since.as_second());
            last = last.max(run.due.as_second());
        }
        assert_eq!(
            covered,
            last - first + 1,
            "{task}: every second from {first} to {last} has exactly one row or stands in one range"
        );
    }
}

/// The programs' own notes: each attempt of each slot was started at most once, and only one that has a row.
fn check_programs(state: &Path, log: &Path) {
    let reader = Reader::open(state).expect("the database is sound").expect("there is one");
    let mut seen = BTreeSet::new();
    for line in fs::read_to_string(log).expect("programs ran").lines() {
        assert!(seen.insert(line.to_owned()), "started twice: {line}");
        let words: Vec<&str> = line.split(' ').collect();
        let [task, slot, attempt] = words[..] else { panic!("a note of three words: {line}") };
        let run = reader.run_of_slot(task, slot).expect("readable").unwrap_or_else(|| panic!("no row for {line}"));
        assert!(
            attempt.parse::<u32>().expect("a number") <= run.attempt,
            "{line}: the row knows {} attempts",
            run.attempt
        );
    }
    assert!(seen.len() > TASKS, "the desk did some work");
}

#[test]
fn a_second_instance_names_the_first_and_leaves() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, state) = (dir.path().join("desk"), dir.path().join("state"));
    write_desk(&config, &dir.path().join("log"));
    let mut first = start(&config, &state);
    first.lines.recv_timeout(std::time::Duration::from_secs(20)).expect("it runs");
    let second = Command::new(env!("CARGO_BIN_EXE_kobe"))
        .args(["run", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .arg("--state")
        .arg(&state)
        .output()
        .expect("the binary starts");
    assert_eq!(second.status.code(), Some(75));
    let said = String::from_utf8(second.stderr).expect("text");
    assert!(said.contains(&first.child.id().to_string()), "it names the holder: {said}");
    first.child.kill().expect("SIGKILL");
    first.child.wait().expect("it is dead");
}
