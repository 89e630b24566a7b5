//! The words of a message: plain text for people, with counts that are exact.
//!
//! The first line says how loud it is and what happened. What does not fit is cut, and how much was cut is said. Nothing here is markup, and no character of a handler's
//! text can move the cursor or turn the direction of a line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::alert::redact::Redactor;
use crate::alert::{Alert, AlertKind, Severity};

/// The longest message, in UTF-16 units: what the strictest chat takes.
pub const LONGEST: usize = 4096;

/// So much of a detail is kept at all, in characters.
const KEPT: usize = 8192;
/// The longest line that is not a detail, in characters.
const LINE: usize = 300;
/// The longest title in a list.
const TITLE: usize = 120;
/// So many causes are told in full; more become a list.
const IN_FULL: usize = 3;
/// The longest line of the log.
const LOGGED: usize = 600;

/// An alert with what was cut off its detail before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub alert: &'a Alert,
    pub cut: usize,
}

/// Makes an alert fit to be shown: without secrets, without control characters, its detail not beyond all measure. Returns how many characters of it were cut.
pub(super) fn prepare(alert: Alert, redactor: &Redactor) -> (Alert, usize) {
    let alert = redactor.clean_alert(alert);
    let one = |text: &str| one_line(text, LINE);
    let detail: String = alert.detail.trim().chars().map(|c| if c == '\n' { c } else { plain(c) }).collect();
    let length = detail.chars().count();
    let alert = Alert {
        title: one(&alert.title),
        detail: detail.chars().take(KEPT).collect(),
        task: alert.task.as_deref().map(one),
        owner: one(&alert.owner),
        runbook: one(&alert.runbook),
        ..alert
    };
    (alert, length.saturating_sub(KEPT))
}

/// Returns the message about one alert, for whoever sends it without the postman.
pub fn lone(alert: Alert, redactor: &Redactor, zone: &TimeZone) -> String {
    let (alert, cut) = prepare(alert, redactor);
    compose(&[Shown { alert: &alert, cut }], zone)
}

/// Returns one line for the log about one alert.
pub fn line(alert: &Alert, redactor: &Redactor) -> String {
    let over = if alert.recovery { "over: " } else { "" };
    let mut text = format!("alert {} {} {}: {over}{}", alert.severity, alert.kind, alert.cause, alert.title);
    if !alert.detail.trim().is_empty() {
        let _ = write!(text, " | {}", alert.detail.trim().replace('\n', "; "));
    }
    one_line(&redactor.clean(&text), LOGGED)
}

/// Writes one message about alerts, which stand in the order in which they came.
pub(super) fn compose(shown: &[Shown<'_>], zone: &TimeZone) -> String {
    let causes = causes(shown);
    match causes.as_slice() {
        [only] => only.block(true, LONGEST, zone),
        several if several.len() <= IN_FULL => {
            let head = head(shown, several);
            let each = (LONGEST - units(&head)) / several.len() - "\n\n".len();
            let text = several.iter().fold(head, |text, cause| text + "\n\n" + &cause.block(false, each, zone));
            // Only what is said besides the details can be too long for its share.
            if units(&text) > LONGEST { list(shown, several, zone) } else { text }
        }
        many => list(shown, many, zone),
    }
}

/// All that is told of one cause.
struct Cause<'a> {
    shown: Vec<Shown<'a>>,
}

/// Puts alerts together by cause: the loudest first, what is not over before what is, then the most frequent.
fn causes<'a>(shown: &[Shown<'a>]) -> Vec<Cause<'a>> {
    let mut by_name: BTreeMap<&str, Cause<'a>> = BTreeMap::new();
    for one in shown {
        by_name.entry(&one.alert.cause).or_insert_with(|| Cause { shown: Vec::new() }).shown.push(*one);
    }
    let mut causes: Vec<Cause<'a>> = by_name.into_values().collect();
    // The sort is stable: what is equal stays in the order of names.
    causes.sort_by_key(|c| (std::cmp::Reverse(c.severity()), c.is_over(), std::cmp::Reverse(c.shown.len())));
    causes
}

