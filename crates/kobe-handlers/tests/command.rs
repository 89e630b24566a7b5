//! Real small programs, friendly and hostile.

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{attempt, fifo, read};
use kobe_engine::{Handler, Stop, StopCause};
use kobe_handlers::{CommandHandler, Limits};
use kobe_plan::{Outcome, RunId};

const QUICK: Limits = Limits {
    grace: Duration::from_millis(100),
    drain: Duration::from_millis(50),
    proof: Duration::from_secs(10),
    output_bytes: 64 * 1024,
};

fn sh(script: &str) -> Outcome {
    CommandHandler::new(QUICK).run(&attempt(&["sh", "-c", script], "60s"), &Stop::default())
}

fn error(outcome: Outcome) -> String {
    match outcome {
        Outcome::Error(note) => note.into_owned(),
        other => panic!("expected an error, got {other:?}"),
    }
}

/// Runs a script whose `$1` is a directory, calls `meanwhile` beside it, and returns its outcome.
fn beside(script: &str, directory: &Path, timeout: &str, stop: &Stop, meanwhile: impl FnOnce()) -> Outcome {
    thread::scope(|s| {
        let attempt = attempt(&["sh", "-c", script, "sh", directory.to_str().unwrap()], timeout);
        let run = s.spawn(move || CommandHandler::new(QUICK).run(&attempt, stop));
        meanwhile();
        run.join().expect("the handler does not panic")
    })
}

