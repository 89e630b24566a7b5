//! Another desk under a running one: all of it or nothing, nothing for the past, and either the old or the new after a kill at any moment.

mod common;

use std::fs;
use std::time::Duration;

use common::hook::Hook;
use common::{Chance, PATIENCE, Place, eventually, rounds, slots};
use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;
use serde_json::Value;

/// A desk with a task that fires every second, and whatever else is said.
fn desk(more: &str) -> String {
    format!(
        "[[group]]\nname = \"g\"\n\n[[group.task]]\nname = \"tick\"\ndoes = \"Says that it was there.\"\ncommand = [\"true\"]\nevery = \"1s\"\n{more}"
    )
}

fn task(name: &str, what: &str) -> String {
    format!("\n[[group.task]]\nname = \"{name}\"\ndoes = \"One more.\"\n{what}\n")
}

/// Waits until the desk that runs is the one named, as `kobe status` has it: the heartbeat that says so is written once a second.
fn is_in_force(place: &Place, config: &Value, name: &str) {
    eventually(&format!("{name}: status shows {config}"), PATIENCE, || {
        let status = place.kobe(&["status", "--json"]);
        assert_eq!(status.code, Some(0), "{name}: {}", status.stderr);
        (status.json()["desk"]["config"] == *config).then_some(())
    });
}

