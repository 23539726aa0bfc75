//! Functions that `core` lacks, for generated Rust; they are written into it as they stand here.
//! In 64 bits, right to about 1e-15 relative (sine and cosine: absolute, of angles up to 1e6).

fn exp(x: Real) -> Real {
    exp_64(x as f64) as Real
}

fn log(x: Real) -> Real {
    log_64(x as f64) as Real
}

fn sqrt(x: Real) -> Real {
    sqrt_64(x as f64) as Real
}

fn tanh(x: Real) -> Real {
    let x = x as f64;
    // e²ˣ - 1 is a series near 0, where the difference would lose digits.
    let e = if x.abs() < 0.17 { series(2.0 * x) } else { exp_64(2.0 * x.abs()) - 1.0 };
    if x.abs() > 20.0 {
        return x.signum() as Real;
    }
    let size = e / (e + 2.0);
    (if x <= -0.17 { -size } else { size }) as Real
}

fn sin(x: Real) -> Real {
    let (quarter, r) = quarters(x as f64);
    (match quarter {
        0 => sine(r),
        1 => cosine(r),
        2 => -sine(r),
        _ => -cosine(r),
    }) as Real
}

fn cos(x: Real) -> Real {
    let (quarter, r) = quarters(x as f64);
    (match quarter {
        0 => cosine(r),
        1 => -sine(r),
        2 => -cosine(r),
        _ => sine(r),
    }) as Real
}

/// Four times the quarter of the angle: tan(a/2) = tan a / (1 + √(1 + tan² a)).
fn atan(x: Real) -> Real {
    let size = (x as f64).abs();
    let mut t = if size > 1.0 { 1.0 / size } else { size };
    for _ in 0..2 {
        t /= 1.0 + sqrt_64(1.0 + t * t);
    }
    let mut sum = 0.0;
    for n in (0..13).rev() {
        sum = 1.0 / (2 * n + 1) as f64 - t * t * sum;
    }
    let angle = 4.0 * t * sum;
    let angle = if size > 1.0 { core::f64::consts::FRAC_PI_2 - angle } else { angle };
    (if x < 0.0 { -angle } else { angle }) as Real
}

/// 2/√π exp(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5…(2n+1)), whose terms have one sign.
fn erf(x: Real) -> Real {
    let x = x as f64;
    if x.abs() > 6.0 {
        return x.signum() as Real;
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    (core::f64::consts::FRAC_2_SQRT_PI * exp_64(-x * x) * sum) as Real
}

fn fabs(x: Real) -> Real {
    x.abs()
}

fn pow(x: Real, y: Real) -> Real {
    let (x, y) = (x as f64, y as f64);
    let whole = y as i32;
    if whole as f64 != y {
        return (if y == 0.0 { 1.0 } else { exp_64(y * log_64(x)) }) as Real;
    }
    let (mut base, mut left, mut product) = (x, whole.unsigned_abs(), 1.0);
    while left > 0 {
        if left % 2 == 1 {
            product *= base;
        }
        base *= base;
        left /= 2;
    }
    (if whole < 0 { 1.0 / product } else { product }) as Real
}

/// eʳ - 1 for small r.
fn series(r: f64) -> f64 {
    let mut sum = 1.0;
    for n in (2..16).rev() {
        sum = 1.0 + r * sum / n as f64;
    }
    r * sum
}

/// eˣ = 2ᵏ eʳ with r = x - k ln 2, ln 2 in two parts.
fn exp_64(x: f64) -> f64 {
    if x.is_nan() || x > 710.0 {
        return if x.is_nan() { x } else { f64::INFINITY };
    }
    if x < -746.0 {
        return 0.0;
    }
    let k = (x * core::f64::consts::LOG2_E + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let r = (x - k as f64 * 0.693_147_180_369_123_8) - k as f64 * 1.908_214_929_270_587_7e-10;
    let half = k / 2;
    (1.0 + series(r)) * power_of_two(half) * power_of_two(k - half)
}

fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

/// x = 2ᵏ m and log m = 2 (s + s³/3 + s⁵/5 + …), s = (m - 1) / (m + 1).
fn log_64(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return if x == 0.0 {
            f64::NEG_INFINITY
        } else if x > 0.0 {
            x
        } else {
            f64::NAN
        };
    }
    if x < f64::MIN_POSITIVE {
        return log_64(x * power_of_two(60)) - 60.0 * core::f64::consts::LN_2;
    }
    let bits = x.to_bits();
    let mut k = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if m > core::f64::consts::SQRT_2 {
        m /= 2.0;
        k += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let mut sum = 0.0;
    for n in (0..12).rev() {
        sum = sum * s * s + 1.0 / (2 * n + 1) as f64;
    }
    2.0 * s * sum + k as f64 * 1.908_214_929_270_587_7e-10 + k as f64 * 0.693_147_180_369_123_8
}

/// Newton's steps, from half the exponent.
fn sqrt_64(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return if x < 0.0 { f64::NAN } else { x };
    }
    if x < f64::MIN_POSITIVE {
        return sqrt_64(x * power_of_two(60)) * power_of_two(-30);
    }
    let mut y = f64::from_bits((x.to_bits() >> 1) + (511 << 52) + (1 << 51));
    for _ in 0..5 {
        y = 0.5 * (y + x / y);
    }
    y
}

/// The quarter turn that an angle is in, and the angle from its middle, π/2 in three parts.
fn quarters(x: f64) -> (i64, f64) {
    let k = (x * core::f64::consts::FRAC_2_PI + if x < 0.0 { -0.5 } else { 0.5 }) as i64;
    let n = k as f64;
    let r = (x - n * 1.570_796_326_734_125_6) - n * 6.077_100_506_303_966e-11;
    (k.rem_euclid(4), r - n * 2.022_266_248_795_950_6e-21)
}

fn sine(r: f64) -> f64 {
    let mut sum = 1.0;
    for n in (1..10).rev() {
        sum = 1.0 - sum * r * r / (2 * n * (2 * n + 1)) as f64;
    }
    r * sum
}

fn cosine(r: f64) -> f64 {
    let mut sum = 1.0;
    for n in (1..10).rev() {
        sum = 1.0 - sum * r * r / (2 * n * (2 * n - 1)) as f64;
    }
    sum
}
