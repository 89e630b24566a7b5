//! Threads that perform jobs: as many as there are jobs that take their time, and no more awake than needed.
//!
//! How many runs may be on their way is the machine's to say, lane by lane; the pool only has threads ready. Jobs lie in one queue. A job that comes wakes one thread; a
//! thread that takes a job and sees another wakes the next. So jobs that end at once are done by one thread that is awake already, and jobs that take their time each get
//! their own. Threads are never given up, since a child process may be bound to the life of the thread that started it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// A thread was woken or started, and has not looked yet.
    coming: bool,
    born: usize,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    called: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that perform jobs.
pub(crate) struct Pool(Arc<Shared>);

impl Pool {
    /// Has `count` threads ready, so that the first jobs need not wait for one.
    pub(crate) fn warm(count: usize) -> std::io::Result<Pool> {
        let pool = Pool(Arc::default());
        for _ in 0..count {
            let mut state = pool.0.lock();
            spawn(&pool.0, &mut state)?;
        }
        Ok(pool)
    }

    /// Has a job performed by an idle thread, or by a new one.
    pub(crate) fn perform(&self, job: Job) -> std::io::Result<()> {
        let mut state = self.0.lock();
        state.jobs.push_back(job);
        call(&self.0, state)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.called.notify_all();
    }
}

/// Has a thread come for the next job, unless one is on its way.
fn call(shared: &Arc<Shared>, mut state: MutexGuard<'_, State>) -> std::io::Result<()> {
    if state.coming || state.jobs.is_empty() {
        return Ok(());
    }
    state.coming = true;
    if state.idle > 0 {
        drop(state);
        shared.called.notify_one();
        return Ok(());
    }
    let spawned = spawn(shared, &mut state);
    if spawned.is_err() {
        // Those that are busy take it when they are done.
        state.coming = false;
    }
    spawned
}

fn spawn(shared: &Arc<Shared>, state: &mut State) -> std::io::Result<()> {
    state.born += 1;
    let own = Arc::clone(shared);
    let name = format!("worker-{}", state.born);
    thread::Builder::new().name(name).stack_size(1 << 20).spawn(move || work(&own))?;
    Ok(())
}

fn work(shared: &Arc<Shared>) {
    let mut state = shared.lock();
    loop {
        state.coming = false;
        let Some(job) = state.jobs.pop_front() else {
            if state.closed {
                return;
            }
            state.idle += 1;
            state = shared.called.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        };
        // A thread that the system refuses is no fault of this job: the next one waits for a thread that is done.
        let _ = call(shared, state);
        // A job reports its own panic; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(job));
        state = shared.lock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_that_wait_for_each_other_each_get_a_thread() {
        let pool = Pool::warm(1).expect("threads");
        let (barrier, (done, ended)) = (Arc::new(Barrier::new(12)), channel());
        for _ in 0..12 {
            let (barrier, done) = (Arc::clone(&barrier), done.clone());
            pool.perform(Box::new(move || {
                barrier.wait();
                done.send(()).expect("the test waits");
            }))
            .expect("a thread");
        }
        assert_eq!(ended.iter().take(12).count(), 12);
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_with_it() {
        let pool = Pool::warm(1).expect("threads");
        let (done, ended) = channel();
        for n in 0..100 {
            let done = done.clone();
            pool.perform(Box::new(move || {
                done.send(n).expect("the test waits");
                assert!(n % 2 == 0, "an odd job");
            }))
            .expect("a thread");
        }
        let mut seen: Vec<i32> = ended.iter().take(100).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }
}
