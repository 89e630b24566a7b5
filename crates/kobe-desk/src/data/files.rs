//! Where the bytes come from: the binary itself or a directory, plain or compressed, and whether they are the bytes that the manifest means.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::csv::Table;
use super::error::DataError;

/// No file of the set may unpack to more.
const LIMIT_MIB: usize = 256;
const MANIFEST: &str = "MANIFEST.csv";

/// The files of the repository's `data` folder, as they are there.
const EMBEDDED: [(&str, &[u8]); 8] = [
    ("MANIFEST.csv", include_bytes!("../../../../data/MANIFEST.csv")),
    ("equities_daily.csv.gz", include_bytes!("../../../../data/equities_daily.csv.gz")),
    ("spx_closes.csv.gz", include_bytes!("../../../../data/spx_closes.csv.gz")),
    ("treasury_daily.csv.gz", include_bytes!("../../../../data/treasury_daily.csv.gz")),
    ("vix_daily.csv.gz", include_bytes!("../../../../data/vix_daily.csv.gz")),
    ("corporate_actions.csv", include_bytes!("../../../../data/corporate_actions.csv")),
    ("fees.csv", include_bytes!("../../../../data/fees.csv")),
    ("sectors.csv", include_bytes!("../../../../data/sectors.csv")),
];

/// Where a data set or one of its files comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built into the program.
    Embedded,
    /// Read from the directory given with `--data`.
    Directory,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its name, with the ending it has.
    pub file: String,
    /// Where it comes from.
    pub origin: Origin,
    /// SHA-256 of its bytes as they lie there, in hex.
    pub sha256: String,
    /// Rows without the header.
    pub rows: usize,
}

/// Files by name without ending, as found; nothing is parsed yet.
#[derive(Clone, Debug, Default)]
pub struct Files {
    found: BTreeMap<String, Raw>,
}

#[derive(Clone, Debug)]
struct Raw {
    file: String,
    origin: Origin,
    bytes: std::borrow::Cow<'static, [u8]>,
}

/// A file unpacked, ready to be read as a table.
pub(super) struct Unpacked {
    pub info: FileInfo,
    pub text: Vec<u8>,
}

impl Unpacked {
    pub fn table(&self) -> Result<Table<'_>, DataError> {
        Table::open(&self.info.file, &self.text)
    }
}

/// The manifest: what the bytes of a file must be.
#[derive(Debug, Default)]
pub(super) struct Manifest(BTreeMap<String, (String, usize)>);

impl Files {
    /// Takes the files that are built into the program.
    pub fn embedded() -> Files {
        let mut files = Files::default();
        for (file, bytes) in EMBEDDED {
            files.insert(file, Origin::Embedded, bytes.into());
        }
        files
    }

    /// Reads the files of a directory that have a name of the set; others are left alone.
    ///
    /// The fee and sector tables fall back to the embedded ones, because they are rules of the land and not market data.
    ///
    /// # Errors
    /// [`DataError::Read`], [`DataError::Missing`] (bars or actions), [`DataError::Twice`], [`DataError::TooLarge`].
    pub fn in_dir(dir: &Path) -> Result<Files, DataError> {
        let unreadable =
            |path: &Path, e: std::io::Error| DataError::Read { path: path.to_owned(), cause: e.to_string() };
        std::fs::read_dir(dir).map_err(|e| unreadable(dir, e))?;
        let mut files = Files::default();
        for (bundled, _) in EMBEDDED {
            let name = stem(bundled);
            let present: Vec<String> = [".csv", ".csv.gz"]
                .map(|end| format!("{name}{end}"))
                .into_iter()
                .filter(|f| dir.join(f).exists())
                .collect();
            match present.as_slice() {
                [] => {}
                [file] => {
                    let path = dir.join(file);
                    let open = std::fs::File::open(&path).map_err(|e| unreadable(&path, e))?;
                    let bytes = read_within_limit(open, file, |e| unreadable(&path, e))?;
                    files.insert(file, Origin::Directory, bytes.into());
                }
                _ => return Err(DataError::Twice { dir: dir.to_owned(), name: name.to_owned() }),
            }
        }
        for (file, bytes) in EMBEDDED {
            match stem(file) {
                name @ ("fees" | "sectors") if !files.found.contains_key(name) => {
                    files.insert(file, Origin::Embedded, bytes.into());
                }
                name @ ("equities_daily" | "corporate_actions") if !files.found.contains_key(name) => {
                    return Err(DataError::Missing { dir: dir.to_owned(), name: name.to_owned() });
                }
                _ => {}
            }
        }
        Ok(files)
    }

