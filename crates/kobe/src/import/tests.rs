//! What single files and entries come to, told in short words.

use super::kobe_state::KNOWN;
use super::*;

const DESK: &str = "[[group]]\nname = \"g\"\n[[group.task]]\nname = \"scan\"\ncommand = [\"x\"]\nat = \"10:00\"\n[[group.task]]\nname = \"tidy\"\ncommand = [\"x\"]\ncooldown = \"1h\"\n";

/// Monday 2026-11-23, 10:00 in New York.
const NOW: &str = "2026-11-23T15:00:00Z";

fn findings(file: &str, bytes: &[u8]) -> Findings {
    let files = [kobe_plan::SourceFile { name: "t.toml".into(), text: DESK.into() }];
    let desk = crate::desk_files::parse(&files).unwrap_or_else(|p| panic!("{}", p[0]));
    let market = Market::bundled().expect("bundled rules are sound");
    let known = KNOWN.iter().find(|known| known.path.ends_with(file)).unwrap_or_else(|| panic!("no file {file}"));
    read(known.reading, bytes, &Context { desk: &desk, market: &market, now: NOW.parse().expect("an instant") })
}

/// Says findings in short words: `+` taken, `-` not, `~` taken otherwise, `!` for a person.
fn told(found: &Findings) -> String {
    let left = |mark: &str, list: &[Left]| -> Vec<String> {
        list.iter().map(|left| format!("{mark} {}: {}", left.place, left.why)).collect()
    };
    let mut lines: Vec<String> = found.taken.iter().map(|t| format!("+ {}: {}", t.place, t.what)).collect();
    lines.extend(left("~", &found.notes));
    lines.extend(left("-", &found.left));
    lines.extend(found.attention.iter().map(|line| format!("! {line}")));
    if found.damaged {
        lines.push("damaged".into());
    }
    lines.join("\n")
}

