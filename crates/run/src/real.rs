//! The number types that a machine computes with.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::convolution::Convolve;
use crate::function::{Coefficients, DOUBLE, SINGLE};
use crate::peak::MultiplyAdds;
use crate::picture::Pictures;
use crate::product::Product;
use crate::reduce::Reduce;
use crate::simd::{F32, F64, Isa, vectorised};
use crate::tile::Entries;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// What vectors are for. (One value for all, so that loops are compiled in this crate only.)
#[doc(hidden)]
pub enum Task<'a, T> {
    Product(Product<'a, T>),
    Entries(Entries<'a, T>),
    Reduce(Reduce<T>),
    Convolve(Convolve<'a, T>),
    Pictures(Pictures<'a, T>),
    MultiplyAdds(MultiplyAdds<T>),
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
    /// The smallest positive normal number.
    const SMALLEST: Self;
    /// Whether a sum of a product may be rounded once. In 64 bits each operation is rounded as the
    /// page says: paths of training are those of others who do so, however long they are.
    const JOINED: bool = size_of::<Self>() == 4;
    /// Of the functions.
    #[doc(hidden)]
    const COEFFICIENTS: &'static Coefficients<Self>;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as an `f64`.
    fn to_f64(self) -> f64;
    /// a b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// ln a
    fn ln(self) -> Self;
    /// √a
    fn sqrt(self) -> Self;
    /// sin a
    fn sin(self) -> Self;
    /// cos a
    fn cos(self) -> Self;
    /// arctan a
    fn arctan(self) -> Self;
    /// |a|
    fn abs(self) -> Self;
    /// |a| with the sign of another.
    fn copysign(self, sign: Self) -> Self;
    /// aᵇ
    fn pow(self, exponent: Self) -> Self;
    /// a 2ⁿ for a whole n.
    fn scale(self, n: Self) -> Self;
    /// m in [1, 2) and n with a = m 2ⁿ, for a normal positive number.
    fn split(self) -> (Self, Self);

    /// Runs a task with the vectors of an instruction set.
    ///
    /// # Safety
    /// What the task says, and the processor has the instructions.
    #[doc(hidden)]
    unsafe fn run(isa: Isa, task: &Task<Self>);
}

macro_rules! standard {
    ($t:ident, $bits:ident, $signed:ident, $mantissa:literal, $bias:literal) => {
        const ZERO: $t = 0.0;
        const ONE: $t = 1.0;
        const NEG_INFINITY: $t = $t::NEG_INFINITY;
        const SMALLEST: $t = $t::MIN_POSITIVE;

        #[inline(always)]
        fn scale(self, n: $t) -> $t {
            // Two factors, so that neither leaves the range.
            let half = n as $signed >> 1;
            let power = |n: $signed| $t::from_bits(((n + $bias) << $mantissa) as $bits);
            self * power(half) * power(n as $signed - half)
        }
        #[inline(always)]
        fn split(self) -> ($t, $t) {
            let exponent = (self.to_bits() >> $mantissa) as $signed - $bias;
            let fraction = self.to_bits() & ((1 << $mantissa) - 1);
            ($t::from_bits(fraction | $t::to_bits(1.0)), exponent as $t)
        }
    };
}

macro_rules! methods {
    ($t:ident: $($name:ident $of:ident ($($a:ident),*);)*) => {$(
        #[inline(always)]
        fn $name(self, $($a: $t),*) -> $t {
            $t::$of(self, $($a),*)
        }
    )*};
}

impl Real for f32 {
    const COEFFICIENTS: &'static Coefficients<f32> = &SINGLE;
    standard!(f32, u32, i32, 23, 127);
    methods!(f32: mul_add mul_add(b, c); ln ln(); sqrt sqrt(); sin sin(); cos cos(); arctan atan();
        abs abs(); copysign copysign(sign); pow powf(exponent););

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    unsafe fn run(isa: Isa, task: &Task<f32>) {
        // SAFETY: as the caller says.
        unsafe {
            match task {
                Task::Product(work) => vectorised::<F32, _>(isa, work),
                Task::Entries(work) => vectorised::<F32, _>(isa, work),
                Task::Reduce(work) => vectorised::<F32, _>(isa, work),
                Task::Convolve(work) => vectorised::<F32, _>(isa, work),
                Task::Pictures(work) => vectorised::<F32, _>(isa, work),
                Task::MultiplyAdds(work) => vectorised::<F32, _>(isa, work),
            }
        }
    }
}

impl Real for f64 {
    const COEFFICIENTS: &'static Coefficients<f64> = &DOUBLE;
    standard!(f64, u64, i64, 52, 1023);
    methods!(f64: mul_add mul_add(b, c); ln ln(); sqrt sqrt(); sin sin(); cos cos(); arctan atan();
        abs abs(); copysign copysign(sign); pow powf(exponent););

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    unsafe fn run(isa: Isa, task: &Task<f64>) {
        // SAFETY: as the caller says.
        unsafe {
            match task {
                Task::Product(work) => vectorised::<F64, _>(isa, work),
                Task::Entries(work) => vectorised::<F64, _>(isa, work),
                Task::Reduce(work) => vectorised::<F64, _>(isa, work),
                Task::Convolve(work) => vectorised::<F64, _>(isa, work),
                Task::Pictures(work) => vectorised::<F64, _>(isa, work),
                Task::MultiplyAdds(work) => vectorised::<F64, _>(isa, work),
            }
        }
    }
}
