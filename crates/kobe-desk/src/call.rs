//! Calls: what a function of the desk is given, and how it leaves something behind.

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_engine::{Attempt, Stop};
use kobe_plan::Outcome;
use kobe_trade::ports::Artifact;
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

    /// Returns the name of the function that the task calls.
    pub fn function(&self) -> &str {
        self.attempt.task().function()
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

    /// Leaves an artifact under a name and says so as the outcome.
    pub fn leave(&self, name: &str, body: Value, note: impl Into<std::borrow::Cow<'static, str>>) -> Outcome {
        match self.put(name, body) {
            Ok(()) => Outcome::Ok(note.into()),
            Err(outcome) => outcome,
        }
    }

    /// Leaves an artifact under a name.
    ///
    /// # Errors
    /// The outcome to return when the books do not take it.
    pub fn put(&self, name: &str, body: Value) -> Result<(), Outcome> {
        let artifact = Artifact {
            name: name.to_owned(),
            function: self.function().to_owned(),
            task: self.task().to_owned(),
            date: self.date,
            at: self.now,
            body,
        };
        self.desk.books().put(artifact).map_err(|e| Outcome::Error(e.to_string().into()))
    }

    /// Returns the newest artifact of a name if it was left on this date.
    ///
    /// # Errors
    /// The outcome to return when the books cannot be read.
    pub fn today(&self, name: &str) -> Result<Option<Artifact>, Outcome> {
        let found = self.desk.latest(name).map_err(|e| Outcome::Error(e.to_string().into()))?;
        Ok(found.filter(|a| a.date == self.date))
    }
}

/// Returns the outcome of data that cannot be used.
pub(crate) fn no_data_set(e: &crate::data::DataError) -> Outcome {
    Outcome::Error(format!("the data cannot be used: {e}").into())
}
