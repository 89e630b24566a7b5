//! Tasks: what an operator declared.
//!
//! A [`Task`] is fully resolved: the defaults of its group, of its function and of Kobe are already in it, so that nobody downstream asks where a value came from.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use kobe_calendar::{Phase, Tag, WorkMode};

use crate::alert::Severity;
use crate::trigger::Firing;

/// The place of a task in its desk; stable for the life of one desk, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskIx(pub u32);

impl TaskIx {
    /// Returns the place as an index.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// A word that stands in desk files, columns and JSON under the same name.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* #[doc = concat!(" Written `", $word, "`.")] $variant),+ }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// Returns the word of this value, as files, columns and JSON have it.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.word()) }
        }
        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(s: &str) -> Result<Self, UnknownWord> {
                match s { $($word => Ok($name::$variant),)+ _ => Err(UnknownWord { word: s.to_owned(), known: &[$($word),+] }) }
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.word()) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

/// A word that is none of those known in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{word}`, expected one of {}", known.join(", "))]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// What could have stood there.
    pub known: &'static [&'static str],
}

words! {
    /// The five categories of work; each has its own workers and its own bounded queue, so that research can never hold up a stop check.
    Lane { Trading = "trading", Monitoring = "monitoring", Research = "research", Learning = "learning", Maintenance = "maintenance" }
}

words! {
    /// What a task may do to positions. All that guards money keys on this, never on a lane or a name.
    TradeRight {
        /// Never sends an order.
        None = "none",
        /// May close or reduce.
        Reduce = "reduce",
        /// May open.
        Open = "open",
    }
}

impl TradeRight {
    /// Returns the letter of the desk's tables: N, X or E.
    pub const fn letter(self) -> char {
        match self {
            TradeRight::None => 'N',
            TradeRight::Reduce => 'X',
            TradeRight::Open => 'E',
        }
    }

    /// Tells whether an order of any kind may come of it.
    pub const fn trades(self) -> bool {
        !matches!(self, TradeRight::None)
    }
}

words! {
    /// What a slot does on a day with an early close.
    HalfDay {
        /// Keeps its time; slots named from the close follow the real close.
        Run = "run",
        /// Keeps its distance to the close.
        Move = "move",
        /// Does not run: skipped(early_close).
        Skip = "skip",
    }
}

words! {
    /// What a slot does on a weekday without a session.
    OnHoliday {
        /// Runs as on any day.
        Run = "run",
        /// Does not run: skipped(holiday).
        Skip = "skip",
        /// Runs on the session before, at the same clock time.
        PrevSession = "prev_session",
        /// Runs on the session after, at the same clock time.
        NextSession = "next_session",
    }
}

words! {
    /// What a wall-clock slot does when its time does not exist (clocks spring forward).
    Gap { Shift = "shift", Skip = "skip" }
}

words! {
    /// What a wall-clock slot does when its time exists twice (clocks fall back).
    Fold { First = "first", Second = "second", Both = "both" }
}

/// What happens to slots that passed while nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// All of them are missed.
    Skip,
    /// The newest runs if it is within the grace; the others are missed.
    Latest,
    /// Up to n run, oldest first.
    All(u32),
}

/// What a new slot does while an older run of the same task is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The new slot is skipped(overlap).
    Skip,
    /// Up to n runs wait behind the live one.
    Queue(u32),
    /// The live run is stopped, and the new one starts once it is gone.
    Replace,
    /// Up to n run at the same time.
    Allow(u32),
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CatchUp::Skip => f.write_str("skip"),
            CatchUp::Latest => f.write_str("latest"),
            CatchUp::All(n) => write!(f, "all({n})"),
        }
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Overlap::Skip => f.write_str("skip"),
            Overlap::Queue(1) => f.write_str("queue_one"),
            Overlap::Queue(n) => write!(f, "queue({n})"),
            Overlap::Replace => f.write_str("replace"),
            Overlap::Allow(n) => write!(f, "allow({n})"),
        }
    }
}

/// The moment from which running is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UselessAfter {
    /// So long after the slot.
    Later(SignedDuration),
    /// At a moment of the slot's day.
    Moment(crate::trigger::Moment),
}

/// The days of the week on which a trigger names slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(pub u8);

impl Weekdays {
    /// Monday to Friday.
    pub const WEEKDAYS: Weekdays = Weekdays(0b001_1111);
    /// Every day.
    pub const DAILY: Weekdays = Weekdays(0b111_1111);
    /// Saturday.
    pub const SATURDAY: Weekdays = Weekdays(0b010_0000);
    /// Sunday.
    pub const SUNDAY: Weekdays = Weekdays(0b100_0000);
    /// Saturday and Sunday.
    pub const WEEKEND: Weekdays = Weekdays(0b110_0000);

