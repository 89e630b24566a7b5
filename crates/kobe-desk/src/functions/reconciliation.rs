//! Reconciliation: do we and the broker tell the same story?

use super::{Function, Group::Reconciliation, N, f};
use kobe_plan::task::Lane::Monitoring;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("reconcile_broker", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["log_market_close"])
        .does("Compares orders and fills with the broker both ways and repairs the ledger from its evidence."),
    f("reconcile_positions", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["reconcile_broker"])
        .does("Compares quantities and average prices; a mismatch over $1,000 trips the kill switch."),
    f("reconcile_cash", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["reconcile_positions"])
        .does("Proves the broker's cash from start, fills, fees and dividends within a dollar."),
];
