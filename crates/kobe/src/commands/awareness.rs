//! `kobe awareness`: what time it is for the market, and what that means.

use std::fmt::Write as _;

use jiff::Timestamp;
use kobe_calendar::{CoarsePhase, Coverage, DayKind, FomcDay, Market, MarketContext, Phase, Tags, WorkMode};
use kobe_trade::zone::{self, Zone, ZoneAnswer, ZoneRules};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kill;
use crate::output::Paint;
use crate::picture;
use crate::settings::Shell;
use crate::when;

/// Arguments of `kobe awareness`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kobe awareness
  kobe awareness --at 2026-11-27T12:45
  kobe awareness --json | jq .kill_zone")]
pub struct Args {
    /// Ask about another moment than now
    #[arg(long, value_name = "T")]
    at: Option<String>,
}

/// What scripts read; the first twenty keys are promised.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    timestamp: String,
    timezone: &'a str,
    day_of_week: &'static str,
    phase: Phase,
    coarse_phase: CoarsePhase,
    work_mode: WorkMode,
    seasons: Tags,
    is_market_open: bool,
    is_trading_day: bool,
    is_weekend: bool,
    is_holiday: bool,
    holiday_name: Option<&'a str>,
    is_early_close: bool,
    minutes_to_open: Option<i64>,
    minutes_to_close: Option<i64>,
    is_fomc_day: bool,
    is_opex_day: bool,
    kill_zone: Zone,
    entries_allowed: bool,
    recommended_actions: &'a [String],
    kill_zone_reason: &'a str,
    exits_allowed: bool,
    next_window: Option<NextWindow>,
    halted: Option<&'a str>,
    day_kind: DayKind,
    is_late_open: bool,
    next_open: Option<String>,
    next_close: Option<String>,
    calendar_version: &'a str,
    tzdb_version: &'a str,
    coverage: Coverage,
}

#[derive(Debug, Serialize)]
struct NextWindow {
    zone: Zone,
    from: String,
    to: String,
    minutes: i64,
}

pub(super) fn perform(args: &Args, shell: &Shell) -> Result<Exit, Failure> {
    let market = shell.market()?;
    let at = match &args.at {
        Some(text) => when::instant(text, &market)?,
        None => shell.now(),
    };
    // The switch says something about now; about another moment nobody knows.
    let halted = if args.at.is_none() { kill::pulled(&shell.settings.state, at) } else { None };
    let context = market.context_at(at)?;
    let zone = zone::at(&market, at, ZoneRules::STANDARD)?;
    let entries = zone.entries && halted.is_none();
    let actions = actions(&context, &zone, halted.as_deref(), &market);
    if shell.out.is_json() {
        shell.out.object(&Answer {
            timestamp: when::local(at, &market),
            timezone: &context.timezone,
            day_of_week: context.day_of_week(),
            phase: context.phase,
            coarse_phase: context.coarse,
            work_mode: context.mode,
            seasons: context.tags,
            is_market_open: context.is_market_open,
            is_trading_day: context.is_trading_day(),
            is_weekend: context.is_weekend(),
            is_holiday: context.is_holiday(),
            holiday_name: context.holiday_name(),
            is_early_close: context.is_early_close(),
            minutes_to_open: context.minutes_to_open(),
            minutes_to_close: context.minutes_to_close(),
            is_fomc_day: context.is_fomc_day(),
            is_opex_day: context.is_opex_day(),
            kill_zone: zone.zone,
            entries_allowed: entries,
            recommended_actions: &actions,
            kill_zone_reason: &zone.reason,
            exits_allowed: zone.exits,
            next_window: zone.next_window.as_ref().map(|w| NextWindow {
                zone: w.zone,
                from: when::local(w.from, &market),
                to: when::local(w.to, &market),
                minutes: w.minutes,
            }),
            halted: halted.as_deref(),
            day_kind: context.day_kind,
            is_late_open: context.is_late_open(),
            next_open: context.next_open.map(|t| when::local(t, &market)),
            next_close: context.next_close.map(|t| when::local(t, &market)),
            calendar_version: market.version(),
            tzdb_version: market.tzdb_version(),
            coverage: context.coverage,
        })?;
    } else {
        shell.out.text(&page(&context, &zone, halted.as_deref(), &actions, &market, shell.out.paint())?)?;
    }
    Ok(Exit::Fine)
}

fn page(
    context: &MarketContext,
    zone: &ZoneAnswer,
    halted: Option<&str>,
    actions: &[String],
    market: &Market,
    paint: Paint,
) -> Result<String, Failure> {
    let day = market.day(context.date)?;
    let mut text = format!(
        "{}, {} New York · {} UTC\n",
        paint.bold(when::long_date(context.date)),
        paint.bold(context.local.strftime("%H:%M:%S").to_string()),
        context.at.strftime("%Y-%m-%d %H:%M:%S"),
    );
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {}  {value}", paint.dim(format!("{name:<11}")));
    };
    row(
        "day",
        picture::title(&day, market, Paint::NONE)
            .lines()
            .next()
            .unwrap_or_default()
            .split_once(" · ")
            .map_or(String::new(), |(_, kind)| kind.to_owned()),
    );
    row("market", bell(context, market, paint));
    let (from, to) = picture::phases(&day)
        .into_iter()
        .find(|(from, to, _)| *from <= context.at && context.at < *to)
        .map_or((day.from, day.to), |(from, to, _)| (from, to));
    row(
        "phase",
        format!(
            "{} ({}-{}), {}",
            context.phase,
            when::clock(from, market),
            picture::end_clock(to, market),
            context.coarse
        ),
    );
    row("work mode", context.mode.to_string());
    row("kill zone", zone_words(zone, halted, paint));
    if let Some(window) = &zone.next_window {
        let opens = if market.date_of(window.from) == context.date {
            when::clock(window.from, market)
        } else {
            when::day_and_clock(window.from, market)
        };
        row("next window", format!("{} at {opens}, in {}", window.zone, when::roughly(window.minutes * 60)));
    }
    row("FOMC", fomc(context, market));
    if !context.tags.is_empty() {
        row("seasons", context.tags.to_string());
    }
    if let Some(reason) = halted {
        row("kill switch", paint.red(format!("pulled: {reason}")));
    }
    text.push('\n');
    for action in actions {
        let _ = writeln!(text, "  - {action}");
    }
    Ok(text)
}

