//! The disk under a running desk: full and free again, failing, read-only, with few file descriptors, damaged. What was acknowledged is there, and a person is told.

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::hook::Hook;
use common::{Place, Running, disk, eventually, needs, slots};
use jiff::Timestamp;
use serde_json::Value;

/// Programs that note when they began, and functions that leave something; each task fires every second.
fn desk(notes: &Path) -> String {
    let script = format!("echo $KOBE_TASK $KOBE_SLOT $KOBE_ATTEMPT $(date +%s.%N) >> {}", notes.display());
    let mut text = String::from("[lanes.monitoring]\nworkers = 8\nqueue = 1000\n\n[[group]]\nname = \"dense\"\n");
    for i in 0..12 {
        text.push_str(&format!(
            "\n[[group.task]]\nname = \"t{i}\"\ndoes = \"Notes that it began.\"\nlane = \"monitoring\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n\
             every = \"1s\"\nbackoff = \"1s\"\noverlap = \"allow(4)\"\ncatch_up = \"all(50)\"\nidempotent = {}\n",
            i % 2 == 0
        ));
    }
    text
}

fn dense() -> Place {
    let place = Place::new();
    place.write("desk/desk.toml", desk(&place.path("notes")));
    place
}

/// A desk that runs on a state elsewhere and tells the hook.
fn run_on(place: &Place, state: &str, hook: &Hook) -> Running {
    place.run(&["--state", state, "--channels", hook.settings(place)])
}

