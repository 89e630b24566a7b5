//! The JSON Schema of desk files: what is sound fits it, what is not does not. A checker of the few words of JSON Schema that it uses stands at the end of this file.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Place;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    let answer = Place::new().kobe(&["schema"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    answer.json()
}

/// Reads TOML as editors do: dates and times become texts.
fn toml(text: &str) -> Value {
    fn plain(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(at) => json!(at.to_string()),
            toml::Value::Array(list) => list.into_iter().map(plain).collect(),
            toml::Value::Table(table) => Value::Object(table.into_iter().map(|(k, v)| (k, plain(v))).collect()),
            other => serde_json::to_value(other).expect("plain values are JSON"),
        }
    }
    plain(toml::Value::Table(text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"))))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "toml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_sound_file_fits() {
    let schema = schema();
    let mut all: Vec<(String, String)> = ["desk", "examples"]
        .iter()
        .flat_map(|name| files(&root().join(name)))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("a file")))
        .collect();
    all.push(("the small desk".into(), include_str!("desks/small/desk.toml").into()));
    let page = fs::read_to_string(root().join("docs/reference/desk-files.md")).expect("the page is there");
    for (i, block) in page.split("```toml\n").skip(1).enumerate() {
        let block = block.split("\n```").next().expect("a block ends");
        all.push((format!("block {i} of desk-files.md"), block.into()));
    }
    assert!(all.len() > 20, "only {} files", all.len());
    for (name, text) in all {
        let wrong = misfits(&schema, &schema, &toml(&text), "");
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn what_does_not_fit_is_refused_by_the_reader_too() {
    let task = |lines: &str| format!("[[group]]\nname = \"g\"\n[[group.task]]\nname = \"t\"\n{lines}\n");
    let rows: Vec<(&str, String)> = vec![
        ("an unknown key of a file", "nmae = \"x\"\n".into()),
        ("an unknown key of a group", "[[group]]\nname = \"g\"\ntilte = \"x\"\n".into()),
        ("an unknown key of a task", task("call = \"scan_universe\"\nat = \"10:00\"\nprioritty = \"high\"")),
        ("an unknown lane", "[lanes.night]\nworkers = 1\n".into()),
        ("too many workers", "[lanes.trading]\nworkers = 65\n".into()),
        ("a window without its end", "[windows.w]\nfrom = \"10:00\"\n".into()),
        ("an unknown function", task("call = \"scan_univers\"\nat = \"10:00\"")),
        ("an unknown function to wait for", task("call = \"scan_universe\"\nat = \"10:00\"\nafter = [\"x\"]")),
        ("nothing to do", task("at = \"10:00\"")),
        ("two things to do", task("call = \"scan_universe\"\ncommand = [\"x\"]\nat = \"10:00\"")),
        ("no trigger", task("call = \"scan_universe\"")),
        ("two triggers", task("call = \"scan_universe\"\nat = \"10:00\"\ncron = \"0 9 * * *\"")),
        ("a window without steps", task("call = \"scan_universe\"\nat = \"10:00\"\nwithin = \"w\"")),
        ("a time that does not exist", task("call = \"scan_universe\"\nat = \"25:00\"")),
        ("a time without quotes", task("call = \"scan_universe\"\nat = 1000")),
        ("no time at all", task("call = \"scan_universe\"\nat = []")),
        ("an entry without its time", task("call = \"scan_universe\"\nat = [{ priority = \"high\" }]")),
        ("a length without its unit", task("call = \"scan_universe\"\nevery = \"15\"")),
        ("units in the wrong order", task("call = \"scan_universe\"\nevery = \"5m1h\"")),
        ("a venue without a moment", task("call = \"scan_universe\"\non = \"XTKS\"")),
        ("a bell that no session has", task("call = \"scan_universe\"\non = \"XTKS brake_end\"")),
        ("a session of no period", task("call = \"scan_universe\"\non = \"XTKS open 3rd session of decade\"")),
        ("an unknown phase to enter", task("call = \"scan_universe\"\non = \"XNYS enter lunch\"")),
        ("a moment and a time", task("call = \"scan_universe\"\non = \"XTKS open\"\nat = \"10:00\"")),
        (
            "an end to count from without a session",
            task("call = \"scan_universe\"\nevery = \"15m\"\nalign = \"close\""),
        ),
        ("an unknown day", task("call = \"scan_universe\"\nat = \"10:00\"\ndays = [\"mo\"]")),
        ("an unknown phase", task("call = \"scan_universe\"\nat = \"10:00\"\nphases = [\"lunch\"]")),
        ("an unknown tag", task("call = \"scan_universe\"\nat = \"10:00\"\ntags = [\"!opx\"]")),
        ("an unknown urgency", task("call = \"scan_universe\"\nat = \"10:00\"\npriority = \"urgent\"")),
        ("an urgency past ten", task("call = \"scan_universe\"\nat = \"10:00\"\npriority = 11")),
        ("an unknown right", task("call = \"scan_universe\"\nat = \"10:00\"\nright = \"sell\"")),
        ("a stage past seven", task("call = \"scan_universe\"\nat = \"10:00\"\nstage = 8")),
        ("an unknown way to catch up", task("call = \"scan_universe\"\nat = \"10:00\"\ncatch_up = \"all\"")),
        ("an unknown way to overlap", task("call = \"scan_universe\"\nat = \"10:00\"\noverlap = \"queue\"")),
        ("a limit that is none", task("call = \"scan_universe\"\nat = \"10:00\"\nuseless_after = \"10m\"")),
        ("a program as one text", task("command = \"ls -l\"\nat = \"10:00\"")),
        ("a yes in quotes", task("call = \"scan_universe\"\nat = \"10:00\"\nheavy = \"yes\"")),
        ("an unknown loudness", task("call = \"scan_universe\"\nat = \"10:00\"\nseverity = \"loud\"")),
        ("a name with a blank", task("").replace("\"t\"", "\"a b\"") + "call = \"scan_universe\"\nat = \"10:00\"\n"),
    ];
    let schema = schema();
    for (name, text) in rows {
        assert!(!misfits(&schema, &schema, &toml(&text), "").is_empty(), "{name}: the schema takes it\n{text}");
        let place = Place::with_desk(&text);
        let answer = place.kobe(&["check", "--json"]);
        assert_eq!(answer.code, Some(1), "{name}: the reader takes it\n{text}\n{}", answer.stdout);
    }
}

#[test]
fn editors_find_it_beside_the_files_and_the_desk_stays_the_same() {
    let place = Place::new();
    let written = place.kobe(&["init", "mine", "--json"]).json();
    assert_eq!(written["editor"], json!(["desk.schema.json", ".taplo.toml"]));
    let beside: Value = serde_json::from_str(&place.read("mine/desk.schema.json")).expect("JSON");
    assert_eq!(beside, schema());
    assert_eq!(toml(&place.read("mine/.taplo.toml")), json!({ "schema": { "path": "./desk.schema.json" } }));
    let told = place.kobe(&["diff", "built-in", "mine", "--from", "2026-11-23", "--exit-code", "--json"]);
    let told = (told.code, told.json());
    assert_eq!((told.0, &told.1["a"]["hash"]), (Some(0), &told.1["b"]["hash"]), "one configuration");
    // What an operator has put there is not overwritten.
    place.write("other/.taplo.toml", "# mine\n");
    assert_eq!(place.kobe(&["init", "other", "--json"]).json()["editor"], json!(["desk.schema.json"]));
    assert_eq!(place.read("other/.taplo.toml"), "# mine\n");
}

/// Says where a value does not fit a schema. Knows what this schema uses and fails on any other word, so that nothing is passed over.
fn misfits(whole: &Value, part: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(rules) = part.as_object() else {
        return if *part == json!(true) { Vec::new() } else { vec![format!("{at}: may not stand here")] };
    };
    let mut wrong = Vec::new();
    let mut say = |what: String| wrong.push(format!("{at}: {what}"));
    let list = |rule: &Value| rule.as_array().expect("a list of schemas").clone();
    let fits = |rule: &Value| misfits(whole, rule, value, at).is_empty();
    let mut deeper: Vec<String> = Vec::new();
    for (word, rule) in rules {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|r| r.strip_prefix("#/$defs/")).expect("a part of this schema");
                deeper.extend(misfits(whole, &whole["$defs"][name], value, at));
            }
            "type" => {
                let is = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                if rule != is {
                    say(format!("{is} in place of {rule}"));
                }
            }
            "const" if rule != value => say(format!("not {rule}")),
            "enum" if !list(rule).contains(value) => say(format!("{value} is none of the words")),
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().expect("a pattern")).expect("a sound pattern");
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    say(format!("{value} is not of the form {rule}"));
                }
            }
            "minLength"
                if value.as_str().is_some_and(|t| (t.chars().count() as u64) < rule.as_u64().expect("a count")) =>
            {
                say("too short".into());
            }
            "minItems" if value.as_array().is_some_and(|l| (l.len() as u64) < rule.as_u64().expect("a count")) => {
                say("too few".into());
            }
            "minimum" if value.as_i64().is_some_and(|n| n < rule.as_i64().expect("a number")) => {
                say("too small".into())
            }
            "maximum" if value.as_i64().is_some_and(|n| n > rule.as_i64().expect("a number")) => {
                say("too large".into())
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    deeper.extend(misfits(whole, rule, item, &format!("{at}[{i}]")));
                }
            }
            "required" => {
                for key in list(rule) {
                    if value.is_object() && value.get(key.as_str().expect("a key")).is_none() {
                        say(format!("{key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().expect("properties") {
                    if let Some(value) = value.get(key) {
                        deeper.extend(misfits(whole, rule, value, &format!("{at}.{key}")));
                    }
                }
            }
            "additionalProperties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if rules.get("properties").and_then(|p| p.get(key)).is_none() {
                        deeper.extend(misfits(whole, rule, value, &format!("{at}.{key}")));
                    }
                }
            }
            "allOf" => list(rule).iter().for_each(|rule| deeper.extend(misfits(whole, rule, value, at))),
            "anyOf" if !list(rule).iter().any(fits) => say("fits none of several forms".into()),
            "oneOf" if list(rule).iter().filter(|rule| fits(rule)).count() != 1 => {
                say("not exactly one of several".into())
            }
            "not" if fits(rule) => say("must not fit".into()),
            "const" | "enum" | "minLength" | "minItems" | "minimum" | "maximum" | "anyOf" | "oneOf" | "not" => {}
            other => panic!("this checker does not know `{other}`"),
        }
    }
    wrong.extend(deeper);
    wrong
}
