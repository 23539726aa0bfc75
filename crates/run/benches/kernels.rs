//! Matrix products beside those of the `gemm` crate and the machine's measured peak, on one core:
//! `cargo bench -p matgrad-run`.

#![allow(unsafe_code, reason = "the gemm crate takes pointers")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::{Graph, Initial, Kind};
use matgrad_expr::op::Op;
use matgrad_expr::syntax::{Name, Role};
use matgrad_plan::plan::{Request, plan};
use matgrad_run::machine::Machine;

/// m, k, n, and whether the left operand is transposed.
const SHAPES: [(usize, usize, usize, bool); 12] = [
    (1, 784, 128, false),
    (128, 784, 128, false),
    (784, 128, 128, true),
    (1024, 256, 1024, false),
    (256, 1024, 1024, false),
    (1024, 256, 1024, true),
    (366, 34, 8, false),
    (34, 366, 8, true),
    (200, 64, 100, false),
    (128, 128, 10, false),
    (1024, 256, 1, false),
    (1024, 784, 128, false),
];

/// Seconds of one call: the fastest of five measurements of at least 20 ms.
fn time(mut work: impl FnMut()) -> f64 {
    work();
    let measure = |_| {
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed().as_secs_f64() < 0.02 {
            work();
            count += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(count)
    };
    (0..5).map(measure).fold(f64::INFINITY, f64::min)
}

/// The machine that computes A B, or Aᵀ B.
fn machine(m: usize, k: usize, n: usize, transposed: bool) -> Machine<f32> {
    let mut graph = Graph::default();
    let mut variable = |text: &str, rows: usize, cols: usize| {
        let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
        let shape = Shape::new(Dim::of(rows as u64), Dim::of(cols as u64));
        graph.add_variable(name, Kind::Declared(Role::Input), shape, Initial::None)
    };
    let b = variable("B", k, n);
    let a = if transposed { variable("A", k, m) } else { variable("A", m, k) };
    let left = match transposed {
        true => graph.node(Op::Transpose, &[a]).expect("every matrix has one"),
        false => a,
    };
    let product = graph.node(Op::MatMul, &[left, b]).expect("the shapes fit");
    let dims = HashMap::new();
    let request =
        Request { graph: &graph, outputs: &[product], updates: &[], dims: &dims, rows: None };
    let program = plan(&request).expect("it has numbers");
    let mut machine = Machine::new(Arc::new(program));
    for (node, length) in [(a, m * k), (b, k * n)] {
        let values: Vec<f64> = (0..length).map(|i| (i as f64).sin()).collect();
        machine.write(node, &values).expect("of this length");
    }
    machine
}

fn main() {
    println!("{:>18}  {:>8} {:>8}  {:>6}", "m×k×n", "GFLOP/s", "gemm", "ratio");
    for (m, k, n, transposed) in SHAPES {
        let mut machine = machine(m, k, n, transposed);
        let ours = time(|| machine.step());
        let numbers = |length: usize| (0..length).map(|i| (i as f32).sin()).collect::<Vec<f32>>();
        let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0f32; m * n]);
        let (row, col) = if transposed { (1, m) } else { (k, 1) };
        let theirs = time(|| {
            // SAFETY: the pointers are those of slices of these lengths, with strides inside them.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    1,
                    n as isize,
                    false,
                    a.as_ptr(),
                    col as isize,
                    row as isize,
                    b.as_ptr(),
                    1,
                    n as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
            black_box(&c);
        });
        let rate = |seconds: f64| (2 * m * k * n) as f64 / seconds * 1e-9;
        let name = format!("{m}×{k}×{n}{}", if transposed { " Aᵀ" } else { "" });
        println!("{name:>18}  {:8.1} {:8.1}  {:6.2}", rate(ours), rate(theirs), theirs / ours);
    }
}
