//! New values of variables, and what a machine refuses.

use matgrad_expr::dim::Dim;
use matgrad_expr::op::{Axis, Op};
use matgrad_plan::instruction::Instruction;
use matgrad_run::machine::{Machine, RunError};
use matgrad_run::simd::Isa;

use crate::build::{CAPACITY, Page};

#[test]
fn two_variables_change_places() {
    let mut page = Page::new();
    let (a, b) = (page.variable(Dim::of(2), Dim::of(3)), page.variable(Dim::of(2), Dim::of(3)));
    page.compare::<f64>(&[a, b], &[(a, b), (b, a)], 0.0).unwrap();
    let sum = page.graph.elementwise(Op::Add, &[a, b]).unwrap();
    let difference = page.graph.node(Op::Neg, &[b]).unwrap();
    let difference = page.graph.elementwise(Op::Add, &[a, difference]).unwrap();
    page.compare::<f64>(&[], &[(a, sum), (b, difference)], 0.0).unwrap();
    page.compare::<f64>(&[a, sum], &[(a, sum), (b, a)], 0.0).unwrap();
}

/// More entries than a block has, and no whole number of vectors: what is replaced block by block.
#[test]
fn old_entries_are_read_before_new_ones_are_there() {
    let mut page = Page::new();
    let [v, w, g] = [0; 3].map(|_| page.variable(Dim::of(60), Dim::of(37)));
    let graph = &mut page.graph;
    let mut op = |op: Op, a, b| graph.elementwise(op, &[a, b]).unwrap();
    let (old, other) = (op(Op::Mul, v, g), op(Op::Mul, w, w));
    let velocity = op(Op::Add, g, old);
    let sum = op(Op::Add, other, velocity);
    let half = graph.number(0.5);
    let scaled = graph.elementwise(Op::Mul, &[half, velocity]).unwrap();
    let minus = graph.node(Op::Neg, &[scaled]).unwrap();
    let step = graph.elementwise(Op::Add, &[w, minus]).unwrap();
    let opposite = graph.node(Op::Neg, &[other]).unwrap();
    let without = graph.elementwise(Op::Add, &[v, opposite]).unwrap();
    for updates in [
        vec![(v, velocity), (w, step)],
        vec![(w, step), (v, without)],
        vec![(v, sum), (w, velocity)],
        vec![(v, sum), (w, sum)],
        vec![(v, step), (w, without), (g, sum)],
    ] {
        page.compare::<f64>(&[], &updates, 1e-14).unwrap();
        page.compare::<f32>(&[sum, w], &updates, 1e-6).unwrap();
    }
}

#[test]
fn a_square_and_its_transpose() {
    let mut page = Page::new();
    let a = page.variable(Dim::of(20), Dim::of(20));
    let t = page.graph.node(Op::Transpose, &[a]).unwrap();
    let sum = page.graph.elementwise(Op::Add, &[a, t]).unwrap();
    page.compare::<f64>(&[], &[(a, sum)], 0.0).unwrap();
    page.compare::<f64>(&[], &[(a, t)], 0.0).unwrap();
}

#[test]
fn descent_needs_no_copy() {
    let mut page = Page::new();
    // Few columns would be copied, to lie one after the other.
    let (x, w) = (page.variable(page.b(), Dim::of(20)), page.variable(Dim::of(20), Dim::of(20)));
    let g = &mut page.graph;
    let z = g.node(Op::MatMul, &[x, w]).unwrap();
    let xt = g.node(Op::Transpose, &[x]).unwrap();
    let grad = g.node(Op::MatMul, &[xt, z]).unwrap();
    let rate = g.number(-0.1);
    let change = g.elementwise(Op::Mul, &[rate, grad]).unwrap();
    let new = g.elementwise(Op::Add, &[w, change]).unwrap();
    let loss = g.node(Op::Sum(Axis::All), &[z]).unwrap();
    page.compare::<f64>(&[loss], &[(w, new)], 1e-12).unwrap();
    let program = page.plan(&[loss], &[(w, new)]);
    let copies = program.instructions().iter().filter(|i| matches!(i, Instruction::Copy { .. }));
    assert_eq!(copies.count(), 0, "{program}");
}

