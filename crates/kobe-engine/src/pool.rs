//! Worker threads: as many as there is work at once, kept for the next.
//!
//! How much may run at once is the machine's decision, lane by lane; the pool only has a thread ready. Threads are never given up, since a child process may be bound to
//! the life of the thread that started it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Idle(Mutex<Vec<Sender<Job>>>);

impl Idle {
    fn take(&self) -> Option<Sender<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, worker: Sender<Job>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }
}

/// Threads that perform jobs.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Arc<Idle>,
    born: usize,
}

impl Pool {
    /// Has `count` threads ready, so that the first jobs need not wait for one.
    pub(crate) fn warm(count: usize) -> std::io::Result<Pool> {
        let mut pool = Pool::default();
        for _ in 0..count {
            let worker = pool.spawn()?;
            pool.idle.give(worker);
        }
        Ok(pool)
    }

    /// Performs a job on an idle thread, or on a new one.
    pub(crate) fn perform(&mut self, job: Job) -> std::io::Result<()> {
        let worker = match self.idle.take() {
            Some(worker) => worker,
            None => self.spawn()?,
        };
        worker.send(job).map_err(|_| std::io::Error::other("a worker thread is gone"))
    }

    fn spawn(&mut self) -> std::io::Result<Sender<Job>> {
        let (sender, receiver): (Sender<Job>, Receiver<Job>) = channel();
        let (idle, own) = (Arc::clone(&self.idle), sender.clone());
        self.born += 1;
        thread::Builder::new().name(format!("worker-{}", self.born)).stack_size(1 << 20).spawn(move || {
            for job in receiver {
                // A job reports its own panic; the thread goes on.
                let _ = catch_unwind(AssertUnwindSafe(job));
                idle.give(own.clone());
            }
        })?;
        Ok(sender)
    }
}
