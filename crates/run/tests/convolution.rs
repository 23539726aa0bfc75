//! Products with unfolded pictures: the three of a convolution, which read pictures in place.

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::NodeId;
use matgrad_expr::op::{Axis, Op};
use matgrad_expr::window::Window;
use matgrad_plan::convolution::Kind;
use matgrad_plan::instruction::Instruction;
use matgrad_run::machine::Machine;
use matgrad_run::simd::Isa;

use crate::build::{CAPACITY, Page};

const PLAIN: Window = Window { picture: [6, 7, 2], size: [3, 2], ..Window::ONE };

/// Windows of all kinds that have one group.
const WINDOWS: [Window; 20] = [
    PLAIN,
    Window { pad: [1, 0, 2, 1], ..PLAIN },
    Window { stride: [2, 3], pad: [0, 1, 1, 2], ..PLAIN },
    Window { dilation: [2, 3], pad: [2, 1, 0, 3], ..PLAIN },
    Window { stride: [3, 2], dilation: [2, 3], pad: [2, 3, 2, 3], ..PLAIN },
    Window { picture: [5, 4, 9], size: [1, 1], stride: [2, 2], ..PLAIN },
    Window { picture: [4, 30, 1], size: [2, 5], pad: [1, 2, 1, 2], ..PLAIN },
    // More lines see a pixel than are added up at once.
    Window { picture: [14, 5, 3], size: [12, 2], pad: [3, 0, 4, 1], ..PLAIN },
    // As large as the picture, and moving by more than its size.
    Window { picture: [3, 3, 4], size: [3, 3], pad: [1, 1, 1, 1], ..PLAIN },
    Window { picture: [9, 9, 1], size: [2, 2], stride: [4, 3], ..PLAIN },
    // A pixel for every channel of the result.
    Window { picture: [9, 21, 1], size: [5, 5], ..PLAIN },
    Window { picture: [7, 12, 1], size: [3, 3], pad: [1, 2, 0, 1], ..PLAIN },
    // What a place sees fills vectors.
    Window { picture: [7, 8, 6], size: [5, 5], ..PLAIN },
    Window { picture: [4, 5, 8], size: [3, 2], pad: [1, 0, 0, 1], ..PLAIN },
    // Lines of a vector and half of one, for numbers of either size.
    Window { picture: [7, 28, 1], size: [5, 5], ..PLAIN },
    Window { picture: [6, 14, 1], size: [3, 3], ..PLAIN },
    // Short lines, of which some are taken together.
    Window { picture: [9, 6, 2], size: [3, 3], ..PLAIN },
    Window { picture: [6, 8, 2], size: [3, 3], pad: [1, 0, 0, 0], ..PLAIN },
    Window { picture: [5, 9, 3], size: [3, 3], ..PLAIN },
    Window { picture: [6, 8, 3], size: [3, 1], ..PLAIN },
];

/// tanh(unfold(X) K), the gradients for K and X of what has a given one here, which may be zero for
/// the most part, and what to update.
struct Net {
    page: Page,
    outputs: [NodeId; 2],
    updates: Vec<(NodeId, NodeId)>,
}

fn net(window: Window, channels: u64, sparse: bool) -> Net {
    let mut page = Page::new();
    let b = page.b();
    let columns = (window.taps() * window.channels()) as u64;
    let x = page.variable(b, Dim::of(window.columns() as u64));
    let k = page.variable(Dim::of(columns), Dim::of(channels));
    let places = b.times(Dim::of(window.places() as u64)).unwrap();
    let mut delta = page.variable(places, Dim::of(channels));
    for _ in 0..if sparse { 3 } else { 0 } {
        let other = page.variable(places, Dim::of(channels));
        let is_larger = page.graph.elementwise(Op::Greater, &[delta, other]).unwrap();
        delta = page.graph.elementwise(Op::Mul, &[delta, is_larger]).unwrap();
    }
    let g = &mut page.graph;
    let unfolded = g.node(Op::Unfold(window), &[x]).unwrap();
    let z = g.node(Op::MatMul, &[unfolded, k]).unwrap();
    let a = g.node(Op::Tanh, &[z]).unwrap();
    let back = g.node(Op::Transpose, &[unfolded]).unwrap();
    let kernel = g.node(Op::MatMul, &[back, delta]).unwrap();
    let next = g.elementwise(Op::Add, &[k, kernel]).unwrap();
    let kt = g.node(Op::Transpose, &[k]).unwrap();
    let spread = g.node(Op::MatMul, &[delta, kt]).unwrap();
    let pictures = g.node(Op::Fold(window), &[spread]).unwrap();
    let pictures = g.elementwise(Op::Mul, &[pictures, x]).unwrap();
    Net { page, outputs: [a, pictures], updates: vec![(k, next)] }
}

