//! One suite for all stores: whatever keeps the rows, it keeps these promises.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use jiff::ToSpan as _;
use jiff::civil::date;
use kobe_calendar::Market;
use kobe_engine::simulate::{Simulation, fresh};
use kobe_engine::{Attempt, Batch, Handler, JournalRow, Outbox, Stop, VirtualClock};
use kobe_plan::alert::Severity;
use kobe_plan::run::Note;
use kobe_plan::{Alert, AlertKind, Change, Held, Hold, Lane, Outcome, Reason, State, Verb};
use kobe_store::NewWish;
use kobe_trade::chain;
use kobe_trade::fact::What;
use kobe_trade::order::OrderEvent;
use kobe_trade::ports::{Artifact, BooksError};

#[test]
fn a_run_is_kept_as_it_was_written() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let mut odd = skipped(run(3, 2, "#17"), Reason::GraceExpired);
        odd.covers = 12;
        odd.since = Some("#6".parse().expect("a slot"));
        odd.catchup = true;
        odd.dst_shifted = true;
        odd.priority = 10;
        let mut waits = run(4, 1, "2026-11-23T15:15:00Z");
        waits.outcome = Some(Outcome::Error("the feed is silent".into()));
        waits.attempt = 2;
        waits.retry_at = Some(at("2026-11-23T15:04:07.123456Z"));
        let changes = [completed(run(1, 0, "2026-11-23/open")), running(run(2, 3, "2026-11-23T01:30"), 1), odd, waits];
        commit(keeper.store(), &changes.map(Change::Run)).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();

        let rows = keeper.runs();
        let ids: Vec<u64> = rows.iter().map(|r| r.id).collect();
        assert_eq!(ids, [1, 2, 3, 4], "{name}: in the order of their numbers");
        let [first, second, third, fourth] = &rows[..] else { panic!("{name}: four rows") };
        assert_eq!(
            (first.task.as_str(), first.slot.as_str(), first.state),
            ("alpha", "2026-11-23/open", State::Completed),
            "{name}"
        );
        assert_eq!((first.outcome.as_deref(), first.note.as_str(), first.attempt), (Some("ok"), "done", 1), "{name}");
        assert_eq!(
            (second.task.as_str(), second.slot_date, second.started_at),
            ("delta", DAY, Some(at(NOW))),
            "{name}"
        );
        assert_eq!(
            (third.reason, third.covers, third.since_slot.as_deref()),
            (Some(Reason::GraceExpired), 12, Some("#6")),
            "{name}"
        );
        assert!(third.catchup && third.dst_shifted && third.priority == 10, "{name}: the rare fields too");
        assert_eq!(third.slot_date, DAY, "{name}: 10:00 in New York is that day");
        assert_eq!(fourth.retry_at, Some(at("2026-11-23T15:04:07.123456Z")), "{name}: to the microsecond");
        assert_eq!((fourth.outcome.as_deref(), fourth.note.as_str()), (Some("error"), "the feed is silent"), "{name}");
        assert_eq!(first.config, desk().hash, "{name}: the configuration goes with it");
        assert_eq!(keeper.run(9), None, "{name}: what was not written is not there");
    }
}

#[test]
fn a_slot_has_one_run() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let ok = |r: Result<(), _>| r.unwrap_or_else(|e: kobe_engine::StoreError| panic!("{name}: {e}"));
        ok(commit(keeper.store(), &[Change::Run(run(1, 0, "2026-11-23/open"))]));
        let why = conflict(commit(keeper.store(), &[Change::Run(run(2, 0, "2026-11-23/open"))]), name);
        assert_eq!(why, "slot 2026-11-23/open of alpha has a run already, it cannot be run 2", "{name}");
        ok(commit(keeper.store(), &[Change::Run(completed(run(1, 0, "2026-11-23/open")))]));
        let why = conflict(commit(keeper.store(), &[Change::Run(run(2, 0, "2026-11-23/open"))]), name);
        assert!(why.contains("has a run already"), "{name}: also when it is over: {why}");
        let twice = [Change::Run(run(3, 1, "#1")), Change::Run(run(4, 1, "#1"))];
        conflict(commit(keeper.store(), &twice), name);
        assert_eq!(keeper.runs().len(), 1, "{name}: nothing of the refused batches is there");
        ok(commit(keeper.store(), &[Change::Run(run(5, 1, "2026-11-23/open"))]));
        ok(commit(keeper.store(), &[Change::Run(run(6, 0, "2026-11-24/open"))]));
        ok(commit(keeper.store(), &[Change::Run(run(7, 0, "2026-11-22/open"))]));
        let why = conflict(commit(keeper.store(), &[Change::Run(run(8, 0, "2026-11-24/open"))]), name);
        assert!(why.contains("cannot be run 8"), "{name}: {why}");
    }
}

