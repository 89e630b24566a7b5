//! What a person is told, and how often.

use super::*;
use crate::alert::{Alert, AlertKind, Severity};

fn alerts(turn: &Turn) -> Vec<&Alert> {
    turn.changes.iter().filter_map(|c| if let Change::Alert(a) = c { Some(a) } else { None }).collect()
}

fn ended(start: &Start, outcome: Outcome) -> Input {
    Input::Ended { run: start.run, attempt: start.attempt, outcome }
}

fn error() -> Outcome {
    Outcome::Error("no route to host".into())
}

#[test]
fn a_failure_is_told_after_the_last_attempt_with_what_waits_behind_it_and_its_recovery_once() {
    let text = "[[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = [\"10:00\", \"11:00\", \"12:00\"]\nretries = 1\nowner = \"anna\"\nseverity = \"error\"\nrunbook = \"wiki/scan\"\n\
                [[group.task]]\nname = \"order\"\ncall = \"send\"\nat = \"10:30\"\nafter = [\"look\"]\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let first = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    assert!(alerts(&b.step("2026-11-23T10:00:01", vec![ended(&first, error())])).is_empty(), "one attempt is left");
    let second = b.step("2026-11-23T10:01:10", vec![]).starts[0].clone();
    let turn = b.step("2026-11-23T10:01:11", vec![ended(&second, error())]);
    let told = alerts(&turn);
    assert_eq!(told.len(), 1);
    let alert = told[0];
    assert_eq!(
        (alert.kind, alert.severity, alert.cause.as_str()),
        (AlertKind::RunFailed, Severity::Error, "task:scan")
    );
    assert_eq!(alert.title, "scan failed after 2 attempts");
    assert_eq!(alert.detail, "slot 2026-11-23T10:00\nerror: no route to host\nwaits for it: order");
    assert_eq!((alert.owner.as_str(), alert.runbook.as_str()), ("anna", "wiki/scan"));
    assert!(alerts(&b.step("2026-11-23T10:30", vec![])).is_empty(), "what waits for it is not told again");
    assert_eq!(b.table()[1], "order 2026-11-23T10:30 skipped(upstream_failed)");
    for (at, recoveries) in [("2026-11-23T11:00", 1), ("2026-11-23T12:00", 0)] {
        let start = b.step(at, vec![]).starts[0].clone();
        let turn = b.step(at, vec![ended(&start, Outcome::Ok("".into()))]);
        assert_eq!(alerts(&turn).iter().filter(|a| a.recovery).count(), recoveries, "{at}");
    }
}

#[test]
fn what_may_have_traded_when_it_was_lost_is_told_as_critical() {
    let text = "[[group.task]]\nname = \"order\"\ncall = \"send\"\nat = \"10:30\"\nseverity = \"info\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    b.step("2026-11-23T10:30", vec![]);
    let run = b.rows.values().next().expect("the row").clone();
    let recovered =
        Recovered { live: vec![RecoveredRun { task: "order".into(), run }], next_run: 2, ..Recovered::default() };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T10:31"));
    let turn = again.step("2026-11-23T10:31", vec![]);
    let told = alerts(&turn);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].severity), (AlertKind::RunHeld, Severity::Critical));
}

#[test]
fn deadlines_are_timers_not_by_products_of_an_end() {
    let text = "[[group.task]]\nname = \"block\"\ncall = \"look\"\nat = \"09:59\"\n\
                [[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\nstart_by = \"30s\"\nfinish_by = \"2m\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let block = b.step("2026-11-23T09:59", vec![]).starts[0].clone();
    let due = b.step("2026-11-23T10:00", vec![]);
    assert_eq!((due.starts.len(), due.wake), (0, Some(t("2026-11-23T10:00:30"))), "the machine wakes for the deadline");
    let late = b.step("2026-11-23T10:00:30", vec![]);
    assert_eq!(alerts(&late)[0].title, "scan has not begun 30s after its slot");
    let scan = b.step("2026-11-23T10:01", vec![Bench::ok(&block)]).starts[0].clone();
    let turn = b.step("2026-11-23T10:02", vec![]);
    assert_eq!(alerts(&turn)[0].kind, AlertKind::FinishLate);
    let end = b.step("2026-11-23T10:03", vec![Bench::ok(&scan)]);
    assert!(alerts(&end)[0].recovery, "that it is over is told too");
}

