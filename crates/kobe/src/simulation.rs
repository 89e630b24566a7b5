//! A simulated desk: the same machine and the same functions under a virtual clock, with books and rows that live in memory only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use kobe_calendar::Market;
use kobe_desk::kill::ReplayKill;
use kobe_desk::report::Counts;
use kobe_desk::{DeskHandler, Era, PaperBroker, ReplayHost, Services, Setup, Source};
use kobe_engine::simulate::{Observer, Simulation, fresh};
use kobe_engine::{Batch, Store, StoreError, Trace, VirtualClock};
use kobe_plan::judge::Standing;
use kobe_plan::scheduler::Recovered;
use kobe_plan::task::Work;
use kobe_plan::{Change, Desk, Lane, Outcome, Reason, State, TaskIx, Turn, Wish};
use kobe_store::MemoryBooks;
use kobe_trade::fact::{Fact, What};
use kobe_trade::ports::Books;

use crate::standing::standing;

/// Cash of a simulated account at its start, dollars.
pub const CASH: i64 = 100_000;

/// Which work a simulation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// What trading needs; research, learning and heavy upkeep are skipped(profile).
    Trading,
    /// Everything.
    All,
}

/// Functions of other lanes that the trading profile leaves out all the same.
const UPKEEP: [&str; 4] = ["backup_state", "cleanup", "full_validation", "full_health"];

impl Profile {
    fn standing(self, desk: &Desk, ix: TaskIx) -> Option<Standing> {
        let task = desk.task(ix);
        if let Work::Command(_) = task.work {
            let note = "a simulation starts no programs: what they do has no virtual clock".into();
            return Some(Standing { reason: Reason::Profile, note });
        }
        let left_out = matches!(task.lane, Lane::Research | Lane::Learning) || UPKEEP.contains(&task.function());
        if self == Profile::Trading && left_out {
            let note = "the profile `trading` leaves research, learning and heavy upkeep out".into();
            return Some(Standing { reason: Reason::Profile, note });
        }
        standing(desk, ix)
    }
}

/// What is to be lived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Which work is done.
    pub profile: Profile,
    /// When the kill switch is pulled.
    pub halt_at: Option<Timestamp>,
    /// Where bars come from, if not from the bundled set.
    pub data: Option<PathBuf>,
}

/// What came of it.
pub struct Lived {
    /// Runs by their end.
    pub counts: Counts,
    /// Every fact of the books, in order.
    pub facts: Vec<Fact>,
    /// The data it was lived on.
    pub data: Arc<kobe_desk::data::DataSet>,
    /// One hash over everything that happened.
    pub trace_hash: String,
    /// The books at the end.
    pub book: Arc<kobe_trade::book::Book>,
}

/// Why it could not be lived.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The data cannot be used.
    #[error("the data cannot be used")]
    Data(#[source] Arc<kobe_desk::data::DataError>),
    /// A date lies outside the calendar.
    #[error(transparent)]
    Calendar(#[from] kobe_calendar::CalendarError),
    /// The days do not lie in order.
    #[error("the last day {to} lies before the first day {from}")]
    Order {
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// Books or rows failed.
    #[error("{0}")]
    Books(String),
}

/// Rows of a simulation are counted and forgotten: nothing asks for them again.
struct Forgetful;

impl Store for Forgetful {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    fn slots_after(&mut self, _: Timestamp) -> Result<Vec<(String, kobe_plan::Slot)>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, _: &Batch<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn wishes(&mut self) -> Result<Vec<Wish>, StoreError> {
        Ok(Vec::new())
    }
}

struct Watch<'a> {
    desk: Arc<Desk>,
    trace: Arc<Mutex<Trace>>,
    counts: Counts,
    market: Arc<Market>,
    day_ends: Timestamp,
    progress: &'a mut dyn FnMut(Date),
}

impl Observer for Watch<'_> {
    fn turn(&mut self, at: Timestamp, turn: &Turn) {
        if at >= self.day_ends
            && let Ok(day) = self.market.day(self.market.date_of(at))
        {
            self.day_ends = day.to;
            (self.progress)(day.date);
        }
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        for change in &turn.changes {
            let Change::Run(run) = change else { continue };
            if !run.state.is_terminal() {
                continue;
            }
            let task = self.desk.task(run.task);
            trace.run(task, run);
            self.counts.slots += run.covers;
            let word = match run.state {
                State::Completed => {
                    self.counts.completed += 1;
                    self.counts.no_data += u64::from(matches!(run.outcome, Some(Outcome::NoData(_))));
                    run.outcome.as_ref().map_or("completed", Outcome::word)
                }
                State::Failed => {
                    self.counts.failed += 1;
                    "failed"
                }
                State::Skipped | State::Pending | State::Running => {
                    let reason = run.reason.map_or("skipped", |r| r.word());
                    *count(&mut self.counts.skipped, reason) += run.covers;
                    reason
                }
            };
            let function = task.function();
            if !self.counts.by_function.contains_key(function) {
                self.counts.by_function.insert(function.to_owned(), BTreeMap::new());
            }
            if let Some(row) = self.counts.by_function.get_mut(function) {
                *count(row, word) += run.covers;
            }
        }
    }
}

