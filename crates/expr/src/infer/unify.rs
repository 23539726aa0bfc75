//! Unification of dimensions: the shape of an expression, and what it asks of its names.

use std::collections::{BTreeMap, HashMap};

use super::{Class, class};
use crate::library::{BUILT_IN, Library};
use crate::op::{Form, Op};
use crate::syntax::{self, Argument, Binary, Expr, ExprKind, Span, Unary};

/// Shapes of names, as numbers of dimensions.
pub(super) type Values = HashMap<String, Pair>;
pub(super) type Pair = (usize, usize);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Anything.
    Open,
    /// Anything but 1: a side of a declared matrix.
    Many,
    Known(u64),
    /// The same as another.
    Same(usize),
}

/// Unification of dimensions.
pub(super) struct Inference<'a> {
    library: &'a Library,
    dims: Vec<State>,
    /// Dimensions that the expression itself names, as in `ones(m, 1)`.
    pub(super) symbols: BTreeMap<String, usize>,
    /// Whether something did not fit.
    pub(super) failed: bool,
    /// Operands of the expression itself that were spread.
    pub(super) spreads: usize,
    /// Each `vector(…)` and `matrix(…)` of the expression itself, by the place of its argument.
    pub(super) made: Vec<(Span, Pair)>,
    /// How many bodies of functions deep.
    depth: usize,
}

impl<'a> Inference<'a> {
    pub(super) fn new(library: &'a Library) -> Inference<'a> {
        let (dims, symbols) = (Vec::new(), BTreeMap::new());
        let made = Vec::new();
        Inference { library, dims, symbols, failed: false, spreads: 0, made, depth: 0 }
    }
}

impl Inference<'_> {
    fn dim(&mut self, state: State) -> usize {
        self.dims.push(state);
        self.dims.len() - 1
    }

    fn known(&mut self, rows: u64, cols: u64) -> Pair {
        (self.dim(State::Known(rows)), self.dim(State::Known(cols)))
    }

    pub(super) fn number(&mut self) -> Pair {
        self.known(1, 1)
    }

    pub(super) fn declared(&mut self, class: Class, column: bool) -> Pair {
        match class {
            Class::Matrix => (self.dim(State::Many), self.dim(State::Many)),
            Class::Letter if !column => self.number(),
            Class::Number => self.number(),
            Class::Letter | Class::Column => (self.dim(State::Many), self.dim(State::Known(1))),
        }
    }

    /// A matrix of any shape, also a row or a column.
    pub(super) fn open(&mut self) -> Pair {
        (self.dim(State::Open), self.dim(State::Open))
    }

    pub(super) fn root(&self, mut dim: usize) -> usize {
        while let State::Same(other) = self.dims[dim] {
            dim = other;
        }
        dim
    }

    pub(super) fn state(&self, dim: usize) -> State {
        self.dims[self.root(dim)]
    }

    pub(super) fn is_one(&self, dim: usize) -> bool {
        self.state(dim) == State::Known(1)
    }

    pub(super) fn is_number(&self, (rows, cols): Pair) -> bool {
        self.is_one(rows) && self.is_one(cols)
    }

    pub(super) fn unify(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let (from, to) = match (self.dims[a], self.dims[b]) {
            (State::Known(m), State::Known(n)) => {
                self.failed |= m != n;
                return;
            }
            (State::Known(1), State::Many) | (State::Many, State::Known(1)) => {
                self.failed = true;
                return;
            }
            (State::Open, _) | (State::Many, State::Known(_)) => (a, b),
            // The earlier one stays, so that symbols go in the order of the text.
            (State::Many, State::Many) => (a.max(b), a.min(b)),
            _ => (b, a),
        };
        self.dims[from] = State::Same(to);
    }

    /// The sum of two dimensions; symbols can be added only to themselves.
    fn sum(&mut self, a: usize, b: usize) -> usize {
        if let (State::Known(m), State::Known(n)) = (self.state(a), self.state(b)) {
            return self.dim(State::Known(m + n));
        }
        self.unify(a, b);
        self.dim(State::Open)
    }

