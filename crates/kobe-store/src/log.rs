//! The write-ahead log, looked at before SQLite does.
//!
//! SQLite reads its log up to the first frame that does not fit, and drops the rest without a word: right for the torn end of a transaction that was never acknowledged, wrong
//! for a bit that turned in one that was. Rule: every commit is flushed before the next one is written, so at most one commit can lie behind a torn frame. Two or more mean
//! that acknowledged work is damaged, and then nothing is opened. Start at [`check`].

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use kobe_engine::StoreError;

use crate::fault::{damaged, io_error};

const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// Tells whether a log holds damage in work that was acknowledged. No log is a good log.
pub(crate) fn check(database: &Path, log: &Path) -> Result<(), StoreError> {
    let mut file = match File::open(log) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(log, &error)),
    };
    match scan(&mut file) {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(damaged(database, &format!("its log (-wal) is damaged: {what}"))),
        Err(error) => Err(io_error(log, &error)),
    }
}

/// Reads a log to its end; returns what is wrong with it.
fn scan(log: &mut impl Read) -> std::io::Result<Option<String>> {
    let mut head = [0_u8; HEAD];
    if !fill(log, &mut head)? {
        // Shorter than a head: nothing was ever written behind it.
        return Ok(None);
    }
    let mut frame_head = [0_u8; FRAME_HEAD];
    let magic = word(&head, 0);
    let mut sums = Sums(0, 0, magic & 1 == 1);
    sums.add(&head[..24]);
    let size = word(&head, 8) as usize;
    let known = (magic & !1) == 0x377f_0682 && size.is_power_of_two() && (512..=65_536).contains(&size);
    if !known || (sums.0, sums.1) != (word(&head, 24), word(&head, 28)) {
        // A head is one sector, and is flushed before anything stands behind it.
        return Ok(fill(log, &mut frame_head)?.then(|| String::from("its head is unreadable")));
    }
    let mut page = vec![0_u8; size];
    let (mut number, mut broken, mut commits_behind) = (0_u64, None, 0_u32);
    while fill(log, &mut frame_head)? && fill(log, &mut page)? {
        number += 1;
        let ours = frame_head[8..16] == head[16..24];
        let is_commit = word(&frame_head, 4) != 0;
        if broken.is_none() {
            sums.add(&frame_head[..8]);
            sums.add(&page);
            if !ours || (sums.0, sums.1) != (word(&frame_head, 16), word(&frame_head, 20)) {
                broken = Some(number);
            }
        }
        if broken.is_some_and(|at| at < number) && ours && is_commit {
            commits_behind += 1;
        }
    }
    Ok(broken.filter(|_| commits_behind > 1).map(|at| {
        format!("frame {at} is unreadable, and {commits_behind} transactions that were acknowledged lie behind it")
    }))
}

/// Fills a buffer, or tells that the log ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The running checksum of SQLite's log format, in the byte order that its head names.
#[derive(Debug, Clone, Copy)]
struct Sums(u32, u32, bool);

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let read = |b: &[u8]| {
                let b = [b[0], b[1], b[2], b[3]];
                if self.2 { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) }
            };
            let (first, second) = (read(&pair[..4]), read(&pair[4..]));
            self.0 = self.0.wrapping_add(first).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(second).wrapping_add(self.0);
        }
    }
}
