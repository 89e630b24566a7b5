//! What is due, may it run, how does it end?
//!
//! A [`Desk`] is what an operator declared: tasks with triggers, filters and policies, read from TOML. A [`Scheduler`] is a pure state machine over it: instants and
//! outcomes go in, changes to store and effects to perform come out. Nothing here reads a clock, touches a file or starts a thread; time is always an argument, so a
//! year can be lived in seconds and every behaviour of time can be tested.
//!
//! Start at [`Desk::parse`] for the files, at [`Scheduler::step`] for the machine, at [`view`] for the questions an operator asks.

#![deny(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod alert;
pub mod days;
pub mod desk;
pub mod diff;
pub mod judge;
pub mod run;
pub mod scheduler;
pub mod slot;
pub mod task;
pub mod trigger;
pub mod view;
pub mod wish;

pub use alert::{Alert, AlertKind};
pub use days::Days;
pub use desk::{Catalog, Desk, FunctionSpec, Problem, SourceFile};
pub use judge::{Check, Facts, Verdict, judge};
pub use run::{Change, CursorRow, Outcome, Reason, Run, RunId, State};
pub use scheduler::{Input, Scheduler, Settings, Start, Turn};
pub use slot::{Occurrence, Slot};
pub use task::{Lane, Task, TaskIx, TradeRight};
pub use trigger::Trigger;
pub use wish::{Held, Hold, Verb, Wish};
