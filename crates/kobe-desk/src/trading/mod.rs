//! From bars to orders: the universe, its setups, their scores, and the one way an order leaves.
//!
//! [`universe`] says which symbols count, [`candidate`] finds and scores setups on completed bars, [`case`] gathers what the gates look at, and the choke
//! ([`crate::trading::choke`]) is the only caller of the broker's submit. Start at [`candidate::candidates`].

pub mod candidate;
pub mod case;
pub mod choke;
pub mod universe;

pub use candidate::{Candidate, candidates};
pub use choke::{ChokeError, Verdict, Window};
