//! Damaged files: each is told as damage with its path and a remedy, and left exactly as it is.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::*;
use kobe_engine::{Store as _, StoreError};
use kobe_plan::Change;
use kobe_store::{OpenError, Reader, SqliteStore};
use kobe_trade::ports::Books as _;

/// Makes a state directory with some rows and facts. `clean` closes it; otherwise it is as a crash leaves it, with a log of many transactions.
fn lived_in(clean: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = SqliteStore::open(dir.path(), &opening()).unwrap_or_else(|e| panic!("{e}"));
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    books.append(0, vec![opened("100000.00")]).unwrap_or_else(|e| panic!("{e}"));
    for i in 0..12_u64 {
        let runs: Vec<Change> =
            (0..40).map(|k| Change::Run(completed(run(1 + 40 * i + k, 2, &format!("#{}", 40 * i + k))))).collect();
        commit(&mut store, &runs).unwrap_or_else(|e| panic!("{e}"));
    }
    if clean {
        return dir;
    }
    let image = tempfile::tempdir().expect("a directory");
    for name in ["kobe.db", "kobe.db-wal"] {
        fs::copy(dir.path().join(name), image.path().join(name)).expect("a copy");
    }
    image
}

fn files(state: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = fs::read_dir(state).expect("a directory").map(|entry| entry.expect("an entry"));
    // The lock and the mark are ours to write, and the index of the log (-shm) holds nothing that is not in the log.
    let all =
        all.filter(|e| !["kobe.lock", "kobe.mark", "kobe.db-shm"].contains(&e.file_name().to_string_lossy().as_ref()));
    let all = all.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).unwrap_or_default()));
    // An empty log is what opening leaves where nothing was written.
    all.filter(|(name, content)| name != "kobe.db-wal" || !content.is_empty()).collect()
}

/// Opens a state directory and says how that went; what was refused must be as it was.
fn open(state: &Path, name: &str) -> Result<(), StoreError> {
    let before = files(state);
    match SqliteStore::open(state, &opening()).map_err(|e| match e {
        OpenError::Store(error) => error,
        OpenError::Held { .. } => panic!("{name}: nobody holds it"),
    }) {
        Ok(store) => store.books().map(|_| ()),
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains(&state.display().to_string()) || matches!(error, StoreError::Newer { .. }),
                "{name}: the path is named: {text}"
            );
            let after = files(state);
            assert!(before == after, "{name}: {:?} became {:?}", sizes(&before), sizes(&after));
            Err(error)
        }
    }
}

fn sizes(files: &BTreeMap<String, Vec<u8>>) -> Vec<(&str, usize)> {
    files.iter().map(|(name, content)| (name.as_str(), content.len())).collect()
}

fn is_damage(result: Result<(), StoreError>, name: &str) {
    match result {
        Err(StoreError::Corrupt(text)) => {
            assert!(text.contains("nothing was changed; bring it back from a backup"), "{name}: {text}");
        }
        other => panic!("{name}: {other:?} is not told as damage"),
    }
}

