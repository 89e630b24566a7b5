//! Backup, restore and migration, killed at moments nobody chose: the old or the new, never between; and a state that came back trades only after a person said so.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Chance, Place, needs, rounds, slots};
use serde_json::Value;

const DESK: &str = r#"
[[group]]
name = "g"

[[group.task]]
name = "tick"
does = "Says that it was there."
command = ["true"]
every = "1s"

[[group.task]]
name = "tock"
does = "Says that it was there."
command = ["echo", "something to keep"]
every = "1s"
"#;

/// Lives for so many runs and ends in good order.
fn live(place: &Place, runs: usize) {
    let mut running = place.run(&[]);
    for _ in 0..runs {
        running.wait("run_ended", |_| true);
    }
    running.stop();
}

/// Starts a command, kills it after so long, and says whether it had come to its end before.
fn killed_after(place: &Place, args: &[&str], after: Duration) -> bool {
    let mut child = place.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let begun = Instant::now();
    while begun.elapsed() < after && child.try_wait().expect("it can be asked").is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let _ = child.kill();
    child.wait().expect("it is dead").success()
}

/// How long a command takes that is left in peace.
fn time_of(place: &Place, args: &[&str]) -> Duration {
    let begun = Instant::now();
    let answer = place.kobe(args);
    assert_eq!(answer.code, Some(0), "{args:?}: {}", answer.stderr);
    begun.elapsed()
}

