//! A predictor serves eight threads at once, and a run allocates nothing.
#![allow(unsafe_code, reason = "a global allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use matgrad::expr::matrix::Matrix;
use matgrad::{Evaluator, Network, Precision, Predictor};

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all work is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn eight_threads_share_a_predictor_and_allocate_nothing() {
    let text = Network::layers(6, 3).dense(20).dense(9).loss("mse").equations();
    let network = Network::parse("layers", &text).unwrap_or_else(|e| panic!("{e}"));
    let weights = network.initial(1).expect("all are drawn");
    // 37 rows are two whole blocks of 16 and a rest.
    let x = Matrix::from_fn(37, 6, |i, j| ((i * 6 + j) as f64).sin());
    let y = Matrix::filled(37, 3, 0.0);
    let mut evaluator = Evaluator::new(&network, 37, Precision::F64).expect("it is planned");
    evaluator
        .weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice())))
        .expect("of these shapes");
    let (wanted, _) = evaluator.run(&x, Some(&y)).expect("rows of this width");

    let predictor = Predictor::<f64>::new(&network, &weights, 16).expect("it is planned");
    assert_eq!(predictor.widths(), (6, 3));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut session = predictor.session();
                let mut outputs = vec![0.0; 37 * 3];
                let before = CALLS.with(Cell::get);
                for _ in 0..50 {
                    session.run(&x.data, &mut outputs).expect("rows of this width");
                }
                assert_eq!(CALLS.with(Cell::get), before, "a run allocated");
                let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-13;
                assert!(!outputs.iter().zip(&wanted.data).any(far), "{outputs:?}");
            });
        }
    });
    let mut one = [0.0; 3];
    let error = predictor.session().run(&x.data, &mut one).expect_err("37 rows are not one");
    assert_eq!(error.to_string(), "222 numbers in and 3 out: a row has 6 inputs and 3 outputs");
}