#[test]
fn what_is_over_never_changes() {
    for end in [State::Completed, State::Failed, State::Skipped] {
        for mut keeper in keepers() {
            let name = format!("{} {end}", keeper.name());
            let mut over = completed(run(1, 0, "2026-11-23/open"));
            over.state = end;
            commit(keeper.store(), &[Change::Run(over.clone())]).unwrap_or_else(|e| panic!("{name}: {e}"));
            let before = keeper.run(1);
            for new in [run(1, 0, "2026-11-23/open"), running(run(1, 0, "2026-11-23/open"), 2), over] {
                let why = conflict(commit(keeper.store(), &[Change::Run(new)]), &name);
                assert!(why.starts_with(&format!("run 1 of alpha is {end} and cannot become")), "{name}: {why}");
            }
            conflict(commit(keeper.store(), &[Change::Orphan { id: kobe_plan::RunId(1), at: at(NOW) }]), &name);
            assert_eq!(keeper.run(1), before, "{name}");
        }
    }
}

#[test]
fn a_stale_row_changes_nothing() {
    for mut keeper in keepers() {
        let name = keeper.name();
        commit(keeper.store(), &[Change::Run(running(run(1, 0, "2026-11-23/open"), 3))])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let before = keeper.run(1);
        let rows = [
            (
                running(run(1, 0, "2026-11-23/open"), 1),
                "run 1 of alpha has come to attempt 3, the change is about attempt 1",
            ),
            (
                running(run(1, 0, "2026-11-24/open"), 3),
                "run 1 is slot 2026-11-23/open of alpha, not slot 2026-11-24/open of alpha",
            ),
            (
                running(run(1, 1, "2026-11-23/open"), 3),
                "run 1 is slot 2026-11-23/open of alpha, not slot 2026-11-23/open of beta",
            ),
        ];
        for (stale, want) in rows {
            assert_eq!(conflict(commit(keeper.store(), &[Change::Run(stale)]), name), want, "{name}");
            assert_eq!(keeper.run(1), before, "{name}: {want}");
        }
        // An attempt that was told to stop does not count: the number may fall by one.
        let mut back = run(1, 0, "2026-11-23/open");
        back.attempt = 2;
        commit(keeper.store(), &[Change::Run(back)]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(keeper.run(1).map(|r| (r.state, r.attempt)), Some((State::Pending, 2)), "{name}");
    }
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let wish = keeper.add_wish("alpha");
        let first = [Change::Run(run(1, 0, "2026-11-23/open")), cursor(0, "2026-11-23T14:30:00Z", 1)];
        commit(keeper.store(), &first).unwrap_or_else(|e| panic!("{name}: {e}"));
        let before = (keeper.runs(), keeper.store().recover().expect("it can be read"));
        let mut retried = run(1, 0, "2026-11-23/open");
        retried.retry_at = Some(at("2026-11-23T16:00:00Z"));
        retried.covers = 7;
        let good = [
            Change::Run(retried),
            Change::Run(run(2, 1, "#1")),
            Change::WishDone { id: wish, note: "run 2".into() },
            cursor(0, "2026-11-24T14:30:00Z", 2),
            cursor(1, "2026-11-24T14:30:00Z", 9),
        ];
        let bad = [
            Change::Run(run(3, 0, "2026-11-23/open")),
            Change::Orphan { id: kobe_plan::RunId(77), at: at(NOW) },
            Change::WishDone { id: 4711, note: Note::Borrowed("x") },
            Change::WishDone { id: wish, note: Note::Borrowed("again") },
        ];
        for bad in bad {
            for place in [0, good.len()] {
                let mut batch = good.to_vec();
                batch.insert(place, bad.clone());
                if matches!(bad, Change::WishDone { id, .. } if id == wish) && place == 0 {
                    continue;
                }
                conflict(commit(keeper.store(), &batch), name);
                let after = (keeper.runs(), keeper.store().recover().expect("it can be read"));
                assert_eq!(after, before, "{name}: {bad:?} at {place} leaves nothing behind");
                assert_eq!(keeper.store().wishes().expect("it can be read").len(), 1, "{name}: the wish is still open");
                assert_eq!(keeper.wish(wish).and_then(|w| w.done_at), None, "{name}");
            }
        }
        commit(keeper.store(), &good).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(keeper.runs().len(), 2, "{name}: the good part alone is stored");
    }
}

