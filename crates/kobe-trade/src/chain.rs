//! The audit chain: every fact of the books as a block that names the hash of the block before it.
//!
//! `this_hash` is SHA-256 over `{"payload":…,"prev_hash":…}` as compact JSON with sorted keys and ASCII escapes (what Python's `json.dumps` writes with
//! `sort_keys=True, separators=(",", ":")`), so any reader can recompute it. Floats are refused: numbers with a point are decimal text. A bare chain
//! cannot show that its tail was cut, so [`Head`] (count and last hash) is stored beside it and compared. Start at [`seal`] and [`verify`].

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fact::Fact;

/// One line of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Hash of the line before; `None` on the first.
    pub prev_hash: Option<String>,
    /// What is recorded.
    pub payload: Value,
    /// Hash of this line, 64 hex digits.
    pub this_hash: String,
}

/// Where a chain ends: what a cut tail cannot hide from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of blocks.
    pub count: u64,
    /// Hash of the last block.
    pub hash: Option<String>,
}

/// A payload that cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Floats hash differently from reader to reader.
    #[error("the float {0} has no place in the audit chain; write decimals as text")]
    Float(String),
    /// The fact is no JSON value.
    #[error("a fact cannot be written as JSON: {0}")]
    Json(String),
}

/// The first bad line of a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The line is no block.
    #[error("line {line}: not a block of the chain ({why})")]
    Unreadable {
        /// Counted from 1.
        line: u64,
        /// What the reader says.
        why: String,
    },
    /// The line does not follow the one before: something was deleted, inserted or swapped.
    #[error("line {line}: its prev_hash is {found}, the line before has {expected}")]
    Broken {
        /// Counted from 1.
        line: u64,
        /// The hash of the line before.
        expected: String,
        /// What the line says.
        found: String,
    },
    /// The content of the line was changed.
    #[error("line {line}: its content hashes to {computed}, it says {found}")]
    Changed {
        /// Counted from 1.
        line: u64,
        /// The hash of the content.
        computed: String,
        /// What the line says.
        found: String,
    },
    /// The chain ends before or after the stored head.
    #[error("line {line}: the chain ends with {found}, the books know {expected}")]
    Tail {
        /// The first line that is missing or too many.
        line: u64,
        /// Count and hash that the books store.
        expected: String,
        /// Count and hash of the chain.
        found: String,
    },
}

impl Fault {
    /// Returns the number of the bad line, counted from 1.
    pub fn line(&self) -> u64 {
        match self {
            Fault::Unreadable { line, .. } | Fault::Broken { line, .. } | Fault::Changed { line, .. } => *line,
            Fault::Tail { line, .. } => *line,
        }
    }
}

impl Block {
    /// Records a payload after the block with the hash `prev`.
    ///
    /// # Errors
    /// [`ChainError::Float`] when the payload holds a float.
    pub fn new(prev: Option<&str>, payload: Value) -> Result<Block, ChainError> {
        let this_hash = hash(prev, &payload)?;
        Ok(Block { prev_hash: prev.map(str::to_owned), payload, this_hash })
    }

    /// Reads the fact that the block records.
    ///
    /// # Errors
    /// [`ChainError::Json`] when the payload is no fact of this build.
    pub fn fact(&self) -> Result<Fact, ChainError> {
        Fact::deserialize(&self.payload).map_err(|error| ChainError::Json(error.to_string()))
    }
}

impl Head {
    fn follow(&self, block: &Block) -> Head {
        Head { count: self.count + 1, hash: Some(block.this_hash.clone()) }
    }

    fn words(&self) -> String {
        format!("{} blocks, head {}", self.count, self.hash.as_deref().unwrap_or("null"))
    }
}

/// Makes the blocks of new facts, and the head after them. The caller stores both in the transaction of the facts.
///
/// # Errors
/// [`ChainError`] when a fact holds a float or cannot be written.
pub fn seal(head: &Head, facts: &[Fact]) -> Result<(Vec<Block>, Head), ChainError> {
    let mut head = head.clone();
    let mut blocks = Vec::with_capacity(facts.len());
    for fact in facts {
        let payload = serde_json::to_value(fact).map_err(|error| ChainError::Json(error.to_string()))?;
        let block = Block::new(head.hash.as_deref(), payload)?;
        head = head.follow(&block);
        blocks.push(block);
    }
    Ok((blocks, head))
}

