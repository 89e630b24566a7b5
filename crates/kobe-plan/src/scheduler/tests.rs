//! The machine under a virtual clock.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kobe_calendar::Market;

use super::*;
use crate::desk::{Catalog, SourceFile};
use crate::run::Reason;

struct Bench {
    machine: Scheduler,
    rows: BTreeMap<RunId, Run>,
}

fn desk(text: &str) -> Arc<Desk> {
    let spec = |right| crate::desk::FunctionSpec {
        lane: Lane::Trading,
        right,
        session_bound: false,
        heavy: false,
        timeout: SignedDuration::from_secs(30),
        stage: None,
        after: vec![],
    };
    let catalog: Catalog = [
        ("look", spec(crate::task::TradeRight::None)),
        ("rank", spec(crate::task::TradeRight::None)),
        ("send", spec(crate::task::TradeRight::Open)),
    ]
    .into_iter()
    .map(|(n, s)| (n.to_owned(), s))
    .collect();
    let text = format!("[[group]]\nname = \"g\"\n{text}");
    Arc::new(
        Desk::parse(&[SourceFile { name: "t.toml".into(), text }], &catalog).unwrap_or_else(|p| panic!("{}", p[0])),
    )
}

fn t(local: &str) -> Timestamp {
    format!("{local}[America/New_York]").parse::<jiff::ZonedDateTime>().expect("the row's instant").timestamp()
}

impl Bench {
    fn new(text: &str, settings: Settings, at: &str) -> Bench {
        Bench::recover(desk(text), settings, Recovered::default(), t(at))
    }

    fn recover(desk: Arc<Desk>, settings: Settings, recovered: Recovered, at: Timestamp) -> Bench {
        let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
        let machine = Scheduler::recover(desk, market, settings, &mut |_| None, recovered, at);
        Bench { machine, rows: BTreeMap::new() }
    }

    fn step(&mut self, at: &str, inputs: Vec<Input>) -> Turn {
        let turn = self.machine.step(t(at), inputs);
        for change in &turn.changes {
            if let Change::Run(run) = change {
                if let Some(before) = self.rows.get(&run.id) {
                    assert!(!before.state.is_terminal(), "run {} changed after its end", run.id);
                }
                self.rows.insert(run.id, run.clone());
            }
        }
        turn
    }

    fn ok(start: &Start) -> Input {
        Input::Ended { run: start.run, attempt: start.attempt, outcome: Outcome::Ok("".into()) }
    }

    fn table(&self) -> Vec<String> {
        self.rows
            .values()
            .map(|r| {
                format!(
                    "{} {} {}{}",
                    self.machine.desk().task(r.task).name,
                    r.slot,
                    r.state,
                    r.reason.map_or(String::new(), |r| format!("({r})"))
                )
            })
            .collect()
    }
}

const DAILY: &str = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = \"10:00\"\n";

#[test]
fn a_slot_becomes_one_run_and_one_start() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let first = b.step("2026-11-23T09:00", vec![]);
    assert_eq!(first.wake, Some(t("2026-11-23T10:00")));
    let due = b.step("2026-11-23T10:00", vec![]);
    assert_eq!(due.starts.len(), 1);
    let done = b.step("2026-11-23T10:00", vec![Bench::ok(&due.starts[0])]);
    assert_eq!(done.wake, Some(t("2026-11-24T10:00")));
    assert_eq!(b.table(), ["a 2026-11-23T10:00 completed"]);
}

#[test]
fn a_result_of_another_attempt_changes_nothing() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let due = b.step("2026-11-23T10:00", vec![]);
    let stale = b.step(
        "2026-11-23T10:00",
        vec![Input::Ended { run: due.starts[0].run, attempt: 7, outcome: Outcome::Ok("".into()) }],
    );
    assert_eq!((stale.stale, stale.changes.len()), (1, 0));
}

#[test]
fn a_clock_that_is_set_back_fires_nothing_twice() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let due = b.step("2026-11-23T10:00", vec![]);
    b.step("2026-11-23T10:00", vec![Bench::ok(&due.starts[0])]);
    assert_eq!(b.step("2026-11-23T09:50", vec![]).starts.len(), 0);
    assert_eq!(b.step("2026-11-23T10:01", vec![]).starts.len(), 0);
}

