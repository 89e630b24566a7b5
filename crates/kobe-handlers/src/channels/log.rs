//! The log: the last resort, which is always there.
//!
//! Every alert is written to it at once, whatever the other channels do; only where there is no other is an alert told when it is in the log.

use kobe_engine::{Channel, Delivery};
use kobe_plan::alert::Severity;

/// Writes messages as lines.
pub struct LogChannel(Box<dyn Fn(&str) + Send>);

impl LogChannel {
    /// Begins with what takes a line.
    pub fn new(write: impl Fn(&str) + Send + 'static) -> LogChannel {
        LogChannel(Box::new(write))
    }
}

impl Channel for LogChannel {
    fn name(&self) -> &str {
        kobe_plan::alert::postman::LOG
    }

    fn send(&mut self, text: &str, _: Severity) -> Delivery {
        for line in text.lines().filter(|line| !line.is_empty()) {
            (self.0)(line);
        }
        Delivery::Sent
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_message_becomes_lines() {
        let (told, lines) = channel();
        let mut log = LogChannel::new(move |line| told.send(line.to_owned()).unwrap());
        assert_eq!(log.send("ERROR: a\n\nb", Severity::Error), Delivery::Sent);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["ERROR: a", "b"]);
        assert_eq!(log.name(), "log");
    }
}
