//! Long texts, small: a text that is worth it is deflated on its way into a column and inflated on its way out.
//!
//! Rule: a TEXT is as it was written, a BLOB is deflated; a column says by its type which it is. What does not inflate is damage. Start at [`Packed::new`].

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::types::{FromSqlError, ToSqlOutput, Type, ValueRef};
use rusqlite::{Row, ToSql};

/// Texts of up to so many bytes stay as they are: deflating them saves less than the head of a row costs.
const LONG: usize = 1_024;

/// No text that was packed is longer, in bytes: a damaged one must not fill the memory.
const LONGEST: u64 = 256 << 20;

/// A text as a column keeps it.
#[derive(Debug)]
pub(crate) enum Packed {
    Plain(String),
    Deflated(Vec<u8>),
}

impl Packed {
    /// Packs a text, if it is long.
    pub(crate) fn new(text: &str) -> Packed {
        if text.len() <= LONG {
            return Packed::Plain(text.to_owned());
        }
        let mut packer = ZlibEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
        match packer.write_all(text.as_bytes()).and_then(|()| packer.finish()) {
            Ok(bytes) => Packed::Deflated(bytes),
            // Memory does not refuse to be written to.
            Err(_) => Packed::Plain(text.to_owned()),
        }
    }
}

impl ToSql for Packed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Packed::Plain(text) => ValueRef::Text(text.as_bytes()),
            Packed::Deflated(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Reads a text that may be packed.
pub(crate) fn unpacked(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bad = |kind, why: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, kind, why)
    };
    match row.get_ref(column)? {
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).map_err(|e| bad(Type::Text, Box::new(e))),
        ValueRef::Blob(bytes) => {
            let mut text = String::new();
            let read = ZlibDecoder::new(bytes).take(LONGEST).read_to_string(&mut text);
            read.map(|_| text).map_err(|e| bad(Type::Blob, Box::new(e)))
        }
        other => Err(bad(other.data_type(), Box::new(FromSqlError::InvalidType))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_a_column(packed: &Packed) -> rusqlite::Result<String> {
        rusqlite::Connection::open_in_memory()?.query_row("SELECT ?1", [packed], |r| unpacked(r, 0))
    }

    #[test]
    fn a_text_reads_back_and_a_long_one_is_small() {
        for length in [0, 1, LONG, LONG + 1, 300_000] {
            let text: String = "{\"task\":\"é\"}".chars().cycle().take(length).collect();
            let packed = Packed::new(&text);
            assert_eq!(through_a_column(&packed), Ok(text), "{length} characters");
            if let Packed::Deflated(bytes) = &packed {
                assert!(bytes.len() < length / 10, "{length} characters became {} bytes", bytes.len());
            }
            assert_eq!(
                matches!(packed, Packed::Deflated(_)),
                length >= LONG,
                "{length}: letters of two bytes are among them"
            );
        }
    }

    #[test]
    fn what_does_not_inflate_is_no_text() {
        let Packed::Deflated(mut bytes) = Packed::new(&"abc".repeat(1_000)) else { panic!("it is long") };
        bytes.truncate(bytes.len() / 2);
        through_a_column(&Packed::Deflated(bytes)).expect_err("half a text");
        through_a_column(&Packed::Deflated(b"no zlib".to_vec())).expect_err("no text at all");
    }
}
