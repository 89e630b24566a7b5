//! `kobe import`: what a predecessor left, taken over where it means something here.
//!
//! Rule: nothing that is there is overwritten, and nothing is taken in silence. What is kept is an artifact of the books under `import/...`; no cursor moves and no position
//! is made of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use kobe_calendar::Market;
use kobe_store::{Reader, SqliteStore};
use kobe_trade::chain::sha256;
use kobe_trade::ports::{Artifact, Books, BooksError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::kobe_state::{DISCOVERIES, KNOWN, Known};
use crate::import::{self, Context, Findings, Left, READ_MOST};
use crate::output::{Paint, Side, count, table};
use crate::settings::Shell;
use crate::{when, wiring};

/// Under this every import is kept.
const KEPT: &str = "import/";

/// Entries of one file that are shown unless more is asked for.
const SHOWN: usize = 12;

/// Files that nobody knows: so many are named, so deep they are looked for.
const STRANGERS: usize = 200;
const DEEPEST: usize = 6;

/// Arguments of `kobe import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// From where, or what was taken before
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, clap::Subcommand)]
enum Source {
    /// Take over the state directory of the predecessor
    KobeState(KobeState),
    /// Show what earlier imports took
    Show(Show),
}

/// Arguments of `kobe import kobe-state`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Read are scheduler_state, task_queue, brain_state, heartbeat, discoveries (.json and .log), watchlists, \
positions and the kill switch; every other file is named and left. For each file and each entry it says what \
was taken and what not, and why. What is taken is kept as import/... for `kobe import show`; last runs move no \
cursor, and positions are never put into the books: those are told, and a person confirms them.

Nothing that is there is overwritten, so importing twice changes nothing; --replace puts a newer import in the \
place of an older one. A desk must not run on the state meanwhile (exit 75); --dry-run needs no lock. The \
exit code is 1 if something needs a person: it stands under attention.

Examples:
  kobe import kobe-state /srv/old/state --dry-run     look, and write nothing
  kobe import kobe-state /srv/old/state
  kobe import kobe-state /srv/old/state --json | jq '.attention[]'")]
struct KobeState {
    /// The state directory of the predecessor: the one with autonomous/ in it
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write nothing
    #[arg(long)]
    dry_run: bool,
    /// Put this import in the place of an earlier one that says something else
    #[arg(long)]
    replace: bool,
    /// Judge times as of this moment; now if nothing is said
    #[arg(long, value_name = "T")]
    at: Option<String>,
}

/// Arguments of `kobe import show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe import show                     what is kept
  kobe import show import/positions    all of it, as JSON")]
struct Show {
    /// One of them, whole
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    match &args.source {
        Source::KobeState(args) => take_over(args, shell),
        Source::Show(args) => show(args, shell),
    }
}

/// What becomes of what a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// It is kept now.
    Stored,
    /// It is kept now in place of an earlier import.
    Replaced,
    /// The same was kept before.
    Unchanged,
    /// Something else was kept before, and stays.
    Refused,
    /// There is nothing to keep.
    Nothing,
}

/// One file and all that is to be said of it.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    artifact: &'static str,
    fate: Fate,
    #[serde(flatten)]
    found: Findings,
}

