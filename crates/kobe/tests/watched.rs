//! A desk that stands still is told: by `kobe watch` from outside when the process is stopped or gone, by its own watchdog when only the planning loop hangs.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::hook::Hook;
use common::{Ended, Place, Running, eventually};
use serde_json::Value;

const DESK: &str = r#"
[[group]]
name = "g"

[[group.task]]
name = "tick"
does = "Says that it was there."
command = ["true"]
every = "1s"
"#;

/// Begins to watch a desk as its neighbour would; what it finds goes to the hook.
fn watch(place: &Place, running: &Running, hook: &Hook) -> Ended {
    let url = format!("http://{}", running.address());
    let args = ["watch", "--every", "5s", "--url", &url, "--channels", hook.settings(place)];
    Ended::new(place.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts"))
}

#[test]
fn a_stopped_process_is_told_from_outside_and_so_is_its_return() {
    let (place, mut hook) = (Place::with_desk(DESK), Hook::new());
    let mut running = place.run(&[]);
    running.wait("run_ended", |_| true);
    let well = running.page("/health").expect("it answers");
    assert_eq!(well.0, 200, "{}", well.1);
    let watching = watch(&place, &running, &hook);

    let stopped = Instant::now();
    running.tell("-STOP");
    let told = hook.wait("the desk is not well");
    let took = told.at.duration_since(stopped);
    println!("SIGSTOP was told after {:.1} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(told.severity, "critical");
    for words in ["health: http://127.0.0.1:", "does not answer", "runbook docs/operate/alerts.md#desk_silent"] {
        assert!(told.text.contains(words), "`{words}` is not in:\n{}", told.text);
    }

    let woken = Instant::now();
    running.tell("-CONT");
    let over = hook.wait("the desk is well again");
    println!("SIGCONT was told after {:.1} s", over.at.duration_since(woken).as_secs_f64());
    assert!(over.at.duration_since(woken) < Duration::from_secs(60));
    assert_eq!((over.severity.as_str(), hook.count("the desk is not well")), ("info", 1), "{:#?}", hook.told);

    // A process that is gone is told as well, and a look from cron does not tell it a second time.
    running.kill();
    let gone = hook.wait("the desk is not well");
    assert!(gone.text.contains("process: no desk runs on ./state"), "{}", gone.text);
    let once = place.kobe(&["watch", "--url", "http://127.0.0.1:1", "--channels", "hook.toml", "--json"]);
    assert_eq!((once.code, &once.json()["ok"]), (Some(1), &Value::Bool(false)), "{}", once.stderr);
    assert_eq!(hook.count("the desk is not well"), 2, "told once an hour: {:#?}", hook.told);
    watching.tell("-TERM");
    assert_eq!(watching.wait().code, Some(1), "it ends with what it saw last");
}

/// The loop hangs, everything else lives. The hook that parks it is in builds with debug assertions only.
#[test]
#[cfg(debug_assertions)]
fn a_loop_that_hangs_is_told_within_ten_seconds_while_http_answers() {
    let (place, mut hook) = (Place::with_desk(DESK), Hook::new());
    let settings = hook.settings(&place);
    let mut running = place.run_as(|args| {
        let mut command = place.command(args);
        command.args(["--channels", settings]).env("KOBE_TEST_PARK_PLANNER", place.path("park"));
        command
    });
    running.wait("run_ended", |_| true);
    let parked = Instant::now();
    place.write("park", "");
    let told = hook.wait("did not answer a ping");
    let took = told.at.duration_since(parked);
    println!("a loop that hangs was told after {:.1} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(told.severity, "critical");
    assert!(told.text.contains("runbook docs/operate/alerts.md#planner_stuck"), "{}", told.text);
    let stuck = |health: &(u16, Value)| health.0 == 503 && health.1["checks"]["watch"]["detail"] == "planner_stuck";
    let health = running.page("/health").expect("HTTP answers");
    assert!(stuck(&health), "{health:?}");
    assert_eq!(health.1["status"], "unhealthy");

    std::fs::remove_file(place.path("park")).expect("it is there");
    hook.wait("the planning loop answers again");
    eventually("/health is well again", Duration::from_secs(10), || running.page("/health").filter(|h| h.0 == 200));
    running.wait("run_ended", |_| true);
    let events = running.stop();
    assert!(!events.iter().any(|e| e["event"] == "events_dropped"));
    // What the loop could not plan while it hung is made good or told, like any other time in which nobody was there.
    let rows = common::slots::rows(&place.path("state"));
    common::slots::every_second_has_one_row(&rows);
}
