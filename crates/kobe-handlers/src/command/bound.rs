//! Bound to its parent: a child leads its own process group and is killed when the thread that started it ends.
//!
//! The one place of this crate with `unsafe`: setting the death signal must happen in the child, between fork and exec, and the standard library offers that moment only
//! through [`CommandExt::pre_exec`]. The closure makes two system calls; it takes no lock and allocates nothing, which is what that moment allows.
#![allow(unsafe_code, reason = "pre_exec is unsafe; see the module's words on why this use is sound")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Prepares a command to lead a group and to die with the calling thread. Engine workers are never given up, so for them this means: with Kobe, even on kill -9.
pub(super) fn lead_a_group_that_dies_with_this_thread(command: &mut Command) {
    let parent = getpid();
    command.process_group(0);
    let bind = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that died before the line above sends no signal any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. `bind` makes the system calls prctl and getppid and builds an error without allocating.
    unsafe { command.pre_exec(bind) };
}
