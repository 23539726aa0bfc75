//! Ops on square matrices: inverse and determinants, by Gaussian elimination with pivots.

use super::PLAIN;
use crate::matrix::Matrix;
use crate::op::{Domain, Meaning, OpDef, ShapeRule};

/// Inverse matrix, C = A⁻¹.
pub const INV: OpDef = OpDef {
    name: "inv",
    form: crate::op::Form::Operator,
    numpy: "np.linalg.inv({0})",
    julia: "inv({0})",
    shape: ShapeRule::Square,
    adjoint: &["∂A = -(Cᵀ ∂C Cᵀ)"],
    laws: ["d(A⁻¹) = -A⁻¹ dA A⁻¹", "⟨G, A D B⟩ = ⟨Aᵀ G Bᵀ, D⟩"],
    differential: "-(C dA C)",
    jacobian: &["-Cᵀ ⊗ C"],
    meaning: Meaning::Matrix(|_, m, _| eliminate(m[0]).1),
    domain: Domain::Invertible,
    ..PLAIN
};

/// Determinant.
pub const DET: OpDef = OpDef {
    name: "det",
    numpy: "np.reshape(np.linalg.det({0}), (1, 1))",
    julia: "fill(det({0}), 1, 1)",
    shape: ShapeRule::SquareToScalar,
    adjoint: &["∂A = (∂C C) A⁻¹ᵀ"],
    laws: ["d det(A) = det(A) tr(A⁻¹ dA)", "⟨g, tr(B D)⟩ = ⟨g Bᵀ, D⟩"],
    differential: "C tr(A⁻¹ dA)",
    meaning: Meaning::Matrix(|_, m, _| Matrix::scalar(eliminate(m[0]).0)),
    domain: Domain::Invertible,
    ..PLAIN
};

/// log |det A|.
pub const LOGDET: OpDef = OpDef {
    name: "logdet",
    numpy: "np.reshape(np.linalg.slogdet({0})[1], (1, 1))",
    julia: "fill(logabsdet({0})[1], 1, 1)",
    shape: ShapeRule::SquareToScalar,
    adjoint: &["∂A = ∂C A⁻¹ᵀ"],
    laws: ["d logdet(A) = tr(A⁻¹ dA)", "⟨g, tr(B D)⟩ = ⟨g Bᵀ, D⟩"],
    differential: "tr(A⁻¹ dA)",
    meaning: Meaning::Matrix(|_, m, _| Matrix::scalar(log_determinant(m[0]))),
    domain: Domain::Invertible,
    ..PLAIN
};

/// (determinant, inverse) by Gauss–Jordan elimination; a singular matrix has determinant 0 and an
/// inverse of infinities and NaNs, as division by zero has.
fn eliminate(a: &Matrix) -> (f64, Matrix) {
    let n = a.rows;
    let mut left = a.clone();
    let mut right = Matrix::from_fn(n, n, |i, j| f64::from(i == j));
    let mut determinant = 1.0;
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|&p, &q| left.at(p, k).abs().total_cmp(&left.at(q, k).abs()))
            .expect("k < n, so the range is not empty");
        if pivot != k {
            determinant = -determinant;
            for j in 0..n {
                left.data.swap(k * n + j, pivot * n + j);
                right.data.swap(k * n + j, pivot * n + j);
            }
        }
        let p = left.at(k, k);
        determinant *= p;
        for j in 0..n {
            left.data[k * n + j] /= p;
            right.data[k * n + j] /= p;
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = left.at(i, k);
            for j in 0..n {
                left.data[i * n + j] -= factor * left.at(k, j);
                right.data[i * n + j] -= factor * right.at(k, j);
            }
        }
    }
    (determinant, right)
}

/// Sum of the logarithms of the pivots, which does not overflow where the determinant would.
fn log_determinant(a: &Matrix) -> f64 {
    let n = a.rows;
    let mut u = a.clone();
    let mut sum = 0.0;
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|&p, &q| u.at(p, k).abs().total_cmp(&u.at(q, k).abs()))
            .expect("k < n, so the range is not empty");
        for j in 0..n {
            u.data.swap(k * n + j, pivot * n + j);
        }
        sum += u.at(k, k).abs().ln();
        for i in k + 1..n {
            let factor = u.at(i, k) / u.at(k, k);
            for j in k..n {
                u.data[i * n + j] -= factor * u.at(k, j);
            }
        }
    }
    sum
}
