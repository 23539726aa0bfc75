//! Published figures, through training itself.

use matgrad::expr::matrix::Matrix;
use matgrad::{Around, Clip, FitOptions, Network, Precision, UpdateRule};

#[test]
fn ten_thousand_updates_of_the_two_neuron_example() {
    let page = include_str!("../../../examples/two-layers.eq");
    let network = Network::parse("two-layers.eq", page).unwrap_or_else(|e| panic!("{e}"));
    let weights = network.initial(0).expect("all have numbers");
    let x = Matrix::new(1, 2, vec![0.05, 0.10]);
    let y = Matrix::new(1, 2, vec![0.01, 0.99]);
    let options = FitOptions {
        settings: vec![("lr".into(), 0.5)],
        epochs: 10_001,
        precision: Precision::F64,
        ..FitOptions::new(UpdateRule::named("sgd").expect("in the library"))
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
        epochs: 5,
        batch: Some(6),
        seed: 3,
        ..FitOptions::new(UpdateRule::named("adam").expect("in the library"))
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

/// A small network with its rows.
fn small() -> (Network, Matrix, Matrix) {
    let text = Network::layers(3, 2).dense(5).loss("cross_entropy").weight_decay(0.01).equations();
    let network = Network::parse("layers", &text).unwrap_or_else(|e| panic!("{e}"));
    let x = Matrix::from_fn(20, 3, |i, j| ((i * 3 + j) as f64).sin());
    let y = Matrix::from_fn(20, 2, |i, j| f64::from(u8::from(i % 2 == j)));
    (network, x, y)
}

#[test]
fn a_resumed_fit_has_the_bits_of_one_never_stopped_for_every_rule() {
    let (network, x, y) = small();
    let weights = network.initial(3).expect("all have numbers");
    let rules = &matgrad::library::standard().optimizers;
    assert!(rules.len() >= 11);
    for rule in rules {
        for (batch, schedule) in [(None, "constant"), (Some(6), "plateau:2:0.5")] {
            let options = FitOptions {
                epochs: 9,
                batch,
                schedule: schedule.parse().expect("a schedule"),
                warmup: 3,
                ..FitOptions::new(UpdateRule::named(&rule.name.text).expect("in the library"))
            };
            let begin = || {
                network
                    .fit(&weights, (&x, &y), Some((&x, &y)), &options)
                    .unwrap_or_else(|e| panic!("{e}"))
            };
            let mut whole = begin();
            let losses: Vec<f64> =
                whole.by_ref().map(|e| e.expect("it trains").train_loss).collect();
            let mut part = begin();
            (0..4).for_each(|_| drop(part.next()));
            let kept = part.checkpoint().expect("readable");
            let again = matgrad::Checkpoint {
                weights: kept.weights.clone(),
                states: kept.states.clone(),
                order: kept.order.clone(),
                best: kept.best.clone(),
                ..matgrad::Checkpoint::from_json(&kept.to_json()).expect("its own JSON")
            };
            assert_eq!(again, kept);
            let mut resumed = begin();
            resumed.restore(&again).expect("it fits");
            let rest: Vec<f64> =
                resumed.by_ref().map(|e| e.expect("it trains").train_loss).collect();
            assert_eq!(rest, losses[4..], "{}", rule.name.text);
            assert_eq!(
                resumed.checkpoint().expect("readable"),
                whole.checkpoint().expect("readable")
            );
        }
    }
}

#[test]
fn a_value_that_is_not_finite_is_located_and_the_last_good_weights_stay() {
    let (network, x, y) = small();
    let weights = network.initial(3).expect("all have numbers");
    let options = FitOptions {
        settings: vec![("lr".into(), 1e300)],
        epochs: 50,
        batch: Some(6),
        precision: Precision::F64,
        ..FitOptions::new(UpdateRule::named("sgd").expect("in the library"))
    };
    let mut fit = network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
    let error = fit.by_ref().find_map(Result::err).expect("it cannot go well").to_string();
    for words in ["epoch 1, batch 2", "R[1, 1] is inf, the first that is not finite", "lr="] {
        assert!(error.contains(words), "{error}");
    }
    let kept = fit.weights().expect("readable");
    assert!(kept.iter().all(|(_, m)| m.data.iter().all(|x| x.is_finite())), "{error}");

    let mut missing = x.clone();
    missing.data[7 * 3 + 1] = f64::NAN;
    let options = FitOptions { settings: Vec::new(), batch: None, ..options };
    let mut fit =
        network.fit(&weights, (&missing, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
    let error = fit.by_ref().find_map(Result::err).expect("it cannot go well").to_string();
    assert!(error.contains("X[8, 2] is NaN") && error.contains("row 8 of"), "{error}");
}

#[test]
fn clipping_bounds_what_a_step_does() {
    let (network, x, y) = small();
    let weights = network.initial(3).expect("all have numbers");
    let moved = |clip| {
        let options = FitOptions {
            settings: vec![("lr".into(), 1.0)],
            epochs: 1,
            precision: Precision::F64,
            around: Around { clip, ..Around::default() },
            ..FitOptions::new(UpdateRule::named("sgd").expect("in the library"))
        };
        let mut fit =
            network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
        assert!(fit.by_ref().all(|e| e.is_ok()));
        let after = fit.weights().expect("readable");
        let steps = weights.iter().zip(after).flat_map(|((_, a), (_, b))| {
            a.data.iter().zip(b.data).map(|(a, b)| a - b).collect::<Vec<_>>()
        });
        steps.collect::<Vec<f64>>()
    };
    let free = moved(Clip::None);
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let largest = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let bound = norm(&free) / 3.0;
    let clipped = moved(Clip::Norm(bound));
    assert!((norm(&clipped) - bound).abs() < 1e-12 * bound);
    assert!(free.iter().zip(&clipped).all(|(a, b)| (a - 3.0 * b).abs() < 1e-12));
    let bound = largest(&free) / 2.0;
    assert!((largest(&moved(Clip::Value(bound))) - bound).abs() < 1e-12);
    assert_eq!(moved(Clip::Value(1e9)), free);
}

#[test]
fn a_penalty_is_not_taken_for_the_output() {
    let text = Network::layers(3, 2).dense(5).weight_decay(0.01).l1(0.001).equations();
    assert!(text.contains("R = 0.005 (sum(W₁ .^ 2) + sum(W₂ .^ 2)) + 0.001 (sum(abs(W₁)) +"));
    let network = Network::parse("layers", &text).unwrap_or_else(|e| panic!("{e}"));
    let name = network.equations.graph.name(network.output).map(|n| n.text.as_str());
    assert_eq!(name, Some("Z₂"));
}

#[test]
fn weights_are_shrunk_after_any_rule() {
    let (network, x, y) = small();
    let weights = network.initial(3).expect("all have numbers");
    let after = |around| {
        let options = FitOptions {
            settings: vec![("lr".into(), 0.1)],
            epochs: 1,
            precision: Precision::F64,
            around,
            ..FitOptions::new(UpdateRule::named("adam").expect("in the library"))
        };
        let mut fit =
            network.fit(&weights, (&x, &y), None, &options).unwrap_or_else(|e| panic!("{e}"));
        assert!(fit.by_ref().all(|e| e.is_ok()));
        fit.weights().expect("readable")
    };
    let plain = after(Around::default());
    let decayed = after(Around { decay: 0.5, ..Around::default() });
    let bounded = after(Around { max_norm: Some(0.3), ..Around::default() });
    for (k, (_, old)) in weights.iter().enumerate() {
        let (plain, decayed, bounded) = (&plain[k].1, &decayed[k].1, &bounded[k].1);
        let share = if old.rows > 1 { 0.1 * 0.5 } else { 0.0 };
        for (i, old) in old.data.iter().enumerate() {
            assert!((decayed.data[i] - (plain.data[i] - share * old)).abs() < 1e-15);
        }
        for j in 0..old.cols {
            let norm = |m: &Matrix| (0..m.rows).map(|i| m.at(i, j).powi(2)).sum::<f64>().sqrt();
            let most = if old.rows > 1 { norm(plain).min(0.3) } else { norm(plain) };
            assert!((norm(bounded) - most).abs() < 1e-14, "{} {most}", norm(bounded));
        }
    }
    let options = FitOptions {
        around: Around { decay: 0.5, ..Around::default() },
        ..FitOptions::new(UpdateRule::named("rprop").expect("in the library"))
    };
    let error = network.fit(&weights, (&x, &y), None, &options).err().expect("it is refused");
    assert!(error.to_string().contains("rprop has no learning rate"), "{error}");
}
