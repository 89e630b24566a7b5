//! `kobe init`: the desk built in, as files to edit, with what an editor needs to help.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::schema;
use crate::desk_files::BUILT_IN;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::count;
use crate::settings::Shell;

/// Arguments of `kobe init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Beside the desk files it writes desk.schema.json and .taplo.toml, by which editors offer keys and words and \
mark mistakes.

Example:
  kobe init desk && kobe --config desk check && kobe --config desk plan")]
pub struct Args {
    /// Where to; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let directory = &args.directory;
    let files: Vec<PathBuf> = BUILT_IN.iter().map(|(name, _)| directory.join(name)).collect();
    if let Some(there) = files.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::usage(
            format!("{} exists already", there.display()),
            "nothing was written; name a directory without desk files, or move those away",
        ));
    }
    for ((_, text), path) in BUILT_IN.iter().zip(&files) {
        write(path, text)?;
    }
    // For editors; neither is a desk file, so the desk stays what it is. What is there already is somebody's own.
    let schema_text = schema::text()?;
    let mut editor = Vec::new();
    for (name, text) in [(schema::FILE, schema_text.as_str()), schema::ASSOCIATION] {
        let path = directory.join(name);
        if path.symlink_metadata().is_err() {
            write(&path, text)?;
            editor.push(name);
        }
    }
    if shell.out.is_json() {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        shell.out.object(&json!({ "directory": directory, "files": names, "editor": editor }))?;
    } else {
        let place = directory.display();
        shell.out.text(&format!(
            "wrote {} to {place}{}\n\n  kobe --config {place} check\n  kobe --config {place} plan\n",
            count(files.len(), "file"),
            if editor.is_empty() { String::new() } else { format!(", and for editors {}", editor.join(" and ")) }
        ))?;
    }
    Ok(Exit::Fine)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|source| Failure::File { what: "write", path: parent.to_owned(), source })?;
    fs::write(path, text).map_err(|source| Failure::File { what: "write", path: path.to_owned(), source })
}