fn count<'m>(map: &'m mut BTreeMap<String, u64>, word: &str) -> &'m mut u64 {
    if !map.contains_key(word) {
        map.insert(word.to_owned(), 0);
    }
    map.get_mut(word).expect("just made sure")
}

/// Lives through the days that were asked for; `progress` hears of each day as it begins.
///
/// # Errors
/// [`SimulationError`].
pub fn live(
    desk: &Arc<Desk>,
    market: &Arc<Market>,
    asked: &Asked,
    progress: &mut dyn FnMut(Date),
) -> Result<Lived, SimulationError> {
    if asked.to < asked.from {
        return Err(SimulationError::Order { from: asked.from, to: asked.to });
    }
    let (begin, end) = (market.day(asked.from)?.from, market.day(asked.to)?.to);
    let clock = Arc::new(VirtualClock::new(begin));
    let source = Arc::new(Source::new(asked.data.clone()));
    let data = Arc::clone(source.data().map_err(SimulationError::Data)?);
    let trace = Arc::new(Mutex::new(Trace::new()));
    let facts: Arc<Mutex<Vec<Fact>>> = Arc::default();
    let books: Arc<dyn Books> = {
        let (trace, facts) = (Arc::clone(&trace), Arc::clone(&facts));
        Arc::new(MemoryBooks::watched(Box::new(move |fact: &Fact| {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            trace.row(fact.what.name(), &fact_row(fact));
            facts.lock().unwrap_or_else(PoisonError::into_inner).push(fact.clone());
        })))
    };
    let broker = PaperBroker::new(Arc::clone(market), Arc::clone(&source), Arc::clone(&books), Era::Replay);
    let services = Arc::new(Services::new(Setup {
        market: Arc::clone(market),
        clock: clock.clone(),
        source,
        books: Arc::clone(&books),
        broker: Arc::new(broker),
        kill: Arc::new(ReplayKill::at(asked.halt_at)),
        host: Arc::new(ReplayHost),
        era: Era::Replay,
        build: crate::wiring::BUILD.to_owned(),
        config: desk.hash.clone(),
        reports: None,
    }));
    services.open_account(CASH.into(), begin).map_err(|e| SimulationError::Books(e.to_string()))?;
    let scheduler = fresh(Arc::clone(desk), Arc::clone(market), begin, &mut |ix| asked.profile.standing(desk, ix));
    let handler = DeskHandler::new(Arc::clone(&services));
    let mut watch = Watch {
        desk: Arc::clone(desk),
        trace: Arc::clone(&trace),
        counts: Counts::default(),
        market: Arc::clone(market),
        day_ends: begin,
        progress,
    };
    let mut store = Forgetful;
    Simulation { scheduler, clock, handler: &handler, store: &mut store }
        .live_until(end, &mut watch)
        .map_err(|e| SimulationError::Books(e.to_string()))?;
    // A close that nothing looked at any more still belongs to the day.
    services.settle_until(end).map_err(SimulationError::Books)?;
    let counts = watch.counts;
    let facts = std::mem::take(&mut *facts.lock().unwrap_or_else(PoisonError::into_inner));
    let trace_hash = trace.lock().unwrap_or_else(PoisonError::into_inner).hash();
    Ok(Lived { counts, facts, data, trace_hash, book: books.book() })
}