#[test]
fn the_exit_code_and_the_last_line_give_the_outcome() {
    let rows: &[(&str, &str, Outcome)] = &[
        ("exit code 0 is ok", "exit 0", Outcome::Ok("".into())),
        ("plain words are not an outcome", "echo done", Outcome::Ok("".into())),
        (
            "a last line speaks",
            r#"echo working; echo '{"outcome":"ok","note":"12 rows"}'"#,
            Outcome::Ok("12 rows".into()),
        ),
        (
            "empty lines after it do not count",
            r#"echo '{"outcome":"no_data"}'; echo; echo"#,
            Outcome::NoData("".into()),
        ),
        ("it must be the last", r#"echo '{"outcome":"no_data"}'; echo bye"#, Outcome::Ok("".into())),
        (
            "it wins over the exit code",
            r#"echo '{"outcome":"unavailable","note":"FRED"}'; exit 3"#,
            Outcome::Unavailable("FRED".into()),
        ),
        ("also against success", r#"echo '{"outcome":"error","note":"bad bars"}'"#, Outcome::Error("bad bars".into())),
        ("on stderr it is talk", r#"echo '{"outcome":"no_data"}' >&2"#, Outcome::Ok("".into())),
        ("any other code is an error", "exit 75", Outcome::Error("exit code 75".into())),
        (
            "an error has the last lines of stderr",
            "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 1",
            Outcome::Error("exit code 1: line 3 | line 4 | line 5 | line 6 | line 7".into()),
        ),
        (
            "a crash is told by its signal",
            "echo oh no >&2; kill -SEGV $$",
            Outcome::Error("killed by signal 11: oh no".into()),
        ),
        (
            "what a crashed program said is not believed",
            r#"echo '{"outcome":"ok"}'; kill -KILL $$"#,
            Outcome::Error("killed by signal 9".into()),
        ),
    ];
    for (name, script, expected) in rows {
        assert_eq!(&sh(script), expected, "{name}");
    }
}

#[test]
fn a_program_sees_what_it_is_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let handler = CommandHandler::new(QUICK).keeping_output_in(directory.path());
    let outcome = handler.run(&attempt(&["env"], "60s"), &Stop::default());
    assert_eq!(outcome, Outcome::Ok("".into()));
    let printed = fs::read_to_string(CommandHandler::output_file(directory.path(), RunId(17), 2)).unwrap();
    let mut names: Vec<&str> = printed.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    for line in [
        "KOBE_TASK=probe",
        "KOBE_SLOT=manual:00000000000000000000000000",
        "KOBE_RUN=17",
        "KOBE_ATTEMPT=2",
        "KOBE_DUE=2026-11-23T15:46:00Z",
        "KOBE_ARGS={\"depth\":3}",
    ] {
        assert!(printed.lines().any(|l| l == line), "{line} is missing in\n{printed}");
    }
    let plain = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];
    // Whoever starts this test has variables of its own (cargo's, a shell's); they stand for the secrets that an operator's shell may hold.
    assert!(std::env::vars_os().any(|(name, _)| !plain.iter().any(|p| name == *p)));
    let strangers: Vec<_> = names.into_iter().filter(|n| !n.starts_with("KOBE_") && !plain.contains(n)).collect();
    assert!(strangers.is_empty(), "programs saw {strangers:?}");
}

#[test]
fn input_is_empty_and_no_shell_stands_between() {
    let directory = tempfile::tempdir().unwrap();
    let handler = CommandHandler::new(QUICK).keeping_output_in(directory.path());
    assert_eq!(
        handler.run(&attempt(&["cat"], "60s"), &Stop::default()),
        Outcome::Ok("".into()),
        "cat saw an end of input"
    );
    let argv = ["printf", "%s\\n", "$HOME; exit 9", "*"];
    assert_eq!(handler.run(&attempt(&argv, "60s"), &Stop::default()), Outcome::Ok("".into()));
    let printed = fs::read_to_string(CommandHandler::output_file(directory.path(), RunId(17), 2)).unwrap();
    assert_eq!(printed, "$HOME; exit 9\n*\n");
}

#[test]
fn a_program_that_cannot_start_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain.txt");
    fs::write(&plain, "no program").unwrap();
    let lost = directory.path().join("lost.sh");
    fs::write(&lost, "#!/no/such/interpreter\n").unwrap();
    make_executable(&lost);
    let missing = directory.path().join("missing");
    let rows = [
        ("kobe-no-such-program".to_owned(), "program `kobe-no-such-program` was not found in PATH".to_owned()),
        (missing.display().to_string(), format!("program `{}` does not exist", missing.display())),
        (plain.display().to_string(), format!("program `{}` is not executable", plain.display())),
        (
            lost.display().to_string(),
            format!("program `{}` cannot start: the interpreter named in its first line was not found", lost.display()),
        ),
    ];
    for (program, expected) in rows {
        let outcome = CommandHandler::new(QUICK).run(&attempt(&[&program], "60s"), &Stop::default());
        assert_eq!(error(outcome), expected);
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn told_to_stop_a_program_may_say_goodbye() {
    for (cause, expected) in [(StopCause::Timeout, Outcome::TimedOut), (StopCause::Shutdown, Outcome::Interrupted)] {
        let directory = tempfile::tempdir().unwrap();
        let (ready, bye) = (fifo(directory.path(), "ready"), directory.path().join("bye"));
        let never = fifo(directory.path(), "never");
        let stop = Stop::default();
        // The shell waits in a builtin, so that the trap runs at once.
        let script = r#"trap 'echo bye > "$1/bye"; exit 0' TERM; echo > "$1/ready"; read x < "$1/never""#;
        let outcome = beside(script, directory.path(), "60s", &stop, || {
            read(&ready);
            stop.tell(cause);
        });
        assert_eq!(outcome, expected);
        assert_eq!(fs::read_to_string(&bye).unwrap(), "bye\n", "it had its grace");
        drop(never);
    }
}

#[test]
fn one_that_ignores_term_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let ready = fifo(directory.path(), "ready");
    fifo(directory.path(), "never");
    let stop = Stop::default();
    let script = r#"trap '' TERM; echo > "$1/ready"; while :; do read x < "$1/never"; done"#;
    let outcome = beside(script, directory.path(), "60s", &stop, || {
        read(&ready);
        stop.tell(StopCause::Timeout);
    });
    assert_eq!(outcome, Outcome::TimedOut);
}

#[test]
fn the_time_of_the_task_is_kept_without_being_told() {
    let directory = tempfile::tempdir().unwrap();
    fifo(directory.path(), "never");
    let outcome = beside(r#"read x < "$1/never""#, directory.path(), "1s", &Stop::default(), || ());
    assert_eq!(outcome, Outcome::TimedOut);
}

#[test]
fn all_descendants_die_with_the_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let alive = fifo(directory.path(), "alive");
    fifo(directory.path(), "never");
    let stop = Stop::default();
    // Three generations hold `alive` open for writing and ignore TERM; reading it ends when the last of them is dead.
    let script = r#"
        exec 9> "$1/alive"
        (trap '' TERM; (trap '' TERM; read x < "$1/never"; sleep 1000) & read x < "$1/never") &
        echo ready >&9
        read x < "$1/never"
    "#;
    let mut held = None;
    let outcome = beside(script, directory.path(), "60s", &stop, || {
        let mut file = File::open(&alive).unwrap();
        let mut ready = [0; 6];
        file.read_exact(&mut ready).unwrap();
        held = Some(file);
        stop.tell(StopCause::Shutdown);
    });
    assert_eq!(outcome, Outcome::Interrupted);
    let mut rest = Vec::new();
    held.unwrap().read_to_end(&mut rest).expect("nobody holds it any more");
    assert!(rest.is_empty());
}

#[test]
fn a_grandchild_that_keeps_the_output_open_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let alive = fifo(directory.path(), "alive");
    let go = fifo(directory.path(), "go");
    fifo(directory.path(), "never");
    let script = r#"
        (exec 9> "$1/alive"; echo ready >&9; read x < "$1/never") &
        read x < "$1/go"
        echo '{"outcome":"ok","note":"parent"}'
    "#;
    let mut held = None;
    let outcome = beside(script, directory.path(), "60s", &Stop::default(), || {
        let mut file = File::open(&alive).unwrap();
        let mut ready = [0; 6];
        file.read_exact(&mut ready).unwrap();
        held = Some(file);
        fs::write(&go, "go\n").unwrap();
    });
    assert_eq!(outcome, Outcome::Ok("parent".into()), "the run ends with its first process");
    let mut rest = Vec::new();
    held.unwrap().read_to_end(&mut rest).expect("what it left behind is dead");
    assert!(rest.is_empty());
}

