//! Files on the disk: each written beside its place, flushed, and moved there in one step.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes named files into a directory and returns where they are.
pub(super) fn all<'a>(dir: &Path, files: impl Iterator<Item = (&'a str, String)>) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    let written = files.map(|(name, text)| one(dir, name, &text)).collect::<io::Result<Vec<PathBuf>>>()?;
    File::open(dir)?.sync_all()?;
    Ok(written)
}

fn one(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let (path, half) = (dir.join(name), dir.join(format!(".{name}.{}", std::process::id())));
    let moved = (|| {
        let mut file = File::create(&half)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&half, &path)
    })();
    match moved {
        Ok(()) => Ok(path),
        Err(error) => {
            // What is half written helps nobody; the first error is the one to tell.
            let _ = fs::remove_file(&half);
            Err(error)
        }
    }
}
