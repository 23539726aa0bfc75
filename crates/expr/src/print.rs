//! From the graph back to equations: each node as an expression in which named nodes stand by
//! their names.

use crate::dim::{Dim, Shape};
use crate::expression::picture::default_stride;
use crate::graph::{Graph, NodeId};
use crate::op::{Axis, Form, Op};
use crate::syntax::{
    Argument, Binary, Expr, ExprKind, Name, Range, Span, Unary, ascii as ascii_name, print_expr,
};
use crate::window::Window;

/// The equation of a node in Unicode; the node itself is written out even when it has a name.
pub fn unicode(graph: &Graph, id: NodeId) -> String {
    print_expr(&equation(graph, id), false)
}

/// The same in ASCII.
pub fn ascii(graph: &Graph, id: NodeId) -> String {
    print_expr(&equation(graph, id), true)
}

/// The expression tree of a node, written out once.
pub fn equation(graph: &Graph, id: NodeId) -> Expr {
    Writer { graph }.write(id)
}

struct Writer<'a> {
    graph: &'a Graph,
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

fn name(text: &str) -> Name {
    Name { text: text.into(), spelling: ascii_name(text), span: Span::default() }
}

fn call(function: &str, arguments: Vec<Expr>) -> Expr {
    expr(ExprKind::Call(name(function), arguments.into_iter().map(Argument::Value).collect()))
}

fn binary(op: Binary, a: Expr, b: Expr) -> Expr {
    expr(ExprKind::Binary(op, Box::new(a), Box::new(b)))
}

fn number(value: f64) -> Expr {
    let positive = expr(ExprKind::Number(value.abs()));
    if value < 0.0 { expr(ExprKind::Unary(Unary::Negative, Box::new(positive))) } else { positive }
}

/// `2 A B` rather than `2 (A B)`: a number in front of a product goes to its first factor.
fn scaled(scale: Expr, e: Expr) -> Expr {
    match e.kind {
        ExprKind::Binary(Binary::Product, a, b) => binary(Binary::Product, scaled(scale, *a), *b),
        kind => binary(Binary::Product, scale, Expr { kind, span: e.span }),
    }
}

