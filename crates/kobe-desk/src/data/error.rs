//! What can be wrong with a data set: every case names the file, the place and the cause, and knows a hint.

use std::path::PathBuf;

use thiserror::Error;

/// A place in a text file, both from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The byte column in that line.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a data set cannot be used. Nothing is loaded when any part of it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// A file that must be there is not.
    #[error("{}: neither {name}.csv nor {name}.csv.gz is there", dir.display())]
    Missing {
        /// The directory looked into.
        dir: PathBuf,
        /// The name without its ending.
        name: String,
    },
    /// A file is there in both forms.
    #[error("{}: both {name}.csv and {name}.csv.gz are there", dir.display())]
    Twice {
        /// The directory looked into.
        dir: PathBuf,
        /// The name without its ending.
        name: String,
    },
    /// The system would not read the file or directory.
    #[error("{}: {cause}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The compressed file is damaged or cut off.
    #[error("{file}: not a whole gzip file: {cause}")]
    Gzip {
        /// The file.
        file: String,
        /// What the decompressor said.
        cause: String,
    },
    /// The file unpacks to more than the desk is willing to hold.
    #[error("{file}: larger than {limit_mib} MiB")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit_mib: usize,
    },
    /// The file is not the one that the manifest was written for.
    #[error("{file}: sha256 is {found}, MANIFEST.csv says {expected}")]
    Checksum {
        /// The file.
        file: String,
        /// As the manifest says.
        expected: String,
        /// As the bytes give.
        found: String,
    },
    /// The file holds another number of rows than the manifest says.
    #[error("{file}: {found} rows, MANIFEST.csv says {expected}")]
    Rows {
        /// The file.
        file: String,
        /// As the manifest says.
        expected: usize,
        /// As counted, without the header.
        found: usize,
    },
    /// A NUL byte, or bytes that are no UTF-8.
    #[error("{at}: not text: {cause}")]
    NotText {
        /// Where.
        at: Place,
        /// Which of the two.
        cause: &'static str,
    },
    /// The header lacks a column, or names one twice.
    #[error("{at}: the header must name the column {name:?} once")]
    Column {
        /// The header's place.
        at: Place,
        /// The column.
        name: &'static str,
    },
    /// A row has more or fewer fields than the header, or a quote that never closes.
    #[error("{at}: {cause}")]
    Shape {
        /// Where.
        at: Place,
        /// What is wrong.
        cause: String,
    },
    /// A field does not hold what its column asks for.
    #[error("{at}: {name} is {value:?}: {cause}")]
    Value {
        /// Where the field begins.
        at: Place,
        /// The column.
        name: &'static str,
        /// The field.
        value: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Rows that are fine alone contradict themselves or each other: prices out of their range, dates repeated or out of order.
    #[error("{at}: {cause}")]
    Rule {
        /// Where.
        at: Place,
        /// Which rule and how it is broken.
        cause: String,
    },
    /// The bar file has a header and nothing else.
    #[error("no bars: equities_daily holds no row")]
    NoBars,
    /// There is no index file, and no symbol has enough bars to make a proxy.
    #[error(
        "no index: spx_closes is missing and no symbol has {} bars to make an equal-weight one",
        kobe_quant::MIN_BARS
    )]
    NoIndex,
}

impl DataError {
    /// Returns what to do about it, one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            DataError::Missing { .. } => {
                "a data directory holds equities_daily and corporate_actions, the other files are optional"
            }
            DataError::Twice { .. } => "remove one of the two",
            DataError::Read { .. } => "check the path given with --data and the permissions",
            DataError::Gzip { .. } => "copy the file again, or put the plain .csv in its place",
            DataError::TooLarge { .. } => "daily bars of a few thousand symbols fit; look for a file of another kind",
            DataError::Checksum { .. } | DataError::Rows { .. } => {
                "the file changed after MANIFEST.csv was written: restore it, or update or remove the manifest if the change is meant"
            }
            DataError::NotText { .. } => {
                "the file is damaged or not a csv file in UTF-8; a .gz file needs the ending .csv.gz"
            }
            DataError::Column { .. } => "the first line names the columns, in lower case, separated by commas",
            DataError::Shape { .. } => "a field with a comma stands in double quotes, on one line",
            DataError::Value { .. } => {
                "dates are YYYY-MM-DD, numbers plain with a point; prices are as traded, with at most 4 decimals"
            }
            DataError::Rule { .. } => "correct the row or remove it; nothing is repaired on its own",
            DataError::NoBars => "one row per symbol and session: symbol,date,open,high,low,close,volume",
            DataError::NoIndex => "add spx_closes.csv (date,close) or longer bars",
        }
    }

    /// Returns the place in the file, where the error has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            DataError::NotText { at, .. }
            | DataError::Column { at, .. }
            | DataError::Shape { at, .. }
            | DataError::Value { at, .. }
            | DataError::Rule { at, .. } => Some(at),
            _ => None,
        }
    }
}