#[test]
fn failures_are_repeated_after_growing_waits_and_then_stay_failed() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let mut turn = b.step("2026-11-23T10:00", vec![]);
    let mut at = t("2026-11-23T10:00");
    for (attempt, wait) in [(1_u32, 60), (2, 120), (3, 240)] {
        let start = turn.starts[0].clone();
        assert_eq!(start.attempt, attempt);
        turn = b.machine.step(at, [Input::Ended { run: start.run, attempt, outcome: Outcome::Error("no".into()) }]);
        let next = turn.wake.expect("a retry");
        let waited = next.duration_since(at).as_secs();
        assert!((wait..=wait + wait / 10 + 1).contains(&waited), "attempt {attempt} waited {waited} s");
        at = next;
        turn = b.machine.step(at, []);
    }
    let last = b
        .machine
        .step(at, [Input::Ended { run: turn.starts[0].run, attempt: 4, outcome: Outcome::Error("no".into()) }]);
    let Change::Run(run) = &last.changes[0] else { panic!("the run's row") };
    assert_eq!((run.state, run.attempt), (State::Failed, 4));
}

#[test]
fn priority_then_the_order_of_the_files_decides_within_an_instant() {
    let text = "[[group.task]]\nname = \"c\"\ncall = \"look\"\nat = \"10:00\"\npriority = \"low\"\n[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = \"10:00\"\nlane = \"research\"\npriority = \"critical\"\n[[group.task]]\nname = \"b\"\ncall = \"look\"\nat = \"10:00\"\npriority = \"critical\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
    let mut order = Vec::new();
    let mut turn = b.step("2026-11-23T10:00", vec![]);
    while let Some(start) = turn.starts.first().cloned() {
        assert_eq!(turn.starts.len(), 1, "one thing after another");
        order.push(b.machine.desk().task(start.task).name.clone());
        turn = b.step("2026-11-23T10:00", vec![Bench::ok(&start)]);
    }
    assert_eq!(order, ["a", "b", "c"]);
}

#[test]
fn an_overlapping_slot_is_skipped_and_a_manual_run_holds_the_guard() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nevery = \"1m\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:59:30");
    let manual = b.step("2026-11-23T09:59:40", vec![Input::RunNow { id: 5, task: TaskIx(0) }]);
    assert_eq!(manual.starts.len(), 1);
    let due = b.step("2026-11-23T10:00", vec![]);
    assert_eq!(due.starts.len(), 0);
    b.step("2026-11-23T10:00:30", vec![Bench::ok(&manual.starts[0])]);
    assert_eq!(b.step("2026-11-23T10:01", vec![]).starts.len(), 1);
    assert_eq!(b.table()[1], "a 2026-11-23T15:00:00Z skipped(overlap)");
}

#[test]
fn what_was_missed_is_one_row_and_the_newest_is_made_good_within_its_grace() {
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (
            "the newest within the grace",
            "every = \"10m\"",
            "2026-11-23T11:05",
            &["a 2026-11-23T15:50:00Z skipped(grace_expired)", "a 2026-11-23T16:00:00Z running"],
        ),
        (
            "too late for the newest",
            "every = \"1h\"\ngrace = \"2m\"",
            "2026-11-23T11:05",
            &["a 2026-11-23T16:00:00Z skipped(grace_expired)"],
        ),
        (
            "nothing is made good",
            "every = \"10m\"\ncatch_up = \"skip\"",
            "2026-11-23T11:05",
            &["a 2026-11-23T16:00:00Z skipped(grace_expired)"],
        ),
        (
            "the last two, oldest first",
            "every = \"10m\"\ncatch_up = \"all(2)\"\noverlap = \"queue(5)\"",
            "2026-11-23T11:05",
            &[
                "a 2026-11-23T15:40:00Z skipped(grace_expired)",
                "a 2026-11-23T15:50:00Z running",
                "a 2026-11-23T16:00:00Z pending",
            ],
        ),
        (
            "worth nothing by now",
            "at = \"10:00\"\nuseless_after = \"10:30\"\ngrace = \"2h\"",
            "2026-11-23T11:05",
            &["a 2026-11-23T10:00 skipped(useless_after)"],
        ),
        (
            "the phase is judged against now",
            "at = \"10:00\"\nphases = [\"market_morning\"]\ngrace = \"4h\"",
            "2026-11-23T12:35",
            &["a 2026-11-23T10:00 skipped(phase)"],
        ),
    ];
    for (name, trigger, now, expected) in rows {
        let text = format!("[[group.task]]\nname = \"a\"\ncall = \"look\"\n{trigger}\n");
        let recovered = Recovered {
            cursors: vec![RecoveredCursor {
                task: "a".into(),
                planned_to: t("2026-11-23T09:55"),
                turns: 0,
                last_turn: None,
            }],
            live: vec![],
            next_run: 1,
            taken: vec![],
            ..Recovered::default()
        };
        let mut b = Bench::recover(desk(&text), Settings::SERIAL, recovered, t(now));
        b.step(now, vec![]);
        assert_eq!(b.table(), *expected, "{name}");
        let covered: u64 = b.rows.values().map(|r| r.covers).sum();
        if trigger.starts_with("every = \"10m\"") {
            assert_eq!(covered, 7, "{name}: every slot since 09:55 is accounted for");
        }
    }
}

