//! Channels: how a person is told, as a file says it.
//!
//! `--channels FILE`, or `channels.toml` in the state. Each kind of channel has a table named like it, whose keys the kind itself declares (`kobe_handlers::channels::KINDS`);
//! `[watch]` names an address elsewhere that is pinged while the desk lives. Secrets stand in files of their own. A mistake is told with its line, its cause and a hint, but
//! never with a value that could be a secret. Start at [`settings`].

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kobe_engine::Channel;
use kobe_handlers::channels::{self, Address, Given, Holds, KINDS, Key, Kind, Opened};
use kobe_plan::Problem;
use kobe_plan::alert::redact::Redactor;
use kobe_plan::desk::Severity;
use kobe_plan::task::Place;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::Failure;
use crate::settings::Shell;

/// The file in the state that is read if no other is named.
const FILE: &str = "channels.toml";
/// How long an address may take to answer a question of [`get`].
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Keys whose values may be shown with a mistake. Any other may hold a secret, also where it does not belong.
const MAY_BE_SHOWN: &[&str] = &["order", "chat", "token_file", "insecure", "base_url"];

/// A channel that is set.
pub struct Way {
    /// Its name.
    pub name: &'static str,
    opened: Opened,
}

impl Way {
    /// Returns where it leads, in words that anybody may read.
    pub fn to(&self) -> &str {
        &self.opened.to
    }

    /// Opens it.
    pub fn open(&self) -> Box<dyn Channel> {
        (self.opened.make)()
    }
}

/// How a person is told.
#[derive(Default)]
pub struct Settings {
    /// The channels, in the order of use.
    pub ways: Vec<Way>,
    /// The address that is pinged while the desk lives; a secret.
    pub ping: Option<String>,
    /// What someone should look at.
    pub warnings: Vec<Problem>,
}

impl Settings {
    /// Opens every channel.
    pub fn open(&self) -> Vec<Box<dyn Channel>> {
        self.ways.iter().map(Way::open).collect()
    }

    /// Returns the names of the channels.
    pub fn names(&self) -> Vec<String> {
        self.ways.iter().map(|way| way.name.to_owned()).collect()
    }

    /// Returns what takes the secrets of the channels out of texts.
    pub fn redactor(&self) -> Redactor {
        let secrets = self.ways.iter().flat_map(|way| &way.opened.secrets);
        Redactor::new(secrets.flat_map(channels::Secret::forms).chain(self.ping.clone()))
    }
}

/// Reads the settings that the flags name; without any, alerts go to the log.
///
/// # Errors
/// [`Failure::Channels`] with every mistake, [`Failure::Read`] when the file cannot be read.
pub fn settings(shell: &Shell) -> Result<Settings, Failure> {
    let path = match &shell.settings.channels {
        Some(path) => path.clone(),
        None => shell.settings.state.join(FILE),
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound && shell.settings.channels.is_none() => {
            return Ok(Settings::default());
        }
        Err(source) => return Err(Failure::Read { path, source }),
    };
    parse(&path, &text).map_err(Failure::Channels)
}

/// Pings the address of a dead-man elsewhere.
///
/// # Errors
/// What happened, without the address.
pub fn ping(url: &str) -> Result<(), String> {
    channels::ping(&address(url)?)
}

/// Asks an address and returns the status and the body of its answer.
///
/// # Errors
/// What happened, without the address.
pub fn get(url: &str) -> Result<(u16, Vec<u8>), String> {
    channels::get(&address(url)?, ANSWERS_WITHIN).map(|(status, body)| (status, body.into_bytes()))
}

/// Returns the name or number of the machine that an address leads to.
///
/// # Errors
/// Why it is no address.
pub fn host_of(url: &str) -> Result<String, String> {
    let whole = address(url)?;
    let rest = whole.url().expose().split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(number) => number.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    Ok(host.to_owned())
}

/// Reads an address that a person has named for himself, or that was judged when the settings were read.
fn address(url: &str) -> Result<Address, String> {
    Address::parse(url, true).map_err(|bad| bad.what)
}

type Value<'i> = Spanned<DeValue<'i>>;

/// Reads a file of settings.
fn parse(path: &Path, text: &str) -> Result<Settings, Vec<Problem>> {
    let mut reader = Reader { path, text, problems: Vec::new() };
    let settings = reader.file();
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) =
        reader.problems.into_iter().partition(|p| p.severity == Severity::Error);
    if errors.is_empty() { Ok(Settings { warnings, ..settings }) } else { Err(errors) }
}

