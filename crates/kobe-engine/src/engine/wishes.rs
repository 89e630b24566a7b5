//! Wishes: from rows to inputs of the machine.

use jiff::{SignedDuration, Timestamp};
use kobe_plan::{Change, Input, Verb};

use super::{Engine, EngineError};
use crate::journal::order_of;

/// How often the table of wishes is looked at.
pub(super) const WISHES_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// How often, when somebody tells of every change: that the telling may have failed costs so much.
pub(super) const WISHES_EVERY_WHEN_TOLD: SignedDuration = SignedDuration::from_secs(15);

impl Engine {
    /// Takes every wish that is open; what cannot be meant is refused in its row.
    pub(super) fn take_wishes(&mut self, now: Timestamp) -> Result<Vec<Input>, EngineError> {
        self.wishes_at = now + self.wishes_every;
        let mut inputs = Vec::new();
        let mut refused = Vec::new();
        for wish in self.ports.store.wishes()? {
            let input = match wish.verb {
                Verb::Run => match self.desk.find(&wish.name) {
                    Some(task) => Ok(Input::RunNow { id: wish.id, task }),
                    None => Err("the desk has no such task".to_owned()),
                },
                verb => order_of(&self.desk, verb, &wish.name).map(|order| Input::Asked {
                    id: wish.id,
                    order,
                    reason: wish.reason,
                    operator: wish.operator,
                }),
            };
            match input {
                Ok(input) => inputs.push(input),
                Err(why) => refused.push(Change::WishDone { id: wish.id, note: format!("refused: {why}").into() }),
            }
        }
        self.commit(now, &refused)?;
        Ok(inputs)
    }
}
