//! Steps: places between which a power cut must do no harm, named so that a test can cut there.
//!
//! In a test, a process whose `KOBE_STORE_TEST_DIE_AT` is the number of a step (the first is 1) is killed on reaching it. Everywhere else a step is nothing.

/// Marks the end of a step.
#[cfg(not(test))]
pub(crate) fn step(_: &'static str) {}

#[cfg(test)]
pub(crate) fn step(name: &'static str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let taken = TAKEN.fetch_add(1, Ordering::SeqCst) + 1;
    if std::env::var("KOBE_STORE_TEST_DIE_AT").ok().and_then(|n| n.parse().ok()) == Some(taken) {
        println!("dies at {name}");
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}