#[test]
fn what_many_steps_share_is_done_once() {
    let mut page = Page::new();
    let (x, w) = (page.variable(page.b(), Dim::of(20)), page.variable(Dim::of(20), Dim::of(3)));
    let square = page.graph.elementwise(Op::Mul, &[x, x]).unwrap();
    let z = page.graph.node(Op::MatMul, &[square, w]).unwrap();
    let program = page.plan_with(&[z], &[], &[x]);
    assert_eq!(program.once(), 1, "{program}");
    assert_eq!(program.to_string().matches("once: ").count(), 1, "{program}");
    let mut machine = Machine::<f64>::new(program.clone());
    let mut done = |write: Option<(_, usize)>, rows: usize| {
        if rows != machine.rows() {
            machine.set_rows(rows).unwrap();
        }
        if let Some((variable, size)) = write {
            machine.write(variable, &vec![0.5; size]).unwrap();
        }
        let mut done = Vec::new();
        machine.step_observed(|number| done.push(number));
        done.first() == Some(&0)
    };
    assert!(done(Some((x, 20 * CAPACITY)), CAPACITY));
    assert!(!done(None, CAPACITY));
    assert!(!done(Some((w, 60)), CAPACITY));
    assert!(done(Some((x, 20 * CAPACITY)), CAPACITY));
    assert!(done(Some((x, 40)), 2));
}

#[test]
fn the_same_bits_each_time() {
    let mut page = Page::new();
    let x = page.variable(page.b(), Dim::of(33));
    let g = &mut page.graph;
    let t = g.node(Op::Transpose, &[x]).unwrap();
    let square = g.node(Op::MatMul, &[t, x]).unwrap();
    let soft = g.node(Op::Sigmoid, &[square]).unwrap();
    let sum = g.node(Op::Sum(Axis::Cols), &[soft]).unwrap();
    let program = page.plan(&[sum, soft], &[]);
    let mut machine = Machine::<f32>::new(program);
    machine.write(x, &page.bindings(CAPACITY, 3).values[&x].data).unwrap();
    machine.step();
    let first = (machine.read(sum).unwrap(), machine.read(soft).unwrap());
    machine.step();
    assert_eq!(first, (machine.read(sum).unwrap(), machine.read(soft).unwrap()));
}

#[test]
fn entries_are_read_where_they_lie() {
    let mut page = Page::new();
    let (x, w) = (page.variable(page.b(), Dim::of(40)), page.variable(Dim::of(40), Dim::of(3)));
    let g = &mut page.graph;
    let product = g.node(Op::MatMul, &[x, w]).unwrap();
    let t = g.node(Op::Transpose, &[x]).unwrap();
    let square = g.node(Op::MatMul, &[t, x]).unwrap();
    let soft = g.node(Op::Sigmoid, &[x]).unwrap();
    // Products alone read X, or something else does too, or it is itself an output.
    for (outputs, lies) in [
        (vec![product], true),
        (vec![product, square], true),
        (vec![product, soft], false),
        (vec![product, x], false),
    ] {
        let program = page.plan(&outputs, &[]);
        let mut machine = Machine::<f64>::new(program.clone());
        let slot = *program.variable(x).unwrap();
        for rows in [CAPACITY, 2] {
            machine.set_rows(rows).unwrap();
            let bindings = page.bindings(rows, 5);
            machine.write(w, &bindings.values[&w].data).unwrap();
            machine.write(x, &vec![9.0; 40 * rows]).unwrap();
            machine.step_with(x, &bindings.values[&x].data).unwrap();
            let found: Vec<_> = outputs.iter().map(|&id| machine.read(id).unwrap()).collect();
            assert_eq!(machine.slice(&slot).iter().all(|&entry| entry == 9.0), lies, "{program}");
            machine.write(x, &bindings.values[&x].data).unwrap();
            machine.step();
            let wanted: Vec<_> = outputs.iter().map(|&id| machine.read(id).unwrap()).collect();
            assert_eq!(found, wanted, "{program}");
        }
        let wrong = machine.step_with(x, &[0.0; 7]);
        assert_eq!(wrong, Err(RunError::Length { rows: 2, cols: 40, found: 7 }));
    }
}

