//! Evidence: what the checks look at, gathered once and as plain values.
//!
//! Asks data, books, broker, switch, host and calendar, and judges nothing. What does not answer is kept as unknown with the reason, never left out.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use kobe_calendar::Coverage;
use kobe_quant::setups::PARAMETERS;
use kobe_trade::book::DayBudget;
use kobe_trade::chain::sha256;
use kobe_trade::check::Ask;
use kobe_trade::kill::{self, KillAnswer};
use kobe_trade::money::Decimal;
use kobe_trade::order::Intent;
use kobe_trade::policy::{Endpoint, LIVE_TRADING_ENABLED, PAPER_ONLY};
use kobe_trade::ports::Account;
use serde_json::Value;

use crate::functions;
use crate::services::Services;
use crate::trading::candidate::index_on;
use crate::trading::universe::{self, Tally};

/// Days that the calendar must know beyond today, and from which the end of the events is told.
pub const AHEAD_DAYS: i64 = 30;
/// Trades of which the share of losses means something.
pub const LEAST_TRADES: usize = 10;

/// The bars that there are, and the one that there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bars {
    /// The newest bar.
    pub newest: Date,
    /// The last session that is over.
    pub last_session: Date,
    /// Sessions that it is behind.
    pub behind: usize,
}

/// The volatility index of the last completed session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vix {
    /// Its value.
    pub value: f64,
    /// Whether it is estimated from realised volatility.
    pub estimated: bool,
}

/// What is lost of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// The newest trades that were looked at.
    pub trades: usize,
    /// How many of them lost.
    pub lost: usize,
    /// How many lost in a row, the newest last.
    pub in_a_row: usize,
}

/// The work of a function that others read: whether there is such work at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// The function.
    pub function: &'static str,
    /// What it left last, and on which date; unknown says why there is nothing.
    pub last: Ask<(Date, Value)>,
}

/// Everything that the checks look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// The date of that instant in the desk's zone.
    pub date: Date,
    /// A desk that lives through the past.
    pub replay: bool,
    /// When the desk was put together.
    pub started: Timestamp,
    /// The build.
    pub build: String,
    /// The configuration that is asked about.
    pub config: String,
    /// The configuration in force.
    pub in_force: String,
    /// SHA-256 of the parameters of the strategies.
    pub parameters: String,
    /// Where orders go.
    pub endpoint: Endpoint,
    /// Whether this build trades on paper only and holds no live path.
    pub paper_build: bool,
    /// The kill switch, asked for an entry.
    pub kill: KillAnswer,
    /// The account at the broker.
    pub account: Ask<Account>,
    /// How many positions the broker holds.
    pub held: Ask<usize>,
    /// What the calendar knows of today and of the day so far ahead as it must reach.
    pub calendar: (Coverage, Coverage),
    /// How much of the universe may be traded.
    pub universe: Ask<Tally>,
    /// The age of the bars.
    pub bars: Ask<Bars>,
    /// The volatility index.
    pub vix: Ask<Vix>,
    /// Where books and broker differ.
    pub mismatches: Ask<Vec<String>>,
    /// Blocks of the audit chain, if it verifies.
    pub chain: Ask<u64>,
    /// Whether the database is whole.
    pub database: Ask<bool>,
    /// Free bytes of the disk.
    pub disk: Ask<u64>,
    /// Free bytes of memory.
    pub memory: Ask<u64>,
    /// When the heart last beat.
    pub heartbeat: Ask<Option<Timestamp>>,
    /// Milliseconds between this clock and its reference.
    pub skew: Ask<i64>,
    /// What the reference is.
    pub clock: String,
    /// The first and the last day that the table of events speaks about.
    pub events: (Date, Date),
    /// Whether this instance holds the lock.
    pub lock: Ask<bool>,
    /// What entries have used of today, with the limit of the day.
    pub budget: Ask<(DayBudget, Decimal)>,
    /// Positions, and those of them without a stop for all their shares.
    pub stops: (usize, Vec<String>),
    /// What closes entries besides the preflight.
    pub blocks: Vec<String>,
    /// Losses of the newest trades.
    pub losses: Losses,
    /// The work of functions that others read, by the name of the check.
    pub left: Vec<(&'static str, Left)>,
}

/// Which artifact of which function a check reads.
pub(super) const SOURCES: &[(&str, &str, &str)] = &[
    ("earnings_source", "check_earnings", "blackout"),
    ("news_source", "scan_news", "news"),
    ("models", "full_retrain", "model_registry"),
    ("llm_budget", "always_reset_llm_budget", "llm_budget"),
    ("metrics", "calc_metrics", "metrics"),
    ("episodes_readable", "update_episodic", "episodes"),
    ("calibration", "self_assess", "self_model"),
    ("prediction_variance", "check_ml", "model_eval"),
    ("models_load", "run_lstm", "predictions"),
    ("rules_readable", "update_semantic", "rules"),
    ("drift", "check_drift", "drift"),
];

