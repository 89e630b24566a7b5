//! The keys that a group may set for its tasks, and a task for itself.

use std::ops::Range;

use jiff::SignedDuration;
use kobe_calendar::{Phase, Tag, WorkMode};
use toml::de::DeTable;

use super::reader::Reader;
use crate::alert::Severity;
use crate::task::{
    CatchUp, Fold, Gap, HalfDay, Lane, OnHoliday, Overlap, TaskClock, TradeRight, UselessAfter, Weekdays,
};
use crate::trigger::{Moment, parse_duration};

/// Keys that may stand in a group as well as in a task.
pub(super) const SHARED: &[&str] = &[
    "days",
    "on_half_day",
    "on_holiday",
    "phases",
    "modes",
    "tags",
    "priority",
    "lane",
    "stage",
    "right",
    "timeout",
    "retries",
    "backoff",
    "catch_up",
    "grace",
    "overlap",
    "useless_after",
    "start_by",
    "finish_by",
    "gap",
    "fold",
    "idempotent",
    "heavy",
    "session_bound",
    "after",
    "exchange",
    "enabled",
    "owner",
    "severity",
    "runbook",
];

/// What was said under these keys; what was not said is nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub days: Option<Weekdays>,
    pub on_half_day: Option<HalfDay>,
    pub on_holiday: Option<OnHoliday>,
    pub phases: Option<Vec<Phase>>,
    pub modes: Option<Vec<WorkMode>>,
    pub tags: Option<(Vec<Tag>, Vec<Tag>)>,
    pub priority: Option<u8>,
    pub lane: Option<Lane>,
    pub stage: Option<Option<u8>>,
    pub right: Option<TradeRight>,
    pub timeout: Option<(SignedDuration, Range<usize>)>,
    pub retries: Option<u32>,
    pub backoff: Option<SignedDuration>,
    pub catch_up: Option<CatchUp>,
    pub grace: Option<SignedDuration>,
    pub overlap: Option<Overlap>,
    pub useless_after: Option<UselessAfter>,
    pub start_by: Option<SignedDuration>,
    pub finish_by: Option<SignedDuration>,
    pub gap: Option<Gap>,
    pub fold: Option<Fold>,
    pub idempotent: Option<bool>,
    pub heavy: Option<bool>,
    pub session_bound: Option<bool>,
    pub after: Option<Vec<(String, Range<usize>)>>,
    pub clock: Option<TaskClock>,
    pub enabled: Option<bool>,
    pub owner: Option<String>,
    pub severity: Option<Severity>,
    pub runbook: Option<String>,
}

impl Fields {
    /// Reads what a table says under the shared keys.
    pub(super) fn read(r: &mut Reader<'_>, table: &DeTable<'_>) -> Fields {
        let mut f = Fields::default();
        for (key, value) in table {
            let (key, span) = (key.get_ref().as_ref(), value.span());
            match key {
                "days" => f.days = days(r, value),
                "on_half_day" => f.on_half_day = r.word(key, value),
                "on_holiday" => f.on_holiday = r.word(key, value),
                "phases" => {
                    f.phases =
                        Some(r.texts(key, value).into_iter().filter_map(|(t, s)| r.parse_word("phase", t, s)).collect())
                }
                "modes" => {
                    f.modes =
                        Some(r.texts(key, value).into_iter().filter_map(|(t, s)| r.parse_word("mode", t, s)).collect())
                }
                "tags" => {
                    let (mut with, mut without) = (Vec::new(), Vec::new());
                    for (text, span) in r.texts(key, value) {
                        let (list, name) =
                            text.strip_prefix('!').map_or((&mut with, text), |name| (&mut without, name));
                        list.extend(r.parse_word::<Tag>("tag", name, span));
                    }
                    f.tags = Some((with, without));
                }
                "priority" => f.priority = priority(r, value),
                "lane" => f.lane = r.word(key, value),
                "stage" => f.stage = stage(r, value),
                "right" => f.right = r.word(key, value),
                "timeout" => f.timeout = r.duration(key, value).map(|d| (d, span)),
                "retries" => f.retries = r.number(key, value, 0..=10).map(|n| n as u32),
                "backoff" => f.backoff = r.duration(key, value),
                "catch_up" => {
                    f.catch_up =
                        counted(r, key, value, &["skip", "latest", "all(n)"], 50).and_then(|(word, n)| {
                            match (word, n) {
                                ("skip", None) => Some(CatchUp::Skip),
                                ("latest", None) => Some(CatchUp::Latest),
                                ("all", Some(n)) => Some(CatchUp::All(n)),
                                _ => None,
                            }
                        })
                }
                "overlap" => {
                    f.overlap = counted(r, key, value, &["skip", "queue_one", "queue(n)", "replace", "allow(n)"], 1000)
                        .and_then(|(word, n)| match (word, n) {
                            ("skip", None) => Some(Overlap::Skip),
                            ("queue_one", None) => Some(Overlap::Queue(1)),
                            ("queue", Some(n)) => Some(Overlap::Queue(n)),
                            ("replace", None) => Some(Overlap::Replace),
                            ("allow", Some(n)) => Some(Overlap::Allow(n)),
                            _ => None,
                        });
                }
                "grace" => f.grace = r.duration(key, value),
                "start_by" => f.start_by = r.duration(key, value),
                "finish_by" => f.finish_by = r.duration(key, value),
                "useless_after" => f.useless_after = useless_after(r, value),
                "gap" => f.gap = r.word(key, value),
                "fold" => f.fold = r.word(key, value),
                "idempotent" => f.idempotent = r.flag(key, value),
                "heavy" => f.heavy = r.flag(key, value),
                "session_bound" => f.session_bound = r.flag(key, value),
                "after" => f.after = Some(r.texts(key, value).into_iter().map(|(t, s)| (t.to_owned(), s)).collect()),
                "exchange" => f.clock = clock(r, value),
                "enabled" => f.enabled = r.flag(key, value),
                "owner" => f.owner = r.text(key, value).map(str::to_owned),
                "severity" => f.severity = r.word(key, value),
                "runbook" => f.runbook = r.text(key, value).map(str::to_owned),
                _ => {}
            }
        }
        f
    }

