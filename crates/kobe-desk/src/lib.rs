//! The functions of the desk: data, books, broker, reports.
//!
//! A function is a line in the table of its group ([`functions`]) and is called through [`DeskHandler`] with the desk's [`Services`]. Everything that may cost money goes
//! through one choke ([`trading::choke`]). Whether the clock is real or virtual, the functions are the same.

mod broker;
pub mod call;
pub mod data;
mod early;
pub mod functions;
mod funnel;
pub mod handler;
mod host;
pub mod kill;
mod marks;
pub mod preflight;
pub mod ready;
pub mod reconcile;
pub mod report;
mod room;
pub mod services;
mod settle;
#[cfg(test)]
mod testing;
pub mod trading;

pub use broker::PaperBroker;
pub use call::Call;
pub use handler::DeskHandler;
pub use host::{ReplayHost, SystemHost};
pub use ready::Readiness;
pub use services::{Era, Services, Setup, Source};
