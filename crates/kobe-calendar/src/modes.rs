//! Modes: which minute of the day belongs to which phase and work mode, as a table.
//!
//! `data/modes.csv` has rows `phase,day_kind,from,to,work_mode,coarse_phase`; a time is on the clock (`09:30`) or counted
//! from the close (`close-30m`). Rows that begin at or around the close win over the clock, so that an early close cuts
//! off what lay after it. A row that begins at the close and ends on the clock runs over midnight: its end stands on
//! the same date's morning. The table must cover every minute of every kind of day; [`ModeTable::layout`] says if not.

use jiff::civil::Weekday;

use crate::names::named;
use crate::rules::{Minute, Plan, minute};
use crate::{CoarsePhase, Phase, TableError, WorkMode};

const TABLE: &str = "modes.csv";
const DAY: Minute = 24 * 60;

named! {
    /// The kinds of day that the table tells apart.
    RowKind, "kind of day", {
        Weekday = "weekday",
        HalfDay = "half_day",
        Holiday = "holiday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
}

/// A time of the day, on the clock or from the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Clock(Minute),
    /// Minutes after the close; negative before it.
    Close(i16),
}

impl Edge {
    fn parse(text: &str) -> Option<Edge> {
        let Some(rest) = text.strip_prefix("close") else { return minute(text).map(Edge::Clock) };
        if rest.is_empty() {
            return Some(Edge::Close(0));
        }
        let (number, unit) = rest[1..].split_at_checked(rest.len() - 2)?;
        let minutes = number.parse::<i16>().ok()?.checked_mul(match unit {
            "m" => 1,
            "h" => 60,
            _ => return None,
        })?;
        match &rest[..1] {
            "+" => Some(Edge::Close(minutes)),
            "-" => Some(Edge::Close(-minutes)),
            _ => None,
        }
    }

    /// Returns its minute on a day that closes at `close`, kept within the day.
    fn on(self, close: Minute) -> Minute {
        match self {
            Edge::Clock(minute) => minute,
            Edge::Close(after) => close.saturating_add(after).clamp(0, DAY),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    line: usize,
    kind: RowKind,
    from: Edge,
    to: Edge,
    slot: Slot,
}

/// What one minute belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub phase: Phase,
    pub coarse: CoarsePhase,
    pub mode: WorkMode,
}

/// A day cut into slots: `(first minute, minute after the last, slot)`, without gap from 0 to 1440.
pub(crate) type Layout = Vec<(Minute, Minute, Slot)>;

/// The table of phases and work modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeTable {
    rows: Vec<Row>,
}

impl ModeTable {
    /// Reads the table that comes with the program.
    ///
    /// # Errors
    /// [`TableError`] if it does not read; a test sees that it does.
    pub fn bundled() -> Result<ModeTable, TableError> {
        ModeTable::parse(crate::market::MODES)
    }

    /// Reads a table with the columns `phase,day_kind,from,to,work_mode,coarse_phase`.
    ///
    /// # Errors
    /// [`TableError`] with the line of the first row that does not read.
    pub fn parse(csv: &str) -> Result<ModeTable, TableError> {
        let mut rows = Vec::new();
        for (at, text) in csv.lines().enumerate().skip(1).filter(|(_, row)| !row.trim().is_empty()) {
            rows.push(row(at + 1, text)?);
        }
        Ok(ModeTable { rows })
    }

    /// Returns which rows speak about a session: those of a half day where the close cuts the weekday's last stretch of
    /// clock time away altogether, else those of a weekday.
    pub(crate) fn kind_of(&self, plan: &Plan) -> RowKind {
        let cut_away = |row: &Row| {
            row.kind == RowKind::Weekday
                && matches!((row.from, row.to), (Edge::Clock(_), Edge::Close(_)))
                && row.to.on(plan.close) <= row.from.on(plan.close)
        };
        if plan.early_close() && self.rows.iter().any(cut_away) { RowKind::HalfDay } else { RowKind::Weekday }
    }