#[test]
fn entries_are_taken_or_told() {
    let last = |stamp: &str| format!("{{\"last_execution\": {{\"scan\": {stamp}}}}}");
    let queue = |task: &str| format!("{{\"tasks\": [{task}]}}");
    let list = |entry: &str| format!("{{\"for_date\": \"2026-11-24\", \"watchlist\": [{entry}]}}");
    let rows: Vec<(&str, &str, String, &str)> = vec![
        (
            "a last run with its offset",
            "scheduler_state.json",
            last("\"2026-11-23T09:30:00-05:00\""),
            "+ last_execution.scan: last ran 2026-11-23T14:30:00Z",
        ),
        (
            "a last run in UTC, written with a blank",
            "scheduler_state.json",
            last("\"2026-11-23 14:30:00+00:00\""),
            "+ last_execution.scan: last ran 2026-11-23T14:30:00Z",
        ),
        (
            "a last run without an offset is New York's",
            "scheduler_state.json",
            last("\"2026-07-01T09:30:00.5\""),
            "+ last_execution.scan: last ran 2026-07-01T13:30:00.5Z\n~ last_execution.scan: `2026-07-01T09:30:00.5` has no offset: read as New York's time",
        ),
        (
            "a time that exists twice is the first",
            "scheduler_state.json",
            last("\"2026-11-01T01:30:00\""),
            "+ last_execution.scan: last ran 2026-11-01T05:30:00Z\n~ last_execution.scan: `2026-11-01T01:30:00` has no offset: read as New York's time, where that time exists twice: the first of the two",
        ),
        (
            "a time that does not exist is the first after it",
            "scheduler_state.json",
            last("\"2026-03-08T02:30:00\""),
            "+ last_execution.scan: last ran 2026-03-08T07:00:00Z\n~ last_execution.scan: `2026-03-08T02:30:00` has no offset: read as New York's time, where that time does not exist: the first after it",
        ),
        (
            "a clock that was ahead",
            "scheduler_state.json",
            last("\"2026-11-23T11:00:00-05:00\""),
            "- last_execution.scan: `2026-11-23T11:00:00-05:00` lies after now (2026-11-23T15:00:00Z)",
        ),
        ("two clocks a little apart", "scheduler_state.json", last("\"2026-11-23T15:00:03Z\""), "+ last_execution.scan: last ran 2026-11-23T15:00:03Z"),
        (
            "the first day of all stands for never",
            "scheduler_state.json",
            last("\"0001-01-01T00:00:00\""),
            "- last_execution.scan: `0001-01-01T00:00:00` lies before 2000: it stands for never",
        ),
        ("nothing is no time, and no mistake", "scheduler_state.json", last("null"), ""),
        ("a number is no time", "scheduler_state.json", last("1795446000"), "- last_execution.scan: it is a number, expected a time"),
        ("a word is no time", "scheduler_state.json", last("\"yesterday\""), "- last_execution.scan: `yesterday` is no time"),
        ("a date is no time", "scheduler_state.json", last("\"2026-11-20\""), "- last_execution.scan: `2026-11-20` is a date without a time"),
        (
            "a task that this desk does not have",
            "scheduler_state.json",
            "{\"last_execution\": {\"scann\": \"2026-11-20T10:00:00-05:00\"}}".into(),
            "- last_execution.scann: this desk has no such task",
        ),
        (
            "slots of the past stay where they are",
            "scheduler_state.json",
            "{\"last_execution\": {}, \"runs\": {\"2026-11-20|10:00|scan\": \"ok\"}, \"layout\": 3}".into(),
            "- runs: 1 slot of the predecessor: rows of runs are only written by the machine that ran them\n- layout: this import does not know the key",
        ),
        ("a state without its heart", "scheduler_state.json", "{}".into(), "- last_execution: the key is missing"),
        (
            "a task that was running",
            "task_queue.json",
            queue("{\"id\": \"tidy\", \"status\": \"running\", \"last_run\": \"2026-11-23T09:00:00-05:00\", \"run_count\": 12}"),
            "+ tasks[0] tidy: last ran 2026-11-23T14:00:00Z, 12 runs\n~ tasks[0] tidy.status: it was running when the file was written; nothing goes on from there",
        ),
        (
            "counts and states that are none",
            "task_queue.json",
            queue("{\"id\": \"tidy\", \"status\": \"asleep\", \"run_count\": -1, \"retry_count\": 1.5, \"mood\": 1}"),
            "+ tasks[0] tidy: never ran\n- tasks[0] tidy.run_count: it is a number, expected a count\n- tasks[0] tidy.retry_count: it is a number, expected a count\n- tasks[0] tidy.status: it is no state of a task\n- tasks[0] tidy.mood: this import does not know the key",
        ),
        (
            "the same task twice, one without a name, one that is none",
            "task_queue.json",
            queue("{\"id\": \"tidy\"}, {\"id\": \"tidy\"}, {\"status\": \"pending\"}, 7"),
            "+ tasks[0] tidy: never ran\n- tasks[1] tidy: the id stands there twice: the first is taken\n- tasks[2]: it has no id, so nobody knows which task it is\n- tasks[3]: it is a number, expected an object",
        ),
        (
            "a heart that still beats",
            "heartbeat.json",
            "{\"timestamp\": \"2026-11-23T09:59:20-05:00\", \"alive\": true, \"cycles\": 3}".into(),
            "+ cycles: 3\n+ timestamp: 2026-11-23T14:59:20Z\n! the predecessor seems to be alive: its heart beat 40 s ago; stop it before this desk runs, or both will act",
        ),
        (
            "a heart that has stopped",
            "heartbeat.json",
            "{\"timestamp\": \"2026-11-23T09:54:59-05:00\", \"alive\": true, \"cycles\": 3}".into(),
            "+ cycles: 3\n+ timestamp: 2026-11-23T14:54:59Z",
        ),
        (
            "a discovery without a time, and one without words",
            "discoveries.json",
            "[{\"type\": \"edge\", \"description\": \"a\\nb\"}, {\"type\": \"edge\"}]".into(),
            "+ [0]: edge: a\u{fffd}b\n~ [0]: it has no time\n- [1]: it has no type or no description",
        ),
        (
            "a line of the log, one that is none, and one that was cut",
            "discoveries.log",
            "2026-11-20T20:00:00-05:00 | edge | a | b | source=x | improvement=6.1% | confidence=-\nTraceback:\n2026-11-20T20:00:00-05:00 | ed".into(),
            "+ line 1: edge: a | b\n- line 2: it is no line of this log\n- line 3: the line was cut",
        ),
        (
            "a name to watch",
            "next_day.json",
            list("{\"symbol\": \"AAA\", \"entry_price\": 100.5, \"stop_loss\": 97}"),
            "+ watchlist[0] AAA: entry 100.5, stop 97",
        ),
        (
            "names that cannot be watched",
            "next_day.json",
            list("{\"symbol\": \"a b\"}, {\"symbol\": \"AAA\", \"entry_price\": 1}, {\"symbol\": \"BBB\", \"entry_price\": 1, \"stop_loss\": 2}, 3"),
            "- watchlist[0] a b: `a b` is no symbol\n- watchlist[1] AAA: its stop_loss is no price\n- watchlist[2] BBB: its stop 2 is not below its entry 1\n- watchlist[3] : it is no object",
        ),
        (
            "a position is told and never booked",
            "positions.json",
            "{\"positions\": {\"AAA\": {\"qty\": 40, \"avg_price\": 99.5, \"stop_loss\": 96.5}}}".into(),
            "- positions.AAA: 40 shares of AAA, bought at 99.5, stop 96.5: books take a position only from the fills that made it; buy and stop must be confirmed by hand\n! 40 shares of AAA are open at the predecessor and are not in the books of this desk",
        ),
        (
            "a position of nobody knows how much",
            "positions.json",
            "{\"positions\": {\"AAA\": {\"qty\": \"many\"}, \"BBB\": {\"qty\": 0}}}".into(),
            "~ positions.BBB: no share is held\n- positions.AAA: an unknown number of shares of AAA, bought at unknown, stop unknown: books take a position only from the fills that made it; buy and stop must be confirmed by hand\n! an unknown number of shares of AAA are open at the predecessor and are not in the books of this desk",
        ),
        (
            "a switch in plain text",
            "KILL_SWITCH",
            "no answer\n".into(),
            "- the whole file: a switch is pulled where it is to stop orders\n! the kill switch of the predecessor is pulled (no answer): find out why before this desk trades",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, file, text, expected) in rows {
        let found = told(&findings(file, text.as_bytes()));
        if found != expected {
            wrong.push(format!("{name}:\nexpected\n{expected}\nfound\n{found}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn damaged_files_are_told_with_their_place() {
    let rows: &[(&str, &str, &[u8], &str, &str)] = &[
        ("an empty file", "scheduler_state.json", b"", "line 1", "it is empty"),
        ("only blanks", "scheduler_state.json", b" \n ", "line 1", "it is empty"),
        (
            "a cut file",
            "scheduler_state.json",
            b"{\"last_execution\":\n {\"scan\": \"20",
            "line 2, column 13",
            "it ends in the middle: it was cut while it was written",
        ),
        ("a zeroed file", "task_queue.json", &[0; 64], "line 1", "it holds NUL bytes, as a file does after a crash"),
        ("bytes that are no text", "task_queue.json", b"{\n\"a\": \"\xff\"}", "line 2", "it is not UTF-8 text"),
        (
            "a number that is none",
            "discoveries.json",
            b"[{\"a\": NaN}]",
            "line 1, column 8",
            "NaN and Infinity, which Python writes, are no JSON",
        ),
        (
            "the repr of Python",
            "brain_state.json",
            b"{'a': 1}",
            "line 1, column 2",
            "it is no JSON: key must be a string",
        ),
        ("two files in one", "brain_state.json", b"{} {}", "line 1, column 4", "it is no JSON: trailing characters"),
        ("a list in place of an object", "brain_state.json", b"[]", "line 1", "it is a list, expected an object"),
        ("an object in place of a list", "discoveries.json", b"{}", "line 1", "it is an object, expected a list"),
    ];
    let mut wrong = Vec::new();
    for (name, file, bytes, place, why) in rows {
        let found = findings(file, bytes);
        let Left { place: at, why: because, hint } = found.left.first().cloned().expect("something is told");
        if !found.damaged || found.body.is_some() || hint.is_none() || (at.as_str(), because.as_str()) != (*place, *why)
        {
            wrong.push(format!("{name}: {at}: {because} (damaged: {})", found.damaged));
        }
    }
    let deep = "[".repeat(10_000);
    assert!(findings("discoveries.json", deep.as_bytes()).damaged, "a nest without end is refused, not followed");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_mark_at_the_beginning_says_nothing() {
    let found = findings("brain_state.json", "\u{feff}{\"cycles_completed\": 7}".as_bytes());
    assert_eq!(told(&found), "+ cycles_completed: 7\n~ line 1: it begins with a byte order mark, which says nothing");
}
