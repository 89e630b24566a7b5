//! What an operator meets at a bad moment: a word said twice, a command typed as root, a report of yesterday, a slip in an address.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::hook::Hook;
use common::{Answer, Place, needs};
use serde_json::{Value, json};

const DESK: &str = r#"
[[group]]
name = "g"

[[group.task]]
name = "tick"
does = "Says that it was there."
command = ["true"]
every = "1s"

[[group.task]]
name = "yearly"
does = "Runs in the new year."
command = ["true"]
cron = "30 12 2 1 *"
on_holiday = "run"

[[group.task]]
name = "ask"
does = "Asks whether the desk may trade."
call = "preflight"
cron = "0 0 1 1 *"
"#;

/// A user who is nobody on any machine.
const STRANGER: u32 = 54_321;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks as the operator anna, because of a test.
fn ask(place: &Place, words: &str) -> Answer {
    let args: Vec<&str> = words.split(' ').chain(["--reason", "a test", "--operator", "anna", "--json"]).collect();
    place.kobe(&args)
}

fn refused(place: &Place, words: &str, why: &[&str]) {
    let said = ask(place, words);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{words}: {}", said.stderr);
    for why in why {
        assert!(said.stderr.contains(why), "{words}: `{why}` is not in {}", said.stderr);
    }
}

/// Runs a copy of the program as somebody who is not root.
fn as_a_stranger(place: &Place, args: &[&str]) -> Answer {
    let program = place.path("program/kobe");
    if !program.exists() {
        fs::create_dir(place.path("program")).expect("a directory");
        fs::copy(env!("CARGO_BIN_EXE_kobe"), &program).expect("a copy");
    }
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut command = Command::new(program);
    command.args(args).current_dir(place.dir.path()).env_clear().stdin(Stdio::null());
    command.env("USER", "stranger").env("KOBE_CONFIG", "desk");
    if is_root() {
        command.uid(STRANGER).gid(STRANGER);
    }
    Answer::of(command.output().expect("the binary starts"))
}

#[test]
fn a_slot_is_left_out_once_and_is_shown_with_who_and_why() {
    let place = Place::with_desk(DESK);
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    let said = ask(&place, "task skip yearly");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let said = said.json();
    let slot = said["answer"].as_str().and_then(|answer| answer.strip_prefix("done: ")).expect("a slot").to_owned();

    refused(&place, "task skip yearly", &["left out already", "by anna: a test", "`--another`"]);
    refused(&place, "task skip yearly --undo", &["by anna: a test", "never changes", "`kobe task run NAME`"]);
    let why = place.kobe(&["why", "yearly", "--json"]).json();
    assert_eq!((&why["slot"], &why["verdict"], &why["reason"]), (&json!(slot), &json!("skip"), &json!("operator")));
    let why = place.kobe(&["why", "yearly"]).stdout;
    assert!(why.contains("left out by anna: a test") && why.contains("skip (operator)"), "{why}");
    let shown = place.kobe(&["task", "show", "yearly"]).stdout;
    assert_eq!(shown.matches("(left out by anna: a test)").count(), 1, "one of its next slots: {shown}");
    let shown = place.kobe(&["task", "show", "yearly", "--json"]).json();
    assert_eq!((&shown["next"][0]["slot"], &shown["next"][0]["left_out"]), (&json!(slot), &json!("by anna: a test")));
    let on = ["plan", "--task", "yearly", "--on", &slot[..10]];
    let plan = place.kobe(&[&on[..], &["--json"]].concat()).json();
    assert_eq!((&plan[0]["reason"], &plan[0]["left_out"]), (&json!("operator"), &json!("by anna: a test")), "{plan}");
    let plan = place.kobe(&on).stdout;
    assert!(plan.contains("skip: operator by anna: a test") && plan.contains("1 skipped (1 operator)"), "{plan}");

    // One more, when one more is meant.
    let another = ask(&place, "task skip yearly --another").json();
    assert!(another["answer"].as_str().is_some_and(|a| a.starts_with("done: ") && !a.ends_with(&slot)), "{another}");
    let shown = place.kobe(&["task", "show", "yearly"]).stdout;
    assert_eq!(shown.matches("(left out by anna: a test)").count(), 2, "{shown}");
    running.stop();
}

