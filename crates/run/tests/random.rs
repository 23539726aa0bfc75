//! Random graphs.

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::NodeId;
use matgrad_expr::op::{Axis, Op};
use proptest::prelude::*;

use crate::build::Page;

type Choice = (u8, u16, u16);

/// Makes a graph from choices; one that does not fit is left out.
fn page(choices: &[Choice], smooth: bool) -> (Page, Vec<NodeId>) {
    let mut page = Page::new();
    let (one, three, five, b) = (Dim::ONE, Dim::of(3), Dim::of(5), page.b());
    for (rows, cols) in
        [(b, three), (three, five), (one, five), (b, one), (three, five), (b, three), (one, one)]
    {
        page.variable(rows, cols);
    }
    let mut nodes = page.variables.clone();
    let leaves = nodes.clone();
    for &(choice, i, j) in choices {
        let a = nodes[i as usize % nodes.len()];
        // Often the newest node, so that chains grow long.
        let c = if j % 3 == 0 { nodes[nodes.len() - 1] } else { nodes[j as usize % nodes.len()] };
        let g = &mut page.graph;
        let shape = g.shape(a);
        let made = match choice % 28 {
            0..=3 => g.product(a, c),
            4 => {
                let t = g.node(Op::Transpose, &[a]).unwrap();
                g.product(t, c)
            }
            5 => {
                let t = g.node(Op::Transpose, &[c]).unwrap();
                g.product(a, t)
            }
            6 | 7 => g.elementwise(Op::Add, &[a, c]),
            8 | 9 => g.elementwise(Op::Mul, &[a, c]),
            10 => g.node(Op::Transpose, &[a]),
            11 => g.node(Op::Sum(Axis::All), &[a]),
            12 => g.node(Op::Sum(Axis::Rows), &[a]),
            13 => g.node(Op::Sum(Axis::Cols), &[a]),
            14 => g.node(Op::RowMax, &[a]),
            15 => g.node(Op::Tanh, &[a]),
            16 => g.node(Op::Sigmoid, &[a]),
            17 => g.node(Op::Neg, &[a]),
            18 => g.elementwise(Op::Max, &[a, c]),
            19 => {
                let size = Shape::new(shape.cols, shape.rows);
                g.node(Op::Reshape(size), &[a])
            }
            // With fixed ends only in fixed dimensions: fewer rows would be refused.
            20 | 21 if shape.cols.number().is_none() => continue,
            20 => g.node(Op::Slice(Axis::Cols, Dim::ONE, Dim::of(2)), &[a]),
            21 => g.node(Op::Place(Axis::Cols, Dim::ONE, Dim::of(6)), &[a]),
            22 => g.node(Op::Concat(Axis::Rows), &[a, c]),
            23 => g.node(Op::Concat(Axis::Cols), &[a, c]),
            24 => {
                let size = g.size(b);
                let two = g.number(2.0);
                let more = g.elementwise(Op::Add, &[size, two]).unwrap();
                g.elementwise(Op::Div, &[a, more])
            }
            25 => {
                // Only on leaves: near a tie two executors may differ.
                let (x, y) = (leaves[i as usize % leaves.len()], leaves[j as usize % leaves.len()]);
                let op = if j % 2 == 0 { Op::Greater } else { Op::GreaterEqual };
                g.elementwise(op, &[x, y])
            }
            26 => {
                let square = g.elementwise(Op::Mul, &[a, a]).unwrap();
                let half = g.number(0.5);
                let positive = g.elementwise(Op::Add, &[square, half]).unwrap();
                g.node([Op::Log, Op::Sqrt, Op::Erf][j as usize % 3], &[positive])
            }
            _ => {
                let axis = if j % 2 == 0 { Axis::Rows } else { Axis::Cols };
                let whole = if axis == Axis::Rows { shape.rows } else { shape.cols };
                let Some(total) = whole.times(Dim::of(2)) else { continue };
                let placed = g.node(Op::Place(axis, whole, total), &[a]);
                placed.and_then(|p| g.node(Op::Slice(axis, whole, whole), &[p]))
            }
        };
        let Ok(made) = made else { continue };
        // No more than two factors of B, and nothing that explodes.
        let shape = page.graph.shape(made);
        let size = shape.size().and_then(|s| s.evaluate(&|_| Some(7)));
        if size.is_some_and(|s| s <= 2000) && (!smooth || choice % 28 != 25) {
            let big = size.is_some_and(|s| s > 500);
            nodes.push(if big { page.graph.node(Op::Tanh, &[made]).unwrap() } else { made });
        }
    }
    (page, nodes)
}

fn check<T: matgrad_run::real::Real>(
    choices: &[Choice],
    picks: &[u16],
    smooth: bool,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let (page, nodes) = page(choices, smooth);
    let mut outputs: Vec<NodeId> =
        picks.iter().map(|&p| nodes[nodes.len() - 1 - p as usize % nodes.len()]).collect();
    outputs.push(nodes[nodes.len() - 1]);
    outputs.dedup();
    // Each variable that has nodes of its shape gets one of them.
    let mut updates = Vec::new();
    for (i, &variable) in page.variables.iter().enumerate() {
        let shape = page.graph.shape(variable);
        let fitting: Vec<NodeId> =
            nodes.iter().copied().filter(|&n| page.graph.shape(n) == shape).collect();
        let pick = picks[i % picks.len()] as usize;
        if !pick.is_multiple_of(4) {
            updates.push((variable, fitting[pick % fitting.len()]));
        }
    }
    page.compare::<T>(&outputs, &updates, tolerance).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn double_agrees_with_meaning(
        choices in prop::collection::vec(any::<Choice>(), 1..40),
        picks in prop::collection::vec(any::<u16>(), 1..8),
    ) {
        check::<f64>(&choices, &picks, false, 1e-10)?;
    }

    #[test]
    fn single_agrees_with_meaning(
        choices in prop::collection::vec(any::<Choice>(), 1..20),
        picks in prop::collection::vec(any::<u16>(), 1..8),
    ) {
        check::<f32>(&choices, &picks, true, 1e-3)?;
    }
}