    /// The common shape of element-wise operands.
    fn elementwise(&mut self, a: Pair, b: Pair) -> Pair {
        let mut spreads = false;
        let mut side = |this: &mut Self, m: usize, n: usize| {
            match (this.state(m), this.state(n)) {
                (State::Known(1), State::Known(1)) => return m,
                (State::Known(1), State::Many | State::Known(_)) => {
                    spreads = true;
                    return n;
                }
                (State::Many | State::Known(_), State::Known(1)) => {
                    spreads = true;
                    return m;
                }
                _ => this.unify(m, n),
            }
            m
        };
        let numbers = self.is_number(a) || self.is_number(b);
        let shape = (side(self, a.0, b.0), side(self, a.1, b.1));
        if spreads && !numbers && self.depth == 0 {
            self.spreads += 1;
        }
        shape
    }

    pub(super) fn shape(&mut self, e: &Expr, values: &Values) -> Pair {
        match &e.kind {
            ExprKind::Number(_) => self.number(),
            ExprKind::Literal(rows) => {
                self.known(rows.len() as u64, rows.first().map_or(0, Vec::len) as u64)
            }
            ExprKind::Name(name) => match values.get(&name.text) {
                Some(&pair) => pair,
                None => self.fail(),
            },
            ExprKind::Ones => self.open(),
            ExprKind::Identity => {
                let n = self.dim(State::Open);
                (n, n)
            }
            ExprKind::Unary(op, a) => {
                let (rows, cols) = self.shape(a, values);
                match op {
                    Unary::Negative => (rows, cols),
                    Unary::Transpose => (cols, rows),
                    Unary::Inverse => {
                        self.unify(rows, cols);
                        (rows, cols)
                    }
                }
            }
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (self.shape(a, values), self.shape(b, values));
                self.binary(*op, (x, a), (y, b))
            }
            ExprKind::Index(a, rows, cols) => {
                let whole = self.shape(a, values);
                let mut part = |range: &syntax::Range, all: usize| match range {
                    syntax::Range::All => all,
                    syntax::Range::After(..) => self.dim(State::Open),
                    syntax::Range::Span(first, last) => {
                        let length = (last.coefficient + 1).saturating_sub(first.coefficient);
                        self.dim(State::Known(length))
                    }
                };
                (part(rows, whole.0), part(cols, whole.1))
            }
            ExprKind::Call(name, arguments) => {
                let pair = self.call(&name.text, arguments, values);
                if let ("vector" | "matrix", [Argument::Value(entry)], 0) =
                    (name.text.as_str(), &arguments[..], self.depth)
                {
                    self.made.push((entry.span, pair));
                }
                pair
            }
        }
    }

    fn fail(&mut self) -> Pair {
        self.failed = true;
        self.open()
    }

    fn binary(&mut self, op: Binary, (x, a): (Pair, &Expr), (y, b): (Pair, &Expr)) -> Pair {
        match op {
            Binary::Product if self.is_number(x) => y,
            Binary::Product if self.is_number(y) => x,
            Binary::Product => {
                self.unify(x.1, y.0);
                (x.0, y.1)
            }
            Binary::Division | Binary::Power => {
                if op == Binary::Power {
                    self.unify_with_one(x);
                }
                self.unify_with_one(y);
                x
            }
            Binary::Sum | Binary::Difference => {
                let (m, n) = (self.is_number(x), self.is_number(y));
                let letter = (m && !n && is_letter(a)) || (n && !m && is_letter(b));
                if letter && self.depth == 0 {
                    self.spreads += 1;
                }
                self.elementwise(x, y)
            }
            Binary::Hadamard
            | Binary::Quotient
            | Binary::ElementPower
            | Binary::Greater
            | Binary::GreaterEqual => self.elementwise(x, y),
        }
    }

    fn unify_with_one(&mut self, (rows, cols): Pair) {
        let one = self.dim(State::Known(1));
        self.unify(rows, one);
        self.unify(cols, one);
    }

    fn call(&mut self, name: &str, arguments: &[Argument], values: &Values) -> Pair {
        let name = name.strip_prefix(BUILT_IN).unwrap_or(name);
        let function = self.library.functions.iter().rev().find(|f| f.name.text == name);
        let given: Vec<&Expr> = arguments
            .iter()
            .filter_map(|a| if let Argument::Value(value) = a { Some(value) } else { None })
            .collect();
        let shapes: Vec<Pair> = given.iter().map(|value| self.shape(value, values)).collect();
        if let Some(function) = function.cloned() {
            return self.body(&function, &shapes, arguments, values);
        }
        let op = Op::all()
            .into_iter()
            .find(|op| op.def().form == Form::Call && op.def().name == name && op.is_elementwise());
        match (name, shapes.as_slice()) {
            (_, [first, rest @ ..]) if op.is_some() => {
                rest.iter().fold(*first, |all, &next| self.elementwise(all, next))
            }
            ("sum" | "rows" | "cols", [_]) => self.number(),
            ("det" | "logdet", [a]) => {
                self.unify(a.0, a.1);
                self.number()
            }
            ("rowsum" | "rowmax", [a]) => (a.0, self.dim(State::Known(1))),
            ("colsum", [a]) => (self.dim(State::Known(1)), a.1),
            ("diag", [a]) if self.is_one(a.1) => (a.0, a.0),
            ("diag", [a]) => {
                self.unify(a.0, a.1);
                (a.0, self.dim(State::Known(1)))
            }
            ("vec", [_]) => (self.dim(State::Open), self.dim(State::Known(1))),
            ("hcat", [a, b]) => {
                self.unify(a.0, b.0);
                (a.0, self.sum(a.1, b.1))
            }
            ("vcat", [a, b]) => {
                self.unify(a.1, b.1);
                (self.sum(a.0, b.0), a.1)
            }
            ("vector", _) => (self.dim(State::Open), self.dim(State::Known(1))),
            ("matrix", _) => self.open(),
            ("eye", [_]) => {
                let n = self.side(given[0]);
                (n, n)
            }
            ("ones", [_]) => (self.side(given[0]), self.dim(State::Known(1))),
            ("ones", [_, _]) => (self.side(given[0]), self.side(given[1])),
            ("reshape", _) => match arguments.get(1) {
                Some(Argument::Shape(dims)) if dims.len() == 2 => {
                    self.known(dims[0].coefficient, dims[1].coefficient)
                }
                _ => self.fail(),
            },
            _ => self.fail(),
        }
    }

    /// An argument that is a dimension.
    fn side(&mut self, e: &Expr) -> usize {
        match &e.kind {
            ExprKind::Number(x) if *x >= 1.0 => self.dim(State::Known(*x as u64)),
            ExprKind::Name(name) if self.depth == 0 => {
                let new = self.dim(State::Open);
                *self.symbols.entry(name.text.clone()).or_insert(new)
            }
            _ => self.dim(State::Open),
        }
    }

    /// A function of the library has the shape of its body.
    fn body(
        &mut self,
        function: &syntax::Function,
        shapes: &[Pair],
        arguments: &[Argument],
        values: &Values,
    ) -> Pair {
        const DEEPEST: usize = 20;
        if self.depth >= DEEPEST {
            return self.fail();
        }
        self.depth += 1;
        let mut inner = Values::new();
        for (i, parameter) in function.parameters.iter().enumerate() {
            let named = arguments.iter().find_map(|a| match a {
                Argument::Named(name, value) if *name == parameter.name => Some(value),
                _ => None,
            });
            let pair = match (named, shapes.get(i), &parameter.default) {
                (Some(value), _, _) => self.shape(value, values),
                (None, Some(&pair), _) => pair,
                (None, None, Some(default)) => self.shape(default, &inner),
                (None, None, None) => self.fail(),
            };
            inner.insert(parameter.name.text.clone(), pair);
            for symbol in parameter.shape.iter().flat_map(|s| [&s.rows, &s.cols]) {
                for name in &symbol.symbols {
                    let number = self.number();
                    inner.insert(name.text.clone(), number);
                }
            }
        }
        for part in &function.parts {
            let pair = self.shape(&part.value, &inner);
            inner.insert(part.name.text.clone(), pair);
        }
        let pair = self.shape(&function.body, &inner);
        self.depth -= 1;
        pair
    }
}

/// Whether an operand is one of `a` to `g`, maybe scaled.
fn is_letter(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Name(name) => class(&name.text) == Class::Letter,
        ExprKind::Unary(_, a) => is_letter(a),
        ExprKind::Binary(Binary::Product, a, b) => {
            matches!(a.kind, ExprKind::Number(_)) && is_letter(b)
        }
        _ => false,
    }
}
