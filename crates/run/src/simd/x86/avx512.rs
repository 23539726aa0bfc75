//! Vectors of AVX-512.

use std::arch::x86_64::*;

use super::{avx512, avx512_alone};
use crate::simd::{Vector, Work};

/// Reading and writing the first numbers with mask registers, and choices by them.
macro_rules! masks {
    ($t:ty, $mask:ty: $load:ident, $store:ident, $compare:ident, $blend:ident,
        $load_where:ident, $compress:ident, $expand:ident) => {
        const PERMUTES: bool = true;

        #[inline(always)]
        unsafe fn load_where(self, from: *const $t, mask: u32) -> Self {
            // SAFETY: as the caller says; lanes that are masked out are not read.
            unsafe { $load_where(self, mask as $mask, from) }
        }
        #[inline(always)]
        fn compress(self, mask: u32) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $compress(mask as $mask, self) }
        }
        #[inline(always)]
        fn expand(self, mask: u32, rest: Self) -> Self {
            // SAFETY: a vector exists only where its instructions do.
            unsafe { $expand(rest, mask as $mask, self) }
        }
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
        _mm512_mask_blend_ps, _mm512_mask_loadu_ps, _mm512_maskz_compress_ps,
        _mm512_mask_expand_ps);
    instructions!(f32: add _mm512_add_ps(b); sub _mm512_sub_ps(b); mul _mm512_mul_ps(b);
        div _mm512_div_ps(b); mul_add _mm512_fmadd_ps(b, c); sqrt _mm512_sqrt_ps();
        max _mm512_max_ps(b); min _mm512_min_ps(b); scale _mm512_scalef_ps(n););

    #[inline(always)]
    fn pick(self, b: Self, index: &[u32; 16]) -> Self {
        // SAFETY: a vector exists only where its instructions do; the index is as long as one.
        unsafe { _mm512_permutex2var_ps(self, _mm512_loadu_si512(index.as_ptr().cast()), b) }
    }
    #[inline(always)]
    unsafe fn load_halves(low: *const f32, high: *const f32) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            let low = _mm512_castps256_ps512(_mm256_loadu_ps(low));
            _mm512_insertf32x8::<1>(low, _mm256_loadu_ps(high))
        }
    }
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
        _mm512_mask_blend_pd, _mm512_mask_loadu_pd, _mm512_maskz_compress_pd,
        _mm512_mask_expand_pd);
    instructions!(f64: add _mm512_add_pd(b); sub _mm512_sub_pd(b); mul _mm512_mul_pd(b);
        div _mm512_div_pd(b); mul_add _mm512_fmadd_pd(b, c); sqrt _mm512_sqrt_pd();
        max _mm512_max_pd(b); min _mm512_min_pd(b); scale _mm512_scalef_pd(n););

    #[inline(always)]
    fn pick(self, b: Self, index: &[u32; 16]) -> Self {
        // SAFETY: a vector exists only where its instructions do; the index is longer than one.
        unsafe {
            let index = _mm512_cvtepu32_epi64(_mm256_loadu_si256(index.as_ptr().cast()));
            _mm512_permutex2var_pd(self, index, b)
        }
    }
    #[inline(always)]
    unsafe fn load_halves(low: *const f64, high: *const f64) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            let low = _mm512_castpd256_pd512(_mm256_loadu_pd(low));
            _mm512_insertf64x4::<1>(low, _mm256_loadu_pd(high))
        }
    }
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
