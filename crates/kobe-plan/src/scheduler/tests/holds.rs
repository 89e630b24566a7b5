//! What an operator holds, lets go, leaves out and cancels.

use super::*;
use crate::wish::Held;

const TWO: &str = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nevery = \"10m\"\nwithin = \"day\"\n\
                   [[group.task]]\nname = \"b\"\ncall = \"look\"\nat = \"10:05\"\nlane = \"research\"\n\
                   [windows.day]\nfrom = \"10:00\"\nto = \"12:00\"\n";

fn asked(order: Order) -> Input {
    Input::Asked { id: 7, order, reason: "why".into(), operator: "anna".into() }
}

fn answer(turn: &Turn) -> String {
    let done = turn.changes.iter().find_map(|c| match c {
        Change::WishDone { id: 7, note } => Some(note.to_string()),
        _ => None,
    });
    done.expect("every order is answered")
}

fn starts(turn: &Turn, task: TaskIx) -> bool {
    turn.starts.iter().any(|start| start.task == task)
}

fn place(b: &Bench, name: &str) -> TaskIx {
    b.machine.desk().find(name).expect("a task of the desk")
}

#[test]
fn a_paused_task_has_rows_and_no_runs_and_resuming_makes_nothing_good() {
    let mut b = Bench::new(TWO, Settings { total: 4, ..Settings::SERIAL }, "2026-11-23T09:00");
    let a = place(&b, "a");
    let turn = b.step("2026-11-23T09:30", vec![asked(Order::Pause(a))]);
    assert_eq!(answer(&turn), "done");
    assert!(
        turn.changes
            .iter()
            .any(|c| matches!(c, Change::Hold(h) if h.on && h.operator == "anna" && h.held == Held::Task("a".into())))
    );
    assert_eq!(answer(&b.step("2026-11-23T09:31", vec![asked(Order::Pause(a))])), "refused: it is held already");
    for at in ["2026-11-23T10:00", "2026-11-23T10:10", "2026-11-23T10:20"] {
        assert!(!starts(&b.step(at, vec![]), a), "{at}");
    }
    let resumed = b.step("2026-11-23T10:25", vec![asked(Order::Resume(a))]);
    assert!(!starts(&resumed, a), "the time of the pause is over");
    assert!(starts(&b.step("2026-11-23T10:30", vec![]), a));
    let skipped = b.table().iter().filter(|row| row.contains("a ") && row.ends_with("skipped(paused)")).count();
    assert_eq!(skipped, 3, "{:?}", b.table());
}

#[test]
fn a_pause_survives_a_restart() {
    let mut b = Bench::new(TWO, Settings::SERIAL, "2026-11-23T09:00");
    let a = place(&b, "a");
    let turn = b.step("2026-11-23T09:30", vec![asked(Order::Pause(a))]);
    let hold = turn.changes.iter().find_map(|c| if let Change::Hold(h) = c { Some(h.clone()) } else { None });
    let recovered = Recovered { holds: vec![hold.expect("it is stored")], ..Recovered::default() };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T09:45"));
    assert_eq!(again.step("2026-11-23T10:00", vec![]).starts.len(), 0);
    let held: Vec<String> = again.machine.holds().map(|(held, why)| format!("{held}: {}", why.note)).collect();
    assert_eq!(held, ["task a: by anna: why"]);
}

#[test]
fn what_waits_is_taken_out_by_a_pause_and_what_runs_goes_on() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = [\"10:00\", \"10:01\"]\noverlap = \"queue(3)\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let running = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.step("2026-11-23T10:01", vec![]);
    let turn = b.step("2026-11-23T10:01:01", vec![asked(Order::Pause(TaskIx(0)))]);
    assert_eq!(answer(&turn), "done; 1 run that waited was taken out");
    assert_eq!(turn.stops, []);
    b.step("2026-11-23T10:01:02", vec![Bench::ok(&running)]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 completed", "a 2026-11-23T10:01 skipped(paused)"]);
}

#[test]
fn a_run_that_is_armed_is_taken_out_before_its_instant() {
    let mut b = Bench::new(DAILY, Settings { total: 4, ..Settings::LIVE }, "2026-11-23T09:00");
    b.step("2026-11-23T09:59:59.600", vec![]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 running"], "stored ahead of its instant");
    b.step("2026-11-23T09:59:59.700", vec![asked(Order::Pause(TaskIx(0)))]);
    assert_eq!(b.step("2026-11-23T10:00", vec![]).starts.len(), 0);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 skipped(paused)"]);
    assert_eq!(b.rows.values().next().expect("the row").attempt, 0, "nothing was attempted");
}

#[test]
fn a_halted_lane_starts_nothing_and_the_others_go_on() {
    let mut b = Bench::new(TWO, Settings { total: 4, ..Settings::SERIAL }, "2026-11-23T09:00");
    b.step("2026-11-23T09:30", vec![asked(Order::HaltLane(Lane::Trading))]);
    assert_eq!(b.step("2026-11-23T10:00", vec![]).starts.len(), 0);
    assert_eq!(b.step("2026-11-23T10:05", vec![]).starts.len(), 1, "research goes on");
    b.step("2026-11-23T10:06", vec![asked(Order::ResumeLane(Lane::Trading))]);
    assert_eq!(b.step("2026-11-23T10:10", vec![]).starts.len(), 1);
    assert_eq!(b.table()[0], "a 2026-11-23T15:00:00Z skipped(halted)");
}

#[test]
fn the_next_slot_is_left_out_and_only_that() {
    for (settings, name) in [
        (Settings { total: 4, ..Settings::SERIAL }, "at their instants"),
        (Settings { total: 4, ..Settings::LIVE }, "live"),
    ] {
        let mut b = Bench::new(TWO, settings, "2026-11-23T09:00");
        let a = place(&b, "a");
        let turn = b.step("2026-11-23T09:30", vec![asked(Order::Skip(a))]);
        assert_eq!(answer(&turn), "done: 2026-11-23T15:00:00Z", "{name}");
        b.step("2026-11-23T09:59:59.600", vec![]);
        assert_eq!(b.step("2026-11-23T10:00", vec![]).starts.len(), 0, "{name}");
        b.step("2026-11-23T10:04:59.600", vec![]);
        b.step("2026-11-23T10:05", vec![]);
        b.step("2026-11-23T10:09:59.600", vec![]);
        assert!(starts(&b.step("2026-11-23T10:10", vec![]), a), "{name}");
    }
}

#[test]
fn a_waiting_run_is_cancelled_and_a_running_one_is_told() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = [\"10:00\", \"10:01\"]\noverlap = \"queue(3)\"\nretries = 3\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let running = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.step("2026-11-23T10:01", vec![]);
    let waiting = *b.rows.keys().last().expect("the second run");
    assert_eq!(answer(&b.step("2026-11-23T10:02", vec![asked(Order::Cancel(waiting))])), "done: it will not run");
    let told = b.step("2026-11-23T10:03", vec![asked(Order::Cancel(running.run))]);
    assert_eq!((answer(&told).as_str(), told.stops.as_slice()), ("done: it was told to stop", &[running.run][..]));
    b.step("2026-11-23T10:03:01", vec![Input::Ended { run: running.run, attempt: 1, outcome: Outcome::Interrupted }]);
    assert_eq!(
        b.table(),
        ["a 2026-11-23T10:00 failed(operator)", "a 2026-11-23T10:01 skipped(operator)"],
        "and it does not come back"
    );
    let gone = b.step("2026-11-23T10:04", vec![asked(Order::Cancel(running.run))]);
    assert_eq!(answer(&gone), "refused: no such run is waiting or running");
}
