//! Models leave as ONNX graphs that other runtimes read.

use std::path::{Path, PathBuf};
use std::process::Command;

use matgrad::Model;
use matgrad::data::{Table, TargetKind, Values};
use matgrad::library::standard;
use matgrad_onnx::export;
use prost::Message;
use serde_json::{Value, json};

use crate::tables;

/// A folder of this test alone.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("onnx-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The graph, and what it must say of the table.
fn write(folder: &Path, name: &str, model: &Model, table: &Table) {
    let predicted = tables::predict(model, table);
    let labels = model.encoder.labels();
    let decided: Vec<&String> = match labels {
        [] => vec![],
        labels => {
            (0..predicted.rows).map(|i| &labels[model.costs.decide(predicted.row(i))]).collect()
        }
    };
    let rows: Vec<&[f64]> = (0..predicted.rows).map(|i| predicted.row(i)).collect();
    let inputs: serde_json::Map<String, Value> = inputs(model, table);
    let case = json!({"inputs": inputs, "output": rows, "labels": decided});
    std::fs::write(folder.join(format!("{name}.json")), case.to_string()).unwrap();
    let proto = export(model).unwrap_or_else(|e| panic!("{name}: {e}"));
    std::fs::write(folder.join(format!("{name}.onnx")), proto.encode_to_vec()).unwrap();
}

/// The columns as the graph wants them: the numbers together, each column of words alone.
fn inputs(model: &Model, table: &Table) -> serde_json::Map<String, Value> {
    let wanted = model.encoder.to_json();
    let mut all = serde_json::Map::new();
    let mut numbers: Vec<Vec<f64>> = vec![vec![]; table.rows];
    for column in wanted["inputs"].as_array().unwrap() {
        let name = column["name"].as_str().unwrap();
        match &table.columns[column["position"].as_u64().unwrap() as usize].values {
            Values::Numbers(values) => {
                numbers.iter_mut().zip(values.iter()).for_each(|(row, x)| row.push(x));
            }
            Values::Categories { levels, codes } => {
                // Missing values in both spellings.
                let missing = |i: usize| if i.is_multiple_of(2) { "" } else { "NA" };
                let word = |(i, code): (usize, Option<usize>)| match code {
                    Some(code) => vec![levels[code].clone()],
                    None => vec![missing(i).to_string()],
                };
                let words: Vec<Vec<String>> = codes.iter().enumerate().map(word).collect();
                all.insert(name.into(), json!(words));
            }
        }
    }
    all.insert("numbers".into(), json!(numbers));
    all
}

/// Writes a network with each function of the library that has a row for each example; their names.
fn walk_the_library(folder: &Path, table: &Table) -> Vec<String> {
    let mut walked = Vec::new();
    for function in &standard().functions {
        let name = function.name.text.as_str();
        let required: Vec<&str> = function
            .parameters
            .iter()
            .filter(|p| p.default.is_none())
            .map(|p| p.name.text.as_str())
            .collect();
        let page = |body: &str| {
            format!(
                "input X : B×3\ntarget Y : B×1\nparam W₁ : 3×4 ~ glorot\nparam b₁ : 1×4 = 0\n\
                 param W₂ : 4×1 ~ glorot\nZ₁ = X W₁ + b₁\n{body}\nZ₂ = (A₁ ⊙ Z₁) W₂\nL = mse(Z₂, Y)\n\
                 minimize L\n"
            )
        };
        let body = match (function.layer, &required[..]) {
            // Near a pole the last bit of an angle changes everything; no angle has a sine above 1.
            (_, [_]) if matches!(name, "tan" | "arcsin" | "arccos") => {
                format!("A₁ = {name}(tanh(Z₁))")
            }
            (_, [_]) if name == "root" => "A₁ = root(exp(Z₁))".into(),
            (_, [_]) => format!("A₁ = {name}(Z₁)"),
            (true, _) => {
                let more = match name {
                    "dense" => "4",
                    "conv2d" => "2, 2, 1, 2, 2, 4",
                    "batch_norm2d" => "2",
                    _ => panic!("the layer {name} is not tried"),
                };
                format!("A₁ = {name}(Z₁, {more})")
            }
            (false, _) => continue,
        };
        let page = page(&body);
        // Sums and the like are no activations: their result has no row for each example.
        let rows = matgrad::Network::parse("", &page).ok().and_then(|n| {
            let a = n.equations.graph.find("A₁").or(n.equations.graph.find("Z₁"))?;
            n.equations.graph.shape(a).rows.as_symbol()
        });
        if rows.is_none() {
            assert!(!function.layer, "the layer {name} is not tried");
            continue;
        }
        let encoder = tables::encoder(table, TargetKind::Numbers, false);
        let model = tables::model(&page, encoder);
        write(folder, name, &model, table);
        walked.push(name.to_string());
    }
    walked
}