    /// Tells whether the day of the week is one of them.
    pub fn has(self, day: jiff::civil::Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (Weekdays::WEEKDAYS, "weekdays"),
            (Weekdays::DAILY, "daily"),
            (Weekdays::SATURDAY, "saturday"),
            (Weekdays::SUNDAY, "sunday"),
            (Weekdays::WEEKEND, "weekend"),
        ];
        if let Some((_, name)) = named.iter().find(|(days, _)| days == self) {
            return f.write_str(name);
        }
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let mut first = true;
        for (i, name) in names.iter().enumerate() {
            if self.0 & (1 << i) != 0 {
                if !first {
                    f.write_str(",")?;
                }
                f.write_str(name)?;
                first = false;
            }
        }
        Ok(())
    }
}

/// What a task does when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Calls a function of the desk.
    Call(String),
    /// Starts a program: the first word is looked up in PATH, no shell stands between.
    Command(Vec<String>),
}

/// Which clock the calendar policies of a task follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskClock {
    /// The desk's exchange.
    Market,
    /// A clock that is always open, in UTC.
    Always,
}

/// Conditions on the moment; an empty list asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// The phase must be one of these.
    pub phases: Vec<Phase>,
    /// The work mode must be one of these.
    pub modes: Vec<WorkMode>,
    /// The day must carry one of these.
    pub tags: Vec<Tag>,
    /// The day must carry none of these.
    pub without_tags: Vec<Tag>,
}

/// How often and how soon a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first.
    pub limit: u32,
    /// The first wait; each further one is twice as long, one hour at most.
    pub backoff: SignedDuration,
}

/// Where something stands in the desk files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One task of the desk, with every default resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Unique name; the identity of the task in files, rows and commands.
    pub name: String,
    /// One line for people.
    pub does: String,
    /// The group that declared it.
    pub group: String,
    /// What it starts.
    pub work: Work,
    /// When it is due.
    pub firings: Vec<Firing>,
    /// Days of the week on which it names slots.
    pub days: Weekdays,
    /// Which calendar its policies follow.
    pub clock: TaskClock,
    /// Conditions on the moment.
    pub filter: Filter,
    /// Policy for weekdays without a session.
    pub on_holiday: OnHoliday,
    /// Its lane.
    pub lane: Lane,
    /// Its stage of the day's flow, if any.
    pub stage: Option<u8>,
    /// What it may do to positions.
    pub right: TradeRight,
    /// It means something only on a session day.
    pub session_bound: bool,
    /// At most one heavy run at a time.
    pub heavy: bool,
    /// The time one attempt may take.
    pub timeout: SignedDuration,
    /// How failures are repeated.
    pub retry: Retry,
    /// What happens to missed slots.
    pub catch_up: CatchUp,
    /// How late a slot may still start.
    pub grace: SignedDuration,
    /// What happens when runs would overlap.
    pub overlap: Overlap,
    /// From when it is worth nothing.
    pub useless_after: Option<UselessAfter>,
    /// Policy for times that do not exist.
    pub gap: Gap,
    /// Policy for times that exist twice.
    pub fold: Fold,
    /// May be started again after an attempt whose end is not known.
    pub idempotent: bool,
    /// Functions that must have ended for this date before it starts.
    pub after: Vec<String>,
    /// What the function is given.
    pub args: serde_json::Value,
    /// A run that has not begun so long after its slot is told; nothing to keep no such watch.
    pub start_by: Option<SignedDuration>,
    /// A run that is not over so long after its slot is told.
    pub finish_by: Option<SignedDuration>,
    /// Declared, but switched off.
    pub enabled: bool,
    /// Who answers for it.
    pub owner: String,
    /// How loud its failure is.
    pub severity: Severity,
    /// Where a person finds what to do.
    pub runbook: String,
    /// Where it was declared.
    pub place: Place,
}

impl Task {
    /// Returns the name of the desk function, or the program of a command.
    pub fn function(&self) -> &str {
        match &self.work {
            Work::Call(name) => name,
            Work::Command(argv) => argv.first().map_or("command", String::as_str),
        }
    }

    /// Returns its most urgent priority, 1 (critical) to 10.
    pub fn priority(&self) -> u8 {
        self.firings.iter().map(|f| f.priority).min().unwrap_or(3)
    }

    /// Tells whether it is driven by phase and mode instead of the clock.
    pub fn is_cooldown(&self) -> bool {
        self.firings.iter().any(|f| matches!(f.trigger, crate::trigger::Trigger::Cooldown(_)))
    }
}

/// Returns the word for a priority; 6 to 10 are plain numbers.
pub fn priority_word(priority: u8) -> String {
    match priority {
        1 => "critical".into(),
        2 => "high".into(),
        3 => "normal".into(),
        4 => "low".into(),
        5 => "background".into(),
        n => n.to_string(),
    }
}