/// A file being read, and what is wrong with it so far.
struct Reader<'f> {
    path: &'f Path,
    text: &'f str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn file(&mut self) -> Settings {
        let text = self.text;
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(e) => {
                // The parser's own words may quote what it met.
                let span = e.span().unwrap_or(0..0);
                self.error(span, "this is no TOML", "write tables and keys as docs/operate/alerts.md shows them");
                return Settings::default();
            }
        };
        let root = root.get_ref();
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).chain(["watch", "order"]).collect();
        self.only_known(root, "the settings of channels", &known);
        let mut ways: Vec<Way> = Vec::new();
        for kind in KINDS {
            if let Some(value) = root.get(kind.name)
                && let Some(table) = self.table(kind.name, value)
                && let Some(way) = self.way(kind, table, value.span())
            {
                ways.push(way);
            }
        }
        if let Some(order) = root.get("order") {
            self.order(order, root, &mut ways);
        }
        let ping = root.get("watch").and_then(|value| self.watch(value));
        Settings { ways, ping, warnings: Vec::new() }
    }

    /// Reads the table of a channel by the keys that its kind declares, and opens it.
    fn way(&mut self, kind: &'static Kind, table: &DeTable<'_>, span: Range<usize>) -> Option<Way> {
        let before = self.problems.len();
        let what = format!("[{}]", kind.name);
        let known: Vec<&str> = kind.keys.iter().map(|key| key.name).collect();
        self.only_known(table, &what, &known);
        let mut given = Given::default();
        for key in kind.keys {
            match table.get(key.name) {
                Some(value) => self.value(key, value, &mut given),
                None if key.needed => {
                    self.error(
                        span.clone(),
                        format!("{what} has no `{}`", key.name),
                        format!("add `{} = \"...\"`", key.name),
                    );
                }
                None => {}
            }
        }
        if self.problems[before..].iter().any(|p| p.severity == Severity::Error) {
            return None;
        }
        match (kind.open)(&given) {
            Ok(opened) => Some(Way { name: kind.name, opened }),
            Err(fault) => {
                let span = table.get(fault.key).map_or(span, Spanned::span);
                self.error(span, format!("`{}`: {}", fault.key, fault.what), fault.hint);
                None
            }
        }
    }

    fn value(&mut self, key: &Key, value: &Value<'_>, given: &mut Given) {
        match (key.holds, value.get_ref()) {
            (Holds::Text | Holds::Address, DeValue::String(text)) => given.put_text(key.name, text),
            (Holds::Text, DeValue::Integer(number)) => given.put_text(key.name, &number.as_str().replace('_', "")),
            (Holds::Flag, DeValue::Boolean(flag)) => given.put_flag(key.name, *flag),
            (Holds::SecretFile, DeValue::String(text)) => {
                let file = self.path.parent().unwrap_or(Path::new("")).join(PathBuf::from(text.as_ref()));
                if channels::is_open_to_others(&file) {
                    let shown = file.display();
                    let hint = format!("take it back with `chmod 600 {shown}`");
                    self.problem(Severity::Warning, value.span(), format!("others may read {shown}"), hint);
                }
                given.put_file(key.name, file);
            }
            (Holds::Flag, _) => self.wrong(key.name, "true or false", value),
            _ => self.wrong(key.name, "a text", value),
        }
    }

    /// Puts channels into the order that is wished; those that it does not name come last.
    fn order(&mut self, order: &Value<'_>, root: &DeTable<'_>, ways: &mut [Way]) {
        let Some(list) = order.get_ref().as_array() else {
            return self.wrong("order", "a list of channels", order);
        };
        let mut names: Vec<&str> = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(name) if names.contains(&name) => {
                    self.error(item.span(), format!("`{name}` stands in the order twice"), "name each channel once");
                }
                Some(name) if root.contains_key(name) && KINDS.iter().any(|kind| kind.name == name) => names.push(name),
                Some(name) => {
                    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                    let hint = format!("known: {}; each needs its table", known.join(", "));
                    self.error(item.span(), format!("`{name}` is no channel that is set here"), hint);
                }
                None => self.wrong("order", "a list of channels", item),
            }
        }
        ways.sort_by_key(|way| names.iter().position(|name| *name == way.name).unwrap_or(names.len()));
    }

    fn watch(&mut self, value: &Value<'_>) -> Option<String> {
        let table = self.table("watch", value)?;
        self.only_known(table, "[watch]", &["ping_url", "insecure"]);
        let insecure = match table.get("insecure") {
            None => false,
            Some(flag) => flag.get_ref().as_bool().or_else(|| {
                self.wrong("insecure", "true or false", flag);
                None
            })?,
        };
        let url = table.get("ping_url")?;
        let Some(text) = url.get_ref().as_str() else {
            self.wrong("ping_url", "an address", url);
            return None;
        };
        match Address::parse(text, insecure) {
            Ok(address) => Some(address.url().expose().to_owned()),
            Err(bad) => {
                self.error(url.span(), format!("`ping_url`: {}", bad.what), bad.hint);
                None
            }
        }
    }

    fn table<'t, 'i>(&mut self, name: &str, value: &'t Value<'i>) -> Option<&'t DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(name, "a table", value);
        }
        table
    }

    fn only_known(&mut self, table: &DeTable<'_>, what: &str, known: &[&str]) {
        let mut strangers: Vec<(Range<usize>, String)> = table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .map(|key| (key.span(), key.get_ref().to_string()))
            .collect();
        strangers.sort_by_key(|(span, _)| span.start);
        for (span, key) in strangers {
            let near = known.iter().find(|word| strsim::damerau_levenshtein(word, &key) <= (key.len() / 3).max(1));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                // A token that stands in the settings is the mistake most likely made.
                None if key.contains("token") => {
                    "a secret stands in a file of its own: write `token_file = \"...\"`".into()
                }
                None => format!("known here: {}", known.join(", ")),
            };
            self.error(span, format!("unknown key `{key}` in {what}"), hint);
        }
    }

    fn wrong(&mut self, key: &str, expected: &str, value: &Value<'_>) {
        self.error(value.span(), format!("`{key}` is not {expected}"), "docs/operate/alerts.md shows every key");
    }

    fn error(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problem(Severity::Error, span, message.into(), hint.into());
    }

    fn problem(&mut self, severity: Severity, span: Range<usize>, message: String, hint: String) {
        let at = span.start.min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let column = self.text.get(start..at).map_or(0, |s| s.chars().count());
        let excerpt = without_values(line);
        let meant = self.text.get(span).map_or(1, |s| s.lines().next().unwrap_or_default().chars().count());
        let width = meant.min(excerpt.chars().count().saturating_sub(column)).max(1);
        self.problems.push(Problem {
            severity,
            place: Place {
                file: self.path.display().to_string(),
                line: before.matches('\n').count() as u32 + 1,
                column: column as u32 + 1,
            },
            message,
            hint: Some(hint),
            excerpt,
            width: width as u32,
        });
    }
}

