//! The instructions of a program.

use crate::convolution::Convolution;
use crate::extent::{Extent, Slot, View};
use crate::picture::Picture;

/// One piece of work. What it writes never overlaps what it reads, except that a store of a
/// [`Tile`] may overwrite an operand which the tile reads at the same places only.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Matrix product, to ← a b, and element-wise work on it while it is at hand.
    Product {
        /// m×k.
        a: View,
        /// k×n.
        b: View,
        /// m×n; no entry twice. Where there is work on it, nothing else reads it.
        to: View,
        /// Of the shape of `to`, or of its transposed where that lies row by row.
        then: Option<Tile>,
    },
    /// Element-wise work of one shape.
    Tile(Tile),
    /// A sum or a largest entry, and element-wise work on it while it is at hand.
    Reduce {
        /// Which.
        reduction: Reduction,
        /// m×n.
        a: View,
        /// 1×1, m×1 or 1×n.
        to: Slot,
        /// Of the size of `to`.
        then: Option<Tile>,
    },
    /// A product with unfolded pictures, and element-wise work on it while it is at hand.
    Convolution(Convolution),
    /// An op on pictures.
    Picture(Picture),
    /// The same entries elsewhere.
    Copy {
        /// From here.
        a: View,
        /// To there, of the same shape; no entry twice.
        to: View,
    },
    /// Zeros.
    Zero {
        /// There.
        to: Slot,
    },
    /// The identity.
    Eye {
        /// n×n.
        to: Slot,
    },
    /// A size as a number.
    Size {
        /// The size.
        extent: Extent,
        /// 1×1.
        to: Slot,
    },
    /// A column on the diagonal of zeros.
    Diag {
        /// n×1.
        a: View,
        /// n×n.
        to: Slot,
    },
    /// The diagonal as a column.
    Diagonal {
        /// n×n.
        a: View,
        /// n×1.
        to: Slot,
    },
    /// Inverse matrix.
    Inverse {
        /// n×n.
        a: View,
        /// Room for the elimination, n×n.
        work: Slot,
        /// n×n.
        to: Slot,
    },
    /// Determinant.
    Determinant {
        /// n×n.
        a: View,
        /// Room for the elimination, n×n.
        work: Slot,
        /// Whether the logarithm of its absolute value is wanted.
        logarithm: bool,
        /// 1×1.
        to: Slot,
    },
}

/// What a reduction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Sum of everything.
    Sum,
    /// Sum of each row.
    RowSum,
    /// Sum of each column.
    ColSum,
    /// Largest entry of each row; NaN where there is one.
    RowMax,
}

/// Element-wise work: the operations run one after the other over a block of entries, then over
/// the next block. Entries are counted row by row through the whole shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Number of rows.
    pub rows: Extent,
    /// Number of columns.
    pub cols: Extent,
    /// How many registers (blocks of numbers) the operations use.
    pub registers: usize,
    /// What is done with each block, in this order.
    pub operations: Vec<Operation>,
    /// Registers written to memory after the operations of a block.
    pub stores: Vec<(usize, Slot)>,
}

/// One operation on a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub function: Function,
    /// Where the result goes.
    pub to: Target,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function<A = Source> {
    /// Brings entries of a view together.
    Load(View),
    /// A function of one number.
    Map(Map, A),
    /// A function of two numbers.
    Zip(Zip, A, A),
}

/// Where an operation finds an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// A block in a register.
    Register(usize),
    /// Entries of a contiguous view of the tile's shape.
    Memory(View),
    /// One number of the arena for all entries.
    Scalar(View),
    /// The same for the product, or its like, that the tile is the `then` of: they may be at hand,
    /// and not there.
    Result(View),
    /// A number.
    Number(f64),
    /// A size as a number.
    Size(Extent),
}

/// Where an operation puts its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A register which none of its operands is in.
    Register(usize),
    /// A matrix of the tile's shape.
    Memory(Slot),
}

/// Functions of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// -a
    Neg,
    /// exp a
    Exp,
    /// ln a
    Log,
    /// √a
    Sqrt,
    /// tanh a
    Tanh,
    /// 1 / (1 + exp(-a))
    Sigmoid,
    /// erf a
    Erf,
    /// sin a
    Sin,
    /// cos a
    Cos,
    /// arctan a
    Arctan,
    /// |a|
    Abs,
    /// -1, 0 or 1
    Sign,
    /// a a
    Square,
}

/// Functions of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zip {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a b
    Mul,
    /// a / b
    Div,
    /// aᵇ
    Pow,
    /// The larger; NaN if either is.
    Max,
    /// The smaller; NaN if either is.
    Min,
    /// 1 where a > b, else 0.
    Greater,
    /// 1 where a ≥ b, else 0.
    GreaterEqual,
}

