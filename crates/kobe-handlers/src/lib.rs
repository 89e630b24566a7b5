//! Work in any language: what a task starts outside the desk's own functions.
//!
//! A handler turns one attempt into one outcome. It never decides whether a task may run, never retries and never stores a row: that is the machine's. Here stands
//! [`CommandHandler`], which starts programs; a further kind of work is one more file and one more line below. Beside it stand the [`channels`] through which a person is told.
#![deny(unsafe_code)]

pub mod channels;
mod command;

pub use command::{CommandHandler, Limits};
