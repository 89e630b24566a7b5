//! Telegram, by the Bot API: `POST {base_url}/bot{token}/sendMessage`.
//!
//! Text goes out plain: what a program says may hold anything, and markup that does not close would be refused. The token is read from its file for each message, so that a
//! new one is used without a restart; it stands in the address of the request and nowhere else.

use std::path::PathBuf;
use std::time::Duration;

use kobe_engine::{Channel, Delivery};
use kobe_plan::alert::Severity;
use kobe_plan::alert::redact::Redactor;
use serde_json::{Value, json};

use super::http::{Address, Client, Reply, WITHIN};
use super::secret::Secret;
use super::{Fault, Given, Holds, Key, Kind, Opened};

/// How its table in the settings is read.
pub(super) const KIND: Kind = Kind {
    name: "telegram",
    keys: &[
        Key { name: "token_file", holds: Holds::SecretFile, needed: true },
        Key { name: "chat", holds: Holds::Text, needed: true },
        Key { name: "base_url", holds: Holds::Address, needed: false },
        Key { name: "insecure", holds: Holds::Flag, needed: false },
    ],
    open,
};

/// Where the Bot API is.
const BASE_URL: &str = "https://api.telegram.org";

fn open(given: &Given) -> Result<Opened, Fault> {
    let insecure = given.flag("insecure");
    let base_url = given.text("base_url").unwrap_or(BASE_URL);
    let base = Address::parse(base_url, insecure).map_err(|bad| Fault::of("base_url", bad.what, bad.hint))?;
    let file = given.file("token_file").to_owned();
    let wrong = |what| Fault::of("token_file", what, "write the token that @BotFather gave, and nothing else, into it");
    let token = Secret::read(&file).and_then(|secret| usable(secret, &file)).map_err(wrong)?;
    let chat = Chat::parse(given.text("chat").unwrap_or_default()).ok_or_else(|| {
        let hint = "write the number of the chat (groups begin with a minus), or `@name` of a public channel";
        Fault::of("chat", "this is no chat", hint)
    })?;
    let to = format!("chat {chat} through {base}");
    let telegram = Telegram::new(base, file, chat);
    Ok(Opened { make: Box::new(move || Box::new(telegram.clone())), to, secrets: vec![token] })
}

/// A chat: its number, or the name of a public channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat(String);

impl Chat {
    /// Reads a chat.
    pub fn parse(text: &str) -> Option<Chat> {
        let text = text.trim();
        let is_name = |name: &str| name.len() >= 4 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_chat = text.parse::<i64>().is_ok_and(|n| n != 0) || text.strip_prefix('@').is_some_and(is_name);
        is_chat.then(|| Chat(text.to_owned()))
    }

    fn json(&self) -> Value {
        self.0.parse::<i64>().map_or_else(|_| self.0.as_str().into(), Into::into)
    }
}

impl std::fmt::Display for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells a chat.
#[derive(Debug, Clone)]
pub struct Telegram {
    base: Address,
    token_file: PathBuf,
    chat: Chat,
    within: Duration,
}

impl Telegram {
    /// Begins with where the API is, the file of the token and the chat.
    pub fn new(base: Address, token_file: PathBuf, chat: Chat) -> Telegram {
        Telegram { base, token_file, chat, within: WITHIN }
    }

    /// Waits for an answer at most so long; ten seconds if nothing is said.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Telegram {
        self.within = limit;
        self
    }
}

impl Channel for Telegram {
    fn name(&self) -> &str {
        KIND.name
    }

    fn send(&mut self, text: &str, severity: Severity) -> Delivery {
        let token = match Secret::read(&self.token_file).and_then(|secret| usable(secret, &self.token_file)) {
            Ok(token) => token,
            Err(why) => return Delivery::Refused { why },
        };
        let to = self.base.with(&format!("/bot{}/sendMessage", token.expose()));
        let message = json!({
            "chat_id": self.chat.json(),
            "text": text,
            "disable_web_page_preview": true,
            // What is only worth knowing rings nobody out of bed.
            "disable_notification": severity == Severity::Info,
        });
        let redactor = Redactor::new(token.forms());
        match Client::to(&self.base, self.within).post(&to, None, &message.to_string()) {
            Ok(reply) => judge(reply, &redactor),
            Err(why) => Delivery::Later { after: None, why: redactor.clean(&why) },
        }
    }
}

/// Looks whether a secret can be a token; anything else would bend the address.
fn usable(secret: Secret, file: &std::path::Path) -> Result<Secret, String> {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    match secret.expose().split_once(':') {
        Some((bot, key)) if is_word(key) && bot.parse::<u64>().is_ok() => Ok(secret),
        _ => Err(format!("{} holds no token of a bot", file.display())),
    }
}

/// Makes of an answer what became of the message.
fn judge(reply: Reply, redactor: &Redactor) -> Delivery {
    let later = |after, why: String| Delivery::Later { after, why };
    let body = match reply.body {
        Ok(body) => body,
        Err(why) => return later(reply.retry_after, format!("{} and then {why}", reply.status)),
    };
    let Some(answer) = serde_json::from_str::<Value>(&body).ok().filter(|answer| answer["ok"].is_boolean()) else {
        return match reply.status {
            301..=308 => Delivery::Refused { why: format!("it answered {}: is base_url right?", reply.status) },
            status => {
                later(reply.retry_after, format!("it answered {status} with something else than the Bot API does"))
            }
        };
    };
    if answer["ok"] == true && (200..300).contains(&reply.status) {
        return Delivery::Sent;
    }
    let code = answer["error_code"].as_u64().unwrap_or(u64::from(reply.status));
    let said = answer["description"].as_str().unwrap_or("no description");
    let said: String = redactor.clean(said).chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    let asked = answer["parameters"]["retry_after"].as_u64().map(Duration::from_secs).or(reply.retry_after);
    match (code, answer["parameters"]["migrate_to_chat_id"].as_i64()) {
        (_, Some(chat)) => Delivery::Refused { why: format!("the group has moved: write `chat = \"{chat}\"`") },
        (429, _) => later(asked, format!("too many messages (429 {said})")),
        (401 | 404, _) => Delivery::Refused { why: format!("Telegram does not know the token ({code} {said})") },
        (403, _) => Delivery::Refused { why: format!("the bot may not write to the chat ({code} {said})") },
        (400 | 402..=407 | 410..=424 | 426..=499, _) => {
            Delivery::Refused { why: format!("Telegram refuses the chat or the message ({code} {said})") }
        }
        _ => later(asked, format!("Telegram failed ({code} {said})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_are_numbers_or_public_names() {
        let rows = [
            ("42", Some(json!(42))),
            ("-1001234567890", Some(json!(-1_001_234_567_890_i64))),
            (" @desk_alerts ", Some(json!("@desk_alerts"))),
            ("desk", None),
            ("0", None),
            ("@x/y", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Chat::parse(text).map(|chat| chat.json()), expected, "{text}");
        }
    }
}