#[test]
fn every_layer_and_activation_is_the_same_in_onnxruntime() {
    let folder = folder("runtime");
    let table = tables::table();
    // A word that no training row has.
    let mut unseen = table.clone();
    if let Values::Categories { levels, codes } = &mut unseen.columns[1].values {
        levels.push("violet".into());
        let with = |(row, code)| if row == 3 { Some(3) } else { code };
        *codes = codes.iter().enumerate().map(with).collect();
    }
    let mut walked = walk_the_library(&folder, &table);
    // What takes pictures, of 3×2 pixels with 2 channels.
    for (name, value) in [
        ("maxpool", "maxpool(F, 3×2×2, 2×2, stride 1, pad [1 0 0 1])"),
        ("avgpool", "avgpool(F, 3×2×2, 2×2, stride 1, pad 1)"),
        ("global_maxpool", "global_maxpool(F, 3×2×2)"),
        ("global_avgpool", "global_avgpool(F, 3×2×2)"),
        ("dilated", "conv2d(F, 3×2×2, 2×1, 3, dilation 2, pad [0 1 1 0], stride [1 2])"),
        ("in_groups", "conv2d(F, 3×2×2, 2×2, 6, groups 2)"),
        ("folded", "fold(reshape(F, 3·B×4) K, 8×1×2, 3×1, stride [2 1])"),
        (
            "grouped",
            "reshape(hcat(unfold(F, 3×2×2, 2×2, groups 2)[:, 1:4] K[:, 1:3], \
             unfold(F, 3×2×2, 2×2, groups 2)[:, 5:8] K[:, 4:6]), rows = B)",
        ),
    ] {
        let page = format!(
            "input X : B×3\ntarget Y : B×1\nparam W : 3×12 ~ glorot\nparam K : 4×6 ~ glorot\n\
             F = X W\nA = {value}\nZ = dense(A, 1) + sum(K)\nL = mse(Z, Y)\nminimize L\n"
        );
        let encoder = tables::encoder(&table, TargetKind::Numbers, false);
        write(&folder, name, &tables::model(&page, encoder), &table);
        walked.push(name.to_string());
    }
    for op in ["tanh", "sigmoid", "sin", "cos", "arctan", "exp", "abs", "sign", "erf"] {
        let page = format!(
            "input X : B×3\ntarget Y : B×4\nparam W : 3×4 ~ glorot\nA = {op}(X W)\n\
             L = mse(A ⊙ (A > 0.1) - rowmax(A), Y)\nminimize L\n"
        );
        let encoder = tables::encoder(&table, TargetKind::Numbers, false);
        let mut model = tables::model(&page, encoder);
        // One column of the table is the target; the test of the op wants all four.
        let unscaled = json!({"numbers": (0..4).map(|i| json!({
            "name": format!("y{i}"), "position": 6, "offset": 0.0, "divisor": 1.0})).collect::<Vec<_>>()});
        let mut encoder = model.encoder.to_json();
        encoder["target"] = unscaled;
        model.encoder = matgrad::data::Encoder::from_json(&encoder).unwrap();
        write(&folder, &format!("op_{op}"), &model, &table);
    }
    for (name, loss) in [("classes", "cross_entropy"), ("each", "binary_cross_entropy")] {
        let encoder = tables::encoder(&table, TargetKind::Classes, true);
        let page = matgrad::Network::layers(encoder.input_width(), 3).dense(5).loss(loss);
        write(&folder, name, &tables::model(&page.equations(), encoder), &unseen);
    }
    // The cheapest class is not always the most probable one.
    let encoder = tables::encoder(&table, TargetKind::Classes, false);
    let page = matgrad::Network::layers(encoder.input_width(), 3).loss("cross_entropy");
    let mut model = tables::model(&page.equations(), encoder);
    let costs = vec![0.0, 1.0, 9.0, 5.0, 0.0, 1.0, 2.0, 2.0, 0.0];
    model.costs.matrix = Some(matgrad::expr::matrix::Matrix::new(3, 3, costs));
    model.costs.decision = matgrad::Decision::Cheapest;
    write(&folder, "costs", &model, &table);
    let (model, used) = constant();
    write(&folder, "constant", &model, &used);
    let page = matgrad::Network::layers(3, 1).dense(5).loss("poisson").equations();
    let encoder = tables::encoder(&table, TargetKind::Numbers, false);
    write(&folder, "rates", &tables::model(&page, encoder), &table);

    for activation in ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign"]
    {
        assert!(walked.iter().any(|name| name == activation), "{activation}");
    }
    for layer in ["dense", "layer_norm", "residual", "conv2d", "batch_norm", "dropout", "lse"] {
        assert!(walked.iter().any(|name| name == layer), "{layer}");
    }
    same_in_onnxruntime(&folder);
}