#[test]
fn columns_of_many_short_rows() {
    for cols in 1..=17 {
        for rows in [1, 127, 128, 130, 3000] {
            let mut page = Page::new();
            let a = page.variable(Dim::of(rows), Dim::of(cols));
            let sum = page.graph.node(Op::Sum(Axis::Cols), &[a]).unwrap();
            page.compare::<f64>(&[sum], &[], 1e-13).unwrap();
            page.compare::<f32>(&[sum], &[], 3e-6).unwrap();
        }
    }
}

/// Of all widths that are brought together, and the first that is read where it is.
#[test]
fn one_row_for_many() {
    for cols in 1..=129 {
        let mut page = Page::new();
        let x = page.variable(Dim::of(80), Dim::of(cols));
        let w = page.variable(Dim::of(1), Dim::of(cols));
        let product = page.graph.elementwise(Op::Mul, &[x, w]).unwrap();
        page.compare::<f64>(&[product], &[], 1e-13).unwrap();
        page.compare::<f32>(&[product], &[], 3e-6).unwrap();
    }
}

#[test]
fn rows_by_number() {
    let mut page = Page::new();
    let x = page.variable(page.b(), Dim::of(2));
    let y = page.graph.node(Op::Neg, &[x]).unwrap();
    let mut machine = Machine::<f32>::new(page.plan(&[y], &[]));
    machine.set_rows(2).unwrap();
    machine.write_rows_from(x, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, &[2, 0]).unwrap();
    machine.step();
    assert_eq!(machine.read(y).unwrap(), [-5.0, -6.0, -1.0, -2.0]);
}

#[test]
fn refusals() {
    let mut page = Page::new();
    let x = page.variable(page.b(), Dim::of(2));
    let y = page.graph.node(Op::Slice(Axis::Rows, Dim::ONE, Dim::of(2)), &[x]).unwrap();
    let mut machine = Machine::<f64>::new(page.plan(&[y], &[]));
    assert_eq!(machine.set_rows(8), Err(RunError::Rows { found: 8, capacity: 7 }));
    assert_eq!(machine.set_rows(2), Err(RunError::Rows { found: 2, capacity: 7 }));
    machine.set_rows(3).unwrap();
    assert_eq!(machine.write(x, &[0.0; 5]), Err(RunError::Length { rows: 3, cols: 2, found: 5 }));
    assert_eq!(machine.write(y, &[]), Err(RunError::Unknown(y.0)));
    let rows = machine.write_rows_from(x, &[0.0; 4], 2, &[0, 1, 2]);
    assert_eq!(rows, Err(RunError::NoRow { row: 2, rows: 2 }));
}

/// Work that is worth several threads: products, an element-wise tile and all reductions.
#[test]
fn threads_change_no_bit_and_instruction_sets_only_the_last_ones() {
    let mut page = Page::new();
    let x = page.variable(Dim::of(331), Dim::of(410));
    let w = page.variable(Dim::of(410), Dim::of(270));
    let g = &mut page.graph;
    let z = g.product(x, w).unwrap();
    let a = g.node(Op::Tanh, &[z]).unwrap();
    let a = g.elementwise(Op::Mul, &[a, z]).unwrap();
    let a = g.node(Op::Sigmoid, &[a]).unwrap();
    let xt = g.node(Op::Transpose, &[x]).unwrap();
    let new = g.product(xt, a).unwrap();
    let at = g.node(Op::Transpose, &[a]).unwrap();
    let mut outputs = vec![g.product(at, x).unwrap()];
    for op in [Op::Sum(Axis::All), Op::Sum(Axis::Rows), Op::Sum(Axis::Cols), Op::RowMax] {
        outputs.push(g.node(op, &[a]).unwrap());
    }
    let program = page.plan(&outputs, &[(w, new)]);
    let most = program.costs(1).map(|cost| cost.threads).max();
    assert!(most > Some(3), "{most:?} threads pay");
    let values = page.bindings(CAPACITY, 9).values;
    let run = |threads: usize, isa: Isa| {
        let mut machine = Machine::<f32>::new(program.clone());
        machine.set_threads(threads);
        machine.set_isa(isa);
        machine.write(x, &values[&x].data).unwrap();
        machine.write(w, &values[&w].data).unwrap();
        machine.step();
        let read = |&node: &_| machine.read(node).unwrap();
        outputs.iter().chain([&w]).map(read).collect::<Vec<_>>()
    };
    let portable = run(1, Isa::Portable);
    for isa in Isa::available() {
        let one = run(1, isa);
        for threads in [2, 3, 4] {
            assert!(run(threads, isa) == one, "{isa:?} with {threads} threads");
        }
        for (a, b) in one.iter().zip(&portable) {
            let largest = b.iter().fold(1.0f64, |m, x| m.max(x.abs()));
            let apart = a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(apart <= 1e-5 * largest, "{isa:?}: {apart} of {largest}");
        }
    }
}

