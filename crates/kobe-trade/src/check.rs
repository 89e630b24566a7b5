//! Checks: one question that was asked of an order, and its answer with the numbers behind it.
//!
//! What is not known is never taken for good: [`Ask`] has a word for known, unknown and not applicable, and the gates turn unknown into a refusal.
//! Floats are written as decimal text ([`Figure`]), so that every reader hashes alike. Start at [`Check`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It refuses the order.
    Refuse,
    /// The question has no meaning here; the reason says why.
    NotApplicable,
}

/// One named question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The numbered rule it belongs to: `G1` to `G7`, `D1` to `D15`.
    pub rule: String,
    /// What was asked, in snake_case.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// The name of the refusal, or why the question does not apply, or a note on a pass.
    pub reason: Option<String>,
    /// The numbers that were compared.
    pub numbers: String,
}

impl Check {
    /// Returns whether the order may go on as far as this check is concerned.
    pub fn holds(&self) -> bool {
        self.outcome != Outcome::Refuse
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.outcome {
            Outcome::Pass => "pass",
            Outcome::Refuse => "refuse",
            Outcome::NotApplicable => "not applicable",
        };
        write!(f, "{} {}: {word}", self.rule, self.name)?;
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        if self.numbers.is_empty() { Ok(()) } else { write!(f, ", {}", self.numbers) }
    }
}

/// Something the gates ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask<T> {
    /// The answer.
    Known(T),
    /// Nobody could tell; entries are refused.
    Unknown(String),
    /// The question has no meaning here, for the reason given.
    NotApplicable(String),
}

impl<T> Ask<T> {
    /// Returns the answer, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Ask::Known(answer) => Some(answer),
            _ => None,
        }
    }

    /// Turns the result of a question into an answer: an error is unknown, never good.
    pub fn of<E: fmt::Display>(result: Result<T, E>) -> Ask<T> {
        match result {
            Ok(answer) => Ask::Known(answer),
            Err(error) => Ask::Unknown(error.to_string()),
        }
    }
}

/// A computed number, written as the shortest decimal text that reads back to the same bits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Figure, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Figure).map_err(|_| serde::de::Error::custom(format!("`{text}` is no number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_text_bit_for_bit() {
        for x in [0.0, -0.0, 0.1 + 0.2, 1e-300, 1.797e308, f64::MIN_POSITIVE, 7.0 / 3.0] {
            let text = serde_json::to_string(&Figure(x)).unwrap();
            assert!(text.starts_with('"') && !text.contains('e'), "{text} is decimal text");
            assert_eq!(serde_json::from_str::<Figure>(&text).unwrap().0.to_bits(), x.to_bits(), "{text}");
        }
        assert!(serde_json::from_str::<Figure>("\"abc\"").is_err());
    }

    #[test]
    fn an_error_is_unknown_and_never_good() {
        assert_eq!(Ask::<u8>::of(Err::<u8, _>("broker is silent")), Ask::Unknown("broker is silent".into()));
        assert_eq!(Ask::of(Ok::<_, String>(3)).known(), Some(&3));
    }
}
