//! Scratch directories: made for one command, and removed by it.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Makes an empty directory for its owner alone, below the one that is named or the system's own.
///
/// # Errors
/// [`Failure::File`] when it cannot be made.
pub fn make(below: Option<&Path>) -> Result<PathBuf, Failure> {
    let below = below.map_or_else(std::env::temp_dir, Path::to_owned);
    let path = below.join(format!("kobe-drill-{}", std::process::id()));
    let made = fs::DirBuilder::new().mode(0o700).create(&path);
    made.map_err(|source| Failure::File { what: "make the scratch directory", path: path.clone(), source })?;
    Ok(path)
}

/// Removes it with all that is in it.
///
/// # Errors
/// [`Failure::File`] when something of it stays.
pub fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(path).map_err(|source| Failure::File { what: "remove", path: path.to_owned(), source })
}