    /// Cuts a day of one kind into slots. `close` is the minute of the close, of any value on a day without session.
    ///
    /// # Errors
    /// [`TableError`] if two rows of the clock overlap or a minute belongs to no row.
    pub(crate) fn layout(&self, kind: RowKind, close: Minute) -> Result<Layout, TableError> {
        let mut minutes: [Option<&Row>; DAY as usize] = [None; DAY as usize];
        let mut paint = |row, from: Minute, to: Minute, over: bool| {
            for minute in &mut minutes[from.min(to) as usize..to as usize] {
                match minute {
                    Some(Row { line, .. }) if !over => return Err(overlap(row, *line)),
                    _ => *minute = Some(row),
                }
            }
            Ok(())
        };
        let rows = || self.rows.iter().filter(|row| row.kind == kind);
        for row in rows() {
            match (row.from, row.to) {
                (Edge::Clock(from), to) => paint(row, from, to.on(close), false)?,
                (Edge::Close(_), Edge::Clock(to)) => paint(row, 0, to, false)?,
                (Edge::Close(_), Edge::Close(_)) => {}
            }
        }
        for row in rows().filter(|row| matches!(row.from, Edge::Close(_))) {
            let to = if matches!(row.to, Edge::Clock(_)) { DAY } else { row.to.on(close) };
            paint(row, row.from.on(close), to, true)?;
        }
        let mut layout = Layout::new();
        for (minute, row) in (0..).zip(minutes) {
            let Some(row) = row else { return Err(uncovered(kind, minute)) };
            match layout.last_mut() {
                Some((_, to, slot)) if *slot == row.slot => *to = minute + 1,
                _ => layout.push((minute, minute + 1, row.slot)),
            }
        }
        Ok(layout)
    }
}

impl RowKind {
    /// Returns the kind of a day without session outside the venue's week.
    pub(crate) fn of_weekend(weekday: Weekday) -> RowKind {
        if weekday == Weekday::Sunday { RowKind::Sunday } else { RowKind::Saturday }
    }
}

fn row(line: usize, text: &str) -> Result<Row, TableError> {
    let wrong = |problem: String, hint: String| TableError { table: TABLE, line, problem, hint };
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    let [phase, kind, from, to, mode, coarse] = cells[..] else {
        let problem = format!("{} cells, not 6", cells.len());
        return Err(wrong(problem, "phase,day_kind,from,to,work_mode,coarse_phase".to_owned()));
    };
    let known = |error: crate::UnknownName| wrong(error.to_string(), format!("one of: {}", error.known.join(", ")));
    let edge = |text: &str| {
        let hint = "write \"09:30\", \"close\", \"close-30m\" or \"close+4h\"".to_owned();
        Edge::parse(text).ok_or_else(|| wrong(format!("`{text}` is not a time of the day"), hint))
    };
    let slot = Slot {
        phase: phase.parse().map_err(known)?,
        coarse: coarse.parse().map_err(known)?,
        mode: mode.parse().map_err(known)?,
    };
    let row = Row { line, kind: kind.parse().map_err(known)?, from: edge(from)?, to: edge(to)?, slot };
    if let (Edge::Clock(from_minute), Edge::Clock(to_minute)) = (row.from, row.to)
        && from_minute >= to_minute
    {
        let hint = "write two rows for a stretch of clock time over midnight".to_owned();
        return Err(wrong(format!("{from} does not lie before {to}"), hint));
    }
    Ok(row)
}

fn overlap(row: &Row, line: usize) -> TableError {
    let problem = format!("it overlaps line {line}");
    TableError { table: TABLE, line: row.line, problem, hint: "each minute of the clock belongs to one row".to_owned() }
}

fn uncovered(kind: RowKind, minute: Minute) -> TableError {
    let problem = format!("no row for {kind} at {:02}:{:02}", minute / 60, minute % 60);
    TableError { table: TABLE, line: 1, problem, hint: "each minute of the clock belongs to one row".to_owned() }
}
