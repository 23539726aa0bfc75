//! Calls: functions built in, of the library and of the page, and layers with what they own.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Builder, DEEPEST, Hint, Scope, numbered, picture};
use crate::diagnostic::Diagnostic;
use crate::dim::{Dim, Shape};
use crate::elaborate::{declare, made_up};
use crate::graph::{Kind, MOST_OPERANDS, NodeId};
use crate::op::{Form, Op};
use crate::syntax::{self, Argument, Binary, Expr, ExprKind, Function};

impl Builder<'_> {
    pub(super) fn call(
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
