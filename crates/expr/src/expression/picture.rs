//! Calls on pictures: `unfold(X, 28×28×1, 5×5, stride 2, pad 1)` and its kin.

use super::{Builder, Scope};
use crate::diagnostic::Diagnostic;
use crate::graph::NodeId;
use crate::meaning::{Bindings, evaluate};
use crate::op::Op;
use crate::syntax::{self, Argument, Expr};
use crate::window::Window;

const USAGE: &str = "write `unfold(X, H×W×C, h×w, stride 1, pad 0, dilation 1, groups 1)`, in \
     whole numbers; `stride [1 2]` is down and to the right, `pad [1 2 3 4]` is top, left, bottom \
     and right";

impl Builder<'_> {
    /// The op of this name with the window that the arguments describe.
    pub(super) fn picture(
        &mut self,
        scope: &Scope,
        op: Op,
        arguments: &[Argument],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let mut operands = Vec::new();
        let mut window = Window::ONE;
        let mut shapes = 0;
        let mut stride = None;
        for argument in arguments {
            match argument {
                Argument::Value(value) => {
                    operands.push((self.build(scope, value, (None, None))?, value));
                }
                Argument::Shape(dims) => {
                    shapes += 1;
                    match self.numbers(scope, dims)?[..] {
                        [h, w, c] if shapes == 1 => window.picture = [h, w, c],
                        [h, w] if shapes == 2 => window.size = [h, w],
                        _ => shapes = 3,
                    }
                }
                Argument::Option(name, value) | Argument::Named(name, value) => {
                    let numbers = self.option(scope, value)?;
                    match (name.text.as_str(), numbers.as_slice()) {
                        ("stride", &[n]) => stride = Some([n; 2]),
                        ("stride", &[down, right]) => stride = Some([down, right]),
                        ("pad", &[n]) => window.pad = [n; 4],
                        ("pad", &[rows, cols]) => window.pad = [rows, cols, rows, cols],
                        ("pad", &[top, left, bottom, right]) => {
                            window.pad = [top, left, bottom, right];
                        }
                        ("dilation", &[n]) => window.dilation = [n; 2],
                        ("dilation", &[down, right]) => window.dilation = [down, right],
                        ("groups", &[n]) => window.groups = n,
                        _ => {
                            return Err(Diagnostic::new(format!("this is no {}", name.text))
                                .label(name.span.to(value.span), "one or more whole numbers")
                                .help(USAGE));
                        }
                    }
                }
            }
        }
        if shapes != 2 || operands.len() != op.def().arity {
            let name = op.def().name;
            return Err(Diagnostic::new(format!(
                "{name} takes pictures, their shape and a window"
            ))
            .label(e.span, "here")
            .help(USAGE));
        }
        window.stride = stride.unwrap_or(default_stride(op, &window));
        self.apply(op.with_window(window), &operands, e)
    }

    fn numbers(&mut self, scope: &Scope, dims: &[syntax::Dim]) -> Result<Vec<u32>, Diagnostic> {
        let each = dims.iter().map(|dim| {
            let number = self.dim(scope, dim)?.number().and_then(|n| u32::try_from(n).ok());
            number.ok_or_else(|| {
                Diagnostic::new("the sides of a picture are numbers")
                    .label(dim.span, "this is a symbol")
                    .help(USAGE)
            })
        });
        each.collect()
    }

    /// `2` or `[1 2]`.
    fn option(&mut self, scope: &Scope, value: &Expr) -> Result<Vec<u32>, Diagnostic> {
        let node = self.build(scope, value, (None, None))?;
        let known = evaluate(self.graph, &[node], &Bindings::default());
        let numbers = known.ok().and_then(|mut v| v.remove(&node)).map_or(Vec::new(), |m| m.data);
        let whole = numbers.iter().all(|n| n.fract() == 0.0 && (0.0..65536.0).contains(n));
        if numbers.is_empty() || !whole {
            return Err(Diagnostic::new("whole numbers are wanted here")
                .label(value.span, "this is not known, or no whole number")
                .help(USAGE));
        }
        Ok(numbers.into_iter().map(|n| n as u32).collect())
    }
}

/// Where the window goes when nothing is said: to the next pixel, or for pooling beside itself.
pub(crate) fn default_stride(op: Op, window: &Window) -> [u32; 2] {
    match op {
        Op::MaxPool(_) | Op::Unpool(_) | Op::Pick(_) => window.size,
        _ => [1; 2],
    }
}

/// Whether a name stands for a dimension in a shape that is an argument.
pub(super) fn in_shape(e: &Expr, name: &str) -> bool {
    use crate::syntax::ExprKind::{
        Binary, Call, Identity, Index, Literal, Name, Number, Ones, Unary,
    };
    match &e.kind {
        Call(_, arguments) => arguments.iter().any(|argument| match argument {
            Argument::Shape(dims) => dims.iter().any(|d| d.symbols.iter().any(|s| s.text == name)),
            Argument::Value(e) | Argument::Named(_, e) | Argument::Option(_, e) => {
                in_shape(e, name)
            }
        }),
        Unary(_, a) | Index(a, ..) => in_shape(a, name),
        Binary(_, a, b) => in_shape(a, name) || in_shape(b, name),
        Number(_) | Name(_) | Literal(_) | Ones | Identity => false,
    }
}
