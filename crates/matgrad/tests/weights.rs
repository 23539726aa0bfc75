//! Weights of other programs by their names.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use expect_test::expect;
use matgrad::expr::matrix::Matrix;
use matgrad::weights::{Layout, Tensor, named, read};
use matgrad::{Evaluator, Network, Precision};

/// Two channels of 6×5 pixels, a convolution, pooling, dropout and two dense layers.
const PAGE: &str = "input X : B×60\ntarget Y : B×2\nparam K : 18×3\nparam c : 1×3\n\
                    param W1 : 18×4\nparam b1 : 1×4\nparam W2 : 4×2\nparam b2 : 1×2\n\
                    const s : 1×1 = 0.5\nF = relu(unfold(X, 6×5×2, 3×3, pad 1) K + c)\n\
                    P = maxpool(reshape(F, rows = B), 6×5×3, 2×2)\n\
                    A = s tanh(dropout(P, 0.1) W1 + b1)\nZ = A W2 + b2\nL = mse(Z, Y)\nminimize L\n";

fn wave(count: usize, seed: f64) -> Vec<f64> {
    (0..count).map(|i| (seed + 1.7 * i as f64).sin()).collect()
}

/// As PyTorch names and lays out what `PAGE` has.
fn torch() -> BTreeMap<String, Tensor> {
    let tensor = |dims: &[usize], seed: f64| Tensor {
        dims: dims.to_vec(),
        data: Ok(wave(dims.iter().product(), seed)),
    };
    BTreeMap::from([
        ("conv.weight".to_string(), tensor(&[3, 2, 3, 3], 1.0)),
        ("conv.bias".to_string(), tensor(&[3], 2.0)),
        ("fc1.weight".to_string(), tensor(&[4, 18], 3.0)),
        ("fc1.bias".to_string(), tensor(&[4], 4.0)),
        ("fc2.weight".to_string(), tensor(&[2, 4], 5.0)),
        ("fc2.bias".to_string(), tensor(&[2], 6.0)),
        ("steps".to_string(), Tensor { dims: vec![], data: Err("is of type I64".into()) }),
    ])
}

const MAP: [(&str, &str); 6] = [
    ("K", "conv.weight"),
    ("c", "conv.bias"),
    ("W1", "fc1.weight"),
    ("b1", "fc1.bias"),
    ("W_2", "fc2.weight"),
    ("b2", "fc2.bias"),
];

fn map() -> Vec<(String, String)> {
    MAP.iter().map(|(ours, theirs)| (ours.to_string(), theirs.to_string())).collect()
}

/// What PyTorch computes of one picture (channel, height, width), loop by loop.
fn forward(tensors: &BTreeMap<String, Tensor>, x: &[f64]) -> Vec<f64> {
    let of = |name: &str| tensors[name].data.as_ref().unwrap();
    let (k, c) = (of("conv.weight"), of("conv.bias"));
    let pixel = |channel: usize, i: i64, j: i64| match (0..6).contains(&i) && (0..5).contains(&j) {
        true => x[channel * 30 + i as usize * 5 + j as usize],
        false => 0.0,
    };
    let sum = |out: usize, i: i64, j: i64| {
        let mut sum = c[out];
        for (channel, a, b) in (0..18).map(|t| (t / 9, t / 3 % 3, t % 3)) {
            let weight = k[((out * 2 + channel) * 3 + a) * 3 + b];
            sum += weight * pixel(channel, i + a as i64 - 1, j + b as i64 - 1);
        }
        f64::max(sum, 0.0)
    };
    let mut flat = Vec::new();
    for (out, i, j) in (0..18).map(|t| (t / 6, t as i64 / 2 % 3, t as i64 % 2)) {
        let four = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| sum(out, 2 * i + a, 2 * j + b));
        flat.push(four.into_iter().fold(0.0, f64::max));
    }
    let linear = |weight: &str, bias: &str, x: &[f64]| -> Vec<f64> {
        let rows = of(weight).chunks(x.len()).zip(of(bias));
        rows.map(|(w, b)| b + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
    };
    let hidden = linear("fc1.weight", "fc1.bias", &flat);
    let hidden: Vec<f64> = hidden.iter().map(|z| 0.5 * z.tanh()).collect();
    linear("fc2.weight", "fc2.bias", &hidden)
}

