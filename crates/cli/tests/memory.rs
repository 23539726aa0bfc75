//! What training takes of memory, and tables that are too large for it.

use std::path::Path;

use matgrad::data::{Matrix, Random, npy};
use matgrad::workload::Workload;
use matgrad::{Engine, Precision};

use crate::{fails, file, matgrad};

/// 3,000 rows of numbers with gaps, words, yes and no, weights, a number and a class to be learnt.
fn table() -> String {
    let mut random = Random::seed(5);
    let mut text = String::from("x,kind,fit,weight,price,class\n");
    for i in 0..3000 {
        let x = random.normal();
        let shown = if random.below(9) == 0 { "?".into() } else { format!("{x:.6}") };
        let kind = ["red", "green", "blue", ""][random.below(4)];
        let (fit, weight) = (["no", "yes"][random.below(2)], random.below(3));
        let price = if i % 50 == 0 { "NA".into() } else { format!("{:.4}", 3.0 * x + 1.0) };
        let class = if x + random.normal() > 0.0 { "up" } else { "down" };
        text += &format!("{shown},{kind},{fit},{weight},{price},{class}\n");
    }
    text
}

/// The text, the table and the encoded rows in files, or all in memory: the model is one, to the
/// bit, and so are the metrics.
#[test]
fn a_table_on_the_disk_trains_the_model_that_one_in_memory_does() {
    let data = file("disk", "table.csv", table().as_bytes());
    let scratch = Path::new(&data).parent().expect("a folder").display().to_string();
    let rest: [&[&str]; 5] = [
        &["--target", "class"],
        &["--target", "class", "--weight-column", "weight", "--class-weight", "balanced"],
        &["--target", "price", "--precision", "f64", "--validation-fraction", "0.2"],
        &["--target", "price,x", "--test-fraction", "0.3", "--batch", "full"],
        &["--target", "price", "--optimizer", "lbfgs"],
    ];
    for (k, rest) in rest.into_iter().enumerate() {
        let train = |share: &str| {
            let model = file("disk", &format!("{k}-{share}.model"), b"");
            let fixed = ["train", &data, "--epochs", "3", "-o", &model, "--force", "--json"];
            let place = ["--memory-share", share, "--scratch", &scratch];
            let output = matgrad(&[&fixed[..], &place, rest].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{rest:?}\n{said}");
            let report: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("one JSON line");
            let parts = ["train", "validation", "test"].map(|part| report[part].clone());
            (parts, std::fs::read(model).expect("a model"))
        };
        assert!(train("0") == train("1"), "{rest:?}");
    }
    fails(
        &["train", &data, "--target", "class", "--memory-share", "1.5"],
        2,
        &["--memory-share 1.5: a share from 0 to 1 is wanted"],
    );
    fails(
        &["train", &data, "--target", "class", "--memory-share", "0", "--scratch", "no/folder"],
        1,
        &["no/folder: cannot be written", "name a folder on a disk"],
    );
}

/// A limit of the process refuses the memory that the machine would have: the table goes to the disk.
#[cfg(target_os = "linux")]
#[test]
fn refused_memory_sends_a_table_to_the_disk() {
    let mut random = Random::seed(7);
    let mut text: String = (0..20).map(|k| format!("x{k},")).chain(["y\n".into()]).collect();
    let mut line = || {
        let cells: String = (0..20).map(|_| format!("{:.6},", random.normal())).collect();
        format!("{cells}{}\n", random.below(2))
    };
    let lines: String = (0..2000).map(|_| line()).collect();
    text += &lines.repeat(60);
    let data = file("refused", "table.csv", text.as_bytes());
    let scratch = Path::new(&data).parent().expect("a folder").display().to_string();
    // Kilobytes; the text alone is half of that.
    let limited = "ulimit -d 40000 && exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_matgrad"), "train", &data, "--target", "y"]);
    command.args(["--epochs", "1", "--batch", "500", "--memory-share", "1", "--quiet"]);
    let output = command.args(["--scratch", &scratch]).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A million parameters and Adam's two states of each: the arena of a batch of 200 rows is 21 MB, and
