//! Redaction: known secrets are taken out of a text before anybody sees it.
//!
//! What a function or a program says may hold what it was given. Whoever shows or sends such a text asks [`Redactor::clean`] first, before the text is cut: half a secret
//! would not be recognised any more. Never prints what it knows.

use std::fmt;

use super::Alert;

/// Anything shorter is no secret; it would be found in innocent words.
const SHORTEST: usize = 6;

/// What stands in the place of a secret.
const IN_ITS_PLACE: &str = "[redacted]";

/// Takes known secrets out of texts.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

impl Redactor {
    /// Begins with the values that nobody may see; those shorter than six bytes are left out.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Redactor {
        let mut known: Vec<String> =
            secrets.into_iter().map(|s| s.trim().to_owned()).filter(|s| s.len() >= SHORTEST).collect();
        // A secret may be a part of another: the longer one goes first, or its rest would stay.
        known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        Redactor(known)
    }

    /// Returns a text without the secrets that are known.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), IN_ITS_PLACE);
            }
        }
        clean
    }

    /// Returns an alert none of whose texts has a secret that is known.
    pub fn clean_alert(&self, alert: Alert) -> Alert {
        Alert {
            cause: self.clean(&alert.cause),
            title: self.clean(&alert.title),
            detail: self.clean(&alert.detail),
            task: alert.task.map(|task| self.clean(&task)),
            owner: self.clean(&alert.owner),
            runbook: self.clean(&alert.runbook),
            ..alert
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_whole() {
        let redactor = Redactor::new(["hunter-two".into(), "hunter-two-and-three".into(), "abc".into(), "  ".into()]);
        let rows = [
            ("a secret in the middle", "x hunter-two y", "x [redacted] y"),
            ("the longer of two that overlap", "hunter-two-and-three", "[redacted]"),
            ("twice", "hunter-twohunter-two", "[redacted][redacted]"),
            ("too short to be one", "abc", "abc"),
            ("nothing", "all is well", "all is well"),
        ];
        for (name, text, expected) in rows {
            assert_eq!(redactor.clean(text), expected, "{name}");
        }
        assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    }
}
