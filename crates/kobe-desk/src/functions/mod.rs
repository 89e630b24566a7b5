//! The functions of the desk: one table for each group, one entry for each function.
//!
//! An entry says what a function does, in which lane it runs, what it may do to positions, how long it may take, what
//! it waits for and what it leaves behind; a task takes from it whatever its desk file does not say. A function that is
//! not built yet is [`Run::NotBuilt`]: it answers not_built, never ok. Nothing here runs anything.
//!
//! To add a function: write it in the file of its group (or in `<group>/<name>.rs` where it is large) and add its line
//! to that file's table. Start at [`find`].

mod backtest_research;
mod curiosity;
mod data;
mod execution;
mod health;
mod knowledge;
mod learning_memory;
mod macro_regime;
mod models;
mod monitoring_exits;
mod opening_range;
mod pnl_metrics;
mod ranking_gate;
mod reconciliation;
mod recurring;
mod reports;
mod scanning;
mod session;
mod sizing;
mod trade_analysis;
mod watchlist_pregame;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::SignedDuration;
use kobe_plan::desk::{Catalog, FunctionSpec};
use kobe_plan::run::Outcome;
use kobe_plan::task::TradeRight::{None as N, Open as E, Reduce as X};
use kobe_plan::task::{Lane, TradeRight};

use crate::call::Call;

/// One function of the desk: a line of its group's table.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name, unique over all groups; desk files call it by this.
    pub name: &'static str,
    /// One sentence for people.
    pub does: &'static str,
    /// The group it stands in.
    pub group: Group,
    /// Its lane.
    pub lane: Lane,
    /// What it may do to positions.
    pub right: TradeRight,
    /// Its weekday rows mean something only on a session day.
    pub session_bound: bool,
    /// At most one heavy run at a time.
    pub heavy: bool,
    /// The time one attempt may take, in seconds.
    pub timeout_s: u32,
    /// Its stage of the day's flow, 0 to 7, if it belongs to one.
    pub stage: Option<u8>,
    /// Functions that must have ended for the same date first.
    pub after: &'static [&'static str],
    /// The artifact it leaves behind.
    pub leaves: &'static str,
    /// Its work.
    pub run: Run,
}

/// The work of a function.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// It is built: this is called.
    Built(fn(&Call<'_>) -> Outcome),
    /// It is registered and answers not_built.
    NotBuilt,
    /// It is the work of another function on other terms.
    SameAs(&'static str),
}

/// Declares the groups with the word of each and the table it reads.
macro_rules! groups {
    ($($(#[$meta:meta])* $variant:ident = $module:ident),+ $(,)?) => {
        /// A group of functions: a part of the desk's work, and a file of this module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Group { $($(#[$meta])* $variant),+ }

        impl Group {
            /// Every group, in the order of the desk's day.
            pub const ALL: &'static [Group] = &[$(Group::$variant),+];

            /// Returns the word of this group, as the desk's tables have it.
            pub const fn word(self) -> &'static str {
                match self { $(Group::$variant => stringify!($module)),+ }
            }

            /// Returns the functions of this group, in the order of its file.
            pub const fn functions(self) -> &'static [Function] {
                match self { $(Group::$variant => $module::TABLE),+ }
            }
        }
    };
}

groups! {
    /// Notes of where the day stands.
    Session = session,
    /// Is the house in order, and may the day trade?
    Health = health,
    /// Bars, universe and indicators.
    Data = data,
    /// Fear, rates, sectors, events and the kind of market.
    MacroRegime = macro_regime,
    /// What the first half hour shows.
    OpeningRange = opening_range,
    /// From bars to signals.
    Scanning = scanning,
    /// From signals to intents.
    RankingGate = ranking_gate,
    /// From intents to shares.
    Sizing = sizing,
    /// From sized intents to fills.
    Execution = execution,
    /// Watching what is held and selling what has to go.
    MonitoringExits = monitoring_exits,
    /// What it is worth, and how good that is.
    PnlMetrics = pnl_metrics,
    /// Do we and the broker tell the same story?
    Reconciliation = reconciliation,
    /// Which names, on what plan.
    WatchlistPregame = watchlist_pregame,
    /// How good the trades were, and why.
    TradeAnalysis = trade_analysis,
    /// What is worth keeping of what happened.
    LearningMemory = learning_memory,
    /// Hypotheses, and whether they hold.
    Curiosity = curiosity,
    /// Experiments, backtests, walk-forward, parameters.
    BacktestResearch = backtest_research,
    /// Scoring, checking and training models.
    Models = models,
    /// What others write.
    Knowledge = knowledge,
    /// The day and the week on paper.
    Reports = reports,
    /// What the cooldown tasks stand for.
    Recurring = recurring,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl serde::Serialize for Group {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.word())
    }
}

/// Returns every function, group by group.
pub fn all() -> impl Iterator<Item = &'static Function> {
    Group::ALL.iter().flat_map(|group| group.functions())
}

/// Returns the function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<BTreeMap<&str, &Function>> = LazyLock::new(|| all().map(|f| (f.name, f)).collect());
    BY_NAME.get(name).copied()
}

/// Returns what desk files take from the functions they call.
pub fn catalog() -> Catalog {
    all().map(|f| (f.name.to_owned(), f.spec())).collect()
}

impl Function {
    /// Tells whether it does real work, its own or that of the function it is the same as.
    pub fn is_built(&self) -> bool {
        matches!(self.work(), Run::Built(_))
    }

    /// Returns its work, with [`Run::SameAs`] followed to the end.
    pub fn work(&self) -> Run {
        match self.run {
            Run::SameAs(other) => find(other).map_or(Run::NotBuilt, Function::work),
            own => own,
        }
    }

    /// Returns what a task inherits from it.
    pub fn spec(&self) -> FunctionSpec {
        FunctionSpec {
            lane: self.lane,
            right: self.right,
            session_bound: self.session_bound,
            heavy: self.heavy,
            timeout: SignedDuration::from_secs(i64::from(self.timeout_s)),
            stage: self.stage,
            after: self.after.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    const fn session_bound(mut self) -> Function {
        self.session_bound = true;
        self
    }

    const fn heavy(mut self) -> Function {
        self.heavy = true;
        self
    }

    const fn stage(mut self, stage: u8) -> Function {
        self.stage = Some(stage);
        self
    }

    const fn after(mut self, functions: &'static [&'static str]) -> Function {
        self.after = functions;
        self
    }

    const fn does(mut self, sentence: &'static str) -> Function {
        self.does = sentence;
        self
    }

    const fn built(mut self, work: fn(&Call<'_>) -> Outcome) -> Function {
        self.run = Run::Built(work);
        self
    }

    const fn same_as(mut self, function: &'static str) -> Function {
        self.run = Run::SameAs(function);
        self
    }
}

/// Begins an entry: neither session-bound nor heavy, of no stage, waiting for nothing, not built.
const fn f(
    name: &'static str,
    group: Group,
    lane: Lane,
    right: TradeRight,
    timeout_s: u32,
    leaves: &'static str,
) -> Function {
    Function {
        name,
        does: "",
        group,
        lane,
        right,
        session_bound: false,
        heavy: false,
        timeout_s,
        stage: None,
        after: &[],
        leaves,
        run: Run::NotBuilt,
    }
}
