//! Exports of the books: positions, budget, orders, audit chain.

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_trade::book::{Book, Position};
use kobe_trade::chain::{Block, Head};
use kobe_trade::money::Decimal;
use serde_json::{Value, json};

use super::file::Files;
use super::heartbeat::object;
use crate::Reader;

const CHAIN: &str = "hash_chain.jsonl";

/// Blocks and facts read at a time.
const PAGE: usize = 1_000;

/// What the files show so far.
#[derive(Debug, Default)]
pub(super) struct BookFiles {
    book: Option<Book>,
    shown: Option<Head>,
    /// Blocks in the exported chain.
    exported: Option<u64>,
}

impl BookFiles {
    /// Writes what has changed since the last time.
    pub(super) fn write(&mut self, reader: &Reader, files: &mut Files, at: Timestamp) -> Result<(), StoreError> {
        let head = reader.head()?;
        if self.shown.as_ref() == Some(&head) {
            return Ok(());
        }
        let book = match self.book.take() {
            None => reader.book()?,
            Some(book) => catch_up(book, reader)?,
        };
        if book.is_open() {
            files.write_object("positions.json", object(positions(&book, at)), at);
        }
        if let Some(budget) = reader.budget()? {
            files.write_object("policy_budget.json", object(budget), at);
        }
        let orders = reader.orders_oldest_first()?;
        if !orders.is_empty() {
            files.write_lines("idempotency.jsonl", orders.iter().map(|order| json!(order)));
        }
        self.book = Some(book);
        self.export_chain(reader, files, &head, at)?;
        self.shown = Some(head);
        Ok(())
    }

    /// Adds the new blocks to the exported chain; one that does not fit is kept aside and written anew.
    fn export_chain(
        &mut self,
        reader: &Reader,
        files: &mut Files,
        head: &Head,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut from = match self.exported {
            Some(exported) => exported,
            None => match fitting(reader, files)? {
                Ok(count) => count,
                Err(why) => {
                    files.set_aside(CHAIN, at, &why);
                    0
                }
            },
        };
        while from < head.count {
            let blocks = reader.blocks(from, PAGE)?;
            if blocks.is_empty() {
                break;
            }
            let mut text = String::new();
            for block in &blocks {
                text.push_str(&chain_line(block));
                text.push('\n');
            }
            if !files.append(CHAIN, text.as_bytes()) {
                // A part may be written: the file is looked at again before the next line.
                self.exported = None;
                return Ok(());
            }
            from += blocks.len() as u64;
        }
        self.exported = Some(from);
        Ok(())
    }
}

fn catch_up(mut book: Book, reader: &Reader) -> Result<Book, StoreError> {
    loop {
        let facts = reader.facts(book.version(), PAGE)?;
        if facts.is_empty() {
            return Ok(book);
        }
        for (seq, fact) in &facts {
            book.apply(fact).map_err(|e| StoreError::Corrupt(format!("fact {seq} of the books: {e}")))?;
        }
    }
}

/// Returns how many blocks the exported chain has, or why it is not a part of ours.
fn fitting(reader: &Reader, files: &Files) -> Result<Result<u64, String>, StoreError> {
    if !files.exists(CHAIN) {
        return Ok(Ok(0));
    }
    let (count, last) = match files.lines(CHAIN) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if count == 0 {
        return Ok(Ok(0));
    }
    let last = serde_json::from_str::<Block>(&last);
    let ours = reader.blocks(count - 1, 1)?.pop();
    Ok(match (last, ours) {
        (Ok(last), Some(ours)) if last == ours => Ok(count),
        _ => Err(format!("its line {count} is not the block of the books")),
    })
}

/// Writes a block as a line of the export.
fn chain_line(block: &Block) -> String {
    json!(block).to_string()
}

/// Writes a decimal as the number that other tools read.
pub(crate) fn number(value: Decimal) -> Value {
    value.normalize().to_string().parse::<f64>().map_or(Value::Null, |n| json!(n))
}

fn positions(book: &Book, at: Timestamp) -> Value {
    let all: serde_json::Map<String, Value> =
        book.positions().map(|position| (position.symbol.to_string(), one(position))).collect();
    json!({ "positions": all, "updated_at": format!("{at:.0}") })
}

fn one(position: &Position) -> Value {
    json!({
        "symbol": position.symbol,
        "qty": position.qty,
        "avg_price": number(position.entry),
        "entry_date": position.entered,
        "strategy": position.strategy.name(),
        "stop_loss": number(position.stop),
        "initial_stop": number(position.initial_stop),
        "take_profit": null,
        "time_stop_bars": position.strategy.time_stop(),
        "bars_held": position.held,
        "decision_id": position.decision,
        "side": "long",
        "highest_price": null,
        "partial_taken": position.sold.total > 0,
    })
}
