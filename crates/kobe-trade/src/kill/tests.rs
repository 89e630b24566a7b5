use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn file(text: &str) -> KillState {
    KillState::Present(KillRecord::read(text.as_bytes()))
}

const NOW: &str = "2026-11-23T15:00:30Z";

/// Regression for the grace that compared a UTC stamp with local time: the same instant, written at UTC, UTC-5 and UTC+9.
#[test]
fn the_grace_is_one_minute_everywhere_on_earth() {
    for stamp in ["2026-11-23T15:00:00Z", "2026-11-23T10:00:00-05:00", "2026-11-24T00:00:00+09:00"] {
        let state = file(&format!(r#"{{"reason":"x","activated_at":"{stamp}"}}"#));
        let none = KillLedger::default();
        for (seconds, passes) in
            [(0, true), (59, true), (60, false), (61, false), (4 * 3600, false), (14 * 3600, false)]
        {
            let now = at("2026-11-23T15:00:00Z") + SignedDuration::from_secs(seconds);
            assert_eq!(judge(&state, &none, now, Intent::Exit).passes(), passes, "exit {seconds} s after {stamp}");
            assert!(!judge(&state, &none, now, Intent::Entry).passes(), "entry {seconds} s after {stamp}");
        }
    }
}

/// Regression for the file that had to be JSON with one of two keys: whatever stands there is a trip.
#[test]
fn any_file_is_a_trip() {
    for (what, text, grace) in [
        ("the key activated_at", r#"{"reason":"r","activated_at":"2026-11-23T15:00:00Z"}"#, true),
        ("the key timestamp", r#"{"reason":"r","timestamp":"2026-11-23T15:00:00Z"}"#, true),
        (
            "both keys, the earlier one counts",
            r#"{"activated_at":"2026-11-23T15:00:20Z","timestamp":"2026-11-23T14:00:00Z"}"#,
            false,
        ),
        ("both keys, one unreadable", r#"{"activated_at":"2026-11-23T15:00:20Z","timestamp":"noon"}"#, false),
        ("no time", r#"{"reason":"r"}"#, false),
        ("a time without its offset", r#"{"activated_at":"2026-11-23T15:00:00"}"#, false),
        ("a number for a time", r#"{"activated_at":1700000000}"#, false),
        ("a time in the future", r#"{"activated_at":"2026-11-23T15:00:31Z"}"#, false),
        ("a far future", r#"{"activated_at":"2036-11-23T15:00:31Z"}"#, false),
        ("an empty file", "", false),
        ("a sentence", "halt everything", false),
        ("half of a JSON object", r#"{"reason":"r","activated_at":"2026-11"#, false),
        ("a JSON list", "[1,2]", false),
        ("NUL bytes", "\0\0\0", false),
    ] {
        let (state, none) = (file(text), KillLedger::default());
        assert_eq!(judge(&state, &none, at(NOW), Intent::Entry).refusal(), Some("killed"), "{what}: entry");
        assert_eq!(judge(&state, &none, at(NOW), Intent::Exit).passes(), grace, "{what}: exit");
    }
    let bytes = KillRecord::read(&[0xff, 0xfe, b'{']);
    assert_eq!(bytes.activated_at, None, "bytes that are no text");
    let directory = KillState::Unreadable("it is a directory".into());
    assert!(!judge(&directory, &KillLedger::default(), at(NOW), Intent::Exit).passes(), "a directory gives no grace");
}

#[test]
fn the_first_activation_counts() {
    let record = |stamp: &str| KillRecord::read(format!(r#"{{"activated_at":"{stamp}"}}"#).as_bytes());
    let mut ledger = KillLedger::default();
    ledger.trip(&record("2026-11-23T14:59:00Z"), at("2026-11-23T14:59:01Z"));
    let fresh = KillState::Present(record("2026-11-23T15:00:29Z"));
    assert!(!judge(&fresh, &ledger, at(NOW), Intent::Exit).passes(), "a rewritten file extends nothing");

    ledger.trip(&record("2026-11-23T15:00:29Z"), at(NOW));
    let trip = ledger.active.clone().unwrap();
    assert_eq!((trip.first, trip.again), (Some(at("2026-11-23T14:59:00Z")), 1), "a trip again keeps the first");

    assert_eq!(
        judge(&KillState::Clear, &ledger, at(NOW), Intent::Entry).refusal(),
        Some("killed"),
        "a file that was deleted by hand re-arms nothing"
    );
    let mut unknown = KillLedger::default();
    unknown.trip(&KillRecord::read(b"stop"), at("2026-11-23T15:00:00Z"));
    let rewritten = KillState::Present(record("2026-11-23T15:00:20Z"));
    assert!(!judge(&rewritten, &unknown, at(NOW), Intent::Exit).passes(), "no time at first, no grace later");
}

#[test]
fn after_a_rearm_only_exits_pass_for_an_hour() {
    let mut ledger = KillLedger::default();
    ledger.trip(
        &KillRecord::new("drill", Trigger::Manual, at("2026-11-23T14:00:00Z"), "kobe"),
        at("2026-11-23T14:00:00Z"),
    );
    ledger.rearm(at("2026-11-23T15:00:00Z"));
    for (when, entry) in [
        ("2026-11-23T14:59:59Z", Some("rearm_cooldown")),
        ("2026-11-23T15:00:00Z", Some("rearm_cooldown")),
        ("2026-11-23T15:59:59Z", Some("rearm_cooldown")),
        ("2026-11-23T16:00:00Z", None),
    ] {
        assert_eq!(judge(&KillState::Clear, &ledger, at(when), Intent::Entry).refusal(), entry, "{when}");
        assert!(judge(&KillState::Clear, &ledger, at(when), Intent::Exit).passes(), "{when}");
    }
}

#[test]
fn a_record_is_written_as_it_is_read() {
    let text = r#"{"reason":"K8 mismatch","trigger":"reconciliation_failure","activated_at":"2026-11-23T21:12:00Z","activated_by":"auto_trigger","context":{"symbol":"IBM","usd":1422.0}}"#;
    let record = KillRecord::read(text.as_bytes());
    assert_eq!(record.trigger, Some(Trigger::ReconciliationFailure));
    assert_eq!(record.context["usd"], "1422.0");
    let again = serde_json::to_string(&record).unwrap();
    assert_eq!(KillRecord::read(again.as_bytes()), record);
}
