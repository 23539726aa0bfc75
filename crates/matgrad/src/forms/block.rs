//! Jacobians in block form: `∂vec(Z)/∂vec(W) = I ⊗ X`, products and sums of Kronecker products
//! and diagonals, from one line an operand in the op table.

use std::collections::HashSet;

use matgrad_calculus::rewrite::Rewriter;
use matgrad_calculus::rule::Rules;
use matgrad_expr::dim::{Dim, Shape, Symbol};
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::{parse_expr, print_expr};
use matgrad_library::standard;

/// One side of a Kronecker product.
#[derive(Clone, Debug, PartialEq)]
enum Side {
    Eye(Dim),
    /// A column of ones, or a row.
    Ones(Dim, bool),
    /// A matrix, maybe transposed.
    Node(NodeId, bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Factor {
    Kron(Side, Side),
    /// diag(vec(F)).
    Diagonal(NodeId),
    /// vec(Aᵀ) = K vec(A) for A of these rows and columns.
    Commute(Dim, Dim),
    Scale(NodeId),
}

/// A signed product of factors, the one next to the output first.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    negative: bool,
    factors: Vec<Factor>,
}

/// ∂vec(OUT)/∂vec(IN) as a sum of products.
#[derive(Clone, Debug)]
pub struct Block {
    graph: Graph,
    input: Shape,
    terms: Vec<Term>,
}

/// More ways from the input to the output than this have no readable sum.
const MOST_WAYS: usize = 32;

/// The Jacobian of one node by another; values in `fixed` are constants on the way. Without any
/// way it has no terms and is 0.
///
/// # Errors
/// An op without a block form, by name, or too many ways.
pub fn block(
    graph: &Graph,
    output: NodeId,
    input: NodeId,
    fixed: &HashSet<NodeId>,
) -> Result<Block, String> {
    let mut active = HashSet::from([input]);
    for id in graph.reachable(&[output], true) {
        let body = graph.body(id);
        let below: &[NodeId] = match &body {
            Some(body) => std::slice::from_ref(body),
            None => &graph.get(id).operands,
        };
        if below.iter().any(|o| active.contains(o)) && (id == output || !fixed.contains(&id)) {
            active.insert(id);
        }
    }
    let mut walk = Walk { graph: graph.clone(), input, active, rules: Rules::simplify() };
    let terms = walk.terms(output)?;
    Ok(Block { input: walk.graph.shape(input), graph: walk.graph, terms })
}

struct Walk {
    graph: Graph,
    input: NodeId,
    active: HashSet<NodeId>,
    rules: &'static Rules,
}

impl Walk {
    fn terms(&mut self, id: NodeId) -> Result<Vec<Term>, String> {
        if id == self.input {
            return Ok(vec![Term { negative: false, factors: Vec::new() }]);
        }
        if !self.active.contains(&id) {
            return Ok(Vec::new());
        }
        if let Some(body) = self.graph.body(id) {
            return self.terms(body);
        }
        let node = *self.graph.get(id);
        let mut all = Vec::new();
        for (i, &operand) in node.operands.iter().enumerate() {
            if !self.active.contains(&operand) {
                continue;
            }
            let (negative, factor) = self.factor(id, i)?;
            for mut term in self.terms(operand)? {
                term.negative ^= negative;
                term.factors.splice(0..0, factor.clone());
                all.push(term);
            }
        }
        if all.len() > MOST_WAYS {
            return Err("there are too many ways from the input to the output".into());
        }
        Ok(all)
    }