fn check(health: &Value, name: &str) -> String {
    health["checks"][name]["detail"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the desk says itself that there is no room; returns since when.
fn full_since(running: &Running) -> Timestamp {
    let health = eventually("/health says that the disk is full", Duration::from_secs(60), || {
        let (status, health) = running.page("/health")?;
        (status == 503 && check(&health, "disk").starts_with("full since ")).then_some(health)
    });
    assert_eq!(health["status"], "unhealthy");
    let said = check(&health, "disk");
    let words = said.trim_start_matches("full since ").split_once(": ").expect("since when, and what follows");
    assert_eq!(words.1, "nothing starts until there is room");
    words.0.parse().expect("an instant")
}

#[test]
fn a_full_disk_holds_everything_back_and_loses_nothing() {
    disk::on_a_disk_of_its_own("holds_everything_back_and_loses_nothing");
}

#[test]
#[ignore = "started by a_full_disk_holds_everything_back_and_loses_nothing"]
fn holds_everything_back_and_loses_nothing() {
    let Some(disk) = disk::here() else { return };
    let (place, mut hook) = (dense(), Hook::new());
    let state = disk.join("state");
    let on = state.display().to_string();
    let mut running = run_on(&place, &on, &hook);
    let mut heard = Vec::new();
    for _ in 0..40 {
        running.wait("run_ended", |_| true);
    }
    let mut spans = Vec::new();
    for round in 0..2 {
        disk::fill(&disk);
        let mut since = full_since(&running);
        hook.wait("the disk is full: nothing starts until there is room");
        // Reading goes on, and the switch can be pulled: a name needs no room.
        for args in [&["status", "--json"][..], &["runs", "list", "--json"], &["verify", "--json"]] {
            let answer = place.kobe(&[args, &["--state", &on]].concat());
            assert_eq!(answer.code, Some(0), "round {round}: {args:?}: {}", answer.stderr);
        }
        if round == 0 {
            let halted = place.kobe(&["halt", "--reason", "the disk is full", "--state", &on]);
            assert!(state.join("KILL_SWITCH").exists(), "{}", halted.stderr);
            assert!(halted.code == Some(0) || halted.stderr.contains("the kill switch IS pulled"), "{}", halted.stderr);
        }
        // A wish needs a row: it is refused in words, or finds its room; it is never half taken.
        let wish = place.kobe(&["task", "run", "t0", "--wait", "0", "--state", &on]);
        assert!(
            wish.code == Some(0) || (wish.code == Some(74) && wish.stderr.contains("the disk is full")),
            "round {round}: {:?} {}",
            wish.code,
            wish.stderr
        );
        // Some seconds of slots that cannot be stored.
        eventually("a few seconds of a full disk", Duration::from_secs(30), || {
            (Timestamp::now().duration_since(since) > jiff::SignedDuration::from_secs(4)).then_some(())
        });
        let (status, health) = running.page("/health").expect("it answers");
        assert_eq!(status, 503, "{health}");
        for no in ["planner_stuck", "nothing_starts", "heartbeat_stale"] {
            assert!(!check(&health, "watch").contains(no), "a full disk is no {no}: {health}");
        }
        if round == 1 {
            // Killed while it holds results in memory, and started on the full disk. A start folds the log in and may spend the reserve, so there may be a little room until it is
            // full again; or it has none for what recovery settled, and says so before it answers any page.
            spans.push((since, Timestamp::now()));
            heard.extend(running.kill());
            running = place.start_as(|args| {
                let mut command = place.command(args);
                command.args(["--state", &on, "--channels", hook.settings(&place)]);
                command
            });
            hook.wait("the disk is full: nothing starts until there is room");
            since = Timestamp::now();
            let status = place.kobe(&["status", "--json", "--state", &on]);
            assert_eq!((status.code, &status.json()["running"]), (Some(0), &Value::Bool(true)), "{}", status.stderr);
        }
        spans.push((since, Timestamp::now()));
        disk::make_room(&disk);
        hook.wait("the disk has room again after ");
        if running.started.is_null() {
            running.has_started();
        }
        eventually("/health is no longer red", Duration::from_secs(20), || {
            running.page("/health").filter(|h| h.0 == 200)
        });
        running.wait("run_ended", |e| e["state"] == "completed");
    }
    heard.extend(running.stop());
    let rows = slots::rows(&state);
    slots::what_was_told_is_there(&heard, &rows);
    let all = slots::every_second_has_one_row(&rows);
    let notes = place.read("notes");
    slots::each_attempt_began_once(&notes, &rows);
    for line in notes.lines() {
        let at: f64 = line.rsplit(' ').next().and_then(|s| s.parse().ok()).expect("when it began");
        for (from, to) in &spans {
            let (from, to) = (from.as_millisecond() as f64 / 1e3, to.as_millisecond() as f64 / 1e3);
            // What was handed to its worker before the disk was found full may still begin.
            assert!(!(from + 1.5..to).contains(&at), "began while the disk was full from {from} to {to}: {line}");
        }
    }
    println!("{all} slots, {} programs begun, {} rounds", notes.lines().count(), spans.len());
    let whole = place.kobe(&["verify", "--json", "--state", &on]);
    assert_eq!(whole.code, Some(0), "{}", whole.stdout);
}

#[test]
fn a_first_start_on_a_full_disk_waits_for_room_and_says_so() {
    disk::on_a_disk_of_its_own("waits_for_room_and_says_so");
}

/// There is no database, no row and no loop yet, and still a person is told and the page says why.
#[test]
#[ignore = "started by a_first_start_on_a_full_disk_waits_for_room_and_says_so"]
fn waits_for_room_and_says_so() {
    let Some(disk) = disk::here() else { return };
    let (place, mut hook) = (dense(), Hook::new());
    let (on, settings) = (disk.join("state").display().to_string(), hook.settings(&place));
    fs::write(disk.join("ballast"), vec![7; 256 << 10]).expect("there is room");
    disk::fill(&disk);
    // Nobody says where it listens before it has started.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").to_string();
    let mut running = place
        .start_as(|_| place.command(&["run", "--json", "--listen", &free, "--state", &on, "--channels", settings]));
    let told = hook.wait("the disk is full: nothing starts until there is room");
    assert_eq!(told.severity, "critical");
    let (status, health) = common::page(&free, "/health").expect("it answers");
    assert_eq!((status, &health["status"], &health["ready"]), (503, &"unhealthy".into(), &false.into()), "{health}");
    assert!(check(&health, "disk").starts_with("disk full, waiting for room since "), "{health}");
    assert_eq!(common::page(&free, "/liveness").map(|(status, _)| status), Some(200), "another start makes no room");
    disk::make_room(&disk);
    hook.wait("the disk has room again after ");
    running.has_started();
    running.wait("run_ended", |e| e["state"] == "completed");
    eventually("/health is no longer red", Duration::from_secs(20), || running.page("/health").filter(|h| h.0 == 200));
    assert_eq!(hook.count("the disk is full"), 1, "told once: {:#?}", hook.told);
    running.stop();
    slots::every_second_has_one_row(&slots::rows(&disk.join("state")));
}

#[test]
fn a_start_that_the_storage_prevents_is_told_once_and_so_is_its_end() {
    let (place, mut hook) = (lived_in(), Hook::new());
    let settings = hook.settings(&place);
    let path = place.path("state/kobe.db");
    let sound = fs::read(&path).expect("a database");
    fs::write(&path, "this is no database").expect("writable");
    for _ in 0..3 {
        let answer = place.kobe(&["run", "--listen", "127.0.0.1:0", "--channels", settings]);
        assert_eq!(answer.code, Some(74), "{}", answer.stderr);
    }
    let told = hook.wait("the desk cannot start: its storage failed");
    assert_eq!(told.severity, "critical");
    assert!(told.text.contains("kobe.db") && told.text.contains("alerts.md#storage_failed"), "{}", told.text);
    assert_eq!(hook.count("the desk cannot start"), 1, "{:#?}", hook.told);
    // Another cause is news.
    fs::write(&path, "").expect("writable");
    assert_eq!(place.kobe(&["run", "--listen", "127.0.0.1:0", "--channels", settings]).code, Some(74));
    assert_eq!(hook.count("the desk cannot start"), 2, "{:#?}", hook.told);
    fs::write(&path, sound).expect("writable");
    for round in 0..2 {
        let running = place.run(&["--channels", settings]);
        if round == 0 {
            hook.wait("the desk has started again");
        }
        running.stop();
    }
    assert_eq!(hook.count("the desk has started again"), 1, "{:#?}", hook.told);
}

#[test]
fn told_to_stop_on_a_full_disk_it_ends_and_says_why() {
    disk::on_a_disk_of_its_own("ends_and_says_why");
}

#[test]
#[ignore = "started by told_to_stop_on_a_full_disk_it_ends_and_says_why"]
fn ends_and_says_why() {
    let Some(disk) = disk::here() else { return };
    let (place, mut hook) = (dense(), Hook::new());
    let on = disk.join("state").display().to_string();
    let mut running = run_on(&place, &on, &hook);
    running.wait("run_ended", |_| true);
    disk::fill(&disk);
    full_since(&running);
    running.tell("-TERM");
    let (heard, end) = running.hear_out();
    assert_eq!(end.code, Some(74), "{}", end.stderr);
    assert!(end.stderr.contains("the disk is full") && end.stderr.contains("\n\nhint: make room"), "{}", end.stderr);
    hook.wait("rows can no longer be written");
    disk::make_room(&disk);
    let mut running = run_on(&place, &on, &hook);
    running.wait("run_ended", |e| e["state"] == "completed");
    let heard: Vec<Value> = heard.into_iter().chain(running.stop()).collect();
    let rows = slots::rows(&disk.join("state"));
    slots::what_was_told_is_there(&heard, &rows);
    slots::every_second_has_one_row(&rows);
}

/// A disk that reports an error when it is flushed: which file, and its how manyth flush after the desk runs.
#[test]
fn an_error_of_a_flush_ends_it_at_once_and_the_flush_is_not_tried_again() {
    let strace = needs("strace", "strace");
    for (name, file, when) in
        [("the log of the database, early", "kobe.db-wal", 12), ("the log of the database, later", "kobe.db-wal", 20)]
    {
        let (place, mut hook) = (dense(), Hook::new());
        let settings = hook.settings(&place);
        // The state is there already, so that the flushes of its making are over.
        assert_eq!(place.kobe(&["run", "--once"]).code, Some(0), "{name}");
        let state = fs::canonicalize(place.path("state")).expect("it is there");
        let mut running = place.run_as(|args| {
            let mut command = place.command(&[]);
            let mut traced = Command::new(&strace);
            // -D: the tracer is the grandchild, so that signals and exit codes are Kobe's.
            traced
                .args(["-D", "-f", "-ttt", "-y", "-qq", "-e", "trace=fsync,fdatasync", "-o"])
                .arg(place.path("trace"));
            traced.arg("-P").arg(state.join(file));
            traced.args(["-e", &format!("inject=fsync,fdatasync:error=EIO:when={when}")]);
            traced.arg(env!("CARGO_BIN_EXE_kobe")).args(args).args(["--channels", settings]);
            traced.current_dir(place.dir.path()).env_clear().stdin(Stdio::null());
            for (key, value) in command.stdout(Stdio::null()).get_envs() {
                if let Some(value) = value {
                    traced.env(key, value);
                }
            }
            traced
        });
        running.wait("run_started", |_| true);
        let told = hook.wait("the desk stops: rows can no longer be written");
        assert_eq!(told.severity, "critical", "{name}");
        let after = Instant::now();
        let (heard, end) = running.hear_out();
        assert!(after.elapsed() < Duration::from_secs(15), "{name}: it ended after {:?}", after.elapsed());
        assert_eq!(end.code, Some(74), "{name}: {}", end.stderr);
        assert!(
            end.stderr.contains("IOERR_FSYNC") && end.stderr.contains("\n\nhint: check the disk"),
            "{name}: {}",
            end.stderr
        );
        let trace = eventually("the trace is written", Duration::from_secs(10), || {
            fs::read_to_string(place.path("trace")).ok().filter(|trace| trace.contains("(INJECTED)"))
        });
        let flushes: Vec<&str> = trace.lines().filter(|line| line.contains("sync(")).collect();
        let failed = flushes.iter().position(|line| line.contains("(INJECTED)")).expect("one failed");
        assert_eq!(
            flushes.len(),
            failed + 1,
            "{name}: flushed again after the error:\n{}",
            flushes[failed..].join("\n")
        );
        let failed_at: f64 =
            flushes[failed].split_whitespace().nth(1).and_then(|at| at.parse().ok()).expect("when it failed");
        let last =
            heard.iter().rfind(|e| e["event"] == "run_started").and_then(|e| e["ts"].as_str()).expect("one began");
        let last: Timestamp = last.parse().expect("an instant");
        assert!(last.as_millisecond() as f64 / 1e3 < failed_at + 1.0, "{name}: {last} is later than {failed_at}");
        // Started again on a disk that works, it goes on.
        let mut running = place.run(&[]);
        running.wait("run_ended", |e| e["state"] == "completed");
        let heard: Vec<Value> = heard.into_iter().chain(running.stop()).collect();
        let rows = slots::rows(&state);
        slots::what_was_told_is_there(&heard, &rows);
        slots::every_second_has_one_row(&rows);
        slots::each_attempt_began_once(&place.read("notes"), &rows);
    }
}

/// As the first flush of a life fails: nothing has begun, and the code is that of the storage.
#[test]
fn an_error_of_a_flush_at_the_start_is_told_as_one_of_the_storage() {
    let strace = needs("strace", "strace");
    for when in [1, 2, 3, 4, 5] {
        let place = dense();
        let mut traced = Command::new(&strace);
        traced.args(["-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", "/dev/null"]);
        traced.args(["-e", &format!("inject=fsync,fdatasync:error=EIO:when={when}")]);
        traced.arg(env!("CARGO_BIN_EXE_kobe")).args(["run", "--once", "--config", "desk"]);
        let end = traced.current_dir(place.dir.path()).stdin(Stdio::null()).output().expect("strace starts");
        let said = String::from_utf8_lossy(&end.stderr).into_owned();
        // The fifth may be that of an export, which stops nothing.
        assert!(
            end.status.code() == Some(74) || (when > 3 && end.status.code() == Some(0)),
            "flush {when}: {:?} {said}",
            end.status
        );
        assert!(!said.contains("fault of Kobe"), "flush {when}: {said}");
        let again = place.kobe(&["run", "--once"]);
        assert_eq!(again.code, Some(0), "flush {when}, then started again: {}", again.stderr);
    }
}

#[test]
fn a_state_that_cannot_be_written_is_told() {
    disk::on_a_disk_of_its_own("is_told_where_nothing_can_be_written");
}

#[test]
#[ignore = "started by a_state_that_cannot_be_written_is_told"]
fn is_told_where_nothing_can_be_written() {
    let Some(disk) = disk::here() else { return };
    let place = dense();
    let on = disk.join("state").display().to_string();
    assert_eq!(place.kobe(&["run", "--once", "--state", &on]).code, Some(0));
    disk::read_only(&disk, true);
    for args in [
        &["run", "--listen", "127.0.0.1:0"][..],
        &["run", "--once"],
        &["task", "pause", "t0", "--reason", "a test"],
        &["halt", "--reason", "a test"],
        &["halt", "monitoring", "--reason", "a test"],
        &["task", "run", "t0"],
    ] {
        let answer = place.kobe(&[args, &["--state", &on]].concat());
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(74), ""), "{args:?}: {}", answer.stderr);
        assert!(answer.stderr.starts_with("error: ") && answer.stderr.contains(&on), "{args:?}: {}", answer.stderr);
        assert!(answer.stderr.contains("\n\nhint: check the disk and the rights"), "{args:?}: {}", answer.stderr);
    }
    for args in [&["status"][..], &["runs"], &["verify"], &["plan"]] {
        let answer = place.kobe(&[args, &["--state", &on]].concat());
        assert_eq!(answer.code, Some(0), "{args:?}: {}", answer.stderr);
    }
    disk::read_only(&disk, false);
    assert_eq!(place.kobe(&["run", "--once", "--state", &on]).code, Some(0), "and everything is as it was");
}

