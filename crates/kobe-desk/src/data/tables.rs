//! The rows of the small tables, and how each file becomes rows.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kobe_quant::{Action, Bar, IndexError, IndexSeries, Series, SeriesError};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::csv::{Row, Table, place};
use super::error::DataError;

/// Treasury yields of one day in percent; `None` where the curve has no such point that day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreasuryRow {
    /// The day.
    pub date: Date,
    /// Three months.
    pub m3_pct: Option<f64>,
    /// Two years.
    pub y2_pct: Option<f64>,
    /// Ten years.
    pub y10_pct: Option<f64>,
}

impl TreasuryRow {
    /// Returns ten years minus two years, in percentage points; below zero the curve is inverted.
    pub fn slope_pct(&self) -> Option<f64> {
        Some(self.y10_pct? - self.y2_pct?)
    }
}

/// A published close of the VIX.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VixRow {
    /// The day.
    pub date: Date,
    /// The close.
    pub close: f64,
}

/// The sector of a symbol between two dates, both inclusive and open where `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectorRow {
    /// The symbol.
    pub symbol: String,
    /// The sector's name.
    pub sector: String,
    /// The fund that stands for the sector.
    pub etf: String,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
}

impl SectorRow {
    fn holds_on(&self, date: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date <= to)
    }
}

/// Sectors of symbols over time; at most one on any day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sectors {
    rows: Vec<SectorRow>,
}

impl Sectors {
    /// Returns the sector of `symbol` on `date`, or `None` where the table does not say.
    pub fn on(&self, symbol: &str, date: Date) -> Option<&SectorRow> {
        self.rows.iter().find(|row| row.symbol == symbol && row.holds_on(date))
    }

    /// Returns all rows in file order.
    pub fn rows(&self) -> &[SectorRow] {
        &self.rows
    }
}

/// A regulatory fee of a sale from a day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRow {
    /// `SEC31` (per dollar sold) or `TAF` (per share sold).
    pub fee: String,
    /// The first day.
    pub effective: Date,
    /// Dollars per dollar or per share.
    pub rate: Decimal,
    /// The most for one sale in dollars.
    pub cap: Option<Decimal>,
    /// Where the rate and the day are known from, and what is not verified.
    pub source: String,
}

/// A split or dividend with the symbol it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRow {
    /// The symbol.
    pub symbol: String,
    /// The action.
    pub action: Action,
}

/// The bars of one symbol and the line of each.
type Lines = (Vec<Bar>, Vec<usize>);
type Bars = BTreeMap<String, Lines>;

/// Reads the bars by symbol, each with its line.
pub(super) fn bars(table: &Table<'_>) -> Result<(Bars, usize), DataError> {
    let [symbol, date, open, high, low, close, volume] =
        columns(table, ["symbol", "date", "open", "high", "low", "close", "volume"])?;
    let mut all = Bars::new();
    let mut current: Option<(String, Lines)> = None;
    let rows = table.rows(|row| {
        let name = row.symbol(symbol)?;
        if current.as_ref().is_none_or(|(have, _)| have != name) {
            // Rows of one symbol usually stand together; where they do not, go on where they stopped.
            if let Some((name, bars)) = current.take() {
                all.insert(name, bars);
            }
            current = Some((name.to_owned(), all.remove(name).unwrap_or_default()));
        }
        let bar = Bar {
            date: row.date(date)?,
            open: row.price(open)?,
            high: row.price(high)?,
            low: row.price(low)?,
            close: row.price(close)?,
            volume: row.number(volume)?,
        };
        if let Some((_, (bars, lines))) = &mut current {
            bars.push(bar);
            lines.push(row.line);
        }
        Ok(())
    })?;
    all.extend(current);
    Ok((all, rows))
}

/// Reads the splits and dividends, each with its line.
pub(super) fn actions(table: &Table<'_>) -> Result<(Vec<(ActionRow, usize)>, usize), DataError> {
    let [symbol, date, ratio, cash, factor] =
        columns(table, ["symbol", "ex_date", "split_ratio", "cash", "price_factor"])?;
    let mut all = Vec::new();
    let rows = table.rows(|row| {
        let action = Action {
            ex_date: row.date(date)?,
            split_ratio: row.number(ratio)?,
            cash: row.price(cash)?,
            price_factor: row.number(factor)?,
        };
        if !action.is_sane() {
            return Err(row.broken("split ratio and price factor must lie between 0.0001 and 10,000"));
        }
        all.push((ActionRow { symbol: row.symbol(symbol)?.to_owned(), action }, row.line));
        Ok(())
    })?;
    Ok((all, rows))
}

/// Builds every series; an error of a series is brought back to its line.
pub(super) fn series(
    bars: Bars,
    bar_file: &str,
    actions: &[(ActionRow, usize)],
    action_file: &str,
) -> Result<BTreeMap<String, Series>, DataError> {
    let mut by_symbol: BTreeMap<&str, Vec<(Action, usize)>> = BTreeMap::new();
    for (row, line) in actions {
        by_symbol.entry(&row.symbol).or_default().push((row.action, *line));
    }
    let mut all = BTreeMap::new();
    for (symbol, (bars, lines)) in bars {
        let own = by_symbol.remove(symbol.as_str()).unwrap_or_default();
        let series = Series::build(symbol.clone(), bars, own.iter().map(|(action, _)| *action).collect());
        let series = series.map_err(|e| {
            let (file, line) = match &e {
                SeriesError::Bar { index, .. }
                | SeriesError::Duplicate { index, .. }
                | SeriesError::Unsorted { index, .. } => (bar_file, lines.get(*index).copied()),
                SeriesError::Action { ex_date, .. } => {
                    (action_file, own.iter().find(|(action, _)| action.ex_date == *ex_date).map(|(_, line)| *line))
                }
                SeriesError::Empty { .. } => (bar_file, None),
            };
            DataError::Rule { at: place(file, line.unwrap_or(1), 1), cause: e.to_string() }
        })?;
        all.insert(symbol, series);
    }
    Ok(all)
}

