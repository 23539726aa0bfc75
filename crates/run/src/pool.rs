//! Threads that wait for work: they spin for a while, then sleep.
//!
//! The caller takes part in the work, so a pool of n threads has n - 1 of its own.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::denormal;

/// How often a thread looks for work before it sleeps: some 50 µs.
const LOOKS: usize = 2000;

/// A task for each thread, by its number.
type Task<'a> = &'a (dyn Fn(usize) + Sync);

pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Counts the tasks that there were; changes when there is a new one.
    round: AtomicUsize,
    task: UnsafeCell<Option<Task<'static>>>,
    /// Workers that are not through with the task.
    busy: AtomicUsize,
    asleep: Vec<AtomicBool>,
    stop: AtomicBool,
    panicked: AtomicBool,
}

// SAFETY: the task is written only while no worker is busy, before `round` tells them of it.
unsafe impl Sync for Shared {}
// SAFETY: a task can be sent, being a shared reference to what is `Sync`.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of so many threads, the caller among them.
    pub fn new(threads: usize) -> Pool {
        let workers = 1..threads.max(1);
        let shared = Arc::new(Shared {
            round: AtomicUsize::new(0),
            task: UnsafeCell::new(None),
            busy: AtomicUsize::new(0),
            asleep: workers.clone().map(|_| AtomicBool::new(false)).collect(),
            stop: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        });
        let workers = workers.filter_map(|number| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("matgrad {number}"));
            // A system that gives no more threads is used with those that it gave.
            thread.spawn(move || shared.work(number)).ok()
        });
        let workers = workers.collect();
        Pool { shared, workers }
    }

    /// Threads, the caller among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs the task once for each number below [`Pool::threads`], 0 in this thread.
    pub fn run(&mut self, task: Task) {
        let shared = &*self.shared;
        // SAFETY: `done` waits for all workers before this function ends in any way, so none
        // sees the task afterwards; no worker is busy now.
        unsafe { *shared.task.get() = Some(std::mem::transmute::<Task, Task<'static>>(task)) };
        shared.busy.store(self.workers.len(), Ordering::Relaxed);
        shared.round.fetch_add(1, Ordering::SeqCst);
        let done = Done(shared);
        for (worker, asleep) in self.workers.iter().zip(&shared.asleep) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        task(0);
        drop(done);
        assert!(!shared.panicked.load(Ordering::Relaxed), "a worker stopped");
    }
}

/// Waits for the workers when it goes.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let mut looks = 0;
        while self.0.busy.load(Ordering::Acquire) > 0 {
            looks += 1;
            if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.round.fetch_add(1, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker only ends with a panic when the machine's own step has told of it.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn work(&self, number: usize) {
        let _flushed = denormal::Flushed::new();
        let mut seen = 0;
        loop {
            self.wait(number, seen);
            seen = seen.wrapping_add(1);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            // SAFETY: the task was written before the round began, and stays until none is busy.
            let task = unsafe { *self.task.get() };
            let done = catch_unwind(AssertUnwindSafe(|| task.iter().for_each(|task| task(number))));
            if done.is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    /// Until the round after `seen`.
    fn wait(&self, number: usize, seen: usize) {
        for _ in 0..LOOKS {
            if self.round.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let asleep = &self.asleep[number - 1];
        asleep.store(true, Ordering::SeqCst);
        while self.round.load(Ordering::SeqCst) == seen {
            std::thread::park();
        }
        asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn each_number_once_a_round_also_after_a_sleep() {
        let mut pool = Pool::new(3);
        for round in 0..200 {
            if round % 50 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            let seen = [(); 3].map(|()| AtomicUsize::new(0));
            pool.run(&|number| {
                seen[number].fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(seen.map(AtomicUsize::into_inner), [1, 1, 1]);
        }
    }
}
