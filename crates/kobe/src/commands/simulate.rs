//! `kobe simulate`: lives through days of the past on a virtual clock, and says what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use kobe_desk::report::{self, Lived as Story};
use kobe_trade::fact::{Fact, What};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::settings::Shell;
use crate::simulation::{self, Asked, CASH, Lived, Profile, SimulationError};
use crate::when;

/// Arguments of `kobe simulate`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Live through days of the past on a virtual clock.

The same tasks, gates and books as `kobe run`, over bundled daily bars; one thing after another, so the
same question has the same answer. Nothing is read from or written to the state directory.",
    after_help = "Examples:
  kobe simulate                                      the long run, 2004 to 2012
  kobe simulate --from 2012-01-01 --report out       one year, with a report to look at
  kobe simulate --from 2012-01-01 --halt-at 2012-06-01T10:05
                                                     what a kill switch would have done
  kobe simulate --json | jq .equity_end"
)]
pub struct Args {
    /// First day
    #[arg(long, value_name = "DATE", default_value = "2004-01-02")]
    from: String,
    /// Last day
    #[arg(long, value_name = "DATE", default_value = "2012-12-31")]
    to: String,
    /// Which work is done
    #[arg(long, value_enum, default_value = "trading")]
    work: Profile,
    /// Pull the kill switch at this moment
    #[arg(long, value_name = "TIME")]
    halt_at: Option<String>,
    /// Read bars from DIR instead of the bundled set
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write a report (HTML, Markdown, JSON, CSV) into DIR
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// The answer, as scripts rely on it.
#[derive(Debug, Serialize)]
struct Answer {
    days: usize,
    slots: u64,
    completed: u64,
    skipped: BTreeMap<String, u64>,
    failed: u64,
    unavailable: u64,
    orders: usize,
    trades: usize,
    equity_start: f64,
    equity_end: f64,
    trace_hash: String,
    wall_seconds: f64,
}

/// Lives through the days.
///
/// # Errors
/// [`Failure`] when the question, the data or the calendar says no.
pub fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    args.live(shell)
}

impl Args {
    fn live(&self, shell: &Shell) -> Result<Exit, Failure> {
        let market = shell.market()?;
        let desk = shell.desk()?.desk;
        let asked = Asked {
            from: when::date(&self.from, &market)?,
            to: when::date(&self.to, &market)?,
            profile: self.work,
            halt_at: self.halt_at.as_deref().map(|text| when::instant(text, &market)).transpose()?,
            data: self.data.clone(),
        };
        let begun = shell.clock.now();
        let bar = self.progress(shell, &asked);
        let lived = simulation::live(&desk, &market, &asked, &mut |day: Date| {
            bar.set_position((day - asked.from).get_days().max(0) as u64);
            bar.set_message(day.to_string());
        });
        bar.finish_and_clear();
        let lived = lived?;
        let wall_seconds = shell.clock.now().duration_since(begun).as_secs_f64();
        let answer = answer(&lived, wall_seconds);
        let written = match &self.report {
            None => Vec::new(),
            Some(dir) => {
                let story = Story {
                    title: format!("{} to {}", asked.from, asked.to),
                    from: asked.from,
                    to: asked.to,
                    counts: lived.counts.clone(),
                    facts: &lived.facts,
                    data: &lived.data,
                    market: &market,
                    trace_hash: lived.trace_hash.clone(),
                    config: desk.hash.clone(),
                    build: crate::wiring::BUILD.to_owned(),
                    halted_at: asked.halt_at,
                    wall_seconds: Some(wall_seconds),
                };
                report::build(&story).write(dir).map_err(|source| Failure::File {
                    what: "write the report into",
                    path: dir.clone(),
                    source,
                })?
            }
        };
        if shell.out.is_json() {
            shell.out.object(&answer)?;
        } else {
            shell.out.text(&told(&asked, &answer, &lived, &written, shell.out.paint()))?;
        }
        Ok(if answer.failed > 0 { Exit::No } else { Exit::Fine })
    }

    fn progress(&self, shell: &Shell, asked: &Asked) -> ProgressBar {
        let days = (asked.to - asked.from).get_days().max(0) as u64 + 1;
        let seen = std::io::stderr().is_terminal() && !shell.out.is_json() && !shell.settings.quiet;
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(days), target).with_style(style).with_message(asked.from.to_string())
    }
}

impl From<SimulationError> for Failure {
    fn from(error: SimulationError) -> Failure {
        match error {
            SimulationError::Calendar(e) => Failure::Calendar(e),
            SimulationError::Order { .. } => Failure::usage(error.to_string(), "give the earlier day to --from"),
            SimulationError::Data(e) => Failure::no(format!("the data cannot be used: {e}"), e.hint()),
            SimulationError::Books(what) => Failure::Broke { what },
        }
    }
}

fn answer(lived: &Lived, wall_seconds: f64) -> Answer {
    let closes = closes(&lived.facts);
    let orders = lived.facts.iter().filter(|f| matches!(f.what, What::Intended { .. })).count();
    Answer {
        days: closes.len(),
        slots: lived.counts.slots,
        completed: lived.counts.completed,
        skipped: lived.counts.skipped.clone(),
        failed: lived.counts.failed,
        unavailable: lived.counts.skipped.get("unavailable").copied().unwrap_or(0),
        orders,
        trades: lived.book.trades().len(),
        equity_start: CASH as f64,
        equity_end: closes.last().map_or(CASH as f64, |(_, equity)| *equity),
        trace_hash: lived.trace_hash.clone(),
        wall_seconds: (wall_seconds * 1000.0).round() / 1000.0,
    }
}

