//! A step allocates nothing, and a small network is fast. One test, since the counter is global.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests stop at the first surprise"
)]
#![allow(unsafe_code, reason = "a global allocator that counts")]

mod build;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use build::{CAPACITY, Page};
use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::NodeId;
use matgrad_expr::op::{Axis, Op};
use matgrad_run::machine::Machine;

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all work is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A network of tanh layers with squared error, its gradients by hand, and plain descent.
fn training(page: &mut Page, sizes: &[u64]) -> (Vec<NodeId>, Vec<(NodeId, NodeId)>) {
    let b = page.b();
    let x = page.variable(b, Dim::of(sizes[0]));
    let y = page.variable(b, Dim::of(sizes[sizes.len() - 1]));
    let mut activations = vec![x];
    let mut weights = Vec::new();
    for pair in sizes.windows(2) {
        let w = page.variable(Dim::of(pair[0]), Dim::of(pair[1]));
        let bias = page.variable(Dim::ONE, Dim::of(pair[1]));
        let a = *activations.last().unwrap();
        let z = page.graph.product(a, w).unwrap();
        let z = page.graph.elementwise(Op::Add, &[z, bias]).unwrap();
        activations.push(page.graph.node(Op::Tanh, &[z]).unwrap());
        weights.push((w, bias));
    }
    let g = &mut page.graph;
    let minus = g.node(Op::Neg, &[y]).unwrap();
    let error = g.elementwise(Op::Add, &[*activations.last().unwrap(), minus]).unwrap();
    let square = g.elementwise(Op::Mul, &[error, error]).unwrap();
    let loss = g.node(Op::Sum(Axis::All), &[square]).unwrap();
    let (one, rate) = (g.number(1.0), g.number(-0.01));
    let mut delta = error;
    let mut updates = Vec::new();
    for (i, &(w, bias)) in weights.iter().enumerate().rev() {
        let a = activations[i + 1];
        let square = g.elementwise(Op::Mul, &[a, a]).unwrap();
        let minus = g.node(Op::Neg, &[square]).unwrap();
        let slope = g.elementwise(Op::Add, &[one, minus]).unwrap();
        let dz = g.elementwise(Op::Mul, &[delta, slope]).unwrap();
        let below = g.node(Op::Transpose, &[activations[i]]).unwrap();
        let dw = g.node(Op::MatMul, &[below, dz]).unwrap();
        let db = g.node(Op::Sum(Axis::Cols), &[dz]).unwrap();
        for (parameter, gradient) in [(w, dw), (bias, db)] {
            let change = g.elementwise(Op::Mul, &[rate, gradient]).unwrap();
            updates.push((parameter, g.elementwise(Op::Add, &[parameter, change]).unwrap()));
        }
        let wt = g.node(Op::Transpose, &[w]).unwrap();
        delta = g.node(Op::MatMul, &[dz, wt]).unwrap();
    }
    (vec![loss], updates)
}

#[test]
fn a_step_allocates_nothing() {
    let mut page = Page::new();
    let (outputs, updates) = training(&mut page, &[34, 8, 3, 6]);
    page.compare::<f64>(&outputs, &updates, 1e-12).unwrap();
    // All other ops as well, large products included.
    let (b, n) = (page.b(), Dim::of(40));
    let square = page.variable(n, n);
    let x = page.variable(b, n);
    let g = &mut page.graph;
    let mut more = outputs.clone();
    for op in [Op::Inv, Op::Det, Op::LogDet, Op::Diagonal, Op::MatMul] {
        let operands = if op == Op::MatMul { vec![square, square] } else { vec![square] };
        more.push(g.node(op, &operands).unwrap());
    }
    for op in [Op::RowMax, Op::Place(Axis::Cols, n, Dim::of(80)), Op::Erf, Op::Transpose] {
        more.push(g.node(op, &[x]).unwrap());
    }
    let flat = g.node(Op::Reshape(Shape::new(n, b)), &[x]).unwrap();
    more.push(g.node(Op::MatMul, &[x, flat]).unwrap());
    more.push(g.node(Op::Concat(Axis::Rows), &[x, x]).unwrap());
    let mut machine = Machine::<f32>::new(page.plan(&more, &updates));
    let matrix = vec![0.5; 40 * 10];
    let before = CALLS.load(Ordering::Relaxed);
    for rows in [CAPACITY, 2, 0, 5] {
        machine.set_rows(rows).unwrap();
        machine.write_rows_from(x, &matrix, 40, &[3, 1, 4, 1, 5, 9, 2][..rows]).unwrap();
        machine.step();
    }
    assert_eq!(CALLS.load(Ordering::Relaxed), before, "a step allocated or freed");

    for sizes in [&[34, 8, 3, 6][..], &[784, 128, 64, 10]] {
        let mut page = Page::new();
        let (outputs, updates) = training(&mut page, sizes);
        let dims = Default::default();
        let request = matgrad_plan::plan::Request {
            graph: &page.graph,
            outputs: &outputs,
            updates: &updates,
            fixed: &[],
            dims: &dims,
            rows: Some((page.batch, 32)),
        };
        let program = matgrad_plan::plan::plan(&request).unwrap();
        println!("{program}");
        let flops = program.flops() as f64;
        let mut machine = Machine::<f32>::new(program.into());
        let start = Instant::now();
        let steps = if sizes[0] > 100 { 200 } else { 5000 };
        for _ in 0..steps {
            machine.step();
        }
        let time = start.elapsed().as_secs_f64() / f64::from(steps);
        println!("{:.1} µs a step, {:.1} GFLOP/s\n", time * 1e6, flops / time * 1e-9);
        assert!(time < 0.1, "{time} s a step");
    }
}
