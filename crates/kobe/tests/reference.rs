//! `docs/reference/cli.md` is what `--help` says.
//!
//! To write the page anew: `KOBE_WRITE_DOCS=1 cargo test -p kobe --test reference`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "../../docs/reference/cli.md";

const HEAD: &str = "\
# Commands

What `kobe --help` says, command by command; a test compares this page with the program. Names of commands and flags, keys of `--json` and exit codes are a contract: more may be added,
none is renamed without a line in the [changelog](../../CHANGELOG.md).

The global options of the first chapter hold for every command and are not repeated. stdout is data, stderr is talk. Times are accepted as RFC 3339, as `YYYY-MM-DD`, or as `YYYY-MM-DDTHH:MM` on the desk's clock.
";

fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kobe"))
        .args(path)
        .arg("--help")
        .env_remove("KOBE_CONFIG")
        .env_remove("KOBE_STATE")
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "kobe {} --help: {}", path.join(" "), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("help is text");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// Drops the paragraph that every command has.
fn without_global_options(help: &str) -> String {
    let paragraphs = help.split("\n\n").filter(|paragraph| !paragraph.starts_with("Global options:"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Returns the commands that a help lists, but for `help` itself.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn write(page: &mut String, path: &[String]) {
    let help = help(path);
    let text = if path.is_empty() { help } else { without_global_options(&help) };
    let name = ["kobe"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    // Top-level commands are chapters, their own commands sections.
    let level = "#".repeat(path.len().clamp(1, 2) + 1);
    let _ = write!(page, "\n{level} {name}\n```text\n{text}\n```\n");
    for command in commands(&text) {
        let deeper: Vec<String> = path.iter().cloned().chain([command]).collect();
        write(page, &deeper);
    }
}

#[test]
fn the_page_of_commands_is_what_help_says() {
    let mut page = HEAD.to_owned();
    write(&mut page, &[]);
    assert!(page.matches("\n## kobe ").count() >= 10, "too few commands:\n{page}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("KOBE_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stored.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert!(
        stored == page,
        "docs/reference/cli.md is out of date from line {}; write it anew with KOBE_WRITE_DOCS=1 cargo test -p kobe --test reference",
        differs.unwrap_or(stored.lines().count().min(page.lines().count())) + 1
    );
}
