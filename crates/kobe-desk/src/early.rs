//! Early ends: a function that cannot go on says so with `?`.

use kobe_plan::Outcome;

/// The work of a function: its outcome, or the outcome that ended it early. Both are its answer.
pub(crate) type Work = Result<Outcome, Outcome>;

/// Returns the answer of a function, wherever it ended.
pub(crate) fn answer(work: Work) -> Outcome {
    work.unwrap_or_else(|early| early)
}
