//! Where parentheses stand, decided once for every notation.

use super::tree::{Binary, Expr, ExprKind};

/// How tightly the outermost operator binds, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Test,
    Sum,
    Sign,
    Product,
    Power,
    Postfix,
    Primary,
}

/// An expression as it is shown, and what decides whether it needs parentheses.
pub(crate) struct Piece<T> {
    pub shown: T,
    pub level: Level,
    /// Whether a matrix product stands outside of parentheses.
    product: bool,
    /// Whether an element-wise one does.
    elementwise: bool,
}

impl<T> Piece<T> {
    pub(crate) fn new(shown: T, level: Level) -> Piece<T> {
        Piece { shown, level, product: false, elementwise: false }
    }

    /// What is shown, enclosed if it binds less tightly.
    pub(crate) fn at(self, level: Level, enclose: fn(T) -> T) -> T {
        if self.level >= level { self.shown } else { enclose(self.shown) }
    }
}

/// An operator on the line between its operands, which `join` puts together.
pub(crate) fn infix<T>(
    operator: Binary,
    (left, right): (&Expr, &Expr),
    piece: impl Fn(&Expr) -> Piece<T>,
    enclose: fn(T) -> T,
    join: impl FnOnce(T, T) -> T,
) -> Piece<T> {
    let (level, inside) = match operator {
        Binary::Greater | Binary::GreaterEqual => (Level::Test, Level::Sum),
        Binary::Sum | Binary::Difference => (Level::Sum, Level::Product),
        Binary::Product | Binary::Hadamard | Binary::Quotient | Binary::Division => {
            (Level::Product, Level::Power)
        }
        Binary::Power | Binary::ElementPower => (Level::Power, Level::Power),
    };
    let number = |e: &Expr| matches!(e.kind, ExprKind::Number(_));
    let mut product = operator == Binary::Product && !number(left) && !number(right);
    let mut elementwise = matches!(operator, Binary::Hadamard | Binary::Quotient);
    let (left, right) = (piece(left), piece(right).at(inside, enclose));
    // A matrix product and an element-wise one stand side by side in no order.
    let mixes = (product || left.product) && (elementwise || left.elementwise);
    let least = if level < Level::Product { Level::Sum } else { Level::Product };
    let left = if mixes {
        enclose(left.shown)
    } else {
        if level == Level::Product && left.level >= level {
            product |= left.product;
            elementwise |= left.elementwise;
        }
        left.at(least, enclose)
    };
    Piece { shown: join(left, right), level, product, elementwise }
}
