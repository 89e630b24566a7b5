//! HTTP: signs of life of a running engine.
//!
//! A few pages that only read: `/health`, `/liveness`, `/readiness` (also `/ready`), `/metrics`, `/metrics.json`. They answer from the [`VitalsBoard`](kobe_engine::VitalsBoard)
//! that the planning loop writes and from [`Signs`] that the binary hands in; nothing here changes anything, and nothing here decides. The server has a thread of its own
//! with a runtime of its own, so a slow reader never holds up the loop; guests are few, and none stays for long (`guests.rs`). It answers before there is an engine, too: what a
//! start waits for is said by a [`Porter`].
//!
//! Only a name that cannot be rebound is answered: the `Host` of a request is an IP address or `localhost`. Start at [`Web::start`]; a new page is a line in the table of
//! `pages.rs`.

mod answer;
mod guests;
mod limit;
mod metrics;
mod pages;
mod server;
mod signs;

pub use server::{Door, Porter, Web, WebError};
pub use signs::{AlertSign, Deck, MarketSign, Orders, Performance, Signs};
