//! What the schema offers the reader takes, and the other way round.

use std::collections::BTreeSet;

use super::*;
use crate::desk::{Desk, Problem, SourceFile};

fn read(text: &str) -> Result<Desk, Vec<Problem>> {
    Desk::parse(&[SourceFile { name: "t.toml".into(), text: text.into() }], &Catalog::new())
}

fn of_task(line: &str) -> String {
    format!("[[group]]\nname = \"g\"\n[[group.task]]\nname = \"t\"\ncommand = [\"x\"]\nat = \"10:00\"\n{line}\n")
}

/// Follows references, also where a sentence stands beside one.
fn resolved<'s>(whole: &'s Value, part: &'s Value) -> &'s Value {
    let inner = part["allOf"].as_array().and_then(|list| list.first()).filter(|_| part["type"].is_null());
    match (part["$ref"].as_str(), inner) {
        (Some(name), _) => {
            let name = name.strip_prefix("#/$defs/").expect("a part of this schema");
            let found = &whole["$defs"][name];
            assert!(!found.is_null(), "there is no part {name}");
            resolved(whole, found)
        }
        (None, Some(inner)) => resolved(whole, inner),
        (None, None) => part,
    }
}

/// Returns every word that is offered for a key.
fn offered(whole: &Value, part: &Value) -> Vec<String> {
    let part = resolved(whole, part);
    let own = part["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let deeper = part["anyOf"].as_array().into_iter().flatten().flat_map(|part| offered(whole, part));
    own.chain(deeper).collect()
}

#[test]
fn every_key_is_described() {
    let whole = schema(&Catalog::new());
    let defs = &whole["$defs"];
    let tables = [
        ("a file", &whole, FILE_KEYS.to_vec()),
        ("a lane", &defs["lane_size"], LANE_KEYS.to_vec()),
        ("a window", &defs["window"], WINDOW_KEYS.to_vec()),
        ("an entry of at", &defs["firing"], AT_KEYS.to_vec()),
        ("a group", &defs["group_table"], [GROUP_KEYS, SHARED].concat()),
        ("a task", &defs["task"], [TASK_KEYS, SHARED].concat()),
    ];
    for (name, table, keys) in tables {
        let properties = table["properties"].as_object().expect("properties");
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(described, keys.iter().copied().collect(), "{name}");
        for (key, part) in properties {
            let says =
                |part: &Value| part["description"].as_str().is_some_and(|s| s.ends_with('.') || s.ends_with(']'));
            let own = part["$ref"].as_str().is_none();
            let sentence = if own { says(part) } else { says(&defs[key]) };
            assert!(sentence, "{name}: `{key}` has no sentence: {part}");
        }
    }
}

#[test]
fn every_word_that_is_offered_is_read() {
    let whole = schema(&Catalog::new());
    let mut tried = 0;
    for key in SHARED {
        for word in offered(&whole, &part(key)) {
            let text = of_task(&format!("{key} = \"{word}\""));
            // What follows from the word is another matter: a time on the clock cannot keep its distance from the open.
            let unknown = |p: &Problem| p.message.starts_with("unknown") || p.message.contains("must be");
            if let Err(problems) = read(&text) {
                assert!(!problems.iter().any(unknown), "{key} = {word}: {}", problems[0]);
            }
            tried += 1;
        }
    }
    assert!(tried > 60, "only {tried} words");
}

#[test]
fn every_word_that_is_read_is_offered() {
    let whole = schema(&Catalog::new());
    let keys =
        ["days", "on_half_day", "on_holiday", "phases", "modes", "tags", "lane", "right", "gap", "fold", "severity"];
    for key in keys {
        let problems = read(&of_task(&format!("{key} = \"zzzzzzzzzzzz\""))).expect_err("no word");
        let hint = problems[0].hint.clone().expect("a hint");
        let known = hint.strip_prefix("known: ").unwrap_or_else(|| panic!("{key}: {hint}"));
        let offered = offered(&whole, &part(key));
        for word in known.replace("or a list of ", "").split(", ") {
            assert!(offered.iter().any(|o| o == word), "{key}: `{word}` is not offered");
        }
    }
    let lanes = whole["properties"]["lanes"]["properties"].as_object().expect("lanes");
    assert!(Lane::ALL.iter().all(|lane| lanes.contains_key(lane.word())));
}
