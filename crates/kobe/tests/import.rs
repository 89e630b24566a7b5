//! `kobe import`, as an operator sees it: what is taken over, what not, and that nothing is overwritten.

mod common;

use std::fs;
use std::path::Path;

use common::{Answer, Place};
use serde_json::Value;

const AT: &str = "2026-11-23T15:00:00Z";

/// A place with a copy of the synthetic state of a predecessor in `old`.
fn place(which: &str) -> Place {
    let place = Place::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kobe-state").join(which);
    copy(&from, &place.path("old"));
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("fixtures are there") {
        let path = entry.expect("a directory can be listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target)
        } else {
            fs::write(&target, fs::read(&path).expect("a file")).expect("a copy")
        }
    }
}

fn import(place: &Place, args: &[&str]) -> Answer {
    place.kobe(&[&["import", "kobe-state", "old", "--at", AT], args].concat())
}

fn fates(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let answer = answer.json();
    answer["files"].as_array().expect("files").iter().map(|f| (text(&f["artifact"]), text(&f["fate"]))).collect()
}

#[test]
fn a_sound_state_is_taken_over() {
    let place = place("sound");
    insta::assert_snapshot!("dry_run", import(&place, &["--dry-run"]).seen(&place));
    assert!(!place.path("state").exists(), "a dry run writes nothing");
    insta::assert_snapshot!("import", import(&place, &["-v"]).seen(&place));
    insta::assert_snapshot!("again", import(&place, &[]).seen(&place));
    insta::assert_snapshot!("show", place.kobe(&["import", "show"]).seen(&place));
    insta::assert_snapshot!("show_one", place.kobe(&["import", "show", "task_queue"]).seen(&place));
    insta::assert_snapshot!("show_none", place.kobe(&["import", "show", "x"]).seen(&place));
}

#[test]
fn damaged_files_are_told_and_the_others_taken() {
    let place = place("bad");
    insta::assert_snapshot!("bad", import(&place, &[]).seen(&place));
    let kept = place.kobe(&["import", "show"]);
    assert_eq!((kept.code, kept.stdout.as_str()), (Some(1), ""), "nothing of it is kept");
    let good = "{\"cycles_completed\": 7}";
    place.write("old/autonomous/brain_state.json", good);
    assert_eq!(import(&place, &[]).code, Some(1));
    let kept = place.kobe(&["import", "show", "--json"]).json();
    let names: Vec<&str> = kept.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["import/brain_state"], "one sound file among damaged ones is taken");
}

#[test]
fn what_is_there_stays() {
    let place = place("sound");
    assert_eq!(import(&place, &[]).code, Some(1), "positions need a person");
    let before = place.kobe(&["import", "show", "scheduler_state"]).stdout;
    let path = "old/autonomous/scheduler/scheduler_state.json";
    place.write(path, place.read(path).replace("2026-11-23T00:00:02", "2026-11-23T00:00:09"));
    let refused = import(&place, &["--json"]);
    assert_eq!(refused.code, Some(1));
    let of =
        |fates: &[(String, String)], name: &str| fates.iter().find(|(n, _)| n == name).expect("it is told").1.clone();
    let fates_now = fates(&refused);
    assert_eq!(of(&fates_now, "import/scheduler_state"), "refused");
    assert_eq!(of(&fates_now, "import/task_queue"), "unchanged");
    assert!(refused.stdout.contains("--replace"), "{}", refused.stdout);
    assert_eq!(place.kobe(&["import", "show", "scheduler_state"]).stdout, before);
    assert_eq!(of(&fates(&import(&place, &["--replace", "--json"])), "import/scheduler_state"), "replaced");
    assert!(place.kobe(&["import", "show", "scheduler_state"]).stdout.contains("2026-11-23T05:00:09Z"));
    assert_eq!(of(&fates(&import(&place, &["--json"])), "import/scheduler_state"), "unchanged");
}

#[test]
fn the_predecessor_keeps_every_byte() {
    let place = place("sound");
    let all = || {
        let mut found = Vec::new();
        let mut open = vec![place.path("old")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path)
                } else {
                    found.push((path.clone(), fs::read(&path).expect("a file")))
                }
            }
        }
        found.sort();
        found
    };
    let before = all();
    assert!(before.len() > 8);
    import(&place, &[]);
    assert_eq!(all(), before);
}

#[test]
fn no_run_is_made_up() {
    let place = place("sound");
    import(&place, &[]);
    assert_eq!(place.kobe(&["runs", "--json"]).json(), serde_json::json!([]));
}

#[test]
fn any_directory_of_the_predecessor_may_be_named() {
    let place = place("sound");
    let taken = |directory: &str| {
        let answer = place.kobe(&["import", "kobe-state", directory, "--at", AT, "--dry-run", "--json"]);
        fates(&answer).len()
    };
    let all = taken("old");
    assert_eq!(all, 9);
    assert_eq!(taken("old/autonomous"), all, "the directory inside");
    copy(&place.path("old"), &place.path("root/state"));
    assert_eq!(taken("root"), all, "the directory around it");
    for (directory, why) in [("nowhere", "is no directory"), ("old/cognitive", "holds nothing of the predecessor")] {
        let answer = place.kobe(&["import", "kobe-state", directory]);
        assert_eq!(answer.code, Some(2), "{directory}");
        assert!(answer.stderr.contains(why) && answer.stderr.contains("hint: "), "{}", answer.stderr);
    }
}

#[test]
fn a_file_without_end_is_not_read() {
    let place = place("sound");
    let file = fs::File::create(place.path("old/autonomous/task_queue.json")).expect("a file");
    file.set_len(1 << 30).expect("a hole");
    let answer = import(&place, &["--dry-run", "--json"]).json();
    let queue = answer["files"].as_array().expect("files").iter().find(|f| f["artifact"] == "import/task_queue");
    let why = queue.expect("it is told")["left"][0]["why"].as_str().expect("a reason");
    assert_eq!(why, "it has 1073741824 bytes, 16777216 are the most that is read");
}

#[test]
fn a_running_desk_keeps_its_state_to_itself() {
    let place = place("sound");
    place.write("desk/desk.toml", include_str!("desks/small/desk.toml"));
    let running = place.run(&[]);
    let held = import(&place, &[]);
    assert_eq!(held.code, Some(75), "{}", held.stderr);
    assert!(held.stdout.is_empty());
    let dry = import(&place, &["--dry-run", "--json"]);
    assert_eq!(dry.json()["dry_run"], true, "a look needs no lock");
    running.tell("-TERM");
    running.end();
    assert_eq!(import(&place, &["--json"]).json()["dry_run"], false);
}
