//! What do the bars say? Indicators, setups, scores and statistics of daily bars.
//!
//! The rule of this crate: the value at bar `i` is a function of the bars and actions up to `i` and of nothing else, to the last bit. Prices come in as
//! traded ([`Px`], exact), are made comparable over splits and dividends by a factor that only looks back ([`Series::scale`]), and leave in the dollars
//! of their own bar. Reads no clock, no file, no environment; draws no random number; holds no unordered map.
//!
//! Start at [`Series::build`], then [`setups::setups`], [`conviction::conviction`] and [`quality::quality`] in the order in which the desk asks them.

#![deny(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bar;
pub mod conviction;
pub mod features;
pub mod index;
pub mod indicators;
pub mod px;
pub mod quality;
pub mod regime;
pub mod series;
pub mod setups;
pub mod stats;

pub use bar::{Action, Bar, BarFault};
pub use conviction::{Conviction, Evidence};
pub use features::{Features, Jump};
pub use index::{IndexError, IndexFeatures, IndexSeries};
pub use px::{Px, PxError};
pub use quality::{Holding, Quality};
pub use regime::{Regime, RegimeReport};
pub use series::{Series, SeriesError};
pub use setups::{Setup, Strategy};

/// Bars that a symbol needs before it may signal: 200 for the long average and ten to settle (frozen rule v2.6 of the desk).
pub const MIN_BARS: usize = 210;

/// Trading days in a year, the usual factor to annualise daily figures.
pub const DAYS_PER_YEAR: f64 = 252.0;
