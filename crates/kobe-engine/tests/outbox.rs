//! The outbox: whatever hangs, fails or breaks, every alert is told at least once, and whoever raises one never waits.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kobe_engine::outbox::{OutboxHandle, OutboxThread, Parts};
use kobe_engine::{Channel, Clock, Delivery, Outbox, StoreError, SystemClock, Unsent, VirtualClock};
use kobe_plan::alert::postman::WayState;
use kobe_plan::alert::redact::Redactor;
use kobe_plan::alert::{Alert, AlertKind, Severity};

/// Something may take so long on a machine that is busy; then something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> Timestamp {
    "2026-11-23T15:46:00Z".parse().unwrap()
}

fn alert(severity: Severity, name: &str) -> Alert {
    Alert::new(AlertKind::RunFailed, severity, format!("task:{name}"), start(), format!("{name} failed"))
}

/// Rows that outlive an outbox, as a database does.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    rows: Vec<Unsent>,
    told: BTreeMap<u64, String>,
    log: Vec<String>,
    refuses: bool,
    forgets: bool,
    told_now: Option<Sender<Vec<u64>>>,
    hangs: Option<Receiver<()>>,
}

impl Rows {
    fn put(&self, alert: Alert) -> u64 {
        let mut table = self.0.lock().unwrap();
        let id = table.rows.len() as u64 + 1;
        table.rows.push(Unsent { id, alert });
        id
    }

    fn told(&self) -> BTreeMap<u64, String> {
        self.0.lock().unwrap().told.clone()
    }

    /// Returns what hears of every note.
    fn notes(&self) -> Receiver<Vec<u64>> {
        let (told, notes) = channel();
        self.0.lock().unwrap().told_now = Some(told);
        notes
    }
}

impl Outbox for Rows {
    fn raise(&mut self, alerts: &[Alert]) -> Result<(), StoreError> {
        let hangs = self.0.lock().unwrap().hangs.take();
        if let Some(until) = hangs {
            let _ = until.recv();
        }
        if self.0.lock().unwrap().refuses {
            return Err(StoreError::Full("no space left on device".into()));
        }
        for alert in alerts {
            self.put(alert.clone());
            self.0.lock().unwrap().log.push(format!("stored {}", alert.title));
        }
        Ok(())
    }

    fn unsent(&mut self, after: u64, limit: usize) -> Result<Vec<Unsent>, StoreError> {
        let table = self.0.lock().unwrap();
        let unsent = table.rows.iter().filter(|row| row.id > after && !table.told.contains_key(&row.id));
        Ok(unsent.take(limit).cloned().collect())
    }

    fn told(&mut self, ids: &[u64], channel: &str, _: Timestamp) -> Result<(), StoreError> {
        let mut table = self.0.lock().unwrap();
        if table.forgets {
            return Err(StoreError::Io("input/output error".into()));
        }
        table.told.extend(ids.iter().map(|id| (*id, channel.to_owned())));
        if let Some(told) = &table.told_now {
            let _ = told.send(ids.to_vec());
        }
        Ok(())
    }
}

type Answers = Box<dyn FnMut(&str) -> Delivery + Send>;

struct Way {
    name: &'static str,
    got: Sender<String>,
    answers: Answers,
}

impl Channel for Way {
    fn name(&self) -> &str {
        self.name
    }

    fn send(&mut self, text: &str, _: Severity) -> Delivery {
        let _ = self.got.send(text.to_owned());
        (self.answers)(text)
    }
}

/// A channel, and what it gets.
fn way(
    name: &'static str,
    answers: impl FnMut(&str) -> Delivery + Send + 'static,
) -> (Box<dyn Channel>, Receiver<String>) {
    let (got, mail) = channel();
    (Box::new(Way { name, got, answers: Box::new(answers) }), mail)
}

/// Everything an outbox is put together from, with a log that can be read.
struct Stage {
    rows: Rows,
    clock: Arc<dyn Clock>,
    log: Arc<Mutex<Vec<String>>>,
    lines: (Sender<String>, Receiver<String>),
}

impl Stage {
    fn new(clock: Arc<dyn Clock>) -> Stage {
        Stage { rows: Rows::default(), clock, log: Arc::default(), lines: channel() }
    }

    fn open(&self, channels: Vec<Box<dyn Channel>>) -> OutboxHandle {
        let (log, lines) = (Arc::clone(&self.log), self.lines.0.clone());
        OutboxThread::start(Parts {
            outbox: Box::new(self.rows.clone()),
            channels,
            clock: Arc::clone(&self.clock),
            zone: TimeZone::UTC,
            redactor: Redactor::new(["canary-secret".into()]),
            log: Arc::new(move |line| {
                log.lock().unwrap().push(line.to_owned());
                let _ = lines.send(line.to_owned());
            }),
        })
        .expect("threads can be started")
    }

