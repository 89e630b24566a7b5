//! Cases: everything that the gates look at, as plain values.
//!
//! A case holds the answers to questions, never the things asked; what nobody could answer says so. It is stored in the decision packet, so that the same
//! build can judge it again and must come to the same decision. Computes nothing. Start at [`EntryCase`].

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_quant::Strategy;
use serde::{Deserialize, Serialize};

use crate::check::{Ask, Figure};
use crate::id::{DecisionId, PositionId, Side, Symbol};
use crate::kill::KillAnswer;
use crate::money::Decimal;
use crate::order::ExitReason;
use crate::policy::{Endpoint, PolicyMode};
use crate::quote::Quote;
use crate::size::SizeCase;
use crate::zone::ZoneAnswer;

/// One candidate for an entry, and the world around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryCase {
    /// When it is judged.
    pub at: Timestamp,
    /// The New York date of `at`.
    pub day: Date,
    /// The candidate.
    pub symbol: Symbol,
    /// What it would do; a sale is refused.
    pub side: Side,
    /// Which rule found it.
    pub strategy: Strategy,
    /// Whether this is the replayed desk; a replayed quote passes nowhere else.
    pub replay: bool,
    /// The kill switch, asked for an entry.
    pub kill: KillAnswer,
    /// Where orders go.
    pub endpoint: Ask<Endpoint>,
    /// The policy in force.
    pub mode: PolicyMode,
    /// Time and place in the day.
    pub clock: ClockCase,
    /// Whether the desk is fit to trade.
    pub ready: ReadyCase,
    /// The data behind the signal.
    pub data: DataCase,
    /// The symbol itself.
    pub name: NameCase,
    /// The market.
    pub regime: RegimeCase,
    /// How good the signal is.
    pub quality: QualityCase,
    /// What its size would be; unknown where equity, price or volume is.
    pub size: Ask<SizeCase>,
    /// What is held and was bought already; unknown is not "nothing".
    pub holdings: Ask<Holdings>,
    /// The book as a whole, with this entry.
    pub portfolio: PortfolioCase,
    /// The order's way to the market.
    pub guard: GuardCase,
}

/// Time and place in the day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockCase {
    /// The kill zone at `at`.
    pub zone: Ask<ZoneAnswer>,
    /// Milliseconds between this clock and the time source.
    pub skew_ms: Ask<i64>,
    /// Whether this very slot already ran.
    pub slot_ran: bool,
    /// Whether anything is known now that the window before did not know (a second window of replay sees the same bar and quote).
    pub new_information: bool,
}

/// Whether the desk is fit to trade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadyCase {
    /// Preflight passed today under the configuration in force.
    pub preflight: Ask<bool>,
    /// Books and broker agree since the last fill.
    pub reconciled: Ask<bool>,
    /// The audit chain verifies.
    pub chain_whole: Ask<bool>,
    /// Functions whose failure closes entries until they succeed.
    pub blocks: Vec<String>,
}

/// The data behind the signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataCase {
    /// The bar that was decided upon.
    pub bar: Date,
    /// The last completed session.
    pub last_session: Ask<Date>,
    /// Sessions since that bar, 1 on the next one.
    pub signal_age: Ask<u32>,
    /// What can be bought now.
    pub quote: Ask<Quote>,
}

/// Whether an earnings report is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earnings {
    /// None near.
    Clear,
    /// Within two days before to one after.
    Blackout,
    /// No source: half size, noted.
    Unknown,
}

/// The symbol itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameCase {
    /// It is a valid name of the universe.
    pub in_universe: Ask<bool>,
    /// The broker trades it today.
    pub tradable: Ask<bool>,
    /// It stands on the list of what is never traded.
    pub prohibited: bool,
    /// Price as traded today.
    pub price: Ask<Decimal>,
    /// Close as traded of the signal's bar.
    pub close: Decimal,
    /// Dollars traded a day over 60 days.
    pub adv60: Ask<Figure>,
    /// Whether an earnings report is near.
    pub earnings: Earnings,
}

/// Where a day stands to the decisions of the Federal Reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fomc {
    /// Nothing near.
    Clear,
    /// The session before a decision: half size.
    Eve,
    /// The day of a scheduled or tentative decision.
    Today,
    /// Outside the span of the table.
    Unknown,
}

