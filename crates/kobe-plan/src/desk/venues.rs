//! Reading what a task says of the sessions of other venues: `on = "XTKS open+5m"`, `within = "XTKS session"`.
//!
//! Each venue of a desk is read once, when the first task names it. Start at [`on`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use kobe_calendar::{Exchange, Period};

use super::problem::closest;
use super::reader::{Reader, Value};
use crate::task::HalfDay;
use crate::trigger::{
    Align, Bell, EXPIRY_REACH, Firing, MomentError, OnSession, Steps, Trigger, Venue, VenueMoment, Which, duration_text,
};

const SHAPE: &str = "write a venue and a moment, like `XTKS open+5m`, `XHKG break_end`, `XNYS close-15m first session of month` or `XNYS open expiry-1`";

const WHICH: &str = "write `first session of month`, `last session of week`, `3rd last session of quarter`, `expiry` or `expiry-1`, or nothing for every session";

/// The venues that a desk names, each read once.
#[derive(Default)]
pub(super) struct Venues(BTreeMap<&'static str, Arc<Exchange>>);

/// Returns the identifier behind a name of a venue, in any case.
fn id_of(name: &str) -> Option<&'static str> {
    Exchange::bundled_ids().find(|id| {
        let mut aliases = Exchange::bundled_aliases(id).unwrap_or_default().iter();
        id.eq_ignore_ascii_case(name) || aliases.any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

impl Venues {
    fn venue(&mut self, r: &mut Reader<'_>, name: &str, own: &str, span: Range<usize>) -> Option<Venue> {
        let Some(id) = id_of(name) else {
            let known = Exchange::bundled_ids()
                .flat_map(|id| Exchange::bundled_aliases(id).into_iter().flatten().copied().chain([id]));
            let hint = match closest(&name.to_ascii_uppercase(), known) {
                Some(near) => format!("did you mean `{near}`? `kobe calendar list` names them all"),
                None => format!("`kobe calendar list` names them all; {SHAPE}"),
            };
            r.error(span, format!("unknown venue `{name}`"), hint);
            return None;
        };
        let exchange = match self.0.get(id) {
            Some(exchange) => Arc::clone(exchange),
            None => {
                let exchange = Arc::new(Exchange::bundled(id)?);
                self.0.insert(id, Arc::clone(&exchange));
                exchange
            }
        };
        Venue::new(exchange, id_of(own) == Some(id))
    }
}

/// Reads `on`: a moment of a venue, or a list of them. `own` is the desk's venue.
pub(super) fn on(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    (priority, half): (u8, HalfDay),
    own: &str,
    venues: &mut Venues,
) -> Option<Vec<Firing>> {
    let before = r.problems.len();
    let mut firings: Vec<Firing> = Vec::new();
    let texts = r.texts("on", value);
    if texts.is_empty() && r.problems.len() == before {
        r.error(value.span(), "the task never fires: `on` is empty", "name at least one moment");
    }
    for (text, span) in texts {
        let Some(on) = one(r, text, span.clone(), own, venues) else { continue };
        let from_close = matches!(on.moment, VenueMoment::Bell { bell: Bell::Close, .. });
        if half == HalfDay::Move && !from_close {
            r.error(
                span,
                "`on_half_day = \"move\"` has no meaning for a moment that is not counted from the close",
                "an early close moves the close; use `run` or `skip`",
            );
            continue;
        }
        let same = firings.iter().find_map(|f| match &f.trigger {
            Trigger::On(other) if other.venue == on.venue && other.moment == on.moment => Some(other.to_string()),
            _ => None,
        });
        if let Some(other) = same {
            r.error(
                span,
                format!("`{text}` and `{}` name the same slots", other.trim_start_matches("on ")),
                "remove one of them, or make two tasks of it: a task fires once for each slot",
            );
            continue;
        }
        firings.push(Firing { trigger: Trigger::On(on), priority, on_half_day: half });
    }
    (r.problems.len() == before).then_some(firings)
}

fn one(r: &mut Reader<'_>, text: &str, span: Range<usize>, own: &str, venues: &mut Venues) -> Option<OnSession> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((name, rest)) = words.split_first() else {
        r.error(span, "`on` names no venue", SHAPE);
        return None;
    };
    let venue = venues.venue(r, name, own, span.clone())?;
    let (moment, rest) = match rest {
        [] => {
            r.error(span, format!("`{text}` names no moment of a session of {}", venue.id()), SHAPE);
            return None;
        }
        ["enter"] => {
            r.error(span, "`enter` names no phase", "write it like `XNYS enter market_opening`");
            return None;
        }
        ["enter", phase, rest @ ..] => {
            if !venue.is_own() {
                r.error(
                    span,
                    format!("phases are those of the desk's own venue, {} has none", venue.id()),
                    format!("write `{own} enter {phase}`, or count from a bell: `{} open`", venue.id()),
                );
                return None;
            }
            (VenueMoment::Enter { phase: r.parse_word("phase", phase, span.clone())?, second: false }, rest)
        }
        [word, rest @ ..] => match word.parse::<VenueMoment>() {
            Ok(moment @ VenueMoment::Bell { .. }) => (moment, rest),
            Ok(VenueMoment::Enter { phase, .. }) => {
                r.error(span, format!("`{word}` is no moment of a session"), format!("write `{name} enter {phase}`"));
                return None;
            }
            Err(MomentError::TooFar(_)) => {
                r.error(span, format!("`{word}` lies a day or more from its bell"), "stay within 24 hours of it");
                return None;
            }
            Err(_) => {
                let bell = word.split(['+', '-']).next().unwrap_or_default();
                let hint = match closest(bell, Bell::ALL.into_iter().map(Bell::word)) {
                    Some(near) if near != bell => format!("did you mean `{near}`?"),
                    _ => "write `open`, `close`, `break_start` or `break_end`, with a distance like `open+5m`, or `enter` and a phase".into(),
                };
                r.error(span, format!("`{word}` is no moment of a session"), hint);
                return None;
            }
        },
    };
    if let VenueMoment::Bell { bell, .. } = moment
        && !venue.has(bell)
    {
        r.error(
            span,
            format!("the sessions of {} have no break", venue.id()),
            "count from `open` or `close`; `kobe calendar sessions` shows the hours of a venue",
        );
        return None;
    }
    if venue.leaves(moment) {
        r.error(
            span,
            format!("`{moment}` leaves the session: those of {} last {}", venue.id(), duration_text(venue.longest())),
            "come nearer, or count from the other end: `close+10m` is meant to lie after the close",
        );
        return None;
    }
    let which = which(r, rest, span)?;
    Some(OnSession { venue, moment, which })
}

fn which(r: &mut Reader<'_>, words: &[&str], span: Range<usize>) -> Option<Which> {
    let (number, period, sign) = match words {
        [] => return Some(Which::Every),
        [word] if word.starts_with("expiry") => return expiry(r, word, span),
        ["last", "session", "of", period] => ("first", period, -1),
        [number, "last", "session", "of", period] => (*number, period, -1),
        [number, "session", "of", period] => (*number, period, 1),
        _ => {
            r.error(span, format!("`{}` names no session", words.join(" ")), WHICH);
            return None;
        }
    };
    let of: Period = r.parse_word("period", period, span.clone())?;
    let Some(n) = ordinal(number) else {
        r.error(span, format!("`{number}` is no number of a session"), WHICH);
        return None;
    };
    let most = match of {
        Period::Week => 7,
        Period::Month => 31,
        Period::Quarter => 92,
        Period::Year => 366,
    };
    if n > most {
        r.error(span, format!("no {of} has {n} sessions"), format!("stay within {most}"));
        return None;
    }
    Some(Which::Nth { n: n * sign, of })
}

fn expiry(r: &mut Reader<'_>, word: &str, span: Range<usize>) -> Option<Which> {
    let rest = &word["expiry".len()..];
    let n = match rest {
        "" => Some(0),
        signed if signed.starts_with(['+', '-']) => signed.parse::<i32>().ok().filter(|n| *n != 0),
        _ => None,
    };
    match n {
        Some(n) if n.abs() <= EXPIRY_REACH => Some(Which::Expiry { n }),
        Some(_) => {
            r.error(
                span,
                format!("`{word}` lies more than {EXPIRY_REACH} sessions from the expiry"),
                "come nearer, or count sessions of the month: `5th session of month`",
            );
            None
        }
        None => {
            r.error(span, format!("`{word}` names no session"), WHICH);
            None
        }
    }
}

/// Reads `first`, `second`, `third`, or a number with its ending.
fn ordinal(text: &str) -> Option<i32> {
    if let Some(at) = ["first", "second", "third"].iter().position(|word| *word == text) {
        return Some(at as i32 + 1);
    }
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|ending| text.strip_suffix(ending))?;
    let sound = !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|n| sound && *n > 0)
}

