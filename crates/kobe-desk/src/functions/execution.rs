//! Execution: from sized intents to fills, through one choke.

use super::{E, Function, Group::Execution, N, X, f};
use kobe_plan::task::Lane::Trading;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("execute_trades", Execution, Trading, E, 60, "orders, packets, audit").session_bound().stage(5)
        .after(&["calc_size"])
        .does("Takes sized intents through the single choke to the broker and hangs a linked stop on each fill."),
    f("confirm_orders", Execution, Trading, X, 120, "order_states, fills").session_bound().stage(5)
        .after(&["execute_trades"])
        .does("Follows orders to their end, settles partial fills and replaces the rest at most twice."),
    f("log_fills", Execution, Trading, N, 30, "tca, trades.jsonl").session_bound().stage(5).after(&["confirm_orders"])
        .does("Records each fill beside the price decided on: slippage and captured spread."),
];