/// The identity of the files as they are now.
fn of_files(place: &Place) -> String {
    let status = place.kobe(&["status", "--json", "--state", "nothing_runs_here"]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    status.json()["desk"]["config"].as_str().expect("a hash").to_owned()
}

#[test]
fn sighup_and_changed_files_put_a_new_desk_in_force() {
    let (place, mut hook) = (Place::with_desk(&desk("")), Hook::new());
    let mut running = place.run(&["--channels", hook.settings(&place)]);
    let first = running.started["config"].clone();
    is_in_force(&place, &first, "the first");

    place.write(
        "desk/more.toml",
        format!("[[group]]\nname = \"h\"\n{}", task("second", "command = [\"true\"]\nevery = \"1s\"")),
    );
    running.tell("-HUP");
    let reloaded = running.wait("reloaded", |_| true);
    assert_eq!((&reloaded["occasion"], &reloaded["from"]), (&"SIGHUP".into(), &first), "{reloaded}");
    assert!(reloaded["changes"].as_str().is_some_and(|c| c.ends_with("; 1 task new")), "{reloaded}");
    running.wait("run_ended", |e| e["task"] == "second");
    is_in_force(&place, &reloaded["to"], "the second");
    assert_eq!(of_files(&place), reloaded["to"]);
    hook.wait("a changed desk is in force");

    // Nobody says anything: the files are looked at.
    fs::remove_file(place.path("desk/more.toml")).expect("it is there");
    let back = running.wait("reloaded", |_| true);
    assert_eq!((&back["occasion"], &back["to"]), (&"the desk files have changed".into(), &first), "{back}");
    is_in_force(&place, &first, "the first again");
    let rows = slots::rows(&place.path("state"));
    slots::every_second_has_one_row(&rows);
    running.stop();
}

#[test]
fn a_bad_file_keeps_the_old_desk_and_is_told_and_status_still_answers() {
    let (place, mut hook) = (Place::with_desk(&desk("")), Hook::new());
    let mut running = place.run(&["--channels", hook.settings(&place)]);
    let rows = [
        ("a key that nobody knows", desk("colour = \"red\"\n"), "unknown key"),
        ("no TOML", desk("every = = 1\n"), "desk.toml"),
        ("a name that stands there twice", desk(&task("tick", "command = [\"true\"]\nevery = \"2s\"")), "tick"),
        ("no task at all", String::new(), "task"),
        ("a function that is not there", desk(&task("x", "call = \"no_such\"\nevery = \"1s\"")), "no_such"),
    ];
    for (name, text, said) in rows {
        place.write("desk/desk.toml", text);
        running.tell("-HUP");
        let refused = running.wait("reload_refused", |_| true);
        assert!(refused["why"].as_str().is_some_and(|why| why.contains(said)), "{name}: {refused}");
        running.wait("run_ended", |e| e["task"] == "tick");
        is_in_force(&place, &running.started["config"], name);
    }
    let told = hook.wait("a changed desk was refused");
    assert!(told.text.contains("the old one goes on"), "{}", told.text);
    assert_eq!(told.severity, "error");
    // Files as they were are the end of it, and so is a desk that is put right, which is taken.
    place.write("desk/desk.toml", desk(""));
    running.tell("-HUP");
    running.wait("reload_unchanged", |_| true);
    // Word by word, or in one line with a refusal that was not told yet: what is over is said to be over.
    hook.wait("over");
    place.write("desk/desk.toml", desk("every = = 1\n"));
    running.tell("-HUP");
    running.wait("reload_refused", |_| true);
    hook.wait("a changed desk was refused");
    place.write("desk/desk.toml", desk(&task("second", "command = [\"true\"]\nevery = \"1s\"")));
    running.wait("reloaded", |_| true);
    hook.wait("over");
    running.wait("run_ended", |e| e["task"] == "second");
    let told = hook.count("over");
    place.write("desk/desk.toml", desk(""));
    running.tell("-HUP");
    running.wait("reloaded", |_| true);
    assert_eq!(hook.count("over"), told, "what was not refused is not over");
    running.stop();
}

/// Somebody writes slowly: every part of the file up to here is a desk of its own, and none of them must come into force.
#[test]
fn a_file_that_is_being_written_is_never_taken_for_the_new_desk() {
    use std::io::Write as _;
    let place = Place::with_desk(&desk(""));
    let mut running = place.run(&[]);
    let mut file = fs::File::create(place.path("desk/desk.toml")).expect("writable");
    file.write_all(desk("").as_bytes()).expect("writable");
    // Longer than two looks at the files, in steps that are shorter than one.
    let pace = Duration::from_millis(400);
    for i in 0..20 {
        std::thread::sleep(pace);
        file.write_all(task(&format!("late{i}"), "command = [\"true\"]\nevery = \"1h\"").as_bytes()).expect("writable");
    }
    drop(file);
    let reloaded = running.wait("reloaded", |_| true);
    assert_eq!(reloaded["to"], of_files(&place), "the whole file");
    let heard: Vec<&Value> =
        running.heard.iter().filter(|e| e["event"].as_str().is_some_and(|e| e.starts_with("reload"))).collect();
    assert_eq!(heard.len(), 1, "and no part of it before: {heard:?}");
    running.stop();
}

#[test]
fn an_edit_into_the_past_fires_nothing() {
    let (market, now) = (Market::bundled().expect("its tables are sound"), Timestamp::now());
    let clock = |minutes: i64| market.local(now + SignedDuration::from_mins(minutes)).strftime("%H:%M").to_string();
    let moved = |at: String| {
        task("moved", &format!("command = [\"true\"]\nat = \"{at}\"\ncatch_up = \"all(50)\"\ngrace = \"1h\""))
    };
    let place = Place::with_desk(&desk(&moved(clock(90))));
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    // Into the past, also by less than its grace; a new task whose time was a minute ago; and a faster pace, whose steps of today lie behind.
    for (name, text) in [
        ("two minutes ago", desk(&moved(clock(-2)))),
        ("an hour ago", desk(&moved(clock(-60)))),
        (
            "a new one of a minute ago",
            desk(&format!(
                "{}{}",
                moved(clock(90)),
                task(
                    "fresh",
                    &format!("command = [\"true\"]\nat = \"{}\"\ncatch_up = \"all(50)\"\ngrace = \"1h\"", clock(-1))
                )
            )),
        ),
        (
            "every hour became every 97 seconds",
            desk(&task("pace", "command = [\"true\"]\nevery = \"97m\"\ncatch_up = \"all(50)\"")),
        ),
        (
            "every hour became every minute",
            desk(&task("pace", "command = [\"true\"]\nevery = \"61m\"\ncatch_up = \"all(50)\"")),
        ),
    ] {
        place.write("desk/desk.toml", text);
        running.tell("-HUP");
        running.wait("reloaded", |_| true);
        for _ in 0..2 {
            running.wait("run_ended", |e| e["task"] == "tick");
        }
        let others: Vec<&Value> = running.heard.iter().filter(|e| !e["run"].is_null() && e["task"] != "tick").collect();
        assert_eq!(others, Vec::<&Value>::new(), "{name}");
    }
    running.stop();
    let rows = slots::rows(&place.path("state"));
    assert!(rows.iter().all(|row| row.task == "tick"), "not even a row: {rows:#?}");
    slots::every_second_has_one_row(&rows);
}

#[test]
fn a_task_that_runs_cannot_be_taken_away() {
    let patient =
        task("patient", "command = [\"sleep\", \"600\"]\ncron = \"0 0 1 1 *\"\nlane = \"research\"\ntimeout = \"4h\"");
    let place = Place::with_desk(&desk(&patient));
    let mut running = place.run(&[]);
    assert_eq!(place.kobe(&["task", "run", "patient", "--wait", "0"]).code, Some(0));
    let run = running.wait("run_started", |e| e["task"] == "patient")["run"].to_string();
    place.write("desk/desk.toml", desk(""));
    running.tell("-HUP");
    let refused = running.wait("reload_refused", |_| true);
    assert!(refused["why"].as_str().is_some_and(|why| why.contains("patient is running")), "{refused}");
    let cancelled = place.kobe(&["runs", "cancel", &run, "--reason", "it goes away"]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    running.wait("run_ended", |e| e["task"] == "patient");
    running.tell("-HUP");
    running.wait("reloaded", |_| true);
    running.stop();
}

/// The process that compares the fire times of two desks is the one that trades: a week of a dense desk must not be held in it.
#[test]
fn a_change_of_a_dense_desk_takes_no_memory_to_speak_of() {
    let dense = |pace: &str| -> String {
        let one = |i| task(&format!("t{i}"), &format!("command = [\"true\"]\nevery = \"{pace}\"\nenabled = false"));
        desk(&(0..100).map(one).collect::<String>())
    };
    let place = Place::with_desk(&dense("6s"));
    let mut running = place.run(&[]);
    running.wait("run_ended", |_| true);
    let peak = |pid: u32| -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of resident memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let before = peak(running.child.id());
    place.write("desk/desk.toml", dense("7s"));
    running.tell("-HUP");
    let reloaded = running.wait("reloaded", |_| true);
    assert!(reloaded["changes"].as_str().is_some_and(|c| c.contains("settings of 100 tasks")), "{reloaded}");
    let grown = peak(running.child.id()) - before;
    println!("the change took {grown} KiB");
    assert!(grown < 64 << 10, "{grown} KiB more than the {before} KiB before");
    running.stop();
}

/// The same two desks again and again, killed somewhere in the change.
#[test]
fn killed_during_a_change_it_is_the_old_desk_or_the_new() {
    let noted = |name: &str, note: &str| {
        let script = format!("echo $KOBE_TASK $KOBE_SLOT $KOBE_ATTEMPT >> {note}");
        task(
            name,
            &format!(
                "command = [\"sh\", \"-c\", \"{script}\"]\nevery = \"1s\"\ncatch_up = \"all(50)\"\noverlap = \"allow(9)\"\nbackoff = \"1s\""
            ),
        )
    };
    let place = Place::new();
    let note = place.path("notes").display().to_string();
    let one = desk(&(noted("always", &note) + &noted("sometimes", &note)));
    let other = desk(&(noted("always", &note).replace("One more", "The other desk") + &noted("at_times", &note)));
    place.write("desk/desk.toml", &one);
    let mut chance = Chance::new(7);
    let mut known = Vec::new();
    for round in 0..rounds(6) {
        let mut running = place.run(&[]);
        if known.is_empty() {
            known.push(running.started["config"].as_str().expect("a hash").to_owned());
        }
        running.wait("run_ended", |_| true);
        for edit in 0..1 + chance.below(3) {
            // A file takes the place of another in one move, as a careful editor does it.
            place.write("desk.new", if (round + edit) % 2 == 0 { &other } else { &one });
            fs::rename(place.path("desk.new"), place.path("desk/desk.toml")).expect("one move");
            running.tell("-HUP");
        }
        std::thread::sleep(Duration::from_micros(chance.below(60_000)));
        for event in running.kill() {
            if event["event"] == "reloaded" {
                known.push(event["to"].as_str().expect("a hash").to_owned());
            }
            let refused = event["event"] == "reload_refused";
            assert!(!refused || event["why"].as_str().is_some_and(|why| why.contains("is running")), "{event}");
        }
        let whole = place.kobe(&["verify", "--json"]);
        assert_eq!(whole.code, Some(0), "round {round}: {}{}", whole.stdout, whole.stderr);
    }
    known.push(of_files(&place));
    known.sort();
    known.dedup();
    assert_eq!(known.len(), 2, "two desks: {known:?}");
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "always");
    running.stop();
    let rows = slots::rows(&place.path("state"));
    for row in &rows {
        assert!(known.contains(&row.config), "run {} was planned by neither desk: {}", row.id, row.config);
        assert!(
            row.state.is_terminal() || row.due > Timestamp::now() - SignedDuration::from_secs(5),
            "{row:?} is left over"
        );
    }
    let shared: Vec<_> = rows.iter().filter(|row| ["tick", "always"].contains(&row.task.as_str())).cloned().collect();
    let slots = slots::every_second_has_one_row(&shared);
    slots::each_attempt_began_once(&place.read("notes"), &rows);
    println!("{slots} slots of what both desks have, {} rows in all", rows.len());
    replays(&place);
}

/// The day is lived again to the same hash, whatever killed it.
fn replays(place: &Place) {
    let today = Market::bundled().expect("its tables are sound").date_of(Timestamp::now());
    let lived = place.kobe(&["replay-day", &today.to_string(), "--json"]);
    assert_eq!(lived.code, Some(0), "{}{}", lived.stdout, lived.stderr);
}