#[test]
fn a_task_that_trades_is_missed_after_a_minute_and_never_runs_outside_a_session() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"send\"\nat = \"10:15\"\n";
    let cursor = |at: &str| Recovered {
        cursors: vec![RecoveredCursor { task: "a".into(), planned_to: t(at), turns: 0, last_turn: None }],
        live: vec![],
        next_run: 1,
        taken: vec![],
        ..Recovered::default()
    };
    for (now, expected) in [
        ("2026-11-23T10:15:50", "a 2026-11-23T10:15 running"),
        ("2026-11-23T10:16:10", "a 2026-11-23T10:15 skipped(grace_expired)"),
    ] {
        let mut b = Bench::recover(desk(text), Settings::SERIAL, cursor("2026-11-23T10:00"), t(now));
        b.step(now, vec![]);
        assert_eq!(b.table(), [expected]);
    }
    for (day, expected) in [("2026-11-26", "skipped(holiday)"), ("2026-11-28", "skipped(day)")] {
        let mut b = Bench::new(text, Settings::SERIAL, &format!("{day}T10:00"));
        b.step(&format!("{day}T10:15"), vec![]);
        assert_eq!(b.table(), [format!("a {day}T10:15 {expected}")]);
    }
}

#[test]
fn a_context_driven_task_has_its_turn_on_entry_and_again_after_its_cooldown() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\ncooldown = \"30m\"\nphases = [\"market_morning\"]\nmodes = [\"active_trading\"]\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T08:00");
    let mut at = t("2026-11-23T08:00");
    let mut starts = Vec::new();
    let mut inputs = Vec::new();
    while at < t("2026-11-25T00:00") {
        let turn = b.machine.step(at, std::mem::take(&mut inputs));
        for start in &turn.starts {
            starts.push(b.machine.market().local(at).strftime("%d %H:%M").to_string());
            inputs.push(Bench::ok(start));
        }
        if inputs.is_empty() {
            at = turn.wake.expect("another turn comes");
        }
    }
    assert_eq!(starts, ["23 10:00", "23 10:30", "23 11:00", "24 10:00", "24 10:30", "24 11:00"]);
}

#[test]
fn a_run_waits_for_what_must_end_first_but_not_for_ever() {
    let text = "[[group.task]]\nname = \"rank\"\ncall = \"rank\"\nat = \"10:01\"\nafter = [\"look\"]\n[[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\n";
    let settings = Settings { total: 4, ..Settings::SERIAL };
    // It ends in time.
    let mut b = Bench::new(text, settings, "2026-11-23T09:00");
    let scan = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    assert_eq!(b.step("2026-11-23T10:01", vec![]).starts.len(), 0);
    let freed = b.step("2026-11-23T10:04", vec![Bench::ok(&scan)]);
    assert_eq!(freed.starts.len(), 1);
    // It does not end.
    let mut b = Bench::new(text, settings, "2026-11-23T09:00");
    b.step("2026-11-23T10:00", vec![]);
    b.step("2026-11-23T10:01", vec![]);
    let late = b.step("2026-11-23T10:11", vec![]);
    assert_eq!(late.starts.len(), 0);
    assert!(b.table().contains(&"rank 2026-11-23T10:01 skipped(gate_timeout)".to_owned()), "{:?}", b.table());
    // It fails for good.
    let mut b =
        Bench::new(&text.replace("at = \"10:00\"", "at = \"10:00\"\nretries = 0"), settings, "2026-11-23T09:00");
    let scan = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    b.step("2026-11-23T10:01", vec![]);
    b.step("2026-11-23T10:02", vec![Input::Ended { run: scan.run, attempt: 1, outcome: Outcome::Error("no".into()) }]);
    assert!(b.table().contains(&"rank 2026-11-23T10:01 skipped(upstream_failed)".to_owned()), "{:?}", b.table());
    // Its result is another day's.
    let mut b = Bench::new(text, settings, "2026-11-23T10:00:30");
    assert_eq!(b.step("2026-11-23T10:01", vec![]).starts.len(), 1, "what has no slot left today does not count");
}

