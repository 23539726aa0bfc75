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

/// m, k, n, and which operand is transposed.
const SHAPES: [(usize, usize, usize, Form); 18] = [
    (1, 784, 128, Form::Plain),
    (128, 784, 128, Form::Plain),
    (784, 128, 128, Form::Left),
    (1024, 256, 1024, Form::Plain),
    (256, 1024, 1024, Form::Plain),
    (1024, 256, 1024, Form::Left),
    (256, 1024, 1024, Form::Right),
    (366, 34, 8, Form::Plain),
    (34, 366, 8, Form::Left),
    (200, 64, 100, Form::Plain),
    (64, 200, 100, Form::Left),
    (200, 10, 100, Form::Right),
    (1024, 256, 256, Form::Plain),
    (1024, 256, 256, Form::Right),
    (256, 1024, 256, Form::Left),
    (128, 128, 10, Form::Plain),
    (1024, 256, 1, Form::Plain),
    (1024, 784, 128, Form::Plain),
];

/// A B, Aᵀ B or A Bᵀ.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    Left,
    Right,
}

/// Seconds of one call: the fastest of fifty measurements of at least 2 ms.
fn time(mut work: impl FnMut()) -> f64 {
    work();
    let measure = |_| {
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed().as_secs_f64() < 0.002 {
            work();
            count += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(count)
    };
    (0..50).map(measure).fold(f64::INFINITY, f64::min)
}

/// The machine that computes the product.
fn machine(m: usize, k: usize, n: usize, form: Form) -> Machine<f32> {
    let mut graph = Graph::default();
    let mut variable = |text: &str, rows: usize, cols: usize| {
        let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
        let shape = Shape::new(Dim::of(rows as u64), Dim::of(cols as u64));
        graph.add_variable(name, Kind::Declared(Role::Input), shape, Initial::None)
    };
    let b = if form == Form::Right { variable("B", n, k) } else { variable("B", k, n) };
    let a = if form == Form::Left { variable("A", k, m) } else { variable("A", m, k) };
    let mut transposed = |node| graph.node(Op::Transpose, &[node]).expect("every matrix has one");
    let left = if form == Form::Left { transposed(a) } else { a };
    let right = if form == Form::Right { transposed(b) } else { b };
    let product = graph.node(Op::MatMul, &[left, right]).expect("the shapes fit");
    let dims = HashMap::new();
    let request = Request {
        graph: &graph,
        outputs: &[product],
        updates: &[],
        fixed: &[],
        dims: &dims,
        rows: None,
    };
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
    for (m, k, n, form) in SHAPES {
        let mut machine = machine(m, k, n, form);
        let ours = time(|| machine.step());
        let numbers = |length: usize| (0..length).map(|i| (i as f32).sin()).collect::<Vec<f32>>();
        let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0f32; m * n]);
        let (row, col) = if form == Form::Left { (1, m) } else { (k, 1) };
        let (b_row, b_col) = if form == Form::Right { (1, k) } else { (n, 1) };
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
                    b_col as isize,
                    b_row as isize,
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
        let form = match form {
            Form::Plain => "",
            Form::Left => " Aᵀ B",
            Form::Right => " A Bᵀ",
        };
        let name = format!("{m}×{k}×{n}{form}");
        println!("{name:>18}  {:8.1} {:8.1}  {:6.2}", rate(ours), rate(theirs), theirs / ours);
    }
}
