//! The watch: is the desk well, as seen by somebody who is not the desk?
//!
//! Rule: signs go in, alerts come out; each fault is told once, and once more when it is over. Ages are measured on the monotonic clock: a stamp is compared with the wall clock
//! once, when it is first seen, so a clock that is set makes nothing younger or older. Reads no clock and asks nobody: the thread that watches brings the signs
//! ([`Watchdog`](crate::Watchdog)), a test brings its own. What is watched is the table of S23 in docs/reference/semantics.md. Start at [`Watch::look`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kobe_plan::alert::Severity;
use kobe_plan::{Alert, AlertKind};

/// Runs may wait so long although nothing keeps them from starting.
const NOTHING_STARTS: SignedDuration = SignedDuration::from_secs(30);
/// The 99th percentile of the lateness of starts may be so much.
const START_LAG: SignedDuration = SignedDuration::from_secs(1);
/// An alert may wait so long to get out.
const OUTBOX: SignedDuration = SignedDuration::from_secs(60);
/// The heartbeat may be so old; an older one is none, whoever looks.
pub const HEARTBEAT: SignedDuration = SignedDuration::from_mins(5);
/// A heartbeat may lie so far ahead of whoever looks: two clocks of two hosts differ. One further ahead was written before the clock was set back.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);
/// The stop of an open position may go so long without being looked at while its market is open: five minutes, and what a check that comes every five minutes is late.
const STOP: SignedDuration = SignedDuration::from_secs(5 * 60 + 30);

/// What the planning loop answers to a ping: that it lives, and what only it can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// When it answered.
    pub at: Timestamp,
    /// Runs that wait although nothing keeps them from starting.
    pub startable: usize,
    /// When anything was started last.
    pub last_start: Option<Timestamp>,
    /// The 99th percentile of the lateness of the last starts.
    pub start_lag_p99: SignedDuration,
    /// Slots that were started more than once.
    pub fired_twice: u64,
    /// Nothing can be stored for want of room.
    pub disk_full: bool,
}

/// Tells whether a heartbeat is none, for whoever has only the wall clock: it is too old, or lies so far ahead that nobody can say how old it is.
pub fn is_stale(beat: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(beat);
    age > HEARTBEAT || age < -AHEAD
}

/// Open positions whose market is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// How many positions are open.
    pub positions: usize,
    /// When the market opened.
    pub opened: Timestamp,
    /// When their stops were looked at last, by this process.
    pub last: Option<Timestamp>,
}

/// What is seen in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signs {
    /// When.
    pub now: Timestamp,
    /// How long the watch has gone on, on the monotonic clock.
    pub up: SignedDuration,
    /// The answer to the ping; nothing, when there was none in time.
    pub pong: Option<Pong>,
    /// When the oldest alert that is not out was raised.
    pub oldest_unsent: Option<Timestamp>,
    /// The heartbeat as it stands in its file; nothing, when it cannot be read.
    pub heartbeat: Option<Timestamp>,
    /// Open positions, while their market is open.
    pub unchecked: Option<Unchecked>,
}

/// A stamp that somebody else wrote, and when that was, as the watch counts.
#[derive(Debug, Clone, Copy, Default)]
struct Seen(Option<(Timestamp, SignedDuration)>);

impl Seen {
    /// Returns when a stamp was written. The wall clock is asked when the stamp is first seen; one that lies ahead is of a clock that was set back, and counts from now on.
    /// `looked` is the last look, for stamps that are only renewed: another one than at that look is no older than it.
    fn at(&mut self, stamp: Timestamp, signs: &Signs, looked: Option<SignedDuration>) -> SignedDuration {
        let at = match self.0 {
            Some((same, at)) if same == stamp => return at,
            before => {
                let at = signs.up - signs.now.duration_since(stamp).max(SignedDuration::ZERO);
                looked.filter(|_| before.is_some()).map_or(at, |looked| at.max(looked))
            }
        };
        self.0 = Some((stamp, at));
        at
    }

    /// Returns when the stamp that was last seen was written.
    fn last(self) -> Option<SignedDuration> {
        self.0.map(|(_, at)| at)
    }
}

