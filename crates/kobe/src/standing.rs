//! Standing: why a task as a whole does not run in this build.
//!
//! One answer for `plan`, `why` and `run`, so that what is shown is what happens. A task whose function is registered and not built is skipped(not_built), visibly.

use kobe_desk::functions;
use kobe_plan::judge::Standing;
use kobe_plan::task::Work;
use kobe_plan::{Desk, Reason, TaskIx};
use kobe_store::{HoldRow, Reader};

use crate::failure::Failure;

/// Returns why a task does not run here; nothing if it may.
pub fn standing(desk: &Desk, ix: TaskIx) -> Option<Standing> {
    let Work::Call(name) = &desk.task(ix).work else { return None };
    let built = functions::find(name).is_some_and(functions::Function::is_built);
    (!built).then(|| Standing {
        reason: Reason::NotBuilt,
        note: format!("the function {name} is registered and not built yet").into(),
    })
}

/// What keeps tasks from running in an installation: functions that are not built, and what an operator holds.
pub struct Standings {
    holds: Vec<HoldRow>,
}

impl Standings {
    /// Reads what is held in a state directory; nothing where none ever ran.
    ///
    /// # Errors
    /// [`Failure::Store`] when the rows cannot be read.
    pub fn of(reader: Option<&Reader>) -> Result<Standings, Failure> {
        Ok(Standings { holds: reader.map_or(Ok(Vec::new()), Reader::holds)? })
    }

    /// Returns why a task does not run there; nothing if it may.
    pub fn of_task(&self, desk: &Desk, ix: TaskIx) -> Option<Standing> {
        let task = desk.task(ix);
        let by = |hold: &HoldRow| format!("by {}: {}", hold.operator, hold.reason);
        let find = |kind: &str, name: &str| self.holds.iter().find(|h| h.kind == kind && h.name == name);
        let paused = find("task", &task.name).map(|h| Standing { reason: Reason::Paused, note: by(h).into() });
        let halted = || find("lane", task.lane.word()).map(|h| Standing { reason: Reason::Halted, note: by(h).into() });
        paused.or_else(halted).or_else(|| standing(desk, ix))
    }
}