    /// Puts a file into the set, under its name with the ending `.csv` or `.csv.gz`; it takes the place of one of the same name.
    pub fn insert(&mut self, file: &str, origin: Origin, bytes: std::borrow::Cow<'static, [u8]>) {
        self.found.insert(stem(file).to_owned(), Raw { file: file.to_owned(), origin, bytes });
    }

    /// Takes a file out of the set, by its name without ending.
    pub fn remove(&mut self, name: &str) {
        self.found.remove(name);
    }

    pub(super) fn manifest(&self) -> Result<Manifest, DataError> {
        let Some(raw) = self.found.get(stem(MANIFEST)) else { return Ok(Manifest::default()) };
        let table = Table::open(&raw.file, &raw.bytes)?;
        let (file, sha256, rows) = (table.column("file")?, table.column("sha256")?, table.column("rows")?);
        let mut manifest = BTreeMap::new();
        table.rows(|row| {
            let count = row.text(rows).parse().map_err(|_| row.wrong(rows, "not a count"))?;
            let sha = row.text(sha256).to_ascii_lowercase();
            if sha.len() != 64 || !sha.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(row.wrong(sha256, "not a SHA-256 in hex"));
            }
            manifest.insert(row.name(file)?.to_owned(), (sha, count));
            Ok(())
        })?;
        Ok(Manifest(manifest))
    }

    /// Unpacks a file and checks its sum; `None` when the set has none of that name.
    pub(super) fn unpack(&self, name: &str, manifest: &Manifest) -> Result<Option<Unpacked>, DataError> {
        let Some(raw) = self.found.get(name) else { return Ok(None) };
        let file = raw.file.clone();
        let sha256 = hex(&Sha256::digest(&raw.bytes));
        // The manifest of a directory does not speak about a table that came from the binary.
        if let Some((expected, _)) = manifest.of(&file).filter(|_| self.speaks_for(raw))
            && *expected != sha256
        {
            return Err(DataError::Checksum { file, expected: expected.clone(), found: sha256 });
        }
        let text = if file.ends_with(".gz") {
            let gzip = |e: std::io::Error| DataError::Gzip { file: file.clone(), cause: e.to_string() };
            read_within_limit(flate2::read::MultiGzDecoder::new(&raw.bytes[..]), &file, gzip)?
        } else {
            raw.bytes.to_vec()
        };
        Ok(Some(Unpacked { info: FileInfo { file, origin: raw.origin, sha256, rows: 0 }, text }))
    }

    /// Checks the number of rows and notes it.
    pub(super) fn counted(&self, manifest: &Manifest, mut info: FileInfo, rows: usize) -> Result<FileInfo, DataError> {
        info.rows = rows;
        match manifest.of(&info.file) {
            Some((_, expected))
                if *expected != rows && self.found.get(stem(&info.file)).is_some_and(|raw| self.speaks_for(raw)) =>
            {
                Err(DataError::Rows { file: info.file, expected: *expected, found: rows })
            }
            _ => Ok(info),
        }
    }

    fn speaks_for(&self, raw: &Raw) -> bool {
        self.found.get(stem(MANIFEST)).is_some_and(|manifest| manifest.origin == raw.origin)
    }
}

impl Manifest {
    fn of(&self, file: &str) -> Option<&(String, usize)> {
        self.0.get(file)
    }
}

/// Writes bytes in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".gz").unwrap_or(file).strip_suffix(".csv").unwrap_or(file)
}

fn read_within_limit(
    from: impl Read,
    file: &str,
    wrong: impl Fn(std::io::Error) -> DataError,
) -> Result<Vec<u8>, DataError> {
    let limit = LIMIT_MIB << 20;
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() > limit {
        return Err(DataError::TooLarge { file: file.to_owned(), limit_mib: LIMIT_MIB });
    }
    Ok(bytes)
}
