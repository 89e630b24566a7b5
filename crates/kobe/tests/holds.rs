//! What an operator asks of a desk, running or not: it is answered, it stands in rows and in the operator log, and a kill takes nothing of it back.

mod common;

use common::{Answer, Place, Running, slots};
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
does = "Says that it was there, elsewhere."
command = ["true"]
every = "1s"
lane = "research"

[[group.task]]
name = "patient"
does = "Waits until it is told to stop."
command = ["sleep", "600"]
cron = "0 0 1 1 *"
timeout = "4h"
lane = "learning"

[[group.task]]
name = "by_hand"
does = "Runs when it is asked for."
command = ["true"]
cron = "0 0 1 1 *"

[[group.task]]
name = "by_context"
does = "Is driven by the phase of the market."
command = ["true"]
cooldown = "4h"
"#;

/// Asks as the operator anna, because of a test.
fn ask(place: &Place, words: &str) -> Answer {
    let args: Vec<&str> = words.split(' ').chain(["--reason", "a test", "--operator", "anna", "--json"]).collect();
    place.kobe(&args)
}

/// Asks and is answered so.
fn asked(place: &Place, words: &str, answer: &str) {
    let said = ask(place, words);
    assert_eq!(said.code, Some(0), "{words}: {}", said.stderr);
    let got = said.json()["answer"].clone();
    assert!(got.as_str().is_some_and(|got| got.starts_with(answer)), "{words} was answered {got}, not {answer}");
}

/// Asks and is refused so.
fn refused(place: &Place, words: &str, code: i32, why: &str) {
    let said = ask(place, words);
    assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{words}: {}", said.stderr);
    assert!(said.stderr.contains(why) && said.stderr.contains("\n\nhint: "), "{words}: {}", said.stderr);
}

/// Rows of the operator log; both chains must hold.
fn logged(place: &Place) -> u64 {
    let whole = place.kobe(&["verify", "--json"]);
    assert_eq!((whole.code, &whole.json()["ok"]), (Some(0), &Value::Bool(true)), "{}", whole.stdout);
    whole.json()["operator_rows"].as_u64().expect("a number")
}

/// What is held, as status shows it.
fn held(place: &Place) -> Vec<String> {
    let status = place.kobe(&["status", "--json"]).json();
    let text = |hold: &Value, key: &str| hold[key].as_str().expect("a text").to_owned();
    let holds = status["holds"].as_array().expect("a list");
    holds
        .iter()
        .map(|h| format!("{} {} by {}: {}", text(h, "kind"), text(h, "name"), text(h, "operator"), text(h, "reason")))
        .collect()
}

fn cancel_of(running: &mut Running, place: &Place) -> String {
    assert_eq!(place.kobe(&["task", "run", "patient", "--wait", "0"]).code, Some(0));
    format!("runs cancel {}", running.wait("run_started", |e| e["task"] == "patient")["run"])
}

#[test]
fn a_running_desk_obeys_within_a_second_and_answers() {
    let place = Place::with_desk(DESK);
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    assert_eq!(logged(&place), 0);

    asked(&place, "task pause tick", "done");
    assert_eq!(logged(&place), 2, "what was asked, and the hold");
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    refused(&place, "task pause tick", 1, "it is held already");
    assert_eq!(logged(&place), 3, "what was refused stands there too");
    assert_eq!(held(&place), ["task tick by anna: a test"]);
    asked(&place, "task resume tick", "done");
    running.wait("run_ended", |e| e["task"] == "tick");
    refused(&place, "task resume tick", 1, "it is not held");
    assert_eq!(logged(&place), 6);

    asked(&place, "task skip tick", "done: 20");
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "operator");
    refused(&place, "task skip by_context", 1, "it is driven by phase and mode; pause it instead");
    assert_eq!(logged(&place), 8);

    asked(&place, "halt research", "done");
    running.wait("run_skipped", |e| e["task"] == "tock" && e["reason"] == "halted");
    running.wait("run_ended", |e| e["task"] == "tick");
    refused(&place, "halt research", 1, "it is held already");
    assert_eq!(held(&place), ["lane research by anna: a test"]);
    asked(&place, "resume research", "done");
    running.wait("run_ended", |e| e["task"] == "tock");
    assert_eq!(logged(&place), 13);

    let cancel = cancel_of(&mut running, &place);
    asked(&place, &cancel, "done: it was told to stop");
    let ended = running.wait("run_ended", |e| e["task"] == "patient");
    assert_eq!((&ended["state"], &ended["reason"]), (&"failed".into(), &"operator".into()), "{ended}");
    refused(&place, &cancel, 1, "is over");
    assert_eq!(logged(&place), 15, "the run and its end");

    for (words, why) in [
        ("task pause tikc", "did you mean `tick`?"),
        ("halt reserch", "lanes: trading, monitoring, research"),
        ("runs cancel 999999", "there is no run 999999"),
    ] {
        refused(&place, words, 2, why);
    }
    let silent = place.kobe(&["task", "pause", "tick", "--reason", "  "]);
    assert_eq!((silent.code, silent.stderr.contains("--reason says nothing")), (Some(2), true), "{}", silent.stderr);
    assert_eq!(logged(&place), 15, "a question that was not understood is no wish");
    running.stop();
    assert_eq!(held(&place), Vec::<String>::new());
    let rows = slots::rows(&place.path("state"));
    slots::every_second_has_one_row(&rows);
}

