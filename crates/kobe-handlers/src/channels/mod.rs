//! Channels: ways to a person.
//!
//! A channel gives one message to the other side and says what became of it. It never decides what is told, when, or again: that is the postman's. Each is a file here and a
//! line in [`KINDS`]; its keys say how its table in the settings is read, so nothing else has to learn about it. Start at [`Kind`].

mod http;
mod log;
mod secret;
mod telegram;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use kobe_engine::Channel;

pub use http::{Address, BadAddress, get, ping};
pub use log::LogChannel;
pub use secret::{Secret, is_open_to_others};
pub use telegram::{Chat, Telegram};
pub use webhook::Webhook;

/// Every kind of channel, in the order in which they are used if nothing else is said.
pub const KINDS: &[Kind] = &[telegram::KIND, webhook::KIND];

/// A kind of channel: its name, and how it is opened.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name, as settings and rows have it.
    pub name: &'static str,
    /// What its table may hold.
    pub keys: &'static [Key],
    /// Opens it; asks nobody.
    pub open: fn(&Given) -> Result<Opened, Fault>,
}

/// A key of a channel's table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Without it the channel cannot be.
    pub needed: bool,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A text, or a number that is read as one.
    Text,
    /// An address; it may be a secret.
    Address,
    /// The path of a file with a secret, relative to the settings.
    SecretFile,
    /// A yes or no; no if it is not there.
    Flag,
}

/// What the settings give a channel: each value is of the kind that its key holds, and those that are needed are there.
#[derive(Debug, Default)]
pub struct Given {
    texts: BTreeMap<&'static str, Secret>,
    files: BTreeMap<&'static str, PathBuf>,
    flags: BTreeMap<&'static str, bool>,
}

impl Given {
    /// Adds a text or an address.
    pub fn put_text(&mut self, key: &'static str, text: &str) {
        self.texts.insert(key, Secret::new(text));
    }

    /// Adds a file.
    pub fn put_file(&mut self, key: &'static str, path: PathBuf) {
        self.files.insert(key, path);
    }

    /// Adds a yes or no.
    pub fn put_flag(&mut self, key: &'static str, flag: bool) {
        self.flags.insert(key, flag);
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(Secret::expose)
    }

    fn file(&self, key: &str) -> &Path {
        self.maybe_file(key).unwrap_or(Path::new(""))
    }

    fn maybe_file(&self, key: &str) -> Option<&Path> {
        self.files.get(key).map(PathBuf::as_path)
    }

    fn flag(&self, key: &str) -> bool {
        self.flags.get(key).copied().unwrap_or(false)
    }
}

/// A channel that is ready.
pub struct Opened {
    /// Makes the channel; each is one of its own.
    pub make: Box<dyn Fn() -> Box<dyn Channel> + Send + Sync>,
    /// Where it leads, in words that anybody may read.
    pub to: String,
    /// What nobody may see.
    pub secrets: Vec<Secret>,
}

/// Why a channel cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key that is wrong.
    pub key: &'static str,
    /// What is wrong; holds no secret.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.to)
    }
}

impl Fault {
    fn of(key: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Fault {
        Fault { key, what: what.into(), hint: hint.into() }
    }
}
