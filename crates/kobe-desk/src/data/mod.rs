//! The data of the desk: bars, index, yields, volatility, sectors, fees, splits and dividends, as one set that never changes.
//!
//! A set is built into the program and may be replaced by a directory with files of the same names. It is loaded whole or not at all: a damaged file, a bar
//! that contradicts itself or a sum that differs from the manifest stops the loading with its place ([`DataError`]), and nothing is repaired. Knows no
//! exchange calendar (gaps are the caller's question), no universe and no clock. Loading takes some milliseconds; do it on first use, not at the start
//! of the program. Start at [`DataSet::load`].

mod csv;
mod error;
mod files;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use kobe_quant::{IndexSeries, Series};
use sha2::{Digest, Sha256};

use csv::Table;
pub use error::{DataError, Place};
pub use files::{FileInfo, Files, Origin};
pub use tables::{ActionRow, FeeRow, SectorRow, Sectors, TreasuryRow, VixRow};

/// Everything the desk knows about the past, loaded and checked.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Symbols with their bars and indicators.
    pub series: BTreeMap<String, Series>,
    /// The market index: the S&P 500, or the equal-weight proxy where the set has none.
    pub index: IndexSeries,
    /// Treasury yields, oldest first; empty where the set has none.
    pub treasury: Vec<TreasuryRow>,
    /// Published VIX, oldest first; empty where the set has none.
    pub vix: Vec<VixRow>,
    /// Sectors over time.
    pub sectors: Sectors,
    /// Fees of a sale, in file order.
    pub fees: Vec<FeeRow>,
    /// Splits and dividends, in file order.
    pub actions: Vec<ActionRow>,
    /// The date of the newest bar.
    pub as_of: Date,
    /// Where the bars come from.
    pub origin: Origin,
    /// Every file that was read, by name.
    pub files: Vec<FileInfo>,
}

impl DataSet {
    /// Loads the directory, or the set that is built in where none is given.
    ///
    /// # Errors
    /// [`DataError`]: the first thing that is wrong, with its place.
    pub fn load(dir: Option<&Path>) -> Result<DataSet, DataError> {
        dir.map_or_else(DataSet::embedded, DataSet::from_dir)
    }

    /// Loads the set that is built into the program.
    ///
    /// # Errors
    /// None in a sound binary: a test loads it.
    pub fn embedded() -> Result<DataSet, DataError> {
        DataSet::from_files(&Files::embedded())
    }

    /// Loads a directory: `equities_daily` and `corporate_actions` must be there, as `.csv` or `.csv.gz`, the others may be.
    ///
    /// Without `spx_closes` the index is the equal-weight proxy; without `fees` or `sectors` the built-in tables hold; a `MANIFEST.csv` is checked if it is
    /// there.
    ///
    /// # Errors
    /// [`DataError`]: the first thing that is wrong, with its place.
    pub fn from_dir(dir: &Path) -> Result<DataSet, DataError> {
        DataSet::from_files(&Files::in_dir(dir)?)
    }

    /// Loads a set from bytes that are already at hand.
    ///
    /// # Errors
    /// [`DataError`]: the first thing that is wrong, with its place.
    pub fn from_files(files: &Files) -> Result<DataSet, DataError> {
        let mut reader = Reader { files, manifest: files.manifest()?, infos: Vec::new() };
        let actions: Vec<(ActionRow, usize)> = reader.read("corporate_actions", tables::actions)?;
        let bars = reader.read("equities_daily", tables::bars)?;
        let index = reader.read("spx_closes", tables::spx)?;
        let treasury = reader.read("treasury_daily", tables::treasury)?;
        let vix = reader.read("vix_daily", tables::vix)?;
        let sectors = reader.read("sectors", tables::sectors)?;
        let fees = reader.read("fees", tables::fees)?;

        let mut files = reader.infos;
        files.sort_by(|a, b| a.file.cmp(&b.file));
        let find = |stem: &'static str| files.iter().find(|info| info.file.starts_with(stem));
        let file = |stem: &'static str| find(stem).map_or(stem, |info| &info.file);
        let origin = find("equities_daily").map_or(Origin::Directory, |info| info.origin);
        let series = tables::series(bars, file("equities_daily"), &actions, file("corporate_actions"))?;
        let index = match index {
            Some(index) => index,
            None => IndexSeries::equal_weight(series.values()).map_err(|_| DataError::NoIndex)?,
        };
        let as_of = series.values().map(Series::last_date).max().ok_or(DataError::NoBars)?;
        Ok(DataSet {
            series,
            index,
            treasury,
            vix,
            sectors,
            fees,
            actions: actions.into_iter().map(|(row, _)| row).collect(),
            as_of,
            origin,
            files,
        })
    }

    /// Returns the series of `symbol`.
    pub fn symbol(&self, symbol: &str) -> Option<&Series> {
        self.series.get(symbol)
    }

    /// Returns the sector of `symbol` on `date`.
    pub fn sector_on(&self, symbol: &str, date: Date) -> Option<&SectorRow> {
        self.sectors.on(symbol, date)
    }

    /// Returns the newest Treasury row on or before `date`.
    pub fn treasury_until(&self, date: Date) -> Option<&TreasuryRow> {
        self.treasury[..self.treasury.partition_point(|row| row.date <= date)].last()
    }

    /// Returns the newest published VIX on or before `date`; how old it may be is the caller's question.
    pub fn vix_until(&self, date: Date) -> Option<&VixRow> {
        self.vix[..self.vix.partition_point(|row| row.date <= date)].last()
    }

    /// Returns the SHA-256 over names, sums and row counts of all files that were read: two sets with one hash hold the same data.
    pub fn hash(&self) -> String {
        let mut sum = Sha256::new();
        for info in &self.files {
            sum.update(format!("{} {} {}\n", info.file, info.sha256, info.rows));
        }
        files::hex(&sum.finalize())
    }
}

/// Reads files one after the other and notes each.
struct Reader<'a> {
    files: &'a Files,
    manifest: files::Manifest,
    infos: Vec<FileInfo>,
}

impl Reader<'_> {
    /// Reads one file; its default where the set has none.
    fn read<T: Default>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Table<'_>) -> Result<(T, usize), DataError>,
    ) -> Result<T, DataError> {
        let Some(unpacked) = self.files.unpack(name, &self.manifest)? else { return Ok(T::default()) };
        let (value, rows) = parse(&unpacked.table()?)?;
        self.infos.push(self.files.counted(&self.manifest, unpacked.info, rows)?);
        Ok(value)
    }
}
