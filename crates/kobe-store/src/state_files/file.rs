//! Files: written whole or not at all.
//!
//! Rule: temporary file, fsync, rename. Keys that we do not know are somebody else's and stay. A file that is not what it should be is kept under another name, and replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A larger file than this was not written by us, and is not read.
const READ_MOST: u64 = 64 << 20;

/// The files of a state directory.
#[derive(Debug)]
pub(super) struct Files {
    state: PathBuf,
    troubles: Vec<String>,
}

impl Files {
    pub(super) fn new(state: &Path) -> Files {
        Files { state: state.to_owned(), troubles: Vec::new() }
    }

    /// Notes something that went wrong.
    pub(super) fn trouble(&mut self, what: String) {
        self.troubles.push(what);
    }

    pub(super) fn take_troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }

    /// Writes an object over one that may be there, keeping keys that are not ours.
    pub(super) fn write_object(&mut self, name: &str, ours: Map<String, Value>, at: Timestamp) {
        let mut whole = self.read_object(name, at).unwrap_or_default();
        whole.extend(ours);
        self.write_value(name, &Value::Object(whole));
    }

    /// Writes the task queue, keeping keys that are not ours in the file and in each of its tasks.
    pub(super) fn write_queue(&mut self, name: &str, mut ours: Map<String, Value>, at: Timestamp) {
        let mut whole = self.read_object(name, at).unwrap_or_default();
        let mut theirs: std::collections::BTreeMap<String, Map<String, Value>> = std::collections::BTreeMap::new();
        if let Some(Value::Array(tasks)) = whole.remove("tasks") {
            for task in tasks {
                if let Value::Object(task) = task
                    && let Some(Value::String(id)) = task.get("id")
                {
                    theirs.insert(id.clone(), task);
                }
            }
        }
        if let Some(Value::Array(tasks)) = ours.get_mut("tasks") {
            for task in tasks {
                let Value::Object(task) = task else { continue };
                let Some(Value::String(id)) = task.get("id") else { continue };
                if let Some(mut merged) = theirs.remove(id) {
                    merged.append(task);
                    *task = merged;
                }
            }
        }
        whole.extend(ours);
        self.write_value(name, &Value::Object(whole));
    }

    fn read_object(&mut self, name: &str, at: Timestamp) -> Option<Map<String, Value>> {
        match self.read(name, at)? {
            Value::Object(map) => Some(map),
            _ => {
                self.set_aside(name, at, "it is no object");
                None
            }
        }
    }

    /// Reads a list, if there is one.
    pub(super) fn read_list(&mut self, name: &str, at: Timestamp) -> Option<Vec<Value>> {
        match self.read(name, at)? {
            Value::Array(list) => Some(list),
            _ => {
                self.set_aside(name, at, "it is no list");
                None
            }
        }
    }

    fn read(&mut self, name: &str, at: Timestamp) -> Option<Value> {
        let path = self.state.join(name);
        let text = match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Ok(meta) if meta.len() > READ_MOST => Err(format!("it has {} bytes", meta.len())),
            _ => fs::read(&path).map_err(|e| e.to_string()),
        };
        match text.and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string())) {
            Ok(value) => Some(value),
            Err(why) => {
                self.set_aside(name, at, &why);
                None
            }
        }
    }

    /// Keeps a bad file under another name.
    pub(super) fn set_aside(&mut self, name: &str, at: Timestamp, why: &str) {
        let path = self.state.join(name);
        let mut aside = path.clone().into_os_string();
        aside.push(format!(".bad-{}", at.strftime("%Y%m%dT%H%M%SZ")));
        let outcome = match fs::rename(&path, &aside) {
            Ok(()) => format!("kept as {}", Path::new(&aside).display()),
            Err(error) => format!("and cannot be kept aside: {error}"),
        };
        self.trouble(format!("{}: {why}; {outcome}", path.display()));
    }

    /// Writes a value as JSON for people.
    pub(super) fn write_value(&mut self, name: &str, value: &Value) {
        let mut text = serde_json::to_vec_pretty(value).expect("a JSON value is JSON");
        text.push(b'\n');
        self.write_bytes(name, &text);
    }

    /// Writes one JSON value a line.
    pub(super) fn write_lines(&mut self, name: &str, lines: impl IntoIterator<Item = Value>) {
        let mut text = Vec::new();
        for line in lines {
            text.extend(line.to_string().into_bytes());
            text.push(b'\n');
        }
        self.write_bytes(name, &text);
    }

    pub(super) fn write_bytes(&mut self, name: &str, bytes: &[u8]) {
        let path = self.state.join(name);
        if let Err(error) = replace(&path, bytes) {
            self.trouble(format!("{}: {error}", path.display()));
        }
    }

    /// Adds to the end of a file, which is made if it is not there. Tells whether that went well.
    pub(super) fn append(&mut self, name: &str, text: &[u8]) -> bool {
        let path = self.state.join(name);
        let add = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            file.write_all(text)?;
            file.sync_data()
        };
        add().map_err(|error| self.trouble(format!("{}: {error}", path.display()))).is_ok()
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.state.join(name).exists()
    }

    /// Returns how many lines a file has, and the last of them. A last line without its end makes an error.
    pub(super) fn lines(&self, name: &str) -> std::io::Result<(u64, String)> {
        let mut reader = BufReader::new(File::open(self.state.join(name))?);
        let (mut count, mut last, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok((count, last));
            }
            if !line.ends_with('\n') {
                return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the last line is cut"));
            }
            count += 1;
            std::mem::swap(&mut last, &mut line);
        }
    }
}

/// Puts bytes in the place of a file: the old content or the new, never a part.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut fresh = path.to_owned().into_os_string();
    fresh.push(".tmp");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().inspect_err(|_| {
        // A part of a file is of no use to anybody.
        let _ = fs::remove_file(&fresh);
    })
}
