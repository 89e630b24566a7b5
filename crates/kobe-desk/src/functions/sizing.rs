//! Sizing: from intents to shares.

use super::{Function, Group::Sizing, N, f};
use kobe_plan::task::Lane::Trading;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("calc_position_sizes", Sizing, Trading, N, 30, "sizes").session_bound().stage(4).after(&["validate_watchlist"])
        .does("Sizes the watchlist ahead of the session, with dollars at risk and the cap that binds."),
    f("calc_size", Sizing, Trading, N, 30, "sized intents").session_bound().stage(4).after(&["calc_rr"])
        .does("Sizes gated intents on live price and equity, clips them to every cap and names the one that bound."),
];
