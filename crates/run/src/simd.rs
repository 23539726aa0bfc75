//! Vectors of numbers as the processor has them, chosen at run time.
//!
//! Every inner loop is written once over [`Vector`]; [`Isa`] says which instructions it is compiled
//! for. A loop is a [`Work`], and `vectorised` is the only door to it: what is behind is inlined, so
//! that it is compiled with the instructions of its vector.

use crate::real::Real;

/// The vector instructions that a machine uses. All give the same results up to rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every processor of this architecture has.
    Portable,
    /// AVX2 and FMA of x86-64.
    Avx2,
    /// AVX-512 (F and DQ) of x86-64.
    Avx512,
}

impl Isa {
    /// Those that this processor has, the best one last.
    pub fn available() -> Vec<Isa> {
        [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_here()).collect()
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn is_here(self) -> bool {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        match self {
            Isa::Portable => true,
            Isa::Avx2 => avx2,
            Isa::Avx512 => avx2 && avx512,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn is_here(self) -> bool {
        self == Isa::Portable
    }
}

/// Asks for memory that will be read soon.
pub(crate) fn fetch<T: Real>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has this instruction, which changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// Some numbers beside each other.
///
/// Implementations stand for instructions that the caller has made sure of, by way of
/// `vectorised`; their functions are safe but for those that read or write memory.
#[allow(clippy::missing_safety_doc, reason = "memory functions need what pointers need")]
pub trait Vector: Copy {
    /// A number of it.
    type Number: Real;
    /// A vector for narrow matrices: of half the size where there is one.
    type Half: Vector<Number = Self::Number>;
    /// How many numbers.
    const LANES: usize;
    /// Rows of the largest block of two vectors a row that the registers hold.
    const ROWS: usize;
    /// Rows of the largest block of one vector a row.
    const TALL: usize;
    /// Whether reading a part costs no more than reading all.
    const MASKED: bool;
    /// Whether [`Vector::reciprocal`], and to make it better, takes less than a quotient.
    const RECIPROCAL: bool = false;
    /// Whether [`Vector::compress`], [`Vector::expand`] and [`Vector::pick`] are instructions.
    const PERMUTES: bool = false;

    /// Runs work in a function of its own, which is compiled with these instructions too: what many
    /// places call is there once.
    unsafe fn apart<W: Work<Self::Number>>(work: &W);
    /// The same, and never a part of the only place that calls it: loops that need all registers have
    /// them then.
    unsafe fn alone<W: Work<Self::Number>>(work: &W);
    /// The same number everywhere.
    fn splat(x: Self::Number) -> Self;
    /// The numbers from there.
    unsafe fn load(from: *const Self::Number) -> Self;
    /// The first `n` numbers from there, zeros behind them.
    unsafe fn load_part(from: *const Self::Number, n: usize) -> Self;
    /// Writes all.
    unsafe fn store(self, to: *mut Self::Number);
    /// Writes the first `n`.
    unsafe fn store_part(self, to: *mut Self::Number, n: usize);
    /// a + b
    fn add(self, b: Self) -> Self;
    /// a - b
    fn sub(self, b: Self) -> Self;
    /// a b
    fn mul(self, b: Self) -> Self;
    /// a / b
    fn div(self, b: Self) -> Self;
    /// a b + c, rounded once where the instructions can.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// √a
    fn sqrt(self) -> Self;
    /// |a| with the sign of another.
    fn copysign(self, sign: Self) -> Self;
    /// `yes` where a > b, else `no`.
    fn if_greater(self, b: Self, yes: Self, no: Self) -> Self;
    /// `yes` where a ≥ b, else `no`.
    fn if_greater_equal(self, b: Self, yes: Self, no: Self) -> Self;
    /// A bit for each lane that is not zero, the first one lowest.
    fn nonzero(self) -> u32;
    /// The first halves of both, their numbers in turns, and the second halves.
    fn interleave(self, b: Self) -> (Self, Self);
    /// a 2ⁿ, for a whole n for which it is neither denormal nor beyond infinity by far.
    fn scale(self, n: Self) -> Self;
    /// m in [1, 2) and n with a = m 2ⁿ, for a normal positive number.
    fn split(self) -> (Self, Self);

    /// The larger; b where one is no number.
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        self.if_greater(b, self, b)
    }
    /// The smaller; b where one is no number.
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        b.if_greater(self, self, b)
    }
    /// [`Vector::scale`] for n ≤ 0 down to the exponent below the normal numbers', which gives 0
    /// or what is flushed to it.
    #[inline(always)]
    fn scale_down(self, n: Self) -> Self {
        self.scale(n)
    }
    /// 1 / a with at least half of its digits, for a in [1, 2].
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Self::splat(Self::Number::ONE).div(self)
    }
    /// -a
    #[inline(always)]
    fn neg(self) -> Self {
        Self::splat(-Self::Number::ZERO).sub(self)
    }
    /// |a|
    #[inline(always)]
    fn abs(self) -> Self {
        self.copysign(Self::splat(Self::Number::ONE))
    }
    /// A number of f64, rounded.
    #[inline(always)]
    fn number(x: f64) -> Self {
        Self::splat(Self::Number::from_f64(x))
    }
    /// Half of the numbers from one place, half from another.
    #[inline(always)]
    unsafe fn load_halves(low: *const Self::Number, high: *const Self::Number) -> Self {
        let mut lanes = [Self::Number::ZERO; 16];
        // SAFETY: the caller says that the numbers are there; no vector is longer than sixteen.
        unsafe {
            low.copy_to_nonoverlapping(lanes.as_mut_ptr(), Self::LANES / 2);
            high.copy_to_nonoverlapping(lanes.as_mut_ptr().add(Self::LANES / 2), Self::LANES / 2);
            Self::load(lanes.as_ptr())
        }
    }
    /// The numbers from there in the lanes of a mask, its lowest bit the first; else those here.
    #[inline(always)]
    unsafe fn load_where(self, from: *const Self::Number, mask: u32) -> Self {
        let mut lanes = self.lanes();
        for (i, lane) in lanes.iter_mut().enumerate().take(Self::LANES) {
            if mask >> i & 1 == 1 {
                // SAFETY: the caller says that the numbers of the mask are there.
                *lane = unsafe { *from.wrapping_add(i) };
            }
        }
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
    /// The numbers in the lanes of a mask, one behind the other, and zeros behind them.
    #[inline(always)]
    fn compress(self, mask: u32) -> Self {
        let (from, mut lanes, mut count) = (self.lanes(), [Self::Number::ZERO; 16], 0);
        for (i, &number) in from.iter().enumerate().take(Self::LANES) {
            if mask >> i & 1 == 1 {
                lanes[count] = number;
                count += 1;
            }
        }
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
    /// The first numbers, one after the other, in the lanes of a mask; the rest's in the others.
    #[inline(always)]
    fn expand(self, mask: u32, rest: Self) -> Self {
        let (from, mut lanes, mut count) = (self.lanes(), rest.lanes(), 0);
        for (i, lane) in lanes.iter_mut().enumerate().take(Self::LANES) {
            if mask >> i & 1 == 1 {
                *lane = from[count];
                count += 1;
            }
        }
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
    /// For each lane one of the numbers of both, as they are counted through.
    #[inline(always)]
    fn pick(self, b: Self, index: &[u32; 16]) -> Self {
        let (a, b, mut lanes) = (self.lanes(), b.lanes(), [Self::Number::ZERO; 16]);
        for (lane, &i) in lanes.iter_mut().zip(index).take(Self::LANES) {
            let i = i as usize;
            *lane = if i < Self::LANES { a[i] } else { b[i - Self::LANES] };
        }
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(lanes.as_ptr()) }
    }
    /// The numbers, zeros behind them.
    #[inline(always)]
    fn lanes(self) -> [Self::Number; 16] {
        let mut lanes = [Self::Number::ZERO; 16];
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }
    /// f of each number.
    #[inline(always)]
    fn each(self, f: impl Fn(Self::Number) -> Self::Number) -> Self {
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(self.lanes().map(f).as_ptr()) }
    }
    /// f of each pair of numbers.
    #[inline(always)]
    fn each_with(self, b: Self, f: impl Fn(Self::Number, Self::Number) -> Self::Number) -> Self {
        let (mut a, b) = (self.lanes(), b.lanes());
        for (a, b) in a.iter_mut().zip(b).take(Self::LANES) {
            *a = f(*a, b);
        }
        // SAFETY: no vector is longer than sixteen numbers.
        unsafe { Self::load(a.as_ptr()) }
    }
    /// Rows as columns, of a square of vectors: halves in turns, as often as a vector has halves.
    #[inline(always)]
    fn transpose(square: [Self; 16]) -> [Self; 16] {
        let mut square = turns(square);
        if Self::LANES > 2 {
            square = turns(square);
        }
        if Self::LANES > 4 {
            square = turns(square);
        }
        if Self::LANES > 8 {
            square = turns(square);
        }
        square
    }
    /// The sum of all lanes, in their order.
    #[inline(always)]
    fn sum(self) -> Self::Number {
        self.lanes().into_iter().take(Self::LANES).fold(Self::Number::ZERO, |sum, x| sum + x)
    }
}

/// The rows of the first half of a square in turns with those of the second. (No loop: what is in
/// registers stays there. No closure: the compiler may leave it out of line, without instructions.)
#[inline(always)]
fn turns<V: Vector>(s: [V; 16]) -> [V; 16] {
    let [a, b, c, d] = [turn(&s, 0), turn(&s, 1), turn(&s, 2), turn(&s, 3)];
    let [e, f, g, h] = [turn(&s, 4), turn(&s, 5), turn(&s, 6), turn(&s, 7)];
    [a.0, a.1, b.0, b.1, c.0, c.1, d.0, d.1, e.0, e.1, f.0, f.1, g.0, g.1, h.0, h.1]
}

#[inline(always)]
fn turn<V: Vector>(square: &[V; 16], i: usize) -> (V, V) {
    square[i].interleave(square[V::LANES / 2 + i])
}

/// A loop over vectors.
pub trait Work<T: Real> {
    /// Runs it.
    ///
    /// # Safety
    /// What the work says, and the processor has the instructions of `V`.
    unsafe fn run<V: Vector<Number = T>>(&self);
}

/// The vectors of a number type.
pub(crate) trait Vectors {
    type Number: Real;
    type Portable: Vector<Number = Self::Number>;
    type Avx2: Vector<Number = Self::Number>;
    type Avx512: Vector<Number = Self::Number>;
}

/// Those of `f32`.
pub(crate) struct F32;
/// Those of `f64`.
pub(crate) struct F64;

#[cfg(not(target_arch = "x86_64"))]
impl Vectors for F32 {
    type Number = f32;
    type Portable = Lanes<f32, 4>;
    type Avx2 = Lanes<f32, 4>;
    type Avx512 = Lanes<f32, 4>;
}

#[cfg(not(target_arch = "x86_64"))]
impl Vectors for F64 {
    type Number = f64;
    type Portable = Lanes<f64, 2>;
    type Avx2 = Lanes<f64, 2>;
    type Avx512 = Lanes<f64, 2>;
}

/// Runs a loop with the vectors of an instruction set.
///
/// # Safety
/// What the work says, and the processor has the instructions.
pub(crate) unsafe fn vectorised<S: Vectors, W: Work<S::Number>>(isa: Isa, work: &W) {
    // SAFETY: as the caller says.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::avx2::<S::Avx2, W>(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::avx512::<S::Avx512, W>(work),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => work.run::<S::Portable>(),
            Isa::Portable => work.run::<S::Portable>(),
        }
    }
}