#[test]
fn what_was_missed_is_one_alert_however_many_slots_and_tasks() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nevery = \"1m\"\nwithin = \"day\"\n\
                [[group.task]]\nname = \"order\"\ncall = \"send\"\nat = \"10:30\"\n\
                [windows.day]\nfrom = \"10:00\"\nto = \"16:00\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let turn = b.step("2026-11-23T12:00", vec![]);
    let told = alerts(&turn);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].kind, told[0].severity), (AlertKind::Missed, Severity::Critical));
    assert_eq!(told[0].title, "121 slots of 2 tasks were missed while nobody was there");
    assert!(told[0].detail.ends_with("may trade: order"), "{}", told[0].detail);
}

#[test]
fn a_full_lane_is_told_once_until_it_has_emptied() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = \"10:00\"\n".to_owned()
        + &(0..6)
            .map(|i| format!("[[group.task]]\nname = \"b{i}\"\ncall = \"look\"\nat = \"10:01\"\n"))
            .collect::<String>();
    let mut small = (*desk(&text)).clone();
    small.lanes = [crate::desk::LaneSpec { workers: 1, queue: 2 }; 5];
    let desk = Arc::new(small);
    let mut b =
        Bench::recover(desk, Settings { total: 4, ..Settings::SERIAL }, Recovered::default(), t("2026-11-23T09:00"));
    let running = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    let full = b.step("2026-11-23T10:01", vec![]);
    assert_eq!(
        alerts(&full).iter().filter(|a| a.kind == AlertKind::QueueFull).count(),
        1,
        "four were shed, one is told"
    );
    let mut last = b.step("2026-11-23T10:01:01", vec![Bench::ok(&running)]);
    assert!(alerts(&last)[0].recovery);
    while let Some(start) = last.starts.first().cloned() {
        last = b.step("2026-11-23T10:01:02", vec![Bench::ok(&start)]);
    }
    assert_eq!(b.table().iter().filter(|r| r.ends_with("skipped(queue_full)")).count(), 4);
}

#[test]
fn a_clock_that_is_set_back_is_told_once() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    b.step("2026-11-23T09:30", vec![]);
    let back = b.step("2026-11-23T09:20", vec![]);
    assert_eq!(alerts(&back)[0].kind, AlertKind::ClockSetBack);
    assert!(alerts(&b.step("2026-11-23T09:21", vec![])).is_empty());
    b.step("2026-11-23T09:31", vec![]);
    assert_eq!(alerts(&b.step("2026-11-23T09:29", vec![])).len(), 1, "another time is another alert");
}

#[test]
fn a_failed_upstream_is_not_forgotten_by_a_restart() {
    let text = "[[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\nretries = 0\n\
                [[group.task]]\nname = \"rank\"\ncall = \"rank\"\nat = \"10:30\"\nafter = [\"look\"]\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let scan = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.step("2026-11-23T10:01", vec![ended(&scan, error())]);
    let run = b.rows.values().next().expect("the row").clone();
    let cursor = |task: &str, at| RecoveredCursor { task: task.into(), planned_to: t(at), turns: 0, last_turn: None };
    let recovered = Recovered {
        cursors: vec![cursor("scan", "2026-11-23T10:00"), cursor("rank", "2026-11-23T09:00")],
        ended: vec![RecoveredRun { task: "scan".into(), run }],
        next_run: 2,
        ..Recovered::default()
    };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T10:10"));
    again.step("2026-11-23T10:30", vec![]);
    assert_eq!(again.table(), ["rank 2026-11-23T10:30 skipped(upstream_failed)"]);
}

/// What a store knows of a bench: its rows that are not over, and how far its tasks were planned.
fn stored(b: &Bench, cursors: &[(&str, &str)]) -> Recovered {
    let name = |run: &Run| b.machine.desk().task(run.task).name.clone();
    let live = b.rows.values().filter(|run| !run.state.is_terminal());
    let cursor = |(task, at): &(&str, &str)| RecoveredCursor {
        task: (*task).into(),
        planned_to: t(at),
        turns: 0,
        last_turn: None,
    };
    Recovered {
        cursors: cursors.iter().map(cursor).collect(),
        live: live.map(|run| RecoveredRun { task: name(run), run: run.clone() }).collect(),
        next_run: b.machine.next_run().0,
        ..Recovered::default()
    }
}

fn told(turn: &Turn) -> Vec<(AlertKind, &str, &str)> {
    alerts(turn).iter().map(|a| (a.kind, a.title.as_str(), a.detail.as_str())).collect()
}

