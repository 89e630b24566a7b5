//! Output: data to stdout, talk to stderr, colours where someone looks at them.

use std::io::{self, IsTerminal, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Row, Table};
use serde::Serialize;

use crate::failure::Failure;
use crate::settings::{Color, Global};

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(bool);

macro_rules! colours {
    ($($(#[$meta:meta])* $name:ident = $code:literal),+ $(,)?) => {
        impl Paint { $($(#[$meta])* pub fn $name(self, text: impl AsRef<str>) -> String { self.with($code, text.as_ref()) })+ }
    };
}

colours! {
    /// For titles.
    bold = "1",
    /// For what matters less.
    dim = "2",
    /// For what is wrong.
    red = "31",
    /// For what is well.
    green = "32",
    /// For what deserves a look.
    yellow = "33",
    /// For what helps.
    cyan = "36",
}

impl Paint {
    /// Without colours.
    pub const NONE: Paint = Paint(false);

    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn for_stream(color: Color, is_terminal: bool) -> Paint {
        let wanted = || is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Paint(match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => wanted(),
        })
    }
}

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    json: bool,
    quiet: bool,
    verbose: bool,
    stdout: Paint,
    stderr: Paint,
}

impl Out {
    /// Makes ready for the flags given.
    pub fn new(settings: &Global) -> Out {
        Out {
            json: settings.json,
            quiet: settings.quiet,
            verbose: settings.verbose,
            stdout: Paint::for_stream(settings.color, io::stdout().is_terminal()),
            stderr: Paint::for_stream(settings.color, io::stderr().is_terminal()),
        }
    }

    /// Says nothing any more but what is insisted upon.
    pub fn silent(self) -> Out {
        Out { json: false, quiet: true, ..self }
    }

    /// Tells whether the answer is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Tells whether more is to be said.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Returns the colours of stdout.
    pub fn paint(&self) -> Paint {
        if self.json { Paint::NONE } else { self.stdout }
    }

    /// Returns the colours of stderr.
    pub fn paint_talk(&self) -> Paint {
        self.stderr
    }

    /// Writes an answer for people.
    ///
    /// # Errors
    /// [`Failure::Stdout`].
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(end.as_bytes()))
            .and_then(|()| stdout.flush())
            .map_err(Failure::Stdout)
    }

    /// Writes one JSON object.
    ///
    /// # Errors
    /// [`Failure::Stdout`].
    pub fn object(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.text(&serde_json::to_string_pretty(value).map_err(broke)?)
    }

    /// Writes a JSON array, one element a line.
    ///
    /// # Errors
    /// [`Failure::Stdout`].
    pub fn array<T: Serialize>(&self, rows: &[T]) -> Result<(), Failure> {
        let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
        let lines = lines.map_err(broke)?;
        let text = if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n  {}\n]\n", lines.join(",\n  ")) };
        self.text(&text)
    }

    /// Writes one JSON value on one line: an event.
    ///
    /// # Errors
    /// [`Failure::Stdout`].
    pub fn event(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.text(&serde_json::to_string(value).map_err(broke)?)
    }

    /// Says something to whoever watches.
    pub fn talk(&self, line: &str) {
        if !self.quiet {
            // With nobody left to listen there is nothing to be done about it.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// Says something that even a quiet command says.
    pub fn insist(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

fn broke(e: serde_json::Error) -> Failure {
    Failure::Broke { what: format!("an answer cannot be written as JSON: {e}") }
}

/// Which side a column keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Lays rows out in columns below a header; no line ends in spaces.
pub fn table(header: &[(&str, Side)], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for row in rows {
        table.add_row(Row::from(row));
    }
    for (i, (_, side)) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(i) {
            column.set_padding((if i == 0 { 0 } else { 1 }, 1));
            column.set_cell_alignment(match side {
                Side::Left => CellAlignment::Left,
                Side::Right => CellAlignment::Right,
            });
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Writes a number of things: `1 task`, `2 tasks`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Writes a size as people say it: `512 B`, `4.0 MiB`.
pub fn bytes(n: u64) -> String {
    let mut size = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{n} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}
