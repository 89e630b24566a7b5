//! Problems: what is wrong in a desk file, where, and what to do.

use std::fmt;

use crate::task::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The desk does not run.
    Error,
    /// The desk runs, but someone should look.
    Warning,
}

/// Something wrong in a desk file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line, for showing.
    pub excerpt: String,
    /// How many characters of the line are meant.
    pub width: u32,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{word}: {}", self.message)?;
        let number = self.place.line.to_string();
        let pad = " ".repeat(number.len());
        writeln!(f, "{pad}--> {}", self.place)?;
        writeln!(f, "{pad} |")?;
        writeln!(f, "{number} | {}", self.excerpt)?;
        let under: String = self
            .excerpt
            .chars()
            .take(self.place.column.saturating_sub(1) as usize)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        write!(f, "{pad} | {under}{}", "^".repeat(self.width.max(1) as usize))?;
        if let Some(hint) = &self.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut row = s.serialize_struct("Problem", 6)?;
        row.serialize_field("severity", &self.severity)?;
        row.serialize_field("file", &self.place.file)?;
        row.serialize_field("line", &self.place.line)?;
        row.serialize_field("column", &self.place.column)?;
        row.serialize_field("message", &self.message)?;
        row.serialize_field("hint", &self.hint)?;
        row.end()
    }
}

/// Returns the known word closest to one that is not known, if any is close enough to be meant.
pub(crate) fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, k)| (*d, *k))
        .map(|(_, k)| k)
}
