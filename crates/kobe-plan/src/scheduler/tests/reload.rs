//! Another desk under a machine that runs: all or nothing, and never the past.

use super::*;

fn task(name: &str, at: &str, more: &str) -> String {
    format!("[[group.task]]\nname = \"{name}\"\ncall = \"look\"\nat = \"{at}\"\n{more}")
}

impl Bench {
    fn reload(&mut self, text: &str, at: &str) -> Result<(), ReloadError> {
        self.step(at, vec![]);
        let machine = self.machine.reload(desk(text), &mut |_| None, &[], t(at))?;
        let old = Arc::clone(std::mem::replace(&mut self.machine, machine).desk());
        // Places change with the files; rows of tasks that are gone are not shown any more.
        self.rows.retain(|_, run| self.machine.desk().find(&old.task(run.task).name).map(|ix| run.task = ix).is_some());
        Ok(())
    }
}

#[test]
fn an_edit_never_fires_the_past() {
    struct Row {
        name: &'static str,
        before: String,
        after: String,
        /// Starts from 10:30, when the edit is read, until 13:00.
        starts: &'static [&'static str],
    }
    let rows = [
        Row {
            name: "a time moved into the past waits for tomorrow",
            before: task("a", "11:00", ""),
            after: task("a", "10:15", ""),
            starts: &[],
        },
        Row {
            name: "a time moved from the past into the future fires",
            before: task("a", "10:00", ""),
            after: task("a", "11:00", ""),
            starts: &["11:00"],
        },
        Row {
            name: "a new task begins now",
            before: task("a", "09:30", ""),
            after: task("a", "09:30", "") + &task("b", "10:10", "") + &task("c", "12:00", ""),
            starts: &["12:00"],
        },
        Row {
            name: "a task that is switched on owes nothing",
            before: task("a", "10:00", "enabled = false\n"),
            after: task("a", "10:00", ""),
            starts: &[],
        },
        Row {
            name: "a timeout changes no slot",
            before: task("a", "11:00", ""),
            after: task("a", "11:00", "timeout = \"20s\"\n"),
            starts: &["11:00"],
        },
        Row {
            name: "a renamed task begins now",
            before: task("a", "10:00", "grace = \"2h\"\n"),
            after: task("z", "10:00", "grace = \"2h\"\n"),
            starts: &[],
        },
    ];
    for row in rows {
        let mut b = Bench::new(&row.before, Settings::SERIAL, "2026-11-23T09:00");
        for at in ["2026-11-23T09:30", "2026-11-23T10:00"] {
            for start in b.step(at, vec![]).starts {
                b.step(at, vec![Bench::ok(&start)]);
            }
        }
        b.reload(&row.after, "2026-11-23T10:30").expect(row.name);
        let (mut now, mut starts) = (t("2026-11-23T10:30"), Vec::new());
        while now < t("2026-11-23T13:00") {
            let turn = b.machine.step(now, vec![]);
            for start in &turn.starts {
                starts.push(
                    now.to_zoned_datetime(jiff::tz::TimeZone::get("America/New_York").expect("bundled"))
                        .strftime("%H:%M")
                        .to_string(),
                );
                b.machine.step(now, vec![Bench::ok(start)]);
            }
            now = turn.wake.map_or(t("2026-11-23T13:00"), |w| w.max(now + SignedDuration::from_secs(1)));
        }
        assert_eq!(starts, row.starts, "{}", row.name);
    }
}

#[test]
fn what_runs_goes_on_and_its_end_counts_under_the_new_desk() {
    let mut b = Bench::new(&task("a", "10:00", ""), Settings::SERIAL, "2026-11-23T09:00");
    let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.reload(&(task("first", "12:00", "") + &task("a", "11:00", "")), "2026-11-23T10:00:10")
        .expect("nothing is in the way");
    let turn = b.step("2026-11-23T10:00:20", vec![Bench::ok(&start)]);
    assert_eq!(turn.stale, 0);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 completed"]);
    assert_eq!(turn.wake, Some(t("2026-11-23T11:00")));
}

#[test]
fn the_deadline_of_what_runs_stays() {
    let mut b = Bench::new(&task("a", "10:00", ""), Settings::SERIAL, "2026-11-23T09:00");
    let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.reload(&task("a", "10:00", "timeout = \"300s\"\n"), "2026-11-23T10:00:10").expect("nothing is in the way");
    assert_eq!(b.step("2026-11-23T10:00:30", vec![]).stops, [start.run]);
}

#[test]
fn a_desk_without_a_task_that_runs_is_refused_and_nothing_changes() {
    let mut b = Bench::new(&task("a", "10:00", ""), Settings::SERIAL, "2026-11-23T09:00");
    let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    let before = b.machine.snapshot();
    let refused = b.machine.reload(desk(&task("z", "10:00", "")), &mut |_| None, &[], t("2026-11-23T10:01"));
    assert_eq!(refused.expect_err("a runs"), ReloadError::Running(vec!["a".into()]));
    assert_eq!(b.machine.snapshot(), before);
    b.step("2026-11-23T10:02", vec![Bench::ok(&start)]);
    b.reload(&task("z", "10:00", ""), "2026-11-23T10:03").expect("a is over");
}

