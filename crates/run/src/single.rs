//! Functions of f32 without branches, so that loops over them become vector instructions.
//! Polynomials from S. Moshier's Cephes library; errors below 2 ulp are tested here.

/// eᵃ, by a = n ln 2 + r with |r| ≤ ln 2 / 2.
#[inline(always)]
pub(crate) fn exp(a: f32) -> f32 {
    // Beyond these the result is 0 or infinite; a NaN fails both tests and goes through.
    let a = if a > 89.0 { 89.0 } else { a };
    let a = if a < -104.0 { -104.0 } else { a };
    // Adding this moves the integer part into the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    let shifted = a * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (a - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2ⁿ in two factors, so that neither leaves the range.
    let n = (shifted.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    p * power(half) * power(n.wrapping_sub(half))
}

/// tanh a: a polynomial near 0, 1 - 2 / (e²ᵃ + 1) beyond.
#[inline(always)]
pub(crate) fn tanh(a: f32) -> f32 {
    let x = a.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    (if x < 0.625 { near } else { far }).copysign(a)
}

#[cfg(test)]
mod tests {
    fn ulps(found: f32, wanted: f64) -> f64 {
        let rounded = wanted as f32;
        let step = (rounded.abs().to_bits() + 1) as f64;
        let ulp = f64::from(f32::from_bits(step as u32)) - f64::from(rounded.abs());
        (f64::from(found) - wanted).abs() / ulp
    }

    #[test]
    fn within_two_ulps() {
        let (mut exp, mut tanh) = (0.0f64, 0.0f64);
        for i in -870_000..=885_000 {
            let a = i as f32 * 1e-4;
            exp = exp.max(ulps(super::exp(a), f64::from(a).exp()));
            let b = i as f32 * 1e-5;
            tanh = tanh.max(ulps(super::tanh(b), f64::from(b).tanh()));
        }
        assert!(exp < 2.0 && tanh < 2.0, "exp {exp} ulp, tanh {tanh} ulp");
    }

    #[test]
    fn limits() {
        assert_eq!(super::exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(super::exp(100.0), f32::INFINITY);
        assert_eq!(super::exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(super::exp(0.0), 1.0);
        assert!(super::exp(f32::NAN).is_nan() && super::tanh(f32::NAN).is_nan());
        assert_eq!(super::tanh(f32::INFINITY), 1.0);
        assert_eq!(super::tanh(-50.0), -1.0);
    }
}
