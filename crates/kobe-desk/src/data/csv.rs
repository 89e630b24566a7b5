//! A small reader of comma-separated text: a header, then rows of as many fields.
//!
//! Fields may be quoted ("" inside stands for one quote) but not span lines. Columns are found by name, more may be there than are asked for. Keeps line and
//! column of every field, so that an error can point at it. Any bytes may be given: what is not such a file is an error, never a panic.

use std::borrow::Cow;

use jiff::civil::Date;
use kobe_quant::Px;
use rust_decimal::Decimal;

use super::error::{DataError, Place};

/// A file as text with its columns.
pub struct Table<'a> {
    file: &'a str,
    body: &'a str,
    header: Vec<Cow<'a, str>>,
}

/// One row; fields are asked for by the place that [`Table::column`] gave.
pub struct Row<'a, 'b> {
    file: &'a str,
    /// The line in the file, from 1.
    pub line: usize,
    fields: &'b [(usize, Cow<'a, str>)],
}

/// A column of a table: its name and place.
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    at: usize,
}

impl<'a> Table<'a> {
    /// Reads the header of `bytes`.
    pub fn open(file: &'a str, bytes: &'a [u8]) -> Result<Table<'a>, DataError> {
        if let Some(at) = bytes.iter().position(|b| *b == 0) {
            return Err(DataError::NotText { at: place_of(file, bytes, at), cause: "a NUL byte" });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| DataError::NotText {
            at: place_of(file, bytes, e.valid_up_to()),
            cause: "bytes that are not UTF-8",
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let mut fields = Vec::new();
        split(head.trim_end_matches('\r'), &mut fields).map_err(|(column, cause)| shape(file, 1, column, cause))?;
        Ok(Table { file, body, header: fields.into_iter().map(|(_, name)| name).collect() })
    }

    /// Returns the file's name.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Finds a column that must be there once.
    pub fn column(&self, name: &'static str) -> Result<Column, DataError> {
        let mut found = self.header.iter().enumerate().filter(|(_, have)| *have == name);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(Column { name, at }),
            _ => Err(DataError::Column { at: place(self.file, 1, 1), name }),
        }
    }

    /// Calls `each` for every row and returns their number; empty lines are passed over.
    pub fn rows(&self, mut each: impl FnMut(Row<'a, '_>) -> Result<(), DataError>) -> Result<usize, DataError> {
        let (mut count, mut fields) = (0, Vec::new());
        for (i, text) in self.body.split('\n').enumerate() {
            let (line, text) = (i + 2, text.strip_suffix('\r').unwrap_or(text));
            if text.is_empty() {
                continue;
            }
            fields.clear();
            split(text, &mut fields).map_err(|(column, cause)| shape(self.file, line, column, cause))?;
            if fields.len() != self.header.len() {
                let cause = format!("{} fields, the header names {}", fields.len(), self.header.len());
                return Err(shape(self.file, line, 1, cause));
            }
            each(Row { file: self.file, line, fields: &fields })?;
            count += 1;
        }
        Ok(count)
    }
}

impl<'a> Row<'a, '_> {
    /// Returns the field as text.
    pub fn text(&self, column: Column) -> &str {
        &self.fields[column.at].1
    }

    /// Returns the place where the row begins.
    pub fn place(&self) -> Place {
        place(self.file, self.line, 1)
    }

    /// Makes the error that the field is not what it should be.
    pub fn wrong(&self, column: Column, cause: impl Into<String>) -> DataError {
        let (at, value) = &self.fields[column.at];
        // A damaged file can hold a field of any length; the message shows its beginning.
        let value = value.chars().take(60).collect();
        DataError::Value { at: place(self.file, self.line, *at), name: column.name, value, cause: cause.into() }
    }

    /// Makes the error that the row breaks a rule.
    pub fn broken(&self, cause: impl Into<String>) -> DataError {
        DataError::Rule { at: self.place(), cause: cause.into() }
    }

    /// Reads a name: one to 64 printable characters.
    pub fn name(&self, column: Column) -> Result<&str, DataError> {
        match self.text(column) {
            "" => Err(self.wrong(column, "nothing stands here")),
            text if text.len() > 64 || text.chars().any(char::is_control) => {
                Err(self.wrong(column, "not a name of at most 64 printable characters"))
            }
            text => Ok(text),
        }
    }

    /// Reads a ticker: one to 16 capital letters, digits, points or dashes, a letter first.
    pub fn symbol(&self, column: Column) -> Result<&str, DataError> {
        let text = self.text(column);
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        let whole = text.len() <= 16 && text.bytes().all(fits) && text.starts_with(|c: char| c.is_ascii_uppercase());
        if whole {
            Ok(text)
        } else {
            Err(self.wrong(column, "not a symbol: 1 to 16 capital letters, digits, points, dashes"))
        }
    }

    /// Reads a date, YYYY-MM-DD.
    pub fn date(&self, column: Column) -> Result<Date, DataError> {
        date(self.text(column)).ok_or_else(|| self.wrong(column, "not a date YYYY-MM-DD"))
    }

    /// Reads a date or nothing.
    pub fn maybe_date(&self, column: Column) -> Result<Option<Date>, DataError> {
        if self.text(column).is_empty() { Ok(None) } else { self.date(column).map(Some) }
    }

    /// Reads a price as traded.
    pub fn price(&self, column: Column) -> Result<Px, DataError> {
        Px::parse(self.text(column)).map_err(|e| self.wrong(column, e.to_string()))
    }

    /// Reads a finite number in plain digits.
    pub fn number(&self, column: Column) -> Result<f64, DataError> {
        let text = self.text(column);
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        let number = text.parse().ok().filter(|x: &f64| plain && x.is_finite());
        number.ok_or_else(|| self.wrong(column, "not a number"))
    }

    /// Reads a number or nothing.
    pub fn maybe_number(&self, column: Column) -> Result<Option<f64>, DataError> {
        if self.text(column).is_empty() { Ok(None) } else { self.number(column).map(Some) }
    }

    /// Reads an exact decimal that is not negative.
    pub fn decimal(&self, column: Column) -> Result<Decimal, DataError> {
        let text = self.text(column);
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.bytes().any(|b| b.is_ascii_digit());
        let number = if plain { Decimal::from_str_exact(text).ok() } else { None };
        number.ok_or_else(|| self.wrong(column, "not a decimal number of at least zero"))
    }

    /// Reads a decimal or nothing.
    pub fn maybe_decimal(&self, column: Column) -> Result<Option<Decimal>, DataError> {
        if self.text(column).is_empty() { Ok(None) } else { self.decimal(column).map(Some) }
    }
}