/// A hold is acknowledged; from then on no kill takes it back, and nothing starts under it.
#[test]
fn a_hold_survives_a_kill_at_once() {
    let place = Place::with_desk(DESK);
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    asked(&place, "task pause tick", "done");
    asked(&place, "halt research", "done");
    let at = jiff::Timestamp::now();
    running.kill();
    let both = ["lane research by anna: a test", "task tick by anna: a test"];
    assert_eq!(held(&place), both);
    let mut running = place.run(&[]);
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    running.wait("run_skipped", |e| e["task"] == "tock" && e["reason"] == "halted");
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    assert_eq!(held(&place), both);
    running.kill();
    let rows = slots::rows(&place.path("state"));
    let late = rows.iter().find(|row| row.started_at.is_some_and(|s| s > at + jiff::SignedDuration::from_millis(500)));
    assert!(late.is_none(), "started under a hold: {late:?}");
    slots::every_second_has_one_row(&rows);
    assert_eq!(logged(&place), 4);
}

/// Without a desk that runs the word is written down, and is obeyed before anything starts.
#[test]
fn what_is_asked_of_a_stopped_desk_is_obeyed_before_anything_starts() {
    let place = Place::with_desk(DESK);
    refused(&place, "task pause tick", 1, "holds no database");
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    let cancel = cancel_of(&mut running, &place);
    running.kill();
    // Twice, and one that contradicts: each is answered in the order in which it was said.
    for words in ["task pause tick", "task pause tick", "halt research", "task skip patient", &cancel] {
        let said = ask(&place, words);
        assert_eq!((said.code, &said.json()["answer"]), (Some(0), &Value::Null), "{words}: {}", said.stderr);
    }
    assert_eq!(held(&place), Vec::<String>::new(), "nobody was there to obey");
    let at = jiff::Timestamp::now();
    let mut running = place.run(&[]);
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    running.wait("run_skipped", |e| e["task"] == "tock" && e["reason"] == "halted");
    let left_out = |e: &Value| e["task"] == "patient" && e["event"] == "run_skipped" && e["reason"] == "operator";
    assert!(running.stop().iter().any(left_out));
    assert_eq!(held(&place), ["lane research by anna: a test", "task tick by anna: a test"]);
    assert_eq!(logged(&place), 1 + 2 + 1 + 2 + 1 + 1, "run, pause and hold, refused, halt and hold, skip, cancel");
    let rows = slots::rows(&place.path("state"));
    let started = rows.iter().find(|row| row.started_at.is_some_and(|s| s > at));
    assert!(started.is_none(), "{started:?} was started before the word was obeyed");
    slots::every_second_has_one_row(&rows);
}

/// The files of a running desk may be in pieces; what it is asked goes by what it runs.
#[test]
fn a_desk_whose_files_are_in_pieces_can_still_be_held() {
    let place = Place::with_desk(DESK);
    let mut running = place.run(&[]);
    running.wait("run_ended", |e| e["task"] == "tick");
    place.write("desk/desk.toml", "[[group]]\nname = \"g\"\n\n[[group.ta");
    common::eventually("the heartbeat names the desk", common::PATIENCE, || {
        (place.kobe(&["status", "--json"]).code == Some(0)).then_some(())
    });
    asked(&place, "task pause tick", "done");
    running.wait("run_skipped", |e| e["task"] == "tick" && e["reason"] == "paused");
    asked(&place, "task resume tick", "done");
    assert_eq!(place.kobe(&["task", "run", "by_hand", "--json"]).json()["state"], "completed");
    running.stop();
}
