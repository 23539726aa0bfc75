//! Whether the threads pay: found by trying, where that is doubtful.
//!
//! What it costs to bring a matrix from one core to another differs between machines by more than a
//! small step takes, and other programs may need the cores. The bits of a step are the same anyway.

use std::time::{Duration, Instant};

/// Operations of a step from which on threads pay without doubt.
const DOUBTFUL: u64 = 1 << 25;
/// Steps in a row of each kind; the shortest counts, so that others may be cold or interrupted.
const STEPS: usize = 8;

/// Some steps with all threads, as many with one, and then what was better.
pub(crate) struct Trial {
    /// Whether the next step is to use the threads.
    pub threads: bool,
    /// Steps tried.
    tried: usize,
    /// The end of the last one.
    end: Option<Instant>,
    /// The shortest with threads, and with one: each from the end of the step before, since what is
    /// written between two steps has to come to the threads too.
    least: [Duration; 2],
}

impl Trial {
    /// Of steps of so many operations.
    pub fn new(operations: u64) -> Trial {
        let tried = if operations < DOUBTFUL { 0 } else { 2 * STEPS };
        Trial { threads: true, tried, end: None, least: [Duration::MAX; 2] }
    }

    /// Whether [`Trial::ended`] is to be told of the next step.
    pub fn is_under_way(&self) -> bool {
        self.tried < 2 * STEPS
    }

    /// A step is over: the first one begins the time of the second. Threads must save a twentieth.
    pub fn ended(&mut self, now: Instant) {
        let Some(before) = self.end.replace(now) else { return };
        let least = &mut self.least[self.tried / STEPS];
        *least = (*least).min(now - before);
        self.tried += 1;
        let [threads, one] = self.least;
        self.threads = self.tried < STEPS || (!self.is_under_way() && threads < one.mul_f64(0.95));
    }
}

#[cfg(test)]
mod tests {
    use super::{STEPS, Trial};
    use std::time::{Duration, Instant};

    /// What is chosen where steps with threads and with one take so long.
    fn chosen(threads: u64, one: u64) -> bool {
        let (mut trial, mut now) = (Trial::new(1000), Instant::now());
        trial.ended(now);
        for step in 0..2 * STEPS {
            // The first of each kind is a slow one.
            let slow = if step % STEPS == 0 { 1000 } else { 0 };
            now += Duration::from_nanos(slow + if trial.threads { threads } else { one });
            trial.ended(now);
        }
        assert!(!trial.is_under_way());
        trial.threads
    }

    #[test]
    fn what_was_better_is_kept() {
        assert!(chosen(60, 90));
        assert!(!chosen(89, 90));
        assert!(!chosen(90, 60));
        assert!(!Trial::new(u64::MAX).is_under_way() && Trial::new(u64::MAX).threads);
    }
}