/// The market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeCase {
    /// Volatility index.
    pub vix: Ask<Figure>,
    /// Whether it is estimated from realised volatility.
    pub vix_estimated: bool,
    /// Close of the index.
    pub index_close: Ask<Figure>,
    /// Its average over 200 days.
    pub index_sma200: Ask<Figure>,
    /// Its annualised volatility over 20 days, percent.
    pub index_vol20: Ask<Figure>,
    /// The Federal Reserve.
    pub fomc: Fomc,
    /// No breaker of the desk's own judgement is open.
    pub cognitive_ok: Ask<bool>,
    /// What performance drift leaves of the size; 0 stops.
    pub drift_scale: Ask<Figure>,
}

/// How good the signal must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// Lowest quality score.
    pub score: Figure,
    /// Lowest conviction in points: confidence times 100.
    pub conviction: u32,
    /// Lowest nominal reward over risk.
    pub reward_over_risk: Figure,
}

impl Floors {
    /// The frozen floors: 70, 0.60 and 1.5. A source may ask for more, never for less.
    pub const FROZEN: Floors = Floors { score: Figure(70.0), conviction: 60, reward_over_risk: Figure(1.5) };
    /// The floors of the fallback scan.
    pub const FALLBACK: Floors = Floors { score: Figure(75.0), conviction: 70, reward_over_risk: Figure(2.0) };
    /// The floors of the power hour.
    pub const POWER_HOUR: Floors = Floors { score: Figure(70.0), conviction: 65, reward_over_risk: Figure(1.5) };
}

/// How good the signal is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityCase {
    /// Quality score, 0 to 100.
    pub score: Figure,
    /// Conviction in points, 0 to 100.
    pub conviction: u32,
    /// Nominal reward over risk.
    pub reward_over_risk: Figure,
    /// What is asked.
    pub floors: Floors,
}

/// What is held and was bought already. Entries on their way count as bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holdings {
    /// The symbol is held, or an entry is on its way.
    pub holds_symbol: bool,
    /// Positions open, entries on their way included.
    pub open: u32,
    /// Entries today.
    pub new_today: u32,
    /// Entries of the week (kept over the weekend unless the book was flat).
    pub new_week: u32,
}

/// The book as a whole, with this entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortfolioCase {
    /// Dollars held in the candidate's sector.
    pub sector_open: Ask<Decimal>,
    /// Dollars held in names that move with the candidate (correlation of 20 days at least 0.70).
    pub basket_open: Ask<Decimal>,
    /// Five-day value at risk at 95 %, as a share of equity.
    pub value_at_risk: Ask<Figure>,
    /// Heat score, 0 to 100.
    pub heat: Ask<Figure>,
}

/// The order's way to the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardCase {
    /// Reference price of the exchange's price bands.
    pub reference: Ask<Decimal>,
    /// Whether the wider band holds (small companies, the first 15 and the last 25 minutes).
    pub wide_band: bool,
    /// Orders sent in the last minute.
    pub orders_last_minute: u32,
    /// Rejects by the broker in a row.
    pub rejects_in_a_row: u32,
}

/// One exit, and the world around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitCase {
    /// When it is judged.
    pub at: Timestamp,
    /// The New York date of `at`.
    pub day: Date,
    /// The decision.
    pub decision: DecisionId,
    /// What is sold.
    pub symbol: Symbol,
    /// The position.
    pub position: PositionId,
    /// Why.
    pub reason: ExitReason,
    /// The rule that opened it.
    pub strategy: Strategy,
    /// Whether this is the replayed desk.
    pub replay: bool,
    /// The kill switch, asked for an exit.
    pub kill: KillAnswer,
    /// Where orders go.
    pub endpoint: Ask<Endpoint>,
    /// The policy in force.
    pub mode: PolicyMode,
    /// The kill zone at `at`.
    pub zone: Ask<ZoneAnswer>,
    /// What it can be sold at now.
    pub quote: Ask<Quote>,
    /// Shares of the position that no other exit is selling.
    pub free: Ask<u64>,
    /// Shares to sell.
    pub qty: u64,
}
