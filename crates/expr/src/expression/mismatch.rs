//! What is said when shapes do not fit: each operand with its shape and where that came from.

use super::{Builder, Scope};
use crate::diagnostic::Diagnostic;
use crate::dim::{Dim, Shape};
use crate::graph::{NodeId, ShapeError};
use crate::syntax::{Expr, ExprKind, Span};

impl Builder<'_> {
    /// `W₁ is 748×128, declared on line 2`.
    pub(super) fn describe(&self, scope: &Scope, node: NodeId, e: &Expr) -> String {
        let shape = self.graph.symbols.shape(self.graph.shape(node));
        let ExprKind::Name(name) = &e.kind else { return format!("this is {shape}") };
        let line = |place: Span| {
            let before = self.source.get(..place.start).unwrap_or("");
            before.matches('\n').count() + 1
        };
        // Nothing is declared in a single expression.
        let place = scope.places.get(&name.text).map(|&place| line(place));
        match place.filter(|&place| place != line(e.span)) {
            Some(line) => {
                let how = if self.graph.variable(node).is_some() { "declared" } else { "defined" };
                format!("{} is {shape}, {how} on line {line}", name.text)
            }
            None => format!("{} is {shape}", name.text),
        }
    }

    /// Why operands do not fit, pointing at each.
    pub(super) fn explain(
        &self,
        scope: &Scope,
        why: &ShapeError,
        operands: &[(NodeId, &Expr)],
        e: &Expr,
    ) -> Diagnostic {
        let dim = |d: Dim| self.graph.symbols.dim(d);
        let shapes: Vec<Shape> = operands.iter().map(|&(n, _)| self.graph.shape(n)).collect();
        let (title, help) = match why {
            ShapeError::Product => {
                let (inner, outer) = (shapes[0].cols, shapes[1].rows);
                let mut help = format!("the inner dimensions {} and {} must be equal", dim(inner), dim(outer));
                if shapes[0].cols == shapes[1].cols {
                    help += "; did you mean `A Bᵀ`?";
                } else if shapes[0].rows == shapes[1].rows {
                    help += "; did you mean `Aᵀ B`?";
                } else if let (Some(a), Some(b)) = (inner.number(), outer.number())
                    && a.to_string().len() == b.to_string().len()
                {
                    help += &format!("; is {b} a slip of the hand?");
                }
                ("these matrices cannot be multiplied", help)
            }
            ShapeError::Unequal | ShapeError::Spread => (
                "these shapes do not fit entry by entry",
                "they must be equal, or one a number, a row of the same width or a column of the same height".into(),
            ),
            ShapeError::NotSquare => ("this needs a square matrix", "give it a matrix with as many rows as columns".into()),
            ShapeError::NotColumn => ("this needs a column or a square matrix", "transpose a row: `Aᵀ`".into()),
            ShapeError::Size => ("the shapes have different sizes", "rows × columns must stay the same".into()),
            ShapeError::Concat => (
                "these matrices do not fit together",
                "`hcat` wants equal rows, `vcat` equal columns, and the sum of the others must be one product such as 2·n".into(),
            ),
            ShapeError::Range => ("this range goes past the matrix", "ranges count from 1 and include the last".into()),
            ShapeError::Picture => (
                "these are not the pictures that are declared",
                "a picture is a row of H·W·C columns, channel last; unfolded, of h·w·C".into(),
            ),
            ShapeError::Window => (
                "this window does not fit into its picture",
                "the window, spread by `dilation`, must fit into the picture with its `pad`, a `stride` is at least 1, and `groups` divide the channels".into(),
            ),
            ShapeError::Arity => ("wrong number of operands", "see the language reference".into()),
        };
        let mut diagnostic = Diagnostic::new(title);
        if operands.is_empty() {
            diagnostic = diagnostic.label(e.span, "here");
        }
        for &(node, operand) in operands.iter().rev() {
            diagnostic = diagnostic.label(operand.span, self.describe(scope, node, operand));
        }
        diagnostic.help(help)
    }
}
