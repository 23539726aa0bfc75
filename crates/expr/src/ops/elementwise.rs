//! Ops that work on each entry by itself.

use super::PLAIN;
use super::linear::maximum;
use crate::op::{Domain, Form, Meaning, OpDef};

/// Element-wise (Hadamard) product, C = A ⊙ B.
pub const MUL: OpDef = OpDef {
    name: "mul",
    arity: 2,
    form: Form::Operator,
    numpy: "({0} * {1})",
    julia: "({0} .* {1})",
    adjoint: &["∂A = ∂C ⊙ B", "∂B = ∂C ⊙ A"],
    meaning: Meaning::Zip(|a, b| a * b),
    commutative: true,
    ..PLAIN
};

/// Element-wise quotient, C = A ⊘ B.
pub const DIV: OpDef = OpDef {
    name: "div",
    arity: 2,
    form: Form::Operator,
    numpy: "({0} / {1})",
    julia: "({0} ./ {1})",
    adjoint: &["∂A = ∂C ⊘ B", "∂B = -(∂C ⊙ C ⊘ B)"],
    meaning: Meaning::Zip(|a, b| a / b),
    domain: Domain::Nonzero,
    ..PLAIN
};

/// Element-wise power, C = A∘ᴮ.
pub const POW: OpDef = OpDef {
    name: "pow",
    arity: 2,
    form: Form::Operator,
    numpy: "np.power({0}, {1})",
    julia: "({0} .^ {1})",
    adjoint: &["∂A = ∂C ⊙ B ⊙ A.^(B - 1)", "∂B = ∂C ⊙ C ⊙ log(A)"],
    meaning: Meaning::Zip(f64::powf),
    domain: Domain::Positive,
    ..PLAIN
};

/// The larger one; at a tie the gradient goes to B, so that max(A, 0) has gradient 0 at 0.
pub const MAX: OpDef = OpDef {
    name: "max",
    arity: 2,
    numpy: "np.maximum({0}, {1})",
    julia: "max.({0}, {1})",
    adjoint: &["∂A = ∂C ⊙ (A > B)", "∂B = ∂C ⊙ (B >= A)"],
    meaning: Meaning::Zip(maximum),
    domain: Domain::Kinked,
    ..PLAIN
};

/// The smaller one; at a tie the gradient goes to B.
pub const MIN: OpDef = OpDef {
    name: "min",
    arity: 2,
    numpy: "np.minimum({0}, {1})",
    julia: "min.({0}, {1})",
    adjoint: &["∂A = ∂C ⊙ (B > A)", "∂B = ∂C ⊙ (A >= B)"],
    meaning: Meaning::Zip(|a, b| if a < b || a.is_nan() { a } else { b }),
    domain: Domain::Kinked,
    ..PLAIN
};

/// 1 where A > B, else 0; flat, so its gradient is 0.
pub const GREATER: OpDef = OpDef {
    name: "greater",
    arity: 2,
    form: Form::Operator,
    numpy: "({0} > {1}).astype(float)",
    julia: "Float64.({0} .> {1})",
    adjoint: &["∂A = 0 ∂C", "∂B = 0 ∂C"],
    meaning: Meaning::Zip(|a, b| f64::from(a > b)),
    domain: Domain::Kinked,
    ..PLAIN
};

/// 1 where A ≥ B, else 0.
pub const GREATER_EQUAL: OpDef = OpDef {
    name: "greater_equal",
    numpy: "({0} >= {1}).astype(float)",
    julia: "Float64.({0} .>= {1})",
    meaning: Meaning::Zip(|a, b| f64::from(a >= b)),
    ..GREATER
};

/// Exponential.
pub const EXP: OpDef = OpDef {
    name: "exp",
    numpy: "np.exp({0})",
    julia: "exp.({0})",
    adjoint: &["∂A = ∂C ⊙ C"],
    meaning: Meaning::Map(f64::exp),
    ..PLAIN
};

/// Natural logarithm.
pub const LOG: OpDef = OpDef {
    name: "log",
    numpy: "np.log({0})",
    julia: "log.({0})",
    adjoint: &["∂A = ∂C ⊘ A"],
    meaning: Meaning::Map(f64::ln),
    domain: Domain::Positive,
    ..PLAIN
};

/// Square root.
pub const SQRT: OpDef = OpDef {
    name: "sqrt",
    numpy: "np.sqrt({0})",
    julia: "sqrt.({0})",
    adjoint: &["∂A = ∂C ⊘ (2 C)"],
    meaning: Meaning::Map(f64::sqrt),
    domain: Domain::Positive,
    ..PLAIN
};

