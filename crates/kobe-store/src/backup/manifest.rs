//! The manifest of a backup: what is in it, byte for byte, and where its chains end.
//!
//! Rule: `SHA256SUMS` holds the hash of every file and of the manifest itself, as `sha256sum -c` reads it; what is not in the manifest is no part of the backup. Start at
//! [`verify_backup`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kobe_engine::StoreError;
use kobe_trade::chain::{Head, sha256};
use serde::{Deserialize, Serialize};

use super::files;
use super::restore::RestoreError;

/// The format of backups that this build writes and reads.
pub(super) const FORMAT: u32 = 1;

pub(super) const NAME: &str = "manifest.json";
pub(super) const SUMS: &str = "SHA256SUMS";

/// A larger manifest was not written by us.
const READ_MOST: u64 = 64 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its format.
    pub format: u32,
    /// The schema of its database.
    pub schema: i64,
    /// Which build made it.
    pub build: String,
    /// When.
    pub created_at: Timestamp,
    /// Of what.
    pub source: Source,
    /// Every file, the database first.
    pub files: Vec<FileEntry>,
    /// What lay in the state directory and is no plain file.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// The end of the audit chain.
    pub chain: Head,
    /// The end of the operator log.
    pub operator_log: Head,
}

/// Where a backup comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The state directory.
    pub state: String,
    /// Name of the machine.
    pub host: String,
    /// The machine's number, hashed, if it has one.
    pub machine: Option<String>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path below the directory.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Returns the size of all files, bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let mut text = serde_json::to_string_pretty(self).expect("numbers and texts");
        text.push('\n');
        let mut sums = String::new();
        for file in &self.files {
            let _ = writeln!(sums, "{}  {}", file.sha256, file.path);
        }
        let _ = writeln!(sums, "{}  {NAME}", sha256(text.as_bytes()));
        files::write(&dir.join(NAME), &text)?;
        files::write(&dir.join(SUMS), &sums)
    }
}

/// Reads the manifest of a backup.
///
/// # Errors
/// [`RestoreError::NotABackup`] where there is none; [`RestoreError::Damaged`] when it is not as it was written; [`RestoreError::Newer`] when a newer Kobe wrote it.
pub fn read_manifest(dir: &Path) -> Result<Manifest, RestoreError> {
    let path = dir.join(NAME);
    let damaged = |what: String| RestoreError::Damaged { path: path.clone(), what };
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(RestoreError::NotABackup(dir.to_owned()));
        }
        Ok(meta) if !meta.is_file() || meta.len() > READ_MOST => return Err(damaged("it is no manifest".into())),
        _ => {}
    }
    let read = |path: &Path| fs::read(path).map_err(|e| damaged(format!("{}: {e}", path.display())));
    let text = read(&path)?;
    let sums = String::from_utf8(read(&dir.join(SUMS))?).map_err(|_| damaged(format!("{SUMS} is no text")))?;
    let line = format!("{}  {NAME}", sha256(&text));
    if !sums.lines().any(|there| there == line) {
        return Err(damaged(format!("its hash is not the one in {SUMS}")));
    }
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let bad = |e: serde_json::Error| damaged(e.to_string());
    let Format { format } = serde_json::from_slice(&text).map_err(bad)?;
    if format > FORMAT {
        return Err(RestoreError::Newer { found: i64::from(format), known: i64::from(FORMAT) });
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(bad)?;
    if manifest.schema > crate::schema::KNOWN {
        return Err(RestoreError::Newer { found: manifest.schema, known: crate::schema::KNOWN });
    }
    if let Some(file) = manifest.files.iter().find(|file| files::below(&file.path).is_none()) {
        return Err(damaged(format!("`{}` is no path below it", file.path)));
    }
    if manifest.files.first().is_none_or(|file| file.path != "kobe.db") {
        return Err(damaged("it names no database".into()));
    }
    Ok(manifest)
}

/// Verifies a backup: its manifest, and every byte of every file.
///
/// # Errors
/// [`RestoreError`] names the first file that is missing or is not as it was written.
pub fn verify_backup(dir: &Path) -> Result<Manifest, RestoreError> {
    let manifest = read_manifest(dir)?;
    for file in &manifest.files {
        let path = dir.join(&file.path);
        let found = files::sum(&path);
        let damaged = |what: String| RestoreError::Damaged { path: path.clone(), what };
        let found = found.map_err(|e| damaged(e.to_string()))?;
        if found.bytes != file.bytes || found.sha256 != file.sha256 {
            return Err(damaged(format!("{} bytes that are not the {} that were written", found.bytes, file.bytes)));
        }
    }
    Ok(manifest)
}
