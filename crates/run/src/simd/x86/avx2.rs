//! Vectors of AVX2 and FMA.

use std::arch::x86_64::*;

use super::{avx2, avx2_alone};
use crate::simd::{Vector, Work};

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
