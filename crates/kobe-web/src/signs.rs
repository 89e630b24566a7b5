//! Signs: what the pages show beside the vitals.
//!
//! The binary knows where the kill switch lies and what the market does; this crate does not. It asks when a page is asked for.

use std::sync::Arc;

use jiff::Timestamp;
use kobe_engine::{Clock, VitalsBoard};

/// Where the market stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketSign {
    /// The phase, in the word of columns and JSON.
    pub phase: String,
    /// The work mode, in the spelling of the state files.
    pub mode: String,
    /// The kill zone.
    pub zone: String,
}

/// What became of orders since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    /// Sent to the broker.
    pub submitted: u64,
    /// Refused before or by the broker.
    pub rejected: u64,
    /// Filled.
    pub filled: u64,
    /// When one was last sent.
    pub last_submit: Option<Timestamp>,
    /// When one was last filled.
    pub last_fill: Option<Timestamp>,
}

/// How good the closed trades were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Performance {
    /// Share of trades that won.
    pub win_rate: Option<f64>,
    /// Won over lost.
    pub profit_factor: Option<f64>,
    /// Sharpe ratio of daily returns.
    pub sharpe: Option<f64>,
    /// When these were last reckoned.
    pub updated: Option<Timestamp>,
}

/// How it stands with the telling of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertSign {
    /// What is wrong with it; nothing when alerts get out, or go to the log because no channel is set.
    pub wrong: Option<String>,
    /// One line: which channels there are.
    pub channels: String,
    /// Alerts that no channel has yet.
    pub unsent: usize,
}

/// What is asked of the binary when a page is asked for.
pub struct Signs {
    /// Returns what the watchdog has told and is not over, by kind.
    pub watch: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Returns how it stands with alerts.
    pub alerts: Box<dyn Fn() -> AlertSign + Send + Sync>,
    /// Returns what went wrong with the files that show the state; nothing when all were written.
    pub files: Box<dyn Fn() -> Option<String> + Send + Sync>,
    /// Returns the free bytes where the state lies; nothing when the system does not say.
    pub disk: Box<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Returns why the kill switch is pulled, if it is.
    pub kill: Box<dyn Fn(Timestamp) -> Option<String> + Send + Sync>,
    /// Returns where the market stands; nothing where the calendar ends.
    pub market: Box<dyn Fn(Timestamp) -> Option<MarketSign> + Send + Sync>,
    /// Returns what became of orders; nothing while the desk sends none.
    pub orders: Box<dyn Fn() -> Option<Orders> + Send + Sync>,
    /// Returns how good the trades were; nothing before the first.
    pub performance: Box<dyn Fn() -> Option<Performance> + Send + Sync>,
}

/// Everything a page may look at.
pub struct Deck {
    /// How the engine is.
    pub board: VitalsBoard,
    /// What the engine does not know.
    pub signs: Signs,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The version of this build.
    pub version: String,
    /// Whether the metrics are shown at all.
    pub metrics: bool,
}
