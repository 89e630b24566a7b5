//! Tasks that a person runs where no desk runs: they stand beside what a desk left behind, and leave nothing in its way.

mod common;

use common::Place;

const DESK: &str = r#"
[[group]]
name = "g"

[[group.task]]
name = "patient"
does = "Goes on as long as a file is there."
command = ["sh", "-c", "[ -e stay ] && exec sleep 600; exit 0"]
cron = "0 0 1 1 *"
timeout = "4h"
lane = "research"

[[group.task]]
name = "round"
does = "Has its turn again and again."
command = ["true"]
cooldown = "1s"
"#;

#[test]
fn a_task_is_not_run_by_hand_beside_a_run_of_it_that_is_not_over() {
    let place = Place::with_desk(DESK);
    place.write("stay", "");
    let mut running = place.run(&[]);
    assert_eq!(place.kobe(&["task", "run", "patient", "--wait", "0"]).code, Some(0));
    let run = running.wait("run_started", |e| e["task"] == "patient")["run"].clone();
    running.kill();
    std::fs::remove_file(place.path("stay")).expect("it is there");
    let beside = place.kobe(&["task", "run", "patient", "--json"]);
    assert_eq!(beside.code, Some(1), "{}", beside.stderr);
    let row = beside.json();
    assert_eq!((&row["state"], &row["reason"]), (&"skipped".into(), &"overlap".into()), "{row}");
    assert!(beside.stderr.contains("the next `kobe run` settles it"), "{}", beside.stderr);
    let left = place.kobe(&["runs", "show", &run.to_string(), "--json"]).json();
    assert_eq!(left["state"], "running", "it is as the desk left it: {left}");
    // The desk settles what it left behind; then nothing is in the way.
    assert!(place.kobe(&["run", "--once"]).code.is_some());
    let again = place.kobe(&["task", "run", "patient", "--json"]);
    assert_eq!((again.code, &again.json()["state"]), (Some(0), &"completed".into()), "{}", again.stderr);
}

#[test]
fn turns_go_on_being_counted_after_one_was_run_by_hand() {
    let place = Place::with_desk(DESK);
    let mut running = place.run(&[]);
    for _ in 0..2 {
        running.wait("run_ended", |e| e["task"] == "round");
    }
    running.stop();
    let by_hand = place.kobe(&["task", "run", "round"]);
    assert_eq!(by_hand.code, Some(0), "{}", by_hand.stderr);
    let mut running = place.run(&[]);
    let turn = running.wait("run_ended", |e| e["task"] == "round");
    let number = turn["slot"].as_str().and_then(|slot| slot.strip_prefix('#')).and_then(|n| n.parse::<u64>().ok());
    assert!(number >= Some(3), "{turn}");
    running.stop();
}