#[test]
fn deadlines_that_passed_while_nobody_was_there_are_told_once() {
    let text = "[[group.task]]\nname = \"block\"\ncall = \"look\"\nat = \"09:59\"\ngrace = \"1h\"\n\
                [[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\nstart_by = \"30s\"\nfinish_by = \"2m\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    b.step("2026-11-23T09:59", vec![]);
    b.step("2026-11-23T10:00", vec![]);
    // It dies, and is back after both deadlines.
    let cursors = [("block", "2026-11-23T09:59"), ("scan", "2026-11-23T10:00")];
    let desk = Arc::clone(b.machine.desk());
    let mut again = Bench::recover(Arc::clone(&desk), Settings::SERIAL, stored(&b, &cursors), t("2026-11-23T10:05"));
    let turn = again.step("2026-11-23T10:05", vec![]);
    let title = "scan: a deadline passed while nobody was there";
    assert_eq!(
        told(&turn),
        [
            (AlertKind::StartLate, title, "scan had not begun 30s after its slot 2026-11-23T10:00"),
            (AlertKind::FinishLate, title, "scan was not over 2m after its slot 2026-11-23T10:00"),
        ]
    );
    assert_eq!(turn.starts.len(), 1, "it is made good");
    assert_eq!(told(&again.step("2026-11-23T10:05:30", vec![])), []);
    // It dies again. What was told while it lived is not told anew.
    let mut third = Bench::recover(desk, Settings::SERIAL, stored(&again, &cursors), t("2026-11-23T10:05:40"));
    assert_eq!(told(&third.step("2026-11-23T10:05:40", vec![])), []);
}

#[test]
fn a_deadline_that_was_told_while_the_desk_lived_is_not_told_by_its_recovery() {
    let text = "[[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\nfinish_by = \"2m\"\n\
                [[group.task]]\nname = \"other\"\ncall = \"look\"\nat = [\"10:03\", \"18:00\"]\n";
    for (name, other, tells) in [("it lived at 10:03", "2026-11-23T10:03", 0), ("it did not", "2026-11-23T09:00", 1)] {
        let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
        b.step("2026-11-23T10:00", vec![]);
        let recovered = stored(&b, &[("scan", "2026-11-23T10:00"), ("other", other)]);
        let mut again =
            Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T10:05"));
        let turn = again.step("2026-11-23T10:05", vec![]);
        assert_eq!(alerts(&turn).iter().filter(|a| a.kind == AlertKind::FinishLate).count(), tells, "{name}");
    }
}

#[test]
fn what_was_lost_for_good_is_told_as_that_and_not_as_late() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = \"10:00\"\nretries = 0\nfinish_by = \"2m\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    b.step("2026-11-23T10:00", vec![]);
    let recovered = stored(&b, &[("a", "2026-11-23T10:00")]);
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T10:05"));
    let turn = again.step("2026-11-23T10:05", vec![]);
    assert_eq!(alerts(&turn).iter().map(|a| a.kind).collect::<Vec<_>>(), [AlertKind::RunFailed]);
}

#[test]
fn deadlines_of_what_is_made_good_are_told_as_one_of_each_kind() {
    let task = |name: &str| {
        format!(
            "[[group.task]]\nname = \"{name}\"\ncall = \"look\"\nat = \"10:00\"\nstart_by = \"1m\"\nfinish_by = \"10m\"\nseverity = \"error\"\n"
        )
    };
    let text = task("a") + &task("b").replace("\"error\"", "\"critical\"");
    let mut b = Bench::new(&text, Settings::SERIAL, "2026-11-23T09:00");
    let turn = b.step("2026-11-23T10:05", vec![]);
    let detail =
        "a had not begun 1m after its slot 2026-11-23T10:00\nb had not begun 1m after its slot 2026-11-23T10:00";
    assert_eq!(told(&turn), [(AlertKind::StartLate, "2 deadlines passed while nobody was there", detail)]);
    assert_eq!(alerts(&turn)[0].severity, Severity::Critical, "as severe as the worst of them");
    // Deadlines that lie ahead are watched like any other.
    let late = b.step("2026-11-23T10:10", vec![]);
    assert_eq!(
        alerts(&late).iter().map(|a| a.title.as_str()).collect::<Vec<_>>(),
        ["a is not over 10m after its slot", "b is not over 10m after its slot"]
    );
}