#[test]
fn of_several_rows_of_one_run_in_a_batch_the_last_stands() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let new = run(1, 0, "2026-11-23/open");
        let moves = [new.clone(), running(new.clone(), 1), completed(running(new.clone(), 1))];
        commit(keeper.store(), &moves.map(Change::Run)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(keeper.run(1).map(|r| r.state), Some(State::Completed), "{name}");
        let other = run(2, 0, "2026-11-24/open");
        let moves = [completed(other.clone()), running(other.clone(), 2)];
        conflict(commit(keeper.store(), &moves.map(Change::Run)), name);
        let moves = [running(other.clone(), 3), running(other.clone(), 1)];
        conflict(commit(keeper.store(), &moves.map(Change::Run)), name);
        let moves = [other, run(2, 0, "2026-11-25/open")];
        conflict(commit(keeper.store(), &moves.map(Change::Run)), name);
        assert_eq!(keeper.run(2), None, "{name}: within a batch the rules are the same");
    }
}

#[test]
fn recovery_returns_what_was_committed() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let empty = keeper.store().recover().expect("it can be read");
        assert_eq!((empty.cursors.len(), empty.live.len(), empty.next_run), (0, 0, 1), "{name}: nothing at first");
        let mut waits = run(3, 1, "2026-11-23T15:15:00Z");
        waits.retry_at = Some(at("2026-11-23T15:01:00.5Z"));
        waits.outcome = Some(Outcome::TimedOut);
        waits.reason = Some(Reason::Interrupted);
        let live = [running(run(2, 0, "2026-11-23/open+30m"), 1), waits, run(5, 2, "#4")];
        let mut changes: Vec<Change> = live.iter().cloned().map(Change::Run).collect();
        changes.push(Change::Run(completed(run(4, 0, "2026-11-23/close-15m"))));
        changes.push(cursor(0, "2026-11-23T14:30:00.000001Z", 0));
        changes.push(cursor(2, "2026-11-23T14:30:00Z", 4));
        commit(keeper.store(), &changes).unwrap_or_else(|e| panic!("{name}: {e}"));
        commit(keeper.store(), &[cursor(2, "2026-11-23T14:50:00Z", 5)]).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();

        let mut found = keeper.store().recover().expect("it can be read");
        assert_eq!(found.next_run, 6, "{name}: numbers are never used again");
        found.cursors.sort_by(|a, b| a.task.cmp(&b.task));
        let cursors: Vec<_> =
            found.cursors.iter().map(|c| (c.task.as_str(), c.planned_to.to_string(), c.turns)).collect();
        let want = [
            ("alpha", String::from("2026-11-23T14:30:00.000001Z"), 0),
            ("gamma", String::from("2026-11-23T14:50:00Z"), 5),
        ];
        assert_eq!(cursors, want, "{name}");
        found.live.sort_by_key(|r| r.run.id);
        let tasks: Vec<&str> = found.live.iter().map(|r| r.task.as_str()).collect();
        assert_eq!(tasks, ["alpha", "beta", "gamma"], "{name}: what is over does not come back");
        for (row, mut want) in found.live.into_iter().zip(live) {
            want.task = row.run.task;
            assert_eq!(row.run, want, "{name}: a live run comes back as it was");
        }
    }
}

#[test]
fn slots_that_lie_ahead_of_a_clock_that_was_set_back_are_known() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let rows = [
            (1, 0, "2026-11-23/open", "2026-11-23T14:30:00Z"),
            (2, 0, "2026-11-23/close+20h", "2026-11-24T17:00:00Z"),
            (3, 3, "2026-11-24T01:30", "2026-11-24T06:30:00Z"),
            (4, 3, "2026-11-26T01:30", "2026-11-25T06:30:00Z"),
            (5, 1, "2026-11-24T05:00:00Z", "2026-11-24T05:00:00Z"),
        ];
        let changes = rows.map(|(id, task, slot, due)| {
            let mut row = skipped(run(id, task, slot), Reason::Overlap);
            row.due = at(due);
            Change::Run(row)
        });
        commit(keeper.store(), &changes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut ahead = |now: &str| {
            let found = keeper.store().slots_after(at(now)).expect("it can be read");
            let mut found: Vec<String> = found.into_iter().map(|(task, slot)| format!("{task} {slot}")).collect();
            found.sort();
            found
        };
        let want = ["alpha 2026-11-23/close+20h", "delta 2026-11-24T01:30", "delta 2026-11-26T01:30"];
        assert_eq!(ahead("2026-11-24T05:00:00Z"), want, "{name}: what is due at that instant does not lie after it");
        assert_eq!(
            ahead("2026-11-24T16:59:59.999999Z"),
            ["alpha 2026-11-23/close+20h", "delta 2026-11-26T01:30"],
            "{name}"
        );
        assert_eq!(ahead("2026-11-25T06:30:00Z"), [] as [String; 0], "{name}");
    }
}

