//! Weights of other programs by name, and training that goes on from a model.

use crate::{fails, file, matgrad};

const PAGE: &str = "input X : B×3\ntarget Y : B×2\nparam W : 3×2\nparam b : 1×2\nZ = X W + b\n\
                    L = mse(Z, Y)\nminimize L\n";

/// A linear layer as PyTorch stores it: 2×3, row by row, and its bias.
fn layer() -> String {
    let header = r#"{"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes
        .extend([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0].iter().flat_map(|x| x.to_le_bytes()));
    file("weights", "layer.safetensors", &bytes)
}

fn predicted(model: &str, rows: &str) -> Vec<f64> {
    let output = matgrad(&["predict", model, rows]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().skip(1).flat_map(|line| line.split(','));
    lines.map(|x| x.parse().expect("a number")).collect()
}

#[test]
fn weights_come_by_name_and_training_goes_on_from_them() {
    let (layer, page) = (layer(), file("weights", "page.eq", PAGE.as_bytes()));
    let model = file("weights", "imported.model", b"");
    let names =
        file("weights", "names.txt", b"# ours = theirs\nW = fc.weight\n\nb=fc.bias # 1x2\n");
    let import = ["import", &layer, "--network", &page, "-o", &model, "--force"];
    let lists = ["W is 3×2: the file has no W", "fc.weight 2×3"];
    fails(&import, 3, &lists);
    fails(&[&import[..], &["--map", "no.txt"]].concat(), 3, &["no.txt"]);
    let given = [&import[..], &["--map", &names]].concat();
    let output = matgrad(&given);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = file("weights", "rows.csv", b"1,1,1\n0,1,0\n");
    assert_eq!(predicted(&model, &rows), [16.0, 35.0, 12.0, 25.0]);

    // A step too small to be seen: what training begins with.
    let table = file("weights", "table.csv", b"1,1,1,0,0\n0,1,0,0,0\n1,0,0,0,1\n");
    let tuned = file("weights", "tuned.model", b"");
    let start = ["train", &table, "--no-header", "--start", &model, "-o", &tuned, "--force"];
    let step = ["--epochs", "1", "--optimizer", "sgd", "--set", "lr=1e-12", "--target", "4,5"];
    let output = matgrad(&[&start[..], &step].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (found, wanted) in predicted(&tuned, &rows).iter().zip([16.0, 35.0, 12.0, 25.0]) {
        assert!((found - wanted).abs() < 1e-4, "{found} and {wanted}");
    }
    fails(&[&start[..], &["--target", "4"]].concat(), 2, &["the model to go on from has"]);
    fails(&[&start[..], &["--target", "4,5", "--hidden", "3"]].concat(), 2, &["--start"]);
}