/// a copy of parameters and states, from which a step that fails would be found again, is 12 MB.
/// Neither is there twice, nor in 64 bits.
#[cfg(target_os = "linux")]
#[test]
fn a_large_network_is_there_once_with_one_copy() {
    let mut random = Random::seed(9);
    let mut text: String = (0..20).map(|k| format!("x{k},")).chain(["y\n".into()]).collect();
    for _ in 0..400 {
        let cells: String = (0..20).map(|_| format!("{:.6},", random.normal())).collect();
        text += &format!("{cells}{}\n", random.below(2));
    }
    let data = file("large", "table.csv", text.as_bytes());
    // Kilobytes; one in 64 bits would have 8 MB for the weights alone.
    let limited = "ulimit -d 52000 && exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_matgrad"), "train", &data, "--target", "y"]);
    command.args(["--hidden", "1000,1000", "--epochs", "1", "--batch", "200", "--quiet"]);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A workload of Adam on so many rows, as `bench` reads it; its folder.
fn workload(name: &str, layers: &[usize], rows: usize, batch: usize) -> String {
    let mut random = Random::seed(1);
    let mut put = |file_name: &str, rows: usize, cols: usize| {
        let data = (0..rows * cols).map(|_| random.normal() / (rows as f64).sqrt()).collect();
        let matrix = Matrix::new(rows, cols, data).expect("rows × cols");
        file(name, file_name, &npy::to_bytes(&matrix, npy::Precision::F32));
    };
    for (k, sizes) in layers.windows(2).enumerate() {
        put(&format!("W{k}.npy"), sizes[0], sizes[1]);
        put(&format!("b{k}.npy"), 1, sizes[1]);
    }
    for (part, rows) in [("train", rows), ("test", 10)] {
        put(&format!("X_{part}.npy"), rows, layers[0]);
        put(&format!("y_{part}.npy"), rows, layers[layers.len() - 1]);
    }
    let meta = serde_json::json!({
        "name": name, "family": "mlp", "layers": layers, "hidden": "relu", "output": "linear_mse",
        "batch": batch, "epochs": 1, "shuffle": false, "data_dir": ".",
        "opt": {"name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    });
    let meta = file(name, "meta.json", meta.to_string().as_bytes());
    Path::new(&meta).parent().expect("a folder").display().to_string()
}

/// Largest resident size in bytes, the least of three runs, for the system maps more or fewer pages
/// of code around those that are used; `None` where it does not tell.
fn peak(folder: &str) -> Option<f64> {
    let run = |_| {
        let output = matgrad(&["bench", folder]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON line");
        Some(report["peak_rss_mb"].as_f64()? * f64::from(1 << 20))
    };
    (0..3).map(run).try_fold(f64::INFINITY, |least, peak| Some(least.min(peak?)))
}

/// Resident at most: data (rows and initial weights), parameters with the optimizer's state and one
/// batch's values (they share the arena), and 10 MB. A program that is not optimized has 3 MB more of its own code.
#[test]
fn training_takes_its_data_its_arena_and_ten_megabytes() {
    let code = if cfg!(debug_assertions) { 3e6 } else { 0.0 };
    for (name, layers, rows, batch) in [
        ("tiny", &[2, 2, 2][..], 1, 1),
        ("many-rows", &[200, 8, 2], 30_000, 100),
        ("many-weights", &[100, 1500, 1000, 2], 300, 100),
        ("large-batch", &[20, 200, 200, 1], 4000, 4000),
    ] {
        let folder = workload(name, layers, rows, batch);
        let Some(peak) = peak(&folder) else {
            eprintln!("SKIPPED: this system does not tell the largest resident size");
            return;
        };
        let step = Workload::read(Path::new(&folder)).and_then(|workload| workload.step());
        let arena = match step.expect("a workload").engine {
            Engine::F32(machine) => 4 * machine.program().arena_len(),
            Engine::F64(_) => panic!("a workload is in {:?}", Precision::F32),
        };
        let weights: usize = layers.windows(2).map(|sizes| (sizes[0] + 1) * sizes[1]).sum();
        let data = 4 * ((rows + 10) * (layers[0] + layers[layers.len() - 1]) + weights);
        let over = peak - (data + arena) as f64;
        eprintln!("{name}: {:.1} MB, {:.1} MB of its own", peak / 1e6, over / 1e6);
        assert!(over < 10e6 + code, "{name}: {over} bytes beside {data} and {arena}");
    }
}
