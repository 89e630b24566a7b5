//! May this order be sent? Money, gates, sizing, books, kill zones and the audit chain of the desk.
//!
//! The way of an order: a case ([`case`]) is judged ([`gate::judge_entry`]) and sized ([`size`]); the decision is sealed in a packet ([`packet`]) and, if
//! admitted, stored as an intent ([`fact`]) that reserves its budget ([`book`]); immediately before the send [`gate::permit`] asks once more and makes the
//! token without which no broker ([`ports::Broker`]) takes an order; what the broker answers comes back as facts.
//!
//! The rules of this crate: unknown is unsafe for entries · no order leaves without a permit, and only the gate can make one · a fact is stored before
//! anything acts on it · no sequence of facts makes a short position · money is decimal. It reads no clock, no file and no environment, and holds no
//! unordered map. Start at [`gate`].

#![deny(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod book;
pub mod case;
pub mod chain;
pub mod check;
pub mod exits;
pub mod fact;
pub mod fees;
pub mod gate;
pub mod id;
pub mod kill;
pub mod money;
pub mod order;
pub mod packet;
pub mod paper;
pub mod policy;
pub mod ports;
pub mod quote;
pub mod risk;
pub mod settle;
pub mod size;
pub mod zone;

pub use kobe_quant::Strategy;
