//! The funnel: how many symbol-days were looked at, what was found on them, and where it went.
//!
//! Symbol-days follow from data and calendar, everything after them from the stored decisions; the order of the gates is that of their own table. Start at [`funnel`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use kobe_trade::check::Outcome;
use kobe_trade::gate::entry_gates;
use kobe_trade::money::Decimal;
use serde::Serialize;

use super::story::{Story, refusal};
use super::{Lived, json};
use crate::trading::universe::{Standing, standing};

/// From symbols to fills.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Funnel {
    /// Sessions before which the desk looked at the last completed bar.
    pub sessions: u64,
    /// Symbols times sessions on which a symbol counted and was looked at.
    pub symbol_days: u64,
    /// Symbol-days with too few bars for a signal.
    pub warming: u64,
    /// Symbol-days before the first bar of the symbol.
    pub not_listed: u64,
    /// Symbol-days on which a bar was missing.
    pub no_bar: u64,
    /// The same by symbol.
    pub symbols: Vec<SymbolRow>,
    /// Setups that were found and judged.
    pub setups: u64,
    /// The same by rule.
    pub by_strategy: BTreeMap<String, u64>,
    /// Every gate, in its order.
    pub gates: Vec<GateRow>,
    /// Setups that every gate let pass.
    pub admitted: u64,
    /// The caps that decided their size.
    pub binding: BTreeMap<String, u64>,
    /// Entry orders whose intent was stored.
    pub entry_orders: u64,
    /// Entry orders that the broker got.
    pub entries_sent: u64,
    /// Entry orders that filled.
    pub entries_filled: u64,
    /// Entry orders that ended without a fill.
    pub entries_withdrawn: u64,
    /// Exit orders whose intent was stored; a stop that stands at the broker is none.
    pub exit_orders: u64,
    /// Closed trades by the reason of their exit.
    pub exits: BTreeMap<String, u64>,
    /// Positions that are still held.
    pub still_open: u64,
    /// Decisions of later windows, by refusal: in a replay nothing new is known there.
    pub later_windows: BTreeMap<String, u64>,
}

/// One symbol.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SymbolRow {
    /// The symbol.
    pub symbol: String,
    /// Sessions on which it counted.
    pub scanned: u64,
    /// Sessions on which it had too few bars.
    pub warming: u64,
    /// Sessions before its first bar.
    pub not_listed: u64,
    /// Sessions on which a bar was missing.
    pub no_bar: u64,
    /// Setups found on it.
    pub setups: u64,
    /// Closed trades in it.
    pub trades: u64,
    /// Results of those.
    #[serde(serialize_with = "json::decimal")]
    pub pnl: Decimal,
}

/// One entry gate, over all setups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateRow {
    /// The numbered rule.
    pub rule: String,
    /// What is asked.
    pub gate: String,
    /// Setups that it was the first to refuse, by the name of the refusal.
    pub refused: BTreeMap<String, u64>,
    /// Setups that it refused at all, also after another gate had.
    pub refused_at_all: u64,
    /// Setups that it let pass.
    pub passed: u64,
    /// Setups about which the question had no meaning.
    pub not_applicable: u64,
    /// Why it had none.
    pub because: Option<String>,
}

impl GateRow {
    /// Returns how many setups it was the first to refuse.
    pub fn first(&self) -> u64 {
        self.refused.values().sum()
    }

    fn of(rule: &str, gate: &str) -> GateRow {
        GateRow {
            rule: rule.to_owned(),
            gate: gate.to_owned(),
            refused: BTreeMap::new(),
            refused_at_all: 0,
            passed: 0,
            not_applicable: 0,
            because: None,
        }
    }
}