#[test]
fn a_full_lane_sheds_its_least_urgent_run_and_never_one_that_trades() {
    let mut text = String::new();
    for (name, call, priority) in
        [("busy", "look", 1), ("low", "look", 4), ("normal", "look", 3), ("high", "look", 2), ("trade", "send", 5)]
    {
        text.push_str(&format!(
            "[[group.task]]\nname = \"{name}\"\ncall = \"{call}\"\nat = \"10:00\"\npriority = {priority}\n"
        ));
    }
    let text = text.replace("[[group.task]]\nname = \"busy\"", "[[group.task]]\nname = \"busy\"\nenabled = true");
    let desk = {
        let mut desk = (*desk(&text)).clone();
        desk.lanes[Lane::Trading as usize] = crate::desk::LaneSpec { workers: 1, queue: 2 };
        Arc::new(desk)
    };
    let mut b =
        Bench::recover(desk, Settings { total: 1, ..Settings::SERIAL }, Recovered::default(), t("2026-11-23T09:00"));
    b.step("2026-11-23T10:00", vec![]);
    let states: Vec<String> = b.table().into_iter().map(|row| row.replace("2026-11-23T10:00 ", "")).collect();
    assert_eq!(
        states.iter().filter(|s| s.contains("skipped(queue_full)")).collect::<Vec<_>>(),
        ["low skipped(queue_full)", "normal skipped(queue_full)"]
    );
    assert!(states.contains(&"trade pending".to_owned()), "{states:?}");
}

#[test]
fn an_armed_start_is_stored_ahead_and_starts_without_another_word() {
    let settings = Settings { total: 4, ..Settings::LIVE };
    let mut b = Bench::new(DAILY, settings, "2026-11-23T09:00");
    let first = b.step("2026-11-23T09:00", vec![]);
    assert_eq!(first.wake, Some(t("2026-11-23T09:59:59.5")));
    let armed = b.step("2026-11-23T09:59:59.5", vec![]);
    assert_eq!((armed.starts.len(), armed.wake), (0, Some(t("2026-11-23T10:00"))));
    assert_eq!(b.table(), ["a 2026-11-23T10:00 running"]);
    let due = b.step("2026-11-23T10:00", vec![]);
    assert_eq!((due.starts.len(), due.changes.len()), (1, 0), "nothing is stored between the instant and the start");
    b.step("2026-11-23T10:00:01", vec![Bench::ok(&due.starts[0])]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 completed"]);
}

#[test]
fn an_armed_start_that_was_never_made_is_planned_again_after_a_crash() {
    let settings = Settings { total: 4, ..Settings::LIVE };
    let mut b = Bench::new(DAILY, settings, "2026-11-23T09:00");
    b.step("2026-11-23T09:59:59.5", vec![]);
    let row = b.rows.values().next().expect("armed").clone();
    let recovered = |run: Run| Recovered {
        cursors: vec![RecoveredCursor {
            task: "a".into(),
            planned_to: t("2026-11-23T10:00"),
            turns: 0,
            last_turn: None,
        }],
        live: vec![RecoveredRun { task: "a".into(), run }],
        next_run: 2,
        taken: vec![],
        ..Recovered::default()
    };
    // Back before the instant: it certainly has not begun.
    let mut again =
        Bench::recover(Arc::clone(b.machine.desk()), settings, recovered(row.clone()), t("2026-11-23T09:59:59.8"));
    let due = again.step("2026-11-23T10:00", vec![]);
    assert_eq!(due.starts.iter().map(|s| s.attempt).collect::<Vec<_>>(), [1]);
    // Back after it: it may have begun, so this is another attempt.
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), settings, recovered(row), t("2026-11-23T10:00:02"));
    let first = again.step("2026-11-23T10:00:02", vec![]);
    assert_eq!(first.starts.len(), 0);
    let second = again.machine.step(first.wake.expect("a retry"), []);
    assert_eq!(second.starts.iter().map(|s| s.attempt).collect::<Vec<_>>(), [2]);
}

