//! Every op of the table, alone and at the edges.

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::{Axis, Domain, Op};
use matgrad_expr::window::Window;

use crate::build::Page;

/// A window that is not the same in both directions, and leaves the picture on three sides.
const WINDOW: Window = Window {
    picture: [5, 4, 3],
    size: [2, 4],
    stride: [2, 1],
    pad: [0, 1, 2, 3],
    dilation: [2, 1],
    groups: 3,
};
/// Windows that overlap.
const POOL: Window =
    Window { size: [3, 2], stride: [1, 1], pad: [1, 0, 0, 1], dilation: [1, 1], ..WINDOW };

/// The op on operands inside its domain, some with the batch symbol.
fn sample(page: &mut Page, op: Op) -> NodeId {
    let (b, four) = (page.b(), Dim::of(4));
    let a = page.variable(b, four);
    let c = page.variable(b, four);
    let square = page.variable(four, four);
    let column = page.variable(b, Dim::ONE);
    let (picture, other) = (page.variable(b, Dim::of(60)), page.variable(b, Dim::of(60)));
    let g = &mut page.graph;
    let two = g.number(2.5);
    let positive = g.elementwise(Op::Add, &[a, two]).unwrap();
    let eight = g.number(8.0);
    let eye = g.node(Op::Eye(four), &[]).unwrap();
    let eye = g.elementwise(Op::Mul, &[eight, eye]).unwrap();
    let invertible = g.elementwise(Op::Add, &[square, eye]).unwrap();
    let twice = b.times(Dim::of(2)).unwrap();
    let made = match op {
        Op::MatMul => g.node(op, &[a, square]),
        Op::Spread(_) => g.node(Op::Spread(Shape::new(b, four)), &[column]),
        Op::Reshape(_) => g.node(Op::Reshape(Shape::new(four, b)), &[a]),
        Op::Slice(Axis::Rows, ..) => {
            let both = g.node(Op::Concat(Axis::Rows), &[a, c]).unwrap();
            g.node(Op::Slice(Axis::Rows, b, b), &[both])
        }
        Op::Slice(..) => g.node(Op::Slice(Axis::Cols, Dim::ONE, Dim::of(2)), &[a]),
        Op::Place(Axis::Rows, ..) => g.node(Op::Place(Axis::Rows, b, twice), &[a]),
        Op::Place(..) => g.node(Op::Place(Axis::Cols, Dim::ONE, Dim::of(6)), &[a]),
        Op::Diag => g.node(op, &[column]),
        Op::Diagonal => g.node(op, &[square]),
        Op::Inv | Op::Det | Op::LogDet => g.node(op, &[invertible]),
        Op::Unfold(_) => g.node(op.with_window(WINDOW), &[picture]),
        Op::Fold(_) => {
            let unfolded = g.node(Op::Unfold(WINDOW), &[picture]).unwrap();
            let back = g.node(Op::Transpose, &[unfolded]).unwrap();
            let back = g.elementwise(Op::Mul, &[back, two]).unwrap();
            let back = g.node(Op::Transpose, &[back]).unwrap();
            g.node(op.with_window(WINDOW), &[back])
        }
        Op::MaxPool(_) => g.node(op.with_window(POOL), &[picture]),
        Op::Unpool(_) => {
            let pooled = g.node(Op::MaxPool(POOL), &[other]).unwrap();
            g.node(op.with_window(POOL), &[pooled, picture])
        }
        Op::Pick(_) => g.node(op.with_window(POOL), &[other, picture]),
        op => match (op.def().arity, op.def().domain) {
            (1, Domain::Positive) => g.node(op, &[positive]),
            (1, _) => g.node(op, &[a]),
            (_, Domain::Positive) => g.node(op, &[positive, c]),
            (_, Domain::Nonzero) => g.node(op, &[c, positive]),
            _ => g.node(op, &[a, c]),
        },
    };
    made.unwrap_or_else(|e| panic!("{op:?}: {e:?}"))
}

#[test]
fn every_op_alone() {
    for op in Op::all() {
        let mut page = Page::new();
        let node = sample(&mut page, op);
        let transposed = page.graph.node(Op::Transpose, &[node]).unwrap();
        let twice = page.graph.elementwise(Op::Add, &[node, node]).unwrap();
        let outputs = [node, transposed, twice];
        page.compare::<f64>(&outputs, &[], 1e-12).unwrap_or_else(|e| panic!("{op:?}: {e}"));
        page.compare::<f32>(&outputs, &[], 1e-4).unwrap_or_else(|e| panic!("{op:?}: {e}"));
    }
}

#[test]
fn leaves() {
    let mut page = Page::new();
    let b = page.b();
    let g = &mut page.graph;
    let literal = g.literal(Matrix::from_fn(2, 3, |i, j| (i * 3 + j) as f64));
    let size = g.size(b.times(b).unwrap());
    let number = g.number(1.5);
    let (eye, batch) =
        (g.node(Op::Eye(Dim::of(3)), &[]).unwrap(), g.node(Op::Eye(b), &[]).unwrap());
    let product = g.node(Op::MatMul, &[literal, eye]).unwrap();
    let wide = g.spread(size, Shape::new(b, Dim::of(2))).unwrap();
    let ones = g.spread(number, Shape::new(Dim::of(2), b)).unwrap();
    let spread = g.node(Op::MatMul, &[ones, wide]).unwrap();
    let outputs = [literal, size, number, eye, batch, product, wide, ones, spread];
    page.compare::<f64>(&outputs, &[], 1e-12).unwrap();
    page.compare::<f32>(&outputs, &[], 1e-5).unwrap();
}

#[test]
fn products_of_all_sizes() {
    for m in [1, 2, 5, 6, 7, 13, 100] {
        for k in [1, 3, 255, 300] {
            for n in [1, 4, 15, 17, 70, 130] {
                let mut page = Page::new();
                let (m, k, n) = (Dim::of(m), Dim::of(k), Dim::of(n));
                let (a, b) = (page.variable(m, k), page.variable(k, n));
                let (c, d) = (page.variable(k, m), page.variable(n, k));
                let g = &mut page.graph;
                let (ct, dt) =
                    (g.node(Op::Transpose, &[c]).unwrap(), g.node(Op::Transpose, &[d]).unwrap());
                let outputs = [(a, b), (ct, b), (a, dt), (ct, dt)]
                    .map(|(a, b)| page.graph.node(Op::MatMul, &[a, b]).unwrap());
                page.compare::<f64>(&outputs, &[], 1e-12).unwrap();
                page.compare::<f32>(&outputs, &[], 1e-4).unwrap();
            }
        }
    }
}
