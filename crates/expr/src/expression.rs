//! Expressions become nodes.

mod mismatch;
pub(crate) mod picture;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, nearest};
use crate::dim::{Dim, Shape};
use crate::elaborate::{POISONED, Values, declare, made_up};
use crate::graph::{Graph, Initial, Kind, MOST_OPERANDS, NodeId};
use crate::matrix::Matrix;
use crate::op::{Axis, Form, Op};
use crate::syntax::{
    self, Argument, Binary, Definition, Expr, ExprKind, Function, Range, Span, Unary,
};

/// What names stand for.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Values; `None` where the definition is wrong, so that no second error follows.
    pub values: Values,
    /// Where they were defined.
    pub places: HashMap<String, Span>,
    /// Dimensions that are local to a function.
    pub dims: HashMap<String, Dim>,
    /// The values that each function of the page sees.
    pub closures: HashMap<u32, Values>,
    /// An op whose transposed partner `transposed(…)` stands for, with its operand's number and
    /// shapes.
    pub linear: Option<(Op, usize, Vec<Shape>)>,
}

/// Shape as far as it is known from outside; for `𝟏` and `I`.
type Hint = (Option<Dim>, Option<Dim>);

/// Builds nodes from expressions.
pub struct Builder<'a> {
    /// The graph that grows.
    pub graph: &'a mut Graph,
    source: &'a str,
    depth: usize,
    /// Names that what layers own must not have, since the page has them.
    pub taken: HashSet<String>,
}

const DEEPEST: usize = 40;

/// What is 1 while a network is trained and 0 when it is used.
pub(crate) const TRAINING: &str = "training";

