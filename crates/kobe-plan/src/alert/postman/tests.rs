//! The postman on a virtual clock: nothing is lost, nothing is told before its time, no channel gets more than it may.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn start() -> Timestamp {
    "2026-11-23T15:46:00Z".parse().unwrap()
}

fn at(seconds: f64) -> Timestamp {
    start() + SignedDuration::from_secs_f64(seconds)
}

fn zone() -> TimeZone {
    TimeZone::get("America/New_York").unwrap()
}

fn failed(severity: Severity, task: &str, seconds: f64) -> Alert {
    let title = format!("{task} failed after 3 attempts (error)");
    Alert {
        task: Some(task.into()),
        runbook: "docs/operate/alerts.md#run_failed".into(),
        ..Alert::new(AlertKind::RunFailed, severity, format!("task:{task}"), at(seconds), title)
    }
    .with_detail("slot 2026-11-23 10:46\nerror: connection refused")
}

fn well(task: &str, seconds: f64) -> Alert {
    let title = format!("{task} is well again");
    Alert {
        task: Some(task.into()),
        ..Alert::new(AlertKind::RunFailed, Severity::Info, format!("task:{task}"), at(seconds), title)
    }
    .recovered()
}

/// A message as a channel got it.
#[derive(Debug, Clone)]
struct Got {
    /// Seconds since the start.
    at: f64,
    way: usize,
    severity: Severity,
    text: String,
    ids: Vec<u64>,
}

/// What a channel does with a message: after how many seconds it answers what; nothing is never.
type Done = Option<(f64, Answer)>;

/// What happened until nothing was left to do.
#[derive(Debug, Default)]
struct Story {
    got: Vec<Got>,
    told: Vec<(f64, String, Vec<u64>)>,
    notes: Vec<String>,
    ended: f64,
    standing: Standing,
}

impl Story {
    fn told_ids(&self) -> Vec<u64> {
        self.told.iter().flat_map(|(_, _, ids)| ids.clone()).collect()
    }

    fn through(&self, way: usize) -> Vec<&Got> {
        self.got.iter().filter(|g| g.way == way).collect()
    }
}

/// Lives through alerts and answers on a virtual clock, until nothing is left to do or a time is over.
fn live(channels: &[&str], alerts: Vec<(f64, Alert)>, until: f64, does: &mut dyn FnMut(usize, &Got) -> Done) -> Story {
    let names = channels.iter().map(|c| (*c).to_owned()).collect();
    let mut postman = Postman::new(names, zone(), Redactor::new(["canary-secret".into()]), start());
    let micros = |seconds: f64| (seconds * 1e6).round() as i64;
    let mut events: BTreeMap<(i64, u64), Input> = BTreeMap::new();
    let mut order = 0;
    for (id, (seconds, alert)) in (1..).zip(alerts) {
        order += 1;
        events.insert((micros(seconds), order), Input::Alert { id, alert });
    }
    let mut story = Story::default();
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut now, mut look_at) = (0, None);
    loop {
        let next = events.keys().next().map(|(at, _)| *at);
        let Some(wake) = [next, look_at].into_iter().flatten().min().filter(|w| *w <= micros(until)) else { break };
        now = wake;
        let mut inputs = Vec::new();
        while let Some(entry) = events.first_entry().filter(|e| e.key().0 <= now) {
            inputs.push(entry.remove());
        }
        let round = postman.step(start() + SignedDuration::from_micros(now), inputs);
        let seconds = now as f64 / 1e6;
        story.told.extend(round.told.into_iter().map(|t| (seconds, t.channel, t.ids)));
        story.notes.extend(round.notes);
        for m in round.messages {
            let got = Got { at: seconds, way: m.way, severity: m.severity, text: m.text, ids: m.ids };
            let long = got.text.encode_utf16().count();
            assert!(long <= LONGEST, "{long} units:\n{}", got.text);
            let n = counts.entry(m.way).or_default();
            if let Some((after, answer)) = does(*n, &got) {
                order += 1;
                let answer = Input::Answer { way: m.way, parcel: m.parcel, answer };
                events.insert((now + micros(after).max(1), order), answer);
            }
            *n += 1;
            story.got.push(got);
        }
        // Up to the next microsecond: the clock of this story has no smaller step.
        look_at = round.look_at.map(|at| (at.duration_since(start()).as_nanos() as i64 + 999) / 1000);
        assert!(look_at.is_none_or(|at| at > now), "the postman would spin");
    }
    story.ended = now as f64 / 1e6;
    story.standing = postman.standing();
    story
}

