//! A webhook on loopback: what a person would have been told, and when.

#[path = "../../../kobe-handlers/tests/fake/mod.rs"]
pub mod fake;

use std::time::Instant;

use fake::{Act, Api};

use super::{PATIENCE, Place};

/// One message.
#[derive(Debug, Clone)]
pub struct Told {
    pub severity: String,
    pub text: String,
    pub at: Instant,
}

/// A webhook that takes everything.
pub struct Hook {
    api: Api,
    /// Every message so far, in order.
    pub told: Vec<Told>,
}

impl Hook {
    /// Begins to listen.
    pub fn new() -> Hook {
        Hook { api: Api::that(Act::Say(200, "", String::new())), told: Vec::new() }
    }

    /// The settings that lead here, as a file in a place; returns its name.
    pub fn settings(&self, place: &Place) -> &'static str {
        place.write("hook.toml", format!("[webhook]\nurl = \"{}/here\"\n", self.api.address));
        "hook.toml"
    }

    /// Waits for a message that says something.
    pub fn wait(&mut self, words: &str) -> Told {
        let (from, until) = (self.told.len(), Instant::now() + PATIENCE);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(asked) = self.api.asked.recv_timeout(left) else {
                panic!("nobody was told `{words}`; told was {:#?}", &self.told[from..]);
            };
            let text = |key: &str| asked.body[key].as_str().unwrap_or_default().to_owned();
            let told = Told { severity: text("severity"), text: text("text"), at: Instant::now() };
            self.told.push(told.clone());
            if told.text.contains(words) {
                return told;
            }
        }
    }

    /// Says how many messages so far said something.
    pub fn count(&mut self, words: &str) -> usize {
        while let Ok(asked) = self.api.asked.try_recv() {
            let text = |key: &str| asked.body[key].as_str().unwrap_or_default().to_owned();
            self.told.push(Told { severity: text("severity"), text: text("text"), at: Instant::now() });
        }
        self.told.iter().filter(|told| told.text.contains(words)).count()
    }
}
