//! Discoveries: what research found, from the artifact of that name.
//!
//! The artifact `discoveries` holds a list (or an object with a list `discoveries`), newest last. The file shows the last hundred; the log has one line for each, ever. Without
//! an artifact a list that is there stays: it may be a predecessor's.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kobe_engine::StoreError;
use serde_json::Value;

use super::file::Files;
use crate::Reader;

const FILE: &str = "autonomous/discoveries.json";
const LOG: &str = "autonomous/discoveries.log";

/// How many the file shows.
const SHOWN: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Discoveries {
    begun: bool,
    /// Those that are in the log.
    logged: BTreeSet<String>,
    seen: Option<Timestamp>,
}

impl Discoveries {
    pub(super) fn write(&mut self, reader: &Reader, files: &mut Files, at: Timestamp) -> Result<(), StoreError> {
        if !self.begun {
            let there = files.read_list(FILE, at);
            if there.is_none() {
                files.write_value(FILE, &Value::Array(Vec::new()));
            }
            if !files.exists(LOG) {
                files.append(LOG, b"");
            }
            self.logged = there.unwrap_or_default().iter().map(line).collect();
            self.begun = true;
        }
        let Some(artifact) = reader.artifact("discoveries")? else { return Ok(()) };
        if self.seen == Some(artifact.at) {
            return Ok(());
        }
        let mut body = artifact.body;
        let list = match body.get_mut("discoveries").map(Value::take).unwrap_or(body) {
            Value::Array(list) => list,
            _ => {
                files.trouble(String::from("the artifact `discoveries` is no list"));
                Vec::new()
            }
        };
        let fresh: String = list.iter().map(line).filter(|line| !self.logged.contains(line)).collect();
        if fresh.is_empty() || files.append(LOG, fresh.as_bytes()) {
            self.logged = list.iter().map(line).collect();
        }
        let shown = list.len().saturating_sub(SHOWN);
        files.write_value(FILE, &Value::Array(list[shown..].to_vec()));
        self.seen = Some(artifact.at);
        Ok(())
    }
}

/// Writes a discovery as a line of the log: `when | type | description | source=x | improvement=6.1% | confidence=72.0%`.
fn line(discovery: &Value) -> String {
    let text = |key: &str| match &discovery[key] {
        Value::Null => String::from("-"),
        Value::String(text) => text.replace(['\n', '\r', '|'], " "),
        other => other.to_string(),
    };
    let percent =
        |key: &str| discovery[key].as_f64().map_or_else(|| String::from("-"), |share| format!("{:.1}%", share * 100.0));
    format!(
        "{} | {} | {} | source={} | improvement={} | confidence={}\n",
        text("timestamp"),
        text("type"),
        text("description"),
        text("source"),
        percent("improvement"),
        percent("confidence")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_discovery_is_one_line_whatever_it_says() {
        let discovery = json!({
            "type": "parameter_improvement", "description": "r 0.75\n-> 0.80 | better", "source": "research_engine", "improvement": 0.061,
            "confidence": 0.72, "timestamp": "2026-11-23T20:00:00-05:00",
        });
        let want = "2026-11-23T20:00:00-05:00 | parameter_improvement | r 0.75 -> 0.80   better | source=research_engine | improvement=6.1% | confidence=72.0%\n";
        assert_eq!(line(&discovery), want);
        assert_eq!(line(&json!({})), "- | - | - | source=- | improvement=- | confidence=-\n");
    }
}
