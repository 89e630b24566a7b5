//! From a task to its function: the handler of everything that is a call.

use std::sync::Arc;

use kobe_engine::{Attempt, Handler, Stop};
use kobe_plan::Outcome;

use crate::call::Call;
use crate::functions;
use crate::services::Services;

/// Calls the functions of the desk.
pub struct DeskHandler {
    services: Arc<Services>,
}

impl DeskHandler {
    /// Makes a handler that gives its calls these services.
    pub fn new(services: Arc<Services>) -> DeskHandler {
        DeskHandler { services }
    }
}

impl Handler for DeskHandler {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        let name = attempt.task().function();
        let Some(work) = functions::find(name).map(functions::Function::work) else {
            return Outcome::Error(format!("the desk has no function `{name}`").into());
        };
        match work {
            functions::Run::Built(function) => {
                match self.services.settle_until(attempt.now) {
                    Ok(()) => self.services.unblock("settlement"),
                    Err(e) if self.services.is_replay() => {
                        return Outcome::Error(format!("the books could not be settled: {e}").into());
                    }
                    // Today's bars may simply not be there: nothing is opened until they are, and everything else goes on.
                    Err(e) => self.services.block("settlement", e),
                }
                let date = self.services.market().date_of(attempt.now);
                function(&Call { desk: &self.services, attempt, stop, now: attempt.now, date })
            }
            functions::Run::NotBuilt | functions::Run::SameAs(_) => Outcome::NotBuilt,
        }
    }
}
