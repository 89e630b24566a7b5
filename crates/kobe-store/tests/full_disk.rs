//! A disk that is full, and has room again: nothing that was acknowledged is lost, what was refused can be brought again, and nobody has to start anything anew.

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::*;
use kobe_engine::{Batch, JournalRow, Outbox as _, Store, StoreError};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind, Change, Verb};
use kobe_store::{BackingUp, NewWish, Reader, Restoring, SqliteStore, add_wish, backup, restore, state_directory};
use kobe_trade::fact::What;
use kobe_trade::ports::{Books as _, BooksError};

/// Runs a test of this file on a disk of its own, a few megabytes large.
///
/// Fails where no disk can be mounted: a test of a full disk that was not run must not pass.
fn on_a_small_disk(test: &str) {
    let place = tempfile::tempdir().expect("a directory");
    let me = std::env::current_exe().expect("a program");
    let script = "mount -t tmpfs -o size=3m,mode=700 tmpfs \"$1\" || exit 99\n\
                  \"$2\" --exact \"$3\" --ignored --nocapture --test-threads=1 2>&1; code=$?\n\
                  umount \"$1\"; exit $code";
    let ways: [&[&str]; 3] = [&["unshare", "--user", "--map-root-user", "--mount"], &["unshare", "--mount"], &[]];
    let mut tried = String::new();
    for way in ways {
        let mut words = way.iter().copied().chain(["sh", "-c", script, "sh"]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(place.path()).arg(&me).arg(test).env("KOBE_STORE_TEST_DISK", place.path());
        let Ok(done) = command.output() else { continue };
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        match done.status.code() {
            Some(0) => {
                assert!(said.contains("1 passed"), "`{test}` was not run:\n{said}");
                return;
            }
            // Neither unshare nor mount may do it this way.
            Some(1 | 99) if !said.contains("running 1 test") => tried.push_str(&said),
            _ => panic!("`{test}` on a small disk:\n{said}"),
        }
    }
    panic!("no small disk could be mounted, neither in a namespace of our own nor as root:\n{tried}");
}

#[test]
fn a_full_disk_refuses_and_takes_it_when_there_is_room() {
    on_a_small_disk("refuses_and_takes_it_when_there_is_room");
}

#[test]
fn a_full_disk_can_be_opened_and_read() {
    on_a_small_disk("can_be_opened_and_read_when_full");
}

/// The small disk this process was started on.
fn disk() -> Option<PathBuf> {
    std::env::var_os("KOBE_STORE_TEST_DISK").map(PathBuf::from)
}

fn free(disk: &Path) -> u64 {
    let there = rustix::fs::statvfs(disk).expect("a disk");
    there.f_bavail * there.f_frsize
}

/// Fills a disk to its last page.
fn fill(disk: &Path) {
    let mut ballast = File::options().create(true).append(true).open(disk.join("ballast")).expect("a file");
    while ballast.write_all(&[7; 4096]).is_ok() {}
    assert_eq!(free(disk), 0, "not a page is free");
}

fn empty(disk: &Path) {
    fs::remove_file(disk.join("ballast")).expect("it is there");
    assert!(free(disk) > 300_000, "{} bytes are free", free(disk));
}

/// A turn that brings a run, an alert and a journal row of some kilobytes that no packing makes small.
fn try_turn(store: &mut dyn Store, id: u64) -> Result<(), StoreError> {
    let noise: String = (0..3_000_u64)
        .map(|i| char::from(b'!' + ((i + 7 * id).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) as u8 % 90))
        .collect();
    let changes = [
        Change::Run(completed(run(id, 2, &format!("#{id}")))),
        Change::Alert(Alert::new(AlertKind::Test, Severity::Info, format!("test:{id}"), at(NOW), "a try")),
        cursor(2, NOW, id),
    ];
    let journal = [JournalRow { at: at(NOW), begins: id == 1, body: noise, digest: format!("{id:016x}") }];
    store.commit(&Batch { desk: &desk(), at: at(NOW), changes: &changes, journal: &journal })
}

/// Commits turns until there is no room; returns the number of the first that was refused.
fn until_full(store: &mut dyn Store, first: u64) -> u64 {
    for id in first..first + 2_000 {
        match try_turn(store, id) {
            Ok(()) => {}
            Err(StoreError::Full(text)) => {
                assert!(text.contains("kobe.db") && text.contains("make room"), "{text}");
                return id;
            }
            Err(other) => panic!("a full disk is told as {other}"),
        }
    }
    panic!("the disk is never full");
}

fn there(state: &Path) -> (u64, usize, usize) {
    let reader = Reader::open(state).unwrap_or_else(|e| panic!("{e}")).expect("there is a database");
    reader.quick_check().unwrap_or_else(|e| panic!("{e}"));
    let (from, to) = (jiff::Timestamp::UNIX_EPOCH, at("2100-01-01T00:00:00Z"));
    let runs = reader.about().unwrap_or_else(|e| panic!("{e}")).runs;
    let alerts = reader.alerts(usize::MAX, true).unwrap_or_else(|e| panic!("{e}")).len();
    (runs, alerts, reader.journal(from, to).unwrap_or_else(|e| panic!("{e}")).len())
}

#[test]
#[ignore = "started by a_full_disk_refuses_and_takes_it_when_there_is_room"]
fn refuses_and_takes_it_when_there_is_room() {
    let Some(disk) = disk() else { return };
    let state = disk.join("state");
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    let mut outbox = store.outbox().unwrap_or_else(|e| panic!("{e}"));
    books.append(0, vec![opened("100.00")]).unwrap_or_else(|e| panic!("{e}"));
    let (mut next, mut version) = (1, 1);
    for round in 0..3 {
        for id in next..next + 12 {
            try_turn(&mut store, id).unwrap_or_else(|e| panic!("round {round}: {e}"));
        }
        next += 12;
        fill(&disk);
        next = until_full(&mut store, next);
        let stored = (next - 1, (next - 1) as usize, (next - 1) as usize);
        for _ in 0..5 {
            // As the engine does it: the same turn, again and again.
            let again = try_turn(&mut store, next);
            assert!(matches!(again, Err(StoreError::Full(_))), "round {round}: {again:?}");
            let refused = books.append(version, vec![fact(DAY, What::WeekClosed)]);
            if let Err(error) = &refused {
                assert!(matches!(error, BooksError::Full(text) if text.contains("make room")), "{error}");
                assert_eq!(books.book().version(), version, "round {round}: the book is not ahead of what is stored");
            } else {
                // A small one may still find its room.
                version += 1;
            }
            assert_eq!(there(&state), stored, "round {round}: what was acknowledged, and nothing else");
            let unsent = outbox.unsent(0, usize::MAX).unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert_eq!(unsent.len() as u64, next - 1, "round {round}: it can be read");
            assert_eq!(store.recover().unwrap_or_else(|e| panic!("round {round}: {e}")).next_run, next, "{round}");
        }
        assert!(state.join("kobe.reserve").exists(), "round {round}: work never gets the reserve");
        empty(&disk);
        try_turn(&mut store, next).unwrap_or_else(|e| panic!("round {round}: there is room: {e}"));
        books.append(version, vec![fact(DAY, What::WeekClosed)]).unwrap_or_else(|e| panic!("{round}: {e}"));
        outbox.raise(&[]).unwrap_or_else(|e| panic!("{e}"));
        (next, version) = (next + 1, version + 1);
        assert_eq!(there(&state).0, next - 1, "round {round}: nobody had to start anything anew");
    }
    assert!(next >= 40, "only {} turns", next - 1);
    fill(&disk);
    until_full(&mut store, next);
    drop((outbox, books, store));
    let mut again = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("closed while it was full: {e}"));
    assert_eq!(again.recover().unwrap_or_else(|e| panic!("{e}")).cursors[0].turns, there(&state).0);
    let books = again.books().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(books.book().version(), version, "every fact that was acknowledged");
}

