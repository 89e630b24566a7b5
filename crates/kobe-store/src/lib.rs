//! Where rows stay: runs and books in one database.
//!
//! [`SqliteStore`] and [`SqliteBooks`] keep the rows of the engine and the facts of the desk in `STATE/kobe.db`: one writing thread, one durable transaction for what belongs
//! together, one instance a directory. [`MemoryStore`] and [`MemoryBooks`] obey the same rules without a disk, for a desk that lives in virtual time. [`Reader`] answers
//! commands and the web while another process writes; [`add_wish`] is how they ask for something. [`StateFiles`] shows the state as JSON files, written after the commit and
//! never read back.
//!
//! [`SqliteOutbox`] keeps what a person must be told until it was told. [`backup`] and [`restore`] save a state and bring it back frozen, [`Pruner`] removes what is old,
//! [`check_database`] and [`check_chains`] prove that a database is whole.
//!
//! The rules: acknowledged means durable · what is over never changes · a slot has one run, a decision one intent · the first fault of the disk ends all writing, a full one only until there is room · a damaged
//! file is never written to. One suite of tests holds for every store (`tests/conformance.rs`). Start at [`SqliteStore::open`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kobe_plan::Verb;
//! use kobe_store::{NewWish, Opening, Reader, RunFilter, SqliteStore, add_wish};
//!
//! let state = tempfile::tempdir()?;
//! let now = "2026-11-23T15:00:00Z".parse()?;
//! let opening = Opening { now, build: "kobe 0.1.0", calendar: "XNYS", tzdb: "2026a" };
//! let store = SqliteStore::open(state.path(), &opening)?;
//!
//! // Meanwhile another process asks and wishes; it needs no lock.
//! let wish = NewWish { verb: Verb::Run, name: "signal_ranking", reason: "the feed was late", operator: "ann" };
//! let wish = add_wish(state.path(), &wish, now)?;
//! let reader = Reader::open(state.path())?.expect("the store has made it");
//! assert!(reader.runs(&RunFilter::newest(20))?.is_empty());
//! assert_eq!(reader.wish(wish)?.and_then(|w| w.done_at), None, "the engine has not seen it yet");
//!
//! assert!(SqliteStore::open(state.path(), &opening).is_err(), "one instance a directory");
//! # drop(store);
//! # Ok(())
//! # }
//! ```

mod alerts;
mod backup;
mod books;
mod check;
mod desk_files;
mod fault;
mod journal;
mod ledger;
mod lock;
mod log;
mod mark;
mod memory;
mod open;
mod operator;
mod packed;
mod place;
mod prune;
mod reader;
mod reserve;
mod rows;
mod schema;
mod sqlite;
mod state_files;
mod steps;
#[cfg(test)]
mod testing;
mod ulid;
mod wish;
mod work;
mod writer;

pub use alerts::{AlertRow, SqliteOutbox, Waiting};
pub use backup::{
    BackingUp, BackupError, FileEntry, Manifest, Progress, RestoreError, Restored, Restoring, Source, backup,
    read_manifest, restore, verify_backup,
};
pub use books::SqliteBooks;
pub use check::{Chains, Checked, check_chains, check_database};
pub use lock::{Holder, holder};
pub use memory::{FactHook, MemoryBooks, MemoryOutbox, MemoryStore};
pub use open::state_directory;
pub use operator::{OperatorEntry, OperatorRow};
pub use prune::{Pruned, Pruner, Retention};
pub use reader::{Reader, RunFilter};
pub use rows::{About, ArtifactRow, CountRow, CursorRow, HoldRow, OrderRow, PacketRow, RunRow, WishRow};
pub use sqlite::{OpenError, Opening, SqliteStore};
pub use state_files::{Shown, StateFiles, Troubles, TroublesBoard};
pub use wish::{NewWish, WishError, add_wish, wish_text};