#[test]
fn an_armed_start_waits_again_when_the_engine_is_told_to_stop() {
    let mut b = Bench::new(DAILY, Settings { total: 4, ..Settings::LIVE }, "2026-11-23T09:00");
    b.step("2026-11-23T09:59:59.5", vec![]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 running"]);
    b.step("2026-11-23T09:59:59.7", vec![Input::Drain]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 pending"]);
}

#[test]
fn what_may_have_traded_when_it_was_lost_is_held_for_a_person() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"send\"\nat = \"10:15\"\n";
    let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T10:00");
    b.step("2026-11-23T10:15", vec![]);
    let row = b.rows.values().next().expect("running").clone();
    let recovered = Recovered {
        cursors: vec![RecoveredCursor {
            task: "a".into(),
            planned_to: t("2026-11-23T10:15"),
            turns: 0,
            last_turn: None,
        }],
        live: vec![RecoveredRun { task: "a".into(), run: row }],
        next_run: 2,
        taken: vec![],
        ..Recovered::default()
    };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T10:15:20"));
    let turn = again.step("2026-11-23T10:15:20", vec![]);
    assert_eq!(turn.starts.len(), 0);
    let run = again.rows.values().next().expect("the row");
    assert_eq!((run.state, run.reason), (State::Failed, Some(Reason::Held)));
}

#[test]
fn a_slot_that_has_a_row_from_a_clock_that_was_ahead_is_not_named_again() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nevery = \"10m\"\n";
    let slot = |at: &str| Slot::Interval { at: at.parse().expect("an instant") };
    // The clock showed 10:31 when these were written; now it shows 10:05.
    let recovered = Recovered {
        cursors: vec![RecoveredCursor {
            task: "a".into(),
            planned_to: t("2026-11-23T10:30"),
            turns: 0,
            last_turn: None,
        }],
        live: vec![],
        next_run: 5,
        taken: vec![("a".into(), slot("2026-11-23T15:20:00Z")), ("a".into(), slot("2026-11-23T15:30:00Z"))],
        ..Recovered::default()
    };
    let mut b = Bench::recover(desk(text), Settings::SERIAL, recovered, t("2026-11-23T10:05"));
    let mut at = t("2026-11-23T10:05");
    let mut inputs = Vec::new();
    let mut starts = Vec::new();
    while at < t("2026-11-23T10:45") {
        let turn = b.machine.step(at, std::mem::take(&mut inputs));
        starts.extend(turn.starts.iter().map(|s| s.slot.to_string()));
        inputs.extend(turn.starts.iter().map(Bench::ok));
        if inputs.is_empty() {
            at = turn.wake.expect("another slot comes");
        }
    }
    assert_eq!(starts, ["2026-11-23T15:10:00Z", "2026-11-23T15:40:00Z"]);
}

#[test]
fn a_run_that_is_replaced_does_not_come_back() {
    let text =
        "[[group.task]]\nname = \"a\"\ncall = \"look\"\nevery = \"1m\"\ntimeout = \"5m\"\noverlap = \"replace\"\n";
    let mut b = Bench::new(text, Settings { total: 4, ..Settings::SERIAL }, "2026-11-23T09:59:30");
    let first = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    let second = b.step("2026-11-23T10:01", vec![]);
    assert_eq!(
        (second.stops.as_slice(), second.starts.len()),
        ([first.run].as_slice(), 0),
        "the newer run waits until the older one is gone"
    );
    let gone =
        b.step("2026-11-23T10:01:01", vec![Input::Ended { run: first.run, attempt: 1, outcome: Outcome::TimedOut }]);
    assert_eq!(gone.starts.len(), 1);
    assert_eq!(b.table(), ["a 2026-11-23T15:00:00Z failed(overlap)", "a 2026-11-23T15:01:00Z running"]);
}

