//! Vectors of x86-64.

use std::arch::x86_64::*;

use super::{F32, F64, Lanes, Vector, Vectors, Work};

impl Vectors for F32 {
    type Number = f32;
    type Portable = Lanes<f32, 4>;
    type Avx2 = __m256;
    type Avx512 = __m512;
}

impl Vectors for F64 {
    type Number = f64;
    type Portable = Lanes<f64, 2>;
    type Avx2 = __m256d;
    type Avx512 = __m512d;
}

/// Runs work with AVX2 and FMA.
///
/// # Safety
/// The processor has them, and what the work says.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn avx2<V: Vector, W: Work<V::Number>>(work: &W) {
    // SAFETY: as the caller says.
    unsafe { work.run::<V>() }
}

/// Runs work with AVX-512.
///
/// # Safety
/// The processor has it, and what the work says.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq")]
pub(crate) unsafe fn avx512<V: Vector, W: Work<V::Number>>(work: &W) {
    // SAFETY: as the caller says.
    unsafe { work.run::<V>() }
}

/// [`avx2`], and never a part of what calls it.
///
/// # Safety
/// As for that.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn avx2_alone<V: Vector, W: Work<V::Number>>(work: &W) {
    // SAFETY: as the caller says.
    unsafe { work.run::<V>() }
}

/// [`avx512`], and never a part of what calls it.
///
/// # Safety
/// As for that.
#[target_feature(enable = "avx2,fma,avx512f,avx512dq")]
#[inline(never)]
unsafe fn avx512_alone<V: Vector, W: Work<V::Number>>(work: &W) {
    // SAFETY: as the caller says.
    unsafe { work.run::<V>() }
}

/// The functions that are one instruction.
macro_rules! instructions {
    ($t:ty: $($name:ident $of:ident ($($a:ident),*);)*) => {$(
        #[inline(always)]
        fn $name(self, $($a: Self),*) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $of(self, $($a),*) }
        }
    )*};
}

/// Reading and writing, whole.
macro_rules! memory {
    ($t:ty: $apart:ident, $alone:ident, $splat:ident, $load:ident, $store:ident) => {
        #[inline(always)]
        unsafe fn apart<W: Work<$t>>(work: &W) {
            // SAFETY: as the caller says.
            unsafe { $apart::<Self, W>(work) }
        }
        #[inline(always)]
        unsafe fn alone<W: Work<$t>>(work: &W) {
            // SAFETY: as the caller says.
            unsafe { $alone::<Self, W>(work) }
        }
        #[inline(always)]
        fn splat(x: $t) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $splat(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const $t) -> Self {
            // SAFETY: as the caller says.
            unsafe { $load(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut $t) {
            // SAFETY: as the caller says.
            unsafe { $store(to, self) }
        }
    };
}

mod avx2;
mod avx512;
