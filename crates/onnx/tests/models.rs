//! Whole networks: a foreign one, and our own ones back.

use std::path::Path;

use matgrad::calculus::check::check;
use matgrad::data::{Random, TargetKind};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::Bindings;
use matgrad::{Evaluator, FitOptions, Model, Network, Precision, UpdateRule, explain};
use matgrad_onnx::proto::ModelProto;
use matgrad_onnx::{export, import};
use prost::Message;

use crate::conformance::{numbers, shared};
use crate::tables;

pub fn mnist() -> Option<(Vec<u8>, std::path::PathBuf)> {
    let folder = shared("onnx-models")?.join("mnist-8-cntk");
    Some((std::fs::read(folder.join("model.onnx")).unwrap(), folder))
}

fn outputs(model: &Model, x: &Matrix, precision: Precision) -> Matrix {
    let mut evaluator = Evaluator::new(&model.network, x.rows.min(500), precision).unwrap();
    evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice()))).unwrap();
    evaluator.run(x, None).unwrap().0
}

#[test]
fn mnist_8_gives_its_recorded_outputs_and_reads_as_equations() {
    let Some((bytes, folder)) = mnist() else { return };
    let model = import(&bytes, None, None).unwrap();
    expect_test::expect![[r#"
        input Input₃ : B×784
        param Parameter₅ : 25×8
        param Parameter₆ : 1×8
        param Parameter₈₇ : 200×16
        param Parameter₈₈ : 1×16
        param Parameter₁₉₃ : 256×10
        param Parameter₁₉₄ : 1×10
        Convolution28_Output₀ = unfold(Input₃, 28×28×1, 5×5, pad 2) * Parameter₅
        Plus30_Output₀ = Convolution28_Output₀ + Parameter₆
        ReLU32_Output₀ = relu(Plus30_Output₀)
        Pooling66_Output₀ = maxpool(reshape(ReLU32_Output₀, B×6272), 28×28×8, 2×2)
        Convolution110_Output₀ = unfold(Pooling66_Output₀, 14×14×8, 5×5, pad 2) * Parameter₈₇
        Plus112_Output₀ = Convolution110_Output₀ + Parameter₈₈
        ReLU114_Output₀ = relu(Plus112_Output₀)
        Pooling160_Output₀ = maxpool(reshape(ReLU114_Output₀, B×3136), 14×14×16, 3×3)
        Times212_Output₀ = Pooling160_Output₀ * Parameter₁₉₃
        Plus214_Output₀ = Times212_Output₀ + Parameter₁₉₄
        target Y : B×10
        L = mse(Plus214_Output₀, Y)
        minimize L
    "#]]
    .assert_eq(&model.network.source);
    for k in 0..5 {
        let data = folder.join(format!("test_data_set_{k}"));
        // One channel: channel first is channel last.
        let x = Matrix::new(1, 784, numbers(&data.join("input_0.pb")));
        let wanted = numbers(&data.join("output_0.pb"));
        let found = outputs(&model, &x, Precision::F64);
        let largest = wanted.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        for (a, b) in found.data.iter().zip(&wanted) {
            assert!((a - b).abs() <= 1e-4 * largest, "{a} and {b}");
        }
    }
}

#[test]
fn mnist_8_recognises_98_90_percent_and_trains_on() {
    let (Some((bytes, _)), Some(digits)) = (mnist(), shared("mnist")) else { return };
    let model = import(&bytes, None, Some("cross_entropy")).unwrap();
    assert_eq!(model.encoder.labels().len(), 10);
    let Some((x, labels)) = images(&digits, "t10k") else { return };
    let right = |model: &Model| {
        let z = outputs(model, &x, Precision::F32);
        (0..x.rows).filter(|&i| model.costs.decide(z.row(i)) == labels[i]).count()
    };
    assert_eq!(right(&model), 9890);
    // A few steps of training make the loss on their rows smaller.
    let rows: Vec<usize> = (0..256).collect();
    let (x, y) = (x.select_rows(&rows), one_hot(&labels[..256]));
    let options = FitOptions {
        epochs: 3,
        batch: Some(64),
        ..FitOptions::new(UpdateRule::named("adam").unwrap())
    };
    let losses: Vec<f64> = {
        let fit = model.network.fit(&model.weights, (&x, &y), None, &options).unwrap();
        fit.map(|epoch| epoch.unwrap().train_loss).collect()
    };
    assert!(losses[2] < losses[0], "{losses:?}");
    let one = (x.select_rows(&[0]), y.select_rows(&[0]));
    let lines = explain::explain(&model.network, &model.weights, &one.0, &one.1, 0.1, &[], 6);
    assert!(lines.unwrap().to_text(6).contains("Plus214"));
}

/// Images divided by 255 and labels, from IDX files.
fn images(folder: &Path, part: &str) -> Option<(Matrix, Vec<usize>)> {
    let file = |kind: &str| {
        let found = std::fs::read_dir(folder).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name.contains(part) && name.contains(kind)).then_some(path)
        });
        found.map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|e| e == "gz") {
                let mut plain = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(bytes.as_slice());
                std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
                return plain;
            }
            bytes
        })
    };
    let (pixels, labels) = (file("images")?, file("labels")?);
    let data: Vec<f64> = pixels[16..].iter().map(|&p| f64::from(p) / 255.0).collect();
    let labels = labels[8..].iter().map(|&l| usize::from(l)).collect();
    Some((Matrix::new(data.len() / 784, 784, data), labels))
}