#[test]
fn after_a_crash_a_run_still_waits_for_what_must_end_first() {
    let text = "[[group.task]]\nname = \"rank\"\ncall = \"rank\"\nat = \"10:01\"\nafter = [\"look\"]\n[[group.task]]\nname = \"scan\"\ncall = \"look\"\nat = \"10:00\"\nretries = 1\n";
    let settings = Settings { total: 4, ..Settings::SERIAL };
    let mut b = Bench::new(text, settings, "2026-11-23T09:00");
    b.step("2026-11-23T10:00", vec![]);
    b.step("2026-11-23T10:01", vec![]);
    let live = b
        .rows
        .values()
        .map(|run| RecoveredRun { task: b.machine.desk().task(run.task).name.clone(), run: run.clone() })
        .collect();
    let cursor = |task: &str, at| RecoveredCursor { task: task.into(), planned_to: t(at), turns: 0, last_turn: None };
    let cursors = vec![cursor("rank", "2026-11-23T10:01"), cursor("scan", "2026-11-23T10:00")];
    let recovered = Recovered { cursors, live, next_run: 3, taken: vec![], ..Recovered::default() };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), settings, recovered, t("2026-11-23T10:01:30"));
    assert_eq!(
        again.step("2026-11-23T10:01:30", vec![]).starts.len(),
        0,
        "the lost scan is tried again later, and the ranking waits for it"
    );
    let scan = again.step("2026-11-23T10:02:45", vec![]);
    assert_eq!(scan.starts.len(), 1);
    assert_eq!(again.step("2026-11-23T10:02:46", vec![Bench::ok(&scan.starts[0])]).starts.len(), 1);
}

#[test]
fn what_was_interrupted_is_taken_up_again_however_long_ago_it_was_due() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let due = b.step("2026-11-23T10:00", vec![]);
    b.step("2026-11-23T10:40", vec![Input::Drain]);
    b.step(
        "2026-11-23T10:40",
        vec![Input::Ended { run: due.starts[0].run, attempt: 1, outcome: Outcome::Interrupted }],
    );
    let run = b.rows.values().next().expect("the row").clone();
    assert_eq!((run.state, run.reason, run.attempt), (State::Pending, Some(Reason::Interrupted), 1));
    let recovered = Recovered {
        cursors: vec![RecoveredCursor {
            task: "a".into(),
            planned_to: t("2026-11-23T10:00"),
            turns: 0,
            last_turn: None,
        }],
        live: vec![RecoveredRun { task: "a".into(), run }],
        next_run: 2,
        taken: vec![],
        ..Recovered::default()
    };
    let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::SERIAL, recovered, t("2026-11-23T11:00"));
    assert_eq!(again.step("2026-11-23T11:00", vec![]).starts.len(), 1);
}

#[test]
fn what_is_interrupted_again_and_again_comes_to_an_end() {
    let desk = desk(&DAILY.replace("at =", "retries = 1\nat ="));
    let mut b = Bench::recover(Arc::clone(&desk), Settings::SERIAL, Recovered::default(), t("2026-11-23T09:00"));
    let mut attempts = Vec::new();
    for at in ["2026-11-23T10:00", "2026-11-23T10:10", "2026-11-23T10:20"] {
        for start in b.step(at, vec![]).starts {
            attempts.push(start.attempt);
            let ended = Input::Ended { run: start.run, attempt: start.attempt, outcome: Outcome::Interrupted };
            b.step(at, vec![Input::Drain, ended]);
        }
        let run = b.rows.values().next().expect("the row").clone();
        let live = if run.state.is_terminal() { vec![] } else { vec![RecoveredRun { task: "a".into(), run }] };
        let cursor = RecoveredCursor { task: "a".into(), planned_to: t("2026-11-23T10:00"), turns: 0, last_turn: None };
        let recovered = Recovered { cursors: vec![cursor], live, next_run: 2, ..Recovered::default() };
        let rows = std::mem::take(&mut b.rows);
        b = Bench::recover(Arc::clone(&desk), Settings::SERIAL, recovered, t(at));
        b.rows = rows;
    }
    assert_eq!(attempts, [1, 2], "one more than the retries");
    let run = b.rows.values().next().expect("the row");
    assert_eq!((run.state, run.reason, run.attempt), (State::Failed, Some(Reason::Interrupted), 2));
}

