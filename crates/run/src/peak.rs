//! What the processor could do at most.

use std::cell::Cell;
use std::time::Instant;

use crate::real::{Real, Task};
use crate::simd::{Isa, Vector, Work};

/// Sums that are added to side by side, so that none waits for itself.
const SUMS: usize = 12;

/// Multiply-adds of numbers in registers.
pub struct MultiplyAdds<T> {
    rounds: u32,
    operations: Cell<f64>,
    /// The result, so that it is computed.
    sum: Cell<T>,
}

impl<T: Real> Work<T> for MultiplyAdds<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let (half, one) = (V::number(0.5), V::splat(T::ONE));
        let mut sums = [one; SUMS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(half, one);
            }
        }
        let all = sums.into_iter().fold(V::splat(T::ZERO), V::add);
        self.sum.set(std::hint::black_box(all.sum()));
        self.operations.set(f64::from(self.rounds) * (2 * SUMS * V::LANES) as f64);
    }
}

/// Floating-point operations a second of one thread at most, measured: multiply-adds in registers,
/// the best of twenty runs of some 50 µs.
pub fn peak<T: Real>() -> f64 {
    let isa = Isa::available().pop().unwrap_or(Isa::Portable);
    let work = Task::MultiplyAdds(MultiplyAdds {
        rounds: 1 << 14,
        operations: Cell::new(0.0),
        sum: Cell::new(T::ZERO),
    });
    let rate = |_| {
        let start = Instant::now();
        // SAFETY: the processor has these instructions, and the work touches no memory.
        unsafe { T::run(isa, &work) };
        let Task::MultiplyAdds(done) = &work else { return 0.0 };
        done.operations.get() / start.elapsed().as_secs_f64()
    };
    (0..20).map(rate).fold(0.0, f64::max)
}