impl<'a> Cause<'a> {
    fn raised(&self) -> impl DoubleEndedIterator<Item = Shown<'a>> + '_ {
        self.shown.iter().copied().filter(|s| !s.alert.recovery)
    }

    fn recoveries(&self) -> usize {
        self.shown.len() - self.raised().count()
    }

    fn severity(&self) -> Severity {
        self.shown.iter().map(|s| s.alert.severity).max().unwrap_or(Severity::Info)
    }

    fn last(&self) -> Shown<'a> {
        *self.shown.last().expect("a cause has an alert")
    }

    fn is_over(&self) -> bool {
        self.last().alert.recovery
    }

    /// Returns what is to be read of it: the latest that is no recovery, if there is one.
    fn main(&self) -> Shown<'a> {
        self.raised().next_back().unwrap_or_else(|| self.last())
    }

    fn label(&self) -> &'a str {
        let alert = self.main().alert;
        alert.task.as_deref().unwrap_or(&alert.cause)
    }

    /// Returns how long it lasted, if it began and ended in this message.
    fn lasted(&self) -> Option<SignedDuration> {
        let began = self.raised().next()?.alert.at;
        self.is_over().then(|| self.last().alert.at.duration_since(began).max(SignedDuration::ZERO))
    }

    /// Says what happened on one line.
    fn headline(&self, loud: bool) -> String {
        let (main, severity) = (self.main().alert, self.severity().word());
        let severity = if loud { severity.to_uppercase() } else { severity.to_owned() };
        let mut text = match self.lasted() {
            Some(lasted) => format!("over after {} s ({severity}): {}", lasted.as_secs(), main.title),
            None if main.recovery => format!("over: {}", main.title),
            None => format!("{severity}: {}", main.title),
        };
        let (raised, recoveries) = (self.raised().count(), self.recoveries());
        match (raised, recoveries) {
            (0 | 1, 0 | 1) => {}
            (_, 0) => drop(write!(text, " ({})", count(raised, "alert"))),
            _ => drop(write!(text, " ({}, {})", count(raised, "alert"), recovered(recoveries))),
        }
        text
    }

    /// Tells all of it within a number of UTF-16 units.
    fn block(&self, loud: bool, room: usize, zone: &TimeZone) -> String {
        let main = self.main();
        let mut head = self.headline(loud);
        if let Some(task) = &main.alert.task {
            let _ = write!(head, "\ntask {task}");
        }
        let mut tail = String::new();
        for (name, value) in [("owner", &main.alert.owner), ("runbook", &main.alert.runbook)] {
            if !value.is_empty() {
                let _ = write!(tail, "\n{name} {value}");
            }
        }
        let _ = write!(tail, "\n{}", span(&self.shown, zone));
        let said = units(&head) + units(&tail);
        let detail = fit(&main.alert.detail, main.cut, room.saturating_sub(said + 1));
        if detail.is_empty() { head + &tail } else { format!("{head}\n{detail}{tail}") }
    }

    /// Tells it on one line of a list.
    fn row(&self) -> String {
        let (raised, recoveries) = (self.raised().count(), self.recoveries());
        let over = if self.is_over() { ", over" } else { "" };
        let what = match (raised, recoveries) {
            (0, _) => format!("{recoveries} x over"),
            (_, 0) => format!("{raised} x {}", self.severity()),
            _ => format!("{raised} x {}{over}, {}", self.severity(), recovered(recoveries)),
        };
        format!("{what}: {}: {}", one_line(self.label(), TITLE), one_line(&self.main().alert.title, TITLE))
    }
}

