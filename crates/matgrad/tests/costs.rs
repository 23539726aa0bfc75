//! Weights and costs, through training itself.

use matgrad::expr::matrix::Matrix;
use matgrad::library::standard;
use matgrad::{Costs, Evaluator, FitOptions, Link, Network, Precision, Solver, UpdateRule};

fn network(loss: &str, weights: Option<usize>) -> Network {
    let mut layers = Network::layers(3, 2).dense(4).loss(loss).weight_decay(0.01);
    if let Some(columns) = weights {
        layers = layers.row_weights(columns);
    }
    if loss == "expected_cost" {
        layers = layers.costs(&Matrix::new(2, 2, vec![0.0, 1.0, 5.0, 0.0]));
    }
    Network::parse("layers", &layers.equations()).unwrap_or_else(|e| panic!("{loss}: {e}"))
}

fn table(rows: usize) -> (Matrix, Matrix) {
    let x = Matrix::from_fn(rows, 3, |i, j| ((i * 3 + j) as f64).sin());
    let y = Matrix::from_fn(rows, 2, |i, j| f64::from(u8::from((i * i) % 3 % 2 == j)));
    (x, y)
}

fn weights(
    network: &Network,
    (x, y): &(Matrix, Matrix),
    s: Option<&Matrix>,
    batch: Option<usize>,
) -> Vec<Matrix> {
    let options = FitOptions {
        epochs: 6,
        batch,
        ..FitOptions::new(UpdateRule::named("adam").expect("known"))
    };
    let initial = network.initial(3).expect("all have numbers");
    let mut fit = network.fit(&initial, (x, y), None, &options).unwrap_or_else(|e| panic!("{e}"));
    if let Some(s) = s {
        fit = fit.weighted(s, None).unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(fit.by_ref().all(|e| e.is_ok()));
    fit.weights().expect("readable").into_iter().map(|(_, w)| w).collect()
}

#[test]
fn weight_zero_is_the_row_left_out_to_the_bit() {
    let network = network("cross_entropy", Some(1));
    let (x, y) = table(23);
    let s = Matrix::from_fn(23, 1, |i, _| if i % 4 == 1 { 0.0 } else { 1.0 + i as f64 });
    let kept: Vec<usize> = (0..23).filter(|i| i % 4 != 1).collect();
    let fewer = (x.select_rows(&kept), y.select_rows(&kept));
    for batch in [None, Some(5)] {
        let zero = weights(&network, &(x.clone(), y.clone()), Some(&s), batch);
        assert_eq!(zero, weights(&network, &fewer, Some(&s.select_rows(&kept)), batch));
        assert_ne!(zero, weights(&network, &(x.clone(), y.clone()), None, batch));
    }
}

/// Each loss is the sum of what its rows add to it, over their number.
#[test]
fn weights_of_one_change_no_loss() {
    let losses = standard().functions.iter().filter_map(|f| f.name.text.strip_suffix("_each"));
    let mut count = 0;
    for loss in losses {
        let (x, y) = table(7);
        let measured = |network: &Network| {
            let mut e = Evaluator::new(network, 7, Precision::F64).expect(loss);
            let initial = network.initial(1).expect(loss);
            e.weights(initial.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect(loss);
            e.run(&x, Some(&y)).expect(loss)
        };
        let plain = measured(&network(loss, None));
        for columns in [1, 2] {
            // What a row adds as a whole has no part for each target.
            if columns == 2 && matches!(loss, "cross_entropy" | "expected_cost") {
                continue;
            }
            let weighted = measured(&network(loss, Some(columns)));
            assert!((plain.1 - weighted.1).abs() < 1e-14, "{loss}: {} {}", plain.1, weighted.1);
            assert_eq!(plain.0, weighted.0, "{loss}");
        }
        count += 1;
    }
    assert!(count >= 8);
}

#[test]
fn the_equations_show_weights_and_costs() {
    let layers = Network::layers(2, 2).loss("expected_cost").row_weights(1).label_smoothing(0.1);
    let page = layers.costs(&Matrix::new(2, 2, vec![0.0, 1.0, 5.0, 0.0])).equations();
    expect_test::expect![[r#"
        input X : B×2
        target Y : B×2
        input S : B×1
        const C : 2×2 = [0 1; 5 0]
        param W₁ : 2×2 ~ glorot
        param b₁ : 1×2 = 0
        Z₁ = X W₁ + b₁
        T = 0.9 Y + 0.1 / 2
        L = sum(S ⊙ expected_cost_each(Z₁, T, C)) / rows(Z₁)
        minimize L
    "#]]
    .assert_eq(&page);
    let network = Network::parse("page", &page).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(network.link, Link::Softmax);
}

/// A fit where a third of one target is missing finds what the other rows say of it.
#[test]
fn a_missing_target_adds_no_error() {
    let layers = Network::layers(2, 2).loss("mse").row_weights(2);
    let network = Network::parse("layers", &layers.equations()).expect("a page");
    let x = Matrix::from_fn(30, 2, |i, j| ((i * 2 + j) as f64).sin());
    let y = Matrix::from_fn(30, 2, |i, j| 1.0 + x.at(i, 0) * (2.0 + j as f64) - x.at(i, 1));
    let mut masked = y.clone();
    (0..30).step_by(3).for_each(|i| masked.data[2 * i + 1] = f64::NAN);
    let s = Costs::default().weigh(&mut masked, None).expect("some are missing");
    let options = FitOptions { epochs: 50, ..FitOptions::new(Solver::Lbfgs) };
    let initial = network.initial(0).expect("all are drawn");
    let fit = network.fit(&initial, (&x, &masked), None, &options).expect("it fits");
    let mut fit = fit.weighted(&s, None).expect("one weight a target");
    assert!(fit.by_ref().all(|e| e.is_ok()));
    let mut evaluator = Evaluator::new(&network, 30, Precision::F64).expect("it plans");
    let weights = fit.weights().expect("readable");
    evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("its own");
    let found = evaluator.run(&x, None).expect("it runs").0;
    assert!(found.data.iter().zip(&y.data).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
}

/// The targets (1 − ε) Y + ε / K hold probabilities of separable rows at 1 − ε + ε / K.
#[test]
fn smoothed_labels_bound_what_is_predicted() {
    let layers = Network::layers(1, 2).loss("cross_entropy").label_smoothing(0.2);
    let network = Network::parse("layers", &layers.equations()).expect("a page");
    let x = Matrix::new(2, 1, vec![-1.0, 1.0]);
    let y = Matrix::new(2, 2, vec![1.0, 0.0, 0.0, 1.0]);
    let options = FitOptions { epochs: 50, ..FitOptions::new(Solver::Lbfgs) };
    let initial = network.initial(0).expect("all are drawn");
    let mut fit = network.fit(&initial, (&x, &y), None, &options).expect("it fits");
    assert!(fit.by_ref().all(|e| e.is_ok()));
    let mut evaluator = Evaluator::new(&network, 2, Precision::F64).expect("it plans");
    let weights = fit.weights().expect("readable");
    evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("its own");
    let found = evaluator.run(&x, None).expect("it runs").0;
    assert!((found.at(0, 0) - 0.9).abs() < 1e-6 && (found.at(1, 1) - 0.9).abs() < 1e-6);
}

/// Noise on the inputs is drawn anew in each step of training, and not in use. Of a linear network
/// it does what a weight decay of its variance does (Bishop 1995): with inputs of variance 1 and
/// noise of variance 1 the slope is half.
#[test]
fn noise_on_the_inputs_shrinks_the_slope() {
    let layers = Network::layers(1, 1).noise(1.0).loss("mse");
    let page = layers.equations();
    assert!(page.contains("G₁ = gaussian_noise(X, 1.0)\n"), "{page}");
    let network = Network::parse("layers", &page).unwrap_or_else(|e| panic!("{e}"));
    let x = Matrix::from_fn(2000, 1, |i, _| if i % 2 == 0 { 1.0 } else { -1.0 });
    let rule = UpdateRule::named("adam").expect("in the library");
    let settings = vec![("lr".into(), 0.01)];
    let options = FitOptions { epochs: 400, settings, ..FitOptions::new(rule) };
    let initial = network.initial(0).expect("all are drawn");
    let mut fit = network.fit(&initial, (&x, &x), None, &options).expect("it fits");
    let losses: Vec<f64> = fit.by_ref().map(|e| e.expect("it trains").train_loss).collect();
    assert!(losses.windows(2).all(|pair| pair[0] != pair[1]), "each step has its own noise");
    let mut evaluator = Evaluator::new(&network, 2, Precision::F64).expect("it plans");
    let weights = fit.weights().expect("readable");
    evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("its own");
    let found = evaluator.run(&x.select_rows(&[0, 1]), None).expect("it runs").0;
    assert!((found.at(0, 0) - found.at(1, 0) - 1.0).abs() < 0.1, "{found:?}");
}

#[test]
fn missing_targets_weigh_nothing() {
    let costs = Costs::default();
    let nan = f64::NAN;
    let mut y = Matrix::new(3, 2, vec![1.0, 2.0, nan, 3.0, nan, nan]);
    let s = costs.weigh(&mut y, Some(&[2.0, 3.0, 4.0])).expect("some are missing");
    assert_eq!(s, Matrix::new(3, 2, vec![2.0, 2.0, 0.0, 3.0, 0.0, 0.0]));
    assert_eq!(y.data, [1.0, 2.0, 0.0, 3.0, 0.0, 0.0]);
    let known = Costs { class_weights: Some(vec![1.0, 5.0]), ..Costs::default() };
    let mut y = Matrix::new(2, 2, vec![1.0, 0.0, 0.0, 1.0]);
    assert_eq!(known.weigh(&mut y, None).map(|s| s.data), Some(vec![1.0, 5.0]));
    assert_eq!(Costs::from_json(&known.to_json()).expect("its own"), known);
}
