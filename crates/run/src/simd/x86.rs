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

/// Reading and writing the first numbers with mask registers, and choices by them.
macro_rules! masks {
    ($t:ty, $mask:ty: $load:ident, $store:ident, $compare:ident, $blend:ident) => {
        #[inline(always)]
        unsafe fn load_part(from: *const $t, n: usize) -> Self {
            // SAFETY: as the caller says; lanes that are masked out are not read.
            unsafe { $load(((1u32 << n) - 1) as $mask, from) }
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut $t, n: usize) {
            // SAFETY: as the caller says; lanes that are masked out are not written.
            unsafe { $store(to, ((1u32 << n) - 1) as $mask, self) }
        }
        #[inline(always)]
        fn if_greater(self, b: Self, yes: Self, no: Self) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $blend($compare::<_CMP_GT_OQ>(self, b), no, yes) }
        }
        #[inline(always)]
        fn if_greater_equal(self, b: Self, yes: Self, no: Self) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $blend($compare::<_CMP_GE_OQ>(self, b), no, yes) }
        }
        #[inline(always)]
        fn nonzero(self) -> u32 {
            // SAFETY: a vector exists only where its instructions do.
            u32::from(unsafe { $compare::<_CMP_NEQ_UQ>(self, Self::splat(0.0)) })
        }
    };
}

impl Vector for __m512 {
    type Number = f32;
    type Half = __m256;
    const LANES: usize = 16;
    const ROWS: usize = 12;
    const TALL: usize = 12;
    const MASKED: bool = true;
    const RECIPROCAL: bool = true;

    memory!(f32: avx512, avx512_alone, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps);
    masks!(f32, u16: _mm512_maskz_loadu_ps, _mm512_mask_storeu_ps, _mm512_cmp_ps_mask,
        _mm512_mask_blend_ps);
    instructions!(f32: add _mm512_add_ps(b); sub _mm512_sub_ps(b); mul _mm512_mul_ps(b);
        div _mm512_div_ps(b); mul_add _mm512_fmadd_ps(b, c); sqrt _mm512_sqrt_ps();
        max _mm512_max_ps(b); min _mm512_min_ps(b); scale _mm512_scalef_ps(n););

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bit = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(bit, self), _mm512_and_ps(bit, sign))
        }
    }
    #[inline(always)]
    fn interleave(self, b: Self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high =
                _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (_mm512_permutex2var_ps(self, low, b), _mm512_permutex2var_ps(self, high, b))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let m = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(self);
            (m, _mm512_getexp_ps(self))
        }
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { _mm512_rcp14_ps(self) }
    }
}

impl Vector for __m512d {
    type Number = f64;
    type Half = __m256d;
    const LANES: usize = 8;
    const ROWS: usize = 12;
    const TALL: usize = 12;
    const MASKED: bool = true;
    const RECIPROCAL: bool = true;

    memory!(f64: avx512, avx512_alone, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd);
    masks!(f64, u8: _mm512_maskz_loadu_pd, _mm512_mask_storeu_pd, _mm512_cmp_pd_mask,
        _mm512_mask_blend_pd);
    instructions!(f64: add _mm512_add_pd(b); sub _mm512_sub_pd(b); mul _mm512_mul_pd(b);
        div _mm512_div_pd(b); mul_add _mm512_fmadd_pd(b, c); sqrt _mm512_sqrt_pd();
        max _mm512_max_pd(b); min _mm512_min_pd(b); scale _mm512_scalef_pd(n););

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bit = _mm512_set1_pd(-0.0);
            _mm512_or_pd(_mm512_andnot_pd(bit, self), _mm512_and_pd(bit, sign))
        }
    }
    #[inline(always)]
    fn interleave(self, b: Self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            (_mm512_permutex2var_pd(self, low, b), _mm512_permutex2var_pd(self, high, b))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let m = _mm512_getmant_pd::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(self);
            (m, _mm512_getexp_pd(self))
        }
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        let near = unsafe { _mm512_rcp14_pd(self) };
        let error = self.neg().mul_add(near, Self::splat(1.0));
        near.mul_add(error, near)
    }
}