#[test]
fn a_run_without_a_task_is_closed() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let mut waits = run(2, 1, "#1");
        waits.retry_at = Some(at(NOW));
        let changes = [Change::Run(running(run(1, 0, "2026-11-23/open"), 1)), Change::Run(waits)];
        commit(keeper.store(), &changes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let orphans = [1, 2].map(|id| Change::Orphan { id: kobe_plan::RunId(id), at: at("2026-11-23T16:00:00Z") });
        commit(keeper.store(), &orphans).unwrap_or_else(|e| panic!("{name}: {e}"));
        let rows: Vec<_> =
            keeper.runs().into_iter().map(|r| (r.state, r.reason, r.ended_at, r.retry_at, r.note)).collect();
        let (ended, note) = (Some(at("2026-11-23T16:00:00Z")), String::from("the desk no longer has this task"));
        assert_eq!(
            rows[0],
            (State::Failed, Some(Reason::Lost), ended, None, note.clone()),
            "{name}: it was on its way"
        );
        assert_eq!(rows[1], (State::Skipped, Some(Reason::Disabled), ended, None, note), "{name}: it had not begun");
        assert!(keeper.store().recover().expect("it can be read").live.is_empty(), "{name}");
    }
}

#[test]
fn a_wish_is_open_until_it_is_answered() {
    for mut keeper in keepers() {
        let name = keeper.name();
        assert_eq!(keeper.store().wishes().expect("it can be read"), [], "{name}");
        let (first, second) = (keeper.add_wish("alpha"), keeper.add_wish("nobody"));
        for _ in 0..2 {
            let open = keeper.store().wishes().expect("it can be read");
            let mut tasks: Vec<(u128, &str)> = open.iter().map(|w| (w.id, w.name.as_str())).collect();
            tasks.sort_by_key(|(_, task)| *task);
            assert_eq!(tasks, [(first, "alpha"), (second, "nobody")], "{name}: asked twice, answered twice");
        }
        let done = [
            Change::WishDone { id: first, note: "run 1".into() },
            Change::Run(run(1, 0, &format!("manual:{}", kobe_store::wish_text(first)))),
        ];
        commit(keeper.store(), &done).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();
        let open = keeper.store().wishes().expect("it can be read");
        assert_eq!(open.iter().map(|w| w.id).collect::<Vec<_>>(), [second], "{name}: the other is still open");
        let wish = keeper.wish(first).expect("it is kept");
        assert_eq!((wish.done_at, wish.note.as_deref()), (Some(at(NOW)), Some("run 1")), "{name}");
        let why = conflict(commit(keeper.store(), &done[..1]), name);
        assert!(why.ends_with("is unknown or was answered before"), "{name}: {why}");
        commit(keeper.store(), &[Change::WishDone { id: second, note: "the desk has no such task".into() }])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(keeper.store().wishes().expect("it can be read"), [], "{name}");
        let third = keeper.add_wish("alpha");
        assert_eq!(keeper.store().wishes().expect("it can be read")[0].id, third, "{name}: a later one is found");
    }
}

