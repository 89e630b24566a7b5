//! Threads that perform jobs: as many as there are jobs that take their time, and no more awake than needed.
//!
//! How many runs may be on their way is the machine's to say, lane by lane; the pool only has threads ready. Jobs lie in one queue. A job that comes wakes one thread; a
//! thread that takes a job and sees another wakes the next. So jobs that end at once are done by one thread that is awake already, and jobs that take their time each get
//! their own. Threads are never given up, since a child process may be bound to the life of the thread that started it. A job for which the system gives no thread is dropped at
//! once, unperformed: it would begin when nobody expects it any more. Whoever gives a job learns of that by the job being dropped.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Something to do; dropped without being done where the system gives no thread for it.
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
    /// So many threads does the system give.
    #[cfg(test)]
    most: Option<usize>,
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

    /// Has a job performed by an idle thread, or by a new one; drops it where there is neither.
    pub(crate) fn perform(&self, job: Job) {
        let mut state = self.0.lock();
        state.jobs.push_back(job);
        call(&self.0, state);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.called.notify_all();
    }
}

/// Has a thread come for the next job, unless one is on its way. Where the system gives none, the jobs that wait are dropped: how long the threads that are busy will be is not
/// known, and a job that begins late may do harm.
fn call(shared: &Arc<Shared>, mut state: MutexGuard<'_, State>) {
    if state.coming || state.jobs.is_empty() {
        return;
    }
    state.coming = true;
    if state.idle > 0 {
        drop(state);
        shared.called.notify_one();
        return;
    }
    if spawn(shared, &mut state).is_err() {
        state.coming = false;
        let refused = std::mem::take(&mut state.jobs);
        // What a job does when it goes is done without the lock.
        drop(state);
        drop(refused);
    }
}

fn spawn(shared: &Arc<Shared>, state: &mut State) -> std::io::Result<()> {
    #[cfg(test)]
    if state.most.is_some_and(|most| state.born >= most) {
        return Err(std::io::ErrorKind::WouldBlock.into());
    }
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
        call(shared, state);
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
            }));
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
            }));
        }
        let mut seen: Vec<i32> = ended.iter().take(100).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    /// Says that it goes, whatever became of it.
    struct Says(std::sync::mpsc::Sender<&'static str>, &'static str);

    impl Drop for Says {
        fn drop(&mut self) {
            let _ = self.0.send(self.1);
        }
    }

    #[test]
    fn a_job_that_gets_no_thread_is_given_back_at_once_and_never_performed() {
        let pool = Pool::warm(1).expect("a thread");
        pool.0.lock().most = Some(1);
        let is_idle = || {
            while pool.0.lock().idle == 0 {
                thread::yield_now()
            }
        };
        let (say, said) = channel();
        let (begun, has_begun) = channel();
        let (go, gone) = channel::<()>();
        let first = say.clone();
        is_idle();
        pool.perform(Box::new(move || {
            begun.send(()).expect("the test waits");
            gone.recv().expect("the test says so");
            first.send("the first was performed").expect("the test waits");
        }));
        has_begun.recv().expect("it has the thread");
        let (second, performed) = (Says(say.clone(), "the second is given back"), say.clone());
        pool.perform(Box::new(move || {
            let _second = second;
            performed.send("the second was performed").expect("the test waits");
        }));
        assert_eq!(said.recv(), Ok("the second is given back"), "while the only thread is busy");
        go.send(()).expect("the first waits");
        assert_eq!(said.recv(), Ok("the first was performed"));
        is_idle();
        pool.perform(Box::new(move || say.send("the third was performed").expect("the test waits")));
        assert_eq!(said.recv(), Ok("the third was performed"), "and the second was not");
    }
}
