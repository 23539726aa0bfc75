//! Layers on pictures, and those that differ between training and use.

use std::io::Read;
use std::path::Path;

use expect_test::expect;
use matgrad::calculus::derive;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::{Convolution, Evaluator, FitOptions, Network, Precision, UpdateRule};

const CONVOLUTION: &str = include_str!("../../../examples/convolution.eq");

fn network(page: &str) -> Network {
    Network::parse("page.eq", page).unwrap_or_else(|e| panic!("{e}"))
}

fn train(network: &Network, data: (&Matrix, &Matrix), epochs: usize) -> Vec<(NodeId, Matrix)> {
    let options = FitOptions {
        epochs,
        batch: Some(25),
        settings: vec![("lr".into(), 0.01)],
        ..FitOptions::new(UpdateRule::named("adam").expect("in the library"))
    };
    let weights = network.initial(1).expect("all have numbers");
    let mut fit = network.fit(&weights, data, None, &options).unwrap_or_else(|e| panic!("{e}"));
    let failed = fit.by_ref().find_map(Result::err);
    assert!(failed.is_none(), "{failed:?}");
    fit.weights().expect("readable")
}

fn predict(network: &Network, weights: &[(NodeId, Matrix)], inputs: &Matrix) -> Matrix {
    let mut evaluator = Evaluator::new(network, inputs.rows, Precision::F64).expect("it plans");
    let each = weights.iter().map(|(n, m)| (*n, m.data.as_slice()));
    evaluator.weights(each).expect("the shapes are its own");
    evaluator.run(inputs, None).expect("it runs").0
}

fn accuracy(predictions: &Matrix, targets: &Matrix) -> f64 {
    let best = |row: &[f64]| (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j]));
    let right = (0..targets.rows).filter(|&i| best(predictions.row(i)) == best(targets.row(i)));
    right.count() as f64 / targets.rows as f64
}

/// The first pictures of MNIST with their digits, or a loud word that they are not there.
fn digits(part: &str, count: usize) -> Option<(Matrix, Matrix)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var("MATGRAD_SHARED").map_or(root.join("shared"), Into::into);
    let folder = shared.join("data/mnist");
    if !folder.is_dir() {
        eprintln!("NOT RUN: {} is absent; set MATGRAD_SHARED", folder.display());
        return None;
    }
    let read = |kind: &str, header: usize, length: usize| {
        let file = std::fs::File::open(folder.join(format!("{part}-{kind}-ubyte.gz")));
        let mut bytes = vec![0; header + length];
        let mut zipped = flate2::read::GzDecoder::new(file.expect("a file"));
        zipped.read_exact(&mut bytes).expect("as many as there are");
        bytes.split_off(header)
    };
    let pixels = read("images-idx3", 16, count * 784);
    let labels = read("labels-idx1", 8, count);
    let x = pixels.iter().map(|&p| f64::from(p) / 255.0).collect();
    let y = Matrix::from_fn(count, 10, |i, j| f64::from(u8::from(labels[i] as usize == j)));
    Some((Matrix::new(count, 784, x), y))
}

