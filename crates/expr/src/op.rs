//! The operations: a closed enum, each with one [`OpDef`] that holds all there is to say about it.
//!
//! To add one: an arm here, in [`Op::def`], and its item in `ops/`. Parser names, printers, shape
//! proof, derivative, reference value and the generated tests follow from the item.

use crate::dim::{Dim, Shape};
use crate::matrix::Matrix;
use crate::ops;
use crate::window::Window;

/// Along what a reduction, a slice or a concatenation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Reduce everything (reductions only).
    All,
    /// Row-wise: `rowsum`, rows of a slice, `vcat`.
    Rows,
    /// Column-wise: `colsum`, columns of a slice, `hcat`.
    Cols,
}

/// The bits of an f64, so that numbers can be compared and hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits(pub u64);

/// An operation with its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A declared matrix: a number into [`crate::graph::Graph::variables`].
    Variable(u32),
    /// Written numbers: a number into [`crate::graph::Graph::literals`].
    Literal(u32),
    /// A 1×1 number.
    Number(Bits),
    /// A dimension as a 1×1 value.
    Size(Dim),
    /// The identity.
    Eye(Dim),
    /// A function that is kept by name: a number into [`crate::graph::Graph::functions`].
    Call(u32),
    /// Matrix product.
    MatMul,
    /// Transpose.
    Transpose,
    /// Sum.
    Add,
    /// Negative.
    Neg,
    /// A row, column or number repeated to a shape.
    Spread(Shape),
    /// Sum over everything (1×1), within rows (m×1), or within columns (1×n).
    Sum(Axis),
    /// Largest entry of each row.
    RowMax,
    /// Same entries, row by row, in another shape.
    Reshape(Shape),
    /// Rows or columns `start .. start + length` (from 0).
    Slice(Axis, Dim, Dim),
    /// Zeros, with the operand's rows or columns at `start` of `total`.
    Place(Axis, Dim, Dim),
    /// One below the other (`Rows`) or beside it (`Cols`).
    Concat(Axis),
    /// Column to diagonal matrix.
    Diag,
    /// Diagonal of a square matrix as a column.
    Diagonal,
    /// Element-wise product.
    Mul,
    /// Element-wise quotient.
    Div,
    /// Element-wise power.
    Pow,
    /// Element-wise larger one.
    Max,
    /// Element-wise smaller one.
    Min,
    /// 1 where larger, else 0.
    Greater,
    /// 1 where larger or equal, else 0.
    GreaterEqual,
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-a)).
    Sigmoid,
    /// Error function.
    Erf,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// The angle of this tangent.
    Arctan,
    /// Absolute value.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// Inverse matrix.
    Inv,
    /// Determinant.
    Det,
    /// log |det A|.
    LogDet,
    /// A row for each place of a window in each picture.
    Unfold(Window),
    /// Its transpose.
    Fold(Window),
    /// Largest entry of each channel at each place of a window.
    MaxPool(Window),
    /// Entries to where the largest entries of another matrix are.
    Unpool(Window),
    /// Entries from where the largest entries of another matrix are.
    Pick(Window),
}

/// How the shape of the result follows from the shapes of the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeRule {
    /// The op itself knows (leaves, calls).
    Given,
    /// Same as all operands, which are equal.
    Same,
    /// (m×k)(k×n) → m×n.
    Product,
    /// m×n → n×m.
    Transposed,
    /// m×n → 1×1, m×1 or 1×n.
    Reduced,
    /// A 1×1, row or column to the op's shape.
    Spread,
    /// To the op's shape, of the same size.
    Reshaped,
    /// Along the op's axis.
    Along,
    /// n×1 → n×n.
    Diagonal,
    /// n×n → n×1.
    SquareToColumn,
    /// n×n → n×n.
    Square,
    /// n×n → 1×1.
    SquareToScalar,
    /// B×H·W·C → B·OH·OW×h·w·C.
    Unfolded,
    /// B·OH·OW×h·w·C → B×H·W·C.
    Folded,
    /// B×H·W·C → B×OH·OW·C.
    Pooled,
    /// B×OH·OW·C and B×H·W·C → B×H·W·C.
    Unpooled,
    /// B×H·W·C twice → B×OH·OW·C.
    Picked,
}

/// Where tests may sample the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Any numbers.
    Real,
    /// Numbers > 0.
    Positive,
    /// Numbers away from 0.
    Nonzero,
    /// Numbers whose distances from 0 and from one another stay clear of kinks.
    Kinked,
    /// Square, well conditioned, positive determinant.
    Invertible,
}

/// (op, operands, value of a dimension) → result.
pub type WholeMatrix = fn(Op, &[&Matrix], &dyn Fn(Dim) -> usize) -> Matrix;

