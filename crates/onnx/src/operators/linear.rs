//! Products.

use super::einsum::summed;
use super::layout::{permuted, regroup};
use super::{Node, Operator, call};
use crate::page::{Operand, Page, number};
use crate::value::{Size, Value, product};

pub(super) const ITEMS: &[Operator] = &[call("MatMul", matmul), call("Gemm", gemm)];

/// How many products of single matrices a batch of matrices may become.
const MOST_PRODUCTS: u64 = 64;

fn matmul(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let a = node.value(page, 0)?;
    let right = node.operand(1)?;
    let (m, n) = (a.dims(), right.dims());
    if let (Operand::Known(t), [length], [_, _, ..]) = (right, &n[..], &m[..]) {
        // A column, and the result has no axis for it.
        let column = Operand::Known(t.reshaped(vec![length.number, 1]));
        let product = times(page, node.wanted(), &a, &column)?;
        return regroup(page, &Operand::Computed(product), &m[..m.len() - 1]);
    }
    if m.len() < 2 || n.len() < 2 {
        return Err("an operand has less than two axes".into());
    }
    let inner = m[m.len() - 1];
    if n[n.len() - 2] != inner {
        return Err(format!("the inner lengths {inner} and {} differ", n[n.len() - 2]));
    }
    if n.len() > 2 && product(&n[..n.len() - 2]) != Size::ONE {
        let outer = |d: &[Size]| product(&d[..d.len() - 2]).batch;
        let value = match outer(&m) || outer(&n) {
            true => each_its_own(page, node, &a, right)?,
            false => blocks(page, node, &a, right)?,
        };
        return Ok(vec![Operand::Computed(value)]);
    }
    times(page, node.wanted(), &a, right).map(|v| vec![Operand::Computed(v)])
}

/// The product of a tensor's last axis with a matrix.
pub(super) fn times(
    page: &mut Page,
    wanted: &str,
    a: &Value,
    right: &Operand,
) -> Result<Value, String> {
    let (a, b, cols) = factor(page, a, right, false)?;
    let count = a.order.len() - a.of_axes(&[a.axes.len() - 1]).len();
    let text = format!("{} * {b}", page.view(&a, count));
    let rows = a.split(count).0;
    let text = page.define(wanted, &text);
    let mut dims = a.dims();
    *dims.last_mut().expect("the factor is one of an axis") = cols;
    Ok(beside(&a, text, rows, cols, &dims))
}

/// The left operand with its last axis last in memory, and the right one as the matrix that is
/// multiplied, which for known numbers takes the left's order instead.
fn factor(
    page: &mut Page,
    a: &Value,
    right: &Operand,
    transposed: bool,
) -> Result<(Value, String, Size), String> {
    let last = a.axes.len() - 1;
    let inner = a.of_axes(&[last]);
    let outer: Vec<usize> = a.order.iter().copied().filter(|f| !inner.contains(f)).collect();
    let lies: Vec<usize> = a.order.iter().copied().filter(|f| inner.contains(f)).collect();
    match right {
        Operand::Known(t) => {
            let a = page.reordered(a, &[outer, lies.clone()].concat())?;
            let rank = t.dims.len();
            let (k, n) = match transposed {
                true => (t.dims[rank - 1], t.dims[rank - 2]),
                false => (t.dims[rank - 2], t.dims[rank - 1]),
            };
            let parts: Vec<u64> = a.axes[last].iter().map(|s| s.number).collect();
            let ranks: Vec<usize> = lies.iter().map(|f| f - inner[0]).collect();
            let split: Vec<u64> = if transposed {
                std::iter::once(n).chain(parts.iter().copied()).collect()
            } else {
                parts.iter().copied().chain([n]).collect()
            };
            let order: Vec<usize> = if transposed {
                std::iter::once(0).chain(ranks.iter().map(|r| r + 1)).collect()
            } else {
                ranks.iter().copied().chain([parts.len()]).collect()
            };
            let (rows, cols) = if transposed { (n, k) } else { (k, n) };
            let name = page.declare(&t.reshaped(split), &order, rows, cols);
            Ok((a, if transposed { format!("{name}'") } else { name }, Size::of(n)))
        }
        Operand::Computed(b) => {
            let a = page.reordered(a, &[outer, inner].concat())?;
            let b = page.plain(b)?;
            let axes = b.axes.len();
            let rows = b.order.len() - b.axes[axes - 1].len();
            let text = page.view(&b, rows);
            let (k, n) = (b.dims()[axes - 2], b.dims()[axes - 1]);
            match transposed {
                true => Ok((a, format!("{text}'"), k)),
                false => Ok((a, text, n)),
            }
        }
    }
}