/// A step so short that threads are tried: more steps than are tried, with an update.
#[test]
fn threads_that_are_tried_change_no_bit() {
    let mut page = Page::new();
    let (x, w) =
        (page.variable(Dim::of(200), Dim::of(64)), page.variable(Dim::of(64), Dim::of(64)));
    let g = &mut page.graph;
    let z = g.product(x, w).unwrap();
    let a = g.node(Op::Tanh, &[z]).unwrap();
    let xt = g.node(Op::Transpose, &[x]).unwrap();
    let gradient = g.product(xt, a).unwrap();
    let rate = g.number(1e-3);
    let change = g.elementwise(Op::Mul, &[rate, gradient]).unwrap();
    let change = g.node(Op::Neg, &[change]).unwrap();
    let new = g.elementwise(Op::Add, &[w, change]).unwrap();
    let program = page.plan(&[], &[(w, new)]);
    assert!(program.costs(1).any(|cost| cost.threads > 1) && program.flops() < 1 << 25);
    let values = page.bindings(CAPACITY, 3).values;
    let run = |threads: usize| {
        let mut machine = Machine::<f32>::new(program.clone());
        machine.set_rows(program.capacity()).unwrap();
        machine.set_threads(threads);
        machine.write(x, &values[&x].data).unwrap();
        machine.write(w, &values[&w].data).unwrap();
        (0..40).for_each(|_| machine.step());
        machine.read(w).unwrap()
    };
    let one = run(1);
    assert!(one != values[&w].data && one.iter().all(|x| x.is_finite()));
    assert!(run(2) == one);
}

/// Products of one and of several blocks of terms, rows and columns, with an update upon them.
#[test]
fn work_upon_a_product_is_part_of_it() {
    for (m, k, n) in [(97, 40, 700), (130, 300, 600), (5, 1, 40), (40, 1, 3), (3, 70, 2), (1, 9, 1)]
    {
        let mut page = Page::new();
        let [m, k, n] = [m, k, n].map(Dim::of);
        let (x, d, w) = (page.variable(k, m), page.variable(k, n), page.variable(m, n));
        let g = &mut page.graph;
        let xt = g.node(Op::Transpose, &[x]).unwrap();
        let grad = g.product(xt, d).unwrap();
        let square = g.elementwise(Op::Mul, &[grad, grad]).unwrap();
        let new = g.elementwise(Op::Add, &[w, square]).unwrap();
        page.compare::<f64>(&[], &[(w, new)], 1e-12).unwrap();
        let program = page.plan(&[], &[(w, new)]);
        assert_eq!(program.instructions().len(), 1, "{program}");
    }
}

/// The reciprocal of this number is denormal, and counts as zero in a step.
#[test]
fn a_quotient_whose_reciprocal_is_denormal() {
    let mut page = Page::new();
    let a = page.variable(Dim::ONE, Dim::of(3));
    let x = page.graph.number(3e38);
    let above = page.graph.elementwise(Op::Mul, &[a, x]).unwrap();
    let quotient = page.graph.elementwise(Op::Div, &[above, x]).unwrap();
    page.compare::<f32>(&[quotient], &[], 1e-6).unwrap();
}