/// Hyperbolic tangent.
pub const TANH: OpDef = OpDef {
    name: "tanh",
    numpy: "np.tanh({0})",
    julia: "tanh.({0})",
    adjoint: &["∂A = ∂C ⊙ (1 - C.^2)"],
    meaning: Meaning::Map(f64::tanh),
    ..PLAIN
};

/// Logistic function, C = 1 / (1 + exp(-A)).
pub const SIGMOID: OpDef = OpDef {
    name: "sigmoid",
    numpy: "(0.5 + 0.5 * np.tanh(0.5 * {0}))",
    julia: "(0.5 .+ 0.5 .* tanh.(0.5 .* {0}))",
    adjoint: &["∂A = ∂C ⊙ C ⊙ (1 - C)"],
    meaning: Meaning::Map(sigmoid),
    ..PLAIN
};

/// Without overflow on either side.
fn sigmoid(a: f64) -> f64 {
    if a >= 0.0 {
        1.0 / (1.0 + (-a).exp())
    } else {
        let e = a.exp();
        e / (1.0 + e)
    }
}

/// Error function, C = 2/√π ∫₀ᴬ exp(-t²) dt.
pub const ERF: OpDef = OpDef {
    name: "erf",
    numpy: "_erf({0})",
    julia: "_erf.({0})",
    adjoint: &["∂A = ∂C ⊙ (1.1283791670955126 exp(-A.^2))"],
    meaning: Meaning::Map(erf),
    ..PLAIN
};

/// erf to about 1e-15: the Maclaurin series for |a| < 3, the continued fraction of erfc beyond.
/// Abramowitz and Stegun 7.1.6 and 7.1.14.
pub fn erf(a: f64) -> f64 {
    let x = a.abs();
    let value = if x < 3.0 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
    } else if x < 6.0 {
        let fraction = (1..=60).rev().fold(x, |f, k| x + 0.5 * f64::from(k) / f);
        1.0 - (-x * x).exp() * 0.5 * std::f64::consts::FRAC_2_SQRT_PI / fraction
    } else if x.is_nan() {
        x
    } else {
        1.0
    };
    value.copysign(a)
}

/// Sine.
pub const SIN: OpDef = OpDef {
    name: "sin",
    numpy: "np.sin({0})",
    julia: "sin.({0})",
    adjoint: &["∂A = ∂C ⊙ cos(A)"],
    meaning: Meaning::Map(f64::sin),
    ..PLAIN
};

/// Cosine.
pub const COS: OpDef = OpDef {
    name: "cos",
    numpy: "np.cos({0})",
    julia: "cos.({0})",
    adjoint: &["∂A = -(∂C ⊙ sin(A))"],
    meaning: Meaning::Map(f64::cos),
    ..PLAIN
};

/// The angle from -π/2 to π/2 of this tangent.
pub const ARCTAN: OpDef = OpDef {
    name: "arctan",
    numpy: "np.arctan({0})",
    julia: "atan.({0})",
    adjoint: &["∂A = ∂C ⊘ (1 + A.^2)"],
    meaning: Meaning::Map(f64::atan),
    ..PLAIN
};

/// Absolute value; gradient 0 at 0.
pub const ABS: OpDef = OpDef {
    name: "abs",
    numpy: "np.abs({0})",
    julia: "abs.({0})",
    adjoint: &["∂A = ∂C ⊙ sign(A)"],
    meaning: Meaning::Map(f64::abs),
    domain: Domain::Kinked,
    ..PLAIN
};

/// -1, 0 or 1; flat, so its gradient is 0.
pub const SIGN: OpDef = OpDef {
    name: "sign",
    numpy: "np.sign({0})",
    julia: "sign.({0})",
    adjoint: &["∂A = 0 ∂C"],
    meaning: Meaning::Map(|a| if a == 0.0 || a.is_nan() { a } else { a.signum() }),
    domain: Domain::Kinked,
    ..PLAIN
};

#[cfg(test)]
mod tests {
    use super::erf;

    #[test]
    fn erf_agrees_with_published_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, value) in
            [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)]
        {
            assert!((erf(x) - value).abs() < 1e-10, "erf({x}) = {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert!((erf(3.0 - 1e-12) - erf(3.0)).abs() < 1e-14, "the two formulas meet");
    }
}
