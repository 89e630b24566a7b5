//! A clock that was set back, as the real binary sees it from outside.

mod common;

use common::Place;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What `kobe watch` finds about a heartbeat of so long ago.
fn heartbeat(ago: SignedDuration) -> Value {
    let place = Place::new();
    let beat = json!({ "timestamp": (Timestamp::now() - ago).to_string() });
    place.write("state/autonomous/heartbeat.json", beat.to_string());
    let answer = place.kobe(&["watch", "--url", "http://127.0.0.1:1", "--json"]);
    let told = answer.json();
    let checks = told["checks"].as_array().unwrap_or_else(|| panic!("no checks: {told}"));
    checks.iter().find(|check| check["name"] == "heartbeat").unwrap_or_else(|| panic!("no heartbeat: {told}")).clone()
}

#[test]
fn a_heartbeat_from_before_the_clock_was_set_back_is_none() {
    let rows = [
        ("a minute old", SignedDuration::from_secs(60), true),
        ("an hour old", SignedDuration::from_hours(1), false),
        ("half a minute ahead: another host", SignedDuration::from_secs(-30), true),
        ("an hour ahead", SignedDuration::from_hours(-1), false),
    ];
    for (name, ago, ok) in rows {
        let found = heartbeat(ago);
        assert_eq!(found["ok"], ok, "{name}: {found}");
        let ahead = found["detail"].as_str().is_some_and(|words| words.contains("set back"));
        assert_eq!(ahead, name == "an hour ahead", "{name}: {found}");
    }
}
