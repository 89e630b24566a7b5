//! The ledger as it is read: blocks, facts and the book they make.
//!
//! Rule: the chain is verified wherever a book is built from stored facts; what the chain does not vouch for is no book. Start at [`fold`].

use std::path::Path;

use kobe_engine::StoreError;
use kobe_trade::book::Book;
use kobe_trade::chain::{self, Block, Fault as Break, Head};
use kobe_trade::fact::Fact;
use kobe_trade::ports::Artifact;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::fault::{damaged, store_error};
use crate::rows::{instant, unsigned, word};

/// Blocks read at a time.
const PAGE: usize = 1_000;

/// Returns at most `limit` blocks from the one numbered `from`.
pub(crate) fn blocks(conn: &Connection, from: u64, limit: usize) -> rusqlite::Result<Vec<Block>> {
    conn.prepare_cached("SELECT prev_hash, payload, this_hash FROM audit_chain WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?
        .query_map(params![from as i64, i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
            let payload = r.get_ref(1)?.as_str()?;
            let payload = serde_json::from_str(payload)
                .map_err(|e| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(e)))?;
            Ok(Block { prev_hash: r.get(0)?, payload, this_hash: r.get(2)? })
        })?
        .collect()
}

/// Returns the stored head of the chain.
pub(crate) fn head(conn: &Connection) -> rusqlite::Result<Head> {
    conn.prepare_cached("SELECT count, hash FROM chain_head WHERE one = 1")?
        .query_row([], |r| Ok(Head { count: unsigned(r, 0)?, hash: r.get(1)? }))
}

/// Verifies the whole chain against its stored head.
pub(crate) fn verify(conn: &Connection, path: &Path) -> Result<Result<Head, Break>, StoreError> {
    // One snapshot for head and blocks, whoever writes meanwhile.
    let tx = conn.unchecked_transaction().map_err(|e| store_error(path, &e))?;
    let stored = head(&tx).map_err(|e| store_error(path, &e))?;
    verify_pages(&stored, |from, limit| blocks(&tx, from, limit).map_err(|e| store_error(path, &e)))
}

/// Verifies a chain that is read page by page, against its stored head.
pub(crate) fn verify_pages(
    stored: &Head,
    mut read: impl FnMut(u64, usize) -> Result<Vec<Block>, StoreError>,
) -> Result<Result<Head, Break>, StoreError> {
    let mut found = Head::default();
    loop {
        let page = read(found.count, PAGE)?;
        if page.is_empty() {
            break;
        }
        match continue_from(&found, &page) {
            Ok(head) => found = head,
            Err(fault) => return Ok(Err(fault)),
        }
    }
    if found == *stored {
        return Ok(Ok(found));
    }
    // The words of a cut tail are those of the chain itself.
    let cut = chain::verify(&[], Some(stored));
    Ok(match cut {
        Err(Break::Tail { expected, .. }) => Err(Break::Tail {
            line: found.count.min(stored.count) + 1,
            expected,
            found: format!("{} blocks, head {}", found.count, found.hash.as_deref().unwrap_or("null")),
        }),
        other => other,
    })
}

/// Verifies a page of blocks that follows a head.
fn continue_from(head: &Head, page: &[Block]) -> Result<Head, Break> {
    if head.count == 0 {
        return chain::verify(page, None);
    }
    let mut head = head.clone();
    for block in page {
        let line = head.count + 1;
        if block.prev_hash != head.hash {
            let word = |hash: &Option<String>| hash.clone().unwrap_or_else(|| String::from("null"));
            return Err(Break::Broken { line, expected: word(&head.hash), found: word(&block.prev_hash) });
        }
        let again = Block::new(block.prev_hash.as_deref(), block.payload.clone())
            .map_err(|e| Break::Unreadable { line, why: e.to_string() })?;
        if again.this_hash != block.this_hash {
            return Err(Break::Changed { line, computed: again.this_hash, found: block.this_hash.clone() });
        }
        head = Head { count: line, hash: Some(block.this_hash.clone()) };
    }
    Ok(head)
}

/// Builds the book from all stored facts, verifying their chain.
pub(crate) fn fold(conn: &Connection, path: &Path) -> Result<(Book, Head), StoreError> {
    let on = |e: rusqlite::Error| store_error(path, &e);
    let tx = conn.unchecked_transaction().map_err(on)?;
    let stored = head(&tx).map_err(on)?;
    let (mut book, mut found) = (Book::new(), Head::default());
    loop {
        let page = blocks(&tx, found.count, PAGE).map_err(on)?;
        if page.is_empty() {
            break;
        }
        let first = found.count;
        found = continue_from(&found, &page).map_err(|e| damaged(path, &format!("the audit chain is broken: {e}")))?;
        for (i, block) in page.iter().enumerate() {
            let place = first + i as u64;
            let fact = block.fact().map_err(|e| damaged(path, &format!("fact {place}: {e}")))?;
            book.apply(&fact).map_err(|e| damaged(path, &format!("fact {place}: {e}")))?;
        }
    }
    if found != stored {
        let text = format!("the audit chain has {} blocks, {} were written", found.count, stored.count);
        return Err(damaged(path, &text));
    }
    Ok((book, found))
}

/// Returns facts with their numbers.
pub(crate) fn facts(conn: &Connection, path: &Path, from: u64, limit: usize) -> Result<Vec<(u64, Fact)>, StoreError> {
    let blocks = blocks(conn, from, limit).map_err(|e| store_error(path, &e))?;
    let read = |(i, block): (usize, &Block)| {
        let place = from + i as u64;
        block.fact().map(|fact| (place, fact)).map_err(|e| damaged(path, &format!("fact {place}: {e}")))
    };
    blocks.iter().enumerate().map(read).collect()
}

/// Returns the newest artifact of a name.
pub(crate) fn artifact(conn: &Connection, name: &str) -> rusqlite::Result<Option<Artifact>> {
    conn.prepare_cached("SELECT name, function, task, date, at_us, body FROM artifacts WHERE name = ?1")?
        .query_row([name], |r| {
            let body = serde_json::from_str(r.get_ref(5)?.as_str()?)
                .map_err(|e| rusqlite::Error::FromSqlConversionFailure(5, Type::Text, Box::new(e)))?;
            Ok(Artifact {
                name: r.get(0)?,
                function: r.get(1)?,
                task: r.get(2)?,
                date: word(r, 3)?,
                at: instant(r, 4)?,
                body,
            })
        })
        .optional()
}