#[test]
fn a_word_that_nobody_has_obeyed_is_shown_and_can_be_taken_back() {
    let place = Place::with_desk(DESK);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    let open = |place: &Place| place.kobe(&["status", "--json"]).json()["wishes"].clone();
    assert_eq!(open(&place), json!([]));
    refused(&place, "task skip yearly --undo", &["no slot of yearly is to be left out"]);
    assert_eq!(ask(&place, "task skip yearly").code, Some(0));
    refused(&place, "task skip yearly", &["as soon as a desk runs, by anna: a test", "`--another`"]);
    let wished = open(&place);
    assert_eq!((&wished[0]["verb"], &wished[0]["name"]), (&json!("skip"), &json!("yearly")), "{wished}");
    let status = place.kobe(&["status"]).stdout;
    assert!(
        status
            .lines()
            .any(|l| l.contains("wished") && l.contains("skip yearly since") && l.contains("by anna: a test"))
    );
    let undone = ask(&place, "task skip yearly --undo");
    assert_eq!((undone.code, &undone.json()["answer"]), (Some(0), &json!("taken back")), "{}", undone.stderr);
    assert_eq!(open(&place), json!([]));
    // A desk that starts leaves nothing out.
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    assert_eq!(place.kobe(&["why", "yearly", "--json"]).json()["verdict"], "admit");
    let log = place.kobe(&["verify", "--json"]).json();
    assert_eq!((&log["ok"], &log["operator_rows"]), (&json!(true), &json!(1)), "what was taken back stands in the log");
}

#[test]
fn a_report_of_the_preflight_says_when_it_was_made_and_what_it_is_worth() {
    let sqlite = needs("sqlite3", "sqlite3");
    let place = Place::with_desk(DESK);
    let running = place.run(&[]);
    let none = place.kobe(&["preflight"]);
    assert_eq!((none.code, none.stderr.contains("has not asked yet")), (Some(1), true), "{}", none.stderr);
    let asked = place.kobe(&["task", "run", "ask", "--json"]).json();
    assert_eq!(asked["reason"], "gate", "it blocks, since the bundled data is old: {asked}");
    let shown = place.kobe(&["preflight"]);
    assert!(
        shown.code == Some(1) && shown.stdout.contains("\nasked by the desk ") && shown.stdout.ends_with(" s ago\n")
    );
    let told = place.kobe(&["preflight", "--json"]).json();
    assert_eq!((&told["counts"], &told["verdict"]), (&json!(true), &json!("BLOCK")));
    assert!(told["age_s"].as_i64().is_some_and(|s| (0..600).contains(&s)), "{}", told["age_s"]);
    running.stop();

    // Yesterday's, and a good one: it is shown, and is no answer.
    let old = "UPDATE artifacts SET date = '2020-01-02', at_us = 1577970000000000, body = replace(body, '\"BLOCK\"', '\"PASS\"') WHERE name = 'preflight'";
    let done = Command::new(sqlite).arg(place.path("state/kobe.db")).arg(old).status().expect("sqlite3 starts");
    assert!(done.success());
    let running = place.run(&[]);
    let shown = place.kobe(&["preflight"]);
    assert_eq!(shown.code, Some(1), "{}", shown.stdout);
    assert!(shown.stdout.contains("PASS for ") && shown.stdout.contains("Thu 2020-01-02 08:00, "), "{}", shown.stdout);
    assert!(shown.stdout.contains("NOT OF TODAY, so it counts no more"), "{}", shown.stdout);
    assert_eq!(place.kobe(&["preflight", "--json"]).json()["counts"], false);
    running.stop();
}

