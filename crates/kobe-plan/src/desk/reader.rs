//! Reading tables with their places: every value knows its line, every mistake is kept.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Severity, closest};
use crate::task::Place;

/// One file being read, and what is wrong with it so far.
pub(super) struct Reader<'f> {
    name: &'f str,
    text: &'f str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    pub(super) problems: Vec<Problem>,
}

/// A value with its span in the file.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl<'f> Reader<'f> {
    pub(super) fn new(name: &'f str, text: &'f str) -> Reader<'f> {
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1))
            .collect();
        Reader { name, text, lines, problems: Vec::new() }
    }

    /// Returns where a byte of the file stands.
    pub(super) fn place(&self, byte: usize) -> Place {
        let byte = byte.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= byte) - 1;
        let column = self.text.get(self.lines[line]..byte).map_or(0, |s| s.chars().count());
        Place { file: self.name.to_owned(), line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// Returns the byte of a place, and how many bytes from there stay on its line.
    pub(super) fn span_at(&self, place: &Place, width: usize) -> (usize, usize) {
        let start = self.lines.get(place.line.saturating_sub(1) as usize).copied().unwrap_or(0);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let at = line.char_indices().nth(place.column.saturating_sub(1) as usize).map_or(line.len(), |(i, _)| i);
        (start + at, width.min(line.len() - at))
    }

    /// Keeps a problem at a span.
    pub(super) fn problem(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let place = self.place(span.start);
        let start = self.lines[place.line as usize - 1];
        let excerpt = self.text[start..].lines().next().unwrap_or_default();
        let left = excerpt.chars().count().saturating_sub(place.column as usize - 1);
        let meant = self.text.get(span).map_or(1, |s| s.lines().next().unwrap_or_default().chars().count());
        // A line may hold bytes that no terminal should get.
        let excerpt: String =
            excerpt.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).take(200).collect();
        self.problems.push(Problem {
            severity,
            place,
            message: message.into(),
            hint,
            excerpt,
            width: meant.min(left).max(1) as u32,
        });
    }

    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problem(Severity::Error, span, message, Some(hint.into()));
    }

    /// Says of every key that is not known which one may have been meant.
    pub(super) fn only_known(&mut self, table: &DeTable<'_>, what: &str, known: &[&str]) {
        let mut strangers: Vec<(Range<usize>, String)> = table
            .keys()
            .filter(|k| !known.contains(&k.get_ref().as_ref()))
            .map(|k| (k.span(), k.get_ref().to_string()))
            .collect();
        strangers.sort_by_key(|(span, _)| span.start);
        for (span, key) in strangers {
            let hint = match closest(&key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys of {what}: {}", known.join(", ")),
            };
            self.error(span, format!("unknown key `{key}` in {what}"), hint);
        }
    }

    /// Returns a text; anything else is a problem.
    pub(super) fn text<'t>(&mut self, key: &str, value: &'t Value<'_>) -> Option<&'t str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.error(
                value.span(),
                format!("`{key}` is {}, expected a text", kind(value)),
                format!("write `{key} = \"...\"`"),
            );
        }
        text
    }

    /// Returns a yes or no; anything else is a problem.
    pub(super) fn flag(&mut self, key: &str, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.error(
                value.span(),
                format!("`{key}` is {}, expected true or false", kind(value)),
                format!("write `{key} = true` or `{key} = false`"),
            );
        }
        flag
    }

    /// Returns a whole number within bounds; anything else is a problem.
    pub(super) fn number(
        &mut self,
        key: &str,
        value: &Value<'_>,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|i| i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok());
        match number.filter(|n| bounds.contains(n)) {
            Some(n) => Some(n),
            None => {
                let (low, high) = (bounds.start(), bounds.end());
                self.error(
                    value.span(),
                    format!("`{key}` must be a whole number from {low} to {high}"),
                    format!("write a number from {low} to {high} without quotes"),
                );
                None
            }
        }
    }

    /// Returns texts; a single one stands for a list of one.
    pub(super) fn texts<'t>(&mut self, key: &str, value: &'t Value<'_>) -> Vec<(&'t str, Range<usize>)> {
        if let Some(one) = value.get_ref().as_str() {
            return vec![(one, value.span())];
        }
        let Some(list) = value.get_ref().as_array() else {
            self.error(
                value.span(),
                format!("`{key}` is {}, expected a list of texts", kind(value)),
                format!("write `{key} = [\"...\", \"...\"]`"),
            );
            return Vec::new();
        };
        list.iter().filter_map(|item| self.text(key, item).map(|text| (text, item.span()))).collect()
    }

    /// Returns a word of a closed list; anything else is a problem that names the list.
    pub(super) fn word<T>(&mut self, key: &str, value: &Value<'_>) -> Option<T>
    where
        T: std::str::FromStr + 'static,
        T::Err: Words,
    {
        let text = self.text(key, value)?;
        self.parse_word(key, text, value.span())
    }

    /// Reads a word of a closed list at a span.
    pub(super) fn parse_word<T>(&mut self, key: &str, text: &str, span: Range<usize>) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: Words,
    {
        match text.parse() {
            Ok(word) => Some(word),
            Err(unknown) => {
                let known = unknown.known();
                let hint = match closest(text, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? known: {}", known.join(", ")),
                    None => format!("known: {}", known.join(", ")),
                };
                self.error(span, format!("unknown {key} `{text}`"), hint);
                None
            }
        }
    }

    /// Returns a length of time; anything else is a problem.
    pub(super) fn duration(&mut self, key: &str, value: &Value<'_>) -> Option<jiff::SignedDuration> {
        let text = self.text(key, value)?;
        let length = crate::trigger::parse_duration(text);
        if length.is_none() {
            self.error(
                value.span(),
                format!("`{text}` is no length of time"),
                "write it like `30s`, `15m`, `1h30m` or `2d`; zero is not one",
            );
        }
        length
    }

    /// Returns a table; anything else is a problem.
    pub(super) fn table<'t, 'i>(&mut self, key: &str, value: &'t Value<'i>) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.error(
                value.span(),
                format!("`{key}` is {}, expected a table", kind(value)),
                format!("write `{key} = {{ name = value }}`"),
            );
        }
        table
    }
}

/// An error that knows what could have stood there.
pub(super) trait Words {
    fn known(&self) -> &[&'static str];
}

impl Words for crate::task::UnknownWord {
    fn known(&self) -> &[&'static str] {
        self.known
    }
}

impl Words for kobe_calendar::UnknownName {
    fn known(&self) -> &[&'static str] {
        &self.known
    }
}

/// Names the kind of a value, with its article.
pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a yes or no",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Turns a TOML value into JSON.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(s) => s.as_ref().into(),
        DeValue::Integer(i) => {
            i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).map_or_else(|_| i.as_str().into(), Into::into)
        }
        DeValue::Float(x) => x
            .as_str()
            .replace('_', "")
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or(serde_json::Value::Null, Into::into),
        DeValue::Boolean(b) => (*b).into(),
        DeValue::Datetime(d) => d.to_string().into(),
        DeValue::Array(list) => list.iter().map(|v| json(v.get_ref())).collect(),
        DeValue::Table(table) => {
            serde_json::Value::Object(table.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect())
        }
    }
}
