//! `kobe check`: are the desk files sound?

use std::path::PathBuf;

use kobe_plan::desk::Severity;
use kobe_plan::{Problem, SourceFile};
use serde_json::json;

use crate::desk_files;
use crate::exit::Exit;
use crate::failure::{Failure, problems_text};
use crate::output::count;
use crate::settings::Shell;
use crate::when;

/// Arguments of `kobe check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe check                           the desk that `--config` names, or the one built in
  kobe check desk/                     every desk file below a directory
  kobe check desk/desk.toml mine.toml  these files, as one desk")]
pub struct Args {
    /// Desk files, or directories of them, read as one desk
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Look for tasks that never fire from this moment on; now if nothing is said
    #[arg(long, value_name = "T")]
    at: Option<String>,
}

/// What was found.
struct Findings {
    tasks: usize,
    problems: Vec<Problem>,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let from = match &args.at {
        Some(at) => when::instant(at, &market)?,
        None => shell.now(),
    };
    let found = match files(args, shell) {
        Err(Failure::Desk(problems)) => Findings { tasks: 0, problems },
        Err(other) => return Err(other),
        Ok(files) => match desk_files::parse(&files) {
            Err(problems) => Findings { tasks: 0, problems },
            Ok(desk) => Findings { tasks: desk.tasks.len(), problems: desk.lint(&files, &market, from) },
        },
    };
    let (errors, warnings): (Vec<&Problem>, Vec<&Problem>) =
        found.problems.iter().partition(|p| p.severity == Severity::Error);
    if shell.out.is_json() {
        shell.out.object(&json!({ "errors": errors, "warnings": warnings, "tasks": found.tasks }))?;
    } else {
        let paint = shell.out.paint();
        let mut text = problems_text(&found.problems, paint);
        let verdict = match errors.len() {
            0 => format!(
                "{}: {}, {}",
                paint.green("sound"),
                count(found.tasks, "task"),
                count(warnings.len(), "warning")
            ),
            n => format!("{}: {}, {}", paint.red("not sound"), count(n, "error"), count(warnings.len(), "warning")),
        };
        text.push_str(&verdict);
        shell.out.text(&text)?;
    }
    Ok(if errors.is_empty() { Exit::Fine } else { Exit::No })
}

fn files(args: &Args, shell: &Shell) -> Result<Vec<SourceFile>, Failure> {
    let below = |root: &PathBuf| Ok(desk_files::shown(&desk_files::read(root)?, Some(root)));
    match (args.files.as_slice(), &shell.settings.config) {
        ([], None) => Ok(desk_files::built_in()),
        ([], Some(root)) => below(root),
        (several, _) => each(several),
    }
}

fn each(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            files.extend(desk_files::shown(&desk_files::read(path)?, Some(path)));
            continue;
        }
        match desk_files::read_text(path)? {
            Ok(text) => files.push(SourceFile { name: path.display().to_string(), text }),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(Failure::Desk(problems)) }
}