/// What of a fact enters the trace: all of it, but of a packet only its name and what it decided, since a packet also names the build.
fn fact_row(fact: &Fact) -> String {
    match &fact.what {
        What::Decided { packet } => {
            format!(
                "{}|{}|{}|{:?}|{}",
                fact.at, packet.packet_id, packet.decision_id, packet.decision, packet.decision_reason
            )
        }
        _ => serde_json::to_string(fact).expect("a fact is plain data"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::time;
    use kobe_trade::book::Book;
    use kobe_trade::money::Decimal;
    use kobe_trade::order::Intent;

    use super::*;

    fn lived(from: &str, to: &str, halt_at: Option<&str>) -> (Arc<Market>, Lived) {
        let market = Arc::new(Market::bundled().expect("bundled rules are sound"));
        let desk = crate::desk_files::load(None).expect("the desk built in is sound").desk;
        let asked = Asked {
            from: from.parse().expect("a date"),
            to: to.parse().expect("a date"),
            profile: Profile::Trading,
            halt_at: halt_at.map(|t| t.parse().expect("an instant")),
            data: None,
        };
        let lived = live(&desk, &market, &asked, &mut |_| {}).unwrap_or_else(|e| panic!("{e}"));
        (market, lived)
    }

    #[test]
    fn a_year_keeps_every_rule_of_orders_and_books() {
        let (market, lived) = lived("2012-01-01", "2012-12-31", None);
        let mut decisions = BTreeSet::new();
        let mut packets = BTreeSet::new();
        let mut book = Book::new();
        let mut entries = 0;
        for fact in &lived.facts {
            book.apply(fact).expect("the facts of a run fold again");
            match &fact.what {
                What::Decided { packet } => {
                    packet.verify().unwrap_or_else(|e| panic!("{e}"));
                    assert!(packets.insert(packet.packet_id.clone()), "{} is sealed twice", packet.packet_id);
                }
                What::Intended { ticket } => {
                    assert!(decisions.insert(ticket.decision.clone()), "{} is intended twice", ticket.decision);
                    assert!(packets.contains(&ticket.packet), "{} has no packet before it", ticket.decision);
                    let local = market.local(fact.at);
                    assert!(
                        market.exchange().is_session_date(local.date()).expect("covered"),
                        "{} on a day without session",
                        ticket.decision
                    );
                    if ticket.intent == Intent::Entry {
                        entries += 1;
                        let t = local.time();
                        let primary = time(10, 0, 0, 0) <= t && t < time(11, 30, 0, 0);
                        let power = time(14, 30, 0, 0) <= t && t < time(15, 30, 0, 0);
                        assert!(primary || power, "{} at {t}", ticket.decision);
                    }
                }
                What::DayClosed { marks, equity } => {
                    let ledger =
                        book.ledger_equity(|symbol| marks.get(symbol).copied()).expect("every position has a mark");
                    assert!(
                        (ledger - *equity).abs() <= Decimal::new(1, 2),
                        "{}: ledger {ledger}, equity {equity}",
                        fact.day
                    );
                }
                _ => {}
            }
        }
        assert_eq!(entries, 9, "the entries of the reference in 2012");
        assert!(lived.counts.slots > 190_000, "{} slots: a whole year of the desk", lived.counts.slots);
        assert_eq!(lived.counts.failed, 0);
    }

    #[test]
    fn after_the_kill_switch_nothing_enters_exits_end_with_the_minute_and_stops_still_fill() {
        // Fifteen minutes after an entry that the reference sees stopped out on the same day.
        let trip: Timestamp = "2012-01-09T15:30:00Z".parse().expect("an instant");
        let (_, lived) = lived("2012-01-01", "2012-03-31", Some("2012-01-09T15:30:00Z"));
        let mut stops = 0;
        for fact in lived.facts.iter().filter(|f| f.at >= trip) {
            match &fact.what {
                What::Intended { ticket } => {
                    assert_eq!(ticket.intent, Intent::Exit, "{} enters after the trip", ticket.decision);
                    assert!(
                        fact.at <= trip + jiff::SignedDuration::from_secs(60),
                        "{} leaves at {}",
                        ticket.decision,
                        fact.at
                    );
                }
                What::StopFilled { .. } => stops += 1,
                _ => {}
            }
        }
        assert_eq!(stops, 1, "the stop that stood at the broker fills");
        assert!(lived.book.kill().active.is_some(), "nobody took it back");
    }
}