#[test]
fn a_wish_is_kept_whole_and_what_came_of_it_stands_in_the_operator_log() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let wishes = [
            NewWish { verb: Verb::Pause, name: "alpha", reason: "the feed is \"late\"\n", operator: "ann" },
            NewWish { verb: Verb::HaltLane, name: "trading", reason: "é", operator: "bo" },
            NewWish { verb: Verb::Cancel, name: "", reason: "", operator: "" },
        ];
        let ids = wishes.map(|wish| keeper.add(&wish));
        let open = keeper.store().wishes().expect("it can be read");
        for (wish, id) in wishes.iter().zip(ids) {
            let found = open.iter().find(|w| w.id == id).unwrap_or_else(|| panic!("{name}: {wish:?} is open"));
            let want = (wish.verb, wish.name, wish.reason, wish.operator, at(NOW));
            let found = (found.verb, &*found.name, &*found.reason, &*found.operator, found.asked_at);
            assert_eq!(found, want, "{name}");
        }
        let lane = Held::Lane(Lane::Trading);
        let hold = |held: &Held, on, reason: &str| {
            let (reason, operator) = (reason.to_owned(), String::from("bo"));
            Change::Hold(Hold { held: held.clone(), on, reason, operator, at: at("2026-11-23T15:00:01Z") })
        };
        let task = Held::Task("alpha".into());
        let changes = [
            Change::WishDone { id: ids[1], note: "lane trading is halted".into() },
            hold(&lane, true, "é"),
            hold(&task, true, "first"),
        ];
        commit(keeper.store(), &changes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = [hold(&task, true, "second"), Change::WishDone { id: ids[0], note: "paused already".into() }];
        commit(keeper.store(), &again).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();
        let want = [("task alpha", "second", "bo"), ("lane trading", "é", "bo")]
            .map(|(what, why, who)| (what.to_owned(), why.to_owned(), who.to_owned()));
        let mut held = keeper.holds();
        held.sort_by(|a, b| b.cmp(a));
        assert_eq!(held, want, "{name}: the newest reason of each hold");
        let recovered = keeper.store().recover().expect("it can be read").holds;
        let found = recovered.iter().find(|h| h.held == task).unwrap_or_else(|| panic!("{name}: the task is held"));
        assert_eq!(
            (found.on, &*found.reason, &*found.operator, found.at),
            (true, "second", "bo", at("2026-11-23T15:00:01Z")),
            "{name}"
        );
        commit(keeper.store(), &[hold(&lane, false, "mended"), hold(&task, false, "mended")])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(keeper.holds(), [], "{name}: let go");
        assert_eq!(keeper.store().recover().expect("it can be read").holds, [], "{name}");

        let log = keeper.operator_log();
        let said: Vec<String> = log
            .iter()
            .map(|r| format!("{} {} {} {} {:?} {}", r.seq, r.operator, r.action, r.target, r.reason, r.result))
            .collect();
        let want = [
            "0 bo halt_lane trading \"é\" lane trading is halted",
            "1 bo held lane trading \"é\" ",
            "2 bo held task alpha \"first\" ",
            "3 bo held task alpha \"second\" ",
            "4 ann pause alpha \"the feed is \\\"late\\\"\\n\" paused already",
            "5 bo released lane trading \"mended\" ",
            "6 bo released task alpha \"mended\" ",
        ];
        assert_eq!(said, want, "{name}: who, what, why, and what came of it");
        assert_eq!(log[0].prev_hash, None, "{name}");
        for pair in log.windows(2) {
            assert_eq!(pair[1].prev_hash.as_ref(), Some(&pair[0].this_hash), "{name}: each names the one before");
        }
        let hash = "9ea4cfad78eea768a4eceb9fc0728c39968d161e4e4d89c01b08d9acf8e3c9d1";
        assert_eq!(log[0].this_hash, hash, "{name}: as another program computes it");
    }
}

#[test]
fn a_refused_batch_leaves_no_alert_no_hold_and_no_journal() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let wish = keeper.add_wish("alpha");
        let hold = Hold {
            held: Held::Task("alpha".into()),
            on: true,
            reason: "x".into(),
            operator: "ann".into(),
            at: at(NOW),
        };
        let changes = [
            Change::Alert(alert("one")),
            Change::Hold(hold),
            Change::WishDone { id: wish, note: "x".into() },
            Change::WishDone { id: wish, note: "again".into() },
        ];
        let journal = [JournalRow { at: at(NOW), begins: true, body: "{}".into(), digest: "d".into() }];
        let batch = Batch { desk: &desk(), at: at(NOW), changes: &changes, journal: &journal };
        conflict(keeper.store().commit(&batch), name);
        assert_eq!(keeper.alerts(), [], "{name}");
        assert_eq!(keeper.holds(), [], "{name}");
        assert_eq!(keeper.operator_log(), [], "{name}");
        assert_eq!(keeper.journal(), [], "{name}");
        let batch = Batch { changes: &changes[..3], ..batch };
        keeper.store().commit(&batch).unwrap_or_else(|e| panic!("{name}: {e}"));
        let there = (keeper.alerts().len(), keeper.holds().len(), keeper.operator_log().len(), keeper.journal().len());
        assert_eq!(there, (1, 1, 2, 1), "{name}: the good part alone is stored");
    }
}

/// An alert with something in every field.
fn alert(cause: &str) -> Alert {
    Alert {
        kind: AlertKind::RunFailed,
        severity: Severity::Critical,
        cause: cause.to_owned(),
        at: at("2026-11-23T15:00:00.000001Z"),
        title: "signal_ranking failed after 3 attempts".into(),
        detail: "é\n\"x\"".into(),
        task: Some("alpha".into()),
        owner: "desk".into(),
        runbook: "alerts.md#run_failed".into(),
        recovery: true,
    }
}