/// (op, number of the operand, shapes of the operands) → the transposed op.
pub type Transposed = fn(Op, usize, &[Shape]) -> Op;

/// The value, plainly, in f64.
#[derive(Clone, Copy)]
pub enum Meaning {
    /// Found elsewhere: variables, literals, calls.
    Leaf,
    /// Each entry by itself.
    Map(fn(f64) -> f64),
    /// Entries at the same place.
    Zip(fn(f64, f64) -> f64),
    /// The whole matrix: (op, operands, value of a dimension) → result.
    Matrix(WholeMatrix),
}

/// How an op is written; all printers start from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `name(A, B)`.
    Call,
    /// By an operator of the language; `syntax::print` knows which.
    Operator,
}

/// All there is to say about an op.
pub struct OpDef {
    /// What the parser calls it.
    pub name: &'static str,
    /// Number of operands.
    pub arity: usize,
    /// How it is written.
    pub form: Form,
    /// NumPy template with `{0}`, `{1}`; attributes are `{rows}`, `{cols}`, `{start}`, `{total}`,
    /// `{axis}`, `{slice}`, `{window}`.
    pub numpy: &'static str,
    /// The same for Julia.
    pub julia: &'static str,
    /// Entry i, j of the result from entries of the operands, such as `Σk A[i,k] B[k,j]`, for ops
    /// that are not element-wise; `r`, `c` are the rows and columns by which the op moves its
    /// last operand, `row`, `col` the place before a reshape, and `A?` is 0 outside of A. Empty
    /// where no sum of entries says it.
    pub index: &'static str,
    /// Its shape.
    pub shape: ShapeRule,
    /// The gradient of each operand in our own language: operands `A`, `B`, result `C`;
    /// `transposed(∂C)` applies [`OpDef::transposed`].
    pub adjoint: &'static [&'static str],
    /// The two laws that prove the adjoint, for ops that are not element-wise: the differential,
    /// and how the inner product ⟨G, A⟩ = Σ G ⊙ A hands the op to its other side.
    pub laws: [&'static str; 2],
    /// dC from A, C and dA in our own language, for ops that are neither element-wise nor linear
    /// in each operand; empty for all others.
    pub differential: &'static str,
    /// ∂vec(C)/∂vec(A) by each operand, for ops that are not element-wise: a Kronecker product such
    /// as `Bᵀ ⊗ I`, in which `S` is I where the op keeps the dimension and a column of ones where
    /// it repeats it, or `K`, the permutation of a transpose. Empty where there is no such form.
    pub jacobian: &'static [&'static str],
    /// For linear ops with attributes: the transposed op for operand `i` of given shapes.
    pub transposed: Option<Transposed>,
    /// Its value.
    pub meaning: Meaning,
    /// Where tests may sample.
    pub domain: Domain,
    /// Whether operands may be exchanged.
    pub commutative: bool,
}

