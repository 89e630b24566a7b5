//! The loop and its ports.
//!
//! The pure machine of `kobe-plan` decides; this crate gives it an instant, stores what it changed, and only then performs what it asked for. Databases, files, sockets and
//! functions stand behind ports: [`Store`], [`Handler`], [`Clock`], [`Pulse`]. The engine is threads and channels, and has no branch on a business rule.
//!
//! Start at [`Engine::run`] for the real clock, at [`simulate::Simulation`] for the virtual one.

pub mod clock;
mod engine;
mod handler;
pub mod journal;
pub mod outbox;
mod pool;
mod ports;
pub mod simulate;
mod trace;
mod vitals;
pub mod watch;
mod watchdog;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use engine::{Alarm, Engine, EngineError, EngineHandle, NewDesk, Ports, Reloaded, Stopped};
pub use handler::{Attempt, Handler, Stop, StopCause};
pub use ports::{Batch, Channel, Delivery, JournalRow, Outbox, Pulse, Store, StoreError, Unsent};
pub use trace::Trace;
pub use vitals::{LaneLoad, LastError, Upcoming, Vitals, VitalsBoard};
pub use watch::Pong;
pub use watchdog::{Eyes, Watchdog, Watched};