#[test]
fn an_alert_is_unsent_until_it_was_told_whoever_raised_it() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let rung = Arc::new(AtomicU64::new(0));
        let ring = Arc::clone(&rung);
        keeper.on_alert(Arc::new(move || {
            ring.fetch_add(1, Ordering::SeqCst);
        }));
        commit(keeper.store(), &[Change::Run(run(1, 0, "2026-11-23/open"))]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rung.load(Ordering::SeqCst), 0, "{name}: a turn without an alert wakes nobody");
        let turn = [Change::Alert(alert("first")), Change::Alert(alert("second"))];
        commit(keeper.store(), &turn).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut outbox = keeper.outbox();
        outbox.raise(&[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rung.load(Ordering::SeqCst), 1, "{name}: once a commit");
        let plain = Alert::new(AlertKind::Test, Severity::Info, "test", at(NOW), "a try");
        outbox.raise(&[plain.clone(), alert("fourth")]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rung.load(Ordering::SeqCst), 2, "{name}");

        let unsent = outbox.unsent(0, 10).expect("it can be read");
        let said: Vec<(u64, &str)> = unsent.iter().map(|u| (u.id, u.alert.cause.as_str())).collect();
        assert_eq!(said, [(1, "first"), (2, "second"), (3, "test"), (4, "fourth")], "{name}: oldest first");
        assert_eq!(unsent[0].alert, alert("first"), "{name}: as it was raised");
        assert_eq!(unsent[2].alert, plain, "{name}");
        let some = |outbox: &mut dyn Outbox, after, limit| -> Vec<u64> {
            outbox.unsent(after, limit).expect("it can be read").iter().map(|u| u.id).collect()
        };
        assert_eq!(some(&mut *outbox, 2, 1), [3], "{name}: from a number on, and no more than asked");
        outbox.told(&[1, 3, 77], "telegram", at("2026-11-23T15:00:05Z")).unwrap_or_else(|e| panic!("{name}: {e}"));
        outbox.told(&[3], "log", at("2026-11-23T15:00:09Z")).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(some(&mut *outbox, 0, 10), [2, 4], "{name}");
        drop(outbox);
        keeper.reopen();
        assert_eq!(some(&mut *keeper.outbox(), 0, 10), [2, 4], "{name}: what was not told is still there");
        let rows = keeper.alerts();
        assert_eq!(rows.len(), 4, "{name}: what was told stays");
        let told = (rows[2].told_at, rows[2].channel.as_deref());
        assert_eq!(told, (Some(at("2026-11-23T15:00:05Z")), Some("telegram")), "{name}: the first that took it");
        assert_eq!((rows[1].told_at, rows[1].recovery, rows[1].severity), (None, true, Severity::Critical), "{name}");
    }
}

#[test]
fn a_journal_is_kept_in_order_and_to_the_nanosecond() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let row =
            |at_text: &str, begins, body: String| JournalRow { at: at(at_text), begins, body, digest: "0123".into() };
        let long = format!("{{\"machine\":\"{}\"}}", "é ".repeat(60_000));
        let rows = [
            row("2026-11-23T15:00:00.000000001Z", true, long.clone()),
            row("2026-11-23T15:00:01.123456789Z", false, "[\"tick\"]".into()),
            row("2026-11-23T14:59:00Z", false, "the clock was set back".into()),
            row("2026-11-23T15:00:02Z", true, "{}".into()),
        ];
        let desk = desk();
        for part in [&rows[..1], &rows[1..1], &rows[1..]] {
            let batch = Batch { desk: &desk, at: at(NOW), changes: &[], journal: part };
            keeper.store().commit(&batch).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        keeper.reopen();
        assert_eq!(keeper.journal(), rows, "{name}");
    }
}

