//! The binary, run as people run it: one test binary.

mod book;
mod costs;
mod forms;
mod interruption;
mod json;
mod listen;
mod memory;
mod messages;
mod outputs;
mod pages;
mod refused;
mod weights;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn matgrad(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

/// A file of a test, in a folder of its own.
fn file(test: &str, name: &str, bytes: &[u8]) -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("writable");
    path.display().to_string()
}

/// Ends with this code and says these words.
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = matgrad(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} does not say {word:?}:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn the_readme_prints_what_it_shows() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut commands = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for part in block.split("$ matgrad ").skip(1) {
            let (command, shown) = part.split_once('\n').expect("a command is a line");
            let arguments: Vec<String> = command
                .split('"')
                .enumerate()
                .flat_map(|(i, text)| match i % 2 {
                    0 => text.split_whitespace().map(str::to_string).collect(),
                    _ => vec![text.to_string()],
                })
                .collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = matgrad(&arguments);
            // Seconds differ from run to run.
            let plain = |text: &str| {
                let lines = text.trim().lines().filter(|l| !l.contains(" epochs of "));
                lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(plain(&String::from_utf8_lossy(&output.stdout)), plain(shown), "{command}");
            commands += 1;
        }
    }
    assert!(commands >= 3, "the README shows commands");
}