fn take_over(args: &KobeState, shell: &Shell) -> Result<Exit, Failure> {
    let (market, loaded) = (shell.market()?, shell.desk()?);
    let now = args.at.as_deref().map_or(Ok(shell.now()), |at| when::instant(at, &market))?;
    let context = Context { desk: &loaded.desk, market: &market, now };
    let (mut reports, others) = look(&args.directory, &context)?;
    let kept = Kept::open(args.dry_run, shell, &market)?;
    let put = |name: &str, body: Value| {
        let date = market.date_of(now);
        kept.put(Artifact {
            name: name.into(),
            function: "import".into(),
            task: "kobe-state".into(),
            date,
            at: now,
            body,
        })
    };
    let mut attention: Vec<String> = Vec::new();
    for report in &mut reports {
        if report.found.damaged {
            let why = report.found.left.first().map_or("", |left| left.why.as_str());
            attention.push(format!("{} was not read: {why}", report.file));
        }
        attention.append(&mut report.found.attention.clone());
        let Some(body) = report.found.body.clone() else { continue };
        let there = kept.latest(report.artifact)?;
        report.fate = match there {
            Some(there) if there.body == body => Fate::Unchanged,
            Some(there) if !args.replace => {
                let since = there.at;
                attention.push(format!(
                    "{} says something else than the import of {since}, which stays; --replace takes the new one",
                    report.file
                ));
                Fate::Refused
            }
            other => {
                put(report.artifact, body.clone())?;
                if other.is_some() { Fate::Replaced } else { Fate::Stored }
            }
        };
        // The desk shows what research found from an artifact of its own; one that is there is its own work.
        let shown = report.artifact == "import/discoveries" && report.fate != Fate::Refused;
        if shown && kept.latest(DISCOVERIES)?.is_none() {
            put(DISCOVERIES, body["discoveries"].clone())?;
        }
    }
    if shell.out.is_json() {
        shell.out.object(&json!({
            "directory": args.directory,
            "dry_run": args.dry_run,
            "files": reports,
            "not_read": others,
            "attention": attention,
        }))?;
    } else {
        shell.out.text(&page(&reports, &others, &attention, args, shell.out.paint(), shell.out.is_verbose()))?;
    }
    Ok(if attention.is_empty() { Exit::Fine } else { Exit::No })
}

/// What was kept before, and where more can be put.
enum Kept {
    /// A look at what is there, if anything is.
    Look(Option<Reader>),
    /// The books, with the lock of the state.
    Books(kobe_store::SqliteBooks),
}

impl Kept {
    fn open(dry: bool, shell: &Shell, market: &Market) -> Result<Kept, Failure> {
        let state = &shell.settings.state;
        if dry {
            return Ok(Kept::Look(Reader::open(state)?));
        }
        let store = SqliteStore::open(state, &wiring::opening(market, shell.clock.now()))?;
        Ok(Kept::Books(store.books()?))
    }

    fn latest(&self, name: &str) -> Result<Option<Artifact>, Failure> {
        match self {
            Kept::Look(None) => Ok(None),
            Kept::Look(Some(reader)) => Ok(reader.artifact(name)?),
            Kept::Books(books) => books.latest(name).map_err(books_failed),
        }
    }

    fn put(&self, artifact: Artifact) -> Result<(), Failure> {
        match self {
            Kept::Look(_) => Ok(()),
            Kept::Books(books) => books.put(artifact).map_err(books_failed),
        }
    }
}

fn books_failed(error: BooksError) -> Failure {
    Failure::Store(kobe_engine::StoreError::Io(error.to_string()))
}

/// Reads every known file below a directory, and names the others.
fn look(directory: &Path, context: &Context<'_>) -> Result<(Vec<Report>, Vec<Left>), Failure> {
    if !directory.is_dir() {
        return Err(Failure::usage(
            format!("{} is no directory", directory.display()),
            "name the state directory of the predecessor: the one with autonomous/ in it",
        ));
    }
    // Whoever names `autonomous` means the state that it lies in: watchlists and positions lie beside it.
    let directory = match (directory.file_name(), directory.parent()) {
        (Some(name), Some(parent)) if name == "autonomous" => {
            if parent == Path::new("") {
                Path::new(".")
            } else {
                parent
            }
        }
        _ => directory,
    };
    let mut reports = Vec::new();
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    for known in KNOWN {
        let Some(path) = place(directory, known) else { continue };
        let mut found = content(&path)?.map_or_else(
            |damage| damage,
            |bytes| {
                let mut found = import::read(known.reading, &bytes, context);
                if let Some(body) = &mut found.body {
                    body["source"] = json!({ "file": known.path, "sha256": sha256(&bytes) });
                }
                found
            },
        );
        if found.damaged {
            found.body = None;
        }
        seen.insert(path.clone());
        let file = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
        reports.push(Report { file, artifact: known.artifact, fate: Fate::Nothing, found });
    }
    if reports.is_empty() {
        return Err(Failure::usage(
            format!("{} holds nothing of the predecessor", directory.display()),
            "name its state directory: the one with autonomous/ in it",
        ));
    }
    let mut others = Vec::new();
    strangers(directory, directory, DEEPEST, &seen, &mut others);
    others.sort_by(|a, b| a.place.cmp(&b.place));
    Ok((reports, others))
}