impl<'a> Builder<'a> {
    /// Into this graph, from this text.
    pub fn new(graph: &'a mut Graph, source: &'a str) -> Builder<'a> {
        Builder { graph, source, depth: 0, taken: HashSet::new() }
    }

    /// An expression with its `where` parts.
    ///
    /// # Errors
    /// What is wrong.
    pub fn definition(
        &mut self,
        scope: &Scope,
        value: &Expr,
        parts: &[Definition],
    ) -> Result<NodeId, Diagnostic> {
        let inner = self.parts(scope, parts)?;
        self.build(&inner, value, (None, None))
    }

    /// A scope with the `where` parts in it.
    fn parts(&mut self, scope: &Scope, parts: &[Definition]) -> Result<Scope, Diagnostic> {
        let mut inner = scope.clone();
        for part in parts {
            let node = self.build(&inner, &part.value, (None, None))?;
            inner.values.insert(part.name.text.clone(), Some(node));
            inner.places.insert(part.name.text.clone(), part.name.span);
        }
        Ok(inner)
    }

    /// An expression in a place where this shape is wanted.
    ///
    /// # Errors
    /// What is wrong.
    pub fn expected(
        &mut self,
        scope: &Scope,
        e: &Expr,
        shape: Shape,
    ) -> Result<NodeId, Diagnostic> {
        self.build(scope, e, (Some(shape.rows), Some(shape.cols)))
    }

    fn build(&mut self, scope: &Scope, e: &Expr, hint: Hint) -> Result<NodeId, Diagnostic> {
        match &e.kind {
            ExprKind::Number(x) => Ok(self.graph.number(*x)),
            ExprKind::Literal(rows) => {
                let data: Vec<f64> = rows.iter().flatten().copied().collect();
                Ok(self.graph.literal(Matrix::new(rows.len(), rows[0].len(), data)))
            }
            ExprKind::Name(name) => self.lookup(scope, name),
            ExprKind::Ones => {
                let (rows, cols) = (hint.0.unwrap_or(Dim::ONE), hint.1.unwrap_or(Dim::ONE));
                if hint == (None, None) {
                    return Err(unknown_shape(e, "𝟏", "`ones(rows, columns)`"));
                }
                self.ones(Shape::new(rows, cols), e)
            }
            ExprKind::Identity => match (scope.values.get("I"), hint.0.or(hint.1)) {
                (Some(Some(node)), _) => Ok(*node),
                (_, Some(n)) => self.node(Op::Eye(n), &[], e),
                (_, None) => Err(unknown_shape(e, "I", "`eye(n)`")),
            },
            ExprKind::Unary(op, a) => {
                let inner = match op {
                    Unary::Transpose => (hint.1, hint.0),
                    Unary::Negative | Unary::Inverse => hint,
                };
                let node = self.build(scope, a, inner)?;
                let op = match op {
                    Unary::Negative => Op::Neg,
                    Unary::Transpose => Op::Transpose,
                    Unary::Inverse => Op::Inv,
                };
                self.apply(op, &[(node, a)], e)
            }
            ExprKind::Binary(op, a, b) => self.binary(scope, *op, a, b, e, hint),
            ExprKind::Index(a, rows, cols) => {
                let mut node = self.build(scope, a, (None, None))?;
                for (axis, range) in [(Axis::Rows, rows), (Axis::Cols, cols)] {
                    if let Range::Span(first, last) = range {
                        let (start, length) = self.range(scope, first, last)?;
                        node = self.apply(Op::Slice(axis, start, length), &[(node, a)], e)?;
                    }
                }
                Ok(node)
            }
            ExprKind::Call(name, arguments) => self.call(scope, name, arguments, e, hint),
        }
    }

    fn lookup(&mut self, scope: &Scope, name: &syntax::Name) -> Result<NodeId, Diagnostic> {
        match scope.values.get(&name.text) {
            Some(Some(node)) => return Ok(*node),
            Some(None) => return Err(Diagnostic::new(POISONED)),
            None => {}
        }
        if let Some(&dim) = scope.dims.get(&name.text) {
            return Ok(self.graph.size(dim));
        }
        if let Some(symbol) = self.graph.symbols.find(&name.text) {
            return Ok(self.graph.size(Dim::symbol(symbol)));
        }
        if name.text == TRAINING {
            let known = self.graph.find(TRAINING);
            return Ok(known.unwrap_or_else(|| {
                let name = made_up(TRAINING.into());
                self.graph.add_variable(name, Kind::Given, Shape::SCALAR, Initial::None)
            }));
        }
        let near = nearest(&name.text, scope.values.keys().map(String::as_str));
        let label = match near {
            Some(n) => format!("did you mean {n}?"),
            None => "not defined above".into(),
        };
        Err(Diagnostic::new(format!("there is no {}", name.text))
            .label(name.span, label)
            .help("every name is declared or defined before its use"))
    }

    fn binary(
        &mut self,
        scope: &Scope,
        op: Binary,
        a: &Expr,
        b: &Expr,
        e: &Expr,
        hint: Hint,
    ) -> Result<NodeId, Diagnostic> {
        if op == Binary::Product {
            let (x, y) = if shapeless(scope, a) && !shapeless(scope, b) {
                let y = self.build(scope, b, (None, hint.1))?;
                let inner = self.graph.shape(y).rows;
                (self.build(scope, a, (hint.0, Some(inner)))?, y)
            } else {
                let x = self.build(scope, a, (hint.0, None))?;
                let shape = self.graph.shape(x);
                // A number scales, so that what it scales has the shape of the product.
                let rows = if shape.is_scalar() { hint.0 } else { Some(shape.cols) };
                (x, self.build(scope, b, (rows, hint.1))?)
            };
            return self
                .graph
                .product(x, y)
                .map_err(|why| self.explain(scope, &why, &[(x, a), (y, b)], e));
        }
        let (x, y) = if shapeless(scope, a) && !shapeless(scope, b) {
            let y = self.build(scope, b, hint)?;
            let s = self.graph.shape(y);
            (self.build(scope, a, (Some(s.rows), Some(s.cols)))?, y)
        } else {
            let x = self.build(scope, a, hint)?;
            let s = self.graph.shape(x);
            (x, self.build(scope, b, (Some(s.rows), Some(s.cols)))?)
        };
        let both = [(x, a), (y, b)];
        let scalar = |id: NodeId, g: &Graph| g.shape(id).is_scalar();
        let op = match op {
            Binary::Sum => Op::Add,
            Binary::Difference => {
                let negative = self.apply(Op::Neg, &[(y, b)], b)?;
                return self.elementwise(scope, Op::Add, &[(x, a), (negative, b)], e);
            }
            Binary::Product | Binary::Hadamard => Op::Mul,
            Binary::Quotient => Op::Div,
            Binary::Division if scalar(y, self.graph) => Op::Div,
            Binary::Division => {
                return Err(Diagnostic::new("`/` divides by a number")
                    .label(b.span, self.describe(scope, y, b))
                    .help(
                        "write `A ⊘ B` (`./`) to divide entry by entry, or `A B⁻¹` for the inverse",
                    ));
            }
            Binary::Power if !scalar(x, self.graph) => {
                return Err(Diagnostic::new("`^` is the power of a number")
                    .label(a.span, self.describe(scope, x, a))
                    .help("write `A .^ 2` for the power of each entry, or `A A` for the product"));
            }
            Binary::Power | Binary::ElementPower => Op::Pow,
            Binary::Greater => Op::Greater,
            Binary::GreaterEqual => Op::GreaterEqual,
        };
        self.elementwise(scope, op, &both, e)
    }

    fn elementwise(
        &mut self,
        scope: &Scope,
        op: Op,
        operands: &[(NodeId, &Expr)],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let nodes: Vec<NodeId> = operands.iter().map(|&(n, _)| n).collect();
        self.graph.elementwise(op, &nodes).map_err(|why| self.explain(scope, &why, operands, e))
    }

    fn apply(
        &mut self,
        op: Op,
        operands: &[(NodeId, &Expr)],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let nodes: Vec<NodeId> = operands.iter().map(|&(n, _)| n).collect();
        let made = self.graph.node(op, &nodes);
        made.map_err(|why| self.explain(&Scope::default(), &why, operands, e))
    }

    fn node(&mut self, op: Op, operands: &[NodeId], e: &Expr) -> Result<NodeId, Diagnostic> {
        self.graph.node(op, operands).map_err(|why| self.explain(&Scope::default(), &why, &[], e))
    }

    fn ones(&mut self, shape: Shape, e: &Expr) -> Result<NodeId, Diagnostic> {
        let one = self.graph.number(1.0);
        self.node(Op::Spread(shape), &[one], e)
    }

    fn call(
        &mut self,
        scope: &Scope,
        name: &syntax::Name,
        arguments: &[Argument],
        e: &Expr,
        hint: Hint,
    ) -> Result<NodeId, Diagnostic> {
        let last = self.graph.functions.iter().rposition(|f| f.name == *name);
        if let Some(index) = last {
            let function = self.graph.functions[index].clone();
            return self.function(scope, index as u32, &function, arguments, e);
        }
        let values: Vec<&Expr> = arguments
            .iter()
            .filter_map(|a| if let Argument::Value(v) = a { Some(v) } else { None })
            .collect();
        let wrong = |count: &str| {
            Diagnostic::new(format!("{} takes {count}", name.text))
                .label(e.span, format!("{} given", arguments.len()))
        };
        let shape_hint = Shape::new(hint.0.unwrap_or(Dim::ONE), hint.1.unwrap_or(Dim::ONE));
        match name.text.as_str() {
            "ones" | "matrix" | "vector" | "eye" => {
                let site = matches!(name.text.as_str(), "matrix" | "vector");
                if site {
                    return self.ones(shape_hint, e);
                }
                let dims: Result<Vec<Dim>, Diagnostic> =
                    values.iter().map(|v| self.dim_of(scope, v)).collect();
                return match (name.text.as_str(), dims?.as_slice()) {
                    ("eye", [n]) => self.node(Op::Eye(*n), &[], e),
                    ("ones", [m]) => self.ones(Shape::new(*m, Dim::ONE), e),
                    ("ones", [m, n]) => self.ones(Shape::new(*m, *n), e),
                    _ => Err(wrong("one or two dimensions")),
                };
            }
            "reshape" => {
                return self.reshape(scope, arguments, e);
            }
            _ => {}
        }
        let op = Op::all()
            .into_iter()
            .find(|op| op.def().form == Form::Call && op.def().name == name.text);
        if let Some(op) = op.filter(|op| op.window().is_some()) {
            return self.picture(scope, op, arguments, e);
        }
        let nodes: Result<Vec<NodeId>, Diagnostic> =
            values.iter().map(|v| self.build(scope, v, hint)).collect();
        let nodes = nodes?;
        let pairs: Vec<(NodeId, &Expr)> = nodes.iter().copied().zip(values).collect();
        match (name.text.as_str(), nodes.as_slice()) {
            ("rows", [a]) => return Ok(self.graph.size(self.graph.shape(*a).rows)),
            ("cols", [a]) => return Ok(self.graph.size(self.graph.shape(*a).cols)),
            ("vec", [a]) => {
                let shape = self.graph.shape(*a);
                let size = shape.size().ok_or_else(|| wrong("a smaller matrix"))?;
                let column = self.node(Op::Transpose, &[*a], e)?;
                return self.node(Op::Reshape(Shape::new(size, Dim::ONE)), &[column], e);
            }
            ("transposed", [_] | [_, _]) => {
                if let Some((op, operand, shapes)) = &scope.linear
                    && let Some(partner) = op.def().transposed
                {
                    return self.node(partner(*op, *operand, shapes), &nodes, e);
                }
            }
            ("diag", [a]) if self.graph.shape(*a).cols != Dim::ONE => {
                return self.apply(Op::Diagonal, &pairs, e);
            }
            _ => {}
        }
        match op {
            Some(op) if op.def().arity != nodes.len() || nodes.len() != arguments.len() => {
                Err(wrong(&format!("{} matrices", op.def().arity)))
            }
            Some(op) if op.is_elementwise() => self.elementwise(scope, op, &pairs, e),
            Some(op) => {
                let made = self.graph.node(op, &nodes);
                made.map_err(|why| self.explain(scope, &why, &pairs, e))
            }
            None => Err(Diagnostic::new(format!("there is no function {}", name.text))
                .label(name.span, "not known")),
        }
    }

    /// `reshape(A, m×n)`, or one side alone, from which the other follows: `reshape(A, rows = m)`.
    fn reshape(
        &mut self,
        scope: &Scope,
        arguments: &[Argument],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let wrong = || {
            Diagnostic::new("reshape takes a matrix and a shape").label(e.span, "here").help(
                "write `reshape(A, m×n)`, or `reshape(A, rows = m)` or `reshape(A, cols = n)`",
            )
        };
        let [Argument::Value(a), to] = arguments else { return Err(wrong()) };
        let node = self.build(scope, a, (None, None))?;
        let size = self.graph.shape(node).size();
        let other = |side: Dim| size.and_then(|size| size.over(side)).unwrap_or(Dim::ONE);
        let to = match to {
            Argument::Shape(dims) => match dims.as_slice() {
                [rows, cols] => Shape::new(self.dim(scope, rows)?, self.dim(scope, cols)?),
                _ => return Err(wrong()),
            },
            Argument::Named(name, side) if name.text == "rows" => {
                let rows = self.dim_of(scope, side)?;
                Shape::new(rows, other(rows))
            }
            Argument::Named(name, side) if name.text == "cols" => {
                let cols = self.dim_of(scope, side)?;
                Shape::new(other(cols), cols)
            }
            Argument::Value(_) | Argument::Named(..) | Argument::Option(..) => return Err(wrong()),
        };
        self.apply(Op::Reshape(to), &[(node, a)], e)
    }

    /// A function that is written in the language: kept as a call if it is sealed, else expanded.
    fn function(
        &mut self,
        scope: &Scope,
        index: u32,
        function: &Arc<Function>,
        arguments: &[Argument],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let mut inner = Scope {
            values: scope.closures.get(&index).cloned().unwrap_or_default(),
            ..Scope::default()
        };
        let mut operands = Vec::new();
        let positional = positional(arguments);
        for argument in arguments {
            if let Argument::Named(name, value) | Argument::Option(name, value) = argument
                && function.parameters.iter().all(|p| p.name != *name)
            {
                return Err(Diagnostic::new(format!(
                    "{} has no {}",
                    function.name.text, name.text
                ))
                .label(name.span.to(value.span), "not one of its parameters")
                .help(format!("it takes {}", parameter_names(function))));
            }
        }
        if positional.len() > function.parameters.len() {
            return Err(Diagnostic::new(format!(
                "{} takes {}, not {}",
                function.name.text,
                function.parameters.len(),
                positional.len()
            ))
            .label(e.span, "too much is given")
            .help(format!("it takes {}", parameter_names(function))));
        }
        for (i, parameter) in function.parameters.iter().enumerate() {
            let named = arguments.iter().find_map(|a| match a {
                Argument::Named(n, v) | Argument::Option(n, v) if *n == parameter.name => Some(v),
                Argument::Value(_)
                | Argument::Named(..)
                | Argument::Shape(_)
                | Argument::Option(..) => None,
            });
            let named = named.map(Cow::Borrowed);
            let given = named.or_else(|| positional.get(i).cloned());
            // A default may use the parameters before it.
            let seen = if given.is_some() { scope.clone() } else { inner.clone() };
            let default = || parameter.default.as_ref().map(Cow::Borrowed);
            let Some(value) = given.or_else(default) else {
                return Err(Diagnostic::new(format!(
                    "{} needs {}",
                    function.name.text, parameter.name.text
                ))
                .label(e.span, "not given")
                .help(format!("it takes {}", parameter_names(function))));
            };
            if is_dimension(function, &parameter.name.text) {
                let dim = self.dim_of(&seen, &value)?;
                inner.dims.insert(parameter.name.text.clone(), dim);
                continue;
            }
            let node = self.build(&seen, &value, (None, None))?;
            if let Some(pattern) = &parameter.shape {
                let shape = self.graph.shape(node);
                for (part, found) in [(&pattern.rows, shape.rows), (&pattern.cols, shape.cols)] {
                    let local = part.symbols.first().filter(|s| {
                        part.coefficient == 1
                            && part.symbols.len() == 1
                            && !inner.dims.contains_key(&s.text)
                    });
                    if let Some(symbol) = local {
                        inner.dims.insert(symbol.text.clone(), found);
                    } else if self.dim(&inner, part)? != found {
                        return Err(Diagnostic::new(format!(
                            "{} wants another shape",
                            function.name.text
                        ))
                        .help(format!("it takes {}", parameter_names(function)))
                        .label(
                            value.span,
                            format!(
                                "{}, and {pattern} is wanted",
                                self.describe(scope, node, &value)
                            ),
                        ));
                    }
                }
            }
            operands.push(node);
            inner.values.insert(parameter.name.text.clone(), Some(node));
        }
        if self.depth >= DEEPEST || operands.len() > MOST_OPERANDS {
            return Err(Diagnostic::new(format!(
                "{} is too deep or takes too much",
                function.name.text
            ))
            .label(e.span, "here"));
        }
        let number = self.own(&mut inner, function)?;
        self.depth += 1;
        let body = self.parts(&inner, &function.parts).and_then(|inner| {
            let body = self.build(&inner, &function.body, (None, None))?;
            self.updates(&inner, function)?;
            for part in function.parts.iter().filter(|_| function.layer) {
                let value = self.lookup(&inner, &part.name)?;
                if value != body && !self.graph.shape(value).is_scalar() {
                    self.graph.set_name(value, made_up(numbered(&part.name.text, number)));
                }
            }
            Ok(body)
        });
        self.depth -= 1;
        let body = body.map_err(|inside| {
            // The text of the body is not the text of the page: say it all at the call.
            let said = inside.labels.first().map_or(String::new(), |(_, text)| format!(": {text}"));
            let shapes: Vec<String> =
                operands.iter().map(|&o| self.graph.symbols.shape(self.graph.shape(o))).collect();
            Diagnostic::new(inside.title.clone())
                .label(
                    e.span,
                    format!("inside {} of {}{said}", function.name.text, shapes.join(" and ")),
                )
                .help(
                    inside
                        .help
                        .unwrap_or_else(|| format!("it takes {}", parameter_names(function))),
                )
        })?;
        Ok(if function.backward.is_empty() {
            body
        } else {
            self.graph.call(index, &operands, body)
        })
    }

    /// Adds what a layer owns; its number makes the names of that and of its parts new.
    fn own(&mut self, inner: &mut Scope, function: &Function) -> Result<usize, Diagnostic> {
        let parts = function.parts.iter().filter(|_| function.layer).map(|part| &part.name);
        let names: Vec<_> = function.owned.iter().map(|d| &d.name).chain(parts).collect();
        let free = (1..)
            .find(|&k| {
                let mut names = names.iter().map(|name| numbered(&name.text, k));
                names.all(|n| self.graph.find(&n).is_none() && !self.taken.contains(&n))
            })
            .expect("there are more numbers than layers");
        for declaration in &function.owned {
            let mut mine = declaration.clone();
            mine.name = made_up(numbered(&declaration.name.text, free));
            let node = declare(self, inner, &mine, Kind::Declared(declaration.role))?;
            inner.values.insert(declaration.name.text.clone(), Some(node));
        }
        Ok(free)
    }

    /// Notes the new values of the states that a layer owns.
    fn updates(&mut self, inner: &Scope, function: &Function) -> Result<(), Diagnostic> {
        for update in &function.updates {
            let state = self.lookup(inner, &update.name)?;
            let shape = self.graph.shape(state);
            let value = self.expected(inner, &update.value, shape)?;
            let value = self.graph.spread(value, shape).map_err(|why| {
                self.explain(inner, &why, &[(value, &update.value)], &update.value)
            })?;
            self.graph.updates.push((state, value));
        }
        Ok(())
    }

    /// A shape as written.
    ///
    /// # Errors
    /// Where a product of dimensions is too long.
    pub fn shape(&mut self, scope: &Scope, shape: &syntax::Shape) -> Result<Shape, Diagnostic> {
        Ok(Shape::new(self.dim(scope, &shape.rows)?, self.dim(scope, &shape.cols)?))
    }

    fn dim(&mut self, scope: &Scope, dim: &syntax::Dim) -> Result<Dim, Diagnostic> {
        let mut product = Some(Dim::of(dim.coefficient));
        for name in &dim.symbols {
            let factor = match scope.dims.get(&name.text) {
                Some(&known) => known,
                None => Dim::symbol(self.graph.symbols.intern(&name.text)),
            };
            product = product.and_then(|p| p.times(factor));
        }
        product.filter(|p| p.coefficient() > 0).ok_or_else(|| {
            Diagnostic::new("this is no dimension")
                .label(dim.span, "a positive number times at most six symbols")
        })
    }

    /// An expression in the place of a dimension: a number, a symbol, a product of them.
    fn dim_of(&mut self, scope: &Scope, e: &Expr) -> Result<Dim, Diagnostic> {
        let no = || {
            Diagnostic::new("this is no dimension")
                .label(e.span, "a whole number or a symbol is wanted")
        };
        match &e.kind {
            ExprKind::Number(x) if x.fract() == 0.0 && *x >= 1.0 && *x < 1e15 => {
                Ok(Dim::of(*x as u64))
            }
            ExprKind::Name(name) => {
                let value = scope.values.get(&name.text).copied().flatten();
                let symbol = self.graph.symbols.find(&name.text).map(Dim::symbol);
                let dim = scope.dims.get(&name.text).copied();
                let dim = dim.or_else(|| value.and_then(|v| self.graph.size_of(v))).or(symbol);
                dim.ok_or_else(no)
            }
            ExprKind::Binary(Binary::Product, a, b) => {
                self.dim_of(scope, a)?.times(self.dim_of(scope, b)?).ok_or_else(no)
            }
            ExprKind::Call(..) => {
                let node = self.build(scope, e, (None, None))?;
                self.graph.size_of(node).ok_or_else(no)
            }
            _ => Err(no()),
        }
    }

    fn range(
        &mut self,
        scope: &Scope,
        first: &syntax::Dim,
        last: &syntax::Dim,
    ) -> Result<(Dim, Dim), Diagnostic> {
        let wrong = || {
            Diagnostic::new("this range is empty or not known")
                .label(first.span.to(last.span), "`first:last` counts from 1 and includes both")
        };
        let (a, b) = (self.dim(scope, first)?, self.dim(scope, last)?);
        match (a.number(), b.number()) {
            (Some(a), Some(b)) if a >= 1 && b >= a => Ok((Dim::of(a - 1), Dim::of(b - a + 1))),
            (Some(1), None) => Ok((Dim::of(0), b)),
            _ if a == b => Err(wrong()),
            _ => Err(wrong()),
        }
    }
}