fn head(shown: &[Shown<'_>], causes: &[Cause<'_>]) -> String {
    let severity = causes.iter().map(Cause::severity).max().unwrap_or(Severity::Info);
    let recoveries = shown.iter().filter(|s| s.alert.recovery).count();
    let raised = shown.len() - recoveries;
    let mut text = format!("{}: {}", severity.word().to_uppercase(), count(raised, "alert"));
    if recoveries > 0 {
        let _ = write!(text, " and {}", recovered(recoveries));
    }
    let _ = write!(text, " of {}", count(causes.len(), "cause"));
    text
}

/// Tells of many causes, a line each, until the message is full; what is left is counted.
fn list(shown: &[Shown<'_>], causes: &[Cause<'_>], zone: &TimeZone) -> String {
    let mut kinds: BTreeMap<AlertKind, usize> = BTreeMap::new();
    for one in shown.iter().filter(|s| !s.alert.recovery) {
        *kinds.entry(one.alert.kind).or_default() += 1;
    }
    let mut text = head(shown, causes);
    if !kinds.is_empty() {
        let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let _ = write!(text, "\n{}", kinds.join(", "));
    }
    let tail = format!("\n{}", span(shown, zone));
    let mut left = causes;
    while let [next, rest @ ..] = left {
        let row = format!("\n{}", next.row());
        let more = more(rest);
        if units(&text) + units(&row) + units(&more) + units(&tail) > LONGEST {
            break;
        }
        text.push_str(&row);
        left = rest;
    }
    text + &more(left) + &tail
}

fn more(left: &[Cause<'_>]) -> String {
    let raised: usize = left.iter().map(|c| c.raised().count()).sum();
    let recoveries: usize = left.iter().map(Cause::recoveries).sum();
    match (raised, recoveries) {
        (0, 0) => String::new(),
        (_, 0) => format!("\nand {} of {}: see `kobe alert list`", more_of(raised), count(left.len(), "cause")),
        _ => format!(
            "\nand {} and {} of {}: see `kobe alert list`",
            more_of(raised),
            recovered(recoveries),
            count(left.len(), "cause")
        ),
    }
}

fn more_of(n: usize) -> String {
    if n == 1 { "1 more alert".into() } else { format!("{n} more alerts") }
}

fn recovered(n: usize) -> String {
    if n == 1 { "1 recovery".into() } else { format!("{n} recoveries") }
}

fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Says when it happened, on the desk's clock.
fn span(shown: &[Shown<'_>], zone: &TimeZone) -> String {
    let clock = |at: Timestamp| at.to_zoned_datetime(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string();
    let at = || shown.iter().map(|s| s.alert.at);
    let (first, last) = (at().min().unwrap_or_default(), at().max().unwrap_or_default());
    if first.as_second() == last.as_second() { clock(first) } else { format!("{} to {}", clock(first), clock(last)) }
}

/// Returns how many UTF-16 units a text has, which is what chats count.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Cuts a text to a number of units, and says how many characters were cut, together with those that were cut before.
fn fit(text: &str, cut: usize, room: usize) -> String {
    if cut == 0 && units(text) <= room {
        return text.to_owned();
    }
    let length = text.chars().count() + cut;
    let said = |kept: usize| format!("[{} characters cut]", length - kept);
    // The longest form is reserved, so that the shorter one fits too.
    let room = room.saturating_sub(units(&said(0)) + 1);
    let (mut used, mut kept) = (0, String::new());
    for c in text.chars() {
        used += c.len_utf16();
        if used > room {
            break;
        }
        kept.push(c);
    }
    let mark = said(kept.chars().count());
    if kept.is_empty() { mark } else { format!("{kept}\n{mark}") }
}

/// Makes one line of a text, at most so many characters; the last of them say how many were cut.
fn one_line(text: &str, most: usize) -> String {
    let text: String = text.trim().chars().map(plain).collect();
    let length = text.chars().count();
    if length <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(24)).collect();
    let cut = length - kept.chars().count();
    format!("{kept} [{cut} characters cut]")
}

/// Replaces what would not be shown as itself: control characters, and marks that turn the direction of a line.
fn plain(c: char) -> char {
    match c {
        '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}