fn takes() -> impl FnMut(usize, &Got) -> Done {
    |_, _| Some((0.1, Answer::Sent))
}

fn later(after: Option<i64>) -> Answer {
    Answer::Later { after: after.map(SignedDuration::from_secs), why: "503".into() }
}

fn refused() -> Answer {
    Answer::Refused { why: "wrong token".into() }
}

/// Reads the number of alerts and recoveries in a message: what the head says, and what its rows and its last line add up to.
fn counts(text: &str) -> (usize, usize) {
    let number = |line: &str, word: &str| -> usize {
        let Some((before, _)) = line.split_once(word) else { return 0 };
        before.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let head = text.lines().next().unwrap();
    let total = number(head, " alert") + number(head, " recover");
    let rows: usize = text
        .lines()
        .skip(1)
        .map(|line| match line.split_once(" x ") {
            Some((n, rest)) => n.parse::<usize>().unwrap_or(0) + number(rest.split(':').next().unwrap(), " recover"),
            None if line.starts_with("and ") => number(line, " more alert") + number(line, " recover"),
            None => 0,
        })
        .sum();
    (total, rows)
}

#[test]
fn a_lone_critical_alert_goes_at_once_and_a_lesser_one_waits_for_company() {
    let rows = [(Severity::Critical, 0.0), (Severity::Error, 2.0), (Severity::Warning, 2.0), (Severity::Info, 2.0)];
    for (severity, expected) in rows {
        let story = live(&["chat"], vec![(0.0, failed(severity, "a", 0.0))], 1e6, &mut takes());
        let times: Vec<f64> = story.got.iter().map(|g| g.at).collect();
        assert_eq!(times, [expected], "{severity}");
        assert_eq!(story.told, [(expected + 0.1, "chat".into(), vec![1])], "{severity}");
    }
}

#[test]
fn a_message_says_all_that_a_person_needs() {
    let story = live(&["chat"], vec![(0.0, failed(Severity::Critical, "place_orders", 3.0))], 1e6, &mut takes());
    assert_eq!(
        story.got[0].text,
        "CRITICAL: place_orders failed after 3 attempts (error)\ntask place_orders\nslot 2026-11-23 10:46\n\
         error: connection refused\nowner desk\nrunbook docs/operate/alerts.md#run_failed\nMon 2026-11-23 10:46:03 EST"
    );
}

#[test]
fn five_hundred_failures_in_ten_seconds_are_a_handful_of_messages_with_exact_counts() {
    for severity in [Severity::Critical, Severity::Error, Severity::Warning] {
        let alerts =
            (0..500).map(|i| (i as f64 * 0.02, failed(severity, &format!("task_{:03}", i % 462), i as f64 * 0.02)));
        let story = live(&["chat"], alerts.collect(), 1e6, &mut takes());
        assert!((2..=6).contains(&story.got.len()), "{severity}: {} messages", story.got.len());
        let mut told = 0;
        for got in &story.got {
            let (head, rows) = counts(&got.text);
            if got.ids.len() == 1 {
                told += 1;
                continue;
            }
            assert_eq!((head, rows), (got.ids.len(), got.ids.len()), "{severity}:\n{}", got.text);
            told += head;
        }
        assert_eq!(told, 500, "{severity}");
        assert_eq!(story.told_ids().into_iter().collect::<BTreeSet<_>>(), (1..=500).collect(), "{severity}");
        assert_eq!(story.told_ids().len(), 500, "{severity}: something was told twice");
        assert!(story.ended < 20.0, "{severity}: the last one was told at {}", story.ended);
    }
}

#[test]
fn critical_comes_first_and_causes_stay_together() {
    let alerts = vec![
        (0.0, failed(Severity::Warning, "b", 0.0)),
        (0.0, failed(Severity::Warning, "a", 0.0)),
        (0.1, failed(Severity::Warning, "a", 0.1)),
        (0.5, failed(Severity::Critical, "a", 0.5)),
    ];
    let story = live(&["chat"], alerts, 1e6, &mut takes());
    let sent: Vec<_> = story.got.iter().map(|g| (g.at, g.severity, g.ids.clone())).collect();
    assert_eq!(sent, [(0.5, Severity::Critical, vec![2, 3, 4]), (2.0, Severity::Warning, vec![1])]);
    assert!(
        story.got[0].text.starts_with("CRITICAL: a failed after 3 attempts (error) (3 alerts)"),
        "{}",
        story.got[0].text
    );
}

#[test]
fn a_critical_alert_of_a_new_kind_does_not_gather_in_the_middle_of_a_burst() {
    let mut alerts: Vec<_> =
        (0..300).map(|i| (i as f64 * 0.1, failed(Severity::Critical, &format!("t{i}"), i as f64 * 0.1))).collect();
    let switch = Alert::new(AlertKind::KillSwitch, Severity::Critical, "kill", at(20.03), "the switch was pulled");
    alerts.push((20.03, switch));
    let story = live(&["chat"], alerts, 1e6, &mut takes());
    let got = story.got.iter().find(|g| g.ids.contains(&301)).expect("it was told");
    assert!(got.at < 21.2, "told at {}", got.at);
    assert_eq!(story.told_ids().len(), 301);
}

#[test]
fn a_wait_that_was_asked_for_is_kept_to_the_second() {
    let mut answers = vec![Answer::Sent, later(Some(17))];
    let mut does = |_: usize, _: &Got| Some((0.5, answers.pop().unwrap()));
    let story = live(&["chat"], vec![(0.0, failed(Severity::Critical, "a", 0.0))], 1e6, &mut does);
    let times: Vec<f64> = story.got.iter().map(|g| g.at).collect();
    assert_eq!(times, [0.0, 17.5], "17 s after the answer at 0.5 s");
    assert_eq!(story.told_ids(), [1]);
    assert_eq!(story.notes, ["alerts: chat does not take them now: 503", "alerts: chat answers again"]);
}

#[test]
fn a_channel_that_fails_is_tried_after_1_2_4_to_60_seconds() {
    let mut does = |_: usize, _: &Got| Some((0.0, later(None)));
    let story = live(&["chat"], vec![(0.0, failed(Severity::Critical, "a", 0.0))], 400.0, &mut does);
    let times: Vec<i64> = story.got.iter().map(|g| g.at.round() as i64).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
    assert_eq!(story.standing.unsent, 1);
    assert!(matches!(&story.standing.ways[0].state, WayState::Waiting { why, .. } if why == "503"));
}

#[test]
fn what_a_broken_channel_refuses_goes_to_the_next_at_once_and_the_broken_one_is_left_alone_for_five_minutes() {
    let mut mended = false;
    let mut does = |n: usize, got: &Got| match got.way {
        0 if n < 2 => Some((0.1, refused())),
        _ => {
            mended |= got.way == 0;
            Some((0.1, Answer::Sent))
        }
    };
    let alerts: Vec<_> = (0..14).map(|i| (i as f64 * 60.0, failed(Severity::Critical, "a", i as f64 * 60.0))).collect();
    let story = live(&["chat", "hook"], alerts, 1e6, &mut does);
    let first: Vec<f64> = story.through(0).iter().map(|g| g.at).collect();
    assert_eq!(first[0], 0.0);
    assert!(first[1] >= 300.0 && first[2] >= first[1] + 300.0, "{first:?}");
    let second: Vec<f64> = story.through(1).iter().map(|g| g.at).collect();
    assert!((second[0] - 0.1).abs() < 0.01, "the next channel had it at {}", second[0]);
    assert!(mended && story.told_ids().len() == 14, "{story:?}");
    assert_eq!(story.standing.ways[0].state, WayState::Ok);
    assert_eq!(
        story.notes,
        ["alerts: chat refuses them: wrong token", "alerts: chat answers again"],
        "said once, not at every attempt"
    );
}

#[test]
fn a_probe_of_a_broken_channel_holds_no_alert_back() {
    let mut does = |n: usize, got: &Got| match (got.way, n) {
        (0, 0) => Some((0.1, refused())),
        (0, _) => None,
        _ => Some((0.1, Answer::Sent)),
    };
    let alerts = vec![(0.0, failed(Severity::Critical, "a", 0.0)), (400.0, failed(Severity::Critical, "b", 400.0))];
    let story = live(&["chat", "hook"], alerts, 1e6, &mut does);
    let times: Vec<(usize, f64)> = story.got.iter().skip(2).map(|g| (g.way, g.at)).collect();
    assert_eq!(times[0], (0, 400.0), "the broken channel is probed");
    assert_eq!(times[1].0, 1);
    assert!(times[1].1 <= 404.0, "the alert waited for the probe: {times:?}");
    assert_eq!(story.told_ids(), [1, 2]);
}

#[test]
fn no_channel_gets_more_than_twenty_messages_in_a_minute() {
    // A critical alert of a kind that was not told lately waits for nobody.
    let alerts = (0..).zip(AlertKind::ALL).map(|(i, kind)| {
        let seconds = f64::from(i) * 1.2;
        (seconds, Alert::new(*kind, Severity::Critical, kind.word(), at(seconds), "it happened"))
    });
    let story = live(&["chat"], alerts.collect(), 1e6, &mut takes());
    let times: Vec<f64> = story.got.iter().map(|g| g.at).collect();
    assert!((times[19] - 22.8).abs() < 0.01, "the twentieth goes at once: {times:?}");
    assert!((times[20] - 60.1).abs() < 0.01, "the next when the answer to the first is a minute old: {times:?}");
    assert_eq!(story.told_ids().len(), AlertKind::ALL.len());
}

#[test]
fn an_old_alert_waits_for_company_from_when_it_comes() {
    let story = live(&["chat"], vec![(5.0, failed(Severity::Warning, "a", -30.0))], 1e6, &mut takes());
    assert_eq!(story.got[0].at, 7.0);
}

#[test]
fn a_channel_that_works_again_is_trusted_again() {
    let mut does = |n: usize, _: &Got| Some((0.0, if [0, 1, 3].contains(&n) { later(None) } else { Answer::Sent }));
    let alerts = vec![(0.0, failed(Severity::Critical, "a", 0.0)), (100.0, failed(Severity::Error, "b", 100.0))];
    let story = live(&["chat"], alerts, 1e6, &mut does);
    let times: Vec<i64> = story.got.iter().map(|g| g.at.round() as i64).collect();
    assert_eq!(times, [0, 1, 3, 102, 103], "the second time it is tried again after one second");
}

#[test]
fn the_next_channel_gets_only_what_has_waited_for_its_time() {
    let mut does = |_: usize, got: &Got| if got.way == 0 { None } else { Some((0.1, Answer::Sent)) };
    let alerts = vec![(0.0, failed(Severity::Error, "a", 0.0)), (1.0, failed(Severity::Warning, "b", 1.0))];
    let story = live(&["chat", "hook"], alerts, 1000.0, &mut does);
    let second: Vec<_> = story.through(1).iter().map(|g| (g.at, g.ids.clone())).collect();
    assert_eq!(second, [(62.0, vec![1]), (603.0, vec![2])]);
}

#[test]
fn what_nobody_has_after_its_time_goes_to_the_next_channel_as_well() {
    type Row = (&'static str, Severity, fn() -> Done, f64);
    let rows: &[Row] = &[
        ("critical, a channel that hangs", Severity::Critical, || None, 60.0),
        ("critical, a channel that fails", Severity::Critical, || Some((0.1, later(None))), 60.0),
        ("critical, a channel that asks for ten minutes", Severity::Critical, || Some((0.1, later(Some(600)))), 60.0),
        ("error, a channel that hangs", Severity::Error, || None, 62.0),
        ("a warning can wait", Severity::Warning, || None, 602.0),
    ];
    for (name, severity, first, expected) in rows {
        let mut does = |_: usize, got: &Got| if got.way == 0 { first() } else { Some((0.1, Answer::Sent)) };
        let story = live(&["chat", "hook"], vec![(0.0, failed(*severity, "a", 0.0))], 2000.0, &mut does);
        let second: Vec<f64> = story.through(1).iter().map(|g| g.at).collect();
        assert_eq!(second, [*expected], "{name}");
        assert_eq!(story.told, [(expected + 0.1, "hook".into(), vec![1])], "{name}");
    }
}

#[test]
fn what_waited_through_a_stop_of_the_desk_goes_to_both() {
    let old = failed(Severity::Critical, "a", -600.0);
    let story = live(&["chat", "hook"], vec![(0.0, old)], 1e6, &mut takes());
    let sent: Vec<_> = story.got.iter().map(|g| (g.way, g.at)).collect();
    assert_eq!(sent, [(0, 0.0), (1, 0.0)]);
    assert_eq!(story.told_ids(), [1], "told once in the rows");
}

#[test]
fn a_recovery_is_told_after_its_alert_and_merges_with_one_that_was_not_told() {
    let told = vec![(0.0, failed(Severity::Error, "a", 0.0)), (100.0, well("a", 100.0))];
    let story = live(&["chat"], told, 1e6, &mut takes());
    let heads: Vec<&str> = story.got.iter().map(|g| g.text.lines().next().unwrap()).collect();
    assert_eq!(heads, ["ERROR: a failed after 3 attempts (error)", "over: a is well again"]);

    let together = vec![(0.0, failed(Severity::Error, "a", 0.0)), (1.0, well("a", 1.0))];
    let story = live(&["chat"], together, 1e6, &mut takes());
    let heads: Vec<&str> = story.got.iter().map(|g| g.text.lines().next().unwrap()).collect();
    assert_eq!(heads, ["over after 1 s (ERROR): a failed after 3 attempts (error)"]);
    assert_eq!(story.told_ids(), [1, 2]);

    let again =
        vec![(0.0, failed(Severity::Error, "a", 0.0)), (1.0, well("a", 1.0)), (1.5, failed(Severity::Error, "a", 1.5))];
    let story = live(&["chat"], again, 1e6, &mut takes());
    let heads: Vec<&str> = story.got.iter().map(|g| g.text.lines().next().unwrap()).collect();
    assert_eq!(heads, ["ERROR: a failed after 3 attempts (error) (2 alerts, 1 recovery)"], "it is not over");
}

#[test]
fn without_a_channel_the_log_is_all_there_is() {
    let story = live(&[], vec![(0.0, failed(Severity::Critical, "a", 0.0))], 1e6, &mut takes());
    assert_eq!(story.told, [(0.0, "log".into(), vec![1])]);
    assert_eq!(story.standing.unsent, 0);
}

#[test]
fn a_long_text_is_cut_and_says_how_much() {
    for (name, letter) in [("ascii", 'q'), ("two units each", '\u{1f4a5}')] {
        for length in [3000, 9000, 50_000] {
            let alert = failed(Severity::Critical, "a", 0.0).with_detail(letter.to_string().repeat(length));
            let story = live(&["chat"], vec![(0.0, alert)], 1e6, &mut takes());
            let text = &story.got[0].text;
            assert!(text.encode_utf16().count() <= LONGEST, "{name}, {length}: {}", text.encode_utf16().count());
            let kept = text.chars().filter(|c| *c == letter).count();
            let cut = text.lines().find_map(|l| l.strip_prefix('[')?.strip_suffix(" characters cut]"));
            let cut: usize = cut.map_or(0, |n| n.parse().unwrap());
            assert_eq!(kept + cut, length, "{name}: {kept} kept, {cut} cut");
            assert!(text.contains("runbook docs/operate/alerts.md#run_failed"), "what helps is not cut");
        }
    }
}

#[test]
fn a_list_is_full_and_never_too_full() {
    for width in 1..140 {
        let alerts = (0..200).map(|i| (0.0, failed(Severity::Error, &format!("t{i:03}{}", "y".repeat(width)), 0.0)));
        let story = live(&["chat"], alerts.collect(), 1e6, &mut takes());
        let text = &story.got[0].text;
        assert_eq!(counts(text), (200, 200), "{text}");
        assert!(text.len() > LONGEST - 400, "{} is room wasted:\n{text}", LONGEST - text.len());
    }
}

#[test]
fn a_few_alerts_whose_every_field_is_long_are_a_list() {
    let long = "\u{1f4a5}".repeat(2000);
    let alerts = (0..3).map(|i| {
        let alert = failed(Severity::Error, &format!("t{i}"), 0.0);
        (0.0, Alert { title: long.clone(), owner: long.clone(), runbook: long.clone(), ..alert })
    });
    let story = live(&["chat"], alerts.collect(), 1e6, &mut takes());
    assert_eq!(counts(&story.got[0].text), (3, 3));
}

#[test]
fn a_list_begins_with_the_loudest_then_what_goes_on_then_what_is_frequent() {
    let mut alerts = Vec::new();
    for (task, severity, times, over) in [
        ("once", Severity::Warning, 1, false),
        ("over", Severity::Error, 9, true),
        ("often", Severity::Warning, 3, false),
        ("loud", Severity::Error, 1, false),
    ] {
        alerts.extend((0..times).map(|_| (0.0, failed(severity, task, 0.0))));
        alerts.extend(over.then(|| (0.0, well(task, 0.0))));
    }
    let story = live(&["chat"], alerts, 1e6, &mut takes());
    let lines: Vec<&str> = story.got[0].text.lines().collect();
    let expected = [
        "ERROR: 14 alerts and 1 recovery of 4 causes",
        "14 run_failed",
        "1 x error: loud: loud failed after 3 attempts (error)",
        "9 x error, over, 1 recovery: over: over failed after 3 attempts (error)",
        "3 x warning: often: often failed after 3 attempts (error)",
        "1 x warning: once: once failed after 3 attempts (error)",
        "Mon 2026-11-23 10:46:00 EST",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn no_line_of_a_handler_can_draw_on_the_screen_and_no_secret_gets_out() {
    let alert = Alert {
        title: "bad\u{1b}[31m\nnews canary-secret".into(),
        owner: "canary-secret".into(),
        ..failed(Severity::Critical, "a\u{202e}b", 0.0)
    }
    .with_detail("x canary-secret\r\u{7}y\nz".to_owned() + &"canary-secret".repeat(2000));
    let line = line(&alert, &Redactor::new(["canary-secret".into()]));
    let story = live(&["chat"], vec![(0.0, alert)], 1e6, &mut takes());
    for text in [&story.got[0].text, &line] {
        assert!(!text.contains("canary") && text.contains("[redacted]"), "{text}");
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    }
    assert!(!line.contains('\n'), "one line in the log");
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting() {
    let mut postman = Postman::new(vec!["chat".into()], zone(), Redactor::default(), start());
    let alert = failed(Severity::Critical, "a", 0.0);
    let round = postman.step(at(0.0), [Input::Alert { id: 1, alert }]);
    let answer = |m: &Message, answer| Input::Answer { way: m.way, parcel: m.parcel, answer };
    let round = postman.step(at(0.5), [answer(&round.messages[0], later(Some(20)))]);
    assert_eq!(round.look_at, Some(at(20.5)));
    let round = postman.step(at(-3600.0), []);
    assert_eq!(round.look_at, Some(at(-3580.0)), "still 20 s");
    let round = postman.step(at(-3580.0), []);
    assert_eq!(round.messages.len(), 1);
}

#[test]
fn a_desk_that_closes_gathers_no_more() {
    let mut postman = Postman::new(vec!["chat".into()], zone(), Redactor::default(), start());
    let alert = failed(Severity::Warning, "a", 0.0);
    assert!(postman.step(at(0.0), [Input::Alert { id: 1, alert }]).messages.is_empty());
    assert_eq!(postman.step(at(0.1), [Input::Hurry]).messages.len(), 1);
}

#[test]
fn the_standing_tells_of_each_channel_and_of_the_oldest_alert() {
    let mut postman = Postman::new(vec!["chat".into(), "hook".into()], zone(), Redactor::default(), start());
    let round = postman.step(at(10.0), [Input::Alert { id: 1, alert: failed(Severity::Critical, "a", 4.0) }]);
    assert_eq!(round.look_at, Some(at(30.0)), "by then the channel hangs");
    postman.step(at(30.0), []);
    let standing = postman.standing();
    assert_eq!(standing.ways[0].state, WayState::Hanging { since: at(10.0) });
    assert_eq!(standing.ways[1].state, WayState::Ok);
    assert_eq!((standing.unsent, standing.oldest), (1, Some(at(4.0))));
    assert_eq!(standing.oldest_age(at(30.0)), Some(SignedDuration::from_secs(26)));
}

/// What a channel may do with a message.
fn an_answer() -> impl Strategy<Value = Done> {
    prop_oneof![
        6 => (0.0..3.0f64).prop_map(|after| Some((after, Answer::Sent))),
        2 => (0.0..3.0f64).prop_map(|after| Some((after, later(None)))),
        2 => (0.0..3.0f64, 0..90i64).prop_map(|(after, wait)| Some((after, later(Some(wait))))),
        1 => (0.0..10.0f64).prop_map(|after| Some((after, refused()))),
        1 => (10.0..200.0f64).prop_map(|after| Some((after, Answer::Sent))),
    ]
}

fn an_alert() -> impl Strategy<Value = (f64, Alert)> {
    (0.0..400.0f64, 0..12usize, 0..4usize, any::<bool>(), 0..6000usize).prop_map(
        |(seconds, task, severity, over, long)| {
            let task = format!("t{task}");
            let alert = if over {
                well(&task, seconds)
            } else {
                failed(Severity::ALL[severity], &task, seconds).with_detail("y".repeat(long))
            };
            (seconds, alert)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever channels do: every alert is told, once, and only by a message that was taken; no channel gets more than it may; every count is exact.
    #[test]
    fn nothing_is_lost_nothing_is_told_that_was_not_sent_and_no_rate_is_exceeded(
        alerts in prop::collection::vec(an_alert(), 1..150),
        answers in prop::collection::vec(an_answer(), 1..40),
        ways in 1..4usize,
    ) {
        let count = alerts.len();
        let names: Vec<&str> = ["chat", "hook", "third"].into_iter().take(ways).collect();
        let mut sent: BTreeSet<(String, u64)> = BTreeSet::new();
        let mut busy: BTreeMap<usize, f64> = BTreeMap::new();
        let mut closed: BTreeMap<usize, f64> = BTreeMap::new();
        let mut faults: Vec<String> = Vec::new();
        let mut total = 0;
        let story = {
            let (sent, names) = (&mut sent, names.clone());
            let mut does = |_: usize, got: &Got| {
                total += 1;
                // In the end everything works, or nothing could be demanded.
                let answer = match got.at {
                    at if at > 3000.0 => Some((0.1, Answer::Sent)),
                    _ => answers[total % answers.len()].clone(),
                };
                if busy.get(&got.way).is_some_and(|until| got.at < *until) {
                    faults.push(format!("{} got a second message at {}", got.way, got.at));
                }
                if closed.get(&got.way).is_some_and(|until| got.at < until - 1e-5) {
                    faults.push(format!("{} got a message at {} and wanted none", got.way, got.at));
                }
                if got.text.encode_utf16().count() > LONGEST {
                    faults.push(format!("too long: {}", got.text));
                }
                let list = counts(&got.text);
                if list.1 > 0 && list != (got.ids.len(), got.ids.len()) {
                    faults.push(format!("{} alerts:\n{}", got.ids.len(), got.text));
                }
                if let Some((after, answer)) = &answer {
                    let end = got.at + after.max(1e-6);
                    busy.insert(got.way, end);
                    match answer {
                        Answer::Sent => sent.extend(got.ids.iter().map(|id| (names[got.way].to_owned(), *id))),
                        Answer::Later { after: Some(wait), .. } => { closed.insert(got.way, end + wait.as_secs_f64()); }
                        Answer::Later { after: None, .. } => { closed.insert(got.way, end + 1.0); }
                        Answer::Refused { .. } => { closed.insert(got.way, end + 300.0); }
                    }
                }
                answer
            };
            live(&names, alerts, 1e5, &mut does)
        };
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
        let mut told = story.told_ids();
        told.sort_unstable();
        prop_assert_eq!(told, (1..=count as u64).collect::<Vec<_>>(), "each once");
        for (_, channel, ids) in &story.told {
            for id in ids {
                prop_assert!(sent.contains(&(channel.clone(), *id)), "{} was told {} and never had it", channel, id);
            }
        }
        for way in 0..ways {
            let times: Vec<f64> = story.through(way).iter().map(|g| g.at).collect();
            prop_assert!(times.windows(2).all(|w| w[1] - w[0] >= 1.0), "more than one a second");
            prop_assert!(times.windows(21).all(|w| w[20] - w[0] >= 60.0), "more than twenty a minute");
        }
        prop_assert_eq!(story.standing.unsent, 0);
    }
}