/// `W₂` of `W`.
fn numbered(name: &str, number: usize) -> String {
    syntax::canonical(&format!("{name}_{number}"))
}

fn unknown_shape(e: &Expr, what: &str, instead: &str) -> Diagnostic {
    Diagnostic::new(format!("the shape of {what} does not follow from its place"))
        .label(e.span, "of what size?")
        .help(format!("write {instead}"))
}

fn parameter_names(function: &Function) -> String {
    let each = function.parameters.iter().map(|p| match &p.shape {
        Some(shape) => format!("{}: {shape}", p.name.text),
        None => p.name.text.clone(),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Whether a parameter is used as a dimension in the shapes of a layer.
fn is_dimension(function: &Function, name: &str) -> bool {
    let shapes = function.owned.iter().filter_map(|d| d.shape.as_ref());
    let shapes = shapes.chain(function.parameters.iter().filter_map(|p| p.shape.as_ref()));
    let values = function.parts.iter().map(|p| &p.value).chain([&function.body]);
    shapes.flat_map(|s| s.rows.symbols.iter().chain(&s.cols.symbols)).any(|s| s.text == name)
        || values.into_iter().any(|e| picture::in_shape(e, name))
}

/// The arguments without a name; a shape stands for as many as it has dimensions.
fn positional(arguments: &[Argument]) -> Vec<Cow<'_, Expr>> {
    let of = |dim: &syntax::Dim| {
        let number = Expr { kind: ExprKind::Number(dim.coefficient as f64), span: dim.span };
        let symbols =
            dim.symbols.iter().map(|s| Expr { kind: ExprKind::Name(s.clone()), span: s.span });
        let product = |a: Expr, b: Expr| Expr {
            span: dim.span,
            kind: ExprKind::Binary(Binary::Product, Box::new(a), Box::new(b)),
        };
        Cow::Owned(match dim.coefficient {
            1 => symbols.reduce(product).unwrap_or(number),
            _ => symbols.fold(number, product),
        })
    };
    let each = arguments.iter().flat_map(|argument| match argument {
        Argument::Value(value) => vec![Cow::Borrowed(value)],
        Argument::Shape(dims) => dims.iter().map(of).collect(),
        Argument::Named(..) | Argument::Option(..) => Vec::new(),
    });
    each.collect()
}

/// Whether its shape comes from outside (`𝟏`, `I`, and what is made of them alone).
fn shapeless(scope: &Scope, e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Ones => true,
        ExprKind::Identity => !scope.values.contains_key("I"),
        ExprKind::Unary(_, a) => shapeless(scope, a),
        ExprKind::Call(name, _) => matches!(name.text.as_str(), "vector" | "matrix"),
        ExprKind::Binary(Binary::Product, a, b) => {
            (shapeless(scope, a) && (shapeless(scope, b) || matches!(b.kind, ExprKind::Number(_))))
                || (matches!(a.kind, ExprKind::Number(_)) && shapeless(scope, b))
        }
        _ => false,
    }
}