#[test]
fn how_the_last_days_ended_comes_back_if_something_failed() {
    let over = |id: u64, task: u32, slot: &str, end: State| {
        let mut run = completed(run(id, task, slot));
        run.state = end;
        Change::Run(run)
    };
    let rows = [
        over(1, 0, "2026-11-20/open", State::Failed),
        over(2, 0, "2026-11-23/open", State::Completed),
        over(3, 3, "2026-11-23T01:30", State::Skipped),
        over(4, 2, "#17", State::Completed),
        Change::Run(run(5, 3, "2026-11-24T01:30")),
        over(6, 0, "2026-11-24/open", State::Completed),
    ];
    for mut keeper in keepers() {
        let name = keeper.name();
        let ended = |keeper: &mut dyn Keeper| -> Vec<(u64, String)> {
            let ended = keeper.store().recover().expect("it can be read").ended;
            ended.into_iter().map(|r| (r.run.id.0, r.task)).collect()
        };
        assert_eq!(ended(&mut *keeper), [], "{name}: nothing at first");
        commit(keeper.store(), &rows).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(ended(&mut *keeper), [], "{name}: only an older day saw a failure");
        let failed = over(7, 3, "2026-11-23T01:40", State::Failed);
        commit(keeper.store(), &[failed]).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();
        let want = [(2, "alpha"), (3, "delta"), (6, "alpha"), (7, "delta")].map(|(id, task)| (id, task.to_owned()));
        assert_eq!(ended(&mut *keeper), want, "{name}: two days, without what is live and without turns");
    }
}

struct Sometimes(AtomicU64);

impl Handler for Sometimes {
    fn run(&self, attempt: &Attempt, _: &Stop) -> Outcome {
        match (self.0.fetch_add(1, Ordering::Relaxed), attempt.attempt) {
            (_, 1) if attempt.task().name == "delta" => Outcome::Error("not yet".into()),
            (n, _) if n % 5 == 0 => Outcome::NoData("nothing new".into()),
            (n, _) if n % 7 == 0 => Outcome::Unavailable(format!("feed {n}").into()),
            _ => Outcome::Ok(Note::Borrowed("")),
        }
    }
}

#[test]
fn days_of_a_machine_leave_the_same_rows_in_every_store() {
    let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
    let mut kept: Vec<(&str, Vec<_>)> = Vec::new();
    for mut keeper in keepers() {
        let (begin, end) = (at("2026-11-25T05:00:00Z"), at("2026-11-27T05:00:00Z"));
        let scheduler = fresh(desk(), Arc::clone(&market), begin, &mut |_| None);
        let handler = Sometimes(AtomicU64::new(0));
        let name = keeper.name();
        let mut life = Simulation {
            scheduler,
            clock: Arc::new(VirtualClock::new(begin)),
            handler: &handler,
            store: keeper.store(),
        };
        life.live_until(end, &mut ()).unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();
        kept.push((name, keeper.runs()));
    }
    let (first, rows) = &kept[0];
    assert!(rows.len() > 400, "{first}: {} rows in two days", rows.len());
    for (name, other) in &kept[1..] {
        assert_eq!(other.len(), rows.len(), "{name}");
        for (a, b) in rows.iter().zip(other) {
            assert_eq!(a, b, "{first} and {name} differ");
        }
    }
}

#[test]
fn books_take_facts_from_the_version_they_were_decided_upon() {
    for keeper in keepers() {
        let (name, books) = (keeper.name(), keeper.books());
        assert_eq!(books.book().version(), 0, "{name}");
        let book = books.append(0, vec![opened("100000.00")]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((book.version(), book.cash()), (1, d("100000.00")), "{name}");
        let late = books.append(0, vec![fact(DAY, What::WeekClosed)]);
        assert_eq!(late.err(), Some(BooksError::Conflict { expected: 0, actual: 1 }), "{name}");
        let early = books.append(5, vec![fact(DAY, What::WeekClosed)]);
        assert_eq!(early.err(), Some(BooksError::Conflict { expected: 5, actual: 1 }), "{name}");
        assert_eq!(books.append(1, Vec::new()).map(|b| b.version()), Ok(1), "{name}: nothing is nothing");
        let mixed = vec![intended(DAY, DAY, "IBM", 10, "100.00"), opened("1.00")];
        assert!(
            matches!(books.append(1, mixed), Err(BooksError::Book(_))),
            "{name}: a fact that cannot be takes the others with it"
        );
        assert_eq!((books.book().version(), books.head().map(|h| h.count)), (1, Ok(1)), "{name}");
        assert_eq!(books.book().orders().count(), 0, "{name}");
    }
}

#[test]
fn a_decision_is_intended_once_for_ever() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let append = |keeper: &dyn Keeper, facts: Vec<_>| keeper.books().append(keeper.books().book().version(), facts);
        let duplicate = Some(BooksError::DuplicateDecision(decision(DAY, "IBM")));
        append(&*keeper, vec![opened("100000.00"), intended(DAY, DAY, "IBM", 10, "100.00")])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            append(&*keeper, vec![intended(DAY, DAY, "IBM", 5, "90.00")]).err(),
            duplicate,
            "{name}: while the order is open"
        );
        let ends = [OrderEvent::Cancelled { reason: "no".into() }, OrderEvent::Closed];
        let ends = ends.map(|event| ordered(DAY, DAY, "IBM", event)).to_vec();
        append(&*keeper, ends).unwrap_or_else(|e| panic!("{name}: {e}"));
        // The book forgets orders that are done after some time; the store does not.
        let mut day = DAY;
        while keeper.books().book().order(&decision(DAY, "IBM")).is_some() {
            day = day.checked_add(30.days()).expect("a date");
            assert!(day < date(2030, 1, 1), "{name}: the book never forgets");
            let equity = d("100000.00");
            append(&*keeper, vec![fact(day, What::DayClosed { marks: Default::default(), equity })])
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        keeper.reopen();
        let version = keeper.books().book().version();
        assert_eq!(
            append(&*keeper, vec![intended(day, DAY, "IBM", 5, "90.00")]).err(),
            duplicate,
            "{name}: and long after"
        );
        assert_eq!(keeper.books().book().version(), version, "{name}");
        append(&*keeper, vec![intended(day, day, "IBM", 5, "90.00")])
            .unwrap_or_else(|e| panic!("{name}: another day is another decision: {e}"));
    }
}