fn switch(place: &Place, state: &str) -> Value {
    let status = place.kobe(&["status", "--json", "--state", state]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    status.json()["kill_switch"].clone()
}

/// Neither entries nor exits pass.
fn is_frozen(place: &Place, state: &str, name: &str) {
    let switch = switch(place, state);
    let told = (&switch["active"], &switch["entries_allowed"], &switch["exits_allowed"]);
    assert_eq!(told, (&true.into(), &false.into(), &false.into()), "{name}: {switch}");
}

fn proves(place: &Place, state: &str, name: &str) {
    let whole = place.kobe(&["verify", "--json", "--state", state]);
    assert_eq!(whole.code, Some(0), "{name}: {}{}", whole.stdout, whole.stderr);
}

#[test]
fn a_backup_that_is_there_is_whole_whenever_it_was_killed() {
    let place = Place::with_desk(DESK);
    live(&place, 8);
    let took = time_of(&place, &["backup", "first"]);
    let mut chance = Chance::new(11);
    let (mut whole, mut none) = (0, 0);
    for round in 0..rounds(5) {
        let dir = format!("copy{round}");
        // The desk lives meanwhile, every second time.
        let running = (round % 2 == 0).then(|| place.run(&[]));
        let after = Duration::from_micros(chance.below(took.as_micros() as u64 * 5 / 2));
        let ended = killed_after(&place, &["backup", &dir], after);
        drop(running);
        if place.path(&dir).exists() {
            let drilled = place.kobe(&["drill", "restore", "--from", &dir, "--json"]);
            assert_eq!(
                drilled.code,
                Some(0),
                "round {round}, killed after {after:?}: {}{}",
                drilled.stdout,
                drilled.stderr
            );
            whole += 1;
        } else {
            assert!(!ended, "round {round}: it said that it was made");
            none += 1;
            // What was left behind is in nobody's way.
            let again = place.kobe(&["backup", &dir]);
            assert_eq!(again.code, Some(0), "round {round}: {}", again.stderr);
            assert!(!place.path(&format!("{dir}.partial")).exists(), "round {round}");
        }
        let sums =
            Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(place.path(&dir)).status();
        assert!(sums.expect("sha256sum is there").success(), "round {round}");
    }
    proves(&place, "state", "the state itself");
    println!("{whole} were whole when killed, {none} were not there; one takes {took:?}");
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_state_or_the_new() {
    let place = Place::with_desk(DESK);
    live(&place, 4);
    assert_eq!(place.kobe(&["backup", "copy"]).code, Some(0));
    let copied = slots::rows(&place.path("state")).len();
    live(&place, 12);
    fs::rename(place.path("state"), place.path("kept")).expect("one move");
    let fresh = |name: &str| {
        let _ = fs::remove_dir_all(place.path(name));
        let copy = Command::new("cp").args(["-a", "kept", name]).current_dir(place.dir.path()).status();
        assert!(copy.expect("cp is there").success());
    };
    let lived = slots::rows(&place.path("kept")).len();
    assert!(lived > copied);
    fresh("timed");
    let took = time_of(&place, &["restore", "copy", "--state", "timed", "--reason", "a test"]);
    let mut chance = Chance::new(13);
    let (mut old, mut new) = (0, 0);
    for round in 0..rounds(6) {
        let state = format!("state{round}");
        fresh(&state);
        let after = Duration::from_micros(chance.below(took.as_micros() as u64 * 2));
        let ended = killed_after(&place, &["restore", "copy", "--state", &state, "--reason", "a test"], after);
        let name = format!("round {round}, killed after {after:?} of {took:?}");
        proves(&place, &state, &name);
        match slots::rows(&place.path(&state)).len() {
            n if n == lived => {
                assert!(
                    !ended && !place.path(&format!("{state}/KILL_SWITCH")).exists(),
                    "{name}: the old one, untouched"
                );
                old += 1;
            }
            n if n == copied => {
                is_frozen(&place, &state, &name);
                new += 1;
            }
            n => panic!("{name}: {n} rows are neither the old state ({lived}) nor the new ({copied})"),
        }
        // Whatever it was, a restore that is let be does it, and leaves nothing half made beside it.
        let again = place.kobe(&["restore", "copy", "--state", &state, "--reason", "again", "--json"]);
        assert_eq!(again.code, Some(0), "{name}: {}", again.stderr);
        is_frozen(&place, &state, &name);
        assert_eq!(slots::rows(&place.path(&state)).len(), copied, "{name}");
        let half: Vec<_> = fs::read_dir(place.dir.path())
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .filter(|left| left.contains(".restoring-"))
            .collect();
        assert!(half.is_empty(), "{name}: {half:?}");
    }
    println!("{old} times the old state, {new} times the new; one takes {took:?}");
}

#[test]
fn a_restored_state_trades_only_after_a_person_has_said_so() {
    let place = Place::with_desk(DESK);
    live(&place, 4);
    assert_eq!(place.kobe(&["backup", "copy"]).code, Some(0));
    let running = place.run(&[]);
    let held = place.kobe(&["restore", "copy", "--reason", "a test"]);
    assert_eq!((held.code, held.stdout.as_str()), (Some(75), ""), "{}", held.stderr);
    assert!(held.stderr.contains(&format!("process {}", running.child.id())), "{}", held.stderr);
    running.stop();

    let restored = place.kobe(&["restore", "copy", "--reason", "the disk died", "--json"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    is_frozen(&place, "state", "restored");
    let drilled = place.kobe(&["drill", "restore", "--json"]);
    assert_eq!((drilled.code, &drilled.json()["ok"]), (Some(0), &Value::Bool(true)), "{}", drilled.stdout);
    // It runs, and stays frozen, also when the file of the switch is taken away by hand, and over a kill.
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    running.wait("run_ended", |e| e["task"] == "tick");
    fs::remove_file(place.path("state/KILL_SWITCH")).expect("it is there");
    running.wait("run_ended", |e| e["task"] == "tick");
    running.kill();
    is_frozen(&place, "state", "without the file");
    let running = place.run(&[]);
    is_frozen(&place, "state", "started again");
    let words = ["--cause", "the disk died", "--fix", "0 mismatches", "--reason", "books tie", "--json"];
    let resumed = place.kobe(&[&["resume"], &words[..]].concat());
    assert_eq!((resumed.code, &resumed.json()["active"]), (Some(0), &Value::Bool(false)), "{}", resumed.stderr);
    assert_eq!(switch(&place, "state")["exits_allowed"], true, "for an hour only exits pass");
    assert_eq!(switch(&place, "state")["entries_allowed"], false);
    running.stop();
    proves(&place, "state", "in the end");
}

/// `cp -r` is what a person does who knows of no backup command.
#[test]
fn a_copy_by_hand_freezes_as_well() {
    let place = Place::with_desk(DESK);
    live(&place, 4);
    assert_eq!(switch(&place, "state")["active"], false);
    let copy = Command::new("cp").args(["-r", "state", "copy"]).current_dir(place.dir.path()).status();
    assert!(copy.expect("cp is there").success());
    // Killed as soon as it runs: a copy that was started once is still a copy.
    let mut running = place.run(&["--state", "copy"]);
    running.wait("run_ended", |_| true);
    running.kill();
    is_frozen(&place, "copy", "a copy");
    let again = place.kobe(&["run", "--once", "--state", "copy"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    is_frozen(&place, "copy", "a copy, started again");
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    assert_eq!(switch(&place, "state")["active"], false, "the one that stayed is as it was");
}

/// Commands that open the state and settle nothing must not wear away what shows that an older database lies in it.
#[test]
fn an_older_database_freezes_whatever_was_asked_of_it_before() {
    let place = Place::with_desk(DESK);
    live(&place, 4);
    place.write("old/autonomous/brain_state.json", "{\"cycles_completed\": 7}");
    let database = place.path("state/kobe.db");
    let yesterday = fs::read(&database).expect("a database");
    let import = || {
        let answer = place.kobe(&["import", "kobe-state", "old"]);
        assert!(answer.code.is_some_and(|code| code <= 1), "{}{}", answer.stdout, answer.stderr);
        let kept = place.kobe(&["import", "show", "--json"]).json();
        assert_eq!(kept.as_array().map(Vec::len), Some(1), "it has opened the state and kept what it found: {kept}");
    };
    import();
    // Written over, as `cp` does it: the same file on the same machine.
    fs::write(&database, yesterday).expect("a database");
    import();
    import();
    assert_eq!(switch(&place, "state")["active"], false, "an import pulls no switch");
    let once = place.kobe(&["run", "--once"]);
    assert_eq!(once.code, Some(0), "{}", once.stderr);
    is_frozen(&place, "state", "an older database");
    assert!(switch(&place, "state")["reason"].as_str().is_some_and(|why| why.contains("older")), "it says why");
}

/// Whoever takes a switch back for one reason does not know of the other yet.
#[test]
fn the_word_that_finds_a_copy_does_not_release_it() {
    let place = Place::with_desk(DESK);
    live(&place, 2);
    assert_eq!(place.kobe(&["halt", "--reason", "a test"]).code, Some(0));
    let copy = Command::new("cp").args(["-r", "state", "copy"]).current_dir(place.dir.path()).status();
    assert!(copy.expect("cp is there").success());
    let words = ["resume", "--state", "copy", "--cause", "a test", "--fix", "none", "--reason", "a test"];
    let first = place.kobe(&words);
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains("the state directory is a copy"), "{}", first.stderr);
    assert_eq!(switch(&place, "copy")["active"], true, "it stays pulled");
    let second = place.kobe(&words);
    assert_eq!((second.code, &switch(&place, "copy")["active"]), (Some(0), &Value::Bool(false)), "{}", second.stderr);
}

/// Makes a database as the first schema was, with many rows.
fn of_schema_1(sqlite: &Path, state: &Path, rows: usize) {
    fs::create_dir_all(state).expect("a directory");
    let sql = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../kobe-store/src/schema.sql"));
    let sql = sql.expect("the first schema is there");
    let checksum = kobe_trade::chain::sha256(sql.as_bytes());
    let more = format!(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE migrations (version INTEGER PRIMARY KEY, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL, build TEXT NOT NULL) STRICT;
         INSERT INTO migrations VALUES (1, '{checksum}', 0, 'kobe 0.0.9');
         PRAGMA application_id = 1263485509; PRAGMA user_version = 1;
         INSERT INTO configs VALUES (1, 'h', 'b', 'c', 't', 0);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
           INSERT INTO runs (id, task, slot, slot_date, due_us, priority, state, attempt, planned_us, catchup, dst_shifted, covers, config)
           SELECT i, 'gone', '#' || i, '2026-11-20', i, 3, 'completed', 1, 0, 0, 0, 1, 1 FROM n;
         INSERT INTO wishes (id, task, reason, asked_us, done_us, note) VALUES ('01ARZ3NDEKTSV4RRFFQ69G5FAV', 'gone', 'old', 5, 6, 'done');"
    );
    ask(sqlite, &state.join("kobe.db"), &format!("{sql}\n{more}"));
}

/// Asks a database without Kobe.
fn ask(sqlite: &Path, database: &Path, sql: &str) -> String {
    let answer = Command::new(sqlite).arg("-bail").arg(database).arg(format!("\n{sql}")).output().expect("it starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("text").trim().to_owned()
}

#[test]
fn a_migration_that_is_killed_leaves_the_old_schema_or_the_new_with_every_row() {
    const ROWS: usize = 4_000;
    let sqlite = needs("sqlite3", "sqlite3");
    let place = Place::with_desk(DESK);
    of_schema_1(&sqlite, &place.path("old"), ROWS);
    let fresh = |name: &str| {
        fs::create_dir_all(place.path(name)).expect("a directory");
        fs::copy(place.path("old/kobe.db"), place.path(name).join("kobe.db")).expect("a copy");
    };
    fresh("timed");
    let took = time_of(&place, &["run", "--once", "--state", "timed"]);
    let mut chance = Chance::new(17);
    let mut found = [0, 0];
    for round in 0..rounds(6) {
        let state = format!("state{round}");
        fresh(&state);
        let after = Duration::from_micros(chance.below(took.as_micros() as u64));
        killed_after(&place, &["run", "--once", "--state", &state], after);
        let name = format!("round {round}, killed after {after:?} of {took:?}");
        let database = place.path(&state).join("kobe.db");
        let schema: usize = ask(&sqlite, &database, "PRAGMA user_version").parse().expect("a number");
        assert!((1..=2).contains(&schema), "{name}: schema {schema}");
        found[schema - 1] += 1;
        assert_eq!(
            ask(&sqlite, &database, "SELECT count(*) FROM runs WHERE task = 'gone'"),
            ROWS.to_string(),
            "{name}"
        );
        assert_eq!(ask(&sqlite, &database, "PRAGMA integrity_check"), "ok", "{name}");
        let column = if schema == 1 { "task" } else { "name" };
        assert_eq!(
            ask(&sqlite, &database, &format!("SELECT {column} FROM wishes WHERE reason = 'old'")),
            "gone",
            "{name}"
        );
        let again = place.kobe(&["run", "--once", "--state", &state]);
        assert_eq!(again.code, Some(0), "{name}: {}", again.stderr);
        assert_eq!(ask(&sqlite, &database, "PRAGMA user_version"), "2", "{name}");
        let kept: Vec<_> = fs::read_dir(place.path(&state).join("backups"))
            .expect("a copy was made first")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|e| e == "db"))
            .collect();
        assert!(!kept.is_empty(), "{name}");
        for copy in kept {
            assert_eq!(ask(&sqlite, &copy, "SELECT count(*) FROM runs"), ROWS.to_string(), "{name}: the way back");
        }
        proves(&place, &state, &name);
    }
    println!("{} times the old schema, {} times the new; one start takes {took:?}", found[0], found[1]);
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let sqlite = needs("sqlite3", "sqlite3");
    let place = Place::with_desk(DESK);
    live(&place, 2);
    let database = place.path("state/kobe.db");
    ask(&sqlite, &database, "PRAGMA user_version = 99");
    let before = fs::read(&database).expect("a database");
    for args in
        [&["run", "--once"][..], &["status"], &["backup", "copy"], &["task", "pause", "tick", "--reason", "a test"]]
    {
        let answer = place.kobe(args);
        assert_eq!(answer.code, Some(74), "{args:?}: {}", answer.stderr);
        assert!(
            answer.stderr.contains("schema 99") && answer.stderr.contains("use the Kobe that wrote it"),
            "{}",
            answer.stderr
        );
    }
    assert!(fs::read(&database).expect("it is there") == before, "it was touched");
}
