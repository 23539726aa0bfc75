//! Products, sums, layout: the ops that are linear in each operand (and the row maximum).

use super::PLAIN;
use crate::dim::{Dim, Shape};
use crate::matrix::Matrix;
use crate::op::{Axis, Domain, Form, Meaning, Op, OpDef, ShapeRule};

/// Matrix product, C = A B.
pub const MATMUL: OpDef = OpDef {
    name: "matmul",
    arity: 2,
    form: Form::Operator,
    numpy: "({0} @ {1})",
    julia: "({0} * {1})",
    index: "Σk A[i,k] B[k,j]",
    shape: ShapeRule::Product,
    adjoint: &["∂A = ∂C Bᵀ", "∂B = Aᵀ ∂C"],
    laws: ["d(A B) = dA B + A dB", "⟨G, A B⟩ = ⟨G Bᵀ, A⟩ = ⟨Aᵀ G, B⟩"],
    jacobian: &["Bᵀ ⊗ I", "I ⊗ A"],
    meaning: Meaning::Matrix(|_, m, _| {
        let entry = |i, j| (0..m[0].cols).map(|k| m[0].at(i, k) * m[1].at(k, j)).sum();
        Matrix::from_fn(m[0].rows, m[1].cols, entry)
    }),
    ..PLAIN
};

/// Transpose, C = Aᵀ.
pub const TRANSPOSE: OpDef = OpDef {
    name: "transpose",
    form: Form::Operator,
    numpy: "{0}.T",
    julia: "{0}'",
    index: "A[j,i]",
    shape: ShapeRule::Transposed,
    adjoint: &["∂A = ∂Cᵀ"],
    laws: ["d(Aᵀ) = (dA)ᵀ", "⟨G, Aᵀ⟩ = ⟨Gᵀ, A⟩"],
    jacobian: &["K"],
    meaning: Meaning::Matrix(|_, m, _| Matrix::from_fn(m[0].cols, m[0].rows, |i, j| m[0].at(j, i))),
    ..PLAIN
};

/// Sum, C = A + B.
pub const ADD: OpDef = OpDef {
    name: "add",
    arity: 2,
    form: Form::Operator,
    numpy: "({0} + {1})",
    julia: "({0} .+ {1})",
    adjoint: &["∂A = ∂C", "∂B = ∂C"],
    laws: ["d(A + B) = dA + dB", ""],
    meaning: Meaning::Zip(|a, b| a + b),
    commutative: true,
    ..PLAIN
};

/// Negative, C = -A.
pub const NEG: OpDef = OpDef {
    name: "neg",
    form: Form::Operator,
    numpy: "(-{0})",
    julia: "(-{0})",
    adjoint: &["∂A = -∂C"],
    laws: ["d(-A) = -dA", "⟨G, -A⟩ = ⟨-G, A⟩"],
    meaning: Meaning::Map(|a| -a),
    ..PLAIN
};

/// A 1×1 value, a row or a column repeated to a shape.
pub const SPREAD: OpDef = OpDef {
    name: "spread",
    form: Form::Operator,
    numpy: "np.broadcast_to({0}, ({rows}, {cols}))",
    julia: "({0} .+ zeros({rows}, {cols}))",
    index: "A[i,j]",
    shape: ShapeRule::Spread,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d(𝟏 a) = 𝟏 da", "⟨G, 𝟏 a⟩ = ⟨𝟏ᵀ G, a⟩"],
    jacobian: &["S ⊗ S"],
    transposed: Some(|_, _, operand| {
        Op::Sum(match (operand[0].rows == Dim::ONE, operand[0].cols == Dim::ONE) {
            (true, true) => Axis::All,
            (false, _) => Axis::Rows,
            (true, false) => Axis::Cols,
        })
    }),
    meaning: Meaning::Matrix(|op, m, dim| {
        let a = m[0];
        let row = |i| if a.rows == 1 { 0 } else { i };
        let col = |j| if a.cols == 1 { 0 } else { j };
        Matrix::from_fn(dim(op.dims()[0]), dim(op.dims()[1]), |i, j| a.at(row(i), col(j)))
    }),
    ..PLAIN
};

const fn spread_back(_: Op, _: usize, operand: &[Shape]) -> Op {
    Op::Spread(operand[0])
}

/// Sum of all entries, 1×1.
pub const SUM: OpDef = OpDef {
    name: "sum",
    numpy: "np.sum({0}, keepdims=True)",
    julia: "sum({0}; dims = (1, 2))",
    index: "Σk Σl A[k,l]",
    shape: ShapeRule::Reduced,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d sum(A) = sum(dA)", "⟨g, sum(A)⟩ = ⟨g 𝟏 𝟏ᵀ, A⟩"],
    jacobian: &["𝟏ᵀ ⊗ 𝟏ᵀ"],
    transposed: Some(spread_back),
    meaning: Meaning::Matrix(|_, m, _| Matrix::scalar(m[0].data.iter().sum())),
    ..PLAIN
};