impl Writer<'_> {
    /// By its name, if it has one.
    fn operand(&self, id: NodeId) -> Expr {
        match self.graph.name(id) {
            Some(name) => expr(ExprKind::Name(name.clone())),
            None => self.write(id),
        }
    }

    /// A function that is built in.
    fn built_in(&self, function: &str) -> Name {
        name(&self.graph.built_in(function))
    }

    fn call(&self, function: &str, arguments: Vec<Expr>) -> Expr {
        call(&self.graph.built_in(function), arguments)
    }

    fn write(&self, id: NodeId) -> Expr {
        let node = self.graph.get(id);
        let operand = |i: usize| self.operand(node.operands[i]);
        let unary = |op, a| expr(ExprKind::Unary(op, Box::new(a)));
        match node.op {
            Op::Variable(_) => self
                .graph
                .name(id)
                .map_or(call("variable", vec![]), |n| expr(ExprKind::Name(n.clone()))),
            Op::Literal(i) => {
                let m = &self.graph.literals[i as usize];
                expr(ExprKind::Literal((0..m.rows).map(|r| m.row(r).to_vec()).collect()))
            }
            Op::Number(bits) => number(f64::from_bits(bits.0)),
            Op::Size(dim) => self.size(dim),
            // A page may have a value I.
            Op::Eye(n) if self.graph.find("I").is_some() => call("eye", vec![self.size(n)]),
            Op::Eye(_) => expr(ExprKind::Identity),
            Op::Call(f) => self.kept(f, id),
            Op::MatMul => binary(Binary::Product, operand(0), operand(1)),
            Op::Transpose => unary(Unary::Transpose, operand(0)),
            Op::Inv => unary(Unary::Inverse, operand(0)),
            Op::Neg => unary(Unary::Negative, operand(0)),
            Op::Add => self.sum(node.operands[0], node.operands[1]),
            Op::Mul => self.scaling(node.operands[0], node.operands[1]),
            Op::Div => match self.scalar(node.operands[1]) {
                Some(s) => binary(Binary::Division, self.side(node.operands[0], false), s),
                None => self.elementwise(Binary::Quotient, node.operands[0], node.operands[1]),
            },
            Op::Pow => {
                let power =
                    if node.shape.is_scalar() { Binary::Power } else { Binary::ElementPower };
                let [base, exponent] = [node.operands[0], node.operands[1]];
                // A number, even where something else that is the same number has a name.
                match self.graph.number_at(exponent) {
                    Some(n) => binary(power, self.side(base, false), number(n)),
                    None => self.elementwise(power, base, exponent),
                }
            }
            Op::Greater => self.elementwise(Binary::Greater, node.operands[0], node.operands[1]),
            Op::GreaterEqual => {
                self.elementwise(Binary::GreaterEqual, node.operands[0], node.operands[1])
            }
            Op::Spread(shape) => self.explicit(node.operands[0], shape),
            Op::Sum(Axis::Cols) => {
                let ones = unary(Unary::Transpose, expr(ExprKind::Ones));
                binary(Binary::Product, ones, operand(0))
            }
            Op::Reshape(shape) => {
                let dims = vec![self.dim(shape.rows), self.dim(shape.cols)];
                let arguments = vec![Argument::Value(operand(0)), Argument::Shape(dims)];
                expr(ExprKind::Call(self.built_in("reshape"), arguments))
            }
            Op::Slice(axis, start, length) => self.slice(node.operands[0], axis, start, length),
            Op::Unfold(w) | Op::Fold(w) | Op::MaxPool(w) | Op::Unpool(w) | Op::Pick(w) => {
                self.picture(node.op, w, (0..node.operands.len()).map(operand).collect())
            }
            Op::Place(axis, start, _) => self.placed(axis, start, node.operands[0], node.shape),
            op => {
                debug_assert!(op.def().form == Form::Call, "every operator is written above");
                call(&self.graph.called(op), (0..node.operands.len()).map(operand).collect())
            }
        }
    }

    /// A kept call; trailing arguments that are the defaults need not be said.
    fn kept(&self, function: u32, id: NodeId) -> Expr {
        let node = self.graph.get(id);
        let function = &self.graph.functions[function as usize];
        let mut arguments: Vec<Expr> = node.operands.iter().map(|&o| self.operand(o)).collect();
        while let Some(last) = arguments.last() {
            let default = function.parameters[arguments.len() - 1].default.as_ref();
            if default.is_none_or(|d| d.kind != last.kind) {
                break;
            }
            arguments.pop();
        }
        call(&self.graph.called(node.op), arguments)
    }

    /// `A - B` rather than `A + (-B)`, also where `B` is a number, or spread.
    fn sum(&self, a: NodeId, b: NodeId) -> Expr {
        let unnamed = |id: NodeId| self.graph.name(id).is_none();
        let negated = |id: NodeId| {
            let inner = self.graph.get(id);
            (inner.op == Op::Neg && unnamed(id)).then(|| inner.operands[0])
        };
        let is_spread = |id: NodeId| matches!(self.graph.get(id).op, Op::Spread(_));
        let less = self.graph.number_at(b).filter(|n| *n < 0.0);
        if let Some(less) = less
            && unnamed(b)
            && !is_spread(a)
        {
            return binary(Binary::Difference, self.operand(a), number(-less));
        }
        let spread = |id: NodeId| {
            let inner = self.graph.get(id).operands.first().copied();
            inner.filter(|_| is_spread(id) && unnamed(id)).and_then(negated)
        };
        let less = |from: NodeId, what: NodeId| {
            binary(Binary::Difference, self.operand(from), self.operand(what))
        };
        match (spread(a), spread(b)) {
            (None, Some(inner)) if !is_spread(a) => return less(a, inner),
            (Some(inner), None) if !is_spread(b) => return less(b, inner),
            _ => {}
        }
        match (negated(a), negated(b)) {
            (_, Some(b)) => self.elementwise(Binary::Difference, a, b),
            (Some(a), None) => self.elementwise(Binary::Difference, b, a),
            (None, None) => self.elementwise(Binary::Sum, a, b),
        }
    }

    /// A number comes first: `2 c`, not `c 2`.
    fn scaling(&self, a: NodeId, b: NodeId) -> Expr {
        if self.graph.number_at(b).is_some() {
            let number = self.scalar(b).unwrap_or_else(|| self.operand(b));
            return scaled(number, self.operand(a));
        }
        match (self.scalar(a), self.scalar(b)) {
            (Some(s), _) => scaled(s, self.operand(b)),
            (None, Some(s)) => scaled(s, self.operand(a)),
            (None, None) => self.elementwise(Binary::Hadamard, a, b),
        }
    }

    /// Some rows or columns, next to each other.
    fn slice(&self, inner: NodeId, axis: Axis, start: Dim, length: Dim) -> Expr {
        let end = self.dim(start.plus(length).unwrap_or(length));
        let range = match start.plus(Dim::ONE) {
            Some(first) => Range::Span(self.dim(first), end),
            None => Range::After(self.dim(start), end),
        };
        let (rows, cols) =
            if axis == Axis::Rows { (range, Range::All) } else { (Range::All, range) };
        expr(ExprKind::Index(Box::new(self.operand(inner)), rows, cols))
    }

    /// An operand among zeros; where their number is no product of symbols, by its place.
    fn placed(&self, axis: Axis, start: Dim, inner: NodeId, to: Shape) -> Expr {
        let (from, value) = (self.graph.shape(inner), self.operand(inner));
        let rows = axis == Axis::Rows;
        let (length, total) = if rows { (from.rows, to.rows) } else { (from.cols, to.cols) };
        let Some(after) = start.plus(length).and_then(|end| total.minus(end)) else {
            let shape = Argument::Shape(vec![self.dim(to.rows), self.dim(to.cols)]);
            let first = self.size(start.plus(Dim::ONE).unwrap_or(start));
            let first = Argument::Named(name(if rows { "row" } else { "column" }), first);
            return expr(ExprKind::Call(
                self.built_in("place"),
                vec![Argument::Value(value), shape, first],
            ));
        };
        let zeros = |count: Dim| {
            let (m, n) = if rows { (count, to.cols) } else { (to.rows, count) };
            let ones = call("ones", vec![self.size(m), self.size(n)]);
            (count != Dim::of(0)).then(|| binary(Binary::Product, number(0.0), ones))
        };
        let join = |a: Expr, b: Expr| self.call(if rows { "vcat" } else { "hcat" }, vec![a, b]);
        let value = match zeros(start) {
            Some(before) => join(before, value),
            None => value,
        };
        match zeros(after) {
            Some(after) => join(value, after),
            None => value,
        }
    }

    /// A call with its window; what is as usual is not said.
    fn picture(&self, op: Op, w: Window, operands: Vec<Expr>) -> Expr {
        let shape = |dims: &[u32]| {
            Argument::Shape(dims.iter().map(|&n| self.dim(Dim::of(u64::from(n)))).collect())
        };
        let mut arguments: Vec<Argument> = operands.into_iter().map(Argument::Value).collect();
        arguments.extend([shape(&w.picture), shape(&w.size)]);
        let mut option = |text: &str, numbers: &[u32], usual: &[u32]| {
            if numbers == usual {
                return;
            }
            let numbers: Vec<f64> = numbers.iter().map(|&n| f64::from(n)).collect();
            let value = match numbers.iter().all(|n| *n == numbers[0]) {
                true => number(numbers[0]),
                false => expr(ExprKind::Literal(vec![numbers])),
            };
            arguments.push(Argument::Option(name(text), value));
        };
        option("stride", &w.stride, &default_stride(op, &w));
        option("pad", &w.pad, &[0; 4]);
        option("dilation", &w.dilation, &[1; 2]);
        option("groups", &[w.groups], &[1]);
        expr(ExprKind::Call(name(&self.graph.called(op)), arguments))
    }

    /// The 1×1 value behind a spreading, or of a 1×1 node.
    fn scalar(&self, id: NodeId) -> Option<Expr> {
        let node = self.graph.get(id);
        if node.shape.is_scalar() {
            return Some(self.operand(id));
        }
        let inner = matches!(node.op, Op::Spread(_)).then(|| node.operands[0])?;
        self.graph.shape(inner).is_scalar().then(|| self.operand(inner))
    }

    /// Operands that spread are written as what they are, as long as the other has the shape.
    fn elementwise(&self, op: Binary, a: NodeId, b: NodeId) -> Expr {
        let spreads = |id| matches!(self.graph.get(id).op, Op::Spread(_));
        let implicit = |this: NodeId, other: NodeId| spreads(this) && !spreads(other);
        binary(op, self.side(a, implicit(a, b)), self.side(b, implicit(b, a)))
    }

    fn side(&self, id: NodeId, implicit: bool) -> Expr {
        let number = self.graph.number_at(id).is_some();
        if implicit && (number || self.graph.name(id).is_none()) {
            return self.operand(self.graph.get(id).operands[0]);
        }
        self.operand(id)
    }

    /// A spreading as the product with ones that it is.
    fn explicit(&self, inner: NodeId, to: Shape) -> Expr {
        let from = self.graph.shape(inner);
        let ones = |m: Dim, n: Dim| call("ones", vec![self.size(m), self.size(n)]);
        if from.is_scalar() {
            return match self.graph.number_at(inner) {
                Some(1.0) => ones(to.rows, to.cols),
                _ => binary(Binary::Product, self.operand(inner), ones(to.rows, to.cols)),
            };
        }
        if from.rows == Dim::ONE {
            binary(Binary::Product, ones(to.rows, Dim::ONE), self.operand(inner))
        } else {
            binary(Binary::Product, self.operand(inner), ones(Dim::ONE, to.cols))
        }
    }

    /// A dimension as a value: `B`, `3 B`; where a value has the name of the symbol, `rows(X)`.
    fn size(&self, dim: Dim) -> Expr {
        let symbols = dim.symbols().map(|s| {
            let text = self.graph.symbols.name(s);
            if self.graph.find(text).is_none() {
                return expr(ExprKind::Name(name(text)));
            }
            let wanted = Dim::symbol(s);
            let holder = self.graph.variables.iter().find_map(|v| {
                let function = if v.shape.rows == wanted {
                    "rows"
                } else if v.shape.cols == wanted {
                    "cols"
                } else {
                    return None;
                };
                self.graph
                    .name(v.node)
                    .map(|n| self.call(function, vec![expr(ExprKind::Name(n.clone()))]))
            });
            holder.unwrap_or_else(|| expr(ExprKind::Name(name(text))))
        });
        let front = (dim.coefficient() != 1 || dim.number().is_some())
            .then(|| number(dim.coefficient() as f64));
        let mut factors = front.into_iter().chain(symbols);
        let first = factors.next().expect("a dimension without symbols has its number");
        factors.fold(first, |product, factor| binary(Binary::Product, product, factor))
    }

    fn dim(&self, dim: Dim) -> crate::syntax::Dim {
        crate::syntax::Dim {
            coefficient: dim.coefficient(),
            symbols: dim.symbols().map(|s| name(self.graph.symbols.name(s))).collect(),
            span: Span::default(),
        }
    }
}
