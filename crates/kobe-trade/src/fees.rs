//! Fees: what regulators charge a sale, by date.
//!
//! A table of rates with the day from which each holds (Section 31 on the dollars sold, the trading activity fee on the shares sold, capped). Each fee is
//! rounded up to the cent. Outside the table there is no fee but an error. Start at [`FeeTable::parse`].

use jiff::civil::Date;

use crate::money::{self, Decimal};

/// Dated rates, as read from a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeTable {
    sec31: Vec<Rate>,
    taf: Vec<Rate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rate {
    effective: Date,
    rate: Decimal,
    cap: Option<Decimal>,
}

/// The fees of one sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleFees {
    /// Section 31, on the dollars.
    pub sec31: Decimal,
    /// Trading activity fee, on the shares.
    pub taf: Decimal,
}

impl SaleFees {
    /// Returns both together.
    pub fn total(&self) -> Decimal {
        self.sec31 + self.taf
    }
}

/// What is wrong with a fee table, or outside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// A line does not read.
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A fee has no row at all.
    #[error("the table has no rate of {0}")]
    Missing(&'static str),
    /// The sale lies before the first rate.
    #[error("no rate of {fee} is known on {date}")]
    NotCovered {
        /// The fee.
        fee: &'static str,
        /// The day of the sale.
        date: Date,
    },
    /// An overflow.
    #[error("a sale of {0} shares is out of range")]
    Range(u64),
}

impl FeeTable {
    /// Reads a table with the columns `fee,effective,rate,cap,source`.
    ///
    /// # Errors
    /// [`FeeError::Line`] with the place and cause; [`FeeError::Missing`] when a fee has no row.
    pub fn parse(csv: &str) -> Result<FeeTable, FeeError> {
        let (mut sec31, mut taf) = (Vec::new(), Vec::new());
        for (at, text) in csv.lines().enumerate() {
            let line = at + 1;
            let bad = |why: String| FeeError::Line { line, why };
            if line == 1 {
                if text.trim_end() != "fee,effective,rate,cap,source" {
                    return Err(bad("the head is not `fee,effective,rate,cap,source`".to_owned()));
                }
                continue;
            }
            if text.trim().is_empty() {
                continue;
            }
            let cells: Vec<&str> = text.splitn(5, ',').collect();
            let [fee, effective, rate, cap, _source] = cells[..] else {
                return Err(bad(format!("{} cells, five are needed", cells.len())));
            };
            let decimal = |what: &str, text: &str| match text.parse::<Decimal>() {
                Ok(x) if x >= Decimal::ZERO => Ok(x),
                _ => Err(bad(format!("`{text}` is no {what}"))),
            };
            let effective = effective.parse::<Date>().map_err(|_| bad(format!("`{effective}` is no date")))?;
            let rate = decimal("rate", rate)?;
            match fee {
                "SEC31" => sec31.push(Rate { effective, rate, cap: None }),
                "TAF" => taf.push(Rate { effective, rate, cap: Some(decimal("cap", cap)?) }),
                other => return Err(bad(format!("`{other}` is no fee known here: SEC31 or TAF"))),
            }
        }
        sec31.sort_by_key(|rate| rate.effective);
        taf.sort_by_key(|rate| rate.effective);
        match (sec31.is_empty(), taf.is_empty()) {
            (true, _) => Err(FeeError::Missing("SEC31")),
            (_, true) => Err(FeeError::Missing("TAF")),
            _ => Ok(FeeTable { sec31, taf }),
        }
    }

    /// Returns the fees of a sale of `qty` shares for `notional` dollars.
    ///
    /// # Errors
    /// [`FeeError::NotCovered`] before the first rate; [`FeeError::Range`] on overflow.
    pub fn sale(&self, date: Date, qty: u64, notional: Decimal) -> Result<SaleFees, FeeError> {
        let sec31 = in_force(&self.sec31, "SEC31", date)?;
        let taf = in_force(&self.taf, "TAF", date)?;
        let up =
            |amount: Decimal, rate: Decimal| amount.checked_mul(rate).map(money::cents_up).ok_or(FeeError::Range(qty));
        let charged = up(money::count(qty), taf.rate)?;
        Ok(SaleFees { sec31: up(notional, sec31.rate)?, taf: taf.cap.map_or(charged, |cap| charged.min(cap)) })
    }
}

fn in_force<'a>(rates: &'a [Rate], fee: &'static str, date: Date) -> Result<&'a Rate, FeeError> {
    let after = rates.partition_point(|rate| rate.effective <= date);
    after.checked_sub(1).map(|at| &rates[at]).ok_or(FeeError::NotCovered { fee, date })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TABLE: &str = "fee,effective,rate,cap,source\n\
        SEC31,2012-04-01,0.0000224,,a, b and c\n\
        SEC31,2011-01-21,0.0000192,,d\n\
        TAF,2012-07-01,0.000119,5.95,e\n\
        TAF,2011-07-01,0.000090,4.50,f\n";

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn fees_go_up_to_the_cent_and_change_on_their_day() {
        let table = FeeTable::parse(TABLE).unwrap();
        for (what, day, qty, notional, sec31, taf) in [
            ("the day before a change", date(2012, 3, 31), 12, "7500", "0.15", "0.01"),
            ("the day of a change", date(2012, 4, 1), 12, "7500", "0.17", "0.01"),
            ("both changed", date(2012, 12, 31), 100, "50000", "1.12", "0.02"),
            ("a whole cent is not raised", date(2012, 3, 1), 1, "625", "0.02", "0.01"),
            ("the cap of a large sale", date(2012, 12, 31), 50_001, "1000000", "22.40", "5.95"),
            ("just under the cap", date(2012, 12, 31), 49_900, "1", "0.01", "5.94"),
        ] {
            let fees = table.sale(day, qty, d(notional)).unwrap();
            assert_eq!((fees.sec31, fees.taf), (d(sec31), d(taf)), "{what}");
        }
        let early = table.sale(date(2011, 6, 30), 1, d("1"));
        assert_eq!(early, Err(FeeError::NotCovered { fee: "TAF", date: date(2011, 6, 30) }));
    }

    #[test]
    fn bad_tables_name_their_line() {
        for (what, text, says) in [
            ("another head", "a,b\n", "line 1: the head is not"),
            ("a missing cell", "fee,effective,rate,cap,source\nTAF,2012-07-01\n", "line 2: 2 cells"),
            ("a bad date", "fee,effective,rate,cap,source\nTAF,2012-13-01,1,1,x\n", "line 2: `2012-13-01` is no date"),
            ("a negative rate", "fee,effective,rate,cap,source\nSEC31,2012-01-01,-1,,x\n", "line 2: `-1` is no rate"),
            ("a fee without a cap", "fee,effective,rate,cap,source\nTAF,2012-01-01,1,,x\n", "line 2: `` is no cap"),
            ("another fee", "fee,effective,rate,cap,source\nORF,2012-01-01,1,1,x\n", "line 2: `ORF` is no fee"),
            ("no TAF", "fee,effective,rate,cap,source\nSEC31,2012-01-01,1,,x\n", "no rate of TAF"),
        ] {
            let error = FeeTable::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{what}: {error}");
        }
    }
}
