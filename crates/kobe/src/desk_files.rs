//! Desk files: the desk built in, or one in a directory.
//!
//! Names of files are relative to the desk's directory and in sorted order, so that the desk built in and the same desk written out by `kobe init` are one configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kobe_plan::desk::Severity;
use kobe_plan::task::Place;
use kobe_plan::{Desk, Problem, SourceFile};

use crate::failure::Failure;

/// Lists the desk built in: the name of each file and its text.
macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../desk/", $name)))),+]
    };
}

/// Every file of the desk built in, sorted. A test holds this list against the directory.
pub const BUILT_IN: &[(&str, &str)] = built_in![
    "desk.toml",
    "recurring.toml",
    "saturday.toml",
    "sunday.toml",
    "weekday/01-night.toml",
    "weekday/02-pre-market.toml",
    "weekday/03-opening-range.toml",
    "weekday/04-primary.toml",
    "weekday/05-lunch.toml",
    "weekday/06-power-hour.toml",
    "weekday/07-close.toml",
    "weekday/08-after-hours.toml",
    "weekday/09-overnight.toml",
];

/// How deep directories may lie in each other; a link that leads back up would have no end.
pub const DEEPEST: usize = 8;

/// A desk and where it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// The desk.
    pub desk: Arc<Desk>,
    /// Their directory; nothing for the desk built in.
    pub root: Option<PathBuf>,
}

/// Reads a desk from a directory, or the one built in.
///
/// # Errors
/// [`Failure::Desk`] with every mistake, [`Failure::Read`] and [`Failure::Usage`] when there is no desk to read.
pub fn load(directory: Option<&Path>) -> Result<Loaded, Failure> {
    let files = match directory {
        Some(directory) => read(directory)?,
        None => built_in(),
    };
    // A desk is named by the content and the relative names of its files; mistakes are told under names that a person can open.
    let desk = parse(&files).or_else(|_| parse(&shown(&files, directory))).map_err(Failure::Desk)?;
    Ok(Loaded { desk: Arc::new(desk), root: directory.map(Path::to_owned) })
}

/// Reads files against the functions of this build.
///
/// # Errors
/// Every mistake found.
pub fn parse(files: &[SourceFile]) -> Result<Desk, Vec<Problem>> {
    Desk::parse(files, &kobe_desk::functions::catalog())
}

/// Gives files the names by which a person can open them.
pub fn shown(files: &[SourceFile], root: Option<&Path>) -> Vec<SourceFile> {
    let name = |name: &str| root.map_or(name.to_owned(), |root| root.join(name).display().to_string());
    files.iter().map(|f| SourceFile { name: name(&f.name), text: f.text.clone() }).collect()
}

/// Returns the files of the desk built in.
pub fn built_in() -> Vec<SourceFile> {
    BUILT_IN.iter().map(|(name, text)| SourceFile { name: (*name).into(), text: (*text).into() }).collect()
}

/// Reads every desk file below a directory, sorted by name.
///
/// # Errors
/// [`Failure::Desk`] for files that are no text, [`Failure::Read`] for such that cannot be read, [`Failure::Usage`] where there is none.
pub fn read(directory: &Path) -> Result<Vec<SourceFile>, Failure> {
    let mut paths = Vec::new();
    find(directory, DEEPEST, &mut paths)?;
    let mut named: Vec<(String, PathBuf)> = paths
        .into_iter()
        .map(|path| (path.strip_prefix(directory).unwrap_or(&path).display().to_string(), path))
        .collect();
    named.sort();
    if named.is_empty() {
        return Err(Failure::usage(
            format!("{} holds no desk file", directory.display()),
            "desk files end in .toml; `kobe init DIR` writes a whole desk to start from",
        ));
    }
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for (name, path) in named {
        match read_text(&path)? {
            Ok(text) => files.push(SourceFile { name, text }),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(Failure::Desk(problems)) }
}

fn find(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |source| match io::Error::kind(&source) {
        io::ErrorKind::NotFound => Failure::usage(
            format!("there is no directory {}", directory.display()),
            "name the directory of a desk with `--config DIR`; `kobe init DIR` writes one",
        ),
        io::ErrorKind::NotADirectory => Failure::usage(
            format!("{} is no directory", directory.display()),
            "`--config` names the directory of a desk, not a file of it",
        ),
        _ => Failure::Read { path: directory.to_owned(), source },
    };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // What editors leave behind begins with a dot.
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if path.is_dir() {
            if depth == 0 {
                return Err(Failure::usage(
                    format!("{} lies too deep", path.display()),
                    "desk files lie at most 8 directories deep; a link may lead back up",
                ));
            }
            find(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|e| e == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

/// The word for the desk built in, where a place is asked for.
pub const BUILT_IN_WORD: &str = "built-in";

/// Reads a desk by its place: a directory, one file, or the word `built-in`.
///
/// # Errors
/// As [`load`].
pub fn at(place: &Path) -> Result<Loaded, Failure> {
    if place.as_os_str() == BUILT_IN_WORD {
        return load(None);
    }
    if !place.is_file() {
        return load(Some(place));
    }
    let text = read_text(place)?.map_err(|problem| Failure::Desk(vec![*problem]))?;
    let desk = parse(&[SourceFile { name: place.display().to_string(), text }]).map_err(Failure::Desk)?;
    Ok(Loaded { desk: Arc::new(desk), root: place.parent().map(Path::to_owned) })
}

/// Reads one file; bytes that are no text are a problem with a place.
///
/// # Errors
/// [`Failure::Read`] when the file cannot be read at all.
pub fn read_text(path: &Path) -> Result<Result<String, Box<Problem>>, Failure> {
    let bytes = fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let text = String::from_utf8_lossy(good);
        let line = text.rsplit('\n').next().unwrap_or_default();
        Box::new(Problem {
            severity: Severity::Error,
            place: Place {
                file: path.display().to_string(),
                line: text.matches('\n').count() as u32 + 1,
                column: line.chars().count() as u32 + 1,
            },
            message: "the file is not UTF-8 text".into(),
            hint: Some("save it as UTF-8, or restore it from a copy if it was damaged".into()),
            excerpt: format!("{}\u{fffd}", line.chars().filter(|c| !c.is_control()).collect::<String>()),
            width: 1,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_directory() {
        let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../desk"));
        let names: Vec<String> = read(directory).unwrap().into_iter().map(|f| f.name).collect();
        assert_eq!(names, BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn the_desk_built_in_is_sound_and_the_same_as_in_a_directory() {
        let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../desk"));
        let (inside, outside) = (load(None).unwrap(), load(Some(directory)).unwrap());
        assert_eq!(inside.desk.hash, outside.desk.hash);
        assert_eq!(inside.desk.tasks.len(), 462 + 42);
    }
}