#[test]
fn a_start_that_was_given_back_has_used_no_attempt() {
    let mut b = Bench::new(&DAILY.replace("at =", "retries = 0\nat ="), Settings::SERIAL, "2026-11-23T09:00");
    let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    let stale = b.step("2026-11-23T10:00:01", vec![Input::GivenBack { run: start.run, attempt: 7 }]);
    assert_eq!((stale.stale, stale.changes.len()), (1, 0), "another attempt than the current");
    let again = b.step("2026-11-23T10:00:05", vec![Input::GivenBack { run: start.run, attempt: 1 }]);
    assert_eq!(again.starts.iter().map(|s| s.attempt).collect::<Vec<_>>(), [1], "it is judged again, and begins");
    // Where it may not be repeated it is over, and a person is told.
    let text = DAILY.replace("at =", "idempotent = false\nat =");
    let mut b = Bench::new(&text, Settings::SERIAL, "2026-11-23T09:00");
    let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
    let over = b.step("2026-11-23T10:00:05", vec![Input::GivenBack { run: start.run, attempt: 1 }]);
    assert_eq!(b.table(), ["a 2026-11-23T10:00 failed(interrupted)"]);
    assert!(over.changes.iter().any(|c| matches!(c, Change::Alert(_))), "{:?}", over.changes);
}

#[test]
fn what_may_trade_and_was_interrupted_is_missed_after_its_grace() {
    let text = "[[group.task]]\nname = \"a\"\ncall = \"send\"\nat = \"10:00\"\nidempotent = true\nretries = 2\n";
    for (at, starts) in [("2026-11-23T10:00:30", 1), ("2026-11-23T10:05", 0)] {
        let mut b = Bench::new(text, Settings::SERIAL, "2026-11-23T09:00");
        let start = b.step("2026-11-23T10:00", vec![]).starts[0].clone();
        let ended = Input::Ended { run: start.run, attempt: 1, outcome: Outcome::Interrupted };
        assert_eq!(b.step(at, vec![ended]).starts.len(), starts, "interrupted at {at}");
    }
}

#[test]
fn draining_starts_nothing_more() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let turn = b.step("2026-11-23T09:30", vec![Input::Drain]);
    assert_eq!(turn.wake, None);
    assert_eq!(b.step("2026-11-23T10:00", vec![]).starts.len(), 0);
}

#[test]
fn a_deadline_tells_the_run_to_stop() {
    let mut b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let due = b.step("2026-11-23T10:00", vec![]);
    assert_eq!(due.wake, Some(t("2026-11-23T10:00:30")));
    assert_eq!(b.step("2026-11-23T10:00:30", vec![]).stops, [due.starts[0].run]);
}

#[test]
fn a_run_that_may_have_begun_is_lost_when_the_clock_comes_back_behind() {
    // Stored ahead of its instant, and the present lies before both: the clock is wrong, and nobody knows whether it began.
    for (now, lost) in [("2026-11-23T09:59:59.700", false), ("2026-11-23T09:58", true), ("2026-11-23T10:00:10", true)] {
        let text = "[[group.task]]\nname = \"a\"\ncall = \"look\"\nat = \"10:00\"\nretries = 0\nidempotent = false\n";
        let mut b = Bench::new(text, Settings { total: 4, ..Settings::LIVE }, "2026-11-23T09:00");
        b.step("2026-11-23T09:59:59.600", vec![]);
        let run = b.rows.values().next().expect("it is armed").clone();
        let recovered =
            Recovered { live: vec![RecoveredRun { task: "a".into(), run }], next_run: 2, ..Recovered::default() };
        let mut again = Bench::recover(Arc::clone(b.machine.desk()), Settings::LIVE, recovered, t(now));
        let changes = again.machine.take_changes();
        let is_lost = changes.iter().any(|c| matches!(c, Change::Run(r) if r.reason == Some(Reason::Lost)));
        assert_eq!(is_lost, lost, "{now}: {changes:?}");
    }
}

mod alerts;
mod holds;
mod reload;
mod snapshot;