/// The first of up to three numbers.
#[inline(always)]
unsafe fn few(from: *const f32, n: usize) -> __m128 {
    // SAFETY: as the caller says.
    unsafe {
        match n {
            0 => _mm_setzero_ps(),
            1 => _mm_load_ss(from),
            2 => _mm_castpd_ps(_mm_load_sd(from.cast())),
            _ => {
                let two = _mm_castpd_ps(_mm_load_sd(from.cast()));
                _mm_movelh_ps(two, _mm_load_ss(from.add(2)))
            }
        }
    }
}

/// 2ⁿ, for whole numbers with an exponent; 0 below them.
#[inline(always)]
unsafe fn power_ps(n: __m256i) -> __m256 {
    // SAFETY: as the caller says.
    unsafe {
        let biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    }
}

impl Vector for __m256 {
    type Number = f32;
    type Half = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    const TALL: usize = 12;
    const MASKED: bool = false;

    memory!(f32: avx2, avx2_alone, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps);
    instructions!(f32: add _mm256_add_ps(b); sub _mm256_sub_ps(b); mul _mm256_mul_ps(b);
        div _mm256_div_ps(b); mul_add _mm256_fmadd_ps(b, c); sqrt _mm256_sqrt_ps();
        max _mm256_max_ps(b); min _mm256_min_ps(b););

    #[inline(always)]
    unsafe fn load_part(from: *const f32, n: usize) -> Self {
        // In pieces: a masked load is ten times as slow on some processors.
        // SAFETY: as the caller says.
        unsafe {
            match n {
                8 => _mm256_loadu_ps(from),
                4.. => {
                    let low = _mm256_castps128_ps256(_mm_loadu_ps(from));
                    _mm256_insertf128_ps::<1>(low, few(from.add(4), n - 4))
                }
                _ => _mm256_zextps128_ps256(few(from, n)),
            }
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, n: usize) {
        if n == 8 {
            // SAFETY: as the caller says.
            return unsafe { self.store(to) };
        }
        // SAFETY: as the caller says; the bits of n say how many are written.
        unsafe {
            let (mut rest, mut to) = (_mm256_castps256_ps128(self), to);
            if n & 4 != 0 {
                _mm_storeu_ps(to, rest);
                (rest, to) = (_mm256_extractf128_ps::<1>(self), to.add(4));
            }
            if n & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                (rest, to) = (_mm_movehl_ps(rest, rest), to.add(2));
            }
            if n & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }
    #[inline(always)]
    fn if_greater(self, b: Self, yes: Self, no: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(self, b)) }
    }
    #[inline(always)]
    fn if_greater_equal(self, b: Self, yes: Self, no: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GE_OQ>(self, b)) }
    }
    #[inline(always)]
    fn nonzero(self) -> u32 {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let zero = Self::splat(0.0);
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(self, zero)) as u32
        }
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bit = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(bit, self), _mm256_and_ps(bit, sign))
        }
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do. Two factors, so that neither
        // leaves the range.
        unsafe {
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            self.mul(power_ps(half)).mul(power_ps(_mm256_sub_epi32(n, half)))
        }
    }
    #[inline(always)]
    fn scale_down(self, n: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { self.mul(power_ps(_mm256_cvtps_epi32(n))) }
    }
    #[inline(always)]
    fn interleave(self, b: Self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(self, b), _mm256_unpackhi_ps(self, b));
            (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bits = _mm256_castps_si256(self);
            let fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x007F_FFFF));
            let one = _mm256_set1_epi32(0x3F80_0000);
            let n = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            (_mm256_castsi256_ps(_mm256_or_si256(fraction, one)), _mm256_cvtepi32_ps(n))
        }
    }
}

/// Adding this moves a whole number of 64 bits into the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// 2ⁿ, as [`power_ps`] gives it, for whole numbers in the lowest bits.
#[inline(always)]
unsafe fn power_pd(n: __m256d) -> __m256d {
    // SAFETY: as the caller says.
    unsafe {
        let biased = _mm256_add_epi64(_mm256_castpd_si256(n), _mm256_set1_epi64x(1023));
        _mm256_castsi256_pd(_mm256_slli_epi64::<52>(biased))
    }
}