pub(super) fn place(file: &str, line: usize, column: usize) -> Place {
    Place { file: file.to_owned(), line, column }
}

fn shape(file: &str, line: usize, column: usize, cause: impl Into<String>) -> DataError {
    DataError::Shape { at: place(file, line, column), cause: cause.into() }
}

fn place_of(file: &str, bytes: &[u8], at: usize) -> Place {
    let before = &bytes[..at];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    place(file, line, at - start + 1)
}

/// Reads YYYY-MM-DD and nothing else.
fn date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0i16, |n, b| b.is_ascii_digit().then(|| n * 10 + i16::from(b - b'0')))
    };
    Date::new(digits(0..4)?, i8::try_from(digits(5..7)?).ok()?, i8::try_from(digits(8..10)?).ok()?).ok()
}

/// Cuts one line into fields, each with the column where it begins; the error is a column and a cause.
fn split<'a>(line: &'a str, fields: &mut Vec<(usize, Cow<'a, str>)>) -> Result<(), (usize, &'static str)> {
    let mut at = 0;
    loop {
        let rest = &line[at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(',').unwrap_or(rest.len());
            fields.push((at + 1, Cow::Borrowed(&rest[..end])));
            if end == rest.len() {
                return Ok(());
            }
            at += end + 1;
            continue;
        };
        let (mut value, mut from) = (String::new(), 0);
        let after = loop {
            let quote =
                from + quoted[from..].find('"').ok_or((at + 1, "a quote opens here and never closes on this line"))?;
            value.push_str(&quoted[from..quote]);
            from = quote + 1;
            if !quoted[from..].starts_with('"') {
                break &quoted[from..];
            }
            value.push('"');
            from += 1;
        };
        fields.push((at + 1, Cow::Owned(value)));
        at += 1 + from;
        match after.as_bytes().first() {
            None => return Ok(()),
            Some(b',') => at += 1,
            Some(_) => return Err((at + 1, "a comma or the end of the line must follow the quote")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Result<Vec<(usize, String)>, (usize, &'static str)> {
        let mut fields = Vec::new();
        split(line, &mut fields)?;
        Ok(fields.into_iter().map(|(at, text)| (at, text.into_owned())).collect())
    }

    #[test]
    fn lines_are_cut_at_commas_outside_quotes() {
        for (line, expect) in [
            ("", vec![(1, "")]),
            ("a", vec![(1, "a")]),
            ("a,", vec![(1, "a"), (3, "")]),
            (",,", vec![(1, ""), (2, ""), (3, "")]),
            ("a,\"b,c\",d", vec![(1, "a"), (3, "b,c"), (9, "d")]),
            ("\"\"", vec![(1, "")]),
            ("\"say \"\"no\"\"\",x", vec![(1, "say \"no\""), (14, "x")]),
            ("a \"b\" c,d", vec![(1, "a \"b\" c"), (9, "d")]),
            ("é,\"ü\",ö", vec![(1, "é"), (4, "ü"), (9, "ö")]),
        ] {
            let expect: Vec<_> = expect.into_iter().map(|(at, text)| (at, text.to_owned())).collect();
            assert_eq!(cut(line), Ok(expect), "{line}");
        }
        for (line, column) in [("a,\"b", 3), ("\"", 1), ("\"a\"b", 4), ("x,\"a\" ,b", 6), ("\"\"\"", 1)] {
            assert_eq!(cut(line).unwrap_err().0, column, "{line}");
        }
    }

    #[test]
    fn dates_are_iso_or_nothing() {
        for (text, fits) in [
            ("2012-02-29", true),
            ("2011-02-29", false),
            ("2012-2-29", false),
            ("2012-13-01", false),
            ("2012/01/02", false),
            ("2012-01-02 ", false),
            ("99999999999", false),
            ("-012-01-01", false),
            ("é012-01-0", false),
        ] {
            assert_eq!(date(text).is_some(), fits, "{text}");
        }
    }
}