fn bell(context: &MarketContext, market: &Market, paint: Paint) -> String {
    let said = |minutes: Option<i64>, at: Option<Timestamp>| match (minutes, at) {
        (Some(minutes), Some(at)) => {
            let same = market.date_of(at) == context.date;
            let clock = if same { when::clock(at, market) } else { when::day_and_clock(at, market) };
            format!("in {} ({clock})", when::roughly(minutes * 60))
        }
        _ => "past the end of the calendar".to_owned(),
    };
    if context.is_market_open {
        format!("{}, closes {}", paint.green("open"), said(context.minutes_to_close(), context.next_close))
    } else {
        format!("{}, opens {}", paint.yellow("closed"), said(context.minutes_to_open(), context.next_open))
    }
}

fn zone_words(zone: &ZoneAnswer, halted: Option<&str>, paint: Paint) -> String {
    let entries = match (zone.entries, halted) {
        (true, None) => paint.green("entries allowed"),
        (true, Some(_)) => paint.red("entries refused by the kill switch"),
        (false, _) => paint.yellow("no entries"),
    };
    let exits = if zone.exits { "exits allowed" } else { "no exits" };
    format!("{}: {entries}, {exits}; {}", zone.zone, zone.reason)
}

fn fomc(context: &MarketContext, market: &Market) -> String {
    let next = || match market.events().next_decision(context.date) {
        Some(date) => format!("next decision {}", date.strftime("%a %Y-%m-%d")),
        None => "no later decision is known".to_owned(),
    };
    match context.fomc {
        FomcDay::Scheduled => format!("decision today; {}", next()),
        FomcDay::Tentative => format!("decision today (tentative); {}", next()),
        FomcDay::Unscheduled => format!("an unscheduled decision fell on this day; {}", next()),
        FomcDay::No => next(),
        FomcDay::Unknown => {
            let span = market.events().span();
            format!("unknown: the table speaks of {} to {}", span.from, span.to)
        }
    }
}

/// Says what a person would do now.
fn actions(context: &MarketContext, zone: &ZoneAnswer, halted: Option<&str>, market: &Market) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut say = |text: &str| all.push(text.to_owned());
    if halted.is_some() {
        say("Find out why the kill switch was pulled; orders stay shut until `kobe resume`.");
    }
    match context.phase {
        Phase::Night => {
            say("Let training, walk-forward and the checks of data run.");
            say("Look at failed runs before the pre-market begins.");
        }
        Phase::PreMarketEarly => {
            say("Read the overnight news and the futures; refresh the data.");
        }
        Phase::PreMarketActive => {
            say("Test the watchlist against the gaps.");
            say("See that the preflight passes before the bell.");
        }
        Phase::MarketOpening => {
            say("Watch the opening range; open nothing, whatever it shows.");
        }
        Phase::MarketMorning => {
            say("Scan, rank and size; every order passes the gates.");
        }
        Phase::MarketLunch => {
            say("Watch what is held; use the quiet for research.");
        }
        Phase::MarketAfternoon => {
            say("Weigh the exits and prepare tomorrow's first watchlist.");
        }
        Phase::MarketClose => {
            say("Manage only: review positions, send the exits that are due.");
        }
        Phase::AfterHours => {
            say("Close and reconcile the books, learn from the trades, finish tomorrow's watchlist.");
        }
        Phase::Weekend => {
            say("Look back on the week, research deeply, prepare the next session.");
        }
        Phase::Holiday => {
            say("The exchange is closed; let what runs on holidays run.");
        }
    }
    if zone.entries && halted.is_none() {
        let until = picture::end_clock(context.at + jiff::SignedDuration::from_mins(zone.minutes_left), market);
        all.push(format!("Entries are open until about {until}."));
    } else if let Some(window) = zone.next_window.as_ref().filter(|_| zone.exits) {
        all.push(format!("Prepare for the next window of entries, at {}.", when::day_and_clock(window.from, market)));
    }
    if context.is_early_close() && context.is_market_open {
        all.push("The session closes early: there is no power hour today.".to_owned());
    }
    if context.is_fomc_day() && context.is_trading_day() {
        all.push("A decision of the Fed falls on this day: no new positions.".to_owned());
    }
    if context.fomc == FomcDay::Unknown {
        all.push("Renew the table of Fed decisions: it does not reach this day.".to_owned());
    }
    all
}
