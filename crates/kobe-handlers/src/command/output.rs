//! Output: what a program printed, bounded.
//!
//! Both streams are kept together in the order in which they came: the beginning and the end of a long output stay, its middle is counted and dropped. Beside that the end
//! of each stream is kept by itself, for the outcome line and for error texts.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use kobe_engine::Attempt;
use kobe_plan::RunId;

/// Bytes of each stream's end that are kept by themselves.
const TAIL: usize = 8 * 1024;

/// Files of output that stay; older ones are removed when Kobe starts its first program.
const FILES_KEPT: usize = 1000;

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    most: usize,
    dropped: u64,
}

impl Tail {
    fn new(most: usize) -> Tail {
        Tail { bytes: VecDeque::new(), most, dropped: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let fresh = &bytes[bytes.len().saturating_sub(self.most)..];
        let too_many = (self.bytes.len() + fresh.len()).saturating_sub(self.most);
        self.bytes.drain(..too_many);
        self.bytes.extend(fresh);
        self.dropped += (too_many + bytes.len() - fresh.len()) as u64;
    }

    /// Returns the last lines that are not empty, joined into one; bytes that are no text are replaced.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let (a, b) = self.bytes.as_slices();
        let text = String::from_utf8_lossy(&[a, b].concat()).into_owned();
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(count)..].join(" | ")
    }
}

/// What one attempt printed.
#[derive(Debug)]
pub(super) struct Output {
    head: Vec<u8>,
    head_most: usize,
    end: Tail,
    out: Tail,
    err: Tail,
}

impl Output {
    /// Begins empty; at most so many bytes are kept.
    pub(super) fn new(most: usize) -> Output {
        let end = most / 4;
        Output {
            head: Vec::new(),
            head_most: most - end,
            end: Tail::new(end),
            out: Tail::new(TAIL),
            err: Tail::new(TAIL),
        }
    }

    /// Takes bytes of stdout.
    pub(super) fn out(&mut self, bytes: &[u8]) {
        self.out.push(bytes);
        self.both(bytes);
    }

    /// Takes bytes of stderr.
    pub(super) fn err(&mut self, bytes: &[u8]) {
        self.err.push(bytes);
        self.both(bytes);
    }

    fn both(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_most - self.head.len()));
        self.head.extend(head);
        self.end.push(rest);
    }

    /// Returns the last line of stdout that is not empty.
    pub(super) fn last_line(&self) -> String {
        self.out.last_lines(1)
    }

    /// Returns the end of stderr.
    pub(super) fn err_tail(&self) -> &Tail {
        &self.err
    }

    fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        if self.end.dropped > 0 {
            write!(to, "\n[... {} bytes were dropped here ...]\n", self.end.dropped)?;
        }
        let (a, b) = self.end.bytes.as_slices();
        to.write_all(a)?;
        to.write_all(b)
    }
}

/// A directory of outputs, one file for each attempt.
#[derive(Debug)]
pub(super) struct Logs {
    directory: PathBuf,
    pruned: AtomicBool,
}

impl Logs {
    pub(super) fn new(directory: &Path) -> Logs {
        Logs { directory: directory.to_owned(), pruned: AtomicBool::new(false) }
    }

    pub(super) fn file(directory: &Path, run: RunId, attempt: u32) -> PathBuf {
        // Names sort like numbers.
        directory.join(format!("{:012}.{attempt:03}.log", run.0))
    }

    /// Writes what an attempt printed, if it printed anything.
    pub(super) fn keep(&self, attempt: &Attempt, output: &Output) -> io::Result<()> {
        if output.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        if !self.pruned.swap(true, Ordering::Relaxed) {
            self.prune()?;
        }
        let mut file = fs::File::create(Logs::file(&self.directory, attempt.run, attempt.attempt))?;
        output.write(&mut file)
    }

    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.directory)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .collect();
        files.sort();
        let too_many = files.len().saturating_sub(FILES_KEPT);
        files.iter().take(too_many).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(output: &Output) -> String {
        let mut bytes = Vec::new();
        output.write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_short_output_is_kept_whole_and_in_order() {
        let mut output = Output::new(40);
        output.out(b"first\n");
        output.err(b"oh\n");
        output.out(b"a somewhat longer line\n");
        assert_eq!(written(&output), "first\noh\na somewhat longer line\n");
        assert_eq!(
            (output.last_line().as_str(), output.err_tail().last_lines(5).as_str()),
            ("a somewhat longer line", "oh")
        );
    }

    #[test]
    fn of_a_long_output_the_middle_is_counted_and_dropped() {
        let mut output = Output::new(16);
        for chunk in [&b"0123456789"[..], b"abcdefghij", b"xyz"] {
            output.out(chunk);
        }
        assert_eq!(written(&output), "0123456789ab\n[... 7 bytes were dropped here ...]\njxyz");
    }

    #[test]
    fn bytes_that_are_no_text_and_control_characters_never_reach_a_note() {
        let mut tail = Tail::new(64);
        tail.push(b"one\n\xff\xfe\x1b[31m two\r\n\n");
        assert_eq!(tail.last_lines(2), "one | \u{fffd}\u{fffd} [31m two");
    }

    #[test]
    fn a_tail_holds_the_last_bytes_however_they_come() {
        let mut tail = Tail::new(4);
        for chunk in [&b"ab"[..], b"cdefghij", b"k"] {
            tail.push(chunk);
        }
        assert_eq!((tail.last_lines(1).as_str(), tail.dropped), ("hijk", 7));
    }
}