/// The value of a product: the left's outer axes as they lie, and new columns.
fn beside(a: &Value, text: String, rows: Size, cols: Size, dims: &[Size]) -> Value {
    let last = a.axes.len() - 1;
    let inner = a.of_axes(&[last]);
    let mut order: Vec<usize> = a.order.iter().copied().filter(|f| !inner.contains(f)).collect();
    let mut axes = a.axes[..last].to_vec();
    axes.push(crate::value::factors(dims[last]));
    if !axes[last].is_empty() {
        order.push(order.len());
    }
    Value { text, shape: (rows, cols), axes, order }
}

/// The product of each example's matrices: entries at the same place of the inner axis, summed.
fn each_its_own(page: &mut Page, node: &Node, a: &Value, right: &Operand) -> Result<Value, String> {
    let (m, n) = (a.dims(), right.dims());
    let (outer_a, outer_b) = (m.len() - 2, n.len() - 2);
    let with = |outer: &[Size], last: [Size; 3]| [outer, &last].concat();
    let left = Operand::Computed(a.clone());
    let dims = with(&m[..outer_a], [m[outer_a], Size::ONE, m[outer_a + 1]]);
    let left = regroup(page, &left, &dims)?.remove(0);
    let turned: Vec<usize> = (0..outer_b).chain([outer_b + 1, outer_b]).collect();
    let dims = with(&n[..outer_b], [Size::ONE, n[outer_b + 1], n[outer_b]]);
    let right = regroup(page, &permuted(right, &turned), &dims)?.remove(0);
    let rank = left.dims().len().max(right.dims().len());
    summed(page, node.wanted(), [&left.padded(rank), &right.padded(rank)], 1)
}

/// A batch of products, one below the other.
fn blocks(page: &mut Page, node: &Node, a: &Value, right: &Operand) -> Result<Value, String> {
    let b = page.value(right);
    let (a, b) = (page.plain(a)?, page.plain(&b)?);
    let (m, n) = (a.dims(), b.dims());
    let rank = m.len();
    if n.len() != rank || m[..rank - 2] != n[..rank - 2] {
        return Err("its batches of matrices have different shapes".into());
    }
    let count = product(&m[..rank - 2]);
    if count.number > MOST_PRODUCTS {
        return Err(format!("a batch of {count} products is no product of two matrices"));
    }
    let (rows, inner, cols) = (m[rank - 2], m[rank - 1], n[rank - 1]);
    let x = page.reshaped(&a, (count.times(rows), inner));
    let y = page.reshaped(&b, (count.times(inner), cols));
    let (x, y) = (page.define("A", &x), page.define("C", &y));
    let one = |i: u64| {
        let part = |n: Size| format!("{}:{}", i * n.number + 1, (i + 1) * n.number);
        format!("{x}[{}, :] * {y}[{}, :]", part(rows), part(inner))
    };
    let text = page.joined("vcat", (0..count.number).map(one).collect());
    let text = page.define(node.wanted(), &text);
    let dims = [&m[..rank - 1], &[cols]].concat();
    Ok(Value::plain(text, (count.times(rows), cols), &dims))
}

fn gemm(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let a = node.value(page, 0)?;
    if a.axes.len() != 2 || node.operand(1)?.dims().len() != 2 {
        return Err("an operand is no matrix".into());
    }
    let a = if node.int("transA", 0) != 0 { a.permuted(&[1, 0]) } else { a };
    let transposed = node.int("transB", 0) != 0;
    let n = node.operand(1)?.dims();
    let inner = n[usize::from(transposed)];
    if a.dims()[1] != inner {
        return Err(format!("the inner lengths {} and {inner} differ", a.dims()[1]));
    }
    let by = [node.float("alpha", 1.0), node.float("beta", 1.0)];
    let bias = node.operands.get(2).and_then(Option::as_ref);
    let right = (node.operand(1)?, transposed);
    affine(page, node.wanted(), &a, right, by, bias).map(|v| vec![v])
}

/// `alpha` times the product with the right matrix, or its transpose, plus `beta` times the bias.
pub(super) fn affine(
    page: &mut Page,
    wanted: &str,
    a: &Value,
    (right, transposed): (&Operand, bool),
    [alpha, beta]: [f64; 2],
    bias: Option<&Operand>,
) -> Result<Operand, String> {
    let (a, b, cols) = factor(page, a, right, transposed)?;
    let count = a.order.len() - a.axes[1].len();
    let mut text = format!("{} * {b}", page.view(&a, count));
    if alpha != 1.0 {
        text = format!("{} * ({text})", number(alpha));
    }
    let text = page.define(if bias.is_some() { "T" } else { wanted }, &text);
    let dims = [a.dims()[0], cols];
    let value = Operand::Computed(beside(&a, text, a.split(count).0, cols, &dims));
    let Some(bias) = bias else { return Ok(value) };
    let template = match beta == 1.0 {
        true => "{0} + {1}".to_string(),
        false => format!("{{0}} + {} * {{1}}", number(beta)),
    };
    Ok(Operand::Computed(page.zip(wanted, &template, &value, bias)?))
}
