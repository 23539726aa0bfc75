//! Register blocks with AVX2 and FMA.

use std::arch::x86_64::{
    _mm256_broadcast_sd, _mm256_broadcast_ss, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd,
    _mm256_loadu_ps, _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps,
};

use super::{COLS, ROWS};

/// See [`crate::real::Real::block`]; the sums are written, not added to.
///
/// # Safety
/// As there.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn block_f32(
    k: usize,
    a: *const f32,
    offsets: &[usize; ROWS],
    stride: usize,
    b: *const f32,
    sums: &mut [f32; ROWS * COLS],
) {
    let mut registers = [[_mm256_setzero_ps(); 2]; ROWS];
    // SAFETY: the caller says that all these entries exist.
    unsafe {
        let rows = offsets.map(|offset| a.add(offset));
        for p in 0..k {
            let left = _mm256_loadu_ps(b.add(p * COLS));
            let right = _mm256_loadu_ps(b.add(p * COLS + 8));
            for (register, row) in registers.iter_mut().zip(rows) {
                let x = _mm256_broadcast_ss(&*row.add(p * stride));
                register[0] = _mm256_fmadd_ps(x, left, register[0]);
                register[1] = _mm256_fmadd_ps(x, right, register[1]);
            }
        }
        for (register, sums) in registers.iter().zip(sums.chunks_exact_mut(COLS)) {
            _mm256_storeu_ps(sums.as_mut_ptr(), register[0]);
            _mm256_storeu_ps(sums.as_mut_ptr().add(8), register[1]);
        }
    }
}

/// See [`crate::real::Real::block`]; the sums are written, not added to.
///
/// # Safety
/// As there.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn block_f64(
    k: usize,
    a: *const f64,
    offsets: &[usize; ROWS],
    stride: usize,
    b: *const f64,
    sums: &mut [f64; ROWS * COLS],
) {
    // Two halves of eight columns: twelve sums at once fit the registers.
    for half in [0, COLS / 2] {
        let mut registers = [[_mm256_setzero_pd(); 2]; ROWS];
        // SAFETY: the caller says that all these entries exist.
        unsafe {
            let rows = offsets.map(|offset| a.add(offset));
            for p in 0..k {
                let left = _mm256_loadu_pd(b.add(p * COLS + half));
                let right = _mm256_loadu_pd(b.add(p * COLS + half + 4));
                for (register, row) in registers.iter_mut().zip(rows) {
                    let x = _mm256_broadcast_sd(&*row.add(p * stride));
                    register[0] = _mm256_fmadd_pd(x, left, register[0]);
                    register[1] = _mm256_fmadd_pd(x, right, register[1]);
                }
            }
            for (register, sums) in registers.iter().zip(sums.chunks_exact_mut(COLS)) {
                _mm256_storeu_pd(sums.as_mut_ptr().add(half), register[0]);
                _mm256_storeu_pd(sums.as_mut_ptr().add(half + 4), register[1]);
            }
        }
    }
}
