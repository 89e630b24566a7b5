//! What the pages show is what the program prints.
//!
//! A block marked `console` in a page below is run line by line, in a directory of its own: `$ kobe …`, or `$ cargo run --release --locked -- …`, which is the same program here. The lines after a
//! command are its stdout, then its stderr. A line `...` stands for any number of lines; seconds that something took, and the width of the gap in a line, do not count. Other commands are not run.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: &[&str] = &["README.md", "docs/start/first-light.md"];
const CARGO: &str = "cargo run --release --locked -- ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the clone is there")
}

/// Cuts a command line into words; quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let (mut found, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => found.push(String::new()),
            c => found.last_mut().expect("there is always a word").push(c),
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

/// Makes lines comparable: one space for any gap, `0.0 s` for any time taken.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_time = |i: usize| {
        let seconds = words[i].parse::<f64>().is_ok() && words[i].contains('.');
        seconds && words.get(i + 1).is_some_and(|unit| unit.trim_end_matches([',', ';']) == "s")
    };
    let plain: Vec<&str> = (0..words.len()).map(|i| if is_time(i) { "0.0" } else { words[i] }).collect();
    plain.join(" ")
}

/// Tells whether what was printed fits what a page shows.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == "..." => (0..=printed.len()).any(|skip| fits(rest, &printed[skip..])),
        [line, rest @ ..] => printed.first() == Some(line) && fits(rest, &printed[1..]),
    }
}

struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

/// Returns the commands of every `console` block of a page, block by block.
fn blocks(page: &str) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<Step>> = None;
    for (i, line) in page.lines().enumerate() {
        match (&mut open, line) {
            (None, "```console") => open = Some(Vec::new()),
            (Some(_), "```") => found.extend(open.take()),
            (Some(steps), line) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { line: i + 1, command: command.to_owned(), shown: Vec::new() }),
                (None, Some(step)) => step.shown.push(plain(line)),
                (None, None) => panic!("line {}: a block begins with a command", i + 1),
            },
            (None, _) => {}
        }
    }
    found
}

#[test]
fn the_pages_show_what_the_program_prints() {
    let mut run = 0;
    let mut wrong = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(root().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"));
        let place = tempfile::tempdir().expect("a directory");
        // What a page names by a relative path lies in the clone; what it writes stays here.
        for name in ["examples", "desk"] {
            std::os::unix::fs::symlink(root().join(name), place.path().join(name)).expect("a link");
        }
        for step in blocks(&text).into_iter().flatten() {
            let Some(args) = step.command.strip_prefix(CARGO).or_else(|| step.command.strip_prefix("kobe ")) else {
                continue;
            };
            run += 1;
            let output = Command::new(env!("CARGO_BIN_EXE_kobe"))
                .args(words(args))
                .current_dir(place.path())
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("USER", "tester")
                .output()
                .expect("the program starts");
            let both = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
            let mut printed: Vec<String> = both.lines().map(plain).collect();
            let mut shown = step.shown;
            for lines in [&mut printed, &mut shown] {
                while lines.last().is_some_and(String::is_empty) {
                    lines.pop();
                }
            }
            if !fits(&shown, &printed) {
                wrong.push(format!("{page}:{}: $ {}\nprints\n{both}", step.line, step.command));
            }
        }
    }
    assert!(run >= 5, "only {run} commands were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn lines_are_compared_by_their_words() {
    let lines = |text: &[&str]| -> Vec<String> { text.iter().map(|line| plain(line)).collect() };
    let rows: [(&[&str], &[&str], bool); 6] = [
        (&["a  b"], &["a b"], true),
        (&["done in 1.2 s"], &["done in 27.94 s"], true),
        (&["done in 1.2 s"], &["gone in 1.2 s"], false),
        (&["...", "z"], &["a", "b", "z"], true),
        (&["a", "..."], &["a"], true),
        (&["a"], &["a", "b"], false),
    ];
    for (shown, printed, fit) in rows {
        assert_eq!(fits(&lines(shown), &lines(printed)), fit, "{shown:?} against {printed:?}");
    }
    assert_eq!(words("simulate --reason \"two words\"  x"), ["simulate", "--reason", "two words", "x"]);
}