#[test]
fn a_flood_is_bounded_and_its_end_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let handler = CommandHandler::new(QUICK).keeping_output_in(directory.path());
    let script =
        r#"yes abcdefghijklmnopqrstuvwxyz | head -c 20000000; echo; echo '{"outcome":"ok","note":"all of it"}'"#;
    let outcome = handler.run(&attempt(&["sh", "-c", script], "60s"), &Stop::default());
    assert_eq!(outcome, Outcome::Ok("all of it".into()));
    let kept = fs::read_to_string(CommandHandler::output_file(directory.path(), RunId(17), 2)).unwrap();
    assert!(kept.len() < QUICK.output_bytes + 100, "{} bytes were kept", kept.len());
    assert!(kept.contains(" bytes were dropped here ...]\n") && kept.ends_with("\"note\":\"all of it\"}\n"));
}

#[test]
fn an_endless_flood_does_not_keep_it_from_being_stopped() {
    let outcome = CommandHandler::new(QUICK).run(&attempt(&["yes"], "1s"), &Stop::default());
    assert_eq!(outcome, Outcome::TimedOut);
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let outcome = sh(r"printf '\377\376\000\033[2J\n' >&2; printf '\377{\n'; exit 2");
    assert_eq!(error(outcome), "exit code 2: \u{fffd}\u{fffd}  [2J");
}

#[test]
fn silence_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let handler = CommandHandler::new(QUICK).keeping_output_in(directory.path());
    assert_eq!(handler.run(&attempt(&["true"], "60s"), &Stop::default()), Outcome::Ok("".into()));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Not a test of its own: `a_child_dies_with_its_parent` starts this binary again to run it, and kills it.
#[test]
#[ignore = "only run by another test, as a process to be killed"]
fn a_parent_to_be_killed() {
    let directory = std::env::var("KOBE_TEST_DIRECTORY").expect("the other test sets it");
    let script = r#"exec 9> "$1/alive"; echo ready >&9; read x < "$1/never""#;
    let attempt = attempt(&["sh", "-c", script, "sh", &directory], "60s");
    CommandHandler::new(QUICK).run(&attempt, &Stop::default());
}

#[test]
fn a_child_dies_with_its_parent() {
    let directory = tempfile::tempdir().unwrap();
    let alive = fifo(directory.path(), "alive");
    fifo(directory.path(), "never");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_parent_to_be_killed", "--ignored"])
        .env("KOBE_TEST_DIRECTORY", directory.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut held = File::open(&alive).unwrap();
    let mut ready = [0; 6];
    held.read_exact(&mut ready).unwrap();
    // SIGKILL: the parent has no chance to do anything about its child.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let mut rest = Vec::new();
    held.read_to_end(&mut rest).expect("the child, the only writer, is dead");
    assert_eq!((&ready[..], rest.len()), (&b"ready\n"[..], 0));
}
