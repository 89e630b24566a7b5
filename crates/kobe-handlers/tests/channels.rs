//! Channels against another side that does everything wrong: what became of a message is told rightly, and the token is told to nobody.

mod fake;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fake::{Act, Api, error, taken, too_many};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::outbox::{OutboxThread, Parts};
use kobe_engine::{Channel, Clock, Delivery, Outbox, StoreError, Unsent, VirtualClock};
use kobe_handlers::channels::{Address, Chat, Secret, Telegram, Webhook, ping};
use kobe_plan::alert::redact::Redactor;
use kobe_plan::alert::{Alert, AlertKind, Severity};

const TOKEN: &str = "123456:canary-AAbbCCddEEffGGhhIIjj";
/// Long enough for loopback, short enough to wait for.
const WITHIN: Duration = Duration::from_millis(500);
/// Something may take so long on a machine that is busy; then something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { dir: tempfile::tempdir().expect("a directory") };
        std::fs::write(place.token(), format!("{TOKEN}\n")).expect("a file");
        place
    }

    fn token(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    fn telegram(&self, api: &Api) -> Telegram {
        let base = Address::parse(&api.address, false).expect("an address");
        Telegram::new(base, self.token(), Chat::parse("-100123").expect("a chat")).within(WITHIN)
    }

    fn webhook(&self, api: &Api, token: bool) -> Webhook {
        let url = format!("{}/hook/canary-path?key=canary-key", api.address);
        Webhook::new(Address::parse(&url, false).expect("an address"), token.then(|| self.token())).within(WITHIN)
    }
}

#[test]
fn telegram_gets_plain_text_and_the_token_in_the_path_only() {
    let (place, api) = (Place::new(), Api::that(taken()));
    let text = "CRITICAL: <b>not markup_*`\n\u{1f4a5} \"quoted\"";
    assert_eq!(place.telegram(&api).send(text, Severity::Critical), Delivery::Sent);
    let asked = api.asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", &*format!("/bot{TOKEN}/sendMessage")));
    assert_eq!(asked.body["text"], text);
    assert_eq!(asked.body["chat_id"], -100_123);
    assert_eq!(asked.body["disable_web_page_preview"], true);
    assert_eq!(asked.body["disable_notification"], false);
    assert!(asked.body.get("parse_mode").is_none(), "a text is no markup");
    assert!(!asked.head.lines().skip(1).any(|line| line.contains("canary")), "{}", asked.head);
}

