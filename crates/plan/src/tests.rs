//! Programs as they print, and requests that cannot be met.

use std::collections::HashMap;

use expect_test::{Expect, expect};
use matgrad_expr::dim::{Dim, Shape, Symbol};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::op::{Axis, Op};
use matgrad_expr::syntax::{Name, Role};
use matgrad_expr::window::Window;

use crate::plan::{PlanError, Request, plan};
use crate::program::Program;

fn name(text: &str) -> Name {
    Name { text: text.to_string(), spelling: text.to_string(), span: Default::default() }
}

fn variable(graph: &mut Graph, text: &str, rows: Dim, cols: Dim) -> NodeId {
    let kind = Kind::Declared(Role::Param);
    graph.add_variable(name(text), kind, Shape::new(rows, cols), Initial::None)
}

fn request<'a>(
    graph: &'a Graph,
    outputs: &'a [NodeId],
    updates: &'a [(NodeId, NodeId)],
    dims: &'a HashMap<Symbol, usize>,
) -> Request<'a> {
    Request { graph, outputs, updates, fixed: &[], dims, rows: Some((Symbol(0), 32)) }
}

/// One layer with plain descent on the sum of its squares.
fn layer() -> (Graph, Vec<NodeId>, Vec<(NodeId, NodeId)>) {
    let mut graph = Graph::default();
    let g = &mut graph;
    let batch = Dim::symbol(g.symbols.intern("B"));
    let x = variable(g, "X", batch, Dim::of(4));
    let w = variable(g, "W", Dim::of(4), Dim::of(3));
    let b = variable(g, "b", Dim::ONE, Dim::of(3));
    let product = g.product(x, w).unwrap();
    let z = g.elementwise(Op::Add, &[product, b]).unwrap();
    g.set_name(z, name("Z"));
    let square = g.elementwise(Op::Mul, &[z, z]).unwrap();
    let loss = g.node(Op::Sum(Axis::All), &[square]).unwrap();
    g.set_name(loss, name("L"));
    let xt = g.node(Op::Transpose, &[x]).unwrap();
    let grad = g.product(xt, z).unwrap();
    g.set_name(grad, name("∂W"));
    let rate = g.number(-0.2);
    let change = g.elementwise(Op::Mul, &[rate, grad]).unwrap();
    let new = g.elementwise(Op::Add, &[w, change]).unwrap();
    let down = g.node(Op::Sum(Axis::Cols), &[z]).unwrap();
    g.set_name(down, name("∂b"));
    let change = g.elementwise(Op::Mul, &[rate, down]).unwrap();
    let new_b = g.elementwise(Op::Add, &[b, change]).unwrap();
    (graph, vec![loss], vec![(w, new), (b, new_b)])
}

fn program() -> Program {
    let (graph, outputs, updates) = layer();
    plan(&request(&graph, &outputs, &updates, &HashMap::new())).unwrap()
}

fn check(found: &impl ToString, expected: &Expect) {
    expected.assert_eq(&found.to_string());
}