/// Verifies blocks in order, from the first one, against the stored head where there is one.
///
/// # Errors
/// The first [`Fault`], which names its line.
pub fn verify<'a>(blocks: impl IntoIterator<Item = &'a Block>, stored: Option<&Head>) -> Result<Head, Fault> {
    verify_after(&Head::default(), blocks, stored)
}

/// Verifies the blocks that follow a head which was verified before, in order, against the stored head where there is one.
///
/// # Errors
/// The first [`Fault`], which names its line.
pub fn verify_after<'a>(
    verified: &Head,
    blocks: impl IntoIterator<Item = &'a Block>,
    stored: Option<&Head>,
) -> Result<Head, Fault> {
    let mut head = verified.clone();
    for block in blocks {
        head = link(&head, block)?;
    }
    tail(head, stored)
}

/// Verifies an export, one block a line (JSONL).
///
/// # Errors
/// The first [`Fault`], which names its line.
pub fn verify_lines<'a>(lines: impl IntoIterator<Item = &'a str>, stored: Option<&Head>) -> Result<Head, Fault> {
    let mut head = Head::default();
    for text in lines {
        let unreadable = |error: serde_json::Error| Fault::Unreadable { line: head.count + 1, why: error.to_string() };
        head = link(&head, &serde_json::from_str(text).map_err(unreadable)?)?;
    }
    tail(head, stored)
}

fn link(head: &Head, block: &Block) -> Result<Head, Fault> {
    let line = head.count + 1;
    if block.prev_hash != head.hash {
        let word = |hash: &Option<String>| hash.clone().unwrap_or_else(|| "null".to_owned());
        return Err(Fault::Broken { line, expected: word(&head.hash), found: word(&block.prev_hash) });
    }
    let computed = hash(block.prev_hash.as_deref(), &block.payload)
        .map_err(|error| Fault::Unreadable { line, why: error.to_string() })?;
    if computed != block.this_hash {
        return Err(Fault::Changed { line, computed, found: block.this_hash.clone() });
    }
    Ok(head.follow(block))
}

fn tail(head: Head, stored: Option<&Head>) -> Result<Head, Fault> {
    match stored {
        Some(stored) if *stored != head => {
            Err(Fault::Tail { line: head.count.min(stored.count) + 1, expected: stored.words(), found: head.words() })
        }
        _ => Ok(head),
    }
}

/// Hashes one block.
fn hash(prev: Option<&str>, payload: &Value) -> Result<String, ChainError> {
    let mut text = String::from("{\"payload\":");
    canonical(payload, &mut text)?;
    text.push_str(",\"prev_hash\":");
    match prev {
        Some(prev) => quote(prev, &mut text),
        None => text.push_str("null"),
    }
    text.push('}');
    Ok(sha256(text.as_bytes()))
}

/// Returns the SHA-256 of bytes as 64 hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Writes a value as compact JSON with sorted keys and ASCII escapes.
///
/// # Errors
/// [`ChainError::Float`] when the value holds a float.
pub fn canonical_json(value: &Value) -> Result<String, ChainError> {
    let mut text = String::new();
    canonical(value, &mut text)?;
    Ok(text)
}