#[test]
#[ignore = "started by a_full_disk_can_be_opened_and_read"]
fn can_be_opened_and_read_when_full() {
    let Some(disk) = disk() else { return };
    let (state, crashed) = (disk.join("state"), disk.join("crashed"));
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    for id in 1..=20 {
        try_turn(&mut store, id).unwrap_or_else(|e| panic!("{e}"));
    }
    // What a power cut would leave: a log that nobody has folded in, and the reserve.
    state_directory(&crashed).unwrap_or_else(|e| panic!("{e}"));
    for name in ["kobe.db", "kobe.db-wal", "kobe.reserve"] {
        fs::copy(state.join(name), crashed.join(name)).expect("a copy");
    }
    drop(store);
    fill(&disk);
    let reserve = state.join("kobe.reserve");
    assert!(reserve.exists());
    assert_eq!(there(&state).0, 20, "a reader on a full disk");
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("on a full disk: {e}"));
    assert!(!reserve.exists(), "the reserve was there for that");
    assert_eq!(store.recover().unwrap_or_else(|e| panic!("{e}")).next_run, 21);
    let first = until_full(&mut store, 21);
    assert_eq!(there(&state).0, first - 1);
    empty(&disk);
    for id in first..first + 3 {
        try_turn(&mut store, id).unwrap_or_else(|e| panic!("there is room: {e}"));
    }
    assert!(reserve.exists(), "the reserve comes back by itself");
    drop(store);

    fill(&disk);
    assert_eq!(there(&crashed).0, 20, "a log that lies beside its database on a full disk is read");
    fill(&disk);
    let error = SqliteStore::open(&disk.join("new"), &opening()).expect_err("there is no room for a new one");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(!disk.join("new/kobe.db").exists(), "half a database never has its name");
}

