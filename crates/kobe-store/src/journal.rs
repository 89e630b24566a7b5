//! The journal: every input of the machine, in the transaction of what came of it.
//!
//! Rule: rows stand in the order of the turns; what lies between two `begins` rows is one life of one machine, and begins with how it stood. An instant is kept to the
//! nanosecond, because a turn is replayed at its very instant. Start at [`read`].

use jiff::Timestamp;
use kobe_engine::JournalRow;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::packed::{Packed, unpacked};

/// One row on its way to the writer.
#[derive(Debug)]
pub(crate) struct JournalWrite {
    at_us: i64,
    at_ns: i64,
    begins: bool,
    body: Packed,
    digest: String,
}

impl JournalWrite {
    pub(crate) fn new(row: &JournalRow) -> JournalWrite {
        let at_us = row.at.as_microsecond();
        let at_ns = (row.at.as_nanosecond() - i128::from(at_us) * 1_000) as i64;
        JournalWrite { at_us, at_ns, begins: row.begins, body: Packed::new(&row.body), digest: row.digest.clone() }
    }
}

/// Writes rows at the end of the journal, inside the transaction that the caller has begun.
pub(crate) fn append(conn: &Connection, rows: &[JournalWrite]) -> rusqlite::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut put =
        conn.prepare_cached("INSERT INTO journal (at_us, at_ns, begins, body, digest) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for row in rows {
        put.execute(params![row.at_us, row.at_ns, row.begins, row.body, row.digest])?;
    }
    Ok(())
}

/// Gives the rows of a range of time, both ends included, to `each`: from the last row before it at which a machine begins; if none does, from the first one inside. What
/// lies between is whole, also where the clock was set back.
pub(crate) fn read(
    conn: &Connection,
    from: Timestamp,
    to: Timestamp,
    each: &mut dyn FnMut(JournalRow),
) -> rusqlite::Result<()> {
    let (from, to) = (from.as_microsecond(), to.as_microsecond());
    let begins = |tail: &str, us: i64| -> rusqlite::Result<Option<i64>> {
        let sql = format!("SELECT seq FROM journal WHERE begins = 1 AND {tail} LIMIT 1");
        conn.prepare_cached(&sql)?.query_row([us], |r| r.get(0)).optional()
    };
    // The index of beginnings is walked from its end: beginnings are few.
    let first = match begins("at_us <= ?1 ORDER BY seq DESC", from)? {
        Some(seq) => Some(seq),
        None => begins("at_us >= ?1 ORDER BY seq", from)?,
    };
    let last: Option<i64> = conn
        .prepare_cached("SELECT seq FROM journal WHERE at_us <= ?1 ORDER BY at_us DESC, seq DESC LIMIT 1")?
        .query_row([to], |r| r.get(0))
        .optional()?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
    let mut ask = conn.prepare_cached(
        "SELECT at_us, at_ns, begins, body, digest FROM journal WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
    )?;
    let mut rows = ask.query([first, last])?;
    while let Some(r) = rows.next()? {
        each(row(r)?);
    }
    Ok(())
}

fn row(r: &Row<'_>) -> rusqlite::Result<JournalRow> {
    let nanoseconds = i128::from(r.get::<_, i64>(0)?) * 1_000 + i128::from(r.get::<_, i64>(1)?);
    let at = Timestamp::from_nanosecond(nanoseconds)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(e)))?;
    Ok(JournalRow { at, begins: r.get(2)?, body: unpacked(r, 3)?, digest: r.get(4)? })
}