/// What is to become of a message; an empty reason is any.
enum Becomes {
    Later(Option<u64>, &'static str),
    Refused(&'static str),
}

#[test]
fn every_answer_of_telegram_is_understood() {
    use Becomes::{Later, Refused};
    let migrated = Act::Say(
        400,
        "",
        r#"{"ok":false,"error_code":400,"description":"group upgraded","parameters":{"migrate_to_chat_id":-1009}}"#
            .into(),
    );
    let rows = [
        (
            "too many, with a wait",
            too_many(17),
            Later(Some(17), "too many messages (429 Too Many Requests: retry after 17)"),
        ),
        (
            "too many, the wait in the head",
            Act::Say(429, "Retry-After: 9\r\n", r#"{"ok":false}"#.into()),
            Later(Some(9), "too many messages (429 no description)"),
        ),
        ("a fault of theirs", error(500, "Internal"), Later(None, "Telegram failed (500 Internal)")),
        (
            "a gateway",
            Act::Say(502, "", "<html>bad gateway</html>".into()),
            Later(None, "it answered 502 with something else than the Bot API does"),
        ),
        (
            "200 and no",
            Act::Say(200, "", r#"{"ok":false,"error_code":500,"description":"x"}"#.into()),
            Later(None, "Telegram failed (500 x)"),
        ),
        (
            "200 and no reason",
            Act::Say(200, "", r#"{"ok":false}"#.into()),
            Later(None, "Telegram failed (200 no description)"),
        ),
        (
            "200 and nothing",
            Act::Say(200, "", String::new()),
            Later(None, "it answered 200 with something else than the Bot API does"),
        ),
        (
            "200 and another JSON",
            Act::Say(200, "", "[1]".into()),
            Later(None, "it answered 200 with something else than the Bot API does"),
        ),
        (
            "ok with an error's status",
            Act::Say(503, "", r#"{"ok":true}"#.into()),
            Later(None, "Telegram failed (503 no description)"),
        ),
        ("a hang", Act::Hang, Later(None, "no answer within 0.5 s")),
        ("a body that does not end", Act::Stall, Later(None, "200 and then no answer within 0.5 s")),
        ("a body without end", Act::Huge, Later(None, "200 and then the answer is longer than 64 KiB")),
        ("a closed connection", Act::Close, Later(None, "")),
        ("no HTTP", Act::Garbage, Later(None, "the answer is no HTTP")),
        ("a wrong token", error(401, "Unauthorized"), Refused("Telegram does not know the token (401 Unauthorized)")),
        ("no such bot", error(404, "Not Found"), Refused("Telegram does not know the token (404 Not Found)")),
        (
            "a bot that was thrown out",
            error(403, "bot was kicked"),
            Refused("the bot may not write to the chat (403 bot was kicked)"),
        ),
        (
            "an unknown chat",
            error(400, "chat not found"),
            Refused("Telegram refuses the chat or the message (400 chat not found)"),
        ),
        ("a group that moved", migrated, Refused("the group has moved: write `chat = \"-1009\"`")),
        (
            "a way elsewhere",
            Act::Say(302, "Location: http://127.0.0.1:1/\r\n", String::new()),
            Refused("it answered 302: is base_url right?"),
        ),
        (
            "a token that comes back",
            error(400, &format!("no {TOKEN}\nno canary-AAbbCCddEEffGGhhIIjj")),
            Refused("Telegram refuses the chat or the message (400 no [redacted] no [redacted])"),
        ),
    ];
    let place = Place::new();
    for (name, act, becomes) in rows {
        let api = Api::that(act);
        let delivery = place.telegram(&api).send("text", Severity::Info);
        assert!(!format!("{delivery:?}").contains("canary"), "{name}: {delivery:?}");
        match (delivery, becomes) {
            (Delivery::Later { after, why: said }, Later(wait, why)) => {
                assert_eq!(after, wait.map(Duration::from_secs), "{name}");
                assert!(why.is_empty() || said == why, "{name}: {said}");
            }
            (Delivery::Refused { why: said }, Refused(why)) => assert_eq!(said, why, "{name}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
        assert_eq!(api.asked.recv_timeout(PATIENCE).unwrap().body["disable_notification"], true);
        assert!(api.asked.try_recv().is_err(), "{name}: asked once, and followed nowhere");
    }
}

#[test]
fn nobody_there_is_later() {
    let place = Place::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let base = Address::parse(&format!("http://{closed}"), false).unwrap();
    let mut telegram = Telegram::new(base, place.token(), Chat::parse("1").unwrap());
    let Delivery::Later { why, .. } = telegram.send("x", Severity::Error) else { panic!("nobody is there") };
    assert!(why.contains("Connection refused") && !why.contains("canary"), "{why}");
}

#[test]
fn a_token_file_is_read_for_each_message() {
    let (place, api) = (Place::new(), Api::that(taken()));
    let mut telegram = place.telegram(&api);
    let rows: &[(&str, Option<&str>, bool)] = &[
        ("as it was", Some(TOKEN), true),
        ("gone", None, false),
        ("no token, which would bend the address", Some("1:canary/../../x?"), false),
        ("a new one", Some("99:canary_new"), true),
    ];
    for (name, content, works) in rows {
        match content {
            Some(content) => std::fs::write(place.token(), content).unwrap(),
            None => std::fs::remove_file(place.token()).unwrap(),
        }
        let delivery = telegram.send("x", Severity::Error);
        assert!(!format!("{delivery:?}").contains("canary"), "{name}: {delivery:?}");
        assert_eq!(delivery == Delivery::Sent, *works, "{name}: {delivery:?}");
        assert!(*works || matches!(delivery, Delivery::Refused { .. }), "{name}: {delivery:?}");
    }
    let paths: Vec<String> = api.asked.try_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [format!("/bot{TOKEN}/sendMessage"), "/bot99:canary_new/sendMessage".into()]);
}

#[test]
fn a_webhook_gets_json_and_a_bearer_token() {
    let (place, api) = (Place::new(), Api::that(Act::Say(204, "", String::new())));
    assert_eq!(place.webhook(&api, true).send("ERROR: a\nmore", Severity::Error), Delivery::Sent);
    let asked = api.asked.recv_timeout(PATIENCE).unwrap();
    let expected =
        serde_json::json!({ "source": "kobe", "severity": "error", "title": "ERROR: a", "text": "ERROR: a\nmore" });
    assert_eq!((asked.path.as_str(), asked.body), ("/hook/canary-path?key=canary-key", expected));
    assert!(asked.head.contains(&format!("authorization: Bearer {TOKEN}")), "{}", asked.head);
}

#[test]
fn every_answer_of_a_webhook_is_understood() {
    let rows = [
        ("its body does not matter", Act::Huge, "Sent"),
        ("not even one that does not end", Act::Stall, "Sent"),
        ("too many", Act::Say(429, "retry-after: 3\r\n", String::new()), "Later after 3: answered 429"),
        (
            "a date is no wait",
            Act::Say(503, "retry-after: Mon, 23 Nov 2026 20:00:00 GMT\r\n", String::new()),
            "Later: answered 503",
        ),
        ("a hang", Act::Hang, "Later: no answer within 0.5 s"),
        ("no HTTP", Act::Garbage, "Later: the answer is no HTTP"),
        ("a wrong token", Act::Say(401, "", "canary-key".into()), "Refused: answered 401: see `token_file`"),
        ("nothing there", Act::Say(404, "", String::new()), "Refused: answered 404: see `url`"),
        ("a way elsewhere", Act::Say(301, "location: /canary\r\n", String::new()), "Refused: answered 301: see `url`"),
    ];
    let place = Place::new();
    for (name, act, expected) in rows {
        let api = Api::that(act);
        let host = api.address.clone();
        let delivery = place.webhook(&api, false).send("x", Severity::Error);
        assert!(!format!("{delivery:?}").contains("canary"), "{name}: {delivery:?}");
        let bare = |why: String| why.replacen(&host, "", 1).trim_start_matches([':', ' ']).to_owned();
        let said = match delivery {
            Delivery::Sent => "Sent".into(),
            Delivery::Later { after: Some(after), why } => format!("Later after {}: {}", after.as_secs(), bare(why)),
            Delivery::Later { after: None, why } => format!("Later: {}", bare(why)),
            Delivery::Refused { why } => format!("Refused: {}", bare(why)),
        };
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn a_dead_man_is_pinged() {
    let rows = [(Act::Say(200, "", "OK".into()), None), (Act::Say(404, "", String::new()), Some("answered 404"))];
    for (act, expected) in rows {
        let api = Api::that(act);
        let address = Address::parse(&format!("{}/canary-uuid", api.address), false).unwrap();
        let found = ping(&address);
        assert_eq!(api.asked.recv_timeout(PATIENCE).unwrap().method, "GET");
        match expected {
            None => assert_eq!(found, Ok(())),
            Some(why) => assert_eq!(found.unwrap_err(), format!("{} {why}", api.address)),
        }
    }
}

/// Rows that outlive an outbox.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Unsent>,
    told: BTreeMap<u64, String>,
}

impl Outbox for Rows {
    fn raise(&mut self, alerts: &[Alert]) -> Result<(), StoreError> {
        let mut rows = self.0.lock().unwrap();
        for alert in alerts {
            let id = rows.rows.len() as u64 + 1;
            rows.rows.push(Unsent { id, alert: alert.clone() });
        }
        Ok(())
    }

    fn unsent(&mut self, after: u64, limit: usize) -> Result<Vec<Unsent>, StoreError> {
        let rows = self.0.lock().unwrap();
        let unsent = rows.rows.iter().filter(|row| row.id > after && !rows.told.contains_key(&row.id));
        Ok(unsent.take(limit).cloned().collect())
    }

    fn told(&mut self, ids: &[u64], channel: &str, _: Timestamp) -> Result<(), StoreError> {
        self.0.lock().unwrap().told.extend(ids.iter().map(|id| (*id, channel.to_owned())));
        Ok(())
    }
}

/// Five hundred failures through a Bot API that does everything wrong before it takes anything: nothing is lost, no storm, waits are kept, and nobody ever sees the token.
#[test]
fn five_hundred_failures_get_through_whatever_the_api_does() {
    let start: Timestamp = "2026-11-23T15:46:00Z".parse().unwrap();
    let clock = Arc::new(VirtualClock::new(start));
    let asked_at: Arc<Mutex<Vec<(SignedDuration, usize)>>> = Arc::default();
    let (seen, times) = (Arc::clone(&clock), Arc::clone(&asked_at));
    let acts = [
        taken(),
        too_many(17),
        error(500, "Internal"),
        Act::Close,
        Act::Say(200, "", r#"{"ok":false}"#.into()),
        Act::Garbage,
        error(401, "Unauthorized"),
    ];
    let api = Api::start(move |n, _| {
        times.lock().unwrap().push((seen.now().duration_since(start), n));
        acts.get(n).cloned().unwrap_or_else(taken)
    });
    let place = Place::new();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&log);
    let rows = Rows::default();
    let open = || {
        let lines = Arc::clone(&lines);
        OutboxThread::start(Parts {
            outbox: Box::new(rows.clone()),
            channels: vec![Box::new(place.telegram(&api))],
            clock: Arc::clone(&clock) as _,
            zone: TimeZone::UTC,
            redactor: Redactor::new(Secret::new(TOKEN).forms()),
            log: Arc::new(move |line| lines.lock().unwrap().push(line.to_owned())),
        })
        .unwrap()
    };
    let mut outbox = open();
    let told = || rows.0.lock().unwrap().told.len();
    let mut ticks = 0_i64;
    while told() < 500 {
        ticks += 1;
        assert!(ticks < 2_000_000, "{:?}\n{:?}", outbox.standing(), asked_at.lock().unwrap());
        // A tick is 20 ms and brings one failure, until there were five hundred. A while of real time passes in each, for the sockets.
        clock.set(start + SignedDuration::from_millis(20 * ticks));
        if ticks <= 500 {
            let task = format!("task_{:03}", ticks % 462);
            let title = format!("{task} failed after 3 attempts (error)");
            let at = start + SignedDuration::from_millis(20 * ticks);
            let alert = Alert::new(AlertKind::RunFailed, Severity::Error, format!("task:{task}"), at, title);
            outbox.tell(alert.with_detail(format!("error: https://api/bot{TOKEN}/ failed")));
        } else {
            outbox.wake();
        }
        // In the middle the desk is stopped and started; the wait that was asked for is over by then.
        if ticks == 1250 {
            outbox.close(Duration::ZERO);
            outbox = open();
        }
        // Real time in which the threads of the outbox get their turn, also on a busy machine.
        std::thread::sleep(Duration::from_micros(200));
    }
    outbox.close(PATIENCE);

    let asked: Vec<_> = api.asked.try_iter().collect();
    let times = asked_at.lock().unwrap().clone();
    assert!(asked.len() <= 20, "a storm of {} requests", asked.len());
    assert!(times[2].0 - times[1].0 >= SignedDuration::from_secs(17), "the wait was kept: {times:?}");
    assert!(times.windows(2).all(|w| w[1].0 - w[0].0 >= SignedDuration::from_millis(900)), "{times:?}");
    let messages: Vec<&str> = asked.iter().map(|a| a.body["text"].as_str().unwrap()).collect();
    assert!(messages.iter().all(|text| text.encode_utf16().count() <= 4096 && !text.contains("canary")));
    // Nothing is told twice here but what was under way when the desk was stopped.
    let count = |text: &str| -> usize {
        let head = text.lines().next().unwrap();
        head.split_once(" alert").map_or(1, |(before, _)| before.rsplit(['(', ' ']).next().unwrap().parse().unwrap())
    };
    let taken: usize =
        messages.iter().enumerate().filter(|(n, _)| *n == 0 || *n > 6).map(|(_, text)| count(text)).sum();
    assert!((500..=1000).contains(&taken), "{taken}: {messages:?}");
    let log = log.lock().unwrap().join("\n");
    assert!(
        log.contains("alerts: telegram refuses them: Telegram does not know the token (401 Unauthorized)"),
        "{log}"
    );
    let stored = format!("{:?}", rows.0.lock().unwrap());
    assert!(!log.contains("canary") && !stored.contains("canary"));
}
