//! Errors of every function with every instruction set, and what happens at the edges.

use std::cell::RefCell;

use super::{erf, exp, log, sigmoid, tanh};
use crate::real::Real;
use crate::simd::{F32, F64, Isa, Vector, Vectors, Work, vectorised};
use matgrad_expr::ops::elementwise::erf as erf_of;

struct All<'a, T>(&'a [T], RefCell<&'a mut [Vec<T>; 5]>);

impl<T: Real> Work<T> for All<'_, T> {
    unsafe fn run<V: Vector<Number = T>>(&self) {
        for (from, i) in self.0.chunks_exact(V::LANES).zip((0..).step_by(V::LANES)) {
            // SAFETY: the chunk is a vector, and the results are as many.
            unsafe {
                let a = V::load(from.as_ptr());
                let results = [exp(a), log(a), tanh(a), sigmoid(a), erf(a)];
                for (result, to) in results.into_iter().zip(&mut **self.1.borrow_mut()) {
                    result.store(to[i..i + V::LANES].as_mut_ptr());
                }
            }
        }
    }
}

fn results<S: Vectors>(isa: Isa, numbers: &[S::Number]) -> [Vec<S::Number>; 5] {
    let mut found = [(); 5].map(|()| vec![S::Number::ZERO; numbers.len()]);
    // SAFETY: only instruction sets that are here are asked for.
    unsafe { vectorised::<S, _>(isa, &All(numbers, RefCell::new(&mut found))) };
    found
}

type Named = (&'static str, fn(f64) -> f64);

const MEANING: [Named; 5] = [
    ("exp", f64::exp),
    ("log", f64::ln),
    ("tanh", f64::tanh),
    ("sigmoid", |a| {
        let e = (-a.abs()).exp();
        (if a >= 0.0 { 1.0 } else { e }) / (1.0 + e)
    }),
    ("erf", erf_of),
];

fn numbers<T: Real>() -> Vec<T> {
    let near = (-300_000..300_000).map(|i| f64::from(i) * 1e-5);
    let far = (-87_000..88_000).map(|i| f64::from(i) * 1e-3);
    let tiny = (0..408).map(|i| 1.7f64.powi(-i / 3));
    near.chain(far).chain(tiny).map(T::from_f64).collect()
}

#[test]
fn single_within_two_ulps() {
    let numbers = numbers::<f32>();
    for isa in Isa::available() {
        for ((name, meaning), found) in MEANING.iter().zip(results::<F32>(isa, &numbers)) {
            let mut worst = (0.0, 0.0);
            for (&a, &found) in numbers.iter().zip(&found) {
                let wanted = meaning(f64::from(a));
                if wanted.abs() < f64::from(f32::MIN_POSITIVE) || !wanted.is_finite() {
                    continue;
                }
                let next = f32::from_bits((wanted as f32).abs().to_bits() + 1);
                let ulp = f64::from(next) - f64::from((wanted as f32).abs());
                let error = (f64::from(found) - wanted).abs() / ulp;
                if error > worst.0 || error.is_nan() {
                    worst = (error, a);
                }
            }
            // Without fused instructions each step of a polynomial is rounded twice.
            let most = if isa == Isa::Portable { 2.5 } else { 2.0 };
            assert!(worst.0 <= most, "{isa:?} {name}: {} ulp at {}", worst.0, worst.1);
        }
    }
}

#[test]
fn double_to_fifteen_digits() {
    let numbers = numbers::<f64>();
    for isa in Isa::available() {
        for ((name, meaning), found) in MEANING.iter().zip(results::<F64>(isa, &numbers)) {
            for (&a, &found) in numbers.iter().zip(&found) {
                let wanted = meaning(a);
                let error = ((found - wanted) / wanted).abs();
                // The meaning's own series for erf is 1.1e-15 off near 3.
                let most = if *name == "erf" { 2e-15 } else { 1e-15 };
                let same = error <= most || found == wanted || (found.is_nan() && wanted.is_nan());
                assert!(same, "{isa:?} {name} {a}: {found} {wanted} {error}");
            }
        }
    }
}

#[test]
fn edges() {
    let (infinite, nan) = (f32::INFINITY, f32::NAN);
    let numbers = [infinite, -infinite, nan, 0.0, 100.0, -200.0, -0.0, -1.0];
    let wanted = [
        [infinite, 0.0, nan, 1.0, infinite, 0.0, 1.0, 1f32 / std::f32::consts::E],
        [infinite, nan, nan, -infinite, 100f32.ln(), nan, -infinite, nan],
        [1.0, -1.0, nan, 0.0, 1.0, -1.0, -0.0, (-1f32).tanh()],
        [1.0, 0.0, nan, 0.5, 1.0, 0.0, 0.5, 1.0 / (1.0 + std::f32::consts::E)],
        [1.0, -1.0, nan, 0.0, 1.0, -1.0, -0.0, -0.842_700_8],
    ];
    for isa in Isa::available() {
        let twice: Vec<f32> = numbers.iter().chain(&numbers).copied().collect();
        for ((found, wanted), (name, _)) in
            results::<F32>(isa, &twice).iter().zip(&wanted).zip(MEANING)
        {
            for ((f, w), a) in found.iter().zip(wanted).zip(numbers) {
                let same = (f - w).abs() < 1e-6 || f == w || (f.is_nan() && w.is_nan());
                assert!(same, "{isa:?} {name} {a}: {f} {w}");
            }
        }
        let double =
            results::<F64>(isa, &[f64::INFINITY, -800.0, 0.0, -0.5, 800.0, 1e300, -1e300, 2.0]);
        assert_eq!(double[0][..2], [f64::INFINITY, 0.0]);
        assert!(double[1][2] == f64::NEG_INFINITY && double[1][3].is_nan());
    }
}
