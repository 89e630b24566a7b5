//! Events: the decision days of the Federal Open Market Committee, and how far the table of them reaches.
//!
//! `data/events.csv` has one row per day with its status and its evidence. Outside its span nobody here knows, and the
//! answer says so. Start at [`Events::fomc`].

use jiff::civil::{Date, date};
use serde::Serialize;

use crate::TableError;

const TABLE: &str = "events.csv";

/// What the table says about a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FomcDay {
    /// No decision.
    No,
    /// A decision that was scheduled long before.
    Scheduled,
    /// A decision in a calendar that the committee calls tentative.
    Tentative,
    /// A decision or call that nobody knew of on the day before.
    Unscheduled,
    /// Outside the span of the table.
    Unknown,
}

impl FomcDay {
    /// Returns true for the days on which entries are blocked: scheduled and tentative ones. An unscheduled day never
    /// gates, because nobody knew it.
    pub const fn gates(self) -> bool {
        matches!(self, FomcDay::Scheduled | FomcDay::Tentative)
    }
}

/// The dates about which the table speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EventsSpan {
    /// January 1 of the year of the first row: the table holds whole years.
    pub from: Date,
    /// The last row. What comes after it is not known, although its year may go on.
    pub to: Date,
}

/// The table of decision days.
#[derive(Debug, Clone)]
pub struct Events {
    /// Rising by date.
    days: Vec<(Date, FomcDay)>,
    span: EventsSpan,
}

impl Events {
    /// Reads the table that comes with the program.
    ///
    /// # Errors
    /// [`TableError`] if it does not read; a test sees that it does.
    pub fn bundled() -> Result<Events, TableError> {
        Events::parse(crate::market::EVENTS)
    }

    /// Reads a table with the columns `date,event,kind,status,...`; what follows the status is for people.
    ///
    /// # Errors
    /// [`TableError`] with the line of the first row that does not read, stands twice or out of order.
    pub fn parse(csv: &str) -> Result<Events, TableError> {
        let mut days: Vec<(Date, FomcDay)> = Vec::new();
        for (at, row) in csv.lines().enumerate().skip(1).filter(|(_, row)| !row.trim().is_empty()) {
            let wrong = |problem: String, hint: &str| {
                Err(TableError { table: TABLE, line: at + 1, problem, hint: hint.to_owned() })
            };
            let mut cells = row.split(',');
            let (stated, event, _kind, status) = (cells.next(), cells.next(), cells.next(), cells.next());
            let Some(date) = stated.and_then(|cell| cell.parse::<Date>().ok()) else {
                return wrong(format!("`{}` is not a date", stated.unwrap_or("")), "write it as 2026-10-28");
            };
            if event != Some("fomc") {
                return wrong(format!("`{}` is no known event", event.unwrap_or("")), "the only event is `fomc`");
            }
            let status = match status {
                Some("scheduled") => FomcDay::Scheduled,
                Some("tentative") => FomcDay::Tentative,
                Some("unscheduled") => FomcDay::Unscheduled,
                other => {
                    let problem = format!("`{}` is no known status", other.unwrap_or(""));
                    return wrong(problem, "write scheduled, tentative or unscheduled");
                }
            };
            if days.last().is_some_and(|(last, _)| *last >= date) {
                return wrong(format!("{date} does not follow the row above"), "keep one row a day, rising by date");
            }
            days.push((date, status));
        }
        let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else {
            let hint = "without rows every day is unknown: keep at least one".to_owned();
            return Err(TableError { table: TABLE, line: 1, problem: "no rows".to_owned(), hint });
        };
        let span = EventsSpan { from: date(first.year(), 1, 1), to: *last };
        Ok(Events { days, span })
    }

    /// Returns the dates about which the table speaks.
    pub fn span(&self) -> EventsSpan {
        self.span
    }

    /// Returns what the table says about `date`.
    pub fn fomc(&self, date: Date) -> FomcDay {
        match self.days.binary_search_by_key(&date, |(day, _)| *day) {
            Ok(at) => self.days[at].1,
            Err(_) if self.span.from <= date && date <= self.span.to => FomcDay::No,
            Err(_) => FomcDay::Unknown,
        }
    }

    /// Returns the first scheduled or tentative decision day after `date`; `None` past the last row.
    pub fn next_decision(&self, date: Date) -> Option<Date> {
        let from = self.days.partition_point(|(day, _)| *day <= date);
        self.days[from..].iter().find(|(_, day)| day.gates()).map(|(day, _)| *day)
    }

    /// Lists every row, rising by date.
    pub fn days(&self) -> &[(Date, FomcDay)] {
        &self.days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_speaks_from_2004_to_its_last_row() {
        let events = Events::bundled().unwrap();
        assert_eq!(events.span(), EventsSpan { from: date(2004, 1, 1), to: date(2027, 12, 8) });
        let count = |wanted| events.days().iter().filter(|(_, day)| *day == wanted).count();
        assert_eq!((count(FomcDay::Scheduled), count(FomcDay::Tentative), count(FomcDay::Unscheduled)), (183, 8, 6));
    }

    #[test]
    fn each_day_has_the_answer_of_its_row_or_none() {
        let rows = [
            ("a scheduled decision", date(2026, 10, 28), FomcDay::Scheduled),
            ("the source's wrong date of 2026", date(2026, 5, 6), FomcDay::No),
            ("a tentative decision", date(2027, 12, 8), FomcDay::Tentative),
            ("an emergency cut on a Sunday", date(2020, 3, 15), FomcDay::Unscheduled),
            ("an ordinary day", date(2012, 6, 1), FomcDay::No),
            ("a day before the first row in its year", date(2004, 1, 2), FomcDay::No),
            ("the day before the table", date(2003, 12, 31), FomcDay::Unknown),
            ("the day after the last row", date(2027, 12, 9), FomcDay::Unknown),
        ];
        let events = Events::bundled().unwrap();
        for (name, date, expected) in rows {
            assert_eq!(events.fomc(date), expected, "{name}");
        }
        assert_eq!(
            events.next_decision(date(2020, 1, 29)),
            Some(date(2020, 4, 29)),
            "unscheduled ones are passed over"
        );
        assert_eq!(events.next_decision(date(2027, 12, 8)), None);
    }

    #[test]
    fn a_bad_row_is_named_with_its_line() {
        let rows = [
            ("2026-13-01,fomc,decision,scheduled", "events.csv, line 2: `2026-13-01` is not a date"),
            ("2026-01-01,cpi,release,scheduled", "events.csv, line 2: `cpi` is no known event"),
            ("2026-01-01,fomc,decision,perhaps", "events.csv, line 2: `perhaps` is no known status"),
            (
                "2026-01-01,fomc,decision,scheduled\n2026-01-01,fomc,call,unscheduled",
                "events.csv, line 3: 2026-01-01 does not follow the row above",
            ),
            ("", "events.csv, line 1: no rows"),
        ];
        for (row, expected) in rows {
            let error = Events::parse(&format!("date,event,kind,status\n{row}\n")).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(!error.hint.is_empty());
        }
    }
}