/// Returns where a known file lies: below the directory, below `state` in it, or in the directory itself when that is a copy of `autonomous`.
fn place(root: &Path, known: &Known) -> Option<PathBuf> {
    let bare = known.path.strip_prefix("autonomous/").map(|inside| root.join(inside));
    let places = [Some(root.join(known.path)), Some(root.join("state").join(known.path)), bare];
    places.into_iter().flatten().find(|path| path.symlink_metadata().is_ok())
}

/// Reads a file whole, if it is one and of a size that can be meant.
fn content(path: &Path) -> Result<Result<Vec<u8>, Findings>, Failure> {
    let failed = |source| Failure::Read { path: path.to_owned(), source };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(_) if path.is_symlink() => {
            return Ok(Err(Findings::damage("the whole file", "it is a link to nothing", "leave it out")));
        }
        Err(error) => return Err(failed(error)),
    };
    if !meta.is_file() {
        return Ok(Err(Findings::damage("the whole file", "it is no file", "leave it out")));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read: one byte more than allowed is enough to know.
    File::open(path).and_then(|file| file.take(READ_MOST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > READ_MOST {
        let why = format!("it has {} bytes, {READ_MOST} are the most that is read", meta.len());
        return Ok(Err(Findings::damage("the whole file", why, "leave it out, or cut an old part off in a copy")));
    }
    Ok(Ok(bytes))
}

/// Names every file that is not read, so that nothing is passed over in silence.
fn strangers(root: &Path, directory: &Path, depth: usize, seen: &BTreeSet<PathBuf>, found: &mut Vec<Left>) {
    let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let leave = |path: &Path, why: &str| Left { place: shown(path), why: why.into(), hint: None };
    let Ok(entries) = fs::read_dir(directory) else {
        found.push(leave(directory, "the directory cannot be read"));
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if found.len() >= STRANGERS {
            if found.len() == STRANGERS {
                found.push(Left {
                    place: "...".into(),
                    why: format!("more than {STRANGERS} files are not read"),
                    hint: None,
                });
            }
            return;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if seen.contains(&path) || name.starts_with("kobe.db") || name == "kobe.lock" {
            continue;
        }
        if path.is_symlink() {
            found.push(leave(&path, "a link that is not followed"));
        } else if !path.is_dir() {
            found.push(leave(&path, "no part of this import: it stays where it is"));
        } else if depth > 0 {
            strangers(root, &path, depth - 1, seen, found);
        } else {
            found.push(leave(&path, "it lies too deep"));
        }
    }
}

fn page(
    reports: &[Report],
    others: &[Left],
    attention: &[String],
    args: &KobeState,
    paint: Paint,
    all: bool,
) -> String {
    let mut text = String::new();
    for report in reports {
        let (taken, left) = (report.found.taken.len(), report.found.left.len());
        let fate = match (report.fate, args.dry_run) {
            (Fate::Stored, false) => format!("kept as {}", report.artifact),
            (Fate::Stored, true) => format!("would be kept as {}", report.artifact),
            (Fate::Replaced, false) => format!("kept as {}, in place of an earlier import", report.artifact),
            (Fate::Replaced, true) => format!("would take the place of {}", report.artifact),
            (Fate::Unchanged, _) => format!("unchanged since it was kept as {}", report.artifact),
            (Fate::Refused, _) => format!("not kept: {} says something else", report.artifact),
            (Fate::Nothing, _) if report.found.damaged => "not read".to_owned(),
            (Fate::Nothing, _) => "nothing to keep".to_owned(),
        };
        let _ = writeln!(text, "{}: {taken} taken, {left} not; {fate}", paint.bold(&report.file));
        let rows = report.found.taken.iter().map(|t| (paint.green("+"), t.place.clone(), t.what.clone()));
        let rows: Vec<_> = if all { rows.collect() } else { Vec::new() };
        lines(&mut text, rows, true, paint);
        for (mark, list) in [(paint.yellow("~"), &report.found.notes), (paint.red("-"), &report.found.left)] {
            lines(&mut text, list.iter().map(|l| (mark.clone(), l.place.clone(), told(l))).collect(), all, paint);
        }
    }
    if !others.is_empty() {
        let _ = writeln!(text, "{}: {} not read", paint.bold("other files"), count(others.len(), "file"));
        let rows = others.iter().map(|l| (paint.dim("-"), l.place.clone(), told(l))).collect();
        lines(&mut text, rows, all, paint);
    }
    let sum = |of: fn(&Findings) -> usize| reports.iter().map(|r| of(&r.found)).sum::<usize>();
    let _ = writeln!(
        text,
        "\n{}: {} taken, {} not{}",
        paint.bold(count(reports.len(), "file")),
        sum(|f| f.taken.len()),
        sum(|f| f.left.len()),
        if args.dry_run { "; nothing was written" } else { "" }
    );
    if !attention.is_empty() {
        let _ = writeln!(text, "\n{}", paint.red("needs a person"));
        for line in attention {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn told(left: &Left) -> String {
    left.hint.as_ref().map_or_else(|| left.why.clone(), |hint| format!("{} ({hint})", left.why))
}

fn lines(text: &mut String, rows: Vec<(String, String, String)>, all: bool, paint: Paint) {
    let shown = if all || rows.len() <= SHOWN { rows.len() } else { SHOWN };
    for (mark, place, what) in &rows[..shown] {
        let _ = writeln!(text, "  {mark} {place}: {what}");
    }
    if shown < rows.len() {
        let _ = writeln!(text, "  {}", paint.dim(format!("... {} more (-v shows all)", rows.len() - shown)));
    }
}

fn show(args: &Show, shell: &Shell) -> Result<Exit, Failure> {
    let nothing = || Failure::no("nothing was imported into this state", "`kobe import kobe-state DIR` takes over");
    let reader = Reader::open(&shell.settings.state)?.ok_or_else(nothing)?;
    if let Some(name) = &args.name {
        let name = if name.starts_with(KEPT) { name.clone() } else { format!("{KEPT}{name}") };
        let artifact = reader
            .artifact(&name)?
            .ok_or_else(|| Failure::no(format!("no import is kept as {name}"), "`kobe import show` lists what is"))?;
        shell.out.object(&artifact)?;
        return Ok(Exit::Fine);
    }
    let rows: Vec<_> = reader.artifacts()?.into_iter().filter(|row| row.name.starts_with(KEPT)).collect();
    if rows.is_empty() {
        return Err(nothing());
    }
    if shell.out.is_json() {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "name": row.name, "source": row.task, "imported_at": row.at, "bytes": row.size }))
            .collect();
        shell.out.array(&rows)?;
    } else {
        let market = shell.market()?;
        let cells = |row: &kobe_store::ArtifactRow| {
            vec![row.name.clone(), row.task.clone(), when::day_and_clock(row.at, &market), row.size.to_string()]
        };
        let header = [("NAME", Side::Left), ("FROM", Side::Left), ("IMPORTED", Side::Left), ("BYTES", Side::Right)];
        shell.out.text(&table(&header, rows.iter().map(cells).collect()))?;
    }
    Ok(Exit::Fine)
}
