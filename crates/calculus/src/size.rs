//! The size of what is summed: what rounding is relative to.
//!
//! Where terms cancel, what is left over is rounding, and its own size says nothing. So two ways
//! to the same value are compared by the size of their terms: `|A| + |B|` for `A - B`.

use std::collections::HashMap;

use matgrad_expr::dim::Dim;
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::{Meaning, Op};

/// For each of these nodes the sizes of the terms that are summed to its entries, down to named
/// values, which are as large as they are.
///
/// # Errors
/// Names a variable without a value or a symbol without a number.
pub fn sizes(
    graph: &Graph,
    roots: &[NodeId],
    at: &Bindings,
) -> Result<HashMap<NodeId, Matrix>, String> {
    let ends = |id: NodeId| {
        let named = graph.name(id).is_some() && !roots.contains(&id);
        named || at.values.contains_key(&id)
    };
    let order = graph.reachable_to(roots, false, ends);
    let values = evaluate(graph, &order, at)?;
    let dim = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).unwrap_or(1);
    let mut sizes: HashMap<NodeId, Matrix> = HashMap::new();
    for id in order {
        let node = graph.get(id);
        let value = &values[&id];
        let of = |i: usize| &sizes[&node.operands[i]];
        let both = |f: fn(f64, f64) -> f64, b: &Matrix| {
            let pairs = of(0).data.iter().zip(&b.data);
            Matrix::new(value.rows, value.cols, pairs.map(|(&a, &b)| f(a, b.abs())).collect())
        };
        let own = || absolute(value);
        let size = match (node.op, node.op.def().meaning) {
            _ if ends(id) => own(),
            (Op::Neg, _) => of(0).clone(),
            (Op::Add, _) => both(|a, b| a + b, of(1)),
            (Op::Mul, _) => both(|a, b| a * b, of(1)),
            (Op::Div, _) => both(|a, b| a / b, &values[&node.operands[1]]),
            (op, Meaning::Matrix(f)) if is_sum(op) => {
                let terms: Vec<&Matrix> = node.operands.iter().map(|o| &sizes[o]).collect();
                f(op, &terms, &dim)
            }
            (_, Meaning::Matrix(_) | Meaning::Map(_) | Meaning::Zip(_) | Meaning::Leaf) => own(),
        };
        sizes.insert(id, size);
    }
    Ok(sizes)
}

/// Whether entries are sums of entries of the operands, or of products of them.
fn is_sum(op: Op) -> bool {
    use Op::{Concat, Diag, Diagonal, Fold, MatMul, Place, Reshape, Slice, Spread, Sum};
    use Op::{Transpose, Unfold};
    matches!(op, MatMul | Transpose | Sum(_) | Spread(_) | Reshape(_) | Slice(..) | Place(..))
        || matches!(op, Concat(_) | Diag | Diagonal | Unfold(_) | Fold(_))
}

fn absolute(m: &Matrix) -> Matrix {
    Matrix::new(m.rows, m.cols, m.data.iter().map(|x| x.abs()).collect())
}

/// ‖a − b‖ by the size of what is summed to either, leaving out entries that are numbers on
/// neither side; 0 where they are equal.
pub fn apart(a: &Matrix, b: &Matrix, sizes: [&Matrix; 2]) -> f64 {
    let kept = |i: &usize| a.data[*i].is_finite() || b.data[*i].is_finite();
    let norm = |entry: &dyn Fn(usize) -> f64| {
        let data: Vec<f64> = (0..a.data.len()).filter(kept).map(entry).collect();
        Matrix::new(1, data.len(), data).norm()
    };
    let size = norm(&|i| sizes[0].data[i]) + norm(&|i| sizes[1].data[i]);
    relative(norm(&|i| a.data[i] - b.data[i]), size)
}

/// A difference by a size; 0 where there is none, and no number where one of them is none.
pub fn relative(difference: f64, size: f64) -> f64 {
    if difference == 0.0 && !size.is_nan() { 0.0 } else { difference / size }
}