#[test]
fn what_waits_is_judged_by_the_new_desk_and_what_is_gone_is_closed() {
    let text = task("a", "10:00", "") + &task("b", "10:00", "") + &task("c", "10:00", "");
    let mut b = Bench::new(&text, Settings::SERIAL, "2026-11-23T09:00");
    let a = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.reload(&(task("a", "10:00", "") + &task("b", "10:00", "phases = [\"night\"]\n")), "2026-11-23T10:00:05")
        .expect("only a runs");
    let turn = b.step("2026-11-23T10:00:06", vec![Bench::ok(&a)]);
    assert_eq!(turn.starts.len(), 0);
    assert!(turn.changes.iter().any(|c| matches!(c, Change::Orphan { .. })), "c is gone: {:?}", turn.changes);
    assert!(b.table().contains(&"b 2026-11-23T10:00 skipped(phase)".to_owned()), "{:?}", b.table());
}

#[test]
fn a_slot_that_is_stored_ahead_is_started_once_across_a_reload() {
    let mut b = Bench::new(DAILY, Settings { total: 4, ..Settings::LIVE }, "2026-11-23T09:00");
    b.step("2026-11-23T09:59:59.600", vec![]);
    b.reload(&task("a", "10:00", "timeout = \"20s\"\n"), "2026-11-23T09:59:59.700").expect("nothing runs");
    let mut starts = 0;
    for at in ["2026-11-23T09:59:59.800", "2026-11-23T10:00", "2026-11-23T10:00:01", "2026-11-23T10:00:02"] {
        starts += b.step(at, vec![]).starts.len();
    }
    assert_eq!(starts, 1);
    assert_eq!(b.rows.len(), 1, "one row for the slot");
}

#[test]
fn turns_of_a_task_that_comes_back_are_counted_on() {
    let cooldown = "[[group.task]]\nname = \"beat\"\ncall = \"look\"\ncooldown = \"5m\"\n";
    let mut b = Bench::new(&task("a", "10:00", ""), Settings::SERIAL, "2026-11-23T09:00");
    b.step("2026-11-23T09:01", vec![]);
    let stored =
        [RecoveredCursor { task: "beat".into(), planned_to: t("2026-11-20T09:00"), turns: 41, last_turn: None }];
    let machine =
        b.machine.reload(desk(cooldown), &mut |_| None, &stored, t("2026-11-23T09:02")).expect("nothing runs");
    b.machine = machine;
    let turn = b.step("2026-11-23T09:02", vec![]);
    assert_eq!(turn.starts[0].slot, Slot::Cooldown { n: 42 });
}

#[test]
fn holds_outlive_a_reload() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    b.step(
        "2026-11-23T09:10",
        vec![Input::Asked { id: 1, order: Order::Pause(TaskIx(0)), reason: "r".into(), operator: "o".into() }],
    );
    b.reload(&(task("new", "12:00", "") + DAILY), "2026-11-23T09:20").expect("nothing runs");
    assert_eq!(b.step("2026-11-23T10:00", vec![]).starts.len(), 0);
}

#[test]
fn what_waited_in_time_is_not_missed_because_of_an_edit() {
    let text = task("block", "10:00", "") + &task("a", "10:00", "grace = \"1m\"\n");
    let mut b = Bench::new(&text, Settings::SERIAL, "2026-11-23T09:00");
    let block = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.reload(&(text.clone() + &task("new", "12:00", "")), "2026-11-23T10:05").expect("nothing is in the way");
    let turn = b.step("2026-11-23T10:05:30", vec![Bench::ok(&block)]);
    assert_eq!(turn.starts.len(), 1, "it only waited for its lane: {:?}", b.table());
}

#[test]
fn a_run_waits_no_longer_for_what_must_end_first_however_often_the_desk_is_changed() {
    let text = "[[group.task]]\nname = \"rank\"\ncall = \"rank\"\nat = \"10:01\"\nafter = [\"look\"]\n".to_owned()
        + &task("scan", "10:00", "timeout = \"300s\"\n");
    let mut b = Bench::new(&text, Settings { total: 4, ..Settings::SERIAL }, "2026-11-23T09:00");
    b.step("2026-11-23T10:00", vec![]);
    b.step("2026-11-23T10:01", vec![]);
    for (new, at) in [("one", "2026-11-23T10:05"), ("two", "2026-11-23T10:09")] {
        b.reload(&(text.clone() + &task(new, "12:00", "")), at).expect("nothing is in the way");
        b.step(at, vec![]);
    }
    b.step("2026-11-23T10:10:59", vec![]);
    assert!(b.table().contains(&"rank 2026-11-23T10:01 pending(gate)".to_owned()), "{:?}", b.table());
    b.step("2026-11-23T10:11", vec![]);
    assert!(b.table().contains(&"rank 2026-11-23T10:01 skipped(gate_timeout)".to_owned()), "{:?}", b.table());
}