#[test]
fn the_backward_pass_of_a_convolution() {
    let network = network(CONVOLUTION);
    let equations = &network.equations;
    let parameters = equations.parameters();
    let derived = derive(&equations.graph, network.objective, &parameters);
    expect![[r#"
        ∂Z = (softmax(Z) - Y) / B                    B×10
        ∂Q = ∂Z Wᵀ                                   B×300
        ∂G = unpool(∂Q, G, 10×10×12, 2×2)            B×1200
        ∂D = reshape(∂G, 100·B×12) ⊙ (D > 0)         100·B×12
        ∂V = ∂D Mᵀ                                   100·B×54
        ∂P = fold(∂V, 12×12×6, 3×3)                  B×864
        ∂F = unpool(∂P, F, 24×24×6, 2×2)             B×3456
        ∂C = reshape(∂F, 576·B×6) ⊙ (C > 0)          576·B×6
        ∂K = Uᵀ ∂C                                   25×6
        ∂c = 𝟏ᵀ ∂C                                   1×6
        ∂M = Vᵀ ∂D                                   54×12
        ∂d = 𝟏ᵀ ∂D                                   1×12
        ∂W = Qᵀ ∂Z                                   300×10
        ∂b = 𝟏ᵀ ∂Z                                   1×10
    "#]]
    .assert_eq(&derived.expect("it derives").to_string());
}

#[test]
fn a_convolution_learns_digits() {
    let Some((x, y)) = digits("train", 500) else { return };
    let Some((test_x, test_y)) = digits("t10k", 300) else { return };
    let network = network(CONVOLUTION);
    let weights = train(&network, (&x, &y), 3);
    let right = accuracy(&predict(&network, &weights, &test_x), &test_y);
    assert!(right > 0.8, "{right}");
}

#[test]
fn the_builder_writes_what_it_says() {
    let layers = Network::layers(64, 10).picture(8, 8, 1).activation("relu").loss("cross_entropy");
    let layers = layers.conv2d(4, 3, 1, 1).batch_norm().maxpool(2).dropout(0.2).dense(12);
    let layers = layers.batch_norm().layer_norm().residual().weight_decay(0.02);
    expect![[r#"
        input X : B×64
        target Y : B×10
        param K₁ : 9×4 ~ he
        param c₁ : 1×4 = 0
        param W₁ : 64×12 ~ glorot
        param b₁ : 1×12 = 0
        param W₂ : 12×10 ~ glorot
        param b₂ : 1×10 = 0
        U₁ = unfold(X, 8×8×1, 3×3, pad 1)
        C₁ = U₁ K₁ + c₁
        F₁ = reshape(relu(C₁), rows = B)
        N₁ = batch_norm2d(F₁, 4)
        P₁ = maxpool(N₁, 8×8×4, 2×2)
        D₁ = dropout(P₁, 0.2)
        Z₁ = D₁ W₁ + b₁
        A₁ = relu(Z₁)
        N₂ = batch_norm(A₁)
        N₃ = layer_norm(N₂)
        H₁ = residual(N₃)
        Z₂ = H₁ W₂ + b₂
        L = cross_entropy(Z₂, Y)
        R = 0.01 (sum(K₁ .^ 2) + sum(W₁ .^ 2) + sum(W₂ .^ 2))
        minimize L + R
    "#]]
    .assert_eq(&layers.equations());
    network(&layers.equations());
}

#[test]
fn groups_dilation_and_pooling_of_all_places() {
    let layers = Network::layers(9 * 8 * 6, 2).picture(9, 8, 6).activation("tanh").loss("mse");
    let grouped = Convolution { channels: 12, size: 3, pad: 1, groups: 3, ..Default::default() };
    let dilated =
        Convolution { channels: 5, size: 2, stride: 2, dilation: 3, ..Default::default() };
    let layers = layers.convolution(grouped).convolution(dilated).global_maxpool();
    expect![[r#"
        input X : B×432
        target Y : B×2
        param K₁ : 18×12 ~ he
        param c₁ : 1×12 = 0
        param K₂ : 48×5 ~ he
        param c₂ : 1×5 = 0
        param W₁ : 5×2 ~ glorot
        param b₁ : 1×2 = 0
        U₁ = unfold(X, 9×8×6, 3×3, pad 1, groups 3)
        C₁ = hcat(U₁[:, 1:18] K₁[:, 1:4], hcat(U₁[:, 19:36] K₁[:, 5:8], U₁[:, 37:54] K₁[:, 9:12])) + c₁
        F₁ = reshape(tanh(C₁), rows = B)
        U₂ = unfold(F₁, 9×8×12, 2×2, stride 2, dilation 3)
        C₂ = U₂ K₂ + c₂
        F₂ = reshape(tanh(C₂), rows = B)
        P₁ = global_maxpool(F₂, 3×3×5)
        Z₁ = P₁ W₁ + b₁
        L = mse(Z₁, Y)
        minimize L
    "#]].assert_eq(&layers.equations());
    let ours = network(&layers.equations());
    // The same by the layers of the library.
    let theirs = network(
        "input X : B×432\ntarget Y : B×2\nF = tanh(conv2d(X, 9×8×6, 3×3, 12, pad 1, groups 3))\n\
         G = tanh(conv2d(F, 9, 8, 12, 2, 2, 5, stride = 2, dilation = 3))\n\
         Z = dense(global_maxpool(G, 3×3×5), 2)\nL = mse(Z, Y)\nminimize L\n",
    );
    let weights = ours.initial(4).expect("all have numbers");
    let own = theirs.equations.parameters().into_iter();
    let same: Vec<_> = own.zip(&weights).map(|(node, (_, m))| (node, m.clone())).collect();
    let x = Matrix::from_fn(7, 432, |i, j| ((i * 432 + j) as f64 * 1.3).sin());
    let (a, b) = (predict(&ours, &weights, &x), predict(&theirs, &same, &x));
    a.data.iter().zip(&b.data).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} and {b}"));
    assert!(a.norm() > 0.1);
    // The mean of each channel.
    let mean = "input X : B×12\ntarget Y : B×2\nZ = global_avgpool(X, 3×2×2)\nminimize mse(Z, Y)\n";
    let mean = predict(&network(mean), &[], &Matrix::from_fn(1, 12, |_, j| (j * j) as f64));
    assert_eq!(mean.data, [220.0 / 6.0, 286.0 / 6.0]);
}

/// Four bars in pictures of 4×4, with noise.
fn bars(count: usize) -> (Matrix, Matrix) {
    let on = |i: usize, j: usize| if i % 4 < 2 { j / 4 == i % 2 } else { j % 4 == i % 2 };
    let x = Matrix::from_fn(count, 16, |i, j| {
        f64::from(u8::from(on(i, j))) + 0.3 * ((i * 16 + j) as f64 * 1.7).sin()
    });
    (x, Matrix::from_fn(count, 4, |i, j| f64::from(u8::from(i % 4 == j))))
}

#[test]
fn in_use_noise_is_off_and_statistics_run() {
    let layers = Network::layers(16, 4).picture(4, 4, 1).activation("relu").loss("cross_entropy");
    let layers = layers.conv2d(3, 3, 1, 1).batch_norm().avgpool(2).dropout(0.3).dense(8);
    let network = network(&layers.batch_norm().equations());
    let (x, y) = bars(100);
    let weights = train(&network, (&x, &y), 20);
    let together = predict(&network, &weights, &x);
    let right = accuracy(&together, &y);
    assert!(right > 0.95, "{right}");
    // Each row by itself: neither the other rows of the batch nor noise are in the prediction.
    for i in (0..100).step_by(9) {
        let alone = predict(&network, &weights, &x.select_rows(&[i]));
        for (a, b) in alone.data.iter().zip(together.row(i)) {
            assert!((a - b).abs() < 1e-12, "row {i}: {a} and {b}");
        }
    }
    // The states are among what training gives, and have moved.
    let graph = &network.equations.graph;
    let moved = network.equations.learnt().len() - network.equations.parameters().len();
    assert_eq!(moved, 4, "a mean and a variance of two layers");
    for (node, value) in &weights {
        let name = &graph.name(*node).expect("declared").text;
        if name.starts_with('m') {
            assert!(value.data.iter().all(|m| m.abs() > 1e-6), "{name}");
        }
    }
}