#[test]
fn a_cut_database_is_damage_at_every_length() {
    let whole = lived_in(true);
    let path = whole.path().join("kobe.db");
    let content = fs::read(&path).expect("a database");
    assert!(content.len() > 20 * 4096, "{} bytes are too few to cut", content.len());
    let mut lengths: Vec<usize> = vec![0, 1, 15, 16, 60, 99, 100, 101, 511, 512, 4095, 4096, 4097];
    lengths.extend((2..content.len() / 4096).map(|page| page * 4096));
    lengths.extend([content.len() - 4096, content.len() - 1000, content.len() - 1]);
    for length in lengths {
        fs::write(&path, &content[..length]).expect("a cut file");
        is_damage(open(whole.path(), "cut"), &format!("cut to {length} bytes"));
        assert!(
            Reader::open(whole.path()).is_err() || length > 4096,
            "cut to {length} bytes: a reader does not take it for a database"
        );
    }
    fs::write(&path, &content).expect("the whole file");
    open(whole.path(), "whole again").unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_zeroed_page_is_damage_wherever_it_lies() {
    let whole = lived_in(true);
    let path = whole.path().join("kobe.db");
    let content = fs::read(&path).expect("a database");
    for page in 0..content.len() / 4096 {
        let mut bad = content.clone();
        bad[page * 4096..][..4096].fill(0);
        fs::write(&path, &bad).expect("a bad file");
        is_damage(open(whole.path(), "zeroed"), &format!("page {page} is zero"));
    }
}

#[test]
fn damage_beside_a_sound_log_is_told_and_the_log_stays() {
    let crashed = lived_in(false);
    let path = crashed.path().join("kobe.db");
    let content = fs::read(&path).expect("a database");
    let log = fs::read(crashed.path().join("kobe.db-wal")).expect("a log");
    let mut told = 0;
    for page in 0..content.len() / 4096 {
        let mut bad = content.clone();
        bad[page * 4096..][..4096].fill(0);
        fs::write(&path, &bad).expect("a bad file");
        match open(crashed.path(), &format!("page {page} is zero")) {
            // The log holds a newer version of it.
            Ok(()) => {}
            Err(error) => {
                is_damage(Err(error), &format!("page {page} is zero"));
                told += 1;
            }
        }
        fs::write(crashed.path().join("kobe.db-wal"), &log).expect("the log");
        let _ = fs::remove_file(crashed.path().join("kobe.db-shm"));
    }
    assert!(told > 5, "only {told} damaged pages were seen");
}

#[test]
fn a_turned_bit_is_never_followed_blindly() {
    let whole = lived_in(true);
    let path = whole.path().join("kobe.db");
    let content = fs::read(&path).expect("a database");
    // All of the header; then every so often in the pages, where a bit in a text is only seen by the audit chain.
    let places = (0..100).chain((100..content.len()).step_by(content.len() / 150));
    let mut told = 0;
    for place in places {
        let mut bad = content.clone();
        bad[place] ^= 0x10;
        fs::write(&path, &bad).expect("a bad file");
        match open(whole.path(), &format!("byte {place}")) {
            Ok(()) => {}
            Err(StoreError::Corrupt(_) | StoreError::Newer { .. }) => told += 1,
            // The byte that says whether this version of SQLite may write.
            Err(StoreError::Io(text)) if place == 18 => assert!(text.contains("its header is damaged"), "{text}"),
            Err(other) => panic!("byte {place}: {other}"),
        }
        for name in ["kobe.db-wal", "kobe.db-shm"] {
            let _ = fs::remove_file(whole.path().join(name));
        }
    }
    assert!(told > 40, "only {told} turned bits were seen");
}

#[test]
fn what_is_no_database_of_ours_is_told_so() {
    type Spoil = fn(&Path);
    let other = |path: &Path, sql: &str| {
        let conn = rusqlite::Connection::open(path).expect("a database");
        conn.execute_batch(sql).expect("sound SQL");
    };
    let with_id: Spoil = |path| {
        let conn = rusqlite::Connection::open(path).expect("a database");
        conn.execute_batch("PRAGMA application_id = 1196444487").expect("sound SQL");
    };
    let rows: [(&str, Spoil, &str); 8] = [
        (
            "ours, without a schema",
            |p| {
                let conn = rusqlite::Connection::open(p).expect("a database");
                conn.execute_batch("PRAGMA user_version = 0").expect("sound SQL");
            },
            "it has no schema",
        ),
        ("a text file", |p| fs::write(p, "x".repeat(5000)).expect("a file"), "file is not a database"),
        ("an empty file", |p| fs::write(p, "").expect("a file"), "it is cut to 0 bytes"),
        (
            "a directory",
            |p| {
                fs::remove_file(p).expect("a file");
                fs::create_dir(p).expect("a directory")
            },
            "it is no file",
        ),
        ("another program's database", with_id, "it is the database of another program (application id 0x47504b47)"),
        (
            "a database without a schema",
            |p| {
                fs::remove_file(p).expect("a file");
                rusqlite::Connection::open(p).and_then(|c| c.execute_batch("CREATE TABLE t (x)")).expect("a database");
            },
            "it is the database of another program (application id 0x0)",
        ),
        (
            "a log without its database",
            |p| {
                fs::remove_file(p).expect("a file");
                fs::write(p.with_extension("db-wal"), [1; 5000]).expect("a file");
            },
            "it is gone, but its log (-wal) is there",
        ),
        (
            "other migrations than ours",
            |p| {
                rusqlite::Connection::open(p)
                    .and_then(|c| c.execute_batch("UPDATE migrations SET checksum = 'x'"))
                    .expect("a database");
            },
            "its schema 2 was not made by the migrations of this build",
        ),
    ];
    for (name, spoil, want) in rows {
        let dir = lived_in(true);
        spoil(&dir.path().join("kobe.db"));
        let error = open(dir.path(), name).expect_err(name);
        assert!(error.to_string().contains(want), "{name}: {error}");
        is_damage(Err(error), name);
        assert!(Reader::open(dir.path()).is_err(), "{name}: a reader refuses it too");
    }
    let newer = lived_in(true);
    other(&newer.path().join("kobe.db"), "PRAGMA user_version = 99");
    let error = open(newer.path(), "newer").expect_err("it is too new");
    assert_eq!(error.to_string(), "the database has schema 99, this build knows 2");
    assert!(matches!(Reader::open(newer.path()), Err(StoreError::Newer { found: 99, known: 2 })));
}

#[test]
fn damage_in_the_log_is_told_and_a_torn_end_is_not() {
    let crashed = lived_in(false);
    let (db, log) = (crashed.path().join("kobe.db"), crashed.path().join("kobe.db-wal"));
    let (whole_db, whole) = (fs::read(&db).expect("a database"), fs::read(&log).expect("a log"));
    let frame = 4096 + 24;
    let frames = (whole.len() - 32) / frame;
    // The last frame of each transaction says how many pages the database has then.
    let commits: Vec<usize> = (0..frames).filter(|i| whole[32 + i * frame + 4..][..4] != [0; 4]).collect();
    assert!(commits.len() >= 13, "{} transactions", commits.len());
    let rows = |log: &[u8], name: &str| -> Result<usize, StoreError> {
        fs::write(&db, &whole_db).expect("the database");
        fs::write(crashed.path().join("kobe.db-wal"), log).expect("the log");
        let _ = fs::remove_file(crashed.path().join("kobe.db-shm"));
        open(crashed.path(), name)?;
        let reader = Reader::open(crashed.path()).unwrap_or_else(|e| panic!("{name}: {e}")).expect("a database");
        Ok(reader.runs_from(0, usize::MAX).unwrap_or_else(|e| panic!("{name}: {e}")).len())
    };
    assert_eq!(rows(&whole, "whole").ok(), Some(480));
    let end = |commit: usize| 32 + (commit + 1) * frame;
    let last = commits[commits.len() - 1];
    for cut in [1, 500, frame, frame + 30] {
        let kept = rows(&whole[..end(last) - cut], "torn").unwrap_or_else(|e| panic!("cut by {cut}: {e}"));
        assert_eq!(kept, 440, "cut by {cut}: the torn transaction is gone, and only that");
    }
    for (name, place) in [
        ("the head", 3),
        ("a salt in the head", 17),
        ("the first frame", 32 + 24 + 100),
        ("a salt in a frame", 32 + 4 * frame + 9),
        ("a page number", 32 + 4 * frame + 3),
        ("the middle", whole.len() / 2),
        ("before the last two", end(commits[commits.len() - 3]) - 10),
    ] {
        let mut bad = whole.clone();
        bad[place] ^= 0x40;
        let error = rows(&bad, name).expect_err(name);
        assert!(error.to_string().contains("its log (-wal) is damaged"), "{name}: {error}");
        is_damage(Err(error), name);
    }
}

#[test]
fn a_database_damaged_under_a_running_store_ends_all_writing() {
    let dir = lived_in(true);
    let mut store = SqliteStore::open(dir.path(), &opening()).unwrap_or_else(|e| panic!("{e}"));
    let path = dir.path().join("kobe.db");
    let length = fs::metadata(&path).expect("a file").len();
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    // Everything but the first page becomes zero.
    file.set_len(4096).expect("a cut file");
    file.set_len(length).expect("a hole");
    let first = store.recover().expect_err("the rows are gone");
    assert!(matches!(first, StoreError::Corrupt(_)), "{first}");
    let again = commit(&mut store, &[cursor(0, NOW, 1)]).expect_err("all writing has ended");
    assert_eq!(again.to_string(), first.to_string());
    assert!(store.wishes().is_err(), "and all reading by the engine");
}

/// A state with `runs` runs of a task, closed.
fn closed(runs: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = SqliteStore::open(dir.path(), &opening()).unwrap_or_else(|e| panic!("{e}"));
    let rows: Vec<Change> = (1..=runs).map(|id| Change::Run(completed(run(id, 2, &format!("#{id}"))))).collect();
    commit(&mut store, &rows).unwrap_or_else(|e| panic!("{e}"));
    drop(store);
    dir
}

#[test]
fn files_of_another_state_are_found() {
    let other = lived_in(false);
    let (other_db, other_log) = ("kobe.db", "kobe.db-wal");
    let taken = |state: &Path, name: &str| match SqliteStore::open(state, &opening()) {
        // What may trade is frozen then.
        Ok(store) => assert!(store.moved().is_some(), "{name}: it was taken for ours"),
        Err(OpenError::Store(error)) => is_damage(Err(error), name),
        Err(error) => panic!("{name}: {error}"),
    };
    let swap = |name: &str, files: &[&str]| {
        let ours = closed(700);
        for file in files {
            // Written over, as `cp` does it: the file keeps its number.
            fs::write(ours.path().join(file), fs::read(other.path().join(file)).expect("a file")).expect("a file");
        }
        taken(ours.path(), name);
    };
    swap("the database of another", &[other_db]);
    swap("the log of another", &[other_log]);
    swap("both of another", &[other_db, other_log]);
    let ours = closed(700);
    let theirs = closed(3);
    fs::rename(theirs.path().join("kobe.db"), ours.path().join("kobe.db")).expect("a new name");
    taken(ours.path(), "the database of another, moved");
}

/// Not a test of its own: what the process with few file descriptors does.
#[test]
#[ignore = "started by sixty_four_file_descriptors_are_enough"]
fn lives_with_few_file_descriptors() {
    let Ok(place) = std::env::var("KOBE_STORE_TEST_STATE") else { return };
    let place = Path::new(&place);
    let state = place.join("state");
    let mut store = SqliteStore::open(&state, &opening()).unwrap_or_else(|e| panic!("{e}"));
    let books = store.books().unwrap_or_else(|e| panic!("{e}"));
    let _outbox = store.outbox().unwrap_or_else(|e| panic!("{e}"));
    books.append(0, vec![opened("1.00")]).unwrap_or_else(|e| panic!("{e}"));
    for id in 1..=200 {
        commit(&mut store, &[Change::Run(completed(run(id, 2, &format!("#{id}"))))]).unwrap_or_else(|e| panic!("{e}"));
        Reader::open(&state).unwrap_or_else(|e| panic!("{e}")).expect("a database").run(id).expect("it is read");
    }
    let how = kobe_store::BackingUp { now: at(NOW), build: "kobe", output: true };
    kobe_store::backup(&state, &place.join("b"), &how, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    let how = kobe_store::Restoring { opening: opening(), operator: "ann", reason: "a test" };
    kobe_store::restore(&place.join("b"), &place.join("new"), &how, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
    // Now there is none left at all.
    let mut all = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        all.push(file);
    }
    assert!(all.len() > 30, "only {} were left", all.len());
    for id in 201..=400 {
        commit(&mut store, &[Change::Run(completed(run(id, 2, &format!("#{id}"))))]).unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(Reader::open(&state).is_err(), "a new reader needs one");
    let error = SqliteStore::open(&place.join("new"), &opening()).expect_err("so does an instance");
    assert!(error.to_string().contains("Too many open files"), "{error}");
    drop(all);
    let reader = Reader::open(&state).unwrap_or_else(|e| panic!("{e}")).expect("a database");
    assert_eq!(reader.about().unwrap_or_else(|e| panic!("{e}")).runs, 400);
}

#[test]
fn sixty_four_file_descriptors_are_enough() {
    let place = tempfile::tempdir().expect("a directory");
    let done = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact lives_with_few_file_descriptors --ignored --test-threads=1"])
        .arg(std::env::current_exe().expect("a program"))
        .env("KOBE_STORE_TEST_STATE", place.path())
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
