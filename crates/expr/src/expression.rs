//! Expressions become nodes.

mod call;
mod mismatch;
pub(crate) mod picture;

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Diagnostic, nearest};
use crate::dim::{Dim, Shape};
use crate::elaborate::{POISONED, Values, made_up};
use crate::graph::{Graph, Initial, Kind, NodeId};
use crate::matrix::Matrix;
use crate::op::{Axis, Op};
use crate::syntax::{self, Binary, Definition, Expr, ExprKind, Range, Span, Unary};

/// What names stand for.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Values; `None` where the definition is wrong, so that no second error follows.
    pub values: Values,
    /// Where they were defined.
    pub places: HashMap<String, Span>,
    /// Dimensions that are local to a function.
    pub dims: HashMap<String, Dim>,
    /// How many functions of the graph are defined above; all, if nothing is said.
    pub functions: Option<u32>,
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
    /// The values that each function of the page sees.
    pub closures: HashMap<u32, Values>,
    /// The last number that what a layer owns was given, by the layer.
    numbers: HashMap<u32, usize>,
}

const DEEPEST: usize = 40;

/// What is 1 while a network is trained and 0 when it is used.
pub(crate) const TRAINING: &str = "training";

impl<'a> Builder<'a> {
    /// Into this graph, from this text.
    pub fn new(graph: &'a mut Graph, source: &'a str) -> Builder<'a> {
        Builder {
            graph,
            source,
            depth: 0,
            taken: HashSet::new(),
            closures: HashMap::new(),
            numbers: HashMap::new(),
        }
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
        if parts.is_empty() {
            return self.build(scope, value, (None, None));
        }
        let mut inner = scope.clone();
        self.parts(&mut inner, parts)?;
        self.build(&inner, value, (None, None))
    }

    /// Adds the `where` parts to a scope.
    fn parts(&mut self, scope: &mut Scope, parts: &[Definition]) -> Result<(), Diagnostic> {
        for part in parts {
            let node = self.build(scope, &part.value, (None, None))?;
            scope.values.insert(part.name.text.clone(), Some(node));
            scope.places.insert(part.name.text.clone(), part.name.span);
        }
        Ok(())
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
                let whole = self.build(scope, a, (None, None))?;
                let mut node = whole;
                for (axis, range) in [(Axis::Rows, rows), (Axis::Cols, cols)] {
                    if let Some((start, length)) = self.range(scope, range)? {
                        let part = self.graph.node(Op::Slice(axis, start, length), &[node]);
                        node = part.map_err(|why| self.explain(scope, &why, &[(whole, a)], e))?;
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
        if let (Binary::Power, ExprKind::Name(t)) = (op, &b.kind)
            && t.text == "T"
            && !self.is_number(scope, b)
        {
            return Err(Diagnostic::new("`^` is the power of a number")
                .label(b.span, "no number")
                .help("the transpose is written `A'`"));
        }
        if op == Binary::Product {
            let (x, y) = if self.shapeless(scope, a) && !self.shapeless(scope, b) {
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
        let (x, y) = if self.shapeless(scope, a) && !self.shapeless(scope, b) {
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

    /// Whether its shape comes from outside (`𝟏`, `I`, what is made of them alone, and a number
    /// times these).
    fn shapeless(&mut self, scope: &Scope, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Ones => true,
            ExprKind::Identity => !scope.values.contains_key("I"),
            ExprKind::Unary(_, a) => self.shapeless(scope, a),
            ExprKind::Call(name, _) => matches!(name.text.as_str(), "vector" | "matrix"),
            ExprKind::Binary(Binary::Product, a, b) => {
                match (self.shapeless(scope, a), self.shapeless(scope, b)) {
                    (true, true) => true,
                    (true, false) => self.is_number(scope, b),
                    (false, true) => self.is_number(scope, a),
                    (false, false) => false,
                }
            }
            _ => false,
        }
    }

    fn is_number(&mut self, scope: &Scope, e: &Expr) -> bool {
        let built = self.build(scope, e, (None, None));
        built.is_ok_and(|node| self.graph.shape(node).is_scalar())
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
            ExprKind::Binary(Binary::Division, a, b) => {
                let (all, part) = (self.dim_of(scope, a)?, self.dim_of(scope, b)?);
                all.over(part).ok_or_else(|| {
                    let [all, part] = [all, part].map(|d| self.graph.symbols.dim(d));
                    Diagnostic::new("this is no dimension")
                        .label(e.span, format!("{part} does not divide {all}"))
                })
            }
            ExprKind::Call(..) => {
                let node = self.build(scope, e, (None, None))?;
                self.graph.size_of(node).ok_or_else(no)
            }
            _ => Err(no()),
        }
    }

    /// How many come before a range, and how many are in it; nothing for all.
    fn range(&mut self, scope: &Scope, range: &Range) -> Result<Option<(Dim, Dim)>, Diagnostic> {
        let (first, last) = match range {
            Range::All => return Ok(None),
            Range::Span(first, last) | Range::After(first, last) => (first, last),
        };
        let wrong = || {
            Diagnostic::new("this range is empty or not known")
                .label(first.span.to(last.span), "`first:last` counts from 1 and includes both")
        };
        if [first, last].iter().any(|bound| bound.coefficient == 0) {
            return Err(wrong());
        }
        let (a, b) = (self.dim(scope, first)?, self.dim(scope, last)?);
        let before = match range {
            Range::After(..) => Some(a),
            Range::Span(..) | Range::All => a.minus(Dim::ONE),
        };
        let part = before.and_then(|before| Some((before, b.minus(before)?)));
        part.filter(|(_, length)| length.coefficient() > 0).map(Some).ok_or_else(wrong)
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