/// Sum of each row, m×1.
pub const ROWSUM: OpDef = OpDef {
    name: "rowsum",
    numpy: "np.sum({0}, axis=1, keepdims=True)",
    julia: "sum({0}; dims = 2)",
    index: "Σk A[i,k]",
    laws: ["d rowsum(A) = rowsum(dA)", "⟨g, rowsum(A)⟩ = ⟨g 𝟏ᵀ, A⟩"],
    jacobian: &["𝟏ᵀ ⊗ I"],
    meaning: Meaning::Matrix(|_, m, _| {
        Matrix::from_fn(m[0].rows, 1, |i, _| m[0].row(i).iter().sum())
    }),
    ..SUM
};

/// Sum of each column, 1×n: 𝟏ᵀ A.
pub const COLSUM: OpDef = OpDef {
    name: "colsum",
    numpy: "np.sum({0}, axis=0, keepdims=True)",
    julia: "sum({0}; dims = 1)",
    index: "Σk A[k,j]",
    laws: ["d(𝟏ᵀ A) = 𝟏ᵀ dA", "⟨g, 𝟏ᵀ A⟩ = ⟨𝟏 g, A⟩"],
    jacobian: &["I ⊗ 𝟏ᵀ"],
    meaning: Meaning::Matrix(|_, m, _| {
        Matrix::from_fn(1, m[0].cols, |_, j| (0..m[0].rows).map(|i| m[0].at(i, j)).sum())
    }),
    ..SUM
};

/// Largest entry of each row, m×1; where several are largest they share the gradient.
pub const ROWMAX: OpDef = OpDef {
    name: "rowmax",
    numpy: "np.max({0}, axis=1, keepdims=True)",
    julia: "maximum({0}; dims = 2)",
    index: "max k A[i,k]",
    shape: ShapeRule::Reduced,
    adjoint: &["∂A = (∂C ⊘ rowsum(A >= C)) ⊙ (A >= C)"],
    laws: [
        "d rowmax(A) = rowsum(M ⊙ dA) ⊘ rowsum(M), M = A >= rowmax(A)",
        "⟨g, rowsum(M ⊙ A)⟩ = ⟨g 𝟏ᵀ ⊙ M, A⟩",
    ],
    differential: "rowsum((A >= C) ⊙ dA) ⊘ rowsum(A >= C)",
    meaning: Meaning::Matrix(|_, m, _| {
        Matrix::from_fn(m[0].rows, 1, |i, _| {
            m[0].row(i).iter().fold(f64::NEG_INFINITY, |a, &b| maximum(a, b))
        })
    }),
    domain: Domain::Kinked,
    ..PLAIN
};

/// The larger one; NaN if either is, so that a NaN is not hidden.
pub fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// Same entries, row by row, in another shape.
pub const RESHAPE: OpDef = OpDef {
    name: "reshape",
    numpy: "np.reshape({0}, ({rows}, {cols}))",
    julia: "_reshape({0}, {rows}, {cols})",
    index: "A[row,col]",
    shape: ShapeRule::Reshaped,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d reshape(A) = reshape(dA)", "⟨G, reshape(A)⟩ = ⟨reshape(G), A⟩"],
    transposed: Some(|_, _, operand| Op::Reshape(operand[0])),
    meaning: Meaning::Matrix(|op, m, dim| {
        Matrix::new(dim(op.dims()[0]), dim(op.dims()[1]), m[0].data.clone())
    }),
    ..PLAIN
};

/// Some rows or columns, next to each other.
pub const SLICE: OpDef = OpDef {
    name: "slice",
    form: Form::Operator,
    numpy: "{0}[{slice}]",
    julia: "{0}[{slice}]",
    index: "A[i+r,j+c]",
    shape: ShapeRule::Along,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d(A[…]) = (dA)[…]", "⟨G, A[…]⟩ = ⟨G among zeros, A⟩"],
    transposed: Some(|op, _, operand| match op {
        Op::Slice(Axis::Rows, start, _) => Op::Place(Axis::Rows, start, operand[0].rows),
        Op::Slice(_, start, _) => Op::Place(Axis::Cols, start, operand[0].cols),
        other => unreachable!("{other:?} is no slice"),
    }),
    meaning: Meaning::Matrix(|op, m, dim| {
        let Op::Slice(axis, start, length) = op else { unreachable!("the item of Op::Slice") };
        let (start, length) = (dim(start), dim(length));
        match axis {
            Axis::Rows => Matrix::from_fn(length, m[0].cols, |i, j| m[0].at(start + i, j)),
            Axis::Cols | Axis::All => {
                Matrix::from_fn(m[0].rows, length, |i, j| m[0].at(i, start + j))
            }
        }
    }),
    ..PLAIN
};

