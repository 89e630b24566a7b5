//! The preflight as a task: one verdict for the day, stored.

use kobe_plan::Outcome;

use crate::call::Call;
use crate::early::Work;
use crate::reconcile::Asker;

/// Asks every question of the day. A BLOCK is a rule of the desk that holds, not a defect of this function: what depends on it goes on, and entries stay closed.
pub(super) fn preflight(call: &Call<'_>) -> Work {
    let asker = Asker { function: call.function(), task: call.task() };
    let report = call
        .desk
        .preflight(call.now, &call.attempt.desk.hash, asker)
        .map_err(|e| Outcome::Error(format!("the preflight could not be stored: {e}").into()))?;
    let words = report.words().into();
    Ok(if report.passes() { Outcome::Ok(words) } else { Outcome::Gated(words) })
}
