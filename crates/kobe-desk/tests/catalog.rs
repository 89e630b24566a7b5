//! Every row of the function table equals its row in `tests/golden/functions.csv`.

use std::collections::{BTreeMap, BTreeSet};

use kobe_desk::functions::{self, Function, Group, Run};

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/functions.csv"));

/// Splits one line of CSV; quotes hide commas, doubled quotes are one.
fn fields(line: &str) -> Vec<String> {
    let (mut found, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = found.last_mut().expect("there is always a field");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(String::new()),
            c => field.push(c),
        }
    }
    found
}

/// Returns the golden rows in order, each as column -> value.
fn golden() -> Vec<BTreeMap<&'static str, String>> {
    let mut lines = GOLDEN.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let rows: Vec<_> = lines
        .map(|line| {
            let fields = fields(line);
            assert_eq!(fields.len(), header.len(), "a golden row of another width: {line}");
            header.iter().copied().zip(fields).collect()
        })
        .collect();
    assert_eq!(rows.len(), 246, "the golden table has 204 functions and 42 recurring ones");
    rows
}

/// Writes an entry as the golden table would.
fn row(f: &Function) -> BTreeMap<&'static str, String> {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let same_as = match f.run {
        Run::SameAs(other) => other,
        Run::Built(_) | Run::NotBuilt => "",
    };
    BTreeMap::from([
        ("function", f.name.to_owned()),
        ("group", f.group.to_string()),
        ("lane", f.lane.to_string()),
        ("trade_right", f.right.letter().to_string()),
        ("session_bound", yes(f.session_bound)),
        ("heavy", yes(f.heavy)),
        ("timeout_s", f.timeout_s.to_string()),
        ("stage", f.stage.map_or(String::new(), |stage| stage.to_string())),
        ("depends_on", f.after.join("|")),
        ("artifact", f.leaves.to_owned()),
        ("same_as", same_as.to_owned()),
    ])
}

#[test]
fn every_column_of_every_function_equals_the_golden_table() {
    let golden = golden();
    let mut differences = Vec::new();
    for expected in &golden {
        let name = &expected["function"];
        let Some(function) = functions::find(name) else {
            differences.push(format!("{name}: not in the table"));
            continue;
        };
        let actual = row(function);
        assert!(actual.keys().eq(expected.keys()), "the golden table has other columns: {:?}", expected.keys());
        for (column, value) in expected {
            if actual[column] != *value {
                differences.push(format!("{name}: {column} is `{}`, the golden table says `{value}`", actual[column]));
            }
        }
    }
    let known: BTreeSet<&str> = golden.iter().map(|row| row["function"].as_str()).collect();
    differences.extend(
        functions::all().filter(|f| !known.contains(f.name)).map(|f| format!("{}: not in the golden table", f.name)),
    );
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn the_order_is_that_of_the_golden_table() {
    let expected: Vec<String> = golden().iter().map(|row| row["function"].clone()).collect();
    let actual: Vec<&str> = functions::all().map(|f| f.name).collect();
    assert_eq!(actual, expected);
    assert_eq!(functions::all().filter(|f| f.group == Group::Recurring).count(), 42);
}

#[test]
fn a_function_stands_in_the_table_of_its_group() {
    for group in Group::ALL {
        for function in group.functions() {
            assert_eq!(function.group, *group, "{}", function.name);
        }
    }
}

#[test]
fn names_are_unique_and_every_sentence_is_its_own() {
    let (mut names, mut sentences) = (BTreeSet::new(), BTreeSet::new());
    for f in functions::all() {
        assert!(names.insert(f.name), "{} stands twice in the tables", f.name);
        assert!(f.does.len() > 20 && f.does.ends_with('.') && !f.does.contains('\n'), "{}: {:?}", f.name, f.does);
        assert!(sentences.insert(f.does), "{} says what another function says: {}", f.name, f.does);
    }
}

#[test]
fn whatever_an_entry_names_exists() {
    for f in functions::all() {
        for upstream in f.after {
            assert!(functions::find(upstream).is_some(), "{} waits for `{upstream}`, which does not exist", f.name);
            assert_ne!(*upstream, f.name, "{} waits for itself", f.name);
        }
        if let Run::SameAs(other) = f.run {
            let other = functions::find(other).unwrap_or_else(|| panic!("{} is the same as nothing", f.name));
            assert!(!matches!(other.run, Run::SameAs(_)), "{} points at {}, which points on", f.name, other.name);
            assert_eq!(f.is_built(), other.is_built(), "{}", f.name);
        }
    }
    assert!(functions::find("no_such_function").is_none());
}

#[test]
fn waiting_never_goes_in_a_circle() {
    fn depth(name: &str, path: &mut Vec<String>) {
        assert!(!path.iter().any(|seen| seen == name), "{} -> {name}", path.join(" -> "));
        path.push(name.to_owned());
        for upstream in functions::find(name).expect("it exists").after {
            depth(upstream, path);
        }
        path.pop();
    }
    for f in functions::all() {
        depth(f.name, &mut Vec::new());
    }
}

#[test]
fn tasks_inherit_what_the_table_says() {
    let catalog = functions::catalog();
    assert_eq!(catalog.len(), 246);
    let scan = &catalog["scan_universe"];
    assert_eq!((scan.lane.word(), scan.right.letter(), scan.stage), ("trading", 'N', Some(2)));
    assert_eq!(scan.timeout.as_secs(), 120);
    assert!(scan.session_bound && !scan.heavy);
    assert_eq!(scan.after, ["precalc_indicators", "preflight"]);
}
