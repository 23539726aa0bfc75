//! Published figures, through training itself.

use matgrad::expr::matrix::Matrix;
use matgrad::{FitOptions, Network, Precision, UpdateRule};

#[test]
fn ten_thousand_updates_of_the_two_neuron_example() {
    let page = include_str!("../../../examples/two-layers.eq");
    let network = Network::parse("two-layers.eq", page).unwrap_or_else(|e| panic!("{e}"));
    let weights = network.initial(0).expect("all have numbers");
    let x = Matrix::new(1, 2, vec![0.05, 0.10]);
    let y = Matrix::new(1, 2, vec![0.01, 0.99]);
    let options = FitOptions {
        rule: UpdateRule::named("sgd").expect("in the library"),
        settings: vec![("lr".into(), 0.5)],
        epochs: 10_001,
        batch: None,
        seed: 0,
        precision: Precision::F64,
        patience: None,
    };
    let fit = network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
    // An epoch shows the loss before its update.
    let losses: Vec<f64> = fit.map(|e| e.expect("it trains").train_loss).collect();
    assert!((losses[0] - 0.298_371_109).abs() < 5e-10);
    assert!((losses[1] - 0.291_027_774).abs() < 5e-9);
    assert!((losses[10_000] - 3.510_187_782_978_851e-5).abs() < 1e-13, "{:e}", losses[10_000]);
}

#[test]
fn a_fit_is_the_same_each_time() {
    let text = Network::layers(3, 2).dense(5).loss("cross_entropy").weight_decay(0.01).equations();
    let network = Network::parse("layers", &text).unwrap_or_else(|e| panic!("{e}"));
    let x = Matrix::from_fn(20, 3, |i, j| ((i * 3 + j) as f64).sin());
    let y = Matrix::from_fn(20, 2, |i, j| f64::from(u8::from(i % 2 == j)));
    let options = FitOptions {
        rule: UpdateRule::named("adam").expect("in the library"),
        settings: Vec::new(),
        epochs: 5,
        batch: Some(6),
        seed: 3,
        precision: Precision::F32,
        patience: None,
    };
    let train = || {
        let weights = network.initial(3).expect("all have numbers");
        let mut fit =
            network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
        assert!(fit.by_ref().all(|e| e.is_ok()));
        fit.weights().expect("readable")
    };
    let (a, b) = (train(), train());
    assert!(a.iter().zip(&b).all(|(a, b)| a.1.data == b.1.data));
}