#[test]
fn a_preflight_without_a_desk_writes_nothing() {
    let place = Place::with_desk(DESK);
    let check = |report: &Value, name: &str| {
        let checks = report["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
    };
    let first = place.kobe(&["preflight", "--json"]);
    assert!(!place.path("state").exists(), "asking makes no state");
    let report = first.json();
    assert_eq!(
        (first.code, &report["counts"], &report["age_s"]),
        (Some(1), &json!(true), &json!(0)),
        "{}",
        first.stderr
    );
    for name in ["kill_switch", "instance_lock", "database", "audit_chain", "broker_account"] {
        assert_eq!(check(&report, name)["ok"], true, "{name}: {}", check(&report, name));
    }
    assert_ne!(check(&report, "disk")["status"], "unavailable", "the disk is the one on which the state will lie");

    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    let seen = || {
        ["kobe.db", "kobe.lock", "kobe.mark"].map(|name| {
            let path = place.path("state").join(name);
            (fs::read(&path).ok(), fs::metadata(&path).and_then(|meta| meta.modified()).ok())
        })
    };
    let before = seen();
    let report = place.kobe(&["preflight", "--json"]).json();
    assert!(seen() == before, "the database, its lock and its mark are as they were");
    assert_eq!(check(&report, "instance_lock")["ok"], true);
    // What a person holds is seen all the same.
    assert_eq!(place.kobe(&["halt", "--reason", "a test"]).code, Some(0));
    let report = place.kobe(&["preflight", "--json"]).json();
    assert_eq!(check(&report, "kill_switch")["ok"], false);
    let text = place.kobe(&["preflight"]).stdout;
    assert!(text.ends_with("\nasked now; nothing is stored\n"), "{text}");
}

/// Every file and directory below one, and the one itself.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    let mut next = 0;
    while let Some(there) = found.get(next).cloned() {
        next += 1;
        if there.is_dir() {
            found.extend(fs::read_dir(&there).expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
    }
    found
}

/// Without root this says the same of a user who owns the state, which nothing could make otherwise.
#[test]
fn what_root_writes_can_be_taken_back_by_the_user_of_the_desk() {
    let place = Place::with_desk(DESK);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    let state = place.path("state");
    if is_root() {
        for path in all_below(&state) {
            std::os::unix::fs::lchown(&path, Some(STRANGER), Some(STRANGER)).expect("root may");
        }
    }
    assert_eq!(place.kobe(&["halt", "--reason", "typed as root"]).code, Some(0));
    assert_eq!(place.kobe(&["task", "run", "yearly"]).code, Some(0));
    let owner = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.uid(), meta.gid())).expect("it is there");
    for path in all_below(&state) {
        assert_eq!(owner(&path), owner(&state), "{}", path.display());
    }
    let audit = fs::metadata(state.join("kill_switch_audit.jsonl")).expect("it is there");
    assert_eq!(audit.permissions().mode() & 0o777, 0o600);
    let back = as_a_stranger(&place, &["resume", "--cause", "c", "--fix", "f", "--reason", "r", "--json"]);
    assert_eq!((back.code, back.json()["active"].clone()), (Some(0), json!(false)), "{}", back.stderr);
    assert!(!state.join("KILL_SWITCH").exists());
}