fn one_hot(labels: &[usize]) -> Matrix {
    Matrix::from_fn(labels.len(), 10, |i, j| f64::from(u8::from(labels[i] == j)))
}

/// Every model with a network of each kind.
pub fn own() -> Vec<(Model, matgrad::data::Table)> {
    let table = tables::table();
    let mut all = Vec::new();
    for (kind, words, loss, activation) in [
        (TargetKind::Classes, true, "cross_entropy", "relu"),
        (TargetKind::Classes, false, "binary_cross_entropy", "leaky_relu"),
        (TargetKind::Numbers, true, "mse", "gelu"),
        (TargetKind::Numbers, false, "poisson", "softplus"),
    ] {
        let encoder = tables::encoder(&table, kind, words);
        let (inputs, outputs) = (encoder.input_width(), encoder.target_width());
        let page = Network::layers(inputs, outputs).dense(5).activation(activation).loss(loss);
        all.push((tables::model(&page.equations(), encoder), table.clone()));
    }
    all
}

#[test]
fn what_leaves_comes_back() {
    for (model, table) in own() {
        let bytes = export(&model).unwrap().encode_to_vec();
        let again = import(&bytes, None, None).unwrap();
        assert_eq!(again.network.source, model.network.source);
        let loss = ["cross_entropy", "binary_cross_entropy", "mse", "poisson"];
        let takes = |loss: &&str| import(&bytes, None, Some(loss)).is_ok();
        assert_eq!(loss.into_iter().filter(takes).count(), 1, "its own loss alone");
        assert_eq!(again.encoder, model.encoder);
        assert_eq!(again.weights, model.weights);
        assert_eq!(again.seed, model.seed);
        assert_eq!(tables::predict(&again, &table), tables::predict(&model, &table));
    }
}

#[test]
fn weights_are_called_as_the_table_may_call_its_numbers() {
    let table = tables::table();
    let encoder = tables::encoder(&table, TargetKind::Numbers, false);
    let page = format!(
        "input X : B×{}\ntarget Y : B×1\nparam offset : {}×1 ~ glorot\nZ = X offset\n\
         L = mse(Z, Y)\nminimize L\n",
        encoder.input_width(),
        encoder.input_width()
    );
    let model = tables::model(&page, encoder);
    let again = import(&export(&model).unwrap().encode_to_vec(), None, None).unwrap();
    assert_eq!(again.network.source, model.network.source);
    assert_eq!(again.weights, model.weights);
}

#[test]
fn metadata_that_is_not_about_the_graph_is_not_believed() {
    let (model, _) = own().remove(1);
    let mut proto = export(&model).unwrap();
    // Another activation in the graph than in the text.
    let node = proto.graph.as_mut().unwrap().node.iter_mut();
    node.filter(|n| n.op_type() == "LeakyRelu").for_each(|n| {
        n.op_type = Some("Elu".into());
    });
    let read = import(&proto.encode_to_vec(), None, None);
    // What is left is a foreign graph, whose table operators are refused.
    let said = read.err().unwrap().to_string();
    expect_test::expect![[
        r#"IsNaN (node "missing") is refused: no reading of this operator as matrices is known"#
    ]]
    .assert_eq(&said);
}

