//! What a program says of itself: the last line of its output, if that is a JSON object with an `outcome`.

use kobe_plan::Outcome;
use serde_json::Value;

/// Notes longer than this are cut; the whole is in the kept output.
const NOTE_CHARS: usize = 2000;

/// Reads an outcome from a last line; nothing if the line is none.
pub(super) fn outcome(line: &str) -> Option<Outcome> {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(line) else { return None };
    let word = map.get("outcome")?;
    let note: String = match map.get("note") {
        Some(Value::String(note)) => note.chars().take(NOTE_CHARS).collect(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string().chars().take(NOTE_CHARS).collect(),
    };
    Some(match word.as_str() {
        Some("ok") => Outcome::Ok(note.into()),
        Some("no_data") => Outcome::NoData(note.into()),
        Some("unavailable") => Outcome::Unavailable(note.into()),
        Some("error") => Outcome::Error(note.into()),
        // A word that nobody knows must not pass for success.
        _ => Outcome::Error(
            format!("its last line names the outcome {word}; known: ok, no_data, unavailable, error").into(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_is_an_outcome_only_if_it_says_so() {
        let rows: [(&str, Option<Outcome>); 12] = [
            (r#"{"outcome":"ok"}"#, Some(Outcome::Ok("".into()))),
            (r#"{"outcome":"ok","note":"12 rows"}"#, Some(Outcome::Ok("12 rows".into()))),
            (r#" {"note":null,"outcome":"no_data"} "#, Some(Outcome::NoData("".into()))),
            (r#"{"outcome":"unavailable","note":"FRED"}"#, Some(Outcome::Unavailable("FRED".into()))),
            (r#"{"outcome":"error","note":7}"#, Some(Outcome::Error("7".into()))),
            (
                r#"{"outcome":"fine"}"#,
                Some(Outcome::Error(
                    r#"its last line names the outcome "fine"; known: ok, no_data, unavailable, error"#.into(),
                )),
            ),
            (
                r#"{"outcome":true}"#,
                Some(Outcome::Error(
                    "its last line names the outcome true; known: ok, no_data, unavailable, error".into(),
                )),
            ),
            (r#"{"result":"ok"}"#, None),
            (r#"["outcome","ok"]"#, None),
            ("ok", None),
            (r#"{"outcome":"ok""#, None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(outcome(line), expected, "{line}");
        }
    }

    #[test]
    fn a_long_note_is_cut() {
        let line = format!(r#"{{"outcome":"ok","note":"{}"}}"#, "é".repeat(NOTE_CHARS + 1));
        assert_eq!(outcome(&line).unwrap().note().chars().count(), NOTE_CHARS);
    }
}