    /// The Jacobian of an op by one operand, with its sign; `None` is the identity.
    fn factor(&mut self, id: NodeId, i: usize) -> Result<(bool, Option<Factor>), String> {
        let node = *self.graph.get(id);
        if node.op.is_elementwise() {
            let slope = self.slope(id, i)?;
            let number = self.graph.number_at(slope);
            return Ok(match number {
                Some(1.0) => (false, None),
                Some(-1.0) => (true, None),
                Some(number) => {
                    (number < 0.0, Some(Factor::Scale(self.graph.number(number.abs()))))
                }
                None => (false, Some(Factor::Diagonal(slope))),
            });
        }
        let Some(text) = node.op.def().jacobian.get(i) else {
            return Err(format!("{} has no block form", node.op.def().name));
        };
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, *text),
        };
        let from = self.graph.shape(node.operands[i]);
        if text == "K" {
            let vector = from.rows == Dim::ONE || from.cols == Dim::ONE;
            let commute = Factor::Commute(from.rows, from.cols);
            return Ok((negative, (!vector).then_some(commute)));
        }
        let (left, right) = text.split_once(" ⊗ ").ok_or("a line of the op table has a ⊗")?;
        let left = self.side(id, left, from.cols, node.shape.cols);
        let right = self.side(id, right, from.rows, node.shape.rows);
        let plain = matches!((&left, &right), (Side::Eye(_), Side::Eye(_)));
        Ok((negative, (!plain).then_some(Factor::Kron(left, right))))
    }

    /// `I`, `𝟏`, `𝟏ᵀ`, `A`, `Bᵀ`, …; `S` is I where the op keeps the dimension, else 𝟏.
    fn side(&self, id: NodeId, text: &str, from: Dim, to: Dim) -> Side {
        let operands = self.graph.get(id).operands;
        let (letter, transposed) = match text.strip_suffix('ᵀ') {
            Some(letter) => (letter, true),
            None => (text, false),
        };
        match letter {
            "A" => Side::Node(operands[0], transposed),
            "B" => Side::Node(operands[1], transposed),
            "C" => Side::Node(id, transposed),
            "𝟏" if transposed && from != Dim::ONE => Side::Ones(from, true),
            "S" if from != to => Side::Ones(to, false),
            _ => Side::Eye(from),
        }
    }

    /// The derivative of an element-wise op at each entry: its adjoint at ∂C = 𝟏.
    fn slope(&mut self, id: NodeId, i: usize) -> Result<NodeId, String> {
        let node = *self.graph.get(id);
        let wanted = ["∂A", "∂B"][i];
        let line = node.op.def().adjoint.iter().filter_map(|line| line.split_once('='));
        let (_, right) = line
            .into_iter()
            .find(|(left, _)| left.trim() == wanted)
            .ok_or_else(|| format!("{} has no adjoint", node.op.def().name))?;
        let right = parse_expr(right, &standard().dialect()).map_err(|d| d[0].title.clone())?;
        let one = self.graph.number(1.0);
        let ones = self.graph.spread(one, node.shape).map_err(|e| format!("{e:?}"))?;
        let mut scope = Scope { functions: Some(0), ..Scope::default() };
        for (letter, &operand) in ["A", "B"].iter().zip(node.operands.iter()) {
            scope.values.insert(letter.to_string(), Some(operand));
        }
        scope.values.insert("C".into(), Some(id));
        scope.values.insert("∂C".into(), Some(ones));
        let built = Builder::new(&mut self.graph, "")
            .expected(&scope, &right, node.shape)
            .map_err(|d| format!("{}: {}", print_expr(&right, false), d.title))?;
        let built = self.graph.spread(built, node.shape).map_err(|e| format!("{e:?}"))?;
        let mut rewriter = Rewriter::new(self.rules, false);
        // Named values stay as they are.
        self.graph.names().iter().for_each(|&(_, named)| rewriter.settle(named, named));
        Ok(rewriter.rewrite(&mut self.graph, built))
    }
}

impl Block {
    /// Whether the output does not depend on the input.
    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The matrix at these values; none where it is 0.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn evaluate(&self, at: &Bindings) -> Result<Option<Matrix>, String> {
        let mut sum: Option<Matrix> = None;
        for term in &self.terms {
            let mut product: Option<Matrix> = None;
            for factor in &term.factors {
                let next = self.dense(factor, at)?;
                product = Some(match product {
                    Some(left) => multiply(&left, &next),
                    None => next,
                });
            }
            let mut product = match product {
                Some(product) => product,
                None => self.dense(
                    &Factor::Kron(Side::Eye(self.input.cols), Side::Eye(self.input.rows)),
                    at,
                )?,
            };
            let sign = if term.negative { -1.0 } else { 1.0 };
            product.data.iter_mut().for_each(|x| *x *= sign);
            sum = Some(match sum {
                Some(mut sum) => {
                    sum.data.iter_mut().zip(&product.data).for_each(|(a, b)| *a += b);
                    sum
                }
                None => product,
            });
        }
        Ok(sum)
    }

