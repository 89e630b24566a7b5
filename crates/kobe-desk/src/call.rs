//! Calls: what a function of the desk is given.

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_engine::{Attempt, Stop};
use serde_json::Value;

use crate::services::Services;

/// One call of a function: the attempt it belongs to, and the services of the desk.
pub struct Call<'a> {
    /// Data, books, broker, clock.
    pub desk: &'a Services,
    /// The attempt, with the declaration of its task.
    pub attempt: &'a Attempt,
    /// Says when to stop.
    pub stop: &'a Stop,
    /// When the attempt began.
    pub now: Timestamp,
    /// The date of that instant in the desk's zone.
    pub date: Date,
}

impl Call<'_> {
    /// Returns the name of the task.
    pub fn task(&self) -> &str {
        &self.attempt.task().name
    }

    /// Returns the arguments of the task.
    pub fn args(&self) -> &Value {
        &self.attempt.task().args
    }

    /// Returns an argument that is a text.
    pub fn text_arg(&self, name: &str) -> Option<&str> {
        self.args().get(name).and_then(Value::as_str)
    }

    /// Returns an argument that is a yes or no; one that is absent is no.
    pub fn flag_arg(&self, name: &str) -> bool {
        self.args().get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}
