//! The number types that a machine computes with.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use matgrad_expr::ops::elementwise::erf;

use crate::product::{COLS, ROWS};
use crate::single;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Real:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Div<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + Sub<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Below all numbers.
    const NEG_INFINITY: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as an `f64`.
    fn to_f64(self) -> f64;
    /// eᵃ
    fn exp(self) -> Self;
    /// ln a
    fn ln(self) -> Self;
    /// √a
    fn sqrt(self) -> Self;
    /// tanh a
    fn tanh(self) -> Self;
    /// 1 / (1 + exp(-a))
    fn sigmoid(self) -> Self;
    /// erf a
    fn erf(self) -> Self;
    /// sin a
    fn sin(self) -> Self;
    /// cos a
    fn cos(self) -> Self;
    /// |a|
    fn abs(self) -> Self;
    /// -1, 0 or 1; NaN for NaN.
    fn sign(self) -> Self;
    /// aᵇ
    fn pow(self, exponent: Self) -> Self;

    /// A block of a product with the processor's vector instructions: for each p < k adds
    /// `a[offsets[i] + p·stride] · b[p·COLS + j]` to `sums[i·COLS + j]`.
    ///
    /// # Safety
    /// All these entries of `a`, `b` (k·COLS) and `sums` (ROWS·COLS) exist, and `wide` is said
    /// only where AVX2 and FMA are.
    #[doc(hidden)]
    unsafe fn block(
        wide: bool,
        k: usize,
        a: *const Self,
        offsets: &[usize; ROWS],
        stride: usize,
        b: *const Self,
        sums: &mut [Self; ROWS * COLS],
    );
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn exp(self) -> f64 {
        f64::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> f64 {
        f64::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn tanh(self) -> f64 {
        f64::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> f64 {
        let e = (-self.abs()).exp();
        (if self >= 0.0 { 1.0 } else { e }) / (1.0 + e)
    }
    #[inline(always)]
    fn erf(self) -> f64 {
        erf(self)
    }
    #[inline(always)]
    fn sin(self) -> f64 {
        f64::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> f64 {
        f64::cos(self)
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn sign(self) -> f64 {
        if self == 0.0 || self.is_nan() { self } else { self.signum() }
    }
    #[inline(always)]
    fn pow(self, exponent: f64) -> f64 {
        self.powf(exponent)
    }
    #[inline(always)]
    unsafe fn block(
        wide: bool,
        k: usize,
        a: *const f64,
        offsets: &[usize; ROWS],
        stride: usize,
        b: *const f64,
        sums: &mut [f64; ROWS * COLS],
    ) {
        // SAFETY: as the caller says.
        unsafe { crate::product::block_f64(wide, k, a, offsets, stride, b, sums) }
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn exp(self) -> f32 {
        single::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> f32 {
        f32::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        single::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        let e = single::exp(-self.abs());
        (if self >= 0.0 { 1.0 } else { e }) / (1.0 + e)
    }
    #[inline(always)]
    fn erf(self) -> f32 {
        erf(f64::from(self)) as f32
    }
    #[inline(always)]
    fn sin(self) -> f32 {
        f32::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> f32 {
        f32::cos(self)
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn sign(self) -> f32 {
        if self == 0.0 || self.is_nan() { self } else { self.signum() }
    }
    #[inline(always)]
    fn pow(self, exponent: f32) -> f32 {
        self.powf(exponent)
    }
    #[inline(always)]
    unsafe fn block(
        wide: bool,
        k: usize,
        a: *const f32,
        offsets: &[usize; ROWS],
        stride: usize,
        b: *const f32,
        sums: &mut [f32; ROWS * COLS],
    ) {
        // SAFETY: as the caller says.
        unsafe { crate::product::block_f32(wide, k, a, offsets, stride, b, sums) }
    }
}