#[test]
fn books_are_the_same_after_opening_again() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let facts = vec![
            opened("100000.00"),
            fact(DAY, What::Decided { packet: Box::new(packet("IBM")) }),
            intended(DAY, DAY, "IBM", 10, "100.00"),
            ordered(DAY, DAY, "IBM", sent()),
            ordered(DAY, DAY, "IBM", filled(DAY, "IBM", 10, "99.95")),
        ];
        let before = keeper.books().append(0, facts.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let equity = before.equity(|_| Some(d("101.00"))).expect("there is a price");
        let marks = [(symbol("IBM"), d("101.00"))].into_iter().collect();
        let before = keeper
            .books()
            .append(5, vec![fact(DAY, What::DayClosed { marks, equity })])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        keeper.reopen();
        assert_eq!(keeper.books().book(), before, "{name}");
        let head = keeper.books().head().unwrap_or_else(|e| panic!("{name}: {e}"));
        let blocks = keeper.books().blocks(0, 100).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(chain::verify(&blocks, Some(&head)), Ok(head), "{name}: the chain holds");
        let read: Vec<_> = blocks.iter().map(|b| b.fact().unwrap_or_else(|e| panic!("{name}: {e}"))).collect();
        assert_eq!(read[..5], facts, "{name}: the facts are as they were");
        let middle = keeper.books().blocks(2, 2).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(middle, blocks[2..4], "{name}: blocks are counted from 0");
        assert_eq!(keeper.books().blocks(6, 10).map(|b| b.len()), Ok(0), "{name}");
    }
}

#[test]
fn the_newest_artifact_of_a_name_is_found() {
    for mut keeper in keepers() {
        let name = keeper.name();
        let artifact = |which: &str, n: u64| Artifact {
            name: which.into(),
            function: "rank_signals".into(),
            task: "signal_ranking".into(),
            date: DAY,
            at: at(NOW),
            body: serde_json::json!({ "n": n, "text": "ä\n\"", "list": [1.5, null, true] }),
        };
        assert_eq!(keeper.books().latest("ranked"), Ok(None), "{name}");
        for (which, n) in [("ranked", 1), ("regime", 2), ("ranked", 3)] {
            keeper.books().put(artifact(which, n)).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        keeper.reopen();
        assert_eq!(keeper.books().latest("ranked"), Ok(Some(artifact("ranked", 3))), "{name}");
        assert_eq!(keeper.books().latest("regime"), Ok(Some(artifact("regime", 2))), "{name}");
    }
}

#[test]
fn facts_are_shown_in_order_and_only_once_they_are_so() {
    let seen: Arc<std::sync::Mutex<Vec<&'static str>>> = Arc::default();
    let log = Arc::clone(&seen);
    let books = kobe_store::MemoryBooks::watched(Box::new(move |fact| {
        log.lock().expect("nobody panics").push(fact.what.name());
    }));
    use kobe_trade::ports::Books as _;
    books.append(0, vec![opened("100.00"), fact(DAY, What::WeekClosed)]).expect("sound facts");
    books.append(2, vec![fact(DAY, What::WeekClosed), opened("1.00")]).expect_err("an account opens once");
    assert_eq!(*seen.lock().expect("nobody panics"), ["opened", "week_closed"]);
}