    /// Waits for a line of the log.
    fn hear(&self, said: &str) {
        while self.lines.1.recv_timeout(PATIENCE).expect("it is said") != said {}
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn virtual_stage() -> (Stage, Arc<VirtualClock>) {
    let clock = Arc::new(VirtualClock::new(start()));
    (Stage::new(Arc::clone(&clock) as _), clock)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap()
}

#[test]
fn an_alert_is_stored_then_told_then_noted() {
    let (stage, _) = virtual_stage();
    let notes = stage.rows.notes();
    let rows = stage.rows.clone();
    let (chat, mail) = way("chat", move |_| {
        let log = rows.0.lock().unwrap().log.clone();
        assert_eq!(log, ["stored a failed"], "it is stored before it is told");
        Delivery::Sent
    });
    let outbox = stage.open(vec![chat]);
    outbox.tell(alert(Severity::Critical, "a"));
    assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: a failed");
    assert_eq!(notes.recv_timeout(PATIENCE).unwrap(), [1]);
    assert_eq!(outbox.close(PATIENCE), 0);
    assert_eq!(stage.rows.told(), [(1, "chat".into())].into());
    assert_eq!(stage.log(), ["alert critical run_failed task:a: a failed"], "once, and at once");
}

#[test]
fn a_row_of_a_turn_is_told_when_the_store_rings() {
    let (stage, _) = virtual_stage();
    let (chat, mail) = way("chat", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat]);
    let bell = outbox.bell();
    stage.rows.put(alert(Severity::Critical, "turn"));
    bell();
    assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: turn failed");
    outbox.close(PATIENCE);
    assert_eq!(stage.rows.told().len(), 1);
    bell();
}

#[test]
fn what_was_not_told_before_a_stop_is_told_after_the_next_start() {
    // Two messages of one channel are a second apart.
    let stage = Stage::new(Arc::new(SystemClock));
    let (chat, mail) = way("chat", |_| Delivery::Later { after: None, why: "no route".into() });
    let outbox = stage.open(vec![chat]);
    outbox.tell(alert(Severity::Critical, "a"));
    mail.recv_timeout(PATIENCE).unwrap();
    stage.rows.put(alert(Severity::Warning, "b"));
    assert_eq!(outbox.close(Duration::from_millis(200)), 2, "nobody has them");
    assert!(!outbox.standing().alive);

    let (chat, mail) = way("chat", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat]);
    let told = mail.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first_line(&told), "CRITICAL: a failed");
    assert_eq!(outbox.close(PATIENCE), 0, "the rest is told when the desk closes");
    assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "WARNING: b failed");
    assert_eq!(stage.rows.told().keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_was_told_and_could_not_be_noted_is_told_again_after_the_next_start() {
    let (stage, _) = virtual_stage();
    stage.rows.0.lock().unwrap().forgets = true;
    stage.rows.put(alert(Severity::Critical, "a"));
    for life in 1..=2 {
        let (chat, mail) = way("chat", |_| Delivery::Sent);
        let outbox = stage.open(vec![chat]);
        assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: a failed", "life {life}");
        outbox.close(PATIENCE);
        assert!(mail.try_recv().is_err(), "once in a life");
        stage.rows.0.lock().unwrap().forgets = false;
    }
    assert_eq!(stage.rows.told().len(), 1);
}

#[test]
fn a_channel_that_hangs_holds_up_nobody() {
    let (stage, clock) = virtual_stage();
    let (release, hangs) = channel::<()>();
    let (chat, chat_mail) = way("chat", move |_| {
        let _ = hangs.recv();
        Delivery::Sent
    });
    let (hook, hook_mail) = way("hook", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat, hook]);
    let notes = stage.rows.notes();
    outbox.tell(alert(Severity::Critical, "a"));
    chat_mail.recv_timeout(PATIENCE).unwrap();
    clock.set(start() + SignedDuration::from_secs(60));
    outbox.wake();
    assert_eq!(first_line(&hook_mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: a failed");
    assert_eq!(notes.recv_timeout(PATIENCE).unwrap(), [1]);
    let standing = outbox.standing();
    assert_eq!(standing.ways[0].state, WayState::Hanging { since: start() });
    assert!(standing.has_channel() && standing.unsent == 0, "{standing:?}");
    assert_eq!(stage.rows.told(), [(1, "hook".into())].into());
    drop(release);
    outbox.close(PATIENCE);
}

#[test]
fn a_store_that_refuses_keeps_no_alert_from_being_told() {
    let (stage, _) = virtual_stage();
    stage.rows.0.lock().unwrap().refuses = true;
    let (chat, mail) = way("chat", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat]);
    outbox.tell(alert(Severity::Critical, "a"));
    assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: a failed");
    assert_eq!(outbox.standing().rows_fail.as_deref(), Some("the disk is full: no space left on device"));
    assert_eq!(outbox.close(PATIENCE), 0);
    let log = stage.log();
    assert_eq!(log[1], "alerts: their rows cannot be read or written: the disk is full: no space left on device");
}

#[test]
fn a_store_that_hangs_keeps_no_alert_from_being_told_and_its_row_is_noted_later() {
    let stage = Stage::new(Arc::new(SystemClock));
    let (release, hangs) = channel::<()>();
    stage.rows.0.lock().unwrap().hangs = Some(hangs);
    let notes = stage.rows.notes();
    let (chat, mail) = way("chat", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat]);
    outbox.tell(alert(Severity::Critical, "a"));
    assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: a failed");
    assert_eq!(stage.rows.told().len(), 0);
    drop(release);
    assert_eq!(notes.recv_timeout(PATIENCE).unwrap(), [1], "the row is known again by what it says");
    assert_eq!(outbox.close(PATIENCE), 0);
    assert!(mail.try_recv().is_err(), "told once");
    assert_eq!(stage.log().len(), 1, "{:?}", stage.log());
}