/// Equity at each close.
fn closes(facts: &[Fact]) -> Vec<(Date, f64)> {
    facts
        .iter()
        .filter_map(|f| match &f.what {
            What::DayClosed { equity, .. } => Some((f.day, equity.to_string().parse().unwrap_or(f64::NAN))),
            _ => None,
        })
        .collect()
}

/// Says it to a person.
fn told(asked: &Asked, a: &Answer, lived: &Lived, written: &[PathBuf], paint: Paint) -> String {
    let mut text = String::new();
    if let Some(trip) = &lived.book.kill().active {
        let since = trip.first.map_or_else(|| "an unknown moment".into(), |at| at.to_string());
        let _ = writeln!(
            text,
            "{} since {since}: {}. It stayed pulled to the end.\n",
            paint.red("KILL SWITCH PULLED"),
            trip.record.reason
        );
    } else if let Some(at) = asked.halt_at {
        let when = if when_date(at) <= asked.to.to_string() {
            "as asked; no order came after it"
        } else {
            "after the last day: it changed nothing"
        };
        let _ = writeln!(text, "{} at {at}, {when}.\n", paint.red("KILL SWITCH PULLED"));
    }
    if a.days > 0 && asked.to > lived.data.as_of {
        let _ = writeln!(
            text,
            "{} the bars end on {}; after that nothing could be found.\n",
            paint.yellow("NOTE"),
            lived.data.as_of
        );
    }
    let _ = writeln!(
        text,
        "{} {} sessions, {} slots in {:.1} s",
        paint.bold(format!("Lived {} to {}:", asked.from, asked.to)),
        grouped(a.days as u64),
        grouped(a.slots),
        a.wall_seconds
    );
    let gain = (a.equity_end / a.equity_start - 1.0) * 100.0;
    let drawdown = lived.book.max_drawdown().to_string().parse::<f64>().unwrap_or(0.0) * 100.0;
    let _ = writeln!(
        text,
        "\n  equity     {} -> {}  ({gain:+.2} %, deepest fall {:.2} %)",
        money(a.equity_start),
        money(a.equity_end),
        drawdown.abs()
    );
    let line = sparkline(&closes(&lived.facts));
    if !line.is_empty() {
        let _ = writeln!(text, "             {}", paint.cyan(line));
    }
    let won = lived.book.trades().iter().filter(|t| t.pnl > kobe_trade::money::Decimal::ZERO).count();
    let _ = writeln!(text, "  trades     {} closed, {won} won; {} orders", a.trades, a.orders);
    let _ = writeln!(
        text,
        "  slots      {} completed, {} skipped, {} failed",
        grouped(a.completed),
        grouped(a.skipped.values().sum()),
        a.failed
    );
    let mut reasons: Vec<(&String, &u64)> = a.skipped.iter().collect();
    reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(**n), reason.as_str()));
    for (reason, n) in reasons {
        let why = reason.parse().map(kobe_plan::view::reason_text).unwrap_or_default();
        let _ = writeln!(text, "             {:>11} {reason:<16} {}", grouped(*n), paint.dim(why));
    }
    let _ = writeln!(text, "  trace      {}", a.trace_hash);
    if let Some(first) = written.first() {
        let _ = writeln!(
            text,
            "  report     {} {}",
            first.display(),
            paint.dim(format!("and {} files beside it", written.len() - 1))
        );
    }
    text
}

/// Writes the UTC date of an instant; near enough to tell whether it lies after the last day.
fn when_date(at: jiff::Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

fn money(x: f64) -> String {
    let cents = (x * 100.0).round() as i64;
    format!("{}.{:02}", grouped((cents / 100).unsigned_abs()), cents.unsigned_abs() % 100)
}

/// Writes a number with a comma between thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// Draws equity in one line of at most 60 characters; nothing where it never moved.
fn sparkline(closes: &[(Date, f64)]) -> String {
    const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (low, high) = closes.iter().fold((f64::MAX, f64::MIN), |(low, high), (_, x)| (low.min(*x), high.max(*x)));
    if closes.len() < 2 || high <= low {
        return String::new();
    }
    let width = closes.len().min(60);
    (0..width)
        .map(|i| closes[(i + 1) * closes.len() / width - 1].1)
        .map(|x| MARKS[(((x - low) / (high - low)) * 7.0).round() as usize])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 1_760_516].map(grouped), ["0", "999", "1,000", "1,760,516"]);
        assert_eq!([100_000.0, 101_554.85, 0.05].map(money), ["100,000.00", "101,554.85", "0.05"]);
    }

    #[test]
    fn equity_that_never_moved_draws_nothing() {
        let day = jiff::civil::date(2012, 1, 3);
        assert_eq!(sparkline(&[(day, 1.0), (day, 1.0)]), "");
        assert_eq!(sparkline(&[(day, 1.0), (day, 3.0), (day, 2.0)]), "▁█▅");
    }
}
