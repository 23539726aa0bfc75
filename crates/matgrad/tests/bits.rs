//! The same bits from any capacity, any number of threads, and run to run.

use matgrad::expr::matrix::Matrix;
use matgrad::{Around, Batch, Evaluator, FitOptions, Network, Precision, TrainingStep, UpdateRule};

fn network(layers: matgrad::Layers) -> Network {
    Network::parse("layers", &layers.loss("cross_entropy").weight_decay(0.01).equations())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn table(rows: usize, inputs: usize, outputs: usize) -> (Matrix, Matrix) {
    let x = Matrix::from_fn(rows, inputs, |i, j| ((i * inputs + j) as f64 * 0.37).sin());
    (x, Matrix::from_fn(rows, outputs, |i, j| f64::from(u8::from(i * i % outputs == j))))
}

/// The parameters after ten steps on these rows, of a program for up to `capacity` rows.
fn trained(network: &Network, capacity: usize, precision: Precision) -> Vec<Vec<f64>> {
    let (x, y) = table(37, 11, 3);
    let rule = UpdateRule::named("adam").expect("in the library");
    let batch = Batch { symbol: network.batch, rows: capacity, fixed: &[] };
    let around = Around::default();
    let (page, objective) = (&network.equations, network.objective);
    let mut step = TrainingStep::compile(page, objective, &rule, &[], batch, precision, around)
        .expect("plans");
    for (node, value) in network.initial(1).expect("all are drawn") {
        step.engine.write(node, &value.data).expect("its own");
    }
    step.engine.set_rows(37).expect("no more than the capacity");
    step.engine.write(network.input, &x.data).expect("its own");
    step.engine.write(network.target, &y.data).expect("its own");
    for _ in 0..10 {
        step.run().expect("it runs");
    }
    page.learnt().iter().map(|&p| step.engine.read(p).expect("readable")).collect()
}

#[test]
fn any_capacity_gives_the_same_bits() {
    let layers = Network::layers(11, 3).batch_norm().dense(40).dropout(0.3).dense(7).layer_norm();
    let network = network(layers);
    for precision in [Precision::F32, Precision::F64] {
        let tight = trained(&network, 37, precision);
        for capacity in [38, 64, 500, 4099] {
            assert!(trained(&network, capacity, precision) == tight, "{capacity} {precision:?}");
        }
    }
}

#[test]
fn rows_are_predicted_the_same_by_any_capacity() {
    let network = network(Network::layers(11, 3).dense(40).dense(7));
    let weights = network.initial(1).expect("all are drawn");
    let (x, _) = table(300, 11, 3);
    let predict = |capacity: usize, rows: &[usize]| {
        let mut evaluator = Evaluator::new(&network, capacity, Precision::F64).expect("it plans");
        evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("its own");
        evaluator.run(&x.select_rows(rows), None).expect("it runs").0
    };
    let all: Vec<usize> = (0..300).collect();
    for rows in [&all[5..6], &all[3..9], &all[100..231]] {
        let tight = predict(rows.len(), rows);
        for capacity in [rows.len() + 1, 300, 1000] {
            assert!(predict(capacity, rows) == tight, "{} of {capacity}", rows.len());
        }
    }
}

#[test]
fn threads_and_repetition_change_no_bit_of_a_fit() {
    let network = network(Network::layers(96, 5).dense(300).dense(200));
    let (x, y) = table(600, 96, 5);
    let initial = network.initial(4).expect("all are drawn");
    for batch in [None, Some(256)] {
        let fitted = |threads: usize| {
            let rule = UpdateRule::named("momentum").expect("in the library");
            let options = FitOptions { epochs: 3, batch, threads, ..FitOptions::new(rule) };
            let mut fit = network.fit(&initial, (&x, &y), None, &options).expect("it fits");
            let losses: Vec<f64> =
                fit.by_ref().map(|epoch| epoch.expect("it trains").train_loss).collect();
            (losses, fit.weights().expect("readable"))
        };
        let one = fitted(1);
        assert!(fitted(1) == one, "run to run, {batch:?}");
        assert!(fitted(2) == one, "two threads, {batch:?}");
    }
}