/// Lanes for the compiler to make vectors of.
#[derive(Clone, Copy)]
pub struct Lanes<T, const N: usize>([T; N]);

impl<T: Real, const N: usize> Lanes<T, N> {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(T, T) -> T) -> Self {
        Lanes(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

impl<T: Real, const N: usize> Vector for Lanes<T, N> {
    type Number = T;
    type Half = Self;
    const LANES: usize = N;
    const ROWS: usize = 4;
    const TALL: usize = 4;
    const MASKED: bool = false;

    #[inline(never)]
    unsafe fn apart<W: Work<T>>(work: &W) {
        // SAFETY: as the caller says.
        unsafe { work.run::<Self>() }
    }
    #[inline(never)]
    unsafe fn alone<W: Work<T>>(work: &W) {
        // SAFETY: as the caller says.
        unsafe { work.run::<Self>() }
    }
    #[inline(always)]
    fn splat(x: T) -> Self {
        Lanes([x; N])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller says that the numbers are there.
        unsafe { from.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const T, n: usize) -> Self {
        let mut lanes = [T::ZERO; N];
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: the caller says that n numbers are there.
            *lane = unsafe { *from.add(i) };
        }
        Lanes(lanes)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller says that there is room.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut T, n: usize) {
        for (i, &lane) in self.0.iter().enumerate().take(n) {
            // SAFETY: the caller says that there is room for n.
            unsafe { *to.add(i) = lane };
        }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self.zip(b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            Lanes(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
        } else {
            self.mul(b).add(c)
        }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Lanes(self.0.map(T::sqrt))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.zip(sign, T::copysign)
    }
    #[inline(always)]
    fn if_greater(self, b: Self, yes: Self, no: Self) -> Self {
        Lanes(std::array::from_fn(|i| if self.0[i] > b.0[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn if_greater_equal(self, b: Self, yes: Self, no: Self) -> Self {
        Lanes(std::array::from_fn(|i| if self.0[i] >= b.0[i] { yes.0[i] } else { no.0[i] }))
    }
    #[inline(always)]
    fn nonzero(self) -> u32 {
        let mut bits = 0;
        for (i, x) in self.0.into_iter().enumerate() {
            bits |= u32::from(x != T::ZERO) << i;
        }
        bits
    }
    #[inline(always)]
    fn interleave(self, b: Self) -> (Self, Self) {
        let turn = |i: usize| if i.is_multiple_of(2) { self.0[i / 2] } else { b.0[i / 2] };
        (Lanes(std::array::from_fn(turn)), Lanes(std::array::from_fn(|i| turn(N + i))))
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        self.zip(n, T::scale)
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        (Lanes(self.0.map(|x| x.split().0)), Lanes(self.0.map(|x| x.split().1)))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