impl Vector for __m256d {
    type Number = f64;
    type Half = __m256d;
    const LANES: usize = 4;
    const ROWS: usize = 6;
    const TALL: usize = 12;
    const MASKED: bool = false;

    memory!(f64: avx2, avx2_alone, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd);
    instructions!(f64: add _mm256_add_pd(b); sub _mm256_sub_pd(b); mul _mm256_mul_pd(b);
        div _mm256_div_pd(b); mul_add _mm256_fmadd_pd(b, c); sqrt _mm256_sqrt_pd();
        max _mm256_max_pd(b); min _mm256_min_pd(b););

    #[inline(always)]
    unsafe fn load_part(from: *const f64, n: usize) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            match n {
                0 => _mm256_setzero_pd(),
                1 => _mm256_zextpd128_pd256(_mm_load_sd(from)),
                2 => _mm256_zextpd128_pd256(_mm_loadu_pd(from)),
                3 => {
                    let low = _mm256_castpd128_pd256(_mm_loadu_pd(from));
                    _mm256_insertf128_pd::<1>(low, _mm_load_sd(from.add(2)))
                }
                _ => _mm256_loadu_pd(from),
            }
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f64, n: usize) {
        if n == 4 {
            // SAFETY: as the caller says.
            return unsafe { self.store(to) };
        }
        // SAFETY: as the caller says; the bits of n say how many are written.
        unsafe {
            let (mut rest, mut to) = (_mm256_castpd256_pd128(self), to);
            if n & 2 != 0 {
                _mm_storeu_pd(to, rest);
                (rest, to) = (_mm256_extractf128_pd::<1>(self), to.add(2));
            }
            if n & 1 != 0 {
                _mm_store_sd(to, rest);
            }
        }
    }
    #[inline(always)]
    fn if_greater(self, b: Self, yes: Self, no: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_GT_OQ>(self, b)) }
    }
    #[inline(always)]
    fn if_greater_equal(self, b: Self, yes: Self, no: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_GE_OQ>(self, b)) }
    }
    #[inline(always)]
    fn nonzero(self) -> u32 {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let zero = Self::splat(0.0);
            _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(self, zero)) as u32
        }
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bit = _mm256_set1_pd(-0.0);
            _mm256_or_pd(_mm256_andnot_pd(bit, self), _mm256_and_pd(bit, sign))
        }
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do. Two factors, so that neither
        // leaves the range; their exponents are halves of n rounded to whole numbers.
        unsafe {
            let whole = Self::splat(WHOLE);
            let half = n.mul_add(Self::splat(0.5), whole);
            let rest = n.sub(half.sub(whole)).add(whole);
            self.mul(power_pd(half)).mul(power_pd(rest))
        }
    }
    #[inline(always)]
    fn scale_down(self, n: Self) -> Self {
        // SAFETY: a vector exists only where its instructions do.
        unsafe { self.mul(power_pd(n.add(Self::splat(WHOLE)))) }
    }
    #[inline(always)]
    fn interleave(self, b: Self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let (low, high) = (_mm256_unpacklo_pd(self, b), _mm256_unpackhi_pd(self, b));
            (_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: a vector exists only where its instructions do.
        unsafe {
            let bits = _mm256_castpd_si256(self);
            let fraction = _mm256_and_si256(bits, _mm256_set1_epi64x(0x000F_FFFF_FFFF_FFFF));
            let m = _mm256_or_si256(fraction, _mm256_set1_epi64x(0x3FF0_0000_0000_0000));
            // The exponent as the lowest bits of 2⁵².
            let two52 = _mm256_set1_epi64x(0x4330_0000_0000_0000);
            let n = _mm256_castsi256_pd(_mm256_or_si256(_mm256_srli_epi64::<52>(bits), two52));
            (_mm256_castsi256_pd(m), n.sub(Self::splat(4_503_599_627_370_496.0 + 1023.0)))
        }
    }
}
