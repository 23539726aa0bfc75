//! Ops on pictures: unfolding, which makes a convolution a product, and pooling.

use super::PLAIN;
use crate::matrix::Matrix;
use crate::op::{Domain, Meaning, Op, OpDef, ShapeRule};
use crate::window::Window;

/// A row for each place of the window in each picture: B×H·W·C → B·OH·OW×h·w·C, 0 outside.
pub const UNFOLD: OpDef = OpDef {
    name: "unfold",
    numpy: "_unfold({0}, {window})",
    julia: "_unfold({0}, {window})",
    shape: ShapeRule::Unfolded,
    adjoint: &["∂A = transposed(∂C)"],
    laws: ["d unfold(A) = unfold(dA)", "⟨G, unfold(A)⟩ = ⟨fold(G), A⟩"],
    transposed: Some(|op, _, _| Op::Fold(window(op))),
    meaning: Meaning::Matrix(|op, m, _| {
        let (w, a) = (window(op), m[0]);
        let (places, cols) = (w.places(), w.taps() * w.channels());
        let mut c = Matrix::filled(a.rows * places, cols, 0.0);
        w.each(a.rows, |place, tap, channel, entry| {
            c.data[place * cols + w.column(tap, channel)] = a.data[entry];
        });
        c
    }),
    ..PLAIN
};

/// The transpose of unfolding: each entry is added to where it came from.
pub const FOLD: OpDef = OpDef {
    name: "fold",
    numpy: "_fold({0}, {window})",
    julia: "_fold({0}, {window})",
    shape: ShapeRule::Folded,
    laws: ["d fold(A) = fold(dA)", "⟨G, fold(A)⟩ = ⟨unfold(G), A⟩"],
    transposed: Some(|op, _, _| Op::Unfold(window(op))),
    meaning: Meaning::Matrix(|op, m, _| {
        let (w, a) = (window(op), m[0]);
        let pictures = a.rows / w.places();
        let mut c = Matrix::filled(pictures, w.columns(), 0.0);
        w.each(pictures, |place, tap, channel, entry| {
            c.data[entry] += a.at(place, w.column(tap, channel));
        });
        c
    }),
    ..UNFOLD
};

/// The largest entry of each channel at each place of the window: B×H·W·C → B×OH·OW·C. The first
/// of several largest has the gradient.
pub const MAXPOOL: OpDef = OpDef {
    name: "maxpool",
    numpy: "_maxpool({0}, {window})",
    julia: "_maxpool({0}, {window})",
    shape: ShapeRule::Pooled,
    adjoint: &["∂A = transposed(∂C, A)"],
    laws: ["d maxpool(A) = pick(dA, A)", "⟨G, pick(D, A)⟩ = ⟨unpool(G, A), D⟩"],
    transposed: Some(|op, _, _| Op::Unpool(window(op))),
    meaning: Meaning::Matrix(|op, m, _| {
        let (w, a) = (window(op), m[0]);
        let largest = largest(&w, a);
        let data = largest.iter().map(|l| l.map_or(f64::NEG_INFINITY, |entry| a.data[entry]));
        Matrix::new(a.rows, w.places() * w.channels(), data.collect())
    }),
    domain: Domain::Kinked,
    ..PLAIN
};

/// C has the entries of A where the largest entries of B are, else 0: B×OH·OW·C → B×H·W·C.
pub const UNPOOL: OpDef = OpDef {
    name: "unpool",
    arity: 2,
    numpy: "_unpool({0}, {1}, {window})",
    julia: "_unpool({0}, {1}, {window})",
    shape: ShapeRule::Unpooled,
    adjoint: &["∂A = transposed(∂C, B)", "∂B = 0 B"],
    laws: ["d unpool(A, B) = unpool(dA, B)", "⟨G, unpool(D, B)⟩ = ⟨pick(G, B), D⟩"],
    transposed: Some(|op, _, _| Op::Pick(window(op))),
    meaning: Meaning::Matrix(|op, m, _| {
        let mut c = Matrix::filled(m[1].rows, m[1].cols, 0.0);
        for (place, entry) in largest(&window(op), m[1]).into_iter().enumerate() {
            if let Some(entry) = entry {
                c.data[entry] += m[0].data[place];
            }
        }
        c
    }),
    domain: Domain::Kinked,
    ..PLAIN
};

/// The entries of A where the largest entries of B are: the transpose of [`UNPOOL`].
pub const PICK: OpDef = OpDef {
    name: "pick",
    numpy: "_pick({0}, {1}, {window})",
    julia: "_pick({0}, {1}, {window})",
    shape: ShapeRule::Picked,
    laws: ["d pick(A, B) = pick(dA, B)", "⟨G, pick(D, B)⟩ = ⟨unpool(G, B), D⟩"],
    transposed: Some(|op, _, _| Op::Unpool(window(op))),
    meaning: Meaning::Matrix(|op, m, _| {
        let w = window(op);
        let data = largest(&w, m[1]).into_iter().map(|l| l.map_or(0.0, |entry| m[0].data[entry]));
        Matrix::new(m[0].rows, w.places() * w.channels(), data.collect())
    }),
    ..UNPOOL
};

fn window(op: Op) -> Window {
    op.window().expect("the items of this file are of ops with a window")
}

/// Of each place and channel, which entry is the first largest (a NaN is larger than all).
fn largest(w: &Window, a: &Matrix) -> Vec<Option<usize>> {
    let mut largest: Vec<Option<usize>> = vec![None; a.rows * w.places() * w.channels()];
    w.each(a.rows, |place, _, channel, entry| {
        let best = &mut largest[place * w.channels() + channel];
        let value = a.data[entry];
        let better = |b: usize| value > a.data[b] || (value.is_nan() && !a.data[b].is_nan());
        if best.is_none_or(better) {
            *best = Some(entry);
        }
    });
    largest
}