#[test]
fn what_pytorch_stores_gives_what_pytorch_computes() {
    let network = Network::parse("page.eq", PAGE).unwrap();
    let tensors = torch();
    let found = named(&network, &tensors, &map(), Some(Layout::OutFirst)).unwrap();
    assert_eq!(found.unused, ["steps 1"]);
    let mut evaluator = Evaluator::new(&network, 1, Precision::F64).unwrap();
    let weights = found.weights.iter().map(|(n, m)| (*n, m.data.as_slice()));
    evaluator.weights(weights).unwrap();
    for seed in 0..5 {
        let x = wave(60, 10.0 + f64::from(seed));
        let last = Matrix::from_fn(1, 60, |_, i| x[i % 2 * 30 + i / 2]);
        let (z, wanted) = (evaluator.run(&last, None).unwrap().0, forward(&tensors, &x));
        for (a, b) in z.data.iter().zip(&wanted) {
            assert!((a - b).abs() < 1e-12, "{a} and {b}");
        }
    }
    // Weights as Keras has them are taken as they are.
    let kept = |name: &str, dims: &[usize]| {
        let node = network.equations.graph.find(name).unwrap();
        let data = found.weights.iter().find(|(n, _)| *n == node).unwrap().1.data.clone();
        (name.to_string(), Tensor { dims: dims.to_vec(), data: Ok(data) })
    };
    let keras = BTreeMap::from([
        kept("K", &[3, 3, 2, 3]),
        kept("c", &[3]),
        kept("W₁", &[18, 4]),
        kept("b₁", &[4]),
        kept("W₂", &[4, 2]),
        kept("b₂", &[2]),
    ]);
    let again = named(&network, &keras, &[], Some(Layout::InFirst)).unwrap();
    assert_eq!(again.weights, found.weights);
}

#[test]
fn what_does_not_fit_is_listed() {
    let network = Network::parse("page.eq", PAGE).unwrap();
    let mut tensors = torch();
    tensors.insert("fc2.weight".into(), Tensor { dims: vec![3, 3], data: Ok(wave(9, 0.0)) });
    tensors.remove("fc1.bias");
    tensors.insert("c".into(), tensors["steps"].clone());
    let mut map = map();
    map.remove(1);
    map.push(("W3".into(), "conv.bias".into()));
    let said = named(&network, &tensors, &map, None).unwrap_err().to_string();
    expect![[r#"
        the weights do not fit the page
          K is 18×3: conv.weight is 3×2×3×3, which fits both ways; say the layout: pytorch (out × in) or keras (in × out)
          c is 1×3: c is of type I64
          W₁ is 18×4: fc1.weight comes after flattened pictures of 3 channels; say the layout: pytorch (out × in) or keras (in × out)
          b₁ is 1×4: the file has no fc1.bias
          W₂ is 4×2: fc2.weight is 3×3
          the page has no parameter W₃
        not used of the file:
          conv.bias 3
          steps 1"#]].assert_eq(&said);
    let square = "input X : B×3\ntarget Y : B×3\nparam W : 3×3\nZ = X W\nminimize mse(Z, Y)\n";
    let square = Network::parse("square.eq", square).unwrap();
    let three = Tensor { dims: vec![3, 3], data: Ok((0..9).map(f64::from).collect()) };
    let tensors = BTreeMap::from([("W".to_string(), three)]);
    let said = named(&square, &tensors, &[], None).unwrap_err().to_string();
    expect![[r#"
        the weights do not fit the page
          W is 3×3: W is 3×3, which fits both ways; say the layout: pytorch (out × in) or keras (in × out)"#]].assert_eq(&said);
    let turned = named(&square, &tensors, &[], Some(Layout::OutFirst)).unwrap();
    assert_eq!(turned.weights[0].1.data, [0.0, 3.0, 6.0, 1.0, 4.0, 7.0, 2.0, 5.0, 8.0]);
}

#[test]
fn a_file_is_read_in_all_its_precisions() {
    let path = std::env::temp_dir().join(format!("matgrad-{}.safetensors", std::process::id()));
    let header = r#"{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},"i":{"dtype":"U8","shape":[],"data_offsets":[6,7]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0x00, 0x3e, 0x01, 0x80, 0xc0, 0xbf, 7]);
    std::fs::write(&path, &bytes).unwrap();
    let tensors = read(&path).unwrap();
    assert_eq!(tensors["h"].data, Ok(vec![1.5, -(2f64.powi(-24))]));
    assert_eq!((tensors["b"].data.clone(), &tensors["h"].dims[..]), (Ok(vec![-1.5]), &[2][..]));
    assert!(tensors["i"].data.is_err());
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(read(&path).is_err(), "{length} bytes");
    }
    std::fs::remove_file(&path).unwrap();
}