/// A desk with 64 file descriptors, whose page is held open by as many strangers as it lets in.
#[test]
fn with_few_file_descriptors_it_runs_and_loses_nothing() {
    let place = dense();
    let mut running = place.run_as(|args| {
        let mut command = place.command(&[]);
        let mut few = Command::new("sh");
        few.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_kobe")]).args(args);
        few.current_dir(place.dir.path()).env_clear().stdin(Stdio::null());
        for (key, value) in command.stdout(Stdio::null()).get_envs() {
            if let Some(value) = value {
                few.env(key, value);
            }
        }
        few
    });
    for _ in 0..36 {
        running.wait("run_ended", |_| true);
    }
    let strangers: Vec<TcpStream> = (0..100).filter_map(|_| TcpStream::connect(running.address()).ok()).collect();
    let fds = || fs::read_dir(format!("/proc/{}/fd", running.child.id())).map_or(0, Iterator::count);
    let most =
        eventually("strangers have taken what there is", Duration::from_secs(10), || Some(fds()).filter(|n| *n > 40));
    println!("{} strangers, {most} of 64 file descriptors taken", strangers.len());
    for _ in 0..100 {
        running.wait("run_ended", |_| true);
    }
    drop(strangers);
    eventually("/health answers again", Duration::from_secs(30), || running.page("/health").filter(|h| h.0 == 200));
    running.wait("run_ended", |e| e["state"] == "completed");
    let heard = running.stop();
    let failed = heard.iter().filter(|e| e["state"] == "failed").count();
    println!("{failed} runs failed for want of a file descriptor");
    for event in heard.iter().filter(|e| e["state"] == "failed") {
        assert!(event["note"].as_str().is_some_and(|note| note.contains("Too many open files")), "{event}");
    }
    let rows = slots::rows(&place.path("state"));
    slots::what_was_told_is_there(&heard, &rows);
    slots::every_second_has_one_row(&rows);
    slots::each_attempt_began_once(&place.read("notes"), &rows);
    let whole = place.kobe(&["verify", "--json"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stdout);
}

/// Returns a state with some rows, closed in good order.
fn lived_in() -> Place {
    let place = dense();
    let mut running = place.run(&[]);
    for _ in 0..60 {
        running.wait("run_ended", |_| true);
    }
    running.stop();
    place
}

#[test]
fn a_damaged_database_is_told_and_left_as_it_is() {
    let place = lived_in();
    let path = place.path("state/kobe.db");
    let sound = fs::read(&path).expect("a database");
    type Damage = fn(&mut Vec<u8>);
    let rows: [(&str, Damage); 9] = [
        ("cut to nothing", |b| b.clear()),
        ("cut to half a page", |b| b.truncate(2048)),
        ("cut in its middle", |b| b.truncate(b.len() / 2)),
        ("without its last byte", |b| b.truncate(b.len() - 1)),
        ("a bit of its head turned", |b| b[20] ^= 0x10),
        ("its first page zeroed", |b| b[..4096].fill(0)),
        ("a page in its middle zeroed", |b| {
            let middle = b.len() / 8192 * 4096;
            b[middle..middle + 4096].fill(0);
        }),
        ("all of it zeroed", |b| b.fill(0)),
        ("another program's file", |b| *b = b"%PDF-1.7 this is no database".repeat(400)),
    ];
    for (name, damage) in rows {
        let mut bad = sound.clone();
        damage(&mut bad);
        fs::write(&path, &bad).expect("writable");
        for args in [&["run", "--once"][..], &["run", "--listen", "127.0.0.1:0"]] {
            let answer = place.kobe(args);
            assert_eq!((answer.code, answer.stdout.as_str()), (Some(74), ""), "{name}, {args:?}: {}", answer.stderr);
            assert!(
                answer.stderr.contains("state/kobe.db")
                    && answer.stderr.contains("\n\nhint: nothing was changed; restore"),
                "{name}, {args:?}: {}",
                answer.stderr
            );
        }
        assert!(fs::read(&path).expect("it is there") == bad, "{name}: the file was touched");
    }
    fs::write(&path, &sound).expect("writable");
    let again = place.kobe(&["run", "--once"]);
    assert_eq!(again.code, Some(0), "whole again: {}", again.stderr);
}

/// Another state's database, and yesterday's: sound files, but not the ones that belong here.
#[test]
fn a_database_that_does_not_belong_here_freezes_what_may_trade() {
    let (place, other) = (lived_in(), dense());
    assert_eq!(other.kobe(&["run", "--once"]).code, Some(0));
    let path = place.path("state/kobe.db");
    let own = fs::read(&path).expect("a database");
    fs::copy(other.path("state/kobe.db"), place.path("other.db")).expect("a copy");
    fs::rename(place.path("other.db"), &path).expect("one move");
    let swapped = place.kobe(&["run", "--once"]);
    assert_eq!(swapped.code, Some(0), "{}", swapped.stderr);
    assert!(swapped.stderr.contains("what may trade is frozen"), "{}", swapped.stderr);
    let switch = place.kobe(&["status", "--json"]).json()["kill_switch"].clone();
    assert_eq!(
        (&switch["active"], &switch["entries_allowed"], &switch["exits_allowed"]),
        (&true.into(), &false.into(), &false.into()),
        "{switch}"
    );

    // Its own of before, written over the file by hand: the same file, older rows.
    let place = lived_in();
    let path = place.path("state/kobe.db");
    let before = fs::read(&path).expect("a database");
    assert!(before != own);
    let mut running = place.run(&[]);
    for _ in 0..24 {
        running.wait("run_ended", |_| true);
    }
    running.stop();
    fs::write(&path, before).expect("writable");
    let older = place.kobe(&["run", "--once"]);
    assert!(older.stderr.contains("kobe.db is older than the state directory"), "{}", older.stderr);
    assert_eq!(place.kobe(&["status", "--json"]).json()["kill_switch"]["active"], true);
}

#[test]
fn damaged_state_files_are_replaced_kept_and_told() {
    let place = lived_in();
    let files = [
        "autonomous/heartbeat.json",
        "autonomous/scheduler/scheduler_state.json",
        "autonomous/task_queue.json",
        "autonomous/brain_state.json",
        "autonomous/discoveries.json",
        "positions.json",
        "policy_budget.json",
    ];
    type Damage = fn(&[u8]) -> Vec<u8>;
    let rows: [(&str, Damage); 5] = [
        ("cut", |b| b[..b.len() / 2].to_vec()),
        ("a bit turned", |b| {
            let mut bad = b.to_vec();
            bad[0] ^= 0x40;
            bad
        }),
        ("zeroed", |b| vec![0; b.len()]),
        ("a list where an object was, or the other way round", |b| {
            if b[0] == b'{' { b"[1, 2]".to_vec() } else { b"{}".to_vec() }
        }),
        ("no text", |_| vec![0xff, 0xfe, 0x00, 0x80]),
    ];
    for (name, damage) in rows {
        let mut bad = Vec::new();
        for file in files {
            let path = place.path("state").join(file);
            let content = fs::read(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
            assert!(!content.is_empty(), "{file}");
            bad.push((file, damage(&content)));
            fs::write(&path, &bad.last().expect("just pushed").1).expect("writable");
        }
        let mut running = place.run(&[]);
        running.wait("run_ended", |_| true);
        let (_, health) = eventually(&format!("{name}: /health tells of the files"), Duration::from_secs(20), || {
            running.page("/health").filter(|(_, health)| health["checks"]["state_files"]["ok"] == false)
        });
        assert!(check(&health, "state_files").contains("kept as "), "{name}: {health}");
        running.stop();
        for (file, bad) in bad {
            let path = place.path("state").join(file);
            let now: Value = serde_json::from_slice(&fs::read(&path).unwrap_or_else(|e| panic!("{name}: {file}: {e}")))
                .unwrap_or_else(|e| panic!("{name}: {file} was not replaced: {e}"));
            assert!(now.is_object() || now.is_array(), "{name}: {file}");
            let beside: Vec<_> = fs::read_dir(path.parent().expect("a parent"))
                .expect("listed")
                .map(|entry| entry.expect("an entry").path())
                .filter(|p| p.display().to_string().starts_with(&format!("{}.bad-", path.display())))
                .collect();
            let kept = beside.iter().any(|p| fs::read(p).is_ok_and(|content| content == bad));
            assert!(kept, "{name}: {file} is not kept beside: {beside:?}");
        }
    }
}