#[test]
fn a_table_becomes_a_model_that_predicts() {
    let model = file("main", "iris.model", b"");
    let out = matgrad(&[
        "train",
        "datasets/iris.csv",
        "--target",
        "class",
        "--test-fraction",
        "0.3",
        "--json",
        "-o",
        &model,
        "--force",
    ]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert!(report["test"]["accuracy"].as_f64().expect("a number") > 0.9);
    let out = matgrad(&["predict", &model, "datasets/iris.csv"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(text.lines().count(), 151);
    assert_eq!(text.lines().nth(1), Some("setosa"));
    assert!(matgrad(&["check", &model]).status.success());
    assert!(matgrad(&["explain", &model, "datasets/iris.csv", "--row", "3"]).status.success());

    let bytes = std::fs::read(&model).expect("the model");
    let mut altered = bytes.clone();
    let last = altered.len() - 5;
    altered[last] ^= 1;
    let altered = file("main", "altered.model", &altered);
    fails(&["evaluate", &altered, "datasets/iris.csv"], 3, &["checksum"]);
    let short = file("main", "short.model", &bytes[..bytes.len() / 2]);
    fails(&["evaluate", &short, "datasets/iris.csv"], 3, &["truncated"]);
    fails(&["train", "datasets/iris.csv", "--target", "class", "-o", &model], 3, &["--force"]);
}

#[test]
fn bad_tables_say_where_and_what() {
    let table = |name: &str, text: &str| file("tables", name, text.as_bytes());
    fails(&["train", "datasets/iris.csv", "--target", "clas"], 3, &["class"]);
    fails(&["train", "datasets/none.csv", "--target", "class"], 3, &["none.csv"]);
    let ragged = table("ragged.csv", "a,b,c\n1,2,3\n4,5\n");
    fails(&["train", &ragged, "--target", "c"], 3, &["ragged.csv"]);
    let empty = table("empty.csv", "");
    fails(&["train", &empty, "--target", "c"], 3, &["empty"]);
    let single = table("single.csv", "a,c\n1,x\n2,x\n3,x\n");
    fails(&["train", &single, "--target", "c"], 3, &["of the class"]);
    let missing = table("missing.csv", "a,c\n1,1.5\n2,NaN\n3,2.5\n4,3.5\n");
    let left_out = matgrad(&["train", &missing, "--target", "c", "--epochs", "1"]);
    let said = String::from_utf8_lossy(&left_out.stderr).into_owned();
    assert!(said.contains("1 of 4 rows are left out"), "{said}");
    let infinite = table("infinite.csv", "a,c\n1,x\ninf,y\n3,x\n4,y\n");
    fails(&["train", &infinite, "--target", "c"], 3, &["infinite.csv, line 3"]);
    fails(
        &["train", "datasets/iris.csv", "--target", "class", "-o", "no/such/folder/m"],
        1,
        &["cannot be written"],
    );
}

#[test]
fn an_explanation_says_why_an_entry_is_what_it_is() {
    let row = file("explain", "row.csv", b"0.05,0.10,0.01,0.99\n");
    let why = |more: &[&str]| {
        let given = ["explain", "examples/two-layers.eq", &row, "--no-header"];
        let out = matgrad(&given.iter().chain(more).copied().collect::<Vec<_>>());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let text = why(&["--entry", "d_A1[1,1]", "--digits", "6"]);
    let asked = text.rsplit("\n\n").next().expect("the last block");
    expect_test::expect![[r#"
        ∂A¹₁₁ = Σₖ ∂Z²₁ₖ W²₁ₖ
             +5.539942e-2   ∂Z²₁₁ W²₁₁ = 0.138499 · 0.4
             -1.904912e-2   ∂Z²₁₂ W²₁₂ = (-0.0380982) · 0.5
          =  +3.635031e-2
    "#]]
    .assert_eq(asked);
    let json: serde_json::Value =
        serde_json::from_str(&why(&["--format", "json", "--entry", "d_W2[1,1]"])).expect("JSON");
    let value = json["entries"][0]["value"].as_f64().expect("a number");
    assert!((value - 0.082_167_041).abs() < 1e-9, "{value}");
    assert!(why(&["--format", "html"]).contains("8.216704056e-2"));
    assert!(why(&["--format", "latex"]).contains(r"8.216704056\cdot10^{-2}"));
    let given = ["explain", "examples/two-layers.eq", &row, "--no-header", "--entry"];
    let with = |entry| given.iter().copied().chain([entry]).collect::<Vec<_>>();
    fails(&with("d_W1[3,1]"), 3, &["it has no entry [3,1]"]);
    fails(&with("d_W9[1,1]"), 3, &["has no equation here", "∂W₁"]);
    fails(&with("d_W1"), 3, &["NAME[ROW,COLUMN]"]);
}

#[test]
fn jacobians_are_printed_and_computed() {
    use matgrad::data::{Matrix, npy};
    let page = "input X : B×2\nparam w : 2×1 = 1\nz = X w\nminimize sum(z .^ 2) / 2\n";
    let page = file("jacobian", "net.eq", page.as_bytes());
    let out = matgrad(&["derive", &page, "--jacobian", "d_w:w"]);
    expect_test::expect![[r#"
        ∂vec(∂w)/∂vec(w) = (1 ⊗ (Xᵀ)) (1 ⊗ X)    (2)×(2)

        Its transpose times S : 2×1, in the shape of w:
        ∂z = X S
        Jᵀ S = Xᵀ ∂z
    "#]]
    .assert_eq(&String::from_utf8_lossy(&out.stdout));
    let folder = Path::new(&page).parent().expect("a folder");
    let x = Matrix { rows: 1, cols: 2, data: vec![3.0, 4.0] };
    npy::write(&folder.join("x.npy"), &x, npy::Precision::F64).expect("writable");
    let set = format!("X={}", folder.join("x.npy").display());
    let out = folder.join("out").display().to_string();
    let asked = ["--jacobian", "z:w", "--jacobian", "d_w:w", "--force"];
    let given = ["compute", &page, "--set", &set, "--out", &out];
    let all: Vec<&str> = given.iter().chain(&asked).copied().collect();
    let done = matgrad(&all);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let read = |name: &str| npy::read(&Path::new(&out).join(name)).expect("it is written").data;
    assert_eq!(read("J_z_w.npy"), [3.0, 4.0]);
    assert_eq!(read("J_d_w_w.npy"), [9.0, 12.0, 12.0, 16.0]);
    fails(&["derive", &page, "--jacobian", "z"], 2, &["OUT:IN"]);
    fails(&["derive", &page, "--jacobian", "z:v"], 3, &["there is no v"]);
}

#[test]
fn every_verb_begins_its_help_with_an_example_and_has_a_manual_page() {
    let help = matgrad(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let verbs = text.split("Commands:\n").nth(1).and_then(|t| t.split("\n\n").next());
    let verbs: Vec<&str> =
        verbs.expect("verbs").lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(verbs.len() > 10 && text.starts_with("Example"));
    let folder = file("man", "matgrad.1", b"");
    let folder = Path::new(&folder).parent().expect("a folder").display().to_string();
    fails(&["man", &folder], 3, &["--force"]);
    assert!(matgrad(&["man", &folder, "--force"]).status.success());
    for verb in verbs.iter().filter(|v| **v != "help") {
        let out = matgrad(&[verb, "--help"]);
        assert!(out.stdout.starts_with(b"Example"), "{verb} --help has no example first");
        let page = std::fs::read_to_string(Path::new(&folder).join(format!("matgrad-{verb}.1")));
        assert!(page.is_ok_and(|p| p.contains(".SH OPTIONS")), "{verb} has no manual page");
    }
}

#[test]
fn wrong_words_are_usage() {
    fails(&["train", "datasets/iris.csv"], 2, &["--target"]);
    fails(&["train", "datasets/iris.csv", "--target", "class", "--batch", "some"], 2, &["full"]);
    fails(
        &["train", "datasets/iris.csv", "--target", "class", "--optimizer", "rprob"],
        3,
        &["did you mean rprop"],
    );
    fails(
        &["train", "datasets/iris.csv", "--target", "class", "--activation", "sigmoit"],
        3,
        &["sigmoid"],
    );
    fails(
        &["train", "datasets/iris.csv", "--target", "class", "--test-fraction", "2"],
        2,
        &["between 0 and 1"],
    );
    fails(&["derive"], 2, &["FILE.eq"]);
}

#[test]
fn wrong_equations_point_at_the_text() {
    let page = "input X : B×784\nparam W₁ : 748×128\nparam b₁ : 1×128\nZ₁ = X W₁ + b₁\nY₁ = sum(Q)\nminimize sum(Z₁)\n";
    let slip = file("pages", "mlp.eq", page.as_bytes());
    fails(
        &["derive", &slip],
        3,
        &[
            "these matrices cannot be multiplied",
            "W₁ is 748×128, declared on line 2",
            "X is B×784",
            "slip of the hand",
            "there is no Q",
        ],
    );
    fails(&["fmt", &slip.replace("mlp", "none")], 3, &["cannot be read"]);
}

#[test]
fn a_wrong_adjoint_does_not_pass_the_check() {
    let page = "f(X) = X ⊙ X\n  surrogate C: ∂X = ∂C ⊙ X\nparam A : 2×3\nminimize sum(f(A))\n";
    let surrogate = file("check", "surrogate.eq", page.as_bytes());
    let out = matgrad(&["check", &surrogate, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(report["parameters"][0]["surrogate"], true);
    let wrong = file("check", "wrong.eq", page.replace("surrogate", "adjoint").as_bytes());
    fails(&["check", &wrong], 4, &["did not hold", "the adjoint of f is wrong"]);
    let certificate = wrong.replace("wrong.eq", "certificate.json");
    fails(&["check", &wrong, "--certificate", &certificate, "--samples", "2"], 4, &["∂A"]);
    fails(&["check", &wrong, "--certificate", &certificate], 3, &["--force"]);
    let text = std::fs::read_to_string(&certificate).expect("it is written all the same");
    let written: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(written["holds"], false);
    assert_eq!(written["samples"].as_array().map(Vec::len), Some(2));
    assert_eq!(written["samples"][0]["shapes"]["A"], serde_json::json!([2, 3]));
    assert!(written["adjoints"][0]["relative_difference"].as_f64().expect("a number") > 0.1);
}

/// A workload of two rows, two units and two outputs, as the verb `bench` reads it.
#[test]
fn a_stored_workload_is_timed() {
    use matgrad::data::{Matrix, npy};
    let meta = r#"{"name": "two", "family": "mlp", "layers": [2, 2, 2], "hidden": "sigmoid",
        "output": "sigmoid_half_sse", "batch": 1, "epochs": 3, "shuffle": true,
        "opt": {"name": "sgd", "lr": 0.5, "momentum": 0.0}, "data_dir": "."}"#;
    let folder = file("bench", "meta.json", meta.as_bytes()).replace("/meta.json", "");
    let store = |name: &str, rows: usize, cols: usize, data: &[f64]| {
        let matrix = Matrix::new(rows, cols, data.to_vec()).expect("a matrix");
        let path = Path::new(&folder).join(name);
        npy::write(&path, &matrix, npy::Precision::F32).expect("writable");
    };
    store("W0.npy", 2, 2, &[0.15, 0.25, 0.20, 0.30]);
    store("W1.npy", 2, 2, &[0.40, 0.50, 0.45, 0.55]);
    store("b0.npy", 2, 1, &[0.35, 0.35]);
    store("b1.npy", 2, 1, &[0.60, 0.60]);
    store("perm.npy", 3, 2, &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    for part in ["train", "test"] {
        store(&format!("X_{part}.npy"), 2, 2, &[0.05, 0.10, 0.05, 0.10]);
        store(&format!("y_{part}.npy"), 2, 2, &[0.01, 0.99, 0.01, 0.99]);
    }
    let out = matgrad(&["bench", &folder, "--profile"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    // Six updates of the published example that also train its biases.
    let loss = report["final_loss"].as_f64().expect("a loss");
    assert!((loss - 0.186_895_748).abs() < 1e-6, "{loss}");
    assert_eq!(report["epochs"], 3);
    assert!(report["train_s"].as_f64().expect("seconds") > 0.0);
    let products = |line: &&serde_json::Value| line["instruction"].to_string().contains("2×rows×2");
    let profile = report["profile"].as_array().expect("a line an instruction");
    assert_eq!(profile.iter().filter(products).count(), 2, "∂W₁ and ∂W₂: {profile:?}");
    assert!(profile.iter().all(|line| line["us"].as_f64() >= Some(0.0)));

    let meta = meta.replace("mlp", "infer").replace("\"sgd\"", "\"none\"");
    file("bench", "meta.json", meta.as_bytes());
    let out = matgrad(&["bench", &folder, "--seconds", "0.01"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert!(report["iters"].as_u64() >= Some(50) && report["lat_us"].as_f64() > Some(0.0));
    fails(&["bench", "no/such/workload"], 3, &["meta.json"]);
}

#[test]
fn models_leave_as_onnx_and_come_back() {
    let model = file("exchange", "iris.model", b"");
    let out = matgrad(&[
        "train",
        "datasets/iris.csv",
        "--target",
        "class",
        "--epochs",
        "20",
        "-o",
        &model,
        "--force",
    ]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let graph = file("exchange", "iris.onnx", b"");
    fails(&["export", &model, "--onnx", &graph], 3, &["--force"]);
    assert!(matgrad(&["export", &model, "--onnx", &graph, "--force"]).status.success());
    let back = file("exchange", "back.model", b"");
    let out = matgrad(&["import", &graph, "-o", &back, "--force"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("minimize"), "{out:?}");
    let predicted = |model: &str| matgrad(&["predict", model, "datasets/iris.csv"]).stdout;
    assert_eq!(predicted(&back), predicted(&model));
    let module = file("exchange", "iris.py", b"");
    assert!(matgrad(&["export", &model, "--numpy", &module, "--force"]).status.success());
    assert!(std::fs::read_to_string(&module).expect("text").contains("import numpy"));
    fails(&["export", &model], 2, &["--onnx"]);
    let folder = graph.replace("iris.onnx", "iris_code");
    for flags in [vec!["--c", &folder], vec!["--rust", &folder, "--training", "--rows", "8"]] {
        let given = [&["export", &model, "--force", "--json"], flags.as_slice()].concat();
        let out = matgrad(&given);
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert!(report["memory"].as_u64() > Some(100) && report["files"][1]["bytes"].is_u64());
    }
    let header = std::fs::read_to_string(format!("{folder}/iris_code.h")).expect("text");
    assert!(header.contains(" * 1: sepal length (cm), (x - 5.84"), "{header}");
    assert!(header.contains("; a missing x is 5.84"), "{header}");
    assert!(header.contains("Output 3: virginica"), "{header}");
    fails(&["export", &model, "--c", &folder], 3, &["--force"]);
    let bytes = std::fs::read(&graph).expect("the graph");
    let short = file("exchange", "short.onnx", &bytes[..bytes.len() / 2]);
    fails(&["import", &short, "-o", &back, "--force"], 3, &["short.onnx", "truncated"]);
}

#[test]
fn pictures_are_trained_on_as_tables_are() {
    // 40 pictures of 2×2: dark ones, whose label is 3, and bright ones, whose label is 5.
    let bright = |k: u8| k % 2 == 1;
    let pixels =
        (0..40u8).flat_map(|k| (0..4).map(move |p| k + p + if bright(k) { 200 } else { 0 }));
    let head = [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2];
    let images =
        file("idx", "few-images-idx3-ubyte", &[&head[..], &pixels.collect::<Vec<u8>>()].concat());
    let labels = (0..40u8).map(|k| if bright(k) { 5 } else { 3 });
    let head = [0, 0, 8, 1, 0, 0, 0, 40];
    file("idx", "few-labels-idx1-ubyte", &[&head[..], &labels.collect::<Vec<u8>>()].concat());
    let model = images.replace("few-images-idx3-ubyte", "m");
    let out = matgrad(&["train", &images, "--target", "label", "-o", &model, "--force", "--quiet"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let out = matgrad(&["evaluate", &model, &images, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!((report["accuracy"].as_f64(), &report["labels"][1]), (Some(1.0), &"5".into()));
    // New pictures have no labels.
    let bytes = std::fs::read(&images).expect("it was written above");
    let alone = file("idx", "new", &bytes);
    let out = matgrad(&["predict", &model, &alone]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(text.lines().take(3).collect::<Vec<_>>(), ["label", "3", "5"]);
}