#[test]
fn a_disk_that_cannot_be_written_is_read_and_told() {
    on_a_small_disk("can_be_read_when_nothing_can_be_written");
}

#[test]
#[ignore = "started by a_disk_that_cannot_be_written_is_read_and_told"]
fn can_be_read_when_nothing_can_be_written() {
    let Some(disk) = disk() else { return };
    let state = disk.join("state");
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    try_turn(&mut store, 1).unwrap_or_else(|e| panic!("{e}"));
    drop(store);
    let remount = |how: &str| {
        let done = Command::new("mount").args(["-o", how]).arg(&disk).status().expect("a program");
        assert!(done.success(), "{how}");
    };
    remount("remount,ro");
    assert!(File::create(disk.join("probe")).is_err(), "nothing can be written");
    assert_eq!(there(&state), (1, 1, 1), "what is there can be read");
    let error = SqliteStore::open(&state, &opening()).expect_err("it cannot be written").to_string();
    assert!(error.contains("state/kobe.lock") && error.contains("Read-only file system"), "{error}");
    let wish = NewWish { verb: Verb::Run, name: "alpha", reason: "", operator: "" };
    let error = add_wish(&state, &wish, at(NOW)).expect_err("it cannot be written").to_string();
    assert!(error.contains("state/kobe.db") && error.contains("check owner and rights"), "{error}");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let how = BackingUp { now: at(NOW), build: "kobe", output: true };
    let made = backup(&state, &elsewhere.path().join("b"), &how, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(made.rows["runs"], 1, "it can still be saved");
    assert!(backup(&state, &disk.join("b"), &how, &mut |_| {}).is_err());
    remount("remount,rw");
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    try_turn(&mut store, 2).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_backup_for_which_there_is_no_room_leaves_nothing() {
    on_a_small_disk("leaves_nothing_when_there_is_no_room");
}

#[test]
#[ignore = "started by a_backup_for_which_there_is_no_room_leaves_nothing"]
fn leaves_nothing_when_there_is_no_room() {
    let Some(disk) = disk() else { return };
    let (state, dir) = (disk.join("state"), disk.join("b"));
    for life in 0..4 {
        // Closing folds the log in.
        let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
        (1..=25).for_each(|n| try_turn(&mut store, 25 * life + n).unwrap_or_else(|e| panic!("{e}")));
    }
    let store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    let how = BackingUp { now: at(NOW), build: "kobe", output: false };
    fill(&disk);
    let error = backup(&state, &dir, &how, &mut |_| {}).expect_err("there is no room");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(!dir.exists() && !disk.join("b.partial").exists());
    empty(&disk);
    drop(store);
    let elsewhere = tempfile::tempdir().expect("a directory");
    backup(&state, &elsewhere.path().join("b"), &how, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    fill(&disk);
    let how = Restoring { opening: opening(), operator: "ann", reason: "a test" };
    let error = restore(&elsewhere.path().join("b"), &state, &how, &mut |_| {}).expect_err("there is no room");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(there(&state).0, 100, "the state is as it was");
    assert!(!state.join("KILL_SWITCH").exists());
    let left: Vec<_> = fs::read_dir(&disk).expect("a disk").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 2, "the state and the ballast: {left:?}");
}