/// Remembers what was told, and when what it saw was written.
#[derive(Debug, Default)]
pub struct Watch {
    told: BTreeMap<&'static str, AlertKind>,
    /// When it looked last.
    looked: SignedDuration,
    startable_since: Option<SignedDuration>,
    last_start: Seen,
    unsent: Seen,
    heartbeat: Seen,
    stops: Seen,
    fired_twice: u64,
}

impl Watch {
    /// Begins: what was never seen is measured from here.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Looks at the signs and returns what must be told.
    pub fn look(&mut self, signs: &Signs) -> Vec<Alert> {
        let mut alerts = Vec::new();
        let now = signs.now;
        let pong = signs.pong;
        self.judge(
            &mut alerts,
            now,
            "watch:planner",
            AlertKind::PlannerStuck,
            Severity::Critical,
            pong.is_none()
                .then(|| "the planning loop did not answer a ping within 2 s: nothing is planned or started".into()),
            "the planning loop answers again",
        );
        if let Some(pong) = pong {
            self.look_at_loop(&mut alerts, signs, pong);
        }
        let waited = signs.oldest_unsent.map(|oldest| signs.up - self.unsent.at(oldest, signs, None));
        let waited = waited.filter(|age| *age > OUTBOX);
        self.judge(
            &mut alerts,
            now,
            "watch:outbox",
            AlertKind::OutboxStuck,
            Severity::Error,
            waited.map(|age| format!("an alert has been waiting for {} s to get out", age.as_secs())),
            "alerts get out again",
        );
        // One that cannot be read is as old as when it was last read.
        let looked = Some(self.looked);
        let beat = signs.heartbeat.map(|at| self.heartbeat.at(at, signs, looked)).or(self.heartbeat.last());
        let age = signs.up - beat.unwrap_or_default().max(SignedDuration::ZERO);
        self.judge(
            &mut alerts,
            now,
            "watch:heartbeat",
            AlertKind::HeartbeatStale,
            Severity::Critical,
            (age > HEARTBEAT).then(|| format!("the heartbeat is {} s old", age.as_secs())),
            "the heart beats again",
        );
        let unchecked = signs.unchecked.as_ref().map(|u| (u.positions, self.unchecked_for(u, signs)));
        let unchecked = unchecked.filter(|(_, age)| *age > STOP);
        self.judge(
            &mut alerts,
            now,
            "watch:stops",
            AlertKind::StopUnchecked,
            Severity::Critical,
            unchecked.map(|(positions, age)| {
                let minutes = age.as_mins();
                let positions = if positions == 1 {
                    "1 open position was".into()
                } else {
                    format!("{positions} open positions were")
                };
                format!("the stops of {positions} not looked at for {minutes} min, and the market is open")
            }),
            "stops are looked at again",
        );
        self.looked = signs.up;
        alerts
    }

    /// Returns for how long nobody has looked at stops, since the market opened or the watch began.
    fn unchecked_for(&mut self, unchecked: &Unchecked, signs: &Signs) -> SignedDuration {
        let looked = Some(self.looked);
        let last = unchecked.last.map_or(SignedDuration::ZERO, |last| self.stops.at(last, signs, looked));
        let open_for = signs.now.duration_since(unchecked.opened).max(SignedDuration::ZERO);
        (signs.up - last.max(SignedDuration::ZERO)).min(open_for)
    }

