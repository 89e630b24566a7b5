//! Attempts to hand to the handler, and FIFOs to wait on: whoever opens one for reading goes on when the other side has opened it for writing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kobe_engine::Attempt;
use kobe_plan::{Catalog, Desk, RunId, Slot, SourceFile, TaskIx};

/// Returns an attempt of a task that starts the given words.
pub fn attempt(argv: &[&str], timeout: &str) -> Attempt {
    let words: Vec<String> = argv.iter().map(|w| format!("{w:?}")).collect();
    let text = format!(
        "[[group]]\nname = \"tests\"\n[[group.task]]\nname = \"probe\"\ncommand = [{}]\nat = \"10:46\"\ntimeout = \"{timeout}\"\nargs = {{ depth = 3 }}\n",
        words.join(", ")
    );
    let file = SourceFile { name: "tests.toml".into(), text };
    let desk = Desk::parse(&[file], &Catalog::new()).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let due = "2026-11-23T15:46:00Z".parse().unwrap();
    Attempt {
        run: RunId(17),
        desk: Arc::new(desk),
        task: TaskIx(0),
        slot: Slot::Manual { id: 0 },
        due,
        attempt: 2,
        catchup: false,
        now: due,
    }
}

/// Makes a FIFO.
pub fn fifo(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo is there").success());
    path
}

/// Waits until someone opens a FIFO for writing, and returns what comes until all of them have closed it.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a FIFO can be read")
}
