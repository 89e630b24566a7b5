//! When is a market open, which phase is it, and does the day have a name?
//!
//! A venue is a file of rules (`exchanges/XNYS.toml`), expanded once into one small code per day. [`Exchange`] answers
//! about sessions; [`Market`] adds the desk's clock (phases and work modes, `data/modes.csv`) and the days with a name
//! (`data/events.csv` and the calendar itself).
//!
//! The rule of this crate: the calendar never guesses. Outside the years it knows it answers with an error that names
//! the span, and where it knows dates but not hours it says that too.
//!
//! It never reads a clock, a file or an environment variable: the caller brings the instant. Time zones come from the
//! database compiled into the program ([`tzdb_version`]), so that two machines give the same answer.
//!
//! Start at [`Market::bundled`] and [`Market::day`]; a new venue starts at `exchanges/` and the table in `exchange.rs`.

#![deny(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod combine;
mod context;
mod count;
mod error;
mod events;
mod exchange;
mod market;
mod modes;
mod names;
mod overlay;
mod phase;
mod rules;
mod session;
mod tags;
mod timeline;

pub use combine::{open_anywhere, open_together, sessions_of_all, sessions_of_any};
pub use context::MarketContext;
pub use count::{Period, Roll};
pub use error::{CalendarError, RuleError, RuleProblem, TableError};
pub use events::{Events, EventsSpan, FomcDay};
pub use exchange::{Exchange, tzdb_version};
pub use market::{DayKind, Market, MarketDay, Resolved, Segment};
pub use modes::ModeTable;
pub use names::UnknownName;
pub use overlay::{Entry, Overlay};
pub use phase::{CoarsePhase, Phase, WorkMode};
pub use session::{Coverage, Session, Span};
pub use tags::{Tag, Tags, TagsIter};
