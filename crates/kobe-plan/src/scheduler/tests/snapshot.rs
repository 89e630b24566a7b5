//! A machine that is kept as a value and built again goes on as if nothing had happened.

use super::*;

/// Something of everything: intervals, sessions, cooldowns, dependencies, retries, queues, deadlines, full lanes.
const MIXED: &str = r#"
[[group.task]]
name = "beat"
call = "look"
cooldown = "3m"
[[group.task]]
name = "open_only"
call = "look"
cooldown = "7m"
phases = ["market_morning"]
[[group.task]]
name = "scan"
call = "look"
every = "5m"
within = "day"
retries = 2
start_by = "20s"
finish_by = "3m"
[[group.task]]
name = "rank"
call = "rank"
every = "15m"
within = "day"
after = ["look"]
overlap = "queue(2)"
[[group.task]]
name = "order"
call = "send"
at = ["open+30m", "close-15m"]
[[group.task]]
name = "fast"
call = "rank"
every = "1m"
within = "day"
overlap = "replace"
timeout = "90s"
lane = "research"
[windows.day]
from = "09:00"
to = "17:00"
"#;

/// A number that looks like chance and is the same each time.
fn chance(seed: u64, n: u64) -> u64 {
    let mut x = seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 31;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 29)
}

#[test]
fn every_step_of_a_restored_machine_is_the_step_of_the_first() {
    for (seed, settings) in [
        (1, Settings::SERIAL),
        (2, Settings { total: 3, ..Settings::LIVE }),
        (3, Settings { total: 9, ..Settings::LIVE }),
    ] {
        let mut first = Bench::new(MIXED, settings, "2026-11-25T08:00");
        let market = Arc::clone(first.machine.market());
        first.machine.take_changes();
        let (mut now, mut running) = (t("2026-11-25T08:00"), Vec::<Start>::new());
        let mut steps = 0;
        while now < t("2026-11-27T18:00") {
            steps += 1;
            let mut inputs = Vec::new();
            running.retain(|start| {
                let r = chance(seed, start.run.0 * 1000 + steps);
                let outcome = match r % 7 {
                    0..=2 => Outcome::Ok("fine".into()),
                    3 => Outcome::Error("broke".into()),
                    4 => Outcome::Interrupted,
                    _ => return true,
                };
                inputs.push(Input::Ended { run: start.run, attempt: start.attempt, outcome });
                false
            });
            match chance(seed, steps) % 40 {
                0 => inputs.push(Input::RunNow { id: u128::from(steps), task: TaskIx((steps % 6) as u32) }),
                1 => inputs.push(order(steps, Order::Pause(TaskIx((steps % 6) as u32)))),
                2 => inputs.push(order(steps, Order::Resume(TaskIx((steps % 6) as u32)))),
                3 => inputs.push(order(steps, Order::Skip(TaskIx((steps % 6) as u32)))),
                4 => inputs.push(order(steps, Order::HaltLane(Lane::Trading))),
                5 | 6 => inputs.push(order(steps, Order::ResumeLane(Lane::Trading))),
                7 => inputs.push(order(steps, Order::Cancel(RunId(first.machine.next_run().0.saturating_sub(1))))),
                _ => {}
            }
            let text = serde_json::to_string(&first.machine.snapshot()).expect("a snapshot is plain JSON");
            let snapshot: Snapshot = serde_json::from_str(&text).expect("it reads what it wrote");
            let desk = Arc::clone(first.machine.desk());
            let mut second = Scheduler::restore(desk, Arc::clone(&market), settings, snapshot).expect("the same desk");
            let mine = first.machine.step(now, inputs.clone());
            let theirs = second.step(now, inputs);
            assert_eq!(mine, theirs, "seed {seed}, step {steps} at {now}");
            assert_eq!(first.machine.snapshot(), second.snapshot(), "seed {seed}, step {steps}");
            for start in mine.starts {
                running.push(start);
            }
            let jump = SignedDuration::from_millis(1 + (chance(seed, steps + 77) % 60_000) as i64);
            now = mine.wake.unwrap_or(now + jump).min(now + jump).max(now + SignedDuration::from_millis(1));
        }
        assert!(steps > 3000, "seed {seed} lived only {steps} steps");
    }
}

fn order(n: u64, order: Order) -> Input {
    Input::Asked { id: u128::from(n), order, reason: "r".into(), operator: "o".into() }
}

#[test]
fn a_snapshot_of_another_desk_is_refused_by_name() {
    let b = Bench::new(DAILY, Settings::SERIAL, "2026-11-23T09:00");
    let other = desk("[[group.task]]\nname = \"z\"\ncall = \"look\"\nat = \"10:00\"\n");
    let refused = Scheduler::restore(other, Arc::clone(b.machine.market()), Settings::SERIAL, b.machine.snapshot());
    assert_eq!(refused.expect_err("another desk"), SnapshotError::MissingTask("z".into()));
}
