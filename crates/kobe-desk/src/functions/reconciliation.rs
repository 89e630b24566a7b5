//! Reconciliation: do we and the broker tell the same story?

use kobe_plan::Outcome;

use crate::call::Call;
use crate::early::{Work, answer};
use crate::reconcile::{Asker, Part};

use super::{Function, Group::Reconciliation, N, f};
use kobe_plan::task::Lane::Monitoring;

/// The functions of this group: name, lane, right, timeout in seconds and what it leaves behind.
#[rustfmt::skip]
pub(super) const TABLE: &[Function] = &[
    f("reconcile_broker", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["log_market_close"])
        .does("Compares orders and fills with the broker both ways and repairs the ledger from its evidence.")
        .built(|call| answer(reconcile(call, Part::Orders))),
    f("reconcile_positions", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["reconcile_broker"])
        .does("Compares quantities and average prices; a mismatch over $1,000 trips the kill switch.")
        .built(|call| answer(reconcile(call, Part::Positions))),
    f("reconcile_cash", Reconciliation, Monitoring, N, 60, "state/reconciliation/last_reconcile.json")
        .session_bound().stage(6).after(&["reconcile_positions"])
        .does("Proves the broker's cash from start, fills, fees and dividends within a dollar.")
        .built(|call| answer(reconcile(call, Part::Cash))),
];

/// Compares everything, and answers for one part; whatever differs closes entries, whoever found it.
///
/// Around the clock nobody asks for the other two parts, so there the answer is for all three.
fn reconcile(call: &Call<'_>, part: Part) -> Work {
    let asker = Asker { function: call.function(), task: call.task() };
    let found = call.desk.reconcile(call.now, asker).map_err(|why| Outcome::Error(why.into()))?;
    let alone = call.attempt.task().stage.is_none();
    let wrong: Vec<&str> =
        found.mismatches.iter().filter(|m| alone || m.kind.part() == part).map(|m| m.description.as_str()).collect();
    if !wrong.is_empty() {
        return Err(Outcome::Error(wrong.join("; ").into()));
    }
    Ok(Outcome::Ok(found.words().into()))
}
