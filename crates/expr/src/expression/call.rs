//! Calls: functions built in, of the library and of the page, and layers with what they own.

use std::borrow::Cow;

use super::{Builder, DEEPEST, Hint, Scope, numbered, picture};
use crate::diagnostic::Diagnostic;
use crate::dim::{Dim, Shape};
use crate::elaborate::{declare, made_up};
use crate::graph::{Kind, MOST_OPERANDS, NodeId};
use crate::library::BUILT_IN;
use crate::op::{Axis, Form, Op};
use crate::syntax::{self, Argument, Binary, Expr, ExprKind, Function, Parameter};

impl Builder<'_> {
    pub(super) fn call(
        &mut self,
        scope: &Scope,
        name: &syntax::Name,
        arguments: &[Argument],
        e: &Expr,
        hint: Hint,
    ) -> Result<NodeId, Diagnostic> {
        let above = scope.functions.map_or(self.graph.functions.len(), |count| count as usize);
        let (text, above) = match name.text.strip_prefix(BUILT_IN) {
            Some(text) => (text, self.graph.library.min(above)),
            None => (name.text.as_str(), above),
        };
        let last = self.graph.functions[..above].iter().rposition(|f| f.name.text == text);
        if let Some(index) = last {
            return self.function(scope, index as u32, arguments, e);
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
        match text {
            "matrix" | "vector" => {
                let [entry] = values[..] else { return Err(wrong("one number")) };
                let node = self.build(scope, entry, (None, None))?;
                return self.apply(Op::Spread(shape_hint), &[(node, entry)], e);
            }
            "ones" | "eye" => {
                let dims: Result<Vec<Dim>, Diagnostic> =
                    values.iter().map(|v| self.dim_of(scope, v)).collect();
                return match (text, dims?.as_slice()) {
                    ("eye", [n]) => self.node(Op::Eye(*n), &[], e),
                    ("ones", [m]) => self.ones(Shape::new(*m, Dim::ONE), e),
                    ("ones", [m, n]) => self.ones(Shape::new(*m, *n), e),
                    _ => Err(wrong("one or two dimensions")),
                };
            }
            "reshape" => return self.reshape(scope, arguments, e),
            "place" => return self.place(scope, arguments, e),
            _ => {}
        }
        let op =
            Op::all().into_iter().find(|op| op.def().form == Form::Call && op.def().name == text);
        if let Some(op) = op.filter(|op| op.window().is_some()) {
            return self.picture(scope, op, arguments, e);
        }
        let nodes: Result<Vec<NodeId>, Diagnostic> =
            values.iter().map(|v| self.build(scope, v, hint)).collect();
        let nodes = nodes?;
        let pairs: Vec<(NodeId, &Expr)> = nodes.iter().copied().zip(values).collect();
        if let Some(node) = self.of_shapes(scope, text, &pairs, e)? {
            return Ok(node);
        }
        match op {
            Some(op) if op.def().arity != nodes.len() || nodes.len() != arguments.len() => {
                let (count, operands) = match op.def().arity {
                    1 => ("one matrix", "A"),
                    _ => ("two matrices", "A, B"),
                };
                let row = "; the largest entry of each row is `rowmax(A)`";
                let more = if op == Op::Max { row } else { "" };
                Err(wrong(count).help(format!("write `{}({operands})`{more}", name.text)))
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

    /// A function that is not the op of its name, for what shapes its operands have.
    fn of_shapes(
        &mut self,
        scope: &Scope,
        name: &str,
        pairs: &[(NodeId, &Expr)],
        e: &Expr,
    ) -> Result<Option<NodeId>, Diagnostic> {
        let nodes: Vec<NodeId> = pairs.iter().map(|&(node, _)| node).collect();
        Ok(Some(match (name, nodes.as_slice()) {
            ("rows", [a]) => self.graph.size(self.graph.shape(*a).rows),
            ("cols", [a]) => self.graph.size(self.graph.shape(*a).cols),
            ("vec", [a]) => {
                let size = self.graph.shape(*a).size().ok_or_else(|| {
                    Diagnostic::new("vec takes a smaller matrix").label(e.span, "1 given")
                })?;
                let column = self.node(Op::Transpose, &[*a], e)?;
                self.node(Op::Reshape(Shape::new(size, Dim::ONE)), &[column], e)?
            }
            ("transposed", [_] | [_, _]) => {
                let Some((op, operand, shapes)) = &scope.linear else { return Ok(None) };
                let Some(partner) = op.def().transposed else { return Ok(None) };
                self.node(partner(*op, *operand, shapes), &nodes, e)?
            }
            ("diag", [a]) if self.graph.shape(*a).cols != Dim::ONE => {
                self.apply(Op::Diagonal, pairs, e)?
            }
            _ => return Ok(None),
        }))
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

    /// `place(A, m×n, row = 3)`: A among zeros, with its first row in this one.
    fn place(
        &mut self,
        scope: &Scope,
        arguments: &[Argument],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let wrong = || {
            Diagnostic::new("place takes a matrix, a shape and a place")
                .label(e.span, "here")
                .help("write `place(A, m×n, row = 3)` or `place(A, m×n, column = 3)`")
        };
        let [Argument::Value(a), Argument::Shape(dims), Argument::Named(side, first)] = arguments
        else {
            return Err(wrong());
        };
        let [rows, cols] = dims.as_slice() else { return Err(wrong()) };
        let (rows, cols) = (self.dim(scope, rows)?, self.dim(scope, cols)?);
        let node = self.build(scope, a, (None, None))?;
        let start = self.dim_of(scope, first)?.minus(Dim::ONE).ok_or_else(wrong)?;
        let shape = self.graph.shape(node);
        let op = match side.text.as_str() {
            "row" if shape.cols == cols => Op::Place(Axis::Rows, start, rows),
            "column" if shape.rows == rows => Op::Place(Axis::Cols, start, cols),
            _ => return Err(wrong()),
        };
        self.apply(op, &[(node, a)], e)
    }

    /// A function that is written in the language: kept as a call if it is sealed, else expanded.
    fn function(
        &mut self,
        scope: &Scope,
        index: u32,
        arguments: &[Argument],
        e: &Expr,
    ) -> Result<NodeId, Diagnostic> {
        let function = &self.graph.functions[index as usize].clone();
        let positional = positional(arguments);
        expected(function, arguments, &positional, e)?;
        let mut inner = Scope {
            values: self.closures.get(&index).cloned().unwrap_or_default(),
            functions: Some(index),
            ..Scope::default()
        };
        let mut operands = Vec::new();
        for (i, parameter) in function.parameters.iter().enumerate() {
            let named = arguments.iter().find_map(|a| match a {
                Argument::Named(n, v) | Argument::Option(n, v) if *n == parameter.name => Some(v),
                Argument::Value(_)
                | Argument::Named(..)
                | Argument::Shape(_)
                | Argument::Option(..) => None,
            });
            let operand = match (named.or(positional.get(i).map(Cow::as_ref)), &parameter.default) {
                (Some(value), _) => self.bind(scope, &mut inner, function, parameter, value)?,
                // A default may use the parameters before it.
                (None, Some(default)) => self
                    .bind(&inner.clone(), &mut inner, function, parameter, default)
                    .map_err(|why| self.inside(function, &operands, e, why))?,
                (None, None) => {
                    return Err(Diagnostic::new(format!(
                        "{} needs {}",
                        function.name.text, parameter.name.text
                    ))
                    .label(e.span, "not given")
                    .help(format!("it takes {}", parameter_names(function))));
                }
            };
            operands.extend(operand);
        }
        if self.depth >= DEEPEST || operands.len() > MOST_OPERANDS {
            let title = format!("{} is too deep or takes too much", function.name.text);
            return Err(Diagnostic::new(title).label(e.span, "here"));
        }
        self.depth += 1;
        let body = self.body(&mut inner, index, function);
        self.depth -= 1;
        let body = body.map_err(|why| self.inside(function, &operands, e, why))?;
        Ok(if function.backward.is_empty() {
            body
        } else {
            self.graph.call(index, &operands, body)
        })
    }

    /// Gives a parameter its value, or its dimension; a value is an operand.
    fn bind(
        &mut self,
        scope: &Scope,
        inner: &mut Scope,
        function: &Function,
        parameter: &Parameter,
        value: &Expr,
    ) -> Result<Option<NodeId>, Diagnostic> {
        let name = &parameter.name.text;
        if is_dimension(function, name) {
            inner.dims.insert(name.clone(), self.dim_of(scope, value)?);
            return Ok(None);
        }
        let node = self.build(scope, value, (None, None))?;
        let shape = self.graph.shape(node);
        let sides =
            parameter.shape.iter().flat_map(|s| [(&s.rows, shape.rows), (&s.cols, shape.cols)]);
        for (part, found) in sides {
            let new = part.symbols.first().filter(|s| {
                part.coefficient == 1
                    && part.symbols.len() == 1
                    && !inner.dims.contains_key(&s.text)
            });
            if let Some(symbol) = new {
                inner.dims.insert(symbol.text.clone(), found);
            } else if self.dim(inner, part)? != found {
                let wanted =
                    parameter.shape.as_ref().map_or(String::new(), syntax::Shape::to_string);
                let found = self.describe(scope, node, value);
                return Err(Diagnostic::new(format!("{} wants another shape", function.name.text))
                    .help(format!("it takes {}", parameter_names(function)))
                    .label(value.span, format!("{found}, and {wanted} is wanted")));
            }
        }
        inner.values.insert(name.clone(), Some(node));
        Ok(Some(node))
    }

    /// What a function comes to, once its parameters have values.
    fn body(
        &mut self,
        inner: &mut Scope,
        index: u32,
        function: &Function,
    ) -> Result<NodeId, Diagnostic> {
        let number = self.own(inner, index, function)?;
        self.parts(inner, &function.parts)?;
        let body = self.build(inner, &function.body, (None, None))?;
        self.updates(inner, function)?;
        for part in function.parts.iter().filter(|_| function.layer) {
            let value = self.lookup(inner, &part.name)?;
            if value != body && !self.graph.shape(value).is_scalar() {
                self.graph.set_name(value, made_up(numbered(&part.name.text, number)));
            }
        }
        Ok(body)
    }

    /// What is wrong inside of a function, said at its call: its text is not that of the page.
    fn inside(
        &self,
        function: &Function,
        operands: &[NodeId],
        e: &Expr,
        why: Diagnostic,
    ) -> Diagnostic {
        let said = why.labels.first().map_or(String::new(), |(_, text)| format!(": {text}"));
        let name = &function.name.text;
        let shapes = operands.iter().map(|&o| self.graph.shape(o));
        // Settings are numbers, and not what goes wrong as a rule.
        let (numbers, matrices): (Vec<Shape>, Vec<Shape>) = shapes.partition(|s| s.is_scalar());
        let shown = if matrices.is_empty() { numbers } else { matrices };
        let shown: Vec<String> = shown.iter().map(|&s| self.graph.symbols.shape(s)).collect();
        let place = match shown[..] {
            [] => format!("inside {name}{said}"),
            _ => format!("inside {name} of {}{said}", shown.join(" and ")),
        };
        let help = why.help.unwrap_or_else(|| format!("it takes {}", parameter_names(function)));
        Diagnostic::new(why.title).label(e.span, place).help(help)
    }

    /// Adds what a layer owns; its number makes the names of that and of its parts new.
    fn own(
        &mut self,
        inner: &mut Scope,
        index: u32,
        function: &Function,
    ) -> Result<usize, Diagnostic> {
        let parts = function.parts.iter().filter(|_| function.layer).map(|part| &part.name);
        let names: Vec<_> = function.owned.iter().map(|d| &d.name).chain(parts).collect();
        // A number that was not free for this layer is never free again.
        let last = self.numbers.get(&index).copied().unwrap_or(0);
        let free = (last + 1..)
            .find(|&k| {
                let mut names = names.iter().map(|name| numbered(&name.text, k));
                names.all(|n| self.graph.find(&n).is_none() && !self.taken.contains(&n))
            })
            .expect("there are more numbers than layers");
        if !names.is_empty() {
            self.numbers.insert(index, free);
        }
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
}

/// Whether a function takes what it is given.
fn expected(
    function: &Function,
    arguments: &[Argument],
    positional: &[Cow<'_, Expr>],
    e: &Expr,
) -> Result<(), Diagnostic> {
    let name = &function.name.text;
    let takes = format!("it takes {}", parameter_names(function));
    for argument in arguments {
        if let Argument::Named(other, value) | Argument::Option(other, value) = argument
            && function.parameters.iter().all(|p| p.name != *other)
        {
            return Err(Diagnostic::new(format!("{name} has no {}", other.text))
                .label(other.span.to(value.span), "not one of its parameters")
                .help(takes));
        }
    }
    let (most, given) = (function.parameters.len(), positional.len());
    if given > most {
        return Err(Diagnostic::new(format!("{name} takes {most}, not {given}"))
            .label(e.span, "too much is given")
            .help(takes));
    }
    Ok(())
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