/// What an instruction does to a matrix of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Instruction {
    /// Where a product, or its like, takes up element-wise work.
    pub(crate) fn then(&mut self) -> Option<&mut Option<Tile>> {
        match self {
            Instruction::Product { then, .. }
            | Instruction::Reduce { then, .. }
            | Instruction::Convolution(Convolution { then, .. })
            | Instruction::Picture(Picture { then, .. }) => Some(then),
            Instruction::Tile(_)
            | Instruction::Copy { .. }
            | Instruction::Zero { .. }
            | Instruction::Eye { .. }
            | Instruction::Size { .. }
            | Instruction::Diag { .. }
            | Instruction::Diagonal { .. }
            | Instruction::Inverse { .. }
            | Instruction::Determinant { .. } => None,
        }
    }

    /// Shows the offset of every operand and result to a function, which may change it.
    pub(crate) fn offsets(&mut self, f: &mut impl FnMut(&mut usize, Access)) {
        match self {
            Instruction::Product { a, b, to, .. }
            | Instruction::Convolution(Convolution { a, b, to, .. }) => {
                f(&mut a.offset, Access::Read);
                f(&mut b.offset, Access::Read);
                f(&mut to.offset, Access::Write);
            }
            Instruction::Tile(tile) => tile.offsets(f),
            Instruction::Picture(picture) => {
                f(&mut picture.a.offset, Access::Read);
                if let Some(b) = &mut picture.b {
                    f(&mut b.offset, Access::Read);
                }
                f(&mut picture.to.offset, Access::Write);
            }
            Instruction::Reduce { a, to, .. }
            | Instruction::Diag { a, to }
            | Instruction::Diagonal { a, to } => {
                f(&mut a.offset, Access::Read);
                f(&mut to.offset, Access::Write);
            }
            Instruction::Copy { a, to } => {
                f(&mut a.offset, Access::Read);
                f(&mut to.offset, Access::Write);
            }
            Instruction::Zero { to } | Instruction::Eye { to } | Instruction::Size { to, .. } => {
                f(&mut to.offset, Access::Write);
            }
            Instruction::Inverse { a, work, to } | Instruction::Determinant { a, work, to, .. } => {
                f(&mut a.offset, Access::Read);
                f(&mut work.offset, Access::Write);
                f(&mut to.offset, Access::Write);
            }
        }
        if let Some(Some(tile)) = self.then() {
            tile.offsets(f);
        }
    }
}

impl<A> Function<A> {
    pub(crate) fn operands(&self) -> [Option<&A>; 2] {
        match self {
            Function::Load(_) => [None, None],
            Function::Map(_, a) => [Some(a), None],
            Function::Zip(_, a, b) => [Some(a), Some(b)],
        }
    }

    fn operands_mut(&mut self) -> [Option<&mut A>; 2] {
        match self {
            Function::Load(_) => [None, None],
            Function::Map(_, a) => [Some(a), None],
            Function::Zip(_, a, b) => [Some(a), Some(b)],
        }
    }

    /// The same of other operands.
    pub(crate) fn with<B>(self, mut other: impl FnMut(A) -> B) -> Function<B> {
        match self {
            Function::Load(view) => Function::Load(view),
            Function::Map(map, a) => Function::Map(map, other(a)),
            Function::Zip(zip, a, b) => Function::Zip(zip, other(a), other(b)),
        }
    }
}

impl Tile {
    /// The matrices that it reads and writes.
    pub(crate) fn views(&self) -> Vec<(View, Access)> {
        let mut views = Vec::new();
        self.clone().walk(&mut |_, view, access| views.push((view, access)));
        views
    }

    fn offsets(&mut self, f: &mut impl FnMut(&mut usize, Access)) {
        self.walk(&mut |offset, _, access| f(offset, access));
    }

    /// Shows each matrix that it reads or writes, and the offset, which may be changed.
    fn walk(&mut self, f: &mut dyn FnMut(&mut usize, View, Access)) {
        let read = |view: &mut View, f: &mut dyn FnMut(&mut usize, View, Access)| {
            let whole = *view;
            f(&mut view.offset, whole, Access::Read);
        };
        let write = |slot: &mut Slot, f: &mut dyn FnMut(&mut usize, View, Access)| {
            let whole = slot.view();
            f(&mut slot.offset, whole, Access::Write);
        };
        for operation in &mut self.operations {
            if let Function::Load(view) = &mut operation.function {
                read(view, f);
            }
            for source in operation.function.operands_mut().into_iter().flatten() {
                match source {
                    Source::Memory(view) | Source::Result(view) | Source::Scalar(view) => {
                        read(view, f);
                    }
                    Source::Register(_) | Source::Number(_) | Source::Size(_) => {}
                }
            }
            if let Target::Memory(slot) = &mut operation.to {
                write(slot, f);
            }
        }
        for (_, slot) in &mut self.stores {
            write(slot, f);
        }
    }
}
