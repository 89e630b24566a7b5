//! `kobe replay-day`: live a recorded day again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::JournalRow;
use kobe_engine::journal::{Difference, Replay, ReplayError, Replayed, recorded_hash};
use kobe_plan::{Change, Desk, SourceFile, State, Turn};
use kobe_store::Reader;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::count;
use crate::settings::Shell;
use crate::{desk_files, when};

/// Version of the files that are handed over. Those of version 1 had no last line, and could be cut without anybody noticing.
const FORMAT: u32 = 2;

/// Arguments of `kobe replay-day`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every input of the engine is journaled in the transaction of what came of it. The day is lived again from \
the machine as it stood at its beginning, turn by turn, and each turn is compared with what was recorded; \
nothing is sent, run or written. A journal that is exported carries the desk files with it, so it can be \
handed over, and lived again without the database. Its last line counts its rows: a file that was cut is \
refused, one that was changed is told.

Examples:
  kobe replay-day 2026-11-23
  kobe replay-day 2026-11-23 --export bad-day.jsonl
  kobe replay-day 2026-11-23 --journal bad-day.jsonl --json

Exit code 0 when every turn came out the same, 1 when one did not or nothing was recorded.")]
pub struct Args {
    /// The day, on the desk's clock
    #[arg(value_name = "DATE")]
    date: String,
    /// Write the day's journal to FILE, with the desk files it needs
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Read the journal from FILE instead of the state
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    journal: Option<PathBuf>,
}

/// The first line of a file that is handed over.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    kobe_journal: u32,
    date: Date,
    /// Files by the hash of their desk, each a name and a text.
    desks: BTreeMap<String, Vec<(String, String)>>,
}

/// A row in such a file: instant, whether a machine begins, body, digest.
#[derive(Debug, Serialize, Deserialize)]
struct Line(Timestamp, bool, String, String);

/// The last line of such a file: what stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    rows: usize,
    /// One hash over the recorded digests of all turns.
    recorded: String,
}

impl Tail {
    fn of(rows: &[JournalRow]) -> Tail {
        Tail { rows: rows.len(), recorded: recorded_hash(rows) }
    }
}

/// A recorded day: its rows, and the desks that they were lived under.
struct Day {
    rows: Vec<JournalRow>,
    desks: BTreeMap<String, Vec<SourceFile>>,
    /// It is the one that was written, as far as its last line can tell.
    as_written: bool,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let date = when::date(&args.date, &market)?;
    let day = match &args.journal {
        Some(path) => read(path, date)?,
        None => recorded(shell, date)?,
    };
    if let Some(path) = &args.export {
        write(path, date, &day)?;
        shell.out.talk(&format!("{} written to {}", count(day.rows.len(), "row"), path.display()));
    }
    let mut desks: BTreeMap<&str, Arc<Desk>> = BTreeMap::new();
    for (hash, files) in &day.desks {
        let desk = desk_files::parse(files).map_err(Failure::Desk)?;
        desks.insert(hash, Arc::new(desk));
    }
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut see = |_: Timestamp, _: &Desk, turn: &Turn| {
        for change in &turn.changes {
            if let Change::Run(run) = change
                && run.state.is_terminal()
            {
                let word = match (run.state, run.reason) {
                    (State::Skipped, Some(reason)) => reason.word(),
                    (state, _) => state.word(),
                };
                *ends.entry(word.to_owned()).or_default() += run.covers;
            }
        }
    };
    let desk_of = |hash: &str| desks.get(hash).cloned();
    let mut replay = Replay::new(&desk_of, &market, &mut see);
    for row in &day.rows {
        replay.feed(row).map_err(|e| cannot(&e))?;
    }
    let lived = replay.end();
    tell(shell, date, &lived, &ends, day.as_written)?;
    Ok(if lived.differs.is_none() && day.as_written { Exit::Fine } else { Exit::No })
}

