//! `kobe alert`: is a person told, and what was told?

use std::time::Instant;

use clap::Subcommand;
use kobe_engine::{Channel, Delivery};
use kobe_handlers::channels::LogChannel;
use kobe_plan::alert::postman;
use kobe_plan::alert::{Alert, AlertKind, Severity};
use kobe_store::{AlertRow, Reader};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::{Failure, problems_text};
use crate::output::{Paint, Side, table};
use crate::settings::Shell;
use crate::{channels, kill, when};

/// Arguments of `kobe alert`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Channels are set in a file: `--channels FILE`, or channels.toml in the state. Without one, alerts go to the \
log. docs/operate/alerts.md shows its keys, and what to do about each kind of alert.

Examples:
  kobe alert test                         one message through each channel
  kobe alert test --channel telegram
  kobe alert list --unsent                what no channel has yet")]
pub struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Send one message straight through each channel, and tell what became of it
    Test {
        /// Only through this channel: telegram, webhook, log
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        /// Who; the user at the keyboard by default
        #[arg(long, value_name = "NAME")]
        operator: Option<String>,
    },
    /// List alerts, newest first
    List {
        /// Only those that no channel has yet
        #[arg(long)]
        unsent: bool,
        /// At most so many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 40)]
        limit: usize,
    },
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    match &args.question {
        Question::Test { channel, operator } => test(channel.as_deref(), operator.as_deref(), shell),
        Question::List { unsent, limit } => list(*unsent, *limit, shell),
    }
}

/// What became of one message.
#[derive(Debug, Serialize)]
struct Tried {
    channel: String,
    to: String,
    ok: bool,
    why: Option<String>,
    took_ms: u64,
}

fn test(only: Option<&str>, operator: Option<&str>, shell: &Shell) -> Result<Exit, Failure> {
    let settings = channels::settings(shell)?;
    if !settings.warnings.is_empty() {
        shell.out.talk(problems_text(&settings.warnings, shell.out.paint_talk()).trim_end());
    }
    let out = shell.out;
    let log: Box<dyn Channel> = Box::new(LogChannel::new(move |line| out.insist(&format!("alert test: {line}\n"))));
    let ways = settings.ways.iter().map(|way| (way.open(), way.to().to_owned()));
    let mut ways: Vec<(Box<dyn Channel>, String)> = ways.chain([(log, "stderr".to_owned())]).collect();
    if let Some(name) = only {
        let known: Vec<String> = ways.iter().map(|(channel, _)| channel.name().to_owned()).collect();
        ways.retain(|(channel, _)| channel.name() == name);
        if ways.is_empty() {
            let hint = format!("set here: {}; docs/operate/alerts.md shows how one is set", known.join(", "));
            return Err(Failure::usage(format!("no channel `{name}` is set"), hint));
        }
    }
    let title = "this is a test: alerts of Kobe arrive here";
    // Not `info`, which a chat may show without a sound.
    let alert = Alert::new(AlertKind::Test, Severity::Warning, "test", shell.now(), title).with_detail(format!(
        "asked for by {} for the state {}",
        kill::operator(operator),
        shell.settings.state.display()
    ));
    let alert = Alert { runbook: "docs/operate/alerts.md#test".into(), ..alert };
    let market = shell.market()?;
    let redactor = settings.redactor();
    let text = postman::lone(alert, &redactor, market.zone());
    let tried: Vec<Tried> = ways
        .into_iter()
        .map(|(mut channel, to)| {
            let began = Instant::now();
            let delivery = channel.send(&text, Severity::Warning);
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let why = match delivery {
                Delivery::Sent => None,
                Delivery::Later { after: Some(after), why } => Some(format!("{why}; again in {} s", after.as_secs())),
                Delivery::Later { after: None, why } | Delivery::Refused { why } => Some(why),
            };
            let why = why.map(|why| redactor.clean(&why));
            Tried { channel: channel.name().to_owned(), to, ok: why.is_none(), why, took_ms }
        })
        .collect();
    if shell.out.is_json() {
        shell.out.array(&tried)?;
    } else {
        shell.out.text(&tried_text(&tried, shell.out.paint()))?;
    }
    if settings.ways.is_empty() {
        shell.out.talk("no channel is set: alerts go to the log only; docs/operate/alerts.md shows how one is set");
    }
    Ok(if tried.iter().all(|t| t.ok) { Exit::Fine } else { Exit::No })
}

fn tried_text(tried: &[Tried], paint: Paint) -> String {
    let rows = tried.iter().map(|t| {
        let word = if t.ok { paint.green("ok") } else { paint.red("not sent") };
        vec![t.channel.clone(), word, t.why.clone().unwrap_or_else(|| t.to.clone())]
    });
    table(&[("channel", Side::Left), ("answer", Side::Left), ("", Side::Left)], rows.collect())
}

fn list(unsent: bool, limit: usize, shell: &Shell) -> Result<Exit, Failure> {
    let rows = match Reader::open(&shell.settings.state)? {
        Some(reader) => reader.alerts(limit, unsent)?,
        None => Vec::new(),
    };
    // Rows keep what programs printed. Settings that cannot be read keep nobody from looking.
    let redactor = channels::settings(shell).map(|settings| settings.redactor()).unwrap_or_default();
    let clean =
        |row: AlertRow| AlertRow { title: redactor.clean(&row.title), detail: redactor.clean(&row.detail), ..row };
    let rows: Vec<AlertRow> = rows.into_iter().map(clean).collect();
    if shell.out.is_json() {
        shell.out.array(&rows)?;
        return Ok(Exit::Fine);
    }
    if rows.is_empty() {
        shell.out.text(if unsent { "every alert was told" } else { "no alert yet" })?;
        return Ok(Exit::Fine);
    }
    let (market, paint) = (shell.market()?, shell.out.paint());
    let header = [
        ("at", Side::Left),
        ("severity", Side::Left),
        ("kind", Side::Left),
        ("told", Side::Left),
        ("title", Side::Left),
    ];
    let lines = rows.iter().map(|row| {
        vec![
            when::day_and_clock(row.at, &market),
            severity(row, paint),
            row.kind.to_string(),
            row.channel.clone().unwrap_or_else(|| paint.yellow("not yet")),
            if row.recovery { format!("over: {}", row.title) } else { row.title.clone() },
        ]
    });
    shell.out.text(&table(&header, lines.collect()))?;
    Ok(Exit::Fine)
}

fn severity(row: &AlertRow, paint: Paint) -> String {
    match row.severity {
        Severity::Critical | Severity::Error if !row.recovery => paint.red(row.severity.word()),
        _ => row.severity.word().to_owned(),
    }
}