#[test]
fn all_windows() {
    for window in WINDOWS {
        for (channels, sparse) in
            [1, 2, 3, 4, 5, 6, 8, 13, 16, 35].into_iter().zip([false, false, true].iter().cycle())
        {
            let Net { page, outputs, updates } = net(window, channels, *sparse);
            let program = page.plan(&outputs, &updates);
            let kinds: Vec<Kind> = program.instructions().iter().filter_map(kind).collect();
            assert_eq!(kinds, [Kind::Forward, Kind::Pictures, Kind::Kernel], "{program}");
            let of = |e| panic!("{window:?}, {channels}: {e}");
            page.compare::<f64>(&outputs, &updates, 1e-12).unwrap_or_else(of);
            page.compare::<f32>(&outputs, &updates, 1e-4).unwrap_or_else(of);
        }
    }
}

fn kind(instruction: &Instruction) -> Option<Kind> {
    match instruction {
        Instruction::Convolution(convolution) => Some(convolution.kind),
        _ => None,
    }
}

#[test]
fn groups() {
    let window = Window { picture: [5, 6, 6], size: [2, 3], pad: [1; 4], groups: 3, ..Window::ONE };
    let mut page = Page::new();
    let b = page.b();
    let x = page.variable(b, Dim::of(window.columns() as u64));
    let unfolded = page.graph.node(Op::Unfold(window), &[x]).unwrap();
    let each = (window.taps() * 2) as u64;
    let mut outputs = Vec::new();
    for group in 0..3 {
        let k = page.variable(Dim::of(each), Dim::of(4));
        let delta = page.variable(b.times(Dim::of(window.places() as u64)).unwrap(), Dim::of(12));
        let g = &mut page.graph;
        let cols = |start, length| Op::Slice(Axis::Cols, Dim::of(start), Dim::of(length));
        let part = g.node(cols(group * each, each), &[unfolded]).unwrap();
        outputs.push(g.node(Op::MatMul, &[part, k]).unwrap());
        let back = g.node(Op::Transpose, &[part]).unwrap();
        let some = g.node(cols(group * 4, 4), &[delta]).unwrap();
        outputs.push(g.node(Op::MatMul, &[back, some]).unwrap());
    }
    let program = page.plan(&outputs, &[]);
    assert_eq!(program.instructions().iter().filter_map(kind).count(), 6, "{program}");
    page.compare::<f64>(&outputs, &[], 1e-12).unwrap();
}

/// Of equal entries the first one is the largest, and a NaN is larger than all: signs are equal more
/// often than not, and the logarithm of a negative number is none.
#[test]
fn the_largest_among_equals_and_without_numbers() {
    let pool = Window { picture: [6, 8, 5], size: [2, 2], stride: [2, 2], ..Window::ONE };
    let apart = Window { size: [3, 2], stride: [3, 3], pad: [1, 0, 2, 1], ..pool };
    let others = [Window { stride: [1, 1], pad: [1; 4], ..pool }, apart];
    // More pixels than places see, and some channels of a vector, a whole one and more.
    let sizes = [[7, 9, 1], [4, 7, 2], [5, 4, 3], [24, 24, 6], [4, 6, 8], [3, 5, 16], [4, 4, 37]];
    let pools = sizes.map(|picture| Window { picture, ..pool });
    for window in others.into_iter().chain([pool]).chain(pools) {
        for op in [Op::Sign, Op::Log, Op::Tanh] {
            let mut page = Page::new();
            let b = page.b();
            let x = page.variable(b, Dim::of(window.columns() as u64));
            let pooled = (window.places() * window.channels()) as u64;
            let a = page.variable(b, Dim::of(pooled));
            let g = &mut page.graph;
            let x = g.node(op, &[x]).unwrap();
            let most = g.node(Op::MaxPool(window), &[x]).unwrap();
            let back = g.node(Op::Unpool(window), &[a, x]).unwrap();
            let picked = g.node(Op::Pick(window), &[back, x]).unwrap();
            // As behind a relu.
            let twice = g.elementwise(Op::Add, &[a, a]).unwrap();
            let spread = g.node(Op::Unpool(window), &[twice, x]).unwrap();
            let zero = g.number(0.0);
            let is_positive = g.elementwise(Op::Greater, &[x, zero]).unwrap();
            let gated = g.elementwise(Op::Mul, &[spread, is_positive]).unwrap();
            let outputs = [most, back, picked, gated];
            let of = |e| panic!("{window:?}, {op:?}: {e}");
            page.compare::<f64>(&outputs, &[], 1e-12).unwrap_or_else(of);
            page.compare::<f32>(&outputs, &[], 1e-5).unwrap_or_else(of);
        }
    }
}

