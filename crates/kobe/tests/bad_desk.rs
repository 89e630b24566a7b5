//! Bad desk files: each mistake with its place, its cause and what to do.

mod common;

use common::Place;

const HEAD: &str = "[[group]]\nname = \"g\"\n\n";

fn task(text: &str) -> String {
    format!("{HEAD}[[group.task]]\n{text}")
}

/// What `check` says of a desk file, and that `plan` refuses the desk with the same words.
fn checked(content: impl AsRef<[u8]>) -> String {
    let place = Place::new();
    place.write("desk/bad.toml", content);
    let answer = place.kobe(&["check", "--at", "2026-11-23"]);
    let plan = place.kobe(&["plan", "--on", "2026-11-23"]);
    if answer.code == Some(1) {
        assert_eq!((plan.code, plan.stdout.as_str()), (Some(1), ""), "a desk with mistakes is not planned");
        let problems = answer.stdout.rsplit_once("not sound").expect("a verdict").0;
        assert_eq!(plan.stderr, problems);
    } else {
        assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    }
    answer.seen(&place)
}

macro_rules! mistakes {
    ($($name:ident: $content:expr;)+) => { $( #[test] fn $name() { insta::assert_snapshot!(checked($content)); } )+ };
}

mistakes! {
    unknown_key: task("name = \"a\"\ncommand = [\"true\"]\nat = \"10:46\"\nprioritty = 1\n");
    unknown_key_in_a_group: "[[group]]\nname = \"g\"\ndayz = \"weekdays\"\n";
    duplicate_name: format!("{}\n[[group.task]]\nname = \"a\"\ncommand = [\"true\"]\nat = \"11:00\"\n", task("name = \"a\"\ncommand = [\"true\"]\nat = \"10:46\"\n"));
    no_such_time: task("name = \"a\"\ncommand = [\"true\"]\nat = \"25:61\"\n");
    unknown_function: task("name = \"a\"\ncall = \"scan_univers\"\nat = \"10:46\"\n");
    unknown_phase: task("name = \"a\"\ncommand = [\"true\"]\ncooldown = \"30m\"\nphases = [\"market_mornin\"]\n");
    never_firing_date: task("name = \"a\"\ncommand = [\"true\"]\ncron = \"30 2 30 2 *\"\n");
    never_firing_past: task("name = \"a\"\ncommand = [\"true\"]\nonce = \"2020-01-01T09:00\"\n");
    no_trigger: task("name = \"a\"\ncommand = [\"true\"]\n");
    colliding: format!("{}\n[[group.task]]\nname = \"b\"\ncommand = [\"true\"]\nat = \"10:46\"\n", task("name = \"a\"\ncommand = [\"true\"]\nat = \"10:46\"\n"));
    nul_bytes: b"[[group]]\nname = \"g\0\"\n";
    not_utf8: b"# gr\xc3\xbc\xc3\x9fe\n[[group]]\nname = \"g\xff\"\n";
    not_toml: "[[group]\nname = \"g\"\n";
    several_at_once: task("name = \"a\"\ncommand = [\"true\"]\nat = \"25:61\"\ntimout = \"3s\"\nlane = \"tradin\"\n");
    empty_file: "";
}

#[test]
fn places_where_there_is_no_desk_are_named() {
    let place = Place::new();
    place.write("empty/notes.txt", "nothing");
    place.write("file.toml", "");
    let mut seen = String::new();
    for directory in ["missing", "empty", "file.toml"] {
        seen.push_str(&place.kobe(&["--config", directory, "plan", "--on", "2026-11-23"]).seen(&place));
        seen.push('\n');
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn files_can_be_checked_by_themselves_as_one_desk() {
    let place = Place::new();
    place.write("one.toml", "[windows.dawn]\nfrom = \"05:00\"\nto = \"06:00\"\n");
    place.write("two.toml", task("name = \"a\"\ncommand = [\"true\"]\nevery = \"10m\"\nwithin = \"dawn\"\n"));
    let whole = place.kobe(&["check", "one.toml", "two.toml", "--at", "2026-11-23"]);
    assert_eq!((whole.code, whole.stdout.as_str()), (Some(0), "sound: 1 task, 0 warnings\n"));
    let part = place.kobe(&["check", "two.toml", "--at", "2026-11-23", "--json"]);
    assert_eq!(part.code, Some(1));
    let told = part.json();
    let error = &told["errors"][0];
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some("two.toml"), Some(8)));
    assert!(error["message"].as_str().is_some_and(|m| m.contains("`dawn`")) && error["hint"].is_string());
    assert_eq!(told["warnings"].as_array().map(Vec::len), Some(0));
}