/// Counts the funnel of a run.
pub(super) fn funnel(lived: &Lived<'_>, story: &Story<'_>) -> Funnel {
    let symbols = symbols(lived, story);
    let sum = |count: fn(&SymbolRow) -> u64| symbols.iter().map(count).sum();
    let mut by_strategy = BTreeMap::new();
    let mut binding = BTreeMap::new();
    for row in &story.signals {
        *by_strategy.entry(row.strategy.to_string()).or_default() += 1;
        if let Some(cap) = row.binding {
            *binding.entry(cap.to_string()).or_default() += 1;
        }
    }
    let mut exits = BTreeMap::new();
    for trade in &story.trades {
        *exits.entry(trade.reason.to_string()).or_default() += 1;
    }
    Funnel {
        sessions: story.curve.len() as u64,
        symbol_days: sum(|row| row.scanned),
        warming: sum(|row| row.warming),
        not_listed: sum(|row| row.not_listed),
        no_bar: sum(|row| row.no_bar),
        symbols,
        setups: story.signals.len() as u64,
        by_strategy,
        gates: gates(story),
        admitted: story.signals.iter().filter(|row| row.refusal.is_none()).count() as u64,
        binding,
        entry_orders: story.entries.intended,
        entries_sent: story.entries.sent,
        entries_filled: story.entries.filled,
        entries_withdrawn: story.entries.withdrawn,
        exit_orders: story.exits.intended,
        exits,
        still_open: story.open.len() as u64,
        later_windows: story.later.clone(),
    }
}

/// Asks every gate what it did; the seven documented gates come after the entry gates, which are asked first.
fn gates(story: &Story<'_>) -> Vec<GateRow> {
    let mut rows: Vec<GateRow> = entry_gates().iter().map(|gate| GateRow::of(gate.rule, gate.name)).collect();
    for (packet, _) in &story.first {
        let mut first = refusal(packet);
        for check in packet.risk.checks.iter().chain(&packet.gates) {
            let known = rows.iter().position(|row| row.rule == check.rule && row.gate == check.name);
            let at = known.unwrap_or_else(|| {
                rows.push(GateRow::of(&check.rule, &check.name));
                rows.len() - 1
            });
            let row = &mut rows[at];
            match check.outcome {
                Outcome::Pass => row.passed += 1,
                Outcome::NotApplicable => {
                    row.not_applicable += 1;
                    row.because = row.because.take().or_else(|| check.reason.clone());
                }
                Outcome::Refuse => {
                    row.refused_at_all += 1;
                    if let Some(name) = first.take() {
                        *row.refused.entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    rows
}

fn symbols(lived: &Lived<'_>, story: &Story<'_>) -> Vec<SymbolRow> {
    let days = sessions_with_bar(lived, story);
    let mut rows: Vec<SymbolRow> = lived
        .data
        .series
        .values()
        .map(|series| {
            let mut row = SymbolRow {
                symbol: series.symbol().to_owned(),
                scanned: 0,
                warming: 0,
                not_listed: 0,
                no_bar: 0,
                setups: 0,
                trades: 0,
                pnl: Decimal::ZERO,
            };
            for (bar, day) in &days {
                match standing(series, *bar) {
                    Standing::NotListed => row.not_listed += 1,
                    Standing::Warming => row.warming += 1,
                    // Without a bar of the day nothing could be bought, and the desk does not look.
                    Standing::Valid if series.index_of(*day).is_some() => row.scanned += 1,
                    Standing::Valid | Standing::Behind => row.no_bar += 1,
                }
            }
            row
        })
        .collect();
    for row in &mut rows {
        row.setups = story.signals.iter().filter(|signal| signal.symbol == row.symbol).count() as u64;
        for trade in story.trades.iter().filter(|trade| trade.symbol == row.symbol) {
            row.trades += 1;
            row.pnl += trade.pnl;
        }
    }
    rows
}

/// Returns each session that was lived with the session before it, whose bar was decided upon.
fn sessions_with_bar(lived: &Lived<'_>, story: &Story<'_>) -> Vec<(Date, Date)> {
    let Some(first) = story.curve.first() else { return Vec::new() };
    let mut before = lived.market.previous_session(first.date).map(|session| session.date).ok();
    story.curve.iter().filter_map(|point| before.replace(point.date).map(|bar| (bar, point.date))).collect()
}