/// Zeros far around a picture are not laid out, nor lines that there are not.
#[test]
fn a_window_far_apart_takes_little_memory() {
    let far = Window { size: [2; 2], dilation: [30_000; 2], pad: [15_000; 4], ..PLAIN };
    let Net { page, outputs, updates } = net(far, 3, false);
    let program = page.plan(&outputs, &updates);
    let kinds: Vec<Kind> = program.instructions().iter().filter_map(kind).collect();
    assert_eq!(kinds, [Kind::Pictures], "{program}");
    page.compare::<f64>(&outputs, &updates, 1e-12).unwrap();
}

/// Unfolded pictures that something else reads too are there.
#[test]
fn what_else_is_read() {
    let mut page = Page::new();
    let b = page.b();
    let x = page.variable(b, Dim::of(PLAIN.columns() as u64));
    let k = page.variable(Dim::of(12), Dim::of(3));
    let g = &mut page.graph;
    let unfolded = g.node(Op::Unfold(PLAIN), &[x]).unwrap();
    let z = g.node(Op::MatMul, &[unfolded, k]).unwrap();
    let twice = g.elementwise(Op::Add, &[unfolded, unfolded]).unwrap();
    let part = g.node(Op::Slice(Axis::Cols, Dim::ONE, Dim::of(12 - 1)), &[unfolded]).unwrap();
    let one = g.number(1.0);
    let ones = g.spread(one, Shape::new(Dim::of(11), Dim::of(2)));
    let sums = g.node(Op::MatMul, &[part, ones.unwrap()]).unwrap();
    for outputs in [vec![z, twice], vec![z, unfolded], vec![z, sums]] {
        let program = page.plan(&outputs, &[]);
        assert!(program.instructions().iter().all(|i| kind(i).is_none()), "{program}");
        page.compare::<f64>(&outputs, &[], 1e-12).unwrap();
    }
}

/// With all instructions that this machine has the same but for rounding, and with any number of
/// threads to the bit.
#[test]
fn instructions_and_threads() {
    let large = Window { picture: [40, 41, 3], size: [5, 4], pad: [2, 1, 2, 2], ..Window::ONE };
    // Its kernel is too large for a sum over every few pictures.
    let deep = Window { picture: [7, 6, 40], size: [5, 5], ..Window::ONE };
    let windows = [large, deep].into_iter().chain(WINDOWS);
    for (window, channels) in windows.flat_map(|window| [(window, 6), (window, 18)]) {
        let Net { page, outputs, updates } = net(window, channels, channels == 18);
        let program = page.plan(&outputs, &updates);
        let kernel = window.taps() * window.channels() * channels as usize;
        let last = program.bands().last().is_some_and(|b| b.end == program.instructions().len());
        assert_eq!(last, kernel <= 1 << 14, "{program}");
        let bindings = page.bindings(CAPACITY, 1);
        let mut results = Vec::new();
        for isa in Isa::available() {
            let bits = [1, 2, 3].map(|threads| {
                let mut machine = Machine::<f32>::new(program.clone());
                machine.set_threads(threads);
                machine.set_isa(isa);
                for &id in &page.variables {
                    machine.write(id, &bindings.values[&id].data).unwrap();
                }
                machine.step();
                let mut all = machine.read(updates[0].0).unwrap();
                all.extend(outputs.iter().flat_map(|&id| machine.read(id).unwrap()));
                all
            });
            assert!(bits[0] == bits[1] && bits[0] == bits[2], "{window:?}, {isa:?}");
            results.extend(bits.into_iter().next());
        }
        for result in &results {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-4 * a.abs().max(1.0);
            assert!(result.iter().zip(&results[0]).all(near), "{window:?}, {channels}");
        }
    }
}
