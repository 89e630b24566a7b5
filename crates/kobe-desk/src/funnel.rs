//! The funnel: what was decided in a stretch of time, read from the audit chain.
//!
//! The books fold decisions away; their packets stand in the chain, refusals included. Reading begins at the newest block and ends at the first one that is older, so a day's
//! question costs a day's facts. Start at [`Call::decided_since`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use kobe_plan::Outcome;
use serde_json::{Value, json};

use crate::call::Call;

/// Blocks that are read at once; an ordinary day has one to five.
const AT_ONCE: u64 = 8;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    /// When.
    pub at: Timestamp,
    /// About which symbol.
    pub symbol: String,
    /// `BUY`, `SELL`, `HOLD` or `SKIP`.
    pub decision: String,
    /// The refusal, or what decided the size or the exit.
    pub reason: String,
}

impl Decided {
    /// Reads a block; `None` where it records something else.
    fn read(payload: &Value) -> Option<Decided> {
        if payload["event"] != "decided" {
            return None;
        }
        let (packet, text) = (&payload["packet"], |v: &Value| v.as_str().unwrap_or_default().to_owned());
        Some(Decided {
            at: payload["at"].as_str()?.parse().ok()?,
            symbol: text(&packet["inputs"]["case"]["symbol"]),
            decision: text(&packet["decision"]),
            reason: text(&packet["decision_reason"]),
        })
    }

    /// Tells whether it is about an entry.
    pub fn is_entry(&self) -> bool {
        matches!(self.decision.as_str(), "BUY" | "SKIP")
    }

    /// Tells whether it was admitted.
    pub fn is_admitted(&self) -> bool {
        matches!(self.decision.as_str(), "BUY" | "SELL")
    }
}

impl Call<'_> {
    /// Returns the decisions from an instant on, oldest first.
    ///
    /// # Errors
    /// The outcome to return where the chain cannot be read.
    pub(crate) fn decided_since(&self, from: Timestamp) -> Result<Vec<Decided>, Outcome> {
        let failed = |e: kobe_trade::ports::BooksError| Outcome::Error(e.to_string().into());
        let mut end = self.desk.books().head().map_err(failed)?.count;
        let mut found = Vec::new();
        'chain: while end > 0 {
            let begin = end.saturating_sub(AT_ONCE);
            let blocks = self.desk.books().blocks(begin, (end - begin) as usize).map_err(failed)?;
            if blocks.is_empty() {
                return Err(Outcome::Error(format!("the audit chain has no block {begin}").into()));
            }
            for block in blocks.iter().rev() {
                let at = block.payload["at"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
                if at.is_some_and(|at| at < from) {
                    break 'chain;
                }
                found.extend(Decided::read(&block.payload));
            }
            end = begin;
        }
        found.reverse();
        Ok(found)
    }
}

/// Returns decisions as counts: how many setups were judged, how many were admitted, and which gate refused the others.
pub(crate) fn counts(decided: &[Decided]) -> Value {
    let entries = decided.iter().filter(|d| d.is_entry());
    let mut refused: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut judged, mut admitted) = (0u32, 0u32);
    for decision in entries {
        judged += 1;
        if decision.is_admitted() {
            admitted += 1;
        } else {
            *refused.entry(&decision.reason).or_default() += 1;
        }
    }
    let exits = decided.iter().filter(|d| d.decision == "SELL").count();
    let rate = (judged > 0).then(|| f64::from(admitted) / f64::from(judged));
    json!({ "judged": judged, "admitted": admitted, "admitted_share": rate, "refused_by": refused, "exits": exits })
}