fn cannot(error: &ReplayError) -> Failure {
    let hint = match error {
        ReplayError::Versions { .. } => "use the Kobe that recorded it: another calendar is another day",
        ReplayError::Desk(_) => "its row in the table `desks` is gone; an export made in time carries the files",
        ReplayError::NoBeginning(_) => "the beginning was pruned; a later day, or an export made in time, has one",
        ReplayError::Row { .. } | ReplayError::Machine(_) => {
            "the journal is damaged or of another build; `kobe doctor` looks at the database"
        }
    };
    Failure::no(format!("the day cannot be lived again: {error}"), hint)
}

/// Reads a day from the database.
fn recorded(shell: &Shell, date: Date) -> Result<Day, Failure> {
    let (market, state) = (shell.market()?, &shell.settings.state);
    let nothing =
        |what: String| Failure::no(what, "`kobe run` records every day that it lives; `--state DIR` looks elsewhere");
    let reader = Reader::open(state)?.ok_or_else(|| nothing(format!("{} holds no database", state.display())))?;
    let midnight = |date: Date| -> Result<Timestamp, Failure> { Ok(market.day(date)?.from) };
    let from = midnight(date)?;
    let to = midnight(date.tomorrow().map_err(|e| Failure::usage(e.to_string(), "name an earlier day"))?)?;
    let mut rows = Vec::new();
    // The rows before midnight lead to the machine that the day's own first row holds.
    reader.journal_each(from, to - SignedDuration::from_micros(1), |row| {
        if row.at >= from {
            rows.push(row);
        }
    })?;
    if rows.is_empty() {
        return Err(nothing(format!("nothing was recorded on {date}")));
    }
    let mut desks = BTreeMap::new();
    for row in rows.iter().filter(|r| r.begins) {
        let hash = serde_json::from_str::<serde_json::Value>(&row.body).ok();
        let hash = hash.and_then(|body| body.get("desk")?.as_str().map(str::to_owned)).unwrap_or_default();
        if let Some(files) = reader.desk(&hash)? {
            desks.insert(hash, files);
        }
    }
    Ok(Day { rows, desks, as_written: true })
}

fn write(path: &Path, date: Date, day: &Day) -> Result<(), Failure> {
    let failed = |source| Failure::File { what: "write", path: path.to_owned(), source };
    let pairs = |files: &Vec<SourceFile>| files.iter().map(|f| (f.name.clone(), f.text.clone())).collect();
    let desks = day.desks.iter().map(|(hash, files)| (hash.clone(), pairs(files))).collect();
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    let mut line = |text: String| writeln!(file, "{text}").map_err(failed);
    let json = |e: serde_json::Error| Failure::Broke { what: e.to_string() };
    line(serde_json::to_string(&Head { kobe_journal: FORMAT, date, desks }).map_err(json)?)?;
    for r in &day.rows {
        line(serde_json::to_string(&Line(r.at, r.begins, r.body.clone(), r.digest.clone())).map_err(json)?)?;
    }
    line(serde_json::to_string(&Tail::of(&day.rows)).map_err(json)?)?;
    let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)
}