fn canonical(value: &Value, out: &mut String) -> Result<(), ChainError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(n) if n.is_f64() => return Err(ChainError::Float(n.to_string())),
        Value::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here and not by the map: its order depends on a feature that any crate of the build may switch on.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                canonical(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chain(n: usize) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for i in 0..n {
            let prev = blocks.last().map(|b| b.this_hash.clone());
            blocks.push(Block::new(prev.as_deref(), json!({"event": "order", "n": i, "price": "1.50"})).unwrap());
        }
        blocks
    }

    /// The expected digests were computed with Python: `hashlib.sha256(json.dumps(x, sort_keys=True, separators=(",", ":")).encode())`.
    #[test]
    fn another_reader_computes_the_same_hashes() {
        let first = Block::new(None, json!({"event": "order", "decision_id": "DEC_1"})).unwrap();
        assert_eq!(first.this_hash, "abe01f3f6fba192b1826f6a888557fa3c4f0f136ff0d148de56032cb1fae08b8");
        let second = Block::new(
            Some(&first.this_hash),
            json!({"z": [1, true, null, {"b": "é\u{1f600}\n\"\\\u{7f}", "a": -2}], "A": {}}),
        );
        assert_eq!(second.unwrap().this_hash, "34ada1ec03f290e090793abd510eacede99976421f5708089c72a9c2ce2c0640");
    }

    #[test]
    fn a_whole_chain_verifies_and_knows_its_head() {
        let blocks = chain(5);
        let head = verify(&blocks, None).unwrap();
        assert_eq!((head.count, head.hash.as_deref()), (5, Some(blocks[4].this_hash.as_str())));
        let lines: Vec<String> = blocks.iter().map(|b| serde_json::to_string(b).unwrap()).collect();
        assert_eq!(verify_lines(lines.iter().map(String::as_str), Some(&head)), Ok(head));
        assert_eq!(verify(&[], Some(&Head::default())), Ok(Head::default()), "an empty chain is whole");
    }

    #[test]
    fn a_chain_is_verified_in_parts_as_in_one() {
        let blocks = chain(5);
        let head = verify(&blocks, None).unwrap();
        let first = verify(&blocks[..3], None).unwrap();
        assert_eq!(verify_after(&first, &blocks[3..], Some(&head)), Ok(head.clone()));
        assert_eq!(verify_after(&first, &blocks[4..], None).unwrap_err().line(), 4, "a part that does not follow");
        let mut changed = blocks.clone();
        changed[4].payload = json!(0);
        assert_eq!(
            verify_after(&first, &changed[3..], None).unwrap_err().line(),
            5,
            "lines are counted from the first"
        );
        assert_eq!(verify_after(&head, &[], Some(&first)).unwrap_err().line(), 4, "the tail was cut since");
    }

    #[test]
    fn every_kind_of_tampering_names_its_line() {
        let whole = chain(5);
        let head = verify(&whole, None).unwrap();
        type Harm = fn(&mut Vec<Block>);
        let harms: [(&str, Harm, u64); 8] = [
            ("a changed payload", |b| b[2].payload["price"] = json!("1.51"), 3),
            (
                "a changed payload with its hash recomputed",
                |b| b[2] = Block::new(b[2].prev_hash.as_deref(), json!(1)).unwrap(),
                4,
            ),
            ("a changed hash", |b| b[1].this_hash = sha256(b"x"), 2),
            ("a deleted line", |b| drop(b.remove(2)), 3),
            ("the first line deleted", |b| drop(b.remove(0)), 1),
            ("an inserted line", |b| b.insert(2, b[4].clone()), 3),
            ("two lines swapped", |b| b.swap(1, 3), 2),
            ("a cut tail", |b| b.truncate(3), 4),
        ];
        for (what, harm, line) in harms {
            let mut blocks = whole.clone();
            harm(&mut blocks);
            assert_eq!(verify(&blocks, Some(&head)).unwrap_err().line(), line, "{what}");
        }
        let mut longer = whole.clone();
        longer.push(Block::new(Some(&whole[4].this_hash), json!({})).unwrap());
        assert_eq!(verify(&longer, Some(&head)).unwrap_err().line(), 6, "a line that the books do not know");
        let lines = [serde_json::to_string(&whole[0]).unwrap(), "{\"prev_hash\":".to_owned()];
        assert_eq!(verify_lines(lines.iter().map(String::as_str), None).unwrap_err().line(), 2, "half a line");
    }

    #[test]
    fn floats_are_refused_wherever_they_hide() {
        for payload in [json!(1.5), json!({"a": [1, {"b": 0.1}]})] {
            assert!(matches!(Block::new(None, payload), Err(ChainError::Float(_))));
        }
    }
}