/// Reads the closes of the S&P 500.
pub(super) fn spx(table: &Table<'_>) -> Result<(Option<IndexSeries>, usize), DataError> {
    let [date, close] = columns(table, ["date", "close"])?;
    let (mut closes, mut lines) = (Vec::new(), Vec::new());
    let rows = table.rows(|row| {
        closes.push((row.date(date)?, row.number(close)?));
        lines.push(row.line);
        Ok(())
    })?;
    let index = IndexSeries::build("SPX", closes).map_err(|e| {
        let line = match &e {
            IndexError::Close { index, .. } | IndexError::Order { index, .. } => lines.get(*index).copied(),
            IndexError::Empty { .. } => None,
        };
        DataError::Rule { at: place(table.file(), line.unwrap_or(1), 1), cause: e.to_string() }
    })?;
    Ok((Some(index), rows))
}

/// Reads the Treasury curve.
pub(super) fn treasury(table: &Table<'_>) -> Result<(Vec<TreasuryRow>, usize), DataError> {
    let [date, m3, y2, y10] = columns(table, ["date", "m3_pct", "y2_pct", "y10_pct"])?;
    let mut all: Vec<TreasuryRow> = Vec::new();
    let rows = table.rows(|row| {
        let next = TreasuryRow {
            date: row.date(date)?,
            m3_pct: row.maybe_number(m3)?,
            y2_pct: row.maybe_number(y2)?,
            y10_pct: row.maybe_number(y10)?,
        };
        in_order(&row, all.last().map(|r| r.date), next.date)?;
        all.push(next);
        Ok(())
    })?;
    Ok((all, rows))
}

/// Reads the published VIX.
pub(super) fn vix(table: &Table<'_>) -> Result<(Vec<VixRow>, usize), DataError> {
    let [date, close] = columns(table, ["date", "close"])?;
    let mut all: Vec<VixRow> = Vec::new();
    let rows = table.rows(|row| {
        let next = VixRow { date: row.date(date)?, close: row.number(close)? };
        if next.close <= 0.0 {
            return Err(row.wrong(close, "not above zero"));
        }
        in_order(&row, all.last().map(|r| r.date), next.date)?;
        all.push(next);
        Ok(())
    })?;
    Ok((all, rows))
}

/// Reads the sectors.
pub(super) fn sectors(table: &Table<'_>) -> Result<(Sectors, usize), DataError> {
    let [symbol, sector, etf, from, to] = columns(table, ["symbol", "sector", "etf", "valid_from", "valid_to"])?;
    let mut all: Vec<SectorRow> = Vec::new();
    let rows = table.rows(|row| {
        let next = SectorRow {
            symbol: row.symbol(symbol)?.to_owned(),
            sector: row.name(sector)?.to_owned(),
            etf: row.symbol(etf)?.to_owned(),
            valid_from: row.maybe_date(from)?,
            valid_to: row.maybe_date(to)?,
        };
        let (first, last) = (next.valid_from.unwrap_or(Date::MIN), next.valid_to.unwrap_or(Date::MAX));
        if first > last {
            return Err(row.wrong(to, "before valid_from"));
        }
        let overlaps = |r: &&SectorRow| {
            r.symbol == next.symbol
                && r.valid_from.unwrap_or(Date::MIN) <= last
                && first <= r.valid_to.unwrap_or(Date::MAX)
        };
        if let Some(other) = all.iter().find(overlaps) {
            return Err(row.broken(format!("{} is also in {:?} on some of these days", next.symbol, other.sector)));
        }
        all.push(next);
        Ok(())
    })?;
    Ok((Sectors { rows: all }, rows))
}

/// Reads the fees; rows of one fee must differ in their day.
pub(super) fn fees(table: &Table<'_>) -> Result<(Vec<FeeRow>, usize), DataError> {
    let [fee, effective, rate, cap, source] = columns(table, ["fee", "effective", "rate", "cap", "source"])?;
    let mut all: Vec<FeeRow> = Vec::new();
    let rows = table.rows(|row| {
        let next = FeeRow {
            fee: row.name(fee)?.to_owned(),
            effective: row.date(effective)?,
            rate: row.decimal(rate)?,
            cap: row.maybe_decimal(cap)?,
            source: row.text(source).to_owned(),
        };
        if !matches!(next.fee.as_str(), "SEC31" | "TAF") {
            return Err(row.wrong(fee, "the desk knows SEC31 and TAF"));
        }
        if all.iter().any(|r| r.fee == next.fee && r.effective == next.effective) {
            return Err(row.broken(format!("a second {} of {}", next.fee, next.effective)));
        }
        all.push(next);
        Ok(())
    })?;
    Ok((all, rows))
}

fn columns<const N: usize>(table: &Table<'_>, names: [&'static str; N]) -> Result<[super::csv::Column; N], DataError> {
    let mut found = Vec::with_capacity(N);
    for name in names {
        found.push(table.column(name)?);
    }
    Ok(std::array::from_fn(|i| found[i]))
}

fn in_order(row: &Row<'_, '_>, before: Option<Date>, date: Date) -> Result<(), DataError> {
    match before {
        Some(before) if before == date => Err(row.broken(format!("two rows of {date}"))),
        Some(before) if before > date => Err(row.broken(format!("{date} is older than the row before it"))),
        _ => Ok(()),
    }
}