impl Op {
    /// The item of this op.
    pub fn def(self) -> &'static OpDef {
        match self {
            Op::Variable(_) => &ops::leaf::VARIABLE,
            Op::Literal(_) => &ops::leaf::LITERAL,
            Op::Number(_) => &ops::leaf::NUMBER,
            Op::Size(_) => &ops::leaf::SIZE,
            Op::Eye(_) => &ops::leaf::EYE,
            Op::Call(_) => &ops::leaf::CALL,
            Op::MatMul => &ops::linear::MATMUL,
            Op::Transpose => &ops::linear::TRANSPOSE,
            Op::Add => &ops::linear::ADD,
            Op::Neg => &ops::linear::NEG,
            Op::Spread(_) => &ops::linear::SPREAD,
            Op::Sum(Axis::All) => &ops::linear::SUM,
            Op::Sum(Axis::Rows) => &ops::linear::ROWSUM,
            Op::Sum(Axis::Cols) => &ops::linear::COLSUM,
            Op::RowMax => &ops::linear::ROWMAX,
            Op::Reshape(_) => &ops::linear::RESHAPE,
            Op::Slice(..) => &ops::linear::SLICE,
            Op::Place(..) => &ops::linear::PLACE,
            Op::Concat(Axis::Rows) => &ops::linear::VCAT,
            Op::Concat(_) => &ops::linear::HCAT,
            Op::Diag => &ops::linear::DIAG,
            Op::Diagonal => &ops::linear::DIAGONAL,
            Op::Mul => &ops::elementwise::MUL,
            Op::Div => &ops::elementwise::DIV,
            Op::Pow => &ops::elementwise::POW,
            Op::Max => &ops::elementwise::MAX,
            Op::Min => &ops::elementwise::MIN,
            Op::Greater => &ops::elementwise::GREATER,
            Op::GreaterEqual => &ops::elementwise::GREATER_EQUAL,
            Op::Exp => &ops::elementwise::EXP,
            Op::Log => &ops::elementwise::LOG,
            Op::Sqrt => &ops::elementwise::SQRT,
            Op::Tanh => &ops::elementwise::TANH,
            Op::Sigmoid => &ops::elementwise::SIGMOID,
            Op::Erf => &ops::elementwise::ERF,
            Op::Sin => &ops::elementwise::SIN,
            Op::Cos => &ops::elementwise::COS,
            Op::Arctan => &ops::elementwise::ARCTAN,
            Op::Abs => &ops::elementwise::ABS,
            Op::Sign => &ops::elementwise::SIGN,
            Op::Inv => &ops::square::INV,
            Op::Det => &ops::square::DET,
            Op::LogDet => &ops::square::LOGDET,
            Op::Unfold(_) => &ops::picture::UNFOLD,
            Op::Fold(_) => &ops::picture::FOLD,
            Op::MaxPool(_) => &ops::picture::MAXPOOL,
            Op::Unpool(_) => &ops::picture::UNPOOL,
            Op::Pick(_) => &ops::picture::PICK,
        }
    }

    /// A number.
    pub fn number(value: f64) -> Op {
        // One zero, so that 0 and -0 are one node.
        Op::Number(Bits(if value == 0.0 { 0 } else { value.to_bits() }))
    }

    /// Whether each entry of the result depends on the entries at the same place only.
    pub fn is_elementwise(self) -> bool {
        matches!(self, Op::Add | Op::Neg)
            || matches!(self.def().meaning, Meaning::Map(_) | Meaning::Zip(_))
    }

    /// The same op with each dimension replaced; `None` where one cannot be.
    pub fn map_dims(self, f: &impl Fn(Dim) -> Option<Dim>) -> Option<Op> {
        let shape = |s: Shape| Some(Shape { rows: f(s.rows)?, cols: f(s.cols)? });
        Some(match self {
            Op::Size(d) => Op::Size(f(d)?),
            Op::Eye(d) => Op::Eye(f(d)?),
            Op::Spread(s) => Op::Spread(shape(s)?),
            Op::Reshape(s) => Op::Reshape(shape(s)?),
            Op::Slice(axis, a, b) => Op::Slice(axis, f(a)?, f(b)?),
            Op::Place(axis, a, b) => Op::Place(axis, f(a)?, f(b)?),
            same => same,
        })
    }

    /// The dimensions among its attributes.
    pub fn dims(self) -> Vec<Dim> {
        match self {
            Op::Size(d) | Op::Eye(d) => vec![d],
            Op::Spread(s) | Op::Reshape(s) => vec![s.rows, s.cols],
            Op::Slice(_, a, b) | Op::Place(_, a, b) => vec![a, b],
            _ => Vec::new(),
        }
    }

    /// The window of an op on pictures.
    pub fn window(self) -> Option<Window> {
        match self {
            Op::Unfold(w) | Op::Fold(w) | Op::MaxPool(w) | Op::Unpool(w) | Op::Pick(w) => Some(w),
            _ => None,
        }
    }

    /// The same op on pictures with another window; other ops stay as they are.
    pub fn with_window(self, w: Window) -> Op {
        match self {
            Op::Unfold(_) => Op::Unfold(w),
            Op::Fold(_) => Op::Fold(w),
            Op::MaxPool(_) => Op::MaxPool(w),
            Op::Unpool(_) => Op::Unpool(w),
            Op::Pick(_) => Op::Pick(w),
            same => same,
        }
    }

    /// One sample of every op that has operands, for generated tests; attributes are placeholders.
    pub fn all() -> Vec<Op> {
        use Op::*;
        let (n, s) = (Dim::ONE, Shape::SCALAR);
        vec![
            MatMul,
            Transpose,
            Add,
            Neg,
            Spread(s),
            Sum(Axis::All),
            Sum(Axis::Rows),
            Sum(Axis::Cols),
            RowMax,
            Reshape(s),
            Slice(Axis::Rows, n, n),
            Slice(Axis::Cols, n, n),
            Place(Axis::Rows, n, n),
            Place(Axis::Cols, n, n),
            Concat(Axis::Rows),
            Concat(Axis::Cols),
            Diag,
            Diagonal,
            Mul,
            Div,
            Pow,
            Max,
            Min,
            Greater,
            GreaterEqual,
            Exp,
            Log,
            Sqrt,
            Tanh,
            Sigmoid,
            Erf,
            Sin,
            Cos,
            Arctan,
            Abs,
            Sign,
            Inv,
            Det,
            LogDet,
            Unfold(Window::ONE),
            Fold(Window::ONE),
            MaxPool(Window::ONE),
            Unpool(Window::ONE),
            Pick(Window::ONE),
        ]
    }
}