/// Runs every graph of a folder in onnxruntime, if that is there, and removes the folder.
pub fn same_in_onnxruntime(folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime.py");
    let run = Command::new("python3").arg(script).arg(folder).output();
    let Ok(run) = run else {
        eprintln!("NOT CHECKED: there is no python3 to run onnxruntime with");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    if run.status.code() == Some(77) {
        eprintln!("NOT CHECKED: {said}\n`pip install onnx onnxruntime` and run again");
        return;
    }
    println!("{said}");
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    std::fs::remove_dir_all(folder).unwrap();
}

/// A model whose training rows have one number in the columns `height` and `year`, and rows that
/// have others there: large ones, none.
fn constant() -> (Model, Table) {
    let mut table = tables::table();
    let mut same = |j: usize, last: [f64; 2]| {
        let Values::Numbers(numbers) = &mut table.columns[j].values else { panic!("no numbers") };
        let all = (0..tables::ROWS - 2).map(|i| if i < tables::ROWS / 2 { 5.0 } else { i as f64 });
        *numbers = all.chain(last).collect();
    };
    same(0, [1e300, -1e300]);
    same(4, [f64::NAN, 0.0]);
    let encoder = tables::encoder(&table, TargetKind::Classes, false);
    let page = matgrad::Network::layers(3, 3).dense(5).loss("cross_entropy");
    (tables::model(&page.equations(), encoder), table)
}

#[test]
fn a_constant_column_is_zero() {
    let (model, table) = constant();
    assert!(tables::predict(&model, &table).data.iter().all(|p| p.is_finite()));
    let graph = export(&model).unwrap().graph.unwrap();
    let divisor = graph.initializer.iter().find(|t| t.name() == "divisor").unwrap();
    let numbers = divisor.raw_data.as_deref().unwrap().chunks_exact(8);
    let numbers = numbers.map(|raw| f64::from_le_bytes(raw.try_into().unwrap()));
    assert_eq!(numbers.map(f64::is_infinite).collect::<Vec<_>>(), [true, false, true]);
    // And it comes back.
    let again = matgrad_onnx::import(&export(&model).unwrap().encode_to_vec(), None, None).unwrap();
    assert_eq!(again.encoder, model.encoder);
}

/// A page may have a softmax of its own, which is no Softmax.
#[test]
fn a_function_goes_by_what_it_is_and_not_by_its_name() {
    let encoder = tables::encoder(&tables::table(), TargetKind::Classes, false);
    let page = "input X : B×3\ntarget Y : B×3\nparam W : 3×3 ~ glorot\nsoftmax(Z) = 2 Z\n  \
                adjoint P: ∂Z = 2 ∂P\nP = softmax(X W)\nminimize mse(P, Y)\n";
    let graph = export(&tables::model(page, encoder)).unwrap().graph.unwrap();
    let ops: Vec<&str> = graph.node.iter().map(|n| n.op_type()).collect();
    assert!(ops.contains(&"Mul") && !ops.contains(&"Softmax"), "{ops:?}");
}

#[test]
fn tensors_have_the_symbols_of_the_equations() {
    let table = tables::table();
    let encoder = tables::encoder(&table, TargetKind::Classes, false);
    let page = matgrad::Network::layers(3, 3).dense(5).activation("relu").loss("cross_entropy");
    let proto = export(&tables::model(&page.equations(), encoder)).unwrap();
    let graph = proto.graph.unwrap();
    let shown: Vec<String> = graph
        .node
        .iter()
        .map(|n| format!("{} = {}({})", n.output[0], n.op_type(), n.input.join(", ")))
        .collect();
    expect_test::expect![[r#"
        missing = IsNaN(numbers)
        known = Where(missing, impute, numbers)
        centred = Sub(known, offset)
        scaled = Div(centred, divisor)
        X = Cast(scaled)
        t7 = MatMul(X, W₁)
        Z₁ = Add(t7, b₁)
        A₁ = Relu(Z₁)
        t13 = MatMul(A₁, W₂)
        Z₂ = Add(t13, b₂)
        probabilities = Softmax(Z₂)
        best = ArgMax(probabilities)
        label = Gather(labels, best)"#]]
    .assert_eq(&shown.join("\n"));
}