    /// Fills what is not said here from another place.
    pub(super) fn or(&self, other: &Fields) -> Fields {
        macro_rules! first {
            ($($name:ident),+) => { Fields { $($name: self.$name.clone().or_else(|| other.$name.clone())),+ } };
        }
        first!(
            days,
            on_half_day,
            on_holiday,
            phases,
            modes,
            tags,
            priority,
            lane,
            stage,
            right,
            timeout,
            retries,
            backoff,
            catch_up,
            grace,
            overlap,
            useless_after,
            start_by,
            finish_by,
            gap,
            fold,
            idempotent,
            heavy,
            session_bound,
            after,
            clock,
            enabled,
            owner,
            severity,
            runbook
        )
    }
}

/// Reads days of the week.
pub(super) fn days(r: &mut Reader<'_>, value: &super::reader::Value<'_>) -> Option<Weekdays> {
    let mut bits = 0;
    let mut sound = true;
    for (text, span) in r.texts("days", value) {
        bits |= match text {
            "weekdays" => Weekdays::WEEKDAYS.0,
            "daily" => Weekdays::DAILY.0,
            "weekend" => Weekdays::WEEKEND.0,
            "mon" | "monday" => 1,
            "tue" | "tuesday" => 2,
            "wed" | "wednesday" => 4,
            "thu" | "thursday" => 8,
            "fri" | "friday" => 16,
            "sat" | "saturday" => 32,
            "sun" | "sunday" => 64,
            _ => {
                r.error(
                    span,
                    format!("unknown day `{text}`"),
                    "known: weekdays, saturday, sunday, weekend, daily, or a list of mon, tue, wed, thu, fri, sat, sun",
                );
                sound = false;
                0
            }
        };
    }
    if sound && bits == 0 {
        r.error(
            value.span(),
            "`days` names no day: the task would never fire",
            "name at least one, or leave `days` out for every day",
        );
    }
    (sound && bits != 0).then_some(Weekdays(bits))
}

/// Reads a priority: a word or 1 to 10.
pub(super) fn priority(r: &mut Reader<'_>, value: &super::reader::Value<'_>) -> Option<u8> {
    let Some(text) = value.get_ref().as_str() else { return r.number("priority", value, 1..=10).map(|n| n as u8) };
    let words = ["critical", "high", "normal", "low", "background"];
    if let Some(i) = words.iter().position(|w| *w == text) {
        return Some(i as u8 + 1);
    }
    let hint = match super::problem::closest(text, words.into_iter()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {} or a number from 1 (most urgent) to 10", words.join(", ")),
    };
    r.error(value.span(), format!("unknown priority `{text}`"), hint);
    None
}

/// Reads a stage: 0 to 7, or that there is none although the function has one.
fn stage(r: &mut Reader<'_>, value: &super::reader::Value<'_>) -> Option<Option<u8>> {
    match value.get_ref().as_str() {
        Some("none") => Some(None),
        _ => r.number("stage", value, 0..=7).map(|n| Some(n as u8)),
    }
}

fn clock(r: &mut Reader<'_>, value: &super::reader::Value<'_>) -> Option<TaskClock> {
    match r.text("exchange", value)? {
        "24x7" => Some(TaskClock::Always),
        "XNYS" | "XNAS" => Some(TaskClock::Market),
        other => {
            r.error(
                value.span(),
                format!("unknown exchange `{other}`"),
                "a task follows the desk's exchange (XNYS) or the clock that is always open (24x7)",
            );
            None
        }
    }
}

/// Reads a word that may carry a count: `all(3)`.
fn counted<'t>(
    r: &mut Reader<'_>,
    key: &str,
    value: &'t super::reader::Value<'_>,
    known: &[&str],
    most: u32,
) -> Option<(&'t str, Option<u32>)> {
    let text = r.text(key, value)?;
    let parsed = match text.split_once('(') {
        None => Some((text, None)),
        Some((word, rest)) => rest
            .strip_suffix(')')
            .and_then(|n| n.parse::<u32>().ok())
            .filter(|n| (1..=most).contains(n))
            .map(|n| (word, Some(n))),
    };
    let shape = |(word, n): &(&str, Option<u32>)| {
        known.iter().any(|k| k.split_once('(').map_or((*k, false), |(w, _)| (w, true)) == (*word, n.is_some()))
    };
    let parsed = parsed.filter(shape);
    if parsed.is_none() {
        r.error(
            value.span(),
            format!("unknown {key} `{text}`"),
            format!("known: {}; n is 1 to {most}", known.join(", ")),
        );
    }
    parsed
}

fn useless_after(r: &mut Reader<'_>, value: &super::reader::Value<'_>) -> Option<UselessAfter> {
    let text = r.text("useless_after", value)?;
    if let Some(length) = text.strip_prefix('+').and_then(parse_duration) {
        return Some(UselessAfter::Later(length));
    }
    match text.parse::<Moment>() {
        Ok(moment) => Some(UselessAfter::Moment(moment)),
        Err(e) => {
            r.error(
                value.span(),
                e.to_string(),
                "write a moment like `11:30` or `close-30m`, or a time after the slot like `+10m`",
            );
            None
        }
    }
}