    fn dense(&self, factor: &Factor, at: &Bindings) -> Result<Matrix, String> {
        let size = |d: Dim| {
            d.evaluate(&|s: Symbol| at.dims.get(&s).copied())
                .ok_or_else(|| format!("the dimension {} has no value", self.graph.symbols.dim(d)))
        };
        let value = |id: NodeId| -> Result<Matrix, String> {
            Ok(evaluate(&self.graph, &[id], at)?.remove(&id).ok_or("a value is missing")?)
        };
        let eye = |n: usize| Matrix::from_fn(n, n, |i, j| f64::from(i == j));
        let side = |side: &Side| -> Result<Matrix, String> {
            Ok(match side {
                Side::Eye(n) => eye(size(*n)?),
                Side::Ones(n, false) => Matrix::filled(size(*n)?, 1, 1.0),
                Side::Ones(n, true) => Matrix::filled(1, size(*n)?, 1.0),
                Side::Node(id, transposed) => {
                    let m = value(*id)?;
                    if *transposed { Matrix::from_fn(m.cols, m.rows, |i, j| m.at(j, i)) } else { m }
                }
            })
        };
        Ok(match factor {
            Factor::Kron(left, right) => {
                let (a, b) = (side(left)?, side(right)?);
                Matrix::from_fn(a.rows * b.rows, a.cols * b.cols, |i, j| {
                    a.at(i / b.rows, j / b.cols) * b.at(i % b.rows, j % b.cols)
                })
            }
            Factor::Diagonal(id) => {
                let entries = super::jacobian::column(&value(*id)?);
                let n = entries.len();
                Matrix::from_fn(n, n, |i, j| if i == j { entries[i] } else { 0.0 })
            }
            Factor::Commute(rows, cols) => {
                let (m, n) = (size(*rows)?, size(*cols)?);
                // Entry (i, j) of A is at i + m j of vec(A), and at j + n i of vec(Aᵀ).
                Matrix::from_fn(m * n, m * n, |p, q| f64::from(p == q / m + n * (q % m)))
            }
            Factor::Scale(id) => value(*id)?,
        })
    }

    /// As text; `transposed` as it stands in front of a gradient.
    pub fn show(&self, transposed: bool) -> String {
        let mut text = String::new();
        for (i, term) in self.terms.iter().enumerate() {
            text += match (i, term.negative) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            let factors: Vec<String> = term.factors.iter().map(|f| self.factor(f)).collect();
            text += &match factors.len() {
                0 => "I".to_string(),
                _ => factors.join(" "),
            };
        }
        match (self.terms.len(), transposed) {
            (0, _) => "0".into(),
            (_, false) => text,
            (1, true) if self.terms[0].factors.len() < 2 && !self.terms[0].negative => text + "ᵀ",
            (_, true) => format!("[{text}]ᵀ"),
        }
    }

    fn factor(&self, factor: &Factor) -> String {
        let dim = |d: &Dim| self.graph.symbols.dim(*d);
        let by_name = |id: NodeId, transposed: bool| {
            let mark = if transposed { "ᵀ" } else { "" };
            match self.graph.name(id) {
                Some(name) => format!("{}{mark}", name.text),
                None => format!("({}){mark}", unicode(&self.graph, id)),
            }
        };
        let side = |side: &Side| match side {
            Side::Eye(n) if *n == Dim::ONE => "1".into(),
            Side::Eye(n) => format!("I_{}", dim(n)),
            Side::Ones(n, transposed) => {
                format!("𝟏_{}{}", dim(n), if *transposed { "ᵀ" } else { "" })
            }
            Side::Node(id, transposed) => match self.graph.get(*id) {
                node if node.op == Op::Transpose && *transposed => by_name(node.operands[0], false),
                _ => by_name(*id, *transposed),
            },
        };
        match factor {
            Factor::Kron(left, right) => format!("({} ⊗ {})", side(left), side(right)),
            Factor::Diagonal(id) => {
                let text = match self.graph.name(*id) {
                    Some(name) => name.text.clone(),
                    None => unicode(&self.graph, *id),
                };
                format!("diag(vec({text}))")
            }
            Factor::Commute(rows, cols) => format!("K_{},{}", dim(rows), dim(cols)),
            Factor::Scale(id) => unicode(&self.graph, *id),
        }
    }
}

pub(super) fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    if (a.rows, a.cols) == (1, 1) || (b.rows, b.cols) == (1, 1) {
        let (s, m) = if a.data.len() == 1 { (a.data[0], b) } else { (b.data[0], a) };
        return Matrix::from_fn(m.rows, m.cols, |i, j| s * m.at(i, j));
    }
    Matrix::from_fn(a.rows, b.cols, |i, j| (0..a.cols).map(|k| a.at(i, k) * b.at(k, j)).sum())
}