#[test]
fn a_graph_without_our_metadata_is_read_from_its_nodes() {
    let page = "input X : B×3\ntarget Y : B×4\nparam W₁ : 3×5 ~ glorot\nparam b₁ : 1×5 = 0\n\
                param W₂ : 5×4 ~ glorot\nA₁ = layer_norm(gelu(X W₁ + b₁))\nZ = A₁ W₂\n\
                L = cross_entropy(Z, Y)\nminimize L\n";
    let table = tables::table();
    let mut model = tables::model(page, tables::encoder(&table, TargetKind::Numbers, false));
    let plain = r#"{"version":1,"named":false,"columns":4,"allow_missing_targets":false,
        "inputs":[0,1,2],"target":{"classes":{"name":"4","position":3,
        "labels":["0","1","2","3"]}},"warnings":[]}"#;
    let mut plain: serde_json::Value = serde_json::from_str(plain).unwrap();
    for (i, input) in plain["inputs"].as_array_mut().unwrap().iter_mut().enumerate() {
        *input = serde_json::json!({"name": (i + 1).to_string(), "position": i,
            "indicator": false, "numbers": {"impute": 0.0, "offset": 0.0, "divisor": 1.0}});
    }
    model.encoder = matgrad::data::Encoder::from_json(&plain).unwrap();
    let mut proto = export(&model).unwrap();
    proto.metadata_props.clear();
    // The label is for tables; a network has one output.
    let graph = proto.graph.as_mut().unwrap();
    graph.output.truncate(1);
    graph.node.retain(|n| !matches!(n.op_type(), "ArgMax" | "Gather"));
    graph.initializer.retain(|t| t.name() != "labels");
    let again = import(&proto.encode_to_vec(), None, None).unwrap();
    expect_test::expect![[r#"
        input X : B×3
        param W₁ : 3×5
        param b₁ : 1×5
        param g₂ : 1×5
        param b₂ : 1×5
        param W₂ : 5×4
        t₆ = X * W₁
        t₈ = t₆ + b₁
        t₁₃ = 0.70710677 .* t₈
        t₁₄ = erf(t₁₃)
        t₁₆ = 1 + t₁₄
        t₁₇ = t₈ .* t₁₆
        t₂₀ = 0.5 .* t₁₇
        t₂₄ = rowsum(t₂₀)
        t₂₈ = t₂₄ ./ 5
        t₂₉ = -t₂₈
        D₂ = t₂₀ + t₂₉
        t₃₄ = D₂ .^ 2
        t₃₅ = rowsum(t₃₄)
        t₃₇ = t₃₅ ./ 5
        t₃₉ = t₃₇ + 1e-5
        t₄₀ = sqrt(t₃₉)
        N₂ = D₂ ./ t₄₀
        t₄₄ = N₂ .* g₂
        A₁ = t₄₄ + b₂
        Z = A₁ * W₂
        target Y : B×4
        L = cross_entropy(Z, Y)
        minimize L
    "#]]
    .assert_eq(&again.network.source);
    let mut random = Random::seed(1);
    let x = Matrix::new(20, 3, (0..60).map(|_| random.normal()).collect());
    let (a, b) = (outputs(&model, &x, Precision::F64), outputs(&again, &x, Precision::F64));
    a.data.iter().zip(&b.data).for_each(|(a, b)| assert!((a - b).abs() < 1e-7, "{a} and {b}"));
    assert_eq!(again.encoder, model.encoder);

    // And it derives: its gradients are those of finite differences.
    let page = &again.network.equations;
    let mut at = Bindings::default();
    let y = Matrix::from_fn(20, 4, |i, j| f64::from(u8::from(i % 4 == j)));
    at.set(&page.graph, again.network.input, x).unwrap();
    at.set(&page.graph, again.network.target, y).unwrap();
    for (node, matrix) in &again.weights {
        at.set(&page.graph, *node, matrix.clone()).unwrap();
    }
    let objective = again.network.objective;
    let found = check(&page.graph, objective, &page.parameters(), &at).unwrap();
    assert_eq!(found.len(), 5);
    found.iter().for_each(|p| assert!(p.relative_difference < 1e-7, "{p:?}"));
}

#[test]
fn what_is_outside_is_refused_with_operator_node_and_reason() {
    let Some((bytes, _)) = mnist() else { return };
    let mut proto = ModelProto::decode(bytes.as_slice()).unwrap();
    proto.graph.as_mut().unwrap().node[3].op_type = Some("LSTM".into());
    let said = import(&proto.encode_to_vec(), None, None).err().unwrap().to_string();
    expect_test::expect![[
        r#"LSTM (node "ReLU32") is refused: no reading of this operator as matrices is known"#
    ]]
    .assert_eq(&said);
}
