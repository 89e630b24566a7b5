//! A webhook: JSON to an address of one's own, `{"source": "kobe", "severity": .., "title": .., "text": ..}`.
//!
//! What answers 2xx has it. The address may be a secret by itself; only its scheme and host are ever shown.

use std::path::PathBuf;
use std::time::Duration;

use kobe_engine::{Channel, Delivery};
use kobe_plan::alert::Severity;
use serde_json::json;

use super::http::{Address, Client, Reply, WITHIN};
use super::secret::Secret;
use super::{Fault, Given, Holds, Key, Kind, Opened};

/// How its table in the settings is read.
pub(super) const KIND: Kind = Kind {
    name: "webhook",
    keys: &[
        Key { name: "url", holds: Holds::Address, needed: true },
        Key { name: "token_file", holds: Holds::SecretFile, needed: false },
        Key { name: "insecure", holds: Holds::Flag, needed: false },
    ],
    open,
};

fn open(given: &Given) -> Result<Opened, Fault> {
    let url = given.text("url").unwrap_or_default();
    let to = Address::parse(url, given.flag("insecure")).map_err(|bad| Fault::of("url", bad.what, bad.hint))?;
    let mut secrets = vec![to.url().clone()];
    let file = given.maybe_file("token_file").map(ToOwned::to_owned);
    if let Some(file) = &file {
        let wrong = |what| Fault::of("token_file", what, "write the bearer token, and nothing else, into it");
        secrets.push(Secret::read(file).map_err(wrong)?);
    }
    let shown = to.to_string();
    let webhook = Webhook::new(to, file);
    Ok(Opened { make: Box::new(move || Box::new(webhook.clone())), to: shown, secrets })
}

/// Posts to an address.
#[derive(Debug, Clone)]
pub struct Webhook {
    to: Address,
    token_file: Option<PathBuf>,
    within: Duration,
}

impl Webhook {
    /// Begins with an address and the file of a bearer token, if it wants one.
    pub fn new(to: Address, token_file: Option<PathBuf>) -> Webhook {
        Webhook { to, token_file, within: WITHIN }
    }

    /// Waits for an answer at most so long; ten seconds if nothing is said.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Webhook {
        self.within = limit;
        self
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        KIND.name
    }

    fn send(&mut self, text: &str, severity: Severity) -> Delivery {
        let token = match self.token_file.as_deref().map(Secret::read).transpose() {
            Ok(token) => token,
            Err(why) => return Delivery::Refused { why },
        };
        let title = text.lines().next().unwrap_or_default();
        let message = json!({ "source": "kobe", "severity": severity, "title": title, "text": text });
        match Client::to(&self.to, self.within).post(&self.to, token.as_ref(), &message.to_string()) {
            Ok(Reply { status: 200..=299, .. }) => Delivery::Sent,
            Ok(Reply { status: status @ (408 | 409 | 425 | 429 | 500..), retry_after, .. }) => {
                Delivery::Later { after: retry_after, why: format!("{} answered {status}", self.to) }
            }
            Ok(Reply { status: status @ (401 | 403), .. }) => {
                Delivery::Refused { why: format!("{} answered {status}: see `token_file`", self.to) }
            }
            Ok(Reply { status, .. }) => Delivery::Refused { why: format!("{} answered {status}: see `url`", self.to) },
            Err(why) => Delivery::Later { after: None, why: format!("{}: {why}", self.to) },
        }
    }
}