/// Zeros with the operand placed inside: the transpose of a slice.
pub const PLACE: OpDef = OpDef {
    name: "place",
    form: Form::Operator,
    numpy: "_place({0}, {axis}, {start}, {total})",
    julia: "_place({0}, {axis}, {start}, {total})",
    index: "A?[i-r,j-c]",
    shape: ShapeRule::Along,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d place(A) = place(dA)", "⟨G, A among zeros⟩ = ⟨G[…], A⟩"],
    transposed: Some(|op, _, operand| match op {
        Op::Place(Axis::Rows, start, _) => Op::Slice(Axis::Rows, start, operand[0].rows),
        Op::Place(_, start, _) => Op::Slice(Axis::Cols, start, operand[0].cols),
        other => unreachable!("{other:?} places nothing"),
    }),
    meaning: Meaning::Matrix(|op, m, dim| {
        let Op::Place(axis, start, total) = op else { unreachable!("the item of Op::Place") };
        let (start, total, a) = (dim(start), dim(total), m[0]);
        let inside = |at: usize, length: usize| at >= start && at < start + length;
        match axis {
            Axis::Rows => Matrix::from_fn(total, a.cols, |i, j| {
                if inside(i, a.rows) { a.at(i - start, j) } else { 0.0 }
            }),
            Axis::Cols | Axis::All => Matrix::from_fn(a.rows, total, |i, j| {
                if inside(j, a.cols) { a.at(i, j - start) } else { 0.0 }
            }),
        }
    }),
    ..PLAIN
};

/// Side by side: [A B].
pub const HCAT: OpDef = OpDef {
    name: "hcat",
    arity: 2,
    numpy: "np.hstack(({0}, {1}))",
    julia: "hcat({0}, {1})",
    index: "A?[i,j] + B?[i-r,j-c]",
    shape: ShapeRule::Along,
    adjoint: &["∂A = transposed(∂C)", "∂B = transposed(∂C)"],
    laws: ["d hcat(A, B) = hcat(dA, 0) + hcat(0, dB)", "⟨G, A among zeros⟩ = ⟨G[…], A⟩"],
    transposed: Some(|op, operand, shapes| {
        let along = |s: Shape| if op == Op::Concat(Axis::Rows) { s.rows } else { s.cols };
        let axis = if op == Op::Concat(Axis::Rows) { Axis::Rows } else { Axis::Cols };
        let start = if operand == 0 { Dim::of(0) } else { along(shapes[0]) };
        Op::Slice(axis, start, along(shapes[operand]))
    }),
    meaning: Meaning::Matrix(|_, m, _| {
        Matrix::from_fn(m[0].rows, m[0].cols + m[1].cols, |i, j| {
            if j < m[0].cols { m[0].at(i, j) } else { m[1].at(i, j - m[0].cols) }
        })
    }),
    ..PLAIN
};

/// One below the other.
pub const VCAT: OpDef = OpDef {
    name: "vcat",
    numpy: "np.vstack(({0}, {1}))",
    julia: "vcat({0}, {1})",
    laws: ["d vcat(A, B) = vcat(dA, 0) + vcat(0, dB)", "⟨G, A among zeros⟩ = ⟨G[…], A⟩"],
    meaning: Meaning::Matrix(|_, m, _| {
        let data = m[0].data.iter().chain(&m[1].data).copied().collect();
        Matrix::new(m[0].rows + m[1].rows, m[0].cols, data)
    }),
    ..HCAT
};

/// A column on the diagonal of a square matrix.
pub const DIAG: OpDef = OpDef {
    name: "diag",
    numpy: "np.diagflat({0})",
    julia: "diagm(vec({0}))",
    index: "[i=j] A[i,1]",
    shape: ShapeRule::Diagonal,
    adjoint: &["∂A = diag(∂C)"],
    laws: ["d diag(A) = diag(dA)", "⟨G, diag(A)⟩ = ⟨diag(G), A⟩"],
    meaning: Meaning::Matrix(|_, m, _| {
        Matrix::from_fn(m[0].rows, m[0].rows, |i, j| if i == j { m[0].data[i] } else { 0.0 })
    }),
    ..PLAIN
};

/// The diagonal of a square matrix as a column.
pub const DIAGONAL: OpDef = OpDef {
    name: "diag",
    numpy: "np.diagonal({0}).reshape(-1, 1)",
    julia: "reshape(diag({0}), :, 1)",
    index: "A[i,i]",
    shape: ShapeRule::SquareToColumn,
    adjoint: &["∂A = diag(∂C)"],
    laws: ["d diag(A) = diag(dA)", "⟨G, diag(A)⟩ = ⟨diag(G), A⟩"],
    meaning: Meaning::Matrix(|_, m, _| Matrix::from_fn(m[0].rows, 1, |i, _| m[0].at(i, i))),
    ..PLAIN
};