    fn look_at_loop(&mut self, alerts: &mut Vec<Alert>, signs: &Signs, pong: Pong) {
        let now = signs.now;
        // A full disk holds starts back, and is told by itself.
        let startable = pong.startable > 0 && !pong.disk_full;
        self.startable_since = if startable { self.startable_since.or(Some(signs.up)) } else { None };
        let looked = Some(self.looked);
        let last_start = pong.last_start.map(|last| self.last_start.at(last, signs, looked));
        let since = self.startable_since.map(|since| last_start.map_or(since, |last| last.max(since)));
        let stuck = since.is_some_and(|since| signs.up - since > NOTHING_STARTS);
        let count = pong.startable;
        self.judge(
            alerts,
            now,
            "watch:starts",
            AlertKind::NothingStarts,
            Severity::Critical,
            stuck.then(|| format!("{count} runs wait, workers are free, and nothing has started for 30 s")),
            "runs start again",
        );
        let lag = pong.start_lag_p99;
        self.judge(
            alerts,
            now,
            "watch:lag",
            AlertKind::StartLag,
            Severity::Warning,
            (lag > START_LAG).then(|| format!("of the last starts 1 in 100 was more than {} ms late", lag.as_millis())),
            "starts are in time again",
        );
        // Each further one is told: there is no "over" for it.
        if pong.fired_twice > self.fired_twice {
            let title = format!("{} slots were started more than once", pong.fired_twice);
            self.fired_twice = pong.fired_twice;
            alerts.push(alert(AlertKind::FiredTwice, Severity::Critical, "watch:twice", now, &title));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one row of the table of watches: cause, kind, severity, what is wrong, what is said when it is over"
    )]
    fn judge(
        &mut self,
        alerts: &mut Vec<Alert>,
        now: Timestamp,
        cause: &'static str,
        kind: AlertKind,
        severity: Severity,
        wrong: Option<String>,
        over: &str,
    ) {
        match wrong {
            Some(title) if !self.told.contains_key(cause) => {
                self.told.insert(cause, kind);
                alerts.push(alert(kind, severity, cause, now, &title));
            }
            Some(_) => {}
            None => {
                if self.told.remove(cause).is_some() {
                    alerts.push(alert(kind, Severity::Info, cause, now, over).recovered());
                }
            }
        }
    }

    /// Returns what was told and is not over, as it stands in `/health`.
    pub fn standing(&self) -> impl Iterator<Item = AlertKind> + '_ {
        self.told.values().copied()
    }
}

