//! Standing: why a task as a whole does not run in this build.
//!
//! One answer for `plan`, `why` and `run`, so that what is shown is what happens. A task whose function is registered and not built is skipped(not_built), visibly.

use kobe_desk::functions;
use kobe_plan::judge::Standing;
use kobe_plan::task::Work;
use kobe_plan::{Desk, Reason, TaskIx};

/// Returns why a task does not run here; nothing if it may.
pub fn standing(desk: &Desk, ix: TaskIx) -> Option<Standing> {
    let Work::Call(name) = &desk.task(ix).work else { return None };
    let built = functions::find(name).is_some_and(functions::Function::is_built);
    (!built).then(|| Standing {
        reason: Reason::NotBuilt,
        note: format!("the function {name} is registered and not built yet").into(),
    })
}