impl Evidence {
    /// Asks everybody once.
    pub fn gather(desk: &Services, now: Timestamp, config: &str) -> Evidence {
        let (book, host, market) = (desk.book(), desk.host(), desk.market());
        let date = market.date_of(now);
        let endpoint = desk.broker().endpoint();
        let span = market.events().span();
        let completed = desk.completed(now).map_err(|e| e.to_string());
        let data = desk.data().map_err(|e| e.to_string());
        let on_bar = || Ok::<_, String>((data.clone()?, completed.clone()?));
        let bars = on_bar().and_then(|(data, last_session)| {
            let newest = data.as_of.min(last_session);
            let behind = market.exchange().sessions_between(newest, last_session).map_err(|e| e.to_string())?;
            Ok(Bars { newest, last_session, behind })
        });
        let vix = on_bar().and_then(|(data, bar)| {
            let index = index_on(data, bar, desk.is_replay()).ok_or_else(|| format!("there is no index of {bar}"))?;
            let value = index.vix.ok_or("the estimate needs 22 closes of the index")?;
            Ok(Vix { value, estimated: index.vix_estimated })
        });
        let bare = |p: &&kobe_trade::book::Position| {
            p.protective.as_ref().is_none_or(|s| s.qty.saturating_sub(s.fill.total) < p.qty)
        };
        Evidence {
            at: now,
            date,
            replay: desk.is_replay(),
            started: desk.started(),
            build: desk.build().to_owned(),
            config: config.to_owned(),
            in_force: desk.config(),
            parameters: parameters_hash(),
            paper_build: PAPER_ONLY && !LIVE_TRADING_ENABLED,
            kill: kill::judge(&desk.kill().read(now), book.kill(), now, Intent::Entry),
            account: Ask::of(desk.broker().account(now)),
            held: Ask::of(desk.broker().positions(now).map(|held| held.len())),
            calendar: (market.coverage(date), market.coverage(date.saturating_add(AHEAD_DAYS.days()))),
            universe: Ask::of(on_bar().map(|(data, bar)| universe::tally(data, bar))),
            bars: Ask::of(bars),
            vix: Ask::of(vix),
            mismatches: match desk.agrees(&book, now) {
                Ask::Known(found) => Ask::Known(found.into_iter().map(|m| m.description).collect()),
                Ask::Unknown(why) | Ask::NotApplicable(why) => Ask::Unknown(why),
            },
            // A replay has written every block itself: what it has verified once stays so.
            chain: Ask::of(desk.verify_chain(!desk.is_replay()).map(|head| head.count)),
            database: Ask::of(host.database_whole()),
            disk: Ask::of(host.disk_free_bytes()),
            memory: Ask::of(host.memory_free_bytes()),
            heartbeat: Ask::of(host.last_heartbeat()),
            skew: Ask::of(host.clock_skew_ms()),
            clock: host.clock_reference(),
            events: (span.from, span.to),
            lock: Ask::of(host.lock_held()),
            budget: if book.is_open() {
                Ask::Known((book.budget_on(date), endpoint.mode().limits().per_day))
            } else {
                Ask::Unknown("the account is not open".into())
            },
            stops: (book.positions().len(), book.positions().filter(bare).map(|p| p.symbol.to_string()).collect()),
            blocks: desk.blocks().into_iter().filter(|b| !b.starts_with("preflight:")).collect(),
            losses: losses(&book),
            left: SOURCES.iter().map(|row| (row.0, left(desk, row.1, row.2))).collect(),
            endpoint,
        }
    }
}

/// Hashes the parameters of the strategies, each as `name=bits`, so that two that print alike still differ.
pub(super) fn parameters_hash() -> String {
    let text: String = PARAMETERS.iter().map(|(name, x)| format!("{name}={:016x};", x.to_bits())).collect();
    sha256(text.as_bytes())
}

fn losses(book: &kobe_trade::book::Book) -> Losses {
    let newest = || book.trades().iter().rev().take(LEAST_TRADES * 2);
    let lost = |t: &&kobe_trade::book::Trade| t.pnl < Decimal::ZERO;
    Losses {
        trades: newest().count(),
        lost: newest().filter(lost).count(),
        in_a_row: newest().take_while(lost).count(),
    }
}

fn left(desk: &Services, function: &'static str, artifact: &str) -> Left {
    let last = match functions::find(function) {
        Some(known) if known.is_built() => match desk.latest(artifact) {
            Ok(Some(found)) => Ask::Known((found.date, found.body)),
            Ok(None) => Ask::Unknown(format!("the function `{function}` has not left anything yet")),
            Err(e) => Ask::Unknown(e.to_string()),
        },
        _ => Ask::Unknown(format!("the function `{function}` is not built")),
    };
    Left { function, last }
}