#[test]
fn a_state_that_root_restored_is_one_that_the_user_of_the_desk_can_run() {
    let place = Place::with_desk(DESK);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    assert_eq!(place.kobe(&["backup", "saved"]).code, Some(0));
    fs::create_dir(place.path("home")).expect("a directory");
    let owner = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.uid(), meta.gid())).expect("it is there");
    if is_root() {
        for path in all_below(&place.path("state")).into_iter().chain([place.path("home")]) {
            std::os::unix::fs::lchown(&path, Some(STRANGER), Some(STRANGER)).expect("root may");
        }
    }
    let whose = owner(&place.path("home"));
    // Over a state that was there, and where there was none.
    for state in ["state", "home/state"] {
        let restored = place.kobe(&["restore", "saved", "--state", state, "--reason", "typed as root"]);
        assert_eq!(restored.code, Some(0), "{state}: {}", restored.stderr);
        for path in all_below(&place.path(state)) {
            assert_eq!(owner(&path), whose, "{}", path.display());
        }
        let once = as_a_stranger(&place, &["run", "--once", "--state", state]);
        assert_eq!(once.code, Some(0), "{state}: {}", once.stderr);
    }
}

#[test]
fn a_user_who_may_not_look_is_told_so_and_not_that_nothing_runs() {
    let place = Place::with_desk(DESK);
    assert_eq!(place.kobe(&["run", "--once"]).code, Some(0));
    let state = place.path("state");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let told = as_a_stranger(&place, &["doctor", "--json"]);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("it is ours");
    assert_eq!(told.code, Some(1), "{}{}", told.stdout, told.stderr);
    let checks = told.json()["checks"].as_array().expect("checks").clone();
    for name in ["lock", "heartbeat"] {
        let check = checks.iter().find(|check| check["name"] == name).expect("it is looked at");
        assert_eq!(check["grade"], "wrong", "{check}");
        assert!(check["detail"].as_str().is_some_and(|d| d.contains("whether a desk runs cannot be told")), "{check}");
    }
    assert!(!told.stdout.contains("no desk runs"), "{}", told.stdout);
}

#[test]
fn a_slip_in_the_address_to_watch_wakes_nobody() {
    let (place, mut hook) = (Place::with_desk(DESK), Hook::new());
    let settings = hook.settings(&place);
    let nowhere = "http://no-such-desk.invalid:8081";
    let rows =
        [("127.0.0.1:8081", "this is no whole address"), ("http://", "this is no"), (nowhere, "cannot be found")];
    for (url, why) in rows {
        let answer = place.kobe(&["watch", "--remote", "--url", url, "--channels", settings]);
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{url}: {}", answer.stderr);
        assert!(answer.stderr.contains(why) && answer.stderr.contains("\n\nhint: "), "{url}: {}", answer.stderr);
    }
    assert_eq!(hook.count("not well"), 0, "{:#?}", hook.told);
    // A name that answered before is no slip: whoever has lost it is told.
    place.write("state/watch.json", json!({ "answered": nowhere }).to_string());
    let answer = place.kobe(&["watch", "--remote", "--url", nowhere, "--channels", settings]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    hook.wait("the desk is not well");
    let memory: Value = serde_json::from_str(&place.read("state/watch.json")).expect("JSON");
    assert_eq!((&memory["answered"], &memory["told"]), (&json!(nowhere), &json!(["health"])));
}

#[test]
fn runs_of_a_task_that_nobody_knows_are_no_empty_list() {
    let place = Place::with_desk(DESK);
    assert_eq!(place.kobe(&["task", "run", "tick"]).code, Some(0));
    let unknown = place.kobe(&["runs", "list", "--task", "tikc"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("the desk has no task `tikc`") && unknown.stderr.contains("did you mean `tick`?"));
    assert_eq!(place.kobe(&["runs", "list", "--task", "yearly"]).stdout, "no run fits\n");
    // A task that is gone from the desk keeps its runs.
    place.write("desk/desk.toml", DESK.replace("\"tick\"", "\"tock\""));
    let gone = place.kobe(&["runs", "list", "--task", "tick", "--json"]);
    assert_eq!((gone.code, gone.json().as_array().map(Vec::len)), (Some(0), Some(1)), "{}", gone.stderr);
    assert_eq!(place.kobe(&["runs", "list", "--task", "tick", "--only", "failed"]).stdout, "no run fits\n");
}