#[test]
fn a_layer_prints() {
    check(
        &program(),
        &expect![[r#"
            copy                                     copy rows×4 @176; 0 operations, 1024 bytes
            %3 ← X W; Z ← (%3 + b); %6 ← (Z ⊙ Z)     gemm rows×4×3, then 3 ops; 1056 operations, 2480 bytes
            L ← sum(%6)                              sum rows×3 @160; 96 operations, 388 bytes
            ∂W ← Xᵀ Z; %13 ← (W + (-0.2 ⊙ ∂W))       gemm 4×rows×3, then 2 ops; 792 operations, 1040 bytes
            ∂b ← colsum(Z); %17 ← (b + (-0.2 ⊙ ∂b))  colsum rows×3, then 2 ops; 102 operations, 420 bytes
            5 instructions, 592 numbers, 2046 operations a step for 32 rows
        "#]],
    );
}

#[test]
fn the_same_request_gives_the_same_program() {
    assert_eq!(format!("{:?}", program()), format!("{:?}", program()));
}

#[test]
fn refusals_say_what_is_wrong() {
    let mut graph = Graph::default();
    let g = &mut graph;
    let batch = Dim::symbol(g.symbols.intern("B"));
    let hidden = Dim::symbol(g.symbols.intern("h"));
    let x = variable(g, "X", batch, hidden);
    let y = variable(g, "Y", batch, Dim::of(3));
    let exp = g.node(Op::Exp, &[x]).unwrap();
    let sum = g.node(Op::Sum(Axis::Rows), &[y]).unwrap();
    let part = g.node(Op::Slice(Axis::Rows, Dim::of(30), Dim::of(5)), &[y]).unwrap();
    let huge = g.spread(sum, Shape::new(batch, Dim::of(u64::MAX / 2))).unwrap();
    let none = HashMap::new();
    let error = |outputs: &[NodeId], updates: &[(NodeId, NodeId)]| -> PlanError {
        plan(&request(&graph, outputs, updates, &none)).unwrap_err()
    };
    check(
        &error(&[exp], &[]),
        &expect!["the dimension h of X has no value; give it one, or make it the batch"],
    );
    check(
        &error(&[huge], &[]),
        &expect![
            "%5 is too large: B×9223372036854775807 has more entries than memory has addresses"
        ],
    );
    check(&error(&[part], &[]), &expect!["%4 takes entries 30 to 35 (from 0) of 32"]);
    check(&error(&[], &[(sum, sum)]), &expect!["%3 is no variable, so it has no new value"]);
    check(&error(&[], &[(y, y), (y, y)]), &expect!["Y has two new values; give it one"]);
    check(&error(&[], &[(y, sum)]), &expect!["Y is B×3, but its new value is B×1"]);
}

/// Pictures that are convolved, pooled, and the gradients of both, which are summed over all of them; the
/// sum of the bias is read by what follows, if `read`.
fn pictures(read: bool) -> Program {
    let mut graph = Graph::default();
    let g = &mut graph;
    let b = Dim::symbol(g.symbols.intern("B"));
    let window = Window { picture: [6, 6, 2], size: [3, 3], ..Window::ONE };
    let pool = Window { picture: [4, 4, 5], size: [2, 2], stride: [2, 2], ..Window::ONE };
    let x = variable(g, "X", b, Dim::of(72));
    let k = variable(g, "K", Dim::of(18), Dim::of(5));
    let c = variable(g, "c", Dim::ONE, Dim::of(5));
    let unfolded = g.node(Op::Unfold(window), &[x]).unwrap();
    let product = g.product(unfolded, k).unwrap();
    let z = g.elementwise(Op::Add, &[product, c]).unwrap();
    let z = g.node(Op::Reshape(Shape::new(b, Dim::of(80))), &[z]).unwrap();
    let pooled = g.node(Op::MaxPool(pool), &[z]).unwrap();
    g.set_name(pooled, name("P"));
    let delta = g.node(Op::Unpool(pool), &[pooled, z]).unwrap();
    let places = b.times(Dim::of(16)).unwrap();
    let delta = g.node(Op::Reshape(Shape::new(places, Dim::of(5))), &[delta]).unwrap();
    let down = g.node(Op::Sum(Axis::Cols), &[delta]).unwrap();
    let delta = if read { g.elementwise(Op::Mul, &[delta, down]).unwrap() } else { delta };
    let back = g.node(Op::Transpose, &[unfolded]).unwrap();
    let kernel = g.product(back, delta).unwrap();
    let updates = [(k, kernel), (c, down)];
    let dims = HashMap::new();
    plan(&request(&graph, &[pooled], &updates, &dims)).unwrap()
}

#[test]
fn pictures_go_in_bands_up_to_what_needs_all_of_them() {
    assert_eq!(pictures(false).bands(), std::slice::from_ref(&(0..5)), "{}", pictures(false));
    assert_eq!(pictures(true).bands(), [0..4, 4..6], "{}", pictures(true));
}
