//! Errors: one enum per question asked.
//!
//! [`CalendarError`] when a date or instant cannot be answered, [`RuleError`] when a venue's file is wrong,
//! [`TableError`] when a desk table is. The last two name the place and offer a remedy.

use jiff::civil::Date;

/// Why the calendar gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The answer lies outside the dates that the rules cover.
    #[error("{exchange} is known from {from} to {to}, and {date} lies outside")]
    OutOfCoverage {
        /// The venue.
        exchange: String,
        /// The date that was needed.
        date: Date,
        /// First date known.
        from: Date,
        /// Last date projected.
        to: Date,
    },
    /// The date is known, its hours are not.
    #[error(
        "{exchange} has known hours from {times_from} on, and {date} lies before: only session dates are known there"
    )]
    TimesUnknown {
        /// The venue.
        exchange: String,
        /// The date that was needed.
        date: Date,
        /// First date whose hours are known.
        times_from: Date,
    },
    /// A desk table does not read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A venue's rule file does not read.
    #[error(transparent)]
    Rules(#[from] RuleError),
}

impl CalendarError {
    /// Says what the caller can do instead.
    pub fn hint(&self) -> String {
        match self {
            CalendarError::OutOfCoverage { from, to, .. } => format!("ask for a date from {from} to {to}"),
            CalendarError::TimesUnknown { times_from, .. } => {
                format!("ask for a date from {times_from} on, or for session dates without hours")
            }
            CalendarError::Table(error) => error.hint.clone(),
            CalendarError::Rules(error) => error.hint().to_owned(),
        }
    }
}

/// What is wrong with a venue's rule file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct RuleError {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column of that line in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: RuleProblem,
}

impl RuleError {
    /// Says what would be right in its place.
    pub fn hint(&self) -> &'static str {
        match &self.problem {
            RuleProblem::Toml(_) => "see exchanges/XNYS.toml for every key and its form",
            RuleProblem::Overlay(_) => {
                "an `[[entry]]` has `exchange`, `date`, `declared_at`, `reason` and one change: `closed`, `open`, `close`, `halt` or `as_planned`"
            }
            RuleProblem::Schema(_) => "this program reads `schema = 1`",
            RuleProblem::Zone(_) => "write an IANA name such as \"America/New_York\", or \"UTC\"",
            RuleProblem::Time(_) => "write hours and minutes as \"09:30\", at most \"24:00\"",
            RuleProblem::Date(_) => "write a calendar date without a time, such as 2001-09-11",
            RuleProblem::DayRule(_) => {
                "write \"jul 4\", \"3rd mon of jan\", \"last mon of may\", \"tue from nov 2\", \"mon until may 24\", \"easter\", \"chinese 1 1\", \"hijri 10 1\" or, for hours only, \"last session of dec\", and a number of days after it if needed: \"easter -2\""
            }
            RuleProblem::Weekdays(_) => "write \"mon-fri\", or the days one by one: \"mon tue thu\"",
            RuleProblem::Years(_) => {
                "write \"1998..\", \"..1963\", \"1964..1970\", \"1992\", every fourth year as \"1968..1980/4\", or several of them: \"2000..2019 2022..\""
            }
            RuleProblem::Hours(_) => {
                "each opening lies before its close, the pauses between them in order, and each `from` after the one above, or beside it for other `days`"
            }
            RuleProblem::Span(_) => {
                "`from`, `confirmed_to` and `to` rise, and the first `hours.from` lies between `from` and `to`"
            }
            RuleProblem::NotASession(_) => "take the date out: the venue does not trade on it anyway",
            RuleProblem::AlreadyASession(_) => "take the date out, or state its hours under `special_hours`",
            RuleProblem::NeverActs(_) => "take the line out, or mend its day, its years or its weekdays",
            RuleProblem::Instant(_) => "write an instant with its offset, such as 2026-12-07T16:10:00Z",
            RuleProblem::OneChange => {
                "write one of `closed = true`, `as_planned = true`, or hours: `open`, `close`, `halt = [\"13:00\", \"14:10\"]`"
            }
            RuleProblem::NoChange => "write `close = \"13:00\"`, `open = \"10:00\"`, or both",
            RuleProblem::Missing(_) => "write it, or name a venue to take it from: `extends = \"XNYS\"`",
            RuleProblem::Extends(_) => "name a venue that comes with the program; `kobe calendar list` shows them",
            RuleProblem::Without(_) => "name a rule of the venue that `extends` names, as its file writes it",
            RuleProblem::Twice(_) => "keep one of the two lines",
        }
    }
}

/// The kinds of mistakes in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Not TOML, or a key or type that is not known.
    #[error("{0}")]
    Toml(String),
    /// An overlay that is not TOML, or a key or type in it that is not known.
    #[error("{0}")]
    Overlay(String),
    /// A format of another generation.
    #[error("schema {0} is not known")]
    Schema(i64),
    /// No such time zone.
    #[error("no time zone is called `{0}`")]
    Zone(String),
    /// Not a time of day.
    #[error("`{0}` is not a time of day")]
    Time(String),
    /// Not a calendar date.
    #[error("`{0}` is not a calendar date")]
    Date(String),
    /// Not a rule that names one day a year.
    #[error("`{0}` does not name a day of the year")]
    DayRule(String),
    /// Not a set of weekdays.
    #[error("`{0}` does not name weekdays")]
    Weekdays(String),
    /// Not a range of years.
    #[error("`{0}` is not a range of years")]
    Years(String),
    /// Hours in an impossible order.
    #[error("the hours {0} are in an impossible order")]
    Hours(String),
    /// Coverage in an impossible order.
    #[error("the coverage {0} is in an impossible order")]
    Span(String),
    /// A closure or a change of hours on a day without a session.
    #[error("{0} is no session even without this line")]
    NotASession(Date),
    /// An extra session on a day that has one.
    #[error("{0} is a session even without this line")]
    AlreadyASession(Date),
    /// A rule that changes no day of the span.
    #[error("the rule `{0}` never acts in the years that the file covers")]
    NeverActs(String),
    /// Not an instant.
    #[error("`{0}` is not an instant")]
    Instant(String),
    /// An entry of an overlay that says nothing, or two things.
    #[error("an entry changes one thing")]
    OneChange,
    /// A rule for changed hours without any.
    #[error("neither `open` nor `close` is changed")]
    NoChange,
    /// A key that is needed.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Extends a venue that there is not.
    #[error("no other venue is called `{0}`")]
    Extends(String),
    /// Leaves out a rule that there is not.
    #[error("no rule to leave out is called `{0}`")]
    Without(String),
    /// One date with two closures, or with two changes of hours.
    #[error("{0} is stated twice")]
    Twice(Date),
}

/// What is wrong with a desk table (`modes.csv`, `events.csv`), and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table}, line {line}: {problem}")]
pub struct TableError {
    /// Name of the table.
    pub table: &'static str,
    /// Line, from 1; the header is line 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
    /// What would be right in its place.
    pub hint: String,
}