/// Returns a line as it may be shown: its key, and its value only where that is never a secret.
fn without_values(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (line.as_str(), None),
    };
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " \t_-.[]".contains(c));
    match value {
        Some(_) if MAY_BE_SHOWN.contains(&key.trim()) => line.chars().take(200).collect(),
        Some(value) if is_plain(key) => {
            let space = if value.starts_with(' ') { " " } else { "" };
            format!("{key}={space}...")
        }
        None if is_plain(key) && key.trim_start().starts_with('[') => key.to_owned(),
        _ => "...".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Place {
            use std::os::unix::fs::PermissionsExt;
            let dir = tempfile::tempdir().unwrap();
            for (name, mode) in [("token", 0o600), ("open", 0o644)] {
                let path = dir.path().join(name);
                fs::write(&path, "123456:canary-canary-canary\n").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            Place { dir }
        }

        fn read(&self, text: &str) -> Result<Settings, Vec<Problem>> {
            parse(&self.dir.path().join("channels.toml"), text)
        }
    }

    const TELEGRAM: &str = "[telegram]\ntoken_file = \"token\"\nchat = -100123\n";
    const WEBHOOK: &str = "[webhook]\nurl = \"https://hooks.example.org/canary-path\"\n";

    #[test]
    fn channels_come_in_the_order_of_use() {
        let place = Place::new();
        let rows = [
            ("", vec![]),
            (TELEGRAM, vec!["telegram"]),
            (WEBHOOK, vec!["webhook"]),
            (&format!("{WEBHOOK}{TELEGRAM}"), vec!["telegram", "webhook"]),
            (&format!("order = [\"webhook\", \"telegram\"]\n{WEBHOOK}{TELEGRAM}"), vec!["webhook", "telegram"]),
            (&format!("order = [\"webhook\"]\n{WEBHOOK}{TELEGRAM}"), vec!["webhook", "telegram"]),
        ];
        for (text, expected) in rows {
            let settings = place.read(text).unwrap_or_else(|p| panic!("{text}\n{}", p[0]));
            assert_eq!(settings.names(), expected, "{text}");
            let opened: Vec<String> = settings.open().iter().map(|c| c.name().to_owned()).collect();
            assert_eq!(opened, expected, "{text}");
            assert!(settings.warnings.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_channels_are_said_to_be_holds_no_secret_and_the_redactor_knows_each() {
        let watch = "[watch]\nping_url = \"https://hc.example.org/canary-uuid\"\n";
        let settings = Place::new().read(&format!("{TELEGRAM}{WEBHOOK}{watch}")).unwrap_or_else(|p| panic!("{}", p[0]));
        let to: Vec<&str> = settings.ways.iter().map(Way::to).collect();
        assert_eq!(to, ["chat -100123 through https://api.telegram.org", "https://hooks.example.org"]);
        assert_eq!(settings.ping.as_deref(), Some("https://hc.example.org/canary-uuid"));
        let said = "a 123456:canary-canary-canary b canary-canary-canary c https://hooks.example.org/canary-path \
                    d https://hc.example.org/canary-uuid e";
        assert_eq!(settings.redactor().clean(said), "a [redacted] b [redacted] c [redacted] d [redacted] e");
    }

    #[test]
    fn every_mistake_has_its_line_and_its_hint_and_shows_no_secret() {
        let rows = [
            (
                "[telegram]\ntoken = \"123456:canary-canary-canary\"\nchat = 1\ntoken_file = \"token\"\n",
                "2:1 unknown key `token` in [telegram]",
            ),
            ("[telegram]\nchat = 1\n", "1:1 [telegram] has no `token_file`"),
            (
                "[telegram]\ntoken_file = \"none\"\nchat = 1\n",
                "2:14 `token_file`: cannot read [dir]/none: No such file or directory (os error 2)",
            ),
            ("[telegram]\ntoken_file = \"token\"\nchat = \"here\"\n", "3:8 `chat`: this is no chat"),
            ("[telegram]\ntoken_file = \"token\"\nchat = true\n", "3:8 `chat` is not a text"),
            (
                "[telegram]\ntoken_file = \"token\"\nchat = 1\nbase_url = \"http://10.0.0.7\"\n",
                "4:12 `base_url`: http:// to 10.0.0.7 would send alerts and secrets in the clear",
            ),
            ("[telegrm]\nx = 1\n", "1:2 unknown key `telegrm` in the settings of channels"),
            (
                "[webhook]\nurl = \"http://example.org/canary\"\n",
                "2:7 `url`: http:// to example.org would send alerts and secrets in the clear",
            ),
            ("[webhook]\nurl = \"canary canary\"\n", "2:7 `url`: this is no address"),
            ("[webhook]\nurl = 7\n", "2:7 `url` is not a text"),
            ("[webhook]\nurl = \"https://e.org\"\ninsecure = 1\n", "3:12 `insecure` is not true or false"),
            ("webhook = { url = \"https://me:canary@e.org\" }\n", "1:19 `url`: an address holds no password"),
            ("[watch]\nping_url = \"ftp://e.org/canary\"\n", "2:12 `ping_url`: `ftp` is no scheme for this"),
            ("[watch]\nping = \"https://e.org/canary\"\n", "2:1 unknown key `ping` in [watch]"),
            ("order = [\"telegram\"]\n", "1:10 `telegram` is no channel that is set here"),
            (
                "order = [\"webhook\", \"webhook\"]\n[webhook]\nurl = \"https://e.org\"\n",
                "1:21 `webhook` stands in the order twice",
            ),
            ("order = \"webhook\"\n[webhook]\nurl = \"https://e.org\"\n", "1:9 `order` is not a list of channels"),
            ("webhook = 3\n", "1:11 `webhook` is not a table"),
            ("[webhook]\nurl = \"canary\n", "2:14 this is no TOML"),
        ];
        for (text, expected) in rows {
            let place = Place::new();
            let problems = place.read(text).err().unwrap_or_else(|| panic!("{text} was taken"));
            let [problem] = problems.as_slice() else { panic!("{text}: {problems:?}") };
            let dir = place.dir.path().display().to_string();
            let said =
                format!("{}:{} {}", problem.place.line, problem.place.column, problem.message).replace(&dir, "[dir]");
            assert_eq!(said, expected, "{text}");
            assert!(problem.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{text}");
            assert!(!problem.to_string().contains("canary"), "{problem}");
        }
    }

    #[test]
    fn the_machine_of_an_address_is_found_and_what_is_no_address_refused() {
        let rows = [
            ("http://127.0.0.1:8081", Ok("127.0.0.1")),
            ("http://localhost:8081/", Ok("localhost")),
            ("https://desk.example.org", Ok("desk.example.org")),
            ("http://[::1]:8081/health?deep", Ok("::1")),
            ("127.0.0.1:8081", Err("this is no whole address")),
            ("ftp://example.org", Err("`ftp` is no scheme for this")),
            ("http://", Err("this is no address")),
            ("http://a b", Err("this is no address")),
        ];
        for (url, expected) in rows {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(host_of(url), expected, "{url}");
        }
    }

    #[test]
    fn a_token_that_others_may_read_is_told() {
        let settings =
            Place::new().read("[telegram]\ntoken_file = \"open\"\nchat = 1\n").unwrap_or_else(|p| panic!("{}", p[0]));
        assert_eq!(settings.warnings.len(), 1);
        assert!(settings.warnings[0].to_string().contains("others may read"), "{}", settings.warnings[0]);
    }
}