/// Reads `every` within the sessions of a venue, named in `within`. `align` and `breaks` are theirs alone.
pub(super) fn steps(
    r: &mut Reader<'_>,
    (period, every): (jiff::SignedDuration, Range<usize>),
    (name, within): (&str, Range<usize>),
    align: Option<&Value<'_>>,
    breaks: Option<&Value<'_>>,
    own: &str,
    venues: &mut Venues,
) -> Option<Trigger> {
    let venue = venues.venue(r, name, own, within)?;
    let mut choose = |key: &str, value: Option<&Value<'_>>, words: [&str; 2]| -> Option<bool> {
        let Some(value) = value else { return Some(false) };
        let word = r.text(key, value)?;
        let found = words.iter().position(|known| *known == word);
        if found.is_none() {
            r.error(value.span(), format!("unknown {key} `{word}`"), format!("known: {}", words.join(", ")));
        }
        found.map(|at| at == 1)
    };
    let (close, in_breaks) = (choose("align", align, ["open", "close"]), choose("breaks", breaks, ["skip", "run"]));
    if period >= venue.longest() {
        r.error(
            every,
            format!("a session of {} lasts {}, no longer than one step", venue.id(), duration_text(venue.longest())),
            format!("take a shorter step, or a moment: `on = \"{} open\"`", venue.id()),
        );
        return None;
    }
    let align = if close? { Align::Close } else { Align::Open };
    Some(Trigger::Steps(Steps { period, venue, align, in_breaks: in_breaks? }))
}