#[test]
fn a_channel_that_panics_is_tried_again() {
    let (stage, clock) = virtual_stage();
    let mut times = 0;
    let (chat, mail) = way("chat", move |_| {
        times += 1;
        assert!(times > 1, "this panic is meant");
        Delivery::Sent
    });
    let outbox = stage.open(vec![chat]);
    let notes = stage.rows.notes();
    outbox.tell(alert(Severity::Critical, "a"));
    mail.recv_timeout(PATIENCE).unwrap();
    stage.hear("alerts: chat does not take them now: the channel broke");
    let WayState::Waiting { why, .. } = &outbox.standing().ways[0].state else { panic!("{:?}", outbox.standing()) };
    assert_eq!(why, "the channel broke");
    clock.set(start() + SignedDuration::from_secs(1));
    outbox.wake();
    mail.recv_timeout(PATIENCE).unwrap();
    assert_eq!(notes.recv_timeout(PATIENCE).unwrap(), [1]);
    outbox.close(PATIENCE);
}

#[test]
fn without_a_channel_the_log_has_it_and_the_row_says_so() {
    let (stage, _) = virtual_stage();
    let notes = stage.rows.notes();
    let outbox = stage.open(Vec::new());
    outbox.tell(alert(Severity::Critical, "a"));
    assert_eq!(notes.recv_timeout(PATIENCE).unwrap(), [1]);
    assert!(!outbox.standing().has_channel());
    outbox.close(PATIENCE);
    assert_eq!(stage.rows.told(), [(1, "log".into())].into());
}

#[test]
fn a_last_word_goes_through_every_channel_and_waits_for_none_beyond_its_limit() {
    let (stage, _) = virtual_stage();
    let (release, hangs) = channel::<()>();
    let (chat, chat_mail) = way("chat", move |_| {
        let _ = hangs.recv();
        Delivery::Sent
    });
    let (hook, hook_mail) = way("hook", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat, hook]);
    let word =
        Alert::new(AlertKind::StorageFailed, Severity::Critical, "storage", start(), "rows can no longer be written");
    let answers = outbox.tell_now(word, Duration::from_millis(300));
    assert_eq!(answers, [("chat".into(), None), ("hook".into(), Some(Delivery::Sent))]);
    for mail in [&chat_mail, &hook_mail] {
        assert_eq!(first_line(&mail.recv_timeout(PATIENCE).unwrap()), "CRITICAL: rows can no longer be written");
    }
    assert_eq!(stage.log().len(), 1);
    drop(release);
    outbox.close(PATIENCE);
}

#[test]
fn no_secret_gets_into_a_row_a_message_or_the_log() {
    let (stage, _) = virtual_stage();
    let (chat, mail) = way("chat", |_| Delivery::Later { after: None, why: "canary-secret".into() });
    let outbox = stage.open(vec![chat]);
    let leaky = alert(Severity::Critical, "canary-secret").with_detail("error: canary-secret\n".repeat(400));
    outbox.tell(leaky.clone());
    assert!(!mail.recv_timeout(PATIENCE).unwrap().contains("canary"));
    outbox.tell_now(leaky, PATIENCE);
    assert!(!mail.recv_timeout(PATIENCE).unwrap().contains("canary"));
    outbox.close(Duration::from_millis(200));
    assert!(!stage.log().join("\n").contains("canary"), "{:?}", stage.log());
    let rows = stage.rows.0.lock().unwrap();
    assert!(rows.rows.len() == 1 && !format!("{:?}", rows.rows).contains("canary"), "{:?}", rows.rows);
}

#[test]
fn more_rows_than_are_read_at_once_are_all_told() {
    // Two messages of one channel are a second apart.
    let stage = Stage::new(Arc::new(SystemClock));
    for i in 0..2500 {
        stage.rows.put(alert(Severity::Warning, &format!("t{}", i % 700)));
    }
    let (chat, mail) = way("chat", |_| Delivery::Sent);
    let outbox = stage.open(vec![chat]);
    assert_eq!(outbox.close(PATIENCE), 0);
    assert_eq!(stage.rows.told().len(), 2500);
    assert!(mail.try_iter().count() <= 4, "no storm");
}