fn alert(kind: AlertKind, severity: Severity, cause: &str, at: Timestamp, title: &str) -> Alert {
    let alert = Alert::new(kind, severity, cause, at, title);
    Alert { runbook: format!("docs/operate/alerts.md#{kind}"), ..alert }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
    }

    /// A desk that is well in a second of the watch.
    fn well(second: i64) -> Signs {
        well_by(second, at(second))
    }

    /// The same, by a clock that says something else.
    fn well_by(second: i64, now: Timestamp) -> Signs {
        let pong = Pong {
            at: now,
            startable: 0,
            last_start: Some(now),
            start_lag_p99: SignedDuration::from_millis(1),
            fired_twice: 0,
            disk_full: false,
        };
        let up = SignedDuration::from_secs(second);
        Signs { now, up, pong: Some(pong), oldest_unsent: None, heartbeat: Some(now), unchecked: None }
    }

    fn pong(signs: &mut Signs) -> &mut Pong {
        signs.pong.as_mut().expect("it is there")
    }

    type Change = fn(&mut Signs);

    /// Positions are open, and their stops were looked at so.
    fn unchecked(last: Option<Timestamp>) -> Option<Unchecked> {
        Some(Unchecked { positions: 2, opened: at(-7200), last })
    }

    /// Faults that hold from second 0 on; each must be told within the seconds named, and not before.
    fn faults() -> [(&'static str, Change, AlertKind, i64, i64); 8] {
        [
            ("the loop is silent", |s| s.pong = None, AlertKind::PlannerStuck, 0, 5),
            (
                "runs wait and nothing starts",
                |s| {
                    let first = at(0);
                    let p = pong(s);
                    p.startable = 3;
                    p.last_start = Some(first);
                },
                AlertKind::NothingStarts,
                31,
                35,
            ),
            (
                "starts are late",
                |s| pong(s).start_lag_p99 = SignedDuration::from_millis(1001),
                AlertKind::StartLag,
                0,
                5,
            ),
            ("an alert does not get out", |s| s.oldest_unsent = Some(at(0)), AlertKind::OutboxStuck, 61, 65),
            ("the heart stands still", |s| s.heartbeat = Some(at(0)), AlertKind::HeartbeatStale, 301, 305),
            ("the heartbeat cannot be read", |s| s.heartbeat = None, AlertKind::HeartbeatStale, 301, 305),
            ("a stop is not looked at", |s| s.unchecked = unchecked(Some(at(0))), AlertKind::StopUnchecked, 331, 335),
            ("a stop was never looked at", |s| s.unchecked = unchecked(None), AlertKind::StopUnchecked, 331, 335),
        ]
    }

    #[test]
    fn each_fault_is_told_once_at_its_limit_and_once_when_it_is_over() {
        for (name, break_it, kind, earliest, latest) in faults() {
            let mut watch = Watch::new();
            let mut told = Vec::new();
            for second in (0..=600).step_by(5) {
                let mut signs = well(second);
                break_it(&mut signs);
                told.extend(watch.look(&signs).into_iter().map(|a| (second, a.kind, a.recovery)));
            }
            assert_eq!(told.len(), 1, "{name}: {told:?}");
            assert_eq!((told[0].1, told[0].2), (kind, false), "{name}");
            assert!((earliest..=latest).contains(&told[0].0), "{name}: told at second {}", told[0].0);
            let over = watch.look(&well(605));
            assert_eq!(over.iter().map(|a| (a.kind, a.recovery)).collect::<Vec<_>>(), [(kind, true)], "{name} is over");
            assert_eq!(watch.look(&well(610)), [], "{name}");
        }
    }

    /// When the clock is set, and what it is set to: before any of the faults is due.
    const SET_AT: i64 = 20;
    const STEPS: [(&str, i64); 4] = [
        ("an hour back", -3600),
        ("a minute and a half back", -90),
        ("an hour on", 3600),
        ("ten years back", -315_360_000),
    ];

    #[test]
    fn a_clock_that_is_set_hides_no_fault_and_hurries_none() {
        for (step, by) in STEPS {
            for (name, break_it, kind, earliest, latest) in faults() {
                let mut watch = Watch::new();
                let mut told = Vec::new();
                for second in (0..=600).step_by(5) {
                    let mut signs = well_by(second, at(second + if second >= SET_AT { by } else { 0 }));
                    break_it(&mut signs);
                    if let Some(open) = &mut signs.unchecked {
                        // Whoever says that the market is open has the same clock.
                        open.opened = signs.now - SignedDuration::from_hours(2);
                    }
                    told.extend(watch.look(&signs).into_iter().map(|a| (second, a.kind, a.recovery)));
                }
                assert_eq!(told.len(), 1, "{name}, {step}: {told:?}");
                assert_eq!((told[0].1, told[0].2), (kind, false), "{name}, {step}");
                assert!((earliest..=latest).contains(&told[0].0), "{name}, {step}: told at second {}", told[0].0);
            }
        }
    }

    #[test]
    fn a_desk_that_is_well_is_not_told_of_when_its_clock_is_set() {
        for (step, by) in STEPS {
            let mut watch = Watch::new();
            for second in (0..=3600).step_by(5) {
                let wall = |second: i64| at(second + if second >= SET_AT { by } else { 0 });
                // What it writes, it writes shortly before each look, also before the look that follows the step.
                let wrote = wall(second - 3);
                let mut signs = well_by(second, wall(second));
                signs.heartbeat = Some(wrote);
                signs.unchecked = Some(Unchecked {
                    positions: 1,
                    opened: wall(second) - SignedDuration::from_hours(2),
                    last: Some(wrote),
                });
                *pong(&mut signs) = Pong { startable: 1, last_start: Some(wrote), ..*pong(&mut signs) };
                assert_eq!(watch.look(&signs), [], "{step}, second {second}");
            }
        }
    }

    #[test]
    fn a_heartbeat_that_nobody_can_date_is_none() {
        let rows = [
            ("just now", 0, false),
            ("at the limit", -300, false),
            ("older", -301, true),
            ("of another host, whose clock is ahead", 60, false),
            ("from before the clock was set back", 61, true),
        ];
        for (name, seconds, stale) in rows {
            assert_eq!(is_stale(at(seconds), at(0)), stale, "{name}");
        }
    }

    #[test]
    fn a_desk_that_is_well_or_has_no_room_is_not_told_of() {
        let mut watch = Watch::new();
        for second in (0..=3600).step_by(5) {
            let mut signs = well(second);
            let first = at(0);
            // A full disk is told by the engine itself.
            *pong(&mut signs) = Pong { startable: 5, last_start: Some(first), disk_full: true, ..*pong(&mut signs) };
            assert_eq!(watch.look(&signs), [], "second {second}");
        }
    }

    #[test]
    fn every_further_slot_that_fires_twice_is_told() {
        let mut watch = Watch::new();
        let mut told = 0;
        for (second, twice) in [(0, 0), (5, 1), (10, 1), (15, 3)] {
            let mut signs = well(second);
            pong(&mut signs).fired_twice = twice;
            told += watch.look(&signs).len();
        }
        assert_eq!(told, 2);
    }
}
