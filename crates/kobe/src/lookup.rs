//! Lookup: from a name that a person typed to the thing meant.

use kobe_plan::{Desk, Lane, TaskIx};

use crate::failure::Failure;

/// Returns the task of a name.
///
/// # Errors
/// [`Failure::Usage`] with the name that may have been meant.
pub fn task(desk: &Desk, name: &str) -> Result<TaskIx, Failure> {
    desk.find(name).ok_or_else(|| {
        let hint = match desk.closest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`kobe task list` shows them all".to_owned(),
        };
        Failure::usage(format!("the desk has no task `{name}`"), hint)
    })
}

/// Returns the lane of a name.
///
/// # Errors
/// [`Failure::Usage`] with all lanes.
pub fn lane(name: &str) -> Result<Lane, Failure> {
    name.parse().map_err(|_| {
        let known: Vec<&str> = Lane::ALL.iter().map(|l| l.word()).collect();
        Failure::usage(format!("there is no lane `{name}`"), format!("lanes: {}", known.join(", ")))
    })
}