fn read(path: &Path, date: Date) -> Result<Day, Failure> {
    let unread = |source| Failure::Read { path: path.to_owned(), source };
    let bad = |n: usize, what: String| {
        Failure::no(
            format!("{}:{n}: {what}", path.display()),
            "`kobe replay-day DATE --export FILE` writes such a file",
        )
    };
    let mut lines = BufReader::new(File::open(path).map_err(unread)?).lines().enumerate();
    let (_, first) = lines.next().ok_or_else(|| bad(1, "the file is empty".into()))?;
    let head: Head = serde_json::from_str(&first.map_err(unread)?)
        .map_err(|e| bad(1, format!("this is no head of a journal: {e}")))?;
    if head.kobe_journal != FORMAT {
        return Err(bad(1, format!("the file has format {}, this build reads {FORMAT}", head.kobe_journal)));
    }
    if head.date != date {
        return Err(bad(1, format!("the file is of {}, not of {date}", head.date)));
    }
    let noon = date.at(12, 0, 0, 0).in_tz("UTC").map_err(|e| bad(1, e.to_string()))?.timestamp();
    let mut rows = Vec::new();
    let mut tail: Option<Tail> = None;
    for (i, line) in lines {
        let line = line.map_err(unread)?;
        if tail.is_some() {
            return Err(bad(i + 1, "the file goes on after its last line".into()));
        }
        // A row is a list, the last line an object.
        if line.starts_with('{') {
            let last = serde_json::from_str(&line);
            tail = Some(last.map_err(|e| bad(i + 1, format!("this is no last line of a journal: {e}")))?);
            continue;
        }
        let Line(at, begins, body, digest) =
            serde_json::from_str(&line).map_err(|e| bad(i + 1, format!("this is no row of a journal: {e}")))?;
        // A day is a day: a stamp far from it is damage, and would be lived up to.
        if (at.duration_since(noon)).abs() > SignedDuration::from_hours(72) {
            return Err(bad(i + 1, format!("the row is of {at}, and the file of {date}")));
        }
        rows.push(JournalRow { at, begins, body, digest });
    }
    let end = rows.len() + 1;
    let Some(tail) = tail else {
        return Err(bad(end, "the file was cut: its last line, which counts the rows, is missing".into()));
    };
    if tail.rows != rows.len() {
        let counts = format!("the file has {}, and was written with {}", count(rows.len(), "row"), tail.rows);
        return Err(bad(end, counts));
    }
    if rows.is_empty() {
        return Err(bad(1, "the file has a head and no row".into()));
    }
    let as_written = Tail::of(&rows) == tail;
    let files =
        |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, text)| SourceFile { name, text }).collect();
    let desks = head.desks.into_iter().map(|(hash, pairs)| (hash, files(pairs))).collect();
    Ok(Day { rows, desks, as_written })
}

fn tell(
    shell: &Shell,
    date: Date,
    lived: &Replayed,
    ends: &BTreeMap<String, u64>,
    as_written: bool,
) -> Result<(), Failure> {
    let market = shell.market()?;
    let difference = |d: &Difference| {
        json!({
            "at_utc": d.at.to_string(), "at_local": when::local(d.at, &market), "turn": d.turn,
            "inputs": d.inputs, "recorded": d.recorded, "replayed": d.replayed,
        })
    };
    if shell.out.is_json() {
        return shell.out.object(&json!({
            "date": date.to_string(),
            "segments": lived.segments,
            "turns": lived.turns,
            "inputs": lived.inputs,
            "ends": ends,
            "recorded_hash": lived.recorded,
            "trace_hash": lived.replayed,
            "same": lived.differs.is_none(),
            "as_written": as_written,
            "differs": lived.differs.as_ref().map(difference),
        }));
    }
    let paint = shell.out.paint();
    let mut text = format!(
        "{date}: {}, {}, {}\n",
        count(lived.segments, "segment"),
        count(lived.turns as usize, "turn"),
        count(lived.inputs as usize, "input")
    );
    let words: Vec<String> = ends.iter().map(|(word, n)| format!("{n} {word}")).collect();
    let _ = writeln!(text, "  ends       {}", if words.is_empty() { "none".into() } else { words.join(", ") });
    let _ = writeln!(text, "  recorded   {}", lived.recorded);
    let _ = writeln!(text, "  replayed   {}", lived.replayed);
    if !as_written {
        let _ = writeln!(
            text,
            "  {}",
            paint.red("the file was changed since it was written: its last line says another hash")
        );
    }
    let _ = match &lived.differs {
        None => writeln!(text, "  {}", paint.green("every turn came out the same")),
        Some(d) => writeln!(
            text,
            "  {}\n    recorded {}, now {}\n    inputs {}",
            paint.red(format!("turn {} at {} came out otherwise", d.turn, when::day_and_clock(d.at, &market))),
            d.recorded,
            if d.replayed.is_empty() { "another machine" } else { &d.replayed },
            d.inputs
        ),
    };
    shell.out.text(&text)
}
